//! Wires everything together: runs a source text on one of the engines.
//!
//! Every run has a thread of its own with a large reserved stack, so that the depth limits of
//! the language, not the native stack, decide how deep a program may call; and so that nothing
//! of one run is left for the next.

mod bytecode;
#[cfg_attr(not(feature = "jit"), path = "no_jit.rs")]
mod jit;
mod stress;
#[cfg(test)]
mod tests;
mod tests_of_file;

pub use bytecode::{DumpForm, dump};
pub use stress::Stress;
pub use tests_of_file::{TestOutcome, run_tests};

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ruff_runtime::concurrency::{isolates, tasks};
use ruff_runtime::error::{Error, Exit};
use ruff_runtime::heap;
use ruff_runtime::host::{Host, Interrupt, Isolate, Output};
use ruff_runtime::limits::Limits;
use ruff_runtime::permissions::Permissions;

use crate::loader::{Checked, Loader};
use crate::phases::Phase;
use crate::report::{self, Sources, Style};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::{Rejected, Source};
use crate::tree::{Evaluator, TreeLoader, TreeModule};

pub use crate::tree::Observer;

/// The engines, which agree on everything that a program can observe but time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// The tree evaluator: the reference.
    Tree,
    /// The bytecode interpreter alone.
    Vm,
    /// The interpreter with the JIT.
    Jit,
}

/// Whether this build has the JIT; without it, [`Engine::Jit`] interprets.
pub const HAS_JIT: bool = jit::IS_BUILT_IN;

impl Engine {
    /// The engines of this build.
    pub const ALL: &[Engine] = match HAS_JIT {
        true => &[Engine::Tree, Engine::Vm, Engine::Jit],
        false => &[Engine::Tree, Engine::Vm],
    };

    pub fn name(self) -> &'static str {
        match self {
            Engine::Tree => "tree",
            Engine::Vm => "vm",
            Engine::Jit => "jit",
        }
    }

    /// Bytes of native stack to reserve for a task and for the thread; pages are only used when touched.
    fn stack_bytes(self) -> usize {
        match self {
            Engine::Tree | Engine::Jit => 4 << 30,
            Engine::Vm => 1 << 30,
        }
    }
}

/// When the JIT compiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JitMode {
    Off,
    /// Code that has become hot.
    #[default]
    On,
    /// Everything, at its first execution.
    Always,
}

/// In which form the JIT tells on stderr what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogForm {
    #[default]
    None,
    Text,
    Json,
}

/// A form of code on its way to the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Ir,
    Clif,
    Asm,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JitOptions {
    pub mode: JitMode,
    pub stress: Stress,
    pub threads: JitThreads,
    /// Bytes of code memory; `None` for the usual amount.
    pub code_limit: Option<usize>,
    pub log: LogForm,
    /// Compile everything for aarch64 too, to see whether that works.
    pub checks_aarch64: bool,
    /// Name compiled functions for `perf`.
    pub perf_map: bool,
    /// Write this form of all compiled code to stderr.
    pub dump: Option<Stage>,
}

/// On which thread the JIT generates code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JitThreads {
    /// On one beside the program's, unless tests want every run to be the same: those with
    /// [`JitMode::Always`] or [`Stress`].
    #[default]
    Auto,
    /// On the program's, which waits.
    Sync,
    /// On one beside the program's.
    Background,
}

/// How to run a program.
#[derive(Clone)]
pub struct Options {
    pub engine: Engine,
    pub jit: JitOptions,
    pub limits: Limits,
    /// Command-line arguments of the program.
    pub args: Vec<String>,
    /// Set from another thread to stop the program.
    pub interrupt: Arc<Interrupt>,
    pub style: Style,
    /// Append statistics to the messages.
    pub wants_stats: bool,
    /// What the program may do.
    pub permissions: Arc<Permissions>,
    /// How long it took to read the program, for the statistics.
    pub read_time: Duration,
    /// Sees the calls of natives; on the tree evaluator only.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Options {
    pub fn new(engine: Engine) -> Options {
        Options {
            engine,
            jit: JitOptions::default(),
            limits: Limits::DEFAULT,
            args: Vec::new(),
            interrupt: Arc::default(),
            style: Style::Plain,
            wants_stats: false,
            permissions: Arc::default(),
            read_time: Duration::ZERO,
            observer: None,
        }
    }
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Finished {
    /// As in LS 20.1.
    pub exit_code: u8,
    /// Only for captured runs.
    pub stdout: Vec<u8>,
    /// Guards that [`Stress`] made fail.
    pub forced_exits: u64,
    /// Guards that [`Stress::ExitAt`] could make fail.
    pub guards: u64,
    /// Code that was compiled for aarch64 too.
    pub portable: u64,
    /// Why some could not be.
    pub unportable: Vec<String>,
    /// Objects that the program has not given back at its end.
    pub n_leaked: usize,
    /// Diagnostics and statistics, as text for people.
    pub stderr: String,
}

impl Finished {
    /// The exit code after Ctrl-C.
    pub const INTERRUPTED: u8 = 130;
    /// The exit code after a limit of time or steps.
    pub const EXPIRED: u8 = 7;

    /// A source that is not text.
    pub fn rejected(rejected: &Rejected, options: &Options) -> Finished {
        let list = std::slice::from_ref(&rejected.diagnostic);
        Self::not_compiled(&rejected.source, list, options)
    }

    fn not_compiled(source: &Source, list: &[Diagnostic], options: &Options) -> Finished {
        let stderr = report::diagnostics(source, list, options.style);
        Finished { exit_code: 3, stderr, ..Finished::default() }
    }

    fn internal_error() -> Finished {
        let stderr = "error: internal error of ruff; please report the program\n".to_owned();
        Finished { exit_code: 6, stderr, ..Finished::default() }
    }

    fn after(result: Result<(), Error>, sources: &Sources, style: Style) -> Finished {
        let Err(error) = result else { return Finished::default() };
        match error.cause_of_exit {
            Exit::Exit(exit_code) => Finished { exit_code, ..Finished::default() },
            Exit::Interrupted | Exit::Suspended => {
                Finished { exit_code: Finished::INTERRUPTED, ..Finished::default() }
            }
            Exit::Raised => {
                let stderr = report::runtime_error(&error, sources, style);
                Finished { exit_code: 4, stderr, ..Finished::default() }
            }
        }
    }
}

/// Runs a program; `open` makes its standard output on the program's thread. Imports start
/// from `dir`.
pub fn run(
    source: Source,
    dir: PathBuf,
    options: Options,
    open: impl FnOnce() -> Output + Send + 'static,
) -> Finished {
    let interrupt = options.interrupt.clone();
    let finished = on_big_stack(options.engine.stack_bytes(), move |stack_bytes| {
        run_here(source, dir, (&options, stack_bytes), open())
    })
    .unwrap_or_else(Finished::internal_error);
    match interrupt.expired() {
        Some(expiry) if finished.exit_code == Finished::INTERRUPTED => {
            let stderr = report::expired(expiry) + &finished.stderr;
            Finished { exit_code: Finished::EXPIRED, stderr, ..finished }
        }
        _ => finished,
    }
}

/// Runs a program and keeps what it writes.
pub fn run_captured(source: Source, dir: PathBuf, options: &Options) -> Finished {
    let capture = Capture::default();
    let sink = capture.clone();
    let mut finished =
        run(source, dir, options.clone(), move || Output::new(Box::new(sink), false));
    finished.stdout = capture.take();
    finished
}

/// A sink that several owners share.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().expect("writers do not panic"))
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("writers do not panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `work` on a thread with a stack of so many bytes, or fewer where memory is tight, and
/// tells it how many. `None` if it panicked or no thread could be started.
fn on_big_stack<T: Send + 'static>(
    mut bytes: usize,
    work: impl FnOnce(usize) -> T + Send + 'static,
) -> Option<T> {
    // The work can only be handed over once, but a failed spawn consumes its closure.
    let work = Arc::new(Mutex::new(Some(work)));
    loop {
        let shared = work.clone();
        let body = move || {
            let work = shared.lock().ok()?.take()?;
            Some(work(bytes))
        };
        match thread::Builder::new().name("main".to_owned()).stack_size(bytes).spawn(body) {
            Ok(handle) => return handle.join().ok().flatten(),
            Err(_) if bytes > 64 << 20 => bytes /= 2,
            Err(_) => return None,
        }
    }
}

/// One run's loader and options.
struct Run<'a> {
    loader: &'a Loader,
    options: &'a Options,
    /// Of the present thread.
    stack_bytes: usize,
}

/// Makes the engines of further isolates.
struct Further {
    options: Options,
    dir: PathBuf,
    stack_bytes: usize,
}

impl isolates::Engine for Further {
    fn run(&self, isolate: Isolate, work: isolates::Work<'_>) -> Result<(), Error> {
        let loader = Loader::new(self.dir.clone());
        let run = Run { loader: &loader, options: &self.options, stack_bytes: self.stack_bytes };
        match self.options.engine {
            Engine::Tree => work(&mut run.evaluator_of(isolate)),
            Engine::Vm | Engine::Jit => work(&mut *run.vm_of(isolate)?.0),
        }
        Ok(())
    }
}

/// Runs a program on the present thread.
fn run_here(
    source: Source,
    dir: PathBuf,
    (options, stack_bytes): (&Options, usize),
    out: Output,
) -> Finished {
    let loader = Loader::new(dir);
    loader.phases().add(Phase::Read, options.read_time);
    let source = Arc::new(source);
    let checked = match loader.check(source.clone()) {
        Ok(checked) => checked,
        Err(list) => return Finished::not_compiled(&source, &list, options),
    };
    let run = Run { loader: &loader, options, stack_bytes };
    let (mut finished, jit_figures) = match options.engine {
        Engine::Tree => (run.on_tree(&checked, out), None),
        Engine::Vm | Engine::Jit => run.on_vm(&checked, out),
    };
    if options.wants_stats {
        finished.stderr.push_str(&loader.phases().to_string());
        finished.stderr.push_str(&jit_figures.map_or(String::new(), |figures| figures.text));
    }
    heap::release_thread_memory();
    finished.n_leaked += heap::live_objects();
    finished
}

impl Run<'_> {
    fn isolate(&self, out: Output) -> Isolate {
        let options = self.options;
        let args = options.args.clone();
        let mut isolate = Isolate::new(out, args, options.limits, options.interrupt.clone());
        isolate.permissions = options.permissions.clone();
        isolate.engine = Some(Arc::new(Further {
            options: options.clone(),
            dir: self.loader.main_dir().to_path_buf(),
            stack_bytes: self.stack_bytes,
        }));
        isolate
    }

    fn evaluator(&self, out: Output) -> Evaluator {
        self.evaluator_of(self.isolate(out))
    }

    fn evaluator_of(&self, isolate: Isolate) -> Evaluator {
        let mut evaluator = Evaluator::new(isolate, Box::new(self.loader.clone()));
        evaluator.observer = self.options.observer.clone();
        evaluator.set_stack_size(self.stack_bytes);
        evaluator
    }

    fn on_tree(&self, checked: &Checked, out: Output) -> Finished {
        let mut evaluator = self.evaluator(out);
        let module = Arc::new(tree_module(checked));
        let result = self.loader.phases().time(Phase::Run, || {
            evaluator.run_main(module)?;
            tasks::drain(&mut evaluator)
        });
        self.finished(result, &mut evaluator)
    }

    /// How the run ended, with the errors of tasks and threads that nobody has observed.
    fn finished(&self, result: Result<(), Error>, host: &mut dyn Host) -> Finished {
        let ended = isolates::finish(host);
        let result = match ended.exit {
            Some(code) => Err(Error::exit(code)),
            None => result,
        };
        let flushed = host.isolate().out.flush();
        let (sources, style) = (self.loader.sources(), self.options.style);
        let result = result.and(flushed);
        let has_ended_well = result.is_ok();
        let reports_threads = result.as_ref().err().is_none_or(Error::is_catchable);
        let mut finished = Finished::after(result, &sources, style);
        finished.n_leaked = ended.n_leaked;
        for (error, is_thread) in &ended.failures {
            let report = match is_thread {
                true if reports_threads => report::unhandled_in_thread(error, &sources, style),
                false if has_ended_well => {
                    finished.exit_code = 4;
                    report::unhandled(error, &sources, style)
                }
                true | false => continue,
            };
            finished.stderr.push_str(&report);
        }
        finished
    }
}

/// The main program for the tree evaluator.
fn tree_module(checked: &Checked) -> TreeModule {
    TreeModule {
        file: checked.file.clone(),
        resolved: checked.resolved.clone(),
        source: checked.source.clone(),
        name: "main".into(),
        real_path: real_path(&checked.source.name),
    }
}

/// The path that identifies a main program, also if it is imported again.
fn real_path(shown: &str) -> PathBuf {
    std::path::Path::new(shown).canonicalize().unwrap_or_else(|_| shown.into())
}

impl TreeLoader for Loader {
    fn load(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Arc<TreeModule>, Error> {
        let (found, checked) = Loader::load(self, path, importer)?;
        Ok(Arc::new(TreeModule {
            file: checked.file,
            resolved: checked.resolved,
            source: checked.source,
            name: found.name,
            real_path: found.real,
        }))
    }
}
