//! Generators on the VM: frames that move between the heap and the stacks.
//!
//! A request copies the saved window above the frame on top and goes on in it, on the same
//! interpreter loop when a `for` asks and on a nested one when a native does. `yield` copies the
//! window back. Neither allocates: the generator keeps the buffer. While the frame is on the
//! stacks the slot below its register 0 owns the generator.
//!
//! Where the body is compiled, a request is a call of the entry for the place where the generator
//! stands ([`crate::tier::Resume`]), from here or from other compiled code; the entry of all
//! other places leads back here.

use std::mem::ManuallyDrop;

use super::Vm;
use super::enter::{Args, place_args};
use super::machine::{Machine, Step, Stop};
use super::stack::{Frame, flags, loaded};
use super::tiering::Stepped;
use crate::bytecode::operand::Op;
use crate::bytecode::ops;
use crate::concurrency::coroutine::begin_request;
use crate::concurrency::tasks;
use crate::error::Result;
use crate::heap::Obj;
use crate::objects::function::{FunctionInfo, Receiver};
use crate::objects::generator::{GeneratorBody, Progress, SavedFrame};
use crate::profile::site;
use crate::tier::{Answer, RESUMPTION, Resume, Status};
use crate::value::{Tag, Value, View};

impl Vm {
    /// A call of an async or generator function whose arity has been checked.
    pub(super) fn begin_suspendable(
        &mut self,
        callee: Value,
        window: *mut Value,
        args: Args,
        flags: u64,
    ) -> Result<Value> {
        let View::Function(function) = callee.view() else { return Ok(Value::NULL) };
        let info = function.info();
        let has_receiver = info.receiver != Receiver::None;
        let receiver = if !has_receiver {
            Value::NULL
        } else if flags & flags::KEEP_RECEIVER != 0 {
            // SAFETY: the receiver of a method is in the first register of the window.
            unsafe { (*window).clone() }
        } else {
            // SAFETY: as above.
            unsafe { (*window).take() }
        };
        let first = window.wrapping_add(usize::from(has_receiver));
        if info.is_generator {
            return Ok(make_generator(&callee, info, receiver, first, args));
        }
        let args = match args {
            // SAFETY: arguments in place are initialised registers.
            Args::InPlace(n) => (0..n).map(|i| unsafe { (*first.add(i)).take() }).collect(),
            Args::List(list) => list,
        };
        self.native.nested += 1;
        let has_room = self.check_depth(info, window);
        self.native.nested -= 1;
        has_room?;
        tasks::start(self, callee, receiver, args)
    }

    /// Puts a generator's frame on top, with its registers at `window`; false if it has ended.
    fn push_generator(
        &mut self,
        generator: &Value,
        window: *mut Value,
        flags: u64,
    ) -> Result<bool> {
        let View::Generator(body) = generator.view() else { return Ok(false) };
        if body.progress.get() == Progress::Exhausted {
            return Ok(false);
        }
        // SAFETY: nobody else uses the frame of a generator.
        let saved = unsafe { &mut *body.frame() };
        let end = window.wrapping_add(saved.len());
        self.native.nested += 1;
        let has_room = self.check_depth(body.info(), end);
        self.native.nested -= 1;
        has_room?;
        begin_request(body)?;
        // SAFETY: there is room for the window and a frame. The saved values move: what stays
        // in the buffer is overwritten by the next `yield`.
        unsafe {
            window.sub(1).write(generator.clone());
            std::ptr::copy_nonoverlapping(saved.registers(), window, saved.len());
            self.frame = self.frame.add(1);
            let closure = std::mem::replace(&mut saved.closure, std::ptr::null_mut());
            let flags = flags | flags::USER | flags::GENERATOR;
            let (pc, code) = (saved.pc, saved.code);
            self.frame.write(Frame { base: window, pc, code, closure, flags });
        }
        self.native.depth += 1;
        self.native.nested += 1;
        Ok(true)
    }

    /// Counts a request to a suspended generator, and asks the tier if its body has become hot.
    #[inline(always)]
    fn heat_generator(&mut self, body: &GeneratorBody) {
        // SAFETY: the frame of a suspended generator of the VM stands in loaded code.
        let is_hot = unsafe {
            let saved = &*body.frame();
            !saved.code.is_null() && loaded(saved.code).proto.profile.heat(HEAT_PER_REQUEST)
        };
        if is_hot {
            self.generator_is_hot(body);
        }
    }

    #[cold]
    #[inline(never)]
    fn generator_is_hot(&mut self, body: &GeneratorBody) {
        // SAFETY: as above; code lives as long as the isolate.
        let (saved, code) = unsafe { (&*body.frame(), &*(*body.frame()).code) };
        // SAFETY: as above.
        let call = unsafe { &loaded(code).call };
        // SAFETY: as above.
        let profile = unsafe { &loaded(code).proto.profile };
        if !self.has_tier() || profile.is_bailed_out() {
            return profile.set_threshold(u32::MAX);
        }
        profile.set_threshold(profile.threshold());
        if body.progress.get() != Progress::Suspended {
            return;
        }
        // SAFETY: the saved pc is inside the code.
        let index = unsafe { saved.pc.offset_from(call.code) } as usize;
        if profile.has_resumption(index) {
            return;
        }
        // The tier looks at the registers of the frame on top, which here are the saved ones.
        let (base, pc) = (saved.registers(), saved.pc);
        // SAFETY: the frame stack has room for more frames than there may be calls.
        unsafe {
            self.frame = self.frame.add(1);
            self.frame.write(Frame { base, pc, code, closure: std::ptr::null_mut(), flags: 0 });
            self.ask_tier(code, Some(RESUMPTION | index as u32));
            self.frame = self.frame.sub(1);
        }
    }

    /// Has the compiled body of a generator answer a request, if it is compiled where the
    /// generator stands.
    #[inline(always)]
    fn request_compiled(
        &mut self,
        generator: &Value,
        window: *mut Value,
    ) -> Option<Result<Option<Value>>> {
        let View::Generator(body) = generator.view() else { return None };
        if body.progress.get() != Progress::Suspended {
            return None;
        }
        let entry = body.entry();
        if std::ptr::fn_addr_eq(entry, RESUME_IN_VM) {
            self.heat_generator(body);
        }
        let entry = body.entry();
        let is_compiled = !std::ptr::fn_addr_eq(entry, RESUME_IN_VM);
        // SAFETY: nobody changes the frame of a suspended generator.
        let end = window.wrapping_add(unsafe { (*body.frame()).len() });
        let native = &self.native;
        let has_room = native.depth < native.depth_limit && end <= native.stack_limit;
        if !is_compiled || !has_room || self.isolate.tasks.stack_floor.is_reached() {
            return None;
        }
        self.can_finish_later = false;
        self.n_entered += 1;
        let depth = u64::from(self.native.depth) + 1;
        let object = generator.payload() as *const Obj<GeneratorBody>;
        // SAFETY: the tag was checked; the entry is for the place where the generator stands.
        let answer = unsafe { entry(self, window, depth, object) };
        self.n_entered -= 1;
        Some(match answer.tag {
            Answer::RAISED => Err(self.taken_error()),
            Answer::ENDED => Ok(None),
            // SAFETY: other answers are the words of a value that the caller owns.
            tag => Ok(Some(unsafe { value_of(answer.payload, tag) })),
        })
    }

    /// A generator's frame with this window has ended; its registers are released.
    #[cold]
    pub(super) fn generator_ended(&mut self, base: *mut Value) {
        self.native.nested -= 1;
        // SAFETY: the slot below the window of a generator's frame owns the generator.
        let generator = unsafe { (*base.sub(1)).take() };
        if let View::Generator(body) = generator.view() {
            body.progress.set(Progress::Exhausted);
        }
    }

    /// The next value of a generator for a native.
    pub(super) fn next_of_generator(&mut self, generator: &Value) -> Result<Option<Value>> {
        let window = self.free_registers().wrapping_add(1);
        if let Some(answer) = self.request_compiled(generator, window) {
            return answer;
        }
        self.request(generator, window)
    }

    /// The next value of a generator, by the interpreter.
    fn request(&mut self, generator: &Value, window: *mut Value) -> Result<Option<Value>> {
        if !self.push_generator(generator, window, flags::BOUNDARY)? {
            return Ok(None);
        }
        match self.run() {
            Status::Done => {
                let value = self.native.result.take();
                Ok(std::mem::take(&mut self.has_yielded).then_some(value))
            }
            Status::Raised | Status::Exited => Err(self.taken_error()),
        }
    }

    /// For compiled code that was left by an exit: whether the generator's frame that was run to
    /// the end of the request, with the status `Done`, has yielded the result.
    pub fn take_has_yielded(&mut self) -> bool {
        std::mem::take(&mut self.has_yielded)
    }

    /// For compiled code that needs a frame record: pushes that of a generator whose registers
    /// are at `window`. The count of its closure moves to the frame.
    ///
    /// # Safety
    /// The generator must be running, as compiled code of this VM that has the window.
    pub unsafe fn push_running(
        &mut self,
        generator: *const Obj<GeneratorBody>,
        window: *mut Value,
    ) {
        // SAFETY: the caller's promise; there is room for a frame, and the slot below the window
        // holds nothing that needs a release.
        unsafe {
            (*generator).header.retain();
            window.sub(1).write(Value::from_parts(Tag::Generator, generator as u64));
            let saved = &mut *(*generator).body.frame();
            let closure = std::mem::replace(&mut saved.closure, std::ptr::null_mut());
            let flags = flags::USER | flags::GENERATOR | flags::BOUNDARY;
            self.push_frame(saved.code, closure, window, flags);
        }
    }

    /// Removes a record that [`Vm::push_running`] pushed; compiled code goes on.
    ///
    /// # Safety
    /// The frame on top must be that record.
    pub unsafe fn drop_running(&mut self) {
        // SAFETY: the slot below the window owns the generator, which the requester owns too.
        unsafe {
            let frame = &mut *self.frame;
            let generator = (*frame.base.sub(1)).take();
            let body: &GeneratorBody = super::machine::body(&generator);
            (*body.frame()).closure = frame.closure;
            self.frame = self.frame.sub(1);
            // Compiled code finds it there.
            frame.base.sub(1).cast::<u64>().add(1).write(generator.payload());
        }
        self.native.depth -= 1;
    }

    /// Ends a generator whose compiled body returns; its registers have been released.
    ///
    /// # Safety
    /// The generator must be running as compiled code of this VM.
    pub unsafe fn end_running(&mut self, generator: *const Obj<GeneratorBody>) {
        self.native.nested -= 1;
        // SAFETY: the caller's promise; the frame owns a count of its closure.
        unsafe {
            let body = &(*generator).body;
            body.progress.set(Progress::Exhausted);
            let saved = &mut *body.frame();
            let closure = std::mem::replace(&mut saved.closure, std::ptr::null_mut());
            if !closure.is_null() {
                drop(Value::from_parts(Tag::Function, closure as u64));
            }
        }
    }

    /// For compiled code whose step has put a generator's frame on top of `frame`: runs it to
    /// its next value and finishes the step; `next` is behind the instruction.
    pub(super) fn finish_request(
        &mut self,
        next: *const crate::bytecode::operand::Instr,
        frame: *mut Frame,
    ) -> Stepped {
        // SAFETY: the generator's frame is on top.
        unsafe { (*self.frame).flags |= flags::BOUNDARY };
        match self.resume() {
            Status::Done => {
                let value = self.native.result.take();
                let value = std::mem::take(&mut self.has_yielded).then_some(value);
                let mut machine = Machine::new(self);
                machine.pc = next;
                machine.deliver(value);
                // SAFETY: the frame that asked is on top again; `pc` stays inside its code.
                let at = unsafe { machine.pc.offset_from((*frame).call_info().code) };
                Stepped::Next(at as usize)
            }
            Status::Raised | Status::Exited => Stepped::Raised,
        }
    }
}

/// Makes a value of its words.
///
/// # Safety
/// They must be those of a value, and the caller must own its count.
unsafe fn value_of(payload: u64, tag: u64) -> Value {
    // SAFETY: the caller's promise.
    unsafe { Value::from_parts(std::mem::transmute::<u64, Tag>(tag), payload) }
}

/// What a request counts towards the hotness of the body.
const HEAT_PER_REQUEST: u32 = 10;

/// The entry of generators that are not compiled where they stand.
pub const RESUME_IN_VM: Resume = resume_in_vm;

unsafe extern "C" fn resume_in_vm(
    vm: *mut Vm,
    window: *mut Value,
    depth: u64,
    generator: *const Obj<GeneratorBody>,
) -> Answer {
    // SAFETY: compiled code passes its VM and a generator that it keeps alive.
    let (vm, generator) = unsafe {
        let value = Value::from_parts(Tag::Generator, generator as u64);
        (&mut *vm, ManuallyDrop::new(value))
    };
    if let View::Generator(body) = generator.view()
        && body.progress.get() == Progress::Suspended
    {
        vm.heat_generator(body);
    }
    let before = vm.native.depth;
    vm.native.depth = (depth as u32).saturating_sub(1);
    let answer = vm.request(&generator, window);
    vm.native.depth = before;
    match answer {
        Ok(Some(value)) => {
            let value = ManuallyDrop::new(value);
            Answer { payload: value.payload(), tag: value.tag() as u64 }
        }
        Ok(None) => Answer::special(Answer::ENDED),
        Err(error) => {
            vm.native.put_error(error);
            Answer::special(Answer::RAISED)
        }
    }
}

/// A generator with its arguments in place, at the start of its function.
fn make_generator(
    callee: &Value,
    info: &FunctionInfo,
    receiver: Value,
    first: *mut Value,
    args: Args,
) -> Value {
    place_args(info, first, args);
    let View::Function(function) = callee.view() else { return Value::NULL };
    // SAFETY: functions of the VM are loaded; their code lives as long as the isolate.
    let call = unsafe { &loaded(function.code_ptr()).call };
    let mut registers = Vec::with_capacity(call.n_registers as usize);
    if info.receiver != Receiver::None {
        registers.push(ManuallyDrop::new(receiver));
    }
    for i in 0..info.n_params as usize + usize::from(info.has_rest) {
        // SAFETY: `place_args` has initialised these registers.
        registers.push(ManuallyDrop::new(unsafe { (*first.add(i)).take() }));
    }
    registers.resize_with(call.n_registers as usize, || ManuallyDrop::new(Value::NULL));
    let closure = ManuallyDrop::new(callee.clone()).payload() as *mut _;
    // SAFETY: the profile lives as long as the code.
    let entries = unsafe { (*call.profile).resumptions(RESUME_IN_VM) };
    let frame = SavedFrame::new(function.code_ptr(), closure, call.code, registers);
    GeneratorBody::of_frame(frame, entries as isize - call.code as isize)
}

/// How far a request has come.
enum Requested {
    /// The generator's frame is on top.
    Entered,
    /// Its answer is there.
    Answered(Option<Value>),
}

impl Machine {
    /// Asks the generator in a loop's register for its next value.
    #[inline(never)]
    fn enter_generator_slow(mut self, base: usize) -> std::result::Result<Requested, Stop> {
        self.save();
        // SAFETY: while the loop runs there is a frame on top.
        let frame = unsafe { &mut *self.vm().frame };
        if frame.has(flags::CHAIN) {
            frame.flags |= flags::REQUESTS;
            self.vm().native.callbacks -= 1;
        }
        let generator = self.reg(base).clone();
        let window = self.vm().free_registers().wrapping_add(1);
        if let Some(answer) = self.vm().request_compiled(&generator, window) {
            return self.checked(answer).map(Requested::Answered);
        }
        let pushed = self.vm().push_generator(&generator, window, 0);
        let is_pushed = self.checked(pushed)?;
        Ok(if is_pushed { Requested::Entered } else { Requested::Answered(None) })
    }

    #[inline(always)]
    pub(super) fn enter_generator(&mut self, base: usize) -> Step {
        match self.enter_generator_slow(base)? {
            Requested::Entered => self.reload(),
            Requested::Answered(value) => self.deliver(value),
        }
        Ok(())
    }

    /// Ends the loop instruction behind which the machine stands: with the generator's value, or
    /// with none left.
    pub(super) fn deliver(&mut self, next: Option<Value>) {
        // SAFETY: while the loop runs there is a frame on top.
        let frame = unsafe { &mut *self.vm().frame };
        if frame.has(flags::REQUESTS) {
            frame.flags &= !flags::REQUESTS;
            self.vm().native.callbacks += 1;
        }
        let word = self.instr().word();
        let has_next = next.is_some();
        let (dst, target, wanted) = match word.op() {
            Op::IterTest => {
                let op = ops::IterTest::decode(word);
                (op.dst, op.target, false)
            }
            _ => {
                let op = ops::IterLoop::decode(word);
                (op.dst, op.target, true)
            }
        };
        if let Some(value) = next {
            self.note_result(value.tag(), site::RESULT);
            self.set(dst.idx(), value);
        }
        self.jump_near(has_next == wanted, target);
    }

    #[inline(always)]
    pub(super) fn yield_value(&mut self, op: ops::Yield) -> Step {
        let value = self.value(op.src);
        self.set(op.dst.idx(), Value::NULL);
        let flags = self.frame().flags;
        let (base, pc, vm) = (self.base, self.pc, self.vm());
        // SAFETY: the slot below the window owns the generator, whose saved frame is unused while
        // the frame is on top; its buffer has the size of the window and holds only nulls.
        let generator = unsafe {
            let generator = base.sub(1).read();
            base.sub(1).write(Value::NULL);
            let body: &GeneratorBody = super::machine::body(&generator);
            let saved = &mut *body.frame();
            std::ptr::copy_nonoverlapping(base, saved.registers(), saved.len());
            std::ptr::write_bytes(base, 0, saved.len());
            saved.pc = pc;
            saved.closure = (*vm.frame).closure;
            body.is_tidy.set(false);
            body.progress.set(Progress::Suspended);
            generator
        };
        // SAFETY: below a generator's frame there is the frame that asked, or the bottom.
        vm.frame = unsafe { vm.frame.sub(1) };
        vm.native.depth -= 1;
        vm.native.nested -= 1;
        drop(generator);
        if flags & flags::BOUNDARY != 0 {
            let vm = self.vm();
            vm.native.result = value;
            vm.has_yielded = true;
            return Err(Stop::Returned);
        }
        self.reload();
        self.deliver(Some(value));
        Ok(())
    }

    /// The generator's frame has returned and is popped.
    #[cold]
    #[inline(never)]
    pub(super) fn leave_generator(&mut self, flags: u64) -> Step {
        if flags & flags::BOUNDARY != 0 {
            self.vm().native.result = Value::NULL;
            return Err(Stop::Returned);
        }
        self.reload();
        self.deliver(None);
        Ok(())
    }
}

const _: () = assert!(Tag::Null as u64 == 0, "zeroed registers hold null");
