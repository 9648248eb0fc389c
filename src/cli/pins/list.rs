//! `kflake pins list` and `kflake pins show`: what the matrix pins.

use serde_json::{Value, json};

use crate::catalog::{Catalog, PinnedFile};
use crate::cli::{Context, Failure, Result, output, render};
use crate::exit;
use crate::nix::Mirrors;
use crate::suggest::nearest;
use crate::text::brief;

/// List the files that the matrix pins
///
/// Kernels, Debian's packages, Bootlin's archives, and the sources of toolchains.
#[derive(clap::Args)]
pub(super) struct ListArgs {
    /// Only those whose id or file name contains this
    text: Option<String>,
    /// Only the project's own
    #[arg(long)]
    own: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show one pinned file: its digest, and where it is looked for
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake pins show bookworm/libc6\n  kflake pins show gcc/9.4.0\n  kflake pins show \"linux 6.1.192\""
)]
pub(super) struct ShowArgs {
    /// The pin, as `kflake pins list` names it, with or without the kind before it
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A pinned file, and whose pin it is.
struct Row {
    file: PinnedFile,
    own: bool,
}

/// The pins of `catalog`, in order.
fn rows(catalog: &Catalog) -> Result<Vec<Row>> {
    let brought = Catalog::embedded().map_err(Failure::load)?.pinned_files();
    let brought: std::collections::BTreeSet<_> = brought
        .iter()
        .map(|it| (&it.what, it.sha256.hex()))
        .collect();
    let files = catalog.pinned_files().into_iter();
    let rows = files.map(|file| Row {
        own: !brought.contains(&(&file.what, file.sha256.hex())),
        file,
    });
    Ok(rows.collect())
}

impl Row {
    fn size(&self) -> String {
        match self.file.size {
            Some(bytes) if bytes < 10 << 10 => format!("{bytes} B"),
            Some(bytes) if bytes < 10 << 20 => format!("{} KiB", bytes >> 10),
            Some(bytes) => format!("{} MiB", bytes >> 20),
            None => "-".to_owned(),
        }
    }

    fn text(&self) -> String {
        let PinnedFile { what, name, .. } = &self.file;
        let own = if self.own { "  the project's own" } else { "" };
        format!("{what:<44} {:>8}  {name}{own}\n", self.size())
    }

    fn json(&self) -> Value {
        let file = &self.file;
        json!({
            "pin": file.what, "file": file.name, "url": file.url, "sha256": file.sha256, "size": file.size, "own": self.own,
        })
    }
}

/// Runs `kflake pins list`.
pub(super) fn list(args: &ListArgs, context: &Context) -> Result<u8> {
    let text = args.text.as_deref().unwrap_or("");
    let has = |it: &str| it.contains(text);
    let mut rows = rows(&context.catalog()?)?;
    rows.retain(|row| (row.own || !args.own) && (has(&row.file.what) || has(&row.file.name)));
    match args.json {
        true => output::json(&rows.iter().map(Row::json).collect::<Vec<_>>())?,
        false => {
            let lines: String = rows.iter().map(Row::text).collect();
            output::print(&render::hanging(&lines, 4, render::output_width()))?;
        }
    }
    Ok(match rows.is_empty() {
        true => exit::FAILED,
        false => exit::OK,
    })
}

/// Runs `kflake pins show`.
pub(super) fn show(args: &ShowArgs, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let rows = rows(&catalog)?;
    // what a pin is of, and its id
    let parts = |row: &Row| row.file.what.split_once(' ').map(|(_, id)| id.to_owned());
    let found: Vec<&Row> = rows
        .iter()
        .filter(|row| row.file.what == args.id || parts(row).as_deref() == Some(&args.id))
        .collect();
    if found.is_empty() {
        let ids: Vec<String> = rows.iter().filter_map(parts).collect();
        let near = nearest(&args.id, ids.iter().map(String::as_str));
        let near = near.map_or(String::new(), |it| format!("did you mean {it}? "));
        return Err(Failure::message(
            exit::USAGE,
            format!("no pin is called {}", brief(&args.id)),
            Some(format!("{near}`kflake pins list` shows all of them")),
        ));
    }
    let mirrors = context.mirrors(&catalog);
    if args.json {
        let described = found.iter().map(|row| {
            let mut value = row.json();
            value["addresses"] = addresses(&row.file, &catalog, &mirrors).into();
            value
        });
        output::json(&described.collect::<Vec<_>>())?;
        return Ok(exit::OK);
    }
    for row in found {
        let file = &row.file;
        let mut lines = vec![
            file.what.clone(),
            format!("  file      {}", file.name),
            format!("  sha256    {} ({})", file.sha256, file.sha256.hex()),
        ];
        if let Some(size) = file.size {
            lines.push(format!("  size      {size} bytes"));
        }
        let whose = if row.own {
            "the project's own matrix/"
        } else {
            "kflake"
        };
        lines.push(format!("  pinned by {whose}"));
        let all = addresses(file, &catalog, &mirrors);
        let nowhere = [
            "nowhere: it has to be in the store already; `kflake pins import` puts it there"
                .to_owned(),
        ];
        let shown = if all.is_empty() { &nowhere[..] } else { &all };
        for (at, address) in shown.iter().enumerate() {
            let name = if at == 0 { "fetched from" } else { "" };
            lines.push(format!("  {name:12} {address}"));
        }
        output::line(&lines.join("\n"))?;
    }
    Ok(exit::OK)
}

/// Where `file` is looked for, the first place first.
fn addresses(file: &PinnedFile, catalog: &Catalog, mirrors: &Mirrors) -> Vec<String> {
    let Some(url) = &file.url else {
        return Vec::new();
    };
    let Some((scheme, path)) = url.mirror() else {
        return vec![url.to_string()];
    };
    let bases = mirrors.urls(scheme).iter().cloned();
    // host tools are also where the archive was when they were pinned
    let mut tools = catalog.host_tools.values();
    let snapshot = tools.find(|tools| {
        let mut pins = tools.pins.values();
        scheme == "debian" && pins.any(|pin| pin.url == *url && pin.sha256 == file.sha256)
    });
    let snapshot = snapshot.map(|tools| format!("{}/", tools.snapshot));
    bases
        .chain(snapshot)
        .map(|base| format!("{base}{path}"))
        .collect()
}
