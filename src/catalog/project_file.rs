//! Editing one file of a project's own `matrix/`, without losing what else is in it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A data file of a project's `matrix/` folder: an object, keyed by id.
#[derive(Debug)]
pub struct ProjectFile {
    path: PathBuf,
    entries: Map<String, Value>,
}

/// Why a project's data file could not be edited.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProjectFileError {
    /// Reading or writing failed.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is there and is not a JSON object.
    #[error("{path} is not a JSON object: {why}", path = path.display())]
    #[diagnostic(help("mend or move the file; it was left as it is"))]
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
    /// When it cannot be read or is not a JSON object.
    pub fn open(project: &Path, name: &str) -> Result<Self, ProjectFileError> {
        let path = project.join("matrix").join(name);
        let entries = match fs::read(&path) {
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
        Ok(ProjectFile { path, entries })
    }

    /// Sets the entry `key`; whether that changed anything.
    pub fn set(&mut self, key: &str, value: Value) -> bool {
        self.entries.get(key) != Some(&value) && {
            self.entries.insert(key.to_owned(), value);
            true
        }
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

    /// Replaces the file on disk at once.
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
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &self.entries)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        fs::set_permissions(
            file.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o644),
        )?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = ProjectFile::open(dir.path(), "kernels.json").unwrap();
        assert!(file.set("6.1", "a".into()));
        file.save().unwrap();
        let mut file = ProjectFile::open(dir.path(), "kernels.json").unwrap();
        assert!(!file.set("6.1", "a".into()));
        assert!(file.set("6.2", "b".into()));
        file.save().unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, "{\n  \"6.1\": \"a\",\n  \"6.2\": \"b\"\n}\n");
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
