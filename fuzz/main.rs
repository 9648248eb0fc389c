//! A fuzzer that needs no more than a stable compiler: `make fuzz`, or `cargo run --release --example fuzz -- --help`.
//!
//! Inputs are mutated from seeds and from earlier inputs. There is no coverage instrumentation; instead, what an input made the
//! program say (which findings, where, of which kind) is its signature, and inputs with a new signature are kept and mutated
//! further. A panic, a broken property or an input that takes longer than its size explains is a finding: the input is written to
//! `fuzz/findings/`, and the run ends with exit code 1. The same `--seed` makes the same inputs in the same order.

mod blame;
mod catalog;
mod escape;
mod events;
mod evidence;
mod image;
mod journal;
mod kconfig;
mod module_report;
mod mutate;
mod package;
mod report;
mod shown;
mod version;

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mutate::Mutator;

/// No input of a few kilobytes may take longer, whatever it is for.
const SLOW: Duration = Duration::from_secs(10);
/// An input that takes as long as this does not end.
const STUCK: Duration = Duration::from_secs(300);
/// The most inputs kept per target.
const KEPT: usize = 4000;

/// What is fuzzed: the signature of what an input made happen.
pub trait Target {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// What to begin with.
    fn seeds(&self) -> Vec<Vec<u8>>;
    /// Words of its language, to be put in.
    fn words(&self) -> &[&'static str];
    /// The most processor time that an input of so many bytes may take.
    fn patience(&self, _bytes: usize) -> Duration {
        SLOW
    }
    /// Runs one input: its signature.
    ///
    /// # Errors
    /// The property that it broke.
    fn run(&self, input: &[u8]) -> Result<u64, String>;
}

/// A time that grows as the input does: generous for a pass over it, and short for what compares each part of a long input with
/// each other.
pub fn linear(bytes: usize) -> Duration {
    Duration::from_millis(50) + Duration::from_micros(bytes as u64)
}

/// The texts in quotes in `text`, for being put in elsewhere.
pub fn strings(text: &str) -> impl Iterator<Item = &'static str> {
    text.split('"')
        .skip(1)
        .step_by(2)
        .filter(|word| word.len() < 40)
        .map(|word| &*word.to_owned().leak())
}

/// Processor time of this thread: what others do on the machine is no finding.
fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}

struct Options {
    seconds: u64,
    seed: u64,
    only: Vec<String>,
    replay: Vec<PathBuf>,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        seconds: 60,
        seed: fastrand::u64(..),
        only: vec![],
        replay: vec![],
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seconds" => {
                options.seconds = value()?
                    .parse()
                    .map_err(|error| format!("--seconds: {error}"))?
            }
            "--seed" => {
                options.seed = value()?
                    .parse()
                    .map_err(|error| format!("--seed: {error}"))?
            }
            "--target" => options.only.push(value()?),
            "--replay" => options.replay.push(value()?.into()),
            _ => {
                return Err(
                    "usage: fuzz [--seconds N] [--seed N] [--target NAME]… [--replay FILE]…".into(),
                );
            }
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let targets: Vec<Box<dyn Target>> = vec![
        Box::new(catalog::Load::new()),
        Box::new(version::Versions),
        Box::new(escape::Strings),
        Box::new(report::Reports::new()),
        Box::new(evidence::Measurements::new()),
        Box::new(journal::Journals::new()),
        Box::new(events::Events),
        Box::new(kconfig::Configurations),
        Box::new(module_report::Modules),
        Box::new(image::Images),
        Box::new(package::Packages),
        Box::new(blame::Logs::new()),
    ];
    let wanted = |target: &dyn Target| {
        options.only.is_empty() || options.only.iter().any(|name| name == target.name())
    };
    let mut runs: Vec<Run> = targets
        .iter()
        .filter(|target| wanted(target.as_ref()))
        .map(|target| Run::new(target.as_ref()))
        .collect();
    if runs.is_empty() {
        let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
        eprintln!("no such target; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    let watch = watch();
    for run in &mut runs {
        run.watch = Some(Arc::clone(&watch));
    }
    let seeds: Vec<_> = runs.iter().map(|run| run.target.seeds()).collect();
    // from here on a panic is reported with its input, not with a trace per input
    std::panic::set_hook(Box::new(|_| {}));
    if !options.replay.is_empty() {
        return replay(&mut runs, &options.replay);
    }
    println!(
        "seed {}: {} targets, {} seconds",
        options.seed,
        runs.len(),
        options.seconds
    );
    let mut mutator = Mutator::new(options.seed);
    let start = Instant::now();
    let mut told = Instant::now();
    for (run, seeds) in runs.iter_mut().zip(seeds) {
        for seed in seeds {
            if let Err(broken) = run.try_input(seed) {
                return report_finding(run.target.name(), &broken);
            }
        }
    }
    while start.elapsed() < Duration::from_secs(options.seconds) {
        for run in &mut runs {
            // each gets its share of the time, and the same inputs in it on any machine
            for _ in 0..run.batch {
                let input = run.next(&mut mutator);
                if let Err(broken) = run.try_input(input) {
                    return report_finding(run.target.name(), &broken);
                }
            }
        }
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            tell(start, &runs);
        }
    }
    tell(start, &runs);
    let count: u64 = runs.iter().map(|run| run.count).sum();
    println!("no finding in {count} inputs");
    ExitCode::SUCCESS
}

/// What is being tried, and since when.
type Watched = Arc<Mutex<Option<(Instant, &'static str, Vec<u8>)>>>;

/// Reports an input that does not end, which ends the run.
#[expect(
    clippy::exit,
    reason = "the thread that tries the input does not come back"
)]
fn watch() -> Watched {
    let watched = Watched::default();
    let seen = Arc::clone(&watched);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(5));
            let now = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, target, input)) = &*now
                && since.elapsed() > STUCK
            {
                let broken = Broken {
                    why: format!("it does not end within {STUCK:?}"),
                    input: input.clone(),
                };
                report_finding(target, &broken);
                std::process::exit(1);
            }
        }
    });
    watched
}

fn tell(start: Instant, runs: &[Run<'_>]) {
    let each = runs.iter().map(|run| {
        format!(
            "{} {} inputs, {} signatures",
            run.target.name(),
            run.count,
            run.seen.len()
        )
    });
    println!(
        "{:>5} s: {}",
        start.elapsed().as_secs(),
        each.collect::<Vec<_>>().join("; ")
    );
}

fn replay(runs: &mut [Run<'_>], files: &[PathBuf]) -> ExitCode {
    for file in files {
        let input = match std::fs::read(file) {
            Ok(input) => input,
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::from(2);
            }
        };
        for run in runs.iter_mut() {
            match run.try_input(input.clone()) {
                Ok(()) => println!("{}: {} is fine with it", file.display(), run.target.name()),
                Err(broken) => return report_finding(run.target.name(), &broken),
            }
        }
    }
    ExitCode::SUCCESS
}

fn report_finding(target: &str, broken: &Broken) -> ExitCode {
    let mut hasher = DefaultHasher::new();
    broken.input.hash(&mut hasher);
    let folder = PathBuf::from("fuzz/findings");
    let path = folder.join(format!("{target}-{:016x}", hasher.finish()));
    let written =
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &broken.input));
    println!("FINDING in {target}: {}", broken.why);
    match written {
        Ok(()) => println!("input: {}", path.display()),
        Err(error) => println!(
            "input could not be written ({error}): {:?}",
            broken.input.escape_ascii().to_string()
        ),
    }
    ExitCode::FAILURE
}

struct Broken {
    why: String,
    input: Vec<u8>,
}

/// One target, and what became of it so far.
struct Run<'t> {
    target: &'t dyn Target,
    kept: Vec<Vec<u8>>,
    seen: HashSet<u64>,
    count: u64,
    batch: u32,
    watch: Option<Watched>,
}

impl<'t> Run<'t> {
    fn new(target: &'t dyn Target) -> Self {
        let batch = match target.name() {
            "catalog" => 40,
            "report" | "evidence" | "journal" | "package" | "blame" => 100,
            _ => 300,
        };
        Run {
            target,
            kept: vec![],
            seen: HashSet::new(),
            count: 0,
            batch,
            watch: None,
        }
    }

    fn next(&self, mutator: &mut Mutator) -> Vec<u8> {
        let pick = |mutator: &mut Mutator| match self.kept.is_empty() {
            true => vec![],
            false => self.kept[mutator.below(self.kept.len())].clone(),
        };
        let (base, other) = (pick(mutator), pick(mutator));
        mutator.mutate(base, &other, self.target.words())
    }

    /// Tells the watch what is tried now.
    fn note(&self, input: Option<&Vec<u8>>) {
        if let Some(watch) = &self.watch {
            let now = input.map(|it| (Instant::now(), self.target.name(), it.clone()));
            *watch.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }

    fn try_input(&mut self, input: Vec<u8>) -> Result<(), Broken> {
        self.count += 1;
        self.note(Some(&input));
        let start = spent();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.target.run(&input)));
        let took = spent().saturating_sub(start);
        self.note(None);
        let why = match outcome {
            Ok(Ok(_)) if took > self.target.patience(input.len()) => {
                format!("took {took:?} for {} bytes", input.len())
            }
            Ok(Ok(signature)) => {
                if self.seen.insert(signature) && self.kept.len() < KEPT {
                    self.kept.push(input);
                }
                return Ok(());
            }
            Ok(Err(property)) => property,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                format!("panic: {}", text.unwrap_or("without a message"))
            }
        };
        Err(Broken { why, input })
    }
}

/// A hash of what happened.
pub fn signature(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}
