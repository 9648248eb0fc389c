//! Checks over the syntax tree of Nix code: that it parses, that no attribute is bound twice, that every variable is
//! bound somewhere.

use std::collections::{BTreeMap, HashSet};

use rnix::ast::{self, Attr, Expr, HasEntry, InterpolPart, Param};
use rowan::ast::AstNode as _;

/// Names that Nix itself binds in every file.
const GLOBALS: [&str; 22] = [
    "abort",
    "baseNameOf",
    "break",
    "builtins",
    "derivation",
    "derivationStrict",
    "dirOf",
    "false",
    "fetchGit",
    "fetchMercurial",
    "fetchTarball",
    "fetchTree",
    "fromTOML",
    "import",
    "isNull",
    "map",
    "null",
    "placeholder",
    "removeAttrs",
    "throw",
    "toString",
    "true",
];

/// One thing wrong with a Nix file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{file}:{line}: {problem}")]
#[diagnostic(code(kflake::flake::lint))]
pub struct Finding {
    /// The file, relative to the project folder.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with Nix code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not Nix.
    #[error("not Nix: {0}")]
    Syntax(String),
    /// An attribute or variable is bound twice in one set.
    #[error("`{0}` is bound twice")]
    Duplicate(String),
    /// A variable that nothing binds.
    #[error("`{0}` is not bound")]
    Free(String),
}

/// Everything wrong with `source`, in the order of the file.
pub fn lint(file: &str, source: &str) -> Vec<Finding> {
    let parse = ast::Root::parse(source);
    let mut linter = Linter {
        found: Vec::new(),
        scopes: Vec::new(),
        withs: 0,
    };
    for error in parse.errors() {
        linter.found.push((0, Problem::Syntax(error.to_string())));
    }
    if linter.found.is_empty() {
        match parse.tree().expr() {
            Some(expr) => linter.expr(&expr),
            None => linter
                .found
                .push((0, Problem::Syntax("the file holds no expression".into()))),
        }
    }
    linter.found.sort_by_key(|(offset, _)| *offset);
    linter
        .found
        .into_iter()
        .map(|(offset, problem)| Finding {
            file: file.to_owned(),
            line: source[..offset].matches('\n').count() + 1,
            problem,
        })
        .collect()
}

struct Linter {
    /// Byte offset and problem.
    found: Vec<(usize, Problem)>,
    /// Names bound around the current place, innermost last.
    scopes: Vec<HashSet<String>>,
    /// How many `with` bodies surround it: there, a name may come from anywhere.
    withs: usize,
}

/// The attributes bound in one set so far: a name bound to a value, or only as the head of longer paths.
#[derive(Default)]
struct Bound(BTreeMap<String, Option<Bound>>);

impl Bound {
    /// Binds `path`; false if it, a head of it or something below it is bound already.
    fn bind(&mut self, path: &[String]) -> bool {
        match path {
            [] => true,
            [name] => self.0.insert(name.clone(), None).is_none(),
            [name, rest @ ..] => match self
                .0
                .entry(name.clone())
                .or_insert_with(|| Some(Bound::default()))
            {
                Some(inner) => inner.bind(rest),
                None => false,
            },
        }
    }
}

impl Linter {
    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Ident(ident) => self.variable(ident),
            Expr::AttrSet(set) => {
                let recursive = set.rec_token().is_some();
                self.bindings(set, recursive, |_| ());
            }
            Expr::LetIn(let_in) => self.bindings(let_in, true, |linter| {
                linter.all(let_in.body());
            }),
            Expr::LegacyLet(set) => self.bindings(set, true, |_| ()),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::With(with) => {
                self.all(with.namespace());
                self.withs += 1;
                self.all(with.body());
                self.withs -= 1;
            }
            Expr::Select(select) => {
                self.all(select.expr());
                self.path(select.attrpath());
                self.all(select.default_expr());
            }
            Expr::HasAttr(has) => {
                self.all(has.expr());
                self.path(has.attrpath());
            }
            Expr::Str(string) => self.string(string),
            Expr::Error(error) => {
                let problem = Problem::Syntax(error.to_string());
                self.found.push((offset(error), problem));
            }
            // the rest binds nothing: its children are expressions, or interpolations of a path
            other => {
                for child in other.syntax().children() {
                    if let Some(interpol) = ast::Interpol::cast(child.clone()) {
                        self.all(interpol.expr());
                    } else {
                        self.all(Expr::cast(child));
                    }
                }
            }
        }
    }

    fn all(&mut self, exprs: impl IntoIterator<Item = Expr>) {
        for expr in exprs {
            self.expr(&expr);
        }
    }

    fn variable(&mut self, ident: &ast::Ident) {
        let name = ident.to_string();
        let bound = self.withs > 0
            || name.starts_with("__")
            || GLOBALS.contains(&name.as_str())
            || self.scopes.iter().any(|scope| scope.contains(&name));
        if !bound {
            self.found.push((offset(ident), Problem::Free(name)));
        }
    }

    fn string(&mut self, string: &ast::Str) {
        if is_plain(string) {
            return;
        }
        for part in string.parts() {
            if let InterpolPart::Interpolation(interpol) = part {
                self.all(interpol.expr());
            }
        }
    }

    /// The expressions inside an attribute path: `a.${b}."c${d}"`.
    fn path(&mut self, path: Option<ast::Attrpath>) {
        for attr in path.iter().flat_map(ast::Attrpath::attrs) {
            match attr {
                Attr::Ident(_) => (),
                Attr::Dynamic(dynamic) => self.all(dynamic.expr()),
                Attr::Str(string) => self.string(&string),
            }
        }
    }

    fn lambda(&mut self, lambda: &ast::Lambda) {
        let mut scope = HashSet::new();
        let mut defaults = Vec::new();
        match lambda.param() {
            Some(Param::IdentParam(param)) => {
                scope.extend(param.ident().map(|ident| ident.to_string()));
            }
            Some(Param::Pattern(pattern)) => {
                let whole = pattern.pat_bind().and_then(|bind| bind.ident());
                let entries = pattern.pat_entries().filter_map(|entry| {
                    defaults.extend(entry.default());
                    entry.ident()
                });
                // `entries` first: it fills `defaults`
                for ident in entries.chain(whole) {
                    if !scope.insert(ident.to_string()) {
                        let problem = Problem::Duplicate(ident.to_string());
                        self.found.push((offset(&ident), problem));
                    }
                }
            }
            None => (),
        }
        self.scopes.push(scope);
        self.all(defaults);
        self.all(lambda.body());
        self.scopes.pop();
    }

    /// A set's bindings, then `body` with them in scope if the set is `recursive` (as `let` is).
    fn bindings(&mut self, set: &impl HasEntry, recursive: bool, body: impl FnOnce(&mut Self)) {
        let mut bound = Bound::default();
        for entry in set.entries() {
            match entry {
                ast::Entry::Inherit(inherit) => {
                    for attr in inherit.attrs() {
                        let place = offset(&attr);
                        self.bind(&mut bound, place, static_name(&attr).as_slice());
                    }
                }
                ast::Entry::AttrpathValue(entry) => {
                    let attrs: Vec<Attr> = entry
                        .attrpath()
                        .iter()
                        .flat_map(ast::Attrpath::attrs)
                        .collect();
                    // what follows a computed name cannot be known here
                    let names: Option<Vec<String>> = attrs.iter().map(static_name).collect();
                    self.bind(&mut bound, offset(&entry), &names.unwrap_or_default());
                }
            }
        }

        let names = if recursive { bound.0 } else { BTreeMap::new() };
        let scope: HashSet<String> = names.into_keys().collect();
        let plain_inherits = set.inherits().filter(|inherit| inherit.from().is_none());
        for attr in plain_inherits.flat_map(|inherit| inherit.attrs()) {
            // taken from around the set, even in a recursive one
            if let Attr::Ident(ident) = attr {
                self.variable(&ident);
            }
        }
        if recursive {
            self.scopes.push(scope);
        }
        for inherit in set.inherits() {
            self.all(inherit.from().and_then(|from| from.expr()));
        }
        for entry in set.attrpath_values() {
            self.path(entry.attrpath());
            self.all(entry.value());
        }
        body(self);
        if recursive {
            self.scopes.pop();
        }
    }

    fn bind(&mut self, bound: &mut Bound, place: usize, path: &[String]) {
        if !bound.bind(path) {
            self.found.push((place, Problem::Duplicate(path.join("."))));
        }
    }
}

/// Whether a string is what stands between its two quotes: no interpolation, no escape. Most of generated data is.
fn is_plain(string: &ast::Str) -> bool {
    let mut parts = string.syntax().children_with_tokens();
    parts.all(|part| {
        let text = part.as_token().map(|token| token.text());
        text.is_some_and(|text| text != "''" && !text.contains('\\'))
    })
}

/// The name that an attribute certainly has; none for a computed one.
fn static_name(attr: &Attr) -> Option<String> {
    match attr {
        Attr::Ident(ident) => Some(ident.to_string()),
        Attr::Dynamic(_) => None,
        Attr::Str(string) if is_plain(string) => {
            let text = string.to_string();
            Some(text[1..text.len() - 1].to_owned())
        }
        Attr::Str(string) => match string.normalized_parts().as_slice() {
            [] => Some(String::new()),
            [InterpolPart::Literal(text)] => Some(text.clone()),
            _ => None,
        },
    }
}

fn offset(node: &impl rowan::ast::AstNode) -> usize {
    node.syntax().text_range().start().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> Vec<String> {
        lint("t.nix", source)
            .iter()
            .map(|finding| format!("{}: {}", finding.line, finding.problem))
            .collect()
    }

    #[test]
    fn clean_code_has_no_findings() {
        for source in [
            "{ a, b ? a, ... }@args: args // { inherit a; c = b; \"d e\" = 1; ${a} = 2; }",
            "let x = y; y = 1; inherit (builtins) z; in rec { a = x + z; b = a; }",
            "with builtins; head tail",
            "x: x.a.b or x.${x.c}.\"d${x.e}\" ? f.g",
            "{ a.b = 1; a.c.d = 2; a.c.e = 3; }",
            "let inherit (import ./x.nix) f; in f ./. ./a${f}b { inherit (f 1) g h; }",
            "rec { or = 1; a = __head [ ]; }",
            "map (x: if x then assert x; -x else !x) [ ]",
            "{ inherit (rec { a = b; b = 1; }) a; }",
            "let { body = x; x = 1; }",
        ] {
            assert_eq!(problems(source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn duplicates_are_found_however_they_are_spelled() {
        for (source, name) in [
            ("{ a = 1; a = 2; }", "a"),
            ("{ a = 1; \"a\" = 2; }", "a"),
            ("{ \"6.1\" = 1; \"6.1\" = 2; }", "6.1"),
            ("{ a.b = 1; a.b = 2; }", "a.b"),
            ("{ a.b = 1; a = { }; }", "a"),
            ("{ a = { }; a.b = 1; }", "a.b"),
            ("a: { inherit a; a = 1; }", "a"),
            ("a: { inherit a; inherit (a) a; }", "a"),
            ("let a = 1; a = 2; in a", "a"),
            ("[ (x: { y = { z = 1; z = x; }; }) ]", "z"),
            ("{ a, b }@a: a b", "a"),
        ] {
            assert_eq!(problems(source), [format!("1: `{name}` is bound twice")]);
        }
    }

    #[test]
    fn free_variables_are_found_where_they_are() {
        assert_eq!(problems("{\n  a = b;\n}"), ["2: `b` is not bound"]);
        assert_eq!(problems("{ a = 1; b = a; }"), ["1: `a` is not bound"]);
        assert_eq!(problems("rec { inherit a; }"), ["1: `a` is not bound"]);
        assert_eq!(
            problems("x: \"${y}\" + ''${z}''"),
            ["1: `y` is not bound", "1: `z` is not bound"]
        );
        assert_eq!(problems("(x: x) x"), ["1: `x` is not bound"]);
        assert_eq!(problems("{ a ? b }: a"), ["1: `b` is not bound"]);
        assert_eq!(
            problems("a.${b}.c or d"),
            [
                "1: `a` is not bound",
                "1: `b` is not bound",
                "1: `d` is not bound"
            ]
        );
        assert_eq!(
            problems("let x = 1; in { inherit (y) x; }"),
            ["1: `y` is not bound"]
        );
        assert_eq!(problems("./a${b}c"), ["1: `b` is not bound"]);
        assert_eq!(problems("with a; b"), ["1: `a` is not bound"]);
    }

    #[test]
    fn what_is_not_nix_is_said_to_be() {
        for source in ["", "{ a = ; }", "{ a = 1 }", "\"", "a b )", "1 2 = 3"] {
            let found = problems(source);
            assert!(found[0].contains("not Nix"), "{source}: {found:?}");
        }
    }
}
