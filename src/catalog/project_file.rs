//! Editing one file of a project's own `matrix/`, without losing what else is in it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::layout;
use crate::files::{self, Lock, LockError};
use crate::text::shown;

/// How long to wait for another process that edits the data.
const PATIENCE: Duration = Duration::from_secs(60);

/// The right to edit the data of a project, until dropped: what is read then is what will be replaced.
#[derive(Debug)]
pub struct Editing {
    _lock: Lock,
}

impl Editing {
    /// Waits until no other process edits the data of `project`.
    ///
    /// # Errors
    /// When another one does for a minute, or the project's own folder cannot be written.
    pub fn begin(project: &Path) -> Result<Editing, LockError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| LockError::Io { path, source }
        };
        let state = project.join(files::STATE);
        let data = project.join("matrix");
        files::plain_folder(&state).map_err(io(&state))?;
        files::plain_folder(&data).map_err(io(&data))?;
        let lock = Lock::wait(&state.join("matrix.lock"), PATIENCE)?;
        files::sweep(&data);
        Ok(Editing { _lock: lock })
    }
}

/// A data file of a project's `matrix/` folder: an object, keyed by id. Nobody else edits the data while it is open.
#[derive(Debug)]
pub struct ProjectFile {
    _editing: Editing,
    path: PathBuf,
    entries: Map<String, Value>,
}

/// Why a project's data file could not be edited.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProjectFileError {
    /// Another process edits the data, or the project cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// Reading or writing failed.
    #[error("cannot {doing} {path}", path = shown(path))]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is there and is not a JSON object.
    #[error("{path} is not a JSON object: {why}", path = shown(path))]
    #[diagnostic(help("fix or move the file; it was left unchanged"))]
    NotAnObject {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where known.
        why: String,
    },
}

impl ProjectFile {
    /// Opens `PROJECT/matrix/NAME`; a file that does not exist is empty.
    ///
    /// # Errors
    /// When it cannot be read or is not a JSON object, or another process edits the data.
    pub fn open(project: &Path, name: &str) -> Result<Self, ProjectFileError> {
        let editing = Editing::begin(project)?;
        let path = project.join("matrix").join(name);
        let entries = match files::read(&path, files::MAX_DATA) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| ProjectFileError::NotAnObject {
                    path: path.clone(),
                    why: error.to_string(),
                })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
            Err(source) => {
                return Err(ProjectFileError::Io {
                    doing: "read",
                    path,
                    source,
                });
            }
        };
        Ok(ProjectFile {
            _editing: editing,
            path,
            entries,
        })
    }

    /// Sets the entry `key`; whether that changed anything.
    pub fn set(&mut self, key: &str, value: Value) -> bool {
        self.entries.get(key) != Some(&value) && {
            self.entries.insert(key.to_owned(), value);
            true
        }
    }

    /// Removes the entry `key`; whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.entries.shift_remove(key).is_some()
    }

    /// Removes `key` of the section `section`, and with the last one the section; whether it was there.
    pub fn remove_in(&mut self, section: &str, key: &str) -> bool {
        let Some(Value::Object(entries)) = self.entries.get_mut(section) else {
            return false;
        };
        let removed = entries.shift_remove(key).is_some();
        if removed && entries.is_empty() {
            self.entries.shift_remove(section);
        }
        removed
    }

    /// Whether it has the entry `key`.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// What the file will hold.
    pub fn text(&self) -> String {
        layout::text_of(&self.path, &self.entries)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sets `key` of the object that is the section `section`, which comes into being with it. Whether that changed anything.
    pub fn set_in(&mut self, section: &str, key: &str, value: Value) -> bool {
        let mut entries = match self.entries.get(section) {
            Some(Value::Object(entries)) => entries.clone(),
            _ => serde_json::Map::new(),
        };
        entries.insert(key.to_owned(), value);
        self.set(section, Value::Object(entries))
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Replaces the file on disk at once; one without entries goes.
    ///
    /// # Errors
    /// When the folder cannot be made or the file not written; the old file is then still whole.
    pub fn save(&self) -> Result<(), ProjectFileError> {
        self.replace().map_err(|source| ProjectFileError::Io {
            doing: "write",
            path: self.path.clone(),
            source,
        })
    }

    fn replace(&self) -> io::Result<()> {
        match self.entries.is_empty() {
            true => files::remove(&self.path).map(drop),
            false => files::replace(&self.path, self.text().as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn edits_keep_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = ProjectFile::open(dir.path(), "kernels.json").unwrap();
        assert!(file.set("6.1", "a".into()));
        file.save().unwrap();
        drop(file);
        let mut file = ProjectFile::open(dir.path(), "kernels.json").unwrap();
        assert!(!file.set("6.1", "a".into()));
        assert!(file.set("6.2", "b".into()));
        file.save().unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, "{\n  \"6.1\": \"a\",\n  \"6.2\": \"b\"\n}\n");
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = ProjectFile::open(dir.path(), "components.json").unwrap();
        file.set_in("components", "gcc/1", "a".into());
        file.set_in("components", "gcc/2", "b".into());
        assert!(file.remove_in("components", "gcc/1"));
        assert!(!file.remove_in("components", "gcc/1") && !file.remove_in("pins", "gcc/2"));
        assert!(file.has("components"));
        assert!(file.remove_in("components", "gcc/2"));
        assert!(!file.has("components") && !file.remove("components"));
        file.save().unwrap();
        assert!(!file.path().exists());
        file.set("a", "b".into());
        file.save().unwrap();
        file.remove("a");
        file.save().unwrap();
        assert!(!file.path().exists());
    }

    #[test]
    fn edits_at_the_same_time_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let edit = |number: usize| {
            let mut file = ProjectFile::open(dir.path(), "kernels.json").unwrap();
            file.set(&format!("6.{number}"), number.into());
            file.save().unwrap();
        };
        std::thread::scope(|scope| {
            for number in 0..12 {
                scope.spawn(move || edit(number));
            }
        });
        let file = ProjectFile::open(dir.path(), "kernels.json").unwrap();
        assert_eq!(file.entries.len(), 12, "{:?}", file.entries);
    }

    #[test]
    fn data_that_lies_elsewhere_is_not_edited() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in [".kflake", "matrix"] {
            let link = dir.path().join(name);
            std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
            let error = ProjectFile::open(dir.path(), "kernels.json").unwrap_err();
            assert!(error.to_string().contains("a symbolic link"), "{error}");
            fs::remove_file(&link).unwrap();
        }
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("matrix")).unwrap();
        for text in ["[1]", "{\"a\": ", "\0"] {
            let path = dir.path().join("matrix/kernels.json");
            fs::write(&path, text).unwrap();
            let error = ProjectFile::open(dir.path(), "kernels.json")
                .unwrap_err()
                .to_string();
            assert!(error.contains("not a JSON object"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
