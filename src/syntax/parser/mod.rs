//! Tokens to syntax tree: recursive descent, precedence climbing for operators.
//!
//! Parsing never fails. An error inside a statement is recorded once and returned as [`Failed`]
//! up to the enclosing block, which skips to the next statement (see [`Parser::synchronise`]);
//! an `ExprKind::Error` stands where it was. Nesting is limited, so recursion is too: by
//! [`MAX_NESTING`] within a block, by [`MAX_BLOCKS`] blocks, by [`MAX_TOTAL_NESTING`] over all of
//! them. Exceeding a limit ends parsing with that one error.
//!
//! Native stack: an optimised build needs at most about 3 MiB for the worst text, a debug build
//! about 6 MiB; ordinary programs need a few KiB.
//!
//! Start reading at [`parse`], then `stmt.rs` and `expr.rs`.

mod expr;
mod item;
mod operators;
mod pattern;
mod stmt;
mod string;
#[cfg(test)]
mod tests;
mod types;

use std::collections::HashMap;
use std::sync::Arc;

use super::ast::{Block, Expr, ExprKind, File, Ident, NodeId, Stmt, StmtKind};
use super::codes::Code;
use super::diagnostic::Diagnostic;
use super::lexer::{MAX_DIAGNOSTICS, lex};
use super::source::{Source, Span};
use super::token::{Token, TokenKind};

/// Nesting of brackets, prefix operators and interpolations between two blocks.
pub const MAX_NESTING: u32 = 256;
/// The same, added up over the enclosing blocks.
pub const MAX_TOTAL_NESTING: u32 = 1_024;
/// Nesting of blocks; `else if` counts as one level with its `if`.
pub const MAX_BLOCKS: u32 = 128;
/// Binary operators and postfix steps in one chain.
pub const MAX_CHAIN: u32 = 10_000;

/// What [`parse`] makes of a file.
#[derive(Debug)]
pub struct Parsed {
    /// Complete only if there are no diagnostics.
    pub file: File,
    /// Lexical and syntax errors in text order.
    pub diagnostics: Vec<Diagnostic>,
    /// Texts that are no statements; the tree has an error where they were.
    pub skipped: Vec<Span>,
    /// Every bracket has its partner.
    pub is_balanced: bool,
}

/// Parses a file.
pub fn parse(source: &Source) -> Parsed {
    parse_tokens(source, lex(source))
}

/// Parses what the lexer made of a file.
pub fn parse_tokens(source: &Source, (tokens, lexical): (Vec<Token>, Vec<Diagnostic>)) -> Parsed {
    let mut parser = Parser::new(&source.text, tokens, lexical);
    let is_balanced = is_balanced(&parser.tokens, &parser.closers);
    let id = parser.node();
    let stmts = parser.statements();
    let span = Span::new(0, source.text.len() as u32);
    let file = File { body: Block { id, stmts, span }, n_nodes: parser.n_nodes };
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    Parsed { file, diagnostics, skipped: parser.skipped, is_balanced }
}

/// The statement cannot be parsed any further; its diagnostic has been recorded.
#[derive(Debug, Clone, Copy)]
struct Failed;

type Parse<T> = Result<T, Failed>;

/// What the surroundings of the current token mean for it.
#[derive(Clone, Copy)]
struct Context {
    /// A `(` or `[` at the start of a line begins a statement (LS 3.2, rule 1).
    line_breaks: bool,
    /// `NAME {` may begin a struct literal (LS 3.3, rule 2).
    struct_literals: bool,
    /// Nesting since the innermost block.
    nesting: u32,
    total_nesting: u32,
    blocks: u32,
    /// Index of the token that ends the innermost closed block.
    end: usize,
}

struct Parser<'s> {
    text: &'s str,
    /// Ends with `Eof`.
    tokens: Vec<Token>,
    /// For every token: the index of the bracket that closes it, or [`NONE`].
    closers: Vec<u32>,
    pos: usize,
    context: Context,
    /// Links of the chain parsed last.
    chain: u32,
    n_nodes: u32,
    names: HashMap<&'s str, Arc<str>>,
    diagnostics: Vec<Diagnostic>,
    skipped: Vec<Span>,
    /// A limit was exceeded; nothing is reported any more.
    aborted: bool,
}

const NONE: u32 = u32::MAX;

impl<'s> Parser<'s> {
    fn new(text: &'s str, tokens: Vec<Token>, diagnostics: Vec<Diagnostic>) -> Self {
        let context = Context {
            line_breaks: true,
            struct_literals: true,
            nesting: 0,
            total_nesting: 0,
            blocks: 0,
            end: tokens.len() - 1,
        };
        Parser {
            text,
            closers: closers(&tokens),
            tokens,
            pos: 0,
            context,
            chain: 0,
            n_nodes: 0,
            names: HashMap::new(),
            diagnostics,
            skipped: Vec::new(),
            aborted: false,
        }
    }

    fn node(&mut self) -> NodeId {
        let id = NodeId(self.n_nodes);
        self.n_nodes += 1;
        id
    }

    /// Boxed, because expressions are large and passing them by value costs stack.
    fn expr_node(&mut self, kind: ExprKind, span: Span) -> Box<Expr> {
        Box::new(Expr { id: self.node(), kind, span })
    }

    // Tokens

    fn token(&self) -> Token {
        self.tokens[self.pos]
    }

    /// The token `ahead` places further on, `Eof` beyond the end.
    fn ahead(&self, ahead: usize) -> Token {
        self.tokens[(self.pos + ahead).min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    fn at(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    /// The token before the current one.
    fn previous(&self) -> Span {
        self.tokens[self.pos.saturating_sub(1)].span
    }

    /// From `start` to the end of the token before the current one.
    fn since(&self, start: Span) -> Span {
        start.to(self.previous())
    }

    fn text_of(&self, span: Span) -> &'s str {
        &self.text[span.start as usize..span.end as usize]
    }

    /// Takes the current token; `Eof` stays.
    fn bump(&mut self) -> Token {
        let token = self.token();
        if token.kind != TokenKind::Eof {
            self.pos += 1;
        }
        token
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind) -> Parse<Span> {
        if self.at(kind) { Ok(self.bump().span) } else { Err(self.expected(kind.describe())) }
    }

    // Names

    fn intern(&mut self, text: &'s str) -> Arc<str> {
        self.names.entry(text).or_insert_with(|| text.into()).clone()
    }

    /// Takes the current token as a name, whatever it is.
    fn bump_name(&mut self) -> Ident {
        let span = self.bump().span;
        let name = self.intern(self.text_of(span));
        Ident { name, span, id: self.node() }
    }

    /// An identifier; `what` says which in messages.
    fn ident(&mut self, what: &str) -> Parse<Ident> {
        if self.at(TokenKind::Ident) { Ok(self.bump_name()) } else { Err(self.expected(what)) }
    }

    /// A name where reserved words are allowed too.
    fn any_name(&mut self, what: &str) -> Parse<Ident> {
        if is_name(self.kind()) { Ok(self.bump_name()) } else { Err(self.expected(what)) }
    }

    // Nesting

    /// Parses with `inside` as the context.
    fn within<T>(&mut self, inside: Context, parse: impl FnOnce(&mut Self) -> T) -> T {
        let outside = std::mem::replace(&mut self.context, inside);
        let result = parse(self);
        self.context = outside;
        result
    }

    /// The current context one level of nesting deeper.
    fn deeper(&mut self) -> Parse<Context> {
        let mut inside = self.context;
        inside.nesting += 1;
        inside.total_nesting += 1;
        if inside.nesting > MAX_NESTING || inside.total_nesting > MAX_TOTAL_NESTING {
            return Err(self.nested_too_deeply(self.token().span));
        }
        Ok(inside)
    }

    /// The context inside `(`, `[` or an interpolation, where newlines have no meaning.
    fn in_brackets(&mut self) -> Parse<Context> {
        Ok(Context { line_breaks: false, struct_literals: true, ..self.deeper()? })
    }

    /// The context inside the `{` of a literal.
    fn in_braces(&mut self) -> Parse<Context> {
        Ok(Context { line_breaks: true, struct_literals: true, ..self.deeper()? })
    }

    #[cold]
    fn nested_too_deeply(&mut self, at: Span) -> Failed {
        let message = format!("Expression nested too deeply (limit {MAX_NESTING})");
        self.abort(Code::P003, at, &message)
    }

    /// Reports the last error of the file and skips the rest of it.
    #[cold]
    fn abort(&mut self, code: Code, at: Span, message: &str) -> Failed {
        self.report(code, at, message);
        self.aborted = true;
        self.pos = self.tokens.len() - 1;
        Failed
    }

    // Errors

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.record(Diagnostic::error(code, span, message));
    }

    fn record(&mut self, diagnostic: Diagnostic) {
        if !self.aborted && self.diagnostics.len() < 2 * MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports that the current token is not `what`.
    #[cold]
    fn expected(&mut self, what: &str) -> Failed {
        if let Some(diagnostic) = self.expectation(what) {
            self.record(diagnostic);
        }
        Failed
    }

    /// As [`Parser::expected`], for the bracket that closes the one at `open`.
    #[cold]
    fn unclosed(&mut self, what: &str, open: Span) -> Failed {
        if let Some(diagnostic) = self.expectation(what) {
            self.record(diagnostic.with_label(open, "opened here"));
        }
        Failed
    }

    /// P001 at the current token, unless the lexer has reported that already.
    fn expectation(&self, what: &str) -> Option<Diagnostic> {
        let token = self.token();
        let truncated = token.kind == TokenKind::Eof
            && self.pos > 0
            && self.tokens[self.pos - 1].kind == TokenKind::Error;
        if token.kind == TokenKind::Error || truncated {
            return None;
        }
        let found = match token.kind {
            TokenKind::Ident | TokenKind::Int | TokenKind::Float => {
                let text = self.text_of(token.span);
                let short: String = text.chars().take(40).collect();
                let dots = if short.len() < text.len() { "..." } else { "" };
                format!("'{short}{dots}'")
            }
            kind => kind.describe().to_owned(),
        };
        let message = format!("Expected {what} but found {found}");
        Some(Diagnostic::error(Code::P001, token.span, message))
    }

    // Statements

    /// Statements up to the end of the block or file.
    fn statements(&mut self) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        loop {
            match self.kind() {
                TokenKind::Semicolon => {
                    self.bump();
                }
                TokenKind::Eof => return stmts,
                TokenKind::RightBrace if self.context.blocks > 0 => return stmts,
                _ => stmts.push(self.recovering_statement()),
            }
        }
    }

    /// A statement, or what is left of it after an error.
    fn recovering_statement(&mut self) -> Stmt {
        let (first, start) = (self.pos, self.token().span);
        if let Ok(stmt) = self.statement() {
            return stmt;
        }
        if !self.aborted {
            self.synchronise(first);
        }
        let span = self.since(start);
        self.skipped.push(span);
        Stmt { kind: StmtKind::Expr(*self.expr_node(ExprKind::Error, span)), span }
    }

    /// Skips to where the next statement seems to start, after an error in the one whose first
    /// token is `first`: behind its brackets, to a `;` or a line that begins like a statement.
    fn synchronise(&mut self, first: usize) {
        let failed_at = self.pos;
        let mut next = first;
        while next < self.context.end {
            let token = self.tokens[next];
            let boundary = token.kind == TokenKind::Semicolon
                || token.first_on_line && starts_statement(token.kind);
            if next > first && next >= failed_at && boundary {
                break;
            }
            let closer = self.closers[next] as usize;
            next = if closer < self.tokens.len() { closer + 1 } else { next + 1 };
        }
        self.pos = next.max(failed_at).min(self.tokens.len() - 1);
    }
}

/// For every token the index of the bracket that closes it, in linear time for any text.
///
/// Braces and interpolations close whatever is left open inside them; of `(` and `[` at most one
/// is taken as left open, and other wrong closers are ignored.
fn closers(tokens: &[Token]) -> Vec<u32> {
    let mut closers = vec![NONE; tokens.len()];
    let mut open: Vec<usize> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let depth = match token.kind {
            TokenKind::LeftParen
            | TokenKind::LeftBracket
            | TokenKind::LeftBrace
            | TokenKind::StrHead => {
                open.push(index);
                continue;
            }
            TokenKind::RightParen => near(tokens, &open, TokenKind::LeftParen),
            TokenKind::RightBracket => near(tokens, &open, TokenKind::LeftBracket),
            TokenKind::RightBrace => {
                discard(tokens, &mut open, &[TokenKind::LeftBrace, TokenKind::StrHead]);
                near(tokens, &open, TokenKind::LeftBrace)
            }
            TokenKind::StrTail => {
                discard(tokens, &mut open, &[TokenKind::StrHead]);
                near(tokens, &open, TokenKind::StrHead)
            }
            _ => None,
        };
        if let Some(depth) = depth {
            closers[open[depth]] = index as u32;
            open.truncate(depth);
        }
    }
    closers
}

/// Whether every opening bracket is closed, and every closing one closes something.
fn is_balanced(tokens: &[Token], closers: &[u32]) -> bool {
    let closed = closers.iter().filter(|&&closer| closer != NONE).count();
    let count = |kinds: &[TokenKind]| tokens.iter().filter(|t| kinds.contains(&t.kind)).count();
    use TokenKind::{
        LeftBrace, LeftBracket, LeftParen, RightBrace, RightBracket, RightParen, StrHead, StrTail,
    };
    closed == count(&[LeftParen, LeftBracket, LeftBrace, StrHead])
        && closed == count(&[RightParen, RightBracket, RightBrace, StrTail])
}

/// Forgets open brackets down to the last of one of `kinds`.
fn discard(tokens: &[Token], open: &mut Vec<usize>, kinds: &[TokenKind]) {
    while open.last().is_some_and(|&at| !kinds.contains(&tokens[at].kind)) {
        open.pop();
    }
}

/// Where `open` has an `opener`: at its end or, below a `(` or `[`, one before.
fn near(tokens: &[Token], open: &[usize], opener: TokenKind) -> Option<usize> {
    let kind = |depth: usize| tokens[open[depth]].kind;
    let last = open.len().checked_sub(1)?;
    if kind(last) == opener {
        return Some(last);
    }
    let before = last.checked_sub(1)?;
    let left_open = matches!(kind(last), TokenKind::LeftParen | TokenKind::LeftBracket);
    (left_open && kind(before) == opener).then_some(before)
}

/// Whether the token may stand where any word is a name.
fn is_name(kind: TokenKind) -> bool {
    kind == TokenKind::Ident || kind.is_keyword()
}

/// Whether a line that begins so is probably a new statement.
fn starts_statement(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Ident
            | TokenKind::Underscore
            | TokenKind::LeftBracket
            | TokenKind::LeftParen
            | TokenKind::Async
            | TokenKind::Await
            | TokenKind::Break
            | TokenKind::Const
            | TokenKind::Continue
            | TokenKind::Enum
            | TokenKind::Export
            | TokenKind::For
            | TokenKind::Func
            | TokenKind::If
            | TokenKind::Import
            | TokenKind::Let
            | TokenKind::Loop
            | TokenKind::Match
            | TokenKind::Mut
            | TokenKind::Return
            | TokenKind::SelfWord
            | TokenKind::Spawn
            | TokenKind::Struct
            | TokenKind::Try
            | TokenKind::While
            | TokenKind::Yield
    )
}
