//! Constant folding: only what cannot raise, and only where the result is beyond doubt.

use ruff_runtime::bytecode::Const;

use crate::syntax::ast::{BinaryOp, UnaryOp};

/// Strings longer than this are built at run time.
const MAX_TEXT: usize = 1 << 12;

/// `lhs op rhs`, if it can be computed now.
pub(super) fn binary(op: BinaryOp, lhs: &Const, rhs: &Const) -> Option<Const> {
    match (lhs, rhs) {
        (Const::Int(a), Const::Int(b)) => ints(op, *a, *b),
        (Const::Float(a), Const::Float(b)) => floats(op, *a, *b),
        (Const::Str(a), Const::Str(b)) if op == BinaryOp::Add && a.len() + b.len() <= MAX_TEXT => {
            Some(Const::Str(format!("{a}{b}").into()))
        }
        _ => None,
    }
}

fn ints(op: BinaryOp, a: i64, b: i64) -> Option<Const> {
    Some(match op {
        BinaryOp::Add => Const::Int(a.checked_add(b)?),
        BinaryOp::Sub => Const::Int(a.checked_sub(b)?),
        BinaryOp::Mul => Const::Int(a.checked_mul(b)?),
        BinaryOp::Div => Const::Int(a.checked_div(b)?),
        BinaryOp::Mod => Const::Int(a.checked_rem(b)?),
        BinaryOp::Eq => Const::Bool(a == b),
        BinaryOp::Ne => Const::Bool(a != b),
        BinaryOp::Lt => Const::Bool(a < b),
        BinaryOp::Gt => Const::Bool(a > b),
        BinaryOp::Le => Const::Bool(a <= b),
        BinaryOp::Ge => Const::Bool(a >= b),
    })
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Option<Const> {
    Some(match op {
        BinaryOp::Add => Const::Float(a + b),
        BinaryOp::Sub => Const::Float(a - b),
        BinaryOp::Mul => Const::Float(a * b),
        BinaryOp::Div if b != 0.0 => Const::Float(a / b),
        BinaryOp::Mod if b != 0.0 => Const::Float(a % b),
        BinaryOp::Div | BinaryOp::Mod => return None,
        BinaryOp::Eq => Const::Bool(a == b),
        BinaryOp::Ne => Const::Bool(a != b),
        BinaryOp::Lt => Const::Bool(a < b),
        BinaryOp::Gt => Const::Bool(a > b),
        BinaryOp::Le => Const::Bool(a <= b),
        BinaryOp::Ge => Const::Bool(a >= b),
    })
}

/// `op value`, if it can be computed now.
pub(super) fn unary(op: UnaryOp, value: &Const) -> Option<Const> {
    match (op, value) {
        (UnaryOp::Neg, Const::Int(v)) => v.checked_neg().map(Const::Int),
        (UnaryOp::Neg, Const::Float(v)) => Some(Const::Float(-v)),
        (UnaryOp::Not, value) => Some(Const::Bool(!is_truthy(value))),
        (UnaryOp::Neg, Const::Null | Const::Bool(_) | Const::Str(_) | Const::None) => None,
    }
}

/// Truthiness (LS 4.3).
pub(super) fn is_truthy(value: &Const) -> bool {
    match value {
        Const::Null => false,
        Const::Bool(v) => *v,
        Const::Int(v) => *v != 0,
        Const::Float(v) => *v != 0.0,
        Const::Str(text) => !text.is_empty(),
        Const::None => true,
    }
}
