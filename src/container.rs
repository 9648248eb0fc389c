//! Container engines: which one is here, and how it runs a command over a tree.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use miette::Diagnostic;
use thiserror::Error;

use crate::exit;
use crate::files;
use crate::program::{self, Bounds, last_line};
use crate::text::{clean, shown};

/// Names the engine to use, and is asked before any other.
pub const VARIABLE: &str = "KFLAKE_ENGINE";
/// Where a tree is to be seen in a container, and where what is built of it goes: known to images of kflake's.
pub const SOURCE: &str = "/src";
/// See [`SOURCE`].
pub const OUTPUT: &str = "/out";
/// How long a command may take to end once it was interrupted.
const GRACE: Duration = Duration::from_secs(10);
/// How long an engine may take over a word about one of its containers.
const WORD: Bounds<'_> = Bounds::within(Duration::from_secs(60));
/// How long an engine may take to tell of itself, which may have to start for it.
const ANSWER: Bounds<'_> = Bounds::within(Duration::from_secs(2 * 60));
/// How long it may be silent over an image, and how long all of it may take.
const LOADING: Bounds<'_> = Bounds {
    silence: Duration::from_secs(15 * 60),
    whole: Duration::from_secs(2 * 3600),
    folder: None,
};
/// What is asked for once a run was interrupted is asked whatever signals come.
static NEVER: AtomicBool = AtomicBool::new(false);

/// What speaks to the kernel's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Podman,
    Docker,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::Podman, Kind::Docker];

    fn program(self) -> &'static str {
        match self {
            Kind::Podman => "podman",
            Kind::Docker => "docker",
        }
    }

    /// What makes it say who containers run as.
    fn question(self) -> [&'static str; 3] {
        match self {
            Kind::Podman => [
                "info",
                "--format",
                "rootless={{.Host.Security.Rootless}} ids={{len .Host.IDMappings.UIDMap}}",
            ],
            Kind::Docker => ["info", "--format", "{{json .SecurityOptions}}"],
        }
    }

    fn users(self, answer: &str) -> Users {
        match self {
            Kind::Podman if answer.trim() == "rootless=true ids=1" => Users::Caller,
            Kind::Podman if answer.contains("rootless=true") => Users::Mapped,
            Kind::Docker if answer.contains("rootless") => Users::Mapped,
            _ => Users::All,
        }
    }
}

/// Where podman keeps what is the user's: the variable, and the folder in the home folder that it stands for.
const OF_USERS: [(&str, &str); 3] = [
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_CACHE_HOME", ".cache"),
];

/// Whether the user has containers, or has set anything about them.
fn has_containers() -> bool {
    OF_USERS.iter().any(|(variable, below)| {
        let folder = files::users_folder(variable, below);
        folder.is_some_and(|it| it.join("containers").exists())
    })
}

/// Whom an engine can run containers as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// Anyone: the engine is root's.
    All,
    /// The caller, and the ids that the caller has for others in a container.
    Mapped,
    /// The caller, who has no such ids, and is root in a container.
    Caller,
}

/// An engine that answers.
#[derive(Clone, Debug)]
pub struct Engine {
    kind: Kind,
    program: OsString,
    users: Users,
}

/// Why nothing runs in a container.
#[derive(Debug, Error, Diagnostic)]
pub enum EngineError {
    /// There is none.
    #[error("no container engine is usable here: {}", reasons.join("; "))]
    #[diagnostic(code(kflake::container::engine), help("{help}"))]
    None {
        /// What became of each.
        reasons: Vec<String>,
        /// What to do.
        help: &'static str,
    },
    /// It does not take the image.
    #[error("{engine} does not load the image: {reason}")]
    #[diagnostic(
        code(kflake::container::load),
        help("`kflake image` writes it to a folder, where you can look at it")
    )]
    Load {
        /// The engine.
        engine: String,
        /// What it said.
        reason: String,
    },
    /// Whoever needed it was to stop.
    #[error("interrupted")]
    #[diagnostic(code(kflake::container::interrupted))]
    Interrupted,
    /// A folder that cannot be shown.
    #[error("{}: {reason}", shown(path))]
    #[diagnostic(code(kflake::container::folder), help("{help}"))]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// What to do.
        help: &'static str,
    },
    /// It could not be started, or spoken to.
    #[error("{engine}: {error}")]
    #[diagnostic(code(kflake::container::run))]
    Run {
        /// The engine.
        engine: String,
        /// Why.
        error: io::Error,
    },
}

impl EngineError {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            EngineError::None { .. } => exit::NO_ENGINE,
            EngineError::Load { .. } => exit::FAILED,
            EngineError::Folder { .. } => exit::USAGE,
            EngineError::Run { .. } => exit::IO,
            EngineError::Interrupted => exit::INTERRUPTED,
        }
    }
}

/// A command to run in a container.
#[derive(Debug)]
pub struct Job<'a> {
    /// The engine's name of the image.
    pub image: &'a str,
    /// Whether the image may be fetched.
    pub pull: bool,
    /// The tree, which the command reads.
    pub tree: &'a Path,
    /// Where what it builds goes.
    pub out: &'a Path,
    /// Whether it may write to the tree, which keeps nothing of that: `out` does.
    pub overlay: bool,
    /// Whether someone sits at a terminal.
    pub terminal: bool,
    /// Whether the command reads the standard input.
    pub input: bool,
    /// Whether it sees the network.
    pub network: bool,
    /// The command and its arguments.
    pub words: &'a [OsString],
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code; 125 is the engine's own.
    Code(u8),
    /// The engine itself was ended by this signal.
    Died(i32),
    /// It was interrupted.
    Interrupted,
}

impl Engine {
    /// The one that [`VARIABLE`] names, else podman or docker, whichever answers first.
    ///
    /// # Errors
    /// When none answers, or `stop` is set.
    pub fn find(stop: &AtomicBool) -> Result<Engine, EngineError> {
        Engine::find_with(stop, None)
    }

    /// The same, for somebody who is only told of it: what podman lays out for its first user lands in the folder `aside`.
    ///
    /// # Errors
    /// When none answers, or `stop` is set.
    pub fn look(stop: &AtomicBool, aside: &Path) -> Result<Engine, EngineError> {
        Engine::find_with(stop, Some(aside))
    }

    fn find_with(stop: &AtomicBool, aside: Option<&Path>) -> Result<Engine, EngineError> {
        let named = std::env::var_os(VARIABLE).filter(|it| !it.is_empty());
        let candidates: Vec<(Kind, OsString)> = match named {
            Some(program) => {
                let name = Path::new(&program).file_name().unwrap_or_default();
                let docker = name.to_string_lossy().contains("docker");
                let kind = if docker { Kind::Docker } else { Kind::Podman };
                vec![(kind, program)]
            }
            None => Kind::ALL.map(|kind| (kind, kind.program().into())).to_vec(),
        };
        let mut reasons = Vec::new();
        for (kind, program) in candidates {
            match Engine::probe(kind, program, stop, aside)? {
                Ok(engine) => return Ok(engine),
                Err(reason) => reasons.push(reason),
            }
        }
        let help = advice(&reasons);
        Err(EngineError::None { reasons, help })
    }

    /// The engine, or why it is of no use.
    fn probe(
        kind: Kind,
        program: OsString,
        stop: &AtomicBool,
        aside: Option<&Path>,
    ) -> Result<Result<Engine, String>, EngineError> {
        let name = clean(&program.to_string_lossy());
        let mut command = Command::new(&program);
        command.args(kind.question());
        if let Some(folder) = aside.filter(|_| kind == Kind::Podman && !has_containers()) {
            command.env("HOME", folder);
            for (variable, _) in OF_USERS {
                command.env(variable, folder);
            }
        }
        let ran = program::run(&mut command, &ANSWER, stop);
        Ok(match ran {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("{name} is not there"))
            }
            Err(error) => Err(format!("{name}: {error}")),
            Ok((program::Ended::Status(status), out, _)) if status.success() => Ok(Engine {
                kind,
                program,
                users: kind.users(&String::from_utf8_lossy(&out)),
            }),
            Ok((program::Ended::Status(_), _, err)) => {
                Err(format!("{name} does not work: {}", last_line(&err)))
            }
            Ok((program::Ended::Interrupted, ..)) => return Err(EngineError::Interrupted),
            Ok(_) => {
                let minutes = ANSWER.whole.as_secs() / 60;
                Err(format!("{name} does not answer within {minutes} minutes"))
            }
        })
    }

    /// What people call it.
    pub fn name(&self) -> String {
        clean(&self.program.to_string_lossy())
    }

    /// Whom it runs containers as.
    pub fn users(&self) -> Users {
        self.users
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words);
        command
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> EngineError {
        let engine = self.name();
        move |error| EngineError::Run { engine, error }
    }

    /// Whether it has an image of this name.
    ///
    /// # Errors
    /// When it cannot be asked, or `stop` is set.
    pub fn has(&self, image: &str, stop: &AtomicBool) -> Result<bool, EngineError> {
        let mut command = self.command(&["image", "inspect", "--format", "{{.Id}}", image]);
        let ran = program::run(&mut command, &ANSWER, stop);
        match ran.map_err(self.failed())?.0 {
            program::Ended::Status(status) => Ok(status.success()),
            program::Ended::Interrupted => Err(EngineError::Interrupted),
            _ => Err(self.failed()(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Loads the archive that `write` writes.
    ///
    /// # Errors
    /// When it does not take it, or `stop` is set.
    pub fn load(
        &self,
        stop: &AtomicBool,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), EngineError> {
        let mut command = self.command(&["load", "--quiet"]);
        let fed = program::feed(&mut command, &LOADING, stop, write);
        let (ended, written, said) = fed.map_err(self.failed())?;
        let reason = match (ended, written) {
            (program::Ended::Interrupted, _) => return Err(EngineError::Interrupted),
            (program::Ended::Status(status), Ok(())) if status.success() => return Ok(()),
            // an engine that left has said why
            (program::Ended::Status(status), Err(error))
                if status.success() || error.kind() != io::ErrorKind::BrokenPipe =>
            {
                return Err(self.failed()(error));
            }
            (program::Ended::Status(_), _) => last_line(&said),
            (program::Ended::Silent, _) => {
                format!(
                    "it did nothing for {} minutes",
                    LOADING.silence.as_secs() / 60
                )
            }
            _ => format!(
                "it was not done after {} hours",
                LOADING.whole.as_secs() / 3600
            ),
        };
        Err(EngineError::Load {
            engine: self.name(),
            reason,
        })
    }

    /// Runs `job`, and ends it when `stop` is set: in time for it to end by itself, unless `hurry` is set as well. However it ends, its
    /// container is gone then.
    ///
    /// # Errors
    /// When it cannot be started, or a folder cannot be shown.
    pub fn run(
        &self,
        job: &Job<'_>,
        stop: &AtomicBool,
        hurry: &AtomicBool,
    ) -> Result<Ended, EngineError> {
        let name = container_name();
        let mut command = Command::new(&self.program);
        command.args(self.words(job, &name)?);
        if !job.input {
            command.stdin(Stdio::null());
        }
        let mut child = command.spawn().map_err(self.failed())?;
        let mut asked: Option<Instant> = None;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(self.failed())? {
                break Some(status);
            }
            match asked {
                None if stop.load(Ordering::Relaxed) => {
                    self.tell(&["kill", "--signal", "INT", &name]);
                    asked = Some(Instant::now());
                }
                Some(since) if since.elapsed() > GRACE || hurry.load(Ordering::Relaxed) => {
                    self.tell(&["kill", "--signal", "KILL", &name]);
                    break self.end(&mut child)?;
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        let code = status.and_then(|it| it.code());
        if code.is_none_or(|it| it == i32::from(exit::NO_STATUS)) {
            // an engine that fails or is killed may leave its container
            self.tell(&["kill", "--signal", "KILL", &name]);
            self.tell(&["rm", "--force", &name]);
        }
        if asked.is_some() || stop.load(Ordering::Relaxed) {
            return Ok(Ended::Interrupted);
        }
        let signal = status.and_then(|it| it.signal());
        Ok(match (code, signal) {
            (None, Some(signal)) => Ended::Died(signal),
            (code, _) => Ended::Code(
                code.and_then(|it| u8::try_from(it).ok())
                    .unwrap_or(exit::NO_STATUS),
            ),
        })
    }

    /// Waits for an engine whose container was killed, and not for ever; none: it was killed too.
    fn end(&self, child: &mut Child) -> Result<Option<ExitStatus>, EngineError> {
        let since = Instant::now();
        while since.elapsed() < GRACE {
            if let Some(status) = child.try_wait().map_err(self.failed())? {
                return Ok(Some(status));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child
            .kill()
            .and_then(|()| child.wait())
            .map_err(self.failed())?;
        Ok(None)
    }

    /// Has the engine do something to a container: its first process, for one, takes a signal only when it is asked to.
    fn tell(&self, words: &[&str]) {
        // a container that is gone has no need of it
        let _ = program::run(&mut self.command(words), &WORD, &NEVER);
    }

    /// The words of the engine's command line.
    fn words(&self, job: &Job<'_>, name: &str) -> Result<Vec<OsString>, EngineError> {
        let mut words: Vec<OsString> = ["run", "--rm", "--name", name].map(Into::into).to_vec();
        let mut add = |more: &[&str]| words.extend(more.iter().map(Into::into));
        add(&["--pull", if job.pull { "missing" } else { "never" }]);
        if !job.network {
            add(&["--network", "none"]);
        }
        // where SELinux is in force, a folder of the user's is otherwise not to be read
        add(&["--security-opt", "label=disable"]);
        let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
        match (self.kind, self.users) {
            (Kind::Podman, Users::Mapped) => add(&["--userns", "keep-id"]),
            // its root is the caller
            (_, Users::Mapped | Users::Caller) => add(&["--user", "0:0"]),
            (_, Users::All) => add(&["--user", &format!("{}:{}", user.as_raw(), group.as_raw())]),
        }
        if job.input {
            add(&["--interactive"]);
        }
        if job.terminal {
            add(&["--tty"]);
        }
        add(&["--workdir", SOURCE]);
        let bind = |folder: &Path, place: &str| -> Result<[OsString; 2], EngineError> {
            let source = mountable(folder, "")?;
            let place = format!(",target={place}");
            let parts = [OsStr::new("type=bind,source="), source, place.as_ref()];
            Ok(["--mount".into(), parts.join(OsStr::new(""))])
        };
        if job.overlay {
            words.extend(self.overlay(job)?);
        } else {
            add(&["--env", &format!("KBUILD_OUTPUT={OUTPUT}")]);
            words.extend(bind(job.tree, &format!("{SOURCE},readonly"))?);
        }
        words.extend(bind(job.out, OUTPUT)?);
        words.push(job.image.into());
        words.extend(job.words.iter().cloned());
        Ok(words)
    }

    /// The words that show the tree with what is written to it.
    fn overlay(&self, job: &Job<'_>) -> Result<[OsString; 2], EngineError> {
        // what separates the options of an overlay
        let odd = ":\\";
        let (tree, out) = (mountable(job.tree, odd)?, mountable(job.out, odd)?);
        let (upper, work) = (Path::new(out).join(UPPER), Path::new(out).join(WORK));
        let folders = [
            OsStr::new("upperdir="),
            upper.as_os_str(),
            OsStr::new(",workdir="),
            work.as_os_str(),
        ];
        let folders = folders.join(OsStr::new(""));
        Ok(match self.kind {
            Kind::Podman => {
                let place = format!(":{SOURCE}:O,");
                [
                    "--volume".into(),
                    [tree, place.as_ref(), &folders].join(OsStr::new("")),
                ]
            }
            Kind::Docker => {
                let volume = format!(
                    "type=volume,target={SOURCE},volume-driver=local,volume-opt=type=overlay,volume-opt=device=overlay,\"volume-opt=o=lowerdir="
                );
                let parts = [
                    volume.as_ref(),
                    tree,
                    OsStr::new(","),
                    &folders,
                    OsStr::new("\""),
                ];
                ["--mount".into(), parts.join(OsStr::new(""))]
            }
        })
    }
}

/// Where an overlay keeps what is written to a tree, and what it works with, in the folder for what is built.
pub const UPPER: &str = "tree";
/// See [`UPPER`].
pub const WORK: &str = ".overlay";

/// What to do where no engine answers, for these reasons.
fn advice(reasons: &[String]) -> &'static str {
    let helper = |it: &String| it.contains("newuidmap") || it.contains("newgidmap");
    match reasons.iter().any(helper) {
        true => {
            "install newuidmap and newgidmap, which podman needs when it is not root's (Debian: `apt install uidmap`), or name another engine in KFLAKE_ENGINE; `kflake image` makes images without"
        }
        false => {
            "install podman (Debian: `apt install podman uidmap`) or docker, or name one in KFLAKE_ENGINE; `kflake image` makes images without"
        }
    }
}

/// `folder` as an engine's list of options can hold it, which none of `odd` may be in either.
///
/// # Errors
/// When it cannot.
pub fn mountable<'f>(folder: &'f Path, odd: &str) -> Result<&'f OsStr, EngineError> {
    let name = folder.as_os_str();
    let mut bytes = name.as_encoded_bytes().iter();
    match bytes.any(|byte| b",\"\n\r".contains(byte) || odd.as_bytes().contains(byte)) {
        false => Ok(name),
        true => Err(EngineError::Folder {
            path: folder.to_owned(),
            reason: match odd {
                "" => "engines cannot be given a folder with a comma, a quote or a line end in its path",
                _ => "an overlay cannot be made of a folder with a colon, a backslash, a comma, a quote or a line end in its path",
            }
            .to_owned(),
            help: "move it to a path without",
        }),
    }
}

/// A name that no other run has.
fn container_name() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |it| it.as_nanos());
    format!("kflake-{}-{nanos:x}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::clean_line;

    fn words(kind: Kind, users: Users, network: bool) -> String {
        let engine = Engine {
            kind,
            program: kind.program().into(),
            users,
        };
        let job = Job {
            image: "kflake/k6-arm64:1",
            pull: false,
            tree: Path::new("/home/me/linux"),
            out: Path::new("/home/me/out"),
            overlay: false,
            terminal: false,
            input: false,
            network,
            words: &[
                "make".into(),
                "-j2".into(),
                "Image".into(),
                "modules".into(),
            ],
        };
        let words = engine.words(&job, "x").unwrap();
        words.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn the_caller_is_who_builds() {
        let me = format!(
            "--user {}:{}",
            rustix::process::getuid().as_raw(),
            rustix::process::getgid().as_raw()
        );
        assert!(words(Kind::Podman, Users::All, false).contains(&me));
        assert!(words(Kind::Docker, Users::All, false).contains(&me));
        let rootless = words(Kind::Podman, Users::Mapped, false);
        assert!(
            rootless.contains("--userns keep-id") && !rootless.contains("--user "),
            "{rootless}"
        );
        for (kind, users) in [(Kind::Docker, Users::Mapped), (Kind::Podman, Users::Caller)] {
            let root = words(kind, users, false);
            assert!(
                root.contains("--user 0:0") && !root.contains("--userns"),
                "{root}"
            );
        }
    }

    #[test]
    fn a_tree_is_read_only_and_its_output_is_not() {
        let words = words(Kind::Podman, Users::All, false);
        assert!(words.contains("--mount type=bind,source=/home/me/linux,target=/src,readonly"));
        assert!(
            words.contains("--mount type=bind,source=/home/me/out,target=/out "),
            "{words}"
        );
        assert!(words.contains("--network none") && words.contains("KBUILD_OUTPUT=/out"));
        assert!(
            words.ends_with(" kflake/k6-arm64:1 make -j2 Image modules"),
            "{words}"
        );
        assert!(!self::words(Kind::Podman, Users::All, true).contains("--network"));
    }

    #[test]
    fn folders_that_no_engine_takes_are_refused() {
        let error = mountable(Path::new("/a,target=/etc"), "").unwrap_err();
        assert_eq!(error.exit_code(), exit::USAGE);
        assert!(mountable(Path::new("/a b:c"), "").is_ok());
        assert!(mountable(Path::new("/a b:c"), ":").is_err());
    }

    #[test]
    fn an_engine_that_is_not_there_or_fails_is_told() {
        let probe = |kind, program: &str| {
            let answer = Engine::probe(kind, program.into(), &NEVER, None).unwrap();
            answer.unwrap_err()
        };
        let reason = probe(Kind::Podman, "/nonexistent/podman");
        assert!(reason.ends_with("is not there"), "{reason}");
        let reason = probe(Kind::Docker, "false");
        assert!(reason.contains("does not work"), "{reason}");
        assert_eq!(last_line(b"a\nb\x1b[1m\n\n"), clean_line("b\u{1b}[1m"));
    }

    #[test]
    fn an_engine_says_whom_it_can_run_containers_as() {
        for (kind, answer, users) in [
            (Kind::Docker, "[\"name=seccomp\"]\n", Users::All),
            (
                Kind::Docker,
                "[\"name=seccomp\",\"name=rootless\"]\n",
                Users::Mapped,
            ),
            (Kind::Podman, "rootless=false ids=0\n", Users::All),
            (Kind::Podman, "rootless=true ids=2\n", Users::Mapped),
            (Kind::Podman, "rootless=true ids=1\n", Users::Caller),
        ] {
            assert_eq!(kind.users(answer), users, "{answer}");
        }
    }

    #[test]
    fn what_podman_lacks_to_run_as_an_ordinary_user_is_told() {
        let lacks = "podman does not work: Error: exec: \"newuidmap\": executable file not found";
        assert!(advice(&[lacks.to_owned()]).contains("apt install uidmap"));
        assert!(advice(&["podman is not there".to_owned()]).contains("apt install podman"));
    }

    #[test]
    fn an_engine_may_say_much_before_it_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("podman");
        let script = "#!/bin/sh\nhead -c 3000000 /dev/zero >&2\ncat >/dev/null\necho >&2\necho no >&2\nexit 1\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let engine = Engine {
            kind: Kind::Podman,
            program: program.into(),
            users: Users::All,
        };
        let loaded = engine.load(&NEVER, |to| to.write_all(&vec![0; 1 << 20]));
        assert!(matches!(loaded, Err(EngineError::Load { reason, .. }) if reason.ends_with("no")));
    }
}
