//! The derivations behind what is to be built, and who needs whom.

use std::collections::{BTreeMap, BTreeSet};

use super::drv::Derivation;
use super::error::NixError;
use super::probe::Nix;

/// Derivations by path, closed under their inputs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<String, Derivation>,
}

impl Graph {
    /// Reads `roots` and everything that they need from the store.
    ///
    /// # Errors
    /// When a `.drv` file cannot be read.
    pub fn load<'a>(
        nix: &Nix,
        roots: impl IntoIterator<Item = &'a str>,
    ) -> Result<Graph, NixError> {
        let mut graph = Graph::default();
        let mut todo: Vec<String> = roots.into_iter().map(str::to_owned).collect();
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
    pub fn from_nodes(nodes: impl IntoIterator<Item = (String, Derivation)>) -> Graph {
        Graph {
            nodes: nodes.into_iter().collect(),
        }
    }

    /// The derivation at `path`.
    pub fn get(&self, path: &str) -> Option<&Derivation> {
        self.nodes.get(path)
    }

    /// Every derivation, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Derivation)> {
        self.nodes.iter().map(|(path, drv)| (path.as_str(), drv))
    }

    /// `root` and everything that it needs.
    pub fn closure(&self, root: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![root];
        while let Some(path) = todo.pop() {
            if let Some((path, drv)) = self.nodes.get_key_value(path)
                && seen.insert(path.as_str())
            {
                todo.extend(drv.inputs.iter().map(String::as_str));
            }
        }
        seen
    }
}

/// The paths of the outputs of the derivation at `path`, by name; none for one that only its build can name.
///
/// # Errors
/// When its file cannot be read.
pub fn outputs_of(nix: &Nix, path: &str) -> Result<BTreeMap<String, Option<String>>, NixError> {
    let drv = derivation(nix, path)?;
    let outputs = drv.outputs.into_iter();
    Ok(outputs.map(|it| (it.name, it.path)).collect())
}

fn derivation(nix: &Nix, path: &str) -> Result<Derivation, NixError> {
    let bad = |reason: String| NixError::Store {
        reason: format!("{path}: {reason}"),
    };
    let bytes = std::fs::read(nix.real_path(path)).map_err(|error| bad(error.to_string()))?;
    Derivation::parse(&bytes).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &str, inputs: &[&str]) -> (String, Derivation) {
        let drv = Derivation {
            outputs: Vec::new(),
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            system: String::new(),
            urls: Vec::new(),
        };
        (path.to_owned(), drv)
    }

    #[test]
    fn closures_stop_at_what_is_unknown() {
        let graph = Graph::from_nodes([
            node("a", &["b", "x"]),
            node("b", &["c"]),
            node("c", &[]),
            node("d", &["c"]),
        ]);
        assert_eq!(
            graph.closure("a").into_iter().collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
        assert!(graph.closure("x").is_empty());
    }
}
