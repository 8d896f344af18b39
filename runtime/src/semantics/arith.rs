//! Binary and unary operators (LS 7.2-7.6) and operator methods (LS 9.6).
//!
//! [`binary`] and [`unary`] ask a struct on the left for its operator method first; the `_data`
//! functions know data only and are what constants are folded with.

use std::cmp::Ordering;

use compact_str::CompactString;

use super::{BinOp, UnOp, compare, display, equal, truthy, type_name};
use crate::error::{Error, Kind, Result};
use crate::heap::{LARGE, Ref, has_room, is_exceeded};
use crate::host::Host;
use crate::limits::{COLLECTION_LEN, STRING_BYTES};
use crate::objects::array::{Array, ElemKind};
use crate::objects::string::Str;
use crate::value::{Tag, Value, View};

/// `lhs op rhs`, with operator methods.
///
/// # Errors
/// Those of [`binary_data`] and of the operator method.
pub fn binary(host: &mut dyn Host, op: BinOp, lhs: &Value, rhs: &Value) -> Result<Value> {
    if let View::Struct(instance) = lhs.view() {
        let def = instance.def();
        if let Some(method) = def.method(op.method()) {
            return call_operator(host, &method, lhs, &mut [rhs.clone()]);
        }
        if op == BinOp::Ne
            && let Some(method) = def.method(BinOp::Eq.method())
        {
            let same = call_operator(host, &method, lhs, &mut [rhs.clone()])?;
            return Ok(Value::bool(!truthy(&same)));
        }
    }
    binary_data(op, lhs, rhs)
}

fn call_operator(
    host: &mut dyn Host,
    method: &Value,
    receiver: &Value,
    args: &mut [Value],
) -> Result<Value> {
    host.call_method(method, &mut receiver.clone(), args)
}

/// `lhs op rhs` without operator methods.
///
/// # Errors
/// `Invalid binary operation`, int overflow, division by zero, size limits, nesting limit.
#[inline]
pub fn binary_data(op: BinOp, lhs: &Value, rhs: &Value) -> Result<Value> {
    match (lhs.tag(), rhs.tag()) {
        (Tag::Int, Tag::Int) => int_op(op, lhs.int_payload(), rhs.int_payload()),
        (Tag::Float, Tag::Float) => float_op(op, lhs.float_payload(), rhs.float_payload()),
        _ => mixed(op, lhs, rhs),
    }
}

#[inline]
fn int_op(op: BinOp, a: i64, b: i64) -> Result<Value> {
    let result = match op {
        BinOp::Add => a.checked_add(b),
        BinOp::Sub => a.checked_sub(b),
        BinOp::Mul => a.checked_mul(b),
        BinOp::Div => a.checked_div(b),
        BinOp::Mod if b == -1 => Some(0),
        BinOp::Mod => a.checked_rem(b),
        BinOp::Eq => return Ok(Value::bool(a == b)),
        BinOp::Ne => return Ok(Value::bool(a != b)),
        BinOp::Lt => return Ok(Value::bool(a < b)),
        BinOp::Gt => return Ok(Value::bool(a > b)),
        BinOp::Le => return Ok(Value::bool(a <= b)),
        BinOp::Ge => return Ok(Value::bool(a >= b)),
    };
    match result {
        Some(v) => Ok(Value::int(v)),
        None => Err(int_overflow(op, a, b)),
    }
}

/// Why an int operation has no result: overflow, or a zero on the right of `/` or `%`.
#[cold]
#[inline(never)]
pub fn int_overflow(op: BinOp, a: i64, b: i64) -> Error {
    match op {
        BinOp::Div | BinOp::Mod if b == 0 => zero_divisor(op),
        _ => {
            Error::new(Kind::ArithmeticError, format!("Integer overflow: {a} {} {b}", op.symbol()))
        }
    }
}

/// `Division by zero` or `Modulo by zero`.
#[cold]
#[inline(never)]
pub fn zero_divisor(op: BinOp) -> Error {
    let message = if op == BinOp::Mod { "Modulo by zero" } else { "Division by zero" };
    Error::new(Kind::ArithmeticError, message)
}

/// `Integer overflow: -(A)`.
#[cold]
#[inline(never)]
pub fn negation_overflow(a: i64) -> Error {
    Error::new(Kind::ArithmeticError, format!("Integer overflow: -({a})"))
}

#[inline]
fn float_op(op: BinOp, a: f64, b: f64) -> Result<Value> {
    Ok(match op {
        BinOp::Add => Value::float(a + b),
        BinOp::Sub => Value::float(a - b),
        BinOp::Mul => Value::float(a * b),
        BinOp::Div | BinOp::Mod if b == 0.0 => return Err(zero_divisor(op)),
        BinOp::Div => Value::float(a / b),
        BinOp::Mod => Value::float(a % b),
        BinOp::Eq => Value::bool(a == b),
        BinOp::Ne => Value::bool(a != b),
        BinOp::Lt => Value::bool(a < b),
        BinOp::Gt => Value::bool(a > b),
        BinOp::Le => Value::bool(a <= b),
        BinOp::Ge => Value::bool(a >= b),
    })
}

/// Operands that are not two ints or two floats.
fn mixed(op: BinOp, lhs: &Value, rhs: &Value) -> Result<Value> {
    match op {
        BinOp::Eq => return equal::equal(lhs, rhs).map(Value::bool),
        BinOp::Ne => return equal::equal(lhs, rhs).map(|same| Value::bool(!same)),
        BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge => return ordered(op, lhs, rhs),
        BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Mod => {}
    }
    match (op, lhs.view(), rhs.view()) {
        (_, View::Int(a), View::Float(b)) => float_op(op, a as f64, b),
        (_, View::Float(a), View::Int(b)) => float_op(op, a, b as f64),
        (BinOp::Add, View::Str(a), View::Str(b)) => join(a.as_str(), b.as_str()),
        (BinOp::Add, View::Str(_), _) | (BinOp::Add, _, View::Str(_)) => {
            display::concat_pair(lhs, rhs)
        }
        (BinOp::Add, View::Array(a), View::Array(b)) => concat_arrays(a, b),
        (BinOp::Mul, View::Str(text), View::Int(n)) => repeat(text.as_str(), n),
        _ => Err(invalid_binary(op, lhs, rhs)),
    }
}

fn ordered(op: BinOp, lhs: &Value, rhs: &Value) -> Result<Value> {
    if !compare::comparable(lhs, rhs) {
        return Err(invalid_binary(op, lhs, rhs));
    }
    let order = compare::order(lhs, rhs);
    let holds = match op {
        BinOp::Lt => order == Some(Ordering::Less),
        BinOp::Gt => order == Some(Ordering::Greater),
        BinOp::Le => order.is_some_and(Ordering::is_le),
        BinOp::Ge => order.is_some_and(Ordering::is_ge),
        BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Mod | BinOp::Eq | BinOp::Ne => {
            unreachable!("only called for orderings")
        }
    };
    Ok(Value::bool(holds))
}

/// `Invalid binary operation: T1 op T2`.
#[cold]
#[inline(never)]
pub fn invalid_binary(op: BinOp, lhs: &Value, rhs: &Value) -> Error {
    let (a, b) = (type_name(lhs), type_name(rhs));
    Error::new(Kind::TypeError, format!("Invalid binary operation: {a} {} {b}", op.symbol()))
}

fn join(a: &str, b: &str) -> Result<Value> {
    check_string_len(a.len() + b.len())?;
    check_memory(a.len() + b.len())?;
    let mut text = CompactString::with_capacity(a.len() + b.len());
    text.push_str(a);
    text.push_str(b);
    Ok(Value::from_ref(Ref::new(Str::from_compact(text))))
}

fn repeat(text: &str, n: i64) -> Result<Value> {
    let n = usize::try_from(n).unwrap_or(0);
    check_string_len(text.len().saturating_mul(n))?;
    check_memory(text.len().saturating_mul(n))?;
    Ok(Value::from(text.repeat(n)))
}

fn concat_arrays(a: &Array, b: &Array) -> Result<Value> {
    check_array_len(a.len() + b.len())?;
    let kind = match (a.kind(), b.kind()) {
        (x, y) if x == y => x,
        (ElemKind::Empty, other) | (other, ElemKind::Empty) => other,
        _ => ElemKind::Value,
    };
    check_memory((a.len() + b.len()) * kind.size())?;
    let mut out = Array::with_capacity(kind, a.len() + b.len());
    out.extend(a);
    out.extend(b);
    Ok(Value::from_ref(Ref::new(out)))
}

/// Refuses a string of `n_bytes` beyond the limit, before memory is taken.
///
/// # Errors
/// `String length limit exceeded`.
#[inline]
pub fn check_string_len(n_bytes: usize) -> Result<()> {
    if n_bytes > STRING_BYTES {
        return Err(string_limit());
    }
    Ok(())
}

#[cold]
fn string_limit() -> Error {
    Error::new(Kind::MemoryError, "String length limit exceeded")
}

/// Refuses an array, set, queue or stack of `len` elements beyond the limit.
///
/// # Errors
/// `Array length limit exceeded`, `Out of memory`.
#[inline]
pub fn check_array_len(len: usize) -> Result<()> {
    if len < LARGE / size_of::<Value>() { Ok(()) } else { check_large_array(len) }
}

/// Buffers double when their length reaches a power of two, so memory is checked there.
#[inline(never)]
fn check_large_array(len: usize) -> Result<()> {
    if len > COLLECTION_LEN {
        return Err(array_limit());
    }
    if len.is_power_of_two() { check_memory(2 * len * size_of::<Value>()) } else { Ok(()) }
}

/// Refuses to make something of so many bytes if memory would get scarce.
///
/// # Errors
/// `Out of memory`.
#[inline]
pub fn check_memory(bytes: usize) -> Result<()> {
    if bytes < LARGE || has_room(bytes) { Ok(()) } else { Err(out_of_memory()) }
}

/// Stops what makes values for long without a poll, if they have become too many.
///
/// # Errors
/// `Out of memory`.
#[inline]
pub fn check_growth() -> Result<()> {
    if is_exceeded() && !has_room(0) { Err(out_of_memory()) } else { Ok(()) }
}

#[cold]
pub fn out_of_memory() -> Error {
    Error::new(Kind::MemoryError, "Out of memory")
}

#[cold]
fn array_limit() -> Error {
    Error::new(Kind::MemoryError, "Array length limit exceeded")
}

/// `lhs + rhs` that owns `lhs`: a string or array that nobody else holds is appended to.
///
/// # Errors
/// Those of [`binary`]; `lhs` is lost then, see [`add_in_place`].
pub fn add_assign(host: &mut dyn Host, lhs: Value, rhs: &Value) -> Result<Value> {
    let mut place = lhs;
    add_in_place(host, &mut place, rhs)?;
    Ok(place)
}

/// `place = place + rhs`; on an error `place` is as before.
///
/// # Errors
/// Those of [`binary`].
pub fn add_in_place(host: &mut dyn Host, place: &mut Value, rhs: &Value) -> Result<()> {
    if let Some(text) = place.unique_mut::<Str>() {
        return append_text(text, rhs);
    }
    if let (Some(array), View::Array(more)) = (place.unique_mut::<Array>(), rhs.view()) {
        check_array_len(array.len() + more.len())?;
        array.extend(more);
        return Ok(());
    }
    let sum = binary(host, BinOp::Add, place, rhs)?;
    *place = sum;
    Ok(())
}

fn append_text(text: &mut Str, rhs: &Value) -> Result<()> {
    if let View::Str(more) = rhs.view() {
        check_string_len(text.n_bytes() + more.n_bytes())?;
        text.push_str(more.as_str());
        return Ok(());
    }
    if let View::Int(v) = rhs.view() {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(v);
        check_string_len(text.n_bytes() + digits.len())?;
        text.push_str(digits);
        return Ok(());
    }
    let more = display::display(rhs)?;
    check_string_len(text.n_bytes() + more.len())?;
    text.push_str(&more);
    Ok(())
}

/// `op v`, with operator methods.
///
/// # Errors
/// Those of [`unary_data`] and of the operator method.
pub fn unary(host: &mut dyn Host, op: UnOp, v: &Value) -> Result<Value> {
    if let View::Struct(instance) = v.view() {
        let name = match op {
            UnOp::Neg => "op_neg",
            UnOp::Not => "op_not",
        };
        if let Some(method) = instance.def().method(name) {
            return call_operator(host, &method, v, &mut []);
        }
    }
    unary_data(op, v)
}

/// `op v` without operator methods.
///
/// # Errors
/// `Invalid unary operation: - T`, `Integer overflow: -(A)`.
pub fn unary_data(op: UnOp, v: &Value) -> Result<Value> {
    match (op, v.view()) {
        (UnOp::Not, _) => Ok(Value::bool(!truthy(v))),
        (UnOp::Neg, View::Int(a)) => {
            a.checked_neg().map(Value::int).ok_or_else(|| negation_overflow(a))
        }
        (UnOp::Neg, View::Float(a)) => Ok(Value::float(-a)),
        (UnOp::Neg, _) => {
            let message = format!("Invalid unary operation: - {}", type_name(v));
            Err(Error::new(Kind::TypeError, message))
        }
    }
}
