//! Functions for several kinds of sequences: length, search, parts.

use super::Cx;
use super::args::{Fit, FromArg, Measured, Searched, StrOrArray, Whole};
use crate::error::Result;
use crate::objects::array::Array;
use crate::objects::string::Str;
use crate::semantics::equal::equal;
use crate::semantics::sets;
use crate::value::{Value, View};

natives! {
    module "strings";

    /// Number of characters, elements, entries or bytes.
    ///
    ///     print(len("héllo"), len([1, 2]), len({"a": 1}))   # expect: 5 2 1
    fn len(value: Measured<'_>) -> "int" [Pure];

    /// Whether the length is 0.
    ///
    ///     print(is_empty(""), is_empty([1]))   # expect: true false
    fn is_empty(value: Measured<'_>) -> "bool" [Pure];

    /// Whether a text occurs in a string, a key in a dict, an equal element elsewhere.
    ///
    ///     print(contains("abc", "b"), contains([1, 2], 3))   # expect: true false
    fn contains(collection: Searched<'_>, item: &Value) -> "bool" [Pure; cx];

    /// First position of a text or of an equal element; -1 when absent.
    ///
    ///     print(index_of("héllo", "l"), index_of([1, 2], 5))   # expect: 2 -1
    fn index_of(collection: StrOrArray<'_>, item: &Value) -> "int" [Pure; cx];

    /// Last position of a text or of an equal element; -1 when absent.
    ///
    ///     print(last_index_of("banana", "an"))   # expect: 3
    fn last_index_of(collection: StrOrArray<'_>, item: &Value) -> "int" [Pure; cx];
}

/// What `len` gives for a value; `None` if it has no length.
pub fn measured(value: &Value) -> Option<usize> {
    matches!(Measured::fit(value), Fit::Good).then(|| length(value))
}

/// The number of items of a value that has one.
pub(super) fn length(value: &Value) -> usize {
    match value.view() {
        View::Str(text) => text.n_chars(),
        View::Array(array) => array.len(),
        View::Dict(dict) => dict.len(),
        View::Bytes(bytes) => bytes.0.len(),
        View::Set(set) => set.len(),
        View::Queue(queue) => queue.0.len(),
        View::Stack(stack) => stack.0.len(),
        _ => 0,
    }
}

fn len(value: Measured<'_>) -> Result<i64> {
    Ok(length(&value) as i64)
}

fn is_empty(value: Measured<'_>) -> Result<bool> {
    Ok(match value.view() {
        View::Str(text) => text.n_bytes() == 0,
        _ => length(&value) == 0,
    })
}

fn contains(cx: &mut Cx<'_>, collection: Searched<'_>, item: &Value) -> Result<bool> {
    contains_item(cx, &collection, item)
}

/// The test of `contains`.
pub(super) fn contains_item(cx: &Cx<'_>, collection: &Value, item: &Value) -> Result<bool> {
    match collection.view() {
        View::Str(text) => Ok(text.as_str().contains(text_item(cx, item)?)),
        View::Array(array) => Ok(position(array, item)?.is_some()),
        View::Dict(dict) => match item.view() {
            View::Str(_) | View::Int(_) => Ok(dict.contains(item)),
            _ => Err(cx.bad_type("item", "string|int", item)),
        },
        View::Set(set) => sets::contains(set, item),
        View::Stack(stack) => Ok(position(&stack.0, item)?.is_some()),
        View::Queue(queue) => {
            for member in &queue.0 {
                if equal(member, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        View::Bytes(bytes) => match item.view() {
            View::Int(v) => Ok(u8::try_from(v).is_ok_and(|byte| bytes.0.contains(&byte))),
            View::Bytes(run) => Ok(contains_run(&bytes.0, &run.0)),
            _ => Err(cx.bad_type("item", "int|bytes", item)),
        },
        _ => Ok(false),
    }
}

fn contains_run(bytes: &[u8], run: &[u8]) -> bool {
    run.is_empty() || bytes.windows(run.len()).any(|window| window == run)
}

fn text_item<'a>(cx: &Cx<'_>, item: &'a Value) -> Result<&'a str> {
    match item.view() {
        View::Str(text) => Ok(text.as_str()),
        _ => Err(cx.bad_type("item", "string", item)),
    }
}

/// The position of the first element equal to `item`.
pub(super) fn position(array: &Array, item: &Value) -> Result<Option<usize>> {
    if let (Some(ints), View::Int(wanted)) = (array.ints(), item.view()) {
        return Ok(ints.iter().position(|v| *v == wanted));
    }
    for (i, element) in array.iter().enumerate() {
        if equal(&element, item)? {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

fn last_position(array: &Array, item: &Value) -> Result<Option<usize>> {
    for (i, element) in array.iter().enumerate().rev() {
        if equal(&element, item)? {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

/// The character position of a byte offset, or -1.
fn char_position(text: &Str, at: Option<usize>) -> i64 {
    match at {
        None => -1,
        Some(at) if text.is_ascii() => at as i64,
        Some(at) => text.as_str()[..at].chars().count() as i64,
    }
}

fn index_of(cx: &mut Cx<'_>, collection: StrOrArray<'_>, item: &Value) -> Result<i64> {
    match collection.view() {
        View::Str(text) => {
            let at = text.as_str().find(text_item(cx, item)?);
            Ok(char_position(text, at))
        }
        View::Array(array) => Ok(position(array, item)?.map_or(-1, |i| i as i64)),
        _ => Ok(-1),
    }
}

fn last_index_of(cx: &mut Cx<'_>, collection: StrOrArray<'_>, item: &Value) -> Result<i64> {
    match collection.view() {
        View::Str(text) => {
            let at = text.as_str().rfind(text_item(cx, item)?);
            Ok(char_position(text, at))
        }
        View::Array(array) => Ok(last_position(array, item)?.map_or(-1, |i| i as i64)),
        _ => Ok(-1),
    }
}

/// A range of positions as functions take it: negative ones count from the end, then both are
/// cut to the length, and the start is at most the end.
pub(super) fn clamp_range(start: Whole, end: Option<Whole>, len: usize) -> (usize, usize) {
    let n = len as i64;
    let place = |at: i64| if at < 0 { at.saturating_add(n) } else { at }.clamp(0, n) as usize;
    let end = end.map_or(len, |end| place(end.0));
    (place(start.0).min(end), end)
}

/// The characters of a range of positions.
pub(super) fn slice_text(text: &Str, start: Whole, end: Option<Whole>) -> &str {
    let (from, to) = clamp_range(start, end, text.n_chars());
    text.slice_chars(from, to - from)
}
