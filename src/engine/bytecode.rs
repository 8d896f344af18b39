//! Runs on the VM, with or without the JIT, and dumps of what it executes.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use ruff_jit::Jit;
use ruff_jit::exit_reason::ExitReason;
use ruff_jit::stats::Stats;
use ruff_runtime::bytecode::{CompiledModule, FunctionProto, TestItem, disasm};
use ruff_runtime::error::{Error, Kind};
use ruff_runtime::host::{Loaded, ModuleLoader, Output};
use ruff_runtime::interp::{Threshold, Vm, VmOptions};

use super::tests_of_file::Numbers;
use super::{Engine, Finished, JitMode, JitOptions, Options, Run, Stress};
use crate::compile;
use crate::loader::{Checked, Loader};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Source;

impl Run<'_> {
    /// A VM for the program with its tier, and the tier's counters.
    fn vm(&self, out: Output) -> Result<(Box<Vm>, Option<Rc<Stats>>), Error> {
        let options = VmOptions { threshold: threshold(self.options) };
        let mut vm = Vm::new(self.isolate(out), options, Box::new(self.loader.clone()))?;
        let is_jit = self.options.engine == Engine::Jit && self.options.jit.mode != JitMode::Off;
        let tier = is_jit.then(|| Jit::new(jit_options(self.options.jit))).flatten();
        let stats = tier.as_ref().map(Jit::stats);
        if let Some(tier) = tier {
            vm.set_tier(Box::new(tier));
        }
        Ok((vm, stats))
    }

    fn compiled(&self, checked: &Checked) -> Result<Arc<CompiledModule>, Finished> {
        compile_checked(checked, "main")
            .map_err(|list| Finished::not_compiled(&checked.source, &list, self.options))
    }

    pub(super) fn on_vm(&self, checked: &Checked, out: Output) -> Finished {
        let module = match self.compiled(checked) {
            Ok(module) => module,
            Err(finished) => return finished,
        };
        let style = self.options.style;
        let (mut vm, stats) = match self.vm(out) {
            Ok(made) => made,
            Err(error) => return Finished::after(Err(error), &self.loader.sources(), style),
        };
        let result = vm.run_main(&module);
        let flushed = vm.isolate.out.flush();
        let mut finished = Finished::after(result.and(flushed), &self.loader.sources(), style);
        if let Some(stats) = stats {
            finished.forced_exits = stats.exits_because(ExitReason::Stress);
            if self.options.wants_stats {
                finished.stderr.push_str(&stats.to_string());
            }
        }
        finished
    }

    /// Runs one test in a fresh VM: the top level, setups, body and teardowns.
    ///
    /// # Errors
    /// How the run ended if the file is too large to compile.
    pub(super) fn test_on_vm(
        &self,
        checked: &Checked,
        numbers: &Numbers,
        out: Output,
    ) -> Result<Result<(), Error>, Finished> {
        let module = self.compiled(checked)?;
        Ok(self.vm(out).and_then(|(mut vm, _)| {
            let result = run_bodies(&mut vm, &module, numbers);
            result.and(vm.isolate.out.flush())
        }))
    }
}

fn run_bodies(vm: &mut Vm, module: &Arc<CompiledModule>, numbers: &Numbers) -> Result<(), Error> {
    let mut protos = Vec::new();
    test_protos(&module.tests, &mut protos);
    vm.run_main(module)?;
    let mut result = numbers.setups.iter().try_for_each(|&number| {
        vm.run_child(protos[number]).map_err(|mut error| {
            error.message = format!("Setup failed: {}", error.message);
            error
        })
    });
    if result.is_ok() {
        result = vm.run_child(protos[numbers.body]);
    }
    for &number in &numbers.teardowns {
        if result.as_ref().is_err_and(|error| !error.is_catchable()) {
            break;
        }
        result = result.and(vm.run_child(protos[number]));
    }
    result
}

/// The functions of all test bodies in text order.
fn test_protos(items: &[TestItem], protos: &mut Vec<u16>) {
    for item in items {
        match item {
            TestItem::Test { proto, .. }
            | TestItem::Setup { proto }
            | TestItem::Teardown { proto } => protos.push(*proto),
            TestItem::Group { items, .. } => test_protos(items, protos),
        }
    }
}

fn jit_options(options: JitOptions) -> ruff_jit::Options {
    let mut stress = ruff_jit::Stress::default();
    match options.stress {
        Some(Stress::ExitAt(guard)) => stress.exit_at = Some(guard),
        Some(Stress::Every(n)) => stress.every = Some(n),
        Some(Stress::Threshold(_)) | None => {}
    }
    let is_eager = options.mode == JitMode::Always;
    ruff_jit::Options { is_eager, stress, ..ruff_jit::Options::default() }
}

fn threshold(options: &Options) -> Threshold {
    match (options.engine, options.jit.mode, options.jit.stress) {
        (Engine::Jit, _, Some(Stress::Threshold(n))) => {
            Threshold::Fixed(u32::try_from(n).unwrap_or(u32::MAX))
        }
        (Engine::Jit, JitMode::Always, _) => Threshold::Always,
        _ => Threshold::Normal,
    }
}

fn compile_checked(checked: &Checked, name: &str) -> Result<Arc<CompiledModule>, Vec<Diagnostic>> {
    compile::compile(&checked.file, &checked.source, &checked.resolved, name).map(Arc::new)
}

impl ModuleLoader for Loader {
    fn load(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Loaded, Error> {
        let (found, checked) = Loader::load(self, path, importer)?;
        let module = compile_checked(&checked, &found.name).map_err(|list| {
            let message = list.first().map_or(String::new(), |d| {
                let (line, col) = checked.source.line_col(d.span.start);
                format!("Failed to parse module '{}': {line}:{col}: {}", found.name, d.message)
            });
            Error::new(Kind::ImportError, message)
        })?;
        let real_path: PathBuf = found.real;
        Ok(Loaded { module, real_path: real_path.to_string_lossy().into() })
    }
}

/// What `ruff dis` shows of compiled functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DumpForm {
    Bytecode,
    Clif,
    Asm,
}

/// The functions of a program in readable form, outermost first; only those called `function`
/// if given.
///
/// # Errors
/// The diagnostics of a program that does not compile.
pub fn dump(
    loader: &Loader,
    source: &Arc<Source>,
    form: DumpForm,
    function: Option<&str>,
) -> Result<String, Vec<Diagnostic>> {
    let checked = loader.check(source.clone())?;
    let module = compile_checked(&checked, "main")?;
    let mut out = String::new();
    dump_function(&module.top, form, function, &mut out);
    Ok(out)
}

fn dump_function(proto: &FunctionProto, form: DumpForm, only: Option<&str>, out: &mut String) {
    let name = proto.info.display_name();
    if only.is_none_or(|only| only == name) {
        let _ = form;
        out.push_str(&disasm::function(proto));
        out.push('\n');
    }
    for child in &proto.children {
        dump_function(child, form, only, out);
    }
}
