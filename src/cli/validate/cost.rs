//! What a large run will cost: said before it, and asked about where someone sits there.

use crate::cli::output::{self, Answer};
use crate::cli::{progress, render};
use crate::report::text::{count, duration, size};
use crate::validate::{Cost, Feasibility, Plan};

/// So many cells to try are a large run.
const LARGE: usize = 8;

/// Whether `plan` is large enough to ask what it will cost.
pub fn is_large(plan: &Plan) -> bool {
    let tried = plan
        .cells
        .iter()
        .filter(|cell| cell.verdict == Feasibility::Try);
    tried.count() >= LARGE
}

/// Says what it will cost, and whether to go on: that is asked where someone sits there. `free`: bytes that the store's disk has.
pub fn agreed(cost: &Cost, free: Option<u64>, yes: bool) -> bool {
    if cost.builds == 0 {
        return true;
    }
    let width = render::terminal_width();
    output::note(render::hanging(&words(cost, free), 0, width).trim_end());
    output::ask("Go on?", yes) != Answer::No
}

fn words(cost: &Cost, free: Option<u64>) -> String {
    let mut text = format!("This run will take {}", count(cost.builds, "build"));
    if cost.downloads > 0 && cost.downloads == cost.unsized_ {
        text += &format!(
            ", {} of unknown size among them",
            count(cost.downloads, "download")
        );
    } else if cost.downloads > 0 {
        text += &format!(
            ", {} of {} among them",
            count(cost.downloads, "download"),
            size(cost.bytes)
        );
        if cost.unsized_ > 0 {
            text += &format!(" (and {} whose size is not known)", cost.unsized_);
        }
    }
    text += &format!("; roughly {} of disk", size(cost.disk));
    if let Some(free) = free {
        text += &format!(", of {} that are free", size(free));
    }
    text += &format!("; and about {}", duration(cost.seconds));
    text += &match cost.measured {
        0 => ", which is a guess: nothing was timed here yet".to_owned(),
        all if all == cost.builds => ", as it took before".to_owned(),
        some => format!(", by the {some} that were timed before and a guess for the rest"),
    };
    text.push('.');
    if free.is_some_and(|free| cost.disk > free) {
        text += "\n";
        text += &progress::full(cost.disk, free.unwrap_or_default());
        text += "; fewer cells take less";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_said_in_words() {
        let mut cost = Cost {
            builds: 575,
            downloads: 41,
            bytes: 3 << 30,
            unsized_: 2,
            disk: 40 << 30,
            seconds: 4.0 * 3600.0,
            measured: 0,
        };
        assert_eq!(
            words(&cost, Some(50 << 30)),
            "This run will take 575 builds, 41 downloads of 3.0 GiB among them (and 2 whose size is not known); roughly 40.0 GiB of \
             disk, of 50.0 GiB that are free; and about 4 h, which is a guess: nothing was timed here yet."
        );
        assert!(words(&cost, Some(1 << 30)).contains("warning: this takes roughly 40.0 GiB"));
        cost.downloads = 2;
        cost.bytes = 0;
        assert!(
            words(&cost, None).contains("575 builds, 2 downloads of unknown size among them; ")
        );
        cost.measured = 12;
        assert!(
            words(&cost, None)
                .ends_with("by the 12 that were timed before and a guess for the rest.")
        );
        cost.measured = 575;
        assert!(words(&cost, None).ends_with("as it took before."));
    }
}
