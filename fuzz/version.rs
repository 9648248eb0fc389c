//! Reading versions: nothing panics, what is read can be written and read again, and the order is one.

use kflake::version::{KernelVersion, ToolVersion};

use crate::{Target, signature};

/// Kernel and tool versions, two per input, parted by a newline.
pub struct Versions;

impl Target for Versions {
    fn name(&self) -> &'static str {
        "version"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        [
            "2.6.39.4\n3.0-rc1",
            "v6.12-rc3\n6.12",
            "5.10.229-rehost+\n5.10",
            "12.2.0\n2.31",
            "65535.65535\n1.0-rc65535",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
    }

    fn words(&self) -> &[&'static str] {
        &[
            "-rc",
            "-0.rc",
            "~rc",
            "brcmarm",
            "rc",
            ".",
            "0",
            "00",
            "65535",
            "65536",
            "v",
            "+",
            "-",
            "~",
            "6",
            "10",
            "\n",
            "-next-20241010",
        ]
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let text = String::from_utf8_lossy(input);
        let (a, b) = text.split_once('\n').unwrap_or((&text, ""));
        let (one, other) = (kernel(a)?, kernel(b)?);
        let order = match (&one, &other) {
            (Some(one), Some(other)) => {
                if one.cmp(other) != other.cmp(one).reverse() {
                    return Err("the order is not one".into());
                }
                if (one == other) != (one.cmp(other) == std::cmp::Ordering::Equal) {
                    return Err("equality and order disagree".into());
                }
                Some(one.rank().cmp(&other.rank()))
            }
            _ => None,
        };
        let shape = |it: &Option<KernelVersion>| {
            it.as_ref().map(|it| {
                (
                    it.rc().is_some(),
                    it.local().len().min(9),
                    it.as_str().matches('.').count(),
                )
            })
        };
        let tool = a
            .parse::<ToolVersion>()
            .map(|it| it.numbers().iter().filter(|number| **number > 0).count());
        if let Ok(version) = a.parse::<ToolVersion>() {
            let again: Result<ToolVersion, _> = version.as_str().parse();
            if again.as_ref() != Ok(&version) {
                return Err("a tool version does not survive being written".into());
            }
        }
        Ok(signature((
            shape(&one),
            shape(&other),
            order,
            tool.ok(),
            a.len().min(70),
        )))
    }
}

fn kernel(text: &str) -> Result<Option<KernelVersion>, String> {
    let version: KernelVersion = match text.parse() {
        Ok(version) => version,
        Err(error) => {
            let said = format!("{error}");
            return match said.contains(char::is_control) {
                true => Err("the error has control characters".into()),
                false => Ok(None),
            };
        }
    };
    let again: Result<KernelVersion, _> = version.as_str().parse();
    if again.as_ref() != Ok(&version) {
        return Err("a kernel version does not survive being written".into());
    }
    let upstream = version.upstream();
    if upstream.rank() != version.rank() || !upstream.local().is_empty() {
        return Err("the upstream version is another".into());
    }
    let opening = version.opening();
    if opening.rank() > version.rank()
        || opening.as_str().parse::<KernelVersion>().as_ref() != Ok(&opening)
    {
        return Err("a release does not begin before its candidates".into());
    }
    if !version
        .as_str()
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-+._~".contains(&b))
    {
        return Err("a version has characters that it must not have".into());
    }
    Ok(Some(version))
}
