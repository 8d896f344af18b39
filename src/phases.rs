//! How long each phase of a run takes, for `--stats`.
//!
//! Phases nest: an import reads and parses a file while the program runs. The time of the inner
//! phase then counts for that phase alone.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

/// A part of the way from a file to its effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Read,
    Lex,
    Parse,
    Resolve,
    Check,
    Compile,
    Run,
}

impl Phase {
    const ALL: [Phase; 7] = [
        Phase::Read,
        Phase::Lex,
        Phase::Parse,
        Phase::Resolve,
        Phase::Check,
        Phase::Compile,
        Phase::Run,
    ];

    fn name(self) -> &'static str {
        match self {
            Phase::Read => "read",
            Phase::Lex => "lex",
            Phase::Parse => "parse",
            Phase::Resolve => "resolve",
            Phase::Check => "check",
            Phase::Compile => "compile",
            Phase::Run => "run",
        }
    }
}

/// The time spent in each phase; `None` where there was no such phase.
#[derive(Clone, Default, Debug)]
pub struct Phases {
    times: [Cell<Option<Duration>>; Phase::ALL.len()],
    /// Time of the phases inside the present one.
    inner: Cell<Duration>,
}

impl Phases {
    /// Does the work of a phase.
    pub fn time<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let outer = self.inner.take();
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        self.add(phase, took.saturating_sub(self.inner.get()));
        self.inner.set(outer + took);
        result
    }

    /// Adds time that was measured elsewhere.
    pub fn add(&self, phase: Phase, time: Duration) {
        let cell = &self.times[phase as usize];
        cell.set(Some(cell.get().unwrap_or_default() + time));
    }
}

impl fmt::Display for Phases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for phase in Phase::ALL {
            if let Some(time) = self.times[phase as usize].get() {
                writeln!(f, "time {}: {} us", phase.name(), time.as_micros())?;
            }
        }
        Ok(())
    }
}
