//! Checks on the data as a whole: each in a file of its own, with a stable code and an explanation.

mod lint;
mod text;

use lint::Sink;
pub use lint::{Lint, Run};

use crate::catalog::{Catalog, Finding, Level, place};
use crate::resolve::{Resolver, SourceOrder};

macro_rules! lints {
    ($($file:ident)*) => {
        $(mod $file;)*
        /// Every check, by code.
        pub static LINTS: &[&Lint] = &[$(&$file::LINT),*];
    };
}

lints! {
    k001_syntax k002_duplicate_key k003_wrong_value k004_unknown_field k005_missing_field k006_bad_key k007_unknown_file
    k008_unreadable k009_not_a_hash
    k101_unknown_reference k102_empty_range k103_two_hashes k104_contradiction k105_bootlin_binutils k106_unblessed
    k107_useless k108_no_board k109_no_toolchain k110_hole k111_eras k112_fix_disagrees k113_unknown_tool k114_odd_bound
    k115_idle_preference k116_era_kernel k117_unsafe_text k118_no_hash k119_idle_evidence k120_mirror k121_impossible_evidence
    k122_stock_arch k123_two_toolchains
}

/// Everything that is wrong with `catalog` or worth knowing, the worst first.
pub fn check(catalog: &Catalog) -> Vec<Finding> {
    let mut findings = catalog.form();
    findings.append(&mut found_by(LINTS, catalog));
    place(&mut findings);
    findings.sort_by_key(|finding| finding.level);
    findings
}

/// What those of `lints` find that look at a whole catalog, in their order.
fn found_by(lints: &[&'static Lint], catalog: &Catalog) -> Vec<Finding> {
    let resolver = Resolver::new(catalog, SourceOrder::Era);
    let of = |lint: &&'static Lint| {
        let mut sink = Sink::new(catalog, &resolver, lint);
        if let Run::OnCatalog(run) = lint.run {
            run(&mut sink);
        }
        sink.findings
    };
    lints.iter().flat_map(of).collect()
}

/// Checks that every command makes before it does anything with data: what they find could reach the machine.
const TRESPASSES: &[&Lint] = &[&k117_unsafe_text::LINT, &k120_mirror::LINT];

/// What of `catalog` could become code, a path outside of the output, or a folder of the machine. kflake's own data is known to be sound.
pub fn trespasses(catalog: &Catalog) -> Vec<Finding> {
    if !catalog.has_own_data() {
        return vec![];
    }
    let mut findings = found_by(TRESPASSES, catalog);
    place(&mut findings);
    findings
}

/// Whether `findings` have one that must be looked at: all but notes.
pub fn is_bad(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.level != Level::Note)
}

/// The check with this code, such as `K101`, or name, such as `unknown-reference`.
pub fn find(code: &str) -> Option<&'static Lint> {
    let is = |lint: &&&Lint| lint.code.to_string().eq_ignore_ascii_case(code) || lint.name == code;
    LINTS.iter().find(is).copied()
}

#[cfg(test)]
mod tests;
