//! handlebars as it is set up for Nix: strict, and escaping into Nix strings.

use handlebars::{Handlebars, handlebars_helper};

use super::escape;

mod helpers {
    use super::{escape, handlebars_helper};

    // as it stands in the data: it may be all of the file
    handlebars_helper!(nix_value: |value: Json, {depth: usize = 0}| escape::value(value, depth));
    handlebars_helper!(nix_file: |name: str, url: str, hash: str, {depth: usize = 0}| escape::binding(name, "file", url, hash, depth));
    handlebars_helper!(nix_texts: |pairs: array, {depth: usize = 0}| escape::texts(pairs, depth));
    handlebars_helper!(nix_attr: |name: str| escape::attr(name));
}

/// A registry in which `{{x}}` is the inside of a Nix string.
///
/// `{{{nixValue x depth=1}}}` is any data as a Nix expression, on a line that is indented by that many steps, `{{{nixFile name url
/// hash}}}` a binding to a fetched file, `{{{nixTexts pairs}}}` a set of names and texts in their own order, `{{{nixAttr x}}}` a text as an attribute name; their results are
/// code, hence the three braces. A key that the data lacks is an error.
pub fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(escape::escape);
    registry.register_helper("nixValue", Box::new(helpers::nix_value));
    registry.register_helper("nixFile", Box::new(helpers::nix_file));
    registry.register_helper("nixTexts", Box::new(helpers::nix_texts));
    registry.register_helper("nixAttr", Box::new(helpers::nix_attr));
    registry
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn render(template: &str, data: Value) -> Result<String, String> {
        registry()
            .render_template(template, &data)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn texts_are_escaped_unless_code_is_asked_for() {
        let data =
            json!({"text": "\"; ${builtins.abort \"x\"}\r", "list": ["a\"", null], "k": "in"});
        assert_eq!(
            render(
                "a = \"{{text}}\"; b = {{{nixValue list}}}; {{{nixAttr k}}} = 1;",
                data
            ),
            Ok(r#"a = "\"; \${builtins.abort \"x\"}\r"; b = [
  "a\""
  null
]; "in" = 1;"#
                .into())
        );
    }

    #[test]
    fn a_missing_key_is_an_error() {
        assert!(render("{{x}}", json!({})).is_err());
        assert!(render("{{{nixValue x}}}", json!({})).is_err());
        assert!(render("{{#each x}}{{/each}}", json!({})).is_err());
        assert_eq!(
            render("{{{nixValue x}}}", json!({"x": null})),
            Ok("null".into())
        );
    }

    #[test]
    fn html_is_left_alone() {
        assert_eq!(render("{{x}}", json!({"x": "<&'>=`"})), Ok("<&'>=`".into()));
    }
}
