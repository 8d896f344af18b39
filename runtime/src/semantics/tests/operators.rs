//! Operators: results, messages, operator methods, appending in place.

use super::{ADD_X, DOUBLE, NO, TestHost, array, failure, ints, point, point_def};
use crate::semantics::arith::{add_in_place, binary, binary_data, unary, unary_data};
use crate::semantics::display::display;
use crate::semantics::{BinOp, UnOp};
use crate::value::Value;

fn show(op: BinOp, a: impl Into<Value>, b: impl Into<Value>) -> String {
    match binary_data(op, &a.into(), &b.into()) {
        Ok(v) => display(&v).expect("flat values are displayed"),
        Err(error) => format!("{}: {}", error.kind, error.message),
    }
}

#[test]
fn numbers() {
    use BinOp::{Add, Div, Le, Lt, Mod, Mul, Sub};
    assert_eq!(show(Div, 7, 2), "3");
    assert_eq!(show(Div, -7, 2), "-3");
    assert_eq!(show(Mod, -7, 3), "-1");
    assert_eq!(show(Mod, i64::MIN, -1), "0");
    assert_eq!(show(Mod, 7.5, 2), "1.5");
    assert_eq!(show(Add, 1, 0.5), "1.5");
    assert_eq!(
        show(Div, i64::MIN, -1),
        "ArithmeticError: Integer overflow: -9223372036854775808 / -1"
    );
    assert_eq!(show(Div, 1, 0), "ArithmeticError: Division by zero");
    assert_eq!(show(Mod, 1.5, 0), "ArithmeticError: Modulo by zero");
    assert_eq!(
        show(Mul, i64::MAX, 2),
        "ArithmeticError: Integer overflow: 9223372036854775807 * 2"
    );
    assert_eq!(show(Sub, "a", 3), "TypeError: Invalid binary operation: string - int");
    assert_eq!(show(Lt, true, false), "TypeError: Invalid binary operation: bool < bool");
    assert_eq!(show(Le, f64::NAN, 1), "false");
    assert_eq!(show(Le, 9_007_199_254_740_993_i64, 9_007_199_254_740_992.0), "false");
}

#[test]
fn strings_and_arrays() {
    use BinOp::{Add, Mul};
    assert_eq!(show(Add, "a", 1), "a1");
    assert_eq!(show(Add, (), "!"), "null!");
    assert_eq!(show(Mul, "ab", 3), "ababab");
    assert_eq!(show(Mul, "ab", -1), "");
    assert_eq!(show(Mul, "ab", i64::MAX), "MemoryError: String length limit exceeded");
    assert_eq!(show(Add, ints([1]), array([Value::str("x")])), "[1, x]");
    assert_eq!(show(Add, ints([]), ints([])), "[]");
}

#[test]
fn unary_operators() {
    assert_eq!(
        failure(unary_data(UnOp::Neg, &ints([1]))),
        "TypeError: Invalid unary operation: - array"
    );
    assert_eq!(
        failure(unary_data(UnOp::Neg, &Value::int(i64::MIN))),
        "ArithmeticError: Integer overflow: -(-9223372036854775808)"
    );
    assert_eq!(unary_data(UnOp::Not, &Value::NONE).ok().and_then(|v| v.as_bool()), Some(false));
}

#[test]
fn operator_methods_of_the_left_operand() {
    let mut host = TestHost::new();
    let def = point_def(&[("op_add", ADD_X), ("op_eq", NO), ("op_neg", ADD_X)]);
    let p = point(&def, 1, 2);
    let sum = binary(&mut host, BinOp::Add, &p, &Value::int(5)).expect("op_add");
    assert_eq!(sum.as_int(), Some(6));
    let differs = binary(&mut host, BinOp::Ne, &p, &p).expect("op_eq");
    assert_eq!(differs.as_bool(), Some(true));
    assert_eq!(
        failure(binary(&mut host, BinOp::Lt, &p, &p)),
        "TypeError: Invalid binary operation: struct < struct"
    );
    assert_eq!(
        failure(unary(&mut host, UnOp::Not, &p).map(|v| assert_eq!(v.as_bool(), Some(false)))),
        "no error"
    );
    let plain = point_def(&[("m", DOUBLE)]);
    let (a, b) = (point(&plain, 1, 2), point(&plain, 1, 2));
    let same = binary(&mut host, BinOp::Eq, &a, &b).expect("structural equality");
    assert_eq!(same.as_bool(), Some(true));
}

#[test]
fn appending_keeps_other_owners_and_survives_errors() {
    let mut host = TestHost::new();
    let mut text = Value::str("long enough to be a string of its own");
    let other = text.clone();
    add_in_place(&mut host, &mut text, &Value::int(1)).expect("appended");
    add_in_place(&mut host, &mut text, &Value::str("é")).expect("appended");
    assert_eq!(display(&text).expect("text"), "long enough to be a string of its own1é");
    assert_eq!(display(&other).expect("text"), "long enough to be a string of its own");
    let mut items = ints([1]);
    add_in_place(&mut host, &mut items, &array([Value::str("x")])).expect("appended");
    assert_eq!(
        failure(add_in_place(&mut host, &mut items, &Value::int(1))),
        "TypeError: Invalid binary operation: array + int"
    );
    assert_eq!(display(&items).expect("text"), "[1, x]");
}
