//! Nix: found, configured, asked to evaluate and to build.
//!
//! Everything that differs between Nix versions, and everything that Nix prints, is dealt with here; what comes out is
//! typed. Nothing here knows what a cell or a stage is.

mod add;
mod apt;
mod bootstrap;
mod build_folder;
mod config;
mod drv;
mod error;
mod eval;
mod events;
mod fetch;
mod garbage;
mod graph;
mod guard;
mod local;
mod mirror;
mod place;
mod probe;
mod realise;
mod shell;
mod store;
mod users;
mod version;

pub use apt::Apt;
pub use bootstrap::{Bootstrap, busybox, seed_of};
pub use config::{Packages, Settings};
pub use drv::{Derivation, DrvError, DrvPath, NotDrv, Output};
pub use error::NixError;
pub(crate) use error::last_error;
pub use eval::quote;
pub use events::{Activity, Event, Parser};
pub use garbage::Root;
pub use graph::{Graph, outputs_of};
pub use guard::Guard;
pub use mirror::Mirrors;
pub use place::Place;
pub use probe::Nix;
pub use realise::{Job, Line, Realise};
pub use shell::lacks_shell;
pub use users::BuildUsers;
pub use version::Version;
