//! Exits: cold blocks that store live values and go back to the interpreter.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use ruff_runtime::mutant;

use super::Lowering;
use super::memory::trusted;
use crate::abi;
use crate::exit::WriteKind;
use crate::exit_reason::ExitReason;
use crate::helpers::Routine;
use crate::ir::{ExitId, Form, FrameId, NodeId, Source};

impl Lowering<'_, '_> {
    /// The cold block of an exit.
    pub(super) fn exit_block(&mut self, exit: ExitId, is_stress: bool) -> ir::Block {
        if let Some(&block) = self.exit_blocks.get(&(exit, is_stress)) {
            return block;
        }
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        self.exit_blocks.insert((exit, is_stress), block);
        self.exit_order.push((exit, is_stress));
        block
    }

    pub(super) fn exit_if(&mut self, cond: ir::Value, exit: ExitId) {
        let (out, on) = (self.exit_block(exit, false), self.b.create_block());
        self.b.ins().brif(cond, out, [].iter(), on, [].iter());
        self.b.switch_to_block(on);
    }

    pub(super) fn exit_unless(&mut self, cond: ir::Value, exit: ExitId) {
        let (out, on) = (self.exit_block(exit, false), self.b.create_block());
        self.b.ins().brif(cond, on, [].iter(), out, [].iter());
        self.b.switch_to_block(on);
    }

    /// Exits if an interrupt is pending.
    pub(super) fn poll(&mut self, exit: ExitId) {
        self.exit_if_pending(exit, trusted());
    }

    /// As [`Self::poll`], at a loop's header: the address of the flag, which never changes, may
    /// stay in a register. Around calls that would cost more than it saves.
    pub(super) fn poll_in_loop(&mut self, exit: ExitId) {
        self.exit_if_pending(exit, trusted().with_readonly().with_can_move());
    }

    fn exit_if_pending(&mut self, exit: ExitId, flags: ir::MemFlagsData) {
        let flag = self.b.ins().load(types::I64, flags, self.vm, abi::CONTEXT_INTERRUPT);
        // Atomic, since others write it: a plain load could be replaced by that of a poll before.
        let pending = if mutant!("poll-once") {
            self.b.ins().load(types::I8, trusted(), flag, 0)
        } else {
            self.b.ins().atomic_load(types::I8, trusted(), flag)
        };
        self.exit_if(pending, exit);
    }

    /// Counts down to a forced exit, if exits are stressed.
    pub(super) fn stress(&mut self, exit: ExitId) {
        let Some(stress) = self.input.metas.stress.clone() else { return };
        match self.func.exits[exit.0 as usize].reason {
            // The check comes after a routine that has done its work unless it declined.
            ExitReason::Declined => return,
            // It holds, or the compiler is wrong.
            ExitReason::Disproved => return,
            _ => {}
        }
        if !stress.counts_next_guard() {
            return;
        }
        let address = self.word(stress.address() as u64);
        let left = self.b.ins().load(types::I64, trusted(), address, 0);
        let one = self.word(1);
        let left = self.b.ins().isub(left, one);
        self.b.ins().store(trusted(), left, address, 0);
        let zero = self.word(0);
        let is_over = self.b.ins().icmp(IntCC::Equal, left, zero);
        let (out, on) = (self.exit_block(exit, true), self.b.create_block());
        self.b.ins().brif(is_over, out, [].iter(), on, [].iter());
        self.b.switch_to_block(on);
    }

    /// Fills in the cold blocks.
    pub(super) fn finish_exits(&mut self) {
        let mut at = 0;
        while let Some(&(exit, is_stress)) = self.exit_order.get(at) {
            at += 1;
            let block = self.exit_blocks[&(exit, is_stress)];
            self.b.switch_to_block(block);
            self.fill_exit(exit, is_stress);
        }
        self.fill_tails();
    }

    fn fill_exit(&mut self, exit: ExitId, is_stress: bool) {
        let func = self.func;
        let site = &func.exits[exit.0 as usize];
        let mut index = 0;
        for (_, source) in &site.writes {
            match *source {
                Source::Node(node) => {
                    let value = self.payload(node);
                    self.buffer(&mut index, value);
                }
                Source::Pair(payload, tag) => {
                    let (payload, tag) = (self.value(payload), self.tag_value(tag));
                    let is_swapped = mutant!("exit-pair-swapped");
                    let (first, second) = if is_swapped { (tag, payload) } else { (payload, tag) };
                    self.buffer(&mut index, first);
                    self.buffer(&mut index, second);
                }
                Source::Owned(payload, tag)
                | Source::Shared(payload, tag)
                | Source::Field(payload, tag) => {
                    let payload = self.payload(payload);
                    self.buffer(&mut index, payload);
                    let tag = self.tag_value(tag);
                    self.buffer(&mut index, tag);
                }
                Source::Slot(_) | Source::Copy(_) | Source::Null | Source::Fresh(..) => {}
            }
        }
        let meta = self.input.metas.exit(exit, is_stress);
        let meta = self.word(meta as u64);
        let tail = match self.tails.exit {
            Some(block) => block,
            None => self.new_tail(1),
        };
        self.tails.exit = Some(tail);
        self.b.ins().jump(tail, [meta.into()].iter());
    }

    /// A cold block with words as parameters.
    fn new_tail(&mut self, n: usize) -> ir::Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        for _ in 0..n {
            self.b.append_block_param(block, types::I64);
        }
        block
    }

    /// The call at `pc`, of the function or of an inlined one, left an error in the context.
    pub(super) fn raised(&mut self, frame: Option<FrameId>, pc: u32) {
        let tail = match self.tails.raised {
            Some(block) => block,
            None => self.new_tail(2),
        };
        self.tails.raised = Some(tail);
        let frame = match frame {
            Some(id) => self.input.metas.inlined(id),
            None => self.input.metas.frame,
        };
        let meta = self.word(frame as u64);
        let pc = self.word(u64::from(pc));
        self.b.ins().jump(tail, [meta.into(), pc.into()].iter());
    }

    fn fill_tails(&mut self) {
        let (vm, base, depth) = (self.vm, self.base, self.depth);
        if let Some(block) = self.tails.exit {
            self.b.switch_to_block(block);
            let meta = self.b.block_params(block)[0];
            self.call_routine(Routine::Exit, &[vm, base, depth, meta]);
            self.left_return();
        }
        if let Some(block) = self.tails.raised {
            self.b.switch_to_block(block);
            let (meta, pc) = (self.b.block_params(block)[0], self.b.block_params(block)[1]);
            self.call_routine(Routine::Raised, &[vm, base, depth, meta, pc]);
            self.left_return();
        }
        if let Some(block) = self.tails.left {
            self.b.switch_to_block(block);
            self.fill_left();
        }
    }

    fn tag_value(&self, tag: NodeId) -> ir::Value {
        match self.func.node(tag).op {
            crate::ir::Op::CallTag(call) => self.tags[&call],
            _ => self.value(tag),
        }
    }

    fn buffer(&mut self, index: &mut i32, value: ir::Value) {
        let at = abi::CONTEXT_DEOPT + *index * 8;
        self.b.ins().store(trusted(), value, self.vm, at);
        *index += 1;
    }

    /// Returns what the exit buffer says.
    pub(super) fn left_return(&mut self) {
        let block = self.left_block();
        self.b.ins().jump(block, [].iter());
    }

    /// The block that returns what the exit buffer says.
    pub(super) fn left_block(&mut self) -> ir::Block {
        if let Some(block) = self.tails.left {
            return block;
        }
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        self.tails.left = Some(block);
        block
    }

    fn fill_left(&mut self) {
        if self.input.form == Form::Framed {
            let status = self.b.ins().load(types::I32, trusted(), self.vm, abi::CONTEXT_DEOPT + 8);
            self.b.ins().return_(&[status]);
        } else {
            let payload = self.b.ins().load(types::I64, trusted(), self.vm, abi::CONTEXT_DEOPT);
            let tag = self.b.ins().load(types::I64, trusted(), self.vm, abi::CONTEXT_DEOPT + 8);
            self.b.ins().return_(&[payload, tag]);
        }
    }
}

/// The words of the exit buffer that a source takes, and how they are read.
pub(crate) fn write_kind(func: &crate::ir::Func, source: Source) -> (WriteKind, usize) {
    match source {
        Source::Node(node) => match func.ty(node) {
            crate::ir::Ty::Float => (WriteKind::Float, 1),
            crate::ir::Ty::Bool if mutant!("exit-bool-as-int") => (WriteKind::Int, 1),
            crate::ir::Ty::Bool => (WriteKind::Bool, 1),
            crate::ir::Ty::Char if mutant!("exit-char-as-int") => (WriteKind::Int, 1),
            crate::ir::Ty::Char => (WriteKind::Char, 1),
            crate::ir::Ty::Int | crate::ir::Ty::Word | crate::ir::Ty::None => (WriteKind::Int, 1),
        },
        Source::Slot(from) => (WriteKind::Slot(from), 0),
        Source::Copy(from) => (WriteKind::Copy(from), 0),
        Source::Pair(..) => (WriteKind::Pair, 2),
        Source::Owned(..) => (WriteKind::Owned, 2),
        Source::Shared(..) => (WriteKind::Shared, 2),
        Source::Null if mutant!("exit-not-null") => (WriteKind::Slot(0), 0),
        Source::Null => (WriteKind::Null, 0),
        Source::Fresh(shape, n_fields) => (WriteKind::Fresh(shape, n_fields), 0),
        Source::Field(..) => (WriteKind::Field, 2),
    }
}
