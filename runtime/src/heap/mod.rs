//! Reference-counted objects of one thread: allocation, release, cycle collection.
//!
//! Counts are exact and not atomic: an object never crosses a thread. Small objects come from
//! size-class free lists. Releasing is iterative: an object whose count reaches zero while
//! another is being freed goes to a work list, so depth never overflows the native stack.
//! Start reading at [`Ref`].

mod budget;
mod cycles;
mod free_list;
mod header;
mod release;
mod trace;

pub use budget::{LARGE, has_room, is_exceeded, limit_memory};
pub(crate) use budget::{has_room_after_purge, note_block, take_exceeded};
pub use cycles::{collect_cycles, cycle_collection_is_due, on_due};
pub(crate) use cycles::{register_cell, unregister_cell};
pub use free_list::{LIVE_OFFSET, allocate_block, lists_address, live_objects};
pub(crate) use free_list::{allocate, deallocate};
pub(crate) use header::header_word;
pub use header::{CLASS_OFFSET, Header, Obj};
pub(crate) use release::free_object;

use crate::value::{Object, Tag};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

/// Gives back what the thread's heap holds beyond its objects, and its chunks if no object is
/// left; for threads that end. Objects may be made afterwards as before.
pub fn release_thread_memory() {
    crate::objects::string::release_shared();
    release::release_work_list();
    cycles::release_register();
    free_list::release_chunks();
}

/// An owning, counted pointer to an object's body.
pub struct Ref<T: Object>(NonNull<Obj<T>>);

impl<T: Object> Ref<T> {
    /// Allocates an object with a count of 1.
    #[inline]
    pub fn new(body: T) -> Self {
        Self::new_tagged(body, T::TAG)
    }

    /// As [`Ref::new`], for bodies that several tags share.
    #[inline]
    pub(crate) fn new_tagged(body: T, tag: Tag) -> Self {
        let size = size_of::<Obj<T>>();
        let block = allocate(size).cast::<Obj<T>>();
        // SAFETY: `allocate` returned a block of at least `size` bytes, aligned for objects.
        unsafe {
            block.as_ptr().write(Obj { header: Header::new(tag as u8, size), body });
        }
        Ref(block)
    }

    /// Gives the count to the caller as a raw pointer.
    #[inline(always)]
    pub fn into_raw(self) -> *mut Obj<T> {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The inverse of [`Ref::into_raw`].
    ///
    /// # Safety
    /// `raw` must be a live object of type `T`, and the caller must own one count of it.
    #[inline(always)]
    pub unsafe fn from_raw(raw: *mut Obj<T>) -> Self {
        // SAFETY: objects are never at address 0; the rest is the caller's promise.
        Ref(unsafe { NonNull::new_unchecked(raw) })
    }

    pub fn as_ptr(&self) -> *const T {
        // SAFETY: the object is live while `self` owns a count.
        unsafe { &raw const (*self.0.as_ptr()).body }
    }

    /// The body for changing in place, copied first if it is shared.
    pub fn make_mut(&mut self) -> &mut T
    where
        T: Clone,
    {
        if self.header().rc() != 1 {
            *self = Ref::new((**self).clone());
        }
        // SAFETY: the count is 1, so this is the only owner.
        unsafe { &mut (*self.0.as_ptr()).body }
    }

    fn header(&self) -> &Header {
        // SAFETY: the object is live while `self` owns a count.
        unsafe { &(*self.0.as_ptr()).header }
    }
}

impl<T: Object> Deref for Ref<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the object is live while `self` owns a count.
        unsafe { &(*self.0.as_ptr()).body }
    }
}

impl<T: Object> Clone for Ref<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        self.header().retain();
        Ref(self.0)
    }
}

impl<T: Object> Drop for Ref<T> {
    #[inline]
    fn drop(&mut self) {
        if self.header().release() {
            // SAFETY: the count reached zero, so this was the last reference.
            unsafe { free_object(T::TAG, self.0.as_ptr().cast()) };
        }
    }
}

#[cfg(test)]
mod tests;
