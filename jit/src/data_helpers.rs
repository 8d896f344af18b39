//! Routines for strings, dicts and places: each does a whole operation, or nothing.
//!
//! Those that can fail return 1 instead of an error, having changed nothing: the interpreter
//! then does the operation again and raises.

use std::mem::ManuallyDrop;
use std::ptr;

use ruff_runtime::bytecode::{PlaceDesc, PlaceStepKind};
use ruff_runtime::heap::{Obj, Ref};
use ruff_runtime::interp::{Vm, receiver_type};
use ruff_runtime::limits::COLLECTION_LEN;
use ruff_runtime::natives::{self, method};
use ruff_runtime::objects::array::{Array, ElemKind};
use ruff_runtime::objects::dict::Dict;
use ruff_runtime::objects::string::{self, Str};
use ruff_runtime::semantics::place::{self, PlaceStep};
use ruff_runtime::semantics::{BinOp, arith, compare, index};
use ruff_runtime::value::{Tag, Value, View};

use crate::abi;
use crate::exit::{self, FrameMeta};

const DONE: u64 = 0;
const DECLINED: u64 = 1;

/// A text that someone else owns.
///
/// # Safety
/// `object` must be a live string object.
unsafe fn text(object: u64) -> ManuallyDrop<Value> {
    // SAFETY: the caller's promise; the count that the value seems to own is never given up.
    ManuallyDrop::new(unsafe { Value::from_parts(Tag::Str, object) })
}

fn str_of(value: &Value) -> &str {
    match value.view() {
        View::Str(text) => text.as_str(),
        _ => "",
    }
}

pub(crate) extern "C" fn direct(
    vm: *mut Vm,
    base: *mut Value,
    frame: *const FrameMeta,
    pc: u64,
) -> u64 {
    // SAFETY: compiled code passes its VM, window and description, and an instruction that
    // needs no frame.
    let next = unsafe { (*vm).step_frameless((*frame).code, base, pc as usize) };
    next.map_or(abi::LEFT, |next| next as u64)
}

pub(crate) extern "C" fn release_pair(tag: u64, payload: u64) -> u64 {
    // SAFETY: compiled code gives up a count that it owns.
    drop(unsafe { exit::value_of(payload, tag) });
    DONE
}

pub(crate) extern "C" fn char_object(code: u64) -> u64 {
    ManuallyDrop::new(string::make_char(char::from(code as u8))).payload()
}

pub(crate) extern "C" fn text_data(object: u64) -> u64 {
    // SAFETY: compiled code checked the tag.
    let value = unsafe { text(object) };
    match value.view() {
        View::Str(text) if text.is_ascii() => text.as_str().as_ptr() as u64,
        _ => 0,
    }
}

pub(crate) extern "C" fn text_equal(a: u64, b: u64) -> u64 {
    // SAFETY: compiled code checked the tags.
    let (a, b) = unsafe { (text(a), text(b)) };
    u64::from(a.is_identical(&b) || str_of(&a) == str_of(&b))
}

pub(crate) extern "C" fn text_order(a: u64, b: u64) -> u64 {
    // SAFETY: compiled code checked the tags.
    let (a, b) = unsafe { (text(a), text(b)) };
    compare::order(&a, &b).map_or(0, |order| order as i64 as u64)
}

/// Appends to the text in a slot.
fn append(slot: &mut Value, more: &Value) -> u64 {
    let text = str_of(more);
    if let Some(unique) = slot.unique_mut::<Str>() {
        if arith::check_string_len(unique.n_bytes() + text.len()).is_err() {
            return DECLINED;
        }
        unique.push_str(text);
        return DONE;
    }
    put(slot, arith::binary_data(BinOp::Add, slot, more))
}

/// Puts the result of an operation into a slot.
fn put(slot: &mut Value, result: ruff_runtime::error::Result<Value>) -> u64 {
    match result {
        Ok(value) => {
            *slot = value;
            DONE
        }
        Err(_) => DECLINED,
    }
}

pub(crate) extern "C" fn text_append(slot: *mut Value, more: u64) -> u64 {
    // SAFETY: compiled code passes a register that holds a text, and another text.
    unsafe { append(&mut *slot, &text(more)) }
}

pub(crate) extern "C" fn text_append_char(slot: *mut Value, code: u64) -> u64 {
    let more = string::make_char(char::from(code as u8));
    // SAFETY: compiled code passes a register that holds a text.
    unsafe { append(&mut *slot, &more) }
}

pub(crate) extern "C" fn text_concat(slot: *mut Value, a: u64, b: u64) -> u64 {
    // SAFETY: compiled code passes a register and two texts; the slot may own one of them, and
    // is written last.
    unsafe {
        let sum = arith::binary_data(BinOp::Add, &text(a), &text(b));
        put(&mut *slot, sum)
    }
}

/// The value of an operation on two numbers.
fn on_numbers(op: u64, old: &Value, by: &Value) -> Option<Value> {
    let is_number = |v: &Value| matches!(v.tag(), Tag::Int | Tag::Float);
    if !is_number(old) || !is_number(by) {
        return None;
    }
    arith::binary_data(BinOp::ALL[(op as usize).min(4)], old, by).ok()
}

pub(crate) extern "C" fn update_index(
    slot: *mut Value,
    at: *const Value,
    by: *const Value,
    op: u64,
) -> u64 {
    // SAFETY: compiled code passes three different registers, or the same for index and value.
    let (container, at, by) = unsafe { (&mut *slot, &*at, &*by) };
    let Ok(old) = index::get(container, at) else { return DECLINED };
    let Some(new) = on_numbers(op, &old, by) else { return DECLINED };
    match place::set_index(container, at, new) {
        Ok(()) => DONE,
        Err(_) => DECLINED,
    }
}

/// Calls `f` with the steps of a place whose index registers are in a window.
///
/// # Safety
/// `desc` and `window` must be those of the running function.
unsafe fn with_steps<T>(
    desc: *const PlaceDesc,
    window: *const Value,
    f: impl FnOnce(&[PlaceStep<'_>]) -> T,
) -> T {
    // SAFETY: the caller's promise; index registers are not written while the steps are used.
    let step = |kind| unsafe {
        match kind {
            &PlaceStepKind::Index(r) => PlaceStep::Index(&*window.add(r.into())),
            PlaceStepKind::Field(name) => PlaceStep::Field(name),
        }
    };
    // SAFETY: as above.
    let steps = unsafe { &(*desc).steps };
    if let [first, second] = steps.as_slice() {
        return f(&[step(&first.kind), step(&second.kind)]);
    }
    let all: Vec<PlaceStep<'_>> = steps.iter().map(|s| step(&s.kind)).collect();
    f(&all)
}

pub(crate) extern "C" fn store_place(
    root: *mut Value,
    desc: *const PlaceDesc,
    window: *const Value,
    src: *mut Value,
    is_last: u64,
) -> u64 {
    // SAFETY: compiled code passes its registers and a place of its function. The value has a
    // count of its own, so that a root that holds it is not changed under it.
    unsafe {
        if !(*root).is_heap() {
            return DECLINED;
        }
        let value = (*src).clone();
        if with_steps(desc, window, |steps| place::store(&mut *root, steps, value)).is_err() {
            return DECLINED;
        }
        if is_last != 0 {
            drop((*src).take());
        }
    }
    DONE
}

pub(crate) extern "C" fn update_place(
    root: *mut Value,
    desc: *const PlaceDesc,
    window: *const Value,
    by: *const Value,
    op: u64,
) -> u64 {
    // SAFETY: as in `store_place`.
    unsafe {
        if !(*root).is_heap() {
            return DECLINED;
        }
        with_steps(desc, window, |steps| {
            let Ok(old) = place::load(&*root, steps) else { return DECLINED };
            let Some(new) = on_numbers(op, &old, &*by) else { return DECLINED };
            match place::store(&mut *root, steps, new) {
                Ok(()) => DONE,
                Err(_) => DECLINED,
            }
        })
    }
}

pub(crate) extern "C" fn load_place(
    root: *const Value,
    desc: *const PlaceDesc,
    window: *const Value,
    dst: *mut Value,
) -> u64 {
    // SAFETY: as in `store_place`; the result is written when the steps are no longer used.
    unsafe {
        if !(*root).is_heap() {
            return DECLINED;
        }
        match with_steps(desc, window, |steps| place::load(&*root, steps)) {
            Ok(value) => {
                *dst = value;
                DONE
            }
            Err(_) => DECLINED,
        }
    }
}

pub(crate) extern "C" fn take_place(
    root: *mut Value,
    desc: *const PlaceDesc,
    window: *const Value,
    dst: *mut Value,
) -> u64 {
    // SAFETY: as in `store_place`; `dst` is written when the steps are no longer used.
    unsafe {
        if !(*root).is_heap() {
            return DECLINED;
        }
        let awaited = (*dst).payload();
        let taken = with_steps(desc, window, |steps| {
            let receiver = place::take(&mut *root, steps).ok()?;
            if receiver_type(&receiver) == awaited {
                return Some(receiver);
            }
            place::put(&mut *root, steps, receiver);
            None
        });
        let Some(receiver) = taken else { return DECLINED };
        *dst = receiver;
    }
    DONE
}

pub(crate) extern "C" fn put_place(
    root: *mut Value,
    desc: *const PlaceDesc,
    window: *const Value,
    src: *mut Value,
) -> u64 {
    // SAFETY: as in `store_place`.
    unsafe {
        let value = (*src).take();
        with_steps(desc, window, |steps| place::put(&mut *root, steps, value));
    }
    DONE
}

pub(crate) extern "C" fn length(value: *const Value) -> u64 {
    // SAFETY: compiled code passes a register.
    let length = natives::measured(unsafe { &*value });
    length.map_or(abi::NO_LENGTH, |n| n as u64)
}

/// A dict that someone else owns.
///
/// # Safety
/// `object` must be a live dict object.
unsafe fn dict<'a>(object: *const Obj<Dict>) -> &'a Dict {
    // SAFETY: the caller's promise.
    unsafe { &(*object).body }
}

fn address_of(found: Option<&Value>) -> u64 {
    found.map_or(0, |value| ptr::from_ref(value) as u64)
}

pub(crate) extern "C" fn dict_find_int(object: *const Obj<Dict>, key: i64) -> u64 {
    // SAFETY: compiled code checked the tag.
    address_of(unsafe { dict(object) }.get_int(key))
}

pub(crate) extern "C" fn dict_find_text(object: *const Obj<Dict>, key: u64) -> u64 {
    // SAFETY: compiled code checked the tags.
    address_of(unsafe { dict(object).get(&text(key)) })
}

pub(crate) extern "C" fn dict_find_any(object: *const Obj<Dict>, key: *const Value) -> u64 {
    // SAFETY: compiled code checked the tag, and passes a register.
    let (dict, key) = unsafe { (dict(object), &*key) };
    if Dict::is_key(key) { address_of(dict.get(key)) } else { abi::NO_KEY }
}

pub(crate) extern "C" fn dict_has_own(object: *const Obj<Dict>, name: u64) -> u64 {
    // SAFETY: compiled code checked the tag; the name is a constant of a function.
    u64::from(unsafe { method::has_own(dict(object), &text(name)) })
}

/// Sets the value under a key of the dict in a slot; takes or copies the value.
///
/// # Safety
/// `slot` and `value` must be different registers.
unsafe fn dict_set(slot: *mut Value, key: &Value, value: *mut Value, is_last: u64) -> u64 {
    // SAFETY: the caller's promise.
    let (slot, value) = unsafe { (&mut *slot, &mut *value) };
    let Some(dict) = slot.make_mut::<Dict>() else { return DECLINED };
    if dict.len() >= COLLECTION_LEN && !dict.contains(key) {
        return DECLINED;
    }
    let value = if is_last == 0 { value.clone() } else { value.take() };
    match dict.get_mut(key) {
        Some(place) => *place = value,
        None => drop(dict.insert(key.clone(), value)),
    }
    DONE
}

pub(crate) extern "C" fn dict_set_int(
    slot: *mut Value,
    key: i64,
    value: *mut Value,
    is_last: u64,
) -> u64 {
    // SAFETY: compiled code passes two different registers.
    unsafe { dict_set(slot, &Value::int(key), value, is_last) }
}

pub(crate) extern "C" fn dict_set_text(
    slot: *mut Value,
    key: u64,
    value: *mut Value,
    is_last: u64,
) -> u64 {
    // SAFETY: compiled code passes two different registers, and a text.
    unsafe { dict_set(slot, &text(key), value, is_last) }
}

pub(crate) extern "C" fn new_array(first: *mut Value, count: u64) -> u64 {
    // SAFETY: compiled code passes registers of its window.
    let items = unsafe { std::slice::from_raw_parts_mut(first, count as usize) };
    ManuallyDrop::new(Value::from_ref(Ref::new(Array::from_taken(items)))).payload()
}

pub(crate) extern "C" fn new_unboxed(kind: u64, count: u64) -> u64 {
    let kinds = [ElemKind::Int, ElemKind::Float, ElemKind::Bool];
    let kind = kinds.into_iter().find(|&known| known as u64 == kind).unwrap_or(ElemKind::Int);
    // SAFETY: compiled code passes one of these kinds and writes all elements at once.
    let array = unsafe { Array::unwritten(kind, count as usize) };
    ManuallyDrop::new(Value::from_ref(Ref::new(array))).payload()
}

pub(crate) extern "C" fn take_last(array: *mut Value, item: *mut Value) -> u64 {
    // SAFETY: compiled code passes two different registers.
    unsafe {
        if pop(array, item) != DONE {
            *item = Value::NULL;
        }
    }
    DONE
}

pub(crate) extern "C" fn pop(array: *mut Value, item: *mut Value) -> u64 {
    // SAFETY: compiled code passes two different registers.
    let (slot, item) = unsafe { (&mut *array, &mut *item) };
    let is_empty = matches!(slot.view(), View::Array(array) if array.is_empty());
    let Some(array) = slot.make_mut::<Array>().filter(|_| !is_empty) else { return DECLINED };
    *item = array.pop().unwrap_or_default();
    DONE
}
