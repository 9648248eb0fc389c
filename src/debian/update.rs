//! Pins held against the archive as it is now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan as _};

use super::archive::Index;
use super::packages::Package;
use super::version::{compare, upstream};
use crate::catalog::{DebianPin, HostTools, store_name};
use crate::hash::Sha256;
use crate::id::{IdError, PinId, PinUrl};

/// How long after an index was made the archive of snapshots has it for sure, and not the next one yet.
const SNAPSHOT_HOURS: i64 = 6;

/// How a snapshot's time is written in its address.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// What has become of the pins of one suite's tools.
#[derive(Debug)]
pub struct Update {
    /// Packages that the archive has otherwise.
    pub changes: Vec<Change>,
    /// Packages that it does not have any more.
    pub gone: Vec<Gone>,
    /// The tools with the pins as they would be.
    pub tools: HostTools,
}

/// A package that the archive has otherwise than it is pinned.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// The pin.
    pub id: PinId,
    /// Its version; empty where it takes the place of another package.
    pub from: String,
    /// The archive's.
    pub to: String,
    /// How they compare.
    pub step: Step,
}

/// How the archive's package compares to the pinned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is newer.
    Newer,
    /// It is older: a mirror that lags behind, or a version that was taken back. The pin stays.
    Older,
    /// The version is the same, and the file is another.
    Rebuilt,
}

/// A package that the archive does not have any more.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone {
    /// The pin.
    pub id: PinId,
    /// What it may have become.
    pub successors: Vec<String>,
}

impl Update {
    /// The suites and packages that the pins of `tools` are of.
    pub fn wanted(tools: &HostTools) -> BTreeMap<String, BTreeSet<String>> {
        let mut wanted = BTreeMap::<String, BTreeSet<String>>::new();
        for pin in tools.pins.values() {
            let packages = wanted.entry(pin.suite.clone()).or_default();
            packages.insert(pin.package.clone());
        }
        wanted
    }

    /// Holds `tools` against `indexes`, by suite; a pin of a suite without an index stays.
    pub fn of(tools: &HostTools, indexes: &BTreeMap<String, Index>) -> Update {
        let mut update = Update {
            changes: Vec::new(),
            gone: Vec::new(),
            tools: tools.clone(),
        };
        for (id, pin) in &mut update.tools.pins {
            let Some(index) = indexes.get(&pin.suite) else {
                continue;
            };
            let Some(package) = index.packages.found.get(&pin.package) else {
                let successors = index.packages.gone.get(&pin.package);
                update.gone.push(Gone {
                    id: id.clone(),
                    successors: successors.cloned().unwrap_or_default(),
                });
                continue;
            };
            if is_same(pin, package) {
                continue;
            }
            let step = match compare(&pin.version, &package.version) {
                std::cmp::Ordering::Less => Step::Newer,
                std::cmp::Ordering::Equal => Step::Rebuilt,
                std::cmp::Ordering::Greater => Step::Older,
            };
            update.changes.push(Change {
                id: id.clone(),
                from: pin.version.clone(),
                to: package.version.clone(),
                step,
            });
            if step != Step::Older {
                pin.version.clone_from(&package.version);
                pin.url = package.url.clone();
                pin.size = package.size;
                pin.sha256 = package.sha256;
            }
        }
        if update.tools.pins != tools.pins
            && let Some(newest) = indexes.values().map(|index| index.date).max()
            && let Some(snapshot) = snapshot_of(&tools.snapshot, newest)
        {
            update.tools.snapshot = snapshot;
        }
        update
    }

    /// Whether the pins would change.
    pub fn is_needed(&self) -> bool {
        let changed = |change: &Change| change.step != Step::Older;
        self.changes.iter().any(changed) || !self.gone.is_empty()
    }

    /// The package that the seed is made of, where it is another one than in `before`.
    pub fn new_seed(&self, before: &HostTools) -> Option<&DebianPin> {
        let pin = self.tools.pins.get(&self.tools.seed.package)?;
        let old = before.pins.get(&before.seed.package);
        (old.map(|old| old.sha256) != Some(pin.sha256)).then_some(pin)
    }

    /// Sets the digest of the seed, and the name that its version gives it.
    ///
    /// # Errors
    /// When the version makes no name.
    pub fn set_seed(&mut self, hash: Sha256) -> Result<(), IdError> {
        let seed = &mut self.tools.seed;
        if let Some(pin) = self.tools.pins.get(&seed.package) {
            seed.name = store_name(&format!("busybox-{}", upstream(&pin.version))).parse()?;
        }
        seed.hash = hash;
        Ok(())
    }
}

/// Puts the package `to` in the place of `from`, wherever `tools` name it; whether they did. It has no version yet, so that any that
/// the archive has is newer.
pub fn rename(tools: &mut HostTools, from: &PinId, to: &PinId) -> bool {
    let Some(mut pin) = tools.pins.remove(from) else {
        return false;
    };
    let (suite, package) = to.as_str().split_once('/').unwrap_or(("", to.as_str()));
    suite.clone_into(&mut pin.suite);
    package.clone_into(&mut pin.package);
    pin.version.clear();
    tools.pins.entry(to.clone()).or_insert(pin);
    let packages = tools.tools.values_mut().map(|tool| &mut tool.packages);
    for id in packages.chain(tools.libraries.values_mut()).flatten() {
        if id == from {
            *id = to.clone();
        }
    }
    if tools.seed.package == *from {
        tools.seed.package = to.clone();
    }
    true
}

fn is_same(pin: &DebianPin, package: &Package) -> bool {
    pin.version == package.version
        && pin.url == package.url
        && pin.size == package.size
        && pin.sha256 == package.sha256
}

/// The address `snapshot`, as of a time at which it has an index of `date`; none where its end is no time, or it is as new.
fn snapshot_of(snapshot: &PinUrl, date: Timestamp) -> Option<PinUrl> {
    let (base, stamp) = snapshot.as_str().rsplit_once('/')?;
    jiff::civil::DateTime::strptime(STAMP, stamp).ok()?;
    let at = date.checked_add(SNAPSHOT_HOURS.hours()).ok()?;
    let new = at.strftime(STAMP).to_string();
    // times of one form are ordered as their texts are
    (*new > *stamp).then(|| format!("{base}/{new}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::debian::packages::Packages;
    use crate::id::Suite;

    fn tools() -> HostTools {
        let catalog = Catalog::embedded().unwrap();
        catalog.host_tools_of(&Suite::default()).unwrap().clone()
    }

    /// Indexes that have the very packages that are pinned, but for what `change` does.
    fn indexes(
        tools: &HostTools,
        change: impl Fn(&PinId, &mut Package) -> bool,
    ) -> BTreeMap<String, Index> {
        let mut indexes = BTreeMap::<String, Index>::new();
        for (id, pin) in &tools.pins {
            let index = indexes.entry(pin.suite.clone()).or_insert_with(|| Index {
                date: "2027-01-02T03:04:05Z".parse().unwrap(),
                packages: Packages::default(),
                mirror: String::new(),
                passed_over: Vec::new(),
            });
            let mut package = Package {
                version: pin.version.clone(),
                url: pin.url.clone(),
                size: pin.size,
                sha256: pin.sha256,
            };
            if change(id, &mut package) {
                index.packages.found.insert(pin.package.clone(), package);
            }
        }
        indexes
    }

    #[test]
    fn pins_that_are_current_stay_as_they_are() {
        let tools = tools();
        let update = Update::of(&tools, &indexes(&tools, |_, _| true));
        assert_eq!(update.tools, tools);
        assert!(!update.is_needed() && update.changes.is_empty());
        assert!(update.new_seed(&tools).is_none());
        let wanted = Update::wanted(&tools);
        assert!(wanted["bookworm"].contains("bash") && wanted.contains_key("bookworm-backports"));
    }

    #[test]
    fn newer_packages_are_taken_and_older_ones_are_told() {
        let tools = tools();
        let update = Update::of(
            &tools,
            &indexes(&tools, |id, package| {
                match id.as_str() {
                    "bookworm/bash" => package.version = "99".to_owned(),
                    "bookworm/git" => package.version = "0.1".to_owned(),
                    "bookworm/bc" => package.sha256 = Sha256::of_bytes(b"bc"),
                    "bookworm/busybox-static" => {
                        package.version = "1:1.40.2-1".to_owned();
                        package.sha256 = Sha256::of_bytes(b"busybox");
                    }
                    _ => {}
                }
                id.as_str() != "bookworm/dash"
            }),
        );
        let steps: Vec<_> = update
            .changes
            .iter()
            .map(|it| (it.id.as_str(), it.step))
            .collect();
        assert_eq!(
            steps,
            [
                ("bookworm/bash", Step::Newer),
                ("bookworm/bc", Step::Rebuilt),
                ("bookworm/busybox-static", Step::Newer),
                ("bookworm/git", Step::Older),
            ]
        );
        assert_eq!(update.gone.len(), 1);
        assert_eq!(update.tools.pins["bookworm/bash"].version, "99");
        assert_eq!(
            update.tools.pins["bookworm/git"],
            tools.pins["bookworm/git"]
        );
        assert!(
            update
                .tools
                .snapshot
                .as_str()
                .ends_with("/20270102T090405Z")
        );
        assert!(update.is_needed());
        let mut update = update;
        assert!(update.new_seed(&tools).is_some());
        update.set_seed(Sha256::of_bytes(b"folder")).unwrap();
        assert_eq!(update.tools.seed.name.as_str(), "busybox-1.40.2");
        assert_eq!(update.tools.problems(), Vec::<String>::new());
    }

    #[test]
    fn a_snapshot_only_goes_forward() {
        let url: PinUrl = "https://s.example/debian/20261126T000000Z".parse().unwrap();
        let at = |date: &str| snapshot_of(&url, date.parse().unwrap()).map(String::from);
        assert_eq!(at("2026-11-25T17:00:00Z"), None);
        let new = at("2026-11-25T18:00:01Z").unwrap();
        assert_eq!(new, "https://s.example/debian/20261126T000001Z");
        let other: PinUrl = "https://s.example/debian".parse().unwrap();
        assert_eq!(snapshot_of(&other, Timestamp::now()), None);
    }

    #[test]
    fn a_package_gets_another_name_everywhere() {
        let mut tools = tools();
        let (from, to) = (
            "bookworm/bash".parse().unwrap(),
            "bookworm/bash6".parse().unwrap(),
        );
        assert!(rename(&mut tools, &from, &to));
        assert!(!rename(&mut tools, &from, &to));
        assert_eq!(tools.problems(), Vec::<String>::new());
        assert_eq!(tools.pins["bookworm/bash6"].package, "bash6");
        let found = indexes(&tools, |_, package| {
            package.version = "0.1".to_owned();
            true
        });
        let changes = Update::of(&tools, &found).changes;
        let new = changes.iter().find(|it| it.id == to).unwrap();
        assert_eq!((new.step, new.to.as_str()), (Step::Newer, "0.1"));
        assert_eq!(tools.tools["bash"].packages, [to]);
    }
}
