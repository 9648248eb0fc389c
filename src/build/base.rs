//! What is in an image that another one is made on top of, as its layers say.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tar::EntryType;

use super::BuildError;
use super::kernel_module::{KernelModule, Packed};
use super::layer::WHITEOUT;
use super::oci::Layout;
use crate::files::{Members, unzstd};
use crate::hash::Hashing;

/// Takes away all that the layers below have in the folder that it is in.
const OPAQUE: &str = ".wh..wh..opq";
/// How much the layers of an image may unpack to, in GiB: more than any image that people run.
const GIBIBYTES: u64 = 64;
/// How many members the archives of its layers may have: no more than a machine's memory bears.
const MEMBERS: u64 = 4_000_000;

/// What is left for the layers of an image.
#[derive(Debug)]
struct Room {
    bytes: Cell<u64>,
    members: Cell<u64>,
}

impl Room {
    fn new() -> Room {
        Room {
            bytes: Cell::new(GIBIBYTES << 30),
            members: Cell::new(MEMBERS),
        }
    }

    fn take(left: &Cell<u64>, count: u64, what: impl FnOnce() -> String) -> io::Result<()> {
        let rest = left.get().checked_sub(count);
        left.set(rest.ok_or_else(|| io::Error::other(what()))?);
        Ok(())
    }

    fn member(&self) -> io::Result<()> {
        Room::take(&self.members, 1, || {
            format!("the image has more than {MEMBERS} files")
        })
    }
}

/// A layer that takes of that.
struct Within<'r, R> {
    layer: R,
    room: &'r Room,
}

impl<R: Read> Read for Within<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.layer.read(buffer)?;
        Room::take(&self.room.bytes, read as u64, || {
            format!("the image unpacks to more than {GIBIBYTES} GiB")
        })?;
        Ok(read)
    }
}

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
    /// When one cannot be read, is packed in a way that kflake does not know, or is not what the image's configuration says, or when
    /// there is more in them than in any image that people run.
    pub fn read(layout: &Layout) -> Result<Base, BuildError> {
        let room = Room::new();
        let mut base = Base::default();
        let config = layout.config()?;
        let ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array);
        let ids = ids.map_or(&[][..], Vec::as_slice);
        let count = layout.layers().count();
        if ids.len() != count {
            let reason = format!(
                "the number of its layers is {count}, and its configuration tells of {}",
                ids.len()
            );
            return Err(BuildError::Layout {
                path: layout.dir().to_owned(),
                reason,
            });
        }
        for ((path, media_type), id) in layout.layers().zip(ids) {
            let file = File::open(&path).map_err(BuildError::io(&path))?;
            let file = BufReader::new(file);
            let plain = "application/vnd.oci.image.layer.v1.tar";
            let tar: Box<dyn Read> = match media_type.strip_prefix(plain) {
                Some("") => Box::new(file),
                Some("+gzip") => Box::new(MultiGzDecoder::new(file)),
                Some("+zstd") => Box::new(unzstd(file)),
                _ => {
                    let kind: String = media_type.chars().take(100).collect();
                    let kind = crate::text::clean_line(&kind);
                    return Err(BuildError::Payload {
                        path: layout.dir().to_owned(),
                        reason: format!("kflake does not read layers of the type {kind:?}"),
                        help: "`skopeo copy --format oci --dest-compress-format gzip \
                               oci:DIR oci:NEW` makes an image that it reads"
                            .to_owned(),
                    });
                }
            };
            let mut tar = Hashing::new(Within {
                layer: tar,
                room: &room,
            });
            let read = base.layer(&mut tar, &room);
            // what follows the archive's end counts as well
            let read = read.and_then(|()| io::copy(&mut tar, &mut io::sink()));
            let odd = |reason: String| BuildError::Layout {
                path: path.clone(),
                reason,
            };
            read.map_err(|error| match error.raw_os_error() {
                Some(_) => BuildError::io(&path)(error),
                None => {
                    let said: String = error.to_string().chars().take(200).collect();
                    let said = crate::text::clean_line(&said);
                    odd(format!("the layer cannot be unpacked: {said}"))
                }
            })?;
            let (_, digest, _) = tar.finish();
            if id.as_str() != Some(&format!("sha256:{}", digest.hex())) {
                let reason = "the layer does not unpack to what the image's configuration says";
                return Err(odd(reason.to_owned()));
            }
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
    fn layer(&mut self, tar: impl Read, room: &Room) -> io::Result<()> {
        let mut own = BTreeMap::new();
        let mut names = Members::default();
        let mut tar = tar::Archive::new(tar);
        for entry in tar.entries()?.raw(true) {
            let mut entry = entry?;
            room.member()?;
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
                // else it would be the folder itself
                if gone.is_empty() {
                    continue;
                }
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
            // some that write layers leave the folders out
            let folders = path.ancestors().skip(1);
            for folder in folders.take_while(|it| *it != Path::new("")) {
                if self.nodes.contains_key(folder) {
                    break;
                }
                self.nodes.insert(folder.to_owned(), Node::Folder);
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
        base.layer(lowest.as_slice(), &Room::new()).unwrap();
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
            (".wh.", file, b""),
            ("srv/www/index", file, b""),
            ("var/new", file, b""),
        ]);
        base.layer(upper.as_slice(), &Room::new()).unwrap();
        assert_eq!(modules(&base), 1);
        for (name, there) in [
            ("etc", true),
            ("etc/x", false),
            ("opt", true),
            ("opt/y/z", false),
            ("var/old", false),
            ("var/new", true),
            ("srv/www", true),
            ("srv", true),
        ] {
            assert_eq!(base.node(Path::new(name)).is_some(), there, "{name}");
        }
    }

    #[test]
    fn a_layer_has_no_more_than_there_is_room_for() {
        let files: Vec<_> = ["a", "b", "c"]
            .map(|it| (it, EntryType::Regular, &b"x"[..]))
            .into();
        let layer = layer(&files);
        let read = |bytes: usize, members: u64| {
            let room = Room {
                bytes: Cell::new(bytes as u64),
                members: Cell::new(members),
            };
            let layer = Within {
                layer: layer.as_slice(),
                room: &room,
            };
            let read = Base::default().layer(layer, &room);
            read.map_err(|error| error.to_string())
        };
        assert_eq!(read(layer.len(), 3), Ok(()));
        let error = read(layer.len(), 2).unwrap_err();
        assert_eq!(error, "the image has more than 4000000 files");
        let error = read(1024, 3).unwrap_err();
        assert!(error.contains("unpacks to more than 64 GiB"), "{error}");
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
