//! Values as such: errors, results and options, comparison, copies, references.

use std::cmp::Ordering;

use super::Cx;
use super::args::{IntoValue, OptionArg, ResultArg, ResultOrOption};
use crate::error::{Error, Kind, Result};
use crate::limits;
use crate::objects::array::Array;
use crate::objects::cell::CellBody;
use crate::objects::collections::{Queue, Stack};
use crate::objects::dict::Dict;
use crate::objects::structs::Struct;
use crate::semantics::compare::{comparable, sort_order};
use crate::semantics::display::display;
use crate::semantics::equal::{equal, hash as hash_of};
use crate::semantics::error_value::from_thrown;
use crate::semantics::{literal, sets, type_name};
use crate::value::{Tag, Value, View, Wrapper};

natives! {
    module "types";

    /// Raises a ThrownError: a string is its message, an Error value is rethrown, a struct or
    /// dict gives message, cause and further fields.
    ///
    ///     print(assert_throws(func() { throw("no") }).message)   # expect: no
    fn throw(value: Option<Value>) -> "never" [Other];

    /// Raises an error with the display form of the message and the given kind.
    ///
    ///     print(assert_throws(func() { error("no", "MyError") }).kind)   # expect: MyError
    fn error(message: &Value, kind: Option<&str>) -> "never" [Other];

    /// Whether a result is Ok(..).
    ///
    ///     print(is_ok(Ok(1)))   # expect: true
    fn is_ok(value: ResultArg<'_>) -> "bool" [Pure];

    /// Whether a result is Err(..).
    ///
    ///     print(is_err(Ok(1)))   # expect: false
    fn is_err(value: ResultArg<'_>) -> "bool" [Pure];

    /// Whether an option is Some(..).
    ///
    ///     print(is_some(Some(1)))   # expect: true
    fn is_some(value: OptionArg<'_>) -> "bool" [Pure];

    /// Whether an option is None.
    ///
    ///     print(is_none(Some(1)))   # expect: false
    fn is_none(value: OptionArg<'_>) -> "bool" [Pure];

    /// The payload of Ok or Some; throws the payload of Err.
    ///
    ///     print(unwrap(Some(3)))   # expect: 3
    fn unwrap(value: ResultOrOption<'_>) -> "any" [Pure; cx];

    /// The payload of Ok or Some, otherwise the default.
    ///
    ///     print(unwrap_or(Err("x"), 7))   # expect: 7
    fn unwrap_or(value: ResultOrOption<'_>, default: Value) -> "any" [Pure];

    /// The payload of Err.
    ///
    ///     print(unwrap_err(Err("x")))   # expect: x
    fn unwrap_err(value: ResultArg<'_>) -> "any" [Pure; cx];

    /// Whether the values are equal by content.
    ///
    ///     print(deep_equal([1, {"a": 2.0}], [1.0, {"a": 2}]))   # expect: true
    fn deep_equal(a: &Value, b: &Value) -> "bool" [Pure];

    /// -1, 0 or 1 by the order of numbers or strings.
    ///
    ///     print(compare("a", "b"), compare(2, 1.5))   # expect: -1 1
    fn compare(a: &Value, b: &Value) -> "int" [Pure; cx];

    /// An independent deep copy.
    ///
    ///     print(copy([1, [2]]))   # expect: [1, [2]]
    fn copy(value: &Value) -> "any" [Pure];

    /// A hash of plain data; equal values have equal hashes.
    ///
    ///     print(hash([1]) == hash([1.0]))   # expect: true
    fn hash(value: &Value) -> "int" [Pure; cx];

    /// A new shared mutable cell.
    ///
    ///     r := ref(1)
    ///     r.set(2)
    ///     print(r, r.get())   # expect: <ref 2> 2
    fn make_ref as ref(value: Value) -> "ref" [Other];
}

fn throw(value: Option<Value>) -> Result<Value> {
    Err(from_thrown(value))
}

fn error(message: &Value, kind: Option<&str>) -> Result<Value> {
    let message = display(message)?;
    let kind = kind.filter(|kind| !kind.is_empty()).unwrap_or(Kind::ThrownError.name());
    Err(Error::with_kind(kind.to_owned().into(), message))
}

fn is_ok(value: ResultArg<'_>) -> Result<bool> {
    Ok(value.tag() == Tag::Ok)
}

fn is_err(value: ResultArg<'_>) -> Result<bool> {
    Ok(value.tag() == Tag::Err)
}

fn is_some(value: OptionArg<'_>) -> Result<bool> {
    Ok(value.tag() == Tag::Some)
}

fn is_none(value: OptionArg<'_>) -> Result<bool> {
    Ok(value.tag() == Tag::None)
}

fn unwrap(cx: &mut Cx<'_>, value: ResultOrOption<'_>) -> Result<Value> {
    match value.view() {
        View::Ok(payload) | View::Some(payload) => Ok(payload.clone()),
        View::Err(payload) => Err(from_thrown(Some(payload.clone()))),
        _ => Err(cx.failure(Kind::ValueError, "value is None")),
    }
}

fn unwrap_or(value: ResultOrOption<'_>, default: Value) -> Result<Value> {
    match value.view() {
        View::Ok(payload) | View::Some(payload) => Ok(payload.clone()),
        _ => Ok(default),
    }
}

fn unwrap_err(cx: &mut Cx<'_>, value: ResultArg<'_>) -> Result<Value> {
    match value.view() {
        View::Err(payload) => Ok(payload.clone()),
        _ => Err(cx.failure(Kind::ValueError, "value is Ok")),
    }
}

fn deep_equal(a: &Value, b: &Value) -> Result<bool> {
    equal(a, b)
}

fn compare(cx: &mut Cx<'_>, a: &Value, b: &Value) -> Result<i64> {
    Ok(order_of(cx, a, b)? as i64)
}

/// The order of two values that must be orderable.
pub(super) fn order_of(cx: &Cx<'_>, a: &Value, b: &Value) -> Result<Ordering> {
    if !comparable(a, b) {
        let (a, b) = (type_name(a), type_name(b));
        return Err(cx.failure(Kind::TypeError, format!("cannot compare {a} with {b}")));
    }
    Ok(sort_order(a, b))
}

fn copy(value: &Value) -> Result<Value> {
    deep_copy(value, limits::VALUE_DEPTH)
}

/// Containers are copied when they are changed, so only what leads to a `ref` is copied here.
fn deep_copy(value: &Value, depth: u32) -> Result<Value> {
    let Some(depth) = depth.checked_sub(1) else { return Err(too_deep()) };
    let all = |items: &[Value]| -> Result<Vec<Value>> {
        items.iter().map(|v| deep_copy(v, depth)).collect()
    };
    Ok(match value.view() {
        View::Ref(cell) => CellBody::make_ref(deep_copy(&cell.get(), depth)?),
        View::Array(array) => match array.values() {
            Some(values) => Array::from_values(all(values)?).into_value()?,
            None => value.clone(),
        },
        View::Dict(dict) => {
            let mut out = Dict::with_capacity(dict.len());
            for (key, content) in dict.iter() {
                out.insert(key.clone(), deep_copy(content, depth)?);
            }
            out.into_value()?
        }
        View::Struct(instance) => {
            let mut fields = all(instance.fields())?;
            Struct::make(instance.shape(), |slot| fields[slot].take())
        }
        View::Tagged(tagged) => literal::make_variant(tagged.variant(), all(tagged.payload())?),
        View::Ok(payload) => Wrapper::Ok.wrap(deep_copy(payload, depth)?),
        View::Err(payload) => Wrapper::Err.wrap(deep_copy(payload, depth)?),
        View::Some(payload) => Wrapper::Some.wrap(deep_copy(payload, depth)?),
        View::Set(set) => sets::from_iter(all(set.members())?)?.into_value()?,
        View::Queue(queue) => {
            let items: Result<_> = queue.0.iter().map(|v| deep_copy(v, depth)).collect();
            Queue(items?).into_value()?
        }
        View::Stack(stack) => {
            let items: Result<_> = stack.0.iter().map(|v| deep_copy(&v, depth)).collect();
            Stack(Array::from_values(items?)).into_value()?
        }
        _ => value.clone(),
    })
}

#[cold]
pub(super) fn too_deep() -> Error {
    Error::new(Kind::RecursionError, "Value nested too deeply")
}

fn hash(cx: &mut Cx<'_>, value: &Value) -> Result<i64> {
    let mut pending = vec![value.clone()];
    while let Some(value) = pending.pop() {
        match value.view() {
            View::Null
            | View::Bool(_)
            | View::Int(_)
            | View::Float(_)
            | View::None
            | View::Str(_)
            | View::Bytes(_) => {}
            View::Array(array) => pending.extend(array.values().unwrap_or(&[]).iter().cloned()),
            View::Dict(dict) => pending.extend(dict.iter().map(|(_, v)| v.clone())),
            View::Struct(instance) => pending.extend(instance.fields().iter().cloned()),
            View::Tagged(tagged) => pending.extend(tagged.payload().iter().cloned()),
            View::Ok(v) | View::Err(v) | View::Some(v) => pending.push(v.clone()),
            View::Set(set) => pending.extend(set.members().iter().cloned()),
            View::Queue(queue) => pending.extend(queue.0.iter().cloned()),
            View::Stack(stack) => pending.extend(stack.0.iter()),
            _ => {
                let got = type_name(&value);
                return Err(cx.failure(Kind::TypeError, format!("cannot hash {got}")));
            }
        }
    }
    Ok(hash_of(value)? as i64)
}

fn make_ref(value: Value) -> Result<Value> {
    Ok(CellBody::make_ref(value))
}
