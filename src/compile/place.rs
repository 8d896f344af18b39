//! Places: a root variable and steps, as receivers and as targets of assignments.
//!
//! Index expressions are evaluated into registers once; a place's description refers to them.

use std::sync::Arc;

use ruff_runtime::bytecode::operand::Root;
use ruff_runtime::bytecode::{PlaceDesc, PlaceStepDesc, PlaceStepKind};

use crate::resolve::VarId;
use crate::syntax::ast::{Expr, ExprKind, Ident, Step};

use super::function::{Builder, Val, Want};

/// The variable at the root of a place: a `Name` or `SelfRef` expression below fields and
/// indexes; `None` if the expression is no place.
pub(super) fn root_of(expr: &Expr) -> Option<&Expr> {
    let mut place = expr;
    loop {
        match &place.kind {
            ExprKind::Field { object, null_safe: false, .. } | ExprKind::Index { object, .. } => {
                place = object;
            }
            ExprKind::Name(_) | ExprKind::SelfRef => return Some(place),
            _ => return None,
        }
    }
}

/// A step whose index, if any, is in a register.
#[derive(Clone)]
pub(super) enum ReadyStep {
    Field { name: Arc<str>, offset: u32 },
    Index { reg: u16, offset: u32 },
}

impl ReadyStep {
    /// The position of an error in the step.
    pub(super) fn offset(&self) -> u32 {
        match self {
            ReadyStep::Field { offset, .. } | ReadyStep::Index { offset, .. } => *offset,
        }
    }
}

/// A place whose index expressions have been evaluated.
pub(super) struct ReadyPlace {
    pub var: VarId,
    pub name: Arc<str>,
    pub offset: u32,
    pub steps: Vec<ReadyStep>,
}

/// A step as written.
pub(super) enum RawStep<'a> {
    Field(&'a Ident),
    Index(u32, &'a Expr),
}

/// The steps of a place that is written as an expression.
pub(super) fn steps_of(expr: &Expr) -> Vec<RawStep<'_>> {
    let mut steps = Vec::new();
    let mut place = expr;
    loop {
        match &place.kind {
            ExprKind::Field { object, name, .. } => {
                steps.push(RawStep::Field(name));
                place = object;
            }
            ExprKind::Index { object, open, index } => {
                steps.push(RawStep::Index(open.start, index));
                place = object;
            }
            _ => break,
        }
    }
    steps.reverse();
    steps
}

/// The steps of an assignment's target.
pub(super) fn steps_of_target(steps: &[Step]) -> Vec<RawStep<'_>> {
    steps
        .iter()
        .map(|step| match step {
            Step::Field(name) => RawStep::Field(name),
            Step::Index { open, index } => RawStep::Index(open.start, index),
        })
        .collect()
}

impl<'a> Builder<'a> {
    /// Evaluates the index expressions of a place. `later` is evaluated before the place is used.
    pub(super) fn ready_steps(&mut self, steps: &[RawStep<'a>], later: &[&Expr]) -> Vec<ReadyStep> {
        let mut ready = Vec::with_capacity(steps.len());
        for (i, step) in steps.iter().enumerate() {
            ready.push(match step {
                RawStep::Field(name) => {
                    ReadyStep::Field { name: name.name.clone(), offset: name.span.start }
                }
                RawStep::Index(offset, index) => {
                    let val = self.value(index);
                    let mut after: Vec<&Expr> = later.to_vec();
                    after.extend(steps[i + 1..].iter().filter_map(|step| match step {
                        RawStep::Field(_) => None,
                        RawStep::Index(_, index) => Some(*index),
                    }));
                    let val = self.hold(index, val, &after);
                    ReadyStep::Index { reg: self.reg(&val), offset: *offset }
                }
            });
        }
        ready
    }

    /// The index in the table of places.
    pub(super) fn place_desc(&mut self, name: &Arc<str>, steps: &[ReadyStep]) -> u16 {
        let steps = steps
            .iter()
            .map(|step| match step {
                ReadyStep::Field { name, offset } => {
                    PlaceStepDesc { kind: PlaceStepKind::Field(name.clone()), offset: *offset }
                }
                ReadyStep::Index { reg, offset } => {
                    PlaceStepDesc { kind: PlaceStepKind::Index(*reg), offset: *offset }
                }
            })
            .collect();
        self.code.place(PlaceDesc { steps, root_name: name.clone() })
    }

    /// Reads the value at a place.
    pub(super) fn load_place(&mut self, place: &ReadyPlace, want: Want) -> Val {
        let Some(last) = place.steps.len().checked_sub(1) else {
            return self.read(place.var, place.offset, want);
        };
        if last > 1 {
            self.check(place.var, place.offset);
            let root = self.root(place.var);
            let desc = self.place_desc(&place.name, &place.steps);
            let dst = self.target(want);
            self.code.at(place.steps[last].offset());
            self.code.load_place(dst, root, desc);
            return Val::Temp(dst);
        }
        let base = self.top();
        let mut val = self.read(place.var, place.offset, Want::Any);
        for (i, step) in place.steps.iter().enumerate() {
            let object = self.reg(&val);
            self.free_to(base);
            let dst = if i == last { self.target(want) } else { self.alloc() };
            self.code.at(step.offset());
            match step {
                ReadyStep::Field { name, .. } => {
                    let name = self.code.name(name);
                    self.code.get_field(dst, object, name);
                }
                ReadyStep::Index { reg, .. } => {
                    self.code.get_index(dst, object, *reg);
                }
            }
            val = Val::Temp(dst);
        }
        val
    }

    /// Stores a value at a place that has steps.
    pub(super) fn store_place(&mut self, place: &ReadyPlace, val: &Val) {
        let src = self.reg(val);
        let root = self.checked_root(place);
        match place.steps.as_slice() {
            [ReadyStep::Field { name, offset }] => {
                let name = self.code.name(name);
                self.code.at(*offset);
                self.code.set_field(root, name, src);
            }
            [ReadyStep::Index { reg, offset }] => {
                self.code.at(*offset);
                self.code.set_index(root, *reg, src);
            }
            steps => {
                let offset = steps.last().map_or(place.offset, ReadyStep::offset);
                let desc = self.place_desc(&place.name, steps);
                self.code.at(offset);
                self.code.store_place(root, desc, src);
            }
        }
    }

    /// The place's root; a variable that may be unassigned is checked.
    pub(super) fn checked_root(&mut self, place: &ReadyPlace) -> Root {
        self.check(place.var, place.offset);
        self.root(place.var)
    }
}
