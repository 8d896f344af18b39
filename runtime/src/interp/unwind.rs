//! Errors on their way: position, handlers, traceback.
//!
//! The position comes from the span table of the innermost frame, once; the traceback grows
//! while frames are left. An error that cannot be caught only stops at cleanup handlers, which
//! put taken values back and continue it.

use super::Vm;
use super::machine::{Machine, Step};
use super::stack::{Frame, flags};
use crate::bytecode::operand::Instr;
use crate::bytecode::ops;
use crate::bytecode::{Handler, HandlerKind};
use crate::error::{Error, Position, Result};
use crate::tier::Status;
use crate::value::Value;

impl Frame {
    /// The position that is recorded for an instruction.
    pub(super) fn position(&self, index: usize) -> Position {
        let proto = &self.loaded().proto;
        proto.source.position(proto.spans.offset(index as u32))
    }

    /// Adds the frame's function to a traceback, unless it is not listed.
    fn list_in(&self, error: &mut Error, index: usize) {
        if !self.has(flags::USER) || self.has(flags::HIDDEN) {
            return;
        }
        let proto = &self.loaded().proto;
        let line = proto.source.line(proto.spans.offset(index as u32));
        error.leave(&proto.info.listed_name(), &proto.source.file, line);
    }

    /// The innermost handler around an instruction that sees the error.
    fn handler(&self, index: usize, error: &Error) -> Option<Handler> {
        let index = index as u32;
        let handlers = &self.loaded().proto.handlers;
        let mut around = handlers.iter().filter(|h| h.start <= index && index < h.end);
        around.find(|h| h.kind == HandlerKind::Cleanup || error.is_catchable()).copied()
    }

    pub(super) fn slot_name(&self, slot: usize) -> String {
        // SAFETY: modules live as long as the isolate.
        let module = unsafe { &*self.loaded().module };
        module.slot_names.get(slot).map(|name| (**name).into()).unwrap_or_default()
    }

    pub(super) fn upvalue_name(&self, index: usize) -> String {
        let names = &self.loaded().proto.upvalue_names;
        names.get(index).map(|name| (**name).into()).unwrap_or_default()
    }
}

impl Vm {
    /// Brings the error in the context to its handler: leaves frames up to and including the
    /// next boundary. True if a handler was found; the frame on top then goes on at its `pc`.
    /// `pc` is behind the instruction that raised in the frame on top.
    #[cold]
    #[inline(never)]
    pub(super) fn unwind(&mut self, pc: *const Instr) -> bool {
        let mut pc = pc;
        if self.is_suspending(pc) {
            return false;
        }
        loop {
            // SAFETY: the loop runs a frame, and stops at the boundary that it was entered by.
            let index = unsafe { (*self.frame).index_before(pc) };
            if self.raise_in_frame(index) {
                return true;
            }
            // SAFETY: as above.
            let is_boundary = unsafe { (*self.frame).has(flags::BOUNDARY) };
            self.pop_frame();
            if is_boundary {
                return false;
            }
            // SAFETY: below a frame that is no boundary there is the frame that called it.
            pc = unsafe { (*self.frame).pc };
        }
    }

    /// Lets the frame on top handle the error in the context, raised at instruction `index`.
    /// True if it has a handler; its `pc` is set then. False if the error is to leave the
    /// frame, which is in the traceback then and still has to be popped.
    fn raise_in_frame(&mut self, index: usize) -> bool {
        let mut error = self.taken_error();
        // SAFETY: there is a frame on top.
        let frame = unsafe { &mut *self.frame };
        error.locate(|| frame.position(index));
        let handler = frame.handler(index, &error);
        if handler.is_none_or(|h| h.kind == HandlerKind::Catch) {
            frame.list_in(&mut error, index);
        }
        let Some(handler) = handler else {
            self.native.put_error(error);
            return false;
        };
        let value = match handler.kind {
            HandlerKind::Catch => self.isolate.errors.make(error),
            HandlerKind::Cleanup => {
                self.held_errors.push(error);
                Value::int(self.held_errors.len() as i64 - 1)
            }
        };
        // SAFETY: the verifier bounds the handler's register and target.
        unsafe {
            *frame.base.add(handler.reg.into()) = value;
            frame.pc = frame.call_info().code.add(handler.target as usize);
        }
        true
    }

    /// For compiled code: the instruction at `index` of the frame on top has raised the error in
    /// the context. `Exited` if the frame has a handler, where the interpreter goes on; `Raised`
    /// if the error has left the frame, which is popped.
    pub fn raise_at(&mut self, index: usize) -> Status {
        if self.raise_in_frame(index) {
            return Status::Exited;
        }
        self.pop_frame();
        Status::Raised
    }

    /// Takes the error that a cleanup handler holds.
    fn held_error(&mut self, reg: &Value) -> Error {
        let at = reg.as_int().map_or(0, |at| at as usize);
        self.held_errors.truncate(at + 1);
        match self.held_errors.pop() {
            Some(error) => error,
            None => self.taken_error(),
        }
    }
}

impl Machine {
    #[inline(always)]
    pub(super) fn rethrow(&mut self, op: ops::Rethrow) -> Step {
        let held = self.take(op.src.idx());
        let error = self.vm().held_error(&held);
        Err(self.raise(error))
    }

    /// As `checked`, for an error in a step of a place.
    pub(super) fn checked_at<T>(
        &mut self,
        result: std::result::Result<T, (Error, u32)>,
    ) -> std::result::Result<T, super::machine::Stop> {
        let located: Result<T> = result.map_err(|(mut error, offset)| {
            let source = &self.frame().loaded().proto.source;
            error.locate(|| source.position(offset));
            error
        });
        self.checked(located)
    }
}
