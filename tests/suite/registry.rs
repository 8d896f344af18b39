//! Compares the declared natives with the table of the catalogue, `tests/data/natives.tsv`.
//!
//! What the catalogue has and the registry lacks is listed here by name, so that the list can
//! only shrink.

use std::collections::BTreeMap;
use std::fs;

use libtest_mimic::{Failed, Trial};
use ruff_runtime::natives::method::{MethodDecl, type_methods, updating_methods};
use ruff_runtime::natives::{self, Effect, Native, Param};

use crate::files;

/// Names of the catalogue that are not built yet.
const MISSING: &[&str] = &[];

/// The exports of the predefined module, and the natives that they are.
const PROMISE: [(&str, &str); 3] = [
    ("Promise.all", "promise_all"),
    ("Promise.race", "promise_race"),
    ("Promise.any", "promise_any"),
];

/// Methods for which the table does not say what the declarations do: those of several types at
/// once stand there without their type.
const SHARED_METHODS: &str = "iterator.";

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("registry/catalogue", catalogue)]
}

/// What the table says about a name.
#[derive(PartialEq, Eq)]
struct Row {
    params: String,
    least: String,
    most: String,
    result: String,
    capability: String,
    purity: Option<String>,
}

impl Row {
    fn text(&self) -> String {
        let Row { params, least, most, result, capability, purity } = self;
        let purity = purity.as_deref().unwrap_or("?");
        format!("({params}) {least}..{most} -> {result} [{capability}; {purity}]")
    }
}

fn catalogue() -> Result<(), Failed> {
    let text = fs::read_to_string(files::root("tests").join("data/natives.tsv"))?;
    let built = built();
    let mut problems = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, _, params, least, most, result, capability, purity] = cells[..] else {
            return Err(format!("malformed row: {line}").into());
        };
        let Some(row) = built.get(name) else {
            if !MISSING.contains(&name) {
                problems.push(format!("{name} is missing"));
            }
            continue;
        };
        if MISSING.contains(&name) {
            problems.push(format!("{name} exists; take it off the list"));
        }
        let wanted = Row {
            params: params.to_owned(),
            least: least.to_owned(),
            most: most.to_owned(),
            result: result.to_owned(),
            capability: capability.to_owned(),
            purity: row.purity.as_ref().map(|_| purity.to_owned()),
        };
        if wanted != *row && !name.starts_with(SHARED_METHODS) {
            problems.push(format!("{name}: {} instead of {}", row.text(), wanted.text()));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// Everything that is declared, by name.
fn built() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for native in natives::all() {
        rows.insert(native.name.to_owned(), function(native));
    }
    for (name, native) in PROMISE {
        if let Some(index) = natives::lookup(native) {
            rows.insert(name.to_owned(), function(natives::get(index)));
        }
    }
    for decl in type_methods() {
        rows.insert(decl.full_name.clone(), method(decl));
    }
    for decl in updating_methods() {
        rows.insert(decl.0.full_name.clone(), method(&decl.0));
    }
    rows
}

fn number(n: usize) -> String {
    if n == usize::MAX { "*".to_owned() } else { n.to_string() }
}

fn function(native: &Native) -> Row {
    let purity = match native.effect {
        Effect::Pure => "yes",
        Effect::PureCallback => "callback",
        Effect::Other => "no",
    };
    Row {
        params: params(native.params),
        least: number(native.n_required),
        most: number(native.n_max),
        result: native.result.to_owned(),
        capability: native.capability.unwrap_or("none").to_owned(),
        purity: Some(purity.to_owned()),
    }
}

fn method(decl: &MethodDecl) -> Row {
    Row {
        params: params(decl.params),
        least: number(decl.n_required),
        most: number(decl.n_max),
        result: decl.result.to_owned(),
        capability: decl.capability.unwrap_or("none").to_owned(),
        purity: None,
    }
}

fn params(params: &[Param]) -> String {
    let text = |param: &Param| {
        let dots = if param.is_rest { "..." } else { "" };
        let mark = if param.is_optional { "?" } else { "" };
        format!("{dots}{}{mark}: {}", param.name.trim_end_matches('_'), param.ty)
    };
    params.iter().map(text).collect::<Vec<_>>().join(", ")
}
