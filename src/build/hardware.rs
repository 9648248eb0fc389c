//! What a person changes of a machine, or adds to it: typed, and turned into QEMU's words here alone.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::str::FromStr;

use crate::catalog::{Board, Memory};
use crate::kconfig::{Config, Value};

/// Words for the kernel's command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append(String);

impl FromStr for Append {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match () {
            () if text.is_empty() => Err("there is nothing in it".to_owned()),
            // the shortest that a kernel of any arch takes holds 256
            () if text.len() > 1024 => Err("it is longer than 1024 characters".to_owned()),
            () if text.chars().any(char::is_control) => {
                Err("it holds a control character".to_owned())
            }
            () => Ok(Append(text.to_owned())),
        }
    }
}

/// Changes to a machine.
#[derive(Clone, Debug, Default)]
pub struct Hardware {
    /// Words for the kernel, after those of the board.
    pub append: Vec<Append>,
    /// Memory, in the place of the board's.
    pub memory: Option<Memory>,
    /// Processors, in the place of the board's.
    pub cpus: Option<NonZeroU8>,
    /// Files that are disks of the machine.
    pub disks: Vec<PathBuf>,
    /// A network of the machine's own, whose way out is QEMU.
    pub net: bool,
    /// Wait for a debugger on this port of this machine.
    pub gdb: Option<u16>,
}

/// How devices of QEMU's own kind are attached to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bus {
    Pci,
    Mmio,
    Ccw,
}

impl Bus {
    /// The one of `board`, where it is known.
    fn of(board: &Board) -> Option<Bus> {
        let machine = board.machine.as_str().split(',').next().unwrap_or_default();
        match (board.qemu.as_str(), machine) {
            (
                "qemu-system-aarch64"
                | "qemu-system-arm"
                | "qemu-system-riscv64"
                | "qemu-system-m68k",
                "virt",
            ) => Some(Bus::Mmio),
            ("qemu-system-s390x", "s390-ccw-virtio") => Some(Bus::Ccw),
            ("qemu-system-loongarch64", "virt") | (_, "pc" | "q35" | "malta" | "pseries") => {
                Some(Bus::Pci)
            }
            _ => None,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Bus::Pci => "pci",
            Bus::Mmio => "device",
            Bus::Ccw => "ccw",
        }
    }

    fn symbols(self) -> &'static [&'static str] {
        match self {
            Bus::Pci => &["PCI", "VIRTIO_PCI"],
            Bus::Mmio => &["VIRTIO_MMIO"],
            Bus::Ccw => &["S390_GUEST"],
        }
    }
}

impl Hardware {
    /// Symbols that a kernel needs for it, each with whether it cannot do without; what a version of Linux does not have is left out.
    ///
    /// # Errors
    /// When it is not known how `board` is given such a thing; what.
    pub fn symbols(&self, board: &Board) -> Result<Vec<(&'static str, bool)>, String> {
        let mut symbols = Vec::new();
        if self.cpus.is_some_and(|cpus| cpus.get() > 1) {
            symbols.push(("SMP", true));
        }
        if self.disks.is_empty() && !self.net {
            return Ok(symbols);
        }
        let what = if self.net { "network" } else { "disk" };
        let Some(bus) = Bus::of(board) else {
            return Err(format!(
                "kflake does not know how to give the machine {} a {what}",
                board.machine.as_str()
            ));
        };
        let mut add = |names: &[&'static str], needed: bool| {
            symbols.extend(names.iter().map(|name| (*name, needed)));
        };
        add(
            &["EXPERIMENTAL", "VIRTUALIZATION", "VIRTIO_MENU", "VIRTIO"],
            false,
        );
        add(bus.symbols(), false);
        if !self.disks.is_empty() {
            add(
                &[
                    "BLOCK",
                    "BLK_DEV",
                    "EXT2_FS",
                    "EXT4_FS",
                    "MISC_FILESYSTEMS",
                    "SQUASHFS",
                ],
                false,
            );
            add(&["VIRTIO_BLK"], true);
        }
        if self.net {
            add(
                &[
                    "NET",
                    "INET",
                    "PACKET",
                    "UNIX",
                    "NETDEVICES",
                    "NET_CORE",
                    "NET_ETHERNET",
                    "IP_PNP",
                ],
                false,
            );
            add(&["IP_PNP_DHCP", "VIRTIO_NET"], true);
        }
        Ok(symbols)
    }

    /// A symbol that `config` lacks, and which this machine needs.
    pub fn lacking(&self, board: &Board, config: &Config) -> Option<&'static str> {
        let symbols = self.symbols(board).unwrap_or_default();
        let lacks = |symbol: &str| !matches!(config.get(symbol), Some(Value::Yes));
        symbols
            .into_iter()
            .find(|(symbol, needed)| *needed && lacks(symbol))
            .map(|(symbol, _)| symbol)
    }

    /// The words that are added to `command`, which starts `board`. What is said twice counts as it was said last.
    ///
    /// # Errors
    /// When a disk cannot be read.
    pub fn words(&self, board: &Board, command: &[String]) -> std::io::Result<Vec<String>> {
        let mut words: Vec<String> = Vec::new();
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        let before = command.iter().position(|word| word == "-append");
        let mut kernel: Vec<&str> = before
            .and_then(|at| command.get(at + 1))
            .map(String::as_str)
            .into_iter()
            .collect();
        kernel.extend(self.append.iter().map(|it| it.0.as_str()));
        if self.net {
            kernel.push("ip=dhcp");
        }
        if !self.append.is_empty() || self.net {
            add("-append", kernel.join(" "));
        }
        if let Some(memory) = &self.memory {
            add("-m", memory.to_string());
        }
        if let Some(cpus) = self.cpus {
            add("-smp", cpus.to_string());
        }
        let suffix = Bus::of(board).map_or("pci", Bus::suffix);
        for (index, disk) in self.disks.iter().enumerate() {
            let mut magic = [0; 4];
            let read = File::open(disk)?.read(&mut magic)?;
            let format = match magic[..read] == *b"QFI\xfb" {
                true => "qcow2",
                false => "raw",
            };
            // a comma in a value is written twice
            let file = disk.to_string_lossy().replace(',', ",,");
            add(
                "-drive",
                format!("if=none,id=kflake{index},format={format},file={file}"),
            );
            add(
                "-device",
                format!("virtio-blk-{suffix},drive=kflake{index}"),
            );
        }
        if self.net {
            add("-netdev", "user,id=kflake".to_owned());
            add("-device", format!("virtio-net-{suffix},netdev=kflake"));
        }
        if let Some(port) = self.gdb {
            add("-gdb", format!("tcp:127.0.0.1:{port}"));
            words.push("-S".to_owned());
        }
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn board(name: &str) -> Board {
        let catalog = Catalog::embedded().unwrap();
        let found = catalog.boards.iter().find(|(id, _)| id.as_str() == name);
        found.unwrap().1.clone()
    }

    #[test]
    fn options_become_words_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let (raw, cow) = (dir.path().join("a,file=b"), dir.path().join("c.qcow2"));
        std::fs::write(&raw, "ab").unwrap();
        std::fs::write(&cow, b"QFI\xfb\0\0").unwrap();
        let hardware = Hardware {
            append: vec!["quiet".parse().unwrap(), " loglevel=3 -S ".parse().unwrap()],
            memory: Some("1G".parse().unwrap()),
            cpus: NonZeroU8::new(4),
            disks: vec![raw.clone(), cow],
            net: true,
            gdb: Some(1234),
        };
        let command: Vec<String> = ["qemu", "-append", "console=ttyAMA0"]
            .map(str::to_owned)
            .into();
        let words = hardware.words(&board("arm64-virt"), &command).unwrap();
        assert_eq!(
            words[..2],
            ["-append", "console=ttyAMA0 quiet loglevel=3 -S ip=dhcp"]
        );
        assert_eq!(words[2..6], ["-m", "1G", "-smp", "4"]);
        let doubled = raw.to_str().unwrap().replace(',', ",,");
        assert_eq!(
            words[7],
            format!("if=none,id=kflake0,format=raw,file={doubled}")
        );
        assert_eq!(words[9], "virtio-blk-device,drive=kflake0");
        assert!(words[11].contains("format=qcow2"), "{words:?}");
        assert_eq!(
            words[words.len() - 3..],
            ["-gdb", "tcp:127.0.0.1:1234", "-S"]
        );
        assert!(
            Hardware::default()
                .words(&board("arm64-virt"), &command)
                .unwrap()
                .is_empty()
        );
        for bad in ["", " ", "a\nb", "a\u{1b}b"] {
            assert!(bad.parse::<Append>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_a_kernel_lacks_is_found_before_it_starts() {
        let hardware = Hardware {
            disks: vec!["disk".into()],
            cpus: NonZeroU8::new(2),
            ..Hardware::default()
        };
        let config = |text: &str| Config::parse(text, std::path::Path::new("config")).unwrap();
        let virt = board("arm64-virt");
        let lacking = |text: &str| hardware.lacking(&virt, &config(text));
        assert_eq!(lacking("CONFIG_SMP=y\nCONFIG_VIRTIO_BLK=y\n"), None);
        assert_eq!(
            lacking("CONFIG_SMP=y\nCONFIG_VIRTIO_BLK=m\n"),
            Some("VIRTIO_BLK")
        );
        assert_eq!(lacking("CONFIG_VIRTIO_BLK=y\n"), Some("SMP"));
        let catalog = Catalog::embedded().unwrap();
        for board in catalog.boards.values() {
            let known = Bus::of(board).is_some();
            assert_eq!(
                hardware.symbols(board).is_ok(),
                known,
                "{}",
                board.machine.as_str()
            );
        }
    }
}
