//! Calls every native with every kind of unsuitable argument: nothing may panic or hang, what does
//! not fit its declaration must be an error, and all engines must report the same.
//!
//! Programs are generated from the registry, one for each native: no argument, each value alone
//! and repeated, values mixed, and suitable arguments but for one. By default each program is run
//! on the interpreter, and a part of them on all engines; `RUFF_SWEEP=full` runs all on all.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;
use ruff_runtime::natives::method::{self, MethodDecl};
use ruff_runtime::natives::{self, Native, Param};
use ruff_runtime::permissions::{Class, Permissions};
use ruff_runtime::value::Tag;

use crate::arguments::{SETUP, argument, expression};
use crate::files::Scratch;
use crate::settings::Setting;

/// Natives and methods that end the program, wait, read standard input, move the process
/// elsewhere, take long on purpose, or report failures when the program has ended.
const LEFT_OUT: [&str; 15] = [
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

/// One value of each class, as the text of an expression, and the words of declarations that take
/// values of its type.
const VALUES: [(&str, &[&str]); 26] = [
    ("null", &["null"]),
    ("true", &["bool"]),
    ("0", INT),
    ("-1", INT),
    ("7", INT),
    ("INT_MAX", INT),
    ("INT_MIN", INT),
    ("2.5", FLOAT),
    ("-0.0", FLOAT),
    ("NAN", FLOAT),
    ("INF", FLOAT),
    ("1e308", FLOAT),
    ("\"\"", STRING),
    ("DIR + \"/ab\"", STRING),
    ("DIR + \"/é→😀\"", STRING),
    ("DIR + \"/a\\0b\"", STRING),
    ("[]", ARRAY),
    ("[3, 1, 2]", ARRAY),
    ("[1, \"x\", null, [2]]", ARRAY),
    ("{}", &["dict", "response"]),
    ("{\"k\": 1, 2: \"v\"}", &["dict", "response"]),
    ("bytes([0, 255])", &["bytes", "data", "iterable"]),
    ("Set([1])", &["set", "iterable"]),
    ("Some(1)", &["option"]),
    ("func(a) { return a }", &["func"]),
    ("len", &["func"]),
];

const INT: &[&str] = &["int", "whole", "number", "float", "key"];
const FLOAT: &[&str] = &["number", "float", "whole"];
const STRING: &[&str] = &["string", "data", "iterable", "key"];
const ARRAY: &[&str] = &["array", "array<string>", "array<int>", "iterable"];

/// Calls of all natives together, at least.
const MIN_CALLS: usize = 100_000;

/// How long one native may take for all of its calls.
const LIMIT: Duration = Duration::from_secs(20);

/// How many milliseconds one call may take.
const CALL_LIMIT: u32 = 1000;

/// Of so many natives, one runs on all engines by default.
const SAMPLE: usize = 6;

/// What is called with unsuitable arguments.
#[derive(Clone)]
struct Target {
    name: &'static str,
    /// What stands before the arguments.
    callee: String,
    params: &'static [Param],
    n_required: usize,
    n_max: usize,
    capability: &'static str,
}

impl Target {
    fn of_native(native: &'static Native) -> Target {
        Target {
            name: native.name,
            callee: native.name.to_owned(),
            params: native.params,
            n_required: native.n_required,
            n_max: native.n_max,
            capability: native.capability.unwrap_or(""),
        }
    }

    fn of_method(decl: &'static MethodDecl) -> Option<Target> {
        let word = match decl.tag {
            Tag::Array => "array",
            Tag::Dict => "dict",
            Tag::Set => "set",
            Tag::Queue => "queue",
            Tag::Stack => "stack",
            Tag::Iterator => "iterator",
            Tag::Generator => "generator",
            Tag::Ref => "ref",
            Tag::Channel => "channel",
            Tag::Struct => "struct",
            _ if decl.word.is_empty() => return None,
            _ => decl.word,
        };
        Some(Target {
            name: &decl.full_name,
            callee: format!("r := {}\n    return r.{}", expression(word), decl.name),
            params: decl.params,
            n_required: decl.n_required,
            n_max: decl.n_max,
            capability: decl.capability.unwrap_or(""),
        })
    }

    /// Whether a call must fail because of its number of arguments or the type of one.
    fn is_unsuitable(&self, args: &[Arg]) -> bool {
        let is_wrong = |(i, arg): (usize, &Arg)| {
            let Some(param) = self.params.get(i).or(self.params.last()) else { return true };
            let Arg::Value(at) = *arg else { return false };
            let (text, words) = VALUES[at];
            let is_left_out = param.is_optional && text == "null";
            let takes = |word: &str| word == "any" || words.contains(&word);
            !is_left_out && !param.ty.split('|').any(takes)
        };
        let fits = (self.n_required..=self.n_max).contains(&args.len());
        !fits || args.iter().enumerate().any(is_wrong)
    }
}

/// An argument of a call.
#[derive(Clone, Copy)]
enum Arg {
    /// One of [`VALUES`].
    Value(usize),
    /// What is declared.
    Suitable,
}

pub(crate) fn trials() -> Vec<Trial> {
    let is_full = std::env::var_os("RUFF_SWEEP").is_some_and(|value| value == "full");
    let plain = method::type_methods().iter().filter_map(Target::of_method);
    let updating = method::updating_methods().iter().filter_map(|d| Target::of_method(&d.0));
    let natives = natives::all().iter().map(Target::of_native);
    let all = natives.chain(plain).chain(updating);
    let swept: Vec<Target> = all.filter(|target| !LEFT_OUT.contains(&target.name)).collect();
    let n_calls: usize = swept.iter().map(|target| calls(target).len()).sum();
    let count = move || match n_calls {
        MIN_CALLS.. => Ok(()),
        _ => Err(format!("{n_calls} calls on each engine").into()),
    };
    let mut trials = vec![Trial::test(format!("sweep/makes_{n_calls}_calls"), count)];
    trials.extend(swept.into_iter().enumerate().map(|(i, target)| {
        // What is drawn at random differs from run to run.
        let is_random = target.capability == "random";
        let on_all = (is_full || i % SAMPLE == 0) && !is_random;
        let settings = if on_all { &Setting::ALL[..3] } else { &Setting::ALL[1..2] };
        Trial::test(format!("sweep/{}", target.name), move || sweep(&target, settings))
    }));
    trials
}

fn calls(target: &Target) -> Vec<Vec<Arg>> {
    let most = target.n_max.min(target.params.len() + 1);
    let mut calls = vec![Vec::new()];
    for n in 1..=most + 2 {
        for at in 0..VALUES.len() {
            calls.push(vec![Arg::Value(at); n]);
            if n > 1 {
                for step in [n + 6, 5 * n + 1] {
                    let mixed = (0..n).map(|i| Arg::Value((at + i * step) % VALUES.len()));
                    calls.push(mixed.collect());
                }
            }
        }
    }
    for odd in 0..target.params.len() {
        let least = target.n_required.max(odd + 1).min(target.params.len());
        for n in least..=target.params.len() {
            for at in 0..VALUES.len() {
                let mut args = vec![Arg::Suitable; n];
                args[odd] = Arg::Value(at);
                calls.push(args);
            }
        }
    }
    calls
}

/// The arguments of a call as a text.
fn shown(target: &Target, args: &[Arg]) -> String {
    let texts = args.iter().enumerate().map(|(i, arg)| match arg {
        Arg::Value(at) => VALUES[*at].0.to_owned(),
        Arg::Suitable => argument(&target.params[i]),
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn program(target: &Target, dir: &str) -> String {
    let mut text = format!("DIR := \"{dir}\"\nIN := DIR\n{SETUP}");
    text.push_str("func* gen() {\n    yield 1\n}\nfunc kind(f) {\n");
    text.push_str("    start := performance_now()\n    shown := \"\"\n");
    text.push_str("    try {\n        r := f()\n        shown = type(r)\n");
    // A failure that comes later is one all the same.
    text.push_str("        if shown == \"promise\" { await r }\n");
    text.push_str("    } except e { shown = \"!\" + e.kind }\n");
    let _ = writeln!(text, "    if performance_now() - start > {CALL_LIMIT} {{ return \"slow\" }}");
    text.push_str("    return shown\n}\n");
    let is_method = target.callee.contains('\n');
    for args in calls(target) {
        let call = format!("{}({})", target.callee, shown(target, &args));
        let body = if is_method { call } else { format!("return {call}") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "print(kind(func() {{ {body} }}))");
    }
    text
}

/// What a sweep may do: everything, but not look up hosts.
fn permissions() -> Permissions {
    let mut rules = Permissions::sandbox();
    for class in Class::ALL {
        let part = (class == Class::NetClient).then_some("127.0.0.1");
        rules.grant(class, part).expect("a valid part");
    }
    rules
}

/// What is wrong with the outcomes of the calls: time, or a value where there must be an error.
fn faults(target: &Target, outcomes: &str) -> Vec<String> {
    let calls = calls(target);
    let wrong = calls.iter().zip(outcomes.lines()).filter(|(args, outcome)| {
        *outcome == "slow" || target.is_unsuitable(args) && !outcome.starts_with('!')
    });
    wrong.map(|(args, got)| format!("{}({}): {got}", target.name, shown(target, args))).collect()
}

fn sweep(target: &Target, settings: &[Setting]) -> Result<(), Failed> {
    let mut first: Option<String> = None;
    for setting in settings {
        // Each run starts with an empty folder, so that effects are the same.
        let scratch = Scratch::new();
        let dir = scratch.path().display().to_string();
        let source = Source::new("main.ruff", &program(target, &dir));
        let start = Instant::now();
        std::fs::write(scratch.path().join("f"), "content")?;
        let mut options = setting.options();
        options.permissions = Arc::new(permissions());
        let finished = engine::run_captured(source, scratch.path().to_owned(), &options);
        let took = start.elapsed();
        if finished.exit_code != 0 {
            let n = String::from_utf8_lossy(&finished.stdout).lines().count();
            let call = calls(target).get(n).map_or(String::new(), |args| shown(target, args));
            let name = setting.name();
            let what = &finished.stderr;
            return Err(format!("{name}: ended by {}({call}): {what}", target.name).into());
        }
        if took > LIMIT {
            return Err(format!("{}: took {took:?}", setting.name()).into());
        }
        let outcomes = String::from_utf8_lossy(&finished.stdout).replace(&dir, "DIR");
        let faults = faults(target, &outcomes);
        if !faults.is_empty() {
            return Err(format!("{}:\n{}", setting.name(), faults.join("\n")).into());
        }
        match &first {
            None => first = Some(outcomes),
            Some(known) if *known == outcomes => {}
            Some(known) => return Err(difference(target, known, &outcomes).into()),
        }
    }
    Ok(())
}

fn difference(target: &Target, known: &str, other: &str) -> String {
    let calls = calls(target);
    let differs = known.lines().zip(other.lines()).zip(&calls).find(|((a, b), _)| a != b);
    match differs {
        Some(((a, b), args)) => {
            format!("{}({}): {a} and {b}", target.name, shown(target, args))
        }
        None => format!("{}: different numbers of outcomes", target.name),
    }
}
