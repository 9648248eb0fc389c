//! Commands that are killed at any moment: nothing they started lives on, no file is half there, and the next run ends right and leaves
//! nothing of the killed one behind. `make kill-test` runs it, with KFLAKE_KILLS and KFLAKE_SEED.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use kflake::validate::{RunRecord, Stage};
use rustix::process::{Pid, Signal, WaitOptions};
use serde_json::Value;

/// What is killed, and with which words.
const COMMANDS: [&str; 5] = ["validate", "build", "boot", "sdk", "kernel add"];

/// Signals in turn, by name, with the exit code that stands for each.
const SIGNALS: [(&str, Signal, Option<i32>); 7] = [
    ("SIGKILL", Signal::KILL, None),
    ("SIGKILL", Signal::KILL, None),
    ("SIGTERM", Signal::TERM, Some(143)),
    ("SIGKILL", Signal::KILL, None),
    ("SIGINT", Signal::INT, Some(130)),
    ("SIGKILL", Signal::KILL, None),
    ("SIGHUP", Signal::HUP, Some(129)),
];

/// Data in the tarball that `kernel add` is killed with, so that it takes a while.
const BALLAST: usize = 24 << 20;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number")),
    )
}

/// A project with a kernel that no store has, and a folder for temporary files.
struct Place {
    folder: tempfile::TempDir,
    kflake: PathBuf,
}

impl Place {
    fn new(kflake: &Path, command: &str, random: &mut fastrand::Rng) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            folder,
            kflake: kflake.to_owned(),
        };
        for name in ["tmp", "project"] {
            fs::create_dir(place.path(name)).unwrap();
        }
        let tar = common::pack_new_kernel(place.folder.path(), "ok");
        if command == "kernel add" {
            let ballast = place.path("linux-fake/ballast");
            let bytes: Vec<u8> = (0..BALLAST / 8)
                .flat_map(|_| random.u64(..).to_le_bytes())
                .collect();
            fs::write(ballast, bytes).unwrap();
            let mut append = Command::new("tar");
            append
                .arg("-rf")
                .arg(&tar)
                .arg("-C")
                .arg(place.folder.path());
            common::succeeded(append.arg("linux-fake/ballast").output().unwrap());
        } else {
            common::succeeded(
                place
                    .kflake(&["kernel", "add", "../linux-fake.tar"])
                    .output()
                    .unwrap(),
            );
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kflake(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.kflake);
        command
            .args(words)
            .current_dir(self.path("project"))
            .env("TMPDIR", self.path("tmp"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, command: &str, resume: bool) -> Command {
        let mut words = match command {
            "validate" => vec![
                "validate", "--cell", "k6-arm64", "--kernel", "6.1.9999", "--record",
            ],
            "build" => vec![
                "build", "6.1.9999", "arm64", "--config", "tiny", "--out", "out",
            ],
            "boot" => vec!["boot", "6.1.9999", "arm64"],
            "sdk" => vec!["sdk", "k6-arm64", "--kernel", "6.1.9999", "--out", "sdk"],
            _ => return self.kflake(&["kernel", "add", "../linux-fake.tar"]),
        };
        words.extend(common::DEBIAN);
        if resume && command == "validate" {
            words.push("--resume");
        }
        self.kflake(&words)
    }
}

/// Processes that descend from this one and have not ended: `123 nix-store`.
fn descendants() -> Vec<(u32, String)> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // the name, in parentheses, may hold anything
        let Some((head, tail)) = stat.rsplit_once(')') else {
            continue;
        };
        let name = head.split_once('(').map_or("", |(_, name)| name).to_owned();
        let mut fields = tail.split_whitespace();
        let (state, parent) = (fields.next(), fields.next());
        if let (Some(state), Some(Ok(parent))) = (state, parent.map(str::parse::<u32>)) {
            parents.insert(pid, (parent, name, state != "Z" && state != "X"));
        }
    }
    let own = std::process::id();
    let is_ours = |mut pid: u32| {
        while let Some((parent, ..)) = parents.get(&pid) {
            if *parent == own {
                return true;
            }
            pid = *parent;
        }
        false
    };
    let alive = parents
        .iter()
        .filter(|(pid, (.., alive))| *alive && is_ours(**pid));
    alive
        .map(|(pid, (_, name, _))| (*pid, name.clone()))
        .collect()
}

/// What of a killed run lives on after some seconds; it is ended.
fn orphans() -> Vec<String> {
    let since = Instant::now();
    loop {
        // an orphan that ended is this process's to bury
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        let left = descendants();
        if left.is_empty() || since.elapsed() > Duration::from_secs(10) {
            for (pid, _) in &left {
                if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                    let _ = rustix::process::kill_process(pid, Signal::KILL);
                }
            }
            return left
                .iter()
                .map(|(pid, name)| format!("{name} ({pid}) lives on"))
                .collect();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every file and folder below `folder`, not following links.
fn below(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&path, into);
        }
        into.push(path);
    }
}

/// Files of the project that are half there.
fn torn(project: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    below(project, &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // not yet in its place
        if name.starts_with(".kflake-") || !path.is_file() {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        let whole = match path.extension().and_then(|it| it.to_str()) {
            Some("json") if name == "report.json" => {
                serde_json::from_str::<RunRecord>(&text).is_ok()
            }
            Some("json") => is_json(&text),
            // the last line alone may be cut off
            Some("jsonl") => text
                .split_inclusive('\n')
                .filter_map(|line| line.strip_suffix('\n'))
                .all(is_json),
            Some("nix") => rnix::Root::parse(&text).errors().is_empty(),
            _ => true,
        };
        if !whole {
            found.push(format!("{} is torn", path.display()));
        }
    }
    found
}

/// What the killed run with the number `pid` and the one after it left in the way.
fn litter(place: &Place, pid: u32) -> Vec<String> {
    let mut paths = Vec::new();
    below(&place.path("tmp"), &mut paths);
    paths.retain(|path| {
        let name = path.strip_prefix(place.path("tmp")).unwrap();
        let own = format!("kflake-{}", rustix::process::getuid().as_raw());
        name != Path::new(&own) && name != Path::new(&own).join(".lock")
    });
    let mut project = Vec::new();
    below(&place.path("project"), &mut project);
    project.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(".kflake-") && name != kflake::files::MARK || name.starts_with(".tmp")
    });
    paths.extend(project);
    // where a newer Nix builds
    let builds = format!(
        "/nix/var/nix/builds/kflake-{}",
        rustix::process::getuid().as_raw()
    );
    let folders = fs::read_dir(builds).into_iter().flatten().flatten();
    let of_it = |name: &str| name.starts_with(&format!("{pid}-"));
    paths.extend(
        folders
            .filter(|it| of_it(&it.file_name().to_string_lossy()))
            .map(|it| it.path()),
    );
    paths
        .iter()
        .map(|path| format!("{} stays", path.display()))
        .collect()
}

fn json(path: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Whether what the run after a killed one says and leaves is right.
fn right(place: &Place, command: &str, resumed: bool, output: &Output) -> Result<(), String> {
    let project = place.path("project");
    let check = |holds: bool, what: &str| holds.then_some(()).ok_or_else(|| what.to_owned());
    match command {
        "validate" => {
            let text = fs::read_to_string(project.join("report/report.json")).unwrap_or_default();
            let record: RunRecord =
                serde_json::from_str(&text).map_err(|error| error.to_string())?;
            check(
                record.finished.is_some() && !record.interrupted,
                "the report is not finished",
            )?;
            check(record.cells.len() == 1, "not one cell")?;
            let cell = &record.cells[0];
            let all = cell.stages.len() == 4 && cell.stages.iter().all(|stage| stage.is_plain());
            check(all, &format!("not all stages passed: {cell:?}"))?;
            let evidence =
                json(&project.join("matrix/evidence.json")).unwrap_or(Value::Array(vec![]));
            for stage in Stage::ALL {
                let of = |it: &&Value| it["stage"] == stage.as_str();
                let count = evidence
                    .as_array()
                    .map_or(0, |all| all.iter().filter(of).count());
                // what nobody saw the end of was not measured: what a run that is gone had built and a new one finds there, and
                // what was just built when its run was killed. A report has no time of it.
                let told = cell.stage(stage).is_some_and(|it| {
                    it.outcome == kflake::validate::Outcome::Passed && it.seconds.is_some()
                });
                let enough = count == usize::from(told) || count == 1 && !resumed;
                check(enough, &format!("{stage} was recorded {count} times"))?;
            }
            Ok(())
        }
        "build" => {
            let out = project.join("out");
            json(&out.join("metadata.json"))?;
            let sums = Command::new("sha256sum")
                .args(["--check", "--quiet", "SHA256SUMS"])
                .current_dir(&out)
                .output()
                .map_err(|error| error.to_string())?;
            check(
                sums.status.success(),
                &String::from_utf8_lossy(&sums.stdout),
            )?;
            check(out.join("vmlinux").is_file(), "no vmlinux")
        }
        "boot" => {
            let said = String::from_utf8_lossy(&output.stdout);
            check(
                said.contains(" ok pid=1 release=6.1.9999 "),
                &format!("init did not say its line: {said}"),
            )
        }
        "sdk" => {
            let sdk = project.join("sdk");
            json(&sdk.join("sdk.json"))?;
            let there = |name: &str| fs::metadata(sdk.join(name)).is_ok();
            check(
                ["bin", "kernel", "sysroot", "toolchain", "environment"]
                    .iter()
                    .all(|name| there(name)),
                "a part is missing",
            )
        }
        _ => {
            let kernels = json(&project.join("matrix/kernels.json"))?;
            let entries = kernels.as_object().map_or(0, serde_json::Map::len);
            check(entries == 1, &format!("{entries} entries"))?;
            let bytes =
                fs::read(place.path("linux-fake.tar")).map_err(|error| error.to_string())?;
            let hash = kflake::hash::Sha256::of_bytes(&bytes).sri();
            check(
                kernels["6.1.9999"]["sha256"] == hash,
                &format!("not {hash}: {kernels}"),
            )?;
            let root = project.join(".kflake/roots/linux-6.1.9999");
            check(
                fs::read(&root).is_ok_and(|stored| stored == bytes),
                "the store has another file",
            )
        }
    }
}

/// How a run ended that got a signal.
fn ended(child: &mut Child, signal: (&str, Signal, Option<i32>)) -> Result<ExitStatus, String> {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            let (name, signal, code) = signal;
            let expected = match code {
                None => status.signal() == Some(signal.as_raw()),
                // it may have been at its end
                Some(code) => matches!(status.code(), Some(it) if it == code || it == 0),
            };
            return expected
                .then_some(status)
                .ok_or_else(|| format!("{name} ended it with {status}"));
        }
        if since.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{} did not end it within 30 s", signal.0));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts and kills one run; none where it ended before. What broke is told.
fn kill(
    place: &Place,
    command: &str,
    after: Duration,
    signal: (&'static str, Signal, Option<i32>),
    resume: bool,
) -> Option<Vec<String>> {
    let mut child = place
        .run(command, false)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    if child.try_wait().unwrap().is_some() {
        return None;
    }
    rustix::process::kill_process(Pid::from_child(&child), signal.1).unwrap();
    let mut breaks = Vec::new();
    if let Err(why) = ended(&mut child, signal) {
        breaks.push(why);
    }
    breaks.extend(orphans());
    breaks.extend(torn(&place.path("project")));
    // what was killed before it began is nothing to go on with, and said to be so
    let begun = place.path("project/report/journal.jsonl");
    let resume = resume && {
        let begun = fs::read_to_string(begun).is_ok_and(|text| text.contains('\n'));
        if !begun && command == "validate" {
            let output = place.run(command, true).output().unwrap();
            if output.status.code() != Some(2) {
                breaks.push(format!("no run was gone on with: {}", output.status));
            }
        }
        begun
    };
    let output = place.run(command, resume).output().unwrap();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        breaks.push(format!("the next run ended with {}: {said}", output.status));
    } else if let Err(why) = right(place, command, resume, &output) {
        breaks.push(format!("the next run is wrong: {why}"));
    }
    breaks.extend(orphans());
    breaks.extend(torn(&place.path("project")));
    breaks.extend(litter(place, child.id()));
    if command == "kernel add" {
        forget(&place.path("project/.kflake/roots/linux-6.1.9999"));
    }
    Some(breaks)
}

/// Takes what `root` keeps out of the store: it is large, and nobody needs it.
fn forget(root: &Path) {
    if let Ok(path) = fs::read_link(root) {
        let _ = fs::remove_file(root);
        let _ = Command::new("nix-store").arg("--delete").arg(path).output();
    }
}

#[test]
#[ignore = "takes long: `make kill-test` runs it"]
fn killed_commands_leave_nothing_and_the_next_run_is_right() {
    assert!(common::have_nix(), "this needs Nix");
    // orphans become children of this process, where they are found
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let kills = number("KFLAKE_KILLS").unwrap_or(100);
    let seed = number("KFLAKE_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("{kills} kills, KFLAKE_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let kflake = common::kept_kflake(dir.path());
    let mut table = format!(
        "{:<12} {:>6} {:>8} {:>7}\n",
        "command", "length", "kills", "breaks"
    );
    let mut failures = String::new();
    let (mut done, mut late) = (0_usize, 0_usize);
    for (index, command) in COMMANDS.into_iter().enumerate() {
        let share = kills / 5 + u64::from((index as u64) < kills % 5);
        let undisturbed = Place::new(&kflake, command, &mut random);
        let since = Instant::now();
        let output = common::succeeded(undisturbed.run(command, false).output().unwrap());
        let mut length = since.elapsed();
        right(&undisturbed, command, false, &output).unwrap();
        forget(&undisturbed.path("project/.kflake/roots/linux-6.1.9999"));
        let (mut killed, mut broken) = (0, 0);
        while killed < share {
            let place = Place::new(&kflake, command, &mut random);
            let after = length.mul_f64(random.f64());
            let signal = SIGNALS[done % SIGNALS.len()];
            let resume = done % 2 == 1;
            let Some(breaks) = kill(&place, command, after, signal, resume) else {
                // it is faster than the undisturbed one was
                length = length.mul_f64(0.95);
                late += 1;
                assert!(late < 1000, "runs end before they can be killed");
                continue;
            };
            (killed, done) = (killed + 1, done + 1);
            eprintln!(
                "{done}: {command}, {} after {:.2} s: {}",
                signal.0,
                after.as_secs_f64(),
                if breaks.is_empty() { "held" } else { "BROKE" }
            );
            if !breaks.is_empty() {
                broken += 1;
                let what = breaks.join("\n  ");
                eprintln!("  {what}");
                writeln!(
                    failures,
                    "kill {done}, {command}, {} after {:.3} s:\n  {what}",
                    signal.0,
                    after.as_secs_f64()
                )
                .unwrap();
            }
        }
        writeln!(
            table,
            "{command:<12} {:>5.1}s {killed:>8} {broken:>7}",
            length.as_secs_f64()
        )
        .unwrap();
    }
    println!("{table}");
    assert!(failures.is_empty(), "{failures}");
}
