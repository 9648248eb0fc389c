//! Places as they are typed: folders and files, and what a shell should have made of them.

use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

/// A path on the command line.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(expanded)
}

/// One that a command writes to.
pub fn output() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| expanded(path).and_then(not_the_root))
}

fn expanded(path: PathBuf) -> Result<PathBuf, String> {
    let first = path.iter().next().unwrap_or_default();
    if !first.to_string_lossy().starts_with('~') {
        return Ok(path);
    }
    Err(format!(
        "the shell did not put a home folder in the place of {first}, as it does only without quotes and at the start of a word; \
         write \"$HOME\" in its place, or ./ before it where the folder is called that",
        first = crate::text::shown(first)
    ))
}

fn not_the_root(path: PathBuf) -> Result<PathBuf, String> {
    match path.canonicalize() {
        Ok(whole) if whole == Path::new("/") => {
            Err("it is the root of the file system; name a folder of its own".to_owned())
        }
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shell_left_is_refused() {
        for (text, taken) in [
            ("~", false),
            ("~/x", false),
            ("~ann/x", false),
            ("./~/x", true),
            ("a~", true),
            ("/tmp/~x", true),
            ("", true),
        ] {
            assert_eq!(expanded(PathBuf::from(text)).is_ok(), taken, "{text}");
        }
        for (text, taken) in [
            ("/", false),
            ("/tmp/..", false),
            ("//", false),
            ("/tmp", true),
            ("o", true),
        ] {
            assert_eq!(not_the_root(PathBuf::from(text)).is_ok(), taken, "{text}");
        }
    }
}
