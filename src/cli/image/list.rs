//! `kflake image --list`: the names of compilers.

use serde_json::{Value, json};

use super::subject::system;
use crate::catalog::{Catalog, Purpose, SourceKind, Toolchain};
use crate::cli::{Result, output};
use crate::exit;
use crate::flake;
use crate::resolve::{Resolver, SourceOrder};

/// Prints them.
pub fn run(catalog: &Catalog, sources: Vec<SourceKind>, json: bool) -> Result<u8> {
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
        let list: Vec<Value> = names
            .iter()
            .map(|it| {
                json!({
                    "name": it.name,
                    "others": it.others,
                    "toolchain": it.toolchain.id,
                    "arch": it.toolchain.arch,
                    "gcc": it.toolchain.compiler.gcc(),
                    "clang": it.toolchain.compiler.clang(),
                    "cells": cells(it.toolchain),
                })
            })
            .collect();
        output::json(&list)?;
        return Ok(exit::OK);
    }
    let text: String = names
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
    output::print(&text)?;
    Ok(exit::OK)
}
