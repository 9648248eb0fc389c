//! A name of something that does not exist.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use std::collections::BTreeSet;

use super::text::components_of;
use crate::id::{ArchId, PinId};

pub(super) static LINT: Lint = Lint {
    code: codes::UNKNOWN_REFERENCE,
    name: "unknown-reference",
    level: Level::Error,
    summary: "A name of something that does not exist.",
    explanation: "Data names other data: a toolchain its pins, an arch its boards, a constraint the fix that lifts it. A name that nothing has is most often a spelling mistake; what it was meant to bring is missing. In a project's own files the name may also be of an entry that the project took out with `null`.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    arches(sink);
    pins(sink);
    fixes(sink);
    bootlin(sink);
    source_toolchains(sink);
    mirrors(sink);
}

fn missing(sink: &mut Sink<'_>, file: &str, parts: &[&str], what: &str, name: &str) {
    sink.add(file, parts, &format!("there is no {what} called {name}"));
}

fn arches(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let mut named: Vec<(&str, Vec<String>, &ArchId)> = vec![];
    for (id, it) in &catalog.debian.toolchains {
        named.push(("debian.json", vec!["toolchains".into(), id.to_string(), "arch".into()], &it.arch));
    }
    for (id, it) in &catalog.debian.llvm {
        for (index, arch) in it.arches.iter().enumerate() {
            named.push(("debian.json", vec!["llvm".into(), id.to_string(), "arches".into(), index.to_string()], arch));
        }
    }
    for (id, it) in &catalog.korg.gcc {
        named.push(("korg.json", vec!["gcc".into(), id.to_string(), "arch".into()], &it.arch));
    }
    for (id, it) in &catalog.korg.llvm {
        for (index, arch) in it.arches.iter().enumerate() {
            named.push(("korg.json", vec!["llvm".into(), id.to_string(), "arches".into(), index.to_string()], arch));
        }
    }
    for (id, it) in &catalog.boards {
        named.push(("boards.json", vec![id.to_string(), "arch".into()], &it.arch));
    }
    for (id, it) in &catalog.eras {
        for (index, arch) in it.stock_arches.iter().enumerate() {
            named.push(("eras.json", vec![id.to_string(), "stock_arches".into(), index.to_string()], arch));
        }
    }
    let lists = catalog
        .constraints
        .iter()
        .map(|(id, it)| ("constraints.json", id.to_string(), &it.arches))
        .chain(catalog.fixes.iter().map(|(id, it)| ("fixes.json", id.to_string(), &it.arches)))
        .chain(catalog.source_toolchains.iter().map(|(id, it)| ("source-toolchains.json", id.to_string(), &it.arches)));
    for (file, id, list) in lists {
        for (index, arch) in list.iter().enumerate() {
            named.push((file, vec![id.clone(), "arches".into(), index.to_string()], arch));
        }
    }
    for (file, parts, arch) in named {
        // constraints tell of arches that the matrix may come to have
        if !catalog.arches.contains_key(arch) && file != "constraints.json" {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            missing(sink, file, &parts, "arch", arch.as_str());
        }
    }
    for (id, arch) in &catalog.arches {
        for (index, board) in arch.boards.iter().enumerate() {
            if !catalog.boards.contains_key(board) {
                missing(sink, "arches.json", &[id.as_str(), "boards", &index.to_string()], "board", board.as_str());
            }
        }
    }
}

fn pins(sink: &mut Sink<'_>) {
    let debian = &sink.catalog.debian;
    let toolchains = debian.toolchains.iter().map(|(id, it)| ("toolchains", id, &it.pins, &it.runtime_pins));
    let llvm = debian.llvm.iter().map(|(id, it)| ("llvm", id, &it.pins, &it.runtime_pins));
    for (section, id, pins, runtime_pins) in toolchains.chain(llvm) {
        for (field, list) in [("pins", pins), ("runtime_pins", runtime_pins)] {
            for (index, pin) in list.iter().enumerate() {
                if !debian.pins.contains_key(pin) {
                    let parts = [section, id.as_str(), field, &index.to_string()];
                    missing(sink, "debian.json", &parts, "pin", pin.as_str());
                }
            }
        }
    }
}

fn fixes(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, it) in &catalog.fixes {
        for (index, constraint) in it.lifts.iter().enumerate() {
            if !catalog.constraints.contains_key(constraint) {
                let parts = [id.as_str(), "lifts", &index.to_string()];
                missing(sink, "fixes.json", &parts, "constraint", constraint.as_str());
            }
        }
    }
    for (id, it) in &catalog.constraints {
        let fix = it.shim.as_ref().and_then(|shim| shim.fix.as_ref());
        if let Some(fix) = fix.filter(|fix| !catalog.fixes.contains_key(*fix)) {
            missing(sink, "constraints.json", &[id.as_str(), "shim", "fix"], "fix", fix.as_str());
        }
    }
}

fn bootlin(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let bootlin = &catalog.bootlin;
    for (file, it) in &bootlin.tarballs {
        let release = format!("{}/{}", it.release, it.flavour);
        if !bootlin.releases.contains_key(&release) && (it.gcc.is_none() || it.binutils.is_none()) {
            let parts = ["tarballs", file.as_str(), "release"];
            missing(sink, "bootlin.json", &parts, "release", &release);
        }
    }
    let directories: BTreeSet<&str> = bootlin.tarballs.values().map(|it| it.arch_dir.as_str()).collect();
    for (id, arch) in &catalog.arches {
        for (index, it) in arch.bootlin.iter().enumerate() {
            if !directories.contains(it.name.as_str()) {
                let parts = [id.as_str(), "bootlin", &index.to_string(), "name"];
                missing(sink, "arches.json", &parts, "Bootlin directory with tarballs", &it.name);
            }
        }
    }
}

fn source_toolchains(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, it) in &catalog.source_toolchains {
        for (index, era) in it.eras.iter().enumerate() {
            if !catalog.eras.contains_key(era) {
                let parts = [id.as_str(), "eras", &index.to_string()];
                missing(sink, "source-toolchains.json", &parts, "era", era.as_str());
            }
        }
        for (field, component) in components_of(catalog, it) {
            let known = component.parse::<PinId>().ok();
            if known.is_none_or(|pin| !catalog.components.components.contains_key(&pin)) {
                missing(sink, "source-toolchains.json", &[id.as_str(), field], "component", &component);
            }
        }
    }
}

fn mirrors(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let kernels = catalog.kernels.iter().filter_map(|(id, it)| Some(("kernels.json", vec![id.to_string()], it.url.as_ref()?)));
    let debian = catalog.debian.pins.iter().map(|(id, it)| ("debian.json", vec!["pins".into(), id.to_string()], &it.url));
    let components = &catalog.components.components;
    let components = components
        .iter()
        .filter_map(|(id, it)| Some(("components.json", vec!["components".into(), id.to_string()], it.url.as_ref()?)));
    let korg = catalog.korg.archives().map(|it| ("korg.json", vec![it.section.into(), it.id.to_string()], it.url));
    for (file, mut parts, url) in kernels.chain(debian).chain(components).chain(korg) {
        let Some((scheme, _)) = url.mirror() else {
            continue;
        };
        if !catalog.mirrors.keys().any(|known| known.as_str() == scheme) {
            parts.push("url".into());
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            missing(sink, file, &parts, "mirror", scheme);
        }
    }
}
