//! Functions that call a function for each item. They return finished values; lazy forms are
//! methods of arrays and iterators.

use std::cmp::Ordering;

use super::Cx;
use super::args::{Func, IntoValue, IterableOrDict, array_value, bad_key, is_callable, pair};
use super::items::Items;
use super::values::order_of;
use crate::error::{Kind, Result};
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::semantics::equal::equal;
use crate::semantics::stages::{flat_items, pull};
use crate::semantics::truthy;
use crate::value::{Value, View};

natives! {
    module "higher_order";

    /// func(item) of every item.
    ///
    ///     print(map([1, 2], func(x) { return x * 10 }))   # expect: [10, 20]
    fn map(items: Items, func: Func<'_>) -> "array" [PureCallback; cx];

    /// The items whose func(item) is truthy.
    ///
    ///     print(filter([0, 1, "", "x"], is_truthy))   # expect: [1, x]
    fn filter(items: Items, func: Func<'_>) -> "array" [PureCallback; cx];

    /// Left fold acc = func(acc, item) from initial.
    ///
    ///     print(reduce([1, 2, 3], 10, func(a, x) { return a + x }))   # expect: 16
    fn reduce(items: Items, initial: Value, func: Func<'_>) -> "any" [PureCallback; cx];

    /// The first item whose func(item) is truthy, or null.
    ///
    ///     print(find([1, 5, 7], func(x) { return x > 3 }))   # expect: 5
    fn find(items: Items, func: Func<'_>) -> "any" [PureCallback; cx];

    /// The position of the first item whose func(item) is truthy, or -1.
    ///
    ///     print(find_index([1, 5, 7], func(x) { return x > 3 }))   # expect: 1
    fn find_index(items: Items, func: Func<'_>) -> "int" [PureCallback; cx];

    /// Whether func(item) is truthy for some item.
    ///
    ///     print(any([1, "a"], is_string), any([], is_int))   # expect: true false
    fn any(items: Items, func: Func<'_>) -> "bool" [PureCallback; cx];

    /// Whether func(item) is truthy for every item.
    ///
    ///     print(all([1, 2], is_int), all([], is_int))   # expect: true true
    fn all(items: Items, func: Func<'_>) -> "bool" [PureCallback; cx];

    /// Calls func(item) for every item in order.
    ///
    ///     each([1, 2], print)   # expect: 1
    ///     # expect: 2
    fn each(items: Items, func: Func<'_>) -> "null" [PureCallback; cx];

    /// The concatenation of func(item).
    ///
    ///     print(flat_map([1, 2], func(x) { return [x, x] }))   # expect: [1, 1, 2, 2]
    fn flat_map(items: Items, func: Func<'_>) -> "array" [PureCallback; cx];

    /// A dict from key func(item) to the array of its items.
    ///
    ///     print(group_by([1, 2, 3], func(x) { return x % 2 }))   # expect: {1: [1, 3], 0: [2]}
    fn group_by(items: Items, func: Func<'_>) -> "dict" [PureCallback; cx];

    /// The items with truthy func(item), and the others.
    ///
    ///     print(partition([1, 2, 3], func(x) { return x > 1 }))   # expect: [[2, 3], [1]]
    fn partition(items: Items, func: Func<'_>) -> "array" [PureCallback; cx];

    /// The first item with the smallest key(item).
    ///
    ///     print(min_by(["aa", "b"], len))   # expect: b
    fn min_by(items: Items, key: Func<'_>) -> "any" [PureCallback; cx];

    /// The first item with the largest key(item).
    ///
    ///     print(max_by(["aa", "b"], len))   # expect: aa
    fn max_by(items: Items, key: Func<'_>) -> "any" [PureCallback; cx];

    /// The number of items: all, those with truthy match(item), or those equal to match; in a
    /// string the occurrences of a text.
    ///
    ///     print(count("banana", "an"), count([1, 2, 1], 1), count({"a": 1}))   # expect: 2 2 1
    fn count(items: IterableOrDict, match_: Option<&Value>) -> "int" [PureCallback; cx];
}

fn map(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<Array> {
    let mut out = items.new_array();
    while let Some(item) = items.next(cx.host)? {
        out.push(cx.call(func.0, [item])?);
    }
    Ok(out)
}

fn filter(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<Array> {
    let mut out = Array::new();
    while let Some(item) = items.next(cx.host)? {
        if truthy(&cx.call(func.0, [item.clone()])?) {
            out.push(item);
        }
    }
    Ok(out)
}

pub(super) fn reduce(
    cx: &mut Cx<'_>,
    mut items: Items,
    initial: Value,
    func: Func<'_>,
) -> Result<Value> {
    let mut acc = initial;
    while let Some(item) = items.next(cx.host)? {
        acc = cx.call(func.0, [acc, item])?;
    }
    Ok(acc)
}

/// The first item that passes the test, with its position.
fn search(cx: &mut Cx<'_>, items: &mut Items, func: &Func<'_>) -> Result<Option<(i64, Value)>> {
    let mut at = 0;
    while let Some(item) = items.next(cx.host)? {
        if truthy(&cx.call(func.0, [item.clone()])?) {
            return Ok(Some((at, item)));
        }
        at += 1;
    }
    Ok(None)
}

pub(super) fn find(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<Value> {
    Ok(search(cx, &mut items, &func)?.map_or(Value::NULL, |(_, item)| item))
}

fn find_index(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<i64> {
    Ok(search(cx, &mut items, &func)?.map_or(-1, |(at, _)| at))
}

pub(super) fn any(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<bool> {
    Ok(search(cx, &mut items, &func)?.is_some())
}

pub(super) fn all(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<bool> {
    while let Some(item) = items.next(cx.host)? {
        if !truthy(&cx.call(func.0, [item])?) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn each(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<()> {
    while let Some(item) = items.next(cx.host)? {
        cx.call(func.0, [item])?;
    }
    Ok(())
}

fn flat_map(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<Array> {
    let mut out = Array::new();
    while let Some(item) = items.next(cx.host)? {
        let result = cx.call(func.0, [item])?;
        if let View::Array(part) = result.view() {
            out.extend(part);
            continue;
        }
        let part = flat_items(result)?;
        while let Some(item) = pull(cx.host, &part)? {
            out.push(item);
        }
    }
    Ok(out)
}

fn group_by(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<Dict> {
    let mut groups = Dict::new();
    while let Some(item) = items.next(cx.host)? {
        let key = cx.call(func.0, [item.clone()])?;
        if !Dict::is_key(&key) {
            return Err(bad_key());
        }
        if let Some(group) = groups.get_mut(&key).and_then(|group| group.make_mut::<Array>()) {
            group.push(item);
        } else {
            groups.insert(key, array_value(vec![item]));
        }
    }
    Ok(groups)
}

fn partition(cx: &mut Cx<'_>, mut items: Items, func: Func<'_>) -> Result<Value> {
    let (mut passed, mut others) = (Array::new(), Array::new());
    while let Some(item) = items.next(cx.host)? {
        let has_passed = truthy(&cx.call(func.0, [item.clone()])?);
        if has_passed { passed.push(item) } else { others.push(item) }
    }
    Ok(pair(passed.into_value()?, others.into_value()?))
}

fn min_by(cx: &mut Cx<'_>, items: Items, key: Func<'_>) -> Result<Value> {
    extreme_by(cx, items, &key, Ordering::Less)
}

fn max_by(cx: &mut Cx<'_>, items: Items, key: Func<'_>) -> Result<Value> {
    extreme_by(cx, items, &key, Ordering::Greater)
}

/// The first item whose key is beyond those of all others; NaN keys only win among themselves.
fn extreme_by(
    cx: &mut Cx<'_>,
    mut items: Items,
    key: &Func<'_>,
    beyond: Ordering,
) -> Result<Value> {
    let mut best: Option<(Value, Value)> = None;
    while let Some(item) = items.next(cx.host)? {
        let rank = cx.call(key.0, [item.clone()])?;
        let wins = match &best {
            None => true,
            Some((_, best)) => is_beyond(cx, &rank, best, beyond)?,
        };
        if wins {
            best = Some((item, rank));
        }
    }
    match best {
        Some((item, _)) => Ok(item),
        None => Err(cx.failure(Kind::ValueError, "argument 'items' must not be empty")),
    }
}

/// Whether `value` replaces `best` as the extreme one; NaN never does and is always replaced.
pub(super) fn is_beyond(
    cx: &Cx<'_>,
    value: &Value,
    best: &Value,
    beyond: Ordering,
) -> Result<bool> {
    let order = order_of(cx, best, value)?.reverse();
    let is_nan = |v: &Value| v.as_float().is_some_and(f64::is_nan);
    Ok(match (is_nan(value), is_nan(best)) {
        (true, _) => false,
        (false, true) => true,
        (false, false) => order == beyond,
    })
}

pub(super) fn count(cx: &mut Cx<'_>, items: IterableOrDict, match_: Option<&Value>) -> Result<i64> {
    match (items.0.view(), match_) {
        (View::Dict(dict), None) => return Ok(dict.len() as i64),
        (View::Dict(_), Some(_)) => {
            return Err(cx.failure(Kind::TypeError, "a dict takes no 'match'"));
        }
        (View::Str(text), Some(part)) if !is_callable(part) => {
            let View::Str(part) = part.view() else {
                return Err(cx.bad_type("match", "string|func", part));
            };
            if part.n_bytes() == 0 {
                return Err(cx.failure(Kind::ValueError, "argument 'match' must not be empty"));
            }
            return Ok(text.as_str().matches(part.as_str()).count() as i64);
        }
        _ => {}
    }
    let mut items = Items::of(items.0);
    let mut n = 0;
    while let Some(item) = items.next(cx.host)? {
        let counts = match match_ {
            None => true,
            Some(test) if is_callable(test) => truthy(&cx.call(test, [item])?),
            Some(wanted) => equal(&item, wanted)?,
        };
        n += i64::from(counts);
    }
    Ok(n)
}
