//! Tests of the resolver: snippets, and what their names mean or which errors they give.
//!
//! A `§` in a snippet marks the name in question; a variable is described by the position
//! `LINE:COLUMN` at which it is first declared or created.

mod storage;

use std::sync::Arc;

use super::*;
use crate::syntax::ast::File;
use crate::syntax::parser::parse;
use crate::syntax::source::Source;

struct World;

impl Outside for World {
    fn is_native(&self, name: &str) -> bool {
        self.native_names().contains(&name)
    }

    fn native_names(&self) -> Vec<&str> {
        vec!["print", "len", "range", "throw", "Ok", "Err", "Some", "None"]
    }

    fn exports(&self, path: &[Arc<str>]) -> Option<Vec<Export>> {
        let text = match path.iter().map(|part| &**part).collect::<Vec<_>>().join(".").as_str() {
            "m" => {
                "export func f() {} export v := 1 export const C := 2 export struct S { a } \
                 export enum E { A, B(int, int) }"
            }
            "a.b" => "export v := 1 export const C := 1",
            "own" => "export func own() {}",
            _ => return None,
        };
        Some(exports_of(&file(&Source::new("m.ruff", text))))
    }
}

fn file(source: &Source) -> File {
    let parsed = parse(source);
    let messages: Vec<&str> = parsed.diagnostics.iter().map(|d| &*d.message).collect();
    assert!(
        parsed.diagnostics.iter().all(|d| d.code.as_str().starts_with('C')),
        "{messages:?} in {}",
        source.text
    );
    parsed.file
}

fn position(source: &Source, span: Span) -> String {
    let (line, column) = source.line_col(span.start);
    format!("{line}:{column}")
}

fn list(source: &Source, diagnostics: &[Diagnostic]) -> String {
    let lines = diagnostics
        .iter()
        .map(|d| format!("{} {} {}", d.code.as_str(), position(source, d.span), d.message));
    lines.collect::<Vec<_>>().join("; ")
}

/// `CODE LINE:COLUMN MESSAGE` of every compile error.
fn errors(text: &str) -> String {
    let source = Source::new("main.ruff", text);
    let (_, diagnostics) = resolve(&file(&source), &World);
    list(&source, &diagnostics)
}

fn warnings(text: &str) -> String {
    let source = Source::new("main.ruff", text);
    let (resolved, _) = resolve(&file(&source), &World);
    list(&source, crate::check::warnings(&resolved))
}

/// The node at a text position, found in the tree's debug form.
fn node_at(tree: &str, offset: usize) -> NodeId {
    let at = format!("span: Span {{ start: {offset}, ");
    let number = |text: &str| text.split(')').next().and_then(|n| n.parse().ok()).map(NodeId);
    let mut found = None;
    for (index, _) in tree.match_indices(&at) {
        let (before, after) = tree.split_at(index);
        if before.rsplit_once("Ident {").is_some_and(|(_, name)| !name.contains('}')) {
            found = found.or_else(|| number(after.split_once("id: NodeId(")?.1));
        } else if before.ends_with("\"), ") || before.ends_with("SelfRef, ") {
            found = found.or_else(|| number(before.rsplit_once("id: NodeId(")?.1));
        }
    }
    found.unwrap_or_else(|| panic!("no name at {offset}: {tree}"))
}

/// What the name after `§` means.
fn meaning(marked: &str) -> String {
    let offset = marked.find('§').expect("the snippet has a mark");
    let source = Source::new("main.ruff", &marked.replace('§', ""));
    let tree = file(&source);
    let (resolved, _) = resolve(&tree, &World);
    match resolved.get(node_at(&format!("{tree:?}"), offset)) {
        Ref::Var(var) => position(&source, resolved.var(var).span),
        Ref::Native => "native".to_owned(),
        Ref::Undefined => "undefined".to_owned(),
    }
}

fn check_meanings(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(meaning(text), *expected, "{text}");
    }
}

fn check_errors(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(errors(text), *expected, "{text}");
    }
}

#[test]
fn declarations_belong_to_the_block_that_contains_them() {
    check_meanings(&[
        ("if true { let x := 1 }\n§x", "undefined"),
        ("x := 0\nif true { let x := 1\n§x }", "2:15"),
        ("x := 0\nif true { mut x := 1 }\n§x", "1:1"),
        ("x := 0\nif true { const x := 1 }\n§x", "1:1"),
        ("if true { func g() {} }\n§g", "undefined"),
        ("func f(a, ...r) { return [a, §r] }", "1:14"),
        ("for [a, b] in [] { §b }", "1:9"),
        ("for i in 3 {}\n§i", "undefined"),
        ("try {} except e { §e }", "1:15"),
        ("try {} except e {}\n§e", "undefined"),
        ("match 1 { case Ok(v): { §v } }", "1:19"),
        ("match 1 { case Ok(v) if §v {} }", "1:19"),
        ("match 1 { case Ok(v): {} default { §v } }", "undefined"),
        ("struct S { w func area() { return §w } }", "1:12"),
        ("struct S { w func area(w) { return §w } }", "1:24"),
        ("w := 1\nstruct S { w func area(self) { return §w } }", "1:1"),
        ("struct S { func a() { §b() } func b() {} }", "undefined"),
        ("§len", "native"),
        ("let len := 1\n§len", "1:5"),
    ]);
}

#[test]
fn a_block_has_one_variable_of_a_name() {
    check_meanings(&[
        ("let x := 1\nlet x := 2\n§x", "1:5"),
        ("func f(a) { let a := 1\n§a }", "1:8"),
        ("func g() {}\nlet g := 1\n§g", "1:6"),
        ("func g() {}\nfunc g() {}\n§g", "1:6"),
        ("for i in 3 { let i := 1\n§i }", "1:5"),
    ]);
}

#[test]
fn the_value_of_a_let_does_not_see_the_new_variable() {
    check_meanings(&[
        ("x := 1\nif true { let x := §x + 1 }", "1:1"),
        ("let x := §x", "undefined"),
        ("if true { let x := func() { return §x } }", "1:15"),
        ("x := §x + 1", "undefined"),
        ("[a, b] := [1, §a]", "undefined"),
        ("func f(a, b = §b) {}", "undefined"),
        ("func f(a, b = §a) {}", "1:8"),
    ]);
}

#[test]
fn functions_structs_and_enums_are_hoisted() {
    check_meanings(&[
        ("§g()\nfunc g() {}", "2:6"),
        ("if true { §g()\nfunc g() {} }", "2:6"),
        ("§E::A\nenum E { A }", "2:6"),
    ]);
    check_errors(&[
        ("struct S {} struct S {}", "C012 1:20 Duplicate declaration: S"),
        ("struct S {} enum S { A }", "C012 1:18 Duplicate declaration: S"),
        ("let S := 1 enum S { A }", "C012 1:5 Duplicate declaration: S"),
        ("struct S {} if true { struct S {} }", ""),
        ("func f() {} func f() {} f := 1", ""),
        ("struct S {} S := 1", "C001 1:13 Cannot reassign const binding: S"),
    ]);
}

#[test]
fn bare_assignments_assign_the_visible_variable_or_create_in_the_home_scope() {
    check_meanings(&[
        ("x := 1\nif true { x := 2\n§x }", "1:1"),
        ("if true { a := 1 }\n§a", "1:11"),
        ("for i in 2 { b := i }\n§b", "undefined"),
        ("while true { b := 1 }\n§b", "undefined"),
        ("loop { b := 1 }\n§b", "undefined"),
        ("try { c := 1 } except { d := 1 }\n§c", "1:7"),
        ("try { c := 1 } except { d := 1 }\n§d", "1:25"),
        ("match 1 { case 1: { d := 4 } }\n§d", "1:21"),
        ("func f() { z := 1 }\n§z", "undefined"),
        ("func f() { if true { z := 1 }\nreturn §z }", "1:22"),
        ("for i in 2 { if true { t := 1 }\n§t }", "1:24"),
        ("[p, {q}] := 1\n§p", "1:2"),
        ("{q, ...r} := 1\n§r", "1:8"),
        ("n += 1\n§n", "undefined"),
        ("d.x := 1\n§d", "undefined"),
        ("§n += 1", "undefined"),
        ("len := 1\n§len", "1:1"),
        ("test \"t\" { q := 1 }\n§q", "undefined"),
        ("test_setup { if true { db := 1 } }\n§db", "1:24"),
        ("test \"t\" { §db }\ntest_setup { db := 1 }", "2:14"),
        ("test_group \"g\" { test_setup { db := 1 } }\nfunc f() { return §db }", "1:31"),
        ("test_setup { §db := 1 }\ndb := 2", "1:14"),
        ("test_setup { let y := 1\ny := 2 }\nfunc f() { §y }", "undefined"),
        ("test_setup { for i in 2 { y := 2 } }\nfunc f() { §y }", "undefined"),
        ("test_setup { §w }\nw := 1", "2:1"),
    ]);
}

#[test]
fn names_are_visible_by_text_order_or_from_nested_functions() {
    check_meanings(&[
        ("§x\nx := 1", "undefined"),
        ("func f() { §x }\nx := 1", "2:1"),
        ("func f() { §x := 2 }\nx := 1", "2:1"),
        ("func f() { g := func() { §y := 1 }\ny := 2 }", "2:1"),
        ("func f() { §y\ny := 2 }", "undefined"),
        ("x := 1\nfunc f() { §x\nlet x := 2 }", "1:1"),
        ("x := 1\nfunc f() { g := func() { §x }\nlet x := 2 }", "3:5"),
        ("func f() { if true { let y := 1 }\nreturn func() { §y } }", "undefined"),
        ("func f() { if true { g := func() { §y }\nlet y := 1 } }", "2:5"),
        ("func f() { return §t }\nfunc g() { t := 1 }", "undefined"),
        ("struct S { func m() { §x } }\nx := 1", "2:1"),
        ("h := spawn { §x }\nx := 1", "2:1"),
        ("test \"t\" { §x }\nx := 1", "2:1"),
        ("struct S { a = §x }\nx := 1", "2:1"),
        ("func f(x) { struct S { a = §x } }", "1:8"),
    ]);
}

#[test]
fn the_warnings_of_the_checker_are_found() {
    let late = "W101 1:12 `mode` is a module variable that is created only later";
    assert_eq!(warnings("func f() { mode := 1 }\nmode := 0"), late);
    let late = "W101 1:13 `mode` is a module variable that is created only later";
    assert_eq!(warnings("func f() { [mode] := 1 }\nmode := 0"), late);
    for quiet in [
        "mode := 0\nfunc f() { mode := 1 }",
        "func f() { let mode := 1 }\nmode := 0",
        "func f() { mode += 1 }\nmode := 0",
        "func f() { g := 1 }\nfunc g() {}",
        "test_setup { x := 1 }\nx := 2",
        "d := {\"x\": 1, y: 2, len: 3}",
        "func f() {}\nd := {f: 1}",
    ] {
        assert_eq!(warnings(quiet), "", "{quiet}");
    }
    let key = "W102 2:7 The key `x` means the value of the variable `x`";
    assert_eq!(warnings("x := 1\nd := {x: 2}"), key);
}

#[test]
fn bare_keys_mean_variables_parameters_and_constants_only() {
    check_meanings(&[
        ("x := 1\nd := {§x: 2}", "1:1"),
        ("const x := 1\nd := {§x: 2}", "1:7"),
        ("func f(x) { return {§x: 2} }", "1:8"),
        ("d := {§x: 2}\nx := 1", "undefined"),
        ("func x() {}\nd := {§x: 2}", "undefined"),
        ("struct x {}\nd := {§x: 2}", "undefined"),
        ("from m import v\nd := {§v: 2}", "undefined"),
        ("import m\nd := {§m: 2}", "undefined"),
        ("d := {§len: 2}", "undefined"),
        ("x := 1\nif true { func x() {}\nd := {§x: 2} }", "undefined"),
    ]);
}

#[test]
fn constants_are_neither_assigned_nor_changed_nor_redeclared() {
    check_errors(&[
        ("const C := 1 C := 2", "C001 1:14 Cannot reassign const binding: C"),
        ("const C := 1 C += 2", "C001 1:14 Cannot reassign const binding: C"),
        ("const C := 1; [C] := [2]", "C001 1:16 Cannot reassign const binding: C"),
        ("func f() { C := 2 } const C := 1", "C001 1:12 Cannot reassign const binding: C"),
        ("const C := 1 if true { C := 2 }", "C001 1:24 Cannot reassign const binding: C"),
        ("const C := [1] C[0] := 2", "C002 1:16 Cannot mutate const binding: C"),
        ("const C := 1 C.x += 2", "C002 1:14 Cannot mutate const binding: C"),
        ("const C := [1]\nfunc f() { C[0] := 2 }", "C002 2:12 Cannot mutate const binding: C"),
        ("enum E { A } E.x := 1", "C002 1:14 Cannot mutate const binding: E"),
        ("const C := 1 const C := 2", "C003 1:20 Cannot redeclare const: C"),
        ("const C := 1 let C := 2", "C003 1:18 Cannot redeclare const: C"),
        ("let C := 1 const C := 2", "C003 1:18 Cannot redeclare const: C"),
        ("func f(C) { const C := 2 }", "C003 1:19 Cannot redeclare const: C"),
        ("const C := 1 if true { let C := 2 C := 3 }", ""),
        ("const C := 1 func f(C) { C := 2 C[0] := 1 } for C in 3 { C := 4 }", ""),
        ("const C := [1] C.push(2)", ""),
    ]);
}

#[test]
fn fixed_names_cannot_be_redefined() {
    let fixed = |at: &str| format!("C019 {at} Cannot redefine built-in name: Ok");
    for (text, at) in [
        ("Ok := 1", "1:1"),
        ("let Ok := 1", "1:5"),
        ("const Ok := 1", "1:7"),
        ("[Ok] := 1", "1:2"),
        ("Ok += 1", "1:1"),
        ("func Ok() {}", "1:6"),
        ("func f(Ok) {}", "1:8"),
        ("func f(...Ok) {}", "1:11"),
        ("struct Ok {}", "1:8"),
        ("enum Ok { A }", "1:6"),
        ("for Ok in 3 {}", "1:5"),
        ("try {} except Ok {}", "1:15"),
        ("match 1 { case Some(Ok): {} }", "1:21"),
        ("from m import Ok", "1:15"),
    ] {
        assert_eq!(errors(text), fixed(at), "{text}");
    }
    assert_eq!(errors("enum Result { Ok, Err } struct S { throw } d := {Ok: 1}"), "");
}

#[test]
fn jumps_stay_inside_the_loop_of_their_function() {
    let stop = "break can only be used inside a loop";
    let next = "continue can only be used inside a loop";
    check_errors(&[
        ("break", &format!("C004 1:1 {stop}")),
        ("continue", &format!("C005 1:1 {next}")),
        ("loop { func f() { break } }", &format!("C004 1:19 {stop}")),
        ("loop { if true { try { break } except { continue } } }", ""),
        ("while true { match 1 { case 1: { break } } }", ""),
        ("for i in 3 {} continue", &format!("C005 1:15 {next}")),
        ("loop { x := func() { loop { break } } }", ""),
    ]);
}

#[test]
fn concurrency_is_checked() {
    let outside = "yield can only be used inside a generator function";
    check_errors(&[
        ("yield 1", &format!("C006 1:1 {outside}")),
        ("func* g() { func f() { yield 1 } }", &format!("C006 1:24 {outside}")),
        ("async func* f() {}", "C007 1:1 A generator function cannot be async"),
        (
            "struct S { async func m(mut self) {} }",
            "C010 1:12 A mutating method cannot be async or a generator",
        ),
        (
            "struct S { func* m(mut self) {} }",
            "C010 1:12 A mutating method cannot be async or a generator",
        ),
        ("async func f() { await 1 } func* g() { yield }", ""),
        ("spawn { break }", "C004 1:9 break can only be used inside a loop"),
    ]);
}

#[test]
fn self_is_bound_by_methods_that_declare_it() {
    let outside = "self can only be used inside a method with a self parameter";
    let modify = "Cannot modify self in method 'm': declare it with 'mut self'";
    check_errors(&[
        ("print(self)", &format!("C009 1:7 {outside}")),
        ("func f() { self.x := 1 }", &format!("C009 1:12 {outside}")),
        ("struct S { func m() { self } }", &format!("C009 1:23 {outside}")),
        ("struct S { func m(self) { func g() { return self } } }", ""),
        (
            "struct S { func m(self) { struct T { func n() { self } } } }",
            &format!("C009 1:49 {outside}"),
        ),
        ("struct S { n func m(self) { self.n += 1 } }", &format!("C008 1:29 {modify}")),
        ("struct S { n func m(self) { self := 1 } }", &format!("C008 1:29 {modify}")),
        (
            "struct S { n func m(self) { f := func() { self.n := 1 } } }",
            &format!("C008 1:43 {modify}"),
        ),
        ("struct S { n func m(mut self) { self.n := 1 self := 2 } }", ""),
        (
            "struct S { func m(self) { self.k() } func k(mut self) {} }",
            &format!("C008 1:27 {modify}"),
        ),
        ("struct S { n func m(self) { self.n.k() self.j() } func k(mut self) {} }", ""),
    ]);
    check_meanings(&[("struct S { func m(self) { return func() { §self } } }", "1:19")]);
}

#[test]
fn struct_members_parameters_and_literal_fields_are_unique() {
    check_errors(&[
        ("struct S { a a }", "C014 1:14 Duplicate member: a"),
        ("struct S { a func a() {} }", "C014 1:19 Duplicate member: a"),
        ("struct S { func a() {} a }", "C014 1:24 Duplicate member: a"),
        ("func f(a, a) {}", "C013 1:11 Duplicate parameter: a"),
        ("func f(a, ...a) {}", "C013 1:14 Duplicate parameter: a"),
        ("func f(_, _) {}", ""),
        ("x := S { f: 1, g: 2, f: 3 }", "C015 1:22 Duplicate field: f"),
        (
            "struct S { func op_add(o) {} func op_pow(o) {} }",
            "C024 1:35 Unknown operator method: op_pow",
        ),
        (
            "struct S { func op_add(mut self, o) {} }",
            "C011 1:17 An operator method cannot be mutating",
        ),
    ]);
}

#[test]
fn tags_of_visible_enums_are_checked() {
    check_errors(&[
        ("enum E { A } E::X", "C016 1:14 Unknown variant: E::X"),
        ("enum E { A } match 1 { case E::X: {} }", "C016 1:29 Unknown variant: E::X"),
        ("enum E { C(int, int) } E::C(1)", "C017 1:24 E::C expects 2 arguments, got 1"),
        ("enum E { C(int, int) } E::C", "C017 1:24 E::C expects 2 arguments, got 0"),
        ("enum E { A, C(int, int) } E::C(...[1]) E::A(1, 2, 3) F::X(1)", ""),
        ("enum E { C(int, int) } match 1 { case E::C(a): {} case E::C: {} }", ""),
        ("match 1 { case Foo(x): {} }", "C016 1:16 Unknown variant: Foo"),
        ("match 1 { case Foo: {} case Some(x): {} case Result::Nope(y): {} }", ""),
        ("from m import E\nE::X", "C016 2:1 Unknown variant: E::X"),
        ("import m\nE::B(1)", "C017 2:1 E::B expects 2 arguments, got 1"),
        ("import m\nm.E::B(1)", "C017 2:1 E::B expects 2 arguments, got 1"),
        ("import m\nm.E::X", "C016 2:1 Unknown variant: E::X"),
        ("let E := 1 E::X(1)", ""),
        (
            "match 1 { case Ok(x) | Err(x): {} }",
            "C018 1:19 Alternatives of a case cannot bind names; \
             C018 1:28 Alternatives of a case cannot bind names",
        ),
        ("match 1 { case Ok(_) | None | 3: {} }", ""),
    ]);
}

#[test]
fn imports_declare_what_the_module_exports() {
    check_meanings(&[
        ("import m\n§v", "1:8"),
        ("import m\n§m.v", "1:8"),
        ("from m import v\n§v", "1:15"),
        ("from m import v\n§f", "undefined"),
        ("import nowhere\n§nowhere", "undefined"),
        ("from nowhere import v\n§v", "undefined"),
        ("§v\nimport m", "undefined"),
        ("if true { import m }\n§v", "undefined"),
        ("func g() { return §v }\nimport m", "2:8"),
    ]);
    check_errors(&[
        ("import m m.v := 1", "C021 1:10 Cannot assign to a module member: m.v"),
        ("import m m.v.w += 1", "C021 1:10 Cannot assign to a module member: m.v"),
        ("import m m := 1", "C001 1:10 Cannot reassign const binding: m"),
        ("import m C := 1", "C001 1:10 Cannot reassign const binding: C"),
        ("import m S := 1", "C001 1:10 Cannot reassign const binding: S"),
        ("import m v := 1 f := 2", ""),
        ("import own own := 1", ""),
        ("import m import m from m import C, S, v", ""),
        ("from m import C from a.b import C", "C003 1:33 Cannot redeclare const: C"),
        ("from m import v from a.b import v", ""),
        ("from m import S struct S {}", "C012 1:15 Duplicate declaration: S"),
    ]);
}

#[test]
fn exports_and_tests_have_their_places() {
    check_errors(&[
        (
            "if true { export x := 1 }",
            "C020 1:11 export is only allowed at the top level of a module",
        ),
        (
            "func f() { test \"a\" {} }",
            "C022 1:12 test statements are only allowed at the top level or in a test_group",
        ),
        (
            "if true { test_setup {} }",
            "C022 1:11 test statements are only allowed at the top level or in a test_group",
        ),
        ("test_group \"g\" { test \"a\" {} test_group \"h\" { test_teardown {} } }", ""),
    ]);
    let text = "export [a, b] := [1, 2] export func f() {} export a := 3 export enum E { A(int) }";
    let source = Source::new("main.ruff", text);
    let tree = file(&source);
    let (resolved, _) = resolve(&tree, &World);
    let exports: Vec<Export> = resolved.exports.iter().map(|(e, _)| e.clone()).collect();
    assert_eq!(exports, exports_of(&tree));
    let names: Vec<&str> = exports.iter().map(|export| &*export.name).collect();
    assert_eq!(names, ["a", "b", "f", "E"]);
    assert_eq!(resolved.n_module_slots, 4);
}

#[test]
fn undefined_names_have_suggestions() {
    let source = Source::new("main.ruff", "counter := 1\nprint(conter, lne, zzz)");
    let (resolved, _) = resolve(&file(&source), &World);
    let mut found: Vec<&str> = resolved.suggestions.values().map(|name| &**name).collect();
    found.sort_unstable();
    assert_eq!(found, ["counter", "len"]);
    assert_eq!(similar("x", ["y"].into_iter()), None);
}

#[test]
fn long_chains_and_large_files_are_resolved_quickly() {
    let mut text = format!("x := 1\ny := x{}\n", " + x".repeat(9_000));
    text.push_str(&format!("z := x{}\n", ".f(x)".repeat(9_000)));
    text.push_str(&format!("if x {{}} {}\n", "else if x {} ".repeat(20_000)));
    for i in 0..20_000 {
        text.push_str(&format!("func f{i}(a) {{ let b := a + x return f{i}(b, undefined{i}) }}\n"));
    }
    let source = Source::new("main.ruff", &text);
    let (resolved, diagnostics) = resolve(&file(&source), &World);
    assert_eq!(diagnostics.len(), 0);
    assert_eq!(resolved.funcs.len(), 20_001);
}
