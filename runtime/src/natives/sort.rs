//! Sorting: stable, by the order of the language, a comparison function or keys.

use std::cmp::Ordering;

use super::Cx;
use super::args::{Func, IntoValue};
use super::items::Items;
use crate::error::{Error, Kind, Result};
use crate::objects::array::Array;
use crate::semantics::compare::{comparable, sort_order};
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "arrays";

    /// Stable ascending sort of numbers or strings, or by comparator(a, b), which returns a
    /// negative, zero or positive number.
    ///
    ///     print(sort([3, 1.5, 2]))   # expect: [1.5, 2, 3]
    ///     print(sort([1, 3, 2], func(a, b) { return b - a }))   # expect: [3, 2, 1]
    fn sort(items: Items, comparator: Option<Func<'_>>) -> "array" [PureCallback; cx];

    /// Stable ascending sort by key(item), called once per item.
    ///
    ///     print(sort_by(["ccc", "a", "bb"], len))   # expect: [a, bb, ccc]
    fn sort_by(items: Items, key: Func<'_>) -> "array" [PureCallback; cx];
}

fn sort(cx: &mut Cx<'_>, items: Items, comparator: Option<Func<'_>>) -> Result<Value> {
    let mut sorted = items.into_array_value(cx)?;
    if let Some(comparator) = comparator {
        let View::Array(array) = sorted.view() else { return Ok(sorted) };
        return sort_with(cx, array, &comparator)?.into_value();
    }
    if let View::Array(array) = sorted.view() {
        check_sortable(array)?;
    }
    if let Some(array) = sorted.make_mut::<Array>() {
        sort_checked(array);
    }
    Ok(sorted)
}

/// Whether all values go with the first one.
pub(super) fn check_sortable(array: &Array) -> Result<()> {
    let Some(values) = array.values() else {
        // Elements of one unboxed kind: only bools have no order.
        return match array.bools() {
            Some(bools) if bools.len() > 1 => Err(cannot_sort(&Value::TRUE, &Value::TRUE)),
            _ => Ok(()),
        };
    };
    check_values(values)
}

fn check_values(values: &[Value]) -> Result<()> {
    let Some((first, rest)) = values.split_first() else { return Ok(()) };
    match rest.iter().find(|v| !comparable(first, v)) {
        Some(other) => Err(cannot_sort(first, other)),
        None => Ok(()),
    }
}

#[cold]
fn cannot_sort(first: &Value, other: &Value) -> Error {
    let (first, other) = (type_name(first), type_name(other));
    Error::new(Kind::TypeError, format!("Cannot sort values of type {first} and {other}"))
}

/// Sorts elements for which [`check_sortable`] succeeded.
pub(super) fn sort_checked(array: &mut Array) {
    if let Some(ints) = array.ints_mut() {
        ints.sort_unstable();
    } else if let Some(floats) = array.floats_mut() {
        floats.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())));
    } else if let Some(values) = array.values_mut() {
        values.sort_by(sort_order);
    }
}

/// The elements sorted by a comparison function; the array itself stays as it is.
pub(super) fn sort_with(cx: &mut Cx<'_>, array: &Array, comparator: &Func<'_>) -> Result<Array> {
    let items: Vec<Value> = array.iter().collect();
    let order = merge_sort(items.len(), |a, b| {
        let verdict = cx.call(comparator.0, [items[a].clone(), items[b].clone()])?;
        order_of_verdict(cx.name, &verdict)
    })?;
    Ok(permuted(items, &order))
}

/// What a comparator said, for the native of this name.
///
/// # Errors
/// TypeError and ValueError if it is no number, or NaN.
pub fn order_of_verdict(name: &str, verdict: &Value) -> Result<Ordering> {
    match verdict.view() {
        View::Int(v) => Ok(v.cmp(&0)),
        View::Float(v) => v.partial_cmp(&0.0).ok_or_else(|| {
            let what = format!("{name}: result of 'comparator' must not be NaN");
            Error::new(Kind::ValueError, what)
        }),
        _ => {
            let got = type_name(verdict);
            let what = format!("{name}: result of 'comparator' must be number, got {got}");
            Err(Error::new(Kind::TypeError, what))
        }
    }
}

fn permuted(mut items: Vec<Value>, order: &[u32]) -> Array {
    Array::from_values(order.iter().map(|&at| items[at as usize].take()).collect())
}

fn sort_by(cx: &mut Cx<'_>, items: Items, key: Func<'_>) -> Result<Array> {
    let items = items.drain(cx)?;
    let keys: Vec<Value> =
        items.iter().map(|item| cx.call(key.0, [item.clone()])).collect::<Result<_>>()?;
    check_values(&keys)?;
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    order.sort_by(|&a, &b| sort_order(&keys[a as usize], &keys[b as usize]));
    Ok(permuted(items, &order))
}

/// The order of `n` items by a comparison that may fail or contradict itself: stable merge sort
/// from short runs upward.
fn merge_sort(
    n: usize,
    mut compare: impl FnMut(usize, usize) -> Result<Ordering>,
) -> Result<Vec<u32>> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    let mut merged = order.clone();
    let mut width = 1;
    while width < n {
        for start in (0..n).step_by(2 * width) {
            let middle = (start + width).min(n);
            let end = (start + 2 * width).min(n);
            let (mut left, mut right) = (start, middle);
            for slot in &mut merged[start..end] {
                let from_left = right == end
                    || left < middle
                        && compare(order[left] as usize, order[right] as usize)?
                            != Ordering::Greater;
                let next = if from_left { &mut left } else { &mut right };
                *slot = order[*next];
                *next += 1;
            }
        }
        std::mem::swap(&mut order, &mut merged);
        width *= 2;
    }
    Ok(order)
}
