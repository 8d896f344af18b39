//! Calls of compiled functions, and natives with a lowering of their own.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::mutant;
use ruff_runtime::natives;
use ruff_runtime::objects::function::{FunctionCode, LoadedProto};
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::value::{Tag, View};

use super::builder::Builder;
use super::feedback::Site;
use super::flow::{Loop, RegSet};
use super::inline;
use super::insn::{Insn, Target};
use super::intrinsics::{Intrinsic, find};
use super::state::{Know, Reg};
use super::values::tag_of;
use super::{CalleeInfo, EntryKind};
use crate::abi;
use crate::exit::has_captures;
use crate::exit_reason::ExitReason;
use crate::ir::{BlockId, Call, Callee, Cond, ExitSite, FloatFn, NodeId, Op, Source, Term, Ty};

/// Shapes that are told apart at one site.
const MAX_SHAPES: usize = 4;

/// A method that compiled code can call.
#[derive(Clone)]
enum MethodCall<'a> {
    Inline(*const FunctionCode, &'a LoadedProto),
    Typed(Callee, Vec<Option<Ty>>),
}

impl<'a> Builder<'a> {
    pub(super) fn call(&mut self, dst: u16, first: u16, count: u8, target: Target) {
        let site = Site::of(self.proto, self.pc);
        let code = site.callee().map(|address| address as *const FunctionCode);
        if self.inline_call(dst, first, count, target, code) {
            return;
        }
        let Some((callee, params)) = code.and_then(|code| self.compiled(code)) else {
            return self.step();
        };
        let window = first + 1;
        if params.len() != count as usize || !self.args_fit(window, &params) {
            return self.step();
        }
        let Some(code) = code.filter(|&code| self.check_callee(first, target, code)) else {
            return self.step();
        };
        if let Target::Module(slot) = target {
            self.keep_closure(first, slot, code);
        }
        let words = self.typed_call(dst, window, callee, &params);
        // The register of the callee.
        self.after_call(words, dst, Some(first), None);
    }

    /// A closure with captured variables must be in the slot below its window.
    fn keep_closure(&mut self, first: u16, slot: u16, code: *const FunctionCode) {
        // SAFETY: code in feedback lives as long as the isolate.
        if !has_captures(unsafe { &*code }) {
            return;
        }
        let Some(address) = self.module_slot(slot) else { return };
        self.release(first);
        let at = self.word(address as u64);
        let tag = self.word(Tag::Function as u64);
        let payload = self.add(Op::Load(at, abi::PAYLOAD_OFFSET), Ty::Word);
        self.add(Op::Retain(payload), Ty::None);
        self.add(Op::StorePair(first, tag, payload), Ty::None);
        self.state.set(first, Reg::slot(Know::Function(code as usize)));
    }

    /// Calls the method that the site has always called.
    pub(super) fn method(&mut self, dst: u16, (first, count): (u16, u8), name: u16, keeps: bool) {
        let n_args = u16::from(count) + 1;
        let plain = inline::Site::plain(dst, first, n_args);
        let site = inline::Site { keeps_receiver: keeps, ..plain };
        if keeps && self.array_method(dst, first, count, name) {
            return;
        }
        let targets = self.known_methods(first, name, site);
        let mut targets = targets;
        let Some((last_shape, last)) = targets.pop() else {
            return self.step();
        };
        if targets.is_empty() {
            self.struct_of(first, last_shape);
            return self.call_target(site, last);
        }
        let found = self.shape_id(first);
        let n_others = targets.len() as u32;
        for (variant, (shape, target)) in (0..).zip(targets) {
            let wanted = self.word(u64::from(shape));
            let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
            let (yes, no) = self.split(same);
            let state = self.state.clone();
            self.block = yes;
            self.assume_shape(first, shape);
            self.call_target(inline::Site { variant, ..site }, target);
            if !self.is_done {
                let after = self.key_of(self.pc + 1);
                self.goto(after);
            }
            (self.block, self.state, self.is_done, self.last_exit) = (no, state, false, None);
        }
        if !mutant!("method-shape-unchecked") {
            self.guard_word(found, u64::from(last_shape), ExitReason::WrongType);
        }
        self.assume_shape(first, last_shape);
        self.call_target(inline::Site { variant: n_others, ..site }, last);
        if !self.is_done {
            let after = self.key_of(self.pc + 1);
            self.goto(after);
        }
    }

    /// Ends the block with a branch and gives the blocks it leads to.
    pub(super) fn split(&mut self, cond: NodeId) -> (BlockId, BlockId) {
        let (yes, no) = (self.func.new_block(self.pc), self.func.new_block(self.pc));
        let (yes_edge, no_edge) = (self.func.new_edge(), self.func.new_edge());
        self.func.edges[yes_edge.0 as usize].to = Some(yes);
        self.func.edges[no_edge.0 as usize].to = Some(no);
        self.end(Term::Branch(cond, yes_edge, no_edge));
        self.is_done = false;
        (yes, no)
    }

    /// The methods that the site calls by the receiver's shape; none if one of them can only be
    /// called by the interpreter.
    fn known_methods(
        &self,
        first: u16,
        name: u16,
        site: inline::Site,
    ) -> Vec<(u32, MethodCall<'a>)> {
        let bits = Site::of(self.proto, self.pc).0;
        let receivers = site::types_at(bits, site::RECEIVER);
        if receivers != types::STRUCT || !self.may_be_struct(first) {
            return Vec::new();
        }
        let mut found = (self.request.methods)(&self.loaded.consts[name as usize]);
        let mut limit = MAX_SHAPES;
        if bits & (site::MONO | site::MEGA) == site::MONO {
            found.retain(|&(shape, _)| shape == bits as u32);
            limit = 1;
        }
        if found.len() > limit {
            return Vec::new();
        }
        let targets: Option<Vec<_>> = found
            .iter()
            .map(|&(shape, code)| Some((shape, self.method_call(code, site)?)))
            .collect();
        targets.unwrap_or_default()
    }

    /// How a method can be called from here.
    fn method_call(&self, code: *const FunctionCode, site: inline::Site) -> Option<MethodCall<'a>> {
        if let Some(loaded) = self.inlinable(code, site) {
            return Some(MethodCall::Inline(code, loaded));
        }
        let (callee, params) = self.compiled(code)?;
        let fits = params.len() == site.n_args as usize && self.args_fit(site.window, &params);
        fits.then_some(MethodCall::Typed(callee, params))
    }

    fn call_target(&mut self, site: inline::Site, target: MethodCall<'a>) {
        match target {
            MethodCall::Inline(code, loaded) => self.begin_inlined(code, loaded, site),
            MethodCall::Typed(callee, params) => {
                let words = self.typed_call(site.dst, site.window, callee, &params);
                let released = (!site.keeps_receiver).then_some(site.window);
                self.after_call(words, site.dst, released, Some(site.window));
            }
        }
    }

    /// Calls a compiled function whose arguments are in the registers from `window` on. The
    /// result is brought to its register by [`Builder::after_call`].
    fn typed_call(
        &mut self,
        dst: u16,
        window: u16,
        callee: Callee,
        params: &[Option<Ty>],
    ) -> (NodeId, NodeId) {
        let args = self.pass_args(window, params);
        // The exit is taken after the moves that were put off are done.
        self.materialise_all();
        let depth = self.exit(ExitReason::CallDepth);
        self.empty_above(window + params.len() as u16);
        let frame = self.frame_id();
        let (pc, expect, catches) = (self.pc, None, self.is_handled());
        let call = Call { callee, window, args, pc, depth, expect, frame, catches };
        self.begin_call(dst, window, call)
    }

    /// The compiled form of a function, as this one may call it.
    fn compiled(&self, code: *const FunctionCode) -> Option<(Callee, Vec<Option<Ty>>)> {
        if let EntryKind::Typed(params) = &self.request.entry
            && std::ptr::eq(code, self.request.code)
        {
            return Some((Callee::Itself, params.clone()));
        }
        let CalleeInfo { cell, params } = (self.request.callees)(code)?;
        Some((Callee::Cell(cell), params))
    }

    fn args_fit(&self, window: u16, params: &[Option<Ty>]) -> bool {
        params.iter().enumerate().all(|(i, param)| {
            let r = window + i as u16;
            param.is_none_or(|ty| self.guess_reg(r, Some(ty)) == Some(ty))
        })
    }

    /// Leaves unless the call reaches `code`.
    pub(super) fn check_callee(
        &mut self,
        first: u16,
        target: Target,
        code: *const FunctionCode,
    ) -> bool {
        match target {
            Target::Register => {
                if mutant!("callee-unchecked") {
                    return true;
                }
                let holder = self.holder_of(first);
                if self.state.get(holder).node().is_some() {
                    return false;
                }
                self.function_in(holder, code, ExitReason::WrongCallee);
            }
            Target::Module(slot) if self.is_fixed_to(slot, code) => {}
            Target::Module(slot) => {
                let Some(address) = self.module_slot(slot) else { return false };
                let at = self.word(address as u64);
                let tag = self.add(Op::Load(at, abi::TAG_OFFSET), Ty::Word);
                let payload = self.add(Op::Load(at, abi::PAYLOAD_OFFSET), Ty::Word);
                self.guard_function((tag, payload), code, ExitReason::WrongCallee);
            }
        }
        true
    }

    /// Whether a module variable always holds a function with this code.
    fn is_fixed_to(&self, slot: u16, code: *const FunctionCode) -> bool {
        let content = self.fixed(slot);
        let function = content.as_ref().and_then(|content| match content.view() {
            View::Function(function) => Some(function.code_ptr()),
            _ => None,
        });
        function.is_some_and(|found| found == code)
    }

    /// Leaves unless the home slot of a register holds a function with this code.
    pub(super) fn function_in(&mut self, r: u16, code: *const FunctionCode, reason: ExitReason) {
        self.materialise(r);
        let reg = self.state.get(r);
        let know = Know::Function(code as usize);
        if reg.know == know {
            return;
        }
        let tag = self.add(Op::LoadTag(r), Ty::Word);
        let payload = self.add(Op::LoadSlot(r), Ty::Word);
        self.guard_function((tag, payload), code, reason);
        self.state.set(r, Reg { know, ..reg });
    }

    fn guard_function(
        &mut self,
        (tag, payload): (NodeId, NodeId),
        code: *const FunctionCode,
        reason: ExitReason,
    ) {
        let function = self.word(Tag::Function as u64);
        let is_function = self.add(Op::ICmp(Cond::Eq, tag, function), Ty::Bool);
        self.guard(is_function, reason);
        let found = self.add(Op::Load(payload, abi::FUNCTION_CODE), Ty::Word);
        let wanted = self.word(code as u64);
        let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
        self.guard(same, reason);
    }

    /// Checks functions that a loop calls and does not change, before the loop.
    pub(super) fn hoist_callees(&mut self, key_pc: u32, range: Loop, written: &RegSet) {
        for pc in range.header..=range.last {
            let flow = self.flow;
            let Insn::Call { first, target: Target::Register, .. } = flow.insns[pc as usize] else {
                continue;
            };
            let code = Site::of(self.proto, pc).callee().filter(|_| self.may_speculate(pc));
            let copied = (range.header..pc).rev().find_map(|at| match flow.insns[at as usize] {
                Insn::Mov { dst, src } if dst == first => Some(src.reg),
                _ => None,
            });
            let (Some(code), Some(r)) = (code, copied) else { continue };
            let is_kept = !written.has(r) && self.is_live(key_pc, r);
            if is_kept && self.slot_of(r) == Some(r) && self.state.get(r).know == Know::Any {
                self.last_exit = None;
                let n_exits = self.func.exits.len();
                self.function_in(r, code as *const FunctionCode, ExitReason::Hoisted);
                // Other functions than this one say nothing about other checks of the loop.
                for exit in &mut self.func.exits[n_exits..] {
                    (exit.site, exit.reason) = (pc, ExitReason::WrongCallee);
                }
                self.last_exit = None;
            }
        }
    }

    /// Typed arguments as nodes; the others go to their slots in the callee's window.
    fn pass_args(&mut self, window: u16, params: &[Option<Ty>]) -> Vec<NodeId> {
        let mut args = Vec::new();
        for (i, param) in params.iter().enumerate() {
            let r = window + i as u16;
            match param {
                Some(ty) => args.push(self.want(r, *ty)),
                None => {
                    self.materialise(r);
                    self.sync(r);
                }
            }
        }
        args
    }

    fn begin_call(&mut self, dst: u16, window: u16, mut call: Call) -> (NodeId, NodeId) {
        let site = Site::of(self.proto, self.pc);
        let mut after = self.state.clone();
        (window..self.n_regs()).for_each(|r| after.set(r, Reg::EMPTY));
        let pc = self.pc + 1;
        let expected = site.call_result();
        // The call's own node and its tag are the next two.
        let payload = NodeId(self.func.nodes.len() as u32);
        let tag = NodeId(payload.0 + 1);
        if let Some(ty) = expected {
            let mut writes = self.exit_writes(pc, &after);
            writes.retain(|&(r, _)| r != dst);
            let slot = dst + u16::from(mutant!("result-to-wrong-slot"));
            writes.push((slot, Source::Pair(payload, tag)));
            let reason = ExitReason::WrongResult;
            let frame = self.frame_id();
            let exit = self.new_exit(ExitSite { pc, site: self.pc, reason, writes, frame });
            call.expect = Some((ty, exit));
        }
        let catches = call.catches;
        let expect = if catches { call.expect.take() } else { None };
        self.add(Op::Call(Box::new(call)), Ty::Word);
        self.add(Op::CallTag(payload), Ty::Word);
        self.last_exit = None;
        self.state = after;
        if catches {
            self.call_caught(window, payload, tag);
        }
        if let Some((ty, exit)) = expect {
            let wanted = self.word(tag_of(ty) as u64);
            let fits = self.add(Op::ICmp(Cond::Eq, tag, wanted), Ty::Bool);
            self.add(Op::Guard(fits, exit), Ty::None);
        }
        (payload, tag)
    }

    /// Brings the result of the call that was just made to its register.
    fn after_call(
        &mut self,
        (payload, tag): (NodeId, NodeId),
        dst: u16,
        released: Option<u16>,
        receiver: Option<u16>,
    ) {
        let expected = Site::of(self.proto, self.pc).call_result();
        if let Some(r) = receiver {
            // The method may have put anything there.
            self.state.set(r, Reg::slot(Know::Any));
        }
        if let Some(r) = released {
            self.release(r);
        }
        if let Some(ty) = expected {
            let node = self.add(Op::FromBits(payload), ty);
            return self.define(dst, node, ty);
        }
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
    }

    // ---- natives

    pub(super) fn native(&mut self, dst: u16, native: u16, first: u16, count: u8) {
        let intrinsic = find(natives::get(u32::from(native)).name);
        match (intrinsic, count) {
            (Some(Intrinsic::Push), 2) => self.push(dst, first),
            (Some(Intrinsic::HasKey), 2) if self.dict_has(dst, first, first + 1) => {}
            (Some(Intrinsic::GetDefault), 3) if self.dict_get_default(dst, first) => {}
            _ if self.inline_body(dst, native, first, count) => {}
            (Some(found), n) if self.number_native(found, dst, &group(first, n)) => {}
            (Some(found), 1) => self.native_one_of(found, dst, Use::last(first)),
            _ => self.step(),
        }
    }

    pub(super) fn native_one(&mut self, dst: u16, native: u16, src: Use) {
        if self.pop_and_split(dst, native, src) {
            return;
        }
        match find(natives::get(u32::from(native)).name) {
            Some(found) if self.number_native(found, dst, &[src]) => {}
            Some(found) => self.native_one_of(found, dst, src),
            None => self.step(),
        }
    }

    fn native_one_of(&mut self, intrinsic: Intrinsic, dst: u16, src: Use) {
        let reg = self.state.get(src.reg);
        let node = match (intrinsic, reg.ty()) {
            (Intrinsic::Len, None) if self.is_sequence(src.reg) => self.array_len(src.reg),
            (Intrinsic::Len, None) => self.any_len(src.reg),
            (Intrinsic::Sqrt | Intrinsic::ToFloat, Some(ty @ (Ty::Int | Ty::Float))) => {
                let value = self.want(src.reg, ty);
                let value = self.as_float(value);
                if intrinsic == Intrinsic::ToFloat { value } else { self.sqrt(value) }
            }
            _ => return self.step(),
        };
        self.done_with(src);
        self.define(dst, node, self.func.ty(node));
    }

    /// A negative argument is the interpreter's business.
    fn sqrt(&mut self, value: NodeId) -> NodeId {
        let zero = self.constant(0, Ty::Float);
        let is_fine = self.add(Op::FCmp(Cond::Ge, value, zero), Ty::Bool);
        if !mutant!("sqrt-unchecked") {
            self.guard(is_fine, ExitReason::Declined);
        }
        self.add(Op::FloatFn(FloatFn::Sqrt, value), Ty::Float)
    }

    fn push(&mut self, dst: u16, first: u16) {
        let array = self.state.get(first);
        if array.node().is_some() || !matches!(array.know, Know::Any | Know::Array(_)) {
            return self.step();
        }
        let Some(slot) = self.array_push(first, first + 1) else { return self.step() };
        self.state.set(first + 1, Reg::EMPTY);
        let new = Reg { unique: true, ..Reg::slot(Know::Array(None)) };
        self.moved_result(first, slot, dst, new);
    }
}

/// The registers of an argument group.
fn group(first: u16, count: u8) -> Vec<Use> {
    (first..first + u16::from(count)).map(Use::last).collect()
}
