//! Whether the code of all golden and bench programs compiles for aarch64 too.
//!
//! The programs run here; what the JIT compiles for this machine is also lowered, verified and
//! compiled for the other one, and thrown away. The code generator of the tests has both
//! machines, that of the command only its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use cranelift_codegen as _;
use libtest_mimic::{Failed, Trial};
use ruff::engine::{Engine, JitMode, JitOptions, Options, Stress};
use ruff_runtime::host::Interrupt;

use crate::files;
use crate::golden::{self, Golden};

/// Long enough for everything to be compiled.
const LONGEST_RUN: Duration = Duration::from_millis(700);

/// Folders of which something must be compiled; some topics have nothing to be.
const COMPILED: [&str; 5] = ["functions", "generators", "hot", "idioms", "programs"];

/// A trial for each topic of the golden programs and each folder of bench programs.
pub(crate) fn trials() -> Vec<Trial> {
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for root in ["tests/lang", "benches/programs", "benches/idioms"] {
        for path in files::below(root, "ruff") {
            let folder = path.parent().unwrap_or(&path).to_owned();
            folders.entry(folder).or_default().push(path);
        }
    }
    let trial = |(folder, paths): (PathBuf, Vec<PathBuf>)| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_compiled = COMPILED.contains(&&*name);
        Trial::test(format!("portability/aarch64::{name}"), move || check(&paths, is_compiled))
    };
    folders.into_iter().map(trial).collect()
}

fn check(paths: &[PathBuf], is_compiled: bool) -> Result<(), Failed> {
    let mut n_compiled = 0;
    for path in paths {
        n_compiled += compile(path)?;
    }
    if n_compiled == 0 && is_compiled {
        return Err("nothing was compiled for aarch64".into());
    }
    Ok(())
}

/// Runs a program with everything compiled, and again with what gets hot.
fn compile(path: &Path) -> Result<u64, Failed> {
    let hot = Stress { threshold: Some(30), ..Stress::NONE };
    let mut n_compiled = 0;
    for (mode, stress) in [(JitMode::Always, Stress::NONE), (JitMode::On, hot)] {
        let interrupt = Arc::<Interrupt>::default();
        let mut options = Options { interrupt: interrupt.clone(), ..Options::new(Engine::Jit) };
        let checks_aarch64 = true;
        options.jit = JitOptions { mode, stress, checks_aarch64, ..JitOptions::default() };
        let text = files::read(path);
        // Bench programs have no expectation; here only what was compiled counts.
        let golden = Golden::parse(&text).unwrap_or_else(|_| Golden::of_text(&text));
        let (done, wait) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            if wait.recv_timeout(LONGEST_RUN) == Err(mpsc::RecvTimeoutError::Timeout) {
                interrupt.request_stop();
            }
        });
        let finished = golden::run_program_with(&golden, options);
        drop(done);
        watch.join().expect("the watch does not panic");
        if let Some(fault) = finished.unportable.first() {
            return Err(format!("{}: {fault}", path.display()).into());
        }
        n_compiled += finished.portable;
    }
    Ok(n_compiled)
}
