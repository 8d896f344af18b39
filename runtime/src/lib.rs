//! The runtime of the Ruff language: values, heap, bytecode, semantics, VM and natives.
//!
//! This crate knows neither syntax nor Cranelift. The front end reaches it through
//! [`bytecode`], the JIT through [`tier`]; module files come through [`host::Host::import`].
//! Start reading at [`value`], then [`bytecode`], then `interp`.

#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "instructions are decoded from raw words")]
pub mod bytecode;
pub mod error;
#[allow(unsafe_code, reason = "objects are raw blocks with counted owners")]
pub mod heap;
pub mod host;
pub mod limits;
pub mod natives;
#[allow(unsafe_code, reason = "bodies with raw buffers or values in line")]
pub mod objects;
pub mod semantics;
#[allow(unsafe_code, reason = "the payload word is a pointer for heap tags")]
pub mod value;
