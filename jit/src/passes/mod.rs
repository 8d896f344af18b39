//! Passes over the IR between build and lowering.

mod dce;
mod entry;
mod forward;
mod graph;
mod known;
mod ranges;
mod scalar;
mod sink;

use crate::ir::Func;

/// Runs all passes.
pub(crate) fn run(func: &mut Func) {
    forward::run(func);
    sink::run(func);
    forward::run_again(func);
    scalar::run(func);
    ranges::run(func);
    entry::run(func);
    dce::run(func);
}
