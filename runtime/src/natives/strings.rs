//! Strings: building, splitting, joining.

use super::Cx;
use super::args::{Whole, array_value, string_limit, string_value};
use super::items::Items;
use super::sequences::slice_text;
use crate::error::Result;
use crate::limits;
use crate::objects::string::{Str, make_char};
use crate::semantics::arith::check_memory;
use crate::semantics::display::write_display;
use crate::semantics::index::resolve_index;
use crate::value::{Value, View};

natives! {
    module "strings";

    /// The text count times; zero or negative gives "".
    ///
    ///     print(repeat("ab", 3))   # expect: ababab
    fn repeat(text: &str, count: Whole) -> "string" [Pure];

    /// Splits at the delimiter, keeping empty pieces; at most limit pieces.
    ///
    ///     print(split("a,b,,c", ","), split("k=v=w", "=", 2))   # expect: [a, b, , c] [k, v=w]
    fn split(text: &str, delimiter: &str, limit: Option<Whole>) -> "array<string>" [Pure; cx];

    /// The display forms of the items with the separator between them.
    ///
    ///     print(join([1, null, [2]], "-"))   # expect: 1-null-[2]
    fn join(items: Items, separator: Option<&str>) -> "string" [PureCallback; cx];

    /// Replaces every occurrence of a text.
    ///
    ///     print(replace("aba", "b", "xx"))   # expect: axxa
    fn replace as replace | replace_str(text: &str, from: &str, to: &str) -> "string" [Pure];

    /// Characters start to end (excluded); negative positions count from the end.
    ///
    ///     print(substring("hello", -3, -1))   # expect: ll
    fn substring as substring | substr(text: &Str, start: Whole, end: Option<Whole>)
        -> "string" [Pure];

    /// The character at a position, negative from the end; "" out of range.
    ///
    ///     print(char_at("abc", -1))   # expect: c
    fn char_at(text: &Str, index: Whole) -> "string" [Pure];

    /// Number of characters.
    ///
    ///     print(count_chars("hé"))   # expect: 2
    fn count_chars(text: &Str) -> "int" [Pure];

    /// Whether the text starts with the prefix.
    ///
    ///     print(starts_with("abc", "ab"))   # expect: true
    fn starts_with(text: &str, prefix: &str) -> "bool" [Pure];

    /// Whether the text ends with the suffix.
    ///
    ///     print(ends_with("abc", "bc"))   # expect: true
    fn ends_with(text: &str, suffix: &str) -> "bool" [Pure];

    /// Without white space at both ends.
    ///
    ///     print("[" + trim("  a ") + "]")   # expect: [a]
    fn trim(text: &str) -> "string" [Pure];

    /// Without white space at the start.
    ///
    ///     print("[" + trim_start(" a ") + "]")   # expect: [a ]
    fn trim_start(text: &str) -> "string" [Pure];

    /// Without white space at the end.
    ///
    ///     print("[" + trim_end(" a ") + "]")   # expect: [ a]
    fn trim_end(text: &str) -> "string" [Pure];

    /// Fills up in front to a width with the first character of pad.
    ///
    ///     print(pad_left("7", 3, "0"))   # expect: 007
    fn pad_left as pad_left | pad_start(text: &Str, width: Whole, pad: Option<&str>)
        -> "string" [Pure];

    /// Fills up behind to a width with the first character of pad.
    ///
    ///     print(pad_right("7", 3, "xy"))   # expect: 7xx
    fn pad_right as pad_right | pad_end(text: &Str, width: Whole, pad: Option<&str>)
        -> "string" [Pure];

    /// Pieces between line ends.
    ///
    ///     print(lines("a\r\nb\n"))   # expect: [a, b]
    fn lines(text: &str) -> "array<string>" [Pure];

    /// Pieces between runs of white space.
    ///
    ///     print(words("  a  b "))   # expect: [a, b]
    fn words(text: &str) -> "array<string>" [Pure];

    /// The characters as strings.
    ///
    ///     print(chars("abc"))   # expect: [a, b, c]
    fn chars(text: &str) -> "array<string>" [Pure];

    /// The characters in reverse order.
    ///
    ///     print(str_reverse("abc"))   # expect: cba
    fn str_reverse(text: &str) -> "string" [Pure];

    /// At most max_len characters, the last of them the suffix if the text is longer.
    ///
    ///     print(truncate("Hello World", 8))   # expect: Hello...
    fn truncate(text: &Str, max_len: Whole, suffix: Option<&str>) -> "string" [Pure; cx];
}

fn repeat(text: &str, count: Whole) -> Result<String> {
    let count = usize::try_from(count.0).unwrap_or(0);
    if text.len().checked_mul(count).is_none_or(|n| n > limits::STRING_BYTES) {
        return Err(string_limit());
    }
    check_memory(text.len() * count)?;
    Ok(text.repeat(count))
}

fn split(cx: &mut Cx<'_>, text: &str, delimiter: &str, limit: Option<Whole>) -> Result<Value> {
    let limit = match limit {
        None => usize::MAX,
        Some(limit) if limit.0 >= 1 => limit.0 as usize,
        Some(limit) => return Err(cx.bad_value("limit", ">= 1", limit.0)),
    };
    if let [byte] = *delimiter.as_bytes() {
        // Searching for a character is faster than for a text.
        let pieces = text.splitn(limit, char::from(byte)).map(Value::str).collect();
        return Ok(array_value(pieces));
    }
    if !delimiter.is_empty() {
        let pieces = text.splitn(limit, delimiter).map(Value::str).collect();
        return Ok(array_value(pieces));
    }
    let mut pieces = Vec::new();
    let mut rest = text.chars();
    while pieces.len() + 1 < limit
        && let Some(c) = rest.next()
    {
        pieces.push(make_char(c));
    }
    if !rest.as_str().is_empty() {
        pieces.push(Value::str(rest.as_str()));
    }
    Ok(array_value(pieces))
}

fn join(cx: &mut Cx<'_>, mut items: Items, separator: Option<&str>) -> Result<String> {
    let separator = separator.unwrap_or("");
    let mut out = String::with_capacity(joined_len(&items, separator));
    let mut is_first = true;
    while let Some(item) = items.next(cx.host)? {
        if !is_first {
            out.push_str(separator);
        }
        is_first = false;
        match item.view() {
            View::Str(text) => out.push_str(text.as_str()),
            _ => write_display(&mut out, &item)?,
        }
        if out.len() > limits::STRING_BYTES {
            return Err(string_limit());
        }
    }
    Ok(out)
}

/// The length of the result when all items are strings, else a guess.
fn joined_len(items: &Items, separator: &str) -> usize {
    let Some(array) = items.as_array() else { return 0 };
    let texts = array.values().map_or(array.len() * 4, |values| {
        let n_bytes = |v: &Value| match v.view() {
            View::Str(text) => text.n_bytes(),
            _ => 4,
        };
        values.iter().map(n_bytes).sum()
    });
    (texts + separator.len() * array.len()).min(limits::STRING_BYTES)
}

fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    let n = if from.is_empty() { text.len() + 1 } else { text.len() / from.len() };
    if n.saturating_mul(to.len()) > limits::STRING_BYTES - text.len() {
        let n = text.matches(from).count();
        let result = (text.len() - n * from.len()).saturating_add(n.saturating_mul(to.len()));
        if result > limits::STRING_BYTES {
            return Err(string_limit());
        }
    }
    Ok(text.replace(from, to))
}

fn substring(text: &Str, start: Whole, end: Option<Whole>) -> Result<Value> {
    Ok(Value::str(slice_text(text, start, end)))
}

fn char_at(text: &Str, index: Whole) -> Result<Value> {
    let at = resolve_index(index.0, text.n_chars());
    Ok(at.and_then(|at| text.char_at(at)).map_or_else(|| Value::str(""), make_char))
}

fn count_chars(text: &Str) -> Result<i64> {
    Ok(text.n_chars() as i64)
}

fn starts_with(text: &str, prefix: &str) -> Result<bool> {
    Ok(text.starts_with(prefix))
}

fn ends_with(text: &str, suffix: &str) -> Result<bool> {
    Ok(text.ends_with(suffix))
}

fn trim(text: &str) -> Result<Value> {
    Ok(Value::str(text.trim()))
}

fn trim_start(text: &str) -> Result<Value> {
    Ok(Value::str(text.trim_start()))
}

fn trim_end(text: &str) -> Result<Value> {
    Ok(Value::str(text.trim_end()))
}

/// The characters that bring a text to a width.
fn padding(text: &Str, width: Whole, pad: Option<&str>) -> Result<String> {
    let fill = pad.and_then(|pad| pad.chars().next()).unwrap_or(' ');
    let n = usize::try_from(width.0).unwrap_or(0).saturating_sub(text.n_chars());
    if n.saturating_mul(fill.len_utf8()) > limits::STRING_BYTES - text.n_bytes() {
        return Err(string_limit());
    }
    let mut out = String::with_capacity(n * fill.len_utf8() + text.n_bytes());
    out.extend(std::iter::repeat_n(fill, n));
    Ok(out)
}

fn pad_left(text: &Str, width: Whole, pad: Option<&str>) -> Result<String> {
    let mut out = padding(text, width, pad)?;
    out.push_str(text.as_str());
    Ok(out)
}

fn pad_right(text: &Str, width: Whole, pad: Option<&str>) -> Result<String> {
    let mut out = padding(text, width, pad)?;
    out.insert_str(0, text.as_str());
    Ok(out)
}

fn lines(text: &str) -> Result<Vec<Value>> {
    Ok(text.lines().map(Value::str).collect())
}

fn words(text: &str) -> Result<Vec<Value>> {
    Ok(text.split_whitespace().map(Value::str).collect())
}

fn chars(text: &str) -> Result<Vec<Value>> {
    Ok(text.chars().map(make_char).collect())
}

fn str_reverse(text: &str) -> Result<Value> {
    Ok(string_value(text.chars().rev().collect()))
}

fn truncate(cx: &mut Cx<'_>, text: &Str, max_len: Whole, suffix: Option<&str>) -> Result<Value> {
    let Ok(max_len) = usize::try_from(max_len.0) else {
        return Err(cx.bad_value("max_len", ">= 0", max_len.0));
    };
    if text.n_chars() <= max_len {
        return Ok(Value::str(text.as_str()));
    }
    let suffix: String = suffix.unwrap_or("...").chars().take(max_len).collect();
    let kept = text.slice_chars(0, max_len - suffix.chars().count());
    Ok(string_value(format!("{kept}{suffix}")))
}
