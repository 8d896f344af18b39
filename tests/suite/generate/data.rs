//! Random operations on arrays of arrays, texts, dicts and numbers.

use super::{Gen, Ty, Var};

impl Gen {
    pub(super) fn rows(&mut self, fuel: usize) -> String {
        match self.rng.below(3) {
            0 => format!("push({}, {})", self.leaf(Ty::Rows), self.expr(Ty::Ints, fuel)),
            1 => format!("[{}, {}]", self.expr(Ty::Ints, fuel), self.leaf(Ty::Ints)),
            _ => self.leaf(Ty::Rows),
        }
    }

    pub(super) fn row_element(&mut self, fuel: usize) -> String {
        let rows = self.expr(Ty::Rows, fuel);
        if self.rng.chance(25) {
            return format!("len({rows})");
        }
        format!("{rows}[{}][{}]", self.index(), self.index())
    }

    pub(super) fn int_native(&mut self, fuel: usize) -> String {
        let (a, b) = (self.expr(Ty::Int, fuel), self.expr(Ty::Int, 0));
        match self.rng.below(9) {
            0 => format!("abs({a})"),
            1 => format!("min({a}, {b})"),
            2 => format!("max({a}, {b})"),
            3 => format!("bit_and({a}, {b})"),
            4 => format!("bit_xor({a}, {b})"),
            5 => format!("bit_shr({a}, {b} % 70)"),
            6 => format!("to_int({})", self.expr(Ty::Float, fuel)),
            7 => format!("ord({})", self.expr(Ty::Str, fuel)),
            _ => format!("floor({a})"),
        }
    }

    pub(super) fn float_native(&mut self, fuel: usize) -> String {
        let (a, b) = (self.expr(Ty::Float, fuel), self.leaf(Ty::Float));
        match self.rng.below(5) {
            0 => format!("floor({a})"),
            1 => format!("ceil({a})"),
            2 => format!("min({a}, {b})"),
            3 => format!("max({a}, {b})"),
            _ => format!("abs({a})"),
        }
    }

    pub(super) fn update_rows(&mut self) {
        let Some(name) = self.var(Ty::Rows, true) else { return };
        let (i, value) = (self.expr(Ty::Int, 1), self.expr(Ty::Int, 2));
        let at = format!("abs({i}) % len({name})");
        let line = match self.rng.below(6) {
            0 => format!("{name}[{at}][0] := {value}"),
            1 => format!("{name}[{at}][0] += {value}"),
            2 => format!("{name}[{at}] := {}", self.expr(Ty::Ints, 1)),
            3 => format!("{name}[{at}] := push({name}[0], {value})"),
            4 => {
                let row = self.fresh("v");
                format!("{row} := {name}[{at}] {name}[{at}] := [{value}] total += len({row})")
            }
            _ => format!("if len({name}) < 9 {{ {name} := push({name}, [{value}]) }}"),
        };
        self.line(&format!("if len({name}) > 0 {{ {line} }}"));
    }

    /// Takes the last item off an array in the way of the language.
    pub(super) fn pop_item(&mut self) {
        let ty = *self.rng.pick(&[Ty::Ints, Ty::Floats, Ty::Rows]);
        let Some(name) = self.var(ty, true) else { return };
        let (pair, item) = (self.fresh("v"), self.fresh("v"));
        let copy = if self.rng.chance(30) { format!("{item} := {name} ") } else { String::new() };
        self.line(&format!("{copy}{pair} := pop({name})"));
        let (rest, last) = (format!("{name} := {pair}[0]"), format!("{item} := {pair}[1]"));
        let (a, b) = if self.rng.chance(80) { (rest, last) } else { (last, rest) };
        self.line(&a);
        self.line(&b);
        self.line(&format!("if {item} != null {{ total += 1 }}"));
    }

    /// A loop over the characters of a text by index.
    pub(super) fn characters(&mut self) {
        let Some(text) = self.var(Ty::Str, false) else { return };
        if self.weight > 100 {
            return;
        }
        let (i, c) = (self.fresh("i"), self.fresh("v"));
        self.looped(&format!("for {i} in range(min(len({text}), 60))"), 10, |g| {
            g.line(&format!("{c} := {text}[{i}]"));
            g.vars.push(Var { name: c, ty: Ty::Str, is_fixed: true });
            g.vars.push(Var { name: i, ty: Ty::Int, is_fixed: true });
            let test = g.text_test();
            g.line(&format!("if {test} {{ total += 1 }}"));
            g.statements(1);
        });
    }

    fn text_test(&mut self) -> String {
        let op = *self.rng.pick(&["==", "!=", "<", ">="]);
        format!("{} {op} {}", self.leaf(Ty::Str), self.leaf(Ty::Str))
    }

    /// A loop over the keys of a dict.
    pub(super) fn entries(&mut self) {
        let Some(dict) = self.var(Ty::Dict, true) else { return };
        let n = self.iterations();
        let (i, key) = (self.fresh("i"), self.fresh("e"));
        self.looped(&format!("for {i} in range({n})"), n, |g| {
            g.line(&format!("{dict}[{i} % 13] := {i}"));
            g.line(&format!("{dict}[\"k\"] += 1"));
        });
        self.looped(&format!("for {key} in {dict}"), 12, |g| {
            g.line(&format!("if has_key({dict}, {key}) {{ total += 1 }}"));
            g.line(&format!("{dict}[{key}] := {dict}[{key}]"));
        });
    }
}
