//! How Rust types become the results of natives, and errors of results that are too large.

use compact_str::CompactString;

use super::args::Number;
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::limits;
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::collections::{Queue, Set, Stack};
use crate::objects::dict::Dict;
use crate::objects::string::Str;
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
        Array::from_values(self).into_value()
    }
}

/// A string value that takes over the text's buffer.
pub(super) fn string_value(text: String) -> Value {
    Value::from_ref(Ref::new(Str::from_compact(CompactString::from(text))))
}

/// An array value.
pub(super) fn array_value(values: Vec<Value>) -> Value {
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
