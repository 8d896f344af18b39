//! Types: conversions and tests.

use super::args::{BytesSource, Convertible, DictOrIterable, IterableOrDict, Rest, is_callable};
use super::items::Items;
use super::{Cx, args};
use crate::error::{Kind, Result};
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::dict::Dict;
use crate::semantics::display::display;
use crate::semantics::stages::make_iterator;
use crate::semantics::{convert, truthy, type_name};
use crate::value::{Tag, Value, View};

natives! {
    module "types";

    /// Reads an int: white space, a sign and digits of the base (2 to 36).
    ///
    ///     print(parse_int("  +42 "), parse_int("ff", 16))   # expect: 42 255
    fn parse_int(text: &str, base: Option<i64>) -> "int" [Pure; cx];

    /// Reads a decimal number, `inf`, `infinity` or `nan`.
    ///
    ///     print(parse_float("2.5e1"))   # expect: 25
    fn parse_float(text: &str) -> "float" [Pure; cx];

    /// The value as an int; floats are truncated, strings read in base 10.
    ///
    ///     print(to_int(-3.7), to_int("12"), to_int(true))   # expect: -3 12 1
    fn to_int(value: Convertible<'_>) -> "int" [Pure; cx];

    /// The value as a float.
    ///
    ///     print(to_float("1e3") / 2)   # expect: 500
    fn to_float(value: Convertible<'_>) -> "float" [Pure; cx];

    /// The display form.
    ///
    ///     print(to_string([1, "a"]) + "!")   # expect: [1, a]!
    fn to_string as to_string | str(value: Value) -> "string" [Pure];

    /// The truth of a value; the strings "false" and "0" are false too.
    ///
    ///     print(to_bool("no"), to_bool("0"))   # expect: true false
    fn to_bool(value: &Value) -> "bool" [Pure];

    /// Bytes from ints 0 to 255 or from a string's UTF-8 form.
    ///
    ///     print(bytes("hé"))   # expect: <bytes: 3>
    fn bytes(source: BytesSource<'_>) -> "bytes" [Pure; cx];

    /// Decodes UTF-8.
    ///
    ///     print(bytes_to_string(bytes([72, 105])))   # expect: Hi
    fn bytes_to_string(data: &Bytes, lossy: Option<bool>) -> "string" [Pure; cx];

    /// The UTF-8 form of a text.
    ///
    ///     print(len(string_to_bytes("é")))   # expect: 2
    fn string_to_bytes(text: &str) -> "bytes" [Pure];

    /// The name of the value's type.
    ///
    ///     print(type(1), type([]), type(print))   # expect: int array function
    fn type_of as type | type_of(value: &Value) -> "string" [Pure];

    /// Whether the value is an int.
    ///
    ///     print(is_int(1), is_int(1.0))   # expect: true false
    fn is_int(value: &Value) -> "bool" [Pure];

    /// Whether the value is a float.
    ///
    ///     print(is_float(1.0))   # expect: true
    fn is_float(value: &Value) -> "bool" [Pure];

    /// Whether the value is a string.
    ///
    ///     print(is_string(""))   # expect: true
    fn is_string(value: &Value) -> "bool" [Pure];

    /// Whether the value is a bool.
    ///
    ///     print(is_bool(0))   # expect: false
    fn is_bool(value: &Value) -> "bool" [Pure];

    /// Whether the value is an array.
    ///
    ///     print(is_array([]))   # expect: true
    fn is_array(value: &Value) -> "bool" [Pure];

    /// Whether the value is a dict.
    ///
    ///     print(is_dict({}))   # expect: true
    fn is_dict(value: &Value) -> "bool" [Pure];

    /// Whether the value is null.
    ///
    ///     print(is_null(null))   # expect: true
    fn is_null(value: &Value) -> "bool" [Pure];

    /// Whether the value can be called.
    ///
    ///     print(is_function(len))   # expect: true
    fn is_function(value: &Value) -> "bool" [Pure];

    /// Whether the value is an int or a float.
    ///
    ///     print(is_number(NAN))   # expect: true
    fn is_number(value: &Value) -> "bool" [Pure];

    /// Whether the value is bytes.
    ///
    ///     print(is_bytes("a"))   # expect: false
    fn is_bytes(value: &Value) -> "bool" [Pure];

    /// Whether the value is a set.
    ///
    ///     print(is_set(Set()))   # expect: true
    fn is_set(value: &Value) -> "bool" [Pure];

    /// Whether the value is an instance of a struct.
    ///
    ///     print(is_struct({}))   # expect: false
    fn is_struct(value: &Value) -> "bool" [Pure];

    /// What a condition would decide.
    ///
    ///     print(is_truthy("false"), is_truthy([]))   # expect: true false
    fn is_truthy(value: &Value) -> "bool" [Pure];

    /// The array of the arguments.
    ///
    ///     print(array(1, "a"))   # expect: [1, a]
    fn array(values: Rest<'_>) -> "array" [Pure];

    /// An empty dict, a copy of a dict, or a dict built from pairs.
    ///
    ///     print(dict([["a", 1]]))   # expect: {"a": 1}
    fn dict(source: Option<DictOrIterable>) -> "dict" [PureCallback; cx];

    /// All items; a dict gives its pairs.
    ///
    ///     print(to_array("ab"), to_array({"a": 1}))   # expect: [a, b] [[a, 1]]
    fn to_array(source: IterableOrDict) -> "array" [PureCallback; cx];

    /// A dict from pairs [key, value].
    ///
    ///     print(to_dict([["a", 1], [2, "b"]]))   # expect: {"a": 1, 2: b}
    fn to_dict(pairs: Items) -> "dict" [PureCallback; cx];

    /// A lazy iterator over the items.
    ///
    ///     it := iter([1, 2, 3])
    ///     print(it.next(), it.collect())   # expect: Some(1) [2, 3]
    fn iter(source: args::Iterable) -> "iterator" [PureCallback];
}

fn parse_int(cx: &mut Cx<'_>, text: &str, base: Option<i64>) -> Result<i64> {
    let base = base.unwrap_or(10);
    if !(2..=36).contains(&base) {
        return Err(cx.bad_value("base", "2 to 36", base));
    }
    convert::parse_int(cx.name, text, base as u32)
}

fn parse_float(cx: &mut Cx<'_>, text: &str) -> Result<f64> {
    convert::parse_float(cx.name, text)
}

fn to_int(cx: &mut Cx<'_>, value: Convertible<'_>) -> Result<i64> {
    convert::to_int(cx.name, &value)
}

fn to_float(cx: &mut Cx<'_>, value: Convertible<'_>) -> Result<f64> {
    convert::to_float(cx.name, &value)
}

fn to_string(value: Value) -> Result<Value> {
    match value.view() {
        View::Str(_) => Ok(value),
        View::Int(i) => Ok(Value::str(itoa::Buffer::new().format(i))),
        _ => Ok(args::string_value(display(&value)?)),
    }
}

fn to_bool(value: &Value) -> Result<bool> {
    Ok(convert::to_bool(value))
}

fn bytes(cx: &mut Cx<'_>, source: BytesSource<'_>) -> Result<Bytes> {
    let array = match source.view() {
        View::Bytes(bytes) => return Ok(bytes.clone()),
        View::Str(text) => return string_to_bytes(text.as_str()),
        View::Array(array) => array,
        _ => return Err(cx.bad_type("source", BYTES_WORDS, &source)),
    };
    let byte = |(i, item): (usize, Value)| {
        let param = || format!("source[{i}]");
        let v = item.as_int().ok_or_else(|| cx.bad_type(&param(), "int", &item))?;
        u8::try_from(v).map_err(|_| cx.bad_value(&param(), "0 to 255", v))
    };
    Ok(Bytes(array.iter().enumerate().map(byte).collect::<Result<_>>()?))
}

const BYTES_WORDS: &str = "array<int>|string|bytes";

fn bytes_to_string(cx: &mut Cx<'_>, data: &Bytes, lossy: Option<bool>) -> Result<String> {
    if lossy == Some(true) {
        return Ok(String::from_utf8_lossy(&data.0).into_owned());
    }
    match std::str::from_utf8(&data.0) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            Err(cx.failure(Kind::ParseError, format!("invalid UTF-8 at byte {at}")))
        }
    }
}

fn string_to_bytes(text: &str) -> Result<Bytes> {
    Ok(Bytes(text.as_bytes().into()))
}

fn type_of(value: &Value) -> Result<&'static str> {
    Ok(type_name(value))
}

fn is_int(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Int)
}

fn is_float(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Float)
}

fn is_string(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Str)
}

fn is_bool(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Bool)
}

fn is_array(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Array)
}

fn is_dict(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Dict)
}

fn is_null(value: &Value) -> Result<bool> {
    Ok(value.is_null())
}

fn is_function(value: &Value) -> Result<bool> {
    Ok(is_callable(value))
}

fn is_number(value: &Value) -> Result<bool> {
    Ok(matches!(value.tag(), Tag::Int | Tag::Float))
}

fn is_bytes(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Bytes)
}

fn is_set(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Set)
}

fn is_struct(value: &Value) -> Result<bool> {
    Ok(value.tag() == Tag::Struct)
}

fn is_truthy(value: &Value) -> Result<bool> {
    Ok(truthy(value))
}

fn array(values: Rest<'_>) -> Result<Vec<Value>> {
    Ok(values.0.to_vec())
}

fn dict(cx: &mut Cx<'_>, source: Option<DictOrIterable>) -> Result<Value> {
    match source {
        None => args::IntoValue::into_value(Dict::new()),
        Some(source) if source.0.tag() == Tag::Dict => Ok(source.0),
        Some(source) => {
            let dict = pairs_to_dict(cx, "source", Items::of(source.0))?;
            args::IntoValue::into_value(dict)
        }
    }
}

fn to_array(cx: &mut Cx<'_>, source: IterableOrDict) -> Result<Value> {
    if let View::Dict(dict) = source.0.view() {
        return args::IntoValue::into_value(super::dicts::pairs(dict));
    }
    Items::of(source.0).into_array_value(cx)
}

pub(super) fn to_dict(cx: &mut Cx<'_>, pairs: Items) -> Result<Dict> {
    pairs_to_dict(cx, "pairs", pairs)
}

fn pairs_to_dict(cx: &mut Cx<'_>, param: &str, mut pairs: Items) -> Result<Dict> {
    let mut dict = Dict::new();
    let mut i = 0;
    while let Some(item) = pairs.next(cx.host)? {
        let pair: Option<&Array> = match item.view() {
            View::Array(pair) if pair.len() == 2 => Some(pair),
            _ => None,
        };
        let Some((key, value)) = pair.and_then(|p| p.get(0).zip(p.get(1))) else {
            let what = format!("argument '{param}[{i}]' must be a pair [key, value]");
            return Err(cx.failure(Kind::TypeError, what));
        };
        if !Dict::is_key(&key) {
            return Err(args::bad_key());
        }
        dict.insert(key, value);
        i += 1;
    }
    Ok(dict)
}

fn iter(source: args::Iterable) -> Result<Value> {
    Ok(make_iterator(source.0))
}
