//! The items of an `iterable` argument, one at a time.

use super::Cx;
use super::args::{Fit, FromArg, Iterable};
use crate::error::Result;
use crate::host::Host;
use crate::objects::array::{Array, ElemKind};
use crate::semantics::iterate::item_from;
use crate::semantics::stages::pull;
use crate::value::{Tag, Value, View};

/// An argument that is read item by item. Callbacks cannot change it: the native owns it.
pub(super) struct Items {
    source: Value,
    at: usize,
}

impl<'a> FromArg<'a> for Items {
    const TYPE: &'static str = Iterable::TYPE;
    fn fit(value: &Value) -> Fit {
        Iterable::fit(value)
    }
    fn convert(slot: &'a mut Value) -> Self {
        Items { source: slot.take(), at: 0 }
    }
}

impl Items {
    /// The items of a value that is known to be iterable.
    pub(super) fn of(source: Value) -> Items {
        Items { source, at: 0 }
    }

    #[inline]
    pub(super) fn next(&mut self, host: &mut dyn Host) -> Result<Option<Value>> {
        if matches!(self.source.tag(), Tag::Iterator | Tag::Generator) {
            return pull(host, &self.source);
        }
        Ok(item_from(&self.source, &mut self.at))
    }

    /// The number of items if it is known, else 0.
    pub(super) fn size_hint(&self) -> usize {
        match self.source.view() {
            View::Array(array) => array.len(),
            View::Set(set) => set.len(),
            _ => 0,
        }
    }

    /// The array behind the items, if it is one.
    pub(super) fn as_array(&self) -> Option<&Array> {
        match self.source.view() {
            View::Array(array) => Some(array),
            _ => None,
        }
    }

    /// All remaining items as an array value; an array itself without copying.
    pub(super) fn into_array_value(mut self, cx: &mut Cx<'_>) -> Result<Value> {
        if self.source.tag() == Tag::Array && self.at == 0 {
            return Ok(self.source);
        }
        let mut out = self.new_array();
        while let Some(item) = self.next(cx.host)? {
            out.push(item);
        }
        super::args::IntoValue::into_value(out)
    }

    /// All remaining items.
    pub(super) fn drain(mut self, cx: &mut Cx<'_>) -> Result<Vec<Value>> {
        let mut out = Vec::with_capacity(self.size_hint());
        while let Some(item) = self.next(cx.host)? {
            out.push(item);
        }
        Ok(out)
    }

    /// An empty array with room for as many elements as there are items, of their kind.
    pub(super) fn new_array(&self) -> Array {
        let kind = self.as_array().map_or(ElemKind::Empty, Array::kind);
        Array::with_capacity(kind, self.size_hint())
    }
}
