//! The digest that Nix gives a folder: of its serialisation as a Nix archive.

use std::collections::BTreeMap;

use crate::hash::Sha256;

/// A folder, by path inside it.
pub(crate) type Folder<'a> = BTreeMap<&'a str, Node<'a>>;

/// What a folder holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    /// A file that is not executable.
    File(&'a [u8]),
    /// One that is.
    Program(&'a [u8]),
    /// A symbolic link, and where it leads.
    Link(&'a str),
}

/// What `nix hash path` says of `folder`.
pub(crate) fn hash(folder: &Folder<'_>) -> Sha256 {
    let mut archive = Vec::new();
    words(&mut archive, &[b"nix-archive-1"]);
    write_folder(&mut archive, folder);
    Sha256::of_bytes(&archive)
}

fn write_folder(archive: &mut Vec<u8>, folder: &Folder<'_>) {
    let mut entries = BTreeMap::<&str, Folder<'_>>::new();
    for (path, node) in folder {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        entries.entry(name).or_default().insert(rest, *node);
    }
    words(archive, &[b"(", b"type", b"directory"]);
    for (name, inside) in entries {
        words(
            archive,
            &[b"entry", b"(", b"name", name.as_bytes(), b"node"],
        );
        match inside.get("") {
            Some(node) => write_node(archive, *node),
            None => write_folder(archive, &inside),
        }
        words(archive, &[b")"]);
    }
    words(archive, &[b")"]);
}

fn write_node(archive: &mut Vec<u8>, node: Node<'_>) {
    words(archive, &[b"(", b"type"]);
    match node {
        Node::File(contents) => words(archive, &[b"regular", b"contents", contents]),
        Node::Program(contents) => words(
            archive,
            &[b"regular", b"executable", b"", b"contents", contents],
        ),
        Node::Link(target) => words(archive, &[b"symlink", b"target", target.as_bytes()]),
    }
    words(archive, &[b")"]);
}

/// Of each, its length as 64 bits, then its bytes, padded with zeros to a multiple of eight.
fn words(archive: &mut Vec<u8>, words: &[&[u8]]) {
    for word in words {
        archive.extend((word.len() as u64).to_le_bytes());
        archive.extend(*word);
        archive.resize(archive.len().next_multiple_of(8), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_nixs_own() {
        // `nix hash path` of the same folders
        let some = Folder::from([
            ("a.nix", Node::File(b"{ }\n")),
            ("b/c.sh", Node::File(b"")),
            ("b/d/e", Node::File(b"12345678")),
        ]);
        let program = Folder::from([
            ("bin/x", Node::Program(b"#!/bin/sh\n")),
            ("bin/y", Node::Link("x")),
        ]);
        for (folder, digest) in [(Folder::new(), EMPTY), (some, SOME), (program, PROGRAM)] {
            assert_eq!(hash(&folder).sri(), digest);
        }
    }

    const EMPTY: &str = "sha256-pQpattmS9VmO3ZIQUFn66az8GSmB4IvYhTTCFn6SUmo=";
    const SOME: &str = "sha256-2cl0zGavThNPTfJYPqV+2unxRuZLbFtLM0kqfi3FQxg=";
    const PROGRAM: &str = "sha256-ASdecMY9ECjLru9N+t7GiPJ99iBIyLKKAuqw8oSXYIE=";
}
