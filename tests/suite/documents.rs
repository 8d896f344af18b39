//! Documents generated from tables, and the examples in the documentation of natives.

use std::collections::HashSet;
use std::fs;

use libtest_mimic::{Failed, Trial};
use ruff_runtime::{bytecode, natives};

use crate::check;
use crate::files;
use crate::golden::{self, Golden};
use crate::settings::Setting;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("docs/bytecode.md", || document("bytecode", &bytecode::docs::markdown())),
        Trial::test("docs/natives.md", || document("natives", &natives::docs::markdown())),
    ];
    let mut seen = HashSet::new();
    for (name, doc) in natives::docs::all_docs() {
        let example = example(doc);
        if example.is_empty() || !seen.insert(doc) {
            continue;
        }
        for setting in [Setting::Tree, Setting::Vm] {
            let name = format!("example/{name}::{}", setting.name());
            let example = example.clone();
            trials.push(Trial::test(name, move || {
                let golden = Golden::parse(&example)?;
                check::compare(&golden, &golden::run_program(&golden, setting))
            }));
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
    let lines = doc.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.filter_map(|line| line.strip_prefix("    ")).flat_map(|line| [line, "\n"]).collect()
}
