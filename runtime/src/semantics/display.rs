//! Text forms of values: display (LS 13.1) and debug (builtins 1.5).
//!
//! Containers that are being written sit in an explicit list of frames, so depth costs no native
//! stack. A frame owns its container and remembers how far it is. The length limit of strings is
//! checked before anything is appended.

use std::fmt::Write as _;

use compact_str::CompactString;

use super::arith::{check_memory, check_string_len};
use super::equal::nested_too_deeply;
use crate::error::Result;
use crate::heap::Ref;
use crate::limits::VALUE_DEPTH;
use crate::objects::function::Function;
use crate::objects::string::{Str, make_char};
use crate::value::{Value, View, Wrapper};

/// The display form.
///
/// # Errors
/// `Value nested too deeply`, `String length limit exceeded`.
pub fn display(v: &Value) -> Result<String> {
    let mut out = String::new();
    write_display(&mut out, v)?;
    Ok(out)
}

/// Appends the display form.
///
/// # Errors
/// As for [`display`].
#[inline]
pub fn write_display(out: &mut String, v: &Value) -> Result<()> {
    match v.view() {
        View::Str(s) => push(out, s.as_str()),
        View::Int(i) => push(out, itoa::Buffer::new().format(i)),
        _ => write(out, v, Form::Display),
    }
}

/// The debug form.
///
/// # Errors
/// As for [`display`].
pub fn debug(v: &Value) -> Result<String> {
    let mut out = String::new();
    write(&mut out, v, Form::Debug)?;
    Ok(out)
}

/// A float as the language shows it: shortest digits that read back, never an exponent.
pub fn format_float(f: f64) -> String {
    let mut out = String::new();
    write_float(&mut out, f);
    out
}

/// Appends a float as [`format_float`] gives it.
pub fn write_float(out: &mut String, f: f64) {
    if f.trunc() == f && f.abs() < 1e15 && !(f == 0.0 && f.is_sign_negative()) {
        out.push_str(itoa::Buffer::new().format(f as i64));
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "{f}");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Display,
    Debug,
}

/// A container that is being written.
struct Frame {
    value: Value,
    /// The next element, entry position or field.
    at: usize,
    /// Elements written so far.
    n_written: usize,
    separator: &'static str,
    close: &'static str,
}

fn push(out: &mut String, text: &str) -> Result<()> {
    check_string_len(out.len() + text.len())?;
    out.push_str(text);
    Ok(())
}

fn write(out: &mut String, v: &Value, form: Form) -> Result<()> {
    let Some(frame) = open(out, v, form)? else { return Ok(()) };
    let mut stack = vec![frame];
    while let Some(top) = stack.last_mut() {
        let Some(child) = next_child(out, top, form)? else {
            push(out, top.close)?;
            stack.pop();
            continue;
        };
        // Only the innermost frame changes, so the form of what is inside an error or a `ref`
        // is decided by the value itself.
        if let Some(frame) = open(out, &child, form)? {
            if stack.len() >= VALUE_DEPTH as usize {
                return Err(nested_too_deeply());
            }
            stack.push(frame);
        }
    }
    Ok(())
}

/// Writes what precedes the next element, and returns the element.
fn next_child(out: &mut String, frame: &mut Frame, form: Form) -> Result<Option<Value>> {
    let at = frame.at;
    frame.at += 1;
    let separator = if frame.n_written == 0 { "" } else { frame.separator };
    frame.n_written += 1;
    let child = match frame.value.view() {
        View::Array(a) => a.get(at),
        View::Stack(s) => s.0.get(at),
        View::Queue(q) => q.0.get(at).cloned(),
        View::Set(s) => s.members().get(at).cloned(),
        View::Tagged(t) => t.payload().get(at).cloned(),
        View::Ok(content) | View::Err(content) | View::Some(content) => {
            (at == 0).then(|| content.clone())
        }
        View::Ref(cell) => (at == 0).then(|| cell.get()),
        View::Dict(d) => {
            let Some((after, key, value)) = d.entry_from(at) else { return Ok(None) };
            frame.at = after;
            push(out, separator)?;
            write_key(out, key, form)?;
            return Ok(Some(value.clone()));
        }
        View::Struct(s) if s.def().is_error => {
            let Some(name) = ["message", "line", "stack"].get(at) else { return Ok(None) };
            push(out, separator)?;
            push(out, name)?;
            push(out, ": ")?;
            return Ok(Some(s.get(name).cloned().unwrap_or_default()));
        }
        View::Struct(s) => {
            let Some(name) = s.shape().names().get(at) else { return Ok(None) };
            push(out, separator)?;
            push(out, name)?;
            push(out, ": ")?;
            return Ok(Some(s.fields()[at].clone()));
        }
        _ => None,
    };
    if child.is_some() {
        push(out, separator)?;
    }
    Ok(child)
}

fn write_key(out: &mut String, key: &Value, form: Form) -> Result<()> {
    match key.view() {
        View::Str(s) if form == Form::Debug => {
            write_escaped(out, s.as_str())?;
        }
        View::Str(s) => {
            push(out, "\"")?;
            push(out, s.as_str())?;
            push(out, "\"")?;
        }
        View::Int(v) => push(out, itoa::Buffer::new().format(v))?,
        _ => {}
    }
    push(out, ": ")
}

/// Writes a value without elements completely, or the beginning of a container.
fn open(out: &mut String, v: &Value, form: Form) -> Result<Option<Frame>> {
    if form == Form::Debug && write_debug_scalar(out, v)? {
        return Ok(None);
    }
    let debug = form == Form::Debug;
    let (open, separator, close) = match v.view() {
        View::Array(_) if debug => ("Array[", ", ", "]"),
        View::Array(_) => ("[", ", ", "]"),
        View::Dict(_) if debug => ("Dict{", ", ", "}"),
        View::Dict(_) => ("{", ", ", "}"),
        View::Set(_) => ("Set{", ", ", "}"),
        View::Queue(_) => ("Queue[", ", ", "]"),
        View::Stack(_) => ("Stack[", ", ", "]"),
        View::Ok(_) => ("Ok(", "", ")"),
        View::Err(_) => ("Err(", "", ")"),
        View::Some(_) => ("Some(", "", ")"),
        View::Ref(_) => ("<ref ", "", ">"),
        View::Struct(s) => {
            push(out, &s.def().name)?;
            if debug && !s.def().is_error { ("{", ", ", "}") } else { (" { ", ", ", " }") }
        }
        View::Tagged(t) => {
            for text in [&*t.variant().enum_name, "::", &*t.variant().name] {
                push(out, text)?;
            }
            if t.payload().is_empty() {
                return Ok(None);
            }
            ("(", ",", ")")
        }
        _ => {
            write_scalar(out, v)?;
            return Ok(None);
        }
    };
    push(out, open)?;
    Ok(Some(Frame { value: v.clone(), at: 0, n_written: 0, separator, close }))
}

fn write_scalar(out: &mut String, v: &Value) -> Result<()> {
    match v.view() {
        View::Null | View::Marker(_) | View::Cell(_) => push(out, "null"),
        View::Bool(true) => push(out, "true"),
        View::Bool(false) => push(out, "false"),
        View::Int(v) => push(out, itoa::Buffer::new().format(v)),
        View::Float(v) => {
            check_string_len(out.len() + 400)?;
            write_float(out, v);
            Ok(())
        }
        View::None => push(out, "None"),
        View::Str(s) => push(out, s.as_str()),
        View::Native(index) => named(out, "native function: ", crate::natives::get(index).name),
        View::Wrapper(which) => named(out, "native function: ", Wrapper::name(which)),
        View::Function(f) => write_function(out, f),
        View::Bytes(b) => named(out, "bytes: ", itoa::Buffer::new().format(b.0.len())),
        View::StructDef(def) => named(out, "struct ", &def.name),
        View::EnumDef(def) => named(out, "enum ", &def.name),
        View::Module(module) => named(out, "module ", &module.body.name),
        View::Iterator(_) => push(out, "<iterator>"),
        View::Resource(resource) => named(out, "", resource.0.type_name()),
        View::Generator(generator) => {
            let what =
                if generator.is_exhausted() { "exhausted generator (" } else { "generator (" };
            let n = itoa::Buffer::new().format(generator.info().n_params).to_owned();
            named(out, what, &(n + " params)"))
        }
        View::Promise(_) => push(out, "<promise>"),
        View::Channel(_) => push(out, "<channel>"),
        View::Array(_)
        | View::Dict(_)
        | View::Struct(_)
        | View::Tagged(_)
        | View::Ok(_)
        | View::Err(_)
        | View::Some(_)
        | View::Set(_)
        | View::Queue(_)
        | View::Stack(_)
        | View::Ref(_) => Ok(()),
    }
}

fn named(out: &mut String, what: &str, name: &str) -> Result<()> {
    check_string_len(out.len() + what.len() + name.len() + 2)?;
    out.extend(["<", what, name, ">"]);
    Ok(())
}

fn write_function(out: &mut String, f: &Function) -> Result<()> {
    let info = f.info();
    if info.is_generator {
        let n = itoa::Buffer::new().format(info.n_params).to_owned();
        return named(out, "generator function with ", &(n + " params"));
    }
    match &info.name {
        None => push(out, info.display_name()),
        Some(name) if info.is_async => named(out, "async function ", name),
        Some(name) => named(out, "function ", name),
    }
}

/// Writes values whose debug form differs from their display form and that have no elements.
fn write_debug_scalar(out: &mut String, v: &Value) -> Result<bool> {
    let (name, text) = match v.view() {
        View::Int(v) => ("Int", itoa::Buffer::new().format(v).to_owned()),
        View::Float(f) => ("Float", format_float(f)),
        View::Bool(v) => ("Bool", v.to_string()),
        View::Bytes(b) => ("Bytes", format!("{} bytes", b.0.len())),
        View::Null => {
            push(out, "Null")?;
            return Ok(true);
        }
        View::Str(s) => {
            push(out, "Str(")?;
            write_escaped(out, s.as_str())?;
            push(out, ")")?;
            return Ok(true);
        }
        // The display form, by a walk of its own.
        View::Ref(_) => {
            write_nested_display(out, v)?;
            return Ok(true);
        }
        View::Struct(s) if s.def().is_error => {
            write_nested_display(out, v)?;
            return Ok(true);
        }
        _ => return Ok(false),
    };
    for piece in [name, "(", &text, ")"] {
        push(out, piece)?;
    }
    Ok(true)
}

fn write_nested_display(out: &mut String, v: &Value) -> Result<()> {
    write(out, v, Form::Display)
}

fn write_escaped(out: &mut String, text: &str) -> Result<()> {
    check_string_len(out.len() + text.len() + 2)?;
    out.push('"');
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    check_string_len(out.len())
}

/// The concatenated display forms, as one string (interpolation).
///
/// # Errors
/// As for [`display`].
pub fn concat_display(parts: &[Value]) -> Result<Value> {
    let mut size = 0_usize;
    for part in parts {
        size += match part.view() {
            View::Str(s) => s.n_bytes(),
            View::Int(_) => 4,
            _ => 12,
        };
    }
    check_string_len(size)?;
    let mut text = CompactString::with_capacity(size);
    for part in parts {
        append(&mut text, part)?;
    }
    Ok(from_compact(text))
}

/// `lhs + rhs` where one is a string.
pub(super) fn concat_pair(lhs: &Value, rhs: &Value) -> Result<Value> {
    let mut text = CompactString::default();
    append(&mut text, lhs)?;
    append(&mut text, rhs)?;
    Ok(from_compact(text))
}

#[inline]
fn append(text: &mut CompactString, v: &Value) -> Result<()> {
    let mut digits = itoa::Buffer::new();
    let owned;
    let more = match v.view() {
        View::Str(s) => s.as_str(),
        View::Int(v) => digits.format(v),
        _ => {
            owned = display(v)?;
            &owned
        }
    };
    let len = text.len() + more.len();
    check_string_len(len)?;
    if len > text.capacity() {
        check_memory(len)?;
    }
    text.push_str(more);
    Ok(())
}

/// A string value that takes over the text.
pub fn from_string(text: String) -> Value {
    from_compact(CompactString::from(text))
}

fn from_compact(text: CompactString) -> Value {
    if let &[byte] = text.as_bytes() {
        return make_char(char::from(byte));
    }
    Value::from_ref(Ref::new(Str::from_compact(text)))
}
