//! Work outside isolates: calls that wait for the operating system, on threads of their own.
//!
//! A job gives its result to the isolate that began it, which makes a value of it and settles the
//! promise. While a job runs it counts as active, so nobody takes a wait for it for a deadlock.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use super::isolates;
use super::mailbox::{Complete, Event};
use super::program::Program;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::objects::promise::PromiseBody;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use crate::value::Value;

/// Jobs that run at a time.
const MAX_THREADS: usize = 32;
/// How long the end of a program waits for jobs that must not be lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the end of the program waits for a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// It changes something, and is soon done.
    Finish,
    /// Nobody needs it any more.
    Abandon,
}

type Job = (Haste, Box<dyn FnOnce() + Send>);

/// The jobs of a program.
#[derive(Default)]
pub struct Jobs {
    state: Mutex<State>,
    /// Signalled when a job has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    n_threads: usize,
    waiting: VecDeque<Job>,
    /// Jobs that the end of the program waits for.
    n_needed: usize,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the jobs that must not be lost; the others do not begin any more.
    pub(super) fn finish(&self) {
        let mut state = self.lock();
        let waiting = std::mem::take(&mut state.waiting);
        let (needed, lost): (VecDeque<Job>, VecDeque<Job>) =
            waiting.into_iter().partition(|(haste, _)| *haste == Haste::Finish);
        state.waiting = needed;
        let until = Instant::now() + PATIENCE;
        while state.n_needed > 0 && Instant::now() < until {
            let waited = self.ended.wait_timeout(state, until - Instant::now());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        drop(lost);
    }
}

/// Runs `work` on another thread; gives a promise of what `convert` makes of its result.
///
/// # Errors
/// ConcurrencyError if there is no thread to be had.
pub fn run<T: Send + 'static>(
    host: &mut dyn Host,
    haste: Haste,
    work: impl FnOnce() -> T + Send + 'static,
    convert: impl FnOnce(&mut dyn Host, T) -> Result<Value> + Send + 'static,
) -> Result<Value> {
    let promise = PromiseBody::pending();
    let isolate = host.isolate();
    let token = isolate.tasks.register(promise.clone());
    let own = isolate.membership();
    let program = own.program.clone();
    program.retain();
    let job = move || {
        // A bug in a library costs the job, not the program.
        let result = catch_unwind(AssertUnwindSafe(work));
        let complete: Complete = match result {
            Ok(result) => Box::new(move |host| convert(host, result)),
            Err(_) => Box::new(|_| {
                Err(Error::new(Kind::ConcurrencyError, "The work was ended by an internal error"))
            }),
        };
        // An isolate that has ended needs nothing any more.
        let _ = own.post(Event::Complete(token, complete));
        own.program.release();
    };
    if let Err(error) = submit(&program, (haste, Box::new(job))) {
        program.release();
        isolates::forget(host, &promise);
        return Err(error);
    }
    Ok(promise)
}

fn submit(program: &Arc<Program>, job: Job) -> Result<()> {
    let mut state = program.jobs.lock();
    let is_needed = job.0 == Haste::Finish;
    if state.n_threads < MAX_THREADS {
        let program = program.clone();
        let first = Arc::new(Mutex::new(Some(job)));
        let own = first.clone();
        let thread = thread::Builder::new().name("job".to_owned());
        let body = move || {
            let mut next = own.lock().unwrap_or_else(PoisonError::into_inner).take();
            while let Some(job) = next {
                next = run_one(&program, job);
            }
        };
        match thread.spawn(body) {
            Ok(_) => state.n_threads += 1,
            Err(error) if state.n_threads == 0 => {
                let message = format!("Cannot start a thread: {error}");
                return Err(Error::new(Kind::ConcurrencyError, message));
            }
            Err(_) => {
                let job = first.lock().unwrap_or_else(PoisonError::into_inner).take();
                state.waiting.extend(job);
            }
        }
    } else {
        state.waiting.push_back(job);
    }
    state.n_needed += usize::from(is_needed);
    Ok(())
}

/// Does a job; gives the next one for the thread.
fn run_one(program: &Program, (haste, job): Job) -> Option<Job> {
    job();
    let mut state = program.jobs.lock();
    if haste == Haste::Finish {
        state.n_needed -= 1;
        program.jobs.ended.notify_all();
    }
    let next = state.waiting.pop_front();
    if next.is_none() {
        state.n_threads -= 1;
    }
    next
}
