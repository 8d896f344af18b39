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

impl Evaluator {
    #[inline(never)]
    pub(super) fn dict_literal(&mut self, frame: &mut Frame, entries: &[Entry]) -> Eval {
        let mut dict = Dict::default();
        for entry in entries {
            match entry {
                Entry::Bare(name, value) => {
                    let key = match frame.unit.resolved().declared(name.id) {
                        Some(var) => {
                            let key = frame.read(var);
                            frame.at(name.span, key)?
                        }
                        None => Value::str(&name.name),
                    };
                    let value = self.eval(frame, value)?;
                    frame.at(name.span, literal::dict_insert(&mut dict, key, value))?;
                }
                Entry::Keyed(key, value) => {
                    let span = key.span;
                    let key = self.eval(frame, key)?;
                    let value = self.eval(frame, value)?;
                    frame.at(span, literal::dict_insert(&mut dict, key, value))?;
                }
                Entry::Spread(dots, source) => {
                    let source = self.eval(frame, source)?;
                    frame.at(*dots, literal::dict_spread(&mut dict, &source))?;
                }
            }
        }
        Ok(Value::from_ref(Object::new(dict)))
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
                Ref::Undefined => Value::NULL,
                Ref::Var(_) | Ref::Native => self.name(frame, expr.id, &name.name)?,
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
        let first = module.unwrap_or(enum_name);
        let def = match module {
            Some(module) => {
                let module = self.name(frame, module.id, &module.name);
                let def = module.and_then(|module| index::field(&module, &enum_name.name));
                frame.at(first.span, def)?
            }
            None => match frame.unit.resolved().declared(enum_name.id) {
                Some(var) => frame.content(var),
                None => Value::NULL,
            },
        };
        let payload = self.elements(frame, None, args)?;
        let is_declared = module.is_some() || def.tag() == Tag::EnumDef;
        if !is_declared && let Some(which) = builtin_case(&enum_name.name, &variant.name) {
            return match which {
                BuiltinCase::None if payload.is_empty() => Ok(Value::NONE),
                BuiltinCase::None => {
                    let error = arity_error("None", 0, Some(0), payload.len());
                    frame.at(first.span, Err(error))
                }
                BuiltinCase::Wrapper(which) => frame.at(first.span, wrap(which, payload)),
            };
        }
        frame.at(first.span, check_payload(&def, enum_name, variant, payload.len()))?;
        Ok(literal::make_tag(&enum_name.name, &variant.name, payload))
    }
}

enum BuiltinCase {
    Wrapper(Wrapper),
    None,
}

/// `Result::Ok` and so on, which mean the builtin values (LS 10.3).
fn builtin_case(enum_name: &str, variant: &str) -> Option<BuiltinCase> {
    match (enum_name, variant) {
        ("Result", "Ok") => Some(BuiltinCase::Wrapper(Wrapper::Ok)),
        ("Result", "Err") => Some(BuiltinCase::Wrapper(Wrapper::Err)),
        ("Option", "Some") => Some(BuiltinCase::Wrapper(Wrapper::Some)),
        ("Option", "None") => Some(BuiltinCase::None),
        _ => None,
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
