//! Which compilers build a kernel, and which kernels a compiler builds, found by trying: what to try next, and what the answers mean.
//!
//! Nothing here builds. A candidate is a kernel with a toolchain; whoever asks tries it, by a run over one cell, and tells.

mod answer;
mod candidates;
mod proposal;
mod search;

pub use answer::Answer;
pub use candidates::{Candidate, NothingToProbe, compilers, kernels};
pub use proposal::{Proposal, Tried, proposals};
pub use search::{Search, Trial};
