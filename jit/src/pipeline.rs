//! The compiler as the VM sees it: decides what to compile, runs the phases, installs entries.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Instant;

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use ruff_runtime::interp::Vm;
use ruff_runtime::objects::function::{FunctionCode, Receiver};
use ruff_runtime::tier::{Entry, Tier};
use ruff_runtime::value::{Tag, Value};

use crate::bailout::Bailout;
use crate::build::feedback::Feedback;
use crate::build::{self, CalleeInfo, EntryKind, Request};
use crate::code::{CodeHeap, TypedCell};
use crate::exit::{EntryMeta, ExitMeta, FrameMeta, Shared, StressCounter};
use crate::exit_reason::ExitReason;
use crate::ir::{Func, Ty};
use crate::lower::{self, Cold, ColdRoutine, Input, write_kind};
use crate::stats::Stats;
use crate::{arch, passes, worth};

/// Forced exits, for tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stress {
    /// This guard, counted from 1 as they are compiled, fails the first time it is executed.
    pub exit_at: Option<u64>,
    /// Every so manieth executed guard fails.
    pub every: Option<u64>,
}

/// Options of the compiler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Compile instructions without a profile too, instead of leaving at them.
    pub is_eager: bool,
    pub stress: Stress,
    /// Bytes of code memory.
    pub code_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { is_eager: false, stress: Stress::default(), code_limit: 64 << 20 }
    }
}

/// Compilations of one function before it is left alone, besides one for each of its loops.
const MAX_COMPILATIONS: u32 = 12;
/// Windows of typed functions, in registers; with the depth limit they must fit the stack.
const MAX_TYPED_REGISTERS: u16 = 256;
const MAX_TYPED_PARAMS: u32 = 8;

/// The code generator and its reusable buffers.
pub struct Compiler {
    isa: OwnedTargetIsa,
    context: Context,
    builder_context: FunctionBuilderContext,
    wants_text: bool,
}

/// What is kept for a function.
struct FunctionState {
    shared: Rc<Shared>,
    typed: Option<CalleeInfo>,
    compilations: u32,
    /// Loops (or the whole function) that are left to the interpreter.
    declined: HashSet<Option<u32>>,
}

/// The compiler of hot code of one VM.
pub struct Jit {
    options: Options,
    compiler: Compiler,
    heap: CodeHeap,
    cold: Cold,
    functions: HashMap<*const FunctionCode, FunctionState>,
    stats: Rc<Stats>,
    stress: Option<Rc<StressCounter>>,
    /// Whether the register stack has room for the deepest recursion of typed functions.
    has_room: Option<bool>,
    #[allow(clippy::vec_box, reason = "compiled code holds the addresses")]
    frames: Vec<Box<FrameMeta>>,
    #[allow(clippy::vec_box, reason = "compiled code holds the addresses")]
    exits: Vec<Box<ExitMeta>>,
    #[allow(clippy::vec_box, reason = "compiled code holds the addresses")]
    entries: Vec<Box<EntryMeta>>,
    #[allow(clippy::vec_box, reason = "compiled code holds the addresses")]
    cells: Vec<Box<TypedCell>>,
}

impl Compiler {
    /// For the machine that this runs on; `None` if it is not supported.
    pub fn new() -> Option<Compiler> {
        let mut flags = settings::builder();
        let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
        for (name, value) in [
            ("opt_level", "speed"),
            ("enable_verifier", verifier),
            ("unwind_info", "false"),
            ("preserve_frame_pointers", "false"),
            ("enable_probestack", "false"),
            ("is_pic", "false"),
            ("log2_min_function_alignment", "5"),
        ] {
            flags.set(name, value).ok()?;
        }
        let isa = cranelift_native::builder().ok()?.finish(settings::Flags::new(flags)).ok()?;
        let (context, builder_context) = (Context::new(), FunctionBuilderContext::new());
        Some(Compiler { isa, context, builder_context, wants_text: false })
    }

    /// The trampoline of a cold routine.
    fn trampoline(&mut self, routine: ColdRoutine, cold: &Cold) -> Result<Vec<u8>, Bailout> {
        self.context.clear();
        let (func, builder) = (&mut self.context.func, &mut self.builder_context);
        lower::lower_trampoline(&*self.isa, routine, cold.result(), func, builder);
        self.compile()
    }

    /// Compiles what is in the context.
    fn compile(&mut self) -> Result<Vec<u8>, Bailout> {
        let compiled = self
            .context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|_| Bailout::Backend)?;
        let mut code = compiled.code_buffer().to_vec();
        for reloc in compiled.buffer.relocs() {
            if !arch::patch_self_call(&mut code, reloc.kind, reloc.offset, reloc.addend) {
                return Err(Bailout::Backend);
            }
        }
        Ok(code)
    }

    fn function(
        &mut self,
        func: &Func,
        is_framed: bool,
        metas: &Metas<'_>,
    ) -> Result<Vec<u8>, Bailout> {
        self.context.clear();
        self.context.set_disasm(self.wants_text);
        let input = Input {
            func,
            isa: &*self.isa,
            is_framed,
            frame: metas.frame,
            exits: metas.exits,
            stress_exits: metas.stress_exits,
            cold: metas.cold,
        };
        lower::lower(&input, &mut self.context.func, &mut self.builder_context);
        self.compile()
    }

    /// CLIF and machine code of a function as text.
    ///
    /// # Errors
    /// The code generator refuses it.
    pub fn text_of(
        &mut self,
        func: &Func,
        code: &FunctionCode,
    ) -> Result<(String, String), Bailout> {
        let stats = Rc::new(Stats::default());
        let shared = new_shared(&stats, None);
        let frame = Box::new(FrameMeta { code, is_framed: true, shared });
        let exits = exit_metas(func, &frame, false);
        let (stress_exits, cold) = (&[], &Cold::default());
        let metas = Metas { frame: &frame, exits: &exits, stress_exits, cold };
        self.wants_text = true;
        self.function(func, true, &metas)?;
        let clif = self.context.func.display().to_string();
        let compiled = self.context.compiled_code();
        let asm = compiled.and_then(|code| code.vcode.clone()).unwrap_or_default();
        Ok((clif, asm))
    }
}

/// The descriptions that compiled code refers to.
struct Metas<'a> {
    frame: &'a FrameMeta,
    exits: &'a [Box<ExitMeta>],
    stress_exits: &'a [Box<ExitMeta>],
    cold: &'a Cold,
}

fn new_shared(stats: &Rc<Stats>, stress: Option<Rc<StressCounter>>) -> Rc<Shared> {
    Rc::new(Shared {
        feedback: Feedback::default(),
        is_stale: Cell::new(false),
        stats: stats.clone(),
        stress,
    })
}

#[allow(clippy::vec_box, reason = "compiled code holds the addresses")]
fn exit_metas(func: &Func, frame: &FrameMeta, is_stress: bool) -> Vec<Box<ExitMeta>> {
    let metas = func.exits.iter().map(|exit| {
        let writes =
            exit.writes.iter().map(|&(reg, source)| (reg, write_kind(func, source).0)).collect();
        let reason = if is_stress { ExitReason::Stress } else { exit.reason };
        // A forced exit at a loop header resumes behind it, or it would come back at once.
        let skips_header = is_stress && exit.reason == ExitReason::Interrupt;
        let pc = exit.pc + u32::from(skips_header);
        let (site, count) = (exit.site, Cell::new(0));
        Box::new(ExitMeta { frame, pc, site, reason, writes, count })
    });
    metas.collect()
}

/// The unboxed type of a value, if it has one.
fn unboxed(tag: Tag) -> Option<Ty> {
    match tag {
        Tag::Int => Some(Ty::Int),
        Tag::Float => Some(Ty::Float),
        Tag::Bool => Some(Ty::Bool),
        _ => None,
    }
}

impl Jit {
    /// A compiler, unless the machine is not supported or gives no executable memory.
    pub fn new(options: Options) -> Option<Jit> {
        let is_stressed = options.stress != Stress::default();
        let stress = is_stressed.then(|| Rc::new(StressCounter::new(options.stress)));
        let mut compiler = Compiler::new()?;
        let mut heap = CodeHeap::new(options.code_limit)?;
        let mut cold = Cold::default();
        for routine in ColdRoutine::ALL {
            let bytes = compiler.trampoline(routine, &cold).ok()?;
            cold.set(routine, heap.install(&bytes)?);
        }
        Some(Jit {
            options,
            compiler,
            heap,
            cold,
            functions: HashMap::new(),
            stats: Rc::default(),
            stress,
            has_room: None,
            frames: Vec::new(),
            exits: Vec::new(),
            entries: Vec::new(),
            cells: Vec::new(),
        })
    }

    /// The counters, which stay readable when the VM owns the compiler.
    pub fn stats(&self) -> Rc<Stats> {
        self.stats.clone()
    }

    /// Builds, optimises and installs one form of a function.
    fn compile(&mut self, code: &FunctionCode, entry: EntryKind) -> Result<*const u8, Bailout> {
        let start = Instant::now();
        let is_framed = matches!(entry, EntryKind::Framed { .. });
        let shared = self.state(code).shared.clone();
        let functions = &self.functions;
        let callees = |callee: *const FunctionCode| {
            functions.get(&callee).and_then(|state| state.typed.clone())
        };
        let request = Request {
            code,
            entry,
            feedback: &shared.feedback,
            callees: &callees,
            is_eager: self.options.is_eager,
        };
        let mut func = build::build(&request)?;
        if !self.options.is_eager && is_framed && !worth::is_worthwhile(&func, code) {
            return Err(Bailout::MostlyGeneric);
        }
        passes::run(&mut func);
        self.stats.add_time("build", start.elapsed());
        if cfg!(debug_assertions)
            && let Err(fault) = crate::ir::verify::verify(&func)
        {
            let text = crate::ir::print::print(&func);
            debug_assert!(false, "malformed IR: {fault:?}\n{text}");
        }
        let start = Instant::now();
        let frame = Box::new(FrameMeta { code, is_framed, shared });
        let exits = exit_metas(&func, &frame, false);
        let is_stressed = self.stress.is_some();
        let stress_exits = if is_stressed { exit_metas(&func, &frame, true) } else { Vec::new() };
        let metas =
            Metas { frame: &frame, exits: &exits, stress_exits: &stress_exits, cold: &self.cold };
        let bytes = self.compiler.function(&func, is_framed, &metas)?;
        let address = self.heap.install(&bytes).ok_or(Bailout::CodeMemory)?;
        self.stats.add_time("generate", start.elapsed());
        self.stats.compiled.set(self.stats.compiled.get() + 1);
        self.stats.code_bytes.set(self.heap.used());
        self.frames.push(frame);
        self.exits.extend(exits);
        self.exits.extend(stress_exits);
        Ok(address)
    }

    fn state(&mut self, code: *const FunctionCode) -> &mut FunctionState {
        let (stats, stress) = (&self.stats, &self.stress);
        self.functions.entry(code).or_insert_with(|| FunctionState {
            shared: new_shared(stats, stress.clone()),
            typed: None,
            compilations: 0,
            declined: HashSet::new(),
        })
    }

    /// Whether calls can pass the function's arguments unboxed, without a frame record.
    fn is_typed(&mut self, vm: &Vm, code: &FunctionCode) -> bool {
        let Some(loaded) = &code.proto else { return false };
        let info = &code.info;
        let has_plain_params = info.n_required == info.n_params
            && info.n_params <= MAX_TYPED_PARAMS
            && !info.has_rest
            && info.receiver == Receiver::None;
        has_plain_params
            && !info.is_async
            && !info.is_generator
            && info.name.is_some()
            && loaded.proto.captures.is_empty()
            && loaded.proto.n_registers <= MAX_TYPED_REGISTERS
            && self.has_room(vm)
    }

    /// Whether the deepest recursion of typed functions fits the register stack, so that they
    /// need not check it.
    fn has_room(&mut self, vm: &Vm) -> bool {
        *self.has_room.get_or_insert_with(|| {
            let need = vm.native.depth_limit as usize * usize::from(MAX_TYPED_REGISTERS);
            // SAFETY: there is a frame on top.
            let base = unsafe { (*vm.frame).base } as usize;
            let left = (vm.native.stack_limit as usize).saturating_sub(base);
            left / size_of::<Value>() >= need
        })
    }

    /// Compiles a function for calls from anywhere.
    fn compile_call(
        &mut self,
        vm: &Vm,
        code: &FunctionCode,
        tags: Vec<Tag>,
    ) -> Result<(), Bailout> {
        let Some(loaded) = &code.proto else { return Err(Bailout::NoBytecode) };
        let profile = &loaded.proto.profile;
        if !self.is_typed(vm, code) {
            let address = self.compile(code, EntryKind::Framed { pc: 0, tags })?;
            profile.set_entry(Some(as_entry(address)));
            return Ok(());
        }
        let feedback = &self.state(code).shared.clone().feedback;
        let n_params = code.info.n_params as usize;
        let param = |i: usize| {
            let tag = tags.get(i).copied().unwrap_or(Tag::Null);
            unboxed(tag).filter(|_| feedback.may_type_param(i))
        };
        let params: Vec<Option<Ty>> = (0..n_params).map(param).collect();
        let address = self.compile(code, EntryKind::Typed(params.clone()))?;
        let frame = &raw const **self.frames.last().expect("just pushed by compile");
        let entry = self.typed_entry(address, &params, frame)?;
        self.install_typed(code, params, address);
        profile.set_entry(Some(as_entry(entry)));
        Ok(())
    }

    /// Publishes a typed entry; callers of an older one with the same parameters get it too.
    fn install_typed(&mut self, code: &FunctionCode, params: Vec<Option<Ty>>, address: *const u8) {
        if let Some(known) = &self.state(code).typed
            && known.params == params
        {
            let cell = known.cell;
            // SAFETY: cells live as long as the compiler.
            unsafe { (*cell).entry.set(address) };
            return;
        }
        let cell = Box::new(TypedCell { entry: Cell::new(address) });
        let info = CalleeInfo { cell: &raw const *cell, params };
        self.cells.push(cell);
        self.state(code).typed = Some(info);
    }

    /// The entry for the interpreter of a typed function.
    fn typed_entry(
        &mut self,
        address: *const u8,
        params: &[Option<Ty>],
        frame: *const FrameMeta,
    ) -> Result<*const u8, Bailout> {
        let tags = params.iter().map(|param| param.map(lower::tag_of_ty)).collect();
        let meta = Box::new(EntryMeta { frame, tags, misses: Cell::new(0) });
        let compiler = &mut self.compiler;
        compiler.context.clear();
        let isa = &*compiler.isa;
        let (func, builder) = (&mut compiler.context.func, &mut compiler.builder_context);
        lower::lower_entry(isa, address, params, &meta, (func, builder));
        let bytes = compiler.compile()?;
        self.entries.push(meta);
        self.heap.install(&bytes).ok_or(Bailout::CodeMemory)
    }
}

impl Tier for Jit {
    fn tier_up(&mut self, vm: &mut Vm, code: &FunctionCode, header: Option<u32>) {
        let Some(loaded) = &code.proto else { return };
        let n_loops = u32::from(header.is_some());
        let state = self.state(code);
        if state.declined.contains(&header) {
            return;
        }
        state.compilations += 1;
        let n = state.compilations;
        if state.shared.is_stale.replace(false) {
            self.stats.recompiled.set(self.stats.recompiled.get() + 1);
        }
        let tags = frame_tags(vm, loaded.proto.n_registers);
        let result = if n > MAX_COMPILATIONS + n_loops * 8 {
            Err(Bailout::TooManyRecompilations)
        } else {
            match header {
                None => self.compile_call(vm, code, tags),
                Some(pc) => {
                    let address = self.compile(code, EntryKind::Framed { pc, tags });
                    address.map(|address| {
                        loaded.proto.profile.set_osr_entry(pc as usize, Some(as_entry(address)));
                    })
                }
            }
        };
        let Err(reason) = result else { return };
        self.stats.count_bailout(reason);
        if reason == Bailout::MostlyGeneric {
            // Other loops of the function may do better.
            self.state(code).declined.insert(header);
        } else {
            loaded.proto.profile.bail_out();
        }
    }
}

/// The tags of the registers of the frame on top.
fn frame_tags(vm: &Vm, n_registers: u16) -> Vec<Tag> {
    // SAFETY: the VM asks with the function's frame on top, whose registers are valid values.
    unsafe {
        let base = (*vm.frame).base;
        (0..n_registers).map(|r| (*base.add(r.into())).tag()).collect()
    }
}

/// The code at an address as an entry.
fn as_entry(address: *const u8) -> Entry {
    // SAFETY: the code at the address was compiled with the signature of entries.
    unsafe { std::mem::transmute::<*const u8, Entry>(address) }
}
