//! Building one thing that a user asks for: a kernel of their own configuration, a module, a machine to start, an SDK.
//!
//! A request is data ([`crate::project::Request`]); the project's flake turns it into derivations, the same that
//! validation builds where nothing special is asked, and [`crate::run`] builds them. What comes out
//! is laid out for a person in [`Artifacts`].

mod artifacts;
mod base;
mod config_machine;
mod console;
mod error;
mod extension;
mod facts;
mod hardware;
mod image;
mod initramfs;
mod kernel_module;
mod layer;
mod make_flag;
mod module_report;
mod module_source;
mod nonce;
mod oci;
mod payload;
mod payload_modules;
mod planner;
mod runnable;
mod sdk;
mod sysext;

pub use artifacts::{Artifacts, Reproduction};
pub use base::Base;
pub use console::{Console, Ending, Limit, Limits, Modules, Shown, Watched, watch};
pub use error::BuildError;
pub use extension::{Extension, Platform};
pub use facts::Timing;
pub use hardware::{Append, Hardware};
pub use image::{Image, Part};
pub use initramfs::{Initramfs, init_of};
pub use kernel_module::{KernelModule, Packed, module_of};
pub use make_flag::{joined_make_flag, refused_make_flag};
pub use module_report::{BuiltModule, ExportsFrom, ModuleReport, NotImported};
pub use module_source::ModuleSource;
pub use nonce::Nonce;
pub use oci::{ARCHIVE as IMAGE_ARCHIVE, Layout, is_layout};
pub use payload::Payload;
pub use payload_modules::{ForKernel, PayloadModules, check as check_modules};
pub use planner::{Evaluated, Planner, Selection};
pub use runnable::{runs_alone, runs_in};
pub use sdk::ROOT as SDK_ROOT;
pub use sysext::{ExtensionRelease, FieldError, write as write_sysext};
