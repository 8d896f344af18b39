//! Errors on their way: position, handlers, traceback.
//!
//! The position comes from the span table of the innermost frame, once; the traceback grows
//! while frames are left. An error that cannot be caught only stops at cleanup handlers, which
//! put taken values back and continue it.

use std::cell::OnceCell;
use std::rc::Rc;

use super::Vm;
use super::machine::{Machine, Step};
use super::stack::{Frame, flags};
use crate::bytecode::operand::Instr;
use crate::bytecode::ops;
use crate::bytecode::{Handler, HandlerKind};
use crate::error::{Error, Position, Result, TracedCall};
use crate::objects::function::FunctionCode;
use crate::tier::Status;
use crate::value::Value;

/// Instructions whose sites are known; a power of two.
const N_SITES: usize = 64;

/// What errors tell of an instruction that raised or called: where it is, and how tracebacks list
/// it.
struct ErrorSite {
    /// The function. Code lives as long as the isolate: the address says which one it is.
    code: *const FunctionCode,
    index: u32,
    /// Not known as long as the instruction only called.
    position: OnceCell<Rc<Position>>,
    call: Rc<TracedCall>,
}

/// The sites of errors that were raised last, so that a program that raises the same error again
/// and again does not look its positions up again. A direct-mapped cache.
#[derive(Default)]
pub(super) struct ErrorSites(Vec<Option<ErrorSite>>);

impl ErrorSites {
    /// The site at an instruction of the frame's function.
    fn at(&mut self, frame: &Frame, index: usize) -> &ErrorSite {
        if self.0.is_empty() {
            self.0.resize_with(N_SITES, || None);
        }
        let (code, index) = (frame.code, index as u32);
        let hash = (code as usize / align_of::<FunctionCode>()).wrapping_add(index as usize);
        let entry = &mut self.0[hash % N_SITES];
        let known = entry.take_if(|site| site.code == code && site.index == index);
        entry.insert(known.unwrap_or_else(|| frame.site(index)))
    }
}

impl Frame {
    /// The position that is recorded for an instruction.
    fn position(&self, index: usize) -> Rc<Position> {
        let proto = &self.loaded().proto;
        Rc::new(proto.source.position(proto.spans.offset(index as u32)))
    }

    /// What errors tell of an instruction of the frame's function.
    fn site(&self, index: u32) -> ErrorSite {
        let proto = &self.loaded().proto;
        let (name, file) = (proto.info.listed_name(), proto.source.file.clone());
        let line = proto.source.line(proto.spans.offset(index));
        let call = Rc::new(TracedCall { name, file, line });
        ErrorSite { code: self.code, index, position: OnceCell::new(), call }
    }

    /// Whether tracebacks list the frame's function.
    fn is_listed(&self) -> bool {
        self.has(flags::USER) && !self.has(flags::HIDDEN)
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
        let site = self.error_sites.at(frame, index);
        error.locate(|| site.position.get_or_init(|| frame.position(index)).clone());
        let handler = frame.handler(index, &error);
        if frame.is_listed() && handler.is_none_or(|h| h.kind == HandlerKind::Catch) {
            error.leave(site.call.clone());
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
            error.locate(|| Rc::new(source.position(offset)));
            error
        });
        self.checked(located)
    }
}
