//! A mirror's base address is not one.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};


pub(super) static LINT: Lint = Lint {
    code: codes::MIRROR,
    name: "mirror",
    level: Level::Error,
    summary: "A mirror's base address is not one.",
    explanation: "A base address is joined with the path of a pin, so it begins with https://, http:// or file:// and ends with a slash. Quotes, spaces and `$` have no place in it.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (scheme, urls) in &catalog.mirrors {
        for (index, url) in urls.iter().enumerate() {
            let known = ["https://", "http://", "file:///"].iter().any(|scheme| url.starts_with(scheme));
            let safe = url.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-~/:%@".contains(&b));
            if !known || !safe || !url.ends_with('/') {
                let parts = [scheme.as_str(), &index.to_string()];
                sink.add_with_help("mirrors.json", &parts, &format!("{url:?} is not a base address"), "it looks like https://mirror.example/gnu/");
            }
        }
    }
}
