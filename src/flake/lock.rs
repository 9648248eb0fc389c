//! `flake.lock`: the flake's inputs, locked to revisions whose digests are known without fetching them.

use std::path::Path;

use serde_json::{Value, json};

/// The format's version that every Nix with flakes reads.
const VERSION: u64 = 7;

/// An input, as flake.nix names it and as it is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name in flake.nix.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// SRI digest of the unpacked tree; none: a folder that is not looked into.
    pub nar_hash: Option<String>,
    /// Whether it has outputs of its own, rather than only files.
    pub flake: bool,
}

/// Where an input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A repository on GitHub.
    GitHub {
        /// Its owner.
        owner: String,
        /// Its name.
        repo: String,
        /// Branch or tag that flake.nix asks for; none: the revision itself.
        branch: Option<String>,
        /// Commit.
        rev: String,
        /// Time of the commit, seconds since 1970.
        last_modified: u64,
    },
    /// A folder, by a path from flake.nix, as `path:` addresses have it: `./name`.
    Folder(String),
}

impl Input {
    /// The address that flake.nix has.
    pub fn url(&self) -> String {
        match &self.place {
            Place::GitHub {
                owner,
                repo,
                branch,
                rev,
                ..
            } => format!("github:{owner}/{repo}/{}", branch.as_ref().unwrap_or(rev)),
            Place::Folder(path) => format!("path:{path}"),
        }
    }

    /// The path of a folder.
    pub fn path(&self) -> Option<&String> {
        match &self.place {
            Place::Folder(path) => Some(path),
            Place::GitHub { .. } => None,
        }
    }

    /// Whether it is a folder rather than something to fetch.
    pub fn is_folder(&self) -> bool {
        self.path().is_some()
    }

    fn original(&self) -> Value {
        match &self.place {
            Place::GitHub {
                owner,
                repo,
                branch: Some(branch),
                ..
            } => json!({"owner": owner, "ref": branch, "repo": repo, "type": "github"}),
            Place::GitHub {
                owner, repo, rev, ..
            } => json!({"owner": owner, "repo": repo, "rev": rev, "type": "github"}),
            Place::Folder(path) => json!({"path": path, "type": "path"}),
        }
    }

    fn locked(&self) -> Value {
        match &self.place {
            Place::GitHub {
                owner,
                repo,
                rev,
                last_modified,
                ..
            } => json!({
                "lastModified": last_modified,
                "narHash": self.nar_hash,
                "owner": owner,
                "repo": repo,
                "rev": rev,
                "type": "github",
            }),
            // the time that files of the store have
            Place::Folder(path) => {
                let mut locked = json!({"lastModified": 1, "path": path, "type": "path"});
                if let Some(digest) = &self.nar_hash {
                    locked["narHash"] = json!(digest);
                }
                locked
            }
        }
    }

    fn node(&self) -> Value {
        let mut node = json!({"locked": self.locked(), "original": self.original()});
        if !self.flake {
            node["flake"] = json!(false);
        }
        if let Place::Folder(_) = self.place {
            // the flake that the path is relative to: new versions of Nix ask for it, old ones for the digest
            node["parent"] = json!([]);
        }
        node
    }
}

/// What the owner of a lock has chosen to have as nixpkgs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// nixpkgs, at a revision.
    Pinned,
    /// A folder in its place.
    Folder(Input),
}

impl Choice {
    /// Whether it is the Debian package set that every generated flake brings.
    pub fn is_package_set(&self) -> bool {
        let Choice::Folder(folder) = self else {
            return false;
        };
        let path = folder.path().map(Path::new);
        path.is_some_and(|path| {
            path.strip_prefix(".").unwrap_or(path) == Path::new(super::DEBIAN_PACKAGES)
        })
    }

    /// The choice in `lock`, if it has one.
    pub fn of_lock(lock: &str) -> Option<Choice> {
        let lock = serde_json::from_str(lock).ok()?;
        let (_, node) = inputs(&lock)?.into_iter().find(|it| it.0 == "nixpkgs")?;
        let text = |value: Option<&Value>| value?.as_str().map(str::to_owned);
        let original = node.get("original")?;
        if original.get("type").and_then(Value::as_str) != Some("path") {
            return Some(Choice::Pinned);
        }
        Some(Choice::Folder(Input {
            name: "nixpkgs".to_owned(),
            place: Place::Folder(text(original.get("path"))?),
            nar_hash: text(node.get("locked")?.get("narHash")),
            flake: node.get("flake") != Some(&json!(false)),
        }))
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
/// revision its owner has chosen. A folder of the project has none to choose, only its contents.
pub fn agrees(existing: &str, wanted: &str) -> bool {
    let (Ok(existing), Ok(wanted)) = (
        serde_json::from_str::<Value>(existing),
        serde_json::from_str::<Value>(wanted),
    ) else {
        return false;
    };
    let wanted = choices(&wanted);
    wanted.is_some() && choices(&existing) == wanted
}

/// `wanted`, with the inputs of `existing` that lock the same: a change of one input leaves what was chosen of the others.
pub fn updated(existing: &str, wanted: &str) -> String {
    merged(existing, wanted).unwrap_or_else(|| wanted.to_owned())
}

fn merged(existing: &str, wanted: &str) -> Option<String> {
    let existing: Value = serde_json::from_str(existing).ok()?;
    let wanted: Value = serde_json::from_str(wanted).ok()?;
    let root = existing.get("root")?.as_str()?;
    let there = inputs(&existing)?;
    let mut lock = existing.clone();
    let mut named = serde_json::Map::new();
    for (name, node) in inputs(&wanted)? {
        let old = there.iter().find(|it| it.0 == name).map(|it| it.1);
        // under the name that it has there: what a kept input has as inputs of its own is found by such names
        let key = match old {
            Some(_) => existing["nodes"][root]["inputs"][name].clone(),
            None if existing["nodes"].get(name).is_none() => json!(name),
            None => return None,
        };
        if old.and_then(choice) != Some(choice(node)?) {
            lock["nodes"][key.as_str()?] = node.clone();
        }
        named.insert(name.to_owned(), key);
    }
    lock["nodes"][root]["inputs"] = named.into();
    let text = format!("{:#}\n", sorted(lock));
    // it does not where two inputs share what only one of them may have
    agrees(&text, &serde_json::to_string(&wanted).ok()?).then_some(text)
}

/// Of each input of a lock, what its owner did not choose.
fn choices(lock: &Value) -> Option<Vec<(String, Value)>> {
    let inputs = inputs(lock)?.into_iter();
    let mut found = inputs
        .map(|(name, node)| Some((name.to_owned(), choice(node)?)))
        .collect::<Option<Vec<_>>>()?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Some(found)
}

fn choice(node: &Value) -> Option<Value> {
    let (original, locked) = (node.get("original")?, node.get("locked")?);
    // newer versions of Nix leave out the digest of a folder
    let digest = match original.get("path").and(locked.get("narHash")) {
        Some(digest) => digest.clone(),
        None => Value::Null,
    };
    Some(json!([original, node.get("flake"), digest]))
}

/// The inputs of a lock's flake by name.
fn inputs(lock: &Value) -> Option<Vec<(&str, &Value)>> {
    let nodes = lock.get("nodes")?;
    let root = nodes.get(lock.get("root")?.as_str()?)?;
    let node = |(name, node): (_, &Value)| Some((name, nodes.get(node.as_str()?)?));
    let named = root.get("inputs")?.as_object()?.iter();
    named.map(|(name, it)| node((name.as_str(), it))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Vec<Input> {
        let input = |name: &str, branch: Option<&str>, flake| Input {
            name: name.into(),
            place: Place::GitHub {
                owner: "someone".into(),
                repo: name.into(),
                branch: branch.map(Into::into),
                rev: "0123456789abcdef0123456789abcdef01234567".into(),
                last_modified: 1,
            },
            nar_hash: Some("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into()),
            flake,
        };
        let folder = Input {
            place: Place::Folder("./host".into()),
            ..input("host", None, true)
        };
        vec![
            input("pkgs", Some("stable"), true),
            input("data", None, false),
            folder,
        ]
    }

    #[test]
    fn addresses_name_a_branch_or_a_revision() {
        let urls: Vec<_> = inputs().iter().map(Input::url).collect();
        assert_eq!(
            urls,
            [
                "github:someone/pkgs/stable",
                "github:someone/data/0123456789abcdef0123456789abcdef01234567",
                "path:./host"
            ]
        );
    }

    #[test]
    fn a_lock_is_written_as_nix_would() {
        insta::assert_snapshot!(render(&inputs()));
    }

    #[test]
    fn what_stands_for_nixpkgs_is_its_owners_choice() {
        let lock = |place: &str| {
            format!(
                r#"{{"root": "root", "nodes": {{"root": {{"inputs": {{"nixpkgs": "n"}}}},
                "n": {{"original": {place}, "locked": {place}}}}}}}"#
            )
        };
        let github = r#"{"type": "github", "owner": "NixOS", "repo": "nixpkgs"}"#;
        assert_eq!(Choice::of_lock(&lock(github)), Some(Choice::Pinned));
        for path in ["./debian-packages", "../mine", "/srv/mine"] {
            let text = lock(&format!(r#"{{"type": "path", "path": "{path}"}}"#));
            let Some(Choice::Folder(input)) = Choice::of_lock(&text) else {
                panic!("{path}");
            };
            assert_eq!(input.url(), format!("path:{path}"));
            // what is generated from it leaves the lock as it is
            assert!(agrees(&text, &render(&[input])));
        }
        for text in ["", "{}", &lock("{}").replace("nixpkgs", "other")] {
            assert_eq!(Choice::of_lock(text), None, "{text}");
        }
    }

    #[test]
    fn a_change_of_one_input_leaves_the_others() {
        let wanted = render(&inputs());
        // as `nix flake lock --override-input` leaves it: another place, asked for as before
        let mut lock: Value = serde_json::from_str(&wanted).unwrap();
        lock["nodes"]["root"]["inputs"]["pkgs"] = json!("pkgs_2");
        let mut chosen = lock["nodes"]["pkgs"].take();
        chosen["locked"] = json!({"type": "path", "path": "./mine"});
        chosen["inputs"] = json!({"own": "data_2"});
        lock["nodes"]["pkgs_2"] = chosen.clone();
        lock["nodes"]["data_2"] = json!({"locked": {}});
        lock["nodes"].as_object_mut().unwrap().remove("pkgs");
        let same = lock.to_string();
        assert!(agrees(&same, &wanted));
        lock["nodes"]["data"]["original"]["rev"] = json!("another");
        let existing = lock.to_string();
        assert!(!agrees(&existing, &wanted));

        let text = updated(&existing, &wanted);
        assert!(agrees(&text, &wanted), "{text}");
        let lock: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(lock["nodes"]["pkgs_2"], chosen);
        assert_eq!(lock["nodes"]["data_2"], json!({"locked": {}}));
        let wanted_lock: Value = serde_json::from_str(&wanted).unwrap();
        assert_eq!(lock["nodes"]["data"], wanted_lock["nodes"]["data"]);

        // an input less, and one more
        let fewer = render(&inputs()[..2]);
        assert!(agrees(&updated(&existing, &fewer), &fewer));
        let more = updated(&fewer, &wanted);
        assert!(agrees(&more, &wanted), "{more}");
        for broken in ["", "{}", r#"{"root": "r", "nodes": {"r": {}}}"#] {
            assert_eq!(updated(broken, &wanted), wanted);
        }
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
        let (head, folder) = wanted.split_at(wanted.find("\"host\"").unwrap());
        let changed = format!("{head}{}", folder.replacen("sha256-47", "sha256-48", 1));
        assert!(changed != wanted && !agrees(&changed, &wanted));
        assert!(!agrees("{}", &wanted));
        assert!(!agrees("not json", &wanted));
    }
}
