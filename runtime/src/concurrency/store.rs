//! The table of values that all isolates of a program see (`shared_*`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::isolates::Membership;
use super::parcel::Parcel;
use super::{pack, unpack};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use crate::value::Value;

/// How long an interruption may go unnoticed by a thread that waits for the table.
const SLICE: Duration = Duration::from_millis(20);

/// The table.
#[derive(Default)]
pub struct Store {
    state: Mutex<State>,
    /// Signalled when an update has ended.
    updated: Condvar,
}

#[derive(Default)]
struct State {
    table: BTreeMap<String, Parcel>,
    /// The isolate whose function computes a new value, by the address of its mailbox.
    updater: Option<usize>,
    /// Isolates that wait for the end of the update; the program does not count them as active.
    n_blocked: usize,
    /// Counts updates that have ended; each made those that waited active again.
    n_updates: u64,
}

fn number(isolate: &Membership) -> usize {
    crate::sync::Arc::as_ptr(&isolate.mailbox).addr()
}

fn in_use() -> Error {
    Error::new(Kind::ConcurrencyError, "The shared table is in use by shared_update")
}

/// The function of an update waits for main, which waits for the update.
fn deadlock() -> Error {
    let mut error = in_use();
    error.help.push("every task waits, and the function of the update for another one".to_owned());
    error
}

impl Store {
    /// The table, when nobody updates it.
    ///
    /// # Errors
    /// ConcurrencyError in the function of an update; the end of the program.
    fn lock(&self, isolate: &Membership) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocked_at = None;
        while let Some(updater) = state.updater {
            if updater == number(isolate) {
                return Err(in_use());
            }
            if blocked_at != Some(state.n_updates) {
                blocked_at = Some(state.n_updates);
                state.n_blocked += 1;
                if isolate.program.release_with_store() {
                    self.updated.notify_all();
                }
            }
            let is_stopped = isolate.mailbox.interrupt.stop_was_requested();
            if is_stopped || isolate.mailbox.take_deadlock() {
                state.n_blocked -= 1;
                isolate.program.retain();
                return Err(if is_stopped { Error::interrupted() } else { deadlock() });
            }
            let waited = self.updated.wait_timeout(state, SLICE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(state)
    }

    /// An update has ended; whoever waits for that can go on.
    fn end_update(&self, isolate: &Membership, state: &mut State) {
        state.updater = None;
        state.n_updates += 1;
        for _ in 0..std::mem::take(&mut state.n_blocked) {
            isolate.program.retain();
        }
        self.updated.notify_all();
    }

    /// Makes those who wait for the end of an update look at their mail.
    pub(super) fn wake_blocked(&self) {
        // With the lock nobody is between looking and waiting.
        drop(self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.updated.notify_all();
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let table = std::mem::take(&mut state.table);
        drop(state);
        drop(table);
    }
}

/// Stores a copy of a value.
///
/// # Errors
/// TypeError for iterators and generators; RecursionError.
pub fn set(host: &mut dyn Host, key: &str, value: &Value) -> Result<()> {
    let parcel = pack::pack(host, value, pack::Foreign::Refused)?;
    let isolate = host.isolate().membership();
    let before = isolate.program.store.lock(&isolate)?.table.insert(key.to_owned(), parcel);
    drop(before);
    Ok(())
}

/// A copy of a value, if there is one.
///
/// # Errors
/// ConcurrencyError in the function of an update.
pub fn get(host: &mut dyn Host, key: &str) -> Result<Option<Value>> {
    let isolate = host.isolate().membership();
    let parcel = isolate.program.store.lock(&isolate)?.table.get(key).cloned();
    parcel.map(|parcel| unpack::unpack(host, parcel)).transpose()
}

/// Whether there is a value.
///
/// # Errors
/// As for [`get`].
pub fn has(host: &mut dyn Host, key: &str) -> Result<bool> {
    let isolate = host.isolate().membership();
    let state = isolate.program.store.lock(&isolate)?;
    Ok(state.table.contains_key(key))
}

/// Removes a value; false if there is none.
///
/// # Errors
/// As for [`get`].
pub fn delete(host: &mut dyn Host, key: &str) -> Result<bool> {
    let isolate = host.isolate().membership();
    let removed = isolate.program.store.lock(&isolate)?.table.remove(key);
    Ok(removed.is_some())
}

/// The keys in order.
///
/// # Errors
/// As for [`get`].
pub fn keys(host: &mut dyn Host) -> Result<Vec<String>> {
    let isolate = host.isolate().membership();
    let state = isolate.program.store.lock(&isolate)?;
    Ok(state.table.keys().cloned().collect())
}

/// What adding to a value has come to.
pub enum Added {
    Sum(i64),
    Missing,
    /// The value is something else.
    NotInt(Value),
    /// The value, to which the number cannot be added.
    Overflow(i64),
}

/// Adds to an int.
///
/// # Errors
/// As for [`get`].
pub fn add(host: &mut dyn Host, key: &str, delta: i64) -> Result<Added> {
    let isolate = host.isolate().membership();
    let mut state = isolate.program.store.lock(&isolate)?;
    let Some(parcel) = state.table.get_mut(key) else { return Ok(Added::Missing) };
    let Some(before) = parcel.as_int() else {
        let other = parcel.clone();
        drop(state);
        return unpack::unpack(host, other).map(Added::NotInt);
    };
    Ok(match before.checked_add(delta) {
        Some(sum) => {
            *parcel = Parcel::int(sum);
            Added::Sum(sum)
        }
        None => Added::Overflow(before),
    })
}

/// Replaces a value by what a function makes of it; other isolates wait meanwhile. `None` if
/// there is no value.
///
/// # Errors
/// What the function raises, and the value stays; as for [`set`].
pub fn update(host: &mut dyn Host, key: &str, func: &Value) -> Result<Option<Value>> {
    let isolate = host.isolate().membership();
    let store = &isolate.program.store;
    let before = {
        let mut state = store.lock(&isolate)?;
        let Some(parcel) = state.table.get(key).cloned() else { return Ok(None) };
        state.updater = Some(number(&isolate));
        parcel
    };
    let updated = unpack::unpack(host, before)
        .and_then(|value| host.call(func, &mut [value]))
        .and_then(|value| {
            let parcel = pack::pack(host, &value, pack::Foreign::Refused)?;
            Ok((value, parcel))
        });
    let mut state = store.state.lock().unwrap_or_else(PoisonError::into_inner);
    store.end_update(&isolate, &mut state);
    let (value, parcel) = updated?;
    state.table.insert(key.to_owned(), parcel);
    Ok(Some(value))
}
