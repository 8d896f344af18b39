//! Generators: the suspended call of a generator function.
//!
//! The VM keeps the frame here (its registers and where it goes on) and moves it onto its stacks
//! for each request; the tree evaluator keeps a coroutine. Resuming is `Host::resume_generator`.

use std::any::Any;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::ptr;

use super::function::{Function, FunctionCode, FunctionInfo};
use crate::bytecode::operand::Instr;
use crate::heap::{Obj, Ref};
use crate::value::{Object, Tag, Value};

/// Where a generator stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Not started yet, or at a `yield`.
    Suspended,
    /// A request is being answered.
    Running,
    /// It has ended, for good.
    Exhausted,
    /// It belongs to another thread.
    Foreign,
}

/// A generator.
pub struct GeneratorBody {
    pub progress: Cell<Progress>,
    code: *const FunctionCode,
    /// The frame on the VM.
    frame: UnsafeCell<SavedFrame>,
    /// The coroutine on other engines.
    pub coroutine: RefCell<Option<Box<dyn Any>>>,
    /// What stands for the code of a generator of another thread.
    _stand_in: Option<Box<FunctionCode>>,
}

impl Object for GeneratorBody {
    const TAG: Tag = Tag::Generator;
}

/// A frame of the VM while it is not on its stacks.
pub struct SavedFrame {
    pub code: *const FunctionCode,
    /// Owns a count unless it is null.
    pub closure: *mut Obj<Function>,
    /// The next instruction.
    pub pc: *const Instr,
    /// The whole window; nulls while the frame is on the stacks.
    pub registers: Box<[Value]>,
}

impl SavedFrame {
    fn none() -> SavedFrame {
        let (code, pc) = (ptr::null(), ptr::null());
        SavedFrame { code, closure: ptr::null_mut(), pc, registers: Box::default() }
    }
}

impl Drop for SavedFrame {
    fn drop(&mut self) {
        if !self.closure.is_null() {
            // SAFETY: the frame owns one count of the function.
            drop(unsafe { Value::from_parts(Tag::Function, self.closure as u64) });
        }
    }
}

impl GeneratorBody {
    fn make(
        code: *const FunctionCode,
        progress: Progress,
        frame: SavedFrame,
    ) -> Ref<GeneratorBody> {
        Ref::new(GeneratorBody {
            progress: Cell::new(progress),
            code,
            frame: UnsafeCell::new(frame),
            coroutine: RefCell::new(None),
            _stand_in: None,
        })
    }

    /// What another thread sees of a generator: how it is displayed.
    pub fn foreign(info: FunctionInfo) -> Value {
        let code = Box::new(FunctionCode {
            info,
            proto: None,
            tree: None,
            file: "".into(),
            module: ptr::null(),
            index: 0,
        });
        Value::from_ref(Ref::new(GeneratorBody {
            progress: Cell::new(Progress::Foreign),
            code: &raw const *code,
            frame: UnsafeCell::new(SavedFrame::none()),
            coroutine: RefCell::new(None),
            _stand_in: Some(code),
        }))
    }

    /// A generator of the VM.
    pub fn of_frame(frame: SavedFrame) -> Value {
        Value::from_ref(Self::make(frame.code, Progress::Suspended, frame))
    }

    /// A generator of an engine with coroutines.
    pub fn of_coroutine(function: &Function, coroutine: Box<dyn Any>) -> Value {
        let body = Self::make(function.code_ptr(), Progress::Suspended, SavedFrame::none());
        *body.coroutine.borrow_mut() = Some(coroutine);
        Value::from_ref(body)
    }

    /// How its function is displayed and called.
    pub fn info(&self) -> &FunctionInfo {
        // SAFETY: code lives as long as the isolate.
        unsafe { &(*self.code).info }
    }

    pub fn is_exhausted(&self) -> bool {
        self.progress.get() == Progress::Exhausted
    }

    /// The saved frame.
    #[inline(always)]
    pub fn frame(&self) -> *mut SavedFrame {
        self.frame.get()
    }

    /// Calls `f` with every value that the suspended frame holds.
    pub fn each_value(&self, f: &mut dyn FnMut(&Value)) {
        if self.progress.get() != Progress::Suspended {
            return;
        }
        // SAFETY: a suspended frame is changed by nobody while values are looked at.
        let frame = unsafe { &*self.frame.get() };
        frame.registers.iter().for_each(&mut *f);
        if !frame.closure.is_null() {
            let closure = frame.closure as u64;
            // SAFETY: the frame owns a count, which the value must not give back.
            let value = unsafe { Value::from_parts(Tag::Function, closure) };
            f(&std::mem::ManuallyDrop::new(value));
        }
    }
}
