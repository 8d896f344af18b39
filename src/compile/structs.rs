//! Struct literals and enum values (LS 9.2, 10).

use std::sync::Arc;

use ruff_runtime::bytecode::{Const, NameList, VariantDesc};
use ruff_runtime::error::Kind;
use ruff_runtime::objects::tagged::Variant;

use crate::resolve::{ExportKind, Ref, VarId, VarKind};
use crate::syntax::ast::{Elem, Expr, ExprKind, Ident};

use super::call::{Args, wrapper};
use super::function::{Builder, Val, Want, undefined_variable};

impl<'a> Builder<'a> {
    /// `S { f: e }` and `m.S { f: e }`
    pub(super) fn struct_literal(
        &mut self,
        expr: &'a Expr,
        module: Option<&'a Ident>,
        name: &'a Ident,
        fields: &'a [(Ident, Expr)],
        want: Want,
    ) -> Val {
        let base = self.top();
        let offset = expr.span.start;
        let first = self.alloc();
        let is_known = match module {
            Some(module) => self.load_member(module, name, first),
            None => self.load_struct(expr, name, fields, first),
        };
        let Some(is_known) = is_known else {
            self.free_to(base);
            return self.nowhere(want);
        };
        let names = fields.iter().map(|(field, _)| field.name.clone()).collect();
        let desc = self.code.name_list(NameList { title: name.name.clone(), names });
        if !is_known {
            self.code.at(offset);
            self.code.check_struct(first, desc);
        }
        for (_, value) in fields {
            self.push(value);
        }
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(offset);
        self.code.new_struct(dst, first, desc);
        Val::Temp(dst)
    }

    /// Loads the struct; whether it certainly has all the fields. `None` if it raises.
    fn load_struct(
        &mut self,
        expr: &Expr,
        name: &Ident,
        fields: &[(Ident, Expr)],
        dst: u16,
    ) -> Option<bool> {
        match self.unit.resolved.get(expr.id) {
            Ref::Var(var) => {
                self.read(var, expr.span.start, Want::Into(dst));
                Some(self.declares(var, fields))
            }
            Ref::Native | Ref::Undefined if &*name.name == "Error" => {
                let name = self.code.name(&name.name);
                self.code.load_builtin(dst, name);
                Some(false)
            }
            Ref::Native | Ref::Undefined => {
                let message = format!("Undefined struct: {}", name.name);
                self.fail(Kind::NameError, message, expr.span.start);
                None
            }
        }
    }

    /// Whether the variable is a struct known here that has all the fields.
    fn declares(&self, var: VarId, fields: &[(Ident, Expr)]) -> bool {
        let has_all =
            |declared: &dyn Fn(&str) -> bool| fields.iter().all(|(field, _)| declared(&field.name));
        match (&self.unit.resolved.var(var).kind, self.unit.facts.struct_decl(var)) {
            (VarKind::Struct, Some(decl)) if decl.fields.len() <= 64 => {
                has_all(&|name| decl.fields.iter().any(|field| &*field.name.name == name))
            }
            (VarKind::Imported(ExportKind::Struct { fields }), _) if fields.len() <= 64 => {
                has_all(&|name| fields.iter().any(|field| &**field == name))
            }
            _ => false,
        }
    }

    /// Loads `m.S`.
    fn load_member(&mut self, module: &Ident, name: &Ident, dst: u16) -> Option<bool> {
        match self.unit.resolved.get(module.id) {
            Ref::Var(var) => {
                self.read(var, module.span.start, Want::Into(dst));
                let member = self.code.name(&name.name);
                self.code.at(name.span.start);
                self.code.get_field(dst, dst, member);
                Some(false)
            }
            Ref::Native | Ref::Undefined => {
                let message = undefined_variable(&module.name);
                self.fail(Kind::NameError, message, module.span.start);
                None
            }
        }
    }

    /// `E::V` and `E::V(args)`
    pub(super) fn tag(&mut self, expr: &'a Expr, want: Want) -> Val {
        let ExprKind::Tag { module, enum_name, variant, args } = &expr.kind else {
            return self.nowhere(want);
        };
        let args = args.as_deref().unwrap_or(&[]);
        let declared = self.unit.resolved.declared(enum_name.id);
        if declared.is_none()
            && module.is_none()
            && let Some(val) = self.builtin_tag(expr, (enum_name, variant), args, want)
        {
            return val;
        }
        let arity = declared.and_then(|var| self.arity_of(var, &variant.name));
        let desc = self.code.variant(VariantDesc {
            enum_name: Some(enum_name.name.clone()),
            variant: variant.name.clone(),
            interned: Some(Variant::intern(&enum_name.name, &variant.name)),
            has_parens: !args.is_empty(),
            arity,
        });
        let base = self.top();
        let args = self.args(args, None, base);
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(expr.span.start);
        match args {
            Args::Plain(count) => self.code.new_tag(dst, base, desc, count),
            Args::Array => self.code.new_tag_spread(dst, base, desc),
        };
        Val::Temp(dst)
    }

    /// The number of values that a variant declares.
    fn arity_of(&self, var: VarId, variant: &str) -> Option<usize> {
        match &self.unit.resolved.var(var).kind {
            VarKind::Imported(ExportKind::Enum { variants }) => {
                variants.iter().find(|(name, _)| &**name == variant)?.1
            }
            _ => self.unit.facts.variant_arity(var, variant),
        }
    }

    /// `Result::Ok(v)`, `Option::None` and the like, if no enum of that name is visible.
    fn builtin_tag(
        &mut self,
        expr: &'a Expr,
        (enum_name, variant): (&Ident, &Ident),
        args: &'a [Elem],
        want: Want,
    ) -> Option<Val> {
        let is_builtin = matches!(
            (&*enum_name.name, &*variant.name),
            ("Result", "Ok" | "Err") | ("Option", "Some" | "None")
        );
        if !is_builtin {
            return None;
        }
        let base = self.top();
        match (wrapper(&variant.name), args) {
            (Some(which), [Elem::Value(value)]) => {
                let val = self.value(value);
                let src = self.reg(&val);
                self.free_to(base);
                let dst = self.target(want);
                self.code.wrap(dst, src, which);
                Some(Val::Temp(dst))
            }
            (Some(_), _) => Some(self.wrong_wrap(&variant.name, args, expr.span.start, want)),
            (None, []) => Some(self.deliver(Val::Const(Const::None), want)),
            (None, _) => None,
        }
    }

    /// `Result::Ok` with another number of arguments than one: an ArityError at run time.
    fn wrong_wrap(&mut self, name: &Arc<str>, args: &'a [Elem], offset: u32, want: Want) -> Val {
        let base = self.top();
        let first = self.alloc();
        let name = self.code.name(name);
        self.code.load_builtin(first, name);
        let args = self.args(args, None, first + 1);
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(offset);
        self.emit_call(dst, first, args);
        Val::Temp(dst)
    }
}
