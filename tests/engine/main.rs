//! The validation engine against real Nix: small derivations that succeed, fail, hang and lie.

mod faults;
mod outcomes;
mod support;
