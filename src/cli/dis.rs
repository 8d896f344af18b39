//! `ruff dis`: what a program is turned into on its way to machine code.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{eprint, needs_jit, open_source, print, stderr_style};
use crate::engine::{self, DumpForm};
use crate::loader::Loader;
use crate::report;
use crate::syntax::{dump, parser};

#[derive(Args)]
pub(super) struct DisArgs {
    /// The program
    file: PathBuf,
    /// The tokens
    #[arg(long, group = "form")]
    tokens: bool,
    /// The syntax tree
    #[arg(long, group = "form")]
    ast: bool,
    /// The register bytecode (default)
    #[arg(long, group = "form")]
    bytecode: bool,
    /// The Cranelift IR of every function, compiled without a profile
    #[arg(long, group = "form")]
    clif: bool,
    /// The machine code of every function, compiled without a profile
    #[arg(long, group = "form")]
    asm: bool,
    /// Only functions of this name
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
}

pub(super) fn run(args: &DisArgs) -> u8 {
    let source = match open_source(&args.file) {
        Ok(source) => source,
        Err(exit_code) => return exit_code,
    };
    let style = stderr_style();
    if args.tokens {
        print(&dump::tokens(&source));
        return 0;
    }
    if args.ast {
        let parsed = parser::parse(&source);
        print(&dump::tree(&parsed.file));
        eprint(&report::diagnostics(&source, &parsed.diagnostics, style));
        return if parsed.diagnostics.is_empty() { 0 } else { 3 };
    }
    let form = match (args.clif, args.asm) {
        (true, _) => DumpForm::Clif,
        (_, true) => DumpForm::Asm,
        _ => DumpForm::Bytecode,
    };
    let needed = match form {
        DumpForm::Clif => needs_jit("--clif"),
        DumpForm::Asm => needs_jit("--asm"),
        DumpForm::Bytecode => Ok(()),
    };
    if let Err(exit_code) = needed {
        return exit_code;
    }
    let loader = Loader::new(args.file.parent().unwrap_or(Path::new("")).to_path_buf());
    match engine::dump(&loader, &source, form, args.function.as_deref()) {
        Ok(text) => {
            print(&text);
            0
        }
        Err(list) => {
            eprint(&report::diagnostics(&source, &list, style));
            3
        }
    }
}
