//! Checked arithmetic, in the forms that the pinned code generator handles well.
//!
//! It does not fuse a signed overflow flag with a branch, so adding or subtracting a constant is
//! checked by a comparison of the result with the operand.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstBuilder, types};
use ruff_runtime::mutant;

use super::Lowering;
use crate::ir::{Cond, ExitId, FloatFn, FloatOp, IntOp, NodeId, Op};

pub(crate) fn int_cc(cond: Cond) -> IntCC {
    match cond {
        Cond::Eq => IntCC::Equal,
        Cond::Ne => IntCC::NotEqual,
        Cond::Lt if mutant!("less-or-equal") => IntCC::SignedLessThanOrEqual,
        Cond::Lt => IntCC::SignedLessThan,
        Cond::Gt => IntCC::SignedGreaterThan,
        Cond::Le => IntCC::SignedLessThanOrEqual,
        Cond::Ge => IntCC::SignedGreaterThanOrEqual,
    }
}

pub(crate) fn float_cc(cond: Cond) -> FloatCC {
    match cond {
        Cond::Eq => FloatCC::Equal,
        Cond::Ne if mutant!("nan-differs") => FloatCC::OrderedNotEqual,
        Cond::Ne => FloatCC::NotEqual,
        Cond::Lt => FloatCC::LessThan,
        Cond::Gt => FloatCC::GreaterThan,
        Cond::Le => FloatCC::LessThanOrEqual,
        Cond::Ge if mutant!("nan-greater") => FloatCC::UnorderedOrGreaterThanOrEqual,
        Cond::Ge => FloatCC::GreaterThanOrEqual,
    }
}

impl Lowering<'_, '_> {
    pub(super) fn int_op(&mut self, op: IntOp, a: NodeId, b: NodeId) -> ir::Value {
        let (a, b) = (self.value(a), self.value(b));
        match op {
            IntOp::Add => self.b.ins().iadd(a, b),
            IntOp::Sub => self.b.ins().isub(a, b),
            IntOp::Mul => self.b.ins().imul(a, b),
            IntOp::Div => self.b.ins().sdiv(a, b),
            IntOp::Rem => self.b.ins().srem(a, b),
            IntOp::And => self.b.ins().band(a, b),
            IntOp::Or => self.b.ins().bor(a, b),
            IntOp::Xor => self.b.ins().bxor(a, b),
            IntOp::Shl => self.b.ins().ishl(a, b),
            IntOp::Shr if mutant!("shift-logical") => self.b.ins().ushr(a, b),
            IntOp::Shr => self.b.ins().sshr(a, b),
            IntOp::Ushr => self.b.ins().ushr(a, b),
        }
    }

    pub(super) fn checked(&mut self, op: IntOp, a: NodeId, b: NodeId, exit: ExitId) -> ir::Value {
        let is_swapped = mutant!("sub-swapped") && op == IntOp::Sub;
        let (a, b) = if is_swapped { (b, a) } else { (a, b) };
        let (x, y) = (self.value(a), self.value(b));
        if let Some(value) = self.checked_const(op, x, (a, b), exit) {
            return value;
        }
        let (result, overflow) = match op {
            IntOp::Add => self.b.ins().sadd_overflow(x, y),
            IntOp::Sub => self.b.ins().ssub_overflow(x, y),
            _ => self.b.ins().smul_overflow(x, y),
        };
        if !mutant!("overflow-unchecked") {
            self.exit_if(overflow, exit);
        }
        result
    }

    /// Adding or subtracting a constant.
    fn checked_const(
        &mut self,
        op: IntOp,
        x: ir::Value,
        (a, b): (NodeId, NodeId),
        exit: ExitId,
    ) -> Option<ir::Value> {
        let constant = |node| match self.func.node(node).op {
            Op::Const(bits) => Some(bits as i64),
            _ => None,
        };
        let (x, by) = match (op, constant(a), constant(b)) {
            (IntOp::Add, _, Some(c)) => (x, c),
            (IntOp::Add, Some(c), None) => (self.value(b), c),
            (IntOp::Sub, _, Some(c)) if c != i64::MIN => (x, -c),
            _ => return None,
        };
        let by_value = self.b.ins().iconst(types::I64, by);
        let result = self.b.ins().iadd(x, by_value);
        if by != 0 && !mutant!("overflow-constant-unchecked") {
            let wrapped = if by > 0 { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
            let overflow = self.b.ins().icmp(wrapped, result, x);
            self.exit_if(overflow, exit);
        }
        Some(result)
    }

    pub(super) fn float_op(&mut self, op: FloatOp, a: NodeId, b: NodeId) -> ir::Value {
        let (a, b) = (self.value(a), self.value(b));
        match op {
            FloatOp::Add => self.b.ins().fadd(a, b),
            FloatOp::Sub => self.b.ins().fsub(a, b),
            FloatOp::Mul => self.b.ins().fmul(a, b),
            FloatOp::Div if mutant!("float-div-swapped") => self.b.ins().fdiv(b, a),
            FloatOp::Div => self.b.ins().fdiv(a, b),
        }
    }

    pub(super) fn float_fn(&mut self, op: FloatFn, a: NodeId) -> ir::Value {
        let a = self.value(a);
        match op {
            FloatFn::Neg if mutant!("negative-zero") => {
                let zero = self.b.ins().f64const(0.0);
                self.b.ins().fsub(zero, a)
            }
            FloatFn::Neg => self.b.ins().fneg(a),
            FloatFn::Abs => self.b.ins().fabs(a),
            FloatFn::Sqrt => self.b.ins().sqrt(a),
            FloatFn::Floor => self.b.ins().floor(a),
            FloatFn::Ceil => self.b.ins().ceil(a),
        }
    }
}
