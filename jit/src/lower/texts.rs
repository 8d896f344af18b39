//! Instructions run straight on the window, and the equality of texts.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};

use super::Lowering;
use super::memory::trusted;
use crate::abi;
use crate::helpers::Routine;
use crate::ir::{FrameId, NodeId, Op};

impl Lowering<'_, '_> {
    /// Whether two strings have the same text. Different interned strings never have.
    pub(super) fn text_equal(&mut self, a: NodeId, b: NodeId) -> ir::Value {
        // Constants of functions are interned.
        let open: Vec<NodeId> = [a, b]
            .into_iter()
            .filter(|&text| !matches!(self.func.node(text).op, Op::Const(_)))
            .collect();
        let (a, b) = (self.value(a), self.value(b));
        let (look, ask, on) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_block_param(on, types::I64);
        let (yes, no) = (self.word(1), self.word(0));
        let same = self.b.ins().icmp(IntCC::Equal, a, b);
        self.b.ins().brif(same, on, [yes.into()].iter(), look, [].iter());
        self.b.switch_to_block(look);
        let mut are_interned = self.b.ins().iconst(types::I8, 1);
        for text in open {
            let text = self.value(text);
            let flag = self.b.ins().load(types::I8, trusted(), text, abi::TEXT_IS_INTERNED);
            are_interned = self.b.ins().band(are_interned, flag);
        }
        self.b.ins().brif(are_interned, on, [no.into()].iter(), ask, [].iter());
        self.b.switch_to_block(ask);
        let found = self.call_routine(Routine::TextEqual, &[a, b]);
        self.b.ins().jump(on, [found.into()].iter());
        self.b.switch_to_block(on);
        result
    }

    /// Runs one instruction that needs no frame; its value is the next pc.
    pub(super) fn direct(&mut self, pc: u32, frame: Option<FrameId>, catches: bool) -> ir::Value {
        let vm = self.vm;
        let (base, meta) = match frame {
            Some(id) => {
                let window = self.func.frames[id.0 as usize].window;
                (self.slot_address(window), self.input.metas.inlined(id))
            }
            None => (self.base, self.input.metas.frame),
        };
        let meta = self.word(meta as u64);
        let index = self.word(u64::from(pc));
        let next = self.call_routine(Routine::Direct, &[vm, base, meta, index]);
        let failed = self.word(abi::LEFT);
        let has_failed = self.b.ins().icmp(IntCC::Equal, next, failed);
        let (error, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(error);
        let next_pc = self.b.append_block_param(on, types::I64);
        self.b.ins().brif(has_failed, error, [].iter(), on, [next.into()].iter());
        self.b.switch_to_block(error);
        if catches {
            let handler = self.catch(frame, pc);
            self.b.ins().jump(on, [handler.into()].iter());
        } else {
            self.raised(frame, pc);
        }
        self.b.switch_to_block(on);
        next_pc
    }
}
