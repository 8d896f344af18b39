//! The compiler as the VM sees it: decides what to compile, has code generated, installs it.
//!
//! Bytecode and feedback become IR here, on the program's thread, which alone may read profiles
//! and values. The rest is a [`Job`] for the code generator, which is either called at once or
//! runs on a thread of its own; then the outcome is installed when the interpreter next asks or
//! sees the interrupt that the worker raises. Code whose speculations were given up meanwhile is
//! dropped.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ruff_runtime::bytecode::operand::Instr;
use ruff_runtime::heap::lists_address;
use ruff_runtime::host::Interrupt;
use ruff_runtime::interp::Vm;
use ruff_runtime::objects::function::{FunctionCode, LoadedProto, Receiver};
use ruff_runtime::tier::{RESUMPTION, Tier};
use ruff_runtime::value::{Tag, Value};

use crate::bailout::Bailout;
use crate::bodies::{Bodies, BodySpec};
use crate::build::{self, CalleeInfo, EntryKind, Request};
use crate::chains::{ChainBodies, ChainSpec};
use crate::code::{CodeHeap, TypedCell};
use crate::exit::{EntryMeta, StressCounter, has_captures};
use crate::flush::Waiting;
use crate::functions::{FunctionState, Installed, Part, Retired, Typed};
use crate::generator::{Generated, Generator, Job, Outcome, TypedJob};
use crate::ir::{Form, Func, Ty};
use crate::log::{Dumped, Log, Subject};
use crate::lower::Places;
use crate::metas::Metas;
use crate::options::Options;
use crate::poison::{Poison, by_shape};
use crate::publish::{ask_again, frame_tags, is_published, publish, withdraw};
use crate::stats::Stats;
use crate::worker::Worker;
use crate::worth::{MAX_TYPED_FRAME, MAX_TYPED_PARAMS, MAX_TYPED_REGISTERS};
use crate::{arch, lower, passes, worth};

/// Recompilations of one function before it is left alone.
const MAX_RECOMPILATIONS: u32 = 8;
/// With eager OSR, the first calls of a function leave its loops to entries of their own.
const CALLS_PUT_OFF: u32 = 2;

/// Where code is generated.
enum Backend {
    Here(Box<Generator>),
    Beside(Worker),
}

/// A compilation between request and installation.
pub(crate) struct Flight {
    code: *const FunctionCode,
    part: Part,
    metas: Metas,
    /// Of the function's speculations, when it was requested.
    generation: u32,
    /// A function that it calls has become typed since.
    pub is_outdated: bool,
    /// For typed functions that do not replace one with the same parameters.
    typed: Option<Typed>,
}

impl Flight {
    fn new(code: *const FunctionCode, part: Part, metas: Metas, typed: Option<Typed>) -> Flight {
        Flight { code, part, metas, generation: 0, is_outdated: false, typed }
    }
}

/// Why a part is not compiled.
enum Refused {
    /// It is left to the interpreter.
    Declined(Bailout),
    /// A function that it calls is on its way; the interpreter will ask again.
    Waits,
}

impl From<Bailout> for Refused {
    fn from(reason: Bailout) -> Refused {
        Refused::Declined(reason)
    }
}

/// The compiler of hot code of one VM.
pub struct Jit {
    pub(crate) options: Options,
    backend: Backend,
    pub(crate) heap: Arc<Mutex<CodeHeap>>,
    pub(crate) functions: HashMap<*const FunctionCode, FunctionState>,
    pub(crate) flights: HashMap<u64, Flight>,
    n_flights: u64,
    pub(crate) retired: Retired,
    pub(crate) waiting: Waiting,
    pub(crate) stats: Rc<Stats>,
    /// Only if exits are forced.
    stress: Option<Arc<StressCounter>>,
    /// Only if feedback is to lie.
    poison: Option<Rc<Poison>>,
    log: Rc<Log>,
    /// Where cold routines leave their results.
    _result: Box<Cell<u64>>,
    bodies: Bodies,
    chains: ChainBodies,
    /// Whether the register stack has room for the deepest recursion of typed functions.
    has_room: Option<bool>,
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
    /// A compiler, unless the machine is not supported or gives no executable memory. It works
    /// beside the program if it is given the program's interrupt.
    pub fn new(options: Options, beside: Option<Arc<Interrupt>>) -> Option<Jit> {
        let is_forced = options.stress.forces_exits();
        let stress = is_forced.then(|| Arc::new(StressCounter::new(options.stress)));
        let poison = options.stress.poison.map(|seed| Rc::new(Poison::new(seed)));
        let mut heap = CodeHeap::new(options.code_limit)?;
        if options.stress.cache {
            heap.wipe_freed();
        }
        let heap = Arc::new(Mutex::new(heap));
        let result = Box::new(Cell::new(0));
        let places = Places { result: result.as_ptr() as usize, lists: lists_address() };
        let other = options.checks_aarch64;
        let worker = beside.and_then(|flag| Worker::start(heap.clone(), places, flag, other));
        let backend = match worker {
            Some(worker) => Backend::Beside(worker),
            None => Backend::Here(Box::new(Generator::new(heap.clone(), places, other)?)),
        };
        Some(Jit {
            options,
            backend,
            heap,
            functions: HashMap::new(),
            flights: HashMap::new(),
            n_flights: 0,
            retired: Retired::default(),
            waiting: Waiting::default(),
            stats: Rc::default(),
            stress,
            poison,
            log: Rc::new(Log::new(options.log, options.perf_map)),
            _result: result,
            bodies: Bodies::default(),
            chains: ChainBodies::default(),
            has_room: None,
        })
    }

    /// The counters, which stay readable when the VM owns the compiler.
    pub fn stats(&self) -> Rc<Stats> {
        self.stats.clone()
    }

    pub(crate) fn state(&mut self, code: *const FunctionCode) -> &mut FunctionState {
        let (stats, stress, log) = (&self.stats, &self.stress, &self.log);
        let new = || FunctionState::new(stats, stress, log);
        self.functions.entry(code).or_insert_with(new)
    }

    // ---- requests

    /// Has a part of a function compiled unless it is declined or on its way.
    fn request(&mut self, vm: &Vm, code: &FunctionCode, part: Part) {
        let Some(loaded) = &code.proto else { return };
        let stats = self.stats.clone();
        let is_osr_eager = self.options.stress.osr_eager;
        let state = self.state(code);
        if state.declined.contains(&part) || state.pending.contains(&part) {
            return;
        }
        if is_osr_eager && part.is_none() && state.n_put_off < CALLS_PUT_OFF {
            state.n_put_off += 1;
            return;
        }
        if state.shared.is_stale.replace(false) {
            state.generalise();
            state.recompilations += 1;
            stats.recompiled.set(stats.recompiled.get() + 1);
        }
        if state.recompilations > MAX_RECOMPILATIONS {
            return self.decline(code, part, Bailout::TooManyRecompilations);
        }
        self.log.begin(Subject { code, header: part });
        let mut tags = frame_tags(vm, loaded.proto.n_registers);
        if let Some(poison) = &self.poison {
            poison.note_code(ptr::from_ref(code) as usize);
            tags = poison.tags(u64::from(loaded.proto.line), tags);
        }
        let result = match part {
            None if self.is_typed(vm, code) => self.request_typed(vm, code, &tags),
            Some(at) if at & RESUMPTION != 0 => self.request_resumed(vm, code, at, tags),
            None | Some(_) => self.request_framed(vm, code, part, tags),
        };
        if let Err(Refused::Declined(reason)) = result {
            self.decline(code, part, reason);
        }
    }

    pub(crate) fn decline(&mut self, code: &FunctionCode, part: Part, reason: Bailout) {
        self.stats.count_bailout(reason);
        self.log.declined(Subject { code, header: part }, reason);
        if reason == Bailout::MostlyGeneric {
            // Other loops of the function may do better.
            self.state(code).declined.insert(part);
        } else if let Some(loaded) = &code.proto {
            loaded.proto.profile.bail_out();
        }
    }

    fn request_framed(
        &mut self,
        vm: &Vm,
        code: &FunctionCode,
        part: Part,
        tags: Vec<Tag>,
    ) -> Result<(), Refused> {
        let entry = EntryKind::Framed { pc: part.unwrap_or(0), tags };
        let func = self.build(vm, (code, part), entry)?;
        if !self.options.is_eager && !worth::is_worthwhile(&func, code) {
            return Err(Bailout::MostlyGeneric.into());
        }
        let metas = self.metas(&func, code, Form::Framed);
        self.submit(func, Flight::new(code, part, metas, None), (Form::Framed, None));
        Ok(())
    }

    /// Requests the body of a generator from where it goes on.
    fn request_resumed(
        &mut self,
        vm: &Vm,
        code: &FunctionCode,
        at: u32,
        tags: Vec<Tag>,
    ) -> Result<(), Refused> {
        if !self.has_room(vm) {
            return Err(Bailout::Suspends.into());
        }
        let entry = EntryKind::Resumed { pc: at & !RESUMPTION, tags };
        let func = self.build(vm, (code, Some(at)), entry)?;
        if !self.options.is_eager && !worth::is_worth_resuming(&func) {
            return Err(Bailout::MostlyGeneric.into());
        }
        let metas = self.metas(&func, code, Form::Resumed);
        self.submit(func, Flight::new(code, Some(at), metas, None), (Form::Resumed, None));
        Ok(())
    }

    /// Requests the form of a function that other compiled code calls.
    fn request_typed(&mut self, vm: &Vm, code: &FunctionCode, tags: &[Tag]) -> Result<(), Refused> {
        let state = self.state(code);
        let feedback = &state.shared.feedback;
        let param = |i: usize| {
            let tag = tags.get(i).copied().unwrap_or(Tag::Null);
            unboxed(tag).filter(|_| feedback.may_type_param(i))
        };
        let is_method = code.info.receiver != Receiver::None;
        let n_params = code.info.n_params as usize + usize::from(is_method);
        let found = || (0..n_params).map(param).collect();
        let params: Vec<_> = state.known_params().unwrap_or_else(found);
        let func = self.build(vm, (code, None), EntryKind::Typed(params.clone()))?;
        // A function expression is most often too small for anything but being inlined.
        let is_named = code.info.name.is_some() || self.options.is_eager;
        if !is_named && !worth::is_worthwhile(&func, code) {
            return Err(Bailout::MostlyGeneric.into());
        }
        let mut metas = self.metas(&func, code, Form::Typed);
        let expected = params.iter().map(|param| param.map(lower::tag_of_ty)).collect();
        let meta =
            EntryMeta { frame: &raw const *metas.frame, tags: expected, misses: Cell::new(0) };
        let meta = metas.entry.insert(Box::new(meta));
        let entry = ptr::from_ref(&**meta) as usize;
        let (mut typed, mut older) = (None, None);
        let cell = match &self.state(code).typed {
            Some(known) if known.params == params => known.cell.address(),
            known => {
                older = known.as_ref().map(|known| known.params.clone());
                let cell = Box::new(TypedCell { entry: Cell::new(0) });
                let address = cell.address();
                typed = Some(Typed { cell, params: params.clone() });
                address
            }
        };
        let is_closure = has_captures(code);
        let job = TypedJob { cell, params, is_method, is_closure, entry, older };
        let flight = Flight::new(code, None, metas, typed);
        self.submit(func, flight, (Form::Typed, Some(job)));
        Ok(())
    }

    /// Builds and optimises IR.
    fn build(
        &mut self,
        vm: &Vm,
        (code, part): (&FunctionCode, Part),
        entry: EntryKind,
    ) -> Result<Func, Refused> {
        let start = Instant::now();
        let shared = self.state(code).shared.clone();
        let (stats, stress, log) = (&self.stats, &self.stress, &self.log);
        let functions = RefCell::new(&mut self.functions);
        let missed = RefCell::new(Vec::new());
        let callees = |callee: *const FunctionCode| {
            let functions = functions.borrow();
            let typed = functions.get(&callee).and_then(|state| state.typed.as_ref());
            let Some(typed) = typed else {
                missed.borrow_mut().push(callee);
                return None;
            };
            Some(CalleeInfo { cell: typed.cell.address(), params: typed.params.clone() })
        };
        // The table of functions keeps it as long as the compiler lives.
        let feedback_of = |callee: *const FunctionCode| {
            let mut functions = functions.borrow_mut();
            let new = || FunctionState::new(stats, stress, log);
            &raw const functions.entry(callee).or_insert_with(new).shared.feedback
        };
        let poison = self.poison.clone();
        let _lying = poison.as_ref().map(Poison::begin);
        let line = u64::from(code.proto.as_ref().map_or(0, |loaded| loaded.proto.line));
        let methods = |name: &Value| by_shape(&poison, line, vm.cached_methods(name));
        let fields = |name: &str| by_shape(&poison, line, vm.cached_fields(name));
        let forgets = |salt: u64| poison.as_ref().is_some_and(|poison| poison.forgets(line ^ salt));
        let operators = |op| vm.operator_name(op).filter(|_| !forgets(op as u64)).cloned();
        let bodies = |spec: &BodySpec| self.bodies.get(spec);
        let chains = |(caller, pc): (&LoadedProto, u32), name: &str, n_args: u8| {
            let shape = vm.chain_at(caller.call.code.wrapping_add(pc as usize))?.clone();
            if forgets(pc.into()) {
                return None;
            }
            let spec = ChainSpec { caller, pc, shape };
            self.chains.get(&spec, name, n_args).map(|body| &raw const *body)
        };
        let request = Request {
            bodies: &bodies,
            chains: &chains,
            code,
            entry,
            feedback: &shared.feedback,
            callees: &callees,
            feedback_of: &feedback_of,
            methods: &methods,
            fields: &fields,
            operators: &operators,
            is_eager: self.options.is_eager,
        };
        let built = build::build(&request);
        let mut waits = false;
        for callee in missed.into_inner() {
            let state = self.state(callee);
            state.callers.insert((code, part));
            waits |= state.pending.contains(&None) && !ptr::eq(callee, code);
        }
        let mut func = built?;
        if waits {
            return Err(Refused::Waits);
        }
        passes::run(&mut func, self.options.stress.checks_ranges);
        self.stats.add_time("build", start.elapsed());
        if cfg!(debug_assertions)
            && let Err(fault) = crate::ir::verify::verify(&func)
        {
            let text = crate::ir::print::print(&func);
            debug_assert!(false, "malformed IR: {fault:?}\n{text}");
        }
        Ok(func)
    }

    fn metas(&mut self, func: &Func, code: &FunctionCode, form: Form) -> Metas {
        let is_stressed = self.stress.is_some();
        let mut shared_of = |code| self.state(code).shared.clone();
        Metas::new(func, code, form, &mut shared_of, is_stressed)
    }

    /// Hands a function to the code generator.
    fn submit(&mut self, func: Func, mut flight: Flight, (form, typed): (Form, Option<TypedJob>)) {
        let id = self.n_flights;
        self.n_flights += 1;
        let metas = flight.metas.addresses(self.stress.clone());
        // SAFETY: code lives as long as the VM, which owns this compiler.
        let subject = Subject { code: unsafe { &*flight.code }, header: flight.part };
        let dumped = self.options.dump.map(|form| Dumped::new(form, subject));
        let job = Job { id, func, form, metas, typed, dumped };
        let state = self.state(flight.code);
        flight.generation = state.shared.generation.get();
        state.pending.insert(flight.part);
        self.flights.insert(id, flight);
        match &mut self.backend {
            Backend::Here(generator) => {
                let outcome = generator.run(&job);
                self.finish(outcome);
            }
            Backend::Beside(worker) => worker.submit(job),
        }
    }

    /// Whether calls can pass the function's arguments unboxed, without a frame record.
    fn is_typed(&mut self, vm: &Vm, code: &FunctionCode) -> bool {
        let Some(loaded) = &code.proto else { return false };
        let info = &code.info;
        let has_plain_params = info.n_required == info.n_params
            && info.n_params <= MAX_TYPED_PARAMS
            && !info.has_rest
            && info.receiver != Receiver::Fields;
        has_plain_params
            && !info.is_async
            && !info.is_generator
            && (loaded.proto.captures.is_empty() || info.receiver == Receiver::None)
            && loaded.proto.n_registers <= MAX_TYPED_REGISTERS
            && self.has_room(vm)
    }

    /// Whether the deepest recursion of typed functions fits the register stack and the native
    /// one, so that they need not check them.
    fn has_room(&mut self, vm: &Vm) -> bool {
        *self.has_room.get_or_insert_with(|| {
            let need = vm.native.depth_limit as usize * usize::from(MAX_TYPED_REGISTERS);
            // SAFETY: there is a frame on top.
            let base = unsafe { (*vm.frame).base } as usize;
            let left = (vm.native.stack_limit as usize).saturating_sub(base);
            let native = vm.stack_bytes() / vm.native.depth_limit.max(1) as usize;
            left / size_of::<Value>() >= need && native >= MAX_TYPED_FRAME
        })
    }

    // ---- outcomes

    /// Installs what the worker has done, and frees what is not used any more.
    fn install_ready(&mut self, vm: &Vm) {
        if let Backend::Beside(worker) = &self.backend {
            for outcome in worker.take_done() {
                self.finish(outcome);
            }
        }
        if !self.retired.is_empty() && !vm.has_compiled_frames() {
            let heap = self.heap.clone();
            let mut heap = heap.lock().unwrap_or_else(PoisonError::into_inner);
            self.retired.free(&mut heap);
            self.stats.code_bytes.set(heap.used());
        }
        self.flush_if_needed(vm);
    }

    /// Installs an outcome unless it failed or is out of date.
    fn finish(&mut self, outcome: Outcome) {
        let Some(flight) = self.flights.remove(&outcome.id) else { return };
        let phase = match self.backend {
            Backend::Here(_) => "generate",
            Backend::Beside(_) => "worker",
        };
        self.stats.add_time(phase, outcome.time);
        self.stats.count_portable(outcome.portable);
        self.stats.guards.set(self.stress.as_ref().map_or(0, |stress| stress.guards()));
        // SAFETY: code lives as long as the VM, which owns this compiler.
        let code = unsafe { &*flight.code };
        let Some(loaded) = &code.proto else { return };
        let state = self.state(code);
        state.pending.remove(&flight.part);
        let generation = state.shared.generation.get();
        let part = flight.part;
        match outcome.result {
            Err(Bailout::CodeMemory) => self.has_no_room(code, part),
            Err(reason) => self.decline(code, part, reason),
            Ok(generated) => {
                let is_stale = generation != flight.generation || flight.is_outdated;
                if is_stale || loaded.proto.profile.is_bailed_out() {
                    self.drop_code(&generated);
                    ask_again(loaded, part);
                } else {
                    self.install(flight, &generated, (code, loaded), outcome.time);
                }
            }
        }
        if part.is_none() {
            self.refresh_callers(code);
        }
    }

    /// After the compilation of a function: has those compiled that waited for it, and those
    /// again that call it through the interpreter although it is typed now.
    fn refresh_callers(&mut self, code: *const FunctionCode) {
        let state = self.state(code);
        let is_typed = state.typed.is_some();
        for (caller, part) in std::mem::take(&mut state.callers) {
            // SAFETY: as for all code of the VM.
            let Some(loaded) = (unsafe { &(*caller).proto }) else { continue };
            if is_typed {
                // What is on its way was built without the typed form.
                let mut flights = self.flights.values_mut();
                if let Some(flight) = flights.find(|f| ptr::eq(f.code, caller) && f.part == part) {
                    flight.is_outdated = true;
                }
            }
            let state = self.state(caller);
            let is_there = state.installed.contains_key(&part);
            if state.pending.contains(&part) || (is_there && !is_typed) {
                continue;
            }
            state.declined.remove(&part);
            withdraw(loaded, part);
            ask_again(loaded, part);
        }
    }

    fn drop_code(&mut self, generated: &Generated) {
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        generated.pieces().for_each(|piece| heap.free(piece));
        self.stats.dropped.set(self.stats.dropped.get() + 1);
    }

    fn install(
        &mut self,
        flight: Flight,
        generated: &Generated,
        (code, loaded): (&FunctionCode, &LoadedProto),
        time: Duration,
    ) {
        arch::synchronise();
        let Flight { part, metas, typed, .. } = flight;
        let subject = Subject { code, header: part };
        let pieces: Vec<_> =
            [Some(generated.code), generated.entry].into_iter().flatten().collect();
        self.log.installed(subject, time, pieces.iter().map(|piece| piece.len).sum());
        self.log.map(subject, generated.code);
        let is_typed = generated.entry.is_some();
        let state = self.state(code);
        if let Some(new) = typed
            && let Some(old) = state.typed.replace(new)
        {
            // Without an adapter the old cell keeps leading to the old code.
            if let Some(adapter) = generated.adapter {
                old.cell.entry.set(adapter.address);
            }
            state.older.push(old);
        }
        if is_typed && let Some(typed) = &state.typed {
            typed.cell.entry.set(generated.code.address);
        }
        state.adapters.extend(generated.adapter);
        let replaced = state.installed.insert(part, Installed { pieces, metas });
        let address = generated.entry.unwrap_or(generated.code).address;
        publish(loaded, part, address);
        if let Some(replaced) = replaced {
            self.retired.add(replaced);
        }
        self.stats.compiled.set(self.stats.compiled.get() + 1);
        let heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        self.stats.code_bytes.set(heap.used());
    }
}

impl Tier for Jit {
    fn tier_up(&mut self, vm: &mut Vm, code: &FunctionCode, header: Option<u32>) {
        let start = Instant::now();
        self.install_ready(vm);
        let Some(loaded) = &code.proto else { return };
        let profile = &loaded.proto.profile;
        if !is_published(loaded, header) && !profile.is_bailed_out() {
            self.request(vm, code, header);
        }
        self.stats.note_wait(start.elapsed());
    }

    fn chain_body(
        &mut self,
        vm: &Vm,
        (caller, site): (&LoadedProto, *const Instr),
        (name, n_args): (&str, u8),
    ) -> Option<*const FunctionCode> {
        let shape = vm.chain_at(site)?.clone();
        // SAFETY: the instruction is one of the caller.
        let pc = unsafe { site.offset_from(caller.call.code) } as u32;
        let body = self.chains.get(&ChainSpec { caller, pc, shape }, name, n_args)?;
        // The table of bodies keeps it.
        Some(&raw const body.code)
    }

    fn collect(&mut self, vm: &mut Vm) {
        if self.flights.is_empty() {
            return;
        }
        let start = Instant::now();
        self.install_ready(vm);
        self.stats.note_wait(start.elapsed());
    }
}
