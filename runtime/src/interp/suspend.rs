//! Tasks on the VM: each has register and frame stacks of its own, exchanged when it runs.

use std::any::Any;
use std::cell::RefCell;

use super::Vm;
use super::enter::Args;
use super::machine::{Machine, Step};
use super::stack::{Frame, Stacks, flags};
use crate::bytecode::ops;
use crate::concurrency::promises;
use crate::error::{Error, Kind, Result};
use crate::objects::function::Receiver;
use crate::value::{Value, View};

/// Stacks that are kept for the next tasks of the thread.
const MAX_KEPT: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<Stacks>> = const { RefCell::new(Vec::new()) };
}

/// The stacks of a task that does not run.
struct TaskStacks {
    stacks: Option<Stacks>,
    frame: *mut Frame,
}

impl TaskStacks {
    fn new(call_depth: u32) -> Result<TaskStacks> {
        let kept = KEPT.with_borrow_mut(Vec::pop);
        let fitting = kept.filter(|stacks| stacks.fits(call_depth));
        let Some(mut stacks) = fitting.or_else(|| Stacks::reserve_for_task(call_depth)) else {
            return Err(Error::new(Kind::MemoryError, "Out of memory"));
        };
        let frame = stacks.write_bottom();
        Ok(TaskStacks { stacks: Some(stacks), frame })
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
            None => Box::new(TaskStacks::new(self.isolate.limits.call_depth)?),
        };
        if let Some(task) = taken.downcast_mut::<TaskStacks>()
            && let Some(stacks) = &mut task.stacks
        {
            std::mem::swap(stacks, &mut self.stacks);
            std::mem::swap(&mut task.frame, &mut self.frame);
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

impl Machine {
    #[inline(always)]
    pub(super) fn await_value(&mut self, op: ops::Await) -> Step {
        let value = self.value(op.src);
        self.save();
        let value = self.await_slow(value)?;
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(never)]
    fn await_slow(mut self, value: Value) -> std::result::Result<Value, super::machine::Stop> {
        let result = promises::await_value(self.vm(), value);
        self.checked(result)
    }
}
