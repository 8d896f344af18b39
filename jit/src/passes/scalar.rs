//! Scalar replacement: instances that are made and given up in one block without anybody looking
//! at them are not made.
//!
//! Reads of their fields were forwarded before, so that only the writes that fill them in and
//! their release are left. Exits on the way make the instance: its fields are among what they
//! write. The count of the declaration, which the instance would own, goes with it; exits that
//! own that count take one of their own.

use std::collections::{HashMap, HashSet};

use ruff_runtime::interp::DEOPT_WORDS;

use crate::abi;
use crate::ir::{BlockId, ExitId, ExitSite, Func, NodeId, Op, Source, Term};

pub(super) fn run(func: &mut Func) {
    let escaping = escaping(func);
    for block in 0..func.blocks.len() {
        let block = BlockId(block as u32);
        let made = |id: &NodeId| matches!(func.node(*id).op, Op::Alloc(_));
        let mut instances: Vec<NodeId> =
            func.block(block).nodes.iter().copied().filter(made).collect();
        instances.retain(|id| !escaping.contains(id));
        for id in instances {
            if let Some(instance) = Instance::find(func, block, id) {
                instance.dissolve(func, block);
            }
        }
    }
}

/// The new blocks that something else than a write into them, a release or an exit uses.
fn escaping(func: &Func) -> HashSet<NodeId> {
    let mut escaping = HashSet::new();
    for block in &func.blocks {
        for &id in &block.nodes {
            match &func.node(id).op {
                Op::Store(_, _, value) => {
                    escaping.insert(*value);
                }
                Op::ReleaseFlat(..) => {}
                op => escaping.extend(op.inputs()),
            }
        }
        match block.term {
            Term::Branch(cond, ..) => {
                escaping.insert(cond);
            }
            Term::Return(payload, tag) => escaping.extend([payload, tag]),
            Term::Exit(exit) => escaping.extend(written(func, exit)),
            Term::Open | Term::Jump(_) => {}
        }
    }
    escaping.extend(func.edges.iter().flat_map(|edge| &edge.args));
    escaping
}

fn written(func: &Func, exit: ExitId) -> impl Iterator<Item = NodeId> + '_ {
    func.exits[exit.0 as usize].writes.iter().flat_map(|(_, source)| source.nodes())
}

/// An instance that need not be made. Places are those among the block's nodes.
struct Instance {
    id: NodeId,
    shape: u64,
    /// Tag and payload words.
    fields: Vec<(NodeId, NodeId)>,
    /// The declaration, whose count it owns.
    def: NodeId,
    /// Where that count is taken.
    retained: usize,
    /// Where it is made, filled in and released.
    dropped: Vec<usize>,
    /// The nodes whose exits it changes.
    leaving: Vec<usize>,
}

impl Instance {
    fn find(func: &Func, block: BlockId, id: NodeId) -> Option<Instance> {
        let nodes = &func.block(block).nodes;
        let op = |at: usize| &func.node(nodes[at]).op;
        let made = nodes.iter().position(|node| *node == id)?;
        let is_end = |at: &usize| matches!(op(*at), Op::ReleaseFlat(object, _) if *object == id);
        let end = (made + 1..nodes.len()).find(is_end)?;
        let mut words: HashMap<i32, NodeId> = HashMap::new();
        let mut dropped = vec![made, end];
        let mut first_exit = end;
        let mut leaving = Vec::new();
        for at in made + 1..end {
            match op(at) {
                Op::Store(into, offset, value) if *into == id => {
                    if words.insert(*offset, *value).is_some() || at > first_exit {
                        return None;
                    }
                    dropped.push(at);
                }
                op if op.exits().is_empty() => {}
                op => {
                    if !mentions(func, op, id)? {
                        return None;
                    }
                    first_exit = first_exit.min(at);
                    leaving.push(at);
                }
            }
        }
        let Op::Const(shape) = func.node(*words.get(&abi::STRUCT_SHAPE)?).op else { return None };
        let layout = func.instances.get(&shape).filter(|layout| layout.n_fields > 0)?;
        let field = |i: u16| {
            let at = abi::STRUCT_FIELDS + i32::from(i) * abi::VALUE_SIZE;
            let tag = words.get(&(at + abi::TAG_OFFSET))?;
            Some((*tag, *words.get(&(at + abi::PAYLOAD_OFFSET))?))
        };
        let fields: Vec<_> = (0..layout.n_fields).map(field).collect::<Option<_>>()?;
        let is_def = |node: NodeId| func.node(node).op == Op::Const(layout.def);
        let filled = dropped.iter().filter(|at| **at != end).max().copied()?;
        let retained = (0..filled)
            .rev()
            .find(|at| matches!(op(*at), Op::Retain(object) if is_def(*object)))?;
        let Op::Retain(def) = *op(retained) else { return None };
        // Exits before it is made own the count of the declaration.
        for at in retained + 1..made {
            if op(at).exits().is_empty() {
                continue;
            }
            if !owns(func, op(at), def)? {
                return None;
            }
            leaving.push(at);
        }
        let instance = Instance { id, shape, fields, def, retained, dropped, leaving };
        instance.fits(func, nodes).then_some(instance)
    }

    /// Whether the exit buffer has room for the fields.
    fn fits(&self, func: &Func, nodes: &[NodeId]) -> bool {
        let exits = self.leaving.iter().flat_map(|&at| func.node(nodes[at]).op.exits());
        exits.into_iter().all(|exit| {
            let writes = func.exits[exit.0 as usize].writes.len();
            2 * (writes + 2 * self.fields.len()) <= DEOPT_WORDS
        })
    }

    fn dissolve(self, func: &mut Func, block: BlockId) {
        let mut made: HashMap<ExitId, ExitId> = HashMap::new();
        for &at in &self.leaving {
            let id = func.block(block).nodes[at];
            let Some(&exit) = func.node(id).op.exits().first() else { continue };
            let new = *made.entry(exit).or_insert_with(|| {
                let old = func.exits[exit.0 as usize].clone();
                let writes = self.writes(&old);
                func.exits.push(ExitSite { writes, ..old });
                ExitId(func.exits.len() as u32 - 1)
            });
            func.nodes[id.0 as usize].op.set_exit(new);
        }
        let mut at = 0;
        func.blocks[block.0 as usize].nodes.retain(|_| {
            at += 1;
            !self.dropped.contains(&(at - 1)) && at - 1 != self.retained
        });
    }

    /// What an exit writes: the instance if it was made, else the declaration with a count.
    fn writes(&self, exit: &ExitSite) -> Vec<(u16, Source)> {
        let is_made = exit.writes.iter().any(|(_, source)| object_of(*source) == Some(self.id));
        let mut writes = Vec::new();
        let mut is_owned = is_made;
        for &(r, source) in &exit.writes {
            match source {
                source if object_of(source) == Some(self.id) => {
                    writes.push((r, Source::Fresh(self.shape, self.fields.len() as u16)));
                    let fields = self.fields.iter();
                    writes.extend(fields.map(|&(tag, payload)| (r, Source::Field(payload, tag))));
                }
                Source::Owned(object, tag) if object == self.def && !is_owned => {
                    is_owned = true;
                    writes.push((r, Source::Shared(object, tag)));
                }
                source => writes.push((r, source)),
            }
        }
        writes
    }
}

/// The object that an exit writes.
fn object_of(source: Source) -> Option<NodeId> {
    match source {
        Source::Owned(object, _) | Source::Shared(object, _) => Some(object),
        _ => None,
    }
}

/// Whether the exit of an operation writes an object; `None` if that cannot be changed.
fn mentions(func: &Func, op: &Op, id: NodeId) -> Option<bool> {
    let exits = op.exits();
    if !exits.iter().any(|&exit| written(func, exit).any(|node| node == id)) {
        return Some(false);
    }
    let [exit] = exits.as_slice() else { return None };
    let sources = func.exits[exit.0 as usize].writes.iter();
    let other =
        sources.into_iter().any(|&(_, s)| object_of(s) != Some(id) && s.nodes().contains(&id));
    (!other && !matches!(op, Op::Call(_))).then_some(true)
}

/// Whether the exit of an operation owns a count of an object; `None` if it cannot be changed.
fn owns(func: &Func, op: &Op, id: NodeId) -> Option<bool> {
    let [exit] = *op.exits() else { return None };
    let is_owner = |&(_, source): &(u16, Source)| matches!(source, Source::Owned(o, _) if o == id);
    let owns = func.exits[exit.0 as usize].writes.iter().any(is_owner);
    (!matches!(op, Op::Call(_))).then_some(owns)
}
