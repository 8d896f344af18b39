//! Runs on the VM, with or without the JIT, and dumps of what it executes.

use std::path::PathBuf;
use std::sync::Arc;

use ruff_runtime::bytecode::{CompiledModule, FunctionProto, TestItem, disasm};
use ruff_runtime::concurrency::{isolates, tasks};
use ruff_runtime::error::{Error, Kind};
use ruff_runtime::host::{Isolate, Loaded, ModuleLoader, Output};
use ruff_runtime::interp::{Threshold, Vm, VmOptions};

use super::jit::{self, Counters, Figures};
use super::tests_of_file::Numbers;
use super::{Engine, Finished, JitMode, Options, Run};
use crate::compile;
use crate::loader::{Checked, Loader};
use crate::phases::Phase;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Source;

impl Run<'_> {
    /// A VM for the program with its tier, and the tier's counters if it has one.
    fn vm(&self, out: Output) -> Result<(Box<Vm>, Option<Counters>), Error> {
        self.vm_of(self.isolate(out))
    }

    /// A VM for an isolate, as [`Run::vm`].
    pub(super) fn vm_of(&self, isolate: Isolate) -> Result<(Box<Vm>, Option<Counters>), Error> {
        let options = VmOptions { threshold: threshold(self.options) };
        let mut vm = Vm::new(isolate, options, Box::new(self.loader.clone()))?;
        vm.set_stack_size(self.stack_bytes);
        let is_jit = self.options.engine == Engine::Jit && self.options.jit.mode != JitMode::Off;
        let counters = is_jit.then(|| jit::attach(&mut vm, self.options.jit));
        Ok((vm, counters))
    }

    fn compiled(&self, checked: &Checked) -> Result<Arc<CompiledModule>, Finished> {
        compile_checked(checked, "main")
            .map_err(|list| Finished::not_compiled(&checked.source, &list, self.options))
    }

    /// How the program ended, and what the JIT did if it may compile.
    pub(super) fn on_vm(&self, checked: &Checked, out: Output) -> (Finished, Option<Figures>) {
        let phases = self.loader.phases();
        let module = match phases.time(Phase::Compile, || self.compiled(checked)) {
            Ok(module) => module,
            Err(finished) => return (finished, None),
        };
        let style = self.options.style;
        let (mut vm, counters) = match self.vm(out) {
            Ok(made) => made,
            Err(error) => {
                return (Finished::after(Err(error), &self.loader.sources(), style), None);
            }
        };
        let result =
            phases.time(Phase::Run, || vm.run_main(&module).and_then(|()| tasks::drain(&mut *vm)));
        let mut finished = self.finished(result, &mut *vm);
        let figures = counters.map(|counters| counters.figures());
        if let Some(figures) = &figures {
            finished.forced_exits = figures.forced_exits;
            finished.guards = figures.guards;
            finished.portable = figures.portable;
            finished.unportable.clone_from(&figures.unportable);
        }
        (finished, figures)
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
            isolates::finish(&mut *vm);
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

fn threshold(options: &Options) -> Threshold {
    let stress = options.jit.stress;
    match (options.engine, options.jit.mode, stress.threshold) {
        (Engine::Jit, _, Some(n)) => Threshold::Fixed(u32::try_from(n).unwrap_or(u32::MAX)),
        (Engine::Jit, JitMode::Always, _) => Threshold::Always,
        (Engine::Jit, JitMode::On, _) if stress.osr_eager => Threshold::Always,
        _ => Threshold::Normal,
    }
}

fn compile_checked(checked: &Checked, name: &str) -> Result<Arc<CompiledModule>, Vec<Diagnostic>> {
    compile::compile(&checked.file, &checked.source, &checked.resolved, name).map(Arc::new)
}

impl ModuleLoader for Loader {
    fn load(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Loaded, Error> {
        let (found, checked) = Loader::load(self, path, importer)?;
        let compile = || compile_checked(&checked, &found.name);
        let module = self.phases().time(Phase::Compile, compile).map_err(|list| {
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
    let is_shown = |name: &str| function.is_none_or(|only| only == name);
    let mut out = String::new();
    match form {
        DumpForm::Bytecode => dump_function(&module.top, &is_shown, &mut out),
        DumpForm::Clif | DumpForm::Asm => jit::dump(&module.top, form, &is_shown, &mut out),
    }
    Ok(out)
}

fn dump_function(proto: &FunctionProto, is_shown: &dyn Fn(&str) -> bool, out: &mut String) {
    if is_shown(proto.info.display_name()) {
        out.push_str(&disasm::function(proto));
        out.push('\n');
    }
    for child in &proto.children {
        dump_function(child, is_shown, out);
    }
}
