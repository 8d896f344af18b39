//! Chains of lazy stages, for compiled code that does the work of what ends them.
//!
//! The interpreter pulls items through the stages of an iterator object one by one. Where a
//! method ends a chain that nobody else can see, compiled code instead takes the object apart
//! and goes through the items in a loop with the stages in it. Here is what was seen at each
//! such call, and the taking apart.

use std::collections::HashMap;

use super::Vm;
use crate::bytecode::operand::Instr;
use crate::objects::array::ElemKind;
use crate::objects::function::FunctionCode;
use crate::objects::iterator::{IteratorBody, IteratorState, Source, Stage};
use crate::semantics::stages;
use crate::value::{Value, View};

/// One stage of a chain; functions are known by their code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StageShape {
    Map(*const FunctionCode),
    Filter(*const FunctionCode),
    Take,
    Skip,
    TakeWhile(*const FunctionCode),
    SkipWhile(*const FunctionCode),
    StepBy,
}

impl StageShape {
    /// The registers that a stage takes when it is taken apart.
    pub fn n_registers(self) -> u16 {
        match self {
            StageShape::Map(_) | StageShape::Filter(_) | StageShape::TakeWhile(_) => 1,
            StageShape::Take | StageShape::Skip => 1,
            // With whether it has begun; with the items to wait for.
            StageShape::SkipWhile(_) | StageShape::StepBy => 2,
        }
    }

    /// The function that it calls.
    pub fn code(self) -> Option<*const FunctionCode> {
        match self {
            StageShape::Map(code) | StageShape::Filter(code) => Some(code),
            StageShape::TakeWhile(code) | StageShape::SkipWhile(code) => Some(code),
            StageShape::Take | StageShape::Skip | StageShape::StepBy => None,
        }
    }
}

/// A chain over an array from its start on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ChainShape {
    pub kind: ElemKind,
    pub stages: Vec<StageShape>,
    /// The function that the method which ends the chain gets as its last argument.
    pub callback: Option<*const FunctionCode>,
}

impl ChainShape {
    /// The registers that all stages take.
    pub fn n_registers(&self) -> u16 {
        self.stages.iter().map(|stage| stage.n_registers()).sum()
    }
}

/// What was seen at calls, by the address of the instruction; `None` if it varies.
pub(super) type Chains = HashMap<*const Instr, Option<ChainShape>>;

fn code_of(function: &Value) -> Option<*const FunctionCode> {
    match function.view() {
        View::Function(function) => Some(function.code_ptr()),
        _ => None,
    }
}

fn shape_of_stage(stage: &Stage) -> Option<StageShape> {
    Some(match stage {
        Stage::Map(func) => StageShape::Map(code_of(func)?),
        Stage::Filter(func) => StageShape::Filter(code_of(func)?),
        Stage::Take { .. } => StageShape::Take,
        Stage::Skip { .. } => StageShape::Skip,
        Stage::TakeWhile { func, has_ended: false } => StageShape::TakeWhile(code_of(func)?),
        Stage::SkipWhile { func, has_begun: false } => StageShape::SkipWhile(code_of(func)?),
        Stage::StepBy { .. } => StageShape::StepBy,
        Stage::TakeWhile { .. } | Stage::SkipWhile { .. } => return None,
        Stage::Zip { .. } | Stage::Enumerate { .. } => return None,
        Stage::Chain { .. } | Stage::FlatMap { .. } => return None,
    })
}

/// Kind and stages of a chain, and the length of its source.
fn shape_of(state: &mut IteratorState) -> Option<(ElemKind, Vec<StageShape>, usize)> {
    if state.is_running {
        return None;
    }
    stages::absorb_source(state);
    let Source::Collection { value, at: 0 } = &state.source else { return None };
    let View::Array(array) = value.view() else { return None };
    let stages: Option<Vec<_>> = state.stages.iter().map(shape_of_stage).collect();
    Some((array.kind(), stages?, array.len()))
}

impl Vm {
    /// Notes the chain that a method call at an instruction ends; the number of its items at
    /// most.
    pub(super) fn note_chain(&mut self, site: *const Instr, args: &[Value]) -> usize {
        let [receiver, rest @ ..] = args else { return 0 };
        let View::Iterator(body) = receiver.view() else { return 0 };
        let Ok(mut state) = body.state.try_borrow_mut() else { return 0 };
        let found = shape_of(&mut state);
        let n = found.as_ref().map_or(0, |(_, _, n)| *n);
        if matches!(found, Some((ElemKind::Empty, ..))) {
            return n;
        }
        let callback = rest.last().and_then(code_of);
        let shape = found.map(|(kind, stages, _)| ChainShape { kind, stages, callback });
        let known = self.chains.entry(site).or_insert_with(|| shape.clone());
        if *known != shape {
            *known = None;
        }
        n
    }

    /// The chain that a method call at an instruction has always ended.
    pub fn chain_at(&self, site: *const Instr) -> Option<&ChainShape> {
        self.chains.get(&site)?.as_ref()
    }

    /// For compiled code: takes the iterator in `slot` apart if it has this shape and no other
    /// owner. The source goes to the slot, what the stages need to the registers at `into`. What
    /// follows counts as called from a native until [`Vm::leave_chain`]. False if nothing was
    /// done.
    ///
    /// # Safety
    /// `slot` must be a register, and so must be those at `into`, which are empty.
    pub unsafe fn open_chain(
        &mut self,
        slot: *mut Value,
        shape: &ChainShape,
        into: *mut Value,
    ) -> bool {
        // SAFETY: the caller's promise.
        let iterator = unsafe { &mut *slot };
        let Some(body) = iterator.unique_mut::<IteratorBody>() else { return false };
        let state = body.state.get_mut();
        let Some((kind, stages, _)) = shape_of(state) else { return false };
        if kind != shape.kind || stages != shape.stages || !self.enter_body() {
            return false;
        }
        if !stages::enter() {
            self.leave_body();
            return false;
        }
        let mut at = into;
        let mut put = |value: Value| {
            // SAFETY: the shape says how many registers there are.
            unsafe {
                *at = value;
                at = at.add(1);
            }
        };
        for stage in state.stages.drain(..) {
            match stage {
                Stage::Map(func) | Stage::Filter(func) => put(func),
                Stage::TakeWhile { func, .. } => put(func),
                Stage::SkipWhile { func, .. } => {
                    put(func);
                    put(Value::bool(false));
                }
                Stage::Take { left } | Stage::Skip { left } => put(Value::int(left as i64)),
                Stage::StepBy { step, wait } => {
                    put(Value::int(step as i64));
                    put(Value::int(wait as i64));
                }
                Stage::Zip { .. } | Stage::Enumerate { .. } => {}
                Stage::Chain { .. } | Stage::FlatMap { .. } => {}
            }
        }
        let source = std::mem::replace(&mut state.source, Source::Exhausted);
        if let Source::Collection { value, .. } = source {
            *iterator = value;
        }
        true
    }

    /// Ends what [`Vm::open_chain`] began; popping a frame with `flags::CHAIN` does that too.
    pub fn leave_chain(&mut self) {
        stages::leave();
        self.leave_body();
    }
}
