//! Insertion-ordered dicts with string and int keys.
//!
//! Entries sit in a vector in insertion order; a hash table maps a key's hash to its position.
//! A removed entry leaves a hole until enough of them have gathered. Small dicts (up to
//! [`SMALL`] entries) have no table and are searched in order.

use std::cell::Cell;

use hashbrown::HashTable;

use crate::heap::{LARGE, note_block};
use crate::value::{Object, Tag, Value};

const SMALL: usize = 8;

/// One key with its value. `key` is an int or a string; an entry whose key is `Unassigned` is a
/// hole.
#[derive(Clone)]
pub struct Entry {
    pub key: Value,
    hash: u64,
    pub value: Value,
}

#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<Entry>,
    /// Positions in `entries`; unused while there are at most [`SMALL`] entries.
    index: HashTable<u32>,
    len: usize,
    /// Where a key was found last: programs ask whether a key is there, read it and write it.
    last: Cell<u32>,
}

impl Object for Dict {
    const TAG: Tag = Tag::Dict;
}

/// A key to look up, borrowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    Int(i64),
    Str(&'a str),
}

/// The hash of an int. A few neighbours get neighbouring buckets (the table takes the low bits),
/// which saves cache lines for dense keys; blocks of them are scattered.
#[inline]
pub(crate) fn hash_int(v: i64) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    const BLOCK_BITS: u32 = 3;
    const IN_BLOCK: u64 = (1 << BLOCK_BITS) - 1;
    let v = v as u64;
    let block = (v >> BLOCK_BITS).wrapping_mul(FACTOR);
    let scattered = (block ^ (block >> 32)) << BLOCK_BITS;
    let tag = v.wrapping_mul(FACTOR) & (0x7f << 57);
    ((scattered | (v & IN_BLOCK)) & (u64::MAX >> 7)) | tag
}

/// The hash of a key value; `None` if the value cannot be a key.
#[inline]
fn hash_of(key: &Value) -> Option<u64> {
    use crate::value::View;
    match key.view() {
        View::Int(v) => Some(hash_int(v)),
        View::Str(s) => Some(s.hash()),
        _ => None,
    }
}

impl Entry {
    fn is_hole(&self) -> bool {
        self.key.tag() == Tag::Unassigned
    }

    #[inline]
    fn matches(&self, hash: u64, key: &Value) -> bool {
        // Int keys are decided without the hash, which may be in another cache line.
        self.key.is_identical(key) || self.hash == hash && same_text(&self.key, key)
    }

    fn matches_key(&self, hash: u64, key: Key<'_>) -> bool {
        use crate::value::View;
        self.hash == hash
            && match (self.key.view(), key) {
                (View::Int(a), Key::Int(b)) => a == b,
                (View::Str(a), Key::Str(b)) => a.as_str() == b,
                _ => false,
            }
    }
}

#[inline]
fn same_text(a: &Value, b: &Value) -> bool {
    use crate::value::View;
    match (a.view(), b.view()) {
        (View::Str(a), View::Str(b)) => a.as_str() == b.as_str(),
        _ => false,
    }
}

impl Dict {
    pub fn new() -> Dict {
        Dict::default()
    }

    pub fn with_capacity(n: usize) -> Dict {
        Dict { entries: Vec::with_capacity(n), ..Dict::default() }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a value can be a key: an int or a string.
    #[inline]
    pub fn is_key(value: &Value) -> bool {
        matches!(value.tag(), Tag::Int | Tag::Str)
    }

    /// The entries in insertion order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Value, &Value)> {
        self.entries.iter().filter(|e| !e.is_hole()).map(|e| (&e.key, &e.value))
    }

    /// The first entry at or after position `at`, with the position to go on from. Positions
    /// are stable while the dict is not changed; start at 0.
    pub fn entry_from(&self, at: usize) -> Option<(usize, &Value, &Value)> {
        let skipped = self.entries.get(at..)?.iter().position(|e| !e.is_hole())?;
        let entry = &self.entries[at + skipped];
        Some((at + skipped + 1, &entry.key, &entry.value))
    }

    #[inline]
    fn find(&self, hash: u64, key: &Value) -> Option<usize> {
        if self.index.is_empty() {
            return self.entries.iter().position(|e| e.matches(hash, key));
        }
        let entries = &self.entries;
        let last = self.last.get() as usize;
        if entries.get(last).is_some_and(|e| e.key.is_identical(key)) {
            return Some(last);
        }
        let found = self.index.find(hash, |&i| entries[i as usize].matches(hash, key));
        found.map(|&i| {
            self.last.set(i);
            i as usize
        })
    }

    fn find_key(&self, key: Key<'_>) -> Option<usize> {
        let hash = match key {
            Key::Int(v) => hash_int(v),
            Key::Str(s) => super::string::hash_text(s),
        };
        if self.index.is_empty() {
            return self.entries.iter().position(|e| e.matches_key(hash, key));
        }
        let entries = &self.entries;
        let found = self.index.find(hash, |&i| entries[i as usize].matches_key(hash, key));
        found.map(|&i| i as usize)
    }

    /// The value under `key`; `None` also for values that cannot be keys.
    #[inline]
    pub fn get(&self, key: &Value) -> Option<&Value> {
        let at = self.find(hash_of(key)?, key)?;
        Some(&self.entries[at].value)
    }

    pub fn get_key(&self, key: Key<'_>) -> Option<&Value> {
        self.find_key(key).map(|at| &self.entries[at].value)
    }

    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.get_key(Key::Str(key))
    }

    pub fn get_mut(&mut self, key: &Value) -> Option<&mut Value> {
        let at = self.find(hash_of(key)?, key)?;
        Some(&mut self.entries[at].value)
    }

    pub fn get_key_mut(&mut self, key: Key<'_>) -> Option<&mut Value> {
        let at = self.find_key(key)?;
        Some(&mut self.entries[at].value)
    }

    pub fn contains(&self, key: &Value) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value under `key` and returns the one it replaces. The key keeps its position
    /// if it is there already. `key` must satisfy [`Dict::is_key`].
    pub fn insert(&mut self, key: Value, value: Value) -> Option<Value> {
        let hash = hash_of(&key).expect("keys are ints or strings, checked by the caller");
        if let Some(at) = self.find(hash, &key) {
            return Some(std::mem::replace(&mut self.entries[at].value, value));
        }
        let at = self.entries.len();
        if at >= LARGE / size_of::<Entry>() && at == self.entries.capacity() {
            note_block(2 * at * size_of::<Entry>());
        }
        self.entries.push(Entry { key, hash, value });
        self.len += 1;
        if !self.index.is_empty() {
            let entries = &self.entries;
            self.index.insert_unique(hash, at as u32, |&i| entries[i as usize].hash);
        } else if at >= SMALL {
            self.rebuild();
        }
        None
    }

    pub fn insert_str(&mut self, key: &str, value: Value) {
        self.insert(Value::str(key), value);
    }

    /// Removes an entry; the order of the others stays.
    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        let hash = hash_of(key)?;
        let at = self.find(hash, key)?;
        if !self.index.is_empty()
            && let Ok(found) = self.index.find_entry(hash, |&i| i as usize == at)
        {
            found.remove();
        }
        let entry = &mut self.entries[at];
        entry.key = Value::UNASSIGNED;
        entry.hash = 0;
        let value = entry.value.take();
        self.len -= 1;
        if at + 1 == self.entries.len() {
            self.entries.pop();
        }
        if self.entries.len() > SMALL && self.len * 2 < self.entries.len() || self.len == 0 {
            self.rebuild();
        }
        Some(value)
    }

    pub fn clear(&mut self) {
        *self = Dict::default();
    }

    #[cold]
    fn rebuild(&mut self) {
        self.entries.retain(|e| !e.is_hole());
        self.index.clear();
        if self.entries.len() > SMALL {
            let entries = &self.entries;
            for (i, entry) in entries.iter().enumerate() {
                self.index.insert_unique(entry.hash, i as u32, |&i| entries[i as usize].hash);
            }
        }
    }
}
