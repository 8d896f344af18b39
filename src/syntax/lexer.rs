//! Source text to tokens.
//!
//! One pass, no recursion: an interpolation pushes a frame that counts the braces inside it, and
//! the `}` that closes it resumes the string. An interpolated string becomes `StrHead`, the
//! tokens of the expression, any number of `StrMid` and expressions, and `StrTail`:
//! `"a${x}b${y}c"` is `"a${` `x` `}b${` `y` `}c"`.
//!
//! Lexing never fails. Text that is no token becomes an `Error` token, for which a diagnostic
//! exists, so that the parser does not complain about it again.

#[cfg(test)]
mod tests;

use super::codes::Code;
use super::diagnostic::Diagnostic;
use super::literal;
use super::source::{MAX_SOURCE_BYTES, Source, Span, too_large};
use super::token::{LONGEST_MARK, Token, TokenKind};

/// At most this many diagnostics are collected.
pub const MAX_DIAGNOSTICS: usize = 1_000;

/// The tokens of `source`, with `Eof` as the last, and what is wrong with its text.
pub fn lex(source: &Source) -> (Vec<Token>, Vec<Diagnostic>) {
    if source.text.len() > MAX_SOURCE_BYTES {
        let eof = Token { kind: TokenKind::Eof, first_on_line: true, span: Span::default() };
        return (vec![eof], vec![too_large()]);
    }
    let mut lexer = Lexer {
        text: &source.text,
        pos: 0,
        start: 0,
        newline: true,
        tokens: Vec::with_capacity(source.text.len() / 4),
        diagnostics: Vec::new(),
        interpolations: Vec::new(),
    };
    lexer.run();
    (lexer.tokens, lexer.diagnostics)
}

/// A `${` whose `}` has not been seen.
struct Interpolation {
    /// Open `{` inside it.
    braces: usize,
    /// The quote that opened the string around it.
    quote: usize,
    dollar: usize,
}

struct Lexer<'s> {
    text: &'s str,
    pos: usize,
    /// Where the current token starts.
    start: usize,
    /// A newline was skipped since the last token.
    newline: bool,
    tokens: Vec<Token>,
    diagnostics: Vec<Diagnostic>,
    interpolations: Vec<Interpolation>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        loop {
            self.skip_trivia();
            self.start = self.pos;
            let Some(c) = self.peek() else { break };
            match c {
                '"' => {
                    self.pos += 1;
                    self.string(self.start, TokenKind::Str, TokenKind::StrHead);
                }
                '0'..='9' => self.number(),
                _ if is_ident_start(c) => self.word(),
                _ => self.mark(c),
            }
        }
        if let Some(outermost) = self.interpolations.first() {
            let span = self.span(outermost.dollar, outermost.dollar + 2);
            self.report(Code::L009, span, "Unterminated interpolation");
            self.push(TokenKind::Error);
        }
        self.start = self.text.len();
        self.push(TokenKind::Eof);
    }

    fn peek(&self) -> Option<char> {
        self.text[self.pos..].chars().next()
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.pos + ahead).copied()
    }

    fn eat_while(&mut self, accept: impl Fn(char) -> bool) {
        let rest = &self.text[self.pos..];
        self.pos += rest.find(|c| !accept(c)).unwrap_or(rest.len());
    }

    fn span(&self, start: usize, end: usize) -> Span {
        // Sources are at most 16 MiB, so offsets fit.
        Span::new(start as u32, end.min(self.text.len()) as u32)
    }

    fn push(&mut self, kind: TokenKind) {
        let span = self.span(self.start, self.pos);
        self.tokens.push(Token { kind, first_on_line: self.newline, span });
        self.newline = false;
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(Diagnostic::error(code, span, message));
        }
    }

    /// Skips white space and comments.
    fn skip_trivia(&mut self) {
        while let Some(c) = self.peek() {
            match (c, self.byte(1)) {
                ('\n', _) => {
                    self.newline = true;
                    self.pos += 1;
                }
                ('#', _) | ('/', Some(b'/')) => self.eat_while(|c| c != '\n'),
                ('/', Some(b'*')) => self.block_comment(),
                _ if c.is_whitespace() => self.pos += c.len_utf8(),
                _ => return,
            }
        }
    }

    fn block_comment(&mut self) {
        let start = self.pos;
        let body = &self.text[start + 2..];
        let Some(length) = body.find("*/") else {
            self.report(Code::L004, self.span(start, start + 2), "Unterminated block comment");
            self.start = start;
            self.pos = self.text.len();
            self.push(TokenKind::Error);
            // The comment is the cause; interpolations it swallowed are not reported as well.
            self.interpolations.clear();
            return;
        };
        self.newline |= body[..length].contains('\n');
        self.pos = start + 2 + length + 2;
    }

    fn word(&mut self) {
        self.eat_while(is_ident_continue);
        let text = &self.text[self.start..self.pos];
        let kind = match TokenKind::keyword(text) {
            Some(keyword) => keyword,
            None if text == "_" => TokenKind::Underscore,
            None => TokenKind::Ident,
        };
        self.push(kind);
    }

    fn mark(&mut self, c: char) {
        for length in (1..=LONGEST_MARK).rev() {
            let text = self.text.get(self.pos..self.pos + length);
            let Some(kind) = text.and_then(TokenKind::punctuation) else { continue };
            if !self.brace(kind) {
                return;
            }
            self.pos += length;
            return self.push(kind);
        }
        self.pos += c.len_utf8();
        let after_invalid = self.tokens.last().is_some_and(|last| {
            last.kind == TokenKind::Error && last.span.end as usize == self.start
        });
        if !after_invalid {
            let span = self.span(self.start, self.pos);
            let shown = if c.is_control() { c.escape_unicode().to_string() } else { c.into() };
            self.report(Code::L001, span, format!("Invalid character: '{shown}'"));
        }
        self.push(TokenKind::Error);
    }

    /// Counts braces inside an interpolation. Resumes the string and returns false if `kind` is
    /// the `}` that ends the interpolation.
    fn brace(&mut self, kind: TokenKind) -> bool {
        let Some(innermost) = self.interpolations.last_mut() else { return true };
        if kind == TokenKind::LeftBrace {
            innermost.braces += 1;
        } else if kind == TokenKind::RightBrace {
            let Some(braces) = innermost.braces.checked_sub(1) else {
                let quote = innermost.quote;
                self.interpolations.pop();
                self.pos += 1;
                self.string(quote, TokenKind::StrTail, TokenKind::StrMid);
                return false;
            };
            innermost.braces = braces;
        }
        true
    }

    /// Lexes string text up to the closing quote (token `ended`) or a `${` (token `suspended`).
    fn string(&mut self, quote: usize, ended: TokenKind, suspended: TokenKind) {
        loop {
            self.eat_while(|c| !matches!(c, '"' | '\\' | '$'));
            match (self.byte(0), self.byte(1)) {
                (Some(b'"'), _) => {
                    self.pos += 1;
                    return self.push(ended);
                }
                (Some(b'\\'), Some(_)) => self.escape(),
                (Some(b'$'), Some(b'{')) => {
                    self.interpolations.push(Interpolation { braces: 0, quote, dollar: self.pos });
                    self.pos += 2;
                    return self.push(suspended);
                }
                (Some(_), _) => self.pos += 1,
                (None, _) => break,
            }
        }
        if self.interpolations.is_empty() {
            self.report(Code::L002, self.span(quote, quote + 1), "Unterminated string literal");
        }
        self.push(TokenKind::Error);
    }

    fn escape(&mut self) {
        let (value, length) = literal::escape(&self.text[self.pos..]);
        let end = self.pos + length;
        if value.is_none() {
            let text: String =
                self.text[self.pos..end].chars().filter(|c| !c.is_control()).collect();
            let message = format!("Invalid escape sequence: {text}");
            self.report(Code::L003, self.span(self.pos, end), message);
        }
        self.pos = end;
    }

    fn number(&mut self) {
        let prefixed = self.byte(0) == Some(b'0')
            && matches!(self.byte(1), Some(b'x' | b'X' | b'b' | b'B' | b'o' | b'O'));
        let (kind, ok) = if prefixed {
            self.eat_while(is_ident_continue);
            let (radix, digits) = literal::split_radix(&self.text[self.start..self.pos]);
            (TokenKind::Int, literal::well_formed(digits, radix))
        } else {
            self.decimal()
        };
        let rest = self.pos;
        self.eat_while(is_ident_continue);
        let (span, text) = (self.span(self.start, self.pos), &self.text[self.start..self.pos]);
        let fits = match kind {
            TokenKind::Float => literal::float(text).is_some(),
            _ => literal::int(text).is_some(),
        };
        if !ok || rest < self.pos {
            self.report(Code::L005, span, format!("Malformed numeric literal: {text}"));
        } else if !fits {
            self.report(Code::L006, span, format!("Numeric literal overflow: {text}"));
        } else {
            return self.push(kind);
        }
        self.push(TokenKind::Error);
    }

    /// Eats a decimal int or float; tells which, and whether its digit groups are well formed.
    fn decimal(&mut self) -> (TokenKind, bool) {
        let mut kind = TokenKind::Int;
        let mut ok = self.digits();
        if self.byte(0) == Some(b'.') && self.byte(1).is_some_and(|b| b.is_ascii_digit()) {
            kind = TokenKind::Float;
            self.pos += 1;
            ok &= self.digits();
        }
        if matches!(self.byte(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.byte(1), Some(b'+' | b'-')));
            let has_digits = self.byte(1 + sign).is_some_and(|b| b.is_ascii_digit());
            if sign == 1 || has_digits {
                kind = TokenKind::Float;
                self.pos += 1 + sign;
                ok &= self.digits();
            }
        }
        (kind, ok)
    }

    fn digits(&mut self) -> bool {
        let start = self.pos;
        self.eat_while(|c| c.is_ascii_digit() || c == '_');
        literal::well_formed(&self.text[start..self.pos], 10)
    }
}

fn is_ident_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_ident_continue(c: char) -> bool {
    is_ident_start(c) || c.is_numeric()
}
