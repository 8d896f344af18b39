//! Calls every native with every kind of unsuitable argument: nothing may panic or hang, and all
//! engines must report the same.
//!
//! Programs are generated from the registry, one for each native. By default each is run on the
//! interpreter, and a part of them on all engines; `RUFF_SWEEP=full` runs all on all.

use std::fmt::Write;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;
use ruff_runtime::natives::{self, Native};

use crate::files::Scratch;
use crate::settings::Setting;

/// Natives that end the program, wait, read standard input, or take long on purpose.
const LEFT_OUT: [&str; 9] = [
    "exit",
    "hash_password",
    "input",
    "read_line",
    "read_stdin",
    "rsa_generate_keypair",
    "sleep",
    "async_sleep",
    "async_timeout",
];

/// Effects that reach out of the scratch folder of a test.
const LEFT_OUT_EFFECTS: [&str; 3] = ["process", "net-client", "net-server"];

/// One value of each class, as the text of an expression.
const VALUES: [&str; 26] = [
    "null",
    "true",
    "0",
    "-1",
    "7",
    "INT_MAX",
    "INT_MIN",
    "2.5",
    "-0.0",
    "NAN",
    "INF",
    "1e308",
    "\"\"",
    "DIR + \"/ab\"",
    "DIR + \"/é→😀\"",
    "DIR + \"/a\\0b\"",
    "[]",
    "[3, 1, 2]",
    "[1, \"x\", null, [2]]",
    "{}",
    "{\"k\": 1, 2: \"v\"}",
    "bytes([0, 255])",
    "Set([1])",
    "Some(1)",
    "func(a) { return a }",
    "len",
];

/// How long one native may take for all of its calls.
const LIMIT: Duration = Duration::from_secs(20);

/// Of so many natives, one runs on all engines by default.
const SAMPLE: usize = 6;

pub(crate) fn trials() -> Vec<Trial> {
    let is_full = std::env::var_os("RUFF_SWEEP").is_some_and(|value| value == "full");
    let swept = natives::all().iter().filter(|native| {
        let capability = native.capability.unwrap_or("");
        !LEFT_OUT.contains(&native.name)
            && !LEFT_OUT_EFFECTS.iter().any(|class| capability.contains(class))
    });
    let with_settings = swept.enumerate().map(|(i, native)| {
        // What is drawn at random differs from run to run.
        let is_random = native.capability == Some("random");
        let on_all = (is_full || i % SAMPLE == 0) && !is_random;
        (native, if on_all { &Setting::ALL[..3] } else { &Setting::ALL[1..2] })
    });
    with_settings
        .map(|(native, settings)| {
            Trial::test(format!("sweep/{}", native.name), move || sweep(native, settings))
        })
        .collect()
}

/// The calls of one native: no argument, each value alone and repeated, and neighbours mixed.
fn calls(native: &Native) -> Vec<String> {
    let most = native.n_max.min(native.params.len() + 1);
    let mut calls = vec![String::new()];
    for n in 1..=most + 2 {
        for at in 0..VALUES.len() {
            calls.push(vec![VALUES[at]; n].join(", "));
            if n > 1 {
                let mixed = (0..n).map(|i| VALUES[(at + i * (n + 6)) % VALUES.len()]);
                calls.push(mixed.collect::<Vec<_>>().join(", "));
            }
        }
    }
    calls
}

fn program(native: &Native, dir: &str) -> String {
    let mut text = format!("DIR := \"{dir}\"\nfunc outcome(f) {{\n");
    text.push_str("    try { return type(f()) } except e { return e.kind }\n}\n");
    for args in calls(native) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "print(outcome(func() {{ return {}({args}) }}))", native.name);
    }
    text
}

fn sweep(native: &Native, settings: &[Setting]) -> Result<(), Failed> {
    let mut first: Option<String> = None;
    for setting in settings {
        // Each run starts with an empty folder, so that effects are the same.
        let scratch = Scratch::new();
        let dir = scratch.path().display().to_string();
        let source = Source::new("main.ruff", &program(native, &dir));
        let start = Instant::now();
        let finished = engine::run_captured(source, scratch.path().to_owned(), &setting.options());
        let took = start.elapsed();
        if finished.exit_code != 0 {
            let shown = String::from_utf8_lossy(&finished.stdout);
            let n = shown.lines().count();
            let call = calls(native).get(n).cloned().unwrap_or_default();
            let name = setting.name();
            let what = &finished.stderr;
            return Err(format!("{name}: ended by {}({call}): {what}", native.name).into());
        }
        if took > LIMIT {
            return Err(format!("{}: took {took:?}", setting.name()).into());
        }
        let shown = String::from_utf8_lossy(&finished.stdout).replace(&dir, "DIR");
        match &first {
            None => first = Some(shown),
            Some(known) if *known == shown => {}
            Some(known) => return Err(difference(native, known, &shown).into()),
        }
    }
    Ok(())
}

fn difference(native: &Native, known: &str, other: &str) -> String {
    let calls = calls(native);
    let differs = known.lines().zip(other.lines()).zip(&calls).find(|((a, b), _)| a != b);
    match differs {
        Some(((a, b), args)) => format!("{}({args}): {a} and {b}", native.name),
        None => format!("{}: different numbers of outcomes", native.name),
    }
}
