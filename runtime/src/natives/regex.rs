//! Regular expressions: linear time, with compiled patterns kept for the next call.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

use regex::{CaptureLocations, Captures, Regex, RegexBuilder};
use rustc_hash::FxHashMap;

use super::Cx;
use super::args::{StrOrFunc, array_value, string_limit};
use super::library_args::{dict_value, text_of};
use super::results::collected;
use crate::error::{Kind, Result};
use crate::limits;
use crate::objects::dict::Dict;
use crate::value::Value;

natives! {
    module "regex";

    /// Whether the pattern matches anywhere.
    ///
    ///     print(regex_match("x=12", "[0-9]+"))   # expect: true
    fn regex_match(text: &str, pattern: &str) -> "bool" [Pure; cx];

    /// The first match as {match, start, end, groups, named}, or null.
    ///
    ///     print(regex_find("x=12", "[0-9]+").start)   # expect: 2
    fn regex_find(text: &str, pattern: &str) -> "dict|null" [Pure; cx];

    /// The texts of all matches.
    ///
    ///     print(regex_find_all("a1b22", "[a-z][0-9]+"))   # expect: [a1, b22]
    fn regex_find_all(text: &str, pattern: &str) -> "array<string>" [Pure; cx];

    /// All matches as dicts.
    ///
    ///     print(regex_captures("a1b2", "([a-z])([0-9])")[1].groups)   # expect: [b, 2]
    fn regex_captures(text: &str, pattern: &str) -> "array<dict>" [Pure; cx];

    /// Replaces all matches by a text with `$1`, `$name`, `${name}`, or by what a func makes of
    /// the match dict.
    ///
    ///     print(regex_replace("2024-05", "([0-9]+)-([0-9]+)", "$2/$1"))   # expect: 05/2024
    fn regex_replace(text: &str, pattern: &str, replacement: StrOrFunc<'_>)
        -> "string" [PureCallback; cx];

    /// The pieces between matches.
    ///
    ///     print(regex_split("a1b22c", "[0-9]+"))   # expect: [a, b, c]
    fn regex_split(text: &str, pattern: &str) -> "array<string>" [Pure; cx];

    /// The text with all special characters escaped.
    ///
    ///     print(len(regex_escape("a.b")))   # expect: 4
    fn regex_escape(text: &str) -> "string" [Pure];
}

/// Bytes of a pattern.
const MAX_PATTERN: usize = 64 << 10;
/// Bytes of a compiled pattern.
const MAX_COMPILED: usize = 10 << 20;
/// Compiled patterns that are kept.
const CACHE: usize = 128;

thread_local! {
    static COMPILED: RefCell<FxHashMap<Box<str>, Rc<Compiled>>> = RefCell::default();
}

/// A pattern, with what is used again by each search.
struct Compiled {
    regex: Regex,
    locations: RefCell<CaptureLocations>,
    /// The groups with names.
    named: Vec<(Box<str>, usize)>,
}

impl Compiled {
    fn new(regex: Regex) -> Compiled {
        let names = regex.capture_names().enumerate();
        Compiled {
            locations: RefCell::new(regex.capture_locations()),
            named: names.filter_map(|(i, name)| Some((name?.into(), i))).collect(),
            regex,
        }
    }
}

impl Deref for Compiled {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.regex
    }
}

fn compiled(cx: &Cx<'_>, pattern: &str) -> Result<Rc<Compiled>> {
    if let Some(known) = COMPILED.with_borrow(|all| all.get(pattern).cloned()) {
        return Ok(known);
    }
    if pattern.len() > MAX_PATTERN {
        let what = format!("pattern longer than {MAX_PATTERN} bytes");
        return Err(cx.failure(Kind::ParseError, what));
    }
    let built = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
    let regex = built.map_err(|error| {
        let text = error.to_string();
        // The last line says what is wrong, those before show where.
        let line = text.lines().last().unwrap_or("").trim();
        let detail = line.strip_prefix("error: ").unwrap_or(line);
        cx.failure(Kind::ParseError, format!("invalid pattern: {detail}"))
    })?;
    let regex = Rc::new(Compiled::new(regex));
    COMPILED.with_borrow_mut(|all| {
        if all.len() >= CACHE {
            all.clear();
        }
        all.insert(pattern.into(), regex.clone());
    });
    Ok(regex)
}

/// Converts byte offsets that do not decrease to positions in characters.
struct Positions<'a> {
    text: &'a str,
    is_ascii: bool,
    bytes: usize,
    chars: usize,
}

impl<'a> Positions<'a> {
    fn new(text: &'a str) -> Positions<'a> {
        Positions { text, is_ascii: text.is_ascii(), bytes: 0, chars: 0 }
    }

    fn at(&mut self, offset: usize) -> Value {
        if self.is_ascii {
            return Value::int(offset as i64);
        }
        self.chars += self.text[self.bytes..offset].chars().count();
        self.bytes = offset;
        Value::int(self.chars as i64)
    }
}

/// Where a group is.
fn range(found: &Captures<'_>, group: usize) -> Option<(usize, usize)> {
    found.get(group).map(|found| (found.start(), found.end()))
}

/// The dict of a match, whose groups `at` tells.
fn match_dict(
    regex: &Compiled,
    at: impl Fn(usize) -> Option<(usize, usize)>,
    positions: &mut Positions<'_>,
) -> Value {
    let source = positions.text;
    let text =
        |group| at(group).map_or(Value::NULL, |(start, end)| Value::str(&source[start..end]));
    let mut dict = Dict::with_capacity(5);
    if let Some((from, to)) = at(0) {
        dict.insert_str("match", Value::str(&source[from..to]));
        dict.insert_str("start", positions.at(from));
        dict.insert_str("end", positions.at(to));
    }
    dict.insert_str("groups", array_value((1..regex.captures_len()).map(text).collect()));
    let mut of_names = Dict::with_capacity(regex.named.len());
    for (name, group) in &regex.named {
        of_names.insert_str(name, text(*group));
    }
    dict.insert_str("named", dict_value(of_names));
    dict_value(dict)
}

fn regex_match(cx: &mut Cx<'_>, text: &str, pattern: &str) -> Result<bool> {
    Ok(compiled(cx, pattern)?.is_match(text))
}

fn regex_find(cx: &mut Cx<'_>, text: &str, pattern: &str) -> Result<Value> {
    let regex = compiled(cx, pattern)?;
    let locations = &mut *regex.locations.borrow_mut();
    if regex.captures_read(locations, text).is_none() {
        return Ok(Value::NULL);
    }
    Ok(match_dict(&regex, |i| locations.get(i), &mut Positions::new(text)))
}

fn regex_find_all(cx: &mut Cx<'_>, text: &str, pattern: &str) -> Result<Vec<Value>> {
    let regex = compiled(cx, pattern)?;
    collected(regex.find_iter(text).map(|found| Value::str(found.as_str())))
}

fn regex_captures(cx: &mut Cx<'_>, text: &str, pattern: &str) -> Result<Vec<Value>> {
    let regex = compiled(cx, pattern)?;
    let mut positions = Positions::new(text);
    let all = regex.captures_iter(text);
    collected(all.map(|found| match_dict(&regex, |i| range(&found, i), &mut positions)))
}

fn regex_replace(
    cx: &mut Cx<'_>,
    text: &str,
    pattern: &str,
    replacement: StrOrFunc<'_>,
) -> Result<String> {
    let regex = compiled(cx, pattern)?;
    let mut positions = Positions::new(text);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for found in regex.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(&text[end..whole.start()]);
        end = whole.end();
        if let Some(template) = text_of(&replacement) {
            found.expand(template, &mut out);
        } else {
            let dict = match_dict(&regex, |i| range(&found, i), &mut positions);
            let made = cx.call(&replacement, [dict])?;
            let Some(made) = text_of(&made) else {
                return Err(cx.bad_type("replacement(match)", "string", &made));
            };
            out.push_str(made);
        }
        if out.len() > limits::STRING_BYTES {
            return Err(string_limit());
        }
    }
    out.push_str(&text[end..]);
    Ok(out)
}

fn regex_split(cx: &mut Cx<'_>, text: &str, pattern: &str) -> Result<Vec<Value>> {
    collected(compiled(cx, pattern)?.split(text).map(Value::str))
}

fn regex_escape(text: &str) -> Result<String> {
    Ok(regex::escape(text))
}
