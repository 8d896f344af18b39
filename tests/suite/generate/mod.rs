//! Seeded random programs that must behave the same on every engine.
//!
//! The generator knows the types of its variables, so most operations succeed; edge values,
//! wrong indexes and changes of type in the middle of loops make some of them fail, inside and
//! outside of `try`. Loops are bounded and long enough to become hot. Start at [`program`].

mod bags;
mod data;
mod expr;
mod stmt;
mod streams;

/// A deterministic source of choices (splitmix64, Steele and others 2014).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True in `percent` of the cases.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// The static types the generator works with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ty {
    Int,
    Float,
    Bool,
    Str,
    Ints,
    Floats,
    /// An array of arrays of ints.
    Rows,
    Dict,
    Point,
    /// A struct that holds points, ints and a text.
    Bag,
    /// An int, float or string; changes while the program runs.
    Mixed,
}

const TYPES: [Ty; 11] = [
    Ty::Int,
    Ty::Float,
    Ty::Bool,
    Ty::Str,
    Ty::Ints,
    Ty::Floats,
    Ty::Rows,
    Ty::Dict,
    Ty::Point,
    Ty::Bag,
    Ty::Mixed,
];

#[derive(Clone)]
struct Var {
    name: String,
    ty: Ty,
    /// Loop counters are read only, so that loops end.
    is_fixed: bool,
}

#[derive(Clone)]
struct Function {
    name: String,
    params: Vec<Ty>,
    result: Ty,
}

/// A program under construction.
pub(crate) struct Gen {
    rng: Rng,
    out: String,
    indent: usize,
    vars: Vec<Var>,
    functions: Vec<Function>,
    /// Generator functions; their results are the items.
    generators: Vec<Function>,
    n_names: usize,
    /// Loops around the present statement.
    loop_depth: usize,
    /// Iterations of the loops around, multiplied.
    weight: usize,
    /// Calls that the present function may still make, so that chains of calls stay short.
    calls_left: usize,
    /// Blocks around the present statement.
    depth: usize,
    /// The result type of the function being written.
    result: Option<Ty>,
    /// What the generator that is being written hands out.
    yields: Option<Ty>,
}

/// Iterations that one program may spend in nested loops.
const MAX_WEIGHT: usize = 6_000;

/// Above this weight nothing is called, so that calls in loops do not multiply without bound.
const MAX_CALL_WEIGHT: usize = 150;
/// Calls in the text of the main function, and of any other.
const MAIN_CALLS: usize = 12;
const FUNCTION_CALLS: usize = 2;
/// The weight that a function's body starts with, since it may be called in loops.
const FUNCTION_WEIGHT: usize = 100;

/// The text of program number `seed`.
pub(crate) fn program(seed: u64) -> String {
    let mut r#gen = Gen {
        rng: Rng::new(seed),
        out: String::new(),
        indent: 0,
        vars: Vec::new(),
        functions: Vec::new(),
        generators: Vec::new(),
        n_names: 0,
        loop_depth: 0,
        weight: 1,
        calls_left: MAIN_CALLS,
        depth: 0,
        result: None,
        yields: None,
    };
    r#gen.prelude();
    for _ in 0..1 + r#gen.rng.below(4) {
        r#gen.function();
    }
    for _ in 0..r#gen.rng.below(4) {
        r#gen.generator();
    }
    r#gen.main();
    r#gen.out
}

impl Gen {
    fn line(&mut self, text: &str) {
        for _ in 0..self.indent {
            self.out.push_str("    ");
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.indent += 1;
        self.depth += 1;
    }

    fn close(&mut self) {
        self.indent -= 1;
        self.depth -= 1;
        self.line("}");
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.n_names += 1;
        format!("{prefix}{}", self.n_names)
    }

    fn declare(&mut self, ty: Ty) -> String {
        let name = self.fresh("v");
        self.vars.push(Var { name: name.clone(), ty, is_fixed: false });
        name
    }

    /// The name of a visible variable of a type; `writable` leaves out loop counters.
    fn var(&mut self, ty: Ty, writable: bool) -> Option<String> {
        let fits = |v: &&Var| v.ty == ty && !(writable && v.is_fixed);
        let found: Vec<&Var> = self.vars.iter().filter(fits).collect();
        if found.is_empty() {
            return None;
        }
        Some(found[self.rng.below(found.len())].name.clone())
    }

    fn prelude(&mut self) {
        self.line("struct Point {");
        self.line("    x, y = 1.5,");
        self.line("    func norm(self) { return self.x * self.x + self.y * self.y }");
        self.line("    func shift(mut self, d) { self.x += d");
        self.line("        return self.x }");
        self.line("    func op_add(self, o) { return Point { x: self.x + o.x, y: self.y + o.y } }");
        self.line("}");
        self.declare_bag();
        self.line("total := 0");
    }

    fn function(&mut self) {
        let name = self.fresh("f");
        let params: Vec<Ty> = (0..self.rng.below(4)).map(|_| *self.rng.pick(&TYPES)).collect();
        let result = *self.rng.pick(&TYPES);
        let outer = std::mem::take(&mut self.vars);
        let names: Vec<String> = params.iter().map(|&ty| self.declare(ty)).collect();
        self.open(&format!("func {name}({})", names.join(", ")));
        self.result = Some(result);
        self.weight = FUNCTION_WEIGHT;
        self.calls_left = FUNCTION_CALLS;
        let n = 2 + self.rng.below(5);
        self.statements(n);
        let value = self.expr(result, 3);
        self.line(&format!("return {value}"));
        self.result = None;
        self.weight = 1;
        self.calls_left = MAIN_CALLS;
        self.close();
        self.vars = outer;
        self.functions.push(Function { name, params, result });
    }

    fn main(&mut self) {
        self.open("func main()");
        for ty in TYPES {
            let value = self.expr(ty, 2);
            let name = self.declare(ty);
            self.line(&format!("{name} := {value}"));
        }
        let n = 4 + self.rng.below(8);
        self.statements(n);
        let names: Vec<String> = self.vars.iter().map(|v| v.name.clone()).collect();
        self.line(&format!("print({})", names.join(", ")));
        self.close();
        let guarded = self.rng.chance(70);
        if guarded {
            self.line("try { main() } except e { print(e.kind, e.message, e.line, e.stack) }");
        } else {
            self.line("main()");
        }
        self.line("print(total)");
    }
}
