//! Code that can be suspended anywhere because it has a native stack of its own.
//!
//! Tasks are coroutines on every engine, generators on engines that keep their activations on
//! the native stack. A task that waits inside a generator passes through it: whoever resumed the
//! generator waits in its place and then resumes it again.

use std::cell::Cell;
use std::rc::Rc;

use corosensei::{CoroutineResult, Yielder};

use super::stack::TaskStack;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::limits::StackFloor;
use crate::objects::function::FunctionInfo;
use crate::objects::generator::{GeneratorBody, Progress};
use crate::value::{Value, View};

/// The engine, as it is passed into a coroutine at each resumption.
type HostPtr = *mut (dyn Host + 'static);

/// Why a coroutine has been left.
pub(super) enum Left {
    /// A generator has a value.
    Yielded(Value),
    /// The task waits.
    Waiting,
}

/// What a coroutine hands out when it is left. The engine goes along, since others change it
/// until the coroutine goes on.
type Out = (HostPtr, Left);
type Inner = corosensei::Coroutine<HostPtr, Out, Result<Value>, TaskStack>;
type Handle = *const Yielder<HostPtr, Out>;

/// What a coroutine runs, which may borrow.
pub(super) type BodyWith<'a> = Box<dyn FnOnce(&mut dyn Host) -> Result<Value> + 'a>;
/// What a coroutine runs.
pub(super) type Body = BodyWith<'static>;

pub(super) struct Coroutine {
    inner: Inner,
    /// Where it is left from; set when it starts.
    handle: Rc<Cell<Handle>>,
    floor: StackFloor,
}

/// What resuming a coroutine gives.
pub(super) enum Resumed {
    Left(Left),
    Ended(Result<Value>),
}

/// The engine as a pointer that outlives the borrow: coroutines only use it while they run, and
/// they only run inside a call that was lent the engine.
fn pointer(host: &mut dyn Host) -> HostPtr {
    let host: *mut dyn Host = host;
    // SAFETY: both are the same fat pointer; only the lifetime bound of the trait object differs,
    // and engines own all their data.
    unsafe { std::mem::transmute::<*mut dyn Host, HostPtr>(host) }
}

/// Lets a body outlive what it borrows.
///
/// # Safety
/// A coroutine that runs it must have ended while what it borrows is still there.
pub(super) unsafe fn outlive(body: BodyWith<'_>) -> Body {
    // SAFETY: the caller's promise; the types differ only in the lifetime.
    unsafe { std::mem::transmute(body) }
}

impl Coroutine {
    /// A coroutine that has not started.
    ///
    /// # Errors
    /// MemoryError if there is no address space for its stack.
    pub(super) fn new(stack_bytes: usize, body: Body) -> Result<Coroutine> {
        let stack = TaskStack::new(stack_bytes)
            .ok_or_else(|| Error::new(Kind::MemoryError, "Out of memory"))?;
        let floor = StackFloor::at(stack.floor());
        let handle: Rc<Cell<Handle>> = Rc::new(Cell::new(std::ptr::null()));
        let shared = handle.clone();
        let inner = Inner::with_stack(stack, move |yielder: &Yielder<HostPtr, Out>, host| {
            shared.set(yielder);
            // SAFETY: whoever resumed the coroutine lends it the engine (see `pointer`).
            body(unsafe { &mut *host })
        });
        Ok(Coroutine { inner, handle, floor })
    }

    /// Runs the coroutine until it is left or ends.
    pub(super) fn resume(&mut self, host: &mut dyn Host) -> Resumed {
        let tasks = &mut host.isolate().tasks;
        let floor = std::mem::replace(&mut tasks.stack_floor, self.floor);
        tasks.handles.push(self.handle.clone());
        let result = self.inner.resume(pointer(host));
        let tasks = &mut host.isolate().tasks;
        tasks.handles.pop();
        tasks.stack_floor = floor;
        match result {
            CoroutineResult::Yield((_, left)) => Resumed::Left(left),
            CoroutineResult::Return(result) => Resumed::Ended(result),
        }
    }
}

/// The way out of a running coroutine.
pub struct Exit(Rc<Cell<Handle>>);

/// The running coroutines of a thread, outermost first.
#[derive(Default)]
pub(super) struct Handles(Vec<Rc<Cell<Handle>>>);

impl Handles {
    fn push(&mut self, handle: Rc<Cell<Handle>>) {
        self.0.push(handle);
    }

    fn pop(&mut self) {
        self.0.pop();
    }

    fn innermost(&self) -> Option<Exit> {
        self.0.last().map(|handle| Exit(handle.clone()))
    }
}

/// Leaves the innermost coroutine until it is resumed; false if none is running.
#[inline(never)]
pub(super) fn leave(host: &mut dyn Host, left: Left) -> bool {
    let Some(Exit(handle)) = host.isolate().tasks.handles.innermost() else { return false };
    // SAFETY: the handle was set when the coroutine started, and it is running.
    let yielder = unsafe { &*handle.get() };
    yielder.suspend((pointer(host), left));
    true
}

// ---- generators of engines with coroutines

/// A call of a generator function whose arity has been checked.
///
/// # Errors
/// MemoryError if there is no address space for its stack.
pub fn make_generator(
    host: &mut dyn Host,
    callee: Value,
    mut receiver: Value,
    mut args: Vec<Value>,
) -> Result<Value> {
    let bytes = host.isolate().tasks.stack_bytes;
    let function = callee.clone();
    let body = move |host: &mut dyn Host| host.run_body(&callee, &mut receiver, &mut args);
    let coroutine = Box::new(Coroutine::new(bytes, Box::new(body))?);
    let View::Function(function) = function.view() else { return Ok(Value::NULL) };
    Ok(GeneratorBody::of_coroutine(function, coroutine))
}

/// `yield` on an engine with coroutines.
///
/// # Errors
/// None at present; engines treat it like any expression.
pub fn yield_value(host: &mut dyn Host, value: Value) -> Result<Value> {
    count(host, -1, 0);
    leave(host, Left::Yielded(value));
    count(host, 1, 0);
    Ok(Value::NULL)
}

/// The next value of a generator with a coroutine; `None` at its end.
///
/// # Errors
/// What the body raises; ConcurrencyError if it is running already.
pub fn resume_generator(host: &mut dyn Host, generator: &Value) -> Result<Option<Value>> {
    let View::Generator(body) = generator.view() else { return Ok(None) };
    if body.is_exhausted() {
        return Ok(None);
    }
    check_depth(host, body.info())?;
    begin_request(body)?;
    let taken = body.coroutine.borrow_mut().take();
    let Some(mut boxed) = taken else { return Ok(None) };
    let Some(coroutine) = boxed.downcast_mut::<Coroutine>() else { return Ok(None) };
    count(host, 0, 1);
    let resumed = loop {
        match coroutine.resume(host) {
            Resumed::Left(Left::Waiting) => {
                leave(host, Left::Waiting);
            }
            other => break other,
        }
    };
    count(host, 0, -1);
    match resumed {
        Resumed::Left(Left::Yielded(value)) => {
            *body.coroutine.borrow_mut() = Some(boxed);
            body.progress.set(Progress::Suspended);
            Ok(Some(value))
        }
        Resumed::Left(Left::Waiting) => Ok(None),
        Resumed::Ended(result) => {
            body.progress.set(Progress::Exhausted);
            result.map(|_| None)
        }
    }
}

/// Changes the numbers of active calls.
fn count(host: &mut dyn Host, depth: i32, nested: i32) {
    let mut counters = host.counters();
    counters.depth = counters.depth.saturating_add_signed(depth);
    counters.nested = counters.nested.saturating_add_signed(nested);
    host.set_counters(counters);
}

/// The limits of LS 21 for a request.
fn check_depth(host: &mut dyn Host, info: &FunctionInfo) -> Result<()> {
    let (counters, limits) = (host.counters(), host.isolate().limits);
    let limit = if counters.depth >= limits.call_depth {
        limits.call_depth
    } else if counters.nested >= limits.nested_depth {
        limits.nested_depth
    } else {
        return Ok(());
    };
    let name = info.display_name();
    let message = format!("Maximum call stack depth of {limit} exceeded while calling {name}");
    Err(Error::new(Kind::RecursionError, message))
}

/// Marks a generator that has not ended as running.
///
/// # Errors
/// ConcurrencyError if it is running already or belongs to another thread.
pub fn begin_request(body: &GeneratorBody) -> Result<()> {
    let message = match body.progress.get() {
        Progress::Running => "Generator is already running",
        Progress::Foreign => FOREIGN,
        Progress::Suspended | Progress::Exhausted => {
            body.progress.set(Progress::Running);
            return Ok(());
        }
    };
    Err(Error::new(Kind::ConcurrencyError, message))
}

/// What using a generator or iterator raises on a thread that it does not belong to.
pub const FOREIGN: &str = "Cannot use a generator of another thread";
