//! Loading data: whatever the bytes, there is a catalog or there are findings that point into the text, and nothing that is
//! said steers a terminal. What loads can be checked and resolved.

use kflake::catalog::{Catalog, Finding, LoadError, Purpose};
use kflake::check;
use kflake::flake::{self, RenderError};
use kflake::resolve::{Resolver, SourceOrder};

use crate::shown::inert_coloured;
use crate::{Target, signature};

const FILES: &[&str] = &[
    "eras.json",
    "arches.json",
    "kernels.json",
    "boards.json",
    "constraints.json",
    "fixes.json",
    "source-toolchains.json",
    "mirrors.json",
    "debian.json",
    "bootlin.json",
    "components.json",
    "evidence.json",
];

/// One file of a small matrix is replaced: the first line of the input names it.
pub struct Load {
    /// The matrix: each file and its text.
    pub sound: Vec<(&'static str, String)>,
    words: Vec<&'static str>,
}

impl Load {
    /// With a small matrix cut from the embedded one.
    pub fn new() -> Self {
        let sound: Vec<_> = FILES
            .iter()
            .filter_map(|file| Some((*file, small(file)?)))
            .collect();
        let mut words: Vec<&'static str> = vec![];
        for (_, text) in &sound {
            words.extend(crate::strings(text));
        }
        words.sort_unstable();
        words.dedup();
        Load { sound, words }
    }

    /// The matrix with `text` as the file `file`.
    pub fn with<'t>(&'t self, file: &'t str, text: &'t str) -> Vec<(&'t str, &'t str)> {
        let mut texts: Vec<(&str, &str)> = self
            .sound
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        match texts.iter_mut().find(|(name, _)| *name == file) {
            Some(slot) => slot.1 = text,
            None => texts.push((file, text)),
        }
        texts
    }
}

/// The first entries of an embedded file, of each of its parts.
fn small(file: &str) -> Option<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("matrix")
        .join(file);
    let text = std::fs::read_to_string(path).ok()?;
    let mut value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let parts = ["pins", "toolchains", "releases", "tarballs", "components"];
    match &mut value {
        serde_json::Value::Object(map) => {
            let has_parts = parts.iter().any(|part| map.contains_key(*part));
            if has_parts {
                map.values_mut()
                    .filter_map(serde_json::Value::as_object_mut)
                    .for_each(|part| cut(part, 3));
            } else {
                cut(map, if file == "eras.json" { 9 } else { 4 });
            }
        }
        serde_json::Value::Array(list) => list.truncate(3),
        _ => {}
    }
    Some(value.to_string())
}

fn cut(map: &mut serde_json::Map<String, serde_json::Value>, count: usize) {
    let keys: Vec<String> = map.keys().skip(count).cloned().collect();
    for key in keys {
        map.remove(&key);
    }
}

impl Target for Load {
    fn name(&self) -> &'static str {
        "catalog"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        self.sound
            .iter()
            .map(|(file, text)| format!("{file}\n{text}").into_bytes())
            .collect()
    }

    fn words(&self) -> &[&'static str] {
        &self.words
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let input = String::from_utf8_lossy(input);
        let (file, text) = input.split_once('\n').unwrap_or(("eras.json", &input));
        // no file system has longer names
        let file = file
            .char_indices()
            .nth(60)
            .map_or(file, |(end, _)| &file[..end]);
        let texts = self.with(file, text);
        let findings = match Catalog::of_texts(&texts) {
            Ok(catalog) => {
                let findings = check::check(&catalog);
                ask(&catalog)?;
                // takes long, so not for all
                if signature(text) % 8 == 0 {
                    generate(&catalog, !check::is_bad(&findings))?;
                }
                findings
            }
            Err(LoadError::Findings { findings }) if findings.is_empty() => {
                return Err("it does not load and nothing is said".into());
            }
            Err(LoadError::Findings { findings }) => findings,
            Err(error) => return Err(format!("texts cannot fail to be read: {error}")),
        };
        let mut said: Vec<(String, usize, String)> = vec![];
        for finding in &findings {
            if said.len() < 12 {
                show(finding)?;
            }
            let words: String = finding.message.split_whitespace().take(3).collect();
            said.push((
                finding.code.to_string(),
                finding.pointer.parts().len(),
                words,
            ));
        }
        said.sort_unstable();
        said.dedup();
        Ok(signature((file.len(), said)))
    }
}

/// The flake is written or refused. Generating parses what it wrote: where it says that the result is no sound Nix, a text got
/// through the escaping. What was checked must not even be refused.
fn generate(catalog: &Catalog, is_checked: bool) -> Result<(), String> {
    match flake::generate(catalog, &flake::Options::default()) {
        Ok(tree) if tree.files.is_empty() => Err("nothing is generated".into()),
        Ok(_) => Ok(()),
        Err(error @ RenderError::Template { .. }) => Err(format!("unsound Nix: {error}")),
        Err(error) if is_checked => Err(format!("checked data is refused: {error}")),
        Err(_) => Ok(()),
    }
}

/// Every arch at a few versions: any answer, and the same in short.
fn ask(catalog: &Catalog) -> Result<(), String> {
    let resolver = Resolver::new(catalog, SourceOrder::Era);
    for arch in catalog.arches.keys() {
        for version in ["2.6.31", "5.10", "6.12-rc3"] {
            let version = version.parse().map_err(|error| format!("{error}"))?;
            let long = resolver.resolve(&version, arch, Purpose::Kernel);
            let short = resolver
                .pick(&version, arch, Purpose::Kernel)
                .ok()
                .flatten();
            if long.as_ref().ok().map(|it| &it.toolchain.id) != short.map(|it| &it.id) {
                return Err(format!("{version} on {arch} has two answers"));
            }
        }
        let table = resolver.intervals(arch, Purpose::Kernel);
        if table.windows(2).any(|pair| pair[0].below != pair[1].from) {
            return Err(format!("the table of {arch} has a gap"));
        }
    }
    Ok(())
}

/// A finding points into its file, and can be shown.
pub fn show(finding: &Finding) -> Result<(), String> {
    let text = finding.file.text();
    if let Some(span) = finding.span()
        && text.get(span.clone()).is_none()
    {
        return Err(format!(
            "{} points at {span:?} of {} bytes",
            finding.code,
            text.len()
        ));
    }
    let shown = kflake::cli::render::diagnostic(finding, Some(80));
    if shown.len() > 4 * (finding.message.len() + 1000) {
        return Err(format!(
            "{} takes {} bytes to show",
            finding.code,
            shown.len()
        ));
    }
    let styled = kflake::text::styled(&shown);
    if styled != kflake::text::defuse(&shown) {
        return Err(format!("{} is shown with what acts", finding.code));
    }
    inert_coloured("a finding", &styled)
}
