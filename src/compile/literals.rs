//! Array and dict literals.
//!
//! Their elements do not count for the size of a function (LS 21), so a very long literal is
//! made in pieces: runs of constant elements become functions of their own, with constant pools
//! of their own, whose results are spread into the collection.

use ruff_runtime::bytecode::Const;
use ruff_runtime::objects::function::FunctionInfo;

use crate::resolve::Ref;
use crate::syntax::ast::{Elem, Entry, Expr, ExprKind, Literal};

use super::function::{Builder, Role, Val, Want};

/// Elements that one `new_array` takes; entries take two registers.
const GROUP: usize = 64;
/// Literals with more constants are made in pieces.
const MANY: usize = 4_000;
/// Constant elements of one piece.
const PIECE: usize = 1_000;
/// Constants of a function from which on all further literals are made in pieces.
const FULL: usize = 61_000;

impl<'a> Builder<'a> {
    pub(super) fn array(&mut self, elems: &'a [Elem], want: Want) -> Val {
        let base = self.top();
        let plain = |elem: &&Elem| matches!(elem, Elem::Value(_));
        let in_pieces = self.is_large(elems.iter().map(elem_expr));
        let n = elems.iter().take_while(plain).count().min(GROUP);
        let n = if in_pieces { 0 } else { n };
        for elem in &elems[..n] {
            self.push(elem_expr(elem));
        }
        self.free_to(base);
        if n == elems.len() {
            let dst = self.target(want);
            self.code.new_array(dst, base, n as u16);
            return Val::Temp(dst);
        }
        let array = self.alloc();
        self.code.new_array(array, base, n as u16);
        if in_pieces {
            self.append_pieces(array, elems);
        } else {
            self.append(array, &elems[n..]);
        }
        self.finish_collection(array, base, want)
    }

    /// Appends elements to the array in a register.
    pub(super) fn append(&mut self, array: u16, elems: &'a [Elem]) {
        for elem in elems {
            let mark = self.top();
            match elem {
                Elem::Value(expr) => {
                    let val = self.value(expr);
                    let src = self.reg(&val);
                    self.code.at(expr.span.start);
                    self.code.array_push(array, src);
                }
                Elem::Spread(dots, expr) => {
                    let val = self.value(expr);
                    let src = self.reg(&val);
                    self.code.at(dots.start);
                    self.code.array_spread(array, src);
                }
            }
            self.free_to(mark);
        }
    }

    /// A collection built step by step in the temporary at `base` goes where it is wanted.
    fn finish_collection(&mut self, built: u16, base: u16, want: Want) -> Val {
        match want {
            Want::Any | Want::Temp | Want::Nothing => Val::Temp(built),
            Want::Into(dst) | Want::Final(dst) => {
                self.free_to(base);
                self.code.mov(dst, built);
                Val::Temp(dst)
            }
        }
    }

    pub(super) fn dict(&mut self, expr: &'a Expr, entries: &'a [Entry], want: Want) -> Val {
        let base = self.top();
        let plain = |entry: &&Entry| !matches!(entry, Entry::Spread(..));
        let in_pieces = self.is_large(entries.iter().map(entry_value))
            || (entries.len() > PIECE && self.is_large(entries.iter().filter_map(entry_key)));
        let n = entries.iter().take_while(plain).count().min(GROUP / 2);
        let n = if in_pieces { 0 } else { n };
        for entry in &entries[..n] {
            self.entry(entry);
        }
        self.free_to(base);
        self.code.at(expr.span.start);
        if n == entries.len() {
            let dst = self.target(want);
            self.code.new_dict(dst, base, n as u16);
            return Val::Temp(dst);
        }
        let dict = self.alloc();
        self.code.new_dict(dict, base, n as u16);
        if in_pieces {
            self.insert_pieces(dict, expr, entries);
        } else {
            self.insert(dict, expr, &entries[n..]);
        }
        self.finish_collection(dict, base, want)
    }

    /// Adds entries to the dict in a register.
    fn insert(&mut self, dict: u16, expr: &'a Expr, entries: &'a [Entry]) {
        for entry in entries {
            let mark = self.top();
            if let Entry::Spread(dots, value) = entry {
                let val = self.value(value);
                let src = self.reg(&val);
                self.code.at(dots.start);
                self.code.dict_spread(dict, src);
            } else {
                self.entry(entry);
                self.code.at(expr.span.start);
                self.code.dict_insert(dict, mark, mark + 1);
            }
            self.free_to(mark);
        }
    }

    /// Key and value of an entry into the next two registers.
    fn entry(&mut self, entry: &'a Entry) {
        match entry {
            Entry::Bare(key, value) => {
                match self.unit.resolved.get(key.id) {
                    Ref::Var(var) => {
                        self.read(var, key.span.start, Want::Temp);
                    }
                    Ref::Native | Ref::Undefined => {
                        let reg = self.alloc();
                        self.load(reg, &Const::Str(key.name.clone()));
                    }
                }
                self.push(value);
            }
            Entry::Keyed(key, value) => {
                self.push(key);
                self.push(value);
            }
            Entry::Spread(_, value) => {
                self.push(value);
            }
        }
    }

    // ---- very long literals

    /// Whether the elements have more constants than this function should hold.
    fn is_large<'e>(&self, elems: impl Iterator<Item = &'e Expr>) -> bool {
        let limit = if self.code.consts.len() > FULL { 0 } else { MANY };
        let mut work: Vec<&Expr> = elems.collect();
        let mut n = 0;
        while let Some(expr) = work.pop() {
            n += usize::from(matches!(expr.kind, ExprKind::Literal(_)));
            if n > limit {
                return true;
            }
            if matches!(expr.kind, ExprKind::Array(_) | ExprKind::Dict(_)) {
                super::expr::operands(expr, &mut work);
            }
        }
        false
    }

    fn append_pieces(&mut self, array: u16, elems: &'a [Elem]) {
        let mut rest = elems;
        while !rest.is_empty() {
            let is_constant = |elem: &&Elem| matches!(elem, Elem::Value(expr) if is_constant(expr));
            let n = rest.iter().take(PIECE).take_while(is_constant).count();
            let (piece, after) = rest.split_at(n.max(1));
            if n == 0 {
                self.append(array, piece);
            } else {
                let mark = self.top();
                let part = self.call_piece(|child| child.array(piece, Want::Any));
                self.code.array_spread(array, part);
                self.free_to(mark);
            }
            rest = after;
        }
    }

    fn insert_pieces(&mut self, dict: u16, expr: &'a Expr, entries: &'a [Entry]) {
        let mut rest = entries;
        while !rest.is_empty() {
            let is_constant = |entry: &&Entry| self.is_constant_entry(entry);
            let n = rest.iter().take(PIECE).take_while(is_constant).count();
            let (piece, after) = rest.split_at(n.max(1));
            if n == 0 {
                self.insert(dict, expr, piece);
            } else {
                let mark = self.top();
                let part = self.call_piece(|child| child.dict(expr, piece, Want::Any));
                self.code.dict_spread(dict, part);
                self.free_to(mark);
            }
            rest = after;
        }
    }

    fn is_constant_entry(&self, entry: &Entry) -> bool {
        match entry {
            Entry::Bare(key, value) => {
                self.unit.resolved.declared(key.id).is_none() && is_constant(value)
            }
            Entry::Keyed(key, value) => {
                matches!(key.kind, ExprKind::Literal(Literal::Str(_) | Literal::Int(_)))
                    && is_constant(value)
            }
            Entry::Spread(..) => false,
        }
    }

    /// Calls a function made of a piece; gives the register with its result.
    fn call_piece(&mut self, compile: impl FnOnce(&mut Builder<'a>) -> Val) -> u16 {
        let mut child = Builder::new(self.unit, self.func, Role::Function);
        let val = compile(&mut child);
        let reg = child.reg(&val);
        child.code.ret(reg);
        let child = child.into_piece(FunctionInfo::default());
        let index = self.code.child(child);
        let part = self.alloc();
        self.code.closure(part, index);
        self.code.call(part, part, 0);
        part
    }
}

fn elem_expr(elem: &Elem) -> &Expr {
    match elem {
        Elem::Value(expr) | Elem::Spread(_, expr) => expr,
    }
}

fn entry_value(entry: &Entry) -> &Expr {
    match entry {
        Entry::Bare(_, value) | Entry::Keyed(_, value) | Entry::Spread(_, value) => value,
    }
}

fn entry_key(entry: &Entry) -> Option<&Expr> {
    match entry {
        Entry::Keyed(key, _) => Some(key),
        Entry::Bare(..) | Entry::Spread(..) => None,
    }
}

/// The expression is a literal, or a collection of literals.
fn is_constant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::Unary { operand, .. } => {
            matches!(operand.kind, ExprKind::Literal(Literal::Int(_) | Literal::Float(_)))
        }
        ExprKind::Array(elems) => {
            elems.iter().all(|elem| matches!(elem, Elem::Value(expr) if is_constant(expr)))
        }
        ExprKind::Dict(entries) => entries.iter().all(|entry| match entry {
            Entry::Keyed(key, value) => {
                matches!(key.kind, ExprKind::Literal(Literal::Str(_) | Literal::Int(_)))
                    && is_constant(value)
            }
            Entry::Bare(..) | Entry::Spread(..) => false,
        }),
        _ => false,
    }
}
