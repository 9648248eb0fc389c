//! Nothing fits: the smallest set of facts in the way.

use std::collections::BTreeSet;

/// The smallest set that has an element in common with each of `sets`, exact; the first such set in order of elements.
///
/// Sets are small (a toolchain breaks few constraints) and the answer smaller (one or two), so that searching answers of
/// growing size, branching over the elements of one set not yet hit, is fast. An empty set cannot be hit and is passed over.
pub(super) fn smallest_hitting_set<T: Ord + Copy>(sets: &[BTreeSet<T>]) -> BTreeSet<T> {
    let mut distinct: Vec<&BTreeSet<T>> = sets.iter().filter(|set| !set.is_empty()).collect();
    distinct.sort_by_key(|set| set.len());
    // a set that contains another is hit whenever that one is
    let mut minimal: Vec<&BTreeSet<T>> = vec![];
    for set in distinct {
        if !minimal.iter().any(|smaller| smaller.is_subset(set)) {
            minimal.push(set);
        }
    }
    for size in 0..=minimal.len() {
        let mut chosen = BTreeSet::new();
        if hit(&minimal, size, &mut chosen) {
            return chosen;
        }
    }
    BTreeSet::new()
}

fn hit<T: Ord + Copy>(sets: &[&BTreeSet<T>], size: usize, chosen: &mut BTreeSet<T>) -> bool {
    let Some(open) = sets.iter().find(|set| set.is_disjoint(chosen)) else {
        return true;
    };
    if size == 0 {
        return false;
    }
    for element in *open {
        chosen.insert(*element);
        if hit(sets, size - 1, chosen) {
            return true;
        }
        chosen.remove(element);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn smallest(sets: &[&[u8]]) -> Vec<u8> {
        let sets: Vec<BTreeSet<u8>> = sets
            .iter()
            .map(|set| set.iter().copied().collect())
            .collect();
        smallest_hitting_set(&sets).into_iter().collect()
    }

    #[test]
    fn finds_the_one_fact_in_every_way() {
        assert_eq!(smallest(&[&[1, 2], &[2, 3], &[2]]), [2]);
        assert_eq!(smallest(&[&[1, 2], &[3, 4], &[2, 4]]), [1, 4]);
        assert_eq!(smallest(&[]), Vec::<u8>::new());
        assert_eq!(smallest(&[&[], &[7]]), [7]);
    }

    proptest! {
        #[test]
        fn hits_all_and_none_is_smaller(sets in prop::collection::vec(prop::collection::btree_set(0u8..7, 1..4), 0..8)) {
            let found = smallest_hitting_set(&sets);
            prop_assert!(sets.iter().all(|set| !set.is_disjoint(&found)));
            for mask in 0u8..128 {
                let other: BTreeSet<u8> = (0..7).filter(|bit| mask >> bit & 1 == 1).collect();
                if other.len() < found.len() {
                    prop_assert!(sets.iter().any(|set| set.is_disjoint(&other)));
                }
            }
        }
    }
}
