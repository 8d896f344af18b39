//! Instructions run straight on the window, and releasing values that are in no slot.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types};

use super::Lowering;
use crate::abi;
use crate::helpers::Routine;
use crate::ir::FrameId;

impl Lowering<'_, '_> {
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
