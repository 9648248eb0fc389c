//! The shape most files have: an object keyed by id.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// The name under which a file names its JSON Schema, for editors.
pub(super) const SCHEMA_KEY: &str = "$schema";

/// Entries by key, `$schema` passed over. `null` stands for "not this one" and takes an entry out of what lies below.
#[derive(Debug)]
pub(super) struct Table<K, V>(pub BTreeMap<K, Option<V>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table(BTreeMap::new())
    }
}

impl<K: Ord, V> Table<K, V> {
    /// Lays these entries over `base`.
    pub fn overlay(self, base: &mut BTreeMap<K, V>) {
        if base.is_empty() {
            *base = self
                .0
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect();
            return;
        }
        for (key, value) in self.0 {
            match value {
                Some(value) => base.insert(key, value),
                None => base.remove(&key),
            };
        }
    }
}

impl<'de, K, V> Deserialize<'de> for Table<K, V>
where
    K: Ord + FromStr<Err: fmt::Display>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for Entries<K, V>
where
    K: Ord + FromStr<Err: fmt::Display>,
    V: Deserialize<'de>,
{
    type Value = Table<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object keyed by id")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        let mut has_schema = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == SCHEMA_KEY {
                if std::mem::replace(&mut has_schema, true) {
                    return Err(A::Error::duplicate_field(SCHEMA_KEY));
                }
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let parsed = key.parse().map_err(A::Error::custom)?;
            if entries.insert(parsed, map.next_value()?).is_some() {
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
        }
        Ok(Table(entries))
    }
}
