//! Ruff, a fast dynamic scripting language.

pub mod check;
pub mod resolve;
pub mod syntax;
