//! The one place that writes to standard output and standard error.
//!
//! Everything passes [`crate::text`] on its way: whatever a message was made of, a terminal gets colours and nothing else
//! that acts, and a CI runner no commands. Nothing here panics: a reader that left or a full disk is an outcome.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::{Failure, Result, render};
use crate::exit;
use crate::interrupt;
use crate::text;

/// Whether the reader of standard output or standard error left.
static LEFT: AtomicBool = AtomicBool::new(false);

/// Whether the reader of standard output or standard error left.
pub fn reader_left() -> bool {
    LEFT.load(Ordering::Relaxed)
}

/// Prints `text`, which may hold colours of kflake's own; foreign text in it must be clean. Without its colours where the
/// terminal has none. A reader that left early (`| head`) is no error.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout
        .write_all(text::styled(text).as_bytes())
        .and_then(|()| stdout.flush());
    told(written)
}

/// Prints `line` and a line end; nothing in it is taken for a colour.
pub fn line(line: &str) -> Result<()> {
    print(&format!("{}\n", text::clean_lines(line)))
}

/// Prints `value` as JSON over several lines.
pub fn json(value: &impl Serialize) -> Result<()> {
    let text = text::json_pretty(value).map_err(|error| {
        Failure::message(exit::IO, format!("cannot write the answer: {error}"), None)
    })?;
    print(&format!("{text}\n"))
}

/// Prints `bytes` as they are: a script that kflake made itself.
pub fn raw(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    told(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Passes on `bytes` as they are: the output of a user's own program, or of a console that someone sits at.
pub fn pass_on(bytes: &[u8]) {
    // a full disk does not end the machine, whose exit code is what counts
    let _ = raw(bytes);
}

/// Says `message` on standard error, within a terminal's width; nothing in it is taken for a colour.
pub fn note(message: &str) {
    let message = text::clean_lines(message);
    complain(&render::lines(&message, render::terminal_width()));
}

/// The same of lines that may be quoted, which are left as they are.
pub fn quote(lines: &str) {
    complain(&format!("{}\n", text::clean_lines(lines)));
}

/// What somebody says to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Go on; also where `--yes` said so before.
    Yes,
    /// Don't.
    No,
    /// There is no terminal with somebody at it.
    Nobody,
}

/// Asks `question` where someone sits at a terminal, unless `yes` was said before.
pub fn ask(question: &str, yes: bool) -> Answer {
    if yes {
        return Answer::Yes;
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Answer::Nobody;
    }
    note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        true => Answer::Yes,
        false => Answer::No,
    }
}

/// Prints `text` on standard error, which may hold colours of kflake's own; foreign text in it must be clean.
pub fn complain(text: &str) {
    write_stderr(&text::styled(text));
}

/// Tells GitHub's runner `command`, such as `group`, about `title`.
pub fn workflow(command: &str, title: &str) {
    write_stderr(&format!("::{command}::{}\n", text::clean(title)));
}

fn write_stderr(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // where standard error cannot be written to, there is nobody to tell
    let _ = told(stderr.write_all(text.as_bytes()));
}

fn told(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            LEFT.store(true, Ordering::Relaxed);
            // long work ends as it does on a signal
            interrupt::flag().store(true, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => Err(Failure::message(
            exit::IO,
            format!("cannot write the answer: {error}"),
            None,
        )),
        Ok(()) => Ok(()),
    }
}
