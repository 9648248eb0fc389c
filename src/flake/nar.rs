//! The digest that Nix gives a folder: of its serialisation as a Nix archive.

use std::collections::BTreeMap;

use crate::hash::Sha256;

/// A folder of plain text files, by path inside it.
pub type Folder<'a> = BTreeMap<&'a str, &'a str>;

/// What `nix hash path` says of a folder with these files, none of them executable.
pub fn hash(files: &Folder<'_>) -> Sha256 {
    let mut archive = Vec::new();
    word(&mut archive, "nix-archive-1");
    folder(&mut archive, files);
    Sha256::of_bytes(&archive)
}

fn folder(archive: &mut Vec<u8>, files: &Folder<'_>) {
    let mut entries = BTreeMap::<&str, Folder<'_>>::new();
    for (path, text) in files {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        entries.entry(name).or_default().insert(rest, text);
    }
    for text in ["(", "type", "directory"] {
        word(archive, text);
    }
    for (name, inside) in entries {
        for text in ["entry", "(", "name", name, "node"] {
            word(archive, text);
        }
        match inside.get("") {
            Some(contents) => {
                for text in ["(", "type", "regular", "contents", contents, ")"] {
                    word(archive, text);
                }
            }
            None => folder(archive, &inside),
        }
        word(archive, ")");
    }
    word(archive, ")");
}

/// Its length as 64 bits, then its bytes, padded with zeros to a multiple of eight.
fn word(archive: &mut Vec<u8>, text: &str) {
    archive.extend((text.len() as u64).to_le_bytes());
    archive.extend(text.as_bytes());
    archive.resize(archive.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_nixs_own() {
        // `nix hash path` of the same folders
        let files = Folder::from([("a.nix", "{ }\n"), ("b/c.sh", ""), ("b/d/e", "12345678")]);
        for (files, digest) in [(Folder::new(), EMPTY), (files, SOME)] {
            assert_eq!(hash(&files).sri(), digest);
        }
    }

    const EMPTY: &str = "sha256-pQpattmS9VmO3ZIQUFn66az8GSmB4IvYhTTCFn6SUmo=";
    const SOME: &str = "sha256-2cl0zGavThNPTfJYPqV+2unxRuZLbFtLM0kqfi3FQxg=";
}
