//! `kflake image --list`: the names of images.

use serde_json::{Value, json};

use super::subject::{Subject, system};
use crate::catalog::{Catalog, Purpose, SourceKind, Toolchain};
use crate::cli::{Result, output};
use crate::exit;
use crate::flake;
use crate::resolve::{Resolver, SourceOrder};

/// Prints them.
pub fn run(catalog: &Catalog, sources: Vec<SourceKind>, json: bool) -> Result<u8> {
    let boots = Subject::that_boot(catalog, sources.clone());
    let resolver = Resolver::new(catalog, SourceOrder::from(sources));
    let names = resolver.names(&system());
    let cells = |it: &Toolchain| -> Vec<String> {
        let taken = catalog.eras.values().filter_map(|era| {
            let version = flake::cell_kernel(catalog, era);
            resolver.resolve(version, &it.arch, Purpose::Kernel).ok()
        });
        let own = taken.filter(|taken| taken.toolchain.id == it.id);
        own.map(|it| it.cell.to_string()).collect()
    };
    if json {
        let list = names.iter().map(|it| {
            json!({
                "name": it.name,
                "others": it.others,
                "toolchain": it.toolchain.id,
                "arch": it.toolchain.arch,
                "gcc": it.toolchain.compiler.gcc(),
                "clang": it.toolchain.compiler.clang(),
                "cells": cells(it.toolchain),
            })
        });
        let images = boots.iter().map(|it| {
            json!({
                "name": Subject::Qemu(it.clone()).reference(),
                "others": [],
                "toolchain": null,
                "arch": it.arch,
                "gcc": null,
                "clang": null,
                "cells": [],
            })
        });
        let list: Vec<Value> = list.chain(images).collect();
        output::json(&list)?;
        return Ok(exit::OK);
    }
    let mut text: String = names
        .iter()
        .map(|it| {
            let (name, id) = (&it.name, &it.toolchain.id);
            let others = it.others.iter().map(String::as_str);
            let others: Vec<&str> = others.filter(|other| other.len() < name.len()).collect();
            let cells = cells(it.toolchain).join(" ");
            let line = format!("{name:<22} {id:<44} {:<34} {cells}", others.join(" "));
            format!("{}\n", line.trim_end())
        })
        .collect();
    for cell in boots {
        let subject = Subject::Qemu(cell);
        text += &format!(
            "{:<22} {subject}, which boots what was built\n",
            subject.reference()
        );
    }
    output::print(&text)?;
    Ok(exit::OK)
}
