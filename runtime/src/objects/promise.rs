//! Promises: the outcome of a task, a timer or work elsewhere, once it is there.
//!
//! The object only holds the state; settling and waiting are in `concurrency`.

use std::cell::{Cell, RefCell};

use crate::concurrency::remote::Link;
use crate::concurrency::tasks::Waiter;
use crate::error::Error;
use crate::heap::Ref;
use crate::value::{Object, Tag, Value};

/// How far the work behind a promise has come.
pub enum PromiseState {
    Pending(Vec<Observer>),
    Resolved(Value),
    Rejected(Error),
}

/// What happens when a promise settles.
pub enum Observer {
    /// A task goes on.
    Task(Waiter),
    /// A combination of promises hears of its element number so-and-so.
    Part(Value, usize),
}

impl Observer {
    /// The combination that hears of it.
    fn combination(&self) -> Option<&Value> {
        match self {
            Observer::Part(promise, _) => Some(promise),
            Observer::Task(_) => None,
        }
    }
}

/// A promise.
pub struct PromiseBody {
    pub state: RefCell<PromiseState>,
    /// Somebody awaits it, or has: a rejection is not reported.
    pub is_observed: Cell<bool>,
    /// It is the outcome of another thread.
    pub is_thread: Cell<bool>,
    /// How it is connected with other isolates.
    pub link: RefCell<Link>,
    /// What it waits for, if it is a combination.
    pub combination: RefCell<Option<Combination>>,
}

impl Object for PromiseBody {
    const TAG: Tag = Tag::Promise;
}

/// A promise that settles when others do.
pub struct Combination {
    pub rule: Rule,
    /// Results or errors by element; null while there is none.
    pub parts: Vec<Value>,
    pub n_missing: usize,
}

/// When a combination settles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// When all have resolved, or one has been rejected.
    All,
    /// When all have settled.
    Settled,
    /// As the first one that settles.
    Race,
    /// When one has resolved, or all have been rejected.
    Any,
    /// As the only one, unless time runs out.
    Timeout,
}

impl PromiseBody {
    /// A promise in a given state.
    pub fn make(state: PromiseState) -> Value {
        Value::from_ref(Ref::new(PromiseBody {
            state: RefCell::new(state),
            is_observed: Cell::new(false),
            is_thread: Cell::new(false),
            link: RefCell::default(),
            combination: RefCell::new(None),
        }))
    }

    /// A promise whose work is under way.
    pub fn pending() -> Value {
        Self::make(PromiseState::Pending(Vec::new()))
    }

    pub fn is_pending(&self) -> bool {
        matches!(*self.state.borrow(), PromiseState::Pending(_))
    }

    /// Calls `f` with every value the promise holds.
    pub fn each_value(&self, f: &mut dyn FnMut(&Value)) {
        if let Ok(state) = self.state.try_borrow() {
            match &*state {
                PromiseState::Resolved(value) => f(value),
                PromiseState::Pending(observers) => {
                    observers.iter().filter_map(Observer::combination).for_each(&mut *f);
                }
                PromiseState::Rejected(_) => {}
            }
        }
        if let Ok(combination) = self.combination.try_borrow()
            && let Some(combination) = &*combination
        {
            combination.parts.iter().for_each(f);
        }
    }
}
