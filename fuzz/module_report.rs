//! `module-report.json`: it is read or refused, can be written and read again, and its lines are inert.

use kflake::build::ModuleReport;
use kflake::text;

use crate::shown::{bounded, inert, inert_line, printed};
use crate::{Target, linear, signature};

/// What the check of a module's build wrote.
pub struct Modules;

impl Target for Modules {
    fn name(&self) -> &'static str {
        "module-report"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let module = serde_json::json!({
            "name": "hello.ko", "vermagic": "6.1.192 SMP preempt mod_unload aarch64", "licence": "GPL", "depends": ["crc7"],
            "versioned_symbols": 0, "undefined_symbols": 3, "exports_from": "kernel", "unresolved": ["a"], "gpl_only": ["b", "c"],
            "not_imported": [{ "symbol": "d", "namespace": "N" }],
        });
        let mut source = module.clone();
        source["exports_from"] = "source".into();
        [
            serde_json::json!({ "schema_version": 1, "modules": [module] }),
            serde_json::json!({ "modules": [source, module] }),
            serde_json::json!({ "modules": [] }),
        ]
        .map(|value| value.to_string().into_bytes())
        .into()
    }

    fn words(&self) -> &[&'static str] {
        &[
            "modules",
            "name",
            "vermagic",
            "licence",
            "depends",
            "versioned_symbols",
            "undefined_symbols",
            "exports_from",
            "kernel",
            "source",
            "unresolved",
            "gpl_only",
            "not_imported",
            "symbol",
            "namespace",
        ]
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        4 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let report = match ModuleReport::parse(input) {
            Ok(report) => report,
            Err(error) => {
                let said = printed(&text::clean_lines(&error.to_string()))?;
                bounded("an error", said.len(), 1000 + 12 * input.len())?;
                let words: Vec<&str> = said.split(' ').take(8).collect();
                return Ok(signature(words.join(" ").len()));
            }
        };
        let written = text::json(&report).map_err(|error| error.to_string())?;
        inert_line("a report", &written)?;
        let again = ModuleReport::parse(written.as_bytes()).map_err(|error| error.to_string())?;
        if again != report {
            return Err("another report is read than was written".into());
        }
        let (mut count, mut length) = (0, 0);
        for line in report.lines() {
            // as the command prints it
            let shown = text::styled(&format!("{}\n", text::clean_lines(&line)));
            inert("a line", &shown)?;
            (count, length) = (count + 1, length + shown.len());
        }
        bounded(
            "the lines",
            length,
            1000 + 400 * report.modules.len() + 12 * input.len(),
        )?;
        Ok(signature((report.modules.len().min(9), count.min(20))))
    }
}
