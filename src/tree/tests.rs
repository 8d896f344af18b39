//! What is particular to this engine: deep chains, the depth limits, modules and tests.
//! What programs mean is tested by the golden programs, on all engines.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use ruff_runtime::error::{Error, Kind, Result};
use ruff_runtime::host::{Isolate, Output};
use ruff_runtime::limits::Limits;
use ruff_runtime::natives;

use super::{Evaluator, TestBodies, TreeLoader, TreeModule};
use crate::resolve::{self, Export, Outside};
use crate::syntax::ast::{Block, File, StmtKind, TestKind};
use crate::syntax::parser;
use crate::syntax::source::Source;

/// Modules by name.
#[derive(Clone, Copy)]
struct Files(&'static [(&'static str, &'static str)]);

impl Files {
    fn text(self, name: &str) -> Option<&'static str> {
        self.0.iter().find(|(file, _)| *file == name).map(|(_, text)| *text)
    }

    fn module(self, name: &str, text: &str) -> Arc<TreeModule> {
        let source = Arc::new(Source::new(&format!("{name}.ruff"), text));
        let parsed = parser::parse(&source);
        assert_eq!(parsed.diagnostics, []);
        let (resolved, diagnostics) = resolve::resolve(&parsed.file, &self);
        assert_eq!(diagnostics, []);
        Arc::new(TreeModule {
            file: Arc::new(parsed.file),
            resolved: Arc::new(resolved),
            source,
            name: name.into(),
            real_path: PathBuf::from(name),
        })
    }
}

impl Outside for Files {
    fn is_native(&self, name: &str) -> bool {
        natives::is_predefined(name)
    }

    fn native_names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn exports(&self, path: &[Arc<str>]) -> Option<Vec<Export>> {
        let text = self.text(&path.join("."))?;
        let parsed = parser::parse(&Source::new("m", text));
        Some(resolve::exports_of(&parsed.file))
    }
}

impl TreeLoader for Files {
    fn load(&mut self, path: &[Arc<str>], _importer: &Arc<str>) -> Result<Arc<TreeModule>> {
        let name = path.join(".");
        let text = self
            .text(&name)
            .ok_or_else(|| Error::new(Kind::ImportError, format!("Module not found: {name}")))?;
        Ok(self.module(&name, text))
    }
}

/// A sink that the test keeps a share of.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("writers do not panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn evaluator(files: Files, limits: Limits) -> (Evaluator, Sink) {
    let sink = Sink::default();
    let out = Output::new(Box::new(sink.clone()), true);
    let isolate = Isolate::new(out, Vec::new(), limits, Arc::default());
    (Evaluator::new(isolate, Box::new(files)), sink)
}

fn printed(sink: &Sink) -> String {
    String::from_utf8(sink.0.lock().expect("writers do not panic").clone())
        .expect("programs print text")
}

/// What a program prints, its message last if it fails.
fn run_with(files: Files, limits: Limits, text: &str) -> String {
    let (mut evaluator, sink) = evaluator(files, limits);
    let result = evaluator.run_main(files.module("main", text));
    let mut printed = printed(&sink);
    if let Err(error) = result {
        printed += &error.message;
    }
    printed
}

fn run(text: &str) -> String {
    run_with(Files(&[]), Limits::DEFAULT, text)
}

/// Runs on a stack as large as the engine's.
fn on_big_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(2 << 30).spawn(test);
    thread.expect("address space suffices").join().expect("the test holds");
}

#[test]
fn chains_do_not_nest() {
    let text = format!("x := 1 print({})", vec!["x"; 10_000].join(" + "));
    assert_eq!(run(&text), "10000\n");
    let text = format!("func f(a) {{ return f }} print(f{} == f)", "(1)".repeat(9_000));
    assert_eq!(run(&text), "true\n");
}

#[test]
fn depth_limit_is_exact() {
    let program = |n: u32| format!("func f(n) {{ if n > 1 {{ f(n - 1) }} }} f({n}) print(\"ok\")");
    let limits = Limits { call_depth: 50, ..Limits::DEFAULT };
    assert_eq!(run_with(Files(&[]), limits, &program(50)), "ok\n");
    let message = "Maximum call stack depth of 50 exceeded while calling f";
    assert_eq!(run_with(Files(&[]), limits, &program(51)), message);
}

#[test]
fn a_hundred_thousand_calls_fit() {
    on_big_stack(|| {
        let text = "func f(n) { if n == 0 { return 0 } return 1 + f(n - 1) } print(f(99999))";
        assert_eq!(run(text), "99999\n");
    });
}

#[test]
fn too_small_a_stack_is_an_error() {
    let (mut evaluator, _) = evaluator(Files(&[]), Limits::DEFAULT);
    evaluator.set_stack_size(1 << 20);
    let result = evaluator.run_main(Files(&[]).module("main", "func f() { f() } f()"));
    assert_eq!(result.map_err(|error| error.code()), Err(Kind::RecursionError.code()));
}

#[test]
fn stores_keep_containers_unique() {
    let text = "a := [0, 0]\nb := a\nfor i in 2 { a[i] := i + 1 }\na.push(3)\nprint(a, b)";
    assert_eq!(run(text), "[1, 2, 3] [0, 0]\n");
}

#[test]
fn captured_variables_are_shared_and_fresh() {
    let text = "fs := []\nfor i in 2 { n := i\nfs.push(func() { n += 10\nreturn n }) }\n\
                print(fs[0](), fs[0](), fs[1]())";
    assert_eq!(run(text), "10 20 11\n");
}

#[test]
fn a_failing_method_hands_its_receiver_back() {
    let text = "struct S { n = 0\nfunc m(mut self) { self.n := 1\nthrow(\"no\") } }\n\
                s := [S {}]\ntry { s[0].m() } except e { print(e.stack, s) }";
    assert_eq!(run(text), "[S.m (main.ruff:3)] [S { n: 1 }]\n");
}

#[test]
fn imports_run_once_and_wrap_errors() {
    const FILES: Files = Files(&[
        ("m", "print(\"loaded\") export n := 1 export func up() { n += 1 }"),
        ("bad", "export x := 1 / 0"),
        ("a", "import b export p := 1"),
        ("b", "import a export q := 1"),
    ]);
    let text = "import m\nfrom m import up\nup()\nprint(n, m.n)\n\
                try { import bad } except e { print(e.message, e.cause.line) }\n\
                import a";
    let circular = "Circular import detected: a -> b -> a";
    let expected = format!(
        "loaded\n1 2\nFailed to evaluate module 'bad': Division by zero 1\n\
         Failed to evaluate module 'a': Failed to evaluate module 'b': {circular}"
    );
    assert_eq!(run_with(FILES, Limits::DEFAULT, text), expected);
}

fn body(file: &File, wanted: &TestKind) -> Block {
    let found = file.body.stmts.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Test(test) if test.kind == *wanted => Some(test.body.clone()),
        _ => None,
    });
    found.expect("the file has such a test")
}

#[test]
fn tests_run_setup_body_and_teardown() {
    let text = "n := 1\ntest_setup { m := n + 1 }\ntest \"t\" { print(m)\nErr(\"no\")? }\n\
                test_teardown { print(\"down\", m) }";
    let files = Files(&[]);
    let module = files.module("main", text);
    let setup = body(&module.file, &TestKind::Setup);
    let teardown = body(&module.file, &TestKind::Teardown);
    let test = body(&module.file, &TestKind::Test("t".into()));
    let bodies = TestBodies { setups: vec![&setup], body: &test, teardowns: vec![&teardown] };
    let (mut evaluator, sink) = evaluator(files, Limits::DEFAULT);
    let error = evaluator.run_test(module, &bodies).expect_err("the test fails");
    assert_eq!(error.message, "Err(no)");
    assert_eq!(printed(&sink), "2\ndown 2\n");
}
