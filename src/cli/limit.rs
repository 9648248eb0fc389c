//! Limits of time as they are typed: `90s`, `20m`, `boot=3h`.

use std::collections::BTreeMap;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;
use std::time::Duration;

use crate::run::Stage;

/// A whole number as it is typed, for clap.
///
/// # Errors
/// What is wrong with it, in words.
pub fn whole<N: FromStr<Err = ParseIntError>>(text: &str) -> std::result::Result<N, String> {
    text.parse().map_err(|error: ParseIntError| {
        let what = match error.kind() {
            IntErrorKind::Zero => "it has to be 1 or more",
            IntErrorKind::PosOverflow => "that is too many",
            _ => "it is not a whole number",
        };
        what.to_owned()
    })
}

/// A port of this machine, for clap.
///
/// # Errors
/// When it is none.
pub fn port(text: &str) -> std::result::Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

/// A time, for one stage or for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub stage: Option<Stage>,
    pub time: Duration,
}

/// The longest time that can be given, in seconds: a year. What is added to it stays in range.
const LONGEST: u64 = 365 * 24 * 3600;

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (stage, time) = match text.split_once('=') {
            Some((name, time)) => (Some(stage(name)?), time),
            None => (None, text),
        };
        let digits = time
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(time.len());
        let (number, unit) = time.split_at(digits);
        let unit = match unit {
            "" | "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3600),
            _ => None,
        };
        let seconds = number
            .parse::<u64>()
            .ok()
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit))
            .filter(|seconds| (1..=LONGEST).contains(seconds))
            .ok_or("a time looks like 90s, 20m or 3h, one number alone, and is a year at most")?;
        Ok(Limit {
            stage,
            time: Duration::from_secs(seconds),
        })
    }
}

/// What a boot test gets beyond QEMU's own limits, to start and to write its result.
pub const BOOT_MARGIN: Duration = Duration::from_secs(120);

/// Later limits overrule earlier ones; one that names the boot is QEMU's, so the build around it gets `margin` more.
pub fn by_stage(limits: &[Limit], margin: Duration) -> BTreeMap<Stage, Duration> {
    let mut times = BTreeMap::new();
    for limit in limits {
        let stages = Stage::ALL
            .into_iter()
            .filter(|stage| limit.stage.is_none_or(|own| own == *stage));
        let time = match limit.stage {
            Some(Stage::Boot) => limit.time + margin,
            _ => limit.time,
        };
        times.extend(stages.map(|stage| (stage, time)));
    }
    times
}

pub fn stage(text: &str) -> std::result::Result<Stage, String> {
    let found = Stage::ALL.into_iter().find(|stage| stage.as_str() == text);
    found.ok_or_else(|| format!("unknown stage {text:?}; one of toolchain, kernel, module, boot"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_stages() {
        let limit = |text: &str| text.parse::<Limit>();
        assert_eq!(limit("90").unwrap().time.as_secs(), 90);
        assert_eq!(limit("20m").unwrap().time.as_secs(), 1200);
        assert_eq!(limit("boot=3h").unwrap().stage, Some(Stage::Boot));
        for text in [
            "",
            "x",
            "5d",
            "boot",
            "=5",
            "soot=5",
            "-1",
            "0",
            "99999999999999999999h",
            "boot=18446744073709551615",
        ] {
            assert!(limit(text).is_err(), "{text}");
        }
        let times = by_stage(
            &[limit("60").unwrap(), limit("boot=5").unwrap()],
            Duration::from_secs(9),
        );
        assert_eq!(times[&Stage::Kernel].as_secs(), 60);
        assert_eq!(times[&Stage::Boot].as_secs(), 14);
    }
}
