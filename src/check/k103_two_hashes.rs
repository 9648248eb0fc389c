//! Two digests for one file.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use std::collections::BTreeMap;

use crate::hash::Sha256;
use crate::id::PinUrl;

pub(super) static LINT: Lint = Lint {
    code: codes::TWO_HASHES,
    name: "two-hashes",
    level: Level::Error,
    summary: "Two digests for one file.",
    explanation: "Two entries fetch the same address and expect different bytes: one of them can never be fetched. Tarballs are sometimes made again under the same name; keep the digest of the bytes that the address gives today, and give the other a `file` name and no address.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let kernels = catalog.kernels.iter().filter_map(|(id, it)| Some((it.url.as_ref()?, it.sha256, "kernels.json", vec![id.to_string()])));
    let debian = catalog.debian.pins.iter();
    let debian = debian.map(|(id, it)| (&it.url, it.sha256, "debian.json", vec!["pins".to_owned(), id.to_string()]));
    let components = catalog.components.components.iter();
    let components = components.filter_map(|(id, it)| {
        Some((it.url.as_ref()?, it.sha256?, "components.json", vec!["components".to_owned(), id.to_string()]))
    });
    let korg = catalog.korg.archives();
    let korg = korg.map(|it| (it.url, it.sha256, "korg.json", vec![it.section.to_owned(), it.id.to_string()]));
    let mut seen: BTreeMap<&PinUrl, (Sha256, String)> = BTreeMap::new();
    for (url, sha256, file, parts) in kernels.chain(debian).chain(components).chain(korg) {
        let place = format!("{file} {}", parts.join("/"));
        match seen.get(url) {
            Some((first, at)) if *first != sha256 => {
                let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                parts.push("sha256");
                sink.add(file, &parts, &format!("{at} has another digest for {url}"));
            }
            Some(_) => {}
            None => drop(seen.insert(url, (sha256, place))),
        }
    }
}
