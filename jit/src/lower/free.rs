//! The routine that gives back the last count of an object, written as code.
//!
//! It frees instances, values of enums (`Ok`, `Err`, `Some` too) and closures by itself, as long as
//! nothing else dies with them; all else is left to the runtime. It preserves every register
//! and, on its own way, calls nothing, so that it saves only the few that it uses.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, Block, InstBuilder, Signature, Value, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use ruff_runtime::value::Tag;

use super::cold::{Cold, ColdRoutine};
use super::memory::trusted;
use crate::abi;

/// Writes the routine: a tag word and a payload word, whose object has a count of 1 or an
/// immortal one.
pub(crate) fn lower_release(
    isa: &dyn TargetIsa,
    cold: &Cold,
    target: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let mut signature = Signature::new(CallConv::PreserveAll);
    signature.params.extend([AbiParam::new(types::I64); 2]);
    target.signature = signature;
    let mut b = FunctionBuilder::new(target, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let (tag, object) = (b.block_params(entry)[0], b.block_params(entry)[1]);
    let slow = b.create_block();
    b.set_cold_block(slow);
    let mut free = Free { b, cold, slow, tag, object };
    free.lower();
    let mut b = free.b;
    b.switch_to_block(slow);
    let signature = b.func.signature.clone();
    let signature = b.import_signature(signature);
    let address = cold.address(ColdRoutine::ReleaseAny) as i64;
    let address = b.ins().iconst(types::I64, address);
    b.ins().call_indirect(signature, address, &[tag, object]);
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}

struct Free<'a, 'b> {
    b: FunctionBuilder<'b>,
    cold: &'a Cold,
    /// Calls the runtime.
    slow: Block,
    tag: Value,
    object: Value,
}

impl Free<'_, '_> {
    fn word(&mut self, bits: i64) -> Value {
        self.b.ins().iconst(types::I64, bits)
    }

    /// Goes on only if the condition holds, else to the runtime.
    fn require(&mut self, condition: Value) {
        let on = self.b.create_block();
        self.b.ins().brif(condition, on, [].iter(), self.slow, [].iter());
        self.b.switch_to_block(on);
    }

    fn count_of(&mut self, object: Value) -> Value {
        self.b.ins().load(types::I32, trusted(), object, abi::COUNT)
    }

    /// One count less of an object that has others.
    fn give_up(&mut self, object: Value, count: Value) {
        let less = self.b.ins().iadd_imm_s(count, -1);
        self.b.ins().store(trusted(), less, object, abi::COUNT);
    }

    fn lower(&mut self) {
        let count = self.count_of(self.object);
        let is_last = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
        self.require(is_last);
        let head = self.b.create_block();
        for ty in [types::I64; 3] {
            self.b.append_block_param(head, ty);
        }
        self.instance(head);
        self.wrapped(head);
        self.variant(head);
        self.closure(head);
        self.values(head);
    }

    /// Takes a way of its own if the tag is one of some that follow each other.
    fn case(&mut self, first: Tag, last: Tag) -> Block {
        let (this, other) = (self.b.create_block(), self.b.create_block());
        let offset = self.b.ins().iadd_imm_s(self.tag, -(first as i64));
        let span = i64::from(last as u8 - first as u8);
        let is_it = self.b.ins().icmp_imm_s(IntCC::UnsignedLessThanOrEqual, offset, span);
        self.b.ins().brif(is_it, this, [].iter(), other, [].iter());
        self.b.switch_to_block(this);
        other
    }

    fn begin(&mut self, head: Block, first: i32, n: Value, def: Value, other: Block) {
        let first = self.b.ins().iadd_imm_s(self.object, i64::from(first));
        self.b.ins().jump(head, [first.into(), n.into(), def.into()].iter());
        self.b.switch_to_block(other);
    }

    fn instance(&mut self, head: Block) {
        let other = self.case(Tag::Struct, Tag::Struct);
        let shape = self.b.ins().load(types::I64, trusted(), self.object, abi::STRUCT_SHAPE);
        let def = self.b.ins().load(types::I64, trusted(), shape, abi::SHAPE_DEF);
        let n = self.b.ins().uload32(trusted(), shape, abi::SHAPE_N_FIELDS);
        self.begin(head, abi::STRUCT_FIELDS, n, def, other);
    }

    fn wrapped(&mut self, head: Block) {
        let other = self.case(Tag::Ok, Tag::Some);
        let (one, none) = (self.word(1), self.word(0));
        self.begin(head, abi::WRAPPED, one, none, other);
    }

    fn variant(&mut self, head: Block) {
        let other = self.case(Tag::Tagged, Tag::Tagged);
        let n = self.b.ins().load(types::I64, trusted(), self.object, abi::TAGGED_N);
        let none = self.word(0);
        self.begin(head, abi::TAGGED_PAYLOAD, n, none, other);
    }

    fn closure(&mut self, head: Block) {
        let is_closure = self.b.ins().icmp_imm_s(IntCC::Equal, self.tag, Tag::Function as i64);
        self.require(is_closure);
        let n = self.b.ins().load(types::I64, trusted(), self.object, abi::FUNCTION_N_UPVALUES);
        let none = self.word(0);
        let first = self.b.ins().iadd_imm_s(self.object, i64::from(abi::FUNCTION_UPVALUES));
        self.b.ins().jump(head, [first.into(), n.into(), none.into()].iter());
    }

    /// Gives up the values in line, then the block.
    fn values(&mut self, head: Block) {
        self.b.switch_to_block(head);
        let params = self.b.block_params(head).to_vec();
        let (first, n, def) = (params[0], params[1], params[2]);
        let (look, next, done) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let at = self.b.append_block_param(look, types::I64);
        let size = self.b.ins().imul_imm_s(n, i64::from(abi::VALUE_SIZE));
        let end = self.b.ins().iadd(first, size);
        self.b.ins().brif(n, look, [first.into()].iter(), done, [].iter());
        self.b.switch_to_block(look);
        let tag = self.b.ins().load(types::I64, trusted(), at, abi::TAG_OFFSET);
        let first = Tag::FIRST_HEAP as i64;
        let is_heap = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, tag, first);
        let shared = self.b.create_block();
        self.b.set_cold_block(shared);
        self.b.ins().brif(is_heap, shared, [].iter(), next, [].iter());
        self.b.switch_to_block(shared);
        let value = self.b.ins().load(types::I64, trusted(), at, abi::PAYLOAD_OFFSET);
        let count = self.count_of(value);
        let has_others = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, count, 1);
        self.require(has_others);
        self.give_up(value, count);
        // The runtime, if it has to take over, must not find it again.
        let null = self.word(Tag::Null as i64);
        self.b.ins().store(trusted(), null, at, abi::TAG_OFFSET);
        self.b.ins().jump(next, [].iter());
        self.b.switch_to_block(next);
        let at = self.b.ins().iadd_imm_s(at, i64::from(abi::VALUE_SIZE));
        let is_end = self.b.ins().icmp(IntCC::Equal, at, end);
        self.b.ins().brif(is_end, done, [].iter(), look, [at.into()].iter());
        self.b.switch_to_block(done);
        self.declaration(def);
        self.block();
    }

    /// Gives up the declaration that an instance keeps alive.
    fn declaration(&mut self, def: Value) {
        let (some, on) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(def, some, [].iter(), on, [].iter());
        self.b.switch_to_block(some);
        let class = self.b.ins().uload16(types::I64, trusted(), self.object, abi::CLASS);
        self.require(class);
        let count = self.count_of(def);
        let has_others = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, count, 1);
        self.require(has_others);
        self.give_up(def, count);
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(on);
    }

    /// Puts the block in front of the free blocks of its class.
    fn block(&mut self) {
        let class = self.b.ins().uload16(types::I64, trusted(), self.object, abi::CLASS);
        self.require(class);
        let lists = self.word(self.cold.lists() as i64);
        let by = self.b.ins().ishl_imm_u(class, 3);
        let at = self.b.ins().iadd(lists, by);
        let next = self.b.ins().load(types::I64, trusted(), at, 0);
        self.b.ins().store(trusted(), next, self.object, 0);
        self.b.ins().store(trusted(), self.object, at, 0);
        let live = self.b.ins().load(types::I64, trusted(), lists, abi::LIVE_OBJECTS);
        let less = self.b.ins().iadd_imm_s(live, -1);
        self.b.ins().store(trusted(), less, lists, abi::LIVE_OBJECTS);
        self.b.ins().return_(&[]);
    }
}
