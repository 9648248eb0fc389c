//! Settings that decide whether a kernel starts what kflake gives it.
//!
//! The list is the one that builds go by: `start-settings.json` beside the generated flake, which `build-kernel.nix` reads.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Config, Value};

static SETTINGS: LazyLock<StartSettings> = LazyLock::new(|| {
    let text = include_str!("../../flake-template/start-settings.json");
    serde_json::from_str(text).expect("the tests read this file")
});

#[derive(Deserialize)]
struct StartSettings {
    own_command_line: Vec<String>,
}

impl Config {
    /// The symbol, without `CONFIG_`, with which this kernel listens to no command line but its own; none: it takes another.
    pub fn own_command_line(&self) -> Option<&'static str> {
        let symbols = SETTINGS.own_command_line.iter().map(String::as_str);
        symbols
            .into_iter()
            .find(|symbol| self.get(symbol) == Some(&Value::Yes))
    }

    /// Whether this kernel starts an initramfs.
    pub fn has_initramfs(&self) -> bool {
        self.get("BLK_DEV_INITRD") == Some(&Value::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_that_a_build_turns_off_is_one_that_a_boot_refuses() {
        assert!(SETTINGS.own_command_line.len() > 1);
        let parsed = |text: String| Config::parse(&text, "config".as_ref()).unwrap();
        for symbol in &SETTINGS.own_command_line {
            let config = parsed(format!("CONFIG_CMDLINE=\"x\"\nCONFIG_{symbol}=y\n"));
            assert_eq!(config.own_command_line(), Some(symbol.as_str()));
            let config = parsed(format!("# CONFIG_{symbol} is not set\n"));
            assert_eq!(config.own_command_line(), None);
        }
    }
}
