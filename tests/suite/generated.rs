//! Compares the engines on generated programs (`generate`).
//!
//! `RUFF_GENERATED=N` sets how many programs a run makes, `RUFF_SEED=S` where it starts. A
//! divergence is reported with its seed and a program with needless lines removed.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use ruff::engine::{self, Engine, JitMode, JitOptions, JitThreads, Options, Stress};
use ruff::syntax::source::Source;
use ruff_runtime::host::Interrupt;

use crate::generate;

/// Programs per trial; small, so that trials spread over cores.
const BATCH: u64 = 25;
const DEFAULT_PROGRAMS: u64 = 150;
/// Programs whose guards are forced one by one.
const FORCED_PROGRAMS: u64 = 50;

/// A program that runs longer is taken to run for ever.
const LONGEST_RUN: Duration = Duration::from_secs(10);
const INTERRUPTED: u8 = 130;

/// This many guards of a program are forced one by one before steps become longer.
const FORCED_SPACING: u64 = 40;

/// What must be equal on all engines.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    exit_code: u8,
    stdout: String,
    stderr: String,
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
    let forced = number("RUFF_FORCED", 6).min(FORCED_PROGRAMS);
    for seed in first..first + forced {
        let name = format!("generated/forced_exits::{seed}");
        trials.push(Trial::test(name, move || force_every_guard(seed)));
    }
    trials
}

#[expect(clippy::disallowed_methods, reason = "the size of a test run is set from outside")]
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Runs a program; one that takes too long is interrupted.
fn run(text: &str, options: &Options) -> Outcome {
    let interrupt = Arc::<Interrupt>::default();
    let options = Options { interrupt: interrupt.clone(), ..options.clone() };
    let (done, wait) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if wait.recv_timeout(LONGEST_RUN) == Err(mpsc::RecvTimeoutError::Timeout) {
            interrupt.request_stop();
        }
    });
    let finished = engine::run_captured(Source::new("main.ruff", text), PathBuf::new(), &options);
    drop(done);
    watch.join().expect("the watch does not panic");
    Outcome {
        exit_code: finished.exit_code,
        stdout: String::from_utf8_lossy(&finished.stdout).into_owned(),
        stderr: finished.stderr,
    }
}

fn jit(mode: JitMode, stress: Option<Stress>) -> Options {
    Options {
        jit: JitOptions { mode, stress, ..JitOptions::default() },
        ..Options::new(Engine::Jit)
    }
}

/// The settings that are compared with the tree evaluator.
fn settings() -> [(&'static str, Options); 5] {
    let mut beside = jit(JitMode::On, Some(Stress::Threshold(30)));
    beside.jit.threads = JitThreads::Background;
    [
        ("jit beside", beside),
        ("vm", Options::new(Engine::Vm)),
        ("jit", jit(JitMode::On, Some(Stress::Threshold(60)))),
        ("jit=always", jit(JitMode::Always, None)),
        ("stress", jit(JitMode::Always, Some(Stress::Every(3)))),
    ]
}

/// The first setting that differs from the tree evaluator, with both outcomes.
fn divergence(text: &str) -> Option<(&'static str, Outcome, Outcome)> {
    let expected = run(text, &Options::new(Engine::Tree));
    if expected.exit_code == INTERRUPTED {
        return None;
    }
    settings().into_iter().find_map(|(name, options)| {
        let got = run(text, &options);
        (got != expected).then(|| (name, got, run(text, &Options::new(Engine::Tree))))
    })
}

fn compare_batch(seeds: Range<u64>) -> Result<(), Failed> {
    for seed in seeds {
        let text = generate::program(seed);
        if divergence(&text).is_some() {
            return Err(explain(seed, &text));
        }
    }
    Ok(())
}

fn explain(seed: u64, text: &str) -> Failed {
    let small = minimise(text);
    let Some((setting, got, expected)) = divergence(&small) else {
        return format!("seed {seed} diverges, but not every time\n{text}").into();
    };
    format!(
        "seed {seed}: {setting} differs from tree\n--- program\n{small}\n--- tree\n{expected:#?}\n--- {setting}\n{got:#?}"
    )
    .into()
}

/// Removes lines, in ever smaller chunks, as long as the engines still differ.
fn minimise(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut chunk = lines.len() / 2;
    while chunk > 0 {
        let mut at = 0;
        while at < lines.len() {
            let mut fewer = lines.clone();
            fewer.drain(at..(at + chunk).min(lines.len()));
            let candidate = fewer.join("\n");
            if divergence(&candidate).is_some() {
                lines = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    lines.join("\n")
}

/// Runs one program again and again, forcing one guard to fail: each of the first ones, then
/// ever fewer of those executed later, since a loop executes the same guards many times.
fn force_every_guard(seed: u64) -> Result<(), Failed> {
    let text = generate::program(seed);
    let expected = run(&text, &Options::new(Engine::Tree));
    let mut guard = 1;
    loop {
        let options = jit(JitMode::Always, Some(Stress::ExitAt(guard)));
        let source = Source::new("main.ruff", &text);
        let finished = engine::run_captured(source, PathBuf::new(), &options);
        let reached_end = finished.forced_exits == 0;
        let got = Outcome {
            exit_code: finished.exit_code,
            stdout: String::from_utf8_lossy(&finished.stdout).into_owned(),
            stderr: finished.stderr,
        };
        if got != expected {
            return Err(format!(
                "seed {seed}, guard {guard} forced\n--- program\n{text}\n--- tree\n{expected:#?}\n--- jit\n{got:#?}"
            )
            .into());
        }
        if reached_end {
            return Ok(());
        }
        guard += 1 + guard / FORCED_SPACING;
    }
}
