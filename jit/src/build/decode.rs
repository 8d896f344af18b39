//! Words of bytecode as instructions of the builder, by family.

use ruff_runtime::bytecode::operand::{RootKind, Word};
use ruff_runtime::bytecode::ops::{self, Op};

use super::insn::{Arith, Insn, Operand, Target};
use crate::ir::Cond;

macro_rules! arith {
    ($word:expr, $Op:ident, $op:ident) => {{
        let o = ops::$Op::decode($word);
        let (lhs, rhs) = (Operand::Reg(o.lhs), Operand::Reg(o.rhs));
        Insn::Arith { op: Arith::$op, dst: o.dst.0, lhs, rhs }
    }};
    (@const $word:expr, $Op:ident, $op:ident) => {{
        let o = ops::$Op::decode($word);
        let (lhs, rhs) = (Operand::Reg(o.lhs), Operand::Const(o.rhs.0));
        Insn::Arith { op: Arith::$op, dst: o.dst.0, lhs, rhs }
    }};
}

macro_rules! compare {
    ($word:expr, $Op:ident, $cond:ident) => {{
        let o = ops::$Op::decode($word);
        let (lhs, rhs) = (Operand::Reg(o.lhs), Operand::Reg(o.rhs));
        Insn::Compare { cond: Cond::$cond, dst: o.dst.0, lhs, rhs }
    }};
}

macro_rules! jump_compare {
    ($word:expr, $pc:expr, $Op:ident, $cond:ident, $Rhs:ident) => {{
        let o = ops::$Op::decode($word);
        let rhs = jump_compare!(@ $Rhs o.rhs);
        let target = near($pc, o.target.0.into());
        let sense = $word.sense();
        Insn::JumpCompare { cond: Cond::$cond, lhs: Operand::Reg(o.lhs), rhs, target, sense }
    }};
    (@ Reg $rhs:expr) => { Operand::Reg($rhs) };
    (@ Const $rhs:expr) => { Operand::Const($rhs.0) };
}

fn near(pc: u32, distance: i64) -> u32 {
    (i64::from(pc) + 1 + distance) as u32
}

/// The instruction at `pc`.
pub(super) fn decode(word: Word, pc: u32) -> Insn {
    match word.op() {
        Op::Add | Op::AddInt | Op::AddFloat => arith!(word, Add, Add),
        Op::Sub | Op::SubInt | Op::SubFloat => arith!(word, Sub, Sub),
        Op::Mul | Op::MulInt | Op::MulFloat => arith!(word, Mul, Mul),
        Op::Div => arith!(word, Div, Div),
        Op::Rem => arith!(word, Rem, Rem),
        Op::AddConst | Op::AddIntConst => arith!(@const word, AddConst, Add),
        Op::SubConst | Op::SubIntConst => arith!(@const word, SubConst, Sub),
        Op::MulConst | Op::MulIntConst => arith!(@const word, MulConst, Mul),
        Op::DivConst => arith!(@const word, DivConst, Div),
        Op::RemConst | Op::RemIntConst => arith!(@const word, RemConst, Rem),
        Op::Eq => compare!(word, Eq, Eq),
        Op::Ne => compare!(word, Ne, Ne),
        Op::Lt => compare!(word, Lt, Lt),
        Op::Gt => compare!(word, Gt, Gt),
        Op::Le => compare!(word, Le, Le),
        Op::Ge => compare!(word, Ge, Ge),
        Op::JumpEq => jump_compare!(word, pc, JumpEq, Eq, Reg),
        Op::JumpNe => jump_compare!(word, pc, JumpNe, Ne, Reg),
        Op::JumpLt | Op::JumpLtInt => jump_compare!(word, pc, JumpLt, Lt, Reg),
        Op::JumpGt => jump_compare!(word, pc, JumpGt, Gt, Reg),
        Op::JumpLe | Op::JumpLeInt => jump_compare!(word, pc, JumpLe, Le, Reg),
        Op::JumpGe => jump_compare!(word, pc, JumpGe, Ge, Reg),
        Op::JumpEqConst | Op::JumpEqIntConst => jump_compare!(word, pc, JumpEqConst, Eq, Const),
        Op::JumpNeConst => jump_compare!(word, pc, JumpNeConst, Ne, Const),
        Op::JumpLtConst | Op::JumpLtIntConst => jump_compare!(word, pc, JumpLtConst, Lt, Const),
        Op::JumpGtConst => jump_compare!(word, pc, JumpGtConst, Gt, Const),
        Op::JumpLeConst => jump_compare!(word, pc, JumpLeConst, Le, Const),
        Op::JumpGeConst => jump_compare!(word, pc, JumpGeConst, Ge, Const),
        _ => decode_moves(word, pc),
    }
}

fn decode_moves(word: Word, pc: u32) -> Insn {
    match word.op() {
        Op::Mov => {
            let o = ops::Mov::decode(word);
            Insn::Mov { dst: o.dst.0, src: o.src }
        }
        Op::LoadConst => {
            let o = ops::LoadConst::decode(word);
            Insn::Const { dst: o.dst.0, index: o.value.0 }
        }
        Op::LoadInt => {
            let o = ops::LoadInt::decode(word);
            Insn::Int { dst: o.dst.0, value: o.value.0 }
        }
        Op::LoadNull => Insn::Null { dst: ops::LoadNull::decode(word).dst.0 },
        Op::Clear => Insn::Null { dst: ops::Clear::decode(word).reg.0 },
        Op::LoadBool => {
            let o = ops::LoadBool::decode(word);
            Insn::Bool { dst: o.dst.0, value: o.value.0 == 1 }
        }
        Op::Neg => {
            let o = ops::Neg::decode(word);
            Insn::Neg { dst: o.dst.0, src: o.src }
        }
        Op::Not => {
            let o = ops::Not::decode(word);
            Insn::Not { dst: o.dst.0, src: o.src }
        }
        Op::Truth => {
            let o = ops::Truth::decode(word);
            Insn::Truth { dst: o.dst.0, src: o.src }
        }
        Op::GetModule => {
            let o = ops::GetModule::decode(word);
            Insn::GetModule { dst: o.dst.0, slot: o.slot.0 }
        }
        Op::CheckFlat => Insn::CheckFlat { src: ops::CheckFlat::decode(word).src.0 },
        Op::CheckSummand => Insn::CheckSummand { src: ops::CheckSummand::decode(word).src.0 },
        Op::CheckOrder => Insn::CheckOrder { src: ops::CheckOrder::decode(word).src.0 },
        Op::CheckAssigned => Insn::CheckAssigned { src: ops::CheckAssigned::decode(word).src.0 },
        Op::Ret => Insn::Ret { src: ops::Ret::decode(word).src },
        Op::RetNull => Insn::RetNull,
        Op::Yield => {
            let o = ops::Yield::decode(word);
            Insn::Yield { dst: o.dst.0, src: o.src }
        }
        _ => decode_control(word, pc),
    }
}

fn decode_control(word: Word, pc: u32) -> Insn {
    match word.op() {
        Op::Jump => Insn::Jump { target: near(pc, ops::Jump::decode(word).target.0.into()) },
        Op::JumpIf => {
            let o = ops::JumpIf::decode(word);
            Insn::JumpTruth { cond: o.cond, target: near(pc, o.target.0.into()), sense: true }
        }
        Op::JumpUnless => {
            let o = ops::JumpUnless::decode(word);
            Insn::JumpTruth { cond: o.cond, target: near(pc, o.target.0.into()), sense: false }
        }
        Op::JumpIfNull => {
            let o = ops::JumpIfNull::decode(word);
            Insn::JumpNull { src: o.src.0, target: near(pc, o.target.0.into()), sense: true }
        }
        Op::JumpUnlessNull => {
            let o = ops::JumpUnlessNull::decode(word);
            Insn::JumpNull { src: o.src.0, target: near(pc, o.target.0.into()), sense: false }
        }
        Op::LoopHeader => Insn::LoopHeader,
        Op::RangeInit => {
            let o = ops::RangeInit::decode(word);
            Insn::RangeInit { base: o.base.0, count: o.count.0 }
        }
        Op::RangeTest => {
            let o = ops::RangeTest::decode(word);
            let target = near(pc, o.target.0.into());
            Insn::RangeStep { dst: o.dst.0, base: o.base.0, target, at_end: false }
        }
        Op::RangeLoop => {
            let o = ops::RangeLoop::decode(word);
            let target = near(pc, o.target.0.into());
            Insn::RangeStep { dst: o.dst.0, base: o.base.0, target, at_end: true }
        }
        _ => decode_calls(word, pc),
    }
}

fn decode_calls(word: Word, pc: u32) -> Insn {
    match word.op() {
        Op::Call => {
            let o = ops::Call::decode(word);
            let target = Target::Register;
            Insn::Call { dst: o.dst.0, first: o.first.0, count: o.count.0, target }
        }
        Op::CallModule => {
            let o = ops::CallModule::decode(word);
            let target = Target::Module(o.slot.0);
            Insn::Call { dst: o.dst.0, first: o.first.0, count: o.count.0, target }
        }
        Op::CallMethod => {
            let o = ops::CallMethod::decode(word);
            let (dst, first, name) = (o.dst.0, o.first.0, o.name.0);
            Insn::Method { dst, first, name, count: o.count.0, keeps: false }
        }
        Op::CallMethodPlace => {
            let o = ops::CallMethodPlace::decode(word);
            let (dst, first, name) = (o.dst.0, o.first.0, o.name.0);
            Insn::Method { dst, first, name, count: o.count.0, keeps: true }
        }
        Op::CallNative => {
            let o = ops::CallNative::decode(word);
            let (dst, native, first) = (o.dst.0, o.native.0, o.first.0);
            Insn::Native { dst, native, first, count: o.count.0 }
        }
        Op::CallNativeOne => {
            let o = ops::CallNativeOne::decode(word);
            Insn::NativeOne { dst: o.dst.0, native: o.native.0, src: o.src }
        }
        Op::GetIndex => {
            let o = ops::GetIndex::decode(word);
            Insn::GetIndex { dst: o.dst.0, object: o.object, index: o.index }
        }
        Op::SetIndex => {
            let o = ops::SetIndex::decode(word);
            if o.root.kind != RootKind::Register {
                return Insn::Other { target: None };
            }
            Insn::SetIndex { root: o.root.index, index: o.index, src: o.src }
        }
        Op::UpdateIndex => {
            let o = ops::UpdateIndex::decode(word);
            if o.root.kind != RootKind::Register {
                return Insn::Other { target: None };
            }
            let op = operator(word);
            Insn::UpdateIndex { root: o.root.index, index: o.index, src: o.src, op }
        }
        _ => decode_data(word, pc),
    }
}

fn decode_data(word: Word, pc: u32) -> Insn {
    match word.op() {
        Op::IterInit => Insn::IterInit { base: ops::IterInit::decode(word).base.0 },
        Op::IterTest => {
            let o = ops::IterTest::decode(word);
            let target = near(pc, o.target.0.into());
            Insn::IterStep { dst: o.dst.0, base: o.base.0, target, at_end: false }
        }
        Op::IterLoop => {
            let o = ops::IterLoop::decode(word);
            let target = near(pc, o.target.0.into());
            Insn::IterStep { dst: o.dst.0, base: o.base.0, target, at_end: true }
        }
        Op::StorePlace => {
            let o = ops::StorePlace::decode(word);
            if o.root.kind != RootKind::Register {
                return Insn::Other { target: None };
            }
            Insn::StorePlace { root: o.root.index, desc: o.desc.0, src: o.src }
        }
        Op::UpdatePlace => {
            let o = ops::UpdatePlace::decode(word);
            if o.root.kind != RootKind::Register {
                return Insn::Other { target: None };
            }
            let op = operator(word);
            Insn::UpdatePlace { root: o.root.index, desc: o.desc.0, src: o.src, op }
        }
        Op::LoadPlace => {
            let o = ops::LoadPlace::decode(word);
            if o.root.kind != RootKind::Register {
                return Insn::Other { target: None };
            }
            Insn::LoadPlace { dst: o.dst.0, root: o.root.index, desc: o.desc.0 }
        }
        _ => decode_receivers(word, pc),
    }
}

fn decode_receivers(word: Word, pc: u32) -> Insn {
    match word.op() {
        Op::NewArray => {
            let o = ops::NewArray::decode(word);
            Insn::NewArray { dst: o.dst.0, first: o.first.0, count: o.n.idx() as u16 }
        }
        Op::JumpUnlessLiteral => {
            let o = ops::JumpUnlessLiteral::decode(word);
            let target = near(pc, o.target.0.into());
            Insn::JumpLiteral { subject: o.subject.0, literal: o.literal.0, target }
        }
        Op::SelectMethod => {
            let o = ops::SelectMethod::decode(word);
            Insn::SelectMethod { reg: o.reg.0, name: o.name.0 }
        }
        Op::JumpUnlessPending => {
            let o = ops::JumpUnlessPending::decode(word);
            Insn::JumpUnlessPending { src: o.src.0, target: near(pc, o.target.0.into()) }
        }
        Op::TakeReceiver => {
            let o = ops::TakeReceiver::decode(word);
            Insn::TakeReceiver { dst: o.dst.0, root: o.root.0, desc: o.desc.0 }
        }
        Op::PutPlace => {
            let o = ops::PutPlace::decode(word);
            Insn::PutPlace { root: o.root.0, desc: o.desc.0, src: o.src }
        }
        _ => decode_fields(word, pc),
    }
}

fn operator(word: Word) -> Arith {
    let all = [Arith::Add, Arith::Sub, Arith::Mul, Arith::Div, Arith::Rem];
    all[word.operator() as usize % all.len()]
}

fn decode_fields(word: Word, pc: u32) -> Insn {
    let other = Insn::Other { target: word.jump_target(pc as usize).map(|t| t as u32) };
    match word.op() {
        Op::GetField => {
            let o = ops::GetField::decode(word);
            Insn::GetField { dst: o.dst.0, object: o.object, name: o.name.0 }
        }
        Op::JumpUnlessVariant => {
            let o = ops::JumpUnlessVariant::decode(word);
            let target = near(pc, o.target.0.into());
            Insn::JumpUnlessVariant { subject: o.subject.0, desc: o.desc.0, target }
        }
        Op::GetPayload => {
            let o = ops::GetPayload::decode(word);
            Insn::GetPayload { dst: o.dst.0, src: o.src.0, index: o.index.idx() as u16 }
        }
        Op::NewTag => {
            let o = ops::NewTag::decode(word);
            Insn::NewTag { dst: o.dst.0, first: o.first.0, count: o.count.0, desc: o.desc.0 }
        }
        Op::NewStruct => {
            let o = ops::NewStruct::decode(word);
            Insn::NewStruct { dst: o.dst.0, first: o.first.0, desc: o.desc.0 }
        }
        Op::GetCaptured => {
            let o = ops::GetCaptured::decode(word);
            Insn::GetCaptured { dst: o.dst.0, upvalue: o.upvalue.0 }
        }
        Op::GetUpvalue => {
            let o = ops::GetUpvalue::decode(word);
            Insn::GetUpvalue { dst: o.dst.0, upvalue: o.upvalue.0 }
        }
        Op::SetUpvalue => {
            let o = ops::SetUpvalue::decode(word);
            Insn::SetUpvalue { upvalue: o.upvalue.0, src: o.src }
        }
        Op::Closure => {
            let o = ops::Closure::decode(word);
            Insn::Closure { dst: o.dst.0, proto: o.proto.0 }
        }
        Op::NewCell => Insn::NewCell { dst: ops::NewCell::decode(word).dst.0 },
        Op::GetCell => {
            let o = ops::GetCell::decode(word);
            Insn::GetCell { dst: o.dst.0, cell: o.cell.0 }
        }
        Op::SetCell => {
            let o = ops::SetCell::decode(word);
            Insn::SetCell { cell: o.cell.0, src: o.src }
        }
        Op::SetField => {
            let o = ops::SetField::decode(word);
            if o.root.kind != RootKind::Register {
                return other;
            }
            Insn::SetField { root: o.root.index, name: o.name.0, src: o.src }
        }
        Op::UpdateField => {
            let o = ops::UpdateField::decode(word);
            if o.root.kind != RootKind::Register {
                return other;
            }
            Insn::UpdateField { root: o.root.index, name: o.name.0, src: o.src, op: operator(word) }
        }
        _ => other,
    }
}
