//! Programs and scripts that are to run in a machine, and what keeps them from it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use object::Endianness;
use object::elf::{ET_DYN, ET_EXEC, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader as _};

use super::BuildError;
use crate::catalog::{Arch, Bits, Endian};
use crate::files;
use crate::id::ArchId;
use crate::text::shown;

/// As much of a file is looked at, in bytes: what a program needs is named near its start.
const HEAD: u64 = 1 << 20;
/// As many links are followed, and as many scripts for scripts.
const MAX_LINKS: usize = 40;
const MAX_SCRIPTS: usize = 4;
/// Where programs are looked for that are named without a path, by default.
const PATH: &[&str] = &["/sbin", "/usr/sbin", "/bin", "/usr/bin"];

/// What a file is to a kernel that shall run it.
#[derive(Debug, PartialEq, Eq)]
enum Runnable {
    Elf(Elf),
    /// A script, and what is to run it.
    Script(PathBuf),
    /// Nothing that any kernel runs.
    Nothing(&'static str),
    /// Something of another format.
    Unknown,
}

#[derive(Debug, PartialEq, Eq)]
struct Elf {
    machine: u16,
    bits: Bits,
    endian: Endian,
    /// The loader that it asks for.
    interpreter: Option<PathBuf>,
    /// Whether it is a program, not a part of one.
    is_program: bool,
}

/// The architectures that have names.
type Arches = BTreeMap<ArchId, Arch>;

/// What is wrong, and what to do.
type Flaw = (String, String);

impl Runnable {
    fn read(path: &Path) -> io::Result<Runnable> {
        let mut head = Vec::new();
        files::open(path)?.take(HEAD).read_to_end(&mut head)?;
        Ok(Runnable::of(&head))
    }

    fn of(head: &[u8]) -> Runnable {
        if head.is_empty() {
            return Runnable::Nothing("empty");
        }
        if head.starts_with(b"\x7fELF") {
            let elf = match head.get(4) {
                Some(1) => elf::<FileHeader32<Endianness>>(head, Bits::B32),
                _ => elf::<FileHeader64<Endianness>>(head, Bits::B64),
            };
            return elf.map_or(
                Runnable::Nothing("an ELF file that is cut short"),
                Runnable::Elf,
            );
        }
        if let Some(line) = head.strip_prefix(b"#!") {
            let line = line.split(|b| *b == b'\n').next().unwrap_or_default();
            let mut words = line
                .split(|b| b" \t".contains(b))
                .filter(|it| !it.is_empty());
            let program = words.next().unwrap_or_default();
            return Runnable::Script(PathBuf::from(OsStr::from_bytes(program)));
        }
        let start = &head[..head.len().min(512)];
        match start.iter().all(|b| b.is_ascii() && *b != 0) {
            true => Runnable::Nothing("text that does not begin with #!"),
            false => Runnable::Unknown,
        }
    }
}

fn elf<H: FileHeader<Endian = Endianness>>(head: &[u8], bits: Bits) -> Option<Elf> {
    let header = H::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let parts = header.program_headers(endian, head).ok()?;
    let interpreter = parts
        .iter()
        .find_map(|part| part.interpreter(endian, head).ok().flatten());
    Some(Elf {
        machine: header.e_machine(endian),
        bits,
        endian: match endian {
            Endianness::Little => Endian::Little,
            Endianness::Big => Endian::Big,
        },
        interpreter: interpreter.map(|path| PathBuf::from(OsStr::from_bytes(path))),
        is_program: [ET_EXEC, ET_DYN].contains(&header.e_type(endian)),
    })
}

impl Elf {
    /// Refuses what is no program, or one for another machine; `alike`: what a kernel may be configured to run as well is taken.
    fn check(&self, arch: &ArchId, arches: &Arches, alike: bool) -> Result<(), Flaw> {
        let Some(known) = arches.get(arch) else {
            return Ok(());
        };
        if !self.is_program {
            let help = "link it: give the program itself";
            return Err((
                "it is an object file, no program".to_owned(),
                help.to_owned(),
            ));
        }
        let own = (self.machine, self.bits, self.endian);
        let wanted = (known.elf_machine, known.bits, known.endian);
        let narrower = known.bits == Bits::B64
            && self.endian == known.endian
            && (self.machine == known.elf_machine || known.also_runs.contains(&self.machine));
        if own == wanted || alike && narrower {
            return Ok(());
        }
        let mut others = arches.iter();
        let is = |it: &Arch| (it.elf_machine, it.bits, it.endian) == own;
        let own = match others.find(|(_, it)| is(it)) {
            Some((other, _)) => other.to_string(),
            None => format!("machine number {}", self.machine),
        };
        let reason = format!("it is a program for {own}, and the kernel is for {arch}");
        let help = "give a program that was built for the kernel's arch, as `kflake sdk` does, or boot a kernel for the program's";
        Err((reason, help.to_owned()))
    }
}

/// Refuses the program at `path` where it cannot run in a machine for `arch` that has nothing else.
///
/// # Errors
/// When it cannot, or cannot be read.
pub fn runs_alone(path: &Path, arch: &ArchId, arches: &Arches) -> Result<(), BuildError> {
    let flaw = match Runnable::read(path).map_err(BuildError::io(path))? {
        Runnable::Unknown => {
            let help = "give the file of a static program for that arch";
            ("it is no ELF program".to_owned(), help.to_owned())
        }
        Runnable::Elf(elf) => match (elf.check(arch, arches, false), elf.interpreter) {
            (Err(flaw), _) => flaw,
            (Ok(()), None) => return Ok(()),
            (Ok(()), Some(interpreter)) => (
                format!("it needs {}, which is not in the machine", shown(interpreter)),
                "link it with -static, or give a folder with all that it needs: --root DIR -- /PROGRAM".to_owned(),
            ),
        },
        Runnable::Script(interpreter) => (
            format!("it is a script for {}, which is not in the machine", shown(interpreter)),
            "give a static program, or a folder with both: --root DIR -- /SCRIPT".to_owned(),
        ),
        Runnable::Nothing(what) => {
            let is_source = ["c", "cc", "cpp", "rs", "go"].iter().any(|it| path.extension() == Some(OsStr::new(it)));
            let help = match is_source {
                true => "compile it with -static for that arch; `kflake sdk` makes the compiler",
                false => "give the file of a static program for that arch",
            };
            (format!("it is {what}, and no program"), help.to_owned())
        }
    };
    Err(refused(path, flaw))
}

/// Refuses `program`, a path in `folder`, where a kernel for `arch` whose root that is cannot run it.
///
/// # Errors
/// When it cannot.
pub fn runs_in(
    folder: &Path,
    program: &Path,
    arch: &ArchId,
    arches: &Arches,
) -> Result<(), BuildError> {
    let checked = in_root(folder, program, arch, arches, 0);
    checked
        .map_err(|(reason, help)| refused(folder, (format!("{}: {reason}", shown(program)), help)))
}

fn in_root(
    folder: &Path,
    program: &Path,
    arch: &ArchId,
    arches: &Arches,
    scripts: usize,
) -> Result<(), Flaw> {
    let Some(file) = resolve(folder, program) else {
        let target = fs::read_link(folder.join(program.strip_prefix("/").unwrap_or(program)));
        let reason = match target {
            Ok(target) => format!("it is a link to {}, which the folder lacks", shown(target)),
            Err(_) => "the folder lacks it".to_owned(),
        };
        return Err((
            reason,
            "put in what it leads to; a link is followed in the folder, not on this machine"
                .to_owned(),
        ));
    };
    // what cannot be looked at is told when it is packed
    let Ok(facts) = fs::metadata(&file) else {
        return Ok(());
    };
    if !facts.is_file() {
        let what = format!("it is {}", files::kind_of(facts.file_type()));
        return Err((what, "put a program in its place".to_owned()));
    }
    if facts.permissions().mode() & 0o111 == 0 {
        let help = format!("`chmod +x {}`", shown(&file));
        return Err(("it is not executable".to_owned(), help));
    }
    let Ok(runnable) = Runnable::read(&file) else {
        return Ok(());
    };
    let lacks = |what: &str, path: &Path| {
        let path = shown(path);
        (
            format!("it {what} {path}, which the folder lacks"),
            format!("put {path} in, and what that needs"),
        )
    };
    match runnable {
        Runnable::Unknown => Ok(()),
        Runnable::Nothing(what) => {
            let help = "put a program in its place, or a script that begins with #!/bin/sh";
            Err((format!("it is {what}"), help.to_owned()))
        }
        Runnable::Elf(elf) => {
            elf.check(arch, arches, true)?;
            match elf.interpreter {
                Some(path) if resolve(folder, &path).is_none() => {
                    let (reason, help) = lacks("is loaded by", &path);
                    Err((reason, format!("{help}, or link it with -static")))
                }
                _ => Ok(()),
            }
        }
        Runnable::Script(path) => {
            if path.as_os_str().as_bytes().ends_with(b"\r") {
                let help = "its lines end as on Windows: `sed -i 's/\\r$//' FILE` mends that";
                return Err((
                    "it is a script whose #! line ends with a carriage return".to_owned(),
                    help.to_owned(),
                ));
            }
            if resolve(folder, &path).is_none() {
                return Err(lacks("is a script for", &path));
            }
            if path.ends_with("env")
                && let Some(name) = named_by_env(&file)
                && !PATH
                    .iter()
                    .any(|place| resolve(folder, &Path::new(place).join(&name)).is_some())
            {
                return Err((
                    format!(
                        "it is a script for {}, which the folder lacks",
                        shown(&name)
                    ),
                    format!("put {} in, in one of {}", shown(&name), PATH.join(", ")),
                ));
            }
            if scripts >= MAX_SCRIPTS {
                return Ok(());
            }
            let checked = in_root(folder, &path, arch, arches, scripts + 1);
            checked.map_err(|(reason, help)| {
                (
                    format!("it is a script for {}: {reason}", shown(&path)),
                    help,
                )
            })
        }
    }
}

/// The program that a script for `env` has it look for.
fn named_by_env(script: &Path) -> Option<String> {
    let mut head = Vec::new();
    files::open(script)
        .ok()?
        .take(256)
        .read_to_end(&mut head)
        .ok()?;
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next()?.split_whitespace();
    let name = words.find(|word| !word.starts_with(['#', '-']) && !word.contains(['/', '=']));
    name.map(str::to_owned)
}

fn refused(path: &Path, (reason, help): Flaw) -> BuildError {
    BuildError::boot_file(path, reason, help)
}

/// What `path` is in `folder`, were that the root: links stay in it.
fn resolve(folder: &Path, path: &Path) -> Option<PathBuf> {
    let parts = |path: &Path| -> Vec<PathBuf> {
        let parts = path
            .components()
            .rev()
            .filter(|it| *it != Component::RootDir);
        parts.map(|it| PathBuf::from(it.as_os_str())).collect()
    };
    let mut rest = parts(path);
    let mut found = PathBuf::new();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match part.components().next()? {
            Component::CurDir => {}
            Component::ParentDir => drop(found.pop()),
            _ => {
                let here = folder.join(&found).join(&part);
                if !fs::symlink_metadata(&here).ok()?.is_symlink() {
                    found.push(part);
                    continue;
                }
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                let target = fs::read_link(&here).ok()?;
                if target.is_absolute() {
                    found = PathBuf::new();
                }
                rest.extend(parts(&target));
            }
        }
    }
    Some(folder.join(found))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::catalog::Catalog;

    /// A little-endian 64-bit program for `machine`, loaded by `interpreter` if there is one.
    fn program(machine: u16, kind: u16, interpreter: &str) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let half = |words: &[u16]| {
            words
                .iter()
                .flat_map(|it| it.to_le_bytes())
                .collect::<Vec<_>>()
        };
        file.extend(half(&[kind, machine, 1, 0]));
        for number in [0_u64, 64, 0] {
            file.extend(number.to_le_bytes());
        }
        let parts = u16::from(!interpreter.is_empty());
        file.extend(half(&[0, 0, 64, 56, parts, 64, 0, 0]));
        file.extend(half(&[3, 0, 4, 0]));
        let length = interpreter.len() as u64 + 1;
        for number in [120, 0, 0, length, length, 1_u64] {
            file.extend(number.to_le_bytes());
        }
        file.extend(interpreter.bytes().chain([0]));
        file
    }

    fn said(checked: Result<(), BuildError>) -> String {
        checked.err().map_or_else(String::new, |error| {
            let help = miette::Diagnostic::help(&error).unwrap().to_string();
            format!("{error} | {help}")
        })
    }

    #[test]
    fn a_program_alone_is_for_that_machine_and_needs_nothing() {
        let catalog = Catalog::embedded().unwrap();
        let arm64 = &"arm64".parse().unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes, told) in [
            ("p", program(183, 2, ""), ""),
            ("p", program(183, 3, ""), ""),
            ("p.exe", b"MZ\x90\0".to_vec(), "no ELF program"),
            (
                "p",
                program(62, 2, ""),
                "it is a program for x86_64, and the kernel is for arm64",
            ),
            ("p", program(40, 2, ""), "machine number 40"),
            ("p", program(183, 1, ""), "an object file"),
            (
                "p",
                program(183, 2, "/lib/ld.so"),
                "it needs /lib/ld.so, which is not in the machine",
            ),
            ("p", b"\x7fELF\x02".to_vec(), "cut short"),
            (
                "p",
                b"#!/bin/sh -e\nls\n".to_vec(),
                "a script for /bin/sh, which is not in the machine",
            ),
            ("p", Vec::new(), "it is empty"),
            ("p.c", b"int main;".to_vec(), "compile it with -static"),
            ("p", b"ls\n".to_vec(), "does not begin with #!"),
        ] {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            let text = said(runs_alone(&path, arm64, &catalog.arches));
            assert!(
                text.contains(told) && text.is_empty() == told.is_empty(),
                "{told}: {text}"
            );
        }
    }

    #[test]
    fn what_a_root_runs_is_found_in_it_with_all_that_loads_it() {
        let catalog = Catalog::embedded().unwrap();
        let arm64 = &"arm64".parse().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        let write = |name: &str, bytes: &[u8], mode: u32| {
            fs::write(root.join(name), bytes).unwrap();
            fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        symlink("/usr/bin", root.join("bin")).unwrap();
        symlink("usr/lib", root.join("lib")).unwrap();
        write("usr/lib/ld.so", &program(183, 3, ""), 0o755);
        write("usr/bin/sh", &program(183, 3, "/lib/ld.so"), 0o755);
        symlink("../../bin/sh", root.join("usr/bin/ash")).unwrap();
        symlink("/nonexistent/init", root.join("dangling")).unwrap();
        // there is one on this machine
        symlink("/etc/passwd", root.join("outside")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        write("compat", &program(40, 2, ""), 0o755);
        write("foreign", &program(62, 2, ""), 0o755);
        write("plain", &program(183, 2, ""), 0o644);
        write("nolib", &program(183, 2, "/lib64/ld.so"), 0o755);
        write("script", b"#! /bin/ash -e\n", 0o755);
        write("script-foreign", b"#!/foreign\n", 0o755);
        write("script-none", b"#!/usr/bin/python3 -u\n", 0o755);
        write("usr/bin/env", &program(183, 2, ""), 0o755);
        write("env-sh", b"#!/usr/bin/env -S sh -e\n", 0o755);
        write("env-none", b"#!/usr/bin/env python3\n", 0o755);
        write("script-cr", b"#!/bin/sh\r\n", 0o755);
        write("text", b"mount -t proc proc /proc\n", 0o755);
        write("empty", b"", 0o755);
        for (name, told) in [
            ("/bin/sh", ""),
            ("/usr/bin/ash", ""),
            ("/script", ""),
            (
                "/dangling",
                "/dangling: it is a link to /nonexistent/init, which the folder lacks",
            ),
            ("/outside", "link to /etc/passwd, which the folder lacks"),
            ("/loop", "link to loop"),
            ("/none", "lacks it"),
            (
                "/foreign",
                "/foreign: it is a program for x86_64, and the kernel is for arm64",
            ),
            ("/plain", "not executable | `chmod +x"),
            (
                "/nolib",
                "it is loaded by /lib64/ld.so, which the folder lacks",
            ),
            (
                "/script-foreign",
                "it is a script for /foreign: it is a program for x86_64",
            ),
            (
                "/script-none",
                "it is a script for /usr/bin/python3, which the folder lacks",
            ),
            ("/env-sh", ""),
            (
                "/env-none",
                "it is a script for python3, which the folder lacks",
            ),
            ("/script-cr", "carriage return"),
            ("/text", "does not begin with #!"),
            ("/empty", "it is empty"),
            ("/usr", "it is a folder"),
        ] {
            let text = said(runs_in(root, Path::new(name), arm64, &catalog.arches));
            assert!(
                text.contains(told) && text.is_empty() == told.is_empty(),
                "{name}: {text}"
            );
        }
        // a kernel may be configured to run programs of the narrower machine
        let text = said(runs_in(root, Path::new("/compat"), arm64, &catalog.arches));
        assert_eq!(text, "");
    }
}
