//! Size-class free lists, one set per thread.
//!
//! Blocks up to [`MAX_SMALL`] bytes come in classes of 16 bytes, cut from chunks that are kept
//! for the thread's life; larger ones come from the system allocator, which needs their size
//! again when they are freed.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

const GRANULE: usize = 16;
const MAX_SMALL: usize = 512;
const N_CLASSES: usize = MAX_SMALL / GRANULE + 1;
const CHUNK: usize = 64 * 1024;

#[repr(C)]
struct FreeLists {
    heads: [*mut FreeBlock; N_CLASSES],
    bump: *mut u8,
    bump_end: *mut u8,
    live: usize,
    /// The newest chunk; each starts with the address of the one before.
    chunks: *mut FreeBlock,
}

struct FreeBlock {
    next: *mut FreeBlock,
}

thread_local! {
    static LISTS: UnsafeCell<FreeLists> = const {
        UnsafeCell::new(FreeLists {
            heads: [ptr::null_mut(); N_CLASSES],
            bump: ptr::null_mut(),
            bump_end: ptr::null_mut(),
            live: 0,
            chunks: ptr::null_mut(),
        })
    };
}

/// The size class of a block, 0 if it is too large for the lists.
pub(super) fn class_of(size: usize) -> u16 {
    if size <= MAX_SMALL { size.div_ceil(GRANULE) as u16 } else { 0 }
}

/// Where compiled code finds this thread's lists: an array of pointers to the first free block
/// of each class (a free block starts with the address of the next one), and from it on at
/// [`LIVE_OFFSET`] the number of live objects.
pub fn lists_address() -> usize {
    LISTS.with(|lists| lists.get() as usize)
}

/// See [`lists_address`].
pub const LIVE_OFFSET: usize = std::mem::offset_of!(FreeLists, live);

/// A block for compiled code, which found no free one in the list of its class.
pub fn allocate_block(size: usize) -> NonNull<u8> {
    allocate(size)
}

/// Number of objects of this thread that are not freed yet.
pub fn live_objects() -> usize {
    // SAFETY: the cell is only touched by its own thread and no reference outlives a function
    // of this module.
    LISTS.with(|lists| unsafe { (*lists.get()).live })
}

/// Gives the chunks back if no object is left in them; for threads that end.
pub(super) fn release_chunks() {
    // SAFETY: as in `live_objects`; without live objects nobody refers into the chunks, which
    // were allocated with this layout, and the lists are emptied with them.
    LISTS.with(|lists| unsafe {
        let lists = &mut *lists.get();
        if lists.live > 0 {
            return;
        }
        let mut chunk = lists.chunks;
        while !chunk.is_null() {
            let before = (*chunk).next;
            dealloc(chunk.cast(), layout_of(CHUNK));
            chunk = before;
        }
        lists.heads = [ptr::null_mut(); N_CLASSES];
        lists.bump = ptr::null_mut();
        lists.bump_end = ptr::null_mut();
        lists.chunks = ptr::null_mut();
    });
}

/// A block of at least `size` bytes, aligned to 16.
#[inline]
pub(crate) fn allocate(size: usize) -> NonNull<u8> {
    // SAFETY: as in `live_objects`; nothing called here re-enters this module.
    LISTS.with(|lists| unsafe {
        let lists = &mut *lists.get();
        lists.live += 1;
        let class = usize::from(class_of(size));
        let head = lists.heads[class];
        if class != 0 && !head.is_null() {
            lists.heads[class] = (*head).next;
            return NonNull::new_unchecked(head.cast());
        }
        lists.refill(size, class)
    })
}

/// Gives a block back.
///
/// # Safety
/// `block` must come from [`allocate`] with the same `size` and must not be used afterwards.
#[inline]
pub(crate) unsafe fn deallocate(block: *mut u8, size: usize) {
    // SAFETY: as in `live_objects`; the block is the caller's to give back.
    LISTS.with(|lists| unsafe {
        let lists = &mut *lists.get();
        lists.live -= 1;
        let class = usize::from(class_of(size));
        if class == 0 {
            dealloc(block, layout_of(size));
            return;
        }
        let block = block.cast::<FreeBlock>();
        (*block).next = lists.heads[class];
        lists.heads[class] = block;
    });
}

fn layout_of(size: usize) -> Layout {
    Layout::from_size_align(size, GRANULE).expect("object sizes are far below the address space")
}

impl FreeLists {
    #[cold]
    #[inline(never)]
    fn refill(&mut self, size: usize, class: usize) -> NonNull<u8> {
        if class == 0 {
            return system(size);
        }
        let bytes = class * GRANULE;
        if (self.bump_end as usize) - (self.bump as usize) < bytes {
            super::budget::note_chunk(CHUNK);
            let chunk = system(CHUNK).as_ptr();
            // SAFETY: the chunk is fresh, aligned and large enough for the link.
            unsafe { (*chunk.cast::<FreeBlock>()).next = self.chunks };
            self.chunks = chunk.cast();
            self.bump = chunk.wrapping_add(GRANULE);
            self.bump_end = chunk.wrapping_add(CHUNK);
        }
        let block = self.bump;
        self.bump = self.bump.wrapping_add(bytes);
        NonNull::new(block).expect("a chunk is not at address 0")
    }
}

fn system(size: usize) -> NonNull<u8> {
    let layout = layout_of(size);
    // SAFETY: the layout has a size above zero.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}
