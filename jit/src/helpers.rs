//! Routines that compiled code calls: a row each.
//!
//! All take and return 64-bit words. Routines that can end the function return [`abi::LEFT`] in
//! that case; the words to return are then at the start of the exit buffer.

use ruff_runtime::heap::{self, Obj};
use ruff_runtime::interp::{ChainShape, Stepped, Vm, closure_at, flags};
use ruff_runtime::limits::COLLECTION_LEN;
use ruff_runtime::mutant;
use ruff_runtime::objects::array::Array;
use ruff_runtime::objects::cell::CellBody;
use ruff_runtime::objects::function::{Function, FunctionCode};
use ruff_runtime::objects::generator::GeneratorBody;
use ruff_runtime::objects::structs::{Shape, Struct};
use ruff_runtime::tier::Status;
use ruff_runtime::value::{Tag, Value};

use crate::abi;
use crate::data_helpers;
use crate::exit::{self, EntryMeta, ExitMeta, FrameMeta};
use crate::ir::Form;

macro_rules! routines {
    ($($(#[$doc:meta])* $Name:ident = $function:path;)*) => {
        /// A routine of the compiler's runtime.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Routine { $($(#[$doc])* $Name,)* }

        impl Routine {
            /// Where it is.
            pub(crate) fn address(self) -> usize {
                match self { $(Routine::$Name => $function as *const () as usize,)* }
            }
        }
    };
}

routines! {
    /// `(slot)`: releases the value in a slot and leaves null.
    Release = release;
    /// `(slot, count)`: the same for a row of slots.
    ReleaseRow = release_row;
    /// `(slot, tag, payload)`: appends to the array in a slot; 1 if it declines.
    Push = push;
    /// `(shape, fields)`: an instance; takes the fields out of consecutive slots.
    NewStruct = new_struct;
    /// `(size)`: a block of the heap.
    Allocate = allocate;
    /// `(code, window, closure)`: a closure over a window.
    Closure = closure;
    /// `()`: a cell.
    NewCell = new_cell;
    /// `(slot)`: makes the slot the only owner of its struct.
    Unshare = unshare;
    /// `(tag, payload)`: releases a value.
    ReleasePair = data_helpers::release_pair;
    /// `(vm, base, frame, pc)`: one instruction straight on the window; the next pc, or
    /// [`abi::LEFT`] if an error is in the context.
    Direct = data_helpers::direct;
    /// `(code)`: an owned string of one character.
    CharObject = data_helpers::char_object;
    /// `(text)`: see [`crate::ir::Helper`], as for those that follow.
    TextData = data_helpers::text_data;
    TextEqual = data_helpers::text_equal;
    TextOrder = data_helpers::text_order;
    TextAppend = data_helpers::text_append;
    TextAppendChar = data_helpers::text_append_char;
    TextConcat = data_helpers::text_concat;
    UpdateIndex = data_helpers::update_index;
    StorePlace = data_helpers::store_place;
    UpdatePlace = data_helpers::update_place;
    LoadPlace = data_helpers::load_place;
    TakePlace = data_helpers::take_place;
    PutPlace = data_helpers::put_place;
    TakeLast = data_helpers::take_last;
    NewArray = data_helpers::new_array;
    NewUnboxed = data_helpers::new_unboxed;
    DictHasOwn = data_helpers::dict_has_own;
    Pop = data_helpers::pop;
    Length = data_helpers::length;
    DictFindInt = data_helpers::dict_find_int;
    DictFindText = data_helpers::dict_find_text;
    DictFindAny = data_helpers::dict_find_any;
    DictSetInt = data_helpers::dict_set_int;
    DictSetText = data_helpers::dict_set_text;
    /// `(vm, base, depth, frame, pc)`: one instruction through the interpreter; the next pc.
    Step = step;
    /// As `Step`; an error that a handler takes gives the handler's pc.
    StepCaught = step_caught;
    /// `(vm, base, depth, frame, pc)`: the pc of the handler that takes the error in the context.
    Catch = catch;
    /// `(vm, base, depth, exit)`: leaves.
    Exit = leave;
    /// `(vm, base, depth, frame, pc)`: the call at `pc` left an error in the context.
    Raised = raised;
    /// `(vm, payload, tag)`: a framed function returns this value.
    Leave = leave_frame;
    /// `(vm)`: takes the frame record of a call off, for the typed function; the depth, with a flag
    /// if a receiver is kept, or [`abi::LEFT`] if the frame must stay. A closure with captured
    /// variables goes to the slot below the window.
    Enter = enter;
    /// `(vm)`: what follows is the work of a native; 1 if the limit is reached.
    EnterBody = enter_body;
    /// `(vm)`: ends that.
    LeaveBody = leave_body;
    /// `(vm, base, depth, generator, exit)`: see [`exit::decline`].
    Decline = decline;
    /// `(vm, generator)`: the body has returned.
    EndGenerator = end_generator;
    /// `(vm, slot, shape, slots)`: takes a chain of lazy stages apart; 1 if it declines.
    OpenChain = open_chain;
    /// `(vm)`: ends that.
    LeaveChain = leave_chain;
    /// `(base, entry)`: a call has arguments of other types than the typed function takes.
    Miss = miss;
}

extern "C" fn release(slot: *mut Value) -> u64 {
    // SAFETY: compiled code passes the address of a register of its window.
    unsafe { drop((*slot).take()) };
    0
}

extern "C" fn release_row(first: *mut Value, count: u64) -> u64 {
    for i in 0..count as usize {
        // SAFETY: compiled code passes registers of its window.
        unsafe { drop((*first.add(i)).take()) };
    }
    0
}

extern "C" fn push(slot: *mut Value, tag: u64, payload: u64) -> u64 {
    // SAFETY: compiled code passes a register that holds an array (it checked the tag).
    let array = unsafe { &mut *slot };
    let Some(array) = array.make_mut::<Array>() else { return 1 };
    if array.len() >= COLLECTION_LEN {
        return 1;
    }
    // SAFETY: the words are those of a value whose count compiled code gives up.
    array.push(unsafe { exit::value_of(payload, tag) });
    0
}

extern "C" fn allocate(size: u64) -> u64 {
    heap::allocate_block(size as usize).as_ptr() as u64
}

extern "C" fn new_struct(shape: *const Shape, fields: *mut Value) -> u64 {
    // SAFETY: compiled code checked the declaration's shape, and passes as many registers.
    let instance = unsafe { Struct::make(&*shape, |slot| std::mem::take(&mut *fields.add(slot))) };
    std::mem::ManuallyDrop::new(instance).payload()
}

extern "C" fn closure(
    code: *const FunctionCode,
    window: *const Value,
    outer: *const Obj<Function>,
) -> u64 {
    // SAFETY: compiled code passes its own window and closure, and a function declared by it.
    let closure = unsafe { closure_at(code, window, outer) };
    std::mem::ManuallyDrop::new(closure).payload()
}

extern "C" fn new_cell() -> u64 {
    std::mem::ManuallyDrop::new(CellBody::make(Value::UNASSIGNED)).payload()
}

extern "C" fn unshare(slot: *mut Value) -> u64 {
    // SAFETY: compiled code passes a register that holds a struct (it checked the tag).
    let _ = unsafe { Struct::make_mut(&mut *slot) };
    0
}

extern "C" fn step(
    vm: *mut Vm,
    base: *mut Value,
    depth: u64,
    frame: *const FrameMeta,
    pc: u64,
) -> u64 {
    // SAFETY: compiled code passes its VM and its own frame's description.
    let (vm, frame) = unsafe { (&mut *vm, &*frame) };
    let index = pc as usize;
    if frame.form == Form::Framed {
        return match vm.step_one(index) {
            Stepped::Next(next) => next as u64,
            Stepped::Returned => {
                exit::put_status(vm, Status::Done);
                abi::LEFT
            }
            Stepped::Raised => {
                let status = vm.raise_at(index);
                exit::put_status(vm, status);
                abi::LEFT
            }
        };
    }
    let before = exit::push_record(vm, base, depth, frame);
    let status = match vm.step_one(index) {
        Stepped::Next(next) => {
            exit::drop_record(vm, before);
            return next as u64;
        }
        Stepped::Returned => Status::Done,
        Stepped::Raised => handle(vm, index),
    };
    vm.native.depth = before;
    exit::put_result(vm, frame.form, status);
    abi::LEFT
}

extern "C" fn step_caught(
    vm: *mut Vm,
    base: *mut Value,
    depth: u64,
    frame: *const FrameMeta,
    pc: u64,
) -> u64 {
    // SAFETY: compiled code passes its VM and its own frame's description.
    let (vm, frame) = unsafe { (&mut *vm, &*frame) };
    let before = (frame.form != Form::Framed).then(|| exit::push_record(vm, base, depth, frame));
    let status = match vm.step_one(pc as usize) {
        Stepped::Next(next) => {
            if let Some(before) = before {
                exit::drop_record(vm, before);
            }
            return next as u64;
        }
        Stepped::Returned => Status::Done,
        Stepped::Raised if mutant!("routine-pops-error") => Status::Done,
        Stepped::Raised => vm.raise_at(pc as usize),
    };
    after_raise(vm, (before, frame.form), status)
}

extern "C" fn catch(
    vm: *mut Vm,
    base: *mut Value,
    depth: u64,
    frame: *const FrameMeta,
    pc: u64,
) -> u64 {
    // SAFETY: compiled code passes its VM and its own frame's description.
    let (vm, frame) = unsafe { (&mut *vm, &*frame) };
    let root = frame.root();
    let before = (root.form != Form::Framed).then(|| exit::push_record(vm, base, depth, root));
    let pc = exit::leave_inlined(vm, base, frame, pc as u32);
    let status = vm.raise_at(pc as usize);
    after_raise(vm, (before, root.form), status)
}

/// The pc of the handler that the frame on top goes on at, or the function's end. The depth is
/// that to restore for a function without frame record.
fn after_raise(vm: &mut Vm, (before, form): (Option<u32>, Form), status: Status) -> u64 {
    if status == Status::Exited {
        // SAFETY: there is a frame on top, which stands at its handler.
        let handler = unsafe { (*vm.frame).index_before((*vm.frame).pc) + 1 };
        if let Some(before) = before {
            exit::drop_record(vm, before);
        }
        return handler as u64;
    }
    match before {
        Some(before) => {
            vm.native.depth = before;
            exit::put_result(vm, form, status);
        }
        None => exit::put_status(vm, status),
    }
    abi::LEFT
}

/// Lets the frame on top handle the error in the context and runs it to its end.
fn handle(vm: &mut Vm, index: usize) -> Status {
    match vm.raise_at(index) {
        Status::Exited => vm.resume(),
        status @ (Status::Done | Status::Raised) => status,
    }
}

extern "C" fn leave(vm: *mut Vm, base: *mut Value, depth: u64, meta: *const ExitMeta) -> u64 {
    // SAFETY: compiled code passes its VM, window and one of its own exits.
    unsafe { exit::leave(vm, base, depth, meta) };
    abi::LEFT
}

extern "C" fn raised(
    vm: *mut Vm,
    base: *mut Value,
    depth: u64,
    frame: *const FrameMeta,
    pc: u64,
) -> u64 {
    // SAFETY: compiled code passes its VM and its own frame's description.
    let (vm, frame) = unsafe { (&mut *vm, &*frame) };
    let root = frame.root();
    if root.form == Form::Framed {
        let pc = exit::leave_inlined(vm, base, frame, pc as u32);
        let status = vm.raise_at(pc as usize);
        exit::put_status(vm, status);
    } else {
        // SAFETY: as above.
        unsafe {
            exit::with_frame(vm, base, depth, root, |vm| {
                let pc = exit::leave_inlined(vm, base, frame, pc as u32);
                handle(vm, pc as usize)
            });
        }
    }
    abi::LEFT
}

extern "C" fn decline(
    vm: *mut Vm,
    base: *mut Value,
    depth: u64,
    generator: *const Obj<GeneratorBody>,
    meta: *const ExitMeta,
) -> u64 {
    // SAFETY: compiled code passes what it was called with and one of its own exits.
    unsafe { exit::decline(vm, base, depth, generator, meta) };
    abi::LEFT
}

extern "C" fn end_generator(vm: *mut Vm, generator: *const Obj<GeneratorBody>) -> u64 {
    // SAFETY: compiled code passes its VM and the generator whose body it is.
    unsafe { (*vm).end_running(generator) };
    0
}

extern "C" fn leave_frame(vm: *mut Vm, payload: u64, tag: u64) -> u64 {
    // SAFETY: compiled code passes its VM, whose frame on top is its own, and a value it owns.
    unsafe {
        (*vm).native.result = exit::value_of(payload, tag);
        (*vm).pop_frame();
    }
    0
}

extern "C" fn enter(vm: *mut Vm) -> u64 {
    // SAFETY: an entry runs with its own frame on top. The registers keep their values: only
    // the record and its count of the closure go.
    unsafe {
        let vm = &mut *vm;
        let frame = &*vm.frame;
        if frame.has(flags::HIDDEN) || !frame.has(flags::USER) {
            return abi::LEFT;
        }
        if exit::has_captures(&*frame.code) {
            let below = &mut *frame.base.sub(1);
            if below.is_heap() {
                // The receiver of a call of a field.
                return abi::LEFT;
            }
            *below = Value::from_parts(Tag::Function, frame.closure as u64);
        } else if !frame.closure.is_null() {
            drop(Value::from_parts(Tag::Function, frame.closure as u64));
        }
        let depth = vm.native.depth;
        let keep = u64::from(frame.has(flags::KEEP_RECEIVER)) << abi::KEEP_SHIFT;
        vm.frame = vm.frame.sub(1);
        vm.native.depth = depth - 1;
        u64::from(depth) | keep
    }
}

extern "C" fn enter_body(vm: *mut Vm) -> u64 {
    // SAFETY: compiled code passes its VM.
    u64::from(unsafe { !(*vm).enter_body() } && !mutant!("body-limit"))
}

extern "C" fn leave_body(vm: *mut Vm) -> u64 {
    // SAFETY: as above.
    unsafe { (*vm).leave_body() };
    0
}

extern "C" fn open_chain(
    vm: *mut Vm,
    slot: *mut Value,
    shape: *const ChainShape,
    into: *mut Value,
) -> u64 {
    // SAFETY: compiled code passes registers of its window, of which those at `into` are empty.
    u64::from(unsafe { !(*vm).open_chain(slot, &*shape, into) })
}

extern "C" fn leave_chain(vm: *mut Vm) -> u64 {
    // SAFETY: compiled code passes its VM.
    unsafe { (*vm).leave_chain() };
    0
}

extern "C" fn miss(base: *const Value, meta: *const EntryMeta) -> u64 {
    // SAFETY: the entry passes its window and its own description.
    unsafe { exit::count_miss(base, &*meta) };
    0
}
