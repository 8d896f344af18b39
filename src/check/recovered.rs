//! Compile errors of a file that also has syntax errors.
//!
//! The tree then lacks statements, so an error that names resolve to may be a mere consequence:
//! of a block that is nested wrongly, or of a declaration that was skipped. Only what follows
//! from neither is worth reporting.

use std::collections::HashSet;

use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::parser::Parsed;
use crate::syntax::source::Source;

/// Errors after which blocks may be missing or nested wrongly.
const HIDING: [Code; 6] = [Code::L002, Code::L004, Code::L008, Code::L009, Code::P003, Code::P004];

/// Whether the blocks of a file with errors stand where its author meant them to.
pub fn keeps_blocks(parsed: &Parsed) -> bool {
    parsed.is_balanced && !parsed.diagnostics.iter().any(|d| HIDING.contains(&d.code))
}

/// The errors that stay errors whatever the texts with syntax errors were meant to be.
pub fn independent(source: &Source, parsed: &Parsed, errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut doubtful: HashSet<&str> = HashSet::new();
    for span in &parsed.skipped {
        doubtful.extend(words(&source.text[span.start as usize..span.end as usize]));
    }
    for diagnostic in &parsed.diagnostics {
        doubtful.extend(words(source.line(source.line_col(diagnostic.span.start).0)));
    }
    let is_certain = |error: &Diagnostic| {
        let marked = &source.text[error.span.start as usize..error.span.end as usize];
        !words(marked).any(|word| doubtful.contains(word))
    };
    errors.into_iter().filter(is_certain).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.split(move |c| !is_name(c)).filter(|word| !word.is_empty())
}
