//! Warnings that only `ruff check` shows.
//!
//! They are by-products of name resolution (LS 5.4, 12.2): the resolver collects them while it
//! decides what each name means, so that the two can never disagree.

use crate::resolve::Resolved;
use crate::syntax::diagnostic::Diagnostic;

/// The warnings about a resolved file, in text order.
pub fn warnings(resolved: &Resolved) -> &[Diagnostic] {
    &resolved.warnings
}
