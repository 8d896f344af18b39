//! End-to-end tests: snippets are compiled, verified, and looked at.

use ruff_runtime::bytecode::ops::Op;
use ruff_runtime::bytecode::{CompiledModule, FunctionProto, verify};
use ruff_runtime::natives;

use super::compile;
use crate::resolve::{Export, Outside, resolve};
use crate::syntax::codes::Code;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::parser::parse;
use crate::syntax::source::Source;

/// No modules, and the natives of the library.
struct World;

impl Outside for World {
    fn is_native(&self, name: &str) -> bool {
        natives::is_predefined(name)
    }

    fn native_names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn exports(&self, _: &[std::sync::Arc<str>]) -> Option<Vec<Export>> {
        None
    }
}

fn try_compile(text: &str) -> Result<CompiledModule, Vec<Diagnostic>> {
    let source = Source::new("main.ruff", text);
    let parsed = parse(&source);
    assert!(parsed.diagnostics.is_empty(), "{text}: {:?}", parsed.diagnostics);
    let (resolved, errors) = resolve(&parsed.file, &World);
    assert!(errors.is_empty(), "{text}: {errors:?}");
    compile(&parsed.file, &source, &resolved, "main")
}

/// Compiles and verifies.
fn module(text: &str) -> CompiledModule {
    let module = try_compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    verify::module(&module).unwrap_or_else(|error| panic!("{text}: {error}"));
    module
}

fn mnemonics(proto: &FunctionProto) -> Vec<&'static str> {
    proto.code.iter().map(|instr| instr.op().info().mnemonic).collect()
}

/// The mnemonics of the first function of a text.
fn first_function(text: &str) -> String {
    mnemonics(&module(text).top.children[0]).join(" ")
}

#[test]
fn every_construct_passes_the_verifier() {
    let texts = [
        "x := 1 y := x + 2 * x print(x, y, \"${x}\", -x, !x, [x, ...[1]], {\"a\": x})",
        "for i in range(3) { if i == 1 { continue } print(i) } for [a, b] in [] { } while false { }",
        "func f(a, b = a, ...r) { return [a, b, r] } f(1) f(...[1, 2]) 1 |> f |> f(2)",
        "struct S { v = 0 w = [1] func m(mut self) { self.v += 1 g := func() { self.v } return g }
           func k() { return v } func r(self) { return self.w.len() } } S {}.m() s := S { v: 1 } s.m()",
        "enum E { A, B(int) } match E::B(1) { case E::B(x) if x > 0 { } case A | 1 { } default { } }",
        "func f(x) { try { return x? } except e { throw(e) } } f(Ok(1)) None ?? 2",
        "d := {\"a\": {}} d.a.b := [1] d.a.b[0] += 5 d[\"a\"].b.push(3) d?.a?.b?.len()",
        "import nothing from nowhere import some, thing",
        "test \"t\" { assert(true) } test_setup { x := 1 } test_group \"g\" { test \"u\" { print(x) } }",
        "nope.x := 1 nope += 1 Nope { a: 1 } nope(1) nope.f(2)",
        "while true { if x_or { break } } func x_or() { loop { return 1 } }",
    ];
    texts.iter().for_each(|text| {
        module(text);
    });
}

#[test]
fn long_chains_need_no_deep_stack() {
    let sum = format!("x := 1 print(x{})", " + x".repeat(9_000));
    let steps = format!("f := {{}} f{}", ".a".repeat(9_000));
    let conditions = format!("x := 1 if x{} {{ }}", " && x".repeat(9_000));
    let arms = format!("x := 1 if x == 0 {{ }}{}", " else if x == 1 { print(x) }".repeat(9_000));
    [sum, steps, conditions, arms].iter().for_each(|text| {
        module(text);
    });
}

#[test]
fn far_jumps_are_widened() {
    let body = "x := x + 1 print(x) ".repeat(20_000);
    let text =
        format!("x := 0 for i in range(2) {{ if x < 5 {{ {body} }} }} while x < 3 {{ {body} }}");
    let top = module(&text).top;
    assert!(top.code.len() > 80_000);
}

#[test]
fn a_variable_is_moved_into_its_own_update() {
    let text = "func f(xs, v) { xs := push(xs, v) return xs }";
    let module = module(text);
    let code = &module.top.children[0].code;
    assert_eq!(mnemonics(&module.top.children[0]).join(" "), "mov mov call_native ret");
    let moved = code.iter().filter(|instr| instr.op() == Op::Mov && instr.word().flags() & 1 == 1);
    assert_eq!(moved.count(), 2);
}

#[test]
fn a_variable_that_a_handler_reads_is_not_moved() {
    let text = "func f(xs) { try { xs := push(xs, g()) } except { } return xs } func g() { }";
    let module = module(text);
    let first = module.top.children[0].code[0].word();
    assert_eq!((first.op(), first.flags() & 1), (Op::Mov, 0));
}

#[test]
fn loops_test_at_the_bottom() {
    assert_eq!(
        first_function("func f(n) { i := 0 while i < n { i += 1 } return i }"),
        "load_int jump_lt loop_header add_const jump_lt ret"
    );
    assert_eq!(
        first_function("func f(n) { t := 0 for i in range(n) { t += i } return t }"),
        "load_int mov range_init range_test loop_header add range_loop ret"
    );
}

#[test]
fn a_method_call_on_a_local_moves_it_in_and_out() {
    assert_eq!(
        first_function("func f(xs, v) { xs.push(v) return xs }"),
        "mov mov call_method_place mov ret"
    );
}

#[test]
fn constants_are_folded_but_not_errors() {
    assert_eq!(first_function("func f() { return 2 * 3 + 4 }"), "load_int ret");
    assert_eq!(first_function("func f() { return 1 / 0 }"), "load_int div_const ret");
    assert_eq!(
        first_function("func f() { return 9223372036854775807 + 1 }"),
        "load_const add_const ret"
    );
}

#[test]
fn functions_have_a_size_limit() {
    let literals = |n: usize| (0..n).map(|i| format!("x := {i}.5 ")).collect::<String>();
    let codes = |text: &str| {
        let errors = try_compile(text).err().unwrap_or_default();
        errors.iter().map(|error| error.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&literals(60_000)), []);
    assert_eq!(codes(&literals(60_001)), [Code::C023]);
    let elements: String = (0..100_000).map(|i| format!("\"{i}\",")).collect();
    assert_eq!(codes(&format!("x := [{elements}]")), []);
}
