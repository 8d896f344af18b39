//! The compiler of hot code: bytecode and feedback to native code, through Cranelift.
//!
//! The crate implements [`ruff_runtime::tier::Tier`]. It may refuse a function, and then the
//! interpreter goes on with it; it never differs from the interpreter.
//! Start reading at [`pipeline`], then `build` (bytecode to IR), `lower` (IR to CLIF), `exit`.

#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "layouts and raw addresses of the runtime")]
pub mod abi;
#[allow(unsafe_code, reason = "instruction caches")]
mod arch;
pub mod bailout;
#[allow(unsafe_code, reason = "layouts and raw addresses of the runtime")]
pub mod bodies;
#[allow(unsafe_code, reason = "reads module variables at their address")]
pub mod build;
#[allow(unsafe_code, reason = "reads the code that is being compiled")]
pub mod chains;
#[allow(unsafe_code, reason = "executable memory")]
pub mod code;
#[allow(unsafe_code, reason = "called by compiled code with raw pointers")]
mod data_helpers;
pub mod dump;
#[allow(unsafe_code, reason = "rebuilds frames in raw registers")]
mod exit;
pub mod exit_reason;
#[allow(unsafe_code, reason = "clears the profiles of code")]
mod flush;
mod functions;
pub mod generator;
#[allow(unsafe_code, reason = "called by compiled code with raw pointers")]
mod helpers;
pub mod ir;
#[allow(unsafe_code, reason = "reads the code that an exit belongs to")]
pub mod log;
mod lower;
mod metas;
mod mutants;
mod options;
mod passes;
#[allow(unsafe_code, reason = "lets code outlive the borrow of the compiler")]
pub mod pipeline;
mod poison;
#[allow(unsafe_code, reason = "turns code addresses into entries")]
mod publish;
pub mod stats;
#[cfg(test)]
mod tests;
mod worker;
mod worth;

pub use log::{LogForm, Stage};
pub use options::{Options, Stress};
pub use pipeline::Jit;
