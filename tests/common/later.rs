//! A clock that is 400 days ahead (see later.c), for builds that Nix is to do once more "on another day".

use std::fs;
use std::path::Path;
use std::process::Command;

/// How many days, as in later.c.
const DAYS: u64 = 400;

/// Options for Nix, with which the programs of a build live later.
pub struct LaterClock {
    dir: tempfile::TempDir,
}

impl LaterClock {
    /// Makes it, and sees that it works.
    pub fn new() -> LaterClock {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        fs::write(dir.path().join("preload"), "/clock.so\n").expect("it can be written to");
        let gcc = Command::new("gcc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
            .arg(dir.path().join("clock.so"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/later.c"))
            .output();
        super::succeeded(gcc.expect("gcc is here: see `make deps`"));
        let clock = LaterClock { dir };
        clock.is_later();
        clock
    }

    /// The sandbox gets the library, and a file that has the loader start each program with it: the derivation is the same.
    pub fn options(&self) -> [String; 3] {
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let places = format!(
            "/etc/ld.so.preload={} /clock.so={}",
            at("preload"),
            at("clock.so")
        );
        ["--option".into(), "extra-sandbox-paths".into(), places]
    }

    /// A build that tells the time, each time anew.
    fn is_later(&self) {
        let set = super::package_set();
        let code = format!(
            "let pkgs = import {}/debian-packages {{ }}; in pkgs.stdenv.mkDerivation {{
              name = \"time\"; at = \"{}\"; dontUnpack = true; dontFixup = true;
              installPhase = \"date +%s > $out\"; }}",
            set.path().display(),
            self.dir.path().display()
        );
        let built = Command::new("nix-build")
            .env("NIX_CONFIG", super::build_config())
            .env("NIX_MIRRORS_debian", super::debian_mirror())
            .args(["--no-out-link", "-E", &code])
            .args(self.options())
            .output();
        let out = super::succeeded(built.expect("Nix can be started")).stdout;
        let out = String::from_utf8(out).expect("a path in the store is text");
        let told = fs::read_to_string(Path::new(out.trim())).expect("the time was told");
        let told: u64 = told.trim().parse().expect("it is a number");
        let now = std::time::UNIX_EPOCH
            .elapsed()
            .expect("it is later than 1970");
        assert!(
            told > now.as_secs() + (DAYS - 1) * 24 * 3600,
            "the clock does not work: {told}"
        );
    }
}
