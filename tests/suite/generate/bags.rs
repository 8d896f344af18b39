//! Random operations on a struct that holds arrays, a text and other structs: places of several
//! steps, methods of places, elements that are borrowed and replaced, matches on texts.

use super::{Gen, Ty};

impl Gen {
    pub(super) fn declare_bag(&mut self) {
        for line in [
            "struct Bag {",
            "    points, ints, tag,",
            "    func put(mut self, v) { self.ints.push(v)",
            "        return len(self.ints) }",
            "    func take(mut self) { v := self.ints.pop()",
            "        return v == null }",
            "    func move(mut self, i, d) { self.points[i].x += d",
            "        self.points[i].shift(d)",
            "        return self.points[i].x }",
            "}",
        ] {
            self.line(line);
        }
    }

    pub(super) fn bag(&mut self, fuel: usize) -> String {
        let (a, b) = (self.expr(Ty::Point, fuel), self.leaf(Ty::Point));
        let (ints, tag) = (self.expr(Ty::Ints, fuel), self.leaf(Ty::Str));
        format!("(Bag {{ points: [{a}, {b}], ints: {ints}, tag: {tag} }})")
    }

    /// Changes something in a bag, or looks at it.
    pub(super) fn update_bag(&mut self) {
        let Some(bag) = self.var(Ty::Bag, true) else { return };
        let at = format!("abs({}) % 2", self.leaf(Ty::Int));
        let line = match self.rng.below(12) {
            0 => format!("{bag}.points[{at}].x := {}", self.expr(Ty::Int, 1)),
            1 => format!("{bag}.points[{at}].y += {}", self.expr(Ty::Float, 1)),
            2 => format!("{bag}.points[{at}] := {}", self.expr(Ty::Point, 1)),
            3 => format!("{bag}.put({})", self.expr(Ty::Int, 1)),
            4 => format!("if {bag}.take() {{ total += 1 }}"),
            5 => format!("{bag}.ints.push({})", self.expr(Ty::Int, 1)),
            6 => {
                let value = self.expr(Ty::Int, 1);
                format!("if len({bag}.ints) > 1 {{ {bag}.ints[0] += {value} }}")
            }
            7 => format!("{bag}.move({at}, {})", self.leaf(Ty::Int)),
            8 => {
                // The element is looked at while its place gets another value.
                let old = self.fresh("v");
                let new = self.expr(Ty::Point, 1);
                format!(
                    "{old} := {bag}.points[{at}] {bag}.points[{at}] := {new} + {old} \
                     if {old}.x > {bag}.points[0].x {{ total += 1 }}"
                )
            }
            9 => {
                let other = self.fresh("v");
                format!("{other} := {bag} {bag}.put(3) total += len({other}.ints)")
            }
            10 => format!("{bag}.tag := {}", self.leaf(Ty::Str)),
            _ => format!(
                "match {bag}.tag {{ case \"a\": {{ total += 1 }} case \"bc\" | \"10\": \
                 {{ {bag}.tag := \"a\" }} default: {{ total += 2 }} }}"
            ),
        };
        self.line(&line);
    }
}
