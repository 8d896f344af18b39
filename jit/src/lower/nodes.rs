//! One node to CLIF.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use ruff_runtime::mutant;
use ruff_runtime::value::Tag;

use super::emit::{float_cc, int_cc};
use super::memory::trusted;
use super::{Lowering, clif_type};
use crate::abi;
use crate::helpers::Routine;
use crate::ir::{Form, Helper, NodeId, Op, Ty};
use crate::mutants::{self, is_type_check};

impl Lowering<'_, '_> {
    pub(super) fn node(&mut self, id: NodeId) {
        let func = self.func;
        let node = func.node(id);
        if let Some(value) = self.pure(id, &node.op, node.ty) {
            self.values.insert(id, value);
            return;
        }
        match &node.op {
            Op::Guard(_, exit) if mutants::drops_guard(func, *exit) => {}
            Op::Guard(cond, exit) => {
                self.stress(*exit);
                let cond = self.value(*cond);
                if mutant!("guard-inverted") && is_type_check(func, *exit) {
                    return self.exit_if(cond, *exit);
                }
                self.exit_unless(cond, *exit);
            }
            Op::Poll(_) if mutant!("poll-dropped") => {}
            Op::Poll(exit) => {
                self.stress(*exit);
                self.poll_in_loop(*exit);
            }
            Op::Alloc(size) => {
                let block = self.alloc(*size);
                self.values.insert(id, block);
            }
            Op::Room(exit) => self.room(*exit),
            Op::EnterBody(exit) => self.enter_body(*exit),
            Op::LeaveBody if mutant!("body-not-left") => {}
            Op::LeaveBody => {
                self.call_routine(Routine::LeaveBody, &[self.vm]);
            }
            Op::Push(slot, value, exit) => self.push(*slot, *value, *exit),
            Op::Call(call) => self.call(id, call),
            Op::Step(pc, catches) => {
                let next = self.step(*pc, *catches);
                self.values.insert(id, next);
            }
            Op::ReleaseAt(at, offset) => {
                let at = self.value(*at);
                self.release_at(at, *offset);
            }
            Op::Unshare(r) => {
                let object = self.unshare(*r);
                self.values.insert(id, object);
            }
            Op::NoOperators(..) if mutant!("operators-unchecked") => {}
            Op::NoOperators(tag, payload, exit) => {
                self.stress(*exit);
                self.no_operators(*tag, *payload, *exit);
            }
            Op::Direct(pc, frame, catches) => {
                let next = self.direct(*pc, *frame, *catches);
                self.values.insert(id, next);
            }
            Op::Help(helper, args) => {
                let result = self.help(*helper, args);
                self.values.insert(id, result);
            }
            Op::ReleaseFlat(object, size) => {
                let object = self.value(*object);
                self.release_flat(object, *size);
            }
            Op::ReleasePair(tag, payload) => self.release_words(*tag, *payload),
            Op::CallTag(call) => {
                let tag = self.tags[call];
                self.values.insert(id, tag);
            }
            Op::Checked(op, a, b, exit) => {
                self.stress(*exit);
                let value = self.checked(*op, *a, *b, *exit);
                self.values.insert(id, value);
            }
            op => self.write(op),
        }
    }

    fn release_words(&mut self, tag: NodeId, payload: NodeId) {
        let is_object = matches!(self.func.node(tag).op, Op::Const(_));
        let (tag, payload) = (self.value(tag), self.value(payload));
        if is_object {
            // Others were dropped.
            self.release_object(tag, payload);
        } else {
            self.release_pair(tag, payload);
        }
    }

    fn help(&mut self, helper: Helper, args: &[NodeId]) -> ir::Value {
        match helper {
            Helper::TextEqual => self.text_equal(args[0], args[1]),
            Helper::Length => self.length(args[0]),
            Helper::DictFindInt => self.dict_find_int(args[0], args[1]),
            Helper::DictSetInt => self.dict_set_int([args[0], args[1], args[2], args[3]]),
            helper => {
                let args: Vec<ir::Value> = args.iter().map(|&arg| self.payload(arg)).collect();
                self.call_routine(routine_of(helper), &args)
            }
        }
    }

    /// Nodes of generators and chains of lazy stages.
    fn request_node(&mut self, op: &Op) {
        match op {
            Op::OpenChain(slot, shape, into, exit) => {
                self.stress(*exit);
                self.open_chain((*slot, *shape, *into), *exit);
            }
            Op::LeaveChain => {
                self.call_routine(Routine::LeaveChain, &[self.vm]);
            }
            Op::Expect(cond, exit) => self.expect(*cond, *exit),
            Op::BeginRequest(generator, dead) => self.begin_request(*generator, dead),
            Op::EndRequest(generator, pc) => self.end_request(*generator, *pc),
            Op::EndGenerator(generator) => {
                let generator = self.value(*generator);
                self.call_routine(Routine::EndGenerator, &[self.vm, generator]);
            }
            _ => {}
        }
    }

    /// Nodes that write slots, elements and counts, and have no value.
    fn write(&mut self, op: &Op) {
        match op {
            Op::StoreSlot(r, value) => self.store_slot(*r, *value),
            Op::StorePair(r, tag, payload) => {
                let (tag, payload) = (self.value(*tag), self.value(*payload));
                self.store_pair(*r, tag, payload);
            }
            Op::StoreNull(r) => self.store_tag(*r, Tag::Null),
            Op::MoveSlot(dst, src) => self.move_slot(*dst, *src),
            Op::RetainSlot(r) => self.retain_slot(*r),
            Op::Retain(object) => {
                let object = self.value(*object);
                self.retain(object);
            }
            Op::RetainPair(tag, payload) => {
                let (tag, payload) = (self.value(*tag), self.value(*payload));
                if !mutant!("retain-pair-dropped") {
                    self.if_heap(tag, true, |this| this.retain(payload));
                }
            }
            Op::Release(r) => self.release(*r),
            Op::Store(at, offset, value) => {
                let (at, value) = (self.value(*at), self.value(*value));
                self.b.ins().store(trusted(), value, at, *offset);
            }
            Op::ElemStore(elem, data, index, value) => {
                self.elem_store(*elem, (*data, *index), *value);
            }
            op => self.request_node(op),
        }
    }

    /// Nodes without effects.
    fn pure(&mut self, id: NodeId, op: &Op, ty: Ty) -> Option<ir::Value> {
        let value = match op {
            Op::Param => self.values[&id],
            Op::Const(bits) => match ty {
                Ty::Float => self.b.ins().f64const(f64::from_bits(*bits)),
                Ty::Bool | Ty::Char => self.b.ins().iconst(types::I8, *bits as i64),
                Ty::Int | Ty::Word | Ty::None => self.word(*bits),
            },
            Op::Int(op, a, b) => self.int_op(*op, *a, *b),
            Op::Float(op, a, b) => self.float_op(*op, *a, *b),
            Op::FloatFn(op, a) => self.float_fn(*op, *a),
            Op::ToFloat(a) => {
                let a = self.value(*a);
                self.b.ins().fcvt_from_sint(types::F64, a)
            }
            Op::ToInt(a) => {
                let a = self.value(*a);
                self.b.ins().fcvt_to_sint_sat(types::I64, a)
            }
            Op::ICmp(cond, a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                self.b.ins().icmp(int_cc(*cond), a, b)
            }
            Op::Below(a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                {
                    let is_signed = mutant!("bounds-signed");
                    let signed = IntCC::SignedLessThan;
                    let cc = if is_signed { signed } else { IntCC::UnsignedLessThan };
                    self.b.ins().icmp(cc, a, b)
                }
            }
            Op::FCmp(cond, a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                self.b.ins().fcmp(float_cc(*cond), a, b)
            }
            Op::Not(a) => {
                let a = self.value(*a);
                let one = self.b.ins().iconst(types::I8, 1);
                self.b.ins().bxor(a, one)
            }
            Op::Select(cond, a, b) => {
                let cond = self.value(*cond);
                let (a, b) = (self.value(*a), self.value(*b));
                if mutant!("select-swapped") {
                    self.b.ins().select(cond, b, a)
                } else {
                    self.b.ins().select(cond, a, b)
                }
            }
            Op::Or(a, b) => {
                let (a, b) = (self.value(*a), self.value(*b));
                self.b.ins().bor(a, b)
            }
            Op::Bits(a) => self.bits(*a),
            Op::FromBits(a) => {
                let word = self.value(*a);
                self.unpack(word, ty)
            }
            _ => return self.load(op, ty),
        };
        Some(value)
    }

    fn load(&mut self, op: &Op, ty: Ty) -> Option<ir::Value> {
        let value = match op {
            Op::LoadSlot(r) => self.load_slot(*r, ty),
            Op::LoadTag(r) => self.load_tag(*r),
            Op::Load(at, offset) => {
                let at = self.value(*at);
                self.b.ins().load(clif_type(ty), trusted(), at, *offset)
            }
            Op::Load32(at, offset) => {
                let at = self.value(*at);
                let word = self.b.ins().load(types::I32, trusted(), at, *offset);
                self.b.ins().uextend(types::I64, word)
            }
            Op::LoadCount(object) => {
                let object = self.value(*object);
                let count = self.b.ins().load(types::I32, trusted(), object, abi::COUNT);
                self.b.ins().uextend(types::I64, count)
            }
            Op::ElemLoad(elem, data, index) => self.elem_load(*elem, (*data, *index), ty),
            Op::SlotAddr(r) => self.slot_address(*r),
            Op::Closure if self.input.form != Form::Framed => {
                let at = abi::PAYLOAD_OFFSET - abi::VALUE_SIZE;
                self.b.ins().load(types::I64, trusted(), self.base, at)
            }
            Op::Closure => {
                let frame = self.b.ins().load(types::I64, trusted(), self.vm, abi::VM_FRAME);
                self.b.ins().load(types::I64, trusted(), frame, abi::FRAME_CLOSURE)
            }
            Op::Code(a) => self.payload(*a),
            _ => return None,
        };
        Some(value)
    }
}

/// The routine behind a helper.
fn routine_of(helper: Helper) -> Routine {
    match helper {
        Helper::NewStruct => Routine::NewStruct,
        Helper::Closure => Routine::Closure,
        Helper::ReleaseRow => Routine::ReleaseRow,
        Helper::NewCell => Routine::NewCell,
        Helper::Push => Routine::Push,
        Helper::TextData => Routine::TextData,
        Helper::TextEqual => Routine::TextEqual,
        Helper::TextOrder => Routine::TextOrder,
        Helper::TextAppend => Routine::TextAppend,
        Helper::TextAppendChar => Routine::TextAppendChar,
        Helper::TextConcat => Routine::TextConcat,
        Helper::UpdateIndex => Routine::UpdateIndex,
        Helper::StorePlace => Routine::StorePlace,
        Helper::UpdatePlace => Routine::UpdatePlace,
        Helper::LoadPlace => Routine::LoadPlace,
        Helper::TakePlace => Routine::TakePlace,
        Helper::PutPlace => Routine::PutPlace,
        Helper::TakeLast => Routine::TakeLast,
        Helper::NewArray => Routine::NewArray,
        Helper::NewUnboxed => Routine::NewUnboxed,
        Helper::DictHasOwn => Routine::DictHasOwn,
        Helper::DictFindInt => Routine::DictFindInt,
        Helper::Length => Routine::Length,
        Helper::DictFindText => Routine::DictFindText,
        Helper::DictFindAny => Routine::DictFindAny,
        Helper::DictSetInt => Routine::DictSetInt,
        Helper::DictSetText => Routine::DictSetText,
        Helper::Pop => Routine::Pop,
    }
}
