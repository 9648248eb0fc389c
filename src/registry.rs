//! Registries of container images: taking images there, and from there, with skopeo.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error;

use crate::exit;
use crate::program::{self, Bounds, Ended, last_line};
use crate::text::clean_line;

/// What takes images to registries, and from them.
const SKOPEO: &str = "skopeo";
/// How long nothing may come or go: a registry that was sent a large layer thinks for a while.
const SILENCE: Duration = Duration::from_secs(5 * 60);
/// How long all of it may take.
const WHOLE: Duration = Duration::from_secs(6 * 3600);
/// How large an image that is fetched may be, in GiB.
const GIBIBYTES: u64 = 16;
/// How long skopeo may take to say which version it is.
const ANSWER: Bounds<'_> = Bounds::within(Duration::from_secs(120));
/// An architecture that no image has: a list of images is then not chosen from by chance.
const UNNAMED: &str = "unnamed";

/// Why an image did not get there.
#[derive(Debug, Error, Diagnostic)]
pub enum RegistryError {
    /// What takes images there is missing.
    #[error("skopeo, which takes images to and from registries, is not usable here: {reason}")]
    #[diagnostic(
        code(kflake::registry::skopeo),
        help(
            "install skopeo (Debian: `apt install skopeo`); with --out, the image can be pushed by other programs"
        )
    )]
    NoSkopeo {
        /// What became of it.
        reason: String,
    },
    /// A registry by a name that is none.
    #[error("{name:?} is no registry")]
    #[diagnostic(
        code(kflake::registry::name),
        help(
            "a registry is HOST[:PORT][/FOLDER] in lower case, such as registry.example:5000/kflake"
        )
    )]
    Registry {
        /// The name, as given but for its length.
        name: String,
    },
    /// A name with a password in it.
    #[error("{name}: a name with a user or a password in it would end up in logs")]
    #[diagnostic(
        code(kflake::registry::credentials),
        help("leave them out; `skopeo login` logs in at a registry")
    )]
    Credentials {
        /// The name, without them.
        name: String,
    },
    /// The registry does not take the image.
    #[error("{target}: the image was not pushed: {reason}")]
    #[diagnostic(code(kflake::registry::push), help("{help}"))]
    Push {
        /// Its name there.
        target: String,
        /// What skopeo said.
        reason: String,
        /// What to do.
        help: String,
    },
    /// The registry does not give the image.
    #[error("{source_name}: the image was not pulled: {reason}")]
    #[diagnostic(code(kflake::registry::pull), help("{help}"))]
    Pull {
        /// Its name there.
        source_name: String,
        /// What skopeo said.
        reason: String,
        /// What to do.
        help: String,
    },
    /// It has several images by that name.
    #[error(
        "{source_name}: these are images for several machines, and nothing says for which one the files are"
    )]
    #[diagnostic(
        code(kflake::registry::several),
        help("name the arch with --arch, such as arm64")
    )]
    Several {
        /// Their name.
        source_name: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    #[diagnostic(code(kflake::registry::interrupted))]
    Interrupted,
}

impl RegistryError {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            RegistryError::NoSkopeo { .. } => exit::NO_ENGINE,
            RegistryError::Push { .. } | RegistryError::Pull { .. } => exit::FAILED,
            RegistryError::Registry { .. }
            | RegistryError::Credentials { .. }
            | RegistryError::Several { .. } => exit::USAGE,
            RegistryError::Interrupted => exit::INTERRUPTED,
        }
    }
}

/// Takes the image layout in `dir` to a registry, as `target`: its manifest as it is, so that its digest stays.
///
/// # Errors
/// When skopeo is missing or fails, or the registry hangs.
pub fn push(
    dir: &Path,
    target: &str,
    insecure: bool,
    stop: &AtomicBool,
) -> Result<(), RegistryError> {
    let mut source = OsString::from("oci:");
    source.push(dir);
    let mut command = skopeo();
    command.args(["copy", "--quiet", "--preserve-digests"]);
    if insecure {
        command.arg("--dest-tls-verify=false");
    }
    command.arg(source).arg(format!("docker://{target}"));
    copy(&mut command, None, stop)?.map_err(|reason| {
        let by_hand = "`kflake image` with --out, and `skopeo copy oci:DIR docker://NAME`, do the same by hand";
        RegistryError::Push {
            target: target.to_owned(),
            help: advice(&reason, target, by_hand).to_owned(),
            reason,
        }
    })
}

/// Takes the image that a registry has as `source` to the folder `dir`, as an image layout: the one for `platform`, an architecture and its
/// variant, where it has several.
///
/// # Errors
/// When skopeo is missing or fails, or the registry hangs or sends too much.
pub fn pull(
    source: &str,
    platform: Option<(&str, Option<&str>)>,
    dir: &Path,
    insecure: bool,
    stop: &AtomicBool,
) -> Result<(), RegistryError> {
    let name = source.strip_prefix("docker://").unwrap_or(source);
    // what follows an @ in a later part is a digest
    match name.split_once('/') {
        Some((host, image)) if host.contains('@') => return Err(credentials(host, image)),
        _ => {}
    }
    let mut target = OsString::from("oci:");
    target.push(dir);
    let mut command = skopeo();
    let (architecture, variant) = platform.unwrap_or((UNNAMED, None));
    command.args(["--override-os", "linux", "--override-arch", architecture]);
    if let Some(variant) = variant {
        command.args(["--override-variant", variant]);
    }
    command.args(["copy", "--quiet", "--format", "oci"]);
    if insecure {
        command.arg("--src-tls-verify=false");
    }
    command.arg(format!("docker://{name}")).arg(target);
    copy(&mut command, Some((dir, GIBIBYTES << 30)), stop)?.map_err(|reason| {
        let source_name = clean_line(name);
        if platform.is_none() && reason.contains("no image found in") {
            return RegistryError::Several { source_name };
        }
        let by_hand = "an image in a folder is named oci:DIR; `skopeo copy docker://NAME oci:DIR` fetches one by hand";
        RegistryError::Pull {
            help: advice(&reason, name, by_hand).to_owned(),
            source_name,
            reason,
        }
    })
}

/// Whether there is something to push images with.
///
/// # Errors
/// When there is not.
pub fn have_skopeo(stop: &AtomicBool) -> Result<(), RegistryError> {
    let mut command = Command::new(SKOPEO);
    let ran = program::run(command.arg("--version"), &ANSWER, stop);
    let (ended, _, said) = ran.map_err(|error| no_skopeo(&error))?;
    let reason = match ended {
        Ended::Status(status) if status.success() => return Ok(()),
        Ended::Status(_) => last_line(&said),
        Ended::Interrupted => return Err(RegistryError::Interrupted),
        _ => "it does not say its version".to_owned(),
    };
    Err(RegistryError::NoSkopeo { reason })
}

/// The time is skopeo's own too: it ends by itself where kflake was killed.
fn skopeo() -> Command {
    let mut command = Command::new(SKOPEO);
    command.args(["--command-timeout", &format!("{}s", WHOLE.as_secs())]);
    command
}

/// Runs it; why it did not do what it should.
fn copy(
    command: &mut Command,
    folder: Option<(&Path, u64)>,
    stop: &AtomicBool,
) -> Result<Result<(), String>, RegistryError> {
    let bounds = Bounds {
        silence: SILENCE,
        whole: WHOLE,
        folder,
    };
    let ran = program::run(command, &bounds, stop);
    let (ended, _, said) = ran.map_err(|error| no_skopeo(&error))?;
    Ok(Err(match ended {
        Ended::Status(status) if status.success() => return Ok(Ok(())),
        Ended::Status(status) => match status.signal() {
            Some(signal) => format!("skopeo was ended by signal {signal}"),
            None => skopeo_said(&said),
        },
        Ended::Silent => format!(
            "nothing came or went for {} minutes",
            SILENCE.as_secs() / 60
        ),
        Ended::Late => format!("it was not done after {} hours", WHOLE.as_secs() / 3600),
        Ended::Large => format!("it is larger than {GIBIBYTES} GiB"),
        Ended::Interrupted => return Err(RegistryError::Interrupted),
    }))
}

fn no_skopeo(error: &io::Error) -> RegistryError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        _ => error.to_string(),
    };
    RegistryError::NoSkopeo { reason }
}

/// What skopeo says, in lower case, and what to do then; the first that fits.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["unknown flag", "unknown shorthand", "unknown command"],
        "this skopeo is too old: kflake needs 1.5 or newer",
    ),
    (
        &["no space left on device", "disk quota exceeded"],
        "make room; TMPDIR names the folder that temporary files go into",
    ),
    (
        &[
            "authfile",
            "auth.json",
            "getting username and password",
            "unmarshaling json at",
        ],
        "the file that `skopeo login` writes cannot be used: log in again, or name another file in REGISTRY_AUTH_FILE",
    ),
    (
        &["http response to https client", "/v2/\": eof"],
        "a registry that speaks plain HTTP needs --insecure",
    ),
    (
        &[
            "connection refused",
            "no such host",
            "no route to host",
            "unreachable",
            "i/o timeout",
            "handshake timeout",
            "server misbehaving",
            "name resolution",
            "proxyconnect",
        ],
        "nothing answers there: check the name, the port, and whether a proxy is needed (HTTPS_PROXY)",
    ),
    (
        &["x509:", "certificate", "tls:"],
        "--insecure accepts any certificate; the one of your own authority belongs in /etc/containers/certs.d/HOST, as ca.crt",
    ),
    (
        &["toomanyrequests", "too many requests", "code: 429", "429 "],
        "the registry limits how often it is asked: wait, or log in with `skopeo login`",
    ),
    (
        &[
            "unauthorized",
            "authentication required",
            "denied",
            "forbidden",
            "username/password",
        ],
        "log in with `skopeo login HOST`, as someone who may do this; a registry may also deny what it does not have",
    ),
    (
        &["no image found in"],
        "there is none for the arch of the files: name another image, or check --arch",
    ),
    (
        &[
            "manifest unknown",
            "name unknown",
            "not known to registry",
            "404 (not found)",
            "404 not found",
        ],
        "check the name and the tag: `skopeo list-tags docker://NAME` shows tags",
    ),
    (
        &["413 ", "too large"],
        "the registry, or a proxy in front of it, sets a limit: raise it there",
    ),
    (
        &["500 internal", "502 bad", "503 service", "504 gateway"],
        "the registry itself failed: its log says more; try again later",
    ),
    (
        &[
            "unexpected eof",
            "connection reset",
            "broken pipe",
            "did not match",
            "does not match",
            "redirects",
        ],
        "what was sent did not arrive whole, or is not what it should be: try again, else the registry's copy is broken",
    ),
    (
        &[
            "invalid character",
            "exceeded maximum allowed size",
            "fslayers",
            "image id",
            "unsupported manifest",
            "unsupported mimetype",
            "unsupported media type",
            "manifest type",
        ],
        "it has to be a container image as OCI or Docker's schema 2 describe one",
    ),
];

/// What to do about `reason`, which may repeat the image's own name.
fn advice<'a>(reason: &str, name: &str, otherwise: &'a str) -> &'a str {
    let words = reason.replace(name, "").to_lowercase();
    let fits = |known: &&(&[&str], &'static str)| known.0.iter().any(|it| words.contains(it));
    ADVICE.iter().find(fits).map_or(otherwise, |it| it.1)
}

/// Whether `name` is a registry, or a folder of one: a host, and names in lower case.
///
/// # Errors
/// When it is not.
pub fn is_registry(name: &str) -> Result<(), RegistryError> {
    if name.contains('@') {
        return Err(credentials(name, ""));
    }
    let part = |text: &str| {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        text.bytes().all(|it| word(it) || b"._-".contains(&it))
            && text.bytes().next().is_some_and(word)
            && text.bytes().last().is_some_and(word)
    };
    let mut parts = name.trim_end_matches('/').split('/');
    let host = parts.next().unwrap_or_default().to_ascii_lowercase();
    let (host, port) = host.rsplit_once(':').unwrap_or((&host, "0"));
    let literal = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = literal.is_some_and(|it| it.parse::<std::net::Ipv6Addr>().is_ok());
    match (address || part(host)) && port.parse::<u16>().is_ok() && parts.all(part) {
        true => Ok(()),
        false => Err(RegistryError::Registry {
            name: name.chars().take(80).collect(),
        }),
    }
}

/// What is wrong with `host`, which has a user before its `@`; what that says is not repeated.
fn credentials(host: &str, image: &str) -> RegistryError {
    let host = host.rsplit('@').next().unwrap_or_default();
    let name = format!("…@{host}/{image}");
    RegistryError::Credentials {
        name: clean_line(name.trim_end_matches('/')),
    }
}

/// What skopeo ended with, out of the form that it logs in.
fn skopeo_said(stderr: &[u8]) -> String {
    let line = last_line(stderr);
    let logged = line.strip_prefix("time=");
    match logged.and_then(|rest| rest.split_once(" msg=\"")) {
        Some((_, message)) => {
            let message = message.strip_suffix('"').unwrap_or(message);
            message.replace("\\\"", "\"").replace("\\\\", "\\")
        }
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    #[test]
    fn passwords_are_refused_and_not_repeated() {
        let dir = Path::new("/nonexistent");
        for name in [
            "me:secret@registry.example/a",
            "docker://me:secret@h:5000/a/b@sha256:0",
        ] {
            let error = pull(name, None, dir, false, &NEVER).unwrap_err();
            assert!(
                matches!(error, RegistryError::Credentials { .. }),
                "{error}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
            assert_eq!(error.exit_code(), exit::USAGE);
        }
        let error = is_registry("me:secret@registry.example/kflake").unwrap_err();
        assert_eq!(
            error.to_string(),
            "…@registry.example/kflake: a name with a user or a password in it would end up in logs"
        );
    }

    #[test]
    fn what_skopeo_says_is_taken_out_of_its_log() {
        let said = |text: &str| skopeo_said(text.as_bytes());
        assert_eq!(
            said("x\ntime=\"2026-11-28T07:00:00Z\" level=fatal msg=\"reading \\\"a\\\": no\"\n"),
            "reading \"a\": no"
        );
        assert_eq!(said("skopeo: no such option\n"), "skopeo: no such option");
        assert_eq!(said("time=\"x\" level=fatal\n"), "time=\"x\" level=fatal");
    }

    #[test]
    fn a_registry_is_a_host_and_names() {
        for name in [
            "registry.example",
            "127.0.0.1:5000",
            "localhost/a/b-c/",
            "Registry.Example/x",
            "[::1]:5000/x",
        ] {
            assert!(is_registry(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "-x",
            "https://registry.example",
            "registry.example/Upper",
            "registry.example:x",
            "registry.example:70000",
            "a//b",
            "a/../b",
            "a b",
            "[::1",
        ] {
            let code = is_registry(name).map_err(|it| it.exit_code());
            assert_eq!(code, Err(exit::USAGE), "{name}");
        }
    }

    #[test]
    fn every_failure_has_the_advice_that_fits() {
        let name = "127.0.0.1:5000/denied/x:latest";
        let pinging =
            "pinging container registry 127.0.0.1:5000: Get \"https://127.0.0.1:5000/v2/\": ";
        for (reason, expected) in [
            (
                "reading manifest latest in 127.0.0.1:5000/denied/x: unauthorized: no",
                "skopeo login",
            ),
            ("requested access to the resource is denied", "skopeo login"),
            (
                "reading manifest latest in 127.0.0.1:5000/x: manifest unknown",
                "list-tags",
            ),
            (
                "Error fetching blob: invalid status code from registry 404 (Not Found)",
                "list-tags",
            ),
            (
                &format!("{pinging}http: server gave HTTP response to HTTPS client"),
                "--insecure",
            ),
            (
                &format!("{pinging}dial tcp 127.0.0.1:5000: connect: connection refused"),
                "nothing answers",
            ),
            (
                &format!("{pinging}dial tcp: lookup registry.example: no such host"),
                "nothing answers",
            ),
            (
                &format!("{pinging}x509: certificate signed by unknown authority"),
                "certs.d",
            ),
            (
                "no image found in image index for architecture s390x, variant \"\", OS linux",
                "--arch",
            ),
            (
                "writing blob: received unexpected HTTP status: 413 Request Entity Too Large",
                "limit",
            ),
            ("StatusCode: 429, {}", "how often"),
            (
                "received unexpected HTTP status: 500 Internal Server Error",
                "its log",
            ),
            (
                "writing blob: happened during read: unexpected EOF",
                "whole",
            ),
            ("write /tmp/x: no space left on device", "TMPDIR"),
            ("unknown flag: --preserve-digests", "too old"),
            (
                "checking authfile: stat /nonexistent: no such file or directory",
                "REGISTRY_AUTH_FILE",
            ),
            ("no FSLayers in manifest", "container image"),
            (
                "copying 127.0.0.1:5000/denied/x:latest: something else",
                "by hand",
            ),
            ("it said nothing", "by hand"),
        ] {
            let said = advice(reason, name, "by hand");
            assert!(said.contains(expected), "{reason}: {said}");
        }
    }
}
