//! Kernel configurations: what a user asks for on the command line, `.config` files, and how two of them differ.
//!
//! The syntax is that of TuxMake's `--kconfig` and `--kconfig-add`. What a tree makes of a request is decided and
//! explained inside the build (`kconfig.pl`); [`Report`] is what it left.

mod argument;
mod config;
mod drift;
mod report;
mod setting;

pub use argument::{Base, BaseError, Fragment, FragmentError};
pub use config::{Config, ConfigError, Title};
pub use drift::{Change, Drift};
pub use report::{ChangedSymbol, GoneSymbol, NewSymbol, Report, ReportedDrift, Request, Status};
pub use setting::{Setting, SettingError, Value};
