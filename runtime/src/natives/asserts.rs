//! Assertions.

use super::Cx;
use super::args::{Func, Number, Searched};
use super::sequences::contains_item;
use crate::error::{Error, Kind, Result};
use crate::semantics::display::{debug, display};
use crate::semantics::equal::equal;
use crate::semantics::truthy;
use crate::value::{Value, View};

natives! {
    module "assert";

    /// Fails when the condition is not truthy.
    ///
    ///     print(assert(1 < 2, "order"))   # expect: true
    fn assert(condition: &Value, message: Option<&Value>) -> "bool" [Other];

    /// Requires equal values.
    ///
    ///     print(assert_equal(1, 1.0))   # expect: true
    fn assert_equal(actual: &Value, expected: &Value) -> "bool" [Other];

    /// Requires different values.
    ///
    ///     print(assert_not_equal(1, 2))   # expect: true
    fn assert_not_equal(actual: &Value, unexpected: &Value) -> "bool" [Other];

    /// Requires true.
    ///
    ///     print(assert_true(1 < 2))   # expect: true
    fn assert_true(value: bool) -> "bool" [Other];

    /// Requires false.
    ///
    ///     print(assert_false(1 > 2))   # expect: true
    fn assert_false(value: bool) -> "bool" [Other];

    /// Requires that the collection contains the item.
    ///
    ///     print(assert_contains([1, 2], 2))   # expect: true
    fn assert_contains(collection: Searched<'_>, item: &Value) -> "bool" [Other; cx];

    /// Requires numbers that differ by at most the tolerance (default 1e-9).
    ///
    ///     print(assert_close(0.1 + 0.2, 0.3))   # expect: true
    fn assert_close(actual: Number, expected: Number, tolerance: Option<f64>)
        -> "bool" [Other];

    /// Calls the function and returns the error it throws; fails when there is none, or when
    /// neither its kind nor a part of its message is the expected text.
    ///
    ///     print(assert_throws(func() { return 1 / 0 }).message)   # expect: Division by zero
    fn assert_throws(func: Func<'_>, expected: Option<&str>) -> "struct" [Other; cx];
}

#[cold]
fn failed(message: String) -> Error {
    Error::new(Kind::AssertionError, message)
}

fn expected_got(expected: &Value, actual: &Value) -> Result<bool> {
    let (expected, actual) = (debug(expected)?, debug(actual)?);
    Err(failed(format!("Assertion failed: expected {expected}, got {actual}")))
}

fn assert(condition: &Value, message: Option<&Value>) -> Result<bool> {
    if truthy(condition) {
        return Ok(true);
    }
    Err(failed(match message {
        Some(message) => display(message)?,
        None => "Assertion failed".to_owned(),
    }))
}

fn assert_equal(actual: &Value, expected: &Value) -> Result<bool> {
    if equal(actual, expected)? { Ok(true) } else { expected_got(expected, actual) }
}

fn assert_not_equal(actual: &Value, unexpected: &Value) -> Result<bool> {
    if !equal(actual, unexpected)? {
        return Ok(true);
    }
    let form = debug(unexpected)?;
    Err(failed(format!("Assertion failed: expected anything but {form}")))
}

fn assert_true(value: bool) -> Result<bool> {
    if value {
        return Ok(true);
    }
    Err(failed("Assertion failed: expected true, got false".to_owned()))
}

fn assert_false(value: bool) -> Result<bool> {
    if !value {
        return Ok(true);
    }
    Err(failed("Assertion failed: expected false, got true".to_owned()))
}

fn assert_contains(cx: &mut Cx<'_>, collection: Searched<'_>, item: &Value) -> Result<bool> {
    if contains_item(cx, &collection, item)? {
        return Ok(true);
    }
    let summary = match collection.view() {
        View::Array(array) => format!("Array[{}]", array.len()),
        View::Dict(dict) => format!("Dict{{{} keys}}", dict.len()),
        View::Set(set) => format!("Set{{{}}}", set.len()),
        View::Queue(queue) => format!("Queue[{}]", queue.0.len()),
        View::Stack(stack) => format!("Stack[{}]", stack.0.len()),
        View::Bytes(bytes) => format!("Bytes({} bytes)", bytes.0.len()),
        _ => debug(&collection)?,
    };
    let item = debug(item)?;
    Err(failed(format!("Assertion failed: {summary} does not contain {item}")))
}

fn assert_close(actual: Number, expected: Number, tolerance: Option<f64>) -> Result<bool> {
    let distance = (actual.to_f64() - expected.to_f64()).abs();
    let (actual, expected) = (Value::from(actual), Value::from(expected));
    let is_close = distance <= tolerance.unwrap_or(1e-9) || equal(&actual, &expected)?;
    if is_close { Ok(true) } else { expected_got(&expected, &actual) }
}

fn assert_throws(cx: &mut Cx<'_>, func: Func<'_>, expected: Option<&str>) -> Result<Value> {
    let error = match cx.host.call(func.0, &mut []) {
        Ok(_) => return Err(failed("Assertion failed: expected an error".to_owned())),
        Err(error) if !error.is_catchable() => return Err(error),
        Err(error) => error,
    };
    if let Some(expected) = expected
        && error.kind != expected
        && !error.message.contains(expected)
    {
        let (kind, message) = (&error.kind, &error.message);
        let text =
            format!("Assertion failed: expected an error '{expected}', got {kind}: {message}");
        return Err(failed(text));
    }
    Ok(cx.host.isolate().errors.make(error))
}
