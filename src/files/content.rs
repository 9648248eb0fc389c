//! What a file holds, by how it begins.

use std::fmt;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Xz,
    Gzip,
    Bzip2,
    Lzma,
    Tar,
    Zstd,
    Lz4,
    Lzop,
    Lzip,
    Compress,
    Zip,
    SevenZip,
    Rar,
    /// A Debian package, most of the time.
    Ar,
    Rpm,
    Cpio,
    Xar,
    Squashfs,
    GitBundle,
    /// What git-lfs leaves in the place of a file that it did not fetch.
    LfsPointer,
    /// What a work tree or a submodule has in the place of a folder `.git`.
    GitLink,
    Elf,
    UBoot,
    AndroidBoot,
    Efi,
    Pdf,
    DebianSource,
    Signature,
    Patch,
    WebPage,
    /// JSON or XML.
    Answer,
    Text,
    Empty,
    Unknown,
}

/// Files known by their first bytes.
const BEGINNINGS: &[(&[u8], Content)] = &[
    (b"\xfd7zXZ\0", Content::Xz),
    (b"\x1f\x8b", Content::Gzip),
    (b"BZh", Content::Bzip2),
    (b"\x5d\0\0", Content::Lzma),
    (b"\x28\xb5\x2f\xfd", Content::Zstd),
    (b"\x04\x22\x4d\x18", Content::Lz4),
    (b"\x02\x21\x4c\x18", Content::Lz4),
    (b"\x89LZO\0", Content::Lzop),
    (b"LZIP", Content::Lzip),
    (b"\x1f\x9d", Content::Compress),
    (b"PK\x03\x04", Content::Zip),
    (b"PK\x05\x06", Content::Zip),
    (b"7z\xbc\xaf", Content::SevenZip),
    (b"Rar!", Content::Rar),
    (b"!<arch>", Content::Ar),
    (b"\xed\xab\xee\xdb", Content::Rpm),
    (b"070701", Content::Cpio),
    (b"070702", Content::Cpio),
    (b"070707", Content::Cpio),
    (b"xar!", Content::Xar),
    (b"hsqs", Content::Squashfs),
    (b"# v2 git bundle", Content::GitBundle),
    (b"# v3 git bundle", Content::GitBundle),
    (b"version https://git-lfs", Content::LfsPointer),
    (b"gitdir: ", Content::GitLink),
    (b"\x7fELF", Content::Elf),
    (b"\x27\x05\x19\x56", Content::UBoot),
    (b"ANDROID!", Content::AndroidBoot),
    (b"MZ", Content::Efi),
    (b"%PDF", Content::Pdf),
    (b"Format: 3.0", Content::DebianSource),
    (b"Format: 1.0", Content::DebianSource),
    (b"-----BEGIN PGP SIGNATURE", Content::Signature),
];

impl Content {
    /// What a file holds that begins with `start`: all of it, or 512 bytes, of which no more is looked at.
    pub(crate) fn of(start: &[u8]) -> Content {
        let start = &start[..start.len().min(512)];
        let known = BEGINNINGS
            .iter()
            .find(|(begin, _)| start.starts_with(begin));
        match known {
            Some((_, content)) => *content,
            None if start.is_empty() => Content::Empty,
            None if is_tar(start) => Content::Tar,
            None => Content::of_text(start),
        }
    }

    /// What packed it, where something did.
    pub(crate) fn packed_by(self) -> Option<&'static str> {
        Some(match self {
            Content::Xz => "xz",
            Content::Gzip => "gzip",
            Content::Bzip2 => "bzip2",
            Content::Lzma => "lzma",
            Content::Zstd => "zstd",
            Content::Lz4 => "lz4",
            Content::Lzop => "lzop",
            Content::Lzip => "lzip",
            Content::Compress => "compress",
            _ => return None,
        })
    }

    fn of_text(start: &[u8]) -> Content {
        let text = String::from_utf8_lossy(start);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let begins = |word: &str| {
            let head = text.get(..word.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(word))
        };
        if ["<!doctype html", "<html", "<head", "<!--"]
            .into_iter()
            .any(begins)
        {
            Content::WebPage
        } else if begins("-----BEGIN PGP SIGNED MESSAGE") && text.contains("\nFormat: ") {
            Content::DebianSource
        } else if is_patch(text) {
            Content::Patch
        } else if begins("<?xml") || begins("{") {
            Content::Answer
        } else if !start.contains(&0) && std::str::from_utf8(&start[..start.len().min(200)]).is_ok()
        {
            Content::Text
        } else {
            Content::Unknown
        }
    }
}

/// As it follows "it is".
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            // they are unpacked, so they are named where one is in another
            Content::Xz | Content::Gzip | Content::Bzip2 | Content::Lzma => "packed twice",
            Content::Tar => "a tar archive",
            Content::Zstd => "packed with zstd",
            Content::Lz4 => "packed with lz4",
            Content::Lzop => "packed with lzop",
            Content::Lzip => "packed with lzip",
            Content::Compress => "packed with compress",
            Content::Zip => "a zip archive",
            Content::SevenZip => "a 7z archive",
            Content::Rar => "a rar archive",
            Content::Ar => "a Debian package or another ar archive",
            Content::Rpm => "an rpm package",
            Content::Cpio => "a cpio archive",
            Content::Xar => "a xar archive",
            Content::Squashfs => "a squashfs image",
            Content::GitBundle => "a bundle of git's",
            Content::LfsPointer => "a pointer of git-lfs, in the place of the file",
            Content::GitLink => "a link of git's to a repository",
            Content::Elf => "an ELF file",
            Content::UBoot => "an image for U-Boot",
            Content::AndroidBoot => "an Android boot image",
            Content::Efi => "a program or a kernel that starts from EFI",
            Content::Pdf => "a PDF document",
            Content::DebianSource => "the description of a Debian source package",
            Content::Signature => "a signature",
            Content::Patch => "a patch",
            Content::WebPage => "a web page, saved in the place of the archive",
            Content::Answer => "a server's answer, saved in the place of the archive",
            Content::Text => "text",
            Content::Empty => "empty",
            Content::Unknown => "not an archive that kflake knows",
        })
    }
}

/// Whether a file that begins so is a tar: the magic of every one since 1988, or a header that adds up.
fn is_tar(start: &[u8]) -> bool {
    let Some(header) = start.get(..512) else {
        return false;
    };
    if header[257..262] == *b"ustar" {
        return true;
    }
    let sum = |bytes: &[u8]| bytes.iter().map(|b| u32::from(*b)).sum::<u32>();
    let mut parsed = tar::Header::new_old();
    parsed.as_mut_bytes().copy_from_slice(header);
    // its own sum counts as spaces
    let whole = sum(header) - sum(&header[148..156]) + 8 * u32::from(b' ');
    header[0] != 0 && parsed.cksum().is_ok_and(|it| it == whole)
}

/// Whether `text` is how a patch begins: its mail or its first file.
fn is_patch(text: &str) -> bool {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let is_mail = first.starts_with("From ") && first.len() > 40 || first.starts_with("From: ");
    let is_head = |line: &str| {
        ["diff -", "--- ", "Index: ", "*** "]
            .iter()
            .any(|it| line.starts_with(it))
    };
    let is_file = |line: &str| line.starts_with("diff --git ") || line.starts_with("--- a/");
    is_mail || is_head(first) || lines.any(is_file)
}
