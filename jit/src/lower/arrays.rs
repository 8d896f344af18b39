//! Elements of arrays, and appending.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use ruff_runtime::mutant;
use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::value::Tag;

use super::cold::ColdRoutine;
use super::memory::trusted;
use super::{Lowering, clif_type};
use crate::abi;
use crate::helpers::Routine;
use crate::ir::{Elem, ExitId, NodeId, Ty};

impl Lowering<'_, '_> {
    /// The address of an element, apart from a constant offset.
    fn element(&mut self, elem: Elem, data: ir::Value, index: ir::Value) -> (ir::Value, i32) {
        let (shift, offset) = match elem {
            Elem::Int | Elem::Float => (3, 0),
            Elem::Bool => (0, 0),
            Elem::TagWord => (4, abi::TAG_OFFSET),
            Elem::Payload => (4, abi::PAYLOAD_OFFSET),
        };
        let by = if shift == 0 {
            index
        } else {
            let shift = self.word(shift);
            self.b.ins().ishl(index, shift)
        };
        (self.b.ins().iadd(data, by), offset)
    }

    pub(super) fn elem_load(
        &mut self,
        elem: Elem,
        (data, index): (NodeId, NodeId),
        ty: Ty,
    ) -> ir::Value {
        let (data, index) = (self.value(data), self.value(index));
        let (at, offset) = self.element(elem, data, index);
        self.b.ins().load(clif_type(ty), trusted(), at, offset)
    }

    pub(super) fn elem_store(
        &mut self,
        elem: Elem,
        (data, index): (NodeId, NodeId),
        value: NodeId,
    ) {
        let (data, index, value) = (self.value(data), self.value(index), self.value(value));
        let (at, offset) = self.element(elem, data, index);
        self.b.ins().store(trusted(), value, at, offset);
    }

    /// Appends to the array in a home slot: in place if it has the value's kind, room and a
    /// single owner.
    pub(super) fn push(&mut self, slot: u16, value: NodeId, exit: ExitId) {
        let (kind, elem, tag) = match self.func.ty(value) {
            Ty::Float => (ElemKind::Float, Elem::Float, Tag::Float),
            Ty::Bool => (ElemKind::Bool, Elem::Bool, Tag::Bool),
            Ty::Int | Ty::Char | Ty::Word | Ty::None => (ElemKind::Int, Elem::Int, Tag::Int),
        };
        let (fast, slow, on) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(slow);
        let array = self.load_slot(slot, Ty::Word);
        let found = self.b.ins().load(types::I8, trusted(), array, abi::ARRAY_KIND);
        let wanted = self.b.ins().iconst(types::I8, kind as i64);
        let is_kind = self.b.ins().icmp(IntCC::Equal, found, wanted);
        if !mutant!("push-wrong-kind") {
            self.continue_if(is_kind, slow);
        }
        let count = self.b.ins().load(types::I32, trusted(), array, abi::COUNT);
        let one = self.b.ins().iconst(types::I32, 1);
        let is_unique = self.b.ins().icmp(IntCC::Equal, count, one);
        if !mutant!("push-shared") {
            self.continue_if(is_unique, slow);
        }
        let len = self.b.ins().load(types::I64, trusted(), array, abi::ARRAY_LEN);
        let cap = self.b.ins().load(types::I64, trusted(), array, abi::ARRAY_CAP);
        let has_room = self.b.ins().icmp(IntCC::UnsignedLessThan, len, cap);
        let full = if mutant!("push-over-capacity") { fast } else { slow };
        self.b.ins().brif(has_room, fast, [].iter(), full, [].iter());

        self.b.switch_to_block(fast);
        let data = self.b.ins().load(types::I64, trusted(), array, abi::ARRAY_DATA);
        let (at, offset) = self.element(elem, data, len);
        let item = self.value(value);
        self.b.ins().store(trusted(), item, at, offset);
        let one = self.word(1);
        let more = self.b.ins().iadd(len, one);
        self.b.ins().store(trusted(), more, array, abi::ARRAY_LEN);
        self.b.ins().jump(on, [].iter());

        self.b.switch_to_block(slow);
        let address = self.slot_address(slot);
        let tag = self.word(tag as u64);
        let bits = self.bits(value);
        self.call_cold(ColdRoutine::Push, &[address, tag, bits]);
        let declined = self.cold_result();
        let out = self.exit_block(exit, false);
        self.b.ins().brif(declined, out, [].iter(), on, [].iter());
        self.b.switch_to_block(on);
    }

    fn continue_if(&mut self, cond: ir::Value, otherwise: ir::Block) {
        let on = self.b.create_block();
        self.b.ins().brif(cond, on, [].iter(), otherwise, [].iter());
        self.b.switch_to_block(on);
    }

    /// The length of the value in a slot: of arrays and of texts that were measured before, in
    /// line.
    pub(super) fn length(&mut self, slot: NodeId) -> ir::Value {
        let slot = self.value(slot);
        let (array, other, text) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let (ask, on) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(on, types::I64);
        let tag = self.b.ins().load(types::I64, trusted(), slot, abi::TAG_OFFSET);
        let object = self.b.ins().load(types::I64, trusted(), slot, abi::PAYLOAD_OFFSET);
        let wanted = self.word(Tag::Array as u64);
        let is_array = self.b.ins().icmp(IntCC::Equal, tag, wanted);
        self.b.ins().brif(is_array, array, [].iter(), other, [].iter());
        self.b.switch_to_block(array);
        let len = self.b.ins().load(types::I64, trusted(), object, abi::ARRAY_LEN);
        self.b.ins().jump(on, [len.into()].iter());
        self.b.switch_to_block(other);
        let wanted = self.word(Tag::Str as u64);
        let is_text = self.b.ins().icmp(IntCC::Equal, tag, wanted);
        self.b.ins().brif(is_text, text, [].iter(), ask, [].iter());
        self.b.switch_to_block(text);
        let len = self.b.ins().uload32(trusted(), object, abi::TEXT_LEN);
        let unknown = self.word(abi::UNCOUNTED as u64);
        let is_known = self.b.ins().icmp(IntCC::NotEqual, len, unknown);
        self.b.ins().brif(is_known, on, [len.into()].iter(), ask, [].iter());
        self.b.switch_to_block(ask);
        let len = self.call_routine(Routine::Length, &[slot]);
        self.b.ins().jump(on, [len.into()].iter());
        self.b.switch_to_block(on);
        result
    }
}
