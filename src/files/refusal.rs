//! Why the file system refused, with what it leaves out.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::text::shown;

/// What `error`, met with the file or folder `path`, says; where permission is denied to what belongs to another user, to whom.
pub fn reason(path: &Path, error: &io::Error) -> String {
    let me = rustix::process::geteuid().as_raw();
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{error}{}", owner(path, me)),
        _ => error.to_string(),
    }
}

/// Whose the nearest thing is that can be seen of `path`, where it is not the user's `me`.
fn owner(path: &Path, me: u32) -> String {
    let here = |it: &Path| match it.as_os_str().is_empty() {
        true => Path::new(".").to_owned(),
        false => it.to_owned(),
    };
    let mut there = path.ancestors().map(here).filter_map(|it| {
        fs::symlink_metadata(&it)
            .ok()
            .map(|facts| (it, facts.uid()))
    });
    match there.next() {
        Some((it, owner)) if owner != me => {
            let what = match it == path {
                true => "it".to_owned(),
                false => shown(&it).to_string(),
            };
            format!(
                ": {what} belongs to {}, and you are {}",
                name(owner),
                name(me)
            )
        }
        _ => String::new(),
    }
}

/// What the user with the number `uid` is called.
fn name(uid: u32) -> String {
    let users = super::read_text(Path::new("/etc/passwd")).unwrap_or_default();
    let of_uid = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| shown(name).to_string())
    };
    let found = users.lines().find_map(of_uid);
    found.unwrap_or_else(|| format!("user {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_it_is_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let mine = fs::metadata(dir.path()).unwrap().uid();
        let nobody = u32::MAX - 7;
        let me = format!("you are user {nobody}");
        let below = dir.path().join("a/b");
        let said = owner(&below, nobody);
        assert!(
            said.contains(&format!(": {} belongs to ", dir.path().display())),
            "{said}"
        );
        assert!(said.ends_with(&me), "{said}");
        assert!(owner(dir.path(), nobody).starts_with(": it belongs to "));
        assert_eq!(owner(&below, mine), "");
        assert_eq!(name(0), "root");
        let error = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(reason(&below, &error), error.to_string());
    }
}
