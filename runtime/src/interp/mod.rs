//! The virtual machine: interpreter loop, frames, calls, errors.
//!
//! [`Vm`] is the engine of one isolate. The loop ([`dispatch`]) executes one function after the
//! other on one native frame; natives and operator methods that call back run it again, nested.
//! Registers and frame records are in two mappings that never move ([`stack`]). What an
//! instruction means in the general case is in `semantics`; handlers add the fast paths.
//! Start reading at [`machine`], then `dispatch`, then any family of handlers.

mod arith;
mod calls;
mod chains;
mod collections;
mod context;
mod direct;
mod dispatch;
mod enter;
mod fields;
mod generators;
mod jumps;
mod load;
mod loops;
mod machine;
mod methods;
mod modules;
mod moves;
mod places;
mod stack;
mod structs;
mod suspend;
mod tiering;
mod unwind;
mod variables;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::bytecode::operand::Instr;
use crate::concurrency::tasks;
use crate::error::{Error, Kind, Position, Result};
use crate::heap;
use crate::host::{Counters, Host, Isolate, ModuleLoader, Stand};
use crate::objects::function::FunctionCode;
use crate::objects::module::{ModuleBody, Origin, Template};
use crate::semantics::{BinOp, stages};
use crate::tier::Tier;
use crate::value::{Value, View};

pub use chains::{ChainShape, SourceShape, StageShape};
pub use context::{DEOPT_WORDS, NativeContext};
pub use direct::is_frameless;
use enter::Args;
use fields::FieldCache;
pub use generators::RESUME_IN_VM;
use methods::MethodCache;
pub use methods::receiver_type;
use modules::Modules;
use stack::Stacks;
pub use stack::{Frame, flags};
pub use tiering::{Stepped, Threshold, VmOptions};
pub use variables::closure_at;

/// The engine of one isolate.
#[repr(C)]
pub struct Vm {
    /// What compiled code reads and writes by offset; the first field.
    pub native: NativeContext,
    /// The frame on top; at the bottom a frame without code.
    pub frame: *mut Frame,
    frame_limit: *mut Frame,
    pub isolate: Isolate,
    options: VmOptions,
    loader: Box<dyn ModuleLoader>,
    tier: Option<Box<dyn Tier>>,
    /// Entries into compiled code that have not returned.
    n_entered: u32,
    modules: Modules,
    methods: MethodCache,
    fields: FieldCache,
    chains: chains::Chains,
    /// The boundary frame that returned last was a generator's and had a value.
    has_yielded: bool,
    /// Interpreter loops of the present task.
    loops: u32,
    /// The innermost loop has just called a native for an instruction that can be finished later.
    can_finish_later: bool,
    /// Errors that running cleanup handlers hold.
    held_errors: Vec<Error>,
    error_sites: unwind::ErrorSites,
    /// The strings that stand for texts in functions.
    literals: FxHashMap<Arc<str>, Value>,
    /// The names of operator methods, by [`BinOp`]; null as long as they were not needed.
    operator_names: [Value; BinOp::ALL.len()],
    /// Code of functions; boxed, since functions point to it.
    #[allow(clippy::vec_box, reason = "functions hold the addresses")]
    codes: Vec<Box<FunctionCode>>,
    /// Registers of the largest of them.
    most_registers: u32,
    /// The mappings behind the raw pointers above.
    stacks: Stacks,
    stack_bytes: usize,
}

impl Vm {
    /// A VM without programs.
    ///
    /// # Errors
    /// MemoryError if the address space for the stacks cannot be reserved.
    pub fn new(
        isolate: Isolate,
        options: VmOptions,
        loader: Box<dyn ModuleLoader>,
    ) -> Result<Box<Vm>> {
        let limits = isolate.limits;
        let Some(mut stacks) = Stacks::reserve(limits.call_depth) else {
            return Err(Error::new(Kind::MemoryError, "Out of memory"));
        };
        let interrupt = &raw const isolate.interrupt.pending;
        let mut native = NativeContext::new(interrupt, stacks.register_limit());
        native.depth_limit = limits.call_depth;
        native.nested_limit = limits.nested_depth;
        let frame = stacks.write_bottom();
        heap::on_due(isolate.interrupt.clone());
        Ok(Box::new(Vm {
            native,
            frame,
            frame_limit: stacks.frame_limit(),
            isolate,
            options,
            loader,
            tier: None,
            literals: FxHashMap::default(),
            operator_names: Default::default(),
            n_entered: 0,
            modules: Modules::default(),
            methods: MethodCache::new(),
            fields: FieldCache::new(),
            chains: chains::Chains::new(),
            has_yielded: false,
            loops: 0,
            can_finish_later: false,
            held_errors: Vec::new(),
            error_sites: unwind::ErrorSites::default(),
            codes: Vec::new(),
            most_registers: 0,
            stacks,
            stack_bytes: usize::MAX,
        }))
    }

    /// Tells how much native stack lies below the caller, so that recursion through natives,
    /// operators and compiled code ends before it overflows.
    pub fn set_stack_size(&mut self, bytes: usize) {
        let tasks = &mut self.isolate.tasks;
        (tasks.main_stack_bytes, tasks.stack_bytes) = (bytes, bytes);
        self.stack_bytes = bytes;
    }

    /// Bytes of native stack; `usize::MAX` if nobody told.
    pub fn stack_bytes(&self) -> usize {
        self.stack_bytes
    }

    /// Sets the compiler of hot code.
    pub fn set_tier(&mut self, tier: Box<dyn Tier>) {
        self.tier = Some(tier);
    }

    /// Calls a function from a native, an operator or the VM itself, to its end.
    fn call_nested(&mut self, callee: &Value, flags: u64, args: &mut [Value]) -> Result<Value> {
        self.check_native_stack(callee)?;
        // The register in between is for the closure.
        let window = self.free_registers().wrapping_add(1);
        self.native.callbacks += 1;
        let compiled = self.call_compiled(callee, flags, window, args);
        self.native.callbacks -= 1;
        if let Some(result) = compiled {
            return result;
        }
        self.place(window, args)?;
        self.native.nested += 1;
        self.native.callbacks += 1;
        let flags = flags | flags::USER | flags::BOUNDARY;
        let begun = self.begin_call(callee.clone(), window, Args::InPlace(args.len()), flags);
        let failed = begun.is_err();
        let result = self.complete(begun);
        self.native.nested -= 1;
        self.native.callbacks -= 1;
        if failed {
            self.clear(window, args.len());
        }
        result
    }

    /// For compiled code that does the work of a native which calls functions: what they call
    /// counts as called from a native until [`Vm::leave_body`]. False if the limit of such calls
    /// is reached.
    pub fn enter_body(&mut self) -> bool {
        if self.native.nested >= self.native.nested_limit {
            return false;
        }
        self.native.nested += 1;
        self.native.callbacks += 1;
        true
    }

    /// Ends what [`Vm::enter_body`] began; popping a frame with `flags::BODY` does that too.
    pub fn leave_body(&mut self) {
        self.native.nested -= 1;
        self.native.callbacks -= 1;
    }

    /// Moves values into free registers.
    fn place(&self, window: *mut Value, values: &mut [Value]) -> Result<()> {
        if window.wrapping_add(values.len()) > self.native.stack_limit {
            return Err(Error::new(Kind::MemoryError, "Out of memory"));
        }
        for (i, value) in values.iter_mut().enumerate() {
            // SAFETY: the registers are inside the mapping and hold valid values.
            unsafe { *window.add(i) = value.take() };
        }
        Ok(())
    }

    /// Releases registers above the frames.
    fn clear(&self, window: *mut Value, n: usize) {
        for i in 0..n {
            // SAFETY: as in `place`.
            unsafe { *window.add(i) = Value::NULL };
        }
    }
}

impl Host for Vm {
    fn isolate(&mut self) -> &mut Isolate {
        &mut self.isolate
    }

    fn call(&mut self, callee: &Value, args: &mut [Value]) -> Result<Value> {
        match callee.view() {
            View::Function(_) => self.call_nested(callee, 0, args),
            View::Native(index) => crate::natives::call(self, index, args),
            _ => {
                let window = self.free_registers();
                self.place(window, args)?;
                let begun = self.begin_call(callee.clone(), window, Args::InPlace(args.len()), 0);
                self.clear(window, args.len());
                self.complete(begun)
            }
        }
    }

    fn call_method(
        &mut self,
        method: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        self.check_native_stack(method)?;
        let window = self.free_registers();
        self.place(window, std::slice::from_mut(receiver))?;
        self.place(window.wrapping_add(1), args)?;
        self.native.nested += 1;
        self.native.callbacks += 1;
        let flags = flags::USER | flags::BOUNDARY | flags::KEEP_RECEIVER;
        let args_in_place = Args::InPlace(args.len());
        let begun = self.begin_function(method.clone(), window, args_in_place, flags);
        let failed = begun.is_err();
        let result = self.complete(begun);
        self.native.nested -= 1;
        self.native.callbacks -= 1;
        // SAFETY: the method's frame left the receiver in its first register.
        unsafe { *receiver = (*window).take() };
        if failed {
            self.clear(window.wrapping_add(1), args.len());
        }
        result
    }

    fn import(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Value> {
        self.import_module(path, importer)
    }

    fn resume_generator(&mut self, generator: &Value) -> Result<Option<Value>> {
        self.next_of_generator(generator)
    }

    fn run_body(
        &mut self,
        callee: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        self.run_suspendable(callee, receiver, args)
    }

    fn run_block(&mut self, block: &Value) -> Result<Value> {
        self.run_closure(block)
    }

    fn adopt_module(&mut self, origin: &Origin) -> Rc<ModuleBody> {
        self.copy_of_module(origin)
    }

    fn code_at(
        &mut self,
        module: &ModuleBody,
        index: u32,
        _piece: Option<&Template>,
    ) -> *const FunctionCode {
        self.code_in(module, index)
    }

    fn stand(&self) -> Stand {
        // SAFETY: there always is a frame, that at the bottom of the stack if no function runs.
        let frame = unsafe { &*self.frame };
        Stand(frame.code as usize, frame.pc as usize)
    }

    fn position(&self, at: Stand) -> Option<Position> {
        let code = self.codes.iter().find(|code| std::ptr::from_ref(&***code) as usize == at.0)?;
        let loaded = code.proto.as_ref()?;
        let behind = at.1.wrapping_sub(loaded.call.code as usize) / size_of::<Instr>();
        let offset = loaded.proto.spans.offset(behind.checked_sub(1)? as u32);
        Some(loaded.proto.source.position(offset))
    }

    fn counters(&self) -> Counters {
        let native = &self.native;
        Counters { depth: native.depth, nested: native.nested, callbacks: native.callbacks }
    }

    fn set_counters(&mut self, counters: Counters) {
        self.native.depth = counters.depth;
        self.native.nested = counters.nested;
        self.native.callbacks = counters.callbacks;
    }

    fn swap_stacks(&mut self, stacks: &mut Option<Box<dyn Any>>) -> Result<()> {
        self.exchange_stacks(stacks)
    }

    fn can_detach(&self) -> bool {
        // What an open chain has counted goes with the native stack.
        self.can_finish_later && self.loops == 1 && !stages::is_active()
    }

    fn detach(&mut self) -> Box<dyn Any> {
        Box::new(self.take_frames())
    }

    fn reattach(&mut self, frames: Box<dyn Any>, outcome: Result<Option<Value>>) -> Result<Value> {
        self.go_on(frames, outcome)
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        tasks::stop(self);
        self.methods = MethodCache::new();
        for body in &self.isolate.modules {
            for slot in 0..body.n_slots() {
                body.set(slot, Value::NULL);
            }
        }
        self.native.result = Value::NULL;
        drop(self.native.take_error());
        self.modules = Modules::default();
        self.isolate.imports.clear();
        self.isolate.common_defs.clear();
        heap::collect_cycles();
        self.codes.clear();
    }
}
