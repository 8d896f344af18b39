//! Passes over the IR between build and lowering.

mod dce;
mod ranges;

use crate::ir::Func;

/// Runs all passes.
pub(crate) fn run(func: &mut Func) {
    ranges::run(func);
    dce::run(func);
}
