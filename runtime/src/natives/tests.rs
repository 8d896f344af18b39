//! Tests of the natives that need no engine: argument errors, ownership, sorting, documents.
//!
//! The examples of the documentation run as tests of the whole program; here is what programs
//! cannot see, and what belongs to the machinery of declarations.

use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::host::{Interrupt, Output};
use crate::limits::Limits;
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::value::View;

/// A host that can only call natives.
struct TestHost(Isolate);

impl TestHost {
    fn new() -> TestHost {
        let output = Output::new(Box::new(Vec::new()), false);
        let interrupt = Arc::new(Interrupt::default());
        TestHost(Isolate::new(output, Vec::new(), Limits::DEFAULT, interrupt))
    }
}

impl Host for TestHost {
    fn isolate(&mut self) -> &mut Isolate {
        &mut self.0
    }

    fn call(&mut self, callee: &Value, args: &mut [Value]) -> Result<Value> {
        match callee.view() {
            View::Native(index) => call(self, index, args),
            _ => Err(Error::new(Kind::TypeError, "not a native")),
        }
    }

    fn call_method(&mut self, _: &Value, _: &mut Value, _: &mut [Value]) -> Result<Value> {
        Err(Error::new(Kind::TypeError, "no methods"))
    }

    fn import(&mut self, _: &[Arc<str>], _: &Arc<str>) -> Result<Value> {
        Err(Error::new(Kind::ImportError, "no modules"))
    }

    fn resume_generator(&mut self, generator: &Value) -> Result<Option<Value>> {
        crate::concurrency::coroutine::resume_generator(self, generator)
    }

    fn run_body(
        &mut self,
        callee: &Value,
        _receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        self.call(callee, args)
    }

    fn run_block(&mut self, block: &Value) -> Result<Value> {
        self.call(block, &mut [])
    }

    fn adopt_module(
        &mut self,
        _: &crate::objects::module::Origin,
    ) -> std::rc::Rc<crate::objects::module::ModuleBody> {
        unreachable!("there is one isolate")
    }

    fn code_at(
        &mut self,
        _: &crate::objects::module::ModuleBody,
        _: u32,
        _: Option<&crate::objects::module::Template>,
    ) -> *const crate::objects::function::FunctionCode {
        std::ptr::null()
    }

    fn counters(&self) -> crate::host::Counters {
        crate::host::Counters { depth: 0, nested: 0, callbacks: 0 }
    }

    fn set_counters(&mut self, _counters: crate::host::Counters) {}
}

fn run(name: &str, args: &mut [Value]) -> Result<Value> {
    call(&mut TestHost::new(), lookup(name).expect("a native"), args)
}

fn message(name: &str, args: &mut [Value]) -> String {
    let error = run(name, args).expect_err("an error");
    format!("{}: {}", error.kind, error.message)
}

fn ints(values: &[i64]) -> Value {
    args::array_value(values.iter().map(|v| Value::int(*v)).collect())
}

fn ints_of(value: &Value) -> Vec<i64> {
    match value.view() {
        View::Array(array) => array.iter().filter_map(|v| v.as_int()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn names_are_sorted_and_distinct() {
    let names: Vec<_> = all().iter().map(|native| native.name).collect();
    assert!(names.is_sorted());
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    let unshown: Vec<_> = all().iter().filter(|n| !n.doc.contains("# expect: ")).collect();
    let names: Vec<_> = unshown.iter().map(|native| native.name).collect();
    assert!(names.is_empty(), "natives without an example that shows a result: {names:?}");
}

#[test]
fn misuse_names_the_parameter() {
    assert_eq!(message("len", &mut []), "ArityError: len expects 1 arguments, got 0");
    assert_eq!(
        message("str", &mut []),
        "ArityError: str expects 1 arguments, got 0",
        "the name that was called"
    );
    assert_eq!(
        message("substr", &mut [Value::str("a")]),
        "ArityError: substr expects 2 to 3 arguments, got 1"
    );
    assert_eq!(
        message("len", &mut [Value::NULL]),
        "TypeError: len: argument 'value' must be string, array, dict, bytes, set, queue or \
         stack, got null"
    );
    assert_eq!(
        message("repeat", &mut [Value::str("a"), Value::str("b")]),
        "TypeError: repeat: argument 'count' must be int, got string"
    );
    assert_eq!(
        message("count", &mut [Value::from_ref(crate::heap::Ref::new(Dict::new())), Value::NULL]),
        "TypeError: count: a dict takes no 'match'"
    );
}

#[test]
fn a_unique_array_is_changed_in_place() {
    let array = ints(&[1, 2, 3]);
    let before = array.payload();
    let mut args = [array, Value::int(4)];
    let longer = run("push", &mut args).expect("no error");
    assert_eq!(longer.payload(), before);
    assert_eq!(ints_of(&longer), [1, 2, 3, 4]);
}

#[test]
fn a_shared_array_is_copied() {
    let array = ints(&[1]);
    let longer = run("push", &mut [array.clone(), Value::int(2)]).expect("no error");
    assert_eq!((ints_of(&array), ints_of(&longer)), (vec![1], vec![1, 2]));
}

#[test]
fn updating_methods_change_their_receiver() {
    let mut receiver = ints(&[3, 1, 2]);
    let selected = method::select(&receiver, "sort").expect("a method");
    assert!(selected.is_mutating());
    let mut host = TestHost::new();
    method::call_selected(&mut host, &selected, &mut receiver, &mut []).expect("no error");
    assert_eq!(ints_of(&receiver), [1, 2, 3]);
    let error = method::call_selected(
        &mut host,
        &selected,
        &mut receiver,
        &mut [Value::native(lookup("print").expect("a native"))],
    );
    assert_eq!(error.expect_err("null is no verdict").kind, "TypeError");
    assert_eq!(ints_of(&receiver), [1, 2, 3], "unchanged by an error");
}

#[test]
fn method_errors_name_the_type() {
    let mut receiver = ints(&[]);
    let selected = method::select(&receiver, "push").expect("a method");
    let result = method::call_selected(&mut TestHost::new(), &selected, &mut receiver, &mut []);
    let error = result.expect_err("too few arguments");
    assert_eq!(error.message, "array.push expects 1 arguments, got 0");
}

#[test]
fn throw_is_not_a_method() {
    let error = method::select(&Value::int(1), "throw").err().expect("no method");
    assert_eq!(error.message, "Unknown method: throw");
}

#[test]
fn an_inconsistent_comparison_sorts_somehow() {
    // compare(a, b) of a thousand numbers, then a callback that always says "greater".
    let numbers: Vec<i64> = (0..1000).map(|v| v * 7919 % 1000).collect();
    let by_order = Value::native(lookup("compare").expect("a native"));
    let sorted = run("sort", &mut [ints(&numbers), by_order]).expect("no error");
    assert!(ints_of(&sorted).is_sorted());
    let always_first = Value::native(lookup("bit_or").expect("a native"));
    let mixed = run("sort", &mut [ints(&numbers), always_first]).expect("no error");
    let mut all = ints_of(&mixed);
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
}

#[test]
fn json_survives_a_round_trip() {
    let text = r#"{"a":[1,-2.5,1e300,"x\"\n\u0001é",true,null,[],{}],"b":{"c":0.1}}"#;
    let value = run("parse_json", &mut [Value::str(text)]).expect("no error");
    let back = run("to_json", &mut [value]).expect("no error");
    assert!(matches!(back.view(), View::Str(s) if s.as_str() == text));
}

#[test]
fn json_errors_have_a_position() {
    assert_eq!(
        message("parse_json", &mut [Value::str("[1,\n é]")]),
        "ParseError: parse_json: unexpected character at line 2 column 2"
    );
    let deep = "[".repeat(600);
    assert!(message("parse_json", &mut [Value::str(&deep)]).contains("nested too deeply"));
}

#[test]
fn all_days_survive_a_round_trip() {
    let mut days = (-719_162i64..2_932_897).step_by(97);
    assert!(days.all(|day| {
        let seconds = Value::float(day as f64 * 86_400.0);
        let pattern = Value::str("YYYY-MM-DD dddd");
        let text = run("format_date", &mut [seconds.clone(), pattern.clone()]).expect("no error");
        let back = run("parse_date", &mut [text, pattern]).expect("no error");
        back.as_float() == seconds.as_float()
    }));
}

#[test]
fn a_long_chain_of_stages_is_pulled_without_recursion() {
    let mut chain = ints(&[1, 2]);
    for _ in 0..50_000 {
        let selected = method::select(&chain, "skip").expect("a method");
        let mut receiver = std::mem::take(&mut chain);
        let call = method::call_selected(
            &mut TestHost::new(),
            &selected,
            &mut receiver,
            &mut [Value::int(0)],
        );
        chain = call.expect("no error");
    }
    let all = run("to_array", &mut [chain]).expect("no error");
    assert_eq!(ints_of(&all), [1, 2]);
}

#[test]
fn empty_arrays_stay_empty() {
    for name in ["reverse", "unique", "sort", "flatten"] {
        let empty = Value::from_ref(crate::heap::Ref::new(Array::new()));
        assert_eq!(ints_of(&run(name, &mut [empty]).expect("no error")), [0_i64; 0]);
    }
}
