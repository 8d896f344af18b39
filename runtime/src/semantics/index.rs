//! Reading elements, entries, fields and exports (LS 7.8).

use crate::error::{Error, Kind, Result};
use crate::objects::module::ModuleObj;
use crate::objects::string::make_char;
use crate::value::{Tag, Value, View};

/// `object[index]`.
///
/// # Errors
/// `Index out of bounds`, `Missing map key`, `Dict keys must be strings or ints`,
/// `Invalid index operation`.
#[inline]
pub fn get(object: &Value, index: &Value) -> Result<Value> {
    match object.view() {
        View::Array(array) => {
            let Some(i) = index.as_int() else { return Err(invalid_index()) };
            let found = resolve_index(i, array.len()).and_then(|at| array.get(at));
            found.ok_or_else(|| index_out_of_bounds(i))
        }
        View::Dict(dict) => match dict.get(index) {
            Some(value) => Ok(value.clone()),
            None => Err(missing_key(index)),
        },
        _ => get_other(object, index),
    }
}

fn get_other(object: &Value, index: &Value) -> Result<Value> {
    match (object.view(), index.as_int()) {
        (View::Str(s), Some(i)) => {
            let found = if i >= 0 {
                s.char_at(i as usize)
            } else {
                resolve_index(i, s.n_chars()).and_then(|at| s.char_at(at))
            };
            found.map(make_char).ok_or_else(|| index_out_of_bounds(i))
        }
        (View::Bytes(bytes), Some(i)) => {
            let found = resolve_index(i, bytes.0.len()).map(|at| bytes.0[at]);
            found.map(|b| Value::int(i64::from(b))).ok_or_else(|| index_out_of_bounds(i))
        }
        _ => Err(invalid_index()),
    }
}

/// The position that an index means, negative ones counted from the end.
#[inline(always)]
pub fn resolve_index(i: i64, len: usize) -> Option<usize> {
    let at = if i < 0 { i.checked_add(len as i64)? } else { i };
    (at >= 0 && (at as usize) < len).then_some(at as usize)
}

/// `object.name`.
///
/// # Errors
/// `Field not found`, `Missing map key`, `Symbol 'x' not found in module 'm'`,
/// `Cannot access field or method 'f' on non-struct value`; those of reading a variable for the
/// export of a module.
#[inline]
pub fn field(object: &Value, name: &str) -> Result<Value> {
    match object.view() {
        View::Struct(instance) => match instance.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(field_not_found(name)),
        },
        View::Dict(dict) => match dict.get_str(name) {
            Some(value) => Ok(value.clone()),
            None => Err(missing_text_key(name)),
        },
        View::Module(module) => export(module, name),
        View::Resource(resource) => resource.0.field(name).ok_or_else(|| field_not_found(name)),
        _ => Err(no_fields(name)),
    }
}

/// `object?.name`.
///
/// # Errors
/// As for [`field`], except for a missing field or entry.
pub fn field_or_null(object: &Value, name: &str) -> Result<Value> {
    match object.view() {
        View::Null => Ok(Value::NULL),
        View::Struct(instance) => Ok(instance.get(name).cloned().unwrap_or_default()),
        View::Dict(dict) => Ok(dict.get_str(name).cloned().unwrap_or_default()),
        View::Resource(resource) => Ok(resource.0.field(name).unwrap_or_default()),
        _ => field(object, name),
    }
}

/// The present value of an export.
///
/// # Errors
/// ImportError if there is none; those of reading a variable.
pub fn export(module: &ModuleObj, name: &str) -> Result<Value> {
    match module.body.export(name) {
        Some(value) => readable(value, name),
        None => Err(symbol_not_found(name, &module.body.name)),
    }
}

/// The content of a variable, unless it is unassigned or in use.
///
/// # Errors
/// `Undefined variable: x`, `Variable is in use by a mutating call: x`.
#[inline]
pub fn readable(content: Value, name: &str) -> Result<Value> {
    match content.tag() {
        Tag::Unassigned => Err(undefined_variable(name)),
        Tag::InUse => Err(variable_in_use(name)),
        _ => Ok(content),
    }
}

#[cold]
pub fn undefined_variable(name: &str) -> Error {
    Error::new(Kind::NameError, format!("Undefined variable: {name}"))
}

#[cold]
pub fn variable_in_use(name: &str) -> Error {
    Error::new(Kind::AccessError, format!("Variable is in use by a mutating call: {name}"))
}

#[cold]
pub fn index_out_of_bounds(i: i64) -> Error {
    Error::new(Kind::IndexError, format!("Index out of bounds: {i}"))
}

#[cold]
pub fn invalid_index() -> Error {
    Error::new(Kind::TypeError, "Invalid index operation")
}

/// The error of a dict access by `key`, also for values that cannot be keys.
#[cold]
pub fn missing_key(key: &Value) -> Error {
    match key.view() {
        View::Int(v) => Error::new(Kind::KeyError, format!("Missing map key: {v}")),
        View::Str(s) => missing_text_key(s.as_str()),
        _ => bad_key(),
    }
}

#[cold]
pub fn missing_text_key(key: &str) -> Error {
    Error::new(Kind::KeyError, format!("Missing map key: \"{key}\""))
}

#[cold]
pub fn bad_key() -> Error {
    Error::new(Kind::TypeError, "Dict keys must be strings or ints")
}

#[cold]
pub fn field_not_found(name: &str) -> Error {
    Error::new(Kind::FieldError, format!("Field not found: {name}"))
}

#[cold]
pub fn symbol_not_found(name: &str, module: &str) -> Error {
    Error::new(Kind::ImportError, format!("Symbol '{name}' not found in module '{module}'"))
}

#[cold]
pub fn no_fields(name: &str) -> Error {
    let message = format!("Cannot access field or method '{name}' on non-struct value");
    Error::new(Kind::TypeError, message)
}
