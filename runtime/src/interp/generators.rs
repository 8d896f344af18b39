//! Generators on the VM: frames that move between the heap and the stacks.
//!
//! A request copies the saved window above the frame on top and goes on in it, on the same
//! interpreter loop when a `for` asks and on a nested one when a native does. `yield` copies the
//! window back. Neither allocates: the generator keeps the buffer. While the frame is on the
//! stacks the slot below its register 0 owns the generator.

use super::Vm;
use super::enter::{Args, place_args};
use super::machine::{Machine, Step, Stop};
use super::stack::{Frame, flags, loaded};
use super::tiering::Stepped;
use crate::bytecode::operand::Op;
use crate::bytecode::ops;
use crate::concurrency::coroutine::begin_request;
use crate::concurrency::tasks;
use crate::error::Result;
use crate::objects::function::{FunctionInfo, Receiver};
use crate::objects::generator::{GeneratorBody, Progress, SavedFrame};
use crate::profile::site;
use crate::tier::Status;
use crate::value::{Tag, Value, View};

impl Vm {
    /// A call of an async or generator function whose arity has been checked.
    pub(super) fn begin_suspendable(
        &mut self,
        callee: Value,
        window: *mut Value,
        args: Args,
        flags: u64,
    ) -> Result<Value> {
        let View::Function(function) = callee.view() else { return Ok(Value::NULL) };
        let info = function.info();
        let has_receiver = info.receiver != Receiver::None;
        let receiver = if !has_receiver {
            Value::NULL
        } else if flags & flags::KEEP_RECEIVER != 0 {
            // SAFETY: the receiver of a method is in the first register of the window.
            unsafe { (*window).clone() }
        } else {
            // SAFETY: as above.
            unsafe { (*window).take() }
        };
        let first = window.wrapping_add(usize::from(has_receiver));
        if info.is_generator {
            return Ok(make_generator(&callee, info, receiver, first, args));
        }
        let args = match args {
            // SAFETY: arguments in place are initialised registers.
            Args::InPlace(n) => (0..n).map(|i| unsafe { (*first.add(i)).take() }).collect(),
            Args::List(list) => list,
        };
        self.native.nested += 1;
        let has_room = self.check_depth(info, window);
        self.native.nested -= 1;
        has_room?;
        tasks::start(self, callee, receiver, args)
    }

    /// Puts a generator's frame on top; false if it has ended.
    fn push_generator(&mut self, generator: &Value, flags: u64) -> Result<bool> {
        let View::Generator(body) = generator.view() else { return Ok(false) };
        if body.progress.get() == Progress::Exhausted {
            return Ok(false);
        }
        let window = self.free_registers().wrapping_add(1);
        // SAFETY: nobody else uses the frame of a generator.
        let saved = unsafe { &mut *body.frame() };
        let end = window.wrapping_add(saved.registers.len());
        self.native.nested += 1;
        let has_room = self.check_depth(body.info(), end);
        self.native.nested -= 1;
        has_room?;
        begin_request(body)?;
        // SAFETY: there is room for the window and a frame. The saved values move; the buffer
        // keeps nulls.
        unsafe {
            window.sub(1).write(generator.clone());
            let n = saved.registers.len();
            let from = saved.registers.as_mut_ptr();
            std::ptr::copy_nonoverlapping(from, window, n);
            std::ptr::write_bytes(from, 0, n);
            self.frame = self.frame.add(1);
            let closure = std::mem::replace(&mut saved.closure, std::ptr::null_mut());
            let flags = flags | flags::USER | flags::GENERATOR;
            let (pc, code) = (saved.pc, saved.code);
            self.frame.write(Frame { base: window, pc, code, closure, flags });
        }
        self.native.depth += 1;
        self.native.nested += 1;
        Ok(true)
    }

    /// A generator's frame with this window has ended; its registers are released.
    #[cold]
    pub(super) fn generator_ended(&mut self, base: *mut Value) {
        self.native.nested -= 1;
        // SAFETY: the slot below the window of a generator's frame owns the generator.
        let generator = unsafe { (*base.sub(1)).take() };
        if let View::Generator(body) = generator.view() {
            body.progress.set(Progress::Exhausted);
        }
    }

    /// The next value of a generator for a native.
    pub(super) fn next_of_generator(&mut self, generator: &Value) -> Result<Option<Value>> {
        if !self.push_generator(generator, flags::BOUNDARY)? {
            return Ok(None);
        }
        match self.run() {
            Status::Done => {
                let value = self.native.result.take();
                Ok(std::mem::take(&mut self.has_yielded).then_some(value))
            }
            Status::Raised | Status::Exited => Err(self.taken_error()),
        }
    }

    /// For compiled code whose step has put a generator's frame on top of `frame`: runs it to
    /// its next value and finishes the step; `next` is behind the instruction.
    pub(super) fn finish_request(
        &mut self,
        next: *const crate::bytecode::operand::Instr,
        frame: *mut Frame,
    ) -> Stepped {
        // SAFETY: the generator's frame is on top.
        unsafe { (*self.frame).flags |= flags::BOUNDARY };
        match self.resume() {
            Status::Done => {
                let value = self.native.result.take();
                let value = std::mem::take(&mut self.has_yielded).then_some(value);
                let mut machine = Machine::new(self);
                machine.pc = next;
                machine.deliver(value);
                // SAFETY: the frame that asked is on top again; `pc` stays inside its code.
                let at = unsafe { machine.pc.offset_from((*frame).call_info().code) };
                Stepped::Next(at as usize)
            }
            Status::Raised | Status::Exited => Stepped::Raised,
        }
    }
}

/// A generator with its arguments in place, at the start of its function.
fn make_generator(
    callee: &Value,
    info: &FunctionInfo,
    receiver: Value,
    first: *mut Value,
    args: Args,
) -> Value {
    place_args(info, first, args);
    let View::Function(function) = callee.view() else { return Value::NULL };
    // SAFETY: functions of the VM are loaded; their code lives as long as the isolate.
    let call = unsafe { &loaded(function.code_ptr()).call };
    let mut registers = Vec::with_capacity(call.n_registers as usize);
    if info.receiver != Receiver::None {
        registers.push(receiver);
    }
    for i in 0..info.n_params as usize + usize::from(info.has_rest) {
        // SAFETY: `place_args` has initialised these registers.
        registers.push(unsafe { (*first.add(i)).take() });
    }
    registers.resize_with(call.n_registers as usize, Value::default);
    let closure = std::mem::ManuallyDrop::new(callee.clone()).payload() as *mut _;
    let frame = SavedFrame {
        code: function.code_ptr(),
        closure,
        pc: call.code,
        registers: registers.into_boxed_slice(),
    };
    GeneratorBody::of_frame(frame)
}

impl Machine {
    /// Asks the generator in a loop's register for its next value.
    #[inline(never)]
    fn enter_generator_slow(mut self, base: usize) -> std::result::Result<bool, Stop> {
        self.save();
        let generator = self.reg(base).clone();
        let pushed = self.vm().push_generator(&generator, 0);
        self.checked(pushed)
    }

    #[inline(always)]
    pub(super) fn enter_generator(&mut self, base: usize) -> Step {
        if self.enter_generator_slow(base)? {
            self.reload();
        } else {
            self.deliver(None);
        }
        Ok(())
    }

    /// Ends the loop instruction behind which the machine stands: with the generator's value, or
    /// with none left.
    pub(super) fn deliver(&mut self, next: Option<Value>) {
        let word = self.instr().word();
        let has_next = next.is_some();
        let (dst, target, wanted) = match word.op() {
            Op::IterTest => {
                let op = ops::IterTest::decode(word);
                (op.dst, op.target, false)
            }
            _ => {
                let op = ops::IterLoop::decode(word);
                (op.dst, op.target, true)
            }
        };
        if let Some(value) = next {
            self.note_result(value.tag(), site::RESULT);
            self.set(dst.idx(), value);
        }
        self.jump_near(has_next == wanted, target);
    }

    #[inline(always)]
    pub(super) fn yield_value(&mut self, op: ops::Yield) -> Step {
        let value = self.value(op.src);
        self.set(op.dst.idx(), Value::NULL);
        let flags = self.frame().flags;
        let (base, pc, vm) = (self.base, self.pc, self.vm());
        // SAFETY: the slot below the window owns the generator, whose saved frame is unused while
        // the frame is on top; its buffer has the size of the window and holds only nulls.
        let generator = unsafe {
            let generator = base.sub(1).read();
            base.sub(1).write(Value::NULL);
            let body: &GeneratorBody = super::machine::body(&generator);
            let saved = &mut *body.frame();
            let n = saved.registers.len();
            std::ptr::copy_nonoverlapping(base, saved.registers.as_mut_ptr(), n);
            std::ptr::write_bytes(base, 0, n);
            saved.pc = pc;
            saved.closure = (*vm.frame).closure;
            body.progress.set(Progress::Suspended);
            generator
        };
        // SAFETY: below a generator's frame there is the frame that asked, or the bottom.
        vm.frame = unsafe { vm.frame.sub(1) };
        vm.native.depth -= 1;
        vm.native.nested -= 1;
        drop(generator);
        if flags & flags::BOUNDARY != 0 {
            let vm = self.vm();
            vm.native.result = value;
            vm.has_yielded = true;
            return Err(Stop::Returned);
        }
        self.reload();
        self.deliver(Some(value));
        Ok(())
    }

    /// The generator's frame has returned and is popped.
    #[cold]
    #[inline(never)]
    pub(super) fn leave_generator(&mut self, flags: u64) -> Step {
        if flags & flags::BOUNDARY != 0 {
            self.vm().native.result = Value::NULL;
            return Err(Stop::Returned);
        }
        self.reload();
        self.deliver(None);
        Ok(())
    }
}

const _: () = assert!(Tag::Null as u64 == 0, "zeroed registers hold null");
