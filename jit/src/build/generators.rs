//! Bodies of generators, and loops over generators.
//!
//! A compiled body is entered where the generator stands: for each such place there is code of
//! its own, up to the next `yield`. Between two requests all live registers are in the
//! generator; those with unboxed types are loaded into nodes, the others move to their home
//! slots in a window above that of whoever makes the request. A `yield` stores them back, unless
//! the generator still has the same value. Types are checked before the request begins, so that
//! the interpreter can answer it instead.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::bytecode::ops::Op as Opcode;
use ruff_runtime::mutant;
use ruff_runtime::value::Tag;

use super::EntryKind;
use super::builder::{Builder, Key};
use super::feedback::Site;
use super::flow::Loop;
use super::insn::Insn;
use super::state::{Know, Reg, State};
use super::values::tag_of;
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Call, Callee, Cond, ExitSite, NodeId, Op, Source, Term, Ty};

/// Where a register is in a generator.
fn saved(r: u16, word: i32) -> i32 {
    i32::from(r) * abi::VALUE_SIZE + word
}

impl Builder<'_> {
    /// Whether the body of a generator is being compiled.
    pub(super) fn is_resumed(&self) -> bool {
        matches!(self.request.entry, EntryKind::Resumed { .. })
    }

    /// The generator whose body is compiled.
    fn generator(&self) -> NodeId {
        self.func.blocks[0].params[0]
    }

    pub(super) fn generator_closure(&mut self) -> NodeId {
        self.add(Op::Load(self.generator(), abi::GENERATOR_CLOSURE), Ty::Word)
    }

    /// Whether control can come back to the header of a loop within one request.
    pub(super) fn is_cycle(&self, range: Loop) -> bool {
        if !self.is_resumed() || !self.inlined.is_empty() {
            return true;
        }
        let mut seen = vec![false; self.flow.words.len()];
        let mut work = vec![range.header];
        while let Some(pc) = work.pop() {
            if std::mem::replace(&mut seen[pc as usize], true) {
                continue;
            }
            if self.flow.words[pc as usize].op() == Opcode::Yield {
                continue;
            }
            let handlers = self.proto.handlers.iter();
            let around = handlers.filter(|h| h.start <= pc && pc < h.end).map(|h| h.target);
            let next = self.flow.falls_through(pc).then_some(pc + 1);
            for to in around.chain(self.flow.target(pc)).chain(next) {
                if to == range.header {
                    return true;
                }
                if range.contains(to) {
                    work.push(to);
                }
            }
        }
        false
    }

    /// Takes the registers out of the generator, which goes on at `pc`.
    pub(super) fn enter_resumed(&mut self, pc: u32, tags: &[Tag]) {
        self.pc = pc;
        let generator = self.func.new_node(Op::Param, Ty::Word);
        self.func.blocks[0].params.push(generator);
        self.func.params.push(Ty::Word);
        self.state = State::new(self.proto.n_registers, Know::Immediate);
        let registers = self.add(Op::Load(generator, abi::GENERATOR_REGISTERS), Ty::Word);
        let (live, dead): (Vec<u16>, Vec<u16>) =
            (0..self.n_regs()).partition(|&r| self.is_live(pc, r));
        let may_speculate = self.feedback.may_hoist(pc);
        let typed = |r: u16| {
            let ty = match tags.get(usize::from(r))? {
                Tag::Int => Ty::Int,
                Tag::Float => Ty::Float,
                Tag::Bool => Ty::Bool,
                _ => return None,
            };
            may_speculate.then_some(ty)
        };
        let (reason, frame) = (ExitReason::Hoisted, None);
        let exit = self.new_exit(ExitSite { pc, site: pc, reason, writes: Vec::new(), frame });
        for &r in &live {
            let Some(ty) = typed(r) else { continue };
            let tag = self.add(Op::Load(registers, saved(r, abi::TAG_OFFSET)), Ty::Word);
            let wanted = self.word(tag_of(ty) as u64);
            let same = self.add(Op::ICmp(Cond::Eq, tag, wanted), Ty::Bool);
            self.add(Op::Expect(same, exit), Ty::None);
        }
        self.add(Op::BeginRequest(generator, dead), Ty::None);
        for &r in &live {
            if let Some(ty) = typed(r) {
                let node = self.add(Op::Load(registers, saved(r, abi::PAYLOAD_OFFSET)), ty);
                self.state.set(r, Reg::ssa(node, ty, false));
                self.entered.insert(r, node);
                continue;
            }
            let tag = self.add(Op::Load(registers, saved(r, abi::TAG_OFFSET)), Ty::Word);
            let payload = self.add(Op::Load(registers, saved(r, abi::PAYLOAD_OFFSET)), Ty::Word);
            self.add(Op::StorePair(r, tag, payload), Ty::None);
            let null = self.word(Tag::Null as u64);
            self.add(Op::Store(registers, saved(r, abi::TAG_OFFSET), null), Ty::None);
            self.state.set(r, Reg::slot(Know::Any));
        }
        self.entry_loops = self.flow.loops_around(pc);
        let is_header = self.entry_loops.last().is_some_and(|l| l.header == pc);
        let level = self.entry_loops.len() as u32 - u32::from(is_header);
        self.check_room(pc);
        self.goto(Key::new(level, pc));
    }

    /// Answers the request; the generator goes on behind the instruction, where `dst` is null.
    pub(super) fn yield_value(&mut self, dst: u16, src: Use) {
        let (payload, tag) = self.yielded(src);
        self.materialise_all();
        self.release(dst);
        let generator = self.generator();
        let registers = self.add(Op::Load(generator, abi::GENERATOR_REGISTERS), Ty::Word);
        let flow = self.flow;
        let pc = self.pc + 1;
        for r in 0..self.n_regs() {
            let reg = self.state.get(r);
            if !flow.is_live(pc, r) {
                self.release(r);
                continue;
            }
            let (tag, payload) = match reg.node() {
                Some(_) if mutant!("yield-not-saved") => continue,
                Some((node, _)) if self.entered.get(&r) == Some(&node) => continue,
                Some((node, ty)) => {
                    (self.word(tag_of(ty) as u64), self.add(Op::Bits(node), Ty::Word))
                }
                None if r == dst => (self.word(Tag::Null as u64), self.word(0)),
                None => {
                    let tag = self.add(Op::LoadTag(r), Ty::Word);
                    (tag, self.add(Op::LoadSlot(r), Ty::Word))
                }
            };
            self.add(Op::Store(registers, saved(r, abi::TAG_OFFSET), tag), Ty::None);
            self.add(Op::Store(registers, saved(r, abi::PAYLOAD_OFFSET), payload), Ty::None);
            if reg.node().is_none() && reg.know.may_own() {
                self.add(Op::StoreNull(r), Ty::None);
            }
        }
        let pc = pc + u32::from(mutant!("yield-wrong-place"));
        let next = self.word(self.loaded.call.code.wrapping_add(pc as usize) as u64);
        self.add(Op::EndRequest(generator, next), Ty::None);
        self.end(Term::Return(payload, tag));
    }

    /// The words of the value that is handed out.
    fn yielded(&mut self, src: Use) -> (NodeId, NodeId) {
        let reg = self.state.get(src.reg);
        if let Some((node, ty)) = reg.node() {
            let payload = self.add(Op::Bits(node), Ty::Word);
            if src.is_last {
                self.state.set(src.reg, Reg::EMPTY);
            }
            return (payload, self.word(tag_of(ty) as u64));
        }
        self.materialise(src.reg);
        let may_own = self.state.get(src.reg).know.may_own();
        let tag = self.add(Op::LoadTag(src.reg), Ty::Word);
        let payload = self.add(Op::LoadSlot(src.reg), Ty::Word);
        if !src.is_last && may_own {
            self.add(Op::RetainPair(tag, payload), Ty::None);
        } else if may_own {
            self.add(Op::StoreNull(src.reg), Ty::None);
        }
        if src.is_last {
            self.state.set(src.reg, Reg::EMPTY);
        }
        (payload, tag)
    }

    /// The body returns; what it returns is ignored.
    pub(super) fn end_generator(&mut self) {
        self.materialise_all();
        for r in 0..self.n_regs() {
            self.release(r);
        }
        let generator = self.generator();
        self.add(Op::EndGenerator(generator), Ty::None);
        let (payload, tag) = (self.word(0), self.word(abi::ENDED));
        self.end(Term::Return(payload, tag));
    }

    // ---- loops over generators

    /// Whether a loop is expected to go over a generator.
    pub(super) fn is_over_generator(&self, base: u16) -> bool {
        match self.state.get(base).know {
            Know::Generator => self.state.get(base).node().is_none(),
            Know::Any => self.init_of(self.pc, base).is_some_and(Site::is_over_generator),
            _ => false,
        }
    }

    /// Whether an instruction is the step of a loop over what is known to be a generator.
    pub(super) fn is_request(&self, insn: &Insn) -> bool {
        match *insn {
            Insn::IterStep { base, .. } => self.state.get(base).know == Know::Generator,
            _ => false,
        }
    }

    /// As `iter_step`, by a request to the generator in `base`.
    pub(super) fn request_step(&mut self, dst: u16, base: u16, (target, at_end): (u32, bool)) {
        self.want_object(base, Tag::Generator, Know::Generator, ExitReason::WrongType);
        self.materialise_all();
        let generator = self.add(Op::LoadSlot(base), Ty::Word);
        let (more_pc, left_pc) = if at_end { (target, self.pc + 1) } else { (self.pc + 1, target) };
        let depth = self.exit(ExitReason::CallDepth);
        let catches = self.is_handled();
        let call = Call {
            callee: Callee::Generator,
            window: self.n_regs(),
            args: vec![generator],
            pc: self.pc,
            depth,
            expect: None,
            frame: self.frame_id(),
            catches,
        };
        let payload = self.add(Op::Call(Box::new(call)), Ty::Word);
        let tag = self.add(Op::CallTag(payload), Ty::Word);
        self.last_exit = None;
        if catches {
            self.request_caught(payload, tag);
        }
        let ended = self.word(abi::ENDED);
        let has_ended = self.add(Op::ICmp(Cond::Eq, tag, ended), Ty::Bool);
        let (left, more) = self.split(has_ended);
        let state = self.state.clone();
        self.block = left;
        self.goto(self.key_of(left_pc));
        (self.block, self.state, self.is_done, self.last_exit) = (more, state, false, None);
        if !self.is_stable {
            return;
        }
        self.answered(dst, (payload, tag), more_pc);
        self.goto(self.key_of(more_pc));
    }

    /// Brings a generator's answer to its register.
    fn answered(&mut self, dst: u16, (payload, tag): (NodeId, NodeId), next: u32) {
        let expected = Site::of(self.proto, self.pc).result();
        let Some(ty) = expected.filter(|_| self.may_speculate(self.pc)) else {
            self.release(dst);
            self.add(Op::StorePair(dst, tag, payload), Ty::None);
            return self.state.set(dst, Reg::slot(Know::Any));
        };
        let mut writes = self.exit_writes(next, &self.state);
        writes.retain(|&(r, _)| r != dst);
        writes.push((dst, Source::Pair(payload, tag)));
        let (site, reason, frame) = (self.pc, ExitReason::WrongResult, self.frame_id());
        let exit = self.new_exit(ExitSite { pc: next, site, reason, writes, frame });
        let wanted = self.word(tag_of(ty) as u64);
        let fits = self.add(Op::ICmp(Cond::Eq, tag, wanted), Ty::Bool);
        self.add(Op::Guard(fits, exit), Ty::None);
        let node = self.add(Op::FromBits(payload), ty);
        self.define(dst, node, ty);
    }
}
