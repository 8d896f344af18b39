//! What the compiler knows beyond the interpreter's profile: speculations that failed.

use std::cell::RefCell;
use std::collections::HashSet;

use ruff_runtime::bytecode::FunctionProto;
use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::profile::site::{self, types};

use crate::exit_reason::ExitReason;
use crate::ir::Ty;
use crate::poison;

/// Sites of one function at which speculation is given up.
#[derive(Default, Debug)]
pub struct Feedback {
    blocked: RefCell<HashSet<(u32, Blocked)>>,
    /// Parameters whose types vary.
    mixed_params: RefCell<HashSet<usize>>,
}

/// What is no longer tried at a site.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Blocked {
    /// Any typed lowering of the instruction.
    Typed,
    /// A change in line, since what is changed has a second owner; a routine copies it.
    InLine,
    /// Hoisting checks out of the loop.
    Hoist,
    /// Taking the ints of a loop for small.
    Bound,
    /// Leaving because it has not run.
    Unprofiled,
}

impl Feedback {
    /// Notes that an exit was taken too often.
    pub fn block(&self, site: u32, reason: ExitReason) {
        let what = match reason {
            ExitReason::Hoisted => Blocked::Hoist,
            ExitReason::LargeInt => Blocked::Bound,
            ExitReason::NotProfiled => Blocked::Unprofiled,
            ExitReason::Shared => Blocked::InLine,
            ExitReason::WrongType
            | ExitReason::IntOverflow
            | ExitReason::Divisor
            | ExitReason::OutOfBounds
            | ExitReason::WrongElements
            | ExitReason::WrongCallee
            | ExitReason::WrongResult
            | ExitReason::ModuleVariable
            | ExitReason::Declined => Blocked::Typed,
            ExitReason::CallDepth
            | ExitReason::Interrupt
            | ExitReason::LeftLoop
            | ExitReason::Stress
            | ExitReason::Disproved => return,
        };
        self.blocked.borrow_mut().insert((site, what));
    }

    /// Notes that a parameter has no stable type.
    pub fn give_up_param(&self, index: usize) {
        self.mixed_params.borrow_mut().insert(index);
    }

    /// Whether a parameter's type may be taken for stable.
    pub fn may_type_param(&self, index: usize) -> bool {
        !self.mixed_params.borrow().contains(&index)
    }

    /// Whether a typed lowering of the instruction may be tried.
    pub fn may_speculate(&self, pc: u32) -> bool {
        self.may_call_routine(pc) && !self.blocked.borrow().contains(&(pc, Blocked::InLine))
    }

    /// Whether a change of a place may be tried, at least through a routine.
    pub fn may_call_routine(&self, pc: u32) -> bool {
        !self.blocked.borrow().contains(&(pc, Blocked::Typed))
    }

    /// Whether checks may be hoisted out of the loop at `header`.
    pub fn may_hoist(&self, header: u32) -> bool {
        !self.blocked.borrow().contains(&(header, Blocked::Hoist))
    }

    /// Whether the ints of the loop at `header` may be taken for small.
    pub fn may_bound(&self, header: u32) -> bool {
        !self.blocked.borrow().contains(&(header, Blocked::Bound))
    }

    /// Whether an instruction without a profile may be left for the interpreter.
    pub fn may_leave(&self, pc: u32) -> bool {
        !self.blocked.borrow().contains(&(pc, Blocked::Unprofiled))
    }
}

/// The only type in a set, as a representation.
fn single(bits: u64) -> Option<Ty> {
    match bits {
        types::INT => Some(Ty::Int),
        types::FLOAT => Some(Ty::Float),
        types::BOOL => Some(Ty::Bool),
        _ => None,
    }
}

/// A site's bits, read.
#[derive(Clone, Copy)]
pub struct Site(pub u64);

impl Site {
    pub fn of(proto: &FunctionProto, pc: u32) -> Site {
        Site(poison::site(proto, pc))
    }

    /// Whether the instruction has run (in its generic form).
    pub fn has_run(self) -> bool {
        self.0 != 0
    }

    pub fn lhs(self) -> Option<Ty> {
        single(site::types_at(self.0, site::LHS))
    }

    pub fn rhs(self) -> Option<Ty> {
        single(site::types_at(self.0, site::RHS))
    }

    pub fn result(self) -> Option<Ty> {
        single(site::types_at(self.0, site::RESULT))
    }

    /// The kind of the arrays on which a method was called.
    pub fn receiver_kind(self) -> Option<ElemKind> {
        let kinds = self.0 & site::RECEIVER_KINDS;
        let all = [ElemKind::Int, ElemKind::Float, ElemKind::Bool, ElemKind::Value];
        all.into_iter().find(|&kind| kinds == 1 << kind as u64)
    }

    pub fn call_result(self) -> Option<Ty> {
        single(site::types_at(self.0, site::CALL_RESULT))
    }

    /// Whether only values of this set were seen on the left.
    pub fn lhs_is(self, bits: u64) -> bool {
        site::types_at(self.0, site::LHS) == bits
    }

    /// Whether only values of this set were seen on the right.
    pub fn rhs_is(self, bits: u64) -> bool {
        site::types_at(self.0, site::RHS) == bits
    }

    /// Whether an iteration was always over a generator (or a function that makes one).
    pub fn is_over_generator(self) -> bool {
        let is_generator = self.lhs_is(types::OTHER) && self.0 & site::GENERATOR != 0;
        is_generator && self.0 & site::NO_GENERATOR == 0 || self.lhs_is(types::FUNCTION)
    }

    /// The only array kind that was seen, but for empty arrays, if only arrays were.
    pub fn iterated_kind(self) -> Option<ElemKind> {
        Site(self.0 & !(1 << site::KINDS)).array_kind()
    }

    /// The only array kind that was seen, if only arrays were.
    pub fn array_kind(self) -> Option<ElemKind> {
        if site::types_at(self.0, site::LHS) != types::ARRAY {
            return None;
        }
        let kinds = self.0 >> site::KINDS & 0x1f;
        let all = [ElemKind::Int, ElemKind::Float, ElemKind::Bool, ElemKind::Value];
        all.into_iter().find(|&kind| kinds == 1 << kind as u32)
    }

    /// The only function that a native was given, with the kind of the array that came with it.
    pub fn callback(self) -> Option<(usize, ElemKind)> {
        let all = [ElemKind::Int, ElemKind::Float, ElemKind::Bool, ElemKind::Value];
        let kind = all.into_iter().find(|&kind| self.0 & site::ITEMS == kind as u64)?;
        Some((self.callee()? & !(site::ITEMS as usize), kind))
    }

    /// The only function that was called.
    pub fn callee(self) -> Option<usize> {
        let is_single = self.0 & site::MONO != 0 && self.0 & (site::MEGA | site::OTHER) == 0;
        is_single.then_some((self.0 & site::TARGET_MASK) as usize)
    }
}
