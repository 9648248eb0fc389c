//! One line of a configuration: `CONFIG_FOO=y`, `# CONFIG_FOO is not set`.

use std::fmt;
use std::str::FromStr;

use crate::id::Symbol;
use crate::text::brief;

/// A symbol's value, as a configuration file writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Off.
    No,
    /// A module.
    Module,
    /// Built in.
    Yes,
    /// A decimal or hexadecimal number: `17`, `-1`, `0x80000000`.
    Number(String),
    /// A text, in its quotes and with its escapes: `"-rc\"1"`.
    Text(String),
}

impl Value {
    /// The value as a configuration file writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Value::No => "n",
            Value::Module => "m",
            Value::Yes => "y",
            Value::Number(text) | Value::Text(text) => text,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A symbol and the value it is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Setting {
    /// The symbol, without `CONFIG_`.
    pub symbol: Symbol,
    /// Its value.
    pub value: Value,
}

/// Why a line is no setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// `CONFIG_=y`.
    #[error("there is no symbol between CONFIG_ and =")]
    NoSymbol,
    /// `CONFIG_FOO`, without a value.
    #[error("there is no value: write CONFIG_{0}=y, =m, =n or a value")]
    NoValue(String),
    /// `CONFIG_FOO=` with nothing behind it.
    #[error(
        "nothing follows CONFIG_{0}=: to turn it off write CONFIG_{0}=n, for an empty text CONFIG_{0}=\"\""
    )]
    EmptyValue(String),
    /// `FOO=y`.
    #[error("the symbol lacks its prefix: write CONFIG_{0}")]
    NoPrefix(String),
    /// Blanks beside the `=`.
    #[error("there are blanks beside the =: write CONFIG_{0}=VALUE")]
    Blanks(String),
    /// A character that no symbol has.
    #[error("`{0}` is not a symbol: a symbol is letters, digits and underscores")]
    BadSymbol(String),
    /// `CONFIG_FOO=Y`, `CONFIG_FOO=yes`.
    #[error("`{given}` is not a value: write {meant}")]
    Spelling {
        /// What was written.
        given: String,
        /// What was meant.
        meant: &'static str,
    },
    /// A text without quotes.
    #[error(
        "`{0}` is not y, m, n or a number, and a text is written in double quotes: CONFIG_FOO=\"text\""
    )]
    Unquoted(String),
    /// A text whose quotes do not match.
    #[error(
        "the quotes of the text do not match: inside, write \\\" for a quote and \\\\ for a backslash"
    )]
    Quotes,
    /// A control character.
    #[error("it holds a control character or a line break: give one setting at a time")]
    Control,
    /// `CONFIG_LOCALVERSION="-my kernel"`.
    #[error(
        "a blank stands in the end of the kernel's release, which may hold none: write CONFIG_LOCALVERSION=\"{0}\""
    )]
    Torn(String),
    /// `# CONFIG_FOO` followed by something else.
    #[error("a line that turns a symbol off reads `# CONFIG_{0} is not set`")]
    NotSet(String),
    /// `CONFIG_FOO=y # why`.
    #[error(
        "a comment cannot follow a value: give it a line of its own, and write CONFIG_{symbol}={value}"
    )]
    Comment {
        /// The symbol.
        symbol: String,
        /// What stands before the comment.
        value: String,
    },
    /// `# CONFIG_FOO is not set # why`, which the kernel takes for what turns the symbol off.
    #[error(
        "a comment cannot follow what turns a symbol off: give it a line of its own, and write `# CONFIG_{0} is not set`"
    )]
    CommentOff(String),
    /// ` CONFIG_FOO=y`.
    #[error("a setting begins its line: take away the blanks before it")]
    Indented,
    /// A byte order mark, which editors don't show.
    #[error(
        "a byte order mark, which cannot be seen, stands before it: save the file as UTF-8 without one"
    )]
    ByteOrderMark,
    /// `root@board:~# zcat /proc/config.gz`.
    #[error("it is a shell's prompt, copied along: take the line away")]
    Prompt,
    /// `+CONFIG_FOO=y`, `@@ -1 +1 @@`.
    #[error("it is a line of a diff: apply the diff, or give the settings behind its + alone")]
    Diff,
    /// Nothing like a setting.
    #[error(
        "it is not a setting: write CONFIG_FOO=y, m, n or a value, or `# CONFIG_FOO is not set`"
    )]
    Shape,
}

impl FromStr for Value {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        if text.chars().any(char::is_control) {
            return Err(SettingError::Control);
        }
        match text {
            "y" => return Ok(Value::Yes),
            "m" => return Ok(Value::Module),
            "n" => return Ok(Value::No),
            _ => {}
        }
        if text.starts_with('"') {
            return if is_quoted(text) {
                Ok(Value::Text(text.to_owned()))
            } else {
                Err(SettingError::Quotes)
            };
        }
        if is_number(text) {
            return Ok(Value::Number(text.to_owned()));
        }
        let meant = match text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "on" | "true" => "y",
            "m" | "module" => "m",
            "n" | "no" | "off" | "false" => "n",
            _ => return Err(SettingError::Unquoted(brief(text))),
        };
        Err(SettingError::Spelling {
            given: brief(text),
            meant,
        })
    }
}

/// Whether `text` is one double-quoted string to its end.
fn is_quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return false;
    };
    if text.len() < 2 {
        return false;
    }
    let mut escaped = false;
    for c in inner.chars() {
        match (escaped, c) {
            (true, _) => escaped = false,
            (false, '\\') => escaped = true,
            (false, '"') => return false,
            (false, _) => {}
        }
    }
    !escaped
}

/// Decimal, with or without sign, or hexadecimal, with or without `0x`.
fn is_number(text: &str) -> bool {
    let digits = |text: &str, hex: bool| {
        !text.is_empty()
            && text.bytes().all(|b| {
                if hex {
                    b.is_ascii_hexdigit()
                } else {
                    b.is_ascii_digit()
                }
            })
    };
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return digits(hex, true);
    }
    digits(text.strip_prefix('-').unwrap_or(text), false)
        || (digits(text, true) && text.starts_with(|c: char| c.is_ascii_digit()))
        || (digits(text, true) && text.len() >= 4 && text.bytes().any(|b| b.is_ascii_digit()))
}

fn symbol(text: &str) -> Result<Symbol, SettingError> {
    if text.is_empty() {
        return Err(SettingError::NoSymbol);
    }
    text.parse()
        .map_err(|_| SettingError::BadSymbol(brief(text)))
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let text = text.trim_end();
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(SettingError::Control);
        }
        if let Some(rest) = text.strip_prefix('#') {
            return off(rest.trim_start());
        }
        let Some(rest) = text.strip_prefix("CONFIG_") else {
            let seen = text.trim_start_matches(['\u{feff}', ' ', '\t']);
            let hidden = seen.starts_with("CONFIG_") || seen.starts_with('#');
            return Err(match text.split_once('=') {
                _ if hidden && text.starts_with('\u{feff}') => SettingError::ByteOrderMark,
                _ if hidden && text.starts_with([' ', '\t']) => SettingError::Indented,
                Some((name, _)) if name.parse::<Symbol>().is_ok() => {
                    SettingError::NoPrefix(brief(&meant(name)))
                }
                _ if is_of_diff(text) => SettingError::Diff,
                _ if is_prompt(text) => SettingError::Prompt,
                _ => SettingError::Shape,
            });
        };
        let Some((name, value)) = rest.split_once('=') else {
            return Err(if rest.is_empty() {
                SettingError::NoSymbol
            } else {
                symbol(rest)?;
                SettingError::NoValue(brief(rest))
            });
        };
        if name.trim() != name && symbol(name.trim()).is_ok() {
            return Err(SettingError::Blanks(brief(name.trim())));
        }
        let symbol = symbol(name)?;
        if value.trim().is_empty() {
            return Err(SettingError::EmptyValue(brief(name)));
        }
        if value.starts_with([' ', '\t']) {
            return Err(SettingError::Blanks(brief(name)));
        }
        let parsed = value.parse();
        match (parsed, value.split_once([' ', '\t'])) {
            // what stands before it is a value
            (Err(_), Some((before, after)))
                if after.trim_start().starts_with('#') && before.parse::<Value>().is_ok() =>
            {
                Err(SettingError::Comment {
                    symbol: brief(name),
                    value: brief(before),
                })
            }
            (parsed, _) => {
                let value: Value = parsed?;
                if name == "LOCALVERSION" && value.as_str().contains(' ') {
                    let text = value.as_str().trim_matches('"');
                    let words: Vec<_> = text.split_whitespace().collect();
                    return Err(SettingError::Torn(brief(&words.join("-"))));
                }
                Ok(Setting { symbol, value })
            }
        }
    }
}

/// What follows the `#` of `# CONFIG_FOO is not set`.
fn off(text: &str) -> Result<Setting, SettingError> {
    let rest = text.strip_prefix("CONFIG_").ok_or(SettingError::Shape)?;
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let words: Vec<_> = rest[end..].split_whitespace().collect();
    match words.strip_prefix(&["is", "not", "set"]) {
        Some([]) => Ok(Setting {
            symbol: symbol(&rest[..end])?,
            value: Value::No,
        }),
        Some([next, ..]) if next.starts_with('#') => {
            Err(SettingError::CommentOff(brief(&rest[..end])))
        }
        _ => Err(SettingError::NotSet(brief(&rest[..end]))),
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::No => write!(f, "# CONFIG_{} is not set", self.symbol),
            _ => write!(f, "CONFIG_{}={}", self.symbol, self.value),
        }
    }
}

/// Whether `line` is one of a diff, or of what `scripts/diffconfig` prints.
fn is_of_diff(line: &str) -> bool {
    let headings = ["--- ", "+++ ", "@@ ", "diff "];
    headings.iter().any(|it| line.starts_with(it))
        || line.strip_prefix(['+', '-']).is_some_and(|rest| {
            let symbol = rest.trim_start_matches("# ");
            symbol.starts_with("CONFIG_")
                || rest
                    .split_once(' ')
                    .is_some_and(|(name, _)| name.parse::<Symbol>().is_ok())
        })
}

/// Whether `line` begins with a shell's prompt: `$ `, `root@board:~# `, `shell@android:/ $`.
fn is_prompt(line: &str) -> bool {
    let user = line.split_whitespace().next().unwrap_or_default();
    let ends = line.contains(['$', '#', '%', '>']);
    line.starts_with("$ ") || (user.contains('@') && !user.contains('=') && ends)
}

/// The symbol that `name` is meant to be: symbols are in capitals, but for a few that mix.
fn meant(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let bare = upper
        .strip_prefix("CONFIG")
        .map(|it| it.trim_start_matches('_'));
    match bare.filter(|it| !it.is_empty()) {
        Some(bare) => bare.to_owned(),
        None if name.starts_with(|c: char| c.is_ascii_lowercase()) => upper,
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> SettingError {
        text.parse::<Setting>().expect_err(text)
    }

    #[test]
    fn what_was_copied_along_is_told() {
        for line in [
            "root@dut:~# zcat /proc/config.gz",
            "shell@android:/ $",
            "$ adb shell cat /proc/config",
        ] {
            assert_eq!(error(line), SettingError::Prompt, "{line}");
        }
        for line in [
            "--- a/config",
            "@@ -1 +1 @@",
            "+CONFIG_TTY=n",
            "-# CONFIG_NET is not set",
            "-BBC y",
        ] {
            assert_eq!(error(line), SettingError::Diff, "{line}");
        }
        assert_eq!(error("hello"), SettingError::Shape);
    }

    #[test]
    fn accepts_what_configurations_hold() {
        for text in [
            "CONFIG_FOO=y",
            "CONFIG_FOO=m",
            "CONFIG_64BIT=y",
            "CONFIG_HZ=250",
            "CONFIG_X=-1",
            "CONFIG_PAGE_OFFSET=0xC0000000",
            "CONFIG_PHYS=00c0",
            "CONFIG_CMDLINE=\"console=ttyS0 a=\\\"b\\\"\"",
            "CONFIG_LOCALVERSION=\"\"",
            "# CONFIG_FOO is not set",
        ] {
            assert_eq!(text.parse::<Setting>().expect(text).to_string(), text);
        }
        for text in [
            "CONFIG_FOO=n",
            "#CONFIG_FOO is  not set",
            "# CONFIG_FOO is not set  ",
        ] {
            let setting: Setting = text.parse().expect(text);
            assert_eq!(setting.to_string(), "# CONFIG_FOO is not set");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(error("CONFIG_=y"), SettingError::NoSymbol);
        assert_eq!(error("CONFIG_"), SettingError::NoSymbol);
        assert_eq!(error("CONFIG_X="), SettingError::EmptyValue("X".into()));
        assert_eq!(error("CONFIG_X=  "), SettingError::EmptyValue("X".into()));
        assert_eq!(error("CONFIG_X"), SettingError::NoValue("X".into()));
        assert_eq!(error("X=y"), SettingError::NoPrefix("X".into()));
        for slip in ["config_net=y", "Config_Net=y", "net=y", "CONFIGNET=y"] {
            assert_eq!(error(slip), SettingError::NoPrefix("NET".into()), "{slip}");
        }
        assert_eq!(error("VFPv3=y"), SettingError::NoPrefix("VFPv3".into()));
        assert_eq!(error("CONFIG_X =y"), SettingError::Blanks("X".into()));
        assert_eq!(error("CONFIG_X= y"), SettingError::Blanks("X".into()));
        assert_eq!(error("CONFIG_A-B=y"), SettingError::BadSymbol("A-B".into()));
        assert_eq!(error("CONFIG_X=\"a"), SettingError::Quotes);
        assert_eq!(error("CONFIG_X=\""), SettingError::Quotes);
        assert_eq!(error("CONFIG_X=\"a\" b\""), SettingError::Quotes);
        assert_eq!(error("CONFIG_X=\"a\\\""), SettingError::Quotes);
        assert_eq!(
            error("CONFIG_X=text"),
            SettingError::Unquoted("text".into())
        );
        assert_eq!(error("CONFIG_X=y\nCONFIG_Y=y"), SettingError::Control);
        assert_eq!(error("# CONFIG_X"), SettingError::NotSet("X".into()));
        assert_eq!(error("# CONFIG_ is not set"), SettingError::NoSymbol);
        for why in ["# why", "#why"] {
            let line = format!("# CONFIG_X is not set {why}");
            assert_eq!(error(&line), SettingError::CommentOff("X".into()));
        }
        for (text, meant) in [("-my kernel", "-my-kernel"), (" -a ", "-a")] {
            let line = format!("CONFIG_LOCALVERSION=\"{text}\"");
            assert_eq!(error(&line), SettingError::Torn(meant.into()));
        }
        assert_eq!(error("# a comment"), SettingError::Shape);
        assert_eq!(error(""), SettingError::Shape);
        assert!(error("CONFIG_X=Yes").to_string().contains("write y"));
        assert!(error("CONFIG_X=N").to_string().contains("write n"));
    }

    /// The table that what reads configurations inside a build goes through as well.
    #[test]
    fn lines_are_read_as_the_table_has_them() {
        let table = include_str!("../../tests/data/configuration-lines.json");
        let rows: Vec<(String, serde_json::Value)> =
            serde_json::from_str(table).expect("the table is JSON");
        for (line, reads) in rows {
            let path = std::path::Path::new("x.config");
            let wanted = match &reads {
                serde_json::Value::String(text) => Some(format!("{text}\n")),
                serde_json::Value::Null => Some(String::new()),
                _ => None,
            };
            if !line.starts_with("# Linux/") {
                let canonical = crate::kconfig::Config::canonical(&line, path).ok();
                assert_eq!(canonical, wanted, "{line:?}");
            }
            let parsed = crate::kconfig::Config::parse(&line, path).ok();
            assert_eq!(parsed.map(|it| it.to_string()), wanted, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_what_parses_round_trips(text in "\\PC{0,40}|(# ?)?CONFIG_[A-Z0-9_]{0,5}(=| is not set)?\\PC{0,8}") {
            if let Ok(setting) = text.parse::<Setting>() {
                prop_assert_eq!(setting.to_string().parse::<Setting>(), Ok(setting));
            }
        }

        #[test]
        fn every_text_can_be_quoted(text in "[ -~]{0,20}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(quoted.parse::<Value>(), Ok(Value::Text(quoted)));
        }
    }
}
