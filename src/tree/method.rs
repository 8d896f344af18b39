//! Method calls, and mutating calls on places (LS 9.4, 12.3, 12.4).

use ruff_runtime::error::{Error, Kind, Result};
use ruff_runtime::natives;
use ruff_runtime::natives::method::{self, Selected};
use ruff_runtime::semantics::place;
use ruff_runtime::value::{Tag, Value, View};

use super::Evaluator;
use super::frame::{Eval, Frame};
use super::place::Path;
use crate::resolve::VarKind;
use crate::syntax::ast::{Arg, Expr, Ident};

/// A method call without its receiver.
pub(super) struct MethodCall<'a> {
    pub name: &'a Ident,
    pub null_safe: bool,
    /// What `|>` puts before the arguments.
    pub first: Option<Value>,
    pub args: &'a [Arg],
}

/// What a mutating call calls, and on what kind of receiver.
struct Chosen {
    selected: Selected,
    shape: Shape,
}

impl Evaluator {
    /// `left.name(args)` on a value that is no place; changes to it are discarded.
    #[inline(never)]
    pub(super) fn method_of_value(
        &mut self,
        frame: &mut Frame,
        mut receiver: Value,
        call: MethodCall<'_>,
    ) -> Eval {
        let MethodCall { name, null_safe, first, args } = call;
        if null_safe && receiver.is_null() {
            return Ok(receiver);
        }
        let selected = frame.at(name.span, method::select(&receiver, &name.name))?;
        let args = self.elements(frame, first, args)?;
        self.stand_at(frame, name.span);
        frame.at(name.span, self.call_selected(&selected, &mut receiver, args))
    }

    /// `P.name(args)` for a place P; a mutating method updates it.
    #[inline(never)]
    pub(super) fn method_of_place(
        &mut self,
        frame: &mut Frame,
        receiver: &Expr,
        call: MethodCall<'_>,
    ) -> Eval {
        let MethodCall { name, null_safe, first, args } = call;
        let path = self.path_of_expr(frame, receiver)?;
        let value = path.load(frame)?;
        if null_safe && value.is_null() {
            return Ok(value);
        }
        let selected = frame.at(name.span, method::select(&value, &name.name))?;
        if !selected.is_mutating() {
            let args = self.elements(frame, first, args)?;
            let mut value = value;
            self.stand_at(frame, name.span);
            return frame.at(name.span, self.call_selected(&selected, &mut value, args));
        }
        let chosen = Chosen { selected, shape: Shape::of(&value) };
        drop(value);
        let args = self.elements(frame, first, args)?;
        frame.at(name.span, check_modifiable(frame, &path))?;
        self.mutating_call(frame, &path, name, &chosen, args)
    }

    /// Steps 2 (arity) to 5 of LS 9.4.
    #[inline(never)]
    fn mutating_call(
        &mut self,
        frame: &mut Frame,
        path: &Path<'_>,
        name: &Ident,
        chosen: &Chosen,
        args: Vec<Value>,
    ) -> Eval {
        if let Selected::Method(function) = &chosen.selected
            && let View::Function(function) = function.view()
        {
            frame.at(name.span, super::call::check_arity(function.info(), args.len()))?;
        }
        let location = frame.locate(path.var);
        let root = frame.take(path.var, &location);
        let mut root = frame.at(path.root_span, root)?;
        let steps = path.steps();
        let mut receiver = match place::take(&mut root, &steps) {
            Ok(receiver) => receiver,
            Err(failed) => {
                frame.replace(&location, root);
                return frame.at(path.span_of(failed.step), Err(failed.error));
            }
        };
        let result = if Shape::of(&receiver) == chosen.shape {
            self.stand_at(frame, name.span);
            self.call_selected(&chosen.selected, &mut receiver, args)
        } else {
            let root = &frame.unit.var(path.var).name;
            let message = format!("Receiver changed during a mutating call: {root}");
            Err(Error::new(Kind::AccessError, message))
        };
        place::put(&mut root, &steps, receiver);
        frame.replace(&location, root);
        frame.at(name.span, result)
    }

    /// Calls what was selected. Methods written in the program are called directly, since they
    /// are not entered from a native.
    fn call_selected(
        &mut self,
        selected: &Selected,
        receiver: &mut Value,
        mut args: Vec<Value>,
    ) -> Result<Value> {
        let name: &'static str = match selected {
            Selected::Method(function) => return self.call_function(function, args, receiver),
            Selected::Callable(function) => return self.call_value(function, args),
            Selected::TypeMethod(decl) => &decl.full_name,
            Selected::Updating(decl) => &decl.0.full_name,
            Selected::Native(index) => natives::get(*index).name,
        };
        let Some(observer) = self.observer.clone() else {
            return method::call_selected(self, selected, receiver, &mut args);
        };
        let noted = observer.before(Some(receiver), &args);
        let result = method::call_selected(self, selected, receiver, &mut args);
        observer.after(name, noted, &result);
        result
    }
}

/// The type of a receiver, or its struct.
#[derive(PartialEq, Eq)]
struct Shape {
    tag: Tag,
    decl_id: u64,
}

impl Shape {
    fn of(value: &Value) -> Shape {
        let decl_id = match value.view() {
            View::Struct(instance) => instance.def().decl_id,
            _ => 0,
        };
        Shape { tag: value.tag(), decl_id }
    }
}

/// Whether a mutating call may change something in the root of the place.
fn check_modifiable(frame: &Frame, path: &Path<'_>) -> Result<()> {
    let var = frame.unit.var(path.var);
    let message = match (&var.kind, path.first_field()) {
        (VarKind::SelfParam { is_mut: false }, _) => {
            "Cannot mutate self in a method without 'mut self'".to_owned()
        }
        (VarKind::Module, Some(field)) => {
            format!("Cannot mutate a module member: {}.{field}", var.name)
        }
        _ if var.is_const => format!("Cannot mutate const binding: {}", var.name),
        _ => return Ok(()),
    };
    Err(Error::new(Kind::AccessError, message))
}
