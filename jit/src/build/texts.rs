//! Strings: characters of ASCII texts as unboxed codes, comparison, concatenation.
//!
//! The text of a register that keeps its string cannot change: others copy before they write.

use ruff_runtime::bytecode::Const;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::profile::site::types;
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::flow::{Loop, RegSet};
use super::insn::{Insn, Operand};
use super::state::{Know, Reg, View};
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Elem, Helper, IntOp, NodeId, Op, Ty};

impl Builder<'_> {
    // ---- what is a text

    /// The bytes of a constant that is a text.
    pub(super) fn text_const(&self, operand: Operand) -> Option<&str> {
        match operand {
            Operand::Const(index) => match &self.proto.consts[index as usize] {
                Const::Str(text) => Some(text),
                _ => None,
            },
            Operand::Reg(_) => None,
        }
    }

    /// Whether both operands are texts, or have always been.
    pub(super) fn are_texts(&self, lhs: Operand, rhs: Operand) -> bool {
        let site = Site::of(self.proto, self.pc);
        let is_text = |operand, was_text: bool| match operand {
            Operand::Const(_) => self.text_const(operand).is_some(),
            Operand::Reg(r) => {
                let reg = self.state.get(r.reg);
                match (reg.node(), reg.know) {
                    (Some((_, ty)), _) => ty == Ty::Char,
                    (None, Know::Str) => true,
                    (None, Know::Any) => was_text,
                    (None, _) => false,
                }
            }
        };
        is_text(lhs, site.lhs_is(types::STR)) && is_text(rhs, site.rhs_is(types::STR))
    }

    /// Leaves unless a register holds a text; a character becomes one.
    pub(super) fn want_text(&mut self, r: u16) {
        self.sync(r);
        self.want_object(r, Tag::Str, Know::Str, ExitReason::WrongType);
    }

    /// The code of an operand that is known to be one ASCII character.
    fn as_char(&mut self, operand: Operand) -> Option<NodeId> {
        match operand {
            Operand::Reg(r) => match self.state.get(r.reg).node() {
                Some((node, Ty::Char)) => Some(node),
                _ => None,
            },
            Operand::Const(_) => match self.text_const(operand)?.as_bytes() {
                &[byte] => Some(self.constant(byte.into(), Ty::Char)),
                _ => None,
            },
        }
    }

    /// The object behind a text operand.
    fn text_object(&mut self, operand: Operand) -> NodeId {
        match operand {
            Operand::Reg(r) => {
                self.want_text(r.reg);
                self.add(Op::LoadSlot(r.reg), Ty::Word)
            }
            Operand::Const(index) => {
                let payload = self.loaded.consts[index as usize].payload();
                self.word(payload)
            }
        }
    }

    // ---- operations

    pub(super) fn text_comparison(
        &mut self,
        cond: Cond,
        lhs: Operand,
        rhs: Operand,
    ) -> Option<NodeId> {
        if let (Some(a), Some(b)) = (self.as_char(lhs), self.as_char(rhs)) {
            return Some(self.add(Op::ICmp(cond, a, b), Ty::Bool));
        }
        // All checks come first: making a text of a character is not undone by an exit.
        let (a, b) = (self.text_object(lhs), self.text_object(rhs));
        let zero = self.word(0);
        if matches!(cond, Cond::Eq | Cond::Ne) {
            let equal = self.add(Op::Help(Helper::TextEqual, vec![a, b]), Ty::Word);
            let cond = if cond == Cond::Eq { Cond::Ne } else { Cond::Eq };
            return Some(self.add(Op::ICmp(cond, equal, zero), Ty::Bool));
        }
        let order = self.add(Op::Help(Helper::TextOrder, vec![a, b]), Ty::Word);
        Some(self.add(Op::ICmp(cond, order, zero), Ty::Bool))
    }

    /// R[dst] = the concatenation of two texts, in place if the left one is used up.
    pub(super) fn text_add(&mut self, dst: u16, lhs: Operand, rhs: Operand) {
        let Operand::Reg(left) = lhs else { return self.step() };
        let right = match rhs {
            Operand::Reg(r) => Some(r.reg),
            Operand::Const(_) => None,
        };
        let owns = (left.is_last || left.reg == dst) && right != Some(left.reg);
        self.want_text(left.reg);
        if !owns {
            return self.text_concat(dst, left, rhs);
        }
        let code = self.as_char(rhs);
        let more = match code {
            Some(code) => code,
            None => self.text_object(rhs),
        };
        let slot = self.slot_of(left.reg).unwrap_or(left.reg);
        let address = self.add(Op::SlotAddr(slot), Ty::Word);
        let helper = if code.is_some() { Helper::TextAppendChar } else { Helper::TextAppend };
        let declined = self.add(Op::Help(helper, vec![address, more]), Ty::Word);
        self.check_declined(declined);
        if let Operand::Reg(r) = rhs {
            self.done_with(r);
        }
        let new = Reg { unique: true, ..Reg::slot(Know::Str) };
        self.moved_result(left.reg, slot, dst, new);
    }

    fn text_concat(&mut self, dst: u16, left: Use, rhs: Operand) {
        let b = self.text_object(rhs);
        self.materialise_all();
        let a = self.add(Op::LoadSlot(left.reg), Ty::Word);
        let address = self.add(Op::SlotAddr(dst), Ty::Word);
        let declined = self.add(Op::Help(Helper::TextConcat, vec![address, a, b]), Ty::Word);
        self.check_declined(declined);
        for operand in [Operand::Reg(left), rhs] {
            if let Operand::Reg(r) = operand
                && r.reg != dst
            {
                self.done_with(r);
            }
        }
        self.state.set(dst, Reg::slot(Know::Str));
    }

    /// Jumps away unless a register equals a constant.
    pub(super) fn jump_literal(&mut self, subject: u16, literal: u16, target: u32) {
        let constant = Operand::Const(literal);
        let (there, on) = (self.key_of(target), self.key_of(self.pc + 1));
        let text = self.text_const(constant).map(str::len);
        let guessed = self.guess(constant, None);
        let reg = self.state.get(subject);
        match (reg.ty(), text) {
            (Some(Ty::Char), Some(1)) | (Some(_), None) if reg.ty() == guessed.or(reg.ty()) => {
                let cond = self.comparison(Cond::Eq, Operand::Reg(Use::from(subject)), constant);
                let Some(cond) = cond else { return self.step() };
                let state = self.state.clone();
                return self.branch(cond, (on, state.clone()), (there, state));
            }
            (Some(Ty::Char), Some(_)) | (Some(Ty::Int | Ty::Float | Ty::Bool), Some(_)) => {
                return self.goto(there);
            }
            (None, Some(_)) if matches!(reg.know, Know::Any | Know::Str) => {}
            _ => return self.step(),
        }
        self.materialise(subject);
        if reg.know == Know::Any {
            let tag = self.add(Op::LoadTag(subject), Ty::Word);
            let wanted = self.word(Tag::Str as u64);
            let is_text = self.add(Op::ICmp(Cond::Eq, tag, wanted), Ty::Bool);
            let (yes, no) = self.split(is_text);
            let state = self.state.clone();
            self.block = no;
            self.goto(there);
            (self.block, self.state, self.is_done, self.last_exit) = (yes, state, false, None);
            let reg = self.state.get(subject);
            self.state.set(subject, Reg { know: Know::Str, ..reg });
        }
        let found = self.add(Op::LoadSlot(subject), Ty::Word);
        let wanted = self.text_object(constant);
        let equal = self.add(Op::Help(Helper::TextEqual, vec![found, wanted]), Ty::Word);
        let zero = self.word(0);
        let is_it = self.add(Op::ICmp(Cond::Ne, equal, zero), Ty::Bool);
        let state = self.state.clone();
        self.branch(is_it, (on, state.clone()), (there, state));
    }

    // ---- characters

    /// The bytes and length of the ASCII text in a register; leaves if it is no such text.
    pub(super) fn text_view(&mut self, r: u16, reason: ExitReason) -> View {
        self.want_object(r, Tag::Str, Know::Str, reason);
        let reg = self.state.get(r);
        if let Some(view) = reg.view {
            return view;
        }
        let object = self.add(Op::LoadSlot(r), Ty::Word);
        let data = self.add(Op::Help(Helper::TextData, vec![object]), Ty::Word);
        let zero = self.word(0);
        let is_ascii = self.add(Op::ICmp(Cond::Ne, data, zero), Ty::Bool);
        let reason = if reason == ExitReason::Hoisted { reason } else { ExitReason::WrongElements };
        self.guard(is_ascii, reason);
        let words = self.add(Op::Load(object, abi::TEXT_LEN), Ty::Word);
        let mask = self.word(u64::from(u32::MAX));
        let len = self.add(Op::Int(IntOp::And, words, mask), Ty::Word);
        let view = View { object, data, len };
        self.state.set(r, Reg { view: Some(view), ..reg });
        view
    }

    /// R[dst] = the character at an index.
    pub(super) fn char_at(&mut self, dst: u16, object: Use, index: Use) {
        let site = Site::of(self.proto, self.pc);
        let is_typed = self.guess_reg(index.reg, site.rhs()) == Some(Ty::Int);
        if !is_typed || self.state.get(object.reg).node().is_some() {
            return self.step();
        }
        let view = self.text_view(object.reg, ExitReason::WrongType);
        let at = self.want(index.reg, Ty::Int);
        let is_inside = self.add(Op::Below(at, view.len), Ty::Bool);
        self.guard(is_inside, ExitReason::OutOfBounds);
        let code = self.add(Op::ElemLoad(Elem::Bool, view.data, at), Ty::Char);
        self.done_with(object);
        self.done_with(index);
        self.define(dst, code, Ty::Char);
    }

    /// Looks at the texts that a loop indexes, before the loop.
    pub(super) fn hoist_texts(&mut self, key_pc: u32, range: Loop, written: &RegSet) {
        for pc in range.header..=range.last {
            let Insn::GetIndex { object, .. } = self.flow.insns[pc as usize] else { continue };
            let is_text = Site::of(self.proto, pc).lhs_is(types::STR)
                && self.feedback.may_speculate(pc)
                && !written.has(object.reg)
                && self.is_live(key_pc, object.reg);
            if is_text && self.state.get(object.reg).node().is_none() {
                self.text_view(object.reg, ExitReason::Hoisted);
            }
        }
    }

    /// Whether some instruction indexes the register as a value of this type.
    pub(super) fn is_indexed_as(&self, r: u16, ty: u64) -> bool {
        let uses = self.flow.insns.iter().enumerate();
        uses.into_iter().any(|(pc, insn)| match insn {
            Insn::GetIndex { object, .. } => {
                object.reg == r && Site::of(self.proto, pc as u32).lhs_is(ty)
            }
            _ => false,
        })
    }
}
