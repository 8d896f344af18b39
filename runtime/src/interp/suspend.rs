//! Tasks on the VM: each has register and frame stacks of its own, exchanged when it runs.

use std::any::Any;
use std::cell::RefCell;

use super::Vm;
use super::enter::Args;
use super::machine::{Machine, Step};
use super::stack::{Frame, Stacks, flags};
use crate::bytecode::operand::{Instr, Op};
use crate::bytecode::ops;
use crate::concurrency::{isolates, promises};
use crate::error::{Error, Kind, Result};
use crate::objects::function::Receiver;
use crate::tier::Status;
use crate::value::{Tag, Value, View};

/// Stacks that are kept for the next tasks of the thread.
const MAX_KEPT: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Stacks>> = const { RefCell::new(Vec::new()) };
}

/// The stacks of a task that does not run.
struct TaskStacks {
    stacks: Option<Stacks>,
    frame: *mut Frame,
    loops: u32,
}

/// The frames of a task that waits on the heap.
pub(super) struct Frames {
    frames: Vec<Frame>,
    /// From the bottom of the task's register stack on.
    registers: Vec<Value>,
    /// Where that bottom was.
    bottom: *mut Value,
}

impl Drop for Frames {
    fn drop(&mut self) {
        for frame in self.frames.drain(..) {
            if !frame.closure.is_null() {
                // SAFETY: the frame owns a count of its closure.
                drop(unsafe { Value::from_parts(Tag::Function, frame.closure as u64) });
            }
        }
    }
}

impl TaskStacks {
    fn new(register_bytes: usize, call_depth: u32) -> Result<TaskStacks> {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        let fitting = kept.filter(|stacks| stacks.fits(register_bytes, call_depth));
        let reserve = || Stacks::reserve_for_task(register_bytes, call_depth);
        let Some(mut stacks) = fitting.or_else(reserve) else {
            return Err(Error::new(Kind::MemoryError, "Out of memory"));
        };
        let frame = stacks.write_bottom();
        Ok(TaskStacks { stacks: Some(stacks), frame, loops: 0 })
    }
}

impl Drop for TaskStacks {
    fn drop(&mut self) {
        let Some(stacks) = self.stacks.take() else { return };
        // A thread that ends has no store any more.
        let _ = KEPT.try_with(|kept| {
            if let Ok(mut kept) = kept.try_borrow_mut()
                && kept.len() < MAX_KEPT
            {
                kept.push(stacks);
            }
        });
    }
}

impl Vm {
    /// See `Host::swap_stacks`.
    pub(super) fn exchange_stacks(&mut self, other: &mut Option<Box<dyn Any>>) -> Result<()> {
        let mut taken = match other.take() {
            Some(stacks) => stacks,
            None => {
                let bytes = self.stacks.register_bytes();
                Box::new(TaskStacks::new(bytes, self.isolate.limits.call_depth)?)
            }
        };
        if let Some(task) = taken.downcast_mut::<TaskStacks>()
            && let Some(stacks) = &mut task.stacks
        {
            std::mem::swap(stacks, &mut self.stacks);
            std::mem::swap(&mut task.frame, &mut self.frame);
            std::mem::swap(&mut task.loops, &mut self.loops);
            self.can_finish_later = false;
            self.frame_limit = self.stacks.frame_limit();
            self.native.stack_limit = self.stacks.register_limit();
        }
        *other = Some(taken);
        Ok(())
    }

    /// Runs the body of an async function on the stacks of its task.
    pub(super) fn run_suspendable(
        &mut self,
        callee: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        let window = self.free_registers();
        let View::Function(function) = callee.view() else { return Ok(Value::NULL) };
        let mut first = window;
        if function.info().receiver != Receiver::None {
            self.place(window, std::slice::from_mut(receiver))?;
            first = window.wrapping_add(1);
        }
        self.place(first, args)?;
        let flags = flags::USER | flags::BOUNDARY;
        let n = args.len();
        let begun = self.begin_body(callee.clone(), window, Args::InPlace(n), flags);
        if begun.is_err() {
            self.clear(window, n + 1);
        }
        self.complete(begun)
    }
}

impl Vm {
    /// Whether the error in the context only leaves the frames of a task that waits; they stay
    /// on the stacks for the moment, the one on top standing behind `pc`.
    pub(super) fn is_suspending(&mut self, pc: *const Instr) -> bool {
        let Some(error) = self.native.take_error() else { return false };
        let is_suspension = error.is_suspension();
        self.native.put_error(error);
        if is_suspension {
            // SAFETY: the loop runs a frame.
            unsafe { (*self.frame).pc = pc };
        }
        is_suspension
    }

    /// Takes all frames of the present task off its stacks.
    pub(super) fn take_frames(&mut self) -> Frames {
        let first = self.stacks.first_frame().wrapping_add(1);
        let bottom = self.stacks.first_register();
        // SAFETY: frames from the first to the one on top are initialised, and so are the
        // registers below the end of the one on top; both move out, and registers keep null.
        unsafe {
            let n_frames = self.frame.offset_from(first) as usize + 1;
            let n = self.free_registers().offset_from(bottom) as usize;
            let frames = (0..n_frames).map(|i| first.add(i).read()).collect();
            let registers = (0..n).map(|i| (*bottom.add(i)).take()).collect();
            self.frame = first.sub(1);
            Frames { frames, registers, bottom }
        }
    }

    /// Puts frames on the present stacks, which are empty.
    fn put_frames(&mut self, frames: &mut Frames) {
        let first = self.stacks.first_frame().wrapping_add(1);
        let bottom = self.stacks.first_register();
        for (i, value) in frames.registers.drain(..).enumerate() {
            // SAFETY: the registers fitted stacks of this size before.
            unsafe { *bottom.add(i) = value };
        }
        for (i, mut frame) in frames.frames.drain(..).enumerate() {
            // SAFETY: both pointers were into the same register stack.
            let offset = unsafe { frame.base.offset_from(frames.bottom) };
            frame.base = bottom.wrapping_offset(offset);
            // SAFETY: as for the registers.
            unsafe { first.add(i).write(frame) };
            self.frame = first.wrapping_add(i);
        }
    }

    /// See `Host::reattach`.
    pub(super) fn go_on(
        &mut self,
        frames: Box<dyn Any>,
        outcome: Result<Option<Value>>,
    ) -> Result<Value> {
        let Ok(mut frames) = frames.downcast::<Frames>() else { return Ok(Value::NULL) };
        self.put_frames(&mut frames);
        let mut machine = Machine::new(self);
        let is_ready = match outcome {
            Ok(value) => {
                machine.finish_wait(value);
                let pc = machine.pc;
                // SAFETY: a frame is on top.
                unsafe { (*self.frame).pc = pc };
                true
            }
            Err(error) => {
                let pc = machine.pc;
                self.native.put_error(error);
                self.unwind(pc)
            }
        };
        let status = if is_ready { self.run() } else { Status::Raised };
        match status {
            Status::Done => Ok(self.native.result.take()),
            Status::Raised | Status::Exited => Err(self.taken_error()),
        }
    }
}

impl Machine {
    /// Ends the instruction in which the task has waited.
    fn finish_wait(&mut self, value: Option<Value>) {
        let word = self.instr().word();
        match word.op() {
            Op::IterTest | Op::IterLoop => self.deliver(value),
            _ => {
                // All calls, and `await`, have the register of their result as first operand.
                let dst = word.0 >> 16 & 0xffff;
                self.set(dst as usize, value.unwrap_or_default());
            }
        }
    }

    #[inline(always)]
    pub(super) fn await_value(&mut self, op: ops::Await) -> Step {
        let value = self.value(op.src);
        self.save();
        let value = self.await_slow(value)?;
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn spawn_block(&mut self, op: ops::Spawn) -> Step {
        let block = self.value(op.src);
        self.save();
        let promise = self.spawn_slow(&block)?;
        self.set(op.dst.idx(), promise);
        Ok(())
    }

    #[inline(never)]
    fn spawn_slow(mut self, block: &Value) -> std::result::Result<Value, super::machine::Stop> {
        let promise = isolates::spawn(self.vm(), block);
        self.checked(promise)
    }

    #[inline(never)]
    fn await_slow(mut self, value: Value) -> std::result::Result<Value, super::machine::Stop> {
        self.vm().can_finish_later = true;
        let result = promises::await_value(self.vm(), value);
        self.vm().can_finish_later = false;
        self.checked(result)
    }
}
