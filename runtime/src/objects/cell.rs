//! The heap box of a captured variable, and the library's `ref`.

use std::cell::{Cell, UnsafeCell};

use crate::heap::{self, Ref};
use crate::value::{Object, Tag, Value};

/// One shared variable. It may hold `Unassigned` or `InUse`.
#[repr(C)]
pub struct CellBody {
    content: UnsafeCell<Value>,
    /// Position in the thread's register of cells, for the cycle collector.
    pub(crate) registered_at: Cell<u32>,
}

/// Offset of the content in a cell object (from the body), for compiled code.
pub const CONTENT_OFFSET: usize = std::mem::offset_of!(CellBody, content);

impl Object for CellBody {
    const TAG: Tag = Tag::Cell;
}

impl CellBody {
    /// A new cell, as a value with tag `Cell`.
    pub fn make(content: Value) -> Value {
        Self::make_tagged(content, Tag::Cell)
    }

    /// A new `ref`.
    pub fn make_ref(content: Value) -> Value {
        Self::make_tagged(content, Tag::Ref)
    }

    fn make_tagged(content: Value, tag: Tag) -> Value {
        let body = CellBody { content: UnsafeCell::new(content), registered_at: Cell::new(0) };
        let value = Value::from_ref_tagged(Ref::new_tagged(body, tag), tag);
        heap::register_cell(&value);
        value
    }

    /// The content, cloned.
    #[inline(always)]
    pub fn get(&self) -> Value {
        // SAFETY: no reference into the cell outlives a method of this type.
        unsafe { (*self.content.get()).clone() }
    }

    /// Shows the content to `f`, which must not assign to the cell.
    pub(crate) fn with_content(&self, f: impl FnOnce(&Value)) {
        // SAFETY: only the cycle collector comes here, with functions that run no code of the
        // program and assign to no cell.
        f(unsafe { &*self.content.get() });
    }

    /// The tag of the content.
    #[inline(always)]
    pub fn tag(&self) -> Tag {
        // SAFETY: as in `get`.
        unsafe { (*self.content.get()).tag() }
    }

    /// Assigns, and returns the content before.
    #[inline(always)]
    pub fn replace(&self, content: Value) -> Value {
        // SAFETY: as in `get`.
        unsafe { std::mem::replace(&mut *self.content.get(), content) }
    }

    /// Assigns; the old content is released after the cell has its new one.
    #[inline(always)]
    pub fn set(&self, content: Value) {
        drop(self.replace(content));
    }
}

impl Drop for CellBody {
    fn drop(&mut self) {
        heap::unregister_cell(self);
    }
}
