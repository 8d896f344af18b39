//! Chains of lazy stages, for compiled code that does the work of what ends them.
//!
//! The interpreter pulls items through the stages of an iterator object one by one. Where a
//! method ends a chain that nobody else can see, compiled code instead takes the object apart
//! and goes through the items in a loop with the stages in it. Here is what was seen at each
//! such call, and the taking apart.

use std::collections::HashMap;

use super::Vm;
use super::stack::{flags, loaded};
use super::tiering::{Threshold, VmOptions};
use crate::bytecode::operand::{Instr, Op};
use crate::objects::array::ElemKind;
use crate::objects::function::{FunctionCode, LoadedProto};
use crate::objects::iterator::{IteratorBody, IteratorState, Source, Stage};
use crate::semantics::iterate::range_len;
use crate::semantics::stages;
use crate::value::{Tag, Value, View};

/// Where the items of a chain, or those that a stage takes in, come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SourceShape {
    /// An array from its start on.
    Array(ElemKind),
    /// A range with this step.
    Range(i64),
    Generator,
    /// A string, bytes, set, queue or stack from its start on, by its tag.
    Collection(u8),
}

impl SourceShape {
    /// Value and position; first value, end and step.
    pub fn n_registers(self) -> u16 {
        if matches!(self, SourceShape::Range(_)) { 3 } else { 2 }
    }

    /// Whether code for this source does for another one: an empty array is of any kind.
    fn does_for(self, other: SourceShape) -> bool {
        let is_array = matches!(self, SourceShape::Array(_));
        self == other || is_array && other == SourceShape::Array(ElemKind::Empty)
    }
}

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
    Enumerate,
    Zip(SourceShape),
    Chain(SourceShape),
    FlatMap(*const FunctionCode),
}

impl StageShape {
    /// The registers that a stage takes when it is taken apart.
    pub fn n_registers(self) -> u16 {
        match self {
            StageShape::Map(_) | StageShape::Filter(_) | StageShape::TakeWhile(_) => 1,
            StageShape::Take | StageShape::Skip | StageShape::Enumerate => 1,
            // With whether it has begun; with the items to wait for.
            StageShape::SkipWhile(_) | StageShape::StepBy => 2,
            StageShape::Zip(source) | StageShape::Chain(source) => source.n_registers(),
            // With the iteration over what it has given.
            StageShape::FlatMap(_) => 3,
        }
    }

    /// The function that it calls.
    pub fn code(self) -> Option<*const FunctionCode> {
        match self {
            StageShape::Map(code) | StageShape::Filter(code) => Some(code),
            StageShape::TakeWhile(code) | StageShape::SkipWhile(code) => Some(code),
            StageShape::FlatMap(code) => Some(code),
            StageShape::Take | StageShape::Skip | StageShape::StepBy => None,
            StageShape::Enumerate | StageShape::Zip(_) | StageShape::Chain(_) => None,
        }
    }

    fn does_for(self, other: StageShape) -> bool {
        match (self, other) {
            (StageShape::Zip(own), StageShape::Zip(other)) => own.does_for(other),
            (StageShape::Chain(own), StageShape::Chain(other)) => own.does_for(other),
            _ => self == other,
        }
    }
}

/// A chain that has not begun.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ChainShape {
    pub source: SourceShape,
    pub stages: Vec<StageShape>,
    /// The function that the method which ends the chain gets as its last argument.
    pub callback: Option<*const FunctionCode>,
}

impl ChainShape {
    /// The registers that source and stages take.
    pub fn n_registers(&self) -> u16 {
        let of_stages: u16 = self.stages.iter().map(|stage| stage.n_registers()).sum();
        self.source.n_registers() + of_stages
    }

    /// Whether items come from a generator.
    pub fn has_generator(&self) -> bool {
        let takes_in = |stage: &StageShape| match stage {
            StageShape::Zip(source) | StageShape::Chain(source) => {
                *source == SourceShape::Generator
            }
            _ => false,
        };
        self.source == SourceShape::Generator || self.stages.iter().any(takes_in)
    }

    /// Whether code for this chain does for another one.
    fn does_for(&self, source: SourceShape, stages: &[StageShape]) -> bool {
        let mut pairs = self.stages.iter().zip(stages);
        self.source.does_for(source)
            && self.stages.len() == stages.len()
            && pairs.all(|(own, other)| own.does_for(*other))
    }
}

/// What was seen at calls, by the address of the instruction; `None` if it varies.
pub(super) type Chains = HashMap<*const Instr, Option<ChainShape>>;

/// Items of a source of unknown length, for the heat of a chain over it.
const UNKNOWN_LEN: usize = 1000;
/// Items from which on the interpreter runs the bytecode of a chain, whose loop can be compiled.
const LONG: usize = 500;
/// The largest first number of a stage that counts items, and the longest step of a range: sums
/// with the number of items do not overflow.
const MAX_START: i64 = 1 << 40;

fn code_of(function: &Value) -> Option<*const FunctionCode> {
    match function.view() {
        View::Function(function) => Some(function.code_ptr()),
        _ => None,
    }
}

/// Source and number of items.
fn shape_of_source(source: &Source) -> Option<(SourceShape, usize)> {
    Some(match source {
        Source::Collection { value, at: 0 } => match value.view() {
            View::Array(array) => (SourceShape::Array(array.kind()), array.len()),
            View::Str(text) => (SourceShape::Collection(value.tag() as u8), text.as_str().len()),
            View::Bytes(bytes) => (SourceShape::Collection(value.tag() as u8), bytes.0.len()),
            View::Set(_) | View::Queue(_) | View::Stack(_) => {
                (SourceShape::Collection(value.tag() as u8), UNKNOWN_LEN)
            }
            _ => return None,
        },
        Source::Range { at, stop, step } => {
            if step.abs() > MAX_START || at.abs() > MAX_START || stop.abs() > MAX_START {
                return None;
            }
            (SourceShape::Range(*step), range_len(*at, *stop, *step) as usize)
        }
        Source::Iterator(value) if value.tag() == Tag::Generator => {
            (SourceShape::Generator, UNKNOWN_LEN)
        }
        Source::Collection { .. } | Source::Iterator(_) => return None,
        Source::Exhausted | Source::Foreign => return None,
    })
}

/// The source of an iterator that a stage owns.
fn shape_of_other(other: &mut Value) -> Option<SourceShape> {
    if other.tag() == Tag::Generator {
        return Some(SourceShape::Generator);
    }
    let state = other.unique_mut::<IteratorBody>()?.state.get_mut();
    stages::absorb_source(state);
    let is_plain = !state.is_running && state.stages.is_empty();
    shape_of_source(&state.source).filter(|_| is_plain).map(|(source, _)| source)
}

fn shape_of_stage(stage: &mut Stage) -> Option<StageShape> {
    Some(match stage {
        Stage::Map(func) => StageShape::Map(code_of(func)?),
        Stage::Filter(func) => StageShape::Filter(code_of(func)?),
        Stage::Take { .. } => StageShape::Take,
        Stage::Skip { .. } => StageShape::Skip,
        Stage::TakeWhile { func, has_ended: false } => StageShape::TakeWhile(code_of(func)?),
        Stage::SkipWhile { func, has_begun: false } => StageShape::SkipWhile(code_of(func)?),
        Stage::StepBy { .. } => StageShape::StepBy,
        Stage::Zip { other } => StageShape::Zip(shape_of_other(other)?),
        Stage::Enumerate { next } if next.abs() <= MAX_START => StageShape::Enumerate,
        Stage::Chain { other, is_on_other: false } => StageShape::Chain(shape_of_other(other)?),
        Stage::FlatMap { func, inner: None } => StageShape::FlatMap(code_of(func)?),
        Stage::TakeWhile { .. } | Stage::SkipWhile { .. } => return None,
        Stage::Enumerate { .. } | Stage::Chain { .. } | Stage::FlatMap { .. } => return None,
    })
}

/// Source and stages of a chain, and the number of items of its source.
fn shape_of(state: &mut IteratorState) -> Option<(SourceShape, Vec<StageShape>, usize)> {
    if state.is_running {
        return None;
    }
    stages::absorb_source(state);
    let (source, n) = shape_of_source(&state.source)?;
    let stages: Option<Vec<_>> = state.stages.iter_mut().map(shape_of_stage).collect();
    Some((source, stages?, n))
}

/// Puts the values of a source into registers.
fn put_source(source: Source, put: &mut impl FnMut(Value)) {
    match source {
        Source::Collection { value, .. } | Source::Iterator(value) => {
            put(value);
            put(Value::NULL);
        }
        Source::Range { at, stop, step } => {
            put(Value::int(at));
            put(Value::int(stop));
            put(Value::int(step));
        }
        Source::Exhausted | Source::Foreign => {}
    }
}

/// Puts the values of what a stage takes in into registers.
fn put_other(mut other: Value, put: &mut impl FnMut(Value)) {
    match other.unique_mut::<IteratorBody>() {
        Some(body) => {
            let state = body.state.get_mut();
            put_source(std::mem::replace(&mut state.source, Source::Exhausted), put);
        }
        None => put_source(Source::Iterator(other), put),
    }
}

fn put_stage(stage: Stage, put: &mut impl FnMut(Value)) {
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
        Stage::Enumerate { next } => put(Value::int(next)),
        Stage::Zip { other } | Stage::Chain { other, .. } => put_other(other, put),
        Stage::FlatMap { func, .. } => {
            put(func);
            put(Value::NULL);
            put(Value::NULL);
        }
    }
}

/// Lets the loops of a body become hot, which only run here after exits otherwise.
fn warm(loaded: &LoadedProto, options: VmOptions) {
    let (code, profile) = (&loaded.proto.code, &loaded.proto.profile);
    for (at, _) in code.iter().enumerate().filter(|(_, instr)| instr.op() == Op::LoopHeader) {
        if profile.site(at) == u64::from(u32::MAX) {
            profile.set_site(at, options.threshold(code.len()).into());
        }
    }
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
        if matches!(found, Some((SourceShape::Array(ElemKind::Empty), ..))) {
            return n;
        }
        let callback = rest.last().and_then(code_of);
        let shape = found.map(|(source, stages, _)| ChainShape { source, stages, callback });
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
    /// owner. Source and what the stages need go to the registers at `into`. What
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
        let Some((source, stages, _)) = shape_of(state) else { return false };
        if !shape.does_for(source, &stages) || !self.enter_body() {
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
        put_source(std::mem::replace(&mut state.source, Source::Exhausted), &mut put);
        for stage in state.stages.drain(..) {
            put_stage(stage, &mut put);
        }
        *iterator = Value::NULL;
        true
    }

    /// Goes on in the bytecode of the chain that a method call ends, if it is long and there is a
    /// compiler that has bytecode for it. The receiver and `n` arguments are at `window`.
    ///
    /// # Safety
    /// `window` must be in the frame on top, with all behind the arguments free.
    pub(super) unsafe fn enter_chain(
        &mut self,
        site: *const Instr,
        window: *mut Value,
        (name, n): (&str, usize),
        n_items: usize,
    ) -> bool {
        let is_normal = self.options.threshold == Threshold::Normal;
        if n_items < if is_normal { LONG } else { 1 } {
            return false;
        }
        let Some(shape) = self.chain_at(site).cloned() else {
            return false;
        };
        if n > 0 && shape.callback.is_none() {
            return false;
        }
        let Some(mut tier) = self.tier.take() else { return false };
        // SAFETY: there is a frame on top.
        let caller = unsafe { (*self.frame).loaded() };
        let code = tier.chain_body(self, (caller, site), (name, n as u8));
        self.tier = Some(tier);
        let Some(code) = code else { return false };
        // SAFETY: bodies are loaded and live as long as the tier.
        let loaded = unsafe { loaded(code) };
        let end = window.wrapping_add(loaded.call.n_registers as usize);
        let has_records = self.frame.wrapping_add(2) < self.frame_limit;
        if end > self.native.stack_limit || !has_records || self.is_interrupted() {
            return false;
        }
        // SAFETY: the caller's promise; there is room.
        let is_open = unsafe { self.open_chain(window, &shape, window.add(n + 1)) };
        if !is_open {
            return false;
        }
        warm(loaded, self.options);
        // SAFETY: as above; records for the frames of bodies are reserved.
        unsafe { self.push_frame(code, std::ptr::null_mut(), window, flags::BODY | flags::CHAIN) };
        true
    }

    /// Ends what [`Vm::open_chain`] began; popping a frame with `flags::CHAIN` does that too.
    pub fn leave_chain(&mut self) {
        stages::leave();
        self.leave_body();
    }
}
