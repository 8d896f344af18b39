//! Hand-assembled functions, run through the compiler.

use std::rc::Rc;
use std::sync::{Arc, Mutex};

use ruff_runtime::bytecode::asm::{Assembler, ProtoHeader};
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::bytecode::spans::SourceMap;
use ruff_runtime::bytecode::{CompiledModule, FunctionProto, verify};
use ruff_runtime::error::{Error, Kind, Result};
use ruff_runtime::host::{Interrupt, Isolate, Loaded, ModuleLoader, Output};
use ruff_runtime::interp::{Threshold, Vm, VmOptions};
use ruff_runtime::limits::Limits;
use ruff_runtime::natives;
use ruff_runtime::objects::function::FunctionInfo;

use crate::stats::Stats;
use crate::{Jit, Options, Stress};

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

fn finish(asm: Assembler, name: Option<&str>, n_params: u32, n_registers: u16) -> FunctionProto {
    let info = FunctionInfo {
        name: name.map(Into::into),
        n_required: n_params,
        n_params,
        ..FunctionInfo::default()
    };
    let header = ProtoHeader {
        info,
        n_registers,
        captures: Vec::new(),
        upvalue_names: Vec::new(),
        source: Arc::new(SourceMap::new("test.ruff".into(), "line one\n".into())),
        line: 1,
    };
    asm.finish(header).expect("the function fits")
}

/// How the compiler is set up.
#[derive(Clone, Copy)]
struct Setup {
    threshold: u32,
    stress: Stress,
}

const HOT: Setup = Setup { threshold: 20, stress: NO_STRESS };
const NO_STRESS: Stress = Stress {
    exit_at: None,
    every: None,
    poison: None,
    cache: false,
    osr_eager: false,
    checks_ranges: false,
};

/// What the program printed, its error's message, and what the compiler did.
fn run(top: FunctionProto, slots: &[&str], setup: Setup) -> (String, Option<String>, Rc<Stats>) {
    let top = Arc::new(top);
    let module = CompiledModule {
        name: "main".into(),
        source: top.source.clone(),
        top,
        slot_names: slots.iter().map(|&name| name.into()).collect(),
        exports: Vec::new(),
        tests: Vec::new(),
    };
    verify::module(&module).expect("the code verifies");
    let module = Arc::new(module);
    let captured = Captured::default();
    let output = Output::new(Box::new(captured.clone()), false);
    let interrupt = Arc::new(Interrupt::default());
    let isolate = Isolate::new(output, Vec::new(), Limits::DEFAULT, interrupt);
    let options = VmOptions { threshold: Threshold::Fixed(setup.threshold) };
    let mut vm = Vm::new(isolate, options, Box::new(NoModules)).expect("room for stacks");
    let options = Options { stress: setup.stress, ..Options::default() };
    let jit = Jit::new(options, None).expect("executable memory");
    let stats = jit.stats();
    vm.set_tier(Box::new(jit));
    let result = vm.run_main(&module);
    vm.isolate.out.flush().expect("captured output");
    drop(vm);
    let text =
        String::from_utf8(captured.0.lock().expect("writers do not panic").clone()).expect("text");
    (text, result.err().map(|error| error.message.clone()), stats)
}

fn print(asm: &mut Assembler, reg: u16) {
    let native = natives::lookup("print").expect("a known native") as u16;
    asm.call_native_one(reg, native, Use::last(reg));
}

/// `for i in range(n) { acc := acc + i * factor }`, then prints `acc`.
fn sum(n: i32, factor: i64) -> FunctionProto {
    let mut asm = Assembler::new();
    asm.load_int(0, 0);
    asm.load_int(1, n);
    asm.range_init(1, 1);
    let (end, body) = (asm.new_label(), asm.new_label());
    asm.range_test(4, 1, end);
    asm.bind(body);
    asm.loop_header();
    let factor = asm.int(factor);
    asm.mul_const(5, Use::from(4), factor);
    asm.add(0, Use::last(0), Use::last(5));
    asm.range_loop(4, 1, body);
    asm.bind(end);
    print(&mut asm, 0);
    asm.ret_null();
    finish(asm, None, 0, 6)
}

/// `fib(n)` in module variable 0, then prints `fib(18)`.
fn fib() -> FunctionProto {
    let mut asm = Assembler::new();
    let (two, one) = (asm.int(2), asm.int(1));
    let more = asm.new_label();
    let at = asm.jump_lt_const(Use::from(0), two, more);
    asm.set_sense(at, false);
    asm.ret(Use::last(0));
    asm.bind(more);
    asm.sub_const(2, Use::from(0), one);
    asm.call_module(1, 1, 0, 1);
    asm.sub_const(3, Use::last(0), two);
    asm.call_module(2, 2, 0, 1);
    asm.add(1, Use::last(1), Use::last(2));
    asm.ret(Use::last(1));
    let child = Arc::new(finish(asm, Some("fib"), 1, 4));
    let mut top = Assembler::new();
    let child = top.child(child);
    top.closure(0, child);
    top.set_module(0, Use::last(0));
    top.load_int(2, 18);
    top.call_module(0, 1, 0, 1);
    print(&mut top, 0);
    top.ret_null();
    finish(top, None, 0, 3)
}

/// Fills an array with its indices by `push`, then adds them up by index.
fn array() -> FunctionProto {
    let push = natives::lookup("push").expect("a known native") as u16;
    let mut asm = Assembler::new();
    asm.new_array(0, 5, 0);
    asm.load_int(1, 500);
    asm.range_init(1, 1);
    let (filled, fill) = (asm.new_label(), asm.new_label());
    asm.range_test(4, 1, filled);
    asm.bind(fill);
    asm.loop_header();
    asm.mov(5, Use::last(0));
    asm.mov(6, Use::last(4));
    asm.call_native(0, push, 5, 2);
    asm.range_loop(4, 1, fill);
    asm.bind(filled);
    asm.load_int(7, 0);
    asm.load_int(1, 500);
    asm.range_init(1, 1);
    let (end, body) = (asm.new_label(), asm.new_label());
    asm.range_test(4, 1, end);
    asm.bind(body);
    asm.loop_header();
    asm.get_index(5, Use::from(0), Use::last(4));
    asm.add(7, Use::last(7), Use::last(5));
    asm.range_loop(4, 1, body);
    asm.bind(end);
    print(&mut asm, 7);
    asm.ret_null();
    finish(asm, None, 0, 8)
}

#[test]
fn a_counted_loop_is_compiled_while_it_runs() {
    let (text, error, stats) = run(sum(1000, 3), &[], HOT);
    assert_eq!(text, "1498500\n");
    assert_eq!(error, None);
    assert_eq!(stats.compiled.get(), 1);
}

#[test]
fn recursion_is_compiled() {
    let (text, error, stats) = run(fib(), &["fib"], HOT);
    assert_eq!(text, "2584\n");
    assert_eq!(error, None);
    assert!(stats.compiled.get() >= 1, "{stats}");
}

#[test]
fn arrays_are_filled_and_read() {
    let (text, error, stats) = run(array(), &[], HOT);
    assert_eq!(text, "124750\n");
    assert_eq!(error, None);
    assert!(stats.compiled.get() >= 2);
}

#[test]
fn overflow_raises_as_in_the_interpreter() {
    let (text, error, stats) = run(sum(1000, i64::MAX / 400), &[], HOT);
    assert_eq!(text, "");
    let message = error.expect("an error");
    assert!(message.starts_with("Integer overflow: "), "{message}");
    assert_eq!(stats.exits(), [("IntOverflow", 1)]);
}

#[test]
fn forced_exits_change_nothing() {
    for every in 1..40 {
        let setup = Setup { stress: Stress { every: Some(every), ..NO_STRESS }, ..HOT };
        assert_eq!(run(sum(300, 3), &[], setup).0, "134550\n", "every {every}");
        assert_eq!(run(fib(), &["fib"], setup).0, "2584\n", "every {every}");
        assert_eq!(run(array(), &[], setup).0, "124750\n", "every {every}");
    }
}

#[test]
fn a_function_that_has_not_run_can_be_dumped() {
    let dump = crate::dump::compile_for_dump(&Arc::new(sum(10, 2))).expect("compiles");
    assert!(dump.ir.contains("loop"));
    assert!(dump.clif.contains("block0"));
    assert!(!dump.asm.is_empty());
}
