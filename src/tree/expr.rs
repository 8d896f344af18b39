//! Expressions.
//!
//! A chain such as `a + b + c` or `x.f(1)[2].g` nests to the left and may have 10,000 links, so
//! [`Evaluator::eval`] walks down the left spine with a loop, evaluates its end and applies the
//! links on the way back up. Everything else recurses at most as deep as brackets nest.

use ruff_runtime::concurrency::{coroutine, isolates, promises};
use ruff_runtime::error::{Error, Kind, Result};
use ruff_runtime::natives;
use ruff_runtime::semantics::literal::{self, TryOutcome};
use ruff_runtime::semantics::{BinOp, UnOp, arith, display, index, iterate, truthy};
use ruff_runtime::value::{Tag, Value};

use super::frame::{Eval, Frame, Stop, undefined};
use super::method::MethodCall;
use super::{Evaluator, unsupported};
use crate::resolve::Ref;
use crate::syntax::ast::{
    Arg, BinaryOp, Elem, Expr, ExprKind, Literal, LogicOp, NodeId, StrPart, UnaryOp,
};
use crate::syntax::source::Span;

impl Evaluator {
    pub(super) fn eval(&mut self, frame: &mut Frame, expr: &Expr) -> Eval {
        let mut spine: Vec<&Expr> = Vec::new();
        let mut end = expr;
        while let Some(left) = left_operand(frame, end) {
            spine.push(end);
            end = left;
        }
        let mut value = self.eval_end(frame, end)?;
        while let Some(link) = spine.pop() {
            value = self.apply(frame, link, value)?;
        }
        Ok(value)
    }

    /// The value of `link`, whose left operand has been evaluated.
    fn apply(&mut self, frame: &mut Frame, link: &Expr, left: Value) -> Eval {
        match &link.kind {
            ExprKind::Paren(_) => Ok(left),
            ExprKind::Binary { op, op_span, rhs, .. } => {
                let right = self.eval(frame, rhs)?;
                frame.at(*op_span, arith::binary(self, binary_op(*op), &left, &right))
            }
            ExprKind::Logic { op, rhs, .. } => self.logic(frame, *op, left, rhs),
            ExprKind::Pipe { op_span, rhs, .. } => self.pipe(frame, *op_span, left, rhs),
            ExprKind::Call { callee_end, args, .. } => {
                self.call_expr(frame, &left, *callee_end, args)
            }
            ExprKind::Method { null_safe, name, args, .. } => {
                let call = MethodCall { name, null_safe: *null_safe, first: None, args };
                self.method_of_value(frame, left, call)
            }
            ExprKind::Field { null_safe, name, .. } => {
                let read = if *null_safe { index::field_or_null } else { index::field };
                frame.at(name.span, read(&left, &name.name))
            }
            ExprKind::Index { open, index, .. } => {
                let at = self.eval(frame, index)?;
                frame.at(*open, index::get(&left, &at))
            }
            ExprKind::Try { question, .. } => try_operator(frame, *question, left),
            _ => Ok(left),
        }
    }

    /// The value of an expression that is no link of a chain.
    fn eval_end(&mut self, frame: &mut Frame, expr: &Expr) -> Eval {
        match &expr.kind {
            ExprKind::Literal(literal) => Ok(literal_value(literal)),
            ExprKind::Name(name) => {
                let value = self.name(frame, expr.id, name);
                frame.at(expr.span, value)
            }
            ExprKind::SelfRef => {
                let value = self.name(frame, expr.id, "self");
                frame.at(expr.span, value)
            }
            ExprKind::Interpolation(parts) => self.interpolation(frame, expr.span, parts),
            ExprKind::Array(elems) => {
                let values = self.elements(frame, None, elems)?;
                Ok(literal::make_array(values))
            }
            ExprKind::Dict(entries) => self.dict_literal(frame, expr.span, entries),
            ExprKind::Func(func) => Ok(self.closure(frame, func)),
            ExprKind::StructLit { module, name, fields } => {
                self.struct_literal(frame, expr, module.as_ref(), name, fields)
            }
            ExprKind::Tag { module, enum_name, variant, args } => {
                let args = args.as_deref().unwrap_or_default();
                self.tag(frame, module.as_ref(), enum_name, variant, args)
            }
            ExprKind::Unary { op, op_span, operand } => self.unary(frame, *op, *op_span, operand),
            ExprKind::Method { receiver, null_safe, name, args } => {
                let call = MethodCall { name, null_safe: *null_safe, first: None, args };
                self.method_of_place(frame, receiver, call)
            }
            ExprKind::Await { await_span, operand } => {
                let value = self.eval(frame, operand)?;
                self.stand_at(frame, *await_span);
                frame.at(*await_span, promises::await_value(self, value))
            }
            ExprKind::Yield { yield_span, value } => {
                let value = match value {
                    Some(value) => self.eval(frame, value)?,
                    None => Value::NULL,
                };
                frame.at(*yield_span, coroutine::yield_value(self, value))
            }
            ExprKind::Spawn { body } => {
                let block = self.spawn_block(frame, body);
                frame.at(expr.span, isolates::spawn(self, &block))
            }
            _ => frame.at(expr.span, Err(unsupported("An invalid expression"))),
        }
    }

    /// The value of a name, resolved through `node`.
    pub(super) fn name(&mut self, frame: &Frame, node: NodeId, name: &str) -> Result<Value> {
        match frame.unit.resolved().get(node) {
            Ref::Var(var) => frame.read(var),
            Ref::Native => natives::global(name, &self.isolate).ok_or_else(|| undefined(name)),
            Ref::Undefined => Err(undefined(name)),
        }
    }

    #[inline(never)]
    fn unary(&mut self, frame: &mut Frame, op: UnaryOp, span: Span, operand: &Expr) -> Eval {
        let value = self.eval(frame, operand)?;
        let op = match op {
            UnaryOp::Neg => UnOp::Neg,
            UnaryOp::Not => UnOp::Not,
        };
        frame.at(span, arith::unary(self, op, &value))
    }

    #[inline(never)]
    fn logic(&mut self, frame: &mut Frame, op: LogicOp, left: Value, rhs: &Expr) -> Eval {
        let is_decided = match op {
            LogicOp::And => !truthy(&left),
            LogicOp::Or => truthy(&left),
            LogicOp::Coalesce => !left.is_null(),
        };
        let value = if is_decided { left } else { self.eval(frame, rhs)? };
        Ok(match op {
            LogicOp::And | LogicOp::Or => Value::bool(truthy(&value)),
            LogicOp::Coalesce => value,
        })
    }

    /// `left |> rhs` (LS 7.10).
    #[inline(never)]
    fn pipe(&mut self, frame: &mut Frame, op_span: Span, left: Value, rhs: &Expr) -> Eval {
        match &rhs.kind {
            ExprKind::Call { callee, callee_end, args } => {
                let callee = self.eval(frame, callee)?;
                let args = self.elements(frame, Some(left), args)?;
                self.stand_at(frame, *callee_end);
                frame.at(*callee_end, self.call_piped(&callee, args))
            }
            ExprKind::Method { receiver, null_safe, name, args } => {
                let call = MethodCall { name, null_safe: *null_safe, first: Some(left), args };
                if is_place(frame, receiver) {
                    return self.method_of_place(frame, receiver, call);
                }
                let receiver = self.eval(frame, receiver)?;
                self.method_of_value(frame, receiver, call)
            }
            _ => {
                let callee = self.eval(frame, rhs)?;
                self.stand_at(frame, op_span);
                frame.at(op_span, self.call_piped(&callee, vec![left]))
            }
        }
    }

    fn call_piped(&mut self, callee: &Value, args: Vec<Value>) -> Result<Value> {
        if !matches!(callee.tag(), Tag::Function | Tag::Native | Tag::Wrapper) {
            let message = "Pipe operator requires a function on the right side";
            return Err(Error::new(Kind::TypeError, message));
        }
        self.call_value(callee, args)
    }

    #[inline(never)]
    fn call_expr(
        &mut self,
        frame: &mut Frame,
        callee: &Value,
        callee_end: Span,
        args: &[Arg],
    ) -> Eval {
        let args = self.elements(frame, None, args)?;
        self.stand_at(frame, callee_end);
        frame.at(callee_end, self.call_value(callee, args))
    }

    #[inline(never)]
    fn interpolation(&mut self, frame: &mut Frame, span: Span, parts: &[StrPart]) -> Eval {
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            values.push(match part {
                StrPart::Text(text) => Value::str(text),
                StrPart::Expr(expr) => self.eval(frame, expr)?,
            });
        }
        frame.at(span, display::concat_display(&values))
    }

    /// Elements of an array literal or arguments of a call, after `first`.
    pub(super) fn elements(
        &mut self,
        frame: &mut Frame,
        first: Option<Value>,
        elems: &[Elem],
    ) -> Eval<Vec<Value>> {
        let mut values = Vec::with_capacity(elems.len() + usize::from(first.is_some()));
        values.extend(first);
        for elem in elems {
            match elem {
                Elem::Value(expr) => values.push(self.eval(frame, expr)?),
                Elem::Spread(dots, expr) => {
                    let source = self.eval(frame, expr)?;
                    self.stand_at(frame, *dots);
                    frame.at(*dots, iterate::spread(self, &mut values, &source))?;
                }
            }
        }
        Ok(values)
    }
}

/// The operand that is evaluated first and nests to the left; `None` at the end of the chain.
fn left_operand<'a>(frame: &Frame, expr: &'a Expr) -> Option<&'a Expr> {
    match &expr.kind {
        ExprKind::Paren(inner) => Some(inner),
        ExprKind::Binary { lhs, .. } | ExprKind::Logic { lhs, .. } | ExprKind::Pipe { lhs, .. } => {
            Some(lhs)
        }
        ExprKind::Call { callee, .. } => Some(callee),
        ExprKind::Method { receiver, .. } => (!is_place(frame, receiver)).then_some(receiver),
        ExprKind::Field { object, .. } | ExprKind::Index { object, .. } => Some(object),
        ExprKind::Try { operand, .. } => Some(operand),
        _ => None,
    }
}

/// Whether an expression is a variable or `self` followed by plain steps (LS 8.1).
pub(super) fn is_place(frame: &Frame, expr: &Expr) -> bool {
    let mut root = expr;
    loop {
        match &root.kind {
            ExprKind::Field { object, null_safe: false, .. } | ExprKind::Index { object, .. } => {
                root = object;
            }
            ExprKind::Name(_) | ExprKind::SelfRef => {
                return frame.unit.resolved().declared(root.id).is_some();
            }
            _ => return false,
        }
    }
}

fn try_operator(frame: &mut Frame, question: Span, value: Value) -> Eval {
    match frame.at(question, literal::try_operator(value))? {
        TryOutcome::Value(value) => Ok(value),
        TryOutcome::Return(value) if frame.is_outside_functions => {
            frame.at(question, Err(literal::try_at_top(value)))
        }
        TryOutcome::Return(value) => Err(Stop::Return(value)),
    }
}

pub(super) fn literal_value(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::NULL,
        Literal::Bool(v) => Value::bool(*v),
        Literal::Int(v) => Value::int(*v),
        Literal::Float(v) => Value::float(*v),
        Literal::Str(text) => Value::str(text),
    }
}

pub(super) fn binary_op(op: BinaryOp) -> BinOp {
    match op {
        BinaryOp::Add => BinOp::Add,
        BinaryOp::Sub => BinOp::Sub,
        BinaryOp::Mul => BinOp::Mul,
        BinaryOp::Div => BinOp::Div,
        BinaryOp::Mod => BinOp::Mod,
        BinaryOp::Eq => BinOp::Eq,
        BinaryOp::Ne => BinOp::Ne,
        BinaryOp::Lt => BinOp::Lt,
        BinaryOp::Gt => BinOp::Gt,
        BinaryOp::Le => BinOp::Le,
        BinaryOp::Ge => BinOp::Ge,
    }
}
