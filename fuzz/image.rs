//! What kind of file `--kernel` got: any bytes are of one kind, told by their beginning, and one arch at most takes them.

use std::path::Path;
use std::sync::LazyLock;

use kflake::build::Image;
use kflake::catalog::{Arch, Catalog};
use kflake::id::ArchId;

use crate::shown::printed;
use crate::{Target, linear, signature};

/// As much of a file as tells what it is, in bytes.
const HEAD: usize = 1024;

/// Arches, each of another machine, with the image that QEMU starts there.
const ARCHES: &[(&str, &str)] = &[
    ("i386", "arch/x86/boot/bzImage"),
    ("mipseb", "vmlinux"),
    ("powerpc", "vmlinux"),
    ("armhf", "arch/arm/boot/zImage"),
    ("x86_64", "arch/x86/boot/bzImage"),
    ("arm64", "arch/arm64/boot/Image"),
    ("riscv64", "arch/riscv/boot/Image"),
];

static CATALOG: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::embedded().expect("kflake's own data"));

/// What the catalog says of an arch that it has.
fn arch(name: &str) -> &'static Arch {
    let id: ArchId = name.parse().expect("an id");
    &CATALOG.arches[&id]
}

/// The beginning of a kernel, a module or a program.
pub struct Images;

fn at(place: usize, bytes: &[u8]) -> Vec<u8> {
    let mut head = vec![0; HEAD];
    head[place..place + bytes.len()].copy_from_slice(bytes);
    head
}

impl Target for Images {
    fn name(&self) -> &'static str {
        "image"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        // no input is to be blamed for the time that reading it takes
        LazyLock::force(&CATALOG);
        vec![
            at(0, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0"),
            at(0, b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x08"),
            at(0x202, b"HdrS"),
            at(56, b"ARM\x64"),
            at(0, b"\x1f\x8b\x08"),
            b"\x7fELF".to_vec(),
            vec![],
        ]
    }

    fn words(&self) -> &[&'static str] {
        &["\x7fELF", "HdrS", "ARM\x64", "MZ", "\x1f", "\x01", "\x02"]
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let image = Image::of(input);
        if Image::of(&input[..input.len().min(HEAD)]) != image {
            return Err("what comes late in a file decides what it is".into());
        }
        let path = Path::new("x\u{1b}[2J");
        let mut taken = vec![];
        for (name, target) in ARCHES {
            let arch = arch(name);
            let refused = [
                image.for_arch(path, arch, CATALOG.arches.values()).err(),
                image.for_machine(path, target, &arch.linux_arch).err(),
            ];
            for error in refused.iter().flatten() {
                printed(error)?;
            }
            if refused[0].is_none() {
                taken.push(*name);
            }
        }
        let expected = match image {
            Image::Elf { machine } => ARCHES
                .iter()
                .filter(|(name, _)| arch(name).elf_machine == machine)
                .count(),
            Image::X86 => 2,
            Image::Arm64 | Image::Riscv => 1,
            Image::Other => ARCHES.len(),
        };
        match taken.len() == expected {
            true => Ok(signature((image, input.len().min(HEAD) / 64))),
            false => Err(format!("{image:?} is taken for {taken:?}")),
        }
    }
}
