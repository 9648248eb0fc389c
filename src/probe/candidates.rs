//! What there is to try.

use miette::Diagnostic;
use thiserror::Error;

use crate::catalog::{Catalog, Purpose, Toolchain};
use crate::id::ArchId;
use crate::resolve::{self, Resolver, SourceOrder, Unresolved};
use crate::version::{KernelVersion, ToolVersion};

/// A kernel with a toolchain to try it with.
#[derive(Clone, Debug)]
pub struct Candidate<'c> {
    /// The kernel.
    pub kernel: KernelVersion,
    /// The toolchain.
    pub toolchain: &'c Toolchain,
    /// The constraints that rule the toolchain out for this kernel.
    pub ruled_out: Vec<String>,
}

/// Why there is nothing to try.
#[derive(Debug, Error, Diagnostic)]
pub enum NothingToProbe {
    /// The kernel is not in the matrix, or not on this arch.
    #[error("{0}")]
    Kernel(String),
    /// No toolchain comes from the sources that may be taken.
    #[error("no toolchain for {arch} comes from {sources}")]
    #[diagnostic(help("--toolchains names other sources"))]
    NoToolchain {
        /// The arch.
        arch: ArchId,
        /// The sources.
        sources: String,
    },
    /// None has the gcc that was asked for.
    #[error("no toolchain for {arch} has gcc {gcc}; there are {known}")]
    NoGcc {
        /// The arch.
        arch: ArchId,
        /// What was asked for.
        gcc: ToolVersion,
        /// What there is.
        known: String,
    },
    /// The project has registered no kernel that the arch exists in.
    #[error("the project has registered no kernel that runs on {arch}")]
    #[diagnostic(help("register some: kflake kernel add FILE; or name pinned ones with --kernel"))]
    NoKernel {
        /// The arch.
        arch: ArchId,
    },
}

/// The compilers to try `kernel` on `arch` with, from the oldest to the newest, and the place of the one that the resolver takes.
/// Of several with one gcc and one binutils the resolver's first counts.
///
/// # Errors
/// When the arch does not exist in that kernel, or no source has a toolchain for it.
pub fn compilers<'c>(
    catalog: &'c Catalog,
    order: &SourceOrder,
    kernel: &KernelVersion,
    arch: &ArchId,
) -> Result<(Vec<Candidate<'c>>, usize), NothingToProbe> {
    let (judged, chosen) = judged(catalog, order, kernel, arch)?;
    let chosen = chosen.map(|index| judged[index].toolchain.id.clone());
    let mut found: Vec<Candidate> = Vec::new();
    for candidate in &judged {
        let toolchain = candidate.toolchain;
        let same = |it: &Candidate| {
            it.toolchain.compiler == toolchain.compiler
                && it.toolchain.binutils == toolchain.binutils
        };
        if !found.iter().any(same) {
            found.push(as_candidate(kernel, candidate));
        }
    }
    let age = |it: &Candidate<'c>| (it.toolchain.compiler.clone(), it.toolchain.binutils.clone());
    found.sort_by_key(age);
    let first = chosen.and_then(|id| found.iter().position(|it| it.toolchain.id == id));
    let first = first.unwrap_or(found.len() / 2);
    Ok((found, first))
}

/// The `kernels` that the compiler `gcc` for `arch` is to be tried on, from the oldest to the newest; one that the arch does not exist in is
/// left out.
///
/// # Errors
/// When no toolchain has that gcc, or no kernel is left.
pub fn kernels<'c>(
    catalog: &'c Catalog,
    order: &SourceOrder,
    kernels: &[KernelVersion],
    arch: &ArchId,
    gcc: &ToolVersion,
) -> Result<Vec<Candidate<'c>>, NothingToProbe> {
    let mut found = Vec::new();
    let mut known: Vec<ToolVersion> = Vec::new();
    for kernel in kernels {
        let Ok((judged, _)) = judged(catalog, order, kernel, arch) else {
            continue;
        };
        let own = |it: &resolve::Candidate<'c>| it.toolchain.compiler.gcc().cloned();
        known.extend(judged.iter().filter_map(own));
        let fits = judged
            .iter()
            .find(|it| own(it).is_some_and(|own| own.starts_with(gcc)));
        found.extend(fits.map(|it| as_candidate(kernel, it)));
    }
    if !found.is_empty() {
        found.sort_by_key(|it: &Candidate| it.kernel.rank());
        return Ok(found);
    }
    let arch = arch.clone();
    if known.is_empty() {
        return Err(NothingToProbe::NoKernel { arch });
    }
    known.sort();
    known.dedup();
    let known: Vec<&str> = known.iter().map(ToolVersion::as_str).collect();
    Err(NothingToProbe::NoGcc {
        arch,
        gcc: gcc.clone(),
        known: known.join(", "),
    })
}

/// Every toolchain of the arch with what speaks against it, and the place of the one that the resolver takes.
fn judged<'c>(
    catalog: &'c Catalog,
    order: &SourceOrder,
    kernel: &KernelVersion,
    arch: &ArchId,
) -> Result<(Vec<resolve::Candidate<'c>>, Option<usize>), NothingToProbe> {
    let resolver = Resolver::new(catalog, order.clone());
    let (judged, chosen, sources) = match resolver.resolve(kernel, arch, Purpose::Kernel) {
        Ok(it) => (it.candidates, Some(it.chosen), Vec::new()),
        Err(Unresolved::NoToolchain(nothing)) => (nothing.candidates, None, nothing.sources),
        Err(other) => return Err(NothingToProbe::Kernel(other.to_string())),
    };
    match judged.is_empty() {
        true => {
            let sources: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
            Err(NothingToProbe::NoToolchain {
                arch: arch.clone(),
                sources: sources.join(", "),
            })
        }
        false => Ok((judged, chosen)),
    }
}

fn as_candidate<'c>(kernel: &KernelVersion, judged: &resolve::Candidate<'c>) -> Candidate<'c> {
    let rejected = judged.verdict.rejected.iter();
    Candidate {
        kernel: kernel.clone(),
        toolchain: judged.toolchain,
        ruled_out: rejected.map(|it| it.fact.to_string()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SourceKind;

    #[test]
    fn compilers_come_from_old_to_new_with_what_rules_them_out() {
        let catalog = Catalog::embedded().unwrap();
        let order = SourceOrder::from(vec![SourceKind::Debian]);
        let (arch, kernel) = ("arm64".parse().unwrap(), "6.1.192".parse().unwrap());
        let (found, first) = compilers(&catalog, &order, &kernel, &arch).unwrap();
        assert!(found.len() > 2, "{found:?}");
        assert!(found.is_sorted_by_key(|it| it.toolchain.compiler.clone()));
        assert!(found[first].ruled_out.is_empty());
        let (arch, kernel) = ("s390x".parse().unwrap(), "2.6.32".parse().unwrap());
        let (found, _) = compilers(&catalog, &order, &kernel, &arch).unwrap();
        assert!(found.iter().all(|it| !it.ruled_out.is_empty()), "{found:?}");
    }

    #[test]
    fn what_cannot_be_tried_is_said() {
        let catalog = Catalog::embedded().unwrap();
        let arch: ArchId = "arm64".parse().unwrap();
        let order = SourceOrder::from(vec![SourceKind::Debian]);
        let old: KernelVersion = "2.6.31".parse().unwrap();
        let error = compilers(&catalog, &order, &old, &arch).unwrap_err();
        assert!(matches!(error, NothingToProbe::Kernel(_)), "{error}");
        let gcc = "3.4".parse().unwrap();
        let error = kernels(&catalog, &order, &["6.1".parse().unwrap()], &arch, &gcc).unwrap_err();
        assert!(error.to_string().contains("12.2.0"), "{error}");
        let error = kernels(&catalog, &order, &[old], &arch, &gcc).unwrap_err();
        assert!(matches!(error, NothingToProbe::NoKernel { .. }), "{error}");
    }
}
