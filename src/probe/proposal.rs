//! What the answers say, as an entry for `matrix/constraints.json`.

use super::candidates::Candidate;
use super::search::Trial;
use crate::catalog::{Compiler, Confidence, Constraint, Purpose, Severity, Stage, Tool, Window};
use crate::id::{ArchId, ConstraintId};
use crate::version::{KernelVersion, Range, ToolVersion};

/// A constraint that the answers ask for.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Its id.
    pub id: ConstraintId,
    /// The constraint. It says no more than was tried: the kernels that were, and compilers beyond one that failed.
    pub constraint: Constraint,
}

/// A candidate with what became of it.
#[derive(Clone, Debug)]
pub struct Tried<'a, 'c> {
    /// The candidate.
    pub candidate: &'a Candidate<'c>,
    /// What became of it.
    pub trial: Trial,
    /// The stage that it failed at.
    pub stage: Option<Stage>,
    /// The failure in a line.
    pub why: &'a str,
}

/// The constraints for the ends of what works in `row`, from the oldest to the newest. An end that a constraint accounts for already
/// needs none.
pub fn proposals(arch: &ArchId, row: &[Tried<'_, '_>]) -> Vec<Proposal> {
    let works = |it: &Tried| it.trial == Trial::Works;
    let (Some(oldest), Some(newest)) = (row.iter().position(works), row.iter().rposition(works))
    else {
        return Vec::new();
    };
    let fails = |it: &Tried| it.trial == Trial::Fails;
    let before = row[..oldest].iter().rposition(fails);
    let after = row[newest + 1..].iter().position(fails);
    let after = after.map(|index| newest + 1 + index);
    let ends = [
        before.and_then(|at| beyond(arch, row, at, at + 1, oldest)),
        after.and_then(|at| beyond(arch, row, at, at - 1, newest)),
    ];
    ends.into_iter().flatten().collect()
}

/// The constraint for the end of what works that lies between the failed one at `failed` and its neighbour at `inner`; `works` is the
/// nearest that is known to work.
fn beyond(
    arch: &ArchId,
    row: &[Tried<'_, '_>],
    failed: usize,
    inner: usize,
    works: usize,
) -> Option<Proposal> {
    let at = |index: usize| row[index].candidate;
    let (bad, near, good) = (at(failed), at(inner), at(works));
    if !bad.ruled_out.is_empty() {
        return None;
    }
    let low = failed < inner;
    let over_kernels = bad.kernel != near.kernel;
    let gcc_differs = bad.toolchain.compiler != near.toolchain.compiler;
    let (tool, version, accepted) = match over_kernels || gcc_differs {
        true => (
            match bad.toolchain.compiler {
                Compiler::Gcc(_) => "gcc",
                Compiler::Clang(_) => "llvm",
            },
            bad.toolchain.compiler.version(),
            near.toolchain.compiler.version(),
        ),
        false => (
            "binutils",
            bad.toolchain.binutils.as_ref()?,
            near.toolchain.binutils.as_ref()?,
        ),
    };
    let (kernel, window, name) = if over_kernels {
        let failing = row.iter().filter(|it| it.trial == Trial::Fails);
        let beyond = failing.filter(|it| match low {
            true => it.candidate.kernel.rank() <= bad.kernel.rank(),
            false => it.candidate.kernel.rank() >= bad.kernel.rank(),
        });
        let beyond: Vec<&KernelVersion> = beyond.map(|it| &it.candidate.kernel).collect();
        let (first, last) = (*beyond.first()?, *beyond.last()?);
        let kernel = match low {
            true => between(first, near.kernel.upstream()),
            false => between(first, after_kernel(last)?),
        };
        let avoided = Range {
            from: Some(version.clone()),
            below: Some(after_tool(version)?),
        };
        let name = format!("{}-{tool}-{version}", bad.kernel.upstream());
        (kernel, Window::Avoid(avoided), name)
    } else {
        let kernel = between(&bad.kernel, after_kernel(&bad.kernel)?);
        let (from, below, side) = match low {
            true => (Some(accepted.clone()), None, format!("from-{accepted}")),
            false => (None, Some(version.clone()), format!("below-{version}")),
        };
        let name = format!("{}-{tool}-{side}", bad.kernel.upstream());
        (kernel, Window::Accept(Range { from, below }), name)
    };
    let stage = row[failed].stage?;
    let severity = match stage {
        Stage::Boot => Severity::BreaksBoot,
        _ => Severity::BreaksBuild,
    };
    let (what, other) = (described(bad), described(good));
    let binutils = match gcc_differs && bad.toolchain.binutils != near.toolchain.binutils {
        true => " The two differ in binutils as well, which may be the cause.",
        false => "",
    };
    Some(Proposal {
        id: format!("probed-{arch}-{name}").parse().ok()?,
        constraint: Constraint {
            arches: vec![arch.clone()],
            kernel,
            tool: Tool(tool.to_owned()),
            window,
            severity,
            only_if: None,
            applies_to: Purpose::Kernel,
            reason: format!("{what} fails at its {stage}: {}", row[failed].why),
            evidence: format!("kflake probe: {other} works, {what} does not.{binutils}"),
            confidence: Confidence::Measured,
            shim: None,
        },
    })
}

fn between(from: &KernelVersion, below: KernelVersion) -> Range<KernelVersion> {
    Range {
        from: Some(from.upstream()),
        below: Some(below),
    }
}

fn described(candidate: &Candidate<'_>) -> String {
    let toolchain = candidate.toolchain;
    let binutils = toolchain.binutils.as_ref();
    let binutils = binutils.map_or(String::new(), |it| format!(" with binutils {it}"));
    format!(
        "Linux {} by {}{binutils}",
        candidate.kernel, toolchain.compiler
    )
}

/// The first version after `version`: 6.1.193 after 6.1.192, 6.12-rc4 after 6.12-rc3.
fn after_kernel(version: &KernelVersion) -> Option<KernelVersion> {
    let [a, b, c, d] = version.numbers();
    let text = match version.rc() {
        Some(rc) => {
            let upstream = version.upstream();
            let dotted = upstream.as_str().split_once("-rc")?.0.to_owned();
            format!("{dotted}-rc{}", rc.checked_add(1)?)
        }
        None if a == 2 || d > 0 => format!("{a}.{b}.{c}.{}", d.checked_add(1)?),
        None => format!("{a}.{b}.{}", c.checked_add(1)?),
    };
    text.parse().ok()
}

/// The first version after `version`: 12.2.1 after 12.2.0.
fn after_tool(version: &ToolVersion) -> Option<ToolVersion> {
    let (head, last) = version.as_str().rsplit_once('.')?;
    let last: u16 = last.parse().ok()?;
    format!("{head}.{}", last.checked_add(1)?).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, SourceKind};
    use crate::probe::{compilers, kernels};
    use crate::resolve::SourceOrder;

    const WHY: &str = "kernel-compile: error: no";

    fn row<'a, 'c>(found: &'a [Candidate<'c>], trials: &[Trial]) -> Vec<Tried<'a, 'c>> {
        let pairs = found.iter().zip(trials);
        pairs
            .map(|(candidate, trial)| Tried {
                candidate,
                trial: *trial,
                stage: (*trial == Trial::Fails).then_some(Stage::Kernel),
                why: WHY,
            })
            .collect()
    }

    #[test]
    fn both_ends_are_told_and_nothing_beyond_what_was_tried() {
        let catalog = Catalog::embedded().unwrap();
        let order = SourceOrder::from(vec![SourceKind::Debian]);
        let (arch, kernel) = ("arm64".parse().unwrap(), "6.1.192".parse().unwrap());
        let (mut found, _) = compilers(&catalog, &order, &kernel, &arch).unwrap();
        found.retain(|it| it.ruled_out.is_empty());
        found.dedup_by_key(|it| it.toolchain.compiler.clone());
        found.truncate(4);
        let [_, second, _, last] = &found[..] else {
            panic!("{found:?}")
        };
        use Trial::{Fails, Unclear, Works};
        let told = proposals(&arch, &row(&found, &[Fails, Unclear, Works, Fails]));
        let [low, high] = &told[..] else {
            panic!("{told:?}")
        };
        // the one in between may work for all that is known
        assert_eq!(
            low.constraint.window,
            Window::Accept(Range {
                from: Some(second.toolchain.compiler.version().clone()),
                below: None
            })
        );
        assert_eq!(
            high.constraint.window,
            Window::Accept(Range {
                from: None,
                below: Some(last.toolchain.compiler.version().clone())
            })
        );
        let kernels = &low.constraint.kernel;
        assert!(kernels.holds_for(&"6.1.192".parse().unwrap()));
        assert!(!kernels.holds_for(&"6.1.193".parse().unwrap()));
        assert_eq!(low.constraint.confidence, Confidence::Measured);
        assert!(low.constraint.reason.ends_with(WHY));
        assert!(proposals(&arch, &row(&found, &[Works; 4])).is_empty());
        assert!(proposals(&arch, &row(&found, &[Fails; 4])).is_empty());
        // what is known needs no second entry
        found[0].ruled_out.push("gcc-min-5.1".to_owned());
        assert_eq!(
            proposals(&arch, &row(&found, &[Fails, Works, Works, Works])).len(),
            0
        );
    }

    #[test]
    fn a_compiler_is_kept_from_the_kernels_that_it_failed_on() {
        let catalog = Catalog::embedded().unwrap();
        let order = SourceOrder::from(vec![SourceKind::Debian]);
        let arch = "arm64".parse().unwrap();
        let versions: Vec<KernelVersion> = ["5.10.223", "6.1.192", "6.12.1", "7.2.12"]
            .map(|it| it.parse().unwrap())
            .into();
        let gcc = "12".parse().unwrap();
        let found = kernels(&catalog, &order, &versions, &arch, &gcc).unwrap();
        use Trial::{Fails, Works};
        let told = proposals(&arch, &row(&found, &[Works, Works, Fails, Fails]));
        let [told] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(
            told.constraint.kernel.to_string(),
            "from 6.12.1, below 7.2.13"
        );
        let Window::Avoid(avoided) = &told.constraint.window else {
            panic!("{told:?}")
        };
        assert!(avoided.contains(found[0].toolchain.compiler.version()));
    }

    #[test]
    fn versions_are_followed_by_the_next() {
        for (version, next) in [
            ("6.1.192", "6.1.193"),
            ("6.1", "6.1.1"),
            ("2.6.31", "2.6.31.1"),
            ("6.12-rc3", "6.12-rc4"),
            ("6.1.192-rehost+", "6.1.193"),
        ] {
            let after = after_kernel(&version.parse().unwrap()).unwrap();
            assert_eq!(after.as_str(), next);
        }
        let after = after_tool(&"12.2.0".parse().unwrap()).unwrap();
        assert_eq!(after.as_str(), "12.2.1");
    }
}
