//! `matrix/evidence.json`: what was measured, not believed.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Compiler, MeasuredSource, SourceKind, Toolchain};
use crate::id::ArchId;
use crate::version::{KernelVersion, ToolVersion};

/// What was measured: kflake's own rows, and a project's after them.
///
/// kflake's are read when a row is first asked for: most commands never do, and they are a fifth of all data.
#[derive(Debug, Default)]
pub(super) struct Measurements {
    /// The text of kflake's own rows, where they take part.
    embedded: Option<&'static str>,
    own: Vec<Evidence>,
    rows: OnceLock<Rows>,
}

#[derive(Debug)]
struct Rows {
    all: Vec<Evidence>,
    /// Places in the project's file of the rows that came from there, by place in `all`.
    own: BTreeMap<usize, usize>,
}

impl Measurements {
    /// kflake's own rows, the text as it was built in.
    pub fn embedded(text: &'static str) -> Self {
        Measurements {
            embedded: Some(text),
            ..Measurements::default()
        }
    }

    /// Lays a project's rows over these. A row that is there already is not one of the project's.
    pub fn overlay(&mut self, own: Vec<Evidence>) {
        self.own = own;
        self.rows = OnceLock::new();
    }

    /// Every row.
    pub fn all(&self) -> &[Evidence] {
        &self.rows().all
    }

    /// The place in the project's own file of the row at `index`, where it came from there.
    pub fn place_in_project(&self, index: usize) -> Option<usize> {
        self.rows().own.get(&index).copied()
    }

    fn rows(&self) -> &Rows {
        self.rows.get_or_init(|| {
            let embedded = self.embedded.map(serde_json::from_str);
            let embedded = embedded.map(|it| it.expect("the tests read the embedded rows"));
            let mut all: Vec<Evidence> = embedded.unwrap_or_default();
            let mut own = BTreeMap::new();
            for (index, row) in self.own.iter().enumerate() {
                if !all.contains(row) {
                    own.insert(all.len(), index);
                    all.push(row.clone());
                }
            }
            Rows { all, own }
        })
    }
}

/// One measurement: one stage of one cell in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The kernel that was built.
    pub kernel: KernelVersion,
    /// For which arch.
    pub arch: ArchId,
    /// With which toolchain.
    pub toolchain: MeasuredToolchain,
    /// The source that the kernel was built from; none: what kflake pins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<MeasuredSource>,
    /// How far: `toolchain`, `kernel`, `module` or `boot`.
    pub stage: String,
    /// `passed`, `failed` or `timed-out`.
    pub outcome: String,
    /// Whether init was linked without a C library, of a boot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare_init: bool,
    /// Class of the failure, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What the kernel complained of on the console of a boot that passed, such as `WARNING at kernel/x.c:12`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Wall time of the build.
    pub seconds: f64,
    /// Day of the run, as `2026-11-20`.
    pub date: String,
    /// kflake's version.
    pub kflake: String,
    /// Nix's version.
    pub nix: String,
    /// Where the build's own tools came from: `nixpkgs` or `debian` with a suite; `host`: from the machine, as in kflake's early days. None:
    /// it was not written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<String>,
    /// Versions of those tools by name: `cc`, `make`, `qemu`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, String>,
}

impl Evidence {
    /// Whether it is of a source that a project put in the place of the pinned one.
    pub fn is_override(&self) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(MeasuredSource::is_override)
    }
}

/// The toolchain of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasuredToolchain {
    /// Its source.
    pub source: SourceKind,
    /// Its compiler.
    #[serde(flatten)]
    pub compiler: Compiler,
    /// binutils, where the compiler is gcc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binutils: Option<ToolVersion>,
    /// Whether it was built from other bytes than kflake pins: then no toolchain of kflake's own has to be like it, nor is one
    /// that is like it what was measured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overridden: bool,
}

impl MeasuredToolchain {
    /// Whether it is `toolchain`, as far as a measurement tells.
    pub fn is_like(&self, toolchain: &Toolchain) -> bool {
        self.has_tools_of(toolchain) && self.overridden == toolchain.is_overridden()
    }

    /// Whether `toolchain` has the same source, compiler and binutils, whatever bytes either was built from.
    pub fn has_tools_of(&self, toolchain: &Toolchain) -> bool {
        self.source == toolchain.source
            && self.compiler == toolchain.compiler
            && self.binutils == toolchain.binutils
    }

    /// Its compiler, and binutils where it has them: `gcc 12.2.0, binutils 2.40`.
    pub fn tools(&self) -> String {
        match &self.binutils {
            Some(binutils) => format!("{}, binutils {binutils}", self.compiler),
            None => self.compiler.to_string(),
        }
    }
}
