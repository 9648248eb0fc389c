//! What a machine lacks for building and booting kernels.
//!
//! Each check looks at one thing and says what it found and, where something is wrong, what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use crate::container::{Engine, EngineError, Users};
use crate::id::Suite;
use crate::nix::{
    Bootstrap, BuildUsers, Mirrors, Nix, NixError, Packages, Place, Settings, lacks_shell, quote,
};

/// Free space that a sweep of tiny kernels takes, in GiB; a defconfig kernel takes as much by itself.
const WANTED_GIB: u64 = 20;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
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
    pub verdict: Health,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Check {
            name,
            verdict: Health::Good,
            found: found.into(),
            advice: None,
        }
    }

    fn wrong(
        name: &'static str,
        verdict: Health,
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

/// The flake whose package set builds would take.
#[derive(Clone, Debug)]
pub struct FlakeInUse {
    /// The package set.
    pub packages: Packages,
    /// The folder with its flake.lock.
    pub folder: PathBuf,
    /// A folder with the flake's files as this kflake writes them.
    pub rules: PathBuf,
}

/// Looks at everything; `nix` and `container` are what probing found.
pub fn examine(
    nix: Result<&Nix, &NixError>,
    container: Result<&Engine, &EngineError>,
    mirrors: &Mirrors,
    schemes: &[String],
    project: &Path,
    bootstrap: &Bootstrap,
    flake: &FlakeInUse,
) -> Vec<Check> {
    let mut checks = vec![version(nix)];
    if let Ok(nix) = nix {
        let settings = |packages| Settings {
            packages,
            mirrors: mirrors.clone(),
        };
        checks.push(features(nix, &settings(Packages::Nixpkgs)));
        let in_use = settings(flake.packages.clone());
        let settings = settings(Packages::Debian(Suite::default()));
        checks.push(start(nix, &settings, bootstrap));
        checks.push(patchelf(nix, &in_use, flake));
        checks.push(sandbox(nix, &settings, bootstrap));
        checks.push(users(nix));
    }
    checks.push(namespaces(Path::new("/proc/sys")));
    checks.push(engine(container));
    let store = Path::new("/nix/store");
    let store = nix.map_or(store.to_owned(), |nix| nix.real_path(store));
    checks.push(disk("store", &store));
    checks.push(disk("project", project));
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
                verdict: Health::Bad,
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
            Health::Bad,
            format!("this Nix has no flakes (it said {:?})", text.trim()),
            "use Nix 2.8 or newer",
        ),
        Ok(Err(reason)) => Check::wrong(
            "flakes",
            Health::Bad,
            reason,
            "check nix.conf, and that the store can be opened",
        ),
        Err(error) => Check::wrong(
            "flakes",
            Health::Bad,
            error.to_string(),
            "check the folders that NIX_MIRRORS_… name",
        ),
    }
}

/// The patchelf of the package set that the lock in `flake` has. What would have to be fetched is not looked into: a locked tree has its
/// place in the store by its digest.
const PATCHELF: &str = r#"
{ flake, rules }:
let
  lock = builtins.fromJSON (builtins.readFile (flake + "/flake.lock"));
  inherit (lock.nodes.${lock.nodes.${lock.root}.inputs.nixpkgs}) locked;
  tree = derivation {
    name = "source";
    system = builtins.currentSystem;
    builder = "none";
    outputHashMode = "recursive";
    outputHash = locked.narHash;
  };
  here = locked.type == "path" || builtins.pathExists (builtins.unsafeDiscardStringContext tree.outPath);
  pkgs = import (rules + "/package-set.nix") {
    packages = import (rules + "/locked.nix") {
      name = "nixpkgs";
      inherit flake;
    };
    system = builtins.currentSystem;
  };
  choice = import (rules + "/patchelf.nix") {
    inherit (pkgs) patchelf;
    patchelfUnstable = pkgs.patchelfUnstable or null;
  };
in
if !here then
  null
else
  {
    taken = choice.sound.name or null;
    inherit (choice) problem advice;
  }
"#;

/// What [`PATCHELF`] says.
#[derive(serde::Deserialize)]
struct Patchelf {
    taken: Option<String>,
    problem: String,
    advice: String,
}

/// Whether prebuilt toolchains can be fitted to the store with what the package set has.
fn patchelf(nix: &Nix, settings: &Settings, flake: &FlakeInUse) -> Check {
    let path = |path: &Path| format!("/. + {}", quote(&path.to_string_lossy()));
    let (folder, rules) = (path(&flake.folder), path(&flake.rules));
    let expression = format!("({PATCHELF}) {{ flake = {folder}; rules = {rules}; }}");
    match nix.eval::<Option<Patchelf>>(settings, &expression) {
        Ok(Some(Patchelf {
            taken: Some(name), ..
        })) => Check::good(
            "patchelf",
            format!("prebuilt toolchains are fitted with {name}"),
        ),
        Ok(Some(Patchelf {
            problem, advice, ..
        })) => Check::wrong("patchelf", Health::Poor, problem, advice),
        Ok(None) => Check::good(
            "patchelf",
            "not checked: the nixpkgs of flake.lock is not here until something needs it",
        ),
        Err(error) => Check::wrong(
            "patchelf",
            Health::Poor,
            format!("the package set of flake.lock cannot be read: {error}"),
            "`kflake gen` writes a lock that can; --packages debian takes a package set that kflake brings",
        ),
    }
}

/// What builds begin with: busybox in the store, and a shell for the sandbox.
fn start(nix: &Nix, settings: &Settings, bootstrap: &Bootstrap) -> Check {
    match (nix.prepare(settings, bootstrap), nix.place()) {
        (Ok(()), Place::Daemon { trusted: false }) => Check::good(
            "start",
            "what the Debian package set begins with is in the store; the daemon decides what /bin/sh is",
        ),
        (Ok(()), _) => Check::good("start", "what builds begin with is in the store"),
        (Err(error), _) => Check::wrong(
            "start",
            Health::Bad,
            error.to_string(),
            miette::Diagnostic::help(&error).map_or_else(String::new, |help| help.to_string()),
        ),
    }
}

/// What the probe's build looks for and tries. Every line it writes is something that a sandbox should have kept from it; files
/// are opened for appending only, so that what does get through changes nothing.
const PROBE: &str = r#"
for dir in /usr /home /root /boot /srv /opt /lib /lib64 /etc/alternatives /sys/class; do
  [ ! -e "$dir" ] || echo "sees $dir" >>$out
done
for file in /etc/shadow /etc/hostname /etc/machine-id /nix/var/nix/db/db.sqlite; do
  [ ! -e "$file" ] || echo "sees $file" >>$out
done
for file in /dev/*; do
  case ${file##*/} in
  fd | full | kvm | null | ptmx | pts | random | shm | stderr | stdin | stdout | tty | urandom | zero) ;;
  *) echo "sees $file" >>$out ;;
  esac
done
for file in "$input" /proc/sys/kernel/core_pattern /proc/sys/vm/overcommit_memory /proc/sysrq-trigger /bin/sh; do
  if (: >>"$file") 2>/dev/null; then echo "may write $file" >>$out; fi
done
for dir in "$inputs" /nix/store/.links /proc/sys; do
  if (: >"$dir/.kflake-doctor") 2>/dev/null; then echo "may write below $dir" >>$out; fi
done
while read -r name rest; do
  case $name in
  lo:* | Inter* | face*) ;;
  *:*) echo "has the network interface ${name%%:*}" >>$out ;;
  esac
done </proc/net/dev
for socket in /nix/var/nix/daemon-socket/socket /run/docker.sock /var/run/docker.sock; do
  [ ! -e "$socket" ] || echo "sees $socket" >>$out
done
while read -r name value rest; do
  [ "$name $value" != "Uid: 0" ] || echo "runs as root" >>$out
done </proc/self/status
echo end >>$out
"#;

/// One build in the sandbox, never seen before, so that it really runs: it tries what a hostile kernel tree might.
fn sandbox(nix: &Nix, settings: &Settings, bootstrap: &Bootstrap) -> Check {
    let nonce = jiff::Timestamp::now().as_nanosecond();
    let expression = format!(
        "derivation {{ name = \"kflake-doctor\"; system = builtins.currentSystem; builder = \"/bin/sh\"; \
         input = builtins.toFile \"kflake-doctor-input\" \"\"; \
         inputs = derivation {{ name = \"kflake-doctor-folder\"; system = builtins.currentSystem; builder = \"/bin/sh\"; \
           args = [ \"-c\" \"echo > $out\" ]; }}; \
         args = [ \"-c\" {} ]; nonce = \"{nonce}\"; }}",
        quote(PROBE)
    );
    let built = settings
        .guarded(nix, "nix-build")
        .map(|mut command| output(command.args(["--no-out-link", "--expr", &expression])));
    let reason = match built {
        Ok(Ok(path)) => match fs::read_to_string(nix.real_path(path.trim())) {
            Ok(text) => return judge(&text),
            Err(error) => error.to_string(),
        },
        Ok(Err(reason)) => reason,
        Err(error) => error.to_string(),
    };
    let reason = match lacks_shell(&reason) {
        true => "builds have no /bin/sh, which makefiles of kernels start".to_owned(),
        false => reason,
    };
    Check::wrong(
        "sandbox",
        Health::Bad,
        reason,
        advice(nix, settings, bootstrap),
    )
}

/// What the probe found.
fn judge(text: &str) -> Check {
    let findings: Vec<&str> = text.lines().filter(|line| *line != "end").collect();
    if !text.ends_with("end\n") {
        return Check::wrong(
            "sandbox",
            Health::Bad,
            "the build that looks for holes in the sandbox did not finish",
            "run it again; if it keeps failing, `nix-store --verify --check-contents` checks the store",
        );
    }
    if findings.is_empty() {
        return Check::good(
            "sandbox",
            "a build that tried saw none of 14 files and folders of the host, no device but the harmless, and was refused 8 \
             writes (its inputs, /proc/sys), the network and root",
        );
    }
    Check::wrong(
        "sandbox",
        Health::Bad,
        format!("a build {}", findings.join("; it ")),
        "what builds as root, or in a sandbox with folders of the host, can change this machine and its own inputs: take \
         sandbox-paths and extra-sandbox-paths out of nix.conf, set `sandbox = true`, and let builds run as build users",
    )
}

/// What to do where not even the probe builds.
fn advice(nix: &Nix, settings: &Settings, bootstrap: &Bootstrap) -> String {
    match nix.place() {
        Place::Daemon { .. } => {
            let shell = match nix.daemon_shell(settings, bootstrap) {
                Ok(shell) => format!("add `extra-sandbox-paths = /bin/sh={shell}`"),
                Err(error) => format!("give the sandbox a shell as /bin/sh (none could be made: {error})"),
            };
            format!(
                "the daemon's own settings count: an administrator sets `sandbox = true` in /etc/nix/nix.conf and, if the Nix of this machine \
                 brings no shell for the sandbox, as Debian's does not, {shell}; then restarts the daemon"
            )
        }
        Place::Local | Place::Private(_) => {
            "builds need user namespaces and a store that you may write to: run as root, or with the Nix daemon".to_owned()
        }
    }
}

/// Who runs builds.
fn users(nix: &Nix) -> Check {
    match (nix.users(), nix.place()) {
        (_, Place::Daemon { .. }) => {
            Check::good("users", "the daemon runs builds as its build users")
        }
        (BuildUsers::Real { group }, _) => {
            Check::good("users", format!("builds run as the members of {group}"))
        }
        (BuildUsers::Made { .. }, _) => Check::good(
            "users",
            "builds run as unprivileged users that are made for each run",
        ),
        (BuildUsers::Own, Place::Private(_)) => Check::wrong(
            "users",
            Health::Poor,
            "builds run as you, in a store of your own: a build could change its inputs there",
            "with the Nix daemon builds run as users of their own",
        ),
        (BuildUsers::Own, _) => Check::wrong(
            "users",
            Health::Bad,
            "builds run as root",
            "make a group nixbld with users in it, or install util-linux and mount, so that kflake can make them for each run",
        ),
    }
}

/// What runs containers. Only one command needs it.
fn engine(found: Result<&Engine, &EngineError>) -> Check {
    match found {
        Ok(engine) => {
            let name = engine.name();
            match engine.users() {
                Users::All => Check::good("engine", format!("{name} runs containers as root")),
                Users::Mapped => Check::good(
                    "engine",
                    format!("{name} runs containers as an ordinary user"),
                ),
                Users::Caller => Check::wrong(
                    "engine",
                    Health::Poor,
                    format!("{name} has no ids for you in /etc/subuid and /etc/subgid"),
                    "`kflake container` works without; what else runs containers may not, such as the kernel's own scripts/container: \
                     usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
                ),
            }
        }
        Err(error) => Check {
            name: "engine",
            verdict: Health::Poor,
            found: error.to_string(),
            advice: miette::Diagnostic::help(error).map(|help| help.to_string()),
        },
    }
}

fn namespaces(sys: &Path) -> Check {
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(sys.join(name)).ok()?.trim().parse().ok()
    };
    if number("user/max_user_namespaces") == Some(0) {
        Check::wrong(
            "namespaces",
            Health::Poor,
            "user namespaces are switched off",
            "sysctl -w user.max_user_namespaces=15000",
        )
    } else if number("kernel/unprivileged_userns_clone") == Some(0) {
        Check::wrong(
            "namespaces",
            Health::Poor,
            "only root may make user namespaces",
            "sysctl -w kernel.unprivileged_userns_clone=1, or let the Nix daemon build",
        )
    } else {
        Check::good("namespaces", "user namespaces can be made")
    }
}

/// Bytes that are free for `path`, whether it is there already or not; none where that cannot be measured.
pub fn free_space(path: &Path) -> Option<u64> {
    measure(&nearest(path)).ok()
}

/// What does not exist yet will be made in the nearest folder that does.
fn nearest(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|path| path.exists());
    there.map_or(PathBuf::from("."), Path::to_owned)
}

fn measure(there: &Path) -> rustix::io::Result<u64> {
    let stat = rustix::fs::statvfs(there)?;
    Ok(stat.f_bavail * stat.f_frsize)
}

fn disk(what: &'static str, path: &Path) -> Check {
    let there = nearest(path);
    match measure(&there) {
        Ok(bytes) => {
            let gib = bytes >> 30;
            let found = format!("{gib} GiB free for {}", crate::text::shown(path));
            if gib >= WANTED_GIB {
                Check::good(what, found)
            } else {
                Check::wrong(
                    what,
                    Health::Poor,
                    found,
                    format!(
                        "a sweep takes about {WANTED_GIB} GiB; `kflake gc` shows what old runs hold, and frees it"
                    ),
                )
            }
        }
        Err(error) => Check::wrong(
            what,
            Health::Poor,
            format!("{}: {error}", crate::text::shown(there)),
            "make the folder readable",
        ),
    }
}

/// Whether one of the addresses of `scheme` answers, within a few seconds.
fn mirror(scheme: &str, urls: &[String]) -> Check {
    let advice =
        format!("set NIX_MIRRORS_{scheme} to a mirror or a folder, or `kflake pins import DIR`");
    if urls.is_empty() {
        return Check::wrong(
            "mirror",
            Health::Poor,
            format!("{scheme}: no address is known"),
            advice,
        );
    }
    match urls.iter().find(|url| answers(url)) {
        Some(url) => Check::good("mirror", format!("{scheme}: {url} answers")),
        None => Check::wrong(
            "mirror",
            Health::Poor,
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
        assert_eq!(namespaces(off.path()).verdict, Health::Poor);
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
        assert_eq!(namespaces(on.path()).verdict, Health::Good);
    }

    #[test]
    fn a_hole_in_the_sandbox_is_told() {
        assert_eq!(judge("end\n").verdict, Health::Good);
        let open = judge("sees /usr\nmay write /proc/sysrq-trigger\nend\n");
        assert_eq!(open.verdict, Health::Bad);
        assert_eq!(
            open.found,
            "a build sees /usr; it may write /proc/sysrq-trigger"
        );
        assert_eq!(judge("").verdict, Health::Bad);
        // the numbers that are told are those of the probe
        let lists: Vec<usize> = PROBE
            .lines()
            .filter_map(|line| line.strip_prefix("for ")?.split_once(" in "))
            .map(|(_, list)| list.trim_end_matches("; do").split_whitespace().count())
            .collect();
        assert_eq!(lists, [10, 4, 1, 5, 3, 3]);
    }

    #[test]
    fn mirrors_are_asked() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}", dir.path().display());
        assert_eq!(mirror("bootlin", &[url]).verdict, Health::Good);
        assert_eq!(
            mirror("bootlin", &["file:///nonexistent/".to_owned()]).verdict,
            Health::Poor
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
