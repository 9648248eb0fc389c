//! What packagers and contributors rely on: kflake's own flake, the oldest Rust, completions, the manual, and `make install`.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn kflake(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kflake"))
        .args(args)
        .output()
        .unwrap()
}

/// What `output` printed, of a command that must have succeeded without a word of complaint.
fn printed(output: Output) -> String {
    let output = common::succeeded(output);
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaint, "");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of kflake's commands, as `--help` lists them.
fn commands() -> BTreeSet<String> {
    let help = printed(kflake(&["--help"]));
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let name = |line: &str| {
        let text = line.strip_prefix("  ")?;
        let own = text.starts_with(|c: char| c.is_ascii_lowercase());
        own.then(|| text.split(' ').next().unwrap().to_owned())
    };
    let names: BTreeSet<String> = list.lines().filter_map(name).collect();
    assert!(names.len() > 10 && names.contains("build"), "{names:?}");
    names
}

/// `"1.90"` of a manifest's `rust-version = "1.90"`.
fn oldest_rust(manifest: &str) -> Option<(u64, u64)> {
    let line = manifest.lines().find(|it| it.starts_with("rust-version"))?;
    rust_version(line.split('"').nth(1)?)
}

fn rust_version(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[test]
fn the_oldest_rust_is_the_same_wherever_it_is_named() {
    let (major, minor) = oldest_rust(&read("Cargo.toml")).unwrap();
    let version = format!("{major}.{minor}");
    for (path, said) in [
        ("CONTRIBUTING.md", format!("Rust {version}")),
        (
            ".github/workflows/ci.yml",
            format!("rust-toolchain@{version}\n"),
        ),
        (
            ".gitlab-ci.yml",
            format!("image: rust:{version}-bookworm\n"),
        ),
    ] {
        assert!(read(path).contains(&said), "{path} does not say {said:?}");
    }
}

#[test]
fn no_dependency_asks_for_a_newer_rust() {
    let own = oldest_rust(&read("Cargo.toml")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&common::succeeded(output).stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50);
    let newer: Vec<String> = packages
        .iter()
        .filter_map(|it| {
            let asked = it["rust_version"].as_str()?;
            (rust_version(asked)? > own).then(|| format!("{} wants Rust {asked}", it["id"]))
        })
        .collect();
    assert_eq!(newer, Vec::<String>::new());
}

/// The files that package.nix takes as kflake's source, in a folder of their own, with the flake.
fn packaged() -> tempfile::TempDir {
    let package = read("package.nix");
    let (_, list) = package.split_once("fileset.unions [\n").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let paths = list.lines().map(|it| it.trim().trim_start_matches("./"));
    let dir = tempfile::tempdir().unwrap();
    let own = ["flake.nix", "flake.lock", "package.nix"];
    for path in own.into_iter().chain(paths.filter(|it| !it.is_empty())) {
        let place = dir.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(root().join(path)).arg(place);
        common::succeeded(copy.output().unwrap());
    }
    dir
}

#[test]
fn the_package_has_all_that_it_is_made_of() {
    let dir = packaged();
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&common::succeeded(output).stdout).unwrap();
    let mut sources: Vec<PathBuf> = walkdir::WalkDir::new(dir.path().join("src"))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .collect();
    for target in metadata["packages"][0]["targets"].as_array().unwrap() {
        sources.push(PathBuf::from(target["src_path"].as_str().unwrap()));
    }
    let mut included = 0;
    for source in sources {
        let text = fs::read_to_string(&source).unwrap_or_else(|it| panic!("{source:?}: {it}"));
        for (at, call) in text
            .match_indices("include_str!(")
            .chain(text.match_indices("include_dir!("))
        {
            let argument = text[at + call.len()..]
                .trim_start()
                .split('"')
                .nth(1)
                .unwrap();
            let file = match argument.strip_prefix("$CARGO_MANIFEST_DIR/") {
                Some(path) => dir.path().join(path),
                None => source.parent().unwrap().join(argument),
            };
            assert!(
                file.exists(),
                "{source:?} includes {argument}, which package.nix leaves out"
            );
            included += 1;
        }
    }
    assert!(included > 10, "{included}");
}

/// kflake's own flake with a stand-in for nixpkgs, asked by `nix eval`.
fn evaluated(dir: &Path, output: &str) -> Value {
    let stub = format!("path:{}", root().join("tests/stub-nixpkgs").display());
    let mut nix = common::nix("nix");
    nix.args([
        "eval",
        "--json",
        "--no-write-lock-file",
        "--override-input",
        "nixpkgs",
        &stub,
    ]);
    nix.arg(format!("path:{}#{output}", dir.display()));
    serde_json::from_slice(&common::succeeded(nix.output().unwrap()).stdout).unwrap()
}

#[test]
fn the_flake_is_formatted() {
    for path in ["flake.nix", "package.nix", "tests/stub-nixpkgs/flake.nix"] {
        let text = read(path);
        assert_eq!(nixfmt_rs::format(&text).unwrap(), text, "{path}");
    }
}

#[test]
fn the_flake_evaluates() {
    if !common::have_nix() {
        return;
    }
    let dir = packaged();
    let dir = dir.path();
    let package = "packages.x86_64-linux.default";
    assert_eq!(evaluated(dir, &format!("{package}.name")), "kflake-0.1.0");
    let meta = evaluated(dir, &format!("{package}.meta"));
    assert_eq!(meta["mainProgram"], "kflake");
    let manifest = read("Cargo.toml");
    let description = format!("description = {}\n", meta["description"]);
    assert!(manifest.contains(&description), "{description}");
    let drv = |output: &str| evaluated(dir, &format!("{output}.drvPath"));
    assert!(
        drv(package)
            .as_str()
            .unwrap()
            .ends_with("-kflake-0.1.0.drv")
    );
    assert_ne!(drv("packages.aarch64-linux.default"), drv(package));
    assert_eq!(drv("checks.x86_64-linux.default"), drv(package));
    for output in ["devShells.x86_64-linux.default", "formatter.x86_64-linux"] {
        assert!(drv(output).as_str().unwrap().ends_with(".drv"));
    }
}

#[test]
fn the_flake_has_the_nixpkgs_of_generated_ones() {
    let dir = tempfile::tempdir().unwrap();
    common::succeeded(common::kflake(dir.path(), &["gen"]));
    let generated = fs::read_to_string(dir.path().join("flake.lock")).unwrap();
    let node = |text: &str| {
        let lock: Value = serde_json::from_str(text).unwrap();
        lock["nodes"]["nixpkgs"].clone()
    };
    let own = node(&read("flake.lock"));
    assert_eq!(own, node(&generated));
    let original = &own["original"];
    let url = ["owner", "repo", "ref"].map(|it| original[it].as_str().unwrap());
    let line = format!("inputs.nixpkgs.url = \"github:{}\";", url.join("/"));
    assert!(read("flake.nix").contains(&line), "{line}");
}

#[test]
fn kflake_in_its_own_repository_takes_its_files_for_nobody_elses() {
    // as in a checkout: the flake, and matrix/ and validate/, which a project has as well
    let dir = packaged();
    let before = fs::read(dir.path().join("flake.nix")).unwrap();
    let mut commands = vec![&["gen"][..]];
    if common::have_nix() {
        commands.push(&["validate", "--band", "k6", "--arch", "arm64"]);
    }
    for command in commands {
        let output = common::kflake(dir.path(), command);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(8), "{command:?}: {said}");
        // lines are filled
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains("not generated by kflake, so not overwritten: flake.nix,"),
            "{said}"
        );
    }
    assert_eq!(fs::read(dir.path().join("flake.nix")).unwrap(), before);
    assert!(!dir.path().join("matrix.nix").exists());
    // what needs no flake works
    common::succeeded(common::kflake(dir.path(), &["check"]));
    common::succeeded(common::kflake(dir.path(), &["resolve", "6.1", "arm64"]));
}

/// Runs `shell -c script` with kflake's completions for it in the file `$1`.
fn complete(shell: &str, script: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("completions");
    fs::write(&file, printed(kflake(&["completions", shell]))).unwrap();
    let output = Command::new(shell)
        .args(["-c", script, shell])
        .arg(&file)
        .env("HOME", dir.path())
        .output()
        .unwrap_or_else(|error| panic!("{shell}: {error}; `make deps` installs it"));
    printed(output)
}

#[test]
fn bash_completes_commands_and_options() {
    let ask = |words: &str, at: usize, word: &str| {
        let script = format!(
            "source \"$1\"; complete -p kflake >/dev/null || exit 9
             COMP_WORDS=({words}); COMP_CWORD={at}; _kflake kflake '{word}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let lines = complete("bash", &script);
        lines.lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let offered = ask("kflake ''", 1, "");
    let missing: Vec<_> = commands()
        .into_iter()
        .filter(|it| !offered.contains(it))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    let build = ["build", "build-module"].map(str::to_owned).into();
    assert_eq!(ask("kflake bui", 1, "bui"), build);
    assert_eq!(
        ask("kflake gen --che", 2, "--che"),
        ["--check".to_owned()].into()
    );
}

#[test]
fn zsh_and_fish_load_their_completions() {
    let zsh = "autoload -U compinit && compinit -D -u; source $1; print -r -- $_comps[kflake]";
    assert_eq!(complete("zsh", zsh), "_kflake\n");
    let fish = complete("fish", "source $argv[2]; complete -C 'kflake bui'");
    let offered: Vec<&str> = fish
        .lines()
        .filter_map(|it| it.split('\t').next())
        .collect();
    assert_eq!(offered, ["build", "build-module"]);
}

#[test]
fn the_manual_renders_and_has_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man");
    printed(kflake(&["man", pages.to_str().unwrap()]));
    // filled lines on one: words are what counts
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = |name: &str| -> String {
        let output = Command::new("man")
            .args(["--warnings", "--nh", "--nj", "-l"])
            .arg(pages.join(format!("{name}.1")))
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "100")
            .output()
            .unwrap_or_else(|error| panic!("man: {error}; `make deps` installs it"));
        words(&printed(output))
    };
    let main = page("kflake");
    for command in commands().iter().filter(|it| *it != "help") {
        assert!(
            main.contains(&format!("kflake-{command}(1)")),
            "{command}: {main}"
        );
        let help = printed(kflake(&[command, "--help"]));
        let first = help.lines().next().unwrap();
        let text = page(&format!("kflake-{command}"));
        assert!(text.contains(&words(first)), "{first:?} is not in {text}");
    }
    assert!(main.contains("Exit codes: 0 done"), "{main}");
}

#[test]
fn install_puts_everything_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(root().join("scripts/install"))
        .arg(env!("CARGO_BIN_EXE_kflake"))
        .env("DESTDIR", dir.path())
        .env("PREFIX", "/usr")
        .output()
        .unwrap();
    common::succeeded(output);
    let usr = dir.path().join("usr");
    for path in [
        "bin/kflake",
        "share/bash-completion/completions/kflake",
        "share/fish/vendor_completions.d/kflake.fish",
        "share/zsh/site-functions/_kflake",
        "share/man/man1/kflake.1",
        "share/man/man1/kflake-build-module.1",
    ] {
        let size = usr.join(path).metadata().map(|it| it.len());
        assert!(size.is_ok_and(|it| it > 100), "{path}");
    }
    let version = Command::new(usr.join("bin/kflake"))
        .arg("--version")
        .output();
    printed(version.unwrap());
}
