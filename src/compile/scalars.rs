//! Registers that can only hold numbers, bools and null: dropping them late harms nobody.

use ruff_runtime::bytecode::Const;
use ruff_runtime::bytecode::operand::AnyOperand;
use ruff_runtime::bytecode::ops::{self, Op};

use super::code::{Code, Ins};
use super::regs::Regs;

/// Passes over the code; registers not found by then are taken for scalars, which is harmless.
const MAX_PASSES: usize = 6;

/// For every register whether it may hold an object.
pub(super) fn heap_registers(
    ins: &[Ins],
    code: &Code,
    n_registers: usize,
    n_args: usize,
) -> Vec<bool> {
    let mut heap = vec![false; n_registers + 1];
    heap.iter_mut().take(n_args).for_each(|arg| *arg = true);
    let mut regs = Regs::default();
    for _ in 0..MAX_PASSES {
        let mut changed = false;
        for ins in ins {
            if makes_scalar(ins, code, &heap) {
                continue;
            }
            regs.collect(ins, code);
            for &reg in &regs.defs {
                let is_position = ins.word.op() == Op::IterInit && reg != regs.defs[0];
                changed |= !heap[reg as usize] && !is_position;
                heap[reg as usize] |= !is_position;
            }
        }
        if !changed {
            break;
        }
    }
    heap
}

/// Whether everything that the instruction writes is a scalar.
fn makes_scalar(ins: &Ins, code: &Code, heap: &[bool]) -> bool {
    let word = ins.word;
    match word.op() {
        Op::LoadInt
        | Op::LoadBool
        | Op::LoadNull
        | Op::LoadUnassigned
        | Op::Clear
        | Op::Truth
        | Op::RangeInit
        | Op::RangeTest
        | Op::RangeLoop => true,
        Op::LoadConst => {
            !matches!(code.consts[ops::LoadConst::decode(word).value.idx()], Const::Str(_))
        }
        Op::Mov
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Div
        | Op::Rem
        | Op::AddConst
        | Op::SubConst
        | Op::MulConst
        | Op::DivConst
        | Op::RemConst
        | Op::Neg
        | Op::Not
        | Op::Eq
        | Op::Ne
        | Op::Lt
        | Op::Gt
        | Op::Le
        | Op::Ge => word.operands().all(|(_, operand)| match operand {
            AnyOperand::Use(used) => !heap[used.idx()],
            AnyOperand::Const(index) => !matches!(code.consts[index.idx()], Const::Str(_)),
            _ => true,
        }),
        _ => false,
    }
}
