//! What a program in a machine gets as its standard input, where that is no terminal.

use std::io::{self, IsTerminal, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::cli::{Failure, Result, output};
use crate::exit;

/// The most that comes along, in bytes: it lies in the machine's memory.
const MAX: u64 = 16 << 20;
/// After this time it is said what is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// All of standard input; none where someone sits there. `stop` ends the waiting.
///
/// # Errors
/// When it cannot be read, is too much, or the wait was ended.
pub fn piped(stop: &AtomicBool) -> Result<Option<Vec<u8>>> {
    if io::stdin().is_terminal() {
        return Ok(None);
    }
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = io::stdin().lock().take(MAX + 1).read_to_end(&mut bytes);
        // nobody waits any more where the run was interrupted
        let _ = send.send(read.map(|_| bytes));
    });
    let since = Instant::now();
    let mut told = false;
    let read = loop {
        match receive.recv_timeout(Duration::from_millis(100)) {
            Ok(read) => break read,
            Err(RecvTimeoutError::Disconnected) => break Ok(Vec::new()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::message(exit::INTERRUPTED, "interrupted", None));
        }
        if !told && since.elapsed() > PATIENCE {
            output::note("waiting for standard input to end; `</dev/null` gives the program none");
            told = true;
        }
    };
    let bytes = read.map_err(|error| {
        Failure::message(
            exit::IO,
            format!("cannot read standard input: {error}"),
            None,
        )
    })?;
    if bytes.len() as u64 > MAX {
        return Err(Failure::message(
            exit::USAGE,
            format!("standard input is more than {} MiB", MAX >> 20),
            Some("put it into a file of --root DIR or --disk FILE".to_owned()),
        ));
    }
    Ok(Some(bytes))
}
