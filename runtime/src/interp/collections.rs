//! Handlers that build collections and read elements and fields.

use super::Vm;
use super::machine::{Machine, Step, Stop, body};
use super::moves::text_of;
use crate::bytecode::operand::{Group, Name, Use};
use crate::bytecode::ops;
use crate::error::Result;
use crate::heap::Ref;
use crate::objects::array::{Array, ElemKind};
use crate::objects::dict::Dict;
use crate::objects::structs::Struct;
use crate::profile::site;
use crate::semantics::arith::check_array_len;
use crate::semantics::{destructure, display, index, iterate, literal};
use crate::value::{Tag, Value, View};

impl Machine {
    /// Moves `n` registers from `first` on into a list.
    pub(super) fn take_group(&mut self, first: usize, n: usize) -> Vec<Value> {
        (first..first + n).map(|reg| self.take(reg)).collect()
    }

    #[inline(always)]
    pub(super) fn new_array(&mut self, op: ops::NewArray) -> Step {
        let array = self.array_of(op.first, op.n.idx());
        self.set(op.dst.idx(), array);
        Ok(())
    }

    #[inline(never)]
    fn array_of(self, first: Group, n: usize) -> Value {
        // SAFETY: the verifier bounds the group.
        let items = unsafe { std::slice::from_raw_parts_mut(self.at(first.idx()), n) };
        Value::from_ref(Ref::new(Array::from_taken(items)))
    }

    #[inline(always)]
    pub(super) fn array_push(&mut self, op: ops::ArrayPush) -> Step {
        let value = self.value(op.src);
        let Some(array) = self.reg_mut(op.array.idx()).make_mut::<Array>() else { return Ok(()) };
        let fits = check_array_len(array.len() + 1);
        if fits.is_ok() {
            array.push(value);
        }
        self.checked(fits)
    }

    #[inline(always)]
    pub(super) fn array_spread(&mut self, op: ops::ArraySpread) -> Step {
        let source = self.value(op.src);
        let spread = self.vm().spread(&source);
        let values = self.checked(spread)?;
        if let Some(array) = self.reg_mut(op.array.idx()).make_mut::<Array>() {
            values.into_iter().for_each(|value| array.push(value));
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn new_dict(&mut self, op: ops::NewDict) -> Step {
        let dict = self.dict_of(op.first, op.n.idx())?;
        self.set(op.dst.idx(), dict);
        Ok(())
    }

    #[inline(never)]
    fn dict_of(mut self, first: Group, n: usize) -> std::result::Result<Value, Stop> {
        let mut dict = Dict::with_capacity(n);
        for pair in 0..n {
            let key = self.take(first.idx() + 2 * pair);
            let value = self.take(first.idx() + 2 * pair + 1);
            let inserted = literal::dict_insert(&mut dict, key, value);
            self.checked(inserted)?;
        }
        Ok(Value::from_ref(Ref::new(dict)))
    }

    #[inline(always)]
    pub(super) fn dict_insert(&mut self, op: ops::DictInsert) -> Step {
        let (key, value) = (self.value(op.key), self.value(op.src));
        let inserted = match self.reg_mut(op.dict.idx()).make_mut::<Dict>() {
            Some(dict) => literal::dict_insert(dict, key, value),
            None => Ok(()),
        };
        self.checked(inserted)
    }

    #[inline(always)]
    pub(super) fn dict_spread(&mut self, op: ops::DictSpread) -> Step {
        let source = self.value(op.src);
        let spread = match self.reg_mut(op.dict.idx()).make_mut::<Dict>() {
            Some(dict) => literal::dict_spread(dict, &source),
            None => Ok(()),
        };
        self.checked(spread)
    }

    #[inline(always)]
    pub(super) fn get_index(&mut self, op: ops::GetIndex) -> Step {
        let (object, at) = (self.reg(op.object.idx()), self.reg(op.index.idx()));
        if object.tag() == Tag::Array && at.tag() == Tag::Int {
            // SAFETY: the tag was just checked; the register keeps the array alive.
            let array: &Array = unsafe { body(object) };
            let kind = 1 << (site::KINDS + array.kind() as u32);
            let at = at.int_payload() as usize;
            if self.site() & kind != 0
                && let Some(element) = element(array, at)
            {
                if array.kind() == ElemKind::Value {
                    self.note_result(element.tag(), site::RESULT);
                }
                self.done_with(op.object);
                self.set(op.dst.idx(), element);
                return Ok(());
            }
        }
        let element = self.index_slow(op.object, op.index)?;
        self.set(op.dst.idx(), element);
        Ok(())
    }

    #[inline(never)]
    fn index_slow(mut self, object: Use, at: Use) -> std::result::Result<Value, Stop> {
        let (o, i) = (self.reg(object.idx()), self.reg(at.idx()));
        let mut bits = super::arith::operand_types(o, i);
        if let View::Array(array) = o.view() {
            bits |= 1 << (site::KINDS + array.kind() as u32);
            if i.as_int().is_some_and(|i| i < 0 || i as usize >= array.len()) {
                bits |= site::OUT_OF_BOUNDS;
            }
        }
        let element = index::get(o, i);
        self.note(bits);
        let element = self.checked(element)?;
        self.note_result(element.tag(), site::RESULT);
        self.done_with(object);
        self.done_with(at);
        Ok(element)
    }

    #[inline(always)]
    pub(super) fn get_field(&mut self, op: ops::GetField) -> Step {
        if let Some(field) = self.known_field(op.object.idx()) {
            let value = field.clone();
            self.note_result(value.tag(), site::CALL_RESULT);
            self.done_with(op.object);
            self.set(op.dst.idx(), value);
            return Ok(());
        }
        let value = self.field_slow(op.object, op.name, false)?;
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get_field_or_null(&mut self, op: ops::GetFieldOrNull) -> Step {
        let value = self.field_slow(op.object, op.name, true)?;
        self.set(op.dst.idx(), value);
        Ok(())
    }

    /// The field of a struct of the shape that the site remembers.
    #[inline(always)]
    pub(super) fn known_field(&self, object: usize) -> Option<&Value> {
        let object = self.reg(object);
        if object.tag() != Tag::Struct {
            return None;
        }
        // SAFETY: the tag was just checked; the register keeps the instance alive.
        let instance: &Struct = unsafe { body(object) };
        let site = self.site();
        if site & 0xffff_ffff != u64::from(instance.shape().id()) {
            return None;
        }
        let slot = (site >> site::SLOT & 0xffff) as usize;
        // SAFETY: slots are remembered together with the shape that has them.
        Some(unsafe { instance.fields().get_unchecked(slot) })
    }

    #[inline(never)]
    fn field_slow(
        mut self,
        object: Use,
        name: Name,
        or_null: bool,
    ) -> std::result::Result<Value, Stop> {
        let (o, name) = (self.reg(object.idx()), self.konst(name.idx()));
        if let Some(field) = self.cached_field(o, name) {
            self.note_result(field.tag(), site::CALL_RESULT);
            self.done_with(object);
            return Ok(field);
        }
        self.note_field(o, name);
        let name = text_of(name);
        let value = if or_null { index::field_or_null(o, name) } else { index::field(o, name) };
        let value = self.checked(value)?;
        self.note_result(value.tag(), site::CALL_RESULT);
        self.done_with(object);
        Ok(value)
    }

    /// The field at a site that has seen several shapes.
    fn cached_field(&self, object: &Value, name: &Value) -> Option<Value> {
        let View::Struct(instance) = object.view() else { return None };
        if self.site() & site::MEGA == 0 {
            return None;
        }
        // SAFETY: the VM outlives the loop.
        let slot = unsafe { &(*self.vm).fields }.get(instance.shape().id(), name)?;
        instance.fields().get(slot).cloned()
    }

    /// Remembers shape and slot of a field access; the name is a constant.
    pub(super) fn note_field(&self, object: &Value, name: &Value) {
        let site = self.site();
        let View::Struct(instance) = object.view() else {
            let kind = if object.tag() == Tag::Dict { site::DICT } else { site::OTHER };
            self.note(kind);
            return;
        };
        let shape = instance.shape();
        let Some(slot) = shape.slot(text_of(name)).filter(|&slot| slot <= 0xffff) else { return };
        // SAFETY: the VM outlives the loop; nothing else refers to the cache here.
        unsafe { &mut (*self.vm).fields }.put(shape.id(), name, slot);
        let id = u64::from(shape.id());
        let state = match site & 0xffff_ffff {
            0 => site::MONO,
            known if known == id => 0,
            _ => site::MEGA,
        };
        let kept = site & !site::TARGET_MASK;
        self.set_site(kept | state | id | (slot as u64) << site::SLOT);
    }

    #[inline(always)]
    pub(super) fn concat(&mut self, op: ops::Concat) -> Step {
        let text = self.concat_slow(op.first, op.n.idx());
        let text = self.checked(text)?;
        self.set(op.dst.idx(), text);
        Ok(())
    }

    #[inline(never)]
    fn concat_slow(self, first: Group, n: usize) -> Result<Value> {
        // SAFETY: the verifier bounds the group, whose registers are initialised.
        let parts = unsafe { std::slice::from_raw_parts_mut(self.at(first.idx()), n) };
        let text = display::concat_display(parts);
        parts.fill(Value::NULL);
        text
    }

    #[inline(always)]
    pub(super) fn array_item(&mut self, op: ops::ArrayItem) -> Step {
        let item = destructure::array_item(self.reg(op.src.idx()), op.index.idx());
        self.set(op.dst.idx(), item);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn array_rest(&mut self, op: ops::ArrayRest) -> Step {
        let rest = destructure::array_rest(self.reg(op.src.idx()), op.index.idx());
        self.set(op.dst.idx(), rest);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn dict_item(&mut self, op: ops::DictItem) -> Step {
        let name = text_of(self.konst(op.name.idx()));
        let item = destructure::dict_item(self.reg(op.src.idx()), name);
        self.set(op.dst.idx(), item);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn dict_rest(&mut self, op: ops::DictRest) -> Step {
        let lists = &self.frame().loaded().proto.name_lists;
        let rest = destructure::dict_rest(self.reg(op.src.idx()), &lists[op.desc.idx()].names);
        self.set(op.dst.idx(), rest);
        Ok(())
    }
}

/// The element at an index, if there is one.
#[inline(always)]
pub(super) fn element(array: &Array, at: usize) -> Option<Value> {
    match array.kind() {
        ElemKind::Int => array.ints()?.get(at).map(|&v| Value::int(v)),
        ElemKind::Float => array.floats()?.get(at).map(|&v| Value::float(v)),
        ElemKind::Bool => array.bools()?.get(at).map(|&v| Value::bool(v != 0)),
        ElemKind::Value => array.values()?.get(at).cloned(),
        ElemKind::Empty => None,
    }
}

impl Vm {
    #[inline(never)]
    fn spread(&mut self, source: &Value) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        iterate::spread(self, &mut values, source)?;
        Ok(values)
    }
}
