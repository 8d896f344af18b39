//! `ruff check`: errors and warnings of files, nothing runs.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{eprint, open_source, stderr_style};
use crate::check;
use crate::loader::Loader;
use crate::report;

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
    let source = match open_source(file) {
        Ok(source) => source,
        Err(exit_code) => return exit_code,
    };
    let style = stderr_style();
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
