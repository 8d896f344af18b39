//! Giving back all code at once, when there is no room for more.
//!
//! Compiled functions hold each other's cells, so that a single one is hard to take away; all of
//! them together are not, if no compiled frame is active. What is still hot asks again and is
//! compiled anew. Code that does not fit into empty memory is left to the interpreter, and so is
//! all that does not fit after [`MAX_FLUSHES`].

use ruff_runtime::mutant;
use std::sync::PoisonError;

use ruff_runtime::interp::Vm;
use ruff_runtime::objects::function::FunctionCode;

use crate::bailout::Bailout;
use crate::functions::Part;
use crate::pipeline::Jit;
use crate::publish::ask_again;

/// How often all code is given back before what does not fit is left to the interpreter.
const MAX_FLUSHES: u32 = 16;
/// The same for the tests of this.
const MAX_STRESSED_FLUSHES: u32 = 2_000;

/// What waits for room.
#[derive(Default)]
pub(crate) struct Waiting {
    parts: Vec<(*const FunctionCode, Part)>,
    n_flushes: u32,
}

impl Jit {
    /// A part did not fit into the code memory.
    pub(crate) fn has_no_room(&mut self, code: &FunctionCode, part: Part) {
        let is_empty = self.functions.values().all(|state| state.installed.is_empty());
        let limit = if self.options.stress.cache { MAX_STRESSED_FLUSHES } else { MAX_FLUSHES };
        if is_empty || self.waiting.n_flushes >= limit {
            return self.decline(code, part, Bailout::CodeMemory);
        }
        self.stats.count_bailout(Bailout::CodeMemory);
        self.state(code).declined.insert(part);
        self.waiting.parts.push((code, part));
    }

    /// Gives all code back if something waits for its room and none of it runs.
    pub(crate) fn flush_if_needed(&mut self, vm: &Vm) {
        let is_half_full = || self.stats.code_bytes.get() > self.options.code_limit / 2;
        let is_due = !self.waiting.parts.is_empty()
            || self.options.stress.cache
                && self.waiting.n_flushes < MAX_STRESSED_FLUSHES
                && is_half_full();
        if is_due && (!vm.has_compiled_frames() || mutant!("flush-while-running")) {
            self.flush();
        }
    }

    /// Gives all code back; no compiled frame may be active.
    fn flush(&mut self) {
        self.waiting.n_flushes += 1;
        self.stats.flushes.set(self.waiting.n_flushes);
        // What is on its way refers to cells that go now.
        self.flights.values_mut().for_each(|flight| flight.is_outdated = true);
        let heap = self.heap.clone();
        let mut heap = heap.lock().unwrap_or_else(PoisonError::into_inner);
        self.retired.free(&mut heap);
        for (&code, state) in &mut self.functions {
            // SAFETY: code lives as long as the VM, which owns this compiler.
            let loaded = unsafe { &(*code).proto };
            if let Some(loaded) = loaded.as_ref().filter(|_| !mutant!("flush-keeps-entries")) {
                loaded.proto.profile.clear_entries();
            }
            let pieces = state.installed.drain().flat_map(|(_, installed)| installed.pieces);
            pieces.chain(state.adapters.drain(..)).for_each(|piece| heap.free(piece));
            (state.typed, state.older) = (None, Vec::new());
        }
        self.stats.code_bytes.set(heap.used());
        for (code, part) in std::mem::take(&mut self.waiting.parts) {
            self.state(code).declined.remove(&part);
            // SAFETY: as above.
            if let Some(loaded) = unsafe { &(*code).proto } {
                ask_again(loaded, part);
            }
        }
    }
}
