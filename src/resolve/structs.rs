//! Functions, structs and enums: what their bodies see, and the checks of LS 6.2, 9 and 10.1.
//!
//! A method without `self` sees the fields as locals; such a variable is made when the method
//! first mentions the field, so that a struct with many fields and methods stays cheap.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::capture::NEVER;
use super::declare::{Declaration, is_fixed};
use super::imports::Variants;
use super::scope::{Body, Resolver, ScopeId, ScopeRole};
use super::{Ref, VarId, VarKind};
use crate::syntax::ast::{Elem, EnumDecl, Expr, Func, Ident, NodeId, Receiver, StructDecl};
use crate::syntax::codes::Code;
use crate::syntax::source::Span;

/// Operator methods (LS 9.6).
const OPERATORS: &[&str] = &[
    "op_add", "op_sub", "op_mul", "op_div", "op_mod", "op_eq", "op_ne", "op_lt", "op_gt", "op_le",
    "op_ge", "op_neg", "op_not",
];

/// The members of a struct by name.
pub(super) struct StructInfo<'a> {
    pub decl: &'a StructDecl,
    fields: HashMap<&'a str, &'a Ident>,
    /// Methods declared with `mut self`.
    mutating: HashSet<&'a str>,
}

/// The fields that a method without `self` sees as locals.
pub(super) struct FieldLocals<'a> {
    pub info: Rc<StructInfo<'a>>,
    /// Parameters, which shadow fields.
    hidden: HashSet<&'a str>,
}

impl<'a> FieldLocals<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Ident> {
        let field = self.info.fields.get(name).copied();
        field.filter(|_| !self.hidden.contains(name) && !is_fixed(name))
    }
}

/// The method that a `self` belongs to.
pub(super) struct Method<'a> {
    name: Arc<str>,
    info: Rc<StructInfo<'a>>,
}

impl<'a> Resolver<'a> {
    /// Checks a function's modifiers and leaves its body for later.
    pub(super) fn defer_func(&mut self, func: &'a Func, created_at: u32) {
        self.check_modifiers(func);
        self.defer(func.id, Body::Func(func), created_at);
    }

    fn check_modifiers(&mut self, func: &Func) {
        let start = func.span.start;
        let keyword = |len: u32| Span::new(start, (start + len).min(func.span.end).max(start));
        let mutating = func.receiver.as_ref().is_some_and(|receiver| receiver.is_mut);
        if func.is_async && func.is_generator {
            self.error(Code::C007, keyword(5), "A generator function cannot be async");
        } else if mutating && (func.is_async || func.is_generator) {
            let message = "A mutating method cannot be async or a generator";
            self.error(Code::C010, keyword(4), message);
        }
    }

    /// Checks a struct's members and leaves methods and field defaults for later.
    pub(super) fn struct_decl(&mut self, decl: &'a StructDecl, created_at: u32) {
        self.check_members(decl);
        let info = StructInfo {
            decl,
            fields: decl.fields.iter().map(|field| (&*field.name.name, &field.name)).collect(),
            mutating: decl.methods.iter().filter_map(|method| mutating_name(method)).collect(),
        };
        self.structs.insert(decl.name.id, Rc::new(info));
        for default in decl.fields.iter().filter_map(|field| field.default.as_ref()) {
            self.defer(default.id, Body::FieldDefault(default), created_at);
        }
        for method in &decl.methods {
            self.check_modifiers(method);
            self.check_operator(method);
            let id = self.defer(method.id, Body::Method(method, decl), created_at);
            self.out.funcs[id.0 as usize].struct_name = Some(decl.name.name.clone());
        }
    }

    fn check_members(&mut self, decl: &StructDecl) {
        let fields = decl.fields.iter().map(|field| &field.name);
        let mut members: Vec<&Ident> = fields.collect();
        members.extend(decl.methods.iter().filter_map(|method| method.name.as_ref()));
        members.sort_by_key(|member| member.span.start);
        let mut seen = HashSet::new();
        for member in members {
            if !seen.insert(&*member.name) {
                let message = format!("Duplicate member: {}", member.name);
                self.error(Code::C014, member.span, message);
            }
        }
    }

    fn check_operator(&mut self, method: &Func) {
        let Some(name) = method.name.as_ref().filter(|name| name.name.starts_with("op_")) else {
            return;
        };
        if !OPERATORS.contains(&&*name.name) {
            let message = format!("Unknown operator method: {}", name.name);
            self.error(Code::C024, name.span, message);
        } else if method.receiver.as_ref().is_some_and(|receiver| receiver.is_mut) {
            self.error(Code::C011, name.span, "An operator method cannot be mutating");
        }
    }

    /// Resolves a function's parameters and body.
    pub(super) fn func_body(&mut self, func: &'a Func, decl: Option<&'a StructDecl>) {
        self.in_block(&func.body, ScopeRole::Home, |r| {
            if let Some(info) = decl.and_then(|decl| r.structs.get(&decl.name.id).cloned()) {
                match &func.receiver {
                    Some(receiver) => r.receiver(receiver, func, info),
                    None => {
                        let hidden = param_names(func).map(|name| &*name.name).collect();
                        let cur = r.cur;
                        r.scope_mut(cur).fields = Some(FieldLocals { info, hidden });
                    }
                }
            }
            r.params(func);
            r.statements(&func.body);
        });
    }

    fn receiver(&mut self, receiver: &Receiver, func: &Func, info: Rc<StructInfo<'a>>) {
        let name: Arc<str> = Arc::from("self");
        let kind = VarKind::SelfParam { is_mut: receiver.is_mut };
        let ready = if receiver.is_mut { NEVER } else { receiver.span.end };
        let declaration = Declaration { name: &name, span: receiver.span, kind, ready };
        let var = self.anonymous_var(self.cur, declaration);
        self.set_ref(receiver.id, Ref::Var(var));
        let index = self.func.0 as usize;
        self.frames[index].self_var = Some(var);
        self.out.funcs[index].self_var = Some(var);
        let method = func.name.as_ref().map_or_else(|| name.clone(), |name| name.name.clone());
        self.methods.insert(var, Method { name: method, info });
    }

    fn params(&mut self, func: &'a Func) {
        for param in &func.params {
            if let Some(default) = &param.default {
                self.expr(default);
            }
            if let Some(name) = &param.name {
                self.param(name, param.span.end.max(name.span.end));
            }
        }
        if let Some(rest) = &func.rest {
            self.param(rest, rest.span.end);
        }
    }

    fn param(&mut self, name: &Ident, ready: u32) {
        if self.scope(self.cur).names.contains_key(&name.name) {
            self.error(Code::C013, name.span, format!("Duplicate parameter: {}", name.name));
        } else {
            self.declare(name, VarKind::Param, ready);
        }
    }

    /// Makes the local variable for a field of the method whose scope is given.
    pub(super) fn field_local(&mut self, scope: ScopeId, field: &Ident) -> VarId {
        let (ready, func) = (self.scope(scope).start, self.scope(scope).func);
        let (name, span, kind) = (&field.name, field.span, VarKind::Field);
        let var = self.new_var(scope, Declaration { name, span, kind, ready });
        self.out.funcs[func.0 as usize].fields.push(var);
        var
    }

    /// Resolves `self` where it is read.
    pub(super) fn use_self(&mut self, node: NodeId, span: Span) -> Option<VarId> {
        let var = self.frame().self_var;
        match var {
            Some(var) => {
                self.mention(var);
                self.set_ref(node, Ref::Var(var));
            }
            None => {
                let message = "self can only be used inside a method with a self parameter";
                self.error(Code::C009, span, message);
            }
        }
        var
    }

    /// Reports a change of a read-only `self`.
    pub(super) fn check_self_change(&mut self, var: VarId, span: Span) {
        let VarKind::SelfParam { is_mut: false } = self.out.var(var).kind else { return };
        let Some(method) = self.methods.get(&var) else { return };
        let name = &method.name;
        let message = format!("Cannot modify self in method '{name}': declare it with 'mut self'");
        self.error(Code::C008, span, message);
    }

    /// Reports `self.m()` in a method with a read-only `self` when `m` is mutating (LS 9.4).
    pub(super) fn check_self_call(&mut self, name: &str, span: Span) {
        let Some(var) = self.frame().self_var else { return };
        let method = self.methods.get(&var);
        if method.is_some_and(|method| method.info.mutating.contains(name)) {
            self.check_self_change(var, span);
        }
    }

    /// Declares an enum with its variants.
    pub(super) fn enum_decl(&mut self, decl: &EnumDecl, ready: u32) {
        let Some(var) = self.declare(&decl.name, VarKind::Enum, ready) else { return };
        let mut table = Variants::new();
        for variant in &decl.variants {
            let params = variant.params.as_ref().map(Vec::len);
            table.entry(variant.name.name.clone()).or_insert(params);
        }
        self.facts_mut(var).variants = Some(Rc::new(table));
    }

    /// Resolves the enum of a tag; `None` if no enum of that name is visible.
    pub(super) fn use_enum(
        &mut self,
        module: Option<&Ident>,
        enum_name: &Ident,
    ) -> Option<Rc<Variants>> {
        if let Some(module) = module {
            let var = self.use_module(module)?;
            let origin = self.facts(var).origin.as_ref();
            return origin.and_then(|origin| origin.variants(&enum_name.name));
        }
        let var = self.find(&enum_name.name)?;
        let variants = self.facts(var).variants.clone()?;
        self.mention(var);
        self.set_ref(enum_name.id, Ref::Var(var));
        Some(variants)
    }

    /// Resolves the `m` of `m.S` and `m.E`; `None` if it is no imported module.
    pub(super) fn use_module(&mut self, module: &Ident) -> Option<VarId> {
        let var = self.use_var(module.id, &module.name);
        if var.is_none() {
            self.suggest(module.span, &module.name);
        }
        var.filter(|&var| self.out.var(var).kind == VarKind::Module)
    }

    /// Reports a variant that the enum does not have; the number of values of one that it has.
    pub(super) fn check_variant(
        &mut self,
        variants: &Variants,
        (enum_name, variant): (&Ident, &Ident),
        span: Span,
    ) -> Option<usize> {
        let params = variants.get(&variant.name);
        if params.is_none() {
            let message = format!("Unknown variant: {}::{}", enum_name.name, variant.name);
            self.error(Code::C016, span, message);
        }
        params.copied().flatten()
    }

    /// Checks the number of values given to a variant.
    pub(super) fn check_payload(
        &mut self,
        expected: usize,
        args: &[Elem],
        (enum_name, variant): (&Ident, &Ident),
        span: Span,
    ) {
        let given = args.len();
        let exact = args.iter().all(|arg| matches!(arg, Elem::Value(_)));
        if exact && given != expected {
            let (e, v) = (&enum_name.name, &variant.name);
            let message = format!("{e}::{v} expects {expected} arguments, got {given}");
            self.error(Code::C017, span, message);
        }
    }

    /// Reports fields that a struct literal gives twice.
    pub(super) fn check_literal_fields(&mut self, fields: &[(Ident, Expr)]) {
        let mut seen = HashSet::new();
        for (field, _) in fields {
            if !seen.insert(&*field.name) {
                let message = format!("Duplicate field: {}", field.name);
                self.error(Code::C015, field.span, message);
            }
        }
    }
}

fn mutating_name(method: &Func) -> Option<&str> {
    let is_mut = method.receiver.as_ref().is_some_and(|receiver| receiver.is_mut);
    method.name.as_ref().filter(|_| is_mut).map(|name| &*name.name)
}

fn param_names(func: &Func) -> impl Iterator<Item = &Ident> {
    func.params.iter().filter_map(|param| param.name.as_ref()).chain(&func.rest)
}
