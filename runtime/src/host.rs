//! What semantics and natives need from the engine that runs them.
//!
//! Both the VM and the tree evaluator implement [`Host`]; everything of one thread that is not
//! engine-specific sits in [`Isolate`].

use std::any::Any;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::bytecode::CompiledModule;
use crate::concurrency::isolates::{Engine, Membership};
use crate::concurrency::tasks::Tasks;
use crate::error::{Error, Position, Result};
use crate::heap::Ref;
use crate::limits::Limits;
use crate::objects::function::{Function, FunctionCode};
use crate::objects::module::{ModuleBody, Origin, Template};
use crate::objects::structs::StructDef;
use crate::permissions::Permissions;
use crate::semantics::error_value::ErrorValues;
use crate::value::Value;

/// The engine as seen by semantics and natives.
pub trait Host {
    fn isolate(&mut self) -> &mut Isolate;

    /// Calls any callable value with `args`, which are moved out. Depth limits and arity are
    /// checked here; the traceback gains the functions that are left.
    ///
    /// # Errors
    /// What the callee raises; `Cannot call non-function: T`; ArityError; RecursionError.
    fn call(&mut self, callee: &Value, args: &mut [Value]) -> Result<Value>;

    /// Calls a method of a struct; `receiver` is left as the method leaves it (`mut self`).
    ///
    /// # Errors
    /// As for [`Host::call`].
    fn call_method(
        &mut self,
        method: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value>;

    /// The imported module's value; runs the module at its first import.
    ///
    /// # Errors
    /// ImportError as in LS 18.6.
    fn import(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Value>;

    /// The next value of a generator; `None` at its end.
    ///
    /// # Errors
    /// What the body raises, which ends it; ConcurrencyError if it is running already.
    fn resume_generator(&mut self, generator: &Value) -> Result<Option<Value>>;

    /// Runs the body of an async or generator function like that of any other function. The
    /// arity has been checked.
    ///
    /// # Errors
    /// What the body raises; RecursionError.
    fn run_body(
        &mut self,
        callee: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value>;

    /// Runs the closure of a `spawn` block, which has no parameters and is in no traceback.
    ///
    /// # Errors
    /// What the block raises.
    fn run_block(&mut self, block: &Value) -> Result<Value> {
        self.call(block, &mut [])
    }

    /// Makes a copy of a module instance of another isolate; its variables are unassigned. The
    /// copy is empty on an engine of a single isolate, as are those that are of another engine.
    fn adopt_module(&mut self, origin: &Origin) -> Rc<ModuleBody> {
        ModuleBody::new("".into(), "".into(), Vec::new(), Vec::new(), origin.clone())
    }

    /// What another isolate needs besides the module and the index to find the code of a
    /// function.
    fn piece_of(&self, _function: &Function) -> Option<Template> {
        None
    }

    /// The code of a function of this isolate's instance of a module; null if there is none.
    fn code_at(
        &mut self,
        _module: &ModuleBody,
        _index: u32,
        _piece: Option<&Template>,
    ) -> *const FunctionCode {
        std::ptr::null()
    }

    /// Where the running task stands, for [`Host::position`]; cheap.
    fn stand(&self) -> Stand {
        Stand::default()
    }

    /// The position of an expression at which a task of this isolate has stood.
    fn position(&self, _at: Stand) -> Option<Position> {
        None
    }

    fn counters(&self) -> Counters;

    fn set_counters(&mut self, counters: Counters);

    /// Exchanges the stacks of the engine for those of another task; makes them if there are
    /// none yet. An engine that only uses the native stack has none.
    ///
    /// # Errors
    /// MemoryError if there is no address space for new ones.
    fn swap_stacks(&mut self, _stacks: &mut Option<Box<dyn Any>>) -> Result<()> {
        Ok(())
    }

    /// Whether the present task can wait without its native stack: its calls are all frames of
    /// the interpreter, and the running instruction can be finished later. The wait then raises
    /// [`Error::suspended`], which natives pass on.
    fn can_detach(&self) -> bool {
        false
    }

    /// Moves the frames of a task that raised [`Error::suspended`] to the heap.
    fn detach(&mut self) -> Box<dyn Any> {
        Box::new(())
    }

    /// Brings frames back, finishes the instruction with the outcome of the wait, and runs the
    /// task to its end (or its next wait).
    ///
    /// # Errors
    /// What the body raises.
    fn reattach(&mut self, _frames: Box<dyn Any>, outcome: Result<Option<Value>>) -> Result<Value> {
        outcome.map(Option::unwrap_or_default)
    }
}

/// Where a task stands, in words that mean something to its engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stand(pub usize, pub usize);

/// Active calls of user functions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counters {
    pub depth: u32,
    /// Of these, entered from natives, operators, eager async calls and generator requests.
    pub nested: u32,
    /// Of these, entered from natives and operators in the present task.
    pub callbacks: u32,
}

/// A module file that was found and compiled.
pub struct Loaded {
    pub module: Arc<CompiledModule>,
    /// The file's path after resolving links; modules are cached by it.
    pub real_path: Arc<str>,
}

/// Finds and compiles module files (LS 18.2, 18.3).
pub trait ModuleLoader {
    /// The module `path`, imported by the file `importer`.
    ///
    /// # Errors
    /// ImportError: not found, unsafe, failed to parse.
    fn load(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Loaded>;
}

/// State of one thread of a program that engines share.
pub struct Isolate {
    pub out: Output,
    /// Command-line arguments of the program.
    pub args: Vec<String>,
    pub limits: Limits,
    /// Set from outside (Ctrl-C) or by a due cycle collection; polled at back-edges and calls.
    pub interrupt: Arc<Interrupt>,
    /// Makes values of errors, with the predeclared struct `Error`.
    pub errors: ErrorValues,
    /// What natives may do.
    pub permissions: Arc<Permissions>,
    /// Functions that natives call later, by the number of what they were given to.
    pub handlers: HashMap<u64, Vec<Value>>,
    /// Declarations of structs that natives return, each made when it is first needed.
    pub library_defs: Vec<Ref<StructDef>>,
    /// State of the pseudo-random generator; `None` until first used.
    pub random: Option<Box<dyn Any>>,
    /// The predefined module `Promise`, once it is used.
    pub promise_module: OnceCell<Rc<ModuleBody>>,
    /// The tasks of the thread and what they wait for.
    pub tasks: Tasks,
    /// All module instances, which live as long as the isolate.
    pub modules: Vec<Rc<ModuleBody>>,
    /// Imported modules by importing file and path, so that a repeated import finds no files.
    pub imports: FxHashMap<(Arc<str>, Vec<Arc<str>>), Value>,
    /// Declarations that every isolate of the program has.
    pub common_defs: Vec<Ref<StructDef>>,
    /// Starts further isolates; `None` where there is only one.
    pub engine: Option<Arc<dyn Engine>>,
    /// The place among the isolates of the program, once there are several.
    pub membership: Option<Membership>,
}

/// Flags polled by running code.
#[derive(Default, Debug)]
pub struct Interrupt {
    /// Anything at all is pending; the only word that running code reads.
    pub pending: AtomicBool,
    /// Ctrl-C, or a limit.
    pub stop: AtomicBool,
    /// The limit that was reached, as [`Expiry`].
    expiry: AtomicU8,
    /// Steps that may still be made, plus 1; 0 if they are not counted. Counting keeps `pending`
    /// set, so that every call and every turn of a loop asks.
    steps: AtomicU64,
}

/// Which limit of the whole run stopped it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Expiry {
    Time = 1,
    Steps = 2,
}

impl Interrupt {
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.pending.store(true, Ordering::Release);
    }

    /// Stops the program because of a limit.
    pub fn expire(&self, expiry: Expiry) {
        self.expiry.store(expiry as u8, Ordering::Relaxed);
        self.request_stop();
    }

    /// The limit that stopped the program, if one did.
    pub fn expired(&self) -> Option<Expiry> {
        let expiry = self.expiry.load(Ordering::Relaxed);
        [Expiry::Time, Expiry::Steps].into_iter().find(|&known| known as u8 == expiry)
    }

    /// Counts steps from now on.
    fn limit_steps(&self, steps: u64) {
        self.steps.store(steps.saturating_add(1), Ordering::Relaxed);
        self.pending.store(true, Ordering::Release);
    }

    /// Counts a step if steps are counted; whether they are.
    fn count_step(&self) -> bool {
        match self.steps.load(Ordering::Relaxed) {
            0 => false,
            1 => {
                self.expire(Expiry::Steps);
                true
            }
            left => {
                self.steps.store(left - 1, Ordering::Relaxed);
                true
            }
        }
    }

    /// Whether [`Interrupt::request_stop`] has been called.
    pub fn stop_was_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed)
    }
}

impl Isolate {
    pub fn new(out: Output, args: Vec<String>, limits: Limits, interrupt: Arc<Interrupt>) -> Self {
        crate::heap::on_due(interrupt.clone());
        crate::heap::limit_memory(limits.memory);
        if let Some(steps) = limits.steps {
            interrupt.limit_steps(steps);
        }
        Isolate {
            out,
            args,
            limits,
            interrupt,
            errors: ErrorValues::default(),
            random: None,
            permissions: Arc::default(),
            handlers: HashMap::new(),
            library_defs: Vec::new(),
            promise_module: OnceCell::new(),
            tasks: Tasks::default(),
            modules: Vec::new(),
            imports: FxHashMap::default(),
            common_defs: Vec::new(),
            engine: None,
            membership: None,
        }
    }

    /// The declaration of a struct of the library; numbers count down from `u64::MAX - 1`, which
    /// no declaration of a program has.
    pub fn library_def(&mut self, decl_id: u64, name: &str, fields: &[&str]) -> Ref<StructDef> {
        if let Some(known) = self.library_defs.iter().find(|def| def.decl_id == decl_id) {
            return known.clone();
        }
        let fields: Vec<Arc<str>> = fields.iter().map(|field| Arc::from(*field)).collect();
        let def = StructDef::new(name.into(), decl_id, &fields, false);
        self.library_defs.push(def.clone());
        def
    }

    /// Handles an interrupt if one is pending.
    ///
    /// # Errors
    /// As for [`Isolate::poll`].
    pub fn poll_if_pending(&mut self) -> Result<()> {
        if self.interrupt.is_pending() { self.poll() } else { Ok(()) }
    }

    /// Handles a pending interrupt; called by engines when [`Interrupt::is_pending`].
    ///
    /// # Errors
    /// The uncatchable error of an interruption; `Out of memory`.
    #[cold]
    pub fn poll(&mut self) -> Result<()> {
        let counts = self.interrupt.count_step();
        // Before `stop` is read, so that a request made after that is seen by the next poll.
        self.interrupt.pending.swap(counts, Ordering::AcqRel);
        if self.interrupt.stop.load(Ordering::Relaxed) {
            self.interrupt.pending.store(true, Ordering::Relaxed);
            return Err(Error::interrupted());
        }
        if crate::heap::cycle_collection_is_due() {
            crate::heap::collect_cycles();
        }
        if crate::heap::take_exceeded() {
            crate::heap::collect_cycles();
            if !crate::heap::has_room_after_purge() {
                return Err(crate::semantics::arith::out_of_memory());
            }
        }
        Ok(())
    }
}

/// Buffered standard output (or a capture of it, for tests and embedding). The isolates of a
/// program share one buffer, so what they write comes out in the order of the writes.
pub struct Output(Stream);

enum Stream {
    Own(Buffer),
    Shared(Arc<Mutex<Buffer>>),
}

struct Buffer {
    sink: Box<dyn std::io::Write + Send>,
    bytes: Vec<u8>,
    /// Flush after each line, for terminals.
    is_line_buffered: bool,
}

impl Output {
    const CAPACITY: usize = 64 * 1024;

    pub fn new(sink: Box<dyn std::io::Write + Send>, is_line_buffered: bool) -> Output {
        Output(Stream::Own(Buffer { sink, bytes: Vec::new(), is_line_buffered }))
    }

    /// The same output for another thread.
    pub fn share(&mut self) -> Output {
        if let Stream::Own(buffer) = &mut self.0 {
            let sink: Box<dyn std::io::Write + Send> = Box::new(std::io::sink());
            let empty = Buffer { sink, bytes: Vec::new(), is_line_buffered: false };
            let buffer = std::mem::replace(buffer, empty);
            self.0 = Stream::Shared(Arc::new(Mutex::new(buffer)));
        }
        match &self.0 {
            Stream::Shared(buffer) => Output(Stream::Shared(buffer.clone())),
            Stream::Own(_) => Output::new(Box::new(std::io::sink()), false),
        }
    }

    /// Appends bytes as one unit.
    ///
    /// # Errors
    /// An IoError if the stream cannot be written; a closed pipe ends the program quietly.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.0 {
            Stream::Own(buffer) => buffer.write(bytes),
            Stream::Shared(buffer) => lock(buffer).write(bytes),
        }
    }

    /// # Errors
    /// As for [`Output::write`].
    pub fn flush(&mut self) -> Result<()> {
        match &mut self.0 {
            Stream::Own(buffer) => buffer.flush(),
            Stream::Shared(buffer) => lock(buffer).flush(),
        }
    }
}

fn lock(buffer: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Buffer {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= Output::CAPACITY || self.is_line_buffered {
            return self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let result = self.sink.write_all(&self.bytes).and_then(|()| self.sink.flush());
        self.bytes.clear();
        result.map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Error::exit(0),
            _ => Error::new(crate::error::Kind::IoError, format!("print: {error}")),
        })
    }
}
