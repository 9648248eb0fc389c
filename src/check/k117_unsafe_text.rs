//! A text holds what could become code or a path outside the output.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use super::text;
use crate::catalog::SourceKind;

pub(super) static LINT: Lint = Lint {
    code: codes::UNSAFE_TEXT,
    name: "unsafe-text",
    level: Level::Error,
    summary: "A text holds what could become code or a path outside the output.",
    explanation: "Names of programs, machines, make targets and files end up in Nix, in a shell and on QEMU's command line. Everything is quoted there, and still: a text with a quote, a `$`, a backslash, a control character or `..` has no honest use in these fields, so it is refused. Prose (reasons, evidence) may hold all but control characters, and is cut nowhere: over 8000 bytes it is refused.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let mut bad = vec![];
    names(sink, &mut bad);
    prose(sink, &mut bad);
    for (file, parts, message) in bad {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        sink.add(file, &parts, message);
    }
}

type Bad = Vec<(&'static str, Vec<String>, &'static str)>;

/// Fields that programs read.
fn names(sink: &Sink<'_>, bad: &mut Bad) {
    let catalog = sink.catalog;
    let mut look = |file: &'static str, parts: &[&str], text: &str, verdict: fn(&str) -> Option<&'static str>| {
        if let Some(message) = verdict(text) {
            bad.push((file, parts.iter().map(|part| (*part).to_owned()).collect(), message));
        }
    };
    for (id, it) in &catalog.arches {
        look("arches.json", &[id.as_str(), "linux_arch"], &it.linux_arch, text::word);
        look("arches.json", &[id.as_str(), "uname"], &it.uname, text::word);
        for (field, name) in [("cpu_family", &it.cpu_family), ("systemd", &it.systemd)] {
            if let Some(name) = name {
                look("arches.json", &[id.as_str(), field], name, text::word);
            }
        }
        // with a variant: `arm/v7`
        for part in it.oci.iter().flat_map(|name| name.split('/')) {
            look("arches.json", &[id.as_str(), "oci"], part, text::word);
        }
        let interpreter = [&it.interpreter.glibc, &it.interpreter.musl, &it.interpreter.uclibc];
        for path in interpreter.into_iter().flatten() {
            look("arches.json", &[id.as_str(), "interpreter"], path, text::path);
        }
    }
    for (id, it) in &catalog.boards {
        let id = id.as_str();
        look("boards.json", &[id, "cmdline"], &it.cmdline, text::argument);
        for (field, value) in [("console", &it.console), ("kernel_arch", &it.kernel_arch)] {
            look("boards.json", &[id, field], value.as_deref().unwrap_or("x"), text::word);
        }
        if let Some(place) = &it.initrd_place {
            look("boards.json", &[id, "initrd_place", "cmdline"], &place.cmdline, text::argument);
        }
        for symbol in &it.enable {
            look("boards.json", &[id, "enable"], symbol, text::assignment);
        }
        for symbol in &it.disable {
            look("boards.json", &[id, "disable"], symbol, text::switched_off);
        }
    }
    for (id, it) in catalog.toolchains() {
        let file = match it.source {
            // the arch says what Bootlin's triples are
            SourceKind::Bootlin => "arches.json",
            _ => it.place().0,
        };
        look(file, &[id.as_str()], &it.target, text::word);
        look(file, &[id.as_str()], if it.suffix.is_empty() { "x" } else { &it.suffix }, text::suffix);
        for property in &it.properties {
            look(file, &[id.as_str()], property, text::word);
        }
    }
}

/// Fields that people read.
fn prose(sink: &Sink<'_>, bad: &mut Bad) {
    let catalog = sink.catalog;
    let constraints = catalog.constraints.iter().flat_map(|(id, it)| {
        let shim = it.shim.as_ref().map(|shim| &shim.text);
        let texts = [Some(&it.reason), Some(&it.evidence), it.only_if.as_ref(), shim];
        texts.into_iter().flatten().map(move |text| ("constraints.json", id.to_string(), text))
    });
    let fixes = catalog.fixes.iter().flat_map(|(id, it)| [&it.reason, &it.evidence].map(|text| ("fixes.json", id.to_string(), text)));
    let boards = catalog.boards.iter().map(|(id, it)| ("boards.json", id.to_string(), &it.evidence));
    let eras = catalog.eras.iter().map(|(id, it)| ("eras.json", id.to_string(), &it.title));
    for (file, id, text) in constraints.chain(fixes).chain(boards).chain(eras) {
        if let Some(message) = text::prose(text) {
            bad.push((file, vec![id], message));
        }
    }
}
