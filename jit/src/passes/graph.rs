//! The order of blocks, their predecessors and dominators.
//!
//! Dominators are found by the iterative algorithm of Cooper, Harvey and Kennedy ("A Simple, Fast
//! Dominance Algorithm").

use std::collections::HashMap;

use crate::ir::{BlockId, EdgeId, Func};
use crate::lower::reachable;

/// The reachable blocks of a function.
pub(super) struct Graph {
    /// In reverse post-order.
    pub order: Vec<BlockId>,
    /// The edges into each block, with the block that they leave.
    pub incoming: HashMap<BlockId, Vec<(BlockId, EdgeId)>>,
    /// Of each block its place in the order.
    index: HashMap<BlockId, usize>,
    /// The immediate dominator of each block, by place in the order.
    above: Vec<Option<usize>>,
}

impl Graph {
    pub(super) fn new(func: &Func) -> Graph {
        let order = reachable(func);
        let mut incoming: HashMap<BlockId, Vec<(BlockId, EdgeId)>> = HashMap::new();
        for &block in &order {
            for edge in func.edges_of(block) {
                if let Some(to) = func.edge(edge).to {
                    incoming.entry(to).or_default().push((block, edge));
                }
            }
        }
        let index = order.iter().enumerate().map(|(i, &block)| (block, i)).collect();
        let above = vec![None; order.len()];
        let mut graph = Graph { order, incoming, index, above };
        graph.find_dominators();
        graph
    }

    fn find_dominators(&mut self) {
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for (i, block) in self.order.iter().enumerate().skip(1) {
                let from = self.incoming.get(block).into_iter().flatten();
                let from = from.map(|(from, _)| self.index[from]);
                let known = from.filter(|&from| from == 0 || self.above[from].is_some());
                let new = known.reduce(|a, b| common(&self.above, a, b));
                changed |= self.above[i] != new;
                self.above[i] = new;
            }
        }
    }

    /// The immediate dominator of a block; `None` for the first.
    pub(super) fn dominator(&self, block: BlockId) -> Option<BlockId> {
        self.above[self.index[&block]].map(|above| self.order[above])
    }

    /// Whether all ways to `block` lead through `above`, which may be the block itself.
    pub(super) fn dominates(&self, above: BlockId, block: BlockId) -> bool {
        let (above, mut at) = (self.index[&above], self.index[&block]);
        while at > above {
            let Some(next) = self.above[at] else { return false };
            at = next;
        }
        at == above
    }

    /// The only edge into a block, if there is just one.
    pub(super) fn only_edge(&self, block: BlockId) -> Option<(BlockId, EdgeId)> {
        match self.incoming.get(&block).map(Vec::as_slice) {
            Some([only]) => Some(*only),
            _ => None,
        }
    }

    /// The blocks on the ways from a block's dominator to it, without both; with the block itself
    /// if it is on a way back to it. `None` if there are more than `most`.
    pub(super) fn between(&self, block: BlockId, most: usize) -> Option<Vec<BlockId>> {
        let top = self.dominator(block)?;
        let mut found: Vec<BlockId> = Vec::new();
        let mut work = vec![block];
        while let Some(at) = work.pop() {
            for &(from, _) in self.incoming.get(&at).into_iter().flatten() {
                if from != top && !found.contains(&from) {
                    if found.len() == most {
                        return None;
                    }
                    found.push(from);
                    work.push(from);
                }
            }
        }
        Some(found)
    }
}

/// The nearest common dominator of two blocks, by index in reverse post-order.
fn common(above: &[Option<usize>], mut a: usize, mut b: usize) -> usize {
    while a != b {
        if a > b {
            a = above[a].unwrap_or(0);
        } else {
            b = above[b].unwrap_or(0);
        }
    }
    a
}
