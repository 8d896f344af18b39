//! Statements and blocks.

use ruff_runtime::error::Error;
use ruff_runtime::semantics::{iterate, truthy};
use ruff_runtime::value::Value;

use super::Evaluator;
use super::frame::{Eval, Flow, Frame, Stop};
use crate::syntax::ast::{Block, Else, Expr, Ident, Pattern, Stmt, StmtKind};
use crate::syntax::source::Span;

impl Evaluator {
    /// Runs a block with new variables.
    pub(super) fn block(&mut self, frame: &mut Frame, block: &Block) -> Eval<Flow> {
        frame.enter(block);
        let flow = self.statements(frame, block);
        frame.leave(block);
        flow
    }

    /// Runs the statements of a block whose variables are new already.
    pub(super) fn statements(&mut self, frame: &mut Frame, block: &Block) -> Eval<Flow> {
        self.hoist(frame, block);
        for stmt in &block.stmts {
            match self.statement(frame, stmt) {
                Ok(Flow::Normal) => {}
                Err(Stop::Return(value)) => return Ok(Flow::Return(value)),
                other => return other,
            }
        }
        Ok(Flow::Normal)
    }

    fn statement(&mut self, frame: &mut Frame, stmt: &Stmt) -> Eval<Flow> {
        match &stmt.kind {
            StmtKind::Expr(expr) => {
                self.eval(frame, expr)?;
            }
            StmtKind::Let { pattern, value, .. } | StmtKind::Destructure { pattern, value } => {
                let value = self.eval(frame, value)?;
                self.assign_pattern(frame, pattern, value)?;
            }
            StmtKind::Const { name, value, .. } => {
                let value = self.eval(frame, value)?;
                self.assign_name(frame, name, value)?;
            }
            StmtKind::Assign { place, value, .. } => self.assign(frame, place, value)?,
            StmtKind::Compound { place, op, op_span, value } => {
                self.compound(frame, place, (*op, *op_span), value)?;
            }
            StmtKind::Func { .. } | StmtKind::Struct(_) | StmtKind::Enum(_) => {}
            StmtKind::Import(import) => self.import_statement(frame, import)?,
            StmtKind::Export(inner) => return self.statement(frame, inner),
            StmtKind::If { .. } => return self.if_chain(frame, stmt),
            StmtKind::While { cond, body } => return self.while_loop(frame, Some(cond), body),
            StmtKind::Loop { body } => return self.while_loop(frame, None, body),
            StmtKind::For { for_span, pattern, iterable, body } => {
                return self.for_loop(frame, *for_span, pattern, iterable, body);
            }
            StmtKind::Match(found) => return self.match_statement(frame, found),
            StmtKind::Try { body, name, handler } => {
                return self.try_statement(frame, body, name.as_ref(), handler);
            }
            StmtKind::Return { value } => {
                let value = match value {
                    Some(value) => self.eval(frame, value)?,
                    None => Value::NULL,
                };
                return Ok(Flow::Return(value));
            }
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
            StmtKind::Test(_) => {}
        }
        Ok(Flow::Normal)
    }

    #[inline(never)]
    fn if_chain(&mut self, frame: &mut Frame, stmt: &Stmt) -> Eval<Flow> {
        let mut stmt = stmt;
        while let StmtKind::If { cond, then, otherwise } = &stmt.kind {
            if truthy(&self.eval(frame, cond)?) {
                return self.block(frame, then);
            }
            match otherwise.as_deref() {
                Some(Else::If(next)) => stmt = next,
                Some(Else::Block(block)) => return self.block(frame, block),
                None => break,
            }
        }
        Ok(Flow::Normal)
    }

    fn poll(&mut self) -> Result<(), Error> {
        if self.isolate.interrupt.is_pending() { self.isolate.poll() } else { Ok(()) }
    }

    #[inline(never)]
    fn while_loop(&mut self, frame: &mut Frame, cond: Option<&Expr>, body: &Block) -> Eval<Flow> {
        loop {
            if let Some(cond) = cond
                && !truthy(&self.eval(frame, cond)?)
            {
                return Ok(Flow::Normal);
            }
            self.poll()?;
            match self.block(frame, body)? {
                Flow::Normal | Flow::Continue => {}
                Flow::Break => return Ok(Flow::Normal),
                Flow::Return(value) => return Ok(Flow::Return(value)),
            }
        }
    }

    #[inline(never)]
    fn for_loop(
        &mut self,
        frame: &mut Frame,
        for_span: Span,
        pattern: &Pattern,
        iterable: &Expr,
        body: &Block,
    ) -> Eval<Flow> {
        let source = self.eval(frame, iterable)?;
        let (source, mut at) = frame.at(for_span, iterate::for_init(self, source))?;
        loop {
            self.stand_at(frame, for_span);
            let next = frame.at(for_span, iterate::for_next(self, &source, &mut at))?;
            let Some(item) = next else { break };
            self.poll()?;
            frame.enter(body);
            let flow = match self.assign_pattern(frame, pattern, item) {
                Ok(()) => self.statements(frame, body),
                Err(stop) => Err(stop),
            };
            frame.leave(body);
            match flow? {
                Flow::Normal | Flow::Continue => {}
                Flow::Break => break,
                Flow::Return(value) => return Ok(Flow::Return(value)),
            }
        }
        Ok(Flow::Normal)
    }

    #[inline(never)]
    fn try_statement(
        &mut self,
        frame: &mut Frame,
        body: &Block,
        name: Option<&Ident>,
        handler: &Block,
    ) -> Eval<Flow> {
        let mut error = match self.block(frame, body) {
            Err(Stop::Raise(error)) if error.is_catchable() => error,
            other => return other,
        };
        frame.list_in(&mut error);
        frame.enter(handler);
        let named = match name {
            Some(name) => {
                let value = self.isolate.errors.make(error);
                self.assign_name(frame, name, value)
            }
            None => Ok(()),
        };
        let flow = match named {
            Ok(()) => self.statements(frame, handler),
            Err(stop) => Err(stop),
        };
        frame.leave(handler);
        flow
    }
}
