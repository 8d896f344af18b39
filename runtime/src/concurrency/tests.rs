//! Parcels: what arrives is equal to what was sent, with the sharing inside.

use std::sync::Arc;

use super::pack::{self, Foreign};
use super::parcel::Parcel;
use super::unpack;
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::{Isolate, Loaded, ModuleLoader, Output};
use crate::interp::{Threshold, Vm, VmOptions};
use crate::limits::Limits;
use crate::objects::array::Array;
use crate::objects::cell::CellBody;
use crate::objects::channel::ChannelBody;
use crate::objects::dict::Dict;
use crate::objects::iterator::{IteratorBody, Source};
use crate::objects::structs::{Struct, StructDef};
use crate::semantics::equal;
use crate::value::{Value, View, Wrapper};

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&mut self, path: &[Arc<str>], _importer: &Arc<str>) -> Result<Loaded> {
        Err(Error::new(Kind::ImportError, format!("Module not found: {}", path.join("."))))
    }
}

fn vm() -> Box<Vm> {
    let out = Output::new(Box::new(std::io::sink()), false);
    let isolate = Isolate::new(out, Vec::new(), Limits::DEFAULT, Arc::default());
    let options = VmOptions { threshold: Threshold::Normal };
    Vm::new(isolate, options, Box::new(NoModules)).expect("there is address space")
}

fn array(values: Vec<Value>) -> Value {
    Value::from_ref(Ref::new(Array::from_values(values)))
}

fn there_and_back(vm: &mut Vm, value: &Value) -> Value {
    let parcel = pack::pack(vm, value, Foreign::Unusable).expect("it can be packed");
    unpack::unpack(vm, parcel).expect("it can be unpacked")
}

fn assert_same(vm: &mut Vm, value: &Value) {
    let back = there_and_back(vm, value);
    assert!(equal::equal(value, &back).expect("it is shallow"), "{value:?} became {back:?}");
    assert_eq!(value.tag(), back.tag());
}

#[test]
fn data_arrive_as_they_were() {
    let mut vm = vm();
    let mut dict = Dict::new();
    dict.insert_str("a", Value::int(1));
    dict.insert(Value::int(2), array(vec![Value::NULL]));
    let long = "a text that does not fit into the value in any case ".repeat(3);
    let values = [
        Value::NULL,
        Value::TRUE,
        Value::int(-5),
        Value::float(0.5),
        Value::NONE,
        Value::str(""),
        Value::str("é"),
        Value::str(&long),
        array(Vec::new()),
        array(vec![Value::int(1), Value::int(2)]),
        array(vec![Value::float(1.0)]),
        array(vec![Value::TRUE, Value::FALSE]),
        array(vec![Value::int(1), Value::str("x"), array(vec![Value::NULL])]),
        Value::from_ref(Ref::new(dict)),
        Wrapper::Ok.wrap(Wrapper::Some.wrap(Value::int(1))),
        Wrapper::Err.wrap(Value::str("e")),
    ];
    for value in &values {
        assert_same(&mut vm, value);
    }
    assert_same(&mut vm, &array(values.to_vec()));
}

#[test]
fn what_is_shared_stays_shared() {
    let mut vm = vm();
    let part = array(vec![Value::str("shared"), Value::int(1)]);
    let cell = CellBody::make_ref(part.clone());
    let both = there_and_back(&mut vm, &array(vec![part.clone(), part, cell.clone(), cell]));
    let View::Array(both) = both.view() else { panic!("an array arrives") };
    let values: Vec<Value> = both.iter().collect();
    assert!(values[0].is_identical(&values[1]));
    assert!(values[2].is_identical(&values[3]));
}

#[test]
fn a_variable_may_refer_to_itself() {
    let mut vm = vm();
    let cell = CellBody::make_ref(Value::NULL);
    if let View::Ref(body) = cell.view() {
        body.set(array(vec![cell.clone(), Value::int(7)]));
    }
    let back = there_and_back(&mut vm, &cell);
    let View::Ref(body) = back.view() else { panic!("a ref arrives") };
    let content = body.get();
    let View::Array(content) = content.view() else { panic!("with its content") };
    assert!(content.iter().next().is_some_and(|first| first.is_identical(&back)));
    for cell in [&cell, &back] {
        if let View::Ref(body) = cell.view() {
            body.set(Value::NULL);
        }
    }
}

#[test]
fn nesting_is_limited() {
    let mut vm = vm();
    let mut value = Value::NULL;
    for _ in 0..10_000 {
        value = array(vec![value]);
    }
    assert!(pack::pack(&mut *vm, &value, Foreign::Unusable).is_ok());
    let value = array(vec![value]);
    let error = pack::pack(&mut *vm, &value, Foreign::Unusable).err().expect("it is too deep");
    assert_eq!(error.message, "Value nested too deeply");
}

#[test]
fn a_declaration_is_found_again() {
    let mut vm = vm();
    let def = StructDef::new("P".into(), 1, &["x".into()], false);
    let mut instance = Struct::make(def.base_shape(), |_| Value::int(3));
    Struct::set(&mut instance, &"added".into(), Value::str("more"));
    let back = there_and_back(&mut vm, &instance);
    let (View::Struct(one), View::Struct(other)) = (instance.view(), back.view()) else {
        panic!("an instance arrives")
    };
    assert!(std::ptr::eq(one.def(), other.def()));
    assert!(std::ptr::eq(one.shape(), other.shape()));
}

#[test]
fn a_declaration_is_made_where_it_is_not_known() {
    let mut vm = vm();
    let parcel = {
        let def = StructDef::new("P".into(), 1, &["x".into()], false);
        let instance = Struct::make(def.base_shape(), |_| Value::int(3));
        pack::pack(&mut *vm, &instance, Foreign::Unusable).expect("it can be packed")
    };
    let back = unpack::unpack(&mut *vm, parcel).expect("it can be unpacked");
    let View::Struct(back) = back.view() else { panic!("an instance arrives") };
    assert_eq!((&*back.def().name, back.get("x").and_then(Value::as_int)), ("P", Some(3)));
}

#[test]
fn iterators_are_refused_where_they_must_not_be() {
    let mut vm = vm();
    let iterator = IteratorBody::make(Source::Exhausted, Vec::new());
    assert!(pack::pack(&mut *vm, &iterator, Foreign::Unusable).is_ok());
    let inside = array(vec![iterator]);
    let error = pack::pack(&mut *vm, &inside, Foreign::Refused).err().expect("it is refused");
    assert_eq!(error.kind, "TypeError");
}

#[test]
fn an_array_of_numbers_that_nobody_else_has_is_moved() {
    let mut vm = vm();
    let value = array((0..100).map(Value::int).collect());
    let View::Array(body) = value.view() else { panic!("it is an array") };
    let address = body.ints().expect("of ints").as_ptr();
    let parcel = pack::pack_owned(&mut *vm, value).expect("it can be packed");
    let back = unpack::unpack(&mut *vm, parcel).expect("it can be unpacked");
    let View::Array(body) = back.view() else { panic!("it is an array") };
    assert_eq!(body.ints().expect("of ints").as_ptr(), address);
}

#[test]
fn a_channel_keeps_its_identity_and_its_values() {
    let mut vm = vm();
    let core = std::rc::Rc::new(super::channels::Core::new(2));
    let channel = ChannelBody::make(core);
    let View::Channel(body) = channel.view() else { panic!("it is a channel") };
    super::channels::send(&mut *vm, body, Value::str("one")).expect("there is room");
    let back = there_and_back(&mut vm, &channel);
    assert!(equal::equal(&channel, &back).expect("handles are shallow"));
    let View::Channel(other) = back.view() else { panic!("a channel arrives") };
    assert_eq!(other.core.len(), 1);
    let got = super::channels::try_receive(&mut *vm, other).expect("it is open");
    assert!(
        matches!(got.as_ref().map(Value::view), Some(View::Str(text)) if text.as_str() == "one")
    );
    assert!(body.core.is_empty());
}

#[test]
fn scalars_need_no_program() {
    let mut vm = vm();
    let parcel = pack::pack(&mut *vm, &Value::int(3), Foreign::Unusable).expect("it is an int");
    assert_eq!(parcel.as_int(), Some(3));
    let parcel = pack::pack(&mut *vm, &Value::str("x"), Foreign::Unusable).expect("it is a text");
    assert!(matches!(parcel, Parcel::Text(_)));
}

/// Channels in channels are dropped one after the other.
#[test]
fn a_long_chain_of_channels_is_dropped() {
    let mut vm = vm();
    let mut inner = Value::NULL;
    for _ in 0..100_000 {
        let channel = ChannelBody::make(std::rc::Rc::new(super::channels::Core::new(1)));
        if let View::Channel(body) = channel.view() {
            super::channels::send(&mut *vm, body, inner).expect("there is room");
        }
        inner = channel;
        let shared = pack::pack(&mut *vm, &inner, Foreign::Unusable).expect("it can be packed");
        drop(shared);
    }
    drop(inner);
}
