//! Lazy iterators: a source and the stages applied to it, pulled one value at a time.
//!
//! The object only holds the state; pulling is in `semantics::stages`, since stages call user
//! functions.

use std::cell::RefCell;

use crate::heap::Ref;
use crate::value::{Object, Tag, Value};

/// A shared, mutable iterator: copies of the value share the position.
pub struct IteratorBody {
    pub state: RefCell<IteratorState>,
}

impl Object for IteratorBody {
    const TAG: Tag = Tag::Iterator;
}

/// Where an iterator stands. While a value is being pulled the state is moved out and
/// [`IteratorState::is_running`] stays behind.
pub struct IteratorState {
    pub source: Source,
    /// In the order written.
    pub stages: Vec<Stage>,
    /// A pull is under way (a stage's function is running).
    pub is_running: bool,
}

pub enum Source {
    /// Nothing is left, for good.
    Exhausted,
    /// It belongs to another thread.
    Foreign,
    /// The elements of a collection from a position on (a byte offset in a string).
    Collection { value: Value, at: usize },
    /// Another iterator, whose position is shared.
    Iterator(Value),
    /// What `range` would list from a number on. Made only where nobody can tell it from the
    /// array.
    Range { at: i64, stop: i64, step: i64 },
}

/// A step that each item goes through.
pub enum Stage {
    Map(Value),
    Filter(Value),
    Take {
        left: u64,
    },
    Skip {
        left: u64,
    },
    TakeWhile {
        func: Value,
        has_ended: bool,
    },
    SkipWhile {
        func: Value,
        has_begun: bool,
    },
    /// Lets one item through, then drops `step - 1`; `wait` are still to be dropped.
    StepBy {
        step: u64,
        wait: u64,
    },
    /// Pairs with the items of another iterator.
    Zip {
        other: Value,
    },
    Enumerate {
        next: i64,
    },
    /// Goes on with another iterator when the items from before have ended.
    Chain {
        other: Value,
        is_on_other: bool,
    },
    /// The iterator over the present result of the function.
    FlatMap {
        func: Value,
        inner: Option<Value>,
    },
}

impl IteratorBody {
    /// Whether it is a range without stages, which only ever is the receiver of a method.
    pub fn is_range(&self) -> bool {
        self.state.try_borrow().is_ok_and(|state| {
            matches!(state.source, Source::Range { .. }) && state.stages.is_empty()
        })
    }

    /// An iterator value.
    pub fn make(source: Source, stages: Vec<Stage>) -> Value {
        let state = RefCell::new(IteratorState { source, stages, is_running: false });
        Value::from_ref(Ref::new(IteratorBody { state }))
    }
}

impl IteratorState {
    /// Calls `f` with every value the state holds.
    pub fn each_value(&self, f: &mut dyn FnMut(&Value)) {
        match &self.source {
            Source::Exhausted | Source::Foreign | Source::Range { .. } => {}
            Source::Collection { value, .. } | Source::Iterator(value) => f(value),
        }
        for stage in &self.stages {
            match stage {
                Stage::Map(func)
                | Stage::Filter(func)
                | Stage::TakeWhile { func, .. }
                | Stage::SkipWhile { func, .. } => f(func),
                Stage::Zip { other } | Stage::Chain { other, .. } => f(other),
                Stage::FlatMap { func, inner } => {
                    f(func);
                    inner.iter().for_each(&mut *f);
                }
                Stage::Take { .. }
                | Stage::Skip { .. }
                | Stage::StepBy { .. }
                | Stage::Enumerate { .. } => {}
            }
        }
    }
}
