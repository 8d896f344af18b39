//! Places: assignment, compound assignment, and the path that both and mutating calls walk.

use std::sync::Arc;

use ruff_runtime::error::Result;
use ruff_runtime::objects::array::Array;
use ruff_runtime::semantics::arith;
use ruff_runtime::semantics::place::{self, PlaceStep};
use ruff_runtime::value::{Tag, Value, View};

use super::Evaluator;
use super::expr::binary_op;
use super::frame::{Eval, Frame, undefined};
use crate::resolve::{Ref, VarId};
use crate::syntax::ast::{BinaryOp, Elem, Expr, ExprKind, Ident, Place, PlaceRoot, Step};
use crate::syntax::source::Span;

/// A place whose index expressions have been evaluated.
pub(super) struct Path<'a> {
    pub var: VarId,
    pub root_span: Span,
    steps: Vec<PathStep<'a>>,
}

enum PathStep<'a> {
    Field(&'a Ident),
    Index { open: Span, at: Value },
}

impl Path<'_> {
    /// The steps as the semantics want them.
    pub(super) fn steps(&self) -> Vec<PlaceStep<'_>> {
        let steps = self.steps.iter().map(|step| match step {
            PathStep::Field(name) => PlaceStep::Field(&name.name),
            PathStep::Index { at, .. } => PlaceStep::Index(at),
        });
        steps.collect()
    }

    /// Where an error in a step is reported.
    pub(super) fn span_of(&self, step: usize) -> Span {
        match self.steps.get(step) {
            Some(PathStep::Field(name)) => name.span,
            Some(PathStep::Index { open, .. }) => *open,
            None => self.root_span,
        }
    }

    /// The name in the first step, if that is a field.
    pub(super) fn first_field(&self) -> Option<&Arc<str>> {
        match self.steps.first()? {
            PathStep::Field(name) => Some(&name.name),
            PathStep::Index { .. } => None,
        }
    }

    /// Whether the place is a variable and the expression is its name.
    fn is_variable(&self, frame: &Frame, expr: &Expr) -> bool {
        self.steps.is_empty()
            && matches!(expr.kind, ExprKind::Name(_))
            && frame.unit.resolved().get(expr.id) == Ref::Var(self.var)
    }

    /// Reads the place.
    pub(super) fn load(&self, frame: &mut Frame) -> Eval {
        let root = frame.read(self.var);
        let root = frame.at(self.root_span, root)?;
        match place::load(&root, &self.steps()) {
            Ok(value) => Ok(value),
            Err(failed) => frame.at(self.span_of(failed.step), Err(failed.error)),
        }
    }

    /// Stores in the place.
    fn store(&self, frame: &mut Frame, value: Value) -> Eval<()> {
        if self.steps.is_empty() {
            let assigned = frame.assign(self.var, value);
            return frame.at(self.root_span, assigned);
        }
        let location = frame.locate(self.var);
        let root = frame.take(self.var, &location);
        let mut root = frame.at(self.root_span, root)?;
        let stored = place::store(&mut root, &self.steps(), value);
        frame.replace(&location, root);
        match stored {
            Ok(()) => Ok(()),
            Err(failed) => frame.at(self.span_of(failed.step), Err(failed.error)),
        }
    }
}

impl Evaluator {
    /// The path of an assignment's target; `None` if the root is not defined, which is an error
    /// only when the place is read or stored to.
    fn path_of_place<'a>(&mut self, frame: &mut Frame, place: &'a Place) -> Eval<Option<Path<'a>>> {
        let (id, root_span) = match &place.root {
            PlaceRoot::Name(name) => (name.id, name.span),
            PlaceRoot::SelfRef { span, id } => (*id, *span),
        };
        let mut steps = Vec::with_capacity(place.steps.len());
        for step in &place.steps {
            steps.push(match step {
                Step::Field(name) => PathStep::Field(name),
                Step::Index { open, index } => {
                    PathStep::Index { open: *open, at: self.eval(frame, index)? }
                }
            });
        }
        let var = frame.unit.resolved().declared(id);
        Ok(var.map(|var| Path { var, root_span, steps }))
    }

    /// The path of an expression for which `expr::is_place` holds.
    pub(super) fn path_of_expr<'a>(&mut self, frame: &mut Frame, expr: &'a Expr) -> Eval<Path<'a>> {
        let mut links = Vec::new();
        let mut root = expr;
        while let ExprKind::Field { object, .. } | ExprKind::Index { object, .. } = &root.kind {
            links.push(root);
            root = object;
        }
        let mut steps = Vec::with_capacity(links.len());
        while let Some(link) = links.pop() {
            match &link.kind {
                ExprKind::Field { name, .. } => steps.push(PathStep::Field(name)),
                ExprKind::Index { open, index, .. } => {
                    let at = self.eval(frame, index)?;
                    steps.push(PathStep::Index { open: *open, at });
                }
                _ => {}
            }
        }
        match frame.unit.resolved().declared(root.id) {
            Some(var) => Ok(Path { var, root_span: root.span, steps }),
            None => frame.at(root.span, Err(undefined("self"))),
        }
    }

    /// `place := value`.
    #[inline(never)]
    pub(super) fn assign(&mut self, frame: &mut Frame, place: &Place, value: &Expr) -> Eval<()> {
        let path = self.path_of_place(frame, place)?;
        if let Some(path) = &path
            && let Some(done) = self.grow(frame, path, value)
        {
            return done;
        }
        let value = self.eval(frame, value)?;
        match path {
            Some(path) => path.store(frame, value),
            None => undefined_root(frame, place),
        }
    }

    /// `x := x + e` and `x := push(x, e)`; `None` if this is no such assignment. They take what
    /// they extend out of the variable, so that it grows in place and loops take linear time.
    fn grow(&mut self, frame: &mut Frame, path: &Path<'_>, value: &Expr) -> Option<Eval<()>> {
        match &value.kind {
            ExprKind::Binary { op: BinaryOp::Add, op_span, lhs, rhs }
                if path.is_variable(frame, lhs) =>
            {
                let operands = self.eval(frame, lhs).and_then(|l| Ok((l, self.eval(frame, rhs)?)));
                Some(operands.and_then(|(left, right)| {
                    self.combine(frame, path, (BinaryOp::Add, *op_span), left, &right)
                }))
            }
            ExprKind::Call { callee, callee_end, args } => match (&callee.kind, &args[..]) {
                (ExprKind::Name(name), [Elem::Value(first), Elem::Value(_)])
                    if matches!(&**name, "push" | "append")
                        && frame.unit.resolved().get(callee.id) == Ref::Native
                        && path.is_variable(frame, first) =>
                {
                    Some(self.push(frame, path, callee, (*callee_end, args)))
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn push(
        &mut self,
        frame: &mut Frame,
        path: &Path<'_>,
        callee: &Expr,
        (callee_end, args): (Span, &[Elem]),
    ) -> Eval<()> {
        let callee = self.eval(frame, callee)?;
        let args = self.elements(frame, None, args)?;
        // Only a call that cannot fail may leave the variable empty.
        let fits = |array: &Array| arith::check_array_len(array.len() + 1).is_ok();
        if matches!(args[0].view(), View::Array(array) if fits(array))
            && frame.content(path.var).is_identical(&args[0])
        {
            let location = frame.locate(path.var);
            drop(frame.replace(&location, Value::NULL));
        }
        let pushed = self.call_value(&callee, args);
        let pushed = frame.at(callee_end, pushed)?;
        path.store(frame, pushed)
    }

    /// `place op= value`.
    #[inline(never)]
    pub(super) fn compound(
        &mut self,
        frame: &mut Frame,
        place: &Place,
        (op, op_span): (BinaryOp, Span),
        value: &Expr,
    ) -> Eval<()> {
        let Some(path) = self.path_of_place(frame, place)? else {
            return undefined_root(frame, place);
        };
        let old = path.load(frame)?;
        let right = self.eval(frame, value)?;
        self.combine(frame, &path, (op, op_span), old, &right)
    }

    /// Stores `old op right`, where `old` is what the place held.
    fn combine(
        &mut self,
        frame: &mut Frame,
        path: &Path<'_>,
        (op, op_span): (BinaryOp, Span),
        old: Value,
        right: &Value,
    ) -> Eval<()> {
        if op == BinaryOp::Add && matches!(old.tag(), Tag::Str | Tag::Array) {
            return self.append(frame, path, op_span, old, right);
        }
        let new = frame.at(op_span, arith::binary(self, binary_op(op), &old, right))?;
        path.store(frame, new)
    }

    /// `place += value` for a string or array: if the place still holds what was read, it is
    /// taken out, so that nobody else holds it and it can grow in place.
    fn append(
        &mut self,
        frame: &mut Frame,
        path: &Path<'_>,
        op_span: Span,
        mut old: Value,
        right: &Value,
    ) -> Eval<()> {
        if path.steps.is_empty() && frame.content(path.var).is_identical(&old) {
            let location = frame.locate(path.var);
            drop(frame.replace(&location, Value::NULL));
            let added = arith::add_in_place(self, &mut old, right);
            frame.replace(&location, old);
            return frame.at(op_span, added);
        }
        let added = arith::add_in_place(self, &mut old, right);
        frame.at(op_span, added)?;
        path.store(frame, old)
    }
}

#[cold]
fn undefined_root(frame: &mut Frame, place: &Place) -> Eval<()> {
    let (name, span) = match &place.root {
        PlaceRoot::Name(name) => (&*name.name, name.span),
        PlaceRoot::SelfRef { span, .. } => ("self", *span),
    };
    let error: Result<()> = Err(undefined(name));
    frame.at(span, error)
}
