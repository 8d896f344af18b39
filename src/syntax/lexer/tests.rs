//! Tokens and lexical errors, one row per rule of LS 2.

use super::lex;
use crate::syntax::codes::Code;
use crate::syntax::source::{MAX_SOURCE_BYTES, Source, decode};
use crate::syntax::token::TokenKind;

fn kinds(text: &str) -> Vec<TokenKind> {
    lex(&Source::new("t", text)).0.iter().map(|token| token.kind).collect()
}

/// `CODE LINE:COLUMN MESSAGE` of every diagnostic.
fn errors(text: &str) -> Vec<String> {
    let source = Source::new("t", text);
    let show = |d: &crate::syntax::diagnostic::Diagnostic| {
        let (line, column) = source.line_col(d.span.start);
        format!("{} {line}:{column} {}", d.code.as_str(), d.message)
    };
    lex(&source).1.iter().map(show).collect()
}

#[test]
fn numbers_are_one_token() {
    for text in ["0", "007", "1_000", "0xff_FF", "0B1_0", "0o17", "9223372036854775808"] {
        assert_eq!(kinds(text), [TokenKind::Int, TokenKind::Eof], "{text}");
    }
    for text in ["1.5", "1_0.2_5", "1e3", "1E+3", "2.5e-1_0"] {
        assert_eq!(kinds(text), [TokenKind::Float, TokenKind::Eof], "{text}");
    }
}

#[test]
fn dot_belongs_to_a_number_only_before_a_digit() {
    use TokenKind::{Dot, Eof, Ident, Int};
    assert_eq!(kinds("5.abs"), [Int, Dot, Ident, Eof]);
    assert_eq!(kinds("1._5"), [Int, Dot, Ident, Eof]);
}

#[test]
fn malformed_numbers_are_reported_whole() {
    let rows = [
        "1_", "1__2", "12ab", "1else", "0x", "0x_1", "0xfg", "0b12", "0o8", "1e", "1e+", "1.5_",
        "1_.5", "1é", "1.5x",
    ];
    for text in rows {
        assert_eq!(errors(text), [format!("L005 1:1 Malformed numeric literal: {text}")]);
    }
}

#[test]
fn numbers_out_of_range_are_reported() {
    for text in ["9223372036854775809", "0xffff_ffff_ffff_ffff", "1e400", "99999999999999999999"] {
        assert_eq!(errors(text), [format!("L006 1:1 Numeric literal overflow: {text}")]);
    }
}

#[test]
fn strings_report_unknown_escapes() {
    assert!(errors(r#""\n\t\r\0\\\"\$\{\}\u{1F600}""#).is_empty());
    let rows = [
        (r"\q", r"\q"),
        (r"\u", r"\u"),
        (r"\u{}", r"\u{}"),
        (r"\u{d800}", r"\u{d800}"),
        (r"\u{1234567}", r"\u{1234567}"),
        (r"\u{12", r"\u{12"),
        ("\\\n", "\\"),
    ];
    for (text, shown) in rows {
        let expected = format!("L003 1:3 Invalid escape sequence: {shown}");
        assert_eq!(errors(&format!("\"a{text}\"")), [expected]);
    }
}

#[test]
fn interpolations_nest() {
    use TokenKind::{Eof, Ident, Int, LeftBrace, RightBrace, Str, StrHead, StrMid, StrTail};
    assert_eq!(kinds(r#""a${x}b${y}c""#), [StrHead, Ident, StrMid, Ident, StrTail, Eof]);
    assert_eq!(
        kinds(r#""${"${1}"}${{}}" "$5 \${x} $""#),
        [StrHead, StrHead, Int, StrTail, StrMid, LeftBrace, RightBrace, StrTail, Str, Eof]
    );
    assert_eq!(kinds("\"${ # }\"\n 1 /* } */ }\""), [StrHead, Int, StrTail, Eof]);
}

#[test]
fn unterminated_text_is_reported_once_at_its_start() {
    assert_eq!(errors("x\n  \"abc"), ["L002 2:3 Unterminated string literal"]);
    assert_eq!(errors("\"abc\\"), ["L002 1:1 Unterminated string literal"]);
    assert_eq!(errors("\"a${x} b"), ["L002 1:1 Unterminated string literal"]);
    assert_eq!(errors("1 /* x"), ["L004 1:3 Unterminated block comment"]);
    assert_eq!(errors("\"${ /* x"), ["L004 1:5 Unterminated block comment"]);
    assert_eq!(errors("print(\"a${b\")"), ["L009 1:9 Unterminated interpolation"]);
}

#[test]
fn comments_and_line_starts() {
    let source = Source::new("t", "#!x\na // b\n/* \n */ c /* */ d /// e");
    let found: Vec<bool> = lex(&source).0.iter().map(|token| token.first_on_line).collect();
    assert_eq!(found, [true, true, false, false]);
}

#[test]
fn invalid_characters_are_reported_per_run() {
    assert_eq!(
        errors("a ^ 'é' & ~"),
        [
            "L001 1:3 Invalid character: '^'",
            "L001 1:5 Invalid character: '''",
            "L001 1:7 Invalid character: '''",
            "L001 1:9 Invalid character: '&'",
            "L001 1:11 Invalid character: '~'",
        ]
    );
    assert_eq!(errors("@@@\u{0}").len(), 1);
}

#[test]
fn identifiers_are_unicode() {
    assert_eq!(kinds("größe _x x2 名前 x² _"), {
        use TokenKind::{Eof, Ident, Underscore};
        [Ident, Ident, Ident, Ident, Ident, Underscore, Eof]
    });
}

#[test]
fn bytes_that_are_no_text_are_rejected_where_they_are() {
    let rejected = decode("t", b"\xef\xbb\xbfa\r\nb\xff\n".to_vec()).unwrap_err();
    assert_eq!(rejected.diagnostic.code, Code::L007);
    assert_eq!(rejected.source.line_col(rejected.diagnostic.span.start), (2, 2));
    let rejected = decode("t", vec![b' '; MAX_SOURCE_BYTES + 1]).unwrap_err();
    assert_eq!(rejected.diagnostic.message, "Source too large (limit 16777216 bytes)");
}
