//! What the engine costs, over a fleet of cells. Measured in processor time, which a busy machine does not change; no limit is
//! asserted here: `make bench-engine` prints what is true.

use std::process::{Command, Stdio};

use kflake::validate::{Outcome, RunRecord};

use crate::support::{Script, World, script};

/// Cells, unless `KFLAKE_FLEET` says otherwise.
const CELLS: usize = 300;

/// About half a second of a processor: what a stage of the fake kernel tree takes, and a hundredth of a real one.
const WORK: &str =
    "i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done; echo built; echo done > $out";

fn fleet(world: &mut World, cells: usize) {
    let work = || script(WORK);
    world.share("linux-6.1", WORK);
    world.share("linux-bad", "echo 'tar: Unexpected EOF in archive'; exit 1");
    for cell in 0..cells {
        let id = format!("k6-a{cell}");
        let source = Script {
            text: WORK,
            needs: "linux-6.1",
        };
        match cell % 10 {
            7 => world.cell(
                &id,
                [
                    work(),
                    script("echo 'a.c:1:1: error: no'; exit 1"),
                    work(),
                    work(),
                ],
            ),
            8 => world.cell(
                &id,
                [
                    work(),
                    Script {
                        text: WORK,
                        needs: "linux-bad",
                    },
                    work(),
                    work(),
                ],
            ),
            9 => world.cell(
                &id,
                [
                    work(),
                    source,
                    work(),
                    script("echo 'kflake: boot: silent: no output for 4 s'; exit 1"),
                ],
            ),
            _ => world.cell(&id, [work(), source, work(), work()]),
        }
    }
}

/// Processor seconds of this process, and of those it waited for.
fn processor() -> (f64, f64) {
    let text = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let fields: Vec<f64> = text
        .rsplit(')')
        .next()
        .expect("fields")
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    // after the name: state is the first, utime the twelfth; clock ticks are hundredths of a second
    (
        (fields[11] + fields[12]) / 100.0,
        (fields[13] + fields[14]) / 100.0,
    )
}

fn peak_memory() -> String {
    let text = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = text
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or_default();
    line.trim_start_matches("VmHWM:").trim().to_owned()
}

struct Cost {
    wall: f64,
    own: f64,
    children: f64,
}

fn cost<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (own, children) = processor();
    let started = std::time::Instant::now();
    let value = work();
    let wall = started.elapsed().as_secs_f64();
    let (own_after, children_after) = processor();
    let cost = Cost {
        wall,
        own: own_after - own,
        children: children_after - children,
    };
    (value, cost)
}

impl Cost {
    fn total(&self) -> f64 {
        self.own + self.children
    }
}

fn bare(world: &World, program: &str, arguments: &[&str]) {
    let file = world.path("fleet.nix");
    let text = format!(
        "map (t: builtins.attrValues t.drvs) ({}).targets",
        world.expression_with_drvs()
    );
    std::fs::write(&file, text).expect("write");
    let config = world.settings.nix_config(&world.nix, true);
    Command::new(program)
        .args(arguments)
        .arg(&file)
        .env("NIX_CONFIG", config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("Nix runs");
}

fn count(record: &RunRecord, outcome: Outcome) -> usize {
    let stages = record.cells.iter().flat_map(|cell| &cell.stages);
    stages.filter(|stage| stage.outcome == outcome).count()
}

#[test]
#[ignore = "a measurement: make bench-engine"]
fn costs() {
    let cells = std::env::var("KFLAKE_FLEET")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(CELLS);
    let mut world = World::new();
    fleet(&mut world, cells);
    let (record, run) = cost(|| world.run());
    let tenth = cells / 10;
    assert_eq!(count(&record, Outcome::Failed), 2 * tenth);
    assert_eq!(count(&record, Outcome::Blocked), 5 * tenth);
    assert_eq!(count(&record, Outcome::Passed), 4 * cells - 7 * tenth);

    let mut other = World::new();
    fleet(&mut other, cells);
    let ((), plain) = cost(|| {
        bare(
            &other,
            "nix-build",
            &["--no-out-link", "--keep-going", "-j2"],
        )
    });

    // what passed is there now; only that is asked for again, as `nix build` stops at the first failure
    let mut good = World::new();
    for cell in 0..cells {
        good.cell(
            &format!("k6-a{cell}"),
            [
                script("echo x > $out"),
                script("echo x > $out"),
                script("echo x > $out"),
                script("echo x > $out"),
            ],
        );
    }
    good.run();
    let (again, no_op) = cost(|| good.run());
    assert_eq!(count(&again, Outcome::Cached), 4 * cells);
    bare(&good, "nix", &["build", "--no-link", "-f"]);
    let ((), plain_no_op) = cost(|| bare(&good, "nix", &["build", "--no-link", "-f"]));

    println!("{cells} cells, {} derivations", 4 * cells + 2);
    let line = |what: &str, cost: &Cost| {
        println!(
            "{what:<34} {:>8.2} s wall {:>8.2} s processor ({:.2} s of it kflake's own)",
            cost.wall,
            cost.total(),
            cost.own
        );
    };
    line("kflake, all to build", &run);
    line("bare nix-build --keep-going -j2", &plain);
    println!(
        "    beyond Nix's own work: {:+.1} %",
        100.0 * (run.total() / plain.total() - 1.0)
    );
    println!(
        "    kflake's own share:    {:.1} %",
        100.0 * run.own / run.total()
    );
    line("kflake, nothing to build", &no_op);
    line("bare nix build, nothing to build", &plain_no_op);
    println!(
        "    ratio, wall: {:.2}, processor: {:.2}",
        no_op.wall / plain_no_op.wall,
        no_op.total() / plain_no_op.total()
    );
    println!("peak memory of this process: {}", peak_memory());
}
