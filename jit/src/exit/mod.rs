//! Going back to the interpreter: rebuilding its frame, and counting exits.
//!
//! Compiled code keeps values in machine registers and in several representations; the
//! interpreter wants tagged values in a register window. The frame state recorded for the exit
//! says, for each live register that is not in its home slot, where its value is.
//!
//! Invariant: after [`restore`] the interpreter cannot tell that compiled code ever ran.
//! Start reading at [`ExitMeta`].

use ruff_runtime::mutant;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use ruff_runtime::heap::Obj;
use ruff_runtime::interp::{DEOPT_WORDS, RESUME_IN_VM, Vm, flags};
use ruff_runtime::objects::function::{Function, FunctionCode, Receiver};
use ruff_runtime::objects::generator::GeneratorBody;
use ruff_runtime::objects::string;
use ruff_runtime::objects::structs::{Shape, Struct};
use ruff_runtime::tier::{Answer, Status};
use ruff_runtime::value::{Tag, Value};

use crate::abi;
use crate::build::feedback::Feedback;
use crate::exit_reason::{ExitReason, Policy};
use crate::ir::Form;
use crate::log::Log;
use crate::options::Stress;
use crate::stats::Stats;

/// Exits at one site after which its speculation is given up.
const EXITS_BEFORE_RECOMPILATION: u32 = 10;

/// What compiled code and routines know of the function that runs.
pub(crate) struct FrameMeta {
    pub code: *const FunctionCode,
    pub form: Form,
    pub shared: Rc<Shared>,
    /// For a call that was inlined.
    pub inlined: Option<InlinedMeta>,
}

/// How an inlined call was made.
pub(crate) struct InlinedMeta {
    /// The frame that made the call.
    pub caller: *const FrameMeta,
    pub call_pc: u32,
    /// Where its registers start in the window of the compiled function.
    pub window: u16,
    /// The register that owns the closure.
    pub closure: Option<u16>,
    /// That register keeps its count.
    pub borrows_closure: bool,
    /// Flags of the frame.
    pub flags: u64,
}

impl FrameMeta {
    /// The frame of the compiled function around inlined calls.
    pub(crate) fn root(&self) -> &FrameMeta {
        let mut frame = self;
        while let Some(inlined) = &frame.inlined {
            // SAFETY: descriptions live as long as the code.
            frame = unsafe { &*inlined.caller };
        }
        frame
    }
}

/// What all compiled forms of a function share.
pub(crate) struct Shared {
    pub feedback: Feedback,
    /// A speculation was given up since the function was compiled last.
    pub is_stale: Cell<bool>,
    /// How often that happened; code that was requested before is out of date.
    pub generation: Cell<u32>,
    pub stats: Rc<Stats>,
    pub log: Rc<Log>,
    /// Only if exits are forced.
    pub stress: Option<Arc<StressCounter>>,
}

/// Counts down to a forced exit; compiled code decrements it.
pub(crate) struct StressCounter {
    left: AtomicI64,
    /// What the counter starts again from.
    every: i64,
    /// The only guard that counts, by its number; all of them if there is none.
    only: Option<u64>,
    guards: AtomicU64,
}

impl StressCounter {
    pub(crate) fn new(options: Stress) -> StressCounter {
        let every = options.every.map_or(i64::MAX, |n| i64::try_from(n.max(1)).unwrap_or(i64::MAX));
        let first = if options.exit_at.is_some() { 1 } else { every };
        let only = options.exit_at;
        StressCounter { left: AtomicI64::new(first), every, only, guards: AtomicU64::new(0) }
    }

    /// What compiled code decrements.
    pub(crate) fn address(&self) -> usize {
        self.left.as_ptr() as usize
    }

    /// Whether the guard that is compiled next counts; guards are numbered from 1.
    pub(crate) fn counts_next_guard(&self) -> bool {
        let number = self.guards.fetch_add(1, Ordering::Relaxed) + 1;
        self.only.is_none_or(|only| only == number)
    }

    /// Guards compiled so far.
    pub(crate) fn guards(&self) -> u64 {
        self.guards.load(Ordering::Relaxed)
    }
}

/// How many different waits follow forced exits at one place; more than there are guards between
/// the entry of a loop and its first effect.
const STRESS_WAITS: u32 = 256;

/// How a register's value comes out of the exit buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WriteKind {
    Int,
    Float,
    Bool,
    /// The code of an ASCII character.
    Char,
    /// Payload and tag words, owned; what the register held is released.
    Pair,
    /// Payload and tag words, owned.
    Owned,
    /// Payload and tag words, of which a count is taken.
    Shared,
    /// Not in the buffer: null.
    Null,
    /// A new instance of the shape at this address, with so many of the fields that follow.
    Fresh(u64, u16),
    /// Payload and tag words of a field, which is no object.
    Field,
    /// Not in the buffer: moved from the home slot of another register.
    Slot(u16),
    /// Not in the buffer: a second owner of what the home slot of another register holds.
    Copy(u16),
}

/// One exit.
pub(crate) struct ExitMeta {
    pub frame: *const FrameMeta,
    /// Where the interpreter goes on.
    pub pc: u32,
    /// The instruction whose speculation failed.
    pub site: u32,
    pub reason: ExitReason,
    pub writes: Vec<(u16, WriteKind)>,
    pub count: Cell<u32>,
}

impl ExitMeta {
    /// Of the function that the site belongs to.
    pub(crate) fn feedback(&self) -> &Feedback {
        // SAFETY: descriptions of frames and exits live as long as the code.
        let frame = unsafe { &*self.frame };
        &frame.shared.feedback
    }
}

/// Leaves compiled code: the words to return go to the start of the exit buffer.
///
/// # Safety
/// Only for compiled code: `vm` runs the function of `meta` with its window at `base`, and the
/// exit buffer holds what `meta` says.
pub(crate) unsafe fn leave(vm: *mut Vm, base: *mut Value, depth: u64, meta: *const ExitMeta) {
    // SAFETY: the caller's promise; metas live as long as the code.
    let (vm, meta) = unsafe { (&mut *vm, &*meta) };
    // SAFETY: as above.
    let frame = unsafe { &*meta.frame };
    // SAFETY: as above.
    unsafe { restore(vm, base, meta) };
    count(frame, meta);
    let root = frame.root();
    if root.form == Form::Framed {
        push_inlined(vm, base, frame);
        set_pc(vm, meta.pc);
        return put_status(vm, Status::Exited);
    }
    // SAFETY: the caller's promise.
    unsafe {
        with_frame(vm, base, depth, root, |vm| {
            push_inlined(vm, base, frame);
            set_pc(vm, meta.pc);
            // SAFETY: code lives as long as the isolate.
            vm.ask_for_code(&*root.code);
            vm.resume()
        });
    }
}

/// Has the interpreter answer a request that has not begun; the words to return go to the start of
/// the exit buffer.
///
/// # Safety
/// Only for compiled bodies of generators, with what they were called with.
pub(crate) unsafe fn decline(
    vm: *mut Vm,
    base: *mut Value,
    depth: u64,
    generator: *const Obj<GeneratorBody>,
    meta: *const ExitMeta,
) {
    // SAFETY: the caller's promise; metas live as long as the code.
    unsafe {
        count(&*(*meta).frame, &*meta);
        let answer: Answer = RESUME_IN_VM(vm, base, depth, generator);
        (*vm).native.deopt[0] = answer.payload;
        (*vm).native.deopt[1] = answer.tag;
    }
}

/// Writes the registers that are not in their home slots.
///
/// # Safety
/// As for [`leave`].
unsafe fn restore(vm: &mut Vm, base: *mut Value, meta: &ExitMeta) {
    // SAFETY: registers of the window are valid values; each word of the buffer is used once.
    unsafe {
        for &(reg, kind) in &meta.writes {
            if let WriteKind::Copy(from) = kind
                && !mutant!("exit-forgets-copies")
            {
                let copied = (*base.add(from.into())).clone();
                *base.add(reg.into()) = copied;
            }
        }
        for &(reg, kind) in &meta.writes {
            if let WriteKind::Slot(from) = kind {
                let moved = (*base.add(from.into())).take();
                *base.add(reg.into()) = moved;
            }
        }
        let mut at = 0;
        let mut writes = meta.writes.iter();
        while let Some(&(reg, kind)) = writes.next() {
            let slot = base.add(reg.into());
            let word = vm.native.deopt[at.min(DEOPT_WORDS - 1)];
            let value = match kind {
                WriteKind::Slot(_) | WriteKind::Copy(_) | WriteKind::Field => continue,
                WriteKind::Fresh(shape, n_fields) => {
                    let words = &vm.native.deopt[at..];
                    // Declarations whose shapes are in code live as long as it.
                    let shape = &*(shape as *const Shape);
                    slot.write(Struct::make(shape, |i| value_of(words[2 * i], words[2 * i + 1])));
                    at += 2 * usize::from(n_fields);
                    writes.by_ref().take(n_fields.into()).for_each(drop);
                    continue;
                }
                WriteKind::Null => {
                    slot.write(Value::NULL);
                    continue;
                }
                WriteKind::Int => Value::int(word as i64),
                WriteKind::Float => Value::float(f64::from_bits(word)),
                WriteKind::Bool => Value::bool(word != 0),
                WriteKind::Char => string::make_char(char::from(word as u8)),
                WriteKind::Pair | WriteKind::Owned => {
                    at += 1;
                    value_of(word, vm.native.deopt[at])
                }
                WriteKind::Shared => {
                    at += 1;
                    if mutant!("exit-shared-as-owned") {
                        value_of(word, vm.native.deopt[at])
                    } else {
                        (*ManuallyDrop::new(value_of(word, vm.native.deopt[at]))).clone()
                    }
                }
            };
            at += 1;
            if kind == WriteKind::Pair && !mutant!("exit-pair-kept") {
                *slot = value;
            } else {
                // The slot may hold the bits of something released before.
                slot.write(value);
            }
        }
    }
}

/// Makes a value of the two words in which compiled code holds it.
///
/// # Safety
/// The words must be those of a value, and the caller must own its count.
pub(crate) unsafe fn value_of(payload: u64, tag: u64) -> Value {
    // SAFETY: compiled code only hands out tag words that it read from values.
    unsafe { Value::from_parts(std::mem::transmute::<u64, Tag>(tag), payload) }
}

/// Counts an exit and gives a speculation up that fails often.
fn count(frame: &FrameMeta, meta: &ExitMeta) {
    let shared = &frame.shared;
    shared.stats.count_exit(meta.reason);
    shared.log.exit(frame.code, meta);
    if meta.reason == ExitReason::Disproved {
        let form = frame.root().form;
        panic!("the range pass is wrong about an int of a {form:?} function");
    }
    if meta.reason == ExitReason::Stress {
        // A wait that never changed could fail the same guard for ever, for example one that
        // holds at the entry of a loop, to which the interpreter comes back at once.
        meta.count.set((meta.count.get() + 1) % STRESS_WAITS);
        let Some(stress) = &shared.stress else { return };
        stress.left.store(stress.every.saturating_add(meta.count.get().into()), Ordering::Relaxed);
        return;
    }
    if meta.reason.policy() == Policy::Keep {
        return;
    }
    meta.count.set(meta.count.get() + 1);
    if meta.count.get() != EXITS_BEFORE_RECOMPILATION {
        return;
    }
    shared.feedback.block(meta.site, meta.reason);
    make_stale(frame.root());
}

/// Pushes the frames of inlined calls, outermost first, on top of that of the function around
/// them.
pub(crate) fn push_inlined(vm: &mut Vm, base: *mut Value, frame: &FrameMeta) {
    let Some(inlined) = &frame.inlined else { return };
    // SAFETY: descriptions live as long as the code.
    push_inlined(vm, base, unsafe { &*inlined.caller });
    set_pc(vm, inlined.call_pc + u32::from(!mutant!("inlined-call-again")));
    // SAFETY: the register holds the function that was called; entries of compiled code checked
    // the limits for inlined frames.
    unsafe {
        let owned = |r: u16| {
            let held = &mut *base.add(r.into());
            let owned = if inlined.borrows_closure { held.clone() } else { held.take() };
            ManuallyDrop::new(owned)
        };
        let closure =
            inlined.closure.map_or(std::ptr::null_mut(), |r| owned(r).payload() as *mut _);
        let window = base.add(usize::from(inlined.window - u16::from(mutant!("inlined-window"))));
        vm.push_frame(frame.code, closure, window, inlined.flags);
    }
}

/// Lets the error in the context leave inlined calls, which have no handlers, from `pc` of the
/// innermost on; gives the call in the function around them.
pub(crate) fn leave_inlined(vm: &mut Vm, base: *mut Value, frame: &FrameMeta, pc: u32) -> u32 {
    push_inlined(vm, base, frame);
    let (mut frame, mut pc) = (frame, pc);
    while let Some(inlined) = &frame.inlined {
        let _ = vm.raise_at(pc as usize);
        pc = inlined.call_pc.saturating_sub(u32::from(mutant!("traceback-line")));
        // SAFETY: descriptions live as long as the code.
        frame = unsafe { &*inlined.caller };
    }
    pc
}

/// The function is to be compiled again: takes its entries away, so that the interpreter asks.
fn make_stale(frame: &FrameMeta) {
    frame.shared.is_stale.set(true);
    frame.shared.generation.set(frame.shared.generation.get() + 1);
    // SAFETY: code lives as long as the isolate.
    if let Some(loaded) = unsafe { &(*frame.code).proto } {
        loaded.proto.profile.count_exit();
        loaded.proto.profile.clear_entries();
    }
}

/// The entry of a typed function for the interpreter.
pub(crate) struct EntryMeta {
    pub frame: *const FrameMeta,
    /// The tags that the parameters must have; `None` for any.
    pub tags: Vec<Option<Tag>>,
    pub misses: Cell<u32>,
}

/// Counts a call with other arguments than expected and gives these expectations up.
///
/// # Safety
/// `base` must be the window of a call with as many arguments.
pub(crate) unsafe fn count_miss(base: *const Value, meta: &EntryMeta) {
    meta.misses.set(meta.misses.get() + 1);
    if meta.misses.get() != EXITS_BEFORE_RECOMPILATION {
        return;
    }
    // SAFETY: the entry's description lives as long as its code.
    let frame = unsafe { &*meta.frame };
    for (i, tag) in meta.tags.iter().enumerate() {
        // SAFETY: the caller's promise.
        let found = unsafe { (*base.add(i)).tag() };
        if tag.is_some_and(|tag| tag != found) {
            frame.shared.feedback.give_up_param(i);
        }
    }
    make_stale(frame);
}

/// Runs something with a frame record for a function that has none; what it returns goes to
/// the exit buffer. The record is popped by then.
///
/// # Safety
/// As for [`leave`].
pub(crate) unsafe fn with_frame(
    vm: &mut Vm,
    base: *mut Value,
    depth: u64,
    frame: &FrameMeta,
    run: impl FnOnce(&mut Vm) -> Status,
) {
    let before = push_record(vm, base, depth, frame);
    let status = run(vm);
    if !mutant!("depth-not-restored") {
        vm.native.depth = before;
    }
    put_result(vm, frame.form, status);
}

/// Pushes a frame record for a function that has none and gives the depth to restore.
pub(crate) fn push_record(vm: &mut Vm, base: *mut Value, depth: u64, frame: &FrameMeta) -> u32 {
    let before = vm.native.depth;
    vm.native.depth = (depth as u32).saturating_sub(u32::from(!mutant!("record-depth")));
    if frame.form == Form::Resumed {
        // SAFETY: the slot below the window of a compiled body has its generator.
        unsafe { vm.push_running(generator_below(base), base) };
        return before;
    }
    // SAFETY: code lives as long as the isolate.
    let is_method = unsafe { (*frame.code).info.receiver != Receiver::None };
    // Whoever called a compiled method sees to its receiver.
    let keep = if is_method { flags::KEEP_RECEIVER } else { 0 };
    let flags = flags::USER | flags::BOUNDARY | keep;
    // SAFETY: compiled code checked the limits for its own window; its code is loaded.
    unsafe { vm.push_frame(frame.code, closure_below(base, frame), base, flags) };
    before
}

/// The closure that runs, with a count of its own, if it has captured variables: whoever calls
/// the typed form of one keeps it in the slot below the window.
fn closure_below(base: *mut Value, frame: &FrameMeta) -> *mut Obj<Function> {
    // SAFETY: code lives as long as the isolate.
    if !has_captures(unsafe { &*frame.code }) {
        return std::ptr::null_mut();
    }
    // SAFETY: the slot below the window holds the closure.
    // SAFETY: as above.
    let below = unsafe { &*base.sub(1) };
    if mutant!("closure-not-retained") {
        return below.payload() as *mut Obj<Function>;
    }
    let closure = ManuallyDrop::new(below.clone());
    closure.payload() as *mut Obj<Function>
}

/// The generator whose compiled body has its window at `base`.
///
/// # Safety
/// Only for windows of such bodies.
unsafe fn generator_below(base: *mut Value) -> *const Obj<GeneratorBody> {
    // SAFETY: the body has written it there.
    unsafe { (*base.sub(1)).payload() as *const Obj<GeneratorBody> }
}

/// Whether the closures of a function have captured variables.
pub(crate) fn has_captures(code: &FunctionCode) -> bool {
    code.proto.as_ref().is_some_and(|loaded| !loaded.proto.captures.is_empty())
}

/// Removes a record that [`push_record`] pushed; the registers stay as they are.
pub(crate) fn drop_record(vm: &mut Vm, before: u32) {
    // SAFETY: the record on top was pushed by `push_record` and owns nothing but the closure (or
    // is that of a generator).
    unsafe {
        if (*vm.frame).has(flags::GENERATOR) {
            vm.drop_running();
            vm.native.depth = before;
            return;
        }
        let closure = (*vm.frame).closure;
        if !closure.is_null() {
            drop(Value::from_parts(Tag::Function, closure as u64));
        }
        vm.frame = vm.frame.sub(1);
    }
    vm.native.depth = before;
}

/// The frame on top goes on at `pc`.
pub(crate) fn set_pc(vm: &mut Vm, pc: u32) {
    // SAFETY: there is a frame on top, whose code has this instruction.
    unsafe { (*vm.frame).pc = (*vm.frame).call_info().code.add(pc as usize) };
}

/// A framed function returns this status.
pub(crate) fn put_status(vm: &mut Vm, status: Status) {
    vm.native.deopt[1] = status as u64;
}

/// A function without frame record returns the result in the context, or that an error is there.
pub(crate) fn put_result(vm: &mut Vm, form: Form, status: Status) {
    if form == Form::Resumed && status == Status::Done && !vm.take_has_yielded() {
        vm.native.deopt[0] = 0;
        vm.native.deopt[1] = abi::ENDED;
    } else if status == Status::Done {
        let result = ManuallyDrop::new(vm.native.result.take());
        vm.native.deopt[0] = result.payload();
        vm.native.deopt[1] = result.tag() as u64;
    } else {
        vm.native.deopt[0] = 0;
        vm.native.deopt[1] = abi::RAISED;
    }
}
