//! The kinds of heap objects, one file each: layout and the operations that keep it valid.
//!
//! What an operation of the language *means* is in `semantics`; these files know no errors of
//! the language and call no user code.

pub mod array;
pub mod bytes;
pub mod cell;
pub mod channel;
pub mod collections;
pub mod dict;
pub mod function;
pub mod generator;
pub mod iterator;
pub mod module;
pub mod promise;
pub mod resource;
pub mod string;
pub mod structs;
pub mod tagged;

#[cfg(test)]
mod tests;
