//! What evaluation makes of requests: derivations, described.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Asked, ConfigChoice, Request, Thing};
use crate::hash::Sha256;
use crate::nix::DrvPath;
use crate::text::clean;

/// The value of `describe.nix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The system that builds run on here: `x86_64-linux`.
    pub system: String,
    /// One for every request, in their order.
    pub answers: Vec<Answer>,
}

impl Answers {
    /// Compares what was described with what `asked` was.
    ///
    /// # Errors
    /// When something else was described; what.
    pub fn check(&self, asked: &Asked) -> Result<(), String> {
        if self.answers.len() != asked.requests.len() {
            let (many, wanted) = (self.answers.len(), asked.requests.len());
            return Err(format!("{many} answers to {wanted} questions"));
        }
        let mut pairs = self.answers.iter().zip(&asked.requests);
        pairs.try_for_each(|(answer, request)| {
            answer
                .check(request)
                .map_err(|what| format!("{}: {what}", request.id))
        })
    }
}

impl Answer {
    fn check(&self, request: &Request) -> Result<(), String> {
        if self.id != request.id {
            return Err(format!("the answer is to {}", clean(&self.id)));
        }
        for thing in &request.wanted {
            match self.things.get(thing) {
                None => return Err(format!("it says nothing of its {}", thing.as_str())),
                Some(Entry::Error { .. }) => {}
                Some(Entry::Build(build)) => build.made.check(*thing, request)?,
            }
        }
        Ok(())
    }
}

impl Made {
    fn check(&self, thing: Thing, request: &Request) -> Result<(), String> {
        let text = |it: &dyn std::fmt::Display| Some(it.to_string());
        let same = |what: &str, found: &Option<String>, wanted: Option<String>| {
            if *found == wanted {
                return Ok(());
            }
            let words = |it: Option<&str>| it.map_or("none".to_owned(), clean);
            let (found, wanted) = (words(found.as_deref()), words(wanted.as_deref()));
            let thing = thing.as_str();
            Err(format!(
                "the {what} of its {thing} is {found}, not {wanted}"
            ))
        };
        if thing == Thing::Machine {
            return Ok(());
        }
        same("toolchain", &self.toolchain, text(&request.toolchain))?;
        if matches!(thing, Thing::Toolchain | Thing::Image | Thing::BootImage) {
            return Ok(());
        }
        let board = request.board.as_ref();
        same("arch", &self.arch, text(&request.arch))?;
        same(
            "kernel",
            &self.version,
            request.version.as_ref().map(ToString::to_string),
        )?;
        same("board", &self.board, board.map(ToString::to_string))?;
        let config = match &request.config {
            ConfigChoice::Profile(name) => Some(format!("profile {name}")),
            ConfigChoice::Named(name) => Some(format!("defconfig {name}")),
            ConfigChoice::File(_) => Some("file".to_owned()),
            // the board says which
            ConfigChoice::Board => {
                let own = self.config.as_ref();
                own.filter(|it| it.starts_with("defconfig ")).cloned()
            }
        };
        same("configuration", &self.config, config)?;
        match request.source {
            None => Ok(()),
            Some(wanted) => same(
                "source",
                &self.source.map(|it| it.to_string()),
                Some(wanted.to_string()),
            ),
        }
    }
}

/// What one request evaluated to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// [`super::Request::id`].
    pub id: String,
    /// Everything that was wanted.
    pub things: BTreeMap<Thing, Entry>,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// It can be built.
    Build(Buildable),
    /// It cannot even be described.
    Error {
        /// Why not.
        error: String,
    },
}

/// A derivation that something comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buildable {
    /// The derivation.
    #[serde(rename = "drvPath")]
    pub drv: DrvPath,
    /// Its outputs' paths by name.
    pub outputs: BTreeMap<String, String>,
    /// The system that can build it.
    pub system: String,
    /// Its name.
    pub name: String,
    /// What it is made of and by; empty for a machine.
    #[serde(default)]
    pub made: Box<Made>,
    /// How a machine is started; empty for everything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The initramfs of ours that a machine is started with, which has room for the nonce of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<PathBuf>,
}

/// What something is made of and by, read from what would be built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The compiler.
    #[serde(default)]
    pub toolchain: Option<String>,
    /// The arch of its kernel.
    #[serde(default)]
    pub arch: Option<String>,
    /// Its kernel.
    #[serde(default)]
    pub version: Option<String>,
    /// The board that the kernel is for.
    #[serde(default)]
    pub board: Option<String>,
    /// The kernel's configuration: `profile NAME`, `defconfig NAME` or `file`.
    #[serde(default)]
    pub config: Option<String>,
    /// Digest of the kernel's source, as it was fetched.
    #[serde(default)]
    pub source: Option<Sha256>,
    /// Versions of the programs that make it, by name: `cc`, `make`, `qemu`.
    #[serde(default)]
    pub tools: BTreeMap<String, String>,
}

impl Buildable {
    /// The path that stands for the result: `out`, or the first output.
    pub fn out(&self) -> Option<&str> {
        let out = self
            .outputs
            .get("out")
            .or_else(|| self.outputs.values().next());
        out.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            version: Some("6.1.192".parse().unwrap()),
            board: Some("arm64-virt".parse().unwrap()),
            config: ConfigChoice::Profile("tiny".to_owned()),
            source: Some(Sha256::of_bytes(b"a tree")),
            wanted: vec![Thing::Toolchain, Thing::Kernel],
            ..Request::new(
                "k6-arm64",
                "arm64".parse().unwrap(),
                "debian-12.2.0-arm64".parse().unwrap(),
            )
        }
    }

    fn build(made: serde_json::Value) -> Entry {
        let build = serde_json::json!({
            "drvPath": "/nix/store/x.drv", "name": "x", "outputs": {}, "system": "x86_64-linux", "made": made,
        });
        serde_json::from_value(build).unwrap()
    }

    fn made() -> serde_json::Value {
        serde_json::json!({
            "toolchain": "debian-12.2.0-arm64", "arch": "arm64", "version": "6.1.192", "board": "arm64-virt",
            "config": "profile tiny", "source": Sha256::of_bytes(b"a tree").sri(), "tools": {},
        })
    }

    fn checked(kernel: Entry) -> Result<(), String> {
        let things = [(Thing::Toolchain, build(made())), (Thing::Kernel, kernel)];
        let answers = Answers {
            system: "x86_64-linux".to_owned(),
            answers: vec![Answer {
                id: "k6-arm64".to_owned(),
                things: things.into(),
            }],
        };
        answers.check(&Asked {
            lenient: true,
            requests: vec![request()],
        })
    }

    #[test]
    fn what_was_asked_is_what_is_described() {
        assert_eq!(checked(build(made())), Ok(()));
        let error = "no kernel".to_owned();
        assert_eq!(checked(Entry::Error { error }), Ok(()));
        for (field, other, said) in [
            (
                "toolchain",
                "debian-10.2.1-arm64",
                "debian-10.2.1-arm64, not debian-12.2.0-arm64",
            ),
            ("arch", "armhf", "armhf, not arm64"),
            ("version", "6.1.191", "6.1.191, not 6.1.192"),
            (
                "board",
                "arm64-\u{1b}other",
                "arm64-\\u{1b}other, not arm64-virt",
            ),
            ("config", "profile large", "profile large, not profile tiny"),
            (
                "source",
                &Sha256::of_bytes(b"another").sri(),
                "the source of its kernel is ",
            ),
        ] {
            let mut wrong = made();
            wrong[field] = other.into();
            let error = checked(build(wrong)).unwrap_err();
            assert!(
                error.starts_with("k6-arm64: ") && error.contains(said),
                "{error}"
            );
            let mut missing = made();
            missing[field] = serde_json::Value::Null;
            assert!(checked(build(missing)).is_err(), "{field}");
        }
    }

    #[test]
    fn every_answer_is_to_its_question() {
        let asked = Asked {
            lenient: true,
            requests: vec![request()],
        };
        let answers = |answers: Vec<Answer>| Answers {
            system: String::new(),
            answers,
        };
        let answer = |id: &str, things: &[Thing]| Answer {
            id: id.to_owned(),
            things: things.iter().map(|it| (*it, build(made()))).collect(),
        };
        let both = [Thing::Toolchain, Thing::Kernel];
        assert!(answers(vec![]).check(&asked).is_err());
        assert!(
            answers(vec![answer("k6-mipsel", &both)])
                .check(&asked)
                .is_err()
        );
        assert!(
            answers(vec![answer("k6-arm64", &both[..1])])
                .check(&asked)
                .is_err()
        );
        assert!(
            answers(vec![answer("k6-arm64", &both)])
                .check(&asked)
                .is_ok()
        );
    }
}
