//! Names in statements: blocks in text order, assignments, loops, matches and tests.
//!
//! Blocks nest at most 128 deep (LS 21), so statements recurse; `else if` chains do not count
//! and are walked in a loop.

use super::declare::pattern_names;
use super::scope::{Body, Resolver, ScopeRole};
use super::{FuncId, Ref, VarId, VarKind};
use crate::syntax::ast::{
    Block, Case, CasePattern, CasePatternKind, Else, Expr, Ident, Match, Pattern, Place, PlaceRoot,
    Step, Stmt, StmtKind, Test, TestKind,
};
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Span;

impl<'a> Resolver<'a> {
    /// Resolves the statements of the current block.
    pub(super) fn statements(&mut self, block: &'a Block) {
        self.hoist(block);
        for stmt in &block.stmts {
            self.stmt(stmt);
        }
    }

    /// Resolves a block in which bare assignments create names further out.
    fn transparent(&mut self, block: &'a Block) {
        self.in_block(block, ScopeRole::Transparent, |r| r.statements(block));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        let end = stmt.span.end;
        match &stmt.kind {
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::Let { pattern, value, .. } => {
                self.expr(value);
                self.declare_pattern(pattern, &VarKind::Variable, end);
            }
            StmtKind::Const { name, value, .. } => {
                self.expr(value);
                self.declare(name, VarKind::Const, end);
            }
            StmtKind::Assign { place, value, .. } => self.assign(place, value, end),
            StmtKind::Destructure { pattern, value } => {
                self.expr(value);
                for name in pattern_names(pattern) {
                    self.assign_name(name, end);
                }
            }
            StmtKind::Compound { place, value, .. } => {
                self.steps(place);
                self.expr(value);
                self.change_place(place);
            }
            // Hoisted: done at the start of the block.
            StmtKind::Func { .. } | StmtKind::Struct(_) | StmtKind::Enum(_) => {}
            StmtKind::Import(import) => self.import(import, end),
            StmtKind::Export(inner) => {
                if !self.at_top() {
                    let start = stmt.span.start;
                    let span = Span::new(start, inner.span.start.max(start));
                    let message = "export is only allowed at the top level of a module";
                    self.error(Code::C020, span, message);
                }
                self.stmt(inner);
            }
            StmtKind::If { .. } => self.if_chain(stmt),
            StmtKind::While { cond, body } => {
                self.expr(cond);
                self.loop_body(body, None);
            }
            StmtKind::Loop { body } => self.loop_body(body, None),
            StmtKind::For { pattern, iterable, body, .. } => {
                self.expr(iterable);
                self.loop_body(body, Some(pattern));
            }
            StmtKind::Match(subject) => self.match_stmt(subject),
            StmtKind::Try { body, name, handler } => {
                self.transparent(body);
                self.handler(name.as_ref(), handler);
            }
            StmtKind::Return { value } => value.iter().for_each(|value| self.expr(value)),
            StmtKind::Break => self.check_loop(Code::C004, "break", stmt.span),
            StmtKind::Continue => self.check_loop(Code::C005, "continue", stmt.span),
            StmtKind::Test(test) => self.test(test, stmt.span),
        }
    }

    fn check_loop(&mut self, code: Code, word: &str, span: Span) {
        if self.loops == 0 {
            self.error(code, span, format!("{word} can only be used inside a loop"));
        }
    }

    fn if_chain(&mut self, stmt: &'a Stmt) {
        let mut next = Some(stmt);
        while let Some(StmtKind::If { cond, then, otherwise }) = next.map(|stmt| &stmt.kind) {
            self.expr(cond);
            self.transparent(then);
            next = match otherwise.as_deref() {
                Some(Else::If(stmt)) => Some(stmt),
                Some(Else::Block(block)) => {
                    self.transparent(block);
                    None
                }
                None => None,
            };
        }
    }

    fn loop_body(&mut self, body: &'a Block, pattern: Option<&Pattern>) {
        self.in_block(body, ScopeRole::Home, |r| {
            if let Some(pattern) = pattern {
                r.declare_pattern(pattern, &VarKind::Loop, body.span.start);
            }
            r.loops += 1;
            r.statements(body);
            r.loops -= 1;
        });
    }

    fn handler(&mut self, name: Option<&Ident>, handler: &'a Block) {
        self.in_block(handler, ScopeRole::Transparent, |r| {
            if let Some(name) = name {
                r.declare(name, VarKind::Except, handler.span.start);
            }
            r.statements(handler);
        });
    }

    fn match_stmt(&mut self, stmt: &'a Match) {
        self.expr(&stmt.subject);
        for case in &stmt.cases {
            self.case(case);
        }
        if let Some(default) = &stmt.default {
            self.transparent(default);
        }
    }

    fn case(&mut self, case: &'a Case) {
        self.in_block(&case.body, ScopeRole::Transparent, |r| {
            for pattern in &case.patterns {
                r.case_pattern(pattern, case.patterns.len() > 1);
            }
            if let Some(guard) = &case.guard {
                r.expr(guard);
            }
            r.statements(&case.body);
        });
    }

    fn case_pattern(&mut self, pattern: &CasePattern, is_alternative: bool) {
        let binds = match &pattern.kind {
            CasePatternKind::Wildcard | CasePatternKind::Literal(_) => return,
            CasePatternKind::Name { name, binds } => {
                let known = matches!(&*name.name, "Ok" | "Err" | "Some" | "None");
                if binds.is_some() && !known {
                    let message = format!("Unknown variant: {}", name.name);
                    self.error(Code::C016, name.span, message);
                }
                binds
            }
            CasePatternKind::Variant { enum_name, variant, binds } => {
                if let Some(variants) = self.use_enum(None, enum_name) {
                    self.check_variant(&variants, (enum_name, variant), pattern.span);
                }
                binds
            }
        };
        for bind in binds.iter().flatten().flatten() {
            if is_alternative {
                self.error(Code::C018, bind.span, "Alternatives of a case cannot bind names");
            } else {
                self.declare(bind, VarKind::Bind, bind.span.end);
            }
        }
    }

    fn test(&mut self, test: &'a Test, span: Span) {
        let allowed = self.allows_tests();
        if !allowed {
            let message = "test statements are only allowed at the top level or in a test_group";
            let end = test.body.span.start.max(span.start);
            self.error(Code::C022, Span::new(span.start, end), message);
        }
        let body = &test.body;
        match &test.kind {
            TestKind::Group(_) => self.in_block(body, ScopeRole::Group, |r| r.statements(body)),
            TestKind::Setup => {
                if allowed {
                    self.create_setup_variables(body);
                }
                self.defer(body.id, Body::Setup(body), span.start);
            }
            TestKind::Test(_) | TestKind::Teardown => {
                self.defer(body.id, Body::Block(body), span.start);
            }
        }
    }

    fn steps(&mut self, place: &'a Place) {
        for step in &place.steps {
            if let Step::Index { index, .. } = step {
                self.expr(index);
            }
        }
    }

    fn assign(&mut self, place: &'a Place, value: &'a Expr, end: u32) {
        self.steps(place);
        self.expr(value);
        match (&place.root, place.steps.as_slice()) {
            (PlaceRoot::Name(name), []) => self.assign_name(name, end),
            (PlaceRoot::Name(_) | PlaceRoot::SelfRef { .. }, _) => self.change_place(place),
        }
    }

    /// A bare assignment: the visible variable, or a new one in the home scope (LS 5.3).
    fn assign_name(&mut self, name: &Ident, end: u32) {
        if self.reject_fixed(name) {
            return;
        }
        let var = match self.find(&name.name) {
            Some(var) => {
                self.store(var, name);
                self.warn_late(var, name);
                var
            }
            None => self.create(name, end),
        };
        self.set_ref(name.id, Ref::Var(var));
    }

    /// Notes an assignment of a whole existing variable.
    fn store(&mut self, var: VarId, name: &Ident) {
        if self.out.var(var).is_const {
            let message = format!("Cannot reassign const binding: {}", name.name);
            self.error(Code::C001, name.span, message);
        }
        let facts = self.facts_mut(var);
        facts.assigns += 1;
        self.mention(var);
    }

    /// Warns when a function assigns a module variable created only later in the text (LS 5.4).
    fn warn_late(&mut self, var: VarId, name: &Ident) {
        let target = self.out.var(var);
        let outside = self.func != FuncId(0) && target.block == self.top_block;
        let hoisted = matches!(target.kind, VarKind::Func | VarKind::Struct | VarKind::Enum);
        if outside && !hoisted && target.span.start > name.span.start {
            let created = target.span;
            let text = &name.name;
            let message = format!("`{text}` is a module variable that is created only later");
            let warning = Diagnostic::warning(Code::W101, name.span, message);
            let warning = warning.with_label(created, "created here");
            self.warn(warning.with_note(format!("write `let {text} := …` for a local variable")));
        }
    }

    /// A compound assignment, or an assignment to a place inside a variable.
    fn change_place(&mut self, place: &Place) {
        match &place.root {
            PlaceRoot::SelfRef { span, id } => {
                if let Some(var) = self.use_self(*id, *span) {
                    self.check_self_change(var, place.span);
                }
            }
            PlaceRoot::Name(name) => {
                if !self.reject_fixed(name) {
                    self.change_root(name, place);
                }
            }
        }
    }

    fn change_root(&mut self, name: &Ident, place: &Place) {
        let Some(var) = self.find(&name.name) else {
            self.suggest(name.span, &name.name);
            return;
        };
        self.set_ref(name.id, Ref::Var(var));
        let Some(first) = place.steps.first() else {
            self.store(var, name);
            return;
        };
        self.mention(var);
        self.facts_mut(var).changed = true;
        let target = self.out.var(var);
        if let (VarKind::Module, Step::Field(member)) = (&target.kind, first) {
            let message =
                format!("Cannot assign to a module member: {}.{}", name.name, member.name);
            self.error(Code::C021, place.span, message);
        } else if target.is_const {
            let message = format!("Cannot mutate const binding: {}", name.name);
            self.error(Code::C002, place.span, message);
        }
    }
}
