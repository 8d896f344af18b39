//! Options of the compiler.
//!
//! They are set from the command line (`src/cli`) and by tests.

use crate::log::{LogForm, Stage};

/// Ways to make compiled code take its rare paths, for tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stress {
    /// This guard, counted from 1 as they are compiled, fails the first time it is executed.
    pub exit_at: Option<u64>,
    /// Every so manieth executed guard fails.
    pub every: Option<u64>,
    /// The feedback lies, as this seed says.
    pub poison: Option<u64>,
    /// Code is given back all the time, and its memory overwritten.
    pub cache: bool,
    /// Loops are entered before the functions around them are compiled.
    pub osr_eager: bool,
    /// What the range pass shows is checked when it runs.
    pub checks_ranges: bool,
}

impl Stress {
    /// Whether guards fail that hold.
    pub fn forces_exits(self) -> bool {
        self.exit_at.is_some() || self.every.is_some()
    }
}

/// Options of the compiler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Compile instructions without a profile too, instead of leaving at them.
    pub is_eager: bool,
    pub stress: Stress,
    /// Compile everything for aarch64 too, and only see whether that works; for tests, in builds
    /// whose code generator has that target.
    pub checks_aarch64: bool,
    /// Bytes of code memory.
    pub code_limit: usize,
    pub log: LogForm,
    /// Name compiled functions for `perf`.
    pub perf_map: bool,
    /// Write this form of all code to stderr.
    pub dump: Option<Stage>,
}

impl Default for Options {
    fn default() -> Self {
        let (is_eager, stress) = (false, Stress::default());
        let (log, perf_map) = (LogForm::None, false);
        let checks_aarch64 = false;
        Options {
            is_eager,
            stress,
            checks_aarch64,
            code_limit: 64 << 20,
            log,
            perf_map,
            dump: None,
        }
    }
}
