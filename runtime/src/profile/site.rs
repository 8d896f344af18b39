//! What the bits of a feedback slot mean, by family of instructions.
//!
//! | family | bits |
//! | --- | --- |
//! | `add` … `ge`, `jump_eq` … `jump_ge_const`, `update_index` | 0-9 types of the left operand, 10-19 of the right one, 20-29 of the result (if the generic form ran), 30-39 flags; with a struct on the left of an operator, 40-63 id of its shape, [`MANY_OPERANDS`] if they vary |
//! | `neg`, `not` | 0-9 types of the operand, 20-29 of the result |
//! | `get_index`, `set_index` | 0-9 types of the container, 10-19 of the index, 20-29 of the element, 30-39 flags, 40-44 array kinds by number |
//! | `get_field`, `get_field_or_null`, `set_field`, `update_field`, `new_struct` | 0-31 shape id, 32-47 slot, 48-51 [`MONO`], [`MEGA`], [`DICT`], 52-61 types of the field |
//! | `call`, `call_module` | 0-47 address of the `FunctionCode`, 48-51 [`MONO`], [`MEGA`], 52-61 types of the result |
//! | `call_method`, `call_method_place`, `select_method` | 0-31 shape id of a struct receiver or, if all are arrays, their kinds by number, 32-41 types of the receiver, 48-51 [`MONO`], [`MEGA`], 52-61 types of the result |
//! | `call_native` | 0-47 address of the `FunctionCode` that is the last argument, in whose lowest three bits [`ITEMS`]; 48-51 [`MONO`], [`MEGA`]; 52-61 types of the result |
//! | `load_place`, `store_place`, `update_place`, `take_receiver` | 0-31 the containers of the first four steps, eight bits each ([`container_bit`]); 32-39 how often that was noted; 40-51 id of the shape of the last struct, [`MANY_SHAPES`] if they vary; 52-61 types of the value |
//! | `call_native_one` | 52-61 types of the result |
//! | `iter_init` | 0-9 types of the source, 40-44 array kinds, 45-46 [`GENERATOR`], [`NO_GENERATOR`] |
//! | `iter_test`, `iter_loop` | 20-29 types of the value |
//! | `loop_header` | iterations left until the loop is hot |
//!
//! "Types" are sets of the bits in [`types`]. A slot that is 0 has not run in its generic form.

use crate::value::{Tag, Value, View};

/// Sets of types.
pub mod types {
    pub const NULL: u64 = 1;
    pub const BOOL: u64 = 1 << 1;
    pub const INT: u64 = 1 << 2;
    pub const FLOAT: u64 = 1 << 3;
    pub const STR: u64 = 1 << 4;
    pub const ARRAY: u64 = 1 << 5;
    pub const DICT: u64 = 1 << 6;
    pub const STRUCT: u64 = 1 << 7;
    pub const FUNCTION: u64 = 1 << 8;
    pub const OTHER: u64 = 1 << 9;
    pub const ALL: u64 = (1 << 10) - 1;
}

/// The type bit of each tag, by tag number.
const TYPE_OF_TAG: [u16; 64] = {
    let mut table = [types::OTHER as u16; 64];
    table[Tag::Null as usize] = types::NULL as u16;
    table[Tag::Bool as usize] = types::BOOL as u16;
    table[Tag::Int as usize] = types::INT as u16;
    table[Tag::Float as usize] = types::FLOAT as u16;
    table[Tag::Str as usize] = types::STR as u16;
    table[Tag::Array as usize] = types::ARRAY as u16;
    table[Tag::Dict as usize] = types::DICT as u16;
    table[Tag::Struct as usize] = types::STRUCT as u16;
    table[Tag::Function as usize] = types::FUNCTION as u16;
    table
};

/// The bit in [`types`] for a tag.
#[inline(always)]
pub fn type_bit(tag: Tag) -> u64 {
    u64::from(TYPE_OF_TAG[tag as usize & 63])
}

/// First bit of the left operand's types (or the container's, or the source's).
pub const LHS: u32 = 0;
/// First bit of the right operand's (or the index's) types.
pub const RHS: u32 = 10;
/// First bit of the result's (or element's) types.
pub const RESULT: u32 = 20;
/// Int arithmetic overflowed.
pub const OVERFLOW: u64 = 1 << 30;
/// An index was out of bounds.
pub const OUT_OF_BOUNDS: u64 = 1 << 31;
/// The container of a write was shared and had to be copied.
pub const COPIED: u64 = 1 << 32;
/// First bit of the array kinds: bit `KINDS + kind as u32`.
pub const KINDS: u32 = 40;

/// An iteration was over a generator.
pub const GENERATOR: u64 = 1 << 45;
/// An iteration was over something of [`types::OTHER`] that is no generator.
pub const NO_GENERATOR: u64 = 1 << 46;

/// First bit of the shape of the struct on the left of an operator.
pub const OPERAND_SHAPE: u32 = 40;
/// Instead of a shape id: more than one, or an id that does not fit.
pub const MANY_OPERANDS: u64 = 0xff_ffff;

/// First bit of the slot of a field.
pub const SLOT: u32 = 32;
/// First bit of the receiver's types of a method call.
pub const RECEIVER: u32 = 32;
/// The array kinds among the bits of a method call whose receivers are all arrays.
pub const RECEIVER_KINDS: u64 = 0x1f;
/// Exactly one target or shape was seen.
pub const MONO: u64 = 1 << 48;
/// More than one target or shape was seen; bits 0-47 mean the latest one.
pub const MEGA: u64 = 1 << 49;
/// A field of a dict was read or written.
pub const DICT: u64 = 1 << 50;
/// Something else than a struct, dict or function was seen.
pub const OTHER: u64 = 1 << 51;
/// Bits of one container on the way to a place.
pub const STEP_BITS: u32 = 8;
/// Steps of a place whose containers are noted.
pub const MAX_STEPS: usize = 4;
/// In the bits of a container: a dict. The lowest five are the array kinds by number.
pub const STEP_DICT: u64 = 1 << 5;
/// In the bits of a container: a struct.
pub const STEP_STRUCT: u64 = 1 << 6;
/// In the bits of a container: something else.
pub const STEP_OTHER: u64 = 1 << 7;
/// First bit of the number of times that containers were noted.
pub const N_NOTED: u32 = 32;
/// First bit of the shape of the last struct on the way.
pub const PLACE_SHAPE: u32 = 40;
/// Instead of a shape id: more than one, or an id that does not fit.
pub const MANY_SHAPES: u64 = 0xfff;
/// In the address of a native's callback: the kind of the array that is the first argument,
/// 0 if it was always empty, [`MIXED_ITEMS`] if kinds vary or it is no array.
pub const ITEMS: u64 = 7;
/// See [`ITEMS`].
pub const MIXED_ITEMS: u64 = 7;
/// First bit of the types of a field's or call's result.
pub const CALL_RESULT: u32 = 52;
/// The bits of a code address or of shape and slot.
pub const TARGET_MASK: u64 = (1 << 48) - 1;

/// What is noted of a container on the way to a place.
pub fn container_bit(container: &Value) -> u64 {
    match container.view() {
        View::Array(array) => 1 << array.kind() as u64,
        View::Dict(_) => STEP_DICT,
        View::Struct(_) => STEP_STRUCT,
        _ => STEP_OTHER,
    }
}

/// The types in a slot from bit `first` on.
pub fn types_at(site: u64, first: u32) -> u64 {
    site >> first & types::ALL
}
