//! Handlers of calls and returns.
//!
//! The callee's window starts at its first argument, so entering a frame copies nothing. The
//! fast paths take a function that gets exactly its parameters; everything else (natives,
//! defaults, rest parameters, spreads, limits, hot code) goes through `enter`.

use super::Vm;
use super::enter::{Args, Begun};
use super::machine::{Machine, Step, Stop};
use super::stack::{Frame, flags, loaded};
use crate::bytecode::operand::{Def, Group, Native, Op};
use crate::bytecode::ops;
use crate::error::{Error, Kind, Result};
use crate::heap::Obj;
use crate::natives;
use crate::objects::function::{CallInfo, Function, FunctionCode};
use crate::profile::site;
use crate::semantics::{index, stages};
use crate::value::{Tag, Value, View};

/// Items with which a native's work counts as iterations of the loop around it.
const LONG: usize = 16;
/// Instructions that are searched for the header of a loop.
const FAR: usize = 200;

impl Machine {
    /// Whether a frame of `info` can start at `window` without further ado; counts the call.
    #[inline(always)]
    pub(super) fn is_plain_entry(&mut self, info: &CallInfo, window: *mut Value) -> bool {
        let vm = self.vm();
        let end = window.wrapping_add(info.n_registers as usize);
        // SAFETY: a loaded function's profile lives as long as its prototype.
        let profile = unsafe { &*info.profile };
        vm.native.depth < vm.native.depth_limit
            && end <= vm.native.stack_limit
            && !vm.is_interrupted()
            && !profile.heat(10)
    }

    /// Pushes a frame and goes on in it. `closure` gives its count to the frame.
    #[inline(always)]
    pub(super) fn enter(
        &mut self,
        code: *const FunctionCode,
        closure: *mut Obj<Function>,
        window: *mut Value,
        flags: u64,
    ) {
        // SAFETY: there is room for a frame (the depth limit bounds them) and the code is live.
        unsafe {
            let info = &loaded(code).call;
            let vm = &mut *self.vm;
            (*vm.frame).pc = self.pc;
            vm.frame = vm.frame.add(1);
            vm.frame.write(Frame { base: window, pc: info.code, code, closure, flags });
            vm.native.depth += 1;
            self.base = window;
            self.pc = info.code;
            self.consts = info.consts;
            self.site_delta = info.site_delta;
        }
    }

    /// Notes the function that is called.
    #[inline(always)]
    fn note_target(&self, code: *const FunctionCode) {
        let site = self.site();
        if site & site::TARGET_MASK != code as u64 {
            self.set_site(new_target(site, code as u64));
        }
    }

    #[inline(always)]
    pub(super) fn call(&mut self, op: ops::Call) -> Step {
        let (first, n) = (op.first.idx(), op.count.n());
        if self.tag(first) == Tag::Function {
            let closure = self.reg(first).payload() as *mut Obj<Function>;
            // SAFETY: the tag says that the register owns a live function.
            let code = unsafe { (*closure).body.code_ptr() };
            // SAFETY: functions of the VM are loaded; their code is live.
            let info = unsafe { &loaded(code).call };
            let window = self.at(first + 1);
            if info.exact_args == n as u32 && self.is_plain_entry(info, window) {
                self.note_target(code);
                // SAFETY: the register's count moves into the frame.
                unsafe { self.at(first).write(Value::NULL) };
                self.enter(code, closure, window, flags::USER);
                return Ok(());
            }
        }
        self.call_slow(op.dst, first, n)?;
        self.reload();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn call_module(&mut self, op: ops::CallModule) -> Step {
        let (first, n) = (op.first.idx(), op.count.n());
        let slot = self.module_slot(op.slot.idx());
        // SAFETY: module slots live as long as the isolate.
        let callee = unsafe { &*slot };
        if callee.tag() == Tag::Function {
            let closure = callee.payload() as *mut Obj<Function>;
            // SAFETY: as in `call`.
            let code = unsafe { (*closure).body.code_ptr() };
            // SAFETY: as in `call`.
            let info = unsafe { &loaded(code).call };
            let window = self.at(first + 1);
            if info.exact_args == n as u32 && self.is_plain_entry(info, window) {
                self.note_target(code);
                callee.header().retain();
                self.enter(code, closure, window, flags::USER);
                return Ok(());
            }
        }
        let callee = self.read_slot(op.slot.idx())?;
        self.set(first, callee);
        self.call_slow(op.dst, first, n)?;
        self.reload();
        Ok(())
    }

    /// A call of anything with the arguments behind it.
    #[inline(never)]
    fn call_slow(mut self, dst: Def, first: usize, n: usize) -> Step {
        let callee = self.take(first);
        let window = self.at(first + 1);
        self.call_value(dst, callee, window, Args::InPlace(n))
    }

    /// A call of any value; the caller must reload afterwards.
    pub(super) fn call_value(
        &mut self,
        dst: Def,
        callee: Value,
        window: *mut Value,
        args: Args,
    ) -> Step {
        if callee.tag() == Tag::Function {
            // SAFETY: the tag says that the value owns a live function.
            let code = unsafe { (*(callee.payload() as *const Obj<Function>)).body.code_ptr() };
            self.note_target(code);
        }
        self.save();
        self.vm().can_finish_later = true;
        let begun = self.vm().begin_call(callee, window, args, flags::USER);
        self.vm().can_finish_later = false;
        self.finish_call(dst, begun)
    }

    /// Writes the result of a call that is done already.
    pub(super) fn finish_call(&mut self, dst: Def, begun: Result<Begun>) -> Step {
        match self.checked(begun)? {
            Begun::Entered => {}
            Begun::Done(value) => {
                self.note_result(value.tag(), site::CALL_RESULT);
                self.set(dst.idx(), value);
            }
        }
        Ok(())
    }

    /// Stores `pc` in the frame.
    #[inline(always)]
    pub(super) fn save(&mut self) {
        let pc = self.pc;
        // SAFETY: while the loop runs there is a frame on top.
        unsafe { (*self.vm().frame).pc = pc };
    }

    #[inline(always)]
    pub(super) fn call_spread(&mut self, op: ops::CallSpread) -> Step {
        self.call_spread_slow(op)?;
        self.reload();
        Ok(())
    }

    #[inline(never)]
    fn call_spread_slow(mut self, op: ops::CallSpread) -> Step {
        let first = op.first.idx();
        let callee = self.take(first);
        let list = self.take_list(first + 1);
        let window = self.at(first + 1);
        self.call_value(op.dst, callee, window, Args::List(list))
    }

    /// Takes the elements of the array in a register.
    #[inline(never)]
    pub(super) fn take_list(mut self, reg: usize) -> Vec<Value> {
        let array = self.take(reg);
        match array.view() {
            View::Array(array) => array.iter().collect(),
            _ => Vec::new(),
        }
    }

    #[inline(always)]
    pub(super) fn call_native(&mut self, op: ops::CallNative) -> Step {
        let result = self.native_window(op.native, op.first, op.count.n())?;
        self.note_result(result.tag(), site::CALL_RESULT);
        self.set(op.dst.idx(), result);
        Ok(())
    }

    #[inline(never)]
    fn native_window(
        mut self,
        native: Native,
        first: Group,
        n: usize,
    ) -> std::result::Result<Value, Stop> {
        self.save();
        // SAFETY: the verifier bounds the group; user code cannot reach the frame's registers.
        let args = unsafe { std::slice::from_raw_parts_mut(self.at(first.idx()), n) };
        self.note_callback(args);
        self.vm().can_finish_later = true;
        let result = natives::call(self.vm(), native.0.into(), args);
        self.vm().can_finish_later = false;
        args.fill(Value::NULL);
        self.checked(result)
    }

    /// Notes the function that a native gets as its last argument, and the elements of the array
    /// that it gets as its first.
    #[inline(always)]
    fn note_callback(&self, args: &[Value]) {
        let [first, .., last] = args else { return };
        if last.tag() != Tag::Function {
            return;
        }
        // SAFETY: the tag says that the value owns a live function.
        let code = unsafe { (*(last.payload() as *const Obj<Function>)).body.code_ptr() };
        let kind = match first.view() {
            View::Array(array) => {
                if array.len() >= LONG {
                    self.heat_loop(array.len());
                }
                array.kind() as u64
            }
            _ => site::MIXED_ITEMS,
        };
        let site = self.site();
        let target = site & site::TARGET_MASK & !site::ITEMS;
        if target != code as u64 {
            return self.set_site(new_target(site, code as u64 | kind));
        }
        let known = site & site::ITEMS;
        if known != kind && kind != 0 {
            let kind = if known == 0 { kind } else { site::MIXED_ITEMS };
            self.set_site(site & !site::ITEMS | kind);
        }
    }

    /// Counts the work of a native towards the hotness of the loop it is called in.
    #[inline(never)]
    pub(super) fn heat_loop(&self, n: usize) {
        let frame = self.frame();
        let (at, proto) = (frame.index_before(self.pc), &frame.loaded().proto);
        let first = at.saturating_sub(FAR);
        let is_header = |pc: &usize| proto.code[*pc].op() == Op::LoopHeader;
        let Some(header) = (first..at).rev().find(is_header) else { return };
        let left = proto.profile.site(header);
        if left > 1 && left <= u64::from(u32::MAX) {
            proto.profile.set_site(header, left.saturating_sub(n as u64).max(1));
        }
    }

    #[inline(always)]
    pub(super) fn call_native_one(&mut self, op: ops::CallNativeOne) -> Step {
        let arg = self.value(op.src);
        let result = self.native_list(op.native, &mut [arg])?;
        self.note_result(result.tag(), site::CALL_RESULT);
        self.set(op.dst.idx(), result);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn call_native_spread(&mut self, op: ops::CallNativeSpread) -> Step {
        let array = self.value(op.src);
        let result = self.native_spread(op.native, &array)?;
        self.set(op.dst.idx(), result);
        Ok(())
    }

    #[inline(never)]
    fn native_spread(self, native: Native, array: &Value) -> std::result::Result<Value, Stop> {
        let mut list: Vec<Value> = match array.view() {
            View::Array(array) => array.iter().collect(),
            _ => Vec::new(),
        };
        self.native_list(native, &mut list)
    }

    #[inline(never)]
    fn native_list(
        mut self,
        native: Native,
        args: &mut [Value],
    ) -> std::result::Result<Value, Stop> {
        self.save();
        self.vm().can_finish_later = true;
        let result = natives::call(self.vm(), native.0.into(), args);
        self.vm().can_finish_later = false;
        self.checked(result)
    }

    #[inline(always)]
    pub(super) fn check_pipe(&mut self, op: ops::CheckPipe) -> Step {
        match self.tag(op.src.idx()) {
            Tag::Function | Tag::Native | Tag::Wrapper => Ok(()),
            _ => Err(self.raise(not_a_pipe())),
        }
    }

    #[inline(always)]
    pub(super) fn check_order(&mut self, op: ops::CheckOrder) -> Step {
        let order = natives::order_of_verdict("sort", self.reg(op.src.idx()));
        self.checked(order).map(drop)
    }

    #[inline(always)]
    pub(super) fn check_summand(&mut self, op: ops::CheckSummand) -> Step {
        if matches!(self.tag(op.src.idx()), Tag::Int | Tag::Float) {
            return Ok(());
        }
        let error = natives::not_a_summand(self.reg(op.src.idx()), self.int(op.index.idx()));
        Err(self.raise(error))
    }

    #[inline(always)]
    pub(super) fn check_flat(&mut self, op: ops::CheckFlat) -> Step {
        let checked = stages::check_flat(self.reg(op.src.idx()));
        self.checked(checked)
    }

    #[inline(always)]
    pub(super) fn ret(&mut self, op: ops::Ret) -> Step {
        let src = op.src;
        let keeps_receiver = src.idx() == 0 && self.frame().has(flags::KEEP_RECEIVER);
        let value = if keeps_receiver { self.reg(0).clone() } else { self.take(src.idx()) };
        self.leave(value)
    }

    #[inline(always)]
    pub(super) fn ret_null(&mut self, _op: ops::RetNull) -> Step {
        self.leave(Value::NULL)
    }

    /// Leaves the frame with a result.
    #[inline(always)]
    fn leave(&mut self, value: Value) -> Step {
        let flags = self.frame().flags;
        self.vm().pop_frame();
        if flags & flags::GENERATOR != 0 {
            return self.leave_generator(flags);
        }
        if flags & flags::BOUNDARY != 0 {
            self.vm().native.result = value;
            return Err(Stop::Returned);
        }
        self.reload();
        self.note_result(value.tag(), site::CALL_RESULT);
        // All calls have the register of their result as first operand.
        let dst = self.instr().word().0 >> 16 & 0xffff;
        self.set(dst as usize, value);
        Ok(())
    }

    /// The address of a variable of the frame's module.
    #[inline(always)]
    pub(super) fn module_slot(&self, slot: usize) -> *mut Value {
        // SAFETY: the verifier bounds slots by the module's variables, which never move.
        unsafe { self.frame().call_info().slots.add(slot) }
    }

    /// The content of a module variable; an error if it is unassigned or in use.
    #[inline(always)]
    pub(super) fn read_slot(&mut self, slot: usize) -> std::result::Result<Value, Stop> {
        // SAFETY: as in `module_slot`.
        let content = unsafe { &*self.module_slot(slot) };
        if matches!(content.tag(), Tag::Unassigned | Tag::InUse) {
            let tag = content.tag();
            let error = unreadable(tag, &self.frame().slot_name(slot));
            return Err(self.raise(error));
        }
        Ok(content.clone())
    }
}

/// The feedback of a call whose target is not the one noted.
#[cold]
#[inline(never)]
fn new_target(site: u64, target: u64) -> u64 {
    let state = if site & (site::MONO | site::MEGA) == 0 { site::MONO } else { site::MEGA };
    let results = site & site::types::ALL << site::CALL_RESULT;
    results | state | target & site::TARGET_MASK
}

/// The error of reading a variable with this content.
#[cold]
pub(super) fn unreadable(tag: Tag, name: &str) -> Error {
    match tag {
        Tag::InUse => index::variable_in_use(name),
        _ => index::undefined_variable(name),
    }
}

#[cold]
fn not_a_pipe() -> Error {
    Error::new(Kind::TypeError, "Pipe operator requires a function on the right side")
}

impl Vm {
    /// Pops the frame on top: its registers and its closure are released. Compiled code calls
    /// this before it returns `Status::Done`.
    #[inline(always)]
    pub fn pop_frame(&mut self) {
        // SAFETY: there is a frame on top; its registers are initialised values, and each is
        // released once and left without heap value.
        unsafe {
            let frame = &*self.frame;
            let keep = usize::from(frame.has(flags::KEEP_RECEIVER));
            let end = frame.base.add(frame.call_info().n_registers as usize);
            let mut slot = frame.base.add(keep);
            while slot < end {
                if (*slot).is_heap() {
                    super::machine::release(slot);
                    slot.write(Value::NULL);
                }
                slot = slot.add(1);
            }
            if !frame.closure.is_null() {
                drop(Value::from_parts(Tag::Function, frame.closure as u64));
            }
            self.native.depth -= u32::from(frame.has(flags::USER));
            if frame.has(flags::GENERATOR | flags::BODY) {
                if frame.has(flags::CHAIN) {
                    self.native.callbacks += u32::from(frame.has(flags::REQUESTS));
                    self.leave_chain();
                } else if frame.has(flags::BODY) {
                    self.leave_body();
                } else {
                    self.generator_ended(frame.base);
                }
            }
            self.frame = self.frame.sub(1);
        }
    }
}
