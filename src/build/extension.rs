//! An image that holds a payload: by itself, or as a layer on top of another image.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::BuildError;
use super::base::{Base, Node};
use super::layer;
use super::oci::{Layout, Writer};
use super::payload::{Entry, EntryKind, Payload};
use crate::catalog::Arch;

/// What machines an image is for, as images say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// That of an arch by its matrix' name.
    pub fn of(id: &str, arch: &Arch) -> Platform {
        let name = arch.oci.as_deref().unwrap_or(id);
        let (architecture, variant) = match name.split_once('/') {
            Some((architecture, variant)) => (architecture, Some(variant.to_owned())),
            None => (name, None),
        };
        Platform {
            architecture: architecture.to_owned(),
            variant,
        }
    }

    /// That of an image, as its configuration says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_image(layout: &Layout) -> Result<Platform, BuildError> {
        let config = layout.config()?;
        let text = |name: &str| config.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Platform {
            architecture: text("architecture").unwrap_or_default(),
            variant: text("variant"),
        })
    }

    /// The processor.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Which of its kind.
    pub fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Whether what is for one is for the other: a variant counts where both have one.
    pub fn fits(&self, other: &Platform) -> bool {
        let variants = self.variant.as_ref().zip(other.variant.as_ref());
        self.architecture == other.architecture && variants.is_none_or(|(one, two)| one == two)
    }
}

/// An image to write.
#[derive(Debug)]
pub struct Extension<'a> {
    /// What it goes by.
    pub name: &'a str,
    /// What it holds.
    pub payload: &'a Payload,
    /// What it is for.
    pub platform: &'a Platform,
    /// The image below, and what is in it.
    pub base: Option<(&'a Layout, &'a Base)>,
    /// What the image below goes by in a registry.
    pub reference: Option<&'a str>,
    /// The release that its kernel modules are for, or several.
    pub kernel: Option<&'a str>,
    /// Time of all of it, in seconds since 1970.
    pub time: u64,
}

impl Extension<'_> {
    /// Writes it as the layout `dir`, a folder that does not exist yet. Layers of the image below are links to where they are.
    ///
    /// # Errors
    /// When the payload would break the image below, or a file cannot be read or written.
    pub fn write(&self, dir: &Path) -> Result<Layout, BuildError> {
        if let Some((_, base)) = self.base {
            self.fits_on(base)?;
        }
        let writer = Writer::create(dir)?;
        let takes = |entry: &Entry| {
            // a folder that is there keeps its permissions
            let there = self.base.and_then(|(_, base)| base.node(&entry.path));
            !(entry.kind == EntryKind::Folder && there == Some(&Node::Folder))
        };
        let file = dir.join("layer");
        let layer = layer::write(self.payload, takes, self.time, &file)?;
        let created = self.created()?;
        let mut own = json!({
            "org.opencontainers.image.title": self.name,
            "org.opencontainers.image.created": created,
        });
        if let Some(kernel) = self.kernel {
            own["kflake.payload.kernel"] = kernel.into();
        }
        let labels = own.clone();
        let (mut config, mut manifest) = match self.base {
            Some((layout, _)) => {
                own["org.opencontainers.image.base.digest"] = layout.digest().into();
                if let Some(reference) = self.reference {
                    own["org.opencontainers.image.base.name"] = reference.into();
                }
                for (path, _) in layout.layers() {
                    let name = path.file_name().unwrap_or_default();
                    let path = path.canonicalize().map_err(BuildError::io(&path))?;
                    let to = writer.blobs().join(name);
                    match symlink(&path, &to) {
                        // one layer may be there twice
                        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                        other => other.map_err(BuildError::io(&to))?,
                    }
                }
                (layout.config()?, layout.manifest_value()?)
            }
            None => (self.empty_config(), json!({ "layers": [] })),
        };
        let odd = |what: &str| BuildError::Layout {
            path: self.base.map_or(dir, |(layout, _)| layout.dir()).to_owned(),
            reason: format!("its {what} cannot be an image's"),
        };
        let digest = format!("sha256:{}", layer.diff_id.hex());
        let ids = config.pointer_mut("/rootfs/diff_ids");
        let ids = ids.and_then(Value::as_array_mut);
        ids.ok_or_else(|| odd("list of layers"))?
            .push(digest.into());
        if let Some(history) = config.get_mut("history").and_then(Value::as_array_mut) {
            let by = format!("kflake: {}", self.name);
            history.push(json!({ "created": created, "created_by": by }));
        }
        merge(&mut config, "config", Map::new()).ok_or_else(|| odd("configuration"))?;
        merge(&mut config["config"], "Labels", object(labels)).ok_or_else(|| odd("labels"))?;
        config["created"] = created.into();

        let descriptor = writer.file(&file, &layer.digest, layer.size, Writer::LAYER)?;
        let layers = manifest.get_mut("layers").and_then(Value::as_array_mut);
        layers.ok_or_else(|| odd("manifest"))?.push(descriptor);
        let config = writer.json(&config, Writer::CONFIG)?;
        merge(&mut manifest, "annotations", object(own)).ok_or_else(|| odd("manifest"))?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": Writer::MANIFEST,
            "config": config,
            "layers": manifest["layers"],
            "annotations": manifest["annotations"],
        });
        let mut platform = json!({ "architecture": self.platform.architecture, "os": "linux" });
        if let Some(variant) = &self.platform.variant {
            platform["variant"] = variant.as_str().into();
        }
        writer.finish(&manifest, &platform, self.name)
    }

    fn empty_config(&self) -> Value {
        let mut config = json!({ "architecture": self.platform.architecture, "os": "linux" });
        if let Some(variant) = &self.platform.variant {
            config["variant"] = variant.as_str().into();
        }
        config["config"] = json!({});
        config["rootfs"] = json!({ "type": "layers", "diff_ids": [] });
        config["history"] = json!([]);
        config
    }

    fn created(&self) -> Result<String, BuildError> {
        let seconds = i64::try_from(self.time).ok();
        let time = seconds.and_then(|it| jiff::Timestamp::from_second(it).ok());
        let time = time.ok_or_else(|| BuildError::Payload {
            path: PathBuf::from("SOURCE_DATE_EPOCH"),
            reason: format!("{} is not a time that can be written", self.time),
            help: "give seconds since 1970".to_owned(),
        })?;
        Ok(time.to_string())
    }

    /// Whether nothing of the payload takes the place of something of another kind that the image below has there, and hides more than
    /// itself: a folder that of a link such as `lib`, a link that of a folder.
    fn fits_on(&self, base: &Base) -> Result<(), BuildError> {
        for entry in self.payload.entries() {
            let Some(node) = base.node(&entry.path) else {
                continue;
            };
            let (is, has, help) = match (&entry.kind, node) {
                (EntryKind::Folder, Node::Link(target)) => {
                    let target = crate::text::shown(target);
                    let help = format!("stage its files in {target}");
                    ("a folder", format!("a link to {target}"), help)
                }
                (EntryKind::Folder, Node::Module(_) | Node::Other) => {
                    let help = "stage its files elsewhere".to_owned();
                    ("a folder", "a file".to_owned(), help)
                }
                (EntryKind::Link(target), Node::Folder) => {
                    let target = crate::text::shown(target);
                    let help = format!(
                        "leave the link out: with it the image would lose what is in the folder, and have {target} instead"
                    );
                    ("a link", "a folder".to_owned(), help)
                }
                (EntryKind::File(_), Node::Folder) => {
                    let help = "give the file another name: with it the image would lose what is in the folder";
                    ("a file", "a folder".to_owned(), help.to_owned())
                }
                _ => continue,
            };
            return Err(BuildError::Payload {
                path: self.payload.at(&entry.path),
                reason: format!(
                    "it is {is}, and the base image has {has} there, which it would replace"
                ),
                help,
            });
        }
        Ok(())
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Adds `fields` to the object `name` of `value`, which need not have it.
fn merge(value: &mut Value, name: &str, fields: Map<String, Value>) -> Option<()> {
    let member = value.as_object_mut()?.entry(name).or_insert(Value::Null);
    if member.is_null() {
        *member = json!({});
    }
    member.as_object_mut()?.extend(fields);
    Some(())
}
