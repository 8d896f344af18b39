//! The part of the VM that compiled code reads and writes by offset.

use std::sync::atomic::AtomicBool;

use crate::error::{Error, ErrorData};
use crate::value::Value;

/// Words that an exit of compiled code can store its live values in.
pub const DEOPT_WORDS: usize = 256;

/// First field of [`super::Vm`]; offsets are part of the ABI of compiled code.
#[repr(C)]
pub struct NativeContext {
    /// Active calls of user functions.
    pub depth: u32,
    pub depth_limit: u32,
    /// Of these, calls entered from natives and operators.
    pub nested: u32,
    pub nested_limit: u32,
    /// Natives that wait for what they have called, but for those that wait for an item.
    pub callbacks: u32,
    /// Set when an interrupt is pending.
    pub interrupt: *const AtomicBool,
    /// Behind the last register of the register stack.
    pub stack_limit: *mut Value,
    /// The result of a call that ended with `Status::Done`.
    pub result: Value,
    /// The error of a call that ended with `Status::Raised`, else null.
    pub error: *mut ErrorData,
    pub deopt: [u64; DEOPT_WORDS],
}

impl NativeContext {
    pub(super) fn new(interrupt: *const AtomicBool, stack_limit: *mut Value) -> NativeContext {
        NativeContext {
            depth: 0,
            depth_limit: 0,
            nested: 0,
            nested_limit: 0,
            callbacks: 0,
            interrupt,
            stack_limit,
            result: Value::NULL,
            error: std::ptr::null_mut(),
            deopt: [0; DEOPT_WORDS],
        }
    }

    /// Leaves an error for whoever gets the status `Raised`.
    pub fn put_error(&mut self, error: Error) {
        drop(self.take_error());
        self.error = error.into_raw();
    }

    /// Takes the error out, if there is one.
    pub fn take_error(&mut self) -> Option<Error> {
        let raw = std::mem::replace(&mut self.error, std::ptr::null_mut());
        // SAFETY: a non-null pointer comes from `put_error` (or compiled code that got it from
        // there) and is cleared when it is taken.
        (!raw.is_null()).then(|| unsafe { Error::from_raw(raw) })
    }
}
