//! Golden programs: `tests/lang/<topic>/<sentence>.ruff`, each run on every setting.
//!
//! What a program must do is written into it as comments (`docs/testing.md`). This file reads
//! them; `check.rs` compares them with what happened. All settings of a program must also agree
//! on the whole of stderr, which is compared with that of the setting that finished first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;

use crate::check;
use crate::files::{self, Scratch};
use crate::settings::Setting;

/// Expectation comments, as `# kind: text` or `# kind @COLUMN: text`.
const KINDS: [&str; 7] = ["expect", "error", "throws", "stack", "exit", "args", "engine"];
/// Starts the block that holds the whole of stdout.
const BLOCK: &str = "# --- stdout";
/// The file that runs.
const MAIN: &str = "main.ruff";

/// A diagnostic expected at a line; without a message any message will do.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: Option<u32>,
    pub(crate) code: String,
    pub(crate) message: Option<String>,
}

/// A program and what it must do.
#[derive(Debug, Default)]
pub(crate) struct Golden {
    /// Names and texts; the main file is called `main.ruff`.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) stdout: Vec<String>,
    pub(crate) block: bool,
    pub(crate) errors: Vec<Expected>,
    pub(crate) throws: Option<Expected>,
    /// Frames of the call stack, innermost first.
    pub(crate) stack: Vec<String>,
    pub(crate) exit: Option<u8>,
    pub(crate) args: Vec<String>,
    /// Restricts the program to settings of this name.
    pub(crate) engine: Option<String>,
}

impl Golden {
    /// Reads a program with its expectation comments.
    ///
    /// # Errors
    /// A comment that cannot be understood, or no expectation at all.
    pub(crate) fn parse(text: &str) -> Result<Golden, Failed> {
        let mut golden = Golden::default();
        let (program, block) = match text.split_once(BLOCK) {
            Some((program, block)) => (program, Some(block)),
            None => (text, None),
        };
        let mut file = (MAIN.to_owned(), String::new());
        let mut line_number = 0;
        for line in program.lines() {
            if let Some(name) = line.strip_prefix("#: ") {
                let done = std::mem::replace(&mut file, (name.trim().to_owned(), String::new()));
                golden.files.extend(Some(done).filter(|(_, text)| !text.trim().is_empty()));
                line_number = 0;
                continue;
            }
            line_number += 1;
            file.1.push_str(line);
            file.1.push('\n');
            golden.line(&file.0, line_number, line)?;
        }
        golden.files.push(file);
        if let Some(block) = block {
            golden.block = true;
            golden.stdout = block.lines().skip(1).map(uncomment).collect();
        }
        golden.complete()
    }

    /// A program of one file without expectations.
    pub(crate) fn of_text(text: &str) -> Golden {
        Golden { files: vec![(MAIN.to_owned(), text.to_owned())], ..Golden::default() }
    }

    fn line(&mut self, file: &str, number: u32, line: &str) -> Result<(), Failed> {
        let Some((kind, column, text)) = comment(line) else { return Ok(()) };
        let expected = || {
            let (code, message) = text.split_once(' ').unwrap_or((text, ""));
            let message = Some(message.to_owned()).filter(|message| !message.is_empty());
            Expected { file: file.to_owned(), line: number, column, code: code.to_owned(), message }
        };
        match kind {
            "expect" => self.stdout.push(text.to_owned()),
            "error" => self.errors.push(expected()),
            "throws" => self.throws = Some(expected()),
            "stack" => self.stack.push(text.to_owned()),
            "args" => self.args = text.split_whitespace().map(str::to_owned).collect(),
            "engine" => self.engine = Some(text.to_owned()),
            _ => self.exit = Some(text.parse().map_err(|_| "an exit code is a number")?),
        }
        Ok(())
    }

    fn complete(self) -> Result<Golden, Failed> {
        let nothing = self.stdout.is_empty() && self.errors.is_empty() && self.throws.is_none();
        if nothing && self.exit.is_none() && !self.block {
            return Err("the program has no expectation".into());
        }
        Ok(self)
    }

    /// The exit code that the expectations imply.
    pub(crate) fn exit_code(&self) -> u8 {
        let implied = match (&self.throws, self.errors.is_empty()) {
            (Some(_), _) => 4,
            (None, false) => 3,
            (None, true) => 0,
        };
        self.exit.unwrap_or(implied)
    }

    fn main_text(&self) -> &str {
        let main = self.files.iter().find(|(name, _)| name == MAIN);
        main.map_or("", |(_, text)| text)
    }
}

/// The expectation comment of a line: kind, column, text.
fn comment(line: &str) -> Option<(&'static str, Option<u32>, &str)> {
    line.match_indices("# ").find_map(|(at, _)| {
        let rest = &line[at + 2..];
        let kind = KINDS.into_iter().find(|kind| rest.starts_with(kind))?;
        let rest = &rest[kind.len()..];
        let (column, text) = match rest.strip_prefix(" @") {
            Some(rest) => {
                let (column, text) = rest.split_once(':')?;
                (Some(column.parse().ok()?), text)
            }
            None => (None, rest.strip_prefix(':')?),
        };
        Some((kind, column, text.strip_prefix(' ').unwrap_or(text)))
    })
}

fn uncomment(line: &str) -> String {
    let text = line.strip_prefix('#').unwrap_or(line);
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}

/// What the settings of one program wrote to stderr.
type Agreed = Arc<Mutex<HashMap<PathBuf, String>>>;

/// Every program on every setting.
pub(crate) fn trials() -> Vec<Trial> {
    let agreed = Agreed::default();
    let mut trials = Vec::new();
    for (number, path) in files::below("tests/lang", "ruff").into_iter().enumerate() {
        for setting in Setting::ALL.into_iter().chain(Setting::stressed(number)) {
            let name = format!("lang/{}::{}", files::name(&path, "tests/lang"), setting.name());
            let (path, agreed) = (path.clone(), agreed.clone());
            trials.push(Trial::test(name, move || run(&path, setting, &agreed)));
        }
    }
    trials
}

fn run(path: &Path, setting: Setting, agreed: &Agreed) -> Result<(), Failed> {
    let text = files::read(path);
    let golden = Golden::parse(&text)?;
    if golden.engine.as_ref().is_some_and(|only| only != setting.name()) {
        return Ok(());
    }
    if golden.block && files::bless() && setting == Setting::Vm {
        return bless_block(path, &text, &run_program(&golden, setting).stdout);
    }
    let finished = check(path, &golden, setting)?;
    let mut agreed = agreed.lock().expect("no trial panics while it holds the lock");
    let first = agreed.entry(path.to_owned()).or_insert_with(|| finished.stderr.clone());
    if *first == finished.stderr {
        return Ok(());
    }
    Err(format!("settings disagree on stderr:\n{first}\n--- and on this one:\n{}", finished.stderr)
        .into())
}

/// Runs a program and compares what it did with what it must do.
pub(crate) fn check(
    path: &Path,
    golden: &Golden,
    setting: Setting,
) -> Result<engine::Finished, Failed> {
    let finished = run_program(golden, setting);
    check::compare(golden, &finished)?;
    if is_tidy(path) { repeat(golden, setting, finished) } else { Ok(finished) }
}

/// Topics whose programs must give back all they hold, and are repeated (`RUFF_REPEAT`).
const TIDY: [&str; 13] = [
    "arrays",
    "async",
    "channels",
    "closures",
    "generators",
    "hot",
    "iterators",
    "lifetime",
    "methods",
    "places",
    "structs",
    "suspension",
    "threads",
];

fn is_tidy(path: &Path) -> bool {
    let topic = path.parent().and_then(Path::file_name);
    topic.is_some_and(|topic| TIDY.iter().any(|known| *known == topic))
}

/// Runs a program again, as often as the variable `RUFF_REPEAT` says: every run does the same,
/// and leaves no objects.
fn repeat(
    golden: &Golden,
    setting: Setting,
    first: engine::Finished,
) -> Result<engine::Finished, Failed> {
    let n_runs = crate::generated::number("RUFF_REPEAT", 1);
    let mut next = Some(first);
    let mut last = engine::Finished::default();
    for run in 1..=n_runs.max(1) {
        let finished = next.take().unwrap_or_else(|| run_program(golden, setting));
        if finished.n_leaked > 0 {
            return Err(format!("run {run} left {} objects", finished.n_leaked).into());
        }
        if run > 1 && (&finished.stdout, &finished.stderr) != (&last.stdout, &last.stderr) {
            let before = String::from_utf8_lossy(&last.stdout).into_owned() + &last.stderr;
            let now = String::from_utf8_lossy(&finished.stdout).into_owned() + &finished.stderr;
            return Err(format!("run {run} differs:\n{now}\n--- before:\n{before}").into());
        }
        last = finished;
    }
    Ok(last)
}

/// Runs the main file, with the other files of the program in a directory of their own.
pub(crate) fn run_program(golden: &Golden, setting: Setting) -> engine::Finished {
    run_program_with(golden, setting.options())
}

/// As [`run_program`], with options.
pub(crate) fn run_program_with(golden: &Golden, mut options: engine::Options) -> engine::Finished {
    let scratch = Scratch::new();
    for (name, text) in golden.files.iter().filter(|(name, _)| name != MAIN) {
        scratch.write(name, text.as_bytes());
    }
    options.args = golden.args.clone();
    let source = Source::new(MAIN, golden.main_text());
    let mut finished = engine::run_captured(source, scratch.path().to_owned(), &options);
    let dir = format!("{}/", scratch.path().display());
    finished.stderr = finished.stderr.replace(&dir, "");
    finished
}

fn bless_block(path: &Path, text: &str, stdout: &[u8]) -> Result<(), Failed> {
    let (program, _) = text.split_once(BLOCK).expect("the program has a block");
    let mut blessed = format!("{program}{BLOCK}\n");
    for line in String::from_utf8_lossy(stdout).lines() {
        blessed.push_str(format!("# {line}").trim_end());
        blessed.push('\n');
    }
    Ok(std::fs::write(path, blessed)?)
}
