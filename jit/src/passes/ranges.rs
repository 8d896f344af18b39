//! Ranges of ints: drops overflow checks that cannot fail.
//!
//! Each node gets an interval. Parameters of loop headers start from the entry; what a back
//! edge moves is widened to the end of the range until nothing changes, and then narrowed by
//! what branches and guards on the way say (`i < n` on the way to `i + 1`). Guards that always
//! hold are dropped too.

use ruff_runtime::mutant;
use std::collections::HashMap;

use super::graph::Graph;
use crate::exit_reason::ExitReason;
use crate::ir::{BlockId, Cond, EdgeId, ExitId, ExitSite, Func, IntOp, NodeId, Op, Term, Ty};

/// A closed interval of ints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Range {
    pub lo: i64,
    pub hi: i64,
}

impl Range {
    pub(super) const ALL: Range = Range { lo: i64::MIN, hi: i64::MAX };

    fn of(v: i64) -> Range {
        Range { lo: v, hi: v }
    }

    fn join(self, other: Range) -> Range {
        Range { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    fn meet(self, other: Range) -> Range {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        if lo <= hi { Range { lo, hi } } else { self }
    }

    /// The exact range of an operation, or `None` if it can leave the 64-bit range.
    fn apply(op: IntOp, a: Range, b: Range) -> Option<Range> {
        let wide = |x: i64| i128::from(x);
        let corners = match op {
            IntOp::Add => [wide(a.lo) + wide(b.lo), wide(a.hi) + wide(b.hi)].to_vec(),
            IntOp::Sub => [wide(a.lo) - wide(b.hi), wide(a.hi) - wide(b.lo)].to_vec(),
            IntOp::Mul => vec![
                wide(a.lo) * wide(b.lo),
                wide(a.lo) * wide(b.hi),
                wide(a.hi) * wide(b.lo),
                wide(a.hi) * wide(b.hi),
            ],
            _ => return None,
        };
        let lo = corners.iter().copied().min().and_then(|v| i64::try_from(v).ok())?;
        let hi = corners.iter().copied().max().and_then(|v| i64::try_from(v).ok())?;
        Some(Range { lo, hi })
    }
}

/// Rounds of widening before the analysis is given up.
const WIDENING: usize = 12;
/// Rounds of narrowing.
const NARROWING: usize = 3;

/// A comparison of ints that holds.
type Fact = (Cond, NodeId, NodeId);

struct Ranges<'a> {
    func: &'a Func,
    graph: Graph,
    ranges: HashMap<NodeId, Range>,
    /// What holds in a block because of branches and guards that dominate it.
    facts: HashMap<BlockId, Vec<Fact>>,
}

/// Replaces checked operations that cannot overflow and divisions that a shift or a mask does,
/// and drops guards that always hold. With `checks`, what was found is checked when it runs.
pub(super) fn run(func: &mut Func, checks: bool) {
    let found = {
        let mut ranges = Ranges::new(func);
        ranges.solve();
        ranges.find()
    };
    let disproved = checks.then(|| {
        let (reason, writes, frame) = (ExitReason::Disproved, Vec::new(), None);
        func.exits.push(ExitSite { pc: 0, site: 0, reason, writes, frame });
        ExitId(func.exits.len() as u32 - 1)
    });
    for (block, guard) in found.guards {
        match (disproved, &mut func.nodes[guard.0 as usize].op) {
            (Some(disproved), Op::Guard(_, exit)) => *exit = disproved,
            _ => func.blocks[block.0 as usize].nodes.retain(|&node| node != guard),
        }
    }
    for node in found.operations {
        let node = &mut func.nodes[node.0 as usize];
        if let Op::Checked(op, a, b, exit) = node.op {
            let checked = |exit| Op::Checked(op, a, b, exit);
            debug_assert!(func.exits[exit.0 as usize].reason == ExitReason::IntOverflow);
            node.op = disproved.map_or(Op::Int(op, a, b), checked);
        }
    }
    for division in found.divisions {
        division.replace(func, disproved);
    }
}

/// What ranges show.
struct Found {
    /// Checked operations whose result always fits.
    operations: Vec<NodeId>,
    /// Guards that always hold, with their block.
    guards: Vec<(BlockId, NodeId)>,
    divisions: Vec<Division>,
}

/// A division of an int that is not negative by a power of two.
struct Division {
    block: BlockId,
    node: NodeId,
    dividend: NodeId,
    /// The operation and constant that do the same.
    instead: (IntOp, u64),
}

impl Division {
    fn replace(&self, func: &mut Func, disproved: Option<ExitId>) {
        let (op, by) = self.instead;
        let by = func.new_node(Op::Const(by), Ty::Int);
        func.nodes[self.node.0 as usize].op = Op::Int(op, self.dividend, by);
        let mut new = vec![by];
        if let Some(exit) = disproved {
            let zero = func.new_node(Op::Const(0), Ty::Int);
            let holds = func.new_node(Op::ICmp(Cond::Ge, self.dividend, zero), Ty::Bool);
            new.extend([zero, holds, func.new_node(Op::Guard(holds, exit), Ty::None)]);
        }
        let nodes = &mut func.blocks[self.block.0 as usize].nodes;
        let at = nodes.iter().position(|&node| node == self.node).unwrap_or(nodes.len());
        nodes.splice(at..at, new);
    }
}

impl<'a> Ranges<'a> {
    fn new(func: &'a Func) -> Ranges<'a> {
        let graph = Graph::new(func);
        let mut this = Ranges { func, graph, ranges: HashMap::new(), facts: HashMap::new() };
        this.find_facts();
        this
    }

    /// Facts of a block: those at the end of its dominator, and of the only edge to it.
    fn find_facts(&mut self) {
        for &block in &self.graph.order {
            let mut facts = Vec::new();
            if let Some(above) = self.graph.dominator(block) {
                facts.extend(self.facts.get(&above).cloned().unwrap_or_default());
                facts.extend(self.guards_of(above));
            }
            if let Some((from, edge)) = self.graph.only_edge(block) {
                facts.extend(self.fact_of_edge(from, edge));
            }
            self.facts.insert(block, facts);
        }
    }

    /// What the guards of a block say.
    fn guards_of(&self, block: BlockId) -> Vec<Fact> {
        let nodes = self.func.block(block).nodes.iter();
        nodes
            .filter_map(|&node| match self.func.node(node).op {
                Op::Guard(cond, _) => self.fact(cond, true),
                _ => None,
            })
            .collect()
    }

    /// The comparison of ints behind a condition.
    fn fact(&self, cond: NodeId, sense: bool) -> Option<Fact> {
        let Op::ICmp(cc, a, b) = self.func.node(cond).op else { return None };
        let is_int = self.func.ty(a) == Ty::Int;
        is_int.then_some((if sense { cc } else { cc.negated() }, a, b))
    }

    /// The comparison that holds on an edge.
    fn fact_of_edge(&self, from: BlockId, edge: EdgeId) -> Option<Fact> {
        let Term::Branch(cond, yes, _) = self.func.block(from).term else { return None };
        self.fact(cond, edge == yes)
    }

    fn get(&self, node: NodeId) -> Range {
        match self.func.node(node).op {
            Op::Const(bits) if self.func.ty(node) == Ty::Int => Range::of(bits as i64),
            _ => self.ranges.get(&node).copied().unwrap_or(Range::ALL),
        }
    }

    /// The range of a node where the facts hold.
    fn at(&self, node: NodeId, facts: &[Fact]) -> Range {
        self.within(node, facts, |other| self.within(other, facts, |other| self.get(other)))
    }

    /// The range of a node by its facts, with the ranges of what it is compared with.
    fn within(&self, node: NodeId, facts: &[Fact], of: impl Fn(NodeId) -> Range) -> Range {
        let mut range = self.get(node);
        for &(cond, a, b) in facts {
            if a == node {
                range = range.meet(bound(cond, of(b)));
            }
            if b == node {
                range = range.meet(bound(cond.swapped(), of(a)));
            }
        }
        range
    }

    fn solve(&mut self) {
        for _ in 0..WIDENING {
            if !self.round(true) {
                for _ in 0..NARROWING {
                    self.round(false);
                }
                return;
            }
        }
        self.ranges.clear();
    }

    fn round(&mut self, is_widening: bool) -> bool {
        let func = self.func;
        let mut changed = false;
        for at in 0..self.graph.order.len() {
            let block = self.graph.order[at];
            for (i, &param) in func.block(block).params.iter().enumerate() {
                if func.ty(param) == Ty::Int {
                    let new = self.param(block, i, is_widening);
                    changed |= self.ranges.insert(param, new) != Some(new);
                }
            }
            let facts = self.facts.get(&block).cloned().unwrap_or_default();
            for &node in &func.block(block).nodes {
                if func.ty(node) == Ty::Int {
                    let new = self.compute(node, &facts);
                    changed |= self.ranges.insert(node, new) != Some(new);
                }
            }
        }
        changed
    }

    fn param(&self, block: BlockId, index: usize, is_widening: bool) -> Range {
        let Some(edges) = self.graph.incoming.get(&block) else { return Range::ALL };
        let param = self.func.block(block).params[index];
        let mut joined: Option<Range> = None;
        for &(from, edge) in edges {
            let arg = self.func.edge(edge).args[index];
            let is_const = matches!(self.func.node(arg).op, Op::Const(_));
            if !is_const && !self.ranges.contains_key(&arg) {
                // A back edge that has not been seen yet.
                continue;
            }
            let mut facts = self.facts.get(&from).cloned().unwrap_or_default();
            facts.extend(self.guards_of(from));
            facts.extend(self.fact_of_edge(from, edge));
            // With what holds on the edge, the operation itself may be bounded better.
            let range = self.compute(arg, &facts).meet(self.at(arg, &facts));
            joined = Some(joined.map_or(range, |known| known.join(range)));
        }
        let new = joined.unwrap_or(Range::ALL);
        match self.ranges.get(&param) {
            Some(old) if is_widening => Range {
                lo: if new.lo < old.lo { i64::MIN } else { old.lo },
                hi: if new.hi > old.hi { i64::MAX } else { old.hi },
            },
            _ => new,
        }
    }

    fn compute(&self, node: NodeId, facts: &[Fact]) -> Range {
        match self.func.node(node).op {
            Op::Int(IntOp::Rem, a, b) => remainder(self.at(a, facts), self.at(b, facts)),
            Op::Int(IntOp::Div, a, b) => quotient(self.at(a, facts), self.at(b, facts)),
            Op::Int(op, a, b) => {
                let (a, b) = (self.at(a, facts), self.at(b, facts));
                Range::apply(op, a, b).unwrap_or(Range::ALL)
            }
            Op::Checked(op, a, b, _) => {
                let (a, b) = (self.at(a, facts), self.at(b, facts));
                Range::apply(op, a, b).unwrap_or_else(|| clamp(op, a, b))
            }
            Op::Param => self.get(node),
            Op::Const(bits) => Range::of(bits as i64),
            _ => Range::ALL,
        }
    }

    /// What can be made simpler.
    fn find(&self) -> Found {
        let mut found = Found { operations: vec![], guards: vec![], divisions: vec![] };
        for &block in &self.graph.order {
            let facts = self.facts.get(&block).map_or(&[][..], Vec::as_slice);
            for &node in &self.func.block(block).nodes {
                match self.func.node(node).op {
                    Op::Checked(op, a, b, _)
                        if Range::apply(op, self.at(a, facts), self.at(b, facts)).is_some() =>
                    {
                        found.operations.push(node);
                    }
                    Op::Guard(cond, _) if self.holds(cond, facts) => {
                        found.guards.push((block, node));
                    }
                    Op::Int(op @ (IntOp::Div | IntOp::Rem), dividend, by)
                        if self.at(dividend, facts).lo >= 0 =>
                    {
                        let instead = self.binary_division(op, by);
                        let division = |instead| Division { block, node, dividend, instead };
                        found.divisions.extend(instead.map(division));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// What does the same as the division of an int that is not negative by a power of two.
    fn binary_division(&self, op: IntOp, by: NodeId) -> Option<(IntOp, u64)> {
        let Op::Const(by) = self.func.node(by).op else { return None };
        let is_power = by.is_power_of_two() && by <= i64::MAX as u64;
        is_power.then(|| match op {
            IntOp::Div => (IntOp::Ushr, by.trailing_zeros().into()),
            _ => (IntOp::And, by - 1),
        })
    }

    /// Whether a condition always holds where the facts do.
    fn holds(&self, cond: NodeId, facts: &[Fact]) -> bool {
        if let Op::FCmp(Cond::Ne, a, b) = self.func.node(cond).op
            && let (&Op::ToFloat(int), &Op::Const(bits)) =
                (&self.func.node(a).op, &self.func.node(b).op)
        {
            // The divisor of a float.
            let is_zero = f64::from_bits(bits) == 0.0;
            return is_zero && always(Cond::Ne, self.at(int, facts), Range::of(0));
        }
        let fact = self.fact(cond, true);
        fact.is_some_and(|(cond, a, b)| always(cond, self.at(a, facts), self.at(b, facts)))
    }
}

/// Whether a comparison of ints in these ranges always holds.
fn always(cond: Cond, a: Range, b: Range) -> bool {
    match cond {
        Cond::Lt => a.hi < b.lo,
        Cond::Le => a.hi <= b.lo,
        Cond::Gt => a.lo > b.hi,
        Cond::Ge => a.lo >= b.hi,
        Cond::Ne => a.hi < b.lo || a.lo > b.hi,
        Cond::Eq => false,
    }
}

/// The range of a quotient, which is truncated.
fn quotient(a: Range, b: Range) -> Range {
    if b.lo <= 0 {
        return Range::ALL;
    }
    Range { lo: (a.lo / b.lo).min(a.lo / b.hi), hi: (a.hi / b.lo).max(a.hi / b.hi) }
}

/// The range of a remainder, whose sign is that of the dividend.
fn remainder(a: Range, b: Range) -> Range {
    let limit = b.lo.unsigned_abs().max(b.hi.unsigned_abs()).saturating_sub(1);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Range {
        lo: if a.lo >= 0 || mutant!("range-remainder") { 0 } else { (-limit).max(a.lo) },
        hi: if a.hi <= 0 { 0 } else { limit.min(a.hi) },
    }
}

/// What is left of a checked operation's range when overflow leaves.
fn clamp(op: IntOp, a: Range, b: Range) -> Range {
    match op {
        IntOp::Add => Range { lo: a.lo.saturating_add(b.lo), hi: a.hi.saturating_add(b.hi) },
        IntOp::Sub => Range { lo: a.lo.saturating_sub(b.hi), hi: a.hi.saturating_sub(b.lo) },
        IntOp::Mul if a.lo >= 0 && b.lo >= 0 => {
            Range { lo: a.lo.saturating_mul(b.lo), hi: i64::MAX }
        }
        _ => Range::ALL,
    }
}

/// What `x cond y` says of `x`.
fn bound(cond: Cond, y: Range) -> Range {
    match cond {
        Cond::Eq => y,
        Cond::Ne => Range::ALL,
        Cond::Lt => Range { lo: i64::MIN, hi: y.hi.saturating_sub(1) },
        Cond::Le if mutant!("range-bound") => bound(Cond::Lt, y),
        Cond::Le => Range { lo: i64::MIN, hi: y.hi },
        Cond::Gt => Range { lo: y.lo.saturating_add(1), hi: i64::MAX },
        Cond::Ge => Range { lo: y.lo, hi: i64::MAX },
    }
}
