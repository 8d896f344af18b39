//! Where edges meet: one state for all, parameters for values that differ, and the conversions
//! on the edges. Loop headers, their preheaders with hoisted checks, and back edges.

use super::builder::{Builder, Header, Kept, Key, Pending};
use super::flow::{Loop, RegSet};
use super::state::{Know, Reg, State, Val};
use crate::ir::{BlockId, EdgeId, NodeId, Op, Term, Ty};
use ruff_runtime::mutant;

impl Builder<'_> {
    /// Leads an edge with its state to a key: a block not built yet, or a loop header.
    pub(super) fn lead(&mut self, edge: EdgeId, state: State, key: Key) {
        if self.headers.contains_key(&key) {
            self.back_edge(edge, state, key);
        } else {
            self.pending.entry(key).or_default().push(Pending { edge, state });
        }
    }

    /// Begins the present block: one state out of those of the incoming edges.
    pub(super) fn merge(&mut self, edges: Vec<Pending>) {
        let n = edges.first().map_or(self.proto.n_registers, |edge| edge.state.regs.len() as u16);
        let mut target = State::new(n, Know::Immediate);
        for r in 0..n {
            let regs: Vec<Reg> = edges.iter().map(|p| p.state.get(r)).collect();
            let is_live = self.is_live(self.pc, r);
            target.set(r, merge_reg(&regs, is_live));
        }
        let block = self.block;
        let params = self.add_params(block, &mut target);
        for pending in edges {
            self.adapt(pending, block, &target, &params);
        }
        self.block = block;
        self.state = target;
        self.is_done = false;
    }

    /// The number of registers in sight: those of the function and of the calls inlined here.
    pub(super) fn n_regs(&self) -> u16 {
        self.state.regs.len() as u16
    }

    /// Gives registers whose node is still open (`None` so far) a block parameter.
    fn add_params(&mut self, block: BlockId, target: &mut State) -> Vec<u16> {
        let mut params = Vec::new();
        for r in 0..target.regs.len() as u16 {
            let reg = target.get(r);
            if let Val::Ssa { node: OPEN, ty, synced } = reg.val {
                let node = self.func.new_node(Op::Param, ty);
                self.func.blocks[block.0 as usize].params.push(node);
                target.set(r, Reg::ssa(node, ty, synced));
                params.push(r);
            }
        }
        params
    }

    /// Converts an edge's registers to what the target block expects.
    fn adapt(&mut self, pending: Pending, to: BlockId, target: &State, params: &[u16]) {
        let Pending { edge, state } = pending;
        self.state = state;
        // A block of its own for the conversions, dropped if there are none.
        let between = self.func.new_block(self.pc);
        self.block = between;
        self.materialise_all();
        for r in 0..self.n_regs() {
            self.adapt_reg(r, target.get(r));
        }
        let args: Vec<NodeId> = params.iter().map(|&r| self.arg_of(r, target.get(r))).collect();
        let mut last = edge;
        if !self.func.block(between).nodes.is_empty() {
            self.func.edges[edge.0 as usize].to = Some(between);
            last = self.func.new_edge();
            self.end(Term::Jump(last));
        } else {
            self.func.blocks.pop();
        }
        self.func.edges[last.0 as usize].to = Some(to);
        self.func.edges[last.0 as usize].args = args;
    }

    /// Brings one register's home slot into the state that the target expects.
    fn adapt_reg(&mut self, r: u16, want: Reg) {
        let have = self.state.get(r);
        match (want.val, have.val) {
            // The home slot must hold the value, unless the register is dead there.
            (Val::Slot | Val::Moved(_) | Val::Alias(_), Val::Ssa { .. }) => {
                if self.is_live(self.pc, r) {
                    self.sync(r);
                }
            }
            (Val::Slot | Val::Moved(_) | Val::Alias(_), _) => {
                if !want.know.may_own() && have.know.may_own() {
                    self.release(r);
                }
            }
            (Val::Ssa { synced: true, .. }, Val::Ssa { .. }) => self.sync(r),
            (Val::Ssa { .. }, _) => {}
        }
    }

    /// The argument for a parameter of the target block.
    fn arg_of(&mut self, r: u16, want: Reg) -> NodeId {
        let have = self.state.get(r);
        match (have.node(), want.val) {
            (Some((node, _)), _) => node,
            (None, Val::Ssa { ty, .. }) => self.add(Op::LoadSlot(r), ty),
            (None, Val::Slot | Val::Moved(_) | Val::Alias(_)) => self.constant(0, Ty::Int),
        }
    }

    // ---- loops

    /// Makes the present block a preheader and goes on in a new block, the header.
    pub(super) fn enter_loop(&mut self, key: Key, range: Loop) {
        let written = self.loop_writes(range);
        self.hoist(key, range, &written);
        let target_state = self.header_state(key, &written);
        let header = self.func.new_block(key.pc);
        self.func.blocks[header.0 as usize].is_loop = true;
        let mut target = target_state;
        let params = self.add_params(header, &mut target);
        let edge = self.func.new_edge();
        let preheader = self.block;
        let state = self.state.clone();
        self.func.blocks[preheader.0 as usize].term = Term::Jump(edge);
        self.adapt(Pending { edge, state }, header, &target, &params);
        self.block = header;
        self.state = target.clone();
        self.is_done = false;
        self.headers.insert(key, Header { block: header, state: target });
    }

    /// The registers at a loop header: those the loop does not write stay as they are.
    fn header_state(&mut self, key: Key, written: &RegSet) -> State {
        let mut target = self.state.clone();
        for r in 0..self.n_regs() {
            let reg = self.state.get(r);
            let kept = self.widened.kept.get(&(key, r)).copied();
            let is_live = self.is_live(key.at(), r);
            if let Some(Kept::Slot(know)) = kept {
                target.set(r, Reg::slot(know));
                continue;
            }
            if kept.is_none() && !written.has(r) {
                continue;
            }
            let new = match reg.val {
                Val::Ssa { ty, .. } if is_live => Reg::ssa(OPEN, ty, false),
                Val::Ssa { .. } => Reg::EMPTY,
                // A dead register is emptied, so that it needs no release in the loop.
                Val::Slot | Val::Moved(_) | Val::Alias(_) if !is_live => Reg::EMPTY,
                Val::Slot | Val::Moved(_) | Val::Alias(_) => Reg::slot(reg.know),
            };
            target.set(r, new);
        }
        target
    }

    /// Checks that hold for the whole loop, before it.
    fn hoist(&mut self, key: Key, range: Loop, written: &RegSet) {
        if !self.feedback.may_hoist(key.at()) {
            return;
        }
        for found in self.array_uses(range, written) {
            if self.is_live(key.at(), found.reg) {
                self.hoist_array(found);
            }
        }
        self.hoist_texts(key.at(), range, written);
        self.hoist_sources(key.at(), range, written);
        self.hoist_callees(key.at(), range, written);
        self.bound_ints(key.at(), range, written);
        self.last_exit = None;
    }

    /// Leads a back edge to its header, or notes that the header must be more general.
    fn back_edge(&mut self, edge: EdgeId, state: State, key: Key) {
        let Some(header) = self.headers.get(&key) else { return };
        let (block, target) = (header.block, header.state.clone());
        for r in 0..self.n_regs() {
            if let Some(kept) = self.conflict(key, r, target.get(r), state.get(r)) {
                self.widened.kept.insert((key, r), kept);
                self.is_stable = false;
            }
        }
        if !self.is_stable {
            return;
        }
        let header_params = self.func.block(block).params.clone();
        let is_param =
            |r: &u16| target.get(*r).node().is_some_and(|(node, _)| header_params.contains(&node));
        let mut params: Vec<u16> = (0..self.n_regs()).filter(is_param).collect();
        params.sort_by_key(|&r| target.get(r).node().map(|(node, _)| node));
        let (saved, saved_state, pc) = (self.block, self.state.clone(), self.pc);
        self.pc = key.at();
        self.adapt(Pending { edge, state }, block, &target, &params);
        (self.block, self.state, self.pc) = (saved, saved_state, pc);
        self.is_done = true;
    }

    /// How the header must keep a register so that this back edge fits, if it does not.
    fn conflict(&self, key: Key, r: u16, want: Reg, have: Reg) -> Option<Kept> {
        let is_live = self.is_live(key.at(), r);
        match (want.val, have.val) {
            (Val::Ssa { node: a, ty: t, .. }, Val::Ssa { node: b, ty: u, .. }) => {
                let is_param = self.func.block(self.headers[&key].block).params.contains(&a);
                if t != u && is_live {
                    return Some(Kept::Slot(Know::of_ty(t).join(Know::of_ty(u))));
                }
                (a != b && !is_param).then_some(Kept::Param)
            }
            (Val::Ssa { ty, .. }, Val::Slot | Val::Moved(_) | Val::Alias(_)) => {
                if have.know.ty() == Some(ty) {
                    return None;
                }
                Some(Kept::Slot(Know::of_ty(ty).join(have.know)))
            }
            (Val::Slot | Val::Moved(_) | Val::Alias(_), Val::Ssa { ty, .. }) => {
                let know = Know::of_ty(ty);
                (is_live && !want.know.covers(know)).then(|| Kept::Slot(want.know.join(know)))
            }
            (
                Val::Slot | Val::Moved(_) | Val::Alias(_),
                Val::Slot | Val::Moved(_) | Val::Alias(_),
            ) => {
                if !is_live && !want.know.may_own() {
                    // The edge releases what a dead register still holds.
                    return None;
                }
                let fits = want.know.covers(have.know) && !stale_facts(want, have);
                (!fits).then(|| Kept::Slot(want.know.join(have.know)))
            }
        }
    }
}

/// A node to be replaced by a block parameter.
const OPEN: NodeId = NodeId(u32::MAX);

/// Whether the header relies on facts that the back edge does not bring.
fn stale_facts(want: Reg, have: Reg) -> bool {
    !mutant!("stale-facts") && (want.view.is_some() && want.view != have.view)
        || (want.unique && !have.unique)
}

/// What one register is after edges meet.
fn merge_reg(regs: &[Reg], is_live: bool) -> Reg {
    let know = regs.iter().map(know_of).reduce(Know::join).unwrap_or(Know::Immediate);
    let first = regs[0];
    if !is_live {
        // A dead value in a node is dropped; one in a slot stays until it is overwritten.
        let has_owner = regs.iter().any(|reg| !is_ssa(reg) && reg.know.may_own());
        return Reg::slot(if has_owner { Know::Any } else { Know::Immediate });
    }
    let all_typed = first.ty().is_some_and(|ty| regs.iter().all(|reg| reg.ty() == Some(ty)));
    let any_node = regs.iter().any(is_ssa);
    if let (true, true, Some(ty)) = (all_typed, any_node, first.ty()) {
        let is_synced = |reg: &Reg| match reg.val {
            Val::Ssa { synced, .. } => synced,
            Val::Slot | Val::Moved(_) | Val::Alias(_) => true,
        };
        let synced = regs.iter().all(is_synced);
        let same = regs.iter().all(|reg| reg.node() == first.node());
        let node = first.node().filter(|_| same).map_or(OPEN, |(node, _)| node);
        return Reg::ssa(node, ty, synced);
    }
    let view = first.view.filter(|_| regs.iter().all(|reg| reg.view == first.view));
    let any = mutant!("merge-any-unique") && regs.iter().any(|reg| reg.unique);
    let unique = any || regs.iter().all(|reg| reg.unique);
    Reg { val: Val::Slot, know, view, unique }
}

fn is_ssa(reg: &Reg) -> bool {
    matches!(reg.val, Val::Ssa { .. })
}

/// What will be known of the home slot when the value is in it.
fn know_of(reg: &Reg) -> Know {
    match reg.val {
        Val::Ssa { ty, .. } => Know::of_ty(ty),
        Val::Slot | Val::Moved(_) | Val::Alias(_) => reg.know,
    }
}
