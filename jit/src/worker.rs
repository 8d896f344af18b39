//! The thread on which code is generated beside the running program.
//!
//! The program's thread submits jobs and takes outcomes; the worker does the newest job first,
//! because that is what the program is doing now. When an outcome is ready, the worker raises the
//! program's interrupt, so that compiled and interpreted code alike soon come to install it.
//! Nobody waits for the worker: when the program ends, it finishes its job and goes away, or goes
//! down with the process. It shares only the queue and the code memory with the program, both by
//! counted references.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ruff_runtime::host::Interrupt;

use crate::bailout::Bailout;
use crate::code::CodeHeap;
use crate::generator::{Generator, Job, Outcome};
use crate::lower::Places;

/// Bytes of the worker's stack; Cranelift recurses.
const STACK: usize = 16 << 20;

/// The program's end of the worker.
pub(crate) struct Worker {
    queue: Arc<Queue>,
}

struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    interrupt: Arc<Interrupt>,
}

#[derive(Default)]
struct State {
    jobs: Vec<Job>,
    done: Vec<Outcome>,
    is_closing: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent whenever the lock is free, also after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` when the program is over.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.is_closing {
                return None;
            }
            if let Some(job) = state.jobs.pop() {
                return Some(job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, outcome: Outcome) {
        self.lock().done.push(outcome);
        self.interrupt.pending.store(true, Ordering::Release);
    }
}

impl Worker {
    /// Starts the thread; `None` if the system refuses.
    pub(crate) fn start(
        heap: Arc<Mutex<CodeHeap>>,
        places: Places,
        interrupt: Arc<Interrupt>,
        checks_aarch64: bool,
    ) -> Option<Worker> {
        let (state, wake) = (Mutex::default(), Condvar::new());
        let queue = Arc::new(Queue { state, wake, interrupt });
        let own = queue.clone();
        let body = move || work(&own, || Generator::new(heap, places, checks_aarch64));
        thread::Builder::new().name("jit".to_owned()).stack_size(STACK).spawn(body).ok()?;
        Some(Worker { queue })
    }

    pub(crate) fn submit(&self, job: Job) {
        self.queue.lock().jobs.push(job);
        self.queue.wake.notify_one();
    }

    pub(crate) fn take_done(&self) -> Vec<Outcome> {
        std::mem::take(&mut self.queue.lock().done)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue.lock().is_closing = true;
        self.queue.wake.notify_one();
    }
}

fn work(queue: &Queue, make: impl FnOnce() -> Option<Generator>) {
    let mut generator = make();
    while let Some(job) = queue.next() {
        let id = job.id;
        // A bug in the code generator costs a function, not the program.
        let run = AssertUnwindSafe(|| generator.as_mut().map(|generator| generator.run(&job)));
        let outcome = catch_unwind(run).unwrap_or_else(|_| {
            generator = None;
            None
        });
        let refused =
            Outcome { id, result: Err(Bailout::Backend), portable: None, time: Duration::ZERO };
        queue.finish(outcome.unwrap_or(refused));
    }
}
