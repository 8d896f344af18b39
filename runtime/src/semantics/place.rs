//! Reading and writing places: a root and steps into it (LS 8, 9.4).
//!
//! Writing makes every container on the way unique (copy-on-write) while walking with mutable
//! borrows, so a unique structure is changed in place. All checks come before the first change.
//! Errors say which step failed, for the position of the diagnostic.

use std::sync::Arc;

use super::index::{
    self, bad_key, field_not_found, index_out_of_bounds, missing_key, missing_text_key,
    resolve_index,
};
use crate::error::{Error, Kind, Result};
use crate::limits::COLLECTION_LEN;
use crate::objects::array::Array;
use crate::objects::dict::{Dict, Key};
use crate::objects::structs::Struct;
use crate::value::{Tag, Value, View};

/// One step of a place.
#[derive(Clone, Copy)]
pub enum PlaceStep<'a> {
    Field(&'a Arc<str>),
    Index(&'a Value),
}

/// An error and the step, counted from 0, that raised it.
#[derive(Debug)]
pub struct PlaceError {
    pub step: usize,
    pub error: Error,
}

pub type PlaceResult<T> = Result<T, PlaceError>;

#[cold]
fn cannot_set_field() -> Error {
    Error::new(Kind::TypeError, "Cannot set field on non-struct value")
}

#[cold]
fn cannot_set_index() -> Error {
    Error::new(Kind::TypeError, "Invalid index assignment")
}

/// `Dict size limit exceeded`.
#[cold]
pub fn dict_limit() -> Error {
    Error::new(Kind::MemoryError, "Dict size limit exceeded")
}

#[cold]
fn module_member(module: &str, name: &str) -> Error {
    Error::new(Kind::AccessError, format!("Cannot mutate a module member: {module}.{name}"))
}

fn at(step: usize) -> impl Fn(Error) -> PlaceError {
    move |error| PlaceError { step, error }
}

/// `container[index] := v`, copying the container first if it is shared.
///
/// # Errors
/// `Index out of bounds`, `Invalid index operation`, `Dict keys must be strings or ints`,
/// `Dict size limit exceeded`, `Invalid index assignment`; nothing is changed then.
#[inline]
pub fn set_index(container: &mut Value, index: &Value, v: Value) -> Result<()> {
    match container.view() {
        View::Array(array) => {
            let Some(i) = index.as_int() else { return Err(index::invalid_index()) };
            let at = resolve_index(i, array.len()).ok_or_else(|| index_out_of_bounds(i))?;
            if let Some(array) = container.make_mut::<Array>() {
                array.set(at, v);
            }
            Ok(())
        }
        View::Dict(dict) => {
            check_entry(dict, index)?;
            if let Some(dict) = container.make_mut::<Dict>() {
                dict.insert(index.clone(), v);
            }
            Ok(())
        }
        _ => Err(cannot_set_index()),
    }
}

#[inline]
fn check_entry(dict: &Dict, key: &Value) -> Result<()> {
    if !Dict::is_key(key) {
        return Err(bad_key());
    }
    if dict.len() >= COLLECTION_LEN && !dict.contains(key) {
        return Err(dict_limit());
    }
    Ok(())
}

/// `container.name := v`, copying the container first if it is shared.
///
/// # Errors
/// `Cannot set field on non-struct value`, `Dict size limit exceeded`; nothing is changed then.
#[inline]
pub fn set_field(container: &mut Value, name: &Arc<str>, v: Value) -> Result<()> {
    match container.view() {
        View::Struct(_) => {
            Struct::set(container, name, v);
            Ok(())
        }
        View::Dict(dict) => {
            if dict.len() >= COLLECTION_LEN && dict.get_str(name).is_none() {
                return Err(dict_limit());
            }
            if let Some(dict) = container.make_mut::<Dict>() {
                match dict.get_key_mut(Key::Str(name)) {
                    Some(slot) => *slot = v,
                    None => dict.insert_str(name, v),
                }
            }
            Ok(())
        }
        _ => Err(cannot_set_field()),
    }
}

fn set(container: &mut Value, step: PlaceStep<'_>, v: Value) -> Result<()> {
    match step {
        PlaceStep::Field(name) => set_field(container, name, v),
        PlaceStep::Index(i) => set_index(container, i, v),
    }
}

/// Whether [`set`] would succeed.
fn check_set(container: &Value, step: PlaceStep<'_>) -> Result<()> {
    match (container.view(), step) {
        (View::Array(array), PlaceStep::Index(index)) => {
            let Some(i) = index.as_int() else { return Err(index::invalid_index()) };
            resolve_index(i, array.len()).map(|_| ()).ok_or_else(|| index_out_of_bounds(i))
        }
        (View::Dict(dict), PlaceStep::Index(key)) => check_entry(dict, key),
        (View::Dict(dict), PlaceStep::Field(name)) => {
            let is_full = dict.len() >= COLLECTION_LEN && dict.get_str(name).is_none();
            if is_full { Err(dict_limit()) } else { Ok(()) }
        }
        (View::Struct(_), PlaceStep::Field(_)) => Ok(()),
        (_, PlaceStep::Field(_)) => Err(cannot_set_field()),
        (_, PlaceStep::Index(_)) => Err(cannot_set_index()),
    }
}

fn read(container: &Value, step: PlaceStep<'_>) -> Result<Value> {
    match step {
        PlaceStep::Field(name) => index::field(container, name),
        PlaceStep::Index(i) => index::get(container, i),
    }
}

/// The content of a slot that holds a whole value; `None` where [`read`] must decide: errors,
/// unboxed elements, characters, exports.
#[inline]
fn peek<'a>(container: &'a Value, step: PlaceStep<'_>) -> Option<&'a Value> {
    match (container.view(), step) {
        (View::Array(array), PlaceStep::Index(i)) => {
            let values = array.values()?;
            Some(&values[resolve_index(i.as_int()?, values.len())?])
        }
        (View::Dict(dict), PlaceStep::Index(key)) => dict.get(key),
        (View::Dict(dict), PlaceStep::Field(name)) => dict.get_str(name),
        (View::Struct(instance), PlaceStep::Field(name)) => instance.get(name),
        _ => None,
    }
}

/// Calls `f` with the containers on the way to a place and the number of the step into each,
/// as far as the steps lead to whole values.
pub fn visit<'a>(root: &'a Value, steps: &[PlaceStep<'_>], mut f: impl FnMut(usize, &'a Value)) {
    let mut current = root;
    for (i, &step) in steps.iter().enumerate() {
        f(i, current);
        let Some(inner) = peek(current, step) else { return };
        current = inner;
    }
}

/// The value at a place.
///
/// # Errors
/// As for reading each step (LS 7.8).
pub fn load(root: &Value, steps: &[PlaceStep<'_>]) -> PlaceResult<Value> {
    let mut current = root;
    for (i, &step) in steps.iter().enumerate() {
        match peek(current, step) {
            Some(inner) => current = inner,
            None => {
                let inner = read(current, step).map_err(at(i))?;
                return load(&inner, &steps[i + 1..])
                    .map_err(|e| PlaceError { step: e.step + i + 1, ..e });
            }
        }
    }
    Ok(current.clone())
}

/// `place := v`.
///
/// # Errors
/// As for reading in all steps but the last, there as for [`set_index`] and [`set_field`];
/// nothing is changed then.
pub fn store(root: &mut Value, steps: &[PlaceStep<'_>], v: Value) -> PlaceResult<()> {
    let Some((&last, before)) = steps.split_last() else {
        *root = v;
        return Ok(());
    };
    if before.is_empty() {
        return set(root, last, v).map_err(at(0));
    }
    check_store(root, last, before)?;
    let mut current = root;
    for (i, &step) in before.iter().enumerate() {
        current = slot_mut(current, step).map_err(at(i))?;
    }
    set(current, last, v).map_err(at(before.len()))
}

fn check_store(root: &Value, last: PlaceStep<'_>, before: &[PlaceStep<'_>]) -> PlaceResult<()> {
    let mut current = root;
    for (i, &step) in before.iter().enumerate() {
        match peek(current, step) {
            Some(inner) => current = inner,
            None => return Err(why_not_a_container(current, last, before, i)),
        }
    }
    check_set(current, last).map_err(at(before.len()))
}

/// The error of walking through something that holds no containers: an element that is a plain
/// number or character, a module.
#[cold]
fn why_not_a_container(
    container: &Value,
    last: PlaceStep<'_>,
    before: &[PlaceStep<'_>],
    i: usize,
) -> PlaceError {
    let inner = match read(container, before[i]) {
        Ok(inner) => inner,
        Err(error) => return PlaceError { step: i, error },
    };
    if let (View::Module(module), PlaceStep::Field(name)) = (container.view(), before[i]) {
        return at(i)(module_member(&module.body.name, name));
    }
    let next = i + 1;
    let error = match before.get(next) {
        Some(&step) => read(&inner, step).err(),
        None => check_set(&inner, last).err(),
    };
    at(next)(error.unwrap_or_else(cannot_set_index))
}

/// The slot that a step leads to, its container made unique. The step must exist.
fn slot_mut<'a>(container: &'a mut Value, step: PlaceStep<'_>) -> Result<&'a mut Value> {
    match (container.tag(), step) {
        (Tag::Array, PlaceStep::Index(index)) => {
            let Some(i) = index.as_int() else { return Err(index::invalid_index()) };
            let array = container.make_mut::<Array>().ok_or_else(index::invalid_index)?;
            let at = resolve_index(i, array.len()).ok_or_else(|| index_out_of_bounds(i))?;
            Ok(array.slot_mut(at))
        }
        (Tag::Dict, PlaceStep::Index(key)) => {
            let dict = container.make_mut::<Dict>().ok_or_else(index::invalid_index)?;
            dict.get_mut(key).ok_or_else(|| missing_key(key))
        }
        (Tag::Dict, PlaceStep::Field(name)) => {
            let dict = container.make_mut::<Dict>().ok_or_else(index::invalid_index)?;
            dict.get_key_mut(Key::Str(name)).ok_or_else(|| missing_text_key(name))
        }
        (Tag::Struct, PlaceStep::Field(name)) => {
            let instance = Struct::make_mut(container).ok_or_else(index::invalid_index)?;
            let slot = instance.shape().slot(name).ok_or_else(|| field_not_found(name))?;
            Ok(&mut instance.fields_mut()[slot])
        }
        _ => Err(match read(container, step) {
            Err(error) => error,
            Ok(_) => match (container.view(), step) {
                (View::Module(module), PlaceStep::Field(name)) => {
                    module_member(&module.body.name, name)
                }
                _ => cannot_set_index(),
            },
        }),
    }
}

/// Moves the value at a place out and leaves [`Value::IN_USE`] there.
///
/// # Errors
/// As for reading; `Cannot mutate a module member`; nothing is changed then. Containers on the
/// way may have been copied.
pub fn take(root: &mut Value, steps: &[PlaceStep<'_>]) -> PlaceResult<Value> {
    if let Some((&last, before)) = steps.split_last() {
        check_take(root, last, before)?;
    }
    let mut current = root;
    for (i, &step) in steps.iter().enumerate() {
        current = slot_mut(current, step).map_err(at(i))?;
    }
    Ok(std::mem::replace(current, Value::IN_USE))
}

fn check_take(root: &Value, last: PlaceStep<'_>, before: &[PlaceStep<'_>]) -> PlaceResult<()> {
    let mut current = root;
    for (i, &step) in before.iter().enumerate() {
        match peek(current, step) {
            Some(inner) => current = inner,
            None => {
                let inner = read(current, step).map_err(at(i))?;
                if let (View::Module(module), PlaceStep::Field(name)) = (current.view(), step) {
                    return Err(at(i)(module_member(&module.body.name, name)));
                }
                let rest = before.get(i + 1).copied().unwrap_or(last);
                let error = read(&inner, rest).err().unwrap_or_else(cannot_set_index);
                return Err(at(i + 1)(error));
            }
        }
    }
    read(current, last).map(drop).map_err(at(before.len()))
}

/// Puts back what [`take`] moved out; the root was not touched meanwhile.
pub fn put(root: &mut Value, steps: &[PlaceStep<'_>], v: Value) {
    let mut current = root;
    for &step in steps {
        match slot_mut(current, step) {
            Ok(slot) => current = slot,
            Err(_) => return,
        }
    }
    *current = v;
}
