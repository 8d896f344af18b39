//! The register stack and the frame stack: two reserved mappings that never move.
//!
//! Register windows overlap: arguments are placed where the callee's window starts. Slots above
//! the live frames never hold heap values, so entering a frame initialises nothing.

use memmap2::{MmapMut, MmapOptions};

use crate::bytecode::operand::Instr;
use crate::heap::Obj;
use crate::objects::function::{CallInfo, Function, FunctionCode, LoadedProto};
use crate::value::Value;

/// Bytes of address space reserved for registers; memory is used as far as it is touched.
const REGISTER_BYTES: usize = 1 << 30;
/// Tried in turn when the system refuses to reserve more.
const SMALLER_REGISTER_BYTES: [usize; 3] = [1 << 28, 1 << 26, 1 << 23];
/// Frames that do not count as calls of user functions: top levels of modules, tests.
const EXTRA_FRAMES: usize = 20_000;

/// Activation of a function. Offsets are part of the ABI of compiled code.
#[repr(C)]
pub struct Frame {
    /// Register 0.
    pub base: *mut Value,
    /// Where the frame goes on; up to date while it is not on top, or when compiled code runs.
    pub pc: *const Instr,
    pub code: *const FunctionCode,
    /// Owns a count of the closure that runs; null for top levels and tests.
    pub closure: *mut Obj<Function>,
    /// See [`flags`].
    pub flags: u64,
}

/// Flags of a [`Frame`].
pub mod flags {
    /// Its return leaves the interpreter loop (or compiled code) that it was entered from.
    pub const BOUNDARY: u64 = 1;
    /// Register 0 survives the frame: the receiver of a mutating call on a place.
    pub const KEEP_RECEIVER: u64 = 2;
    /// A call of a function: counts for the depth.
    pub const USER: u64 = 4;
    /// Not listed in tracebacks, although it is a call: the default of a struct's field.
    pub const HIDDEN: u64 = 8;
    /// The body of a generator; the slot below register 0 holds the generator.
    pub const GENERATOR: u64 = 16;
    /// What a native does, as bytecode: no call of a function; see `Vm::enter_body`.
    pub const BODY: u64 = 32;
    /// Such a body that is what ends a chain of lazy stages; see `Vm::open_chain`.
    pub const CHAIN: u64 = 64;
    /// Such a body that waits for an item of a generator, which is no callback.
    pub const REQUESTS: u64 = 128;
}

impl Frame {
    /// The prototype as loaded into this isolate.
    #[inline(always)]
    pub fn loaded(&self) -> &LoadedProto {
        // SAFETY: code lives as long as the isolate; frames of the VM run loaded prototypes.
        unsafe { loaded(self.code) }
    }

    #[inline(always)]
    pub fn call_info(&self) -> &CallInfo {
        &self.loaded().call
    }

    #[inline(always)]
    pub fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// The index of the instruction that `pc`, which stands behind it, belongs to.
    #[allow(clippy::not_unsafe_ptr_arg_deref, reason = "the pointer is compared, not read")]
    pub fn index_before(&self, pc: *const Instr) -> usize {
        // SAFETY: `pc` points into the frame's code or just behind it.
        let after = unsafe { pc.offset_from(self.call_info().code) };
        (after as usize).saturating_sub(1)
    }
}

/// The loaded prototype of a function of the VM.
///
/// # Safety
/// `code` must be live and belong to a function of the VM.
#[inline(always)]
pub(super) unsafe fn loaded<'a>(code: *const FunctionCode) -> &'a LoadedProto {
    // SAFETY: the caller's promise: functions of the VM have a loaded prototype.
    unsafe { (*code).proto.as_ref().unwrap_unchecked() }
}

/// The two mappings.
pub(super) struct Stacks {
    registers: MmapMut,
    frames: MmapMut,
    n_frames: usize,
}

impl Stacks {
    /// Reserves room for `call_depth` frames; `None` if the system refuses.
    pub(super) fn reserve(call_depth: u32) -> Option<Stacks> {
        let sizes = std::iter::once(REGISTER_BYTES).chain(SMALLER_REGISTER_BYTES);
        let registers = sizes.into_iter().find_map(map)?;
        Self::with_registers(registers, call_depth)
    }

    /// Further stacks for a task, with as many registers: compiled code relies on the room that
    /// the first ones have.
    pub(super) fn reserve_for_task(register_bytes: usize, call_depth: u32) -> Option<Stacks> {
        Self::with_registers(map(register_bytes)?, call_depth)
    }

    /// The size of the register stack.
    pub(super) fn register_bytes(&self) -> usize {
        self.registers.len()
    }

    fn with_registers(registers: MmapMut, call_depth: u32) -> Option<Stacks> {
        let n_frames = call_depth as usize + EXTRA_FRAMES;
        let frames = map(n_frames * size_of::<Frame>())?;
        Some(Stacks { registers, frames, n_frames })
    }

    /// Whether the stacks have room for so many registers and calls.
    pub(super) fn fits(&self, register_bytes: usize, call_depth: u32) -> bool {
        let n_frames = call_depth as usize + EXTRA_FRAMES;
        self.n_frames == n_frames && self.register_bytes() == register_bytes
    }

    /// Makes the frame without code at the bottom.
    pub(super) fn write_bottom(&mut self) -> *mut Frame {
        let frame = self.first_frame();
        // SAFETY: the mapping has room for the bottom frame.
        unsafe {
            frame.write(Frame {
                base: self.first_register(),
                pc: std::ptr::null(),
                code: std::ptr::null(),
                closure: std::ptr::null_mut(),
                flags: flags::BOUNDARY,
            });
        }
        frame
    }

    pub(super) fn first_register(&mut self) -> *mut Value {
        self.registers.as_mut_ptr().cast()
    }

    pub(super) fn register_limit(&mut self) -> *mut Value {
        let n = self.registers.len() / size_of::<Value>();
        self.first_register().wrapping_add(n)
    }

    pub(super) fn first_frame(&mut self) -> *mut Frame {
        self.frames.as_mut_ptr().cast()
    }

    pub(super) fn frame_limit(&mut self) -> *mut Frame {
        let n = self.n_frames;
        self.first_frame().wrapping_add(n)
    }
}

/// Fresh pages are zero, and a zero tag is null.
fn map(len: usize) -> Option<MmapMut> {
    MmapOptions::new().len(len).no_reserve_swap().map_anon().ok()
}
