//! What a run has to say, in the formats people and programs read.
//!
//! Everything here is a pure function from [`RunRecord`](crate::validate::RunRecord) to text. Logs, names and reasons
//! are taken to be hostile: each format passes them through [`text::clean`] and its own escaper.

pub mod badge;
pub mod compare;
pub mod coverage;
pub mod failures;
pub mod folder;
pub mod grid;
pub mod history;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod junit;
pub mod markdown;
pub mod merge;
pub mod metadata;
pub mod svg;
pub mod terminal;
pub mod text;

#[cfg(test)]
pub(crate) mod samples;

pub use compare::{Change, Changes, compare};
