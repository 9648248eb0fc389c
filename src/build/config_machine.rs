//! Whether a configuration is for machines of the byte order and width that an arch has: kernels of one family differ in both.

use crate::catalog::{Arch, Bits, Catalog, Endian};
use crate::id::ArchId;
use crate::kconfig::{Config, Value};

/// What a configuration is for, where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Machine {
    endian: Option<Endian>,
    bits: Option<Bits>,
}

impl Machine {
    fn of(config: &Config) -> Machine {
        let said = |symbol: &str| match config.get(symbol) {
            Some(Value::Yes) => Some(true),
            Some(Value::No) => Some(false),
            _ => None,
        };
        let big = said("CPU_BIG_ENDIAN").or_else(|| said("CPU_LITTLE_ENDIAN").map(|it| !it));
        let wide = said("64BIT").or_else(|| said("PPC64"));
        Machine {
            endian: big.map(|big| if big { Endian::Big } else { Endian::Little }),
            bits: wide.map(|wide| if wide { Bits::B64 } else { Bits::B32 }),
        }
    }
}

fn words(bits: Bits, endian: Endian) -> String {
    let order = match endian {
        Endian::Big => "big-endian",
        Endian::Little => "little-endian",
    };
    format!("{}-bit {order}", u8::from(bits))
}

/// How `config` does not fit `arch`, as a sentence about it, and which arch it fits; `family` tells those that kernels are built for
/// alike. None: it fits, or does not say.
pub(super) fn misfit(
    config: &Config,
    catalog: &Catalog,
    arch: &ArchId,
    family: impl Fn(&Arch) -> bool,
) -> Option<(String, Option<ArchId>)> {
    let own = catalog.arches.get(arch)?;
    let Machine { endian, bits } = Machine::of(config);
    let (bits, endian) = (bits.unwrap_or(own.bits), endian.unwrap_or(own.endian));
    if (bits, endian) == (own.bits, own.endian) {
        return None;
    }
    let other = catalog
        .arches
        .iter()
        .find(|(_, it)| family(it) && (it.bits, it.endian) == (bits, endian));
    let what = format!(
        "is a configuration for {} machines, and {arch} is {}",
        words(bits, endian),
        words(own.bits, own.endian)
    );
    Some((what, other.map(|(id, _)| id.clone())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn byte_order_and_width_are_held_against_the_arch() {
        let catalog = Catalog::embedded().unwrap();
        let misfit = |text: &str, arch: &str, linux_arch: &str| {
            let config = Config::parse(text, Path::new("x")).unwrap();
            misfit(&config, &catalog, &arch.parse().unwrap(), |it| {
                it.linux_arch == linux_arch
            })
        };
        let fits = |text, arch, linux_arch| misfit(text, arch, linux_arch).is_none();
        assert!(fits("CONFIG_CPU_BIG_ENDIAN=y\n", "mipseb", "mips"));
        assert!(fits(
            "# CONFIG_CPU_BIG_ENDIAN is not set\n",
            "arm64",
            "arm64"
        ));
        assert!(fits("CONFIG_NET=y\n", "mipsel", "mips"));
        assert!(fits(
            "CONFIG_64BIT=y\nCONFIG_CPU_LITTLE_ENDIAN=y\n",
            "mips64el",
            "mips"
        ));
        let (what, other) = misfit("CONFIG_CPU_BIG_ENDIAN=y\n", "mipsel", "mips").unwrap();
        assert_eq!(
            what,
            "is a configuration for 32-bit big-endian machines, and mipsel is 32-bit little-endian"
        );
        assert_eq!(other.unwrap().as_str(), "mipseb");
        let (_, other) = misfit(
            "CONFIG_CPU_LITTLE_ENDIAN=y\nCONFIG_64BIT=y\n",
            "mipsel",
            "mips",
        )
        .unwrap();
        assert_eq!(other.unwrap().as_str(), "mips64el");
        // nothing that kflake builds for is a big-endian arm
        let (_, other) = misfit("CONFIG_CPU_BIG_ENDIAN=y\n", "armel", "arm").unwrap();
        assert_eq!(other, None);
        let (_, other) = misfit(
            "CONFIG_PPC64=y\n# CONFIG_CPU_LITTLE_ENDIAN is not set\n",
            "powerpc64le",
            "powerpc",
        )
        .unwrap();
        assert_eq!(other.unwrap().as_str(), "powerpc64");
    }
}
