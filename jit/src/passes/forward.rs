//! Forwards known values: reads of home slots and of memory that was read or written before,
//! operations computed before, comparisons and guards that are known to hold.
//!
//! A value, condition or constant found in a block is known in all blocks that it dominates.
//! Memory is known as at the end of a block's dominator, less what is changed on the ways from
//! there. Writes stay as they are, because the interpreter goes on from what is in the slots.

use ruff_runtime::mutant;
use std::collections::HashMap;

use ruff_runtime::objects::structs::Struct;
use ruff_runtime::value::Tag;

use super::graph::Graph;
use super::known::{Effects, Known, Place, TagIs};
use crate::abi;
use crate::ir::{BlockId, Cond, ExitId, Func, NodeId, Op, Term, Ty};

/// Blocks between a block and its dominator that are looked at.
const MAX_BETWEEN: usize = 64;

pub(super) fn run(func: &mut Func) {
    run_with(func, false);
}

/// With the knowledge which structs own nothing when they are given up.
pub(super) fn run_again(func: &mut Func) {
    run_with(func, true);
}

fn run_with(func: &mut Func, is_last: bool) {
    let graph = Graph::new(func);
    let mut forward = Forward {
        func,
        graph: &graph,
        is_last,
        subst: HashMap::new(),
        numbers: HashMap::new(),
        holds: HashMap::new(),
        equals: HashMap::new(),
        ends: HashMap::new(),
        block: BlockId(0),
        known: Known::default(),
    };
    for &block in &graph.order {
        forward.block(block);
    }
    forward.substitute();
}

struct Forward<'a> {
    func: &'a mut Func,
    graph: &'a Graph,
    is_last: bool,
    /// Nodes that are replaced by others, which are not replaced themselves.
    subst: HashMap<NodeId, NodeId>,
    /// Pure operations, with the blocks where they were computed.
    numbers: HashMap<(Op, Ty), Vec<(BlockId, NodeId)>>,
    /// Bools that are true from these blocks on.
    holds: HashMap<NodeId, Vec<BlockId>>,
    /// Words that equal a constant from these blocks on.
    equals: HashMap<NodeId, Vec<(BlockId, u64)>>,
    /// Memory at the end of blocks.
    ends: HashMap<BlockId, Known>,
    block: BlockId,
    known: Known,
}

/// What becomes of a node.
enum Fate {
    Stays,
    /// Nobody needs it.
    Goes,
    /// These take its place.
    Becomes(Vec<NodeId>),
}

impl Forward<'_> {
    fn block(&mut self, block: BlockId) {
        self.block = block;
        self.known = self.known_at(block);
        if let Some((from, edge)) = self.graph.only_edge(block)
            && let Term::Branch(cond, yes, no) = self.func.block(from).term
            && yes != no
            && (edge == yes || mutant!("branch-both-ways"))
        {
            self.learn(self.resolved(cond));
        }
        let nodes = std::mem::take(&mut self.func.blocks[block.0 as usize].nodes);
        let mut kept = Vec::with_capacity(nodes.len());
        for id in nodes {
            let fate = self.node(id);
            self.keep(id, fate, &mut kept);
        }
        self.func.blocks[block.0 as usize].nodes = kept;
        let end = std::mem::take(&mut self.known);
        self.ends.insert(block, end);
    }

    /// Adds what becomes of a node to the new block.
    fn keep(&mut self, id: NodeId, fate: Fate, kept: &mut Vec<NodeId>) {
        let others = match fate {
            Fate::Stays => return kept.push(id),
            Fate::Goes => return,
            Fate::Becomes(others) => others,
        };
        for id in others {
            if !self.cancels(id, kept) {
                kept.push(id);
            }
        }
    }

    /// Memory at the start of a block.
    fn known_at(&self, block: BlockId) -> Known {
        let Some(above) = self.graph.dominator(block) else { return Known::default() };
        let end = &self.ends[&above];
        if self.graph.only_edge(block).is_some() {
            return end.handed_on();
        }
        let Some(between) = self.graph.between(block, MAX_BETWEEN) else {
            return Known::default();
        };
        let nodes: Vec<NodeId> =
            between.into_iter().flat_map(|block| &self.func.block(block).nodes).copied().collect();
        let is_made = |id: &NodeId| matches!(self.func.node(*id).op, Op::Alloc(_));
        let made: Vec<NodeId> = nodes.iter().copied().filter(is_made).collect();
        let mut effects = Effects::default();
        for id in nodes {
            effects.add_between(self.func, &self.func.node(id).op, &made);
        }
        let mut known = end.handed_on();
        known.forget(&effects);
        known
    }

    fn resolved(&self, node: NodeId) -> NodeId {
        self.subst.get(&node).copied().unwrap_or(node)
    }

    fn replace(&mut self, id: NodeId, by: NodeId) -> Fate {
        self.subst.insert(id, by);
        Fate::Goes
    }

    /// Whether what was checked in a block holds here.
    fn holds_here(&self, block: BlockId) -> bool {
        self.graph.dominates(block, self.block) || mutant!("guard-elsewhere")
    }

    /// The constant that a word is known to be here.
    fn constant(&self, node: NodeId) -> Option<u64> {
        if let Op::Const(bits) = self.func.node(node).op {
            return Some(bits);
        }
        let known = self.equals.get(&node)?;
        let here = known.iter().find(|(block, _)| self.holds_here(*block));
        here.map(|(_, bits)| *bits)
    }

    fn tag_of(&self, node: NodeId) -> TagIs {
        self.constant(node).map_or(TagIs::Node(node), TagIs::Const)
    }

    /// The constant tag of a home slot.
    fn slot_tag(&self, r: u16) -> Option<u64> {
        match self.known.tag(r)? {
            TagIs::Const(tag) => Some(tag),
            TagIs::Node(node) => self.constant(node),
        }
    }

    fn is_true(&self, cond: NodeId) -> bool {
        let holds = self.holds.get(&cond).into_iter().flatten();
        if holds.into_iter().any(|&block| self.holds_here(block)) {
            return true;
        }
        match self.func.node(cond).op {
            Op::ICmp(Cond::Eq, a, b) => {
                a == b || self.constant(a).is_some_and(|bits| self.constant(b) == Some(bits))
            }
            _ => false,
        }
    }

    /// From here on the bool is true.
    fn learn(&mut self, cond: NodeId) {
        self.holds.entry(cond).or_default().push(self.block);
        if let Op::ICmp(Cond::Eq, a, b) = self.func.node(cond).op
            && let Op::Const(bits) = self.func.node(b).op
        {
            self.equals.entry(a).or_default().push((self.block, bits));
        }
    }

    fn node(&mut self, id: NodeId) -> Fate {
        let mut op = self.func.node(id).op.clone();
        op.each_input(|input| *input = self.resolved(*input));
        self.func.nodes[id.0 as usize].op = op.clone();
        self.known.note_new(id, &op);
        match op {
            Op::LoadTag(r) => match self.known.tag(r) {
                Some(TagIs::Node(node)) => self.replace(id, node),
                Some(TagIs::Const(tag)) => {
                    self.func.nodes[id.0 as usize].op = Op::Const(tag);
                    self.pure(id)
                }
                None => {
                    self.known.set_tag(r, TagIs::Node(id));
                    Fate::Stays
                }
            },
            Op::LoadSlot(r) => match self.known.payload(r, self.func.ty(id)) {
                Some(node) => self.replace(id, node),
                None => {
                    self.known.set_payload(self.func, r, id);
                    Fate::Stays
                }
            },
            Op::Load(at, offset) => self.load(id, Place::Word(at, offset, self.func.ty(id))),
            Op::Load32(at, offset) => self.load(id, Place::Half(at, offset)),
            Op::ElemLoad(elem, data, index) => {
                self.load(id, Place::Elem(elem, data, index, self.func.ty(id)))
            }
            Op::Help(helper, ref args) if helper.is_lookup() => {
                self.load(id, Place::Entry(helper, args[0], args[1]))
            }
            Op::Guard(cond, _) if self.is_true(cond) => Fate::Goes,
            Op::Guard(cond, _) => {
                self.learn(cond);
                Fate::Stays
            }
            Op::NoOperators(tag, ..) => match self.constant(tag) {
                Some(tag) if tag != Tag::Struct as u64 => Fate::Goes,
                _ => Fate::Stays,
            },
            Op::Checked(..) => self.pure(id),
            Op::Release(_) | Op::RetainSlot(_) | Op::RetainPair(..) | Op::ReleasePair(..) => {
                self.count(id, &op)
            }
            ref op if op.is_pure() && is_numbered(self.func, op) => self.pure(id),
            _ => {
                self.write(id);
                Fate::Stays
            }
        }
    }

    /// A change of memory.
    fn write(&mut self, id: NodeId) {
        let mut known = std::mem::take(&mut self.known);
        known.note(self.func, id, |tag| self.tag_of(tag));
        self.known = known;
    }

    fn load(&mut self, id: NodeId, place: Place) -> Fate {
        if let Some(node) = self.known.place(place) {
            return self.replace(id, node);
        }
        self.known.set_place(place, id);
        Fate::Stays
    }

    /// An operation that always has the same value.
    fn pure(&mut self, id: NodeId) -> Fate {
        let node = self.func.node(id);
        let op = match node.op {
            // Whoever passed the first is not overflowing here.
            Op::Checked(op, a, b, _) => Op::Checked(op, a, b, ExitId(0)),
            ref op => op.clone(),
        };
        let found = self.numbers.entry((op, node.ty)).or_default();
        let here = found.iter().find(|(block, _)| self.graph.dominates(*block, self.block));
        if let Some(&(_, other)) = here {
            return self.replace(id, other);
        }
        found.push((self.block, id));
        Fate::Stays
    }

    fn new_node(&mut self, op: Op, ty: Ty) -> NodeId {
        self.func.new_node(op, ty)
    }

    /// A change of a reference count: none if there is no object, without a test if there is.
    fn count(&mut self, id: NodeId, op: &Op) -> Fate {
        let tag = match *op {
            Op::Release(r) | Op::RetainSlot(r) => self.slot_tag(r),
            Op::RetainPair(tag, _) | Op::ReleasePair(tag, _) => self.constant(tag),
            _ => None,
        };
        let Some(tag) = tag else {
            self.write(id);
            return Fate::Stays;
        };
        if tag < Tag::FIRST_HEAP {
            return Fate::Goes;
        }
        let mut nodes = Vec::new();
        let payload = match *op {
            Op::RetainPair(_, payload) | Op::ReleasePair(_, payload) => payload,
            Op::Release(r) | Op::RetainSlot(r) => {
                self.known.payload(r, Ty::Word).unwrap_or_else(|| {
                    let load = self.func.new_node(Op::LoadSlot(r), Ty::Word);
                    nodes.push(load);
                    load
                })
            }
            _ => return Fate::Stays,
        };
        let is_release = matches!(op, Op::Release(_) | Op::ReleasePair(..));
        if let Some(size) = self.flat_size(tag, payload).filter(|_| is_release) {
            nodes.push(self.new_node(Op::ReleaseFlat(payload, size), Ty::None));
        } else if is_release {
            let tag = self.new_node(Op::Const(tag), Ty::Word);
            let release = self.new_node(Op::ReleasePair(tag, payload), Ty::None);
            nodes.extend([tag, release]);
        } else {
            nodes.push(self.new_node(Op::Retain(payload), Ty::None));
        }
        if let Op::Release(r) = *op {
            let empty = self.new_node(Op::StoreNull(r), Ty::None);
            nodes.push(empty);
            self.write(empty);
        }
        Fate::Becomes(nodes)
    }

    /// The bytes of a struct that is known to own nothing but its declaration.
    fn flat_size(&self, tag: u64, object: NodeId) -> Option<u32> {
        if !self.is_last || tag != Tag::Struct as u64 {
            return None;
        }
        let word = |at, offset| self.known.place(Place::Word(at, offset, Ty::Word));
        let shape = word(object, abi::STRUCT_SHAPE)?;
        let by_number = || self.constant(self.known.place(Place::Half(shape, abi::SHAPE_ID))?);
        let key = self.constant(shape).or_else(by_number)?;
        let n_fields = self.func.instances.get(&key)?.n_fields;
        let is_plain = |i: u16| {
            let at = abi::STRUCT_FIELDS + i32::from(i) * abi::VALUE_SIZE + abi::TAG_OFFSET;
            let tag = word(object, at).and_then(|tag| self.constant(tag));
            tag.is_some_and(|tag| tag < Tag::FIRST_HEAP)
        };
        let (size, _) = Struct::layout(n_fields.into())?;
        (0..n_fields).all(is_plain).then_some(size as u32)
    }

    /// Whether a release undoes a retain shortly before, which is then taken out: nothing between
    /// them leaves or looks at counts. There is another owner all the while.
    fn cancels(&self, id: NodeId, kept: &mut Vec<NodeId>) -> bool {
        let (Op::ReleasePair(_, object) | Op::ReleaseFlat(object, _)) = self.func.node(id).op
        else {
            return false;
        };
        let is_retain = |at: &NodeId| self.func.node(*at).op == Op::Retain(object);
        let is_quiet = |at: &NodeId| {
            let op = &self.func.node(*at).op;
            let is_store = matches!(op, Op::Store(..) | Op::StorePair(..) | Op::StoreSlot(..))
                || matches!(op, Op::StoreNull(_) | Op::Retain(_) | Op::Alloc(_));
            (op.is_pure() && !matches!(op, Op::LoadCount(_))) || is_store
        };
        for (i, at) in kept.iter().enumerate().rev() {
            if is_retain(at) {
                kept.remove(i);
                return true;
            }
            if !is_quiet(at) && !mutant!("cancel-over-release") {
                return false;
            }
        }
        false
    }

    /// Replaces nodes where they are read.
    fn substitute(&mut self) {
        let subst = std::mem::take(&mut self.subst);
        let with = |node: &mut NodeId| {
            if let Some(&other) = subst.get(node) {
                *node = other;
            }
        };
        for node in &mut self.func.nodes {
            node.op.each_input(with);
        }
        self.func.edges.iter_mut().flat_map(|edge| &mut edge.args).for_each(with);
        for block in &mut self.func.blocks {
            match &mut block.term {
                Term::Branch(cond, ..) => with(cond),
                Term::Return(payload, tag) => [payload, tag].into_iter().for_each(with),
                Term::Open | Term::Jump(_) | Term::Exit(_) => {}
            }
        }
        for exit in &mut self.func.exits {
            for (_, source) in &mut exit.writes {
                source.each_node(with);
            }
        }
    }
}

/// Whether a pure operation depends on nothing but its inputs, and gives nothing that is counted.
fn is_numbered(func: &Func, op: &Op) -> bool {
    match *op {
        Op::LoadCount(_) | Op::CallTag(_) => false,
        // Each time it is another reference to the text.
        Op::Bits(node) => func.ty(node) != Ty::Char || mutant!("characters-shared"),
        _ => true,
    }
}
