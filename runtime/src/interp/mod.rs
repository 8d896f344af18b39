//! The virtual machine.

/// The interpreter of one isolate.
pub struct Vm;
