//! Whether the suite notices deliberate miscompilations (`ruff_runtime::mutants`).
//!
//! For each of them, this binary starts itself with `RUFF_MUTANT`; the child runs golden and
//! generated programs, the likeliest first, until one fails. A crash and a program that does not
//! end count as noticed. With `RUFF_MUTANTS=a,b` only these are tried; `none` is the compiler as it
//! is, which must survive everything.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use ruff::engine;
use ruff::syntax::source::Source;
use ruff_runtime::host::Interrupt;
use ruff_runtime::mutants::TABLE;

use crate::golden::{self, Golden};
use crate::settings::Setting;
use crate::{files, generate, generated};

/// A program that runs longer does not end.
const LONGEST_PROGRAM: Duration = Duration::from_secs(60);
/// Children at once.
const WORKERS: usize = 2;
/// Generated programs that a child compares.
const PROGRAMS: u64 = 60;

/// Topics whose programs are mostly about what compilers do, likeliest first.
const FIRST: [&str; 12] = [
    "hot",
    "places",
    "methods",
    "generators",
    "structs",
    "arrays",
    "closures",
    "overflow",
    "floats",
    "errors",
    "iterators",
    "limits",
];

#[expect(clippy::disallowed_methods, reason = "a test run is set up from outside")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What became of a mutant.
enum Fate {
    /// By this program.
    Caught(String),
    Survived,
}

/// Runs the child if this process is one, or else the table.
pub(crate) fn run() -> Option<ExitCode> {
    if variable("RUFF_MUTANT").is_some() {
        return Some(child());
    }
    let chosen = variable("RUFF_MUTANTS")?;
    let names: Vec<&'static str> = match chosen.as_str() {
        "all" => TABLE.iter().map(|(name, _)| *name).collect(),
        some => {
            let known = |name: &str| TABLE.iter().map(|(known, _)| *known).find(|k| *k == name);
            some.split(',').map(|name| known(name).unwrap_or("none")).collect()
        }
    };
    Some(table(&names))
}

#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn table(names: &[&'static str]) -> ExitCode {
    let queue = Arc::new(Mutex::new(names.to_vec()));
    let survivors = Arc::new(Mutex::new(Vec::new()));
    let workers = (0..WORKERS).map(|_| {
        let (queue, survivors) = (queue.clone(), survivors.clone());
        thread::spawn(move || {
            loop {
                let mut waiting = queue.lock().expect("workers do not panic");
                if waiting.is_empty() {
                    return;
                }
                let name = waiting.remove(0);
                drop(waiting);
                let start = Instant::now();
                let fate = try_one(name);
                let seconds = start.elapsed().as_secs_f64();
                match fate {
                    Fate::Caught(by) => println!("{name:<26} caught {seconds:>6.1} s  {by}"),
                    Fate::Survived => {
                        println!("{name:<26} SURVIVED {seconds:>4.1} s");
                        survivors.lock().expect("workers do not panic").push(name);
                    }
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.join().expect("workers do not panic");
    }
    let survivors = survivors.lock().expect("workers do not panic");
    println!("{} of {} caught", names.len() - survivors.len(), names.len());
    ExitCode::from(u8::from(survivors.iter().any(|&name| name != "none")))
}

/// Runs a child with the mutant.
fn try_one(name: &str) -> Fate {
    let own = std::env::current_exe().expect("a running binary has a path");
    let mut command = Command::new(own);
    command.env("RUFF_MUTANT", name).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the own binary starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let (send, programs) = mpsc::channel();
    let reader = thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let mut last = String::new();
    let how = loop {
        match programs.recv_timeout(LONGEST_PROGRAM) {
            Ok(line) => last = line,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill().expect("it runs");
                break " (does not end)".to_owned();
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                break String::new();
            }
        }
    };
    let status = child.wait().expect("it was started");
    reader.join().expect("the reader does not panic");
    match status.code() {
        Some(0) => Fate::Survived,
        Some(1) => Fate::Caught(last),
        Some(code) => Fate::Caught(format!("{last} (exit code {code})")),
        None if how.is_empty() => Fate::Caught(format!("{last} (crash)")),
        None => Fate::Caught(last + &how),
    }
}

// ---- the child

/// Runs programs until one fails.
#[expect(clippy::print_stdout, reason = "the parent reads what runs")]
fn child() -> ExitCode {
    let say = |name: &str| {
        println!("{name}");
        // The parent may have gone away.
        let _ = std::io::stdout().flush();
    };
    for (name, program) in ENDLESS {
        say(name);
        if !stops(program, Setting::Jit) || !stops(program, Setting::Hot) {
            return ExitCode::from(1);
        }
    }
    let settings = [
        Setting::Jit,
        Setting::Hot,
        Setting::Stress,
        Setting::named("hot-every-2"),
        Setting::named("poison-0"),
        Setting::named("cache-always"),
    ];
    for path in programs() {
        let golden = match Golden::parse(&files::read(&path)) {
            Ok(golden) => golden,
            Err(_) => continue,
        };
        for setting in settings {
            say(&format!("{}::{}", files::name(&path, "tests/lang"), setting.name()));
            if check(&golden, setting).is_err() {
                return ExitCode::from(1);
            }
        }
    }
    for seed in 0..PROGRAMS {
        say(&format!("generated {seed}"));
        if generated::divergence(seed, &generate::program(seed)).is_some() {
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}

/// All golden programs, those of the topics in [`FIRST`] first.
fn programs() -> Vec<PathBuf> {
    let mut all = files::below("tests/lang", "ruff");
    let rank = |path: &PathBuf| {
        let topic = path.parent().and_then(Path::file_name).unwrap_or_default();
        FIRST.iter().position(|first| *first == topic).unwrap_or(FIRST.len())
    };
    all.sort_by_key(rank);
    all
}

fn check(golden: &Golden, setting: Setting) -> Result<(), Failed> {
    if golden.engine.as_ref().is_some_and(|only| only != setting.name()) {
        return Ok(());
    }
    golden::check(golden, setting).map(drop)
}

/// Programs that only an interrupt ends.
const ENDLESS: [(&str, &str); 4] = [
    ("endless loop", "func f() { n := 0\n while true { n := (n + 1) % 1000 } }\nf()\n"),
    ("endless calls", "func f(n) { if n < 2 { return n }\n return f(n - 1) + f(n - 2) }\nf(90)\n"),
    (
        "endless nest",
        "func f(ends) { s := 0\n if ends { return s }\n for i in range(1000) { while s >= 0 { s = (s + i * 3) % 99991 } }\n return s }\nf(true)\nf(true)\nf(false)\n",
    ),
    (
        "endless generator",
        "func* g() { n := 0\n while true { n := n + 1\n yield n } }\nt := 0\nfor v in g() { t := v % 7 }\n",
    ),
];

/// Whether an interrupt ends a program while its code is compiled.
fn stops(program: &str, setting: Setting) -> bool {
    let interrupt = Arc::<Interrupt>::default();
    let mut options = setting.options();
    options.interrupt = interrupt.clone();
    let watch = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        interrupt.request_stop();
    });
    let source = Source::new("main.ruff", program);
    let finished = engine::run_captured(source, PathBuf::new(), &options);
    watch.join().expect("the watch does not panic");
    finished.exit_code == 130
}
