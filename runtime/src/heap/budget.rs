//! The memory that the values of a program may take (LS 21).
//!
//! Only large blocks are looked at: before one is made, the memory that the process really uses
//! is compared with the limit. An operation whose result may be huge asks first and raises; where
//! something grows step by step, exceeding the limit becomes an interrupt, which running code
//! polls. Small objects count by the chunks that they are cut from.

use std::cell::Cell;
use std::fs;
use std::sync::OnceLock;

/// Bytes from which a block is large.
pub const LARGE: usize = 1 << 20;
/// Bytes of chunks after which memory is compared with the limit.
const CHUNKS: usize = 8 << 20;

thread_local! {
    /// Bytes; 0 for the default.
    static LIMIT: Cell<usize> = const { Cell::new(0) };
    static EXCEEDED: Cell<bool> = const { Cell::new(false) };
    /// Bytes of chunks since memory was last compared with the limit.
    static CHUNK_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Sets the limit of the present thread; `None` for most of the memory that the process may use.
pub fn limit_memory(bytes: Option<usize>) {
    LIMIT.set(bytes.unwrap_or(0));
    EXCEEDED.set(false);
}

/// Whether `bytes` more stay within the limit.
pub fn has_room(bytes: usize) -> bool {
    let limit = match LIMIT.get() {
        0 => default_limit(),
        limit => limit,
    };
    used().saturating_add(bytes) <= limit
}

/// As [`has_room`] of nothing more, once the allocator has given back what was freed.
#[cold]
pub(crate) fn has_room_after_purge() -> bool {
    has_room(0) || {
        // SAFETY: may be called at any time; it does nothing if another allocator is used.
        unsafe { libmimalloc_sys::mi_collect(true) };
        has_room(0)
    }
}

/// Something that cannot fail takes a large block: the program is told at its next poll.
#[cold]
#[inline(never)]
pub(crate) fn note_block(bytes: usize) {
    if !has_room(bytes) {
        EXCEEDED.set(true);
        super::cycles::interrupt();
    }
}

/// Small objects take a chunk.
pub(super) fn note_chunk(bytes: usize) {
    let sum = CHUNK_BYTES.get() + bytes;
    CHUNK_BYTES.set(sum % CHUNKS);
    if sum >= CHUNKS {
        note_block(0);
    }
}

/// Whether the limit was exceeded, and nobody has looked yet.
#[inline]
pub fn is_exceeded() -> bool {
    EXCEEDED.get()
}

/// Whether the limit was exceeded since the last call.
pub(crate) fn take_exceeded() -> bool {
    EXCEEDED.replace(false)
}

/// Bytes of memory that the process uses; 0 where the system does not tell.
fn used() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| {
        let resident = text.split_ascii_whitespace().nth(1)?;
        resident.parse::<usize>().ok()
    });
    pages.map_or(0, |pages| pages.saturating_mul(page_size()))
}

/// From the values that the system hands to each process: pairs of words, 6 is the page size.
fn page_size() -> usize {
    const WORD: usize = size_of::<usize>();
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        let vector = fs::read("/proc/self/auxv").unwrap_or_default();
        let words: Vec<usize> = vector
            .chunks_exact(WORD)
            .map(|bytes| usize::from_ne_bytes(bytes.try_into().expect("chunks of one word")))
            .collect();
        words.chunks_exact(2).find(|pair| pair[0] == 6).map_or(4096, |pair| pair[1])
    })
}

/// 80 % of the memory of the machine or of the process's group, whichever is less.
fn default_limit() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
            let kib: usize = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
            kib.checked_mul(1024)
        });
        let group = fs::read_to_string("/sys/fs/cgroup/memory.max")
            .ok()
            .and_then(|text| text.trim().parse::<usize>().ok());
        let least = machine.into_iter().chain(group).min();
        least.map_or(usize::MAX, |bytes| bytes / 5 * 4)
    })
}
