//! `ruff test-run`: the test declarations of a file (LS 19).

use std::path::{Path, PathBuf};

use clap::Args;

use super::{EngineArgs, eprint, print, stderr_style};
use crate::engine::{self, Options, TestOutcome};
use crate::report;
use crate::syntax::source;

#[derive(Args)]
pub(super) struct TestRunArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Name the tests that pass, too
    #[arg(short, long)]
    verbose: bool,
    /// The file with the tests
    file: PathBuf,
}

pub(super) fn run(args: &TestRunArgs) -> u8 {
    if let Err(exit_code) = args.engine.check() {
        return exit_code;
    }
    let bytes = match super::run::read_limited(&args.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprint(&format!("error: cannot read {}: {error}\n", args.file.display()));
            return 5;
        }
    };
    let shown = args.file.to_string_lossy();
    let mut worst = 0;
    for engine in args.engine.engines() {
        let options = Options { engine, style: stderr_style(), ..args.engine.options() };
        let source = match source::decode(&shown, bytes.clone()) {
            Ok(source) => source,
            Err(rejected) => {
                let list = [rejected.diagnostic];
                eprint(&report::diagnostics(&rejected.source, &list, options.style));
                return 3;
            }
        };
        let dir = args.file.parent().unwrap_or(Path::new("")).to_path_buf();
        worst = worst.max(match engine::run_tests(source, dir, &options) {
            Ok(outcomes) => report_tests(&outcomes, args),
            Err(finished) => {
                eprint(&finished.stderr);
                finished.exit_code
            }
        });
    }
    worst
}

fn report_tests(outcomes: &[TestOutcome], args: &TestRunArgs) -> u8 {
    let mut failed = 0;
    for outcome in outcomes {
        print(&String::from_utf8_lossy(&outcome.stdout));
        match &outcome.failure {
            None if args.verbose => print(&format!("ok   {}\n", outcome.name)),
            None => {}
            Some(failure) => {
                failed += 1;
                print(&format!("FAIL {}\n", outcome.name));
                eprint(failure);
            }
        }
    }
    print(&format!("{} passed, {failed} failed\n", outcomes.len() - failed));
    u8::from(failed > 0 || outcomes.is_empty())
}
