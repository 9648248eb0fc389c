//! The model through the templates: rendered, formatted, checked.

use handlebars::Handlebars;
use serde::Serialize;
use serde_json::Value;

use super::escape::{self, Unrepresentable};
use super::header;
use super::lint::{self, Finding};
use super::model::Model;
use super::template;
use super::tree::TreePath;
use crate::hash::Sha256;

/// Why a file could not be rendered.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RenderError {
    /// The data has no spelling in Nix.
    #[error("cannot write {file}")]
    #[diagnostic(code(kflake::flake::data))]
    Data {
        /// The file that would have held it.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        #[diagnostic_source]
        source: Unrepresentable,
    },
    /// A template does not fit the data, or what it renders is not sound Nix: kflake's own mistake.
    #[error("{file}: {problem}")]
    #[diagnostic(
        code(kflake::flake::template),
        help("this is a defect of kflake, not of the data; please report it")
    )]
    Template {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
}

/// The generated files with their templates.
const TEMPLATES: [(&str, &str); 6] = [
    ("flake.nix", include_str!("../../templates/flake.nix.hbs")),
    ("kernel.nix", include_str!("../../templates/kernel.nix.hbs")),
    (
        "kernels.nix",
        include_str!("../../templates/kernels.nix.hbs"),
    ),
    ("matrix.nix", include_str!("../../templates/matrix.nix.hbs")),
    (
        "resolve.nix",
        include_str!("../../templates/resolve.nix.hbs"),
    ),
    (
        "sources.nix",
        include_str!("../../templates/sources.nix.hbs"),
    ),
];

/// Every generated file, stamped.
///
/// # Errors
/// When a text of the model cannot be carried by Nix; everything else is a defect of the templates.
pub fn render(model: &Model) -> Result<Vec<(TreePath, String)>, RenderError> {
    let registry = template::registry();
    TEMPLATES
        .iter()
        .map(|(file, template)| {
            let data = data_of(file, model).map_err(|problem| broken(file, problem))?;
            let text = render_one(&registry, file, template, &data)?;
            let path = file.parse().map_err(|problem| broken(file, problem))?;
            Ok((path, text))
        })
        .collect()
}

/// What one file's template takes.
fn data_of(file: &str, model: &Model) -> Result<Value, serde_json::Error> {
    #[derive(Serialize)]
    struct Fixes<'a> {
        fixes: &'a [super::model::Fix],
    }
    #[derive(Serialize)]
    struct Resolve<'a> {
        tables: &'a super::model::Tables,
    }
    match file {
        "flake.nix" => serde_json::to_value(&model.flake),
        "kernel.nix" => serde_json::to_value(Fixes {
            fixes: &model.fixes,
        }),
        "kernels.nix" => serde_json::to_value(&model.kernels),
        "matrix.nix" => serde_json::to_value(&model.matrix),
        "resolve.nix" => serde_json::to_value(Resolve {
            tables: &model.tables,
        }),
        _ => serde_json::to_value(&model.sources),
    }
}

fn render_one(
    registry: &Handlebars<'_>,
    file: &'static str,
    template: &str,
    data: &Value,
) -> Result<String, RenderError> {
    escape::check(data).map_err(|source| RenderError::Data { file, source })?;
    let rendered = registry
        .render_template(template, data)
        .map_err(|problem| broken(file, problem))?;
    let formatted = nixfmt_rs::format(&rendered)
        .map_err(|error| broken(file, nixfmt_rs::format_error(&rendered, Some(file), &error)))?;
    check_nix(file, &formatted)?;
    // one digest over the data and what was made of it: changes with either
    let input = Sha256::of_bytes(format!("{template}\0{data}").as_bytes());
    let origin = format!("templates/{file}.hbs");
    header::stamp(file, &origin, &input, &formatted).map_err(|problem| broken(file, problem))
}

/// Refuses Nix that does not parse, binds a name twice or leaves one unbound.
pub(super) fn check_nix(file: &str, text: &str) -> Result<(), RenderError> {
    match lint::lint(file, text).first() {
        None => Ok(()),
        Some(Finding { line, problem, .. }) => Err(broken(file, format!("line {line}: {problem}"))),
    }
}

pub(super) fn broken(file: &str, problem: impl ToString) -> RenderError {
    RenderError::Template {
        file: file.to_owned(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_an_empty_model() {
        let files = render(&Model::default()).unwrap();
        for (path, text) in files {
            println!("--- {path}\n{text}");
        }
    }
}
