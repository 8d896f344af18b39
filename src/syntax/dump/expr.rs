//! Expressions as prefix forms on one line.

use super::Dump;
use crate::syntax::ast::{
    BinaryOp, Elem, Entry, Expr, ExprKind, Ident, Literal, LogicOp, StrPart, UnaryOp,
};

impl Dump {
    /// An expression: the chain it ends, from the outside in for the openings and from the
    /// inside out for the rest.
    pub(super) fn expr(&mut self, expr: &Expr) {
        let mut links = Vec::new();
        let mut first = expr;
        while let Some(left) = first.left() {
            self.open_link(first);
            links.push(first);
            first = left;
        }
        self.primary(first);
        for link in links.into_iter().rev() {
            self.close_link(link);
        }
    }

    fn open_link(&mut self, link: &Expr) {
        let word = match &link.kind {
            ExprKind::Binary { op, .. } => binary_text(*op),
            ExprKind::Logic { op, .. } => match op {
                LogicOp::And => "&&",
                LogicOp::Or => "||",
                LogicOp::Coalesce => "??",
            },
            ExprKind::Pipe { .. } => "|>",
            ExprKind::Call { .. } => "call",
            ExprKind::Method { null_safe: false, .. } => "method",
            ExprKind::Method { .. } => "method?",
            ExprKind::Field { null_safe: false, .. } => "field",
            ExprKind::Field { .. } => "field?",
            ExprKind::Index { .. } => "index",
            _ => "try",
        };
        self.words(&["(", word, " "]);
    }

    fn close_link(&mut self, link: &Expr) {
        match &link.kind {
            ExprKind::Binary { rhs: right, .. }
            | ExprKind::Logic { rhs: right, .. }
            | ExprKind::Pipe { rhs: right, .. }
            | ExprKind::Index { index: right, .. } => {
                self.text(" ");
                self.expr(right);
            }
            ExprKind::Call { args, .. } => self.elems(args),
            ExprKind::Method { name, args, .. } => {
                self.words(&[" ", &name.name]);
                self.elems(args);
            }
            ExprKind::Field { name, .. } => self.words(&[" ", &name.name]),
            _ => {}
        }
        self.text(")");
    }

    fn elems(&mut self, elems: &[Elem]) {
        for elem in elems {
            self.text(" ");
            match elem {
                Elem::Value(value) => self.expr(value),
                Elem::Spread(_, value) => {
                    self.text("...");
                    self.expr(value);
                }
            }
        }
    }

    fn primary(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(value) => self.literal(value),
            ExprKind::Interpolation(parts) => self.interpolation(parts),
            ExprKind::Name(name) => self.text(name),
            ExprKind::SelfRef => self.text("self"),
            ExprKind::Paren(inner) => self.form("paren", inner),
            ExprKind::Array(elems) => {
                self.text("(array");
                self.elems(elems);
                self.text(")");
            }
            ExprKind::Dict(entries) => self.dict(entries),
            ExprKind::Func(func) => self.func(func),
            ExprKind::StructLit { module, name, fields } => {
                self.text("(new ");
                self.qualified(module.as_ref(), name);
                for (field, value) in fields {
                    self.words(&[" ", &field.name, ": "]);
                    self.expr(value);
                }
                self.text(")");
            }
            ExprKind::Tag { module, enum_name, variant, args } => {
                self.text("(tag ");
                self.qualified(module.as_ref(), enum_name);
                self.words(&["::", &variant.name]);
                if let Some(args) = args {
                    self.text(" call");
                    self.elems(args);
                }
                self.text(")");
            }
            ExprKind::Unary { op: UnaryOp::Neg, operand, .. } => self.form("neg", operand),
            ExprKind::Unary { op: UnaryOp::Not, operand, .. } => self.form("not", operand),
            ExprKind::Await { operand, .. } => self.form("await", operand),
            ExprKind::Yield { value: Some(value), .. } => self.form("yield", value),
            ExprKind::Yield { value: None, .. } => self.text("(yield)"),
            ExprKind::Spawn { body } => {
                self.text("spawn");
                self.block(body);
            }
            ExprKind::Error => self.text("<error>"),
            // The links of chains have been taken apart by `expr`.
            ExprKind::Binary { .. }
            | ExprKind::Logic { .. }
            | ExprKind::Pipe { .. }
            | ExprKind::Call { .. }
            | ExprKind::Method { .. }
            | ExprKind::Field { .. }
            | ExprKind::Index { .. }
            | ExprKind::Try { .. } => self.expr(expr),
        }
    }

    fn form(&mut self, word: &str, operand: &Expr) {
        self.words(&["(", word, " "]);
        self.expr(operand);
        self.text(")");
    }

    fn qualified(&mut self, module: Option<&Ident>, name: &Ident) {
        if let Some(module) = module {
            self.words(&[&module.name, "."]);
        }
        self.text(&name.name);
    }

    fn interpolation(&mut self, parts: &[StrPart]) {
        self.text("(text");
        for part in parts {
            self.text(" ");
            match part {
                StrPart::Text(text) => self.text(&format!("{text:?}")),
                StrPart::Expr(expr) => self.expr(expr),
            }
        }
        self.text(")");
    }

    fn dict(&mut self, entries: &[Entry]) {
        self.text("(dict");
        for entry in entries {
            self.text(" ");
            let value = match entry {
                Entry::Bare(name, value) => {
                    self.words(&[&name.name, ": "]);
                    value
                }
                Entry::Keyed(key, value) => {
                    self.text("[");
                    self.expr(key);
                    self.text("]: ");
                    value
                }
                Entry::Spread(_, value) => {
                    self.text("...");
                    value
                }
            };
            self.expr(value);
        }
        self.text(")");
    }

    pub(super) fn literal(&mut self, value: &Literal) {
        let text = match value {
            Literal::Null => "null".to_owned(),
            Literal::Bool(value) => value.to_string(),
            Literal::Int(value) => value.to_string(),
            Literal::Float(value) => format!("{value:?}"),
            Literal::Str(value) => format!("{value:?}"),
        };
        self.text(&text);
    }
}

/// An operator as it is written.
pub(super) fn binary_text(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Gt => ">",
        BinaryOp::Le => "<=",
        BinaryOp::Ge => ">=",
    }
}
