//! Further parameter types, of the modules that talk to the world: data, lists of texts, option
//! dicts, structs that natives return.

use std::slice::{Iter, IterMut};

use super::Cx;
use super::args::{Fit, FromArg, IntoValue, type_mismatch};
use super::results::note_made;
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::limits;
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::dict::Dict;
use crate::objects::structs::Struct;
use crate::value::{Tag, Value, View};

/// The UTF-8 bytes of a string, or bytes.
#[derive(Clone, Copy)]
pub(super) struct Data<'a>(pub &'a [u8]);

impl<'a> FromArg<'a> for Data<'a> {
    const TYPE: &'static str = "data";
    fn fit(value: &Value) -> Fit {
        Fit::when(matches!(value.tag(), Tag::Str | Tag::Bytes))
    }
    fn convert(slot: &'a mut Value) -> Data<'a> {
        Data(data_of(slot).unwrap_or_default())
    }
}

/// The bytes of a string or bytes value.
pub(super) fn data_of(value: &Value) -> Option<&[u8]> {
    match value.view() {
        View::Str(text) => Some(text.as_str().as_bytes()),
        View::Bytes(bytes) => Some(&bytes.0),
        _ => None,
    }
}

/// An array whose elements are strings.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a>(pub &'a Array);

impl<'a> FromArg<'a> for Texts<'a> {
    const TYPE: &'static str = "array<string>";
    fn fit(value: &Value) -> Fit {
        Fit::when(value.tag() == Tag::Array)
    }
    fn convert(slot: &'a mut Value) -> Texts<'a> {
        Texts(<&Array>::convert(slot))
    }
    fn check(slots: &mut Iter<'_, Value>, name: &str, param: &str) -> Result<()> {
        let Some(value) = slots.next() else { return Ok(()) };
        let View::Array(array) = value.view() else {
            return Err(type_mismatch(name, param, Self::TYPE, value));
        };
        match array.iter().enumerate().find(|(_, item)| item.tag() != Tag::Str) {
            None => Ok(()),
            Some((i, item)) => Err(type_mismatch(name, &format!("{param}[{i}]"), "string", &item)),
        }
    }
}

/// All further arguments, which are strings; at least one.
#[derive(Clone, Copy)]
pub(super) struct RestTexts<'a>(pub &'a [Value]);

impl<'a> FromArg<'a> for RestTexts<'a> {
    const TYPE: &'static str = "string";
    const IS_REST: bool = true;
    const LEAST: usize = 1;

    fn fit(value: &Value) -> Fit {
        Fit::when(value.tag() == Tag::Str)
    }
    fn convert(slot: &'a mut Value) -> RestTexts<'a> {
        RestTexts(std::slice::from_ref(slot))
    }
    fn check(slots: &mut Iter<'_, Value>, name: &str, param: &str) -> Result<()> {
        match slots.clone().enumerate().find(|(_, value)| value.tag() != Tag::Str) {
            None => Ok(()),
            Some((i, value)) => {
                Err(type_mismatch(name, &format!("{param}[{i}]"), Self::TYPE, value))
            }
        }
    }
    fn take(slots: &mut IterMut<'a, Value>) -> RestTexts<'a> {
        RestTexts(std::mem::take(slots).into_slice())
    }
}

impl Texts<'_> {
    pub(super) fn to_vec(self) -> Vec<String> {
        self.0.iter().filter_map(|item| text_of(&item).map(str::to_owned)).collect()
    }
}

/// The text of a string.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    match value.view() {
        View::Str(text) => Some(text.as_str()),
        _ => None,
    }
}

impl IntoValue for Vec<u8> {
    fn into_value(self) -> Result<Value> {
        if self.len() > limits::STRING_BYTES {
            return Err(super::args::string_limit());
        }
        Ok(bytes_value(self))
    }
}

/// A bytes value.
pub(super) fn bytes_value(bytes: Vec<u8>) -> Value {
    note_made(bytes.len());
    Value::from_ref(Ref::new(Bytes(bytes.into())))
}

/// A dict value.
pub(super) fn dict_value(dict: Dict) -> Value {
    Value::from_ref(Ref::new(dict))
}

/// A struct of the library: its declaration number, name, and fields with their content.
pub(super) fn library_struct<const N: usize>(
    cx: &mut Cx<'_>,
    decl_id: u64,
    name: &str,
    fields: [(&str, Value); N],
) -> Value {
    let names = fields.each_ref().map(|(name, _)| *name);
    let def = cx.host.isolate().library_def(decl_id, name, &names);
    let mut fields = fields;
    Struct::make(def.base_shape(), |slot| fields[slot].1.take())
}

/// A dict of options whose names are known.
pub(super) struct Options<'a> {
    param: &'static str,
    dict: Option<&'a Dict>,
}

impl<'a> Options<'a> {
    /// # Errors
    /// ValueError for a name that is not known.
    pub(super) fn new(
        cx: &Cx<'_>,
        param: &'static str,
        dict: Option<&'a Dict>,
        known: &[&str],
    ) -> Result<Options<'a>> {
        for (key, _) in dict.into_iter().flat_map(Dict::iter) {
            if !text_of(key).is_some_and(|key| known.contains(&key)) {
                let key = crate::semantics::display::display(key)?;
                let what = format!("unknown option '{key}' in '{param}'");
                return Err(cx.failure(Kind::ValueError, what));
            }
        }
        Ok(Options { param, dict })
    }

    /// The value of an option; null counts as left out.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.dict?.get_str(name).filter(|value| !value.is_null())
    }

    /// How messages call an option.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}[\"{name}\"]", self.param)
    }

    #[cold]
    pub(super) fn bad_type(&self, cx: &Cx<'_>, name: &str, ty: &'static str) -> Error {
        cx.bad_type(&self.path(name), ty, self.get(name).unwrap_or(&Value::NULL))
    }

    #[cold]
    pub(super) fn bad_value(&self, cx: &Cx<'_>, name: &str, condition: &str) -> Error {
        let got = self.get(name).cloned().unwrap_or_default();
        cx.bad_value(&self.path(name), condition, got)
    }

    pub(super) fn bool(&self, cx: &Cx<'_>, name: &str) -> Result<Option<bool>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.bad_type(cx, name, "bool"))
    }

    pub(super) fn text(&self, cx: &Cx<'_>, name: &str) -> Result<Option<&'a str>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        text_of(value).map(Some).ok_or_else(|| self.bad_type(cx, name, "string"))
    }

    pub(super) fn dict(&self, cx: &Cx<'_>, name: &str) -> Result<Option<&'a Dict>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.view() {
            View::Dict(dict) => Ok(Some(dict)),
            _ => Err(self.bad_type(cx, name, "dict")),
        }
    }

    /// A whole number that is at least `least`.
    pub(super) fn whole(&self, cx: &Cx<'_>, name: &str, least: i64) -> Result<Option<i64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value.view() {
            View::Int(v) => v,
            View::Float(v) if v.is_finite() => v as i64,
            _ => return Err(self.bad_type(cx, name, "int")),
        };
        if number < least {
            return Err(self.bad_value(cx, name, &format!(">= {least}")));
        }
        Ok(Some(number))
    }

    /// A number above 0.
    pub(super) fn positive(&self, cx: &Cx<'_>, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value.view() {
            View::Int(v) => v as f64,
            View::Float(v) => v,
            _ => return Err(self.bad_type(cx, name, "number")),
        };
        if number > 0.0 { Ok(Some(number)) } else { Err(self.bad_value(cx, name, "> 0")) }
    }

    /// Names and texts of a dict of strings.
    pub(super) fn texts(&self, cx: &Cx<'_>, name: &str) -> Result<Vec<(&'a str, &'a str)>> {
        let Some(dict) = self.dict(cx, name)? else { return Ok(Vec::new()) };
        let path = self.path(name);
        dict_texts(cx, &path, dict)
    }

    /// An array of strings.
    pub(super) fn text_list(&self, cx: &Cx<'_>, name: &str) -> Result<Option<Vec<String>>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let View::Array(array) = value.view() else {
            return Err(self.bad_type(cx, name, "array"));
        };
        let mut texts = Vec::with_capacity(array.len());
        for (i, item) in array.iter().enumerate() {
            let Some(text) = text_of(&item) else {
                return Err(cx.bad_type(&format!("{}[{i}]", self.path(name)), "string", &item));
            };
            texts.push(text.to_owned());
        }
        Ok(Some(texts))
    }
}

/// Names and texts of a dict of strings.
pub(super) fn dict_texts<'a>(
    cx: &Cx<'_>,
    path: &str,
    dict: &'a Dict,
) -> Result<Vec<(&'a str, &'a str)>> {
    let mut texts = Vec::with_capacity(dict.len());
    for (key, value) in dict.iter() {
        let Some(key) = text_of(key) else {
            return Err(cx.bad_type(path, "dict with string keys", key));
        };
        let Some(text) = text_of(value) else {
            return Err(cx.bad_type(&format!("{path}[\"{key}\"]"), "string", value));
        };
        texts.push((key, text));
    }
    Ok(texts)
}
