//! `match` (LS 11.4): cases are tested in text order, `default` comes last.

use ruff_runtime::bytecode::VariantDesc;
use ruff_runtime::objects::tagged::Variant;

use crate::syntax::ast::{Bind, Case, CasePattern, CasePatternKind, Expr, ExprKind, Match};

use super::code::Label;
use super::expr::constant;
use super::function::{Builder, Val, Want};

impl<'a> Builder<'a> {
    pub(super) fn match_stmt(&mut self, stmt: &'a Match) {
        let base = self.top();
        let has_guards = stmt.cases.iter().any(|case| case.guard.is_some());
        let subject = self.subject(&stmt.subject, has_guards);
        let end = self.code.new_label();
        let before = self.state.mark();
        let mut branches = Vec::new();
        for case in &stmt.cases {
            let next = self.code.new_label();
            self.case(case, subject, next);
            if !self.state.dead {
                self.code.jump(end);
            }
            branches.push(self.state.rewind(before));
            self.code.bind(next);
        }
        stmt.default.iter().for_each(|default| self.block(default));
        branches.push(self.state.rewind(before));
        self.state.merge(branches);
        self.code.bind(end);
        self.free_to(base);
    }

    /// The register with the subject; a variable stays where it is unless a guard might
    /// change it.
    fn subject(&mut self, expr: &'a Expr, has_guards: bool) -> u16 {
        let want = if has_guards && matches!(expr.kind, ExprKind::Name(_)) {
            Want::Temp
        } else {
            Want::Any
        };
        let val = self.eval(expr, want);
        if let Val::Temp(reg) = val {
            self.free_to(reg + 1);
        }
        self.reg(&val)
    }

    fn case(&mut self, case: &'a Case, subject: u16, next: Label) {
        let scope = self.enter(case.body.id);
        let matched = self.code.new_label();
        let last = case.patterns.len().saturating_sub(1);
        for (i, pattern) in case.patterns.iter().enumerate() {
            if i == last {
                self.test_pattern(pattern, subject, next);
            } else {
                let alternative = self.code.new_label();
                self.test_pattern(pattern, subject, alternative);
                self.code.jump(matched);
                self.code.bind(alternative);
            }
        }
        self.code.bind(matched);
        if let [pattern] = case.patterns.as_slice() {
            self.bind_payload(pattern, subject);
        }
        if let Some(guard) = &case.guard {
            self.branch(guard, next, false);
        }
        self.statements(&case.body);
        self.leave(scope);
    }

    /// Jumps to `target` unless the subject matches.
    fn test_pattern(&mut self, pattern: &CasePattern, subject: u16, target: Label) {
        self.code.at(pattern.span.start);
        let desc = match &pattern.kind {
            CasePatternKind::Wildcard => return,
            CasePatternKind::Literal(literal) => {
                let literal = self.code.constant(&constant(literal));
                self.code.jump_unless_literal(subject, literal, target);
                return;
            }
            CasePatternKind::Name { name, binds } => VariantDesc {
                enum_name: None,
                variant: name.name.clone(),
                interned: None,
                has_parens: binds.is_some(),
                arity: None,
            },
            CasePatternKind::Variant { enum_name, variant, binds } => VariantDesc {
                enum_name: Some(enum_name.name.clone()),
                variant: variant.name.clone(),
                interned: Some(Variant::intern(&enum_name.name, &variant.name)),
                has_parens: binds.is_some(),
                arity: None,
            },
        };
        let desc = self.code.variant(desc);
        self.code.jump_unless_variant(subject, desc, target);
    }

    fn bind_payload(&mut self, pattern: &'a CasePattern, subject: u16) {
        let binds: &[Bind] = match &pattern.kind {
            CasePatternKind::Wildcard | CasePatternKind::Literal(_) => return,
            CasePatternKind::Name { binds, .. } | CasePatternKind::Variant { binds, .. } => {
                binds.as_deref().unwrap_or(&[])
            }
        };
        for (i, bind) in binds.iter().enumerate() {
            if let Some(name) = bind {
                self.bind_name(name, |this, dst| {
                    this.code.get_payload(dst, subject, i as u16);
                });
            }
        }
    }
}
