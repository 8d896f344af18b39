//! Insertion-ordered dicts with string and int keys.
//!
//! A dict whose keys are ints close together keeps its values in an array by key ([`dense`]).
//! Else entries sit in a vector in insertion order, and a hash table leads from a key to its
//! position. A removed entry leaves a hole until enough of them have gathered. Up to [`SMALL`]
//! entries have no hash table and are searched in order. A dict becomes dense with its first key
//! or when the number of entries has doubled, and hashed with the first key that is too far off.

pub(crate) mod dense;

use std::cell::Cell;

use hashbrown::HashTable;

use self::dense::Dense;
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
#[repr(C)]
pub struct Dict {
    /// All entries, if it is used.
    dense: Dense,
    entries: Vec<Entry>,
    /// Positions in `entries`; unused while there are at most [`SMALL`] of them.
    index: HashTable<u32>,
    /// With this many entries the form is chosen anew.
    next_choice: usize,
    len: usize,
    /// Where a key was found last: programs ask whether a key is there, read it and write it.
    last: Cell<u32>,
}

/// Offsets in [`Dict`], for compiled code.
pub mod offsets {
    use super::dense::offsets;

    /// The address of the values by key.
    pub const DATA: usize = std::mem::offset_of!(super::Dict, dense) + offsets::DATA;
    /// So many keys have a place there.
    pub const LEN: usize = std::mem::offset_of!(super::Dict, dense) + offsets::LEN;
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
        (View::Str(a), View::Str(b)) => a.same_text(b),
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
        let hashed = self.entries.iter().filter(|e| !e.is_hole()).map(|e| (&e.key, &e.value));
        // One of the two is empty.
        self.dense.iter().chain(hashed)
    }

    /// The first entry at or after position `at`, with the position to go on from. Positions
    /// are stable while the dict is not changed; start at 0.
    pub fn entry_from(&self, at: usize) -> Option<(usize, &Value, &Value)> {
        if self.dense.is_used() {
            return self.dense.entry_from(at);
        }
        let skipped = self.entries.get(at..)?.iter().position(|e| !e.is_hole())?;
        let entry = &self.entries[at + skipped];
        Some((at + skipped + 1, &entry.key, &entry.value))
    }

    /// Where in `entries` a key is.
    #[inline]
    fn find(&self, key: &Value) -> Option<usize> {
        let entries = &self.entries;
        let last = self.last.get() as usize;
        if entries.get(last).is_some_and(|e| e.key.is_identical(key)) {
            return Some(last);
        }
        self.find_hashed(hash_of(key)?, key)
    }

    /// As `find`, for a key that was not found last.
    #[inline]
    fn find_hashed(&self, hash: u64, key: &Value) -> Option<usize> {
        let entries = &self.entries;
        if self.index.is_empty() {
            return entries.iter().position(|e| e.matches(hash, key));
        }
        let found = self.index.find(hash, |&i| entries[i as usize].matches(hash, key));
        found.map(|&i| {
            self.last.set(i);
            i as usize
        })
    }

    /// The value under an int, for compiled code.
    #[inline]
    pub fn get_int(&self, key: i64) -> Option<&Value> {
        self.get(&Value::int(key))
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
        if self.dense.is_used() {
            return self.dense.get(key.as_int()?);
        }
        let at = self.find(key)?;
        Some(&self.entries[at].value)
    }

    pub fn get_key(&self, key: Key<'_>) -> Option<&Value> {
        match (self.dense.is_used(), key) {
            (false, _) => self.find_key(key).map(|at| &self.entries[at].value),
            (true, Key::Int(key)) => self.dense.get(key),
            (true, Key::Str(_)) => None,
        }
    }

    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.get_key(Key::Str(key))
    }

    #[inline]
    pub fn get_mut(&mut self, key: &Value) -> Option<&mut Value> {
        if self.dense.is_used() {
            return self.dense.get_mut(key.as_int()?);
        }
        let at = self.find(key)?;
        Some(&mut self.entries[at].value)
    }

    pub fn get_key_mut(&mut self, key: Key<'_>) -> Option<&mut Value> {
        match (self.dense.is_used(), key) {
            (false, _) => self.find_key(key).map(|at| &mut self.entries[at].value),
            (true, Key::Int(key)) => self.dense.get_mut(key),
            (true, Key::Str(_)) => None,
        }
    }

    pub fn contains(&self, key: &Value) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value under `key` and returns the one it replaces. The key keeps its position
    /// if it is there already. `key` must satisfy [`Dict::is_key`].
    pub fn insert(&mut self, key: Value, value: Value) -> Option<Value> {
        if let Some(place) = self.get_mut(&key) {
            return Some(std::mem::replace(place, value));
        }
        self.add(key, value);
        None
    }

    /// Adds an entry whose key is not there.
    #[inline]
    fn add(&mut self, key: Value, value: Value) {
        let may_be_dense = self.dense.is_used() || self.len == 0;
        self.len += 1;
        if may_be_dense && self.dense.has_room(&key) {
            self.dense.add(key, value);
        } else {
            self.add_hashed(key, value);
        }
    }

    fn add_hashed(&mut self, key: Value, value: Value) {
        if self.dense.is_used() {
            self.leave_dense();
        }
        let hash = hash_of(&key).expect("keys are ints or strings, checked by the caller");
        let at = self.entries.len();
        if at == self.entries.capacity() && at >= LARGE / size_of::<Entry>() {
            note_block(2 * at * size_of::<Entry>());
        }
        self.entries.push(Entry { key, hash, value });
        if at < SMALL {
            return;
        }
        if self.index.is_empty() || self.entries.len() >= self.next_choice {
            self.rebuild();
        } else {
            let entries = &self.entries;
            self.index.insert_unique(hash, at as u32, |&i| entries[i as usize].hash);
        }
    }

    /// Makes a dense dict hashed.
    #[cold]
    fn leave_dense(&mut self) {
        let entry = |(key, value): (Value, Value)| {
            let hash = hash_of(&key).expect("the keys are ints");
            Entry { key, hash, value }
        };
        self.entries = self.dense.drain().map(entry).collect();
        self.make_index();
    }

    pub fn insert_str(&mut self, key: &str, value: Value) {
        self.insert(Value::str(key), value);
    }

    /// Removes an entry; the order of the others stays.
    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        if self.dense.is_used() {
            let value = self.dense.remove(key.as_int()?)?;
            self.len -= 1;
            if self.dense.is_sparse() {
                self.leave_dense();
            }
            return Some(value);
        }
        let at = self.find(key)?;
        let hash = hash_of(key)?;
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

    /// Closes the holes and chooses the form anew.
    #[cold]
    fn rebuild(&mut self) {
        self.entries.retain(|e| !e.is_hole());
        let n = self.entries.len();
        let last = Dense::last_slot(n, self.entries.iter().map(|e| e.key.as_int()));
        let Some(last) = last.filter(|_| n > SMALL) else {
            self.make_index();
            return;
        };
        self.dense = Dense::with_room(n, last);
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().for_each(|e| self.dense.add(e.key, e.value));
        self.index = HashTable::new();
        self.last.set(0);
    }

    /// Makes the index of entries without holes anew.
    fn make_index(&mut self) {
        self.index.clear();
        self.last.set(0);
        self.next_choice = 2 * self.entries.len();
        if self.entries.len() <= SMALL {
            return;
        }
        let entries = &self.entries;
        for (i, entry) in entries.iter().enumerate() {
            self.index.insert_unique(entry.hash, i as u32, |&i| entries[i as usize].hash);
        }
    }
}
