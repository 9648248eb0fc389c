//! Nix as ordinary users have it: a daemon that builds for them, or a store of their own.
//!
//! Root plays both parts: the tests run kflake as `nobody`. An ordinary user who runs them tries the second only.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Debian's `nobody`.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A user's folder, with a kflake that the user can start and a kernel that nobody has built.
struct User {
    home: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    /// Whether this machine's own store and daemon are out of sight.
    alone: bool,
}

/// Where a Nix daemon of this machine listens.
const SOCKET: &str = "/nix/var/nix/daemon-socket/socket";

/// Takes the store and the daemon out of sight of what follows: neither is there for a user who has only their own.
const HIDE: &str = "mount -t tmpfs tmpfs /nix && exec \"$@\"";

impl User {
    fn new(variables: Vec<(&'static str, String)>) -> User {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("kflake");
        fs::copy(env!("CARGO_BIN_EXE_kflake"), &program).unwrap();
        common::pack_new_kernel(home.path(), "ok");
        for path in [home.path(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        if is_root() {
            chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        User {
            home,
            variables,
            alone: false,
        }
    }

    /// One who has no daemon, though this machine may.
    fn without_a_daemon() -> User {
        let mut user = User::new(Vec::new());
        if is_root() {
            // a Nix that lies in the store itself would be hidden with it
            let program = common::nix("sh").args(["-c", "command -v nix"]).output();
            let program = String::from_utf8(program.unwrap().stdout).unwrap();
            user.alone = !fs::canonicalize(program.trim()).is_ok_and(|nix| nix.starts_with("/nix"));
        }
        if !user.alone && Path::new(SOCKET).exists() {
            // the place that they have where there is no daemon
            let root = user.path(".local/share/nix/root");
            let remote = format!("local?root={}", root.display());
            user.variables.push(("NIX_REMOTE", remote));
        }
        user
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn kflake(&self, words: &[&str]) -> Output {
        let program = self.path("kflake");
        let mut command = if is_root() {
            let mut command = if self.alone {
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", HIDE, "sh", "setpriv"]);
                command
            } else {
                Command::new("setpriv")
            };
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        for name in [
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "NIX_REMOTE",
            "NIX_CONFIG",
        ] {
            command.env_remove(name);
        }
        command
            .env("HOME", self.home.path())
            .env("NO_COLOR", "1")
            .env("NIX_MIRRORS_debian", common::debian_mirror())
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
            .current_dir(self.home.path())
            .args(["-C", "project"])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn said(&self, words: &[&str]) -> String {
        let output = common::succeeded(self.kflake(words));
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    }

    /// From nothing to a kernel that boots, and a shell that builds more.
    fn goes_all_the_way(&self) {
        self.said(&["gen", "--packages", "debian", "--toolchains", "debian"]);
        self.said(&["kernel", "add", "linux-fake.tar"]);
        let report = self.said(&[
            "validate",
            "--toolchains",
            "debian",
            "--kernel",
            "6.1.9999",
            "--arch",
            "arm64",
        ]);
        assert!(report.contains("arm64  TKMB boot"), "{report}");
        self.said(&[
            "build",
            "6.1.9999",
            "arm64",
            "--toolchains",
            "debian",
            "--out",
            "built",
        ]);
        assert!(self.path("built/vmlinux").is_file());
        let console = self.said(&["boot", "6.1.9999", "arm64", "--toolchains", "debian"]);
        assert!(console.contains("ok pid=1 release=6.1.9999"), "{console}");
        let shell = self.said(&["nix", "--", "develop", "-c", "sh", "-c", "kbuild --help"]);
        assert!(shell.contains("kbuild"), "{shell}");
    }
}

#[test]
fn a_user_without_a_daemon_has_a_store_of_their_own() {
    let user = User::without_a_daemon();
    user.goes_all_the_way();
    let store = user.path(".local/share/nix/root/nix/store");
    assert!(fs::read_dir(&store).unwrap().count() > 100);
    let checks = String::from_utf8_lossy(&user.kflake(&["doctor"]).stdout).into_owned();
    for line in [
        "ok    sandbox ".to_owned(),
        format!("free for {}", store.display()),
    ] {
        assert!(checks.contains(&line), "{checks}");
    }
    let sdk = user.kflake(&["sdk", "k6-arm64", "--out", "sdk"]);
    assert_eq!(sdk.status.code(), Some(2));
    let said = String::from_utf8_lossy(&sdk.stderr);
    assert!(
        said.contains("/nix/store") && said.contains("daemon"),
        "{said}"
    );
    // what Nix makes is read-only, and would stay
    common::succeeded(
        Command::new("chmod")
            .args(["-R", "u+w"])
            .arg(&store)
            .output()
            .unwrap(),
    );
}

#[test]
fn what_is_another_users_is_not_blamed_on_the_store() {
    if !is_root() {
        return;
    }
    let user = User::without_a_daemon();
    fs::create_dir_all(user.path("project/.kflake/roots")).unwrap();
    let output = user.kflake(&["kernel", "add", "linux-fake.tar"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(
        said.contains("roots: Permission denied: it belongs to root, and you are nobody"),
        "{said}"
    );
}

/// A daemon beside this machine's own, if any: on the same store, with build users that only it sees.
struct Daemon {
    folder: tempfile::TempDir,
    process: Child,
}

impl Daemon {
    /// One whose sandbox has a shell.
    fn start() -> Daemon {
        let settings = common::build_config();
        let shell = settings
            .lines()
            .rfind(|line| line.starts_with("sandbox-paths ="))
            .unwrap();
        Daemon::with(shell)
    }

    fn with(setting: &str) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        write(
            "nix.conf",
            format!(
                "sandbox = true\nsandbox-fallback = false\n{setting}\nbuild-users-group = kflake-test\nsubstitute = false\n"
            ),
        );
        let etc = |name: &str| fs::read_to_string(Path::new("/etc").join(name)).unwrap();
        let (mut passwd, mut group) = (etc("passwd"), etc("group"));
        let names: Vec<String> = (1..=8).map(|n| format!("kflake-test{n}")).collect();
        for (name, id) in names.iter().zip(39_001..) {
            passwd += &format!("{name}:x:{id}:39000::/var/empty:/bin/false\n");
        }
        group += &format!("kflake-test:x:39000:{}\n", names.join(","));
        write("passwd", passwd);
        write("group", group);
        let script =
            "mount --bind passwd /etc/passwd && mount --bind group /etc/group && exec nix-daemon";
        let process = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "sh",
                "-c",
                script,
            ])
            .current_dir(folder.path())
            .env("NIX_CONF_DIR", folder.path())
            .env("NIX_DAEMON_SOCKET_PATH", folder.path().join("socket"))
            .env_remove("NIX_CONFIG")
            .env_remove("NIX_REMOTE")
            .stdin(Stdio::null())
            // it tells of every connection
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Daemon { folder, process };
        let until = Instant::now() + Duration::from_secs(20);
        while !daemon.socket().exists() {
            assert!(Instant::now() < until, "the daemon did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_user_with_a_daemon_needs_no_trust() {
    assert!(
        is_root(),
        "only root can start a Nix daemon: run this test as root"
    );
    let daemon = Daemon::start();
    let user = User::new(vec![(
        "NIX_REMOTE",
        format!("unix://{}", daemon.socket().display()),
    )]);
    user.goes_all_the_way();
    let checks = String::from_utf8_lossy(&user.kflake(&["doctor"]).stdout).into_owned();
    for line in ["ok    sandbox ", "ok    users       the daemon runs builds"] {
        assert!(checks.contains(line), "{checks}");
    }
    let sdk = user.said(&[
        "sdk",
        "k6-arm64",
        "--kernel",
        "6.1.9999",
        "--toolchains",
        "debian",
        "--out",
        "sdk",
    ]);
    assert!(sdk.contains("SDK for k6-arm64"), "{sdk}");
}

#[test]
fn doctor_has_the_line_for_a_daemon_without_a_shell() {
    assert!(
        is_root(),
        "only root can start a Nix daemon: run this test as root"
    );
    let daemon = Daemon::with("sandbox-paths =");
    let remote = |daemon: &Daemon| {
        let socket = daemon.socket();
        vec![("NIX_REMOTE", format!("unix://{}", socket.display()))]
    };
    let user = User::new(remote(&daemon));
    // not after half of the builds, and not as a lack of memory, which is what the kernel's own tools take it for
    user.said(&["gen", "--packages", "debian", "--toolchains", "debian"]);
    user.said(&["kernel", "add", "linux-fake.tar"]);
    let build = user.kflake(&["build", "6.1.9999", "arm64", "--out", "built"]);
    let said = String::from_utf8_lossy(&build.stderr).into_owned();
    assert_eq!(build.status.code(), Some(6), "{said}");
    assert!(said.contains("have no /bin/sh"), "{said}");
    assert!(said.contains("kflake doctor"), "{said}");

    let checks = String::from_utf8_lossy(&user.kflake(&["doctor"]).stdout).into_owned();
    assert!(
        checks.contains("bad   sandbox     builds have no /bin/sh"),
        "{checks}"
    );
    let line = checks
        .split('`')
        .find(|it| it.starts_with("extra-sandbox-paths"));
    let line = line.unwrap_or_else(|| panic!("{checks}"));
    drop(daemon);

    // the line is all that it takes
    let daemon = Daemon::with(line);
    let user = User::new(remote(&daemon));
    user.said(&["gen", "--packages", "debian", "--toolchains", "debian"]);
    let checks = String::from_utf8_lossy(&user.kflake(&["doctor"]).stdout).into_owned();
    assert!(checks.contains("ok    sandbox "), "{checks}");
}
