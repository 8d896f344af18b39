//! What happens in an isolate at a certain time.

use std::time::Instant;

use super::promises;
use super::tasks::Waiter;
use crate::value::Value;

/// What a timer does.
pub(super) enum Alarm {
    Wake(Waiter),
    /// Settles a promise.
    Promise(Value, promises::Alarm),
}

/// Something that happens at a time; timers of one time in the order of their numbers.
pub(super) struct Timer {
    pub(super) due: Instant,
    pub(super) number: u64,
    pub(super) alarm: Alarm,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}
