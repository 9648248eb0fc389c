//! What a kernel, a module or a program is for, by what its file begins with.

use std::io::{self, Read as _};
use std::path::Path;

use super::BuildError;
use crate::catalog::Arch;
use crate::files::{self, Content};

/// As much of a file as tells it, in bytes.
const HEAD: u64 = 1024;

/// Files that QEMU would take for a kernel, an initramfs or a disk, and that are none: where what they begin with is, what that is, what
/// they are, and what to do.
type Foreign = (usize, &'static [u8], &'static str, &'static str);

/// Of kernels, which would be silent.
const NO_KERNELS: &[Foreign] = &[
    (
        0,
        b"\xd0\x0d\xfe\xed",
        "a device tree, or an image for U-Boot made of one (FIT)",
        "give the kernel itself; `dumpimage -l FILE` lists what is in a FIT",
    ),
    (
        0,
        b"ANDROID!",
        "a boot image of Android's, which holds a kernel",
        "take it out, with Android's unpack_bootimg",
    ),
    (
        4,
        b"zimg",
        "a kernel that only EFI firmware unpacks (zboot)",
        "give the Image that it was made of",
    ),
    UBOOT,
];
/// Of what U-Boot starts.
const UBOOT: Foreign = (
    0,
    b"\x27\x05\x19\x56",
    "an image for U-Boot",
    "give the file that mkimage made it of: it follows the first 64 bytes",
);
/// Of initramfs archives.
const NO_INITRAMFS: &[Foreign] = &[
    UBOOT,
    (
        257,
        b"ustar",
        "a tar archive, which no kernel unpacks",
        "give a cpio archive, or unpack it and name the folder with --root",
    ),
];
/// Of disks, which the machine would write to as if they were raw.
const NO_DISKS: &[Foreign] = &[
    (0, b"KDMV", "a disk of VMware's", CONVERT),
    (0, b"# Disk DescriptorFile", "a disk of VMware's", CONVERT),
    (0x40, b"\x7f\x10\xda\xbe", "a disk of VirtualBox's", CONVERT),
    (0, b"vhdxfile", "a disk of Hyper-V's", CONVERT),
    (0, b"conectix", "a disk of Virtual PC's", CONVERT),
    (0, b"QED\0", "a disk in the format qed", CONVERT),
    (0, b"\x1f\x8b", "packed by gzip", UNPACK),
    (0, b"\xfd7zXZ\0", "packed by xz", UNPACK),
    (0, b"BZh", "packed by bzip2", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "packed by zstd", UNPACK),
    (0, b"PK\x03\x04", "a zip archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
];
/// See [`NO_DISKS`].
const CONVERT: &str = "`qemu-img convert FILE disk.qcow2` makes one that it is given";
/// See [`NO_DISKS`].
const UNPACK: &str = "unpack it first";

/// What a file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A kernel that the machine starts by itself.
    Kernel,
    /// An initramfs.
    Initramfs,
    /// A disk, raw or qcow2.
    Disk,
}

impl Part {
    /// Refuses the file at `path` where it is known to be something else.
    ///
    /// # Errors
    /// When it is, or cannot be read.
    pub fn check(self, path: &Path) -> Result<(), BuildError> {
        let mut head = Vec::new();
        let read = files::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
        read.map_err(BuildError::io(path))?;
        let known = match self {
            Part::Kernel => NO_KERNELS,
            Part::Initramfs => NO_INITRAMFS,
            Part::Disk => NO_DISKS,
        };
        let is = |(at, magic, ..): &&Foreign| {
            head.get(*at..).is_some_and(|rest| rest.starts_with(magic))
        };
        match known.iter().find(is) {
            Some((.., what, help)) => {
                Err(BuildError::boot_file(path, format!("it is {what}"), *help))
            }
            None if self == Part::Kernel => no_program(path, Content::of(&head)),
            None => Ok(()),
        }
    }
}

/// Refuses a file with `content` in the place of a kernel where no machine would start that: QEMU unpacks gzip alone.
fn no_program(path: &Path, content: Content) -> Result<(), BuildError> {
    let refused = |what: String, help: &str| Err(BuildError::boot_file(path, what, help));
    let packed = match content {
        Content::Gzip => None,
        content => content.packed_by(),
    };
    let no_kernel = matches!(
        content,
        Content::Zip
            | Content::SevenZip
            | Content::Tar
            | Content::Cpio
            | Content::Ar
            | Content::Rpm
            | Content::LfsPointer
            | Content::WebPage
            | Content::Text
    );
    match packed {
        Some(packed) => refused(
            format!("it is packed by {packed}, and the machine unpacks gzip at most"),
            "unpack it first; where that is an archive, the image is in it",
        ),
        None if no_kernel => refused(
            format!("it is {content}, and no kernel"),
            "give a kernel image, such as `kflake build` leaves",
        ),
        None => Ok(()),
    }
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Image {
    /// An ELF file.
    Elf {
        /// The machine that it is for, as ELF numbers them.
        machine: u16,
    },
    /// A kernel for x86, in its own format.
    X86,
    /// A kernel for arm64, in its own format.
    Arm64,
    /// A kernel for RISC-V, in its own format.
    Riscv,
    /// Something that does not say: a compressed kernel, or one of another arch.
    Other,
}

impl Image {
    /// What begins with `head`.
    pub fn of(head: &[u8]) -> Image {
        let at = |from: usize, length: usize| head.get(from..from + length).unwrap_or_default();
        if at(0, 4) == b"\x7fELF" {
            let bytes = [head.get(18), head.get(19)].map(|it| it.copied().unwrap_or(0));
            let machine = match head.get(5) {
                Some(2) => u16::from_be_bytes(bytes),
                _ => u16::from_le_bytes(bytes),
            };
            Image::Elf { machine }
        } else if at(0x202, 4) == b"HdrS" {
            Image::X86
        } else if at(56, 4) == b"ARM\x64" {
            Image::Arm64
        } else if at(56, 4) == b"RSC\x05" {
            Image::Riscv
        } else {
            Image::Other
        }
    }

    /// What the file at `path` is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> io::Result<Image> {
        let mut head = Vec::new();
        files::open(path)?.take(HEAD).read_to_end(&mut head)?;
        Ok(Image::of(&head))
    }

    /// Refuses what says that it is for another arch than `arch`; `arches` are those that have names.
    ///
    /// # Errors
    /// When it is.
    pub fn for_arch<'a>(
        self,
        path: &Path,
        arch: &Arch,
        arches: impl IntoIterator<Item = &'a Arch>,
    ) -> Result<(), BuildError> {
        let linux_arch = arch.linux_arch.as_str();
        let is = match self {
            Image::Elf { machine } if machine != arch.elf_machine => {
                let mut arches = arches.into_iter();
                match arches.find(|it| it.elf_machine == machine) {
                    Some(other) => format!("an ELF file for {}", other.linux_arch),
                    None => format!("an ELF file for machine number {machine}"),
                }
            }
            Image::X86 if !["x86", "i386", "x86_64"].contains(&linux_arch) => {
                "a kernel for x86".to_owned()
            }
            Image::Arm64 if linux_arch != "arm64" => "a kernel for arm64".to_owned(),
            Image::Riscv if linux_arch != "riscv" => "a kernel for riscv".to_owned(),
            _ => return Ok(()),
        };
        Err(BuildError::boot_file(
            path,
            format!("it is {is}, and the machine is for {linux_arch}"),
            "give a file for the right architecture, or name the one it is for",
        ))
    }

    /// Refuses an ELF file where QEMU would start it in silence: ARM's machines want `image`, which is made of it.
    ///
    /// # Errors
    /// When it is one.
    pub fn for_machine(self, path: &Path, image: &str, linux_arch: &str) -> Result<(), BuildError> {
        let name = image.rsplit('/').next().unwrap_or(image);
        let wants_image = ["arm", "arm64"].contains(&linux_arch) && name.contains("Image");
        if !wants_image || !matches!(self, Image::Elf { .. }) {
            return Ok(());
        }
        Err(BuildError::boot_file(
            path,
            format!("it is an ELF file (a vmlinux), and the machine starts {name}"),
            format!("give {image} of the same build"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::id::ArchId;

    fn file() -> &'static Path {
        Path::new("file")
    }

    #[test]
    fn an_elf_file_is_no_image() {
        let elf = Image::of(b"\x7fELF\x02\x01");
        let error = elf
            .for_machine(file(), "arch/arm64/boot/Image", "arm64")
            .unwrap_err();
        assert!(
            error.to_string().contains("the machine starts Image"),
            "{error}"
        );
        assert!(
            elf.for_machine(file(), "arch/arm/boot/zImage", "arm")
                .is_err()
        );
        assert!(elf.for_machine(file(), "vmlinux", "mips").is_ok());
        let other = Image::of(b"MZ\0\0");
        assert!(
            other
                .for_machine(file(), "arch/arm64/boot/Image", "arm64")
                .is_ok()
        );
    }

    #[test]
    fn kernels_of_other_arches_are_told_apart() {
        let catalog = Catalog::embedded().unwrap();
        let check = |at: usize, bytes: &[u8], arch: &str| {
            let mut head = vec![0; 1024];
            head[at..at + bytes.len()].copy_from_slice(bytes);
            let arch = &catalog.arches[&arch.parse::<ArchId>().unwrap()];
            let refused = Image::of(&head).for_arch(file(), arch, catalog.arches.values());
            refused.map_err(|error| error.to_string())
        };
        let mips = b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x08";
        assert_eq!(check(0, mips, "mipseb"), Ok(()));
        let refused = |at, bytes, arch| check(at, bytes, arch).unwrap_err();
        assert!(
            refused(0, mips, "arm64")
                .contains("an ELF file for mips, and the machine is for arm64")
        );
        let other = b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\x7f\x08";
        assert!(refused(0, other, "arm64").contains("number 32520"));
        assert_eq!(check(0x202, b"HdrS", "x86_64"), Ok(()));
        assert!(refused(0x202, b"HdrS", "arm64").contains("for x86"));
        assert_eq!(check(56, b"ARM\x64", "arm64"), Ok(()));
        assert!(refused(56, b"ARM\x64", "armhf").contains("for arm64"));
        assert_eq!(check(56, b"RSC\x05", "riscv64"), Ok(()));
        assert!(refused(56, b"RSC\x05", "arm64").contains("for riscv"));
        assert_eq!(check(0, b"x", "armhf"), Ok(()));
    }

    #[test]
    fn what_a_machine_would_misread_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let check = |part: Part, at: usize, magic: &[u8]| {
            let mut head = vec![0; 512];
            head[at..at + magic.len()].copy_from_slice(magic);
            std::fs::write(file.path(), head).unwrap();
            part.check(file.path()).map_err(|error| error.to_string())
        };
        for (part, all) in [
            (Part::Kernel, NO_KERNELS),
            (Part::Initramfs, NO_INITRAMFS),
            (Part::Disk, NO_DISKS),
        ] {
            for (at, magic, what, _) in all {
                let error = check(part, *at, magic).unwrap_err();
                assert!(error.contains(what), "{error}");
            }
            assert_eq!(check(part, 0, b"\x7fELF"), Ok(()));
        }
        assert_eq!(check(Part::Initramfs, 0, b"\x1f\x8b"), Ok(()));
        for gzip in [Part::Kernel, Part::Initramfs] {
            assert_eq!(check(gzip, 0, b"\x1f\x8b"), Ok(()));
        }
        assert_eq!(check(Part::Initramfs, 0, b"\xfd7zXZ\0"), Ok(()));
        for (magic, what) in [
            (&b"\xfd7zXZ\0"[..], "packed by xz"),
            (b"\x28\xb5\x2f\xfd", "packed by zstd"),
            (b"PK\x03\x04", "a zip archive, and no kernel"),
        ] {
            let error = check(Part::Kernel, 0, magic).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
        std::fs::write(file.path(), "0000000000000000 A _text\n".repeat(40)).unwrap();
        let error = Part::Kernel.check(file.path()).unwrap_err().to_string();
        assert!(error.contains("it is text, and no kernel"), "{error}");
        assert_eq!(check(Part::Disk, 0, b"QFI\xfb"), Ok(()));
    }

    #[test]
    fn a_file_of_four_bytes_has_no_machine() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\x7fELF").unwrap();
        let image = Image::read(file.path()).unwrap();
        assert_eq!(image, Image::Elf { machine: 0 });
        let catalog = Catalog::embedded().unwrap();
        let arm64 = &catalog.arches[&"arm64".parse::<ArchId>().unwrap()];
        assert!(image.for_arch(file.path(), arm64, []).is_err());
        assert!(Image::read(Path::new("/dev/zero")).is_err());
    }
}
