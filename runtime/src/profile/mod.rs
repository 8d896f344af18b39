//! What running code has learned: feedback, hotness and compiled entries of a prototype.
//!
//! There is one `u64` feedback slot per instruction, at the instruction's own index; what its
//! bits mean depends on the opcode and is defined in [`site`]. Everything is atomic with relaxed
//! order, because prototypes are shared by threads: a torn guess is only a worse guess.

pub mod site;

use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::tier::{Entry, Resume};

/// Where requests to the generators of a function go on.
struct Resumptions {
    entries: Box<[AtomicPtr<()>]>,
    /// For places without compiled code.
    default: Resume,
}

/// The profile of one prototype.
pub struct Profile {
    sites: Box<[AtomicU64]>,
    /// Osr entries, by the pc of their `loop_header`.
    osr: Box<[AtomicPtr<()>]>,
    entry: AtomicPtr<()>,
    /// Of a generator function: entries by the pc where it goes on.
    resumptions: OnceLock<Resumptions>,
    /// Falls by 10 per call; at 0 the tier is asked. Loops count in the feedback slots of
    /// their headers.
    budget: AtomicI32,
    threshold: AtomicU32,
    /// Natives call it.
    is_callback: AtomicBool,
    /// The tier declined for good.
    is_bailed_out: AtomicBool,
    /// How often compiled code was left by an exit.
    exits: AtomicU32,
}

impl Profile {
    /// For code of `n_instrs` instructions.
    pub fn new(n_instrs: usize) -> Profile {
        Profile {
            sites: (0..n_instrs).map(|_| AtomicU64::new(0)).collect(),
            osr: (0..n_instrs).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
            entry: AtomicPtr::new(ptr::null_mut()),
            resumptions: OnceLock::new(),
            budget: AtomicI32::new(0),
            threshold: AtomicU32::new(0),
            is_callback: AtomicBool::new(false),
            is_bailed_out: AtomicBool::new(false),
            exits: AtomicU32::new(0),
        }
    }

    /// The feedback of the instruction at `pc`; see [`site`].
    #[inline(always)]
    pub fn site(&self, pc: usize) -> u64 {
        self.sites[pc].load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn set_site(&self, pc: usize, bits: u64) {
        self.sites[pc].store(bits, Ordering::Relaxed);
    }

    /// Adds bits to a site.
    pub fn add_to_site(&self, pc: usize, bits: u64) {
        self.sites[pc].fetch_or(bits, Ordering::Relaxed);
    }

    /// The address of the first site, for the interpreter loop and compiled code.
    pub fn sites_ptr(&self) -> *const AtomicU64 {
        self.sites.as_ptr()
    }

    /// Counts a call; true if the tier should be asked now, or if there is an entry.
    #[inline(always)]
    pub fn heat(&self, by: u32) -> bool {
        let left = self.budget.load(Ordering::Relaxed).wrapping_sub(by as i32);
        self.budget.store(left, Ordering::Relaxed);
        left <= 0
    }

    /// What was counted since the threshold was set.
    pub fn hotness(&self) -> u32 {
        let left = self.budget.load(Ordering::Relaxed);
        (i64::from(self.threshold()) - i64::from(left)).max(0) as u32
    }

    /// Counts from 0 to a new threshold; `u32::MAX` means never.
    pub fn set_threshold(&self, threshold: u32) {
        let threshold = threshold.min(i32::MAX as u32);
        self.threshold.store(threshold, Ordering::Relaxed);
        self.budget.store(threshold as i32, Ordering::Relaxed);
    }

    /// There is an entry: every further call is to be told.
    pub fn stay_hot(&self) {
        self.budget.store(1, Ordering::Relaxed);
    }

    pub fn threshold(&self) -> u32 {
        self.threshold.load(Ordering::Relaxed)
    }

    /// Compiled code for calls, if there is any.
    #[inline(always)]
    pub fn entry(&self) -> Option<Entry> {
        as_entry(self.entry.load(Ordering::Acquire))
    }

    pub fn set_entry(&self, entry: Option<Entry>) {
        self.entry.store(as_ptr(entry), Ordering::Release);
    }

    /// Compiled code that goes on at the `loop_header` at `pc`, if there is any.
    #[inline(always)]
    pub fn osr_entry(&self, pc: usize) -> Option<Entry> {
        as_entry(self.osr[pc].load(Ordering::Acquire))
    }

    pub fn set_osr_entry(&self, pc: usize, entry: Option<Entry>) {
        self.osr[pc].store(as_ptr(entry), Ordering::Release);
    }

    /// The entries of a generator function, one per instruction; `default` stands where there is
    /// no compiled code.
    #[inline]
    pub fn resumptions(&self, default: Resume) -> *const AtomicPtr<()> {
        let make = || {
            let entry = || AtomicPtr::new(default as *mut ());
            Resumptions { entries: self.sites.iter().map(|_| entry()).collect(), default }
        };
        self.resumptions.get_or_init(make).entries.as_ptr()
    }

    /// Whether there is compiled code that goes on at `pc` of a generator.
    pub fn has_resumption(&self, pc: usize) -> bool {
        self.resumptions.get().is_some_and(|all| {
            !ptr::eq(all.entries[pc].load(Ordering::Acquire), all.default as *mut ())
        })
    }

    /// Sets or takes away the compiled code that goes on at `pc` of a generator.
    pub fn set_resumption(&self, pc: usize, entry: Option<Resume>) {
        if let Some(all) = self.resumptions.get() {
            let entry = entry.unwrap_or(all.default);
            all.entries[pc].store(entry as *mut (), Ordering::Release);
        }
    }

    /// Takes all compiled code away.
    pub fn clear_entries(&self) {
        self.set_entry(None);
        for pc in 0..self.osr.len() {
            self.set_osr_entry(pc, None);
            self.set_resumption(pc, None);
        }
    }

    /// The tier declined and is not to be asked again.
    pub fn bail_out(&self) {
        self.is_bailed_out.store(true, Ordering::Relaxed);
        self.set_threshold(u32::MAX);
    }

    /// Notes that a native called it.
    pub fn note_callback(&self) {
        self.is_callback.store(true, Ordering::Relaxed);
    }

    /// Whether natives call it, which costs the interpreter more than a call of its own.
    pub fn is_callback(&self) -> bool {
        self.is_callback.load(Ordering::Relaxed)
    }

    pub fn is_bailed_out(&self) -> bool {
        self.is_bailed_out.load(Ordering::Relaxed)
    }

    /// Counts an exit of compiled code and returns how many there were before.
    pub fn count_exit(&self) -> u32 {
        self.exits.fetch_add(1, Ordering::Relaxed)
    }

    pub fn n_exits(&self) -> u32 {
        self.exits.load(Ordering::Relaxed)
    }
}

fn as_ptr(entry: Option<Entry>) -> *mut () {
    entry.map_or(ptr::null_mut(), |entry| entry as *mut ())
}

#[inline(always)]
fn as_entry(raw: *mut ()) -> Option<Entry> {
    // SAFETY: the pointer is null or comes from `as_ptr`; an optional function pointer has the
    // same representation.
    unsafe { std::mem::transmute::<*mut (), Option<Entry>>(raw) }
}
