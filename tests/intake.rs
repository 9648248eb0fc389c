//! Files on their way into a project, through the command line and real Nix: `kernel add`, `pins import`; and `doctor`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::prelude::*;
use predicates::prelude::*;
use predicates::str::contains;

fn kflake(project: &Path) -> Command {
    let mut command = Command::cargo_bin("kflake").unwrap();
    command.arg("-C").arg(project);
    command
}

/// A kernel tarball of `version` with little but a Makefile in it.
fn tarball(dir: &Path, version: &str) -> PathBuf {
    let mut parts = version.split('.');
    let mut next = || parts.next().unwrap_or("0").to_owned();
    let tree = dir.join(format!("linux-{version}"));
    fs::create_dir_all(tree.join("arch/arm")).unwrap();
    let makefile = format!(
        "VERSION = {}\nPATCHLEVEL = {}\nSUBLEVEL = {}\nEXTRAVERSION =\n",
        next(),
        next(),
        next()
    );
    fs::write(tree.join("Makefile"), makefile).unwrap();
    let file = dir.join(format!("linux-{version}.tar.gz"));
    let status = Command::new("tar")
        .arg("-C")
        .arg(dir)
        .arg("-czf")
        .arg(&file)
        .arg(tree.file_name().unwrap())
        .status();
    assert!(status.unwrap().success());
    file
}

#[test]
fn a_tarball_becomes_a_kernel_of_the_project() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    let file = tarball(dir.path(), "6.1.7777");
    for _ in 0..2 {
        kflake(&project)
            .args(["kernel", "add"])
            .arg(&file)
            .assert()
            .success()
            .stdout(contains(
                "Linux 6.1.7777 (k6): linux-6.1.7777.tar.gz, sha256-",
            ));
    }
    let text = fs::read_to_string(project.join("matrix/kernels.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["6.1.7777"]["file"], "linux-6.1.7777.tar.gz");
    let root = project.join(".kflake/roots/linux-6.1.7777");
    assert_eq!(
        fs::read(root).unwrap(),
        fs::read(&file).unwrap(),
        "the store holds the file, and keeps it"
    );
}

#[test]
fn an_unpacked_source_becomes_a_kernel_of_the_project() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    tarball(dir.path(), "6.1.7779");
    let tree = dir.path().join("linux-6.1.7779");
    let add = || {
        let mut command = kflake(&project);
        command.args(["kernel", "add"]).arg(&tree).assert()
    };
    add().success().stdout(contains(
        "Linux 6.1.7779 (k6): linux-6.1.7779.tar.gz, sha256-",
    ));
    let root = project.join(".kflake/roots/linux-6.1.7779");
    let listed = Command::new("tar").arg("-tzf").arg(root).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&listed.stdout),
        "linux-6.1.7779/\nlinux-6.1.7779/Makefile\nlinux-6.1.7779/arch\nlinux-6.1.7779/arch/arm\n"
    );
    fs::write(tree.join(".config"), "").unwrap();
    add()
        .code(2)
        .stderr(contains("is not clean: .config").and(contains("mrproper")));
}

#[test]
fn a_known_version_becomes_a_kernel_of_the_project() {
    let dir = tempfile::tempdir().unwrap();
    kflake(dir.path())
        .args(["kernel", "add", "6.6.30"])
        .assert()
        .success();
    let text = fs::read_to_string(dir.path().join("matrix/kernels.json")).unwrap();
    assert!(
        text.contains("mirror://kernel/linux/kernel/v6.x/linux-6.6.30.tar.xz"),
        "{text}"
    );
    kflake(dir.path())
        .args(["kernel", "add", "6.6.9999"])
        .assert()
        .code(2)
        .stderr(contains("no tarball of Linux 6.6.9999").and(contains("kernel list")));
}

#[test]
fn what_is_no_kernel_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("linux-6.1.tar.gz");
    let whole = fs::read(tarball(dir.path(), "6.1.3")).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let outside = tarball(dir.path(), "1.2.13");
    for (file, says) in [
        (cut.as_path(), "damaged or cut short"),
        (
            outside.as_path(),
            "no era of the matrix covers Linux 1.2.13",
        ),
        (Path::new("/etc/hostname"), "its content is text"),
        (
            Path::new("https://example.org/linux-6.1.tar.xz"),
            "is an address",
        ),
        (Path::new("no-such-file.tar.xz"), "no such file"),
        (
            Path::new("/nonexistent/linux.tar.xz"),
            "no such file or folder\n",
        ),
    ] {
        kflake(&dir.path().join("project"))
            .args(["kernel", "add"])
            .arg(file)
            .assert()
            .code(2)
            .stderr(contains(says));
    }
    assert!(!dir.path().join("project").exists());
}

#[test]
fn a_folder_that_changed_since_is_told_and_built_as_it_was() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    let tree = dir.path().join("linux");
    let tar = common::pack_fake_kernel(dir.path(), "ok");
    fs::create_dir(&tree).unwrap();
    let unpack = Command::new("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(&tar)
        .arg("-C")
        .arg(&tree)
        .status();
    assert!(unpack.unwrap().success());
    fs::create_dir(tree.join(".git")).unwrap();
    let add = || kflake(&project).args(["kernel", "add"]).arg(&tree).assert();
    add().success();
    let warning = || -> Option<String> {
        let output = kflake(&project)
            .args(["validate", "--kernel", "6.1.9999", "--arch", "arm64"])
            .args(["--packages", "debian", "--toolchains", "debian"])
            .args(["--stage", "toolchain"])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let line = said.lines().find(|line| line.starts_with("warning: "));
        line.map(str::to_owned)
    };
    assert_eq!(warning(), None);
    // git's own business is none of the kernel's
    fs::write(tree.join(".git/index"), "x").unwrap();
    assert_eq!(warning(), None);
    fs::write(tree.join("Kbuild.new"), "x").unwrap();
    let said = warning().unwrap();
    let place = format!(
        "Kbuild.new changed in {} since Linux 6.1.9999",
        tree.display()
    );
    assert!(said.contains(&place), "{said}");
    assert!(
        said.contains(&format!("kflake kernel add {}", tree.display())),
        "{said}"
    );
    fs::remove_file(tree.join("Kbuild.new")).unwrap();
    assert!(warning().unwrap().contains("warning: . changed in"));
    add().success();
    assert_eq!(warning(), None);
}

#[test]
fn pinned_files_are_taken_from_a_folder_whatever_they_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    let file = tarball(dir.path(), "6.1.7778");
    kflake(&project)
        .args(["kernel", "add"])
        .arg(&file)
        .assert()
        .success();
    let folder = dir.path().join("downloads/below");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(&file, folder.join("renamed \u{1b}[31m file")).unwrap();
    fs::write(folder.join("other"), "of no pin").unwrap();
    kflake(&project)
        .args(["pins", "import"])
        .arg(dir.path().join("downloads"))
        .assert()
        .success()
        .stdout(
            contains("linux 6.1.7778: ")
                .and(contains(
                    "1 pinned file in the store now; 1 not pinned by the matrix",
                ))
                .and(contains('\u{1b}').not()),
        );
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    kflake(&project)
        .args(["pins", "import"])
        .arg(&empty)
        .assert()
        .code(1);
    kflake(&project)
        .args(["pins", "import", "no-such-folder"])
        .assert()
        .code(8)
        .stderr(contains("no-such-folder"));
}

#[test]
fn mirrors_can_be_told_by_environment() {
    let dir = tempfile::tempdir().unwrap();
    kflake(dir.path())
        .args(["pins", "mirrors", "--export"])
        .env("NIX_MIRRORS_bootlin", "/srv/mirror")
        .assert()
        .success()
        .stdout(contains("export NIX_MIRRORS_bootlin=file:///srv/mirror/"));
}

#[test]
fn without_nix_everything_else_is_still_said() {
    let dir = tempfile::tempdir().unwrap();
    let bare = |command: &mut Command| {
        command.env("PATH", dir.path()).env_remove("KFLAKE_NIX");
    };
    let mut doctor = kflake(dir.path());
    bare(doctor.arg("doctor"));
    doctor.assert().code(1).stdout(
        contains("Nix is not installed")
            .and(contains("apt-get install nix-bin"))
            .and(contains("GiB free")),
    );
    let file = tarball(dir.path(), "6.1.7779");
    let mut add = kflake(dir.path());
    bare(add.args(["kernel", "add"]).arg(file));
    add.assert()
        .code(6)
        .stderr(contains("Nix is not installed"));
}

#[test]
fn this_machine_can_build() {
    let dir = tempfile::tempdir().unwrap();
    let output = kflake(dir.path())
        .args(["doctor", "--json"])
        .output()
        .unwrap();
    let checks: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let sandbox = checks
        .iter()
        .find(|check| check["name"] == "sandbox")
        .unwrap();
    assert_eq!(sandbox["verdict"], "good", "{sandbox}");
}

/// A tarball of a source that has something to configure, at `path`.
fn packed_source(dir: &Path, path: &Path) {
    let folder = dir.join("gcc-13.3.0");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("configure"), "not much of a compiler").unwrap();
    let mut tar = std::process::Command::new("tar");
    tar.arg("-czf")
        .arg(path)
        .arg("-C")
        .arg(dir)
        .arg("gcc-13.3.0");
    assert!(tar.status().unwrap().success());
}

#[test]
fn a_sandbox_that_was_opened_is_told_by_what_got_out_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = |setting: &str| {
        let output = kflake(dir.path())
            .args(["doctor", "--json"])
            .env("KFLAKE_NIX_CONFIG", setting)
            .output()
            .unwrap();
        let checks: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        let mut checks = checks.into_iter();
        let found = checks.find(|check| check["name"] == "sandbox");
        (found.unwrap(), output.status.code())
    };
    for (setting, attempts) in [
        ("extra-sandbox-paths = /usr", &["a build sees /usr"][..]),
        (
            "extra-sandbox-paths = /etc/hostname /srv",
            &["sees /srv", "sees /etc/hostname"],
        ),
        // no sandbox at all
        (
            "sandbox = false",
            &[
                "sees /usr",
                "sees /root",
                "sees /etc/shadow",
                "sees /nix/var/nix/db",
            ],
        ),
    ] {
        let (found, code) = sandbox(setting);
        assert_eq!(
            (&found["verdict"], code),
            (&"bad".into(), Some(1)),
            "{found}"
        );
        let text = found["found"].as_str().unwrap();
        for attempt in attempts {
            assert!(text.contains(attempt), "{setting}: {attempt}: {text}");
        }
        let advice = found["advice"].as_str().unwrap();
        assert!(advice.contains("sandbox-paths"), "{advice}");
    }
    // what was opened alone is told alone
    let (found, _) = sandbox("extra-sandbox-paths = /usr");
    assert_eq!(found["found"], "a build sees /usr");
}

#[test]
fn a_components_own_file_marks_what_is_built_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    let file = dir.path().join("gcc-13.3.0~repacked.tar.gz");
    // 3 bytes are no compiler
    fs::write(&file, "gcc").unwrap();
    kflake(&project)
        .args(["pins", "add", "gcc", "13.3.0"])
        .arg(&file)
        .assert()
        .code(2)
        .stderr(contains("is not a tarball"));
    assert!(!project.join("matrix").exists());
    packed_source(dir.path(), &file);
    for _ in 0..2 {
        kflake(&project)
            .args(["pins", "add", "gcc", "13.3.0"])
            .arg(&file)
            .assert()
            .success()
            .stdout(contains("gcc/13.3.0: gcc-13.3.0-repacked.tar.gz, sha256-"))
            .stdout(contains("a file of the project's own"));
    }
    kflake(&project)
        .args(["gen", "--toolchains", "musl"])
        .assert()
        .success();
    let matrix = fs::read_to_string(project.join("matrix.nix")).unwrap();
    assert!(matrix.contains("\"musl-13.3.0-mips64el+override\" = {"));
    assert!(matrix.contains("overridden = [ \"gcc/13.3.0\" ];"));
    let sources = fs::read_to_string(project.join("sources.nix")).unwrap();
    assert!(sources.contains("name = \"gcc-13.3.0-repacked.tar.gz\";\n      urls = [ ];"));

    kflake(&project)
        .args(["pins", "add", "gcc", "../13", "x"])
        .assert()
        .failure();

    kflake(&project)
        .args(["pins", "list", "--own"])
        .assert()
        .success()
        .stdout(contains("component gcc/13.3.0").and(contains("the project's own")));
    let root = project.join(".kflake/roots/gcc-13.3.0");
    assert!(root.symlink_metadata().is_ok());
    let remove = || {
        let mut command = kflake(&project);
        command.args(["pins", "remove", "gcc", "13.3.0"]);
        command
    };
    remove()
        .assert()
        .success()
        .stdout(contains("gcc/13.3.0: removed from"));
    assert!(!project.join("matrix/components.json").exists());
    assert!(root.symlink_metadata().is_err());
    remove()
        .assert()
        .code(2)
        .stderr(contains("was not added in this project"));
    kflake(&project)
        .args(["pins", "list", "--own"])
        .assert()
        .code(1)
        .stdout("");
}

#[test]
fn a_pin_is_shown_with_the_places_where_it_is_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let show = |id: &str| {
        let mut command = kflake(dir.path());
        command.env("NIX_MIRRORS_debian", "https://d.example/x /srv/m");
        command.args(["pins", "show", id]);
        command
    };
    for id in ["bookworm/bash", "debian bookworm/bash"] {
        show(id).assert().success().stdout(
            contains("pinned by kflake")
                .and(contains("https://d.example/x/pool/main/b/bash/bash_"))
                .and(contains("file:///srv/m/pool/main/b/bash/"))
                .and(contains("Z/pool/main/b/bash/")),
        );
    }
    show("bookworm/bsh")
        .assert()
        .code(2)
        .stderr(contains("did you mean bookworm/bash?"));
    kflake(dir.path())
        .args(["pins", "list", "bookworm/busybox", "--json"])
        .assert()
        .success()
        .stdout(
            contains("\"pin\": \"debian bookworm/busybox-static\"").and(contains("\"own\": false")),
        );
}

#[test]
fn a_kernel_that_was_added_can_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    let file = tarball(dir.path(), "6.1.7778");
    let mut add = kflake(&project);
    add.args(["kernel", "add"]).arg(file).assert().success();
    kflake(&project)
        .args(["kernel", "add", "6.6.30"])
        .assert()
        .success();
    for (version, file_is_left) in [("6.1.7778", true), ("6.6.30", false)] {
        let remove = || {
            let mut command = kflake(&project);
            command.args(["kernel", "remove", version]);
            command
        };
        remove().assert().success().stdout(contains("removed from"));
        assert_eq!(project.join("matrix/kernels.json").exists(), file_is_left);
        let root = project.join(format!(".kflake/roots/linux-{version}"));
        assert!(root.symlink_metadata().is_err());
        remove()
            .assert()
            .code(2)
            .stderr(contains("was not added in this project"));
    }
    // kflake's own stays
    let mut list = kflake(&project);
    list.args(["kernel", "list", "6.6.30"]).assert().success();
}
