//! Methods of sets, queues, stacks and refs that leave the receiver as it is.

use super::Cx;
use super::args::Func;
use super::collections::{
    queue_is_empty, queue_peek, queue_size, queue_to_array, set_difference, set_has, set_intersect,
    set_is_subset, set_to_array, stack_is_empty, stack_peek, stack_size, stack_to_array,
};
use crate::error::Result;
use crate::objects::cell::CellBody;
use crate::objects::collections::{Queue, Set, Stack};
use crate::semantics::sets;
use crate::value::Value;

methods! {
    static SET_TABLE of [Set];

    /// Whether the set has the item.
    ///
    ///     print(Set([1]).has(2))   # expect: false
    fn set_has as has(set: &Set, item: &Value) -> "bool" [];

    /// The own items, then the new ones of the other.
    ///
    ///     print(Set([1]).union(Set([2])))   # expect: Set{1, 2}
    fn union(set: &Set, other: &Set) -> "set" [];

    /// The items that are in the other.
    ///
    ///     print(Set([1, 2]).intersect(Set([2])))   # expect: Set{2}
    fn set_intersect as intersect(set: &Set, other: &Set) -> "set" [];

    /// The items that are not in the other.
    ///
    ///     print(Set([1, 2]).difference(Set([2])))   # expect: Set{1}
    fn set_difference as difference(set: &Set, other: &Set) -> "set" [];

    /// Whether every item is in the other.
    ///
    ///     print(Set([1]).is_subset(Set([1, 2])))   # expect: true
    fn set_is_subset as is_subset(set: &Set, other: &Set) -> "bool" [];

    /// The items in order.
    ///
    ///     print(Set([2, 1]).to_array())   # expect: [2, 1]
    fn set_to_array as to_array(set: &Set) -> "array" [];
}

fn union(set: &Set, other: &Set) -> Result<Set> {
    let mut out = set.clone();
    for item in other.members() {
        sets::add(&mut out, item.clone())?;
    }
    Ok(out)
}

methods! {
    static QUEUE_TABLE of [Queue];

    /// The front item or null.
    ///
    ///     print(Queue([1, 2]).peek())   # expect: 1
    fn queue_peek as peek(queue: &Queue) -> "any" [];

    /// Whether the queue is empty.
    ///
    ///     print(Queue().is_empty())   # expect: true
    fn queue_is_empty as is_empty(queue: &Queue) -> "bool" [];

    /// Number of items.
    ///
    ///     print(Queue([1]).size())   # expect: 1
    fn queue_size as size(queue: &Queue) -> "int" [];

    /// The items front to back.
    ///
    ///     print(Queue([1, 2]).to_array())   # expect: [1, 2]
    fn queue_to_array as to_array(queue: &Queue) -> "array" [];
}

methods! {
    static STACK_TABLE of [Stack];

    /// The top item or null.
    ///
    ///     print(Stack([1, 2]).peek())   # expect: 2
    fn stack_peek as peek(stack: &Stack) -> "any" [];

    /// Whether the stack is empty.
    ///
    ///     print(Stack().is_empty())   # expect: true
    fn stack_is_empty as is_empty(stack: &Stack) -> "bool" [];

    /// Number of items.
    ///
    ///     print(Stack([1]).size())   # expect: 1
    fn stack_size as size(stack: &Stack) -> "int" [];

    /// The items bottom to top.
    ///
    ///     print(Stack([1, 2]).to_array())   # expect: [1, 2]
    fn stack_to_array as to_array(stack: &Stack) -> "array" [];
}

methods! {
    static REF_TABLE of [Ref];

    /// The current value.
    ///
    ///     print(ref(1).get())   # expect: 1
    fn ref_get as get(cell: &CellBody) -> "any" [];

    /// Stores a value; the new value.
    ///
    ///     print(ref(1).set(2))   # expect: 2
    fn ref_set as set(cell: &CellBody, value: Value) -> "any" [];

    /// Stores func(current value); the new value.
    ///
    ///     print(ref(1).update(func(v) { return v + 1 }))   # expect: 2
    fn ref_update as update(cell: &CellBody, func: Func<'_>) -> "any" [cx];
}

fn ref_get(cell: &CellBody) -> Result<Value> {
    Ok(cell.get())
}

fn ref_set(cell: &CellBody, value: Value) -> Result<Value> {
    cell.set(value.clone());
    Ok(value)
}

fn ref_update(cx: &mut Cx<'_>, cell: &CellBody, func: Func<'_>) -> Result<Value> {
    let new = cx.call(func.0, [cell.get()])?;
    ref_set(cell, new)
}
