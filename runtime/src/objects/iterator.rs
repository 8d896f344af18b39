//! Lazy iterators: a source and the stages applied to it, pulled one value at a time.
//!
//! The object only holds the state; pulling is in `semantics::iterate`, since stages call user
//! functions.

use std::cell::RefCell;

use crate::value::{Object, Tag, Value};

/// A shared, mutable iterator: copies of the value share the position.
pub struct IteratorBody {
    pub state: RefCell<IteratorState>,
}

impl Object for IteratorBody {
    const TAG: Tag = Tag::Iterator;
}

pub struct IteratorState {
    pub source: Source,
    /// In the order written.
    pub stages: Vec<Stage>,
    pub is_exhausted: bool,
    /// A pull is under way (a stage's function is running).
    pub is_running: bool,
}

pub enum Source {
    /// The elements of a collection from a position on.
    Collection { value: Value, at: usize },
    /// Another iterator, whose position is shared.
    Iterator(Value),
}

pub enum Stage {
    Map(Value),
    Filter(Value),
    Take { left: u64 },
    Skip { left: u64 },
}
