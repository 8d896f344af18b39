//! Natives with a lowering of their own, by name. The only place in the compiler that names any.

/// What a native does, if the compiler knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Intrinsic {
    /// `len(array)`.
    Len,
    /// `push(array, item)`.
    Push,
    /// `sqrt(number)`.
    Sqrt,
    /// `to_float(number)`.
    ToFloat,
}

const INTRINSICS: [(&str, Intrinsic); 5] = [
    ("len", Intrinsic::Len),
    ("push", Intrinsic::Push),
    ("append", Intrinsic::Push),
    ("sqrt", Intrinsic::Sqrt),
    ("to_float", Intrinsic::ToFloat),
];

/// The intrinsic of a native's name.
pub(super) fn find(name: &str) -> Option<Intrinsic> {
    INTRINSICS.iter().find(|(known, _)| *known == name).map(|&(_, intrinsic)| intrinsic)
}
