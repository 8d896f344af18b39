//! Jumps, counted loops, returns and module variables.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::limits::COLLECTION_LEN;
use ruff_runtime::objects::function::Receiver;
use ruff_runtime::value::{Tag, Value, View};

use super::EntryKind;
use super::builder::Builder;
use super::insn::Operand;
use super::state::{Know, Reg, Val};
use super::values::tag_of;
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, IntOp, NodeId, Op, Term, Ty};

impl Builder<'_> {
    /// Ends the block: to `target` if the condition is `sense`, else on.
    pub(super) fn jump_on(&mut self, cond: NodeId, target: u32, sense: bool) {
        let there = (self.key_of(target), self.state.clone());
        let on = (self.key_of(self.pc + 1), self.state.clone());
        if sense { self.branch(cond, there, on) } else { self.branch(cond, on, there) }
    }

    pub(super) fn jump_truth(&mut self, cond: Use, target: u32, sense: bool) {
        let ty = self.guess_reg(cond.reg, Some(Ty::Bool));
        let Some(ty) = ty else { return self.step() };
        let value = self.want(cond.reg, ty);
        let truth = self.truth_of(value);
        self.done_with(cond);
        self.jump_on(truth, target, sense);
    }

    pub(super) fn jump_compare(
        &mut self,
        cond: Cond,
        lhs: Operand,
        rhs: Operand,
        (target, sense): (u32, bool),
    ) {
        let Some(node) = self.comparison(cond, lhs, rhs) else { return self.step() };
        self.give_up_operands(lhs, rhs);
        self.jump_on(node, target, sense);
    }

    pub(super) fn jump_null(&mut self, src: u16, target: u32, sense: bool) {
        if self.state.get(src).node().is_some() {
            let next = if sense { self.pc + 1 } else { target };
            return self.goto(self.key_of(next));
        }
        self.materialise(src);
        let tag = self.add(Op::LoadTag(src), Ty::Word);
        let null = self.word(Tag::Null as u64);
        let is_null = self.add(Op::ICmp(Cond::Eq, tag, null), Ty::Bool);
        self.jump_on(is_null, target, sense);
    }

    pub(super) fn range_init(&mut self, base: u16, count: u8) {
        let types: Vec<_> =
            (0..u16::from(count)).map(|i| self.guess_reg(base + i, Some(Ty::Int))).collect();
        if count == 0 || count > 3 || types.iter().any(|&ty| ty != Some(Ty::Int)) {
            return self.step();
        }
        let first = self.want(base, Ty::Int);
        let one = self.int(1);
        let (start, stop, step) = match count {
            1 => (self.int(0), first, one),
            2 => (first, self.want(base + 1, Ty::Int), one),
            _ => (first, self.want(base + 1, Ty::Int), self.want(base + 2, Ty::Int)),
        };
        match self.as_const(step).map(|step| step as i64) {
            Some(1) => {}
            Some(step) if step != 0 && step != i64::MIN => {}
            _ => return self.step(),
        }
        self.check_range_len(start, stop);
        self.define(base, start, Ty::Int);
        self.define(base + 1, stop, Ty::Int);
        self.define(base + 2, step, Ty::Int);
    }

    /// Leaves if the range may have more values than a collection: the interpreter decides.
    fn check_range_len(&mut self, start: NodeId, stop: NodeId) {
        let distance = if self.as_const(start) == Some(0) {
            stop
        } else {
            let exit = self.exit(ExitReason::IntOverflow);
            self.add(Op::Checked(IntOp::Sub, stop, start, exit), Ty::Int)
        };
        let limit = self.int(COLLECTION_LEN as i64);
        let least = self.int(-(COLLECTION_LEN as i64));
        let fits = self.add(Op::ICmp(Cond::Le, distance, limit), Ty::Bool);
        self.guard(fits, ExitReason::Declined);
        let fits = self.add(Op::ICmp(Cond::Ge, distance, least), Ty::Bool);
        self.guard(fits, ExitReason::Declined);
    }

    pub(super) fn range_step(&mut self, dst: u16, base: u16, target: u32, at_end: bool) {
        let types = [0, 1, 2].map(|i| self.guess_reg(base + i, Some(Ty::Int)));
        if types.iter().any(|&ty| ty != Some(Ty::Int)) {
            return self.step();
        }
        let left_pc = if at_end { self.pc + 1 } else { target };
        let old = self.state.get(dst);
        if old.node().is_none() && old.know.may_own() && self.is_live(left_pc, dst) {
            return self.step();
        }
        let step = self.want(base + 2, Ty::Int);
        let known = self.as_const(step).map(|step| step as i64);
        let Some(by) = known.or_else(|| self.assume_step(base + 2, step)) else {
            return self.step();
        };
        let (at, end) = (self.want(base, Ty::Int), self.want(base + 1, Ty::Int));
        let cond = if by > 0 { Cond::Lt } else { Cond::Gt };
        let has_more = self.add(Op::ICmp(cond, at, end), Ty::Bool);
        let by_node = self.int(by);
        let next = if by.abs() == 1 {
            // Before the end there is room for one more.
            self.add(Op::Int(IntOp::Add, at, by_node), Ty::Int)
        } else {
            let exit = self.exit(ExitReason::IntOverflow);
            self.add(Op::Checked(IntOp::Add, at, by_node, exit), Ty::Int)
        };
        let (more_pc, left_pc) = if at_end { (target, self.pc + 1) } else { (self.pc + 1, target) };
        let (more_key, left_key) = (self.key_of(more_pc), self.key_of(left_pc));
        // What the code before the branch does to registers is true on both sides of it.
        if self.is_live(left_pc, dst) {
            self.displace(dst);
            self.materialise(dst);
        } else {
            self.release(dst);
        }
        self.displace(base);
        let left = self.state.clone();
        self.define(dst, at, Ty::Int);
        self.define(base, next, Ty::Int);
        let more = self.state.clone();
        self.branch(has_more, (more_key, more), (left_key, left));
    }

    /// A step that is not a constant is taken for 1; another one leaves.
    fn assume_step(&mut self, r: u16, step: NodeId) -> Option<i64> {
        let one = self.int(1);
        let is_one = self.add(Op::ICmp(Cond::Eq, step, one), Ty::Bool);
        self.guard(is_one, ExitReason::WrongType);
        let synced = matches!(self.state.get(r).val, Val::Ssa { synced: true, .. });
        self.state.set(r, Reg::ssa(one, Ty::Int, synced));
        Some(1)
    }

    // ---- returns

    pub(super) fn ret(&mut self, src: Use) {
        if !self.inlined.is_empty() {
            return self.ret_inlined(Some(src));
        }
        if self.is_resumed() {
            return self.end_generator();
        }
        if self.keeps_receiver() && src.reg == 0 {
            return self.ret_receiver();
        }
        let reg = self.state.get(src.reg);
        let (payload, tag) = match (reg.node(), self.slot_of(src.reg)) {
            (Some((node, ty)), _) => {
                (self.add(Op::Bits(node), Ty::Word), self.word(tag_of(ty) as u64))
            }
            (None, slot) => {
                let slot = slot.unwrap_or(src.reg);
                let tag = self.add(Op::LoadTag(slot), Ty::Word);
                let payload = self.add(Op::LoadSlot(slot), Ty::Word);
                if reg.know.may_own() {
                    // The caller gets the register's count.
                    self.add(Op::StoreNull(slot), Ty::None);
                }
                (payload, tag)
            }
        };
        self.state.set(src.reg, Reg::EMPTY);
        self.leave(payload, tag);
    }

    pub(super) fn ret_null(&mut self) {
        if !self.inlined.is_empty() {
            return self.ret_inlined(None);
        }
        if self.is_resumed() {
            return self.end_generator();
        }
        let payload = self.word(0);
        let tag = self.word(Tag::Null as u64);
        self.leave(payload, tag);
    }

    /// Whether the first register may have to survive the frame, as the method leaves it.
    fn keeps_receiver(&self) -> bool {
        self.proto.info.receiver != Receiver::None
    }

    /// Returns a second owner of the receiver.
    fn ret_receiver(&mut self) {
        self.materialise(0);
        self.sync(0);
        let tag = self.add(Op::LoadTag(0), Ty::Word);
        let payload = self.add(Op::LoadSlot(0), Ty::Word);
        self.add(Op::RetainPair(tag, payload), Ty::None);
        self.leave(payload, tag);
    }

    fn leave(&mut self, payload: NodeId, tag: NodeId) {
        if matches!(self.request.entry, EntryKind::Framed { .. }) {
            // The routine that pops the frame releases its registers.
            if self.keeps_receiver() {
                self.materialise(0);
                self.sync(0);
            }
            return self.end(Term::Return(payload, tag));
        }
        let first = if self.keeps_receiver() {
            // Whoever called it sees to the receiver.
            self.materialise(0);
            self.sync(0);
            1
        } else {
            0
        };
        for r in first..self.n_regs() {
            self.release(r);
        }
        self.end(Term::Return(payload, tag));
    }

    // ---- module variables

    /// Reads a module variable, expecting a value of the type that it has now.
    pub(super) fn get_module(&mut self, dst: u16, slot: u16) {
        let Some(address) = self.module_slot(slot) else { return self.step() };
        if let Some(content) = self.fixed(slot) {
            return self.fixed_variable(dst, &content);
        }
        // SAFETY: the slot belongs to the module of the code that is being compiled.
        let tag = unsafe { (*address).tag() };
        if matches!(tag, Tag::Unassigned | Tag::InUse) {
            return self.step();
        }
        let at = self.word(address as u64);
        let found = self.add(Op::Load(at, abi::TAG_OFFSET), Ty::Word);
        let wanted = self.word(tag as u64);
        let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
        self.guard(same, ExitReason::ModuleVariable);
        let ty = match tag {
            Tag::Int => Ty::Int,
            Tag::Float => Ty::Float,
            Tag::Bool => Ty::Bool,
            _ => Ty::Word,
        };
        let payload = self.add(Op::Load(at, abi::PAYLOAD_OFFSET), Ty::Word);
        if ty != Ty::Word {
            let node = self.add(Op::FromBits(payload), ty);
            return self.define(dst, node, ty);
        }
        if tag.is_heap() {
            self.add(Op::Retain(payload), Ty::None);
        }
        self.variable(dst, tag, wanted, payload);
    }

    /// Puts a variable's value into a register.
    fn variable(&mut self, dst: u16, tag: Tag, tag_word: NodeId, payload: NodeId) {
        self.release(dst);
        self.add(Op::StorePair(dst, tag_word, payload), Ty::None);
        let know = match tag {
            Tag::Array => Know::Array(None),
            Tag::Null => Know::Null,
            _ if tag.is_heap() => Know::Any,
            _ => Know::Immediate,
        };
        self.state.set(dst, Reg::slot(know));
    }

    /// The content of a module variable that never gets another one.
    pub(super) fn fixed(&self, slot: u16) -> Option<Value> {
        // SAFETY: modules live as long as the isolate.
        let module = unsafe { self.loaded.module.as_ref()? };
        module.fixed(slot.into())
    }

    /// Reads a module variable that always has this value. The module owns it.
    fn fixed_variable(&mut self, dst: u16, content: &Value) {
        let tag = content.tag();
        let ty = match tag {
            Tag::Int => Ty::Int,
            Tag::Float => Ty::Float,
            Tag::Bool => Ty::Bool,
            _ => Ty::Word,
        };
        let payload = self.add(Op::Const(content.payload()), ty);
        if ty != Ty::Word {
            return self.define(dst, payload, ty);
        }
        if tag.is_heap() {
            self.add(Op::Retain(payload), Ty::None);
        }
        let tag_word = self.word(tag as u64);
        self.variable(dst, tag, tag_word, payload);
        let know = match content.view() {
            View::StructDef(_) => Know::Def(content.payload() as usize),
            View::Function(function) => Know::Function(function.code_ptr() as usize),
            _ => return,
        };
        self.state.set(dst, Reg::slot(know));
    }

    /// The address of a variable of the function's module.
    pub(super) fn module_slot(&self, slot: u16) -> Option<*const Value> {
        abi::module_slot(self.loaded, slot)
    }

    pub(super) fn check_assigned(&mut self, src: u16) {
        let reg = self.state.get(src);
        let is_known = reg.node().is_some()
            || matches!(
                reg.know,
                Know::Int | Know::Float | Know::Bool | Know::Array(_) | Know::Struct(_)
            );
        if is_known {
            return;
        }
        self.materialise(src);
        let tag = self.add(Op::LoadTag(src), Ty::Word);
        let wanted = self.word(Tag::Unassigned as u64);
        let differs = self.add(Op::ICmp(Cond::Ne, tag, wanted), Ty::Bool);
        self.guard(differs, ExitReason::WrongType);
    }
}
