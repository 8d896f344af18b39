//! Native stacks of coroutines: reserved address space whose pages are used when touched.

use std::cell::RefCell;
use std::num::NonZeroUsize;

use corosensei::stack::{Stack, StackPointer};
use memmap2::{MmapMut, MmapOptions};

/// Stacks that are kept for the next coroutines of the thread.
const MAX_KEPT: usize = 64;

thread_local! {
    static KEPT: RefCell<Vec<MmapMut>> = const { RefCell::new(Vec::new()) };
}

/// A stack; its mapping goes back to the thread's store when it is dropped.
pub(super) struct TaskStack {
    map: Option<MmapMut>,
}

impl TaskStack {
    /// A stack of `bytes`, or what the system gives at least; `None` if it gives next to none.
    pub(super) fn new(bytes: usize) -> Option<TaskStack> {
        let kept = KEPT.with_borrow_mut(|kept| {
            let at = kept.iter().position(|map| map.len() == bytes)?;
            Some(kept.swap_remove(at))
        });
        let mut wanted = bytes;
        let mut map = kept;
        while map.is_none() && wanted >= 1 << 18 {
            map = MmapOptions::new().len(wanted).no_reserve_swap().map_anon().ok();
            wanted /= 2;
        }
        map.map(|map| TaskStack { map: Some(map) })
    }

    /// The lowest address that code may use.
    pub(super) fn floor(&self) -> usize {
        let (start, len) = self.bounds();
        start + len / 8
    }

    fn bounds(&self) -> (usize, usize) {
        self.map.as_ref().map_or((0, 0), |map| (map.as_ptr() as usize, map.len()))
    }
}

impl Drop for TaskStack {
    fn drop(&mut self) {
        let Some(map) = self.map.take() else { return };
        // A thread that ends has no store any more.
        let _ = KEPT.try_with(|kept| {
            if let Ok(mut kept) = kept.try_borrow_mut()
                && kept.len() < MAX_KEPT
            {
                kept.push(map);
            }
        });
    }
}

// SAFETY: the mapping is readable and writable, lives as long as this value, and is page-aligned.
unsafe impl Stack for TaskStack {
    fn base(&self) -> StackPointer {
        let (start, len) = self.bounds();
        NonZeroUsize::new(start + len).unwrap_or(NonZeroUsize::MIN)
    }

    fn limit(&self) -> StackPointer {
        NonZeroUsize::new(self.bounds().0).unwrap_or(NonZeroUsize::MIN)
    }
}
