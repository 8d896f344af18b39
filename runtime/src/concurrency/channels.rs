//! Channels (LS 17.3): first-in first-out queues that tasks share.
//!
//! A channel that has not left its isolate holds plain values. When it is packed for another one
//! it becomes shared: from then on all is done by [`super::shared_channels`].

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use super::deadlock::Wait;
use super::parcel::Parcel;
use super::shared_channels::{Content, SharedChannel};
use super::tasks::{End, Waiter, park};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::objects::channel::ChannelBody;
use crate::value::Value;

/// Queued values after which memory is compared with the limit.
pub(super) const VALUES_PER_CHECK: usize = 1 << 14;

/// What is behind a channel.
pub struct Core {
    state: RefCell<State>,
    /// What has taken over from `state`.
    shared: OnceCell<Arc<SharedChannel>>,
}

struct State {
    queue: VecDeque<Value>,
    capacity: usize,
    is_closed: bool,
    /// Tasks that wait for a value, longest first.
    receivers: VecDeque<Waiter>,
    /// Tasks that wait for room, longest first, with what they send.
    senders: VecDeque<(Waiter, Value)>,
    /// Values for receivers that have been woken but have not run yet, by their wait.
    handed: Vec<(u64, Value)>,
}

impl Core {
    /// A channel that holds at most `capacity` values.
    pub fn new(capacity: usize) -> Core {
        Core {
            state: RefCell::new(State {
                queue: VecDeque::new(),
                capacity,
                is_closed: false,
                receivers: VecDeque::new(),
                senders: VecDeque::new(),
                handed: Vec::new(),
            }),
            shared: OnceCell::new(),
        }
    }

    /// This isolate's end of a shared channel.
    pub(crate) fn of_shared(shared: Arc<SharedChannel>) -> Core {
        let core = Core::new(shared.capacity);
        core.shared.get_or_init(|| shared);
        core
    }

    pub(super) fn shared(&self) -> Option<&Arc<SharedChannel>> {
        self.shared.get()
    }

    pub(super) fn capacity(&self) -> usize {
        self.state.borrow().capacity
    }

    /// Whether both are the same channel.
    pub fn is_same(&self, other: &Core) -> bool {
        match (self.shared(), other.shared()) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => std::ptr::eq(self, other),
        }
    }

    /// Hands everything over to a shared channel; `parcels` are the values of
    /// [`Core::each_value`] in order.
    pub(super) fn become_shared(
        &self,
        host: &mut dyn Host,
        shared: Arc<SharedChannel>,
        parcels: Vec<Parcel>,
    ) {
        let isolate = host.isolate().membership();
        let mut state = self.state.borrow_mut();
        let mut parcels = parcels.into_iter();
        let queue = parcels.by_ref().take(state.queue.len()).collect();
        state.queue.clear();
        let senders = std::mem::take(&mut state.senders);
        let senders = senders.iter().map(|(sender, _)| sender.number());
        let senders = senders.zip(parcels.by_ref()).collect();
        let handed = std::mem::take(&mut state.handed);
        let handed = handed.iter().map(|(wait, _)| *wait).zip(parcels).collect();
        let receivers = std::mem::take(&mut state.receivers);
        let receivers = receivers.iter().map(Waiter::number).collect();
        let is_closed = state.is_closed;
        shared.fill(&isolate, Content { is_closed, queue, receivers, senders, handed });
        self.shared.get_or_init(|| shared);
    }

    pub fn len(&self) -> usize {
        if let Some(shared) = self.shared() {
            return shared.len();
        }
        self.state.borrow().queue.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` with every value on its way.
    pub fn each_value(&self, f: &mut dyn FnMut(&Value)) {
        let Ok(state) = self.state.try_borrow() else { return };
        state.queue.iter().for_each(&mut *f);
        state.senders.iter().for_each(|(_, value)| f(value));
        state.handed.iter().for_each(|(_, value)| f(value));
    }
}

impl State {
    /// Takes the next value, and lets the longest waiting sender in.
    fn take(&mut self, host: &mut dyn Host) -> Option<Value> {
        let value = self.queue.pop_front()?;
        while let Some((waiter, next)) = self.senders.pop_front() {
            if host.isolate().tasks.wake(&waiter) {
                self.queue.push_back(next);
                break;
            }
        }
        Some(value)
    }

    /// Takes the value that was handed over in a wait.
    fn take_handed(&mut self, wait: u64) -> Option<Value> {
        let at = self.handed.iter().position(|(number, _)| *number == wait)?;
        Some(self.handed.swap_remove(at).1)
    }
}

#[cold]
pub(super) fn closed() -> Error {
    Error::new(Kind::ConcurrencyError, "Cannot send on a closed channel")
}

/// Enqueues a value; waits while the channel is full.
///
/// # Errors
/// ConcurrencyError if the channel is closed, or if the wait can never end; MemoryError.
pub fn send(host: &mut dyn Host, channel: &ChannelBody, value: Value) -> Result<()> {
    if let Some(shared) = channel.core.shared() {
        return shared.send(host, value);
    }
    let waiter = {
        let mut state = channel.core.state.borrow_mut();
        if state.is_closed {
            return Err(closed());
        }
        while let Some(receiver) = state.receivers.pop_front() {
            if host.isolate().tasks.wake(&receiver) {
                state.handed.push((receiver.number(), value));
                return Ok(());
            }
        }
        if state.queue.len() < state.capacity {
            if state.queue.len() % VALUES_PER_CHECK == VALUES_PER_CHECK - 1 {
                super::check_memory()?;
            }
            state.queue.push_back(value);
            return Ok(());
        }
        let Some(waiter) = host.isolate().tasks.begin_wait(Wait::Send) else {
            return Err(Wait::Send.deadlock());
        };
        state.senders.push_back((waiter.clone(), value));
        waiter
    };
    let (core, wait) = (channel.core.clone(), waiter.number());
    let finish = move |host: &mut dyn Host, _: End| {
        if let Some(shared) = core.shared() {
            return shared.finish_send(host, wait);
        }
        let mut state = core.state.borrow_mut();
        match state.senders.iter().position(|(sender, _)| sender.number() == wait) {
            // It was woken, but nobody took the value.
            Some(at) => {
                state.senders.remove(at);
                Err(closed())
            }
            None => Ok(Some(Value::TRUE)),
        }
    };
    park(host, &waiter, Box::new(finish)).map(drop)
}

/// The next value; waits while the channel is empty. `None` when it is closed and empty, or
/// when the time limit in milliseconds is over.
///
/// # Errors
/// ConcurrencyError if the wait can never end.
pub fn receive(
    host: &mut dyn Host,
    channel: &ChannelBody,
    limit: Option<f64>,
) -> Result<Option<Value>> {
    if let Some(shared) = channel.core.shared() {
        return shared.receive(host, limit);
    }
    let waiter = {
        let mut state = channel.core.state.borrow_mut();
        if let Some(value) = state.take(host) {
            return Ok(Some(value));
        }
        if state.is_closed {
            return Ok(None);
        }
        let what = if limit.is_some() { Wait::Time } else { Wait::Receive };
        let Some(waiter) = host.isolate().tasks.begin_wait(what) else {
            return Err(Wait::Receive.deadlock());
        };
        state.receivers.push_back(waiter.clone());
        waiter
    };
    if let Some(ms) = limit {
        host.isolate().tasks.wake_later(ms, waiter.clone());
    }
    let (core, wait) = (channel.core.clone(), waiter.number());
    let finish = move |host: &mut dyn Host, end: End| {
        if let Some(shared) = core.shared() {
            return shared.finish_receive(host, wait, end);
        }
        let mut state = core.state.borrow_mut();
        state.receivers.retain(|receiver| receiver.number() != wait);
        Ok(state.take_handed(wait))
    };
    park(host, &waiter, Box::new(finish))
}

/// The next value if there is one.
///
/// # Errors
/// None at present.
pub fn try_receive(host: &mut dyn Host, channel: &ChannelBody) -> Result<Option<Value>> {
    match channel.core.shared() {
        Some(shared) => shared.try_receive(host),
        None => Ok(channel.core.state.borrow_mut().take(host)),
    }
}

/// Ends sending; all who wait go on.
pub fn close(host: &mut dyn Host, channel: &ChannelBody) {
    if let Some(shared) = channel.core.shared() {
        return shared.close(host);
    }
    let mut state = channel.core.state.borrow_mut();
    state.is_closed = true;
    for receiver in std::mem::take(&mut state.receivers) {
        host.isolate().tasks.wake(&receiver);
    }
    for (sender, _) in &state.senders {
        host.isolate().tasks.wake(sender);
    }
}

/// The next value of a `for` loop over a channel.
///
/// # Errors
/// As for [`receive`].
pub fn next(host: &mut dyn Host, channel: &ChannelBody) -> Result<Option<Value>> {
    receive(host, channel, None)
}
