//! Operations on sets by the equality of the language (LS 4.4).
//!
//! Members that compare equal hash alike ([`equal::hash`]); a NaN equals nothing, so every NaN
//! is a member of its own.

use super::{arith, equal};
use crate::error::Result;
use crate::objects::collections::Set;
use crate::value::Value;

/// The position of the member equal to `v`, whose hash is `hash`; `depth` containers are around
/// it.
pub(super) fn find(set: &Set, v: &Value, hash: u64, depth: u32) -> Result<Option<u32>> {
    for &at in set.index.iter_hash(hash) {
        let at_usize = at as usize;
        if set.hashes[at_usize] == hash && equal::equal_at(&set.members[at_usize], v, depth)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Whether a member equals `v`.
///
/// # Errors
/// `Value nested too deeply`.
pub fn contains(set: &Set, v: &Value) -> Result<bool> {
    Ok(find(set, v, equal::hash(v)?, 0)?.is_some())
}

/// Adds `v` unless a member equals it; true if it was added.
///
/// # Errors
/// `Value nested too deeply`, `Array length limit exceeded`.
pub fn add(set: &mut Set, v: Value) -> Result<bool> {
    let hash = equal::hash(&v)?;
    if find(set, &v, hash, 0)?.is_some() {
        return Ok(false);
    }
    arith::check_array_len(set.members.len() + 1)?;
    let at = set.members.len() as u32;
    set.members.push(v);
    set.hashes.push(hash);
    let hashes = &set.hashes;
    set.index.insert_unique(hash, at, |&i| hashes[i as usize]);
    Ok(true)
}

/// Removes the member that equals `v`; true if there was one. The order of the others stays.
///
/// # Errors
/// `Value nested too deeply`.
pub fn remove(set: &mut Set, v: &Value) -> Result<bool> {
    let hash = equal::hash(v)?;
    let Some(at) = find(set, v, hash, 0)? else { return Ok(false) };
    if let Ok(entry) = set.index.find_entry(hash, |&i| i == at) {
        entry.remove();
    }
    set.members.remove(at as usize);
    set.hashes.remove(at as usize);
    if (at as usize) < set.members.len() {
        set.index.iter_mut().filter(|i| **i > at).for_each(|i| *i -= 1);
    }
    Ok(true)
}

/// The set of the distinct values of `items`, in order of first occurrence.
///
/// # Errors
/// As for [`add`].
pub fn from_iter(items: impl IntoIterator<Item = Value>) -> Result<Set> {
    let mut set = Set::default();
    for item in items {
        add(&mut set, item)?;
    }
    Ok(set)
}
