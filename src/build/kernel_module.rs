//! What a kernel module says of itself.

use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use object::{Object as _, ObjectKind, ObjectSection as _};

use super::image::Image;
use crate::catalog::{Arch, Bits, Endian};
use crate::files::{self, Content, unxz, unzstd};

/// The most that a module holds, in bytes, when it is not compressed.
const MAX: u64 = 256 << 20;

/// A module's word on which kernel it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelModule {
    /// The kernel's release, and what of its configuration a module depends on.
    pub vermagic: String,
    /// The machine that it is for, as ELF numbers them.
    machine: u16,
    bits: Bits,
    endian: Endian,
}

/// How a module's file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// It is not.
    No,
    /// By gzip.
    Gzip,
    /// By xz.
    Xz,
    /// By zstd.
    Zstd,
}

impl Packed {
    /// How the file `path` is packed, if its name is a module's.
    pub fn of(path: &Path) -> Option<Packed> {
        let name = path.file_name()?.as_bytes();
        let ends = [
            (&b".ko"[..], Packed::No),
            (b".ko.gz", Packed::Gzip),
            (b".ko.xz", Packed::Xz),
            (b".ko.zst", Packed::Zstd),
        ];
        let mut ends = ends.into_iter();
        ends.find_map(|(end, packed)| name.ends_with(end).then_some(packed))
    }
}

/// What the file at `path` unpacks to, where it is packed, and how that is, by what it begins with.
///
/// # Errors
/// When it cannot be read.
pub fn module_of(path: &Path) -> io::Result<(Vec<u8>, Packed)> {
    let mut start = Vec::new();
    files::open(path)?.take(6).read_to_end(&mut start)?;
    let packed = match Content::of(&start) {
        Content::Gzip => Packed::Gzip,
        Content::Xz => Packed::Xz,
        Content::Zstd => Packed::Zstd,
        _ => Packed::No,
    };
    Ok((packed.unpack(files::open(path)?)?, packed))
}

impl Packed {
    fn unpack(self, from: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let from: Box<dyn Read + '_> = match self {
            Packed::No => Box::new(from),
            Packed::Gzip => Box::new(MultiGzDecoder::new(from)),
            Packed::Xz => Box::new(unxz(from)),
            Packed::Zstd => Box::new(unzstd(from)),
        };
        from.take(MAX + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > MAX {
            true => Err(odd("it is larger than any module")),
            false => Ok(bytes),
        }
    }
}

fn odd(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

impl KernelModule {
    /// Reads a module; the error says what it is instead.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(from: impl Read, packed: Packed) -> io::Result<KernelModule> {
        KernelModule::of(&packed.unpack(from)?)
    }

    /// The module in `bytes`; the error says what it is instead.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(bytes: &[u8]) -> io::Result<KernelModule> {
        let elf = object::File::parse(bytes).map_err(|_| odd("it is no ELF file"))?;
        if elf.kind() != ObjectKind::Relocatable {
            return Err(odd(
                "it is an ELF file that is linked already, so it is not a module",
            ));
        }
        let Image::Elf { machine } = Image::of(bytes) else {
            return Err(odd("it is no ELF file"));
        };
        let no_module = || odd("it has no vermagic, so it is not a module");
        let section = elf.section_by_name(".modinfo").ok_or_else(no_module)?;
        let facts = section.data().map_err(|_| odd("it is cut short"))?;
        let mut facts = facts.split(|byte| *byte == 0);
        let vermagic = facts.find_map(|it| it.strip_prefix(b"vermagic="));
        let vermagic = vermagic.ok_or_else(no_module)?;
        Ok(KernelModule {
            vermagic: String::from_utf8_lossy(vermagic).trim_end().to_owned(),
            machine,
            bits: if elf.is_64() { Bits::B64 } else { Bits::B32 },
            endian: if elf.is_little_endian() {
                Endian::Little
            } else {
                Endian::Big
            },
        })
    }

    /// Whether it is for the machines of `arch`.
    pub fn is_for(&self, arch: &Arch) -> bool {
        let own = (self.machine, self.bits, self.endian);
        own == (arch.elf_machine, arch.bits, arch.endian)
    }

    /// The release of the kernel that it is for.
    pub fn release(&self) -> &str {
        self.vermagic.split(' ').next().unwrap_or_default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/common/module.rs"
    ));

    #[test]
    fn how_a_module_is_packed_is_known_by_its_start() {
        let plain = module(183, "6.1.192 SMP mod_unload aarch64");
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&plain).unwrap();
        let zstd = compress_to_vec(plain.as_slice(), CompressionLevel::Fastest);
        let file = tempfile::NamedTempFile::new().unwrap();
        for (bytes, packed) in [
            (plain.clone(), Packed::No),
            (gz.finish().unwrap(), Packed::Gzip),
            (zstd.clone(), Packed::Zstd),
        ] {
            std::fs::write(file.path(), bytes).unwrap();
            assert_eq!(module_of(file.path()).unwrap(), (plain.clone(), packed));
        }
        std::fs::write(file.path(), &zstd[..zstd.len() / 2]).unwrap();
        assert!(module_of(file.path()).is_err());
    }

    #[test]
    fn a_module_says_which_kernel_it_is_for() {
        let plain = module(183, "6.1.192 SMP mod_unload aarch64");
        let it = KernelModule::read(plain.as_slice(), Packed::No).unwrap();
        assert_eq!(it.vermagic, "6.1.192 SMP mod_unload aarch64");
        assert_eq!(it.release(), "6.1.192");
        assert_eq!(it.machine, 183);
        assert_eq!((it.bits, it.endian), (Bits::B64, Endian::Little));
        let zstd = compress_to_vec(plain.as_slice(), CompressionLevel::Fastest);
        assert_eq!(
            KernelModule::read(zstd.as_slice(), Packed::Zstd).unwrap(),
            it
        );
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&plain).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(
            KernelModule::read(packed.as_slice(), Packed::Gzip).unwrap(),
            it
        );
        for (name, packed) in [
            ("a.ko", Some(Packed::No)),
            ("b/a.ko.xz", Some(Packed::Xz)),
            ("a.ko.zst", Some(Packed::Zstd)),
            ("a.ko.d", None),
            ("ko", None),
        ] {
            assert_eq!(Packed::of(Path::new(name)), packed, "{name}");
        }
    }

    #[test]
    fn what_is_no_module_is_told() {
        let plain = module(183, "6.1");
        let mut renamed = plain.clone();
        let at = plain.windows(8).position(|it| it == b".modinfo").unwrap();
        renamed[at + 1] = b'x';
        let no_vermagic = String::from_utf8_lossy(&plain).replace("vermagic", "vermagix");
        let mut linked = plain.clone();
        linked[16] = 3;
        for (bytes, packed, said) in [
            (&linked[..], Packed::No, "linked already"),
            (b"#!/bin/sh\n", Packed::No, "no ELF file"),
            (b"", Packed::No, "no ELF file"),
            (&renamed, Packed::No, "no vermagic"),
            (no_vermagic.as_bytes(), Packed::No, ""),
            (&plain[..70], Packed::No, ""),
            (&plain, Packed::Gzip, ""),
            (&plain, Packed::Xz, ""),
            (&plain, Packed::Zstd, "zstd"),
        ] {
            let error = KernelModule::read(bytes, packed).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        // whatever it is cut to, it is an answer
        for length in 0..plain.len() {
            let _ = KernelModule::read(&plain[..length], Packed::No);
        }
    }
}
