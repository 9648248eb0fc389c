//! The configuration report (`flake-template/kconfig.pl`), run as a build runs it, on small trees.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kflake::kconfig::{Report, Status};
use serde_json::{Value, json};

struct Tree {
    dir: tempfile::TempDir,
}

impl Tree {
    fn new(kconfig: &str) -> Tree {
        let tree = Tree {
            dir: tempfile::tempdir().unwrap(),
        };
        tree.file("Kconfig", kconfig);
        tree
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn spec(&self, asked: &str) -> Value {
        let asked = self.file("asked.config", asked);
        json!({
            "source": self.path(), "arch": "arm64", "version": "6.1", "strict": false,
            "base": null, "renames": null, "fragments": [{"label": "asked", "file": asked}],
        })
    }

    fn run(&self, args: &[&str], spec: &Value) -> Output {
        let file = self.file("spec.json", &spec.to_string());
        Command::new("perl")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/flake-template/kconfig.pl"
            ))
            .args([args[0], file.to_str().unwrap()])
            .args(&args[1..])
            .output()
            .unwrap()
    }

    /// The report on `got`, given what was asked.
    fn report(&self, asked: &str, got: &str) -> Report {
        self.report_of(&self.spec(asked), got)
    }

    fn report_of(&self, spec: &Value, got: &str) -> Report {
        let config = self.file(".config", got);
        let out = self.path().to_str().unwrap();
        let output = self.run(&["report", config.to_str().unwrap(), out], spec);
        assert!(output.status.success(), "{output:?}");
        let text = fs::read_to_string(self.path().join("config-report.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The one line about the one request that was not met.
    fn line(&self, asked: &str, got: &str) -> String {
        let report = self.report(asked, got);
        let lines: Vec<_> = report.unmet().map(ToString::to_string).collect();
        assert_eq!(lines.len(), report.differences);
        lines.join("\n")
    }
}

const KCONFIG: &str = r#"
mainmenu "Linux/$(ARCH) $(KERNELVERSION)"
source "arch/$(SRCARCH)/Kconfig"
config MODULES
	bool "modules"
	option modules
config NET
	bool "net"
config PCI
	tristate "pci"
menu "Devices"
	depends on NET
if PCI
config CARD
	tristate "card" # a card
	help
	  Depends on nothing, says this text.
	  config FAKE
	  depends on FAKE

config SLOW
	bool "slow"
	depends on !CARD || \
		BROKEN
endif
endmenu
config HIDDEN
	bool
config PICKY
	bool "picky" if EXPERT
	default y
config EXPERT
	bool "expert"
config PICKER
	bool "picker"
	select HIDDEN
	select FORCED if NET
config FORCED
	bool "forced"
config SIZE
	int "size"
	range 4 16
config NAME
	string "name"
choice
	prompt "Speed"
config HZ_100
	bool "100"
config HZ_250
	bool "250"
endchoice
config COMPILER
	bool "compiler"
	depends on $(cc-option,-fmagic)
config BOTH
	bool "both"
	depends on NET
config BOTH
	bool "both, again"
	depends on EXPERT
"#;

fn tree() -> Tree {
    let tree = Tree::new(KCONFIG);
    tree.file("arch/arm64/Kconfig", "config ARM64\n\tdef_bool y\n");
    tree.file(
        "arch/x86/Kconfig",
        "config X86\n\tdef_bool y\nconfig KVM_X\n\tbool \"x\"\n",
    );
    tree
}

#[test]
fn says_why_a_symbol_is_not_as_asked() {
    let tree = tree();
    for (asked, got, line) in [
        (
            "CONFIG_CARD=y",
            "",
            "CARD: requested y, got n: depends on NET (n), PCI (n)",
        ),
        (
            "CONFIG_CARD=y",
            "CONFIG_NET=y\nCONFIG_PCI=m\nCONFIG_CARD=m",
            "CARD: requested y, got m: depends on PCI (m)",
        ),
        (
            "CONFIG_SLOW=y",
            "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_CARD=y",
            "SLOW: requested y, got n: depends on !CARD (y) || BROKEN (n)",
        ),
        (
            "CONFIG_HIDDEN=y",
            "",
            "HIDDEN: requested y, got n: has no prompt; only others select it: PICKER",
        ),
        (
            "# CONFIG_PICKY is not set",
            "CONFIG_PICKY=y",
            "PICKY: requested n, got y: can be set only if EXPERT (n)",
        ),
        (
            "# CONFIG_FORCED is not set",
            "CONFIG_NET=y\nCONFIG_PICKER=y\nCONFIG_FORCED=y",
            "FORCED: requested n, got y: selected by PICKER (y)",
        ),
        (
            "CONFIG_SIZE=99",
            "CONFIG_SIZE=16",
            "SIZE: requested 99, got 16: outside its range of 4 to 16",
        ),
        (
            "CONFIG_SIZE=\"a\"",
            "CONFIG_SIZE=16",
            "SIZE: requested \"a\", got 16: is a number (int)",
        ),
        (
            "CONFIG_NAME=y",
            "CONFIG_NAME=\"\"",
            "NAME: requested y, got \"\": is a text: it is written in quotes",
        ),
        (
            "CONFIG_NET=m",
            "CONFIG_NET=y",
            "NET: requested m, got y: is a bool: it takes y or n",
        ),
        (
            "CONFIG_PCI=m",
            "CONFIG_PCI=y",
            "PCI: requested m, got y: modules are off: MODULES (n)",
        ),
        (
            "CONFIG_HZ_100=y",
            "CONFIG_HZ_250=y",
            "HZ_100: requested y, got n: the choice \"Speed\" took HZ_250",
        ),
        (
            "CONFIG_KVM_X=y",
            "",
            "KVM_X: requested y, got n: not for arm64: defined in arch/x86/Kconfig",
        ),
        (
            "CONFIG_NONE=y",
            "",
            "NONE: requested y: no such symbol in 6.1",
        ),
        (
            "CONFIG_COMPILER=y",
            "",
            "COMPILER: requested y, got n: depends on $(cc-option,-fmagic) (not known)",
        ),
        // nothing stands in its way as far as the files say
        (
            "CONFIG_EXPERT=y",
            "",
            "EXPERT: requested y, got n: not known why",
        ),
        (
            "CONFIG_BOTH=y",
            "CONFIG_EXPERT=y",
            "BOTH: requested y, got n: not known why",
        ),
        (
            "CONFIG_BOTH=y",
            "",
            "BOTH: requested y, got n: depends on NET (n)",
        ),
    ] {
        assert_eq!(tree.line(asked, got), line);
    }
}

#[test]
fn what_is_met_is_met() {
    let tree = tree();
    let asked = "CONFIG_NET=y\n# CONFIG_PCI is not set\nCONFIG_SIZE=8\n# CONFIG_GONE is not set\nCONFIG_NAME=\"a b\"\n";
    let report = tree.report(asked, "CONFIG_NET=y\nCONFIG_SIZE=8\nCONFIG_NAME=\"a b\"\n");
    assert_eq!((report.requested, report.differences), (5, 0));
    assert!(
        report
            .requests
            .iter()
            .all(|request| request.status == Status::Met)
    );
}

#[test]
fn the_last_fragment_wins_and_stale_symbols_are_left_out() {
    let tree = tree();
    let second = tree.file(
        "second.config",
        "CONFIG_NET=y\nCONFIG_STALE=y\nCONFIG_SIZE=5\n",
    );
    tree.file("kernel/configs/small.config", "CONFIG_SIZE=4\n");
    let mut spec = tree.spec("# CONFIG_NET is not set\nCONFIG_PCI=m\n");
    let fragments = spec["fragments"].as_array_mut().unwrap();
    fragments.push(json!({"label": "second", "file": second}));
    fragments.push(json!({"label": "small.config", "tree": "small.config"}));
    let merged = tree.path().join("merged");
    let output = tree.run(&["merge", merged.to_str().unwrap(), "unused"], &spec);
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(merged).unwrap();
    assert_eq!(text, "CONFIG_NET=y\nCONFIG_PCI=m\nCONFIG_SIZE=4\n");
    let report = tree.report_of(
        &spec,
        "CONFIG_NET=y\nCONFIG_SIZE=4\nCONFIG_MODULES=y\nCONFIG_PCI=m\n",
    );
    let unmet: Vec<_> = report
        .unmet()
        .map(|r| (r.symbol.as_str(), r.from.as_str(), r.status))
        .collect();
    assert_eq!(unmet, [("STALE", "second", Status::Unknown)]);
}

#[test]
fn renames_are_told_in_both_directions() {
    let tree = tree();
    let renames = json!({
        "OLD_NET": {"to": ["NET"], "since": "5.0", "reason": "renamed", "evidence": "x"},
        "EXPERT": {"to": ["WISE"], "since": "9.0", "reason": "renamed", "evidence": "x"},
        "DROPPED": {"to": [], "since": "4.0", "reason": "always on now", "evidence": "x"},
    });
    let mut spec = tree.spec("CONFIG_OLD_NET=y\nCONFIG_WISE=y\nCONFIG_DROPPED=y\n");
    spec["renames"] = renames;
    let report = tree.report_of(&spec, "");
    let lines: Vec<_> = report.unmet().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "OLD_NET: requested y: no such symbol in 6.1 (renamed to NET)",
            "WISE: requested y: no such symbol in 6.1 (it is called EXPERT there)",
            "DROPPED: requested y: no such symbol in 6.1 (removed: always on now)",
        ]
    );
    assert_eq!(report.requests[0].renamed_to.as_deref(), Some("NET"));
}

#[test]
fn strict_fails_and_still_writes_the_report() {
    let tree = tree();
    let mut spec = tree.spec("CONFIG_CARD=y\n");
    spec["strict"] = json!(true);
    let config = tree.file(".config", "");
    let out = tree.path().to_str().unwrap().to_owned();
    let output = tree.run(&["report", config.to_str().unwrap(), &out], &spec);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains("CARD: requested y, got n: depends on NET (n), PCI (n)\n"),
        "{log}"
    );
    assert!(tree.path().join("config-report.txt").is_file());
}

#[test]
fn a_wish_is_asked_for_where_the_tree_has_it_and_fails_nothing() {
    let tree = tree();
    let mut spec = tree.spec("CONFIG_NET=y\n");
    let wishes = tree.file(
        "wishes.config",
        "CONFIG_CARD=y\nCONFIG_PCI=y\nCONFIG_NOWHERE=y\n",
    );
    spec["fragments"] = json!([
        {"label": "wishes", "file": wishes, "wishes": true},
        spec["fragments"][0],
    ]);
    spec["strict"] = json!(true);
    let merged = tree.path().join("merged");
    let base = tree.path().join("base");
    let words = ["merge", merged.to_str().unwrap(), base.to_str().unwrap()];
    assert!(tree.run(&words, &spec).status.success());
    assert_eq!(
        fs::read_to_string(&merged).unwrap(),
        "CONFIG_CARD=y\nCONFIG_PCI=y\nCONFIG_NET=y\n"
    );

    // CARD did not come out; it is told, and strictness lets it be
    let report = tree.report_of(&spec, "CONFIG_NET=y\nCONFIG_PCI=m\n");
    assert_eq!(report.differences, 0);
    let text = fs::read_to_string(tree.path().join("config-report.txt")).unwrap();
    assert!(text.contains("CARD: wished y, got n: "), "{text}");
    assert!(!text.contains("NOWHERE"), "{text}");

    // what is asked for by another fragment as well is no mere wish
    spec["fragments"][1]["file"] = json!(tree.file("must.config", "CONFIG_CARD=y\n"));
    let config = tree.file(".config", "CONFIG_NET=y\n");
    let out = tree.path().to_str().unwrap().to_owned();
    let output = tree.run(&["report", config.to_str().unwrap(), &out], &spec);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn drift_from_a_whole_configuration_is_listed() {
    let tree = tree();
    let base = tree.file(
        "vendor.config",
        "# Linux/arm64 5.10.1 Kernel Configuration\nCONFIG_NET=y\nCONFIG_VENDOR_THING=m\nCONFIG_CARD=y\nCONFIG_SIZE=8\n",
    );
    let mut spec = tree.spec("CONFIG_SIZE=9\n");
    spec["base"] = json!(base);
    let report = tree.report_of(&spec, "CONFIG_NET=y\nCONFIG_ARM64=y\nCONFIG_SIZE=9\n");
    let drift = report.drift.unwrap();
    assert_eq!(
        drift.title.as_deref(),
        Some("Linux/arm64 5.10.1 Kernel Configuration")
    );
    let new: Vec<_> = drift.new.iter().map(|n| n.symbol.as_str()).collect();
    let gone: Vec<_> = drift.gone.iter().map(|n| n.symbol.as_str()).collect();
    assert_eq!((new, gone), (vec!["ARM64"], vec!["VENDOR_THING"]));
    // SIZE was asked for, so it is no drift
    assert_eq!(drift.changed.len(), 1);
    assert_eq!(
        drift.changed[0].reason.as_deref(),
        Some("depends on PCI (n)")
    );
}

#[test]
fn of_many_that_select_a_symbol_the_first_are_named_once() {
    let mut kconfig = String::from("config LIBRARY\n\tbool\n");
    for driver in ["A", "B", "C", "C", "D", "E", "F", "G", "H"] {
        kconfig += &format!("config {driver}\n\tbool \"{driver}\"\n\tselect LIBRARY\n");
    }
    let tree = Tree::new(&kconfig);
    tree.file("arch/arm64/Kconfig", "");
    let line = tree.line("CONFIG_LIBRARY=y", "");
    assert!(
        line.ends_with("only others select it: A, B, C, D, E, F and 2 more"),
        "{line}"
    );
}

#[test]
fn what_the_machine_changes_of_a_configuration_is_listed_with_its_purpose() {
    let tree = tree();
    let base = tree.file(
        "vendor.config",
        "CONFIG_NET=y\n# CONFIG_PCI is not set\nCONFIG_SIZE=8\nCONFIG_CARD=y\n",
    );
    let mut spec = tree.spec("CONFIG_SIZE=9\n");
    let wishes = "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_SIZE=7\nCONFIG_CARD=m\n";
    let wishes = tree.file("wishes.config", wishes);
    spec["fragments"] = json!([
        {"label": "start", "file": wishes, "wishes": true, "purpose": "for the machine"},
        spec["fragments"][0],
    ]);
    spec["base"] = json!(base);
    let report = tree.report_of(&spec, "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_SIZE=9\n");
    // NET is as it was, the user asked for SIZE, and what became of CARD is told as an open wish
    let changed: Vec<_> = report.drift.unwrap().changed;
    let changed: Vec<_> = changed
        .iter()
        .map(|it| (&*it.symbol, &*it.old, &*it.new, it.reason.as_deref()))
        .collect();
    assert_eq!(changed, [("PCI", "n", "y", Some("for the machine"))]);
    let text = fs::read_to_string(tree.path().join("config-report.txt")).unwrap();
    assert!(
        text.contains("changed: PCI: n -> y: for the machine\n"),
        "{text}"
    );
    assert!(text.contains("CARD: wished m, got n"), "{text}");
}

/// The table that builds go by: each symbol once, with what became of it and how that is known.
#[test]
fn what_became_of_symbols_is_told_with_its_evidence() {
    let table = include_str!("../flake-template/kconfig-renames.nix");
    let mut names: Vec<&str> = Vec::new();
    for entry in table.split("\n  };\n").filter(|it| it.contains(" = {\n")) {
        let (name, body) = entry.rsplit_once(" = {\n").unwrap();
        names.push(name.lines().last().unwrap().trim());
        for key in ["    to = [ ", "    reason = \"", "    evidence = \""] {
            assert!(body.contains(key), "{entry}");
        }
    }
    for name in ["NFSD_V3", "EXT3_FS", "PM_RUNTIME", "AUTOFS4_FS"] {
        assert!(names.contains(&name), "{name}");
    }
    assert!(
        names.is_sorted_by(|one, other| one < other),
        "each once, in order: {names:?}"
    );
}

#[test]
fn a_slip_is_told_from_what_no_tree_has() {
    let tree = tree();
    for (asked, line) in [
        (
            "NTE=y",
            "NTE: requested y: no such symbol in 6.1; did you mean NET?",
        ),
        (
            "CADR=m",
            "CADR: requested m: no such symbol in 6.1; did you mean CARD?",
        ),
        (
            "HZ_200=y",
            "HZ_200: requested y: no such symbol in 6.1; did you mean HZ_100 or HZ_250?",
        ),
        (
            "net=y",
            "net: requested y: no such symbol in 6.1; did you mean NET?",
        ),
        (
            "KVM_Y=y",
            "KVM_Y: requested y: no such symbol in 6.1; did you mean KVM_X?",
        ),
        (
            "VENDOR_THING=y",
            "VENDOR_THING: requested y: no such symbol in 6.1",
        ),
        ("NE=y", "NE: requested y: no such symbol in 6.1"),
    ] {
        assert_eq!(tree.line(&format!("CONFIG_{asked}\n"), ""), line);
    }
    // what is known to be called otherwise is no slip
    let mut spec = tree.spec("CONFIG_NETS=y\n");
    spec["renames"] = json!({"NETS": {"to": ["PCI"], "reason": "renamed in 4.0"}});
    let report = tree.report_of(&spec, "");
    let line = report.unmet().next().unwrap().to_string();
    assert_eq!(
        line,
        "NETS: requested y: no such symbol in 6.1 (renamed to PCI)"
    );
}

#[test]
fn a_variable_of_the_environment_is_a_reason() {
    let tree = tree();
    let kconfig = "config VDSO\n\tbool \"vdso\"\n\tdepends on (NET && PCI) || \"$(CROSS_COMPILE_COMPAT)\" != \"\"\n\
                   config OTHER\n\tbool \"other\"\n\tdepends on \"$(SOMETHING)\" = \"x\"\n";
    tree.file("arch/arm64/Kconfig", kconfig);
    assert_eq!(
        tree.line("CONFIG_VDSO=y\n", "CONFIG_PCI=y\n"),
        "VDSO: requested y, got n: depends on (NET (n) && PCI (y)) || \"$(CROSS_COMPILE_COMPAT)\" (a 32-bit compiler, \
         which no build here has) != \"\""
    );
    assert_eq!(
        tree.line("CONFIG_OTHER=y\n", ""),
        "OTHER: requested y, got n: depends on \"$(SOMETHING)\" (not known) = \"x\""
    );
}

/// The symbols that name files, as a build has them.
fn named_files() -> Value {
    json!({
        "SYSTEM_TRUSTED_KEYS": {"clears": "\"\""},
        "MODULE_SIG_KEY": {"clears": "\"certs/signing_key.pem\"", "made": ["certs/signing_key.pem"]},
        "INITRAMFS_SOURCE": {"clears": "\"\"", "list": true},
        "EXTRA_FIRMWARE": {"clears": "\"\"", "list": true, "folder": "EXTRA_FIRMWARE_DIR"},
    })
}

#[test]
fn files_that_the_tree_lacks_are_named_with_what_clears_them() {
    let tree = tree();
    tree.file("certs/own.pem", "");
    tree.file("firmware/radeon/R100_cp.bin.ihex", "");
    tree.file("fw/there.bin", "");
    let mut spec = tree.spec("");
    spec["files"] = named_files();
    let got = "CONFIG_SYSTEM_TRUSTED_KEYS=\"debian/canonical-certs.pem\"\nCONFIG_MODULE_SIG_KEY=\"certs/signing_key.pem\"\n\
               CONFIG_INITRAMFS_SOURCE=\"../../rootfs/list /nonexistent/b $(LIST)\"\n\
               CONFIG_EXTRA_FIRMWARE=\"radeon/R100_cp.bin there.bin regulatory.db\"\nCONFIG_EXTRA_FIRMWARE_DIR=\"fw\"\n";
    let missing = |got: &str| -> Vec<String> {
        let report = tree.report_of(&spec, got);
        let files = report.missing_files.iter();
        files.map(ToString::to_string).collect()
    };
    assert_eq!(
        missing(got),
        [
            "EXTRA_FIRMWARE names regulatory.db, which the tree does not have: a kernel cannot be built; -K 'CONFIG_EXTRA_FIRMWARE=\"\"' does without",
            "SYSTEM_TRUSTED_KEYS names debian/canonical-certs.pem, which the tree does not have: a kernel cannot be built; -K 'CONFIG_SYSTEM_TRUSTED_KEYS=\"\"' does without",
        ]
    );
    let list = got.replace(" $(LIST)", "");
    let report = missing(&list);
    assert_eq!(report.len(), 4, "{report:?}");
    assert!(
        report[1].starts_with("INITRAMFS_SOURCE names ../../rootfs/list,"),
        "{report:?}"
    );
    let none = "CONFIG_SYSTEM_TRUSTED_KEYS=\"\"\nCONFIG_MODULE_SIG_KEY=\"\"\nCONFIG_SYSTEM_TRUSTED_KEYRING=y\n";
    assert!(missing(none).is_empty());
    assert!(missing("CONFIG_SYSTEM_TRUSTED_KEYS=\"certs/own.pem\"\n").is_empty());

    // a kernel of it is not begun
    let config = tree.file(".config", got);
    let output = tree.run(&["files", config.to_str().unwrap()], &spec);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), said.lines().count()),
        (Some(1), 2),
        "{said}"
    );
    assert!(
        said.starts_with("kflake: kernel: no-file: EXTRA_FIRMWARE names regulatory.db, which the tree of 6.1 does not have"),
        "{said}"
    );
}

#[test]
fn what_was_lost_is_told_before_what_is_new() {
    let tree = tree();
    let gone: String = (0..30)
        .map(|at| format!("CONFIG_VENDOR_{at}=y\n"))
        .collect();
    let base = tree.file(
        "base",
        // what nobody can set is told after what is set
        &format!(
            "CONFIG_HIDDEN=y\nCONFIG_CARD=m\nCONFIG_SIZE=8\nCONFIG_OLDNET=y\nCONFIG_IDE=y\n{gone}"
        ),
    );
    let mut spec = tree.spec("");
    spec["base"] = json!(base);
    spec["renames"] = json!({
        "OLDNET": {"to": ["NET"], "reason": "renamed in 4.0"}, "IDE": {"to": [], "reason": "dropped in 5.14"},
    });
    let report = tree.report_of(&spec, "CONFIG_NET=y\nCONFIG_MODULES=y\nCONFIG_SIZE=9\n");
    let drift = report.drift.unwrap();
    let reason = |symbol: &str| {
        let found = drift.gone.iter().find(|it| it.symbol == symbol).unwrap();
        (found.renamed_to.clone(), found.reason.clone())
    };
    assert_eq!(
        reason("OLDNET"),
        (Some("NET".into()), Some("renamed to NET".into()))
    );
    assert_eq!(
        reason("IDE"),
        (None, Some("removed: dropped in 5.14".into()))
    );
    assert_eq!(reason("VENDOR_3"), (None, None));
    let text = fs::read_to_string(tree.path().join("config-report.txt")).unwrap();
    let at = |words: &str| {
        text.find(words)
            .unwrap_or_else(|| panic!("{words:?} in\n{text}"))
    };
    let changed = at("changed: CARD: m -> n: depends on PCI (n)");
    assert!(changed < at("changed: SIZE: 8 -> 9"));
    assert!(at("changed: SIZE: 8 -> 9") < at("changed: HIDDEN: y -> n: has no prompt"));
    assert!(at("changed: HIDDEN") < at("gone: IDE=y: removed: dropped in 5.14"));
    assert!(at("gone: OLDNET=y: renamed to NET") < at("\ngone: VENDOR_0=y"));
    assert!(at("VENDOR_29=y") < at("\nnew: MODULES=y NET=y\n"));
    assert!(
        text.lines()
            .all(|line| line.len() <= 100 || line.starts_with("base ")),
        "{text}"
    );
}

#[test]
fn bad_input_is_named() {
    let tree = tree();
    let merged = tree.path().join("merged");
    let merged = merged.to_str().unwrap();
    let fails = |spec: &Value| {
        let output = tree.run(&["merge", merged, merged], spec);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let log = fails(&tree.spec("CONFIG_NET=y\n\u{1b}[31mred\n"));
    assert_eq!(
        log,
        "kflake: kernel: config: asked line 2: not a configuration line: ?[31mred\n"
    );
    let mut spec = tree.spec("");
    spec["fragments"] = json!([{"label": "x", "tree": "absent.config"}]);
    tree.file("arch/arm64/configs/virt.config", "");
    let log = fails(&spec);
    assert!(
        log.contains("has no fragment `absent.config`; it has: virt.config"),
        "{log}"
    );
    let mut spec = tree.spec("");
    spec["source"] = json!("/nonexistent");
    assert!(fails(&spec).contains("has no Kconfig files"));
}

#[test]
fn trees_before_2_6_38_start_at_the_arch() {
    let tree = Tree {
        dir: tempfile::tempdir().unwrap(),
    };
    tree.file(
        "arch/arm64/Kconfig",
        "mainmenu \"Linux\"\nsource net/Kconfig\n",
    );
    tree.file(
        "net/Kconfig",
        "menu \"Networking\"\nconfig NET\n\tbool \"Networking\"\n\t---help---\n\t  Text.\n\nconfig INET\n\tboolean \"TCP/IP\"\n\trequires NET\nendmenu\n",
    );
    assert_eq!(
        tree.line("CONFIG_INET=y", ""),
        "INET: requested y, got n: depends on NET (n)"
    );
}

#[test]
fn a_tree_that_sources_itself_ends() {
    let tree = Tree::new(
        "config A\n\tbool \"a\"\nsource \"Kconfig\"\nsource \"../../../etc/passwd\"\nif A\n",
    );
    assert_eq!(
        tree.line("CONFIG_A=y", ""),
        "A: requested y, got n: not known why"
    );
}

/// The table that kflake's own reader goes through as well: both read one grammar, and write one spelling.
#[test]
fn lines_are_read_as_the_table_has_them() {
    let tree = Tree::new("config FOO\n\tbool\nconfig 64BIT\n\tbool\nconfig HZ\n\tint\n");
    tree.file("arch/arm64/Kconfig", "");
    let table = include_str!("data/configuration-lines.json");
    let rows: Vec<(String, Value)> = serde_json::from_str(table).unwrap();
    for (line, reads) in rows {
        let (out, base) = (tree.path().join("out"), tree.path().join("base"));
        let mut spec = tree.spec(&format!("{line}\n"));
        spec["base"] = spec["fragments"][0]["file"].clone();
        let args = ["merge", out.to_str().unwrap(), base.to_str().unwrap()];
        let output = tree.run(&args, &spec);
        let wanted = match &reads {
            Value::String(text) => Some(format!("{text}\n")),
            Value::Null => Some(String::new()),
            _ => None,
        };
        let written = |file| {
            output
                .status
                .success()
                .then(|| fs::read_to_string(file).unwrap())
        };
        assert_eq!(written(&out), wanted, "{line:?}: {output:?}");
        assert_eq!(written(&base), wanted, "{line:?}: {output:?}");
    }
}
