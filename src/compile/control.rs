//! Statements: blocks with hoisting, `if`, loops, `try`, `return`.
//!
//! Loops test at the bottom: the condition is compiled once before the loop and once behind the
//! body, so that an iteration takes one jump. Blocks nest at most 128 deep (LS 21), so blocks
//! recurse; `else if` chains are compiled in a loop.

use ruff_runtime::bytecode::{Const, HandlerKind};

use crate::syntax::ast::{
    Block, Elem, Else, Expr, ExprKind, Ident, Pattern, Stmt, StmtKind, Test, TestKind,
};
use crate::syntax::source::Span;

use super::code::Label;
use super::expr::gives_scalar;
use super::function::{Builder, Loop, Val, Want};

/// Conditions with more nodes are not compiled twice.
const MAX_COPIED_NODES: usize = 24;

impl<'a> Builder<'a> {
    /// Compiles the statements of a block whose variables have their registers.
    pub(super) fn statements(&mut self, block: &'a Block) {
        self.hoist(block);
        for stmt in &block.stmts {
            if self.state.dead {
                break;
            }
            self.stmt(stmt);
        }
    }

    /// A block with its own variables.
    pub(super) fn block(&mut self, block: &'a Block) {
        let scope = self.enter(block.id);
        self.statements(block);
        self.leave(scope);
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Expr(expr) => self.discard(expr),
            StmtKind::Let { pattern, value, .. } | StmtKind::Destructure { pattern, value } => {
                self.destructure(pattern, value);
            }
            StmtKind::Const { name, value, .. } => {
                if let Some(var) = self.unit.resolved.declared(name.id) {
                    self.assign_var(var, name.span.start, value);
                }
            }
            StmtKind::Assign { place, value, .. } => self.assign(place, value),
            StmtKind::Compound { place, op, op_span, value } => {
                self.compound(place, *op, op_span.start, value);
            }
            // Created at the start of the block.
            StmtKind::Func { .. } | StmtKind::Struct(_) | StmtKind::Enum(_) => {}
            StmtKind::Import(import) => self.import(import),
            StmtKind::Export(inner) => self.stmt(inner),
            StmtKind::If { .. } => self.if_chain(stmt),
            StmtKind::While { cond, body } => self.while_loop(cond, body, stmt.span),
            StmtKind::Loop { body } => self.endless_loop(body, stmt.span),
            StmtKind::For { for_span, pattern, iterable, body } => {
                self.for_loop(*for_span, pattern, iterable, body);
            }
            StmtKind::Match(subject) => self.match_stmt(subject),
            StmtKind::Try { body, name, handler } => self.try_stmt(body, name.as_ref(), handler),
            StmtKind::Return { value } => self.return_stmt(value.as_ref()),
            StmtKind::Break => self.leave_to(|around| around.on_break),
            StmtKind::Continue => self.leave_to(|around| around.on_continue),
            // Compiled with the module's tests.
            StmtKind::Test(Test { kind: TestKind::Test(_) | TestKind::Group(_), .. })
            | StmtKind::Test(Test { kind: TestKind::Setup | TestKind::Teardown, .. }) => {}
        }
    }

    /// An expression whose value is not used: nothing of it lingers in a register.
    pub(super) fn discard(&mut self, expr: &'a Expr) {
        let base = self.top();
        let val = self.eval(expr, Want::Nothing);
        let is_scalar = self.native_callee(expr).is_some_and(gives_scalar);
        if let Val::Temp(reg) = val
            && !is_scalar
        {
            self.code.clear(reg);
        }
        self.free_to(base);
    }

    fn return_stmt(&mut self, value: Option<&'a Expr>) {
        let base = self.top();
        let val = value.map_or(Val::Const(Const::Null), |value| self.value(value));
        if val == Val::Const(Const::Null) {
            self.return_null();
        } else {
            let reg = self.reg(&val);
            self.return_reg(reg);
        }
        self.free_to(base);
        self.state.dead = true;
    }

    /// Returns null.
    pub(super) fn return_null(&mut self) {
        self.write_self_back();
        self.code.ret_null();
    }

    fn leave_to(&mut self, target: impl FnOnce(&Loop) -> Label) {
        if let Some(around) = self.loops.last() {
            let target = target(around);
            self.code.jump(target);
        }
        self.state.dead = true;
    }

    fn if_chain(&mut self, stmt: &'a Stmt) {
        let end = self.code.new_label();
        let mut branches = Vec::new();
        let mut next = Some(stmt);
        let start = self.state.mark();
        // Conditions of later arms add to the state; they assign nothing, though.
        while let Some(StmtKind::If { cond, then, otherwise }) = next.map(|stmt| &stmt.kind) {
            let skip = self.code.new_label();
            self.branch(cond, skip, false);
            self.block(then);
            let goes_on = !self.state.dead;
            branches.push(self.state.rewind(start));
            if goes_on && otherwise.is_some() {
                self.code.jump(end);
            }
            self.code.bind(skip);
            next = match otherwise.as_deref() {
                Some(Else::If(stmt)) => Some(stmt),
                Some(Else::Block(block)) => {
                    self.block(block);
                    None
                }
                None => None,
            };
        }
        branches.push(self.state.rewind(start));
        self.state.merge(branches);
        self.code.bind(end);
    }

    // ---- loops

    /// Compiles a loop body; `continue` leads to the label that is bound behind it.
    fn body(&mut self, body: &'a Block, on_break: Label, bind: impl FnOnce(&mut Self)) {
        let on_continue = self.code.new_label();
        self.loops.push(Loop { on_break, on_continue });
        self.code.loop_header();
        let before = self.state.mark();
        let scope = self.enter(body.id);
        bind(self);
        self.statements(body);
        self.leave(scope);
        self.state.rewind(before);
        self.loops.pop();
        self.code.bind(on_continue);
    }

    fn while_loop(&mut self, cond: &'a Expr, body: &'a Block, span: Span) {
        if Self::is_always_true(cond) {
            return self.endless_loop(body, span);
        }
        let exit = self.code.new_label();
        let top = self.code.new_label();
        let test = (!is_small(cond)).then(|| self.code.new_label());
        match test {
            None => self.branch(cond, exit, false),
            Some(test) => {
                self.code.jump(test);
            }
        }
        let again = self.code.new_label();
        self.code.bind(top);
        self.code.at(span.start);
        self.body(body, exit, |_| {});
        self.code.bind(again);
        test.into_iter().for_each(|test| self.code.bind(test));
        self.branch(cond, top, true);
        self.code.bind(exit);
    }

    fn endless_loop(&mut self, body: &'a Block, span: Span) {
        let exit = self.code.new_label();
        let top = self.code.here();
        self.code.at(span.start);
        self.body(body, exit, |_| {});
        self.code.jump(top);
        self.code.bind(exit);
        self.state.dead = !has_break(body);
    }

    fn for_loop(
        &mut self,
        for_span: Span,
        pattern: &'a Pattern,
        iterable: &'a Expr,
        body: &'a Block,
    ) {
        let base = self.top();
        let exit = self.code.new_label();
        let range = self.range_args(iterable);
        let n_state = if range.is_some() { 3 } else { 2 };
        if let Some((offset, args)) = range {
            for arg in args {
                if let Elem::Value(expr) = arg {
                    self.push(expr);
                }
            }
            self.free_to(base);
            (0..n_state).for_each(|_| {
                self.alloc();
            });
            self.code.at(offset);
            self.code.range_init(base, args.len() as u8);
        } else {
            self.push(iterable);
            self.alloc();
            self.code.at(for_span.start);
            self.code.iter_init(base);
        }
        let is_range = range.is_some();
        let item = self.loop_variable(pattern, body);
        self.next_item(is_range, (item, base), exit, false);
        let top = self.code.here();
        self.code.at(for_span.start);
        self.body(body, exit, |this| {
            if this.pattern_register(pattern) != Some(item) {
                this.bind_pattern(pattern, item);
            } else if let Pattern::Name(name) = pattern
                && let Some(var) = this.unit.resolved.declared(name.id)
            {
                this.state.assign(var);
            }
        });
        self.code.at(for_span.start);
        self.next_item(is_range, (item, base), top, true);
        self.code.bind(exit);
        self.free_to(base);
    }

    /// Emits the test for a next item, at the top or (`again`) at the bottom of the loop.
    fn next_item(&mut self, is_range: bool, (item, base): (u16, u16), target: Label, again: bool) {
        match (is_range, again) {
            (true, false) => self.code.range_test(item, base, target),
            (true, true) => self.code.range_loop(item, base, target),
            (false, false) => self.code.iter_test(item, base, target),
            (false, true) => self.code.iter_loop(item, base, target),
        };
    }

    /// The arguments of a direct call of the native `range`, and its position.
    pub(super) fn range_args(&self, iterable: &'a Expr) -> Option<(u32, &'a [Elem])> {
        let ExprKind::Call { callee, callee_end, args } = &iterable.kind else { return None };
        let is_range = matches!(&callee.kind, ExprKind::Name(name) if &**name == "range");
        let is_plain = args.iter().all(|arg| matches!(arg, Elem::Value(_)));
        let fits = is_range
            && is_plain
            && (1..=3).contains(&args.len())
            && self.native_name(callee).is_some();
        fits.then_some((callee_end.start, args.as_slice()))
    }

    /// The register that takes the items: that of the loop variable itself if it has one.
    fn loop_variable(&mut self, pattern: &'a Pattern, body: &'a Block) -> u16 {
        use crate::resolve::Storage;
        if let Pattern::Name(name) = pattern
            && let Some(var) = self.unit.resolved.declared(name.id)
        {
            let info = self.unit.resolved.var(var);
            let in_register = matches!(info.storage, Storage::Register | Storage::CapturedValue);
            if in_register && info.block == body.id {
                let reg = self.alloc();
                self.place_var(var, reg);
                return reg;
            }
        }
        self.alloc()
    }

    fn pattern_register(&self, pattern: &Pattern) -> Option<u16> {
        let Pattern::Name(name) = pattern else { return None };
        self.register_of(self.unit.resolved.declared(name.id)?)
    }

    // ---- try

    fn try_stmt(&mut self, body: &'a Block, name: Option<&'a Ident>, handler: &'a Block) {
        let (end, catch) = (self.code.new_label(), self.code.new_label());
        let base = self.top();
        let error = self.alloc();
        let before = self.state.mark();
        let cold = self.cold.len();
        let start = self.code.here();
        self.tries += 1;
        self.block(body);
        self.tries -= 1;
        let goes_on = !self.state.dead;
        if goes_on {
            self.code.jump(end);
        }
        self.emit_cold(cold);
        self.code.handler(start, catch, error, HandlerKind::Catch);
        let tried = self.state.rewind(before);
        self.code.bind(catch);
        let scope = self.enter(handler.id);
        match name {
            Some(name) => self.write_node(name.id, &Val::Temp(error), name.span.start),
            None => {
                self.code.clear(error);
            }
        }
        self.statements(handler);
        self.leave(scope);
        let caught = self.state.rewind(before);
        self.state.merge(vec![tried, caught]);
        self.code.bind(end);
        self.free_to(base);
    }
}

/// The expression is short and creates no function, so that it can be compiled twice.
fn is_small(cond: &Expr) -> bool {
    let mut work = vec![cond];
    let mut n = 0;
    while let Some(expr) = work.pop() {
        n += 1;
        if n > MAX_COPIED_NODES || matches!(expr.kind, ExprKind::Func(_) | ExprKind::Spawn { .. }) {
            return false;
        }
        super::expr::operands(expr, &mut work);
    }
    true
}

/// Whether a loop body has a `break` of its own loop.
fn has_break(body: &Block) -> bool {
    body.stmts.iter().any(breaks)
}

fn breaks(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Break => true,
        StmtKind::If { .. } => {
            let mut next = Some(stmt);
            while let Some(StmtKind::If { then, otherwise, .. }) = next.map(|stmt| &stmt.kind) {
                if has_break(then) {
                    return true;
                }
                next = match otherwise.as_deref() {
                    Some(Else::If(stmt)) => Some(stmt),
                    Some(Else::Block(block)) => return has_break(block),
                    None => None,
                };
            }
            false
        }
        StmtKind::Match(stmt) => {
            stmt.cases.iter().any(|case| has_break(&case.body))
                || stmt.default.as_ref().is_some_and(has_break)
        }
        StmtKind::Try { body, handler, .. } => has_break(body) || has_break(handler),
        _ => false,
    }
}
