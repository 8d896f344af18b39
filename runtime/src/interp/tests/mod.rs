//! Hand-assembled functions run on the VM.

mod programs;

use std::sync::{Arc, Mutex};

use super::{Vm, VmOptions};
use crate::bytecode::asm::{Assembler, ProtoHeader};
use crate::bytecode::spans::SourceMap;
use crate::bytecode::{CompiledModule, FunctionProto, verify};
use crate::error::{Error, Kind, Result};
use crate::host::{Interrupt, Isolate, Loaded, ModuleLoader, Output};
use crate::limits::Limits;
use crate::objects::function::FunctionInfo;

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&mut self, path: &[Arc<str>], _importer: &Arc<str>) -> Result<Loaded> {
        Err(Error::new(Kind::ImportError, format!("Module not found: {}", path.join("."))))
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("writers do not panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn info(name: Option<&str>, n_params: u32) -> FunctionInfo {
    FunctionInfo {
        name: name.map(Into::into),
        n_required: n_params,
        n_params,
        ..FunctionInfo::default()
    }
}

pub(super) fn finish(asm: Assembler, info: FunctionInfo, n_registers: u16) -> Arc<FunctionProto> {
    let text = "line one\nline two\nline three\n";
    let header = ProtoHeader {
        info,
        n_registers,
        captures: Vec::new(),
        upvalue_names: Vec::new(),
        source: Arc::new(SourceMap::new("test.ruff".into(), text.into())),
        line: 1,
    };
    Arc::new(asm.finish(header).expect("the function fits"))
}

fn compiled(top: Arc<FunctionProto>, slots: &[&str]) -> Arc<CompiledModule> {
    let module = CompiledModule {
        name: "main".into(),
        source: top.source.clone(),
        top,
        slot_names: slots.iter().map(|&name| name.into()).collect(),
        exports: Vec::new(),
        tests: Vec::new(),
    };
    verify::module(&module).expect("the code verifies");
    Arc::new(module)
}

/// What a program printed, and how it ended.
pub(super) fn run(top: Arc<FunctionProto>, slots: &[&str], limits: Limits) -> (String, Result<()>) {
    let module = compiled(top, slots);
    let captured = Captured::default();
    let output = Output::new(Box::new(captured.clone()), false);
    let isolate = Isolate::new(output, Vec::new(), limits, Arc::new(Interrupt::default()));
    let mut vm =
        Vm::new(isolate, VmOptions::default(), Box::new(NoModules)).expect("room for stacks");
    let result = vm.run_main(&module);
    vm.isolate.out.flush().expect("captured output");
    drop(vm);
    let text =
        String::from_utf8(captured.0.lock().expect("writers do not panic").clone()).expect("text");
    (text, result)
}
