//! The activation of a function: its variables, and how control leaves statements.
//!
//! A slot of a captured variable holds a cell; that of any other variable its content. Both may
//! be `Unassigned` or `InUse`, which reading turns into the errors of LS 5.5 and 9.4.

use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::error::{Error, Kind, Position, Result, TracedCall};
use ruff_runtime::objects::cell::CellBody;
use ruff_runtime::value::{Tag, Value, View};

use super::unit::Unit;
use crate::resolve::{FuncId, Storage, VarId};
use crate::syntax::ast::Block;
use crate::syntax::source::Span;

/// How a statement ended.
pub(super) enum Flow {
    Normal,
    Break,
    Continue,
    Return(Value),
}

/// Why an expression has no value.
pub(super) enum Stop {
    Raise(Error),
    /// `e?` returns from the enclosing function.
    Return(Value),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Raise(error)
    }
}

/// What evaluating gives.
pub(super) type Eval<T = Value> = std::result::Result<T, Stop>;

/// An active function (or the top level, or a test body).
pub(super) struct Frame {
    pub unit: Rc<Unit>,
    pub func: FuncId,
    slots: Vec<Value>,
    /// The running function, for its captured variables; null outside functions.
    closure: Value,
    /// Where in this function the error on its way out surfaced, as a source offset.
    failed_at: Option<u32>,
    pub is_outside_functions: bool,
    /// Tracebacks list it: it is a call of a function in the program.
    pub is_listed: bool,
}

/// Where a variable's content is, independent of the frame's borrow.
pub(super) enum Location {
    Slot(usize),
    /// A value with tag `Cell`.
    Cell(Value),
    Module(usize),
}

impl Frame {
    pub(super) fn new(unit: Rc<Unit>, func: FuncId, closure: Value) -> Frame {
        let slots = vec![Value::UNASSIGNED; unit.n_slots(func)];
        let (is_outside_functions, is_listed) = (false, false);
        Frame { unit, func, slots, closure, failed_at: None, is_outside_functions, is_listed }
    }

    /// Gives the error in `result` a position and remembers it for the traceback.
    #[inline]
    pub(super) fn at<T>(&mut self, span: Span, result: Result<T>) -> Eval<T> {
        result.map_err(|error| Stop::Raise(self.fail(span, error)))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, span: Span, mut error: Error) -> Error {
        self.failed_at.get_or_insert(span.start);
        let source = &self.unit.tree.source;
        error.locate(|| {
            let (line, column) = source.line_col(span.start);
            Rc::new(Position { file: source.name.clone(), line, column })
        });
        error
    }

    /// Adds the function to the traceback of an error that leaves it or that it catches, with the
    /// line at which the error surfaced in it.
    #[cold]
    pub(super) fn list_in(&mut self, error: &mut Error) {
        let failed_at = self.failed_at.take();
        if self.is_listed
            && let View::Function(function) = self.closure.view()
        {
            let line = self.unit.tree.source.line_col(failed_at.unwrap_or_default()).0;
            let code = function.code();
            let (name, file) = (code.info.listed_name(), code.file.clone());
            error.leave(Rc::new(TracedCall { name, file, line }));
        }
    }

    fn name(&self, var: VarId) -> &Arc<str> {
        &self.unit.var(var).name
    }

    /// Makes the variables of `block` new ones.
    pub(super) fn enter(&mut self, block: &Block) {
        let unit = self.unit.clone();
        let is_file = block.id == unit.tree.file.body.id;
        for &var in unit.resolved().vars_of_block(block.id) {
            match unit.var(var).storage {
                Storage::Module(_) if is_file => {}
                Storage::Module(slot) => unit.body.set(slot as usize, Value::UNASSIGNED),
                Storage::Register => self.slots[unit.slot(var)] = Value::UNASSIGNED,
                Storage::Cell | Storage::CapturedValue => {
                    self.slots[unit.slot(var)] = CellBody::make(Value::UNASSIGNED);
                }
            }
        }
    }

    /// Releases the variables of `block`; closures keep those they captured.
    pub(super) fn leave(&mut self, block: &Block) {
        let unit = &self.unit;
        for &var in unit.resolved().vars_of_block(block.id) {
            if !matches!(unit.var(var).storage, Storage::Module(_)) {
                self.slots[unit.slot(var)] = Value::UNASSIGNED;
            }
        }
    }

    /// The cell or plain content that stands for a variable that is not a module slot.
    fn holder(&self, var: VarId) -> &Value {
        const NOWHERE: &Value = &Value::UNASSIGNED;
        if self.unit.var(var).func == self.func {
            return &self.slots[self.unit.slot(var)];
        }
        let View::Function(function) = self.closure.view() else { return NOWHERE };
        let index = self.unit.capture(self.func, var);
        index.and_then(|index| function.upvalues().get(index)).unwrap_or(NOWHERE)
    }

    /// What a closure captures for `var`.
    pub(super) fn captured(&self, var: VarId) -> Value {
        self.holder(var).clone()
    }

    /// The content, which may be a marker.
    pub(super) fn content(&self, var: VarId) -> Value {
        if let Storage::Module(slot) = self.unit.var(var).storage {
            return self.unit.body.get(slot as usize);
        }
        let holder = self.holder(var);
        match holder.view() {
            View::Cell(cell) => cell.get(),
            _ => holder.clone(),
        }
    }

    /// The content for a program that reads the variable.
    pub(super) fn read(&self, var: VarId) -> Result<Value> {
        let content = self.content(var);
        match content.tag() {
            Tag::Unassigned => Err(undefined(self.name(var))),
            Tag::InUse => Err(in_use(self.name(var))),
            _ => Ok(content),
        }
    }

    pub(super) fn locate(&self, var: VarId) -> Location {
        if let Storage::Module(slot) = self.unit.var(var).storage {
            return Location::Module(slot as usize);
        }
        let holder = self.holder(var);
        match holder.tag() {
            Tag::Cell => Location::Cell(holder.clone()),
            _ => Location::Slot(self.unit.slot(var)),
        }
    }

    /// Puts `content` in a variable and returns what was there.
    pub(super) fn replace(&mut self, location: &Location, content: Value) -> Value {
        match location {
            Location::Slot(slot) => std::mem::replace(&mut self.slots[*slot], content),
            Location::Module(slot) => self.unit.body.replace(*slot, content),
            Location::Cell(cell) => match cell.view() {
                View::Cell(cell) => cell.replace(content),
                _ => Value::NULL,
            },
        }
    }

    /// Gives a variable its content without asking whether it is in use.
    pub(super) fn initialise(&mut self, var: VarId, content: Value) {
        let location = self.locate(var);
        self.replace(&location, content);
    }

    /// Empties a variable that holds a `self` which the call hands back; closures that captured
    /// it keep their copy.
    pub(super) fn release(&mut self, var: VarId) {
        if let Location::Slot(slot) = self.locate(var) {
            self.slots[slot] = Value::UNASSIGNED;
        }
    }

    /// Assigns a variable.
    pub(super) fn assign(&mut self, var: VarId, content: Value) -> Result<()> {
        let location = self.locate(var);
        let old = self.replace(&location, content);
        if old.tag() == Tag::InUse {
            self.replace(&location, old);
            return Err(in_use(self.name(var)));
        }
        Ok(())
    }

    /// Moves a variable's content out for a moment in which no program code runs, or until a
    /// mutating call ends; the variable is in use meanwhile.
    pub(super) fn take(&mut self, var: VarId, location: &Location) -> Result<Value> {
        let content = self.replace(location, Value::IN_USE);
        match content.tag() {
            Tag::Unassigned => {
                self.replace(location, content);
                Err(undefined(self.name(var)))
            }
            Tag::InUse => Err(in_use(self.name(var))),
            _ => Ok(content),
        }
    }
}

#[cold]
pub(super) fn undefined(name: &str) -> Error {
    Error::new(Kind::NameError, format!("Undefined variable: {name}"))
}

#[cold]
fn in_use(name: &str) -> Error {
    let message = format!("Variable is in use by a mutating call: {name}");
    Error::new(Kind::AccessError, message)
}
