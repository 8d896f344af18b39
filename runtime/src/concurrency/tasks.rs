//! The scheduler of an isolate: tasks, the ready queue, timers, and who runs next (LS 16).
//!
//! Ready tasks run first-in first-out. A task that waits is left through its coroutine; one that
//! waits inside a callback stays where it is and runs the other tasks from there. Whoever has
//! nothing to run waits for the next timer or for another isolate, or finds that nobody can go
//! on any more.

mod ending;
mod pause;

pub(super) use ending::unobserved;
pub use ending::{drain, stop};
pub use pause::{has_others, patience, pause};

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::coroutine::{self, Body, Coroutine, Handles, Left, Resumed};
use super::deadlock::{self, Survey, Wait};
use super::timers::{Alarm, Timer};
use super::{isolates, promises};

use crate::error::{Error, Kind, Result};
use crate::host::{Counters, Host, Stand};
use crate::limits::StackFloor;
use crate::value::Value;

/// How long an interruption may go unnoticed while nothing runs.
const SLICE: Duration = Duration::from_millis(20);
/// Tasks that may keep their coroutine and stacks while they wait.
const MAX_ATTACHED: usize = 64;
/// Tasks after which memory is compared with the limit.
const TASKS_PER_CHECK: usize = 1024;

/// What `Host::swap_stacks` exchanges.
type EngineStacks = Option<Box<dyn Any>>;

/// A task: main, or a call of an async function.
pub struct Task {
    /// Where its outcome goes; null for main.
    promise: Value,
    /// The function that it runs; null for main.
    callee: Value,
    coroutine: RefCell<Option<Coroutine>>,
    /// Those of the engine, if it waits on its coroutine; `None` inside for engines without.
    stacks: RefCell<Option<EngineStacks>>,
    /// Its own active calls.
    counters: Cell<Counters>,
    /// Number of its present wait, if it waits.
    wait: Cell<Option<(u64, Wait)>>,
    /// Where it stood when it began to wait.
    stand: Cell<Stand>,
    /// It waits in place, inside a callback.
    is_in_place: Cell<bool>,
    /// What ends the wait with an error.
    error: RefCell<Option<Error>>,
    /// While it waits without a coroutine: its frames, and what finishes the wait.
    detached: RefCell<Option<Detached>>,
}

/// A task on the heap.
struct Detached {
    frames: Option<Box<dyn Any>>,
    finish: Finish,
}

/// What a wait gives when it is over: a value, or none left.
pub(super) type Finish = Box<dyn FnOnce(&mut dyn Host, End) -> Result<Option<Value>>>;

/// How a wait has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Over,
    /// Nobody takes what it gives: the task gets an error instead, or is stopped.
    Cancelled,
}

/// A wait of a task. Waking it when that wait is over does nothing.
#[derive(Clone)]
pub struct Waiter {
    task: Rc<Task>,
    wait: u64,
}

/// The tasks of an isolate.
pub struct Tasks {
    /// Bytes of native stack that a coroutine gets.
    pub stack_bytes: usize,
    /// Bytes of native stack for main.
    pub main_stack_bytes: usize,
    /// Below it, on the native stack of the running task, no function is entered.
    pub stack_floor: StackFloor,
    pub(super) handles: Handles,
    current: Option<Rc<Task>>,
    /// The first task.
    main: Option<Rc<Task>>,
    /// Tasks that wait on their coroutine.
    n_attached: usize,
    ready: VecDeque<Rc<Task>>,
    /// Waiting tasks by the number of their wait, so the first has waited longest.
    waiting: BTreeMap<u64, Rc<Task>>,
    timers: BinaryHeap<Reverse<Timer>>,
    next_number: u64,
    /// Tasks besides main that have not ended.
    n_unfinished: usize,
    /// An end of the program that no `except` sees, from any task.
    fatal: Option<Error>,
    /// Everything that still runs is to end.
    is_stopping: bool,
    /// Rejected promises that nobody observed when they were.
    pub(super) rejected: Vec<Value>,
    /// Promises that other threads settle, by their token.
    tokens: FxHashMap<u64, Value>,
    /// What other isolates wait for, if they were asked and nothing has happened since.
    pub(super) survey: Option<Survey>,
}

impl Default for Tasks {
    fn default() -> Self {
        Tasks {
            stack_bytes: 1 << 30,
            main_stack_bytes: 4 << 30,
            stack_floor: StackFloor::default(),
            handles: Handles::default(),
            current: None,
            main: None,
            n_attached: 0,
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            timers: BinaryHeap::new(),
            next_number: 0,
            n_unfinished: 0,
            fatal: None,
            is_stopping: false,
            rejected: Vec::new(),
            tokens: FxHashMap::default(),
            survey: None,
        }
    }
}

impl Tasks {
    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Begins a wait of the running task.
    pub(super) fn begin_wait(&mut self, what: Wait) -> Option<Waiter> {
        let task = self.current.clone()?;
        let wait = self.number();
        task.wait.set(Some((wait, what)));
        self.waiting.insert(wait, task.clone());
        Some(Waiter { task, wait })
    }

    /// Ends a wait: the task becomes ready. False if it was over already.
    pub(super) fn wake(&mut self, waiter: &Waiter) -> bool {
        let task = &waiter.task;
        if task.wait.get().is_none_or(|(wait, _)| wait != waiter.wait) {
            return false;
        }
        task.wait.set(None);
        self.survey = None;
        self.waiting.remove(&waiter.wait);
        if !task.is_in_place.get() {
            self.ready.push_back(task.clone());
        }
        true
    }

    /// Ends the wait with this number, if it is still going on.
    pub(super) fn wake_number(&mut self, wait: u64) {
        if let Some(task) = self.waiting.get(&wait) {
            let waiter = Waiter { task: task.clone(), wait };
            self.wake(&waiter);
        }
    }

    /// The waiting tasks, the first the longest.
    pub(super) fn waiting_tasks(&self) -> impl Iterator<Item = &Task> {
        self.waiting.values().map(|task| &**task)
    }

    /// The wait of main, or else the longest one.
    pub(super) fn main_or_longest(&self) -> Option<Waiter> {
        let main = self.main.as_ref().and_then(|main| Some((main.wait.get()?.0, main)));
        let first = || self.waiting.first_key_value().map(|(&wait, task)| (wait, task));
        let (wait, task) = main.or_else(first)?;
        Some(Waiter { task: task.clone(), wait })
    }

    /// Nothing is ready, and nothing will be at some time.
    pub(super) fn is_stuck(&mut self) -> bool {
        self.ready.is_empty() && self.next_due().is_none()
    }

    /// A token under which other threads settle a promise.
    pub(super) fn register(&mut self, promise: Value) -> u64 {
        let token = self.number();
        self.tokens.insert(token, promise);
        token
    }

    /// The promise with this token, which is settled now.
    pub(super) fn registered(&mut self, token: u64) -> Option<Value> {
        self.tokens.remove(&token)
    }

    /// Nobody is going to settle a promise.
    pub(super) fn unregister(&mut self, promise: &Value) {
        self.tokens.retain(|_, known| !known.is_identical(promise));
    }

    fn add_timer(&mut self, ms: f64, alarm: Alarm) {
        let delay = Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX);
        // A time that the clock cannot tell is never.
        let now = Instant::now();
        let far = Duration::from_secs(100 * 365 * 86_400);
        let due = now.checked_add(delay).or_else(|| now.checked_add(far)).unwrap_or(now);
        let number = self.number();
        self.timers.push(Reverse(Timer { due, number, alarm }));
    }

    /// Wakes a wait after some time, if it is not over by then.
    pub(super) fn wake_later(&mut self, ms: f64, waiter: Waiter) {
        self.add_timer(ms, Alarm::Wake(waiter));
    }

    /// Settles a promise after some time.
    pub(super) fn settle_later(&mut self, ms: f64, promise: Value, alarm: promises::Alarm) {
        self.add_timer(ms, Alarm::Promise(promise, alarm));
    }

    /// When the next timer is due that somebody still waits for.
    fn next_due(&mut self) -> Option<Instant> {
        while let Some(Reverse(timer)) = self.timers.peek() {
            let is_wanted = match &timer.alarm {
                Alarm::Wake(waiter) => waiter.is_waiting(),
                Alarm::Promise(promise, _) => promises::is_pending(promise),
            };
            if is_wanted {
                return Some(timer.due);
            }
            self.timers.pop();
        }
        None
    }

    /// The next timer that is due.
    fn due(&mut self) -> Option<Timer> {
        let first = self.timers.peek()?;
        if first.0.due > Instant::now() {
            return None;
        }
        self.timers.pop().map(|Reverse(timer)| timer)
    }
}

impl Task {
    pub(super) fn callee(&self) -> &Value {
        &self.callee
    }

    pub(super) fn stand(&self) -> Stand {
        self.stand.get()
    }

    pub(super) fn waits_for(&self) -> Option<Wait> {
        self.wait.get().map(|(_, what)| what)
    }

    /// What its wait, which ends now, raises.
    pub(super) fn set_error(&self, error: Error) {
        *self.error.borrow_mut() = Some(error);
    }
}

impl Waiter {
    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    /// The number that tells this wait from all others of the isolate.
    pub(super) fn number(&self) -> u64 {
        self.wait
    }

    /// Whether the wait is still going on.
    pub(super) fn is_waiting(&self) -> bool {
        self.task.wait.get().is_some_and(|(wait, _)| wait == self.wait)
    }
}

fn new_task(promise: Value, callee: Value, stack: usize, body: Body) -> Result<Rc<Task>> {
    let coroutine = Coroutine::new(stack, body)?;
    Ok(Rc::new(Task {
        promise,
        callee,
        coroutine: RefCell::new(Some(coroutine)),
        stacks: RefCell::new(None),
        counters: Cell::new(Counters { depth: 0, nested: 0, callbacks: 0 }),
        wait: Cell::new(None),
        stand: Cell::new(Stand::default()),
        is_in_place: Cell::new(false),
        error: RefCell::new(None),
        detached: RefCell::new(None),
    }))
}

/// Starts a call of an async function, whose arity has been checked; gives its promise when the
/// task waits for the first time or has ended (LS 16.1).
///
/// # Errors
/// MemoryError; the end of the program.
pub fn start(
    host: &mut dyn Host,
    callee: Value,
    mut receiver: Value,
    mut args: Vec<Value>,
) -> Result<Value> {
    let promise = crate::objects::promise::PromiseBody::pending();
    let n_unfinished = host.isolate().tasks.n_unfinished;
    if n_unfinished % TASKS_PER_CHECK == TASKS_PER_CHECK - 1 {
        super::check_memory()?;
    }
    let function = callee.clone();
    let body = move |host: &mut dyn Host| host.run_body(&callee, &mut receiver, &mut args);
    let bytes = host.isolate().tasks.stack_bytes;
    let task = new_task(promise.clone(), function, bytes, Box::new(body))?;
    host.isolate().tasks.n_unfinished += 1;
    let before = host.counters();
    let base = Counters { depth: before.depth, nested: before.nested + 1, callbacks: 0 };
    run_task(host, &task, base)?;
    check_stopping(host)?;
    Ok(promise)
}

/// Runs a task until it waits or ends. Its calls count on top of `base`.
fn run_task(host: &mut dyn Host, task: &Rc<Task>, base: Counters) -> Result<()> {
    let taken = task.coroutine.borrow_mut().take();
    if taken.is_some() && task.stacks.borrow().is_some() {
        host.isolate().tasks.n_attached -= 1;
    }
    let Some(mut coroutine) = taken.map_or_else(|| reattached(host, task), Some) else {
        return Ok(());
    };
    let mut stacks = task.stacks.borrow_mut().take().flatten();
    if let Err(error) = host.swap_stacks(&mut stacks) {
        finish(host, task, Err(error));
        return Ok(());
    }
    let before = host.counters();
    let own = task.counters.get();
    host.set_counters(Counters {
        depth: base.depth + own.depth,
        nested: base.nested + own.nested,
        callbacks: own.callbacks,
    });
    let outer = host.isolate().tasks.current.replace(task.clone());
    let resumed = coroutine.resume(host);
    host.isolate().tasks.current = outer;
    let after = host.counters();
    task.counters.set(Counters {
        depth: after.depth.saturating_sub(base.depth),
        nested: after.nested.saturating_sub(base.nested),
        callbacks: after.callbacks,
    });
    host.set_counters(before);
    let is_detached = matches!(&resumed, Resumed::Ended(Err(error)) if error.is_suspension());
    if is_detached && let Some(detached) = &mut *task.detached.borrow_mut() {
        detached.frames = Some(host.detach());
    }
    host.swap_stacks(&mut stacks)?;
    match resumed {
        Resumed::Ended(_) if is_detached => {}
        Resumed::Left(Left::Waiting | Left::Yielded(_)) => {
            host.isolate().tasks.n_attached += 1;
            *task.coroutine.borrow_mut() = Some(coroutine);
            *task.stacks.borrow_mut() = Some(stacks);
        }
        Resumed::Ended(result) => finish(host, task, result),
    }
    Ok(())
}

/// A new coroutine for a task that waited on the heap.
fn reattached(host: &mut dyn Host, task: &Rc<Task>) -> Option<Coroutine> {
    let Detached { frames, finish } = task.detached.borrow_mut().take()?;
    let frames = frames?;
    let shared = task.clone();
    let body = move |host: &mut dyn Host| {
        let outcome = over(host, &shared, finish);
        host.reattach(frames, outcome)
    };
    match Coroutine::new(host.isolate().tasks.stack_bytes, Box::new(body)) {
        Ok(coroutine) => Some(coroutine),
        Err(error) => {
            self::finish(host, task, Err(error));
            None
        }
    }
}

/// What a wait that is over gives.
fn over(host: &mut dyn Host, task: &Task, finish: Finish) -> Result<Option<Value>> {
    let error = task.error.borrow_mut().take();
    let stopped = check_stopping(host);
    let is_taken = error.is_none() && stopped.is_ok();
    let value = finish(host, if is_taken { End::Over } else { End::Cancelled });
    stopped?;
    error.map_or(value, Err)
}

/// A task has ended.
fn finish(host: &mut dyn Host, task: &Task, result: Result<Value>) {
    let tasks = &mut host.isolate().tasks;
    if let Err(error) = &result
        && !error.is_catchable()
    {
        if tasks.fatal.is_none() && !tasks.is_stopping {
            tasks.fatal = Some(error.clone());
        }
        tasks.is_stopping = true;
    }
    if task.promise.is_null() {
        return;
    }
    tasks.n_unfinished -= 1;
    let is_end = result.as_ref().is_err_and(|error| !error.is_catchable());
    if !is_end {
        promises::settle(host, &task.promise, result);
    }
}

/// The error that makes running code end when the program does.
fn check_stopping(host: &mut dyn Host) -> Result<()> {
    if host.isolate().tasks.is_stopping { Err(Error::interrupted()) } else { Ok(()) }
}

/// Waits until the present task, whose wait has begun, is woken; then `finish` gives the value.
///
/// # Errors
/// The error of a wait that can never end; the end of the program; what `finish` raises.
pub(super) fn park(host: &mut dyn Host, waiter: &Waiter, finish: Finish) -> Result<Option<Value>> {
    check_stopping(host)?;
    let task = &waiter.task;
    task.stand.set(host.stand());
    if host.counters().callbacks > 0 {
        task.is_in_place.set(true);
        let mut result = Ok(());
        while waiter.is_waiting() && result.is_ok() {
            result = run_one(host).and_then(|()| check_stopping(host));
        }
        task.is_in_place.set(false);
        result?;
    } else if is_detachable(host, task) {
        *task.detached.borrow_mut() = Some(Detached { frames: None, finish });
        return Err(Error::suspended());
    } else {
        while waiter.is_waiting() && !host.isolate().tasks.is_stopping {
            if !coroutine::leave(host, Left::Waiting) {
                run_one(host)?;
            }
        }
    }
    over(host, task, finish)
}

/// Whether a task that waits gives its coroutine back: not as long as few have one.
fn is_detachable(host: &mut dyn Host, task: &Task) -> bool {
    let is_crowded = host.isolate().tasks.n_attached >= MAX_ATTACHED;
    is_crowded && !task.promise.is_null() && host.can_detach()
}

/// Suspends the present task for some time.
///
/// # Errors
/// The end of the program.
pub fn sleep(host: &mut dyn Host, ms: f64) -> Result<()> {
    let tasks = &mut host.isolate().tasks;
    let Some(waiter) = tasks.begin_wait(Wait::Time) else {
        return Err(Error::new(Kind::ConcurrencyError, "No task is running"));
    };
    tasks.wake_later(ms, waiter.clone());
    park(host, &waiter, Box::new(|_, _| Ok(None))).map(drop)
}

/// Lets the next ready task run; if there is none, waits for something to happen.
fn run_one(host: &mut dyn Host) -> Result<()> {
    host.isolate().poll_if_pending()?;
    // What happens may end a wait in place, whose task is not in the ready queue.
    let mut has_happened = isolates::read_mail(host);
    while let Some(timer) = host.isolate().tasks.due() {
        has_happened = true;
        match timer.alarm {
            Alarm::Wake(waiter) => {
                host.isolate().tasks.wake(&waiter);
            }
            Alarm::Promise(promise, alarm) => promises::ring(host, &promise, alarm),
        }
    }
    if let Some(task) = host.isolate().tasks.ready.pop_front() {
        return run_task(host, &task, Counters { depth: 0, nested: 0, callbacks: 0 });
    }
    if has_happened { Ok(()) } else { wait_for_something(host) }
}

/// Nothing is ready: waits for the next timer or another isolate.
fn wait_for_something(host: &mut dyn Host) -> Result<()> {
    let isolate = host.isolate();
    let due = isolate.tasks.next_due();
    if let Some(membership) = isolate.membership.clone() {
        isolate.out.flush()?;
        membership.mailbox.sleep(&membership.program, due);
        return Ok(());
    }
    let Some(due) = due else {
        deadlock::end_longest_wait(host, Vec::new());
        return Ok(());
    };
    isolate.out.flush()?;
    std::thread::sleep(due.saturating_duration_since(Instant::now()).min(SLICE));
    Ok(())
}

/// Runs `body` as the main task until it has ended; other tasks run while it waits.
///
/// # Errors
/// What the body raises; the end of the program in another task.
pub fn run_main<H: Host + 'static>(
    host: &mut H,
    body: impl FnOnce(&mut H) -> Result<()>,
) -> Result<()> {
    let body = move |host: &mut dyn Host| {
        let host: *mut dyn Host = host;
        // SAFETY: the engine that main is resumed with is the one of this call.
        body(unsafe { &mut *host.cast::<H>() }).map(|()| Value::NULL)
    };
    run_main_value(host, Box::new(body)).map(drop)
}

/// As [`run_main`], with the value of the body.
///
/// # Errors
/// As for [`run_main`].
pub(super) fn run_main_value(host: &mut dyn Host, body: coroutine::BodyWith<'_>) -> Result<Value> {
    let outcome = Rc::new(RefCell::new(None));
    let shared = outcome.clone();
    let body = move |host: &mut dyn Host| {
        let result = body(host);
        host.isolate().tasks.is_stopping |= result.is_err();
        let end = match &result {
            Err(error) if !error.is_catchable() => Err(error.clone()),
            Ok(_) | Err(_) => Ok(Value::NULL),
        };
        *shared.borrow_mut() = Some(result);
        end
    };
    let bytes = host.isolate().tasks.main_stack_bytes;
    // SAFETY: the coroutine has ended before this function returns: the loop below goes on until
    // there is an outcome, and stops main if need be.
    let body = unsafe { coroutine::outlive(Box::new(body)) };
    let main = new_task(Value::NULL, Value::NULL, bytes, body)?;
    host.isolate().tasks.main = Some(main.clone());
    let base = host.counters();
    run_task(host, &main, base)?;
    while outcome.borrow().is_none() {
        if let Err(error) = run_one(host).and_then(|()| check_stopping(host)) {
            let tasks = &mut host.isolate().tasks;
            if tasks.fatal.is_none() && !tasks.is_stopping {
                tasks.fatal = Some(error);
            }
            tasks.is_stopping = true;
            ending::stop_one(host, &main)?;
        }
    }
    host.isolate().tasks.main = None;
    let result = outcome.borrow_mut().take().unwrap_or(Ok(Value::NULL));
    match host.isolate().tasks.fatal.take() {
        Some(error) => Err(error),
        None => result,
    }
}
