//! Conditions: comparisons that jump, `&&` and `||` as control flow.

use ruff_runtime::bytecode::Const;

use crate::syntax::ast::{BinaryOp, Expr, ExprKind, LogicOp, UnaryOp};

use super::code::Label;
use super::expr::constant;
use super::fold::{self, is_truthy};
use super::function::{Builder, Val};

impl<'a> Builder<'a> {
    /// Jumps to `target` if the truth of `expr` is `sense`, else goes on.
    pub(super) fn branch(&mut self, expr: &'a Expr, target: Label, sense: bool) {
        let base = self.top();
        match &expr.kind {
            ExprKind::Paren(inner) => self.branch(inner, target, sense),
            ExprKind::Literal(literal) => {
                if is_truthy(&constant(literal)) == sense {
                    self.code.jump(target);
                }
            }
            ExprKind::Logic { op: op @ (LogicOp::And | LogicOp::Or), .. } => {
                self.branch_logic(expr, *op, target, sense);
            }
            ExprKind::Unary { op: UnaryOp::Not, operand, .. } if self.is_bool(operand) => {
                self.branch(operand, target, !sense);
            }
            ExprKind::Binary { op, op_span, lhs, rhs } if is_comparison(*op) => {
                self.branch_comparison((*op, op_span.start), lhs, rhs, target, sense);
            }
            _ => {
                let val = self.value(expr);
                if let Val::Const(value) = &val {
                    if is_truthy(value) == sense {
                        self.code.jump(target);
                    }
                } else {
                    let cond = self.reg(&val);
                    if sense {
                        self.code.jump_if(cond, target);
                    } else {
                        self.code.jump_unless(cond, target);
                    }
                }
            }
        }
        self.free_to(base);
    }

    /// A chain of one logic operator. `&&` decides for false early, `||` for true.
    fn branch_logic(&mut self, expr: &'a Expr, op: LogicOp, target: Label, sense: bool) {
        let mut operands = Vec::new();
        let mut first = expr;
        while let ExprKind::Logic { op: next, lhs, rhs } = &first.kind
            && *next == op
        {
            operands.push(&**rhs);
            first = lhs;
        }
        operands.push(first);
        operands.reverse();
        let decides = op == LogicOp::Or;
        let last = operands.len() - 1;
        if sense == decides {
            operands.into_iter().for_each(|operand| self.branch(operand, target, sense));
            return;
        }
        let decided = self.code.new_label();
        for (i, operand) in operands.into_iter().enumerate() {
            if i == last {
                self.branch(operand, target, sense);
            } else {
                self.branch(operand, decided, decides);
            }
        }
        self.code.bind(decided);
    }

    fn branch_comparison(
        &mut self,
        (op, offset): (BinaryOp, u32),
        lhs: &'a Expr,
        rhs: &'a Expr,
        target: Label,
        sense: bool,
    ) {
        let val = self.value(lhs);
        let val = self.hold(lhs, val, &[rhs]);
        let other = self.value(rhs);
        if let (Val::Const(lhs), Val::Const(rhs)) = (&val, &other)
            && let Some(folded) = fold::binary(op, lhs, rhs)
        {
            if is_truthy(&folded) == sense {
                self.code.jump(target);
            }
            return;
        }
        let lhs = self.reg(&val);
        let ins = if let Val::Const(value) = &other {
            self.code.at(offset);
            let rhs = self.code.constant(value);
            match op {
                BinaryOp::Eq => self.code.jump_eq_const(lhs, rhs, target),
                BinaryOp::Ne => self.code.jump_ne_const(lhs, rhs, target),
                BinaryOp::Lt => self.code.jump_lt_const(lhs, rhs, target),
                BinaryOp::Gt => self.code.jump_gt_const(lhs, rhs, target),
                BinaryOp::Le => self.code.jump_le_const(lhs, rhs, target),
                BinaryOp::Ge
                | BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Mod => self.code.jump_ge_const(lhs, rhs, target),
            }
        } else {
            let rhs = self.reg(&other);
            self.code.at(offset);
            match op {
                BinaryOp::Eq => self.code.jump_eq(lhs, rhs, target),
                BinaryOp::Ne => self.code.jump_ne(lhs, rhs, target),
                BinaryOp::Lt => self.code.jump_lt(lhs, rhs, target),
                BinaryOp::Gt => self.code.jump_gt(lhs, rhs, target),
                BinaryOp::Le => self.code.jump_le(lhs, rhs, target),
                BinaryOp::Ge
                | BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Mod => self.code.jump_ge(lhs, rhs, target),
            }
        };
        ins.sense(sense);
    }

    /// The expression's value is a bool, so `!` cannot call a method.
    fn is_bool(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Paren(inner) => self.is_bool(inner),
            ExprKind::Logic { op, .. } => *op != LogicOp::Coalesce,
            ExprKind::Literal(_) => true,
            ExprKind::Call { .. } => self
                .native_callee(expr)
                .is_some_and(|native| ruff_runtime::natives::get(native).result == "bool"),
            _ => false,
        }
    }

    /// The condition is `true` or another literal that is truthy.
    pub(super) fn is_always_true(expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Paren(inner) => Self::is_always_true(inner),
            ExprKind::Literal(literal) => {
                let value: Const = constant(literal);
                is_truthy(&value)
            }
            _ => false,
        }
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge
    )
}
