//! Dicts with int keys: those that are dense are read and written in line.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use ruff_runtime::value::Tag;

use super::Lowering;
use super::memory::trusted;
use crate::abi;
use crate::helpers::Routine;
use crate::ir::{NodeId, Op};

impl Lowering<'_, '_> {
    /// Goes on in a new block with the place of a key in a dense dict, or to `ask` if there is
    /// none.
    fn dense_place(
        &mut self,
        object: ir::Value,
        key: ir::Value,
        len: ir::Value,
        ask: ir::Block,
    ) -> ir::Value {
        let look = self.b.create_block();
        let is_inside = self.b.ins().icmp(IntCC::UnsignedLessThan, key, len);
        self.b.ins().brif(is_inside, look, [].iter(), ask, [].iter());
        self.b.switch_to_block(look);
        let data = self.b.ins().load(types::I64, trusted(), object, abi::DICT_DATA);
        let shift = self.word(abi::VALUE_SIZE.trailing_zeros().into());
        let by = self.b.ins().ishl(key, shift);
        self.b.ins().iadd(data, by)
    }

    /// The address of the value under an int, or 0.
    pub(super) fn dict_find_int(&mut self, object: NodeId, key: NodeId) -> ir::Value {
        let (object, key) = (self.value(object), self.value(key));
        let (outside, ask, on) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(on, types::I64);
        let zero = self.word(0);
        let len = self.b.ins().load(types::I64, trusted(), object, abi::DICT_LEN);
        let at = self.dense_place(object, key, len, outside);
        let tag = self.b.ins().load(types::I64, trusted(), at, abi::TAG_OFFSET);
        let none = self.word(Tag::Unassigned as u64);
        let is_there = self.b.ins().icmp(IntCC::NotEqual, tag, none);
        self.b.ins().brif(is_there, on, [at.into()].iter(), on, [zero.into()].iter());
        self.b.switch_to_block(outside);
        // A dense dict has a place for each of its keys.
        self.b.ins().brif(len, on, [zero.into()].iter(), ask, [].iter());
        self.b.switch_to_block(ask);
        let found = self.call_routine(Routine::DictFindInt, &[object, key]);
        self.b.ins().jump(on, [found.into()].iter());
        self.b.switch_to_block(on);
        result
    }

    /// Sets the value under an int of the dict in a slot; 1 if that was declined. In line if the
    /// dict has one owner and the key, and neither value needs its count changed.
    pub(super) fn dict_set_int(&mut self, args: [NodeId; 4]) -> ir::Value {
        let is_last = self.func.node(args[3]).op == Op::Const(1);
        let [slot, key, source, last] = args.map(|arg| self.value(arg));
        let (ask, on) = (self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(on, types::I64);
        let object = self.b.ins().load(types::I64, trusted(), slot, abi::PAYLOAD_OFFSET);
        let count = self.b.ins().load(types::I32, trusted(), object, abi::COUNT);
        let one = self.b.ins().iconst(types::I32, 1);
        let is_unique = self.b.ins().icmp(IntCC::Equal, count, one);
        self.go_on_if(is_unique, ask);
        let len = self.b.ins().load(types::I64, trusted(), object, abi::DICT_LEN);
        let at = self.dense_place(object, key, len, ask);
        let old = self.b.ins().load(types::I64, trusted(), at, abi::TAG_OFFSET);
        // Below are the values without an object.
        let marker = self.word(Tag::Unassigned as u64);
        let is_plain = self.b.ins().icmp(IntCC::UnsignedLessThan, old, marker);
        self.go_on_if(is_plain, ask);
        let tag = self.b.ins().load(types::I64, trusted(), source, abi::TAG_OFFSET);
        let payload = self.b.ins().load(types::I64, trusted(), source, abi::PAYLOAD_OFFSET);
        if is_last {
            let null = self.word(Tag::Null as u64);
            self.b.ins().store(trusted(), null, source, abi::TAG_OFFSET);
        } else {
            let first = self.word(Tag::FIRST_HEAP);
            let is_plain = self.b.ins().icmp(IntCC::UnsignedLessThan, tag, first);
            self.go_on_if(is_plain, ask);
        }
        self.b.ins().store(trusted(), tag, at, abi::TAG_OFFSET);
        self.b.ins().store(trusted(), payload, at, abi::PAYLOAD_OFFSET);
        let done = self.word(0);
        self.b.ins().jump(on, [done.into()].iter());
        self.b.switch_to_block(ask);
        let declined = self.call_routine(Routine::DictSetInt, &[slot, key, source, last]);
        self.b.ins().jump(on, [declined.into()].iter());
        self.b.switch_to_block(on);
        result
    }

    /// Goes on in a new block if a condition holds, else to `other`.
    fn go_on_if(&mut self, holds: ir::Value, other: ir::Block) {
        let next = self.b.create_block();
        self.b.ins().brif(holds, next, [].iter(), other, [].iter());
        self.b.switch_to_block(next);
    }
}
