//! Documents generated from tables, and the examples in the documentation of natives.

use std::fs;

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;
use ruff_runtime::{bytecode, natives};

use crate::check;
use crate::files::{self, Scratch};
use crate::golden::Golden;
use crate::settings::Setting;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("docs/bytecode.md", || document("bytecode", &bytecode::docs::markdown())),
        Trial::test("docs/natives.md", || document("natives", &natives::docs::markdown())),
    ];
    for (owner, doc) in natives::docs::all_docs() {
        let example = example(doc);
        if example.is_empty() {
            continue;
        }
        for setting in [Setting::Tree, Setting::Vm, Setting::Jit] {
            let name = format!("example/{owner}::{}", setting.name());
            let example = example.clone();
            trials.push(Trial::test(name, move || run(&example, setting)));
        }
    }
    trials
}

fn document(name: &str, generated: &str) -> Result<(), Failed> {
    let path = files::root("docs").join(format!("{name}.md"));
    let on_disk = fs::read_to_string(&path).unwrap_or_default();
    if on_disk == generated {
        return Ok(());
    }
    if files::bless() {
        return Ok(fs::write(path, generated)?);
    }
    Err(format!("docs/{name}.md is out of date; run with BLESS=1").into())
}

/// The indented lines of a documentation text.
fn example(doc: &str) -> String {
    let code = doc.lines().filter_map(|line| {
        line.trim_start_matches(' ')
            .len()
            .checked_add(4)
            .and(line.strip_prefix("    ").or_else(|| line.strip_prefix("     ")))
    });
    code.map(|line| format!("{line}\n")).collect()
}

/// The examples of all natives.
pub(crate) fn examples() -> impl Iterator<Item = String> {
    natives::docs::all_docs().map(|(_, doc)| example(doc)).filter(|text| !text.is_empty())
}

fn run(example: &str, setting: Setting) -> Result<(), Failed> {
    let golden = Golden::parse(example)?;
    let scratch = Scratch::new();
    let source = Source::new("main.ruff", example);
    let finished = engine::run_captured(source, scratch.path().to_owned(), &setting.options());
    check::compare(&golden, &finished)
}
