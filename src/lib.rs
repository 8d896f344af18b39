//! The Ruff language: front end, tree evaluator, tools and command line.
//!
//! [`engine`] wires everything together and is the entry for embedding; the layers below it
//! are described in `docs/architecture.md`. Start reading at [`engine`], then [`syntax`].

#![forbid(unsafe_code)]

pub mod check;
pub mod cli;
pub mod compile;
pub mod engine;
pub mod loader;
pub mod phases;
pub mod report;
pub mod resolve;
pub mod syntax;
pub mod tree;
