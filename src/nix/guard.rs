//! Keeping what Nix starts from outliving kflake, however kflake ends.
//!
//! A parent-death signal on Nix alone is not enough: when Nix is killed, a builder of its sandbox lives on, because
//! changing its user id clears the signal. Where the kernel allows it, each Nix process is therefore the first process
//! of a PID namespace of its own: when that dies, the kernel kills everything in it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a process is tied to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// In a PID namespace that goes with it (needs root).
    Namespace,
    /// The same, through a user namespace.
    UserNamespace,
    /// By a parent-death signal: enough where a daemon builds, which stops when its client goes.
    Signal,
    /// Not at all: util-linux' `setpriv` is not installed.
    None,
}

const NAMESPACE: &[&str] = &["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const USER_NAMESPACE: &[&str] = &[
    "unshare",
    "--user",
    "--map-current-user",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];
const SIGNAL: &[&str] = &["setpriv", "--pdeathsig", "KILL", "--"];

impl Guard {
    /// The strongest that works here.
    pub(crate) fn probe() -> Guard {
        let works = |guard: &Guard| {
            let mut command = guard.command(Path::new("true").as_os_str());
            let status = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        [Guard::Namespace, Guard::UserNamespace, Guard::Signal]
            .into_iter()
            .find(works)
            .unwrap_or(Guard::None)
    }

    /// Whether everything that Nix starts is sure to end with kflake.
    pub fn is_complete(self) -> bool {
        matches!(self, Guard::Namespace | Guard::UserNamespace)
    }

    /// A command whose `program` ends with this thread, where that can be had, and keeps its terminal.
    pub(crate) fn signal_command(self, program: &OsStr) -> Command {
        let mut words = match self {
            Guard::None => Vec::new(),
            _ => ["setpriv", "--pdeathsig", "TERM", "--"]
                .map(OsStr::new)
                .to_vec(),
        }
        .into_iter()
        .chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words);
        command
    }

    /// A command that runs `program` under the guard. It must be started from a thread that lives as long as it should:
    /// the parent-death signal follows the thread, not the process.
    pub(crate) fn command(self, program: &OsStr) -> Command {
        let mut words = match self {
            Guard::Namespace => [SIGNAL, NAMESPACE].concat(),
            Guard::UserNamespace => [SIGNAL, USER_NAMESPACE].concat(),
            Guard::Signal => SIGNAL.to_vec(),
            Guard::None => Vec::new(),
        }
        .into_iter()
        .map(OsStr::new)
        .chain([program]);
        // the chain ends in `program`, so it is never empty
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words);
        command
    }
}
