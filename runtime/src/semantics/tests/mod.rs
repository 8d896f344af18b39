//! Tests of the semantics: a host that calls Rust functions, and helpers to write values.

mod compare;
mod errors;
mod iteration;
mod operators;
mod places;
mod text;

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::{Host, Interrupt, Isolate, Output};
use crate::limits::Limits;
use crate::objects::dict::Dict;
use crate::objects::structs::{Struct, StructDef};
use crate::semantics::{arith, literal, truthy};
use crate::value::{Value, View};

/// Calls `Value::native(n)` as the n-th of a few functions.
pub(super) struct TestHost {
    isolate: Isolate,
    pub(super) n_calls: usize,
}

/// `x * 2`, `x is odd`, an error, the sum of `self.x` and the argument, and false.
pub(super) const DOUBLE: Value = Value::native(0);
pub(super) const IS_ODD: Value = Value::native(1);
pub(super) const FAIL: Value = Value::native(2);
pub(super) const ADD_X: Value = Value::native(3);
pub(super) const NO: Value = Value::native(4);

impl TestHost {
    pub(super) fn new() -> TestHost {
        let output = Output::new(Box::new(Vec::new()), false);
        let interrupt = Arc::new(Interrupt::default());
        let isolate = Isolate::new(output, Vec::new(), Limits::DEFAULT, interrupt);
        TestHost { isolate, n_calls: 0 }
    }
}

impl Host for TestHost {
    fn isolate(&mut self) -> &mut Isolate {
        &mut self.isolate
    }

    fn call(&mut self, callee: &Value, args: &mut [Value]) -> Result<Value> {
        self.n_calls += 1;
        match callee.view() {
            View::Native(0) => arith::binary(self, super::BinOp::Mul, &args[0], &Value::int(2)),
            View::Native(1) => Ok(Value::bool(args[0].as_int().is_some_and(|v| v % 2 != 0))),
            View::Native(4) => Ok(Value::FALSE),
            _ => Err(Error::new(Kind::ThrownError, "failed")),
        }
    }

    fn call_method(
        &mut self,
        method: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        match (method.view(), receiver.view()) {
            (View::Native(3), View::Struct(s)) => {
                let x = s.get("x").cloned().unwrap_or_default();
                arith::binary(self, super::BinOp::Add, &x, &args[0])
            }
            _ => self.call(method, args),
        }
    }

    fn import(&mut self, _path: &[Arc<str>], _importer: &Arc<str>) -> Result<Value> {
        Ok(Value::NULL)
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

pub(super) fn array(items: impl IntoIterator<Item = Value>) -> Value {
    literal::make_array(items.into_iter().collect())
}

pub(super) fn ints(items: impl IntoIterator<Item = i64>) -> Value {
    array(items.into_iter().map(Value::int))
}

pub(super) fn dict<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let mut dict = Dict::new();
    for (key, value) in entries {
        dict.insert_str(key, value);
    }
    Value::from_ref(Ref::new(dict))
}

/// `struct P { x, y }`, with methods.
pub(super) fn point_def(methods: &[(&str, Value)]) -> Ref<StructDef> {
    let def = StructDef::new("P".into(), 1, &["x".into(), "y".into()], false);
    for (name, method) in methods {
        def.set_method((*name).into(), method.clone());
    }
    def
}

pub(super) fn point(def: &Ref<StructDef>, x: i64, y: i64) -> Value {
    Struct::make(def.base_shape(), |slot| Value::int([x, y][slot]))
}

/// `[[[...]]]`, so deep.
pub(super) fn nested(depth: usize) -> Value {
    let mut value = ints([]);
    for _ in 1..depth {
        value = array([value]);
    }
    value
}

/// `Kind: message` of an error.
pub(super) fn failure<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_owned(),
        Err(error) => format!("{}: {}", error.kind, error.message),
    }
}

#[test]
fn truthiness_follows_the_list_of_falsy_values() {
    let falsy = [Value::NULL, Value::FALSE, Value::int(0), Value::float(-0.0), Value::str("")];
    assert!(falsy.iter().chain([&ints([]), &dict([])]).all(|v| !truthy(v)));
    let truthy_ones = [Value::float(f64::NAN), Value::NONE, Value::str("0"), ints([0])];
    assert!(truthy_ones.iter().all(truthy));
}
