//! Names that travel through data, generated Nix, file names and the command line.
//!
//! Each is checked once, where it enters; afterwards it is safe as a Nix attribute, a store name and a path component.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest id accepted, in bytes: Nix refuses store names over 211.
pub(crate) const MAX_LEN: usize = 160;

/// Why a text is not a name of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not {what}: {rule}")]
pub struct IdError {
    shown: String,
    what: &'static str,
    rule: &'static str,
}

impl IdError {
    pub(crate) fn new(text: &str, what: &'static str, rule: &'static str) -> Self {
        let shown = text.chars().take(80).collect();
        IdError { shown, what, rule }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $pattern:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String", extend("pattern" = $pattern))]
        pub struct $name(String);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if !text.is_empty() && text.len() <= MAX_LEN && valid(&text) {
                    Ok($name(text))
                } else {
                    Err(IdError::new(&text, $what, $rule))
                }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

pub(crate) use id;

/// What names are made of.
fn is_of_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'+' | b'-')
}

/// Safe as a store name and as one path component.
fn is_name(text: &str) -> bool {
    !text.starts_with(['.', '-']) && text.bytes().all(is_of_name)
}

id! {
    /// A kernel generation in its canonical spelling: `k2.6`, `k6`.
    EraId, "an era", "an era looks like k2.6 or k6", r"^k[0-9]+(\.[0-9]+)?$",
    |text| {
        let Some(rest) = text.strip_prefix('k') else { return false };
        rest.split('.').count() <= 2
            && rest.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    }
}

impl EraId {
    /// The spelling for attribute and file names, without the dot: `k26`.
    pub fn attr(&self) -> String {
        self.0.replace('.', "")
    }

    /// Whether a user's `k2.6` or `k26` means this era.
    pub fn is_spelled(&self, text: &str) -> bool {
        text == self.0 || text == self.attr()
    }
}

id! {
    /// An architecture key of the matrix: `arm64`, `mips64el`.
    ArchId, "an arch", "an arch is lower-case letters, digits and underscores, such as arm64 or x86_64", "^[a-z][a-z0-9_]*$",
    |text| text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

id! {
    /// A toolchain: `debian-12.2.0-arm64`.
    ToolchainId, "a toolchain id", "it is letters, digits and . _ + - and starts with a letter or digit", "^[A-Za-z0-9_+][A-Za-z0-9._+-]*$", is_name
}

id! {
    /// A board that QEMU emulates: `arm64-virt`.
    BoardId, "a board id", "it is letters, digits and . _ + - and starts with a letter or digit", "^[A-Za-z0-9_+][A-Za-z0-9._+-]*$", is_name
}

id! {
    /// A constraint: `gcc-min-4.9-k5.8`.
    ConstraintId, "a constraint id", "it is letters, digits and . _ + - and starts with a letter or digit", "^[A-Za-z0-9_+][A-Za-z0-9._+-]*$", is_name
}

id! {
    /// A fix applied to a kernel tree: `timeconst-perl`.
    FixId, "a fix id", "it is letters, digits and . _ + - and starts with a letter or digit", "^[A-Za-z0-9_+][A-Za-z0-9._+-]*$", is_name
}

id! {
    /// A fetchable input: `debian/bookworm/gcc-12-aarch64-linux-gnu`; parts joined by `/`.
    PinId, "a pin id", "it is parts of letters, digits and . _ + - joined by /", "^[A-Za-z0-9_+][A-Za-z0-9._+-]*(/[A-Za-z0-9_+][A-Za-z0-9._+-]*)*$",
    |text| text.split('/').all(|part| !part.is_empty() && is_name(part))
}

id! {
    /// A file name that the Nix store accepts.
    FileName, "a file name", "it is letters, digits and . _ + - and starts with a letter or digit", "^[A-Za-z0-9_+][A-Za-z0-9._+-]*$", is_name
}

/// A path below a folder, of parts that `extra` may be in besides what [`is_name`] allows.
fn is_inside(text: &str, extra: &[u8]) -> bool {
    text.split('/').all(|part| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.starts_with('-')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._+-,".contains(&b) || extra.contains(&b))
    })
}

id! {
    /// A file of a kernel's tree, relative to its top: `arch/arm64/boot/Image`.
    TreeFile, "a file of a tree", "it is a path inside the tree: letters, digits and . _ + - , @ /, without ..",
    r"^([A-Za-z0-9._+,@][A-Za-z0-9._+,@-]*)(/[A-Za-z0-9._+,@][A-Za-z0-9._+,@-]*)*$",
    |text| is_inside(text, b"@")
}

id! {
    /// Files of a kernel's tree, by a shell pattern: `arch/arm/*/*.S`.
    TreePattern, "a pattern of files of a tree",
    "it is a path inside the tree, with * and ? for what is left open: letters, digits and . _ + - , * ? /, without ..",
    r"^([A-Za-z0-9._+,*?][A-Za-z0-9._+,*?-]*)(/[A-Za-z0-9._+,*?][A-Za-z0-9._+,*?-]*)*$",
    |text| is_inside(text, b"*?")
}

id! {
    /// A kind of failure: `out-of-disk`.
    FailureId, "the id of a failure class", "it is letters, digits and . _ + - and starts with a letter or digit", "^[A-Za-z0-9_+][A-Za-z0-9._+-]*$", is_name
}

id! {
    /// A Debian suite: `bookworm`, `trixie`, `bookworm-backports`.
    Suite, "a Debian suite", "a suite is lower-case letters, digits and -, such as bookworm", "^[a-z][a-z0-9-]*$",
    |text| text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl Default for Suite {
    /// The suite that builds take their tools from where none is named: Debian 12, whose Nix is the oldest that kflake works with.
    fn default() -> Self {
        Suite("bookworm".to_owned())
    }
}

id! {
    /// A kernel configuration symbol without `CONFIG_`: `SERIAL_AMBA_PL011`.
    Symbol, "a configuration symbol", "it is letters, digits and underscores", "^[A-Za-z0-9_]+$",
    |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// An (era, arch) pair, spelled `k26-armel` everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId {
    /// The kernel generation.
    pub era: EraId,
    /// The architecture.
    pub arch: ArchId,
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.era.attr(), self.arch))
    }
}

/// Where a pin's bytes come from: `mirror://SCHEME/path`, or a plain `https://`, `http://` address of a project's own.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct PinUrl(String);

impl PinUrl {
    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `("debian", "pool/main/…")` of a `mirror://` address.
    pub fn mirror(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix("mirror://")?.split_once('/')
    }

    /// The last part of the path: the file's own name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for PinUrl {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fail = || {
            IdError::new(
                text,
                "a pin's address",
                "it is mirror://SCHEME/path or https://host/path, without spaces, quotes or `..`",
            )
        };
        let rest = ["mirror://", "https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or_else(fail)?;
        let safe = rest
            .bytes()
            .all(|b| is_of_name(b) || matches!(b, b'~' | b'/' | b':' | b'%'));
        let whole = rest.contains('/') && rest.split('/').all(|part| !matches!(part, "" | ".."));
        if safe && whole && text.len() <= 500 {
            Ok(PinUrl(text.to_owned()))
        } else {
            Err(fail())
        }
    }
}

impl TryFrom<String> for PinUrl {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<PinUrl> for String {
    fn from(url: PinUrl) -> String {
        url.0
    }
}

impl fmt::Display for PinUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eras_have_two_spellings() {
        let era: EraId = "k2.6".parse().unwrap();
        assert_eq!(era.attr(), "k26");
        assert!(era.is_spelled("k26") && era.is_spelled("k2.6") && !era.is_spelled("k2"));
        for text in ["", "6", "k", "k.6", "k6.", "k1.2.3", "k6 "] {
            assert!(text.parse::<EraId>().is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for text in [
            "",
            "..",
            ".hidden",
            "-rf",
            "a/b",
            "a b",
            "a\"",
            "a${b}",
            "a\0",
            "a\r",
            "ä",
            &"a".repeat(161),
        ] {
            assert!(text.parse::<ToolchainId>().is_err(), "{text:?}");
            assert!(text.parse::<ArchId>().is_err(), "{text:?}");
        }
        assert!("a/../b".parse::<PinId>().is_err());
        assert!("/a".parse::<PinId>().is_err());
        assert!("debian/bookworm/libc6".parse::<PinId>().is_ok());
    }

    #[test]
    fn addresses_are_mirrors_or_plain() {
        let url: PinUrl = "mirror://debian/pool/main/g/gcc/x_1%2b2_amd64.deb"
            .parse()
            .unwrap();
        assert_eq!(
            url.mirror(),
            Some(("debian", "pool/main/g/gcc/x_1%2b2_amd64.deb"))
        );
        assert_eq!(url.file_name(), "x_1%2b2_amd64.deb");
        for text in [
            "file:///etc/passwd",
            "mirror://debian",
            "mirror://d/../x",
            "https://h/a b",
            "mirror://d/${x}",
            "mirror://d//x",
        ] {
            assert!(text.parse::<PinUrl>().is_err(), "{text}");
        }
    }
}
