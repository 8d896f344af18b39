//! Functions: prologue, body, prototype; hoisted declarations of functions, structs and enums.

use std::sync::Arc;

use ruff_runtime::bytecode::{
    Const, DefaultDesc, EnumDesc, FunctionProto, HandlerKind, StructDesc,
};
use ruff_runtime::objects::function::{FunctionInfo, Receiver};

use crate::resolve::{FuncId, Storage, VarId};
use crate::syntax::ast::{
    Block, EnumDecl, Expr, ExprKind, Func, Ident, StmtKind, StructDecl, UnaryOp,
};
use crate::syntax::source::Span;

use super::code::{Item, Label};
use super::expr::constant;
use super::finish::{Header, finish};
use super::fold;
use super::function::{Builder, Home, Role, Val, Want};

impl<'a> Builder<'a> {
    /// Creates what a block declares before its other statements, in text order (LS 5.2).
    pub(super) fn hoist(&mut self, block: &'a Block) {
        for stmt in &block.stmts {
            let kind = match &stmt.kind {
                StmtKind::Export(inner) => &inner.kind,
                kind => kind,
            };
            if let StmtKind::Func { name, func } = kind {
                let child = self.function(func, None);
                self.bind_name(name, |this, dst| {
                    this.code.closure(dst, child);
                });
            } else if let StmtKind::Struct(decl) = kind {
                self.struct_decl(decl);
            } else if let StmtKind::Enum(decl) = kind {
                self.enum_decl(decl);
            }
        }
    }

    fn struct_decl(&mut self, decl: &'a StructDecl) {
        let mut methods = Vec::with_capacity(decl.methods.len());
        for method in &decl.methods {
            if let Some(name) = &method.name {
                let child = self.function(method, Some(decl));
                methods.push((name.name.clone(), child));
            }
        }
        let mut defaults = Vec::with_capacity(decl.fields.len());
        for field in &decl.fields {
            defaults.push(match &field.default {
                None => DefaultDesc::None,
                Some(default) => match literal(default) {
                    Some(value) => DefaultDesc::Const(value),
                    None => DefaultDesc::Child(self.field_default(default)),
                },
            });
        }
        let desc = self.code.struct_desc(StructDesc {
            name: decl.name.name.clone(),
            decl_id: self.unit.decl_id(decl.span.start),
            fields: decl.fields.iter().map(|field| field.name.name.clone()).collect(),
            methods,
            defaults,
        });
        self.bind_name(&decl.name, |this, dst| {
            this.code.struct_def(dst, desc);
        });
    }

    fn enum_decl(&mut self, decl: &'a EnumDecl) {
        let variants = decl.variants.iter();
        let variants = variants
            .map(|variant| (variant.name.name.clone(), variant.params.as_ref().map(Vec::len)))
            .collect();
        let desc = self.code.enum_desc(EnumDesc { name: decl.name.name.clone(), variants });
        self.bind_name(&decl.name, |this, dst| {
            this.code.enum_def(dst, desc);
        });
    }

    /// Compiles a function as a child of this one; gives its index.
    pub(super) fn function(&mut self, func: &'a Func, owner: Option<&StructDecl>) -> u16 {
        let id = self.unit.resolved.func(func.id);
        let mut child = Builder::new(self.unit, id, Role::Function);
        let line = self.unit.source.line(func.span.start);
        let info = FunctionInfo { line, ..function_info(func, owner) };
        child.function_body(func, &info);
        self.add_child(child, info, func.span)
    }

    /// The function that computes a field's default.
    fn field_default(&mut self, default: &'a Expr) -> u16 {
        let id = self.unit.resolved.func(default.id);
        let mut child = Builder::new(self.unit, id, Role::Function);
        let val = child.value(default);
        let reg = child.reg(&val);
        child.code.ret(reg);
        child.emit_cold(0);
        self.add_child(child, FunctionInfo::default(), default.span)
    }

    /// The block of a `spawn` as a child.
    pub(super) fn spawn_body(&mut self, body: &'a Block) -> u16 {
        let id = self.unit.resolved.func(body.id);
        let mut child = Builder::new(self.unit, id, Role::Function);
        child.whole_block(body);
        self.add_child(child, FunctionInfo::default(), body.span)
    }

    /// A test, setup or teardown body as a child.
    pub(super) fn test_body(&mut self, body: &'a Block, id: FuncId) -> u16 {
        let mut child = Builder::new(self.unit, id, Role::Outermost);
        child.whole_block(body);
        self.add_child(child, FunctionInfo::default(), body.span)
    }

    fn add_child(&mut self, child: Builder<'a>, info: FunctionInfo, span: Span) -> u16 {
        let captures = self.captures_of(child.func);
        let proto = child.into_proto(info, captures, span);
        self.code.child(proto)
    }

    /// The prototype of a function whose code is complete.
    pub(super) fn into_proto(
        self,
        info: FunctionInfo,
        captures: Vec<ruff_runtime::bytecode::Capture>,
        span: Span,
    ) -> FunctionProto {
        let unit = self.unit;
        if self.code.overflow {
            unit.report_overflow(span);
        }
        let names = &unit.resolved.func_info(self.func).captures;
        let has_receiver = info.receiver != Receiver::None;
        let n_args = u32::from(has_receiver) + info.n_params + u32::from(info.has_rest);
        let n_registers = self.n_registers();
        let header = Header {
            n_registers,
            n_args: (n_args as usize).min(n_registers.into()),
            pinned: has_receiver,
            captures,
            upvalue_names: names.iter().map(|&v| unit.resolved.var(v).name.clone()).collect(),
            source: unit.source.clone(),
            line: unit.source.line(span.start),
            info,
        };
        finish(self.code, header)
    }

    /// The prototype of a function that mentions no variables.
    pub(super) fn into_piece(self, info: FunctionInfo) -> FunctionProto {
        let (unit, n_registers) = (self.unit, self.n_registers());
        if self.code.overflow {
            unit.report_overflow(Span::default());
        }
        let header = Header {
            n_registers,
            n_args: 0,
            pinned: false,
            captures: Vec::new(),
            upvalue_names: Vec::new(),
            source: unit.source.clone(),
            line: 1,
            info,
        };
        finish(self.code, header)
    }

    /// A body without parameters.
    pub(super) fn whole_block(&mut self, body: &'a Block) {
        let scope = self.enter(body.id);
        self.statements(body);
        self.leave(scope);
        self.end();
    }

    /// Ends the code of a function.
    fn end(&mut self) {
        let falls_through =
            !self.state.dead || matches!(self.code.items.last(), Some(Item::Label(_)));
        if falls_through || self.code.items.is_empty() {
            self.return_null();
        }
        self.emit_cold(0);
    }

    fn function_body(&mut self, func: &'a Func, info: &FunctionInfo) {
        let first = u16::from(info.receiver != Receiver::None);
        let self_var = self.unit.resolved.func_info(self.func).self_var;
        let params: Vec<(u16, &'a Ident)> = func
            .params
            .iter()
            .map(|param| param.name.as_ref())
            .chain(func.rest.iter().map(Some))
            .enumerate()
            .filter_map(|(i, name)| Some((first + i as u16, name?)))
            .collect();
        (0..usize::from(first) + func.params.len() + usize::from(info.has_rest)).for_each(|_| {
            self.alloc();
        });
        self.mutates_receiver = info.receiver == Receiver::MutSelf;
        for &(reg, name) in &params {
            if let Some(var) = self.unit.resolved.declared(name.id) {
                self.argument(var, reg);
            }
        }
        self_var.into_iter().for_each(|var| self.argument(var, 0));
        let scope = self.enter(func.body.id);
        let body = self.receiver(self_var, info.receiver, func.span.start);
        for (i, param) in func.params.iter().enumerate() {
            self.parameter(param.name.as_ref(), param.default.as_ref(), first + i as u16);
        }
        if let Some(rest) = &func.rest {
            self.parameter(Some(rest), None, first + func.params.len() as u16);
        }
        self.statements(&func.body);
        self.leave(scope);
        self.end();
        self.restore_self_after_error(body);
    }

    /// A variable whose value the caller passes in `reg`; a cell is made for it later.
    fn argument(&mut self, var: VarId, reg: u16) {
        match self.unit.resolved.var(var).storage {
            Storage::Register | Storage::CapturedValue => self.place_var(var, reg),
            Storage::Cell | Storage::Module(_) => {}
        }
    }

    /// `self` or the fields as variables. Gives the start of the code in which a captured
    /// `self` lives in its cell, and a register for an error in it.
    fn receiver(
        &mut self,
        var: Option<VarId>,
        kind: Receiver,
        offset: u32,
    ) -> Option<(Label, u16)> {
        match (kind, var) {
            (Receiver::SelfValue | Receiver::MutSelf, Some(var)) => {
                self.state.assign(var);
                let Home::Cell(cell) = self.home(var) else { return None };
                let name = self.code.name(&"self".into());
                let stored = self.code.set_cell(cell, 0, name);
                if kind == Receiver::MutSelf {
                    stored.moved();
                }
                if kind == Receiver::SelfValue {
                    return None;
                }
                self.self_cell = Some(cell);
                let error = self.alloc();
                Some((self.code.here(), error))
            }
            (Receiver::Fields, _) => {
                for &field in &self.unit.resolved.func_info(self.func).fields {
                    let name = self.code.name(&self.unit.resolved.var(field).name);
                    let mark = self.top();
                    let dst = match self.register_of(field) {
                        Some(reg) => reg,
                        None => self.alloc(),
                    };
                    self.code.at(offset);
                    self.code.get_field(dst, 0, name);
                    self.write(field, &Val::Temp(dst), offset);
                    self.free_to(mark);
                }
                None
            }
            (Receiver::None | Receiver::SelfValue | Receiver::MutSelf, _) => None,
        }
    }

    /// The default of a parameter, and the cell of a captured one.
    fn parameter(&mut self, name: Option<&'a Ident>, default: Option<&'a Expr>, reg: u16) {
        if let Some(default) = default {
            let passed = self.code.new_label();
            self.code.jump_if_assigned(reg, passed);
            self.eval(default, Want::Final(reg));
            self.code.bind(passed);
        }
        if let Some(name) = name {
            self.write_node(name.id, &Val::Temp(reg), name.span.start);
        }
    }

    /// In a mutating method with a captured `self`: the caller gets it back after an error too.
    fn restore_self_after_error(&mut self, body: Option<(Label, u16)>) {
        let Some((start, error)) = body else { return };
        let target = self.code.new_label();
        self.code.handler(start, target, error, HandlerKind::Cleanup);
        self.code.bind(target);
        self.write_self_back();
        self.code.rethrow(error);
    }
}

/// How a function is displayed and called.
fn function_info(func: &Func, owner: Option<&StructDecl>) -> FunctionInfo {
    let name = func.name.as_ref().map(|name| match owner {
        Some(owner) => Arc::from(format!("{}.{}", owner.name.name, name.name)),
        None => name.name.clone(),
    });
    let receiver = match (&func.receiver, owner) {
        (Some(receiver), _) if receiver.is_mut => Receiver::MutSelf,
        (Some(_), _) => Receiver::SelfValue,
        (None, Some(_)) => Receiver::Fields,
        (None, None) => Receiver::None,
    };
    let required = func.params.iter().filter(|param| param.default.is_none()).count();
    FunctionInfo {
        name,
        is_async: func.is_async,
        is_generator: func.is_generator,
        n_required: required as u32,
        n_params: func.params.len() as u32,
        has_rest: func.rest.is_some(),
        receiver,
        line: 0,
    }
}

/// The value of a default that is a literal.
fn literal(default: &Expr) -> Option<Const> {
    match &default.kind {
        ExprKind::Literal(value) => Some(constant(value)),
        ExprKind::Paren(inner) => literal(inner),
        ExprKind::Unary { op: op @ UnaryOp::Neg, operand, .. } => {
            fold::unary(*op, &literal(operand)?)
        }
        _ => None,
    }
}
