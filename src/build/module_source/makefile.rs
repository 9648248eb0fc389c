//! As much of a makefile, and of C, as tells what kbuild is sure to want.

/// A variable that a makefile sets.
pub struct Assigned {
    pub name: String,
    pub value: String,
    /// Whether kbuild is sure to read that line.
    pub certain: bool,
}

impl Assigned {
    /// The words of its value.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.value.split_whitespace()
    }

    /// Whether it lists objects to build.
    pub fn is_objects(&self) -> bool {
        self.name.starts_with("obj-")
    }

    /// Whether it lists what the object `stem`.o is linked of.
    pub fn is_parts_of(&self, stem: &str) -> bool {
        let rest = self
            .name
            .strip_prefix(stem)
            .and_then(|it| it.strip_prefix('-'));
        rest.is_some_and(|rest| {
            ["objs", "y", "m"].contains(&rest) || rest.starts_with('$') || rest.starts_with("objs-")
        })
    }
}

/// A condition that lines are under.
#[derive(Clone, Copy, PartialEq)]
enum Branch {
    /// It holds where kbuild reads the makefile.
    Read,
    /// It does not.
    PassedOver,
    /// That is not known.
    Unknown,
}

impl Branch {
    /// Of the condition in `line`, by make's conventions for files that kbuild reads too.
    fn of(word: &str, condition: &str) -> Branch {
        let condition: String = condition.chars().filter(|c| !c.is_whitespace()).collect();
        let asks = match word {
            "ifdef" | "ifndef" => condition == "KERNELRELEASE",
            _ => {
                let bare = condition.replace(['"', '\'', '(', ')', '{', '}', ',', '$'], "");
                bare == "KERNELRELEASE" || bare == "stripKERNELRELEASE"
            }
        };
        match word {
            _ if !asks => Branch::Unknown,
            "ifdef" | "ifneq" => Branch::Read,
            _ => Branch::PassedOver,
        }
    }

    fn other(self) -> Branch {
        match self {
            Branch::Read => Branch::PassedOver,
            Branch::PassedOver => Branch::Read,
            Branch::Unknown => Branch::Unknown,
        }
    }
}

/// The variables that `text` sets where kbuild may read it, but for those in recipes.
pub fn assignments(text: &str) -> Vec<Assigned> {
    let text = text.replace("\r\n", "\n").replace("\\\n", " ");
    let mut branches: Vec<Branch> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let is_recipe = line.starts_with('\t');
        let line = line.split('#').next().unwrap_or_default().trim();
        let (word, rest) = line.split_once([' ', '\t', '(']).unwrap_or((line, ""));
        match word {
            "ifdef" | "ifndef" | "ifeq" | "ifneq" => branches.push(Branch::of(word, rest)),
            "else" => {
                if let Some(last) = branches.last_mut() {
                    *last = match rest.trim().is_empty() {
                        true => last.other(),
                        false => Branch::Unknown,
                    };
                }
            }
            "endif" => drop(branches.pop()),
            _ if is_recipe || branches.contains(&Branch::PassedOver) => {}
            _ => {
                let line = match line.strip_prefix("include ") {
                    Some(files) => format!("include={files}"),
                    None => line.strip_prefix("export ").unwrap_or(line).to_owned(),
                };
                let Some((name, value)) = line.split_once('=') else {
                    continue;
                };
                let name = name.trim_end_matches([':', '+', '?', '!']).trim();
                // a rule with a variable of its own
                if name.contains([' ', '\t', ':']) {
                    continue;
                }
                found.push(Assigned {
                    name: name.to_owned(),
                    value: value.trim().to_owned(),
                    certain: branches.iter().all(|it| *it == Branch::Read),
                });
            }
        }
    }
    found
}

/// The makefiles that `text` is sure to include.
pub fn included(text: &str) -> Vec<String> {
    let set = assignments(text);
    let includes = set.iter().filter(|it| it.certain && it.name == "include");
    includes
        .flat_map(Assigned::words)
        .map(str::to_owned)
        .collect()
}

/// What a C source includes by a name in quotes, under no condition.
pub fn includes(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let lines = text.lines().filter_map(move |line| {
        let directive = line.trim_start().strip_prefix('#')?.trim_start();
        match directive {
            it if it.starts_with("if") => depth += 1,
            it if it.starts_with("endif") => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 0).then_some(directive)
    });
    lines.filter_map(|directive| {
        let name = directive.strip_prefix("include")?.trim_start();
        name.strip_prefix('"')?.split('"').next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kbuild_reads_is_told_from_what_others_do() {
        let text = "obj-m := a.o \\\n  b.o # and more\nifneq ($(KERNELRELEASE),)\nobj-m += c.o\nelse\nobj-m += d.o\nall:\n\tobj-m=e.o\n\
            endif\nifeq ($(X),y)\nexport obj-m += f.o\r\nendif\nx: obj-m = g.o\nifndef KERNELRELEASE\nobj-m += h.o\nelse\nobj-m+=i.o\nendif\n";
        let found = assignments(text);
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.name.as_str(), it.words().collect::<Vec<_>>(), it.certain))
            .collect();
        let expected = [
            ("obj-m", vec!["a.o", "b.o"], true),
            ("obj-m", vec!["c.o"], true),
            ("obj-m", vec!["f.o"], false),
            ("obj-m", vec!["i.o"], true),
        ];
        assert_eq!(found, expected);
        let parts = |name: &str| assignments(&format!("{name} := x.o"))[0].is_parts_of("a");
        assert!(parts("a-objs") && parts("a-y") && parts("a-$(CONFIG_X)"));
        assert!(!parts("b-objs") && !parts("a-b-objs") && !parts("a"));
    }

    #[test]
    fn includes_under_a_condition_are_passed_over() {
        let text = "#include <linux/a.h>\n# include \"b.h\"\n#ifdef X\n#include \"c.h\"\n#endif\n#include \"../d.h\" /* d */\n";
        assert_eq!(includes(text).collect::<Vec<_>>(), ["b.h", "../d.h"]);
    }
}
