//! The JIT as a tier of the VM. Builds without it have `no_jit` in this place.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use ruff_jit::Jit;
use ruff_jit::exit_reason::ExitReason;
use ruff_jit::stats::Stats;
use ruff_runtime::bytecode::FunctionProto;
use ruff_runtime::bytecode::operand::Instr;
use ruff_runtime::interp::Vm;
use ruff_runtime::objects::function::{FunctionCode, LoadedProto};
use ruff_runtime::tier::Tier;

use super::{DumpForm, JitMode, JitOptions, JitThreads, LogForm, Stage, Stress};

pub(super) const IS_BUILT_IN: bool = true;

/// The JIT's counters, once there is a JIT.
pub(super) struct Counters(Rc<OnceCell<Rc<Stats>>>);

/// What the JIT did.
pub(super) struct Figures {
    pub(super) forced_exits: u64,
    pub(super) guards: u64,
    /// Functions compiled for another machine too, and what went wrong with others.
    pub(super) portable: u64,
    pub(super) unportable: Vec<String>,
    /// For people.
    pub(super) text: String,
}

impl Counters {
    pub(super) fn figures(&self) -> Figures {
        let stats = self.0.get().cloned().unwrap_or_default();
        Figures {
            forced_exits: stats.exits_because(ExitReason::Stress),
            guards: stats.guards.get(),
            portable: stats.portable.get(),
            unportable: stats.unportable.take(),
            text: stats.to_string(),
        }
    }
}

/// Lets the JIT compile what becomes hot in a VM.
pub(super) fn attach(vm: &mut Vm, options: JitOptions) -> Counters {
    // Threads of a program keep the processors busy: one beside each would not gain.
    let is_first = vm.isolate.membership.as_ref().is_none_or(|own| own.is_root);
    let counters = Rc::default();
    vm.set_tier(Box::new(LazyJit {
        options: jit_options(options),
        is_beside: is_first && is_beside(options),
        jit: None,
        counters: Rc::clone(&counters),
    }));
    Counters(counters)
}

/// A tier that makes the JIT when the first code is hot, so that short programs do not pay for
/// the code generator and its memory.
struct LazyJit {
    options: ruff_jit::Options,
    /// Code is generated on a thread of its own.
    is_beside: bool,
    /// The inner `None` where the machine is not supported.
    jit: Option<Option<Jit>>,
    counters: Rc<OnceCell<Rc<Stats>>>,
}

impl LazyJit {
    fn made(&mut self, vm: &Vm) -> Option<&mut Jit> {
        let jit = self.jit.get_or_insert_with(|| {
            let interrupt = self.is_beside.then(|| vm.isolate.interrupt.clone());
            let jit = Jit::new(self.options, interrupt)?;
            self.counters.get_or_init(|| jit.stats());
            Some(jit)
        });
        jit.as_mut()
    }
}

impl Tier for LazyJit {
    fn tier_up(&mut self, vm: &mut Vm, code: &FunctionCode, header: Option<u32>) {
        if let Some(jit) = self.made(vm) {
            jit.tier_up(vm, code, header);
        }
    }

    fn chain_body(
        &mut self,
        vm: &Vm,
        call: (&LoadedProto, *const Instr),
        method: (&str, u8),
    ) -> Option<*const FunctionCode> {
        self.made(vm)?.chain_body(vm, call, method)
    }

    fn collect(&mut self, vm: &mut Vm) {
        if let Some(Some(jit)) = &mut self.jit {
            jit.collect(vm);
        }
    }
}

fn jit_options(options: JitOptions) -> ruff_jit::Options {
    let Stress { exit_at, every, poison, cache, osr_eager, checks_ranges, threshold: _ } =
        options.stress;
    let stress = ruff_jit::Stress {
        exit_at,
        every,
        poison,
        cache: cache.is_some(),
        osr_eager,
        checks_ranges,
    };
    let is_eager = options.mode == JitMode::Always;
    let log = match options.log {
        LogForm::None => ruff_jit::LogForm::None,
        LogForm::Text => ruff_jit::LogForm::Text,
        LogForm::Json => ruff_jit::LogForm::Json,
    };
    let dump = options.dump.map(|stage| match stage {
        Stage::Ir => ruff_jit::Stage::Ir,
        Stage::Clif => ruff_jit::Stage::Clif,
        Stage::Asm => ruff_jit::Stage::Asm,
    });
    let usual = ruff_jit::Options::default();
    let code_limit = cache.or(options.code_limit).unwrap_or(usual.code_limit);
    let JitOptions { perf_map, checks_aarch64, .. } = options;
    ruff_jit::Options { is_eager, stress, checks_aarch64, code_limit, log, perf_map, dump }
}

/// Whether code is generated beside the program.
fn is_beside(options: JitOptions) -> bool {
    match options.threads {
        JitThreads::Auto => options.mode != JitMode::Always && options.stress == Stress::NONE,
        JitThreads::Sync => false,
        JitThreads::Background => true,
    }
}

/// Compiles every function without a profile and shows what comes out.
pub(super) fn dump(
    proto: &Arc<FunctionProto>,
    form: DumpForm,
    is_shown: &dyn Fn(&str) -> bool,
    out: &mut String,
) {
    let name = proto.info.display_name();
    if is_shown(name) {
        let text = match ruff_jit::dump::compile_for_dump(proto) {
            Ok(dump) if form == DumpForm::Clif => dump.clif,
            Ok(dump) => dump.asm,
            Err(bailout) => format!("left to the interpreter: {}\n", bailout.name()),
        };
        out.push_str(&format!("; {name}\n{text}\n"));
    }
    for child in &proto.children {
        dump(child, form, is_shown, out);
    }
}
