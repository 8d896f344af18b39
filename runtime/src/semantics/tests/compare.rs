//! Equality, order, hashes and sets.

use std::cmp::Ordering;

use super::{array, dict, failure, ints, nested, point, point_def};
use crate::heap::Ref;
use crate::objects::collections::Queue;
use crate::objects::structs::Struct;
use crate::semantics::compare::{int_float, sort_order};
use crate::semantics::equal::{equal, hash};
use crate::semantics::sets;
use crate::value::{Value, Wrapper};

fn same(a: &Value, b: &Value) -> bool {
    let result = equal(a, b).expect("no deep nesting");
    assert_eq!(equal(b, a).expect("no deep nesting"), result, "symmetric for {a:?} {b:?}");
    if result {
        assert_eq!(hash(a).ok(), hash(b).ok(), "hashes of {a:?} {b:?}");
    }
    result
}

#[test]
fn scalars() {
    let nan = Value::float(f64::NAN);
    assert!(same(&Value::int(1), &Value::float(1.0)));
    assert!(!same(&Value::int(9_007_199_254_740_993), &Value::float(9_007_199_254_740_992.0)));
    assert!(same(&Value::float(0.0), &Value::float(-0.0)));
    assert!(!same(&nan, &nan));
    assert!(!same(&Value::int(1), &Value::TRUE));
    assert!(!same(&Value::NULL, &Value::NONE));
    assert!(same(&Value::str("abc"), &Value::str("abc")));
}

#[test]
fn containers() {
    let nan = array([Value::float(f64::NAN)]);
    assert!(!same(&nan, &nan));
    assert!(same(&ints([1, 2]), &array([Value::float(1.0), Value::int(2)])));
    assert!(same(&array([ints([1])]), &array([ints([1])])));
    assert!(!same(&ints([1]), &ints([1, 2])));
    let a = dict([("a", Value::int(1)), ("b", ints([2]))]);
    let b = dict([("b", ints([2])), ("a", Value::float(1.0))]);
    assert!(same(&a, &b));
    assert!(!same(&a, &dict([("a", Value::int(1)), ("c", ints([2]))])));
    assert!(same(&Wrapper::Ok.wrap(a.clone()), &Wrapper::Ok.wrap(b)));
    assert!(!same(&Wrapper::Ok.wrap(a.clone()), &Wrapper::Err.wrap(a)));
    let queue = |n: i64| Value::from_ref(Ref::new(Queue((0..n).map(Value::int).collect())));
    assert!(same(&queue(3), &queue(3)));
    assert!(!same(&queue(3), &ints([0, 1, 2])));
}

#[test]
fn structs_by_declaration_and_fields() {
    let (def, other) = (point_def(&[]), point_def(&[]));
    let (a, mut b) = (point(&def, 1, 2), point(&other, 1, 2));
    assert!(same(&a, &b));
    Struct::set(&mut b, &"z".into(), Value::NULL);
    assert!(!same(&a, &b));
    let mut c = a.clone();
    Struct::set(&mut c, &"z".into(), Value::NULL);
    assert!(same(&c, &b));
    assert!(!same(&a, &c));
}

#[test]
fn depth_is_limited_without_native_recursion() {
    assert!(same(&nested(10_000), &nested(10_000)));
    let (a, b) = (nested(10_001), nested(10_001));
    assert_eq!(failure(equal(&a, &b)), "RecursionError: Value nested too deeply");
    let (a, b) = (nested(1_000_000), nested(1_000_000));
    assert_eq!(failure(equal(&a, &b)), "RecursionError: Value nested too deeply");
}

#[test]
fn order_is_exact() {
    assert_eq!(int_float(i64::MAX, 9_223_372_036_854_775_808.0), Some(Ordering::Less));
    assert_eq!(int_float(i64::MIN, -9_223_372_036_854_775_808.0), Some(Ordering::Equal));
    assert_eq!(int_float(-1, -1.5), Some(Ordering::Greater));
    assert_eq!(int_float(1, 1.5), Some(Ordering::Less));
    assert_eq!(int_float(0, f64::NAN), None);
    let nan = Value::float(f64::NAN);
    assert_eq!(sort_order(&nan, &Value::int(1)), Ordering::Greater);
    assert_eq!(sort_order(&nan, &nan), Ordering::Equal);
    assert_eq!(sort_order(&Value::str("b"), &Value::str("ab")), Ordering::Greater);
}

#[test]
fn sets_keep_distinct_members_in_order() {
    let nan = || Value::float(f64::NAN);
    let items = [Value::int(1), Value::float(1.0), nan(), nan(), Value::str("x"), ints([1])];
    let mut set = sets::from_iter(items).expect("short");
    assert_eq!(set.len(), 5);
    assert!(sets::contains(&set, &array([Value::float(1.0)])).expect("flat"));
    assert!(!sets::contains(&set, &nan()).expect("flat"));
    assert!(sets::remove(&mut set, &Value::int(1)).expect("flat"));
    assert!(!sets::remove(&mut set, &Value::int(1)).expect("flat"));
    assert!(sets::contains(&set, &ints([1])).expect("flat"));
    assert!(sets::add(&mut set, Value::int(1)).expect("flat"));
    assert_eq!(set.members().last().and_then(Value::as_int), Some(1));
    let of = |items: [i64; 3]| {
        Value::from_ref(Ref::new(sets::from_iter(items.map(Value::int)).expect("short")))
    };
    assert!(same(&of([1, 2, 3]), &of([3, 1, 2])));
    assert!(!same(&of([1, 2, 3]), &of([3, 1, 4])));
}
