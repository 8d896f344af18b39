//! The command line: every subcommand declared once.
//!
//! Only this layer, `report` and the io natives touch the process's streams, arguments and
//! environment; everything below gets its options as structs.

mod check;
mod dis;
mod permissions;
mod run;
mod test;
mod test_run;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::engine::{
    self, Engine, JitMode, JitOptions, JitThreads, LogForm, Options, Stage, Stress,
};
use crate::report::{self, Style};
use crate::syntax::source::{self, Source};

/// The Ruff language: run, check and test programs.
#[derive(Parser)]
#[command(name = "ruff", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program (also: `ruff FILE`)
    Run(Box<run::RunArgs>),
    /// Report errors and warnings without running anything
    Check(check::CheckArgs),
    /// Compare the output of tests/*.ruff with the files NAME.out
    Test(test::TestArgs),
    /// Run the test declarations of a file
    TestRun(test_run::TestRunArgs),
    /// Show what a program is turned into: tokens, syntax tree, bytecode, machine code
    Dis(dis::DisArgs),
}

/// Names that are subcommands, or options of the command itself; anything else is a file to run.
const RESERVED: [&str; 10] =
    ["run", "check", "test", "test-run", "dis", "help", "--help", "-h", "--version", "-V"];

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let is_short = args.get(1).and_then(|a| a.to_str()).is_some_and(|a| !RESERVED.contains(&a));
    if is_short {
        args.insert(1, "run".into());
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed stream is no reason to fail while printing help.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let code = match cli.command {
        Command::Run(args) => run::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::TestRun(args) => test_run::run(&args),
        Command::Dis(args) => dis::run(&args),
    };
    ExitCode::from(code)
}

/// Which engine runs a program; shared by the subcommands that run one.
#[derive(Args, Clone, Default)]
struct EngineArgs {
    /// The engine to run on
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    /// Use the JIT: on (default), off, or always (compile everything at once)
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "on", hide = !engine::HAS_JIT)]
    jit: Option<JitName>,
    /// The same as --engine=vm
    #[arg(long, conflicts_with_all = ["engine", "use_tree_walking"])]
    use_vm: bool,
    /// The same as --engine=tree
    #[arg(long, visible_alias = "interpreter", conflicts_with = "engine")]
    use_tree_walking: bool,
    /// Make compiled code take its rare paths: `exit-at:K`, `every:N`, `threshold:N`,
    /// `poison:SEED`, `cache:BYTES`, `osr:eager`, `ranges:check`, several with commas
    #[arg(long, value_name = "WHAT", value_parser = parse_stress, hide = !engine::HAS_JIT)]
    jit_stress: Option<Stress>,
    /// Let the program wait while code is compiled
    #[arg(long, hide = !engine::HAS_JIT)]
    jit_sync: bool,
    /// Bytes of memory for compiled code
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..=1 << 30), hide = !engine::HAS_JIT)]
    jit_code_limit: Option<u64>,
    /// Tell on stderr what is compiled, declined and left
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "text", hide = !engine::HAS_JIT)]
    jit_log: Option<LogName>,
    /// Name compiled functions in /tmp/perf-PID.map, for Linux perf
    #[arg(long, hide = !engine::HAS_JIT)]
    jit_perf_map: bool,
    /// Write the code of all that is compiled to stderr in this form
    #[arg(long, value_enum, value_name = "FORM", hide = !engine::HAS_JIT)]
    jit_dump: Option<DumpName>,
    /// User-function calls that may be active at once
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    max_call_depth: u32,
    /// Of these, calls entered from natives and operators
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    max_nested_depth: u32,
    /// Memory for the program's values: bytes, or with K, M or G; by default 80 % of what the
    /// process may use
    #[arg(long, value_name = "N", value_parser = parse_bytes)]
    max_memory: Option<usize>,
    /// Calls of functions and turns of loops after which the program is stopped; nothing is
    /// compiled then
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum EngineName {
    Tree,
    Vm,
    Jit,
    /// Every engine in turn (test and test-run)
    All,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum JitName {
    On,
    Off,
    Always,
}

fn parse_bytes(text: &str) -> Result<usize, clap::Error> {
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 1 << 10),
        Some(digits) if text.ends_with('M') => (digits, 1 << 20),
        Some(digits) => (digits, 1 << 30),
        None => (text, 1),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    bytes.filter(|&n| n > 0).ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidValue))
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum LogName {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
enum DumpName {
    Ir,
    Clif,
    Asm,
}

fn parse_stress(text: &str) -> Result<Stress, clap::Error> {
    let invalid = || clap::Error::new(clap::error::ErrorKind::InvalidValue);
    Stress::parse(text).ok_or_else(invalid)
}

impl EngineArgs {
    fn options(&self) -> Options {
        let mode = match self.jit {
            Some(JitName::Always) => JitMode::Always,
            Some(JitName::Off) => JitMode::Off,
            Some(JitName::On) | None => JitMode::On,
        };
        let engine = match self.engine {
            Some(EngineName::Tree) => Engine::Tree,
            Some(EngineName::Vm) => Engine::Vm,
            Some(EngineName::Jit | EngineName::All) => Engine::Jit,
            None if self.use_tree_walking => Engine::Tree,
            None if self.use_vm || mode == JitMode::Off || !engine::HAS_JIT => Engine::Vm,
            None => Engine::Jit,
        };
        // Compiled code would leave at every step, to have it counted.
        let is_slow = self.max_steps.is_some() && engine == Engine::Jit;
        let engine = if is_slow { Engine::Vm } else { engine };
        let mut options = Options::new(engine);
        options.jit = self.jit_options(mode);
        options.limits.call_depth = self.max_call_depth;
        options.limits.memory = self.max_memory;
        options.limits.steps = self.max_steps;
        options.limits.nested_depth = self.max_nested_depth.min(self.max_call_depth);
        options
    }
}

impl EngineArgs {
    fn jit_options(&self, mode: JitMode) -> JitOptions {
        let log = match self.jit_log {
            None => LogForm::None,
            Some(LogName::Text) => LogForm::Text,
            Some(LogName::Json) => LogForm::Json,
        };
        JitOptions {
            mode,
            stress: self.jit_stress.unwrap_or_default(),
            threads: if self.jit_sync { JitThreads::Sync } else { JitThreads::Auto },
            code_limit: self.jit_code_limit.and_then(|bytes| usize::try_from(bytes).ok()),
            log,
            checks_aarch64: false,
            perf_map: self.jit_perf_map,
            dump: self.jit_dump.map(|form| match form {
                DumpName::Ir => Stage::Ir,
                DumpName::Clif => Stage::Clif,
                DumpName::Asm => Stage::Asm,
            }),
        }
    }

    /// Whether this build can do what the options ask for.
    ///
    /// # Errors
    /// The exit code, when what is wrong has been written to stderr.
    fn check(&self) -> Result<(), u8> {
        let asked = [
            ("--engine=jit", self.engine == Some(EngineName::Jit)),
            ("--jit", self.jit.is_some_and(|jit| jit != JitName::Off)),
            ("--jit-stress", self.jit_stress.is_some()),
            ("--jit-sync", self.jit_sync),
            ("--jit-code-limit", self.jit_code_limit.is_some()),
            ("--jit-log", self.jit_log.is_some()),
            ("--jit-perf-map", self.jit_perf_map),
            ("--jit-dump", self.jit_dump.is_some()),
        ];
        asked.iter().filter(|(_, is_asked)| *is_asked).try_for_each(|(option, _)| needs_jit(option))
    }

    /// The engines to run on: the chosen one, or all of them.
    fn engines(&self) -> Vec<Engine> {
        match self.engine {
            Some(EngineName::All) => Engine::ALL.to_vec(),
            _ => vec![self.options().engine],
        }
    }
}

/// # Errors
/// The exit code, when this build has no JIT, which has been written to stderr.
fn needs_jit(option: &str) -> Result<(), u8> {
    if engine::HAS_JIT {
        return Ok(());
    }
    eprint(&format!("error: this build of ruff has no JIT, which '{option}' needs\n"));
    Err(2)
}

/// The text of a file that a tool looks into.
///
/// # Errors
/// The exit code, when what is wrong has been written to stderr.
fn open_source(file: &Path) -> Result<Arc<Source>, u8> {
    let shown = file.to_string_lossy();
    let bytes = run::read_limited(file).map_err(|error| {
        eprint(&format!("error: cannot read {shown}: {error}\n"));
        5
    })?;
    let decoded = source::decode(&shown, bytes);
    decoded.map(Arc::new).map_err(|rejected| {
        let list = [rejected.diagnostic];
        eprint(&report::diagnostics(&rejected.source, &list, stderr_style()));
        3
    })
}

/// Colours for a terminal, unless `NO_COLOR` is set.
fn stderr_style() -> Style {
    let wants_plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    if wants_plain || !std::io::stderr().is_terminal() { Style::Plain } else { Style::Colored }
}

/// Writes a text to stderr; a closed stream is ignored, there is nobody left to tell.
fn eprint(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes a text to stdout; a closed pipe is ignored.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
