//! The mailbox of an isolate: what other threads have to tell it, and where it sleeps.

use std::time::{Duration, Instant};

use super::deadlock::Survey;
use super::parcel::Outcome;
use super::program::Program;
use crate::error::Error;
use crate::host::{Host, Interrupt};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{self, Arc, Condvar, Mutex, MutexGuard, PoisonError};
use crate::value::Value;

/// How long an interruption from outside may go unnoticed while nothing runs.
const SLICE: Duration = Duration::from_millis(20);
/// How often an isolate looks for mail before it sleeps: more often where that has helped.
const MIN_SPINS: u32 = if cfg!(feature = "model") { 1 } else { 50 };
const MAX_SPINS: u32 = if cfg!(feature = "model") { 1 } else { 4000 };

/// Makes the outcome of work outside of isolates a value.
pub type Complete = Box<dyn FnOnce(&mut dyn Host) -> Result<Value, Error> + Send>;

/// Something to be noticed by an isolate.
pub enum Event {
    /// The work outside of isolates behind the promise with this token has ended.
    Complete(u64, Complete),
    /// The work behind the promise with this token has ended.
    Settle(u64, Outcome),
    /// The wait with this number is over.
    Wake(u64),
    /// Nobody in the whole program can go on.
    Deadlock,
    /// Nobody can go on, and main wants to know what the tasks wait for.
    Describe(Survey),
}

/// The mailbox of an isolate.
pub struct Mailbox {
    state: Mutex<State>,
    arrived: Condvar,
    /// There are events.
    has_mail: AtomicBool,
    pub interrupt: Arc<Interrupt>,
    /// How often to look for mail before the next sleep.
    n_spins: AtomicU32,
    /// The longest sleep: only main is stopped by others than [`Mailbox::stop`].
    slice: Duration,
}

struct State {
    events: Vec<Event>,
    /// The isolate sleeps without a timer, and the program does not count it as active.
    is_idle: bool,
    is_asleep: bool,
    /// The isolate has ended.
    is_closed: bool,
}

impl Mailbox {
    pub fn new(interrupt: Arc<Interrupt>, is_main: bool) -> Arc<Mailbox> {
        let (events, is_idle, is_asleep, is_closed) = (Vec::new(), false, false, false);
        Arc::new(Mailbox {
            state: Mutex::new(State { events, is_idle, is_asleep, is_closed }),
            arrived: Condvar::new(),
            has_mail: AtomicBool::new(false),
            n_spins: AtomicU32::new(MIN_SPINS),
            interrupt,
            slice: if is_main { SLICE } else { Duration::from_secs(3600) },
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent whenever the lock is free, also after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers an event; gives it back if the isolate has ended. Whoever posts counts as active.
    ///
    /// # Errors
    /// The event.
    pub fn post(&self, program: &Program, event: Event) -> Result<(), Event> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(event);
        }
        state.events.push(event);
        self.has_mail.store(true, Ordering::Release);
        if std::mem::take(&mut state.is_idle) {
            program.retain();
        }
        let is_asleep = state.is_asleep;
        drop(state);
        if is_asleep {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Whether there are events.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Acquire)
    }

    /// Takes all events.
    pub fn take(&self) -> Vec<Event> {
        let mut state = self.lock();
        self.has_mail.store(false, Ordering::Release);
        std::mem::take(&mut state.events)
    }

    /// Whether the isolate has ended.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// No more events: the isolate has ended. Gives those that nobody has looked at.
    pub fn close(&self) -> Vec<Event> {
        let mut state = self.lock();
        state.is_closed = true;
        self.has_mail.store(false, Ordering::Release);
        std::mem::take(&mut state.events)
    }

    /// Asks the isolate to end.
    pub fn stop(&self) {
        self.interrupt.request_stop();
        // The lock makes sure that the sleeper either sees the request or is woken.
        drop(self.lock());
        self.arrived.notify_one();
    }

    /// Looks for mail for some microseconds; whether there is some.
    fn spin(&self) -> bool {
        let n_spins = self.n_spins.load(Ordering::Relaxed);
        for _ in 0..n_spins {
            if self.has_mail() {
                self.n_spins.store((n_spins * 2).min(MAX_SPINS), Ordering::Relaxed);
                return true;
            }
            sync::spin();
        }
        self.n_spins.store((n_spins / 2).max(MIN_SPINS), Ordering::Relaxed);
        false
    }

    /// Takes the news that nobody in the program can go on, if it has come; for an isolate that
    /// waits for something else than its mail.
    pub(super) fn take_deadlock(&self) -> bool {
        let mut state = self.lock();
        let at = state.events.iter().position(|event| matches!(event, Event::Deadlock));
        at.map(|at| state.events.remove(at)).is_some()
    }

    /// Sleeps until there is mail, the time is over or the isolate is to stop. Without a time
    /// limit the isolate counts as idle meanwhile.
    pub fn sleep(&self, program: &Program, until: Option<Instant>) {
        if self.spin() {
            return;
        }
        let mut state = self.lock();
        if !state.events.is_empty() || self.interrupt.stop_was_requested() {
            return;
        }
        if until.is_none() {
            state.is_idle = true;
            drop(state);
            program.release();
            state = self.lock();
        }
        state.is_asleep = true;
        while state.events.is_empty() && !self.interrupt.stop_was_requested() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            let slice = left.map_or(self.slice, |left| left.min(self.slice));
            let waited = self.arrived.wait_timeout(state, slice);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_asleep = false;
        if std::mem::take(&mut state.is_idle) {
            program.retain();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Program, Arc<Mailbox>) {
        let main = Mailbox::new(Arc::default(), true);
        (Program::new(main.clone(), 4), main)
    }

    #[test]
    fn events_arrive_in_order() {
        let (program, mailbox) = pair();
        assert!(mailbox.post(&program, Event::Wake(1)).is_ok());
        assert!(mailbox.post(&program, Event::Wake(2)).is_ok());
        assert!(mailbox.has_mail());
        let numbers: Vec<u64> = mailbox
            .take()
            .into_iter()
            .filter_map(|event| match event {
                Event::Wake(number) => Some(number),
                Event::Settle(..) | Event::Complete(..) | Event::Describe(_) | Event::Deadlock => {
                    None
                }
            })
            .collect();
        assert_eq!(numbers, [1, 2]);
        assert!(!mailbox.has_mail());
    }

    #[test]
    fn a_closed_mailbox_gives_events_back() {
        let (program, mailbox) = pair();
        assert!(mailbox.close().is_empty());
        assert!(mailbox.post(&program, Event::Wake(1)).is_err());
    }

    #[test]
    fn the_last_one_asleep_learns_of_the_deadlock() {
        let (program, mailbox) = pair();
        mailbox.sleep(&program, None);
        assert!(matches!(mailbox.take()[..], [Event::Deadlock]));
    }

    #[test]
    fn no_deadlock_while_another_is_active() {
        let (program, mailbox) = pair();
        let program = Arc::new(program);
        program.retain();
        let (theirs, other) = (program.clone(), mailbox.clone());
        let thread = std::thread::spawn(move || {
            assert!(other.post(&theirs, Event::Wake(7)).is_ok());
            theirs.release();
        });
        mailbox.sleep(&program, None);
        assert!(matches!(mailbox.take()[..], [Event::Wake(7)]));
        thread.join().expect("the other thread does not panic");
    }

    #[test]
    fn a_timer_keeps_an_isolate_active() {
        let (program, mailbox) = pair();
        mailbox.sleep(&program, Some(Instant::now() + Duration::from_millis(2)));
        assert!(mailbox.take().is_empty());
    }
}
