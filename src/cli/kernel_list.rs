//! `kflake kernel list`: the kernels whose tarballs the matrix knows.

use serde_json::{Value, json};

use super::{Context, Failure, Result, output};
use crate::catalog::{Catalog, KernelPin, SourceOrigin};
use crate::exit;
use crate::id::EraId;
use crate::version::KernelVersion;

/// List the kernels whose tarballs are known, the oldest first
///
/// `here` marks those that the project took from disk; `N sources` counts the projects that recorded the same sha256.
#[derive(clap::Args)]
pub struct Args {
    /// Only this version and its point releases, such as 6.1
    #[arg(value_name = "VERSION")]
    series: Option<KernelVersion>,
    /// Only kernels of this era, such as k6
    #[arg(long, visible_alias = "band")]
    era: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `kflake kernel list`.
///
/// # Errors
/// When the matrix cannot be read, or has no such era.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let era = args.era.as_deref().map(|text| catalog.era(text));
    let era = era.transpose().map_err(Failure::unknown)?;
    let rows: Vec<Row> = catalog
        .kernels
        .iter()
        .filter(|(version, _)| {
            let series = args.series.as_ref();
            series.is_none_or(|series| is_of_series(version, series))
        })
        .map(|(version, pin)| Row::new(&catalog, version, pin))
        .filter(|row| era.is_none_or(|era| row.era == Some(era)))
        .collect();
    let text = match args.json {
        true => {
            let list: Vec<Value> = rows.iter().map(Row::json).collect();
            format!("{}\n", crate::text::json_pretty(&list).unwrap_or_default())
        }
        false => rows.iter().map(Row::text).collect(),
    };
    output::print(&text)?;
    Ok(match rows.is_empty() {
        true => exit::FAILED,
        false => exit::OK,
    })
}

/// Whether `version` is `series` or one of its point releases: 6.1.3 of 6.1, 2.6.31.4 of 2.6.31.
fn is_of_series(version: &KernelVersion, series: &KernelVersion) -> bool {
    let series = series.numbers();
    let last = series.iter().rposition(|number| *number != 0);
    let named = last.map_or(0, |last| last + 1).max(2);
    version.numbers()[..named] == series[..named]
}

struct Row<'c> {
    version: &'c KernelVersion,
    era: Option<&'c EraId>,
    pin: &'c KernelPin,
}

impl<'c> Row<'c> {
    fn new(catalog: &'c Catalog, version: &'c KernelVersion, pin: &'c KernelPin) -> Self {
        let era = catalog.eras.iter().find(|(_, era)| era.contains(version));
        Row {
            version,
            era: era.map(|(id, _)| id),
            pin,
        }
    }

    fn text(&self) -> String {
        let era = self.era.map_or("-", EraId::as_str);
        let file = self.pin.file_name().unwrap_or("-");
        let known = match (&self.pin.url, self.pin.confirmed_by.len()) {
            _ if self.pin.origin == SourceOrigin::Override => {
                "here, in the place of the pinned one".to_owned()
            }
            (None, _) => "here".to_owned(),
            (Some(_), 0) => String::new(),
            (Some(_), 1) => "1 source".to_owned(),
            (Some(_), count) => format!("{count} sources"),
        };
        let line = format!("{:<14} {era:<5} {file:<30} {known}", self.version);
        format!("{}\n", line.trim_end())
    }

    fn json(&self) -> Value {
        json!({
            "version": self.version,
            "era": self.era,
            "file": self.pin.file_name(),
            "url": self.pin.url,
            "sha256": self.pin.sha256,
            "origin": self.pin.origin,
            "confirmed_by": self.pin.confirmed_by,
            "note": self.pin.note,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_its_point_releases() {
        let of = |version: &str, series: &str| {
            is_of_series(&version.parse().unwrap(), &series.parse().unwrap())
        };
        assert!(of("6.1", "6.1") && of("6.1.192", "6.1") && of("6.1-rc3", "6.1"));
        assert!(!of("6.12", "6.1") && !of("6.10.1", "6.1"));
        assert!(of("2.6.31.4", "2.6.31") && !of("2.6.32", "2.6.31"));
        assert!(of("5.0.3", "5.0") && !of("5.1", "5.0"));
    }
}
