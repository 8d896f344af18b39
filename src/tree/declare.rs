//! What declarations make: closures, structs with their methods, enums.

use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::heap::Ref;
use ruff_runtime::objects::function::{Function, FunctionCode, FunctionInfo, Receiver};
use ruff_runtime::objects::structs::{EnumDef, StructDef};
use ruff_runtime::value::Value;

use super::Evaluator;
use super::expr::literal_value;
use super::frame::Frame;
use super::unit::{Body, Piece, TreeCode, Unit};
use crate::syntax::ast::{
    Block, EnumDecl, Expr, ExprKind, Func, Literal, NodeId, Stmt, StmtKind, StructDecl,
};

impl Evaluator {
    /// The declarations of a block that take effect at its start, in text order (LS 5.2).
    pub(super) fn hoist(&mut self, frame: &mut Frame, block: &Block) {
        for stmt in &block.stmts {
            self.hoist_statement(frame, stmt);
        }
    }

    fn hoist_statement(&mut self, frame: &mut Frame, stmt: &Stmt) {
        let (name, value) = match &stmt.kind {
            StmtKind::Func { name, func } => (name, self.closure(frame, func)),
            StmtKind::Struct(decl) => (&decl.name, self.struct_def(frame, decl)),
            StmtKind::Enum(decl) => (&decl.name, enum_def(decl)),
            StmtKind::Export(inner) => return self.hoist_statement(frame, inner),
            _ => return,
        };
        if let Some(var) = frame.unit.resolved().declared(name.id) {
            frame.initialise(var, value);
        }
    }

    /// A new function value for a function expression or declaration.
    pub(super) fn closure(&mut self, frame: &Frame, func: &Arc<Func>) -> Value {
        let name = func.name.as_ref().map(|name| name.name.clone());
        let line = frame.unit.tree.source.line_col(func.span.start).0;
        let info = FunctionInfo { line, ..function_info(func, name, Receiver::None) };
        self.function(frame, func.id, info, || Body::Func(func.clone()))
    }

    fn method(&mut self, frame: &Frame, decl: &StructDecl, func: &Arc<Func>) -> Value {
        let name = func.name.as_ref().map_or("", |name| &*name.name);
        let receiver = match &func.receiver {
            None => Receiver::Fields,
            Some(receiver) if receiver.is_mut => Receiver::MutSelf,
            Some(_) => Receiver::SelfValue,
        };
        let name = format!("{}.{name}", decl.name.name).into();
        let line = frame.unit.tree.source.line_col(func.span.start).0;
        let info = FunctionInfo { line, ..function_info(func, Some(name), receiver) };
        self.function(frame, func.id, info, || Body::Func(func.clone()))
    }

    fn function(
        &mut self,
        frame: &Frame,
        node: NodeId,
        info: FunctionInfo,
        body: impl FnOnce() -> Body,
    ) -> Value {
        let unit = &frame.unit;
        let func = unit.resolved().func(node);
        let piece = || Piece { info, func, body: body() };
        let code = self.code_of(unit, node, piece);
        let captures = &unit.resolved().func_info(func).captures;
        Function::make_static(code, captures.len(), |i| frame.captured(captures[i]))
    }

    /// The code of the function at a node.
    pub(super) fn code_of(
        &mut self,
        unit: &Rc<Unit>,
        node: NodeId,
        piece: impl FnOnce() -> Piece,
    ) -> &'static FunctionCode {
        self.codes.entry((unit.number(), node)).or_insert_with(|| {
            let Piece { info, func, body } = piece();
            let tree = TreeCode { unit: unit.clone(), func, body };
            Box::leak(Box::new(FunctionCode {
                info,
                proto: None,
                tree: Some(Box::new(tree)),
                file: unit.tree.source.name.clone(),
                module: Rc::as_ptr(&unit.body),
                index: node.0,
            }))
        })
    }

    /// The closure of a `spawn` block.
    pub(super) fn spawn_block(&mut self, frame: &Frame, body: &Arc<Block>) -> Value {
        self.function(frame, body.id, FunctionInfo::default(), || Body::Block(body.clone()))
    }

    #[inline(never)]
    fn struct_def(&mut self, frame: &Frame, decl: &Arc<StructDecl>) -> Value {
        let fields: Vec<Arc<str>> = decl.fields.iter().map(|f| f.name.name.clone()).collect();
        let decl_id = (frame.unit.number() << 32) | u64::from(decl.name.id.0);
        let def = StructDef::new(decl.name.name.clone(), decl_id, &fields, false);
        for func in &decl.methods {
            let Some(name) = &func.name else { continue };
            let method = self.method(frame, decl, func);
            def.set_method(name.name.clone(), method);
        }
        let defaults = (0..decl.fields.len()).map(|i| self.default(frame, decl, i));
        def.set_defaults(defaults.collect());
        Value::from_ref(def)
    }

    /// The default of a field: a literal's value, or the function that computes it.
    fn default(&mut self, frame: &Frame, decl: &Arc<StructDecl>, field: usize) -> Value {
        let Some(default) = &decl.fields[field].default else { return Value::NULL };
        match literal_of(default) {
            Some(literal) => literal_value(literal),
            None => {
                let body = || Body::Default(decl.clone(), field);
                self.function(frame, default.id, FunctionInfo::default(), body)
            }
        }
    }
}

fn literal_of(expr: &Expr) -> Option<&Literal> {
    match &expr.kind {
        ExprKind::Literal(literal) => Some(literal),
        ExprKind::Paren(inner) => literal_of(inner),
        _ => None,
    }
}

fn function_info(func: &Func, name: Option<Arc<str>>, receiver: Receiver) -> FunctionInfo {
    FunctionInfo {
        name,
        is_async: func.is_async,
        is_generator: func.is_generator,
        n_required: func.params.iter().filter(|p| p.default.is_none()).count() as u32,
        n_params: func.params.len() as u32,
        has_rest: func.rest.is_some(),
        receiver,
        line: 0,
    }
}

fn enum_def(decl: &EnumDecl) -> Value {
    let variants = decl.variants.iter().map(|variant| {
        let n_params = variant.params.as_ref().map(Vec::len);
        (variant.name.name.clone(), n_params)
    });
    let def = EnumDef::new(decl.name.name.clone(), variants.collect());
    Value::from_ref(Ref::new(def))
}
