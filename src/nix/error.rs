//! What can be wrong with Nix itself, each with what to do about it.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use super::version::{OLDEST, Version};
use crate::exit;
use crate::files::ScratchError;
use crate::text::clean_line;

/// How to get Nix, in one line.
const GET_NIX: &str = "install it with `apt-get install nix-bin` (Debian, Ubuntu) or as nixos.org/download says; \
                       KFLAKE_NIX names a Nix that is not on PATH";

/// Nix is missing, too old, or did not do what was asked.
#[derive(Debug, Error, Diagnostic)]
pub enum NixError {
    /// There is no room for temporary files.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scratch(#[from] ScratchError),
    /// There is none.
    #[error("Nix is not installed: no `nix` on PATH")]
    #[diagnostic(code(kflake::nix::missing), help("{GET_NIX}"))]
    Missing,
    /// `KFLAKE_NIX` names something that cannot be run.
    #[error(
        "KFLAKE_NIX names {}, which cannot be run: {reason}",
        crate::text::shown(path)
    )]
    #[diagnostic(
        code(kflake::nix::missing),
        help("let KFLAKE_NIX name a `nix` program, or unset it to use the one on PATH")
    )]
    NotRunnable {
        /// What it names.
        path: PathBuf,
        /// Why it cannot be run.
        reason: String,
    },
    /// It runs, and is not Nix.
    #[error(
        "{} is not Nix: `--version` printed {shown:?}",
        crate::text::shown(path)
    )]
    #[diagnostic(code(kflake::nix::unknown), help("{GET_NIX}"))]
    NotNix {
        /// The program.
        path: PathBuf,
        /// What it printed, shortened.
        shown: String,
    },
    /// It is older than kflake works with.
    #[error("Nix {found} is too old: kflake needs {OLDEST} or newer")]
    #[diagnostic(code(kflake::nix::too_old), help("{GET_NIX}"))]
    TooOld {
        /// The version found.
        found: Version,
    },
    /// The store does not answer.
    #[error("the Nix store cannot be used: {reason}")]
    #[diagnostic(
        code(kflake::nix::store),
        help(
            "`nix-store --verify` checks it; a single-user store must be writable by you, and with a daemon NIX_REMOTE=daemon must reach it"
        )
    )]
    Store {
        /// Nix's own words.
        reason: String,
    },
    /// The home folder is none that Nix can use.
    #[error("Nix cannot keep its files: {what}")]
    #[diagnostic(
        code(kflake::nix::home),
        help("let HOME name a folder that you can write, for example `export HOME=/home/you`{}", if *store { "; --store DIR keeps the store elsewhere" } else { "" })
    )]
    Home {
        /// What is wrong with it.
        what: String,
        /// Whether it is for the store alone.
        store: bool,
    },
    /// What was generated does not evaluate.
    #[error("Nix cannot evaluate what was generated: {reason}")]
    #[diagnostic(code(kflake::nix::evaluation))]
    Evaluation {
        /// Nix's own words, without control characters.
        reason: String,
    },
    /// What the flake is made with cannot be fetched.
    #[error("an input of the flake cannot be fetched: {reason}")]
    #[diagnostic(
        code(kflake::nix::input),
        help(
            "where nixpkgs cannot be had, `kflake gen --packages debian` builds with pinned Debian packages instead; a nixpkgs that is on this machine is taken after `kflake nix -- flake lock --override-input nixpkgs path:/…`"
        )
    )]
    Input {
        /// Nix's own words.
        reason: String,
    },
    /// Nix answered something that cannot be read.
    #[error("Nix {what} cannot be read: {reason}")]
    #[diagnostic(code(kflake::nix::answer))]
    Answer {
        /// Which answer.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// A program could not be started, or its output not read.
    #[error("{program} could not be run: {source}")]
    #[diagnostic(code(kflake::nix::run))]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The first program of the store cannot be had.
    #[error(
        "busybox, which Debian's packages are unpacked with, is not in the store and cannot be fetched: {reason}"
    )]
    #[diagnostic(
        code(kflake::nix::seed),
        help(
            "NIX_MIRRORS_debian names a mirror of Debian's archive, or a folder that holds a copy of it"
        )
    )]
    Seed {
        /// What became of each try.
        reason: String,
    },
    /// This Nix shows builds no shell, and one cannot be built.
    #[error("this Nix has no /bin/sh for its sandbox, and kflake cannot build one: {reason}")]
    #[diagnostic(
        code(kflake::nix::shell),
        help("`kflake doctor` says what is missing on this machine")
    )]
    Shell {
        /// Nix's own words.
        reason: String,
    },
    /// A daemon shows builds no shell.
    #[error(
        "builds of this machine's Nix daemon have no /bin/sh, which makefiles of kernels start"
    )]
    #[diagnostic(
        code(kflake::nix::daemon_shell),
        help(
            "`kflake doctor` prints the line for /etc/nix/nix.conf with which an administrator gives them one"
        )
    )]
    NoDaemonShell,
}

impl NixError {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            NixError::Evaluation { .. } | NixError::Input { .. } => exit::EVALUATION,
            NixError::Scratch(_) => exit::IO,
            _ => exit::NO_NIX,
        }
    }
}

/// What Nix's standard error says went wrong, in one line without control characters.
pub(crate) fn last_error(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<String> = text.lines().map(clean_line).collect();
    let from = lines
        .iter()
        .position(|line| line.starts_with("error:"))
        .unwrap_or(0);
    let words: Vec<&str> = lines[from..]
        .iter()
        .flat_map(|line| line.split_whitespace())
        .collect();
    match words.join(" ") {
        text if text.is_empty() => "it said nothing".to_owned(),
        text => text.strip_prefix("error: ").unwrap_or(&text).to_owned(),
    }
}
