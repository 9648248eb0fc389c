//! The derivations behind what is to be built, and who needs whom.

use std::collections::{BTreeMap, BTreeSet};

use super::drv::{Derivation, DrvPath};
use super::error::NixError;
use super::probe::Nix;

/// Derivations by path, closed under their inputs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<DrvPath, Derivation>,
}

impl Graph {
    /// Reads `roots` and everything that they need from the store.
    ///
    /// # Errors
    /// When a `.drv` file cannot be read.
    pub fn load<'a>(
        nix: &Nix,
        roots: impl IntoIterator<Item = &'a DrvPath>,
    ) -> Result<Graph, NixError> {
        let mut graph = Graph::default();
        let mut todo: Vec<DrvPath> = roots.into_iter().cloned().collect();
        while let Some(path) = todo.pop() {
            if graph.nodes.contains_key(&path) {
                continue;
            }
            let drv = derivation(nix, &path)?;
            todo.extend(drv.inputs.iter().cloned());
            graph.nodes.insert(path, drv);
        }
        Ok(graph)
    }

    /// A graph from its nodes.
    pub fn from_nodes(nodes: impl IntoIterator<Item = (DrvPath, Derivation)>) -> Graph {
        Graph {
            nodes: nodes.into_iter().collect(),
        }
    }

    /// The derivation at `path`.
    pub fn get(&self, path: &DrvPath) -> Option<&Derivation> {
        self.nodes.get(path)
    }

    /// Every derivation, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&DrvPath, &Derivation)> {
        self.nodes.iter()
    }

    /// `root` and everything that it needs.
    pub fn closure<'g>(&'g self, root: &'g DrvPath) -> BTreeSet<&'g DrvPath> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![root];
        while let Some(path) = todo.pop() {
            if let Some((path, drv)) = self.nodes.get_key_value(path)
                && seen.insert(path)
            {
                todo.extend(&drv.inputs);
            }
        }
        seen
    }
}

/// The paths of the outputs of the derivation at `path`, by name; none for one that only its build can name.
///
/// # Errors
/// When its file cannot be read.
pub fn outputs_of(nix: &Nix, path: &DrvPath) -> Result<BTreeMap<String, Option<String>>, NixError> {
    let drv = derivation(nix, path)?;
    let outputs = drv.outputs.into_iter();
    Ok(outputs.map(|it| (it.name, it.path)).collect())
}

fn derivation(nix: &Nix, path: &DrvPath) -> Result<Derivation, NixError> {
    let bad = |reason: String| NixError::Store {
        reason: format!("{path}: {reason}"),
    };
    let bytes =
        std::fs::read(nix.real_path(path.as_str())).map_err(|error| bad(error.to_string()))?;
    Derivation::parse(&bytes).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &str, inputs: &[&str]) -> (DrvPath, Derivation) {
        let drv = Derivation {
            outputs: Vec::new(),
            inputs: inputs.iter().map(|input| DrvPath::named(input)).collect(),
            system: String::new(),
            urls: Vec::new(),
        };
        (DrvPath::named(path), drv)
    }

    #[test]
    fn closures_stop_at_what_is_unknown() {
        let graph = Graph::from_nodes([
            node("a", &["b", "x"]),
            node("b", &["c"]),
            node("c", &[]),
            node("d", &["c"]),
        ]);
        let closure = |name: &str| -> Vec<String> {
            let root = DrvPath::named(name);
            let closure = graph.closure(&root);
            closure.into_iter().map(|it| it.name().to_owned()).collect()
        };
        assert_eq!(closure("a"), ["a", "b", "c"]);
        assert!(closure("x").is_empty());
    }
}
