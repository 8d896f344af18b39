//! The functions that every program finds without an import.
//!
//! Each is declared once, in the `natives!` table of its module's file; from the declaration
//! come the calling shim, arity and type errors, documentation and facts for the JIT.
//! Start reading at [`Native`], then any module file.

use crate::error::Result;
use crate::host::Host;
use crate::value::Value;

/// A declared native function.
pub struct Native {
    pub name: &'static str,
    /// The module of the catalogue (`strings`, `arrays`, …).
    pub module: &'static str,
    /// Parameters in order; optional ones last.
    pub params: &'static [Param],
    /// Takes any number of further arguments.
    pub has_rest: bool,
    /// The type word of the result, as in the catalogue.
    pub result: &'static str,
    pub doc: &'static str,
    pub effect: Effect,
    pub capability: Option<&'static str>,
    /// Runs it. Argument count and types have been checked; arguments are owned by the native,
    /// which may move them out (so a unique collection is updated in place).
    pub run: NativeFn,
}

pub type NativeFn = fn(&mut Cx<'_>, &mut [Value]) -> Result<Value>;

pub struct Param {
    pub name: &'static str,
    /// The type word of the catalogue, `any` if everything is accepted.
    pub ty: &'static str,
    pub is_optional: bool,
}

/// What a call can do besides returning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The result depends on the arguments only.
    Pure,
    /// As `Pure`, apart from what callbacks do.
    PureCallback,
    Other,
}

/// What a running native knows about its call.
pub struct Cx<'a> {
    pub host: &'a mut dyn Host,
    /// The name used in the call, for messages.
    pub name: &'static str,
}

/// All natives, sorted by name; the index of a native is its position here.
pub fn all() -> &'static [Native] {
    &[]
}

/// The native of an index.
pub fn get(index: u32) -> &'static Native {
    &all()[index as usize]
}
