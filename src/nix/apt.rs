//! Where this machine's apt fetches from: the base urls of the `debian` mirror scheme.

use std::path::Path;

use crate::deb822;

/// The base urls of a Debian machine's package sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apt {
    /// Base urls, without a slash at the end, in the order of the files, each once.
    pub urls: Vec<String>,
}

impl Apt {
    /// Reads `sources.list` and `sources.list.d` under `etc_apt` (`/etc/apt`). What is missing or unreadable counts as empty:
    /// another distribution has none.
    pub fn read(etc_apt: &Path) -> Apt {
        let mut apt = Apt::default();
        if let Ok(text) = std::fs::read_to_string(etc_apt.join("sources.list")) {
            apt.add_one_line_style(&text);
        }
        let mut files: Vec<_> = std::fs::read_dir(etc_apt.join("sources.list.d"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.sort();
        for file in files {
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("list") => apt.add_one_line_style(&text),
                Some("sources") => apt.add_deb822(&text),
                _ => {}
            }
        }
        apt
    }

    /// `deb [options] URL suite component…`
    fn add_one_line_style(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some(rest) = line.trim().strip_prefix("deb ") else {
                continue;
            };
            let rest = rest.trim_start();
            let rest = match rest.strip_prefix('[') {
                Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
                None => rest,
            };
            if let Some(url) = rest.split_whitespace().next() {
                self.add(url);
            }
        }
    }

    /// Paragraphs of `Types:`, `URIs:`, `Enabled:`.
    fn add_deb822(&mut self, text: &str) {
        for stanza in deb822::paragraphs(text) {
            let field = |name| stanza.field(name).unwrap_or_default();
            let enabled = !field("enabled").eq_ignore_ascii_case("no");
            let binary = field("types").split_whitespace().any(|kind| kind == "deb");
            if enabled && binary {
                for url in field("uris").split_whitespace() {
                    self.add(url);
                }
            }
        }
    }

    /// Takes `url` where a fetcher can use it; apt's own methods (`cdrom:`, `mirror+file:`, …) it cannot.
    fn add(&mut self, url: &str) {
        let url = url.trim_end_matches('/');
        let usable = ["http://", "https://", "file:/"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if usable && !self.urls.iter().any(|known| known == url) {
            self.urls.push(url.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        Apt::read(dir.path()).urls
    }

    #[test]
    fn one_line_style() {
        let urls = read(&[(
            "sources.list",
            "# deb http://no.example/debian x main\n\
             deb http://a.example/debian/ bookworm main # comment\n\
             deb-src http://src.example/debian bookworm main\n\
             deb [ arch=amd64 signed-by=/x ] https://b.example/debian bookworm main\n\
             deb [broken\n\
             deb cdrom:[x]/ bookworm main\n\
             deb http://a.example/debian bookworm-updates main\n",
        )]);
        assert_eq!(
            urls,
            ["http://a.example/debian", "https://b.example/debian"]
        );
    }

    #[test]
    fn deb822_style() {
        let urls = read(&[
            (
                "sources.list.d/debian.sources",
                "Types: deb deb-src\nURIs: http://a.example/debian\n  http://b.example/debian/\nSuites: bookworm\n\n\
                 Types: deb-src\nURIs: http://src.example/debian\n\n\
                 Enabled: No\nTypes: deb\nURIs: http://off.example/debian\n",
            ),
            ("sources.list.d/x.list", "deb file:/srv/mirror ./\n"),
            (
                "sources.list.d/y.list.save",
                "deb http://saved.example/ x main\n",
            ),
        ]);
        assert_eq!(
            urls,
            [
                "http://a.example/debian",
                "http://b.example/debian",
                "file:/srv/mirror"
            ]
        );
    }

    #[test]
    fn no_apt_is_no_urls() {
        assert_eq!(
            Apt::read(Path::new("/nonexistent")).urls,
            Vec::<String>::new()
        );
    }
}
