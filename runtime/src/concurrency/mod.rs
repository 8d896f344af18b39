//! Generators of engines with coroutines, tasks and their scheduler, promises, channels and
//! threads: what all engines share.
//!
//! A task runs on a coroutine ([`coroutine`]) with a native stack of its own, so it can be
//! suspended anywhere: below compiled code, inside `try`, in a generator. [`tasks`] holds the
//! ready queue and the timers of an isolate and decides who runs; [`promises`] and [`channels`]
//! are what tasks wait for.
//!
//! [`isolates`] are threads. Values cross between them as [`parcel`]s, news as events of a
//! [`mailbox`]; [`program`] knows which isolates there are and whether any of them can go on.

pub mod channels;
pub mod coroutine;
pub mod deadlock;
pub mod isolates;
pub mod jobs;
pub mod mailbox;
#[cfg(all(test, feature = "model"))]
mod model;
pub mod pack;
pub mod parallel;
pub mod parcel;
pub mod pool;
pub mod program;
pub mod promises;
pub mod remote;
pub mod shared_channels;
mod stack;
pub mod store;
pub mod tasks;
#[cfg(test)]
mod tests;
mod timers;
pub mod unpack;

use crate::error::Result;
use crate::heap;
use crate::semantics::arith;

/// Whether what grows without bound stays within the limit of memory (LS 21).
fn check_memory() -> Result<()> {
    if heap::has_room(0) { Ok(()) } else { Err(arith::out_of_memory()) }
}
