//! What the isolates of a program share: who is there, who is active, how it ends.
//!
//! The program counts what is active: isolates that run or wait for a timer, and work outside of
//! isolates. An isolate that goes to sleep without a timer gives its count back, and whoever
//! posts to it takes the count for it before the message is there; so the count is never zero
//! while somebody can still go on. When it gets there, main hears of the deadlock.

use std::time::{Duration, Instant};

use super::jobs::Jobs;
use super::mailbox::{Event, Mailbox};
use super::parcel::ErrorParcel;
use super::pool::Pool;
use super::remote::SharedPromise;
use super::store::Store;
use crate::error::{Error, Kind, Result};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How many isolates there may be at a time.
pub const MAX_ISOLATES: usize = 2000;
/// How long the end of a program waits for isolates that do not notice.
const PATIENCE: Duration = Duration::from_secs(2);
/// Failures that the report at the end shows.
const MAX_FAILURES: usize = 50;
/// Failures that are kept until it is known which of them somebody has awaited.
const MAX_KEPT: usize = 10_000;

/// What the isolates of a program share.
pub struct Program {
    n_active: AtomicUsize,
    main: Arc<Mailbox>,
    max_isolates: usize,
    members: Mutex<Vec<Arc<Mailbox>>>,
    /// Signalled when a member has ended.
    left: Condvar,
    is_stopping: AtomicBool,
    /// Snapshots have been made.
    pub(super) has_forked: AtomicBool,
    ending: Mutex<Ending>,
    /// Objects that isolates which have ended did not free.
    pub(super) n_leaked: AtomicUsize,
    pub(super) pool: Pool,
    pub(super) store: Store,
    pub(super) jobs: Jobs,
}

#[derive(Default)]
struct Ending {
    exit: Option<u8>,
    failures: Vec<Failure>,
}

/// An error that nobody has awaited.
pub struct Failure {
    pub error: Box<ErrorParcel>,
    /// Of a spawned block, not of a task.
    pub is_thread: bool,
    /// The promise of the work, which may still be awaited.
    pub promise: Option<Arc<SharedPromise>>,
}

impl Failure {
    /// Whether nobody has awaited it since.
    fn is_unseen(&self) -> bool {
        self.promise.as_ref().is_none_or(|promise| !promise.is_observed())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // All states are consistent whenever their lock is free, also after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Program {
    /// A program of main alone, which is active.
    pub fn new(main: Arc<Mailbox>, max_isolates: usize) -> Program {
        Program {
            n_active: AtomicUsize::new(1),
            main,
            max_isolates,
            members: Mutex::default(),
            left: Condvar::new(),
            is_stopping: AtomicBool::new(false),
            has_forked: AtomicBool::new(false),
            ending: Mutex::default(),
            n_leaked: AtomicUsize::new(0),
            pool: Pool::default(),
            store: Store::default(),
            jobs: Jobs::default(),
        }
    }

    /// Something more is active.
    pub fn retain(&self) {
        self.n_active.fetch_add(1, Ordering::AcqRel);
    }

    /// Something is not active any more.
    pub fn release(&self) {
        if self.release_with_store() {
            self.store.wake_blocked();
        }
    }

    /// As [`Program::release`], for who has locked the table: true if main, which may wait for
    /// the table too, is told that nothing is active.
    pub(super) fn release_with_store(&self) -> bool {
        let is_last = self.n_active.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last {
            // Main has ended if it does not take the event.
            let _ = self.main.post(self, Event::Deadlock);
        }
        is_last
    }

    /// How many tasks of the pool run at a time at most.
    pub fn pool_size(&self) -> usize {
        self.pool.size()
    }

    /// Enters a new isolate, which counts as active.
    ///
    /// # Errors
    /// ConcurrencyError if there are too many; the end of the program.
    pub(super) fn enter(&self, mailbox: &Arc<Mailbox>) -> Result<()> {
        let mut members = lock(&self.members);
        if self.is_stopping.load(Ordering::Acquire) {
            return Err(Error::interrupted());
        }
        if members.len() >= self.max_isolates {
            let message = format!("Too many threads (limit {})", self.max_isolates);
            return Err(Error::new(Kind::ConcurrencyError, message));
        }
        members.push(mailbox.clone());
        self.retain();
        Ok(())
    }

    /// An isolate has ended.
    pub(super) fn leave(&self, mailbox: &Arc<Mailbox>) {
        let mut members = lock(&self.members);
        if let Some(at) = members.iter().position(|member| Arc::ptr_eq(member, mailbox)) {
            members.swap_remove(at);
            drop(members);
            self.release();
            self.left.notify_all();
        }
    }

    /// Posts an event to every isolate besides main; gives how many there are.
    pub(super) fn ask_others(&self, event: impl Fn() -> Event) -> usize {
        let members = lock(&self.members);
        members.iter().filter(|member| member.post(self, event()).is_ok()).count()
    }

    /// Ends the program from any isolate (`exit`); the first one decides on the code.
    pub(super) fn exit(&self, code: u8) {
        lock(&self.ending).exit.get_or_insert(code);
        self.main.stop();
    }

    /// Notes an error that nobody has awaited.
    pub(super) fn fail(&self, failure: Failure) {
        let mut ending = lock(&self.ending);
        if ending.failures.len() >= MAX_KEPT {
            ending.failures.retain(Failure::is_unseen);
        }
        if ending.failures.len() < MAX_KEPT {
            ending.failures.push(failure);
        }
    }

    /// The code that an isolate other than main has ended the program with.
    pub(super) fn exit_code(&self) -> Option<u8> {
        lock(&self.ending).exit
    }

    /// The failures so far.
    pub(super) fn take_failures(&self) -> Vec<Failure> {
        let mut failures = std::mem::take(&mut lock(&self.ending).failures);
        failures.retain(Failure::is_unseen);
        failures.truncate(MAX_FAILURES);
        failures
    }

    /// Stops all isolates besides main and waits for them.
    pub(super) fn stop(&self) {
        let mut members = lock(&self.members);
        self.is_stopping.store(true, Ordering::Release);
        self.pool.clear();
        for member in &*members {
            member.stop();
        }
        let until = Instant::now() + PATIENCE;
        while !members.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.left.wait_timeout(members, left);
            members = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolates_are_limited() {
        let main = Mailbox::new(Arc::default(), true);
        let program = Program::new(main, 1);
        let first = Mailbox::new(Arc::default(), false);
        assert!(program.enter(&first).is_ok());
        let error = program.enter(&Mailbox::new(Arc::default(), false)).expect_err("it is full");
        assert_eq!(error.message, "Too many threads (limit 1)");
        program.leave(&first);
        assert!(program.enter(&first).is_ok());
    }

    #[test]
    fn a_program_that_stops_takes_nobody_in() {
        let main = Mailbox::new(Arc::default(), true);
        let program = Program::new(main, 1);
        program.stop();
        assert!(program.enter(&Mailbox::new(Arc::default(), false)).is_err());
    }

    #[test]
    fn the_last_one_to_leave_tells_main() {
        let main = Mailbox::new(Arc::default(), true);
        let program = Program::new(main.clone(), 4);
        let other = Mailbox::new(Arc::default(), false);
        assert!(program.enter(&other).is_ok());
        program.release();
        assert!(!main.has_mail());
        program.leave(&other);
        assert!(matches!(main.take()[..], [Event::Deadlock]));
    }

    #[test]
    fn the_first_exit_decides() {
        let program = Program::new(Mailbox::new(Arc::default(), true), 4);
        program.exit(3);
        program.exit(4);
        assert_eq!(program.exit_code(), Some(3));
    }
}
