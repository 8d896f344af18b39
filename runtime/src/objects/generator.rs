//! Generators: the suspended call of a generator function.
//!
//! The VM keeps the frame here (its registers and where it goes on) and moves it onto its stacks
//! for each request; the tree evaluator keeps a coroutine. Resuming is `Host::resume_generator`.

use std::any::Any;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::function::{Function, FunctionCode, FunctionInfo};
use crate::bytecode::operand::Instr;
use crate::heap::{Obj, Ref};
use crate::tier::Resume;
use crate::value::{Object, Tag, Value};

/// Where a generator stands; compiled code reads and writes it.
#[repr(u8)]
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
    /// Registers that are dead where the frame goes on own nothing.
    pub is_tidy: Cell<bool>,
    /// From the address of an instruction to that of the entry which goes on there.
    entries: isize,
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

/// Offsets for compiled code.
pub mod offsets {
    use super::{GeneratorBody, SavedFrame};
    use std::mem::offset_of;

    pub const PROGRESS: usize = offset_of!(GeneratorBody, progress);
    pub const IS_TIDY: usize = offset_of!(GeneratorBody, is_tidy);
    pub const ENTRIES: usize = offset_of!(GeneratorBody, entries);
    const FRAME: usize = offset_of!(GeneratorBody, frame);
    pub const PC: usize = FRAME + offset_of!(SavedFrame, pc);
    pub const CLOSURE: usize = FRAME + offset_of!(SavedFrame, closure);
    pub const REGISTERS: usize = FRAME + offset_of!(SavedFrame, first);
}

/// A frame of the VM while it is not on its stacks.
pub struct SavedFrame {
    pub code: *const FunctionCode,
    /// Owns a count unless it is null.
    pub closure: *mut Obj<Function>,
    /// The next instruction.
    pub pc: *const Instr,
    /// The address of the first register.
    first: *mut Value,
    /// The whole window. While the frame is on the stacks it owns nothing: nulls, or bits that
    /// compiled code has left behind.
    registers: Box<[ManuallyDrop<Value>]>,
}

impl SavedFrame {
    fn none() -> SavedFrame {
        Self::new(ptr::null(), ptr::null_mut(), ptr::null(), Vec::new())
    }

    /// A frame at `pc` with these registers.
    pub fn new(
        code: *const FunctionCode,
        closure: *mut Obj<Function>,
        pc: *const Instr,
        registers: Vec<ManuallyDrop<Value>>,
    ) -> SavedFrame {
        let mut registers = registers.into_boxed_slice();
        SavedFrame { code, closure, pc, first: registers.as_mut_ptr().cast(), registers }
    }

    /// The number of registers.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.registers.len()
    }

    /// Whether there are no registers.
    pub fn is_empty(&self) -> bool {
        self.registers.is_empty()
    }

    /// The first register.
    #[inline(always)]
    pub fn registers(&self) -> *mut Value {
        self.first
    }
}

impl Drop for GeneratorBody {
    fn drop(&mut self) {
        if self.progress.get() == Progress::Suspended {
            let frame = self.frame.get_mut();
            // SAFETY: the registers of a suspended frame are values that it owns.
            frame.registers.iter_mut().for_each(|slot| unsafe { ManuallyDrop::drop(slot) });
        }
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
            is_tidy: Cell::new(false),
            entries: 0,
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
            is_tidy: Cell::new(false),
            entries: 0,
            code: &raw const *code,
            frame: UnsafeCell::new(SavedFrame::none()),
            coroutine: RefCell::new(None),
            _stand_in: Some(code),
        }))
    }

    /// A generator of the VM; `entries` leads from its instructions to those of
    /// [`crate::profile::Profile::resumptions`].
    pub fn of_frame(frame: SavedFrame, entries: isize) -> Value {
        // An argument that the body never reads is dead from the start.
        let is_tidy = !frame.registers.iter().any(|value| value.is_heap());
        Value::from_ref(Ref::new(GeneratorBody {
            progress: Cell::new(Progress::Suspended),
            is_tidy: Cell::new(is_tidy),
            entries,
            code: frame.code,
            frame: UnsafeCell::new(frame),
            coroutine: RefCell::new(None),
            _stand_in: None,
        }))
    }

    /// The entry that goes on where the frame of a generator of the VM stands.
    #[inline(always)]
    pub fn entry(&self) -> Resume {
        // SAFETY: there is an entry for each instruction, at the same distance, and each is a
        // function of this type.
        unsafe {
            let pc = (*self.frame.get()).pc.cast::<u8>();
            let entry = pc.offset(self.entries).cast::<AtomicPtr<()>>();
            std::mem::transmute::<*mut (), Resume>((*entry).load(Ordering::Acquire))
        }
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
        frame.registers.iter().for_each(|slot| f(slot));
        if !frame.closure.is_null() {
            let closure = frame.closure as u64;
            // SAFETY: the frame owns a count, which the value must not give back.
            let value = unsafe { Value::from_parts(Tag::Function, closure) };
            f(&ManuallyDrop::new(value));
        }
    }
}
