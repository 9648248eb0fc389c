//! A project that uses the generated flake as an input: its own package set, patches, configuration and changes, built and booted with
//! a kernel tree that builds in a second.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// KERNELS is the folder of the generated flake.
const CONSUMER: &str = r#"{
  inputs.nixpkgs.url = "path:KERNELS/debian-packages";
  inputs.kernels.url = "path:KERNELS";
  inputs.kernels.inputs.nixpkgs.follows = "nixpkgs";
  inputs.kernels.inputs.musl-cross-make.follows = "nixpkgs";
  outputs =
    { nixpkgs, kernels, ... }:
    let
      system = "x86_64-linux";
      pkgs = nixpkgs.legacyPackages.${system};
      mine = pkgs // { marker = "mine"; };
      kflake = kernels.lib.withPkgs mine;
    in
    {
      packages.${system} = rec {
        kernel = kflake.buildKernel {
          version = "6.1.9999";
          arch = "arm64";
          board = "arm64-virt";
          profile = "tiny";
          configFragments = [ "CONFIG_HZ=250\n" ];
          strict = true;
          patches = [ ./banner.patch ];
          makeFlags = [ "KFLAKE_TEST=1" ];
        };
        changed = kernel.overrideAttrs (previous: {
          configurePhase = previous.configurePhase + "\necho overridden >asked\n";
        });
        boot = kflake.bootTest { kernel = changed; };
        module = kflake.buildModule {
          kernel = changed;
          src = ./module;
        };
        tested = changed.tests.boot;
        broken = kflake.buildKernel {
          version = "6.1.9999";
          arch = "arm64";
          profile = "tiny";
          patches = [ ./broken.patch ];
        };
        overlaid = (kernels.overlays.default mine pkgs).kflake.buildKernel {
          version = "6.1.9999";
          arch = "arm64";
          profile = "tiny";
        };
        legacy = kernels.legacyPackages.${system}.buildKernel {
          version = "6.1.9999";
          arch = "arm64";
          profile = "tiny";
        };
      };
    };
}
"#;

const PATCH: &str = "--- a/NOTICE\n+++ b/NOTICE\n@@ -0,0 +1 @@\n+patched\n";
const BROKEN: &str = "--- a/Kbuild\n+++ b/Kbuild\n@@ -1 +1 @@\n-no such line\n+another\n";

fn nix(dir: &Path, args: &[&str]) -> Output {
    Command::new("nix")
        .env("NIX_MIRRORS_debian", common::debian_mirror())
        .env("NIX_CONFIG", common::build_config())
        .current_dir(dir)
        .args(args)
        .output()
        .unwrap()
}

fn said(output: Output) -> String {
    let output = common::succeeded(output);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_project_patches_configures_overrides_and_boots() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let kernels = dir.path().join("kernels");
    fs::create_dir(&kernels).unwrap();
    common::add_kernel(&kernels, &common::pack_fake_kernel(dir.path(), "ok"));
    let mut generate = vec!["gen"];
    generate.extend(common::DEBIAN);
    common::succeeded(common::kflake(&kernels, &generate));

    let consumer = dir.path().join("consumer");
    fs::create_dir_all(consumer.join("module")).unwrap();
    let flake = CONSUMER.replace("KERNELS", kernels.to_str().unwrap());
    fs::write(consumer.join("flake.nix"), flake).unwrap();
    fs::write(consumer.join("banner.patch"), PATCH).unwrap();
    fs::write(consumer.join("broken.patch"), BROKEN).unwrap();
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("validate/module");
    for file in ["Makefile", "kflake_probe.c"] {
        fs::copy(module.join(file), consumer.join("module").join(file)).unwrap();
    }
    let eval = |what: &str| said(nix(&consumer, &["eval", "--raw", &format!(".#{what}")]));
    let build = |what: &str| {
        let built = nix(
            &consumer,
            &["build", "--no-link", "--json", &format!(".#{what}")],
        );
        let outputs: serde_json::Value = serde_json::from_str(&said(built)).unwrap();
        outputs[0]["outputs"]["out"].as_str().unwrap().to_owned()
    };

    // the image is the changed kernel's, not the one's that it was changed from
    let changed = eval("changed.outPath");
    assert_ne!(changed, eval("kernel.outPath"));
    assert_eq!(eval("changed.image"), format!("{changed}/Image"));
    assert_eq!(eval("changed.meta.description"), "Linux 6.1.9999 for arm64");
    // a package set of one's own is as good as the flake's, by whichever door
    assert_eq!(eval("overlaid.drvPath"), eval("legacy.drvPath"));

    let kernel = build("changed");
    let read = |file: &str| fs::read_to_string(Path::new(&kernel).join(file)).unwrap();
    assert_eq!(read("config-asked"), "overridden\n");
    assert!(read("config").contains("CONFIG_HZ=250\n"));
    // built: a store that has the kernel need not have it
    let source = build("kernel.kernelSource");
    let notice = fs::read_to_string(Path::new(&source).join("NOTICE"));
    assert_eq!(notice.unwrap(), "patched\n");

    let boot = build("boot");
    let log = fs::read_to_string(Path::new(&boot).join("boot.json")).unwrap();
    assert!(log.contains("\"outcome\":\"passed\""), "{log}");
    let command = eval("tested.drvPath");
    assert!(command.ends_with("-boot-linux-6.1.9999-arm64.drv"));

    // a module keeps nothing of what it was built against, and what it is built against neither kernel nor source
    let references = |path: &str| {
        let query = ["--query", "--references", path];
        said(Command::new("nix-store").args(query).output().unwrap())
    };
    let module = build("module");
    assert_eq!(references(&module), "");
    assert_eq!(references(&kernel), "");
    let dev = eval("changed.dev.outPath");
    let kept = references(&dev);
    for line in kept.lines() {
        assert!(line.contains("-debian-") || line == dev, "{line} of {kept}");
        // which its programs could link, and do not
        for library in ["elfutils", "flex", "ncurses", "openssl", "zlib"] {
            assert!(!line.contains(library), "{line} of {kept}");
        }
    }
    let header = fs::read_to_string(Path::new(&dev).join("include/generated/made.h"));
    assert_eq!(header.unwrap(), "/* made from arch/arm64/Kconfig */\n");

    let refused = nix(&consumer, &["build", "--no-link", "-L", ".#broken"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success()
            && words.contains("kflake: kernel: patch-rejected: broken.patch does not apply"),
        "{words}"
    );
}

/// `nix-build` alone, without the flake.
#[test]
fn default_nix_has_the_packages_and_the_builders() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    common::add_kernel(dir.path(), &common::pack_fake_kernel(dir.path(), "ok"));
    let mut generate = vec!["gen"];
    generate.extend(common::DEBIAN);
    common::succeeded(common::kflake(dir.path(), &generate));
    let evaluated = |attribute: &str| {
        said(
            common::nix("nix-instantiate")
                .args(["--eval", "--json", "default.nix", "-A", attribute])
                .current_dir(dir.path())
                .output()
                .unwrap(),
        )
    };
    assert_eq!(evaluated("k6-arm64.target"), "\"aarch64-linux-gnu\"");
    assert_eq!(
        evaluated("lib.toolchains.\"debian-12.2.0-arm64\".gcc"),
        "\"12.2.0\""
    );
}
