//! Exit codes: an interface, so each is a constant with one meaning.

/// Everything asked for was done, and passed.
pub const OK: u8 = 0;
/// The work was done and the answer is no: a cell failed, a check found something, `gen --check` saw a difference.
pub const FAILED: u8 = 1;
/// The command line or an input it names is wrong.
pub const USAGE: u8 = 2;
/// The matrix data is invalid.
pub const DATA: u8 = 3;
/// No toolchain of the matrix fits the kernel and arch.
pub const NO_TOOLCHAIN: u8 = 4;
/// The arch does not exist in that kernel version. `kflake validate`: nothing in the selected cells can be tried, nor in those of
/// other shards; with `--bands`, for want of files too.
pub const UNSUPPORTED: u8 = 5;
/// Nix is missing, too old, or unusable here.
pub const NO_NIX: u8 = 6;
/// Nix could not evaluate what was generated.
pub const EVALUATION: u8 = 7;
/// A file could not be read or written, or one of the user's would have been overwritten.
pub const IO: u8 = 8;
/// `kflake container`: there is neither podman nor docker, or neither answers.
pub const NO_ENGINE: u8 = 9;
/// `kflake boot … -- PROGRAM`: the machine ended, or was ended, before the program did; otherwise its own exit code is passed on.
/// `kflake container`: the engine failed.
pub const NO_STATUS: u8 = 125;
/// The run was interrupted; a report holds what was done by then. 128 and the number of SIGINT; for SIGTERM it is 143, for SIGHUP 129.
pub const INTERRUPTED: u8 = 130;
/// The reader of the output left (`kflake … | head`) before the work was done, and ended it so.
pub const UNREAD: u8 = 141;
