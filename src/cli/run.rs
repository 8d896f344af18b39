//! `ruff run`: one program on one engine.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use ruff_runtime::host::{Expiry, Interrupt, Output};

use super::permissions::PermissionArgs;
use super::{EngineArgs, eprint, stderr_style};
use crate::engine::{self, Finished, Options};
use crate::report;
use crate::syntax::source::{self, Rejected, Source};

#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    permissions: PermissionArgs,
    /// Run this text instead of a file
    #[arg(short = 'e', long = "eval", value_name = "CODE")]
    eval: Option<String>,
    /// Stop the program after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
    /// Print statistics to stderr at the end: time per phase, functions compiled, exits
    #[arg(long)]
    stats: bool,
    /// The program, `-` for standard input; then its arguments
    #[arg(value_name = "FILE [ARGS]", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(super) fn run(args: RunArgs) -> u8 {
    if args.engine.engines().len() > 1 {
        eprint("error: a program runs on one engine: tree, vm or jit\n");
        return 2;
    }
    if let Err(exit_code) = args.engine.check() {
        return exit_code;
    }
    let mut options = args.engine.options();
    options.style = stderr_style();
    options.wants_stats = args.stats;
    options.permissions = match args.permissions.rules() {
        Ok(rules) => Arc::new(rules),
        Err(what) => {
            eprint(&format!("error: {what}\n"));
            return 2;
        }
    };
    let mut rest = args.rest.into_iter();
    let start = Instant::now();
    let (loaded, dir) = match args.eval {
        Some(code) => (source::decode("<eval>", code.into_bytes()), PathBuf::new()),
        None => {
            let Some(file) = rest.next() else {
                eprint("error: no program given\n\nUsage: ruff run [OPTIONS] FILE [ARGS]...\n");
                return 2;
            };
            if file.len() > 1 && file.starts_with('-') {
                eprint(&format!("error: unexpected argument '{file}' before the program\n"));
                return 2;
            }
            match read(&file) {
                Ok(found) => found,
                Err(error) => {
                    eprint(&format!("error: cannot read {file}: {error}\n"));
                    return 5;
                }
            }
        }
    };
    options.read_time = start.elapsed();
    options.args = rest.collect();
    if let Some(limit) = args.timeout {
        stop_after(limit, &options);
    }
    match loaded {
        Ok(source) => run_source(source, dir, options),
        Err(rejected) => reject(&rejected, &options),
    }
}

/// A file's text or why it is none, and the directory that imports start from.
type Loaded = (Result<Source, Box<Rejected>>, PathBuf);

fn read(file: &str) -> std::io::Result<Loaded> {
    if file == "-" {
        let mut bytes = Vec::new();
        let limit = source::MAX_SOURCE_BYTES as u64 + 1;
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
        return Ok((source::decode("<stdin>", bytes), PathBuf::new()));
    }
    let bytes = read_limited(Path::new(file))?;
    let dir = Path::new(file).parent().unwrap_or(Path::new("")).to_path_buf();
    Ok((source::decode(file, bytes), dir))
}

/// The bytes of a file, at most one more than a source may have.
pub(super) fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = source::MAX_SOURCE_BYTES as u64 + 1;
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn reject(rejected: &Rejected, options: &Options) -> u8 {
    let list = std::slice::from_ref(&rejected.diagnostic);
    eprint(&report::diagnostics(&rejected.source, list, options.style));
    3
}

/// How long a program that is busy in one native may take to notice that it is stopped.
const GRACE: Duration = Duration::from_secs(1);

fn parse_seconds(text: &str) -> Result<Duration, clap::Error> {
    let invalid = || clap::Error::new(clap::error::ErrorKind::InvalidValue);
    let seconds = text.parse::<f64>().ok().filter(|&seconds| seconds > 0.0);
    Duration::try_from_secs_f64(seconds.ok_or_else(invalid)?).map_err(|_| invalid())
}

/// Stops the program when its time is over; one that does not react is ended with the process.
fn stop_after(limit: Duration, options: &Options) {
    let interrupt = options.interrupt.clone();
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        interrupt.expire(Expiry::Time);
        std::thread::sleep(GRACE);
        eprint(&report::expired(Expiry::Time));
        #[expect(clippy::exit, reason = "the program did not react")]
        std::process::exit(i32::from(Finished::EXPIRED));
    });
}

fn run_source(source: Source, dir: PathBuf, options: Options) -> u8 {
    stop_on_ctrl_c(options.interrupt.clone());
    let is_terminal = std::io::stdout().is_terminal();
    let open = move || Output::new(Box::new(std::io::stdout()), is_terminal);
    let finished = engine::run(source, dir, options, open);
    eprint(&finished.stderr);
    finished.exit_code
}

/// The first Ctrl-C (or termination signal) asks the program to stop; a second one ends the
/// process.
fn stop_on_ctrl_c(interrupt: Arc<Interrupt>) {
    let handler = move || {
        if interrupt.stop_was_requested() {
            #[expect(clippy::exit, reason = "the program did not react to the first signal")]
            std::process::exit(130);
        }
        interrupt.request_stop();
    };
    // Without a handler the signal ends the process at once, which is the next best thing.
    let _ = ctrlc::set_handler(handler);
}
