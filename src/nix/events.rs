//! Nix's own account of what it does (`--log-format internal-json`), read leniently.
//!
//! The format is not a promise: fields come and go, activity types are added, and builders' output is mixed in. A line that
//! cannot be read becomes a message, and nothing here fails.

use serde::Deserialize;
use serde_json::Value;

use super::drv::DrvPath;

/// Number that Nix gives to an activity, unique within one process.
pub type Activity = u64;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A build began.
    BuildStarted {
        /// Its activity.
        id: Activity,
        /// The derivation.
        drv: DrvPath,
    },
    /// A build waits for another process, or for a free slot.
    BuildWaiting {
        /// Its activity.
        id: Activity,
    },
    /// Something is downloaded or copied from a binary cache.
    FetchStarted {
        /// Its activity.
        id: Activity,
        /// What, in Nix's words.
        what: String,
    },
    /// How many builds the process is at: the only sign of a build's end that comes in time. An activity's own stop may come
    /// as late as the end of the process.
    Running {
        /// Builds under way.
        builds: u64,
    },
    /// A build entered a phase.
    Phase {
        /// The build.
        id: Activity,
        /// `unpackPhase`, `buildPhase`.
        phase: String,
    },
    /// A builder printed a line.
    Log {
        /// The build.
        id: Activity,
        /// The line, as printed.
        line: String,
    },
    /// An activity ended: well or not, Nix does not say.
    Stopped {
        /// The activity.
        id: Activity,
    },
    /// Nix itself says something.
    Message {
        /// Whether it is an error.
        error: bool,
        /// Its text, as printed.
        text: String,
    },
    /// Anything else.
    Other,
}

/// Reads lines of the standard error of one Nix process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parser {
    /// The activity that counts all builds.
    builds: Option<Activity>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    action: String,
    #[serde(default)]
    id: Value,
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    level: Value,
    #[serde(default)]
    text: Value,
    #[serde(default)]
    msg: Value,
    #[serde(default)]
    raw_msg: Value,
    #[serde(default)]
    fields: Value,
}

// activity types
const COPY_PATH: u64 = 100;
const BUILDS: u64 = 104;
const BUILD: u64 = 105;
const SUBSTITUTE: u64 = 108;
const BUILD_WAITING: u64 = 111;
// result types
const LOG_LINE: u64 = 101;
const SET_PHASE: u64 = 104;
const PROGRESS: u64 = 105;
const POST_BUILD_LOG_LINE: u64 = 107;

impl Parser {
    /// What `line` says.
    pub fn parse(&mut self, line: &[u8]) -> Event {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\r', '\n']);
        let Some(json) = text.strip_prefix("@nix ") else {
            return plain(text);
        };
        match serde_json::from_str::<Raw>(json) {
            Ok(raw) => self.event(&raw),
            // cut short by an end of Nix, or not Nix's at all
            Err(_) => Event::Other,
        }
    }
}

/// A line outside the format: a program that Nix started, or Nix before its logger.
fn plain(text: &str) -> Event {
    if text.trim().is_empty() {
        return Event::Other;
    }
    Event::Message {
        error: text.starts_with("error:") || text.starts_with("error "),
        text: text.to_owned(),
    }
}

impl Parser {
    fn event(&mut self, raw: &Raw) -> Event {
        match (raw.action.as_str(), raw.id.as_u64()) {
            ("start", Some(id)) => {
                if raw.kind.as_u64() == Some(BUILDS) {
                    self.builds = Some(id);
                }
                raw.started(id)
            }
            ("stop", Some(id)) => Event::Stopped { id },
            ("result", Some(id)) if raw.kind.as_u64() == Some(PROGRESS) => {
                // done, expected, running, failed
                let running = raw.fields.get(2).and_then(Value::as_u64);
                match running {
                    Some(builds) if self.builds == Some(id) => Event::Running { builds },
                    _ => Event::Other,
                }
            }
            ("result", Some(id)) => raw.result(id),
            ("msg", _) => raw.message(),
            _ => Event::Other,
        }
    }
}

impl Raw {
    fn field(&self, index: usize) -> Option<&str> {
        self.fields.get(index)?.as_str()
    }

    fn started(&self, id: Activity) -> Event {
        match (self.kind.as_u64(), self.field(0)) {
            // a build of what is no derivation is none
            (Some(BUILD), Some(drv)) => match drv.parse() {
                Ok(drv) => Event::BuildStarted { id, drv },
                Err(_) => Event::Other,
            },
            (Some(BUILD_WAITING), _) => Event::BuildWaiting { id },
            (Some(COPY_PATH | SUBSTITUTE), what) => Event::FetchStarted {
                id,
                what: what.or(self.text.as_str()).unwrap_or_default().to_owned(),
            },
            _ => Event::Other,
        }
    }

    fn result(&self, id: Activity) -> Event {
        match (self.kind.as_u64(), self.field(0)) {
            (Some(LOG_LINE | POST_BUILD_LOG_LINE), Some(line)) => Event::Log {
                id,
                line: line.to_owned(),
            },
            (Some(SET_PHASE), Some(phase)) => Event::Phase {
                id,
                phase: phase.to_owned(),
            },
            _ => Event::Other,
        }
    }

    fn message(&self) -> Event {
        let text = self.raw_msg.as_str().filter(|text| !text.is_empty());
        match text.or(self.msg.as_str()) {
            Some(text) if !text.trim().is_empty() => Event::Message {
                error: self.level.as_u64() == Some(0),
                text: text.to_owned(),
            },
            _ => Event::Other,
        }
    }
}
