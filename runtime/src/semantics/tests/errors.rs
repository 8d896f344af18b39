//! Errors as values: thrown values, rethrowing, shortened stacks, the try operator.

use std::rc::Rc;
use std::sync::Arc;

use super::{array, dict, ints, point, point_def};
use crate::error::{Error, Kind, Position, TraceEntry, TracedCall};
use crate::objects::structs::Struct;
use crate::semantics::display::display;
use crate::semantics::error_value::{ErrorValues, from_thrown};
use crate::semantics::index::field;
use crate::semantics::literal::{TryOutcome, try_at_top, try_operator};
use crate::value::{Value, Wrapper};

fn show(v: &Value, name: &str) -> String {
    display(&field(v, name).expect("a field")).expect("shallow")
}

fn call(name: &str, file: &Arc<str>, line: u32) -> Rc<TracedCall> {
    Rc::new(TracedCall { name: name.into(), file: file.clone(), line })
}

#[test]
fn what_throw_makes_of_values() {
    let cases = [
        (None, "error"),
        (Some(Value::str("boom")), "boom"),
        (Some(ints([1, 2])), "[1, 2]"),
        (Some(point(&point_def(&[]), 1, 2)), "P error"),
        (Some(dict([("message", Value::str("m"))])), "m"),
        (Some(dict([("message", Value::int(1))])), "{\"message\": 1}"),
    ];
    for (v, message) in cases {
        let error = from_thrown(v);
        assert_eq!((&*error.kind, &*error.message), ("ThrownError", message));
    }
}

#[test]
fn a_rethrown_error_stays_as_it_is() {
    let errors = ErrorValues::default();
    let thrown = dict([
        ("message", Value::str("m")),
        ("cause", Value::str("c")),
        ("hint", Value::str("h")),
        ("kind", Value::str("not copied")),
    ]);
    let mut error = from_thrown(Some(thrown));
    let file: Arc<str> = "main.ruff".into();
    error.locate(|| Rc::new(Position { file: file.clone(), line: 2, column: 5 }));
    error.leave(call("a", &file, 2));
    let mut value = errors.make(error);
    Struct::set(&mut value, &"note".into(), Value::int(1));
    let mut again = from_thrown(Some(value));
    again.leave(call("outer", &file, 9));
    let caught = errors.make(again);
    let names = ["message", "cause", "hint", "note", "line", "column", "kind", "stack"];
    let shown: Vec<String> = names.iter().map(|name| show(&caught, name)).collect();
    let stack = "[outer (main.ruff:9), a (main.ruff:2)]";
    assert_eq!(shown, ["m", "c", "h", "1", "2", "5", "ThrownError", stack]);
}

#[test]
fn an_error_literal_without_line_gets_a_position() {
    let errors = ErrorValues::default();
    let fields = [Value::str("m"), Value::str("MyError")];
    let make = |slot: usize| fields.get(slot).cloned().unwrap_or_else(|| errors.def.default(slot));
    let error = from_thrown(Some(Struct::make(errors.def.base_shape(), make)));
    assert!(error.position.is_none() && error.trace.is_empty());
    assert_eq!((&*error.kind, error.code()), ("MyError", "R018"));
}

#[test]
fn long_stacks_are_shortened_in_the_middle() {
    let errors = ErrorValues::default();
    let file: Arc<str> = "f".into();
    let mut error = Error::new(Kind::ValueError, "x");
    for i in 0..150 {
        error.leave(call(&format!("g{i}"), &file, 1));
    }
    error.locate(|| Rc::new(Position { file: file.clone(), line: 1, column: 1 }));
    let value = errors.make(error);
    let stack = field(&value, "stack").expect("a field");
    let entry = |stack: &Value, i: i64| {
        let entry = crate::semantics::index::get(stack, &Value::int(i)).expect("in range");
        display(&entry).expect("flat")
    };
    assert_eq!(entry(&stack, 0), "g149 (f:1)");
    assert_eq!(entry(&stack, 50), "... 50 more ...");
    assert_eq!(entry(&stack, 51), "g49 (f:1)");
    assert_eq!(entry(&stack, 100), "g0 (f:1)");
    let mut again = from_thrown(Some(value));
    assert!(matches!(again.trace[0], TraceEntry::Text(_)));
    for i in 0..10 {
        again.leave(call(&format!("h{i}"), &file, 1));
    }
    let stack = field(&errors.make(again), "stack").expect("a field");
    assert_eq!(entry(&stack, 0), "h9 (f:1)");
    assert_eq!(entry(&stack, 50), "... 60 more ...");
}

#[test]
fn try_operator_unwraps_or_returns() {
    let ok = try_operator(Wrapper::Ok.wrap(Value::int(1)));
    assert!(matches!(ok, Ok(TryOutcome::Value(v)) if v.as_int() == Some(1)));
    let err = try_operator(Wrapper::Err.wrap(Value::int(1)));
    assert!(matches!(err, Ok(TryOutcome::Return(_))));
    assert!(try_operator(array([])).is_err());
    let error = try_at_top(Wrapper::Err.wrap(Value::str("boom")));
    assert_eq!((&*error.kind, &*error.message), ("ThrownError", "Err(boom)"));
}
