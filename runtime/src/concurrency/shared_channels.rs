//! Channels that several isolates know: parcels behind a lock.
//!
//! A value that meets a waiting receiver is put aside for it under the lock, and the receiver
//! takes it from there under the lock when it goes on; so none is lost when its time limit ends
//! at the same moment. Waits are over for good only when they have left the lists here.

use std::collections::VecDeque;

use super::channels::VALUES_PER_CHECK;
use super::deadlock::Wait;
use super::isolates::Membership;
use super::mailbox::Event;
use super::parcel::Parcel;
use super::tasks::{End, park};
use super::{pack, unpack};
use crate::error::Result;
use crate::host::Host;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::value::Value;

/// A channel that has left its isolate.
pub struct SharedChannel {
    state: Mutex<State>,
    pub(super) capacity: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Parcel>,
    is_closed: bool,
    /// Waits for a value, longest first.
    receivers: VecDeque<Remote>,
    /// Waits for room, longest first, with what they send.
    senders: VecDeque<(Remote, Parcel)>,
    /// Values for receivers that have been woken but have not run yet.
    handed: Vec<(Remote, Parcel)>,
}

/// A wait of a task of some isolate.
#[derive(Clone)]
pub(super) struct Remote {
    isolate: Membership,
    wait: u64,
}

/// What a local channel hands over when it becomes shared.
pub(super) struct Content {
    pub(super) is_closed: bool,
    pub(super) queue: Vec<Parcel>,
    pub(super) receivers: Vec<u64>,
    pub(super) senders: Vec<(u64, Parcel)>,
    pub(super) handed: Vec<(u64, Parcel)>,
}

impl Remote {
    fn is(&self, isolate: &Membership, wait: u64) -> bool {
        self.wait == wait && Arc::ptr_eq(&self.isolate.mailbox, &isolate.mailbox)
    }

    /// Wakes the task; false if its isolate has ended.
    fn wake(&self, host: &mut dyn Host) -> bool {
        let own = host.isolate().membership.as_ref();
        if own.is_some_and(|own| Arc::ptr_eq(&own.mailbox, &self.isolate.mailbox)) {
            host.isolate().tasks.wake_number(self.wait);
            return true;
        }
        self.isolate.post(Event::Wake(self.wait)).is_ok()
    }
}

impl State {
    /// Takes the next value, and lets the longest waiting sender in.
    fn take(&mut self, host: &mut dyn Host) -> Option<Parcel> {
        let parcel = self.queue.pop_front()?;
        while let Some((sender, next)) = self.senders.pop_front() {
            if sender.wake(host) {
                self.queue.push_back(next);
                break;
            }
        }
        Some(parcel)
    }

    /// Puts a value aside for the longest waiting receiver; gives it back if there is none.
    fn hand(&mut self, host: &mut dyn Host, mut parcel: Parcel) -> Option<Parcel> {
        while let Some(receiver) = self.receivers.pop_front() {
            self.handed.push((receiver.clone(), parcel));
            if receiver.wake(host) {
                return None;
            }
            (_, parcel) = self.handed.pop()?;
        }
        Some(parcel)
    }
}

impl SharedChannel {
    pub(super) fn new(capacity: usize) -> SharedChannel {
        SharedChannel { state: Mutex::default(), capacity }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what a local channel has.
    pub(super) fn fill(&self, isolate: &Membership, content: Content) {
        let remote = |wait: u64| Remote { isolate: isolate.clone(), wait };
        let mut state = self.lock();
        state.is_closed = content.is_closed;
        state.queue = content.queue.into();
        state.receivers = content.receivers.into_iter().map(remote).collect();
        let with_parcel = |(wait, parcel)| (remote(wait), parcel);
        state.senders = content.senders.into_iter().map(with_parcel).collect();
        state.handed = content.handed.into_iter().map(with_parcel).collect();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// As `channels::send`.
    pub(super) fn send(self: &Arc<Self>, host: &mut dyn Host, value: Value) -> Result<()> {
        let parcel = pack::pack_owned(host, value)?;
        let waiter = {
            let mut state = self.lock();
            if state.is_closed {
                return Err(super::channels::closed());
            }
            let Some(parcel) = state.hand(host, parcel) else { return Ok(()) };
            if state.queue.len() < self.capacity {
                if state.queue.len() % VALUES_PER_CHECK == VALUES_PER_CHECK - 1 {
                    super::check_memory()?;
                }
                state.queue.push_back(parcel);
                return Ok(());
            }
            let Some(waiter) = host.isolate().tasks.begin_wait(Wait::Send) else {
                return Err(Wait::Send.deadlock());
            };
            let isolate = host.isolate().membership();
            let remote = Remote { isolate, wait: waiter.number() };
            state.senders.push_back((remote, parcel));
            waiter
        };
        let (shared, wait) = (self.clone(), waiter.number());
        let finish = move |host: &mut dyn Host, _: End| shared.finish_send(host, wait);
        park(host, &waiter, Box::new(finish)).map(drop)
    }

    /// What a wait for room gives when it is over.
    pub(super) fn finish_send(&self, host: &mut dyn Host, wait: u64) -> Result<Option<Value>> {
        let own = host.isolate().membership();
        let mut state = self.lock();
        match state.senders.iter().position(|(sender, _)| sender.is(&own, wait)) {
            // It was woken, but nobody took the value.
            Some(at) => {
                state.senders.remove(at);
                Err(super::channels::closed())
            }
            None => Ok(Some(Value::TRUE)),
        }
    }

    /// As `channels::receive`.
    pub(super) fn receive(
        self: &Arc<Self>,
        host: &mut dyn Host,
        limit: Option<f64>,
    ) -> Result<Option<Value>> {
        let waiter = {
            let mut state = self.lock();
            if let Some(parcel) = state.take(host) {
                drop(state);
                return unpack::unpack(host, parcel).map(Some);
            }
            if state.is_closed {
                return Ok(None);
            }
            let what = if limit.is_some() { Wait::Time } else { Wait::Receive };
            let Some(waiter) = host.isolate().tasks.begin_wait(what) else {
                return Err(Wait::Receive.deadlock());
            };
            let isolate = host.isolate().membership();
            state.receivers.push_back(Remote { isolate, wait: waiter.number() });
            waiter
        };
        if let Some(ms) = limit {
            host.isolate().tasks.wake_later(ms, waiter.clone());
        }
        let (shared, wait) = (self.clone(), waiter.number());
        let finish = move |host: &mut dyn Host, end: End| shared.finish_receive(host, wait, end);
        park(host, &waiter, Box::new(finish))
    }

    /// What a wait for a value gives when it is over. A value that was handed to a receiver that
    /// does not take it any more goes to the next one, or is the next in the queue.
    pub(super) fn finish_receive(
        &self,
        host: &mut dyn Host,
        wait: u64,
        end: End,
    ) -> Result<Option<Value>> {
        let own = host.isolate().membership();
        let mut state = self.lock();
        state.receivers.retain(|receiver| !receiver.is(&own, wait));
        let at = state.handed.iter().position(|(receiver, _)| receiver.is(&own, wait));
        let parcel = at.map(|at| state.handed.swap_remove(at).1);
        if end == End::Cancelled {
            if let Some(parcel) = parcel.and_then(|parcel| state.hand(host, parcel)) {
                state.queue.push_front(parcel);
            }
            return Ok(None);
        }
        drop(state);
        parcel.map(|parcel| unpack::unpack(host, parcel)).transpose()
    }

    /// As `channels::try_receive`.
    pub(super) fn try_receive(&self, host: &mut dyn Host) -> Result<Option<Value>> {
        let parcel = self.lock().take(host);
        parcel.map(|parcel| unpack::unpack(host, parcel)).transpose()
    }

    /// As `channels::close`.
    pub(super) fn close(&self, host: &mut dyn Host) {
        let mut state = self.lock();
        state.is_closed = true;
        for receiver in std::mem::take(&mut state.receivers) {
            receiver.wake(host);
        }
        let senders: Vec<Remote> = state.senders.iter().map(|(sender, _)| sender.clone()).collect();
        for sender in senders {
            sender.wake(host);
        }
    }
}

impl Drop for SharedChannel {
    /// A channel may hold parcels with channels that hold parcels, and so on.
    fn drop(&mut self) {
        thread_local! {
            static DROPPING: std::cell::RefCell<Option<Vec<State>>> =
                const { std::cell::RefCell::new(None) };
        }
        let state = std::mem::take(&mut *self.lock());
        let inner = DROPPING.with_borrow_mut(|list| match list {
            Some(list) => {
                list.push(state);
                None
            }
            None => {
                *list = Some(Vec::new());
                Some(state)
            }
        });
        let mut next = inner;
        while let Some(state) = next {
            drop(state);
            next = DROPPING.with_borrow_mut(|list| {
                let state = list.as_mut().and_then(Vec::pop);
                if state.is_none() {
                    *list = None;
                }
                state
            });
        }
    }
}
