//! Locks, conditions and atomics of everything that isolates share.
//!
//! They are those of the standard library, or with the feature `model` those of a model checker
//! (shuttle), which then decides who runs at each use of one: `concurrency::model` checks the
//! real code with them.

pub use std::sync::{Arc, PoisonError};
#[cfg(not(feature = "model"))]
pub use std::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(feature = "model"))]
pub use std::thread;

#[cfg(feature = "model")]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(feature = "model")]
pub use shuttle::thread;

/// Passes some time without the processor, in a loop that waits for another thread.
#[inline]
pub fn spin() {
    #[cfg(not(feature = "model"))]
    std::hint::spin_loop();
    #[cfg(feature = "model")]
    shuttle::hint::spin_loop();
}
