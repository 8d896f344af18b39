//! Errors as values: what `except e` binds and what `throw` makes of a value (LS 14.1, 14.2).

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::{display, literal};
use crate::error::{Error, Kind, Position, Result, Trace, TraceEntry};
use crate::heap::Ref;
use crate::objects::array::Array;
use crate::objects::structs::{Struct, StructDef};
use crate::value::{Value, View};

/// Fields of `Error`, in declaration order.
pub const FIELDS: [&str; 8] =
    ["message", "kind", "line", "column", "file", "stack", "cause", "value"];

/// The declaration number of `Error`; declarations in programs have others.
const DECL_ID: u64 = u64::MAX;

/// Entries of `stack` shown at each end when there are more than twice as many.
const STACK_END: usize = 50;

/// Places whose errors are remembered, and entries of `stack` up to which one is.
const RECENT: usize = 8;
const RECENT_STACK: usize = 16;

/// Makes errors values. Errors that were raised at the same place under the same calls share what
/// tells of that.
pub struct ErrorValues {
    /// The predeclared struct `Error`.
    pub def: Ref<StructDef>,
    recent: RefCell<Recent>,
}

#[derive(Default)]
struct Recent {
    origins: Vec<Origin>,
    /// The one to replace next.
    oldest: usize,
}

/// Where errors of a kind came from, with the values that say so.
struct Origin {
    kind: Cow<'static, str>,
    position: Option<Rc<Position>>,
    trace: Trace,
    told: Told,
}

/// `kind`, `file` and `stack`.
#[derive(Clone)]
struct Told {
    kind: Value,
    file: Value,
    stack: Value,
}

impl Told {
    fn new(error: &Error) -> Told {
        let file = error.position.as_ref().map_or("", |p| &*p.file);
        let (kind, file) = (Value::str(&error.kind), Value::str(file));
        Told { kind, file, stack: stack_value(&error.trace) }
    }
}

impl Default for ErrorValues {
    fn default() -> ErrorValues {
        ErrorValues { def: error_def(), recent: RefCell::default() }
    }
}

impl ErrorValues {
    /// The value that `except e` binds.
    pub fn make(&self, mut error: Error) -> Value {
        let told = self.told(&mut error);
        let number =
            |get: fn(&Position) -> u32| i64::from(error.position.as_deref().map_or(0, get));
        let (line, column) = (number(|p| p.line), number(|p| p.column));
        let message = match error.value.view() {
            View::Str(thrown) if thrown.as_str() == error.message => error.value.clone(),
            _ => Value::str(&error.message),
        };
        let mut fields = [
            message,
            told.kind,
            Value::int(line),
            Value::int(column),
            told.file,
            told.stack,
            error.cause.take(),
            error.value.take(),
        ];
        let mut value = Struct::make(self.def.base_shape(), |slot| fields[slot].take());
        for (name, content) in error.extra.drain(..) {
            Struct::set(&mut value, &name, content);
        }
        value
    }

    /// What tells of an error's place: that of an error before it, if it had the same.
    fn told(&self, error: &mut Error) -> Told {
        if error.trace.len() > RECENT_STACK {
            return Told::new(error);
        }
        let recent = &mut *self.recent.borrow_mut();
        let is_same = |origin: &&Origin| {
            origin.position == error.position
                && origin.kind == error.kind
                && origin.trace == error.trace
        };
        if let Some(origin) = recent.origins.iter().find(is_same) {
            return origin.told.clone();
        }
        let told = Told::new(error);
        let origin = Origin {
            kind: error.kind.clone(),
            position: error.position.clone(),
            trace: std::mem::take(&mut error.trace),
            told: told.clone(),
        };
        if recent.origins.len() < RECENT {
            recent.origins.push(origin);
        } else {
            recent.origins[recent.oldest] = origin;
            recent.oldest = (recent.oldest + 1) % RECENT;
        }
        told
    }
}

/// The predeclared struct `Error`. Its defaults are the values themselves, not functions.
fn error_def() -> Ref<StructDef> {
    let fields = FIELDS.map(Arc::from);
    let def = StructDef::new("Error".into(), DECL_ID, &fields, true);
    def.set_defaults((0..FIELDS.len()).map(default_field).collect());
    def
}

/// The default of a field of `Error`.
fn default_field(slot: usize) -> Value {
    match FIELDS[slot] {
        "message" | "file" => Value::str(""),
        "kind" => Value::str(Kind::ThrownError.name()),
        "line" | "column" => Value::int(0),
        "stack" => literal::make_array(Vec::new()),
        _ => Value::NULL,
    }
}

/// `stack`: outermost first, shortened in the middle.
fn stack_value(trace: &[TraceEntry]) -> Value {
    let n = trace.len();
    let text = |entry: &TraceEntry| Value::from(entry.to_string());
    if n <= 2 * STACK_END {
        return literal::make_array(trace.iter().rev().map(text).collect());
    }
    let omitted: usize = trace[STACK_END..n - STACK_END].iter().map(TraceEntry::n_calls).sum();
    let outer = trace[n - STACK_END..].iter().rev().map(text);
    let middle = Value::from(format!("... {omitted} more ..."));
    let inner = trace[..STACK_END].iter().rev().map(text);
    literal::make_array(outer.chain(std::iter::once(middle)).chain(inner).collect())
}

/// `throw(v)`; `None` for `throw()`.
pub fn from_thrown(v: Option<Value>) -> Error {
    let Some(v) = v else { return Error::new(Kind::ThrownError, "error") };
    match v.view() {
        View::Struct(instance) if instance.def().is_error => {
            rethrown(instance).unwrap_or_else(|error| error)
        }
        View::Struct(instance) => {
            let message = match instance.get("message").map(Value::view) {
                Some(View::Str(s)) => s.as_str().to_owned(),
                _ => format!("{} error", instance.def().name),
            };
            let mut error = Error::new(Kind::ThrownError, message);
            for (name, content) in instance.iter() {
                copy_field(&mut error, name, content);
            }
            error.value = v;
            error
        }
        View::Dict(dict) => {
            let message = match dict.get_str("message").map(Value::view) {
                Some(View::Str(s)) => Ok(s.as_str().to_owned()),
                _ => display::display(&v),
            };
            let mut error = match message {
                Ok(message) => Error::new(Kind::ThrownError, message),
                Err(error) => return error,
            };
            for (key, content) in dict.iter() {
                if let View::Str(name) = key.view() {
                    copy_field(&mut error, &Arc::from(name.as_str()), content);
                }
            }
            error.value = v;
            error
        }
        View::Str(text) => {
            let message = text.as_str().to_owned();
            thrown(message, v)
        }
        _ => match display::display(&v) {
            Ok(message) => thrown(message, v),
            Err(error) => error,
        },
    }
}

fn thrown(message: String, value: Value) -> Error {
    let mut error = Error::new(Kind::ThrownError, message);
    error.value = value;
    error
}

/// A field of a thrown struct or dict: `cause` becomes the cause, names of `Error`'s own fields
/// are not overwritten.
fn copy_field(error: &mut Error, name: &Arc<str>, content: &Value) {
    if **name == *"cause" {
        error.cause = content.clone();
    } else if !FIELDS.contains(&&**name) {
        error.extra.push((name.clone(), content.clone()));
    }
}

/// An `Error` value that is thrown keeps everything; without a line, position and stack are
/// filled in.
fn rethrown(instance: &Struct) -> Result<Error> {
    let field = |name: &str| instance.get(name).cloned().unwrap_or_default();
    let text = |name: &str| match field(name).view() {
        View::Str(s) => Ok(s.as_str().to_owned()),
        _ => display::display(&field(name)),
    };
    let kind = match field("kind").view() {
        View::Str(s) if s.n_bytes() > 0 => match Kind::from_name(s.as_str()) {
            Some(kind) => Cow::Borrowed(kind.name()),
            None => Cow::Owned(s.as_str().to_owned()),
        },
        _ => Cow::Borrowed(Kind::ThrownError.name()),
    };
    let mut error = Error::with_kind(kind, text("message")?);
    let number = |name: &str| field(name).as_int().map_or(0, |v| u32::try_from(v).unwrap_or(0));
    if number("line") > 0 {
        let file = text("file")?.into();
        let (line, column) = (number("line"), number("column").max(1));
        error.position = Some(Rc::new(Position { file, line, column }));
        error.trace = stack_entries(&field("stack"))?;
    }
    error.cause = field("cause");
    error.value = field("value");
    for (name, content) in instance.iter() {
        if !FIELDS.contains(&&**name) {
            error.extra.push((name.clone(), content.clone()));
        }
    }
    Ok(error)
}

/// The texts of a `stack` field, innermost first.
fn stack_entries(stack: &Value) -> Result<Trace> {
    let View::Array(entries) = stack.view() else { return Ok(Trace::new()) };
    let texts = Array::iter(entries).rev();
    texts.map(|text| Ok(TraceEntry::Text(display::display(&text)?.into()))).collect()
}
