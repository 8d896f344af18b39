//! Syntax tree and resolved names to register bytecode.
//!
//! This layer knows the opcode table, the natives' declarations and the tree; it must not know
//! the interpreter. One function is compiled at a time ([`function::Builder`]); its stream of
//! instructions ([`code::Code`]) gets last-use marks ([`liveness`]) and becomes a prototype in
//! [`finish`]. Start reading at [`compile`], then `function.rs`, `expr.rs` and `control.rs`.

mod assign;
mod branch;
mod call;
mod chain;
mod closure;
mod code;
mod cold;
mod control;
mod definite;
mod expr;
mod facts;
mod finish;
mod fold;
mod function;
mod literals;
mod liveness;
mod method;
mod modules;
mod pattern;
mod place;
mod regs;
mod scalars;
mod structs;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use ruff_runtime::bytecode::CompiledModule;
use ruff_runtime::bytecode::spans::SourceMap;
use ruff_runtime::objects::function::FunctionInfo;

use crate::resolve::{FuncId, Resolved};
use crate::syntax::ast::File;
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::{Source, Span};

use facts::Facts;
use function::{Builder, Role};

/// What is known about the file being compiled.
struct Unit<'a> {
    resolved: &'a Resolved,
    facts: Facts,
    source: Arc<SourceMap>,
    /// Identifies the text among those of a program.
    text_id: u64,
    /// A function that turned out not to fit its operands.
    too_large: Cell<Option<Span>>,
}

impl Unit<'_> {
    /// The identity of the struct declared at `offset`.
    fn decl_id(&self, offset: u32) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.text_id, offset).hash(&mut hasher);
        hasher.finish()
    }

    fn report_overflow(&self, span: Span) {
        self.too_large.set(Some(span));
    }
}

/// C023 for every function that is too large (LS 21), in the order in which they end.
pub fn check_size(file: &File, resolved: &Resolved) -> Vec<Diagnostic> {
    // A variable or literal takes a node at least, but for a few fields seen as locals.
    if (file.n_nodes as usize).max(resolved.vars.len()) <= facts::MAX_PER_FUNCTION {
        return Vec::new();
    }
    facts::collect(file, resolved).err().unwrap_or_default()
}

/// Compiles a file that has no errors.
///
/// # Errors
/// C023 for functions that are too large.
pub fn compile(
    file: &File,
    source: &Source,
    resolved: &Resolved,
    module_name: &str,
) -> Result<CompiledModule, Vec<Diagnostic>> {
    let facts = facts::collect(file, resolved)?;
    let mut hasher = DefaultHasher::new();
    (&source.name, &source.text, module_name).hash(&mut hasher);
    let unit = Unit {
        resolved,
        facts,
        source: Arc::new(SourceMap::new(source.name.clone(), source.text.clone())),
        text_id: hasher.finish(),
        too_large: Cell::new(None),
    };
    let mut top = Builder::new(&unit, FuncId(0), Role::Outermost);
    top.whole_block(&file.body);
    let tests = top.tests(&file.body);
    let top = top.into_proto(FunctionInfo::default(), Vec::new(), Span::default());
    if let Some(span) = unit.too_large.get() {
        return Err(vec![Diagnostic::error(Code::C023, span, "Function too large")]);
    }
    Ok(CompiledModule {
        name: module_name.into(),
        source: unit.source.clone(),
        top: Arc::new(top),
        slot_names: modules::slot_names(resolved),
        exports: modules::exports(resolved),
        tests,
    })
}
