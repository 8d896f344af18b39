//! The resolver: scopes, look-up, and the order in which functions are resolved.
//!
//! One function is resolved at a time, in text order, so a scope holds exactly the names that
//! are visible at the current position. Nested functions (also methods, field defaults, tests
//! and spawn blocks) wait until their enclosing function is done; its scopes then hold all
//! their names, which is what LS 5.4 lets nested functions see.

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::capture::{Facts, NEVER};
use super::declare::Declaration;
use super::exports::exported_names;
use super::imports::Module;
use super::similar::similar;
use super::structs::{FieldLocals, Method, StructInfo};
use super::{Export, FuncId, FuncInfo, Outside, Ref, Resolved, VarId, VarKind};
use crate::syntax::ast::{Block, Expr, File, Func, NodeId, StructDecl};
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Span;

/// How many names one file may be compared with for suggestions.
const SUGGESTION_BUDGET: usize = 50_000;

/// Index of a scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ScopeId(u32);

/// The file's top-level scope.
const TOP: ScopeId = ScopeId(0);

/// The names of one block.
pub(super) struct Scope<'a> {
    parent: Option<ScopeId>,
    pub func: FuncId,
    pub block: NodeId,
    /// Where the block begins: hoisted functions are created here.
    pub start: u32,
    role: ScopeRole,
    pub names: HashMap<Arc<str>, VarId>,
    pub vars: Vec<VarId>,
    /// For the body of a method without `self`.
    pub fields: Option<FieldLocals<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ScopeRole {
    /// Bare assignments create variables here.
    Home,
    /// Bare assignments create variables further out.
    Transparent,
    /// The body of a `test_group`.
    Group,
}

/// What the resolver knows about a function besides its public description.
pub(super) struct Frame {
    /// Text position at which closures of the function are created.
    pub created_at: u32,
    /// What `self` means inside.
    pub self_var: Option<VarId>,
    pub is_generator: bool,
}

/// A function whose body waits for its enclosing function.
pub(super) struct Pending<'a> {
    pub id: FuncId,
    pub scope: ScopeId,
    pub body: Body<'a>,
}

/// The body of a waiting function.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    Func(&'a Func),
    Method(&'a Func, &'a StructDecl),
    /// A spawn, test or teardown body.
    Block(&'a Block),
    Setup(&'a Block),
    FieldDefault(&'a Expr),
}

/// The state of resolving one file.
pub(super) struct Resolver<'a> {
    pub outside: &'a dyn Outside,
    pub out: Resolved,
    diagnostics: Vec<Diagnostic>,
    scopes: Vec<Scope<'a>>,
    pub facts: Vec<Facts>,
    pub frames: Vec<Frame>,
    pub captured: HashSet<(FuncId, VarId)>,
    pub modules: HashMap<Vec<Arc<str>>, Option<Rc<Module>>>,
    /// By the variable that is its `self`.
    pub methods: HashMap<VarId, Method<'a>>,
    /// By the id of the name that declares the struct.
    pub structs: HashMap<NodeId, Rc<StructInfo<'a>>>,
    pub pending: VecDeque<Pending<'a>>,
    pub top_block: NodeId,
    pub cur: ScopeId,
    pub func: FuncId,
    /// Loops around the current statement in the current function.
    pub loops: u32,
    /// The expressions still to be resolved; kept to save allocations.
    pub work: Vec<&'a Expr>,
    /// A setup body is walked only for the variables it creates.
    trial: bool,
    budget: usize,
}

/// Resolves every name of a file and reports its compile errors in text order.
pub fn resolve(file: &File, outside: &dyn Outside) -> (Resolved, Vec<Diagnostic>) {
    let mut resolver = Resolver::new(file, outside);
    resolver.statements(&file.body);
    while let Some(pending) = resolver.pending.pop_front() {
        resolver.run(&pending);
    }
    resolver.finish(file)
}

impl<'a> Resolver<'a> {
    fn new(file: &'a File, outside: &'a dyn Outside) -> Self {
        let refs = vec![Ref::Undefined; file.n_nodes as usize];
        let mut resolver = Resolver {
            outside,
            out: Resolved { refs, ..Resolved::default() },
            diagnostics: Vec::new(),
            scopes: Vec::new(),
            facts: Vec::new(),
            frames: Vec::new(),
            captured: HashSet::new(),
            modules: HashMap::new(),
            methods: HashMap::new(),
            structs: HashMap::new(),
            pending: VecDeque::new(),
            top_block: file.body.id,
            cur: TOP,
            func: FuncId(0),
            loops: 0,
            work: Vec::new(),
            trial: false,
            budget: SUGGESTION_BUDGET,
        };
        resolver.out.funcs.push(FuncInfo::default());
        resolver.frames.push(Frame { created_at: 0, self_var: None, is_generator: false });
        resolver.push_scope(None, &file.body, ScopeRole::Home);
        resolver
    }

    fn finish(mut self, file: &File) -> (Resolved, Vec<Diagnostic>) {
        for (ident, kind) in exported_names(file) {
            if let Some(var) = self.out.declared(ident.id) {
                self.out.exports.push((Export { name: ident.name.clone(), kind }, var));
            }
        }
        for info in &mut self.out.funcs {
            info.fields.sort_by_key(|&field| self.out.vars[field.0 as usize].span.start);
        }
        self.assign_storage();
        for scope in self.scopes {
            if !scope.vars.is_empty() {
                self.out.block_vars.insert(scope.block, scope.vars);
            }
        }
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        self.out.warnings.sort_by_key(|warning| warning.span.start);
        (self.out, self.diagnostics)
    }

    pub(super) fn scope(&self, id: ScopeId) -> &Scope<'a> {
        &self.scopes[id.0 as usize]
    }

    pub(super) fn scope_mut(&mut self, id: ScopeId) -> &mut Scope<'a> {
        &mut self.scopes[id.0 as usize]
    }

    pub(super) fn facts(&self, var: VarId) -> &Facts {
        &self.facts[var.0 as usize]
    }

    pub(super) fn facts_mut(&mut self, var: VarId) -> &mut Facts {
        &mut self.facts[var.0 as usize]
    }

    pub(super) fn frame(&self) -> &Frame {
        &self.frames[self.func.0 as usize]
    }

    pub(super) fn set_ref(&mut self, node: NodeId, target: Ref) {
        self.out.refs[node.index()] = target;
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn error(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::error(code, span, message));
    }

    pub(super) fn warn(&mut self, warning: Diagnostic) {
        if !self.trial {
            self.out.warnings.push(warning);
        }
    }

    fn push_scope(&mut self, parent: Option<ScopeId>, block: &Block, role: ScopeRole) -> ScopeId {
        let id = ScopeId(self.scopes.len() as u32);
        self.scopes.push(Scope {
            parent,
            func: self.func,
            block: block.id,
            start: block.span.start,
            role,
            names: HashMap::new(),
            vars: Vec::new(),
            fields: None,
        });
        id
    }

    /// Runs `body` inside the scope of `block`.
    pub(super) fn in_block(
        &mut self,
        block: &'a Block,
        role: ScopeRole,
        body: impl FnOnce(&mut Self),
    ) {
        let outer = self.cur;
        self.cur = self.push_scope(Some(outer), block, role);
        body(self);
        self.cur = outer;
    }

    /// Whether test statements may stand in the current block.
    pub(super) fn allows_tests(&self) -> bool {
        self.cur == TOP || self.in_group()
    }

    pub(super) fn in_group(&self) -> bool {
        self.scope(self.cur).role == ScopeRole::Group
    }

    pub(super) fn at_top(&self) -> bool {
        self.cur == TOP
    }

    /// The scope in which a bare assignment creates its variable.
    pub(super) fn home(&self) -> ScopeId {
        let mut id = self.cur;
        while self.scope(id).role != ScopeRole::Home {
            let Some(parent) = self.scope(id).parent else { break };
            id = parent;
        }
        id
    }

    /// The visible variable of that name.
    pub(super) fn find(&mut self, name: &str) -> Option<VarId> {
        let mut next = Some(self.cur);
        while let Some(id) = next {
            let var = self.find_in(id, name);
            if var.is_some() {
                return var;
            }
            next = self.scope(id).parent;
        }
        None
    }

    /// The variable of that name in one scope.
    pub(super) fn find_in(&mut self, id: ScopeId, name: &str) -> Option<VarId> {
        let scope = self.scope(id);
        if let Some(&var) = scope.names.get(name) {
            return Some(var);
        }
        let field = scope.fields.as_ref()?.get(name)?;
        Some(self.field_local(id, field))
    }

    /// Finds a variable that the current function uses and records the use for `node`.
    pub(super) fn use_var(&mut self, node: NodeId, name: &str) -> Option<VarId> {
        let var = self.find(name);
        let target = match var {
            Some(var) => {
                self.mention(var);
                Ref::Var(var)
            }
            None => Ref::Undefined,
        };
        self.set_ref(node, target);
        var
    }

    /// Resolves a name that is read.
    pub(super) fn use_name(&mut self, expr: &Expr, name: &str) {
        if self.use_var(expr.id, name).is_some() {
            return;
        }
        if self.outside.is_native(name) {
            self.set_ref(expr.id, Ref::Native);
        } else {
            self.suggest(expr.span, name);
        }
    }

    /// Notes a visible name similar to one that is not defined.
    pub(super) fn suggest(&mut self, span: Span, name: &str) {
        if self.trial || self.budget == 0 {
            return;
        }
        let mut candidates: Vec<&str> = Vec::new();
        let mut next = Some(self.cur);
        while let Some(id) = next {
            let scope = self.scope(id);
            let left = self.budget.saturating_sub(candidates.len());
            let vars = scope.vars.iter().take(left);
            candidates.extend(vars.map(|&var| &*self.out.var(var).name));
            let fields = scope.fields.iter().flat_map(|locals| &locals.info.decl.fields);
            candidates.extend(fields.take(left).map(|field| &*field.name.name));
            next = scope.parent;
        }
        candidates.extend(self.outside.native_names());
        let spent = candidates.len();
        if let Some(found) = similar(name, candidates.into_iter()) {
            let found = Arc::from(found);
            self.out.suggestions.insert(span.start, found);
        }
        self.budget = self.budget.saturating_sub(spent);
    }

    /// Registers a function of the current one; its body is resolved later.
    pub(super) fn defer(&mut self, node: NodeId, body: Body<'a>, created_at: u32) -> FuncId {
        let id = FuncId(self.out.funcs.len() as u32);
        self.out.funcs.push(FuncInfo { parent: Some(self.func), ..FuncInfo::default() });
        self.out.func_ids.insert(node, id);
        let self_var = match body {
            Body::Func(_) | Body::FieldDefault(_) | Body::Block(_) | Body::Setup(_) => {
                self.frame().self_var
            }
            Body::Method(..) => None,
        };
        let is_generator = match body {
            Body::Func(func) | Body::Method(func, _) => func.is_generator,
            Body::FieldDefault(_) | Body::Block(_) | Body::Setup(_) => false,
        };
        self.frames.push(Frame { created_at, self_var, is_generator });
        self.pending.push_back(Pending { id, scope: self.cur, body });
        id
    }

    /// Resolves the body of a waiting function.
    fn run(&mut self, pending: &Pending<'a>) {
        self.func = pending.id;
        self.cur = pending.scope;
        self.loops = 0;
        match pending.body {
            Body::Func(func) => self.func_body(func, None),
            Body::Method(func, decl) => self.func_body(func, Some(decl)),
            Body::Block(block) => {
                self.in_block(block, ScopeRole::Home, |r| r.statements(block));
            }
            Body::Setup(block) => {
                self.in_block(block, ScopeRole::Transparent, |r| r.statements(block));
            }
            Body::FieldDefault(expr) => self.expr(expr),
        }
    }

    /// Creates the module variables of a setup body (LS 19.3) at its place in the text.
    ///
    /// The body is resolved for good with the other functions, when all names of the top level
    /// are known; here it is walked on trial and everything but the new names is undone.
    pub(super) fn create_setup_variables(&mut self, block: &'a Block) {
        let (vars, scopes) = (self.out.vars.len(), self.scopes.len());
        let (funcs, pending) = (self.out.funcs.len(), self.pending.len());
        let (diagnostics, known) = (self.diagnostics.len(), self.scope(TOP).vars.len());
        let outer_loops = std::mem::take(&mut self.loops);
        self.trial = true;
        self.in_block(block, ScopeRole::Transparent, |r| r.statements(block));
        self.trial = false;
        self.loops = outer_loops;
        let created: Vec<(Arc<str>, Span)> = self
            .scope_mut(TOP)
            .vars
            .split_off(known)
            .iter()
            .map(|&var| (self.out.var(var).name.clone(), self.out.var(var).span))
            .collect();
        self.out.vars.truncate(vars);
        self.facts.truncate(vars);
        self.scopes.truncate(scopes);
        self.out.funcs.truncate(funcs);
        self.frames.truncate(funcs);
        self.pending.truncate(pending);
        self.diagnostics.truncate(diagnostics);
        for (name, span) in created {
            let kind = VarKind::Variable;
            let declaration = Declaration { name: &name, span, kind, ready: NEVER };
            self.new_var(TOP, declaration);
        }
    }
}
