//! Signals while Nix is at work: kflake ends at once with the signal's own exit code, and leaves no process behind.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A Nix whose `program` first sleeps for `seconds`, which no other process does for just that long.
fn slow_nix(folder: &Path, program: &str, seconds: &str) {
    let real = Command::new("sh")
        .args(["-c", "command -v nix"])
        .output()
        .unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let real = Path::new(real.trim()).parent().unwrap().to_owned();
    for tool in [
        "nix",
        "nix-build",
        "nix-env",
        "nix-instantiate",
        "nix-store",
    ] {
        if tool == program {
            let script = format!(
                "#!/bin/sh\nsleep {seconds}\nexec {}/{tool} \"$@\"\n",
                real.to_str().unwrap()
            );
            fs::write(folder.join(tool), script).unwrap();
            fs::set_permissions(folder.join(tool), fs::Permissions::from_mode(0o755)).unwrap();
        } else {
            symlink(real.join(tool), folder.join(tool)).unwrap();
        }
    }
}

/// How many processes sleep for `seconds`.
fn sleepers(seconds: &str) -> usize {
    let words = format!("sleep\0{seconds}\0");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
    lines.filter(|line| line == words.as_bytes()).count()
}

fn wait_for(what: &str, limit: u64, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(limit), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_signal_while_nix_evaluates_ends_kflake_and_what_it_started() {
    if !common::have_nix() {
        return;
    }
    let commands: [&[&str]; 3] = [
        &["validate", "--cell", "k6-arm64"],
        &["build", "6.1.183", "arm64", "--out", "out"],
        &["sdk", "k6-arm64", "--out", "out"],
    ];
    for (index, (signal, code)) in [("INT", 130), ("TERM", 143), ("HUP", 129)]
        .into_iter()
        .enumerate()
    {
        let dir = tempfile::tempdir().unwrap();
        let seconds = format!("3{index}.{}", std::process::id());
        slow_nix(dir.path(), "nix-instantiate", &seconds);
        let project = dir.path().join("project");
        fs::create_dir(&project).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_kflake"))
            .args(commands[index])
            .args(["--packages", "debian", "--toolchains", "debian"])
            .current_dir(&project)
            .env("KFLAKE_NIX", dir.path().join("nix"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("Nix evaluates", 60, || sleepers(&seconds) > 0);
        let since = Instant::now();
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "SIG{signal}");
        assert!(
            since.elapsed() < Duration::from_secs(1),
            "{:?}",
            since.elapsed()
        );
        wait_for("no process is left", 5, || sleepers(&seconds) == 0);
    }
}

#[test]
fn a_kill_while_a_kernel_is_added_leaves_no_process_and_no_litter() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let seconds = format!("37.{}", std::process::id());
    slow_nix(dir.path(), "nix-store", &seconds);
    let tar = common::pack_fake_kernel(dir.path(), "ok");
    let temporary = dir.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let add = |nix: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
        command
            .args(["kernel", "add"])
            .arg(&tar)
            .current_dir(dir.path())
            .env("TMPDIR", &temporary)
            .env("KFLAKE_NIX", nix)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let mut child = add(&dir.path().join("nix")).spawn().unwrap();
    wait_for("Nix adds the file", 60, || sleepers(&seconds) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("no process is left", 5, || sleepers(&seconds) == 0);
    // the next run finds what that one left, and leaves nothing itself
    let nix = Command::new("sh")
        .args(["-c", "command -v nix"])
        .output()
        .unwrap();
    let nix = String::from_utf8(nix.stdout).unwrap();
    assert!(add(Path::new(nix.trim())).status().unwrap().success());
    let mut left = Vec::new();
    for entry in fs::read_dir(&temporary).unwrap() {
        let folder = entry.unwrap().path();
        for inner in fs::read_dir(&folder).unwrap() {
            left.push(inner.unwrap().file_name());
        }
    }
    assert_eq!(left, [".lock"], "{temporary:?}");
}

#[test]
fn a_kill_while_a_machine_boots_leaves_no_build_folder() {
    if !common::have_nix() {
        return;
    }
    // its boot takes long enough to be killed
    let project = common::fake_project("silent");
    let temporary = project.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kflake"))
        .args(["validate", "--cell", "k6-arm64", "--kernel", "6.1.9999"])
        .args(common::DEBIAN)
        .args(["--fresh", "boot", "--silence-timeout", "boot=90s"])
        .current_dir(project.path())
        .env("TMPDIR", &temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // below TMPDIR, or where a newer Nix builds
    let own = format!("kflake-{}", rustix::process::getuid().as_raw());
    let places = [&temporary, Path::new("/nix/var/nix/builds")].map(|place| place.join(&own));
    let builds = |pid: &str| {
        let folders = places
            .iter()
            .flat_map(|place| fs::read_dir(place).into_iter().flatten());
        let of = folders
            .flatten()
            .filter(|it| it.file_name().to_string_lossy().starts_with(pid));
        of.flat_map(|it| fs::read_dir(it.path()).into_iter().flatten().flatten())
            .filter(|it| it.file_name().to_string_lossy().starts_with("nix-"))
            .map(|it| it.path())
            .collect::<Vec<_>>()
    };
    let pid = format!("{}-", child.id());
    let mut seen = (Vec::new(), Instant::now());
    wait_for("something is built for a while", 300, || {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        let now = builds(&pid);
        if now != seen.0 {
            seen = (now, Instant::now());
        }
        !seen.0.is_empty() && seen.1.elapsed() > Duration::from_secs(1)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        builds(&pid),
        seen.0,
        "Nix leaves the folder of a build that is killed"
    );
    // the next run finds and removes it
    let mut again = Command::new(env!("CARGO_BIN_EXE_kflake"));
    again
        .args(["boot", "6.1.9999", "arm64", "--dry-run"])
        .args(common::DEBIAN)
        .current_dir(project.path())
        .env("TMPDIR", &temporary);
    assert!(again.output().unwrap().status.success());
    assert_eq!(builds(&pid), Vec::<PathBuf>::new());
}
