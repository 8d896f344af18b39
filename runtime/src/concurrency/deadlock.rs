//! Waits that can never end (LS 16.6): who gets the error, and who else waits.
//!
//! When no isolate can go on, main first asks the others what their tasks wait for, and they go
//! back to sleep; when it hears of the deadlock again with nothing else in between, it raises
//! the error with a line of help for every place where somebody waits.

use super::mailbox::Event;
use super::tasks::{Task, Tasks, Waiter};
use crate::error::{Error, Kind};
use crate::host::{Host, Stand};
use crate::sync::{Arc, Mutex, PoisonError};
use crate::value::{Value, View};

/// Places that the help names.
const MAX_PLACES: usize = 10;
/// Waiting tasks of an isolate that are looked at.
const MAX_LOOKED_AT: usize = 1000;

/// What a task waits for, as far as deadlocks are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    Await,
    Receive,
    Send,
    /// The end of this wait is certain.
    Time,
}

/// What the tasks of the other isolates wait for.
pub(super) type Survey = Arc<Mutex<Vec<(String, usize)>>>;

impl Wait {
    /// The error of a wait that can never end (LS 16.6).
    pub(super) fn deadlock(self) -> Error {
        let what = match self {
            Wait::Await | Wait::Time => "Await",
            Wait::Receive => "Channel receive",
            Wait::Send => "Channel send",
        };
        let message = format!("{what} would block forever");
        let mut error = Error::new(Kind::ConcurrencyError, message);
        error.help.push(format!("every task waits, and none is left for {}", self.need()));
        error
    }

    /// What would end the wait.
    fn need(self) -> &'static str {
        match self {
            Wait::Await | Wait::Time => "the promise",
            Wait::Receive => "a send or close of the channel",
            Wait::Send => "a receive from the channel",
        }
    }
}

/// Somewhere a number of tasks wait, for the same kind of thing.
struct Place {
    callee: Value,
    what: Wait,
    stand: Stand,
    n: usize,
}

impl Place {
    fn is(&self, callee: &Value, what: Wait, stand: Stand) -> bool {
        let is_same = match (self.callee.view(), callee.view()) {
            (View::Function(a), View::Function(b)) => std::ptr::eq(a.code_ptr(), b.code_ptr()),
            _ => self.callee.is_null() && callee.is_null(),
        };
        is_same && self.what == what && self.stand == stand
    }

    fn text(&self, host: &dyn Host, is_root: bool) -> String {
        let what = match self.what {
            Wait::Await | Wait::Time => "waits for a promise",
            Wait::Receive => "waits to receive from a channel",
            Wait::Send => "waits to send on a full channel",
        };
        let at = match host.position(self.stand) {
            Some(at) => format!(" ({}:{}:{})", at.file, at.line, at.column),
            None => String::new(),
        };
        match self.callee.view() {
            View::Function(function) => format!("{}{at} {what}", function.info().display_name()),
            _ if is_root => format!("the main program{at} {what}"),
            _ => format!("a block on another thread{at} {what}"),
        }
    }
}

/// Where the tasks of an isolate wait that have waited longest, without `except`.
fn places(host: &mut dyn Host, is_root: bool, except: Option<&Task>) -> Vec<(String, usize)> {
    let mut places: Vec<Place> = Vec::new();
    for task in host.isolate().tasks.waiting_tasks().take(MAX_LOOKED_AT) {
        let Some(what) = task.waits_for().filter(|what| *what != Wait::Time) else { continue };
        if except.is_some_and(|except| std::ptr::eq(task, except)) {
            continue;
        }
        let (callee, stand) = (task.callee(), task.stand());
        match places.iter().position(|place| place.is(callee, what, stand)) {
            Some(at) => places[at].n += 1,
            None if places.len() > MAX_PLACES => break,
            None => places.push(Place { callee: callee.clone(), what, stand, n: 1 }),
        }
    }
    places.iter().map(|place| (place.text(host, is_root), place.n)).collect()
}

/// A line for each of the places, however many tasks are there.
fn help(places: Vec<(String, usize)>) -> Vec<String> {
    let mut merged: Vec<(String, usize)> = Vec::new();
    for (text, n) in places {
        match merged.iter_mut().find(|(known, _)| *known == text) {
            Some((_, sum)) => *sum += n,
            None => merged.push((text, n)),
        }
    }
    let has_more = merged.len() > MAX_PLACES;
    merged.truncate(MAX_PLACES);
    let line = |(text, n): (String, usize)| match n {
        1 => text,
        n => format!("{text} ({n} tasks)"),
    };
    let mut lines: Vec<String> = merged.into_iter().map(line).collect();
    if has_more {
        lines.push("tasks wait at more places".to_owned());
    }
    lines
}

/// Main wants to know what the tasks of this isolate wait for.
pub(super) fn answer(host: &mut dyn Host, survey: &Survey) {
    let own = places(host, false, None);
    survey.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
}

/// No isolate can go on, unless something has happened here meanwhile.
pub(super) fn end(host: &mut dyn Host) {
    if !host.isolate().tasks.is_stuck() {
        return;
    }
    let Some(survey) = host.isolate().tasks.survey.take() else {
        let survey = Survey::default();
        let program = host.isolate().membership().program;
        let n_asked = program.ask_others(|| Event::Describe(survey.clone()));
        if n_asked == 0 {
            end_longest_wait(host, Vec::new());
        } else {
            host.isolate().tasks.survey = Some(survey);
        }
        return;
    };
    let mut others = std::mem::take(&mut *survey.lock().unwrap_or_else(PoisonError::into_inner));
    // Threads have no order.
    others.sort_unstable();
    end_longest_wait(host, others);
}

/// Nobody can go on: main gets an error, or else the task that has waited longest.
pub(super) fn end_longest_wait(host: &mut dyn Host, others: Vec<(String, usize)>) {
    let Some(waiter) = host.isolate().tasks.main_or_longest() else { return };
    let mut error = waiter.task().waits_for().unwrap_or(Wait::Await).deadlock();
    let mut all = places(host, true, Some(waiter.task()));
    all.extend(others);
    error.help.extend(help(all));
    waiter.fail(&mut host.isolate().tasks, error);
}

impl Waiter {
    /// Ends the wait with an error.
    fn fail(&self, tasks: &mut Tasks, error: Error) {
        self.task().set_error(error);
        tasks.wake(self);
    }
}
