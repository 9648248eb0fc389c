//! A project: a folder with data of its own, the flake that is generated there, and what that evaluates to.
//!
//! Every command that needs derivations gets them here. The flake is brought up to date, its lock kept as its owner has it, and
//! one expression, `describe.nix`, answers what was asked; all under one lock, so that no run evaluates the files of another.

mod answer;
mod describe;
mod error;
mod guard;
mod request;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

pub use answer::{Answer, Answers, Build, Entry};
pub use error::ProjectError;
pub use request::{
    Asked, BootRequest, ConfigChoice, FragmentChoice, ModuleBoot, ModuleRequest, ProgramRequest,
    ProofRequest, Request, SdkRequest, Thing,
};

use crate::catalog::Catalog;
use crate::flake::{self, Options, Tree, Written};
use guard::Guard;

/// Folder of kflake's own within a project.
pub const STATE: &str = ".kflake";

/// A project's folder.
#[derive(Clone, Copy, Debug)]
pub struct Project<'a> {
    folder: &'a Path,
}

/// Where a flake is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In the project's folder.
    Project,
    /// There if the folder holds a generated flake; else in a folder that goes away with it, and the project's stays as it is.
    Existing,
}

/// A flake that is up to date, and stays as it is for as long as this exists.
#[derive(Debug)]
pub struct Flake {
    folder: PathBuf,
    tree: Tree,
    written: Written,
    private: Option<tempfile::TempDir>,
    _guard: Option<Guard>,
}

impl<'a> Project<'a> {
    /// The project in `folder`.
    pub fn new(folder: &'a Path) -> Self {
        Project { folder }
    }

    /// The files that `catalog` makes, with the package set as nixpkgs that the project's own lock names, if there is one.
    ///
    /// # Errors
    /// When they cannot be rendered, or the lock cannot be read.
    pub fn tree(&self, catalog: &Catalog, options: &Options) -> Result<Tree, ProjectError> {
        let mut options = options.clone();
        if options.nixpkgs.is_none() {
            options.nixpkgs = self.locked()?;
        }
        Ok(flake::generate(catalog, &options)?)
    }

    /// What the project's lock has as nixpkgs: its owner's choice. None where there is no generated flake that it belongs to.
    fn locked(&self) -> Result<Option<flake::Choice>, ProjectError> {
        if !self.is_generated()? {
            return Ok(None);
        }
        let path = self.folder.join("flake.lock");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(flake::Choice::of_lock(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ProjectError::io(&path)(error)),
        }
    }

    fn is_generated(&self) -> Result<bool, ProjectError> {
        let path = self.folder.join("flake.nix");
        match fs::read(&path) {
            Ok(text) => Ok(flake::header::is_generated(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(ProjectError::io(&path)(error)),
        }
    }

    /// The flake of `catalog`, brought up to date. Waits for other runs that are at it, until `stop` is set.
    ///
    /// # Errors
    /// When it cannot be rendered or written, or the wait was ended.
    pub fn flake(
        &self,
        catalog: &Catalog,
        options: &Options,
        home: Home,
        stop: &AtomicBool,
    ) -> Result<Flake, ProjectError> {
        let private = match home {
            Home::Existing if !self.is_generated()? => Some(private_folder()?),
            _ => None,
        };
        let folder = match &private {
            Some(private) => private.path().join("flake"),
            None => self.folder.to_owned(),
        };
        fs::create_dir_all(&folder).map_err(ProjectError::io(&folder))?;
        let folder = folder.canonicalize().map_err(ProjectError::io(&folder))?;
        let guard = match private {
            Some(_) => None,
            None => Some(Guard::take(&folder.join(STATE), stop)?),
        };
        let tree = self.tree(catalog, options)?;
        let written = flake::Plan::new(&tree, &folder)?.apply(false)?;
        Ok(Flake {
            folder,
            tree,
            written,
            private,
            _guard: guard,
        })
    }
}

impl Flake {
    /// How many files had to be written, where they are the project's.
    pub fn written(&self) -> Option<Written> {
        self.private.is_none().then_some(self.written)
    }
}

fn private_folder() -> Result<tempfile::TempDir, ProjectError> {
    tempfile::Builder::new()
        .prefix("kflake-")
        .tempdir()
        .map_err(ProjectError::io(std::env::temp_dir()))
}
