//! Compilers by the names that kernel.org's images go by: `gcc:12`, `gcc:12.2-x86-arm64`, `gcc:12-arm64`, `clang:19-arm64`, `gcc:arm64`.
//!
//! A name is `gcc:` or `clang:`, then what of a version, the machine that it runs on and the arch that it compiles for is worth saying, joined by `-`.
//! Of the compilers that a name fits, the one is meant that would be tried first for the newest kernels.

use std::collections::BTreeSet;

use super::Resolver;
use crate::catalog::{Arch, Toolchain, UnknownName};
use crate::id::ArchId;
use crate::version::ToolVersion;

/// The compilers that names are of.
const COMPILERS: [&str; 2] = ["gcc", "clang"];
/// A name, for whoever gave one that is none.
const EXAMPLE: &str = "a compiler's name is gcc:VERSION-ARCH or clang:VERSION-ARCH, such as gcc:12-arm64 or gcc:arm64";

/// Whether `name` is meant as the name of a compiler, right or wrong.
pub fn is_name(name: &str) -> bool {
    kind_of(name).is_some()
}

/// The compiler that a name is of, and what it says besides.
fn kind_of(name: &str) -> Option<(&'static str, &str)> {
    let (kind, tag) = name.split_once(':')?;
    let kind = COMPILERS.into_iter().find(|it| *it == kind)?;
    Some((kind, tag))
}

/// What a name says.
struct Words<'c> {
    kind: &'static str,
    version: Option<ToolVersion>,
    /// The machine that it runs on.
    host: &'c ArchId,
    arch: &'c ArchId,
}

/// A compiler and its names.
#[derive(Clone, Debug)]
pub struct Name<'c> {
    /// The one that says all but the machine it runs on: `gcc:12.2-arm64`.
    pub name: String,
    /// Shorter ones, and the one that says all.
    pub others: Vec<String>,
    /// The compiler.
    pub toolchain: &'c Toolchain,
}

impl<'c> Resolver<'c> {
    /// The compiler that `name` means, on a machine of Nix's `system`.
    ///
    /// # Errors
    /// When it means none: what there is, and what may have been meant.
    pub fn named(&self, name: &str, system: &str) -> Result<&'c Toolchain, UnknownName> {
        let words = self.words(name, system)?;
        if self.system_of(words.host) != system {
            let help =
                format!("it is made on a machine that it runs on, and this one is for {system}");
            return Err(unknown(name, help));
        }
        let fits = self.compilers(words.kind, words.arch, system);
        let meant = |it: &&&Toolchain| match &words.version {
            Some(version) => it.compiler.version().starts_with(version),
            None => true,
        };
        fits.iter().find(meant).copied().ok_or_else(|| {
            if fits.is_empty() {
                return unknown(name, format!("nothing here compiles for {}", words.arch));
            }
            let mut known = self.names(system);
            known.retain(|it| {
                let own = it.toolchain;
                own.arch == *words.arch && own.compiler.name() == words.kind
            });
            let major = words.version.as_ref().map(ToolVersion::major);
            let near = known
                .iter()
                .find(|it| Some(it.toolchain.compiler.major()) == major);
            let names: Vec<&str> = known.iter().map(|it| it.name.as_str()).collect();
            match near {
                // another minor version is nearer than any other number
                Some(near) => {
                    let meant = &near.name;
                    unknown(
                        name,
                        format!("did you mean {meant}? known: {}", names.join(", ")),
                    )
                }
                None => UnknownName::among("compiler", name, names, []),
            }
        })
    }

    /// Every compiler that has a name and runs on a machine of Nix's `system`, by arch, the newest first.
    pub fn names(&self, system: &str) -> Vec<Name<'c>> {
        let mut names: Vec<Name<'c>> = Vec::new();
        let own = self.host(system);
        let arches = self.catalog.arches.keys();
        let all = arches.flat_map(|arch| COMPILERS.map(|kind| (arch, kind)));
        for (arch, kind) in all {
            let fits = self.compilers(kind, arch, system);
            let numbers = |it: &Toolchain| -> (u16, String) {
                let text = it
                    .compiler
                    .version()
                    .as_str()
                    .split('.')
                    .take(2)
                    .collect::<Vec<_>>();
                (it.compiler.major(), text.join("."))
            };
            let first = |text: &str| {
                let version: Option<ToolVersion> = text.parse().ok();
                let is = |it: &&&Toolchain| {
                    let own = it.compiler.version();
                    version.as_ref().is_some_and(|v| own.starts_with(v))
                };
                fits.iter().find(is).map(|it| &it.id)
            };
            let mut seen = BTreeSet::new();
            let mut of_arch: Vec<&'c Toolchain> = fits.clone();
            of_arch.retain(|it| seen.insert(numbers(it)));
            of_arch.sort_by(|one, two| two.compiler.cmp(&one.compiler));
            for it in of_arch {
                let (major, version) = numbers(it);
                let major = major.to_string();
                let mut others = Vec::new();
                let mut add = |text: Option<&str>| {
                    let text = text.unwrap_or_default();
                    let dash = if text.is_empty() { "" } else { "-" };
                    others.push(format!("{kind}:{text}{dash}{arch}"));
                    if own == Some(arch) && !text.is_empty() {
                        others.push(format!("{kind}:{text}"));
                    }
                };
                if version != major && first(&major) == Some(&it.id) {
                    add(Some(&major));
                }
                if fits.first().is_some_and(|best| best.id == it.id) {
                    add(None);
                }
                if let Some(word) = own.and_then(|id| self.catalog.arches.get(id)) {
                    others.push(format!("{kind}:{version}-{}-{arch}", word.linux_arch));
                }
                names.push(Name {
                    name: format!("{kind}:{version}-{arch}"),
                    others,
                    toolchain: it,
                });
            }
        }
        names
    }

    /// Those for `arch` that are a `kind` and run on `system`, in the order that the newest era tries them in.
    fn compilers(&self, kind: &str, arch: &ArchId, system: &str) -> Vec<&'c Toolchain> {
        let newest = self
            .catalog
            .eras
            .iter()
            .max_by_key(|(_, era)| era.from.rank());
        let (Some(per_arch), Some((era_id, era))) = (self.arches.get(arch), newest) else {
            return vec![];
        };
        let mut ordered = self.ordered(per_arch, era_id, era).to_vec();
        ordered.retain(|it| it.compiler.name() == kind && it.systems.contains(&system));
        ordered
    }

    fn words(&self, name: &str, system: &str) -> Result<Words<'c>, UnknownName> {
        let wrong = |help: &str| unknown(name, help.to_owned());
        let (kind, tag) = kind_of(name).ok_or_else(|| wrong(EXAMPLE))?;
        let own = self
            .host(system)
            .ok_or_else(|| wrong("this machine's arch is not one that kflake knows"))?;
        let (version, rest) = match tag.starts_with(|it: char| it.is_ascii_digit()) {
            false => (None, tag),
            true => {
                let (version, rest) = tag.split_once('-').unwrap_or((tag, ""));
                let version = version.parse().map_err(|_| wrong(EXAMPLE))?;
                (Some(version), rest)
            }
        };
        if rest.is_empty() {
            return match version {
                None => Err(wrong(EXAMPLE)),
                version => Ok(Words {
                    kind,
                    version,
                    host: own,
                    arch: own,
                }),
            };
        }
        let whole = self.arch_called(rest);
        let (host, arch) = match (whole, rest.split_once('-')) {
            (Ok(arch), _) => (own, Ok(arch)),
            (Err(error), None) => (own, Err(error)),
            (Err(error), Some((host, arch))) => match self.arch_called(host) {
                Ok(host) => (host, self.arch_called(arch)),
                Err(_) => (own, Err(error)),
            },
        };
        let arch = arch.map_err(|error| {
            wrong(&format!(
                "{:?} is no {}: {}",
                error.name, error.what, error.help
            ))
        })?;
        Ok(Words {
            kind,
            version,
            host,
            arch,
        })
    }

    /// The arch that a part of a name says. The kernel's one word for several is the machine's that compilers run on: x86.
    fn arch_called(&self, word: &str) -> Result<&'c ArchId, UnknownName> {
        let runs = |arch: &Arch| {
            let system = format!("{}-linux", arch.uname);
            arch.linux_arch == word
                && self
                    .catalog
                    .toolchains()
                    .values()
                    .any(|it| it.systems.contains(&system.as_str()))
        };
        let host = self.catalog.arches.iter().find(|(_, arch)| runs(arch));
        match host {
            Some((id, _)) => Ok(id),
            None => self.catalog.arch(word),
        }
    }

    /// The arch of a machine of Nix's `system`.
    fn host(&self, system: &str) -> Option<&'c ArchId> {
        let arches = self.catalog.arches.keys();
        arches.into_iter().find(|id| self.system_of(id) == system)
    }

    /// Nix's word for machines of that arch.
    fn system_of(&self, arch: &ArchId) -> String {
        let uname = self
            .catalog
            .arches
            .get(arch)
            .map_or("", |it| it.uname.as_str());
        format!("{uname}-linux")
    }
}

fn unknown(name: &str, help: String) -> UnknownName {
    UnknownName {
        what: "compiler",
        name: name.chars().take(80).collect(),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, SourceKind};
    use crate::resolve::SourceOrder;

    const HERE: &str = "x86_64-linux";

    fn with<T>(sources: &[SourceKind], ask: impl FnOnce(&Resolver<'_>) -> T) -> T {
        let catalog = Catalog::embedded().unwrap();
        ask(&Resolver::new(
            &catalog,
            SourceOrder::from(sources.to_vec()),
        ))
    }

    fn debian(name: &str) -> Result<String, String> {
        with(&[SourceKind::Debian], |it| {
            let found = it.named(name, HERE).map(|it| it.id.to_string());
            found.map_err(|error| format!("{error}: {}", error.help))
        })
    }

    #[test]
    fn a_name_says_as_much_as_is_needed() {
        for (name, id) in [
            ("gcc:12", "debian-12.2.0-x86_64"),
            ("gcc:12.2-x86-arm64", "debian-12.2.0-arm64"),
            ("gcc:12-arm64", "debian-12.2.0-arm64"),
            ("gcc:12.2.0-aarch64", "debian-12.2.0-arm64"),
            ("gcc:arm64", "debian-14.2.0-arm64"),
            ("gcc:x86-arm64", "debian-14.2.0-arm64"),
            ("gcc:10-x86", "debian-10.2.1-x86_64"),
            ("gcc:10-x86_64-linux-gnu", "debian-10.2.1-x86_64"),
            ("gcc:13-amd64-mipsle", "debian-13.3.0-mipsel"),
        ] {
            assert_eq!(debian(name).as_deref(), Ok(id), "{name}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_what_it_may_mean() {
        for (name, said) in [
            ("gcc:12-amr64", "did you mean arm64?"),
            ("gcc:11-arm64", "gcc:12.2-arm64, gcc:10.2-arm64"),
            ("gcc:12.3-arm64", "did you mean gcc:12.2-arm64?"),
            ("gcc:1-arm64", "gcc:14.2-arm64"),
            ("gcc:", "such as gcc:12-arm64"),
            ("gcc:12..3", "such as gcc:12-arm64"),
            ("llvm:19", "such as gcc:12-arm64"),
            ("clang:19", "nothing here compiles for x86_64"),
            ("gcc:12-arm", "armel, armhf"),
            ("gcc:12-arm64-riscv64", "this one is for x86_64-linux"),
            ("gcc:12-x86-", "arch"),
        ] {
            let error = debian(name).unwrap_err();
            assert!(error.contains(said), "{name}: {error}");
            assert!(error.starts_with("unknown compiler"), "{error}");
        }
    }

    /// Whatever is listed can be asked for, and is what the list says.
    #[test]
    fn every_name_means_its_compiler() {
        let both = [SourceKind::Debian, SourceKind::Llvm];
        for sources in [&[][..], &[SourceKind::Debian], &both] {
            with(sources, |it| {
                let names = it.names(HERE);
                assert!(names.len() > 50, "{}", names.len());
                let mut seen = BTreeSet::new();
                for name in &names {
                    for text in name.others.iter().chain([&name.name]) {
                        let meant = it.named(text, HERE).unwrap();
                        assert_eq!(meant.id, name.toolchain.id, "{text}");
                        assert!(seen.insert(text.clone()), "{text} is there twice");
                    }
                }
                for short in ["gcc:arm64", "gcc:12", "gcc:12-arm64", "gcc:12.2-x86-arm64"] {
                    assert!(sources.is_empty() || seen.contains(short), "{short}");
                }
                for short in ["clang:19", "clang:14-arm64", "clang:riscv64"] {
                    assert_eq!(
                        seen.contains(short),
                        sources != [SourceKind::Debian],
                        "{short}"
                    );
                }
            });
        }
    }
}
