//! From instructions to positions in the source; resolved only when an error surfaces.

use std::sync::Arc;

use crate::error::Position;

/// A source text with its line starts.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceMap {
    /// As shown in messages.
    pub file: Arc<str>,
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceMap {
    pub fn new(file: Arc<str>, text: Arc<str>) -> SourceMap {
        let newlines = text.bytes().enumerate().filter(|&(_, b)| b == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(i, _)| i as u32 + 1)).collect();
        SourceMap { file, text, line_starts }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, offset: u32) -> u32 {
        self.line_starts.partition_point(|&start| start <= offset) as u32
    }

    pub fn position(&self, offset: u32) -> Position {
        let line = self.line(offset);
        let start = self.line_starts[line as usize - 1] as usize;
        let before = self.text.get(start..offset as usize).unwrap_or("");
        Position { file: self.file.clone(), line, column: before.chars().count() as u32 + 1 }
    }
}

/// For instructions that can fail or call: the byte offset that an error is reported at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanTable {
    /// Sorted by pc.
    entries: Vec<(u32, u32)>,
}

impl SpanTable {
    /// Entries must come in order of their pc.
    pub fn push(&mut self, pc: u32, offset: u32) {
        debug_assert!(self.entries.last().is_none_or(|&(last, _)| last < pc));
        self.entries.push((pc, offset));
    }

    /// The offset of the instruction at `pc`, or of the nearest one before.
    pub fn offset(&self, pc: u32) -> u32 {
        let after = self.entries.partition_point(|&(at, _)| at <= pc);
        after.checked_sub(1).map_or(0, |i| self.entries[i].1)
    }
}
