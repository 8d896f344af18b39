//! Executable memory: one file in memory mapped twice, writable for the compiler and executable
//! for the program, so that no page is ever both.
//!
//! Code is packed and never freed while the compiler lives: frames of old code may be active.

use std::cell::Cell;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// Alignment of functions.
const ALIGN: usize = 64;

/// The code memory.
pub struct CodeHeap {
    writable: *mut u8,
    executable: *const u8,
    size: usize,
    used: usize,
}

/// The typed entry of a function, through which other compiled functions call it.
#[derive(Debug)]
pub struct TypedCell {
    pub entry: Cell<*const u8>,
}

impl CodeHeap {
    /// Reserves `size` bytes; `None` if the system refuses.
    pub fn new(size: usize) -> Option<CodeHeap> {
        let size = size.next_multiple_of(4096);
        // SAFETY: the name is a C string; the result is checked.
        let fd = unsafe { libc::memfd_create(c"ruff-code".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return None;
        }
        // SAFETY: `memfd_create` gave a descriptor that nobody else owns.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: the descriptor is open.
        if unsafe { libc::ftruncate(file.as_raw_fd(), size as libc::off_t) } != 0 {
            return None;
        }
        let writable = map(&file, size, libc::PROT_READ | libc::PROT_WRITE)?;
        let Some(executable) = map(&file, size, libc::PROT_READ | libc::PROT_EXEC) else {
            // SAFETY: just mapped, and unused.
            unsafe { libc::munmap(writable.cast(), size) };
            return None;
        };
        Some(CodeHeap { writable, executable, size, used: 0 })
    }

    pub fn used(&self) -> usize {
        self.used
    }

    /// Where the next function of up to `len` bytes will run, if there is room.
    pub fn next_address(&self, len: usize) -> Option<*const u8> {
        let at = self.used.next_multiple_of(ALIGN);
        (at.checked_add(len)? <= self.size).then(|| self.executable.wrapping_add(at))
    }

    /// Copies a function's code and gives the address at which it runs.
    pub fn install(&mut self, code: &[u8]) -> Option<*const u8> {
        let address = self.next_address(code.len())?;
        let at = self.used.next_multiple_of(ALIGN);
        // SAFETY: there is room for the code behind `at`, which no installed code uses.
        unsafe { ptr::copy_nonoverlapping(code.as_ptr(), self.writable.add(at), code.len()) };
        self.used = at + code.len();
        crate::arch::make_visible(address, code.len());
        Some(address)
    }
}

impl Drop for CodeHeap {
    fn drop(&mut self) {
        // SAFETY: both mappings were made by `new` with this size; the compiler's owner drops it
        // when no compiled code can run any more.
        unsafe {
            libc::munmap(self.writable.cast(), self.size);
            libc::munmap(self.executable.cast_mut().cast(), self.size);
        }
    }
}

fn map(file: &OwnedFd, size: usize, protection: i32) -> Option<*mut u8> {
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a new mapping of an open file; the result is checked.
    let at = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, file.as_raw_fd(), 0) };
    (at != libc::MAP_FAILED).then_some(at.cast())
}
