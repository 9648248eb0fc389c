//! What a board may say to QEMU, by meaning: nothing here can name a file of the host, a program, or a way out of the machine.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{IdError, MAX_LEN, id};

/// Properties of machines that say what hardware there is. Others name files, or the host's own devices.
const MACHINE_PROPERTIES: &[&str] = &[
    "acpi",
    "aia",
    "aia-guests",
    "cap-cfpc",
    "cap-htm",
    "cap-ibs",
    "cap-sbbc",
    "gic-version",
    "hpet",
    "highmem",
    "ic-mode",
    "its",
    "max-cpu-compat",
    "mte",
    "ras",
    "sata",
    "secure",
    "smbus",
    "smm",
    "usb",
    "virtualization",
    "vmport",
    "x-vof",
    "zpcii-disable",
];

/// The most memory that a machine may have, in MiB.
const MAX_MEMORY: u64 = 64 << 10;

/// Letters, digits, and what names of hardware have besides.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
}

/// The name and, if there is one, the value of `name=value`.
fn property(text: &str) -> (&str, Option<&str>) {
    match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    }
}

id! {
    /// A program of QEMU's that emulates a machine: `qemu-system-arm`.
    QemuProgram, "a program of QEMU's", "it looks like qemu-system-arm", "^qemu-system-[a-z0-9_]+$",
    |text| text.strip_prefix("qemu-system-").is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    })
}

id! {
    /// A machine, and properties of its hardware: `virt`, `virt,gic-version=3`.
    Machine, "a machine of QEMU's",
    "it is a name, and properties of the hardware such as virt,gic-version=3; docs/trust.md lists them",
    r"^[A-Za-z0-9][A-Za-z0-9._+-]*(,[a-z-]+=[A-Za-z0-9][A-Za-z0-9._+-]*)*$",
    |text| {
        let mut parts = text.split(',');
        parts.next().is_some_and(is_word)
            && parts.all(|part| {
                let (name, value) = property(part);
                MACHINE_PROPERTIES.contains(&name) && value.is_some_and(is_word)
            })
    }
}

id! {
    /// A processor, and what it is to have or to lack: `cortex-a53`, `rv64,mmu=off`.
    Cpu, "a processor of QEMU's", "it is a name, and features such as rv64,mmu=off or max,+vx",
    r"^[A-Za-z0-9][A-Za-z0-9._+-]*(,[+-]?[A-Za-z0-9][A-Za-z0-9._+-]*(=[A-Za-z0-9][A-Za-z0-9._+-]*)?)*$",
    |text| {
        let mut parts = text.split(',');
        parts.next().is_some_and(is_word)
            && parts.all(|part| {
                let (name, value) = property(part);
                is_word(name.strip_prefix(['+', '-']).unwrap_or(name)) && value.is_none_or(is_word)
            })
    }
}

id! {
    /// An amount of memory: `512M`, `2G`.
    Memory, "an amount of memory", "it is a number with M or G, such as 512M, of at most 64G", "^[1-9][0-9]{0,5}[MG]$",
    |text| {
        let (number, unit) = match text.strip_suffix('G') {
            Some(number) => (number, 1024),
            None => (text.strip_suffix('M').unwrap_or_default(), 1),
        };
        number.len() < 7
            && number.starts_with(|c: char| ('1'..='9').contains(&c))
            && number.parse().is_ok_and(|amount: u64| amount * unit <= MAX_MEMORY)
    }
}

impl Memory {
    /// The amount, in bytes.
    pub fn bytes(&self) -> u64 {
        let (number, unit) = self.as_str().split_at(self.as_str().len() - 1);
        let number: u64 = number.parse().unwrap_or_default();
        number << if unit == "G" { 30 } else { 20 }
    }
}

id! {
    /// Firmware of QEMU's own, by its file's name there; `none`: the kernel starts without.
    Firmware, "firmware of QEMU's", "it is the name of a file that QEMU brings, such as QEMU_EFI.fd, or none",
    "^[A-Za-z0-9][A-Za-z0-9._+-]*$", is_word
}

id! {
    /// A physical address: `0x2000000`.
    Address, "a physical address", "it looks like 0x2000000", "^0x[0-9a-fA-F]{1,16}$",
    |text| text.strip_prefix("0x").is_some_and(|digits| {
        (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// QEMU's word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// A device that QEMU emulates by itself, with nothing of the host behind it.
    Device {
        /// A PCI device for teaching, with registers, interrupts and DMA.
        Edu = "edu",
        /// A network card that is connected to nothing.
        E1000 = "e1000",
        /// A network card that is connected to nothing.
        Rtl8139 = "rtl8139",
        /// A network card that is connected to nothing.
        VirtioNetPci = "virtio-net-pci",
        /// A network card that is connected to nothing.
        VirtioNetDevice = "virtio-net-device",
        /// A source of random numbers.
        VirtioRngPci = "virtio-rng-pci",
        /// A source of random numbers.
        VirtioRngDevice = "virtio-rng-device",
        /// A source of random numbers.
        VirtioRngCcw = "virtio-rng-ccw",
        /// A balloon.
        VirtioBalloonPci = "virtio-balloon-pci",
        /// A hub for serial ports, of which there are none.
        VirtioSerialPci = "virtio-serial-pci",
        /// A graphics card without a screen.
        VirtioGpuPci = "virtio-gpu-pci",
        /// A keyboard that nobody types on.
        VirtioKeyboardPci = "virtio-keyboard-pci",
        /// A USB 3 controller.
        QemuXhci = "qemu-xhci",
        /// A USB 2 controller.
        UsbEhci = "usb-ehci",
        /// A USB keyboard.
        UsbKbd = "usb-kbd",
        /// A sound card that is silent.
        Ac97 = "AC97",
        /// A watchdog.
        I6300esb = "i6300esb",
        /// What a kernel tells its panics.
        Pvpanic = "pvpanic",
        /// What a kernel tells its panics.
        PvpanicPci = "pvpanic-pci",
        /// A PCI device to test with.
        PciTestdev = "pci-testdev",
        /// A PCI bridge.
        PciBridge = "pci-bridge",
        /// A PCI Express port.
        PcieRootPort = "pcie-root-port",
    }
}

words! {
    /// A graphics card.
    Vga {
        /// None, where the machine has one of its own.
        None = "none",
        /// The usual one.
        Std = "std",
        /// An old one.
        Cirrus = "cirrus",
        /// A paravirtual one.
        Virtio = "virtio",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: FromStr<Err = IdError>>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn programs_other_than_qemus_are_refused() {
        assert!("qemu-system-x86_64".parse::<QemuProgram>().is_ok());
        refused::<QemuProgram>(&[
            "sh",
            "/tmp/qemu-system-arm",
            "qemu-system-arm/../../bin/sh",
            "qemu-system-",
            "qemu-system-arm -S",
            "qemu-system-arm\n",
            "qemu-nbd",
        ]);
    }

    #[test]
    fn a_machine_has_properties_of_hardware_and_no_files() {
        for good in [
            "virt",
            "virt,gic-version=3",
            "pseries,x-vof=on",
            "s390-ccw-virtio",
        ] {
            assert!(good.parse::<Machine>().is_ok(), "{good}");
        }
        refused::<Machine>(&[
            "virt,dumpdtb=x",
            "virt,dumpdtb=/etc/passwd",
            "virt,firmware=x",
            "virt,pflash0=x",
            "virt,accel=kvm",
            "virt,kernel=x",
            "virt,dtb=x",
            "virt,secure",
            "virt,secure=on -S",
            "virt,memory-backend=x",
            "-S",
            "",
        ]);
    }

    #[test]
    fn the_rest_is_what_it_says() {
        assert!("max,zpci=on".parse::<Cpu>().is_ok() && "qemu64,+x2apic".parse::<Cpu>().is_ok());
        refused::<Cpu>(&["-S", "a b", "a,x=/etc", "a,,b", "help -S"]);
        for (text, bytes) in [("512M", 512 << 20), ("64G", 64 << 30)] {
            assert_eq!(text.parse::<Memory>().unwrap().bytes(), bytes);
        }
        refused::<Memory>(&[
            "0M",
            "65G",
            "99999999G",
            "512",
            "512M,slots=1",
            "1T",
            "-1M",
            "١M",
        ]);
        refused::<Firmware>(&["/etc/passwd", "../x", "a/b", "-S"]);
        refused::<Address>(&[
            "0x",
            "0x1,file=/etc/passwd",
            "1",
            "0xg",
            "0x11111111111111111",
        ]);
        for bad in [
            "virtio-9p-pci",
            "vfio-pci,host=00:00.0",
            "loader",
            "edu,x=y",
            "usb-host",
        ] {
            assert!(
                serde_json::from_value::<Device>(bad.into()).is_err(),
                "{bad}"
            );
        }
        assert_eq!(
            serde_json::to_value(Device::VirtioRngPci).unwrap(),
            Device::VirtioRngPci.as_str()
        );
    }
}
