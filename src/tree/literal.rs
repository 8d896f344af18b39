//! Literals of dicts, structs and enum values.

use ruff_runtime::error::{Error, Kind, Result};
use ruff_runtime::heap::Ref as Object;
use ruff_runtime::objects::dict::Dict;
use ruff_runtime::objects::structs::{Struct, StructDef};
use ruff_runtime::semantics::{index, literal};
use ruff_runtime::value::{Tag, Value, View, Wrapper};

use super::Evaluator;
use super::call::{arity_error, wrap};
use super::frame::{Eval, Frame};
use crate::resolve::Ref;
use crate::syntax::ast::{Arg, Entry, Expr, Ident};
use crate::syntax::source::Span;

impl Evaluator {
    /// `{ k: v }`; the keys before the first spread are checked when all of them and their values
    /// are known.
    #[inline(never)]
    pub(super) fn dict_literal(
        &mut self,
        frame: &mut Frame,
        span: Span,
        entries: &[Entry],
    ) -> Eval {
        let is_plain = |entry: &Entry| !matches!(entry, Entry::Spread(..));
        let n_plain = entries.iter().take_while(|entry| is_plain(entry)).count();
        let (plain, rest) = entries.split_at(n_plain);
        let mut dict = Dict::default();
        let mut pairs = Vec::with_capacity(plain.len());
        for entry in plain {
            pairs.extend(self.dict_entry(frame, &mut dict, entry)?);
        }
        for (key, value) in pairs {
            frame.at(span, literal::dict_insert(&mut dict, key, value))?;
        }
        for entry in rest {
            if let Some((key, value)) = self.dict_entry(frame, &mut dict, entry)? {
                frame.at(span, literal::dict_insert(&mut dict, key, value))?;
            }
        }
        Ok(Value::from_ref(Object::new(dict)))
    }

    /// Key and value of an entry; a spread goes into the dict at once.
    fn dict_entry(
        &mut self,
        frame: &mut Frame,
        dict: &mut Dict,
        entry: &Entry,
    ) -> Eval<Option<(Value, Value)>> {
        match entry {
            Entry::Bare(name, value) => {
                let key = match frame.unit.resolved().declared(name.id) {
                    Some(var) => {
                        let key = frame.read(var);
                        frame.at(name.span, key)?
                    }
                    None => Value::str(&name.name),
                };
                Ok(Some((key, self.eval(frame, value)?)))
            }
            Entry::Keyed(key, value) => {
                let key = self.eval(frame, key)?;
                Ok(Some((key, self.eval(frame, value)?)))
            }
            Entry::Spread(dots, source) => {
                let source = self.eval(frame, source)?;
                frame.at(*dots, literal::dict_spread(dict, &source))?;
                Ok(None)
            }
        }
    }

    /// `S { f: e }` (LS 9.2).
    #[inline(never)]
    pub(super) fn struct_literal(
        &mut self,
        frame: &mut Frame,
        expr: &Expr,
        module: Option<&Ident>,
        name: &Ident,
        fields: &[(Ident, Expr)],
    ) -> Eval {
        let def = self.struct_of_literal(frame, expr, module, name);
        let def = frame.at(expr.span, def)?;
        let known = |name: &Ident| def.base_shape().slot(&name.name);
        if let Some((unknown, _)) = fields.iter().find(|(name, _)| known(name).is_none()) {
            return frame.at(expr.span, Err(index::field_not_found(&unknown.name)));
        }
        let mut values = vec![Value::UNASSIGNED; def.n_declared];
        for (name, value) in fields {
            let value = self.eval(frame, value)?;
            if let Some(slot) = known(name) {
                values[slot] = value;
            }
        }
        for (slot, value) in values.iter_mut().enumerate() {
            if value.tag() == Tag::Unassigned {
                *value = frame.at(expr.span, self.default_value(&def, slot))?;
            }
        }
        Ok(Struct::make(def.base_shape(), |slot| values[slot].take()))
    }

    fn struct_of_literal(
        &mut self,
        frame: &Frame,
        expr: &Expr,
        module: Option<&Ident>,
        name: &Ident,
    ) -> Result<Object<StructDef>> {
        let value = match module {
            Some(module) => {
                let module = self.name(frame, module.id, &module.name)?;
                index::field(&module, &name.name)?
            }
            None => match frame.unit.resolved().get(expr.id) {
                Ref::Var(var) => frame.read(var)?,
                Ref::Native | Ref::Undefined if &*name.name == "Error" => {
                    Value::from_ref(self.isolate.errors.def.clone())
                }
                Ref::Native | Ref::Undefined => Value::NULL,
            },
        };
        value
            .to_ref::<StructDef>()
            .ok_or_else(|| Error::new(Kind::NameError, format!("Undefined struct: {}", name.name)))
    }

    /// The default of a field: computed by a function of the declaration, or the value itself.
    fn default_value(&mut self, def: &StructDef, slot: usize) -> Result<Value> {
        let default = def.default(slot);
        match default.view() {
            View::Function(_) => self.call_value(&default, Vec::new()),
            _ => Ok(default),
        }
    }

    /// `E::V(args)`; the arity is checked here for arguments with a spread.
    #[inline(never)]
    pub(super) fn tag(
        &mut self,
        frame: &mut Frame,
        module: Option<&Ident>,
        enum_name: &Ident,
        variant: &Ident,
        args: &[Arg],
    ) -> Eval {
        let span = module.unwrap_or(enum_name).span;
        let declared = |name: &Ident| frame.unit.resolved().declared(name.id);
        let def = declared(module.unwrap_or(enum_name)).map(|var| frame.content(var));
        let def = match (&def, module) {
            (Some(def), None) => def.clone(),
            (Some(def), Some(_)) => exported(def, &enum_name.name),
            (None, _) => Value::NULL,
        };
        let is_builtin = module.is_none() && def.tag() != Tag::EnumDef;
        let payload = self.elements(frame, None, args)?;
        match (enum_name.name.as_ref(), variant.name.as_ref()) {
            ("Option", "None") if is_builtin && args.is_empty() => return Ok(Value::NONE),
            ("Result", "Ok") if is_builtin => return frame.at(span, wrap(Wrapper::Ok, payload)),
            ("Result", "Err") if is_builtin => return frame.at(span, wrap(Wrapper::Err, payload)),
            ("Option", "Some") if is_builtin => {
                return frame.at(span, wrap(Wrapper::Some, payload));
            }
            _ => {}
        }
        frame.at(span, check_payload(&def, enum_name, variant, payload.len()))?;
        Ok(literal::make_tag(&enum_name.name, &variant.name, payload))
    }
}

/// An enum that a module exports, if it has run that far.
fn exported(module: &Value, name: &str) -> Value {
    match module.view() {
        View::Module(module) => module.body.export(name).unwrap_or_default(),
        _ => Value::NULL,
    }
}

fn check_payload(def: &Value, enum_name: &Ident, variant: &Ident, got: usize) -> Result<()> {
    let View::EnumDef(def) = def.view() else { return Ok(()) };
    let declared = def.variants.iter().find(|(name, _)| *name == variant.name);
    match declared {
        Some((_, Some(n))) if *n != got => {
            let name = format!("{}::{}", enum_name.name, variant.name);
            Err(arity_error(&name, *n, Some(*n), got))
        }
        _ => Ok(()),
    }
}
