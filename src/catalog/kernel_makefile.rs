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
    let variables = assignments(makefile);
    let value = |name: &'static str| variables.get(name).map(String::as_str);
    let number = |name: &'static str| {
        let text = value(name).ok_or_else(|| format!("its top Makefile sets no {name}"))?;
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

/// The plain assignments of a makefile, the first of each name, with the variables that they name put in. One of
/// `EXTRAVERSION` under a condition says nothing: only make knows whether it holds.
fn assignments(makefile: &str) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut conditions = 0_usize;
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
        let name = name.trim_end().trim_end_matches([':', '?']).trim();
        let plain =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let known = conditions == 0 || name != "EXTRAVERSION";
        if plain && known && !variables.contains_key(name) && variables.len() < 1000 {
            let value = expanded(value.trim(), &variables);
            variables.insert(name.to_owned(), value);
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
            (" -my kernel", "6.1.192"),
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
        let fourth = first.replace("EXTRAVERSION =", "EXTRAVERSION = .8-LSK");
        assert_eq!(read(&fourth), "5.10.0.8-LSK");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(read("all:\n\techo VERSION = 6\n").contains("sets no VERSION"));
        assert!(read("VERSION = 2021\nPATCHLEVEL = 10\nSUBLEVEL =\n").contains("SUBLEVEL to \"\""));
        assert!(read("VERSION = $(shell cat v)\nPATCHLEVEL = 1\n").contains("VERSION"));
        assert!(read("VERSION = 6\n").contains("sets no PATCHLEVEL"));
    }
}
