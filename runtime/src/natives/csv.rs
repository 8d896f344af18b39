//! CSV: reading into dicts or arrays, writing from them.

use super::Cx;
use super::args::{array_value, string_limit};
use super::library_args::{Options, dict_value};
use crate::error::{Error, Kind, Result};
use crate::limits;
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::semantics::arith::check_growth;
use crate::semantics::display::write_display;
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "formats";

    /// Reads CSV: dicts by the names of the first record, or arrays with header false.
    ///
    ///     print(parse_csv("a,b\n007,x"))   # expect: [{"a": 7, "b": x}]
    fn parse_csv(text: &str, options: Option<&Dict>) -> "array" [Pure; cx];

    /// Writes dicts, with a header, or arrays as CSV.
    ///
    ///     print(trim(to_csv([[1, "a,b"]])))   # expect: 1,"a,b"
    fn to_csv(rows: &Array, options: Option<&Dict>) -> "string" [Pure; cx];
}

fn delimiter(cx: &Cx<'_>, options: &Options<'_>) -> Result<char> {
    let Some(text) = options.text(cx, "delimiter")? else { return Ok(',') };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if !['"', '\n', '\r'].contains(&c) => Ok(c),
        _ => Err(options.bad_value(cx, "delimiter", "one character other than quote and line end")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    line_start: usize,
    delimiter: char,
}

/// What ended a field.
#[derive(PartialEq, Eq)]
enum End {
    Field,
    Record,
}

impl Reader<'_> {
    #[cold]
    fn fault(&self, cx: &Cx<'_>, what: &str) -> Error {
        let column = self.text[self.line_start..self.at].chars().count() + 1;
        cx.failure(Kind::ParseError, format!("{what} at line {} column {column}", self.line))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Skips a line end, if there is one.
    fn line_end(&mut self) -> bool {
        let n = match self.rest().as_bytes() {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return false,
        };
        self.at += n;
        self.line += 1;
        self.line_start = self.at;
        true
    }

    /// The fields of the next record, unless the text ends; empty lines are skipped.
    fn record<T>(
        &mut self,
        cx: &Cx<'_>,
        make: &mut impl FnMut(&str) -> T,
        fields: &mut Vec<T>,
    ) -> Result<bool> {
        while self.line_end() {}
        if self.at == self.text.len() {
            return Ok(false);
        }
        while self.field(cx, make, fields)? == End::Field {}
        Ok(true)
    }

    fn field<T>(
        &mut self,
        cx: &Cx<'_>,
        make: &mut impl FnMut(&str) -> T,
        fields: &mut Vec<T>,
    ) -> Result<End> {
        if self.rest().starts_with('"') {
            let content = self.quoted(cx)?;
            fields.push(make(&content));
        } else {
            let rest = self.rest();
            let end = rest.find([self.delimiter, '\n']).unwrap_or(rest.len());
            let mut content = &rest[..end];
            if rest[end..].starts_with('\n') {
                content = content.strip_suffix('\r').unwrap_or(content);
            }
            fields.push(make(content));
            self.at += content.len();
        }
        if self.rest().starts_with(self.delimiter) {
            self.at += self.delimiter.len_utf8();
            return Ok(End::Field);
        }
        if self.line_end() || self.at == self.text.len() {
            return Ok(End::Record);
        }
        Err(self.fault(cx, "unexpected text after the closing quote"))
    }

    fn quoted(&mut self, cx: &Cx<'_>) -> Result<String> {
        let mut content = String::new();
        let (start, line, line_start) = (self.at, self.line, self.line_start);
        self.at += 1;
        loop {
            let Some(end) = self.rest().find('"') else {
                (self.at, self.line, self.line_start) = (start, line, line_start);
                return Err(self.fault(cx, "quote without end"));
            };
            let piece = &self.text[self.at..self.at + end];
            content.push_str(piece);
            if let Some(last) = piece.rfind('\n') {
                self.line += piece.matches('\n').count();
                self.line_start = self.at + last + 1;
            }
            self.at += end + 1;
            if !self.rest().starts_with('"') {
                return Ok(content);
            }
            content.push('"');
            self.at += 1;
        }
    }
}

/// A number if the field has the form of one, else text.
fn typed(field: &str) -> Value {
    let digits = field.strip_prefix(['-', '+']).unwrap_or(field);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Value::str(field);
    }
    if digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(int) = field.parse()
    {
        return Value::int(int);
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let is_float = all_digits(whole)
        && fraction.map_or(!whole.is_empty(), |part| !part.is_empty() && all_digits(part))
        && exponent.is_none_or(|part| {
            let part = part.strip_prefix(['-', '+']).unwrap_or(part);
            !part.is_empty() && all_digits(part)
        });
    match field.parse::<f64>() {
        Ok(v) if is_float && v.is_finite() => Value::float(v),
        _ => Value::str(field),
    }
}

fn parse_csv(cx: &mut Cx<'_>, text: &str, options: Option<&Dict>) -> Result<Vec<Value>> {
    let options = Options::new(cx, "options", options, &["delimiter", "header", "types"])?;
    let delimiter = delimiter(cx, &options)?;
    let has_header = options.bool(cx, "header")?.unwrap_or(true);
    let has_types = options.bool(cx, "types")?.unwrap_or(true);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = Reader { text, at: 0, line: 1, line_start: 0, delimiter };
    let mut names: Vec<Value> = Vec::new();
    if has_header {
        reader.record(cx, &mut |name| Value::str(name), &mut names)?;
    }
    let mut make = |field: &str| if has_types { typed(field) } else { Value::str(field) };
    let mut width = has_header.then_some(names.len());
    let mut rows = Vec::new();
    loop {
        let mut fields = Vec::with_capacity(width.unwrap_or(0));
        while reader.line_end() {}
        let line = reader.line;
        if !reader.record(cx, &mut make, &mut fields)? {
            return Ok(rows);
        }
        let expected = *width.get_or_insert(fields.len());
        if fields.len() != expected {
            let what = format!("expected {expected} fields, got {}", fields.len());
            let place = format!("{what} at line {line} column 1");
            return Err(cx.failure(Kind::ParseError, place));
        }
        if !has_header {
            check_growth()?;
            rows.push(array_value(fields));
            continue;
        }
        let mut row = Dict::with_capacity(names.len());
        for (name, field) in names.iter().zip(fields) {
            row.insert(name.clone(), field);
        }
        check_growth()?;
        rows.push(dict_value(row));
    }
}

fn to_csv(cx: &mut Cx<'_>, rows: &Array, options: Option<&Dict>) -> Result<String> {
    let options = Options::new(cx, "options", options, &["delimiter"])?;
    let mut writer = Writer { out: String::new(), delimiter: delimiter(cx, &options)? };
    match rows.get(0).as_ref().map(Value::view) {
        None => {}
        Some(View::Dict(_)) => writer.dicts(cx, rows)?,
        Some(View::Array(_)) => writer.arrays(cx, rows)?,
        Some(_) => {
            return Err(cx.bad_type("rows[0]", "dict|array", &rows.get(0).unwrap_or_default()));
        }
    }
    Ok(writer.out)
}

struct Writer {
    out: String,
    delimiter: char,
}

impl Writer {
    fn dicts(&mut self, cx: &Cx<'_>, rows: &Array) -> Result<()> {
        // Keys in the order in which they are seen first.
        let mut header = Dict::new();
        for (i, row) in rows.iter().enumerate() {
            let View::Dict(dict) = row.view() else {
                return Err(cx.bad_type(&format!("rows[{i}]"), "dict", &row));
            };
            for (key, _) in dict.iter() {
                if !header.contains(key) {
                    header.insert(key.clone(), Value::NULL);
                }
            }
        }
        let keys: Vec<Value> = header.iter().map(|(key, _)| key.clone()).collect();
        self.record(cx, "header", keys.iter().cloned())?;
        for (i, row) in rows.iter().enumerate() {
            let View::Dict(dict) = row.view() else { continue };
            let fields = keys.iter().map(|key| dict.get(key).cloned().unwrap_or_default());
            self.record(cx, &format!("rows[{i}]"), fields)?;
        }
        Ok(())
    }

    fn arrays(&mut self, cx: &Cx<'_>, rows: &Array) -> Result<()> {
        for (i, row) in rows.iter().enumerate() {
            let path = format!("rows[{i}]");
            let View::Array(fields) = row.view() else {
                return Err(cx.bad_type(&path, "array", &row));
            };
            self.record(cx, &path, fields.iter())?;
        }
        Ok(())
    }

    fn record(
        &mut self,
        cx: &Cx<'_>,
        path: &str,
        fields: impl ExactSizeIterator<Item = Value>,
    ) -> Result<()> {
        let n = fields.len();
        for (i, field) in fields.enumerate() {
            if i > 0 {
                self.out.push(self.delimiter);
            }
            let start = self.out.len();
            match field.view() {
                View::Null | View::None => {}
                View::Str(_) | View::Int(_) | View::Bool(_) | View::Float(_) => {
                    write_display(&mut self.out, &field)?;
                }
                _ => {
                    let what = format!("cannot convert {} in {path}", type_name(&field));
                    return Err(cx.failure(Kind::TypeError, what));
                }
            }
            self.quote(start, n == 1);
        }
        self.out.push('\n');
        if self.out.len() > limits::STRING_BYTES {
            return Err(string_limit());
        }
        Ok(())
    }

    /// Quotes the field that starts at `start` if its text needs it.
    fn quote(&mut self, start: usize, is_only: bool) {
        let field = &self.out[start..];
        // A record of one empty field would read as an empty line.
        let is_plain = !field.contains(['"', '\n', '\r', self.delimiter]);
        if is_plain && !(is_only && field.is_empty()) {
            return;
        }
        let quoted = format!("\"{}\"", field.replace('"', "\"\""));
        self.out.replace_range(start.., &quoted);
    }
}
