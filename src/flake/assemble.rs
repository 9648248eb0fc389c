//! The model out of the catalog: what each range of kernels gets, and everything that this needs.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::groups;
use super::lock;
use super::model::{
    Arch, Board, Cell, Era, Fix, Flake, InitrdPlace, Interpreter, Interval, KernelFile,
    KernelFolder, KernelHash, Kernels, Matrix, Model, Outcome, Pin, SourceBuild, Sources, Table,
    Tables, Toolchain, VersionRange,
};
use super::stand_in::cell_kernel;
use crate::catalog::{
    self, Catalog, ComponentKind, Endian, KernelPin, Origin, PinnedFile, Purpose, SourceKind, Vga,
};
use crate::id::{ArchId, EraId, PinId, Suite, ToolchainId};
use crate::packages::Packages;
use crate::resolve::{self, Answer, Resolver, SourceOrder};
use crate::version::{KernelVersion, Range, ToolVersion};

/// What the caller decides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The sources of toolchains that may be taken, in order; empty: each era's own order.
    pub sources: Vec<SourceKind>,
    /// Toolchains to have besides those that the resolver takes.
    pub include: Vec<ToolchainId>,
    /// The package set that the flake names, unless `nixpkgs` says otherwise.
    pub packages: Packages,
    /// The suite of the tools in `debian-packages/`, where `packages` names none; none: the default one.
    pub suite: Option<Suite>,
    /// What an existing flake.lock has as nixpkgs.
    pub nixpkgs: Option<lock::Choice>,
}

/// A folder of the kernel archive is listed as such from this many tarballs on.
const FOLDER_MIN: usize = 3;

/// The model of `catalog`, with the inputs that flake.nix has.
pub fn model(catalog: &Catalog, options: &Options, inputs: &[lock::Input]) -> Model {
    let resolver = Resolver::new(catalog, SourceOrder::from(options.sources.clone()));
    let tables = Tables {
        kernel: tables(catalog, &resolver, Purpose::Kernel),
        userland: tables(catalog, &resolver, Purpose::Userland),
    };
    let cells = cells(catalog, &resolver);
    let stock = stock(catalog, &resolver);
    let groups = groups(catalog, &options.sources);
    let used: BTreeSet<&str> = chosen(&tables)
        .chain(cells.values().map(|cell| cell.toolchain.as_str()))
        .chain(stock.values().map(|cell| cell.toolchain.as_str()))
        .chain(options.include.iter().map(ToolchainId::as_str))
        .chain(
            groups
                .values()
                .flat_map(|group| group.values().map(String::as_str)),
        )
        .collect();
    let used = used
        .into_iter()
        .filter_map(|id| catalog.toolchains().get_key_value(id));
    let used: Vec<(&ToolchainId, &catalog::Toolchain)> = used.collect();

    let mut runtimes = Runtimes::default();
    let toolchains: BTreeMap<String, Toolchain> = used
        .iter()
        .map(|(id, it)| (id.to_string(), toolchain(catalog, it, &mut runtimes)))
        .collect();
    let systems: BTreeSet<String> = toolchains
        .values()
        .flat_map(|toolchain| toolchain.systems.iter().cloned())
        .collect();
    Model {
        sources: Sources {
            mirrors: catalog
                .mirrors
                .iter()
                .map(|(scheme, urls)| (scheme.to_string(), urls.clone()))
                .collect(),
            pins: used.iter().flat_map(|(_, it)| pins(catalog, it)).collect(),
        },
        matrix: Matrix {
            eras: eras(catalog),
            arches: arches(catalog),
            patches: patches(catalog, &toolchains),
            shared: shared(catalog, &toolchains),
            toolchains,
            runtimes: runtimes.by_name,
            boards: boards(catalog),
            cells,
            stock,
            groups,
        },
        kernels: kernels(catalog),
        tables,
        fixes: fixes(catalog),
        flake: flake(inputs, systems),
    }
}

fn flake(inputs: &[lock::Input], systems: BTreeSet<String>) -> Flake {
    let url = |name: &str| {
        let input = inputs.iter().find(|input| input.name == name);
        input.map(lock::Input::url)
    };
    // the first is the default of builders that are not told
    let mut systems: Vec<String> = systems.into_iter().collect();
    systems.sort_by_key(|system| system != "x86_64-linux");
    Flake {
        folder: inputs.iter().any(lock::Input::is_folder),
        nixpkgs: url("nixpkgs").unwrap_or_default(),
        musl_cross_make: url("musl-cross-make"),
        systems,
    }
}

fn eras(catalog: &Catalog) -> BTreeMap<String, Era> {
    let eras = catalog.eras.iter().map(|(id, era)| {
        let era = Era {
            name: id.to_string(),
            from: era.from.to_string(),
            below: era.below.as_ref().map(ToString::to_string),
        };
        (id.attr(), era)
    });
    eras.collect()
}

fn arches(catalog: &Catalog) -> BTreeMap<String, Arch> {
    let arches = catalog.arches.iter().map(|(id, it)| {
        let arch = Arch {
            linux_arch: it.linux_arch.clone(),
            bits: it.bits.into(),
            endian: match it.endian {
                Endian::Big => "big",
                Endian::Little => "little",
            },
            elf_machine: it.elf_machine,
            uname: it.uname.clone(),
            cpu_family: it.cpu_family.clone().unwrap_or_else(|| id.to_string()),
            systemd: it.systemd.clone().unwrap_or_else(|| id.to_string()),
            interpreter: Interpreter {
                glibc: it.interpreter.glibc.clone(),
                musl: it.interpreter.musl.clone(),
                uclibc: it.interpreter.uclibc.clone(),
            },
            boards: catalog
                .boards_of(id)
                .map(|(id, _)| id.to_string())
                .collect(),
        };
        (id.to_string(), arch)
    });
    arches.collect()
}

fn boards(catalog: &Catalog) -> BTreeMap<String, Board> {
    let boards = catalog.boards.iter().map(|(id, it)| {
        let kernel_arch = it.kernel_arch.clone().or_else(|| {
            let arch = catalog.arches.get(&it.arch)?;
            Some(arch.linux_arch.clone())
        });
        let board = Board {
            arch: it.arch.to_string(),
            from: it.kernel.from.as_ref().map(ToString::to_string),
            below: it.kernel.below.as_ref().map(ToString::to_string),
            qemu: it.qemu.to_string(),
            machine: it.machine.to_string(),
            cpu: it.cpu.as_ref().map(ToString::to_string),
            cpus: it.cpus.map(Into::into),
            mem: it.mem.to_string(),
            firmware: it.firmware.as_ref().map(ToString::to_string),
            vga: it.vga.map(Vga::as_str),
            devices: it.devices.iter().map(|device| device.as_str()).collect(),
            second_serial: it.second_serial,
            icount: it.icount,
            console: it.console.clone(),
            cmdline: it.cmdline.clone(),
            kernel_arch: kernel_arch.unwrap_or_default(),
            image: it.image.to_string(),
            make_target: it.make_target.to_string(),
            defconfig: it.defconfig.as_ref().map(ToString::to_string),
            enable: it.enable.clone(),
            disable: it.disable.clone(),
            dtb: it.dtb.as_ref().map(ToString::to_string),
            initrd_place: it.initrd_place.as_ref().map(|place| InitrdPlace {
                address: place.address.to_string(),
                cmdline: place.cmdline.clone(),
            }),
        };
        (id.to_string(), board)
    });
    boards.collect()
}

fn tables(catalog: &Catalog, resolver: &Resolver<'_>, purpose: Purpose) -> Vec<Table> {
    let tables = catalog.arches.keys().map(|arch| Table {
        arch: arch.to_string(),
        intervals: resolver
            .intervals(arch, purpose)
            .into_iter()
            .filter_map(interval)
            .collect(),
    });
    tables.collect()
}

/// None for what no era covers: there, resolve.nix says so before it looks at a table.
fn interval(it: resolve::Interval) -> Option<Interval> {
    let outcome = match it.outcome {
        Answer::Toolchain(id) => Outcome::Use(id.to_string()),
        Answer::Unsupported(reason) => Outcome::Unsupported(reason),
        Answer::NoToolchain(reason) => Outcome::NoToolchain(reason),
        Answer::NoEra => return None,
    };
    Some(Interval {
        from: it.from.map(|version| version.to_string()),
        below: it.below.map(|version| version.to_string()),
        outcome,
    })
}

fn chosen(tables: &Tables) -> impl Iterator<Item = &str> {
    let tables = tables.kernel.iter().chain(&tables.userland);
    let intervals = tables.flat_map(|table| &table.intervals);
    intervals.filter_map(|interval: &Interval| match &interval.outcome {
        Outcome::Use(id) => Some(id.as_str()),
        Outcome::Unsupported(_) | Outcome::NoToolchain(_) => None,
    })
}

/// A cell for each era and arch whose representative kernel has a toolchain.
fn cells(catalog: &Catalog, resolver: &Resolver<'_>) -> BTreeMap<String, Cell> {
    let mut cells = BTreeMap::new();
    for (id, era) in &catalog.eras {
        let version = cell_kernel(catalog, era);
        let arches = catalog.arches.keys();
        cells.extend(arches.filter_map(|arch| cell(catalog, resolver, id, arch, version)));
    }
    cells
}

/// The eras' own kernels on the arches for which they are built as they are, where there is a toolchain for them.
fn stock(catalog: &Catalog, resolver: &Resolver<'_>) -> BTreeMap<String, Cell> {
    let mut cells = BTreeMap::new();
    for (id, era) in &catalog.eras {
        let arches = era.stock_arches.iter();
        cells.extend(arches.filter_map(|arch| cell(catalog, resolver, id, arch, &era.kernel)));
    }
    cells
}

/// The cell of `version` by its name, if a toolchain builds it.
fn cell(
    catalog: &Catalog,
    resolver: &Resolver<'_>,
    era: &EraId,
    arch: &ArchId,
    version: &KernelVersion,
) -> Option<(String, Cell)> {
    let resolution = resolver.decide(version, arch, Purpose::Kernel).ok()?;
    let board = catalog.board_for(arch, version);
    let cell = Cell {
        era: era.attr(),
        arch: arch.to_string(),
        toolchain: resolution.toolchain.id.to_string(),
        kernel: catalog
            .kernels
            .get_key_value(version)
            .map(|(version, _)| version.to_string()),
        board: board.map(|(id, _)| id.to_string()),
        reasons: resolution.reasons(),
    };
    Some((format!("{}-{arch}", era.attr()), cell))
}

/// Lists of host libraries, each once.
#[derive(Default)]
struct Runtimes {
    by_name: BTreeMap<String, Vec<String>>,
}

impl Runtimes {
    /// The name of a list: that of the suite that its first pin is from, numbered where a suite has several.
    fn name(&mut self, pins: Vec<String>) -> Option<String> {
        let suite = pins.first()?.split('/').nth(1)?.to_owned();
        let names = std::iter::once(suite.clone()).chain((2..).map(|n| format!("{suite}-{n}")));
        for name in names {
            match self.by_name.get(&name) {
                Some(known) if *known != pins => {}
                Some(_) => return Some(name),
                None => {
                    self.by_name.insert(name.clone(), pins);
                    return Some(name);
                }
            }
        }
        None
    }
}

/// The patches of the components that toolchains are built from, by component.
fn patches(
    catalog: &Catalog,
    toolchains: &BTreeMap<String, Toolchain>,
) -> BTreeMap<String, Vec<String>> {
    let builds = toolchains.values().filter_map(|it| it.build.as_ref());
    let ids: BTreeSet<&String> = builds
        .flat_map(|build| ["gcc", "binutils", "musl"].map(|kind| build.components[kind].as_ref()))
        .flatten()
        .collect();
    let patched = ids.into_iter().filter_map(|id| {
        let component = catalog.components.components.get(id.as_str())?;
        (!component.patches.is_empty()).then(|| (id.clone(), component.patches.clone()))
    });
    patched.collect()
}

fn toolchain(catalog: &Catalog, it: &catalog::Toolchain, runtimes: &mut Runtimes) -> Toolchain {
    let ids = |ids: &[PinId]| ids.iter().map(debian_pin).collect();
    let (pins, runtime_pins) = match &it.origin {
        Origin::Debian {
            pins, runtime_pins, ..
        } => (ids(pins), ids(runtime_pins)),
        Origin::Llvm { shared } => {
            let it = catalog.debian.llvm.get(shared);
            it.map(|it| (ids(&it.pins), ids(&it.runtime_pins)))
                .unwrap_or_default()
        }
        Origin::Bootlin { file, .. } => (vec![format!("bootlin/{file}")], vec![]),
        Origin::Korg { archive } => (vec![korg_pin(archive)], vec![]),
        Origin::Source { .. } => (vec![], vec![]),
    };
    Toolchain {
        source: it.source.as_str(),
        arch: it.arch.to_string(),
        gcc: it.compiler.gcc().map(ToString::to_string),
        clang: it.compiler.clang().map(ToString::to_string),
        binutils: it.binutils.as_ref().map(ToString::to_string),
        libc: it.libc.clone(),
        oldest_kernel: it.oldest_kernel.as_ref().map(ToString::to_string),
        target: it.target.clone(),
        suffix: it.suffix.clone(),
        systems: it.systems.iter().map(ToString::to_string).collect(),
        pins,
        runtime: runtimes.name(runtime_pins),
        shared: it.shared().map(ToString::to_string),
        build: build(catalog, it),
    }
}

fn debian_pin(id: &PinId) -> String {
    format!("debian/{id}")
}

fn korg_pin(id: &ToolchainId) -> String {
    format!("korg/{id}")
}

fn debian_pins(catalog: &Catalog, pins: &[PinId], more: &[PinId]) -> Vec<(String, Pin)> {
    let ids = pins.iter().chain(more);
    let known = ids.filter_map(|id| catalog.debian.pins.get_key_value(id));
    known
        .map(|(id, pin)| (debian_pin(id), fetched(pin.pinned(id))))
        .collect()
}

/// What toolchains that are for several architectures compile for: target triples by architecture.
fn shared(
    catalog: &Catalog,
    toolchains: &BTreeMap<String, Toolchain>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let used: BTreeSet<&String> = toolchains
        .values()
        .filter_map(|it| it.shared.as_ref())
        .collect();
    let targets = |id: &ToolchainId| -> BTreeMap<String, String> {
        let all = catalog.toolchains().values();
        let served = all.filter(|it| it.shared() == Some(id));
        served
            .map(|it| (it.arch.to_string(), it.target.clone()))
            .collect()
    };
    let known = catalog.debian.llvm.keys().chain(catalog.korg.llvm.keys());
    known
        .filter(|id| used.contains(&id.to_string()))
        .map(|id| (id.to_string(), targets(id)))
        .collect()
}

/// The pins that a toolchain is made of.
fn pins(catalog: &Catalog, it: &catalog::Toolchain) -> Vec<(String, Pin)> {
    match &it.origin {
        Origin::Debian {
            pins, runtime_pins, ..
        } => debian_pins(catalog, pins, runtime_pins),
        Origin::Llvm { shared } => {
            let it = catalog.debian.llvm.get(shared);
            it.map(|it| debian_pins(catalog, &it.pins, &it.runtime_pins))
                .unwrap_or_default()
        }
        Origin::Bootlin { file, .. } => {
            let tarball = catalog.bootlin.tarballs.get(file);
            tarball
                .map(|tarball| (format!("bootlin/{file}"), fetched(tarball.pinned(file))))
                .into_iter()
                .collect()
        }
        Origin::Korg { archive } => {
            let known = catalog.korg.archives().find(|it| it.id == archive);
            known
                .map(|it| (korg_pin(archive), fetched(it.pinned())))
                .into_iter()
                .collect()
        }
        Origin::Source { .. } => {
            let build = build(catalog, it);
            let components = build.into_iter().flat_map(|build| build.components);
            let ids = components.filter_map(|(_, id)| id);
            ids.filter_map(|name| {
                let known = &catalog.components.components;
                let (id, component) = known.get_key_value(name.as_str())?;
                Some((name, fetched(component.pinned(id)?)))
            })
            .collect()
        }
    }
}

/// A pinned file as the flake fetches it.
fn fetched(file: PinnedFile) -> Pin {
    Pin {
        name: file.name,
        urls: file.url.iter().map(ToString::to_string).collect(),
        hash: file.sha256.sri(),
        size: file.size,
    }
}

/// How a toolchain is built from source, if it is.
fn build(catalog: &Catalog, it: &catalog::Toolchain) -> Option<SourceBuild> {
    let Origin::Source {
        definition,
        overridden,
        ..
    } = &it.origin
    else {
        return None;
    };
    let definition = catalog.source_toolchains.get(definition)?;
    let kinds = ["gcc", "binutils", "gmp", "mpfr", "mpc", "musl", "linux"];
    let mut components = BTreeMap::from(kinds.map(|kind| (kind, None)));
    for (kind, id) in definition.components() {
        let kind = match kind {
            ComponentKind::Gcc => "gcc",
            ComponentKind::Binutils => "binutils",
            ComponentKind::Gmp => "gmp",
            ComponentKind::Mpfr => "mpfr",
            ComponentKind::Mpc => "mpc",
            ComponentKind::Musl => "musl",
            ComponentKind::Linux => "linux",
            ComponentKind::Isl | ComponentKind::Other => continue,
        };
        components.insert(kind, Some(id.to_string()));
    }
    let target = catalog.arches.get(&it.arch)?.source.as_ref()?;
    let mut configure = target.gcc_configure.clone();
    if it.libc.is_some() {
        configure.extend(target.gcc_configure_musl.iter().cloned());
    }
    Some(SourceBuild {
        components,
        configure,
        overridden: overridden.iter().map(ToString::to_string).collect(),
    })
}

fn kernels(catalog: &Catalog) -> Kernels {
    let mut folders = BTreeMap::<(String, String), Vec<KernelHash>>::new();
    let mut others = Vec::new();
    for (version, pin) in &catalog.kernels {
        match usual_place(version, pin) {
            Some(place) => {
                let hash = (version.to_string(), pin.sha256.sri());
                folders.entry(place).or_default().push(hash);
            }
            None => others.push(version),
        }
    }
    folders.retain(|_, versions| {
        let listed = versions.len() >= FOLDER_MIN;
        if !listed {
            let known = versions.iter().filter_map(|it| {
                let version = it.0.parse::<KernelVersion>().ok()?;
                Some(catalog.kernels.get_key_value(&version)?.0)
            });
            others.extend(known);
        }
        listed
    });
    others.sort();
    Kernels {
        folders: folders
            .into_iter()
            .map(|((folder, extension), versions)| KernelFolder {
                folder,
                extension,
                versions,
            })
            .collect(),
        others: others
            .into_iter()
            .map(|version| KernelFile {
                version: version.to_string(),
                file: fetched(catalog.kernels[version].pinned(version)),
            })
            .collect(),
    }
}

/// Folder and extension of a tarball that is called `linux-VERSION.EXTENSION`.
fn usual_place(version: &KernelVersion, pin: &KernelPin) -> Option<(String, String)> {
    let url = pin.url.as_ref()?;
    let (folder, name) = url.as_str().rsplit_once('/')?;
    let extension = name.strip_prefix(&format!("linux-{version}."))?;
    let usual = !folder.contains('@')
        && pin.file.is_none()
        && pin.size.is_none()
        && extension.starts_with("tar.")
        && catalog::store_name(name) == name;
    usual.then(|| (folder.to_owned(), extension.to_owned()))
}

fn fixes(catalog: &Catalog) -> Vec<Fix> {
    let text = |version: &Option<KernelVersion>| version.as_ref().map(ToString::to_string);
    let fixes = catalog.fixes.iter().map(|(id, fix)| Fix {
        id: id.to_string(),
        from: text(&fix.kernel.from),
        below: text(&fix.kernel.below),
        arches: fix.arches.iter().map(ToString::to_string).collect(),
        gcc: fix.gcc.as_ref().map(tool_range),
        reason: fix.reason.clone(),
        apply: fix.apply.clone(),
    });
    fixes.collect()
}

fn tool_range(range: &Range<ToolVersion>) -> VersionRange {
    VersionRange {
        from: range.from.as_ref().map(ToString::to_string),
        below: range.below.as_ref().map(ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_kernels_are_the_eras_own_on_the_arches_that_they_name() {
        let mut catalog = Catalog::embedded().unwrap();
        // what stands for the era's cells in a project is no stock kernel
        let registered = "6.1.9999".parse().unwrap();
        let mut pin = catalog.kernels.values().next().unwrap().clone();
        pin.url = None;
        catalog.kernels.insert(registered, pin);
        let made = model(&catalog, &Options::default(), &[]);
        let rows: Vec<String> = made
            .matrix
            .stock
            .iter()
            .map(|(name, it)| format!("{name} {}", it.kernel.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(
            rows,
            [
                "k26-armel 2.6.31",
                "k3-mipsel 3.18.140",
                "k3-x86_64 3.18.140",
                "k4-arm64 5.10.229",
                "k6-x86_64 6.6",
                "k7-x86_64 7.1.9"
            ]
        );
        assert_eq!(
            made.matrix.cells["k6-x86_64"].kernel.as_deref(),
            Some("6.1.9999")
        );
        for (name, it) in &made.matrix.stock {
            assert!(made.matrix.toolchains.contains_key(&it.toolchain), "{name}");
            let board = &made.matrix.boards[it.board.as_ref().unwrap()];
            assert!(board.defconfig.is_some(), "{name}");
        }
        // without a toolchain there is nothing to build
        let none = Options {
            sources: vec![SourceKind::Korg],
            ..Options::default()
        };
        assert!(model(&catalog, &none, &[]).matrix.stock.is_empty());
    }

    #[test]
    fn a_file_is_fetched_under_the_name_that_it_is_imported_under() {
        let mut catalog = Catalog::embedded().unwrap();
        let id: PinId = "bookworm/libc6-armel-cross".parse().unwrap();
        let url = "mirror://debian/pool/libc6_2.36-9%2bdeb12u1%7e_amd64.deb";
        catalog.debian.pins.get_mut(&id).unwrap().url = url.parse().unwrap();
        let kernel = "6.1.9999".parse().unwrap();
        let escaped = "https://example.org/linux-6.1.9999.tar%2exz";
        let mut pin = catalog.kernels.values().next().unwrap().clone();
        pin.url = Some(escaped.parse().unwrap());
        pin.sha256 = crate::hash::Sha256::of_bytes(b"ours");
        catalog.kernels.insert(kernel, pin);

        let options = Options {
            sources: vec![SourceKind::Debian],
            ..Options::default()
        };
        let model = model(&catalog, &options, &[]);
        let imported: BTreeMap<String, String> = catalog
            .pinned_files()
            .into_iter()
            .map(|file| (file.sha256.sri(), file.name))
            .collect();
        let kernels = model.kernels.others.iter().map(|it| &it.file);
        let files: Vec<&Pin> = model.sources.pins.values().chain(kernels).collect();
        let named = |name: &str| files.iter().any(|file| file.name == name);
        assert!(named("libc6_2.36-9+deb12u1-_amd64.deb") && named("linux-6.1.9999.tar.xz"));
        for file in files {
            assert_eq!(Some(&file.name), imported.get(&file.hash), "{file:?}");
        }
        for folder in &model.kernels.folders {
            for it in &folder.versions {
                let name = format!("linux-{}.{}", it.0, folder.extension);
                assert_eq!(Some(&name), imported.get(&it.1));
            }
        }
    }
}
