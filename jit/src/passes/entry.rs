//! Shortens the first block: registers that are not needed any more where a loop is entered are
//! released by a helper, row by row, instead of one by one in line. It runs once per entry, and
//! code for each register would cost more time to compile than it ever saves.

use crate::ir::{Func, Helper, NodeId, Op, Ty};

/// Releases in a row that are worth a call.
const LEAST: usize = 2;

pub(super) fn run(func: &mut Func) {
    let Some(first) = func.blocks.first_mut() else { return };
    let nodes = std::mem::take(&mut first.nodes);
    let mut kept = Vec::with_capacity(nodes.len());
    let mut rest = nodes.as_slice();
    while let Some(&id) = rest.first() {
        let n = row(func, rest);
        if n >= LEAST {
            kept.extend(release_row(func, id, n));
        } else {
            kept.push(id);
        }
        rest = &rest[n.max(1)..];
    }
    func.blocks[0].nodes = kept;
}

/// How many nodes from the first on release registers that follow each other.
fn row(func: &Func, nodes: &[NodeId]) -> usize {
    let register = |id: &NodeId| match func.node(*id).op {
        Op::Release(r) => Some(usize::from(r)),
        _ => None,
    };
    let Some(first) = nodes.first().and_then(register) else { return 0 };
    nodes.iter().enumerate().take_while(|(i, id)| register(id) == Some(first + i)).count()
}

fn release_row(func: &mut Func, first: NodeId, n: usize) -> Vec<NodeId> {
    let Op::Release(r) = func.node(first).op else { return vec![first] };
    let slot = func.new_node(Op::SlotAddr(r), Ty::Word);
    let count = func.new_node(Op::Const(n as u64), Ty::Word);
    let call = func.new_node(Op::Help(Helper::ReleaseRow, vec![slot, count]), Ty::Word);
    vec![slot, count, call]
}
