//! The codes of findings. A code is never used again for something else.

use crate::catalog::finding::Code;

/// Not JSON.
pub const SYNTAX: Code = Code(1);
/// A key twice in one object.
pub const DUPLICATE_KEY: Code = Code(2);
/// A value of the wrong type or form.
pub const WRONG_VALUE: Code = Code(3);
/// A field that the entry does not have.
pub const UNKNOWN_FIELD: Code = Code(4);
/// A field that the entry lacks.
pub const MISSING_FIELD: Code = Code(5);
/// A key that is not an id.
pub const BAD_KEY: Code = Code(6);
/// A file that is not one of the matrix's.
pub const UNKNOWN_FILE: Code = Code(7);
/// A file that cannot be read as text.
pub const UNREADABLE: Code = Code(8);
/// A digest that is not a sha256.
pub const NOT_A_HASH: Code = Code(9);

/// The code for what serde says about an entry, and what to do about it.
pub(in crate::catalog) fn of_form(message: &str) -> (Code, Option<String>) {
    if message.starts_with("unknown field") {
        let help = "a misspelt field would be lost in silence, so none is passed over";
        (UNKNOWN_FIELD, Some(help.into()))
    } else if message.starts_with("missing field") {
        (MISSING_FIELD, None)
    } else if message.starts_with("not a sha256") {
        let help = "`nix hash file FILE` prints a file's digest in this form";
        (NOT_A_HASH, Some(help.into()))
    } else {
        (WRONG_VALUE, None)
    }
}
