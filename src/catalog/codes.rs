//! The codes of findings. A code is never used again for something else.

use std::fmt;

use serde::{Serialize, Serializer};

/// A finding's stable code: `K002`. `kflake explain` tells what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("K{:03}", self.0))
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

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

/// A name of something that does not exist.
pub const UNKNOWN_REFERENCE: Code = Code(101);
/// A range that contains no version.
pub const EMPTY_RANGE: Code = Code(102);
/// Two digests for one file.
pub const TWO_HASHES: Code = Code(103);
/// Constraints that no toolchain can meet.
pub const CONTRADICTION: Code = Code(104);
/// A preferred Bootlin toolchain whose binutils the era's kernel refuses.
pub const BOOTLIN_BINUTILS: Code = Code(105);
/// A component that musl-cross-make does not know.
pub const UNBLESSED: Code = Code(106);
/// Data for kernels in which the arch does not exist.
pub const USELESS: Code = Code(107);
/// An arch that nothing boots on.
pub const NO_BOARD: Code = Code(108);
/// A pinned kernel that no toolchain builds.
pub const NO_TOOLCHAIN: Code = Code(109);
/// Kernels of an arch that no toolchain builds.
pub const HOLE: Code = Code(110);
/// Eras that overlap or leave a gap.
pub const ERAS: Code = Code(111);
/// A fix and a constraint that disagree.
pub const FIX_DISAGREES: Code = Code(112);
/// A tool that kflake does not know.
pub const UNKNOWN_TOOL: Code = Code(113);
/// A bound with a local suffix.
pub const ODD_BOUND: Code = Code(114);
/// A preference that matches no toolchain.
pub const IDLE_PREFERENCE: Code = Code(115);
/// An era's kernel that is not its own, or not pinned.
pub const ERA_KERNEL: Code = Code(116);
/// Text that could become code.
pub const UNSAFE_TEXT: Code = Code(117);
/// A component that cannot be fetched.
pub const NO_HASH: Code = Code(118);
/// A measurement of what the matrix does not have.
pub const IDLE_EVIDENCE: Code = Code(119);
/// A mirror's address that is none.
pub const MIRROR: Code = Code(120);

/// A measurement of what cannot have been.
pub const IMPOSSIBLE_EVIDENCE: Code = Code(121);
/// An arch on which an era's stock kernel cannot be built.
pub const STOCK_ARCH: Code = Code(122);
/// One id for two toolchains.
pub const TWO_TOOLCHAINS: Code = Code(123);

/// The code for what serde says about an entry, and what to do about it.
pub(super) fn of_form(message: &str) -> (Code, Option<String>) {
    if message.starts_with("unknown field") {
        let help = "unknown fields are refused, since a misspelt one would be silently lost";
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
