//! The one test binary: golden programs, snapshots, generated documents, the command, tidiness.
//!
//! Every program under `tests/` becomes a trial with a name that says where it is, so that
//! `cargo test --test suite -- closures` runs what it looks like. `docs/testing.md` describes the
//! expectations; start reading at [`golden`].

mod archives;
mod arguments;
mod check;
mod cli;
mod concurrency;
mod coverage;
mod databases;
mod doc_blocks;
mod documents;
mod files;
mod fuzz;
mod generate;
mod generated;
mod golden;
mod http;
mod jit;
mod limits;
#[cfg(feature = "mutants")]
mod mutants;
mod portability;
mod registry;
mod sandbox;
mod settings;
mod snapshot;
mod sweep;
mod tidy;
mod traversal;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    #[cfg(feature = "mutants")]
    if let Some(code) = mutants::run() {
        return code;
    }
    let arguments = Arguments::from_args();
    let mut trials = golden::trials();
    trials.extend(snapshot::trials());
    trials.extend(documents::trials());
    trials.extend(doc_blocks::trials());
    trials.extend(generated::trials());
    trials.extend(fuzz::trials());
    trials.extend(http::trials());
    trials.extend(portability::trials());
    trials.extend(registry::trials());
    trials.extend(coverage::trials());
    trials.extend(archives::trials());
    trials.extend(databases::trials());
    trials.extend(sandbox::trials());
    trials.extend(sweep::trials());
    trials.extend(cli::trials());
    trials.extend(concurrency::trials());
    trials.extend(jit::trials());
    trials.extend(limits::trials());
    trials.extend(tidy::trials());
    trials.extend(traversal::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    generated::report();
    conclusion.exit_code()
}
