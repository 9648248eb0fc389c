//! The C and C++ that old compilers are written in, compiled by the gcc of every suite as the builders of toolchains have it.

mod common;

use std::fs;
use std::path::Path;

/// What gcc 4.4's own sources and its neighbours' do: undeclared functions, pointers of other types, definitions in two files, names
/// that C23 took, parameters that it does not leave open any more, and what "extern inline" meant in C89.
const OLD_C: &str = r#"
int shared;
typedef int bool;
enum { false, true };
extern inline int twice (int x) { return x * 2; }
static int old (a, b) int a; char *b; { return a + *b; }
static int (*handler) ();
main ()
{
  long *number = (char *) malloc (sizeof (long));
  bool good = true;
  handler = old;
  *number = (long) number;
  shared = handler (1, "A") == 66 && good && other (number) == 4;
  free (number);
  return !shared;
}
"#;
const OTHER_C: &str = r#"
int shared;
extern inline int twice (int x) { return x * 2; }
int twice (int x) { return x + x; }
int other (number) char *number; { shared = number; return twice (2); }
"#;

/// Release, and C++ as it has it.
const CXX: [(&str, &str); 3] = [
    // a macro that touches the text before it, and a number that does not fit
    (
        "4.9.3",
        "#define D \"d\"\nconst char *format = \"%\"D;\nchar high[] = { 200 };\n",
    ),
    // gone in C++17
    (
        "12.2.0",
        "int f() throw(int);\nint f() throw(int) { register int i = 1; auto g = [] { return 2; }; return g() + i; }\n",
    ),
    ("15.1.0", "auto f() { return 0b11; }\n"),
];

#[test]
fn every_suite_s_compiler_takes_them() {
    if !common::have_nix() {
        return;
    }
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let catalog = kflake::catalog::Catalog::embedded().unwrap();
    for suite in catalog.host_tools.keys() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        kflake::project::package_set(&catalog, suite, dir).unwrap();
        let sources = dir.join("sources");
        fs::create_dir(&sources).unwrap();
        fs::write(sources.join("old.c"), OLD_C).unwrap();
        fs::write(sources.join("other.c"), OTHER_C).unwrap();
        for (release, text) in CXX {
            fs::write(sources.join(format!("{release}.cc")), text).unwrap();
        }
        let code = format!(
            r#"(import {}/debian-packages {{ }}).stdenv.mkDerivation {{
              name = "kflake-old-languages";
              common = {template}/source-common.sh;
              gcc = {template}/source-gcc.sh;
              sources = {sources};
              dontUnpack = true;
              dontConfigure = true;
              dontFixup = true;
              hardeningDisable = [ "all" ];
              buildPhase = ''
                . $common
                . $gcc
                host_flags 4.4.7
                gcc $CFLAGS $sources/old.c $sources/other.c -o old
                ./old
                for file in $sources/*.cc; do
                  release=$(basename $file .cc)
                  host_flags $release
                  g++ $CXXFLAGS -c $file -o $release.o
                done
              '';
              installPhase = "touch $out";
            }}"#,
            dir.display(),
            template = template.display(),
            sources = sources.display(),
        );
        let file = dir.join("old.nix");
        fs::write(&file, code).unwrap();
        common::succeeded(common::nix_build(&file));
    }
}
