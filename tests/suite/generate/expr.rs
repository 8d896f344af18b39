//! Random expressions of a given type.

use super::{Gen, MAX_CALL_WEIGHT, Ty};

const INTS: [&str; 18] = [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "7",
    "10",
    "13",
    "100",
    "255",
    "1000003",
    "-7",
    "4294967296",
    "2147483647",
    "-2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "3037000500",
];
const FLOATS: [&str; 10] =
    ["0.0", "1.0", "0.5", "-2.25", "3.125", "1e9", "-0.0", "1e308", "1e-7", "100.75"];
const STRINGS: [&str; 7] = ["\"\"", "\"a\"", "\"bc\"", "\"héé\"", "\"10\"", "\"x y\"", "\"→z\""];

impl Gen {
    /// An expression of type `ty` with at most `fuel` levels of operators.
    pub(super) fn expr(&mut self, ty: Ty, fuel: usize) -> String {
        if fuel == 0 || self.rng.chance(25) {
            return self.leaf(ty);
        }
        if self.rng.chance(12)
            && let Some(call) = self.call(ty, fuel - 1)
        {
            return call;
        }
        match ty {
            Ty::Int => self.int(fuel - 1),
            Ty::Float => self.float(fuel - 1),
            Ty::Bool => self.bool(fuel - 1),
            Ty::Str => self.string(fuel - 1),
            Ty::Ints | Ty::Floats => self.array(ty, fuel - 1),
            Ty::Rows => self.rows(fuel - 1),
            Ty::Dict => self.dict(fuel - 1),
            Ty::Point => self.point(fuel - 1),
            Ty::Bag => self.bag(fuel - 1),
            Ty::Mixed => {
                let ty = *self.rng.pick(&[Ty::Int, Ty::Float, Ty::Str, Ty::Int]);
                self.expr(ty, fuel - 1)
            }
        }
    }

    pub(super) fn leaf(&mut self, ty: Ty) -> String {
        if self.rng.chance(70)
            && let Some(name) = self.var(ty, false)
        {
            return name;
        }
        self.literal(ty)
    }

    fn literal(&mut self, ty: Ty) -> String {
        match ty {
            Ty::Int if self.rng.chance(70) => (self.rng.below(20) as i64 - 4).to_string(),
            Ty::Int => (*self.rng.pick(&INTS)).to_owned(),
            Ty::Float => (*self.rng.pick(&FLOATS)).to_owned(),
            Ty::Bool => (*self.rng.pick(&["true", "false"])).to_owned(),
            Ty::Str => (*self.rng.pick(&STRINGS)).to_owned(),
            Ty::Ints | Ty::Floats => {
                let elem = if ty == Ty::Ints { Ty::Int } else { Ty::Float };
                let n = self.rng.below(6);
                let items: Vec<String> = (0..n).map(|_| self.literal(elem)).collect();
                format!("[{}]", items.join(", "))
            }
            Ty::Rows => {
                let n = self.rng.below(4);
                let rows: Vec<String> = (0..n).map(|_| self.literal(Ty::Ints)).collect();
                format!("[{}]", rows.join(", "))
            }
            Ty::Dict => {
                let a = self.rng.below(9);
                format!("{{\"k\": {a}, {a}: 2.5, \"a\": {}}}", self.rng.below(5))
            }
            Ty::Point => {
                let x = self.rng.below(9);
                format!("(Point {{ x: {x} }})")
            }
            Ty::Bag => {
                let (a, b) = (self.literal(Ty::Point), self.literal(Ty::Ints));
                format!("(Bag {{ points: [{a}, {a}], ints: {b}, tag: \"a\" }})")
            }
            Ty::Mixed => {
                let ty = *self.rng.pick(&[Ty::Int, Ty::Float, Ty::Str]);
                self.literal(ty)
            }
        }
    }

    fn call(&mut self, ty: Ty, fuel: usize) -> Option<String> {
        if self.weight > MAX_CALL_WEIGHT || self.calls_left == 0 {
            return None;
        }
        let fitting: Vec<usize> =
            (0..self.functions.len()).filter(|&i| self.functions[i].result == ty).collect();
        if fitting.is_empty() {
            return None;
        }
        self.calls_left -= 1;
        let function = self.functions[*self.rng.pick(&fitting)].clone();
        let args: Vec<String> = function.params.iter().map(|&p| self.expr(p, fuel)).collect();
        Some(format!("{}({})", function.name, args.join(", ")))
    }

    fn int(&mut self, fuel: usize) -> String {
        match self.rng.below(18) {
            14 | 15 => self.int_native(fuel),
            16 | 17 => self.row_element(fuel),
            0..=6 => {
                let op = *self.rng.pick(&["+", "-", "*", "/", "%", "+", "-"]);
                let (a, b) = (self.expr(Ty::Int, fuel), self.expr(Ty::Int, fuel));
                format!("({a} {op} {b})")
            }
            7 => format!("len({})", self.expr(Ty::Ints, fuel)),
            8 => format!("len({})", self.expr(Ty::Str, fuel)),
            9 => {
                let array = self.expr(Ty::Ints, fuel);
                format!("{array}[{}]", self.index())
            }
            10 => format!("-({})", self.expr(Ty::Int, fuel)),
            11 => {
                let (d, k) = (self.expr(Ty::Dict, fuel), self.rng.below(4));
                format!("len({d}) + {k}")
            }
            12 => {
                let (a, k) = (self.expr(Ty::Int, fuel), self.expr(Ty::Int, 0));
                format!("(func(q) {{ return q * 2 + {k} }})({a} % 1000)")
            }
            _ => {
                let array = self.expr(Ty::Ints, fuel);
                format!("reduce({array}, 0, func(a, b) {{ return (a + b % 1000) % 9973 }})")
            }
        }
    }

    /// An index that is in range more often than not.
    pub(super) fn index(&mut self) -> String {
        match self.rng.below(6) {
            0 => "-1".to_owned(),
            1 => self.var(Ty::Int, false).unwrap_or_else(|| "2".to_owned()),
            2 => format!("{}", self.rng.below(6)),
            _ => "0".to_owned(),
        }
    }

    fn float(&mut self, fuel: usize) -> String {
        match self.rng.below(10) {
            9 => self.float_native(fuel),
            0..=4 => {
                let op = *self.rng.pick(&["+", "-", "*", "/", "%"]);
                let other = if self.rng.chance(25) { Ty::Int } else { Ty::Float };
                let (a, b) = (self.expr(Ty::Float, fuel), self.expr(other, fuel));
                if self.rng.chance(50) {
                    format!("({a} {op} {b})")
                } else {
                    format!("({b} {op} {a})")
                }
            }
            5 => format!("sqrt(abs({}))", self.expr(Ty::Float, fuel)),
            6 => {
                let array = self.expr(Ty::Floats, fuel);
                format!("{array}[{}]", self.index())
            }
            7 => format!("{}.norm()", self.expr(Ty::Point, fuel)),
            _ => format!("-({})", self.expr(Ty::Float, fuel)),
        }
    }

    fn bool(&mut self, fuel: usize) -> String {
        match self.rng.below(8) {
            0..=3 => {
                let op = *self.rng.pick(&["<", ">", "<=", ">=", "==", "!="]);
                let ty = *self.rng.pick(&[Ty::Int, Ty::Float, Ty::Str, Ty::Int]);
                let (a, b) = (self.expr(ty, fuel), self.expr(ty, fuel));
                format!("({a} {op} {b})")
            }
            4 => {
                let op = *self.rng.pick(&["&&", "||"]);
                let (a, b) = (self.expr(Ty::Bool, fuel), self.expr(Ty::Bool, fuel));
                format!("({a} {op} {b})")
            }
            5 => format!("!{}", self.expr(Ty::Bool, fuel)),
            6 => {
                let (a, b) = (self.expr(Ty::Mixed, fuel), self.expr(Ty::Mixed, fuel));
                format!("({a} == {b})")
            }
            _ => format!("has_key({}, \"k\")", self.expr(Ty::Dict, fuel)),
        }
    }

    fn string(&mut self, fuel: usize) -> String {
        match self.rng.below(8) {
            6 => format!("({} + {})", self.leaf(Ty::Str), self.leaf(Ty::Str)),
            7 => format!("chr(97 + abs({} % 26))", self.expr(Ty::Int, fuel)),
            0 | 1 => {
                let other = *self.rng.pick(&[Ty::Int, Ty::Float, Ty::Bool, Ty::Mixed]);
                let (a, b) = (self.leaf(Ty::Str), self.expr(other, fuel));
                format!("({a} + {b})")
            }
            2 => format!("\"<${{{}}}>\"", self.expr(Ty::Int, fuel)),
            3 => {
                let s = self.expr(Ty::Str, fuel);
                format!("{s}[{}]", self.index())
            }
            4 => format!("to_string({})", self.expr(Ty::Float, fuel)),
            _ => self.literal(Ty::Str),
        }
    }

    fn array(&mut self, ty: Ty, fuel: usize) -> String {
        let elem = if ty == Ty::Ints { Ty::Int } else { Ty::Float };
        match self.rng.below(5) {
            0 | 1 => {
                let (a, x) = (self.leaf(ty), self.expr(elem, fuel));
                format!("push({a}, {x})")
            }
            2 => {
                let k = self.rng.below(5);
                let body =
                    if ty == Ty::Ints { format!("x % 97 + {k}") } else { "x * 0.5".to_owned() };
                format!("map({}, func(x) {{ return {body} }})", self.leaf(ty))
            }
            3 => format!("[...{}, {}]", self.leaf(ty), self.expr(elem, fuel)),
            _ => self.literal(ty),
        }
    }

    fn dict(&mut self, fuel: usize) -> String {
        let (d, v) = (self.leaf(Ty::Dict), self.expr(Ty::Int, fuel));
        format!("{{...{d}, \"k\": {v}}}")
    }

    fn point(&mut self, fuel: usize) -> String {
        if self.rng.chance(40) {
            let (a, b) = (self.leaf(Ty::Point), self.leaf(Ty::Point));
            return format!("({a} + {b})");
        }
        let (x, y) = (self.expr(Ty::Int, fuel), self.expr(Ty::Float, fuel));
        format!("(Point {{ x: {x}, y: {y} }})")
    }
}
