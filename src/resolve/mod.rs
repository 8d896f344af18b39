//! Static name resolution: every name becomes a variable, a native or "undefined".
//!
//! The result is a set of side tables keyed by [`NodeId`]; the tree stays untouched. Both the
//! compiler and the tree evaluator work from these tables, so scoping (LS 5) is decided once.
//! The resolver also reports the compile errors of LS 22 (codes C001 and up).
//!
//! A variable belongs to one *function*: the top level of the file, a function, a method, a
//! test, setup or teardown body, or a `spawn` block. Variables of an enclosing function that
//! are mentioned inside a nested one are *captured*; each function lists what it captures.

mod capture;
mod declare;
mod exports;
mod expr;
mod imports;
mod scope;
mod similar;
mod structs;
mod walk;

#[cfg(test)]
mod tests;

pub use exports::exports_of;
pub use scope::resolve;
pub use similar::similar;

use std::collections::HashMap;
use std::sync::Arc;

use crate::syntax::ast::NodeId;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Span;

/// Index into [`Resolved::vars`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct VarId(pub u32);

/// Index into [`Resolved::funcs`]; 0 is the top level of the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FuncId(pub u32);

/// What the resolver must know about the world outside the file.
pub trait Outside {
    /// Whether a native function or constant of that name exists.
    fn is_native(&self, name: &str) -> bool;
    /// All native names, for "did you mean".
    fn native_names(&self) -> Vec<&str>;
    /// The exports of the module found under `path` (`["a", "b"]` for `a.b`), as its text has
    /// them now; `None` if it cannot be found or parsed.
    fn exports(&self, path: &[Arc<str>]) -> Option<Vec<Export>>;
}

/// A name that a module exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    pub name: Arc<str>,
    pub kind: ExportKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportKind {
    Variable,
    Const,
    Func,
    Struct {
        fields: Vec<Arc<str>>,
    },
    /// Variant names with the number of declared parameters (`None`: any number).
    Enum {
        variants: Vec<(Arc<str>, Option<usize>)>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VarKind {
    /// `let`, a bare assignment, a destructured name.
    Variable,
    Const,
    Param,
    /// The receiver of a method declared with `self` or `mut self`.
    SelfParam {
        is_mut: bool,
    },
    /// A field seen as a local in a method without `self`.
    Field,
    Loop,
    Except,
    /// Bound by a `case` pattern.
    Bind,
    Func,
    Struct,
    Enum,
    /// The constant that `import m` declares for the module itself.
    Module,
    /// A copy of an export, made by an import.
    Imported(ExportKind),
}

/// Where the variable lives at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// A register of its function; no other function mentions it.
    Register,
    /// A register, copied into the closures that capture it: it is definitely assigned before
    /// each of them is created and never assigned or changed in place afterwards.
    CapturedValue,
    /// A heap cell shared by its function and the closures that capture it.
    Cell,
    /// A slot of the module: a top-level variable that is exported or that some function,
    /// method, spawn or test body mentions.
    Module(u32),
}

#[derive(Debug, Clone)]
pub struct Var {
    pub name: Arc<str>,
    pub kind: VarKind,
    pub storage: Storage,
    /// The function whose activation holds the variable.
    pub func: FuncId,
    /// The block that holds it: a fresh variable each time that block is entered.
    pub block: NodeId,
    /// Where it is first declared or created.
    pub span: Span,
    /// Cannot be assigned or changed in place (const, struct, enum and module names).
    pub is_const: bool,
}

/// What a name means at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ref {
    Var(VarId),
    /// A native, found by its name.
    Native,
    /// No visible variable and no native: NameError when evaluated. For a bare dict key and
    /// for an enum name: not declared.
    #[default]
    Undefined,
}

#[derive(Debug, Clone, Default)]
pub struct FuncInfo {
    /// The enclosing function; `None` for the top level.
    pub parent: Option<FuncId>,
    /// Variables of enclosing functions that this function or one nested in it mentions and
    /// that are not module slots, in order of first mention; position = upvalue index.
    pub captures: Vec<VarId>,
    /// Fields that are locals of a method without `self`, in declaration order. Only those that
    /// the method (or a function nested in it) mentions; the others need no local.
    pub fields: Vec<VarId>,
    /// The receiver of a method with `self` or `mut self`.
    pub self_var: Option<VarId>,
    /// `Some("S")` for a method of struct S.
    pub struct_name: Option<Arc<str>>,
}

/// The side tables of one file.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    pub vars: Vec<Var>,
    pub funcs: Vec<FuncInfo>,
    /// By node id. Filled for: `ExprKind::Name`, `SelfRef` and `StructLit` expressions (the
    /// struct's name), every `Ident` that declares or assigns a variable (patterns, places,
    /// `const`, parameters, function/struct/enum names, `except` names, case bindings, names
    /// imported by `from`), bare dict keys (`Var` only if the key means the variable's value),
    /// `PlaceRoot::SelfRef`, the `enum_name` and `module` of tags, struct literals and
    /// patterns, and a parameter list's `Receiver`.
    ///
    /// The root of a place is a variable or undefined, never a native. An `enum_name` is `Var`
    /// only if it is a visible enum; it and a struct literal's name are undefined after `m.`.
    pub refs: Vec<Ref>,
    /// Func node id (functions, methods), test body or spawn body block id, id of the default
    /// expression of a struct field → function. A field's default is a function of its own
    /// (without parameters) because literals in other functions evaluate it.
    pub func_ids: HashMap<NodeId, FuncId>,
    /// Block id → variables that are fresh in each execution of the block, in order of first
    /// appearance. The block of a function lists its parameters, fields and `self` too, a loop
    /// body its loop variables.
    pub block_vars: HashMap<NodeId, Vec<VarId>>,
    /// `ImportWhat::Module` id → the variables that `import m` declares: for each export its
    /// name and copy, and last the module constant (absent if an export has the same name),
    /// under the module's own name.
    pub import_vars: HashMap<NodeId, Vec<(Arc<str>, VarId)>>,
    /// Exported names and their variables (module slots), in text order.
    pub exports: Vec<(Export, VarId)>,
    pub n_module_slots: u32,
    /// Where a name that resolved to [`Ref::Undefined`] begins, and a visible name that looks
    /// similar.
    pub suggestions: HashMap<u32, Arc<str>>,
    /// What `ruff check` reports besides errors (W101, W102), in text order.
    pub warnings: Vec<Diagnostic>,
}

impl Resolved {
    pub fn var(&self, id: VarId) -> &Var {
        &self.vars[id.0 as usize]
    }

    pub fn get(&self, node: NodeId) -> Ref {
        self.refs[node.index()]
    }

    /// The variable a node refers to; for nodes that declare one.
    pub fn declared(&self, node: NodeId) -> Option<VarId> {
        match self.get(node) {
            Ref::Var(var) => Some(var),
            Ref::Native | Ref::Undefined => None,
        }
    }

    pub fn func(&self, node: NodeId) -> FuncId {
        self.func_ids[&node]
    }

    pub fn func_info(&self, id: FuncId) -> &FuncInfo {
        &self.funcs[id.0 as usize]
    }

    /// Variables that are fresh in each execution of `block`.
    pub fn vars_of_block(&self, block: NodeId) -> &[VarId] {
        self.block_vars.get(&block).map_or(&[], Vec::as_slice)
    }
}
