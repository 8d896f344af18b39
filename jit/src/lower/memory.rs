//! Home slots, object headers and reference counts.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use ruff_runtime::mutant;
use ruff_runtime::value::Tag;

use super::cold::ColdRoutine;
use super::{Lowering, clif_type};
use crate::abi;
use crate::helpers::Routine;
use crate::ir::{ExitId, NodeId, Ty};

/// Flags of memory that is there and aligned.
pub(crate) fn trusted() -> MemFlagsData {
    MemFlagsData::trusted()
}

fn offset(r: u16) -> i32 {
    i32::from(r) * abi::VALUE_SIZE
}

/// Where the head of the free list for blocks of a size is.
fn list_of(size: u32) -> i32 {
    (size.div_ceil(16) * 8) as i32
}

impl Lowering<'_, '_> {
    pub(super) fn word(&mut self, bits: u64) -> ir::Value {
        self.b.ins().iconst(types::I64, bits as i64)
    }

    pub(super) fn load_slot(&mut self, r: u16, ty: Ty) -> ir::Value {
        let at = offset(r) + abi::PAYLOAD_OFFSET;
        self.b.ins().load(clif_type(ty), trusted(), self.base, at)
    }

    pub(super) fn load_tag(&mut self, r: u16) -> ir::Value {
        self.b.ins().load(types::I64, trusted(), self.base, offset(r) + abi::TAG_OFFSET)
    }

    pub(super) fn store_tag(&mut self, r: u16, tag: Tag) {
        let tag = self.word(tag as u64);
        self.b.ins().store(trusted(), tag, self.base, offset(r) + abi::TAG_OFFSET);
    }

    pub(super) fn store_slot(&mut self, r: u16, node: NodeId) {
        let ty = self.func.ty(node);
        let tag = match ty {
            Ty::Float => Tag::Float,
            Ty::Bool if mutant!("slot-bool-as-int") => Tag::Int,
            Ty::Bool => Tag::Bool,
            Ty::Char => Tag::Str,
            Ty::Int | Ty::Word | Ty::None => Tag::Int,
        };
        let payload = if ty == Ty::Char { self.bits(node) } else { self.payload(node) };
        self.store_tag(r, tag);
        self.b.ins().store(trusted(), payload, self.base, offset(r) + abi::PAYLOAD_OFFSET);
    }

    /// A node's value as the payload word of a boxed value (floats stay floats).
    pub(super) fn payload(&mut self, node: NodeId) -> ir::Value {
        let value = self.value(node);
        match self.func.ty(node) {
            Ty::Bool | Ty::Char => self.b.ins().uextend(types::I64, value),
            Ty::Int | Ty::Float | Ty::Word | Ty::None => value,
        }
    }

    /// A node's value as the integer word of a boxed value; of a character, an owned string.
    pub(super) fn bits(&mut self, node: NodeId) -> ir::Value {
        let value = self.payload(node);
        match self.func.ty(node) {
            Ty::Float => self.b.ins().bitcast(types::I64, MemFlagsData::new(), value),
            Ty::Char => self.call_routine(Routine::CharObject, &[value]),
            Ty::Int | Ty::Bool | Ty::Word | Ty::None => value,
        }
    }

    pub(super) fn unpack(&mut self, word: ir::Value, ty: Ty) -> ir::Value {
        match ty {
            Ty::Float => self.b.ins().bitcast(types::F64, MemFlagsData::new(), word),
            Ty::Bool | Ty::Char => self.b.ins().ireduce(types::I8, word),
            Ty::Int | Ty::Word | Ty::None => word,
        }
    }

    pub(super) fn store_pair(&mut self, r: u16, tag: ir::Value, payload: ir::Value) {
        self.b.ins().store(trusted(), tag, self.base, offset(r) + abi::TAG_OFFSET);
        self.b.ins().store(trusted(), payload, self.base, offset(r) + abi::PAYLOAD_OFFSET);
    }

    pub(super) fn move_slot(&mut self, dst: u16, src: u16) {
        let tag = self.load_tag(src);
        let payload = self.load_slot(src, Ty::Word);
        self.store_pair(dst, tag, payload);
        if !mutant!("move-keeps-source") {
            self.store_tag(src, Tag::Null);
        }
    }

    pub(super) fn slot_address(&mut self, r: u16) -> ir::Value {
        let by = self.word(offset(r) as u64);
        self.b.ins().iadd(self.base, by)
    }

    /// Takes one more count of an object.
    pub(super) fn retain(&mut self, object: ir::Value) {
        let count = self.b.ins().load(types::I32, trusted(), object, abi::COUNT);
        let one = self.b.ins().iconst(types::I32, 1);
        let more = self.b.ins().iadd(count, one);
        // An immortal object's count stays: its sign bit is set.
        let is_mortal = {
            let zero = self.b.ins().iconst(types::I32, 0);
            self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, count, zero)
        };
        let new = self.b.ins().select(is_mortal, more, count);
        self.b.ins().store(trusted(), new, object, abi::COUNT);
    }

    /// Does something only if a tag word means an object.
    pub(super) fn if_heap(
        &mut self,
        tag: ir::Value,
        is_likely: bool,
        then: impl FnOnce(&mut Self),
    ) {
        let (heap, on) = (self.b.create_block(), self.b.create_block());
        if !is_likely {
            self.b.set_cold_block(heap);
        }
        let first = self.word(Tag::FIRST_HEAP);
        let is_heap = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, tag, first);
        self.b.ins().brif(is_heap, heap, [].iter(), on, [].iter());
        self.b.switch_to_block(heap);
        then(self);
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(on);
    }

    pub(super) fn retain_slot(&mut self, r: u16) {
        if mutant!("retain-dropped") {
            return;
        }
        let tag = self.load_tag(r);
        let payload = self.load_slot(r, Ty::Word);
        self.if_heap(tag, true, |this| this.retain(payload));
    }

    /// Releases what a home slot holds and leaves null.
    pub(super) fn release(&mut self, r: u16) {
        if mutant!("release-dropped") {
            return self.store_tag(r, Tag::Null);
        }
        let tag = self.load_tag(r);
        self.if_heap(tag, true, |this| {
            let object = this.load_slot(r, Ty::Word);
            this.release_object(tag, object);
            this.store_tag(r, Tag::Null);
        });
    }

    /// Releases the value at an address; its bits stay.
    pub(super) fn release_at(&mut self, at: ir::Value, by: i32) {
        let tag = self.b.ins().load(types::I64, trusted(), at, by + abi::TAG_OFFSET);
        let payload = self.b.ins().load(types::I64, trusted(), at, by + abi::PAYLOAD_OFFSET);
        self.release_pair(tag, payload);
    }

    /// Releases what a tag word and a payload word mean.
    pub(super) fn release_pair(&mut self, tag: ir::Value, payload: ir::Value) {
        self.if_heap(tag, true, |this| this.release_object(tag, payload));
    }

    /// Releases an object.
    pub(super) fn release_object(&mut self, tag: ir::Value, object: ir::Value) {
        self.give_up(object, |this| {
            this.call_cold(ColdRoutine::Release, &[tag, object]);
        });
    }

    /// Releases a struct that owns nothing but its declaration. The block goes in front of its
    /// free list.
    pub(super) fn release_flat(&mut self, object: ir::Value, size: u32) {
        let (last, free, other) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let (shared, ask, on) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        [shared, ask].into_iter().for_each(|block| self.b.set_cold_block(block));
        let one = self.b.ins().iconst(types::I32, 1);
        let count = self.b.ins().load(types::I32, trusted(), object, abi::COUNT);
        let is_last = self.b.ins().icmp(IntCC::Equal, count, one);
        self.b.ins().brif(is_last, last, [].iter(), other, [].iter());
        self.b.switch_to_block(last);
        let shape = self.b.ins().load(types::I64, trusted(), object, abi::STRUCT_SHAPE);
        let def = self.b.ins().load(types::I64, trusted(), shape, abi::SHAPE_DEF);
        let owners = self.b.ins().load(types::I32, trusted(), def, abi::COUNT);
        let has_others = self.b.ins().icmp(IntCC::SignedGreaterThan, owners, one);
        self.b.ins().brif(has_others, free, [].iter(), ask, [].iter());
        self.b.switch_to_block(free);
        let owners = self.b.ins().isub(owners, one);
        self.b.ins().store(trusted(), owners, def, abi::COUNT);
        self.give_block_back(object, size);
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(other);
        let is_shared = self.b.ins().icmp(IntCC::SignedGreaterThan, count, one);
        self.b.ins().brif(is_shared, shared, [].iter(), ask, [].iter());
        self.b.switch_to_block(shared);
        let less = self.b.ins().isub(count, one);
        self.b.ins().store(trusted(), less, object, abi::COUNT);
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(ask);
        let tag = self.word(Tag::Struct as u64);
        self.call_cold(ColdRoutine::Release, &[tag, object]);
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(on);
    }

    /// Puts a block of a size class in front of its free list.
    fn give_block_back(&mut self, block: ir::Value, size: u32) {
        let lists = self.word(self.input.cold.lists() as u64);
        let head_at = list_of(size);
        let next = self.b.ins().load(types::I64, trusted(), lists, head_at);
        self.b.ins().store(trusted(), next, block, 0);
        self.b.ins().store(trusted(), block, lists, head_at);
        let live = self.b.ins().load(types::I64, trusted(), lists, abi::LIVE_OBJECTS);
        let one = self.word(1);
        let live = self.b.ins().isub(live, one);
        self.b.ins().store(trusted(), live, lists, abi::LIVE_OBJECTS);
    }

    /// Gives one count of an object back; if it may be the last one, `last` does it.
    fn give_up(&mut self, object: ir::Value, last: impl FnOnce(&mut Self)) {
        let count = self.b.ins().load(types::I32, trusted(), object, abi::COUNT);
        let one = self.b.ins().iconst(types::I32, 1);
        let (shared, free, on) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(free);
        // Counts from 2 up to the immortal ones, as signed numbers.
        let is_shared = self.b.ins().icmp(IntCC::SignedGreaterThan, count, one);
        self.b.ins().brif(is_shared, shared, [].iter(), free, [].iter());
        self.b.switch_to_block(shared);
        let less = self.b.ins().isub(count, one);
        let less = if mutant!("release-twice") { self.b.ins().isub(less, one) } else { less };
        self.b.ins().store(trusted(), less, object, abi::COUNT);
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(free);
        last(self);
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(on);
    }

    /// Copies the struct in a home slot if it has a second owner; gives the slot's struct.
    pub(super) fn unshare(&mut self, r: u16) -> ir::Value {
        let object = self.load_slot(r, Ty::Word);
        let count = self.b.ins().load(types::I32, trusted(), object, abi::COUNT);
        let one = self.b.ins().iconst(types::I32, 1);
        let is_unique = self.b.ins().icmp(IntCC::Equal, count, one);
        let (copy, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(copy);
        let result = self.b.append_block_param(on, types::I64);
        if mutant!("unshare-dropped") {
            self.b.ins().jump(on, [object.into()].iter());
        } else {
            self.b.ins().brif(is_unique, on, [object.into()].iter(), copy, [].iter());
        }
        self.b.switch_to_block(copy);
        let address = self.slot_address(r);
        self.call_cold(ColdRoutine::Unshare, &[address]);
        let object = self.load_slot(r, Ty::Word);
        self.b.ins().jump(on, [object.into()].iter());
        self.b.switch_to_block(on);
        result
    }

    /// Leaves if the words are those of a struct with operator methods.
    pub(super) fn no_operators(&mut self, tag: NodeId, payload: NodeId, exit: ExitId) {
        let (tag, payload) = (self.value(tag), self.value(payload));
        let wanted = self.word(Tag::Struct as u64);
        let is_struct = self.b.ins().icmp(IntCC::Equal, tag, wanted);
        let (look, on) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(is_struct, look, [].iter(), on, [].iter());
        self.b.switch_to_block(look);
        let shape = self.b.ins().load(types::I64, trusted(), payload, abi::STRUCT_SHAPE);
        let def = self.b.ins().load(types::I64, trusted(), shape, abi::SHAPE_DEF);
        let flag = self.b.ins().load(types::I8, trusted(), def, abi::DEF_HAS_OPERATORS);
        let out = self.exit_block(exit, false);
        self.b.ins().brif(flag, out, [].iter(), on, [].iter());
        self.b.switch_to_block(on);
    }

    /// Takes a block off its free list, or asks the heap for one.
    pub(super) fn alloc(&mut self, size: u32) -> ir::Value {
        let lists = self.word(self.input.cold.lists() as u64);
        let head_at = list_of(size);
        let head = self.b.ins().load(types::I64, trusted(), lists, head_at);
        let (take, ask, on) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(ask);
        let block = self.b.append_block_param(on, types::I64);
        self.b.ins().brif(head, take, [].iter(), ask, [].iter());
        self.b.switch_to_block(take);
        let next = self.b.ins().load(types::I64, trusted(), head, 0);
        let next = if mutant!("alloc-keeps-list") { head } else { next };
        self.b.ins().store(trusted(), next, lists, head_at);
        let live = self.b.ins().load(types::I64, trusted(), lists, abi::LIVE_OBJECTS);
        let one = self.word(1);
        let live = self.b.ins().iadd(live, one);
        self.b.ins().store(trusted(), live, lists, abi::LIVE_OBJECTS);
        self.b.ins().jump(on, [head.into()].iter());
        self.b.switch_to_block(ask);
        let size = self.word(size.into());
        self.call_cold(ColdRoutine::Allocate, &[size]);
        let fresh = self.cold_result();
        self.b.ins().jump(on, [fresh.into()].iter());
        self.b.switch_to_block(on);
        block
    }
}
