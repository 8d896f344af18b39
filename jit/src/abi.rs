//! Layouts of the runtime that compiled code relies on, in one place and checked.

use ruff_runtime::heap::{self, Header, Obj};
use ruff_runtime::interp::{Frame, NativeContext, Vm};
use ruff_runtime::objects::array::{self, Array};
use ruff_runtime::objects::cell::{self, CellBody};
use ruff_runtime::objects::dict::{self, Dict};
use ruff_runtime::objects::function::{self, Function, LoadedProto};
use ruff_runtime::objects::generator::{self, GeneratorBody};
use ruff_runtime::objects::string::{self, Str};
use ruff_runtime::objects::structs::{self, Struct};
use ruff_runtime::objects::tagged;
use ruff_runtime::tier::Answer;
use ruff_runtime::value::Value;

/// Bytes of a register.
pub const VALUE_SIZE: i32 = size_of::<Value>() as i32;
/// The tag word of a value.
pub const TAG_OFFSET: i32 = 0;
/// The payload word of a value.
pub const PAYLOAD_OFFSET: i32 = 8;

/// The reference count (32 bits) of an object.
pub const COUNT: i32 = 0;
/// The size class (16 bits), by which blocks are kept in the free lists; 0 is none of them.
pub const CLASS: i32 = heap::CLASS_OFFSET as i32;
/// The value of an `Ok`, `Err` or `Some`.
pub const WRAPPED: i32 = BODY as i32;
/// A count from which on an object is immortal.
pub const IMMORTAL: i64 = 1 << 31;

const BODY: usize = size_of::<Header>();
const TAGGED_BODY: usize = std::mem::offset_of!(Obj<tagged::Tagged>, body);
const DEF_BODY: usize = std::mem::offset_of!(Obj<structs::StructDef>, body);

pub const ARRAY_DATA: i32 = (BODY + array::offsets::DATA) as i32;
pub const ARRAY_LEN: i32 = (BODY + array::offsets::LEN) as i32;
pub const ARRAY_CAP: i32 = (BODY + array::offsets::CAP) as i32;
pub const ARRAY_KIND: i32 = (BODY + array::offsets::KIND) as i32;
pub const DICT_DATA: i32 = (BODY + dict::offsets::DATA) as i32;
pub const DICT_LEN: i32 = (BODY + dict::offsets::LEN) as i32;
/// The length in characters (32 bits) of a string; right once it was asked for.
pub const TEXT_LEN: i32 = (BODY + string::offsets::N_CHARS) as i32;
/// Whether a string is the only one of its text that has this mark (8 bits).
pub const TEXT_IS_INTERNED: i32 = (BODY + string::offsets::IS_INTERNED) as i32;
pub const FUNCTION_CODE: i32 = (BODY + function::offsets::CODE) as i32;

pub const FUNCTION_N_UPVALUES: i32 = (BODY + function::offsets::N_UPVALUES) as i32;
pub const FUNCTION_UPVALUES: i32 = (BODY + function::offsets::UPVALUES) as i32;
pub const CELL_CONTENT: i32 =
    (std::mem::offset_of!(Obj<CellBody>, body) + cell::CONTENT_OFFSET) as i32;
pub const STRUCT_SHAPE: i32 = (BODY + structs::offsets::SHAPE) as i32;
pub const STRUCT_FIELDS: i32 = (BODY + structs::offsets::FIELDS) as i32;
pub const SHAPE_ID: i32 = structs::offsets::SHAPE_ID as i32;
pub const TAGGED_VARIANT: i32 = (TAGGED_BODY + tagged::offsets::VARIANT) as i32;
pub const TAGGED_N: i32 = (TAGGED_BODY + tagged::offsets::N) as i32;
pub const TAGGED_PAYLOAD: i32 = (TAGGED_BODY + tagged::offsets::PAYLOAD) as i32;
pub const SHAPE_N_FIELDS: i32 = structs::offsets::SHAPE_N_FIELDS as i32;
pub const SHAPE_DEF: i32 = structs::offsets::SHAPE_DEF as i32;
pub const DEF_BASE_SHAPE: i32 = (DEF_BODY + structs::offsets::DEF_BASE) as i32;
pub const DEF_DECL_ID: i32 = (DEF_BODY + structs::offsets::DEF_DECL_ID) as i32;
pub const DEF_HAS_OPERATORS: i32 = (DEF_BODY + structs::offsets::DEF_HAS_OPERATORS) as i32;

/// In the free lists.
pub const LIVE_OBJECTS: i32 = heap::LIVE_OFFSET as i32;

const GENERATOR_BODY: usize = std::mem::offset_of!(Obj<GeneratorBody>, body);
pub const GENERATOR_PROGRESS: i32 = (GENERATOR_BODY + generator::offsets::PROGRESS) as i32;
pub const GENERATOR_IS_TIDY: i32 = (GENERATOR_BODY + generator::offsets::IS_TIDY) as i32;
pub const GENERATOR_ENTRIES: i32 = (GENERATOR_BODY + generator::offsets::ENTRIES) as i32;
pub const GENERATOR_PC: i32 = (GENERATOR_BODY + generator::offsets::PC) as i32;
pub const GENERATOR_CLOSURE: i32 = (GENERATOR_BODY + generator::offsets::CLOSURE) as i32;
pub const GENERATOR_REGISTERS: i32 = (GENERATOR_BODY + generator::offsets::REGISTERS) as i32;

/// In the context, which is the first field of the VM.
pub const CONTEXT_NESTED: i32 = std::mem::offset_of!(NativeContext, nested) as i32;
pub const CONTEXT_NESTED_LIMIT: i32 = std::mem::offset_of!(NativeContext, nested_limit) as i32;
pub const CONTEXT_DEPTH: i32 = std::mem::offset_of!(NativeContext, depth) as i32;
pub const CONTEXT_DEPTH_LIMIT: i32 = std::mem::offset_of!(NativeContext, depth_limit) as i32;
pub const CONTEXT_INTERRUPT: i32 = std::mem::offset_of!(NativeContext, interrupt) as i32;
pub const CONTEXT_STACK_LIMIT: i32 = std::mem::offset_of!(NativeContext, stack_limit) as i32;
/// In the VM.
pub const VM_FRAME: i32 = std::mem::offset_of!(Vm, frame) as i32;
/// In a frame.
pub const FRAME_CLOSURE: i32 = std::mem::offset_of!(Frame, closure) as i32;
pub const CONTEXT_RESULT: i32 = std::mem::offset_of!(NativeContext, result) as i32;
pub const CONTEXT_DEOPT: i32 = std::mem::offset_of!(NativeContext, deopt) as i32;

/// The tag word with which a compiled function says that the error is in the context.
pub const RAISED: u64 = Answer::RAISED;
/// The tag word with which a compiled body says that its generator has ended.
pub const ENDED: u64 = Answer::ENDED;
/// The bit of a depth word that says that the receiver of a method is kept.
pub const KEEP_SHIFT: u32 = 40;
/// What looking up a value that cannot be a key gives.
pub const NO_KEY: u64 = 1;
/// What a helper returns instead of a pc when the function is to return at once; the words to
/// return are then the first two of the exit buffer.
pub const LEFT: u64 = u64::MAX;

const _: () = {
    assert!(size_of::<Value>() == 16 && align_of::<Value>() == 8);
    assert!(std::mem::offset_of!(Obj<Array>, body) == BODY);
    assert!(std::mem::offset_of!(Obj<Dict>, body) == BODY);
    assert!(std::mem::offset_of!(Obj<Function>, body) == BODY);
    assert!(std::mem::offset_of!(Obj<Struct>, body) == BODY);
    assert!(std::mem::offset_of!(Obj<Str>, body) == BODY);
};

/// The address of a module variable of the function's module.
pub fn module_slot(loaded: &LoadedProto, slot: u16) -> Option<*const Value> {
    if loaded.module.is_null() {
        return None;
    }
    // SAFETY: modules live as long as the isolate; code of the isolate points to them.
    let module = unsafe { &*loaded.module };
    let is_inside = (slot as usize) < module.n_slots();
    is_inside.then(|| module.base_ptr().wrapping_add(slot as usize).cast_const())
}
