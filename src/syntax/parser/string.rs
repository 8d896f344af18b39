//! String literals and interpolation.

use std::sync::Arc;

use super::{Parse, Parser};
use crate::syntax::ast::{Expr, ExprKind, Literal, StrPart};
use crate::syntax::codes::Code;
use crate::syntax::literal::unescape;
use crate::syntax::source::Span;
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    #[inline(never)]
    pub(super) fn plain_string(&mut self) -> Box<Expr> {
        let span = self.token().span;
        let kind = ExprKind::Literal(Literal::Str(self.string_text()));
        self.expr_node(kind, span)
    }

    /// Takes a string token without interpolation.
    pub(super) fn string_text(&mut self) -> Arc<str> {
        let span = self.bump().span;
        self.unquoted(span, 1)
    }

    /// The text of a string token, whose last `end` bytes are a quote or `${`.
    fn unquoted(&self, span: Span, end: usize) -> Arc<str> {
        let raw = self.text_of(span);
        unescape(&raw[1..raw.len() - end]).into()
    }

    /// `"text${e}text${e}text"`, at the `StrHead`.
    #[inline(never)]
    pub(super) fn interpolation(&mut self) -> Parse<Box<Expr>> {
        let start = self.token().span;
        let inside = self.in_brackets()?;
        let mut parts = Vec::new();
        loop {
            let open = self.bump().span;
            self.push_text(&mut parts, open, 2);
            let part = self.within(inside, |parser| parser.interpolated(open))?;
            parts.push(StrPart::Expr(part));
            if self.at(TokenKind::StrTail) {
                let tail = self.bump().span;
                self.push_text(&mut parts, tail, 1);
                break;
            }
            if !self.at(TokenKind::StrMid) {
                let dollar = Span::new(open.end - 2, open.end);
                return Err(self.unclosed("'}'", dollar));
            }
        }
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::Interpolation(parts), span))
    }

    fn push_text(&self, parts: &mut Vec<StrPart>, token: Span, end: usize) {
        let text = self.unquoted(token, end);
        if !text.is_empty() {
            parts.push(StrPart::Text(text));
        }
    }

    /// The expression after the string token `open`, which ends with `${`.
    fn interpolated(&mut self, open: Span) -> Parse<Expr> {
        if matches!(self.kind(), TokenKind::StrMid | TokenKind::StrTail) {
            let dollar = Span::new(open.end - 2, open.end);
            self.report(Code::P005, dollar, "Empty interpolation");
            return Ok(*self.expr_node(ExprKind::Error, dollar));
        }
        self.expr()
    }
}
