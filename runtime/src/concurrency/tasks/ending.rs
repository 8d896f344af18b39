//! The end of the tasks of an isolate: running what is left, or stopping it.

use std::rc::Rc;

use super::{Task, run_one, run_task};
use crate::concurrency::promises::{self, Unobserved};
use crate::error::Result;
use crate::host::{Counters, Host, Isolate};

/// Resumes a waiting task when the program is to end, which makes it end too.
pub(super) fn stop_one(host: &mut dyn Host, task: &Rc<Task>) -> Result<()> {
    if let Some((wait, _)) = task.wait.take() {
        host.isolate().tasks.waiting.remove(&wait);
    }
    run_task(host, task, Counters { depth: 0, nested: 0, callbacks: 0 })
}

/// After the normal end of main: runs the tasks that are left (LS 16.5).
///
/// # Errors
/// The end of the program in a task.
pub fn drain(host: &mut dyn Host) -> Result<()> {
    while host.isolate().tasks.n_unfinished > 0 && !host.isolate().tasks.is_stopping {
        run_one(host)?;
    }
    host.isolate().tasks.fatal.take().map_or(Ok(()), Err)
}

/// The errors of promises that were rejected and that nobody has awaited.
pub(in crate::concurrency) fn unobserved(isolate: &mut Isolate) -> Vec<Unobserved> {
    let rejected = std::mem::take(&mut isolate.tasks.rejected);
    rejected.iter().filter_map(promises::unobserved_error).collect()
}

/// Ends all tasks that still wait, so that they give back what they hold.
pub fn stop(host: &mut dyn Host) {
    host.isolate().tasks.is_stopping = true;
    loop {
        let tasks = &mut host.isolate().tasks;
        tasks.timers.clear();
        let first = tasks.waiting.values().next().cloned();
        let Some(task) = first.or_else(|| tasks.ready.pop_front()) else { break };
        if stop_one(host, &task).is_err() {
            break;
        }
    }
    host.isolate().tasks.rejected.clear();
    host.isolate().tasks.tokens.clear();
    host.isolate().tasks.fatal = None;
    host.isolate().tasks.is_stopping = false;
}
