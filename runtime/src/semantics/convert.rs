//! Conversions between numbers and texts (builtins "types").
//!
//! The functions that raise take the name of the native for their messages.

use super::{truthy, type_name};
use crate::error::{Error, Kind, Result};
use crate::value::{Value, View};

/// A float truncated toward zero; `None` for NaN, infinities and what an int cannot hold.
#[inline]
pub fn float_to_int(f: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = f.trunc();
    (-LIMIT..LIMIT).contains(&whole).then_some(whole as i64)
}

/// A number as a position, count or size: floats are truncated, those beyond the range of int
/// become its ends. `None` for NaN, infinities and other types.
#[inline]
pub fn whole(v: &Value) -> Option<i64> {
    match v.view() {
        View::Int(v) => Some(v),
        View::Float(f) if f.is_finite() => Some(f as i64),
        _ => None,
    }
}

/// A number as a float; ints are rounded to the nearest one.
#[inline]
pub fn number(v: &Value) -> Option<f64> {
    match v.view() {
        View::Int(v) => Some(v as f64),
        View::Float(f) => Some(f),
        _ => None,
    }
}

/// The digits of a base, with optional sign and white space around; `None` for anything else.
/// `base` is 2 to 36.
pub fn scan_int(text: &str, base: u32) -> Option<i64> {
    i64::from_str_radix(text.trim(), base).ok()
}

/// A decimal number with optional sign, fraction and exponent, or `inf`, `infinity`, `nan`.
pub fn scan_float(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// As the native `parse_int`, with a base that was checked.
///
/// # Errors
/// ParseError `NAME: cannot parse 'X' as int`.
pub fn parse_int(name: &str, text: &str, base: u32) -> Result<i64> {
    scan_int(text, base).ok_or_else(|| cannot_parse(name, text, "int"))
}

/// As the native `parse_float`.
///
/// # Errors
/// ParseError `NAME: cannot parse 'X' as float`.
pub fn parse_float(name: &str, text: &str) -> Result<f64> {
    scan_float(text).ok_or_else(|| cannot_parse(name, text, "float"))
}

#[cold]
fn cannot_parse(name: &str, text: &str, ty: &str) -> Error {
    Error::new(Kind::ParseError, format!("{name}: cannot parse '{text}' as {ty}"))
}

#[cold]
fn not_convertible(name: &str, v: &Value) -> Error {
    let got = type_name(v);
    let message = format!("{name}: argument 'value' must be int, float, bool or string, got {got}");
    Error::new(Kind::TypeError, message)
}

/// As the native `to_int`.
///
/// # Errors
/// TypeError for other types, ValueError for floats that fit no int, ParseError for texts.
pub fn to_int(name: &str, v: &Value) -> Result<i64> {
    match v.view() {
        View::Int(v) => Ok(v),
        View::Bool(v) => Ok(i64::from(v)),
        View::Float(f) => float_to_int(f).ok_or_else(|| {
            let got = super::display::format_float(f);
            let message =
                format!("{name}: argument 'value' must be in the range of int, got {got}");
            Error::new(Kind::ValueError, message)
        }),
        View::Str(s) => parse_int(name, s.as_str(), 10),
        _ => Err(not_convertible(name, v)),
    }
}

/// As the native `to_float`.
///
/// # Errors
/// TypeError for other types, ParseError for texts.
pub fn to_float(name: &str, v: &Value) -> Result<f64> {
    match v.view() {
        View::Int(v) => Ok(v as f64),
        View::Bool(v) => Ok(f64::from(u8::from(v))),
        View::Float(f) => Ok(f),
        View::Str(s) => parse_float(name, s.as_str()),
        _ => Err(not_convertible(name, v)),
    }
}

/// As the native `to_bool`: truthiness, except that "false" in any case and "0" are false.
pub fn to_bool(v: &Value) -> bool {
    match v.view() {
        View::Str(s) => {
            let text = s.as_str();
            !text.is_empty() && text != "0" && !text.eq_ignore_ascii_case("false")
        }
        _ => truthy(v),
    }
}
