//! Patterns of declarations, loops and destructuring, and the patterns of `match` cases.

use super::{Failed, Parse, Parser};
use crate::syntax::ast::{Bind, CasePattern, CasePatternKind, Ident, Literal, Pattern};
use crate::syntax::codes::Code;
use crate::syntax::source::Span;
use crate::syntax::token::TokenKind;

/// What a pattern is for: decides how an unsuitable one is reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `let`, `for`.
    Declare,
    /// Destructuring without a keyword.
    Assign,
}

/// `...rest` and where it is.
type Rest = Option<(Span, Bind)>;

impl Parser<'_> {
    pub(super) fn pattern(&mut self, purpose: Purpose) -> Parse<Pattern> {
        match self.kind() {
            TokenKind::Ident => Ok(Pattern::Name(self.bump_name())),
            TokenKind::Underscore => Ok(Pattern::Wildcard(self.bump().span)),
            TokenKind::LeftBracket => self.array_pattern(purpose),
            TokenKind::LeftBrace => self.dict_pattern(purpose),
            _ => Err(self.unsuitable(purpose, "a name or pattern", self.token().span)),
        }
    }

    /// Reports that a pattern was expected, at `target` if it can be seen as an assignment target.
    fn unsuitable(&mut self, purpose: Purpose, what: &str, target: Span) -> Failed {
        if purpose == Purpose::Declare || matches!(self.kind(), TokenKind::Error | TokenKind::Eof) {
            return self.expected(what);
        }
        self.report(Code::P002, target, "Invalid assignment target");
        Failed
    }

    fn array_pattern(&mut self, purpose: Purpose) -> Parse<Pattern> {
        let start = self.token().span;
        let (items, rest) =
            self.pattern_items(TokenKind::RightBracket, purpose, |p| p.pattern(purpose))?;
        Ok(Pattern::Array { items, rest, span: self.since(start) })
    }

    fn dict_pattern(&mut self, purpose: Purpose) -> Parse<Pattern> {
        let start = self.token().span;
        let (items, rest) = self.pattern_items(TokenKind::RightBrace, purpose, |parser| {
            if parser.at(TokenKind::Ident) {
                return Ok(parser.bump_name());
            }
            Err(parser.unsuitable(purpose, "a name", parser.token().span))
        })?;
        Ok(Pattern::Dict { items, rest, span: self.since(start) })
    }

    /// The items between brackets, and the rest element, which must be the last.
    fn pattern_items<T>(
        &mut self,
        closer: TokenKind,
        purpose: Purpose,
        mut item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<(Vec<T>, Option<Bind>)> {
        let mut items = Vec::new();
        let mut rest: Rest = None;
        let inside = self.in_brackets()?;
        self.list(inside, closer, |parser| {
            if let Some((dots, _)) = rest.take() {
                parser.report(Code::P007, dots, "The rest element must be last");
            }
            let start = parser.token().span;
            if parser.at(TokenKind::Ellipsis) {
                rest = Some((start, parser.rest_name()?));
            } else {
                items.push(item(parser)?);
            }
            if parser.at(TokenKind::Comma) || parser.at(closer) {
                return Ok(());
            }
            let what = format!("',' or {}", closer.describe());
            Err(parser.unsuitable(purpose, &what, start))
        })?;
        Ok((items, rest.map(|(_, bind)| bind)))
    }

    fn rest_name(&mut self) -> Parse<Bind> {
        self.bump();
        self.bind("a name for the rest")
    }

    /// A name, or `None` for `_`.
    pub(super) fn bind(&mut self, what: &str) -> Parse<Bind> {
        if self.eat(TokenKind::Underscore) { Ok(None) } else { Ok(Some(self.ident(what)?)) }
    }

    /// `pattern | pattern`, as in a case.
    pub(super) fn alternatives(&mut self) -> Parse<Vec<CasePattern>> {
        let mut patterns = vec![self.case_pattern()?];
        while self.eat(TokenKind::Bar) {
            patterns.push(self.case_pattern()?);
        }
        if let (true, Some(span)) = (patterns.len() > 1, patterns.iter().find_map(bound_name)) {
            self.report(Code::C018, span, "Alternatives of a case cannot bind names");
        }
        Ok(patterns)
    }

    fn case_pattern(&mut self) -> Parse<CasePattern> {
        let token = self.token();
        let kind = match token.kind {
            TokenKind::Underscore => {
                self.bump();
                CasePatternKind::Wildcard
            }
            TokenKind::Ident => self.named_case()?,
            TokenKind::Str => CasePatternKind::Literal(Literal::Str(self.string_text())),
            TokenKind::StrHead => return Err(self.expected("a string without interpolation")),
            TokenKind::Minus => {
                self.bump();
                self.number_case(true)?
            }
            TokenKind::Int | TokenKind::Float => self.number_case(false)?,
            TokenKind::True => self.literal_case(Literal::Bool(true)),
            TokenKind::False => self.literal_case(Literal::Bool(false)),
            TokenKind::Null => self.literal_case(Literal::Null),
            _ => return Err(self.expected("a pattern")),
        };
        Ok(CasePattern { kind, span: self.since(token.span) })
    }

    fn literal_case(&mut self, value: Literal) -> CasePatternKind {
        self.bump();
        CasePatternKind::Literal(value)
    }

    fn number_case(&mut self, negative: bool) -> Parse<CasePatternKind> {
        if !matches!(self.kind(), TokenKind::Int | TokenKind::Float) {
            return Err(self.expected("a number"));
        }
        let value = self.number_value(negative);
        Ok(self.literal_case(value))
    }

    fn named_case(&mut self) -> Parse<CasePatternKind> {
        let name = self.bump_name();
        let variant = if self.eat(TokenKind::ColonColon) {
            Some(self.ident("a variant name")?)
        } else {
            None
        };
        let binds = if self.at(TokenKind::LeftParen) { Some(self.binds()?) } else { None };
        Ok(match variant {
            Some(variant) => CasePatternKind::Variant { enum_name: name, variant, binds },
            None => CasePatternKind::Name { name, binds },
        })
    }

    /// The names of a payload: at least one.
    fn binds(&mut self) -> Parse<Vec<Bind>> {
        if self.ahead(1).kind == TokenKind::RightParen {
            self.bump();
            return Err(self.expected("a name or '_'"));
        }
        let inside = self.in_brackets()?;
        self.list(inside, TokenKind::RightParen, |parser| parser.bind("a name or '_'"))
    }
}

/// Where a case pattern binds its first name.
fn bound_name(pattern: &CasePattern) -> Option<Span> {
    match &pattern.kind {
        CasePatternKind::Name { binds, .. } | CasePatternKind::Variant { binds, .. } => {
            binds.iter().flatten().flatten().map(|name: &Ident| name.span).next()
        }
        CasePatternKind::Wildcard | CasePatternKind::Literal(_) => None,
    }
}
