//! Syntax errors with their places, disambiguation, limits, and robustness against any text.

use super::{MAX_BLOCKS, MAX_CHAIN, MAX_NESTING, parse};
use crate::syntax::dump::tree;
use crate::syntax::source::Source;

/// Uses every construct of the grammar.
const SAMPLE: &str = r#"
import util
from a.b import c, d
export const LIMIT: int = 10
export let [first, [_, second], ...others] := [1, [2, 3], 4]
mut total: float? = -9223372036854775808 - 0x1F
names: dict<string, [int]> := {"a": 1, b: 2, (c()): 3, ...d, if: 4, 5: 6}
{x, y, ...more} := names
_ := x
struct Point { x: int = 0, y = 0; if
    func len(self) { return (self.x * self.x) }
    func grow(mut self, by = 1, ...rest: [int]) -> null { self.x += by }
    async func later(_, cb: func(int) -> int?) { await cb(1) }
}
enum Shape { Circle(float), Empty, Pair(int, [string]) }
func* numbers(from) { while true { yield from
    yield } }
for [k, v] in items(names) { if k == "a" { continue } else if !v { break } else { print(v) } }
loop while total < 3 { total = total + 1 }
match total { case 1 | -2.5 | "a": { } case Shape::Circle(r) if r > 1 { print(r) }
    case Ok(_) { } default: { print("none ${names.a ?? "x${1 + 2}y"} \u{e9}") } }
try { f()?.g?.h(...first)[0] } except e { throw(e) }
p := Point { x: 1, y: util.make { z: 2 } } |> show(1) |> util.Shape::Empty
h := spawn { return (await p)? }
test_group "g" { test_setup { a := 1 } test "one" { assert(true) } test_teardown { } }
"#;

/// `CODE LINE:COLUMN MESSAGE` of every diagnostic.
fn errors(text: &str) -> Vec<String> {
    let source = Source::new("t", text);
    let parsed = parse(&source);
    let show = |d: &crate::syntax::diagnostic::Diagnostic| {
        let (line, column) = source.line_col(d.span.start);
        format!("{} {line}:{column} {}", d.code.as_str(), d.message)
    };
    parsed.diagnostics.iter().map(show).collect()
}

fn dump(text: &str) -> String {
    assert_eq!(errors(text), [""; 0], "{text}");
    tree(&parse(&Source::new("t", text)).file)
}

#[test]
fn sample_has_no_errors() {
    assert_eq!(errors(SAMPLE), [""; 0]);
    let source = Source::new("t", SAMPLE);
    assert!(!tree(&parse(&source).file).contains("<error>"));
}

#[test]
#[rustfmt::skip]
fn syntax_errors_have_a_code_and_a_place() {
    let rows = [
        ("a b", "P001 1:3 Expected a new line or ';' but found 'b'"),
        ("x := ", "P001 1:6 Expected an expression but found end of file"),
        ("if x = 3 { y := 1 }\nz := 2", "P001 1:6 Expected '{' but found '='"),
        ("f(1 2)\ng()", "P001 1:5 Expected ',' or ')' but found '2'"),
        ("}\nx := 1", "P001 1:1 Expected a statement but found '}'"),
        ("func f() {\n  x := 1\n", "P001 3:1 Expected '}' but found end of file"),
        ("let x", "P001 1:6 Expected ':=' but found end of file"),
        ("const _ := 1", "P001 1:7 Expected a name but found '_'"),
        ("func f(self) {}", "P001 1:8 Expected a parameter name but found 'self'"),
        ("struct S { func f(a, self) {} }", "P001 1:22 Expected a parameter name but found 'self'"),
        ("export print(1)", "P001 1:8 Expected a declaration or an assignment but found 'print'"),
        ("match x { case E::V() {} }", "P001 1:21 Expected a name or '_' but found ')'"),
        ("match x { case \"${a}\" {} }", "P001 1:16 Expected a string without interpolation but found a string with `${`"),
        ("test_group \"g\" { x := 1 }", "P001 1:18 Expected a test statement but found another statement"),
        ("f() := 1", "P002 1:1 Invalid assignment target"),
        ("x := (y) += 2", "P001 1:10 Expected an expression but found '+='"),
        ("a?.b := 1", "P002 1:1 Invalid assignment target"),
        ("(a) = 1", "P002 1:1 Invalid assignment target"),
        ("[a, b[0]] := c", "P002 1:5 Invalid assignment target"),
        ("{a: b} := c", "P002 1:2 Invalid assignment target"),
        ("x := \"a${}\"", "P005 1:8 Empty interpolation"),
        ("x := \"${ /* */ } ${1}\"", "P005 1:7 Empty interpolation"),
        ("f(1, a = 2)", "P006 1:6 Keyword arguments are not supported"),
        ("f(a: 2, 3)", "P006 1:3 Keyword arguments are not supported"),
        ("x.m(a := 2)", "P006 1:5 Keyword arguments are not supported"),
        ("[...a, b] := c", "P007 1:2 The rest element must be last"),
        ("func f(...a, b) {}", "P007 1:8 The rest element must be last"),
        ("func f(a = 1, b) {}", "P008 1:15 A required parameter cannot follow a default parameter"),
        ("match x { default {} default: {} }", "P009 1:22 A match can have only one default"),
        ("print(_)", "P010 1:7 '_' is not a value"),
        ("_ += 1", "P010 1:1 '_' is not a value"),
        ("x := {_: 1}", "P010 1:7 '_' is not a value"),
        ("match x { case E::A(b) | 2 {} }", "C018 1:21 Alternatives of a case cannot bind names"),
        ("x := 9223372036854775808", "L006 1:6 Numeric literal overflow: 9223372036854775808"),
        ("x := -9223372036854775808.abs()", "L006 1:7 Numeric literal overflow: 9223372036854775808"),
        ("x := 1 ^ 2", "L001 1:8 Invalid character: '^'"),
        ("print(\"a${b\")", "L009 1:9 Unterminated interpolation"),
        ("func f() { x := \"abc }", "L002 1:17 Unterminated string literal"),
    ];
    for (text, expected) in rows {
        assert_eq!(errors(text), [expected], "{text}");
    }
}

#[test]
fn every_bad_statement_is_reported_and_no_other() {
    let text =
        "x := )\nfunc f() {\n  y := *\n  z := 1\n}\nif * {\n}\nlet := 1\nw := f(1,\n  2 3)\n";
    let lines: Vec<String> =
        errors(text).iter().map(|e| e.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(lines, ["1:6", "3:8", "6:4", "8:5", "10:5"]);
}

#[test]
#[rustfmt::skip]
fn newlines_and_braces_are_read_as_specified() {
    let rows = [
        ("f\n(1)", "f\n(paren 1)\n"),
        ("g(f\n(1))", "(call g (call f 1))\n"),
        ("[f\n[1]]", "(array (index f 1))\n"),
        ("x := {a: f\n(1): 2}", ""),
        ("x := 1\n- 2", "set x := (- 1 2)\n"),
        ("x := a\n.b\n?.c", "set x := (field? (field a b) c)\n"),
        ("x := 1 y := 2", "set x := 1\nset y := 2\n"),
        ("return\n1", "return\n1\n"),
        ("if a {}\n{}", "if a {\n}\n(dict)\n"),
        ("x := A\n{}", "set x := A\n(dict)\n"),
        ("x := A {}", "set x := (new A)\n"),
        ("x := m.A { if: 1 }", "set x := (new m.A if: 1)\n"),
        ("if (A {}) == a {}", "if (== (paren (new A)) a) {\n}\n"),
        ("func(x) {}(1)", "(call func(x) {\n} 1)\n"),
        ("from := 1\ntest\n\"x\"", "set from := 1\ntest\n\"x\"\n"),
        ("a |> f(1) ?? b || c && d == e < g + h * -i.j", "(|> a (?? (call f 1) (|| b (&& c (== d (< e (+ g (* h (neg (field i j))))))))))\n"),
        ("a - b - c", "(- (- a b) c)\n"),
        ("-9223372036854775808", "-9223372036854775808\n"),
        ("yield\nx.y := yield 1 + 2", "(yield)\nset x.y := (yield (+ 1 2))\n"),
        ("{null: 1, x: 2, \"y\": 3}", "(dict [null]: 1 x: 2 [\"y\"]: 3)\n"),
        ("{}.b\n[a] == [b]", "(field (dict) b)\n(== (array a) (array b))\n"),
        ("f()?.g\n(f()?).g", "(field? (call f) g)\n(field (paren (try (call f))) g)\n"),
        ("m.E::V(1)\nE::W", "(tag m.E::V call 1)\n(tag E::W)\n"),
    ];
    for (text, expected) in rows {
        if expected.is_empty() {
            assert_eq!(errors(text).len(), 1, "{text}");
        } else {
            assert_eq!(dump(text), expected, "{text}");
        }
    }
}

#[test]
fn limits_are_exact() {
    let nested = |open: &str, inner: &str, close: &str, depth: u32| {
        let depth = depth as usize;
        format!("x := {}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let rows =
        [("(", "1", ")"), ("[", "", "]"), ("-", "x", ""), ("!", "x", ""), ("{a: ", "1", "}")];
    let more = [("\"${", "1", "}\""), ("f(", "1", ")"), ("x[", "1", "]"), ("await ", "x", "")];
    for (open, inner, close) in rows.into_iter().chain(more) {
        assert_eq!(errors(&nested(open, inner, close, MAX_NESTING)), [""; 0], "{open}");
        let found = errors(&nested(open, inner, close, MAX_NESTING + 1));
        assert_eq!(found.len(), 1, "{open}");
        assert!(found[0].ends_with(" Expression nested too deeply (limit 256)"), "{open}");
    }
    for (word, depth, count) in [("if x {", MAX_BLOCKS, 0), ("if x {", MAX_BLOCKS + 1, 1)] {
        let text = format!("{}{}", word.repeat(depth as usize), "}".repeat(depth as usize));
        assert_eq!(errors(&text).len(), count);
    }
    let restarted = format!(
        "{}func() {{ {} }}{}",
        "(".repeat(200),
        nested("(", "1", ")", 200),
        ")".repeat(200)
    );
    assert_eq!(errors(&restarted), [""; 0]);
}

#[test]
fn long_chains_are_limited_and_dropped_without_recursion() {
    for (first, link) in [("x := a", " + a"), ("x := a", ".b"), ("x := a", "(1)"), ("x := a", " ?")]
    {
        let text = |links: u32| format!("{first}{}", link.repeat(links as usize));
        assert!(dump(&text(MAX_CHAIN)).len() > MAX_CHAIN as usize);
        assert_eq!(errors(&text(MAX_CHAIN + 1)).len(), 1);
    }
    assert_eq!(errors(&format!("a{} := 1", ".b".repeat(MAX_CHAIN as usize))), [""; 0]);
    let arms = format!("if a {{}}{}", " else if b {}".repeat(100_000));
    assert_eq!(dump(&arms).matches("else if").count(), 100_000);
}

#[test]
fn endless_nesting_gives_one_error() {
    let openers = [
        "(",
        "[",
        "{",
        "{a: ",
        "-",
        "!",
        "if x {",
        "func() {",
        "f(func() {",
        "[1, (",
        "await ",
        "yield ",
        "func f(a = ",
        "let x: [",
        "let x: func() -> ",
        "a[",
        "S { a: ",
        "E::V(",
        "case ",
        "match x { case 1 {",
        "struct S { a = ",
        "spawn {",
        "else if x {",
        "x := ",
        "export ",
        "let [",
        "for x in (",
        "test_group \"g\" {",
        "a.",
        "for [",
    ];
    for opener in openers {
        let found = errors(&opener.repeat(20_000));
        assert_eq!(found.len(), 1, "{opener}: {:?}", found.first());
    }
    let found = errors(&"\"${".repeat(20_000));
    assert_eq!(found.len(), 2, "the open interpolation and the nesting");
}

/// A small generator of pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

fn survives(text: &str) {
    let source = Source::new("t", text);
    let parsed = parse(&source);
    for diagnostic in &parsed.diagnostics {
        source.line_col(diagnostic.span.start);
        assert!(diagnostic.span.end as usize <= source.text.len());
    }
    let has_error = tree(&parsed.file).contains("<error>");
    assert!(!has_error || !parsed.diagnostics.is_empty(), "error without a report:\n{text}");
}

#[test]
fn mutated_programs_are_survived() {
    let mut random = Random(1);
    let pieces: Vec<&str> = SAMPLE.split_inclusive([' ', '\n', '(', '{', ',']).collect();
    for _ in 0..300 {
        let mut mutant = pieces.clone();
        for _ in 0..=random.below(8) {
            let (from, to) = (random.below(mutant.len()), random.below(mutant.len()));
            match random.below(3) {
                0 => drop(mutant.remove(from)),
                1 => mutant.insert(to, pieces[random.below(pieces.len())]),
                _ => mutant.swap(from, to),
            }
        }
        survives(&mutant.concat());
    }
}

#[test]
fn truncated_programs_are_survived() {
    for (end, _) in SAMPLE.char_indices() {
        survives(&SAMPLE[..end]);
    }
}

#[test]
fn random_bytes_are_survived() {
    let mut random = Random(2);
    let alphabet = "abE_09.\"$${{}}()[]::=+-*/!?|>&#\\ \n,;exif \u{e9}\u{2028}\0";
    let chars: Vec<char> = alphabet.chars().collect();
    for _ in 0..300 {
        let text: String = (0..1_000).map(|_| chars[random.below(chars.len())]).collect();
        survives(&text);
    }
}
