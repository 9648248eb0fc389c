//! Configurations: what is read can be written and read again, in either spelling, and what is wrong is told in one line.

use std::path::Path;

use kflake::kconfig::{Base, Config, Fragment, Setting};

use crate::shown::{bounded, inert_line, printed};
use crate::{Target, linear, signature};

/// Text of a `.config`; each line is also an argument of `-K` and `--config`.
pub struct Configurations;

impl Target for Configurations {
    fn name(&self) -> &'static str {
        "kconfig"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/configuration-lines.json");
        let text = std::fs::read(path).expect("the table is here");
        let table: Vec<(String, serde_json::Value)> =
            serde_json::from_slice(&text).expect("pairs of lines");
        let lines: Vec<String> = table.into_iter().map(|(line, _)| line).collect();
        let mut seeds: Vec<Vec<u8>> = lines
            .chunks(8)
            .map(|lines| lines.join("\n").into_bytes())
            .collect();
        seeds.push(
            b"#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm64 6.1.192 Kernel Configuration\n#\n\
              CONFIG_CC_VERSION_TEXT=\"gcc (Debian) 12\"\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_A=m\r\n"
                .to_vec(),
        );
        seeds.push(b"# Linux kernel version: 2.6.31.8\nCONFIG_MIPS=y\n".to_vec());
        seeds
    }

    fn words(&self) -> &[&'static str] {
        &[
            "CONFIG_",
            "CONFIG_A",
            "=y",
            "=m",
            "=n",
            "=",
            "# ",
            " is not set",
            "0x",
            "\"",
            "\\\"",
            "\n",
            "# Linux/",
            "Kernel Configuration",
            "# CONFIG_A is not set\n",
            "CONFIG_A=\"\"\n",
            "debug.config",
            "arch/arm64/configs/",
            "tiny",
            "make:",
            "https://x",
            "tinyconfig",
            "\u{a0}",
        ]
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        8 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let text = String::from_utf8_lossy(input);
        let path = Path::new("x.config");
        let mut shape = std::collections::BTreeSet::new();
        for line in text.split('\n').take(64) {
            shape.insert(argument(line)?);
        }
        let config = match Config::parse(&text, path) {
            Ok(config) => config,
            Err(error) => {
                let said = printed(&error)?;
                bounded("an error", said.len(), 3000)?;
                if Config::canonical(&text, path).is_ok() {
                    return Err("one spelling is refused and the other is not".into());
                }
                return Ok(signature(shape));
            }
        };
        let parse = |text: &str| {
            Config::parse(text, path).map_err(|error| format!("what was written is none: {error}"))
        };
        let same = |a: &Config, b: &Config| a.settings().eq(b.settings());
        let written = config.to_string();
        if !same(&parse(&written)?, &config) {
            return Err("another configuration is read than was written".into());
        }
        let canonical = Config::canonical(&text, path).map_err(|error| error.to_string())?;
        let again = parse(&canonical)?;
        if !same(&again, &config) {
            return Err("the canonical spelling means another configuration".into());
        }
        if Config::canonical(&canonical, path).ok().as_ref() != Some(&canonical) {
            return Err("the canonical spelling has another".into());
        }
        if let Some(title) = &config.title {
            inert_line("a title", &title.to_string())?;
        }
        shape.insert((100 + u8::from(config.title.is_some()), config.len().min(20)));
        Ok(signature(shape))
    }
}

/// What a line is as an argument.
fn argument(line: &str) -> Result<(u8, usize), String> {
    if let Err(error) = Base::parse(line, &["tiny"]) {
        let said = printed(&error)?;
        bounded("an error about --config", said.len(), 2000)?;
    }
    let fragment = match Fragment::parse(line) {
        Ok(fragment) => fragment,
        Err(error) => {
            let said = printed(&error)?;
            bounded("an error about -K", said.len(), 3000)?;
            return Ok((0, said.split(' ').count().min(30)));
        }
    };
    inert_line("a label", &kflake::text::styled(&fragment.label()))?;
    let Fragment::Setting(setting) = fragment else {
        return Ok((1, 0));
    };
    let written = setting.to_string();
    match written.parse::<Setting>() {
        Ok(again) if again == setting => Ok((2, setting.value.as_str().len().min(20))),
        other => Err(format!("{written:?} is read as {other:?}")),
    }
}
