//! What an image holds, as users name it.

use std::fmt;

use crate::catalog::{Catalog, SourceKind, Toolchain, UnknownName};
use crate::id::{CellId, ToolchainId};
use crate::resolve::{Resolver, SourceOrder};

/// What an image holds.
#[derive(Clone)]
pub enum Subject<'c> {
    /// The compiler of a cell.
    Cell(CellId),
    /// A compiler, whatever it builds, and the name that it was asked for by, where that is not its id.
    Toolchain(&'c Toolchain, Option<String>),
    /// The SDK of a cell.
    Sdk(CellId),
}

/// Nix's word for machines like this one.
pub fn system() -> String {
    format!("{}-linux", std::env::consts::ARCH)
}

impl<'c> Subject<'c> {
    /// A cell, or a compiler by one of its names, of the `sources` that toolchains are taken from.
    pub fn named(
        name: &str,
        catalog: &'c Catalog,
        sources: Vec<SourceKind>,
    ) -> Result<Subject<'c>, UnknownName> {
        if !name.contains(':') {
            return Ok(Subject::Cell(catalog.cell(name)?));
        }
        let resolver = Resolver::new(catalog, SourceOrder::from(sources));
        let toolchain = resolver.named(name, &system())?;
        Ok(Subject::Toolchain(toolchain, Some(name.to_owned())))
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

    /// Its name as a repository and tag of a registry: the name that it was asked for by.
    pub fn reference(&self) -> String {
        match self {
            Subject::Cell(cell) => format!("{cell}:latest"),
            Subject::Sdk(cell) => format!("sdk-{cell}:latest"),
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
            Subject::Toolchain(it, _) => it.id.to_string(),
        }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Cell(cell) => write!(f, "{cell}"),
            Subject::Sdk(cell) => write!(f, "the SDK of {cell}"),
            Subject::Toolchain(it, _) => write!(f, "{}", it.id),
        }
    }
}
