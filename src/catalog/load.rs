//! The files of `matrix/`: embedded in the binary, and a project's own laid over them key by key.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use include_dir::{Dir, include_dir};
use miette::Diagnostic;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::SourceOrigin;
use super::codes;
use super::document::{Layout, Shape, diagnose, entry, key, value};
use super::evidence::Measurements;
use super::failure;
use super::finding::{Finding, Level, SourceFile};
use super::pointer::Pointer;
use super::table::Table;
use super::{
    Arch, Board, BootlinRelease, BootlinTarball, Catalog, Component, Components, Constraint,
    DebianLlvm, DebianPin, DebianToolchain, Era, Evidence, FailureClass, Fix, HostTools, KernelPin,
    KorgGcc, KorgLlvm, MuslCrossMake, SourceToolchain,
};
use crate::files;
use crate::hash::Sha256;
use crate::id::{
    ArchId, BoardId, ConstraintId, EraId, FailureId, FileName, FixId, PinId, Suite, ToolchainId,
};
use crate::text::shown;
use crate::version::KernelVersion;

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/matrix");

/// The most a file of a project may hold. The largest of the embedded ones has half a megabyte.
const MAX_FILE: u64 = 32 << 20;

/// Why a project's data cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LoadError {
    /// A file or the folder cannot be read.
    #[error("cannot read {}", shown(path))]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The data is wrong.
    #[error("the matrix data has {} problem{}", findings.len(), if findings.len() == 1 { "" } else { "s" })]
    #[diagnostic(help("`kflake explain CODE` says what a code means"))]
    Findings {
        /// Every problem that was found.
        #[related]
        findings: Vec<Finding>,
    },
}

/// The file of measurements.
const EVIDENCE: &str = "evidence.json";

/// Reads one file's text into a catalog.
struct File {
    name: &'static str,
    layout: Layout,
    read: fn(&str, &mut Catalog) -> serde_json::Result<()>,
}

macro_rules! entries {
    ($key:ty, $value:ty) => {
        Shape::Entries(key::<$key>, entry::<$value>)
    };
}

macro_rules! plain_table {
    ($name:literal, $field:ident, $key:ty, $value:ty) => {
        File {
            name: $name,
            layout: Layout::Whole(entries!($key, $value)),
            read: |text, catalog| {
                table::<$key, $value>(text).map(|table| table.overlay(&mut catalog.$field))
            },
        }
    };
}

/// A file of several tables. Of those that are `pins`, a project's own are marked.
macro_rules! tables {
    ($name:literal, $field:ident, $($section:ident: $key:ty => $value:ty),+ $(; pins $pins:ident)?) => {
        File {
            name: $name,
            layout: Layout::Sections(&[$((stringify!($section), entries!($key, $value))),+]),
            read: |text, catalog| {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Shape {
                    #[serde(rename = "$schema", default)]
                    _schema: serde::de::IgnoredAny,
                    $(#[serde(default)]
                    $section: Table<$key, $value>,)+
                }
                let shape: Shape = serde_json::from_str(text)?;
                $(let pinned = digests(&catalog.$field.$pins);)?
                $(shape.$section.overlay(&mut catalog.$field.$section);)+
                $(mark_own(&pinned, &mut catalog.$field.$pins);)?
                Ok(())
            },
        }
    };
}

fn table<K, V>(text: &str) -> serde_json::Result<Table<K, V>>
where
    K: Ord + std::str::FromStr<Err: std::fmt::Display>,
    V: DeserializeOwned,
{
    serde_json::from_str(text)
}

/// A pin that knows whether a project gave it.
trait Pinned {
    /// The digest of its file, where it has one.
    fn digest(&self) -> Option<Sha256>;
    /// Whether the file is another than kflake pins under this name.
    fn overridden(&mut self) -> &mut bool;
}

impl Pinned for BootlinTarball {
    fn digest(&self) -> Option<Sha256> {
        Some(self.sha256)
    }

    fn overridden(&mut self) -> &mut bool {
        &mut self.overridden
    }
}

impl Pinned for Component {
    fn digest(&self) -> Option<Sha256> {
        self.sha256
    }

    fn overridden(&mut self) -> &mut bool {
        &mut self.overridden
    }
}

/// The digests of `pins`, before a file is laid over them.
fn digests<K: Ord + Clone, V: Pinned>(pins: &BTreeMap<K, V>) -> BTreeMap<K, Option<Sha256>> {
    let digest = |(name, pin): (&K, &V)| (name.clone(), pin.digest());
    pins.iter().map(digest).collect()
}

/// Marks those of `pins` that are not as `pinned` has them; the first file is kflake's own, and marks none.
fn mark_own<K: Ord, V: Pinned>(pinned: &BTreeMap<K, Option<Sha256>>, pins: &mut BTreeMap<K, V>) {
    if pinned.is_empty() {
        return;
    }
    for (name, pin) in pins {
        let is_own = pinned.get(name) != Some(&pin.digest());
        *pin.overridden() |= is_own;
    }
}

static FILES: &[File] = &[
    plain_table!("eras.json", eras, EraId, Era),
    plain_table!("arches.json", arches, ArchId, Arch),
    File {
        name: "kernels.json",
        layout: Layout::Whole(entries!(KernelVersion, KernelPin)),
        read: |text, catalog| {
            let pinned: Vec<(KernelVersion, Sha256)> = catalog
                .kernels
                .iter()
                .map(|(version, pin)| (version.clone(), pin.sha256))
                .collect();
            table::<KernelVersion, KernelPin>(text)?.overlay(&mut catalog.kernels);
            for (version, pin) in &mut catalog.kernels {
                // however it is spelled: 6.6.0 is 6.6
                let same = |it: &&(KernelVersion, Sha256)| {
                    it.0.rank() == version.rank() && it.0.local() == version.local()
                };
                pin.origin = match pinned.iter().find(same) {
                    Some((_, sha256)) if *sha256 == pin.sha256 => SourceOrigin::Pinned,
                    Some(_) => SourceOrigin::Override,
                    // the first file is kflake's own
                    None if pinned.is_empty() => SourceOrigin::Pinned,
                    None => SourceOrigin::Registered,
                };
            }
            Ok(())
        },
    },
    plain_table!("boards.json", boards, BoardId, Board),
    plain_table!("constraints.json", constraints, ConstraintId, Constraint),
    plain_table!("fixes.json", fixes, FixId, Fix),
    plain_table!(
        "source-toolchains.json",
        source_toolchains,
        ToolchainId,
        SourceToolchain
    ),
    plain_table!("host-tools.json", host_tools, Suite, HostTools),
    plain_table!("mirrors.json", mirrors, FileName, Vec<String>),
    tables!("debian.json", debian, pins: PinId => DebianPin, toolchains: ToolchainId => DebianToolchain, llvm: ToolchainId => DebianLlvm),
    tables!("bootlin.json", bootlin, releases: String => BootlinRelease, tarballs: FileName => BootlinTarball; pins tarballs),
    tables!("korg.json", korg, gcc: ToolchainId => KorgGcc, llvm: ToolchainId => KorgLlvm),
    File {
        name: "components.json",
        layout: Layout::Sections(&[
            ("musl_cross_make", Shape::One(value::<MuslCrossMake>)),
            ("components", entries!(PinId, Component)),
        ]),
        read: |text, catalog| {
            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Shape {
                #[serde(rename = "$schema", default)]
                _schema: serde::de::IgnoredAny,
                #[serde(default)]
                musl_cross_make: Option<MuslCrossMake>,
                #[serde(default)]
                components: Table<PinId, Component>,
            }
            let shape: Shape = serde_json::from_str(text)?;
            let Components {
                musl_cross_make,
                components,
            } = &mut catalog.components;
            let pinned = digests(components);
            shape.components.overlay(components);
            mark_own(&pinned, components);
            if shape.musl_cross_make.is_some() {
                *musl_cross_make = shape.musl_cross_make;
            }
            Ok(())
        },
    },
    File {
        name: "failures.json",
        layout: Layout::Whole(Shape::Entries(key::<FailureId>, failure::checked_entry)),
        read: |text, catalog| {
            // compiling all signatures takes longer than reading all data; the embedded ones were checked before
            let overlays = !catalog.failures.is_empty();
            table::<FailureId, FailureClass>(text)?.overlay(&mut catalog.failures);
            if overlays {
                failure::check_all(&catalog.failures).map_err(serde::de::Error::custom)?;
            }
            Ok(())
        },
    },
    File {
        name: EVIDENCE,
        layout: Layout::Whole(Shape::List(value::<Evidence>)),
        read: |text, catalog| {
            catalog.measurements.overlay(serde_json::from_str(text)?);
            Ok(())
        },
    },
];

/// The names of the matrix's files.
#[cfg(test)]
pub(super) fn file_names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.name)
}

/// The text of an embedded file; none where the matrix does not have it.
pub(super) fn embedded_text(name: &str) -> Option<&'static str> {
    EMBEDDED.get_file(name)?.contents_utf8()
}

/// The embedded facts.
pub(super) fn embedded() -> Result<Catalog, LoadError> {
    let mut catalog = Catalog::default();
    let mut findings = vec![];
    if let Some(text) = embedded_text(EVIDENCE) {
        catalog.measurements = Measurements::embedded(text);
    }
    for file in FILES.iter().filter(|file| file.name != EVIDENCE) {
        let Some(text) = embedded_text(file.name) else {
            continue;
        };
        if let Err(error) = (file.read)(text, &mut catalog) {
            findings.extend(problems(file, &shown_embedded(file.name), &error));
        }
    }
    finish(catalog, findings)
}

/// The embedded facts with those of `project` over them.
pub(super) fn with_project(project: &Path) -> Result<Catalog, LoadError> {
    let mut catalog = embedded()?;
    let folder = project.join("matrix");
    let mut findings = vec![];
    for (name, text) in project_files(&folder, &mut findings)? {
        let Some(file) = FILES.iter().find(|file| file.name == name) else {
            continue;
        };
        // the repository of kflake itself, or a project that has copied a file
        if embedded_text(&name) == Some(&text) {
            continue;
        }
        let source = SourceFile::new(shown(folder.join(&name)).as_str(), text);
        match (file.read)(source.text(), &mut catalog) {
            Ok(()) => drop(catalog.project_files.insert(file.name, source)),
            Err(error) => findings.extend(problems(file, &source, &error)),
        }
    }
    finish(catalog, findings)
}

/// The facts of these files alone: `(name, text)`, the name as in `matrix/`.
pub(super) fn of_texts(texts: &[(&str, &str)]) -> Result<Catalog, LoadError> {
    let mut catalog = Catalog::default();
    let mut findings = vec![];
    for (name, text) in texts {
        let source = SourceFile::new(format!("matrix/{name}"), *text);
        let Some(file) = FILES.iter().find(|file| file.name == *name) else {
            findings.push(unknown_file(source));
            continue;
        };
        match (file.read)(text, &mut catalog) {
            Ok(()) => drop(catalog.project_files.insert(file.name, source)),
            Err(error) => findings.extend(problems(file, &source, &error)),
        }
    }
    finish(catalog, findings)
}

fn unknown_file(file: SourceFile) -> Finding {
    let known: Vec<_> = FILES.iter().map(|file| file.name).collect();
    Finding {
        code: codes::UNKNOWN_FILE,
        level: Level::Error,
        file,
        pointer: Pointer::root(),
        offset: None,
        message: "the matrix has no file of this name, so nothing would read it".into(),
        help: Some(format!("its files are {}", known.join(", "))),
    }
}

fn finish(catalog: Catalog, findings: Vec<Finding>) -> Result<Catalog, LoadError> {
    if findings.iter().any(|finding| finding.level == Level::Error) {
        return Err(LoadError::Findings { findings });
    }
    Ok(catalog)
}

/// The file that says what `pointer` names in `name`: the project's, where it has the entry, else the embedded one.
pub(super) fn source(catalog: &Catalog, name: &str, pointer: &Pointer) -> SourceFile {
    let own = catalog.project_files.get(name).filter(|file| {
        let sections = FILES.iter().find(|it| it.name == name).map(|it| &it.layout);
        let depth = match sections {
            Some(Layout::Sections(_)) => 2,
            _ => 1,
        };
        let entry: Pointer = pointer.parts().iter().take(depth).collect();
        file.has(&entry)
    });
    own.cloned().unwrap_or_else(|| shown_embedded(name))
}

/// The file of measurements: the project's own, or the embedded one.
pub(super) fn evidence_file(catalog: &Catalog, own: bool) -> SourceFile {
    let file = catalog.project_files.get(EVIDENCE);
    let file = file.filter(|_| own).cloned();
    file.unwrap_or_else(|| shown_embedded(EVIDENCE))
}

/// An embedded file, as findings name it; an empty one where the matrix does not have it.
pub(super) fn shown_embedded(name: &str) -> SourceFile {
    // findings of one file share it
    static SHOWN: OnceLock<BTreeMap<&str, SourceFile>> = OnceLock::new();
    let of = |file: &File| {
        let text = embedded_text(file.name)?;
        let source = SourceFile::new(format!("matrix/{}", file.name), text);
        Some((file.name, source))
    };
    let all = SHOWN.get_or_init(|| FILES.iter().filter_map(of).collect());
    let known = all.get(name).cloned();
    known.unwrap_or_else(|| SourceFile::new(format!("matrix/{name}"), ""))
}

/// What is wrong with a file that did not load: never nothing.
fn problems(file: &File, source: &SourceFile, error: &serde_json::Error) -> Vec<Finding> {
    let mut findings = diagnose(source, &file.layout);
    if findings.is_empty() {
        findings.push(Finding {
            code: codes::WRONG_VALUE,
            level: Level::Error,
            file: source.clone(),
            pointer: Pointer::root(),
            offset: None,
            message: crate::text::clean(&error.to_string()),
            help: None,
        });
    }
    findings
}

/// The JSON files of a project's `matrix/` folder, by name; no folder, no files.
fn project_files(
    folder: &Path,
    findings: &mut Vec<Finding>,
) -> Result<BTreeMap<String, String>, LoadError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Io { path, source }
    };
    let list = match std::fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(io(folder)(error)),
    };
    let mut texts = BTreeMap::new();
    for item in list {
        let path = item.map_err(io(folder))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_none_or(|extension| extension != "json") || name.starts_with('.') {
            continue;
        }
        if !FILES.iter().any(|file| file.name == name) {
            let file = SourceFile::new(shown(&path).as_str(), "");
            findings.push(unknown_file(file));
            continue;
        }
        let mut unreadable = |code, level, message: &str, help: &str| {
            findings.push(Finding {
                code,
                level,
                file: SourceFile::new(shown(&path).as_str(), ""),
                pointer: Pointer::root(),
                offset: None,
                message: message.into(),
                help: Some(help.into()),
            });
        };
        let bytes = match files::read(&path, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::FileTooLarge | ErrorKind::InvalidInput
                ) =>
            {
                unreadable(
                    codes::UNREADABLE,
                    Level::Error,
                    &error.to_string(),
                    "put a regular JSON file there, or remove it",
                );
                continue;
            }
            Err(error) => return Err(io(&path)(error)),
        };
        match String::from_utf8(bytes) {
            Ok(text) => drop(texts.insert(name, text)),
            Err(_) => unreadable(
                codes::UNREADABLE,
                Level::Error,
                "the file is not UTF-8 text",
                "JSON files are written in UTF-8",
            ),
        }
    }
    Ok(texts)
}

/// Every problem of form in the embedded files and in the project's own.
pub(super) fn form(catalog: &Catalog) -> Vec<Finding> {
    let files = FILES.iter().flat_map(|file| {
        let embedded = embedded_text(file.name).map(|_| shown_embedded(file.name));
        let own = catalog.project_files.get(file.name).cloned();
        let sources = embedded.into_iter().chain(own);
        sources.map(|source| diagnose(&source, &file.layout))
    });
    files.flatten().collect()
}

/// The toolchains, made once.
pub(super) type Toolchains = OnceLock<BTreeMap<ToolchainId, super::Toolchain>>;
