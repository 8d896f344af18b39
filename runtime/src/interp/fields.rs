//! Slots of fields at sites that see structs of several shapes.
//!
//! A site remembers one shape; this cache remembers the slot per shape and name constant, for
//! the interpreter, and for the JIT, which asks for all shapes that a name was used with.

use std::sync::Arc;

use super::Vm;
use crate::value::Value;

const N_CACHED: usize = 512;

/// A remembered slot; shape ids are never 0.
#[derive(Clone, Copy, Default)]
struct Cached {
    shape: u32,
    slot: u32,
    /// The address of the name constant.
    name: u64,
}

/// Slots by shape and name.
pub(super) struct FieldCache(Box<[Cached]>);

impl FieldCache {
    pub(super) fn new() -> FieldCache {
        FieldCache(vec![Cached::default(); N_CACHED].into())
    }

    fn at(shape: u32, name: u64) -> usize {
        (u64::from(shape) ^ name >> 4) as usize % N_CACHED
    }

    pub(super) fn get(&self, shape: u32, name: &Value) -> Option<usize> {
        let cached = self.0[Self::at(shape, name.payload())];
        let is_hit = cached.shape == shape && cached.name == name.payload();
        is_hit.then_some(cached.slot as usize)
    }

    pub(super) fn put(&mut self, shape: u32, name: &Value, slot: usize) {
        let name = name.payload();
        self.0[Self::at(shape, name)] = Cached { shape, slot: slot as u32, name };
    }
}

impl Vm {
    /// Remembers the slot of a field on the way to a place.
    pub(super) fn note_field(&mut self, shape: u32, name: &Arc<str>, slot: usize) {
        let name = self.literal(name);
        self.fields.put(shape, &name, slot);
    }

    /// The shapes whose field of this name was used lately, with its slot; for the JIT.
    pub fn cached_fields(&self, name: &str) -> Vec<(u32, u16)> {
        let Some(name) = self.literals.get(name) else { return Vec::new() };
        let same = self.fields.0.iter().filter(|c| c.shape != 0 && c.name == name.payload());
        same.filter_map(|c| Some((c.shape, u16::try_from(c.slot).ok()?))).collect()
    }
}
