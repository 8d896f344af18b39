//! Display and debug forms, conversions.

use std::sync::Arc;

use super::{array, dict, failure, ints, nested, point, point_def};
use crate::error::{Error, Kind};
use crate::heap::Ref;
use crate::objects::bytes::Bytes;
use crate::objects::cell::CellBody;
use crate::objects::collections::Stack;
use crate::objects::structs::{Struct, StructDef};
use crate::semantics::convert::{scan_float, to_bool, to_float, to_int};
use crate::semantics::display::{concat_display, debug, display, format_float};
use crate::semantics::error_value::ErrorValues;
use crate::semantics::{literal, sets};
use crate::value::{Value, Wrapper};

#[test]
fn floats_have_no_exponent_and_no_trailing_zero() {
    let cases = [
        (1.0, "1"),
        (2.5, "2.5"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (-0.0, "-0"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "NaN"),
        (2f64.powi(100), "1267650600228229400000000000000"),
        (0.1 + 0.2, "0.30000000000000004"),
        (-123456789.0, "-123456789"),
    ];
    for (f, text) in cases {
        assert_eq!(format_float(f), text);
    }
}

fn sample() -> Value {
    let stack = Stack(crate::objects::array::Array::from_ints(&[1, 2]));
    let set = sets::from_iter([Value::int(1), Value::str("b")]).expect("short");
    array([
        Value::str("a\"b"),
        Value::NULL,
        dict([("k", ints([1])), ("l", dict([]))]),
        Value::from_ref(Ref::new(stack)),
        Value::from_ref(Ref::new(set)),
        Wrapper::Some.wrap(Value::NONE),
        literal::make_tag(&"E".into(), &"V".into(), vec![Value::int(1), Value::float(2.0)]),
        literal::make_tag(&"E".into(), &"W".into(), vec![]),
        point(&point_def(&[]), 1, 2),
        Value::from_ref(Ref::new(Bytes([1, 2].into()))),
        CellBody::make_ref(Value::int(7)),
    ])
}

#[test]
fn display_form() {
    let expected = "[a\"b, null, {\"k\": [1], \"l\": {}}, Stack[1, 2], Set{1, b}, Some(None), \
                    E::V(1,2), E::W, P { x: 1, y: 2 }, <bytes: 2>, <ref 7>]";
    assert_eq!(display(&sample()).expect("shallow"), expected);
    let empty = StructDef::new("S".into(), 2, &[], false);
    let empty = Struct::make(empty.base_shape(), |_| Value::NULL);
    assert_eq!(display(&empty).expect("shallow"), "S {  }");
}

#[test]
fn debug_form() {
    let expected = "Array[Str(\"a\\\"b\"), Null, Dict{\"k\": Array[Int(1)], \"l\": Dict{}}, \
                    Stack[Int(1), Int(2)], Set{Int(1), Str(\"b\")}, Some(None), \
                    E::V(Int(1),Float(2)), E::W, P{x: Int(1), y: Int(2)}, Bytes(2 bytes), <ref 7>]";
    assert_eq!(debug(&sample()).expect("shallow"), expected);
}

#[test]
fn errors_show_three_fields() {
    let error = Error::new(Kind::ValueError, "boom");
    let value = ErrorValues::default().make(error);
    assert_eq!(display(&value).expect("flat"), "Error { message: boom, line: 0, stack: [] }");
}

#[test]
fn depth_is_limited() {
    assert_eq!(display(&nested(10_000)).map(|s| s.len()).ok(), Some(20_000));
    for depth in [10_001, 1_000_000] {
        assert_eq!(failure(display(&nested(depth))), "RecursionError: Value nested too deeply");
    }
    let cell = CellBody::make_ref(Value::NULL);
    if let crate::value::View::Ref(body) = cell.view() {
        body.set(cell.clone());
        assert_eq!(failure(display(&cell)), "RecursionError: Value nested too deeply");
        body.set(Value::NULL);
    }
}

#[test]
fn interpolation_joins_display_forms() {
    let parts = [Value::str("é="), Value::int(-5), ints([1]), Value::float(0.5), Value::TRUE];
    let text = concat_display(&parts).expect("short");
    assert_eq!(display(&text).expect("flat"), "é=-5[1]0.5true");
    assert_eq!(display(&concat_display(&[]).expect("short")).expect("flat"), "");
}

#[test]
fn conversions() {
    assert_eq!(to_int("to_int", &Value::float(-3.7)).ok(), Some(-3));
    assert_eq!(to_int("to_int", &Value::str("  +42 ")).ok(), Some(42));
    assert_eq!(
        failure(to_int("to_int", &Value::str("3.7"))),
        "ParseError: to_int: cannot parse '3.7' as int"
    );
    assert_eq!(
        failure(to_int("to_int", &Value::NULL)),
        "TypeError: to_int: argument 'value' must be int, float, bool or string, got null"
    );
    assert!(failure(to_int("to_int", &Value::float(1e19))).starts_with("ValueError"));
    assert_eq!(to_float("to_float", &Value::str("1e3")).ok(), Some(1000.0));
    assert_eq!(scan_float("-Infinity"), Some(f64::NEG_INFINITY));
    assert!(to_bool(&Value::str("no")) && !to_bool(&Value::str("False")));
    let name: Arc<str> = "x".into();
    assert!(!to_bool(&Value::str("0")) && *name == *"x");
}
