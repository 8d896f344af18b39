//! Destructuring (LS 5.8) and `match` (LS 11.4).

use std::sync::Arc;

use ruff_runtime::semantics::{destructure, match_pattern, truthy};
use ruff_runtime::value::Value;

use super::Evaluator;
use super::expr::literal_value;
use super::frame::{Eval, Flow, Frame};
use crate::syntax::ast::{Bind, Case, CasePattern, CasePatternKind, Ident, Match, Pattern};

impl Evaluator {
    /// Assigns the variable that `name` declares or means.
    pub(super) fn assign_name(&self, frame: &mut Frame, name: &Ident, value: Value) -> Eval<()> {
        match frame.unit.resolved().declared(name.id) {
            Some(var) => {
                let assigned = frame.assign(var, value);
                frame.at(name.span, assigned)
            }
            None => Ok(()),
        }
    }

    pub(super) fn assign_pattern(
        &mut self,
        frame: &mut Frame,
        pattern: &Pattern,
        value: Value,
    ) -> Eval<()> {
        match pattern {
            Pattern::Name(name) => self.assign_name(frame, name, value),
            Pattern::Wildcard(_) => Ok(()),
            Pattern::Array { items, rest, .. } => {
                for (i, item) in items.iter().enumerate() {
                    self.assign_pattern(frame, item, destructure::array_item(&value, i))?;
                }
                match rest {
                    Some(Some(name)) => {
                        let rest = destructure::array_rest(&value, items.len());
                        self.assign_name(frame, name, rest)
                    }
                    Some(None) | None => Ok(()),
                }
            }
            Pattern::Dict { items, rest, .. } => {
                for item in items {
                    let content = destructure::dict_item(&value, &item.name);
                    self.assign_name(frame, item, content)?;
                }
                match rest {
                    Some(Some(name)) => {
                        let taken: Vec<Arc<str>> =
                            items.iter().map(|item| item.name.clone()).collect();
                        self.assign_name(frame, name, destructure::dict_rest(&value, &taken))
                    }
                    Some(None) | None => Ok(()),
                }
            }
        }
    }

    #[inline(never)]
    pub(super) fn match_statement(&mut self, frame: &mut Frame, found: &Match) -> Eval<Flow> {
        let subject = self.eval(frame, &found.subject)?;
        for case in &found.cases {
            let mut matching = None;
            for pattern in &case.patterns {
                if matches(frame, pattern, &subject)? {
                    matching = Some(pattern);
                    break;
                }
            }
            if let Some(pattern) = matching
                && let Some(flow) = self.case_body(frame, case, pattern, &subject)?
            {
                return Ok(flow);
            }
        }
        match &found.default {
            Some(block) => self.block(frame, block),
            None => Ok(Flow::Normal),
        }
    }

    /// Binds what the pattern names and runs the body; `None` if the guard says no.
    fn case_body(
        &mut self,
        frame: &mut Frame,
        case: &Case,
        pattern: &CasePattern,
        subject: &Value,
    ) -> Eval<Option<Flow>> {
        frame.enter(&case.body);
        let flow = match self.bind_and_ask(frame, case, pattern, subject) {
            Ok(true) => self.statements(frame, &case.body).map(Some),
            Ok(false) => Ok(None),
            Err(stop) => Err(stop),
        };
        frame.leave(&case.body);
        flow
    }

    fn bind_and_ask(
        &mut self,
        frame: &mut Frame,
        case: &Case,
        pattern: &CasePattern,
        subject: &Value,
    ) -> Eval<bool> {
        for (i, bind) in binds(pattern).iter().enumerate() {
            if let Some(name) = bind {
                self.assign_name(frame, name, match_pattern::payload(subject, i))?;
            }
        }
        match &case.guard {
            Some(guard) => Ok(truthy(&self.eval(frame, guard)?)),
            None => Ok(true),
        }
    }
}

fn binds(pattern: &CasePattern) -> &[Bind] {
    match &pattern.kind {
        CasePatternKind::Name { binds, .. } | CasePatternKind::Variant { binds, .. } => {
            binds.as_deref().unwrap_or_default()
        }
        CasePatternKind::Wildcard | CasePatternKind::Literal(_) => &[],
    }
}

fn matches(frame: &mut Frame, pattern: &CasePattern, subject: &Value) -> Eval<bool> {
    match &pattern.kind {
        CasePatternKind::Wildcard => Ok(true),
        CasePatternKind::Literal(literal) => {
            let literal = literal_value(literal);
            frame.at(pattern.span, match_pattern::matches_literal(subject, &literal))
        }
        CasePatternKind::Name { name, binds } => {
            Ok(match_pattern::matches_name(subject, &name.name, binds.is_some()))
        }
        CasePatternKind::Variant { enum_name, variant, .. } => {
            Ok(match_pattern::matches_variant(subject, &enum_name.name, &variant.name))
        }
    }
}
