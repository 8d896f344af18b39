//! Declarations: which names a block declares, hoisting, and what may not be declared twice.
//!
//! A block has at most one variable of a name (LS 5.2); declaring it again gives the same
//! variable. Bare assignments create variables in their home scope (LS 5.3).

use std::rc::Rc;
use std::sync::Arc;

use super::capture::{Facts, NEVER};
use super::imports::Module;
use super::scope::{Resolver, ScopeId};
use super::{ExportKind, Ref, Storage, Var, VarId, VarKind};
use crate::syntax::ast::{Block, Ident, Pattern, StmtKind};
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Span;

/// A name about to be declared in the current block.
pub(super) struct Declaration<'n> {
    pub name: &'n Arc<str>,
    pub span: Span,
    pub kind: VarKind,
    /// See [`Facts::ready`].
    pub ready: u32,
}

/// Names that programs can neither declare nor assign (LS 2.5).
pub(super) fn is_fixed(name: &str) -> bool {
    matches!(name, "Ok" | "Err" | "Some" | "None" | "throw")
}

fn is_const(kind: &VarKind) -> bool {
    match kind {
        VarKind::Const | VarKind::Struct | VarKind::Enum | VarKind::Module => true,
        VarKind::Imported(kind) => match kind {
            ExportKind::Const | ExportKind::Struct { .. } | ExportKind::Enum { .. } => true,
            ExportKind::Variable | ExportKind::Func => false,
        },
        VarKind::Variable
        | VarKind::Param
        | VarKind::SelfParam { .. }
        | VarKind::Field
        | VarKind::Loop
        | VarKind::Except
        | VarKind::Bind
        | VarKind::Func => false,
    }
}

fn is_type(kind: &VarKind) -> bool {
    matches!(
        kind,
        VarKind::Struct
            | VarKind::Enum
            | VarKind::Imported(ExportKind::Struct { .. } | ExportKind::Enum { .. })
    )
}

/// The names of a pattern in text order.
pub(super) fn pattern_names(pattern: &Pattern) -> Vec<&Ident> {
    fn collect<'p>(pattern: &'p Pattern, names: &mut Vec<&'p Ident>) {
        match pattern {
            Pattern::Name(ident) => names.push(ident),
            Pattern::Wildcard(_) => {}
            Pattern::Array { items, rest, .. } => {
                items.iter().for_each(|item| collect(item, names));
                names.extend(rest.iter().flatten());
            }
            Pattern::Dict { items, rest, .. } => {
                names.extend(items);
                names.extend(rest.iter().flatten());
            }
        }
    }
    let mut names = Vec::new();
    collect(pattern, &mut names);
    names
}

impl<'a> Resolver<'a> {
    /// Reports a fixed name that is declared or assigned.
    pub(super) fn reject_fixed(&mut self, ident: &Ident) -> bool {
        let fixed = is_fixed(&ident.name);
        if fixed {
            let message = format!("Cannot redefine built-in name: {}", ident.name);
            self.error(Code::C019, ident.span, message);
        }
        fixed
    }

    /// Declares `ident` in the current block and notes what it refers to.
    pub(super) fn declare(&mut self, ident: &Ident, kind: VarKind, ready: u32) -> Option<VarId> {
        if self.reject_fixed(ident) {
            return None;
        }
        let name = &ident.name;
        let var = self.declare_name(Declaration { name, span: ident.span, kind, ready });
        self.set_ref(ident.id, Ref::Var(var));
        Some(var)
    }

    /// Declares a name in the current block; a second declaration is the same variable.
    pub(super) fn declare_name(&mut self, declaration: Declaration<'_>) -> VarId {
        let Some(old) = self.find_in(self.cur, declaration.name) else {
            return self.new_var(self.cur, declaration);
        };
        self.report_conflict(old, &declaration);
        self.facts_mut(old).assigns += 1;
        old
    }

    /// Declares a copy of an export, or a module itself.
    pub(super) fn declare_imported(
        &mut self,
        declaration: Declaration<'_>,
        module: &Rc<Module>,
    ) -> VarId {
        if let Some(old) = self.find_in(self.cur, declaration.name) {
            let origin = self.facts(old).origin.as_ref();
            if origin.is_some_and(|origin| Rc::ptr_eq(origin, module)) {
                self.facts_mut(old).assigns += 1;
                return old;
            }
        }
        let name = declaration.name;
        let is_copy = matches!(declaration.kind, VarKind::Imported(_));
        let variants = if is_copy { module.variants(name) } else { None };
        let var = self.declare_name(declaration);
        let facts = self.facts_mut(var);
        facts.origin = Some(module.clone());
        facts.variants = variants;
        var
    }

    fn report_conflict(&mut self, old: VarId, new: &Declaration<'_>) {
        let var = self.out.var(old);
        let (code, message) = if is_type(&var.kind) || is_type(&new.kind) {
            (Code::C012, format!("Duplicate declaration: {}", new.name))
        } else if var.is_const || is_const(&new.kind) {
            (Code::C003, format!("Cannot redeclare const: {}", new.name))
        } else {
            return;
        };
        let first = var.span;
        let diagnostic = Diagnostic::error(code, new.span, message);
        self.report(diagnostic.with_label(first, "first declared here"));
    }

    /// Adds a variable to `scope`.
    pub(super) fn new_var(&mut self, scope: ScopeId, declaration: Declaration<'_>) -> VarId {
        let Declaration { name, span, kind, ready } = declaration;
        let id = self.anonymous_var(scope, Declaration { name, span, kind, ready });
        self.scope_mut(scope).names.insert(name.clone(), id);
        id
    }

    /// Adds a variable that no name reaches (`self`).
    pub(super) fn anonymous_var(&mut self, scope: ScopeId, declaration: Declaration<'_>) -> VarId {
        let Declaration { name, span, kind, ready } = declaration;
        let id = VarId(self.out.vars.len() as u32);
        let is_const = is_const(&kind);
        let holder = self.scope_mut(scope);
        holder.vars.push(id);
        let (func, block) = (holder.func, holder.block);
        let storage = Storage::Register;
        let name = name.clone();
        self.out.vars.push(Var { name, kind, storage, func, block, span, is_const });
        self.facts.push(Facts { ready, assigns: 1, ..Facts::default() });
        id
    }

    /// Creates a variable in the home scope of the current block (LS 5.3).
    pub(super) fn create(&mut self, ident: &Ident, ready: u32) -> VarId {
        let home = self.home();
        let ready = if home == self.cur { ready } else { NEVER };
        let kind = VarKind::Variable;
        let declaration = Declaration { name: &ident.name, span: ident.span, kind, ready };
        let var = self.new_var(home, declaration);
        self.mention(var);
        var
    }

    /// Declares every name of a pattern.
    pub(super) fn declare_pattern(&mut self, pattern: &Pattern, kind: &VarKind, ready: u32) {
        for ident in pattern_names(pattern) {
            self.declare(ident, kind.clone(), ready);
        }
    }

    /// Declares the functions, structs and enums of a block, which hold in all of it.
    pub(super) fn hoist(&mut self, block: &'a Block) {
        let start = self.scope(self.cur).start;
        for stmt in &block.stmts {
            let kind = match &stmt.kind {
                StmtKind::Export(inner) => &inner.kind,
                kind => kind,
            };
            if let StmtKind::Func { name, func } = kind {
                let var = self.declare(name, VarKind::Func, start.saturating_add(1));
                if let (Some(var), Some(own)) = (var, &func.name) {
                    self.set_ref(own.id, Ref::Var(var));
                }
                self.defer_func(func, start);
            } else if let StmtKind::Struct(decl) = kind {
                self.declare(&decl.name, VarKind::Struct, start.saturating_add(1));
                self.struct_decl(decl, start);
            } else if let StmtKind::Enum(decl) = kind {
                self.enum_decl(decl, start.saturating_add(1));
            }
        }
    }
}
