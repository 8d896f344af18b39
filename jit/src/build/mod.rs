//! From bytecode and feedback to IR, in one forward pass per attempt.
//!
//! The pass interprets the bytecode abstractly: a [`state::State`] says for each register whether
//! its value is in a node or in its home slot, and what is known of it. Blocks are built in an
//! order in which all forward predecessors come first. At a loop header the types of the entry
//! are assumed for the back edges too; where a back edge disagrees, the register is noted in
//! [`Widened`] and the function is built again.
//! Start reading at [`build`], then [`builder`].

mod arith;
mod arrays;
mod bodies;
mod bounds;
mod builder;
mod calls;
mod captured;
mod catch;
mod chains;
mod control;
mod decode;
mod dicts;
mod direct;
mod elements;
pub mod feedback;
mod fields;
mod flow;
mod generators;
mod inline;
mod insn;
mod intrinsics;
mod iterate;
mod merge;
mod numbers;
mod operators;
mod places;
mod receivers;
mod regs;
mod state;
mod texts;
mod values;
mod variants;

use ruff_runtime::objects::function::{FunctionCode, LoadedProto};
use ruff_runtime::semantics::BinOp;
use ruff_runtime::value::{Tag, Value};

use crate::bailout::Bailout;
use crate::bodies::BodySpec;
use crate::build::feedback::Feedback;
use crate::chains::ChainBody;
use crate::code::CellAddress;
use crate::ir::{Func, Ty};

pub use builder::Widened;
pub use flow::Flow;

/// Where compiled code is entered.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryKind {
    /// By a call between compiled functions; no frame record exists. Parameters that are
    /// `None` are in their home slots.
    Typed(Vec<Option<Ty>>),
    /// By the interpreter at the start (`pc` 0) or at a loop header; the frame record is on top.
    /// The tags are those of the registers at the time of compilation.
    Framed { pc: u32, tags: Vec<Tag> },
    /// By a request to a generator that goes on at `pc`; the tags are those of its registers.
    Resumed { pc: u32, tags: Vec<Tag> },
}

/// Finds what a chain of lazy stages does; see [`Request::chains`].
pub type ChainsOf<'a> = dyn Fn((&LoadedProto, u32), &str, u8) -> Option<*const ChainBody> + 'a;

/// What to compile, and what may be assumed.
pub struct Request<'a> {
    pub code: &'a FunctionCode,
    pub entry: EntryKind,
    pub feedback: &'a Feedback,
    /// The typed entry of a callee, if there is one.
    pub callees: &'a dyn Fn(*const FunctionCode) -> Option<CalleeInfo>,
    /// The feedback of another function, to inline it; it lives as long as the compiler.
    pub feedback_of: &'a dyn Fn(*const FunctionCode) -> *const Feedback,
    /// The methods that a name was seen to select, by shape.
    pub methods: &'a dyn Fn(&Value) -> Vec<(u32, *const FunctionCode)>,
    /// The name of the method that overloads an operator, if it was called.
    pub operators: &'a dyn Fn(BinOp) -> Option<Value>,
    /// The slots of the field of a name, by shape.
    pub fields: &'a dyn Fn(&str) -> Vec<(u32, u16)>,
    /// What a native does, as bytecode.
    pub bodies: &'a dyn Fn(&BodySpec) -> Option<*const FunctionCode>,
    /// What the method of a name, with so many arguments, does with the chain of lazy stages that
    /// it has always ended at an instruction; it lives as long as the compiler.
    pub chains: &'a ChainsOf<'a>,
    /// Compile instructions that have not run instead of leaving at them.
    pub is_eager: bool,
}

/// The typed entry of a function, as callers see it.
#[derive(Clone, Debug)]
pub struct CalleeInfo {
    pub cell: CellAddress,
    pub params: Vec<Option<Ty>>,
}

/// How often types at loop headers may be widened before the function is given up.
const MAX_ATTEMPTS: usize = 40;

/// Largest function that is compiled, in instructions.
const MAX_INSTRUCTIONS: usize = 4_000;
/// Largest window of a function that is compiled.
const MAX_REGISTERS: u16 = 250;

/// Builds the IR of a function.
///
/// # Errors
/// The reason why the function is left to the interpreter.
pub fn build(request: &Request<'_>) -> Result<Func, Bailout> {
    let Some(loaded) = &request.code.proto else { return Err(Bailout::NoBytecode) };
    let proto = &*loaded.proto;
    let is_resumed = matches!(request.entry, EntryKind::Resumed { .. });
    if proto.info.is_generator != is_resumed || proto.info.is_async {
        return Err(Bailout::Suspends);
    }
    if proto.code.len() > MAX_INSTRUCTIONS || proto.n_registers > MAX_REGISTERS {
        return Err(Bailout::TooLarge);
    }
    let flow = Flow::new(proto, 0);
    let flows = inline::Flows::default();
    let mut widened = Widened::default();
    for _ in 0..MAX_ATTEMPTS {
        let (func, is_stable) = builder::attempt(request, loaded, (&flow, &flows), &mut widened);
        if is_stable {
            return Ok(func);
        }
    }
    Err(Bailout::Unstable)
}
