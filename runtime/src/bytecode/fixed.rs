//! Which variables of a module keep the value that they are given first.

use std::sync::Arc;

use super::operand::{AnyOperand, Op, RootKind};
use super::{CompiledModule, FunctionProto};

/// By slot, whether a variable is written at most once, by an instruction of the top level that
/// is not in a loop. The top level of an instance runs once.
pub fn fixed_slots(module: &CompiledModule) -> Box<[bool]> {
    let mut writes = vec![0_u32; module.slot_names.len()];
    // More than one write.
    let many = 2;
    let mut waiting: Vec<&Arc<FunctionProto>> = vec![&module.top];
    while let Some(proto) = waiting.pop() {
        waiting.extend(proto.children.iter());
        let loops = if Arc::ptr_eq(proto, &module.top) { Some(loops_of(proto)) } else { None };
        for (pc, instr) in proto.code.iter().enumerate() {
            let is_once =
                || loops.as_ref().is_some_and(|all| all.iter().all(|at| !at.contains(&pc)));
            let op = instr.op();
            for (_, operand) in instr.word().operands() {
                match operand {
                    AnyOperand::Slot(_) if matches!(op, Op::GetModule | Op::CallModule) => {}
                    AnyOperand::Slot(slot) => {
                        writes[slot.idx()] += if is_once() { 1 } else { many };
                    }
                    // A change in place.
                    AnyOperand::Root(root) if root.kind == RootKind::Module => {
                        writes[root.idx()] += many;
                    }
                    _ => {}
                }
            }
        }
    }
    writes.into_iter().map(|n| n < many).collect()
}

/// The stretches of code that a jump back runs again.
fn loops_of(proto: &FunctionProto) -> Vec<std::ops::RangeInclusive<usize>> {
    let back = |(pc, word): (usize, &super::operand::Instr)| {
        let target = usize::try_from(word.word().jump_target(pc)?).ok()?;
        (target <= pc).then_some(target..=pc)
    };
    proto.code.iter().enumerate().filter_map(back).collect()
}
