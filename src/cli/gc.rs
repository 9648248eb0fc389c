//! `kflake gc`: what old runs hold on the disk.

use std::path::Path;

use super::output::{self, Answer};
use super::{Context, Failure, Result, render};
use crate::exit;
use crate::files;
use crate::gc::{self, Holdings, LeftOver, ProjectUse};
use crate::nix::{Nix, NixError, Place, Settings};
use crate::report::text::{count, size};
use crate::text::shown;
use crate::validate::{self, Earlier};

/// Show how much disk space old runs hold, and free it
///
/// Links in `.kflake/roots` keep what a project's runs built. What the newest run built or needed stays, and so do files
/// from `kernel add` and `pins add`; the links of earlier runs are removed, and so are temporary folders of runs that were
/// killed. Nix deletes what is no longer kept when it next collects garbage. Nothing else is touched.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake gc\n  kflake gc --yes --collect\n  kflake --store ~/store gc --all --reports"
)]
pub struct Args {
    /// Cover every project that keeps something in this store, not only this one
    #[arg(long)]
    all: bool,
    /// Also remove the reports of this project's earlier runs: `runs/` in the report folder
    #[arg(long)]
    reports: bool,
    /// Free it without asking
    #[arg(long, short)]
    yes: bool,
    /// Then have Nix delete everything in this store that is no longer kept, whoever built it
    #[arg(long)]
    collect: bool,
    /// Show what would be freed, without asking, and free nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Print JSON; free nothing
    #[arg(long, conflicts_with_all = ["yes", "collect"])]
    json: bool,
}

/// What can be freed at once.
struct Freeable<'h> {
    projects: Vec<&'h ProjectUse>,
    left_over: usize,
    earlier: Earlier,
}

impl Freeable<'_> {
    fn links(&self) -> usize {
        self.projects.iter().map(|it| it.old.len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.links() == 0 && self.left_over == 0 && self.earlier.runs == 0
    }
}

/// Runs `kflake gc`.
///
/// # Errors
/// When Nix cannot be used, or something cannot be removed.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    // whoever looks for Nix clears these away
    let cleared = gc::left_over(&[std::env::temp_dir()]);
    let nix = context.nix()?;
    let settings = Settings {
        mirrors: context.mirrors(&catalog),
        ..Settings::default()
    };
    let here = context.project.canonicalize().ok();
    let report = context.choices.report(&context.project);
    // what a run is at work on is not of an earlier one
    let earlier = validate::earlier(&report).unwrap_or_default();
    let holdings = gc::survey(&nix, &settings).map_err(Failure::nix)?;
    if args.json {
        output::json(&holdings)?;
        return Ok(exit::OK);
    }
    let held = text(&holdings, here.as_deref(), earlier);
    output::print(&render::lines(&held, render::output_width()))?;
    for LeftOver { folder, bytes } in cleared.iter().filter(|it| !it.folder.exists()) {
        output::line(&format!(
            "{}: {}, left by a run that was killed: removed",
            shown(folder),
            size(*bytes)
        ))?;
    }
    let selected = |project: &&ProjectUse| args.all || Some(&project.folder) == here.as_ref();
    let freeable = Freeable {
        projects: holdings.projects.iter().filter(selected).collect(),
        left_over: holdings.left_over.len(),
        earlier: match args.reports {
            true => earlier,
            false => Earlier::default(),
        },
    };
    let garbage = holdings.store.as_ref().map_or(0, |store| store.garbage);
    if freeable.is_empty() && !(args.collect && garbage > 0) {
        output::line("Old runs hold nothing that could be freed.")?;
        return told_how(args, &nix, garbage);
    }
    let question = format!("Free {}?", words(&freeable, args.collect));
    let answer = match args.dry_run {
        true => Answer::Nobody,
        false => output::ask(&question, args.yes),
    };
    match answer {
        Answer::Yes => {}
        Answer::No => {
            output::note("nothing was freed");
            return Ok(exit::OK);
        }
        Answer::Nobody => {
            output::line(&format!(
                "Nothing was freed: --yes frees {}.",
                words(&freeable, args.collect)
            ))?;
            return Ok(exit::OK);
        }
    }
    free(&freeable, &nix, &report)?;
    if args.collect {
        let before = garbage_of(&nix, &settings)?;
        nix.collect_garbage(&settings).map_err(Failure::nix)?;
        output::line(&format!(
            "Freed; Nix deleted {} from the store.",
            size(before)
        ))?;
        return Ok(exit::OK);
    }
    output::line("Freed.")?;
    let garbage = garbage_of(&nix, &settings)?;
    told_how(args, &nix, garbage)
}

fn garbage_of(nix: &Nix, settings: &Settings) -> Result<u64> {
    let sum = || {
        if !nix.has_store() {
            return Ok(0);
        }
        let dead = nix.garbage(settings)?;
        let sizes = nix.sizes(settings, dead.iter().map(String::as_str))?;
        Ok::<u64, NixError>(sizes.values().sum())
    };
    sum().map_err(Failure::nix)
}

fn free(freeable: &Freeable<'_>, nix: &Nix, report: &Path) -> Result<()> {
    for project in &freeable.projects {
        gc::forget(&project.old).map_err(|(link, error)| {
            let help = "only the owner of a project's links may remove them; without --all, only this project's are removed";
            Failure::message(
                exit::IO,
                format!("cannot remove {}: {error}", shown(link)),
                Some(help.to_owned()),
            )
        })?;
    }
    for folder in nix.temporary_folders() {
        files::remove_left_over(&folder).map_err(|error| Failure::new(exit::IO, error))?;
    }
    if freeable.earlier.runs > 0 {
        validate::forget_earlier(report).map_err(|error| Failure::new(exit::IO, error))?;
    }
    Ok(())
}

/// Says how Nix is let delete what nothing keeps.
fn told_how(args: &Args, nix: &Nix, garbage: u64) -> Result<u8> {
    if garbage > 0 && !args.collect {
        let plain = match nix.place() {
            Place::Local | Place::Daemon { .. } => ", as `nix-store --gc` does",
            Place::Private(_) => "",
        };
        let said = format!(
            "Nothing keeps {} of the store; `kflake gc --collect` has Nix delete that{plain}.",
            size(garbage)
        );
        output::print(&render::hanging(&said, 0, render::output_width()))?;
    }
    Ok(exit::OK)
}

/// What is freed, in words.
fn words(freeable: &Freeable<'_>, collect: bool) -> String {
    let mut parts = Vec::new();
    match freeable.links() {
        0 => {}
        links => parts.push(format!("{} of old runs", count(links, "link"))),
    }
    match freeable.left_over {
        0 => {}
        folders => parts.push(count(folders, "left-over folder")),
    }
    match freeable.earlier.runs {
        0 => {}
        runs => parts.push(count(runs, "earlier report")),
    }
    if collect {
        parts.push("what nothing keeps in the store".to_owned());
    }
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// The verb for so many links.
fn keep(links: usize) -> &'static str {
    match links {
        1 => "keeps",
        _ => "keep",
    }
}

/// What is held, `here` being this project.
fn text(holdings: &Holdings, here: Option<&Path>, earlier: Earlier) -> String {
    let mut lines = Vec::new();
    match &holdings.store {
        None => lines.push("There is no store yet: nothing was built.".to_owned()),
        Some(store) => lines.push(format!(
            "{}: {}, {} of it kept by nothing",
            shown(&store.folder),
            size(store.bytes),
            size(store.garbage)
        )),
    }
    for project in &holdings.projects {
        let this = match here == Some(&project.folder) {
            true => " (this project)",
            false => "",
        };
        let old = match project.old.len() {
            0 => "none of an old run".to_owned(),
            old => format!(
                "{old} of old runs, which alone {} {}",
                keep(old),
                size(project.alone)
            ),
        };
        lines.push(format!(
            "  {}{this}: {} {} {}; {old}",
            shown(&project.folder),
            count(project.links, "link"),
            keep(project.links),
            size(project.bytes)
        ));
    }
    for folder in &holdings.folders {
        lines.push(format!(
            "  {}: keeps {} for as long as it exists",
            shown(&folder.folder),
            size(folder.bytes)
        ));
    }
    if holdings.projects.len() > 1 && holdings.alone > 0 {
        lines.push(format!(
            "  old runs of all {} projects alone keep {}",
            holdings.projects.len(),
            size(holdings.alone)
        ));
    }
    for folder in &holdings.left_over {
        lines.push(format!(
            "{}: {}, left by a run that was killed",
            shown(&folder.folder),
            size(folder.bytes)
        ));
    }
    if earlier.runs > 0 {
        lines.push(format!(
            "reports of {}: {} (--reports)",
            count(earlier.runs, "earlier run"),
            size(earlier.bytes)
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
