//! Checks that IR is well formed; run on every function in debug builds.

use std::collections::{HashMap, HashSet};

use super::{BlockId, Func, NodeId, Op, Ty};
use crate::lower::reachable;

/// What is wrong with a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// An edge leads nowhere.
    OpenEdge(BlockId),
    /// An edge has not as many arguments as its target has parameters, or other types.
    Arguments(BlockId),
    /// A node reads a value that is not computed on all paths before it.
    Undefined(BlockId, NodeId),
}

/// Checks edges and that each value is computed before it is used.
///
/// # Errors
/// The first fault.
pub fn verify(func: &Func) -> Result<(), Fault> {
    let order = reachable(func);
    let mut available: HashMap<BlockId, HashSet<NodeId>> = HashMap::new();
    for &block in &order {
        let mut known = available.get(&block).cloned().unwrap_or_default();
        known.extend(&func.block(block).params);
        for &id in &func.block(block).nodes {
            check_node(func, block, id, &known)?;
            known.insert(id);
        }
        for edge in func.edges_of(block) {
            let edge = func.edge(edge);
            let Some(to) = edge.to else { return Err(Fault::OpenEdge(block)) };
            let types: Vec<Ty> = edge.args.iter().map(|&arg| func.ty(arg)).collect();
            let wanted: Vec<Ty> =
                func.block(to).params.iter().map(|&param| func.ty(param)).collect();
            if types != wanted {
                return Err(Fault::Arguments(block));
            }
            if let Some(&arg) = edge.args.iter().find(|arg| !known.contains(arg)) {
                return Err(Fault::Undefined(block, arg));
            }
            match available.get_mut(&to) {
                Some(so_far) => so_far.retain(|node| known.contains(node)),
                None => {
                    available.insert(to, known.clone());
                }
            }
        }
    }
    Ok(())
}

fn check_node(
    func: &Func,
    block: BlockId,
    id: NodeId,
    known: &HashSet<NodeId>,
) -> Result<(), Fault> {
    let op = &func.node(id).op;
    if let Some(&input) = op.inputs().iter().find(|input| !known.contains(input)) {
        return Err(Fault::Undefined(block, input));
    }
    for exit in op.exits() {
        for (_, source) in &func.exits[exit.0 as usize].writes {
            let is_own = |node: &NodeId| matches!(op, Op::Call(_)) && *node >= id;
            if let Some(&node) =
                source.nodes().iter().find(|node| !known.contains(node) && !is_own(node))
            {
                return Err(Fault::Undefined(block, node));
            }
        }
    }
    Ok(())
}
