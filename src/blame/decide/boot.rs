//! What ended a boot: what the console complained of first, by the class of kflake's own line where that says more.

use super::super::grammar::{Kind, hands_over, has_root, waits_for_root};
use super::super::{FailureTable, Hit, Reading};
use super::{Class, Found, HINT, Log, PLACE};

/// Classes of a console up to this rank say by themselves why a boot ended.
const PLAIN_END: u16 = 22;
/// The class of what a boot loader refuses.
const LOADER: &str = "boot-loader";
/// The class of a system that gives a shell to mend it.
const EMERGENCY: &str = "boot-emergency";
/// The class of a kernel that says nothing.
const SILENT: &str = "boot-silent";
/// The class of a kernel that has no root.
const NO_ROOT: &str = "boot-no-root";
/// The class of an image or initramfs that cannot be unpacked.
const DECOMPRESS: &str = "boot-decompress";

/// The classes that the data has to hold.
#[cfg(test)]
pub(super) const KNOWN_BY_NAME: [&str; 5] = [LOADER, EMERGENCY, SILENT, NO_ROOT, DECOMPRESS];

/// Where a boot stopped without a word: the last line hands over to a kernel, or waits for a root that did not come.
pub(super) fn stopped(table: &FailureTable, reading: &Reading) -> Option<Hit> {
    let class = |id: &str| table.classes.get_key_value(id).map(|(id, _)| id);
    let tail = || (1..=reading.number).rev().zip(reading.tail.iter().rev());
    let (number, text) = tail().find(|(_, text)| !text.trim().is_empty())?;
    if hands_over(text) {
        return Some(Hit::told(number, text, class(SILENT)?));
    }
    let (number, text) = tail()
        .take_while(|(_, text)| !has_root(text))
        .find(|(_, text)| waits_for_root(text))?;
    Some(Hit::told(number, text, class(NO_ROOT)?))
}

impl<'a> Log<'a> {
    /// What ended a boot, and its class.
    pub(super) fn boot(&self) -> Option<Found<'a>> {
        let own = self
            .hits
            .iter()
            .rev()
            .filter(|hit| hit.kind == Kind::Ours)
            .find_map(|hit| Some((hit, self.class(hit)?)));
        let complaints = self.complaints();
        let plain = complaints
            .iter()
            .find(|(_, (_, class))| class.rank <= PLAIN_END);
        let worst = complaints.iter().min_by_key(|(_, (_, class))| class.rank);
        let (line, class) = match (plain, worst, complaints.first()) {
            // of ends that speak for themselves, later ones come of the first: no root, because the initramfs could not be unpacked
            (Some((hit, class)), ..) => (*hit, *class),
            (None, Some((_, class)), Some((first, _))) => {
                let line = self.place_before(first).unwrap_or(first);
                match class.0.as_str() == EMERGENCY {
                    true => (self.first_failed(line).unwrap_or(line), *class),
                    false => (line, *class),
                }
            }
            _ => {
                let own = own.map(|(hit, class)| (hit, Some(class)));
                return own.or_else(|| {
                    let hit = self.told.or_else(|| self.place());
                    let hit = hit.or_else(|| self.closest(u64::MAX))?;
                    Some((hit, self.class(hit)))
                });
            }
        };
        let class = match own {
            Some((_, class)) if class.1.rank < HINT => class,
            _ => class,
        };
        Some((line, Some(class)))
    }

    /// What the console, or the machine that it is of, complained of and did not get over.
    fn complaints(&self) -> Vec<(&'a Hit, Class<'a>)> {
        let of_console = self
            .hits
            .iter()
            .filter(|hit| hit.kind != Kind::Ours && self.known(hit));
        of_console
            .filter_map(|hit| Some((hit, self.class(hit)?)))
            .filter(|(hit, (id, _))| !self.got_over(hit, id.as_str()))
            .collect()
    }

    /// Whether the boot went on after `hit`, of a class `id` that would have ended it.
    fn got_over(&self, hit: &Hit, id: &str) -> bool {
        match id {
            // a boot loader tries this and that until it finds the kernel
            LOADER => self.reading.started,
            // some archives have words of others behind them, which the kernel complains of and does not need
            DECOMPRESS | NO_ROOT => self
                .reading
                .rooted
                .is_some_and(|rooted| hit.number < rooted),
            _ => false,
        }
    }

    /// What systemd could not start first, before `line`.
    fn first_failed(&self, line: &Hit) -> Option<&'a Hit> {
        self.hits.iter().find(|hit| {
            let failed = ["[FAILED] ", "[DEPEND] "];
            hit.number < line.number && failed.iter().any(|it| hit.text.starts_with(it))
        })
    }

    /// The place in a kernel at which something happened, of which the log does not have the beginning.
    fn place(&self) -> Option<&'a Hit> {
        self.hits.iter().find(|hit| hit.kind == Kind::Place)
    }

    /// The same, where it belongs to the first complaint: the beginning of that may be missing.
    fn place_before(&self, first: &Hit) -> Option<&'a Hit> {
        let near =
            |place: &&Hit| place.number < first.number && first.number - place.number <= PLACE;
        self.place().filter(near)
    }
}
