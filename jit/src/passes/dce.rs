//! Drops nodes without effects whose values nobody reads.

use crate::ir::{ExitId, Func, NodeId, Term};

/// Marks what is needed, from effects and block ends backwards, and drops the rest.
pub(super) fn run(func: &mut Func) {
    let mut needed = vec![false; func.nodes.len()];
    let mut work: Vec<NodeId> = Vec::new();
    for block in &func.blocks {
        work.extend(block.nodes.iter().filter(|&&node| !func.node(node).op.is_pure()));
        match block.term {
            Term::Branch(cond, ..) => work.push(cond),
            Term::Return(payload, tag) => work.extend([payload, tag]),
            Term::Exit(exit) => work.extend(exit_inputs(func, exit)),
            Term::Open | Term::Jump(_) => {}
        }
    }
    for edge in &func.edges {
        // Arguments of parameters that turn out unused cost little.
        work.extend(&edge.args);
    }
    while let Some(node) = work.pop() {
        if std::mem::replace(&mut needed[node.0 as usize], true) {
            continue;
        }
        let op = &func.node(node).op;
        work.extend(op.inputs());
        for exit in op.exits() {
            work.extend(exit_inputs(func, exit));
        }
    }
    for block in &mut func.blocks {
        block.nodes.retain(|node| needed[node.0 as usize]);
    }
}

/// The nodes that an exit writes to registers.
fn exit_inputs(func: &Func, exit: ExitId) -> Vec<NodeId> {
    let mut inputs = Vec::new();
    for (_, source) in &func.exits[exit.0 as usize].writes {
        inputs.extend(source.nodes());
    }
    inputs
}
