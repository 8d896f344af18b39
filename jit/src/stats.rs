//! Counters of the compiler's work.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::bailout::Bailout;
use crate::exit_reason::ExitReason;
use crate::generator::Fault;

/// What the compiler did.
#[derive(Default, Debug)]
pub struct Stats {
    /// Compiled functions and loop entries.
    pub compiled: Cell<u32>,
    pub recompiled: Cell<u32>,
    /// Compiled code that was out of date when it was ready.
    pub dropped: Cell<u32>,
    pub code_bytes: Cell<usize>,
    /// Times that all code was given back.
    pub flushes: Cell<u32>,
    /// Guards that could be forced; only counted if exits are.
    pub guards: Cell<u64>,
    /// Code that compiles for another machine too; only counted if that was asked for.
    pub portable: Cell<u64>,
    /// Why some does not.
    pub unportable: RefCell<Vec<String>>,
    /// The longest time that the program waited for the compiler.
    longest_wait: Cell<Duration>,
    exits: [Cell<u64>; ExitReason::ALL.len()],
    bailouts: RefCell<BTreeMap<&'static str, u64>>,
    phases: RefCell<BTreeMap<&'static str, Duration>>,
}

impl Stats {
    pub fn count_exit(&self, reason: ExitReason) {
        let counter = &self.exits[reason as usize];
        counter.set(counter.get() + 1);
    }

    /// Counts code that was compiled for another machine too.
    pub fn count_portable(&self, compiled: Option<Result<(), Fault>>) {
        match compiled {
            Some(Ok(())) => self.portable.set(self.portable.get() + 1),
            Some(Err(fault)) => self.unportable.borrow_mut().push(fault.0),
            None => {}
        }
    }

    pub fn count_bailout(&self, reason: Bailout) {
        *self.bailouts.borrow_mut().entry(reason.name()).or_default() += 1;
    }

    pub fn add_time(&self, phase: &'static str, time: Duration) {
        *self.phases.borrow_mut().entry(phase).or_default() += time;
    }

    pub fn note_wait(&self, time: Duration) {
        self.longest_wait.set(self.longest_wait.get().max(time));
    }

    pub fn n_exits(&self) -> u64 {
        self.exits.iter().map(Cell::get).sum()
    }

    /// Exits of one reason.
    pub fn exits_because(&self, reason: ExitReason) -> u64 {
        self.exits[reason as usize].get()
    }

    /// Exits by reason, where there were any.
    pub fn exits(&self) -> Vec<(&'static str, u64)> {
        let all = ExitReason::ALL.iter().map(|&reason| (reason.name(), self.exits_because(reason)));
        all.filter(|&(_, n)| n > 0).collect()
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
        writeln!(f, "dropped: {}", self.dropped.get())?;
        writeln!(f, "code bytes: {}", self.code_bytes.get())?;
        if self.flushes.get() > 0 {
            writeln!(f, "flushes: {}", self.flushes.get())?;
        }
        if self.guards.get() > 0 {
            writeln!(f, "guards: {}", self.guards.get())?;
        }
        for (name, time) in self.phases.borrow().iter() {
            writeln!(f, "time {name}: {} us", time.as_micros())?;
        }
        writeln!(f, "longest wait: {} us", self.longest_wait.get().as_micros())?;
        for (name, n) in self.exits() {
            writeln!(f, "exits {name}: {n}")?;
        }
        for (name, n) in self.bailouts() {
            writeln!(f, "bailouts {name}: {n}")?;
        }
        Ok(())
    }
}
