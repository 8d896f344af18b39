//! Collection of unreachable cycles by trial deletion.
//!
//! Data values form no cycles; only captured-variable cells and `ref` cells can close one. All
//! cells of a thread are registered; a collection looks at what is reachable from them, counts
//! the references among these objects, keeps everything reachable from an object that is also
//! referenced from elsewhere, and empties the cells of the rest, which frees it by counting.

use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustc_hash::FxHashMap;

use super::Obj;
use super::trace::{each_child, holds_values};
use crate::host::Interrupt;
use crate::objects::cell::CellBody;
use crate::value::{Tag, Value, View};

/// No collection below this number of cells.
const MIN_CELLS: usize = 10_000;

struct Register {
    cells: Vec<*const Obj<CellBody>>,
    /// A collection is due when there are more cells than this.
    threshold: usize,
    interrupt: Option<Arc<Interrupt>>,
}

thread_local! {
    // Never dropped, since cells may outlive the destruction of thread-local variables.
    static REGISTER: UnsafeCell<ManuallyDrop<Register>> = const {
        UnsafeCell::new(ManuallyDrop::new(Register {
            cells: Vec::new(),
            threshold: MIN_CELLS,
            interrupt: None,
        }))
    };
}

/// Runs `f` on the thread's register; `f` must not come back here.
#[inline]
fn with_register<T>(f: impl FnOnce(&mut Register) -> T) -> T {
    // SAFETY: the register belongs to this thread, and the closures of this file neither re-enter
    // it nor keep references.
    REGISTER.with(|register| unsafe { f(&mut *register.get()) })
}

/// Sets the flags through which a due collection is requested from the code that runs on this
/// thread.
pub fn on_due(interrupt: Arc<Interrupt>) {
    let before = with_register(|register| register.interrupt.replace(interrupt));
    drop(before);
}

/// Makes running code poll.
pub(super) fn interrupt() {
    with_register(|register| {
        if let Some(interrupt) = &register.interrupt {
            interrupt.pending.store(true, Ordering::Release);
        }
    });
}

/// Gives the memory of the register back if it is empty; for threads that end.
pub(super) fn release_register() {
    let (cells, interrupt) = with_register(|register| {
        let cells = register.cells.is_empty().then(|| std::mem::take(&mut register.cells));
        (cells, register.interrupt.take())
    });
    drop((cells, interrupt));
}

/// Enters a new cell, tag `Cell` or `Ref`, into the register.
pub(crate) fn register_cell(cell: &Value) {
    let (View::Cell(body) | View::Ref(body)) = cell.view() else { return };
    with_register(|register| {
        body.registered_at.set(register.cells.len() as u32);
        register.cells.push(cell.payload() as *const Obj<CellBody>);
        if register.cells.len() > register.threshold
            && let Some(interrupt) = &register.interrupt
        {
            interrupt.pending.store(true, Ordering::Release);
        }
    });
}

/// Removes a cell that is being freed.
pub(crate) fn unregister_cell(body: &CellBody) {
    with_register(|register| {
        let at = body.registered_at.get() as usize;
        register.cells.swap_remove(at);
        if let Some(&moved) = register.cells.get(at) {
            // SAFETY: registered cells are live; they leave the register when they are freed.
            unsafe { (*moved).body.registered_at.set(at as u32) };
        }
    });
}

/// Whether enough cells have gathered since the last collection.
pub fn cycle_collection_is_due() -> bool {
    with_register(|register| register.cells.len() > register.threshold)
}

/// An object reachable from a cell.
struct Node {
    /// Does not own a count.
    value: ManuallyDrop<Value>,
    /// References from other nodes.
    n_internal: u32,
    is_live: bool,
}

#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    by_address: FxHashMap<u64, u32>,
}

/// Frees unreachable cycles and returns the number of cells freed.
pub fn collect_cycles() -> usize {
    let n_before = with_register(|register| register.cells.len());
    let mut graph = Graph::default();
    for i in 0..n_before {
        let cell = with_register(|register| register.cells[i]);
        // SAFETY: registered cells are live, and the header says under which tag.
        let value = unsafe {
            let is_ref = (*cell).header.kind == Tag::Ref as u8;
            let tag = if is_ref { Tag::Ref } else { Tag::Cell };
            ManuallyDrop::new(Value::from_parts(tag, cell as u64))
        };
        graph.add(&value);
    }
    graph.count_internal();
    graph.mark_live();
    drop(graph.empty_garbage());
    let n_after = with_register(|register| {
        register.threshold = MIN_CELLS.max(2 * register.cells.len());
        register.cells.len()
    });
    n_before - n_after
}

impl Graph {
    /// The node of an object, made if it is new; `None` for objects without references.
    fn add(&mut self, value: &Value) -> Option<&mut Node> {
        if !holds_values(value.tag()) {
            return None;
        }
        let next = self.nodes.len() as u32;
        let index = *self.by_address.entry(value.payload()).or_insert(next);
        if index == next {
            // SAFETY: the copy owns no count and is never dropped; the object stays alive until
            // `empty_garbage`, which no copy outlives.
            let value = unsafe { Value::from_parts(value.tag(), value.payload()) };
            let value = ManuallyDrop::new(value);
            self.nodes.push(Node { value, n_internal: 0, is_live: false });
        }
        self.nodes.get_mut(index as usize)
    }

    /// Adds everything reachable and counts the references among nodes.
    fn count_internal(&mut self) {
        let mut next = 0;
        while next < self.nodes.len() {
            let value = self.alias(next);
            each_child(&value, |child| {
                if let Some(node) = self.add(child) {
                    node.n_internal += 1;
                }
            });
            next += 1;
        }
    }

    fn alias(&self, index: usize) -> ManuallyDrop<Value> {
        let value = &self.nodes[index].value;
        // SAFETY: as in `add`.
        ManuallyDrop::new(unsafe { Value::from_parts(value.tag(), value.payload()) })
    }

    /// Marks what is referenced from outside, and all that is reachable from there.
    fn mark_live(&mut self) {
        let mut found = Vec::new();
        for (i, node) in self.nodes.iter_mut().enumerate() {
            if node.value.header().rc() > node.n_internal {
                node.is_live = true;
                found.push(i);
            }
        }
        while let Some(i) = found.pop() {
            each_child(&self.alias(i), |child| {
                let Some(&at) = self.by_address.get(&child.payload()) else { return };
                let node = &mut self.nodes[at as usize];
                if holds_values(child.tag()) && !node.is_live {
                    node.is_live = true;
                    found.push(at as usize);
                }
            });
        }
    }

    /// Takes the contents out of the dead cells and declarations; dropping them frees the rest.
    fn empty_garbage(self) -> Vec<Value> {
        let mut contents = Vec::new();
        for node in self.nodes.iter().filter(|node| !node.is_live) {
            match node.value.view() {
                View::Cell(cell) | View::Ref(cell) => contents.push(cell.replace(Value::NULL)),
                View::StructDef(def) => contents.extend(def.take_values()),
                _ => {}
            }
        }
        contents
    }
}
