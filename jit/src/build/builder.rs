//! The driver of the build: keys, blocks, the order of work.
//!
//! A key is an instruction and a level. Level 0 is ordinary code. Code that is entered in the
//! middle of a loop nest first runs the rest of each enclosing loop's body in a copy of its own
//! (level n: inside what remains of the n-th loop around the entry), so that every loop, when
//! control comes back to its header, is entered at the header.

use std::collections::{BTreeMap, HashMap, HashSet};

use ruff_runtime::bytecode::FunctionProto;
use ruff_runtime::objects::function::LoadedProto;
use ruff_runtime::value::Tag;

use super::feedback::Feedback;
use super::flow::{Flow, Loop};
use super::inline::{Flows, Inlined, MAX_INLINED, PC_MASK};
use super::insn::Insn;
use super::state::{Know, Reg, State, Val};
use super::{EntryKind, Request};
use crate::exit_reason::ExitReason;
use crate::ir::{BlockId, Cond, EdgeId, ExitId, Func, NodeId, Op, Term, Ty};

/// An instruction in one of the copies of its loop nest, or in calls inlined there. Orders by
/// the order of work: an inlined call comes between its call and the next instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Key {
    /// Deeper levels first.
    pub outer: std::cmp::Reverse<u32>,
    pub pc: u32,
    /// In inlined calls, outermost first: 1 + pc, and above it the variant; 0 for none.
    pub inner: [u32; MAX_INLINED],
}

impl Key {
    pub fn new(level: u32, pc: u32) -> Key {
        Key { outer: std::cmp::Reverse(level), pc, inner: [0; MAX_INLINED] }
    }

    pub fn level(self) -> u32 {
        self.outer.0
    }

    /// The instruction in its own function.
    pub fn at(self) -> u32 {
        let last = self.inner.iter().rfind(|&&at| at != 0);
        last.map_or(self.pc, |&at| (at & PC_MASK) - 1)
    }
}

/// How a register must be kept at a loop header because a back edge disagreed with the entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// In its home slot, of which only this is known.
    Slot(Know),
    /// In a block parameter.
    Param,
}

/// Registers that must be kept more generally at loop headers than the loop's entry suggests.
#[derive(Default, Debug)]
pub struct Widened {
    pub kept: HashMap<(Key, u16), Kept>,
    /// Calls that are not inlined because an instruction in them has no typed lowering.
    pub not_inlined: HashSet<Key>,
}

/// A loop header that has been built.
pub(super) struct Header {
    pub block: BlockId,
    pub state: State,
}

/// An edge whose target has not been built yet.
pub(super) struct Pending {
    pub edge: EdgeId,
    pub state: State,
}

pub(super) struct Builder<'a> {
    pub request: &'a Request<'a>,
    /// The function under compilation.
    pub root: &'a LoadedProto,
    pub root_flow: &'a Flow,
    pub loaded: &'a LoadedProto,
    pub proto: &'a FunctionProto,
    pub flow: &'a Flow,
    pub flows: &'a Flows,
    pub feedback: &'a Feedback,
    /// The inlined calls around the present instruction, outermost first.
    pub inlined: Vec<Inlined<'a>>,
    /// All inlined calls, by the key of the call and the variant.
    pub inlines: HashMap<(Key, u32), Inlined<'a>>,
    /// Instructions of all inlined calls.
    pub n_inlined: usize,
    pub widened: &'a mut Widened,
    pub func: Func,
    pub pending: BTreeMap<Key, Vec<Pending>>,
    pub headers: HashMap<Key, Header>,
    /// The loops around the entry, outermost first.
    pub entry_loops: Vec<Loop>,
    /// The registers that were loaded from the generator at the entry of its body.
    pub entered: HashMap<u16, NodeId>,
    pub block: BlockId,
    pub state: State,
    pub pc: u32,
    pub level: u32,
    /// The block has its end.
    pub is_done: bool,
    pub is_stable: bool,
    /// The last exit site, for guards of the same instruction.
    pub last_exit: Option<(u32, ExitReason, ExitId)>,
}

/// Builds once; false if the result is to be thrown away and built again.
pub(super) fn attempt(
    request: &Request<'_>,
    loaded: &LoadedProto,
    (flow, flows): (&Flow, &Flows),
    widened: &mut Widened,
) -> (Func, bool) {
    let mut builder = Builder {
        request,
        root: loaded,
        root_flow: flow,
        loaded,
        proto: &loaded.proto,
        flow,
        flows,
        feedback: request.feedback,
        inlined: Vec::new(),
        inlines: HashMap::new(),
        n_inlined: 0,
        widened,
        func: Func { is_chain: is_chain(request), ..Func::default() },
        pending: BTreeMap::new(),
        headers: HashMap::new(),
        entry_loops: Vec::new(),
        entered: HashMap::new(),
        block: BlockId(0),
        state: State::new(loaded.proto.n_registers, Know::Immediate),
        pc: 0,
        level: 0,
        is_done: false,
        is_stable: true,
        last_exit: None,
    };
    builder.enter();
    while let Some((key, edges)) = builder.pending.pop_first() {
        builder.build_block(key, edges);
        if !builder.is_stable {
            break;
        }
    }
    builder.func.n_registers = builder.func.n_registers.max(loaded.proto.n_registers);
    (builder.func, builder.is_stable)
}

impl Builder<'_> {
    /// Builds the entry block and leads it to the first instruction.
    fn enter(&mut self) {
        self.block = self.func.new_block(0);
        match &self.request.entry {
            EntryKind::Typed(params) => {
                let params = params.clone();
                for (i, ty) in params.iter().enumerate() {
                    let reg = match ty {
                        Some(ty) => {
                            let node = self.func.new_node(Op::Param, *ty);
                            self.func.blocks[0].params.push(node);
                            self.func.params.push(*ty);
                            Reg::ssa(node, *ty, false)
                        }
                        None => Reg::slot(Know::Any),
                    };
                    self.state.set(i as u16, reg);
                }
                self.check_room(0);
                self.goto(Key::new(0, 0));
            }
            EntryKind::Framed { pc, tags } => {
                let (pc, tags) = (*pc, tags.clone());
                self.pc = pc;
                self.entry_loops = self.flow.loops_around(pc);
                let is_header = self.entry_loops.last().is_some_and(|l| l.header == pc);
                let level = self.entry_loops.len() as u32 - u32::from(is_header);
                self.enter_framed(pc, &tags);
                self.check_room(pc);
                self.goto(Key::new(level, pc));
            }
            EntryKind::Resumed { pc, tags } => self.enter_resumed(*pc, &tags.clone()),
        }
    }

    /// Checks that registers have the types that they had when the code was compiled.
    fn enter_framed(&mut self, pc: u32, tags: &[Tag]) {
        self.state = State::new(self.proto.n_registers, Know::Any);
        let (live, dead): (Vec<u16>, Vec<u16>) =
            (0..self.n_regs()).partition(|&r| self.is_live(pc, r));
        // First, so that what is loaded need not survive the calls that release.
        for r in dead {
            if pc == 0 && r as usize >= self.n_args() {
                // Above the arguments a new frame owns nothing.
                self.state.set(r, Reg::EMPTY);
            } else {
                // Dead registers hold nothing; a release makes sure of it.
                self.release(r);
            }
        }
        if !self.feedback.may_hoist(pc) {
            return;
        }
        for r in live {
            let tag = tags.get(r as usize).copied().unwrap_or(Tag::Null);
            let ty = match tag {
                Tag::Int => Ty::Int,
                Tag::Float => Ty::Float,
                Tag::Bool => Ty::Bool,
                _ => continue,
            };
            self.guard_tag(r, tag, ExitReason::Hoisted);
            let node = self.add(Op::LoadSlot(r), ty);
            self.state.set(r, Reg::ssa(node, ty, true));
        }
    }

    /// Registers that a call fills.
    fn n_args(&self) -> usize {
        let info = &self.proto.info;
        info.n_params as usize + 2
    }

    fn build_block(&mut self, key: Key, edges: Vec<Pending>) {
        self.enter_key(key);
        self.last_exit = None;
        self.block = self.func.new_block(key.pc);
        self.is_done = false;
        self.merge(edges);
        if self.is_outside(key.pc) {
            let exit = self.exit(ExitReason::LeftLoop);
            return self.end(Term::Exit(exit));
        }
        if let Some(range) = self.flow.loop_of(self.pc)
            && self.is_cycle(range)
        {
            self.enter_loop(key, range);
        }
        if !self.is_stable {
            return;
        }
        loop {
            self.last_exit = None;
            let pc = self.pc;
            self.instruction(self.flow.insns[pc as usize]);
            if self.is_done || !self.is_stable {
                return;
            }
            // Some lowerings cover the instructions that follow too.
            self.pc += 1;
            if self.flow.leaders[self.pc as usize] {
                let key = self.key_of(self.pc);
                self.goto(key);
                return;
            }
        }
    }

    /// Whether the instruction is outside the loop at whose header the code is entered.
    fn is_outside(&self, pc: u32) -> bool {
        match &self.request.entry {
            EntryKind::Framed { pc: entry, .. } => {
                self.entry_loops.last().is_some_and(|l| l.header == *entry && !l.contains(pc))
            }
            EntryKind::Typed(_) | EntryKind::Resumed { .. } => false,
        }
    }

    fn instruction(&mut self, insn: Insn) {
        let may_speculate = match insn {
            Insn::StorePlace { .. } | Insn::UpdatePlace { .. } => {
                self.feedback.may_call_routine(self.pc)
            }
            _ => self.may_speculate(self.pc) || self.is_request(&insn),
        };
        if !may_speculate && insn_is_speculative(&insn) {
            return self.step();
        }
        match insn {
            Insn::Mov { dst, src } => self.mov(dst, src),
            Insn::Const { dst, index } => self.load_const(dst, index),
            Insn::Int { dst, value } => {
                let node = self.int(i64::from(value));
                self.define(dst, node, Ty::Int);
            }
            Insn::Bool { dst, value } => {
                let node = self.constant(u64::from(value), Ty::Bool);
                self.define(dst, node, Ty::Bool);
            }
            Insn::Null { dst } => {
                self.release(dst);
                let (tag, payload) = (self.word(Tag::Null as u64), self.word(0));
                self.add(Op::StorePair(dst, tag, payload), Ty::None);
                self.state.set(dst, Reg::slot(Know::Null));
            }
            Insn::Arith { op, dst, lhs, rhs } => self.arith(op, dst, lhs, rhs),
            Insn::Neg { dst, src } => self.neg(dst, src),
            Insn::Not { dst, src } => self.truth(dst, src, false),
            Insn::Truth { dst, src } => self.truth(dst, src, true),
            Insn::Compare { cond, dst, lhs, rhs } => self.compare_to(cond, dst, lhs, rhs),
            Insn::Jump { target } => self.goto(self.key_of(target)),
            Insn::JumpTruth { cond, target, sense } => self.jump_truth(cond, target, sense),
            Insn::JumpCompare { cond, lhs, rhs, target, sense } => {
                self.jump_compare(cond, lhs, rhs, (target, sense));
            }
            Insn::JumpNull { src, target, sense } => self.jump_null(src, target, sense),
            Insn::LoopHeader => {
                let exit = self.exit(ExitReason::Interrupt);
                self.add(Op::Poll(exit), Ty::None);
            }
            Insn::RangeInit { base, count } => self.range_init(base, count),
            Insn::RangeStep { dst, base, target, at_end } => {
                self.range_step(dst, base, target, at_end);
            }
            Insn::Call { dst, first, count, target } => self.call(dst, first, count, target),
            Insn::Method { dst, first, name, count, keeps } => {
                if keeps || !self.inline_chain(dst, (first, count), name) {
                    self.method(dst, (first, count), name, keeps);
                }
            }
            Insn::Native { dst, native, first, count } => self.native(dst, native, first, count),
            Insn::NativeOne { dst, native, src } => self.native_one(dst, native, src),
            Insn::Ret { src } => self.ret(src),
            Insn::RetNull => self.ret_null(),
            Insn::GetModule { dst, slot } => self.get_module(dst, slot),
            Insn::GetIndex { dst, object, index } => self.get_index(dst, object, index),
            Insn::SetIndex { root, index, src } => self.set_index(root, index, src),
            Insn::UpdateIndex { root, index, src, op } => self.update_index(root, index, src, op),
            Insn::CheckAssigned { src } => self.check_assigned(src),
            Insn::CheckOrder { src } => self.check_order(src),
            Insn::CheckFlat { src } => self.check_flat(src),
            Insn::CheckSummand { src } => self.check_summand(src),
            other => self.data_instruction(other),
        }
    }

    /// An instruction on variables, containers and places.
    fn data_instruction(&mut self, insn: Insn) {
        match insn {
            Insn::GetCaptured { dst, upvalue } => self.get_captured(dst, upvalue),
            Insn::GetUpvalue { dst, upvalue } => self.get_upvalue(dst, upvalue),
            Insn::SetUpvalue { upvalue, src } => self.set_upvalue(upvalue, src),
            Insn::Closure { dst, proto } => self.closure(dst, proto),
            Insn::NewCell { dst } => self.new_cell(dst),
            Insn::GetCell { dst, cell } => self.get_cell(dst, cell),
            Insn::SetCell { cell, src } => self.set_cell(cell, src),
            Insn::GetField { dst, object, name } => self.get_field(dst, object, name),
            Insn::SetField { root, name, src } => self.set_field(root, name, src),
            Insn::UpdateField { root, name, src, op } => {
                self.update_field(root, name, src, op);
            }
            Insn::NewStruct { dst, first, desc } => self.new_struct(dst, first, desc),
            Insn::JumpUnlessVariant { subject, desc, target } => {
                self.jump_unless_variant(subject, desc, target);
            }
            Insn::GetPayload { dst, src, index } => self.get_payload(dst, src, index),
            Insn::NewTag { dst, first, count, desc } => self.new_tag(dst, first, count, desc),
            Insn::NewArray { dst, first, count } => self.new_array(dst, first, count),
            Insn::IterInit { base } => self.iter_init(base),
            Insn::IterStep { dst, base, target, at_end } => {
                self.iter_step(dst, base, target, at_end);
            }
            Insn::StorePlace { root, desc, src } => self.store_place(root, desc, src),
            Insn::UpdatePlace { root, desc, src, op } => self.update_place(root, desc, src, op),
            Insn::LoadPlace { dst, root, desc } => self.load_place(dst, root, desc),
            Insn::Yield { dst, src } => self.yield_value(dst, src),
            Insn::JumpLiteral { subject, literal, target } => {
                self.jump_literal(subject, literal, target);
            }
            Insn::SelectMethod { reg, name } => self.select_method(reg, name),
            Insn::JumpUnlessPending { src, target } => self.jump_unless_pending(src, target),
            Insn::TakeReceiver { dst, root, desc } => self.take_receiver(dst, root, desc),
            Insn::PutPlace { root, desc, src } => self.put_place(root, desc, src),
            _ => self.step(),
        }
    }

    // ---- keys and edges

    /// The key of a jump from the present instruction.
    pub(super) fn key_of(&self, target: u32) -> Key {
        if let Some(around) = self.inlined.last() {
            return around.key_at(target);
        }
        let mut level = self.level;
        while level > 0 {
            let around = self.entry_loops[level as usize - 1];
            if around.contains(target) && target != around.header {
                break;
            }
            level -= 1;
        }
        Key::new(level, target)
    }

    /// Ends the block with a jump.
    pub(super) fn goto(&mut self, key: Key) {
        let edge = self.func.new_edge();
        self.end(Term::Jump(edge));
        let state = self.state.clone();
        self.lead(edge, state, key);
    }

    /// Ends the block with a branch whose successors have their own states.
    pub(super) fn branch(&mut self, cond: NodeId, yes: (Key, State), no: (Key, State)) {
        let (yes_edge, no_edge) = (self.func.new_edge(), self.func.new_edge());
        self.end(Term::Branch(cond, yes_edge, no_edge));
        self.lead(yes_edge, yes.1, yes.0);
        self.lead(no_edge, no.1, no.0);
    }

    pub(super) fn end(&mut self, term: Term) {
        self.func.blocks[self.block.0 as usize].term = term;
        self.is_done = true;
    }

    // ---- nodes

    /// Appends a node to the block.
    pub(super) fn add(&mut self, op: Op, ty: Ty) -> NodeId {
        let node = self.func.new_node(op, ty);
        self.func.blocks[self.block.0 as usize].nodes.push(node);
        node
    }

    pub(super) fn constant(&mut self, bits: u64, ty: Ty) -> NodeId {
        self.add(Op::Const(bits), ty)
    }

    /// Whether the instruction may still speculate.
    pub(super) fn may_speculate(&self, pc: u32) -> bool {
        self.feedback.may_speculate(pc)
    }

    pub(super) fn int(&mut self, value: i64) -> NodeId {
        self.constant(value as u64, Ty::Int)
    }

    pub(super) fn word(&mut self, bits: u64) -> NodeId {
        self.constant(bits, Ty::Word)
    }

    /// The value of a node that is a constant.
    pub(super) fn as_const(&self, node: NodeId) -> Option<u64> {
        match self.func.node(node).op {
            Op::Const(bits) => Some(bits),
            _ => None,
        }
    }

    pub(super) fn guard(&mut self, cond: NodeId, reason: ExitReason) {
        let exit = self.exit(reason);
        self.add(Op::Guard(cond, exit), Ty::None);
    }

    /// Goes on only if a home slot has this tag.
    pub(super) fn guard_tag(&mut self, r: u16, tag: Tag, reason: ExitReason) {
        let found = self.add(Op::LoadTag(r), Ty::Word);
        let wanted = self.word(tag as u64);
        let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
        self.guard(same, reason);
    }

    /// The slot in which a register's value is, if it is not in a node.
    pub(super) fn slot_of(&self, r: u16) -> Option<u16> {
        match self.state.get(r).val {
            Val::Slot => Some(r),
            Val::Moved(from) => Some(from),
            Val::Ssa { .. } | Val::Alias(_) => None,
        }
    }
}

/// Whether a lowering of the instruction may speculate.
fn insn_is_speculative(insn: &Insn) -> bool {
    match insn {
        Insn::Mov { .. } | Insn::Const { .. } | Insn::Int { .. } | Insn::Bool { .. } => false,
        Insn::Null { .. } | Insn::Jump { .. } | Insn::LoopHeader | Insn::Ret { .. } => false,
        Insn::RetNull | Insn::Other { .. } | Insn::JumpNull { .. } => false,
        Insn::Yield { .. } => false,
        Insn::Arith { .. } | Insn::Neg { .. } | Insn::Not { .. } | Insn::Truth { .. } => true,
        Insn::Compare { .. } | Insn::JumpTruth { .. } | Insn::JumpCompare { .. } => true,
        Insn::RangeInit { .. } | Insn::RangeStep { .. } | Insn::Call { .. } => true,
        Insn::Native { .. } | Insn::NativeOne { .. } | Insn::GetModule { .. } => true,
        Insn::GetIndex { .. } | Insn::SetIndex { .. } | Insn::UpdateIndex { .. } => true,
        Insn::CheckOrder { .. } | Insn::CheckSummand { .. } | Insn::CheckFlat { .. } => true,
        Insn::CheckAssigned { .. } | Insn::GetField { .. } | Insn::SetField { .. } => true,
        Insn::UpdateField { .. } | Insn::NewStruct { .. } => true,
        Insn::JumpUnlessVariant { .. } | Insn::GetPayload { .. } => true,
        Insn::NewTag { .. } => false,
        Insn::GetCaptured { .. } | Insn::GetUpvalue { .. } | Insn::SetUpvalue { .. } => true,
        Insn::GetCell { .. } | Insn::SetCell { .. } | Insn::Method { .. } => true,
        Insn::Closure { .. } | Insn::NewCell { .. } => false,
        Insn::IterInit { .. } | Insn::IterStep { .. } => true,
        Insn::SelectMethod { .. } | Insn::TakeReceiver { .. } => true,
        Insn::JumpLiteral { .. } | Insn::NewArray { .. } => false,
        Insn::JumpUnlessPending { .. } | Insn::PutPlace { .. } => false,
        Insn::StorePlace { .. } | Insn::UpdatePlace { .. } | Insn::LoadPlace { .. } => true,
    }
}

/// Whether what is compiled is what ends a chain of lazy stages: the only such bytecode that is
/// not built into a function.
fn is_chain(request: &Request<'_>) -> bool {
    request.code.index == u32::MAX
}
