//! Iteration: `for` loops, lazy iterators, draining and spreading (LS 6.4, 11.2, 15.1).
//!
//! A loop keeps its source and a position in two registers and allocates nothing. Pulling from
//! lazy iterators is in `stages`.

use super::arith::check_array_len;
pub use super::stages::{add_stage, make_iterator, pull};
use super::{convert, display, type_name};
use crate::concurrency::channels;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::limits::COLLECTION_LEN;
use crate::objects::function::Function;
use crate::objects::string::make_char;
use crate::value::{Tag, Value, View};

/// Source and first position of a `for` loop over `v`.
///
/// # Errors
/// `Cannot iterate over T`.
#[inline]
pub fn for_init(host: &mut dyn Host, v: Value) -> Result<(Value, Value)> {
    let source = match v.view() {
        View::Float(f) if f.is_finite() => Value::int(f as i64),
        View::Int(_)
        | View::Array(_)
        | View::Str(_)
        | View::Dict(_)
        | View::Set(_)
        | View::Queue(_)
        | View::Stack(_)
        | View::Bytes(_)
        | View::Iterator(_)
        | View::Generator(_)
        | View::Channel(_) => v,
        View::Function(function) if is_parameterless_generator(function) => {
            host.call(&v, &mut [])?
        }
        _ => return Err(cannot_iterate(&v)),
    };
    Ok((source, Value::int(0)))
}

/// A generator function that `for` calls (LS 11.2).
fn is_parameterless_generator(function: &Function) -> bool {
    let info = function.info();
    info.is_generator && info.n_required == 0
}

/// `Cannot iterate over T`.
#[cold]
pub fn cannot_iterate(v: &Value) -> Error {
    Error::new(Kind::TypeError, format!("Cannot iterate over {}", type_name(v)))
}

/// Whether taking the next value of a source may run user code or wait, so that the place of the
/// loop must be known. Compiled code counts on collections not to: it may have no frame.
#[inline]
pub(crate) fn may_leave(source: Tag) -> bool {
    matches!(source, Tag::Iterator | Tag::Generator | Tag::Channel)
}

/// The next value of a loop, and the position moved on; `None` at the end.
///
/// # Errors
/// What the stages of an iterator raise.
#[inline]
pub fn for_next(host: &mut dyn Host, a: &Value, b: &mut Value) -> Result<Option<Value>> {
    match a.view() {
        View::Iterator(_) | View::Generator(_) => return pull(host, a),
        View::Channel(channel) => return channels::next(host, channel),
        _ => {}
    }
    let mut at = b.int_payload() as usize;
    let item = item_from(a, &mut at);
    *b = Value::int(at as i64);
    Ok(item)
}

/// The item at a position of a collection (or of `0 .. n-1`), and the position moved on.
#[inline]
pub(crate) fn item_from(source: &Value, at: &mut usize) -> Option<Value> {
    let item = match source.view() {
        View::Int(n) => ((*at as i64) < n).then(|| Value::int(*at as i64)),
        View::Array(array) => array.get(*at),
        View::Stack(stack) => stack.0.get(*at),
        View::Queue(queue) => queue.0.get(*at).cloned(),
        View::Set(set) => set.members().get(*at).cloned(),
        View::Bytes(bytes) => bytes.0.get(*at).map(|b| Value::int(i64::from(*b))),
        View::Str(s) => {
            let c = s.as_str().get(*at..)?.chars().next()?;
            *at += c.len_utf8();
            return Some(make_char(c));
        }
        View::Dict(dict) => {
            let (after, key, _) = dict.entry_from(*at)?;
            let key = key.clone();
            *at = after;
            return Some(key);
        }
        _ => None,
    };
    if item.is_some() {
        *at += 1;
    }
    item
}

/// Start, stop and step of a call of `range`, checked as the native checks them.
///
/// # Errors
/// ArityError, TypeError, ValueError; `Array length limit exceeded`.
pub fn range_bounds(args: &[Value]) -> Result<(i64, i64, i64)> {
    const PARAMS: [&str; 3] = ["start_or_stop", "stop", "step"];
    if args.is_empty() || args.len() > PARAMS.len() {
        let message = format!("range expects 1 to 3 arguments, got {}", args.len());
        return Err(Error::new(Kind::ArityError, message));
    }
    let mut given = [None; 3];
    for (i, arg) in args.iter().enumerate() {
        given[i] = match arg.tag() {
            Tag::Int | Tag::Float => Some(0),
            Tag::Null if i > 0 => None,
            _ => return Err(range_error(Kind::TypeError, PARAMS[i], "int", type_name(arg))),
        };
    }
    for (i, arg) in args.iter().enumerate() {
        if given[i].is_some() {
            given[i] = convert::whole(arg);
            if given[i].is_none() {
                let got = display::display(arg)?;
                return Err(range_error(Kind::ValueError, PARAMS[i], "finite", &got));
            }
        }
    }
    let [first, second, step] = given;
    let first = first.unwrap_or_default();
    let (start, stop) = second.map_or((0, first), |stop| (first, stop));
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(range_error(Kind::ValueError, PARAMS[2], "other than 0", "0"));
    }
    if range_len(start, stop, step) > COLLECTION_LEN as u64 {
        check_array_len(usize::MAX)?;
    }
    Ok((start, stop, step))
}

#[cold]
fn range_error(kind: Kind, param: &str, wanted: &str, got: &str) -> Error {
    Error::new(kind, format!("range: argument '{param}' must be {wanted}, got {got}"))
}

/// The number of values of a range; `step` is not 0.
pub fn range_len(start: i64, stop: i64, step: i64) -> u64 {
    let distance = if step > 0 {
        if start >= stop {
            return 0;
        }
        stop.abs_diff(start)
    } else {
        if start <= stop {
            return 0;
        }
        start.abs_diff(stop)
    };
    distance.div_ceil(step.unsigned_abs())
}

/// All items of an iterable: array, string, bytes, set, queue, stack, iterator.
///
/// # Errors
/// `Cannot iterate over T`, `Array length limit exceeded`; what the stages raise.
pub fn drain(host: &mut dyn Host, v: &Value) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    match v.view() {
        View::Array(array) => items.extend(array.iter()),
        View::Iterator(_) | View::Generator(_) => {
            while let Some(item) = pull(host, v)? {
                check_array_len(items.len() + 1)?;
                items.push(item);
            }
        }
        View::Str(_) | View::Bytes(_) | View::Set(_) | View::Queue(_) | View::Stack(_) => {
            let mut at = 0;
            while let Some(item) = item_from(v, &mut at) {
                items.push(item);
            }
        }
        _ => return Err(cannot_iterate(v)),
    }
    Ok(items)
}

/// `...v` in a call or an array literal.
///
/// # Errors
/// `Can only spread arrays`, `Array length limit exceeded`; what the stages raise.
pub fn spread(host: &mut dyn Host, into: &mut Vec<Value>, v: &Value) -> Result<()> {
    match v.view() {
        View::Array(array) => {
            check_array_len(into.len() + array.len())?;
            into.extend(array.iter());
        }
        View::Set(set) => {
            check_array_len(into.len() + set.len())?;
            into.extend_from_slice(set.members());
        }
        View::Iterator(_) | View::Generator(_) => {
            while let Some(item) = pull(host, v)? {
                check_array_len(into.len() + 1)?;
                into.push(item);
            }
        }
        _ => return Err(Error::new(Kind::TypeError, "Can only spread arrays")),
    }
    Ok(())
}
