//! TOML: reading through the `toml` crate, writing with plain values before sub-tables.

use super::Cx;
use super::args::{DictOrStruct, array_value, string_limit};
use super::json_write::{
    is_ambiguous, next_item, same_keys, without_some, write_number, write_quoted,
};
use super::library_args::dict_value;
use super::values::too_deep;
use crate::error::{Error, Kind, Result};
use crate::limits;
use crate::objects::dict::Dict;
use crate::semantics::arith::{check_growth, check_memory};
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "formats";

    /// Reads TOML; dates and times become their text.
    ///
    ///     print(parse_toml("x = 1\n[t]\ny = 'z'"))   # expect: {"x": 1, "t": {"y": z}}
    fn parse_toml(text: &str) -> "dict" [Pure; cx];

    /// Writes TOML.
    ///
    ///     print(trim(to_toml({"x": 1})))   # expect: x = 1
    fn to_toml(value: DictOrStruct<'_>) -> "string" [Pure; cx];
}

/// Levels of nesting that a value may have.
const MAX_DEPTH: usize = 512;
/// Bytes that the parser may need for one value.
const TREE_NODE: usize = 128;

fn parse_toml(cx: &mut Cx<'_>, text: &str) -> Result<Value> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    // The parser makes a tree of its own, which nothing stops from growing.
    let n_values = text.bytes().filter(|byte| b",=[{".contains(byte)).count();
    check_memory(text.len() + n_values * TREE_NODE)?;
    match text.parse::<toml::Table>() {
        Ok(table) => from_toml(toml::Value::Table(table)),
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..offset).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |part| part.chars().count()) + 1;
            let what = error.message().replace('\n', ", ");
            Err(cx.failure(Kind::ParseError, format!("{what} at line {line} column {column}")))
        }
    }
}

/// The parser limits the depth, so this recursion is short.
fn from_toml(value: toml::Value) -> Result<Value> {
    check_growth()?;
    Ok(match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(v) => Value::int(v),
        toml::Value::Float(v) => Value::float(v),
        toml::Value::Boolean(v) => Value::bool(v),
        toml::Value::Datetime(v) => Value::from(v.to_string()),
        toml::Value::Array(items) => {
            array_value(items.into_iter().map(from_toml).collect::<Result<_>>()?)
        }
        toml::Value::Table(table) => {
            let mut dict = Dict::with_capacity(table.len());
            for (key, value) in table {
                dict.insert(Value::from(key), from_toml(value)?);
            }
            dict_value(dict)
        }
    })
}

fn to_toml(cx: &mut Cx<'_>, value: DictOrStruct<'_>) -> Result<String> {
    let mut writer = Writer { cx, out: String::new() };
    let mut path = Vec::new();
    writer.table(&value, &mut path)?;
    Ok(writer.out)
}

struct Writer<'a, 'b> {
    cx: &'a Cx<'b>,
    out: String,
}

fn is_table(value: &Value) -> bool {
    matches!(value.view(), View::Dict(_) | View::Struct(_))
}

/// Whether a value is written as `[[name]]` sections.
fn is_table_list(value: &Value) -> bool {
    let mut at = 0;
    let mut n = 0;
    while let Some((_, item)) = next_item(value, &mut at) {
        if !is_table(&without_some(&item)) {
            return false;
        }
        n += 1;
    }
    n > 0 && !is_table(value)
}

impl Writer<'_, '_> {
    /// The entries of a dict or struct: plain values first.
    fn table(&mut self, table: &Value, path: &mut Vec<String>) -> Result<()> {
        if path.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        let mut sections = Vec::new();
        let mut at = 0;
        while let Some((key, item)) = next_item(table, &mut at) {
            let item = without_some(&item);
            let key = self.key(table, &key.unwrap_or_default())?;
            if is_table(&item) || is_table_list(&item) {
                sections.push((key, item));
                continue;
            }
            self.out.push_str(&key);
            self.out.push_str(" = ");
            self.inline(&item, path.len())?;
            self.out.push('\n');
        }
        for (key, item) in sections {
            path.push(key);
            if is_table(&item) {
                self.section(&item, path, "[", "]")?;
            } else {
                let mut at = 0;
                while let Some((_, row)) = next_item(&item, &mut at) {
                    self.section(&without_some(&row), path, "[[", "]]")?;
                }
            }
            path.pop();
        }
        if self.out.len() > limits::STRING_BYTES {
            return Err(string_limit());
        }
        Ok(())
    }

    fn section(
        &mut self,
        table: &Value,
        path: &mut Vec<String>,
        open: &str,
        close: &str,
    ) -> Result<()> {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.extend([open, &path.join("."), close, "\n"]);
        self.table(table, path)
    }

    /// A key, quoted if it is not bare.
    fn key(&self, table: &Value, key: &Value) -> Result<String> {
        let text = match key.view() {
            View::Int(v) => {
                let text = v.to_string();
                if is_ambiguous(table, key) {
                    return Err(same_keys(self.cx, &text));
                }
                text
            }
            View::Str(text) => text.as_str().to_owned(),
            _ => String::new(),
        };
        let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !text.is_empty() && text.bytes().all(is_bare) {
            return Ok(text);
        }
        let mut quoted = String::new();
        write_text(&mut quoted, &text);
        Ok(quoted)
    }

    fn inline(&mut self, value: &Value, depth: usize) -> Result<()> {
        match value.view() {
            View::Bool(v) => self.out.push_str(if v { "true" } else { "false" }),
            View::Int(v) => self.out.push_str(itoa::Buffer::new().format(v)),
            View::Float(v) if v.is_nan() => self.out.push_str("nan"),
            View::Float(v) if v.is_infinite() => {
                self.out.push_str(if v > 0.0 { "inf" } else { "-inf" });
            }
            View::Float(v) => write_number(&mut self.out, v),
            View::Str(text) => write_text(&mut self.out, text.as_str()),
            View::Array(_) | View::Set(_) | View::Queue(_) | View::Stack(_) => {
                self.items(value, "[", "]", depth)?;
            }
            View::Dict(_) | View::Struct(_) => self.items(value, "{", "}", depth)?,
            _ => return Err(self.unsuitable(value)),
        }
        Ok(())
    }

    #[cold]
    fn unsuitable(&self, value: &Value) -> Error {
        let is_null = matches!(value.view(), View::Null | View::None);
        let kind = if is_null { Kind::ValueError } else { Kind::TypeError };
        self.cx.failure(kind, format!("cannot convert {}", type_name(value)))
    }

    fn items(&mut self, container: &Value, open: &str, close: &str, depth: usize) -> Result<()> {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.out.push_str(open);
        let mut at = 0;
        let mut is_first = true;
        while let Some((key, item)) = next_item(container, &mut at) {
            if !is_first {
                self.out.push_str(", ");
            }
            if let Some(key) = key {
                self.out.push_str(if is_first { " " } else { "" });
                let key = self.key(container, &key)?;
                self.out.extend([&*key, " = "]);
            }
            is_first = false;
            self.inline(&without_some(&item), depth + 1)?;
        }
        if !is_first && open == "{" {
            self.out.push(' ');
        }
        self.out.push_str(close);
        Ok(())
    }
}

/// A basic string; as in JSON, but DEL must be escaped too.
fn write_text(out: &mut String, text: &str) {
    let start = out.len();
    write_quoted(out, text);
    if text.contains('\u{7f}') {
        let escaped = out[start..].replace('\u{7f}', "\\u007f");
        out.replace_range(start.., &escaped);
    }
}
