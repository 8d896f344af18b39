//! Errors that a handler of the function takes: control goes on in compiled code.
//!
//! The routine that finds the handler writes the error to the handler's register and gives its
//! pc. Everything else is as before the instruction that raised, but for the registers that it
//! touches, of which nothing is known. Inlined code has no handlers.

use ruff_runtime::bytecode::Handler;
use ruff_runtime::mutant;

use super::builder::Builder;
use super::state::{Know, Reg, State};
use crate::abi;
use crate::ir::{Cond, NodeId, Op, Ty};

impl Builder<'_> {
    /// Whether an error of the present instruction may be handled in this function.
    pub(super) fn is_handled(&self) -> bool {
        self.handlers().next().is_some()
    }

    /// The handlers around the present instruction, innermost first.
    fn handlers(&self) -> impl Iterator<Item = Handler> {
        let pc = self.pc;
        self.proto.handlers.iter().copied().filter(move |h| {
            h.start + u32::from(mutant!("handler-range-start")) <= pc && pc < h.end
        })
    }

    /// Behind the call of a compiled function: leads a handled error to its handler.
    pub(super) fn call_caught(&mut self, window: u16, payload: NodeId, tag: NodeId) {
        let raised = self.word(abi::RAISED);
        let is_raised = self.add(Op::ICmp(Cond::Eq, tag, raised), Ty::Bool);
        let (error, on) = self.split(is_raised);
        let state = self.state.clone();
        self.block = error;
        // A receiver stays where it was; without arguments, the window may be behind all registers.
        if window < self.n_regs() {
            self.state.set(window, Reg::slot(Know::Any));
        }
        let caught = self.state.clone();
        self.branch_to_handlers(payload, &caught, true);
        (self.block, self.state, self.is_done, self.last_exit) = (on, state, false, None);
    }

    /// Behind a request to a generator: leads a handled error to its handler.
    pub(super) fn request_caught(&mut self, payload: NodeId, tag: NodeId) {
        let raised = self.word(abi::RAISED);
        let is_raised = self.add(Op::ICmp(Cond::Eq, tag, raised), Ty::Bool);
        let (error, on) = self.split(is_raised);
        let state = self.state.clone();
        self.block = error;
        self.branch_to_handlers(payload, &state, true);
        (self.block, self.state, self.is_done, self.last_exit) = (on, state, false, None);
    }

    /// Behind an instruction run by the interpreter, before its effects on what is known.
    pub(super) fn step_caught(&mut self, next: NodeId) {
        if !self.is_handled() {
            return;
        }
        let mut caught = self.state.clone();
        let flow = self.flow;
        let regs = &flow.regs[self.pc as usize];
        let touched = regs.reads.iter().chain(&regs.writes).chain(&regs.emptied);
        touched.for_each(|&r| caught.set(r, Reg::slot(Know::Any)));
        let above = regs.window.unwrap_or(self.n_regs())..self.n_regs();
        above.for_each(|r| caught.set(r, Reg::slot(Know::Any)));
        self.branch_to_handlers(next, &caught, false);
    }

    /// Branches to the handler whose pc is in a node; goes on if it is none, unless one is sure.
    fn branch_to_handlers(&mut self, pc: NodeId, caught: &State, is_sure: bool) {
        let handlers: Vec<Handler> = self.handlers().collect();
        for (i, handler) in handlers.iter().enumerate() {
            if is_sure && i + 1 == handlers.len() {
                self.state = caught.clone();
                self.state.set(handler.reg, Reg::slot(Know::Any));
                let key = self.key_of(handler.target);
                return self.goto(key);
            }
            let target = self.word(u64::from(handler.target));
            let is_it = self.add(Op::ICmp(Cond::Eq, pc, target), Ty::Bool);
            let (yes, no) = self.split(is_it);
            let state = self.state.clone();
            self.block = yes;
            self.state = caught.clone();
            self.state.set(handler.reg, Reg::slot(Know::Any));
            let key = self.key_of(handler.target);
            self.goto(key);
            (self.block, self.state, self.is_done, self.last_exit) = (no, state, false, None);
        }
    }
}
