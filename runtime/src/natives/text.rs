//! Strings: characters and their classes.

use super::Cx;
use crate::error::Result;
use crate::objects::string::{Str, make_char};
use crate::value::Value;

natives! {
    module "strings";

    /// The code point of a one-character string.
    ///
    ///     print(ord("A"))   # expect: 65
    fn ord(text: &Str) -> "int" [Pure; cx];

    /// The character with a code point.
    ///
    ///     print(chr(65))   # expect: A
    fn chr(code: i64) -> "string" [Pure; cx];

    /// Whether the text consists of letters.
    ///
    ///     print(is_alpha("aé"), is_alpha("a1"))   # expect: true false
    fn is_alpha(text: &str) -> "bool" [Pure];

    /// Whether the text consists of the digits 0 to 9.
    ///
    ///     print(is_digit("12"), is_digit(""))   # expect: true false
    fn is_digit(text: &str) -> "bool" [Pure];

    /// Whether the text consists of letters and digits.
    ///
    ///     print(is_alnum("a1"))   # expect: true
    fn is_alnum(text: &str) -> "bool" [Pure];

    /// Whether the text consists of white space.
    ///
    ///     print(is_space(" \t"))   # expect: true
    fn is_space(text: &str) -> "bool" [Pure];

    /// Whether the text has a cased letter and equals its upper-case form.
    ///
    ///     print(is_upper("A1"), is_upper("1"))   # expect: true false
    fn is_upper(text: &str) -> "bool" [Pure];

    /// Whether the text has a cased letter and equals its lower-case form.
    ///
    ///     print(is_lower("a1"))   # expect: true
    fn is_lower(text: &str) -> "bool" [Pure];
}

fn ord(cx: &mut Cx<'_>, text: &Str) -> Result<i64> {
    match text.char_at(0) {
        Some(c) if text.n_chars() == 1 => Ok(i64::from(u32::from(c))),
        _ => Err(cx.bad_value("text", "one character", text.as_str())),
    }
}

fn chr(cx: &mut Cx<'_>, code: i64) -> Result<Value> {
    let c = u32::try_from(code).ok().and_then(char::from_u32);
    c.map(make_char).ok_or_else(|| cx.bad_value("code", "a code point", code))
}

fn all_are(text: &str, test: impl Fn(char) -> bool) -> Result<bool> {
    Ok(!text.is_empty() && text.chars().all(test))
}

fn is_alpha(text: &str) -> Result<bool> {
    all_are(text, char::is_alphabetic)
}

fn is_digit(text: &str) -> Result<bool> {
    all_are(text, |c| c.is_ascii_digit())
}

fn is_alnum(text: &str) -> Result<bool> {
    all_are(text, char::is_alphanumeric)
}

fn is_space(text: &str) -> Result<bool> {
    all_are(text, char::is_whitespace)
}

fn has_case(text: &str) -> bool {
    text.chars().any(|c| c.is_lowercase() || c.is_uppercase())
}

fn is_upper(text: &str) -> Result<bool> {
    Ok(has_case(text) && text == text.to_uppercase())
}

fn is_lower(text: &str) -> Result<bool> {
    Ok(has_case(text) && text == text.to_lowercase())
}
