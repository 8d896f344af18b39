//! The test declarations of a file (LS 19): which bodies make up each test, and running them.

use std::path::PathBuf;
use std::sync::Arc;

use ruff_runtime::concurrency::isolates;
use ruff_runtime::error::Error;
use ruff_runtime::heap;
use ruff_runtime::host::Output;

use super::{Capture, Engine, Finished, Options, Run, on_big_stack, tree_module};
use crate::loader::{Checked, Loader};
use crate::report;
use crate::syntax::ast::{Block, StmtKind, TestKind};
use crate::syntax::source::Source;
use crate::tree::TestBodies;

/// One test of a file and how it went.
pub struct TestOutcome {
    /// With its groups: `group / test`.
    pub name: String,
    /// What failed, as text for people.
    pub failure: Option<String>,
    /// What the test and the top level before it printed.
    pub stdout: Vec<u8>,
}

/// The bodies of one test; positions count all test bodies of the file in text order, so that
/// every engine finds them in its own form.
struct Plan<'a> {
    name: String,
    bodies: TestBodies<'a>,
    numbers: Numbers,
}

/// The same bodies by their position among the file's test bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) setups: Vec<usize>,
    pub(super) body: usize,
    pub(super) teardowns: Vec<usize>,
}

/// Runs every test of a file, each in fresh program state.
///
/// # Errors
/// How the run ended if the file does not compile.
pub fn run_tests(
    source: Source,
    dir: PathBuf,
    options: &Options,
) -> Result<Vec<TestOutcome>, Finished> {
    let options = options.clone();
    let stack_bytes = options.engine.stack_bytes();
    let work = move |stack_bytes| {
        let outcomes = run_all(&Arc::new(source), dir, (&options, stack_bytes));
        heap::release_thread_memory();
        outcomes
    };
    on_big_stack(stack_bytes, work).unwrap_or_else(|| Err(Finished::internal_error()))
}

fn run_all(
    source: &Arc<Source>,
    dir: PathBuf,
    (options, stack_bytes): (&Options, usize),
) -> Result<Vec<TestOutcome>, Finished> {
    let loader = Loader::new(dir);
    let checked = loader
        .check(source.clone())
        .map_err(|list| Finished::not_compiled(source, &list, options))?;
    let run = Run { loader: &loader, options, stack_bytes };
    let mut planner = Planner::default();
    planner.visit(&checked.file.body, "");
    planner.plans.iter().map(|plan| run.one_test(&checked, plan)).collect()
}

impl Run<'_> {
    fn one_test(&self, checked: &Checked, plan: &Plan<'_>) -> Result<TestOutcome, Finished> {
        let capture = Capture::default();
        let out = Output::new(Box::new(capture.clone()), false);
        let result = match self.options.engine {
            Engine::Tree => self.test_on_tree(checked, plan, out),
            Engine::Vm | Engine::Jit => self.test_on_vm(checked, &plan.numbers, out)?,
        };
        let failure = result
            .err()
            .map(|error| report::runtime_error(&error, &self.loader.sources(), self.options.style));
        Ok(TestOutcome { name: plan.name.clone(), failure, stdout: capture.take() })
    }

    fn test_on_tree(&self, checked: &Checked, plan: &Plan<'_>, out: Output) -> Result<(), Error> {
        let mut evaluator = self.evaluator(out);
        let result = evaluator.run_test(Arc::new(tree_module(checked)), &plan.bodies);
        isolates::finish(&mut evaluator);
        result.and(evaluator.isolate().out.flush())
    }
}

/// Setups and teardowns of the groups around the present one, outermost first.
#[derive(Default)]
struct Planner<'a> {
    setups: Vec<Option<(usize, &'a Block)>>,
    teardowns: Vec<Option<(usize, &'a Block)>>,
    n_bodies: usize,
    plans: Vec<Plan<'a>>,
}

impl<'a> Planner<'a> {
    /// Plans the tests of one level; `prefix` names the groups around it.
    fn visit(&mut self, level: &'a Block, prefix: &str) {
        let tests = || {
            level.stmts.iter().filter_map(|stmt| match &stmt.kind {
                StmtKind::Test(test) => Some(test),
                _ => None,
            })
        };
        // Setups and teardowns count wherever they stand, and the last of a level wins.
        let mut number = self.n_bodies;
        self.setups.push(None);
        self.teardowns.push(None);
        for test in tests() {
            match &test.kind {
                TestKind::Setup => {
                    *self.setups.last_mut().expect("pushed") = Some((number, &test.body));
                }
                TestKind::Teardown => {
                    *self.teardowns.last_mut().expect("pushed") = Some((number, &test.body));
                }
                TestKind::Test(_) | TestKind::Group(_) => {}
            }
            number += n_bodies(&test.kind, &test.body);
        }
        for test in tests() {
            match &test.kind {
                TestKind::Test(name) => {
                    self.plan(format!("{prefix}{name}"), &test.body);
                    self.n_bodies += 1;
                }
                TestKind::Group(name) => self.visit(&test.body, &format!("{prefix}{name} / ")),
                TestKind::Setup | TestKind::Teardown => self.n_bodies += 1,
            }
        }
        self.setups.pop();
        self.teardowns.pop();
    }

    fn plan(&mut self, name: String, body: &'a Block) {
        let setups: Vec<_> = self.setups.iter().copied().flatten().collect();
        let teardowns: Vec<_> = self.teardowns.iter().rev().copied().flatten().collect();
        let numbers = Numbers {
            setups: setups.iter().map(|(number, _)| *number).collect(),
            body: self.n_bodies,
            teardowns: teardowns.iter().map(|(number, _)| *number).collect(),
        };
        let bodies = TestBodies {
            setups: setups.into_iter().map(|(_, block)| block).collect(),
            body,
            teardowns: teardowns.into_iter().map(|(_, block)| block).collect(),
        };
        self.plans.push(Plan { name, bodies, numbers });
    }
}

/// Number of test, setup and teardown bodies in a declaration.
fn n_bodies(kind: &TestKind, body: &Block) -> usize {
    match kind {
        TestKind::Test(_) | TestKind::Setup | TestKind::Teardown => 1,
        TestKind::Group(_) => body
            .stmts
            .iter()
            .filter_map(|stmt| match &stmt.kind {
                StmtKind::Test(test) => Some(n_bodies(&test.kind, &test.body)),
                _ => None,
            })
            .sum(),
    }
}
