use std::fs;
use std::os::unix::fs::symlink;

use super::*;

const MODULE: &str = "#include <linux/module.h>\n";

/// A folder `mod` of `files`, beside others: name, and text; `-> ` begins what a link leads to.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("mod")).unwrap();
    for (name, text) in files {
        let path = dir.path().join("mod").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match text.strip_prefix("-> ") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, text).unwrap(),
        }
    }
    dir
}

fn told(path: &Path, symvers: bool) -> Option<String> {
    let error = ModuleSource::read(path, symvers).err()?;
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    Some(format!("{error} | {help}"))
}

#[test]
fn what_is_sure_not_to_build_is_told_from_what_may() {
    let object = ("foo.c", MODULE);
    for (files, said) in [
        (&[("Makefile", "obj-m := foo.o\n"), object][..], &[][..]),
        (
            &[
                ("Kbuild", "obj-m := foo.o\n"),
                ("Makefile", "obj-m := foo.ko\n"),
                object,
            ],
            &[],
        ),
        (
            &[(
                "Makefile",
                "obj-$(CONFIG_X) += $(NAME).o core/\nfoo-objs := a.o\n",
            )],
            &[],
        ),
        (
            &[("Makefile", "ifeq ($(X),y)\nobj-m := foo.ko\nendif\n")],
            &[],
        ),
        (
            &[
                ("dkms.conf", "MAKE=make\n"),
                ("Makefile", "obj-m := foo.ko\n"),
            ],
            &[],
        ),
        (&[("Makefile", "all:\n\tcc\n")], &[]),
        (
            &[("Makefile", "obj-y := foo.o\n"), object],
            &["says obj-y alone", "obj-m := name.o"],
        ),
        (
            &[
                ("Makefile", "obj-y := foo.o\ninclude more.mk\n"),
                ("more.mk", "obj-m := foo.o\n"),
                object,
            ],
            &[],
        ),
        (&[("Makefile", "obj-y := foo.o sub/\n"), object], &[]),
        (
            &[("Makefile", "obj-y := foo.o\nobj-m := foo.o\n"), object],
            &[],
        ),
        (&[], &["it is empty"]),
        (
            &[("README", "x")],
            &["no Makefile, no Kbuild and no dkms.conf", "obj-m := name.o"],
        ),
        (&[object], &["no Makefile", "obj-m := foo.o"]),
        (
            &[("makefile", "obj-m := foo.o\n"), object],
            &["is called makefile", "Makefile or Kbuild", "rename"],
        ),
        (
            &[("GNUmakefile", "obj-m := foo.o\n")],
            &["is called GNUmakefile"],
        ),
        (
            &[("configure", "#!/bin/sh\n"), ("Makefile.in", "")],
            &["no Makefile", "configure makes one"],
        ),
        (
            &[
                ("drv/src/Kbuild", "obj-m := foo.o\n"),
                ("drv/Makefile", "all:\n"),
            ],
            &["drv/src in it has one"],
        ),
        (
            &[("Makefile", "obj-m = foo.ko\n"), object],
            &["Makefile says obj-m … foo.ko", "the object: foo.o"],
        ),
        (
            &[("Makefile", "obj-m += foo.c\n"), object],
            &["foo.c, which is no object", "foo.o"],
        ),
        (
            &[("Makefile", "obj-m := foo\n"), object],
            &["foo, which is no object", "foo.o"],
        ),
        (
            &[("Makefile", "obj-m := core\n"), ("core/Makefile", "")],
            &["core, which is no object", "written core/"],
        ),
        (
            &[
                ("Makefile", "obj-m := core/\n"),
                ("core/Makefile", "obj-m := c.ko\n"),
            ],
            &["core/Makefile says", "c.o"],
        ),
        (
            &[("Makefile", "obj-m := foo.o\n"), ("foo.rs", "")],
            &["foo.rs is Rust"],
        ),
        (
            &[
                ("Makefile", "obj-m := foo.o\n"),
                ("foo.c", "-> ../real.c"),
                ("../real.c", ""),
            ],
            &["foo.c is a link to ../real.c", "cp -rL"],
        ),
        (
            &[
                ("Makefile", "obj-m := foo.o\n"),
                ("foo.c", "-> src/foo.c"),
                ("src/foo.c", MODULE),
            ],
            &[],
        ),
        (
            &[
                ("Makefile", "-> ../Makefile"),
                ("../Makefile", "obj-m := foo.o\n"),
            ],
            &["Makefile is a link to ../Makefile"],
        ),
        (
            &[
                ("Makefile", "obj-m := foo.o\n"),
                ("foo.c", "#include \"../s/s.h\"\n"),
                ("../s/s.h", ""),
            ],
            &["foo.c needs ../s/s.h", "holds both"],
        ),
        (
            &[
                ("Makefile", "obj-m := foo.o\n"),
                ("foo.c", "#ifdef X\n#include \"../s/s.h\"\n#endif\n"),
                ("../s/s.h", ""),
            ],
            &[],
        ),
        (
            &[
                ("Makefile", "include $(src)/../c.mk\nobj-m := foo.o\n"),
                object,
                ("../c.mk", ""),
            ],
            &["Makefile needs $(src)/../c.mk"],
        ),
        (
            &[
                ("Makefile", "-include ../c.mk\nobj-m := foo.o\n"),
                object,
                ("../c.mk", ""),
            ],
            &[],
        ),
        (
            &[
                (
                    "Makefile",
                    "ccflags-y := -DX -I$(src)/../i\nobj-m := foo.o\n",
                ),
                ("foo.c", "#include \"s.h\"\n"),
                ("../i/s.h", ""),
            ],
            &["foo.c needs s.h, outside"],
        ),
        (
            &[
                ("Makefile", "ccflags-y := -I$(src)/../i\nobj-m := foo.o\n"),
                ("foo.c", "#include \"s.h\"\n"),
                ("s.h", ""),
                ("../i/s.h", ""),
            ],
            &[],
        ),
        // it may be one of the kernel's, by an -I
        (
            &[
                ("Makefile", "obj-m := foo.o\n"),
                ("foo.c", "#include \"../core/usb.h\"\n"),
            ],
            &[],
        ),
        (
            &[
                ("Makefile", "obj-m := foo.o\n"),
                object,
                ("tools/t.c", "#include \"../../s.h\"\n"),
                ("../s.h", ""),
            ],
            &[],
        ),
        (
            &[
                (
                    "Makefile",
                    "obj-m := foo.o\nfoo-objs := main.o ../lib/u.o\n",
                ),
                ("main.c", MODULE),
                ("../lib/u.c", ""),
            ],
            &["needs ../lib/u.c", "lib"],
        ),
        (
            &[
                (
                    "Makefile",
                    "obj-m := foo.o\nKBUILD_EXTRA_SYMBOLS := $(src)/../o/Module.symvers\n",
                ),
                object,
                ("../o/Module.symvers", ""),
            ],
            &[
                "takes symbols of another module from $(src)/../o/Module.symvers",
                "--symvers",
                "/o/Module.symvers",
            ],
        ),
        (
            &[
                (
                    "Makefile",
                    "obj-m := foo.o\nKBUILD_EXTRA_SYMBOLS = /home/me/Module.symvers\n",
                ),
                object,
            ],
            &["--symvers /home/me/Module.symvers"],
        ),
    ] {
        let dir = folder(files);
        match told(&dir.path().join("mod"), false) {
            None => assert!(said.is_empty(), "{files:?} is taken"),
            Some(text) => {
                assert!(!said.is_empty(), "{files:?}: {text}");
                for part in said {
                    assert!(text.contains(part), "{files:?}: {text} has no {part}");
                }
            }
        }
    }
    let own = folder(&[
        ("Makefile", "obj-m := foo.o\nKBUILD_EXTRA_SYMBOLS = /x\n"),
        object,
        ("doc", "-> /usr/share/doc"),
    ]);
    let source = ModuleSource::read(&own.path().join("mod"), true).unwrap();
    assert_eq!(source.outside, [("doc".into(), "/usr/share/doc".into())]);
}

fn tar(members: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        // as it is: append_data refuses some
        let field = &mut header.as_gnu_mut().unwrap().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn package(data: &[u8]) -> Vec<u8> {
    let header = format!(
        "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
        "data.tar",
        0,
        0,
        0,
        100_644,
        data.len()
    );
    [b"!<arch>\n", header.as_bytes(), data].concat()
}

#[test]
fn files_are_archives_of_a_module_or_named_for_what_they_are() {
    let good = [("m/Makefile", "obj-m := foo.o\n"), ("m/foo.c", MODULE)];
    let flat = [("./Makefile", "obj-m := foo.o\n"), ("./src/foo.c", MODULE)];
    let bad = [
        ("m/Makefile", "obj-m := foo.ko\n"),
        ("m/foo.c", MODULE),
        ("README", ""),
    ];
    let dkms = [
        ("./usr/src/foo-1/dkms.conf", ""),
        ("./usr/share/doc/foo", ""),
    ];
    for (name, bytes, said) in [
        ("m.tar", tar(&good), &[][..]),
        ("m.tar", tar(&flat), &[]),
        ("m.tgz", tar(&bad), &["Makefile says obj-m … foo.ko"]),
        (
            "m.tar",
            tar(&[("a/x", ""), ("b/Makefile", "obj-m := x.o\n")]),
            &["no Makefile", "b in it has one"],
        ),
        (
            "m.tar",
            tar(&[good[0], good[1], ("../x", "")]),
            &["../x in it leads out", "pack it anew"],
        ),
        (
            "m.tar",
            tar(&[("m/../Makefile", "obj-m := foo.o\n"), good[1]]),
            &["m/../Makefile in it leads out", "pack it anew"],
        ),
        ("m-dkms.deb", package(&tar(&dkms)), &[]),
        (
            "m.deb",
            package(&tar(&[("./usr/bin/x", "")])),
            &["no folder in usr/src", "-dkms"],
        ),
        (
            "m-dkms.deb",
            package(b"\x28\xb5\x2f\xfd"),
            &["packed with zstd", "dpkg-deb -x m-dkms.deb DIR"],
        ),
        ("m-dkms.deb", b"!<arch>\n".to_vec(), &["holds no files"]),
        (
            "m.zip",
            b"PK\x03\x04".to_vec(),
            &["a zip archive", "a tar, plain or packed with xz"],
        ),
        (
            "m.tar.zst",
            b"\x28\xb5\x2f\xfd".to_vec(),
            &["packed with zstd", "the module's folder"],
        ),
        ("m.7z", b"7z\xbc\xaf\x27\x1c".to_vec(), &["a 7z archive"]),
        (
            "m.src.rpm",
            b"\xed\xab\xee\xdb".to_vec(),
            &["an rpm package", "rpm2cpio m.src.rpm"],
        ),
        ("m.tar.gz", b"<html>".to_vec(), &["a web page"]),
        (
            "m.tar.gz",
            b"\x1f\x8b\x08".to_vec(),
            &["damaged or cut short: it ends too early"],
        ),
        ("m.tar", Vec::new(), &["it is empty"]),
        (
            "foo.c",
            MODULE.into(),
            &["a single source file", "obj-m := foo.o"],
        ),
        (
            "foo.ko",
            b"\x7fELF\x02".to_vec(),
            &["built already", "boot --module"],
        ),
        (
            "Makefile",
            b"obj-m := foo.o\n".to_vec(),
            &["the folder that it is in"],
        ),
        (
            "dkms.conf",
            b"MAKE=make\n".to_vec(),
            &["the folder that it is in"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let text = told(&path, false);
        assert_eq!(text.is_none(), said.is_empty(), "{name}: {text:?}");
        for part in said {
            assert!(
                text.as_ref().unwrap().contains(part),
                "{name}: {text:?} has no {part}"
            );
        }
    }
    for (given, said) in [
        ("https://h/me/x.git", "`git clone https://h/me/x.git`"),
        ("git@h:me/x", "git clone"),
        ("https://h/x-1.0.tar.gz", "fetch it first"),
        ("/nonexistent/x", "No such file"),
    ] {
        let text = told(Path::new(given), false).unwrap();
        assert!(text.contains(said), "{text}");
    }
}
