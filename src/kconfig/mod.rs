//! Kernel configurations: what a user asks for on the command line, and `.config` files.
//!
//! The syntax is that of TuxMake's `--kconfig` and `--kconfig-add`. What a tree makes of a request is decided and
//! explained inside the build (`kconfig.pl`); [`Report`] is what it left.

mod argument;
mod config;
mod report;
mod setting;
mod start;

pub use argument::{Base, BaseError, Fragment, FragmentError};
pub use config::{Config, ConfigError, Title};
pub use report::{
    ChangedSymbol, GoneSymbol, MissingFile, NewSymbol, Report, ReportedDrift, Request, Status,
};
pub use setting::{Setting, SettingError, Value};
