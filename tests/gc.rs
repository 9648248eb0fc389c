//! `kflake gc`, on real Nix with a store of its own: what it shows, what it frees, and what it leaves alone.

mod common;

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};

/// Projects that keep things in one store, and a server of what they fetch.
struct World {
    dir: tempfile::TempDir,
    address: String,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        for name in ["served", "tmp", "one", "two"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let address = common::serve(dir.path().join("served"));
        World { dir, address }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn kflake(&self, project: &str, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kflake"))
            .arg("-C")
            .arg(self.path(project))
            .arg("--store")
            .arg(self.path("store"))
            .args(words)
            .env("NO_COLOR", "1")
            .env("TMPDIR", self.path("tmp"))
            .output()
            .unwrap()
    }

    fn said(&self, project: &str, words: &[&str]) -> String {
        let output = common::succeeded(self.kflake(project, words));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Has `project` keep a file of `size` bytes that a build fetched, as its runs do; the derivation and its output.
    fn fetched(&self, project: &str, name: &str, size: usize) -> (String, String) {
        let text = name.repeat(size / name.len());
        fs::write(self.path("served").join(name), &text).unwrap();
        let hash: String = Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let expression = format!(
            "derivation {{ name = \"{name}\"; builder = \"builtin:fetchurl\"; system = \"builtin\"; url = \"{}{name}\"; \
             outputHashMode = \"flat\"; outputHashAlgo = \"sha256\"; outputHash = \"{hash}\"; }}",
            self.address
        );
        let roots = self.path(project).join(".kflake/roots");
        fs::create_dir_all(&roots).unwrap();
        let link = roots.join(name);
        let link = link.to_str().unwrap();
        let build = [
            "nix",
            "build",
            "--impure",
            "--out-link",
            link,
            "--expr",
            &expression,
        ];
        self.said(project, &build);
        let drv = format!("({expression}).drvPath");
        let drv = self.said(
            project,
            &["nix", "eval", "--impure", "--raw", "--expr", &drv],
        );
        let out = fs::read_link(link).unwrap();
        (drv, out.to_str().unwrap().to_owned())
    }

    /// Notes that the newest run of `project` was one of `drv`.
    fn newest(&self, project: &str, drv: &str) {
        let path = self.path(project).join(".kflake/newest-run.json");
        fs::write(path, format!("[{drv:?}]")).unwrap();
    }

    fn keeps(&self, project: &str, name: &str) -> bool {
        let link = self.path(project).join(".kflake/roots").join(name);
        fs::symlink_metadata(link).is_ok()
    }

    fn is_stored(&self, path: &str) -> bool {
        let below = Path::new(path).strip_prefix("/").unwrap();
        self.path("store").join(below).exists()
    }
}

#[test]
fn old_runs_are_shown_and_freed_and_nothing_else() {
    if !common::have_nix() {
        return;
    }
    let world = World::new();
    assert!(
        world.said("one", &["gc"]).contains("no store yet"),
        "nothing is made by looking"
    );
    assert!(!world.path("store").exists());

    let (_, old) = world.fetched("one", "old", 3 << 20);
    let (drv, new) = world.fetched("one", "new", 1 << 20);
    world.newest("one", &drv);
    let (_, other) = world.fetched("two", "other", 2 << 20);
    let (drv, _) = world.fetched("two", "newer", 1000);
    world.newest("two", &drv);
    let tarball = common::pack_fake_kernel(world.dir.path(), "ok");
    world.said("one", &["kernel", "add", tarball.to_str().unwrap()]);
    // what a killed run left, and what somebody else has beside it
    let uid = rustix::process::getuid().as_raw();
    let dead = world.path("tmp").join(format!("kflake-{uid}/123-dead"));
    let private = |path: &Path| {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o711).create(path).unwrap();
    };
    private(&dead);
    fs::write(dead.join("half"), "x".repeat(100_000)).unwrap();
    fs::create_dir(world.path("tmp/nix-build-other.drv-0")).unwrap();
    // what a build that is at work has beside its output
    let half = world.path("store/nix/store/00000000000000000000000000000000-half");
    fs::write(half.with_extension("lock"), "").unwrap();
    fs::write(&half, "x").unwrap();

    let text = world.said("one", &["gc"]);
    let one = world.path("one").canonicalize().unwrap();
    let line = format!(
        "{} (this project): 3 links keep 4 MiB; 1 of old runs, which alone keeps 3 MiB",
        one.display()
    );
    assert!(text.contains(&line), "{text}");
    assert!(text.contains("all 2 projects alone keep 5 MiB"), "{text}");
    // file systems differ in what a folder itself takes
    let dead_line = text.lines().find(|line| line.contains("123-dead: 10"));
    assert!(
        dead_line.is_some_and(|it| it.ends_with(" KiB, left by a run that was killed: removed")),
        "{text}"
    );
    assert!(!dead.exists() && world.path("tmp/nix-build-other.drv-0").exists());
    let end = "Nothing was freed: --yes frees 1 link of old runs.\n";
    assert!(text.ends_with(end), "{text}");
    assert!(world.keeps("one", "old"));
    let text = world.said("one", &["gc", "--dry-run"]);
    assert!(text.ends_with(end), "{text}");
    assert!(world.keeps("one", "old"));

    let text = world.said("one", &["gc", "--yes"]);
    assert!(text.contains("kflake gc --collect"), "{text}");
    assert!(!world.keeps("one", "old"));
    for (project, name) in [
        ("one", "new"),
        ("one", "linux-6.1.9999"),
        ("two", "other"),
        ("two", "newer"),
    ] {
        assert!(world.keeps(project, name), "{project} {name}");
    }
    assert!(world.is_stored(&old), "only Nix deletes from the store");

    let text = world.said("one", &["gc", "--all", "--yes", "--collect"]);
    // 5 MiB of old runs, and what the store's own tools were unpacked from
    let deleted = text.split("Nix deleted ").nth(1).expect("what was deleted");
    let (number, rest) = deleted.split_once(' ').unwrap();
    assert!(number.parse::<u32>().unwrap() >= 5, "{text}");
    assert!(rest.starts_with("MiB from the store"), "{text}");
    assert!(!world.is_stored(&old) && !world.is_stored(&other) && world.is_stored(&new));
    let text = world.said("one", &["gc"]);
    assert!(
        text.ends_with("Old runs hold nothing that could be freed.\n"),
        "{text}"
    );
}

#[test]
fn nothing_is_old_where_no_run_is_known() {
    if !common::have_nix() {
        return;
    }
    let world = World::new();
    world.fetched("one", "kept", 1000);
    let text = world.said("one", &["gc", "--yes"]);
    assert!(text.contains("1 link keeps"), "{text}");
    assert!(world.keeps("one", "kept"));
}
