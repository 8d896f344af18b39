//! What is reported about a file besides its plain errors.
//!
//! The warnings that only `ruff check` shows are by-products of name resolution (LS 5.4, 12.2):
//! the resolver collects them while it decides what each name means, so that the two can never
//! disagree.

pub mod recovered;

use crate::resolve::Resolved;
use crate::syntax::diagnostic::Diagnostic;

/// The warnings about a resolved file, in text order.
pub fn warnings(resolved: &Resolved) -> &[Diagnostic] {
    &resolved.warnings
}
