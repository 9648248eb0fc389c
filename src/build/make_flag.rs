//! Arguments that a user has for a module's make, and which of them would break the build's own.

use crate::text::shown;

/// What kflake tells make itself, and what to do instead.
const OWN: &[(&[&str], &str, &str)] = &[
    (
        &["M", "SUBDIRS", "KBUILD_EXTMOD"],
        "the module's folder is the one that is built",
        "give the folder, or a folder in it, as the source",
    ),
    (
        &["O", "KBUILD_OUTPUT", "MO", "KBUILD_EXTMOD_OUTPUT"],
        "what is built lands in the folder that --out names",
        "leave it out",
    ),
    (
        &["ARCH", "SRCARCH", "SUBARCH"],
        "the module is built for the kernel's arch",
        "--arch chooses it",
    ),
    (
        &[
            "CROSS_COMPILE",
            "CC",
            "LD",
            "AR",
            "NM",
            "OBJCOPY",
            "OBJDUMP",
            "READELF",
            "STRIP",
            "LLVM",
            "LLVM_IAS",
        ],
        "the module is built with the toolchain that the kernel was built with",
        "--toolchains chooses where it comes from",
    ),
    (
        &["KERNELRELEASE", "KERNELVERSION"],
        "the release is the kernel's, and a module of another does not load",
        "--kernel chooses the kernel, and -K CONFIG_LOCALVERSION=… the end of its release",
    ),
    (
        &["KBUILD_EXTRA_SYMBOLS"],
        "it is set to what other modules export",
        "--symvers names their Module.symvers",
    ),
    (
        &[
            "SHELL",
            "PWD",
            "MAKE",
            "MAKEFLAGS",
            "MFLAGS",
            "GNUMAKEFLAGS",
            "MAKEFILES",
            "MAKEOVERRIDES",
            "srctree",
            "objtree",
        ],
        "the build sets it, and finds its folders and programs by it",
        "leave it out",
    ),
];

/// Why make cannot be given `flag`, and what to do; none: it can.
pub fn refused_make_flag(flag: &str) -> Option<(String, String)> {
    let because = |reason: &str, help: &str| {
        Some((
            format!("--make-flag `{}`: {reason}", shown(flag)),
            help.to_owned(),
        ))
    };
    if flag.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let help = "give one argument without blanks at a time";
        return Some((
            format!("--make-flag `{}` holds a blank", shown(flag)),
            help.to_owned(),
        ));
    }
    if flag.starts_with('-') {
        return option(flag).and_then(|reason| because(reason, "leave it out"));
    }
    let Some((name, _)) = flag.split_once('=') else {
        return because(
            "it is a target, and the module is built by `modules` alone",
            "give NAME=VALUE, such as CONFIG_FOO=m; what a target does in a make of the module's own, MAKE in a dkms.conf can",
        );
    };
    let name = plain_name(name);
    if name.contains('$') {
        return because(
            "make would expand the name, to another than it reads",
            "write the name itself",
        );
    }
    let (_, reason, help) = OWN.iter().find(|(names, ..)| names.contains(&name))?;
    because(reason, help)
}

/// `flag` as make is told: what is said to the compiler comes after what the kernel was built with, not in its place.
pub fn joined_make_flag(flag: &str) -> String {
    match flag
        .split_once('=')
        .map(|(name, value)| (plain_name(name), value))
    {
        Some((name @ ("KCFLAGS" | "KAFLAGS"), value)) => format!("{name}+={value}"),
        _ => flag.to_owned(),
    }
}

/// `name` without what else than `=` an assignment may have: NAME:=VALUE, NAME+=VALUE.
fn plain_name(name: &str) -> &str {
    name.trim_end_matches([':', '+', '?', '!'])
}

/// Why an option of make's cannot be given.
fn option(flag: &str) -> Option<&'static str> {
    const ELSEWHERE: &str = "make would read another makefile than the kernel's";
    const NOTHING: &str = "make would build nothing";
    const REGARDLESS: &str = "make would go on as if what failed had not";
    // make takes a long option by any beginning of its name that no other has
    const LONG: &[(&str, &str)] = &[
        ("directory", ELSEWHERE),
        ("file", ELSEWHERE),
        ("makefile", ELSEWHERE),
        ("eval", ELSEWHERE),
        ("ignore-errors", REGARDLESS),
        ("just-print", NOTHING),
        ("dry-run", NOTHING),
        ("recon", NOTHING),
        ("question", NOTHING),
        ("touch", NOTHING),
        ("help", NOTHING),
        ("version", NOTHING),
    ];
    if let Some(long) = flag.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        let (_, reason) = LONG.iter().find(|(long, _)| long.starts_with(name))?;
        return Some(reason);
    }
    // what follows a letter with a value is the value
    let letters = flag[1..].chars();
    let with_value = |c: &char| "IjloOW".contains(*c);
    letters
        .take_while(|c| !with_value(c))
        .find_map(|c| match c {
            'C' | 'f' | 'E' => Some(ELSEWHERE),
            'i' => Some(REGARDLESS),
            'n' | 'q' | 't' | 'h' | 'v' => Some(NOTHING),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_says_itself_is_not_said_again() {
        for (flag, said) in [
            ("M=.", "the folder, or a folder in it"),
            ("SUBDIRS=src", "as the source"),
            ("O=/tmp/out", "--out"),
            ("MO=out", "--out"),
            ("ARCH=arm64", "--arch"),
            ("CROSS_COMPILE=aarch64-linux-gnu-", "--toolchains"),
            ("CC:=clang", "--toolchains"),
            ("LLVM=1", "--toolchains"),
            ("KERNELRELEASE=6.1.0-foo", "--kernel"),
            ("KBUILD_EXTRA_SYMBOLS=../Module.symvers", "--symvers"),
            ("SHELL=/bin/sh", "its folders and programs"),
            ("-C/lib/modules/build", "another makefile"),
            ("-sC", "another makefile"),
            ("--directory=/x", "another makefile"),
            ("-f", "another makefile"),
            ("-n", "build nothing"),
            ("--dry-run", "build nothing"),
            ("--dir=/x", "another makefile"),
            ("--ev=$(info)", "another makefile"),
            ("-Ex", "another makefile"),
            ("--just", "build nothing"),
            ("-ki", "as if what failed had not"),
            ("--ig", "as if what failed had not"),
            ("$(EMPTY)M=/x", "expand the name"),
            ("MAKEFILES=/x", "its folders and programs"),
            ("GNUMAKEFLAGS=-n", "its folders and programs"),
            ("clean", "is a target"),
            ("modules_install", "is a target"),
            ("", "is a target"),
            ("CFLAGS=-g -O2", "holds a blank"),
            ("A=\t", "holds a blank"),
        ] {
            let (reason, help) = refused_make_flag(flag).unwrap_or_default();
            assert!(
                format!("{reason}; {help}").contains(said),
                "{flag}: {reason}; {help}"
            );
        }
    }

    #[test]
    fn flags_for_the_compiler_are_added_to_the_kernels() {
        for (flag, told) in [
            ("KCFLAGS=-DX=1", "KCFLAGS+=-DX=1"),
            ("KAFLAGS=", "KAFLAGS+="),
            ("KCFLAGS+=-DX", "KCFLAGS+=-DX"),
            ("KCFLAGS::=-DX", "KCFLAGS+=-DX"),
            ("EXTRA_CFLAGS=-DX", "EXTRA_CFLAGS=-DX"),
            ("V=1", "V=1"),
        ] {
            assert_eq!(joined_make_flag(flag), told);
        }
    }

    #[test]
    fn what_modules_ask_for_passes() {
        for flag in [
            "CONFIG_FOO=m",
            "CONFIG_FOO:=m",
            "KCFLAGS=-Wno-error",
            "EXTRA_CFLAGS=-DDEBUG",
            "ccflags-y+=-DX",
            "V=1",
            "W=1",
            "C=2",
            "DEBUG=",
            "KDIR=/x",
            "KVERSION=6.1",
            "-j4",
            "-k",
            "--trace",
            "-Otarget",
            "-lfoo",
            "--output-sync=line",
            "--no-print-directory",
            "--warn-undefined-variables",
        ] {
            assert_eq!(refused_make_flag(flag), None, "{flag}");
        }
    }
}
