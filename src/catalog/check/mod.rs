//! Checks on the data: one file each, each with a stable code.

pub mod codes;
