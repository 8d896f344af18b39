//! `ruff test`: the snapshot corpus `tests/*.ruff` (LS 19.5).

use std::path::{Path, PathBuf};

use clap::Args;

use super::{EngineArgs, eprint, print};
use crate::engine::{self, Options};
use crate::syntax::source;

#[derive(Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Write the present output as the new snapshots
    #[arg(long)]
    update: bool,
    /// The directory of the programs
    #[arg(default_value = "tests", value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(args: &TestArgs) -> u8 {
    if let Err(exit_code) = args.engine.check() {
        return exit_code;
    }
    let programs = match programs(&args.dir) {
        Ok(programs) => programs,
        Err(error) => {
            eprint(&format!("error: cannot read {}: {error}\n", args.dir.display()));
            return 5;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    for program in &programs {
        for engine in args.engine.engines() {
            let options = Options { engine, ..args.engine.options() };
            if compare(program, &options, args.update) {
                passed += 1;
            } else {
                failed += 1;
            }
        }
    }
    print(&format!("{passed} passed, {failed} failed\n"));
    u8::from(failed > 0)
}

fn programs(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "ruff") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Runs one program and compares what it printed; says what is different.
fn compare(program: &Path, options: &Options, update: bool) -> bool {
    let name = program.display();
    let engine = options.engine.name();
    let output = match output_of(program, options) {
        Ok(output) => output,
        Err(error) => {
            eprint(&format!("FAIL {name} [{engine}]: {error}\n"));
            return false;
        }
    };
    let snapshot = program.with_extension("out");
    if update {
        return match std::fs::write(&snapshot, output) {
            Ok(()) => true,
            Err(error) => {
                eprint(&format!("FAIL {}: {error}\n", snapshot.display()));
                false
            }
        };
    }
    let Ok(expected) = std::fs::read_to_string(&snapshot) else {
        eprint(&format!("FAIL {name}: no snapshot {}\n", snapshot.display()));
        return false;
    };
    if expected == output {
        return true;
    }
    let line = expected.lines().zip(output.lines()).take_while(|(a, b)| a == b).count();
    let shown = |text: &str| text.lines().nth(line).unwrap_or("(end of output)").to_owned();
    eprint(&format!(
        "FAIL {name} [{engine}]: line {}\n  expected: {}\n  got:      {}\n",
        line + 1,
        shown(&expected),
        shown(&output)
    ));
    false
}

/// Stdout, followed by stderr if the program failed.
fn output_of(program: &Path, options: &Options) -> std::io::Result<String> {
    let bytes = super::run::read_limited(program)?;
    let dir = program.parent().unwrap_or(Path::new("")).to_path_buf();
    let finished = match source::decode(&program.to_string_lossy(), bytes) {
        Ok(source) => engine::run_captured(source, dir, options),
        Err(rejected) => engine::Finished::rejected(&rejected, options),
    };
    let mut output = String::from_utf8_lossy(&finished.stdout).into_owned();
    if finished.exit_code != 0 {
        output.push_str(&finished.stderr);
    }
    Ok(output)
}
