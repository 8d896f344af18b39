//! Dicts whose keys are ints close together: the values stand in an array by key.
//!
//! Looking a key up is one comparison and one memory access, which compiled code does by itself;
//! see [`offsets`]. The keys are kept in insertion order beside it. The values of [`ROOM`] times
//! the number of entries have a place at most, so that a dense dict is never much larger than a
//! hashed one.

use super::SMALL;
use crate::heap::{LARGE, note_block};
use crate::value::{Tag, Value};

/// A key is close enough if it is below so many times the number of entries.
const ROOM: usize = 3;

/// Places of values, by key. Those without an entry hold `Unassigned`.
#[repr(C)]
pub(super) struct Slots {
    data: *mut Value,
    len: usize,
}

/// Offsets in [`Dense`], for compiled code.
pub(super) mod offsets {
    use std::mem::offset_of;

    use super::{Dense, Slots};

    pub(crate) const DATA: usize = offset_of!(Dense, slots) + offset_of!(Slots, data);
    pub(crate) const LEN: usize = offset_of!(Dense, slots) + offset_of!(Slots, len);
}

impl Slots {
    const fn new() -> Slots {
        Slots { data: std::ptr::dangling_mut(), len: 0 }
    }

    #[inline]
    fn get(&self) -> &[Value] {
        // SAFETY: both fields are those of a boxed slice, or of an empty one.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }

    #[inline]
    fn get_mut(&mut self) -> &mut [Value] {
        // SAFETY: as in `get`.
        unsafe { std::slice::from_raw_parts_mut(self.data, self.len) }
    }

    fn take(&mut self) -> Vec<Value> {
        let Slots { data, len } = *self;
        self.data = std::ptr::dangling_mut();
        self.len = 0;
        // SAFETY: as in `get`; the fields no longer own the slice.
        unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(data, len)) }.into_vec()
    }

    fn put(&mut self, values: Vec<Value>) {
        drop(self.take());
        let values = Box::leak(values.into_boxed_slice());
        self.len = values.len();
        self.data = values.as_mut_ptr();
    }

    fn resize(&mut self, len: usize) {
        if len >= LARGE / size_of::<Value>() {
            note_block(len * size_of::<Value>());
        }
        let mut values = self.take();
        values.reserve_exact(len - values.len());
        values.resize(len, Value::UNASSIGNED);
        self.put(values);
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl Clone for Slots {
    fn clone(&self) -> Slots {
        let mut copy = Slots::new();
        copy.put(self.get().to_vec());
        copy
    }
}

/// The entries of a dict whose keys are ints from 0 to below a few times their number; without
/// places if the dict is not of that form.
#[derive(Clone)]
#[repr(C)]
pub(super) struct Dense {
    pub(super) slots: Slots,
    /// The keys in insertion order; `Unassigned` is a hole.
    keys: Vec<Value>,
    /// Where in `keys` a key is, by key; empty until a key other than the last is removed.
    positions: Vec<u32>,
    n_holes: usize,
}

impl Default for Dense {
    fn default() -> Dense {
        Dense { slots: Slots::new(), keys: Vec::new(), positions: Vec::new(), n_holes: 0 }
    }
}

fn is_there(value: &Value) -> bool {
    value.tag() != Tag::Unassigned
}

/// Whether a key can have a place when there are `n` entries.
fn fits(slot: usize, n: usize) -> bool {
    slot < SMALL.max(ROOM * n)
}

impl Dense {
    /// Whether the dict has this form.
    #[inline]
    pub(super) fn is_used(&self) -> bool {
        self.slots.len != 0
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len() - self.n_holes
    }

    #[inline]
    pub(super) fn get(&self, key: i64) -> Option<&Value> {
        // A negative key is a large number.
        self.slots.get().get(key as usize).filter(|value| is_there(value))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: i64) -> Option<&mut Value> {
        self.slots.get_mut().get_mut(key as usize).filter(|value| is_there(value))
    }

    /// The entries in insertion order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&Value, &Value)> {
        let slots = self.slots.get();
        let keys = self.keys.iter().filter(|key| is_there(key));
        keys.map(|key| (key, &slots[key.int_payload() as usize]))
    }

    /// As [`super::Dict::entry_from`].
    #[inline]
    pub(super) fn entry_from(&self, at: usize) -> Option<(usize, &Value, &Value)> {
        let skipped = self.keys.get(at..)?.iter().position(is_there)?;
        let key = &self.keys[at + skipped];
        Some((at + skipped + 1, key, &self.slots.get()[key.int_payload() as usize]))
    }

    /// Whether a key that is not there can be added in this form.
    #[inline]
    pub(super) fn has_room(&self, key: &Value) -> bool {
        let slot = key.as_int().and_then(|key| usize::try_from(key).ok());
        slot.is_some_and(|slot| slot < self.slots.len || fits(slot, self.keys.len() + 1))
    }

    /// Adds an entry whose key is not there and [`Dense::has_room`].
    #[inline]
    pub(super) fn add(&mut self, key: Value, value: Value) {
        let slot = key.int_payload() as usize;
        if slot >= self.slots.len {
            self.grow(slot);
        }
        let at = self.keys.len();
        if at == self.keys.capacity() && at >= LARGE / size_of::<Value>() {
            note_block(2 * at * size_of::<Value>());
        }
        if let Some(position) = self.positions.get_mut(slot) {
            *position = at as u32;
        }
        self.keys.push(key);
        self.slots.get_mut()[slot] = value;
    }

    #[cold]
    fn grow(&mut self, slot: usize) {
        // By a quarter at least, so that keys in rising order are added in constant time.
        let len = (slot + 1).max(self.slots.len + self.slots.len / 4).max(SMALL);
        self.slots.resize(len);
        if !self.positions.is_empty() {
            self.positions.resize(len, 0);
        }
    }

    /// Removes an entry; the order of the others stays.
    pub(super) fn remove(&mut self, key: i64) -> Option<Value> {
        let value = std::mem::replace(self.get_mut(key)?, Value::UNASSIGNED);
        if self.keys.last().and_then(Value::as_int) == Some(key) {
            self.keys.pop();
        } else {
            let at = self.position(key as usize);
            self.keys[at] = Value::UNASSIGNED;
            self.n_holes += 1;
        }
        if self.len() == 0 {
            *self = Dense::default();
        } else if self.keys.len() > SMALL && 2 * self.n_holes > self.keys.len() {
            self.keys.retain(is_there);
            self.positions = Vec::new();
            self.n_holes = 0;
        }
        Some(value)
    }

    /// Where in `keys` a key is.
    fn position(&mut self, slot: usize) -> usize {
        if self.positions.is_empty() {
            self.positions.resize(self.slots.len, 0);
            for (at, key) in self.keys.iter().enumerate().filter(|(_, key)| is_there(key)) {
                self.positions[key.int_payload() as usize] = at as u32;
            }
        }
        self.positions[slot] as usize
    }

    /// Whether so many entries were removed that the rest would not be given this form.
    pub(super) fn is_sparse(&self) -> bool {
        let n = self.len();
        self.slots.len > 2 * SMALL.max(ROOM * n)
    }

    /// Takes all entries out, in insertion order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Value, Value)> {
        let Dense { mut slots, keys, .. } = std::mem::take(self);
        keys.into_iter().filter(is_there).map(move |key| {
            let slot = &mut slots.get_mut()[key.int_payload() as usize];
            (key, std::mem::replace(slot, Value::UNASSIGNED))
        })
    }

    /// The greatest of `n` keys, if all of them are close enough.
    pub(super) fn last_slot(n: usize, keys: impl Iterator<Item = Option<i64>>) -> Option<usize> {
        let slot = |key: Option<i64>| usize::try_from(key?).ok().filter(|&slot| fits(slot, n));
        keys.map(slot).try_fold(0, |last, slot| Some(slot?.max(last)))
    }

    /// Without entries, with places for keys up to `last`.
    pub(super) fn with_room(n: usize, last: usize) -> Dense {
        let mut dense = Dense { keys: Vec::with_capacity(n), ..Dense::default() };
        dense.grow(last);
        dense
    }
}
