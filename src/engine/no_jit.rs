//! What stands for the JIT in builds without it: the VM interprets everything.

use std::sync::Arc;

use ruff_runtime::bytecode::FunctionProto;
use ruff_runtime::interp::Vm;

use super::{DumpForm, JitOptions};

pub(super) const IS_BUILT_IN: bool = false;

/// Nothing is counted.
pub(super) struct Counters;

/// What the JIT did: nothing.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) forced_exits: u64,
    pub(super) guards: u64,
    pub(super) portable: u64,
    pub(super) unportable: Vec<String>,
    /// For people.
    pub(super) text: String,
}

impl Counters {
    #[expect(clippy::unused_self, reason = "the same signature as with the JIT")]
    pub(super) fn figures(&self) -> Figures {
        Figures::default()
    }
}

/// Leaves the VM as it is.
pub(super) fn attach(_vm: &mut Vm, _options: JitOptions) -> Counters {
    Counters
}

/// The command line does not ask for machine code in such a build.
pub(super) fn dump(
    proto: &Arc<FunctionProto>,
    _form: DumpForm,
    is_shown: &dyn Fn(&str) -> bool,
    out: &mut String,
) {
    let name = proto.info.display_name();
    if is_shown(name) {
        out.push_str(&format!("; {name}\nleft to the interpreter: no JIT\n"));
    }
}
