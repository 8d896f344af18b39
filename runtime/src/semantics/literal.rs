//! Building collections and enum values from literals, and the try operator (LS 7.11, 7.13).

use std::sync::Arc;

use super::display;
use super::index::bad_key;
use super::place::dict_limit;
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::limits::COLLECTION_LEN;
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::objects::tagged::{Tagged, Variant};
use crate::value::{Value, View};

/// An array of the values.
pub fn make_array(values: Vec<Value>) -> Value {
    Value::from_ref(Ref::new(Array::from_values(values)))
}

/// An entry of a dict literal; a later one replaces the value of an earlier one.
///
/// # Errors
/// `Dict keys must be strings or ints`, `Dict size limit exceeded`.
#[inline]
pub fn dict_insert(dict: &mut Dict, key: Value, v: Value) -> Result<()> {
    if !Dict::is_key(&key) {
        return Err(bad_key());
    }
    if dict.len() >= COLLECTION_LEN && !dict.contains(&key) {
        return Err(dict_limit());
    }
    dict.insert(key, v);
    Ok(())
}

/// `...v` in a dict literal.
///
/// # Errors
/// `Can only spread dicts`, `Dict size limit exceeded`.
pub fn dict_spread(dict: &mut Dict, v: &Value) -> Result<()> {
    let View::Dict(more) = v.view() else {
        return Err(Error::new(Kind::TypeError, "Can only spread dicts"));
    };
    for (key, value) in more.iter() {
        dict_insert(dict, key.clone(), value.clone())?;
    }
    Ok(())
}

/// `E::V(payload)`.
pub fn make_tag(enum_name: &Arc<str>, variant: &Arc<str>, payload: Vec<Value>) -> Value {
    make_variant(Variant::intern(enum_name, variant), payload)
}

/// A value of a variant.
pub fn make_variant(variant: &'static Variant, mut payload: Vec<Value>) -> Value {
    Tagged::make(variant, payload.len(), |i| payload[i].take())
}

/// What `v?` does.
#[derive(Debug)]
pub enum TryOutcome {
    /// The expression has this value.
    Value(Value),
    /// The enclosing function returns this.
    Return(Value),
}

/// `v?` inside a function.
///
/// # Errors
/// `Try operator requires Result or Option`.
#[inline]
pub fn try_operator(v: Value) -> Result<TryOutcome> {
    match v.view() {
        View::Ok(content) | View::Some(content) => Ok(TryOutcome::Value(content.clone())),
        View::Err(_) | View::None => Ok(TryOutcome::Return(v)),
        _ => Err(Error::new(Kind::TypeError, "Try operator requires Result or Option")),
    }
}

/// The error of `v?` for an Err or None outside functions.
pub fn try_at_top(v: Value) -> Error {
    match display::display(&v) {
        Ok(message) => {
            let mut error = Error::new(Kind::ThrownError, message);
            error.value = v;
            error
        }
        Err(error) => error,
    }
}
