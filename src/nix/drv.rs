//! Reading `.drv` files: what a derivation makes, and what it needs.
//!
//! The files' form (ATerm) is the same for every Nix version, unlike the JSON of `nix derivation show`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The path of a derivation in the store: `/nix/store/<hash>-kernel-6.1.drv`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DrvPath(String);

/// A text that is no derivation's path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is not the path of a derivation", crate::text::clean_line(.0))]
pub struct NotDrv(String);

impl DrvPath {
    /// It as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `kernel-6.1` of `/nix/store/<hash>-kernel-6.1.drv`.
    pub fn name(&self) -> &str {
        let base = self.file_name();
        let base = base.strip_suffix(SUFFIX).unwrap_or(base);
        match base.split_once('-') {
            Some((hash, name)) if hash.len() == 32 => name,
            _ => base,
        }
    }

    /// Its file's name in the store.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// One that tests call `name`.
    #[cfg(test)]
    pub fn named(name: &str) -> DrvPath {
        DrvPath(format!("/nix/store/{name}{SUFFIX}"))
    }
}

/// What the name of a derivation's file ends in.
const SUFFIX: &str = ".drv";

impl TryFrom<String> for DrvPath {
    type Error = NotDrv;

    fn try_from(text: String) -> Result<DrvPath, NotDrv> {
        let named = text
            .rsplit('/')
            .next()
            .is_some_and(|base| base.len() > SUFFIX.len());
        match text.starts_with('/')
            && text.ends_with(SUFFIX)
            && named
            && !text.contains(char::is_control)
        {
            true => Ok(DrvPath(text)),
            false => Err(NotDrv(text)),
        }
    }
}

impl std::str::FromStr for DrvPath {
    type Err = NotDrv;

    fn from_str(text: &str) -> Result<DrvPath, NotDrv> {
        text.to_owned().try_into()
    }
}

impl From<DrvPath> for String {
    fn from(path: DrvPath) -> String {
        path.0
    }
}

impl std::fmt::Display for DrvPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kflake needs to know of a derivation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// Its outputs, in Nix's order.
    pub outputs: Vec<Output>,
    /// The derivations it needs.
    pub inputs: Vec<DrvPath>,
    /// The system that can build it.
    pub system: String,
    /// Where a fetch looks: its `urls`.
    pub urls: Vec<String>,
}

/// One output of a derivation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// `out`, `dev`.
    pub name: String,
    /// Its store path; none where it is only known once built.
    pub path: Option<String>,
    /// Whether its content is fixed by a hash: a fetch.
    pub fixed: bool,
    /// The digest of a fetched file in hex, where it is one file's sha256.
    pub sha256: Option<String>,
}

/// A `.drv` file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not a derivation: expected {expected} at byte {at}")]
pub struct DrvError {
    expected: &'static str,
    at: usize,
}

impl Derivation {
    /// Reads the text of a `.drv` file.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &[u8]) -> Result<Derivation, DrvError> {
        let mut reader = Reader { text, at: 0 };
        if reader.eat(b"DrvWithVersion(") {
            reader.string()?;
            reader.expect(b",", "`,`")?;
        } else {
            reader.expect(b"Derive(", "`Derive(`")?;
        }
        let outputs = reader.list(Reader::output)?;
        reader.expect(b",", "`,`")?;
        let inputs = reader.list(Reader::input)?;
        reader.expect(b",", "`,`")?;
        reader.list(Reader::string)?;
        reader.expect(b",", "`,`")?;
        let system = reader.string()?;
        let mut urls = Vec::new();
        if outputs.iter().any(|output: &Output| output.fixed) {
            reader.expect(b",", "`,`")?;
            reader.string()?;
            reader.expect(b",", "`,`")?;
            reader.list(Reader::string)?;
            reader.expect(b",", "`,`")?;
            let variables = reader.list(Reader::pair)?;
            let urls_of = |name| variables.iter().find(|(key, _)| key == name);
            if let Some((_, value)) = urls_of("urls").or_else(|| urls_of("url")) {
                urls = value.split_whitespace().map(str::to_owned).collect();
            }
        }
        Ok(Derivation {
            outputs,
            inputs,
            system,
            urls,
        })
    }

    /// Whether it is a fetch: its outputs' content is fixed by a hash.
    pub fn is_fixed(&self) -> bool {
        self.outputs.iter().any(|output| output.fixed)
    }

    /// The output paths that are known.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.outputs
            .iter()
            .filter_map(|output| output.path.as_deref())
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, expected: &'static str) -> Result<T, DrvError> {
        Err(DrvError {
            expected,
            at: self.at,
        })
    }

    fn eat(&mut self, word: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &[u8], expected: &'static str) -> Result<(), DrvError> {
        if self.eat(word) {
            Ok(())
        } else {
            self.fail(expected)
        }
    }

    fn string(&mut self) -> Result<String, DrvError> {
        self.expect(b"\"", "a string")?;
        let mut bytes = Vec::new();
        loop {
            match self.text.get(self.at) {
                None => return self.fail("the end of a string"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(&bytes).into_owned());
                }
                Some(b'\\') => {
                    let escaped = self.text.get(self.at + 1).copied();
                    bytes.push(match escaped {
                        Some(b'n') => b'\n',
                        Some(b'r') => b'\r',
                        Some(b't') => b'\t',
                        Some(other) => other,
                        None => return self.fail("an escaped character"),
                    });
                    self.at += 2;
                }
                Some(byte) => {
                    bytes.push(*byte);
                    self.at += 1;
                }
            }
        }
    }

    fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, DrvError>,
    ) -> Result<Vec<T>, DrvError> {
        self.expect(b"[", "a list")?;
        let mut items = Vec::new();
        if self.eat(b"]") {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(b"]") {
                return Ok(items);
            }
            self.expect(b",", "`,` or `]`")?;
        }
    }

    fn output(&mut self) -> Result<Output, DrvError> {
        self.expect(b"(", "an output")?;
        let name = self.string()?;
        self.expect(b",", "`,`")?;
        let path = self.string()?;
        self.expect(b",", "`,`")?;
        let method = self.string()?;
        self.expect(b",", "`,`")?;
        let hash = self.string()?;
        self.expect(b")", "`)`")?;
        Ok(Output {
            name,
            path: (!path.is_empty()).then_some(path),
            fixed: !hash.is_empty(),
            sha256: (method == "sha256" && !hash.is_empty()).then_some(hash),
        })
    }

    fn pair(&mut self) -> Result<(String, String), DrvError> {
        self.expect(b"(", "a variable")?;
        let name = self.string()?;
        self.expect(b",", "`,`")?;
        let value = self.string()?;
        self.expect(b")", "`)`")?;
        Ok((name, value))
    }

    /// `("path", ["out"])`, or `("path", (["out"], [dynamic…]))` of newer Nix, whose dynamic part is not followed.
    fn input(&mut self) -> Result<DrvPath, DrvError> {
        self.expect(b"(", "an input")?;
        let at = self.at;
        let path = self.string()?.try_into().map_err(|NotDrv(_)| DrvError {
            expected: "a derivation's path",
            at,
        })?;
        self.expect(b",", "`,`")?;
        if self.eat(b"(") {
            self.list(Reader::string)?;
            self.skip_to_close()?;
        } else {
            self.list(Reader::string)?;
        }
        self.expect(b")", "`)`")?;
        Ok(path)
    }

    /// Skips what remains up to and including the `)` that closes what is open.
    fn skip_to_close(&mut self) -> Result<(), DrvError> {
        let mut depth = 1;
        while depth > 0 {
            match self.text.get(self.at) {
                None => return self.fail("`)`"),
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'(') => depth += 1,
                Some(b')') => depth -= 1,
                Some(_) => {}
            }
            self.at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: &str = r#"Derive([("dev","/nix/store/d-x-dev","",""),("out","/nix/store/o-x","","")],[("/nix/store/a-a.drv",["out"]),("/nix/store/b-b.drv",["dev","out"])],["/nix/store/s-src"],"x86_64-linux","/bin/sh",["-c","echo \"hi\"\n"],[("name","x")])"#;

    #[test]
    fn a_plain_one() {
        let drv = Derivation::parse(PLAIN.as_bytes()).unwrap();
        assert_eq!(drv.inputs, ["a-a", "b-b"].map(DrvPath::named));
        assert_eq!(drv.system, "x86_64-linux");
        assert_eq!(
            drv.paths().collect::<Vec<_>>(),
            ["/nix/store/d-x-dev", "/nix/store/o-x"]
        );
        assert!(!drv.is_fixed());
    }

    #[test]
    fn fetches_and_floating_outputs() {
        let fetch = r#"Derive([("out","/nix/store/o-f","sha256","abc")],[],[],"builtin","builtin:fetchurl",[],[("a","b"),("urls","mirror://gnu/x https://y/x")])"#;
        let fetch = Derivation::parse(fetch.as_bytes()).unwrap();
        assert!(fetch.is_fixed());
        assert_eq!(fetch.outputs[0].sha256.as_deref(), Some("abc"));
        assert_eq!(fetch.urls, ["mirror://gnu/x", "https://y/x"]);
        let floating = r#"DrvWithVersion("xp-dyn-drv",[("out","","r:sha256","")],[("/nix/store/a-a.drv",(["out"],[("x",["y)"])]))],[],"s\\y","b",[],[])"#;
        let drv = Derivation::parse(floating.as_bytes()).unwrap();
        assert_eq!(
            (drv.paths().count(), drv.inputs.len(), drv.system.as_str()),
            (0, 1, "s\\y")
        );
    }

    #[test]
    fn names() {
        let name = |text: &str| text.parse::<DrvPath>().map(|it| it.name().to_owned());
        assert_eq!(
            name("/nix/store/0h3zdsmxayc8p5fsnzi8yrzya6vxbyfn-kernel-6.1.drv").unwrap(),
            "kernel-6.1"
        );
        assert_eq!(name("/nix/store/odd.drv").unwrap(), "odd");
        for text in [
            "",
            "odd.drv",
            "/nix/store/odd",
            "/nix/store/.drv",
            "/nix/store/o\nd.drv",
        ] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(cut in 0..PLAIN.len(), noise in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut text = PLAIN.as_bytes()[..cut].to_vec();
            text.extend(noise);
            let _ = Derivation::parse(&text);
        }
    }
}
