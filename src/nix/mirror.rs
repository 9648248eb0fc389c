//! Mirror schemes: where `mirror://SCHEME/path` is looked for, and how a fetcher inside Nix is told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Apt;

/// Base urls by scheme, the first one tried first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    bases: BTreeMap<String, Vec<String>>,
}

impl Mirrors {
    /// Mirrors from data: base urls by scheme.
    pub fn new(bases: impl IntoIterator<Item = (String, Vec<String>)>) -> Self {
        let mut mirrors = Mirrors::default();
        for (scheme, urls) in bases {
            for url in urls {
                mirrors.push(&scheme, &url);
            }
        }
        mirrors
    }

    /// What this machine's apt uses comes before the `debian` urls of the data.
    #[must_use]
    pub fn with_apt(mut self, apt: &Apt) -> Self {
        let known = self.bases.remove("debian").unwrap_or_default();
        for url in apt.urls.iter().chain(&known) {
            self.push("debian", url);
        }
        self
    }

    /// What the environment says replaces the scheme's urls: `NIX_MIRRORS_debian="https://… file:///srv/mirror"`. Names that no
    /// fetcher would read are ignored.
    #[must_use]
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        for (name, value) in variables {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
                continue;
            };
            let Some(scheme) = name.strip_prefix("NIX_MIRRORS_") else {
                continue;
            };
            let urls: Vec<&str> = value.split_whitespace().collect();
            if is_scheme(scheme) && !urls.is_empty() {
                self.bases.remove(scheme);
                for url in urls {
                    self.push(scheme, url);
                }
            }
        }
        self
    }

    fn push(&mut self, scheme: &str, url: &str) {
        let url = match url.strip_prefix('/') {
            Some(path) => format!("file:///{path}"),
            None => url.to_owned(),
        };
        // nixpkgs joins base and path without a separator of its own
        let url = if url.ends_with('/') {
            url
        } else {
            format!("{url}/")
        };
        let list = self.bases.entry(scheme.to_owned()).or_default();
        if !list.contains(&url) {
            list.push(url);
        }
    }

    /// The base urls of `scheme`, each ending in a slash.
    pub fn urls(&self, scheme: &str) -> &[String] {
        self.bases.get(scheme).map_or(&[], Vec::as_slice)
    }

    /// The variables that fetchers read: `NIX_MIRRORS_<scheme>`, base urls separated by blanks.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.bases
            .iter()
            .map(|(scheme, urls)| (format!("NIX_MIRRORS_{scheme}"), urls.join(" ")))
    }

    /// Where on this machine the file of `url` would be: of `mirror://SCHEME/path`, below every local mirror; of `file://path`,
    /// there. Whoever takes one compares its digest.
    pub fn files(&self, url: &str) -> Vec<PathBuf> {
        if let Some(path) = local(url) {
            return vec![path];
        }
        let Some((scheme, path)) = url
            .strip_prefix("mirror://")
            .and_then(|rest| rest.split_once('/'))
        else {
            return Vec::new();
        };
        if path.split('/').any(|part| part == "..") {
            return Vec::new();
        }
        let folders = self.urls(scheme).iter().filter_map(|base| local(base));
        folders.map(|folder| folder.join(path)).collect()
    }
}

/// The path of a `file:` address.
pub(super) fn local(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("file://").or(url.strip_prefix("file:"))?;
    Some(Path::new("/").join(path.trim_start_matches('/')))
}

/// Whether a fetcher would read a scheme of that name: nixpkgs makes a shell variable of it.
fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Mirrors {
        let list = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
        Mirrors::new([
            ("debian".to_owned(), list(&["https://d.example/debian/"])),
            (
                "gnu".to_owned(),
                list(&["https://g.example/gnu", "/srv/gnu"]),
            ),
        ])
    }

    #[test]
    fn apt_comes_first_and_the_environment_decides() {
        let apt = Apt {
            urls: vec!["http://a.example/debian".to_owned()],
        };
        let mirrors = data().with_apt(&apt);
        assert_eq!(
            mirrors.urls("debian"),
            ["http://a.example/debian/", "https://d.example/debian/"]
        );
        assert_eq!(
            mirrors.urls("gnu"),
            ["https://g.example/gnu/", "file:///srv/gnu/"]
        );
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let os = |name: &str, value: &[u8]| {
            use std::os::unix::ffi::OsStringExt;
            (OsString::from(name), OsString::from_vec(value.to_vec()))
        };
        let mirrors = mirrors.with_environment([
            os("NIX_MIRRORS_gnu", b" /m  https://h.example/x "),
            os("NIX_MIRRORS_debian", b""),
            os("NIX_MIRRORS_debian", b"\xff"),
            os("NIX_MIRRORS_'$(touch x)'", b"/x"),
            os("HOME", b"/h"),
            os("FOO", b"\xff"),
        ]);
        let all: Vec<_> = mirrors.variables().collect();
        assert_eq!(
            all,
            [
                variable(
                    "NIX_MIRRORS_debian",
                    "http://a.example/debian/ https://d.example/debian/"
                ),
                variable("NIX_MIRRORS_gnu", "file:///m/ https://h.example/x/"),
            ]
        );
    }

    #[test]
    fn files_lie_in_local_mirrors() {
        let mirrors = data();
        assert_eq!(
            mirrors.files("mirror://gnu/gcc/x.tar"),
            [Path::new("/srv/gnu/gcc/x.tar")]
        );
        assert_eq!(mirrors.files("file:///srv/x"), [Path::new("/srv/x")]);
        for url in [
            "mirror://gnu/../etc/x",
            "mirror://debian/x",
            "https://g.example/x",
            "mirror://",
        ] {
            assert!(mirrors.files(url).is_empty(), "{url}");
        }
    }
}
