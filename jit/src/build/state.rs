//! What the builder knows about each register at a point of the code.
//!
//! A register's value is either in its home slot in the VM's window or, unboxed, in a node.
//! Invariant: while the value is in a node, the home slot holds nothing that needs a release.

use ruff_runtime::objects::array::ElemKind;

use super::receivers::Awaited;
use crate::ir::{NodeId, Ty};

/// Where a register's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Val {
    /// In the home slot.
    Slot,
    /// In a node; `synced`: the home slot holds the same value.
    Ssa { node: NodeId, ty: Ty, synced: bool },
    /// In the home slot of another register, whose own value is dead: a move not yet done.
    Moved(u16),
    /// In the home slot of another register, which keeps it: a copy not yet made.
    Alias(u16),
}

/// What is known of the content of a home slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Know {
    Any,
    /// Not a heap object.
    Immediate,
    Int,
    Float,
    Bool,
    Null,
    Str,
    Dict,
    /// An array, perhaps of known kind (or without elements).
    Array(Option<ElemKind>),
    /// A struct, perhaps of the shape with this id.
    Struct(Option<u32>),
    /// A function with the code at this address.
    Function(usize),
    /// The struct declaration at this address, which its module keeps.
    Def(usize),
    Generator,
    /// The marker of a selected method.
    Pending(Awaited),
}

impl Know {
    /// Whether the slot may own an object.
    pub fn may_own(self) -> bool {
        match self {
            Know::Any | Know::Str | Know::Dict | Know::Array(_) => true,
            Know::Struct(_) | Know::Function(_) | Know::Def(_) | Know::Generator => true,
            Know::Immediate | Know::Int | Know::Float | Know::Bool | Know::Null => false,
            Know::Pending(_) => false,
        }
    }

    /// The least that covers both.
    pub fn join(self, other: Know) -> Know {
        match (self, other) {
            (a, b) if a == b => a,
            (Know::Array(_), Know::Array(_)) => Know::Array(None),
            (Know::Struct(_), Know::Struct(_)) => Know::Struct(None),
            (a, b) if a.may_own() || b.may_own() => Know::Any,
            _ => Know::Immediate,
        }
    }

    /// Whether everything known here follows from `other`.
    pub fn covers(self, other: Know) -> bool {
        self.join(other) == self
    }

    pub fn of_ty(ty: Ty) -> Know {
        match ty {
            Ty::Int => Know::Int,
            Ty::Float => Know::Float,
            Ty::Bool => Know::Bool,
            Ty::Char => Know::Str,
            Ty::Word | Ty::None => Know::Any,
        }
    }

    /// The representation in which the value can be loaded.
    pub fn ty(self) -> Option<Ty> {
        match self {
            Know::Int => Some(Ty::Int),
            Know::Float => Some(Ty::Float),
            Know::Bool => Some(Ty::Bool),
            Know::Any | Know::Immediate | Know::Null => None,
            Know::Str | Know::Dict | Know::Array(_) | Know::Struct(_) | Know::Function(_) => None,
            Know::Generator | Know::Def(_) => None,
            Know::Pending(_) => None,
        }
    }
}

/// Loaded header words of the array in a slot. They stay true as long as the slot keeps its
/// array and only elements are overwritten: whoever else holds the array copies before writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct View {
    pub object: NodeId,
    pub data: NodeId,
    pub len: NodeId,
}

/// One register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reg {
    pub val: Val,
    /// Of the home slot (for a moved value, of the slot where it is).
    pub know: Know,
    pub view: Option<View>,
    /// The array in the slot has no other owner.
    pub unique: bool,
}

impl Reg {
    pub(super) const EMPTY: Reg = Reg::slot(Know::Immediate);

    pub(super) const fn slot(know: Know) -> Reg {
        Reg { val: Val::Slot, know, view: None, unique: false }
    }

    pub(super) fn ssa(node: NodeId, ty: Ty, synced: bool) -> Reg {
        let know = if synced { Know::of_ty(ty) } else { Know::Immediate };
        Reg { val: Val::Ssa { node, ty, synced }, know, view: None, unique: false }
    }

    /// The unboxed value.
    pub(super) fn node(&self) -> Option<(NodeId, Ty)> {
        match self.val {
            Val::Ssa { node, ty, .. } => Some((node, ty)),
            Val::Slot | Val::Moved(_) | Val::Alias(_) => None,
        }
    }

    /// The type of the value if it is unboxed or known.
    pub(super) fn ty(&self) -> Option<Ty> {
        self.node().map(|(_, ty)| ty).or_else(|| self.know.ty())
    }
}

/// All registers.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct State {
    pub regs: Vec<Reg>,
}

impl State {
    pub(super) fn new(n_registers: u16, know: Know) -> State {
        State { regs: vec![Reg::slot(know); n_registers as usize] }
    }

    pub(super) fn get(&self, r: u16) -> Reg {
        self.regs[r as usize]
    }

    pub(super) fn set(&mut self, r: u16, reg: Reg) {
        self.regs[r as usize] = reg;
    }

    /// A register whose moved or copied value still is in the slot of `from`.
    pub(super) fn moved_from(&self, from: u16) -> Option<u16> {
        let is_there = |reg: &Reg| reg.val == Val::Moved(from) || reg.val == Val::Alias(from);
        self.regs.iter().position(is_there).map(|r| r as u16)
    }
}
