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
    /// A row of [`MATRIX`].
    Stressed(usize),
}

/// The stress matrix: name, mode, what is stressed, and whether code is compiled beside the
/// program. Each program runs on one row of it in turn, and on all of them with
/// `RUFF_STRESS=all`.
const MATRIX: [(&str, JitMode, &str, bool); 22] = [
    ("poison-0", JitMode::On, "threshold:30,poison:0", false),
    ("cache-always", JitMode::Always, "cache:8192", false),
    ("osr-always", JitMode::Always, "osr:eager", false),
    ("poison-1", JitMode::On, "threshold:30,poison:1", false),
    ("every-1", JitMode::Always, "every:1", false),
    ("poison-2", JitMode::On, "threshold:30,poison:2", false),
    ("cache-beside", JitMode::On, "threshold:20,cache:32768", true),
    ("poison-3", JitMode::On, "threshold:30,poison:3", false),
    ("osr-profile", JitMode::On, "osr:eager", false),
    ("poison-4", JitMode::On, "threshold:10,poison:4", false),
    ("hot-every-2", JitMode::On, "threshold:30,every:2", false),
    ("poison-5", JitMode::On, "threshold:100,poison:5", false),
    ("poison-always", JitMode::Always, "poison:6", false),
    ("hot-every-5", JitMode::On, "threshold:20,every:5", false),
    ("cache-poison", JitMode::On, "threshold:30,poison:7,cache:24576", false),
    ("poison-beside", JitMode::On, "threshold:30,poison:8", true),
    ("osr-every", JitMode::On, "osr:eager,every:3", false),
    ("poison-every", JitMode::On, "threshold:30,poison:10,every:7", false),
    ("threshold-2", JitMode::On, "threshold:2", false),
    ("ranges-always", JitMode::Always, "ranges:check", false),
    ("ranges-hot", JitMode::On, "threshold:30,ranges:check", false),
    ("cache-osr", JitMode::On, "osr:eager,cache:16384", false),
];

impl Setting {
    pub(crate) const ALL: [Setting; 6] =
        [Setting::Tree, Setting::Vm, Setting::Jit, Setting::Hot, Setting::Stress, Setting::Beside];

    /// The rows of the stress matrix on which the program of this number runs.
    pub(crate) fn stressed(program: usize) -> Vec<Setting> {
        if stress_is_all() {
            return Setting::matrix();
        }
        vec![Setting::Stressed(program % MATRIX.len())]
    }

    /// All rows of the stress matrix.
    pub(crate) fn matrix() -> Vec<Setting> {
        (0..MATRIX.len()).map(Setting::Stressed).collect()
    }

    /// The row of the stress matrix of this name.
    #[cfg(feature = "mutants")]
    pub(crate) fn named(name: &str) -> Setting {
        let row = MATRIX.iter().position(|row| row.0 == name);
        Setting::Stressed(row.expect("there is a row of this name"))
    }

    /// Some rows of the stress matrix for a generated program.
    pub(crate) fn some_stressed(program: u64) -> [Setting; 2] {
        let n = MATRIX.len() as u64;
        [program % n, (program * 7 + 3) % n].map(|row| Setting::Stressed(row as usize))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Setting::Tree => "tree",
            Setting::Vm => "vm",
            Setting::Jit => "jit",
            Setting::Hot => "hot",
            Setting::Stress => "stress",
            Setting::Beside => "beside",
            Setting::Stressed(row) => MATRIX[row].0,
        }
    }

    pub(crate) fn options(self) -> Options {
        let hot = Stress { threshold: Some(30), ..Stress::NONE };
        let every = Stress { every: Some(3), ..Stress::NONE };
        let (engine, mode, stress, is_beside) = match self {
            Setting::Tree => (Engine::Tree, JitMode::Off, Stress::NONE, false),
            Setting::Vm => (Engine::Vm, JitMode::Off, Stress::NONE, false),
            Setting::Jit => (Engine::Jit, JitMode::Always, Stress::NONE, false),
            Setting::Hot => (Engine::Jit, JitMode::On, hot, false),
            Setting::Stress => (Engine::Jit, JitMode::Always, every, false),
            Setting::Beside => (Engine::Jit, JitMode::On, hot, true),
            Setting::Stressed(row) => {
                let (_, mode, stress, is_beside) = MATRIX[row];
                (Engine::Jit, mode, Stress::parse(stress).expect("rows are right"), is_beside)
            }
        };
        let mut options = Options::new(engine);
        options.jit = JitOptions { mode, stress, ..JitOptions::default() };
        if is_beside {
            options.jit.threads = JitThreads::Background;
        }
        options
    }
}

#[expect(clippy::disallowed_methods, reason = "the size of a test run is set from outside")]
fn stress_is_all() -> bool {
    std::env::var("RUFF_STRESS").is_ok_and(|value| value == "all")
}
