//! The hot state of the loop and the primitives that handlers are made of.
//!
//! A [`Machine`] lives in machine registers while the loop runs: it is only lent to functions
//! that are always inlined. What is not hot takes a copy (`self`), out of line; after something
//! that enters or leaves a frame, [`Machine::reload`] reads the state from the top frame.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Vm;
use super::stack::Frame;
use crate::bytecode::FunctionProto;
use crate::bytecode::operand::{Instr, Use};
use crate::error::Error;
use crate::heap::{self, Obj};
use crate::profile::site;
use crate::value::{Tag, Value};

/// Why the loop does not go on with the next instruction.
pub(super) enum Stop {
    /// The error is in the context.
    Raised,
    /// A boundary frame returned; the result is in the context.
    Returned,
    /// The error is in the context and a boundary frame has been left by it.
    RaisedOut,
}

pub(super) type Step = Result<(), Stop>;

#[derive(Clone, Copy)]
pub(super) struct Machine {
    pub(super) vm: *mut Vm,
    /// The next instruction.
    pub(super) pc: *const Instr,
    pub(super) base: *mut Value,
    pub(super) consts: *const Value,
    /// From an instruction's address to that of its feedback slot.
    pub(super) site_delta: isize,
}

impl Machine {
    /// The state of the frame on top, which goes on at its `pc`.
    #[inline(always)]
    pub(super) fn new(vm: &mut Vm) -> Machine {
        let mut machine = Machine {
            vm,
            pc: std::ptr::null(),
            base: std::ptr::null_mut(),
            consts: std::ptr::null(),
            site_delta: 0,
        };
        machine.reload();
        machine
    }

    /// Reads the state of the frame on top.
    #[inline(always)]
    pub(super) fn reload(&mut self) {
        let frame = self.frame();
        let (base, pc) = (frame.base, frame.pc);
        let call = frame.call_info();
        let (consts, site_delta) = (call.consts, call.site_delta);
        self.base = base;
        self.pc = pc;
        self.consts = consts;
        self.site_delta = site_delta;
    }

    #[inline(always)]
    pub(super) fn vm(&mut self) -> &mut Vm {
        // SAFETY: the VM outlives the loop that it runs, and `&mut self` keeps the borrow single.
        unsafe { &mut *self.vm }
    }

    #[inline(always)]
    pub(super) fn frame(&self) -> &Frame {
        // SAFETY: while the loop runs there is a frame on top of the VM's frame stack.
        unsafe { &*(*self.vm).frame }
    }

    /// The running function's prototype.
    #[inline(always)]
    pub(super) fn proto<'a>(&self) -> &'a FunctionProto {
        // SAFETY: prototypes live as long as the isolate, which outlives the loop.
        unsafe { &*std::sync::Arc::as_ptr(&self.frame().loaded().proto) }
    }

    /// The address of a register.
    #[inline(always)]
    pub(super) fn at(&self, reg: usize) -> *mut Value {
        // SAFETY: the verifier bounds registers by the frame's size, which the frame's entry
        // checked against the end of the stack.
        unsafe { self.base.add(reg) }
    }

    #[inline(always)]
    pub(super) fn reg(&self, reg: usize) -> &Value {
        // SAFETY: registers of the live frame are initialised values.
        unsafe { &*self.at(reg) }
    }

    #[inline(always)]
    pub(super) fn reg_mut(&mut self, reg: usize) -> &mut Value {
        // SAFETY: as in `reg`; nobody else refers to the register while the machine is borrowed.
        unsafe { &mut *self.at(reg) }
    }

    #[inline(always)]
    pub(super) fn tag(&self, reg: usize) -> Tag {
        self.reg(reg).tag()
    }

    #[inline(always)]
    pub(super) fn int(&self, reg: usize) -> i64 {
        self.reg(reg).int_payload()
    }

    #[inline(always)]
    pub(super) fn konst(&self, index: usize) -> &Value {
        // SAFETY: the verifier bounds constant indices by the pool's size.
        unsafe { &*self.consts.add(index) }
    }

    /// Writes a register; what it held is released.
    #[inline(always)]
    pub(super) fn set(&mut self, reg: usize, value: Value) {
        let slot = self.at(reg);
        // SAFETY: as in `reg`; the old value is dropped exactly once.
        unsafe {
            if (*slot).is_heap() {
                release(slot);
            }
            slot.write(value);
        }
    }

    /// Takes a register's value out and leaves null.
    #[inline(always)]
    pub(super) fn take(&mut self, reg: usize) -> Value {
        self.reg_mut(reg).take()
    }

    /// The operand's value: moved out at its last use, else cloned.
    #[inline(always)]
    pub(super) fn value(&mut self, operand: Use) -> Value {
        if operand.is_last { self.take(operand.idx()) } else { self.reg(operand.idx()).clone() }
    }

    /// Releases the operand's register if this was its last use.
    #[inline(always)]
    pub(super) fn done_with(&mut self, operand: Use) {
        if operand.is_last && self.reg(operand.idx()).is_heap() {
            self.set(operand.idx(), Value::NULL);
        }
    }

    #[inline(always)]
    pub(super) fn go(&mut self, distance: isize) {
        // SAFETY: the verifier bounds jump targets by the code.
        self.pc = unsafe { self.pc.offset(distance) };
    }

    /// The feedback slot of the instruction that is being executed.
    #[inline(always)]
    fn site_cell(&self) -> &AtomicU64 {
        // SAFETY: there is one slot per instruction, at the same index; `pc` is one past the
        // instruction.
        unsafe {
            let instr = self.pc.sub(1).cast::<u8>();
            &*instr.offset(self.site_delta).cast::<AtomicU64>()
        }
    }

    #[inline(always)]
    pub(super) fn site(&self) -> u64 {
        self.site_cell().load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn set_site(&self, bits: u64) {
        self.site_cell().store(bits, Ordering::Relaxed);
    }

    /// Adds bits to the feedback slot, writing only if one is new.
    #[inline(always)]
    pub(super) fn note(&self, bits: u64) {
        let site = self.site();
        if site & bits != bits {
            self.set_site(site | bits);
        }
    }

    /// Notes the type of a field or of a call's result.
    #[inline(always)]
    pub(super) fn note_result(&self, tag: Tag, shift: u32) {
        self.note(site::type_bit(tag) << shift);
    }

    /// The instruction that is being executed.
    #[inline(always)]
    pub(super) fn instr(&self) -> &Instr {
        // SAFETY: `pc` is one past the instruction that is being executed.
        unsafe { &*self.pc.sub(1) }
    }

    /// Ends the instruction with an error.
    #[cold]
    #[inline(never)]
    fn put_error(vm: &mut Vm, error: Error) -> Stop {
        vm.native.put_error(error);
        Stop::Raised
    }

    #[inline(always)]
    pub(super) fn raise(&mut self, error: Error) -> Stop {
        Self::put_error(self.vm(), error)
    }

    /// The value of a result, or the stop of its error.
    #[inline(always)]
    pub(super) fn checked<T>(&mut self, result: Result<T, Error>) -> Result<T, Stop> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(self.raise(error)),
        }
    }
}

/// Releases the heap value in a slot, which keeps its bits.
///
/// # Safety
/// The slot must hold a value with a heap tag that is overwritten without being dropped again.
#[inline(always)]
pub(super) unsafe fn release(slot: *mut Value) {
    // SAFETY: the caller's promise: the slot owns one count of its object.
    unsafe {
        if (*slot).header().release() {
            free(slot);
        }
    }
}

/// Frees the object in a slot, whose count has reached zero.
///
/// # Safety
/// As for [`release`].
#[cold]
#[inline(never)]
unsafe fn free(slot: *const Value) {
    // SAFETY: nobody refers to the object any more.
    unsafe { heap::free_object((*slot).tag(), (*slot).payload() as *mut u8) };
}

/// The body of the object behind a value whose tag has been checked.
///
/// # Safety
/// The value's tag must be that of objects with body `T`, and the value must outlive `'a`.
#[inline(always)]
pub(super) unsafe fn body<'a, T>(value: &Value) -> &'a T {
    // SAFETY: the caller's promise.
    unsafe { &(*(value.payload() as *const Obj<T>)).body }
}

/// As [`body`], for changing an object that has a single owner.
///
/// # Safety
/// As for [`body`]; nobody else may refer to the object.
#[inline(always)]
pub(super) unsafe fn body_mut<'a, T>(value: &mut Value) -> &'a mut T {
    // SAFETY: the caller's promise.
    unsafe { &mut (*(value.payload() as *mut Obj<T>)).body }
}
