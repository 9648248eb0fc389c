//! `flake.lock`: the flake's inputs, locked to revisions whose digests are known without fetching them.

use serde_json::{Value, json};

/// The format's version that every Nix with flakes reads.
const VERSION: u64 = 7;

/// An input on GitHub, as flake.nix names it and as it is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name in flake.nix.
    pub name: String,
    /// Owner of the repository.
    pub owner: String,
    /// The repository.
    pub repo: String,
    /// Branch or tag that flake.nix asks for; none: the revision itself.
    pub branch: Option<String>,
    /// Commit.
    pub rev: String,
    /// Time of the commit, seconds since 1970.
    pub last_modified: u64,
    /// SRI digest of the unpacked tree.
    pub nar_hash: String,
    /// Whether it has outputs of its own, rather than only files.
    pub flake: bool,
}

impl Input {
    /// The address that flake.nix has.
    pub fn url(&self) -> String {
        let revision = self.branch.as_ref().unwrap_or(&self.rev);
        format!("github:{}/{}/{revision}", self.owner, self.repo)
    }

    fn original(&self) -> Value {
        let mut original = json!({"owner": self.owner, "repo": self.repo, "type": "github"});
        match &self.branch {
            Some(branch) => original["ref"] = json!(branch),
            None => original["rev"] = json!(self.rev),
        }
        original
    }

    fn node(&self) -> Value {
        let mut node = json!({
            "locked": {
                "lastModified": self.last_modified,
                "narHash": self.nar_hash,
                "owner": self.owner,
                "repo": self.repo,
                "rev": self.rev,
                "type": "github",
            },
            "original": self.original(),
        });
        if !self.flake {
            node["flake"] = json!(false);
        }
        node
    }
}

/// The lock for `inputs`, spelled as Nix does: keys sorted, two spaces, a newline at the end.
pub fn render(inputs: &[Input]) -> String {
    let mut nodes: Value = inputs
        .iter()
        .map(|input| (input.name.clone(), input.node()))
        .collect();
    nodes["root"] = json!({
        "inputs": inputs.iter().map(|input| (input.name.clone(), json!(input.name))).collect::<Value>(),
    });
    let lock = json!({"nodes": nodes, "root": "root", "version": VERSION});
    format!("{:#}\n", sorted(lock))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            fields
                .into_iter()
                .map(|(name, field)| (name, sorted(field)))
                .collect()
        }
        other => other,
    }
}

/// Whether `existing` locks every input that `wanted` locks, from the same address; then it is up to date, at whatever
/// revision its owner has chosen.
pub fn agrees(existing: &str, wanted: &str) -> bool {
    let (Ok(existing), Ok(wanted)) = (
        serde_json::from_str::<Value>(existing),
        serde_json::from_str::<Value>(wanted),
    ) else {
        return false;
    };
    let originals = |lock: &Value| -> Option<Vec<(String, Value)>> {
        let nodes = lock.get("nodes")?;
        let root = nodes.get(lock.get("root")?.as_str()?)?;
        let inputs = root.get("inputs")?.as_object()?.iter();
        let mut found: Vec<_> = inputs
            .map(|(name, node)| {
                let node = nodes.get(node.as_str()?)?;
                node.get("locked")?.get("narHash")?;
                Some((
                    name.clone(),
                    json!([node.get("original")?, node.get("flake")]),
                ))
            })
            .collect::<Option<_>>()?;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Some(found)
    };
    let wanted = originals(&wanted);
    wanted.is_some() && originals(&existing) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Vec<Input> {
        let input = |name: &str, branch: Option<&str>, flake| Input {
            name: name.into(),
            owner: "someone".into(),
            repo: name.into(),
            branch: branch.map(Into::into),
            rev: "0123456789abcdef0123456789abcdef01234567".into(),
            last_modified: 1,
            nar_hash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into(),
            flake,
        };
        vec![
            input("pkgs", Some("stable"), true),
            input("data", None, false),
        ]
    }

    #[test]
    fn addresses_name_a_branch_or_a_revision() {
        let urls: Vec<_> = inputs().iter().map(Input::url).collect();
        assert_eq!(
            urls,
            [
                "github:someone/pkgs/stable",
                "github:someone/data/0123456789abcdef0123456789abcdef01234567"
            ]
        );
    }

    #[test]
    fn a_lock_is_written_as_nix_would() {
        insta::assert_snapshot!(render(&inputs()));
    }

    #[test]
    fn a_lock_is_kept_while_it_locks_the_same_inputs() {
        let wanted = render(&inputs());
        assert!(agrees(&wanted, &wanted));
        // `nix flake update` moves a branch's revision
        let updated = wanted.replacen("0123456789abcdef", "fedcba9876543210", 1);
        assert!(updated != wanted && agrees(&updated, &wanted));
        assert!(!agrees(&render(&inputs()[..1]), &wanted));
        assert!(!agrees(&wanted.replace("stable", "unstable"), &wanted));
        assert!(!agrees("{}", &wanted));
        assert!(!agrees("not json", &wanted));
    }
}
