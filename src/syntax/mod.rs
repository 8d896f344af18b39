//! Source text to syntax tree.
//!
//! This layer knows no values and no bytecode, so tools work on programs that do not compile.
//! Parsing never fails: the result is a tree and a list of diagnostics.
//! Start reading at [`ast`], then [`parser`].

pub mod ast;
pub mod codes;
pub mod diagnostic;
pub mod dump;
pub mod lexer;
pub mod literal;
pub mod parser;
pub mod source;
pub mod token;
