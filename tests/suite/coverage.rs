//! What the golden programs and examples ask of each native: a table made while they run.
//!
//! Every native and method must be called with ordinary arguments, with an edge (nothing, empty,
//! zero, negative, not a number, the greatest and least, beyond ASCII) and so that it fails. The
//! programs run on the tree evaluator, which says what it calls; other trials run the same
//! programs on every engine and compare what they print.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Failed, Trial};
use ruff::engine::{Observer, Options};
use ruff_runtime::error::Error;
use ruff_runtime::natives::method::{MethodDecl, type_methods, updating_methods};
use ruff_runtime::natives::{self, Param};
use ruff_runtime::value::{Value, View};

use crate::arguments::is_handle;
use crate::files;
use crate::golden::{self, Golden};
use crate::settings::Setting;
use crate::{documents, http};

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("coverage/normal_edge_and_error_of_every_native", every_native)]
}

/// Calls of one native.
#[derive(Clone, Copy, Default, Debug)]
struct Row {
    normal: u32,
    edge: u32,
    error: u32,
}

#[derive(Default)]
struct Table(Mutex<BTreeMap<&'static str, Row>>);

impl Observer for Table {
    fn before(&self, receiver: Option<&Value>, args: &[Value]) -> bool {
        receiver.into_iter().chain(args).any(is_edge)
    }

    fn after(&self, name: &'static str, noted: bool, result: &Result<Value, Error>) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(name).or_default();
        match result {
            Ok(_) if noted => row.edge += 1,
            Ok(_) => row.normal += 1,
            Err(error) => {
                row.error += 1;
                // An edge may be refused, but not because it is of another type.
                let is_about_types = ["TypeError", "ArityError"].contains(&&*error.kind);
                row.edge += u32::from(noted && !is_about_types);
            }
        }
    }
}

fn is_edge(value: &Value) -> bool {
    match value.view() {
        View::Null | View::None => true,
        View::Int(v) => v <= 0 || v == i64::MAX,
        View::Float(v) => !v.is_finite() || v <= 0.0,
        View::Str(text) => text.as_str().is_empty() || !text.as_str().is_ascii(),
        View::Array(array) => are_edges(array.iter()),
        View::Dict(dict) => are_edges(dict.iter().flat_map(|(k, v)| [k.clone(), v.clone()])),
        View::Set(set) => are_edges(set.members().iter().cloned()),
        View::Queue(queue) => are_edges(queue.0.iter().cloned()),
        View::Stack(stack) => are_edges(stack.0.iter()),
        View::Bytes(bytes) => bytes.0.is_empty(),
        _ => false,
    }
}

/// Whether there is nothing, or something is an edge or a collection with nothing in it.
fn are_edges(mut values: impl Iterator<Item = Value>) -> bool {
    let is_inner = |value: Value| match value.view() {
        View::Array(array) => array.is_empty(),
        View::Dict(dict) => dict.is_empty(),
        View::Set(_) | View::Queue(_) | View::Stack(_) => false,
        _ => is_edge(&value),
    };
    match values.next() {
        None => true,
        Some(first) => std::iter::once(first).chain(values).take(50).any(is_inner),
    }
}

/// Types whose values have no edges that could be seen, besides handles.
const PLAIN: [&str; 10] = [
    "bool",
    "func",
    "iterator",
    "generator",
    "ref",
    "struct",
    "response",
    "error",
    "result",
    "option",
];

fn has_edges(params: &[Param], word: &str) -> bool {
    let is_plain = |ty: &str| ty.split('|').all(|part| PLAIN.contains(&part) || is_handle(part));
    !is_plain(word) || params.iter().any(|param| !is_plain(param.ty))
}

/// Programs that take long, and test the engines instead of the natives.
const LEFT_OUT: [&str; 3] = ["tests/lang/hot", "tests/lang/performance", "tests/lang/limits"];

fn options(table: &Arc<Table>) -> Options {
    let mut options = Setting::Tree.options();
    options.observer = Some(table.clone());
    options
}

/// Runs everything that is compared elsewhere.
fn observe(table: &Arc<Table>) -> Result<(), Failed> {
    let programs = files::below("tests/lang", "ruff").into_iter().filter(|path| {
        let shown = files::shown(path);
        !LEFT_OUT.iter().any(|folder| shown.starts_with(folder))
    });
    let texts = programs.chain(files::below("examples", "ruff")).map(|path| files::read(&path));
    for text in texts.chain(documents::examples()) {
        golden::run_program_with(&Golden::parse(&text)?, options(table));
    }
    http::ask_with(&options(table))?;
    http::serve_with(options(table))
}

/// Natives whose ordinary use needs what a golden program has not, and the trials that have it.
const ELSEWHERE: [(&str, &str); 4] = [
    ("input", "cli/"),
    ("read_line", "cli/"),
    ("read_stdin", "cli/"),
    // The same declaration as `httpserver.listen`.
    ("httpserver.start", "http/server"),
];

/// What a row lacks; natives that never return need two failures, and those that take everything
/// cannot fail.
fn lacks(row: Row, params: &[Param], word: &str, result: &str) -> Vec<&'static str> {
    let n_edge =
        if has_edges(params, word) { row.edge } else { row.edge + row.normal.saturating_sub(1) };
    let takes_all = params.iter().all(|p| p.ty == "any") && params.iter().any(|p| p.is_rest);
    let needed = match result {
        "never" => [("error", row.error > 1), ("", true), ("", true)],
        _ => [
            ("normal", row.normal > 0),
            ("edge", n_edge > 0),
            ("error", row.error > 0 || takes_all),
        ],
    };
    needed.into_iter().filter(|(_, is_there)| !is_there).map(|(what, _)| what).collect()
}

fn every_native() -> Result<(), Failed> {
    let table = Arc::new(Table::default());
    observe(&table)?;
    let rows = table.0.lock().unwrap_or_else(PoisonError::into_inner);
    let functions = natives::all().iter().map(|n| (n.name, n.params, "bool", n.result));
    let of = |decl: &'static MethodDecl| {
        (decl.full_name.as_str(), decl.params, receiver_word(decl), decl.result)
    };
    let plain = type_methods().iter().map(of);
    let updating = updating_methods().iter().map(|decl| of(&decl.0));
    let mut lacking = Vec::new();
    let mut n_complete = 0;
    for (name, params, word, result) in functions.chain(plain).chain(updating) {
        let row = rows.get(name).copied().unwrap_or_default();
        let missing = lacks(row, params, word, result);
        let is_elsewhere = ELSEWHERE.iter().any(|(other, _)| *other == name);
        if missing.is_empty() || is_elsewhere {
            n_complete += 1;
        } else {
            lacking.push(format!("{name}: no {} ({row:?})", missing.join(", no ")));
        }
    }
    if lacking.is_empty() && n_complete > 500 {
        return Ok(());
    }
    let n_all = n_complete + lacking.len();
    Err(format!("{} of {n_all} natives:\n{}", lacking.len(), lacking.join("\n")).into())
}

/// The type of a method's receiver, as in the catalogue.
fn receiver_word(decl: &'static MethodDecl) -> &'static str {
    decl.full_name.split('.').next().unwrap_or("")
}
