//! What the templates render: the matrix in the shape of its Nix side. Fields are in the order of the files.

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything that the templates take.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// matrix.nix.
    pub matrix: Matrix,
    /// sources.nix.
    pub sources: Sources,
    /// kernels.nix.
    pub kernels: Kernels,
    /// resolve.nix.
    pub tables: Tables,
    /// fixes.nix.
    pub fixes: Vec<Fix>,
    /// flake.nix.
    pub flake: Flake,
}

/// matrix.nix: eras, architectures, toolchains, boards and cells, by attribute name.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are matrix.nix's own")]
pub struct Matrix {
    pub eras: BTreeMap<String, Era>,
    pub arches: BTreeMap<String, Arch>,
    pub toolchains: BTreeMap<String, Toolchain>,
    pub runtimes: BTreeMap<String, Vec<String>>,
    pub patches: BTreeMap<String, Vec<String>>,
    pub shared: BTreeMap<String, BTreeMap<String, String>>,
    pub boards: BTreeMap<String, Board>,
    pub cells: BTreeMap<String, Cell>,
    pub stock: BTreeMap<String, Cell>,
    pub groups: BTreeMap<String, BTreeMap<String, String>>,
}

/// A kernel generation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Era {
    /// Its canonical spelling, `k2.6`.
    pub name: String,
    /// First version.
    pub from: String,
    /// First version beyond.
    pub below: Option<String>,
}

/// An architecture.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "see catalog::Arch")]
pub struct Arch {
    pub linux_arch: String,
    pub bits: u8,
    pub endian: &'static str,
    pub elf_machine: u16,
    pub uname: String,
    pub cpu_family: String,
    pub systemd: String,
    pub interpreter: Interpreter,
    /// Keys of [`Matrix::boards`], the preferred ones first.
    pub boards: Vec<String>,
}

/// The dynamic loader per libc.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see catalog::PerLibc")]
pub struct Interpreter {
    pub glibc: Option<String>,
    pub musl: Option<String>,
    pub uclibc: Option<String>,
}

/// A toolchain.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "see catalog::Toolchain")]
pub struct Toolchain {
    pub source: &'static str,
    pub arch: String,
    /// Of gcc and clang, the one that it has.
    pub gcc: Option<String>,
    pub clang: Option<String>,
    pub binutils: Option<String>,
    pub libc: Option<String>,
    pub oldest_kernel: Option<String>,
    pub target: String,
    pub suffix: String,
    pub systems: Vec<String>,
    /// Keys of [`Sources::pins`].
    pub pins: Vec<String>,
    /// Key of [`Matrix::runtimes`]; none where it brings its own libraries.
    pub runtime: Option<String>,
    /// Key of [`Matrix::shared`]; none where it is for one architecture.
    pub shared: Option<String>,
    /// How it is built from source; none for a prebuilt one.
    pub build: Option<SourceBuild>,
}

/// How a toolchain is built from source.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceBuild {
    /// Keys of [`Sources::pins`] by kind; null where the toolchain has none of it.
    pub components: BTreeMap<&'static str, Option<String>>,
    /// Options for gcc's configure.
    pub configure: Vec<String>,
    /// Ids of the components that the project replaced.
    pub overridden: Vec<String>,
}

/// A machine that QEMU emulates.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "see catalog::Board")]
pub struct Board {
    pub arch: String,
    pub from: Option<String>,
    pub below: Option<String>,
    pub qemu: String,
    pub machine: String,
    pub cpu: Option<String>,
    pub cpus: Option<u8>,
    pub mem: String,
    pub firmware: Option<String>,
    pub vga: Option<&'static str>,
    pub devices: Vec<&'static str>,
    pub second_serial: bool,
    pub icount: bool,
    pub console: Option<String>,
    pub cmdline: String,
    pub kernel_arch: String,
    pub image: String,
    pub make_target: String,
    pub defconfig: Option<String>,
    pub enable: Vec<String>,
    pub disable: Vec<String>,
    pub dtb: Option<String>,
    pub initrd_place: Option<InitrdPlace>,
}

/// Where a board wants its initramfs.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see catalog::InitrdPlace")]
pub struct InitrdPlace {
    pub address: String,
    pub cmdline: String,
}

/// An (era, arch) pair that a toolchain exists for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Attribute name of its era.
    pub era: String,
    /// Its arch.
    pub arch: String,
    /// The toolchain for its kernel.
    pub toolchain: String,
    /// The version that stands for it; none where no tarball is known.
    pub kernel: Option<String>,
    /// The machine that it boots on; none where none is known.
    pub board: Option<String>,
    /// Why it is this toolchain.
    pub reasons: Vec<String>,
}

/// sources.nix: where bytes come from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sources {
    /// Base addresses by mirror scheme.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Fetchable inputs by id.
    pub pins: BTreeMap<String, Pin>,
}

/// A fetchable input.
#[derive(Clone, Debug, Serialize)]
pub struct Pin {
    /// Name in the store.
    pub name: String,
    /// Addresses; none: the file has to be in the store already.
    pub urls: Vec<String>,
    /// SRI digest.
    pub hash: String,
    /// Size in bytes, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// kernels.nix: every known kernel tarball.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Kernels {
    /// Tarballs named in the usual way, by folder.
    pub folders: Vec<KernelFolder>,
    /// The others.
    pub others: Vec<KernelFile>,
}

/// Tarballs `FOLDER/linux-VERSION.EXTENSION`.
#[derive(Clone, Debug, Serialize)]
pub struct KernelFolder {
    /// Address of the folder.
    pub folder: String,
    /// `tar.xz`.
    pub extension: String,
    /// In the kernel's order.
    pub versions: Vec<KernelHash>,
}

/// A kernel version and its tarball's digest, as SRI.
pub type KernelHash = (String, String);

/// A kernel tarball with an address of its own, or none.
#[derive(Clone, Debug, Serialize)]
pub struct KernelFile {
    /// The version.
    pub version: String,
    /// Where it comes from.
    pub file: Pin,
}

/// resolve.nix: what each range of kernels gets, per arch.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tables {
    /// For building kernels and modules.
    pub kernel: Vec<Table>,
    /// For building programs.
    pub userland: Vec<Table>,
}

/// One arch's ranges, in order and without gaps.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// The arch.
    pub arch: String,
    /// The ranges.
    pub intervals: Vec<Interval>,
}

/// What a range of kernels gets.
#[derive(Clone, Debug, Serialize)]
pub struct Interval {
    /// First version; none: the first of all.
    pub from: Option<String>,
    /// First version beyond; none: open.
    pub below: Option<String>,
    /// The toolchain, or why there is none.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The toolchain of a range, or why there is none.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "camelCase")]
pub enum Outcome {
    /// This toolchain.
    Use(String),
    /// The arch does not exist there, for this reason.
    Unsupported(String),
    /// No toolchain fits, for this reason.
    NoToolchain(String),
}

/// A change that a range of kernels needs, as build-kernel.nix takes it.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see catalog::Fix")]
pub struct Fix {
    pub id: String,
    pub from: Option<String>,
    pub below: Option<String>,
    pub arches: Vec<String>,
    pub gcc: Option<VersionRange>,
    pub reason: String,
    pub apply: Vec<crate::catalog::Apply>,
}

/// A range of a tool's versions.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "see version::Range")]
pub struct VersionRange {
    pub from: Option<String>,
    pub below: Option<String>,
}

/// flake.nix: inputs and systems.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flake {
    /// Whether a folder is meant where `nixpkgs` is said: the Debian package set, or one of the owner's.
    pub folder: bool,
    /// Address of nixpkgs.
    pub nixpkgs: String,
    /// Address of musl-cross-make; none where the matrix pins none.
    pub musl_cross_make: Option<String>,
    /// Nix systems that something can be built on.
    pub systems: Vec<String>,
}
