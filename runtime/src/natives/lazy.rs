//! Methods of arrays and iterators: lazy stages and what ends them.

use super::Cx;
use super::args::{Func, IterableOrDict, Lazy, Number, Whole};
use super::items::Items;
use super::{arrays, higher_order, types};
use crate::error::Result;
use crate::objects::collections::Set;
use crate::objects::dict::Dict;
use crate::objects::iterator::Stage;
use crate::semantics::sets;
use crate::semantics::stages::{add_stage, make_iterator, pull};
use crate::value::{Value, Wrapper};

methods! {
    static TABLE of [Array, Iterator, Generator];

    /// An iterator over func(item).
    ///
    ///     print([1, 2].map(func(x) { return x + 1 }).collect())   # expect: [2, 3]
    fn map(source: Lazy<'_>, func: Func<'_>) -> "iterator" [];

    /// An iterator over the items with truthy func(item).
    ///
    ///     print([0, 1].filter(is_truthy).collect())   # expect: [1]
    fn filter(source: Lazy<'_>, func: Func<'_>) -> "iterator" [];

    /// An iterator over at most n items.
    ///
    ///     print([1, 2, 3].take(2).collect())   # expect: [1, 2]
    fn take(source: Lazy<'_>, n: Whole) -> "iterator" [];

    /// An iterator without the first n items.
    ///
    ///     print([1, 2, 3].skip(2).collect())   # expect: [3]
    fn skip(source: Lazy<'_>, n: Whole) -> "iterator" [];

    /// An iterator over the items before the first with falsy func(item).
    ///
    ///     print([1, 2, 0, 3].take_while(is_truthy).collect())   # expect: [1, 2]
    fn take_while(source: Lazy<'_>, func: Func<'_>) -> "iterator" [];

    /// An iterator over the items from the first with falsy func(item) on.
    ///
    ///     print([1, 2, 0, 3].skip_while(is_truthy).collect())   # expect: [0, 3]
    fn skip_while(source: Lazy<'_>, func: Func<'_>) -> "iterator" [];

    /// An iterator over the first item and every n-th after it.
    ///
    ///     print([1, 2, 3, 4].step_by(2).collect())   # expect: [1, 3]
    fn step_by(source: Lazy<'_>, n: Whole) -> "iterator" [cx];

    /// An iterator over pairs up to the shorter source.
    ///
    ///     print([1, 2].zip("ab").collect())   # expect: [[1, a], [2, b]]
    fn zip(source: Lazy<'_>, other: super::args::Iterable) -> "iterator" [];

    /// An iterator over pairs of a running number and the item.
    ///
    ///     print(["a"].enumerate(5).collect())   # expect: [[5, a]]
    fn enumerate(source: Lazy<'_>, start: Option<i64>) -> "iterator" [];

    /// An iterator over the own items, then those of the other.
    ///
    ///     print([1].chain([2]).collect())   # expect: [1, 2]
    fn chain(source: Lazy<'_>, other: super::args::Iterable) -> "iterator" [];

    /// An iterator over the items of func(item).
    ///
    ///     print([1, 2].flat_map(func(x) { return [x, x] }).collect())   # expect: [1, 1, 2, 2]
    fn flat_map(source: Lazy<'_>, func: Func<'_>) -> "iterator" [];

    /// All remaining items.
    ///
    ///     print(iter("ab").collect())   # expect: [a, b]
    fn collect(source: Lazy<'_>) -> "array" [cx];

    /// Left fold, as the function.
    ///
    ///     print([1, 2].reduce(0, func(a, x) { return a + x }))   # expect: 3
    fn reduce(source: Lazy<'_>, initial: Value, func: Func<'_>) -> "any" [cx];

    /// The sum, as the function.
    ///
    ///     print([1, 2].sum())   # expect: 3
    fn sum(source: Lazy<'_>) -> "int|float" [cx];

    /// The number of items, as the function.
    ///
    ///     print([1, 2, 1].count(1))   # expect: 2
    fn count(source: Lazy<'_>, match_: Option<&Value>) -> "int" [cx];

    /// Whether func(item) is truthy for some item.
    ///
    ///     print([1, "a"].any(is_string))   # expect: true
    fn any(source: Lazy<'_>, func: Func<'_>) -> "bool" [cx];

    /// Whether func(item) is truthy for every item.
    ///
    ///     print([1, "a"].all(is_string))   # expect: false
    fn all(source: Lazy<'_>, func: Func<'_>) -> "bool" [cx];

    /// The first item whose func(item) is truthy, or null.
    ///
    ///     print([1, "a"].find(is_string))   # expect: a
    fn find(source: Lazy<'_>, func: Func<'_>) -> "any" [cx];

    /// Calls func(item) for every item.
    ///
    ///     [1].for_each(print)   # expect: 1
    fn for_each(source: Lazy<'_>, func: Func<'_>) -> "null" [cx];

    /// A dict from pairs [key, value].
    ///
    ///     print(["a", "b"].enumerate().to_dict())   # expect: {0: a, 1: b}
    fn to_dict(source: Lazy<'_>) -> "dict" [cx];

    /// The set of the items.
    ///
    ///     print([1, 1, 2].to_set())   # expect: Set{1, 2}
    fn to_set(source: Lazy<'_>) -> "set" [cx];
}

methods! {
    static ITERATOR_TABLE of [Iterator, Generator];

    /// Some(item) and advances, or None at the end.
    ///
    ///     it := iter([5])
    ///     print(it.next(), it.next())   # expect: Some(5) None
    fn next(source: &Value) -> "option" [cx];
}

fn map(source: Lazy<'_>, func: Func<'_>) -> Result<Value> {
    Ok(add_stage(&source, Stage::Map(func.0.clone())))
}

fn filter(source: Lazy<'_>, func: Func<'_>) -> Result<Value> {
    Ok(add_stage(&source, Stage::Filter(func.0.clone())))
}

fn take(source: Lazy<'_>, n: Whole) -> Result<Value> {
    Ok(add_stage(&source, Stage::Take { left: n.0.max(0) as u64 }))
}

fn skip(source: Lazy<'_>, n: Whole) -> Result<Value> {
    Ok(add_stage(&source, Stage::Skip { left: n.0.max(0) as u64 }))
}

fn take_while(source: Lazy<'_>, func: Func<'_>) -> Result<Value> {
    Ok(add_stage(&source, Stage::TakeWhile { func: func.0.clone(), has_ended: false }))
}

fn skip_while(source: Lazy<'_>, func: Func<'_>) -> Result<Value> {
    Ok(add_stage(&source, Stage::SkipWhile { func: func.0.clone(), has_begun: false }))
}

fn step_by(cx: &mut Cx<'_>, source: Lazy<'_>, n: Whole) -> Result<Value> {
    if n.0 < 1 {
        return Err(cx.bad_value("n", ">= 1", n.0));
    }
    Ok(add_stage(&source, Stage::StepBy { step: n.0 as u64, wait: 0 }))
}

fn zip(source: Lazy<'_>, other: super::args::Iterable) -> Result<Value> {
    Ok(add_stage(&source, Stage::Zip { other: make_iterator(other.0) }))
}

fn enumerate(source: Lazy<'_>, start: Option<i64>) -> Result<Value> {
    Ok(add_stage(&source, Stage::Enumerate { next: start.unwrap_or(0) }))
}

fn chain(source: Lazy<'_>, other: super::args::Iterable) -> Result<Value> {
    let other = make_iterator(other.0);
    Ok(add_stage(&source, Stage::Chain { other, is_on_other: false }))
}

fn flat_map(source: Lazy<'_>, func: Func<'_>) -> Result<Value> {
    Ok(add_stage(&source, Stage::FlatMap { func: func.0.clone(), inner: None }))
}

fn collect(cx: &mut Cx<'_>, source: Lazy<'_>) -> Result<Value> {
    Items::of(source.0.clone()).into_array_value(cx)
}

fn reduce(cx: &mut Cx<'_>, source: Lazy<'_>, initial: Value, func: Func<'_>) -> Result<Value> {
    higher_order::reduce(cx, Items::of(source.0.clone()), initial, func)
}

fn sum(cx: &mut Cx<'_>, source: Lazy<'_>) -> Result<Number> {
    arrays::sum(cx, Items::of(source.0.clone()))
}

fn count(cx: &mut Cx<'_>, source: Lazy<'_>, match_: Option<&Value>) -> Result<i64> {
    higher_order::count(cx, IterableOrDict(source.0.clone()), match_)
}

fn any(cx: &mut Cx<'_>, source: Lazy<'_>, func: Func<'_>) -> Result<bool> {
    higher_order::any(cx, Items::of(source.0.clone()), func)
}

fn all(cx: &mut Cx<'_>, source: Lazy<'_>, func: Func<'_>) -> Result<bool> {
    higher_order::all(cx, Items::of(source.0.clone()), func)
}

fn find(cx: &mut Cx<'_>, source: Lazy<'_>, func: Func<'_>) -> Result<Value> {
    higher_order::find(cx, Items::of(source.0.clone()), func)
}

fn for_each(cx: &mut Cx<'_>, source: Lazy<'_>, func: Func<'_>) -> Result<()> {
    higher_order::each(cx, Items::of(source.0.clone()), func)
}

fn to_dict(cx: &mut Cx<'_>, source: Lazy<'_>) -> Result<Dict> {
    types::to_dict(cx, Items::of(source.0.clone()))
}

fn to_set(cx: &mut Cx<'_>, source: Lazy<'_>) -> Result<Set> {
    let mut items = Items::of(source.0.clone());
    let mut set = Set::default();
    while let Some(item) = items.next(cx.host)? {
        sets::add(&mut set, item)?;
    }
    Ok(set)
}

fn next(cx: &mut Cx<'_>, source: &Value) -> Result<Value> {
    Ok(pull(cx.host, source)?.map_or(Value::NONE, |item| Wrapper::Some.wrap(item)))
}
