//! Architecture as a test: layers, file length, banned constructs, the list of unsafe modules.

use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::files;

/// `(folder or file, what it must not mention)`: imports point up this list, never down.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "src/syntax",
        &[
            "ruff_runtime",
            "ruff_jit",
            "crate::resolve",
            "crate::check",
            "crate::compile",
            "crate::tree",
            "crate::tools",
            "crate::engine",
            "crate::loader",
            "crate::cli",
        ],
    ),
    (
        "src/resolve",
        &[
            "ruff_runtime",
            "ruff_jit",
            "crate::check",
            "crate::compile",
            "crate::tree",
            "crate::tools",
            "crate::engine",
            "crate::loader",
            "crate::cli",
        ],
    ),
    (
        "src/check",
        &[
            "ruff_runtime",
            "ruff_jit",
            "crate::compile",
            "crate::tree",
            "crate::tools",
            "crate::engine",
            "crate::loader",
            "crate::cli",
        ],
    ),
    (
        "src/compile",
        &["ruff_jit", "ruff_runtime::interp", "crate::tree", "crate::tools", "crate::cli"],
    ),
    (
        "src/tree",
        &["ruff_jit", "ruff_runtime::interp", "crate::compile", "crate::tools", "crate::cli"],
    ),
    ("src/engine", &["crate::tools", "crate::cli"]),
    ("runtime/src", &["ruff_jit", "cranelift", "ruff::"]),
    (
        "runtime/src/bytecode",
        &["crate::heap", "crate::objects", "crate::semantics", "crate::interp", "crate::natives"],
    ),
    ("runtime/src/semantics", &["crate::interp", "crate::profile", "crate::natives"]),
    ("runtime/src/natives", &["crate::interp", "crate::bytecode"]),
    ("jit/src", &["ruff::"]),
];

/// `(file, what it may mention all the same)`: names in texts for people, counts for checks, plain
/// data.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("runtime/src/bytecode/asm.rs", "crate::objects"),
    ("runtime/src/bytecode/mod.rs", "crate::objects"),
    ("runtime/src/bytecode/verify.rs", "crate::objects"),
    ("runtime/src/bytecode/verify.rs", "crate::natives"),
    ("runtime/src/bytecode/disasm.rs", "crate::natives"),
    ("runtime/src/semantics/display.rs", "crate::natives"),
];

/// Longest source file; tables may be exempted by name.
const MAX_LINES: usize = 600;
const TABLES: [&str; 1] = ["runtime/src/bytecode/ops.rs"];

/// Text that must not occur in sources, and why.
const BANNED: [(&str, &str); 4] = [
    (", String>", "a `Result` has an error type of its own"),
    ("todo!(", "no stubs"),
    ("unimplemented!(", "no stubs"),
    ("#[ignore", "a test always runs"),
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("tidy/layers", layers),
        Trial::test("tidy/file_length", file_length),
        Trial::test("tidy/banned_text", banned_text),
        Trial::test("tidy/allow_has_a_reason", allow_has_a_reason),
        Trial::test("tidy/unsafe_is_listed", unsafe_is_listed),
        Trial::test("tidy/modules_say_what_they_are", module_headers),
    ]
}

/// Every line of code below a folder (or of a file), without comments: path, line, text.
fn code_lines(folder: &str) -> Vec<(String, usize, String)> {
    let file = files::root(folder);
    let paths = if file.is_file() { vec![file] } else { files::below(folder, "rs") };
    let mut found = Vec::new();
    for path in paths {
        for (index, line) in files::read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            found.push((files::shown(&path), index + 1, code.to_owned()));
        }
    }
    found
}

fn sources() -> Vec<(String, usize, String)> {
    ["src", "runtime/src", "jit/src", "tests/suite"].into_iter().flat_map(code_lines).collect()
}

fn verdict(problems: &[String]) -> Result<(), Failed> {
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

fn layers() -> Result<(), Failed> {
    let mut problems = Vec::new();
    for (folder, banned) in LAYERS {
        for (path, line, code) in code_lines(folder) {
            if path.ends_with("/tests.rs") || path.contains("/tests/") {
                continue;
            }
            for name in banned.iter().filter(|name| mentions(&code, name)) {
                if !EXCEPTIONS.contains(&(path.as_str(), *name)) {
                    problems.push(format!("{path}:{line}: {folder} must not know {name}"));
                }
            }
        }
    }
    verdict(&problems)
}

/// Whether `code` contains `name` as whole path segments.
fn mentions(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].chars().next();
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(part) && (name.ends_with(':') || !after.is_some_and(part))
    })
}

fn file_length() -> Result<(), Failed> {
    let folders = ["src", "runtime/src", "jit/src", "tests/suite"];
    let paths = folders.into_iter().flat_map(|folder| files::below(folder, "rs"));
    let long = paths.filter_map(|path| {
        let lines = files::read(&path).lines().count();
        let shown = files::shown(&path);
        (lines > MAX_LINES && !TABLES.contains(&shown.as_str()))
            .then(|| format!("{shown}: {lines} lines, at most {MAX_LINES}"))
    });
    verdict(&long.collect::<Vec<_>>())
}

fn banned_text() -> Result<(), Failed> {
    let mut problems = Vec::new();
    for (path, line, code) in sources() {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (text, why) in BANNED.iter().filter(|(text, _)| code.contains(text)) {
            let is_result = !text.ends_with("String>") || code.contains("Result<");
            if is_result {
                problems.push(format!("{path}:{line}: `{text}`: {why}"));
            }
        }
    }
    verdict(&problems)
}

/// `#[allow(..)]` and `#[expect(..)]` may span lines; the reason stands before the closing `)]`.
fn allow_has_a_reason() -> Result<(), Failed> {
    let mut problems = Vec::new();
    let lines = sources();
    for (at, (path, line, code)) in lines.iter().enumerate() {
        if path.ends_with("tidy.rs") || !(code.contains("#[allow(") || code.contains("#![allow(")) {
            continue;
        }
        let mut text = String::new();
        for (_, _, more) in &lines[at..] {
            text.push_str(more);
            if more.contains(")]") {
                break;
            }
        }
        if !text.contains("reason") {
            problems.push(format!("{path}:{line}: `allow` without a reason"));
        }
    }
    verdict(&problems)
}

/// Unsafe code stands only in modules that `lib.rs` of their crate lists, never in `src`.
fn unsafe_is_listed() -> Result<(), Failed> {
    let mut problems = Vec::new();
    for (path, line, code) in code_lines("src") {
        if mentions(&code, "unsafe") && !code.contains("unsafe_code") {
            problems.push(format!("{path}:{line}: unsafe code outside runtime and jit"));
        }
    }
    for crate_root in ["runtime/src/lib.rs", "jit/src/lib.rs"] {
        let path = files::root(crate_root);
        if path.is_file() && !files::read(&path).contains("deny(unsafe_code)") {
            problems.push(format!("{crate_root}: does not deny unsafe code"));
        }
    }
    verdict(&problems)
}

fn module_headers() -> Result<(), Failed> {
    let folders = ["src", "runtime/src", "jit/src", "tests/suite"];
    let paths = folders.into_iter().flat_map(|folder| files::below(folder, "rs"));
    let bare = paths.filter(|path| !has_header(path));
    verdict(
        &bare.map(|path| format!("{}: no `//!` header", files::shown(&path))).collect::<Vec<_>>(),
    )
}

fn has_header(path: &Path) -> bool {
    files::read(path).starts_with("//!")
}
