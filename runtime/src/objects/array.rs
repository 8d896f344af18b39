//! Arrays with unboxed elements where all are of one kind.
//!
//! An array is Empty, Int (`i64`), Float (`f64`), Bool (`u8`) or Value (16 bytes each). Storing
//! an element of another kind widens the whole array to Value, once. Programs cannot see the
//! kind. Layout is part of the ABI of compiled code.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::{self, NonNull};

use crate::heap::{LARGE, note_block};
use crate::value::{Object, Tag, Value};

/// How elements are stored.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ElemKind {
    /// No element has been stored yet, and nothing is allocated.
    Empty = 0,
    Int = 1,
    Float = 2,
    Bool = 3,
    Value = 4,
}

impl ElemKind {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            ElemKind::Empty => 0,
            ElemKind::Int | ElemKind::Float => 8,
            ElemKind::Bool => 1,
            ElemKind::Value => 16,
        }
    }

    /// The unboxed kind for a value.
    #[inline]
    pub fn of(value: &Value) -> ElemKind {
        match value.tag() {
            Tag::Int => ElemKind::Int,
            Tag::Float => ElemKind::Float,
            Tag::Bool => ElemKind::Bool,
            _ => ElemKind::Value,
        }
    }
}

/// As aligned as element buffers are.
#[repr(align(16))]
struct Aligned;

/// The body of an array object.
#[repr(C)]
pub struct Array {
    data: *mut u8,
    len: usize,
    /// In elements.
    cap: usize,
    kind: ElemKind,
}

impl Object for Array {
    const TAG: Tag = Tag::Array;
}

/// Offsets in [`Array`] that compiled code reads.
pub mod offsets {
    use super::Array;
    pub const DATA: usize = std::mem::offset_of!(Array, data);
    pub const LEN: usize = std::mem::offset_of!(Array, len);
    pub const CAP: usize = std::mem::offset_of!(Array, cap);
    pub const KIND: usize = std::mem::offset_of!(Array, kind);
}

impl Array {
    pub const fn new() -> Array {
        Array {
            data: NonNull::<Aligned>::dangling().as_ptr().cast(),
            len: 0,
            cap: 0,
            kind: ElemKind::Empty,
        }
    }

    /// An empty array with room for `cap` elements of `kind`.
    pub fn with_capacity(kind: ElemKind, cap: usize) -> Array {
        let mut array = Array::new();
        if kind != ElemKind::Empty && cap > 0 {
            array.kind = kind;
            array.grow_to(cap);
        }
        array
    }

    pub fn from_values(values: Vec<Value>) -> Array {
        let Some(first) = values.first() else { return Array::new() };
        let kind = ElemKind::of(first);
        if kind != ElemKind::Value && values.iter().all(|v| ElemKind::of(v) == kind) {
            let mut array = Array::with_capacity(kind, values.len());
            values.into_iter().for_each(|v| array.push(v));
            return array;
        }
        let mut values = values;
        let mut array = Array::with_capacity(ElemKind::Value, values.len());
        // SAFETY: there is room for all; the vector gives up its values with its length.
        unsafe {
            ptr::copy_nonoverlapping(values.as_ptr(), array.data.cast(), values.len());
            array.len = values.len();
            values.set_len(0);
        }
        array
    }

    /// `n` elements of an unboxed kind.
    ///
    /// # Safety
    /// The elements must be written before anybody reads them.
    pub unsafe fn unwritten(kind: ElemKind, n: usize) -> Array {
        debug_assert!(!matches!(kind, ElemKind::Value | ElemKind::Empty));
        let mut array = Array::with_capacity(kind, n);
        array.len = n;
        array
    }

    /// As [`Array::from_values`], moving the values out of their places and leaving null there.
    pub fn from_taken(values: &mut [Value]) -> Array {
        let Some(first) = values.first() else { return Array::new() };
        let kind = ElemKind::of(first);
        let same = values.iter().all(|v| ElemKind::of(v) == kind);
        let kind = if same { kind } else { ElemKind::Value };
        let mut array = Array::with_capacity(kind, values.len());
        array.len = values.len();
        for (i, value) in values.iter_mut().enumerate() {
            // SAFETY: there is room for all, and an unboxed kind is that of all values.
            unsafe {
                match kind {
                    ElemKind::Int | ElemKind::Float => {
                        array.data.cast::<u64>().add(i).write(value.payload());
                    }
                    ElemKind::Bool => array.data.add(i).write(value.payload() as u8),
                    ElemKind::Value | ElemKind::Empty => {
                        move_words(value, array.data.cast::<Value>().add(i));
                        continue;
                    }
                }
            }
            *value = Value::NULL;
        }
        array
    }

    pub fn from_ints(values: &[i64]) -> Array {
        let mut array = Array::with_capacity(ElemKind::Int, values.len());
        // SAFETY: there is room for `values.len()` ints, and ints need no drop.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), array.data.cast(), values.len()) };
        array.len = values.len();
        array
    }

    pub fn from_floats(values: &[f64]) -> Array {
        let mut array = Array::with_capacity(ElemKind::Float, values.len());
        // SAFETY: as in `from_ints`.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), array.data.cast(), values.len()) };
        array.len = values.len();
        array
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline(always)]
    pub fn kind(&self) -> ElemKind {
        self.kind
    }

    /// The elements, if they are stored as ints.
    pub fn ints(&self) -> Option<&[i64]> {
        // SAFETY: kind Int means `len` initialised i64 at `data`.
        (self.kind == ElemKind::Int).then(|| unsafe { self.typed() })
    }

    /// The elements, if they are stored as floats.
    pub fn floats(&self) -> Option<&[f64]> {
        // SAFETY: kind Float means `len` initialised f64 at `data`.
        (self.kind == ElemKind::Float).then(|| unsafe { self.typed() })
    }

    /// The elements, if they are stored as bools (0 or 1).
    pub fn bools(&self) -> Option<&[u8]> {
        // SAFETY: kind Bool means `len` initialised bytes at `data`.
        (self.kind == ElemKind::Bool).then(|| unsafe { self.typed() })
    }

    /// The elements, if they are stored as values.
    pub fn values(&self) -> Option<&[Value]> {
        // SAFETY: kind Value means `len` initialised values at `data`.
        (self.kind == ElemKind::Value).then(|| unsafe { self.typed() })
    }

    /// The elements for changing, if they are stored as ints.
    pub fn ints_mut(&mut self) -> Option<&mut [i64]> {
        // SAFETY: kind Int means `len` initialised i64 at `data`.
        (self.kind == ElemKind::Int).then(|| unsafe { self.typed_mut() })
    }

    /// The elements for changing, if they are stored as floats.
    pub fn floats_mut(&mut self) -> Option<&mut [f64]> {
        // SAFETY: kind Float means `len` initialised f64 at `data`.
        (self.kind == ElemKind::Float).then(|| unsafe { self.typed_mut() })
    }

    /// The elements for changing, if they are stored as values.
    pub fn values_mut(&mut self) -> Option<&mut [Value]> {
        // SAFETY: kind Value means `len` initialised values at `data`.
        (self.kind == ElemKind::Value).then(|| unsafe { self.typed_mut() })
    }

    /// # Safety
    /// `T` must be the element type of the array's kind.
    unsafe fn typed<T>(&self) -> &[T] {
        // SAFETY: the caller's promise; `data` is aligned to 16 and holds `len` elements.
        unsafe { std::slice::from_raw_parts(self.data.cast(), self.len) }
    }

    /// # Safety
    /// As for `typed`.
    unsafe fn typed_mut<T>(&mut self) -> &mut [T] {
        // SAFETY: as in `typed`.
        unsafe { std::slice::from_raw_parts_mut(self.data.cast(), self.len) }
    }

    /// The element at `index`, a clone.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Value> {
        if index >= self.len {
            return None;
        }
        // SAFETY: the index is in range, and the kind tells the element type.
        Some(unsafe {
            match self.kind {
                ElemKind::Empty => return None,
                ElemKind::Int => Value::int(*self.data.cast::<i64>().add(index)),
                ElemKind::Float => Value::float(*self.data.cast::<f64>().add(index)),
                ElemKind::Bool => Value::bool(*self.data.add(index) != 0),
                ElemKind::Value => (*self.data.cast::<Value>().add(index)).clone(),
            }
        })
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        (0..self.len).map(|i| self.get(i).expect("index below the length"))
    }

    /// Replaces the element at `index`, which must be in range.
    #[inline]
    pub fn set(&mut self, index: usize, value: Value) {
        assert!(index < self.len, "index in range, checked by the caller");
        let kind = ElemKind::of(&value);
        if kind != self.kind && self.kind != ElemKind::Value {
            self.widen();
        }
        // SAFETY: the index is in range and the kind now fits the value.
        unsafe {
            match self.kind {
                ElemKind::Empty => unreachable!("an empty array has no element to replace"),
                ElemKind::Int => *self.data.cast::<i64>().add(index) = value.int_payload(),
                ElemKind::Float => *self.data.cast::<f64>().add(index) = value.float_payload(),
                ElemKind::Bool => *self.data.add(index) = value.payload() as u8,
                ElemKind::Value => *self.data.cast::<Value>().add(index) = value,
            }
        }
    }

    /// The slot at `index` for changing what is in it; widens the array to values.
    pub fn slot_mut(&mut self, index: usize) -> &mut Value {
        self.widen();
        // SAFETY: the array was just widened to values.
        unsafe { &mut self.typed_mut::<Value>()[index] }
    }

    /// The slot at `index` if elements are stored as values.
    pub fn value_slot_mut(&mut self, index: usize) -> Option<&mut Value> {
        self.values_mut()?.get_mut(index)
    }

    /// Appends an element.
    #[inline]
    pub fn push(&mut self, value: Value) {
        let kind = ElemKind::of(&value);
        if kind != self.kind && self.kind != ElemKind::Value {
            if self.len == 0 {
                self.reset_kind(kind);
            } else {
                self.widen();
            }
        }
        if self.len == self.cap {
            self.grow();
        }
        // SAFETY: there is room for one more, and the kind fits the value.
        unsafe {
            match self.kind {
                ElemKind::Empty => unreachable!("the kind was just set"),
                ElemKind::Int => *self.data.cast::<i64>().add(self.len) = value.int_payload(),
                ElemKind::Float => *self.data.cast::<f64>().add(self.len) = value.float_payload(),
                ElemKind::Bool => *self.data.add(self.len) = value.payload() as u8,
                ElemKind::Value => self.data.cast::<Value>().add(self.len).write(value),
            }
        }
        self.len += 1;
    }

    /// Removes and returns the last element.
    #[inline]
    pub fn pop(&mut self) -> Option<Value> {
        if self.len == 0 {
            return None;
        }
        self.len -= 1;
        let at = self.len;
        // SAFETY: `at` was the last element; for values the slot is given up with the read.
        Some(unsafe {
            match self.kind {
                ElemKind::Empty => unreachable!("an empty array has no elements"),
                ElemKind::Int => Value::int(*self.data.cast::<i64>().add(at)),
                ElemKind::Float => Value::float(*self.data.cast::<f64>().add(at)),
                ElemKind::Bool => Value::bool(*self.data.add(at) != 0),
                ElemKind::Value => self.data.cast::<Value>().add(at).read(),
            }
        })
    }

    /// Inserts before `index`, which is at most the length.
    pub fn insert(&mut self, index: usize, value: Value) {
        self.push(value);
        self.rotate(index, 1);
    }

    /// Removes the element at `index`, which must be in range.
    pub fn remove(&mut self, index: usize) -> Value {
        self.rotate(index, self.len - index - 1);
        self.pop().expect("an element at the index")
    }

    /// Rotates the elements from `from` to the end to the right by `n`.
    fn rotate(&mut self, from: usize, n: usize) {
        // SAFETY: the kind tells the element type.
        unsafe {
            match self.kind {
                ElemKind::Empty => {}
                ElemKind::Int | ElemKind::Float => self.typed_mut::<u64>()[from..].rotate_right(n),
                ElemKind::Bool => self.typed_mut::<u8>()[from..].rotate_right(n),
                ElemKind::Value => self.typed_mut::<Value>()[from..].rotate_right(n),
            }
        }
    }

    pub fn reverse(&mut self) {
        // SAFETY: the kind tells the element type.
        unsafe {
            match self.kind {
                ElemKind::Empty => {}
                ElemKind::Int | ElemKind::Float => self.typed_mut::<u64>().reverse(),
                ElemKind::Bool => self.typed_mut::<u8>().reverse(),
                ElemKind::Value => self.typed_mut::<Value>().reverse(),
            }
        }
    }

    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            self.pop();
        }
    }

    /// Appends the elements of `other`.
    pub fn extend(&mut self, other: &Array) {
        if self.len == 0 && self.kind != other.kind && self.kind != ElemKind::Value {
            self.reset_kind(other.kind);
        }
        if other.len == 0 {
            return;
        }
        if self.kind != other.kind {
            self.widen();
        }
        if self.cap < self.len + other.len {
            self.grow_to((self.len + other.len).max(self.cap * 2));
        }
        if self.kind == ElemKind::Value {
            other.iter().for_each(|v| self.push(v));
            return;
        }
        let size = self.kind.size();
        // SAFETY: same kind without owned elements; there is room for both; `other` is another
        // array because `self` is borrowed mutably.
        unsafe {
            let end = self.data.add(self.len * size);
            ptr::copy_nonoverlapping(other.data, end, other.len * size);
        }
        self.len += other.len;
    }

    /// The elements from `from` up to `to`, both in range.
    pub fn slice(&self, from: usize, to: usize) -> Array {
        let mut out = Array::with_capacity(self.kind, to - from);
        if self.kind == ElemKind::Value {
            (from..to).filter_map(|i| self.get(i)).for_each(|v| out.push(v));
            return out;
        }
        let size = self.kind.size();
        if from < to {
            // SAFETY: the range is inside `self`, `out` has room, elements are plain data.
            unsafe {
                ptr::copy_nonoverlapping(self.data.add(from * size), out.data, (to - from) * size);
            }
        }
        out.len = to - from;
        out
    }

    /// Stores elements as values from now on.
    #[cold]
    pub fn widen(&mut self) {
        if self.kind == ElemKind::Value {
            return;
        }
        let mut wide = Array { kind: ElemKind::Value, ..Array::new() };
        wide.grow_to(self.cap.max(self.len).max(4));
        self.iter().for_each(|v| wide.push(v));
        *self = wide;
    }

    fn reset_kind(&mut self, kind: ElemKind) {
        *self = Array { kind, ..Array::new() };
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.grow_to((self.cap * 2).max(8));
    }

    /// Makes room for at least `cap` elements of the present kind.
    pub fn reserve(&mut self, cap: usize) {
        if self.cap < cap && self.kind != ElemKind::Empty {
            self.grow_to(cap);
        }
    }

    fn grow_to(&mut self, cap: usize) {
        let size = self.kind.size();
        let new = buffer_layout(cap, size);
        if new.size() >= LARGE {
            note_block(new.size());
        }
        // SAFETY: the old buffer, if any, has the layout of the old capacity; sizes are not 0.
        let data = unsafe {
            if self.cap == 0 {
                alloc(new)
            } else {
                realloc(self.data, buffer_layout(self.cap, size), new.size())
            }
        };
        if data.is_null() {
            handle_alloc_error(new);
        }
        self.data = data;
        self.cap = cap;
    }
}

/// Moves a value and leaves null. Compiled code has often just written the two words, each by
/// itself: one read of both would wait until the writes have reached the cache.
///
/// # Safety
/// As for [`ptr::write`].
unsafe fn move_words(from: &mut Value, to: *mut Value) {
    // SAFETY: a value is two words, which the place has room for.
    unsafe {
        let words = (from as *mut Value).cast::<u64>();
        to.cast::<u64>().write(words.read_volatile());
        to.cast::<u64>().add(1).write(words.add(1).read_volatile());
        ptr::write(from, Value::NULL);
    }
}

fn buffer_layout(cap: usize, size: usize) -> Layout {
    Layout::from_size_align(cap * size, 16).expect("array lengths are limited far below this")
}

impl Default for Array {
    fn default() -> Self {
        Array::new()
    }
}

impl Clone for Array {
    fn clone(&self) -> Self {
        self.slice(0, self.len)
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if self.kind == ElemKind::Value {
            // SAFETY: kind Value means `len` initialised values, dropped exactly once here.
            unsafe { ptr::drop_in_place(self.typed_mut::<Value>()) };
        }
        if self.cap > 0 {
            // SAFETY: the buffer was allocated with this layout.
            unsafe { dealloc(self.data, buffer_layout(self.cap, self.kind.size())) };
        }
    }
}
