//! Counters of the compiler's work.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::bailout::Bailout;
use crate::exit_reason::ExitReason;

/// What the compiler did.
#[derive(Default, Debug)]
pub struct Stats {
    /// Compiled functions and loop entries.
    pub compiled: Cell<u32>,
    pub recompiled: Cell<u32>,
    pub code_bytes: Cell<usize>,
    /// Guards that could be forced; only counted if exits are.
    pub guards: Cell<u64>,
    exits: RefCell<BTreeMap<&'static str, u64>>,
    bailouts: RefCell<BTreeMap<&'static str, u64>>,
    phases: RefCell<BTreeMap<&'static str, Duration>>,
}

impl Stats {
    pub fn count_exit(&self, reason: ExitReason) {
        *self.exits.borrow_mut().entry(reason.name()).or_default() += 1;
    }

    pub fn count_bailout(&self, reason: Bailout) {
        *self.bailouts.borrow_mut().entry(reason.name()).or_default() += 1;
    }

    pub fn add_time(&self, phase: &'static str, time: Duration) {
        *self.phases.borrow_mut().entry(phase).or_default() += time;
    }

    pub fn n_exits(&self) -> u64 {
        self.exits.borrow().values().sum()
    }

    /// Exits of one reason.
    pub fn exits_because(&self, reason: ExitReason) -> u64 {
        self.exits.borrow().get(reason.name()).copied().unwrap_or(0)
    }

    /// Exits by reason.
    pub fn exits(&self) -> Vec<(&'static str, u64)> {
        self.exits.borrow().iter().map(|(&name, &n)| (name, n)).collect()
    }

    /// Functions left to the interpreter, by reason.
    pub fn bailouts(&self) -> Vec<(&'static str, u64)> {
        self.bailouts.borrow().iter().map(|(&name, &n)| (name, n)).collect()
    }
}

impl std::fmt::Display for Stats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "compiled: {}", self.compiled.get())?;
        writeln!(f, "recompiled: {}", self.recompiled.get())?;
        writeln!(f, "code bytes: {}", self.code_bytes.get())?;
        if self.guards.get() > 0 {
            writeln!(f, "guards: {}", self.guards.get())?;
        }
        for (name, time) in self.phases.borrow().iter() {
            writeln!(f, "time {name}: {} us", time.as_micros())?;
        }
        for (name, n) in self.exits() {
            writeln!(f, "exits {name}: {n}")?;
        }
        for (name, n) in self.bailouts() {
            writeln!(f, "bailouts {name}: {n}")?;
        }
        Ok(())
    }
}
