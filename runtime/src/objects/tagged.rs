//! Values of user enums: `E::V(p1, p2)`.
//!
//! A value is a pointer to its variant and the payload in line. Variants are interned by name
//! for the life of the process, so that equal ones have one address, on every thread; there are
//! no more of them than programs have written.

use std::collections::HashSet;
use std::ptr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::heap::{self, Header, Obj};
use crate::value::{Object, Tag, Value};

/// A variant of an enum.
#[derive(PartialEq, Eq, Hash, Debug)]
pub struct Variant {
    pub enum_name: Arc<str>,
    pub name: Arc<str>,
}

static VARIANTS: LazyLock<Mutex<HashSet<&'static Variant>>> = LazyLock::new(Mutex::default);

impl Variant {
    /// The only variant of these names.
    pub fn intern(enum_name: &Arc<str>, name: &Arc<str>) -> &'static Variant {
        let variant = Variant { enum_name: enum_name.clone(), name: name.clone() };
        let mut all = VARIANTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&variant) {
            return known;
        }
        let new: &'static Variant = Box::leak(Box::new(variant));
        all.insert(new);
        new
    }
}

/// A value of a user enum: its variant, and as many values in line as its payload has.
#[repr(C)]
pub struct Tagged {
    variant: &'static Variant,
    n: usize,
    payload: [Value; 0],
}

impl Object for Tagged {
    const TAG: Tag = Tag::Tagged;
}

/// Offsets in an enum value (from the body) that compiled code uses.
pub mod offsets {
    use super::Tagged;
    pub const VARIANT: usize = std::mem::offset_of!(Tagged, variant);
    pub const N: usize = std::mem::offset_of!(Tagged, n);
    pub const PAYLOAD: usize = std::mem::offset_of!(Tagged, payload);
}

fn block_size(n: usize) -> usize {
    size_of::<Obj<Tagged>>() + n * size_of::<Value>()
}

impl Tagged {
    /// A value with `n` payload values, which `fill` gives in order.
    pub fn make(
        variant: &'static Variant,
        n: usize,
        mut fill: impl FnMut(usize) -> Value,
    ) -> Value {
        let size = block_size(n);
        let object = heap::allocate(size).cast::<Obj<Tagged>>().as_ptr();
        // SAFETY: the block has room for header, body and `n` values.
        unsafe {
            let header = Header::new(Tag::Tagged as u8, size);
            object.write(Obj { header, body: Tagged { variant, n, payload: [] } });
            let payload = (&raw mut (*object).body.payload).cast::<Value>();
            for i in 0..n {
                payload.add(i).write(fill(i));
            }
            Value::from_parts(Tag::Tagged, object as u64)
        }
    }

    /// The size in bytes and the header word (with a count of 1) of a value, for compiled code;
    /// `None` if its blocks are not in the free lists.
    pub fn layout(n: usize) -> Option<(usize, u64)> {
        let size = block_size(n);
        heap::header_word(Tag::Tagged, size).map(|word| (size, word))
    }

    pub fn variant(&self) -> &'static Variant {
        self.variant
    }

    pub fn payload(&self) -> &[Value] {
        // SAFETY: a value has `n` values in line.
        unsafe { std::slice::from_raw_parts(self.payload.as_ptr(), self.n) }
    }

    /// # Safety
    /// `object` must be an enum value that nobody uses any more.
    pub(crate) unsafe fn free(object: *mut Obj<Tagged>) {
        // SAFETY: the caller's promise; the payload is initialised and dropped once.
        unsafe {
            let n = (*object).body.n;
            let payload = (&raw mut (*object).body.payload).cast::<Value>();
            ptr::drop_in_place(ptr::slice_from_raw_parts_mut(payload, n));
            heap::deallocate(object.cast(), block_size(n));
        }
    }
}
