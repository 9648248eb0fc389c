//! The model through the templates: rendered, formatted, checked.

use std::collections::BTreeMap;

use handlebars::{Context, Handlebars};
use serde::Serialize;
use serde_json::Value;

use super::escape::{self, Unrepresentable};
use super::header;
use super::lint::{self, Finding};
use super::model::{Model, Pin};
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
        help("this is a bug in kflake, not in the data; please report it")
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
    ("fixes.nix", include_str!("../../templates/fixes.nix.hbs")),
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

/// Those that are in the standard style as they are rendered: much data, and little code.
const LAID_OUT: [&str; 4] = ["fixes.nix", "kernels.nix", "matrix.nix", "sources.nix"];

/// Every generated file, formatted and stamped.
///
/// # Errors
/// When a text of the model cannot be carried by Nix; everything else is a defect of the templates.
pub fn render(model: &Model) -> Result<Vec<(TreePath, String)>, RenderError> {
    let registry = template::registry();
    TEMPLATES
        .iter()
        .map(|(file, template)| {
            let data = data_of(file, model).map_err(|problem| broken(file, problem))?;
            let text = render_one(&registry, file, template, data)?;
            let path = file.parse().map_err(|problem| broken(file, problem))?;
            Ok((path, text))
        })
        .collect()
}

/// A pin of sources.nix: one line where the file is kept under its own name, which `url` is given for.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    url: Option<&'a str>,
    hash: &'a str,
    pin: Option<&'a Pin>,
}

impl<'a> Line<'a> {
    fn of((id, pin): (&'a String, &'a Pin)) -> Line<'a> {
        let url = match &pin.urls[..] {
            [url] if url.rsplit('/').next() == Some(&pin.name) => Some(url.as_str()),
            _ => None,
        };
        Line {
            id,
            url,
            hash: &pin.hash,
            pin: url.is_none().then_some(pin),
        }
    }
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
    #[derive(Serialize)]
    struct Sources<'a> {
        mirrors: &'a BTreeMap<String, Vec<String>>,
        sizes: BTreeMap<&'a str, u64>,
        pins: Vec<Line<'a>>,
    }
    match file {
        "flake.nix" => serde_json::to_value(&model.flake),
        "fixes.nix" => serde_json::to_value(Fixes {
            fixes: &model.fixes,
        }),
        "kernels.nix" => serde_json::to_value(&model.kernels),
        "matrix.nix" => serde_json::to_value(&model.matrix),
        "resolve.nix" => serde_json::to_value(Resolve {
            tables: &model.tables,
        }),
        _ => serde_json::to_value(Sources {
            mirrors: &model.sources.mirrors,
            sizes: {
                let pins = model.sources.pins.iter();
                pins.filter_map(|(id, pin)| Some((id.as_str(), pin.size?)))
                    .collect()
            },
            pins: model.sources.pins.iter().map(Line::of).collect(),
        }),
    }
}

fn render_one(
    registry: &Handlebars<'_>,
    file: &'static str,
    template: &str,
    data: Value,
) -> Result<String, RenderError> {
    escape::check(&data).map_err(|source| RenderError::Data { file, source })?;
    let rendered = registry
        .render_template_with_context(template, &Context::from(data))
        .map_err(|problem| broken(file, problem))?;
    // changes with every word of the template and with all data that it shows
    let input = Sha256::of_bytes(rendered.as_bytes());
    let formatted = if LAID_OUT.contains(&file) {
        rendered
    } else {
        nixfmt_rs::format(&rendered)
            .map_err(|error| broken(file, nixfmt_rs::format_error(&rendered, Some(file), &error)))?
    };
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
    use crate::catalog::Apply;
    use crate::flake::model::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    /// One of each, with texts that try to become code.
    fn model() -> Model {
        let pin = |name: &str, url: &str| Pin {
            name: name.into(),
            urls: vec![url.into()],
            hash: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into(),
            size: Some(1234),
        };
        let hash = |version: &str| -> KernelHash {
            let hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
            (version.into(), hash.into())
        };
        let interval = |from: &str, below: Option<&str>, outcome| Interval {
            from: text(from),
            below: below.map(Into::into),
            outcome,
        };
        let matrix = Matrix {
            groups: [].into(),
            stock: [(
                "k26-armel".to_owned(),
                Cell {
                    era: "k26".into(),
                    arch: "armel".into(),
                    toolchain: "debian-10.2.1-armel".into(),
                    kernel: text("2.6.31"),
                    board: text("armel-versatilepb"),
                    reasons: vec!["${builtins.abort \"no\"}".into()],
                },
            )]
            .into(),
            runtimes: [(
                "bookworm".to_owned(),
                vec!["debian/bookworm/libc6".to_owned()],
            )]
            .into(),
            shared: [].into(),
            patches: [("gcc/12.2.0".to_owned(), vec!["0001-a.diff".to_owned()])].into(),
            eras: [(
                "k26".to_owned(),
                Era {
                    name: "k2.6".into(),
                    from: "2.6.0".into(),
                    below: text("3.0"),
                },
            )]
            .into(),
            arches: [(
                "arm64".to_owned(),
                Arch {
                    linux_arch: "arm64".into(),
                    bits: 64,
                    endian: "little",
                    elf_machine: 183,
                    uname: "aarch64".into(),
                    cpu_family: "aarch64".into(),
                    systemd: "arm64".into(),
                    interpreter: Interpreter {
                        glibc: text("/lib/ld-linux-aarch64.so.1"),
                        musl: None,
                        uclibc: None,
                    },
                    boards: vec!["arm64-virt".to_owned()],
                },
            )]
            .into(),
            toolchains: [(
                "debian-12.2.0-arm64".to_owned(),
                Toolchain {
                    source: "debian",
                    arch: "arm64".into(),
                    gcc: text("12.2.0"),
                    clang: None,
                    binutils: text("2.40"),
                    libc: None,
                    oldest_kernel: None,
                    target: "aarch64-linux-gnu".into(),
                    suffix: "-12".into(),
                    systems: vec!["x86_64-linux".into()],
                    pins: vec!["debian/bookworm/gcc-12".into()],
                    runtime: text("bookworm"),
                    shared: None,
                    build: None,
                },
            )]
            .into(),
            boards: [(
                "or".to_owned(),
                Board {
                    arch: "arm64".into(),
                    from: text("3.7"),
                    below: None,
                    qemu: "qemu-system-aarch64".into(),
                    machine: "virt".into(),
                    cpu: None,
                    mem: "256M".into(),
                    console: text("ttyAMA0"),
                    cmdline: "\"; x = builtins.abort \"no\"; y = \"".into(),
                    kernel_arch: "arm64".into(),
                    image: "${builtins.abort \"no\"}\r\n\t\\".into(),
                    make_target: "Image".into(),
                    defconfig: None,
                    enable: vec!["CMDLINE=\"$${x}$\"".into(), String::new()],
                    disable: vec!["PCI".into()],
                    dtb: None,
                    cpus: None,
                    firmware: None,
                    vga: None,
                    devices: vec![],
                    second_serial: false,
                    icount: false,
                    initrd_place: None,
                },
            )]
            .into(),
            cells: [(
                "k26-arm64".to_owned(),
                Cell {
                    era: "k26".into(),
                    arch: "arm64".into(),
                    toolchain: "debian-12.2.0-arm64".into(),
                    kernel: text("2.6.39.4"),
                    board: None,
                    reasons: vec![],
                },
            )]
            .into(),
        };
        Model {
            matrix,
            sources: Sources {
                mirrors: [("kernel".to_owned(), vec!["https://example.org/".to_owned()])].into(),
                pins: [(
                    "debian/bookworm/gcc-12".to_owned(),
                    pin("gcc.deb", "mirror://debian/gcc.deb"),
                )]
                .into(),
            },
            kernels: Kernels {
                folders: vec![KernelFolder {
                    folder: "mirror://kernel/v2.6".into(),
                    extension: "tar.xz".into(),
                    versions: vec![hash("2.6.9"), hash("2.6.10")],
                }],
                others: vec![KernelFile {
                    version: "6.1.1".into(),
                    file: Pin {
                        urls: vec![],
                        ..pin("linux-source-6.1.tar.xz", "")
                    },
                }],
            },
            tables: Tables {
                kernel: vec![Table {
                    arch: "arm64".into(),
                    intervals: vec![
                        interval(
                            "2.6",
                            Some("3.7"),
                            Outcome::Unsupported("born \"3.7\"".into()),
                        ),
                        interval("3.7", Some("5.0"), Outcome::NoToolchain("${none}".into())),
                        interval("5.0", None, Outcome::Use("debian-12.2.0-arm64".into())),
                    ],
                }],
                userland: vec![],
            },
            fixes: vec![Fix {
                id: "a-fix".into(),
                from: None,
                below: text("3.0"),
                arches: vec![],
                gcc: Some(VersionRange {
                    from: text("10"),
                    below: None,
                }),
                reason: "''${x}''".into(),
                apply: vec![Apply::Sed {
                    files: vec!["Makefile".parse().unwrap()],
                    expression: "s/^a$/\"\\1\"/".into(),
                }],
            }],
            flake: Flake {
                folder: false,
                nixpkgs: "github:someone/pkgs".into(),
                musl_cross_make: text("github:someone/data"),
                systems: vec!["x86_64-linux".into()],
            },
        }
    }

    #[test]
    fn files_are_as_reviewed() {
        for (path, text) in render(&model()).unwrap() {
            check_nix(path.as_str(), &text).unwrap();
            // the digest in the first line changes with every word of a template
            let (_, body) = text.split_once('\n').unwrap();
            insta::assert_snapshot!(path.as_str(), body);
        }
    }

    #[test]
    fn an_empty_model_renders_too() {
        assert_eq!(render(&Model::default()).unwrap().len(), TEMPLATES.len());
    }

    #[test]
    fn the_digest_follows_the_data() {
        let digest = |model: &Model| {
            let files = render(model).unwrap();
            let (_, text) = files
                .into_iter()
                .find(|(path, _)| path.as_str() == "fixes.nix")
                .unwrap();
            text.lines().next().unwrap().to_owned()
        };
        let mut changed = model();
        changed.fixes[0].reason.push('.');
        assert_ne!(digest(&model()), digest(&changed));
        assert_eq!(digest(&model()), digest(&model()));
    }

    #[test]
    fn texts_that_nix_cannot_carry_name_their_place() {
        let mut model = model();
        model.fixes[0].reason = "\u{1b}]0;x\u{7}".into();
        let error = render(&model).unwrap_err();
        let RenderError::Data { file, source } = error else {
            panic!("{error}");
        };
        assert_eq!(
            (file, source.pointer.as_str()),
            ("fixes.nix", "/fixes/-/reason")
        );
    }
}
