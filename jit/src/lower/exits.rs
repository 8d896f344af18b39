//! Exits: cold blocks that store live values and go back to the interpreter.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};

use super::Lowering;
use super::memory::trusted;
use crate::abi;
use crate::exit::WriteKind;
use crate::exit_reason::ExitReason;
use crate::helpers::Routine;
use crate::ir::{ExitId, NodeId, Source};

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
        let flag = self.b.ins().load(types::I64, trusted(), self.vm, abi::CONTEXT_INTERRUPT);
        let pending = self.b.ins().load(types::I8, trusted(), flag, 0);
        self.exit_if(pending, exit);
    }

    /// Counts down to a forced exit, if exits are stressed.
    pub(super) fn stress(&mut self, exit: ExitId) {
        let Some(stress) = self.input.metas.stress.clone() else { return };
        if self.func.exits[exit.0 as usize].reason == ExitReason::Declined {
            // The check comes after a routine that has done its work unless it declined.
            return;
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
        if let Some(block) = self.left_block {
            self.b.switch_to_block(block);
            self.fill_left();
        }
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
                    let payload = self.value(payload);
                    self.buffer(&mut index, payload);
                    let tag = self.tag_value(tag);
                    self.buffer(&mut index, tag);
                }
                Source::Slot(_) => {}
            }
        }
        let meta = self.input.metas.exit(exit, is_stress);
        let meta = self.word(meta as u64);
        let (vm, base, depth) = (self.vm, self.base, self.depth);
        self.call_routine(Routine::Exit, &[vm, base, depth, meta]);
        self.left_return();
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
        let block = match self.left_block {
            Some(block) => block,
            None => {
                let block = self.b.create_block();
                self.b.set_cold_block(block);
                self.left_block = Some(block);
                block
            }
        };
        self.b.ins().jump(block, [].iter());
    }

    fn fill_left(&mut self) {
        if self.input.is_framed {
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
            crate::ir::Ty::Bool => (WriteKind::Bool, 1),
            crate::ir::Ty::Char => (WriteKind::Char, 1),
            crate::ir::Ty::Int | crate::ir::Ty::Word | crate::ir::Ty::None => (WriteKind::Int, 1),
        },
        Source::Slot(from) => (WriteKind::Slot(from), 0),
        Source::Pair(..) => (WriteKind::Pair, 2),
    }
}
