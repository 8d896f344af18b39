//! Element kinds of arrays, order and holes of dicts, characters of strings, shapes.

use super::array::{Array, ElemKind};
use super::dict::Dict;
use super::string::{Str, make, make_char};
use super::structs::{Struct, StructDef};
use crate::value::{Value, View};

fn ints(array: &Array) -> Vec<i64> {
    array.iter().filter_map(|v| v.as_int()).collect()
}

#[test]
fn arrays_widen_once_and_keep_their_elements() {
    let mut array = Array::new();
    (0..20).for_each(|i| array.push(Value::int(i)));
    assert_eq!(array.kind(), ElemKind::Int);
    array.set(3, Value::str("x"));
    assert_eq!(array.kind(), ElemKind::Value);
    assert_eq!((array.len(), ints(&array).len()), (20, 19));
    while array.pop().is_some() {}
    array.push(Value::int(1));
    assert_eq!(array.len(), 1);
    let mixed = Array::from_values(vec![Value::int(1), Value::float(2.0)]);
    assert_eq!(mixed.kind(), ElemKind::Value);
    assert_eq!(Array::from_values(vec![Value::TRUE, Value::FALSE]).bools(), Some(&[1, 0][..]));
}

#[test]
fn arrays_insert_remove_extend_and_slice() {
    let mut array = Array::from_ints(&[1, 2, 3, 4]);
    array.insert(0, Value::int(0));
    array.insert(5, Value::int(5));
    assert_eq!(array.remove(1).as_int(), Some(1));
    assert_eq!(ints(&array), [0, 2, 3, 4, 5]);
    array.reverse();
    assert_eq!(ints(&array.slice(1, 3)), [4, 3]);
    let mut empty = Array::new();
    empty.extend(&Array::from_ints(&[]));
    empty.extend(&array);
    empty.extend(&Array::from_values(vec![make("abc"), Value::int(7)]));
    assert_eq!((empty.len(), empty.kind()), (7, ElemKind::Value));
    let mut drained = Array::from_ints(&[1]);
    drained.pop();
    drained.extend(&Array::from_floats(&[0.5]));
    drained.extend(&Array::new());
    assert_eq!(drained.floats(), Some(&[0.5][..]));
    drained.truncate(0);
    assert_eq!(drained.clone().len(), 0);
}

#[test]
fn dicts_find_ints_whatever_index_they_have() {
    let mut dict = Dict::new();
    let mut expected = Vec::new();
    // Close together, then far apart, then close again for their number, with a text and holes.
    let keys = (0..40).rev().chain([1_000_000, -5]).chain(40..5000).chain([5000 * 3]);
    for (i, key) in keys.enumerate() {
        assert!(dict.insert(Value::int(key), Value::int(i as i64)).is_none());
        expected.push((key, i as i64));
    }
    dict.insert(Value::str("text"), Value::NULL);
    dict.remove(&Value::str("text"));
    for key in (0..5000).step_by(3) {
        assert!(dict.remove(&Value::int(key)).is_some(), "{key}");
        expected.retain(|(known, _)| *known != key);
    }
    for key in [1_000_000, -5] {
        assert!(dict.remove(&Value::int(key)).is_some());
        expected.retain(|(known, _)| *known != key);
    }
    for key in 10_000..30_000 {
        assert!(dict.insert(Value::int(key), Value::int(key)).is_none() || key == 15_000);
        match expected.iter_mut().find(|(known, _)| *known == key) {
            Some((_, value)) => *value = key,
            None => expected.push((key, key)),
        }
    }
    let found: Vec<(i64, i64)> =
        dict.iter().filter_map(|(k, v)| Some((k.as_int()?, v.as_int()?))).collect();
    assert_eq!(found, expected);
    for (key, value) in &expected {
        assert_eq!(dict.get_int(*key).and_then(Value::as_int), Some(*value));
    }
    assert!(dict.get_int(3).is_none() && dict.get_int(-5).is_none());
    assert!(dict.get(&Value::str("text")).is_none());
}

#[test]
fn dicts_keep_order_through_removals_and_growth() {
    let mut dict = Dict::new();
    for i in 0..100 {
        dict.insert(Value::int(i), Value::int(i * i));
        dict.insert(Value::str(&format!("key {i}")), Value::int(i));
    }
    for i in 0..100 {
        if i % 10 != 0 {
            assert!(dict.remove(&Value::int(i)).is_some());
        }
        assert!(dict.remove(&Value::str(&format!("key {i}"))).is_some());
    }
    assert!(dict.remove(&Value::int(1)).is_none());
    let keys: Vec<i64> = dict.iter().filter_map(|(key, _)| key.as_int()).collect();
    assert_eq!(keys, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    dict.insert(Value::int(10), Value::NULL);
    assert_eq!(dict.len(), 10);
    dict.remove(&Value::int(0));
    dict.insert(Value::int(0), Value::NULL);
    assert_eq!(dict.iter().next_back().and_then(|(key, _)| key.as_int()), Some(0));
    assert!(dict.get_str("0").is_none() && dict.contains(&Value::int(0)));
    let mut position = 0;
    let mut n = 0;
    while let Some((next, _, _)) = dict.entry_from(position) {
        position = next;
        n += 1;
    }
    assert_eq!(n, 10);
}

#[test]
fn strings_count_characters() {
    let mut text = Str::new("aé→");
    assert_eq!((text.n_bytes(), text.n_chars()), (6, 3));
    (0..200).for_each(|_| text.push_str("ü"));
    assert_eq!(text.n_chars(), 203);
    for _ in 0..3 {
        assert_eq!(text.char_at(2), Some('→'));
        assert_eq!(text.char_at(202), Some('ü'));
        assert_eq!(text.char_at(203), None);
    }
    assert_eq!(text.slice_chars(1, 2), "é→");
    assert_eq!(text.slice_chars(202, 9), "ü");
    assert_eq!(text.slice_chars(300, 9), "");
    let before = crate::heap::live_objects();
    let values = [make_char('x'), make("x"), make_char('\0')];
    assert_eq!(crate::heap::live_objects(), before);
    assert!(values[0].is_identical(&values[1]) && !values[0].is_unique());
}

#[test]
fn structs_share_shapes_and_copy_on_write() {
    let names: Vec<std::sync::Arc<str>> = (0..20).map(|i| format!("f{i}").into()).collect();
    let def = StructDef::new("S".into(), 1, &names[..10], false);
    let mut a = Struct::make(def.base_shape(), |slot| Value::int(slot as i64));
    let b = a.clone();
    for name in &names[10..] {
        Struct::set(&mut a, name, Value::str("added"));
    }
    let mut c = b.clone();
    Struct::set(&mut c, &names[10], Value::NULL);
    drop(def);
    let shape = |v: &Value| match v.view() {
        View::Struct(s) => (s.shape().n_fields(), s.shape().slot("f9"), s.shape().id()),
        _ => (0, None, 0),
    };
    assert_eq!((shape(&a).0, shape(&b).0, shape(&c).0), (20, 10, 11));
    assert_eq!(shape(&a).1, Some(9));
    let mut d = b;
    Struct::set(&mut d, &names[10], Value::NULL);
    assert_eq!(shape(&c).2, shape(&d).2);
}
