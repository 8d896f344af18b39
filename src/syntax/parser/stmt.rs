//! Statements other than declarations: blocks, assignments and control flow.

use super::operators::{assigns, compound};
use super::pattern::Purpose;
use super::{Context, MAX_BLOCKS, Parse, Parser};
use crate::syntax::ast::Ident;
use crate::syntax::ast::{
    Block, Case, Else, Expr, ExprKind, Match, Pattern, Place, PlaceRoot, Step, Stmt, StmtKind,
};
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Span;
use crate::syntax::token::TokenKind;

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> Parse<Stmt> {
        let start = self.token().span;
        let parse = self.statement_parser();
        let kind = parse(self)?;
        Ok(Stmt { kind, span: self.since(start) })
    }

    /// Which function parses the statement at hand: a pointer, so that the stack frame of
    /// [`Parser::statement`] has room for one statement instead of one per kind.
    fn statement_parser(&self) -> fn(&mut Self) -> Parse<StmtKind> {
        match self.kind() {
            TokenKind::Let | TokenKind::Mut => Self::let_statement,
            TokenKind::Const => Self::const_statement,
            TokenKind::Struct => Self::struct_declaration,
            TokenKind::Enum => Self::enum_declaration,
            TokenKind::Import => Self::import,
            TokenKind::Export => Self::export,
            TokenKind::If => Self::if_statement,
            TokenKind::While => Self::while_statement,
            TokenKind::Loop => Self::loop_statement,
            TokenKind::For => Self::for_statement,
            TokenKind::Match => Self::match_statement,
            TokenKind::Try => Self::try_statement,
            TokenKind::Return => Self::return_statement,
            TokenKind::Break => Self::break_statement,
            TokenKind::Continue => Self::continue_statement,
            TokenKind::Func | TokenKind::Async if self.declares_func() => Self::func_declaration,
            TokenKind::LeftBracket | TokenKind::LeftBrace if self.destructures() => {
                Self::destructuring
            }
            TokenKind::Underscore if self.discards() => Self::discard,
            TokenKind::Ident => self.contextual().unwrap_or(Self::assignment_or_expr),
            TokenKind::RightBrace
            | TokenKind::RightParen
            | TokenKind::RightBracket
            | TokenKind::Else
            | TokenKind::Except
            | TokenKind::Case => |parser| Err(parser.expected("a statement")),
            _ => Self::assignment_or_expr,
        }
    }

    /// `{ ... }`.
    pub(super) fn block(&mut self) -> Parse<Block> {
        let (at, open) = (self.pos, self.token().span);
        if !self.at(TokenKind::LeftBrace) {
            return Err(self.no_block());
        }
        if self.context.blocks == MAX_BLOCKS {
            let message = format!("Blocks nested too deeply (limit {MAX_BLOCKS})");
            return Err(self.abort(Code::P004, open, &message));
        }
        self.bump();
        let id = self.node();
        let closer = self.closers[at] as usize;
        let inside = Context {
            line_breaks: true,
            struct_literals: true,
            nesting: 0,
            blocks: self.context.blocks + 1,
            end: if closer < self.tokens.len() { closer } else { self.context.end },
            ..self.context
        };
        let stmts = self.within(inside, Self::statements);
        self.close(TokenKind::RightBrace, open)?;
        Ok(Block { id, stmts, span: self.since(open) })
    }

    #[cold]
    fn no_block(&mut self) -> super::Failed {
        if let Some(mut diagnostic) = self.expectation("'{'") {
            if assigns(self.kind()) {
                diagnostic = diagnostic.with_note("use '==' to compare");
            }
            self.record(diagnostic);
        }
        super::Failed
    }

    fn break_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        Ok(StmtKind::Break)
    }

    fn continue_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        Ok(StmtKind::Continue)
    }

    // Assignments

    /// `:= value` or `= value`.
    pub(super) fn assigned(&mut self) -> Parse<Expr> {
        if !assigns(self.kind()) {
            return Err(self.expected("':='"));
        }
        self.bump();
        self.expr()
    }

    fn let_statement(&mut self) -> Parse<StmtKind> {
        if self.bump().kind == TokenKind::Let {
            self.eat(TokenKind::Mut);
        }
        let pattern = self.pattern(Purpose::Declare)?;
        let ty = self.annotation()?;
        Ok(StmtKind::Let { pattern, ty, value: self.assigned()? })
    }

    fn const_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        let name = self.ident("a name")?;
        let ty = self.annotation()?;
        Ok(StmtKind::Const { name, ty, value: self.assigned()? })
    }

    /// Whether an assignment follows the bracket at hand (LS 3.3, rule 1).
    fn destructures(&self) -> bool {
        let after = self.closers[self.pos] as usize + 1;
        self.tokens.get(after).is_some_and(|token| assigns(token.kind))
    }

    fn destructuring(&mut self) -> Parse<StmtKind> {
        let pattern = self.pattern(Purpose::Assign)?;
        Ok(StmtKind::Destructure { pattern, value: self.assigned()? })
    }

    fn discards(&self) -> bool {
        let next = self.ahead(1).kind;
        assigns(next) || next == TokenKind::Colon
    }

    /// `_ := value`.
    fn discard(&mut self) -> Parse<StmtKind> {
        let pattern = Pattern::Wildcard(self.bump().span);
        self.annotation()?;
        Ok(StmtKind::Destructure { pattern, value: self.assigned()? })
    }

    fn assignment_or_expr(&mut self) -> Parse<StmtKind> {
        if self.at(TokenKind::Ident) && self.ahead(1).kind == TokenKind::Colon {
            return self.typed_assignment();
        }
        let target = self.expr()?;
        let operator = self.token();
        let op = compound(operator.kind);
        if op.is_none() && !assigns(operator.kind) {
            self.check_end(&target)?;
            return Ok(StmtKind::Expr(target));
        }
        let (span, is_error) = (target.span, matches!(target.kind, ExprKind::Error));
        let place = into_place(target);
        if place.is_none() && !is_error {
            self.report(Code::P002, span, "Invalid assignment target");
        }
        self.bump();
        let value = self.expr()?;
        Ok(match (place, op) {
            (None, _) => StmtKind::Expr(*self.expr_node(ExprKind::Error, span)),
            (Some(place), None) => StmtKind::Assign { place, ty: None, value },
            (Some(place), Some(op)) => {
                StmtKind::Compound { place, op, op_span: operator.span, value }
            }
        })
    }

    /// `name: type := value`.
    fn typed_assignment(&mut self) -> Parse<StmtKind> {
        let name = self.bump_name();
        let span = name.span;
        let ty = self.annotation()?;
        let place = Place { root: PlaceRoot::Name(name), steps: Vec::new(), span };
        Ok(StmtKind::Assign { place, ty, value: self.assigned()? })
    }

    /// After a name or literal as a statement, another one must be separated (LS 3.2, rule 5).
    fn check_end(&mut self, expr: &Expr) -> Parse<()> {
        let bare = matches!(
            expr.kind,
            ExprKind::Name(_)
                | ExprKind::SelfRef
                | ExprKind::Literal(_)
                | ExprKind::Interpolation(_)
        );
        let token = self.token();
        let ended = token.first_on_line
            || matches!(token.kind, TokenKind::Semicolon | TokenKind::RightBrace | TokenKind::Eof);
        if bare && !ended { Err(self.expected("a new line or ';'")) } else { Ok(()) }
    }

    // Control flow

    /// An `if` with its `else` arms, in a loop: a chain of `else if` may be long.
    fn if_statement(&mut self) -> Parse<StmtKind> {
        let mut arms: Vec<(Span, Expr, Block)> = Vec::new();
        let mut last = None;
        loop {
            let start = self.bump().span;
            let cond = self.head()?;
            arms.push((start, cond, self.block()?));
            if !self.eat(TokenKind::Else) {
                break;
            }
            if !self.at(TokenKind::If) {
                last = Some(Box::new(Else::Block(self.block()?)));
                break;
            }
        }
        let mut otherwise = last;
        loop {
            // The loop above has pushed at least one arm.
            let Some((start, cond, then)) = arms.pop() else { return Err(super::Failed) };
            let kind = StmtKind::If { cond, then, otherwise };
            if arms.is_empty() {
                return Ok(kind);
            }
            otherwise = Some(Box::new(Else::If(Stmt { kind, span: self.since(start) })));
        }
    }

    fn while_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        let cond = self.head()?;
        Ok(StmtKind::While { cond, body: self.block()? })
    }

    fn loop_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        if self.at(TokenKind::While) {
            return self.while_statement();
        }
        Ok(StmtKind::Loop { body: self.block()? })
    }

    fn for_statement(&mut self) -> Parse<StmtKind> {
        let for_span = self.bump().span;
        let pattern = self.pattern(Purpose::Declare)?;
        self.expect(TokenKind::In)?;
        let iterable = self.head()?;
        Ok(StmtKind::For { for_span, pattern, iterable, body: self.block()? })
    }

    fn try_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        let body = self.block()?;
        self.expect(TokenKind::Except)?;
        let name = if self.at(TokenKind::LeftBrace) { None } else { self.bind("a name or '{'")? };
        Ok(StmtKind::Try { body, name, handler: self.block()? })
    }

    fn return_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        let value = if self.ends_value() { None } else { Some(self.expr()?) };
        Ok(StmtKind::Return { value })
    }

    fn match_statement(&mut self) -> Parse<StmtKind> {
        self.bump();
        let subject = self.head()?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let inside = Context { line_breaks: true, struct_literals: true, ..self.context };
        let (cases, default) = self.within(inside, Self::cases)?;
        if !self.eat(TokenKind::RightBrace) {
            return Err(self.unclosed("'case', 'default' or '}'", open));
        }
        Ok(StmtKind::Match(Match { subject, cases, default }))
    }

    fn cases(&mut self) -> Parse<(Vec<Case>, Option<Block>)> {
        let mut cases = Vec::new();
        let mut default = None;
        loop {
            let span = self.token().span;
            if self.eat(TokenKind::Case) {
                cases.push(self.case()?);
            } else if self.at(TokenKind::Ident) && self.text_of(span) == "default" {
                self.bump();
                self.eat(TokenKind::Colon);
                if default.is_some() {
                    self.record(Diagnostic::error(
                        Code::P009,
                        span,
                        "A match can have only one default",
                    ));
                }
                default = Some(self.block()?);
            } else {
                return Ok((cases, default));
            }
        }
    }

    fn case(&mut self) -> Parse<Case> {
        let patterns = self.alternatives()?;
        let guard = if self.eat(TokenKind::If) { Some(self.head()?) } else { None };
        self.eat(TokenKind::Colon);
        Ok(Case { patterns, guard, body: self.block()? })
    }
}

/// The place an expression denotes, if it does.
fn into_place(mut expr: Expr) -> Option<Place> {
    let span = expr.span;
    let mut steps = Vec::new();
    let root = loop {
        let id = expr.id;
        let kind = std::mem::replace(&mut expr.kind, ExprKind::Error);
        expr = match kind {
            ExprKind::Field { object, null_safe: false, name } => {
                steps.push(Step::Field(name));
                *object
            }
            ExprKind::Index { object, open, index } => {
                steps.push(Step::Index { open, index: *index });
                *object
            }
            ExprKind::Name(name) => break PlaceRoot::Name(Ident { name, span: expr.span, id }),
            ExprKind::SelfRef => break PlaceRoot::SelfRef { span: expr.span, id },
            _ => return None,
        };
    };
    steps.reverse();
    Some(Place { root, steps, span })
}
