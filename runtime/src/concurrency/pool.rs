//! The task pool (`spawn_task`): calls of functions on threads of their own, so many at a time.

use std::collections::VecDeque;

use super::isolates::{self, Body, Seed};
use super::mailbox::Mailbox;
use super::parcel::{ErrorParcel, Outcome};
use super::program::{Failure, Program};
use super::remote::{self, SharedPromise};
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::Host;
use crate::objects::array::Array;
use crate::objects::resource::ResourceBody;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::value::{Value, View};

/// How many tasks run at a time unless the program says otherwise.
const USUAL_SIZE: usize = 256;
/// Waiting tasks after which memory is compared with the limit.
const TASKS_PER_CHECK: usize = 256;

/// The pool of a program.
pub struct Pool {
    state: Mutex<State>,
}

struct State {
    size: usize,
    n_running: usize,
    waiting: VecDeque<(Arc<Task>, Seed)>,
}

impl Default for Pool {
    fn default() -> Self {
        let state = State { size: USUAL_SIZE, n_running: 0, waiting: VecDeque::new() };
        Pool { state: Mutex::new(state) }
    }
}

/// What a handle of a task refers to.
struct Task {
    promise: Arc<SharedPromise>,
    /// Its isolate, once it runs.
    mailbox: Arc<Mailbox>,
    progress: Mutex<Progress>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Running,
    Over,
}

/// The library's `taskhandle`.
pub struct TaskHandle(Arc<Task>);

impl ResourceBody for TaskHandle {
    fn type_name(&self) -> &'static str {
        "taskhandle"
    }
}

impl Task {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the task its outcome, unless it has one.
    fn settle(&self, program: &Program, outcome: Outcome) -> bool {
        if std::mem::replace(&mut *self.progress(), Progress::Over) == Progress::Over {
            return false;
        }
        if let Err(error) = &outcome {
            let promise = Some(self.promise.clone());
            program.fail(Failure { error: error.clone(), is_thread: true, promise });
        }
        self.promise.settle(outcome);
        true
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The largest number of tasks that run at a time.
    pub fn size(&self) -> usize {
        self.lock().size
    }

    /// Drops what has not started.
    pub(super) fn clear(&self) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        drop(waiting);
    }

    /// A task that may start now.
    fn next(&self) -> Option<(Arc<Task>, Seed)> {
        let mut state = self.lock();
        if state.n_running >= state.size {
            return None;
        }
        let next = state.waiting.pop_front()?;
        state.n_running += 1;
        Some(next)
    }
}

/// Starts what may start.
fn start_waiting(program: &Program) {
    while let Some((task, seed)) = program.pool.next() {
        let is_wanted = {
            let mut progress = task.progress();
            let is_wanted = *progress == Progress::Waiting;
            if is_wanted {
                *progress = Progress::Running;
            }
            is_wanted
        };
        if !is_wanted {
            program.pool.lock().n_running -= 1;
            continue;
        }
        if let Err(error) = isolates::start_at(seed, &task.mailbox) {
            program.pool.lock().n_running -= 1;
            if error.is_catchable() {
                let error = ErrorParcel::without_values(&error);
                task.settle(program, Err(Box::new(error)));
            }
        }
    }
}

/// A task of the pool has left its thread.
pub(super) fn ended(program: &Program) {
    program.pool.lock().n_running -= 1;
    start_waiting(program);
}

/// Changes the size; gives the one before.
pub fn resize(host: &mut dyn Host, size: usize) -> usize {
    let program = host.isolate().membership().program;
    let before = std::mem::replace(&mut program.pool.lock().size, size);
    start_waiting(&program);
    before
}

/// Starts a call on a thread of the pool; gives its handle.
///
/// # Errors
/// RecursionError for values that are nested too deeply; ConcurrencyError.
pub fn submit(host: &mut dyn Host, func: &Value, args: Vec<Value>) -> Result<TaskHandle> {
    let program = host.isolate().membership().program;
    let task = Arc::new(Task {
        promise: Arc::default(),
        mailbox: Mailbox::new(Arc::default(), false),
        progress: Mutex::new(Progress::Waiting),
    });
    let ending = task.clone();
    let on_end = move |program: &Program, outcome: Option<Outcome>| {
        if let Some(outcome) = outcome {
            ending.settle(program, outcome);
        }
    };
    let mut parts = vec![func.clone()];
    parts.extend(args);
    let call = Value::from_ref(Ref::new(Array::from_values(parts)));
    let body: Body = Box::new(|host, call| {
        let View::Array(parts) = call.view() else { return Ok(Value::NULL) };
        let mut parts: Vec<Value> = parts.iter().collect();
        let func = parts.remove(0);
        let result = host.call(&func, &mut parts)?;
        super::promises::await_value(host, result)
    });
    let seed = isolates::seed(host, &call, body, Box::new(on_end))?.pooled();
    let mut state = program.pool.lock();
    if state.waiting.len() % TASKS_PER_CHECK == TASKS_PER_CHECK - 1 {
        super::check_memory()?;
    }
    state.waiting.push_back((task.clone(), seed));
    drop(state);
    start_waiting(&program);
    Ok(TaskHandle(task))
}

/// The promise of a task.
pub fn promise(handle: &TaskHandle) -> Value {
    remote::proxy(handle.0.promise.clone())
}

/// Ends a task; false if it is over already.
pub fn cancel(host: &mut dyn Host, handle: &TaskHandle) -> bool {
    let program = host.isolate().membership().program;
    let task = &handle.0;
    if *task.progress() == Progress::Over {
        return false;
    }
    let error = Error::new(Kind::ConcurrencyError, "Task was cancelled");
    let outcome = Err(Box::new(ErrorParcel::without_values(&error)));
    if std::mem::replace(&mut *task.progress(), Progress::Over) == Progress::Over {
        return false;
    }
    task.mailbox.stop();
    task.promise.settle(outcome);
    program.pool.lock().waiting.retain(|(waiting, _)| !Arc::ptr_eq(waiting, task));
    true
}
