//! Hot code: asking the tier, entering compiled code, and what compiled code asks of the VM.

use super::Vm;
use super::enter::{Args, Begun};
use super::machine::{Machine, Step, Stop};
use super::stack::{flags, loaded};
use crate::bytecode::FunctionProto;
use crate::bytecode::operand::Op;
use crate::error::Result;
use crate::mutant;
use crate::objects::function::FunctionCode;
use crate::tier::{Entry, Status};
use crate::value::Value;

/// When code is compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Threshold {
    /// After about 600 plus 8 per instruction iterations, or a tenth of that in calls.
    #[default]
    Normal,
    /// At the first call and iteration.
    Always,
    /// After this many iterations.
    Fixed(u32),
}

/// Options of a VM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VmOptions {
    pub threshold: Threshold,
}

impl VmOptions {
    /// Iterations (or ten times the calls) after which code of this length is hot.
    pub fn threshold(&self, n_instrs: usize) -> u32 {
        match self.threshold {
            Threshold::Normal => 600 + 8 * n_instrs.min(1 << 20) as u32,
            Threshold::Always => 1,
            Threshold::Fixed(n) => n.max(1),
        }
    }
}

/// What one instruction did; for compiled code that has the interpreter execute it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// Control goes on at this instruction.
    Next(usize),
    /// The frame has returned and is popped; the result is in the context.
    Returned,
    /// The error is in the context; the frame is still on top.
    Raised,
}

impl Machine {
    /// Enters compiled code at a loop header, if there is any by now.
    #[cold]
    #[inline(always)]
    pub(super) fn hot_loop(&mut self) -> Step {
        let was_entered = self.hot_loop_slow()?;
        if was_entered {
            self.reload();
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn hot_loop_slow(mut self) -> Result<bool, Stop> {
        self.save();
        let frame = self.frame();
        let index = frame.index_before(self.pc);
        let is_boundary = frame.has(flags::BOUNDARY);
        let code = frame.code;
        let Some(status) = self.vm().run_hot_loop(code, index) else { return Ok(false) };
        match status {
            Status::Exited => Ok(true),
            Status::Done if is_boundary => Err(Stop::Returned),
            Status::Raised if is_boundary => Err(Stop::RaisedOut),
            Status::Done => {
                self.reload();
                let result = self.vm().native.result.take();
                let dst = self.instr().word().0 >> 16 & 0xffff;
                self.set(dst as usize, result);
                Ok(true)
            }
            Status::Raised => {
                // The error goes on in the calling frame, unless that has a handler.
                self.reload();
                let pc = self.pc;
                if self.vm().unwind(pc) { Ok(true) } else { Err(Stop::RaisedOut) }
            }
        }
    }
}

/// Iterations after which the loop around one that got hot is hot too: each part of it has run.
const OUTER_LEFT: u64 = 2;

/// A loop got hot: lets the loop around it be compiled soon, beside this one.
fn hurry_outer(proto: &FunctionProto, header: usize) {
    let word = |at: usize| proto.code[at].word();
    let encloses = |outer: usize| {
        let goes_back = |at| word(at).jump_target(at) == Some(outer as i64);
        (header + 1..proto.code.len()).any(goes_back)
    };
    let is_header = |&at: &usize| word(at).op() == Op::LoopHeader;
    let Some(outer) = (0..header).rev().filter(is_header).find(|&at| encloses(at)) else { return };
    let left = proto.profile.site(outer);
    if left != u64::MAX && left > OUTER_LEFT && proto.profile.osr_entry(outer).is_none() {
        proto.profile.set_site(outer, OUTER_LEFT);
    }
}

impl Vm {
    /// A loop of the frame on top is hot: asks the tier, and runs compiled code if there is any.
    fn run_hot_loop(&mut self, code: *const FunctionCode, index: usize) -> Option<Status> {
        // SAFETY: code lives as long as the isolate.
        let profile = unsafe { &loaded(code).proto.profile };
        // SAFETY: as above.
        if unsafe { (*code).info.is_generator } {
            // Bodies of generators are entered by requests only: the next one asks.
            if !profile.is_bailed_out() {
                profile.stay_hot();
            }
            profile.set_site(index, u64::from(profile.threshold()) * 2);
            return None;
        }
        if profile.osr_entry(index).is_none() {
            // SAFETY: as above.
            self.ask_tier(unsafe { &*code }, Some(index as u32));
            // SAFETY: as above.
            hurry_outer(unsafe { &loaded(code).proto }, index);
        }
        let entry =
            profile.osr_entry(index).filter(|_| !self.isolate.tasks.stack_floor.is_reached());
        let left = match entry {
            Some(_) => 1,
            None if self.tier.is_none() || profile.is_bailed_out() => u64::MAX,
            None => u64::from(profile.threshold()) * 2,
        };
        profile.set_site(index, left);
        // SAFETY: the frame on top runs this code and stands at the loop header; no frame needs
        // what is behind its registers.
        entry.map(|entry| unsafe {
            let n = loaded(code).call.n_registers as usize;
            self.release_lingering((*self.frame).base.add(n));
            self.enter_at(entry)
        })
    }

    /// A function is called often: asks the tier unless it has compiled it.
    pub(super) fn function_is_hot(&mut self, code: &FunctionCode) {
        // SAFETY: functions of the VM are loaded.
        let profile = unsafe { &loaded(code).proto.profile };
        if profile.entry().is_none() && !profile.is_bailed_out() {
            self.ask_tier(code, None);
        }
        if profile.entry().is_some() {
            profile.stay_hot();
        } else if self.tier.is_none() || profile.is_bailed_out() {
            profile.set_threshold(u32::MAX);
        } else {
            profile.set_threshold(profile.threshold().saturating_mul(2));
        }
    }

    /// For compiled code that was left: the function may have been given up, and if all that
    /// call it are compiled, nobody else asks for new code.
    pub fn ask_for_code(&mut self, code: &FunctionCode) {
        // SAFETY: functions of the VM are loaded.
        let profile = unsafe { &loaded(code).proto.profile };
        if profile.entry().is_none() && !profile.is_bailed_out() && !code.info.is_generator {
            self.ask_tier(code, None);
        }
    }

    /// Whether there is a compiler of hot code.
    pub(super) fn has_tier(&self) -> bool {
        self.tier.is_some()
    }

    /// Runs compiled code for the frame on top.
    ///
    /// # Safety
    /// The entry must be one for the frame's code, at the instruction where the frame stands.
    pub(super) unsafe fn enter_at(&mut self, entry: Entry) -> Status {
        self.n_entered += 1;
        // SAFETY: the caller's promise; there is a frame on top.
        let status = unsafe {
            let base = (*self.frame).base;
            entry(self, base)
        };
        self.n_entered -= 1;
        status
    }

    /// Whether compiled code is active, perhaps below the frame on top.
    pub fn has_compiled_frames(&self) -> bool {
        self.n_entered > 0
    }

    /// Handles a pending interrupt, which may mean that the tier has something to install.
    ///
    /// # Errors
    /// The uncatchable error of an interruption.
    #[cold]
    #[inline(never)]
    pub(super) fn poll(&mut self) -> Result<()> {
        if mutant!("interrupt-lost") {
            return Ok(());
        }
        self.isolate.poll()?;
        if let Some(mut tier) = self.tier.take() {
            tier.collect(self);
            self.tier = Some(tier);
        }
        Ok(())
    }

    pub(super) fn ask_tier(&mut self, code: &FunctionCode, header: Option<u32>) {
        if let Some(mut tier) = self.tier.take() {
            tier.tier_up(self, code, header);
            self.tier = Some(tier);
        }
    }

    /// Runs the frame on top from its `pc` until the innermost boundary returns, for compiled
    /// code that was left by an exit below compiled callers. The boundary's frame is popped; the
    /// result or error is in the context.
    pub fn resume(&mut self) -> Status {
        self.run()
    }

    /// Executes the instruction at `index` of the frame on top; calls run to their end.
    pub fn step_one(&mut self, index: usize) -> Stepped {
        // Waits keep the native stack: compiled code is on it.
        self.loops += 1;
        let stepped = self.step_at(index);
        self.loops -= 1;
        stepped
    }

    fn step_at(&mut self, index: usize) -> Stepped {
        let frame = self.frame;
        // SAFETY: there is a frame on top, and callers pass an index inside its code.
        unsafe { (*frame).pc = (*frame).call_info().code.add(index) };
        let mut machine = Machine::new(self);
        let word = machine.fetch();
        let next = machine.pc;
        match machine.step_out_of_line(word) {
            Err(Stop::Returned) => return Stepped::Returned,
            Err(Stop::Raised | Stop::RaisedOut) => return Stepped::Raised,
            Ok(()) => {}
        }
        // SAFETY: the frame on top is live.
        if self.frame > frame && unsafe { (*self.frame).has(flags::GENERATOR) } {
            return self.finish_request(next, frame);
        }
        if self.frame > frame {
            // The instruction was a call and pushed a frame (with others on top, if compiled
            // code was left in an inlined call).
            // SAFETY: the frame above the one that called.
            unsafe { (*frame.add(1)).flags |= flags::BOUNDARY };
            match self.resume() {
                Status::Done => {
                    let result = self.native.result.take();
                    let dst = word.0 >> 16 & 0xffff;
                    // SAFETY: all calls have the register of their result as first operand.
                    unsafe { *(*frame).base.add(dst as usize) = result };
                    machine.pc = next;
                }
                Status::Raised | Status::Exited => return Stepped::Raised,
            }
        } else if self.frame < frame {
            return Stepped::Returned;
        }
        // SAFETY: as above; `pc` stays inside the code.
        let at = unsafe { machine.pc.offset_from((*frame).call_info().code) };
        Stepped::Next(at as usize)
    }

    /// Calls the value in the register before `window` with the `n` arguments in it, to the
    /// end. The result or error is in the context.
    ///
    /// # Safety
    /// `window` must be in the frame on top, with initialised registers before and in it.
    pub unsafe fn call_at(&mut self, window: *mut Value, n: usize) -> Status {
        // SAFETY: the caller's promise.
        let callee = unsafe { (*window.sub(1)).take() };
        let flags = flags::USER | flags::BOUNDARY;
        let begun = self.begin_call(callee, window, Args::InPlace(n), flags);
        match begun {
            Ok(Begun::Entered) => self.run(),
            Ok(Begun::Done(value)) => {
                self.native.result = value;
                Status::Done
            }
            Err(error) => {
                self.native.put_error(error);
                Status::Raised
            }
        }
    }
}
