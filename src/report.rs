//! The one place that turns diagnostics and run-time errors into text for people.
//!
//! The layout is that of LS 20.2; `annotate-snippets` draws the source line and its marks.

use std::collections::HashMap;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use ruff_runtime::error::{Error, Kind, Position, TraceEntry};
use ruff_runtime::host::Expiry;
use ruff_runtime::value::{Value, View};

use crate::resolve::Resolved;
use crate::syntax::diagnostic::{Diagnostic, Severity};
use crate::syntax::source::Source;

/// Diagnostics of one file that are shown in full.
const MAX_SHOWN: usize = 20;
/// Frames shown at each end of a long call stack.
const MAX_FRAMES: usize = 20;

/// Whether to use colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    Plain,
    Colored,
}

impl Style {
    fn renderer(self) -> Renderer {
        match self {
            Style::Plain => Renderer::plain(),
            Style::Colored => Renderer::styled(),
        }
    }
}

/// A file of a program, as messages need it.
#[derive(Clone)]
pub struct Shown {
    pub source: Arc<Source>,
    /// For what to do about undefined names.
    pub resolved: Option<Arc<Resolved>>,
}

/// The files of a program, by the name that messages use.
pub type Sources = HashMap<Arc<str>, Shown>;

/// That a limit of the whole run stopped the program.
pub fn expired(expiry: Expiry) -> String {
    match expiry {
        Expiry::Time => "error: time limit reached (--timeout)\n",
        Expiry::Steps => "error: step limit reached (--max-steps)\n",
    }
    .to_owned()
}

/// The first 20 diagnostics of a file in text order, then how many more there are.
pub fn diagnostics(source: &Source, list: &[Diagnostic], style: Style) -> String {
    let mut sorted: Vec<&Diagnostic> = list.iter().collect();
    sorted.sort_by_key(|d| d.span.start);
    let mut out = String::new();
    for diagnostic in sorted.iter().take(MAX_SHOWN) {
        out.push_str(&diagnostic_text(source, diagnostic, style));
        out.push('\n');
    }
    if let Some(more) = sorted.len().checked_sub(MAX_SHOWN).filter(|&n| n > 0) {
        out.push_str(&format!("{more} more errors\n"));
    }
    out
}

fn diagnostic_text(source: &Source, diagnostic: &Diagnostic, style: Style) -> String {
    let (line, _) = source.line_col(diagnostic.span.start);
    let text = source.line(line);
    let (from, to) = span_in_line(source, line, diagnostic.span.start, diagnostic.span.end);
    let mut snippet = Snippet::source(text)
        .line_start(line as usize)
        .path(&*source.name)
        .annotation(AnnotationKind::Primary.span(from..to));
    for label in &diagnostic.labels {
        if source.line_col(label.span.start).0 == line {
            let (from, to) = span_in_line(source, line, label.span.start, label.span.end);
            let annotation = AnnotationKind::Context.span(from..to).label(&*label.text);
            snippet = snippet.annotation(annotation);
        }
    }
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&*diagnostic.message).id(diagnostic.code.as_str());
    let mut out = style.renderer().render(&[Group::with_title(title).element(snippet)]);
    for note in &diagnostic.notes {
        out.push_str(&format!("\nhelp: {note}"));
    }
    out
}

/// Byte offsets of a span inside its first line; at least one character wide where possible.
fn span_in_line(source: &Source, line: u32, start: u32, end: u32) -> (usize, usize) {
    let text = source.line(line);
    let line_start = text.as_ptr() as usize - source.text.as_ptr() as usize;
    let from = (start as usize - line_start).min(text.len());
    let to = (end as usize).saturating_sub(line_start).clamp(from, text.len());
    let one = text[from..].chars().next().map_or(0, char::len_utf8);
    (from, to.max(from + one))
}

/// An uncaught error with its source line, call stack and causes.
pub fn runtime_error(error: &Error, sources: &Sources, style: Style) -> String {
    let title = (Level::ERROR, error.code(), &*error.message);
    let mut out = located(title, error.position.as_deref(), sources, style);
    if let Some(name) = similar_name(error, sources) {
        out.push_str(&format!("help: did you mean '{name}'?\n"));
    }
    let frames: Vec<String> = error.trace.iter().map(TraceEntry::to_string).collect();
    push_stack(&mut out, &frames, n_calls(error));
    if let View::Struct(cause) = error.cause.view()
        && cause.def().is_error
    {
        out.push_str("caused by: ");
        out.push_str(&cause_text(&error.cause));
        out.push('\n');
    }
    for help in &error.help {
        out.push_str(&format!("help: {help}\n"));
    }
    out
}

/// The warning about the error of a task that nobody awaited (LS 16.5).
pub fn unhandled(error: &Error, sources: &Sources, style: Style) -> String {
    warning(error, ("W001", "unhandled error in async task"), sources, style)
}

/// The warning about the error of a spawned block that nobody awaited (LS 17.2).
pub fn unhandled_in_thread(error: &Error, sources: &Sources, style: Style) -> String {
    warning(error, ("W002", "error in spawned block"), sources, style)
}

fn warning(error: &Error, (code, what): (&str, &str), sources: &Sources, style: Style) -> String {
    let message = format!("{what}: {}", error.message);
    let mut out =
        located((Level::WARNING, code, &message), error.position.as_deref(), sources, style);
    let frames: Vec<String> = error.trace.iter().map(TraceEntry::to_string).collect();
    push_stack(&mut out, &frames, n_calls(error));
    out
}

/// A visible name like the undefined one that the error is about.
fn similar_name<'a>(error: &Error, sources: &'a Sources) -> Option<&'a str> {
    if error.kind != Kind::NameError.name() {
        return None;
    }
    let position = error.position.as_ref()?;
    let Shown { source, resolved } = sources.get(&position.file)?;
    let line = source.line(position.line);
    let start = line.as_ptr() as usize - source.text.as_ptr() as usize;
    let (at, _) = line.char_indices().nth(position.column as usize - 1)?;
    let name = resolved.as_ref()?.suggestions.get(&((start + at) as u32))?;
    Some(name)
}

/// The calls of a traceback, also those that it leaves out.
fn n_calls(error: &Error) -> usize {
    error.trace.iter().map(TraceEntry::n_calls).sum()
}

fn push_stack(out: &mut String, frames: &[String], n_calls: usize) {
    if frames.is_empty() {
        return;
    }
    out.push_str("call stack (innermost first):\n");
    let hidden = frames.len().saturating_sub(2 * MAX_FRAMES);
    for (i, frame) in frames.iter().enumerate() {
        if hidden > 0 && i == MAX_FRAMES {
            let hidden = n_calls - 2 * MAX_FRAMES;
            out.push_str(&format!("  ... {hidden} more ...\n"));
        }
        if hidden == 0 || i < MAX_FRAMES || i >= MAX_FRAMES + hidden {
            out.push_str(&format!("  {frame}\n"));
        }
    }
}

/// `error[CODE]: MESSAGE` with its position and source line, ending in a newline.
fn located(
    (level, code, message): (Level<'_>, &str, &str),
    position: Option<&Position>,
    sources: &Sources,
    style: Style,
) -> String {
    let title = level.primary_title(message).id(code);
    let Some(position) = position else {
        return style.renderer().render(&[Group::with_title(title)]) + "\n";
    };
    let Some(Shown { source, .. }) = sources.get(&position.file) else {
        let head = style.renderer().render(&[Group::with_title(title)]);
        return format!("{head}\n  --> {}:{}:{}\n", position.file, position.line, position.column);
    };
    let text = source.line(position.line);
    let column = position.column as usize - 1;
    let from = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
    let to = from + token_len(&text[from..]);
    let snippet = Snippet::source(text)
        .line_start(position.line as usize)
        .path(&*position.file)
        .annotation(AnnotationKind::Primary.span(from..to));
    style.renderer().render(&[Group::with_title(title).element(snippet)]) + "\n"
}

/// Length in bytes of the name or the single character at the start of `text`.
fn token_len(text: &str) -> usize {
    let name = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    if name > 0 { name } else { text.chars().next().map_or(0, char::len_utf8) }
}

fn cause_text(cause: &Value) -> String {
    let View::Struct(error) = cause.view() else { return String::new() };
    let field = |name: &str| {
        let text = error.get(name).and_then(|v| ruff_runtime::semantics::display::display(v).ok());
        text.unwrap_or_default()
    };
    format!("{}: {}\n  --> {}:{}", field("kind"), field("message"), field("file"), field("line"))
}
