//! The first program of the Debian package set, out of a package: it is one file of the archive, as it stands there, or there is none.

use std::io::Write as _;

use kflake::nix::busybox;

use crate::shown::bounded;
use crate::{Target, linear, signature};

/// A Debian package; or the archive in it, which is then packed anew: a change in what is packed would only be a wrong checksum.
pub struct Packages;

/// The archive of a package's files.
fn tree(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(vec![]);
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive
            .append_data(&mut header, name, *content)
            .expect("it is in memory");
    }
    archive.into_inner().expect("it is in memory")
}

/// A package whose files are those of `tree`.
fn package(tree: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(0);
    let mut packed = lzma_rust2::XzWriter::new(vec![], options).expect("the options are sound");
    packed.write_all(tree).expect("it is in memory");
    let packed = packed.finish().expect("it is in memory");
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("data.tar.xz", &packed)] {
        let size = content.len();
        bytes.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
                0, 0, 0, 100_644
            )
            .bytes(),
        );
        bytes.extend(content);
        if size % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

impl Target for Packages {
    fn name(&self) -> &'static str {
        "package"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        use tar::EntryType::{Directory, Regular, Symlink};
        let long = "x/".repeat(80) + "y";
        let trees = [
            tree(&[
                ("bin/", Directory, b""),
                ("bin/busybox", Regular, b"\x7fELF-the-program"),
            ]),
            tree(&[
                ("usr/bin/busybox", Regular, &[7; 700]),
                ("x", Regular, b"y"),
            ]),
            tree(&[
                (&long, Regular, b"long"),
                ("usr/bin/busybox", Regular, b"p"),
            ]),
            tree(&[
                ("bin/busybox", Symlink, b""),
                ("usr/bin/busybox", Regular, b"p"),
            ]),
        ];
        let mut seeds = vec![package(&trees[0]), package(&trees[2])];
        seeds.extend(trees);
        seeds
    }

    fn words(&self) -> &[&'static str] {
        &[
            "!<arch>\n",
            "data.tar.xz",
            "data.tar.xz/",
            "./",
            "usr/",
            "bin/busybox",
            "ustar",
            "ustar  ",
            "././@LongLink",
            "path=bin/busybox\n",
            "25 path=usr/bin/busybox\n",
            "77777777777",
            "\0\0\0\0\0\0\0\0",
            "0000000",
        ]
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        8 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let raw = input.starts_with(b"!<arch>");
        let found = match raw {
            true => busybox(input),
            false => busybox(&package(input)),
        };
        let Some(program) = found else {
            return Ok(signature((raw, input.len() / 512)));
        };
        if !raw {
            bounded("the program", program.len(), input.len())?;
            let inside = program.is_empty()
                || input
                    .windows(program.len())
                    .any(|window| window == program.as_slice());
            if !inside {
                return Err("the program is not what stands in the archive".into());
            }
        }
        Ok(signature((raw, program.len().min(2000), input.len() / 512)))
    }
}
