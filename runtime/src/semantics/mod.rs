//! What the operations of the language mean, written once for every engine.
//!
//! Engines may add fast paths for common operands; everything else comes here. Functions that
//! may run user code (operator methods, callbacks) take a [`crate::host::Host`].

pub mod arith;
pub mod compare;
pub mod convert;
pub mod destructure;
pub mod display;
pub mod equal;
pub mod error_value;
pub mod index;
pub mod iterate;
pub mod literal;
pub mod match_pattern;
pub mod place;
pub mod sets;
pub mod stages;

use crate::value::{Tag, Value, View};

/// A binary operator that can be overloaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

impl BinOp {
    pub const ALL: [BinOp; 11] = [
        BinOp::Add,
        BinOp::Sub,
        BinOp::Mul,
        BinOp::Div,
        BinOp::Mod,
        BinOp::Eq,
        BinOp::Ne,
        BinOp::Lt,
        BinOp::Gt,
        BinOp::Le,
        BinOp::Ge,
    ];

    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        ["+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">="][self as usize]
    }

    /// The method that overloads it.
    pub fn method(self) -> &'static str {
        [
            "op_add", "op_sub", "op_mul", "op_div", "op_mod", "op_eq", "op_ne", "op_lt", "op_gt",
            "op_le", "op_ge",
        ][self as usize]
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum UnOp {
    Neg,
    Not,
}

/// Truthiness (LS 4.3).
#[inline]
pub fn truthy(value: &Value) -> bool {
    match value.view() {
        View::Bool(v) => v,
        View::Null => false,
        View::Int(v) => v != 0,
        View::Float(v) => v != 0.0,
        View::Str(s) => s.n_bytes() != 0,
        View::Array(a) => !a.is_empty(),
        View::Dict(d) => !d.is_empty(),
        _ => true,
    }
}

/// The name that `type(v)` returns (LS 4.1).
pub fn type_name(value: &Value) -> &'static str {
    if let View::Resource(resource) = value.view() {
        return resource.0.type_name();
    }
    match value.tag() {
        Tag::Null | Tag::Unassigned | Tag::InUse | Tag::Pending | Tag::Cell => "null",
        Tag::Bool => "bool",
        Tag::Int => "int",
        Tag::Float => "float",
        Tag::None | Tag::Some => "option",
        Tag::Native | Tag::Wrapper | Tag::Function => "function",
        Tag::Str => "string",
        Tag::Array => "array",
        Tag::Dict => "dict",
        Tag::Struct => "struct",
        Tag::Tagged => "tagged",
        Tag::Ok | Tag::Err => "result",
        Tag::Set => "set",
        Tag::Queue => "queue",
        Tag::Stack => "stack",
        Tag::Bytes => "bytes",
        Tag::StructDef => "structdef",
        Tag::EnumDef => "enum",
        Tag::Module => "module",
        Tag::Iterator => "iterator",
        Tag::Ref => "ref",
        Tag::Resource => "resource",
        Tag::Generator => "generator",
        Tag::Promise => "promise",
        Tag::Channel => "channel",
    }
}

#[cfg(test)]
mod tests;
