//! The validation engine against real Nix: small derivations that succeed, fail, hang and lie.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod fleet;
mod killed;
mod outcomes;
mod single;
mod support;
