//! kflake turns a matrix of facts (kernel eras × architectures, toolchain pins, constraints) into a Nix flake that
//! builds any Linux kernel from 2.6 to today with the toolchain that fits it, drives Nix over that matrix, and reports
//! what really works.
//!
//! Each module knows those before it and none after it; `docs/architecture.md` lists them in that order.
#![warn(
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

pub mod blame;
pub mod build;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod container;
pub mod deb822;
pub mod debian;
pub mod doctor;
pub mod exit;
pub mod files;
pub mod flake;
pub mod gc;
pub mod hash;
pub mod id;
pub mod interrupt;
pub mod kconfig;
pub mod nix;
pub mod packages;
pub mod probe;
pub mod program;
pub mod project;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod run;
pub mod suggest;
pub mod text;
pub mod tuxmake;
pub mod validate;
pub mod version;
