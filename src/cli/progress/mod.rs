//! Who hears of what happens: a person at a terminal or reading a log, and a file of events.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

mod bars;
mod lines;

use bars::Bars;
use lines::Lines;

use crate::cli::{Failure, Result, output};
use crate::exit;
use crate::report::text::size;
use crate::validate::Progress;

/// How much of what happens is told in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Beginnings and ends; what is wrong is told by who asked for the run.
    Builds,
    /// Also the end of a failed build's log.
    Failures,
    /// Also all that builders say.
    Everything,
}

/// All listeners.
pub struct Watch {
    face: Face,
    /// Bytes that the store's disk has; none: not known, or spoken of before.
    free: Option<u64>,
    events: Option<Events>,
}

enum Face {
    Bars(Bars),
    Lines(Lines),
}

struct Events {
    path: PathBuf,
    file: BufWriter<File>,
    error: Option<io::Error>,
}

/// An event with its time.
#[derive(Serialize)]
struct Stamped<'a> {
    time: Timestamp,
    #[serde(flatten)]
    event: &'a Progress,
}

impl Watch {
    /// The listener that standard error asks for, and a file for events. `free`: bytes that the store's disk has, where a run that
    /// takes more is to be warned of.
    pub fn new(detail: Detail, events: Option<&Path>, free: Option<u64>) -> Result<Watch> {
        let github = std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true");
        let bars = io::stderr().is_terminal() && !github && detail != Detail::Everything;
        let face = match bars {
            true => Face::Bars(Bars::new(detail)),
            false => Face::Lines(Lines::new(github, detail)),
        };
        let open = |path: &Path| match File::create(path) {
            Ok(file) => Ok(Events {
                path: path.to_owned(),
                file: BufWriter::new(file),
                error: None,
            }),
            Err(error) => Err(events_error(path, &error)),
        };
        Ok(Watch {
            face,
            free,
            events: events.map(open).transpose()?,
        })
    }

    /// Passes an event on.
    pub fn tell(&mut self, event: &Progress) {
        if let Progress::RunStarted { disk, .. } | Progress::Planned { disk, .. } = event
            && let Some(free) = self.free.filter(|free| disk > free)
        {
            output::note(&full(*disk, free));
        }
        match &mut self.face {
            Face::Bars(bars) => bars.tell(event),
            Face::Lines(lines) => lines.tell(event),
        }
        let Some(events) = &mut self.events else {
            return;
        };
        if matches!(event, Progress::BuildLine { .. }) || events.error.is_some() {
            return;
        }
        let stamped = Stamped {
            time: Timestamp::now(),
            event,
        };
        let written = crate::text::json(&stamped)
            .map_err(io::Error::from)
            .and_then(|text| writeln!(events.file, "{text}"))
            .and_then(|()| events.file.flush());
        events.error = written.err();
    }

    /// Ends, and says whether all events could be written.
    pub fn finish(self) -> Result<()> {
        match self.events {
            Some(Events {
                path,
                error: Some(error),
                ..
            }) => Err(events_error(&path, &error)),
            _ => Ok(()),
        }
    }
}

/// What is said of a run that takes more than the disk has.
pub fn full(disk: u64, free: u64) -> String {
    format!(
        "warning: this takes roughly {}, and the store's disk has {}; `kflake gc` shows what old runs hold, and frees it",
        size(disk),
        size(free)
    )
}

fn events_error(path: &Path, error: &io::Error) -> Failure {
    Failure::message(
        exit::IO,
        format!(
            "cannot write events to {}: {error}",
            crate::text::shown(path)
        ),
        None,
    )
}
