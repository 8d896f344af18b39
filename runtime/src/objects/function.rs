//! Functions: shared code and the variables a closure captured.

use std::any::Any;
use std::ptr;
use std::sync::{Arc, LazyLock};

use crate::bytecode::FunctionProto;
use crate::bytecode::operand::Instr;
use crate::heap::{self, Header, Obj};
use crate::profile::Profile;
use crate::value::{Object, Tag, Value};

/// What functions without a name are called.
const ANONYMOUS: &str = "<anonymous function>";

/// How a function is displayed and called, the same on every engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionInfo {
    /// `None` for a function expression. Methods are `Struct.method`.
    pub name: Option<Arc<str>>,
    pub is_async: bool,
    pub is_generator: bool,
    /// Without `self`.
    pub n_required: u32,
    /// Required ones and those with defaults, without `self` and the rest parameter.
    pub n_params: u32,
    pub has_rest: bool,
    pub receiver: Receiver,
    /// Where the declaration begins, from 1; 0 for code that is in no file.
    pub line: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Receiver {
    /// Not a method.
    #[default]
    None,
    /// A method without `self`: it receives the instance and sees its fields as locals.
    Fields,
    SelfValue,
    MutSelf,
}

impl FunctionInfo {
    /// Registers that a call fills: the receiver, the parameters and the array of further
    /// arguments.
    pub fn n_args(&self) -> usize {
        let extra = usize::from(self.receiver != Receiver::None) + usize::from(self.has_rest);
        self.n_params as usize + extra
    }

    /// The name in arity errors, tracebacks and the depth limit's message.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(ANONYMOUS)
    }

    /// As [`FunctionInfo::display_name`], for a traceback to keep.
    pub fn listed_name(&self) -> Arc<str> {
        static UNNAMED: LazyLock<Arc<str>> = LazyLock::new(|| ANONYMOUS.into());
        self.name.as_ref().unwrap_or(&UNNAMED).clone()
    }
}

/// Code of a function as loaded into one isolate. It lives as long as the isolate.
pub struct FunctionCode {
    pub info: FunctionInfo,
    /// Bytecode with its constants turned into values; `None` on the tree engine.
    pub proto: Option<LoadedProto>,
    /// What the tree evaluator needs; `None` otherwise.
    pub tree: Option<Box<dyn Any>>,
    /// The file of the function, for tracebacks.
    pub file: Arc<str>,
    /// The module instance that the function belongs to; null for code outside a program.
    pub module: *const super::module::ModuleBody,
    /// Tells the function from others of its module, in every isolate.
    pub index: u32,
}

/// What a call and the interpreter loop need of a function, gathered in one place. Offsets are
/// part of the ABI of compiled code.
#[repr(C)]
pub struct CallInfo {
    /// The first instruction.
    pub code: *const Instr,
    /// The first constant.
    pub consts: *const Value,
    /// Address of the first feedback slot minus address of the first instruction.
    pub site_delta: isize,
    /// The first variable of the module.
    pub slots: *mut Value,
    pub profile: *const Profile,
    /// The number of arguments (with the receiver of a method) that fill the first registers
    /// as they are; `u32::MAX` for a function with defaults or a rest parameter.
    pub exact_args: u32,
    pub n_registers: u32,
}

/// A prototype with what belongs to one isolate.
#[repr(C)]
pub struct LoadedProto {
    pub call: CallInfo,
    pub proto: Arc<FunctionProto>,
    /// The constant pool as values.
    pub consts: Box<[Value]>,
    /// Functions nested in this one, by their index in the prototype.
    pub children: Box<[*const FunctionCode]>,
    /// The module instance whose slots `get_module` and `set_module` mean.
    pub module: *const super::module::ModuleBody,
}

/// A closure: code and captured variables (cells, or values copied at creation).
#[repr(C)]
pub struct Function {
    code: *const FunctionCode,
    n_upvalues: usize,
    upvalues: [Value; 0],
}

impl Object for Function {
    const TAG: Tag = Tag::Function;
}

/// Offsets in a function object (from the body) that compiled code reads.
pub mod offsets {
    use super::Function;
    pub const CODE: usize = std::mem::offset_of!(Function, code);
    pub const N_UPVALUES: usize = std::mem::offset_of!(Function, n_upvalues);
    pub const UPVALUES: usize = std::mem::offset_of!(Function, upvalues);
}

fn block_size(n_upvalues: usize) -> usize {
    size_of::<Obj<Function>>() + n_upvalues * size_of::<Value>()
}

impl Function {
    /// A closure of `code`; `fill` gives the captured variables in order.
    ///
    /// # Safety
    /// `code` must stay alive as long as any value of this isolate.
    pub unsafe fn make(
        code: *const FunctionCode,
        n_upvalues: usize,
        mut fill: impl FnMut(usize) -> Value,
    ) -> Value {
        let size = block_size(n_upvalues);
        let object = heap::allocate(size).cast::<Obj<Function>>().as_ptr();
        // SAFETY: the block has room for the header, the fixed part and the upvalues.
        unsafe {
            let header = Header::new(Tag::Function as u8, size);
            object.write(Obj { header, body: Function { code, n_upvalues, upvalues: [] } });
            let upvalues = (&raw mut (*object).body.upvalues).cast::<Value>();
            for i in 0..n_upvalues {
                upvalues.add(i).write(fill(i));
            }
            Value::from_parts(Tag::Function, object as u64)
        }
    }

    /// Size and header word of a closure for code that fills in the rest; `None` if the block is
    /// too large for that.
    pub fn layout(n_upvalues: usize) -> Option<(usize, u64)> {
        let size = block_size(n_upvalues);
        heap::header_word(Tag::Function, size).map(|word| (size, word))
    }

    /// A closure of code that is never freed; see [`Function::make`].
    pub fn make_static(
        code: &'static FunctionCode,
        n_upvalues: usize,
        fill: impl FnMut(usize) -> Value,
    ) -> Value {
        // SAFETY: the code outlives everything.
        unsafe { Function::make(code, n_upvalues, fill) }
    }

    /// # Safety
    /// `object` must be a function object that nobody uses any more.
    pub(crate) unsafe fn free(object: *mut Obj<Function>) {
        // SAFETY: the caller's promise; the upvalues are initialised and dropped once.
        unsafe {
            let n = (*object).body.n_upvalues;
            let upvalues = (&raw mut (*object).body.upvalues).cast::<Value>();
            ptr::drop_in_place(ptr::slice_from_raw_parts_mut(upvalues, n));
            heap::deallocate(object.cast(), block_size(n));
        }
    }

    #[inline(always)]
    pub fn code(&self) -> &FunctionCode {
        // SAFETY: code lives as long as the isolate (see `make`).
        unsafe { &*self.code }
    }

    /// The identity of the code, for call-site feedback.
    #[inline(always)]
    pub fn code_ptr(&self) -> *const FunctionCode {
        self.code
    }

    pub fn info(&self) -> &FunctionInfo {
        &self.code().info
    }

    #[inline(always)]
    pub fn upvalues(&self) -> &[Value] {
        // SAFETY: a function has `n_upvalues` values in line.
        unsafe { std::slice::from_raw_parts(self.upvalues.as_ptr(), self.n_upvalues) }
    }
}
