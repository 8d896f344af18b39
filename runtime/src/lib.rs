//! The runtime of the Ruff language: values, heap, bytecode, semantics, VM and natives.
//!
//! This crate knows neither syntax nor Cranelift. The front end reaches it through
//! [`bytecode`], the JIT through [`tier`]; module files come through [`host::Host::import`].
//! Start reading at [`value`], then [`bytecode`], then `interp`.

#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "instructions are decoded from raw words")]
pub mod bytecode;
#[allow(unsafe_code, reason = "coroutines switch stacks")]
pub mod concurrency;
#[allow(unsafe_code, reason = "an error crosses compiled code as a raw pointer")]
pub mod error;
#[allow(unsafe_code, reason = "objects are raw blocks with counted owners")]
pub mod heap;
pub mod host;
#[allow(unsafe_code, reason = "registers are raw slots of one large mapping")]
pub mod interp;
pub mod limits;
pub mod mutants;
pub mod natives;
#[allow(unsafe_code, reason = "bodies with raw buffers or values in line")]
pub mod objects;
pub mod permissions;
#[allow(unsafe_code, reason = "entries of compiled code are stored as raw pointers")]
pub mod profile;
pub mod semantics;
pub mod sync;
#[allow(unsafe_code, reason = "the type of entries of compiled code")]
pub mod tier;
#[allow(unsafe_code, reason = "the payload word is a pointer for heap tags")]
pub mod value;
