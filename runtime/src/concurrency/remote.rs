//! Promises that several isolates know.
//!
//! A promise belongs to the isolate that made it. When it is packed it gets a shared core; other
//! isolates have proxies of it, which subscribe to the core when somebody awaits them.

use super::isolates::Membership;
use super::mailbox::Event;
use super::parcel::Outcome;
use super::{promises, unpack};
use crate::host::Host;
use crate::objects::promise::PromiseBody;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::value::{Value, View};

/// The core of a promise that has left its isolate.
#[derive(Default)]
pub struct SharedPromise {
    state: Mutex<State>,
    is_observed: AtomicBool,
}

enum State {
    /// Isolates that want to know, with the token under which they do.
    Pending(Vec<(Membership, u64)>),
    Settled(Outcome),
}

impl Default for State {
    fn default() -> Self {
        State::Pending(Vec::new())
    }
}

/// How a promise is connected with other isolates.
#[derive(Default)]
pub enum Link {
    #[default]
    None,
    Owner(Arc<SharedPromise>),
    Proxy {
        core: Arc<SharedPromise>,
        is_subscribed: bool,
    },
}

impl SharedPromise {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives it its outcome; all who want to know are told.
    pub(super) fn settle(&self, outcome: Outcome) {
        let mut state = self.lock();
        if let State::Pending(subscribers) = &mut *state {
            for (isolate, token) in std::mem::take(subscribers) {
                // An isolate that has ended does not want to know any more.
                let _ = isolate.post(Event::Settle(token, outcome.clone()));
            }
            *state = State::Settled(outcome);
        }
    }

    fn is_pending(&self) -> bool {
        matches!(*self.lock(), State::Pending(_))
    }

    /// Whether somebody awaits it, or has.
    pub(super) fn is_observed(&self) -> bool {
        self.is_observed.load(Ordering::Relaxed)
    }
}

impl PromiseBody {
    /// The core that other isolates get, and whether it must be told the outcome now.
    pub(super) fn share(&self) -> (Arc<SharedPromise>, bool) {
        let mut link = self.link.borrow_mut();
        let core = match &*link {
            Link::Owner(core) => core.clone(),
            Link::Proxy { core, .. } => return (core.clone(), false),
            Link::None => {
                let core = Arc::<SharedPromise>::default();
                *link = Link::Owner(core.clone());
                core
            }
        };
        let is_late = !self.is_pending() && core.is_pending();
        (core, is_late)
    }

    /// Whether both stand for the same promise.
    pub fn is_same(&self, other: &PromiseBody) -> bool {
        match (&*self.link.borrow(), &*other.link.borrow()) {
            (
                Link::Owner(a) | Link::Proxy { core: a, .. },
                Link::Owner(b) | Link::Proxy { core: b, .. },
            ) => Arc::ptr_eq(a, b),
            (Link::None, _) | (_, Link::None) => false,
        }
    }

    /// The core, if it is a promise of this isolate that others know.
    pub(super) fn owned_core(&self) -> Option<Arc<SharedPromise>> {
        match &*self.link.borrow() {
            Link::Owner(core) => Some(core.clone()),
            Link::None | Link::Proxy { .. } => None,
        }
    }

    /// Whether it stands for a promise of another isolate.
    pub(super) fn is_proxy(&self) -> bool {
        matches!(*self.link.borrow(), Link::Proxy { .. })
    }
}

/// Whether anybody but its own isolate (which has it twice at the moment) may know a promise.
pub(super) fn is_known_elsewhere(core: &Arc<SharedPromise>) -> bool {
    Arc::strong_count(core) > 2
}

/// What stands for a promise that came from another isolate.
pub(super) fn proxy(core: Arc<SharedPromise>) -> Value {
    let promise = PromiseBody::pending();
    if let View::Promise(body) = promise.view() {
        *body.link.borrow_mut() = Link::Proxy { core, is_subscribed: false };
    }
    promise
}

/// Brings a proxy up to date before it is awaited.
pub(super) fn observe(host: &mut dyn Host, promise: &Value) {
    let View::Promise(body) = promise.view() else { return };
    let core = match &mut *body.link.borrow_mut() {
        Link::None | Link::Owner(_) => return,
        Link::Proxy { is_subscribed: true, .. } => return,
        Link::Proxy { core, is_subscribed } => {
            *is_subscribed = true;
            core.clone()
        }
    };
    core.is_observed.store(true, Ordering::Relaxed);
    let membership = host.isolate().membership();
    let mut state = core.lock();
    let outcome = match &mut *state {
        State::Pending(subscribers) => {
            let token = host.isolate().tasks.register(promise.clone());
            subscribers.push((membership, token));
            return;
        }
        State::Settled(outcome) => outcome.clone(),
    };
    drop(state);
    let result = unpack::unpack_outcome(host, outcome);
    promises::settle(host, promise, result);
}
