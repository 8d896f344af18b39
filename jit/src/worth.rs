//! Whether compiled code would be faster than the interpreter.
//!
//! An instruction without a typed lowering costs more in compiled code than in the interpreter,
//! since it has to be called. Entering compiled code costs more than a call inside the
//! interpreter does.

use ruff_runtime::bytecode::ops::{Effects, Op as Opcode};
use ruff_runtime::objects::function::FunctionCode;

use crate::ir::{Func, Op};

/// Windows of typed functions, in registers; with the depth limit they must fit the stack.
pub(crate) const MAX_TYPED_REGISTERS: u16 = 256;
/// Parameters of typed functions.
pub(crate) const MAX_TYPED_PARAMS: u32 = 8;
/// Bytes of native stack that a typed function takes at most; it spills what its registers hold.
pub(crate) const MAX_TYPED_FRAME: usize = 16 * MAX_TYPED_REGISTERS as usize;

/// Typed operations that pay for one step through the interpreter, in code without a loop.
const WORK_PER_STEP: usize = 8;
/// The same in loops that call functions through the interpreter.
const WORK_PER_CALLING_STEP: usize = 3;

/// Whether an entry for the interpreter pays.
pub(crate) fn is_worthwhile(func: &Func, code: &FunctionCode) -> bool {
    let Some(loaded) = &code.proto else { return false };
    let (mut n_steps, mut n_calls, mut n_work) = (0, 0, 0);
    for node in func.blocks.iter().flat_map(|block| &block.nodes) {
        match &func.node(*node).op {
            Op::Step(pc, _) => {
                n_steps += 1;
                n_calls += usize::from(is_call(loaded.proto.code[*pc as usize].op()));
            }
            Op::Checked(..) | Op::Int(..) | Op::Float(..) | Op::FloatFn(..) => n_work += 1,
            Op::ElemLoad(..) | Op::ElemStore(..) | Op::Push(..) | Op::Call(_) => n_work += 1,
            Op::ICmp(..) | Op::FCmp(..) => n_work += 1,
            _ => {}
        }
    }
    let has_loop = func.blocks.iter().any(|block| block.is_loop);
    if !has_loop {
        if n_steps == 0 && loaded.proto.profile.is_callback() {
            return true;
        }
        return n_work >= WORK_PER_STEP * n_steps.max(1);
    }
    n_calls == 0 || n_work >= WORK_PER_CALLING_STEP * n_steps
}

/// Whether the body of a generator is worth compiling from one place on: a request to compiled
/// code saves as much as a few steps through the interpreter cost.
pub(crate) fn is_worth_resuming(func: &Func) -> bool {
    let (mut n_steps, mut n_work) = (0, 0);
    for node in func.blocks.iter().flat_map(|block| &block.nodes) {
        match &func.node(*node).op {
            Op::Step(..) => n_steps += 1,
            Op::Checked(..) | Op::Int(..) | Op::Float(..) | Op::ElemLoad(..) => n_work += 1,
            Op::ElemStore(..) | Op::Push(..) | Op::Call(_) | Op::Load(..) => n_work += 1,
            _ => {}
        }
    }
    n_work >= WORK_PER_CALLING_STEP * n_steps
}

/// Whether the instruction calls a function of the program.
fn is_call(op: Opcode) -> bool {
    let effects = op.info().effects;
    let is_native =
        matches!(op, Opcode::CallNative | Opcode::CallNativeOne | Opcode::CallNativeSpread);
    let names_function = op.info().mnemonic.starts_with("call");
    names_function && effects.has(Effects::CALLS) && !is_native
}
