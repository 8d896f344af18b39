//! Arrays. Function forms return new arrays; a unique argument is changed in place.

use super::Cx;
use super::args::{
    ArrayOrBytes, ArrayOrDict, ArrayValue, Cleared, IntoValue, Number, Owned, Sliced, Whole,
    array_limit, pair,
};
use super::items::Items;
use super::sequences::{clamp_range, position, slice_text};
use crate::error::{Error, Result};
use crate::limits;
use crate::objects::array::{Array, ElemKind};
use crate::objects::bytes::Bytes;
use crate::objects::collections::{Queue, Set, Stack};
use crate::objects::dict::Dict;
use crate::semantics::arith::{check_array_len, check_growth, check_memory, int_overflow};
use crate::semantics::index::{index_out_of_bounds, resolve_index};
use crate::semantics::{BinOp, iterate, sets, type_name};
use crate::value::{Tag, Value, View};

natives! {
    module "arrays";

    /// The array with the item at the end.
    ///
    ///     print(push([1], 2))   # expect: [1, 2]
    fn push as push | append(array: Owned<'_, Array>, item: Value) -> "array" [Pure];

    /// The array without its last element, and that element (null when empty).
    ///
    ///     print(pop([1, 2]))   # expect: [[1], 2]
    fn pop(array: Owned<'_, Array>) -> "array" [Pure];

    /// The item placed before a position; negative positions count from the end.
    ///
    ///     print(insert([1, 2, 3], -1, 9))   # expect: [1, 2, 9, 3]
    fn insert(array: Owned<'_, Array>, index: Whole, item: Value) -> "array" [Pure];

    /// The array without the first equal element; of a dict the pair of the rest and the value.
    ///
    ///     print(remove([1, 2, 2], 2), remove({"a": 1}, "a"))   # expect: [1, 2] [{}, 1]
    fn remove(collection: ArrayOrDict, item: &Value) -> "array" [Pure; cx];

    /// The array without the element at a position, and that element.
    ///
    ///     print(remove_at([1, 2, 3], -1))   # expect: [[1, 2], 3]
    fn remove_at(array: Owned<'_, Array>, index: Whole) -> "array" [Pure];

    /// The empty value of the same type.
    ///
    ///     print(clear([1, 2]))   # expect: []
    fn clear(collection: Cleared<'_>) -> "array|dict|set|queue|stack" [Pure];

    /// The elements in reverse order.
    ///
    ///     print(reverse([1, 2, 3]))   # expect: [3, 2, 1]
    fn reverse(array: Owned<'_, Array>) -> "array" [Pure];

    /// The first of each group of equal items.
    ///
    ///     print(unique([1, 1.0, 2]))   # expect: [1, 2]
    fn unique(items: Items) -> "array" [PureCallback; cx];

    /// The sum of numbers, 0 without items.
    ///
    ///     print(sum([1, 2.5]))   # expect: 3.5
    fn sum(items: Items) -> "int|float" [PureCallback; cx];

    /// The product of numbers, 1 without items.
    ///
    ///     print(product([2, 3]))   # expect: 6
    fn product(items: Items) -> "int|float" [PureCallback; cx];

    /// Consecutive pieces of a size, the last possibly shorter.
    ///
    ///     print(chunk([1, 2, 3], 2))   # expect: [[1, 2], [3]]
    fn chunk(items: Items, size: Whole) -> "array<array>" [PureCallback; cx];

    /// Splices elements that are arrays, to a depth.
    ///
    ///     print(flatten([1, [2, [3]]]))   # expect: [1, 2, [3]]
    fn flatten(array: ArrayValue<'_>, depth: Option<Whole>) -> "array" [Pure; cx];

    /// Pairs of items up to the shorter one.
    ///
    ///     print(zip([1, 2], ["a", "b", "c"]))   # expect: [[1, a], [2, b]]
    fn zip(a: Items, b: Items) -> "array<array>" [PureCallback; cx];

    /// Pairs of a running number and the item.
    ///
    ///     print(enumerate(["x", "y"]))   # expect: [[0, x], [1, y]]
    fn enumerate(items: Items, start: Option<i64>) -> "array<array>" [PureCallback; cx];

    /// The first n items.
    ///
    ///     print(take([1, 2, 3], 2))   # expect: [1, 2]
    fn take(items: Items, n: Whole) -> "array" [PureCallback; cx];

    /// All but the first n items.
    ///
    ///     print(skip([1, 2, 3], 2))   # expect: [3]
    fn skip(items: Items, n: Whole) -> "array" [PureCallback; cx];

    /// The first item or null.
    ///
    ///     print(first([1, 2]), first([]))   # expect: 1 null
    fn first(items: Items) -> "any" [PureCallback; cx];

    /// The last item or null.
    ///
    ///     print(last([1, 2]))   # expect: 2
    fn last(items: Items) -> "any" [PureCallback; cx];

    /// Sliding windows with step 1.
    ///
    ///     print(windows([1, 2, 3], 2))   # expect: [[1, 2], [2, 3]]
    fn windows(items: Items, size: Whole) -> "array<array>" [PureCallback; cx];

    /// The ints from start to stop (excluded) in steps.
    ///
    ///     print(range(3), range(10, 0, -3))   # expect: [0, 1, 2] [10, 7, 4, 1]
    fn range(start_or_stop: Whole, stop: Option<Whole>, step: Option<Whole>)
        -> "array<int>" [Pure];

    /// An array of count copies.
    ///
    ///     print(fill(3, 0))   # expect: [0, 0, 0]
    fn fill(count: Whole, value: &Value) -> "array" [Pure];

    /// The part from start to end (excluded); negative positions count from the end.
    ///
    ///     print(slice([1, 2, 3, 4], -2), slice("hello", 1, -1))   # expect: [3, 4] ell
    fn slice(value: Sliced<'_>, start: Whole, end: Option<Whole>)
        -> "array|string|bytes" [Pure];

    /// The first followed by the second.
    ///
    ///     print(concat([1], [2, 3]))   # expect: [1, 2, 3]
    fn concat(a: ArrayOrBytes, b: ArrayOrBytes) -> "array|bytes" [Pure; cx];
}

pub(super) fn push(mut array: Owned<'_, Array>, item: Value) -> Result<Value> {
    check_array_len(array.len() + 1)?;
    array.make_mut().push(item);
    Ok(array.into_value())
}

fn pop(mut array: Owned<'_, Array>) -> Result<Value> {
    if array.is_empty() {
        return Ok(pair(array.into_value(), Value::NULL));
    }
    let last = array.make_mut().pop().unwrap_or_default();
    Ok(pair(array.into_value(), last))
}

/// The position before which an item goes: -len to len.
pub(super) fn insert_position(index: Whole, len: usize) -> Result<usize> {
    let at = if index.0 < 0 { index.0.saturating_add(len as i64) } else { index.0 };
    match usize::try_from(at) {
        Ok(at) if at <= len => Ok(at),
        _ => Err(index_out_of_bounds(index.0)),
    }
}

fn insert(mut array: Owned<'_, Array>, index: Whole, item: Value) -> Result<Value> {
    let at = insert_position(index, array.len())?;
    check_array_len(array.len() + 1)?;
    array.make_mut().insert(at, item);
    Ok(array.into_value())
}

fn remove(cx: &mut Cx<'_>, collection: ArrayOrDict, item: &Value) -> Result<Value> {
    let mut slot = collection.0;
    if let View::Array(array) = slot.view() {
        let found = position(array, item)?;
        if let (Some(at), Some(array)) = (found, slot.make_mut::<Array>()) {
            array.remove(at);
        }
        return Ok(slot);
    }
    if !Dict::is_key(item) {
        return Err(cx.bad_type("item", "string|int", item));
    }
    let has_key = matches!(slot.view(), View::Dict(dict) if dict.contains(item));
    let removed = match slot.make_mut::<Dict>() {
        Some(dict) if has_key => dict.remove(item).unwrap_or_default(),
        _ => Value::NULL,
    };
    Ok(pair(slot, removed))
}

/// The position of an element that a program counts from the start or, if negative, the end.
pub(super) fn element_position(index: Whole, len: usize) -> Result<usize> {
    resolve_index(index.0, len).ok_or_else(|| index_out_of_bounds(index.0))
}

fn remove_at(mut array: Owned<'_, Array>, index: Whole) -> Result<Value> {
    let at = element_position(index, array.len())?;
    let removed = array.make_mut().remove(at);
    Ok(pair(array.into_value(), removed))
}

fn clear(collection: Cleared<'_>) -> Result<Value> {
    match collection.tag() {
        Tag::Dict => Dict::new().into_value(),
        Tag::Set => Set::default().into_value(),
        Tag::Queue => Queue::default().into_value(),
        Tag::Stack => Stack::default().into_value(),
        _ => Array::new().into_value(),
    }
}

fn reverse(mut array: Owned<'_, Array>) -> Result<Value> {
    array.make_mut().reverse();
    Ok(array.into_value())
}

fn unique(cx: &mut Cx<'_>, mut items: Items) -> Result<Vec<Value>> {
    let mut seen = Set::default();
    while let Some(item) = items.next(cx.host)? {
        sets::add(&mut seen, item)?;
    }
    Ok(seen.members().to_vec())
}

fn checked(op: BinOp, a: i64, b: i64) -> Result<i64> {
    let result = if op == BinOp::Add { a.checked_add(b) } else { a.checked_mul(b) };
    result.ok_or_else(|| int_overflow(op, a, b))
}

fn fold(cx: &mut Cx<'_>, mut items: Items, op: BinOp, start: i64) -> Result<Number> {
    if let Some(ints) = items.as_array().and_then(Array::ints) {
        let result = ints.iter().try_fold(start, |acc, v| checked(op, acc, *v));
        return Ok(Number::Int(result?));
    }
    let mut acc = Number::Int(start);
    let mut i = 0;
    while let Some(item) = items.next(cx.host)? {
        acc = match (acc, item.view()) {
            (Number::Int(a), View::Int(b)) => Number::Int(checked(op, a, b)?),
            (a, View::Int(b)) => Number::Float(apply(op, a.to_f64(), b as f64)),
            (a, View::Float(b)) => Number::Float(apply(op, a.to_f64(), b)),
            _ => return Err(cx.bad_type(&format!("items[{i}]"), "number", &item)),
        };
        i += 1;
    }
    Ok(acc)
}

/// The error of `sum` for an item that is no number.
#[cold]
pub fn not_a_summand(item: &Value, index: i64) -> Error {
    super::args::type_mismatch("iterator.sum", &format!("items[{index}]"), "number", item)
}

fn apply(op: BinOp, a: f64, b: f64) -> f64 {
    if op == BinOp::Add { a + b } else { a * b }
}

pub(super) fn sum(cx: &mut Cx<'_>, items: Items) -> Result<Number> {
    fold(cx, items, BinOp::Add, 0)
}

fn product(cx: &mut Cx<'_>, items: Items) -> Result<Number> {
    fold(cx, items, BinOp::Mul, 1)
}

fn size_of_pieces(cx: &Cx<'_>, size: Whole) -> Result<usize> {
    if size.0 < 1 { Err(cx.bad_value("size", ">= 1", size.0)) } else { Ok(size.0 as usize) }
}

fn chunk(cx: &mut Cx<'_>, mut items: Items, size: Whole) -> Result<Vec<Value>> {
    let size = size_of_pieces(cx, size)?;
    let mut pieces = Vec::new();
    let mut piece = Array::new();
    while let Some(item) = items.next(cx.host)? {
        piece.push(item);
        if piece.len() == size {
            check_growth()?;
            pieces.push(std::mem::take(&mut piece).into_value()?);
        }
    }
    if !piece.is_empty() {
        pieces.push(piece.into_value()?);
    }
    Ok(pieces)
}

fn windows(cx: &mut Cx<'_>, items: Items, size: Whole) -> Result<Vec<Value>> {
    let size = size_of_pieces(cx, size)?;
    let all = Array::from_values(items.drain(cx)?);
    let n = (all.len() + 1).saturating_sub(size);
    (0..n).map(|at| all.slice(at, at + size).into_value()).collect()
}

fn flatten(cx: &mut Cx<'_>, array: ArrayValue<'_>, depth: Option<Whole>) -> Result<Array> {
    let depth = depth.map_or(1, |depth| depth.0);
    if depth < 0 {
        return Err(cx.bad_value("depth", ">= 0", depth));
    }
    let mut out = Array::new();
    // Arrays being spliced, outermost first, with the position to go on from.
    let mut open = vec![(array.0.clone(), 0)];
    while let Some((value, at)) = open.last_mut() {
        let item = match value.view() {
            View::Array(array) => array.get(*at),
            _ => None,
        };
        *at += 1;
        match item {
            None => {
                open.pop();
            }
            Some(item) if item.tag() == Tag::Array && (open.len() as i64) <= depth => {
                open.push((item, 0));
            }
            Some(item) => out.push(item),
        }
    }
    Ok(out)
}

fn zip(cx: &mut Cx<'_>, mut a: Items, mut b: Items) -> Result<Vec<Value>> {
    let mut pairs = Vec::new();
    while let Some(first) = a.next(cx.host)?
        && let Some(second) = b.next(cx.host)?
    {
        pairs.push(pair(first, second));
    }
    Ok(pairs)
}

fn enumerate(cx: &mut Cx<'_>, mut items: Items, start: Option<i64>) -> Result<Vec<Value>> {
    let mut number = start.unwrap_or(0);
    let mut pairs = Vec::with_capacity(items.size_hint());
    while let Some(item) = items.next(cx.host)? {
        pairs.push(pair(Value::int(number), item));
        number = number.wrapping_add(1);
    }
    Ok(pairs)
}

fn take(cx: &mut Cx<'_>, mut items: Items, n: Whole) -> Result<Array> {
    let n = usize::try_from(n.0).unwrap_or(0);
    if let Some(array) = items.as_array() {
        return Ok(array.slice(0, n.min(array.len())));
    }
    let mut out = Array::new();
    while out.len() < n
        && let Some(item) = items.next(cx.host)?
    {
        out.push(item);
    }
    Ok(out)
}

fn skip(cx: &mut Cx<'_>, mut items: Items, n: Whole) -> Result<Array> {
    let n = usize::try_from(n.0).unwrap_or(0);
    if let Some(array) = items.as_array() {
        return Ok(array.slice(n.min(array.len()), array.len()));
    }
    let mut out = Array::new();
    let mut at = 0;
    while let Some(item) = items.next(cx.host)? {
        if at >= n {
            out.push(item);
        }
        at += 1;
    }
    Ok(out)
}

fn first(cx: &mut Cx<'_>, mut items: Items) -> Result<Value> {
    Ok(items.next(cx.host)?.unwrap_or_default())
}

fn last(cx: &mut Cx<'_>, mut items: Items) -> Result<Value> {
    if let Some(array) = items.as_array() {
        return Ok(array.len().checked_sub(1).and_then(|at| array.get(at)).unwrap_or_default());
    }
    let mut last = Value::NULL;
    while let Some(item) = items.next(cx.host)? {
        last = item;
    }
    Ok(last)
}

fn range(start_or_stop: Whole, stop: Option<Whole>, step: Option<Whole>) -> Result<Array> {
    let or_null = |w: Option<Whole>| w.map_or(Value::NULL, |w| Value::int(w.0));
    let args = [Value::int(start_or_stop.0), or_null(stop), or_null(step)];
    let (start, stop, step) = iterate::range_bounds(&args)?;
    check_memory(iterate::range_len(start, stop, step) as usize * size_of::<Value>())?;
    let mut ints = Vec::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        ints.push(at);
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    Ok(Array::from_ints(&ints))
}

fn fill(count: Whole, value: &Value) -> Result<Value> {
    let count = usize::try_from(count.0).unwrap_or(0);
    if count > limits::COLLECTION_LEN {
        return Err(array_limit());
    }
    let kind = ElemKind::of(value);
    check_memory(count * kind.size())?;
    let mut array = Array::with_capacity(kind, count);
    for _ in 0..count {
        array.push(value.clone());
    }
    array.into_value()
}

fn slice(value: Sliced<'_>, start: Whole, end: Option<Whole>) -> Result<Value> {
    match value.view() {
        View::Str(text) => Ok(Value::str(slice_text(text, start, end))),
        View::Bytes(bytes) => {
            let (from, to) = clamp_range(start, end, bytes.0.len());
            Bytes(bytes.0[from..to].into()).into_value()
        }
        View::Array(array) => {
            let (from, to) = clamp_range(start, end, array.len());
            array.slice(from, to).into_value()
        }
        _ => Ok(value.0.clone()),
    }
}

fn concat(cx: &mut Cx<'_>, a: ArrayOrBytes, b: ArrayOrBytes) -> Result<Value> {
    let (mut first, second) = (a.0, b.0);
    if let View::Array(more) = second.view()
        && let Some(array) = first.make_mut::<Array>()
    {
        check_array_len(array.len() + more.len())?;
        array.extend(more);
        return Ok(first);
    }
    match (first.view(), second.view()) {
        (View::Bytes(a), View::Bytes(b)) => {
            Bytes([&a.0[..], &b.0[..]].concat().into()).into_value()
        }
        _ => Err(cx.bad_type("b", type_name(&first), &second)),
    }
}
