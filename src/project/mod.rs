//! A project: a folder with data of its own, the flake that is generated there, and what that evaluates to.
//!
//! Every command that needs derivations gets them here. The flake is brought up to date, its lock kept as its owner has it, and
//! one expression, `describe.nix`, answers what was asked; all under one lock, so that no run evaluates the files of another.

mod answer;
mod describe;
mod error;
mod request;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use answer::{Answer, Answers, Buildable, Entry};
pub use describe::last_described;
pub use error::ProjectError;
pub use request::{
    Asked, BootRequest, ConfigChoice, FragmentChoice, ModuleBoot, ModuleRequest, ProgramRequest,
    ProofRequest, Request, SdkRequest, Thing,
};

use crate::catalog::{Catalog, HostTools, UnknownSuite};
use crate::files::{self, Lock, LockError, Scratch};
use crate::flake::{self, Options, Packages, Tree, Written};
use crate::id::Suite;
use crate::nix::Bootstrap;

pub use crate::files::STATE;

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
    private: Option<Scratch>,
    bootstrap: Option<Bootstrap>,
    _alone: Option<Lock>,
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
        if let Packages::Debian(suite) = &options.packages {
            catalog.host_tools_of(suite)?;
        } else if options.suite.is_none() {
            options.suite = self.suite()?;
        }
        if options.nixpkgs.is_none() {
            options.nixpkgs = self.locked()?;
        }
        Ok(flake::generate(catalog, &options)?)
    }

    /// The package set that the project's lock has: Debian's where that is its nixpkgs.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn packages(&self) -> Result<Packages, ProjectError> {
        let debian = self.locked()?.is_some_and(|choice| choice.is_package_set());
        Ok(match debian {
            true => Packages::Debian(self.suite()?.unwrap_or_default()),
            false => Packages::Nixpkgs,
        })
    }

    /// The suite that the project's Debian package set is of.
    fn suite(&self) -> Result<Option<Suite>, ProjectError> {
        if !self.is_generated()? {
            return Ok(None);
        }
        let pins = self.folder.join(flake::DEBIAN_PACKAGES).join("pins.json");
        Ok(files::read_text(&pins)
            .ok()
            .and_then(|text| flake::suite_of(&text)))
    }

    /// What the project's lock has as nixpkgs: its owner's choice. None where there is no generated flake that it belongs to.
    fn locked(&self) -> Result<Option<flake::Choice>, ProjectError> {
        if !self.is_generated()? {
            return Ok(None);
        }
        let path = self.folder.join("flake.lock");
        match files::read_text(&path) {
            Ok(text) => Ok(flake::Choice::of_lock(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ProjectError::io(&path)(error)),
        }
    }

    /// Whether the project has a generated flake with a lock.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn has_lock(&self) -> Result<bool, ProjectError> {
        Ok(self.locked()?.is_some())
    }

    fn is_generated(&self) -> Result<bool, ProjectError> {
        let path = self.folder.join("flake.nix");
        match files::read(&path, files::MAX_DATA) {
            Ok(text) => Ok(flake::header::is_generated(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(ProjectError::io(&path)(error)),
        }
    }

    /// Keeps other runs away from the flake for as long as the lock lives; waits for those that are at it. None where no run ever was.
    ///
    /// # Errors
    /// When the lock cannot be used.
    pub fn hold(&self) -> Result<Option<Lock>, ProjectError> {
        match self.folder.join(STATE).is_dir() {
            true => alone(self.folder, &AtomicBool::new(false)).map(Some),
            false => Ok(None),
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
            Home::Existing if !self.is_generated()? => Some(Scratch::new()?),
            _ => None,
        };
        let folder = match &private {
            Some(private) => private.path().join("flake"),
            None => self.folder.to_owned(),
        };
        fs::create_dir_all(&folder).map_err(ProjectError::io(&folder))?;
        let folder = folder.canonicalize().map_err(ProjectError::io(&folder))?;
        let alone = match private {
            Some(_) => None,
            None => Some(alone(&folder, stop)?),
        };
        let tree = self.tree(catalog, options)?;
        let written = flake::Plan::new(&tree, &folder)?.apply(false)?;
        let bootstrap = bootstrap(catalog, &options.packages.suite(), &folder);
        Ok(Flake {
            bootstrap,
            folder,
            tree,
            written,
            private,
            _alone: alone,
        })
    }
}

impl Flake {
    /// What builds with its Debian package set begin with.
    pub fn bootstrap(&self) -> Option<&Bootstrap> {
        self.bootstrap.as_ref()
    }

    /// How many files had to be written, where they are the project's.
    pub fn written(&self) -> Option<Written> {
        self.private.is_none().then_some(self.written)
    }
}

/// Writes the Debian package set of `suite` into `folder`, and tells what builds with it begin with.
///
/// # Errors
/// When the matrix has no tools of that suite, or the folder cannot be written.
pub fn package_set(
    catalog: &Catalog,
    suite: &Suite,
    folder: &Path,
) -> Result<Bootstrap, ProjectError> {
    catalog.host_tools_of(suite)?;
    let tree = flake::package_set(catalog, suite)?;
    flake::Plan::new(&tree, folder)?.apply(false)?;
    bootstrap(catalog, suite, folder).ok_or_else(|| ProjectError::Suite(UnknownSuite::of(suite)))
}

/// What builds with the Debian package set of the flake in `folder` begin with; none where the matrix has no tools of `suite`.
pub fn bootstrap(catalog: &Catalog, suite: &Suite, folder: &Path) -> Option<Bootstrap> {
    let tools: &HostTools = catalog.host_tools_of(suite).ok()?;
    let pin = tools.pins.get(&tools.seed.package)?;
    let url = pin.url.as_str();
    Some(Bootstrap {
        name: tools.seed.name.to_string(),
        hash: tools.seed.hash,
        package: (
            url.strip_prefix("mirror://debian/")
                .unwrap_or(url)
                .to_owned(),
            pin.sha256,
        ),
        snapshot: format!("{}/", tools.snapshot),
        folder: folder.join(flake::DEBIAN_PACKAGES),
        needed: files::read_text(&folder.join("flake.lock")).is_ok_and(|text| {
            matches!(
                flake::Choice::of_lock(&text),
                Some(flake::Choice::Folder(_))
            )
        }),
    })
}

/// The right to generate and evaluate the flake in `folder`, for which other runs are waited until `stop` is set.
fn alone(folder: &Path, stop: &AtomicBool) -> Result<Lock, ProjectError> {
    let state = folder.join(STATE);
    files::plain_folder(&state).map_err(ProjectError::io(&state))?;
    let lock = Lock::wait_unless(&state.join("flake.lock"), Duration::MAX, stop);
    lock.map_err(|error| match error {
        LockError::Interrupted => ProjectError::Interrupted,
        LockError::Io { path, source } => ProjectError::io(path)(source),
        busy @ LockError::Busy { .. } => {
            ProjectError::io(&state)(std::io::Error::other(busy.to_string()))
        }
    })
}
