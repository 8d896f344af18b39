//! Methods that change the collection they are called on (LS 12.4). The receiver has been moved
//! out of its place, so it is usually unique and changed in place.

use super::Cx;
use super::args::{DictKey, Func, Owned, Whole};
use super::arrays::{element_position, insert_position};
use super::dicts::extend;
use super::sequences::position;
use super::sort::{check_sortable, sort_checked, sort_with};
use crate::error::Result;
use crate::objects::array::Array;
use crate::objects::collections::{Queue, Set, Stack};
use crate::objects::dict::Dict;
use crate::semantics::arith::check_array_len;
use crate::semantics::sets;
use crate::value::Value;

methods! {
    static ARRAY_TABLE of [Array];

    /// Adds an item at the end; the updated array.
    ///
    ///     a := [1]
    ///     a.push(2)
    ///     print(a)   # expect: [1, 2]
    fn array_push as push | append(array: Owned<'_, Array>, item: Value) -> "array" [];

    /// Inserts before a position; the updated array.
    ///
    ///     print([1, 2].insert(0, 9))   # expect: [9, 1, 2]
    fn array_insert as insert(array: Owned<'_, Array>, index: Whole, item: Value) -> "array" [];

    /// Removes the first equal element; the updated array.
    ///
    ///     print([1, 2, 1].remove(1))   # expect: [2, 1]
    fn array_remove as remove(array: Owned<'_, Array>, item: &Value) -> "array" [];

    /// Removes the element at a position and returns it.
    ///
    ///     print([1, 2, 3].remove_at(-1))   # expect: 3
    fn array_remove_at as remove_at(array: Owned<'_, Array>, index: Whole) -> "any" [];

    /// Removes the last element and returns it; null when empty.
    ///
    ///     a := [1, 2]
    ///     print(a.pop(), a)   # expect: 2 [1]
    fn array_pop as pop(array: Owned<'_, Array>) -> "any" [];

    /// Removes all elements; the updated array.
    ///
    ///     print([1].clear())   # expect: []
    fn array_clear as clear(array: Owned<'_, Array>) -> "array" [];

    /// Sorts as the function sort; the updated array.
    ///
    ///     print([3, 1].sort())   # expect: [1, 3]
    fn array_sort as sort(array: Owned<'_, Array>, comparator: Option<Func<'_>>)
        -> "array" [cx];

    /// Reverses the order; the updated array.
    ///
    ///     print([1, 2].reverse())   # expect: [2, 1]
    fn array_reverse as reverse(array: Owned<'_, Array>) -> "array" [];
}

fn array_push(mut array: Owned<'_, Array>, item: Value) -> Result<Value> {
    check_array_len(array.len() + 1)?;
    array.make_mut().push(item);
    Ok(array.to_value())
}

fn array_insert(mut array: Owned<'_, Array>, index: Whole, item: Value) -> Result<Value> {
    let at = insert_position(index, array.len())?;
    check_array_len(array.len() + 1)?;
    array.make_mut().insert(at, item);
    Ok(array.to_value())
}

fn array_remove(mut array: Owned<'_, Array>, item: &Value) -> Result<Value> {
    if let Some(at) = position(&array, item)? {
        array.make_mut().remove(at);
    }
    Ok(array.to_value())
}

fn array_remove_at(mut array: Owned<'_, Array>, index: Whole) -> Result<Value> {
    let at = element_position(index, array.len())?;
    Ok(array.make_mut().remove(at))
}

fn array_pop(mut array: Owned<'_, Array>) -> Result<Value> {
    if array.is_empty() {
        return Ok(Value::NULL);
    }
    Ok(array.make_mut().pop().unwrap_or_default())
}

fn array_clear(mut array: Owned<'_, Array>) -> Result<Value> {
    array.replace(Array::new());
    Ok(array.to_value())
}

fn array_sort(
    cx: &mut Cx<'_>,
    mut array: Owned<'_, Array>,
    comparator: Option<Func<'_>>,
) -> Result<Value> {
    match comparator {
        Some(comparator) => {
            let sorted = sort_with(cx, &array, &comparator)?;
            array.replace(sorted);
        }
        None => {
            check_sortable(&array)?;
            sort_checked(array.make_mut());
        }
    }
    Ok(array.to_value())
}

fn array_reverse(mut array: Owned<'_, Array>) -> Result<Value> {
    array.make_mut().reverse();
    Ok(array.to_value())
}

methods! {
    static DICT_TABLE of [Dict];

    /// Removes an entry and returns its value; null when absent.
    ///
    ///     d := {"a": 1}
    ///     print(d.remove("a"), d)   # expect: 1 {}
    fn dict_remove as remove(dict: Owned<'_, Dict>, key: DictKey<'_>) -> "any" [];

    /// Overwrites and adds the entries of another dict; the updated dict.
    ///
    ///     print({"a": 1}.update({"b": 2}))   # expect: {"a": 1, "b": 2}
    fn dict_update as update(dict: Owned<'_, Dict>, other: &Dict) -> "dict" [];

    /// Removes all entries; the updated dict.
    ///
    ///     print({"a": 1}.clear())   # expect: {}
    fn dict_clear as clear(dict: Owned<'_, Dict>) -> "dict" [];
}

fn dict_remove(mut dict: Owned<'_, Dict>, key: DictKey<'_>) -> Result<Value> {
    if !dict.contains(&key) {
        return Ok(Value::NULL);
    }
    Ok(dict.make_mut().remove(&key).unwrap_or_default())
}

fn dict_update(mut dict: Owned<'_, Dict>, other: &Dict) -> Result<Value> {
    extend(dict.make_mut(), other);
    Ok(dict.to_value())
}

fn dict_clear(mut dict: Owned<'_, Dict>) -> Result<Value> {
    dict.replace(Dict::new());
    Ok(dict.to_value())
}

methods! {
    static SET_TABLE of [Set];

    /// Adds an item; the updated set.
    ///
    ///     print(Set([1]).add(2))   # expect: Set{1, 2}
    fn set_add as add | set_add(set: Owned<'_, Set>, item: Value) -> "set" [];

    /// Removes an item if it is there; the updated set.
    ///
    ///     print(Set([1, 2]).remove(1))   # expect: Set{2}
    fn set_remove as remove | set_remove(set: Owned<'_, Set>, item: &Value) -> "set" [];

    /// Removes all items; the updated set.
    ///
    ///     print(Set([1]).clear())   # expect: Set{}
    fn set_clear as clear(set: Owned<'_, Set>) -> "set" [];
}

fn set_add(mut set: Owned<'_, Set>, item: Value) -> Result<Value> {
    sets::add(set.make_mut(), item)?;
    Ok(set.to_value())
}

fn set_remove(mut set: Owned<'_, Set>, item: &Value) -> Result<Value> {
    sets::remove(set.make_mut(), item)?;
    Ok(set.to_value())
}

fn set_clear(mut set: Owned<'_, Set>) -> Result<Value> {
    set.replace(Set::default());
    Ok(set.to_value())
}

methods! {
    static QUEUE_TABLE of [Queue];

    /// Adds an item at the back; the updated queue.
    ///
    ///     print(Queue([1]).enqueue(2))   # expect: Queue[1, 2]
    fn queue_enqueue as enqueue | queue_enqueue(queue: Owned<'_, Queue>, item: Value)
        -> "queue" [];

    /// Removes the front item and returns it; null when empty.
    ///
    ///     print(Queue([1, 2]).dequeue())   # expect: 1
    fn queue_dequeue as dequeue | queue_dequeue(queue: Owned<'_, Queue>) -> "any" [];

    /// Removes all items; the updated queue.
    ///
    ///     print(Queue([1]).clear())   # expect: Queue[]
    fn queue_clear as clear(queue: Owned<'_, Queue>) -> "queue" [];
}

fn queue_enqueue(mut queue: Owned<'_, Queue>, item: Value) -> Result<Value> {
    check_array_len(queue.0.len() + 1)?;
    queue.make_mut().0.push_back(item);
    Ok(queue.to_value())
}

fn queue_dequeue(mut queue: Owned<'_, Queue>) -> Result<Value> {
    if queue.0.is_empty() {
        return Ok(Value::NULL);
    }
    Ok(queue.make_mut().0.pop_front().unwrap_or_default())
}

fn queue_clear(mut queue: Owned<'_, Queue>) -> Result<Value> {
    queue.replace(Queue::default());
    Ok(queue.to_value())
}

methods! {
    static STACK_TABLE of [Stack];

    /// Puts an item on top; the updated stack.
    ///
    ///     print(Stack([1]).push(2))   # expect: Stack[1, 2]
    fn stack_push as push | stack_push(stack: Owned<'_, Stack>, item: Value) -> "stack" [];

    /// Removes the top item and returns it; null when empty.
    ///
    ///     print(Stack([1, 2]).pop())   # expect: 2
    fn stack_pop as pop | stack_pop(stack: Owned<'_, Stack>) -> "any" [];

    /// Removes all items; the updated stack.
    ///
    ///     print(Stack([1]).clear())   # expect: Stack[]
    fn stack_clear as clear(stack: Owned<'_, Stack>) -> "stack" [];
}

fn stack_push(mut stack: Owned<'_, Stack>, item: Value) -> Result<Value> {
    check_array_len(stack.0.len() + 1)?;
    stack.make_mut().0.push(item);
    Ok(stack.to_value())
}

fn stack_pop(mut stack: Owned<'_, Stack>) -> Result<Value> {
    if stack.0.is_empty() {
        return Ok(Value::NULL);
    }
    Ok(stack.make_mut().0.pop().unwrap_or_default())
}

fn stack_clear(mut stack: Owned<'_, Stack>) -> Result<Value> {
    stack.replace(Stack::default());
    Ok(stack.to_value())
}
