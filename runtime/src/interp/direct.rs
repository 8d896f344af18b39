//! Single instructions for compiled code: every handler as a function of its own, by opcode.
//!
//! Some instructions do not need the frame of their function: they touch registers, constants
//! and feedback only, and run no user code. Compiled code without a frame record runs these
//! straight on its window.

use super::Vm;
use super::machine::{Machine, Step};
use super::stack::loaded;
use crate::bytecode::operand::{Op, RootKind, Word};
use crate::bytecode::ops;
use crate::for_each_op;
use crate::natives::{self, Effect};
use crate::objects::function::FunctionCode;
use crate::value::Value;

type Handler = fn(&mut Machine, Word) -> Step;

macro_rules! define_handlers {
    ($(
        $(#[doc = $doc:literal])*
        $method:ident = $Op:ident { $($field:ident: $Role:ident),* } [$($effect:ident)|*];
    )*) => {
        /// A function for each opcode.
        mod handlers {
            use super::{Machine, Step, Word, ops};
            $(pub(super) fn $method(machine: &mut Machine, word: Word) -> Step {
                machine.$method(ops::$Op::decode(word))
            })*
        }

        static HANDLERS: [Handler; Op::ALL.len()] = [$(handlers::$method,)*];
    };
}

for_each_op!(define_handlers);

impl Machine {
    /// As [`Machine::step`], without the code of all handlers in line.
    #[inline(always)]
    pub(super) fn step_out_of_line(&mut self, word: Word) -> Step {
        HANDLERS[word.op() as usize](self, word)
    }
}

/// Whether an instruction never needs the frame of its function. Of those that also have forms
/// which do, the caller of [`Vm::step_frameless`] must know the operands:
/// - `set_index`, `set_field`: the root register holds a value of the language;
/// - `add`: both operands are strings;
/// - `iter_init`, `iter_test`, `iter_loop`: the source is a number or a collection.
///
/// `call_method` and `call_method_place` may turn out to need a frame: the next instruction is
/// then the same one.
pub fn is_frameless(word: Word) -> bool {
    match word.op() {
        Op::RangeItems
        | Op::NewArray
        | Op::ArrayPush
        | Op::NewDict
        | Op::DictInsert
        | Op::DictSpread => true,
        Op::GetIndex | Op::GetField | Op::GetFieldOrNull | Op::Concat => true,
        Op::ArrayItem | Op::ArrayRest | Op::DictItem | Op::GetPayload | Op::Wrap => true,
        Op::JumpUnlessLiteral | Op::IterInit | Op::IterTest | Op::IterLoop => true,
        Op::Add | Op::AddConst | Op::CheckOrder | Op::CheckSummand | Op::CheckFlat => true,
        Op::SelectMethod | Op::JumpUnlessPending => true,
        Op::CallMethod | Op::CallMethodPlace => true,
        Op::SetIndex => ops::SetIndex::decode(word).root.kind == RootKind::Register,
        Op::SetField => ops::SetField::decode(word).root.kind == RootKind::Register,
        Op::CallNative => is_pure(ops::CallNative::decode(word).native.0),
        Op::CallNativeOne => is_pure(ops::CallNativeOne::decode(word).native.0),
        _ => false,
    }
}

/// Whether a native only looks at its arguments; those that never return only raise.
fn is_pure(native: u16) -> bool {
    let native = natives::get(native.into());
    native.effect == Effect::Pure || native.result == "never"
}

impl Vm {
    /// Executes the instruction at `index` of `code`, whose window is at `base` and which may
    /// have no frame record. Gives the index of the next instruction; `None` if an error is in
    /// the context.
    ///
    /// # Safety
    /// [`is_frameless`] holds for the instruction, with what it says about operands; `base` is a
    /// window of that function.
    pub unsafe fn step_frameless(
        &mut self,
        code: *const FunctionCode,
        base: *mut Value,
        index: usize,
    ) -> Option<usize> {
        // SAFETY: code of the VM is loaded; callers pass an index inside it.
        let (call, pc) = unsafe {
            let call = &loaded(code).call;
            (call, call.code.add(index + 1))
        };
        let (consts, site_delta) = (call.consts, call.site_delta);
        let mut machine = Machine { vm: self, pc, base, consts, site_delta };
        let word = machine.instr().word();
        // The frame on top is that of a caller, who must not be moved on.
        // SAFETY: there is a frame on top.
        let caller_pc = unsafe { (*machine.vm().frame).pc };
        let step = match word.op() {
            Op::CallNative => machine.native_frameless(ops::CallNative::decode(word)),
            Op::CallNativeOne => machine.native_one_frameless(ops::CallNativeOne::decode(word)),
            Op::CallMethod => {
                let op = ops::CallMethod::decode(word);
                machine.method_frameless((op.dst, op.name), (op.first.idx(), op.count.n()), false)
            }
            Op::CallMethodPlace => {
                let op = ops::CallMethodPlace::decode(word);
                machine.method_frameless((op.dst, op.name), (op.first.idx(), op.count.n()), true)
            }
            _ => machine.step_out_of_line(word),
        };
        // SAFETY: as above.
        debug_assert!(unsafe { (*machine.vm().frame).pc } == caller_pc, "{:?}", word.op());
        // SAFETY: `pc` stays inside the code.
        step.ok().map(|()| unsafe { machine.pc.offset_from(call.code) } as usize)
    }
}

impl Machine {
    /// As `call_native`, for a native that never looks at the frames.
    fn native_frameless(&mut self, op: ops::CallNative) -> Step {
        // SAFETY: the verifier bounds the group.
        let args = unsafe { std::slice::from_raw_parts_mut(self.at(op.first.idx()), op.count.n()) };
        let result = natives::call(self.vm(), op.native.0.into(), args);
        args.fill(Value::NULL);
        let result = self.checked(result)?;
        self.note_result(result.tag(), crate::profile::site::CALL_RESULT);
        self.set(op.dst.idx(), result);
        Ok(())
    }

    /// As `call_native_one`, for a native that never looks at the frames.
    fn native_one_frameless(&mut self, op: ops::CallNativeOne) -> Step {
        let arg = self.value(op.src);
        let result = natives::call(self.vm(), op.native.0.into(), &mut [arg]);
        let result = self.checked(result)?;
        self.note_result(result.tag(), crate::profile::site::CALL_RESULT);
        self.set(op.dst.idx(), result);
        Ok(())
    }
}
