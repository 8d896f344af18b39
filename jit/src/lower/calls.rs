//! Calls: of compiled functions, of the interpreter for one instruction, of routines; returns.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, types};
use cranelift_codegen::isa::CallConv;
use ruff_runtime::mutant;
use ruff_runtime::value::Tag;

use super::cold::ColdRoutine;
use super::memory::trusted;
use super::{Lowering, typed_signature};
use crate::abi;
use crate::helpers::Routine;
use crate::ir::{Call, Callee, ExitId, Form, FrameId, NodeId, Ty};

impl Lowering<'_, '_> {
    /// Calls a routine of the compiler's runtime.
    pub(super) fn call_routine(&mut self, routine: Routine, args: &[ir::Value]) -> ir::Value {
        let mut signature = Signature::new(self.input.isa.default_call_conv());
        signature.params.extend(args.iter().map(|_| AbiParam::new(types::I64)));
        signature.returns.push(AbiParam::new(types::I64));
        let signature = self.b.import_signature(signature);
        let address = self.word(routine.address() as u64);
        let call = self.b.ins().call_indirect(signature, address, args);
        self.b.inst_results(call)[0]
    }

    /// Calls a routine on a cold path: no register is clobbered, so that a call that hardly ever
    /// happens does not make values live in memory.
    pub(super) fn call_cold(&mut self, routine: ColdRoutine, args: &[ir::Value]) {
        let mut signature = Signature::new(CallConv::PreserveAll);
        signature.params.extend(args.iter().map(|_| AbiParam::new(types::I64)));
        let signature = self.b.import_signature(signature);
        let address = self.word(self.input.cold.address(routine) as u64);
        self.b.ins().call_indirect(signature, address, args);
    }

    /// The result word of the last cold routine.
    pub(super) fn cold_result(&mut self) -> ir::Value {
        let at = self.word(self.input.cold.result() as u64);
        self.b.ins().load(types::I64, trusted(), at, 0)
    }

    /// Runs one instruction through the interpreter; its value is the next pc.
    pub(super) fn step(&mut self, pc: u32, catches: bool) -> ir::Value {
        let (vm, base, depth) = (self.vm, self.base, self.depth);
        let meta = self.word(self.input.metas.frame as u64);
        let pc = self.word(u64::from(pc));
        let routine = if catches { Routine::StepCaught } else { Routine::Step };
        let next = self.call_routine(routine, &[vm, base, depth, meta, pc]);
        let left = self.word(abi::LEFT);
        let has_left = self.b.ins().icmp(IntCC::Equal, next, left);
        let (out, on) = (self.left_block(), self.b.create_block());
        self.b.ins().brif(has_left, out, [].iter(), on, [].iter());
        self.b.switch_to_block(on);
        next
    }

    pub(super) fn call(&mut self, id: NodeId, call: &Call) {
        self.stress(call.depth);
        let limit = self.b.ins().load(types::I32, trusted(), self.vm, abi::CONTEXT_DEPTH_LIMIT);
        let limit = self.b.ins().uextend(types::I64, limit);
        let around = self.word(self.func.depth_of(call.frame).into());
        let depth = self.b.ins().iadd(self.depth, around);
        let is_full = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, depth, limit);
        if !mutant!("depth-unchecked") {
            self.exit_if(is_full, call.depth);
        }
        let window = if call.callee == Callee::Generator {
            // Above all that this function uses, with the generator below it.
            self.slot_address(self.func.n_registers + 1)
        } else {
            self.poll(call.depth);
            self.slot_address(call.window)
        };
        let one = self.word(u64::from(!mutant!("depth-uncounted")));
        let depth = self.b.ins().iadd(depth, one);
        let mut args = vec![self.vm, window, depth];
        args.extend(call.args.iter().map(|&arg| self.values[&arg]));
        let inst = match call.callee {
            Callee::Itself => {
                let itself = self.itself();
                self.b.ins().call(itself, &args)
            }
            Callee::Cell(cell) => {
                let types: Vec<Ty> = call.args.iter().map(|&arg| self.func.ty(arg)).collect();
                let signature = self.b.import_signature(typed_signature(&types));
                let cell = self.word(cell.0 as u64);
                let entry = self.b.ins().load(types::I64, trusted(), cell, 0);
                self.b.ins().call_indirect(signature, entry, &args)
            }
            Callee::Generator if self.func.is_chain => self.request_of_chain(&args),
            Callee::Generator => self.request(&args),
        };
        let (payload, tag) = (self.b.inst_results(inst)[0], self.b.inst_results(inst)[1]);
        let (payload, tag) = if call.catches {
            self.caught_result(call, payload, tag)
        } else {
            self.check_result(call, tag);
            (payload, tag)
        };
        self.values.insert(id, payload);
        self.tags.insert(id, tag);
    }

    /// The words of a call's result; those of a handled error have the tag of errors and the
    /// handler's pc.
    fn caught_result(
        &mut self,
        call: &Call,
        payload: ir::Value,
        tag: ir::Value,
    ) -> (ir::Value, ir::Value) {
        let raised = self.word(abi::RAISED);
        let (error, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(error);
        let result = self.b.append_block_param(on, types::I64);
        let is_raised = self.b.ins().icmp(IntCC::Equal, tag, raised);
        self.b.ins().brif(is_raised, error, [].iter(), on, [payload.into()].iter());
        self.b.switch_to_block(error);
        let handler = self.catch(call.frame, call.pc);
        self.b.ins().jump(on, [handler.into()].iter());
        self.b.switch_to_block(on);
        (result, tag)
    }

    /// The handler that takes the error in the context, raised at `pc`; leaves if there is none.
    pub(super) fn catch(&mut self, frame: Option<FrameId>, pc: u32) -> ir::Value {
        let meta = match frame {
            Some(id) => self.input.metas.inlined(id),
            None => self.input.metas.frame,
        };
        let (vm, base, depth) = (self.vm, self.base, self.depth);
        let (meta, pc) = (self.word(meta as u64), self.word(u64::from(pc)));
        let handler = self.call_routine(Routine::Catch, &[vm, base, depth, meta, pc]);
        let left = self.word(abi::LEFT);
        let has_left = self.b.ins().icmp(IntCC::Equal, handler, left);
        let (out, on) = (self.left_block(), self.b.create_block());
        self.b.set_cold_block(on);
        self.b.ins().brif(has_left, out, [].iter(), on, [].iter());
        self.b.switch_to_block(on);
        handler
    }

    /// Goes on if the call gave a result (of the expected type).
    fn check_result(&mut self, call: &Call, tag: ir::Value) {
        let raised = self.word(abi::RAISED);
        let (odd, on) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(odd);
        let Some((ty, exit)) = call.expect else {
            let is_raised = self.b.ins().icmp(IntCC::Equal, tag, raised);
            let error = if mutant!("raised-unchecked") { on } else { odd };
            self.b.ins().brif(is_raised, error, [].iter(), on, [].iter());
            self.b.switch_to_block(odd);
            self.raised(call.frame, call.pc);
            self.b.switch_to_block(on);
            return;
        };
        let expected = match ty {
            Ty::Float => Tag::Float,
            Ty::Bool => Tag::Bool,
            Ty::Char => Tag::Str,
            Ty::Int | Ty::Word | Ty::None => Tag::Int,
        };
        let expected = self.word(expected as u64);
        let is_expected = self.b.ins().icmp(IntCC::Equal, tag, expected);
        let is_checked = !mutant!("result-unchecked");
        let wrong = if is_checked { odd } else { on };
        self.b.ins().brif(is_expected, on, [].iter(), wrong, [].iter());
        self.b.switch_to_block(odd);
        let (error, other) = (self.b.create_block(), self.exit_block(exit, false));
        self.b.set_cold_block(error);
        let is_raised = self.b.ins().icmp(IntCC::Equal, tag, raised);
        self.b.ins().brif(is_raised, error, [].iter(), other, [].iter());
        self.b.switch_to_block(error);
        self.raised(call.frame, call.pc);
        self.b.switch_to_block(on);
    }

    /// Leaves if there is no room for the frames of the inlined calls.
    pub(super) fn room(&mut self, exit: ExitId) {
        if self.func.inline_depth == 0 || mutant!("room-unchecked") {
            return;
        }
        self.stress(exit);
        let limit = self.b.ins().load(types::I32, trusted(), self.vm, abi::CONTEXT_DEPTH_LIMIT);
        let limit = self.b.ins().uextend(types::I64, limit);
        let inlined = self.word(self.func.inline_depth.into());
        let depth = self.b.ins().iadd(self.depth, inlined);
        let is_deep = self.b.ins().icmp(IntCC::UnsignedGreaterThan, depth, limit);
        self.exit_if(is_deep, exit);
        let end = self.slot_address(self.func.n_registers);
        let limit = self.b.ins().load(types::I64, trusted(), self.vm, abi::CONTEXT_STACK_LIMIT);
        let is_over = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        self.exit_if(is_over, exit);
    }

    /// Leaves if no more calls from natives are allowed.
    pub(super) fn enter_body(&mut self, exit: ExitId) {
        let declined = self.call_routine(Routine::EnterBody, &[self.vm]);
        self.exit_if(declined, exit);
    }

    /// Takes a chain apart, or leaves.
    pub(super) fn open_chain(&mut self, (slot, shape, into): (u16, u64, u16), exit: ExitId) {
        let (slot, into) = (self.slot_address(slot), self.slot_address(into));
        let shape = self.word(shape);
        let declined = self.call_routine(Routine::OpenChain, &[self.vm, slot, shape, into]);
        self.exit_if(declined, exit);
    }

    pub(super) fn ret(&mut self, payload: NodeId, tag: NodeId) {
        let (payload, tag) = (self.value(payload), self.value(tag));
        if self.input.form == Form::Framed {
            let vm = self.vm;
            self.call_routine(Routine::Leave, &[vm, payload, tag]);
            let done = self.b.ins().iconst(types::I32, 0);
            self.b.ins().return_(&[done]);
        } else {
            self.b.ins().return_(&[payload, tag]);
        }
    }
}
