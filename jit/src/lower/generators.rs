//! Bodies of generators: how they begin and end a request, and how others make one.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use ruff_runtime::interp::{RESUME_IN_VM, flags};
use ruff_runtime::mutant;
use ruff_runtime::objects::generator::Progress;

use super::memory::trusted;
use super::{Lowering, resumed_signature};
use crate::abi;
use crate::helpers::Routine;
use crate::ir::{ExitId, NodeId};

impl Lowering<'_, '_> {
    /// Calls the entry for the place where a generator stands, with `args` as its type says.
    pub(super) fn request(&mut self, args: &[ir::Value]) -> ir::Inst {
        let generator = args[3];
        let pc = self.b.ins().load(types::I64, trusted(), generator, abi::GENERATOR_PC);
        let entries = self.b.ins().load(types::I64, trusted(), generator, abi::GENERATOR_ENTRIES);
        let at = self.b.ins().iadd(pc, entries);
        let entry = self.b.ins().load(types::I64, trusted(), at, 0);
        let signature = self.b.import_signature(resumed_signature(self.input.isa));
        self.b.ins().call_indirect(signature, entry, args)
    }

    /// The same for a chain, which counts as a callback but for this time.
    pub(super) fn request_of_chain(&mut self, args: &[ir::Value]) -> ir::Inst {
        let frame = self.b.ins().load(types::I64, trusted(), self.vm, abi::VM_FRAME);
        let (of_flags, callbacks) = (abi::FRAME_FLAGS, abi::CONTEXT_CALLBACKS);
        let flags = self.b.ins().load(types::I64, trusted(), frame, of_flags);
        let requests = self.word(flags::REQUESTS);
        let now = self.b.ins().bor(flags, requests);
        self.b.ins().store(trusted(), now, frame, of_flags);
        let n = self.b.ins().load(types::I32, trusted(), self.vm, callbacks);
        let one = self.b.ins().iconst(types::I32, 1);
        let less = self.b.ins().isub(n, one);
        self.b.ins().store(trusted(), less, self.vm, callbacks);
        let inst = self.request(args);
        let tag = self.b.inst_results(inst)[1];
        let raised = self.word(abi::RAISED);
        // Popping the frame undoes it after an error.
        let is_raised = self.b.ins().icmp(IntCC::Equal, tag, raised);
        let after = self.b.ins().select(is_raised, now, flags);
        self.b.ins().store(trusted(), after, frame, of_flags);
        let after = self.b.ins().select(is_raised, less, n);
        self.b.ins().store(trusted(), after, self.vm, callbacks);
        inst
    }

    /// Declines the request unless the condition holds.
    pub(super) fn expect(&mut self, cond: NodeId, exit: ExitId) {
        let cond = self.value(cond);
        let (out, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(out);
        self.b.ins().brif(cond, on, [].iter(), out, [].iter());
        self.b.switch_to_block(out);
        let (vm, base, depth) = (self.vm, self.base, self.depth);
        let generator = self.generator();
        let meta = self.word(self.input.metas.exit(exit, false) as u64);
        self.call_routine(Routine::Decline, &[vm, base, depth, generator, meta]);
        self.left_return();
        self.b.switch_to_block(on);
    }

    /// The generator whose body this is.
    fn generator(&self) -> ir::Value {
        self.value(self.func.blocks[0].params[0])
    }

    /// Goes on if the generator is suspended and may run; it runs from here on.
    pub(super) fn begin_request(&mut self, generator: NodeId, dead: &[u16]) {
        let generator = self.value(generator);
        let (out, running) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(out);
        let at = abi::GENERATOR_PROGRESS;
        let progress = self.b.ins().load(types::I8, trusted(), generator, at);
        let suspended = self.b.ins().iconst(types::I8, Progress::Suspended as i64);
        let is_suspended = self.b.ins().icmp(IntCC::Equal, progress, suspended);
        let nested = self.b.ins().load(types::I32, trusted(), self.vm, abi::CONTEXT_NESTED);
        let limit = self.b.ins().load(types::I32, trusted(), self.vm, abi::CONTEXT_NESTED_LIMIT);
        let has_room = self.b.ins().icmp(IntCC::UnsignedLessThan, nested, limit);
        let next = self.b.create_block();
        let other = if mutant!("request-while-running") { next } else { out };
        self.b.ins().brif(is_suspended, next, [].iter(), other, [].iter());
        self.b.switch_to_block(next);
        self.b.ins().brif(has_room, running, [].iter(), out, [].iter());

        self.b.switch_to_block(out);
        let signature = self.b.import_signature(resumed_signature(self.input.isa));
        let in_vm = self.word(RESUME_IN_VM as usize as u64);
        let args = [self.vm, self.base, self.depth, generator];
        let call = self.b.ins().call_indirect(signature, in_vm, &args);
        let words = self.b.inst_results(call).to_vec();
        self.b.ins().return_(&words);

        self.b.switch_to_block(running);
        let runs = self.b.ins().iconst(types::I8, Progress::Running as i64);
        self.b.ins().store(trusted(), runs, generator, at);
        let one = self.b.ins().iconst(types::I32, 1);
        let nested = self.b.ins().iadd(nested, one);
        self.b.ins().store(trusted(), nested, self.vm, abi::CONTEXT_NESTED);
        // Routines find it there; the tag says that the slot owns nothing.
        let below = abi::PAYLOAD_OFFSET - abi::VALUE_SIZE;
        self.b.ins().store(trusted(), generator, self.base, below);
        self.tidy(generator, dead);
    }

    /// Releases saved registers that are dead, if the interpreter has left something there.
    fn tidy(&mut self, generator: ir::Value, dead: &[u16]) {
        if dead.is_empty() || mutant!("request-untidy") {
            return;
        }
        let (untidy, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(untidy);
        let is_tidy = self.b.ins().load(types::I8, trusted(), generator, abi::GENERATOR_IS_TIDY);
        self.b.ins().brif(is_tidy, on, [].iter(), untidy, [].iter());
        self.b.switch_to_block(untidy);
        let at = abi::GENERATOR_REGISTERS;
        let registers = self.b.ins().load(types::I64, trusted(), generator, at);
        for row in dead.chunk_by(|a, b| a + 1 == *b) {
            let first = self.word(u64::from(row[0]) * abi::VALUE_SIZE as u64);
            let first = self.b.ins().iadd(registers, first);
            let n = self.word(row.len() as u64);
            self.call_routine(Routine::ReleaseRow, &[first, n]);
        }
        self.b.ins().jump(on, [].iter());
        self.b.switch_to_block(on);
    }

    /// The generator waits at an instruction.
    pub(super) fn end_request(&mut self, generator: NodeId, pc: NodeId) {
        let (generator, pc) = (self.value(generator), self.value(pc));
        self.b.ins().store(trusted(), pc, generator, abi::GENERATOR_PC);
        let suspended = self.b.ins().iconst(types::I8, Progress::Suspended as i64);
        self.b.ins().store(trusted(), suspended, generator, abi::GENERATOR_PROGRESS);
        let tidy = self.b.ins().iconst(types::I8, 1);
        self.b.ins().store(trusted(), tidy, generator, abi::GENERATOR_IS_TIDY);
        let nested = self.b.ins().load(types::I32, trusted(), self.vm, abi::CONTEXT_NESTED);
        let one = self.b.ins().iconst(types::I32, i64::from(!mutant!("requests-uncounted")));
        let nested = self.b.ins().isub(nested, one);
        self.b.ins().store(trusted(), nested, self.vm, abi::CONTEXT_NESTED);
    }
}
