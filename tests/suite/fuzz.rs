//! Random and mutated texts through lexer, parser, resolver and compiler: nothing may panic.
//!
//! `RUFF_FUZZ_BYTES=N` sets how much text a run feeds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, thread};

use libtest_mimic::{Failed, Trial};
use ruff::engine::{self, DumpForm};
use ruff::loader::Loader;
use ruff::syntax::source;

use crate::generate::Rng;
use crate::generated::number;

const DEFAULT_BYTES: u64 = 300_000;
const STACK: usize = 64 << 20;

/// Fragments that change what the text around them means.
const FRAGMENTS: [&str; 24] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "${",
    "\\",
    "#",
    "/*",
    "\n",
    ":=",
    "...",
    "func",
    "match",
    "case",
    "try",
    "self",
    "::",
    "?.",
    "|>",
    "9223372036854775808",
    "é",
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("fuzz/mutated_programs", || on_big_stack(mutated)),
        Trial::test("fuzz/random_bytes", || on_big_stack(random)),
    ]
}

fn on_big_stack(work: fn() -> Result<(), Failed>) -> Result<(), Failed> {
    let thread = thread::Builder::new().stack_size(STACK).spawn(work)?;
    thread.join().map_err(|_| Failed::from("the front end panicked"))?
}

/// Compiles a text; what it says does not matter.
fn feed(bytes: Vec<u8>) {
    let Ok(source) = source::decode("fuzz.ruff", bytes) else { return };
    let loader = Loader::new(PathBuf::new());
    // Errors are expected; only panics are not.
    drop(engine::dump(&loader, &Arc::new(source), DumpForm::Bytecode, Some("none")));
}

fn mutated() -> Result<(), Failed> {
    let mut programs = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lang"), &mut programs)?;
    programs.retain(|text: &Vec<u8>| text.len() < 4000);
    let mut rng = Rng::new(7);
    let mut left = number("RUFF_FUZZ_BYTES", DEFAULT_BYTES) as i64;
    while left > 0 {
        let mut text = programs[rng.below(programs.len())].clone();
        for _ in 0..1 + rng.below(6) {
            mutate(&mut text, &mut rng);
        }
        left -= text.len() as i64;
        feed(text);
    }
    Ok(())
}

fn mutate(text: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.below(text.len() + 1);
    let end = (at + rng.below(12)).min(text.len());
    match rng.below(4) {
        0 => drop(text.drain(at..end)),
        1 => {
            let copy = text[at..end].to_vec();
            text.splice(at..at, copy);
        }
        2 => {
            let fragment = FRAGMENTS[rng.below(FRAGMENTS.len())];
            text.splice(at..end, fragment.bytes());
        }
        _ => text.insert(at, rng.below(256) as u8),
    }
}

fn random() -> Result<(), Failed> {
    let mut rng = Rng::new(11);
    let mut left = number("RUFF_FUZZ_BYTES", DEFAULT_BYTES) as i64;
    while left > 0 {
        let n = 1 + rng.below(2000);
        let text = if rng.below(2) == 0 {
            (0..n).map(|_| rng.below(128) as u8).collect()
        } else {
            let fragment = |rng: &mut Rng| FRAGMENTS[rng.below(FRAGMENTS.len())].bytes();
            (0..n / 3).flat_map(|_| fragment(&mut rng).chain([b' '])).collect()
        };
        left -= n as i64;
        feed(text);
    }
    Ok(())
}

fn collect(dir: &Path, programs: &mut Vec<Vec<u8>>) -> Result<(), Failed> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, programs)?;
        } else {
            programs.push(fs::read(path)?);
        }
    }
    // The order of directory entries is not fixed.
    programs.sort();
    Ok(())
}
