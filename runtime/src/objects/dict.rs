//! Insertion-ordered dicts with string and int keys.
//!
//! Entries sit in a vector in insertion order; an index leads from a key to its position. A
//! removed entry leaves a hole until enough of them have gathered. Small dicts (up to [`SMALL`]
//! entries) have no index and are searched in order. Where all keys are ints that lie as close
//! together as [`SPREAD`] says, the index is an array by key; else it is a hash table. The choice
//! is made anew whenever the number of entries has doubled.

use std::cell::Cell;

use hashbrown::HashTable;

use crate::heap::{LARGE, note_block};
use crate::value::{Object, Tag, Value};

const SMALL: usize = 8;
/// Ints up to so many times the number of entries get an index by key.
const SPREAD: usize = 4;
/// No entry, in an index by key.
const NOWHERE: u32 = u32::MAX;

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
    /// Positions in `entries`; unused while there are at most [`SMALL`] entries, and with an
    /// index by key.
    index: HashTable<u32>,
    /// Positions by key, if all keys are ints from 0 to below its length; else empty.
    by_key: Vec<u32>,
    /// With this many entries the kind of index is decided anew.
    next_choice: usize,
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
    fn find(&self, key: &Value) -> Option<usize> {
        if !self.by_key.is_empty() {
            return self.position_of(key.as_int()?);
        }
        let entries = &self.entries;
        let last = self.last.get() as usize;
        if entries.get(last).is_some_and(|e| e.key.is_identical(key)) {
            return Some(last);
        }
        self.find_hashed(hash_of(key)?, key)
    }

    /// As `find`, without an index by key.
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

    /// The position of an int in the index by key.
    #[inline]
    fn position_of(&self, key: i64) -> Option<usize> {
        let at = *self.by_key.get(usize::try_from(key).ok()?)?;
        (at != NOWHERE).then_some(at as usize)
    }

    /// The value under an int, for compiled code.
    #[inline]
    pub fn get_int(&self, key: i64) -> Option<&Value> {
        let at = match self.by_key.is_empty() {
            true => self.find(&Value::int(key)),
            false => self.position_of(key),
        };
        Some(&self.entries[at?].value)
    }

    fn find_key(&self, key: Key<'_>) -> Option<usize> {
        if !self.by_key.is_empty() {
            return match key {
                Key::Int(v) => self.position_of(v),
                Key::Str(_) => None,
            };
        }
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
        let at = self.find(key)?;
        Some(&self.entries[at].value)
    }

    pub fn get_key(&self, key: Key<'_>) -> Option<&Value> {
        self.find_key(key).map(|at| &self.entries[at].value)
    }

    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.get_key(Key::Str(key))
    }

    pub fn get_mut(&mut self, key: &Value) -> Option<&mut Value> {
        let at = self.find(key)?;
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
        if let Some(at) = self.find(&key) {
            return Some(std::mem::replace(&mut self.entries[at].value, value));
        }
        self.add(key, value);
        None
    }

    /// Adds an entry whose key is not there.
    fn add(&mut self, key: Value, value: Value) {
        let hash = hash_of(&key).expect("keys are ints or strings, checked by the caller");
        let at = self.entries.len();
        if at == self.entries.capacity() && at >= LARGE / size_of::<Entry>() {
            note_block(2 * at * size_of::<Entry>());
        }
        let int = key.as_int();
        self.entries.push(Entry { key, hash, value });
        self.len += 1;
        if at < SMALL {
            return;
        }
        if !self.by_key.is_empty() {
            match int.and_then(|key| self.slot_by_key(key)) {
                Some(slot) => self.by_key[slot] = at as u32,
                None => self.rebuild(),
            }
        } else if self.index.is_empty() || self.entries.len() >= self.next_choice {
            self.rebuild();
        } else {
            let entries = &self.entries;
            self.index.insert_unique(hash, at as u32, |&i| entries[i as usize].hash);
        }
    }

    /// Where the index by key keeps an int, which is then inside it; `None` if it is too far off.
    #[inline]
    fn slot_by_key(&mut self, key: i64) -> Option<usize> {
        let slot = usize::try_from(key).ok()?;
        if slot >= self.by_key.len() {
            if slot >= SPREAD * self.entries.len() {
                return None;
            }
            self.resize_by_key(slot);
        }
        Some(slot)
    }

    #[cold]
    fn resize_by_key(&mut self, slot: usize) {
        let len = (slot + 1).next_power_of_two();
        if len >= LARGE / size_of::<u32>() {
            note_block(len * size_of::<u32>());
        }
        self.by_key.resize(len, NOWHERE);
    }

    pub fn insert_str(&mut self, key: &str, value: Value) {
        self.insert(Value::str(key), value);
    }

    /// Removes an entry; the order of the others stays.
    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        let at = self.find(key)?;
        let hash = hash_of(key)?;
        if !self.by_key.is_empty() {
            self.by_key[key.int_payload() as usize] = NOWHERE;
        } else if !self.index.is_empty()
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

    /// The greatest key, if an index by key is in order.
    fn last_slot(&self) -> Option<usize> {
        let most = SPREAD * self.entries.len();
        let slot = |e: &Entry| e.key.as_int().and_then(|key| usize::try_from(key).ok());
        self.entries.iter().try_fold(0, |last, entry| {
            let slot = slot(entry).filter(|&slot| slot < most)?;
            Some(slot.max(last))
        })
    }

    /// Closes the holes and makes the index anew.
    #[cold]
    fn rebuild(&mut self) {
        self.entries.retain(|e| !e.is_hole());
        self.index.clear();
        self.by_key.clear();
        self.last.set(0);
        self.next_choice = 2 * self.entries.len();
        if self.entries.len() <= SMALL {
            return;
        }
        if let Some(last) = self.last_slot() {
            self.index = HashTable::new();
            self.resize_by_key(last);
            for (i, entry) in self.entries.iter().enumerate() {
                self.by_key[entry.key.int_payload() as usize] = i as u32;
            }
        } else {
            self.by_key = Vec::new();
            let entries = &self.entries;
            for (i, entry) in entries.iter().enumerate() {
                self.index.insert_unique(entry.hash, i as u32, |&i| entries[i as usize].hash);
            }
        }
    }
}
