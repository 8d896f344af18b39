//! Captures and storage: which functions mention which variables, and where variables live.
//!
//! Mentions are recorded while names are resolved; storage is decided at the end, when every
//! assignment and every capture is known. A variable captured by value must be definitely
//! assigned before the first closure over it exists and must never change afterwards; the
//! test is by text position and errs towards a cell.

use std::rc::Rc;

use super::imports::{Module, Variants};
use super::scope::Resolver;
use super::{Storage, VarId, VarKind};

/// Never ready: the variable has no single dominating assignment.
pub(super) const NEVER: u32 = u32::MAX;

/// What the resolver learns about a variable besides its public description.
#[derive(Default)]
pub(super) struct Facts {
    /// Text position from which the variable is definitely assigned, or [`NEVER`].
    pub ready: u32,
    /// Number of places that assign it as a whole, its declaration included.
    pub assigns: u32,
    /// A place inside it is assigned, or a method is called on such a place.
    pub changed: bool,
    /// Position at which the first closure that captures it is created.
    pub first_capture: Option<u32>,
    /// A top-level variable that another function mentions.
    pub mentioned_outside: bool,
    /// The module an import took it from, or that it denotes.
    pub origin: Option<Rc<Module>>,
    /// The variants of an enum.
    pub variants: Option<Rc<Variants>>,
}

impl Resolver<'_> {
    /// Records that the current function mentions `var`.
    pub(super) fn mention(&mut self, var: VarId) {
        let owner = self.out.var(var).func;
        let mut func = self.func;
        if owner == func {
            return;
        }
        if self.out.var(var).block == self.top_block {
            self.facts_mut(var).mentioned_outside = true;
            return;
        }
        while self.captured.insert((func, var)) {
            let info = &mut self.out.funcs[func.0 as usize];
            info.captures.push(var);
            let Some(parent) = info.parent else { return };
            if parent == owner {
                let created = self.frames[func.0 as usize].created_at;
                let first = &mut self.facts_mut(var).first_capture;
                *first = Some(first.map_or(created, |earlier| earlier.min(created)));
                return;
            }
            func = parent;
        }
    }

    /// Decides where every variable lives.
    pub(super) fn assign_storage(&mut self) {
        let exported: Vec<VarId> = self.out.exports.iter().map(|&(_, var)| var).collect();
        for var in exported {
            self.facts_mut(var).mentioned_outside = true;
        }
        for (var, facts) in self.out.vars.iter_mut().zip(&self.facts) {
            var.storage = if var.block == self.top_block {
                if facts.mentioned_outside {
                    self.out.n_module_slots += 1;
                    Storage::Module(self.out.n_module_slots - 1)
                } else {
                    Storage::Register
                }
            } else {
                local_storage(&var.kind, facts)
            };
        }
    }
}

fn local_storage(kind: &VarKind, facts: &Facts) -> Storage {
    let Some(created) = facts.first_capture else { return Storage::Register };
    let by_value = match kind {
        VarKind::SelfParam { is_mut } => !is_mut,
        VarKind::Variable
        | VarKind::Const
        | VarKind::Param
        | VarKind::Field
        | VarKind::Loop
        | VarKind::Except
        | VarKind::Bind
        | VarKind::Func
        | VarKind::Struct
        | VarKind::Enum
        | VarKind::Module
        | VarKind::Imported(_) => !facts.changed && facts.assigns == 1 && facts.ready <= created,
    };
    if by_value { Storage::CapturedValue } else { Storage::Cell }
}
