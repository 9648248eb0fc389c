//! `kflake container` with an engine that writes down how it was called.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with a kernel tree, and an engine called `name` that does `run` when it is to run something.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new(engines: &[(&str, &str)]) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk { dir };
        fs::create_dir_all(desk.at("tree")).unwrap();
        fs::create_dir(desk.at("bin")).unwrap();
        fs::write(
            desk.at("tree/Makefile"),
            "all: ; @echo here\nImage modules: ; @echo made $@\n",
        )
        .unwrap();
        for (name, run) in engines {
            desk.program(
                name,
                &format!(
                    "here={}\ncase $1 in\nrun) for word; do echo \"$word\" >>$here/said; done; {run} ;;\n\
                     kill) echo \"$*\" >>$here/killed; kill $(cat $here/pid) ;;\ninfo) echo rootless=false ;;\nesac\n",
                    desk.at("").display()
                ),
            );
        }
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
        command
            .args(["container"])
            .args(args)
            .current_dir(self.dir.path())
            .env("PATH", self.at("bin"))
            .env("NO_COLOR", "1")
            .env_remove("KFLAKE_ENGINE")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The process of the engine, which writes it down once it is started.
    fn pid(&self) -> String {
        let start = Instant::now();
        loop {
            let pid = fs::read_to_string(self.at("pid")).unwrap_or_default();
            if let Some(pid) = pid.strip_suffix('\n') {
                return pid.to_owned();
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the engine was not started"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn said(&self) -> Vec<String> {
        let said = fs::read_to_string(self.at("said")).unwrap();
        said.lines().map(str::to_owned).collect()
    }
}

fn stderr(output: &Output) -> String {
    // lines are broken where a terminal would end
    let text = String::from_utf8_lossy(&output.stderr).replace('│', " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_command_reaches_the_engine_whole_and_its_exit_code_comes_back() {
    let desk = Desk::new(&[("podman", "exit 3")]);
    let words = [
        "localhost/x:1",
        "--tree",
        "tree",
        "--",
        "make",
        "-j2",
        "Image",
        "modules",
        "KCFLAGS=-DA='b c'",
    ];
    let output = desk.run(&words);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = desk.said();
    let image = said
        .iter()
        .position(|word| word == "localhost/x:1")
        .unwrap();
    assert_eq!(
        said[image + 1..],
        ["make", "-j2", "Image", "modules", "KCFLAGS=-DA='b c'"]
    );
    let tree = fs::canonicalize(desk.at("tree")).unwrap();
    let mount = |folder: &Path, rest: &str| format!("type=bind,source={},{rest}", folder.display());
    assert!(
        said.contains(&mount(&tree, "target=/src,readonly")),
        "{said:?}"
    );
    assert!(
        said.contains(&mount(&tree.join("build-x-1"), "target=/out")),
        "{said:?}"
    );
    assert!(tree.join("build-x-1").is_dir());
}

#[test]
fn a_tree_that_is_written_to_stays_as_it_is() {
    let here = |desk: &Desk, name: &str| fs::canonicalize(desk.at("")).unwrap().join(name);
    for engine in ["podman", "docker"] {
        let desk = Desk::new(&[(engine, "mkdir $here/out/.overlay/work")]);
        let words = ["localhost/x:1", "--tree", "tree", "--overlay"];
        let run = |more: &[&str]| desk.run(&[&words[..], more, &["--", "make"]].concat());
        let output = run(&["--out", "out"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let (tree, out) = (here(&desk, "tree"), here(&desk, "out"));
        let (tree, out) = (tree.display(), out.display());
        let folders = format!("upperdir={out}/tree,workdir={out}/.overlay");
        let shown = match engine {
            "podman" => format!("{tree}:/src:O,{folders}"),
            _ => format!(
                "type=volume,target=/src,volume-driver=local,volume-opt=type=overlay,volume-opt=device=overlay,\
                 \"volume-opt=o=lowerdir={tree},{folders}\""
            ),
        };
        let said = desk.said();
        assert!(said.contains(&shown), "{said:?}");
        // make builds where the sources are
        assert!(
            !said.iter().any(|it| it.contains("KBUILD_OUTPUT")),
            "{said:?}"
        );
        assert!(desk.at("out/tree").is_dir() && !desk.at("out/.overlay").exists());

        fs::create_dir(desk.at("a:b")).unwrap();
        for (more, why) in [
            (&["--out", "tree/out"][..], "--out DIR"),
            (&["--out", "."], "--out DIR"),
            (&["--out", "a:b"], "a colon"),
            (&[], "--out"),
        ] {
            let output = run(more);
            assert_eq!(output.status.code(), Some(2), "{more:?}");
            assert!(stderr(&output).contains(why), "{}", stderr(&output));
        }
    }
}

#[test]
fn docker_is_taken_where_podman_does_not_work() {
    let desk = Desk::new(&[("docker", "exit 0")]);
    desk.program("podman", "echo 'no storage' >&2; exit 1\n");
    let output = desk.run(&["localhost/x:1", "--tree", "tree", "--", "true"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(desk.said().last().map(String::as_str), Some("true"));
}

#[test]
fn what_is_missing_is_told() {
    let desk = Desk::new(&[]);
    let output = desk.run(&["localhost/x:1", "--tree", "tree", "--", "true"]);
    assert_eq!(output.status.code(), Some(9));
    let said = stderr(&output);
    assert!(
        said.contains("podman is not there; docker is not there")
            && said.contains("apt install podman"),
        "{said}"
    );

    let desk = Desk::new(&[("podman", "exit 0")]);
    desk.program("other", "echo 'cannot connect' >&2; exit 1\n");
    let mut command = desk.command(&["localhost/x:1", "--tree", "tree", "--", "true"]);
    let output = command
        .env("KFLAKE_ENGINE", desk.at("bin/other"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(9));
    assert!(
        stderr(&output).contains("cannot connect"),
        "{}",
        stderr(&output)
    );
    // and no tree, a cell that there is not
    let output = desk.run(&["localhost/x:1", "--tree", "bin", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("bin holds no kernel: there is no Makefile in it"),
        "{}",
        stderr(&output)
    );
    let output = desk.run(&["./image", "--tree", "tree", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("./image: there is no image"),
        "{}",
        stderr(&output)
    );
    let output = desk.run(&["k6-arm46", "--tree", "tree", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("arm64"), "{}", stderr(&output));
}

#[test]
fn ctrl_c_ends_the_container() {
    // an engine ends by itself when its container does
    let run = "echo $$ >$here/pid; trap 'kill $!; exit 130' TERM; sleep 100 & wait";
    let desk = Desk::new(&[("podman", run)]);
    let mut child = desk
        .command(&["localhost/x:1", "--tree", "tree", "--", "make"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    desk.pid();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(status.code(), Some(130), "{said}");
    let name = desk
        .said()
        .iter()
        .find(|it| it.starts_with("kflake-"))
        .unwrap()
        .clone();
    let killed = fs::read_to_string(desk.at("killed")).unwrap();
    assert_eq!(killed, format!("kill --signal INT {name}\n"));
}

#[test]
fn ctrl_c_ends_an_engine_that_does_not_take_an_image() {
    let desk = Desk::new(&[]);
    let here = desk.at("").display().to_string();
    desk.program(
        "podman",
        &format!(
            "case $1 in\ninfo) echo rootless=false ;;\nimage) exit 1 ;;\nload) echo $$ >{here}/pid; sleep 100; : ;;\nesac\n"
        ),
    );
    fs::create_dir_all(desk.at("staging/usr")).unwrap();
    // more than a pipe holds
    fs::write(desk.at("staging/usr/file"), noise(1 << 20)).unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_kflake"))
        .args(["image", "--payload", "staging", "--name", "x"])
        .args(["--arch", "arm64", "--out", "image"])
        .current_dir(desk.dir.path())
        .output();
    common::succeeded(made.unwrap());
    let mut child = desk
        .command(&["./image", "--tree", "tree", "--", "make"])
        .spawn()
        .unwrap();
    let engine = desk.pid();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!Path::new("/proc").join(engine).exists());
}

/// Bytes that nothing packs well.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..count).map(next).collect()
}

/// An engine whose containers end when they are killed, and at nothing less; what it was told is in `told`.
const STUBBORN: &str = "case $1 in\ninfo) echo rootless=false ;;\n\
    run) echo $$ >$here/pid; exec sleep 100 ;;\n\
    *) echo \"$1 $2 $3\" >>$here/told; case $3 in KILL) kill -9 $(cat $here/pid) ;; esac ;;\nesac\n";

#[test]
fn a_second_ctrl_c_does_not_wait_and_leaves_no_container() {
    let desk = Desk::new(&[]);
    let here = desk.at("").display().to_string();
    desk.program("podman", &format!("here={here}\n{STUBBORN}"));
    let mut child = desk
        .command(&["localhost/x:1", "--tree", "tree", "--", "make"])
        .spawn()
        .unwrap();
    let wait = |name: &str, text: &str| {
        let start = Instant::now();
        while !fs::read_to_string(desk.at(name)).is_ok_and(|it| it.contains(text)) {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "no {text:?} in {name}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let pid = rustix::process::Pid::from_child(&child);
    let interrupt = || rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    wait("pid", "\n");
    interrupt();
    wait("told", "kill --signal INT\n");
    interrupt();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let told = fs::read_to_string(desk.at("told")).unwrap();
    assert!(
        told.contains("kill --signal KILL\n") && told.contains("rm --force kflake-"),
        "{told}"
    );
}

#[test]
fn the_container_of_an_engine_that_dies_is_removed() {
    let desk = Desk::new(&[]);
    let here = desk.at("").display().to_string();
    let dies = STUBBORN.replace("exec sleep 100", "kill -9 $$");
    desk.program("podman", &format!("here={here}\n{dies}"));
    let output = desk.run(&["localhost/x:1", "--tree", "tree", "--", "make"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(
        said.contains("ended by signal 9; its container was removed"),
        "{said}"
    );
    let told = fs::read_to_string(desk.at("told")).unwrap();
    assert!(told.contains("rm --force kflake-"), "{told}");
}

#[test]
fn a_build_goes_nowhere_where_it_would_change_the_tree_or_more() {
    let desk = Desk::new(&[("podman", "exit 0")]);
    let tree = |name: &str| desk.at("tree").join(name);
    fs::create_dir(tree("drivers")).unwrap();
    fs::write(tree("drivers/Makefile"), "obj-y += a.o\n").unwrap();
    fs::write(desk.at("file"), "").unwrap();
    let run = |out: &str| {
        let output = desk.run(&[
            "localhost/x:1",
            "--tree",
            "tree",
            "--out",
            out,
            "--",
            "true",
        ]);
        (output.status.code(), stderr(&output))
    };
    for (out, code, expected) in [
        ("tree", 2, "the tree is in it"),
        (".", 2, "the tree is in it"),
        (
            "tree/../tree/drivers",
            2,
            "a part of the tree (Makefile is there)",
        ),
        ("file", 8, "it is not a folder"),
        ("file/below", 8, "it is not a folder"),
        ("new/line\nend", 2, "a line end in its path"),
    ] {
        let (is, said) = run(out);
        assert_eq!(is, Some(code), "{out}: {said}");
        assert!(said.contains(expected), "{out}: {said}");
    }
    assert!(!desk.at("said").exists() && !desk.at("new").exists());
    // what kbuild leaves is no source
    fs::create_dir(tree("built")).unwrap();
    let made = "# Automatically generated by /src/Makefile: don't edit\ninclude /src/Makefile\n";
    fs::write(tree("built/Makefile"), made).unwrap();
    assert_eq!(run("tree/built").0, Some(0));
    assert_eq!(run("elsewhere").0, Some(0));

    // a tree does not say where a build goes
    fs::remove_file(desk.at("said")).unwrap();
    fs::create_dir(desk.at("home")).unwrap();
    std::os::unix::fs::symlink("../home", tree("build-x-1")).unwrap();
    let output = desk.run(&["localhost/x:1", "--tree", "tree", "--", "true"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("it is a link"),
        "{}",
        stderr(&output)
    );
    assert!(!desk.at("said").exists());
}

#[test]
fn a_tree_builds_in_a_container_by_its_own_make() {
    let desk = Desk::new(&[]);
    let printed = common::succeeded(desk.run(&["--makefile"])).stdout;
    fs::write(desk.at("tree/GNUmakefile"), printed).unwrap();
    desk.program(
        "kflake",
        &format!(
            "for word; do echo \"$word\" >>{}/said; done\n",
            desk.at("").display()
        ),
    );
    let make = |args: &[&str]| {
        let mut command = Command::new("make");
        command.arg("-s").arg("-C").arg(desk.at("tree")).args(args);
        command.arg(format!("KFLAKE={}", desk.at("bin/kflake").display()));
        command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        String::from_utf8(common::succeeded(command.output().unwrap()).stdout).unwrap()
    };
    assert_eq!(make(&["Image"]), "made Image\n");
    make(&[
        "CONTAINER=k6-arm64",
        "-j2",
        "Image",
        "modules",
        "V=1",
        "KCFLAGS=-DA='b c'",
    ]);
    let said = desk.said();
    let command = said.iter().position(|it| it == "make").unwrap();
    assert_eq!(
        said.iter().filter(|it| *it == "container").count(),
        1,
        "one run for all targets: {said:?}"
    );
    assert!(said[..command].contains(&"k6-arm64".to_owned()), "{said:?}");
    let rest = &said[command..];
    assert_eq!(rest[rest.len() - 2..], ["Image", "modules"]);
    for word in ["-j2", "V=1", "KCFLAGS=-DA='b c'"] {
        assert!(rest.contains(&word.to_owned()), "{rest:?}");
    }
    assert!(
        !rest
            .iter()
            .any(|it| it.contains("CONTAINER") || it.contains("jobserver")),
        "{rest:?}"
    );
}

#[test]
fn what_was_built_boots_by_the_trees_own_make() {
    let desk = Desk::new(&[]);
    let printed = common::succeeded(desk.run(&["--makefile"])).stdout;
    fs::write(desk.at("tree/GNUmakefile"), printed).unwrap();
    let at = desk.at("").display().to_string();
    desk.program(
        "kflake",
        &format!("echo \"$*\" >>{at}said; case $1 in container) for word; do :; done; [ $word != broken ];; esac\n"),
    );
    let make = |args: &[&str]| -> (bool, Vec<String>, String) {
        let _ = fs::remove_file(desk.at("said"));
        let mut command = Command::new("make");
        command.arg("-s").arg("-C").arg(desk.at("tree")).args(args);
        command.arg(format!("KFLAKE={at}bin/kflake"));
        command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        let output = command.output().unwrap();
        let said = fs::read_to_string(desk.at("said")).unwrap_or_default();
        (
            output.status.success(),
            said.lines().map(str::to_owned).collect(),
            stderr(&output),
        )
    };
    let (ok, said, why) = make(&["CONTAINER=k6-arm64", "boot"]);
    assert!(!ok && said.is_empty(), "{said:?}");
    assert!(why.contains("nothing was built in build-k6-arm64"), "{why}");

    for (name, folder) in [
        ("k6-arm64", "build-k6-arm64"),
        ("gcc:12-arm64", "build-gcc-12-arm64"),
    ] {
        let config = desk.at("tree").join(folder).join("include/config");
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("kernel.release"), "6.1.192\n").unwrap();
        let container = format!("CONTAINER={name}");
        let boot = format!("--out {folder} qemu:arm64 -- boot --wall 60");
        let (ok, said, why) = make(&[&container, "BOOTFLAGS=--wall 60", "boot"]);
        assert!(ok, "{why}");
        assert!(
            said.len() == 1 && said[0].starts_with("container ") && said[0].ends_with(&boot),
            "{said:?}"
        );
        // what is built is built first, and nothing boots where that fails
        let (ok, said, why) = make(&[&container, "BOOTFLAGS=--wall 60", "-j2", "boot", "Image"]);
        assert!(ok, "{why}");
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("container ") && said[0].ends_with("-j2 Image"),
            "{said:?}"
        );
        assert!(
            said[0].contains(&format!("--out {folder} {name} -- make")),
            "{said:?}"
        );
        assert!(said[1].ends_with(&boot), "{said:?}");
        let (ok, said, _) = make(&[&container, "boot", "broken"]);
        assert!(!ok && said.len() == 1, "{said:?}");
    }

    // QEMU is from where the compiler is from, unless it is named
    let layout = desk.at("tree/images/one-arm64");
    fs::create_dir_all(&layout).unwrap();
    fs::write(layout.join("oci-layout"), "{}").unwrap();
    let built = format!("O={}", desk.at("tree/build-k6-arm64").display());
    for (more, image) in [
        (
            &["CONTAINER=registry.example/a/gcc:14-arm64"][..],
            "registry.example/a/qemu:arm64",
        ),
        (&["CONTAINER=images/one-arm64"], "qemu:arm64"),
        (
            &["CONTAINER=registry.example/sdk", "ARCH=armhf"],
            "registry.example/qemu:armhf",
        ),
        (&["CONTAINER=k6-arm64", "BOOTCONTAINER=own"], "own"),
    ] {
        let (ok, said, why) = make(&[more, &[built.as_str(), "boot"]].concat());
        assert!(ok, "{why}");
        assert!(said[0].ends_with(&format!(" {image} -- boot")), "{said:?}");
    }
}

#[test]
fn doctor_leaves_nothing_of_podmans_in_a_home_without_it() {
    let desk = Desk::new(&[]);
    let lays_out = "case $1 in info)\n\
        if [ -n \"${XDG_DATA_HOME:-}\" ]; then echo >\"$XDG_DATA_HOME/storage\"; else echo >\"$HOME/asked\"; fi\n\
        echo rootless=true ids=2 ;;\nesac\n";
    desk.program("podman", lays_out);
    let home = desk.at("home");
    fs::create_dir(&home).unwrap();
    let doctor = || {
        let output = Command::new(env!("CARGO_BIN_EXE_kflake"))
            .args(["doctor", "--json"])
            .current_dir(desk.at("tree"))
            .env("PATH", desk.at("bin"))
            .env("HOME", &home)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("KFLAKE_ENGINE")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = doctor();
    assert!(said.contains("podman"), "{said}");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    // whoever has set it up is asked about their own
    fs::create_dir_all(home.join(".config/containers")).unwrap();
    doctor();
    assert!(home.join("asked").exists());
}
