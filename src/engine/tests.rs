//! Runs on threads with less native stack than usual.

use super::{Engine, JitMode, Options, run_here};
use crate::syntax::source::Source;
use ruff_runtime::host::Output;

/// Recursion through a native, a method and compiled code.
const DEEP: &str = r#"
struct Box {
    n
    func op_add(other) { return down(n + 1) }
}
func down(n) { return map([n], func(x) { return Box { n: x } + x }) }
func plain(n) { return plain(n + 1) + 1 }
for i in 3 {
    try { down(0) } except e { print(e.kind) }
    try { plain(0) } except e { print(e.kind) }
}
"#;

#[test]
fn small_native_stacks_do_not_overflow() {
    for (engine, mode) in [
        (Engine::Tree, JitMode::Off),
        (Engine::Vm, JitMode::Off),
        (Engine::Jit, JitMode::On),
        (Engine::Jit, JitMode::Always),
    ] {
        let mut options = Options::new(engine);
        options.jit.mode = mode;
        let finished = super::on_big_stack(16 << 20, move |bytes| {
            let out = Output::new(Box::new(std::io::sink()), false);
            run_here(Source::new("main.ruff", DEEP), "".into(), (&options, bytes), out)
        });
        let finished = finished.expect("the thread ends");
        assert_eq!((finished.exit_code, finished.stderr.as_str()), (0, ""), "{engine:?} {mode:?}");
    }
}
