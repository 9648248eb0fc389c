//! How two configurations differ.

use super::config::Config;
use super::setting::Value;
use crate::id::Symbol;

/// The differences from one configuration to another, each list in order of the symbols.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Symbols that only the second mentions.
    pub new: Vec<(Symbol, Value)>,
    /// Symbols that only the first mentions.
    pub gone: Vec<(Symbol, Value)>,
    /// Symbols with different values.
    pub changed: Vec<Change>,
}

/// A symbol whose value changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The symbol.
    pub symbol: Symbol,
    /// Its value in the first configuration.
    pub old: Value,
    /// Its value in the second.
    pub new: Value,
}

impl Drift {
    /// What changes from `old` to `new`.
    pub fn between(old: &Config, new: &Config) -> Drift {
        let mut drift = Drift::default();
        for (symbol, value) in old.settings() {
            match new.get(symbol.as_str()) {
                None => drift.gone.push((symbol.clone(), value.clone())),
                Some(now) if now != value => drift.changed.push(Change {
                    symbol: symbol.clone(),
                    old: value.clone(),
                    new: now.clone(),
                }),
                Some(_) => {}
            }
        }
        drift.new = new
            .settings()
            .filter(|(symbol, _)| old.get(symbol.as_str()).is_none())
            .map(|(symbol, value)| (symbol.clone(), value.clone()))
            .collect();
        drift
    }

    /// Whether the two say the same.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text, Path::new("x")).unwrap()
    }

    #[test]
    fn lists_new_gone_and_changed() {
        let old = config("CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=1\n");
        let new = config("CONFIG_A=y\nCONFIG_B=y\nCONFIG_D=2\nCONFIG_E=\"x\"\n");
        let drift = Drift::between(&old, &new);
        assert_eq!(drift.new.len(), 1);
        assert_eq!(drift.new[0].0.as_str(), "E");
        assert_eq!(drift.gone, [("C".parse().unwrap(), Value::No)]);
        let changed: Vec<_> = drift
            .changed
            .iter()
            .map(|c| format!("{} {} {}", c.symbol, c.old, c.new))
            .collect();
        assert_eq!(changed, ["B m y", "D 1 2"]);
    }

    proptest! {
        #[test]
        fn drift_there_and_back_mirrors(a in "(CONFIG_[A-D]=[ymn1]\n){0,6}", b in "(CONFIG_[A-D]=[ymn1]\n){0,6}") {
            let (a, b) = (config(&a), config(&b));
            let (there, back) = (Drift::between(&a, &b), Drift::between(&b, &a));
            prop_assert_eq!(&there.new, &back.gone);
            prop_assert_eq!(&there.gone, &back.new);
            prop_assert_eq!(there.changed.len(), back.changed.len());
            prop_assert_eq!(there.is_empty(), a == b);
            // what is neither new nor gone nor changed is equal
            prop_assert_eq!(there.new.len() + a.len(), there.gone.len() + b.len());
        }
    }
}
