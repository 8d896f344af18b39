//! Strings: UTF-8, immutable for programs, appended in place when unique.
//!
//! The length in characters and the hash are computed once and kept. Texts that are not ASCII
//! get an index with the byte offset of every 64th character at their second indexed access,
//! so that indexing is constant time.

use std::cell::{Cell, OnceCell};
use std::hash::Hasher;
use std::ptr::NonNull;

use compact_str::CompactString;

use crate::heap::{Header, LARGE, Obj, Ref, note_block};
use crate::value::{Object, Tag, Value};

const UNKNOWN: u32 = u32::MAX;
const INDEX_STEP: usize = 64;

#[repr(C)]
pub struct Str {
    /// 0 means not computed yet.
    hash: Cell<u64>,
    /// Length in characters, [`UNKNOWN`] if not counted yet. A text is ASCII iff this equals
    /// its length in bytes.
    n_chars: Cell<u32>,
    /// An indexed access to a text that is not ASCII has happened.
    was_indexed: Cell<bool>,
    /// No other string of the isolate that has this mark has the same text.
    is_interned: Cell<bool>,
    text: CompactString,
    /// Byte offsets of characters 0, 64, 128, …
    offsets: OnceCell<Box<[u32]>>,
}

impl Object for Str {
    const TAG: Tag = Tag::Str;
}

/// Offsets in [`Str`] that compiled code reads.
pub mod offsets {
    pub const N_CHARS: usize = std::mem::offset_of!(super::Str, n_chars);
    pub const IS_INTERNED: usize = std::mem::offset_of!(super::Str, is_interned);
}

impl Clone for Str {
    fn clone(&self) -> Self {
        Str {
            hash: self.hash.clone(),
            n_chars: self.n_chars.clone(),
            was_indexed: Cell::new(false),
            is_interned: Cell::new(false),
            text: self.text.clone(),
            offsets: OnceCell::new(),
        }
    }
}

/// A string value.
#[inline]
pub fn make(text: &str) -> Value {
    if let &[byte] = text.as_bytes() {
        return make_ascii(byte);
    }
    Value::from_ref(Ref::new(Str::new(text)))
}

/// A string value of one character.
#[inline]
pub fn make_char(c: char) -> Value {
    if c.is_ascii() {
        return make_ascii(c as u8);
    }
    Value::from_ref(Ref::new(Str::new(c.encode_utf8(&mut [0; 4]))))
}

/// Strings of the 128 ASCII characters; the table owns one count of each.
type AsciiTable = [Obj<Str>; 128];

thread_local! {
    // Made at the first use; freed by `release_shared` only.
    static ASCII: Cell<Option<NonNull<AsciiTable>>> = const { Cell::new(None) };
}

/// The string of one ASCII character.
#[inline]
fn make_ascii(byte: u8) -> Value {
    let table = ASCII.get().unwrap_or_else(make_ascii_table);
    // SAFETY: the table is not freed while a value counts on one of its strings.
    unsafe {
        let object = table.cast::<Obj<Str>>().add(usize::from(byte & 127));
        object.as_ref().header.retain();
        Value::from_parts(Tag::Str, object.as_ptr() as u64)
    }
}

/// Frees the strings of single characters if no value refers to one; for threads that end.
pub(crate) fn release_shared() {
    let Some(table) = ASCII.get() else { return };
    // SAFETY: the table came from `Box::leak` and is freed only here, when the table's own
    // counts are the only ones.
    unsafe {
        if table.as_ref().iter().all(|object| object.header.rc() == 1) {
            ASCII.set(None);
            drop(Box::from_raw(table.as_ptr()));
        }
    }
}

#[cold]
fn make_ascii_table() -> NonNull<AsciiTable> {
    let table: Box<AsciiTable> = Box::new(std::array::from_fn(|byte| {
        let text = char::from(byte as u8);
        let body = Str::new(text.encode_utf8(&mut [0; 4]));
        body.is_interned.set(true);
        Obj { header: Header::new(Tag::Str as u8, size_of::<Obj<Str>>()), body }
    }));
    let table = NonNull::from(Box::leak(table));
    ASCII.set(Some(table));
    table
}

impl Str {
    pub fn new(text: &str) -> Str {
        Str::from_compact(CompactString::new(text))
    }

    pub fn from_compact(text: CompactString) -> Str {
        Str {
            hash: Cell::new(0),
            n_chars: Cell::new(UNKNOWN),
            was_indexed: Cell::new(false),
            is_interned: Cell::new(false),
            text,
            offsets: OnceCell::new(),
        }
    }

    #[inline]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Says that the owner of the isolate's literals keeps this string for its text. A string
    /// with a second owner is never changed.
    pub(crate) fn set_interned(&self) {
        self.is_interned.set(true);
    }

    /// Whether two strings of an isolate have the same text.
    #[inline]
    pub fn same_text(&self, other: &Str) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        let are_interned = self.is_interned.get() && other.is_interned.get();
        !are_interned && self.text == other.text
    }

    /// Length in bytes.
    pub fn n_bytes(&self) -> usize {
        self.text.len()
    }

    /// Length in characters.
    pub fn n_chars(&self) -> usize {
        let known = self.n_chars.get();
        if known != UNKNOWN {
            return known as usize;
        }
        let n = self.text.chars().count();
        self.n_chars.set(n as u32);
        n
    }

    pub fn is_ascii(&self) -> bool {
        self.n_chars() == self.text.len()
    }

    /// The hash, computed at the first call; never 0.
    pub fn hash(&self) -> u64 {
        let known = self.hash.get();
        if known != 0 {
            return known;
        }
        let hash = hash_text(&self.text);
        self.hash.set(hash);
        hash
    }

    /// Appends in place.
    pub fn push_str(&mut self, more: &str) {
        let n_chars = self.n_chars.get();
        let added = if more.is_ascii() { more.len() } else { more.chars().count() };
        let sum = n_chars.saturating_add(added as u32);
        self.n_chars.set(if n_chars == UNKNOWN { UNKNOWN } else { sum });
        self.hash.set(0);
        self.offsets.take();
        let len = self.text.len() + more.len();
        if len > LARGE && len > self.text.capacity() {
            note_block(len);
        }
        self.text.push_str(more);
    }

    /// The character at `index`, counted in characters.
    pub fn char_at(&self, index: usize) -> Option<char> {
        if self.is_ascii() {
            return self.text.as_bytes().get(index).map(|&b| char::from(b));
        }
        self.text[self.byte_offset(index)?..].chars().next()
    }

    /// The byte offset at which character `index` starts; the length in bytes for
    /// `index == n_chars()`; `None` beyond.
    pub fn byte_offset(&self, index: usize) -> Option<usize> {
        if index > self.n_chars() {
            return None;
        }
        if self.is_ascii() {
            return Some(index);
        }
        if !self.was_indexed.replace(true) {
            return Some(offset_from(&self.text, 0, index));
        }
        let offsets = self.offsets.get_or_init(|| {
            self.text.char_indices().step_by(INDEX_STEP).map(|(at, _)| at as u32).collect()
        });
        let start = offsets.get(index / INDEX_STEP).map_or(self.text.len(), |&o| o as usize);
        Some(offset_from(&self.text, start, index % INDEX_STEP))
    }

    /// The text of `n` characters from character `start`, cut at the end.
    pub fn slice_chars(&self, start: usize, n: usize) -> &str {
        let end = start.saturating_add(n).min(self.n_chars());
        match (self.byte_offset(start), self.byte_offset(end)) {
            (Some(from), Some(to)) if from <= to => &self.text[from..to],
            _ => "",
        }
    }
}

fn offset_from(text: &str, start: usize, n_chars: usize) -> usize {
    text[start..].char_indices().nth(n_chars).map_or(text.len(), |(at, _)| start + at)
}

/// The hash of a text as used by dicts and sets; never 0.
pub fn hash_text(text: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish() | 1
}
