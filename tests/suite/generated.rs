//! Compares the engines on generated programs (`generate`).
//!
//! `RUFF_GENERATED=N` sets how many programs a run makes, `RUFF_FORCED=N` how many run once for
//! each guard of their compiled code, `RUFF_SEED=S` where both start, `RUFF_SETTINGS=A,B` on which
//! settings alone. A divergence is reported with its seed and a program with needless lines
//! removed.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use ruff::engine::{self, Engine, Finished, JitMode, JitOptions, JitThreads, Options, Stress};
use ruff::loader::Loader;
use ruff::syntax::source::Source;
use ruff_runtime::host::Interrupt;

use crate::generate;
use crate::settings::Setting;

/// Programs per trial; small, so that trials spread over cores.
const BATCH: u64 = 25;
const DEFAULT_PROGRAMS: u64 = 150;
/// Programs whose guards are forced one by one.
const DEFAULT_FORCED: u64 = 6;

/// A program that runs longer is taken to run for ever.
const LONGEST_RUN: Duration = Duration::from_secs(10);
const INTERRUPTED: u8 = 130;

/// Programs that differed once; they run on all rows of the stress matrix.
const ONCE_DIFFERED: [u64; 5] = [10_071_467, 10_100_740, 40_000_634, 70_144_030, 72_098_836];

/// What must be equal on all engines.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    exit_code: u8,
    stdout: String,
    stderr: String,
    /// Objects left at the end.
    n_leaked: usize,
}

impl Outcome {
    fn of(finished: Finished) -> Outcome {
        Outcome {
            exit_code: finished.exit_code,
            stdout: String::from_utf8_lossy(&finished.stdout).into_owned(),
            stderr: finished.stderr,
            n_leaked: finished.n_leaked,
        }
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    let n = number("RUFF_GENERATED", DEFAULT_PROGRAMS);
    let first = number("RUFF_SEED", 0);
    let mut trials = Vec::new();
    for start in (first..first + n).step_by(BATCH as usize) {
        let seeds = start..(start + BATCH).min(first + n);
        let name = format!("generated/agree::{}..{}", seeds.start, seeds.end);
        trials.push(Trial::test(name, move || compare_batch(seeds)));
    }
    for seed in ONCE_DIFFERED {
        let name = format!("generated/once_differed::{seed}");
        trials.push(Trial::test(name, move || compare_batch(seed..seed + 1)));
    }
    let forced = number("RUFF_FORCED", DEFAULT_FORCED);
    for seed in first..first + forced {
        let name = format!("generated/forced_exits::{seed}");
        trials.push(Trial::test(name, move || force_every_guard(seed)));
    }
    trials
}

#[expect(clippy::disallowed_methods, reason = "the size of a test run is set from outside")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    variable(name).and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Guards that were forced one by one so far.
static FORCED: AtomicU64 = AtomicU64::new(0);
/// Exits that were taken because a guard was made to fail.
static EXITS: AtomicU64 = AtomicU64::new(0);

/// Tells how many guards a run with `RUFF_FORCED` has forced, and how often code was left.
#[expect(clippy::print_stdout, reason = "the result of a campaign")]
pub(crate) fn report() {
    if variable("RUFF_FORCED").is_some() {
        let (forced, exits) = (FORCED.load(Ordering::Relaxed), EXITS.load(Ordering::Relaxed));
        println!("guards forced to fail: {forced}, exits forced: {exits}");
    }
}

/// Runs a program.
fn run(text: &str, options: &Options) -> Outcome {
    Outcome::of(run_watched(text, options))
}

/// Runs a program; one that takes too long is interrupted.
fn run_watched(text: &str, options: &Options) -> Finished {
    let interrupt = Arc::<Interrupt>::default();
    let options = Options { interrupt: interrupt.clone(), ..options.clone() };
    let (done, wait) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if wait.recv_timeout(LONGEST_RUN) == Err(mpsc::RecvTimeoutError::Timeout) {
            interrupt.request_stop();
        }
    });
    let finished = engine::run_captured(Source::new("main.ruff", text), PathBuf::new(), &options);
    EXITS.fetch_add(finished.forced_exits, Ordering::Relaxed);
    drop(done);
    watch.join().expect("the watch does not panic");
    finished
}

fn jit(mode: JitMode, stress: Stress) -> Options {
    Options {
        jit: JitOptions { mode, stress, ..JitOptions::default() },
        ..Options::new(Engine::Jit)
    }
}

/// The settings that are compared with the tree evaluator.
fn settings(seed: u64) -> Vec<(&'static str, Options)> {
    let threshold = |n| Stress { threshold: Some(n), ..Stress::NONE };
    let mut beside = jit(JitMode::On, threshold(30));
    beside.jit.threads = JitThreads::Background;
    let chosen = variable("RUFF_SETTINGS");
    let rows = match chosen {
        Some(_) => Setting::matrix(),
        None if ONCE_DIFFERED.contains(&seed) => Setting::matrix(),
        None => Setting::some_stressed(seed).to_vec(),
    };
    let usual = [
        ("beside", beside),
        ("vm", Options::new(Engine::Vm)),
        ("jit", jit(JitMode::On, threshold(60))),
        ("jit=always", jit(JitMode::Always, Stress::NONE)),
        ("stress", jit(JitMode::Always, Stress { every: Some(3), ..Stress::NONE })),
    ];
    let all = usual.into_iter().chain(rows.into_iter().map(|row| (row.name(), row.options())));
    let is_chosen = |name| chosen.as_ref().is_none_or(|names| names.split(',').any(|n| n == name));
    all.filter(|(name, _)| is_chosen(*name)).collect()
}

/// The first setting that differs from the tree evaluator, with both outcomes.
pub(crate) fn divergence(seed: u64, text: &str) -> Option<(&'static str, Outcome, Outcome)> {
    let start = Instant::now();
    let expected = run(text, &Options::new(Engine::Tree));
    if expected.exit_code == INTERRUPTED {
        return None;
    }
    let is_long = start.elapsed() > LONGEST_RUN / 8;
    settings(seed).into_iter().find_map(|(name, options)| {
        let got = run(text, &options);
        if is_long && got.exit_code == INTERRUPTED {
            // On a busy machine a long program may need longer on one engine than on another.
            return None;
        }
        (got != expected).then(|| (name, got, run(text, &Options::new(Engine::Tree))))
    })
}

fn compare_batch(seeds: Range<u64>) -> Result<(), Failed> {
    for seed in seeds {
        let text = generate::program(seed);
        if let Err(found) =
            Loader::new(PathBuf::new()).check(Arc::new(Source::new("main.ruff", text.as_str())))
        {
            // All engines would agree on that.
            return Err(format!("seed {seed} does not compile: {found:#?}\n{text}").into());
        }
        if divergence(seed, &text).is_some() {
            return Err(explain(seed, &text));
        }
    }
    Ok(())
}

fn explain(seed: u64, text: &str) -> Failed {
    let small = minimise(seed, text);
    let Some((setting, got, expected)) = divergence(seed, &small) else {
        return format!("seed {seed} diverges, but not every time\n{text}").into();
    };
    format!(
        "seed {seed}: {setting} differs from tree\n--- program\n{small}\n--- tree\n{expected:#?}\n--- {setting}\n{got:#?}"
    )
    .into()
}

/// Removes lines, in ever smaller chunks, as long as the engines still differ.
fn minimise(seed: u64, text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut chunk = lines.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < lines.len() {
            let mut fewer = lines.clone();
            fewer.drain(at..(at + chunk).min(lines.len()));
            let candidate = fewer.join("\n");
            if divergence(seed, &candidate).is_some() {
                lines = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    lines.join("\n")
}

/// Runs one program once for each guard of its compiled code, with that guard forced to fail.
fn force_every_guard(seed: u64) -> Result<(), Failed> {
    let text = generate::program(seed);
    let expected = run(&text, &Options::new(Engine::Tree));
    // The number of a guard that does not exist: nothing is forced, guards are counted.
    let (_, n_guards) = force(&text, u64::MAX);
    for guard in 1..=n_guards {
        FORCED.fetch_add(1, Ordering::Relaxed);
        let (got, _) = force(&text, guard);
        if got != expected {
            return Err(format!(
                "seed {seed}, guard {guard} forced\n--- program\n{text}\n--- tree\n{expected:#?}\n--- jit\n{got:#?}"
            )
            .into());
        }
    }
    Ok(())
}

/// Runs a program with one guard forced to fail, and counts the guards.
fn force(text: &str, guard: u64) -> (Outcome, u64) {
    let finished =
        run_watched(text, &jit(JitMode::Always, Stress { exit_at: Some(guard), ..Stress::NONE }));
    let n_guards = finished.guards;
    (Outcome::of(finished), n_guards)
}
