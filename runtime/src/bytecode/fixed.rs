//! Which variables of a module keep the value that they are given first.

use std::sync::Arc;

use super::operand::{AnyOperand, Instr, Op, RootKind, Word};
use super::{CompiledModule, FunctionProto};

/// By slot, whether a variable is written at most once, by an instruction of the top level that
/// is not in a loop. The top level of an instance runs once.
pub fn fixed_slots(module: &CompiledModule) -> Box<[bool]> {
    let mut writes = vec![0_u32; module.slot_names.len()];
    let mut waiting: Vec<&Arc<FunctionProto>> = vec![&module.top];
    while let Some(proto) = waiting.pop() {
        waiting.extend(proto.children.iter());
        let loops = Arc::ptr_eq(proto, &module.top).then(|| loops_of(proto));
        let is_once = |pc| loops.as_ref().is_some_and(|all| all.iter().all(|at| !at.contains(&pc)));
        for (pc, instr) in proto.code.iter().enumerate() {
            for slot in written(instr.word()) {
                let is_plain = instr.op() == Op::SetModule;
                writes[slot] += if is_plain && is_once(pc) { 1 } else { MANY };
            }
        }
    }
    writes.into_iter().map(|n| n < MANY).collect()
}

/// More than one write.
const MANY: u32 = 2;

/// The variables of the module that an instruction assigns or changes in place.
fn written(word: Word) -> impl Iterator<Item = usize> {
    let is_read = matches!(word.op(), Op::GetModule | Op::CallModule);
    word.operands().filter_map(move |(_, operand)| match operand {
        AnyOperand::Slot(slot) if !is_read => Some(slot.idx()),
        AnyOperand::Root(root) if root.kind == RootKind::Module => Some(root.idx()),
        _ => None,
    })
}

/// The stretches of code that a jump back runs again.
fn loops_of(proto: &FunctionProto) -> Vec<std::ops::RangeInclusive<usize>> {
    let back = |(pc, word): (usize, &Instr)| {
        let target = usize::try_from(word.word().jump_target(pc)?).ok()?;
        (target <= pc).then_some(target..=pc)
    };
    proto.code.iter().enumerate().filter_map(back).collect()
}
