//! Code placed out of line: early returns, cleanups, the less likely half of method calls.
//!
//! It is emitted at the end of the function, or at the end of the innermost `try` body around
//! it, so that the same handlers cover it.

use ruff_runtime::bytecode::operand::{Root, RootKind};

use super::call::Args;
use super::code::Label;
use super::function::Builder;

/// Where an element of a place was taken from.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    /// The register that held the element's root, the place and the taken element.
    pub element: Option<(u16, u16, u16)>,
    /// The variable that is in use and the register with its content.
    pub root: Option<(Root, u16)>,
}

/// What to do out of line.
pub(super) enum Action {
    /// Returns the value of the register.
    Return(u16),
    /// Raises the error of `?` for the register.
    RaiseTry(u16),
    /// Calls a method that is not mutating, and goes on at the label.
    CallMethod { dst: u16, first: u16, name: u16, args: Args, next: Label },
    /// Puts values back and continues the error in the register.
    PutBack { taken: Taken, error: u16 },
}

/// A piece of code out of line.
pub(super) struct Cold {
    pub label: Label,
    pub offset: u32,
    pub action: Action,
}

impl Builder<'_> {
    /// Plans a piece of code out of line; gives its label.
    pub(super) fn out_of_line(&mut self, offset: u32, action: Action) -> Label {
        let label = self.code.new_label();
        self.cold.push(Cold { label, offset, action });
        label
    }

    /// Emits the pieces planned since there were `from` of them.
    pub(super) fn emit_cold(&mut self, from: usize) {
        for Cold { label, offset, action } in self.cold.split_off(from) {
            self.code.bind(label);
            self.code.at(offset);
            match action {
                Action::Return(reg) => self.return_reg(reg),
                Action::RaiseTry(reg) => {
                    self.code.raise_try(reg);
                }
                Action::CallMethod { dst, first, name, args, next } => {
                    self.emit_call_method(dst, first, name, args);
                    self.code.jump(next);
                }
                Action::PutBack { taken, error } => {
                    self.put_back(taken);
                    self.code.rethrow(error);
                }
            }
        }
    }

    /// Ends the mutation of a place.
    pub(super) fn put_back(&mut self, taken: Taken) {
        if let Some((holder, place, element)) = taken.element {
            self.code.put_place(holder, place, element);
        }
        if let Some((root, content)) = taken.root {
            match root.kind {
                RootKind::Register => {
                    self.code.mov(root.index, content);
                }
                RootKind::Cell | RootKind::Upvalue | RootKind::Module => {
                    self.code.put_root(root, content);
                }
            }
        }
    }

    /// Returns the value of a register, `self` being written back first.
    pub(super) fn return_reg(&mut self, reg: u16) {
        self.write_self_back();
        self.code.ret(reg);
    }

    /// Copies a captured `self` back to where the caller expects it.
    pub(super) fn write_self_back(&mut self) {
        if let Some(cell) = self.self_cell {
            let name = self.code.name(&"self".into());
            self.code.get_cell(0, cell, name);
        }
    }
}
