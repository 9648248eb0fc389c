//! Every toolchain of every source, in one shape.

use std::collections::BTreeMap;

use super::{Arch, Bits, Catalog, Compiler, Endian, SourceKind, SourceTarget};
use crate::id::{ArchId, EraId, FileName, PinId, ToolchainId};
use crate::version::{KernelVersion, ToolVersion};

/// A toolchain: what it is, and what its source needs to make it.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Its id.
    pub id: ToolchainId,
    /// Where it comes from.
    pub source: SourceKind,
    /// The arch it compiles for.
    pub arch: ArchId,
    /// Its compiler.
    pub compiler: Compiler,
    /// binutils; none where nobody recorded it, or where LLVM has its own tools.
    pub binutils: Option<ToolVersion>,
    /// libc and its version (`musl-1.2.5`); none: without one, for kernels only.
    pub libc: Option<String>,
    /// Kernel headers that the libc was built with, as far as known.
    pub linux_headers: Option<String>,
    /// The oldest kernel that programs linked by it start on; none: no limit is known.
    pub oldest_kernel: Option<KernelVersion>,
    /// Target triple: the prefix of its programs' names.
    pub target: String,
    /// What is appended to the compiler's name: Debian's `-12`, or nothing.
    pub suffix: String,
    /// Nix systems that its programs run on.
    pub systems: Vec<&'static str>,
    /// Tags that constraints ask for: `elfv1`.
    pub properties: Vec<String>,
    /// What only its source has.
    pub origin: Origin,
}

impl Toolchain {
    /// The libc's name without its version.
    pub fn libc_name(&self) -> Option<&str> {
        let libc = self.libc.as_deref()?;
        Some(libc.split_once('-').map_or(libc, |(name, _)| name))
    }

    /// Whether programs linked by it start on `kernel`.
    pub fn programs_start_on(&self, kernel: &KernelVersion) -> bool {
        libc_starts_on(self.libc.as_deref(), self.oldest_kernel.as_ref(), kernel)
    }
}

/// Whether a libc, which asks for a kernel from `oldest` on, starts on `kernel`; without a libc nothing does.
pub fn libc_starts_on(
    libc: Option<&str>,
    oldest: Option<&KernelVersion>,
    kernel: &KernelVersion,
) -> bool {
    libc.is_some() && oldest.is_none_or(|oldest| oldest.numbers() <= kernel.numbers())
}

/// What only one source has.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Debian's packages.
    Debian {
        /// Suite they are from.
        suite: String,
        /// The cross packages.
        pins: Vec<PinId>,
        /// The libraries that its programs run with.
        runtime_pins: Vec<PinId>,
    },
    /// Debian's packages of LLVM, which compile for other arches as well: the key of what serves them all in `debian.json`.
    Llvm {
        /// The key.
        shared: ToolchainId,
    },
    /// Bootlin's tarball.
    Bootlin {
        /// Its file name.
        file: FileName,
        /// Its directory there: `armv5-eabi`.
        arch_dir: String,
        /// `stable` or `bleeding-edge`.
        flavour: String,
        /// `2024.05-1`.
        release: String,
        /// Whether the project put it there.
        overridden: bool,
    },
    /// An archive of kernel.org's: its key in `korg.json`. One of LLVM compiles for other arches as well.
    Korg {
        /// The key.
        archive: ToolchainId,
    },
    /// Built from source: the key of its definition in `source-toolchains.json`, and the eras it is meant for.
    Source {
        /// The definition.
        definition: ToolchainId,
        /// The eras.
        eras: Vec<EraId>,
        /// The components that the project replaced by files of its own.
        overridden: Vec<PinId>,
    },
}

impl Toolchain {
    /// The file of `matrix/` that has it, and the entry there.
    pub fn place(&self) -> (&'static str, [&str; 2]) {
        match &self.origin {
            Origin::Debian { .. } => ("debian.json", ["toolchains", self.id.as_str()]),
            Origin::Llvm { shared } => ("debian.json", ["llvm", shared.as_str()]),
            Origin::Bootlin { file, .. } => ("bootlin.json", ["tarballs", file.as_str()]),
            Origin::Korg { archive } if self.compiler.clang().is_some() => {
                ("korg.json", ["llvm", archive.as_str()])
            }
            Origin::Korg { archive } => ("korg.json", ["gcc", archive.as_str()]),
            // the file has no sections, and an entry names its arches
            Origin::Source { definition, .. } => {
                ("source-toolchains.json", [definition.as_str(), "arches"])
            }
        }
    }

    /// The key of what it is built from, if that is one thing for several arches.
    pub fn shared(&self) -> Option<&ToolchainId> {
        match &self.origin {
            Origin::Llvm { shared } => Some(shared),
            Origin::Korg { archive } if self.compiler.clang().is_some() => Some(archive),
            _ => None,
        }
    }

    /// Whether it is made of other bytes than kflake pins.
    pub fn is_overridden(&self) -> bool {
        match &self.origin {
            Origin::Source { overridden, .. } => !overridden.is_empty(),
            Origin::Bootlin { overridden, .. } => *overridden,
            _ => false,
        }
    }
}

/// The only systems that the prebuilt toolchains run on.
const PREBUILT_SYSTEMS: &[&str] = &["x86_64-linux"];
/// The systems that a toolchain can be built on from source: gcc's own scripts know 64-bit ARM hosts from 4.8 on.
fn source_systems(gcc: &ToolVersion) -> Vec<&'static str> {
    let since: Option<ToolVersion> = "4.8".parse().ok();
    if since.is_some_and(|since| *gcc >= since) {
        vec!["x86_64-linux", "aarch64-linux"]
    } else {
        vec!["x86_64-linux"]
    }
}

/// What ends the id of a toolchain that is made of other bytes than the pinned ones: it goes by another name.
fn mark(overridden: bool) -> &'static str {
    if overridden { "+override" } else { "" }
}

/// The components of `definition` that the project replaced.
fn overridden(catalog: &Catalog, definition: &super::SourceToolchain) -> Vec<PinId> {
    let pins = &catalog.components.components;
    definition
        .components()
        .filter_map(|(_, id)| pins.get(&id)?.overridden.then_some(id))
        .collect()
}

/// Every toolchain of every source, by id.
pub(super) fn all(catalog: &Catalog) -> BTreeMap<ToolchainId, Toolchain> {
    let list = each(catalog).map(|toolchain| (toolchain.id.clone(), toolchain));
    list.collect()
}

/// Every toolchain of every source, source by source: two of them may claim one id.
pub(super) fn each(catalog: &Catalog) -> impl Iterator<Item = Toolchain> + '_ {
    debian(catalog)
        .chain(llvm(catalog))
        .chain(bootlin(catalog))
        .chain(korg(catalog))
        .chain(from_source(catalog))
}

fn debian(catalog: &Catalog) -> impl Iterator<Item = Toolchain> + '_ {
    catalog.debian.toolchains.iter().map(|(id, it)| Toolchain {
        id: id.clone(),
        source: SourceKind::Debian,
        arch: it.arch.clone(),
        compiler: Compiler::Gcc(it.gcc.clone()),
        binutils: Some(it.binutils.clone()),
        libc: Some(it.libc.clone()),
        linux_headers: it.linux_headers.as_ref().map(ToString::to_string),
        oldest_kernel: it.oldest_kernel.clone(),
        target: it.target.clone(),
        suffix: it.suffix.clone(),
        systems: PREBUILT_SYSTEMS.to_vec(),
        properties: it.properties.clone(),
        origin: Origin::Debian {
            suite: it.suite.clone(),
            pins: it.pins.clone(),
            runtime_pins: it.runtime_pins.clone(),
        },
    })
}

/// One version of LLVM is a toolchain for each arch that it compiles for.
fn llvm(catalog: &Catalog) -> impl Iterator<Item = Toolchain> + '_ {
    catalog.debian.llvm.iter().flat_map(move |(id, it)| {
        let arches = it.arches.iter();
        arches.filter_map(move |arch| {
            Some(Toolchain {
                suffix: it.suffix.clone(),
                ..one_llvm(
                    catalog,
                    id,
                    &it.clang,
                    arch,
                    Origin::Llvm { shared: id.clone() },
                )?
            })
        })
    })
}

/// What LLVM is for `arch`: no suffix, no libc, and the programs of x86_64.
fn one_llvm(
    catalog: &Catalog,
    id: &ToolchainId,
    clang: &ToolVersion,
    arch: &ArchId,
    origin: Origin,
) -> Option<Toolchain> {
    Some(Toolchain {
        id: format!("{id}-{arch}").parse().ok()?,
        source: SourceKind::Llvm,
        arch: arch.clone(),
        compiler: Compiler::Clang(clang.clone()),
        binutils: None,
        libc: None,
        linux_headers: None,
        oldest_kernel: None,
        target: catalog.arches.get(arch)?.debian_triple.clone()?,
        suffix: String::new(),
        systems: PREBUILT_SYSTEMS.to_vec(),
        properties: vec![],
        origin,
    })
}

/// An archive of gcc is one toolchain, one of LLVM a toolchain for each arch that it compiles for.
fn korg(catalog: &Catalog) -> impl Iterator<Item = Toolchain> + '_ {
    let origin = |id: &ToolchainId| Origin::Korg {
        archive: id.clone(),
    };
    let gcc = catalog.korg.gcc.iter().map(move |(id, it)| Toolchain {
        id: id.clone(),
        source: SourceKind::Korg,
        arch: it.arch.clone(),
        compiler: Compiler::Gcc(it.gcc.clone()),
        binutils: Some(it.binutils.clone()),
        libc: None,
        linux_headers: None,
        oldest_kernel: None,
        target: it.target.clone(),
        suffix: String::new(),
        systems: vec![it.system.as_str()],
        properties: it.properties.clone(),
        origin: origin(id),
    });
    let llvm = catalog.korg.llvm.iter().flat_map(move |(id, it)| {
        let arches = it.arches.iter();
        arches.filter_map(move |arch| {
            Some(Toolchain {
                systems: vec![it.system.as_str()],
                ..one_llvm(catalog, id, &it.clang, arch, origin(id))?
            })
        })
    });
    gcc.chain(llvm)
}

/// A tarball is a toolchain for each arch that names its directory; one whose gcc nobody knows is none.
fn bootlin(catalog: &Catalog) -> impl Iterator<Item = Toolchain> + '_ {
    let mut arches_of = BTreeMap::<&str, Vec<(&ArchId, &super::BootlinArch)>>::new();
    for (id, arch) in &catalog.arches {
        for variant in &arch.bootlin {
            arches_of
                .entry(&variant.name)
                .or_default()
                .push((id, variant));
        }
    }
    let tarballs = catalog.bootlin.tarballs.iter();
    tarballs.flat_map(move |(file, tarball)| {
        let users = arches_of.get(tarball.arch_dir.as_str());
        let users = users.cloned().unwrap_or_default();
        users
            .into_iter()
            .enumerate()
            .filter_map(move |(n, (arch, variant))| {
                // two arches may share a directory; the second says which it is
                let suffix = if n == 0 {
                    String::new()
                } else {
                    format!("-{arch}")
                };
                bootlin_one(catalog, file, tarball, arch, variant, &suffix)
            })
    })
}

fn bootlin_one(
    catalog: &Catalog,
    file: &FileName,
    tarball: &super::BootlinTarball,
    arch: &ArchId,
    variant: &super::BootlinArch,
    suffix: &str,
) -> Option<Toolchain> {
    let key = format!("{}/{}", tarball.release, tarball.flavour);
    let release = catalog.bootlin.releases.get(&key);
    let of_release = |pick: fn(&super::BootlinRelease) -> &Option<super::Confident>| {
        let known = release.filter(|_| tarball.vendor.is_none());
        known.and_then(|release| pick(release).as_ref().map(|known| known.version.clone()))
    };
    let (triple, libc_version) = match tarball.libc.as_str() {
        "musl" => (&variant.triples.musl, of_release(|it| &it.musl)),
        "glibc" => (&variant.triples.glibc, of_release(|it| &it.glibc)),
        "uclibc" => (&variant.triples.uclibc, of_release(|it| &it.uclibc)),
        _ => return None,
    };
    let super::BootlinTarball {
        arch_dir,
        libc,
        flavour,
        release: name,
        overridden,
        ..
    } = tarball;
    let mark = mark(*overridden);
    let id = format!("bootlin-{name}-{arch_dir}-{libc}-{flavour}{suffix}{mark}");
    let linux_headers = tarball
        .linux_headers
        .clone()
        .or_else(|| of_release(|it| &it.linux_headers))
        .map(|version| version.to_string());
    // Buildroot configures glibc with --enable-kernel=<version of the headers>; the other libcs start on any kernel
    let oldest_kernel = match libc.as_str() {
        "glibc" => linux_headers.as_deref().and_then(|it| it.parse().ok()),
        _ => None,
    };
    Some(Toolchain {
        id: id.parse().ok()?,
        source: SourceKind::Bootlin,
        arch: arch.clone(),
        compiler: Compiler::Gcc(tarball.gcc.clone().or_else(|| of_release(|it| &it.gcc))?),
        binutils: tarball
            .binutils
            .clone()
            .or_else(|| of_release(|it| &it.binutils)),
        libc: Some(match libc_version {
            Some(version) => format!("{libc}-{version}"),
            None => libc.clone(),
        }),
        linux_headers,
        oldest_kernel,
        target: triple.clone()?,
        suffix: String::new(),
        systems: PREBUILT_SYSTEMS.to_vec(),
        properties: variant.properties.get(libc).cloned().unwrap_or_default(),
        origin: Origin::Bootlin {
            file: file.clone(),
            arch_dir: arch_dir.clone(),
            flavour: flavour.clone(),
            release: name.clone(),
            overridden: *overridden,
        },
    })
}

/// A definition is a toolchain for each arch it names that has a target for it: `musl-9.4.0-armel`.
fn from_source(catalog: &Catalog) -> impl Iterator<Item = Toolchain> + '_ {
    let definitions = catalog.source_toolchains.iter();
    definitions.flat_map(move |(id, definition)| {
        definition.arches.iter().filter_map(move |arch| {
            let facts = catalog.arches.get(arch)?;
            let source = facts.source.as_ref()?;
            let (target, libc) = match definition.source {
                SourceKind::Musl => {
                    let version = definition.musl.as_ref()?;
                    (source.musl.clone()?, Some(format!("musl-{version}")))
                }
                _ => (source.kernel_only.clone()?, None),
            };
            let overridden = overridden(catalog, definition);
            let mark = mark(!overridden.is_empty());
            let mut properties = definition.properties.clone();
            properties.extend(configured_properties(facts, source, libc.is_some()));
            Some(Toolchain {
                id: format!("{id}-{arch}{mark}").parse().ok()?,
                source: definition.source,
                arch: arch.clone(),
                compiler: Compiler::Gcc(definition.gcc.clone()),
                binutils: Some(definition.binutils.clone()),
                libc,
                linux_headers: definition.linux_headers.clone(),
                oldest_kernel: None,
                target,
                suffix: String::new(),
                systems: source_systems(&definition.gcc),
                properties,
                origin: Origin::Source {
                    overridden,
                    definition: id.clone(),
                    eras: definition.eras.clone(),
                },
            })
        })
    })
}

/// What gcc's own configuration makes of the compiler: `--with-arch=armv7-a` and `--with-abi=elfv2` are tags of that name;
/// a big-endian powerpc64 compiler that is told nothing defaults to ELFv1, and compiles for 32 bits too.
fn configured_properties(arch: &Arch, source: &SourceTarget, with_musl: bool) -> Vec<String> {
    let with_musl = source.gcc_configure_musl.iter().filter(|_| with_musl);
    let options: Vec<&str> = source
        .gcc_configure
        .iter()
        .chain(with_musl)
        .map(String::as_str)
        .collect();
    let value = |name: &str| options.iter().find_map(|option| option.strip_prefix(name));
    let mut properties = vec![];
    properties.extend(value("--with-arch=").map(str::to_owned));
    if arch.linux_arch == "powerpc" && arch.bits == Bits::B64 {
        let default = match arch.endian {
            Endian::Big => "elfv1",
            Endian::Little => "elfv2",
        };
        properties.push(value("--with-abi=").unwrap_or(default).to_owned());
        properties.push("multilib-32".into());
    }
    properties
}
