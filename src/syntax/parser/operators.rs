//! The operator table: which tokens are operators, how tightly they bind, what they mean.
//!
//! All binary operators are left associative; a higher power binds tighter.

use crate::syntax::ast::{BinaryOp, LogicOp};
use crate::syntax::token::TokenKind;

/// What a binary operator becomes in the tree.
#[derive(Clone, Copy)]
pub(super) enum Infix {
    Binary(BinaryOp),
    Logic(LogicOp),
    Pipe,
}

/// The binding power and meaning of a binary operator.
pub(super) fn infix(kind: TokenKind) -> Option<(u8, Infix)> {
    Some(match kind {
        TokenKind::Pipe => (1, Infix::Pipe),
        TokenKind::Coalesce => (2, Infix::Logic(LogicOp::Coalesce)),
        TokenKind::OrOr => (3, Infix::Logic(LogicOp::Or)),
        TokenKind::AndAnd => (4, Infix::Logic(LogicOp::And)),
        TokenKind::EqualEqual => (5, Infix::Binary(BinaryOp::Eq)),
        TokenKind::NotEqual => (5, Infix::Binary(BinaryOp::Ne)),
        TokenKind::Less => (6, Infix::Binary(BinaryOp::Lt)),
        TokenKind::Greater => (6, Infix::Binary(BinaryOp::Gt)),
        TokenKind::LessEqual => (6, Infix::Binary(BinaryOp::Le)),
        TokenKind::GreaterEqual => (6, Infix::Binary(BinaryOp::Ge)),
        TokenKind::Plus => (7, Infix::Binary(BinaryOp::Add)),
        TokenKind::Minus => (7, Infix::Binary(BinaryOp::Sub)),
        TokenKind::Star => (8, Infix::Binary(BinaryOp::Mul)),
        TokenKind::Slash => (8, Infix::Binary(BinaryOp::Div)),
        TokenKind::Percent => (8, Infix::Binary(BinaryOp::Mod)),
        _ => return None,
    })
}

/// The operator of a compound assignment such as `+=`.
pub(super) fn compound(kind: TokenKind) -> Option<BinaryOp> {
    Some(match kind {
        TokenKind::PlusEqual => BinaryOp::Add,
        TokenKind::MinusEqual => BinaryOp::Sub,
        TokenKind::StarEqual => BinaryOp::Mul,
        TokenKind::SlashEqual => BinaryOp::Div,
        TokenKind::PercentEqual => BinaryOp::Mod,
        _ => return None,
    })
}

/// Whether the token is `:=` or `=`.
pub(super) fn assigns(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Assign | TokenKind::Equal)
}
