//! Facts about a whole file that code generation asks for, from one walk over the tree.
//!
//! Which functions are never reassigned, which variables are receivers of method calls, which
//! structs have which fields; also the limit of LS 21 on the size of a function (C023).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::resolve::{FuncId, Ref, Resolved, VarId, VarKind};
use crate::syntax::ast::{
    Block, Case, Elem, Else, Entry, EnumDecl, Expr, ExprKind, File, Func, Ident, Import,
    ImportWhat, Literal, Match, Pattern, Place, PlaceRoot, Step, Stmt, StmtKind, StrPart,
    StructDecl,
};
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Span;

use super::place::root_of;

/// Variables, or distinct literals, that one function may have.
pub(super) const MAX_PER_FUNCTION: usize = 60_000;

/// Methods of the library that change their receiver (LS 12.4).
const UPDATING: &[&str] = &[
    "push",
    "append",
    "insert",
    "remove",
    "clear",
    "sort",
    "reverse",
    "pop",
    "remove_at",
    "update",
    "add",
    "set_add",
    "set_remove",
    "enqueue",
    "queue_enqueue",
    "dequeue",
    "queue_dequeue",
    "stack_push",
    "stack_pop",
];

/// What the walk found.
#[derive(Default)]
pub(super) struct Facts {
    /// Function variables that are assigned somewhere besides their declarations.
    reassigned: HashSet<VarId>,
    /// Variables on which, or in which, a method is called.
    method_roots: HashSet<VarId>,
    /// Names of methods declared with `mut self`.
    mutating: HashSet<Arc<str>>,
    structs: HashMap<VarId, Arc<StructDecl>>,
    /// The number of values of the variants that declare one.
    arities: HashMap<(VarId, Arc<str>), usize>,
}

impl Facts {
    /// The number of values that a variant of an enum of this file declares.
    pub(super) fn variant_arity(&self, enum_var: VarId, variant: &str) -> Option<usize> {
        self.arities.get(&(enum_var, Arc::from(variant))).copied()
    }

    /// The variable holds the function it was declared with, as long as it holds one.
    pub(super) fn is_stable(&self, var: VarId) -> bool {
        !self.reassigned.contains(&var)
    }

    pub(super) fn is_method_root(&self, var: VarId) -> bool {
        self.method_roots.contains(&var)
    }

    /// A method of this name probably changes its receiver.
    pub(super) fn may_mutate(&self, method: &str) -> bool {
        UPDATING.contains(&method) || self.mutating.contains(method)
    }

    /// The declaration of a struct variable of this file.
    pub(super) fn struct_decl(&self, var: VarId) -> Option<&StructDecl> {
        self.structs.get(&var).map(|decl| &**decl)
    }
}

/// Walks a file.
///
/// # Errors
/// C023 for every function that is too large.
pub(super) fn collect(file: &File, resolved: &Resolved) -> Result<Facts, Vec<Diagnostic>> {
    let mut vars_of = vec![0usize; resolved.funcs.len()];
    for var in &resolved.vars {
        vars_of[var.func.0 as usize] += 1;
    }
    let mut walk = Walk {
        resolved,
        facts: Facts::default(),
        errors: Vec::new(),
        literals: HashSet::new(),
        vars_of,
        work: Vec::new(),
    };
    walk.function(FuncId(0), Span::default(), |walk| walk.block(&file.body));
    if walk.errors.is_empty() { Ok(walk.facts) } else { Err(walk.errors) }
}

#[derive(PartialEq, Eq, Hash)]
enum LiteralKey {
    Int(i64),
    Float(u64),
    Str(Arc<str>),
}

struct Walk<'a> {
    resolved: &'a Resolved,
    facts: Facts,
    errors: Vec<Diagnostic>,
    /// Distinct literals of the current function.
    literals: HashSet<LiteralKey>,
    vars_of: Vec<usize>,
    /// Expressions still to be walked, and whether they are inside a collection literal.
    work: Vec<(&'a Expr, bool)>,
}

impl<'a> Walk<'a> {
    fn function(&mut self, id: FuncId, span: Span, body: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.literals);
        let waiting = std::mem::take(&mut self.work);
        body(self);
        self.work = waiting;
        let literals = std::mem::replace(&mut self.literals, outer).len();
        if literals.max(self.vars_of[id.0 as usize]) > MAX_PER_FUNCTION {
            self.errors.push(Diagnostic::error(Code::C023, span, "Function too large"));
        }
    }

    fn func(&mut self, func: &'a Func) {
        let id = self.resolved.func(func.id);
        self.function(id, func.span, |walk| {
            for param in &func.params {
                param.default.iter().for_each(|default| walk.expr(default));
            }
            walk.block(&func.body);
        });
    }

    fn block(&mut self, block: &'a Block) {
        block.stmts.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn assigns(&mut self, name: &Ident) {
        if let Ref::Var(var) = self.resolved.get(name.id) {
            self.facts.reassigned.insert(var);
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(name) => self.assigns(name),
            Pattern::Wildcard(_) => {}
            Pattern::Array { items, rest, .. } => {
                items.iter().for_each(|item| self.pattern(item));
                rest.iter().flatten().for_each(|name| self.assigns(name));
            }
            Pattern::Dict { items, rest, .. } => {
                items.iter().chain(rest.iter().flatten()).for_each(|name| self.assigns(name));
            }
        }
    }

    fn place(&mut self, place: &'a Place) {
        if let (PlaceRoot::Name(name), []) = (&place.root, place.steps.as_slice()) {
            self.assigns(name);
        }
        for step in &place.steps {
            if let Step::Index { index, .. } = step {
                self.expr(index);
            }
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Let { pattern, value, .. } | StmtKind::Destructure { pattern, value } => {
                self.pattern(pattern);
                self.expr(value);
            }
            StmtKind::Const { name, value, .. } => {
                self.assigns(name);
                self.expr(value);
            }
            StmtKind::Assign { place, value, .. } | StmtKind::Compound { place, value, .. } => {
                self.place(place);
                self.expr(value);
            }
            StmtKind::Func { func, .. } => self.func(func),
            StmtKind::Struct(decl) => self.struct_decl(decl),
            StmtKind::Enum(decl) => self.enum_decl(decl),
            StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Import(import) => self.import(import),
            StmtKind::Export(inner) => self.stmt(inner),
            StmtKind::If { .. } => self.if_chain(stmt),
            StmtKind::While { cond, body } => {
                self.expr(cond);
                self.block(body);
            }
            StmtKind::Loop { body } => self.block(body),
            StmtKind::For { pattern, iterable, body, .. } => {
                self.pattern(pattern);
                self.expr(iterable);
                self.block(body);
            }
            StmtKind::Match(subject) => self.match_stmt(subject),
            StmtKind::Try { body, name, handler } => {
                self.block(body);
                name.iter().for_each(|name| self.assigns(name));
                self.block(handler);
            }
            StmtKind::Return { value } => value.iter().for_each(|value| self.expr(value)),
            StmtKind::Test(test) => match self.resolved.func_ids.get(&test.body.id) {
                Some(&id) => self.function(id, stmt.span, |walk| walk.block(&test.body)),
                None => self.block(&test.body),
            },
        }
    }

    fn import(&mut self, import: &Import) {
        match &import.what {
            ImportWhat::Module { id } => {
                let vars = self.resolved.import_vars.get(id).map_or(&[][..], Vec::as_slice);
                self.facts.reassigned.extend(vars.iter().map(|&(_, var)| var));
            }
            ImportWhat::Names(names) => names.iter().for_each(|name| self.assigns(name)),
        }
    }

    fn struct_decl(&mut self, decl: &'a Arc<StructDecl>) {
        if let Ref::Var(var) = self.resolved.get(decl.name.id) {
            self.facts.structs.insert(var, decl.clone());
        }
        for default in decl.fields.iter().filter_map(|field| field.default.as_ref()) {
            let id = self.resolved.func(default.id);
            self.function(id, default.span, |walk| walk.expr(default));
        }
        for method in &decl.methods {
            if let (Some(name), Some(receiver)) = (&method.name, &method.receiver)
                && receiver.is_mut
            {
                self.facts.mutating.insert(name.name.clone());
            }
            self.func(method);
        }
    }

    fn enum_decl(&mut self, decl: &EnumDecl) {
        let Ref::Var(var) = self.resolved.get(decl.name.id) else { return };
        for variant in &decl.variants {
            if let Some(params) = &variant.params {
                self.facts.arities.insert((var, variant.name.name.clone()), params.len());
            }
        }
    }

    fn if_chain(&mut self, stmt: &'a Stmt) {
        let mut next = Some(stmt);
        while let Some(StmtKind::If { cond, then, otherwise }) = next.map(|stmt| &stmt.kind) {
            self.expr(cond);
            self.block(then);
            next = match otherwise.as_deref() {
                Some(Else::If(stmt)) => Some(stmt),
                Some(Else::Block(block)) => {
                    self.block(block);
                    None
                }
                None => None,
            };
        }
    }

    fn match_stmt(&mut self, stmt: &'a Match) {
        self.expr(&stmt.subject);
        for Case { guard, body, .. } in &stmt.cases {
            guard.iter().for_each(|guard| self.expr(guard));
            self.block(body);
        }
        stmt.default.iter().for_each(|default| self.block(default));
    }

    fn expr(&mut self, root: &'a Expr) {
        let bottom = self.work.len();
        self.work.push((root, false));
        while self.work.len() > bottom {
            if let Some((expr, inside)) = self.work.pop() {
                self.node(expr, inside);
            }
        }
    }

    fn literal(&mut self, literal: &Literal) {
        let key = match literal {
            Literal::Null | Literal::Bool(_) => return,
            Literal::Int(v) => LiteralKey::Int(*v),
            Literal::Float(v) => LiteralKey::Float(v.to_bits()),
            Literal::Str(text) => LiteralKey::Str(text.clone()),
        };
        self.literals.insert(key);
    }

    fn elems(&mut self, elems: &'a [Elem], inside: bool) {
        self.work.extend(elems.iter().map(|elem| match elem {
            Elem::Value(expr) | Elem::Spread(_, expr) => (expr, inside),
        }));
    }

    fn node(&mut self, expr: &'a Expr, inside: bool) {
        match &expr.kind {
            ExprKind::Literal(literal) if !inside => self.literal(literal),
            ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::SelfRef | ExprKind::Error => {}
            ExprKind::Interpolation(parts) => {
                for part in parts {
                    if let StrPart::Expr(expr) = part {
                        self.work.push((expr, inside));
                    }
                }
            }
            ExprKind::Paren(inner)
            | ExprKind::Unary { operand: inner, .. }
            | ExprKind::Await { operand: inner, .. }
            | ExprKind::Try { operand: inner, .. }
            | ExprKind::Field { object: inner, .. } => self.work.push((inner, inside)),
            ExprKind::Binary { lhs, rhs, .. }
            | ExprKind::Logic { lhs, rhs, .. }
            | ExprKind::Pipe { lhs, rhs, .. }
            | ExprKind::Index { object: lhs, index: rhs, .. } => {
                self.work.extend([(&**lhs, inside), (&**rhs, inside)]);
            }
            ExprKind::Array(elems) => self.elems(elems, true),
            ExprKind::Dict(entries) => {
                for entry in entries {
                    match entry {
                        Entry::Bare(_, value) | Entry::Spread(_, value) => {
                            self.work.push((value, true));
                        }
                        Entry::Keyed(key, value) => self.work.extend([(key, true), (value, true)]),
                    }
                }
            }
            ExprKind::Func(func) => self.func(func),
            ExprKind::StructLit { fields, .. } => {
                self.work.extend(fields.iter().map(|(_, value)| (value, inside)));
            }
            ExprKind::Tag { args, .. } => {
                args.iter().for_each(|args| self.elems(args, inside));
            }
            ExprKind::Call { callee, args, .. } => {
                self.work.push((callee, inside));
                self.elems(args, inside);
            }
            ExprKind::Method { receiver, args, .. } => {
                if let Some(root) = root_of(receiver)
                    && let Ref::Var(var) = self.resolved.get(root.id)
                {
                    self.facts.method_roots.insert(var);
                }
                self.work.push((receiver, inside));
                self.elems(args, inside);
            }
            ExprKind::Yield { value, .. } => {
                value.iter().for_each(|value| self.work.push((value, inside)));
            }
            ExprKind::Spawn { body } => {
                let id = self.resolved.func(body.id);
                self.function(id, body.span, |walk| walk.block(body));
            }
        }
    }
}

/// Whether calls of this variable by name reach the function that declared it.
pub(super) fn is_declared_function(resolved: &Resolved, facts: &Facts, var: VarId) -> bool {
    resolved.var(var).kind == VarKind::Func && facts.is_stable(var)
}
