//! Places of two and more steps, through helpers that do the whole operation.

use ruff_runtime::bytecode::PlaceStepKind;
use ruff_runtime::bytecode::operand::Use;

use super::builder::Builder;
use super::state::{Know, Reg};
use crate::ir::{Helper, NodeId, Op, Ty};

impl Builder<'_> {
    /// Brings the registers that a place needs to their slots and gives the leading arguments
    /// of its helper.
    pub(super) fn place_args(&mut self, root: u16, desc: u16) -> Vec<NodeId> {
        self.materialise_all();
        let proto = self.proto;
        let place = &proto.places[desc as usize];
        for step in &place.steps {
            if let PlaceStepKind::Index(r) = step.kind {
                // The place counts from the start of its function's window.
                self.sync(self.flow.window + r);
            }
        }
        let address = self.add(Op::SlotAddr(root), Ty::Word);
        let desc = self.word(&raw const *place as u64);
        let window = self.add(Op::SlotAddr(self.flow.window), Ty::Word);
        vec![address, desc, window]
    }

    pub(super) fn store_place(&mut self, root: u16, desc: u16, src: Use) {
        if self.state.get(root).node().is_some() {
            return self.step();
        }
        let mut args = self.place_args(root, desc);
        self.sync(src.reg);
        args.push(self.add(Op::SlotAddr(src.reg), Ty::Word));
        args.push(self.word(u64::from(src.is_last)));
        let declined = self.add(Op::Help(Helper::StorePlace, args), Ty::Word);
        self.check_declined(declined);
        let reg = self.state.get(src.reg);
        let after = if src.is_last { Reg::EMPTY } else { Reg { unique: false, ..reg } };
        self.state.set(src.reg, after);
        self.changed_in_place(root);
    }

    pub(super) fn update_place(&mut self, root: u16, desc: u16, src: Use) {
        let is_number = matches!(self.guess_reg(src.reg, None), Some(Ty::Int | Ty::Float));
        if !is_number || self.state.get(root).node().is_some() {
            return self.step();
        }
        let mut args = self.place_args(root, desc);
        self.sync(src.reg);
        args.push(self.add(Op::SlotAddr(src.reg), Ty::Word));
        let operator = self.flow.words[self.pc as usize].operator();
        args.push(self.word(operator.into()));
        let declined = self.add(Op::Help(Helper::UpdatePlace, args), Ty::Word);
        self.check_declined(declined);
        self.done_with(src);
        self.changed_in_place(root);
    }

    pub(super) fn load_place(&mut self, dst: u16, root: u16, desc: u16) {
        if self.state.get(root).node().is_some() {
            return self.step();
        }
        let mut args = self.place_args(root, desc);
        args.push(self.add(Op::SlotAddr(dst), Ty::Word));
        let declined = self.add(Op::Help(Helper::LoadPlace, args), Ty::Word);
        self.check_declined(declined);
        self.state.set(dst, Reg::slot(Know::Any));
    }
}
