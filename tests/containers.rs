//! Images by real engines: Debian's podman, skopeo, umoci and registry, none of which kflake's other tests need. `make test-containers`.

mod common;

use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::module::module;
use common::walk;
use serde_json::Value;

const PAGE: &str = include_str!("../docs/images.md");

/// What `make test-containers` installs.
const PROGRAMS: [&str; 7] = [
    "podman",
    "runc",
    "skopeo",
    "umoci",
    "docker-registry",
    "qemu-aarch64",
    "qemu-arm",
];

/// An ordinary user, whom every Debian has: `nobody`, and its group.
const NOBODY: u32 = 65534;

/// Whether containers can be tried here; see [`common::pass_over`].
fn have_engine() -> bool {
    for program in PROGRAMS {
        let found = Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|it| it.status.success());
        if !found {
            common::pass_over(&format!("no {program}: see `make test-containers`"));
            return false;
        }
    }
    let root = rustix::process::getuid().is_root();
    if !root {
        common::pass_over("podman is started as root here, where there need be no systemd");
    }
    root
}

/// A registry on a port of this machine, gone with its owner.
struct Registry {
    process: Child,
    address: String,
}

impl Registry {
    fn start(dir: &Path) -> Registry {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let config = dir.join("registry.yml");
        let store = dir.join("registry").display().to_string();
        let text = format!(
            "version: 0.1\nstorage: {{ filesystem: {{ rootdirectory: {store} }} }}\nhttp: {{ addr: '{address}' }}\n"
        );
        fs::write(&config, text).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Registry { process, address };
        let start = Instant::now();
        while TcpStream::connect(&registry.address).is_err() {
            let waited = start.elapsed();
            assert!(waited < Duration::from_secs(30), "the registry is silent");
            std::thread::sleep(Duration::from_millis(50));
        }
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// A folder with a kernel's project, a podman that stores there, and a registry.
struct Desk {
    dir: tempfile::TempDir,
    version: String,
    registry: Registry,
}

impl Desk {
    fn new() -> Desk {
        let (dir, version) = common::real_project();
        let registry = Registry::start(dir.path());
        let desk = Desk {
            dir,
            version,
            registry,
        };
        // what Debian's podman needs as root where there is no systemd; how layers are kept it chooses itself, as docker does:
        // copying each of them whole (vfs) takes many times the room
        let settings = "[containers]\ndefault_ulimits = []\ncgroups = \"enabled\"\n[engine]\ncgroup_manager = \"cgroupfs\"\n";
        fs::write(desk.at("containers.conf"), settings).unwrap();
        let plain = format!(
            "[[registry]]\nlocation = \"{}\"\ninsecure = true\n",
            desk.registry.address
        );
        fs::write(desk.at("registries.conf"), plain).unwrap();
        let at = desk.at("").display().to_string();
        let podman = format!(
            "#!/bin/sh\nexport CONTAINERS_CONF={at}containers.conf CONTAINERS_REGISTRIES_CONF={at}registries.conf\n\
             exec podman --root {at}storage --runroot {at}run --runtime runc \"$@\"\n"
        );
        fs::write(desk.at("engine-podman"), podman).unwrap();
        fs::set_permissions(desk.at("engine-podman"), fs::Permissions::from_mode(0o755)).unwrap();
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn kflake(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kflake"))
            .arg("-C")
            .arg(self.dir.path())
            .args(words)
            .current_dir(self.dir.path())
            .env("NO_COLOR", "1")
            .env("KFLAKE_ENGINE", self.at("engine-podman"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What kflake prints.
    #[track_caller]
    fn said(&self, words: &[&str]) -> String {
        String::from_utf8(common::succeeded(self.kflake(words)).stdout).unwrap()
    }

    /// The same, of a command that builds with Debian's packages.
    #[track_caller]
    fn built(&self, words: &[&str]) -> String {
        self.said(&[words, common::DEBIAN].concat())
    }

    /// What another program prints.
    #[track_caller]
    fn run(&self, program: &str, words: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.dir.path());
        String::from_utf8(common::succeeded(command.output().unwrap()).stdout).unwrap()
    }

    /// A name in the registry.
    fn remote(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.address)
    }

    fn digest(&self, layout: &str) -> String {
        let index = json(&fs::read_to_string(self.at(layout).join("index.json")).unwrap());
        index["manifests"][0]["digest"].as_str().unwrap().to_owned()
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[track_caller]
fn same_bits(one: &Path, two: &Path) {
    let (one_bits, two_bits) = (fs::read(one).unwrap(), fs::read(two).unwrap());
    let differ = one_bits.iter().zip(&two_bits).position(|(a, b)| a != b);
    let (one, two) = (one.display(), two.display());
    assert!(
        differ.is_none() && one_bits.len() == two_bits.len(),
        "{one} ({} bytes) and {two} ({} bytes) differ at {differ:?}",
        one_bits.len(),
        two_bits.len()
    );
}

#[test]
#[ignore = "needs Debian's container tools and minutes: `make test-containers`"]
fn an_image_goes_through_a_registry_and_builds_the_kernel_that_kflake_builds() {
    if !common::have_nix() || !have_engine() {
        return;
    }
    let desk = Desk::new();
    desk.built(&["image", "k6-arm64", "--out", "image"]);

    // others read it as what it is
    let seen = json(&desk.run("skopeo", &["inspect", "oci:image"]));
    assert_eq!(seen["Digest"], desk.digest("image").as_str());
    assert_eq!(seen["Labels"]["kflake.cell"], "k6-arm64");
    assert_eq!(seen["Labels"]["kflake.toolchain"], "debian-12.2.0-arm64");
    desk.run(
        "umoci",
        &["unpack", "--image", "image:k6-arm64", "unpacked"],
    );
    let root = desk.at("unpacked/rootfs");
    assert!(
        fs::read_to_string(root.join("etc/passwd"))
            .unwrap()
            .contains("root:")
    );
    let inside = root.to_str().unwrap();
    let machine = desk.run(
        "chroot",
        &[
            inside,
            "/opt/cross/bin/aarch64-linux-gnu-gcc",
            "-dumpmachine",
        ],
    );
    assert_eq!(machine, "aarch64-linux-gnu\n");

    // pushed under a name, and pulled by the engine with nothing changed
    let (remote, registry) = (desk.remote("kflake/gcc:12-arm64"), desk.remote("kflake"));
    let push = ["image", "gcc:12-arm64", "--push", &registry];
    let refused = desk.kflake(&[push.as_slice(), common::DEBIAN].concat());
    let why = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{why}");
    assert!(why.contains("--insecure"), "{why}");
    let said = desk.built(&[push.as_slice(), &["--insecure"]].concat());
    assert!(said.starts_with(&format!("{remote}: ")), "{said}");
    let target = format!("docker://{remote}");
    let stored = json(&desk.run("skopeo", &["inspect", "--tls-verify=false", &target]));
    assert!(said.contains(stored["Digest"].as_str().unwrap()), "{said}");
    assert_eq!(stored["Layers"], seen["Layers"]);

    // the kernel that kflake builds, and the same in a container of the pulled image
    let kernel = ["build", desk.version.as_str(), "arm64", "--config", "tiny"];
    desk.built(&[kernel.as_slice(), &["--out", "kernel"]].concat());
    desk.run("tar", &["-xf", common::REAL_KERNEL]);
    let tree = common::REAL_KERNEL.rsplit('/').next().unwrap();
    let tree = tree.trim_end_matches(".tar.xz");
    fs::create_dir(desk.at("out")).unwrap();
    fs::copy(desk.at("kernel/config"), desk.at("out/.config")).unwrap();
    let make = |words: &[&str]| {
        let begin = ["container", &remote, "--tree", tree, "--out", "out", "--"];
        desk.said(&[&begin, ["make", "-j2"].as_slice(), words].concat())
    };
    make(&["olddefconfig", "Image", "modules"]);
    // which pahole there is gets written down by a kernel's own make alone, used or not
    let settings = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(desk.at(name)).unwrap();
        let told = |line: &&str| !line.starts_with("CONFIG_PAHOLE_VERSION=");
        text.lines().filter(told).map(str::to_owned).collect()
    };
    assert_eq!(settings("out/.config"), settings("kernel/config"));
    same_bits(&desk.at("out/vmlinux"), &desk.at("kernel/vmlinux"));
    let image = desk.at("out/arch/arm64/boot/Image");
    same_bits(&image, &desk.at("kernel/Image"));

    // a module of one's own, in the folder that is the caller's
    let module = desk.at("out/own");
    fs::create_dir(&module).unwrap();
    fs::write(module.join("Makefile"), "obj-m := own.o\n").unwrap();
    let source = "#include <linux/module.h>\nstatic int __init own(void) { pr_notice(\"own: here\\n\"); return 0; }\n\
                  module_init(own);\nMODULE_LICENSE(\"GPL\");\n";
    fs::write(module.join("own.c"), source).unwrap();
    make(&["M=/out/own", "modules"]);

    let (image, module) = (image.to_str().unwrap(), module.join("own.ko"));
    let boot = ["boot", desk.version.as_str(), "arm64", "--kernel", image];
    let with_module = ["--module", module.to_str().unwrap()];
    let boots = |console: &str| {
        let version = format!("Linux version {}", desk.version);
        assert!(console.contains(&version), "{console}");
        assert!(console.contains("own: here"), "{console}");
    };
    boots(&desk.built(&[boot.as_slice(), &with_module].concat()));

    // the same by the tree's own make
    let makefile = desk.said(&["container", "--makefile"]);
    fs::write(desk.at(tree).join("GNUmakefile"), makefile).unwrap();
    let (project, out) = (desk.at(""), desk.at("out"));
    let choices = "packages = \"debian\"\ntoolchains = [\"debian\"]\n";
    fs::write(desk.at("kflake.toml"), choices).unwrap();
    let kflake = format!(
        "KFLAKE_ENGINE={} {} -C {}",
        desk.at("engine-podman").display(),
        env!("CARGO_BIN_EXE_kflake"),
        project.display()
    );
    boots(&desk.run(
        "make",
        &[
            "-C",
            tree,
            "CONTAINER=gcc:12-arm64",
            &format!("KFLAKE={kflake}"),
            &format!("O={}", out.display()),
            "BOOTFLAGS=--module /out/own/own.ko",
            "boot",
        ],
    ));

    // and by who has an engine and a registry alone
    desk.built(&["image", "qemu:arm64", "--push", &registry, "--insecure"]);
    let engine = desk.at("engine-podman");
    let engine = engine.to_str().unwrap();
    let (mount, image) = (
        format!("{}:/out:ro", out.display()),
        desk.remote("kflake/qemu:arm64"),
    );
    let run = ["run", "--rm", "--network", "none", "-v", &mount, &image];
    let console = desk.run(engine, &run);
    assert!(console.contains("\nbooted in "), "{console}");
    fs::remove_file(out.join("arch/arm64/boot/Image")).unwrap();
    let refused = Command::new(engine).args(run).output().unwrap();
    let why = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{why}");
    assert!(why.contains("build it: make Image"), "{why}");
}

/// Docker's daemon, of Debian's packages, with all that it keeps in `dir`; `nobody` may speak to it. Gone with its owner.
struct Docker {
    process: Child,
    programs: PathBuf,
    address: String,
}

impl Docker {
    fn start(dir: &Path) -> Docker {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/debian-docker");
        let said = common::succeeded(Command::new(script).output().unwrap()).stdout;
        let programs = PathBuf::from(String::from_utf8(said).unwrap().trim());
        let at = |name: &str| dir.join(name).display().to_string();
        fs::write(at("daemon.json"), "{}\n").unwrap();
        let address = format!("unix://{}", at("docker.sock"));
        let process = Command::new(programs.join("dockerd"))
            .args(["--config-file", &at("daemon.json")])
            .args(["--data-root", &at("docker")])
            .args(["--exec-root", &at("docker-run")])
            .args(["--pidfile", &at("docker.pid")])
            .args(["--host", &address, "--group", "nogroup"])
            // nothing of this machine's is changed
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .arg("--oom-score-adjust=0")
            .env("PATH", path_with(&programs))
            .stdout(Stdio::null())
            .stderr(fs::File::create(at("docker.log")).unwrap())
            .spawn()
            .unwrap();
        let docker = Docker {
            process,
            programs,
            address,
        };
        let start = Instant::now();
        while !docker.answers() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "docker is silent: {}",
                fs::read_to_string(at("docker.log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        docker
    }

    fn answers(&self) -> bool {
        let mut command = Command::new(self.programs.join("docker"));
        command.arg("info").env("DOCKER_HOST", &self.address);
        command.output().unwrap().status.success()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // asked, not killed: it ends what it started
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

/// `PATH` with `folder` ahead of all else.
fn path_with(folder: &Path) -> OsString {
    let others = std::env::var_os("PATH").unwrap();
    let all = [folder.to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&others));
    std::env::join_paths(all).unwrap()
}

/// What an ordinary user does with an image: kflake and the kernel's own script, each by podman and by docker. The tree comes by the
/// standard input; it is built out of place first, as that needs it clean.
const ORDINARY: &str = r#"
tar -xJ --strip-components=1 --one-top-level=tree \
  --exclude='*/drivers/*.[ch]' --exclude='*/sound/*.[ch]' --exclude='*.dts*' --exclude='*.rst' --exclude='*.yaml'
kflake container image --tree tree --out by-podman -- make -s -j2 tinyconfig init/main.o
KFLAKE_ENGINE=docker kflake container image --tree tree --out by-docker -- make -s -j2 tinyconfig init/main.o
kflake container image --tree tree --overlay --out over-podman -- make -s -j2 tinyconfig init/main.o
KFLAKE_ENGINE=docker kflake container image --tree tree --overlay --out over-docker -- make -s -j2 tinyconfig init/main.o
test ! -e tree/.config
cd tree
scripts/container -i "$IMAGE" -- make -s -j2 tinyconfig init/main.o
cp init/main.o ../by-script.o
scripts/container -r docker -i "$IMAGE" -- make -s mrproper
test ! -e init/main.o
"#;

#[test]
#[ignore = "needs Debian's container tools and minutes: `make test-containers`"]
fn an_ordinary_user_builds_by_podman_and_docker_and_by_the_kernels_own_script() {
    if !common::have_nix() || !have_engine() {
        return;
    }
    let desk = Desk::new();
    let docker = Docker::start(desk.dir.path());
    desk.built(&["image", "k6-arm64", "--out", "image"]);
    let tag = &desk.digest("image")["sha256:".len()..][..12];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/debian-kernel");
    let tarball = desk.run(script.to_str().unwrap(), &["trixie-backports", "7.2"]);

    // a home of the user's, with kflake in it; elsewhere there may be nothing that the user can read
    let home = desk.at("home");
    fs::create_dir(&home).unwrap();
    common::kept_kflake(&home);
    fs::copy(docker.programs.join("docker"), home.join("docker")).unwrap();
    desk.run("mv", &["image", "home/image"]);
    fs::create_dir(home.join("runtime")).unwrap();
    // what a user without a helper for networks has to say to podman, as the kernel's script does not
    fs::write(
        home.join("containers.conf"),
        "[containers]\nnetns = \"none\"\n",
    )
    .unwrap();
    fs::write(home.join("subordinate"), "nobody:100000:65536\n").unwrap();
    desk.run("chown", &["-R", "nobody:nogroup", "home"]);
    desk.run("chmod", &["700", "home/runtime"]);
    desk.run("chmod", &["755", "."]);

    // with ids of its own, as adduser gives them, and nothing left running
    let at = home.to_str().unwrap();
    let begin = format!(
        "set -eu\nmount --bind {at}/subordinate /etc/subuid\nmount --bind {at}/subordinate /etc/subgid\ncd {at}\n\
         exec setpriv --reuid nobody --regid nogroup --clear-groups sh -euxc \"$ORDINARY\""
    );
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
        ])
        .arg(begin)
        .stdin(fs::File::open(tarball.trim()).unwrap())
        .env_clear()
        .envs([
            ("ORDINARY", ORDINARY),
            ("HOME", at),
            ("NO_COLOR", "1"),
            ("IMAGE", &format!("kflake/image:{tag}")),
            ("XDG_RUNTIME_DIR", &format!("{at}/runtime")),
            ("CONTAINERS_CONF", &format!("{at}/containers.conf")),
            ("DOCKER_HOST", &docker.address),
        ])
        .env("PATH", format!("{at}:/usr/sbin:/usr/bin:/sbin:/bin"));
    common::succeeded(command.output().unwrap());

    let built = [
        "by-podman/init/main.o",
        "by-docker/init/main.o",
        "by-script.o",
        "over-podman/tree/init/main.o",
        "over-docker/tree/init/main.o",
    ];
    for file in built.map(|it| home.join(it)) {
        let bytes = fs::read(&file).unwrap();
        let machine = (&bytes[..4], bytes[18], bytes[19]);
        assert_eq!(machine, (&b"\x7fELF"[..], 183, 0), "{}", file.display());
        let owner = fs::metadata(&file).unwrap().uid();
        assert_eq!(owner, NOBODY, "{}", file.display());
    }
    for other in &built[1..] {
        same_bits(&home.join(built[0]), &home.join(other));
    }
}

#[test]
#[ignore = "needs Debian's container tools and minutes: `make test-containers`"]
fn every_line_of_the_page_on_extending_an_image_works() {
    if !common::have_nix() || !have_engine() {
        return;
    }
    let desk = Desk::new();
    let choices = "packages = \"debian\"\ntoolchains = [\"debian\"]\n";
    fs::write(desk.at("kflake.toml"), choices).unwrap();
    let (files, commands) = walk::parts(walk::section(PAGE, "## Extending an image"));
    assert!(files.len() == 2 && commands.len() >= 23, "{commands:?}");
    walk::write(desk.dir.path(), files);
    let vermagic = format!("{} SMP aarch64", desk.version);
    fs::write(desk.at("hello.ko"), module(183, &vermagic)).unwrap();
    let commands: Vec<String> = commands
        .iter()
        .map(|line| {
            let line = line.replace("6.1.192", &desk.version);
            match line.contains("registry.example") {
                true => line.replace("registry.example", &desk.registry.address) + " --insecure",
                false => line,
            }
        })
        .collect();
    let engine = desk.at("engine-podman");
    let variables = [("KFLAKE_ENGINE", engine.to_str().unwrap())];
    let said = walk::run(desk.dir.path(), &commands, &[], &variables);
    for verified in [
        "usr/bin/greet: ELF64 little-endian machine 183, program, loaded by /lib/ld-linux-aarch64.so.1, needs libc.so.6 (sysroot)",
        "usr/bin/greet: ELF32 little-endian machine 40, program, loaded by /lib/ld-linux-armhf.so.3, needs libc.so.6 (sysroot)",
    ] {
        assert!(said.contains(verified), "{said}");
    }
    // one of each arch ran
    let hellos = said
        .lines()
        .filter(|it| it.trim() == "hello from an extension");
    assert_eq!(hellos.count(), 2, "{said}");

    // what others read
    let seen = json(&desk.run("skopeo", &["inspect", "oci:greet-image"]));
    assert_eq!(seen["Digest"], desk.digest("greet-image").as_str());
    assert_eq!(seen["Architecture"], "arm64");
    desk.run(
        "umoci",
        &["unpack", "--image", "with-module:greet", "unpacked"],
    );
    let installed = format!("usr/lib/modules/{}/extra/hello.ko", desk.version);
    for name in ["etc/os-release", "usr/bin/greet", &installed] {
        let file = desk.at("unpacked/rootfs").join(name);
        assert!(file.is_file(), "{name}");
    }
    let remote = format!("docker://{}", desk.remote("greet:latest"));
    let stored = json(&desk.run("skopeo", &["inspect", "--tls-verify=false", &remote]));
    assert!(said.contains(stored["Digest"].as_str().unwrap()), "{said}");
    assert_eq!(stored["Layers"].as_array().unwrap().len(), 2);
    desk.run(
        "unsquashfs",
        &["-q", "-d", "extension", "extensions/greet.raw"],
    );
    same_bits(
        &desk.at("extension/usr/bin/greet"),
        &desk.at("staging/usr/bin/greet"),
    );

    // the builder says which kernel modules have to be for
    let builder = json(&desk.run("skopeo", &["inspect", "oci:builder"]));
    assert_eq!(builder["Labels"]["kflake.sdk.vermagic"], vermagic.as_str());
    let export = [
        "image",
        "--payload",
        "staging",
        "--name",
        "greet",
        "--kernel",
        "oci:builder",
    ];
    desk.said(&[&export[..], &["--out", "tied"]].concat());
    let other = format!("{} SMP preempt aarch64", desk.version);
    fs::write(desk.at("staging").join(&installed), module(183, &other)).unwrap();
    let refused = desk.kflake(&[&export[..], &["--out", "refused"]].concat());
    assert_eq!(refused.status.code(), Some(1));
}
