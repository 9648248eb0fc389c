//! Whole `.config` files and fragments.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::setting::{Setting, SettingError, Value};
use crate::files::{self, Content};
use crate::id::Symbol;
use crate::text::{brief, shown};

/// No kernel's configuration comes near this many bytes.
const MAX_BYTES: u64 = 16 << 20;

/// A configuration: each symbol with its last value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What its first comment says it is for.
    pub title: Option<Title>,
    settings: BTreeMap<Symbol, Value>,
}

/// `# Linux/arm64 6.1.0 Kernel Configuration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// The kernel's name of the architecture.
    pub arch: String,
    /// The kernel's version.
    pub version: String,
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Linux/{} {}", self.arch, self.version)
    }
}

/// The first comment of what other programs are configured with, what that is, and where the kernel's is.
const OTHERS: [(&str, &str, &str); 5] = [
    (
        "# Buildroot ",
        "Buildroot's own configuration, not a kernel's",
        "the kernel's is output/build/linux-VERSION/.config",
    ),
    (
        "# OpenWrt ",
        "OpenWrt's own configuration, not a kernel's",
        "the kernel's is build_dir/target-*/linux-*/linux-VERSION/.config",
    ),
    (
        "# Busybox version",
        "BusyBox's configuration, not a kernel's",
        "give the kernel's .config",
    ),
    (
        "# U-Boot ",
        "U-Boot's configuration, not a kernel's",
        "give the kernel's .config",
    ),
    (
        "# uClibc",
        "uClibc's configuration, not a kernel's",
        "give the kernel's .config",
    ),
];

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{} cannot be read: {error}", shown(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// A folder, device, or the like.
    #[error("{} is not a file", shown(path))]
    #[diagnostic(help("give a kernel configuration, such as a .config or a fragment of one"))]
    NotAFile {
        /// What was given.
        path: PathBuf,
    },
    /// Larger than any configuration.
    #[error("{} is too large for a kernel configuration", shown(path))]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Packed by something else than gzip and xz.
    #[error("{} is packed by {by}", shown(path))]
    #[diagnostic(help("unpack it first; kflake reads text, plain or packed with gzip or xz"))]
    Packed {
        /// The file.
        path: PathBuf,
        /// By what.
        by: &'static str,
    },
    /// A file of another kind.
    #[error("{} is {what}", shown(path))]
    #[diagnostic(help("{help}"))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// A line that is neither a setting nor a comment.
    #[error("{} line {line}: {reason}: `{text}`", shown(path))]
    #[diagnostic(help(
        "a configuration holds lines like CONFIG_FOO=y and `# CONFIG_FOO is not set`"
    ))]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// The line, cut and with control characters replaced.
        text: String,
        /// What is wrong with it.
        reason: SettingError,
    },
    /// Not one setting.
    #[error("{} sets no symbol", shown(path))]
    #[diagnostic(help(
        "a configuration holds lines like CONFIG_FOO=y and `# CONFIG_FOO is not set`"
    ))]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Config {
    /// Reads a file, gzip-compressed (as `/proc/config.gz` is) or plain.
    ///
    /// # Errors
    /// When it cannot be read, or is no configuration.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let config = Config::parse(&Config::read_text(path)?, path)?;
        if config.settings.is_empty() {
            return Err(ConfigError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(config)
    }

    /// The text of a file, gzip-compressed or plain.
    ///
    /// # Errors
    /// When it cannot be read, or is too large.
    pub fn read_text(path: &Path) -> Result<String, ConfigError> {
        let fail = |error| ConfigError::Read {
            path: path.to_owned(),
            error,
        };
        if !std::fs::metadata(path).map_err(fail)?.is_file() {
            return Err(ConfigError::NotAFile {
                path: path.to_owned(),
            });
        }
        let file = files::open(path).map_err(fail)?;
        let mut bytes = limited(file).map_err(fail)?;
        let packed = |by| ConfigError::Packed {
            path: path.to_owned(),
            by,
        };
        match Content::of(&bytes) {
            Content::Gzip => {
                bytes = limited(flate2::read::MultiGzDecoder::new(&bytes[..])).map_err(fail)?;
            }
            Content::Xz => bytes = limited(files::unxz(&bytes[..])).map_err(fail)?,
            Content::Bzip2 => return Err(packed("bzip2")),
            Content::Zstd => return Err(packed("zstd")),
            Content::Zip => return Err(packed("zip")),
            _ => {}
        }
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ConfigError::TooLarge {
                path: path.to_owned(),
            });
        }
        let foreign = |what, help| ConfigError::Foreign {
            path: path.to_owned(),
            what,
            help,
        };
        let no_text = match Content::of(&bytes) {
            Content::Elf => Some("an ELF file"),
            Content::Tar => Some("a tar archive"),
            Content::WebPage => Some("a web page, saved in the place of the file"),
            Content::LfsPointer => Some("a pointer of git-lfs, in the place of the file"),
            _ => None,
        };
        if let Some(what) = no_text.filter(|_| !holds_config(&bytes)) {
            return Err(foreign(what, "give the .config itself, a file of text"));
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(foreign(
                "UTF-16 text, as some shells of Windows write it",
                "save it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE > config",
            ));
        }
        if holds_config(&bytes) {
            return Err(foreign(
                "a kernel, or a piece of one, with its configuration inside",
                "take it out with the kernel's own script: scripts/extract-ikconfig FILE > config",
            ));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Parses a file's text; `path` is for messages.
    ///
    /// # Errors
    /// Where a line is no setting.
    pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        let mut version = None;
        for line in lines(text, path) {
            match line? {
                Line::Setting(setting) => {
                    config.settings.insert(setting.symbol, setting.value);
                }
                Line::Remark(remark) => {
                    // in its heading: further down, a comment is a menu's
                    if config.settings.is_empty()
                        && config.title.is_none()
                        && let Some((_, what, help)) =
                            OTHERS.iter().find(|(first, ..)| remark.starts_with(first))
                    {
                        return Err(ConfigError::Foreign {
                            path: path.to_owned(),
                            what,
                            help,
                        });
                    }
                    config.title = config.title.or_else(|| title(remark));
                    version = version.or_else(|| old_version(remark));
                }
            }
        }
        if config.title.is_none() {
            config.title = config.old_title(version);
        }
        Ok(config)
    }

    /// The settings of a file's text in the one spelling that builds read, in the file's order, behind its title.
    ///
    /// # Errors
    /// For the first line that is neither a setting nor a comment.
    pub fn canonical(text: &str, path: &Path) -> Result<String, ConfigError> {
        let mut canonical = String::new();
        for line in lines(text, path) {
            match line? {
                Line::Setting(setting) => writeln!(canonical, "{setting}"),
                Line::Remark(remark) if title(remark).is_some() => writeln!(canonical, "{remark}"),
                Line::Remark(_) => Ok(()),
            }
            .expect("writing to a string does not fail");
        }
        Ok(canonical)
    }

    /// What a file without a title of today's kind is for: the heading of 2.6 named the version alone, and the arch is in the
    /// symbol that each arch sets for itself.
    fn old_title(&self, version: Option<&str>) -> Option<Title> {
        let (_, arch) = self.own_symbols().next()?;
        Some(Title {
            arch: arch.to_owned(),
            version: version?.to_owned(),
        })
    }

    /// The symbols in it that an arch's Kconfig sets whatever is chosen, and the kernel's name of the arch.
    pub fn own_symbols(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        let own = OWN_SYMBOLS.iter().copied();
        own.filter(|(symbol, _)| self.get(symbol) == Some(&Value::Yes))
    }

    /// The value of a symbol; none where the file does not mention it.
    pub fn get(&self, symbol: &str) -> Option<&Value> {
        self.settings.get(symbol)
    }

    /// All settings, by symbol.
    pub fn settings(&self) -> impl Iterator<Item = (&Symbol, &Value)> {
        self.settings.iter()
    }

    /// Number of symbols mentioned.
    pub fn len(&self) -> usize {
        self.settings.len()
    }

    /// Whether it mentions no symbol.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }
}

impl FromIterator<Setting> for Config {
    fn from_iter<I: IntoIterator<Item = Setting>>(settings: I) -> Self {
        Config {
            title: None,
            settings: settings
                .into_iter()
                .map(|setting| (setting.symbol, setting.value))
                .collect(),
        }
    }
}

impl fmt::Display for Config {
    /// One line per symbol, in order of the symbols.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (symbol, value) in &self.settings {
            let setting = Setting {
                symbol: symbol.clone(),
                value: value.clone(),
            };
            writeln!(f, "{setting}")?;
        }
        Ok(())
    }
}

/// Whether a kernel's own configuration is in `bytes`.
fn holds_config(bytes: &[u8]) -> bool {
    bytes.windows(8).any(|it| it == b"IKCFG_ST")
}

/// At most one byte more than allowed.
fn limited(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a line of a configuration is.
enum Line<'a> {
    /// A symbol and its value.
    Setting(Setting),
    /// Blank, or a comment.
    Remark(&'a str),
}

/// The lines of a configuration; `path` is for messages.
fn lines<'a>(text: &'a str, path: &Path) -> impl Iterator<Item = Result<Line<'a>, ConfigError>> {
    // some editors begin a file with a byte order mark
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().map(move |(index, line)| {
        let line = line.trim_end();
        let comment = line.trim_start().strip_prefix('#').map(str::trim_start);
        if line.is_empty() || comment.is_some_and(|comment| !comment.starts_with("CONFIG_")) {
            return Ok(Line::Remark(line));
        }
        // what turns a symbol off may stand anywhere in its line
        let setting = if comment.is_some() {
            line.trim_start()
        } else {
            line
        };
        match setting.parse() {
            Ok(setting) => Ok(Line::Setting(setting)),
            // a remark about a symbol, not a setting
            Err(SettingError::NotSet(_)) => Ok(Line::Remark(line)),
            Err(reason) => Err(ConfigError::Line {
                path: path.to_owned(),
                line: index + 1,
                text: brief(line),
                reason,
            }),
        }
    })
}

/// The symbol that an arch's Kconfig sets whatever is chosen, and the kernel's name of the arch.
const OWN_SYMBOLS: &[(&str, &str)] = &[
    ("ALPHA", "alpha"),
    ("ARM", "arm"),
    ("ARM64", "arm64"),
    ("AVR32", "avr32"),
    ("BLACKFIN", "blackfin"),
    ("CRIS", "cris"),
    ("IA64", "ia64"),
    ("M68K", "m68k"),
    ("MICROBLAZE", "microblaze"),
    ("MIPS", "mips"),
    ("PARISC", "parisc"),
    ("PPC", "powerpc"),
    ("S390", "s390"),
    ("SPARC", "sparc"),
    ("SUPERH", "sh"),
    ("X86", "x86"),
    ("XTENSA", "xtensa"),
];

/// The version in `# Linux kernel version: 2.6.31.8`.
fn old_version(line: &str) -> Option<&str> {
    let version = line.strip_prefix("# Linux kernel version: ")?.trim();
    safe(version).then_some(version)
}

fn safe(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+-~".contains(&b))
}

/// `# Linux/ARCH VERSION Kernel Configuration`, as trees from 2.6.39 on write it.
fn title(line: &str) -> Option<Title> {
    let rest = line.strip_prefix("# Linux/")?;
    let rest = rest.strip_suffix("Kernel Configuration")?.trim_end();
    let (arch, version) = rest.split_once(' ')?;
    (safe(arch) && safe(version)).then(|| Title {
        arch: arch.to_owned(),
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm64 6.1.192 Kernel Configuration\n#\n\
        CONFIG_CC_VERSION_TEXT=\"gcc (Debian) 12\"\nCONFIG_A=y\n\n#\n# General setup\n#\n# CONFIG_B is not set\n\
        # CONFIG_C chooses a thing\nCONFIG_A=m\r\n";

    #[test]
    fn reads_a_kernels_file() {
        let config = Config::parse(SAMPLE, Path::new("x")).unwrap();
        assert_eq!(
            config.title.as_ref().unwrap().to_string(),
            "Linux/arm64 6.1.192"
        );
        assert_eq!(config.get("A"), Some(&Value::Module));
        assert_eq!(config.get("B"), Some(&Value::No));
        assert_eq!(config.get("C"), None);
        assert_eq!(config.len(), 3);
    }

    #[test]
    fn old_headings_tell_the_arch() {
        let of = |text: &str| {
            let config = Config::parse(text, Path::new("x")).unwrap();
            config.title.map(|title| title.to_string())
        };
        let heading = "#\n# Automatically generated make config: don't edit\n# Linux kernel version: 2.6.31.8\n# Tue Jan 5\n#\n";
        for (symbol, arch) in [("MIPS", "mips"), ("PPC", "powerpc"), ("X86", "x86")] {
            assert_eq!(
                of(&format!("{heading}CONFIG_{symbol}=y\n")),
                Some(format!("Linux/{arch} 2.6.31.8"))
            );
        }
        assert_eq!(of(&format!("{heading}# CONFIG_MIPS is not set\n")), None);
        assert_eq!(of("CONFIG_MIPS=y\n"), None);
        // the heading of today decides
        assert_eq!(
            of("# Linux/arm64 6.1.0 Kernel Configuration\nCONFIG_ARM=y\n"),
            Some("Linux/arm64 6.1.0".to_owned())
        );
    }

    #[test]
    fn files_of_another_kind_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let utf16: Vec<u8> = SAMPLE.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let heading = "#\n# Automatically generated file; DO NOT EDIT.\n# ";
        for (bytes, what) in [
            ([b"\xff\xfe", utf16.as_slice()].concat(), "UTF-16"),
            (b"\x7fELF\x02\x01\x01\0".to_vec(), "an ELF file"),
            (
                b"\x7fELF\0IKCFG_ST\x1f\x8b".to_vec(),
                "configuration inside",
            ),
            (b"<!DOCTYPE html>\n<html>".to_vec(), "a web page"),
            (b"MZ\0\0IKCFG_ST\x1f\x8b".to_vec(), "configuration inside"),
            (
                format!("{heading}Buildroot 2024.02 Configuration\n#\nBR2_ARM=y\n").into(),
                "Buildroot's",
            ),
            (
                format!("{heading}Busybox version: 1.36.1\nCONFIG_ASH=y\n").into(),
                "BusyBox's",
            ),
            (
                format!("{heading}U-Boot 2024.01 Configuration\nCONFIG_ARM=y\n").into(),
                "U-Boot's",
            ),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = Config::read(&path).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            assert!(miette::Diagnostic::help(&error).is_some());
        }
        // the heading of a menu is none of a file
        let menu = "CONFIG_A=y\n#\n# U-Boot environment\n#\nCONFIG_B=y\n";
        assert_eq!(Config::parse(menu, &path).unwrap().len(), 2);
    }

    #[test]
    fn points_at_the_bad_line() {
        for (text, line) in [
            ("CONFIG_A=y\n<<<<<<< HEAD\n", "line 2"),
            ("CONFIG_A\n", "line 1"),
            ("\nCONFIG_=y\n", "line 2"),
        ] {
            let error = Config::parse(text, Path::new("my.config"))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("my.config ") && error.contains(line),
                "{error}"
            );
        }
    }

    #[test]
    fn files_are_plain_or_gzip_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("plain");
        std::fs::write(&plain, SAMPLE).unwrap();
        let packed = dir.path().join("config.gz");
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(SAMPLE.as_bytes()).unwrap();
        let bytes = gz.finish().unwrap();
        std::fs::write(&packed, &bytes).unwrap();
        assert_eq!(
            Config::read(&plain).unwrap(),
            Config::read(&packed).unwrap()
        );

        let cut = dir.path().join("cut.gz");
        std::fs::write(&cut, &bytes[..bytes.len() - 12]).unwrap();
        assert!(matches!(Config::read(&cut), Err(ConfigError::Read { .. })));
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "# nothing\n").unwrap();
        assert!(matches!(
            Config::read(&empty),
            Err(ConfigError::Empty { .. })
        ));
        assert!(matches!(
            Config::read(dir.path()),
            Err(ConfigError::NotAFile { .. })
        ));
        assert!(matches!(
            Config::read(&dir.path().join("missing")),
            Err(ConfigError::Read { .. })
        ));
    }

    fn settings() -> impl Strategy<Value = Vec<Setting>> {
        let value = prop_oneof![
            Just("y".to_owned()),
            Just("m".to_owned()),
            Just("n".to_owned()),
            "[1-9][0-9]{0,4}",
            "0x[0-9a-f]{1,8}",
            "\"[a-z =,]{0,10}\""
        ];
        let setting = ("[A-Z][A-Z0-9_]{0,3}", value).prop_map(|(symbol, value)| Setting {
            symbol: symbol.parse().unwrap(),
            value: value.parse().unwrap(),
        });
        proptest::collection::vec(setting, 0..30)
    }

    proptest! {
        #[test]
        fn writing_and_reading_agree(settings in settings()) {
            let config: Config = settings.into_iter().collect();
            prop_assert_eq!(Config::parse(&config.to_string(), Path::new("x")).unwrap(), config);
        }

        #[test]
        fn the_last_word_counts(first in settings(), second in settings()) {
            let text: String = first.iter().chain(&second).map(|s| format!("{s}\n")).collect();
            let all: Config = first.into_iter().chain(second).collect();
            prop_assert_eq!(Config::parse(&text, Path::new("x")).unwrap(), all);
        }

        #[test]
        fn parsing_never_panics(text in "(\\PC{0,20}\n|#? ?CONFIG_\\PC{0,9}\n){0,5}") {
            let _ = Config::parse(&text, Path::new("x"));
        }
    }

    #[test]
    fn what_an_editor_or_a_packer_adds_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fragment.config");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Config::read(&path)
        };
        for (bytes, why) in [
            (&b"CONFIG_NET=y # why"[..], "write CONFIG_NET=y"),
            (b"CONFIG_HZ=250\t# slow", "write CONFIG_HZ=250"),
            (b"\n\xef\xbb\xbfCONFIG_NET=y", "byte order mark"),
            (b"  CONFIG_NET=y", "blanks before it"),
            (b"\tCONFIG_NET=y", "blanks before it"),
            (b"BZh91AY", "packed by bzip2"),
            (b"\x28\xb5\x2f\xfd\x04", "packed by zstd"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        // at the beginning it is the file's
        let text = b"\xef\xbb\xbf# Linux/mips 3.10.14 Kernel Configuration\r\nCONFIG_NET=y\r\n";
        assert!(read(text).unwrap().title.is_some());
        let text = std::str::from_utf8(text).unwrap();
        assert_eq!(
            Config::canonical(text, &path).unwrap(),
            "# Linux/mips 3.10.14 Kernel Configuration\nCONFIG_NET=y\n"
        );
        // inside of quotes it is text
        let config = read(b"CONFIG_X=\"y # why\"").unwrap();
        assert_eq!(
            config.get("X"),
            Some(&Value::Text("\"y # why\"".to_owned()))
        );
        let mut packed =
            lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
        std::io::Write::write_all(&mut packed, b"CONFIG_NET=y\n").unwrap();
        let config = read(&packed.finish().unwrap()).unwrap();
        assert_eq!(config.get("NET"), Some(&Value::Yes));
    }
}
