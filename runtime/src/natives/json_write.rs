//! Writing JSON from values, without recursion.

use std::fmt::Write;

use super::Cx;
use super::values::too_deep;
use crate::error::{Error, Kind, Result};
use crate::limits;
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "formats";

    /// Compact JSON.
    ///
    ///     print(to_json({"b": 1, "a": [1.0, null]}))   # expect: {"b":1,"a":[1.0,null]}
    fn to_json(value: &Value) -> "string" [Pure; cx];

    /// JSON with two spaces per level.
    ///
    ///     print(to_json_pretty([]))   # expect: []
    fn to_json_pretty(value: &Value) -> "string" [Pure; cx];
}

fn to_json(cx: &mut Cx<'_>, value: &Value) -> Result<String> {
    write(cx, value, false)
}

fn to_json_pretty(cx: &mut Cx<'_>, value: &Value) -> Result<String> {
    write(cx, value, true)
}

/// A container being written.
struct Open {
    container: Value,
    /// Where its next item is.
    at: usize,
    is_first: bool,
    close: char,
}

struct Writer {
    out: String,
    open: Vec<Open>,
    is_pretty: bool,
}

/// JSON of a value.
pub(super) fn write(cx: &Cx<'_>, value: &Value, is_pretty: bool) -> Result<String> {
    let mut writer = Writer { out: String::new(), open: Vec::new(), is_pretty };
    let mut next = Some(value.clone());
    loop {
        if let Some(value) = next.take() {
            writer.value(cx, &value)?;
        }
        if writer.out.len() > limits::STRING_BYTES {
            return Err(super::args::string_limit());
        }
        let Some(open) = writer.open.last_mut() else { return Ok(writer.out) };
        let item = next_item(&open.container, &mut open.at);
        let was_first = std::mem::replace(&mut open.is_first, false);
        match item {
            None => writer.close(),
            Some((key, item)) => {
                if !was_first {
                    writer.out.push(',');
                }
                writer.new_line();
                if let Some(key) = key {
                    writer.key(cx, &key)?;
                }
                next = Some(item);
            }
        }
    }
}

/// The item of a container at the place `at`, with its key; `at` moves on to the next one.
pub(super) fn next_item(container: &Value, at: &mut usize) -> Option<(Option<Value>, Value)> {
    let place = at;
    let at = *place;
    let item = match container.view() {
        View::Array(array) => (None, array.get(at)?),
        View::Set(set) => (None, set.members().get(at)?.clone()),
        View::Queue(queue) => (None, queue.0.get(at)?.clone()),
        View::Stack(stack) => (None, stack.0.get(at)?),
        View::Struct(instance) => {
            let name = instance.shape().names().get(at)?;
            (Some(Value::str(name)), instance.fields()[at].clone())
        }
        View::Dict(dict) => {
            let (after, key, value) = dict.entry_from(at)?;
            let entry = (Some(key.clone()), value.clone());
            *place = after;
            return Some(entry);
        }
        _ => return None,
    };
    *place += 1;
    Some(item)
}

/// The content of `Some(…)`, which may be wrapped several times; any other value itself.
pub(super) fn without_some(value: &Value) -> Value {
    let mut content = value.clone();
    while let View::Some(inner) = content.view() {
        content = inner.clone();
    }
    content
}

/// Whether an int key has the same text as a string key of its dict.
pub(super) fn is_ambiguous(container: &Value, key: &Value) -> bool {
    match (container.view(), key.view()) {
        (View::Dict(dict), View::Int(v)) => dict.get_str(itoa::Buffer::new().format(v)).is_some(),
        _ => false,
    }
}

/// Appends a finite float in shortest form, with `.0` when whole.
pub(super) fn write_number(out: &mut String, v: f64) {
    // Writing to a string cannot fail.
    let _ = if (1e-5..1e-4).contains(&v.abs()) { write!(out, "{v}") } else { write!(out, "{v:?}") };
}

impl Writer {
    fn value(&mut self, cx: &Cx<'_>, value: &Value) -> Result<()> {
        match value.view() {
            View::Null | View::None => self.out.push_str("null"),
            View::Bool(true) => self.out.push_str("true"),
            View::Bool(false) => self.out.push_str("false"),
            View::Int(v) => self.out.push_str(itoa::Buffer::new().format(v)),
            View::Float(v) => self.float(cx, v)?,
            View::Str(text) => self.text(text.as_str()),
            View::Some(content) => return self.unwrapped(cx, content),
            View::Array(array) => self.container(array.is_empty(), value, "[]")?,
            View::Set(set) => self.container(set.is_empty(), value, "[]")?,
            View::Queue(queue) => self.container(queue.0.is_empty(), value, "[]")?,
            View::Stack(stack) => self.container(stack.0.is_empty(), value, "[]")?,
            View::Dict(dict) => self.container(dict.is_empty(), value, "{}")?,
            View::Struct(instance) => {
                self.container(instance.fields().is_empty(), value, "{}")?;
            }
            _ => {
                let what = format!("cannot convert {}", type_name(value));
                return Err(cx.failure(Kind::TypeError, what));
            }
        }
        Ok(())
    }

    fn unwrapped(&mut self, cx: &Cx<'_>, content: &Value) -> Result<()> {
        self.value(cx, &without_some(content))
    }

    fn container(&mut self, is_empty: bool, value: &Value, brackets: &str) -> Result<()> {
        if is_empty {
            self.out.push_str(brackets);
            return Ok(());
        }
        if self.open.len() >= limits::VALUE_DEPTH as usize {
            return Err(too_deep());
        }
        let (open, close) = if brackets == "[]" { ('[', ']') } else { ('{', '}') };
        self.out.push(open);
        self.open.push(Open { container: value.clone(), at: 0, is_first: true, close });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(closed) = self.open.pop() {
            self.new_line();
            self.out.push(closed.close);
        }
    }

    fn new_line(&mut self) {
        if self.is_pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", self.open.len()));
        }
    }

    fn key(&mut self, cx: &Cx<'_>, key: &Value) -> Result<()> {
        match key.view() {
            View::Int(v) => {
                let mut buffer = itoa::Buffer::new();
                let text = buffer.format(v);
                if self.open.last().is_some_and(|open| is_ambiguous(&open.container, key)) {
                    return Err(same_keys(cx, text));
                }
                self.text(text);
            }
            View::Str(text) => self.text(text.as_str()),
            _ => {}
        }
        self.out.push_str(if self.is_pretty { ": " } else { ":" });
        Ok(())
    }

    fn float(&mut self, cx: &Cx<'_>, v: f64) -> Result<()> {
        if !v.is_finite() {
            let text = crate::semantics::display::format_float(v);
            return Err(cx.failure(Kind::ValueError, format!("cannot convert {text}")));
        }
        write_number(&mut self.out, v);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        write_quoted(&mut self.out, text);
    }
}

/// Appends a text in double quotes, escaped as in JSON.
pub(super) fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[start..at]);
        start = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[start..]);
    out.push('"');
}
#[cold]
pub(super) fn same_keys(cx: &Cx<'_>, key: &str) -> Error {
    cx.failure(Kind::ValueError, format!("two keys with the same text \"{key}\""))
}
