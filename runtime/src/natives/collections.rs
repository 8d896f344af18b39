//! Sets, queues and stacks. Function forms return new collections; a unique argument is changed
//! in place.

use std::collections::VecDeque;

use super::Cx;
use super::args::{Owned, pair};
use super::items::Items;
use crate::error::Result;
use crate::objects::array::Array;
use crate::objects::collections::{Queue, Set, Stack};
use crate::semantics::arith::check_array_len;
use crate::semantics::sets;
use crate::value::Value;

natives! {
    module "collections";

    /// The set of the distinct items.
    ///
    ///     print(Set([1, 2, 1.0]))   # expect: Set{1, 2}
    fn make_set as Set(items: Option<Items>) -> "set" [PureCallback; cx];

    /// A queue whose front is the first item.
    ///
    ///     print(Queue([1, 2]))   # expect: Queue[1, 2]
    fn make_queue as Queue(items: Option<Items>) -> "queue" [PureCallback; cx];

    /// A stack whose top is the last item.
    ///
    ///     print(Stack([1, 2]))   # expect: Stack[1, 2]
    fn make_stack as Stack(items: Option<Items>) -> "stack" [PureCallback; cx];

    /// The set with the item.
    ///
    ///     print(set_add(Set([1]), 2))   # expect: Set{1, 2}
    fn set_add(set: Owned<'_, Set>, item: Value) -> "set" [Pure];

    /// The set without the item.
    ///
    ///     print(set_remove(Set([1, 2]), 1))   # expect: Set{2}
    fn set_remove(set: Owned<'_, Set>, item: &Value) -> "set" [Pure];

    /// Whether the set has the item.
    ///
    ///     print(set_has(Set([1]), 1.0))   # expect: true
    fn set_has(set: &Set, item: &Value) -> "bool" [Pure];

    /// The items of a, then the new ones of b.
    ///
    ///     print(set_union(Set([1]), Set([2, 1])))   # expect: Set{1, 2}
    fn set_union(a: Owned<'_, Set>, b: &Set) -> "set" [Pure];

    /// The items of a that are in b.
    ///
    ///     print(set_intersect(Set([1, 2]), Set([2])))   # expect: Set{2}
    fn set_intersect(a: &Set, b: &Set) -> "set" [Pure];

    /// The items of a that are not in b.
    ///
    ///     print(set_difference(Set([1, 2]), Set([2])))   # expect: Set{1}
    fn set_difference(a: &Set, b: &Set) -> "set" [Pure];

    /// The items in exactly one of them.
    ///
    ///     print(set_symmetric_difference(Set([1, 2]), Set([2, 3])))   # expect: Set{1, 3}
    fn set_symmetric_difference(a: &Set, b: &Set) -> "set" [Pure];

    /// Whether every item of a is in b.
    ///
    ///     print(set_is_subset(Set([1]), Set([1, 2])))   # expect: true
    fn set_is_subset(a: &Set, b: &Set) -> "bool" [Pure];

    /// The items in order.
    ///
    ///     print(set_to_array(Set([2, 1])))   # expect: [2, 1]
    fn set_to_array(set: &Set) -> "array" [Pure];

    /// The queue with the item at the back.
    ///
    ///     print(queue_enqueue(Queue([1]), 2))   # expect: Queue[1, 2]
    fn queue_enqueue(queue: Owned<'_, Queue>, item: Value) -> "queue" [Pure];

    /// The queue without its front item, and that item (null when empty).
    ///
    ///     print(queue_dequeue(Queue([1, 2])))   # expect: [Queue[2], 1]
    fn queue_dequeue(queue: Owned<'_, Queue>) -> "array" [Pure];

    /// The front item or null.
    ///
    ///     print(queue_peek(Queue([1, 2])))   # expect: 1
    fn queue_peek(queue: &Queue) -> "any" [Pure];

    /// Whether the queue is empty.
    ///
    ///     print(queue_is_empty(Queue()))   # expect: true
    fn queue_is_empty(queue: &Queue) -> "bool" [Pure];

    /// Number of items.
    ///
    ///     print(queue_size(Queue([1])))   # expect: 1
    fn queue_size(queue: &Queue) -> "int" [Pure];

    /// The items front to back.
    ///
    ///     print(queue_to_array(Queue([1, 2])))   # expect: [1, 2]
    fn queue_to_array(queue: &Queue) -> "array" [Pure];

    /// The stack with the item on top.
    ///
    ///     print(stack_push(Stack([1]), 2))   # expect: Stack[1, 2]
    fn stack_push(stack: Owned<'_, Stack>, item: Value) -> "stack" [Pure];

    /// The stack without its top item, and that item (null when empty).
    ///
    ///     print(stack_pop(Stack([1, 2])))   # expect: [Stack[1], 2]
    fn stack_pop(stack: Owned<'_, Stack>) -> "array" [Pure];

    /// The top item or null.
    ///
    ///     print(stack_peek(Stack([1, 2])))   # expect: 2
    fn stack_peek(stack: &Stack) -> "any" [Pure];

    /// Whether the stack is empty.
    ///
    ///     print(stack_is_empty(Stack()))   # expect: true
    fn stack_is_empty(stack: &Stack) -> "bool" [Pure];

    /// Number of items.
    ///
    ///     print(stack_size(Stack([1])))   # expect: 1
    fn stack_size(stack: &Stack) -> "int" [Pure];

    /// The items bottom to top.
    ///
    ///     print(stack_to_array(Stack([1, 2])))   # expect: [1, 2]
    fn stack_to_array(stack: &Stack) -> "array" [Pure];
}

fn drained(cx: &mut Cx<'_>, items: Option<Items>) -> Result<Vec<Value>> {
    items.map_or(Ok(Vec::new()), |items| items.drain(cx))
}

fn make_set(cx: &mut Cx<'_>, items: Option<Items>) -> Result<Set> {
    sets::from_iter(drained(cx, items)?)
}

fn make_queue(cx: &mut Cx<'_>, items: Option<Items>) -> Result<Queue> {
    Ok(Queue(VecDeque::from(drained(cx, items)?)))
}

fn make_stack(cx: &mut Cx<'_>, items: Option<Items>) -> Result<Stack> {
    Ok(Stack(Array::from_values(drained(cx, items)?)))
}

fn set_add(mut set: Owned<'_, Set>, item: Value) -> Result<Value> {
    sets::add(set.make_mut(), item)?;
    Ok(set.into_value())
}

fn set_remove(mut set: Owned<'_, Set>, item: &Value) -> Result<Value> {
    sets::remove(set.make_mut(), item)?;
    Ok(set.into_value())
}

pub(super) fn set_has(set: &Set, item: &Value) -> Result<bool> {
    sets::contains(set, item)
}

fn set_union(mut a: Owned<'_, Set>, b: &Set) -> Result<Value> {
    let union = a.make_mut();
    for item in b.members() {
        sets::add(union, item.clone())?;
    }
    Ok(a.into_value())
}

/// The members of `a` whose membership in `b` is as wanted.
fn members_where(a: &Set, b: &Set, wanted: bool, into: &mut Set) -> Result<()> {
    for item in a.members() {
        if sets::contains(b, item)? == wanted {
            sets::add(into, item.clone())?;
        }
    }
    Ok(())
}

pub(super) fn set_intersect(a: &Set, b: &Set) -> Result<Set> {
    let mut out = Set::default();
    members_where(a, b, true, &mut out)?;
    Ok(out)
}

pub(super) fn set_difference(a: &Set, b: &Set) -> Result<Set> {
    let mut out = Set::default();
    members_where(a, b, false, &mut out)?;
    Ok(out)
}

fn set_symmetric_difference(a: &Set, b: &Set) -> Result<Set> {
    let mut out = set_difference(a, b)?;
    members_where(b, a, false, &mut out)?;
    Ok(out)
}

pub(super) fn set_is_subset(a: &Set, b: &Set) -> Result<bool> {
    for item in a.members() {
        if !sets::contains(b, item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn set_to_array(set: &Set) -> Result<Vec<Value>> {
    Ok(set.members().to_vec())
}

fn queue_enqueue(mut queue: Owned<'_, Queue>, item: Value) -> Result<Value> {
    check_array_len(queue.0.len() + 1)?;
    queue.make_mut().0.push_back(item);
    Ok(queue.into_value())
}

fn queue_dequeue(mut queue: Owned<'_, Queue>) -> Result<Value> {
    if queue.0.is_empty() {
        return Ok(pair(queue.into_value(), Value::NULL));
    }
    let front = queue.make_mut().0.pop_front().unwrap_or_default();
    Ok(pair(queue.into_value(), front))
}

pub(super) fn queue_peek(queue: &Queue) -> Result<Value> {
    Ok(queue.0.front().cloned().unwrap_or_default())
}

pub(super) fn queue_is_empty(queue: &Queue) -> Result<bool> {
    Ok(queue.0.is_empty())
}

pub(super) fn queue_size(queue: &Queue) -> Result<i64> {
    Ok(queue.0.len() as i64)
}

pub(super) fn queue_to_array(queue: &Queue) -> Result<Vec<Value>> {
    Ok(queue.0.iter().cloned().collect())
}

fn stack_push(mut stack: Owned<'_, Stack>, item: Value) -> Result<Value> {
    check_array_len(stack.0.len() + 1)?;
    stack.make_mut().0.push(item);
    Ok(stack.into_value())
}

fn stack_pop(mut stack: Owned<'_, Stack>) -> Result<Value> {
    if stack.0.is_empty() {
        return Ok(pair(stack.into_value(), Value::NULL));
    }
    let top = stack.make_mut().0.pop().unwrap_or_default();
    Ok(pair(stack.into_value(), top))
}

pub(super) fn stack_peek(stack: &Stack) -> Result<Value> {
    Ok(stack.0.len().checked_sub(1).and_then(|at| stack.0.get(at)).unwrap_or_default())
}

pub(super) fn stack_is_empty(stack: &Stack) -> Result<bool> {
    Ok(stack.0.is_empty())
}

pub(super) fn stack_size(stack: &Stack) -> Result<i64> {
    Ok(stack.0.len() as i64)
}

pub(super) fn stack_to_array(stack: &Stack) -> Result<Array> {
    Ok(stack.0.clone())
}
