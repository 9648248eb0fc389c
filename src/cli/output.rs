//! What is printed for a reader who may leave early.

use std::io::{self, Write};

use super::{Failure, Result};
use crate::exit;

/// Prints `text`, without its colours where the terminal has none; a closed pipe (`| head`) is no error.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::message(
            exit::IO,
            format!("cannot write the answer: {error}"),
            None,
        )),
        _ => Ok(()),
    }
}
