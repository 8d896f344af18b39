//! How Rust types become the results of natives, and errors of results that are too large.

use compact_str::CompactString;

use super::args::Number;
use crate::error::{Error, Kind, Result};
use crate::heap::{LARGE, Ref, note_block};
use crate::limits;
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::collections::{Queue, Set, Stack};
use crate::objects::dict::Dict;
use crate::objects::string::Str;
use crate::semantics::arith::check_growth;
use crate::value::Value;

/// A type that a native returns.
pub(super) trait IntoValue {
    /// # Errors
    /// MemoryError if the result is longer than its type may be.
    fn into_value(self) -> Result<Value>;
}

macro_rules! plain_results {
    ($($T:ty),*) => { $(
        impl IntoValue for $T {
            #[inline]
            fn into_value(self) -> Result<Value> {
                Ok(Value::from(self))
            }
        }
    )* };
}

plain_results!(Value, bool, i64, f64, (), &str, Number);

macro_rules! object_results {
    ($($T:ty),*) => { $(
        impl IntoValue for $T {
            fn into_value(self) -> Result<Value> {
                Ok(Value::from_ref(Ref::new(self)))
            }
        }
    )* };
}

object_results!(Array, Dict, Set, Queue, Stack, Bytes);

impl IntoValue for String {
    fn into_value(self) -> Result<Value> {
        if self.len() > limits::STRING_BYTES {
            return Err(string_limit());
        }
        Ok(string_value(self))
    }
}

impl IntoValue for Vec<Value> {
    fn into_value(self) -> Result<Value> {
        Ok(array_value(self))
    }
}

/// A native has made something of so many bytes: if that is too much, its call raises.
#[inline]
pub(super) fn note_made(bytes: usize) {
    if bytes >= LARGE {
        note_block(0);
    }
}

/// All of the values, as far as memory lasts.
///
/// # Errors
/// MemoryError.
pub(super) fn collected(values: impl Iterator<Item = Value>) -> Result<Vec<Value>> {
    let mut found = Vec::with_capacity(values.size_hint().0);
    for value in values {
        check_growth()?;
        found.push(value);
    }
    Ok(found)
}

/// A string value that takes over the text's buffer.
pub(super) fn string_value(text: String) -> Value {
    note_made(text.len());
    Value::from_ref(Ref::new(Str::from_compact(CompactString::from(text))))
}

/// An array value.
pub(super) fn array_value(values: Vec<Value>) -> Value {
    note_made(size_of_val(values.as_slice()));
    Value::from_ref(Ref::new(Array::from_values(values)))
}

/// A pair, as functions return that have two results.
pub(super) fn pair(first: Value, second: Value) -> Value {
    array_value(vec![first, second])
}

#[cold]
pub(super) fn string_limit() -> Error {
    Error::new(Kind::MemoryError, "String length limit exceeded")
}

#[cold]
pub(super) fn array_limit() -> Error {
    Error::new(Kind::MemoryError, "Array length limit exceeded")
}

#[cold]
pub(super) fn bad_key() -> Error {
    Error::new(Kind::TypeError, "Dict keys must be strings or ints")
}
