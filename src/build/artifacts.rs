//! What a build leaves in the folder that the user named.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::metadata::{
    BuildInfo, Compiler, Facts, Hardware, Metadata, Program, Results, SourceInfo, SystemMap,
    TargetResult, Timing, count,
};
use super::{BuildError, Selection};
use crate::hash::Sha256;
use crate::kconfig::Report;
use crate::text::shell_words;

/// Name of the file that shows that kflake filled a folder.
const METADATA: &str = "metadata.json";
/// Name of the file with a checksum of every other that was built.
const SUMS: &str = "SHA256SUMS";
/// What shows it in folders of other kinds.
const OTHER_MARKS: &[&str] = &["module-report.json", "sdk.json"];
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

/// A folder with what was built.
#[derive(Clone, Debug)]
pub struct Artifacts {
    dir: PathBuf,
}

impl Artifacts {
    /// Takes `dir`: new, empty, or filled by kflake before.
    ///
    /// # Errors
    /// When it holds something else, or cannot be made.
    pub fn open(dir: &Path) -> Result<Artifacts, BuildError> {
        if dir.exists() && !dir.is_dir() {
            let error = io::Error::other("that is a file; --out takes a folder");
            return Err(BuildError::io(dir)(error));
        }
        fs::create_dir_all(dir).map_err(BuildError::io(dir))?;
        let mut entries = fs::read_dir(dir).map_err(BuildError::io(dir))?;
        let ours = || {
            let mut marks = OTHER_MARKS.iter().chain([&METADATA]);
            marks.any(|mark| dir.join(mark).is_file())
        };
        if entries.next().is_some() && !ours() {
            return Err(BuildError::Occupied {
                path: dir.to_owned(),
            });
        }
        Ok(Artifacts {
            dir: dir.to_owned(),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Lays out the kernel in `out`, with its log and what describes it.
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
    ) -> Result<(Metadata, Option<Report>), BuildError> {
        let facts: Facts = read_json(&out.join("facts.json"), "facts.json")?;
        let report_file = out.join("config-report.json");
        let report = if report_file.is_file() {
            Some(read_json::<Report>(&report_file, "config-report.json")?)
        } else {
            None
        };
        let mut files = Vec::new();
        self.copy(out, Path::new(""), &mut files)?;
        let copied = files.clone();
        // read first: they may be those of the build that was here before
        let mut inputs = Vec::new();
        for (name, path) in &again.inputs {
            inputs.push((name, fs::read(path).map_err(BuildError::io(path))?));
        }
        self.remove_others(&files)?;
        for (name, bytes) in inputs {
            self.write(&format!("inputs/{name}"), &bytes, false)?;
        }
        self.write("build.log", log.as_bytes(), false)?;
        self.write("reproduce.sh", script(&again.command).as_bytes(), true)?;
        files.sort();
        let mut sums = String::new();
        for name in &files {
            let path = self.dir.join(name);
            let file = fs::File::open(&path).map_err(BuildError::io(&path))?;
            let sum = Sha256::of_reader(file).map_err(BuildError::io(&path))?;
            sums.push_str(&format!("{}  {name}\n", sum.hex()));
        }
        self.write(SUMS, sums.as_bytes(), false)?;

        let (errors, warnings) = count(log);
        let targets = again.targets.iter().map(|target| {
            let result = TargetResult {
                status: "PASS".to_owned(),
                duration: None,
            };
            (target.clone(), result)
        });
        let metadata = Metadata {
            build: BuildInfo {
                targets: again.targets.clone(),
                target_arch: selection.toolchain.arch.to_string(),
                toolchain: format!("gcc-{}", selection.toolchain.gcc.major()),
                wrapper: "none".to_owned(),
                environment: BTreeMap::new(),
                kconfig: again.config.clone(),
                kconfig_add: again.fragments.clone(),
                jobs: again.cores,
                runtime: "nix".to_owned(),
                verbose: false,
                reproducer_cmdline: again.command.clone(),
            },
            results: Results {
                status: "PASS".to_owned(),
                targets: targets.collect(),
                artifacts: by_target(&copied),
                errors,
                warnings,
                duration: timing,
            },
            source: SourceInfo {
                kernelrelease: facts.kernelrelease,
                kernelversion: facts.kernelversion,
                sha256: source.to_string(),
            },
            compiler: Compiler::of(selection.toolchain, facts.compiler_version_full),
            hardware: Hardware {
                cores: std::thread::available_parallelism().map_or(1, usize::from),
            },
            runtime: Program {
                name: "nix".to_owned(),
                version: nix.to_owned(),
            },
            kflake: Program {
                name: "kflake".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            system_map: facts
                .text_offset
                .map(|text_offset| SystemMap { text_offset }),
            vmlinux: facts.vmlinux,
        };
        // last: with it the folder counts as filled
        self.write(METADATA, pretty(&metadata)?.as_bytes(), false)?;
        Ok((metadata, report))
    }

    /// Removes what an earlier build left and this one did not make: the files of its sums, and its inputs.
    fn remove_others(&self, files: &[String]) -> Result<(), BuildError> {
        let missing_is_fine = |path: &Path, result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(BuildError::io(path)(error))
            }
            _ => Ok(()),
        };
        let inputs = self.dir.join("inputs");
        missing_is_fine(&inputs, fs::remove_dir_all(&inputs))?;
        let Ok(sums) = fs::read_to_string(self.dir.join(SUMS)) else {
            return Ok(());
        };
        for name in sums.lines().filter_map(|line| line.split_once("  ")) {
            let path = Path::new(name.1);
            let inside = path
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            if inside && !files.iter().any(|file| file == name.1) {
                let path = self.dir.join(path);
                missing_is_fine(&path, fs::remove_file(&path))?;
            }
        }
        Ok(())
    }

    /// Copies what is in `from`/`below`, and notes the names.
    pub(super) fn copy(
        &self,
        from: &Path,
        below: &Path,
        files: &mut Vec<String>,
    ) -> Result<(), BuildError> {
        let folder = from.join(below);
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(BuildError::io(&folder))? {
            names.push(entry.map_err(BuildError::io(&folder))?.file_name());
        }
        names.sort();
        for name in names {
            let relative = below.join(&name);
            if below.as_os_str().is_empty() && INSIDE.iter().any(|inside| name == *inside) {
                continue;
            }
            let path = from.join(&relative);
            if path.is_dir() {
                self.copy(from, &relative, files)?;
                continue;
            }
            let name = relative.to_string_lossy().into_owned();
            let bytes = fs::read(&path).map_err(BuildError::io(&path))?;
            self.write(&name, &bytes, false)?;
            files.push(name);
        }
        Ok(())
    }

    /// Copies a plain folder of a build's output here: every file of it, flat or nested.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn copy_all(&self, from: &Path) -> Result<Vec<String>, BuildError> {
        let mut files = Vec::new();
        self.copy(from, Path::new(""), &mut files)?;
        Ok(files)
    }

    /// Writes one file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8], executable: bool) -> Result<(), BuildError> {
        let path = self.dir.join(name);
        let folder = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(folder).map_err(BuildError::io(folder))?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(BuildError::io(folder))?;
        file.write_all(bytes).map_err(BuildError::io(&path))?;
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode))
            .map_err(BuildError::io(&path))?;
        file.persist(&path)
            .map_err(|error| BuildError::io(&path)(error.error))?;
        Ok(())
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
    let bytes = fs::read(path).map_err(BuildError::io(path))?;
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
        assert!(Artifacts::open(dir.path()).is_ok());
        fs::write(dir.path().join("thesis.txt"), "x").unwrap();
        assert!(matches!(
            Artifacts::open(dir.path()),
            Err(BuildError::Occupied { .. })
        ));
        fs::write(dir.path().join(METADATA), "{}").unwrap();
        assert!(Artifacts::open(dir.path()).is_ok());
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
