//! Loading: prototypes become code of this isolate, with their constants as values.

use std::sync::Arc;

use super::Vm;
use crate::bytecode::operand::Op;
use crate::bytecode::{Const, FunctionProto};
use crate::objects::function::{CallInfo, FunctionCode, LoadedProto, Receiver};
use crate::objects::module::ModuleBody;
use crate::value::{Value, View};

/// A constant as a value.
pub(super) fn value_of(value: &Const) -> Value {
    match value {
        Const::Null => Value::NULL,
        Const::Bool(v) => Value::bool(*v),
        Const::Int(v) => Value::int(*v),
        Const::Float(v) => Value::float(*v),
        Const::Str(text) => Value::str(text),
        Const::None => Value::NONE,
    }
}

impl Vm {
    /// The code of a prototype (the first) and all its children, for functions of `module`. It
    /// lives as long as the VM.
    pub(super) fn load(
        &mut self,
        proto: &Arc<FunctionProto>,
        module: &ModuleBody,
    ) -> Box<[*const FunctionCode]> {
        // Children come before their parents, so that nesting needs no recursion.
        let mut order = vec![proto];
        let mut at = 0;
        while at < order.len() {
            order.extend(order[at].children.iter());
            at += 1;
        }
        let mut loaded: Vec<*const FunctionCode> = vec![std::ptr::null(); order.len()];
        let mut next_child = order.len();
        for at in (0..order.len()).rev() {
            next_child -= order[at].children.len();
            let children = loaded[next_child..next_child + order[at].children.len()].into();
            loaded[at] = self.load_one(order[at], children, module, at as u32);
        }
        loaded.into()
    }

    /// A constant of a function as a value: texts are the same strings in all functions.
    pub(super) fn constant(&mut self, value: &Const) -> Value {
        match value {
            Const::Str(text) => self.literal(text),
            other => value_of(other),
        }
    }

    /// The string that stands for a text in all functions.
    pub(super) fn literal(&mut self, text: &Arc<str>) -> Value {
        if let Some(known) = self.literals.get(text) {
            return known.clone();
        }
        let new = Value::str(text);
        if let View::Str(string) = new.view() {
            string.set_interned();
        }
        self.literals.insert(text.clone(), new.clone());
        new
    }

    fn load_one(
        &mut self,
        proto: &Arc<FunctionProto>,
        children: Box<[*const FunctionCode]>,
        module: &ModuleBody,
        index: u32,
    ) -> *const FunctionCode {
        self.prepare_profile(proto);
        let consts: Box<[Value]> = proto.consts.iter().map(|c| self.constant(c)).collect();
        let info = &proto.info;
        let is_plain = !info.has_rest && !info.is_async && !info.is_generator;
        let is_exact = info.n_required == info.n_params && is_plain;
        let receiver = u32::from(info.receiver != Receiver::None);
        let call = CallInfo {
            code: proto.code.as_ptr(),
            consts: consts.as_ptr(),
            site_delta: proto.profile.sites_ptr() as isize - proto.code.as_ptr() as isize,
            slots: module.base_ptr(),
            profile: &raw const proto.profile,
            exact_args: if is_exact { info.n_params + receiver } else { u32::MAX },
            n_registers: proto.n_registers.into(),
        };
        self.most_registers = self.most_registers.max(call.n_registers);
        let code = Box::new(FunctionCode {
            info: info.clone(),
            file: proto.source.file.clone(),
            proto: Some(LoadedProto { call, proto: proto.clone(), consts, children, module }),
            tree: None,
            module,
            index,
        });
        let address = &raw const *code;
        self.codes.push(code);
        address
    }

    /// Sets thresholds when a prototype is loaded for the first time.
    fn prepare_profile(&self, proto: &FunctionProto) {
        if proto.profile.threshold() != 0 {
            return;
        }
        let threshold = self.options.threshold(proto.code.len());
        proto.profile.set_threshold(threshold);
        for (pc, instr) in proto.code.iter().enumerate() {
            if instr.op() == Op::LoopHeader {
                proto.profile.set_site(pc, threshold.into());
            }
        }
    }
}
