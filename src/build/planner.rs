//! From a user's words to derivations.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use miette::Diagnostic;

use super::BuildError;
use super::config_machine::misfit;
use crate::catalog::{Arch, Board, Catalog, Purpose, SourceKind, Toolchain};
use crate::files::Scratch;
use crate::flake::{Options, Written};
use crate::id::{ArchId, BoardId, TreeFile};
use crate::kconfig::{Base, Config, Fragment};
use crate::nix::{Nix, NixError, Settings};
use crate::project::{
    Asked, Buildable, ConfigChoice, Entry, FragmentChoice, Home, Project, Request, Thing,
};
use crate::resolve::{Resolver, SourceOrder, Unresolved};
use crate::run::Label;
use crate::version::KernelVersion;

/// Everything that a request is made and answered with.
pub struct Planner<'c> {
    catalog: &'c Catalog,
    project: Project<'c>,
    sources: Vec<SourceKind>,
    scratch: Scratch,
}

/// What a request evaluated to.
pub struct Evaluated {
    /// The files of the project's flake that had to be written; none: it has no flake.
    pub written: Option<Written>,
    name: String,
    things: BTreeMap<Thing, Entry>,
}

impl Evaluated {
    /// What to call `thing` while it is built.
    pub fn label(&self, thing: Thing) -> Label {
        Label {
            cell: self.name.clone(),
            stage: thing.stage(),
        }
    }

    /// The derivation of `thing`.
    ///
    /// # Errors
    /// When Nix did not describe it.
    pub fn build(&self, thing: Thing) -> Result<&Buildable, BuildError> {
        let reason = match self.things.get(&thing) {
            Some(Entry::Build(build)) => return Ok(build),
            Some(Entry::Error { error }) => error.clone(),
            None => format!("it described no {thing:?}"),
        };
        Err(NixError::Evaluation { reason }.into())
    }
}

/// The compiler and board for a kernel and arch.
pub struct Selection<'c> {
    /// The compiler.
    pub toolchain: &'c Toolchain,
    /// The board; none where none is known.
    pub board: Option<(&'c BoardId, &'c Board)>,
    /// The kernel's name of the arch.
    pub linux_arch: &'c str,
    /// The cell: `k6-arm64`.
    pub cell: String,
    /// Why this compiler.
    pub reasons: Vec<String>,
}

impl Selection<'_> {
    /// A request for what the compiler makes of `version` for `arch`.
    pub fn request(&self, version: &KernelVersion, arch: &ArchId) -> Request {
        Request {
            version: Some(version.clone()),
            board: self.board.map(|(id, _)| id.clone()),
            ..Request::new(&self.cell, arch.clone(), self.toolchain.id.clone())
        }
    }
}

/// Configurations of kflake's own.
pub(super) const PROFILES: &[&str] = &["tiny"];

impl<'c> Planner<'c> {
    /// A folder for the logs of a run, gone when the planner is.
    pub fn logs(&self) -> PathBuf {
        self.scratch.path().join("run")
    }

    /// A planner over `project` and its `catalog` that takes toolchains of `sources` only; empty: as the eras say.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn new(
        catalog: &'c Catalog,
        project: Project<'c>,
        sources: Vec<SourceKind>,
    ) -> Result<Self, BuildError> {
        let scratch = Scratch::new()?;
        Ok(Planner {
            catalog,
            project,
            sources,
            scratch,
        })
    }

    /// The compiler and board for `version` and `arch`, of which there is a source.
    ///
    /// # Errors
    /// When the matrix has no such kernel, or no toolchain for it.
    pub fn select(
        &self,
        version: &KernelVersion,
        arch: &ArchId,
        purpose: Purpose,
    ) -> Result<Selection<'c>, BuildError> {
        let selection = self.choose(version, arch, purpose)?;
        if self.catalog.kernels.contains_key(version) {
            Ok(selection)
        } else {
            Err(self.unknown_kernel(version))
        }
    }

    /// The compiler and board for `version` and `arch`, whether or not there is a source.
    ///
    /// # Errors
    /// When the matrix has no toolchain for it.
    pub fn choose(
        &self,
        version: &KernelVersion,
        arch: &ArchId,
        purpose: Purpose,
    ) -> Result<Selection<'c>, BuildError> {
        let resolver = Resolver::new(self.catalog, SourceOrder::from(self.sources.clone()));
        let resolution = resolver
            .resolve(version, arch, purpose)
            .map_err(|unresolved| not_resolved(&unresolved))?;
        let board = self.catalog.board_for(arch, version);
        let own = self
            .catalog
            .arches
            .get(arch)
            .map_or("", |it| it.linux_arch.as_str());
        Ok(Selection {
            toolchain: resolution.toolchain,
            board,
            linux_arch: board
                .and_then(|(_, board)| board.kernel_arch.as_deref())
                .unwrap_or(own),
            cell: resolution.cell.to_string(),
            reasons: resolution.reasons(),
        })
    }

    /// What links programs for `version` and `arch`: the kernel's own compiler, where what it links starts there, or another.
    ///
    /// # Errors
    /// When no toolchain's programs start on that kernel.
    pub fn linker_of_programs(
        &self,
        version: &KernelVersion,
        arch: &ArchId,
        selection: &Selection<'c>,
    ) -> Result<&'c Toolchain, BuildError> {
        if selection.toolchain.programs_start_on(version) {
            return Ok(selection.toolchain);
        }
        let other = self.choose(version, arch, Purpose::Userland)?;
        Ok(other.toolchain)
    }

    fn unknown_kernel(&self, version: &KernelVersion) -> BuildError {
        let kernels = &self.catalog.kernels;
        let series = &version.numbers()[..2];
        let mut of_series = kernels
            .keys()
            .rev()
            .filter(|it| &it.numbers()[..2] == series);
        let upstream = version.upstream();
        let near = match (kernels.get_key_value(&upstream), of_series.next()) {
            (Some((upstream, _)), _) => format!("{upstream}, without the suffix, is known; "),
            (None, Some(near)) => format!("the newest of that series is {near}; "),
            (None, None) => String::new(),
        };
        BuildError::UnknownKernel {
            version: version.to_string(),
            near,
        }
    }

    /// What `--config` means here; none: the board's own configuration, else the architecture's.
    ///
    /// # Errors
    /// When it means nothing, or is for another architecture.
    pub fn config(
        &self,
        given: Option<&str>,
        version: &KernelVersion,
        arch: &ArchId,
        selection: &Selection<'_>,
    ) -> Result<ConfigChoice, BuildError> {
        let Some(given) = given else {
            let own = selection
                .board
                .and_then(|(_, board)| board.defconfig.as_ref());
            let own = own.map_or("defconfig", TreeFile::as_str);
            return Ok(ConfigChoice::Named(own.to_owned()));
        };
        match Base::parse(given, PROFILES)? {
            Base::Named(name) => Ok(ConfigChoice::Named(name)),
            Base::Profile(name) if selection.board.is_some() => Ok(ConfigChoice::Profile(name)),
            Base::Profile(_) => Err(BuildError::NoBoard {
                version: version.to_string(),
                arch: arch.to_string(),
            }),
            Base::File(path) => {
                let config = Config::read(&path)?;
                if let Some(title) = &config.title
                    && family(&title.arch) != family(selection.linux_arch)
                {
                    return Err(BuildError::ConfigArch {
                        path,
                        title: title.clone(),
                        wanted: selection.linux_arch.to_owned(),
                    });
                }
                let others = config
                    .own_symbols()
                    .map(|(symbol, own)| (symbol, own, family(own) == family(selection.linux_arch)))
                    .collect::<Vec<_>>();
                if config.title.is_none()
                    && others.iter().all(|(.., alike)| !alike)
                    && let Some((symbol, own, _)) = others.first()
                {
                    return Err(BuildError::ConfigMachine {
                        path,
                        what: format!(
                            "is a configuration for Linux/{own}, as CONFIG_{symbol}=y says, and the kernel is for {}",
                            selection.linux_arch
                        ),
                        help: "give a configuration of the right architecture, or build for the one it is for".to_owned(),
                    });
                }
                let alike = |it: &Arch| family(&it.linux_arch) == family(selection.linux_arch);
                if let Some((what, other)) = misfit(&config, self.catalog, arch, alike) {
                    let help = match other {
                        Some(other) => format!("build for {other}"),
                        None => "no arch of the matrix is; without the symbols that say so (CPU_BIG_ENDIAN, CPU_LITTLE_ENDIAN, 64BIT) \
                                 the file is taken, and the kernel is another machine's".to_owned(),
                    };
                    return Err(BuildError::ConfigMachine { path, what, help });
                }
                let text = Config::canonical(&Config::read_text(&path)?, &path)?;
                self.scratch_file("base.config", &text)
                    .map(ConfigChoice::File)
            }
        }
    }

    /// What the `-K` mean, in order.
    ///
    /// # Errors
    /// For the first that means nothing.
    pub fn fragments(&self, given: &[String]) -> Result<Vec<FragmentChoice>, BuildError> {
        let read = |(index, text): (usize, &String)| {
            let fragment = Fragment::parse(text)?;
            let label = fragment.label();
            let name = format!("fragment-{index}.config");
            Ok(match fragment {
                Fragment::Tree(tree) => FragmentChoice::Tree { label, tree },
                Fragment::Setting(setting) => FragmentChoice::File {
                    label,
                    file: self.scratch_file(&name, &format!("{setting}\n"))?,
                },
                Fragment::File(path) => {
                    // read once, so that a bad line is told before anything is built
                    Config::read(&path)?;
                    let text = Config::canonical(&Config::read_text(&path)?, &path)?;
                    FragmentChoice::File {
                        label,
                        file: self.scratch_file(&name, &text)?,
                    }
                }
            })
        };
        given.iter().enumerate().map(read).collect()
    }

    fn scratch_file(&self, name: &str, text: &str) -> Result<PathBuf, BuildError> {
        let path = self.scratch.path().join(name);
        fs::write(&path, text).map_err(BuildError::io(&path))?;
        path.canonicalize().map_err(BuildError::io(&path))
    }

    /// What `request` evaluates to, by what was wanted, in the project's flake if there is one.
    ///
    /// # Errors
    /// When the flake cannot be written or does not evaluate.
    pub fn evaluate(
        &self,
        nix: &Nix,
        settings: &Settings,
        mut request: Request,
        stop: &AtomicBool,
    ) -> Result<Evaluated, BuildError> {
        let options = Options {
            sources: self.sources.clone(),
            packages: settings.packages.clone(),
            // one that was asked for by name need not be any cell's
            include: vec![request.toolchain.clone()],
            ..Options::default()
        };
        let flake = self
            .project
            .flake(self.catalog, &options, Home::Existing, stop)?;
        request.source = request
            .version
            .as_ref()
            .and_then(|version| self.catalog.kernels.get(version))
            .map(|pin| pin.sha256);
        let name = match &request.version {
            Some(version) => format!("{}-{version}", request.id),
            None => request.id.clone(),
        };
        let asked = Asked {
            lenient: false,
            requests: vec![request],
        };
        let answers = flake.describe(nix, settings, &asked)?;
        let things = answers.answers.into_iter().flat_map(|it| it.things);
        Ok(Evaluated {
            written: flake.written(),
            name,
            things: things.collect(),
        })
    }
}

fn not_resolved(unresolved: &Unresolved<'_>) -> BuildError {
    BuildError::Unresolved {
        message: unresolved.to_string(),
        code: unresolved.exit_code(),
        help: unresolved.help().map(|help| help.to_string()),
    }
}

/// Names under which one architecture's configurations go.
fn family(linux_arch: &str) -> &str {
    match linux_arch {
        "i386" | "x86_64" => "x86",
        "sparc32" | "sparc64" => "sparc",
        "parisc64" => "parisc",
        "sh64" => "sh",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn catalog() -> Catalog {
        Catalog::embedded().unwrap()
    }

    fn planner(catalog: &Catalog, sources: Vec<SourceKind>) -> Planner<'_> {
        Planner::new(catalog, Project::new(Path::new("/nowhere")), sources).unwrap()
    }

    fn version(text: &str) -> KernelVersion {
        text.parse().unwrap()
    }

    fn arch(text: &str) -> ArchId {
        text.parse().unwrap()
    }

    #[test]
    fn programs_are_linked_by_what_starts_on_the_kernel() {
        let catalog = catalog();
        let planner = planner(&catalog, vec![SourceKind::Debian]);
        let linker = |kernel: &str| {
            let (kernel, arch) = (version(kernel), arch("armel"));
            let selection = planner.choose(&kernel, &arch, Purpose::Kernel).unwrap();
            planner
                .linker_of_programs(&kernel, &arch, &selection)
                .map(|it| (it.id.clone(), selection.toolchain.id.clone()))
        };
        let (programs, kernel) = linker("3.4.113").unwrap();
        assert_eq!(programs, kernel);
        // glibc of Debian's gcc 10 asks for Linux 3.2
        let error = linker("2.6.31").unwrap_err().to_string();
        assert!(error.contains("2.6.31"), "{error}");
    }

    #[test]
    fn an_unknown_kernel_names_a_near_one() {
        let catalog = catalog();
        let planner = planner(&catalog, vec![SourceKind::Debian]);
        let error = planner
            .select(&version("6.1.9999"), &arch("arm64"), Purpose::Kernel)
            .err()
            .unwrap();
        assert_eq!(error.exit_code(), crate::exit::USAGE);
        let help = error.help().unwrap().to_string();
        assert!(
            help.contains("6.1.") && help.contains("kernel add"),
            "{help}"
        );
    }

    #[test]
    fn a_distributions_kernel_names_upstreams() {
        let catalog = catalog();
        let planner = planner(&catalog, vec![SourceKind::Debian]);
        let asked = version("6.6.0-45-generic");
        let error = planner
            .select(&asked, &arch("arm64"), Purpose::Kernel)
            .err()
            .unwrap();
        let help = error.help().unwrap().to_string();
        assert!(help.starts_with("6.6, without the suffix"), "{help}");
    }

    #[test]
    fn another_archs_configuration_is_refused() {
        let catalog = catalog();
        let planner = planner(&catalog, vec![SourceKind::Debian]);
        let kernel = catalog
            .kernels
            .keys()
            .rfind(|it| it.numbers()[..2] == [6, 1])
            .unwrap();
        let arch = arch("arm64");
        let selection = planner.select(kernel, &arch, Purpose::Kernel).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(
            file.path(),
            "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_A=y\n",
        )
        .unwrap();
        let given = file.path().to_str();
        let error = planner
            .config(given, kernel, &arch, &selection)
            .unwrap_err();
        assert!(error.to_string().contains("Linux/x86 6.1.0"), "{error}");
        fs::write(
            file.path(),
            "# Linux/arm64 5.10.0 Kernel Configuration\nCONFIG_A=y\n",
        )
        .unwrap();
        assert!(matches!(
            planner.config(given, kernel, &arch, &selection),
            Ok(ConfigChoice::File(_))
        ));
    }

    #[test]
    fn fragments_keep_their_order() {
        let catalog = catalog();
        let planner = planner(&catalog, vec![]);
        let given = [
            "CONFIG_A=y".to_owned(),
            "debug.config".to_owned(),
            "# CONFIG_A is not set".to_owned(),
        ];
        let fragments = planner.fragments(&given).unwrap();
        let text = |index: usize| match &fragments[index] {
            FragmentChoice::File { file, .. } => fs::read_to_string(file).unwrap(),
            FragmentChoice::Tree { tree, .. } => tree.clone(),
        };
        assert_eq!(
            (text(0), text(1)),
            ("CONFIG_A=y\n".into(), "debug.config".into())
        );
        assert_eq!(text(2), "# CONFIG_A is not set\n");
    }
}
