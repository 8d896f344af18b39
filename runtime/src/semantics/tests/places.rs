//! Reading, storing, taking and putting back; destructuring and patterns.

use std::sync::Arc;

use super::{array, dict, failure, ints, nested, point, point_def};
use crate::semantics::display::display;
use crate::semantics::place::{PlaceStep, load, put, set_index, store, take};
use crate::semantics::{destructure, index, literal, match_pattern};
use crate::value::{Tag, Value, Wrapper};

fn text(v: &Value) -> String {
    display(v).expect("shallow")
}

#[test]
fn index_errors() {
    let cases = [
        (ints([1, 2]), Value::int(-3), "IndexError: Index out of bounds: -3"),
        (ints([1]), Value::str("a"), "TypeError: Invalid index operation"),
        (Value::str("é"), Value::int(1), "IndexError: Index out of bounds: 1"),
        (dict([]), Value::str("k"), "KeyError: Missing map key: \"k\""),
        (dict([]), Value::int(3), "KeyError: Missing map key: 3"),
        (dict([]), Value::float(3.0), "TypeError: Dict keys must be strings or ints"),
        (Value::int(1), Value::int(0), "TypeError: Invalid index operation"),
    ];
    for (object, i, expected) in cases {
        assert_eq!(failure(index::get(&object, &i)), expected);
    }
    assert_eq!(text(&index::get(&Value::str("héllo→"), &Value::int(-1)).expect("in range")), "→");
    assert_eq!(text(&index::get(&ints([1, 2]), &Value::int(-1)).expect("in range")), "2");
}

#[test]
fn field_errors() {
    let p = point(&point_def(&[]), 1, 2);
    assert_eq!(failure(index::field(&p, "z")), "FieldError: Field not found: z");
    assert_eq!(failure(index::field(&dict([]), "z")), "KeyError: Missing map key: \"z\"");
    assert_eq!(
        failure(index::field(&Value::NULL, "z")),
        "TypeError: Cannot access field or method 'z' on non-struct value"
    );
    assert!(index::field_or_null(&p, "z").expect("null").is_null());
    assert!(index::field_or_null(&Value::NULL, "z").expect("null").is_null());
    assert!(index::field_or_null(&Value::int(1), "z").is_err());
}

#[test]
fn stores_walk_and_copy_only_what_is_shared() {
    let name: Arc<str> = "ps".into();
    let x: Arc<str> = "x".into();
    let zero = Value::int(0);
    let p = point(&point_def(&[]), 1, 2);
    let mut root = dict([("ps", array([p.clone(), p]))]);
    let before = root.clone();
    let steps = [PlaceStep::Field(&name), PlaceStep::Index(&zero), PlaceStep::Field(&x)];
    store(&mut root, &steps, Value::int(9)).expect("a place");
    assert_eq!(text(&root), "{\"ps\": [P { x: 9, y: 2 }, P { x: 1, y: 2 }]}");
    assert_eq!(text(&before), "{\"ps\": [P { x: 1, y: 2 }, P { x: 1, y: 2 }]}");
    assert_eq!(load(&root, &steps).ok().and_then(|v| v.as_int()), Some(9));
    let added: Arc<str> = "z".into();
    let steps = [PlaceStep::Field(&name), PlaceStep::Index(&zero), PlaceStep::Field(&added)];
    store(&mut root, &steps, Value::NULL).expect("a place");
    assert_eq!(text(&root), "{\"ps\": [P { x: 9, y: 2, z: null }, P { x: 1, y: 2 }]}");
}

#[test]
fn failed_stores_name_the_step_and_change_nothing() {
    let (a, zero, five) = (Arc::from("a"), Value::int(0), Value::int(5));
    let (field, first, sixth) =
        (PlaceStep::Field(&a), PlaceStep::Index(&zero), PlaceStep::Index(&five));
    let mut root = dict([("a", ints([1]))]);
    let cases: [(&[PlaceStep<'_>], usize, &str); 7] = [
        (&[field, sixth], 1, "IndexError: Index out of bounds: 5"),
        (&[first, first], 0, "KeyError: Missing map key: 0"),
        (&[field, first, first], 2, "TypeError: Invalid index assignment"),
        (&[field, first, field], 2, "TypeError: Cannot set field on non-struct value"),
        (&[field, field], 1, "TypeError: Cannot set field on non-struct value"),
        (&[field, first, first, first], 2, "TypeError: Invalid index operation"),
        (
            &[field, field, first],
            1,
            "TypeError: Cannot access field or method 'a' on non-struct value",
        ),
    ];
    for (steps, step, expected) in cases {
        let error = store(&mut root, steps, Value::NULL).expect_err(expected);
        assert_eq!(error.step, step, "{expected}");
        assert_eq!(failure::<()>(Err(error.error)), expected);
    }
    assert_eq!(text(&root), "{\"a\": [1]}");
    assert_eq!(
        failure(set_index(&mut Value::str("abc"), &zero, Value::NULL)),
        "TypeError: Invalid index assignment"
    );
}

#[test]
fn take_leaves_a_marker_and_put_restores() {
    let (a, zero) = (Arc::from("a"), Value::int(0));
    let steps = [PlaceStep::Field(&a), PlaceStep::Index(&zero)];
    let mut root = dict([("a", array([ints([1])]))]);
    let mut inner = take(&mut root, &steps).expect("a place");
    assert!(inner.is_unique());
    assert_eq!(load(&root, &steps).map(|v| v.tag()).ok(), Some(Tag::InUse));
    set_index(&mut inner, &zero, Value::int(2)).expect("in range");
    put(&mut root, &steps, inner);
    assert_eq!(text(&root), "{\"a\": [[2]]}");
    let missing = take(&mut root, &[PlaceStep::Index(&zero)]).expect_err("no such key");
    assert_eq!((missing.step, &*missing.error.message), (0, "Missing map key: 0"));
}

#[test]
fn destructuring_fills_with_null() {
    let items = ints([1, 2, 3]);
    assert_eq!(destructure::array_item(&items, 1).as_int(), Some(2));
    assert!(destructure::array_item(&items, 9).is_null());
    assert_eq!(text(&destructure::array_rest(&items, 1)), "[2, 3]");
    assert_eq!(text(&destructure::array_rest(&items, 9)), "[]");
    let entries = dict([("x", Value::int(1)), ("z", Value::int(2))]);
    assert_eq!(text(&destructure::dict_rest(&entries, &["x".into()])), "{\"z\": 2}");
    assert!(destructure::dict_item(&items, "x").is_null());
}

#[test]
fn patterns() {
    let ok = Wrapper::Ok.wrap(Value::int(1));
    let tagged = literal::make_tag(&"Result".into(), &"Ok".into(), vec![Value::int(2)]);
    for v in [&ok, &tagged] {
        assert!(match_pattern::matches_name(v, "Ok", true));
        assert!(match_pattern::matches_variant(v, "Result", "Ok"));
        assert!(!match_pattern::matches_name(v, "Err", false));
        assert!(match_pattern::payload(v, 0).as_int().is_some());
        assert!(match_pattern::payload(v, 1).is_null());
    }
    assert!(match_pattern::matches_name(&Value::str("Red"), "Red", false));
    assert!(!match_pattern::matches_name(&Value::str("Ok"), "Ok", true));
    assert!(match_pattern::matches_name(&Value::NONE, "None", false));
}

#[test]
fn deep_values_are_dropped_without_recursion() {
    drop(nested(1_000_000));
    let mut value = Value::NULL;
    for _ in 0..1_000_000 {
        value = Wrapper::Some.wrap(value);
    }
    drop(value);
}
