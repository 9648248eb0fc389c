//! The facts: typed, checked, overlaid by a project's own.
//!
//! Each kind of fact is one JSON file of `matrix/` and one module here; the types are the files' definition.

mod arch;
mod board;
mod bootlin;
pub mod codes;
mod compiler;
mod component;
mod constraint;
mod debian;
mod document;
mod era;
mod evidence;
mod failure;
mod finding;
mod fix;
mod host_tools;
mod kernel;
mod kernel_file;
mod kernel_instead;
mod kernel_look;
mod kernel_makefile;
mod kernel_near;
mod kernel_tree;
mod korg;
mod layout;
mod load;
mod lookup;
mod pinned;
mod pointer;
mod project_file;
mod qemu;
mod schema;
mod stage;
mod table;
mod toolchain;

use std::collections::BTreeMap;
use std::path::Path;

use crate::id::{
    ArchId, BoardId, ConstraintId, EraId, FailureId, FileName, FixId, Suite, ToolchainId,
};
use crate::version::KernelVersion;

pub use arch::{Arch, Bits, BootlinArch, Endian, PerLibc, SourceTarget, Support};
pub use board::{Board, InitrdPlace};
pub use bootlin::{Bootlin, BootlinRelease, BootlinTarball, Confident};
pub use codes::Code;
pub use compiler::Compiler;
pub use component::{Component, ComponentKind, Components, MuslCrossMake, SourceToolchain};
pub use constraint::{Aspect, Confidence, Constraint, Purpose, Severity, Shim, Tool, Window};
pub use debian::{Debian, DebianLlvm, DebianPin, DebianToolchain};
pub use era::{Era, SourceKind};
pub use evidence::{Evidence, MeasuredToolchain};
pub use failure::{FailureClass, Link, Signature};
pub(crate) use finding::place;
pub use finding::{Finding, Level, SourceFile};
pub use fix::{Apply, Fix};
pub use host_tools::{HostTool, HostTools, Seed, UnknownSuite};
pub use kernel::{KernelPin, MeasuredSource, SourceOrigin};
pub use kernel_file::{KernelFile, KernelFileError, inspect_source};
pub use kernel_instead::from_network;
pub use kernel_look::KernelFlaw;
pub use kernel_makefile::version_of_makefile;
pub use kernel_near::{below, is_kernel};
pub use kernel_tree::{
    KernelTreeError, PackedKernel, check_kernel, kernel_changed_since, pack_kernel,
};
pub use korg::{Korg, KorgArchive, KorgGcc, KorgLlvm, KorgSystem};
pub use load::LoadError;
pub use lookup::UnknownName;
pub use pinned::{PinnedFile, store_name};
pub use pointer::Pointer;
pub use project_file::{Editing, ProjectFile, ProjectFileError};
pub use qemu::{Address, Cpu, Device, Firmware, Machine, Memory, QemuProgram, Vga};
pub use schema::schemas;
pub use stage::Stage;
pub use toolchain::{Origin, Toolchain, libc_starts_on};

/// All facts: the embedded ones, with a project's own over them.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Kernel generations.
    pub eras: BTreeMap<EraId, Era>,
    /// Architectures.
    pub arches: BTreeMap<ArchId, Arch>,
    /// Kernel tarballs.
    pub kernels: BTreeMap<KernelVersion, KernelPin>,
    /// Debian's packages and the toolchains made of them.
    pub debian: Debian,
    /// Bootlin's tarballs.
    pub bootlin: Bootlin,
    /// kernel.org's compilers.
    pub korg: Korg,
    /// Machines that QEMU emulates.
    pub boards: BTreeMap<BoardId, Board>,
    /// Which tool can build which kernel.
    pub constraints: BTreeMap<ConstraintId, Constraint>,
    /// What toolchains are built from.
    pub components: Components,
    /// Toolchains built from source.
    pub source_toolchains: BTreeMap<ToolchainId, SourceToolchain>,
    /// Changes that lift constraints.
    pub fixes: BTreeMap<FixId, Fix>,
    /// The tools that builds run on, by Debian suite.
    pub host_tools: BTreeMap<Suite, HostTools>,
    /// Base addresses by mirror scheme.
    pub mirrors: BTreeMap<FileName, Vec<String>>,
    /// Kinds of failure, and how they show in a log.
    pub failures: BTreeMap<FailureId, FailureClass>,
    measurements: evidence::Measurements,
    /// The project's files that took part, by their name in `matrix/`.
    project_files: BTreeMap<&'static str, SourceFile>,
    toolchains: load::Toolchains,
}

impl Catalog {
    /// The embedded facts alone.
    ///
    /// # Errors
    /// When the binary was built with invalid data.
    pub fn embedded() -> Result<Self, LoadError> {
        load::embedded()
    }

    /// The embedded facts, and over them, key by key, those in `project`'s `matrix/` folder, where it has one. An entry
    /// that is `null` there takes the embedded one out.
    ///
    /// # Errors
    /// When a file cannot be read, or its data is wrong; then with every problem, not only the first.
    pub fn load(project: &Path) -> Result<Self, LoadError> {
        load::with_project(project)
    }

    /// The facts of these files alone, nothing embedded: each file's name in `matrix/` and its text.
    ///
    /// # Errors
    /// When the data is wrong, with every problem.
    pub fn of_texts(texts: &[(&str, &str)]) -> Result<Self, LoadError> {
        load::of_texts(texts)
    }

    /// A finding about the place `pointer` of the file `name` of `matrix/`.
    pub fn finding(
        &self,
        code: Code,
        level: Level,
        name: &str,
        pointer: Pointer,
        message: &str,
    ) -> Finding {
        Finding {
            code,
            level,
            file: load::source(self, name, &pointer),
            pointer,
            offset: None,
            message: crate::text::clean(message),
            help: None,
        }
    }

    /// What was measured.
    pub fn evidence(&self) -> &[Evidence] {
        self.measurements.all()
    }

    /// Takes `rows` for all that was measured.
    #[cfg(test)]
    pub fn set_evidence(&mut self, rows: Vec<Evidence>) {
        self.measurements = evidence::Measurements::default();
        self.measurements.overlay(rows);
    }

    /// A finding about the measurement at `index` of [`Catalog::evidence`], at its place in the file that it came from.
    pub fn evidence_finding(
        &self,
        code: Code,
        level: Level,
        index: usize,
        message: &str,
    ) -> Finding {
        let own = self.measurements.place_in_project(index);
        let pointer: Pointer = [own.unwrap_or(index).to_string()].iter().collect();
        let mut finding = self.finding(code, level, "evidence.json", pointer, message);
        finding.file = load::evidence_file(self, own.is_some());
        finding
    }

    /// Every problem of form in the files that took part: what loading does not refuse, such as a key that is twice in a
    /// nested object.
    pub fn form(&self) -> Vec<Finding> {
        load::form(self)
    }

    /// Whether a project's own data took part: all else was checked when kflake was built.
    pub fn has_own_data(&self) -> bool {
        !self.project_files.is_empty()
    }

    /// Every toolchain of every source.
    pub fn toolchains(&self) -> &BTreeMap<ToolchainId, Toolchain> {
        self.toolchains.get_or_init(|| toolchain::all(self))
    }

    /// Every toolchain, source by source. Two may claim one id; [`Catalog::toolchains`] has one of them.
    pub fn each_toolchain(&self) -> impl Iterator<Item = Toolchain> + '_ {
        toolchain::each(self)
    }
}

#[cfg(test)]
mod tests;
