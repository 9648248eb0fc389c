//! From what users call things to what the matrix calls them.

use std::collections::BTreeSet;

use miette::Diagnostic;
use thiserror::Error;

use super::{Arch, Board, Catalog, KernelPin};
use crate::id::{ArchId, BoardId, CellId, EraId};
use crate::suggest::nearest;
use crate::version::KernelVersion;

/// A name that the matrix does not have, or has more than once.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
#[error("unknown {what} {name:?}")]
#[diagnostic(help("{help}"))]
pub struct UnknownName {
    /// Kind of name.
    pub what: &'static str,
    /// The name, as given but for its length.
    pub name: String,
    /// What it may have meant, and what there is.
    pub help: String,
}

impl UnknownName {
    /// `name` is none of `known`; those in `more` are known too, but not worth listing.
    pub fn among<'n>(
        what: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
        more: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let meant = nearest(name, known.iter().copied().chain(more));
        UnknownName::meant(what, name, meant, &known)
    }

    /// `name` is none of `known`, and probably a slip of `meant`.
    fn meant(what: &'static str, name: &str, meant: Option<&str>, known: &[&str]) -> Self {
        let meant = match meant {
            Some(meant) => format!("did you mean {meant}? "),
            None => String::new(),
        };
        UnknownName {
            what,
            name: name.chars().take(80).collect(),
            help: format!("{meant}known: {}", known.join(", ")),
        }
    }
}

impl Arch {
    /// What others call it: `uname -m`, the kernel, Debian and GNU, Bootlin, container images.
    fn names(&self) -> impl Iterator<Item = &str> {
        let cpu = self
            .debian_triple
            .as_deref()
            .and_then(|triple| triple.split('-').next());
        [self.uname.as_str(), self.linux_arch.as_str()]
            .into_iter()
            .chain(cpu)
            .chain(self.debian_triple.as_deref())
            .chain(self.bootlin.iter().map(|it| it.name.as_str()))
            .chain(self.oci.as_deref())
            .chain(self.aliases.iter().map(String::as_str))
    }
}

/// Case and the choice of `-` or `_` make no other name, and neither does a container platform's system.
fn folded(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("linux/").unwrap_or(&name);
    name.replace('-', "_")
}

/// Machines that kflake has no arch for, and whose names are a letter from one that it has.
const OTHER_MACHINES: [&str; 9] = [
    "arc", "arm64be", "armeb", "armv4l", "armv5l", "armv6l", "armv8b", "riscv32", "sparc32",
];

impl Catalog {
    /// The kernel's version as it is registered: 6.6.0 is 6.6.
    pub fn kernel(&self, version: &KernelVersion) -> Option<(&KernelVersion, &KernelPin)> {
        self.kernels.get_key_value(version)
    }

    /// `version` as it is registered; where it is not, as it is.
    pub fn registered<'v>(&'v self, version: &'v KernelVersion) -> &'v KernelVersion {
        self.kernel(version).map_or(version, |(known, _)| known)
    }

    /// The machines of `arch`, the preferred ones first: those in the arch's own list, then any other by name.
    pub fn boards_of(&self, arch: &ArchId) -> impl Iterator<Item = (&BoardId, &Board)> {
        let own = self.arches.get(arch).map_or(&[][..], |it| &it.boards);
        let listed = own.iter().filter_map(|id| self.boards.get_key_value(id));
        let others = self.boards.iter().filter(|(id, _)| !own.contains(id));
        let all = listed.chain(others);
        all.filter(move |(_, board)| board.arch == *arch)
    }

    /// The machine that a kernel of `arch` is tried on: the first that is meant for the version.
    pub fn board_for(&self, arch: &ArchId, version: &KernelVersion) -> Option<(&BoardId, &Board)> {
        self.boards_of(arch)
            .find(|(_, board)| board.kernel.contains(version))
    }

    /// The arch that a user calls `name`: its own key, or what `uname -m`, the kernel, Debian, Bootlin or common usage say.
    ///
    /// # Errors
    /// When no arch is called so, or several are.
    pub fn arch(&self, name: &str) -> Result<&ArchId, UnknownName> {
        let wanted = folded(name);
        if let Some((id, _)) = self.arches.get_key_value(wanted.as_str()) {
            return Ok(id);
        }
        let said_by = |aliases: fn(&Arch) -> Vec<&str>| -> Vec<&ArchId> {
            let called = |arch: &Arch| aliases(arch).iter().any(|it| folded(it) == wanted);
            let found = self.arches.iter().filter(|(_, arch)| called(arch));
            found.map(|(id, _)| id).collect()
        };
        // what the data says outright comes before what follows from it
        let mut found = said_by(|arch| arch.aliases.iter().map(String::as_str).collect());
        if found.is_empty() {
            found = said_by(|arch| arch.names().collect());
        }
        match found.as_slice() {
            [id] => Ok(id),
            [] => {
                let known: Vec<&str> = self.arches.keys().map(ArchId::as_str).collect();
                let more: BTreeSet<&str> = self.arches.values().flat_map(Arch::names).collect();
                let all = known.iter().copied().chain(more);
                let other = OTHER_MACHINES.contains(&name.to_ascii_lowercase().as_str());
                let meant = nearest(name, all).filter(|_| !other);
                Err(UnknownName::meant("arch", name, meant, &known))
            }
            several => {
                let list: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
                Err(UnknownName {
                    what: "arch",
                    name: name.chars().take(80).collect(),
                    help: format!("several have that name; use one of {}", list.join(", ")),
                })
            }
        }
    }

    /// The era that a user calls `name`: `k2.6` or `k26`, or `2.6`.
    ///
    /// # Errors
    /// When there is none.
    pub fn era(&self, name: &str) -> Result<&EraId, UnknownName> {
        let wanted = name.to_ascii_lowercase();
        let spelled = |era: &&EraId| {
            era.is_spelled(&wanted) || era.as_str().strip_prefix('k') == Some(wanted.as_str())
        };
        self.eras.keys().find(spelled).ok_or_else(|| {
            let known = self.eras.keys().map(EraId::as_str);
            UnknownName::among("era", name, known, [])
        })
    }

    /// The cell that a user calls `name`: `k6-arm64`, `k2.6-mipsle`.
    ///
    /// # Errors
    /// When its era or its arch is none.
    pub fn cell(&self, name: &str) -> Result<CellId, UnknownName> {
        let wrong = |help: String| UnknownName {
            what: "cell",
            name: name.chars().take(80).collect(),
            help,
        };
        let Some((era, arch)) = name.split_once('-') else {
            return Err(wrong(
                "a cell is an era and an arch, such as k6-arm64".to_owned(),
            ));
        };
        let inside = |error: UnknownName| {
            let UnknownName { what, name, help } = error;
            wrong(format!("{name:?} is no {what}: {help}"))
        };
        Ok(CellId {
            era: self.era(era).map_err(inside)?.clone(),
            arch: self.arch(arch).map_err(inside)?.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        Catalog::embedded().unwrap()
    }

    #[test]
    fn arches_have_the_names_that_others_give_them() {
        let catalog = catalog();
        for (name, id) in [
            ("arm64", "arm64"),
            ("ARM64", "arm64"),
            ("aarch64", "arm64"),
            ("aarch64-linux-gnu", "arm64"),
            ("amd64", "x86_64"),
            ("x86-64", "x86_64"),
            ("x64", "x86_64"),
            ("i686", "i386"),
            ("i586", "i386"),
            ("armv7l", "armhf"),
            ("armv5tel", "armel"),
            ("linux/arm64", "arm64"),
            ("linux/arm/v7", "armhf"),
            ("arm64v8", "arm64"),
            ("linux/386", "i386"),
            ("mipsle", "mipsel"),
            ("mipsbe", "mipseb"),
            ("mips64le", "mips64el"),
            ("ppc", "powerpc"),
            ("ppc64", "powerpc64"),
            ("ppc64le", "powerpc64le"),
            ("ppc64el", "powerpc64le"),
            ("riscv", "riscv64"),
            ("loongarch", "loongarch64"),
            ("loong64", "loongarch64"),
            ("sparc", "sparc64"),
            ("sh", "sh4"),
            ("s390", "s390x"),
        ] {
            assert_eq!(catalog.arch(name).map(ArchId::as_str), Ok(id), "{name}");
        }
    }

    #[test]
    fn names_of_several_arches_list_them() {
        let catalog = catalog();
        for (name, listed) in [
            ("arm", "armel, armhf"),
            ("mips", "mips64eb, mips64el, mipseb, mipsel"),
            ("x86", "i386, x86_64"),
        ] {
            let help = catalog.arch(name).unwrap_err().help;
            assert!(help.ends_with(listed), "{name}: {help}");
        }
    }

    /// An alias that is another arch's own name, or alias, could never be meant.
    #[test]
    fn aliases_are_the_name_of_one_arch() {
        let catalog = catalog();
        let mut aliases = 0;
        for (id, arch) in &catalog.arches {
            for alias in &arch.aliases {
                assert_eq!(catalog.arch(alias), Ok(id), "{alias}");
                aliases += 1;
            }
        }
        assert!(aliases > 10, "{aliases}");
    }

    #[test]
    fn slips_are_told() {
        let catalog = catalog();
        let help = |error: UnknownName| error.help;
        let arch = |name| help(catalog.arch(name).unwrap_err());
        assert!(arch("amr64").starts_with("did you mean arm64?"));
        assert!(arch("aarhc64").starts_with("did you mean aarch64?"));
        assert!(arch("arm65").starts_with("did you mean arm64?"));
        for another in [
            "vax", "armv6l", "armeb", "arm64be", "riscv32", "sparc32", "arc",
        ] {
            assert!(arch(another).starts_with("known: "), "{another}");
        }
        assert_eq!(catalog.era("K26").unwrap().as_str(), "k2.6");
        assert_eq!(catalog.era("2.6").unwrap().as_str(), "k2.6");
        assert!(help(catalog.era("k9").unwrap_err()).contains("k6"));
        assert_eq!(
            catalog.cell("k26-aarch64").unwrap().to_string(),
            "k26-arm64"
        );
        let cell = help(catalog.cell("k6-amr64").unwrap_err());
        assert!(cell.contains("did you mean arm64?"), "{cell}");
        assert!(help(catalog.cell("k6").unwrap_err()).contains("k6-arm64"));
    }

    /// From 3.7 on a tiny configuration has no ATAGS unless it is asked for, and a machine without a device tree then stays silent.
    #[test]
    fn arm_machines_without_a_device_tree_ask_for_atags() {
        let catalog = catalog();
        let before: Vec<_> = catalog
            .boards
            .iter()
            .filter(|(_, it)| ["armel", "armhf"].contains(&it.arch.as_str()))
            .filter(|(_, it)| it.dtb.is_none() && it.machine.to_string() != "virt")
            .collect();
        assert!(before.len() >= 4, "{}", before.len());
        for (id, board) in before {
            assert!(board.enable.iter().any(|it| it == "ATAGS"), "{id}");
        }
    }

    #[test]
    fn kernels_are_found_by_any_spelling() {
        let catalog = catalog();
        let asked: KernelVersion = "6.6.0".parse().unwrap();
        assert_eq!(catalog.registered(&asked).as_str(), "6.6");
        let unknown: KernelVersion = "6.6.9999".parse().unwrap();
        assert_eq!(catalog.registered(&unknown).as_str(), "6.6.9999");
    }
}
