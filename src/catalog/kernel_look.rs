//! What keeps a kernel's source from being built, as far as its files show: the same for folders and for archives.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::files;
use crate::text::shown;
use crate::version::KernelVersion;

/// Why a kernel's source is not one to build from.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KernelFlaw {
    /// A kernel was built in it: its makefiles would refuse to build elsewhere, or build with what lies there.
    #[error("{path} is not clean: {found} is left over from a build", path = shown(path))]
    #[diagnostic(help(
        "run `make mrproper` in the tree, or add a copy without it: `git archive` makes one"
    ))]
    NotClean {
        /// The folder or archive.
        path: PathBuf,
        /// What only a build makes.
        found: &'static str,
    },
    /// A program that knows no links wrote it.
    #[error("{path} was unpacked without its links, as happens on Windows: {file} should be a link, and {what}", path = shown(path), file = shown(file))]
    #[diagnostic(help(
        "unpack the archive, or clone the repository, on Linux, and not in a folder shared with Windows"
    ))]
    NoLinks {
        /// The folder or archive.
        path: PathBuf,
        /// What should be a link, from the top of the tree.
        file: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// Lines end as they do on Windows.
    #[error("{path} has the line ends of Windows: {file} would not run", path = shown(path), file = shown(file))]
    #[diagnostic(help(
        "unpack the archive on Linux; in a clone, `git config core.autocrlf false`, then `git rm -r --cached -q . && git reset --hard`"
    ))]
    LineEnds {
        /// The folder or archive.
        path: PathBuf,
        /// One of the files.
        file: PathBuf,
    },
    /// A disk that takes upper and lower case for the same had it.
    #[error("{path} was unpacked where upper and lower case are the same, as on Windows and macOS: {lost} is missing beside {kept}", path = shown(path))]
    #[diagnostic(help("unpack the archive, or clone the repository, on a disk of Linux'"))]
    Folded {
        /// The folder or archive.
        path: PathBuf,
        /// A file that is there.
        kept: &'static str,
        /// The one of nearly the same name that it took the place of.
        lost: &'static str,
    },
    /// Parts that no kernel goes without are missing.
    #[error("{path} is not a whole kernel: there is no {missing} in it", path = shown(path))]
    #[diagnostic(help("{help}"))]
    Parts {
        /// The folder or archive.
        path: PathBuf,
        /// What is missing, from the top of the tree.
        missing: String,
        /// What to do.
        help: String,
    },
    /// Its release would hold a blank.
    #[error("{path} calls itself by words with blanks between them: EXTRAVERSION in its top Makefile is {value:?}, and no release may hold a blank", path = shown(path))]
    #[diagnostic(help(
        "take the blanks out of EXTRAVERSION; a comment stands behind a # of its own"
    ))]
    Torn {
        /// The folder or archive.
        path: PathBuf,
        /// What `EXTRAVERSION` is.
        value: String,
    },
    /// A name in it leads out of the folder that it is unpacked in.
    #[error("{path} cannot be unpacked: {member} {}", files::CLIMBS, path = shown(path), member = shown(member))]
    #[diagnostic(help("{}", files::ANEW))]
    Climbs {
        /// The archive.
        path: PathBuf,
        /// The name.
        member: PathBuf,
    },
    /// It is what modules are built with.
    #[error("{path} holds a kernel's headers, for building modules, and not its source: there is no init/main.c in it", path = shown(path))]
    #[diagnostic(help(
        "take the source: Debian's package linux-source-VERSION puts an archive into /usr/src, `apt-get source linux` fetches Ubuntu's, \
         and `kflake kernel list` shows versions that need no file"
    ))]
    Headers {
        /// The folder or archive.
        path: PathBuf,
    },
}

/// What configuring or building leaves; kbuild asks for the same before it builds in another folder.
const LEFT_BY_BUILDS: &[&str] = &[
    ".config",
    "include/config",
    "include/generated",
    "include/linux/autoconf.h",
    "include/linux/version.h",
];

/// Names that differ by case alone, in kernels from 2.6 to today.
const TWINS: &[(&str, &str)] = &[
    ("net/netfilter/xt_DSCP.c", "net/netfilter/xt_dscp.c"),
    ("net/netfilter/xt_HL.c", "net/netfilter/xt_hl.c"),
    ("net/netfilter/xt_RATEEST.c", "net/netfilter/xt_rateest.c"),
    ("net/netfilter/xt_TCPMSS.c", "net/netfilter/xt_tcpmss.c"),
];

/// Folders of a kernel that every configuration reads something in.
const PARTS: &[&str] = &[
    "arch", "block", "crypto", "drivers", "fs", "include", "init", "ipc", "kernel", "lib", "mm",
    "net", "scripts", "security", "sound", "usr",
];

/// Where kernels have links to `include/dt-bindings`, among others: since 4.12, and from 3.10 on.
const PREFIXES: &str = "scripts/dtc/include-prefixes";
const ARM_PREFIXES: &str = "arch/arm/boot/dts/include";

/// What a name in a tree stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
}

/// How much of a file is looked at, from its start.
pub(super) const START: u64 = 512;

/// A tree, as far as it was looked at.
#[derive(Debug, Default)]
pub(super) struct Look {
    left: Option<&'static str>,
    text_link: Option<PathBuf>,
    carriage: Option<PathBuf>,
    arches: BTreeSet<String>,
    parts: BTreeSet<&'static str>,
    twins: BTreeSet<&'static str>,
    has_code: bool,
    has_dtc: bool,
    has_arm_dts: bool,
    has_prefixes: bool,
}

impl Look {
    /// Whether something below the folder `path`, from the top of the tree, tells anything.
    pub(super) fn enters(path: &Path) -> bool {
        let Some(path) = path.to_str() else {
            return false;
        };
        let holds = |name: &&str| {
            name.strip_prefix(path)
                .is_some_and(|it| it.starts_with('/'))
        };
        let mut twins = TWINS.iter().map(|(upper, _)| upper);
        let names: Vec<&str> = path.split('/').collect();
        match names[..] {
            // links to include/dt-bindings, until 4.11
            ["arch", _] | ["arch", _, "boot"] | ["arch", _, "boot", "dts", ..] => names.len() < 6,
            ["" | "arch" | "init" | "kernel" | "include"] | ["include", "linux"] => true,
            ["scripts", ..] => true,
            _ => twins.any(holds),
        }
    }

    /// Whether the start of the file `path` of `size` bytes tells anything.
    pub(super) fn reads(path: &Path, size: u64) -> bool {
        let is_script =
            path.starts_with("scripts") || path.extension().is_some_and(|it| it == "sh");
        size > 0 && (is_script || size < 256 || path.components().count() == 1)
    }

    /// Takes in what lies at `path` from the top of the tree, a file with its start where that was asked for.
    pub(super) fn see(&mut self, path: &Path, kind: Kind, start: &[u8]) {
        let Some(text) = path.to_str() else {
            return;
        };
        let is_below = |folder: &str| {
            let rest = text.strip_prefix(folder);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.left.is_none() {
            self.left = LEFT_BY_BUILDS.iter().copied().find(|it| is_below(it));
        }
        let part = PARTS.iter().copied().find(|it| is_below(it));
        // a link to elsewhere is as good; a file of the name is not
        self.parts
            .extend(part.filter(|it| *it != text || kind != Kind::File));
        let mut names = text.split('/');
        if let (Some("arch"), Some(arch)) = (names.next(), names.next()) {
            let is_folder = names.next().is_some() || kind != Kind::File;
            if is_folder && self.arches.len() < 1000 {
                self.arches.insert(arch.to_owned());
            }
        }
        for (upper, lower) in TWINS {
            self.twins
                .extend([*upper, *lower].into_iter().filter(|it| *it == text));
        }
        self.has_dtc |= text == "scripts/dtc/Makefile";
        self.has_arm_dts |= text == "arch/arm/boot/dts/Makefile";
        self.has_prefixes |= [PREFIXES, ARM_PREFIXES]
            .iter()
            .any(|it| is_below(it) && *it != text);
        if kind != Kind::File {
            return;
        }
        let is_c = path.extension().is_some_and(|it| it == "c");
        self.has_code |= is_c && (is_below("kernel") || is_below("init"));
        // what leads up in one word, and nothing after it
        let is_word = start.starts_with(b"../") && (start.len() as u64) < START;
        if is_word && !start.iter().any(u8::is_ascii_whitespace) {
            self.text_link.get_or_insert_with(|| path.to_owned());
        }
        // make takes such lines as they are; Kconfig and the kernel do not
        let mut lines = start.split_inclusive(|b| *b == b'\n');
        if (text == "Kconfig" || start.starts_with(b"#!"))
            && lines.next().is_some_and(|it| it.ends_with(b"\r\n"))
        {
            self.carriage.get_or_insert_with(|| path.to_owned());
        }
    }

    /// What is wrong with the tree in the folder or archive `path`, which is of Linux `version`. `sparse`: git has checked out but a part.
    pub(super) fn flaw(
        &self,
        path: &Path,
        version: &KernelVersion,
        sparse: bool,
    ) -> Option<KernelFlaw> {
        let path = path.to_owned();
        let missing = PARTS.iter().find(|it| !self.parts.contains(*it));
        if let Some(missing) = missing.filter(|_| sparse) {
            return Some(KernelFlaw::Parts {
                missing: format!("{missing}/"),
                help: format!(
                    "git has checked out but a part of it: `git -C {} sparse-checkout disable` brings the rest",
                    shown(&path)
                ),
                path,
            });
        }
        if !self.has_code
            && ["include", "scripts"]
                .iter()
                .all(|it| self.parts.contains(it))
        {
            return Some(KernelFlaw::Headers { path });
        }
        if self.arches.is_empty() {
            return Some(KernelFlaw::Parts {
                path,
                missing: "arch/".to_owned(),
                help: "take the whole source: a checkout of git's that leaves folders out becomes whole with `git sparse-checkout disable`"
                    .to_owned(),
            });
        }
        if let Some(found) = self.left {
            return Some(KernelFlaw::NotClean { path, found });
        }
        let is_text = "is a text file";
        if let Some(file) = self.text_link.clone() {
            return Some(KernelFlaw::NoLinks {
                path,
                file,
                what: is_text,
            });
        }
        if let Some(file) = self.carriage.clone() {
            return Some(KernelFlaw::LineEnds { path, file });
        }
        let since = |text: &str| {
            text.parse::<KernelVersion>()
                .is_ok_and(|it| version.rank() >= it.rank())
        };
        let prefixes = match () {
            () if since("4.12") && self.has_dtc => Some(PREFIXES),
            () if since("3.10") && !since("4.12") && self.has_arm_dts => Some(ARM_PREFIXES),
            () => None,
        };
        if let Some(prefixes) = prefixes.filter(|_| !self.has_prefixes) {
            let file = Path::new(prefixes).join("dt-bindings");
            return Some(KernelFlaw::NoLinks {
                path,
                file,
                what: "is missing",
            });
        }
        // one alone may have been renamed
        let mut halves = TWINS.iter().filter_map(|(upper, lower)| {
            match (self.twins.contains(upper), self.twins.contains(lower)) {
                (true, false) => Some((*upper, *lower)),
                (false, true) => Some((*lower, *upper)),
                _ => None,
            }
        });
        let (kept, lost) = halves.next()?;
        let whole = TWINS
            .iter()
            .any(|(upper, lower)| self.twins.contains(upper) && self.twins.contains(lower));
        let folded = halves.next().is_some() && !whole;
        folded.then_some(KernelFlaw::Folded { path, kept, lost })
    }

    /// What is wrong with the tree in the folder `path` for a build for the arch that the kernel calls `arch`.
    pub(super) fn lacks(&self, path: &Path, arch: &str) -> Option<KernelFlaw> {
        // what they were called before 2.6.24 and 2.6.29
        let was: &[&str] = match arch {
            "x86" => &["i386", "x86_64"],
            "sparc" => &["sparc64"],
            _ => &[],
        };
        let has = |arch: &str| self.arches.contains(arch);
        (!has(arch) && !was.iter().any(|it| has(it))).then(|| {
            let have: Vec<&str> = self.arches.iter().map(String::as_str).take(5).collect();
            KernelFlaw::Parts {
                path: path.to_owned(),
                missing: format!("arch/{arch}/"),
                help: format!(
                    "take the whole source, or build for what it has ({}); in a checkout of git's, `git sparse-checkout disable` brings what was left out",
                    have.join(", ")
                ),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a tree of the files `names` besides those that any kernel has; NAME=TEXT, NAME/ and NAME@ are one of that content, a
    /// folder and a link.
    fn flaw(names: &[&str], version: &str, sparse: bool) -> String {
        let mut look = Look::default();
        for name in names {
            let (name, kind, start) = match (name.split_once('='), name.strip_suffix('@')) {
                (Some((name, text)), _) => (name, Kind::File, text),
                (None, Some(name)) => (name, Kind::Link, ""),
                _ if name.ends_with('/') => (name.trim_end_matches('/'), Kind::Folder, ""),
                _ => (*name, Kind::File, "x\n"),
            };
            look.see(Path::new(name), kind, start.as_bytes());
        }
        let flaw = look.flaw(Path::new("linux"), &version.parse().unwrap(), sparse);
        flaw.map_or(String::new(), |it| {
            let help = miette::Diagnostic::help(&it).unwrap();
            format!("{it}; {help}")
        })
    }

    #[test]
    fn flaws_of_every_kind() {
        const KERNEL: &[&str] = &[
            "Makefile",
            "arch/arm/Makefile",
            "kernel/fork.c",
            "include/linux/fs.h",
            "scripts/x.sh",
        ];
        let dtc = "scripts/dtc/Makefile";
        let dts = "arch/arm/boot/dts/Makefile";
        for (more, version, said) in [
            (&[][..], "6.1", ""),
            (&[".config"], "6.1", "not clean: .config"),
            (
                &["include/config/auto.conf"],
                "6.1",
                "not clean: include/config is",
            ),
            (
                &["include/generated/"],
                "6.1",
                "not clean: include/generated",
            ),
            (
                &["include/linux/version.h"],
                "2.6.31",
                "not clean: include/linux/version.h",
            ),
            (
                &["include/configs.h", ".config.old", "arch/arm/.config"],
                "6.1",
                "",
            ),
            (
                &["scripts/dtc/include-prefixes/arm=../../../arch/arm/boot/dts"],
                "6.1",
                "include-prefixes/arm should be a link, and is a text file",
            ),
            (
                &["arch/arm/boot/dts/include/dt-bindings=../../../../../include/dt-bindings"],
                "3.14",
                "should be a link",
            ),
            (&["scripts/dtc/include-prefixes/arm@", dtc], "6.1", ""),
            (&["scripts/dtc/include-prefixes/arm/x.dts", dtc], "6.1", ""),
            (
                &["scripts/dtc/include-prefixes/", dtc],
                "6.1",
                "dt-bindings should be a link, and is missing",
            ),
            (&[dtc], "4.11", ""),
            (
                &[dtc, dts],
                "4.11",
                "arch/arm/boot/dts/include/dt-bindings should be a link, and is missing",
            ),
            (&[dtc, dts], "3.4", ""),
            (&["tools/x=../y z"], "6.1", ""),
            (
                &["scripts/y.sh=#!/bin/sh\r\nset -e\r\n"],
                "6.1",
                "line ends of Windows: scripts/y.sh",
            ),
            (&["Kconfig=# x\r\n"], "6.1", "line ends of Windows: Kconfig"),
            (&["Makefile=# x\r\n", "Kbuild=# x\r\n"], "6.1", ""),
            (
                &["scripts/data=a\r\n", "drivers/x/Kconfig=a\r\n"],
                "6.1",
                "",
            ),
            (
                &["net/netfilter/xt_HL.c", "net/netfilter/xt_dscp.c"],
                "6.1",
                "xt_DSCP.c is missing beside net/netfilter/xt_dscp.c",
            ),
            (&["net/netfilter/xt_HL.c"], "6.1", ""),
            (
                &[
                    "net/netfilter/xt_HL.c",
                    "net/netfilter/xt_dscp.c",
                    "net/netfilter/xt_RATEEST.c",
                    "net/netfilter/xt_rateest.c",
                ],
                "6.1",
                "",
            ),
        ] {
            let names = [KERNEL, more].concat();
            let found = flaw(&names, version, false);
            assert!(
                found.contains(said) && said.is_empty() == found.is_empty(),
                "{more:?}: {found}"
            );
        }
        for (names, sparse, said) in [
            (
                &["Makefile", "kernel/fork.c"][..],
                false,
                "no arch/ in it; take the whole source",
            ),
            (
                &["Makefile", "arch/Kconfig", "kernel/fork.c"],
                false,
                "no arch/ in it",
            ),
            (
                &["Makefile", "kernel/fork.c", "arch=x"],
                false,
                "no arch/ in it",
            ),
            (
                &["Makefile", "kernel/fork.c"],
                true,
                "`git -C linux sparse-checkout disable`",
            ),
            (KERNEL, true, "there is no block/ in it"),
            (
                &[
                    "Makefile",
                    "kernel/Makefile",
                    "arch/x86/Makefile",
                    "include/linux/",
                    "scripts/",
                    ".config",
                ],
                false,
                "a kernel's headers",
            ),
        ] {
            let found = flaw(names, "6.1", sparse);
            assert!(found.contains(said), "{names:?}: {found}");
        }
    }

    #[test]
    fn an_arch_that_is_missing_is_told() {
        let mut look = Look::default();
        for path in [
            "arch/x86_64/Makefile",
            "arch/sparc/Makefile",
            "arch/Kconfig",
        ] {
            look.see(Path::new(path), Kind::File, b"");
        }
        let lacks = |arch: &str| {
            look.lacks(Path::new("linux"), arch)
                .map(|it| it.to_string())
        };
        assert_eq!((lacks("x86"), lacks("sparc")), (None, None));
        assert!(lacks("arm64").unwrap().contains("no arch/arm64/ in it"));
        assert!(lacks("Kconfig").is_some());
    }
}
