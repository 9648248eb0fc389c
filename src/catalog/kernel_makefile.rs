//! Which version a kernel's top Makefile says it is.

use std::collections::BTreeMap;

use regex::{Captures, Regex};

use crate::version::KernelVersion;

/// `6.1.192` from the assignments at the head of a kernel's Makefile.
///
/// `EXTRAVERSION` counts where it can be part of a version: `.4` in the 2.6 series, `-rc3`, a vendor's `.4brcmarm`. Comments,
/// `:=` and variables of the file itself are understood; what is left that no version may hold is dropped.
///
/// # Errors
/// Which assignment is missing, or names no kernel.
pub fn version_of_makefile(makefile: &str) -> Result<KernelVersion, String> {
    version_with(makefile, &|_| None)
}

/// The same, where the numbers may stand in a file of the tree's top that the Makefile includes: `beside` is its text, by its name.
///
/// # Errors
/// As those of [`version_of_makefile`].
pub(super) fn version_with(
    makefile: &str,
    beside: &dyn Fn(&str) -> Option<String>,
) -> Result<KernelVersion, String> {
    let mut variables = assignments(makefile);
    let mut elsewhere = None;
    let lacks = |variables: &BTreeMap<String, String>| {
        let mut numbers = ["VERSION", "PATCHLEVEL", "SUBLEVEL"].iter();
        numbers.any(|it| !variables.contains_key(*it))
    };
    if lacks(&variables) {
        for file in included(makefile) {
            let plain = file
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
            match plain.then(|| beside(&file)).flatten() {
                Some(text) => {
                    for (name, value) in assignments(&text) {
                        variables.entry(name).or_insert(value);
                    }
                }
                None => elsewhere = elsewhere.or(Some(file)),
            }
        }
    }
    let elsewhere = elsewhere.filter(|_| lacks(&variables));
    let missing = |name: &str| match &elsewhere {
        None => format!("its top Makefile sets no {name}"),
        Some(file) => format!(
            "its top Makefile sets no {name}, which {file:.60} may that it includes: write VERSION, PATCHLEVEL and SUBLEVEL into the Makefile itself"
        ),
    };
    let value = |name: &'static str| variables.get(name).map(String::as_str);
    let number = |name: &'static str| {
        let text = value(name).ok_or_else(|| missing(name))?;
        match text.parse::<u16>() {
            Ok(_) => Ok(text),
            Err(_) => Err(format!(
                "its top Makefile sets {name} to {text:.40?}, which is not a number"
            )),
        }
    };
    let (major, minor) = (number("VERSION")?, number("PATCHLEVEL")?);
    let sub = number("SUBLEVEL")?;
    let extra = value("EXTRAVERSION").unwrap_or_default();
    // a first release of 3.0 or later is called 5.10, not 5.10.0
    let short = match (major, sub) {
        (_, "0") if major != "2" => format!("{major}.{minor}"),
        _ => format!("{major}.{minor}.{sub}"),
    };
    // a number of its own comes after all three others
    let begins_with_number = extra
        .strip_prefix('.')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let base = match begins_with_number {
        true => format!("{major}.{minor}.{sub}"),
        false => short.clone(),
    };
    let extra = extra.trim_end_matches(['-', '.', '_', '~']);
    let whole = format!("{base}{extra}").parse();
    whole
        .or_else(|_| short.parse())
        .map_err(|error: crate::version::VersionError| error.to_string())
}

/// The value of `EXTRAVERSION` in a kernel's Makefile, where blanks stand between its words: no release may hold any. What only make
/// knows is none, and so are the blanks that make drops, at its end or before a comment.
pub(super) fn torn_extraversion(makefile: &str) -> Option<String> {
    let value = assignments(makefile).remove("EXTRAVERSION")?;
    let torn = value.contains([' ', '\t']) && !value.contains('$');
    torn.then_some(value)
}

/// What a makefile includes, from the tree's top, where that is plain enough to tell.
fn included(makefile: &str) -> Vec<String> {
    const TOPS: [&str; 6] = [
        "$(srctree)",
        "${srctree}",
        "$(CURDIR)",
        "$(TOPDIR)",
        "$(src)",
        ".",
    ];
    let mut files = Vec::new();
    let makefile = joined(makefile);
    for line in makefile.lines().filter(|line| !line.starts_with('\t')) {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        if let Some("include" | "-include" | "sinclude") = words.next() {
            let from_top = |word: &str| {
                let mut tops = TOPS.iter();
                let rest = tops.find_map(|top| word.strip_prefix(top)?.strip_prefix('/'));
                rest.unwrap_or(word).to_owned()
            };
            files.extend(words.map(from_top).filter(|it| !it.contains('$')));
        }
    }
    files.truncate(20);
    files
}

/// `makefile` with lines that go on in the next one as one line.
fn joined(makefile: &str) -> String {
    makefile.replace("\\\r\n", " ").replace("\\\n", " ")
}

/// The plain assignments of a makefile, the first of each name, with the variables that they name put in. One of
/// `EXTRAVERSION` under a condition says nothing: only make knows whether it holds.
fn assignments(makefile: &str) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut conditions = 0_usize;
    let makefile = joined(makefile);
    for line in makefile.lines().filter(|line| !line.starts_with('\t')) {
        let line = line.split('#').next().unwrap_or_default();
        let first = line.split([' ', '\t', '(']).find(|word| !word.is_empty());
        match first {
            Some("ifdef" | "ifndef" | "ifeq" | "ifneq") => conditions += 1,
            Some("endif") => conditions = conditions.saturating_sub(1),
            _ => {}
        }
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let name = name.trim_end();
        let adds = name.ends_with('+');
        let name = name.trim_end_matches([':', '?', '+']).trim();
        let mut words = name.split_whitespace().rev();
        let name = words.next().unwrap_or_default();
        if words.any(|word| !["export", "override"].contains(&word)) {
            continue;
        }
        let plain =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let known = conditions == 0 || name != "EXTRAVERSION";
        if !plain || !known || variables.len() >= 1000 {
            continue;
        }
        let value = expanded(value.trim(), &variables);
        match variables.get_mut(name) {
            // with a blank between them, as make has it
            Some(before) if adds && before.len() < 1000 => *before = format!("{before} {value}"),
            Some(_) => {}
            None => drop(variables.insert(name.to_owned(), value)),
        }
    }
    variables
}

/// `text` with `$(NAME)` and `${NAME}` replaced once; an unknown name is empty, as it is to make.
fn expanded(text: &str, variables: &BTreeMap<String, String>) -> String {
    if !text.contains('$') {
        return text.to_owned();
    }
    let Ok(reference) = Regex::new(r"\$(?:\(([^()]*)\)|\{([^{}]*)\})") else {
        return text.to_owned();
    };
    let put_in = |found: &Captures<'_>| {
        let name = found.get(1).or(found.get(2));
        let value = name.and_then(|name| variables.get(name.as_str()));
        // a value is as long as a version at most
        value.map_or(String::new(), |value| value.chars().take(64).collect())
    };
    reference.replace_all(text, put_in).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str =
        "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\nNAME = Curry Ramen\n";

    fn read(makefile: &str) -> String {
        match version_of_makefile(makefile) {
            Ok(version) => version.to_string(),
            Err(reason) => format!("error: {reason}"),
        }
    }

    #[test]
    fn extraversions_of_every_spelling() {
        for (extra, version) in [
            ("", "6.1.192"),
            (" -rc3", "6.1.192-rc3"),
            (" .4brcmarm", "6.1.192.4brcmarm"),
            (" -custom # our build", "6.1.192-custom"),
            (" .8-LSK-$(LSPVER)", "6.1.192.8-LSK"),
            (" -$(NAME_OF_BOARD)-x", "6.1.192-board-x"),
            (" -${NAME_OF_BOARD}", "6.1.192-board"),
            (" -$(shell date)", "6.1.192"),
            ("_vendor", "6.1.192_vendor"),
        ] {
            let text = "NAME_OF_BOARD = board\n".to_owned()
                + &MAKEFILE.replace("EXTRAVERSION =", &format!("EXTRAVERSION ={extra}"));
            assert_eq!(read(&text), version, "{extra}");
        }
    }

    #[test]
    fn what_only_make_knows_is_left_out() {
        for extra in [
            "ifdef VENDOR\nEXTRAVERSION = -vendor\nelse\nEXTRAVERSION = -x\nendif",
            "ifneq ($(wildcard .git),)\n EXTRAVERSION := -git\nendif",
        ] {
            let text = MAKEFILE.replace("EXTRAVERSION =", extra);
            assert_eq!(read(&text), "6.1.192", "{extra}");
        }
        let after = "ifdef X\nY = 1\nendif\nEXTRAVERSION = -vendor";
        let text = MAKEFILE.replace("EXTRAVERSION =", after);
        assert_eq!(read(&text), "6.1.192-vendor");
    }

    #[test]
    fn assignments_of_every_spelling() {
        for text in [
            MAKEFILE.replace(" = ", " := "),
            MAKEFILE.replace(" = ", "="),
            MAKEFILE.replace(" = ", " ?= "),
            MAKEFILE.replace('\n', "\r\n"),
            MAKEFILE.replace("VERSION = 6", "VERSION = 6 # the first number"),
            format!("{MAKEFILE}VERSION = 9\n"),
        ] {
            assert_eq!(read(&text), "6.1.192", "{text}");
        }
        let old = "VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 36\nEXTRAVERSION = .4brcmarm\n";
        assert_eq!(read(old), "2.6.36.4brcmarm");
        let first = "VERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 0\nEXTRAVERSION =\n";
        assert_eq!(read(first), "5.10");
        let candidate = first.replace("EXTRAVERSION =", "EXTRAVERSION = -rc3");
        assert_eq!(read(&candidate), "5.10-rc3");
        let next_line = first.replace("EXTRAVERSION =", "EXTRAVERSION = \\\n  -rc5");
        assert_eq!(read(&next_line), "5.10-rc5");
        let fourth = first.replace("EXTRAVERSION =", "EXTRAVERSION = .8-LSK");
        assert_eq!(read(&fourth), "5.10.0.8-LSK");
    }

    #[test]
    fn assignments_that_make_exports_or_insists_on_are_read() {
        for text in [
            MAKEFILE.replace("SUBLEVEL", "export SUBLEVEL"),
            MAKEFILE.replace("VERSION = 6", "override VERSION := 6"),
            MAKEFILE.replace("VERSION = 6", "  override export VERSION=6"),
            MAKEFILE.replace("VERSION = 6", "export VERSION PATCHLEVEL\nVERSION = 6"),
            format!("unexport VERSION\nif VERSION = 5\n{MAKEFILE}"),
        ] {
            assert_eq!(read(&text), "6.1.192", "{text}");
        }
    }

    #[test]
    fn numbers_in_a_file_beside_it_are_read() {
        let rest = "ARCH ?= arm\ninclude scripts/Kbuild.include\n";
        let beside = |name: &str| (name == "version.mk").then(|| MAKEFILE.to_owned());
        for line in [
            "include version.mk",
            "-include $(srctree)/version.mk # ours",
            "sinclude ./none.mk ${srctree}/version.mk",
            "PATCHLEVEL = 1\ninclude $(CURDIR)/version.mk",
        ] {
            let text = format!("{line}\n{rest}");
            let version = version_with(&text, &beside).unwrap();
            assert_eq!(version.as_str(), "6.1.192", "{line}");
        }
        // the Makefile's own come first
        let text = format!("include version.mk\n{}", MAKEFILE.replace("192", "7"));
        assert_eq!(version_with(&text, &beside).unwrap().as_str(), "6.1.7");
        for (line, named) in [
            ("include vendor/version.mk", Some("vendor/version.mk may")),
            ("include ../version.mk", Some("../version.mk may")),
            ("include gone.mk", Some("gone.mk may")),
            ("include $(VENDOR)/version.mk", None),
            ("", None),
        ] {
            let said = version_with(line, &beside).unwrap_err();
            let told = said.contains("write VERSION, PATCHLEVEL and SUBLEVEL into the Makefile");
            assert!(
                said.starts_with("its top Makefile sets no VERSION"),
                "{said}"
            );
            assert_eq!(
                told,
                named.is_some_and(|it| said.contains(it)),
                "{line}: {said}"
            );
        }
    }

    #[test]
    fn an_extraversion_with_blanks_between_words_is_no_part_of_a_release() {
        for (extra, torn) in [
            (" -my kernel", Some("-my kernel")),
            (" -a\tb # why", Some("-a\tb")),
            (" -a\nEXTRAVERSION += -b", Some("-a -b")),
            (" -$(NAME) x", Some("-Curry Ramen x")),
            (" -rc3  ", None),
            (" -custom # our build", None),
            (" -$(shell date +%Y)", None),
            (" -$(shell echo $(X) y)", None),
            ("", None),
        ] {
            let text = MAKEFILE.replace("EXTRAVERSION =", "");
            let text = format!("{text}EXTRAVERSION ={extra}\n");
            assert_eq!(torn_extraversion(&text).as_deref(), torn, "{extra:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(read("all:\n\techo VERSION = 6\n").contains("sets no VERSION"));
        assert!(read("VERSION = 2021\nPATCHLEVEL = 10\nSUBLEVEL =\n").contains("SUBLEVEL to \"\""));
        assert!(read("VERSION = $(shell cat v)\nPATCHLEVEL = 1\n").contains("VERSION"));
        assert!(read("VERSION = 6\n").contains("sets no PATCHLEVEL"));
    }
}
