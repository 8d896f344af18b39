//! Compares what a golden program did with what it was to do.

use std::fmt::Write;

use libtest_mimic::Failed;
use ruff::engine::Finished;

use crate::golden::{Expected, Golden};

/// A diagnostic read back from stderr.
#[derive(Debug, PartialEq)]
struct Shown {
    code: String,
    message: String,
    file: String,
    line: u32,
    column: u32,
}

/// Compares stdout, diagnostics, call stack and exit code.
///
/// # Errors
/// A description of every difference.
pub(crate) fn compare(golden: &Golden, finished: &Finished) -> Result<(), Failed> {
    let mut report = String::new();
    compare_stdout(golden, &finished.stdout, &mut report);
    compare_diagnostics(golden, &finished.stderr, &mut report);
    let stack = call_stack(&finished.stderr);
    if !golden.stack.is_empty() && golden.stack != stack {
        let _ = writeln!(report, "call stack: expected {:?}, got {stack:?}", golden.stack);
    }
    if golden.exit_code() != finished.exit_code {
        let wanted = golden.exit_code();
        let _ = writeln!(report, "exit code: expected {wanted}, got {}", finished.exit_code);
    }
    if report.is_empty() {
        return Ok(());
    }
    if !finished.stderr.is_empty() {
        let _ = writeln!(report, "stderr:\n{}", finished.stderr);
    }
    Err(report.into())
}

fn compare_stdout(golden: &Golden, stdout: &[u8], report: &mut String) {
    let text = String::from_utf8_lossy(stdout);
    let mut wanted = golden.stdout.join("\n");
    if !wanted.is_empty() || golden.stdout.len() == 1 {
        wanted.push('\n');
    }
    if wanted == text {
        return;
    }
    let (wanted, got): (Vec<_>, Vec<_>) = (wanted.lines().collect(), text.lines().collect());
    for at in 0..wanted.len().max(got.len()) {
        let (wanted, got) = (wanted.get(at), got.get(at));
        if wanted != got {
            let _ = writeln!(report, "stdout line {}:", at + 1);
            let _ = writeln!(report, "  expected {}", wanted.map_or("nothing", |line| line));
            let _ = writeln!(report, "       got {}", got.map_or("nothing", |line| line));
        }
    }
    if report.is_empty() {
        report.push_str("stdout differs in its last line end\n");
    }
}

fn compare_diagnostics(golden: &Golden, stderr: &str, report: &mut String) {
    let shown = diagnostics(stderr);
    let wanted: Vec<&Expected> = golden.errors.iter().chain(&golden.throws).collect();
    let same = wanted.len() == shown.len()
        && wanted.iter().zip(&shown).all(|(wanted, shown)| matches(wanted, shown));
    if same {
        return;
    }
    for wanted in wanted {
        let Expected { file, line, column, code, message } = wanted;
        let column = column.map_or_else(String::new, |column| format!(":{column}"));
        let message = message.as_deref().unwrap_or("(any message)");
        let _ = writeln!(report, "expected {code} {message} at {file}:{line}{column}");
    }
    for Shown { code, message, file, line, column } in shown {
        let _ = writeln!(report, "     got {code} {message} at {file}:{line}:{column}");
    }
}

fn matches(wanted: &Expected, shown: &Shown) -> bool {
    let file = shown.file == wanted.file || shown.file.ends_with(&format!("/{}", wanted.file));
    file && shown.line == wanted.line
        && shown.code == wanted.code
        && wanted.message.as_ref().is_none_or(|message| *message == shown.message)
        && wanted.column.is_none_or(|column| column == shown.column)
}

/// The errors in a rendered text: `error[CODE]: MESSAGE` and the first position after it.
fn diagnostics(stderr: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    let mut lines = stderr.lines();
    while let Some(line) = lines.next() {
        let Some((code, message)) = line.strip_prefix("error[").and_then(|r| r.split_once("]: "))
        else {
            continue;
        };
        let place = lines.by_ref().find_map(|line| line.trim_start().strip_prefix("--> "));
        let mut parts = place.unwrap_or_default().rsplitn(3, ':');
        let mut number = || parts.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let (column, line) = (number(), number());
        let file = parts.next().unwrap_or_default().to_owned();
        found.push(Shown {
            code: code.to_owned(),
            message: message.to_owned(),
            file,
            line,
            column,
        });
    }
    found
}

fn call_stack(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().skip_while(|line| !line.starts_with("call stack"));
    let frames = lines.skip(1).map_while(|line| line.strip_prefix("  "));
    frames.map(str::to_owned).collect()
}
