//! `debian-packages/pins.json`: the host tools of one suite, as the package set reads them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::{HostTool, HostTools};
use crate::hash::Sha256;
use crate::id::{FileName, PinId, Suite};

/// Where it stands in a project.
pub(super) const PATH: &str = "debian-packages/pins.json";

/// The whole file.
#[derive(Serialize)]
struct Pinned<'a> {
    suite: &'a Suite,
    snapshot: &'a str,
    seed: Seed<'a>,
    tools: &'a BTreeMap<FileName, HostTool>,
    qemu: &'a BTreeMap<FileName, FileName>,
    libraries: &'a BTreeMap<FileName, Vec<PinId>>,
    pins: BTreeMap<&'a PinId, Pin<'a>>,
}

#[derive(Serialize)]
struct Seed<'a> {
    name: &'a FileName,
    hash: Sha256,
}

/// A package: where in the archive it lies, its digest, and its size in bytes.
#[derive(Serialize)]
struct Pin<'a> {
    name: String,
    version: &'a str,
    path: &'a str,
    sha256: String,
    size: u64,
}

/// The text of the file.
pub(super) fn render(suite: &Suite, tools: &HostTools) -> String {
    let pins = tools.pins.iter().map(|(id, pin)| {
        let url = pin.url.as_str();
        let pin = Pin {
            name: pin.pinned(id).name,
            version: &pin.version,
            path: url.strip_prefix("mirror://debian/").unwrap_or(url),
            sha256: pin.sha256.hex(),
            size: pin.size,
        };
        (id, pin)
    });
    let pinned = Pinned {
        suite,
        snapshot: tools.snapshot.as_str(),
        seed: Seed {
            name: &tools.seed.name,
            hash: tools.seed.hash,
        },
        tools: &tools.tools,
        qemu: &tools.qemu,
        libraries: &tools.libraries,
        pins: pins.collect(),
    };
    let mut text = serde_json::to_string_pretty(&pinned).unwrap_or_default();
    text.push('\n');
    text
}

/// The suite that a project's file is of.
pub(crate) fn suite_of(text: &str) -> Option<Suite> {
    #[derive(Deserialize)]
    struct Written {
        suite: Suite,
    }
    let written: Written = serde_json::from_str(text).ok()?;
    Some(written.suite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn a_project_says_which_suite_its_tools_are_of() {
        let catalog = Catalog::embedded().unwrap();
        for (suite, tools) in &catalog.host_tools {
            let text = render(suite, tools);
            assert_eq!(suite_of(&text).as_ref(), Some(suite));
            assert!(text.contains("\"path\": \"pool/main/b/bash/"), "{suite}");
        }
        assert_eq!(suite_of("{}"), None);
    }
}
