//! JSON Schemas of the data files, from the types.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::json;

use super::{
    Arch, Board, BootlinRelease, BootlinTarball, Component, Constraint, DebianLlvm, DebianPin,
    DebianToolchain, Era, Evidence, FailureClass, Fix, HostTools, KernelPin, KorgGcc, KorgLlvm,
    MuslCrossMake, SourceToolchain,
};
use crate::id::{
    ArchId, BoardId, ConstraintId, EraId, FailureId, FileName, FixId, PinId, Suite, ToolchainId,
};
use crate::version::KernelVersion;

type Make = fn(&mut SchemaGenerator) -> Schema;

/// The schema of each file of `matrix/`: the file's name without `.json`, and the schema's text.
pub fn schemas() -> Vec<(&'static str, String)> {
    let list: [(&'static str, &'static str, Make); 15] = [
        ("eras", "Kernel generations", table::<EraId, Era>),
        ("arches", "Architectures", table::<ArchId, Arch>),
        (
            "kernels",
            "Kernel tarballs by version",
            table::<KernelVersion, KernelPin>,
        ),
        (
            "boards",
            "Machines that QEMU emulates",
            table::<BoardId, Board>,
        ),
        (
            "constraints",
            "Which tool can build which kernel",
            table::<ConstraintId, Constraint>,
        ),
        (
            "fixes",
            "Changes to a kernel tree that lift constraints",
            table::<FixId, Fix>,
        ),
        (
            "failures",
            "Kinds of failure, and how they show in a log",
            table::<FailureId, FailureClass>,
        ),
        (
            "source-toolchains",
            "Toolchains built from source",
            table::<ToolchainId, SourceToolchain>,
        ),
        (
            "host-tools",
            "The tools that builds run on, by Debian suite",
            table::<Suite, HostTools>,
        ),
        (
            "mirrors",
            "Base addresses by mirror scheme",
            table::<FileName, Vec<String>>,
        ),
        (
            "debian",
            "Debian's packages and the toolchains made of them",
            |generator| {
                let pins = table::<PinId, DebianPin>(generator);
                let toolchains = table::<ToolchainId, DebianToolchain>(generator);
                let llvm = table::<ToolchainId, DebianLlvm>(generator);
                sections(&[("pins", pins), ("toolchains", toolchains), ("llvm", llvm)])
            },
        ),
        ("bootlin", "Bootlin's tarballs", |generator| {
            let releases = table::<String, BootlinRelease>(generator);
            let tarballs = table::<FileName, BootlinTarball>(generator);
            sections(&[("releases", releases), ("tarballs", tarballs)])
        }),
        ("korg", "kernel.org's compilers", |generator| {
            let gcc = table::<ToolchainId, KorgGcc>(generator);
            let llvm = table::<ToolchainId, KorgLlvm>(generator);
            sections(&[("gcc", gcc), ("llvm", llvm)])
        }),
        (
            "components",
            "What toolchains are built from",
            |generator| {
                let musl_cross_make = generator.subschema_for::<Option<MuslCrossMake>>();
                let components = table::<PinId, Component>(generator);
                sections(&[
                    ("musl_cross_make", musl_cross_make),
                    ("components", components),
                ])
            },
        ),
        (
            "evidence",
            "What was measured",
            Vec::<Evidence>::json_schema,
        ),
    ];
    let schemas = list.into_iter().map(|(name, title, make)| {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let mut schema = make(&mut generator);
        let object = schema.ensure_object();
        object.insert(
            "$schema".into(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        object.insert("title".into(), json!(title));
        let definitions = generator.take_definitions(true);
        if !definitions.is_empty() {
            object.insert("$defs".into(), definitions.into());
        }
        (name, format!("{:#}\n", schema.as_value()))
    });
    schemas.collect()
}

/// An object keyed by id. `null` takes an entry of the matrix out.
fn table<K: JsonSchema, V: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = BTreeMap::<K, Option<V>>::json_schema(generator);
    let object = schema.ensure_object();
    object.insert(
        "properties".into(),
        json!({ "$schema": { "type": "string" } }),
    );
    schema
}

/// An object of parts.
fn sections(parts: &[(&str, Schema)]) -> Schema {
    let mut properties = serde_json::Map::new();
    properties.insert("$schema".into(), json!({ "type": "string" }));
    for (name, part) in parts {
        let mut part = part.clone();
        // the file's own `$schema` is at its top
        if let Some(object) = part.as_object_mut() {
            object.remove("properties");
        }
        properties.insert((*name).into(), part.to_value());
    }
    let object =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    object.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// `KFLAKE_UPDATE=1 cargo test` writes them.
    #[test]
    fn the_published_schemas_are_the_types() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
        for (name, text) in schemas() {
            let path = folder.join(format!("{name}.schema.json"));
            if std::env::var_os("KFLAKE_UPDATE").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let published = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                published == text,
                "{name}: out of date: KFLAKE_UPDATE=1 cargo test writes it"
            );
        }
    }

    #[test]
    fn every_data_file_has_a_schema_and_names_it() {
        let names: Vec<&str> = schemas().into_iter().map(|(name, _)| name).collect();
        for file in super::super::load::file_names() {
            let name = file.trim_end_matches(".json");
            assert!(names.contains(&name), "{name}");
            let text = super::super::load::embedded_text(file).unwrap_or("[");
            let naming = format!("\"$schema\": \"../docs/schemas/{name}.schema.json\"");
            assert!(
                text.starts_with('[') || text.contains(&naming),
                "{file} does not say {naming}"
            );
        }
    }

    /// The schemas accept what the types accept: the embedded files, checked by another's validator.
    #[test]
    fn the_embedded_files_are_valid() {
        for (name, text) in schemas() {
            let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
            let Some(data) = super::super::load::embedded_text(&format!("{name}.json")) else {
                continue;
            };
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&data)
                .take(3)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{name}: {errors:?}");
        }
    }

    #[test]
    fn the_schemas_refuse_what_the_types_refuse() {
        let refused = |name: &str, data: serde_json::Value| {
            let (_, text) = schemas()
                .into_iter()
                .find(|(file, _)| *file == name)
                .unwrap();
            let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
            !jsonschema::validator_for(&schema).unwrap().is_valid(&data)
        };
        let era = |from: &str, more: &str| {
            let text = format!(
                r#"{{"k8": {{"title": "8", "from": "{from}", "sources": ["debian"], "kernel": "8.1"{more}}}}}"#
            );
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        assert!(!refused("eras", era("8.0", "")));
        let stock = |arches: &str| era("8.0", &format!(r#", "stock_arches": {arches}"#));
        assert!(!refused("eras", stock(r#"["arm64"]"#)));
        assert!(refused("eras", stock(r#""arm64""#)));
        assert!(refused("eras", stock(r#"["ARM 64"]"#)));
        assert!(!refused("eras", json!({ "$schema": "x", "k6": null })));
        assert!(refused("eras", era("8", "")));
        assert!(refused("eras", era("8.0", r#", "belwo": "9.0""#)));
        assert!(refused("eras", json!({ "era8": {} })));
        assert!(refused("debian", json!({ "pinns": {} })));
        assert!(refused("evidence", json!([{}])));
    }
}
