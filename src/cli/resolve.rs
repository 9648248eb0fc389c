//! `kflake resolve`: which toolchain, and why.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{Context, Failure, Result, explain, output};
use crate::catalog::{MeasuredSource, Purpose, SourceKind};
use crate::exit;
use crate::resolve::{Resolution, Resolver, SourceOrder, Unresolved};
use crate::version::KernelVersion;

/// Name the toolchain that builds a kernel version for an arch, and say why
#[derive(clap::Args)]
pub struct Args {
    /// Kernel version, such as 6.12-rc3 or 5.10.229-suffix
    version: KernelVersion,
    /// Arch, such as arm64; aarch64, amd64, ppc64le and the like are understood
    arch: String,
    /// What the toolchain is for
    #[arg(long = "for", value_name = "PURPOSE", default_value = "kernel")]
    purpose: For,
    /// Take toolchains from these sources only, in this order (bootlin, musl, kernel-only, debian, korg, llvm) [default: what
    /// kflake.toml says, else each era's own]
    #[arg(long, value_name = "SOURCE,…", value_delimiter = ',')]
    toolchains: Vec<SourceKind>,
    /// List every candidate, and the facts that rejected it
    #[arg(long)]
    explain: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum For {
    /// Kernels and modules
    Kernel,
    /// Programs: needs a libc
    Userland,
}

/// Resolves and prints.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let resolver = Resolver::new(
        &catalog,
        SourceOrder::from(context.toolchains(&args.toolchains)),
    );
    let arch = catalog.arch(&args.arch).map_err(Failure::unknown)?;
    let purpose = match args.purpose {
        For::Kernel => Purpose::Kernel,
        For::Userland => Purpose::Userland,
    };
    let asked = explain::Asked {
        version: &args.version,
        arch,
        purpose,
    };
    let outcome = resolver.resolve(&args.version, arch, purpose);
    let code = outcome
        .as_ref()
        .map_or_else(Unresolved::exit_code, |_| exit::OK);
    let source = catalog.kernels.get(&args.version).map(MeasuredSource::of);
    if args.json {
        let mut value = match &outcome {
            Ok(resolution) => resolved(&asked, resolution),
            Err(unresolved) => not_resolved(&asked, unresolved),
        };
        value["source"] = json!(source);
        output::json(&value)?;
        return Ok(code);
    }
    match outcome {
        Ok(resolution) => {
            let text = match args.explain {
                true => explain::resolution(&resolution),
                false => explain::summary(&resolution),
            };
            output::print(&text)?;
            if source.is_some_and(|source| source.is_override()) {
                output::note(&format!(
                    "the project's Linux {} is not the one that kflake pins: what was measured with the pinned one does not apply to it",
                    args.version
                ));
            }
            Ok(code)
        }
        Err(unresolved) => {
            if args.explain {
                output::print(&explain::failure(&asked, &unresolved))?;
            }
            Err(Failure::message(
                code,
                unresolved.to_string(),
                help(&unresolved),
            ))
        }
    }
}

fn help(unresolved: &Unresolved<'_>) -> Option<String> {
    use miette::Diagnostic;
    match unresolved {
        Unresolved::NoToolchain(_) => {
            Some("`--explain` lists each candidate with the facts that reject it".into())
        }
        _ => unresolved.help().map(|help| help.to_string()),
    }
}

fn resolved(asked: &explain::Asked<'_>, resolution: &Resolution<'_>) -> Value {
    let mut value = asked.json("resolved");
    value["cell"] = json!(resolution.cell.to_string());
    value["era"] = json!(resolution.cell.era);
    value["toolchain"] = explain::toolchain_json(resolution.toolchain);
    value["basis"] = json!(resolution.basis);
    value["reasons"] = json!(resolution.reasons());
    value["measured"] = json!(resolution.measured);
    value["nearby"] = json!(resolution.nearby);
    value["candidates"] = explain::candidates_json(&resolution.candidates, Some(resolution.chosen));
    value["decisive"] = resolution
        .decisive
        .iter()
        .map(ToString::to_string)
        .collect();
    value["others"] = resolution.others.iter().map(explain::need_json).collect();
    value
}

fn not_resolved(asked: &explain::Asked<'_>, unresolved: &Unresolved<'_>) -> Value {
    let kind = match unresolved {
        Unresolved::UnknownArch { .. } => "unknown-arch",
        Unresolved::NoEra { .. } => "no-era",
        Unresolved::Unsupported { .. } => "unsupported",
        Unresolved::NoToolchain(_) => "no-toolchain",
    };
    let mut value = asked.json(kind);
    value["reason"] = json!(unresolved.to_string());
    match unresolved {
        Unresolved::Unsupported { support, .. } => value["support"] = json!(support),
        Unresolved::NoToolchain(it) => {
            value["candidates"] = explain::candidates_json(&it.candidates, None);
            value["obstacles"] = it.obstacles.iter().map(ToString::to_string).collect();
        }
        _ => {}
    }
    value
}
