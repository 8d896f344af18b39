//! `ruff check`: errors and warnings of files, nothing runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{eprint, run::read_limited, stderr_style};
use crate::check;
use crate::loader::Loader;
use crate::report;
use crate::syntax::source;

#[derive(Args)]
pub(super) struct CheckArgs {
    /// The files to check
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &CheckArgs) -> u8 {
    args.files.iter().map(|file| check_file(file)).max().unwrap_or(0)
}

fn check_file(file: &Path) -> u8 {
    let shown = file.to_string_lossy();
    let bytes = match read_limited(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprint(&format!("error: cannot read {shown}: {error}\n"));
            return 5;
        }
    };
    let style = stderr_style();
    let source = match source::decode(&shown, bytes) {
        Ok(source) => Arc::new(source),
        Err(rejected) => {
            let list = [rejected.diagnostic];
            eprint(&report::diagnostics(&rejected.source, &list, style));
            return 3;
        }
    };
    let loader = Loader::new(file.parent().unwrap_or(Path::new("")).to_path_buf());
    match loader.check(source.clone()) {
        Ok(checked) => {
            eprint(&report::diagnostics(&source, check::warnings(&checked.resolved), style));
            0
        }
        Err(list) => {
            eprint(&report::diagnostics(&source, &list, style));
            3
        }
    }
}
