//! Which share of a selection a run is for, as it is typed: `2/5`.

use std::fmt;
use std::num::IntErrorKind;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of several shares: `2/5`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// Which share, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub fn of(self) -> u32 {
        self.of
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || format!("a shard looks like 2/5, the second of five; {text} does not");
        let number = |digits: &str| match digits.parse::<u32>() {
            _ if !digits.bytes().all(|b| b.is_ascii_digit()) => Err(shape()),
            Ok(number) => Ok(number),
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
                Err(format!("{digits} is too many for shards"))
            }
            Err(_) => Err(shape()),
        };
        let (first, of) = text.split_once('/').ok_or_else(shape)?;
        let (number, of) = (number(first)?, number(of)?);
        match (number, of) {
            (_, 0) => Err("there have to be shards: 1/1 is all there is".to_owned()),
            (0, _) => Err(format!("shards are counted from 1: 1/{of} is the first")),
            _ if number > of => Err(format!("there is no shard {number} of {of}")),
            _ => Ok(Shard { number, of }),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> String {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_spelled_in_one_way() {
        for text in ["1/1", "2/5", "5/5", "4294967295/4294967295"] {
            let shard: Shard = text.parse().unwrap();
            assert_eq!(shard.to_string(), text);
        }
        for (text, why) in [
            ("0/3", "counted from 1: 1/3"),
            ("4/3", "no shard 4 of 3"),
            ("1/0", "there have to be shards"),
            ("3", "looks like 2/5"),
            ("", "looks like 2/5"),
            ("/", "looks like 2/5"),
            ("a/b", "looks like 2/5"),
            ("1/2/3", "looks like 2/5"),
            ("+1/2", "looks like 2/5"),
            ("-1/2", "looks like 2/5"),
            (" 1/2", "looks like 2/5"),
            ("1/99999999999999999999", "is too many"),
        ] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
