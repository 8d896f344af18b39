//! Counting, freeing and the collection of cycles.

use std::sync::Arc;

use super::{collect_cycles, cycle_collection_is_due, live_objects, on_due};
use crate::host::Interrupt;
use crate::objects::array::Array;
use crate::objects::cell::CellBody;
use crate::objects::function::{Function, FunctionCode, FunctionInfo};
use crate::semantics::literal::make_array;
use crate::value::{Value, View};

fn assign(cell: &Value, content: Value) {
    if let View::Cell(body) | View::Ref(body) = cell.view() {
        body.set(content);
    }
}

fn closure(cell: &Value) -> Value {
    // Code lives as long as the isolate; here, as long as the process.
    let code = Box::leak(Box::new(FunctionCode {
        info: FunctionInfo::default(),
        proto: None,
        tree: None,
        module: std::ptr::null(),
        index: 0,
        file: "f".into(),
    }));
    // SAFETY: the code was leaked.
    unsafe { Function::make(code, 1, |_| cell.clone()) }
}

#[test]
fn counts_return_to_the_baseline() {
    let baseline = live_objects();
    let inner = make_array(vec![Value::str("some text"), Value::int(1)]);
    let outer = make_array(vec![inner.clone(), inner.clone()]);
    assert_eq!(live_objects(), baseline + 3);
    drop((inner, outer));
    assert_eq!(live_objects(), baseline);
}

#[test]
fn self_referencing_closures_and_refs_are_collected() {
    let baseline = live_objects();
    for _ in 0..10 {
        let cell = CellBody::make(Value::UNASSIGNED);
        assign(&cell, closure(&cell));
        let reference = CellBody::make_ref(Value::NULL);
        assign(&reference, make_array(vec![reference.clone(), Value::str("payload")]));
    }
    assert_eq!(live_objects(), baseline + 50);
    assert_eq!(collect_cycles(), 20);
    assert_eq!(live_objects(), baseline);
}

#[test]
fn what_is_referenced_from_outside_survives() {
    let baseline = live_objects();
    let cell = CellBody::make(Value::UNASSIGNED);
    let function = closure(&cell);
    assign(&cell, function.clone());
    drop(cell);
    let other = CellBody::make(Value::NULL);
    assign(&other, make_array(vec![other.clone(), function.clone()]));
    drop(other);
    assert_eq!(collect_cycles(), 1);
    assert_eq!(live_objects(), baseline + 2);
    if let View::Function(f) = function.view() {
        assert!(matches!(f.upvalues()[0].view(), View::Cell(_)));
    }
    drop(function);
    assert_eq!(collect_cycles(), 1);
    assert_eq!(live_objects(), baseline);
}

#[test]
fn a_due_collection_raises_the_flag() {
    let interrupt = Arc::new(Interrupt::default());
    on_due(interrupt.clone());
    let cells: Vec<Value> = (0..10_000).map(|_| CellBody::make(Value::NULL)).collect();
    assert!(!interrupt.is_pending() && !cycle_collection_is_due());
    let one_more = CellBody::make(Value::NULL);
    assert!(interrupt.is_pending() && cycle_collection_is_due());
    assert_eq!(collect_cycles(), 0);
    assert!(!cycle_collection_is_due());
    drop((cells, one_more));
    let long_chain = (0..100_000).fold(Value::NULL, |inner, _| {
        let mut array = Array::new();
        array.push(CellBody::make(inner));
        Value::from_ref(super::Ref::new(array))
    });
    assert_eq!(collect_cycles(), 0);
    drop(long_chain);
}
