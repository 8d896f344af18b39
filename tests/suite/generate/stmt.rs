//! Random statements.

use super::{Gen, MAX_WEIGHT, TYPES, Ty, Var};

impl Gen {
    pub(super) fn statements(&mut self, n: usize) {
        for _ in 0..n {
            self.statement();
        }
    }

    fn statement(&mut self) {
        let is_deep = self.depth >= 5;
        if self.yields.is_some() && self.rng.chance(20) {
            return self.hand_out();
        }
        match self.rng.below(if is_deep { 14 } else { 28 }) {
            0 | 1 => self.assign(),
            2 => self.compound(),
            3 => self.new_variable(),
            4 => self.store_element(),
            5 => self.update_object(),
            6 => self.print(),
            7 => self.append(),
            8 => self.global(),
            9 => self.update_rows(),
            10 => self.pop_item(),
            11..=13 => self.update_bag(),
            14 | 15 => self.conditional(),
            16 => self.counted_loop(),
            17 => self.while_loop(),
            18 => self.each_loop(),
            19 => self.guarded(),
            20 => self.matching(),
            21 => self.closure(),
            22 => self.characters(),
            23 => self.entries(),
            24 | 25 => self.requests(),
            26 => self.chain(),
            _ => self.change_type(),
        }
    }

    /// Runs `body` as an inner block: what it declares is forgotten afterwards.
    fn block(&mut self, head: &str, body: impl FnOnce(&mut Gen)) {
        let known = self.vars.len();
        self.open(head);
        body(self);
        self.close();
        self.vars.truncate(known);
    }

    /// A loop of `n` iterations; its body must stay cheap if the loops around are long.
    pub(super) fn looped(&mut self, head: &str, n: usize, body: impl FnOnce(&mut Gen)) {
        self.weight *= n;
        self.loop_depth += 1;
        self.block(head, body);
        self.loop_depth -= 1;
        self.weight /= n;
    }

    pub(super) fn iterations(&mut self) -> usize {
        let n = *self.rng.pick(&[3, 10, 40, 150, 700]);
        n.min(MAX_WEIGHT / self.weight).max(2)
    }

    fn assign(&mut self) {
        let ty = *self.rng.pick(&TYPES);
        let Some(name) = self.var(ty, true) else { return self.new_variable() };
        let value = self.expr(ty, 3);
        self.line(&format!("{name} := {value}"));
    }

    fn compound(&mut self) {
        let ty = *self.rng.pick(&[Ty::Int, Ty::Float]);
        let Some(name) = self.var(ty, true) else { return };
        let op = *self.rng.pick(&["+=", "-=", "*=", "+=", "%=", "/="]);
        let value = self.expr(ty, 2);
        self.line(&format!("{name} {op} {value}"));
    }

    fn new_variable(&mut self) {
        let ty = *self.rng.pick(&TYPES);
        let value = self.expr(ty, 3);
        let name = self.declare(ty);
        let keyword = if self.rng.chance(30) { "let " } else { "" };
        self.line(&format!("{keyword}{name} := {value}"));
    }

    fn store_element(&mut self) {
        let (ty, elem) = *self.rng.pick(&[(Ty::Ints, Ty::Int), (Ty::Floats, Ty::Float)]);
        let Some(name) = self.var(ty, true) else { return };
        let index = self.expr(Ty::Int, 1);
        let value = self.expr(elem, 2);
        let op = *self.rng.pick(&[":=", ":=", "+="]);
        self.line(&format!(
            "if len({name}) > 0 {{ {name}[({index}) % len({name})] {op} {value} }}"
        ));
    }

    fn update_object(&mut self) {
        if self.rng.chance(50)
            && let Some(name) = self.var(Ty::Point, true)
        {
            let value = self.expr(Ty::Float, 2);
            let line = match self.rng.below(3) {
                0 => format!("{name}.x := {value}"),
                1 => format!("{name}.y += {value}"),
                _ => format!("{name}.shift({value})"),
            };
            self.line(&line);
            return;
        }
        let Some(name) = self.var(Ty::Dict, true) else { return };
        let key = self.expr(Ty::Int, 1);
        let value = self.expr(Ty::Int, 2);
        let line = match self.rng.below(4) {
            0 => format!("{name}[{key}] := {value}"),
            1 => format!("{name}.k := {value}"),
            2 => format!("{name}[\"k\"] += {value}"),
            _ => format!("{name}.remove({key})"),
        };
        self.line(&line);
    }

    fn print(&mut self) {
        if self.weight > 60 {
            return;
        }
        let ty = *self.rng.pick(&TYPES);
        let value = self.expr(ty, 2);
        self.line(&format!("print({value})"));
    }

    fn append(&mut self) {
        let (ty, elem) = *self.rng.pick(&[(Ty::Ints, Ty::Int), (Ty::Floats, Ty::Float)]);
        let Some(name) = self.var(ty, true) else { return };
        let value = self.expr(elem, 2);
        let line = match self.rng.below(4) {
            0 => format!("{name} := push({name}, {value})"),
            1 => format!("{name}.push({value})"),
            2 => format!("if len({name}) > 3 {{ {name}.pop() }}"),
            _ => {
                let copy = self.fresh("v");
                format!(
                    "{copy} := {name} {name}.push({value}) total := (total + len({copy})) % 9973"
                )
            }
        };
        self.line(&line);
    }

    fn global(&mut self) {
        let value = self.expr(Ty::Int, 2);
        self.line(&format!("total := (total + {value} % 9973) % 1000003"));
    }

    fn conditional(&mut self) {
        let cond = self.expr(Ty::Bool, 3);
        let n = 1 + self.rng.below(3);
        self.block(&format!("if {cond}"), |g| {
            g.statements(n);
            if g.loop_depth > 0 && g.rng.chance(12) {
                let jump = *g.rng.pick(&["break", "continue"]);
                g.line(jump);
            } else if let Some(result) = g.result.filter(|_| g.rng.chance(15)) {
                let value = g.expr(result, 2);
                g.line(&format!("return {value}"));
            } else if g.yields.is_some() && g.rng.chance(8) {
                g.line("return");
            }
        });
        if self.rng.chance(40) {
            self.block("else", |g| g.statements(1));
        }
    }

    fn counted_loop(&mut self) {
        let n = self.iterations();
        let name = self.fresh("i");
        let head = match self.rng.below(4) {
            0 => format!("for {name} in {n}"),
            1 => format!("for {name} in range({}, {})", self.rng.below(9), n),
            2 => format!("for {name} in range({n}, 0, -1)"),
            _ => format!("for {name} in range({n})"),
        };
        let n_stmts = 1 + self.rng.below(4);
        self.looped(&head, n, |g| {
            g.vars.push(Var { name, ty: Ty::Int, is_fixed: true });
            g.statements(n_stmts);
        });
    }

    fn while_loop(&mut self) {
        let n = self.iterations();
        let name = self.fresh("i");
        self.line(&format!("{name} := 0"));
        let extra = if self.rng.chance(30) { self.expr(Ty::Bool, 2) } else { "true".to_owned() };
        let n_stmts = 1 + self.rng.below(4);
        self.looped(&format!("while {name} < {n} && {extra}"), n, |g| {
            g.line(&format!("{name} += 1"));
            g.vars.push(Var { name, ty: Ty::Int, is_fixed: true });
            g.statements(n_stmts);
        });
    }

    fn each_loop(&mut self) {
        let (ty, elem) = *self.rng.pick(&[
            (Ty::Ints, Ty::Int),
            (Ty::Floats, Ty::Float),
            (Ty::Str, Ty::Str),
            (Ty::Rows, Ty::Ints),
        ]);
        let Some(source) = self.var(ty, false) else { return };
        if self.weight > 100 {
            return;
        }
        let name = self.fresh("e");
        self.looped(&format!("for {name} in {source}"), 10, |g| {
            g.vars.push(Var { name, ty: elem, is_fixed: true });
            g.statements(2);
        });
    }

    fn guarded(&mut self) {
        let n = 1 + self.rng.below(3);
        self.block("try", |g| {
            g.statements(n);
            if g.rng.chance(25) {
                let value = g.expr(Ty::Mixed, 2);
                g.line(&format!("throw({value})"));
            }
        });
        let quiet = self.weight > 60;
        let action = if quiet { "total += 1" } else { "print(e.kind, e.message, e.line)" };
        self.line(&format!("except e {{ {action} }}"));
    }

    fn matching(&mut self) {
        let subject = self.expr(Ty::Mixed, 2);
        self.open(&format!("match {subject}"));
        for pattern in ["1 | 2", "\"a\"", "2.5", "_ if total % 2 == 0"] {
            self.block(&format!("case {pattern}:"), |g| g.statements(1));
        }
        self.block("default:", |g| g.statements(1));
        self.close();
    }

    fn closure(&mut self) {
        let Some(captured) = self.var(Ty::Int, true) else { return };
        let name = self.fresh("c");
        let step = self.rng.below(9);
        self.line(&format!("{name} := func(d) {{ {captured} := {captured} % 10007 + d + {step}"));
        self.line(&format!("    return {captured} }}"));
        let n = self.iterations();
        let counter = self.fresh("i");
        self.looped(&format!("for {counter} in range({n})"), n, |g| {
            g.line(&format!("total := (total + {name}({counter})) % 1000003"));
        });
    }

    /// A variable whose type changes in the middle of a loop.
    fn change_type(&mut self) {
        let Some(name) = self.var(Ty::Mixed, true) else { return };
        let n = self.iterations();
        let counter = self.fresh("i");
        let at = self.rng.below(n);
        let (before, after) = (self.literal_number(), self.expr(Ty::Mixed, 1));
        self.line(&format!("{name} := {before}"));
        self.looped(&format!("for {counter} in range({n})"), n, |g| {
            g.line(&format!("if {counter} == {at} {{ {name} := {after} }}"));
            let op = *g.rng.pick(&["+", "+", "*", "-"]);
            let guarded =
                format!("try {{ {name} := {name} {op} {counter} }} except e {{ {name} := 1 }}");
            let plain =
                format!("if type({name}) != \"string\" {{ {name} := ({name} {op} 3) % 65521 }}");
            let line = if g.rng.chance(30) && n < 60 { guarded } else { plain };
            g.line(&line);
        });
    }

    fn literal_number(&mut self) -> String {
        (*self.rng.pick(&["0", "1", "0.5", "1000"])).to_owned()
    }
}
