//! The stages of a compilation as text, for `ruff dis`.

use ruff_runtime::objects::function::FunctionCode;
use ruff_runtime::value::Tag;

use crate::bailout::Bailout;
use crate::build::{self, EntryKind, Request, feedback::Feedback};
use crate::ir::print::print;
use crate::passes;
use crate::pipeline::Compiler;

/// Stages of one compilation as text.
pub struct Dump {
    pub ir: String,
    pub clif: String,
    /// Machine code in the code generator's notation.
    pub asm: String,
}

/// Compiles a function as if it were entered with arguments of these types, without running it.
///
/// # Errors
/// The reason why the compiler refuses the function.
pub fn compile_for_dump(code: &FunctionCode, tags: &[Tag]) -> Result<Dump, Bailout> {
    let feedback = Feedback::default();
    let request = Request {
        code,
        entry: EntryKind::Framed { pc: 0, tags: tags.to_vec() },
        feedback: &feedback,
        callees: &|_| None,
        is_eager: true,
    };
    let mut func = build::build(&request)?;
    passes::run(&mut func);
    let ir = print(&func);
    let (clif, asm) = Compiler::new().ok_or(Bailout::Backend)?.text_of(&func, code)?;
    Ok(Dump { ir, clif, asm })
}
