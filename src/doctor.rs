//! What a machine lacks for building and booting kernels.
//!
//! Each check looks at one thing and says what it found and, where something is wrong, what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use crate::nix::{Mirrors, Nix, NixError, Packages, Settings};

/// Free space that a sweep of tiny kernels takes, in GiB; a defconfig kernel takes as much by itself.
const WANTED_GIB: u64 = 20;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Some things will not work, or not well.
    Poor,
    /// Nothing can be built.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What: stable, for programs.
    pub name: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Check {
            name,
            verdict: Verdict::Good,
            found: found.into(),
            advice: None,
        }
    }

    fn wrong(
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Check {
            name,
            verdict,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }
}

/// Host commands that the host package set links to, with the Debian package of each.
const HOST_TOOLS: &[(&str, &str)] = &[
    ("gcc", "gcc"),
    ("make", "make"),
    ("flex", "flex"),
    ("bison", "bison"),
    ("bc", "bc"),
    ("perl", "perl"),
    ("python3", "python3"),
    ("cpio", "cpio"),
    ("rsync", "rsync"),
    ("hexdump", "bsdextrautils"),
    ("depmod", "kmod"),
    ("patchelf", "patchelf"),
    ("xz", "xz-utils"),
    ("curl", "curl"),
];

/// Looks at everything; `nix` is what probing found.
pub fn examine(
    nix: Result<&Nix, &NixError>,
    mirrors: &Mirrors,
    schemes: &[String],
    project: &Path,
) -> Vec<Check> {
    let mut checks = vec![version(nix)];
    if let Ok(nix) = nix {
        let settings = |packages| Settings {
            packages,
            mirrors: mirrors.clone(),
        };
        checks.push(features(nix, &settings(Packages::Nixpkgs)));
        checks.push(sandbox(nix, &settings(Packages::Host)));
    }
    checks.push(namespaces(Path::new("/proc/sys")));
    checks.push(disk("store", Path::new("/nix/store")));
    checks.push(disk("project", project));
    checks.push(host_tools(&std::env::var_os("PATH").unwrap_or_default()));
    checks.extend(
        schemes
            .iter()
            .map(|scheme| mirror(scheme, mirrors.urls(scheme))),
    );
    checks
}

fn version(nix: Result<&Nix, &NixError>) -> Check {
    match nix {
        Ok(nix) => Check::good("nix", nix.banner()),
        Err(error) => {
            let advice = miette::Diagnostic::help(error).map(|help| help.to_string());
            Check {
                name: "nix",
                verdict: Verdict::Bad,
                found: error.to_string(),
                advice,
            }
        }
    }
}

/// Flakes, with the features that kflake switches on itself.
fn features(nix: &Nix, settings: &Settings) -> Check {
    let evaluated = settings
        .command(nix, "nix")
        .map(|mut command| output(command.args(["eval", "--expr", "builtins ? getFlake"])));
    match evaluated {
        Ok(Ok(text)) if text.trim() == "true" => {
            Check::good("flakes", "flakes and the nix command work")
        }
        Ok(Ok(text)) => Check::wrong(
            "flakes",
            Verdict::Bad,
            format!("this Nix has no flakes (it said {:?})", text.trim()),
            "use Nix 2.8 or newer",
        ),
        Ok(Err(reason)) => Check::wrong(
            "flakes",
            Verdict::Bad,
            reason,
            "check nix.conf, and that the store can be opened",
        ),
        Err(error) => Check::wrong(
            "flakes",
            Verdict::Bad,
            error.to_string(),
            "check the folders that NIX_MIRRORS_… name",
        ),
    }
}

/// One build in the sandbox, never seen before, so that it really runs.
fn sandbox(nix: &Nix, settings: &Settings) -> Check {
    let nonce = jiff::Timestamp::now().as_nanosecond();
    let expression = format!(
        "derivation {{ name = \"kflake-doctor\"; system = builtins.currentSystem; builder = \"/bin/sh\"; \
         args = [ \"-c\" \"[ ! -d /root ] && [ ! -d /home ] && echo {nonce} > $out\" ]; }}"
    );
    let built = settings
        .command(nix, "nix-build")
        .map(|mut command| output(command.args(["--no-out-link", "--expr", &expression])));
    match built {
        Ok(Ok(_)) => Check::good(
            "sandbox",
            "a build runs in Nix's sandbox, with this machine's /usr read-only",
        ),
        Ok(Err(reason)) => Check::wrong(
            "sandbox",
            Verdict::Bad,
            reason,
            "builds need user namespaces and a store that you may write to: run as root, or with the Nix daemon",
        ),
        Err(error) => Check::wrong(
            "sandbox",
            Verdict::Bad,
            error.to_string(),
            "check the folders that NIX_MIRRORS_… name",
        ),
    }
}

fn namespaces(sys: &Path) -> Check {
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(sys.join(name)).ok()?.trim().parse().ok()
    };
    if number("user/max_user_namespaces") == Some(0) {
        Check::wrong(
            "namespaces",
            Verdict::Poor,
            "user namespaces are switched off",
            "sysctl -w user.max_user_namespaces=15000",
        )
    } else if number("kernel/unprivileged_userns_clone") == Some(0) {
        Check::wrong(
            "namespaces",
            Verdict::Poor,
            "only root may make user namespaces",
            "sysctl -w kernel.unprivileged_userns_clone=1, or let the Nix daemon build",
        )
    } else {
        Check::good("namespaces", "user namespaces can be made")
    }
}

fn disk(what: &'static str, path: &Path) -> Check {
    // what does not exist yet will be made in the nearest folder that does
    let there = path
        .ancestors()
        .find(|path| path.exists())
        .map_or(PathBuf::from("."), Path::to_owned);
    match rustix::fs::statvfs(&there) {
        Ok(stat) => {
            let gib = (stat.f_bavail * stat.f_frsize) >> 30;
            let found = format!("{gib} GiB free for {}", path.display());
            if gib >= WANTED_GIB {
                Check::good(what, found)
            } else {
                Check::wrong(
                    what,
                    Verdict::Poor,
                    found,
                    format!(
                        "a sweep takes about {WANTED_GIB} GiB; `nix-collect-garbage` frees what nothing refers to"
                    ),
                )
            }
        }
        Err(error) => Check::wrong(
            what,
            Verdict::Poor,
            format!("{}: {error}", there.display()),
            "make the folder readable",
        ),
    }
}

fn host_tools(path: &std::ffi::OsStr) -> Check {
    let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
    let missing: Vec<&str> = HOST_TOOLS
        .iter()
        .filter(|(command, _)| !folders.iter().any(|folder| folder.join(command).is_file()))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        Check::good(
            "tools",
            "everything that `--packages host` builds with is installed",
        )
    } else {
        Check::wrong(
            "tools",
            Verdict::Poor,
            format!("missing for `--packages host`: {}", missing.join(" ")),
            format!("apt-get install {}", missing.join(" ")),
        )
    }
}

/// Whether one of the addresses of `scheme` answers, within a few seconds.
fn mirror(scheme: &str, urls: &[String]) -> Check {
    let advice =
        format!("set NIX_MIRRORS_{scheme} to a mirror or a folder, or `kflake pins import DIR`");
    if urls.is_empty() {
        return Check::wrong(
            "mirror",
            Verdict::Poor,
            format!("{scheme}: no address is known"),
            advice,
        );
    }
    match urls.iter().find(|url| answers(url)) {
        Some(url) => Check::good("mirror", format!("{scheme}: {url} answers")),
        None => Check::wrong(
            "mirror",
            Verdict::Poor,
            format!("{scheme}: none of {} answers", urls.join(" ")),
            advice,
        ),
    }
}

fn answers(url: &str) -> bool {
    if let Some(path) = url.strip_prefix("file://") {
        return Path::new(path).is_dir();
    }
    let limit = Duration::from_secs(5).as_secs().to_string();
    // an error page is an answer too: a mirror's top folder need not be readable
    Command::new("curl")
        .args([
            "--silent",
            "--head",
            "--location",
            "--max-time",
            &limit,
            "--output",
            "/dev/null",
            "--",
            url,
        ])
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What `command` printed, or in one line why it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(crate::nix::last_error(&output.stderr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sys(entries: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in entries {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn namespaces_are_read_from_sysctl() {
        let off = sys(&[("user/max_user_namespaces", "0\n")]);
        assert_eq!(namespaces(off.path()).verdict, Verdict::Poor);
        let root = sys(&[("kernel/unprivileged_userns_clone", "0\n")]);
        assert!(
            namespaces(root.path())
                .advice
                .unwrap()
                .contains("unprivileged_userns_clone=1")
        );
        let on = sys(&[
            ("user/max_user_namespaces", "9000\n"),
            ("kernel/unprivileged_userns_clone", "1\n"),
        ]);
        assert_eq!(namespaces(on.path()).verdict, Verdict::Good);
    }

    #[test]
    fn missing_tools_are_named_with_their_packages() {
        let check = host_tools(std::ffi::OsStr::new("/nonexistent"));
        assert_eq!(check.verdict, Verdict::Poor);
        assert!(check.advice.unwrap().contains("xz-utils"));
    }

    #[test]
    fn mirrors_are_asked() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}", dir.path().display());
        assert_eq!(mirror("bootlin", &[url]).verdict, Verdict::Good);
        assert_eq!(
            mirror("bootlin", &["file:///nonexistent/".to_owned()]).verdict,
            Verdict::Poor
        );
        let none = mirror("debian", &[]);
        assert!(
            none.found.contains("no address")
                && none.advice.unwrap().contains("NIX_MIRRORS_debian")
        );
    }

    #[test]
    fn free_space_is_measured_where_the_folder_will_be() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            disk("project", &dir.path().join("a/b"))
                .found
                .contains("GiB free")
        );
    }
}
