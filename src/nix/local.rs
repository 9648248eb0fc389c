//! Files of this machine for fetches: taken into the store by their digest, so that no build is ever shown a folder of the host.

use std::path::PathBuf;

use super::config::Settings;
use super::drv::{Derivation, DrvPath};
use super::error::NixError;
use super::graph::Graph;
use super::mirror::Mirrors;
use super::probe::Nix;
use crate::files;
use crate::hash::Sha256;

impl Nix {
    /// Adds to the store what the fetches of `graph` ask for and some local mirror has, where it is not there yet.
    ///
    /// # Errors
    /// When the store cannot be asked, or refuses a file.
    pub fn adopt(&self, settings: &Settings, graph: &Graph) -> Result<(), NixError> {
        let wanted: Vec<Wanted> = graph
            .iter()
            .filter_map(|(path, drv)| wanted(path, drv, &settings.mirrors))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let missing = self.invalid(settings, wanted.iter().map(|it| it.output.as_str()))?;
        for it in wanted.iter().filter(|it| missing.contains(&it.output)) {
            // a file that is another one, or cannot be read, is passed over as any mirror's is
            let fitting = it.files.iter().find(|file| {
                let digest = files::open(file).and_then(Sha256::of_reader);
                digest.is_ok_and(|digest| digest == it.sha256)
            });
            if let Some(file) = fitting {
                self.add_fixed(settings, file, &it.name)?;
            }
        }
        Ok(())
    }
}

/// A fetch, and the files that may be what it fetches.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    name: String,
    output: String,
    sha256: Sha256,
    files: Vec<PathBuf>,
}

fn wanted(path: &DrvPath, drv: &Derivation, mirrors: &Mirrors) -> Option<Wanted> {
    let [output] = drv.outputs.as_slice() else {
        return None;
    };
    let sha256 = output.sha256.as_ref()?.parse().ok()?;
    let files: Vec<PathBuf> = drv
        .urls
        .iter()
        .flat_map(|url| mirrors.files(url))
        .filter(|file| file.is_file())
        .collect();
    (!files.is_empty()).then(|| Wanted {
        name: path.name().to_owned(),
        output: output.path.clone().unwrap_or_default(),
        sha256,
        files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nix::Output;

    #[test]
    fn a_fetch_is_looked_for_in_local_mirrors_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("pool")).unwrap();
        std::fs::write(dir.path().join("pool/x.deb"), "x").unwrap();
        let mirrors = Mirrors::new([(
            "debian".to_owned(),
            vec![
                "https://d.example/".to_owned(),
                dir.path().display().to_string(),
            ],
        )]);
        let drv = |urls: &[&str]| Derivation {
            outputs: vec![Output {
                name: "out".to_owned(),
                path: Some("/nix/store/o-x.deb".to_owned()),
                fixed: true,
                sha256: Some(Sha256::of_bytes(b"x").hex()),
            }],
            inputs: Vec::new(),
            system: String::new(),
            urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        };
        let drv_path = &DrvPath::named("x.deb");
        let found = wanted(drv_path, &drv(&["mirror://debian/pool/x.deb"]), &mirrors).unwrap();
        assert_eq!(
            (found.name.as_str(), found.output.as_str(), found.files),
            (
                "x.deb",
                "/nix/store/o-x.deb",
                vec![dir.path().join("pool/x.deb")]
            )
        );
        for url in [
            "mirror://debian/pool/y.deb",
            "mirror://gnu/pool/x.deb",
            "mirror://debian/../pool/x.deb",
            "https://d.example/pool/x.deb",
        ] {
            assert_eq!(wanted(drv_path, &drv(&[url]), &mirrors), None, "{url}");
        }
    }
}
