//! A payload as a system extension of systemd's: a squashfs image to be laid over `/usr` and `/opt`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use backhand::compression::Compressor;
use backhand::{BackhandError, FilesystemCompressor, FilesystemWriter, NodeHeader};

use super::payload::{EntryKind, Payload};
use super::{Artifacts, BuildError};

/// Where an extension says what it fits.
const RELEASES: &str = "usr/lib/extension-release.d";
/// What an extension is laid over.
const TOPS: [&str; 2] = ["usr", "opt"];

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
                "the payload says itself what it fits, and so does --extension-release",
                "remove the file, or leave the option out",
            ));
        }
        _ => {}
    }

    let failed = |error: BackhandError| {
        BuildError::io(to)(match error {
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
            EntryKind::File(size) => image.push_file(payload.contents(path, *size), path, header),
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
                        "it has to be a folder, for what an extension says of itself",
                        "stage what is there elsewhere",
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

impl Artifacts {
    /// Takes the extension at `from` in as the file `name`, the only one here.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn sysext(&self, name: &str, from: &Path) -> Result<(), BuildError> {
        self.only(&[name.to_owned()], |_, file| {
            io::copy(&mut File::open(from)?, file).map(drop)
        })
    }
}
