//! Calls of compiled functions, and natives with a lowering of their own.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::natives;
use ruff_runtime::objects::function::FunctionCode;
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::insn::Target;
use super::intrinsics::{Intrinsic, find};
use super::state::{Know, Reg};
use super::{CalleeInfo, EntryKind};
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Call, Callee, Cond, ExitSite, FloatFn, NodeId, Op, Source, Ty};

impl Builder<'_> {
    pub(super) fn call(&mut self, dst: u16, first: u16, count: u8, target: Target) {
        let site = Site::of(self.proto, self.pc);
        let code = site.callee().map(|address| address as *const FunctionCode);
        let Some((callee, params)) = code.and_then(|code| self.compiled(code)) else {
            return self.step();
        };
        if params.len() != count as usize || !self.args_fit(first, &params) {
            return self.step();
        }
        let Some(code) = code.filter(|&code| self.check_callee(first, target, code)) else {
            return self.step();
        };
        debug_assert!(!code.is_null(), "a profiled callee has an address");
        let args = self.pass_args(first, &params);
        let depth = self.exit(ExitReason::CallDepth);
        let window = first + 1;
        self.materialise_all();
        if self.is_handled() {
            self.sync_live();
        }
        for r in window + u16::from(count)..self.proto.n_registers {
            self.release(r);
        }
        self.finish_call(
            dst,
            first,
            Call { callee, window, args, pc: self.pc, depth, expect: None },
        );
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

    fn args_fit(&self, first: u16, params: &[Option<Ty>]) -> bool {
        params.iter().enumerate().all(|(i, param)| {
            let r = first + 1 + i as u16;
            param.is_none_or(|ty| self.guess_reg(r, Some(ty)) == Some(ty))
        })
    }

    /// Leaves unless the call reaches `code`.
    fn check_callee(&mut self, first: u16, target: Target, code: *const FunctionCode) -> bool {
        let (tag, payload) = match target {
            Target::Register => {
                if self.state.get(first).node().is_some() {
                    return false;
                }
                self.materialise(first);
                (self.add(Op::LoadTag(first), Ty::Word), self.add(Op::LoadSlot(first), Ty::Word))
            }
            Target::Module(slot) => {
                let Some(address) = self.module_slot(slot) else { return false };
                let at = self.word(address as u64);
                let tag = self.add(Op::Load(at, abi::TAG_OFFSET), Ty::Word);
                (tag, self.add(Op::Load(at, abi::PAYLOAD_OFFSET), Ty::Word))
            }
        };
        let function = self.word(Tag::Function as u64);
        let is_function = self.add(Op::ICmp(Cond::Eq, tag, function), Ty::Bool);
        self.guard(is_function, ExitReason::WrongCallee);
        let found = self.add(Op::Load(payload, abi::FUNCTION_CODE), Ty::Word);
        let wanted = self.word(code as u64);
        let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
        self.guard(same, ExitReason::WrongCallee);
        true
    }

    /// Typed arguments as nodes; the others go to their slots in the callee's window.
    fn pass_args(&mut self, first: u16, params: &[Option<Ty>]) -> Vec<NodeId> {
        let mut args = Vec::new();
        for (i, param) in params.iter().enumerate() {
            let r = first + 1 + i as u16;
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

    /// Whether an error of the present instruction may be handled in this function.
    pub(super) fn is_handled(&self) -> bool {
        self.proto.handlers.iter().any(|h| h.start <= self.pc && self.pc < h.end)
    }

    fn finish_call(&mut self, dst: u16, first: u16, mut call: Call) {
        let site = Site::of(self.proto, self.pc);
        let mut after = self.state.clone();
        (first + 1..self.proto.n_registers).for_each(|r| after.set(r, Reg::EMPTY));
        let pc = self.pc + 1;
        let expected = site.call_result();
        // The call's own node and its tag are the next two.
        let payload = NodeId(self.func.nodes.len() as u32);
        let tag = NodeId(payload.0 + 1);
        if let Some(ty) = expected {
            let mut writes = self.exit_writes(pc, &after);
            writes.retain(|&(r, _)| r != dst);
            writes.push((dst, Source::Pair(payload, tag)));
            let reason = ExitReason::WrongResult;
            let exit = self.new_exit(ExitSite { pc, site: self.pc, reason, writes });
            call.expect = Some((ty, exit));
        }
        self.add(Op::Call(Box::new(call)), Ty::Word);
        self.add(Op::CallTag(payload), Ty::Word);
        self.last_exit = None;
        self.state = after;
        self.release(first);
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
            (Intrinsic::Len, None) if matches!(reg.know, Know::Any | Know::Str | Know::Array(_)) => {
                self.array_len(src.reg)
            }
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
        self.guard(is_fine, ExitReason::Declined);
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
