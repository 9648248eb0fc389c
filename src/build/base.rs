//! What is in an image that another one is made on top of, as its layers say.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::BuildError;
use super::kernel_module::{KernelModule, Packed};
use super::layer::WHITEOUT;
use super::oci::Layout;
use crate::files::Members;

/// Takes away all that the layers below have in the folder that it is in.
const OPAQUE: &str = ".wh..wh..opq";

/// The files of an image.
#[derive(Debug, Default)]
pub struct Base {
    nodes: BTreeMap<PathBuf, Node>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// A symbolic link to this.
    Link(PathBuf),
    /// A kernel module that can be read.
    Module(KernelModule),
    /// Anything else.
    Other,
}

impl Base {
    /// Reads the layers of an image.
    ///
    /// # Errors
    /// When one cannot be read, or is packed in a way that kflake does not know.
    pub fn read(layout: &Layout) -> Result<Base, BuildError> {
        let mut base = Base::default();
        for (path, media_type) in layout.layers() {
            let file = File::open(&path).map_err(BuildError::io(&path))?;
            let file = BufReader::new(file);
            let plain = "application/vnd.oci.image.layer.v1.tar";
            let tar: Box<dyn Read> = match media_type.strip_prefix(plain) {
                Some("") => Box::new(file),
                Some("+gzip") => Box::new(MultiGzDecoder::new(file)),
                _ => {
                    let kind = crate::text::clean_line(media_type);
                    return Err(BuildError::Payload {
                        path: layout.dir().to_owned(),
                        reason: format!("kflake does not read layers of the type {kind:?}"),
                        help: "`skopeo copy --format oci --dest-compress-format gzip \
                               oci:DIR oci:NEW` makes an image that it reads"
                            .to_owned(),
                    });
                }
            };
            base.layer(tar).map_err(BuildError::io(&path))?;
        }
        Ok(base)
    }

    /// What is at `path`.
    pub fn node(&self, path: &Path) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Its kernel modules.
    pub fn modules(&self) -> impl Iterator<Item = (&Path, &KernelModule)> {
        self.nodes.iter().filter_map(|(path, node)| match node {
            Node::Module(module) => Some((path.as_path(), module)),
            _ => None,
        })
    }

    /// Puts a layer on top.
    fn layer(&mut self, tar: impl Read) -> io::Result<()> {
        let mut own = BTreeMap::new();
        let mut names = Members::default();
        let mut tar = tar::Archive::new(tar);
        for entry in tar.entries()?.raw(true) {
            let mut entry = entry?;
            if names.tell(&mut entry)? {
                continue;
            }
            let Some(path) = inside(&names.path(&entry)?) else {
                continue;
            };
            let folder = path.parent().unwrap_or(Path::new(""));
            let name = path.file_name().unwrap_or_default().as_bytes();
            if name == OPAQUE.as_bytes() {
                self.remove_below(folder);
            } else if let Some(gone) = name.strip_prefix(WHITEOUT.as_bytes()) {
                let gone = folder.join(OsStr::from_bytes(gone));
                self.nodes.remove(&gone);
                self.remove_below(&gone);
            } else {
                let node = match entry.header().entry_type() {
                    EntryType::Directory => Node::Folder,
                    EntryType::Symlink => Node::Link(names.link(&entry)?),
                    EntryType::Link => {
                        let target = inside(&names.link(&entry)?).unwrap_or_default();
                        let known = own.get(&target).or_else(|| self.nodes.get(&target));
                        known.cloned().unwrap_or(Node::Other)
                    }
                    _ => match Packed::of(&path) {
                        // one that cannot be read says nothing of its kernel
                        Some(packed) => {
                            KernelModule::read(&mut entry, packed).map_or(Node::Other, Node::Module)
                        }
                        None => Node::Other,
                    },
                };
                own.insert(path, node);
            }
        }
        for (path, node) in own {
            if node != Node::Folder {
                self.remove_below(&path);
            }
            self.nodes.insert(path, node);
        }
        Ok(())
    }

    fn remove_below(&mut self, folder: &Path) {
        let from = (Bound::Excluded(folder.to_owned()), Bound::Unbounded);
        let below = self.nodes.range(from).map(|(path, _)| path);
        let below: Vec<PathBuf> = below
            .take_while(|path| path.starts_with(folder))
            .cloned()
            .collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }
}

/// A member's name as a path from the root; none: it is the root, or leads out of it.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    (plain != Path::new("")).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::kernel_module::tests::module;

    fn layer(files: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, kind, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o755);
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_size(0);
                let target = String::from_utf8(bytes.to_vec()).unwrap();
                tar.append_link(&mut header, name, target).unwrap();
            } else {
                header.set_size(bytes.len() as u64);
                tar.append_data(&mut header, name, *bytes).unwrap();
            }
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn a_layer_hides_what_is_below_as_it_says() {
        let ko = module(183, "6.1 SMP");
        let (file, folder) = (EntryType::Regular, EntryType::Directory);
        let mut base = Base::default();
        let lowest = layer(&[
            ("lib", EntryType::Symlink, b"usr/lib"),
            ("usr/", folder, b""),
            ("usr/lib/", folder, b""),
            ("usr/lib/a.ko", file, &ko),
            ("usr/lib/b.ko", EntryType::Link, b"usr/lib/a.ko"),
            ("usr/lib/c.ko", file, b"no module"),
            ("etc/", folder, b""),
            ("etc/x", file, b""),
            ("opt/", folder, b""),
            ("opt/y/", folder, b""),
            ("opt/y/z", file, b""),
            ("var/", folder, b""),
            ("var/old", file, b""),
        ]);
        base.layer(lowest.as_slice()).unwrap();
        let modules = |base: &Base| base.modules().count();
        assert_eq!(modules(&base), 2);
        let link = Node::Link("usr/lib".into());
        assert_eq!(base.node(Path::new("lib")), Some(&link));
        assert_eq!(base.node(Path::new("usr/lib/c.ko")), Some(&Node::Other));
        let upper = layer(&[
            ("usr/lib/.wh.a.ko", file, b""),
            ("etc", file, b""),
            ("opt/.wh.y", file, b""),
            ("var/.wh..wh..opq", file, b""),
            ("var/new", file, b""),
        ]);
        base.layer(upper.as_slice()).unwrap();
        assert_eq!(modules(&base), 1);
        for (name, there) in [
            ("etc", true),
            ("etc/x", false),
            ("opt", true),
            ("opt/y/z", false),
            ("var/old", false),
            ("var/new", true),
        ] {
            assert_eq!(base.node(Path::new(name)).is_some(), there, "{name}");
        }
    }

    #[test]
    fn names_are_taken_from_the_root() {
        assert_eq!(inside(Path::new("./a//b/")), Some("a/b".into()));
        assert_eq!(inside(Path::new("/a")), Some("a".into()));
        for name in ["", ".", "/", "../a", "a/../../b"] {
            assert_eq!(inside(Path::new(name)), None, "{name}");
        }
    }
}
