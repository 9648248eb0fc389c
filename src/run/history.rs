//! How long things took before: for the order of a run, and for saying when it will end.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::{Options, Stage};
use crate::files;
use crate::nix::DrvPath;

/// Seconds by derivation name. A name holds version and arch, and stays when a hash changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    seconds: BTreeMap<String, f64>,
}

impl History {
    /// What earlier runs left for a run with `options`.
    pub(crate) fn of(options: &Options) -> History {
        let path = options.history.as_deref();
        path.map(History::read).unwrap_or_default()
    }

    /// What `path` holds; nothing when it is missing or no history.
    pub fn read(path: &Path) -> History {
        let text = files::read(path, files::MAX_DATA).unwrap_or_default();
        let seconds: BTreeMap<String, f64> = serde_json::from_slice(&text).unwrap_or_default();
        History {
            seconds: seconds
                .into_iter()
                .filter(|(_, seconds)| seconds.is_finite() && *seconds >= 0.0)
                .collect(),
        }
    }

    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(&self.seconds)?;
        text.push('\n');
        files::replace(path, text.as_bytes())
    }

    /// Notes that `drv` took `seconds`.
    pub fn note(&mut self, drv: &DrvPath, seconds: f64) {
        self.seconds
            .insert(drv.name().to_owned(), (seconds * 1000.0).round() / 1000.0);
    }

    /// Seconds that `drv` took before.
    pub fn seconds(&self, drv: &DrvPath) -> Option<f64> {
        self.seconds.get(drv.name()).copied()
    }

    /// Whether `drv` was built before.
    pub fn knows(&self, drv: &DrvPath) -> bool {
        self.seconds.contains_key(drv.name())
    }

    /// Seconds that `drv` should take: as before, or a guess by what it is.
    pub fn estimate(&self, drv: &DrvPath, stage: Option<Stage>, fetch: bool) -> f64 {
        let known = self.seconds.get(drv.name()).copied();
        known.unwrap_or(match (stage, fetch) {
            (_, true) => 2.0,
            (Some(Stage::Toolchain), _) => 20.0,
            (Some(Stage::Kernel), _) => 120.0,
            (Some(Stage::Module | Stage::Boot), _) => 5.0,
            (None, _) => 3.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.json");
        let mut history = History::read(&path);
        let path_of =
            |hash: &str| format!("/nix/store/{hash}-linux-6.1-arm64.drv").parse::<DrvPath>();
        let drv = &path_of("0h3zdsmxayc8p5fsnzi8yrzya6vxbyfn").unwrap();
        assert_eq!(history.estimate(drv, Some(Stage::Kernel), false), 120.0);
        history.note(drv, 88.123456);
        history.write(&path).unwrap();
        let other = &path_of("1h3zdsmxayc8p5fsnzi8yrzya6vxbyfn").unwrap();
        assert_eq!(History::read(&path).estimate(other, None, false), 88.123);
        std::fs::write(&path, "{\"x\": ").unwrap();
        assert_eq!(History::read(&path), History::default());
    }
}
