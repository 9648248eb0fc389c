//! The resolver's answer as text for a terminal of 80 columns, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::catalog::{Constraint, Evidence, Purpose, Toolchain, Window};
use crate::id::{ArchId, ConstraintId};
use crate::resolve::{Candidate, Fact, Need, NothingFits, Objection, Resolution, Unresolved};
use crate::text::clean;
use crate::version::KernelVersion;

const WIDTH: usize = 80;
/// As wide as what stands before a value.
const LEAD: &str = "            ";
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// What was asked.
pub struct Asked<'a> {
    /// Version.
    pub version: &'a KernelVersion,
    /// Arch.
    pub arch: &'a ArchId,
    /// Purpose.
    pub purpose: Purpose,
}

impl Asked<'_> {
    /// The beginning of the answer.
    pub fn json(&self, outcome: &str) -> Value {
        json!({
            "schema_version": 1,
            "version": self.version,
            "arch": self.arch,
            "purpose": self.purpose,
            "outcome": outcome,
        })
    }
}

/// The toolchain alone, and why.
pub fn summary(resolution: &Resolution<'_>) -> String {
    let mut out = String::new();
    let Toolchain {
        id,
        source,
        compiler,
        binutils,
        libc,
        target,
        ..
    } = resolution.toolchain;
    let _ = writeln!(out, "{BOLD}{}{BOLD:#}  {id}", resolution.cell);
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "  {DIM}{name:<9}{DIM:#} {value}");
    };
    row("source", source.as_str());
    row(compiler.name(), compiler.version().as_str());
    if compiler.gcc().is_some() {
        row(
            "binutils",
            binutils
                .as_ref()
                .map_or("not recorded", |version| version.as_str()),
        );
    }
    row("libc", libc.as_deref().unwrap_or("none (for kernels only)"));
    row("target", target);
    row(
        "basis",
        &wrapped(&basis(resolution), LEAD, LEAD)[LEAD.len()..],
    );
    for reason in resolution.reasons() {
        let _ = writeln!(out, "{}", wrapped(&reason, "  - ", "    "));
    }
    out
}

fn basis(resolution: &Resolution<'_>) -> String {
    let word = resolution.basis.as_str();
    let furthest = resolution
        .measured
        .iter()
        .rfind(|it| it.outcome == "passed");
    let mut nearby = resolution.nearby.iter();
    let nearby = nearby.find(|it| it.toolchain.is_like(resolution.toolchain));
    match (furthest, nearby) {
        (Some(it), _) => format!("{word}: {} passed on {}", it.stage, it.date),
        (None, Some(it)) => format!("{word}; measured nearby: {}", booted(it)),
        (None, None) => word.into(),
    }
}

/// Which kernel a measured boot is of, and when: `Linux 4.4.178 (override) booted on 2026-11-28`.
fn booted(evidence: &Evidence) -> String {
    let apart = match evidence.is_override() {
        true => " (override)",
        false => "",
    };
    format!(
        "Linux {}{apart} booted on {}",
        evidence.kernel, evidence.date
    )
}

/// The most boots of a series that are listed.
const NEARBY: usize = 4;

/// What booted in the kernel's series, whatever toolchain is taken here.
fn measured_nearby(out: &mut String, resolution: &Resolution<'_>) {
    if resolution.nearby.is_empty() {
        return;
    }
    heading(out, "Measured in the same series");
    for it in resolution.nearby.iter().take(NEARBY) {
        let text = format!(
            "{}, with {} from {}",
            booted(it),
            it.toolchain.tools(),
            it.toolchain.source
        );
        let _ = writeln!(out, "{}", wrapped(&text, "  - ", "    "));
    }
    match resolution.nearby.len().saturating_sub(NEARBY) {
        0 => {}
        more => {
            let _ = writeln!(out, "    {more} more: `kflake report coverage`");
        }
    }
}

/// The answer with every candidate and every fact that spoke.
pub fn resolution(resolution: &Resolution<'_>) -> String {
    let mut out = summary(resolution);
    let mut facts = Facts::default();
    list_candidates(
        &mut out,
        &mut facts,
        &resolution.candidates,
        Some(resolution.chosen),
    );
    facts.print(&mut out);
    measured_nearby(&mut out, resolution);
    build_machine(&mut out, resolution);
    out
}

/// What the machine that builds must have, whatever the configuration; what fixes take care of is said apart.
fn build_machine(out: &mut String, resolution: &Resolution<'_>) {
    let certain = |need: &&Need<'_>| need.constraint.is_hard() && need.constraint.tool.is_host();
    let (mended, open): (Vec<&Need<'_>>, Vec<&Need<'_>>) = resolution
        .others
        .iter()
        .filter(certain)
        .partition(|need| need.fix.is_some());
    if open.is_empty() && mended.is_empty() {
        return;
    }
    heading(out, "The machine that builds");
    for need in open {
        let text = format!("needs {} ({})", needs(need.constraint), need.id);
        let _ = writeln!(out, "{}", wrapped(&text, "  - ", "    "));
    }
    for need in mended {
        let fix = need.fix.map(ToString::to_string).unwrap_or_default();
        let text = format!(
            "would need {} ({}), were it not for the fix {fix}",
            needs(need.constraint),
            need.id
        );
        let _ = writeln!(out, "{}", wrapped(&text, "  - ", "    "));
    }
}

/// Why there is no answer.
pub fn failure(asked: &Asked<'_>, unresolved: &Unresolved<'_>) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{BOLD}Linux {} on {}{BOLD:#}",
        asked.version, asked.arch
    );
    match unresolved {
        Unresolved::Unsupported { support, .. } => {
            let _ = writeln!(out, "{}", wrapped(&support.reason, "  ", "  "));
            let _ = writeln!(
                out,
                "{}",
                wrapped(&format!("Evidence: {}", support.evidence), "  ", "  ")
            );
        }
        Unresolved::NoToolchain(it) => {
            let NothingFits {
                candidates,
                obstacles,
                ..
            } = &**it;
            let mut facts = Facts::default();
            // the facts in the way are named first, so that theirs are the first numbers
            for fact in obstacles {
                let all = candidates.iter().flat_map(|it| &it.verdict.rejected);
                if let Some(objection) = all.into_iter().find(|it| it.fact == *fact) {
                    facts.number(objection);
                }
            }
            list_candidates(&mut out, &mut facts, candidates, None);
            facts.print(&mut out);
        }
        _ => {}
    }
    out
}

/// The facts that were named, by the number under which they were.
#[derive(Default)]
struct Facts<'a> {
    numbers: BTreeMap<String, usize>,
    list: Vec<&'a Objection<'a>>,
}

impl<'a> Facts<'a> {
    fn number(&mut self, objection: &'a Objection<'a>) -> usize {
        let next = self.list.len() + 1;
        let number = *self
            .numbers
            .entry(objection.fact.to_string())
            .or_insert(next);
        if number == next {
            self.list.push(objection);
        }
        number
    }

    fn print(&self, out: &mut String) {
        if self.list.is_empty() {
            return;
        }
        heading(out, "Facts");
        for (index, objection) in self.list.iter().enumerate() {
            let number = format!("[{}]", index + 1);
            let Some(constraint) = objection.constraint else {
                let _ = writeln!(
                    out,
                    "  {number:<5}{BOLD}{}{BOLD:#}: {}",
                    objection.fact, objection.text
                );
                continue;
            };
            let sure = constraint.confidence.as_str();
            let severity = constraint.severity.as_str();
            let _ = writeln!(
                out,
                "  {number:<5}{BOLD}{}{BOLD:#}  {DIM}{severity}, {sure}{DIM:#}",
                objection.fact
            );
            let mut say = |text: &str| {
                let _ = writeln!(out, "{}", wrapped(text, "       ", "       "));
            };
            say(&format!(
                "Linux {}: {}.",
                constraint.kernel,
                needs(constraint)
            ));
            if let Some(condition) = &constraint.only_if {
                say(&format!("Only if: {condition}."));
            }
            say(&constraint.reason);
            say(&format!("Evidence: {}", constraint.evidence));
        }
    }
}

/// What a constraint asks for: `binutils below 2.31`.
fn needs(constraint: &Constraint) -> String {
    let tool = constraint.tool.name();
    match &constraint.window {
        Window::Accept(range) => format!("{tool} {range}"),
        Window::Avoid(range) => format!("{tool} not {range}"),
        Window::Property(tag) if tag == "present" => tool.to_owned(),
        Window::Property(tag) => format!("{tool}: {tag}"),
    }
}

/// The candidates up to the one taken, and a count of those behind it; all, where none is taken. Those of one source with
/// the same versions and the same fate share a line.
fn list_candidates<'a>(
    out: &mut String,
    facts: &mut Facts<'a>,
    candidates: &'a [Candidate<'a>],
    chosen: Option<usize>,
) {
    heading(out, "Candidates, the preferred one first");
    let tried = &candidates[..chosen.unwrap_or(candidates.len())];
    for group in groups(tried) {
        let text = numbers(facts, &group[0].verdict.rejected);
        line(out, BAD, "✗", &group, &text);
    }
    let Some(taken) = chosen.map(|index| &candidates[index]) else {
        return;
    };
    line(out, GOOD, "✓", &[taken], "taken");
    let mut note = |text: &str| {
        let _ = writeln!(out, "{}", wrapped(text, "      ", "      "));
    };
    if !taken.verdict.warned.is_empty() {
        note(&format!(
            "with care: {}",
            numbers(facts, &taken.verdict.warned)
        ));
    }
    for lift in &taken.verdict.lifted {
        note(&format!(
            "{} is lifted by the fix {}",
            lift.constraint, lift.fix
        ));
    }
    rest(out, &candidates[tried.len() + 1..]);
}

/// Candidates with the same source, compiler, binutils and rejections, in the order of each group's first.
fn groups<'a>(candidates: &'a [Candidate<'a>]) -> Vec<Vec<&'a Candidate<'a>>> {
    let fate = |it: &Candidate<'_>| -> Vec<String> {
        it.verdict
            .rejected
            .iter()
            .map(|objection| objection.fact.to_string())
            .collect()
    };
    let alike = |a: &Candidate<'_>, b: &Candidate<'_>| {
        let tools = |it: &Candidate<'_>| {
            let it = it.toolchain;
            (it.source, it.compiler.clone(), it.binutils.clone())
        };
        tools(a) == tools(b) && fate(a) == fate(b)
    };
    let mut groups: Vec<Vec<&Candidate<'_>>> = vec![];
    for candidate in candidates {
        match groups.iter_mut().find(|group| alike(group[0], candidate)) {
            Some(group) => group.push(candidate),
            None => groups.push(vec![candidate]),
        }
    }
    groups
}

fn numbers<'a>(facts: &mut Facts<'a>, objections: &'a [Objection<'a>]) -> String {
    let numbers: Vec<String> = objections
        .iter()
        .map(|it| format!("[{}]", facts.number(it)))
        .collect();
    numbers.join(" ")
}

fn line(out: &mut String, style: Style, mark: &str, group: &[&Candidate<'_>], text: &str) {
    let Toolchain {
        source,
        compiler,
        binutils,
        libc,
        ..
    } = group[0].toolchain;
    let binutils = match (compiler.gcc(), binutils) {
        (None, _) => String::new(),
        (_, None) => "binutils ?".to_owned(),
        (_, Some(version)) => format!("binutils {version}"),
    };
    let (name, version) = (compiler.name(), compiler.version().as_str());
    let what = match group.len() {
        1 => libc.clone().unwrap_or_else(|| "no libc".into()),
        n => {
            let mut libcs: Vec<&str> = group
                .iter()
                .filter_map(|it| it.toolchain.libc_name())
                .collect();
            libcs.dedup();
            libcs.sort_unstable();
            libcs.dedup();
            format!("{n} with {}", libcs.join(", "))
        }
    };
    let _ = writeln!(
        out,
        "  {style}{mark}{style:#} {source:<11} {name} {version:<6}  {binutils:<16} {what:<26} {style}{text}{style:#}",
    );
}

/// What comes after the one taken, counted by source.
fn rest(out: &mut String, candidates: &[Candidate<'_>]) {
    if candidates.is_empty() {
        return;
    }
    let mut by_source: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for candidate in candidates {
        let (fit, all) = by_source.entry(candidate.toolchain.source).or_default();
        *fit += usize::from(candidate.verdict.is_accepted());
        *all += 1;
    }
    let counts: Vec<String> = by_source
        .iter()
        .map(|(source, (fit, all))| format!("{fit} of {all} from {source}"))
        .collect();
    let text = format!(
        "{} more after it, of which these would do: {}",
        candidates.len(),
        counts.join(", ")
    );
    let text = wrapped(&text, "    ", "    ");
    let _ = writeln!(out, "{DIM}{text}{DIM:#}");
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n{BOLD}{text}{BOLD:#}");
}

/// `text` filled to the width of the terminal; control characters escaped.
fn wrapped(text: &str, first: &str, next: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(first)
        .subsequent_indent(next);
    textwrap::fill(&clean(text), options)
}

/// A toolchain as JSON.
pub fn toolchain_json(toolchain: &Toolchain) -> Value {
    let Toolchain {
        id,
        source,
        arch,
        compiler,
        binutils,
        libc,
        target,
        properties,
        systems,
        ..
    } = toolchain;
    json!({
        "id": id, "source": source, "arch": arch, "gcc": compiler.gcc(), "clang": compiler.clang(), "binutils": binutils,
        "libc": libc, "target": target, "properties": properties, "systems": systems,
    })
}

/// A constraint as JSON, with its id.
pub fn constraint_json(id: &ConstraintId, constraint: &Constraint) -> Value {
    let mut value = json!(constraint);
    value["id"] = json!(id);
    value
}

/// A constraint that is not about the toolchain, as JSON.
pub fn need_json(need: &Need<'_>) -> Value {
    let mut value = constraint_json(need.id, need.constraint);
    value["taken_care_of_by"] = json!(need.fix);
    value
}

/// The candidates as JSON, each with what speaks for and against it.
pub fn candidates_json(candidates: &[Candidate<'_>], chosen: Option<usize>) -> Value {
    let objection = |objection: &Objection<'_>| {
        let constraint = match (objection.fact, objection.constraint) {
            (Fact::Constraint(id), Some(constraint)) => constraint_json(id, constraint),
            _ => Value::Null,
        };
        json!({ "fact": objection.fact.to_string(), "text": objection.text, "constraint": constraint })
    };
    let list = candidates.iter().enumerate().map(|(index, candidate)| {
        let verdict = &candidate.verdict;
        let lifted = verdict
            .lifted
            .iter()
            .map(|it| json!({ "constraint": it.constraint, "fix": it.fix }));
        json!({
            "toolchain": toolchain_json(candidate.toolchain),
            "accepted": verdict.is_accepted(),
            "taken": chosen == Some(index),
            "rejected": verdict.rejected.iter().map(objection).collect::<Vec<_>>(),
            "warned": verdict.warned.iter().map(objection).collect::<Vec<_>>(),
            "lifted": lifted.collect::<Vec<_>>(),
        })
    });
    list.collect()
}
