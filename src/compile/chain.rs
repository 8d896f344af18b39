//! Links of chains: binary operators, steps, calls of values, pipes.
//!
//! Each link takes the value of what stands before it and gives its own. A link that calls
//! something wants that value in the next free register, where its call group begins.

use ruff_runtime::bytecode::Const;

use crate::resolve::Ref;
use crate::syntax::ast::{BinaryOp, Elem, Expr, ExprKind, Ident, LogicOp};

use super::cold::Action;
use super::fold;
use super::function::{Builder, Role, Val, Want};
use super::place::root_of;

/// Methods that make an iterator of an array as of its iterator.
const LAZY: [&str; 11] = [
    "map",
    "filter",
    "take",
    "skip",
    "take_while",
    "skip_while",
    "step_by",
    "zip",
    "enumerate",
    "chain",
    "flat_map",
];

/// Whether a method of this name makes the same of a range and of an iterator over it.
pub(super) fn is_lazy(method: &str) -> bool {
    LAZY.contains(&method)
}

impl<'a> Builder<'a> {
    /// The expression that `expr` continues, if it is a link and not compiled as a whole.
    pub(super) fn chain_left(&self, expr: &'a Expr) -> Option<&'a Expr> {
        match &expr.kind {
            ExprKind::Logic { op: LogicOp::And | LogicOp::Or, .. } => None,
            ExprKind::Call { callee, .. } if matches!(callee.kind, ExprKind::Name(_)) => None,
            ExprKind::Method { receiver, .. } if self.is_place(receiver) => None,
            ExprKind::Method { receiver, name, null_safe: false, .. }
                if is_lazy(&name.name) && self.range_args(receiver).is_some() =>
            {
                None
            }
            _ => expr.left(),
        }
    }

    /// Whether a receiver is a place: a variable and steps.
    pub(super) fn is_place(&self, receiver: &Expr) -> bool {
        let Some(root) = root_of(receiver) else { return false };
        matches!(self.unit.resolved.get(root.id), Ref::Var(_))
    }

    /// Where a link wants the value before it.
    pub(super) fn input_of(&self, link: &Expr) -> Want {
        match &link.kind {
            ExprKind::Call { .. } | ExprKind::Method { .. } | ExprKind::Pipe { .. } => Want::Temp,
            ExprKind::Logic { .. } => Want::Temp,
            _ => Want::Any,
        }
    }

    /// Compiles a link whose left value is `val`; temporaries from `base` on belong to the chain.
    pub(super) fn link(&mut self, link: &'a Expr, val: Val, base: u16, want: Want) -> Val {
        match &link.kind {
            ExprKind::Binary { op, op_span, lhs, rhs } => {
                let val = self.hold(lhs, val, &[rhs]);
                self.binary((*op, op_span.start), &val, rhs, base, want)
            }
            ExprKind::Logic { rhs, .. } => self.coalesce(&val, rhs, base, want),
            ExprKind::Index { object, open, index } => {
                let val = self.hold(object, val, &[index]);
                let object = self.reg(&val);
                let index = self.value(index);
                let index = self.reg(&index);
                self.free_to(base);
                let dst = self.target(want);
                self.code.at(open.start);
                self.code.get_index(dst, object, index);
                Val::Temp(dst)
            }
            ExprKind::Field { null_safe, name, .. } => {
                let object = self.reg(&val);
                self.free_to(base);
                let dst = self.target(want);
                let field = self.code.name(&name.name);
                self.code.at(name.span.start);
                if *null_safe {
                    self.code.get_field_or_null(dst, object, field);
                } else {
                    self.code.get_field(dst, object, field);
                }
                Val::Temp(dst)
            }
            ExprKind::Try { question, .. } => {
                let src = self.reg(&val);
                self.free_to(base);
                self.try_operator(src, question.start, want)
            }
            ExprKind::Call { callee_end, args, .. } => {
                let first = self.reg(&val);
                let count = self.args(args, None, first + 1);
                self.free_to(base);
                let dst = self.target(want);
                self.code.at(callee_end.start);
                self.emit_call(dst, first, count);
                Val::Temp(dst)
            }
            ExprKind::Method { null_safe, name, args, .. } => {
                let first = self.reg(&val);
                self.method_on_value(first, *null_safe, (name, args), None, want)
            }
            ExprKind::Pipe { op_span, rhs, .. } => {
                let piped = self.reg(&val);
                self.pipe(piped, rhs, op_span.start, base, want)
            }
            _ => self.deliver(val, want),
        }
    }

    fn binary(
        &mut self,
        (op, offset): (BinaryOp, u32),
        lhs: &Val,
        rhs: &'a Expr,
        base: u16,
        want: Want,
    ) -> Val {
        let rhs = self.value(rhs);
        if let (Val::Const(lhs), Val::Const(rhs)) = (lhs, &rhs)
            && let Some(folded) = fold::binary(op, lhs, rhs)
        {
            self.free_to(base);
            return self.deliver(Val::Const(folded), want);
        }
        let lhs = self.reg(lhs);
        self.operate(op, offset, lhs, &rhs, |this| {
            this.free_to(base);
            this.target(want)
        })
    }

    /// Emits `dst = lhs op rhs`; `dst` is asked for when the operands are in place.
    pub(super) fn operate(
        &mut self,
        op: BinaryOp,
        offset: u32,
        lhs: u16,
        rhs: &Val,
        dst: impl FnOnce(&mut Self) -> u16,
    ) -> Val {
        let is_arithmetic = matches!(
            op,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod
        );
        if let Val::Const(value @ (Const::Int(_) | Const::Float(_) | Const::Str(_))) = rhs
            && is_arithmetic
        {
            let rhs = self.code.constant(value);
            let dst = dst(self);
            self.code.at(offset);
            match op {
                BinaryOp::Add => self.code.add_const(dst, lhs, rhs),
                BinaryOp::Sub => self.code.sub_const(dst, lhs, rhs),
                BinaryOp::Mul => self.code.mul_const(dst, lhs, rhs),
                BinaryOp::Div => self.code.div_const(dst, lhs, rhs),
                BinaryOp::Mod
                | BinaryOp::Eq
                | BinaryOp::Ne
                | BinaryOp::Lt
                | BinaryOp::Gt
                | BinaryOp::Le
                | BinaryOp::Ge => self.code.rem_const(dst, lhs, rhs),
            };
            return Val::Temp(dst);
        }
        let rhs = self.reg(rhs);
        let dst = dst(self);
        self.code.at(offset);
        match op {
            BinaryOp::Add => self.code.add(dst, lhs, rhs),
            BinaryOp::Sub => self.code.sub(dst, lhs, rhs),
            BinaryOp::Mul => self.code.mul(dst, lhs, rhs),
            BinaryOp::Div => self.code.div(dst, lhs, rhs),
            BinaryOp::Mod => self.code.rem(dst, lhs, rhs),
            BinaryOp::Eq => self.code.eq(dst, lhs, rhs),
            BinaryOp::Ne => self.code.ne(dst, lhs, rhs),
            BinaryOp::Lt => self.code.lt(dst, lhs, rhs),
            BinaryOp::Gt => self.code.gt(dst, lhs, rhs),
            BinaryOp::Le => self.code.le(dst, lhs, rhs),
            BinaryOp::Ge => self.code.ge(dst, lhs, rhs),
        };
        Val::Temp(dst)
    }

    /// `a ?? b`, `a` being in the temporary of `val`.
    fn coalesce(&mut self, val: &Val, rhs: &'a Expr, base: u16, want: Want) -> Val {
        let reg = self.reg(val);
        let end = self.code.new_label();
        self.code.jump_unless_null(reg, end);
        self.into(rhs, reg);
        self.code.bind(end);
        self.free_to(base.max(reg.saturating_add(1)));
        match want {
            Want::Into(dst) | Want::Final(dst) => {
                self.code.mov(dst, reg);
                Val::Temp(dst)
            }
            Want::Any | Want::Temp | Want::Nothing => Val::Temp(reg),
        }
    }

    /// `src?`
    fn try_operator(&mut self, src: u16, offset: u32, want: Want) -> Val {
        let wanted = match (self.role, want) {
            // The variable must keep its value for a handler.
            (Role::Outermost, Want::Final(_)) => Want::Any,
            _ => want,
        };
        let dst = self.target(wanted);
        let action = match self.role {
            Role::Function => Action::Return(dst),
            Role::Outermost => Action::RaiseTry(dst),
        };
        let leave = self.out_of_line(offset, action);
        self.code.at(offset);
        self.code.try_unwrap(dst, src, leave);
        if wanted == want {
            return Val::Temp(dst);
        }
        self.deliver(Val::Temp(dst), want)
    }

    /// `piped |> rhs`
    fn pipe(&mut self, piped: u16, rhs: &'a Expr, offset: u32, base: u16, want: Want) -> Val {
        match &rhs.kind {
            ExprKind::Call { callee, .. } => {
                if matches!(callee.kind, ExprKind::Name(_)) {
                    return self.settle(base, want, |this, want| this.call(rhs, Some(piped), want));
                }
                self.settle(base, want, |this, want| this.call_value(rhs, piped, want))
            }
            ExprKind::Method { receiver, null_safe, name, args } => {
                if self.is_place(receiver) {
                    return self.settle(base, want, |this, want| {
                        this.method_on_place(rhs, Some(piped), want)
                    });
                }
                self.settle(base, want, |this, want| {
                    let first = this.push(receiver);
                    this.method_on_value(first, *null_safe, (name, args), Some(piped), want)
                })
            }
            _ => {
                self.settle(base, want, |this, want| this.pipe_into_value(piped, rhs, offset, want))
            }
        }
    }

    /// Compiles a call above the piped value; its result takes the piped value's register.
    fn settle(
        &mut self,
        base: u16,
        want: Want,
        compile: impl FnOnce(&mut Self, Want) -> Val,
    ) -> Val {
        match want {
            Want::Into(_) | Want::Final(_) => compile(self, want),
            Want::Any | Want::Temp | Want::Nothing => {
                compile(self, Want::Into(base));
                self.free_to(base + 1);
                Val::Temp(base)
            }
        }
    }

    /// `piped |> f` where `f` is not syntactically a call.
    fn pipe_into_value(&mut self, piped: u16, rhs: &'a Expr, offset: u32, want: Want) -> Val {
        if let Some(native) = self.native_name(rhs) {
            let dst = self.target(want);
            self.code.at(offset);
            self.code.call_native_one(dst, native, piped);
            return Val::Temp(dst);
        }
        let first = self.push(rhs);
        let arg = self.alloc();
        self.code.mov(arg, piped);
        self.code.at(offset);
        self.code.check_pipe(first);
        self.free_to(first);
        let dst = self.target(want);
        self.code.at(offset);
        self.code.call(dst, first, 1);
        Val::Temp(dst)
    }
}

/// A method's name and arguments.
pub(super) type Invocation<'a> = (&'a Ident, &'a [Elem]);
