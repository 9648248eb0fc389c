//! What the options of `kflake boot` give: the files of a machine and of what runs on it, checked before anything is built.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Args;
use crate::build::{
    BuildError, Hardware, Image, KernelModule, Packed, Part, Selection, module_of, runs_alone,
};
use crate::catalog::{Arch, Board, Catalog};
use crate::files;
use crate::id::ArchId;
use crate::kconfig::Config;
use crate::project::{BootRequest, ProgramRequest};

/// What the options say of the machine.
///
/// # Errors
/// When a disk is none.
pub fn hardware(args: &Args) -> std::result::Result<Hardware, BuildError> {
    let disk = |path: &PathBuf| {
        let path = readable(path, "give the image of a disk, raw or qcow2")?;
        Part::Disk.check(&path).map(|()| path)
    };
    let disks = args.disk.iter().map(disk);
    Ok(Hardware {
        append: args.append.clone(),
        memory: args.memory.clone(),
        cpus: args.smp,
        disks: disks.collect::<std::result::Result<_, _>>()?,
        net: args.net,
        gdb: args.gdb,
    })
}

/// The machine to start, of the files that are given.
///
/// # Errors
/// When one of them cannot be used.
pub fn boot_request(
    args: &Args,
    catalog: &Catalog,
    arch: &ArchId,
    selection: &Selection<'_>,
    interactive: bool,
    scratch: &Path,
) -> std::result::Result<BootRequest, BuildError> {
    let Some((_, board)) = selection.board else {
        return Err(BuildError::NoMachine {
            version: args.version.to_string(),
            arch: arch.to_string(),
        });
    };
    let given = |file: &Option<PathBuf>, help: &str| {
        file.as_deref().map(|path| readable(path, help)).transpose()
    };
    let kernel = args.kernel.as_deref();
    if let Some(folder) = kernel.filter(|it| it.is_dir()) {
        can_start(folder, args.disk.is_empty())?;
    }
    let kernel = kernel.map(|path| image_in(path, board)).transpose()?;
    let kernel = given(
        &kernel,
        "give a kernel image, such as `kflake build` leaves",
    )?;
    let known = catalog.arches.get(arch);
    let others = || catalog.arches.values();
    if let (Some(path), Some(known)) = (&kernel, known) {
        // on some machines U-Boot or firmware starts it
        let image = board.image.as_str();
        if !image.ends_with("uImage") && !image.ends_with(".efi") {
            Part::Kernel.check(path)?;
        }
        let image = Image::read(path).map_err(BuildError::io(path))?;
        image.for_arch(path, known, others())?;
        image.for_machine(path, board.image.as_str(), selection.linux_arch)?;
    }
    if let (Some(path), None, Some(dtb)) = (&kernel, &args.dtb, &board.dtb) {
        return Err(BuildError::boot_file(
            path,
            format!("the machine needs a device tree with it, {dtb}"),
            "give its file with --dtb; `kflake build --targets kernel,dtbs` leaves it in dtbs/",
        ));
    }
    let program = match args.program.split_first() {
        // a program of a folder comes along with it
        _ if args.root.is_some() => None,
        None => None,
        Some((file, arguments)) => Some(ProgramRequest {
            name: file.clone(),
            file: readable(
                Path::new(file),
                "give the file of a static program for that arch; there is no shell and no PATH in the machine",
            )?,
            arguments: arguments.to_vec(),
        }),
    };
    if let Some(program) = &program {
        runs_alone(&program.file, arch, &catalog.arches)?;
    }
    let modules = args.module.iter().enumerate();
    let modules = modules.map(|(number, path)| {
        let folder = scratch.join(format!("module-{number}"));
        module(path, known, catalog, &folder)
    });
    let initrd = given(
        &args.initrd,
        "give an initramfs: a cpio archive, compressed or not",
    )?;
    if let Some(path) = &initrd {
        Part::Initramfs.check(path)?;
    }
    Ok(BootRequest {
        interactive,
        kernel,
        dtb: given(&args.dtb, "give a device tree blob")?,
        initrd,
        toolchain: selection.toolchain.id.clone(),
        shell: false,
        modules: modules.collect::<std::result::Result<_, _>>()?,
        program,
    })
}

/// The module in the file at `path`, unpacked into `folder` where it is packed.
fn module(
    path: &Path,
    arch: Option<&Arch>,
    catalog: &Catalog,
    folder: &Path,
) -> std::result::Result<PathBuf, BuildError> {
    let help = "give a module's .ko file, such as `kflake build-module` leaves";
    let file = readable(path, help)?;
    let bad = |reason: String| BuildError::boot_file(path, reason, help);
    let (bytes, packed) = module_of(&file).map_err(|error| bad(error.to_string()))?;
    if let Some(arch) = arch {
        Image::of(&bytes).for_arch(path, arch, catalog.arches.values())?;
    }
    KernelModule::of(&bytes).map_err(|error| bad(error.to_string()))?;
    if packed == Packed::No {
        return Ok(file);
    }
    let name = path.file_stem().unwrap_or_default();
    let unpacked = folder.join(name);
    let written = fs::create_dir(folder).and_then(|()| files::replace(&unpacked, &bytes));
    written.map_err(BuildError::io(&unpacked))?;
    Ok(unpacked)
}

/// The kernel that `board` starts, where `path` is a folder that one was built in: make's, or one of `kflake build`.
fn image_in(path: &Path, board: &Board) -> std::result::Result<PathBuf, BuildError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let image = board.image.as_str();
    let name = image.rsplit('/').next().unwrap_or(image);
    let places = [image, name].map(|place| path.join(place));
    let found = places.into_iter().find(|place| place.is_file());
    found.ok_or_else(|| {
        BuildError::boot_file(
            path,
            format!("there is no {image} in that folder"),
            format!("build {name} there first, or give the file of a kernel"),
        )
    })
}

/// Refuses the kernel of a folder where its configuration says that it cannot start what kflake gives it: an initramfs, where it is to
/// have one, and words.
fn can_start(folder: &Path, initramfs: bool) -> std::result::Result<(), BuildError> {
    let refused = |reason: String, help: String| Err(BuildError::boot_file(folder, reason, help));
    // in `--out` of a build, and where the kernel's own make leaves it
    let mut configs = ["config", ".config"]
        .iter()
        .filter_map(|name| Config::read(&folder.join(name)).ok());
    let Some(config) = configs.next() else {
        return Ok(());
    };
    if initramfs && !config.has_initramfs() {
        return refused(
            "this kernel was built without CONFIG_BLK_DEV_INITRD, and so starts no initramfs"
                .to_owned(),
            "build it with -K CONFIG_BLK_DEV_INITRD=y, or give it a root of its own with --disk and --append root=…"
                .to_owned(),
        );
    }
    match config.own_command_line() {
        Some(symbol) => refused(
            format!(
                "this kernel knows no command line but its own (CONFIG_{symbol}), which is for another machine"
            ),
            format!("build it with -K '# CONFIG_{symbol} is not set'"),
        ),
        None => Ok(()),
    }
}

/// The absolute path of a file that can be read and is not empty.
fn readable(path: &Path, help: &str) -> std::result::Result<PathBuf, BuildError> {
    let bad = |reason: String| BuildError::boot_file(path, reason, help);
    let unreadable = |error: io::Error| bad(files::reason(path, &error));
    let facts = fs::metadata(path).map_err(unreadable)?;
    if !facts.is_file() {
        return Err(bad("it is not a file".to_owned()));
    }
    if facts.len() == 0 {
        return Err(bad("the file is empty".to_owned()));
    }
    fs::File::open(path).map_err(unreadable)?;
    path.canonicalize().map_err(unreadable)
}
