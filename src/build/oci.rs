//! A container image: an OCI image layout that a build made, in a folder, or as one file that engines load.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Artifacts, BuildError};
use crate::files;
use crate::hash::{Hashing, Sha256};

/// Name of the file that `--format docker-archive` writes.
pub const ARCHIVE: &str = "image.tar";
/// Where a layout's blobs are.
const BLOBS: &str = "blobs/sha256/";
/// Files of a layout besides its blobs.
const FILES: [&str; 2] = ["index.json", "oci-layout"];
/// What a descriptor says of a list of images, of OCI's own and of Docker's.
const LISTS: [&str; 2] = [
    Writer::INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// Time of everything in an archive: the kernel's, and the store's.
const TIME: u64 = 1;

/// An image layout that lies in a folder, and is whole.
#[derive(Debug)]
pub struct Layout {
    dir: PathBuf,
    index: Descriptor,
    manifest: Manifest,
}

#[derive(Debug, Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

/// What names a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The digest's digits, where it is a SHA-256.
    fn hex(&self) -> Option<&str> {
        let hex = self.digest.strip_prefix("sha256:")?;
        let digits = hex.len() == 64
            && hex
                .bytes()
                .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        digits.then_some(hex)
    }

    /// Its blob's name in a layout.
    fn name(&self) -> Option<String> {
        Some(format!("{BLOBS}{}", self.hex()?))
    }
}

impl Layout {
    /// The layout in `dir`: every blob is there, and is what its descriptor says.
    ///
    /// # Errors
    /// When that is no layout of one image, or not a whole one.
    pub fn open(dir: &Path) -> Result<Layout, BuildError> {
        let index: Index = read(&dir.join("index.json"))?;
        let at = || dir.join("index.json");
        let [index] = index.manifests.as_slice() else {
            return Err(not_whole(&at(), "it is not an index of one image"));
        };
        if LISTS.contains(&index.media_type.as_str()) {
            let reason = "it leads to a list of images, and not to an image";
            return Err(not_whole(&at(), reason));
        }
        let manifest: Manifest = read(&checked(dir, index)?)?;
        for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
            checked(dir, blob)?;
        }
        Ok(Layout {
            dir: dir.to_owned(),
            index: index.clone(),
            manifest,
        })
    }

    /// What the image goes by in a registry: `sha256:…` of its manifest.
    pub fn digest(&self) -> &str {
        &self.index.digest
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the manifest says of itself by `name`.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.manifest.annotations.get(name).map(String::as_str)
    }

    /// The files of its layers, the lowest first, and their media types.
    pub(super) fn layers(&self) -> impl Iterator<Item = (PathBuf, &str)> {
        self.manifest.layers.iter().filter_map(|it| {
            let path = self.dir.join(it.name()?);
            Some((path, it.media_type.as_str()))
        })
    }

    /// The whole of its configuration.
    pub(super) fn config(&self) -> Result<Value, BuildError> {
        self.value(&self.manifest.config)
    }

    /// The whole of its manifest.
    pub(super) fn manifest_value(&self) -> Result<Value, BuildError> {
        self.value(&self.index)
    }

    /// Writes its file `name` to `to`. A blob is the one that its digest tells, though it changed since the layout was opened.
    fn copy(&self, name: &str, to: impl FnOnce(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        let mut file = Hashing::new(files::open(&self.dir.join(name))?);
        to(&mut file)?;
        let (_, digest, _) = file.finish();
        match name.strip_prefix(BLOBS) {
            Some(hex) if hex != digest.hex() => Err(io::Error::other(format!(
                "the image's {name} changed while it was read"
            ))),
            _ => Ok(()),
        }
    }

    fn value(&self, blob: &Descriptor) -> Result<Value, BuildError> {
        read(&self.dir.join(blob.name().unwrap_or_default()))
    }

    /// Bytes of its blobs.
    pub fn size(&self) -> u64 {
        let blobs = [&self.index, &self.manifest.config];
        let blobs = blobs.into_iter().chain(&self.manifest.layers);
        // each is the size of a file, and one file may be many layers
        blobs.fold(0, |sum, it| sum.saturating_add(it.size))
    }

    /// The files of the layout by name, in a fixed order.
    fn names(&self) -> Vec<String> {
        let blobs = [&self.index, &self.manifest.config]
            .into_iter()
            .chain(&self.manifest.layers);
        let mut names: Vec<String> = blobs.filter_map(Descriptor::name).collect();
        names.extend(FILES.map(str::to_owned));
        names.sort();
        names.dedup();
        names
    }

    /// Writes the image as one file that `docker load` and `podman load` take, under the name `tag`. With the layout's index in it, podman
    /// would take it for a layout, and give it another name.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn archive(&self, tag: &str, to: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(to);
        let blobs = self.names();
        for name in blobs.iter().filter(|it| !FILES.contains(&it.as_str())) {
            let size = files::open(&self.dir.join(name))?.metadata()?.len();
            self.copy(name, |file| {
                tar.append_data(&mut header(size), name, file.take(size))
            })?;
        }
        let layers: Vec<_> = self.manifest.layers.iter().map(Descriptor::name).collect();
        let manifest =
            json!([{ "Config": self.manifest.config.name(), "RepoTags": [tag], "Layers": layers }]);
        let text = manifest.to_string();
        tar.append_data(
            &mut header(text.len() as u64),
            "manifest.json",
            text.as_bytes(),
        )?;
        tar.finish()
    }
}

impl Artifacts {
    /// Copies the layout, and removes blobs of an earlier image.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn layout(&self, layout: &Layout) -> Result<(), BuildError> {
        self.only(&layout.names(), |name, file| {
            layout.copy(name, |from| io::copy(from, file).map(drop))
        })
    }

    /// Writes the image as one file, [`ARCHIVE`].
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn image_archive(&self, layout: &Layout, tag: &str) -> Result<(), BuildError> {
        self.only(&[ARCHIVE.to_owned()], |_, file| layout.archive(tag, file))
    }
}

/// A layout on its way.
pub(super) struct Writer {
    dir: PathBuf,
}

impl Writer {
    pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";

    /// Begins it in the folder `dir`, which is made.
    pub fn create(dir: &Path) -> Result<Writer, BuildError> {
        let writer = Writer {
            dir: dir.to_owned(),
        };
        let blobs = writer.blobs();
        fs::create_dir_all(&blobs).map_err(BuildError::io(&blobs))?;
        Ok(writer)
    }

    /// Where its blobs go.
    pub fn blobs(&self) -> PathBuf {
        self.dir.join(BLOBS)
    }

    /// Moves the file at `from` in; its descriptor.
    pub fn file(
        &self,
        from: &Path,
        digest: &Sha256,
        size: u64,
        media_type: &str,
    ) -> Result<Value, BuildError> {
        let to = self.blobs().join(digest.hex());
        fs::rename(from, &to).map_err(BuildError::io(&to))?;
        let digest = format!("sha256:{}", digest.hex());
        Ok(json!({ "mediaType": media_type, "digest": digest, "size": size }))
    }

    /// Writes `value`; its descriptor.
    pub fn json(&self, value: &Value, media_type: &str) -> Result<Value, BuildError> {
        let text = value.to_string();
        let digest = Sha256::of_bytes(text.as_bytes());
        let file = self.dir.join("blob");
        put(&file, &text)?;
        self.file(&file, &digest, text.len() as u64, media_type)
    }

    /// Writes the manifest and what leads to it; the layout.
    pub fn finish(
        self,
        manifest: &Value,
        platform: &Value,
        name: &str,
    ) -> Result<Layout, BuildError> {
        let mut manifest = self.json(manifest, Writer::MANIFEST)?;
        manifest["platform"] = platform.clone();
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        let index =
            json!({ "schemaVersion": 2, "mediaType": Writer::INDEX, "manifests": [manifest] });
        let layout = json!({ "imageLayoutVersion": "1.0.0" });
        for (name, value) in FILES.into_iter().zip([index, layout]) {
            let path = self.dir.join(name);
            put(&path, &value.to_string())?;
        }
        Layout::open(&self.dir)
    }
}

/// A new file of a layout that is being written.
fn put(path: &Path, text: &str) -> Result<(), BuildError> {
    let written = File::create_new(path).and_then(|mut it| it.write_all(text.as_bytes()));
    written.map_err(BuildError::io(path))
}

/// The blob's path.
fn checked(dir: &Path, blob: &Descriptor) -> Result<PathBuf, BuildError> {
    let name = blob.name().ok_or_else(|| {
        not_whole(
            dir,
            &format!("{} is no SHA-256", crate::text::clean(&blob.digest)),
        )
    })?;
    let path = dir.join(name);
    let file = files::open(&path).map_err(BuildError::io(&path))?;
    let length = file.metadata().map_err(BuildError::io(&path))?.len();
    if length != blob.size {
        let reason = format!("it has {length} bytes, and should have {}", blob.size);
        return Err(not_whole(&path, &reason));
    }
    let sum = Sha256::of_reader(file).map_err(BuildError::io(&path))?;
    match Some(sum.hex().as_str()) == blob.hex() {
        true => Ok(path),
        false => Err(not_whole(&path, "its digest is another one")),
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, BuildError> {
    let bytes = files::read(path, files::MAX_DATA).map_err(BuildError::io(path))?;
    serde_json::from_slice(&bytes).map_err(|error| not_whole(path, &error.to_string()))
}

fn not_whole(path: &Path, reason: &str) -> BuildError {
    BuildError::Layout {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(TIME);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Whether a folder looks like an image layout.
pub fn is_layout(dir: &Path) -> bool {
    fs::symlink_metadata(dir.join("oci-layout")).is_ok_and(|it| it.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A layout with one layer; its folder.
    fn layout() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let blobs = dir.path().join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let blob = |text: &str| {
            let hex = Sha256::of_bytes(text.as_bytes()).hex();
            fs::write(blobs.join(&hex), text).unwrap();
            json!({ "digest": format!("sha256:{hex}"), "size": text.len() })
        };
        let (config, layer) = (blob("{}"), blob("a layer"));
        let manifest = blob(&json!({ "config": config, "layers": [layer] }).to_string());
        let index = json!({ "manifests": [manifest] });
        fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
        fs::write(dir.path().join("oci-layout"), "{}").unwrap();
        dir
    }

    #[test]
    fn an_archive_is_the_same_each_time_and_has_what_engines_look_for() {
        let dir = layout();
        let layout = Layout::open(dir.path()).unwrap();
        let (mut one, mut two) = (Vec::new(), Vec::new());
        layout.archive("kflake/k6-arm64:1", &mut one).unwrap();
        layout.archive("kflake/k6-arm64:1", &mut two).unwrap();
        assert_eq!(one, two);
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(one.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let facts = entry.header();
            assert_eq!((facts.mtime().unwrap(), facts.uid().unwrap()), (1, 0));
            let name = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(name, bytes);
        }
        let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "kflake/k6-arm64:1");
        let named = |it: &serde_json::Value| &files[it.as_str().unwrap()];
        assert_eq!(named(&manifest[0]["Config"]), b"{}");
        assert_eq!(named(&manifest[0]["Layers"][0]), b"a layer");
        assert!(!files.contains_key("index.json") && !files.contains_key("oci-layout"));
    }

    #[test]
    fn a_layout_is_copied_and_an_earlier_ones_blobs_go() {
        let (first, second, to) = (layout(), layout(), tempfile::tempdir().unwrap());
        let out = to.path().join("image");
        let blob = |dir: &Path| {
            let names = fs::read_dir(dir.join("blobs/sha256")).unwrap();
            names.map(|it| it.unwrap().file_name()).collect::<Vec<_>>()
        };
        let artifacts = Artifacts::open(&out).unwrap();
        artifacts
            .layout(&Layout::open(first.path()).unwrap())
            .unwrap();
        assert_eq!(blob(&out).len(), 3);
        Layout::open(&out).unwrap();
        artifacts
            .image_archive(&Layout::open(second.path()).unwrap(), "a:b")
            .unwrap();
        assert!(!out.join("index.json").exists() && out.join(ARCHIVE).is_file());
    }

    #[test]
    fn what_is_not_whole_is_told() {
        for (name, text, said) in [
            (
                "index.json",
                "{\"manifests\":[]}",
                "not an index of one image",
            ),
            (
                "index.json",
                "{\"manifests\":[{\"digest\":\"sha256:../../x\",\"size\":1}]}",
                "no SHA-256",
            ),
            (
                "index.json",
                "{\"manifests\":[{\"digest\":\"sha256:x\",\"size\":1,\"mediaType\":\"application/vnd.oci.image.index.v1+json\"}]}",
                "a list of images",
            ),
            ("index.json", "no", "expected"),
        ] {
            let dir = layout();
            fs::write(dir.path().join(name), text).unwrap();
            let error = Layout::open(dir.path()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let dir = layout();
        let layer = Sha256::of_bytes(b"a layer").hex();
        fs::write(dir.path().join("blobs/sha256").join(layer), "b layer").unwrap();
        let error = Layout::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("digest"), "{error}");
    }

    /// What is said of a layout whose layer `change` changed, or what describes it.
    fn said(change: impl Fn(&Path, &mut Value)) -> String {
        let dir = layout();
        let blobs = dir.path().join("blobs/sha256");
        let index = fs::read(dir.path().join("index.json")).unwrap();
        let mut index: Value = serde_json::from_slice(&index).unwrap();
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        let manifest = fs::read(blobs.join(&digest[7..])).unwrap();
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let layer = blobs.join(Sha256::of_bytes(b"a layer").hex());
        change(&layer, &mut manifest["layers"][0]);
        let text = manifest.to_string();
        let hex = Sha256::of_bytes(text.as_bytes()).hex();
        fs::write(blobs.join(&hex), &text).unwrap();
        index["manifests"][0] = json!({ "digest": format!("sha256:{hex}"), "size": text.len() });
        fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
        Layout::open(dir.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_blob_has_the_size_that_is_said_and_is_a_file() {
        for size in [json!(6), json!(8), json!(u64::MAX)] {
            let said = said(|_, layer| layer["size"] = size.clone());
            assert!(said.contains("it has 7 bytes"), "{said}");
        }
        let said = said(|path, _| {
            fs::remove_file(path).unwrap();
            let pipe = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, path, pipe, rustix::fs::Mode::RWXU, 0).unwrap();
        });
        assert!(said.contains("a named pipe"), "{said}");
    }

    #[test]
    fn a_blob_that_changes_after_it_was_checked_goes_nowhere() {
        let (from, to) = (layout(), tempfile::tempdir().unwrap());
        let layout = Layout::open(from.path()).unwrap();
        let layer = Sha256::of_bytes(b"a layer").hex();
        fs::write(from.path().join("blobs/sha256").join(layer), "b layer").unwrap();
        assert!(layout.archive("a:b", io::sink()).is_err());
        let out = to.path().join("image");
        let artifacts = Artifacts::open(&out).unwrap();
        let error = artifacts.layout(&layout).unwrap_err().to_string();
        assert!(error.contains("changed while it was read"), "{error}");
        drop(artifacts);
        assert!(!out.exists());
    }
}
