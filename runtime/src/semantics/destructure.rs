//! The pieces that patterns take from a value (LS 5.8).
//!
//! Nothing here fails: what is missing is null, what does not fit gives nulls.

use std::sync::Arc;

use crate::heap::Ref;
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::value::{Value, View};

/// Element `i` of an array; null if it is missing or `v` is not an array.
#[inline]
pub fn array_item(v: &Value, i: usize) -> Value {
    match v.view() {
        View::Array(array) => array.get(i).unwrap_or_default(),
        _ => Value::NULL,
    }
}

/// The elements from `from` on; null if `v` is not an array.
pub fn array_rest(v: &Value, from: usize) -> Value {
    match v.view() {
        View::Array(array) => {
            let rest = array.slice(from.min(array.len()), array.len());
            Value::from_ref::<Array>(Ref::new(rest))
        }
        _ => Value::NULL,
    }
}

/// The entry or field `name`; null if it is missing or `v` is neither dict nor struct.
#[inline]
pub fn dict_item(v: &Value, name: &str) -> Value {
    match v.view() {
        View::Dict(dict) => dict.get_str(name).cloned().unwrap_or_default(),
        View::Struct(instance) => instance.get(name).cloned().unwrap_or_default(),
        _ => Value::NULL,
    }
}

/// The entries or fields that are not in `taken`, as a dict; null if `v` is neither.
pub fn dict_rest(v: &Value, taken: &[Arc<str>]) -> Value {
    let is_taken = |name: &str| taken.iter().any(|t| **t == *name);
    let mut rest = Dict::new();
    match v.view() {
        View::Dict(dict) => {
            for (key, value) in dict.iter() {
                let skip = matches!(key.view(), View::Str(s) if is_taken(s.as_str()));
                if !skip {
                    rest.insert(key.clone(), value.clone());
                }
            }
        }
        View::Struct(instance) => {
            for (name, value) in instance.iter().filter(|(name, _)| !is_taken(name)) {
                rest.insert_str(name, value.clone());
            }
        }
        _ => return Value::NULL,
    }
    Value::from_ref(Ref::new(rest))
}
