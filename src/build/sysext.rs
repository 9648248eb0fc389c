//! A payload as a system extension of systemd's: a squashfs image to be laid over `/usr` and `/opt`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read as _};
use std::path::{Path, PathBuf};

use backhand::compression::Compressor;
use backhand::{BackhandError, FilesystemCompressor, FilesystemWriter, NodeHeader};

use super::payload::{EntryKind, Payload, Stamp, Unread};
use super::{Artifacts, BuildError};

/// Where an extension says what it fits.
const RELEASES: &str = "usr/lib/extension-release.d";
/// What an extension is laid over.
const TOPS: [&str; 2] = ["usr", "opt"];
/// What the system says of itself: systemd takes no extension that would say it instead.
const SYSTEM: &str = "usr/lib/os-release";
/// The most of an extension-release file that is read, in bytes.
const MAX_RELEASE: u64 = 64 << 10;

/// What an extension fits: the fields of its extension-release file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionRelease {
    fields: Vec<(String, String)>,
    asked_for: bool,
}

/// Why a field cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--extension-release {field:?}: {reason}")]
pub struct FieldError {
    field: String,
    reason: &'static str,
}

impl ExtensionRelease {
    /// Any system of the architecture that systemd calls `architecture`, but for what `fields` say, each `KEY=VALUE`; one without a
    /// value is left out.
    ///
    /// # Errors
    /// When a field is none.
    pub fn new(architecture: &str, fields: &[String]) -> Result<ExtensionRelease, FieldError> {
        let mut all = vec![
            ("ID".to_owned(), "_any".to_owned()),
            ("ARCHITECTURE".to_owned(), architecture.to_owned()),
        ];
        for field in fields {
            let odd = |reason| FieldError {
                field: field.chars().take(80).collect(),
                reason,
            };
            let (key, value) = field.split_once('=').ok_or(odd("it is not KEY=VALUE"))?;
            let is_key = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
            if key.is_empty() || !key.chars().all(is_key) || key.starts_with(char::is_numeric) {
                return Err(odd(
                    "a key is made of capital letters, digits and underscores, such as VERSION_ID",
                ));
            }
            // what needs no quotes in such a file
            let is_plain = |it: char| it.is_ascii_alphanumeric() || "._:/~+-,@".contains(it);
            if !value.chars().all(is_plain) {
                return Err(odd(
                    "a value is made of letters, digits and . _ : / ~ + - , @",
                ));
            }
            match all.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => value.clone_into(known),
                None => all.push((key.to_owned(), value.to_owned())),
            }
        }
        all.retain(|(_, value)| !value.is_empty());
        Ok(ExtensionRelease {
            fields: all,
            asked_for: !fields.is_empty(),
        })
    }

    /// Why a payload's own file, which holds `text`, is not what is asked for.
    fn contradicted_by(&self, text: &str) -> Option<String> {
        let field = |key: &str| {
            let mut lines = text.lines().rev();
            let value = lines.find_map(|it| it.trim().strip_prefix(key)?.strip_prefix('='));
            value.map(|it| it.trim_matches(['"', '\'']))
        };
        let wanted = self.fields.iter().find(|(key, _)| key == "ARCHITECTURE");
        let wanted = wanted.map(|(_, value)| value.as_str());
        match (field("ID"), field("ARCHITECTURE"), wanted) {
            (None | Some(""), _, _) => {
                Some("it has no ID=, without which no system takes the extension".to_owned())
            }
            (_, Some(is), Some(wanted)) if is != wanted => {
                let is = crate::text::clean_line(is);
                Some(format!(
                    "it says ARCHITECTURE={is}, and the files are for {wanted}"
                ))
            }
            _ => None,
        }
    }

    fn text(&self) -> String {
        let lines = self.fields.iter();
        lines
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect()
    }
}

/// Writes the extension `name` as the file `to`, all of it root's and of the time `time`. A payload that says itself what
/// it fits, as an extension's folder does, is believed.
///
/// # Errors
/// When the payload has something that no extension can bring, or a file cannot be read or written.
pub fn write(
    payload: &Payload,
    name: &str,
    release: &ExtensionRelease,
    time: u32,
    to: &Path,
) -> Result<(), BuildError> {
    let own = PathBuf::from(format!("{RELEASES}/extension-release.{name}"));
    let odd = |path: &Path, reason: &str, help: &str| BuildError::Payload {
        path: payload.at(path),
        reason: reason.to_owned(),
        help: help.to_owned(),
    };
    for entry in payload.entries() {
        let is_top = TOPS.iter().any(|top| entry.path == Path::new(top));
        let at_top = entry.path.components().count() == 1;
        if at_top && !(is_top && entry.kind == EntryKind::Folder) {
            return Err(odd(
                &entry.path,
                "a system extension holds the folders usr and opt, and nothing else",
                "install with --prefix=/usr; settings that a program needs go into /usr/lib or /usr/share",
            ));
        }
    }
    if payload.entry(Path::new(SYSTEM)).is_some() {
        return Err(odd(
            Path::new(SYSTEM),
            "it is the system's own, and systemd refuses an extension that brings one",
            "remove it: an extension says what it fits in its extension-release file",
        ));
    }
    let there = payload.entry(&own);
    match there.map(|it| &it.kind) {
        Some(EntryKind::Folder | EntryKind::Link(_)) => {
            return Err(odd(
                &own,
                "it has to be a file",
                "remove it: kflake writes one",
            ));
        }
        Some(EntryKind::File(_)) if release.asked_for => {
            return Err(odd(
                &own,
                "both the payload and --extension-release say what it fits",
                "remove the file, or leave the option out",
            ));
        }
        Some(EntryKind::File(stamp)) => {
            let text = release_text(payload, &own, *stamp)?;
            if let Some(reason) = release.contradicted_by(&text) {
                let help = "fix the file, or remove it: kflake writes one";
                return Err(odd(&own, &reason, help));
            }
        }
        None => {}
    }

    let failed = |error: BackhandError| {
        Unread::or_of(to)(match error {
            BackhandError::StdIo(error) => error,
            other => io::Error::other(other.to_string()),
        })
    };
    let header = |mode: u32| NodeHeader::new(mode as u16, 0, 0, time);
    let mut image = FilesystemWriter::default();
    let gzip = FilesystemCompressor::new(Compressor::Gzip, None).map_err(failed)?;
    image.set_compressor(gzip);
    image.set_time(time);
    image.set_root_mode(0o755);
    image.set_only_root_id();
    let mut folders = BTreeSet::new();
    for entry in payload.entries() {
        let (path, header) = (&entry.path, header(entry.mode));
        match &entry.kind {
            EntryKind::Folder => {
                folders.insert(path.clone());
                image.push_dir(path, header)
            }
            EntryKind::File(stamp) => image.push_file(payload.contents(path, *stamp), path, header),
            EntryKind::Link(target) => image.push_symlink(target, path, header),
        }
        .map_err(failed)?;
    }
    if there.is_none() {
        let mut way: Vec<&Path> = own.ancestors().skip(1).collect();
        way.pop();
        for folder in way.into_iter().rev() {
            match payload.entry(folder) {
                Some(entry) if entry.kind != EntryKind::Folder => {
                    return Err(odd(
                        folder,
                        "it has to be a folder, for the extension's own release file",
                        "stage its content elsewhere",
                    ));
                }
                Some(_) => {}
                None => image.push_dir(folder, header(0o755)).map_err(failed)?,
            }
        }
        let text = io::Cursor::new(release.text());
        image.push_file(text, &own, header(0o644)).map_err(failed)?;
    }
    let mut file = BufWriter::new(File::create_new(to).map_err(BuildError::io(to))?);
    let (_, length) = image.write(&mut file).map_err(failed)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
    // what turned out to be there twice was written, and not kept
    file.and_then(|it| it.set_len(length))
        .map_err(BuildError::io(to))
}

/// What the payload's extension-release file holds.
fn release_text(payload: &Payload, path: &Path, stamp: Stamp) -> Result<String, BuildError> {
    let mut text = String::new();
    let contents = payload.contents(path, stamp);
    let read = contents.take(MAX_RELEASE).read_to_string(&mut text);
    read.map_err(Unread::or_of(&payload.at(path)))?;
    Ok(text)
}

impl Artifacts {
    /// Takes the extension at `from` in as the file `name`, beside others that may be here.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn sysext(&self, name: &str, from: &Path) -> Result<(), BuildError> {
        self.all_or_none(&[name.to_owned()], |_, file| {
            io::copy(&mut File::open(from)?, file).map(drop)
        })
    }
}
