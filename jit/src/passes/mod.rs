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

/// Runs all passes; `checks_ranges` has what ranges show checked when it runs.
pub(crate) fn run(func: &mut Func, checks_ranges: bool) {
    forward::run(func);
    sink::run(func);
    forward::run_again(func);
    scalar::run(func);
    ranges::run(func, checks_ranges);
    entry::run(func);
    dce::run(func);
}
