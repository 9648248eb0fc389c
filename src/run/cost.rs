//! What a run will cost, as far as that is known before it.

use std::collections::BTreeMap;

use super::goals::StageIndex;
use super::work::Work;
use super::{History, Options, Stage};
use crate::nix::DrvPath;

/// What a kernel's tarball becomes when it is unpacked: Linux 6.1 went from 132 to 1438 MiB.
const UNPACKED_KERNEL: u64 = 11;
/// What a compiler's or a tool's package becomes.
const UNPACKED: u64 = 4;
/// What a kernel of the smallest configuration leaves, with what modules need of it, in bytes.
const KERNEL: u64 = 100 << 20;

/// What a run will cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Derivations to build, downloads among them.
    pub builds: usize,
    /// Files to fetch.
    pub downloads: usize,
    /// Their bytes, of those whose size is known.
    pub bytes: u64,
    /// Those whose size is not.
    pub unsized_: usize,
    /// Bytes that the store grows by, roughly.
    pub disk: u64,
    /// Seconds of the whole, with as many builds at once as the run has.
    pub seconds: f64,
    /// Builds whose time an earlier run measured; the rest is guessed.
    pub measured: usize,
}

impl Cost {
    /// What a run with `options` will cost that does `work`.
    pub(crate) fn of(work: &Work<'_>, index: &StageIndex, options: &Options) -> Cost {
        let history = History::of(options);
        let missing = work.missing.iter().map(|drv| {
            let fetch = work.graph.get(drv).is_some_and(|found| found.is_fixed());
            (drv, index.stage(drv), fetch)
        });
        sum(missing, &history, options.jobs, &options.sizes)
    }
}

fn sum<'a>(
    missing: impl Iterator<Item = (&'a DrvPath, Option<Stage>, bool)>,
    history: &History,
    jobs: usize,
    sizes: &BTreeMap<String, u64>,
) -> Cost {
    let mut cost = Cost::default();
    for (drv, stage, fetch) in missing {
        cost.builds += 1;
        cost.measured += usize::from(history.knows(drv));
        cost.seconds += history.estimate(drv, stage, fetch) / jobs.max(1) as f64;
        if stage == Some(Stage::Kernel) {
            cost.disk += KERNEL;
        }
        if !fetch {
            continue;
        }
        cost.downloads += 1;
        let name = drv.name();
        match sizes.get(name) {
            Some(bytes) => {
                let unpacked = match name.starts_with("linux-") {
                    true => UNPACKED_KERNEL,
                    false => UNPACKED,
                };
                cost.bytes += bytes;
                cost.disk += bytes * (1 + unpacked);
            }
            None => cost.unsized_ += 1,
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_builds_and_time_are_summed() {
        let drv = DrvPath::named;
        let all = [
            (drv("linux-6.6.tar.xz"), None, true),
            (drv("gcc.deb"), None, true),
            (drv("unknown.tar"), None, true),
            (drv("linux-6.6-arm64"), Some(Stage::Kernel), false),
        ];
        let mut history = History::default();
        history.note(&all[3].0, 1000.0);
        let sizes = [("linux-6.6.tar.xz", 100_u64), ("gcc.deb", 10)];
        let sizes = sizes.map(|(name, size)| (name.to_owned(), size)).into();
        let missing = all.iter().map(|(drv, stage, fetch)| (drv, *stage, *fetch));
        let cost = sum(missing, &history, 2, &sizes);
        assert_eq!((cost.builds, cost.downloads, cost.measured), (4, 3, 1));
        assert_eq!((cost.bytes, cost.unsized_), (110, 1));
        assert_eq!(cost.disk, KERNEL + 1200 + 50);
        assert!((500.0..510.0).contains(&cost.seconds), "{cost:?}");
    }
}
