//! Handlers of structs, enums, results and matching.

use std::sync::Arc;

use super::Vm;
use super::machine::{Machine, Step, Stop, body};
use super::stack::flags;
use crate::bytecode::operand::{Count, Group, Use};
use crate::bytecode::{DefaultDesc, NameList, VariantDesc, ops};
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::natives;
use crate::objects::structs::{EnumDef, Struct, StructDef};
use crate::profile::site;
use crate::semantics::literal::{self, TryOutcome};
use crate::semantics::{index, match_pattern};
use crate::value::{Tag, Value, View, Wrapper};

impl Machine {
    #[inline(always)]
    pub(super) fn struct_def(&mut self, op: ops::StructDef) -> Step {
        let def = self.vm().declare_struct(op.desc.idx());
        self.set(op.dst.idx(), def);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn enum_def(&mut self, op: ops::EnumDef) -> Step {
        let desc = &self.frame().loaded().proto.enums[op.desc.idx()];
        let def = EnumDef::new(desc.name.clone(), desc.variants.clone());
        self.set(op.dst.idx(), Value::from_ref(Ref::new(def)));
        Ok(())
    }

    #[inline(always)]
    fn name_list<'a>(&self, desc: usize) -> &'a NameList {
        &self.proto().name_lists[desc]
    }

    #[inline(always)]
    fn variant<'a>(&self, desc: usize) -> &'a VariantDesc {
        &self.proto().variants[desc]
    }

    #[inline(always)]
    pub(super) fn check_struct(&mut self, op: ops::CheckStruct) -> Step {
        let checked = check_struct(self.reg(op.def.idx()), self.name_list(op.desc.idx()));
        self.checked(checked)
    }

    #[inline(always)]
    pub(super) fn new_struct(&mut self, op: ops::NewStruct) -> Step {
        let first = op.first.idx();
        if self.tag(first) == Tag::StructDef {
            // SAFETY: the tag was just checked; the register keeps the declaration alive.
            let def: &StructDef = unsafe { body(self.reg(first)) };
            let shape = def.base_shape();
            // A site remembers the shape when the literal gives all fields in their order.
            if self.site() & (0xffff_ffff | site::MONO) == u64::from(shape.id()) | site::MONO {
                let fields = self.at(first + 1);
                // SAFETY: the verifier bounds the group, which has a register for each field.
                let instance = Struct::make(shape, |slot| unsafe { (*fields.add(slot)).take() });
                self.set(first, Value::NULL);
                self.set(op.dst.idx(), instance);
                return Ok(());
            }
        }
        let instance = self.new_struct_slow(op)?;
        self.set(op.dst.idx(), instance);
        Ok(())
    }

    #[inline(never)]
    fn new_struct_slow(mut self, op: ops::NewStruct) -> std::result::Result<Value, Stop> {
        self.save();
        let (first, list) = (op.first.idx(), self.name_list(op.desc.idx()));
        let checked = check_struct(self.reg(first), list);
        self.checked(checked)?;
        let def = self.take(first);
        let given = self.take_group(first + 1, list.names.len());
        let View::StructDef(decl) = def.view() else { return Ok(Value::NULL) };
        let shape = decl.base_shape();
        let id = u64::from(shape.id());
        if *shape.names() == *list.names {
            let site = self.site();
            let state = if site & 0xffff_ffff == 0 { site::MONO } else { site::MEGA };
            self.set_site(site & !0xffff_ffff | id | state | site::MONO);
        } else {
            self.note(site::OTHER);
        }
        let built = self.vm().build_struct(decl, &list.names, given);
        self.checked(built)
    }

    #[inline(always)]
    pub(super) fn new_tag(&mut self, op: ops::NewTag) -> Step {
        let tag = self.tag_of(op.first, op.count, op.desc.idx());
        self.set(op.dst.idx(), tag);
        Ok(())
    }

    #[inline(never)]
    fn tag_of(mut self, first: Group, count: Count, desc: usize) -> Value {
        let payload = self.take_group(first.idx(), count.n());
        make_tag(self.variant(desc), payload)
    }

    #[inline(always)]
    pub(super) fn new_tag_spread(&mut self, op: ops::NewTagSpread) -> Step {
        let tag = self.spread_tag(op.src, op.desc.idx())?;
        self.set(op.dst.idx(), tag);
        Ok(())
    }

    #[inline(never)]
    fn spread_tag(mut self, src: Use, desc: usize) -> std::result::Result<Value, Stop> {
        let payload = match self.value(src).view() {
            View::Array(array) => array.iter().collect(),
            _ => Vec::new(),
        };
        let variant = self.variant(desc);
        match variant.arity {
            Some(arity) if arity != payload.len() => {
                let name = format!("{}::{}", enum_name(variant), variant.variant);
                Err(self.raise(natives::arity_error(&name, arity, arity, payload.len())))
            }
            _ => Ok(make_tag(variant, payload)),
        }
    }

    #[inline(always)]
    pub(super) fn wrap(&mut self, op: ops::Wrap) -> Step {
        let content = self.value(op.src);
        let wrapped = Wrapper::ALL[op.which.idx().min(2)].wrap(content);
        self.set(op.dst.idx(), wrapped);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn try_unwrap(&mut self, op: ops::TryUnwrap) -> Step {
        let value = self.value(op.src);
        let outcome = literal::try_operator(value);
        match self.checked(outcome)? {
            TryOutcome::Value(value) => self.set(op.dst.idx(), value),
            TryOutcome::Return(value) => {
                self.set(op.dst.idx(), value);
                self.go(op.target.0 as isize);
            }
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn raise_try(&mut self, op: ops::RaiseTry) -> Step {
        let value = self.value(op.src);
        Err(self.raise(literal::try_at_top(value)))
    }

    #[inline(always)]
    pub(super) fn jump_unless_literal(&mut self, op: ops::JumpUnlessLiteral) -> Step {
        let (subject, literal) = (self.reg(op.subject.idx()), self.konst(op.literal.idx()));
        let is_match = match (subject.as_int(), literal.as_int()) {
            (Some(a), Some(b)) => a == b,
            _ => {
                let matched = match_pattern::matches_literal(subject, literal);
                self.checked(matched)?
            }
        };
        self.jump_near(!is_match, op.target);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn jump_unless_variant(&mut self, op: ops::JumpUnlessVariant) -> Step {
        let variant = self.variant(op.desc.idx());
        let subject = self.reg(op.subject.idx());
        let is_match = match &variant.enum_name {
            _ if let (View::Tagged(tagged), Some(known)) = (subject.view(), variant.interned) => {
                std::ptr::eq(tagged.variant(), known)
            }
            Some(name) => match_pattern::matches_variant(subject, name, &variant.variant),
            None => match_pattern::matches_name(subject, &variant.variant, variant.has_parens),
        };
        self.jump_near(!is_match, op.target);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get_payload(&mut self, op: ops::GetPayload) -> Step {
        let content = match_pattern::payload(self.reg(op.src.idx()), op.index.idx());
        self.set(op.dst.idx(), content);
        Ok(())
    }
}

fn enum_name(variant: &VariantDesc) -> &str {
    variant.enum_name.as_deref().unwrap_or_default()
}

fn make_tag(variant: &VariantDesc, payload: Vec<Value>) -> Value {
    match variant.interned {
        Some(known) => literal::make_variant(known, payload),
        None => literal::make_tag(&Arc::from(enum_name(variant)), &variant.variant, payload),
    }
}

/// Raises unless `def` is a struct that declares all the fields.
fn check_struct(def: &Value, list: &NameList) -> Result<()> {
    let View::StructDef(def) = def.view() else {
        let message = format!("Undefined struct: {}", list.title);
        return Err(Error::new(Kind::NameError, message));
    };
    let shape = def.base_shape();
    match list.names.iter().find(|name| shape.slot(name).is_none()) {
        Some(name) => Err(index::field_not_found(name)),
        None => Ok(()),
    }
}

impl Vm {
    /// The struct declared by side table entry `desc` of the frame on top.
    #[inline(never)]
    fn declare_struct(&mut self, desc: usize) -> Value {
        // SAFETY: there is a frame on top; prototypes and code live as long as the isolate.
        let loaded = unsafe { super::stack::loaded((*self.frame).code) };
        let desc = &loaded.proto.structs[desc];
        let def = StructDef::new(desc.name.clone(), desc.decl_id, &desc.fields, false);
        let child = |index: u16| loaded.children[usize::from(index)];
        for (name, method) in &desc.methods {
            let method = self.make_closure(child(*method));
            def.set_method(name.clone(), method);
        }
        let default = |vm: &mut Vm, default: &DefaultDesc| match default {
            DefaultDesc::None => Value::NULL,
            DefaultDesc::Const(value) => super::load::value_of(value),
            DefaultDesc::Child(index) => vm.make_closure(child(*index)),
        };
        let defaults = desc.defaults.iter().map(|d| default(self, d)).collect();
        def.set_defaults(defaults);
        Value::from_ref(def)
    }

    /// An instance with the named fields; missing ones get their defaults in declaration order.
    fn build_struct(
        &mut self,
        def: &StructDef,
        names: &[Arc<str>],
        given: Vec<Value>,
    ) -> Result<Value> {
        let shape = def.base_shape();
        let mut fields: Vec<Option<Value>> = (0..shape.n_fields()).map(|_| None).collect();
        for (name, value) in names.iter().zip(given) {
            if let Some(slot) = shape.slot(name) {
                fields[slot] = Some(value);
            }
        }
        for (slot, field) in fields.iter_mut().enumerate().filter(|(_, f)| f.is_none()) {
            let default = def.default(slot);
            *field = Some(match default.view() {
                View::Function(_) => self.call_nested(&default, flags::HIDDEN, &mut [])?,
                _ => default,
            });
        }
        Ok(Struct::make(shape, |slot| fields[slot].take().unwrap_or_default()))
    }
}
