//! Random generators, loops over them, and chains of lazy stages.

use super::{FUNCTION_CALLS, FUNCTION_WEIGHT, Function, Gen, MAIN_CALLS, MAX_CALL_WEIGHT, Ty, Var};

/// What generators hand out.
const ITEMS: [Ty; 4] = [Ty::Int, Ty::Int, Ty::Float, Ty::Mixed];
/// Items that a loop over a generator is taken to get.
const USUAL_ITEMS: usize = 40;

impl Gen {
    /// A generator function.
    pub(super) fn generator(&mut self) {
        let name = self.fresh("g");
        let params: Vec<Ty> =
            (0..self.rng.below(3)).map(|_| *self.rng.pick(&[Ty::Int, Ty::Ints, Ty::Str])).collect();
        let item = *self.rng.pick(&ITEMS);
        let outer = std::mem::take(&mut self.vars);
        let names: Vec<String> = params.iter().map(|&ty| self.declare(ty)).collect();
        self.open(&format!("func* {name}({})", names.join(", ")));
        self.yields = Some(item);
        self.weight = FUNCTION_WEIGHT;
        self.calls_left = FUNCTION_CALLS;
        let n = 1 + self.rng.below(3);
        self.statements(n);
        let (n, counter) = (self.iterations(), self.fresh("i"));
        self.looped(&format!("for {counter} in range({n})"), n, |g| {
            g.vars.push(Var { name: counter, ty: Ty::Int, is_fixed: true });
            g.statements(1);
            g.hand_out();
            let n = g.rng.below(2);
            g.statements(n);
        });
        let n = self.rng.below(3);
        self.statements(n);
        self.yields = None;
        self.weight = 1;
        self.calls_left = MAIN_CALLS;
        self.close();
        self.vars = outer;
        self.generators.push(Function { name, params, result: item });
    }

    /// A `yield`, in a generator.
    pub(super) fn hand_out(&mut self) {
        let Some(item) = self.yields else { return };
        let value = self.expr(item, 2);
        let line = match self.rng.below(8) {
            0 => format!("if {} {{ yield {value} }}", self.expr(Ty::Bool, 1)),
            1 => format!("try {{ yield {value} }} except e {{ total += 1 }}"),
            2 if self.rng.chance(20) => "yield".to_owned(),
            _ => format!("yield {value}"),
        };
        self.line(&line);
    }

    /// A generator as an expression, with the type of its items.
    fn generator_call(&mut self) -> Option<(String, Ty)> {
        if self.generators.is_empty() || self.calls_left == 0 || self.weight > MAX_CALL_WEIGHT {
            return None;
        }
        self.calls_left -= 1;
        let at = self.rng.below(self.generators.len());
        let Function { name, params, result } = self.generators[at].clone();
        let args: Vec<String> = params.iter().map(|&ty| self.expr(ty, 1)).collect();
        Some((format!("{name}({})", args.join(", ")), result))
    }

    /// A loop over a generator, or single requests to it.
    pub(super) fn requests(&mut self) {
        let Some((call, item)) = self.generator_call() else { return };
        if self.rng.chance(25) {
            return self.single_requests(&call);
        }
        let source = if self.rng.chance(30) { self.stages(call, item, 2) } else { call };
        let name = self.fresh("e");
        self.looped(&format!("for {name} in {source}"), USUAL_ITEMS, |g| {
            g.vars.push(Var { name: name.clone(), ty: Ty::Mixed, is_fixed: true });
            if g.rng.chance(30) {
                let last = g.rng.below(5);
                g.line(&format!("if {name} == {last} {{ break }}"));
            }
            let n = 1 + g.rng.below(2);
            g.statements(n);
            g.hand_out();
        });
    }

    fn single_requests(&mut self, call: &str) {
        let (name, counter) = (self.fresh("s"), self.fresh("i"));
        self.line(&format!("{name} := {call}"));
        let n = self.iterations();
        self.looped(&format!("for {counter} in range({n})"), n, |g| {
            g.line(&format!("match {name}.next() {{"));
            g.line(
                "    case Some(q) { if type(q) == \"int\" { total := (total + q % 97) % 9973 } }",
            );
            g.line("    case None { total += 1 }");
            g.line("}");
        });
        self.line(&format!("for q in {name} {{ total += 1 }}"));
    }

    /// Lazy stages behind a source.
    fn stages(&mut self, source: String, item: Ty, most: usize) -> String {
        let mut chain = source;
        for _ in 0..self.rng.below(most + 1) {
            let stage = match self.rng.below(13) {
                0 => format!("take({})", self.rng.below(60)),
                1 => format!("skip({})", self.rng.below(4)),
                2 => format!("step_by({})", 1 + self.rng.below(3)),
                3 => format!("take_while({})", self.callback(item, Ty::Bool)),
                4 => format!("skip_while({})", self.callback(item, Ty::Bool)),
                5 => format!("filter({})", self.callback(item, Ty::Bool)),
                6 => {
                    let both = self.callback(item, item);
                    let other = self.other_source();
                    format!("zip({other}).map(func(p) {{ return p[0] }}).map({both})")
                }
                7 => format!("enumerate({}).map(func(p) {{ return p[1] }})", self.rng.below(9)),
                8 => format!("chain({})", self.other_source()),
                9 => format!("flat_map(func(q) {{ return take([q, q], {}) }})", self.rng.below(3)),
                _ => format!("map({})", self.callback(item, item)),
            };
            chain = format!("{chain}.{stage}");
        }
        chain
    }

    /// Ints, for a stage that takes in other items.
    fn other_source(&mut self) -> String {
        match self.rng.below(4) {
            0 => format!("range({})", self.rng.below(40)),
            1 => format!("range({}, {}, -3)", self.rng.below(90), self.rng.below(9)),
            2 => format!("range({}).map(func(q) {{ return q * 2 }})", self.rng.below(30)),
            _ => self.var(Ty::Ints, false).unwrap_or_else(|| "[1, 2, 3]".to_owned()),
        }
    }

    /// A function of an item.
    fn callback(&mut self, item: Ty, result: Ty) -> String {
        let known = self.vars.len();
        let name = self.fresh("d");
        self.vars.push(Var { name: name.clone(), ty: item, is_fixed: true });
        let (calls, weight) = (self.calls_left, self.weight);
        // It runs for every item.
        (self.calls_left, self.weight) = (0, MAX_CALL_WEIGHT + 1);
        let value = self.expr(result, 2);
        (self.calls_left, self.weight) = (calls, weight);
        self.vars.truncate(known);
        format!("func({name}) {{ return {value} }}")
    }

    /// A chain of lazy stages and what ends it.
    pub(super) fn chain(&mut self) {
        if self.weight > MAX_CALL_WEIGHT {
            return;
        }
        let source = match self.rng.below(5) {
            4 => Some((format!("range(3, {}, 2)", self.iterations()), Ty::Int)),
            0 => self.generator_call(),
            1 => Some((format!("range({})", self.iterations()), Ty::Int)),
            2 => self.var(Ty::Floats, false).map(|name| (name, Ty::Float)),
            _ => self.var(Ty::Ints, false).map(|name| (name, Ty::Int)),
        };
        let Some((source, item)) = source else { return };
        let chain = self.stages(source, item, 4);
        let name = self.fresh("v");
        let line = match self.rng.below(9) {
            0 => format!("{name} := {chain}.sum()"),
            1 => format!("{name} := {chain}.collect()"),
            2 => format!("{name} := {chain}.any({})", self.callback(item, Ty::Bool)),
            3 => format!("{name} := {chain}.all({})", self.callback(item, Ty::Bool)),
            4 => format!("{name} := {chain}.find({})", self.callback(item, Ty::Bool)),
            5 => format!("{name} := {chain}.reduce(0, func(a, b) {{ return a + b }})"),
            6 => format!("{name} := {chain}.count()"),
            7 => format!("{name} := 0 for q in {chain} {{ {name} += 1 }}"),
            _ => format!("{name} := 0 {chain}.for_each(func(q) {{ {name} += 1 }})"),
        };
        self.line(&line);
        if self.weight <= 60 {
            self.line(&format!("print({name})"));
        }
    }
}
