//! What people have in the place of a kernel's archive, and what to do with it.

use std::path::Path;

use crate::files::Content;
use crate::text::{is_address, shown};

#[derive(Clone, Copy)]
enum Advice {
    Unpack,
    Repack,
    Twice,
    Deb,
    Rpm,
    Clone,
    Lfs,
    Beside,
    Built,
    Page,
    Dsc,
    Signature,
    Patch,
    Other,
}

/// What to do with the file at `path`, which is no archive that builds unpack.
pub(super) fn advice(path: &Path, content: Content) -> String {
    let advice = match content {
        Content::Ar => Advice::Deb,
        Content::Rpm => Advice::Rpm,
        Content::Xz | Content::Gzip | Content::Bzip2 | Content::Lzma => Advice::Twice,
        Content::GitBundle => Advice::Clone,
        Content::LfsPointer => Advice::Lfs,
        Content::GitLink => Advice::Beside,
        Content::Elf | Content::UBoot | Content::AndroidBoot | Content::Efi => Advice::Built,
        Content::DebianSource => Advice::Dsc,
        Content::Signature => Advice::Signature,
        Content::Patch => Advice::Patch,
        Content::Text => Advice::Other,
        Content::Empty | Content::Pdf | Content::WebPage | Content::Answer => Advice::Page,
        Content::Zstd | Content::Lz4 | Content::Lzop | Content::Lzip | Content::Compress => {
            Advice::Repack
        }
        Content::Tar
        | Content::Zip
        | Content::SevenZip
        | Content::Rar
        | Content::Cpio
        | Content::Xar
        | Content::Squashfs
        | Content::Unknown => Advice::Unpack,
    };
    advice.words(path)
}

impl Advice {
    fn words(self, path: &Path) -> String {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is = |word: &str| name.starts_with(word);
        match self {
            Advice::Unpack => "unpack it and add the folder; kflake takes a tar, plain or packed with xz, gzip, bzip2 or lzma".to_owned(),
            Advice::Repack => "unpack it (`tar -xf` does) and add the folder; kflake takes a tar, plain or packed with xz, gzip, bzip2 or lzma".to_owned(),
            Advice::Twice => "unpack it once, and give what comes out".to_owned(),
            Advice::Deb if is("linux-headers") || is("linux-kbuild") => {
                "it holds headers for building modules, and no source: take the package linux-source-VERSION in its stead".to_owned()
            }
            Advice::Deb if is("linux-image") || is("linux-modules") => {
                "it holds a kernel that was built, and no source: take the package linux-source-VERSION in its stead".to_owned()
            }
            Advice::Deb => format!(
                "`dpkg-deb -x {} DIR` unpacks it: linux-source packages hold an archive in DIR/usr/src, which is the one to add",
                shown(path)
            ),
            Advice::Rpm if name.contains(".src.") => format!(
                "`rpm2cpio {} | cpio -idm` unpacks it: add the linux-*.tar.xz in it, to which the patches beside it are not applied",
                shown(path)
            ),
            Advice::Rpm => "a package that is no .src.rpm holds what was built, or headers: take the source package".to_owned(),
            Advice::Clone => format!("`git clone {} linux` unpacks it: add the folder linux", shown(path)),
            Advice::Lfs => "`git lfs pull` in the repository brings the file".to_owned(),
            Advice::Beside => "give the folder that it lies in".to_owned(),
            Advice::Built => "kflake builds kernels from source, which this is not".to_owned(),
            Advice::Page => "fetch it again, from the address of the file itself (`curl -fLO ADDRESS`), and compare its sha256".to_owned(),
            Advice::Dsc => format!("`dpkg-source -x {} linux` unpacks the source that it describes: add the folder linux", shown(path)),
            Advice::Signature => "give the file that it signs, of the same name without the ending".to_owned(),
            Advice::Patch => {
                let version = name.strip_prefix("patch-").map(|it| {
                    let it = it.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                    it.trim_end_matches('.')
                });
                let is_release = |it: &&str| {
                    !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                };
                match version.filter(is_release) {
                    Some(version) => format!(
                        "it turns one kernel into another: give the whole one, linux-{version}.tar.xz"
                    ),
                    None => "apply it to the kernel that it changes (`patch -p1` in that kernel's folder), and give that folder".to_owned(),
                }
            }
            Advice::Other => "give the archive, or the folder that this file is from".to_owned(),
        }
    }
}

/// What to do with `given`, where it is an address on the network in the place of a file; none: it is none.
pub fn from_network(given: &Path) -> Option<String> {
    let text = given.to_str()?;
    let fetch = || {
        format!(
            "fetch it first, `curl -fLO {}`, and give the file",
            shown(text)
        )
    };
    let clone = || {
        format!(
            "`git clone --depth 1 {} linux` fetches it; give the folder linux",
            shown(text)
        )
    };
    if !is_address(text) {
        return None;
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some(clone());
    };
    let last = rest
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let last = last.split(['?', '#']).next().unwrap_or_default();
    let is_file = [
        ".tar", ".tgz", ".tbz", ".txz", ".zip", ".xz", ".gz", ".bz2", ".deb", ".patch",
    ];
    let is_file = is_file.iter().any(|it| last.contains(it)) && !last.ends_with(".git");
    match scheme.to_ascii_lowercase().as_str() {
        "file" => Some(format!(
            "give the path alone: /{}",
            shown(rest.trim_start_matches('/'))
        )),
        "http" | "https" | "ftp" | "ftps" | "sftp" | "scp" if is_file => Some(fetch()),
        "http" | "https" | "git" | "ssh" | "git+ssh" | "git+https" | "ftp" => Some(clone()),
        _ => Some("fetch it first, and give the file or folder".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instead(name: &str, start: &[u8]) -> (String, String) {
        let content = Content::of(start);
        (content.to_string(), advice(Path::new(name), content))
    }

    #[test]
    fn what_lies_in_the_place_of_an_archive_is_named() {
        for (name, start, content, help) in [
            ("a.tar.xz", "", "empty", "fetch it again"),
            ("a.zip", "PK\x03\x04", "a zip archive", "add the folder"),
            (
                "a.tar.xz",
                "\n<!DOCTYPE html>\n<html>",
                "a web page",
                "address of the file itself",
            ),
            (
                "a.tar.xz",
                "<HTML>",
                "a web page",
                "address of the file itself",
            ),
            (
                "a.tar.gz",
                "{\"message\": \"Not Found\"}",
                "a server's answer",
                "fetch it again",
            ),
            (
                "a.tar.xz",
                "version https://git-lfs.github.com/spec/v1\noid",
                "git-lfs",
                "`git lfs pull`",
            ),
            (
                "linux.bundle",
                "# v2 git bundle\n",
                "a bundle of git's",
                "`git clone linux.bundle linux`",
            ),
            (
                ".git",
                "gitdir: ../.git/modules/linux\n",
                "a link of git's",
                "the folder that it lies in",
            ),
            ("a.patch", "diff --git a/x b/x\n", "a patch", "patch -p1"),
            ("a.diff", "--- a/x\n+++ b/x\n", "a patch", "patch -p1"),
            (
                "0001-x.patch",
                "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n",
                "a patch",
                "patch -p1",
            ),
            (
                "patch-6.1.30-rt10.patch",
                "diff -ruN a b\n",
                "a patch",
                "patch -p1",
            ),
            (
                "patch-6.1.30.xz",
                "diff --git a/x b/x\n",
                "a patch",
                "linux-6.1.30.tar.xz",
            ),
            (
                "patch-6.1.30",
                "This is it:\n\n--- a/x\n",
                "a patch",
                "linux-6.1.30.tar.xz",
            ),
            (
                "linux-headers-6.1.0-18-amd64_6.1.76-1_amd64.deb",
                "!<arch>\n",
                "a Debian package",
                "linux-source-VERSION",
            ),
            (
                "linux-image-6.1.0.deb",
                "!<arch>\n",
                "a Debian package",
                "was built",
            ),
            (
                "linux-source-6.1_6.1.76-1_all.deb",
                "!<arch>\n",
                "a Debian package",
                "dpkg-deb -x",
            ),
            (
                "linux_6.1.76-1.dsc",
                "Format: 3.0 (quilt)\n",
                "Debian source package",
                "dpkg-source -x",
            ),
            (
                "linux_6.1.76-1.dsc",
                "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nFormat: 3.0 (quilt)\n",
                "Debian source package",
                "dpkg-source -x",
            ),
            (
                "linux-6.1.tar.sign",
                "-----BEGIN PGP SIGNATURE-----\n",
                "a signature",
                "the file that it signs",
            ),
            ("vmlinux", "\x7fELF\x02", "an ELF file", "from source"),
            (
                "Makefile",
                "# SPDX\nVERSION = 6\n",
                "text",
                "the folder that this file is from",
            ),
            ("x", "\u{1}\0\0", "not an archive", "add the folder"),
        ] {
            let (found, advice) = instead(name, start.as_bytes());
            assert!(found.contains(content), "{name} {start:?}: {found}");
            assert!(advice.contains(help), "{name} {start:?}: {advice}");
        }
        let rpm = instead("kernel-6.1.src.rpm", b"\xed\xab\xee\xdb");
        assert!(rpm.1.contains("rpm2cpio kernel-6.1.src.rpm"), "{rpm:?}");
        let zstd = instead("a.tar.zst", b"\x28\xb5\x2f\xfd");
        assert!(
            zstd.0.contains("zstd") && zstd.1.contains("tar -xf"),
            "{zstd:?}"
        );
    }

    #[test]
    fn addresses_are_told_from_paths() {
        for (given, help) in [
            ("https://example.org/v6.x/linux-6.1.tar.xz", "curl -fLO"),
            (
                "https://example.org/linux.git/snapshot/linux-6.1.tar.gz?h=x",
                "curl -fLO",
            ),
            ("ftp://example.org/patch-6.1.xz", "curl -fLO"),
            ("https://example.org/torvalds/linux", "git clone"),
            ("HTTPS://example.org/torvalds/linux.git", "git clone"),
            ("git://example.org/linux.git", "git clone"),
            ("git@example.org:vendor/linux.git", "git clone"),
            ("ssh://me@example.org/linux", "git clone"),
            ("svn+ssh://example.org/linux", "fetch it first, and give"),
            (
                "file:///usr/src/linux.tar.xz",
                "give the path alone: /usr/src/linux.tar.xz",
            ),
            ("linux-6.1.tar.xz", ""),
            ("./a@b:c", ""),
            ("1:6.6.31-1+rpt1", ""),
            ("C:\\linux", ""),
            ("://x", ""),
        ] {
            let found = from_network(Path::new(given)).unwrap_or_default();
            assert!(
                found.contains(help) && help.is_empty() == found.is_empty(),
                "{given}: {found}"
            );
        }
    }
}
