//! The tag word of a value.

/// What the payload word of a [`super::Value`] means. Numbers are part of the ABI of compiled
/// code; everything from [`Tag::FIRST_HEAP`] up is a pointer to an object.
#[repr(u64)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Tag {
    /// Payload 0.
    Null = 0,
    /// Payload 0 or 1.
    Bool = 1,
    /// Payload: the i64.
    Int = 2,
    /// Payload: the bits of the f64.
    Float = 3,
    /// The Option `None`; payload 0.
    None = 4,
    /// Payload: index into the table of natives.
    Native = 5,
    /// Content of a cell, module slot or register whose variable is not assigned yet.
    Unassigned = 6,
    /// Content of a place whose value is moved out during a mutating call.
    InUse = 7,
    /// A selected mutating method that waits for its arguments (LS 9.4); payload: see
    /// `semantics::method`.
    Pending = 8,
    /// `Ok`, `Err`, `Some` as function values; payload 0, 1, 2.
    Wrapper = 9,

    Str = 16,
    Array = 17,
    Dict = 18,
    Struct = 19,
    /// A value of a user enum.
    Tagged = 20,
    Ok = 21,
    Err = 22,
    Some = 23,
    Function = 24,
    Set = 25,
    Queue = 26,
    Stack = 27,
    Bytes = 28,
    StructDef = 29,
    EnumDef = 30,
    Module = 31,
    Iterator = 32,
    /// A captured variable; never a value that a program sees.
    Cell = 33,
    /// A `ref` of the library.
    Ref = 34,
    /// An object of the library whose content only its natives know.
    Resource = 48,
    /// The suspended call of a generator function.
    Generator = 35,
    Promise = 36,
    Channel = 37,
}

impl Tag {
    /// Tags from here on have a pointer as payload.
    pub const FIRST_HEAP: u64 = 16;

    #[inline(always)]
    pub fn is_heap(self) -> bool {
        self as u64 >= Tag::FIRST_HEAP
    }
}
