//! Real Nix reads back exactly what kflake wrote.

mod common;

use kflake::flake::escape;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Texts of what is special to Nix, what looks like it, and anything else.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "\"", "\\", "$", "{", "}", "${", "$${", "$$", "\\$", "\\${", "''", "''$", "'", "\n", "\r", "\r\n", "\t", "#",
            "/*", "*/", ";", "${builtins.abort \"no\"}", "\\n", " ", "or", "=", "ä", "\u{1f980}", "\u{fffd}",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => "[ -~]{0,6}",
    ];
    prop::collection::vec(piece, 0..8)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("refused before rendering", |text| {
            escape::check(&json!(text)).is_ok()
        })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (i64::MIN + 1..=i64::MAX).prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// One evaluation reads many values: starting Nix is what takes the time.
fn read_back(code: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    common::eval(dir.path(), code)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn strings_come_back(texts in prop::collection::vec(text(), 300)) {
        if common::have_nix() {
            let items: String = texts.iter().map(|text| format!("{}\n", escape::string(text))).collect();
            prop_assert_eq!(read_back(&format!("[{items}]")), json!(texts));
        }
    }

    #[test]
    fn a_string_never_reaches_its_neighbours(a in text(), b in text()) {
        // as templates put texts side by side in one string
        if common::have_nix() {
            let code = format!("\"{}{{{}}}\"", escape::escape(&a), escape::escape(&b));
            prop_assert_eq!(read_back(&code), json!(format!("{a}{{{b}}}")));
        }
    }

    #[test]
    fn values_come_back_formatted_or_not(values in prop::collection::vec(value(), 40)) {
        if common::have_nix() {
            let code = escape::value(&json!(values), 0);
            prop_assert_eq!(read_back(&code), json!(values));
            let formatted = nixfmt_rs::format(&code).expect("what was rendered is Nix");
            prop_assert_eq!(read_back(&formatted), json!(values));
            prop_assert_eq!(kflake::flake::lint::lint("x", &formatted), []);
        }
    }
}
