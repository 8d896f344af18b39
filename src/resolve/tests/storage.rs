//! Where variables live, and what functions capture.

use super::*;

/// The storage of the variables called `name`.
fn storage(name: &str, text: &str) -> String {
    let source = Source::new("main.ruff", text);
    let (resolved, _) = resolve(&file(&source), &World);
    let vars = resolved.vars.iter().filter(|var| &*var.name == name);
    vars.map(|var| format!("{:?}", var.storage)).collect::<Vec<_>>().join(" ")
}

fn check_storage(name: &str, table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(storage(name, text), *expected, "{text}");
    }
}

#[test]
fn top_level_variables_live_in_slots_if_functions_mention_them() {
    check_storage(
        "x",
        &[
            ("x := 1 print(x)", "Register"),
            ("x := 1 func f() { return x }", "Module(0)"),
            ("export x := 1", "Module(0)"),
            ("x := 1 test \"t\" { print(x) }", "Module(0)"),
            ("test_setup { x := 1 }", "Module(0)"),
            ("if true { x := 1 } f := func() { x }", "Module(0)"),
            ("for i in 3 { x := i f := func() { x } }", "CapturedValue"),
            ("if true { let x := 1 f := func() { x += 1 } }", "Cell"),
        ],
    );
}

#[test]
fn variables_are_captured_by_value_only_if_they_never_change_again() {
    check_storage(
        "x",
        &[
            ("func f(x) { return x }", "Register"),
            ("func f(x) { return func() { x } }", "CapturedValue"),
            ("func f(x) { func g() { x } }", "CapturedValue"),
            ("func f(x) { return func() { return func() { x } } }", "CapturedValue"),
            ("func f(x) { x := 1 return func() { x } }", "Cell"),
            ("func f(x) { return func() { x += 1 } }", "Cell"),
            ("func f(x) { x.push(1) return func() { x } }", "Cell"),
            ("func f(x) { x.a[0].go() return func() { x } }", "Cell"),
            ("func f(x) { return func() { x.a[0] := 1 } }", "Cell"),
            ("func f(x) { [x] := [1] return func() { x } }", "Cell"),
            ("func f(x = func() { x }) {}", "Cell"),
            ("func f(a = func() { x }, x = 1) {}", "Cell"),
            ("func f() { let x := 1 return func() { x } }", "CapturedValue"),
            ("func f() { x := 1 return func() { x } }", "CapturedValue"),
            ("func f() { if true { x := 1 } return func() { x } }", "Cell"),
            ("func f() { g := func() { x } x := 1 }", "Cell"),
            ("func f() { x := 1 func g() { x } }", "Cell"),
            ("func f() { x := 1 if true { func g() { x } } }", "CapturedValue"),
            ("func f() { let x := func() { x } }", "Cell"),
            ("func f() { let x := 1 let x := 2 return func() { x } }", "Cell"),
            ("func f() { func x() { x() } }", "Cell"),
            ("func f() { func x() {} return func() { x() } }", "CapturedValue"),
            ("func f() { for x in 3 { g := func() { x } } }", "CapturedValue"),
            ("func f() { for x in 3 { func g() { x } } }", "CapturedValue"),
            ("func f() { for x in 3 { x += 1 g := func() { x } } }", "Cell"),
            ("func f() { try {} except x { g := func() { x } } }", "CapturedValue"),
            ("func f() { match 1 { case Ok(x): { g := func() { x } } } }", "CapturedValue"),
            ("struct S { x func m() { return func() { x } } }", "CapturedValue"),
            ("struct S { x func m() { x := 1 return func() { x } } }", "Cell"),
            ("struct S { x func m() { return 1 } }", ""),
            ("func f() { from m import v return 1 } func g(x) { x }", "Register"),
        ],
    );
    check_storage(
        "self",
        &[
            ("struct S { func m(self) { self } }", "Register"),
            ("struct S { func m(self) { return func() { self } } }", "CapturedValue"),
            ("struct S { func m(mut self) { return func() { self } } }", "Cell"),
        ],
    );
}

#[test]
fn captures_pass_through_the_functions_between() {
    let text = "func f(a, b) { return func() { return func() { return [b, a, b] } } }";
    let source = Source::new("main.ruff", text);
    let (resolved, _) = resolve(&file(&source), &World);
    let names: Vec<Vec<&str>> = resolved
        .funcs
        .iter()
        .map(|func| func.captures.iter().map(|&var| &*resolved.var(var).name).collect())
        .collect();
    assert_eq!(names, [vec![], vec![], vec!["b", "a"], vec!["b", "a"]]);
}

#[test]
fn fields_of_a_method_are_listed_in_declaration_order() {
    let source = Source::new("main.ruff", "struct S { a b c func m(b) { return [c, b, a] } }");
    let (resolved, _) = resolve(&file(&source), &World);
    let fields = resolved.funcs[1].fields.iter().map(|&var| &*resolved.var(var).name);
    assert_eq!(fields.collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(resolved.funcs[1].struct_name.as_deref(), Some("S"));
}
