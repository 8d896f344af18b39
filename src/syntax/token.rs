//! The tokens: one table of kinds with their spellings.
//!
//! Reserved words are kinds of their own; contextual words (`from`, `default`, `test` ...) are
//! identifiers that the parser recognises by their text. A token holds no value: number and
//! string values are read from the text by `literal.rs` when the parser needs them.

use super::source::Span;

/// A token and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    pub kind: TokenKind,
    /// A newline stands between this token and the one before it.
    pub first_on_line: bool,
    pub span: Span,
}

/// Defines [`TokenKind`] and the look-ups from rows of `Kind "spelling"`.
macro_rules! tokens {
    (
        keywords { $( $word:ident $word_text:literal )* }
        punctuation { $( $mark:ident $mark_text:literal )* }
        others { $( $other:ident $other_text:literal )* }
    ) => {
        /// What a token is.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum TokenKind {
            $( #[doc = concat!("`", $word_text, "`")] $word, )*
            $( #[doc = concat!("`", $mark_text, "`")] $mark, )*
            $( #[doc = $other_text] $other, )*
        }

        impl TokenKind {
            /// The reserved word spelled `text`.
            pub fn keyword(text: &str) -> Option<TokenKind> {
                match text {
                    $( $word_text => Some(TokenKind::$word), )*
                    _ => None,
                }
            }

            /// Whether this is a reserved word.
            pub fn is_keyword(self) -> bool {
                matches!(self, $( TokenKind::$word )|*)
            }

            /// The punctuation mark spelled exactly `text`.
            pub fn punctuation(text: &str) -> Option<TokenKind> {
                match text {
                    $( $mark_text => Some(TokenKind::$mark), )*
                    _ => None,
                }
            }

            /// How messages name the kind: `':='`, `a name`.
            pub fn describe(self) -> &'static str {
                match self {
                    $( TokenKind::$word => concat!("'", $word_text, "'"), )*
                    $( TokenKind::$mark => concat!("'", $mark_text, "'"), )*
                    $( TokenKind::$other => $other_text, )*
                }
            }
        }
    };
}

tokens! {
    keywords {
        As "as"
        Async "async"
        Await "await"
        Break "break"
        Case "case"
        Const "const"
        Continue "continue"
        Defer "defer"
        Else "else"
        Enum "enum"
        Except "except"
        Export "export"
        False "false"
        Finally "finally"
        For "for"
        Func "func"
        If "if"
        Impl "impl"
        Import "import"
        In "in"
        Let "let"
        Loop "loop"
        Match "match"
        Mut "mut"
        Null "null"
        Return "return"
        SelfWord "self"
        Spawn "spawn"
        Static "static"
        Struct "struct"
        Trait "trait"
        True "true"
        Try "try"
        While "while"
        Yield "yield"
    }
    punctuation {
        Ellipsis "..."
        Assign ":="
        EqualEqual "=="
        NotEqual "!="
        LessEqual "<="
        GreaterEqual ">="
        AndAnd "&&"
        OrOr "||"
        Coalesce "??"
        QuestionDot "?."
        Pipe "|>"
        Arrow "->"
        ColonColon "::"
        PlusEqual "+="
        MinusEqual "-="
        StarEqual "*="
        SlashEqual "/="
        PercentEqual "%="
        Plus "+"
        Minus "-"
        Star "*"
        Slash "/"
        Percent "%"
        Less "<"
        Greater ">"
        Equal "="
        Bang "!"
        Question "?"
        Bar "|"
        Colon ":"
        Dot "."
        Comma ","
        Semicolon ";"
        LeftParen "("
        RightParen ")"
        LeftBracket "["
        RightBracket "]"
        LeftBrace "{"
        RightBrace "}"
    }
    others {
        Ident "a name"
        Underscore "'_'"
        Int "an integer"
        Float "a number"
        Str "a string"
        StrHead "a string with `${`"
        StrMid "'}'"
        StrTail "'}'"
        Error "an invalid token"
        Eof "end of file"
    }
}

/// Length of the longest punctuation mark, in bytes.
pub const LONGEST_MARK: usize = 3;
