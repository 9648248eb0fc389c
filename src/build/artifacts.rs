//! What a build leaves in the folder that the user named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::facts::{Facts, Timing, count};
use super::{BuildError, Selection};
use crate::files::{self, Own};
use crate::hash::Sha256;
use crate::kconfig::Report;
use crate::text::shell_words;
use crate::tuxmake::{
    self, Build, Compiler, Hardware, Metadata, Program, Results, Source, Status, SystemMap, Target,
};

/// Name of the file that tells what was built, and how.
const METADATA: &str = "metadata.json";
/// Name of the file with a checksum of every other that was built.
const SUMS: &str = "SHA256SUMS";
/// Parts of a kernel's output that are not copied: the first three are in archives there.
const INSIDE: &[&str] = &["lib", "headers", "facts.json", "config-asked"];

/// How to build the same again.
#[derive(Clone, Debug)]
pub struct Reproduction {
    /// `kflake` and its arguments, without `--out`; files of the user's as names in `inputs/`.
    pub command: Vec<String>,
    /// Files of the user's that the command names: name in `inputs/`, and where they are.
    pub inputs: Vec<(String, PathBuf)>,
    /// `--config`, as given.
    pub config: String,
    /// The `-K`, as given.
    pub fragments: Vec<String>,
    /// The targets.
    pub targets: Vec<String>,
    /// Cores; 0: all.
    pub cores: usize,
}

/// A folder with what was built: kflake's own, and this run's alone.
#[derive(Debug)]
pub struct Artifacts {
    own: Own,
}

impl Artifacts {
    /// Takes `dir`: new, empty, or filled by kflake before.
    ///
    /// # Errors
    /// When it holds something else, another run has it, or it cannot be made.
    pub fn open(dir: &Path) -> Result<Artifacts, BuildError> {
        if fs::metadata(dir).is_ok_and(|facts| !facts.is_dir()) {
            let error = io::Error::other("that is not a folder, and --out takes one");
            return Err(BuildError::io(dir)(error));
        }
        Ok(Artifacts {
            own: Own::open(dir)?,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.own.path()
    }

    /// Where `name` is, which another program is about to make.
    ///
    /// # Errors
    /// When something that kflake did not put there has its place.
    pub fn claim(&self, name: &str) -> Result<PathBuf, BuildError> {
        Ok(self.own.claim(name)?)
    }

    /// A symbolic link, in the place of one that may be there.
    pub(super) fn link(&self, name: &str, target: &Path) -> Result<(), BuildError> {
        Ok(self.own.link(name, target)?)
    }

    /// Lays out the kernel in `out`, with its log and what describes it; tells what the kernel calls itself.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    #[allow(clippy::too_many_arguments, reason = "each is one of the facts told")]
    pub fn kernel(
        &self,
        out: &Path,
        selection: &Selection<'_>,
        source: &Sha256,
        again: &Reproduction,
        log: &str,
        timing: Timing,
        nix: &str,
    ) -> Result<(String, Option<Report>), BuildError> {
        let facts: Facts = read_json(&out.join("facts.json"), "facts.json")?;
        let report_file = out.join("config-report.json");
        let report = if report_file.is_file() {
            Some(read_json::<Report>(&report_file, "config-report.json")?)
        } else {
            None
        };
        // read first: they may be those of the build that was here before
        let mut inputs = Vec::new();
        for (name, path) in &again.inputs {
            let bytes = files::read(path, files::MAX_DATA).map_err(BuildError::io(path))?;
            inputs.push((format!("inputs/{name}"), bytes));
        }
        let mut files = self.copy_all(out)?;
        let copied = files.clone();
        for (name, bytes) in &inputs {
            self.write(name, bytes, false)?;
        }
        self.write("build.log", log.as_bytes(), false)?;
        self.write("reproduce.sh", script(&again.command).as_bytes(), true)?;
        files.sort();
        let mut sums = String::new();
        for name in &files {
            let path = self.own.join(name);
            let file = fs::File::open(&path).map_err(BuildError::io(&path))?;
            let sum = Sha256::of_reader(file).map_err(BuildError::io(&path))?;
            sums.push_str(&format!("{}  {name}\n", sum.hex()));
        }
        self.write(SUMS, sums.as_bytes(), false)?;
        let described = ["build.log", "reproduce.sh", SUMS, METADATA].map(str::to_owned);
        let inputs = inputs.into_iter().map(|(name, _)| name);
        self.remove_others(&files.into_iter().chain(inputs).chain(described).collect())?;

        let (errors, warnings) = count(log);
        let release = facts.kernelrelease;
        // what failed leaves nothing to describe, and the targets are built together
        let passed = Target {
            status: Status::Pass,
            duration: None,
            tools: BTreeMap::new(),
            warnings: Vec::new(),
        };
        let targets = again.targets.iter();
        let targets = targets.map(|target| (target.clone(), passed.clone()));
        let toolchain = selection.toolchain;
        let metadata = Metadata {
            build: Build {
                targets: again.targets.clone(),
                kconfig: Some(again.config.clone()),
                kconfig_add: again.fragments.clone(),
                jobs: Some(again.cores),
                reproducer_cmdline: again.command.clone(),
                ..Build::new(&toolchain.arch, Some(&toolchain.compiler))
            },
            results: Results {
                status: Status::Pass,
                targets: targets.collect(),
                artifacts: by_target(&copied),
                errors: Some(errors),
                warnings: Some(warnings),
                duration: [
                    ("build".to_owned(), timing.build),
                    ("total".to_owned(), Some(timing.total)),
                ]
                .into(),
            },
            source: Source {
                kernelrelease: Some(release.clone()),
                kernelversion: Some(facts.kernelversion),
                sha256: Some(source.to_string()),
                overridden: false,
            },
            compiler: Some(Compiler {
                name: tuxmake::program(&toolchain.compiler, &toolchain.target),
                version: toolchain.compiler.version().to_string(),
                version_full: facts.compiler_version_full,
                toolchain: toolchain.id.to_string(),
                binutils: toolchain.binutils.as_ref().map(ToString::to_string),
                libc: toolchain.libc.clone(),
            }),
            hardware: Some(Hardware {
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            }),
            runtime: Program {
                name: "nix",
                version: nix.to_owned(),
            },
            kflake: Program {
                name: "kflake",
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            system_map: facts
                .text_offset
                .map(|text_offset| SystemMap { text_offset }),
            vmlinux: facts.vmlinux,
        };
        // last: with it the folder is complete
        self.write(METADATA, pretty(&metadata)?.as_bytes(), false)?;
        Ok((release, report))
    }

    /// Removes what an earlier build put here, and this one did not.
    fn remove_others(&self, kept: &BTreeSet<String>) -> Result<(), BuildError> {
        for name in self.own.names() {
            if !name.ends_with('/') && !kept.contains(&name) {
                self.own.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Writes the files `names`, each as `fill` does, and removes everything else of kflake's.
    pub(super) fn only(
        &self,
        names: &[String],
        fill: impl Fn(&str, &mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), BuildError> {
        self.all_or_none(names, fill)?;
        self.remove_others(&names.iter().cloned().collect())
    }

    /// Writes the files `names`, each as `fill` does. Where one cannot be written, those before it go again, unless they were here
    /// already: a part of them is of no use.
    pub(super) fn all_or_none(
        &self,
        names: &[String],
        fill: impl Fn(&str, &mut dyn io::Write) -> io::Result<()>,
    ) -> Result<(), BuildError> {
        let before: BTreeSet<String> = self.own.names().into_iter().collect();
        for name in names {
            let written = self.own.write_with(name, false, |file| fill(name, file));
            if let Err(error) = written {
                // the one that failed first: without those before it its folder would be gone
                for name in names.iter().rev().filter(|it| !before.contains(*it)) {
                    // what is wrong was said already
                    let _ = self.own.remove(name);
                }
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Copies a build's output here: every file of it, flat or nested, and what its links lead to inside of it.
    ///
    /// # Errors
    /// When a file cannot be read or written, or a link leads elsewhere.
    pub fn copy_all(&self, from: &Path) -> Result<Vec<String>, BuildError> {
        let mut files = Vec::new();
        self.copy(from, "", &mut files)?;
        Ok(files)
    }

    /// Copies what is in `from`/`below`, and notes the names.
    pub(super) fn copy(
        &self,
        from: &Path,
        below: &str,
        files: &mut Vec<String>,
    ) -> Result<(), BuildError> {
        let folder = from.join(below);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&folder).map_err(BuildError::io(&folder))? {
            entries.push(entry.map_err(BuildError::io(&folder))?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let odd = |what: &str| BuildError::Output {
                path: path.clone(),
                reason: what.to_owned(),
            };
            let name = entry.file_name();
            let name = name
                .to_str()
                .ok_or_else(|| odd("its name is not UTF-8 text"))?;
            if below.is_empty() && INSIDE.contains(&name) {
                continue;
            }
            let name = match below {
                "" => name.to_owned(),
                below => format!("{below}/{name}"),
            };
            let kind = entry.file_type().map_err(BuildError::io(&path))?;
            if kind.is_dir() {
                self.copy(from, &name, files)?;
                continue;
            }
            if kind.is_symlink() {
                let inside = from.canonicalize().map_err(BuildError::io(from))?;
                let target = path.canonicalize().map_err(BuildError::io(&path))?;
                if !target.starts_with(inside) {
                    return Err(odd("it is a link that points out of the build's output"));
                }
            }
            // a file like any other, be it in the store or not: nothing else can be copied
            let mut source = files::open(&path).map_err(BuildError::io(&path))?;
            self.own
                .write_with(&name, false, |file| io::copy(&mut source, file).map(drop))?;
            files.push(name);
        }
        Ok(())
    }

    /// Writes one file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8], executable: bool) -> Result<(), BuildError> {
        Ok(self.own.write(name, bytes, executable)?)
    }
}

fn pretty(metadata: &Metadata) -> Result<String, BuildError> {
    let mut text = crate::text::json_pretty(metadata).map_err(|error| BuildError::Answer {
        what: METADATA,
        reason: error.to_string(),
    })?;
    text.push('\n');
    Ok(text)
}

fn read_json<T: serde::de::DeserializeOwned>(
    path: &Path,
    what: &'static str,
) -> Result<T, BuildError> {
    let bytes = files::read(path, files::MAX_DATA).map_err(BuildError::io(path))?;
    serde_json::from_slice(&bytes).map_err(|error| BuildError::Answer {
        what,
        reason: error.to_string(),
    })
}

/// The files by the target that makes them.
fn by_target(files: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in files {
        let target = match name.as_str() {
            "config" | "config-report.json" | "config-report.txt" | "release" => "config",
            "modules.tar.xz" => "modules",
            "headers.tar.xz" => "headers",
            _ if name.starts_with("dtbs") => "dtbs",
            _ if name.starts_with("targets/") => name.trim_start_matches("targets/"),
            _ => "kernel",
        };
        all.entry(target.to_owned()).or_default().push(name.clone());
    }
    all.insert("log".to_owned(), vec!["build.log".to_owned()]);
    all.insert("metadata".to_owned(), vec![METADATA.to_owned()]);
    all
}

/// A shell script that builds again and compares.
fn script(command: &[String]) -> String {
    format!(
        "#!/bin/sh\n\
         # Builds the same again, into the folder given as argument (default: reproduced), and compares every file.\n\
         set -eu\n\
         cd \"$(dirname \"$0\")\"\n\
         out=${{1:-reproduced}}\n\
         \"${{KFLAKE:-kflake}}\" {} --out \"$out\"\n\
         here=$PWD\n\
         cd \"$out\"\n\
         sha256sum --check \"$here/SHA256SUMS\" || {{\n\
         \x20 echo \"not the same; to see how: diffoscope $here $PWD\" >&2\n\
         \x20 exit 1\n\
         }}\n",
        shell_words(&command[1..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
        // the names of kflake's files make no folder kflake's
        for name in ["thesis.txt", METADATA, "module-report.json", "sdk.json"] {
            fs::write(dir.path().join(name), "{}").unwrap();
            let error = Artifacts::open(dir.path()).unwrap_err();
            assert!(matches!(error, BuildError::Own(_)), "{name}: {error}");
            assert_eq!(error.exit_code(), crate::exit::IO);
        }
        let file = dir.path().join("thesis.txt");
        assert!(Artifacts::open(&file).is_err() && file.is_file());
    }

    #[test]
    fn what_others_put_among_the_artifacts_stays() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["built/Image", "built/dtbs/x.dtb", "victim/target"] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "1").unwrap();
        }
        let artifacts = Artifacts::open(&at("out")).unwrap();
        assert_eq!(
            artifacts.copy_all(&at("built")).unwrap(),
            ["Image", "dtbs/x.dtb"]
        );
        fs::create_dir(at("out/inputs")).unwrap();
        fs::write(at("out/inputs/dataset.csv"), "mine").unwrap();
        std::os::unix::fs::symlink(at("victim"), at("out/lnk")).unwrap();
        fs::write(at("out/SHA256SUMS"), "x  lnk/target\n").unwrap();
        // the user's file has the place of one of ours
        let error = artifacts.write(SUMS, b"", false).unwrap_err();
        assert!(error.to_string().contains(SUMS), "{error}");
        artifacts
            .remove_others(&BTreeSet::from(["Image".to_owned()]))
            .unwrap();
        assert!(at("victim/target").exists() && at("out/inputs/dataset.csv").exists());
        assert!(at("out/SHA256SUMS").exists() && at("out/Image").exists());
        assert!(!at("out/dtbs").exists());
    }

    #[test]
    fn links_in_an_output_lead_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("built")).unwrap();
        fs::write(at("secret"), "mine").unwrap();
        fs::write(at("built/x.dtb"), "x").unwrap();
        let link = |target: &str, name: &str| {
            let _ = fs::remove_file(at("built/link"));
            std::os::unix::fs::symlink(target, at(name)).unwrap();
        };
        let artifacts = Artifacts::open(&at("out")).unwrap();
        link("x.dtb", "built/link");
        artifacts.copy_all(&at("built")).unwrap();
        assert_eq!(fs::read_to_string(at("out/link")).unwrap(), "x");
        for target in ["../secret", "..", "/dev/zero"] {
            link(target, "built/link");
            let error = artifacts.copy_all(&at("built")).unwrap_err().to_string();
            assert!(error.contains("points out of"), "{target}: {error}");
        }
        link(".", "built/link");
        assert!(artifacts.copy_all(&at("built")).is_err());
    }

    #[test]
    fn files_belong_to_targets() {
        let files = [
            "Image",
            "config",
            "dtbs/x.dtb",
            "targets/Image.gz",
            "modules.tar.xz",
        ];
        let map = by_target(&files.map(str::to_owned));
        assert_eq!(map["kernel"], ["Image"]);
        assert_eq!(map["Image.gz"], ["targets/Image.gz"]);
        assert_eq!(map["dtbs"], ["dtbs/x.dtb"]);
    }
}
