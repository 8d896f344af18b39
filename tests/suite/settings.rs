//! The engine settings on which every golden program runs.

use ruff::engine::{Engine, JitMode, JitOptions, JitThreads, Options, Stress};

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
    /// What soon becomes hot is compiled beside the program.
    Beside,
}

impl Setting {
    pub(crate) const ALL: [Setting; 6] =
        [Setting::Tree, Setting::Vm, Setting::Jit, Setting::Hot, Setting::Stress, Setting::Beside];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Setting::Tree => "tree",
            Setting::Vm => "vm",
            Setting::Jit => "jit",
            Setting::Hot => "hot",
            Setting::Stress => "stress",
            Setting::Beside => "beside",
        }
    }

    pub(crate) fn options(self) -> Options {
        let (engine, mode, stress) = match self {
            Setting::Tree => (Engine::Tree, JitMode::Off, None),
            Setting::Vm => (Engine::Vm, JitMode::Off, None),
            Setting::Jit => (Engine::Jit, JitMode::Always, None),
            Setting::Hot => (Engine::Jit, JitMode::On, Some(Stress::Threshold(30))),
            Setting::Stress => (Engine::Jit, JitMode::Always, Some(Stress::Every(3))),
            Setting::Beside => (Engine::Jit, JitMode::On, Some(Stress::Threshold(30))),
        };
        let mut options = Options::new(engine);
        options.jit = JitOptions { mode, stress, ..JitOptions::default() };
        if self == Setting::Beside {
            options.jit.threads = JitThreads::Background;
        }
        options
    }
}
