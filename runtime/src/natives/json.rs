//! Reading JSON (RFC 8259) straight into values.

use super::Cx;
use super::args::{IntoValue, string_value};
use crate::error::{Error, Kind, Result};
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::objects::string::hash_text;
use crate::semantics::arith::{check_array_len, check_growth, check_memory};
use crate::value::{Value, View};

natives! {
    module "formats";

    /// Reads JSON.
    ///
    ///     print(parse_json("[1, 2.5, null]"))   # expect: [1, 2.5, null]
    fn parse_json(text: &str) -> "any" [Pure; cx];
}

/// Levels of nesting that a text may have.
const MAX_DEPTH: u32 = 512;

/// Recently read keys, so that repeated ones share one string.
const KEY_CACHE: usize = 64;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    keys: Vec<Value>,
}

/// Why a text has no value.
enum Fault {
    /// What is wrong, found at the parser's position.
    Wrong(&'static str),
    /// There is no memory for what it describes.
    Raised(Error),
}

impl From<Error> for Fault {
    #[cold]
    fn from(error: Error) -> Fault {
        Fault::Raised(error)
    }
}

type Parsed<T> = std::result::Result<T, Fault>;

fn parse_json(cx: &mut Cx<'_>, text: &str) -> Result<Value> {
    read(cx, text)
}

/// The value of a JSON text.
pub(super) fn read(cx: &Cx<'_>, text: &str) -> Result<Value> {
    let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut parser = Parser { text: body, at: 0, depth: 0, keys: Vec::new() };
    parser.document().map_err(|fault| {
        let what = match fault {
            Fault::Wrong(what) => what,
            Fault::Raised(error) => return error,
        };
        let before = &body[..parser.boundary()];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |part| part.chars().count()) + 1;
        cx.failure(Kind::ParseError, format!("{what} at line {line} column {column}"))
    })
}

impl Parser<'_> {
    /// The position, moved back to the start of a character.
    fn boundary(&self) -> usize {
        let mut at = self.at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn document(&mut self) -> Parsed<Value> {
        self.skip_space();
        let value = self.value()?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(Fault::Wrong("unexpected text after the value"));
        }
        Ok(value)
    }

    fn value(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => {
                self.at += 1;
                let start = self.at;
                if let Some(end) = self.plain_end() {
                    self.at = end + 1;
                    check_memory(end - start)?;
                    return Ok(Value::str(&self.text[start..end]));
                }
                Ok(string_value(self.escaped()?))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::TRUE),
            Some(b'f') => self.word("false", Value::FALSE),
            Some(b'n') => self.word("null", Value::NULL),
            Some(_) => Err(Fault::Wrong("unexpected character")),
            None => Err(Fault::Wrong("unexpected end")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Fault::Wrong("unexpected character"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::Wrong("nested too deeply"));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Parsed<Value> {
        let mut array = Array::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return array.into_value().map_err(Fault::Raised);
        }
        loop {
            self.skip_space();
            array.push(self.value()?);
            check_array_len(array.len())?;
            check_growth()?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return array.into_value().map_err(Fault::Raised);
                }
                Some(_) => return Err(Fault::Wrong("expected ',' or ']'")),
                None => return Err(Fault::Wrong("unexpected end")),
            }
        }
    }

    fn object(&mut self) -> Parsed<Value> {
        let mut dict = Dict::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return dict.into_value().map_err(Fault::Raised);
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(Fault::Wrong(if self.peek().is_some() {
                    "expected a name in double quotes"
                } else {
                    "unexpected end"
                }));
            }
            self.at += 1;
            let key = self.key()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(Fault::Wrong("expected ':'"));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value()?;
            dict.insert(key, value);
            check_array_len(dict.len())?;
            check_growth()?;
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return dict.into_value().map_err(Fault::Raised);
                }
                Some(_) => return Err(Fault::Wrong("expected ',' or '}'")),
                None => return Err(Fault::Wrong("unexpected end")),
            }
        }
    }

    fn key(&mut self) -> Parsed<Value> {
        let start = self.at;
        let Some(end) = self.plain_end() else { return Ok(string_value(self.escaped()?)) };
        self.at = end + 1;
        let name = &self.text[start..end];
        if self.keys.is_empty() {
            self.keys.resize(KEY_CACHE, Value::NULL);
        }
        let slot = &mut self.keys[(hash_text(name) >> 32) as usize % KEY_CACHE];
        match slot.view() {
            View::Str(known) if known.as_str() == name => {}
            _ => *slot = Value::str(name),
        }
        Ok(slot.clone())
    }

    /// The end of the text up to the closing quote, if nothing in it is escaped or forbidden.
    fn plain_end(&self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20)?;
        (rest[len] == b'"').then_some(self.at + len)
    }

    fn escaped(&mut self) -> Parsed<String> {
        let mut out = String::new();
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let special = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
            let Some(len) = special else {
                self.at = self.text.len();
                return Err(Fault::Wrong("unterminated string"));
            };
            out.push_str(&self.text[self.at..self.at + len]);
            self.at += len;
            match rest[len] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return Err(Fault::Wrong("control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let Some(kind) = self.peek() else { return Err(Fault::Wrong("unterminated string")) };
        let plain = match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(Fault::Wrong("invalid escape sequence")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// `uXXXX`, or two of them that make a surrogate pair.
    fn unicode_escape(&mut self) -> Parsed<char> {
        let first = self.hex4()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(Fault::Wrong("unpaired surrogate"));
        }
        if self.peek() != Some(b'\\') || self.text.as_bytes().get(self.at + 1) != Some(&b'u') {
            return Err(Fault::Wrong("unpaired surrogate"));
        }
        self.at += 1;
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(Fault::Wrong("unpaired surrogate"));
        }
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        char::from_u32(code).ok_or(Fault::Wrong("unpaired surrogate"))
    }

    /// The four hex digits behind a `u`.
    fn hex4(&mut self) -> Parsed<u32> {
        let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
        let code = digits.and_then(|digits| {
            digits.iter().try_fold(0, |code, &d| Some(code * 16 + char::from(d).to_digit(16)?))
        });
        self.at += 5;
        code.ok_or(Fault::Wrong("invalid escape sequence"))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let starts_with_zero = self.peek() == Some(b'0');
        let n_digits = self.digits();
        if n_digits == 0 || starts_with_zero && n_digits > 1 {
            return Err(Fault::Wrong("invalid number"));
        }
        let mut is_int = true;
        if self.peek() == Some(b'.') {
            is_int = false;
            self.at += 1;
            if self.digits() == 0 {
                return Err(Fault::Wrong("invalid number"));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            is_int = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(Fault::Wrong("invalid number"));
            }
        }
        let text = &self.text[start..self.at];
        if is_int && let Ok(int) = text.parse() {
            return Ok(Value::int(int));
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::float(float)),
            _ => Err(Fault::Wrong("number too large")),
        }
    }
}
