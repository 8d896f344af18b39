//! Expressions: chains are compiled from their innermost link outwards, in a loop.
//!
//! [`Builder::eval`] is the entry. Operands stay where they are (a variable's register, a
//! constant) until an instruction needs them; a variable that a later operand might change is
//! copied first, because evaluation is strictly left to right (LS 7.1).

use std::sync::Arc;

use ruff_runtime::bytecode::Const;
use ruff_runtime::error::Kind;
use ruff_runtime::natives;

use crate::resolve::{Ref, Storage, VarId};
use crate::syntax::ast::{
    BinaryOp, Elem, Entry, Expr, ExprKind, Literal, LogicOp, StrPart, UnaryOp,
};

use super::fold;
use super::function::{Builder, Val, Want, undefined_variable};
use super::place::root_of;

/// Parts that one `concat` joins.
const GROUP: usize = 64;

impl<'a> Builder<'a> {
    /// Compiles an expression whose value may stay where it is.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Val {
        self.eval(expr, Want::Any)
    }

    /// Compiles an expression into the next free register.
    pub(super) fn push(&mut self, expr: &'a Expr) -> u16 {
        let reg = self.alloc();
        self.into(expr, reg);
        reg
    }

    /// Compiles an expression into a temporary.
    pub(super) fn into(&mut self, expr: &'a Expr, dst: u16) {
        self.eval(expr, Want::Into(dst));
    }

    /// Compiles an expression. Temporaries above its result are free afterwards.
    pub(super) fn eval(&mut self, expr: &'a Expr, want: Want) -> Val {
        let base = self.top();
        let mut links = Vec::new();
        let mut first = expr;
        while let Some(left) = self.chain_left(first) {
            links.push(first);
            first = left;
        }
        let wanted = links.last().map_or(want, |next| self.input_of(next));
        let mut val = self.leaf(first, wanted);
        while let Some(link) = links.pop() {
            let wanted = links.last().map_or(want, |next| self.input_of(next));
            val = self.link(link, val, base, wanted);
        }
        // The result may be the temporary at `base`; all above is free.
        match val {
            Val::Temp(reg) if reg == base => self.free_to(base + 1),
            Val::Temp(_) | Val::Var(_) | Val::Const(_) => self.free_to(base),
        }
        val
    }

    /// An expression that does not continue another one.
    fn leaf(&mut self, expr: &'a Expr, want: Want) -> Val {
        match &expr.kind {
            ExprKind::Literal(literal) => self.deliver(Val::Const(constant(literal)), want),
            ExprKind::Interpolation(parts) => self.interpolation(expr, parts, want),
            ExprKind::Name(name) => self.name(expr, name, want),
            ExprKind::SelfRef => match self.unit.resolved.get(expr.id) {
                Ref::Var(var) => self.read(var, expr.span.start, want),
                Ref::Native | Ref::Undefined => self.deliver(Val::Const(Const::Null), want),
            },
            ExprKind::Paren(inner) => self.eval(inner, want),
            ExprKind::Array(elems) => self.array(elems, want),
            ExprKind::Dict(entries) => self.dict(expr, entries, want),
            ExprKind::Func(func) => {
                let dst = self.target(want);
                let child = self.function(func, None);
                self.code.closure(dst, child);
                Val::Temp(dst)
            }
            ExprKind::StructLit { module, name, fields } => {
                self.struct_literal(expr, module.as_ref(), name, fields, want)
            }
            ExprKind::Tag { .. } => self.tag(expr, want),
            ExprKind::Unary { op, op_span, operand } => {
                self.unary(*op, op_span.start, operand, want)
            }
            ExprKind::Logic { .. } => self.logic(expr, want),
            ExprKind::Await { await_span, operand } => {
                let base = self.top();
                let val = self.value(operand);
                let src = self.reg(&val);
                self.free_to(base);
                let dst = self.target(want);
                self.code.at(await_span.start);
                self.code.await_value(dst, src);
                Val::Temp(dst)
            }
            ExprKind::Yield { yield_span, value } => {
                let base = self.top();
                let val = match value {
                    Some(value) => self.value(value),
                    None => Val::Const(Const::Null),
                };
                let src = self.reg(&val);
                self.free_to(base);
                let dst = self.target(want);
                self.code.at(yield_span.start);
                self.code.yield_value(dst, src);
                Val::Temp(dst)
            }
            ExprKind::Spawn { body } => {
                let child = self.spawn_body(body);
                let base = self.top();
                let src = self.alloc();
                self.code.closure(src, child);
                self.free_to(base);
                let dst = self.target(want);
                self.code.at(expr.span.start);
                self.code.spawn_block(dst, src);
                Val::Temp(dst)
            }
            ExprKind::Call { .. } => self.call(expr, None, want),
            ExprKind::Method { .. } => self.method_on_place(expr, None, want),
            ExprKind::Binary { .. }
            | ExprKind::Pipe { .. }
            | ExprKind::Field { .. }
            | ExprKind::Index { .. }
            | ExprKind::Try { .. }
            | ExprKind::Error => self.deliver(Val::Const(Const::Null), want),
        }
    }

    /// A name that is read.
    fn name(&mut self, expr: &Expr, name: &Arc<str>, want: Want) -> Val {
        match self.unit.resolved.get(expr.id) {
            Ref::Var(var) => self.read(var, expr.span.start, want),
            Ref::Native if &**name == "None" => self.deliver(Val::Const(Const::None), want),
            Ref::Native => {
                let dst = self.target(want);
                let name = self.code.name(name);
                self.code.load_builtin(dst, name);
                Val::Temp(dst)
            }
            Ref::Undefined => {
                self.fail(Kind::NameError, undefined_variable(name), expr.span.start);
                self.nowhere(want)
            }
        }
    }

    /// The value of an expression that always raises.
    pub(super) fn nowhere(&mut self, want: Want) -> Val {
        match want {
            Want::Any | Want::Nothing => Val::Const(Const::Null),
            Want::Temp | Want::Into(_) | Want::Final(_) => {
                let dst = self.target(want);
                self.code.load_null(dst);
                Val::Temp(dst)
            }
        }
    }

    fn unary(&mut self, op: UnaryOp, offset: u32, operand: &'a Expr, want: Want) -> Val {
        let base = self.top();
        let val = self.value(operand);
        if let Val::Const(value) = &val
            && let Some(folded) = fold::unary(op, value)
        {
            return self.deliver(Val::Const(folded), want);
        }
        let src = self.reg(&val);
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(offset);
        match op {
            UnaryOp::Neg => self.code.neg(dst, src),
            UnaryOp::Not => self.code.not(dst, src),
        };
        Val::Temp(dst)
    }

    /// `&&` and `||` as values: always a bool.
    fn logic(&mut self, expr: &'a Expr, want: Want) -> Val {
        let base = self.top();
        let (is_false, end) = (self.code.new_label(), self.code.new_label());
        self.branch(expr, is_false, false);
        self.free_to(base);
        let dst = self.target(want);
        self.code.load_bool(dst, 1);
        self.code.jump(end);
        self.code.bind(is_false);
        self.code.load_bool(dst, 0);
        self.code.bind(end);
        Val::Temp(dst)
    }

    /// Keeps a variable's value if an expression evaluated before its use may change it.
    pub(super) fn hold(&mut self, expr: &Expr, val: Val, later: &[&Expr]) -> Val {
        if !matches!(val, Val::Var(_)) || !self.may_change(expr, later) {
            return val;
        }
        self.deliver(val, Want::Temp)
    }

    /// Whether evaluating `later` may change the variable that `expr` is.
    fn may_change(&self, expr: &Expr, later: &[&Expr]) -> bool {
        let mut inner = expr;
        while let ExprKind::Paren(next) = &inner.kind {
            inner = next;
        }
        let Ref::Var(var) = self.unit.resolved.get(inner.id) else { return false };
        self.unit.facts.is_method_root(var) && later.iter().any(|expr| self.calls_on(expr, var))
    }

    /// Whether `expr` contains a method call on a place inside `var`.
    fn calls_on(&self, expr: &Expr, var: VarId) -> bool {
        let mut work = vec![expr];
        while let Some(expr) = work.pop() {
            if let ExprKind::Method { receiver, .. } = &expr.kind
                && let Some(root) = root_of(receiver)
                && self.unit.resolved.get(root.id) == Ref::Var(var)
            {
                return true;
            }
            operands(expr, &mut work);
        }
        false
    }

    /// Evaluating the expression has no effect and cannot raise.
    pub(super) fn is_simple(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Func(_) => true,
            ExprKind::Paren(inner) => self.is_simple(inner),
            ExprKind::Name(_) | ExprKind::SelfRef => match self.unit.resolved.get(expr.id) {
                Ref::Native => true,
                Ref::Undefined => false,
                Ref::Var(var) => match self.unit.resolved.var(var).storage {
                    Storage::Register => self.state.has(var),
                    Storage::CapturedValue => {
                        self.register_of(var).is_none() || self.state.has(var)
                    }
                    Storage::Cell | Storage::Module(_) => false,
                },
            },
            ExprKind::Array(elems) => elems.iter().all(|elem| match elem {
                Elem::Value(expr) => self.is_simple(expr),
                Elem::Spread(..) => false,
            }),
            ExprKind::Dict(entries) => entries.iter().all(|entry| match entry {
                Entry::Bare(key, value) => {
                    self.unit.resolved.declared(key.id).is_none() && self.is_simple(value)
                }
                Entry::Keyed(key, value) => {
                    let fits =
                        matches!(key.kind, ExprKind::Literal(Literal::Str(_) | Literal::Int(_)));
                    fits && self.is_simple(value)
                }
                Entry::Spread(..) => false,
            }),
            _ => false,
        }
    }

    /// Evaluating the expression can raise, but changes no variable.
    pub(super) fn is_pure(&self, expr: &Expr) -> bool {
        let mut work = vec![expr];
        while let Some(expr) = work.pop() {
            let fits = match &expr.kind {
                ExprKind::Literal(_)
                | ExprKind::Name(_)
                | ExprKind::SelfRef
                | ExprKind::Func(_)
                | ExprKind::Interpolation(_)
                | ExprKind::Paren(_)
                | ExprKind::Array(_)
                | ExprKind::Field { .. }
                | ExprKind::Index { .. } => true,
                ExprKind::Call { .. } => {
                    let native = self.native_callee(expr).map(natives::get);
                    native.is_some_and(|native| native.effect == natives::Effect::Pure)
                }
                _ => false,
            };
            if !fits {
                return false;
            }
            operands(expr, &mut work);
        }
        true
    }

    /// Adding the expression's value to something that is not a number would raise.
    pub(super) fn is_numeric(&self, expr: &Expr) -> bool {
        let mut inner = expr;
        while let ExprKind::Paren(next) = &inner.kind {
            inner = next;
        }
        match &inner.kind {
            ExprKind::Literal(literal) => !matches!(literal, Literal::Str(_)),
            ExprKind::Unary { .. } => true,
            ExprKind::Binary { op, .. } => *op != BinaryOp::Add,
            ExprKind::Logic { op, .. } => *op != LogicOp::Coalesce,
            ExprKind::Call { .. } => self.native_callee(inner).is_some_and(gives_scalar),
            _ => false,
        }
    }

    // ---- literals

    fn interpolation(&mut self, expr: &'a Expr, parts: &'a [StrPart], want: Want) -> Val {
        let base = self.top();
        let mut n: u16 = 0;
        for part in parts {
            if usize::from(n) == GROUP {
                // The text so far becomes the first part of the next group.
                self.code.at(expr.span.start);
                self.code.concat(base, base, n);
                self.free_to(base + 1);
                n = 1;
            }
            match part {
                StrPart::Text(text) => {
                    let reg = self.alloc();
                    self.load(reg, &Const::Str(text.clone()));
                }
                StrPart::Expr(expr) => {
                    self.push(expr);
                }
            }
            n += 1;
        }
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(expr.span.start);
        self.code.concat(dst, base, n);
        Val::Temp(dst)
    }
}

/// The constant of a literal.
pub(super) fn constant(literal: &Literal) -> Const {
    match literal {
        Literal::Null => Const::Null,
        Literal::Bool(value) => Const::Bool(*value),
        Literal::Int(value) => Const::Int(*value),
        Literal::Float(value) => Const::Float(*value),
        Literal::Str(text) => Const::Str(text.clone()),
    }
}

/// The native's result is never an object.
pub(super) fn gives_scalar(native: u32) -> bool {
    matches!(
        natives::get(native).result,
        "int" | "float" | "number" | "int|float" | "bool" | "null"
    )
}

/// Pushes the operands of an expression, without those inside functions.
pub(super) fn operands<'e>(expr: &'e Expr, work: &mut Vec<&'e Expr>) {
    let elems = |elems: &'e [Elem], work: &mut Vec<&'e Expr>| {
        work.extend(elems.iter().map(|elem| match elem {
            Elem::Value(expr) | Elem::Spread(_, expr) => expr,
        }));
    };
    work.extend(expr.left());
    match &expr.kind {
        ExprKind::Binary { rhs, .. }
        | ExprKind::Logic { rhs, .. }
        | ExprKind::Pipe { rhs, .. }
        | ExprKind::Index { index: rhs, .. } => work.push(rhs),
        ExprKind::Call { args, .. } | ExprKind::Method { args, .. } => elems(args, work),
        ExprKind::Array(items) => elems(items, work),
        ExprKind::Tag { args, .. } => elems(args.as_deref().unwrap_or(&[]), work),
        ExprKind::Paren(inner)
        | ExprKind::Unary { operand: inner, .. }
        | ExprKind::Await { operand: inner, .. } => work.push(inner),
        ExprKind::Yield { value, .. } => work.extend(value.as_deref()),
        ExprKind::Interpolation(parts) => work.extend(parts.iter().filter_map(|part| match part {
            StrPart::Text(_) => None,
            StrPart::Expr(expr) => Some(expr),
        })),
        ExprKind::Dict(entries) => {
            for entry in entries {
                match entry {
                    Entry::Bare(_, value) | Entry::Spread(_, value) => work.push(value),
                    Entry::Keyed(key, value) => work.extend([key, value]),
                }
            }
        }
        ExprKind::StructLit { fields, .. } => work.extend(fields.iter().map(|(_, value)| value)),
        ExprKind::Literal(_)
        | ExprKind::Name(_)
        | ExprKind::SelfRef
        | ExprKind::Func(_)
        | ExprKind::Field { .. }
        | ExprKind::Try { .. }
        | ExprKind::Spawn { .. }
        | ExprKind::Error => {}
    }
}
