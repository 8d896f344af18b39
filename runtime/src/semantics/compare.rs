//! Ordering of values (LS 4.5) and the total order of sorting (builtins 1.4).
//!
//! Ints and floats are compared exactly, never by rounding the int. Strings are compared by
//! scalar values, which is the order of their UTF-8 bytes.

use std::cmp::Ordering;

use crate::value::{Tag, Value, View};

/// The order of two numbers or two strings; `None` if one is NaN or they cannot be ordered.
#[inline]
pub fn order(lhs: &Value, rhs: &Value) -> Option<Ordering> {
    match (lhs.view(), rhs.view()) {
        (View::Int(a), View::Int(b)) => Some(a.cmp(&b)),
        (View::Float(a), View::Float(b)) => a.partial_cmp(&b),
        (View::Int(a), View::Float(b)) => int_float(a, b),
        (View::Float(a), View::Int(b)) => int_float(b, a).map(Ordering::reverse),
        (View::Str(a), View::Str(b)) => Some(a.as_str().cmp(b.as_str())),
        _ => None,
    }
}

/// The exact order of an int and a float; `None` for NaN.
pub fn int_float(a: i64, b: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b.is_nan() {
        return None;
    }
    if b >= LIMIT {
        return Some(Ordering::Less);
    }
    if b < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = b.trunc();
    let by_whole = a.cmp(&(whole as i64));
    Some(by_whole.then_with(|| whole.partial_cmp(&b).unwrap_or(Ordering::Equal)))
}

/// Whether an int and a float are the same number.
#[inline]
pub fn int_equals_float(a: i64, b: f64) -> bool {
    int_float(a, b) == Some(Ordering::Equal)
}

/// Whether a value is a number.
#[inline]
pub fn is_number(value: &Value) -> bool {
    matches!(value.tag(), Tag::Int | Tag::Float)
}

/// Whether `<` and its kin are defined for the two: two numbers or two strings.
#[inline]
pub fn comparable(a: &Value, b: &Value) -> bool {
    is_number(a) && is_number(b) || a.tag() == Tag::Str && b.tag() == Tag::Str
}

/// The total order of sorting for comparable values: NaN after all other numbers.
#[inline]
pub fn sort_order(a: &Value, b: &Value) -> Ordering {
    order(a, b).unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
}

fn is_nan(value: &Value) -> bool {
    value.as_float().is_some_and(f64::is_nan)
}
