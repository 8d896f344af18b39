//! The code generator: IR to machine code in the code memory.
//!
//! A [`Generator`] belongs to one thread, the program's or the worker's. What it is given, a
//! [`Job`], and what it gives back hold no pointers, only addresses that it writes into code and
//! never reads.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;

use crate::arch;
use crate::bailout::Bailout;
use crate::code::{CellAddress, CodeHeap, Piece};
use crate::ir::print::print;
use crate::ir::{Form, Func, Ty};
use crate::log::{Dumped, Stage};
use crate::lower::{self, Cold, ColdRoutine, Input, Places};
use crate::metas::MetaAddresses;

/// Cranelift with its reusable buffers.
pub struct Compiler {
    isa: OwnedTargetIsa,
    context: Context,
    builder_context: FunctionBuilderContext,
    wants_text: bool,
    /// What the code generator said when it last refused something.
    fault: String,
}

/// What to generate.
pub(crate) struct Job {
    pub id: u64,
    pub func: Func,
    pub form: Form,
    pub metas: MetaAddresses,
    pub typed: Option<TypedJob>,
    pub dumped: Option<Dumped>,
}

/// The rest of a typed function: its entry for the interpreter, and what older callers need.
pub(crate) struct TypedJob {
    /// Leads to the function once it is installed.
    pub cell: CellAddress,
    pub params: Vec<Option<Ty>>,
    /// The first parameter is a receiver.
    pub is_method: bool,
    /// It has captured variables.
    pub is_closure: bool,
    /// The entry's description.
    pub entry: usize,
    /// The parameters of an older form, whose callers are to be led to this one.
    pub older: Option<Vec<Option<Ty>>>,
}

/// What came out.
pub(crate) struct Generated {
    pub code: Piece,
    /// For typed functions.
    pub entry: Option<Piece>,
    pub adapter: Option<Piece>,
}

/// What the code generator said when it refused something.
pub struct Fault(pub String);

/// The end of a job.
pub(crate) struct Outcome {
    pub id: u64,
    pub result: Result<Generated, Bailout>,
    /// Whether it compiles for another machine too, or why not; if that was asked for.
    pub portable: Option<Result<(), Fault>>,
    pub time: Duration,
}

impl Compiler {
    /// For the machine that this runs on; `None` if it is not supported.
    pub fn new() -> Option<Compiler> {
        Compiler::on(&cranelift_native::builder().ok()?)
    }

    /// For aarch64; `None` if the code generator was built without it.
    fn for_aarch64() -> Option<Compiler> {
        Compiler::on(&isa::lookup_by_name("aarch64-unknown-linux-gnu").ok()?)
    }

    fn on(target: &isa::Builder) -> Option<Compiler> {
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
        let isa = target.finish(settings::Flags::new(flags)).ok()?;
        let (context, builder_context) = (Context::new(), FunctionBuilderContext::new());
        let (wants_text, fault) = (false, String::new());
        Some(Compiler { isa, context, builder_context, wants_text, fault })
    }

    /// The trampoline of a cold routine.
    fn trampoline(&mut self, routine: ColdRoutine, cold: &Cold) -> Result<Vec<u8>, Bailout> {
        self.context.clear();
        let (func, builder) = (&mut self.context.func, &mut self.builder_context);
        match routine {
            ColdRoutine::Release => lower::lower_release(&*self.isa, cold, func, builder),
            _ => lower::lower_trampoline(&*self.isa, routine, cold.result(), func, builder),
        }
        self.compile()
    }

    /// Compiles what is in the context.
    fn compile(&mut self) -> Result<Vec<u8>, Bailout> {
        let compiled =
            self.context.compile(&*self.isa, &mut ControlPlane::default()).map_err(|refused| {
                self.fault = refused.inner.to_string();
                Bailout::Backend
            })?;
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
        form: Form,
        metas: MetaAddresses,
        cold: &Cold,
    ) -> Result<Vec<u8>, Bailout> {
        self.context.clear();
        self.context.set_disasm(self.wants_text);
        let input = Input { func, isa: &*self.isa, form, metas, cold };
        lower::lower(&input, &mut self.context.func, &mut self.builder_context);
        self.compile()
    }

    fn entry(&mut self, job: &TypedJob) -> Result<Vec<u8>, Bailout> {
        self.context.clear();
        let target = (&mut self.context.func, &mut self.builder_context);
        lower::lower_entry(
            &*self.isa,
            job.cell,
            &job.params,
            (job.entry, job.is_method, job.is_closure),
            target,
        );
        self.compile()
    }

    fn adapter(&mut self, older: &[Option<Ty>], job: &TypedJob) -> Result<Vec<u8>, Bailout> {
        self.context.clear();
        let target = (&mut self.context.func, &mut self.builder_context);
        lower::lower_adapter(&*self.isa, older, (job.cell, &job.params), target);
        self.compile()
    }

    /// All code of a job, which nobody gets.
    fn all(&mut self, job: &Job, cold: &Cold) -> Result<(), Bailout> {
        for routine in ColdRoutine::ALL {
            self.trampoline(routine, cold)?;
        }
        self.function(&job.func, job.form, job.metas.clone(), cold)?;
        let Some(typed) = &job.typed else { return Ok(()) };
        self.entry(typed)?;
        if let Some(older) = &typed.older {
            self.adapter(older, typed)?;
        }
        Ok(())
    }

    /// CLIF and machine code of what was compiled last as text.
    fn last_text(&self) -> (String, String) {
        let compiled = self.context.compiled_code();
        let asm = compiled.and_then(|code| code.vcode.clone()).unwrap_or_default();
        (self.context.func.display().to_string(), asm)
    }

    /// CLIF and machine code of a function as text, with made-up addresses.
    ///
    /// # Errors
    /// The code generator refuses it.
    pub fn text_of(&mut self, func: &Func, form: Form) -> Result<(String, String), Bailout> {
        self.wants_text = true;
        self.function(func, form, MetaAddresses::default(), &Cold::default())?;
        Ok(self.last_text())
    }
}

/// A compiler with the code memory that it fills.
pub(crate) struct Generator {
    compiler: Compiler,
    heap: Arc<Mutex<CodeHeap>>,
    cold: Cold,
    /// Compiles everything too, for nothing.
    other: Option<Compiler>,
}

impl Generator {
    /// With the addresses that code contains; `None` if the machine is not supported or the code
    /// memory too small.
    pub(crate) fn new(
        heap: Arc<Mutex<CodeHeap>>,
        places: Places,
        checks_aarch64: bool,
    ) -> Option<Generator> {
        let other = checks_aarch64.then(Compiler::for_aarch64).flatten();
        let (compiler, cold) = (Compiler::new()?, Cold::new(places));
        let mut generator = Generator { compiler, heap, cold, other };
        for routine in ColdRoutine::ALL {
            let bytes = generator.compiler.trampoline(routine, &generator.cold).ok()?;
            let piece = generator.install(&bytes).ok()?;
            generator.cold.set(routine, piece.address);
        }
        Some(generator)
    }

    fn install(&self, bytes: &[u8]) -> Result<Piece, Bailout> {
        // The heap is only locked by code that does not panic.
        let mut heap = self.heap.lock().map_err(|_| Bailout::CodeMemory)?;
        heap.install(bytes).ok_or(Bailout::CodeMemory)
    }

    /// Does a job.
    pub(crate) fn run(&mut self, job: &Job) -> Outcome {
        let start = Instant::now();
        let result = self.generate(job);
        let portable = self.other.as_mut().filter(|_| result.is_ok()).map(|other| {
            let compiled = other.all(job, &self.cold);
            compiled.map_err(|_| Fault(std::mem::take(&mut other.fault)))
        });
        Outcome { id: job.id, result, portable, time: start.elapsed() }
    }

    fn generate(&mut self, job: &Job) -> Result<Generated, Bailout> {
        self.compiler.wants_text = job.dumped.is_some();
        let bytes = self.compiler.function(&job.func, job.form, job.metas.clone(), &self.cold)?;
        if let Some(dumped) = &job.dumped {
            let text = match dumped.form {
                Stage::Ir => print(&job.func),
                Stage::Clif => self.compiler.last_text().0,
                Stage::Asm => self.compiler.last_text().1,
            };
            dumped.write(&text);
        }
        let code = self.install(&bytes)?;
        let Some(typed) = &job.typed else {
            return Ok(Generated { code, entry: None, adapter: None });
        };
        let mut generated = Generated { code, entry: None, adapter: None };
        let result = self.typed(typed, &mut generated);
        match result {
            Ok(()) => Ok(generated),
            Err(reason) => {
                if let Ok(mut heap) = self.heap.lock() {
                    generated.pieces().for_each(|piece| heap.free(piece));
                }
                Err(reason)
            }
        }
    }

    fn typed(&mut self, job: &TypedJob, generated: &mut Generated) -> Result<(), Bailout> {
        let bytes = self.compiler.entry(job)?;
        generated.entry = Some(self.install(&bytes)?);
        if let Some(older) = &job.older {
            let bytes = self.compiler.adapter(older, job)?;
            generated.adapter = Some(self.install(&bytes)?);
        }
        Ok(())
    }
}

impl Generated {
    /// All installed code.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece> {
        [Some(self.code), self.entry, self.adapter].into_iter().flatten()
    }
}
