//! Ends statements of database servers when the program is to stop: while one runs, a thread of
//! the connection looks at the interruption flag and asks the server to give up.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::host::Interrupt;

/// How long an interruption may go unnoticed.
const SLICE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Busy,
    Closed,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches one connection, until it is dropped.
pub(super) struct Watch {
    shared: Arc<Shared>,
}

/// A statement that runs.
pub(super) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        // The watching thread finds out by itself, so that short statements do not wake it.
        *self.0.lock() = State::Idle;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.shared.lock() = State::Closed;
        self.shared.changed.notify_all();
    }
}

impl Watch {
    /// `cancel` asks the server to end the present statement of the connection.
    pub(super) fn new(interrupt: Arc<Interrupt>, cancel: impl Fn() + Send + 'static) -> Watch {
        let shared = Arc::new(Shared { state: Mutex::new(State::Idle), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        // Without a thread statements only run to their end.
        let _ = thread::Builder::new().spawn(move || watch(&own, &interrupt, &cancel));
        Watch { shared }
    }

    /// Watches until the result is dropped.
    pub(super) fn start(&self) -> Running {
        let mut state = self.shared.lock();
        *state = State::Busy;
        drop(state);
        self.shared.changed.notify_all();
        Running(Arc::clone(&self.shared))
    }
}

fn watch(shared: &Shared, interrupt: &Interrupt, cancel: &impl Fn()) {
    let mut state = shared.lock();
    loop {
        state = match *state {
            State::Closed => return,
            State::Idle => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            State::Busy => {
                drop(state);
                thread::sleep(SLICE);
                let is_busy = *shared.lock() == State::Busy;
                if is_busy && interrupt.stop_was_requested() {
                    cancel();
                }
                shared.lock()
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::Watch;
    use crate::host::Interrupt;

    #[test]
    fn only_running_statements_are_cancelled() {
        let interrupt = Arc::new(Interrupt::default());
        let (sender, cancelled) = channel();
        let watch = Watch::new(Arc::clone(&interrupt), move || {
            // Nobody listens any more at the end of the test.
            let _ = sender.send(());
        });
        drop(watch.start());
        let running = watch.start();
        assert!(cancelled.recv_timeout(Duration::from_millis(120)).is_err());
        interrupt.request_stop();
        assert!(cancelled.recv_timeout(Duration::from_secs(10)).is_ok());
        drop(running);
    }
}
