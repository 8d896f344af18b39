//! Expressions: precedence climbing, prefix operators, postfix steps and primaries.
//!
//! Nesting is recursion here, so stack frames are kept small: expressions travel boxed, and what
//! a primary or step needs is kept out of line.

use std::sync::Arc;

use super::operators::{Infix, assigns, infix};
use super::{MAX_CHAIN, Parse, Parser, is_name};
use crate::syntax::ast::{Arg, Elem, Entry, Expr, ExprKind, Ident, Literal, UnaryOp};
use crate::syntax::codes::Code;
use crate::syntax::literal;
use crate::syntax::source::Span;
use crate::syntax::token::{Token, TokenKind};

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Parse<Expr> {
        Ok(*self.boxed()?)
    }

    fn boxed(&mut self) -> Parse<Box<Expr>> {
        self.binary(0)
    }

    /// The head of a statement with a block: a `{` after a name begins the block.
    pub(super) fn head(&mut self) -> Parse<Expr> {
        let context = super::Context { struct_literals: false, ..self.context };
        self.within(context, Self::expr)
    }

    /// Operators that bind tighter than `power`, and their operands.
    fn binary(&mut self, power: u8) -> Parse<Box<Expr>> {
        let mut lhs = self.unary()?;
        let mut chain = self.chain;
        while let Some((tighter, operator)) = infix(self.kind()) {
            if tighter <= power {
                break;
            }
            let op_span = self.bump().span;
            self.link(&mut chain, op_span)?;
            let rhs = self.binary(tighter)?;
            lhs = self.infix_node(operator, op_span, lhs, rhs);
        }
        self.chain = chain;
        Ok(lhs)
    }

    fn infix_node(
        &mut self,
        operator: Infix,
        op_span: Span,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    ) -> Box<Expr> {
        let span = lhs.span.to(rhs.span);
        let kind = match operator {
            Infix::Binary(op) => ExprKind::Binary { op, op_span, lhs, rhs },
            Infix::Logic(op) => ExprKind::Logic { op, lhs, rhs },
            Infix::Pipe => ExprKind::Pipe { op_span, lhs, rhs },
        };
        self.expr_node(kind, span)
    }

    /// Counts one more link of a chain.
    fn link(&mut self, chain: &mut u32, at: Span) -> Parse<()> {
        *chain += 1;
        if *chain <= MAX_CHAIN { Ok(()) } else { Err(self.nested_too_deeply(at)) }
    }

    fn unary(&mut self) -> Parse<Box<Expr>> {
        match self.kind() {
            TokenKind::Minus | TokenKind::Bang | TokenKind::Await => {
                let operand = self.prefix();
                self.chain = 0;
                operand
            }
            _ => {
                let primary = self.primary()?;
                self.postfix(primary)
            }
        }
    }

    #[inline(never)]
    fn prefix(&mut self) -> Parse<Box<Expr>> {
        if let Some(smallest) = self.smallest_int() {
            return Ok(smallest);
        }
        let inside = self.deeper()?;
        let token = self.bump();
        let operand = self.within(inside, Self::unary)?;
        let (op_span, span) = (token.span, token.span.to(operand.span));
        let kind = match token.kind {
            TokenKind::Minus => ExprKind::Unary { op: UnaryOp::Neg, op_span, operand },
            TokenKind::Bang => ExprKind::Unary { op: UnaryOp::Not, op_span, operand },
            _ => ExprKind::Await { await_span: op_span, operand },
        };
        Ok(self.expr_node(kind, span))
    }

    /// `-9223372036854775808`, unless a postfix step makes something else the operand of `-`.
    fn smallest_int(&mut self) -> Option<Box<Expr>> {
        let (minus, number) = (self.token(), self.ahead(1));
        if minus.kind != TokenKind::Minus
            || number.kind != TokenKind::Int
            || literal::int(self.text_of(number.span)) != Some(literal::MIN_INT_MAGNITUDE)
            || self.is_step(self.ahead(2))
        {
            return None;
        }
        self.bump();
        self.bump();
        let kind = ExprKind::Literal(Literal::Int(i64::MIN));
        Some(self.expr_node(kind, minus.span.to(number.span)))
    }

    /// Whether `token` continues the expression before it as a postfix step.
    fn is_step(&self, token: Token) -> bool {
        match token.kind {
            TokenKind::LeftParen | TokenKind::LeftBracket => {
                !(token.first_on_line && self.context.line_breaks)
            }
            TokenKind::Dot | TokenKind::QuestionDot | TokenKind::Question => true,
            _ => false,
        }
    }

    fn postfix(&mut self, primary: Box<Expr>) -> Parse<Box<Expr>> {
        let mut expr = primary;
        let mut chain = 0;
        while self.is_step(self.token()) {
            self.link(&mut chain, self.token().span)?;
            expr = self.step(expr)?;
        }
        self.chain = chain;
        Ok(expr)
    }

    fn step(&mut self, left: Box<Expr>) -> Parse<Box<Expr>> {
        match self.kind() {
            TokenKind::LeftParen => self.call(left),
            TokenKind::LeftBracket => self.index(left),
            TokenKind::Question => Ok(self.try_step(left)),
            _ => self.member(left),
        }
    }

    #[inline(never)]
    fn call(&mut self, callee: Box<Expr>) -> Parse<Box<Expr>> {
        let (start, callee_end) = (callee.span, self.previous());
        let args = self.args()?;
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::Call { callee, callee_end, args }, span))
    }

    #[inline(never)]
    fn index(&mut self, object: Box<Expr>) -> Parse<Box<Expr>> {
        let inside = self.in_brackets()?;
        let open = self.bump().span;
        let index = self.within(inside, Self::boxed)?;
        self.close(TokenKind::RightBracket, open)?;
        let span = self.since(object.span);
        Ok(self.expr_node(ExprKind::Index { object, open, index }, span))
    }

    fn try_step(&mut self, operand: Box<Expr>) -> Box<Expr> {
        let question = self.bump().span;
        let span = operand.span.to(question);
        self.expr_node(ExprKind::Try { operand, question }, span)
    }

    /// `.name` and `?.name`, with arguments or without.
    #[inline(never)]
    fn member(&mut self, left: Box<Expr>) -> Parse<Box<Expr>> {
        let start = left.span;
        let null_safe = self.bump().kind == TokenKind::QuestionDot;
        let name = self.any_name("a field or method name")?;
        if self.at(TokenKind::LeftParen) && self.is_step(self.token()) {
            let args = self.args()?;
            let span = self.since(start);
            let kind = ExprKind::Method { receiver: left, null_safe, name, args };
            return Ok(self.expr_node(kind, span));
        }
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::Field { object: left, null_safe, name }, span))
    }

    pub(super) fn close(&mut self, closer: TokenKind, open: Span) -> Parse<()> {
        if self.eat(closer) { Ok(()) } else { Err(self.unclosed(closer.describe(), open)) }
    }

    /// `open item, item, closer` with an optional comma at the end, in the context `inside`.
    pub(super) fn list<T>(
        &mut self,
        inside: super::Context,
        closer: TokenKind,
        mut item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        let open = self.bump().span;
        self.within(inside, |parser| {
            let mut items = Vec::new();
            while !parser.at(closer) {
                items.push(item(parser)?);
                if !parser.eat(TokenKind::Comma) {
                    break;
                }
            }
            if parser.eat(closer) {
                return Ok(items);
            }
            let what = format!("',' or {}", closer.describe());
            Err(parser.unclosed(if items.is_empty() { closer.describe() } else { &what }, open))
        })
    }

    /// The arguments of a call, at the `(`.
    fn args(&mut self) -> Parse<Vec<Arg>> {
        let inside = self.in_brackets()?;
        self.list(inside, TokenKind::RightParen, Self::arg)
    }

    fn arg(&mut self) -> Parse<Arg> {
        let (token, next) = (self.token(), self.ahead(1).kind);
        let named = is_name(token.kind) || token.kind == TokenKind::Underscore;
        if named && (assigns(next) || next == TokenKind::Colon) {
            self.report(Code::P006, token.span, "Keyword arguments are not supported");
            self.bump();
            self.bump();
        }
        self.elem()
    }

    fn elem(&mut self) -> Parse<Elem> {
        if self.at(TokenKind::Ellipsis) {
            let dots = self.bump().span;
            return Ok(Elem::Spread(dots, self.expr()?));
        }
        Ok(Elem::Value(self.expr()?))
    }

    fn primary(&mut self) -> Parse<Box<Expr>> {
        match self.kind() {
            TokenKind::Ident => self.name_or_literal(),
            TokenKind::Int | TokenKind::Float => self.number(),
            TokenKind::Str => Ok(self.plain_string()),
            TokenKind::StrHead => self.interpolation(),
            TokenKind::True | TokenKind::False | TokenKind::Null | TokenKind::SelfWord => {
                Ok(self.word_value())
            }
            TokenKind::LeftParen => self.paren(),
            TokenKind::LeftBracket => self.array(),
            TokenKind::LeftBrace => self.dict(),
            TokenKind::Func => self.func_expr(),
            TokenKind::Async if self.ahead(1).kind == TokenKind::Func => self.func_expr(),
            TokenKind::Yield => self.yield_expr(),
            TokenKind::Spawn => self.spawn(),
            TokenKind::Underscore => Ok(self.placeholder()),
            _ => Err(self.expected("an expression")),
        }
    }

    fn word_value(&mut self) -> Box<Expr> {
        let kind = match self.kind() {
            TokenKind::True => ExprKind::Literal(Literal::Bool(true)),
            TokenKind::False => ExprKind::Literal(Literal::Bool(false)),
            TokenKind::Null => ExprKind::Literal(Literal::Null),
            _ => ExprKind::SelfRef,
        };
        self.leaf(kind)
    }

    fn placeholder(&mut self) -> Box<Expr> {
        self.report(Code::P010, self.token().span, "'_' is not a value");
        self.leaf(ExprKind::Error)
    }

    fn leaf(&mut self, kind: ExprKind) -> Box<Expr> {
        let span = self.bump().span;
        self.expr_node(kind, span)
    }

    #[inline(never)]
    fn number(&mut self) -> Parse<Box<Expr>> {
        let value = self.number_value(false);
        Ok(self.leaf(ExprKind::Literal(value)))
    }

    /// The value of the number token at hand, negated if `negative`; the token stays.
    pub(super) fn number_value(&mut self, negative: bool) -> Literal {
        let token = self.token();
        let text = self.text_of(token.span);
        if token.kind == TokenKind::Float {
            let value = literal::float(text).unwrap_or(f64::NAN);
            return Literal::Float(if negative { -value } else { value });
        }
        let magnitude = literal::int(text).unwrap_or(u64::MAX);
        let value =
            if negative { 0i64.checked_sub_unsigned(magnitude) } else { magnitude.try_into().ok() };
        if value.is_none() {
            let message = format!("Numeric literal overflow: {text}");
            self.report(Code::L006, token.span, message);
        }
        Literal::Int(value.unwrap_or(0))
    }

    /// A name, or the literal or tag that it begins, possibly after `module.`.
    #[inline(never)]
    fn name_or_literal(&mut self) -> Parse<Box<Expr>> {
        let prefixed =
            self.ahead(1).kind == TokenKind::Dot && self.ahead(2).kind == TokenKind::Ident;
        let name_at = if prefixed { 2 } else { 0 };
        if self.ahead(name_at + 1).kind == TokenKind::ColonColon {
            return self.tag(prefixed);
        }
        if self.begins_fields(name_at + 1) {
            return self.struct_literal(prefixed);
        }
        Ok(self.name())
    }

    fn name(&mut self) -> Box<Expr> {
        let span = self.bump().span;
        let name = self.intern(self.text_of(span));
        self.expr_node(ExprKind::Name(name), span)
    }

    /// Whether the token `ahead` is the `{` of a struct literal.
    fn begins_fields(&self, ahead: usize) -> bool {
        let brace = self.ahead(ahead);
        let first = self.ahead(ahead + 1).kind;
        brace.kind == TokenKind::LeftBrace
            && !brace.first_on_line
            && self.context.struct_literals
            && (first == TokenKind::RightBrace
                || is_name(first) && self.ahead(ahead + 2).kind == TokenKind::Colon)
    }

    fn module_prefix(&mut self, prefixed: bool) -> Option<Ident> {
        prefixed.then(|| {
            let module = self.bump_name();
            self.bump();
            module
        })
    }

    #[inline(never)]
    fn tag(&mut self, prefixed: bool) -> Parse<Box<Expr>> {
        let start = self.token().span;
        let module = self.module_prefix(prefixed);
        let enum_name = self.bump_name();
        self.bump();
        let variant = self.ident("a variant name")?;
        let call = self.at(TokenKind::LeftParen) && self.is_step(self.token());
        let args = if call { Some(self.args()?) } else { None };
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::Tag { module, enum_name, variant, args }, span))
    }

    #[inline(never)]
    fn struct_literal(&mut self, prefixed: bool) -> Parse<Box<Expr>> {
        let start = self.token().span;
        let module = self.module_prefix(prefixed);
        let name = self.bump_name();
        let inside = self.in_braces()?;
        let fields = self.list(inside, TokenKind::RightBrace, |parser| {
            let field = parser.any_name("a field name")?;
            parser.expect(TokenKind::Colon)?;
            Ok((field, parser.expr()?))
        })?;
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::StructLit { module, name, fields }, span))
    }

    fn paren(&mut self) -> Parse<Box<Expr>> {
        let inside = self.in_brackets()?;
        let open = self.bump().span;
        let expr = self.within(inside, Self::boxed)?;
        self.close(TokenKind::RightParen, open)?;
        let span = self.since(open);
        Ok(self.expr_node(ExprKind::Paren(expr), span))
    }

    #[inline(never)]
    fn array(&mut self) -> Parse<Box<Expr>> {
        let start = self.token().span;
        let inside = self.in_brackets()?;
        let elems = self.list(inside, TokenKind::RightBracket, Self::elem)?;
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::Array(elems), span))
    }

    #[inline(never)]
    fn dict(&mut self) -> Parse<Box<Expr>> {
        let start = self.token().span;
        let inside = self.in_braces()?;
        let entries = self.list(inside, TokenKind::RightBrace, Self::entry)?;
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::Dict(entries), span))
    }

    fn entry(&mut self) -> Parse<Entry> {
        if self.at(TokenKind::Ellipsis) {
            let dots = self.bump().span;
            let value = self.boxed()?;
            return Ok(Entry::Spread(dots, *value));
        }
        let is_value = matches!(
            self.kind(),
            TokenKind::Null | TokenKind::True | TokenKind::False | TokenKind::SelfWord
        );
        if is_name(self.kind()) && !is_value && self.ahead(1).kind == TokenKind::Colon {
            let name = self.bump_name();
            self.bump();
            let value = self.boxed()?;
            return Ok(Entry::Bare(name, *value));
        }
        let key = self.boxed()?;
        self.expect(TokenKind::Colon)?;
        let value = self.boxed()?;
        Ok(Entry::Keyed(*key, *value))
    }

    #[inline(never)]
    fn yield_expr(&mut self) -> Parse<Box<Expr>> {
        let inside = self.deeper()?;
        let yield_span = self.bump().span;
        let value = if self.ends_value() { None } else { Some(self.within(inside, Self::boxed)?) };
        let span = self.since(yield_span);
        Ok(self.expr_node(ExprKind::Yield { yield_span, value }, span))
    }

    /// Whether `return` or `yield` just before this token has no value (LS 3.2, rule 3).
    pub(super) fn ends_value(&self) -> bool {
        let token = self.token();
        token.first_on_line
            || matches!(
                token.kind,
                TokenKind::RightBrace
                    | TokenKind::StrMid
                    | TokenKind::StrTail
                    | TokenKind::Semicolon
                    | TokenKind::RightParen
                    | TokenKind::RightBracket
                    | TokenKind::Comma
                    | TokenKind::Eof
            )
    }

    #[inline(never)]
    fn spawn(&mut self) -> Parse<Box<Expr>> {
        let start = self.bump().span;
        let body = Arc::new(self.block()?);
        let span = self.since(start);
        Ok(self.expr_node(ExprKind::Spawn { body }, span))
    }
}
