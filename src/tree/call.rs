//! Calls: arity, depth limits, binding of parameters, and the evaluator as [`Host`].

use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::concurrency::{coroutine, tasks};
use ruff_runtime::error::{Error, Kind, Position, Result};
use ruff_runtime::host::{Counters, Host, Isolate, Stand};
use ruff_runtime::natives;
use ruff_runtime::objects::function::{Function, FunctionCode, FunctionInfo, Receiver};
use ruff_runtime::objects::module::{ModuleBody, Origin, Template};
use ruff_runtime::semantics::{literal, type_name};
use ruff_runtime::value::{Value, View, Wrapper};

use super::frame::{Eval, Flow, Frame, Stop};
use super::unit::{Body, Piece, TreeCode};
use super::{Evaluator, unsupported};
use crate::syntax::ast::Func;
use crate::syntax::source::Span;

impl Evaluator {
    /// Calls any value; the error of a callee that cannot be called is without position.
    pub(super) fn call_value(&mut self, callee: &Value, args: Vec<Value>) -> Result<Value> {
        match callee.view() {
            View::Function(_) => self.call_function(callee, args, &mut Value::default()),
            View::Native(index) => self.call_native(index, args),
            View::Wrapper(which) => wrap(which, args),
            _ => Err(not_callable(callee)),
        }
    }

    #[inline(never)]
    fn call_native(&mut self, index: u32, mut args: Vec<Value>) -> Result<Value> {
        let Some(observer) = self.observer.clone() else {
            return natives::call(self, index, &mut args);
        };
        let noted = observer.before(None, &args);
        let result = natives::call(self, index, &mut args);
        observer.after(natives::get(index).name, noted, &result);
        result
    }

    /// Calls a user function; a method finds its receiver in `receiver` and leaves it there.
    pub(super) fn call_function(
        &mut self,
        callee: &Value,
        args: Vec<Value>,
        receiver: &mut Value,
    ) -> Result<Value> {
        let View::Function(function) = callee.view() else { return Err(not_callable(callee)) };
        let info = function.info();
        check_arity(info, args.len())?;
        if info.is_generator {
            return coroutine::make_generator(self, callee.clone(), receiver.clone(), args);
        }
        if info.is_async {
            self.nested += 1;
            let has_room = self.check_depth(info);
            self.nested -= 1;
            has_room?;
            return tasks::start(self, callee.clone(), receiver.clone(), args);
        }
        self.enter_function(callee, args, receiver)
    }

    /// Runs the body of a user function whose arity has been checked.
    fn enter_function(
        &mut self,
        callee: &Value,
        args: Vec<Value>,
        receiver: &mut Value,
    ) -> Result<Value> {
        let View::Function(function) = callee.view() else { return Err(not_callable(callee)) };
        self.check_depth(function.info())?;
        if self.isolate.interrupt.is_pending() {
            self.isolate.poll()?;
        }
        self.depth += 1;
        let result = self.run_function(callee, function, args, receiver);
        self.depth -= 1;
        result
    }

    fn check_depth(&self, info: &FunctionInfo) -> Result<()> {
        let limits = &self.isolate.limits;
        let is_out_of_stack = self.isolate.tasks.stack_floor.is_reached();
        let limit = if self.depth >= limits.call_depth || is_out_of_stack {
            limits.call_depth
        } else if self.nested > limits.nested_depth {
            limits.nested_depth
        } else {
            return Ok(());
        };
        Err(too_deep(limit, info))
    }

    pub(super) fn run_function(
        &mut self,
        callee: &Value,
        function: &Function,
        args: Vec<Value>,
        receiver: &mut Value,
    ) -> Result<Value> {
        let code = function.code();
        let tree = code.tree.as_ref().and_then(|tree| tree.downcast_ref::<TreeCode>());
        let Some(tree) = tree else { return Err(unsupported("A function of another engine")) };
        let mut frame = Frame::new(tree.unit.clone(), tree.func, callee.clone());
        let flow = match &tree.body {
            Body::Func(func) => {
                frame.is_listed = true;
                self.run_body(&mut frame, code, func, args, receiver)
            }
            Body::Block(block) => self.block(&mut frame, block),
            Body::Default(decl, field) => match &decl.fields[*field].default {
                Some(default) => self.eval(&mut frame, default).map(Flow::Return),
                None => Ok(Flow::Normal),
            },
        };
        match flow {
            Ok(Flow::Return(value)) | Err(Stop::Return(value)) => Ok(value),
            Ok(Flow::Normal | Flow::Break | Flow::Continue) => Ok(Value::NULL),
            Err(Stop::Raise(mut error)) => {
                frame.list_in(&mut error);
                Err(error)
            }
        }
    }

    fn run_body(
        &mut self,
        frame: &mut Frame,
        code: &FunctionCode,
        func: &Func,
        args: Vec<Value>,
        receiver: &mut Value,
    ) -> Eval<Flow> {
        frame.enter(&func.body);
        bind_receiver(frame, code.info.receiver, receiver);
        let flow = match self.bind_params(frame, func, args) {
            Ok(()) => self.statements(frame, &func.body),
            Err(stop) => Err(stop),
        };
        let self_var = frame.unit.resolved().func_info(frame.func).self_var;
        if let (Receiver::MutSelf, Some(var)) = (code.info.receiver, self_var) {
            *receiver = frame.content(var);
            frame.release(var);
        }
        flow
    }

    #[inline(never)]
    fn bind_params(&mut self, frame: &mut Frame, func: &Func, args: Vec<Value>) -> Eval<()> {
        let unit = frame.unit.clone();
        let mut args = args.into_iter();
        for param in &func.params {
            let value = match (args.next(), &param.default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.eval(frame, default)?,
                (None, None) => Value::NULL,
            };
            let var = param.name.as_ref().and_then(|name| unit.resolved().declared(name.id));
            if let Some(var) = var {
                frame.initialise(var, value);
            }
        }
        if let Some(var) = func.rest.as_ref().and_then(|name| unit.resolved().declared(name.id)) {
            frame.initialise(var, literal::make_array(args.collect()));
        }
        Ok(())
    }
}

impl Evaluator {
    /// Notes the place of something that may wait.
    pub(super) fn stand_at(&mut self, frame: &Frame, span: Span) {
        self.stand = Stand(frame.unit.number() as usize, span.start as usize);
    }
}

impl Host for Evaluator {
    fn stand(&self) -> Stand {
        self.stand
    }

    fn position(&self, at: Stand) -> Option<Position> {
        let unit = self.units.iter().find(|unit| unit.number() as usize == at.0)?;
        let source = &unit.tree.source;
        let (line, column) = source.line_col(at.1 as u32);
        Some(Position { file: source.name.clone(), line, column })
    }

    fn isolate(&mut self) -> &mut Isolate {
        &mut self.isolate
    }

    fn call(&mut self, callee: &Value, args: &mut [Value]) -> Result<Value> {
        let args = args.iter_mut().map(Value::take).collect();
        let entered = u32::from(matches!(callee.view(), View::Function(_)));
        self.nested += entered;
        self.callbacks += entered;
        let result = self.call_value(callee, args);
        self.nested -= entered;
        self.callbacks -= entered;
        result
    }

    fn call_method(
        &mut self,
        method: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        let args = args.iter_mut().map(Value::take).collect();
        self.nested += 1;
        self.callbacks += 1;
        let result = self.call_function(method, args, receiver);
        self.nested -= 1;
        self.callbacks -= 1;
        result
    }

    fn import(&mut self, path: &[Arc<str>], importer: &Arc<str>) -> Result<Value> {
        self.import_module(path, importer)
    }

    fn resume_generator(&mut self, generator: &Value) -> Result<Option<Value>> {
        coroutine::resume_generator(self, generator)
    }

    fn run_body(
        &mut self,
        callee: &Value,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        let args = args.iter_mut().map(Value::take).collect();
        self.enter_function(callee, args, receiver)
    }

    fn run_block(&mut self, block: &Value) -> Result<Value> {
        self.run_closure(block)
    }

    fn adopt_module(&mut self, origin: &Origin) -> Rc<ModuleBody> {
        self.copy_of_module(origin)
    }

    fn piece_of(&self, function: &Function) -> Option<Template> {
        let code = function.code();
        let tree = code.tree.as_ref()?.downcast_ref::<TreeCode>()?;
        let (info, body) = (code.info.clone(), tree.body.clone());
        Some(Arc::new(Piece { info, func: tree.func, body }))
    }

    fn code_at(
        &mut self,
        module: &ModuleBody,
        index: u32,
        piece: Option<&Template>,
    ) -> *const FunctionCode {
        match piece.and_then(|piece| piece.downcast_ref::<Piece>()) {
            Some(piece) => self.code_in(module, index, piece),
            None => std::ptr::null(),
        }
    }

    fn counters(&self) -> Counters {
        Counters { depth: self.depth, nested: self.nested, callbacks: self.callbacks }
    }

    fn set_counters(&mut self, counters: Counters) {
        (self.depth, self.nested) = (counters.depth, counters.nested);
        self.callbacks = counters.callbacks;
    }
}

/// Gives a method its receiver: as `self`, or as copies of the fields.
fn bind_receiver(frame: &mut Frame, kind: Receiver, receiver: &mut Value) {
    let unit = frame.unit.clone();
    let info = unit.resolved().func_info(frame.func);
    match (kind, info.self_var) {
        (Receiver::MutSelf, Some(var)) => frame.initialise(var, receiver.take()),
        (Receiver::SelfValue, Some(var)) => frame.initialise(var, receiver.clone()),
        (Receiver::Fields, _) => {
            let View::Struct(instance) = receiver.view() else { return };
            for &var in &info.fields {
                let content = instance.get(&unit.var(var).name).cloned().unwrap_or_default();
                frame.initialise(var, content);
            }
        }
        (Receiver::None | Receiver::MutSelf | Receiver::SelfValue, _) => {}
    }
}

pub(super) fn check_arity(info: &FunctionInfo, got: usize) -> Result<()> {
    let (required, max) = (info.n_required as usize, info.n_params as usize);
    if got >= required && (info.has_rest || got <= max) {
        return Ok(());
    }
    let max = (!info.has_rest).then_some(max);
    Err(arity_error(info.display_name(), required, max, got))
}

/// The error of a call with the wrong number of arguments; any number if `max` is `None`.
#[cold]
pub(super) fn arity_error(name: &str, required: usize, max: Option<usize>, got: usize) -> Error {
    let expected = match max {
        None => format!("at least {required}"),
        Some(max) if max == required => format!("{required}"),
        Some(max) => format!("{required} to {max}"),
    };
    Error::new(Kind::ArityError, format!("{name} expects {expected} arguments, got {got}"))
}

#[cold]
fn not_callable(callee: &Value) -> Error {
    let message = format!("Cannot call non-function: {}", type_name(callee));
    Error::new(Kind::TypeError, message)
}

#[cold]
fn too_deep(limit: u32, info: &FunctionInfo) -> Error {
    let name = info.display_name();
    let message = format!("Maximum call stack depth of {limit} exceeded while calling {name}");
    Error::new(Kind::RecursionError, message)
}

/// `Ok(v)`, `Err(v)`, `Some(v)`.
pub(super) fn wrap(which: Wrapper, args: Vec<Value>) -> Result<Value> {
    let got = args.len();
    match <[Value; 1]>::try_from(args) {
        Ok([content]) => Ok(which.wrap(content)),
        Err(_) => Err(arity_error(which.name(), 1, Some(1), got)),
    }
}
