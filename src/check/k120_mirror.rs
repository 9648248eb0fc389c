//! A mirror's base address is not one.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};


pub(super) static LINT: Lint = Lint {
    code: codes::MIRROR,
    name: "mirror",
    level: Level::Error,
    summary: "A mirror's base address is not one.",
    explanation: "A base address is joined with the path of a pin, so it begins with https:// or http:// and ends with a slash. Quotes, spaces and `$` have no place in it. Folders of a machine are named by whoever uses it, with NIX_MIRRORS_<scheme> or on the command line, and never by data: data that has one is not used.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (scheme, urls) in &catalog.mirrors {
        for (index, url) in urls.iter().enumerate() {
            let known = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
            let rest = url.split_once("://").map_or("", |(_, rest)| rest);
            let safe = !rest.starts_with('/') && !rest.contains("..") && url.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-~/:%@".contains(&b));
            if !known || !safe || !url.ends_with('/') {
                let parts = [scheme.as_str(), &index.to_string()];
                sink.add_with_help("mirrors.json", &parts, &format!("{url:?} is not a base address"), "it looks like https://mirror.example/gnu/");
            }
        }
    }
}
