//! The seam between the VM and a compiler of hot code.
//!
//! The VM counts hotness and asks the tier; the tier compiles (or declines) and installs entries
//! in the function's [`crate::profile::Profile`]. The VM then enters compiled code directly.
//! Compiled code never unwinds: it returns a [`Status`] and leaves result or error in the
//! [`crate::interp::NativeContext`].

use crate::bytecode::operand::Instr;
use crate::heap::Obj;
use crate::interp::Vm;
use crate::objects::function::{FunctionCode, LoadedProto};
use crate::objects::generator::GeneratorBody;
use crate::value::Value;

/// How compiled code (or a helper) ended.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The result is in the context.
    Done = 0,
    /// The error is in the context.
    Raised = 1,
    /// Only from an [`Entry`]: compiled code was left by an exit. The frame on top of the frame
    /// stack is rebuilt (its `pc` says where to go on) and the interpreter continues it.
    Exited = 2,
}

/// Entry of compiled code for a whole call or for a loop header: the frame's window is at
/// `base`, its frame record is on top of the VM's frame stack; when it returns, the frame has
/// been popped and its registers released, as after `ret` (or, for [`Status::Raised`], as after
/// unwinding; the error's trace has the function's entry). See `interp::Vm::pop_frame` and
/// `interp::Vm::leave_raised`.
pub type Entry = unsafe extern "C" fn(vm: *mut Vm, base: *mut Value) -> Status;

/// The answer of a generator to a request: the words of a value, which the caller owns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub payload: u64,
    pub tag: u64,
}

impl Answer {
    /// The tag word that says that the generator has ended.
    pub const ENDED: u64 = 254;
    /// The tag word that says that the error is in the context.
    pub const RAISED: u64 = 255;

    /// An answer without value.
    pub fn special(tag: u64) -> Answer {
        Answer { payload: 0, tag }
    }
}

/// What answers a request to a generator, as far as its body is compiled. The slot below
/// `window`, and all from there on, are free; `depth` is the number of active calls with this one.
/// The generator is borrowed. Limits of the depth and of the stack have been checked, all else is
/// not.
pub type Resume = unsafe extern "C" fn(
    vm: *mut Vm,
    window: *mut Value,
    depth: u64,
    generator: *const Obj<GeneratorBody>,
) -> Answer;

/// The bit in the `header` given to [`Tier::tier_up`] that says that it is the pc where a generator
/// goes on; the frame on top then has its registers.
pub const RESUMPTION: u32 = 1 << 31;

/// A compiler of hot code.
pub trait Tier {
    /// `code` has become hot. `header` is the pc of the hot `loop_header`, or `None` for a
    /// function that is called often. The tier installs entries in the profile, or declines and
    /// says so there; it is not asked again until the counter rises to the next threshold.
    fn tier_up(&mut self, vm: &mut Vm, code: &FunctionCode, header: Option<u32>);

    /// The bytecode of the method of a name, called with so many arguments at an instruction of
    /// `caller`, that ends the chain of lazy stages noted there; none if it has no such form. It
    /// lives as long as the tier.
    fn chain_body(
        &mut self,
        vm: &Vm,
        call: (&LoadedProto, *const Instr),
        method: (&str, u8),
    ) -> Option<*const FunctionCode>;

    /// An interrupt was pending; the tier may have raised it because code that it compiles
    /// beside the program is ready to be installed.
    fn collect(&mut self, vm: &mut Vm);
}
