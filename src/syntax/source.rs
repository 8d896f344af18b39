//! Source text and positions in it.

use std::sync::Arc;

use super::codes::Code;
use super::diagnostic::Diagnostic;

/// Larger files are rejected; offsets therefore fit 32 bits.
pub const MAX_SOURCE_BYTES: usize = 16 << 20;

/// A file that is not source text, with as much of its text as is needed to show where.
#[derive(Debug)]
pub struct Rejected {
    pub source: Source,
    pub diagnostic: Diagnostic,
}

/// The source text in the bytes of a file.
///
/// # Errors
/// L007 at the first byte that is not UTF-8; L008 if there are too many bytes.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<Source, Box<Rejected>> {
    if bytes.len() > MAX_SOURCE_BYTES {
        let source = Source::new(name, "");
        return Err(Box::new(Rejected { source, diagnostic: too_large() }));
    }
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Ok(Source::new(name, &text)),
        Err(error) => error,
    };
    let valid = error.utf8_error().valid_up_to();
    let prefix = String::from_utf8_lossy(&error.as_bytes()[..valid]);
    // Offsets count normalised text. The replacement character stands for the bad byte.
    let start = Source::new(name, &prefix).text.len() as u32;
    let source = Source::new(name, &format!("{prefix}\u{fffd}"));
    let span = Span::new(start, source.text.len() as u32);
    let diagnostic = Diagnostic::error(Code::L007, span, "Source is not valid UTF-8");
    Err(Box::new(Rejected { source, diagnostic }))
}

/// The error for more than [`MAX_SOURCE_BYTES`], at the start of the file.
pub fn too_large() -> Diagnostic {
    let message = format!("Source too large (limit {MAX_SOURCE_BYTES} bytes)");
    Diagnostic::error(Code::L008, Span::default(), message)
}

/// A half-open range of byte offsets in one file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: u32, end: u32) -> Self {
        debug_assert!(start <= end);
        Span { start, end }
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Span) -> Self {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A file's text (line ends normalised to `\n`, no byte order mark) and where its lines start.
#[derive(Debug)]
pub struct Source {
    /// As named by the user or found by an import: `main.ruff`, `<eval>`, `<stdin>`.
    pub name: Arc<str>,
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

impl Source {
    /// Wraps `text`, replacing `\r\n` and `\r` by `\n` and dropping a leading byte order mark.
    pub fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let text: Arc<str> = if text.contains('\r') {
            text.replace("\r\n", "\n").replace('\r', "\n").into()
        } else {
            text.into()
        };
        let starts =
            text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(i, _)| i as u32 + 1);
        let line_starts = std::iter::once(0).chain(starts).collect();
        Source { name: name.into(), text, line_starts }
    }

    /// Line and column of a byte offset, both from 1; columns count Unicode scalar values.
    pub fn line_col(&self, offset: u32) -> (u32, u32) {
        let line = self.line_starts.partition_point(|&start| start <= offset) - 1;
        let start = self.line_starts[line] as usize;
        let end = (offset as usize).min(self.text.len());
        let col = self.text.get(start..end).map_or(0, |s| s.chars().count());
        (line as u32 + 1, col as u32 + 1)
    }

    /// The text of a line (numbered from 1), without its newline.
    pub fn line(&self, line: u32) -> &str {
        let index = line as usize - 1;
        let Some(&start) = self.line_starts.get(index) else { return "" };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |&e| e as usize - 1);
        &self.text[start as usize..end]
    }
}
