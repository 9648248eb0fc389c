//! The flake: the matrix rendered as Nix, checked, and written into a project folder.
//!
//! [`assemble`] makes a [`model`] out of the catalog, [`render`] puts it through the templates, [`generate`] adds the
//! builders, which are the same for every project, and [`write`] brings the whole into a folder.

pub mod assemble;
pub mod escape;
mod groups;
pub mod header;
mod host_tools;
pub mod lint;
pub mod lock;
pub mod model;
pub(crate) mod nar;
pub mod render;
mod stand_in;
pub mod template;
pub mod tree;
pub mod write;

use include_dir::{Dir, File, include_dir};

use lock::{Input, Place};

pub use crate::packages::Packages;
pub use assemble::Options;
pub(crate) use host_tools::suite_of;
pub use lock::Choice;
pub use render::RenderError;
pub use stand_in::{cell_kernel, cells_with_toolchain};
pub use tree::{Tree, TreePath};
pub use write::{Plan, WriteError, Written};

use crate::catalog::Catalog;
use crate::hash::Sha256;
use crate::id::Suite;

/// The builders, and what they run to prove a kernel, with the folder that each goes to.
static COPIED: [(&str, &str, Dir<'static>); 2] = [
    (
        "flake-template",
        "",
        include_dir!("$CARGO_MANIFEST_DIR/flake-template"),
    ),
    (
        "validate",
        "validate/",
        include_dir!("$CARGO_MANIFEST_DIR/validate"),
    ),
];

/// Where the package set made of Debian's packages stands, beside flake.nix.
pub const DEBIAN_PACKAGES: &str = "debian-packages";

/// The package set made of Debian's packages, as flake.nix names it.
fn ours() -> String {
    format!("./{DEBIAN_PACKAGES}")
}

/// nixpkgs, in the release that the builders were written for.
fn nixpkgs() -> Input {
    Input {
        name: "nixpkgs".into(),
        place: Place::GitHub {
            owner: "NixOS".into(),
            repo: "nixpkgs".into(),
            branch: Some("nixos-25.11".into()),
            rev: "8fd9daa3db09ced9700431c5b7ad0e8ba199b575".into(),
            last_modified: 1_778_430_510,
        },
        nar_hash: Some("sha256-Ti+ZBvW6yrWWAg2szExVTwCd4qOJ3KlVr1tFHfyfi8Q=".into()),
        flake: true,
    }
}

/// The Debian package set in the place of nixpkgs, with the digest that its files in `tree` have.
fn debian_packages(tree: &Tree) -> Input {
    let files = tree.files.iter().filter_map(|(path, text)| {
        let inside = path.as_str().strip_prefix(DEBIAN_PACKAGES)?;
        Some((inside.strip_prefix('/')?, nar::Node::File(text.as_bytes())))
    });
    Input {
        name: "nixpkgs".into(),
        place: Place::Folder(ours()),
        nar_hash: Some(nar::hash(&files.collect()).sri()),
        flake: true,
    }
}

/// musl-cross-make, of which the patches are used; the revision is the one whose hashes the matrix quotes.
fn musl_cross_make(catalog: &Catalog) -> Option<Input> {
    let pinned = catalog.components.musl_cross_make.as_ref()?;
    Some(Input {
        name: "musl-cross-make".into(),
        place: Place::GitHub {
            owner: "richfelker".into(),
            repo: "musl-cross-make".into(),
            branch: None,
            rev: pinned.rev.clone(),
            last_modified: pinned.last_modified,
        },
        nar_hash: Some(pinned.nar_hash.sri()),
        flake: false,
    })
}

/// The whole project for `catalog`: generated files, builders and lock.
///
/// # Errors
/// When a text of the catalog cannot be carried by Nix; everything else is a defect of kflake.
pub fn generate(catalog: &Catalog, options: &Options) -> Result<Tree, RenderError> {
    let mut tree = Tree::default();
    for (origin, folder, dir) in &COPIED {
        copy(&mut tree, origin, folder, dir)?;
    }
    let suite = match &options.packages {
        Packages::Debian(suite) => suite.clone(),
        Packages::Nixpkgs => options.suite.clone().unwrap_or_default(),
    };
    add_pins(&mut tree, catalog, &suite)?;
    let packages = match (&options.nixpkgs, &options.packages) {
        (Some(Choice::Folder(folder)), _) if folder.path() == Some(&ours()) => {
            debian_packages(&tree)
        }
        (Some(Choice::Folder(folder)), _) => folder.clone(),
        (Some(Choice::Pinned), _) | (None, Packages::Nixpkgs) => nixpkgs(),
        (None, Packages::Debian(_)) => debian_packages(&tree),
    };
    let inputs: Vec<Input> = musl_cross_make(catalog)
        .into_iter()
        .chain([packages])
        .collect();
    let model = assemble::model(catalog, options, &inputs);
    let rendered = render::render(&model)?;
    // what kflake's own data makes is checked in its tests
    if catalog.has_own_data() {
        for (path, text) in &rendered {
            render::check_nix(path.as_str(), text)?;
        }
    }
    tree.files.extend(rendered);
    tree.lock = Some(lock::render(&inputs));
    Ok(tree)
}

/// The Debian package set of `suite` alone, as it stands in a project.
///
/// # Errors
/// Only for a defect of kflake.
pub fn package_set(catalog: &Catalog, suite: &Suite) -> Result<Tree, RenderError> {
    let mut tree = Tree::default();
    let (origin, folder, dir) = &COPIED[0];
    if let Some(dir) = dir.get_dir(DEBIAN_PACKAGES) {
        copy(&mut tree, origin, folder, dir)?;
    }
    add_pins(&mut tree, catalog, suite)?;
    Ok(tree)
}

/// Puts the pins of `suite` beside the package set.
fn add_pins(tree: &mut Tree, catalog: &Catalog, suite: &Suite) -> Result<(), RenderError> {
    let Some(tools) = catalog.host_tools.get(suite) else {
        return Ok(());
    };
    let text = host_tools::render(suite, tools);
    let digest = Sha256::of_bytes(text.as_bytes());
    let text = header::stamp(host_tools::PATH, "matrix/host-tools.json", &digest, &text)
        .map_err(|error| render::broken(host_tools::PATH, error))?;
    let path = host_tools::PATH
        .parse()
        .map_err(|error| render::broken(host_tools::PATH, error))?;
    tree.files.insert(path, text);
    Ok(())
}

/// Puts every file of `dir` into `tree`, below `folder`.
fn copy(tree: &mut Tree, origin: &str, folder: &str, dir: &Dir<'_>) -> Result<(), RenderError> {
    for file in dir.files() {
        let name = file.path().to_string_lossy();
        let origin = format!("{origin}/{name}");
        let path = format!("{folder}{name}");
        let text = copied(&origin, &path, file)?;
        let path = path
            .parse()
            .map_err(|error| render::broken(&origin, error))?;
        tree.files.insert(path, text);
    }
    dir.dirs()
        .try_for_each(|dir| copy(tree, origin, folder, dir))
}

fn copied(origin: &str, path: &str, file: &File<'_>) -> Result<String, RenderError> {
    let body = file
        .contents_utf8()
        .ok_or_else(|| render::broken(origin, "it is not text"))?;
    let digest = Sha256::of_bytes(file.contents());
    header::stamp(path, origin, &digest, body).map_err(|error| render::broken(origin, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SourceKind;

    #[test]
    fn every_nix_file_is_marked_formatted_and_sound() {
        let tree = generate(&Catalog::embedded().unwrap(), &Options::default()).unwrap();
        for (path, text) in &tree.files {
            assert!(header::is_generated(text.as_bytes()), "{path}");
            if !path.as_str().ends_with(".nix") {
                continue;
            }
            assert_eq!(lint::lint(path.as_str(), text), [], "{path}");
            let formatted = nixfmt_rs::format(text).unwrap();
            let diff = similar::TextDiff::from_lines(text, &formatted);
            assert!(
                *text == formatted,
                "{path} is not formatted (`cargo install nixfmt_rs` has the formatter):\n{}",
                diff.unified_diff()
            );
        }
    }

    /// What is left out, or chosen, is sound too: nobody looks at it when it is generated.
    #[test]
    fn every_choice_of_sources_is_sound() {
        let catalog = Catalog::embedded().unwrap();
        for source in SourceKind::ALL {
            let options = Options {
                sources: vec![source],
                packages: Packages::Debian(Suite::default()),
                ..Options::default()
            };
            for (path, text) in generate(&catalog, &options).unwrap().files {
                if path.as_str().ends_with(".nix") {
                    assert_eq!(lint::lint(path.as_str(), &text), [], "{source}: {path}");
                }
            }
        }
    }

    #[test]
    fn generation_is_deterministic() {
        let catalog = Catalog::embedded().unwrap();
        let tree = || generate(&catalog, &Options::default()).unwrap();
        assert_eq!(tree(), tree());
    }
}
