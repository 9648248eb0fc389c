//! The facts: typed, checked, overlaid by a project's own.
//!
//! Each kind of fact is one JSON file of `matrix/` and one module here; the types are the files' definition.

mod arch;
mod board;
mod bootlin;
mod component;
mod constraint;
mod debian;
mod era;
mod evidence;
mod fix;
mod kernel;
mod kernel_file;
mod project_file;

pub use arch::{Arch, Bits, BootlinArch, Endian, PerLibc, SourceTarget, Support};
pub use board::Board;
pub use bootlin::{Bootlin, BootlinRelease, BootlinTarball, Confident};
pub use component::{Component, ComponentKind, Components, MuslCrossMake, SourceToolchain};
pub use constraint::{Confidence, Constraint, Purpose, Severity, Shim, Tool, Window};
pub use debian::{Debian, DebianPin, DebianToolchain};
pub use era::{Era, SourceKind};
pub use evidence::{Evidence, MeasuredToolchain};
pub use fix::{Apply, Fix};
pub use kernel::KernelPin;
pub use kernel_file::{KernelFile, KernelFileError, version_of_makefile};
pub use project_file::{ProjectFile, ProjectFileError};
