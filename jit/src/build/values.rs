//! Registers: reading them as typed values, defining, moving and releasing them; exits, and
//! steps through the interpreter.

use ruff_runtime::bytecode::Const;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::bytecode::ops::{Effects, Op as Opcode};
use ruff_runtime::mutant;
use ruff_runtime::natives;
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::insn::{Insn, Operand, Target};
use super::state::{Know, Reg, State, Val};
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, ExitId, ExitSite, NodeId, Op, Source, Term, Ty};

/// The tag of values of a representation.
pub(super) fn tag_of(ty: Ty) -> Tag {
    match ty {
        Ty::Int => Tag::Int,
        Ty::Float => Tag::Float,
        Ty::Bool => Tag::Bool,
        Ty::Char => Tag::Str,
        Ty::Word | Ty::None => Tag::Null,
    }
}

impl Builder<'_> {
    // ---- reading

    /// The representation in which an operand comes, or is expected to come.
    pub(super) fn guess(&self, operand: Operand, profiled: Option<Ty>) -> Option<Ty> {
        match operand {
            Operand::Reg(r) => self.guess_reg(r.reg, profiled),
            Operand::Const(index) => match self.proto.consts[index as usize] {
                Const::Int(_) => Some(Ty::Int),
                Const::Float(_) => Some(Ty::Float),
                Const::Bool(_) => Some(Ty::Bool),
                Const::Null | Const::None | Const::Str(_) => None,
            },
        }
    }

    pub(super) fn guess_reg(&self, r: u16, profiled: Option<Ty>) -> Option<Ty> {
        let reg = self.state.get(r);
        match (reg.ty(), reg.know) {
            (Some(ty), _) => Some(ty),
            (None, Know::Any | Know::Immediate) => profiled,
            (None, _) => None,
        }
    }

    /// An operand as a node of the type that [`Builder::guess`] gave.
    pub(super) fn operand(&mut self, operand: Operand, ty: Ty) -> NodeId {
        match operand {
            Operand::Reg(r) => self.want(r.reg, ty),
            Operand::Const(index) => match self.proto.consts[index as usize] {
                Const::Int(v) => self.int(v),
                Const::Float(v) => self.constant(v.to_bits(), Ty::Float),
                Const::Bool(v) => self.constant(u64::from(v), Ty::Bool),
                Const::Null | Const::None | Const::Str(_) => self.constant(0, ty),
            },
        }
    }

    /// A register's value as a node; leaves if it has another type.
    pub(super) fn want(&mut self, r: u16, ty: Ty) -> NodeId {
        if let Some((node, _)) = self.state.get(r).node() {
            return node;
        }
        self.materialise(r);
        if self.state.get(r).know.ty() != Some(ty) {
            self.guard_tag(r, tag_of(ty), ExitReason::WrongType);
        }
        let node = self.add(Op::LoadSlot(r), ty);
        self.state.set(r, Reg::ssa(node, ty, true));
        node
    }

    // ---- writing

    /// The register's new value is a node; what its home slot held is released.
    pub(super) fn define(&mut self, dst: u16, node: NodeId, ty: Ty) {
        self.release(dst);
        self.state.set(dst, Reg::ssa(node, ty, false));
    }

    /// Gives up the register's value; its home slot then owns nothing.
    pub(super) fn release(&mut self, r: u16) {
        self.displace(r);
        self.last_exit = None;
        let reg = self.state.get(r);
        match reg.val {
            Val::Slot if reg.know.may_own() => {
                self.add(Op::Release(r), Ty::None);
            }
            Val::Moved(from) => {
                self.add(Op::Release(from), Ty::None);
            }
            Val::Slot | Val::Ssa { .. } | Val::Alias(_) => {}
        }
        self.state.set(r, Reg::EMPTY);
    }

    /// Empties the registers from `first` on, so that a call can use them as its window.
    pub(super) fn empty_above(&mut self, first: u16) {
        (first..self.n_regs()).for_each(|r| self.release(r));
    }

    /// After a use: gives the operand up if it was its last one.
    pub(super) fn done_with(&mut self, operand: Use) {
        if operand.is_last {
            self.release(operand.reg);
        }
    }

    /// Does a move or copy that was put off.
    pub(super) fn materialise(&mut self, r: u16) {
        let reg = self.state.get(r);
        if let Val::Alias(from) = reg.val {
            self.state.set(r, Reg::EMPTY);
            return self.copy_slot(r, from);
        }
        if let Val::Moved(from) = reg.val {
            self.add(Op::MoveSlot(r, from), Ty::None);
            self.last_exit = None;
            self.state.set(r, Reg { val: Val::Slot, ..reg });
        }
    }

    /// Does the moves and copies that were put off out of the register's home slot.
    pub(super) fn displace(&mut self, r: u16) {
        while let Some(other) = self.state.moved_from(r) {
            self.materialise(other);
        }
    }

    pub(super) fn materialise_all(&mut self) {
        for r in 0..self.n_regs() {
            self.materialise(r);
        }
    }

    /// Writes a register's unboxed value to its home slot too.
    pub(super) fn sync(&mut self, r: u16) {
        let reg = self.state.get(r);
        if let Val::Ssa { node, ty, synced: false } = reg.val {
            self.add(Op::StoreSlot(r, node), Ty::None);
            let is_object = ty == Ty::Char;
            let new = if is_object { Reg::slot(Know::Str) } else { Reg::ssa(node, ty, true) };
            self.state.set(r, new);
        }
    }

    /// Makes the window look as the interpreter expects it before the present instruction.
    pub(super) fn sync_live(&mut self) {
        self.materialise_all();
        for r in 0..self.n_regs() {
            if self.is_live(self.pc, r) {
                self.sync(r);
            }
        }
    }

    pub(super) fn mov(&mut self, dst: u16, src: Use) {
        let from = self.state.get(src.reg);
        if dst == src.reg {
            return;
        }
        if let Some(ty) = from.ty() {
            let node = self.want(src.reg, ty);
            self.define(dst, node, ty);
            if src.is_last {
                self.state.set(src.reg, Reg::EMPTY);
            }
            return;
        }
        if src.is_last && from.know.may_own() {
            return self.move_owned(dst, src.reg);
        }
        self.materialise(src.reg);
        self.release(dst);
        if self.is_callee_copy(dst, src.reg) {
            return self.state.set(dst, Reg { val: Val::Alias(src.reg), ..Reg::EMPTY });
        }
        self.copy_slot(dst, src.reg);
    }

    /// Makes an empty register a second owner of what is in a home slot.
    pub(super) fn copy_slot(&mut self, dst: u16, src: u16) {
        let from = self.state.get(src);
        if from.know.may_own() {
            self.add(Op::RetainSlot(src), Ty::None);
            self.last_exit = None;
        }
        let tag = self.add(Op::LoadTag(src), Ty::Word);
        let payload = self.add(Op::LoadSlot(src), Ty::Word);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        let shared = Reg { val: Val::Slot, unique: false, ..from };
        self.state.set(src, shared);
        self.state.set(dst, shared);
    }

    /// Whether the present copy of a register is only there to be called, later in the block,
    /// or to have a method selected.
    fn is_callee_copy(&self, dst: u16, src: u16) -> bool {
        let next = self.flow.insns.get(self.pc as usize + 1);
        if matches!(next, Some(&Insn::SelectMethod { reg, .. }) if reg == dst) {
            return true;
        }
        for pc in self.pc + 1..self.flow.insns.len() as u32 {
            if self.flow.leaders[pc as usize] {
                return false;
            }
            if let Insn::Call { first, target: Target::Register, .. } = self.flow.insns[pc as usize]
                && first == dst
            {
                return true;
            }
            let regs = &self.flow.regs[pc as usize];
            let is_touched = regs.reads.contains(&dst)
                || [dst, src].iter().any(|r| regs.writes.contains(r))
                || regs.window.is_some_and(|first| first <= dst);
            if is_touched {
                return false;
            }
        }
        false
    }

    /// Puts the physical move off: it is often undone right away (`xs := push(xs, v)`).
    pub(super) fn move_owned(&mut self, dst: u16, src: u16) {
        let from = self.state.get(src);
        let slot = self.slot_of(src).unwrap_or(src);
        self.state.set(src, Reg::EMPTY);
        if slot == dst {
            self.state.set(dst, Reg { val: Val::Slot, ..from });
            return;
        }
        // The value is out of reach of `release(dst)`: it sits in the slot of neither.
        self.state.set(src, Reg { val: Val::Moved(slot), ..from });
        self.release(dst);
        let at = match self.state.get(src).val {
            Val::Moved(slot) => Val::Moved(slot),
            Val::Slot | Val::Ssa { .. } | Val::Alias(_) => Val::Moved(src),
        };
        self.state.set(src, Reg::EMPTY);
        self.state.set(dst, Reg { val: at, ..from });
    }

    pub(super) fn load_const(&mut self, dst: u16, index: u16) {
        let operand = Operand::Const(index);
        if let Some(ty) = self.guess(operand, None) {
            let node = self.operand(operand, ty);
            return self.define(dst, node, ty);
        }
        let value = &self.loaded.consts[index as usize];
        let (tag, payload, is_heap) = (value.tag(), value.payload(), value.is_heap());
        self.release(dst);
        let payload = self.word(payload);
        if is_heap {
            self.add(Op::Retain(payload), Ty::None);
        }
        let tag_word = self.word(tag as u64);
        self.add(Op::StorePair(dst, tag_word, payload), Ty::None);
        let know = match tag {
            Tag::Null => Know::Null,
            _ if is_heap => Know::Any,
            _ => Know::Immediate,
        };
        self.state.set(dst, Reg::slot(know));
    }

    // ---- leaving

    /// An exit that resumes before the present instruction.
    pub(super) fn exit(&mut self, reason: ExitReason) -> ExitId {
        if let Some((pc, last, exit)) = self.last_exit
            && pc == self.pc
            && last == reason
        {
            return exit;
        }
        // The check of a hoisted fact resumes behind the header, or it would come here again.
        let is_header = matches!(self.flow.insns[self.pc as usize], Insn::LoopHeader);
        let is_hoisted = matches!(reason, ExitReason::Hoisted | ExitReason::LargeInt) && is_header;
        let pc = if is_hoisted { self.pc + 1 } else { self.pc };
        let writes = self.exit_writes(self.pc, &self.state);
        let frame = self.frame_id();
        let exit = self.new_exit(ExitSite { pc, site: self.pc, reason, writes, frame });
        self.last_exit = Some((self.pc, reason, exit));
        exit
    }

    pub(super) fn new_exit(&mut self, site: ExitSite) -> ExitId {
        self.func.exits.push(site);
        ExitId(self.func.exits.len() as u32 - 1)
    }

    /// What an exit has to write so that the interpreter can go on at `pc`.
    pub(super) fn exit_writes(&self, pc: u32, state: &State) -> Vec<(u16, Source)> {
        let mut writes = Vec::new();
        for r in 0..state.regs.len() as u16 {
            match state.get(r).val {
                Val::Ssa { node, synced: false, .. }
                    if self.is_live(pc + u32::from(mutant!("exit-live-behind")), r) =>
                {
                    writes.push((r, Source::Node(node)));
                }
                Val::Moved(_) if mutant!("exit-forgets-moves") => {}
                Val::Moved(from) => writes.push((r, Source::Slot(from))),
                Val::Alias(from) => writes.push((r, Source::Copy(from))),
                Val::Slot | Val::Ssa { .. } => {}
            }
        }
        writes
    }

    /// Runs the present instruction through the interpreter, or leaves if it never ran.
    pub(super) fn step(&mut self) {
        let word = self.flow.words[self.pc as usize];
        let effects = word.op().info().effects;
        let is_cold = effects.has(Effects::PROFILED)
            && !Site::of(self.proto, self.pc).has_run()
            && !matches!(self.flow.insns[self.pc as usize], Insn::LoopHeader)
            && !self.never_returns();
        if is_cold && !self.request.is_eager && self.feedback.may_leave(self.pc) {
            let exit = self.exit(ExitReason::NotProfiled);
            return self.end(Term::Exit(exit));
        }
        if let Some(first) = self.flow.regs[self.pc as usize].window {
            self.empty_above(first);
        }
        let next = if self.is_direct() {
            self.sync_reads();
            self.add(Op::Direct(self.pc, self.frame_id(), self.is_handled()), Ty::Word)
        } else {
            if self.refuse_inline() {
                return;
            }
            self.sync_live();
            self.add(Op::Step(self.pc, self.is_handled()), Ty::Word)
        };
        self.step_caught(next);
        if matches!(self.flow.insns[self.pc as usize], Insn::Method { .. }) && self.is_direct() {
            // The routine leaves what needs a frame to the interpreter.
            let here = self.word(u64::from(self.pc));
            let is_done = self.add(Op::ICmp(Cond::Ne, next, here), Ty::Bool);
            self.last_exit = None;
            self.guard(is_done, ExitReason::Declined);
        }
        self.after_step();
        let target = self.flow.target(self.pc);
        if self.never_returns() || !self.flow.falls_through(self.pc) && target.is_none() {
            // It raised or returned; control does not come here.
            let exit = self.exit_at(self.pc, ExitReason::Declined);
            return self.end(Term::Exit(exit));
        }
        if let Some(target) = target {
            let wanted = self.word(u64::from(target));
            let jumps = self.add(Op::ICmp(Cond::Eq, next, wanted), Ty::Bool);
            self.materialise_all();
            let (yes, no) = (self.key_of(target), self.key_of(self.pc + 1));
            self.branch(jumps, (yes, self.state.clone()), (no, self.state.clone()));
        }
    }

    /// Whether the present instruction calls a native that only raises.
    fn never_returns(&self) -> bool {
        match self.flow.insns[self.pc as usize] {
            Insn::Native { native, .. } | Insn::NativeOne { native, .. } => {
                natives::get(u32::from(native)).result == "never"
            }
            _ => false,
        }
    }

    /// An exit at a pc before which everything is in its home slot.
    fn exit_at(&mut self, pc: u32, reason: ExitReason) -> ExitId {
        let frame = self.frame_id();
        self.new_exit(ExitSite { pc, site: self.pc, reason, writes: Vec::new(), frame })
    }

    /// What is known of the registers after the interpreter ran the present instruction.
    fn after_step(&mut self) {
        let flow = self.flow;
        let regs = &flow.regs[self.pc as usize];
        for &r in &regs.reads {
            let reg = self.state.get(r);
            self.state.set(r, Reg { unique: reg.unique && mutant!("step-keeps-unique"), ..reg });
        }
        for &r in &regs.writes {
            self.state.set(r, Reg::slot(Know::Any));
        }
        for &r in &regs.emptied {
            self.state.set(r, Reg::EMPTY);
        }
        if let Some(first) = regs.window {
            (first..self.n_regs()).for_each(|r| self.state.set(r, Reg::EMPTY));
        }
        // A register that is both emptied and written holds the result.
        let is_array = flow.words[self.pc as usize].op() == Opcode::NewArray;
        for r in self.defs() {
            let know = if is_array { Know::Array(None) } else { Know::Any };
            self.state.set(r, Reg { unique: is_array, ..Reg::slot(know) });
        }
    }

    /// The registers in `Def` and `Update` operands of the present instruction.
    fn defs(&self) -> Vec<u16> {
        use ruff_runtime::bytecode::operand::AnyOperand;
        let word = self.flow.words[self.pc as usize];
        let def = |operand| match operand {
            AnyOperand::Def(r) => Some(r.0),
            AnyOperand::Update(r) => Some(r.0),
            _ => None,
        };
        word.operands().filter_map(|(_, operand)| def(operand)).collect()
    }
}
