//! A range that contains no version.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::Window;
use crate::version::Range;

pub(super) static LINT: Lint = Lint {
    code: codes::EMPTY_RANGE,
    name: "empty-range",
    level: Level::Error,
    summary: "A range that contains no version.",
    explanation: "A range holds the versions from `from` on that are below `below`. Where `from` is not below `below` it holds none, and what it says is never used: were the two mixed up? To mean one version, name the next one as `below`.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let mut empty: Vec<(&str, Vec<String>, String)> = vec![];
    let mut look = |file: &'static str, parts: Vec<String>, is_empty: bool, range: String| {
        if is_empty {
            empty.push((file, parts, range));
        }
    };
    for (id, era) in &catalog.eras {
        let range = Range { from: Some(era.from.clone()), below: era.below.clone() };
        look("eras.json", vec![id.to_string()], range.is_empty(), range.to_string());
    }
    for (id, arch) in &catalog.arches {
        for (index, it) in arch.support.iter().enumerate() {
            if let Some(range) = &it.kernel {
                let parts = vec![id.to_string(), "support".into(), index.to_string(), "kernel".into()];
                look("arches.json", parts, range.is_empty(), range.to_string());
            }
        }
    }
    for (id, it) in &catalog.boards {
        look("boards.json", vec![id.to_string(), "kernel".into()], it.kernel.is_empty(), it.kernel.to_string());
    }
    for (id, it) in &catalog.fixes {
        look("fixes.json", vec![id.to_string(), "kernel".into()], it.kernel.is_empty(), it.kernel.to_string());
        if let Some(range) = &it.gcc {
            look("fixes.json", vec![id.to_string(), "gcc".into()], range.is_empty(), range.to_string());
        }
    }
    for (id, it) in &catalog.constraints {
        look("constraints.json", vec![id.to_string(), "kernel".into()], it.kernel.is_empty(), it.kernel.to_string());
        let (field, range) = match &it.window {
            Window::Accept(range) => ("accept", range),
            Window::Avoid(range) => ("avoid", range),
            Window::Property(_) => continue,
        };
        let parts = vec![id.to_string(), "window".into(), field.into()];
        look("constraints.json", parts, range.is_empty(), range.to_string());
    }
    for (file, parts, range) in empty {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        sink.add(file, &parts, &format!("no version lies in the range {range}"));
    }
}
