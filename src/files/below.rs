//! Files in folders that somebody else filled.

use std::fs;
use std::io;
use std::path::{Component, Path};

use super::{kind_of, read};

/// The whole of the file `name` in `folder`, of at most `limit` bytes: of nothing that is elsewhere.
///
/// # Errors
/// When the name leads out of the folder, something else than plain folders and a plain file is on the way, or it cannot be read.
pub fn read_below(folder: &Path, name: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let refuse = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    let mut path = folder.to_owned();
    let mut parts = name.components().peekable();
    if parts.peek().is_none() {
        return refuse("it has no name".to_owned());
    }
    while let Some(part) = parts.next() {
        let Component::Normal(part) = part else {
            return refuse("its name leads out of the folder".to_owned());
        };
        path.push(part);
        let kind = fs::symlink_metadata(&path)?.file_type();
        let right = match parts.peek() {
            Some(_) => kind.is_dir(),
            None => kind.is_file(),
        };
        if !right {
            return refuse(format!("it is {}, or behind one", kind_of(kind)));
        }
    }
    read(&path, limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_elsewhere_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("own/logs")).unwrap();
        fs::create_dir(at("theirs")).unwrap();
        for name in ["own/logs/a", "theirs/a"] {
            fs::write(at(name), name).unwrap();
        }
        symlink("../theirs", at("own/out")).unwrap();
        symlink("../../theirs/a", at("own/logs/out")).unwrap();
        symlink("a", at("own/logs/link")).unwrap();
        let read = |name: &str| read_below(&at("own"), Path::new(name), 100);
        assert_eq!(read("logs/a").unwrap(), b"own/logs/a");
        let absolute = at("own/logs/a");
        for name in [
            "../theirs/a",
            "logs/../../theirs/a",
            "out/a",
            "logs/out",
            "logs/link",
            "logs",
            "logs/none",
            "logs/a/b",
            "",
            "..",
            absolute.to_str().unwrap(),
        ] {
            assert!(read(name).is_err(), "{name}");
        }
        assert!(read_below(&at("own"), Path::new("logs/a"), 3).is_err());
    }
}
