//! What the facts say about one toolchain for one kernel.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::catalog::{
    Aspect, Catalog, Confidence, Constraint, Evidence, Fix, MeasuredSource, Purpose, Toolchain,
    Window,
};
use crate::id::{ArchId, ConstraintId, FixId};
use crate::version::{KernelVersion, Range, ToolVersion};

/// Why a toolchain is rejected, or used with a warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact<'c> {
    /// A constraint is not met.
    Constraint(&'c ConstraintId),
    /// Programs need a libc and the toolchain has none.
    NoLibc,
    /// Its libc refuses to start on a kernel this old.
    KernelTooOld,
    /// A run of kflake failed with it.
    Measured,
}

impl std::fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Fact::Constraint(id) => id.as_str(),
            Fact::NoLibc => "no-libc",
            Fact::KernelTooOld => "kernel-too-old",
            Fact::Measured => "measured",
        })
    }
}

/// One fact against a toolchain.
#[derive(Clone, Debug)]
pub struct Objection<'c> {
    /// Which.
    pub fact: Fact<'c>,
    /// The constraint, where it is one.
    pub constraint: Option<&'c Constraint>,
    /// In a few words: `binutils 2.40 is not below 2.31`.
    pub text: String,
}

/// A constraint that a fix lifts.
#[derive(Clone, Debug)]
pub struct Lift<'c> {
    /// The constraint.
    pub constraint: &'c ConstraintId,
    /// The fix.
    pub fix: &'c FixId,
}

/// All the facts about one toolchain.
#[derive(Clone, Debug, Default)]
pub struct Verdict<'c> {
    /// What rejects it; empty: it is accepted.
    pub rejected: Vec<Objection<'c>>,
    /// What does not decide, and should be known.
    pub warned: Vec<Objection<'c>>,
    /// What a fix lifts.
    pub lifted: Vec<Lift<'c>>,
}

impl Verdict<'_> {
    /// Whether the toolchain can be taken.
    pub fn is_accepted(&self) -> bool {
        self.rejected.is_empty()
    }
}

/// A constraint, and the fixes that can lift it on the arch in question.
#[derive(Debug)]
pub(super) struct Rule<'c> {
    pub id: &'c ConstraintId,
    pub constraint: &'c Constraint,
    pub fixes: Vec<(&'c FixId, &'c Fix)>,
}

impl<'c> Rule<'c> {
    /// The fix that lifts it for this toolchain.
    pub fn lifted_by(&self, case: Case<'_>, toolchain: &Toolchain) -> Option<&'c FixId> {
        let applies =
            |(_, fix): &&(_, &Fix)| fix.applies(case.arch, case.version, &toolchain.compiler);
        self.fixes.iter().find(applies).map(|(id, _)| *id)
    }
}

/// The kernel that a toolchain is judged for.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub version: &'a KernelVersion,
    pub arch: &'a ArchId,
    pub purpose: Purpose,
}

/// What was measured on one arch, picked out when it is first asked for: which toolchain is taken does not depend on it.
#[derive(Debug)]
pub(super) struct OnArch<'c> {
    catalog: &'c Catalog,
    arch: &'c ArchId,
    rows: OnceLock<Vec<&'c Evidence>>,
}

impl<'c> OnArch<'c> {
    pub fn new(catalog: &'c Catalog, arch: &'c ArchId) -> Self {
        OnArch {
            catalog,
            arch,
            rows: OnceLock::new(),
        }
    }

    fn rows(&self) -> &[&'c Evidence] {
        self.rows.get_or_init(|| {
            let all = self.catalog.evidence().iter();
            all.filter(|it| &it.arch == self.arch).collect()
        })
    }
}

/// What is known of one kernel on one arch.
pub(super) struct Facts<'r, 'c> {
    pub case: Case<'r>,
    /// The constraints that hold for it.
    pub rules: Vec<&'r Rule<'c>>,
    /// What was measured on the arch.
    pub evidence: &'r OnArch<'c>,
    /// What the kernel is built from.
    pub source: Option<MeasuredSource>,
}

impl<'c> Facts<'_, 'c> {
    /// Judges `toolchain`.
    pub fn judge(&self, toolchain: &'c Toolchain) -> Verdict<'c> {
        let case = self.case;
        let mut verdict = Verdict::default();
        if case.purpose == Purpose::Userland && toolchain.libc.is_none() {
            verdict.rejected.push(Objection {
                fact: Fact::NoLibc,
                constraint: None,
                text: "it has no libc, and programs need one".into(),
            });
        }
        if let Some(oldest) = too_new_for(case, toolchain) {
            verdict.rejected.push(Objection {
                fact: Fact::KernelTooOld,
                constraint: None,
                text: format!("programs linked with it start on Linux {oldest} and newer"),
            });
        }
        for rule in &self.rules {
            let Some(text) = violation(rule.constraint, toolchain) else {
                continue;
            };
            if let Some(fix) = rule.lifted_by(case, toolchain) {
                verdict.lifted.push(Lift {
                    constraint: rule.id,
                    fix,
                });
                continue;
            }
            let objection = Objection {
                fact: Fact::Constraint(rule.id),
                constraint: Some(rule.constraint),
                text,
            };
            match rule.constraint.is_hard() {
                true => verdict.rejected.push(objection),
                false => verdict.warned.push(objection),
            }
        }
        if let Some(failed) = self.measured(toolchain).find(|it| it.outcome != "passed") {
            let class = failed.failure.as_deref().unwrap_or("no class");
            verdict.warned.push(Objection {
                fact: Fact::Measured,
                constraint: None,
                text: format!(
                    "{} {} on {} ({class})",
                    failed.stage, failed.outcome, failed.date
                ),
            });
        }
        verdict
    }

    /// Whether `toolchain` is accepted: what [`Facts::judge`] says, without saying why.
    pub fn accepts(&self, toolchain: &Toolchain) -> bool {
        let case = self.case;
        let has_libc = case.purpose == Purpose::Kernel || toolchain.libc.is_some();
        has_libc
            && too_new_for(case, toolchain).is_none()
            && self.rules.iter().all(|rule| {
                !rule.constraint.is_hard()
                    || is_met(rule.constraint, toolchain)
                    || rule.lifted_by(case, toolchain).is_some()
            })
    }

    /// What was measured with `toolchain` on this kernel.
    pub fn measured(&self, toolchain: &Toolchain) -> impl Iterator<Item = &'c Evidence> {
        let about_this = |it: &&Evidence| self.is_of_this_kernel(it);
        let measured = self.evidence.rows().iter().copied().filter(about_this);
        measured.filter(|it| it.toolchain.is_like(toolchain))
    }

    fn is_of_this_kernel(&self, evidence: &Evidence) -> bool {
        let source = self.source.as_ref();
        evidence.kernel.rank() == self.case.version.rank()
            && source.is_none_or(|source| source.is_told_of_by(evidence.source.as_ref()))
    }

    /// Boots that passed in this kernel's series, newest first, those of `taken` before the others; one per kernel, source and
    /// toolchain, and only where the newest passed. Without what [`Facts::measured`] says.
    pub fn nearby(&self, taken: &Toolchain) -> Vec<&'c Evidence> {
        let series = self.case.version.series();
        let same = |a: &Evidence, b: &Evidence| {
            a.kernel == b.kernel && a.toolchain == b.toolchain && a.is_override() == b.is_override()
        };
        let mut newest: Vec<&'c Evidence> = vec![];
        for it in self.evidence.rows().iter().copied() {
            let here = it.toolchain.is_like(taken) && self.is_of_this_kernel(it);
            if it.stage != "boot" || here || it.kernel.series() != series {
                continue;
            }
            match newest.iter_mut().find(|known| same(known, it)) {
                // of two measurements of a day the later entry counts
                Some(known) if known.date <= it.date => *known = it,
                Some(_) => {}
                None => newest.push(it),
            }
        }
        newest.retain(|it| it.outcome == "passed");
        newest.sort_by(|a, b| {
            let theirs = |it: &Evidence| !it.toolchain.is_like(taken);
            theirs(a)
                .cmp(&theirs(b))
                .then_with(|| b.date.cmp(&a.date))
                .then_with(|| b.kernel.cmp(&a.kernel))
        });
        newest
    }
}

/// The oldest kernel that programs of `toolchain` start on, where the case's is older.
fn too_new_for<'t>(case: Case<'_>, toolchain: &'t Toolchain) -> Option<&'t KernelVersion> {
    let oldest = toolchain.oldest_kernel.as_ref()?;
    let refused = !toolchain.programs_start_on(case.version);
    (case.purpose == Purpose::Userland && refused).then_some(oldest)
}

fn is_met(constraint: &Constraint, toolchain: &Toolchain) -> bool {
    breach(constraint, toolchain).is_none()
}

/// How a toolchain breaks a constraint.
enum Breach<'a> {
    /// It lacks the property.
    Lacks(&'a str),
    /// The version that it has is older than the first good one.
    Older(Cow<'a, ToolVersion>, &'a ToolVersion),
    /// The version that it has is not below the first bad one.
    NotBelow(Cow<'a, ToolVersion>, &'a ToolVersion),
    /// The version that it has is among bad ones.
    Avoided(Cow<'a, ToolVersion>, &'a Range<ToolVersion>),
    /// Nobody recorded its version.
    Unknown,
}

/// How `toolchain` breaks `constraint`, in words; none: it does not.
fn violation(constraint: &Constraint, toolchain: &Toolchain) -> Option<String> {
    let tool = constraint.tool.name();
    Some(match breach(constraint, toolchain)? {
        Breach::Lacks(tag) => format!("it is not {tag}"),
        Breach::Older(version, from) => format!("{tool} {version} is older than {from}"),
        Breach::NotBelow(version, below) => format!("{tool} {version} is not below {below}"),
        Breach::Avoided(..) if constraint.window.is_closed() => format!("no {tool} will do"),
        Breach::Avoided(version, range) => {
            format!("{tool} {version} is one to avoid ({range})")
        }
        Breach::Unknown => format!("nobody recorded its {tool} version"),
    })
}

fn breach<'a>(constraint: &'a Constraint, toolchain: &'a Toolchain) -> Option<Breach<'a>> {
    let aspect = constraint.tool.aspect()?;
    let clang = toolchain.compiler.clang();
    // what is said of GNU's tools says nothing of LLVM's, nor the other way round
    match aspect {
        Aspect::Gcc | Aspect::Binutils | Aspect::Property if clang.is_some() => return None,
        Aspect::Llvm if clang.is_none() => return None,
        _ => {}
    }
    let range = match &constraint.window {
        Window::Property(tag) => {
            let has = toolchain.properties.iter().any(|property| property == tag);
            return (!has).then_some(Breach::Lacks(tag));
        }
        Window::Accept(range) | Window::Avoid(range) => range,
    };
    let version = match aspect {
        Aspect::Gcc | Aspect::Llvm => Some(Cow::Borrowed(toolchain.compiler.version())),
        Aspect::Binutils => toolchain.binutils.as_ref().map(Cow::Borrowed),
        Aspect::Libc => {
            let (name, version) = toolchain.libc.as_deref()?.split_once('-')?;
            let same = name == constraint.tool.name();
            Some(Cow::Owned(version.parse().ok().filter(|_| same)?))
        }
        Aspect::Property => None,
    };
    let Some(version) = version else {
        let bounded = range.from.is_some() || range.below.is_some();
        return bounded.then_some(Breach::Unknown);
    };
    match (&constraint.window, &range.from, &range.below) {
        (Window::Avoid(_), ..) => range
            .contains(&version)
            .then_some(Breach::Avoided(version, range)),
        (_, Some(from), _) if *version < *from => Some(Breach::Older(version, from)),
        (_, _, Some(below)) if *version >= *below => Some(Breach::NotBelow(version, below)),
        _ => None,
    }
}

/// The weakest confidence among `objections`.
pub(super) fn weakest<'a, 'c: 'a>(
    objections: impl Iterator<Item = &'a Objection<'c>>,
) -> Option<Confidence> {
    objections
        .filter_map(|objection| Some(objection.constraint?.confidence))
        .min()
}
