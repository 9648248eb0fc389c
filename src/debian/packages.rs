//! The list of a suite's packages.

use std::collections::{BTreeMap, BTreeSet};

use super::error::IndexError;
use super::version::compare;
use crate::deb822::{self, Paragraph};
use crate::hash::Sha256;
use crate::id::PinUrl;

/// The most names that are told as what a package may have become.
const MAX_SUCCESSORS: usize = 5;

/// A package as the list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its version.
    pub version: String,
    /// Where it is.
    pub url: PinUrl,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// Those packages of a list that were asked for.
#[derive(Debug, Default)]
pub struct Packages {
    /// The newest of each name.
    pub found: BTreeMap<String, Package>,
    /// Names that the list does not have, each with those that may be what became of it.
    pub gone: BTreeMap<String, Vec<String>>,
}

impl Packages {
    /// Reads the packages `wanted` out of `text`.
    pub(super) fn read(text: &str, wanted: &BTreeSet<String>) -> Result<Packages, IndexError> {
        let mut packages = Packages::default();
        for paragraph in deb822::paragraphs(text) {
            let Some(name) = paragraph.field("Package").filter(|it| wanted.contains(it)) else {
                continue;
            };
            let package = read(&name, paragraph)?;
            let newer = |known: &Package| compare(&known.version, &package.version).is_lt();
            if packages.found.get(&name).is_none_or(newer) {
                packages.found.insert(name, package);
            }
        }
        let missing: Vec<&String> = wanted
            .iter()
            .filter(|name| !packages.found.contains_key(*name))
            .collect();
        packages.gone = successors(text, &missing);
        Ok(packages)
    }
}

fn read(name: &str, paragraph: Paragraph<'_>) -> Result<Package, IndexError> {
    let fault = |reason: String| IndexError::Package {
        package: name.to_owned(),
        reason,
    };
    let field = |field: &str| {
        let value = paragraph.field(field).filter(|value| !value.is_empty());
        value.ok_or_else(|| fault(format!("it has no {field}")))
    };
    let url = format!("mirror://debian/{}", field("Filename")?);
    Ok(Package {
        version: field("Version")?,
        url: url.parse().map_err(|error| fault(format!("{error}")))?,
        size: field("Size")?
            .parse()
            .map_err(|error| fault(format!("its Size is not a number: {error}")))?,
        sha256: field("SHA256")?
            .parse()
            .map_err(|error| fault(format!("its SHA256 is none: {error}")))?,
    })
}

/// What may have become of the packages `missing`: what provides one, else what differs from it in numbers only.
fn successors(text: &str, missing: &[&String]) -> BTreeMap<String, Vec<String>> {
    let mut gone: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = missing
        .iter()
        .map(|name| ((*name).clone(), Default::default()))
        .collect();
    if gone.is_empty() {
        return BTreeMap::new();
    }
    for paragraph in deb822::paragraphs(text) {
        let Some(name) = paragraph.field("Package") else {
            continue;
        };
        let provides = paragraph.field("Provides").unwrap_or_default();
        let plain = without_numbers(&name);
        for (old, (providers, relatives)) in &mut gone {
            let is_it = |one: &str| one.split_whitespace().next() == Some(old);
            if provides.split(',').any(is_it) {
                providers.insert(name.clone());
            } else if without_numbers(old) == plain {
                relatives.insert(name.clone());
            }
        }
    }
    let names = |(providers, relatives): (BTreeSet<String>, BTreeSet<String>)| {
        let all = if providers.is_empty() {
            relatives
        } else {
            providers
        };
        all.into_iter().take(MAX_SUCCESSORS).collect()
    };
    gone.into_iter()
        .map(|(old, both)| (old, names(both)))
        .collect()
}

/// `libpython-stdlib` of `libpython3.11-stdlib`.
fn without_numbers(name: &str) -> String {
    let name = name.strip_suffix("t64").unwrap_or(name);
    name.chars()
        .filter(|c| !c.is_ascii_digit() && *c != '.')
        .collect::<String>()
        .trim_end_matches('-')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, version: &str, more: &str) -> String {
        format!(
            "Package: {name}\nVersion: {version}\n{more}Filename: pool/main/x/{name}_{version}_amd64.deb\nSize: 7\nSHA256: {}\n\n",
            Sha256::of_bytes(version.as_bytes()).hex()
        )
    }

    fn read(text: &str, wanted: &[&str]) -> Result<Packages, IndexError> {
        let wanted = wanted.iter().map(|it| (*it).to_owned()).collect();
        Packages::read(text, &wanted)
    }

    #[test]
    fn the_newest_of_each_name_counts() {
        let text = [
            stanza("a", "1.9-1", ""),
            stanza("a", "1.10-1", ""),
            stanza("a", "1.2-1", ""),
            stanza("b", "1", ""),
        ];
        let packages = read(&text.concat(), &["a"]).unwrap();
        assert_eq!(packages.found.len(), 1);
        let a = &packages.found["a"];
        assert_eq!(a.version, "1.10-1");
        assert_eq!(
            a.url.as_str(),
            "mirror://debian/pool/main/x/a_1.10-1_amd64.deb"
        );
        assert_eq!((a.size, a.sha256), (7, Sha256::of_bytes(b"1.10-1")));
    }

    #[test]
    fn names_that_are_gone_are_told_with_their_successors() {
        let text = [
            stanza(
                "libglib2.0-0t64",
                "2.84",
                "Provides: libglib2.0-0 (= 2.84), libx\n",
            ),
            stanza("libglib3.0-0", "3", ""),
            stanza("python3.14", "3.14", ""),
            stanza("python3-x", "1", ""),
        ];
        let packages = read(&text.concat(), &["libglib2.0-0", "python3.11", "nothing"]).unwrap();
        assert!(packages.found.is_empty());
        assert_eq!(packages.gone["libglib2.0-0"], ["libglib2.0-0t64"]);
        assert_eq!(packages.gone["python3.11"], ["python3.14"]);
        assert!(packages.gone["nothing"].is_empty());
    }

    #[test]
    fn a_package_that_is_not_described_in_full_is_an_error() {
        let whole = stanza("a", "1", "");
        for (from, to, said) in [
            ("Version: 1\n", "", "it has no Version"),
            ("Size: 7\n", "", "it has no Size"),
            ("Size: 7", "Size: x", "Size is not a number"),
            ("SHA256: ", "SHA256: x", "SHA256 is none"),
            ("SHA256: ", "SHA1: ", "it has no SHA256"),
            ("Filename: pool", "Filename: ../pool", "address"),
            ("Filename: pool", "Filename: $(x)/pool", "address"),
        ] {
            let error = read(&whole.replace(from, to), &["a"]).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains(said) && error.contains("package a"),
                "{error}"
            );
            // of others it does not matter
            read(&whole.replace(from, to), &["b"]).unwrap();
        }
    }
}
