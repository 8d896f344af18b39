//! Names in expressions.
//!
//! Expressions are walked with an explicit stack: nothing in an expression changes what is
//! visible (functions and spawn blocks wait for later), and chains can be very long.

use super::scope::{Body, Resolver};
use super::{ExportKind, Ref, VarKind};
use crate::syntax::ast::{Elem, Entry, Expr, ExprKind, Ident, StrPart};
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::source::Span;

impl<'a> Resolver<'a> {
    /// Resolves the names of an expression.
    pub(super) fn expr(&mut self, root: &'a Expr) {
        let mut work = std::mem::take(&mut self.work);
        work.push(root);
        while let Some(expr) = work.pop() {
            let mark = work.len();
            self.node(expr, &mut work);
            work[mark..].reverse();
        }
        self.work = work;
    }

    /// Resolves one node and pushes its operands.
    fn node(&mut self, expr: &'a Expr, work: &mut Vec<&'a Expr>) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Error => {}
            ExprKind::Name(name) => self.use_name(expr, name),
            ExprKind::SelfRef => {
                self.use_self(expr.id, expr.span);
            }
            ExprKind::Interpolation(parts) => work.extend(parts.iter().filter_map(|p| match p {
                StrPart::Text(_) => None,
                StrPart::Expr(expr) => Some(expr),
            })),
            ExprKind::Paren(inner)
            | ExprKind::Unary { operand: inner, .. }
            | ExprKind::Await { operand: inner, .. }
            | ExprKind::Try { operand: inner, .. }
            | ExprKind::Field { object: inner, .. } => work.push(inner),
            ExprKind::Binary { lhs, rhs, .. }
            | ExprKind::Logic { lhs, rhs, .. }
            | ExprKind::Pipe { lhs, rhs, .. } => work.extend([&**lhs, &**rhs]),
            ExprKind::Index { object, index, .. } => work.extend([&**object, &**index]),
            ExprKind::Array(elems) => push_elems(elems, work),
            ExprKind::Dict(entries) => {
                for entry in entries {
                    self.entry(entry, work);
                }
            }
            ExprKind::Func(func) => self.defer_func(func, func.span.start),
            ExprKind::StructLit { module, name, fields } => {
                self.struct_literal(expr, module.as_ref(), name);
                self.check_literal_fields(fields);
                work.extend(fields.iter().map(|(_, value)| value));
            }
            ExprKind::Tag { module, enum_name, variant, args } => {
                let args = args.as_deref().unwrap_or(&[]);
                if let Some(variants) = self.use_enum(module.as_ref(), enum_name) {
                    let tag = (enum_name, variant);
                    if let Some(expected) = self.check_variant(&variants, tag, expr.span) {
                        self.check_payload(expected, args, tag, expr.span);
                    }
                }
                push_elems(args, work);
            }
            ExprKind::Call { callee, args, .. } => {
                work.push(callee);
                push_elems(args, work);
            }
            ExprKind::Method { receiver, name, args, .. } => {
                self.method_call(receiver, name);
                work.push(receiver);
                push_elems(args, work);
            }
            ExprKind::Yield { yield_span, value } => {
                self.check_yield(*yield_span);
                work.extend(value.as_deref());
            }
            ExprKind::Spawn { body } => {
                self.defer(body.id, Body::Block(body), expr.span.start);
            }
        }
    }

    fn check_yield(&mut self, span: Span) {
        if !self.frame().is_generator {
            let message = "yield can only be used inside a generator function";
            self.error(Code::C006, span, message);
        }
    }

    fn entry(&mut self, entry: &'a Entry, work: &mut Vec<&'a Expr>) {
        match entry {
            Entry::Bare(key, value) => {
                self.bare_key(key);
                work.push(value);
            }
            Entry::Keyed(key, value) => work.extend([key, value]),
            Entry::Spread(_, value) => work.push(value),
        }
    }

    /// A bare key means the variable of that name, if there is one (LS 12.2).
    fn bare_key(&mut self, key: &Ident) {
        let Some(var) = self.find(&key.name) else { return };
        let means_value = match &self.out.var(var).kind {
            VarKind::Variable
            | VarKind::Const
            | VarKind::Param
            | VarKind::SelfParam { .. }
            | VarKind::Field
            | VarKind::Loop
            | VarKind::Except
            | VarKind::Bind => true,
            VarKind::Func | VarKind::Struct | VarKind::Enum | VarKind::Module => false,
            VarKind::Imported(
                ExportKind::Variable
                | ExportKind::Const
                | ExportKind::Func
                | ExportKind::Struct { .. }
                | ExportKind::Enum { .. },
            ) => false,
        };
        if !means_value {
            return;
        }
        self.mention(var);
        self.set_ref(key.id, Ref::Var(var));
        let name = &key.name;
        let message = format!("The key `{name}` means the value of the variable `{name}`");
        let warning = Diagnostic::warning(Code::W102, key.span, message);
        self.warn(
            warning.with_note(format!("write \"{name}\" for the text, ({name}) for the value")),
        );
    }

    fn struct_literal(&mut self, expr: &Expr, module: Option<&Ident>, name: &Ident) {
        if let Some(module) = module {
            self.use_module(module);
        } else if self.use_var(expr.id, &name.name).is_none() {
            self.suggest(expr.span, &name.name);
        }
    }

    /// A method may change the place that it is called on.
    fn method_call(&mut self, receiver: &Expr, name: &Ident) {
        if matches!(receiver.kind, ExprKind::SelfRef) {
            self.check_self_call(&name.name, receiver.span);
        }
        let mut place = receiver;
        while let ExprKind::Field { object: inner, .. }
        | ExprKind::Index { object: inner, .. }
        | ExprKind::Paren(inner) = &place.kind
        {
            place = inner;
        }
        if let ExprKind::Name(root) = &place.kind
            && let Some(var) = self.find(root)
        {
            self.facts_mut(var).changed = true;
        }
    }
}

fn push_elems<'a>(elems: &'a [Elem], work: &mut Vec<&'a Expr>) {
    work.extend(elems.iter().map(|elem| match elem {
        Elem::Value(expr) | Elem::Spread(_, expr) => expr,
    }));
}
