//! Tells cargo that the data is part of the binary: a new file in `matrix/` is a change.

fn main() {
    println!("cargo:rerun-if-changed=matrix");
}
