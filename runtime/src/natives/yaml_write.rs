//! Writing YAML in block style, without recursion.

use super::Cx;
use super::args::string_limit;
use super::json_write::{
    is_ambiguous, next_item, same_keys, without_some, write_number, write_quoted,
};
use super::values::too_deep;
use super::yaml::reads_as_text;
use crate::error::{Kind, Result};
use crate::limits;
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "formats";

    /// Writes YAML in block style.
    ///
    ///     print(trim(to_yaml([1, "a b", true])))   # expect: - 1
    ///     # expect: - a b
    ///     # expect: - true
    fn to_yaml(value: &Value) -> "string" [Pure; cx];
}

/// Levels of nesting of a value; deeper ones would take space that grows with the square.
const MAX_DEPTH: usize = 1000;

/// A container being written.
struct Open {
    container: Value,
    at: usize,
    indent: usize,
    /// The first item follows on the line of its list mark.
    is_inline: bool,
}

fn to_yaml(cx: &mut Cx<'_>, value: &Value) -> Result<String> {
    let mut writer = Writer { out: String::new(), open: Vec::new() };
    writer.value(cx, value, Place::Top)?;
    while let Some(open) = writer.open.last_mut() {
        let (is_list, indent) = (is_list(&open.container), open.indent);
        let Some((key, item)) = next_item(&open.container, &mut open.at) else {
            writer.open.pop();
            continue;
        };
        if !std::mem::take(&mut open.is_inline) {
            writer.out.extend(std::iter::repeat_n(' ', indent));
        }
        if is_list {
            writer.out.push('-');
            writer.value(cx, &item, Place::Item(indent))?;
        } else {
            writer.key(cx, &key.unwrap_or_default())?;
            writer.value(cx, &item, Place::Entry(indent))?;
        }
        if writer.out.len() > limits::STRING_BYTES {
            return Err(string_limit());
        }
    }
    Ok(writer.out)
}

/// Where a value stands, with the indentation of what it belongs to.
#[derive(Clone, Copy)]
enum Place {
    Top,
    Item(usize),
    Entry(usize),
}

fn is_list(value: &Value) -> bool {
    matches!(value.view(), View::Array(_) | View::Set(_) | View::Queue(_) | View::Stack(_))
}

struct Writer {
    out: String,
    open: Vec<Open>,
}

impl Writer {
    fn value(&mut self, cx: &Cx<'_>, value: &Value, place: Place) -> Result<()> {
        let value = without_some(value);
        let is_map = matches!(value.view(), View::Dict(_) | View::Struct(_));
        if (is_map || is_list(&value)) && next_item(&value, &mut 0).is_some() {
            return self.container(value, place);
        }
        if !matches!(place, Place::Top) {
            self.out.push(' ');
        }
        match value.view() {
            View::Null | View::None => self.out.push_str("null"),
            View::Bool(v) => self.out.push_str(if v { "true" } else { "false" }),
            View::Int(v) => self.out.push_str(itoa::Buffer::new().format(v)),
            View::Float(v) if v.is_nan() => self.out.push_str(".nan"),
            View::Float(v) if v.is_infinite() => {
                self.out.push_str(if v > 0.0 { ".inf" } else { "-.inf" });
            }
            View::Float(v) => write_number(&mut self.out, v),
            View::Str(text) => self.text(text.as_str()),
            _ if is_map => self.out.push_str("{}"),
            _ if is_list(&value) => self.out.push_str("[]"),
            _ => {
                let what = format!("cannot convert {}", type_name(&value));
                return Err(cx.failure(Kind::TypeError, what));
            }
        }
        self.out.push('\n');
        Ok(())
    }

    fn container(&mut self, container: Value, place: Place) -> Result<()> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        let (indent, is_inline) = match place {
            Place::Top => (0, true),
            Place::Item(outer) => (outer + 2, true),
            // List items are not indented under their key.
            Place::Entry(outer) => (outer + if is_list(&container) { 0 } else { 2 }, false),
        };
        match place {
            Place::Top => {}
            Place::Item(_) => self.out.push(' '),
            Place::Entry(_) => self.out.push('\n'),
        }
        self.open.push(Open { container, at: 0, indent, is_inline });
        Ok(())
    }

    fn key(&mut self, cx: &Cx<'_>, key: &Value) -> Result<()> {
        match key.view() {
            View::Int(v) => {
                let text = v.to_string();
                if self.open.last().is_some_and(|open| is_ambiguous(&open.container, key)) {
                    return Err(same_keys(cx, &text));
                }
                self.out.push_str(&text);
            }
            View::Str(text) => self.text(text.as_str()),
            _ => {}
        }
        self.out.push(':');
        Ok(())
    }

    /// A text, in quotes if it needs them.
    fn text(&mut self, text: &str) {
        if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}'))
        {
            self.escaped(text);
        } else if is_plain(text) {
            self.out.push_str(text);
        } else {
            self.out.extend(["'", &text.replace('\'', "''"), "'"]);
        }
    }

    /// As in JSON, with the control characters that JSON leaves raw escaped too.
    fn escaped(&mut self, text: &str) {
        let start = self.out.len();
        write_quoted(&mut self.out, text);
        let is_raw =
            |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}');
        if text.contains(is_raw) {
            let mut escaped = String::new();
            for c in self.out[start..].chars() {
                if is_raw(c) {
                    escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
                } else {
                    escaped.push(c);
                }
            }
            self.out.replace_range(start.., &escaped);
        }
    }
}

/// Whether a text can stand without quotes.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    let starts_well = match first {
        '-' | '?' | ':' => chars.next().is_some_and(|c| c != ' '),
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => false,
        _ => true,
    };
    starts_well
        && !text.starts_with(' ')
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
        && reads_as_text(text)
}
