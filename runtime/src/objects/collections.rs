//! Sets, queues and stacks of the library.

use std::collections::VecDeque;

use super::array::Array;
use crate::value::{Object, Tag, Value};

/// Distinct values in insertion order.
///
/// Equality is that of the language, which is not this layer's business: `semantics::sets`
/// finds and compares members; this type keeps members and a hash index over them.
#[derive(Clone, Default)]
pub struct Set {
    pub(crate) members: Vec<Value>,
    /// The hash of each member.
    pub(crate) hashes: Vec<u64>,
    pub(crate) index: hashbrown::HashTable<u32>,
}

impl Object for Set {
    const TAG: Tag = Tag::Set;
}

impl Set {
    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Members in insertion order.
    pub fn members(&self) -> &[Value] {
        &self.members
    }
}

/// First in, first out.
#[derive(Clone, Default)]
pub struct Queue(pub VecDeque<Value>);

impl Object for Queue {
    const TAG: Tag = Tag::Queue;
}

/// Last in, first out; the top is the end.
#[derive(Clone, Default)]
pub struct Stack(pub Array);

impl Object for Stack {
    const TAG: Tag = Tag::Stack;
}
