//! Constraints that no version of a tool can meet.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::{Constraint, Window};
use crate::version::{Range, ToolVersion};

pub(super) static LINT: Lint = Lint {
    code: codes::CONTRADICTION,
    name: "contradiction",
    level: Level::Error,
    summary: "Constraints that no version of a tool can meet.",
    explanation: "Two hard constraints hold for the same kernels and arches and accept no common version of the tool, so that every toolchain is rejected there, those of a project's own too. One of them is wrong, or its range of kernels reaches too far. Where both are true, give the fix that lifts one of them.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let lifted = |id| catalog.fixes.values().any(|fix| fix.lifts.contains(id));
    let hard: Vec<_> = catalog
        .constraints
        .iter()
        .filter(|(id, it)| it.is_hard() && it.tool.aspect().is_some() && !lifted(*id))
        // that no version will do is said on purpose, not by two facts that exclude each other
        .filter(|(_, it)| !it.window.is_closed())
        .collect();
    for (index, (id, one)) in hard.iter().enumerate() {
        for (other_id, other) in &hard[index + 1..] {
            let same_tool = one.tool.aspect() == other.tool.aspect() && one.applies_to == other.applies_to;
            if same_tool && share_arch(one, other) && overlap(&one.kernel, &other.kernel) && excludes(&one.window, &other.window) {
                let message = format!("no {} meets both this and {other_id} where both hold", one.tool.0);
                sink.add("constraints.json", &[id.as_str(), "window"], &message);
            }
        }
    }
}

fn share_arch(a: &Constraint, b: &Constraint) -> bool {
    a.arches.is_empty() || b.arches.is_empty() || a.arches.iter().any(|arch| b.arches.contains(arch))
}

fn overlap<V: Ord + Clone>(a: &Range<V>, b: &Range<V>) -> bool {
    !intersection(a, b).is_empty()
}

fn intersection<V: Ord + Clone>(a: &Range<V>, b: &Range<V>) -> Range<V> {
    Range {
        from: a.from.clone().max(b.from.clone()),
        below: match (&a.below, &b.below) {
            (Some(a), Some(b)) => Some(a.min(b).clone()),
            (one, other) => one.clone().or_else(|| other.clone()),
        },
    }
}

/// Whether nothing lies in both windows.
fn excludes(a: &Window, b: &Window) -> bool {
    let inside = |inner: &Range<ToolVersion>, outer: &Range<ToolVersion>| {
        let from = outer.from.is_none() || inner.from >= outer.from;
        from && match (&inner.below, &outer.below) {
            (_, None) => true,
            (Some(inner), Some(outer)) => inner <= outer,
            (None, Some(_)) => false,
        }
    };
    match (a, b) {
        (Window::Accept(a), Window::Accept(b)) => !overlap(a, b),
        (Window::Accept(a), Window::Avoid(b)) | (Window::Avoid(b), Window::Accept(a)) => inside(a, b),
        // a compiler defaults to one ABI
        (Window::Property(a), Window::Property(b)) => a != b && [a, b].iter().all(|tag| tag.starts_with("elfv")),
        _ => false,
    }
}
