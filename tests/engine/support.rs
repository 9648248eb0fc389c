//! A project in miniature: cells whose stages are shell scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kflake::blame::FailureTable;
use kflake::catalog::{Catalog, SourceKind};
use kflake::id::CellId;
use kflake::id::Suite;
use kflake::nix::{Apt, Mirrors, Nix, Settings, quote};
use kflake::project::package_set;
use kflake::validate::{
    BootLimits, CellRecord, Feasibility, Limits, Manifest, Options, Outcome, Plan, PlannedCell,
    Progress, RunError, RunRecord, Stage, StageRecord, ToolchainRecord, Tools, run,
};

/// Cells and shared derivations, as Nix text under way.
pub struct World {
    pub dir: tempfile::TempDir,
    pub nix: Nix,
    pub settings: Settings,
    pub plan: Plan,
    pub options: Options,
    pub stop: AtomicBool,
    pub events: Vec<Progress>,
    shared: String,
    targets: String,
    salt: String,
    busybox: String,
}

/// A builder's script, and what it needs.
pub struct Script<'a> {
    pub text: &'a str,
    pub needs: &'a str,
}

pub fn script(text: &str) -> Script<'_> {
    Script { text, needs: "" }
}

/// Ends well.
pub const FINE: Script<'static> = Script {
    text: "echo working; echo done > $out",
    needs: "",
};

/// What a boot test leaves behind.
const BOOTED: &str =
    r#"rm -f $out; mkdir $out; echo '{"outcome":"passed","warnings":[]}' > $out/boot.json"#;

/// Nix with a closed sandbox that has a shell, and the busybox that builders here are scripts of.
fn prepared(store: Option<&Path>) -> (Nix, String) {
    let nix = Nix::probe(store).expect("these tests need Nix: `make deps` installs it");
    let catalog = Catalog::embedded().expect("the matrix is sound");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bootstrap =
        package_set(&catalog, &Suite::default(), folder.path()).expect("the package set");
    let apt = Apt::read(Path::new("/etc/apt"));
    let settings = Settings {
        packages: "debian".parse().expect("a package set"),
        mirrors: Mirrors::default()
            .with_apt(&apt)
            .with_environment(std::env::vars_os()),
    };
    nix.prepare(&settings, &bootstrap)
        .expect("what builds begin with can be had");
    let busybox = nix.plant(&settings, &bootstrap).expect("busybox is there");
    (nix, busybox)
}

impl World {
    pub fn new() -> World {
        World::in_folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A world in a folder of its own; its derivations are those of no other.
    pub fn in_folder(dir: tempfile::TempDir) -> World {
        World::in_folder_and_store(dir, None)
    }

    /// The same with a store of its own, in the folder `store`.
    pub fn in_store(store: &Path) -> World {
        let dir = tempfile::tempdir().expect("a temporary folder");
        World::in_folder_and_store(dir, Some(store))
    }

    fn in_folder_and_store(dir: tempfile::TempDir, store: Option<&Path>) -> World {
        let settings = Settings {
            packages: "debian".parse().expect("a package set"),
            mirrors: Mirrors::default(),
        };
        let options = Options {
            report: dir.path().join("report"),
            history: Some(dir.path().join("history.json")),
            roots: Some(dir.path().join("roots")),
            sizes: BTreeMap::new(),
            jobs: 2,
            cores: 1,
            limits: Limits::default(),
            fail_fast: false,
            retries: 0,
            started: jiff::Timestamp::now(),
            resume: false,
            project: dir.path().to_owned(),
            command: vec!["kflake".to_owned(), "validate".to_owned()],
        };
        let (nix, busybox) = prepared(store);
        // nothing that another test or run built may count as built here
        let salt = dir.path().display().to_string();
        World {
            nix,
            busybox,
            settings,
            plan: Plan::default(),
            options,
            stop: AtomicBool::new(false),
            events: Vec::new(),
            shared: String::new(),
            targets: String::new(),
            salt,
            dir,
        }
    }

    /// Works in `folder`, which outlives it, so that another process can go on there.
    pub fn live_in(&mut self, folder: &Path) {
        folder.clone_into(&mut self.options.project);
        self.options.report = folder.join("report");
        self.options.history = Some(folder.join("history.json"));
        self.options.roots = Some(folder.join("roots"));
        self.salt = folder.display().to_string();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A derivation that cells can name in `needs`.
    pub fn share(&mut self, name: &str, text: &str) {
        let text = quote(text);
        let _ = writeln!(self.shared, "  \"{name}\" = build \"{name}\" {text} [ ];");
    }

    /// A fetch that cells can name in `needs`: `hash` is what it should have.
    pub fn fetch(&mut self, name: &str, text: &str, hash: &str) {
        let (text, hash) = (quote(text), quote(hash));
        let _ = writeln!(
            self.shared,
            "  \"{name}\" = fetch \"{name}\" {text} {hash};"
        );
    }

    /// A cell with four stages, each of which needs those before.
    pub fn cell(&mut self, id: &str, scripts: [Script<'_>; 4]) {
        let (era, arch) = id.split_once('-').expect("era-arch");
        let cell = CellId {
            era: era.parse().expect("era"),
            arch: arch.parse().expect("arch"),
        };
        let key = format!("{id}-6.1");
        let mut text = format!("  {{ id = \"{key}\"; stages = rec {{\n");
        let before = ["", "toolchain", "kernel", "kernel module"];
        for ((stage, script), before) in Stage::ALL.into_iter().zip(&scripts).zip(before) {
            let needs: String = before
                .split_whitespace()
                .map(|stage| format!(" {stage}"))
                .chain(
                    script
                        .needs
                        .split_whitespace()
                        .map(|name| format!(" shared.\"{name}\"")),
                )
                .collect();
            // a boot that ends well says so
            let code = match stage {
                Stage::Boot => quote(&format!("{{ {}; }} && {{ {BOOTED}; }}", script.text)),
                _ => quote(script.text),
            };
            let _ = writeln!(
                text,
                "    {stage} = build \"{stage}-{id}\" {code} [{needs} ];"
            );
        }
        text.push_str("  }; }\n");
        self.targets.push_str(&text);
        self.plan.cells.push(PlannedCell {
            source: None,
            cell,
            kernel: Some("6.1".parse().expect("version")),
            profile: "tiny".to_owned(),
            board: None,
            toolchain: Some(toolchain(arch)),
            systems: Vec::new(),
            reasons: vec!["the era's preferred source".to_owned()],
            basis: None,
            stages: Stage::ALL.into(),
            boot: BootLimits::default(),
            verdict: Feasibility::Try,
        });
    }

    /// A cell that is only listed.
    pub fn listed(&mut self, id: &str, verdict: Feasibility) {
        let (era, arch) = id.split_once('-').expect("era-arch");
        self.plan.cells.push(PlannedCell {
            source: None,
            cell: CellId {
                era: era.parse().expect("era"),
                arch: arch.parse().expect("arch"),
            },
            kernel: Some("6.1".parse().expect("version")),
            profile: "tiny".to_owned(),
            board: None,
            toolchain: None,
            systems: Vec::new(),
            reasons: Vec::new(),
            basis: None,
            stages: Stage::ALL.into(),
            boot: BootLimits::default(),
            verdict,
        });
    }

    pub fn expression(&self) -> String {
        self.expression_of("stages", "describe")
    }

    /// The same with the derivations themselves, as `drvs`.
    pub fn expression_with_drvs(&self) -> String {
        self.expression_of("drvs", "(drv: drv)")
    }

    fn expression_of(&self, attribute: &str, of: &str) -> String {
        format!(
            r#"let
  busybox = builtins.storePath {busybox};
  common = text: {{
    system = builtins.currentSystem;
    builder = "${{busybox}}/bin/sh";
    args = [ "-c" ("export PATH=${{busybox}}/bin\n" + text) ];
    salt = {salt};
  }};
  build = name: text: needs: derivation (common text // {{ inherit name needs; }});
  fetch = name: text: hash: derivation (common text // {{
    inherit name;
    outputHash = hash;
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
  }});
  shared = {{
{shared}  }};
  describe = drv:
    if drv ? error then drv
    else {{ inherit (drv) drvPath name system; outputs.out = drv.outPath; }};
in {{
  system = builtins.currentSystem;
  targets = map (t: t // {{ {attribute} = builtins.mapAttrs (_: {of}) t.stages; }}) [
{targets}  ];
}}"#,
            busybox = quote(&self.busybox),
            salt = quote(&self.salt),
            shared = self.shared,
            targets = self.targets,
        )
    }

    pub fn manifest(&self) -> Manifest {
        // a fleet's expression is longer than an argument may be
        let file = self.path("manifest.nix");
        std::fs::write(&file, self.expression()).expect("write");
        let import = format!("import {}", file.display());
        self.nix.eval(&self.settings, &import).expect("evaluates")
    }

    pub fn try_run(&mut self) -> Result<RunRecord, RunError> {
        self.run_and(|_, _| {})
    }

    /// Runs; `hear` gets every event, and may ask for the end.
    pub fn run_and(
        &mut self,
        mut hear: impl FnMut(&Progress, &AtomicBool),
    ) -> Result<RunRecord, RunError> {
        let manifest = self.manifest();
        let table = FailureTable::new(&Catalog::embedded().expect("sound"));
        self.events.clear();
        self.stop.store(false, Ordering::Relaxed);
        let tools = Tools {
            nix: &self.nix,
            settings: &self.settings,
            table: &table,
            stop: &self.stop,
        };
        let (events, stop) = (&mut self.events, &self.stop);
        let tell = &mut |event: &Progress| {
            hear(event, stop);
            events.push(event.clone());
        };
        run(tools, &self.plan, &manifest, &self.options, tell)
    }

    pub fn run(&mut self) -> RunRecord {
        let record = self.try_run().expect("the run itself succeeds");
        assert_eq!(
            read_report(&self.options.report),
            record,
            "report.json is what was returned"
        );
        record
    }
}

pub fn read_report(folder: &Path) -> RunRecord {
    let text = std::fs::read_to_string(folder.join("report.json")).expect("report.json");
    serde_json::from_str(&text).expect("report.json is whole")
}

pub fn toolchain(arch: &str) -> ToolchainRecord {
    ToolchainRecord {
        id: format!("test-12.2.0-{arch}"),
        source: SourceKind::Debian,
        compiler: kflake::catalog::Compiler::Gcc("12.2.0".parse().expect("gcc")),
        binutils: None,
        libc: None,
        oldest_kernel: None,
        target: format!("{arch}-linux-gnu"),
        overridden: false,
    }
}

/// The cell of `id`.
pub fn cell<'a>(record: &'a RunRecord, id: &str) -> &'a CellRecord {
    record.cells.iter().find(|cell| cell.id == id).expect(id)
}

pub fn stage<'a>(record: &'a RunRecord, id: &str, stage: Stage) -> &'a StageRecord {
    cell(record, id)
        .stage(stage)
        .expect("every stage is recorded")
}

/// The outcomes of a cell, in order of stages.
pub fn outcomes(record: &RunRecord, id: &str) -> Vec<Outcome> {
    cell(record, id)
        .stages
        .iter()
        .map(|stage| stage.outcome)
        .collect()
}

/// A report without what differs between two runs of the same plan: times, and hashes of store paths.
pub fn essence(record: &RunRecord) -> Vec<String> {
    let store = regex::Regex::new("/nix/store/[a-z0-9]{32}-").expect("regex");
    let mut lines = Vec::new();
    for cell in &record.cells {
        for stage in &cell.stages {
            let failure = stage
                .failure
                .as_ref()
                .map(|failure| (&failure.class, &failure.first_error, &failure.log_tail));
            let line = format!(
                "{} {} {} {:?} {failure:?} {}",
                cell.id,
                stage.stage,
                stage.outcome,
                stage.reason,
                stage.out.is_some(),
            );
            lines.push(store.replace_all(&line, "/nix/store/").into_owned());
        }
    }
    lines
}

pub fn stages(names: &[Stage]) -> BTreeSet<Stage> {
    names.iter().copied().collect()
}

pub fn limit(stage: Stage, millis: u64) -> std::collections::BTreeMap<Stage, Duration> {
    [(stage, Duration::from_millis(millis))].into()
}
