//! The seam between the VM and a compiler of hot code.
//!
//! The VM counts hotness and asks the tier; the tier compiles (or declines) and installs entries
//! in the function's [`crate::profile::Profile`]. The VM then enters compiled code directly.
//! Compiled code never unwinds: it returns a [`Status`] and leaves result or error in the
//! [`crate::interp::NativeContext`].

use crate::interp::Vm;
use crate::objects::function::FunctionCode;

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
pub type Entry = unsafe extern "C" fn(vm: *mut Vm, base: *mut crate::value::Value) -> Status;

/// A compiler of hot code.
pub trait Tier {
    /// `code` has become hot. `header` is the pc of the hot `loop_header`, or `None` for a
    /// function that is called often. The tier installs entries in the profile, or declines and
    /// says so there; it is not asked again until the counter rises to the next threshold.
    fn tier_up(&mut self, vm: &mut Vm, code: &FunctionCode, header: Option<u32>);

    /// An interrupt was pending; the tier may have raised it because code that it compiles
    /// beside the program is ready to be installed.
    fn collect(&mut self, vm: &mut Vm);
}
