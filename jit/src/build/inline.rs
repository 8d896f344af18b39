//! Calls that are built into their callers.
//!
//! A callee's window lies inside its caller's view of the register stack (arguments are its first
//! registers), so an inlined call needs no copies: its registers are the caller's from the
//! window on, and every home slot is where the interpreter expects it. Exits name the frames
//! that the interpreter needs ([`crate::ir::InlinedFrame`]).
//! Inlined code has no loops and no handlers, and no instruction that only the interpreter can
//! execute; where one turns up, the call is noted in `Widened::not_inlined` and the function
//! built again.

use ruff_runtime::mutant;
use std::cell::RefCell;
use std::collections::HashMap;

use ruff_runtime::bytecode::FunctionProto;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::objects::function::{FunctionCode, LoadedProto, Receiver};
use ruff_runtime::value::Tag;

use super::builder::{Builder, Key};
use super::feedback::Feedback;
use super::flow::Flow;
use super::insn::{Insn, Target};
use super::state::{Know, Reg, Val};
use crate::exit_reason::ExitReason;
use crate::ir::{FrameId, InlinedFrame, NodeId, Op, Ty};

/// In a key, the bits of an instruction of an inlined call; above them is the variant.
const PC_BITS: u32 = 20;
pub(super) const PC_MASK: u32 = (1 << PC_BITS) - 1;
/// Calls inlined into each other.
pub(super) const MAX_INLINED: usize = 4;
/// Instructions of a function that is inlined.
const MAX_CALLEE: usize = 64;
/// Instructions of all inlined calls of a function.
const MAX_TOTAL: usize = 400;
/// Registers of a function with its inlined calls; exits have room for as many.
const MAX_REGISTERS: u16 = 250;

/// The flow of inlined functions, by code and window.
#[derive(Default)]
pub(super) struct Flows(RefCell<HashMap<(*const FunctionCode, u16), Box<Flow>>>);

impl Flows {
    fn get(&self, code: *const FunctionCode, proto: &FunctionProto, window: u16) -> &Flow {
        let mut flows = self.0.borrow_mut();
        let flow =
            flows.entry((code, window)).or_insert_with(|| Box::new(Flow::new(proto, window)));
        let flow: *const Flow = &raw const **flow;
        // SAFETY: the box is neither moved out nor dropped while `self` is borrowed.
        unsafe { &*flow }
    }
}

/// A call that is being inlined.
#[derive(Clone)]
pub(super) struct Inlined<'a> {
    pub id: FrameId,
    code: *const FunctionCode,
    loaded: &'a LoadedProto,
    flow: &'a Flow,
    feedback: &'a Feedback,
    window: u16,
    /// The call in the caller, and where its result goes.
    call_pc: u32,
    dst: u16,
    after: Key,
    /// The key of the callee's first instruction.
    start: Key,
    /// Registers in sight of the caller.
    n_before: u16,
    /// Owns the closure that runs.
    closure: Option<u16>,
    borrows_closure: bool,
    is_body: bool,
    is_chain: bool,
    /// The closure object, if it has captured variables.
    pub env: Option<NodeId>,
    keeps_receiver: bool,
}

impl Inlined<'_> {
    /// The key of an instruction of the callee.
    pub(super) fn key_at(&self, pc: u32) -> Key {
        let mut key = self.start;
        let last = key.inner.iter().rposition(|&at| at != 0).unwrap_or(0);
        key.inner[last] = key.inner[last] & !PC_MASK | (pc + 1);
        key
    }
}

/// How a call that may be inlined is made.
#[derive(Clone, Copy)]
pub(super) struct Site {
    pub dst: u16,
    /// The first register of the callee.
    pub window: u16,
    /// Arguments in the window, with a receiver.
    pub n_args: u16,
    /// Owns the callee.
    pub closure: Option<u16>,
    /// That register keeps the callee.
    pub borrows_closure: bool,
    pub keeps_receiver: bool,
    /// The callee is what a native does.
    pub is_body: bool,
    /// It ends a chain of lazy stages.
    pub is_chain: bool,
    /// Registers behind the arguments that have a value too.
    pub extra: u16,
    /// Which of several callees of one call.
    pub variant: u32,
    /// The window lies behind all registers in sight.
    pub is_behind: bool,
}

impl Site {
    /// A call with arguments from `window` on.
    pub(super) fn plain(dst: u16, window: u16, n_args: u16) -> Site {
        Site {
            dst,
            window,
            n_args,
            closure: None,
            borrows_closure: false,
            keeps_receiver: false,
            is_body: false,
            is_chain: false,
            extra: 0,
            variant: 0,
            is_behind: false,
        }
    }
}

impl<'a> Builder<'a> {
    /// Leaves at the entry if the frames of inlined calls might not fit.
    pub(super) fn check_room(&mut self, pc: u32) {
        self.pc = pc;
        let exit = self.exit(ExitReason::CallDepth);
        let is_header = matches!(self.flow.insns[pc as usize], Insn::LoopHeader);
        // At a header the interpreter would come back at once.
        self.func.exits[exit.0 as usize].pc = pc + u32::from(is_header);
        self.add(Op::Room(exit), Ty::None);
        self.last_exit = None;
    }

    /// The inlined frame that the present instruction belongs to.
    pub(super) fn frame_id(&self) -> Option<FrameId> {
        self.inlined.last().map(|inlined| inlined.id)
    }

    /// Makes the instruction of a key the present one.
    pub(super) fn enter_key(&mut self, key: Key) {
        self.level = key.level();
        self.inlined.clear();
        (self.pc, self.loaded) = (key.pc, self.root);
        self.flow = self.root_flow;
        self.feedback = self.request.feedback;
        let mut call = Key { inner: Default::default(), ..key };
        for at in key.inner.into_iter().take_while(|&at| at != 0) {
            let Some(inlined) = self.inlines.get(&(call, at >> PC_BITS)) else { break };
            (self.loaded, self.flow) = (inlined.loaded, inlined.flow);
            self.feedback = inlined.feedback;
            self.pc = (at & PC_MASK) - 1;
            let depth = self.inlined.len();
            self.inlined.push(inlined.clone());
            call.inner[depth] = at;
        }
        self.proto = &self.loaded.proto;
    }

    /// The key of the present instruction.
    fn key(&self) -> Key {
        match self.inlined.last() {
            Some(inlined) => inlined.key_at(self.pc),
            None => Key::new(self.level, self.pc),
        }
    }

    /// Whether a register's value is needed before an instruction of the present function.
    pub(super) fn is_live(&self, pc: u32, r: u16) -> bool {
        let (mut flow, mut at) = (self.flow, pc);
        for (i, inlined) in self.inlined.iter().enumerate().rev() {
            if r >= inlined.window {
                break;
            }
            if inlined.closure == Some(r) {
                return true;
            }
            flow = if i == 0 { self.root_flow } else { self.inlined[i - 1].flow };
            at = inlined.call_pc + 1;
        }
        flow.is_live(at, r)
    }

    /// In an inlined call, which cannot contain the present instruction: gives it up.
    pub(super) fn refuse_inline(&mut self) -> bool {
        let Some(inlined) = self.inlined.last() else { return false };
        let mut call = inlined.start;
        let last = call.inner.iter().rposition(|&at| at != 0).unwrap_or(0);
        call.inner[last] = 0;
        self.widened.not_inlined.insert(call);
        self.is_stable = false;
        self.is_done = true;
        true
    }

    /// Inlines a call of a function if that is possible.
    pub(super) fn inline_call(
        &mut self,
        dst: u16,
        first: u16,
        count: u8,
        target: Target,
        code: Option<*const FunctionCode>,
    ) -> bool {
        let Some(code) = code else { return false };
        let holder = self.holder_of(first);
        let closure = (target == Target::Register).then_some(holder);
        let borrows_closure = closure.is_some_and(|r| r != first);
        let plain = Site::plain(dst, first + 1, count.into());
        let site = Site { closure, borrows_closure, ..plain };
        let Some(loaded) = self.inlinable(code, site) else { return false };
        if !self.check_callee(first, target, code) {
            return false;
        }
        if borrows_closure {
            // The copy is not needed.
            self.state.set(first, Reg::EMPTY);
        }
        self.begin_inlined(code, loaded, site);
        true
    }

    /// The register in whose home slot a register's value is, for a copy that was put off.
    pub(super) fn holder_of(&self, r: u16) -> u16 {
        match self.state.get(r).val {
            Val::Alias(from) => from,
            Val::Slot | Val::Moved(_) | Val::Ssa { .. } => r,
        }
    }

    /// The code of a callee that may be inlined here.
    pub(super) fn inlinable(
        &self,
        code: *const FunctionCode,
        site: Site,
    ) -> Option<&'a LoadedProto> {
        // SAFETY: code in feedback lives as long as the isolate.
        let code_ref: &'a FunctionCode = unsafe { &*code };
        let (loaded, info) = (code_ref.proto.as_ref()?, &code_ref.info);
        let proto = &*loaded.proto;
        let n_params = info.n_params as u16 + u16::from(info.receiver != Receiver::None);
        let is_plain = !info.is_async
            && !info.is_generator
            && !info.has_rest
            && info.n_required == info.n_params
            && n_params == site.n_args
            && info.receiver != Receiver::Fields
            && proto.handlers.is_empty()
            && (proto.captures.is_empty() || site.closure.is_some());
        let fits = (proto.code.len() <= MAX_CALLEE || site.is_body)
            && self.n_inlined + proto.code.len() <= MAX_TOTAL
            && self.inlined.len() < MAX_INLINED
            && site.window + proto.n_registers <= MAX_REGISTERS;
        let is_recursive = std::ptr::eq(code, self.request.code)
            || self.inlined.iter().any(|inlined| std::ptr::eq(code, inlined.code));
        let may = is_plain
            && fits
            && !is_recursive
            && !self.is_handled()
            && !self.widened.not_inlined.contains(&self.key());
        let flow = may.then(|| self.flows.get(code, proto, site.window))?;
        (flow.loops.is_empty() || site.is_body).then_some(loaded)
    }

    /// Goes on in the callee, whose identity has been checked.
    pub(super) fn begin_inlined(
        &mut self,
        code: *const FunctionCode,
        loaded: &'a LoadedProto,
        site: Site,
    ) {
        let flow = self.flows.get(code, &loaded.proto, site.window);
        self.materialise_all();
        let env = site.closure.filter(|_| !loaded.proto.captures.is_empty());
        let env = env.map(|r| self.add(Op::LoadSlot(r), Ty::Word));
        self.empty_above(site.window + site.n_args);
        let n_before = if site.is_behind { site.window } else { self.n_regs() };
        let n_after = self.n_regs().max(site.window + loaded.proto.n_registers);
        self.state.regs.resize(n_after as usize, Reg::EMPTY);
        self.func.n_registers = self.func.n_registers.max(n_after);
        let extra = site.window + site.n_args..site.window + site.n_args + site.extra;
        extra.for_each(|r| self.state.set(r, Reg::slot(Know::Any)));
        let call = self.key();
        let mut start = call;
        start.inner[self.inlined.len()] = site.variant << PC_BITS | 1;
        let id = FrameId(self.func.frames.len() as u32);
        self.func.frames.push(InlinedFrame {
            code: code as usize,
            window: site.window,
            caller: self.frame_id(),
            call_pc: self.pc,
            closure: site.closure,
            borrows_closure: site.borrows_closure,
            keeps_receiver: site.keeps_receiver,
            is_body: site.is_body,
            is_chain: site.is_chain,
        });
        let inlined = Inlined {
            id,
            code,
            loaded,
            flow,
            // SAFETY: feedback lives as long as the compiler.
            feedback: unsafe { &*(self.request.feedback_of)(code) },
            window: site.window,
            call_pc: self.pc,
            dst: site.dst,
            after: self.key_of(self.pc + 1),
            start,
            n_before,
            closure: site.closure,
            borrows_closure: site.borrows_closure,
            is_body: site.is_body,
            is_chain: site.is_chain,
            env,
            keeps_receiver: site.keeps_receiver,
        };
        self.n_inlined += loaded.proto.code.len();
        let depth = self.inlined.len() as u32 + 1;
        self.func.inline_depth = self.func.inline_depth.max(depth);
        self.inlines.insert((call, site.variant), inlined);
        self.goto(start);
    }

    /// Returns from an inlined call; `src` is the register of the result, if not null.
    pub(super) fn ret_inlined(&mut self, src: Option<Use>) {
        let Some(inlined) = self.inlined.pop() else { return };
        let result = self.result_of(src, &inlined);
        let first = inlined.window + u16::from(inlined.keeps_receiver);
        for r in first..self.n_regs() {
            self.release(r);
        }
        if let Some(r) = inlined.closure.filter(|_| !inlined.borrows_closure) {
            if mutant!("closure-leaked") {
                self.state.set(r, Reg::EMPTY);
            }
            self.release(r);
        }
        if inlined.is_chain {
            self.add(Op::LeaveChain, Ty::None);
        } else if inlined.is_body {
            self.add(Op::LeaveBody, Ty::None);
        }
        self.state.regs.truncate(inlined.n_before as usize);
        let dst = inlined.dst;
        match result {
            Returned::Node(node, ty) => self.define(dst, node, ty),
            Returned::Pair(tag, payload, known) => {
                self.release(dst);
                self.add(Op::StorePair(dst, tag, payload), Ty::None);
                self.state.set(dst, known);
            }
        }
        self.goto(inlined.after);
    }

    /// Takes the result out of its register.
    fn result_of(&mut self, src: Option<Use>, inlined: &Inlined<'_>) -> Returned {
        let Some(src) = src else {
            let (tag, payload) = (self.word(Tag::Null as u64), self.word(0));
            return Returned::Pair(tag, payload, Reg::slot(Know::Null));
        };
        let reg = self.state.get(src.reg);
        if let Some(ty) = reg.ty() {
            let node = self.want(src.reg, ty);
            return Returned::Node(node, ty);
        }
        let slot = self.slot_of(src.reg).unwrap_or(src.reg);
        let tag = self.add(Op::LoadTag(slot), Ty::Word);
        let payload = self.add(Op::LoadSlot(slot), Ty::Word);
        let is_receiver = inlined.keeps_receiver && src.reg == inlined.window;
        if is_receiver && !mutant!("receiver-not-retained") {
            self.add(Op::RetainPair(tag, payload), Ty::None);
            self.state.set(src.reg, Reg { unique: false, ..reg });
        } else if reg.know.may_own() {
            self.add(Op::StoreNull(slot), Ty::None);
        }
        if !is_receiver {
            self.state.set(src.reg, Reg::EMPTY);
        }
        let unique = reg.unique && !is_receiver;
        Returned::Pair(tag, payload, Reg { val: Val::Slot, unique, ..reg })
    }
}

/// The result of an inlined call.
enum Returned {
    Node(NodeId, Ty),
    /// Tag and payload words, and what is known of them.
    Pair(NodeId, NodeId, Reg),
}
