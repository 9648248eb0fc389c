//! `kflake pins update`: the packages that builds run on, held against Debian's archive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use crate::catalog::{Catalog, HostTools};
use crate::cli::{Context, Failure, Result, output};
use crate::debian::{ARCHIVE_KEYRING, Archive, ArchiveError, Index, Keyring, Step, Update, rename};
use crate::exit;
use crate::id::{PinId, Suite};
use crate::nix::{Nix, Packages, Settings, seed_of};
use crate::report::text::count;
use crate::text::{diff, shown};

/// The most that the package of the first program holds, in bytes; Debian's has 1 MB.
const MAX_SEED: u64 = 32 << 20;

/// The file that holds the pins.
const FILE: &str = "host-tools.json";

/// Compare the pinned packages of `--packages debian` with Debian's archive as it is now
///
/// Reads the index of each suite that has pins, from the mirrors of `debian`: `InRelease`, whose signature must be good,
/// and the list of packages that it names. Prints what has changed, as a list and as a diff; --write puts it into the
/// project's `matrix/host-tools.json`. Packages that the archive no longer has are named; the tools of a suite with such a
/// package are not written until --rename says what it has become, or the data does without it. `kflake boot` never starts
/// QEMU from a project's own pins; `validate` does, inside the sandbox. Exits with 1 if there was something to update and
/// it was not written.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake pins update\n  kflake pins update --suite bookworm --write\n  \
    kflake pins update --suite sid --rename sid/python3.13=sid/python3.14"
)]
pub(super) struct Args {
    /// Only the tools of this suite; may be given several times [default: all]
    #[arg(long, value_name = "SUITE")]
    suite: Vec<Suite>,
    /// Write the pins into the project
    #[arg(long)]
    write: bool,
    /// A package that has another name now; may be given several times
    #[arg(long, value_name = "OLD=NEW", value_parser = renaming)]
    rename: Vec<(PinId, PinId)>,
    /// The keys of Debian's archive
    #[arg(long, value_name = "FILE", default_value = ARCHIVE_KEYRING)]
    keyring: PathBuf,
}

fn renaming(text: &str) -> std::result::Result<(PinId, PinId), String> {
    let (from, to) = text.split_once('=').ok_or("it is OLD=NEW")?;
    let id = |text: &str| {
        let id = text.parse::<PinId>().map_err(|error| error.to_string())?;
        match id.as_str().contains('/') {
            true => Ok(id),
            false => Err("a package is named with its suite, as in sid/bash".to_owned()),
        }
    };
    Ok((id(from)?, id(to)?))
}

/// The tools of one suite, before and after.
struct Compared<'c> {
    suite: &'c Suite,
    before: &'c HostTools,
    update: Update,
}

/// Runs `kflake pins update`.
pub(super) fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let chosen = chosen(args, &catalog)?;
    let keyring = Keyring::open(&args.keyring).map_err(failed)?;
    let nix = context.nix()?;
    let settings = Settings {
        packages: Packages::default(),
        mirrors: context.mirrors(&catalog),
    };
    let archive = Archive {
        nix: &nix,
        settings: &settings,
        keyring: &keyring,
        now: Timestamp::now(),
    };
    let renamed = chosen.into_iter().map(|(suite, before)| {
        let mut tools = before.clone();
        for (from, to) in &args.rename {
            rename(&mut tools, from, to);
        }
        (suite, before, tools)
    });
    let renamed: Vec<_> = renamed.collect();
    if let Some((from, _)) = args.rename.iter().find(|(from, _)| {
        let pinned = |tools: &HostTools| tools.pins.contains_key(from);
        !renamed.iter().any(|(_, before, ..)| pinned(before))
    }) {
        return Err(Failure::message(
            exit::USAGE,
            format!("no package is pinned as {from}"),
            Some("`kflake pins list` shows those that are".to_owned()),
        ));
    }
    let mut wanted = BTreeMap::<String, BTreeSet<String>>::new();
    for (suite, packages) in renamed
        .iter()
        .flat_map(|(_, _, tools)| Update::wanted(tools))
    {
        wanted.entry(suite).or_default().extend(packages);
    }
    let mut indexes = BTreeMap::new();
    let (mut suites, mut failure) = (Vec::new(), None);
    for (suite, before, tools) in &renamed {
        // one suite that cannot be read does not keep the others from it
        let read = read(&archive, tools, &wanted, &mut indexes);
        if let Err(error) = read {
            failure.get_or_insert(failed(error));
            output::note(&format!("{suite}: not compared"));
            continue;
        }
        let mut update = Update::of(tools, &indexes);
        set_seed(&nix, &settings, before, &mut update)?;
        say(suite, &update)?;
        suites.push(Compared {
            suite,
            before,
            update,
        });
    }
    let code = finish(args, context, &suites)?;
    failure.map_or(Ok(code), Err)
}

/// The suites that the command is about.
fn chosen<'c>(args: &Args, catalog: &'c Catalog) -> Result<Vec<(&'c Suite, &'c HostTools)>> {
    for suite in &args.suite {
        let known = catalog.host_tools_of(suite);
        known.map_err(|error| Failure::message(exit::USAGE, error.to_string(), None))?;
    }
    let all = catalog.host_tools.iter();
    let chosen = all.filter(|(suite, _)| args.suite.is_empty() || args.suite.contains(suite));
    Ok(chosen.collect())
}

fn failed(error: ArchiveError) -> Failure {
    Failure::new(exit::IO, error)
}

/// Reads the indexes of all suites that `tools` are pinned of, unless they are read; of each, the packages `wanted`.
fn read(
    archive: &Archive<'_>,
    tools: &HostTools,
    wanted: &BTreeMap<String, BTreeSet<String>>,
    indexes: &mut BTreeMap<String, Index>,
) -> std::result::Result<(), ArchiveError> {
    for (suite, _) in Update::wanted(tools) {
        let Some(packages) = wanted.get(&suite).filter(|_| !indexes.contains_key(&suite)) else {
            continue;
        };
        let index = archive.index(&suite, packages)?;
        for it in &index.passed_over {
            output::note(&format!("passed over {}: {}", it.mirror, it.error));
        }
        output::note(&format!("{suite}: {} (of {})", index.mirror, index.date));
        indexes.insert(suite, index);
    }
    Ok(())
}

/// Where the first program comes from another package, its digest.
fn set_seed(nix: &Nix, settings: &Settings, before: &HostTools, update: &mut Update) -> Result<()> {
    let Some(pin) = update.new_seed(before) else {
        return Ok(());
    };
    let unusable = |reason: String| {
        Failure::message(
            exit::IO,
            format!(
                "the package {} that busybox is taken from cannot be used: {reason}",
                pin.package
            ),
            Some("NIX_MIRRORS_debian names another mirror".to_owned()),
        )
    };
    let path = pin.url.mirror().map_or("", |(_, path)| path);
    let bases = settings.mirrors.urls("debian").iter();
    let urls = bases.map(|base| format!("{base}{path}"));
    let package = nix
        .fetch_pinned(settings, urls, &pin.sha256, MAX_SEED)
        .map_err(unusable)?;
    let hash = seed_of(&package).ok_or_else(|| unusable("it holds no bin/busybox".to_owned()))?;
    update
        .set_seed(hash)
        .map_err(|error| Failure::message(exit::IO, error.to_string(), None))
}

/// The list of what has become of a suite's pins.
fn say(suite: &Suite, update: &Update) -> Result<()> {
    let total = count(update.tools.pins.len(), "package");
    if update.changes.is_empty() && update.gone.is_empty() {
        return output::line(&format!("{suite}: {total}, all up to date"));
    }
    let changed = update.changes.len() + update.gone.len();
    let mut text = format!("{suite}: {changed} of {total} changed\n");
    for change in &update.changes {
        let what = match change.step {
            Step::Newer if change.from.is_empty() => "  in the place of another",
            Step::Newer => "",
            Step::Older => "  older than the pin, which stays",
            Step::Rebuilt => "  the same version, another file",
        };
        text += &format!(
            "  {:<44} {} → {}{what}\n",
            change.id, change.from, change.to
        );
    }
    for gone in &update.gone {
        let successors = match gone.successors.is_empty() {
            true => String::new(),
            false => format!("; it may have become {}", gone.successors.join(" or ")),
        };
        text += &format!("  {:<44} gone from the archive{successors}\n", gone.id);
    }
    output::line(text.trim_end())
}

/// Shows the diff, and writes it where that is asked for.
fn finish(args: &Args, context: &Context, suites: &[Compared<'_>]) -> Result<u8> {
    let io = |error| Failure::new(exit::IO, error);
    let needed: Vec<&Compared<'_>> = suites
        .iter()
        .filter(|it| it.update.is_needed() || it.update.tools != *it.before)
        .collect();
    if needed.is_empty() {
        return Ok(exit::OK);
    }
    let mut file = context.edit(FILE)?;
    let mut blocked = Vec::new();
    // a project that has none of its own begins with kflake's
    for it in &needed {
        if !file.has(it.suite.as_str()) {
            file.set(it.suite.as_str(), json!(it.before));
        }
    }
    let before = file.text();
    for it in &needed {
        let problems = it.update.tools.problems();
        if it.update.gone.is_empty() && problems.is_empty() {
            file.set(it.suite.as_str(), json!(it.update.tools));
        } else {
            blocked.push(it.suite.as_str());
        }
    }
    let after = file.text();
    output::print(&diff(
        &format!("matrix/{FILE}"),
        Some(&before),
        Some(&after),
    ))?;
    let changed = before != after;
    if changed && args.write {
        file.save().map_err(io)?;
        output::line(&format!("{}: written", shown(file.path())))?;
    } else if changed {
        output::note("`kflake pins update --write` writes this");
    }
    if !blocked.is_empty() {
        output::note(&format!(
            "not updated: {}; give each package that is gone its new name with --rename SUITE/OLD=SUITE/NEW, or take it out of matrix/{FILE}",
            blocked.join(", ")
        ));
    }
    Ok(match blocked.is_empty() && (args.write || !changed) {
        true => exit::OK,
        false => exit::FAILED,
    })
}
