//! The engine settings on which every golden program runs.

use ruff::engine::{Engine, JitMode, JitOptions, Options, Stress};

/// One way to run a program; all of them must behave alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Setting {
    /// The tree evaluator.
    Tree,
    /// The interpreter alone.
    Vm,
    /// Everything is compiled before it runs for the second time.
    Jit,
    /// What has run a few times is compiled with its profile.
    Hot,
    /// As `Jit`, and every third guard fails.
    Stress,
}

impl Setting {
    pub(crate) const ALL: [Setting; 5] =
        [Setting::Tree, Setting::Vm, Setting::Jit, Setting::Hot, Setting::Stress];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Setting::Tree => "tree",
            Setting::Vm => "vm",
            Setting::Jit => "jit",
            Setting::Hot => "hot",
            Setting::Stress => "stress",
        }
    }

    pub(crate) fn options(self) -> Options {
        let (engine, mode, stress) = match self {
            Setting::Tree => (Engine::Tree, JitMode::Off, None),
            Setting::Vm => (Engine::Vm, JitMode::Off, None),
            Setting::Jit => (Engine::Jit, JitMode::Always, None),
            Setting::Hot => (Engine::Jit, JitMode::On, Some(Stress::Threshold(30))),
            Setting::Stress => (Engine::Jit, JitMode::Always, Some(Stress::Every(3))),
        };
        let mut options = Options::new(engine);
        options.jit = JitOptions { mode, stress, ..JitOptions::default() };
        options
    }
}
