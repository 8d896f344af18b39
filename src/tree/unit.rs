//! One instance of a module while it runs, and the code of its functions.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::heap::Ref;
use ruff_runtime::objects::function::FunctionInfo;
use ruff_runtime::objects::module::{ModuleBody, ModuleObj, Origin};
use ruff_runtime::value::Value;

use super::TreeModule;
use crate::resolve::{FuncId, Resolved, Storage, Var, VarId};
use crate::syntax::ast::{Block, Func, StructDecl};

/// A module instance: its tree, its variables and where each local variable sits.
pub(super) struct Unit {
    pub tree: Arc<TreeModule>,
    pub body: Rc<ModuleBody>,
    /// By variable: its slot in an activation of its function.
    slots: Vec<u32>,
    /// By function: the number of slots.
    n_slots: Vec<u32>,
    /// By function: upvalue index of each captured variable.
    captures: Vec<HashMap<VarId, usize>>,
}

/// What a function of the tree engine is made of.
pub(super) struct TreeCode {
    pub unit: Rc<Unit>,
    pub func: FuncId,
    pub body: Body,
}

#[derive(Clone)]
pub(super) enum Body {
    Func(Arc<Func>),
    /// The default of a struct's field, by position.
    Default(Arc<StructDecl>, usize),
    /// The block of a `spawn`.
    Block(Arc<Block>),
}

/// What other isolates need to make the code of a function.
#[derive(Clone)]
pub(super) struct Piece {
    pub info: FunctionInfo,
    pub func: FuncId,
    pub body: Body,
}

impl Unit {
    pub(super) fn new(tree: Arc<TreeModule>, origin: Origin) -> Unit {
        let resolved = &tree.resolved;
        let mut n_slots = vec![0; resolved.funcs.len().max(1)];
        let mut slots = Vec::with_capacity(resolved.vars.len());
        let mut slot_names: Vec<Arc<str>> = vec!["".into(); resolved.n_module_slots as usize];
        for var in &resolved.vars {
            let next: &mut u32 = &mut n_slots[var.func.0 as usize];
            slots.push(*next);
            *next += 1;
            if let Storage::Module(slot) = var.storage {
                slot_names[slot as usize] = var.name.clone();
            }
        }
        let exports = resolved.exports.iter().filter_map(|(export, var)| {
            let slot = module_slot(resolved.var(*var))?;
            Some((export.name.clone(), slot))
        });
        let captures = resolved.funcs.iter().map(|info| {
            info.captures.iter().enumerate().map(|(index, &var)| (var, index)).collect()
        });
        let body = ModuleBody::new(
            tree.name.clone(),
            tree.source.name.clone(),
            slot_names,
            exports.collect(),
            origin,
        );
        let captures = captures.collect();
        Unit { body, slots, n_slots, captures, tree }
    }

    /// Distinguishes the units of an evaluator; the same for copies in other isolates.
    pub(super) fn number(&self) -> u64 {
        self.body.origin.number
    }

    pub(super) fn resolved(&self) -> &Resolved {
        &self.tree.resolved
    }

    pub(super) fn var(&self, id: VarId) -> &Var {
        self.tree.resolved.var(id)
    }

    pub(super) fn slot(&self, var: VarId) -> usize {
        self.slots[var.0 as usize] as usize
    }

    pub(super) fn n_slots(&self, func: FuncId) -> usize {
        self.n_slots[func.0 as usize] as usize
    }

    /// The upvalue of `func` that holds `var`.
    pub(super) fn capture(&self, func: FuncId, var: VarId) -> Option<usize> {
        self.captures.get(func.0 as usize)?.get(&var).copied()
    }

    /// The value of the module's name.
    pub(super) fn module_value(&self) -> Value {
        Value::from_ref(Ref::new(ModuleObj { body: self.body.clone() }))
    }

    /// Releases the module's variables.
    pub(super) fn clear(&self) {
        for slot in 0..self.body.n_slots() {
            self.body.set(slot, Value::UNASSIGNED);
        }
    }
}

fn module_slot(var: &Var) -> Option<u32> {
    match var.storage {
        Storage::Module(slot) => Some(slot),
        Storage::Register | Storage::CapturedValue | Storage::Cell => None,
    }
}
