//! Instructions run straight on the window, without a frame record: what has no typed lowering
//! but touches only registers, constants and feedback.

use ruff_runtime::interp::is_frameless;
use ruff_runtime::mutant;
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::insn::{Arith, Insn, Operand};
use super::state::{Know, Reg, Val};
use crate::exit_reason::ExitReason;
use crate::ir::{Op, Ty};

impl Builder<'_> {
    /// Whether the present instruction can run without a frame record, as far as is known of
    /// its operands.
    pub(super) fn is_direct(&self) -> bool {
        if !is_frameless(self.flow.words[self.pc as usize]) {
            return false;
        }
        match self.flow.insns[self.pc as usize] {
            // The root must not be an unassigned captured variable.
            Insn::SetIndex { root, .. } => self.is_data(root),
            Insn::SetField { root, .. } | Insn::UpdateField { root, .. } => {
                matches!(self.state.get(root).know, Know::Struct(_))
            }
            // A generator function is called, a generator resumed.
            Insn::IterInit { base } | Insn::IterStep { base, .. } => {
                let reg = self.state.get(base);
                reg.node().is_some() || matches!(reg.know, Know::Str | Know::Dict | Know::Array(_))
            }
            Insn::Arith { op: Arith::Add, lhs, rhs, .. } => {
                self.is_known_text(lhs) && self.is_known_text(rhs)
            }
            Insn::Arith { .. } => false,
            // Methods of structs run code of the program.
            Insn::Method { .. } => {
                let receivers = site::types_at(Site::of(self.proto, self.pc).0, site::RECEIVER);
                let is_possible = receivers != 0 && receivers & types::STRUCT == 0;
                is_possible && self.feedback.may_speculate(self.pc)
            }
            _ => true,
        }
    }

    fn is_data(&self, r: u16) -> bool {
        matches!(self.state.get(r).know, Know::Str | Know::Dict | Know::Array(_) | Know::Struct(_))
    }

    fn is_known_text(&self, operand: Operand) -> bool {
        match operand {
            Operand::Reg(r) => {
                let reg = self.state.get(r.reg);
                reg.node().map_or(reg.know == Know::Str, |(_, ty)| ty == Ty::Char)
            }
            Operand::Const(_) => self.text_const(operand).is_some(),
        }
    }

    /// Writes what the present instruction reads to its home slots.
    pub(super) fn sync_reads(&mut self) {
        self.materialise_all();
        let flow = self.flow;
        for &r in &flow.regs[self.pc as usize].reads {
            if mutant!("step-unsynced") {
                continue;
            }
            self.sync(r);
        }
    }

    /// Leaves unless the home slot of a register holds an object of this tag.
    pub(super) fn want_object(&mut self, r: u16, tag: Tag, know: Know, reason: ExitReason) {
        self.materialise(r);
        let reg = self.state.get(r);
        let is_known = match know {
            Know::Array(_) => matches!(reg.know, Know::Array(_)),
            _ => reg.know == know,
        };
        if is_known {
            return;
        }
        self.guard_tag(r, tag, reason);
        self.state.set(r, Reg { know, ..reg });
    }

    /// Fixes the type of a container that the interpreter changes straight on the window.
    pub(super) fn set_index_direct(&mut self, root: u16) {
        let site = Site::of(self.proto, self.pc);
        let may_speculate = self.feedback.may_speculate(self.pc);
        if may_speculate && self.state.get(root).node().is_none() {
            if site.lhs_is(types::DICT) {
                self.want_object(root, Tag::Dict, Know::Dict, ExitReason::WrongType);
            } else if site.lhs_is(types::ARRAY) {
                self.want_object(root, Tag::Array, Know::Array(None), ExitReason::WrongType);
            }
        }
        let know = self.state.get(root).know;
        let is_data = self.is_data(root);
        self.step();
        if is_data && !self.is_done {
            let know = if know == Know::Dict { know } else { Know::Array(None) };
            self.state.set(root, Reg { val: Val::Slot, know, view: None, unique: true });
        }
    }

    /// A helper's word: leaves if it is not 0, which it only is if it has changed nothing.
    pub(super) fn check_declined(&mut self, declined: crate::ir::NodeId) {
        let zero = self.word(0);
        let is_done = self.add(Op::ICmp(crate::ir::Cond::Eq, declined, zero), Ty::Bool);
        self.last_exit = None;
        self.guard(is_done, ExitReason::Declined);
    }

    /// A result that is in the slot of a register that held an operand goes to `dst`.
    pub(super) fn moved_result(&mut self, from: u16, slot: u16, dst: u16, new: Reg) {
        self.state.set(from, Reg::EMPTY);
        if slot == dst {
            return self.state.set(dst, Reg { val: Val::Slot, ..new });
        }
        let moved = Reg { val: Val::Moved(slot), ..new };
        if dst != from {
            self.state.set(from, moved);
            self.release(dst);
            self.state.set(from, Reg::EMPTY);
        }
        self.state.set(dst, moved);
    }
}
