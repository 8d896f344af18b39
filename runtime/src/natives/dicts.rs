//! Dicts. Function forms return new dicts; a unique argument is changed in place.

use super::Cx;
use super::args::{DictKey, DictOrArray, Func, IntoValue, Owned, array_value, bad_key, pair};
use super::items::Items;
use crate::error::Result;
use crate::objects::dict::Dict;
use crate::semantics::convert::whole;
use crate::semantics::index::resolve_index;
use crate::semantics::truthy;
use crate::value::{Value, View};

natives! {
    module "dicts";

    /// The keys in order.
    ///
    ///     print(keys({"b": 1, "a": 2}))   # expect: [b, a]
    fn keys(dict: &Dict) -> "array" [Pure];

    /// The values in order.
    ///
    ///     print(values({"b": 1, "a": 2}))   # expect: [1, 2]
    fn values(dict: &Dict) -> "array" [Pure];

    /// The pairs [key, value] in order.
    ///
    ///     print(items({"x": 1}))   # expect: [[x, 1]]
    fn items as items | entries(dict: &Dict) -> "array<array>" [Pure];

    /// Whether the key exists.
    ///
    ///     print(has_key({"a": null}, "a"))   # expect: true
    fn has_key(dict: &Dict, key: DictKey<'_>) -> "bool" [Pure];

    /// The value of a key or the element at a position; the default when absent.
    ///
    ///     print(get([1, 2], -1), get({"a": 1}, "z", 0))   # expect: 2 0
    fn get(collection: DictOrArray<'_>, key: &Value, default: Option<Value>)
        -> "any" [Pure; cx];

    /// The value of a key or the default.
    ///
    ///     print(get_default({"a": 1}, "z", 7))   # expect: 7
    fn get_default(dict: &Dict, key: DictKey<'_>, default: Value) -> "any" [Pure];

    /// The first dict overwritten and extended by the second.
    ///
    ///     print(merge({"a": 1, "b": 2}, {"a": 9}))   # expect: {"a": 9, "b": 2}
    fn merge as merge | update(a: Owned<'_, Dict>, b: &Dict) -> "dict" [Pure];

    /// Values become keys and keys values.
    ///
    ///     print(invert({"a": 1}))   # expect: {1: a}
    fn invert(dict: &Dict) -> "dict" [Pure];

    /// The same keys with func(value).
    ///
    ///     print(map_values({"a": 1}, to_float))   # expect: {"a": 1}
    fn map_values(dict: &Dict, func: Func<'_>) -> "dict" [PureCallback; cx];

    /// The entries whose func(key, value) is truthy.
    ///
    ///     print(filter_dict({"a": 1, "b": 0}, func(k, v) { return v }))   # expect: {"a": 1}
    fn filter_dict(dict: &Dict, func: Func<'_>) -> "dict" [PureCallback; cx];

    /// The entries with the given keys that exist.
    ///
    ///     print(pick({"a": 1, "b": 2}, ["b", "z"]))   # expect: {"b": 2}
    fn pick(dict: &Dict, keys: Items) -> "dict" [PureCallback; cx];

    /// The entries without the given keys.
    ///
    ///     print(omit({"a": 1, "b": 2}, ["b"]))   # expect: {"a": 1}
    fn omit(dict: Owned<'_, Dict>, keys: Items) -> "dict" [PureCallback; cx];
}

fn keys(dict: &Dict) -> Result<Vec<Value>> {
    Ok(dict.iter().map(|(key, _)| key.clone()).collect())
}

fn values(dict: &Dict) -> Result<Vec<Value>> {
    Ok(dict.iter().map(|(_, value)| value.clone()).collect())
}

/// The entries as pairs [key, value].
pub(super) fn pairs(dict: &Dict) -> Vec<Value> {
    dict.iter().map(|(key, value)| pair(key.clone(), value.clone())).collect()
}

fn items(dict: &Dict) -> Result<Value> {
    Ok(array_value(pairs(dict)))
}

fn has_key(dict: &Dict, key: DictKey<'_>) -> Result<bool> {
    Ok(dict.contains(&key))
}

fn get(
    cx: &mut Cx<'_>,
    collection: DictOrArray<'_>,
    key: &Value,
    default: Option<Value>,
) -> Result<Value> {
    let found = match collection.view() {
        View::Array(array) => {
            let Some(at) = whole(key) else { return Err(cx.bad_type("key", "whole", key)) };
            resolve_index(at, array.len()).and_then(|at| array.get(at))
        }
        View::Dict(dict) if Dict::is_key(key) => dict.get(key).cloned(),
        _ => return Err(cx.bad_type("key", "string|int", key)),
    };
    Ok(found.or(default).unwrap_or_default())
}

fn get_default(dict: &Dict, key: DictKey<'_>, default: Value) -> Result<Value> {
    Ok(dict.get(&key).cloned().unwrap_or(default))
}

fn merge(mut a: Owned<'_, Dict>, b: &Dict) -> Result<Value> {
    extend(a.make_mut(), b);
    Ok(a.into_value())
}

/// Overwrites and adds the entries of another dict.
pub(super) fn extend(dict: &mut Dict, more: &Dict) {
    for (key, value) in more.iter() {
        dict.insert(key.clone(), value.clone());
    }
}

fn invert(dict: &Dict) -> Result<Dict> {
    let mut out = Dict::with_capacity(dict.len());
    for (key, value) in dict.iter() {
        if !Dict::is_key(value) {
            return Err(bad_key());
        }
        out.insert(value.clone(), key.clone());
    }
    Ok(out)
}

fn map_values(cx: &mut Cx<'_>, dict: &Dict, func: Func<'_>) -> Result<Dict> {
    let mut out = Dict::with_capacity(dict.len());
    for (key, value) in dict.iter() {
        out.insert(key.clone(), cx.call(func.0, [value.clone()])?);
    }
    Ok(out)
}

fn filter_dict(cx: &mut Cx<'_>, dict: &Dict, func: Func<'_>) -> Result<Dict> {
    let mut out = Dict::new();
    for (key, value) in dict.iter() {
        if truthy(&cx.call(func.0, [key.clone(), value.clone()])?) {
            out.insert(key.clone(), value.clone());
        }
    }
    Ok(out)
}

fn pick(cx: &mut Cx<'_>, dict: &Dict, mut keys: Items) -> Result<Dict> {
    let mut out = Dict::new();
    while let Some(key) = keys.next(cx.host)? {
        if !Dict::is_key(&key) {
            return Err(bad_key());
        }
        if let Some(value) = dict.get(&key) {
            out.insert(key, value.clone());
        }
    }
    Ok(out)
}

fn omit(cx: &mut Cx<'_>, mut dict: Owned<'_, Dict>, mut keys: Items) -> Result<Value> {
    while let Some(key) = keys.next(cx.host)? {
        if !Dict::is_key(&key) {
            return Err(bad_key());
        }
        dict.make_mut().remove(&key);
    }
    dict.into_value().into_value()
}
