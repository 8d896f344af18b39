//! Database servers: the programs of `tests/databases`, against servers that
//! `tests/databases.sh` starts.

use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;

use crate::check;
use crate::files::{self, Scratch};
use crate::golden::Golden;
use crate::settings::Setting;

/// Names of the programs, and the variables that say where their servers are.
const SERVERS: [(&str, &str); 2] =
    [("postgres", "RUFF_TEST_POSTGRES"), ("mysql", "RUFF_TEST_MYSQL")];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, variable) in SERVERS {
        for setting in Setting::ALL {
            let trial = format!("databases/{name}::{}", setting.name());
            trials.push(Trial::test(trial, move || run(name, variable, setting)));
        }
    }
    for (name, variable) in SERVERS {
        let trial = format!("databases/{name}_ends_with_the_program");
        trials.push(Trial::test(trial, move || ends(name, variable)));
        let trial = format!("databases/{name}_keeps_to_the_memory_limit");
        trials.push(Trial::test(trial, move || is_limited(name, variable)));
    }
    trials
}

/// A statement that waits ends when the program is to stop, caught or not.
fn ends(name: &str, variable: &str) -> Result<(), Failed> {
    let Some(connection) = server(variable) else { return Ok(()) };
    let waits = if name == "mysql" { "SELECT SLEEP(60)" } else { "SELECT pg_sleep(60)" };
    let program = format!(
        "db := db_connect({name:?}, {connection:?})\n\
         try {{ print(db.query({waits:?})) }} except e {{ print(e) }}\nprint(\"end\")"
    );
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ruff"));
    let ran = command.args(["run", "--timeout=0.3", "-e", &program]).output()?;
    let took = start.elapsed();
    if ran.status.code() == Some(7) && ran.stdout.is_empty() && took < Duration::from_secs(20) {
        return Ok(());
    }
    Err(format!("{ran:?} after {took:?}").into())
}

/// A result that does not fit is an error, after which the connection goes on.
fn is_limited(name: &str, variable: &str) -> Result<(), Failed> {
    let Some(connection) = server(variable) else { return Ok(()) };
    let many = if name == "mysql" {
        "SELECT REPEAT('x', 100) AS a FROM information_schema.columns a, information_schema.columns b \
         LIMIT 1500000"
    } else {
        "SELECT repeat('x', 100) AS a, n::numeric AS b FROM generate_series(1, 1500000) AS n"
    };
    let program = format!(
        "db := db_connect({name:?}, {connection:?})\n\
         try {{ print(len(db.query({many:?}))) }} except e {{ print(e.kind, e.message) }}\n\
         print(db.query(\"SELECT 1 AS a\"))"
    );
    for engine in ["--engine=tree", "--engine=vm", "--jit=always"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ruff"));
        let ran = command.args(["run", engine, "--max-memory=100M", "-e", &program]).output()?;
        let wanted = b"MemoryError Out of memory\n[{\"a\": 1}]\n";
        if ran.status.code() != Some(0) || ran.stdout != wanted {
            return Err(format!("{engine}: {ran:?}").into());
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the script that starts a server says where it is")]
fn server(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

#[expect(clippy::print_stdout, reason = "whoever runs the tests is to know what was left out")]
fn run(name: &str, variable: &str, setting: Setting) -> Result<(), Failed> {
    let Some(connection) = server(variable) else {
        println!(
            "skipped: no server; `bash tests/databases.sh cargo test --test suite -- databases/` \
             starts one"
        );
        return Ok(());
    };
    let path = files::root(&format!("tests/databases/{name}.ruff"));
    // Each setting has tables of its own.
    let program = files::read(&path)
        .replace("CONNECTION", &connection)
        .replace("SUFFIX", &format!("ruff_{}", setting.name()));
    let golden = Golden::parse(&program)?;
    let scratch = Scratch::new();
    let source = Source::new("main.ruff", &program);
    let finished = engine::run_captured(source, scratch.path().to_owned(), &setting.options());
    check::compare(&golden, &finished)
}
