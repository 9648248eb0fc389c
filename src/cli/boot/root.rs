//! `--root`: a folder of the user's that becomes the root of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::{BuildError, Hardware, Initramfs, init_of, runs_in};
use crate::catalog::{Board, Catalog};
use crate::cli::{Failure, Result};
use crate::exit;
use crate::id::ArchId;
use crate::text::shown;

/// The initramfs that a folder with its own init becomes.
pub const ARCHIVE: &str = "root.cpio";

/// A folder that is the root of the machine.
pub struct Root {
    folder: PathBuf,
    /// Its own init; none: ours runs a program of it.
    pub init: Option<&'static str>,
}

impl Root {
    /// The one in `folder`, to run `program` of it, or its own init; `modules`: whether init is to load some.
    ///
    /// # Errors
    /// When it is no folder, or has no such program.
    pub fn read(
        folder: &Path,
        program: &[String],
        modules: bool,
    ) -> std::result::Result<Root, BuildError> {
        let bad = |reason: String, help: &str| BuildError::boot_file(folder, reason, help);
        let facts = fs::metadata(folder).map_err(|error| {
            bad(
                error.to_string(),
                "give the folder that the machine should have as its root",
            )
        })?;
        if !facts.is_dir() {
            return Err(bad(
                "it is not a folder".to_owned(),
                "an initramfs is given with --initrd",
            ));
        }
        let root = |init| Root {
            folder: folder.to_owned(),
            init,
        };
        let Some(program) = program.first() else {
            let Some(init) = init_of(folder) else {
                return Err(bad(
                    "it has no /init, /sbin/init, /etc/init or /bin/init".to_owned(),
                    "name a program in it to run: --root DIR -- /usr/bin/program",
                ));
            };
            if modules {
                return Err(bad(
                    format!("its own {init} runs, not kflake's, which loads modules"),
                    "name a program in it to run, or put the module into the folder",
                ));
            }
            return Ok(root(Some(init)));
        };
        let inside = folder.join(program.trim_start_matches('/'));
        match fs::symlink_metadata(&inside) {
            Ok(facts) if program.starts_with('/') && !facts.is_dir() => Ok(root(None)),
            _ => Err(bad(
                format!("it has no program {}", shown(program)),
                "name it by its path in the folder, such as /usr/bin/program",
            )),
        }
    }

    /// Looks whether a kernel for `arch` can run the program of it, or its own init.
    ///
    /// # Errors
    /// When that cannot.
    pub fn runs(
        &self,
        program: &[String],
        arch: &ArchId,
        catalog: &Catalog,
    ) -> std::result::Result<(), BuildError> {
        let program = program.first().map(String::as_str).or(self.init);
        match program {
            Some(path) => runs_in(&self.folder, Path::new(path), arch, &catalog.arches),
            None => Ok(()),
        }
    }

    /// Makes an initramfs of a folder that has its own init, and sees to it that there is room for it.
    pub fn pack(&self, board: &Board, scratch: &Path, hardware: &mut Hardware) -> Result<()> {
        let Some(init) = self.init else {
            return Ok(());
        };
        let pack = || {
            let mut archive = Initramfs::create(&scratch.join(ARCHIVE))?;
            archive.folder(&self.folder, |_| false)?;
            archive.console(&self.folder)?;
            archive.finish()
        };
        let size = pack().map_err(|error| self.failed(&error))?;
        self.fits(size, board, hardware)?;
        if init != "/init"
            && let Ok(word) = format!("rdinit={init}").parse()
        {
            hardware.append.insert(0, word);
        }
        Ok(())
    }

    /// Adds the folder and the program to the initramfs of ours at `path`.
    pub fn add(&self, path: &Path, program: &[String]) -> std::io::Result<()> {
        let mut archive = Initramfs::behind(path)?;
        // at its top, what is ours stays
        archive.folder(&self.folder, |path| {
            let name = path.to_string_lossy();
            name == "init" || name.starts_with("kflake_")
        })?;
        archive.link("kflake_program", program[0].as_bytes())?;
        let mut arguments = Vec::new();
        for argument in program {
            arguments.extend(argument.bytes());
            arguments.push(0);
        }
        archive.file("kflake_arguments", &arguments)?;
        archive.finish().map(drop)
    }

    pub fn failed(&self, error: &std::io::Error) -> Failure {
        let text = format!(
            "cannot make an initramfs of {}: {error}",
            shown(&self.folder)
        );
        Failure::message(exit::IO, text, None)
    }

    /// The archive and what it is unpacked to are in memory at once.
    fn fits(&self, size: u64, board: &Board, hardware: &Hardware) -> Result<()> {
        let memory = hardware.memory.as_ref().unwrap_or(&board.mem);
        if size.saturating_mul(2) < memory.bytes() {
            return Ok(());
        }
        Err(Failure::message(
            exit::USAGE,
            format!(
                "{} is {} MiB, and needs twice that of the machine's {memory} of memory",
                shown(&self.folder),
                size >> 20
            ),
            Some("give it more with --memory".to_owned()),
        ))
    }
}
