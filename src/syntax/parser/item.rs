//! Declarations: functions, structs, enums, imports, exports and tests.

use std::sync::Arc;

use super::{Context, Parse, Parser, is_name};
use crate::syntax::ast::{
    EnumDecl, Expr, ExprKind, FieldDecl, Func, Ident, Import, ImportWhat, Param, Receiver, Stmt,
    StmtKind, StructDecl, Test, TestKind, VariantDecl,
};
use crate::syntax::codes::Code;
use crate::syntax::source::Span;
use crate::syntax::token::TokenKind;

/// The parameter list of a function, in the making.
#[derive(Default)]
struct Signature {
    receiver: Option<Receiver>,
    params: Vec<Param>,
    rest: Option<Ident>,
    /// The dots of the rest parameter.
    dots: Option<Span>,
}

/// Where a function stands: only methods have a receiver.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    Method,
    Elsewhere,
}

impl Parser<'_> {
    // Functions

    /// Whether `func` or `async func` at hand is followed by a name (LS 3.3, rule 3).
    pub(super) fn declares_func(&self) -> bool {
        let func = usize::from(self.at(TokenKind::Async));
        let star = usize::from(self.ahead(func + 1).kind == TokenKind::Star);
        self.ahead(func).kind == TokenKind::Func
            && self.ahead(func + 1 + star).kind == TokenKind::Ident
    }

    pub(super) fn func_declaration(&mut self) -> Parse<StmtKind> {
        let func = self.func(Home::Elsewhere)?;
        // `declares_func` has seen the name.
        let Some(name) = func.name.clone() else { return Err(self.expected("a name")) };
        Ok(StmtKind::Func { name, func: Arc::new(func) })
    }

    #[inline(never)]
    pub(super) fn func_expr(&mut self) -> Parse<Box<Expr>> {
        let func = self.func(Home::Elsewhere)?;
        let span = func.span;
        Ok(self.expr_node(ExprKind::Func(Arc::new(func)), span))
    }

    fn method(&mut self) -> Parse<Arc<Func>> {
        if !self.declares_func() {
            self.eat(TokenKind::Async);
            self.expect(TokenKind::Func)?;
            self.eat(TokenKind::Star);
            return Err(self.expected("a method name"));
        }
        Ok(Arc::new(self.func(Home::Method)?))
    }

    fn func(&mut self, home: Home) -> Parse<Func> {
        let start = self.token().span;
        let is_async = self.eat(TokenKind::Async);
        self.expect(TokenKind::Func)?;
        let is_generator = self.eat(TokenKind::Star);
        let id = self.node();
        let name = if self.at(TokenKind::Ident) { Some(self.bump_name()) } else { None };
        let Signature { receiver, params, rest, .. } = self.signature(home)?;
        let result = self.result_type()?;
        let body = self.block()?;
        let span = self.since(start);
        Ok(Func { id, name, is_async, is_generator, receiver, params, rest, result, body, span })
    }

    fn signature(&mut self, home: Home) -> Parse<Signature> {
        if !self.at(TokenKind::LeftParen) {
            return Err(self.expected("'('"));
        }
        let inside = self.in_brackets()?;
        let mut signature = Signature::default();
        let open = self.pos;
        self.list(inside, TokenKind::RightParen, |parser| {
            let first = parser.pos == open + 1;
            let word = matches!(parser.kind(), TokenKind::SelfWord | TokenKind::Mut);
            if first && word && home == Home::Method {
                signature.receiver = Some(parser.receiver()?);
                return Ok(());
            }
            parser.param(&mut signature)
        })?;
        Ok(signature)
    }

    /// `self` or `mut self`.
    fn receiver(&mut self) -> Parse<Receiver> {
        let is_mut = self.eat(TokenKind::Mut);
        let span = self.expect(TokenKind::SelfWord)?;
        Ok(Receiver { is_mut, span, id: self.node() })
    }

    fn param(&mut self, signature: &mut Signature) -> Parse<()> {
        if let Some(dots) = signature.dots.take() {
            self.report(Code::P007, dots, "The rest element must be last");
        }
        let start = self.token().span;
        if self.eat(TokenKind::Ellipsis) {
            signature.rest = Some(self.ident("a name for the rest")?);
            signature.dots = Some(start);
            self.annotation()?;
            return Ok(());
        }
        let name = self.bind("a parameter name")?;
        let ty = self.annotation()?;
        let default = if self.eat(TokenKind::Equal) { Some(self.expr()?) } else { None };
        let follows_default = signature.params.last().is_some_and(|p| p.default.is_some());
        if default.is_none() && follows_default {
            let message = "A required parameter cannot follow a default parameter";
            self.report(Code::P008, start, message);
        }
        signature.params.push(Param { name, ty, default, span: self.since(start) });
        Ok(())
    }

    // Structs and enums

    pub(super) fn struct_declaration(&mut self) -> Parse<StmtKind> {
        let start = self.bump().span;
        let name = self.ident("a struct name")?;
        let open = self.expect(TokenKind::LeftBrace)?;
        let inside = Context { line_breaks: true, struct_literals: true, ..self.context };
        let (fields, methods) = self.within(inside, |parser| parser.members(open))?;
        let span = self.since(start);
        Ok(StmtKind::Struct(Arc::new(StructDecl { name, fields, methods, span })))
    }

    fn members(&mut self, open: Span) -> Parse<(Vec<FieldDecl>, Vec<Arc<Func>>)> {
        let (mut fields, mut methods) = (Vec::new(), Vec::new());
        loop {
            match self.kind() {
                TokenKind::Comma | TokenKind::Semicolon => {
                    self.bump();
                }
                TokenKind::Func | TokenKind::Async => methods.push(self.method()?),
                TokenKind::RightBrace => {
                    self.bump();
                    return Ok((fields, methods));
                }
                kind if is_name(kind) => fields.push(self.field()?),
                _ => return Err(self.unclosed("a field, a method or '}'", open)),
            }
        }
    }

    fn field(&mut self) -> Parse<FieldDecl> {
        let name = self.any_name("a field name")?;
        let ty = self.annotation()?;
        let default = if self.eat(TokenKind::Equal) { Some(self.expr()?) } else { None };
        Ok(FieldDecl { name, ty, default })
    }

    pub(super) fn enum_declaration(&mut self) -> Parse<StmtKind> {
        self.bump();
        let name = self.ident("an enum name")?;
        if !self.at(TokenKind::LeftBrace) {
            return Err(self.expected("'{'"));
        }
        let variants = self.list(self.context, TokenKind::RightBrace, |parser| {
            let name = parser.ident("a variant name")?;
            let has_payload = parser.at(TokenKind::LeftParen);
            let params = if has_payload { Some(parser.payload_types()?) } else { None };
            Ok(VariantDecl { name, params })
        })?;
        Ok(StmtKind::Enum(EnumDecl { name, variants }))
    }

    // Modules

    /// `import m`.
    pub(super) fn import(&mut self) -> Parse<StmtKind> {
        let start = self.bump().span;
        let path = vec![self.ident("a module name")?];
        let what = ImportWhat::Module { id: self.node() };
        Ok(StmtKind::Import(Import { span: self.since(start), path, what }))
    }

    /// `from a.b import x, y`.
    fn names_import(&mut self) -> Parse<StmtKind> {
        let start = self.bump().span;
        let mut path = vec![self.ident("a module name")?];
        while self.eat(TokenKind::Dot) {
            path.push(self.ident("a module name")?);
        }
        self.expect(TokenKind::Import)?;
        let mut names = vec![self.ident("a name")?];
        while self.eat(TokenKind::Comma) {
            names.push(self.ident("a name")?);
        }
        let what = ImportWhat::Names(names);
        Ok(StmtKind::Import(Import { span: self.since(start), path, what }))
    }

    pub(super) fn export(&mut self) -> Parse<StmtKind> {
        self.bump();
        let at = self.pos;
        if !self.exports() {
            return Err(self.expected("a declaration or an assignment"));
        }
        let stmt = self.statement()?;
        if is_exportable(&stmt) {
            return Ok(StmtKind::Export(Box::new(stmt)));
        }
        // Reported at the statement, which has been read as an expression.
        let after = std::mem::replace(&mut self.pos, at);
        let failed = self.expected("a declaration or an assignment");
        self.pos = after;
        Err(failed)
    }

    /// Whether the token at hand can begin what `export` exports.
    fn exports(&self) -> bool {
        matches!(
            self.kind(),
            TokenKind::Func
                | TokenKind::Async
                | TokenKind::Let
                | TokenKind::Mut
                | TokenKind::Const
                | TokenKind::Struct
                | TokenKind::Enum
                | TokenKind::Ident
                | TokenKind::Underscore
                | TokenKind::SelfWord
                | TokenKind::LeftBracket
                | TokenKind::LeftBrace
        )
    }

    // Tests

    /// What parses the statement at hand if it begins with a contextual word (LS 2.5).
    pub(super) fn contextual(&self) -> Option<fn(&mut Self) -> Parse<StmtKind>> {
        let next = self.ahead(1);
        if next.first_on_line {
            return None;
        }
        let before_string = matches!(next.kind, TokenKind::Str | TokenKind::StrHead);
        let before_block = next.kind == TokenKind::LeftBrace;
        match self.text_of(self.token().span) {
            "from" if next.kind == TokenKind::Ident => Some(Self::names_import),
            "test" if before_string => Some(|parser| {
                let name = parser.test_name()?;
                parser.test(TestKind::Test(name))
            }),
            "test_group" if before_string => Some(|parser| {
                let name = parser.test_name()?;
                parser.test(TestKind::Group(name))
            }),
            "test_setup" if before_block => Some(|parser| {
                parser.bump();
                parser.test(TestKind::Setup)
            }),
            "test_teardown" if before_block => Some(|parser| {
                parser.bump();
                parser.test(TestKind::Teardown)
            }),
            _ => None,
        }
    }

    fn test_name(&mut self) -> Parse<Arc<str>> {
        self.bump();
        if !self.at(TokenKind::Str) {
            return Err(self.expected("a string without interpolation"));
        }
        Ok(self.string_text())
    }

    fn test(&mut self, kind: TestKind) -> Parse<StmtKind> {
        let body = self.block()?;
        let other = |stmt: &&Stmt| !matches!(stmt.kind, StmtKind::Test(_)) && !is_error(stmt);
        if let (TestKind::Group(_), Some(stmt)) = (&kind, body.stmts.iter().find(other)) {
            let message = "Expected a test statement but found another statement";
            self.report(Code::P001, stmt.span, message);
        }
        Ok(StmtKind::Test(Test { kind, body }))
    }
}

/// Whether this is what recovery left of a statement.
fn is_error(stmt: &Stmt) -> bool {
    matches!(&stmt.kind, StmtKind::Expr(Expr { kind: ExprKind::Error, .. }))
}

fn is_exportable(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Func { .. }
        | StmtKind::Let { .. }
        | StmtKind::Const { .. }
        | StmtKind::Struct(_)
        | StmtKind::Enum(_)
        | StmtKind::Assign { .. }
        | StmtKind::Compound { .. }
        | StmtKind::Destructure { .. } => true,
        StmtKind::Expr(_) => is_error(stmt),
        StmtKind::Import(_)
        | StmtKind::Export(_)
        | StmtKind::If { .. }
        | StmtKind::While { .. }
        | StmtKind::Loop { .. }
        | StmtKind::For { .. }
        | StmtKind::Match(_)
        | StmtKind::Try { .. }
        | StmtKind::Return { .. }
        | StmtKind::Break
        | StmtKind::Continue
        | StmtKind::Test(_) => false,
    }
}
