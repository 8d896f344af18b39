//! What every heap object starts with.

use std::cell::Cell;

/// The first 8 bytes of an object. Offsets are part of the ABI of compiled code.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    rc: Cell<u32>,
    /// The tag under which the object was allocated.
    pub(crate) kind: u8,
    /// For the owner of the body: arrays keep their element kind here.
    pub(crate) flags: Cell<u8>,
    /// Size in 16-byte units for free lists; 0 for blocks of the system allocator.
    pub(crate) class: u16,
}

/// The header of an object of this size with a count of 1 as a word, for compiled code; `None` if
/// its blocks are not in the free lists.
pub(crate) fn header_word(tag: crate::value::Tag, size: usize) -> Option<u64> {
    let header = Header::new(tag as u8, size);
    // SAFETY: a header is eight plain bytes.
    let word = unsafe { std::mem::transmute::<Header, u64>(header) };
    (word >> 48 != 0).then_some(word)
}

/// Offset of the size class, for compiled code that frees objects.
pub const CLASS_OFFSET: usize = std::mem::offset_of!(Header, class);

/// An object: header and body.
#[repr(C)]
pub struct Obj<T> {
    pub header: Header,
    pub body: T,
}

impl Header {
    pub(crate) fn new(kind: u8, size: usize) -> Header {
        Header {
            rc: Cell::new(1),
            kind,
            flags: Cell::new(0),
            class: super::free_list::class_of(size),
        }
    }

    /// The reference count; a saturated one never falls.
    #[inline(always)]
    pub fn rc(&self) -> u32 {
        self.rc.get()
    }

    /// Takes one more count. A count that reaches half of its range stays there: the object is
    /// then immortal.
    #[inline(always)]
    pub fn retain(&self) {
        let rc = self.rc.get();
        if rc < 1 << 31 {
            self.rc.set(rc + 1);
        }
    }

    /// Gives one count back; true if it was the last.
    #[inline(always)]
    #[must_use]
    pub fn release(&self) -> bool {
        let rc = self.rc.get();
        debug_assert!(rc != 0, "released an object that is already free");
        if rc < 1 << 31 {
            self.rc.set(rc - 1);
            return rc == 1;
        }
        false
    }
}
