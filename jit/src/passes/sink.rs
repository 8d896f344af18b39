//! Keeps values that are only looked at for a moment out of memory: writes of home slots that are
//! overwritten before anybody reads them move to the exits on the way, and with them counts that
//! are taken and given back.
//!
//! The interpreter needs home slots and counts only where compiled code leaves. A write of a slot
//! is dropped if the slot is written again in the same run of blocks before anything else reads
//! it; the exits between write the slot instead. A run is a block and those behind it that all
//! ways lead to, with short detours between that touch no slots. If all exits between a retain and the next release of the
//! object write a slot that owns it, both go too, and these exits take the count: someone else
//! owns the object all the while, because nothing between gives up counts or asks for them.

use ruff_runtime::mutant;
use std::collections::HashMap;

use ruff_runtime::interp::DEOPT_WORDS;

use super::graph::Graph;
use crate::ir::{BlockId, ExitId, ExitSite, Func, Helper, NodeId, Op, Source, Term, Ty};

pub(super) fn run(func: &mut Func) {
    join_blocks(func);
    let graph = Graph::new(func);
    let mut seen = vec![false; func.blocks.len()];
    for &block in &graph.order {
        if seen[block.0 as usize] {
            continue;
        }
        let blocks = run_from(func, &graph, block);
        blocks.iter().for_each(|block| seen[block.0 as usize] = true);
        Sink::new(func).run(&blocks);
    }
}

/// A block and those after it as far as there are only detours of one block between.
fn run_from(func: &Func, graph: &Graph, first: BlockId) -> Vec<BlockId> {
    let mut blocks = vec![first];
    let mut last = first;
    while let Term::Branch(_, yes, no) = func.block(last).term
        && let (Some(yes), Some(no)) = (func.edge(yes).to, func.edge(no).to)
    {
        let detour = |from: BlockId| {
            let is_plain = graph.only_edge(from).is_some() && is_quiet(func, from);
            match func.block(from).term {
                Term::Jump(edge) if is_plain && from != last => func.edge(edge).to,
                _ => None,
            }
        };
        let (after_yes, after_no) = (detour(yes), detour(no));
        let (sides, join) = if after_yes == Some(no) {
            (vec![yes], no)
        } else if after_no == Some(yes) {
            (vec![no], yes)
        } else if let (Some(join), true) = (after_yes, after_yes == after_no && yes != no) {
            (vec![yes, no], join)
        } else {
            break;
        };
        let is_only = graph.incoming.get(&join).is_some_and(|edges| edges.len() == 2);
        if !is_only || func.block(join).is_loop || blocks.contains(&join) {
            break;
        }
        blocks.extend(sides);
        blocks.push(join);
        last = join;
    }
    blocks
}

/// Whether a block only computes and perhaps leaves.
fn is_quiet(func: &Func, block: BlockId) -> bool {
    let block = func.block(block);
    !block.is_loop
        && block.nodes.iter().all(|&id| {
            let op = &func.node(id).op;
            let reads_slot = matches!(op, Op::LoadSlot(_) | Op::LoadTag(_) | Op::LoadCount(_));
            op.is_pure() && !reads_slot || matches!(op, Op::Checked(..) | Op::Guard(..))
        })
}

/// Appends blocks with one way in to the block before them.
fn join_blocks(func: &mut Func) {
    let graph = Graph::new(func);
    for &block in graph.order.iter().rev() {
        let Term::Jump(edge) = func.block(block).term else { continue };
        let Some(to) = func.edge(edge).to else { continue };
        let next = func.block(to);
        let fits = graph.only_edge(to).is_some_and(|(from, _)| from == block)
            && next.params.is_empty()
            && !next.is_loop
            && to != BlockId(0)
            && to != block;
        if fits {
            let nodes = std::mem::take(&mut func.blocks[to.0 as usize].nodes);
            let term = std::mem::replace(&mut func.blocks[to.0 as usize].term, Term::Open);
            let first = &mut func.blocks[block.0 as usize];
            first.nodes.extend(nodes);
            first.term = term;
        }
    }
}

/// A write of a slot that nobody has read yet.
#[derive(Clone, Copy)]
struct Pending {
    /// Its place among the block's nodes.
    at: usize,
    content: Source,
}

/// What an exit finds unwritten.
struct Leaving {
    /// The place of the node that may leave.
    at: usize,
    exit: ExitId,
    slots: Vec<Open>,
}

/// A slot at an exit.
#[derive(Clone, Copy)]
struct Open {
    slot: u16,
    /// The place of the write.
    at: usize,
    content: Source,
    /// The exit writes it.
    is_written: bool,
}

struct Sink<'a> {
    func: &'a mut Func,
    /// The nodes of the run, with their blocks.
    nodes: Vec<(BlockId, NodeId)>,
    pending: HashMap<u16, Pending>,
    dropped: Vec<bool>,
    leaving: Vec<Leaving>,
}

impl<'a> Sink<'a> {
    fn new(func: &'a mut Func) -> Sink<'a> {
        Sink {
            func,
            nodes: Vec::new(),
            pending: HashMap::new(),
            dropped: Vec::new(),
            leaving: Vec::new(),
        }
    }

    fn run(mut self, blocks: &[BlockId]) {
        for &block in blocks {
            let nodes = std::mem::take(&mut self.func.blocks[block.0 as usize].nodes);
            self.nodes.extend(nodes.into_iter().map(|id| (block, id)));
        }
        self.split_moves();
        self.dropped = vec![false; self.nodes.len()];
        for at in 0..self.nodes.len() {
            self.node(at);
        }
        if self.leaving.iter().all(|leaving| self.fits(leaving)) {
            for open in self.leaving.iter_mut().flat_map(|leaving| &mut leaving.slots) {
                open.is_written = self.dropped[open.at];
            }
            (0..self.nodes.len()).for_each(|at| self.cancel(at));
            self.write_exits();
        } else {
            self.dropped.fill(false);
        }
        for (&(block, id), _) in
            self.nodes.iter().zip(&self.dropped).filter(|(_, dropped)| !**dropped)
        {
            self.func.blocks[block.0 as usize].nodes.push(id);
        }
    }

    /// Whether the exit buffer has room for what an exit would write.
    fn fits(&self, leaving: &Leaving) -> bool {
        let before = &self.func.exits[leaving.exit.0 as usize].writes;
        2 * (before.len() + leaving.slots.len()) <= DEOPT_WORDS
    }

    /// Moves of a slot whose content the run wrote become two writes.
    fn split_moves(&mut self) {
        let mut known: HashMap<u16, (NodeId, NodeId)> = HashMap::new();
        let nodes = std::mem::take(&mut self.nodes);
        for (block, id) in nodes {
            match self.func.node(id).op {
                Op::StorePair(r, tag, payload) => {
                    known.insert(r, (tag, payload));
                }
                Op::MoveSlot(dst, src) => match known.remove(&src) {
                    Some((tag, payload)) => {
                        known.insert(dst, (tag, payload));
                        let store = self.func.new_node(Op::StorePair(dst, tag, payload), Ty::None);
                        let empty = self.func.new_node(Op::StoreNull(src), Ty::None);
                        self.nodes.extend([(block, store), (block, empty)]);
                        continue;
                    }
                    None => {
                        known.remove(&dst);
                    }
                },
                Op::StoreSlot(r, _) | Op::StoreNull(r) | Op::Release(r) | Op::Unshare(r) => {
                    known.remove(&r);
                }
                Op::Step(..) | Op::Direct(..) | Op::Call(_) | Op::Help(..) | Op::Push(..) => {
                    known.clear();
                }
                ref op if is_request(op) => known.clear(),
                _ => {}
            }
            self.nodes.push((block, id));
        }
    }

    // ---- writes of slots

    fn node(&mut self, at: usize) {
        let (_, id) = self.nodes[at];
        let op = self.func.node(id).op.clone();
        self.read_by(&op);
        for exit in op.exits() {
            self.leave(at, exit);
        }
        match op {
            Op::StorePair(r, tag, payload) => self.write(r, at, Source::Owned(payload, tag)),
            Op::StoreNull(r) => self.write(r, at, Source::Null),
            Op::StoreSlot(r, node) if self.func.ty(node) != Ty::Char => {
                self.write(r, at, Source::Node(node));
            }
            Op::StoreSlot(r, _) => {
                self.overwrite(r);
            }
            Op::MoveSlot(dst, _) => self.overwrite(dst),
            _ => {}
        }
    }

    fn write(&mut self, r: u16, at: usize, content: Source) {
        self.overwrite(r);
        self.pending.insert(r, Pending { at, content });
    }

    /// The slot gets a new content: nobody needs the one before.
    fn overwrite(&mut self, r: u16) {
        if let Some(before) = self.pending.remove(&r) {
            self.dropped[before.at] = true;
        }
    }

    /// Forgets the writes of slots that an operation may read.
    fn read_by(&mut self, op: &Op) {
        match op {
            Op::LoadSlot(r) | Op::LoadTag(r) | Op::RetainSlot(r) | Op::Release(r) => {
                self.pending.remove(r);
            }
            Op::Unshare(r) | Op::Push(r, ..) | Op::MoveSlot(_, r) => {
                self.pending.remove(r);
            }
            Op::Call(_) | Op::Direct(..) if mutant!("sunk-over-calls") => {}
            Op::Step(..) | Op::Direct(..) | Op::Call(_) => self.pending.clear(),
            op if is_request(op) => self.pending.clear(),
            Op::Help(helper, args) => match reads_of(*helper) {
                Reads::Nothing => {}
                Reads::Args if mutant!("sunk-over-helpers") => {}
                Reads::Args => {
                    for arg in args {
                        if let Op::SlotAddr(r) = self.func.node(*arg).op {
                            self.pending.remove(&r);
                        }
                    }
                }
                Reads::Any => self.pending.clear(),
            },
            _ => {}
        }
    }

    fn leave(&mut self, at: usize, exit: ExitId) {
        let site = &self.func.exits[exit.0 as usize];
        for &(to, source) in &site.writes {
            // Moves between slots happen before other writes.
            if let Source::Slot(from) | Source::Copy(from) = source {
                self.pending.remove(&from);
                self.pending.remove(&to);
            }
        }
        let is_written = |r: u16| site.writes.iter().any(|&(to, _)| to == r);
        let open = self.pending.iter().filter(|&(&r, _)| !is_written(r));
        let mut slots: Vec<_> = open
            .map(|(&slot, &Pending { at, content })| Open { slot, at, content, is_written: false })
            .collect();
        slots.sort_by_key(|open| open.slot);
        self.leaving.push(Leaving { at, exit, slots });
    }

    // ---- counts

    /// Drops a retain together with the release that undoes it, if that is possible.
    fn cancel(&mut self, at: usize) {
        let (Op::Retain(object) | Op::RetainPair(_, object)) = self.func.node(self.nodes[at].1).op
        else {
            return;
        };
        let Some(end) = self.release_of(object, at) else { return };
        let inside = |leaving: &&mut Leaving| at < leaving.at && leaving.at < end;
        let owner = |leaving: &Leaving| {
            let owns = |open: &Open| matches!(open.content, Source::Owned(p, _) if p == object);
            leaving.slots.iter().position(owns)
        };
        if self.leaving.iter_mut().filter(inside).any(|leaving| owner(leaving).is_none()) {
            return;
        }
        for leaving in self.leaving.iter_mut().filter(inside) {
            if let Some(i) = owner(leaving)
                && let open = &mut leaving.slots[i]
                && let Source::Owned(payload, tag) = open.content
            {
                // Perhaps it is there already; then only the count is new.
                (open.content, open.is_written) = (Source::Shared(payload, tag), true);
                if mutant!("sunk-count-lost") {
                    open.content = Source::Owned(payload, tag);
                }
            }
        }
        (self.dropped[at], self.dropped[end]) = (true, true);
    }

    /// The place of the release that undoes a retain, if nothing between may give up the other
    /// owner's count or depends on counts.
    fn release_of(&self, object: NodeId, after: usize) -> Option<usize> {
        // Code contains the addresses of objects that live as long as it.
        let is_kept = matches!(self.func.node(object).op, Op::Const(_));
        for at in after + 1..self.nodes.len() {
            if self.dropped[at] {
                continue;
            }
            let op = &self.func.node(self.nodes[at].1).op;
            match op {
                Op::ReleasePair(_, released) if *released == object => return Some(at),
                Op::ReleasePair(..) | Op::ReleaseFlat(..) | Op::Release(_) if is_kept => {}
                Op::ReleaseAt(..) | Op::Unshare(_) | Op::LoadCount(_) if is_kept => {}
                Op::ReleasePair(..) | Op::ReleaseFlat(..) | Op::Release(_) => return None,
                Op::ReleaseAt(..) | Op::Unshare(_) | Op::LoadCount(_) => return None,
                Op::Call(_) | Op::Step(..) | Op::Direct(..) | Op::Push(..) => {
                    return None;
                }
                Op::Help(helper, _) if reads_of(*helper) != Reads::Nothing => return None,
                op if is_request(op) => return None,
                _ => {}
            }
        }
        None
    }

    // ---- exits

    /// Gives the nodes that may leave exits of their own, which write what was dropped.
    fn write_exits(&mut self) {
        let mut made: HashMap<(ExitId, Vec<(u16, Source)>), ExitId> = HashMap::new();
        for leaving in std::mem::take(&mut self.leaving) {
            let written = leaving.slots.iter().filter(|open| open.is_written);
            let extra: Vec<(u16, Source)> = written.map(|open| (open.slot, open.content)).collect();
            if extra.is_empty() || mutant!("sunk-not-written") {
                continue;
            }
            let exits = &mut self.func.exits;
            let exit = *made.entry((leaving.exit, extra.clone())).or_insert_with(|| {
                let old = exits[leaving.exit.0 as usize].clone();
                let writes = old.writes.iter().copied().chain(extra).collect();
                exits.push(ExitSite { writes, ..old });
                ExitId(exits.len() as u32 - 1)
            });
            let (_, id) = self.nodes[leaving.at];
            self.func.nodes[id.0 as usize].op.set_exit(exit);
        }
    }
}

/// Whether an operation has to do with generators or chains, which look at many slots.
fn is_request(op: &Op) -> bool {
    matches!(
        op,
        Op::OpenChain(..)
            | Op::LeaveChain
            | Op::Expect(..)
            | Op::BeginRequest(..)
            | Op::EndRequest(..)
            | Op::EndGenerator(_)
    )
}

/// The slots that a routine reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Nothing,
    /// Those whose addresses it gets.
    Args,
    Any,
}

fn reads_of(helper: Helper) -> Reads {
    match helper {
        Helper::TextData | Helper::TextEqual | Helper::TextOrder => Reads::Nothing,
        Helper::NewCell | Helper::NewUnboxed => Reads::Nothing,
        Helper::DictFindInt | Helper::DictFindText | Helper::DictHasOwn => Reads::Nothing,
        Helper::Push
        | Helper::DictFindAny
        | Helper::Length
        | Helper::TextAppend
        | Helper::TextAppendChar
        | Helper::TextConcat
        | Helper::UpdateIndex
        | Helper::DictSetInt
        | Helper::DictSetText
        | Helper::Pop
        | Helper::TakeLast => Reads::Args,
        Helper::Closure | Helper::NewStruct | Helper::ReleaseRow | Helper::NewArray => Reads::Any,
        Helper::StorePlace | Helper::UpdatePlace | Helper::LoadPlace => Reads::Any,
        Helper::TakePlace | Helper::PutPlace => Reads::Any,
    }
}
