//! Structural equality (LS 4.4) and hashes that agree with it.
//!
//! [`equal`] walks two values side by side with an explicit list of open containers, so depth
//! costs no native stack; only members of sets are compared by a nested walk.

use super::{compare, sets};
use crate::error::{Error, Kind, Result};
use crate::limits::VALUE_DEPTH;
use crate::objects::array::Array;
use crate::objects::collections::Set;
use crate::objects::dict::{Dict, hash_int};
use crate::objects::string::{Str, hash_text};
use crate::objects::structs::Struct;
use crate::value::{Tag, Value, View};

/// `Value nested too deeply`.
#[cold]
pub fn nested_too_deeply() -> Error {
    Error::new(Kind::RecursionError, "Value nested too deeply")
}

/// Whether two values are equal; operator methods are not asked.
///
/// # Errors
/// `Value nested too deeply`.
#[inline]
pub fn equal(a: &Value, b: &Value) -> Result<bool> {
    match (a.view(), b.view()) {
        (View::Int(x), View::Int(y)) => Ok(x == y),
        (View::Str(x), View::Str(y)) => Ok(same_text(x, y)),
        _ => equal_slow(a, b),
    }
}

#[inline]
fn same_text(x: &Str, y: &Str) -> bool {
    x.same_text(y)
}

fn equal_slow(a: &Value, b: &Value) -> Result<bool> {
    match pair(a, b, 0)? {
        Step::Done(same) => Ok(same),
        Step::Open(open) => walk(open, 0),
    }
}

/// As [`equal`], for values inside `depth` other containers.
pub(super) fn equal_at(a: &Value, b: &Value, depth: u32) -> Result<bool> {
    match pair(a, b, depth)? {
        Step::Done(same) => Ok(same),
        Step::Open(open) => walk(open, depth),
    }
}

/// Two containers of the same length whose contents are being compared.
enum Open<'a> {
    Values(&'a [Value], &'a [Value], usize),
    /// Two deques, or arrays of which one stores its elements unboxed.
    Queues(&'a std::collections::VecDeque<Value>, &'a std::collections::VecDeque<Value>, usize),
    Dicts(&'a Dict, &'a Dict, usize),
    /// Structs whose fields are in different orders.
    Fields(&'a Struct, &'a Struct, usize),
}

enum Step<'a> {
    Done(bool),
    Open(Open<'a>),
}

fn walk(first: Open<'_>, base: u32) -> Result<bool> {
    let mut stack = vec![first];
    while let Some(top) = stack.last_mut() {
        let next = match top {
            Open::Values(a, b, at) => match (a.get(*at), b.get(*at)) {
                (Some(x), Some(y)) => {
                    *at += 1;
                    Some((x, y))
                }
                _ => None,
            },
            Open::Queues(a, b, at) => match (a.get(*at), b.get(*at)) {
                (Some(x), Some(y)) => {
                    *at += 1;
                    Some((x, y))
                }
                _ => None,
            },
            Open::Dicts(a, b, at) => match a.entry_from(*at) {
                Some((after, key, x)) => {
                    *at = after;
                    let Some(y) = b.get(key) else { return Ok(false) };
                    Some((x, y))
                }
                None => None,
            },
            Open::Fields(a, b, at) => match a.shape().names().get(*at) {
                Some(name) => {
                    let x = &a.fields()[*at];
                    *at += 1;
                    let Some(y) = b.get(name) else { return Ok(false) };
                    Some((x, y))
                }
                None => None,
            },
        };
        let Some((x, y)) = next else {
            stack.pop();
            continue;
        };
        match pair(x, y, base + stack.len() as u32)? {
            Step::Done(true) => {}
            Step::Done(false) => return Ok(false),
            Step::Open(open) => stack.push(open),
        }
    }
    Ok(true)
}

/// Compares two values as far as that needs no walk; `depth` containers are around them.
#[inline]
fn pair<'a>(a: &'a Value, b: &'a Value, depth: u32) -> Result<Step<'a>> {
    Ok(Step::Done(match (a.view(), b.view()) {
        (View::Int(x), View::Int(y)) => x == y,
        (View::Str(x), View::Str(y)) => same_text(x, y),
        (View::Float(x), View::Float(y)) => x == y,
        (View::Int(x), View::Float(y)) | (View::Float(y), View::Int(x)) => {
            compare::int_equals_float(x, y)
        }
        (View::Bytes(x), View::Bytes(y)) => x.0 == y.0,
        (View::Resource(x), View::Resource(y)) => x.is_same(y),
        (View::Channel(x), View::Channel(y)) => x.core.is_same(&y.core),
        (View::Promise(x), View::Promise(y)) => a.is_identical(b) || x.is_same(y),
        _ if a.tag() != b.tag() => false,
        _ if !is_container(a.tag()) => a.is_identical(b),
        _ if depth >= VALUE_DEPTH => return Err(nested_too_deeply()),
        _ => return containers(a, b, depth),
    }))
}

fn is_container(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Array
            | Tag::Dict
            | Tag::Struct
            | Tag::Tagged
            | Tag::Ok
            | Tag::Err
            | Tag::Some
            | Tag::Set
            | Tag::Queue
            | Tag::Stack
    )
}

/// Two containers of one type.
fn containers<'a>(a: &'a Value, b: &'a Value, depth: u32) -> Result<Step<'a>> {
    match (a.view(), b.view()) {
        (View::Array(x), View::Array(y)) => Ok(arrays(x, y)),
        (View::Stack(x), View::Stack(y)) => Ok(arrays(&x.0, &y.0)),
        (View::Dict(x), View::Dict(y)) => Ok(open_if(x.len() == y.len(), Open::Dicts(x, y, 0))),
        (View::Struct(x), View::Struct(y)) => Ok(structs(x, y)),
        (View::Tagged(x), View::Tagged(y)) => {
            let same =
                std::ptr::eq(x.variant(), y.variant()) && x.payload().len() == y.payload().len();
            Ok(open_if(same, Open::Values(x.payload(), y.payload(), 0)))
        }
        (View::Ok(x), View::Ok(y))
        | (View::Err(x), View::Err(y))
        | (View::Some(x), View::Some(y)) => {
            let (x, y) = (std::slice::from_ref(x), std::slice::from_ref(y));
            Ok(Step::Open(Open::Values(x, y, 0)))
        }
        (View::Queue(x), View::Queue(y)) => {
            Ok(open_if(x.0.len() == y.0.len(), Open::Queues(&x.0, &y.0, 0)))
        }
        (View::Set(x), View::Set(y)) => sets_equal(x, y, depth).map(Step::Done),
        _ => Ok(Step::Done(a.is_identical(b))),
    }
}

fn open_if(same_size: bool, open: Open<'_>) -> Step<'_> {
    if same_size { Step::Open(open) } else { Step::Done(false) }
}

fn structs<'a>(x: &'a Struct, y: &'a Struct) -> Step<'a> {
    if std::ptr::eq(x.shape(), y.shape()) {
        return Step::Open(Open::Values(x.fields(), y.fields(), 0));
    }
    let same = x.def().decl_id == y.def().decl_id && x.fields().len() == y.fields().len();
    open_if(same, Open::Fields(x, y, 0))
}

fn arrays<'a>(x: &'a Array, y: &'a Array) -> Step<'a> {
    if x.len() != y.len() {
        return Step::Done(false);
    }
    if let (Some(x), Some(y)) = (x.values(), y.values()) {
        return Step::Open(Open::Values(x, y, 0));
    }
    Step::Done(if let (Some(x), Some(y)) = (x.ints(), y.ints()) {
        x == y
    } else if let (Some(x), Some(y)) = (x.floats(), y.floats()) {
        x == y
    } else {
        // At least one side holds numbers or bools only, so no pair needs a walk.
        x.iter().zip(y.iter()).all(|(x, y)| match (x.view(), y.view()) {
            (View::Int(x), View::Float(y)) | (View::Float(y), View::Int(x)) => {
                compare::int_equals_float(x, y)
            }
            (View::Float(x), View::Float(y)) => x == y,
            _ => !x.is_heap() && x.is_identical(&y),
        })
    })
}

fn sets_equal(x: &Set, y: &Set, depth: u32) -> Result<bool> {
    if x.len() != y.len() {
        return Ok(false);
    }
    for (member, hash) in x.members().iter().zip(&x.hashes) {
        if sets::find(y, member, *hash, depth + 1)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How deep a hash looks into a value; deeper content does not contribute.
const HASH_DEPTH: u32 = 6;

/// A hash that is the same for equal values.
///
/// # Errors
/// None at present; hashing looks at the outer levels of a value only.
pub fn hash(v: &Value) -> Result<u64> {
    Ok(hash_at(v, 0))
}

fn mix(a: u64, b: u64) -> u64 {
    let h = (a.rotate_left(5) ^ b).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    h ^ (h >> 32)
}

/// A float with an integral value that an int can have is hashed as that int.
fn hash_float(f: f64) -> u64 {
    let whole = f as i64;
    if whole as f64 == f && compare::int_equals_float(whole, f) {
        return hash_int(whole);
    }
    if f.is_nan() { 2 } else { mix(2, f.to_bits()) }
}

fn hash_at(v: &Value, depth: u32) -> u64 {
    let seed = v.tag() as u64;
    let all = |items: &mut dyn Iterator<Item = &Value>| {
        items.fold(seed, |h, item| mix(h, hash_at(item, depth + 1)))
    };
    if depth >= HASH_DEPTH && is_container(v.tag()) {
        return seed;
    }
    match v.view() {
        View::Int(v) => hash_int(v),
        View::Float(f) => hash_float(f),
        View::Str(s) => s.hash(),
        View::Array(a) => hash_array(a, seed, depth),
        View::Stack(s) => hash_array(&s.0, seed, depth),
        View::Queue(q) => all(&mut q.0.iter()),
        View::Tagged(t) => mix(hash_text(&t.variant().name), all(&mut t.payload().iter())),
        View::Ok(content) | View::Err(content) | View::Some(content) => {
            mix(seed, hash_at(content, depth + 1))
        }
        View::Dict(d) => d.iter().fold(seed, |h, (key, value)| {
            h.wrapping_add(mix(hash_at(key, depth + 1), hash_at(value, depth + 1)))
        }),
        View::Struct(s) => s.iter().fold(s.def().decl_id, |h, (name, value)| {
            h.wrapping_add(mix(hash_text(name), hash_at(value, depth + 1)))
        }),
        View::Set(s) => s.hashes.iter().fold(seed, |h, member| h.wrapping_add(mix(seed, *member))),
        View::Bytes(b) => b.0.iter().fold(seed, |h, byte| mix(h, u64::from(*byte))),
        View::Null
        | View::Bool(_)
        | View::None
        | View::Native(_)
        | View::Wrapper(_)
        | View::Marker(_)
        | View::Function(_)
        | View::StructDef(_)
        | View::EnumDef(_)
        | View::Module(_)
        | View::Iterator(_)
        | View::Cell(_)
        | View::Ref(_)
        | View::Generator(_) => mix(seed, v.payload()),
        // Several objects may stand for one handle that has crossed threads.
        View::Promise(_) | View::Channel(_) => seed,
        View::Resource(resource) => mix(seed, hash_text(resource.0.type_name())),
    }
}

fn hash_array(array: &Array, seed: u64, depth: u32) -> u64 {
    array.iter().fold(seed, |h, item| mix(h, hash_at(&item, depth + 1)))
}
