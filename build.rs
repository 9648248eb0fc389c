//! Tells cargo which folders are part of the binary: a file that comes or goes in one of them is a change.

fn main() {
    for folder in ["matrix", "templates", "flake-template", "validate"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
