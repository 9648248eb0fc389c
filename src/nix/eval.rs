//! Evaluating an expression to JSON.

use std::process::Stdio;

use serde::de::DeserializeOwned;

use super::config::Settings;
use super::error::NixError;
use super::probe::Nix;
use crate::text::clean_line;

/// Longest explanation of a failed evaluation, in lines.
const MAX_LINES: usize = 40;

impl Nix {
    /// The value of `expression`, every derivation in it written to the store. Reads the file system and the environment as the
    /// expression asks.
    ///
    /// # Errors
    /// When it does not evaluate, or its value has another shape.
    pub fn eval<T: DeserializeOwned>(
        &self,
        settings: &Settings,
        expression: &str,
    ) -> Result<T, NixError> {
        let mut command = settings.guarded(self, "nix-instantiate")?;
        command.args([
            "--eval",
            "--strict",
            "--json",
            "--read-write-mode",
            "--expr",
            expression,
        ]);
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|source| NixError::Run {
                program: "nix-instantiate".to_owned(),
                source,
            })?;
        if !output.status.success() && is_about_the_store(&output.stderr) {
            return Err(NixError::Store {
                reason: super::error::last_error(&output.stderr),
            });
        }
        if !output.status.success() {
            let reason = explanation(&output.stderr);
            return Err(match not_fetched(&reason) {
                Some(line) => NixError::Input {
                    reason: line.to_owned(),
                },
                None => NixError::Evaluation { reason },
            });
        }
        serde_json::from_slice(&output.stdout).map_err(|error| NixError::Answer {
            what: "evaluation result",
            reason: error.to_string(),
        })
    }
}

/// What Nix's standard error says, from its first `error:` on.
fn explanation(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<String> = text
        .lines()
        .map(clean_line)
        .skip_while(|line| !line.starts_with("error:"))
        .take(MAX_LINES)
        .collect();
    if lines.is_empty() {
        return super::error::last_error(stderr);
    }
    lines
        .join("\n")
        .trim_start_matches("error: ")
        .trim()
        .to_owned()
}

/// What Nix says of a download that failed. Builds have not begun, so it is one of the flake's inputs.
fn not_fetched(reason: &str) -> Option<&str> {
    let said = reason.lines().map(str::trim);
    said.map(|line| line.trim_start_matches("error: "))
        .find(|line| line.starts_with("unable to download '"))
}

/// Whether Nix failed at its store rather than at the expression.
fn is_about_the_store(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    let first = text
        .lines()
        .map(clean_line)
        .find(|line| line.starts_with("error:"));
    first.is_some_and(|line| {
        [
            "SQLite",
            "sqlite",
            "database",
            "cannot connect to",
            "cannot open connection",
            "opening lock file",
            "/nix/var",
            "/nix/store/.links",
            "creating directory '/nix'",
            "Read-only file system",
            "No space left on device",
            "Disk quota exceeded",
        ]
        .iter()
        .any(|word| line.contains(word))
    })
}

/// `text` as a Nix string literal.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' => out.push_str("\\$"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_leaves_nothing_to_interpolate() {
        assert_eq!(quote("a\"b\\${c}$${d}\n"), r#""a\"b\\\${c}\$\${d}\n""#);
    }

    #[test]
    fn inputs_that_cannot_be_fetched_are_told_from_mistakes() {
        let line = "unable to download 'https://example.org/x': Couldn't resolve host name (6)";
        let old = format!("{line}\n(use '--show-trace' to show detailed location information)");
        assert_eq!(not_fetched(&old), Some(line));
        let new = format!("\n… while fetching the input 'x'\n\nerror: {line}");
        assert_eq!(not_fetched(&new), Some(line));
        assert_eq!(not_fetched("attribute 'x' missing"), None);
    }

    #[test]
    fn explanations_lose_their_colours() {
        let text = "warning: x\n\u{1b}[31;1merror:\u{1b}[0m boom\n  at here\n";
        assert_eq!(explanation(text.as_bytes()), "boom\n  at here");
    }
}
