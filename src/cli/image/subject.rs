//! What an image holds, as users name it.

use std::fmt;

use crate::catalog::{Catalog, SourceKind, Toolchain, UnknownName};
use crate::flake;
use crate::id::{ArchId, CellId, ToolchainId};
use crate::resolve::{self, Resolver, SourceOrder};

/// What names of images that boot kernels begin with.
const QEMU: &str = "qemu:";

/// What an image holds.
#[derive(Clone)]
pub enum Subject<'c> {
    /// The compiler of a cell.
    Cell(CellId),
    /// A compiler, whatever it builds, and the name that it was asked for by, where that is not its id.
    Toolchain(&'c Toolchain, Option<String>),
    /// The SDK of a cell.
    Sdk(CellId),
    /// What boots kernels for the arch of a cell, which is the newest that has a compiler to link init with.
    Qemu(CellId),
}

/// Nix's word for machines like this one.
pub fn system() -> String {
    format!("{}-linux", std::env::consts::ARCH)
}

impl<'c> Subject<'c> {
    /// Whether `name` is of the form of a name of kflake's, and not of one that only a registry knows.
    pub fn is_name(name: &str) -> bool {
        name.starts_with(QEMU) || resolve::is_name(name)
    }

    /// A cell, a compiler by one of its names, or `qemu:ARCH`, of the `sources` that toolchains are taken from.
    pub fn named(
        name: &str,
        catalog: &'c Catalog,
        sources: Vec<SourceKind>,
    ) -> Result<Subject<'c>, UnknownName> {
        if !name.contains(':') {
            return Ok(Subject::Cell(catalog.cell(name)?));
        }
        if let Some(arch) = name.strip_prefix(QEMU) {
            let arch = catalog.arch(arch)?;
            let cells = Subject::that_boot(catalog, sources);
            let mut of_arch = cells.into_iter().filter(|it| it.arch == *arch);
            return of_arch.next().map(Subject::Qemu).ok_or_else(|| UnknownName {
                help: "it needs a board, and a compiler here; `kflake image --list` shows those that have both"
                    .to_owned(),
                ..UnknownName::among("image that boots", arch.as_str(), [], [])
            });
        }
        let resolver = Resolver::new(catalog, SourceOrder::from(sources));
        let toolchain = resolver.named(name, &system())?;
        Ok(Subject::Toolchain(toolchain, Some(name.to_owned())))
    }

    /// The newest cell of each arch that has a board and a compiler.
    pub fn that_boot(catalog: &Catalog, sources: Vec<SourceKind>) -> Vec<CellId> {
        let mut newest = std::collections::BTreeMap::new();
        for cell in flake::cells_with_toolchain(catalog, sources) {
            let version = flake::cell_kernel(catalog, &catalog.eras[&cell.era]);
            if catalog.board_for(&cell.arch, version).is_some() {
                newest.insert(cell.arch.clone(), cell);
            }
        }
        newest.into_values().collect()
    }

    /// A compiler by its id.
    pub fn toolchain(id: &str, catalog: &'c Catalog) -> Result<Subject<'c>, UnknownName> {
        let toolchains = catalog.toolchains();
        let known = toolchains.keys().map(ToolchainId::as_str);
        let toolchain = toolchains.get(id).ok_or_else(|| UnknownName {
            help: match crate::suggest::nearest(id, known) {
                Some(near) => format!("did you mean {near}?"),
                None => "`kflake image --list` shows compilers and their ids".to_owned(),
            },
            ..UnknownName::among("toolchain", id, [], [])
        })?;
        Ok(Subject::Toolchain(toolchain, None))
    }

    /// The arch that is built for with it; none: it builds nothing.
    pub fn builds_for(&self) -> Option<&ArchId> {
        match self {
            Subject::Cell(cell) | Subject::Sdk(cell) => Some(&cell.arch),
            Subject::Toolchain(it, _) => Some(&it.arch),
            Subject::Qemu(_) => None,
        }
    }

    /// Its name as a repository and tag of a registry: the name that it was asked for by.
    pub fn reference(&self) -> String {
        match self {
            Subject::Cell(cell) => format!("{cell}:latest"),
            Subject::Sdk(cell) => format!("sdk-{cell}:latest"),
            Subject::Qemu(cell) => format!("{QEMU}{}", cell.arch),
            Subject::Toolchain(_, Some(name)) => name.clone(),
            Subject::Toolchain(it, None) => {
                let odd = |c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c);
                format!("toolchain:{}", it.id.as_str().replace(odd, "-"))
            }
        }
    }

    /// What folders and engines have it by, without a digest.
    pub fn short(&self) -> String {
        match self {
            Subject::Cell(cell) => cell.to_string(),
            Subject::Sdk(cell) => format!("sdk-{cell}"),
            Subject::Qemu(cell) => format!("qemu-{}", cell.arch),
            Subject::Toolchain(it, _) => it.id.to_string(),
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Cell(cell) => write!(f, "{cell}"),
            Subject::Sdk(cell) => write!(f, "the SDK of {cell}"),
            Subject::Qemu(cell) => write!(f, "QEMU for {}", cell.arch),
            Subject::Toolchain(it, _) => write!(f, "{}", it.id),
        }
    }
}
