//! What tests that run real Nix share.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod later;
pub mod module;
pub mod terminal;
pub mod walk;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// Nix as kflake runs it; evaluation needs no store of its own.
pub fn nix(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env(
        "NIX_CONFIG",
        "experimental-features = nix-command flakes\nsubstitute = false\nsubstituters =\neval-cache = false\n",
    );
    command
}

/// The settings that kflake builds with, for a Nix that a test starts itself: flakes, the closed sandbox with its shell, no caches.
pub fn build_config() -> String {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let said = succeeded(kflake(folder.path(), &["nix", "--settings"])).stdout;
    let settings = String::from_utf8(said).expect("kflake prints UTF-8");
    format!("{settings}substitute = false\nsubstituters =\n")
}

/// Debian's package set in a folder of its own, as a project has it: `debian-packages` below what this returns.
pub fn package_set() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let catalog = kflake::catalog::Catalog::embedded().expect("the matrix is sound");
    kflake::project::package_set(&catalog, &kflake::id::Suite::default(), dir.path())
        .expect("the package set can be written");
    dir
}

/// Where Debian's packages are fetched from: what the environment says, else the first archive of this machine's apt that has a
/// `debian` folder's layout.
pub fn debian_mirror() -> String {
    if let Ok(mirror) = std::env::var("NIX_MIRRORS_debian") {
        return mirror;
    }
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(SITE)"])
        .output();
    let sites = output.map_or_else(
        |_| String::new(),
        |it| String::from_utf8_lossy(&it.stdout).into_owned(),
    );
    let site = sites
        .lines()
        .find(|it| it.trim_end_matches('/').ends_with("/debian"));
    site.unwrap_or_default().to_owned()
}

/// Serves the files below `dir` until the process ends; the address.
pub fn serve(dir: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has a port");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.windows(4).any(|it| it == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => request.extend(&buffer[..length]),
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or("/");
            let (status, body) = match std::fs::read(dir.join(path.trim_start_matches('/'))) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&body));
        }
    });
    format!("http://{address}/")
}

/// Says that a test cannot run, for want of `what`; `make test` lists these at its end. In CI nothing is passed over: there it fails.
pub fn pass_over(what: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "this test cannot run here: {what}"
    );
    let thread = std::thread::current();
    let line = format!(
        "passed over: {}: {what}\n",
        thread.name().unwrap_or("a test")
    );
    eprint!("{line}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("passed-over");
    let mut list = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("cargo's folder for tests is writable");
    // one write: tests of other processes have lines of their own
    list.write_all(line.as_bytes())
        .expect("the list is writable");
}

/// Whether real Nix is here; see [`pass_over`].
pub fn have_nix() -> bool {
    let found = Command::new("nix-instantiate")
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        pass_over("no nix-instantiate");
    }
    found
}

/// `nix` of a Debian suite, unpacked beside this machine's.
fn nix_of(suite: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/debian-nix");
    let output = Command::new(script).arg(suite).output().unwrap();
    if output.status.success() {
        return Some(PathBuf::from(
            String::from_utf8(output.stdout).unwrap().trim(),
        ));
    }
    let why = String::from_utf8_lossy(&output.stderr);
    pass_over(&format!("no Nix of {suite}: {why}"));
    None
}

/// Those of Debian's suites whose Nix is tried beside this machine's, each with it: 2.26, and the newest.
pub fn newer_nixes() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let suites = ["trixie", "sid"].into_iter();
    suites.filter_map(|suite| Some((suite, nix_of(suite)?)))
}

/// This machine's Nix, and the newer ones.
pub fn nixes() -> Vec<PathBuf> {
    let newer = newer_nixes().map(|(_, program)| program);
    [PathBuf::from("nix")].into_iter().chain(newer).collect()
}

/// Builds what the Nix file `file` evaluates to, as kflake builds.
pub fn nix_build(file: &Path) -> Output {
    Command::new("nix-build")
        .env("NIX_MIRRORS_debian", debian_mirror())
        .env("NIX_CONFIG", build_config())
        .arg("--no-out-link")
        .arg(file)
        .output()
        .expect("nix-build runs")
}

/// Evaluates the Nix file `file` to JSON.
pub fn eval_file(file: &Path) -> Value {
    let output = nix("nix-instantiate")
        .args(["--store", "dummy://", "--eval", "--strict", "--json"])
        .arg(file)
        .output()
        .expect("nix-instantiate runs");
    let text = String::from_utf8(succeeded(output).stdout).expect("JSON is UTF-8");
    serde_json::from_str(&text).expect("nix-instantiate --json prints JSON")
}

/// Evaluates Nix code to JSON, with `dir` as the place of relative paths.
pub fn eval(dir: &Path, code: &str) -> Value {
    let file = dir.join("eval-of-a-test.nix");
    std::fs::write(&file, code).expect("the folder is writable");
    let value = eval_file(&file);
    std::fs::remove_file(&file).expect("it was there");
    value
}

/// `output`, of a command that must have succeeded.
pub fn succeeded(output: Output) -> Output {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// What chooses Debian's compilers, and Debian's packages to run them.
pub const DEBIAN: &[&str] = &["--packages", "debian", "--toolchains", "debian"];

/// Runs kflake on the project in `project`.
pub fn kflake(project: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kflake"))
        .arg("-C")
        .arg(project)
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .expect("kflake runs")
}

/// A copy in `folder` of the kflake that was built: another may take its place while a long test runs, and generate other files.
pub fn kept_kflake(folder: &Path) -> PathBuf {
    let copy = folder.join("kflake");
    std::fs::copy(env!("CARGO_BIN_EXE_kflake"), &copy).expect("the folder is writable");
    copy
}

/// Registers a kernel's tarball with a project.
pub fn add_kernel(project: &Path, tarball: &Path) {
    let tarball = tarball.to_str().expect("a test's path is UTF-8");
    succeeded(kflake(project, &["kernel", "add", tarball]));
}

/// A project with the fake kernel as 6.1.9999, packed to behave as `behaviour` says.
pub fn fake_project(behaviour: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    add_kernel(dir.path(), &pack_fake_kernel(dir.path(), behaviour));
    dir
}

/// Where Debian's `linux-source-6.1` puts the kernel.
pub const REAL_KERNEL: &str = "/usr/src/linux-source-6.1.tar.xz";

/// A project with Debian's Linux 6.1, and the version that it is.
pub fn real_project() -> (tempfile::TempDir, String) {
    assert!(
        Path::new(REAL_KERNEL).exists(),
        "{REAL_KERNEL} is missing: `make deps` installs it"
    );
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let said = succeeded(kflake(dir.path(), &["kernel", "add", REAL_KERNEL])).stdout;
    let said = String::from_utf8(said).expect("kflake prints UTF-8");
    let version = said.split_whitespace().nth(1).expect("Linux 6.1.N ...");
    (dir, version.to_owned())
}

/// Packs the fake kernel tree, to behave as `behaviour` says, as `DIR/linux-fake.tar`.
pub fn pack_fake_kernel(dir: &Path, behaviour: &str) -> PathBuf {
    let tar = dir.join("linux-fake.tar");
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-kernel/pack");
    succeeded(
        Command::new(pack)
            .arg(&tar)
            .arg(behaviour)
            .output()
            .expect("pack runs"),
    );
    tar
}

/// The fake kernel, to behave as `behaviour` says, as no store has it yet, so that all of it has to be built.
pub fn pack_new_kernel(dir: &Path, behaviour: &str) -> PathBuf {
    let tar = pack_fake_kernel(dir, behaviour);
    let tree = dir.join("linux-fake");
    std::fs::create_dir(&tree).expect("the folder is writable");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    std::fs::write(tree.join("made"), format!("{now:?}\n")).expect("the folder is writable");
    let mut append = Command::new("tar");
    append.arg("-rf").arg(&tar).arg("-C").arg(dir);
    append.arg("linux-fake/made");
    succeeded(append.output().expect("tar runs"));
    tar
}
