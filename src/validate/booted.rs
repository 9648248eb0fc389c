//! What a boot test left behind: `boot.json`.

use std::path::Path;

use serde::Deserialize;

use crate::files;
use crate::text::{clean_line, shown};

/// Name of the file in the output of a boot test.
const FILE: &str = "boot.json";

/// What `boot-supervise.pl` says of a boot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BootRecord {
    /// `passed`, or the class of its failure.
    pub outcome: String,
    /// What the kernel complained of without dying, in its order.
    pub warnings: Vec<String>,
}

impl BootRecord {
    /// The one of the boot test whose output is `out`; it is there only for a boot that passed.
    ///
    /// # Errors
    /// When it cannot be read, or says something else; why.
    pub fn read(out: &Path) -> Result<BootRecord, String> {
        let path = out.join(FILE);
        let bad = |why: String| format!("{} cannot be used: {why}", shown(&path));
        let bytes = files::read(&path, files::MAX_DATA).map_err(|error| bad(error.to_string()))?;
        let mut boot: BootRecord =
            serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if boot.outcome != "passed" {
            return Err(bad(format!("it says {}", clean_line(&boot.outcome))));
        }
        for warning in &mut boot.warnings {
            *warning = clean_line(warning);
        }
        Ok(boot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_boot_that_passed_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            BootRecord::read(dir.path())
        };
        let boot = read(r#"{"outcome":"passed","warnings":["a\u001b"],"reason":null}"#).unwrap();
        assert_eq!(boot.warnings, ["a"]);
        for (text, why) in [
            (r#"{"outcome":"silent","warnings":[]}"#, "it says silent"),
            (r#"{"outcome":"passed"}"#, "warnings"),
            ("", "EOF"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        assert!(BootRecord::read(dir.path()).is_err());
    }
}
