//! Handlers of moves, constants and other instructions that compute nothing.

use super::Vm;
use super::machine::{Machine, Step};
use crate::bytecode::ops;
use crate::error::{Error, Kind};
use crate::natives;
use crate::semantics::index;
use crate::value::{Tag, Value, View};

impl Machine {
    #[inline(always)]
    pub(super) fn mov(&mut self, op: ops::Mov) -> Step {
        let value = self.value(op.src);
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn load_const(&mut self, op: ops::LoadConst) -> Step {
        let value = self.konst(op.value.idx()).clone();
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn load_int(&mut self, op: ops::LoadInt) -> Step {
        self.set(op.dst.idx(), Value::int(i64::from(op.value.0)));
        Ok(())
    }

    #[inline(always)]
    pub(super) fn load_null(&mut self, op: ops::LoadNull) -> Step {
        self.set(op.dst.idx(), Value::NULL);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn load_bool(&mut self, op: ops::LoadBool) -> Step {
        self.set(op.dst.idx(), Value::bool(op.value.0 != 0));
        Ok(())
    }

    #[inline(always)]
    pub(super) fn load_unassigned(&mut self, op: ops::LoadUnassigned) -> Step {
        self.set(op.dst.idx(), Value::UNASSIGNED);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn load_builtin(&mut self, op: ops::LoadBuiltin) -> Step {
        let name = self.konst(op.name.idx()).clone();
        let builtin = self.vm().builtin(&name);
        let value = self.checked(builtin)?;
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn clear(&mut self, op: ops::Clear) -> Step {
        self.set(op.reg.idx(), Value::NULL);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn check_assigned(&mut self, op: ops::CheckAssigned) -> Step {
        if self.tag(op.src.idx()) == Tag::Unassigned {
            let error = undefined(self.konst(op.name.idx()));
            return Err(self.raise(error));
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn fail(&mut self, op: ops::Fail) -> Step {
        let error = failure(op.kind.idx(), self.konst(op.message.idx()));
        Err(self.raise(error))
    }
}

impl Vm {
    #[inline(never)]
    fn builtin(&mut self, name: &Value) -> Result<Value, Error> {
        let text = text_of(name);
        natives::global(text, &self.isolate).ok_or_else(|| index::undefined_variable(text))
    }
}

/// The text of a name constant.
pub(super) fn text_of(name: &Value) -> &str {
    match name.view() {
        View::Str(text) => text.as_str(),
        _ => "",
    }
}

#[cold]
pub(super) fn undefined(name: &Value) -> Error {
    index::undefined_variable(text_of(name))
}

#[cold]
fn failure(kind: usize, message: &Value) -> Error {
    let kind = Kind::ALL.get(kind).copied().unwrap_or(Kind::TypeError);
    Error::new(kind, text_of(message))
}
