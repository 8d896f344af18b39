//! Settling promises, awaiting them, and promises made of others.

use super::deadlock::Wait;
use super::remote::SharedPromise;
use super::tasks::{End, Finish, park};
use super::{pack, remote};
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::Host;
use crate::objects::array::Array;
use crate::objects::promise::{Combination, Observer, PromiseBody, PromiseState, Rule};
use crate::sync::Arc;
use crate::value::{Value, View, Wrapper};

/// What a timer does to a promise.
pub enum Alarm {
    /// Resolves it to null.
    Done,
    /// Rejects it: the time limit in the text is over.
    Late(String),
}

/// `await v` (LS 16.3).
///
/// # Errors
/// The error of the task, unchanged; ConcurrencyError if the wait can never end.
pub fn await_value(host: &mut dyn Host, v: Value) -> Result<Value> {
    let View::Promise(promise) = v.view() else { return Ok(v) };
    promise.is_observed.set(true);
    remote::observe(host, &v);
    if let Some(outcome) = outcome(promise) {
        return outcome;
    }
    let Some(waiter) = host.isolate().tasks.begin_wait(Wait::Await) else {
        return Err(Wait::Await.deadlock());
    };
    if let PromiseState::Pending(observers) = &mut *promise.state.borrow_mut() {
        observers.push(Observer::Task(waiter.clone()));
    }
    let awaited = v.clone();
    let finish = move |_: &mut dyn Host, _: End| match awaited.view() {
        View::Promise(promise) => outcome(promise).transpose(),
        _ => Ok(None),
    };
    park(host, &waiter, Box::new(finish)).map(Option::unwrap_or_default)
}

/// The error of a promise, if it comes to one, is looked at by somebody who does not await it.
pub fn observe(host: &mut dyn Host, v: &Value) {
    if let View::Promise(promise) = v.view() {
        promise.is_observed.set(true);
        remote::observe(host, v);
    }
}

/// Waits until a pending promise of this isolate has settled; then `finish` gives the value.
///
/// # Errors
/// What `finish` raises; ConcurrencyError if the wait can never end.
pub(super) fn await_then(host: &mut dyn Host, promise: &Value, finish: Finish) -> Result<Value> {
    let View::Promise(body) = promise.view() else { return Ok(Value::NULL) };
    body.is_observed.set(true);
    let Some(waiter) = host.isolate().tasks.begin_wait(Wait::Await) else {
        return Err(Wait::Await.deadlock());
    };
    if let PromiseState::Pending(observers) = &mut *body.state.borrow_mut() {
        observers.push(Observer::Task(waiter.clone()));
    }
    park(host, &waiter, finish).map(Option::unwrap_or_default)
}

/// What a promise has come to, if it has settled.
pub fn known_outcome(promise: &Value) -> Option<Result<Value>> {
    match promise.view() {
        View::Promise(body) => outcome(body),
        _ => None,
    }
}

/// What a promise has come to, if it has settled.
fn outcome(promise: &PromiseBody) -> Option<Result<Value>> {
    match &*promise.state.borrow() {
        PromiseState::Resolved(value) => Some(Ok(value.clone())),
        PromiseState::Rejected(error) => Some(Err(error.clone())),
        PromiseState::Pending(_) => None,
    }
}

/// Gives a promise its outcome, unless it has one; whoever waits goes on.
pub fn settle(host: &mut dyn Host, promise: &Value, result: Result<Value>) {
    let mut work = vec![(promise.clone(), result)];
    while let Some((promise, result)) = work.pop() {
        let View::Promise(body) = promise.view() else { continue };
        if !body.is_pending() {
            continue;
        }
        let is_failure = result.is_err();
        if let Some(core) = body.owned_core()
            && remote::is_known_elsewhere(&core)
        {
            core.settle(pack::pack_outcome(host, result.clone()));
        }
        let state = match result {
            Ok(value) => PromiseState::Resolved(value),
            Err(mut error) => {
                error.shorten_trace();
                PromiseState::Rejected(error)
            }
        };
        let before = body.state.replace(state);
        if is_failure && !body.is_observed.get() && !body.is_proxy() {
            host.isolate().tasks.rejected.push(promise.clone());
        }
        let PromiseState::Pending(observers) = before else { continue };
        let mut parts = Vec::new();
        for observer in observers {
            match observer {
                Observer::Task(waiter) => {
                    host.isolate().tasks.wake(&waiter);
                }
                Observer::Part(combination, index) => {
                    parts.extend(part_settled(host, &combination, body, index));
                }
            }
        }
        parts.reverse();
        work.append(&mut parts);
    }
}

/// A timer of a promise is due.
pub(super) fn ring(host: &mut dyn Host, promise: &Value, alarm: Alarm) {
    let result = match alarm {
        Alarm::Done => Ok(Value::NULL),
        Alarm::Late(limit) => {
            let message = format!("Timeout after {limit}ms");
            Err(Error::new(Kind::TimeoutError, message))
        }
    };
    settle(host, promise, result);
}

/// Whether a promise has not settled yet.
pub(super) fn is_pending(promise: &Value) -> bool {
    matches!(promise.view(), View::Promise(body) if body.is_pending())
}

/// An error that nobody has observed so far.
pub(super) struct Unobserved {
    pub error: Error,
    /// Of another thread.
    pub is_thread: bool,
    /// The promise, where other threads may still await it.
    pub shared: Option<Arc<SharedPromise>>,
}

/// The error of a rejected promise that nobody has observed.
pub(super) fn unobserved_error(promise: &Value) -> Option<Unobserved> {
    let View::Promise(body) = promise.view() else { return None };
    let shared = body.owned_core();
    if body.is_observed.get() || shared.as_ref().is_some_and(|core| core.is_observed()) {
        return None;
    }
    match &*body.state.borrow() {
        PromiseState::Rejected(error) => {
            Some(Unobserved { error: error.clone(), is_thread: body.is_thread.get(), shared })
        }
        PromiseState::Pending(_) | PromiseState::Resolved(_) => None,
    }
}

/// A promise that settles after other promises by a rule.
pub fn combine(host: &mut dyn Host, promises: &[Value], rule: Rule) -> Value {
    let combined = PromiseBody::pending();
    let View::Promise(body) = combined.view() else { return combined };
    let n_missing = promises.len();
    let parts = vec![Value::NULL; n_missing];
    *body.combination.borrow_mut() = Some(Combination { rule, parts, n_missing });
    if promises.is_empty() {
        let empty = Value::from_ref(Ref::new(Array::from_values(Vec::new())));
        settle(host, &combined, Ok(empty));
        return combined;
    }
    for (index, promise) in promises.iter().enumerate() {
        let View::Promise(part) = promise.view() else { continue };
        part.is_observed.set(true);
        remote::observe(host, promise);
        if let PromiseState::Pending(observers) = &mut *part.state.borrow_mut() {
            observers.push(Observer::Part(combined.clone(), index));
            continue;
        }
        if let Some((promise, result)) = part_settled(host, &combined, part, index) {
            settle(host, &promise, result);
        }
    }
    combined
}

/// An element of a combination has settled: the outcome of the combination, if that decides it.
fn part_settled(
    host: &mut dyn Host,
    combination: &Value,
    part: &PromiseBody,
    index: usize,
) -> Option<(Value, Result<Value>)> {
    let View::Promise(body) = combination.view() else { return None };
    let outcome = outcome(part)?;
    let mut state = body.combination.borrow_mut();
    let state = state.as_mut()?;
    state.n_missing -= 1;
    let is_last = state.n_missing == 0;
    let result = match (state.rule, outcome) {
        (Rule::Race | Rule::Timeout, outcome) => Some(outcome),
        (Rule::All, Err(error)) => Some(Err(rejected_part(host, error, index))),
        (Rule::Any, Ok(value)) => Some(Ok(value)),
        (Rule::All, Ok(value)) => {
            state.parts[index] = value;
            is_last.then(|| Ok(array_of(&mut state.parts)))
        }
        (Rule::Any, Err(error)) => {
            state.parts[index] = host.isolate().errors.make(error);
            is_last.then(|| {
                let mut error = Error::new(Kind::ConcurrencyError, "All promises rejected");
                error.cause = array_of(&mut state.parts);
                Err(error)
            })
        }
        (Rule::Settled, outcome) => {
            state.parts[index] = match outcome {
                Ok(value) => Wrapper::Ok.wrap(value),
                Err(error) => {
                    let error = host.isolate().errors.make(error);
                    Wrapper::Err.wrap(error)
                }
            };
            is_last.then(|| Ok(array_of(&mut state.parts)))
        }
    };
    result.map(|result| (combination.clone(), result))
}

fn array_of(parts: &mut Vec<Value>) -> Value {
    Value::from_ref(Ref::new(Array::from_values(std::mem::take(parts))))
}

fn rejected_part(host: &mut dyn Host, error: Error, index: usize) -> Error {
    let message = format!("Promise {index} rejected: {}", error.message);
    let mut outer = Error::with_kind(error.kind.clone(), message);
    outer.position = error.position.clone();
    outer.cause = host.isolate().errors.make(error);
    outer
}

/// A promise that resolves to null after some time.
pub fn after(host: &mut dyn Host, ms: f64) -> Value {
    let promise = PromiseBody::pending();
    host.isolate().tasks.settle_later(ms, promise.clone(), Alarm::Done);
    promise
}

/// The outcome of `promise`, or a rejection with TimeoutError after `ms`, shown as `limit`.
pub fn with_timeout(host: &mut dyn Host, promise: &Value, ms: f64, limit: String) -> Value {
    let combined = combine(host, std::slice::from_ref(promise), Rule::Timeout);
    if is_pending(&combined) {
        host.isolate().tasks.settle_later(ms, combined.clone(), Alarm::Late(limit));
    }
    combined
}
