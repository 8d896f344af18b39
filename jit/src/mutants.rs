//! Which guards a deliberate miscompilation drops; see [`ruff_runtime::mutants`].

use ruff_runtime::mutant;

use crate::exit_reason::ExitReason;
use crate::ir::{ExitId, Func};

/// Whether a guard is to be left out.
pub(crate) fn drops_guard(func: &Func, exit: ExitId) -> bool {
    match func.exits[exit.0 as usize].reason {
        ExitReason::WrongType => mutant!("guard-type"),
        ExitReason::OutOfBounds => mutant!("guard-bounds"),
        ExitReason::WrongElements => mutant!("guard-elements"),
        ExitReason::Shared => mutant!("guard-shared"),
        ExitReason::Hoisted => mutant!("guard-hoisted"),
        ExitReason::LargeInt => mutant!("guard-large-int"),
        ExitReason::WrongCallee => mutant!("guard-callee"),
        ExitReason::WrongResult => mutant!("guard-result"),
        ExitReason::ModuleVariable => mutant!("guard-module"),
        ExitReason::Declined => mutant!("guard-declined"),
        ExitReason::Divisor => mutant!("guard-divisor"),
        ExitReason::IntOverflow
        | ExitReason::NotProfiled
        | ExitReason::CallDepth
        | ExitReason::Interrupt
        | ExitReason::LeftLoop
        | ExitReason::Stress
        | ExitReason::Disproved => false,
    }
}

/// Whether a guard checks a type.
pub(crate) fn is_type_check(func: &Func, exit: ExitId) -> bool {
    func.exits[exit.0 as usize].reason == ExitReason::WrongType
}
