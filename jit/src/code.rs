//! Executable memory: one file in memory mapped twice, writable for the compiler and executable
//! for the program, so that no page is ever both.
//!
//! Code is packed; what is freed is used again, first fit. Only the owner of the code knows when
//! no frame of it is active any more.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// Alignment of functions.
const ALIGN: usize = 64;

/// The code memory.
pub struct CodeHeap {
    /// Addresses of the two mappings.
    writable: usize,
    executable: usize,
    size: usize,
    /// Behind the last function.
    end: usize,
    /// Bytes in use.
    used: usize,
    /// Freed ranges before `end`, by offset; no two of them touch.
    free: BTreeMap<usize, usize>,
    /// Overwrite what is freed with traps, for tests.
    is_wiped: bool,
}

/// Installed code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it runs.
    pub address: usize,
    pub len: usize,
}

/// The typed entry of a function, through which other compiled functions call it.
#[derive(Debug)]
pub struct TypedCell {
    pub entry: Cell<usize>,
}

/// Where a [`TypedCell`] is, for code that goes through it. The cell lives as long as the code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CellAddress(pub usize);

impl TypedCell {
    pub fn address(&self) -> CellAddress {
        CellAddress(ptr::from_ref(self) as usize)
    }
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
            unsafe { libc::munmap(writable as *mut _, size) };
            return None;
        };
        let free = BTreeMap::new();
        Some(CodeHeap { writable, executable, size, end: 0, used: 0, free, is_wiped: false })
    }

    /// From now on, what is freed is overwritten with traps.
    pub fn wipe_freed(&mut self) {
        self.is_wiped = true;
    }

    pub fn used(&self) -> usize {
        self.used
    }

    /// Copies a function's code and says where it runs; `None` if there is no room.
    pub fn install(&mut self, code: &[u8]) -> Option<Piece> {
        let len = code.len().next_multiple_of(ALIGN);
        let at = self.allocate(len)?;
        // SAFETY: `allocate` gave room for the code that no installed code uses.
        unsafe {
            let to = (self.writable + at) as *mut u8;
            ptr::copy_nonoverlapping(code.as_ptr(), to, code.len());
        }
        self.used += len;
        let address = self.executable + at;
        crate::arch::make_visible(address as *const u8, code.len());
        Some(Piece { address, len })
    }

    fn allocate(&mut self, len: usize) -> Option<usize> {
        let fitting = self.free.iter().find(|&(_, &room)| room >= len);
        if let Some((&at, &room)) = fitting {
            self.free.remove(&at);
            if room > len {
                self.free.insert(at + len, room - len);
            }
            return Some(at);
        }
        let at = self.end;
        let end = at.checked_add(len).filter(|&end| end <= self.size)?;
        self.end = end;
        Some(at)
    }

    /// Gives the room of a function back, of which no frame may be active.
    pub fn free(&mut self, piece: Piece) {
        let (mut at, mut len) = (piece.address - self.executable, piece.len);
        self.used -= len;
        if self.is_wiped {
            // SAFETY: the range was given by `allocate`.
            unsafe { ptr::write_bytes((self.writable + at) as *mut u8, crate::arch::TRAP, len) };
        }
        if let Some(behind) = self.free.remove(&(at + len)) {
            len += behind;
        }
        if let Some((&before, &room)) = self.free.range(..at).next_back()
            && before + room == at
        {
            self.free.remove(&before);
            (at, len) = (before, room + len);
        }
        if at + len == self.end {
            self.end = at;
        } else {
            self.free.insert(at, len);
        }
    }
}

impl Drop for CodeHeap {
    fn drop(&mut self) {
        // SAFETY: both mappings were made by `new` with this size; the compiler's owner drops it
        // when no compiled code can run any more.
        unsafe {
            libc::munmap(self.writable as *mut _, self.size);
            libc::munmap(self.executable as *mut _, self.size);
        }
    }
}

fn map(file: &OwnedFd, size: usize, protection: i32) -> Option<usize> {
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a new mapping of an open file; the result is checked.
    let at = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, file.as_raw_fd(), 0) };
    (at != libc::MAP_FAILED).then_some(at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_room_is_used_again() {
        let mut heap = CodeHeap::new(4096).expect("executable memory");
        let pieces: Vec<Piece> = (0..4).map(|_| heap.install(&[0; 1000]).expect("room")).collect();
        assert_eq!(heap.install(&[0; 1000]), None);
        heap.free(pieces[1]);
        heap.free(pieces[0]);
        assert_eq!(heap.used(), 2048);
        let large = heap.install(&[0; 2000]).expect("the freed ranges are one");
        assert_eq!(large.address, pieces[0].address);
        for piece in [pieces[3], large, pieces[2]] {
            heap.free(piece);
        }
        assert_eq!((heap.used(), heap.end, heap.free.len()), (0, 0, 0));
    }
}
