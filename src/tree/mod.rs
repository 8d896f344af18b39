//! The tree evaluator: runs the resolved syntax tree directly (`--engine=tree`).
//!
//! It is the oracle that the other engines are compared with: small, obvious and without
//! optimisations. It shares `runtime::semantics` and the natives with them, and knows neither
//! the compiler nor bytecode. Captured variables always live in cells here, so that the
//! resolver's capture analysis is checked by comparison too.
//!
//! The evaluator recurses on the native stack, so it wants a thread with a large one (see
//! [`Evaluator::set_stack_size`]). Start reading at [`Evaluator`], then `frame`, `expr`, `call`
//! and `place`.

mod call;
mod declare;
mod expr;
mod frame;
mod import;
mod literal;
mod method;
mod pattern;
mod place;
mod stmt;
#[cfg(test)]
mod tests;
mod unit;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::concurrency::tasks;
use ruff_runtime::error::{Error, Result};
use ruff_runtime::heap;
use ruff_runtime::host::{Isolate, Stand};
use ruff_runtime::objects::function::FunctionCode;
use ruff_runtime::objects::module::{ModuleBody, Origin};
use ruff_runtime::semantics::literal as literals;
use ruff_runtime::value::{Value, View};

use crate::resolve::{FuncId, Resolved};
use crate::syntax::ast::{Block, File, NodeId};
use crate::syntax::source::Source;
use frame::{Flow, Frame, Stop};
use unit::{Piece, Unit};

/// A file ready to be evaluated.
pub struct TreeModule {
    pub file: Arc<File>,
    pub resolved: Arc<Resolved>,
    pub source: Arc<Source>,
    /// The name in `import`, with dots.
    pub name: Arc<str>,
    /// What the module is cached by.
    pub real_path: PathBuf,
}

/// Finds, parses and resolves the modules that a program imports.
pub trait TreeLoader {
    /// The module under `path` (`["a", "b"]` for `a.b`), imported by the file `importer`.
    ///
    /// # Errors
    /// ImportError: not found, unsafe or not compilable (LS 18.6).
    fn load(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Arc<TreeModule>>;
}

/// The bodies that make up one test (LS 19.2); all blocks belong to the module's file.
pub struct TestBodies<'a> {
    /// Outermost level first.
    pub setups: Vec<&'a Block>,
    pub body: &'a Block,
    /// Innermost level first.
    pub teardowns: Vec<&'a Block>,
}

/// Sees the calls of natives that a program makes.
pub trait Observer: Send + Sync {
    /// Before a call: what [`Observer::after`] is to know about the arguments.
    fn before(&self, receiver: Option<&Value>, args: &[Value]) -> bool;

    fn after(&self, name: &'static str, noted: bool, result: &Result<Value>);
}

/// One thread of a program, evaluated on its tree.
pub struct Evaluator {
    pub(crate) isolate: Isolate,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    loader: Box<dyn TreeLoader>,
    /// Values of the modules that were loaded, by real path.
    modules: HashMap<PathBuf, Value>,
    /// Real paths and names of the modules whose top level is running, outermost first.
    loading: Vec<(PathBuf, Arc<str>)>,
    units: Vec<Rc<Unit>>,
    /// User-function calls that are active, and how many of them a native or operator entered.
    depth: u32,
    nested: u32,
    /// Those that a native or operator entered in the present task.
    callbacks: u32,
    /// What was called last that may wait.
    stand: Stand,
    /// Code of the functions by unit and node. Functions point to it from values that outlive
    /// the evaluator (the error of a run), so it is never freed.
    codes: HashMap<(u64, NodeId), &'static FunctionCode>,
}

impl Evaluator {
    pub fn new(isolate: Isolate, loader: Box<dyn TreeLoader>) -> Evaluator {
        Evaluator {
            isolate,
            observer: None,
            loader,
            modules: HashMap::new(),
            loading: Vec::new(),
            units: Vec::new(),
            depth: 0,
            nested: 0,
            callbacks: 0,
            stand: Stand::default(),
            codes: HashMap::new(),
        }
    }

    /// Sets how much native stack each task gets. A program that would overflow it gets the
    /// RecursionError of the depth limit instead.
    pub fn set_stack_size(&mut self, bytes: usize) {
        self.isolate.tasks.main_stack_bytes = bytes;
        self.isolate.tasks.stack_bytes = bytes;
    }

    pub fn isolate(&mut self) -> &mut Isolate {
        &mut self.isolate
    }

    /// Runs the top level of the main program.
    ///
    /// # Errors
    /// The error that nobody caught, or the end by `exit` or interruption.
    pub fn run_main(&mut self, module: Arc<TreeModule>) -> Result<()> {
        let unit = self.add_unit(module, None);
        let tree = unit.tree.clone();
        self.run_as_main(&unit, FuncId(0), &tree.file.body)
    }

    /// Runs one test in fresh program state: the top level, the setups, the body and, whatever
    /// happened after the top level, the teardowns.
    ///
    /// # Errors
    /// The first failure; the message of one in a setup starts with `Setup failed: `.
    pub fn run_test(&mut self, module: Arc<TreeModule>, test: &TestBodies<'_>) -> Result<()> {
        let unit = self.add_unit(module, None);
        let tree = unit.tree.clone();
        self.run_as_main(&unit, FuncId(0), &tree.file.body)?;
        let mut result = test.setups.iter().try_for_each(|block| {
            self.run_test_body(&unit, block).map_err(|mut error| {
                error.message = format!("Setup failed: {}", error.message);
                error
            })
        });
        if result.is_ok() {
            result = self.run_test_body(&unit, test.body);
        }
        for block in &test.teardowns {
            if matches!(&result, Err(error) if !error.is_catchable()) {
                return result;
            }
            result = result.and(self.run_test_body(&unit, block));
        }
        result
    }

    /// An instance of a module; `real_path` if it is imported.
    fn add_unit(&mut self, module: Arc<TreeModule>, real_path: Option<&Path>) -> Rc<Unit> {
        let real_path = real_path.map(|path| path.to_string_lossy().into());
        let origin = Origin::new(module.clone(), real_path);
        self.instance_of(module, origin)
    }

    fn instance_of(&mut self, module: Arc<TreeModule>, origin: Origin) -> Rc<Unit> {
        let unit = Rc::new(Unit::new(module, origin));
        self.isolate.modules.push(unit.body.clone());
        self.units.push(unit.clone());
        unit
    }

    /// See `Host::adopt_module`.
    fn copy_of_module(&mut self, origin: &Origin) -> Rc<ModuleBody> {
        let Ok(tree) = origin.template.clone().downcast::<TreeModule>() else {
            return ModuleBody::new("".into(), "".into(), Vec::new(), Vec::new(), origin.clone());
        };
        let real_path = tree.real_path.clone();
        let unit = self.instance_of(tree, origin.clone());
        if origin.real_path.is_some() {
            self.modules.insert(real_path, unit.module_value());
        }
        unit.body.clone()
    }

    /// See `Host::code_at`.
    fn code_in(&mut self, module: &ModuleBody, index: u32, piece: &Piece) -> *const FunctionCode {
        let number = module.origin.number;
        let Some(unit) = self.units.iter().find(|unit| unit.number() == number).cloned() else {
            return std::ptr::null();
        };
        self.code_of(&unit, NodeId(index), || piece.clone())
    }

    /// See `Host::run_block`.
    fn run_closure(&mut self, block: &Value) -> Result<Value> {
        let View::Function(function) = block.view() else { return Ok(Value::NULL) };
        self.run_function(block, function, Vec::new(), &mut Value::default())
    }

    fn run_top_level(&mut self, unit: &Rc<Unit>) -> Result<()> {
        let tree = unit.tree.clone();
        self.run_outside_functions(unit, FuncId(0), &tree.file.body)
    }

    fn run_test_body(&mut self, unit: &Rc<Unit>, block: &Block) -> Result<()> {
        let func = unit.tree.resolved.func(block.id);
        self.run_as_main(unit, func, block)
    }

    /// Runs code that is in no function as the main task.
    fn run_as_main(&mut self, unit: &Rc<Unit>, func: FuncId, body: &Block) -> Result<()> {
        tasks::run_main(self, |this: &mut Evaluator| this.run_outside_functions(unit, func, body))
    }

    /// Runs code that is in no function: `?` raises there (LS 7.11).
    fn run_outside_functions(&mut self, unit: &Rc<Unit>, func: FuncId, body: &Block) -> Result<()> {
        let mut frame = Frame::new(unit.clone(), func, Value::NULL);
        frame.is_outside_functions = true;
        match self.block(&mut frame, body) {
            Ok(Flow::Normal | Flow::Break | Flow::Continue | Flow::Return(_)) => Ok(()),
            Err(Stop::Return(value)) => Err(literals::try_at_top(value)),
            Err(Stop::Raise(error)) => Err(error),
        }
    }
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        tasks::stop(self);
        self.modules.clear();
        self.isolate.common_defs.clear();
        for unit in &self.units {
            unit.clear();
        }
        heap::collect_cycles();
    }
}

/// An error for constructs that resolution rejects before they get here.
#[cold]
fn unsupported(what: &str) -> Error {
    let message = format!("{what} cannot be evaluated by the tree engine");
    Error::new(ruff_runtime::error::Kind::ConcurrencyError, message)
}
