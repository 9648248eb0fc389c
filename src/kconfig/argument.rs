//! `--config` and `-K`, in TuxMake's syntax.

use std::path::{Path, PathBuf};

use super::setting::{Setting, SettingError};
use crate::suggest::nearest;
use crate::text::brief;

/// What a build starts from: `--config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// A configuration that the tree knows by name: `defconfig`, `versatile_defconfig`, `allnoconfig`.
    Named(String),
    /// A `.config` file.
    File(PathBuf),
    /// One of kflake's own: `tiny`.
    Profile(String),
}

/// Why `--config` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum BaseError {
    /// Nothing was given.
    #[error("--config is empty")]
    #[diagnostic(help("give a name such as defconfig, a file, or a profile such as tiny"))]
    Empty,
    /// A download.
    #[error("--config {0}: kflake downloads nothing whose hash it does not know")]
    #[diagnostic(help("download the file and give its path"))]
    Url(String),
    /// Another result every time.
    #[error("--config {0} gives another kernel every time it is run")]
    #[diagnostic(help("run it once by hand and give the .config file"))]
    NotReproducible(String),
    /// It would wait for answers.
    #[error("--config {0} asks questions, which a build cannot answer")]
    #[diagnostic(help("run it by hand and give the .config file"))]
    Interactive(String),
    /// Neither a file nor a name.
    #[error("--config {0}: there is no such file, and it is not the name of a configuration")]
    #[diagnostic(help("{1}a name ends in config, such as defconfig; a profile is one of: {2}"))]
    Unknown(String, String, String),
    /// A folder.
    #[error("--config {0} is a folder")]
    #[diagnostic(help("give the .config file in it"))]
    Folder(String),
}

/// `-K`: what is laid over the base, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// `CONFIG_FOO=y`, `# CONFIG_FOO is not set`.
    Setting(Setting),
    /// A file.
    File(PathBuf),
    /// A fragment of the tree: `debug.config`, `arch/arm64/configs/x.config`.
    Tree(String),
}

/// Why a `-K` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum FragmentError {
    /// Nothing was given.
    #[error("-K is empty")]
    #[diagnostic(help(
        "give CONFIG_FOO=y, a file, or a fragment of the tree such as debug.config"
    ))]
    Empty,
    /// A malformed setting.
    #[error("-K {given}: {reason}")]
    Setting {
        /// What was given.
        given: String,
        /// What is wrong with it.
        reason: SettingError,
    },
    /// A download.
    #[error("-K {0}: kflake downloads nothing whose hash it does not know")]
    #[diagnostic(help("download the file and give its path"))]
    Url(String),
    /// TuxMake's `make:` and `imake:`.
    #[error("-K {0}: make targets that edit the configuration are not run")]
    #[diagnostic(help("run it by hand and give the resulting .config with --config"))]
    MakeTarget(String),
    /// Neither a file nor the name of a fragment.
    #[error(
        "-K {0}: there is no such file, and it is neither a setting nor a fragment of the tree"
    )]
    #[diagnostic(help(
        "write CONFIG_FOO=y, the path of a file, or NAME.config for a fragment of the tree"
    ))]
    Unknown(String),
    /// A folder.
    #[error("-K {0} is a folder")]
    #[diagnostic(help("give a file in it"))]
    Folder(String),
}

/// Configurations that every tree knows without a file of that name.
const GENERIC: &[&str] = &[
    "defconfig",
    "allnoconfig",
    "allyesconfig",
    "allmodconfig",
    "alldefconfig",
    "tinyconfig",
];
const INTERACTIVE: &[&str] = &[
    "config",
    "menuconfig",
    "nconfig",
    "xconfig",
    "gconfig",
    "oldconfig",
    "oldaskconfig",
    "localmodconfig",
    "localyesconfig",
];

fn is_url(text: &str) -> bool {
    ["http://", "https://", "ftp://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
}

/// Letters, digits, `_` and `-`, ending in `config`.
fn is_config_name(text: &str) -> bool {
    text.ends_with("config")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !text.starts_with('-')
}

/// `NAME.config`, alone or under `arch/` or `kernel/configs/`.
fn is_tree_fragment(text: &str) -> bool {
    let safe = text.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    });
    let here =
        !text.contains('/') || text.starts_with("arch/") || text.starts_with("kernel/configs/");
    safe && here && text.ends_with(".config")
}

impl Base {
    /// Reads `--config`: a file that exists, one of `profiles`, or a name.
    ///
    /// # Errors
    /// When it is none of these, or a file that cannot be read.
    pub fn parse(text: &str, profiles: &[&str]) -> Result<Base, BaseError> {
        let given = || brief(text);
        if text.trim().is_empty() {
            return Err(BaseError::Empty);
        }
        if is_url(text) {
            return Err(BaseError::Url(given()));
        }
        if profiles.contains(&text) {
            return Ok(Base::Profile(text.to_owned()));
        }
        if GENERIC.contains(&text) {
            return Ok(Base::Named(text.to_owned()));
        }
        if text == "randconfig" {
            return Err(BaseError::NotReproducible(given()));
        }
        let path = Path::new(text);
        if path.is_file() {
            return Ok(Base::File(path.to_owned()));
        }
        if path.is_dir() {
            return Err(BaseError::Folder(given()));
        }
        if INTERACTIVE.contains(&text) {
            return Err(BaseError::Interactive(given()));
        }
        if is_config_name(text) {
            return Ok(Base::Named(text.to_owned()));
        }
        let known = GENERIC.iter().chain(profiles).copied();
        let meant = nearest(text, known).map(|it| format!("did you mean {it}? "));
        Err(BaseError::Unknown(
            given(),
            meant.unwrap_or_default(),
            profiles.join(", "),
        ))
    }
}

impl Fragment {
    /// Reads one `-K`.
    ///
    /// # Errors
    /// When it is neither a setting nor a fragment, or a file that cannot be read.
    pub fn parse(text: &str) -> Result<Fragment, FragmentError> {
        let given = || brief(text);
        if text.trim().is_empty() {
            return Err(FragmentError::Empty);
        }
        if is_url(text) {
            return Err(FragmentError::Url(given()));
        }
        if text.starts_with("make:") || text.starts_with("imake:") {
            return Err(FragmentError::MakeTarget(given()));
        }
        let path = Path::new(text);
        if path.is_file() {
            return Ok(Fragment::File(path.to_owned()));
        }
        if text.starts_with("CONFIG_") || text.starts_with('#') {
            return text
                .parse()
                .map(Fragment::Setting)
                .map_err(|reason| FragmentError::Setting {
                    given: given(),
                    reason,
                });
        }
        if path.is_dir() {
            return Err(FragmentError::Folder(given()));
        }
        if is_tree_fragment(text) {
            return Ok(Fragment::Tree(text.to_owned()));
        }
        match text.parse::<Setting>() {
            Err(reason @ SettingError::NoPrefix(_)) => Err(FragmentError::Setting {
                given: given(),
                reason,
            }),
            _ => Err(FragmentError::Unknown(given())),
        }
    }

    /// What a report calls it.
    pub fn label(&self) -> String {
        match self {
            Fragment::Setting(setting) => format!("-K {setting}"),
            Fragment::File(path) => brief(&path.file_name().unwrap_or_default().to_string_lossy()),
            Fragment::Tree(name) => name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_base_is_a_profile_a_name_or_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let parse = |text: &str| Base::parse(text, &["tiny", "board"]);
        assert_eq!(parse("tiny"), Ok(Base::Profile("tiny".into())));
        assert_eq!(parse("defconfig"), Ok(Base::Named("defconfig".into())));
        assert_eq!(
            parse("multi_v7_defconfig"),
            Ok(Base::Named("multi_v7_defconfig".into()))
        );
        assert_eq!(parse(path), Ok(Base::File(path.into())));
        assert!(matches!(
            parse("randconfig"),
            Err(BaseError::NotReproducible(_))
        ));
        assert!(matches!(
            parse("menuconfig"),
            Err(BaseError::Interactive(_))
        ));
        assert!(matches!(
            parse("https://host/config"),
            Err(BaseError::Url(_))
        ));
        assert!(matches!(parse("missing.txt"), Err(BaseError::Unknown(..))));
        assert!(matches!(parse("-j config"), Err(BaseError::Unknown(..))));
        assert!(matches!(parse("/"), Err(BaseError::Folder(_))));
        assert_eq!(parse(" "), Err(BaseError::Empty));
    }

    #[test]
    fn a_fragment_is_a_setting_a_file_or_the_trees() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert!(matches!(
            Fragment::parse("CONFIG_A=y"),
            Ok(Fragment::Setting(_))
        ));
        assert!(matches!(
            Fragment::parse("# CONFIG_A is not set"),
            Ok(Fragment::Setting(_))
        ));
        assert_eq!(
            Fragment::parse("debug.config"),
            Ok(Fragment::Tree("debug.config".into()))
        );
        assert!(matches!(
            Fragment::parse("arch/arm64/configs/virt.config"),
            Ok(Fragment::Tree(_))
        ));
        assert_eq!(Fragment::parse(path), Ok(Fragment::File(path.into())));
        for text in [
            "../x.config",
            "/missing.config",
            "a/b.config",
            "arch/../../x.config",
            "word",
            "kvm_guest",
        ] {
            assert!(
                matches!(Fragment::parse(text), Err(FragmentError::Unknown(_))),
                "{text}"
            );
        }
        assert!(matches!(
            Fragment::parse("make:kselftest-merge"),
            Err(FragmentError::MakeTarget(_))
        ));
        assert!(matches!(
            Fragment::parse("http://h/x.config"),
            Err(FragmentError::Url(_))
        ));
        for text in [
            "CONFIG_=y",
            "CONFIG_X=",
            "CONFIG_X",
            "CONFIG_X=Y",
            "# CONFIG_X",
            "X=y",
        ] {
            let error = Fragment::parse(text).unwrap_err();
            assert!(
                matches!(error, FragmentError::Setting { .. }),
                "{text}: {error}"
            );
            assert!(
                error.to_string().starts_with(&format!("-K {text}: ")),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_messages_stay_on_one_line(text in "\\PC{0,90}|[\\x00-\\x7f]{0,30}") {
            if let Err(error) = Fragment::parse(&text) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
            if let Err(error) = Base::parse(&text, &["tiny"]) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
        }
    }
}
