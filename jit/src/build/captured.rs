//! Captured variables, cells and closures.

use ruff_runtime::bytecode::Capture;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::objects::function::{Function, FunctionCode};
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::insn::Insn;
use super::state::{Know, Reg};
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Helper, NodeId, Op, Ty};

impl Builder<'_> {
    // ---- captured variables

    /// R[dst] = a captured value of the inlined closure. Its type is expected to be the one that
    /// the next instruction to read it has seen.
    pub(super) fn get_captured(&mut self, dst: u16, upvalue: u16) {
        let Some(env) = self.env() else { return self.step() };
        let at = abi::FUNCTION_UPVALUES + i32::from(upvalue) * abi::VALUE_SIZE;
        self.read_variable(dst, env, at);
    }

    /// R[dst] = the content of a captured cell.
    pub(super) fn get_upvalue(&mut self, dst: u16, upvalue: u16) {
        let Some(env) = self.env() else { return self.step() };
        let at = abi::FUNCTION_UPVALUES + i32::from(upvalue) * abi::VALUE_SIZE;
        let cell = self.add(Op::Load(env, at + abi::PAYLOAD_OFFSET), Ty::Word);
        self.read_variable(dst, cell, abi::CELL_CONTENT);
    }

    /// R[dst] = a closure over the present frame.
    pub(super) fn closure(&mut self, dst: u16, proto: u16) {
        let Some(&code) = self.loaded.children.get(proto as usize) else { return self.step() };
        // SAFETY: code lives as long as the isolate.
        let captures = unsafe { (*code).proto.as_ref() }.map(|loaded| &loaded.proto.captures);
        let has_outer = captures
            .is_some_and(|all| all.iter().any(|capture| matches!(capture, Capture::Upvalue(_))));
        let env = if has_outer { self.env() } else { Some(self.word(0)) };
        let Some(env) = env else { return self.step() };
        self.materialise_all();
        if let Some(captures) = captures
            && let Some(layout) = Function::layout(captures.len())
        {
            let object = self.alloc_closure(code, (captures, env), layout);
            self.define_object(dst, Tag::Function, object);
            return self.state.set(dst, Reg::slot(Know::Function(code as usize)));
        }
        let flow = self.flow;
        for &r in &flow.regs[self.pc as usize].reads {
            self.sync(r);
            let reg = self.state.get(r);
            self.state.set(r, Reg { unique: false, ..reg });
        }
        let word = self.word(code as u64);
        let window = self.add(Op::SlotAddr(self.flow.window), Ty::Word);
        let object = self.add(Op::Help(Helper::Closure, vec![word, window, env]), Ty::Word);
        self.define_object(dst, Tag::Function, object);
        self.state.set(dst, Reg::slot(Know::Function(code as usize)));
    }

    /// Allocates a closure and fills it with copies of the captured variables.
    fn alloc_closure(
        &mut self,
        code: *const FunctionCode,
        (captures, env): (&[Capture], NodeId),
        (size, header): (usize, u64),
    ) -> NodeId {
        let value = |this: &mut Self, capture: &Capture| match *capture {
            Capture::Register(r) => this.take_value(Use::from(this.flow.window + r)),
            Capture::Upvalue(upvalue) => {
                let at = abi::FUNCTION_UPVALUES + i32::from(upvalue) * abi::VALUE_SIZE;
                let tag = this.add(Op::Load(env, at + abi::TAG_OFFSET), Ty::Word);
                let payload = this.add(Op::Load(env, at + abi::PAYLOAD_OFFSET), Ty::Word);
                this.add(Op::RetainPair(tag, payload), Ty::None);
                (tag, payload)
            }
        };
        let values: Vec<_> = captures.iter().map(|capture| value(self, capture)).collect();
        let object = self.add(Op::Alloc(size as u32), Ty::Word);
        self.last_exit = None;
        for (at, bits) in [
            (0, header),
            (abi::FUNCTION_CODE, code as u64),
            (abi::FUNCTION_N_UPVALUES, captures.len() as u64),
        ] {
            let word = self.word(bits);
            self.add(Op::Store(object, at, word), Ty::None);
        }
        for (i, (tag, payload)) in (0..).zip(values) {
            let at = abi::FUNCTION_UPVALUES + i * abi::VALUE_SIZE;
            self.add(Op::Store(object, at + abi::TAG_OFFSET, tag), Ty::None);
            self.add(Op::Store(object, at + abi::PAYLOAD_OFFSET, payload), Ty::None);
        }
        object
    }

    /// R[dst] = a new cell, not assigned yet.
    pub(super) fn new_cell(&mut self, dst: u16) {
        let object = self.add(Op::Help(Helper::NewCell, Vec::new()), Ty::Word);
        self.define_object(dst, Tag::Cell, object);
    }

    /// R[dst] = an object that it owns.
    fn define_object(&mut self, dst: u16, tag: Tag, object: NodeId) {
        self.release(dst);
        let tag = self.word(tag as u64);
        self.add(Op::StorePair(dst, tag, object), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
    }

    /// R[dst] = the content of the cell in a register.
    pub(super) fn get_cell(&mut self, dst: u16, cell: u16) {
        if self.slot_of(cell) != Some(cell) {
            return self.step();
        }
        let cell = self.add(Op::LoadSlot(cell), Ty::Word);
        self.read_variable(dst, cell, abi::CELL_CONTENT);
    }

    /// A captured cell gets a number or bool instead of another one.
    pub(super) fn set_upvalue(&mut self, upvalue: u16, src: Use) {
        let Some(env) = self.env() else { return self.step() };
        let at = abi::FUNCTION_UPVALUES + i32::from(upvalue) * abi::VALUE_SIZE;
        let cell = self.add(Op::Load(env, at + abi::PAYLOAD_OFFSET), Ty::Word);
        self.write_cell(cell, src);
    }

    pub(super) fn set_cell(&mut self, cell: u16, src: Use) {
        if self.slot_of(cell) != Some(cell) {
            return self.step();
        }
        let cell = self.add(Op::LoadSlot(cell), Ty::Word);
        self.write_cell(cell, src);
    }

    fn write_cell(&mut self, cell: NodeId, src: Use) {
        let old = self.add(Op::Load(cell, abi::CELL_CONTENT + abi::TAG_OFFSET), Ty::Word);
        let in_use = self.word(Tag::InUse as u64);
        let is_free = self.add(Op::ICmp(crate::ir::Cond::Ne, old, in_use), Ty::Bool);
        self.guard(is_free, ExitReason::Declined);
        let (tag, payload) = self.take_value(src);
        self.add(Op::ReleaseAt(cell, abi::CELL_CONTENT), Ty::None);
        self.add(Op::Store(cell, abi::CELL_CONTENT + abi::TAG_OFFSET, tag), Ty::None);
        self.add(Op::Store(cell, abi::CELL_CONTENT + abi::PAYLOAD_OFFSET, payload), Ty::None);
        self.last_exit = None;
        if src.is_last {
            self.state.set(src.reg, Reg::EMPTY);
        }
    }

    /// The closure object that runs.
    fn env(&mut self) -> Option<NodeId> {
        if let Some(inlined) = self.inlined.last() {
            return inlined.env;
        }
        if self.is_resumed() {
            return Some(self.generator_closure());
        }
        // Of a typed function it is in the slot below the window.
        (!self.root.proto.captures.is_empty()).then(|| self.add(Op::Closure, Ty::Word))
    }

    fn read_variable(&mut self, dst: u16, object: NodeId, at: i32) {
        let tag = self.add(Op::Load(object, at + abi::TAG_OFFSET), Ty::Word);
        if let Some(ty) = self.expected_use(dst) {
            self.guard_word(tag, super::values::tag_of(ty) as u64, ExitReason::WrongType);
            let node = self.add(Op::Load(object, at + abi::PAYLOAD_OFFSET), ty);
            return self.define(dst, node, ty);
        }
        let special = self.word(Tag::Unassigned as u64);
        let is_value = self.add(Op::Below(tag, special), Ty::Bool);
        let heap = self.word(Tag::FIRST_HEAP);
        let is_immediate = self.add(Op::Below(tag, heap), Ty::Bool);
        let is_heap = self.add(Op::Not(is_immediate), Ty::Bool);
        let is_fine = self.add(Op::Or(is_value, is_heap), Ty::Bool);
        self.guard(is_fine, ExitReason::Declined);
        let payload = self.add(Op::Load(object, at + abi::PAYLOAD_OFFSET), Ty::Word);
        self.add(Op::RetainPair(tag, payload), Ty::None);
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
    }

    /// The type with which the next reader of a register, in the same block, has seen it.
    fn expected_use(&self, r: u16) -> Option<Ty> {
        let mut pc = self.pc + 1;
        while !self.flow.leaders.get(pc as usize).copied().unwrap_or(true) {
            let regs = &self.flow.regs[pc as usize];
            if regs.reads.contains(&r) {
                return self.seen_type(pc, r);
            }
            if regs.writes.contains(&r) {
                return None;
            }
            pc += 1;
        }
        None
    }

    /// The type with which an instruction has seen a register that it reads.
    fn seen_type(&self, pc: u32, r: u16) -> Option<Ty> {
        use super::insn::Operand;
        let site = super::feedback::Site::of(self.proto, pc);
        let is_it = |operand| matches!(operand, Operand::Reg(used) if used.reg == r);
        match self.flow.insns[pc as usize] {
            Insn::Arith { lhs, rhs, .. }
            | Insn::Compare { lhs, rhs, .. }
            | Insn::JumpCompare { lhs, rhs, .. } => {
                if is_it(lhs) {
                    site.lhs()
                } else if is_it(rhs) {
                    site.rhs()
                } else {
                    None
                }
            }
            Insn::GetIndex { index, .. } if index.reg == r => site.rhs(),
            Insn::SetIndex { index, .. } if index.reg == r => site.rhs(),
            _ => None,
        }
    }
}
