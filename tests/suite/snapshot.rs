//! Snapshots: input and expected text in one file, the text as trailing comments.
//!
//! `tests/tree` holds syntax trees, `tests/bytecode` disassembly, `tests/diagnostics` what
//! `ruff run` writes to stderr. `BLESS=1` rewrites the comments.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use ruff::engine::{self, DumpForm};
use ruff::loader::Loader;
use ruff::report::{self, Style};
use ruff::syntax::source::Source;
use ruff::syntax::{dump, parser};

use crate::files::{self, Scratch};
use crate::settings::Setting;

/// Turns the program of a snapshot into the text that is compared.
type Render = fn(&str) -> String;

const FOLDERS: [(&str, Render); 3] =
    [("tree", tree), ("bytecode", bytecode), ("diagnostics", diagnostics)];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (kind, render) in FOLDERS {
        let folder = format!("tests/{kind}");
        for path in files::below(&folder, "ruff") {
            let name = format!("{kind}/{}", files::name(&path, &folder));
            trials.push(Trial::test(name, move || compare(&path, kind, render)));
        }
    }
    trials
}

fn compare(path: &Path, kind: &str, render: Render) -> Result<(), Failed> {
    let text = files::read(path);
    let marker = format!("# --- {kind}");
    let program = text.split_once(&marker).map_or(text.as_str(), |(program, _)| program);
    let mut updated = format!("{program}{marker}\n");
    for line in render(program).lines() {
        updated.push_str(format!("# {line}").trim_end());
        updated.push('\n');
    }
    if updated == text {
        return Ok(());
    }
    if files::bless() {
        return Ok(fs::write(path, updated)?);
    }
    Err(format!("expected:\n{text}\ngot:\n{updated}").into())
}

fn tree(program: &str) -> String {
    let source = Source::new("main.ruff", program);
    dump::tree(&parser::parse(&source).file)
}

fn bytecode(program: &str) -> String {
    let scratch = Scratch::new();
    let loader = Loader::new(scratch.path().to_owned());
    let source = Arc::new(Source::new("main.ruff", program));
    match engine::dump(&loader, &source, DumpForm::Bytecode, None) {
        Ok(text) => without_native_numbers(&text),
        Err(list) => report::diagnostics(&source, &list, Style::Plain),
    }
}

/// `n12,` as `n_,`: the numbers of natives change with every new one.
fn without_native_numbers(text: &str) -> String {
    let words = text.split_inclusive(' ').map(|word| {
        let number = word.strip_prefix('n').and_then(|rest| rest.strip_suffix(", "));
        let is_native = number.is_some_and(|n| n.parse::<u32>().is_ok());
        if is_native { "n_, " } else { word }
    });
    words.collect()
}

fn diagnostics(program: &str) -> String {
    let scratch = Scratch::new();
    let source = Source::new("main.ruff", program);
    engine::run_captured(source, scratch.path().to_owned(), &Setting::Vm.options()).stderr
}
