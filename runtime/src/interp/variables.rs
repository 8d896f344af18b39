//! Handlers of captured variables and module variables.

use super::Vm;
use super::calls::unreadable;
use super::machine::{Machine, Step, Stop, body};
use super::moves::text_of;
use super::stack::Frame;
use crate::bytecode::Capture;
use crate::bytecode::operand::{Root, RootKind};
use crate::bytecode::ops;
use crate::heap::Obj;
use crate::objects::cell::CellBody;
use crate::objects::function::{Function, FunctionCode};
use crate::semantics::index;
use crate::value::{Tag, Value};

impl Frame {
    /// A captured variable of the running closure: a cell or a copied value.
    #[inline(always)]
    fn upvalue(&self, index: usize) -> &Value {
        // SAFETY: the verifier bounds the index by the captures; the frame owns its closure.
        unsafe { (*self.closure).body.upvalues().get_unchecked(index) }
    }
}

impl Vm {
    /// A closure of `code` over the frame on top.
    #[inline(never)]
    pub(super) fn make_closure(&mut self, code: *const FunctionCode) -> Value {
        // SAFETY: there is a frame on top, which runs the function that declares this one.
        unsafe { closure_at(code, (*self.frame).base, (*self.frame).closure) }
    }
}

/// A closure of `code` declared by the function whose window is at `base` and which runs as
/// `outer`.
///
/// # Safety
/// The window and the closure (which may be null if nothing is captured from it) must be those of
/// a live frame of the function that declares this one.
pub unsafe fn closure_at(
    code: *const FunctionCode,
    base: *const Value,
    outer: *const Obj<Function>,
) -> Value {
    // SAFETY: the verifier bounds captures by the registers and captured variables of the
    // declaring function; code lives as long as the isolate.
    unsafe {
        let captures = &super::stack::loaded(code).proto.captures;
        Function::make(code, captures.len(), |i| match captures[i] {
            Capture::Register(reg) => (*base.add(reg.into())).clone(),
            Capture::Upvalue(upvalue) => {
                (&(*outer).body).upvalues().get_unchecked(usize::from(upvalue)).clone()
            }
        })
    }
}

impl Machine {
    #[inline(always)]
    pub(super) fn closure(&mut self, op: ops::Closure) -> Step {
        let code = self.frame().loaded().children[op.proto.idx()];
        let closure = self.vm().make_closure(code);
        self.set(op.dst.idx(), closure);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn new_cell(&mut self, op: ops::NewCell) -> Step {
        self.set(op.dst.idx(), new_cell());
        Ok(())
    }

    /// The cell in a register.
    #[inline(always)]
    pub(super) fn cell(&self, reg: usize) -> &CellBody {
        debug_assert_eq!(self.tag(reg), Tag::Cell, "the compiler keeps a cell here");
        // SAFETY: the compiler keeps a cell in registers that cell instructions name.
        unsafe { body(self.reg(reg)) }
    }

    /// The cell in a captured variable.
    #[inline(always)]
    pub(super) fn upvalue_cell(&self, index: usize) -> &CellBody {
        let upvalue = self.frame().upvalue(index);
        debug_assert_eq!(upvalue.tag(), Tag::Cell, "the compiler captured a cell here");
        // SAFETY: as in `cell`.
        unsafe { body(upvalue) }
    }

    #[inline(always)]
    pub(super) fn get_cell(&mut self, op: ops::GetCell) -> Step {
        let content = self.cell(op.cell.idx()).get();
        if matches!(content.tag(), Tag::Unassigned | Tag::InUse) {
            let error = unreadable(content.tag(), text_of(self.konst(op.name.idx())));
            return Err(self.raise(error));
        }
        self.set(op.dst.idx(), content);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn set_cell(&mut self, op: ops::SetCell) -> Step {
        if self.cell(op.cell.idx()).tag() == Tag::InUse {
            let error = index::variable_in_use(text_of(self.konst(op.name.idx())));
            return Err(self.raise(error));
        }
        let value = self.value(op.src);
        self.cell(op.cell.idx()).set(value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get_captured(&mut self, op: ops::GetCaptured) -> Step {
        let value = self.frame().upvalue(op.upvalue.idx()).clone();
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get_upvalue(&mut self, op: ops::GetUpvalue) -> Step {
        let content = self.upvalue_cell(op.upvalue.idx()).get();
        if matches!(content.tag(), Tag::Unassigned | Tag::InUse) {
            let error = unreadable(content.tag(), &self.frame().upvalue_name(op.upvalue.idx()));
            return Err(self.raise(error));
        }
        self.set(op.dst.idx(), content);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn set_upvalue(&mut self, op: ops::SetUpvalue) -> Step {
        if self.upvalue_cell(op.upvalue.idx()).tag() == Tag::InUse {
            let error = index::variable_in_use(&self.frame().upvalue_name(op.upvalue.idx()));
            return Err(self.raise(error));
        }
        let value = self.value(op.src);
        self.upvalue_cell(op.upvalue.idx()).set(value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get_module(&mut self, op: ops::GetModule) -> Step {
        let content = self.read_slot(op.slot.idx())?;
        self.set(op.dst.idx(), content);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn set_module(&mut self, op: ops::SetModule) -> Step {
        let slot = self.module_slot(op.slot.idx());
        // SAFETY: module slots live as long as the isolate.
        if unsafe { (*slot).tag() } == Tag::InUse {
            let error = index::variable_in_use(&self.frame().slot_name(op.slot.idx()));
            return Err(self.raise(error));
        }
        let value = self.value(op.src);
        // SAFETY: as above; the old content is dropped after the slot has its new one, since
        // dropping could free a large graph but never runs user code.
        unsafe { *slot = value };
        Ok(())
    }

    #[inline(always)]
    pub(super) fn take_root(&mut self, op: ops::TakeRoot) -> Step {
        let content = self.take_root_slow(op.root)?;
        self.set(op.dst.idx(), content);
        Ok(())
    }

    #[inline(never)]
    fn take_root_slow(mut self, root: Root) -> Result<Value, Stop> {
        self.check_root(root)?;
        Ok(self.swap_root(root, Value::IN_USE))
    }

    #[inline(always)]
    pub(super) fn put_root(&mut self, op: ops::PutRoot) -> Step {
        self.put_root_slow(op)
    }

    #[inline(never)]
    fn put_root_slow(mut self, op: ops::PutRoot) -> Step {
        let value = self.value(op.src);
        drop(self.swap_root(op.root, value));
        Ok(())
    }

    /// Replaces the content of a root variable.
    pub(super) fn swap_root(&mut self, root: Root, content: Value) -> Value {
        match root.kind {
            RootKind::Register => std::mem::replace(self.reg_mut(root.idx()), content),
            RootKind::Cell => self.cell(root.idx()).replace(content),
            RootKind::Upvalue => self.upvalue_cell(root.idx()).replace(content),
            // SAFETY: module slots live as long as the isolate.
            RootKind::Module => unsafe {
                std::mem::replace(&mut *self.module_slot(root.idx()), content)
            },
        }
    }

    /// The tag of a root variable's content.
    fn root_tag(&self, root: Root) -> Tag {
        match root.kind {
            RootKind::Register => self.tag(root.idx()),
            RootKind::Cell => self.cell(root.idx()).tag(),
            RootKind::Upvalue => self.upvalue_cell(root.idx()).tag(),
            // SAFETY: module slots live as long as the isolate.
            RootKind::Module => unsafe { (*self.module_slot(root.idx())).tag() },
        }
    }

    /// Raises if a root variable is unassigned or in use.
    pub(super) fn check_root(&mut self, root: Root) -> Step {
        let tag = self.root_tag(root);
        if !matches!(tag, Tag::Unassigned | Tag::InUse) {
            return Ok(());
        }
        let error = unreadable(tag, &self.root_name(root));
        Err(self.raise(error))
    }

    /// The name of a root variable that can be unassigned or in use.
    fn root_name(&self, root: Root) -> String {
        let frame = self.frame();
        match root.kind {
            RootKind::Upvalue => frame.upvalue_name(root.idx()),
            RootKind::Module => frame.slot_name(root.idx()),
            RootKind::Register | RootKind::Cell => {
                let wanted = Capture::Register(root.index);
                let children = &frame.loaded().proto.children;
                let name = children.iter().find_map(|child| {
                    let at = child.captures.iter().position(|capture| *capture == wanted)?;
                    child.upvalue_names.get(at)
                });
                name.map(|name| (**name).into()).unwrap_or_default()
            }
        }
    }
}

#[inline(never)]
fn new_cell() -> Value {
    CellBody::make(Value::UNASSIGNED)
}
