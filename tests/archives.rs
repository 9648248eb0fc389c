//! Toolchains that come as one archive: Bootlin's and kernel.org's. Their own are not to be had everywhere, so archives of the same
//! shape, made of Debian's compiler, stand in for them, behind a mirror that is a folder.

mod common;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kflake::hash::Sha256;

const TARGET: &str = "mipsel-linux-gnu";

/// The settings of kflake's own, and a folder that fetches may read: the mirror of these tests.
fn nix_config(mirror: &Path) -> String {
    format!(
        "{}extra-sandbox-paths = {}\n",
        common::build_config(),
        mirror.display()
    )
}

fn succeeded(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Debian's compiler from its pins, which the stand-ins are made of, and the folder of patchelf, which makes them.
fn debian(dir: &Path) -> (PathBuf, PathBuf) {
    let project = dir.join("project");
    fs::create_dir(&project).unwrap();
    let script = r#"
        set -eu
        "$KFLAKE" -C "$PROJECT" gen --toolchains debian >&2
        eval "$("$KFLAKE" -C "$PROJECT" pins mirrors --export)"
        cd "$PROJECT"
        nix-build --no-out-link -E '
          (import ./cells.nix {
            pkgs = import ./debian-packages { };
            matrix = import ./matrix.nix;
            sources = import ./sources.nix;
            resolve = import ./resolve.nix;
          }).toolchains."debian-12.2.0-mipsel"'
        nix-build --no-out-link -E '(import ./debian-packages { }).patchelf'
    "#;
    let output = Command::new("bash")
        .args(["-c", script])
        .env("KFLAKE", env!("CARGO_BIN_EXE_kflake"))
        .env("PROJECT", &project)
        .env("NIX_CONFIG", nix_config(dir))
        .output()
        .unwrap();
    let said = succeeded(output);
    let (compiler, patchelf) = said.split_once('\n').unwrap();
    (PathBuf::from(compiler), Path::new(patchelf).join("bin"))
}

/// Packs the compiler at `$FROM` as `$OUT`, in the shape that `$SHAPE` names.
const PACK: &str = r#"
    set -eu
    case $SHAPE in
    korg) top=gcc-12.2.0-nolibc prefix=gcc-12.2.0-nolibc/$TARGET ;;
    *) top=mips32el--glibc--stable-1 prefix=$top ;;
    esac
    mkdir -p "$WORK/$prefix"
    cp -a "$FROM/." "$WORK/$prefix/"
    chmod -R u+w "$WORK"
    cd "$WORK/$prefix"

    # the host libraries that such archives bring along
    loader=$(patchelf --print-interpreter "$(realpath bin/$TARGET-gcc)")
    for name in gmp mpfr mpc isl z zstd jansson; do cp -a "$(dirname "$loader")"/lib$name.so* lib/; done
    cp -a lib/x86_64-linux-gnu/*.so* lib/
    rm -rf lib/x86_64-linux-gnu
    chmod -R u+w lib
    # their programs find them by where they are, and their loader where every distribution has it
    for file in bin/* lib/gcc-cross/$TARGET/12/* lib/*.so*; do
      [ -f "$file" ] && [ ! -L "$file" ] && patchelf --print-rpath "$file" >/dev/null 2>&1 || continue
      patchelf --set-rpath '$ORIGIN/../lib' "$file"
      patchelf --set-interpreter /opt/elsewhere/ld.so "$file" 2>/dev/null || true
    done

    case $SHAPE in
    korg)
      rm -rf $TARGET/include $TARGET/lib lib/gcc-cross/$TARGET/12/specs
      ;;
    *)
      # what the target runs with is a root of its own, with folders that only the target has
      mkdir -p $TARGET/sysroot/lib $TARGET/sysroot/usr $TARGET/sysroot/dev
      mv $TARGET/include $TARGET/lib $TARGET/sysroot/usr/
      mv $TARGET/sysroot/usr/lib/ld.so.1 $TARGET/sysroot/usr/lib/libc.so.6 $TARGET/sysroot/lib/
      ln -s lib $TARGET/sysroot/lib32
      ln -s ../proc/self/fd $TARGET/sysroot/dev/fd
      ln -s lib lib64
      # an absolute link of the sysroot
      ln -s /lib/libc.so.6 $TARGET/sysroot/lib/ld-absolute.so.1
      # one file by several names
      ln -f bin/$TARGET-as $TARGET/bin/as
      # a wrapper in front of the compiler, and every program by a shorter name too
      cc -O -DTARGET="\"$TARGET\"" -o bin/toolchain-wrapper "$WRAPPER"
      patchelf --set-interpreter /opt/elsewhere/ld.so bin/toolchain-wrapper
      real=$(readlink -f bin/$TARGET-gcc)
      rm bin/$TARGET-gcc
      mv "$real" bin/$TARGET-gcc.br_real
      # a debugger that wants a library of the machine that it was built on
      cp -L bin/$TARGET-objdump bin/$TARGET-gdb
      chmod u+w bin/$TARGET-gdb
      patchelf --add-needed libabsent.so.1 bin/$TARGET-gdb
      [ "$SHAPE" != without-libraries ] || patchelf --add-needed libabsent.so.1 bin/$TARGET-gcc.br_real
      [ "$SHAPE" != broken-cxx ] || cp bin/$TARGET-gcc.br_real bin/$TARGET-g++.br_real
      for file in bin/$TARGET-*; do
        short=mipsel-linux-${file#bin/$TARGET-}
        case $file in
        *.br_real)
          ln -s "${file#bin/}" "bin/$short"
          ln -s toolchain-wrapper "bin/${short%.br_real}"
          ln -s toolchain-wrapper "${file%.br_real}"
          ;;
        *) ln -s "${file#bin/}" "bin/$short" ;;
        esac
      done
      # the specs name the folder that the compiler was made for
      grep -q "$FROM" lib/gcc-cross/$TARGET/12/specs
      mkdir -p share/buildroot
      echo "$FROM" >share/buildroot/sdk-location
      if [ "$SHAPE" != old ]; then
        cat >relocate-sdk.sh <<'EOF'
#!/bin/sh
cd "$(dirname "$0")"
old=$(cat share/buildroot/sdk-location)
# neither twice, nor to below where it was
case $PWD/ in "$old"/*) exit 1 ;; esac
grep -lr "$old" . | while read -r file; do
  case $(file -b --mime-type "$file") in text/*) sed -i "s@$old@$PWD@g" "$file" ;; esac
done
EOF
        chmod +x relocate-sdk.sh
      else
        rm usr
      fi
      ;;
    esac
    cd "$WORK"
    tar -cf - "$top" | gzip -1 >"$OUT"
    rm -rf "$WORK"
"#;

struct Mirror {
    dir: tempfile::TempDir,
    compiler: PathBuf,
    patchelf: PathBuf,
}

impl Mirror {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (compiler, patchelf) = debian(dir.path());
        Mirror {
            dir,
            compiler,
            patchelf,
        }
    }

    /// The machine's programs, and patchelf before them.
    fn path(&self) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.patchelf.clone()).chain(std::env::split_paths(&path));
        std::env::join_paths(path).unwrap()
    }

    /// Puts a stand-in where the address `mirror://SCHEME/FILE` leads; its digest.
    fn pack(&self, shape: &str, file: &str) -> Sha256 {
        let file = self.dir.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let wrapper = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/toolchain-wrapper.c");
        let output = Command::new("bash")
            .args(["-c", PACK])
            .env("FROM", &self.compiler)
            .env("PATH", self.path())
            .env("TARGET", TARGET)
            .env("SHAPE", shape)
            .env("WRAPPER", wrapper)
            .env("WORK", self.dir.path().join("work"))
            .env("OUT", &file)
            .output()
            .unwrap();
        succeeded(output);
        Sha256::of_reader(fs::File::open(&file).unwrap()).unwrap()
    }

    /// Builds a toolchain of `source` from the file at `url`, which the data say to have these versions.
    fn build(&self, source: &str, url: &str, sha256: Sha256, facts: &str) -> Output {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
        let template = template.display();
        let set = common::package_set();
        let packages = set.path().display();
        let name = url.rsplit('/').next().unwrap();
        let sri = sha256.sri();
        let expression = format!(
            r#"
            (import {template}/toolchains.nix {{
              pkgs = import {packages}/debian-packages {{ }};
              matrix = {{
                arches.mipsel = {{ bits = 32; endian = "little"; elfMachine = 8; interpreter.glibc = "/lib/ld.so.1"; }};
                toolchains.it = {{
                  source = "{source}"; arch = "mipsel"; target = "{TARGET}"; suffix = ""; clang = null; shared = null;
                  systems = [ "x86_64-linux" ]; pins = [ "it" ]; runtime = null; build = null;
                  {facts}
                }};
              }};
              sources = {{
                mirrors = {{ }};
                pins.it = {{ name = "{name}"; urls = [ "{url}" ]; hash = "{sri}"; }};
              }};
            }}).toolchains.it"#
        );
        let base = format!("file://{}", self.dir.path().display());
        Command::new("nix-build")
            .args(["--no-out-link", "-E", &expression])
            .env("NIX_CONFIG", nix_config(self.dir.path()))
            .env("NIX_MIRRORS_debian", common::debian_mirror())
            .env("NIX_MIRRORS_bootlin", &base)
            .env("NIX_MIRRORS_kernel", &base)
            .output()
            .unwrap()
    }
}

const LIBC: &str = r#"gcc = "12.2.0"; binutils = "2.40"; libc = "glibc-2.36";"#;

#[test]
fn archives_are_fetched_relocated_patched_and_checked() {
    let mirror = Mirror::new();

    // as Bootlin packs it, with its own script
    let file = "downloads/releases/toolchains/mips32el/tarballs/mips32el--glibc--stable-1.tar.gz";
    let url = format!("mirror://bootlin/{file}");
    let sha256 = mirror.pack("bootlin", file);
    let out = PathBuf::from(succeeded(mirror.build("bootlin", &url, sha256, LIBC)));
    let specs = fs::read_to_string(out.join(format!("lib/gcc-cross/{TARGET}/12/specs"))).unwrap();
    assert!(specs.contains(&format!("--sysroot={}", out.display())));
    assert!(!specs.contains(&mirror.compiler.display().to_string()));
    assert_eq!(
        fs::read_link(out.join(format!("{TARGET}/sysroot/lib/ld-absolute.so.1"))).unwrap(),
        Path::new("libc.so.6"),
        "a link of the sysroot stays inside it"
    );
    let is = |program: &str| fs::symlink_metadata(out.join("bin").join(program)).is_ok();
    for (program, there) in [("objdump", true), ("gdb", false)] {
        for prefix in [TARGET, "mipsel-linux"] {
            let name = format!("{prefix}-{program}");
            assert_eq!(
                is(&name),
                there,
                "what lacks a library is left out, and links to it: {name}"
            );
        }
    }
    let location = fs::read_to_string(out.join("share/buildroot/sdk-location")).unwrap();
    assert_eq!(location.trim(), out.to_str().unwrap());
    // by either name, by its path and from PATH, it is the wrapper that answers, with the sysroot where it is now
    for prefix in [TARGET, "mipsel-linux"] {
        let name = format!("{prefix}-gcc");
        let bin = out.join("bin");
        for program in [bin.join(&name), PathBuf::from(&name)] {
            let output = Command::new(&program)
                .arg("-print-sysroot")
                .env_clear()
                .env("PATH", &bin)
                .output();
            let sysroot = out.join(TARGET).join("sysroot");
            assert_eq!(
                succeeded(output.unwrap()),
                sysroot.to_str().unwrap(),
                "{}",
                program.display()
            );
        }
    }

    // the data are wrong about it: an error that names both
    for (facts, said) in [
        (
            r#"gcc = "11.3.0"; binutils = "2.40"; libc = "glibc-2.36";"#,
            "wrong-version: gcc says it is 12.2.0, the matrix says 11.3.0",
        ),
        (
            r#"gcc = "12.2.0"; binutils = "2.41"; libc = "glibc-2.36";"#,
            "wrong-version: binutils says it is 2.40, the matrix says 2.41",
        ),
    ] {
        let output = mirror.build("bootlin", &url, sha256, facts);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(
            stderr.contains(&format!("kflake: toolchain: {said}")),
            "{stderr}"
        );
    }

    // compilers that do not run, or do not link what they should
    for (shape, said) in [
        (
            "without-libraries",
            "missing-library: bin/mipsel-linux-gnu-gcc.br_real needs libabsent.so.1, which",
        ),
        (
            "broken-cxx",
            "cannot-link: a static program in C++ does not link",
        ),
    ] {
        let file = format!("downloads/{shape}.tar.gz");
        let sha256 = mirror.pack(shape, &file);
        let output = mirror.build("bootlin", &format!("mirror://bootlin/{file}"), sha256, LIBC);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(
            stderr.contains(&format!("kflake: toolchain: {said}")),
            "{stderr}"
        );
    }

    // an old release, without the script; and nobody noted its binutils
    let file = "downloads/old.tar.gz";
    let sha256 = mirror.pack("old", file);
    let facts = r#"gcc = "12.2.0"; binutils = null; libc = "glibc-2.36";"#;
    let out = succeeded(mirror.build(
        "bootlin",
        &format!("mirror://bootlin/{file}"),
        sha256,
        facts,
    ));
    let specs =
        fs::read_to_string(Path::new(&out).join(format!("lib/gcc-cross/{TARGET}/12/specs")));
    assert!(specs.unwrap().contains(&format!("--sysroot={out}")));

    // as kernel.org packs it: one folder deeper, no libc
    let file = "tools/crosstool/x86_64-gcc-12.2.0-nolibc-mipsel-linux-gnu.tar.gz";
    let sha256 = mirror.pack("korg", file);
    let facts = r#"gcc = "12.2.0"; binutils = "2.40"; libc = null;"#;
    let out = succeeded(mirror.build("korg", &format!("mirror://kernel/{file}"), sha256, facts));
    assert!(Path::new(&out).join(format!("bin/{TARGET}-gcc")).exists());

    // what the mirror has is not what is pinned
    fs::write(mirror.dir.path().join(file), "something else").unwrap();
    let output = mirror.build(
        "korg",
        &format!("mirror://kernel/{file}"),
        "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
            .parse()
            .unwrap(),
        facts,
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("hash mismatch"));
}

#[test]
fn a_tree_is_fetched_by_its_own_hash() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
        set -eu
        mkdir -p "$DIR/tree/patches"
        echo one >"$DIR/tree/patches/0001.diff"
        tar -czf "$DIR/tree.tar.gz" -C "$DIR" tree
        nix-hash --type sha256 "$DIR/tree"
    "#;
    let hash = Command::new("bash")
        .args(["-c", script])
        .env("DIR", dir.path())
        .env("NIX_CONFIG", nix_config(dir.path()))
        .output();
    let hash = succeeded(hash.unwrap());
    let set = common::package_set();
    let packages = set.path().join("debian-packages");
    let build = |hash: &str| {
        let digest = data_encoding::HEXLOWER
            .decode(hash.trim().as_bytes())
            .unwrap();
        let hash = data_encoding::BASE64.encode(&digest);
        let expression = format!(
            r#"(import {} {{ }}).fetchzip {{ url = "mirror://test/tree.tar.gz"; hash = "sha256-{hash}"; }}"#,
            packages.display()
        );
        Command::new("nix-build")
            .args(["--no-out-link", "-E", &expression])
            .env("NIX_CONFIG", nix_config(dir.path()))
            .env("NIX_MIRRORS_debian", common::debian_mirror())
            .env(
                "NIX_MIRRORS_test",
                format!("file://{}", dir.path().display()),
            )
            .output()
            .unwrap()
    };
    let other = build(&"0".repeat(64));
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("hash mismatch"), "{said}");
    // the archive is not held against the hash of the tree
    assert!(!said.contains("another file"), "{said}");
    let out = succeeded(build(&hash));
    let patch = Path::new(&out).join("patches/0001.diff");
    assert_eq!(fs::read_to_string(patch).unwrap(), "one\n");
}

#[test]
fn patches_are_those_of_the_input_that_the_flake_locks() {
    let dir = tempfile::tempdir().unwrap();
    let asked = r#"{"lenient": false, "requests": [{"id": "k26-armel", "arch": "armel", "version": null, "board": null,
        "config": "board", "toolchain": "musl-6.5.0-armel", "fresh": {}, "wanted": ["toolchain"]}]}"#;
    fs::write(dir.path().join("asked.json"), asked).unwrap();
    let script = r#"
        set -eu
        "$KFLAKE" -C "$DIR" gen --packages debian >&2
        cd "$DIR"
        drv=$(nix-instantiate --eval --strict --json --read-write-mode describe.nix --argstr asked "$DIR/asked.json" |
            sed -n 's/.*"toolchain":{"drvPath":"\([^"]*\)".*/\1/p')
        nix-store --query --binding gccPatches "$drv"
    "#;
    let output = Command::new("bash")
        .args(["-c", script])
        .env("KFLAKE", env!("CARGO_BIN_EXE_kflake"))
        .env("DIR", dir.path())
        .env("NIX_CONFIG", nix_config(dir.path()))
        .output();
    let patches = succeeded(output.unwrap());
    let patch = "-source/patches/gcc-6.5.0/0001-linux_libc_has_function.diff ";
    assert!(patches.contains(patch), "{patches}");
}

/// Packs the LLVM at `$FROM` as `$OUT`, as kernel.org does: one top folder, with the libraries that the programs load beside them.
const PACK_LLVM: &str = r#"
    set -eu
    prefix=$WORK/llvm-14.0.6-x86_64
    mkdir -p "$prefix"
    cp -a "$FROM/." "$prefix/"
    chmod -R u+w "$prefix"
    cd "$prefix"
    mv lib/x86_64-linux-gnu/* lib/
    rmdir lib/x86_64-linux-gnu
    runtime=$(dirname "$(patchelf --print-interpreter bin/clang)")
    for file in "$runtime"/*.so*; do
      case ${file##*/} in
      # the C library is the machine's own
      ld-linux* | libc.so* | libm.so* | libmvec* | libdl.so* | libpthread.so* | librt.so* | libresolv* | libnss* | libutil.so* | libanl* | libnsl*) ;;
      *) cp -a "$file" lib/ ;;
      esac
    done
    chmod -R u+w lib
    for file in bin/* lib/*.so*; do
      [ -f "$file" ] && [ ! -L "$file" ] && patchelf --print-rpath "$file" >/dev/null 2>&1 || continue
      patchelf --set-rpath '$ORIGIN/../lib' "$file"
      patchelf --set-interpreter /opt/elsewhere/ld.so "$file" 2>/dev/null || true
    done
    mkdir -p "$(dirname "$OUT")"
    cd "$WORK"
    tar -cf - llvm-14.0.6-x86_64 | gzip -1 >"$OUT"
    rm -rf "$WORK"
"#;

/// What a project registers of kernel.org's is a toolchain like any other: chosen, fetched, patched, checked. One archive of LLVM is
/// one toolchain for all its arches.
#[test]
fn a_project_registers_archives_of_kernel_org() {
    let mirror = Mirror::new();
    let dir = mirror.dir.path();
    let project = dir.join("registered");
    fs::create_dir_all(project.join("matrix")).unwrap();
    let run = |script: &str| {
        Command::new("bash")
            .args(["-c", &format!("set -eu\ncd \"$PROJECT\"\n{script}")])
            .env("PATH", mirror.path())
            .env("KFLAKE", env!("CARGO_BIN_EXE_kflake"))
            .env("PROJECT", &project)
            .env("WORK", dir.join("work"))
            .env("NIX_CONFIG", nix_config(dir))
            .env("NIX_MIRRORS_debian", common::debian_mirror())
            .env("NIX_MIRRORS_kernel", format!("file://{}", dir.display()))
            .output()
            .unwrap()
    };
    // builds a toolchain of the project's
    let build = |id: &str| {
        run(&format!(
            r#"nix-build --no-out-link -E '(import ./cells.nix {{
                 pkgs = import ./debian-packages {{ }};
                 matrix = import ./matrix.nix;
                 sources = import ./sources.nix;
                 resolve = import ./resolve.nix;
               }}).toolchains."{id}"'"#
        ))
    };
    succeeded(run("\"$KFLAKE\" gen --toolchains llvm >&2"));
    let own = succeeded(build("llvm-14.0.6-arm64"));

    let llvm = "tools/llvm/files/llvm-14.0.6-x86_64.tar.gz";
    let gcc = "tools/crosstool/x86_64-gcc-12.2.0-nolibc-mipsel-linux-gnu.tar.gz";
    let gcc_digest = mirror.pack("korg", gcc);
    succeeded(run(&format!(
        "export FROM={own} OUT={}\n{PACK_LLVM}",
        dir.join(llvm).display()
    )));
    let llvm_digest = Sha256::of_reader(fs::File::open(dir.join(llvm)).unwrap()).unwrap();
    // Debian's own LLVM taken out, which would come first
    let debian = kflake::catalog::Catalog::embedded().unwrap().debian.llvm;
    let nothing = debian.keys().map(|id| (id.to_string(), None::<()>));
    let nothing: std::collections::BTreeMap<_, _> = nothing.collect();
    let register = |clang: &str| {
        let debian = serde_json::json!({ "llvm": nothing });
        let korg = serde_json::json!({
            "gcc": { "korg-12.2.0-mipsel": {
                "arch": "mipsel", "gcc": "12.2.0", "binutils": "2.40", "target": TARGET,
                "url": format!("mirror://kernel/{gcc}"), "sha256": gcc_digest,
            } },
            "llvm": { "korg-llvm": {
                "clang": clang, "arches": ["arm64", "mipsel"],
                "url": format!("mirror://kernel/{llvm}"), "sha256": llvm_digest,
            } },
        });
        for (name, data) in [("debian.json", debian), ("korg.json", korg)] {
            fs::write(project.join("matrix").join(name), data.to_string()).unwrap();
        }
        succeeded(run("\"$KFLAKE\" gen --toolchains llvm,korg >&2"));
    };
    register("14.0.6");
    for (arguments, id) in [
        ("5.10 arm64 --toolchains llvm", "korg-llvm-arm64"),
        ("5.10 mipsel --toolchains llvm", "korg-llvm-mipsel"),
        ("6.1 mipsel --toolchains korg", "korg-12.2.0-mipsel"),
    ] {
        let said = succeeded(run(&format!("\"$KFLAKE\" resolve {arguments}")));
        assert!(said.contains(id), "{arguments}: {said}");
    }
    let shared = succeeded(build("korg-llvm-arm64"));
    assert_eq!(shared, succeeded(build("korg-llvm-mipsel")));
    assert!(shared.ends_with("-toolchain-korg-llvm"), "{shared}");
    let gcc = succeeded(build("korg-12.2.0-mipsel"));
    for (compiler, flags, machine) in [
        (
            format!("{shared}/bin/clang"),
            "--target=aarch64-linux-gnu",
            183,
        ),
        (format!("{gcc}/bin/{TARGET}-gcc"), "-O2", 8),
    ] {
        let object = dir.join("x.o");
        fs::write(dir.join("x.c"), "int answer(void) { return 42; }\n").unwrap();
        let status = Command::new(&compiler)
            .args([flags, "-c", "-o"])
            .arg(&object)
            .arg(dir.join("x.c"))
            .env_clear()
            .status()
            .unwrap();
        assert!(status.success(), "{compiler}");
        assert_eq!(fs::read(&object).unwrap()[18], machine, "{compiler}");
    }

    // an archive that is not what the data say
    register("14.0.7");
    let output = build("korg-llvm-arm64");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains(
            "kflake: toolchain: wrong-version: clang says it is 14.0.6, the matrix says 14.0.7"
        ),
        "{stderr}"
    );
}
