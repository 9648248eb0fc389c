//! The flake: the matrix rendered as Nix, checked, and written into a project folder.

pub mod escape;
pub mod header;
pub mod lint;
pub mod lock;
pub mod model;
pub mod render;
pub mod template;
pub mod tree;
pub mod write;
