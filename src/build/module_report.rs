//! `module-report.json`: what a module that was built is, and whether its kernel will load it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::BuildError;
use crate::files;

/// Its name in a build's output.
const FILE: &str = "module-report.json";

/// What the check of a module's build found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleReport {
    /// The modules, by name.
    pub modules: Vec<BuiltModule>,
}

/// One module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltModule {
    /// Its file.
    pub name: String,
    /// The kernel that it says it is for.
    pub vermagic: String,
    /// Its licence.
    pub licence: String,
    /// Modules that have to be loaded before it.
    pub depends: Vec<String>,
    /// Symbols whose versions were compared with the kernel's, and agree.
    pub versioned_symbols: usize,
    /// Symbols that it takes from outside.
    pub undefined_symbols: usize,
    /// How it is known what the kernel exports.
    pub exports_from: ExportsFrom,
    /// Symbols that nothing exports.
    pub unresolved: Vec<String>,
    /// Symbols that its licence keeps from it.
    pub gpl_only: Vec<String>,
    /// Symbols of namespaces that it does not import.
    pub not_imported: Vec<NotImported>,
}

/// How it is known what the kernel exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportsFrom {
    /// As it was built.
    Kernel,
    /// As its source has it: it was only prepared.
    Source,
}

/// A symbol of a namespace that the module does not import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotImported {
    /// The symbol.
    pub symbol: String,
    /// Its namespace; `module:kvm,kvm-*` is one that no module can import, and names those that may use it.
    pub namespace: String,
}

impl ModuleReport {
    /// Reads the report in a build's output.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(out: &Path) -> Result<ModuleReport, BuildError> {
        let path = out.join(FILE);
        let text = files::read(&path, files::MAX_DATA).map_err(BuildError::io(&path))?;
        ModuleReport::parse(&text)
    }

    /// Reads the text of a report.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &[u8]) -> Result<ModuleReport, BuildError> {
        serde_json::from_slice(text).map_err(|error| BuildError::Answer {
            what: FILE,
            reason: error.to_string(),
        })
    }

    /// It in words: a line for each module, and one indented for each reason why the kernel would refuse to load it. Names and
    /// symbols are as the module's maker chose them.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.modules.iter().flat_map(|module| {
            let problems = module.problems();
            let problems = problems.into_iter().map(|problem| format!("  {problem}"));
            std::iter::once(module.line()).chain(problems)
        })
    }
}

impl BuiltModule {
    fn line(&self) -> String {
        let depends = match self.depends.is_empty() {
            true => "nothing".to_owned(),
            false => self.depends.join(", "),
        };
        let symbols = match (self.versioned_symbols, self.undefined_symbols) {
            (0, 1) => "1 symbol from outside".to_owned(),
            (0, n) => format!("{n} symbols from outside"),
            (n, _) => format!("{n} symbol versions agree"),
        };
        format!(
            "{}: vermagic `{}`, licence {}, depends on {depends}, {symbols}",
            self.name, self.vermagic, self.licence
        )
    }

    /// Why the kernel would refuse to load it.
    fn problems(&self) -> Vec<String> {
        let mut lines = vec![];
        if !self.unresolved.is_empty() {
            let names = self.unresolved.join(", ");
            lines.push(match self.exports_from {
                ExportsFrom::Kernel => format!(
                    "undefined: {names}; neither this kernel nor a module of --symvers exports it"
                ),
                ExportsFrom::Source => format!(
                    "undefined: {names}; no export of it is found in the kernel's source, nor in a file of --symvers"
                ),
            });
        }
        if !self.gpl_only.is_empty() {
            let names = self.gpl_only.join(", ");
            lines.push(format!(
                "only for GPL modules: {names}; the licence is {}",
                self.licence
            ));
        }
        for it in &self.not_imported {
            lines.push(match it.namespace.strip_prefix("module:") {
                Some(modules) => format!(
                    "for other modules only: {}; the kernel exports it to {modules}",
                    it.symbol
                ),
                None => format!(
                    "in a namespace: {}; MODULE_IMPORT_NS has to name {}",
                    it.symbol, it.namespace
                ),
            });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_against_a_module_follow_it() {
        let text = r#"{"modules": [{"name": "a.ko", "vermagic": "6.1", "licence": "MIT", "depends": [], "versioned_symbols": 0,
            "undefined_symbols": 1, "exports_from": "source", "unresolved": ["x"], "gpl_only": ["y"],
            "not_imported": [{"symbol": "z", "namespace": "N"}, {"symbol": "v", "namespace": "module:kvm"}]}]}"#;
        let report = ModuleReport::parse(text.as_bytes()).unwrap();
        let lines: Vec<String> = report.lines().collect();
        assert_eq!(
            lines,
            [
                "a.ko: vermagic `6.1`, licence MIT, depends on nothing, 1 symbol from outside",
                "  undefined: x; no export of it is found in the kernel's source, nor in a file of --symvers",
                "  only for GPL modules: y; the licence is MIT",
                "  in a namespace: z; MODULE_IMPORT_NS has to name N",
                "  for other modules only: v; the kernel exports it to kvm",
            ]
        );
        let error = ModuleReport::parse(b"{}").unwrap_err().to_string();
        assert!(error.contains("module-report.json"), "{error}");
    }
}
