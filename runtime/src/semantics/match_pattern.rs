//! What the patterns of `match` accept, and the payloads they bind (LS 11.4).
//!
//! `Ok`, `Err`, `Some` and `None` exist twice: as builtin values and as values of user enums
//! named `Result` and `Option`; patterns accept both.

use super::equal;
use crate::error::Result;
use crate::value::{Tag, Value, View};

/// Whether the subject equals a literal.
///
/// # Errors
/// `Value nested too deeply`.
#[inline]
pub fn matches_literal(v: &Value, literal: &Value) -> Result<bool> {
    equal::equal(v, literal)
}

/// `case Name` and, `with_parens`, `case Name(...)`.
pub fn matches_name(v: &Value, name: &str, with_parens: bool) -> bool {
    if let View::Str(text) = v.view() {
        return !with_parens && text.as_str() == name;
    }
    match name {
        "Ok" | "Err" => matches_variant(v, "Result", name),
        "Some" | "None" => matches_variant(v, "Option", name),
        _ => false,
    }
}

/// `case E::V` with or without parentheses.
pub fn matches_variant(v: &Value, enum_name: &str, variant: &str) -> bool {
    if let View::Tagged(tagged) = v.view() {
        return *tagged.variant().name == *variant && *tagged.variant().enum_name == *enum_name;
    }
    let builtin = match (enum_name, variant) {
        ("Result", "Ok") => Tag::Ok,
        ("Result", "Err") => Tag::Err,
        ("Option", "Some") => Tag::Some,
        ("Option", "None") => Tag::None,
        _ => return false,
    };
    v.tag() == builtin
}

/// Payload value `i` of a matched subject; null if there is none.
#[inline]
pub fn payload(v: &Value, i: usize) -> Value {
    match v.view() {
        View::Tagged(tagged) => tagged.payload().get(i).cloned().unwrap_or_default(),
        View::Ok(content) | View::Err(content) | View::Some(content) if i == 0 => content.clone(),
        _ => Value::NULL,
    }
}
