//! Assignments (LS 5.3, 8): variables, places, compound assignment, destructuring.

use ruff_runtime::bytecode::Const;
use ruff_runtime::bytecode::operand::RootKind;
use ruff_runtime::error::Kind;

use crate::resolve::{Ref, VarId};
use crate::syntax::ast::{
    BinaryOp, Bind, Elem, Expr, ExprKind, Ident, Pattern, Place, PlaceRoot, Step,
};

use super::function::{Builder, Home, Val, Want, undefined_variable};
use super::place::{ReadyPlace, ReadyStep, steps_of_target};

impl<'a> Builder<'a> {
    /// `place := value`
    pub(super) fn assign(&mut self, place: &'a Place, value: &'a Expr) {
        let base = self.top();
        match (&place.root, self.root_var(place)) {
            (PlaceRoot::Name(name), Some(var)) if place.steps.is_empty() => {
                match self.own_addition(var, value) {
                    Some((offset, addend)) => {
                        self.compound_var((var, name.span.start), BinaryOp::Add, offset, addend);
                    }
                    None => self.assign_var(var, name.span.start, value),
                }
            }
            (PlaceRoot::Name(_) | PlaceRoot::SelfRef { .. }, Some(var)) => {
                let ready = self.ready_place(var, place, value);
                let val = self.value(value);
                if ready.steps.is_empty() {
                    self.write(var, &val, ready.offset);
                } else {
                    self.store_place(&ready, &val);
                }
            }
            (_, None) => self.assign_undefined(place, value),
        }
        self.free_to(base);
    }

    /// The variable at the root of an assignment's target.
    fn root_var(&self, place: &Place) -> Option<VarId> {
        let id = match &place.root {
            PlaceRoot::Name(name) => name.id,
            PlaceRoot::SelfRef { id, .. } => *id,
        };
        self.unit.resolved.declared(id)
    }

    /// Evaluates a target's index expressions.
    fn ready_place(&mut self, var: VarId, place: &'a Place, value: &'a Expr) -> ReadyPlace {
        let steps = self.ready_steps(&steps_of_target(&place.steps), &[value]);
        let offset = match &place.root {
            PlaceRoot::Name(name) => name.span.start,
            PlaceRoot::SelfRef { span, .. } => span.start,
        };
        ReadyPlace { var, name: self.unit.resolved.var(var).name.clone(), offset, steps }
    }

    /// A target whose root is not declared: everything is evaluated, then it raises.
    fn assign_undefined(&mut self, place: &'a Place, value: &'a Expr) {
        for step in &place.steps {
            if let Step::Index { index, .. } = step {
                self.value(index);
            }
        }
        self.value(value);
        if let PlaceRoot::Name(name) = &place.root {
            self.fail(Kind::NameError, undefined_variable(&name.name), name.span.start);
        }
    }

    /// `var := value`
    pub(super) fn assign_var(&mut self, var: VarId, offset: u32, value: &'a Expr) {
        let base = self.top();
        if let Home::Register(reg) = self.home(var) {
            self.eval(value, Want::Final(reg));
            self.state.assign(var);
        } else {
            let val = self.value(value);
            self.write(var, &val, offset);
        }
        self.free_to(base);
    }

    /// For `x := x + e` the operator's position and `e`: done in place, like `x += e`.
    fn own_addition(&self, var: VarId, value: &'a Expr) -> Option<(u32, &'a Expr)> {
        if self.tries == 0 && self.register_of(var).is_some() {
            // Liveness sees to it.
            return None;
        }
        let ExprKind::Binary { op: BinaryOp::Add, op_span, lhs, rhs } = &value.kind else {
            return None;
        };
        let is_own = matches!(lhs.kind, ExprKind::Name(_))
            && self.unit.resolved.get(lhs.id) == Ref::Var(var);
        is_own.then_some((op_span.start, rhs))
    }

    /// `place op= value`
    pub(super) fn compound(
        &mut self,
        place: &'a Place,
        op: BinaryOp,
        offset: u32,
        value: &'a Expr,
    ) {
        let base = self.top();
        match self.root_var(place) {
            None => {
                for step in &place.steps {
                    if let Step::Index { index, .. } = step {
                        self.value(index);
                    }
                }
                if let PlaceRoot::Name(name) = &place.root {
                    self.fail(Kind::NameError, undefined_variable(&name.name), name.span.start);
                }
            }
            Some(var) => {
                let ready = self.ready_place(var, place, value);
                if ready.steps.is_empty() {
                    self.compound_var((var, ready.offset), op, offset, value);
                } else {
                    self.compound_place(&ready, op, offset, value);
                }
            }
        }
        self.free_to(base);
    }

    /// The right side is evaluated without effects that an update in place could show, and
    /// the update must be in place because values may grow by it.
    fn updates_in_place(&self, op: BinaryOp, value: &Expr) -> bool {
        op == BinaryOp::Add && !self.is_numeric(value) && self.is_pure(value)
    }

    /// `var op= value`
    fn compound_var(
        &mut self,
        (var, at): (VarId, u32),
        op: BinaryOp,
        offset: u32,
        value: &'a Expr,
    ) {
        let home = self.home(var);
        let in_register = matches!(home, Home::Register(_));
        if (!in_register || self.tries > 0) && self.updates_in_place(op, value) {
            let name = self.unit.resolved.var(var).name.clone();
            let place = ReadyPlace { var, name, offset: at, steps: Vec::new() };
            return self.update(&place, op, offset, value);
        }
        match home {
            Home::Register(reg) => {
                self.check(var, at);
                let old = if self.changes_var(var, value) {
                    self.deliver(Val::Var(reg), Want::Temp)
                } else {
                    Val::Var(reg)
                };
                let lhs = self.reg(&old);
                let rhs = self.value(value);
                self.operate(op, offset, lhs, &rhs, |_| reg);
                self.state.assign(var);
            }
            Home::Cell(_) | Home::Captured(_) | Home::Upvalue(_) | Home::Module(_) => {
                let old = self.read(var, at, Want::Temp);
                let lhs = self.reg(&old);
                let rhs = self.value(value);
                let result = self.operate(op, offset, lhs, &rhs, |_| lhs);
                self.write(var, &result, at);
            }
        }
    }

    fn changes_var(&self, var: VarId, value: &Expr) -> bool {
        self.unit.facts.is_method_root(var) && !self.is_simple(value)
    }

    /// `place op= value` with steps.
    fn compound_place(&mut self, place: &ReadyPlace, op: BinaryOp, offset: u32, value: &'a Expr) {
        if self.updates_in_place(op, value) {
            return self.update(place, op, offset, value);
        }
        let old = self.load_place(place, Want::Temp);
        let lhs = self.reg(&old);
        let rhs = self.value(value);
        let result = self.operate(op, offset, lhs, &rhs, |_| lhs);
        self.store_place(place, &result);
    }

    /// Updates a place by one instruction; the right side cannot change variables.
    fn update(&mut self, place: &ReadyPlace, op: BinaryOp, offset: u32, value: &'a Expr) {
        let src = if self.is_simple(value) {
            let val = self.value(value);
            self.reg(&val)
        } else {
            // Errors of reading the place come before those of the right side.
            let val = self.load_place(place, Want::Temp);
            let reg = self.reg(&val);
            self.into(value, reg);
            reg
        };
        let root = self.checked_root(place);
        let operator = match op {
            BinaryOp::Add => 0,
            BinaryOp::Sub => 1,
            BinaryOp::Mul => 2,
            BinaryOp::Div => 3,
            BinaryOp::Mod
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Gt
            | BinaryOp::Le
            | BinaryOp::Ge => 4,
        };
        match place.steps.as_slice() {
            [ReadyStep::Field { name, .. }] => {
                let name = self.code.name(name);
                self.code.at(offset);
                self.code.update_field(root, name, src).operator(operator);
            }
            [ReadyStep::Index { reg, .. }] => {
                self.code.at(offset);
                self.code.update_index(root, *reg, src).operator(operator);
            }
            steps => {
                let desc = self.place_desc(&place.name, steps);
                self.code.at(offset);
                self.code.update_place(root, desc, src).operator(operator);
            }
        }
        if root.kind == RootKind::Register {
            self.state.assign(place.var);
        }
    }

    // ---- destructuring

    /// `pattern := value`, also with `let`.
    pub(super) fn destructure(&mut self, pattern: &'a Pattern, value: &'a Expr) {
        let base = self.top();
        match pattern {
            Pattern::Name(name) => match self.unit.resolved.declared(name.id) {
                Some(var) => self.assign_var(var, name.span.start, value),
                None => {
                    self.value(value);
                }
            },
            Pattern::Wildcard(_) => self.discard(value),
            Pattern::Array { items, rest: None, .. } if is_flat(items) => match &value.kind {
                ExprKind::Array(elems) if is_plain(elems) => self.assign_pairwise(items, elems),
                _ => self.destructure_value(pattern, value),
            },
            Pattern::Array { .. } | Pattern::Dict { .. } => self.destructure_value(pattern, value),
        }
        self.free_to(base);
    }

    /// `[a, b] := [x, y]` without the array.
    fn assign_pairwise(&mut self, items: &'a [Pattern], elems: &'a [Elem]) {
        let mut values = Vec::with_capacity(elems.len());
        for elem in elems {
            if let Elem::Value(expr) = elem {
                values.push(self.push(expr));
            }
        }
        for (i, item) in items.iter().enumerate() {
            let val = values.get(i).map_or(Val::Const(Const::Null), |&reg| Val::Temp(reg));
            if let Pattern::Name(name) = item {
                self.write_node(name.id, &val, name.span.start);
            }
        }
    }

    fn destructure_value(&mut self, pattern: &'a Pattern, value: &'a Expr) {
        let source = self.push(value);
        self.bind_pattern(pattern, source);
        self.code.clear(source);
    }

    /// Assigns the names of a pattern from the value in a temporary.
    pub(super) fn bind_pattern(&mut self, pattern: &'a Pattern, source: u16) {
        match pattern {
            Pattern::Name(name) => self.write_node(name.id, &Val::Temp(source), name.span.start),
            Pattern::Wildcard(_) => {}
            Pattern::Array { items, rest, .. } => {
                for (i, item) in items.iter().enumerate() {
                    let mark = self.top();
                    let index = i as u16;
                    self.bind_piece(item, |this, dst| {
                        this.code.array_item(dst, source, index);
                    });
                    self.free_to(mark);
                }
                self.code.overflow |= items.len() > usize::from(u16::MAX);
                let from = items.len() as u16;
                self.bind_rest(rest.as_ref(), |this, dst| {
                    this.code.array_rest(dst, source, from);
                });
            }
            Pattern::Dict { items, rest, .. } => {
                for name in items {
                    let key = self.code.name(&name.name);
                    self.bind_name(name, |this, dst| {
                        this.code.dict_item(dst, source, key);
                    });
                }
                let names = items.iter().map(|name| name.name.clone()).collect();
                let list = ruff_runtime::bytecode::NameList { title: "".into(), names };
                let list = self.code.name_list(list);
                self.bind_rest(rest.as_ref(), |this, dst| {
                    this.code.dict_rest(dst, source, list);
                });
            }
        }
    }

    fn bind_piece(&mut self, item: &'a Pattern, load: impl FnOnce(&mut Self, u16)) {
        match item {
            Pattern::Wildcard(_) => {}
            Pattern::Name(name) => self.bind_name(name, load),
            Pattern::Array { .. } | Pattern::Dict { .. } => {
                let piece = self.alloc();
                load(self, piece);
                self.bind_pattern(item, piece);
                self.code.clear(piece);
            }
        }
    }

    fn bind_rest(&mut self, rest: Option<&'a Bind>, load: impl FnOnce(&mut Self, u16)) {
        if let Some(Some(name)) = rest {
            self.bind_name(name, load);
        }
    }

    /// Assigns a variable what `load` puts into a register.
    pub(super) fn bind_name(&mut self, name: &Ident, load: impl FnOnce(&mut Self, u16)) {
        let Some(var) = self.unit.resolved.declared(name.id) else { return };
        if let Some(reg) = self.register_of(var) {
            load(self, reg);
            self.state.assign(var);
            return;
        }
        let mark = self.top();
        let piece = self.alloc();
        load(self, piece);
        self.write(var, &Val::Temp(piece), name.span.start);
        self.free_to(mark);
    }
}

fn is_flat(items: &[Pattern]) -> bool {
    items.iter().all(|item| matches!(item, Pattern::Name(_) | Pattern::Wildcard(_)))
}

fn is_plain(elems: &[Elem]) -> bool {
    elems.len() <= 64 && elems.iter().all(|elem| matches!(elem, Elem::Value(_)))
}
