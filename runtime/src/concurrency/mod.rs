//! Generators of engines with coroutines, tasks and their scheduler, promises, channels and
//! threads: what all engines share.
//!
//! A task runs on a coroutine ([`coroutine`]) with a native stack of its own, so it can be
//! suspended anywhere: below compiled code, inside `try`, in a generator. [`tasks`] holds the
//! ready queue and the timers of an isolate and decides who runs; [`promises`] and [`channels`]
//! are what tasks wait for.

pub mod channels;
pub mod coroutine;
pub mod promises;
mod stack;
pub mod tasks;
