//! The resource limits of LS 21 that hold at run time.

/// Limits that a run can configure; tests shrink them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// User-function calls active in one task.
    pub call_depth: u32,
    /// Of these, calls entered from a native, operator or generator request.
    pub nested_depth: u32,
    /// Nesting of a value that is displayed, compared or converted.
    pub value_depth: u32,
    /// Bytes of UTF-8 of a string, bytes of a bytes value.
    pub string_bytes: usize,
    /// Elements of an array, set, queue or stack; entries of a dict.
    pub collection_len: usize,
    /// Bytes of memory; `None` for 80 % of what the process may use.
    pub memory: Option<usize>,
    /// Steps: calls of functions and turns of loops. They are only counted with a limit.
    pub steps: Option<u64>,
}

impl Limits {
    pub const DEFAULT: Limits = Limits {
        call_depth: 100_000,
        nested_depth: 10_000,
        value_depth: 10_000,
        string_bytes: (1 << 31) - 1,
        collection_len: (1 << 32) - 1,
        memory: None,
        steps: None,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}

/// Where the native stack of a thread gets scarce.
#[derive(Clone, Copy, Debug, Default)]
pub struct StackFloor(usize);

impl StackFloor {
    /// At an address; code that does not look needs some room below it.
    pub fn at(address: usize) -> StackFloor {
        StackFloor(address)
    }

    /// Whether the present frame is below the floor; never before it is set.
    #[inline]
    pub fn is_reached(self) -> bool {
        stack_pointer() < self.0
    }
}

/// An address in the current stack frame.
#[inline]
fn stack_pointer() -> usize {
    let marker = 0_u8;
    std::hint::black_box(&raw const marker).addr()
}

/// Bytes of a string.
pub const STRING_BYTES: usize = Limits::DEFAULT.string_bytes;
/// Elements of an array, set, queue or stack; entries of a dict.
pub const COLLECTION_LEN: usize = Limits::DEFAULT.collection_len;
/// Nesting of a value that is displayed, compared or converted.
pub const VALUE_DEPTH: u32 = Limits::DEFAULT.value_depth;
