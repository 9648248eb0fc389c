//! What a file holds, by how it begins.

/// Files known by their first bytes.
const CONTENTS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"\x04\x22\x4d\x18", "packed with lz4"),
    (b"\x02\x21\x4c\x18", "packed with lz4"),
    (b"\x89LZO\0", "packed with lzop"),
    (b"LZIP", "packed with lzip"),
    (b"\x1f\x9d", "packed with compress"),
    // what packs a tar is known before this is asked
    (b"\x1f\x8b", "packed twice"),
    (b"BZh", "packed twice"),
    (b"\xfd7zXZ\0", "packed twice"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"!<arch>", "a Debian package or another ar archive"),
    (b"\xed\xab\xee\xdb", "an rpm package"),
    (b"070701", "a cpio archive"),
    (b"070702", "a cpio archive"),
    (b"070707", "a cpio archive"),
    (b"xar!", "a xar archive"),
    (b"hsqs", "a squashfs image"),
    (b"# v2 git bundle", "a bundle of git's"),
    (b"# v3 git bundle", "a bundle of git's"),
    (
        b"version https://git-lfs",
        "a pointer of git-lfs, in the place of the file",
    ),
    (b"gitdir: ", "a link of git's to a repository"),
    (b"\x7fELF", "an ELF file"),
    (b"\x27\x05\x19\x56", "an image for U-Boot"),
    (b"ANDROID!", "an Android boot image"),
    (b"MZ", "a program or a kernel that starts from EFI"),
    (b"%PDF", "a PDF document"),
    (b"Format: 3.0", "the description of a Debian source package"),
    (b"Format: 1.0", "the description of a Debian source package"),
    (b"-----BEGIN PGP SIGNATURE", "a signature"),
];

/// What a file holds that begins with `start`, and is no archive that builds unpack.
pub(crate) fn content_of(start: &[u8]) -> &'static str {
    if start.is_empty() {
        return "empty";
    }
    let known = CONTENTS.iter().find(|(begin, _)| start.starts_with(begin));
    if let Some((_, content)) = known {
        return content;
    }
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
        "a web page, saved in the place of the archive"
    } else if begins("-----BEGIN PGP SIGNED MESSAGE") && text.contains("\nFormat: ") {
        "the description of a Debian source package"
    } else if is_patch(text) {
        "a patch"
    } else if begins("<?xml") || begins("{") {
        "a server's answer, saved in the place of the archive"
    } else if !start.contains(&0) && std::str::from_utf8(&start[..start.len().min(200)]).is_ok() {
        "text"
    } else {
        "not an archive that kflake knows"
    }
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
