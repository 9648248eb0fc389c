//! The users that builds run as.
//!
//! A root Nix without build users builds as root, and what root builds can write to the host and to its own inputs. Where a machine
//! has no build users, some are made for the run alone: in a `passwd` and `group` that only the namespace of the Nix process sees.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use super::guard::Guard;
use super::place::Place;
use crate::files::Scratch;

/// How many builds may run at once.
const COUNT: u32 = 32;

/// The first id that is tried for those that are made. A Nix kills what runs as its own build users when it begins and ends a build,
/// on the whole machine and in its containers: these are far from the ids that Nix's installers (30000 on) and its
/// `auto-allocate-uids` take, and few enough for a container that has 65536 of them.
const FIRST_ID: u32 = 53_000;

/// What the group is called that is made.
const GROUP: &str = "kflake-build";

/// Mounts the files of the folder `$0` over the machine's own, and becomes the program.
const ENTER: &str =
    "mount --bind \"$0/passwd\" /etc/passwd && mount --bind \"$0/group\" /etc/group && exec \"$@\"";

/// Who runs builds.
#[derive(Clone, Debug)]
pub enum BuildUsers {
    /// The members of a group that the machine has.
    Real {
        /// Its name.
        group: String,
    },
    /// Users made for this run.
    Made {
        /// Holds `passwd` and `group`.
        folder: Arc<Scratch>,
    },
    /// Whoever runs Nix; in a daemon's case, whom the daemon chooses.
    Own,
}

impl BuildUsers {
    /// Those of a Nix that works in `place` under `guard`.
    pub(crate) fn probe(guard: Guard, place: &Place) -> BuildUsers {
        if !rustix::process::geteuid().is_root() || matches!(place, Place::Daemon { .. }) {
            return BuildUsers::Own;
        }
        let etc = |name: &str| std::fs::read_to_string(Path::new("/etc").join(name));
        let (passwd, group) = (etc("passwd"), etc("group"));
        let (Ok(passwd), Ok(group)) = (passwd, group) else {
            return BuildUsers::Own;
        };
        if has_members(&group, "nixbld") {
            return BuildUsers::Real {
                group: "nixbld".to_owned(),
            };
        }
        if guard != Guard::Namespace {
            return BuildUsers::Own;
        }
        made(&passwd, &group).map_or(BuildUsers::Own, |folder| {
            let users = BuildUsers::Made {
                folder: Arc::new(folder),
            };
            if users.work(guard) {
                users
            } else {
                BuildUsers::Own
            }
        })
    }

    /// Whether builds run as users of their own, who may write neither the host nor the store.
    pub fn are_separate(&self) -> bool {
        !matches!(self, BuildUsers::Own)
    }

    /// The setting `build-users-group`; those that were made exist only for a Nix that builds.
    pub(super) fn group(&self, builds: bool) -> &str {
        match self {
            BuildUsers::Real { group } => group,
            BuildUsers::Made { .. } if builds => GROUP,
            BuildUsers::Made { .. } | BuildUsers::Own => "",
        }
    }

    /// What goes before a program that is to see them.
    pub(super) fn words(&self) -> Vec<OsString> {
        match self {
            BuildUsers::Made { folder } => {
                let words = ["sh", "-c", ENTER].map(OsString::from);
                let mut words = words.to_vec();
                words.push(folder.path().into());
                words
            }
            BuildUsers::Real { .. } | BuildUsers::Own => Vec::new(),
        }
    }

    /// Whether the mounts that they need can be made here.
    fn work(&self, guard: Guard) -> bool {
        let mut words = self.words();
        words.push("true".into());
        let mut command = guard.command(&words[0]);
        let status = command
            .args(&words[1..])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }
}

/// Whether `group`, the text of `/etc/group`, gives `name` members.
fn has_members(group: &str, name: &str) -> bool {
    group.lines().any(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        fields.first() == Some(&name) && fields.get(3).is_some_and(|members| !members.is_empty())
    })
}

/// A folder with the machine's own users and groups, and build users besides.
fn made(passwd: &str, group: &str) -> std::io::Result<Scratch> {
    let first = free_id(passwd, group);
    let names: Vec<String> = (1..=COUNT).map(|n| format!("{GROUP}{n}")).collect();
    let users: String = names
        .iter()
        .zip(first + 1..)
        .map(|(name, id)| {
            format!("{name}:x:{id}:{first}:kflake build user:/var/empty:/bin/false\n")
        })
        .collect();
    let folder = Scratch::new().map_err(|error| error.source)?;
    let with = |text: &str, more: &str| format!("{}\n{more}", text.trim_end());
    std::fs::write(folder.path().join("passwd"), with(passwd, &users))?;
    let line = format!("{GROUP}:x:{first}:{}\n", names.join(","));
    std::fs::write(folder.path().join("group"), with(group, &line))?;
    Ok(folder)
}

/// The first of [`COUNT`] + 1 ids in a row that nobody has.
fn free_id(passwd: &str, group: &str) -> u32 {
    let lines = passwd.lines().chain(group.lines());
    let taken: BTreeSet<u32> = lines
        .filter_map(|line| line.split(':').nth(2)?.parse().ok())
        .collect();
    let mut first = FIRST_ID;
    while let Some(last) = taken.range(first..=first + COUNT).next_back() {
        first = last + 1;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_users_take_ids_that_nobody_has() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:53005:53005::/home/ann:/bin/sh\n";
        let group = "root:x:0:\nann:x:53040:\n";
        assert_eq!(free_id(passwd, group), 53_006);
        let folder = made(passwd, group).unwrap();
        let text = std::fs::read_to_string(folder.path().join("passwd")).unwrap();
        assert!(text.starts_with(passwd), "{text}");
        assert!(text.contains("\nkflake-build1:x:53007:53006:"), "{text}");
        assert_eq!(text.lines().count(), 2 + 32);
        let text = std::fs::read_to_string(folder.path().join("group")).unwrap();
        assert!(has_members(&text, GROUP), "{text}");
    }

    #[test]
    fn made_users_are_not_those_that_another_nix_kills() {
        let ids = free_id("", "")..=free_id("", "") + COUNT;
        let (installers, allocated, mapped) = (30_000..31_000, 872_415_232, 65_536);
        for id in ids {
            assert!(!installers.contains(&id) && id < allocated && id < mapped);
        }
    }

    #[test]
    fn a_group_without_members_is_of_no_use() {
        assert!(has_members("nixbld:x:30000:nixbld1,nixbld2\n", "nixbld"));
        for text in ["", "nixbld:x:30000:\n", "nixbld\n", "nixbld2:x:1:a\n"] {
            assert!(!has_members(text, "nixbld"), "{text:?}");
        }
    }
}
