//! Definite assignment: which variables certainly have a value at the current position.
//!
//! Follows the structure of the code: branches are compiled one after the other, each from the
//! same state, and merged; loops give nothing to what follows. Variables that are not in the
//! set are checked when read.

use std::collections::{HashMap, HashSet};

use crate::resolve::VarId;

/// The state at the current position.
#[derive(Default)]
pub(super) struct Assigned {
    set: HashSet<VarId>,
    /// The members in the order in which they came.
    trail: Vec<VarId>,
    /// The position cannot be reached.
    pub dead: bool,
}

/// A position to go back to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    len: usize,
    dead: bool,
}

/// What a branch assigned.
pub(super) struct Branch {
    vars: Vec<VarId>,
    dead: bool,
}

impl Assigned {
    pub(super) fn has(&self, var: VarId) -> bool {
        self.set.contains(&var)
    }

    pub(super) fn assign(&mut self, var: VarId) {
        if self.set.insert(var) {
            self.trail.push(var);
        }
    }

    /// The state before a branch.
    pub(super) fn mark(&self) -> Mark {
        Mark { len: self.trail.len(), dead: self.dead }
    }

    /// Goes back to the state at `mark`; gives what was assigned since.
    pub(super) fn rewind(&mut self, mark: Mark) -> Branch {
        let vars = self.trail.split_off(mark.len);
        for var in &vars {
            self.set.remove(var);
        }
        let dead = std::mem::replace(&mut self.dead, mark.dead);
        Branch { vars, dead }
    }

    /// The state where the branches meet: assigned is what all that arrive have assigned.
    pub(super) fn merge(&mut self, branches: Vec<Branch>) {
        let live: Vec<Branch> = branches.into_iter().filter(|branch| !branch.dead).collect();
        if live.is_empty() {
            self.dead = true;
            return;
        }
        let n = live.len();
        let mut counts: HashMap<VarId, usize> = HashMap::new();
        for var in live.into_iter().flat_map(|branch| branch.vars) {
            let count = counts.entry(var).or_default();
            *count += 1;
            if *count == n {
                self.assign(var);
            }
        }
    }
}
