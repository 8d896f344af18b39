//! Ints that a loop calculates with are checked to be small, and not negative, before the loop.
//!
//! The range pass ([`crate::passes`]) then shows most sums and products in the loop to fit, and
//! drops their overflow checks, as it drops those of the checks here that are no news to it. A
//! loop with other ints goes on without.

use ruff_runtime::bytecode::Const;

use super::builder::Builder;
use super::feedback::Site;
use super::flow::{Loop, RegSet};
use super::insn::{Arith, Insn, Operand};
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Op, Ty};

/// The largest small int: the product of two sums of two of them fits.
const SMALL: i64 = 1 << 30;

impl Builder<'_> {
    /// Checks that the ints that a loop calculates with, but does not change, are small, and what
    /// it counts up to.
    pub(super) fn bound_ints(&mut self, header: u32, range: Loop, written: &RegSet) {
        if !self.feedback.may_bound(header) {
            return;
        }
        let used = self.calculated_with(range);
        let mut bounded = RegSet::new(self.n_regs().into());
        for r in (0..self.n_regs()).filter(|&r| used.has(r) && !written.has(r)) {
            bounded.add(r);
        }
        for pc in range.header..=range.last {
            match self.flow.insns[pc as usize] {
                Insn::RangeStep { dst, base, .. } if used.has(dst) => {
                    bounded.add(base);
                    bounded.add(base + 1);
                }
                Insn::JumpCompare { lhs, rhs, .. } => {
                    let [lhs, rhs] = [lhs, rhs].map(register);
                    let counts = |r: &u16| used.has(*r) && self.is_counter(range, *r);
                    if lhs.as_ref().is_some_and(counts) || rhs.as_ref().is_some_and(counts) {
                        lhs.into_iter().chain(rhs).for_each(|r| bounded.add(r));
                    }
                }
                _ => {}
            }
        }
        for r in 0..self.n_regs() {
            if bounded.has(r) && self.is_live(header, r) {
                self.bound_int(r);
            }
        }
    }

    /// Leaves unless the int in a register is small and not negative.
    fn bound_int(&mut self, r: u16) {
        let Some((node, Ty::Int)) = self.state.get(r).node() else { return };
        if self.as_const(node).is_some() {
            return;
        }
        for (cond, limit) in [(Cond::Le, SMALL), (Cond::Ge, 0)] {
            let limit = self.int(limit);
            let is_small = self.add(Op::ICmp(cond, node, limit), Ty::Bool);
            self.guard(is_small, ExitReason::LargeInt);
        }
    }

    /// The registers that the loop does int arithmetic with or passes on.
    fn calculated_with(&self, range: Loop) -> RegSet {
        let mut used = RegSet::new(self.n_regs().into());
        for pc in range.header..=range.last {
            match self.flow.insns[pc as usize] {
                Insn::Arith { op: Arith::Add | Arith::Sub | Arith::Mul, lhs, rhs, .. } => {
                    let site = Site::of(self.proto, pc);
                    let is_other = [site.lhs(), site.rhs()].contains(&Some(Ty::Float));
                    if !is_other {
                        [lhs, rhs].into_iter().filter_map(register).for_each(|r| used.add(r));
                    }
                }
                Insn::Mov { src, .. } => used.add(src.reg),
                _ => {}
            }
        }
        used
    }

    /// Whether all that a loop does to a register is to count it up or down.
    fn is_counter(&self, range: Loop, r: u16) -> bool {
        (range.header..=range.last).all(|pc| {
            let counts = match self.flow.insns[pc as usize] {
                Insn::Arith { op: Arith::Add | Arith::Sub, dst, lhs, rhs: Operand::Const(by) } => {
                    let is_int = matches!(self.proto.consts[by as usize], Const::Int(_));
                    dst == r && register(lhs) == Some(r) && is_int
                }
                _ => false,
            };
            counts || !self.flow.regs[pc as usize].writes.contains(&r)
        })
    }
}

fn register(operand: Operand) -> Option<u16> {
    match operand {
        Operand::Reg(r) => Some(r.reg),
        Operand::Const(_) => None,
    }
}
