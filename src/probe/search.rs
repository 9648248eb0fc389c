//! The search along a row of candidates, oldest first, of which a stretch works.

/// What is known of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// Nothing yet.
    Untried,
    /// It works.
    Works,
    /// It does not.
    Fails,
    /// It was tried, and the answer tells nothing: the machine was at fault.
    Unclear,
}

/// The search for both ends of the stretch that works.
///
/// The ends of the row are tried first, since mostly all of it works; then each half of what lies between one that works and one
/// that fails. What works is taken to be one stretch: a gap in it is seen only where the search happens to fall into it.
#[derive(Clone, Debug)]
pub struct Search {
    trials: Vec<Trial>,
    first: usize,
}

impl Search {
    /// A search along `count` candidates that begins with `first`, the most likely to work.
    pub fn new(count: usize, first: usize) -> Search {
        Search {
            trials: vec![Trial::Untried; count],
            first,
        }
    }

    /// What is known, by candidate.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Takes note of what became of a candidate.
    pub fn tell(&mut self, candidate: usize, trial: Trial) {
        self.trials[candidate] = trial;
    }

    /// The oldest and the newest that are known to work.
    pub fn working(&self) -> Option<(usize, usize)> {
        let works = |trial: &Trial| *trial == Trial::Works;
        let oldest = self.trials.iter().position(works)?;
        let newest = self.trials.iter().rposition(works)?;
        Some((oldest, newest))
    }

    /// The candidate to try next; none: both ends are known, or nothing works.
    pub fn next(&self) -> Option<usize> {
        let Some((oldest, newest)) = self.working() else {
            return self.seek();
        };
        self.before(oldest).or_else(|| self.after(newest))
    }

    /// One to try while none is known to work: the middle of the longest stretch of which nothing is known.
    fn seek(&self) -> Option<usize> {
        if self.trials.get(self.first) == Some(&Trial::Untried) {
            return Some(self.first);
        }
        let mut longest: &[usize] = &[];
        let untried = self.untried(0, self.trials.len());
        for stretch in untried.chunk_by(|a, b| a + 1 == *b) {
            if stretch.len() > longest.len() {
                longest = stretch;
            }
        }
        longest.get(longest.len() / 2).copied()
    }

    fn before(&self, oldest: usize) -> Option<usize> {
        let failing = self.trials[..oldest]
            .iter()
            .rposition(|it| *it == Trial::Fails);
        match failing {
            None => self.untried(0, oldest).first().copied(),
            Some(failing) => middle(&self.untried(failing + 1, oldest)),
        }
    }

    fn after(&self, newest: usize) -> Option<usize> {
        let rest = &self.trials[newest + 1..];
        match rest.iter().position(|it| *it == Trial::Fails) {
            None => self.untried(newest + 1, self.trials.len()).last().copied(),
            Some(failing) => middle(&self.untried(newest + 1, newest + 1 + failing)),
        }
    }

    fn untried(&self, from: usize, below: usize) -> Vec<usize> {
        (from..below)
            .filter(|index| self.trials[*index] == Trial::Untried)
            .collect()
    }
}

fn middle(candidates: &[usize]) -> Option<usize> {
    candidates.get(candidates.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches a row in which what `trial` says holds; how many were tried.
    fn search(count: usize, first: usize, trial: impl Fn(usize) -> Trial) -> (Search, usize) {
        let mut search = Search::new(count, first);
        let mut tried = 0;
        while let Some(next) = search.next() {
            assert_eq!(search.trials()[next], Trial::Untried, "tried once");
            search.tell(next, trial(next));
            tried += 1;
        }
        (search, tried)
    }

    #[test]
    fn a_row_that_works_is_known_from_its_ends() {
        let (found, tried) = search(9, 4, |_| Trial::Works);
        assert_eq!((found.working(), tried), (Some((0, 8)), 3));
    }

    #[test]
    fn a_row_of_one_or_none() {
        assert_eq!(search(0, 0, |_| Trial::Works).1, 0);
        assert_eq!(search(1, 0, |_| Trial::Works).0.working(), Some((0, 0)));
        assert_eq!(search(1, 0, |_| Trial::Fails).0.working(), None);
    }

    #[test]
    fn where_nothing_works_all_are_tried() {
        let (found, tried) = search(7, 3, |_| Trial::Fails);
        assert_eq!((found.working(), tried), (None, 7));
    }

    proptest! {
        #[test]
        fn a_stretch_is_found_whatever_lies_around(
            count in 1usize..64, a in 0usize..64, b in 0usize..64, first in 0usize..64,
            unclear in proptest::collection::btree_set(0usize..64, 0..6),
        ) {
            let (a, b, first) = (a % count, b % count, first % count);
            let (from, to) = (a.min(b), a.max(b));
            let trial = |index: usize| match index {
                _ if unclear.contains(&index) => Trial::Unclear,
                _ if (from..=to).contains(&index) => Trial::Works,
                _ => Trial::Fails,
            };
            let works: Vec<usize> = (0..count).filter(|it| trial(*it) == Trial::Works).collect();
            let (found, tried) = search(count, first, trial);
            let ends = works.first().copied().zip(works.last().copied());
            prop_assert_eq!(found.working(), ends);
            // once one is known to work, halving takes it from there
            if works.contains(&first) {
                prop_assert!(tried <= 3 + 2 * 7 + unclear.len(), "{} of {}", tried, count);
            }
        }
    }
}
