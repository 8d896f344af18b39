//! Arithmetic, comparison and truth of numbers and bools.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::mutant;

use super::builder::Builder;
use super::feedback::Site;
use super::insn::{Arith, Operand};
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, FloatFn, FloatOp, IntOp, NodeId, Op, Ty};

/// Ints up to this magnitude are floats without loss.
const EXACT: i64 = 1 << 53;

impl Builder<'_> {
    pub(super) fn arith(&mut self, op: Arith, dst: u16, lhs: Operand, rhs: Operand) {
        let site = Site::of(self.proto, self.pc);
        if op == Arith::Add && self.are_texts(lhs, rhs) {
            return self.text_add(dst, lhs, rhs);
        }
        if self.operator_call(op, dst, lhs, rhs) {
            return;
        }
        let Some((left, right)) = self.guess_both(lhs, rhs, site) else { return self.step() };
        let result = match (left, right) {
            (Ty::Int, Ty::Int) => {
                let (a, b) = (self.operand(lhs, Ty::Int), self.operand(rhs, Ty::Int));
                (self.int_arith(op, a, b), Ty::Int)
            }
            (Ty::Int | Ty::Float, Ty::Int | Ty::Float) => {
                if op == Arith::Rem {
                    return self.step();
                }
                let (a, b) = (self.operand(lhs, left), self.operand(rhs, right));
                (self.float_arith(op, a, b), Ty::Float)
            }
            _ => return self.step(),
        };
        self.give_up_operands(lhs, rhs);
        self.define(dst, result.0, result.1);
    }

    /// The types that two operands are taken to have; one register has one type, whatever the
    /// profile says.
    fn guess_both(&self, lhs: Operand, rhs: Operand, site: Site) -> Option<(Ty, Ty)> {
        let left = self.guess(lhs, site.lhs())?;
        let right = match (lhs, rhs) {
            (Operand::Reg(a), Operand::Reg(b)) if a.reg == b.reg => left,
            _ => self.guess(rhs, site.rhs())?,
        };
        Some((left, right))
    }

    pub(super) fn give_up_operands(&mut self, lhs: Operand, rhs: Operand) {
        for operand in [lhs, rhs] {
            if let Operand::Reg(r) = operand {
                self.done_with(r);
            }
        }
    }

    /// Checked arithmetic on int nodes.
    pub(super) fn int_arith(&mut self, op: Arith, a: NodeId, b: NodeId) -> NodeId {
        let checked = match op {
            Arith::Add => IntOp::Add,
            Arith::Sub => IntOp::Sub,
            Arith::Mul => IntOp::Mul,
            Arith::Div => return self.divide(IntOp::Div, a, b),
            Arith::Rem => return self.divide(IntOp::Rem, a, b),
        };
        let exit = self.exit(ExitReason::IntOverflow);
        self.add(Op::Checked(checked, a, b, exit), Ty::Int)
    }

    fn divide(&mut self, op: IntOp, a: NodeId, b: NodeId) -> NodeId {
        let is_safe = self.as_const(b).is_some_and(|b| b != 0 && b != u64::MAX);
        if !is_safe {
            // 0 and -1 become 1 and 0: one unsigned comparison.
            let one = self.word(1);
            let by = self.word(u64::from(!mutant!("minus-one-divisor")));
            let above = self.add(Op::Int(IntOp::Add, b, by), Ty::Word);
            let is_fine = self.add(Op::Below(one, above), Ty::Bool);
            self.guard(is_fine, ExitReason::Divisor);
        }
        self.add(Op::Int(op, a, b), Ty::Int)
    }

    /// Arithmetic on nodes of which at least one is a float.
    pub(super) fn float_arith(&mut self, op: Arith, a: NodeId, b: NodeId) -> NodeId {
        let op = match op {
            Arith::Add => FloatOp::Add,
            Arith::Sub => FloatOp::Sub,
            Arith::Mul => FloatOp::Mul,
            Arith::Div | Arith::Rem => FloatOp::Div,
        };
        let (a, b) = (self.as_float(a), self.as_float(b));
        if op == FloatOp::Div && !self.as_const(b).is_some_and(|b| f64::from_bits(b) != 0.0) {
            let zero = self.constant(0, Ty::Float);
            let is_fine = self.add(Op::FCmp(Cond::Ne, b, zero), Ty::Bool);
            self.guard(is_fine, ExitReason::Divisor);
        }
        self.add(Op::Float(op, a, b), Ty::Float)
    }

    pub(super) fn as_float(&mut self, node: NodeId) -> NodeId {
        match (self.func.ty(node), self.as_const(node)) {
            (Ty::Int, Some(bits)) => self.constant((bits as i64 as f64).to_bits(), Ty::Float),
            (Ty::Int, None) => self.add(Op::ToFloat(node), Ty::Float),
            _ => node,
        }
    }

    pub(super) fn neg(&mut self, dst: u16, src: Use) {
        let site = Site::of(self.proto, self.pc);
        let node = match self.guess_reg(src.reg, site.lhs()) {
            Some(Ty::Int) => {
                let value = self.want(src.reg, Ty::Int);
                let zero = self.int(0);
                let exit = self.exit(ExitReason::IntOverflow);
                self.add(Op::Checked(IntOp::Sub, zero, value, exit), Ty::Int)
            }
            Some(Ty::Float) => {
                let value = self.want(src.reg, Ty::Float);
                self.add(Op::FloatFn(FloatFn::Neg, value), Ty::Float)
            }
            _ => return self.step(),
        };
        self.done_with(src);
        self.define(dst, node, self.func.ty(node));
    }

    /// R[dst] = truth of R[src], or its negation.
    pub(super) fn truth(&mut self, dst: u16, src: Use, sense: bool) {
        let site = Site::of(self.proto, self.pc);
        let Some(ty) = self.guess_reg(src.reg, site.lhs()) else { return self.step() };
        let value = self.want(src.reg, ty);
        let truth = self.truth_of(value);
        let node = if sense { truth } else { self.add(Op::Not(truth), Ty::Bool) };
        self.done_with(src);
        self.define(dst, node, Ty::Bool);
    }

    /// Truthiness of a typed node.
    pub(super) fn truth_of(&mut self, value: NodeId) -> NodeId {
        match self.func.ty(value) {
            Ty::Int => {
                let zero = self.int(0);
                self.add(Op::ICmp(Cond::Ne, value, zero), Ty::Bool)
            }
            Ty::Float => {
                let zero = self.constant(0, Ty::Float);
                self.add(Op::FCmp(Cond::Ne, value, zero), Ty::Bool)
            }
            // Only the empty string is false.
            Ty::Char => self.constant(1, Ty::Bool),
            Ty::Bool | Ty::Word | Ty::None => value,
        }
    }

    pub(super) fn compare_to(&mut self, cond: Cond, dst: u16, lhs: Operand, rhs: Operand) {
        let Some(node) = self.comparison(cond, lhs, rhs) else { return self.step() };
        self.give_up_operands(lhs, rhs);
        self.define(dst, node, Ty::Bool);
    }

    /// The comparison as a bool node, if the operands' types have one.
    pub(super) fn comparison(&mut self, cond: Cond, lhs: Operand, rhs: Operand) -> Option<NodeId> {
        if let Some(node) = self.null_comparison(cond, lhs, rhs) {
            return Some(node);
        }
        let site = Site::of(self.proto, self.pc);
        if self.are_texts(lhs, rhs) {
            return self.text_comparison(cond, lhs, rhs);
        }
        let (left, right) = self.guess_both(lhs, rhs, site)?;
        let is_equality = matches!(cond, Cond::Eq | Cond::Ne);
        match (left, right) {
            (Ty::Int, Ty::Int) => {}
            (Ty::Bool, Ty::Bool) if is_equality => {}
            (Ty::Float, Ty::Float) => {}
            (Ty::Float, Ty::Int) if self.is_exact(rhs) => {}
            (Ty::Int, Ty::Float) if self.is_exact(lhs) => {}
            _ => return None,
        }
        let (a, b) = (self.operand(lhs, left), self.operand(rhs, right));
        if left == Ty::Float || right == Ty::Float {
            let (a, b) = (self.as_float(a), self.as_float(b));
            return Some(self.add(Op::FCmp(cond, a, b), Ty::Bool));
        }
        Some(self.add(Op::ICmp(cond, a, b), Ty::Bool))
    }

    /// Whether the operand is an int constant that is a float without loss.
    fn is_exact(&self, operand: Operand) -> bool {
        let bits = match operand {
            Operand::Reg(r) => {
                self.state.get(r.reg).node().and_then(|(node, _)| self.as_const(node))
            }
            Operand::Const(index) => match self.proto.consts[index as usize] {
                ruff_runtime::bytecode::Const::Int(v) => Some(v as u64),
                _ => None,
            },
        };
        bits.is_some_and(|bits| (bits as i64).unsigned_abs() <= EXACT as u64)
            || mutant!("inexact-comparison")
    }
}
