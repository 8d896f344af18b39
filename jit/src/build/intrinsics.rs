//! Natives with a lowering of their own, by name. The only place in the compiler that names any.

use crate::ir::IntOp;

/// What a native does, if the compiler knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Intrinsic {
    /// `len(array)`, `len(text)`.
    Len,
    /// `push(array, item)`.
    Push,
    /// `pop(array)`.
    Pop,
    /// `sqrt(number)`.
    Sqrt,
    /// `to_float(number)`.
    ToFloat,
    /// `to_int(number)`.
    ToInt,
    Abs,
    Floor,
    Ceil,
    /// `min(a, b)`.
    Min,
    /// `max(a, b)`.
    Max,
    BitNot,
    /// An operation on the bits of two ints.
    Bits(IntOp),
    /// A shift by 0 to 63 bits.
    Shift(IntOp),
    /// `ord(character)`.
    Ord,
    /// `chr(code)`.
    Chr,
    /// `has_key(dict, key)`.
    HasKey,
    /// `get_default(dict, key, default)`.
    GetDefault,
}

const INTRINSICS: [(&str, Intrinsic); 26] = [
    ("len", Intrinsic::Len),
    ("push", Intrinsic::Push),
    ("append", Intrinsic::Push),
    ("pop", Intrinsic::Pop),
    ("sqrt", Intrinsic::Sqrt),
    ("to_float", Intrinsic::ToFloat),
    ("to_int", Intrinsic::ToInt),
    ("abs", Intrinsic::Abs),
    ("floor", Intrinsic::Floor),
    ("ceil", Intrinsic::Ceil),
    ("min", Intrinsic::Min),
    ("max", Intrinsic::Max),
    ("bit_and", Intrinsic::Bits(IntOp::And)),
    ("bit_or", Intrinsic::Bits(IntOp::Or)),
    ("bit_xor", Intrinsic::Bits(IntOp::Xor)),
    ("wrapping_add", Intrinsic::Bits(IntOp::Add)),
    ("wrapping_sub", Intrinsic::Bits(IntOp::Sub)),
    ("wrapping_mul", Intrinsic::Bits(IntOp::Mul)),
    ("bit_not", Intrinsic::BitNot),
    ("bit_shl", Intrinsic::Shift(IntOp::Shl)),
    ("bit_shr", Intrinsic::Shift(IntOp::Shr)),
    ("bit_ushr", Intrinsic::Shift(IntOp::Ushr)),
    ("ord", Intrinsic::Ord),
    ("chr", Intrinsic::Chr),
    ("has_key", Intrinsic::HasKey),
    ("get_default", Intrinsic::GetDefault),
];

/// The intrinsic of a native's name.
pub(super) fn find(name: &str) -> Option<Intrinsic> {
    INTRINSICS.iter().find(|(known, _)| *known == name).map(|&(_, intrinsic)| intrinsic)
}
