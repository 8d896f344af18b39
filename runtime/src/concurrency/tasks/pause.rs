//! Letting other tasks go on from a native that waits for something else than them, over and over.

use std::time::{Duration, Instant};

use super::{check_stopping, run_one};
use crate::concurrency::coroutine::{self, Left};
use crate::concurrency::deadlock::Wait;
use crate::error::Result;
use crate::host::Host;

/// Whether anything besides the present task can go on, now or later.
pub fn has_others(host: &mut dyn Host) -> bool {
    let isolate = host.isolate();
    let has_mail = isolate.membership.as_ref().is_some_and(|own| own.mailbox.has_mail());
    has_mail || isolate.tasks.n_unfinished > 0 || !isolate.tasks.timers.is_empty()
}

/// How long nothing is going to be ready, as far as timers tell.
pub fn patience(host: &mut dyn Host) -> Option<Duration> {
    let due = host.isolate().tasks.next_due()?;
    Some(due.saturating_duration_since(Instant::now()))
}

/// Lets all that is ready go on before the present task does, which keeps its stack.
///
/// # Errors
/// The end of the program.
pub fn pause(host: &mut dyn Host) -> Result<()> {
    let Some(waiter) = host.isolate().tasks.begin_wait(Wait::Time) else { return Ok(()) };
    host.isolate().tasks.wake_later(0.0, waiter.clone());
    let is_in_place = host.counters().callbacks > 0;
    waiter.task.is_in_place.set(is_in_place);
    let mut result = Ok(());
    while waiter.is_waiting() && result.is_ok() {
        if is_in_place || !coroutine::leave(host, Left::Waiting) {
            result = run_one(host);
        }
        result = result.and_then(|()| check_stopping(host));
    }
    waiter.task.is_in_place.set(false);
    result
}
