//! Freeing objects without recursion.

use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::ptr;

use super::{Obj, deallocate};
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::cell::CellBody;
use crate::objects::channel::ChannelBody;
use crate::objects::collections::{Queue, Set, Stack};
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::generator::GeneratorBody;
use crate::objects::iterator::IteratorBody;
use crate::objects::module::ModuleObj;
use crate::objects::promise::PromiseBody;
use crate::objects::resource::Resource;
use crate::objects::string::Str;
use crate::objects::structs::{EnumDef, Struct, StructDef};
use crate::objects::tagged::Tagged;
use crate::value::{Tag, Value};

/// So many objects inside each other are freed by recursion; deeper ones have to wait.
const MAX_DEPTH: u32 = 64;

struct WorkList {
    depth: u32,
    waiting: Vec<(Tag, *mut u8)>,
}

thread_local! {
    // Never dropped, since values may outlive the destruction of thread-local variables.
    static WORK: UnsafeCell<ManuallyDrop<WorkList>> = const {
        UnsafeCell::new(ManuallyDrop::new(WorkList { depth: 0, waiting: Vec::new() }))
    };
}

/// Runs `f` on the thread's work list; `f` must not come back here.
#[inline(always)]
fn with_work<T>(f: impl FnOnce(&mut WorkList) -> T) -> T {
    // SAFETY: the list belongs to this thread, and the closures of this file free nothing.
    WORK.with(|work| unsafe { f(&mut *work.get()) })
}

/// Gives the memory of the work list back; for threads that end.
pub(super) fn release_work_list() {
    with_work(|work| drop(std::mem::take(&mut work.waiting)));
}

/// Frees an object whose count reached zero, and everything that only it kept alive.
///
/// # Safety
/// `object` must be an object of kind `tag` with a count of zero; nothing may use it afterwards.
pub(crate) unsafe fn free_object(tag: Tag, object: *mut u8) {
    if matches!(tag, Tag::Str | Tag::Bytes) {
        // SAFETY: the caller's promise; these kinds hold no values, so nothing recurses.
        unsafe { drop_body(tag, object) };
        return;
    }
    // SAFETY: the caller's promise.
    if tag == Tag::Struct && unsafe { Struct::free_flat(object.cast()) } {
        return;
    }
    let depth = with_work(|work| {
        if work.depth >= MAX_DEPTH {
            work.waiting.push((tag, object));
            return None;
        }
        work.depth += 1;
        Some(work.depth)
    });
    let Some(depth) = depth else { return };
    // SAFETY: the caller's promise.
    unsafe { drop_body(tag, object) };
    if depth > 1 {
        with_work(|work| work.depth -= 1);
        return;
    }
    while let Some((tag, object)) = with_work(|work| work.waiting.pop()) {
        // SAFETY: each entry was put there by a call of this function with the same promise.
        unsafe { drop_body(tag, object) };
    }
    with_work(|work| work.depth = 0);
}

/// # Safety
/// As for [`free_object`].
unsafe fn drop_body(tag: Tag, object: *mut u8) {
    // SAFETY: the caller promises an object of kind `tag` that nobody uses any more.
    unsafe {
        match tag {
            Tag::Str => drop_sized::<Str>(object),
            Tag::Array => drop_sized::<Array>(object),
            Tag::Dict => drop_sized::<Dict>(object),
            Tag::Struct => Struct::free(object.cast()),
            Tag::Tagged => Tagged::free(object.cast()),
            Tag::Ok | Tag::Err | Tag::Some => drop_sized::<Value>(object),
            Tag::Function => Function::free(object.cast()),
            Tag::Set => drop_sized::<Set>(object),
            Tag::Queue => drop_sized::<Queue>(object),
            Tag::Stack => drop_sized::<Stack>(object),
            Tag::Bytes => drop_sized::<Bytes>(object),
            Tag::StructDef => drop_sized::<StructDef>(object),
            Tag::EnumDef => drop_sized::<EnumDef>(object),
            Tag::Module => drop_sized::<ModuleObj>(object),
            Tag::Iterator => drop_sized::<IteratorBody>(object),
            Tag::Cell | Tag::Ref => drop_sized::<CellBody>(object),
            Tag::Resource => drop_sized::<Resource>(object),
            Tag::Generator => drop_sized::<GeneratorBody>(object),
            Tag::Promise => drop_sized::<PromiseBody>(object),
            Tag::Channel => drop_sized::<ChannelBody>(object),
            Tag::Null
            | Tag::Bool
            | Tag::Int
            | Tag::Float
            | Tag::None
            | Tag::Native
            | Tag::Unassigned
            | Tag::InUse
            | Tag::Pending
            | Tag::Wrapper => unreachable!("immediates are not freed"),
        }
    }
}

/// # Safety
/// `object` must be an `Obj<T>` that nobody uses any more.
unsafe fn drop_sized<T>(object: *mut u8) {
    let object = object.cast::<Obj<T>>();
    // SAFETY: the caller's promise; the block was allocated with the size of `Obj<T>`.
    unsafe {
        ptr::drop_in_place(&raw mut (*object).body);
        deallocate(object.cast(), size_of::<Obj<T>>());
    }
}
