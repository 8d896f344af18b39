//! Entering calls in the general case: any callee, any arguments, all limits, hot code.

use super::Vm;
use super::stack::{Frame, flags, loaded};
use crate::error::{Error, Kind, Result};
use crate::heap::Obj;
use crate::natives;
use crate::objects::function::{Function, FunctionCode, FunctionInfo, Receiver};
use crate::semantics::{literal, type_name};
use crate::tier::Status;
use crate::value::{Tag, Value, View, Wrapper};

/// Where the arguments of a call are.
pub(super) enum Args {
    /// That many at the start of the window (behind the receiver).
    InPlace(usize),
    /// Elements of a spread, not in registers yet.
    List(Vec<Value>),
}

impl Args {
    fn len(&self) -> usize {
        match self {
            Args::InPlace(n) => *n,
            Args::List(list) => list.len(),
        }
    }
}

/// How far a call has come.
pub(super) enum Begun {
    /// A frame is on top that the interpreter is to run.
    Entered,
    Done(Value),
}

impl Vm {
    #[inline(always)]
    pub(super) fn is_interrupted(&self) -> bool {
        // SAFETY: the isolate owns the flag that the context points to.
        unsafe { (*self.native.interrupt).load(std::sync::atomic::Ordering::Relaxed) }
    }

    /// The first register that belongs to no frame.
    pub(super) fn free_registers(&self) -> *mut Value {
        self.end_of_registers(self.frame)
    }

    /// Behind the registers of `frame` and of those below it: the window of a call begins inside
    /// the registers of its caller, which may reach further than the callee's.
    fn end_of_registers(&self, mut frame: *const Frame) -> *mut Value {
        let mut end: *mut Value = std::ptr::null_mut();
        loop {
            // SAFETY: `frame` points to a frame; the one at the bottom is without code.
            let Frame { base, code, .. } = unsafe { &*frame };
            if code.is_null() {
                return end.max(*base);
            }
            // SAFETY: functions of frames are loaded.
            let n = unsafe { loaded(*code).call.n_registers };
            end = end.max(base.wrapping_add(n as usize));
            // Frames below begin further down.
            if base.wrapping_add(self.most_registers as usize) <= end {
                return end;
            }
            frame = frame.wrapping_sub(1);
        }
    }

    /// Empties the registers from `start` on that belong to frames below the one on top. The
    /// interpreter may have left values there that it no longer needs, and compiled code writes to
    /// its window without looking.
    ///
    /// # Safety
    /// No frame may need a register from `start` on.
    pub(super) unsafe fn release_lingering(&self, start: *mut Value) {
        let end = self.end_of_registers(self.frame.wrapping_sub(1));
        let mut slot = start;
        while slot < end {
            // SAFETY: registers of frames are values.
            unsafe {
                if (*slot).is_heap() {
                    drop((*slot).take());
                }
                slot = slot.add(1);
            }
        }
    }

    /// Calls any value. Arguments in place are in the first registers of `window`.
    pub(super) fn begin_call(
        &mut self,
        callee: Value,
        window: *mut Value,
        args: Args,
        flags: u64,
    ) -> Result<Begun> {
        let mut list;
        let args = match (callee.tag(), args) {
            (Tag::Function, args) => return self.begin_function(callee, window, args, flags),
            // SAFETY: arguments in place are initialised registers.
            (_, Args::InPlace(n)) => unsafe { std::slice::from_raw_parts_mut(window, n) },
            (_, Args::List(given)) => {
                list = given;
                &mut list[..]
            }
        };
        let result = match callee.view() {
            View::Native(index) => natives::call(self, index, args),
            View::Wrapper(which) => wrap(which, args),
            _ => return Err(not_callable(&callee)),
        };
        args.fill(Value::NULL);
        Ok(Begun::Done(result?))
    }

    /// Calls a function; a receiver is in the first register of `window`.
    pub(super) fn begin_function(
        &mut self,
        callee: Value,
        window: *mut Value,
        args: Args,
        flags: u64,
    ) -> Result<Begun> {
        let View::Function(function) = callee.view() else {
            return Err(not_callable(&callee));
        };
        let info = function.info();
        check_arity(info, args.len())?;
        if info.is_generator || info.is_async {
            return self.begin_suspendable(callee, window, args, flags).map(Begun::Done);
        }
        self.begin_body(callee, window, args, flags)
    }

    /// Enters the body of a function whose arity has been checked.
    pub(super) fn begin_body(
        &mut self,
        callee: Value,
        window: *mut Value,
        args: Args,
        flags: u64,
    ) -> Result<Begun> {
        let View::Function(function) = callee.view() else {
            return Err(not_callable(&callee));
        };
        let (code, info) = (function.code_ptr(), function.info());
        // SAFETY: functions of the VM are loaded; their code lives as long as the isolate.
        let call = unsafe { &loaded(code).call };
        self.check_depth(info, window.wrapping_add(call.n_registers as usize))?;
        if self.is_interrupted() {
            self.poll()?;
        }
        let receiver = usize::from(info.receiver != Receiver::None);
        place_args(info, window.wrapping_add(receiver), args);
        let closure = std::mem::ManuallyDrop::new(callee).payload() as *mut Obj<Function>;
        // SAFETY: functions of the VM are loaded; the limits were just checked.
        unsafe { self.push_frame(code, closure, window, flags) };
        self.enter_compiled(code)
    }

    /// Checks the depth limits and the end of the register stack.
    pub(super) fn check_depth(&self, info: &FunctionInfo, end: *mut Value) -> Result<()> {
        let native = &self.native;
        if native.depth >= native.depth_limit || end > native.stack_limit {
            return Err(too_deep(native.depth_limit, info));
        }
        if native.nested > native.nested_limit || self.isolate.tasks.stack_floor.is_reached() {
            return Err(too_deep(native.nested_limit, info));
        }
        Ok(())
    }

    /// Refuses native recursion for a function where the native stack gets scarce.
    pub(super) fn check_native_stack(&self, callee: &Value) -> Result<()> {
        match callee.view() {
            View::Function(function) if self.isolate.tasks.stack_floor.is_reached() => {
                Err(too_deep(self.native.nested_limit, function.info()))
            }
            _ => Ok(()),
        }
    }

    /// Pushes a frame that starts at the function's first instruction; `closure` gives its count
    /// to the frame.
    ///
    /// # Safety
    /// `code` must be loaded by this VM, and limits must have been checked for `window`.
    pub unsafe fn push_frame(
        &mut self,
        code: *const FunctionCode,
        closure: *mut Obj<Function>,
        window: *mut Value,
        flags: u64,
    ) {
        // SAFETY: callers pass live code and have checked that there is room.
        unsafe {
            let pc = loaded(code).call.code;
            self.frame = self.frame.add(1);
            self.frame.write(Frame { base: window, pc, code, closure, flags });
        }
        self.native.depth += u32::from(flags & flags::USER != 0);
    }

    /// Runs the compiled code of the function whose frame was just pushed, if there is any.
    fn enter_compiled(&mut self, code: *const FunctionCode) -> Result<Begun> {
        // SAFETY: code lives as long as the isolate.
        let profile = unsafe { &loaded(code).proto.profile };
        if profile.heat(10) {
            // SAFETY: as above.
            self.function_is_hot(unsafe { &*code });
        }
        let Some(entry) = profile.entry() else { return Ok(Begun::Entered) };
        if self.isolate.tasks.stack_floor.is_reached() {
            return Ok(Begun::Entered);
        }
        self.can_finish_later = false;
        // SAFETY: the frame on top was pushed for this call, as entries expect. Only its arguments
        // are needed.
        let status = unsafe {
            let window = (*self.frame).base;
            self.release_lingering(window.add((*code).info.n_args()));
            self.enter_at(entry)
        };
        match status {
            Status::Exited => Ok(Begun::Entered),
            Status::Done => Ok(Begun::Done(self.native.result.take())),
            Status::Raised => Err(self.taken_error()),
        }
    }

    /// A nested call of a function that has compiled code and gets exactly its parameters, if
    /// nothing stands in the way; `None` leaves the arguments alone.
    #[inline]
    pub(super) fn call_compiled(
        &mut self,
        callee: &Value,
        flags: u64,
        window: *mut Value,
        args: &mut [Value],
    ) -> Option<Result<Value>> {
        if callee.tag() != Tag::Function {
            return None;
        }
        let closure = callee.payload() as *mut Obj<Function>;
        // SAFETY: the tag says that the value owns a live function; functions of the VM are
        // loaded, and their code lives as long as the isolate.
        let (code, loaded) = unsafe {
            let code = (*closure).body.code_ptr();
            (code, loaded(code))
        };
        let Some(entry) = loaded.proto.profile.entry() else {
            loaded.proto.profile.note_callback();
            return None;
        };
        let end = window.wrapping_add(loaded.call.n_registers as usize);
        let native = &self.native;
        let is_plain = loaded.call.exact_args as usize == args.len()
            && native.depth < native.depth_limit
            && native.nested < native.nested_limit
            && end <= native.stack_limit
            && !self.is_interrupted();
        if !is_plain {
            return None;
        }
        // SAFETY: the window fits the stack; free registers hold nothing that needs a release.
        // The frame gets its own count of the closure, and is what the entry expects.
        let status = unsafe {
            for (i, value) in args.iter_mut().enumerate() {
                window.add(i).write(value.take());
            }
            (*closure).header.retain();
            self.push_frame(code, closure, window, flags | flags::USER | flags::BOUNDARY);
            self.native.nested += 1;
            self.can_finish_later = false;
            self.enter_at(entry)
        };
        let status = if status == Status::Exited { self.run() } else { status };
        self.native.nested -= 1;
        Some(match status {
            Status::Done => Ok(self.native.result.take()),
            Status::Raised | Status::Exited => Err(self.taken_error()),
        })
    }

    /// The error that goes with a status `Raised`.
    pub(super) fn taken_error(&mut self) -> Error {
        let missing = || Error::new(Kind::MemoryError, "internal error: raised without error");
        self.native.take_error().unwrap_or_else(missing)
    }

    /// Runs a call that has begun to its end. Its frame must be a boundary.
    pub(super) fn complete(&mut self, begun: Result<Begun>) -> Result<Value> {
        match begun? {
            Begun::Done(value) => Ok(value),
            Begun::Entered => match self.run() {
                Status::Done => Ok(self.native.result.take()),
                Status::Raised | Status::Exited => Err(self.taken_error()),
            },
        }
    }
}

/// Brings arguments into the registers at `first`: missing ones are unassigned, surplus ones go
/// into the rest array.
pub(super) fn place_args(info: &FunctionInfo, first: *mut Value, args: Args) {
    let n_params = info.n_params as usize;
    // SAFETY: the frame fits the stack (checked by the caller), and the verifier made sure that
    // parameters fit the frame; arguments in place are initialised. Slots hold valid values
    // everywhere, so assigning drops what they held.
    let at = |i: usize| unsafe { &mut *first.add(i) };
    let mut rest = Vec::new();
    let n = match args {
        Args::InPlace(n) => {
            rest.extend((n_params..n).map(|i| at(i).take()));
            n
        }
        Args::List(list) => {
            let n = list.len();
            let mut list = list.into_iter();
            for (i, value) in list.by_ref().take(n_params).enumerate() {
                *at(i) = value;
            }
            rest.extend(list);
            n
        }
    };
    for i in n..n_params {
        *at(i) = Value::UNASSIGNED;
    }
    if info.has_rest {
        *at(n_params) = literal::make_array(rest);
    }
}

fn check_arity(info: &FunctionInfo, got: usize) -> Result<()> {
    let (required, max) = (info.n_required as usize, info.n_params as usize);
    if got >= required && (info.has_rest || got <= max) {
        return Ok(());
    }
    let max = if info.has_rest { usize::MAX } else { max };
    Err(natives::arity_error(info.display_name(), required, max, got))
}

fn wrap(which: Wrapper, args: &mut [Value]) -> Result<Value> {
    match args {
        [content] => Ok(which.wrap(content.take())),
        _ => Err(natives::arity_error(which.name(), 1, 1, args.len())),
    }
}

#[cold]
fn not_callable(callee: &Value) -> Error {
    Error::new(Kind::TypeError, format!("Cannot call non-function: {}", type_name(callee)))
}

#[cold]
fn too_deep(limit: u32, info: &FunctionInfo) -> Error {
    let name = info.display_name();
    let message = format!("Maximum call stack depth of {limit} exceeded while calling {name}");
    Error::new(Kind::RecursionError, message)
}
