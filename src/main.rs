//! The command: parses, runs, and maps an error to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    kflake::cli::main()
}
