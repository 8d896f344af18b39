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
use ruff_runtime::natives::method::{self, MethodDecl};
use ruff_runtime::natives::{self, Native};
use ruff_runtime::value::Tag;

use crate::files::Scratch;
use crate::sandbox;
use crate::settings::Setting;

/// Natives and methods that end the program, wait, read standard input, move the process
/// elsewhere, take long on purpose, or report failures when the program has ended.
const LEFT_OUT: [&str; 18] = [
    "async_append_file",
    "async_read_file",
    "async_write_file",
    "exit",
    "hash_password",
    "input",
    "os_chdir",
    "read_line",
    "read_stdin",
    "rsa_generate_keypair",
    "sleep",
    "async_sleep",
    "async_timeout",
    "tcp_listen",
    "udp_bind",
    "channel.receive_timeout",
    "httpserver.listen",
    "httpserver.start",
];

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

/// What is called with unsuitable arguments.
#[derive(Clone)]
struct Target {
    name: &'static str,
    /// What stands before the arguments.
    callee: String,
    n_params: usize,
    n_max: usize,
    capability: &'static str,
}

impl Target {
    fn of_native(native: &'static Native) -> Option<Target> {
        // Names of hosts would be looked up.
        let reaches_out = native.params.iter().any(|p| ["host", "url"].contains(&p.leads_to));
        (!reaches_out).then(|| Target {
            name: native.name,
            callee: native.name.to_owned(),
            n_params: native.params.len(),
            n_max: native.n_max,
            capability: native.capability.unwrap_or(""),
        })
    }

    fn of_method(decl: &'static MethodDecl) -> Option<Target> {
        let receiver = match decl.tag {
            Tag::Array => "[3, 1]".to_owned(),
            Tag::Dict => "{\"k\": 1}".to_owned(),
            Tag::Set => "Set([1])".to_owned(),
            Tag::Queue => "Queue([1])".to_owned(),
            Tag::Stack => "Stack([1])".to_owned(),
            Tag::Iterator => "iter([1, 2])".to_owned(),
            Tag::Generator => "gen()".to_owned(),
            Tag::Ref => "ref(1)".to_owned(),
            Tag::Channel => "channel(9)".to_owned(),
            Tag::Struct => "arg_parser(\"p\")".to_owned(),
            _ if decl.word.is_empty() => return None,
            _ => sandbox::expression(decl.word),
        };
        let reaches_out = decl.params.iter().any(|param| param.leads_to == "host");
        (!reaches_out).then(|| Target {
            name: &decl.full_name,
            callee: format!("r := {receiver}\n    return r.{}", decl.name),
            n_params: decl.params.len(),
            n_max: decl.n_max,
            capability: decl.capability.unwrap_or(""),
        })
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    let is_full = std::env::var_os("RUFF_SWEEP").is_some_and(|value| value == "full");
    let plain = method::type_methods().iter().filter_map(Target::of_method);
    let updating = method::updating_methods().iter().filter_map(|d| Target::of_method(&d.0));
    let natives = natives::all().iter().filter_map(Target::of_native);
    let all = natives.chain(plain).chain(updating);
    let swept = all.filter(|target| !LEFT_OUT.contains(&target.name));
    let with_settings = swept.enumerate().map(|(i, target)| {
        // What is drawn at random differs from run to run.
        let is_random = target.capability == "random";
        let on_all = (is_full || i % SAMPLE == 0) && !is_random;
        (target, if on_all { &Setting::ALL[..3] } else { &Setting::ALL[1..2] })
    });
    with_settings
        .map(|(target, settings)| {
            Trial::test(format!("sweep/{}", target.name), move || sweep(&target, settings))
        })
        .collect()
}

/// The calls of one target: no argument, each value alone and repeated, and neighbours mixed.
fn calls(target: &Target) -> Vec<String> {
    let most = target.n_max.min(target.n_params + 1);
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

fn program(target: &Target, dir: &str) -> String {
    let mut text = format!("DIR := \"{dir}\"\nIN := DIR\n{}", sandbox::SETUP);
    text.push_str("func* gen() {\n    yield 1\n}\nfunc kind(f) {\n");
    text.push_str("    try { return type(f()) } except e { return e.kind }\n}\n");
    let is_method = target.callee.contains('\n');
    for args in calls(target) {
        let call = format!("{}({args})", target.callee);
        let body = if is_method { call } else { format!("return {call}") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "print(kind(func() {{ {body} }}))");
    }
    text
}

fn sweep(target: &Target, settings: &[Setting]) -> Result<(), Failed> {
    let mut first: Option<String> = None;
    for setting in settings {
        // Each run starts with an empty folder, so that effects are the same.
        let scratch = Scratch::new();
        let dir = scratch.path().display().to_string();
        let source = Source::new("main.ruff", &program(target, &dir));
        let start = Instant::now();
        let finished = engine::run_captured(source, scratch.path().to_owned(), &setting.options());
        let took = start.elapsed();
        if finished.exit_code != 0 {
            let shown = String::from_utf8_lossy(&finished.stdout);
            let n = shown.lines().count();
            let call = calls(target).get(n).cloned().unwrap_or_default();
            let name = setting.name();
            let what = &finished.stderr;
            return Err(format!("{name}: ended by {}({call}): {what}", target.name).into());
        }
        if took > LIMIT {
            return Err(format!("{}: took {took:?}", setting.name()).into());
        }
        let shown = String::from_utf8_lossy(&finished.stdout).replace(&dir, "DIR");
        match &first {
            None => first = Some(shown),
            Some(known) if *known == shown => {}
            Some(known) => return Err(difference(target, known, &shown).into()),
        }
    }
    Ok(())
}

fn difference(target: &Target, known: &str, other: &str) -> String {
    let calls = calls(target);
    let differs = known.lines().zip(other.lines()).zip(&calls).find(|((a, b), _)| a != b);
    match differs {
        Some(((a, b), args)) => format!("{}({args}): {a} and {b}", target.name),
        None => format!("{}: different numbers of outcomes", target.name),
    }
}
