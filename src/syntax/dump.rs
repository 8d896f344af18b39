//! Tokens and trees as text, for `ruff dis --tokens`, `ruff dis --ast` and snapshots.
//!
//! Statements stand one per line, indented by block; expressions are parenthesised prefix forms
//! on one line. A chain of operators is written in a loop, so long chains are no problem.

mod expr;

use std::fmt::Write;

use self::expr::binary_text;
use super::ast::{
    Bind, Block, Case, CasePattern, CasePatternKind, Else, Expr, File, Func, Ident, ImportWhat,
    Match, Pattern, Place, PlaceRoot, Step, Stmt, StmtKind, StructDecl, TestKind, Type, TypeKind,
};
use super::lexer::lex;
use super::source::Source;

/// The tokens of a file, one per line: position, kind, text; `^` marks the first on a line.
pub fn tokens(source: &Source) -> String {
    let mut out = String::new();
    for token in lex(source).0 {
        let (line, column) = source.line_col(token.span.start);
        let text = &source.text[token.span.start as usize..token.span.end as usize];
        let mark = if token.first_on_line { " ^" } else { "" };
        line_of(&mut out, format_args!("{line}:{column} {:?} {text:?}{mark}", token.kind));
    }
    out
}

/// The tree of a file.
pub fn tree(file: &File) -> String {
    let mut dump = Dump { out: String::new(), indent: 0 };
    dump.stmts(&file.body);
    dump.out
}

fn line_of(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}

struct Dump {
    out: String,
    indent: usize,
}

impl Dump {
    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn stmts(&mut self, block: &Block) {
        for stmt in &block.stmts {
            self.start_line();
            self.stmt(stmt);
            self.text("\n");
        }
    }

    fn start_line(&mut self) {
        for _ in 0..self.indent {
            self.text("  ");
        }
    }

    /// ` {`, the statements, `}`.
    fn block(&mut self, block: &Block) {
        self.text(" {\n");
        self.indent += 1;
        self.stmts(block);
        self.indent -= 1;
        self.start_line();
        self.text("}");
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::Let { pattern, ty, value } => {
                self.text("let ");
                self.pattern(pattern);
                self.assigned(ty.as_ref(), value);
            }
            StmtKind::Const { name, ty, value } => {
                self.words(&["const ", &name.name]);
                self.assigned(ty.as_ref(), value);
            }
            StmtKind::Assign { place, ty, value } => {
                self.text("set ");
                self.place(place);
                self.assigned(ty.as_ref(), value);
            }
            StmtKind::Destructure { pattern, value } => {
                self.text("set ");
                self.pattern(pattern);
                self.assigned(None, value);
            }
            StmtKind::Compound { place, op, value, .. } => {
                self.words(&["update ", binary_text(*op), " "]);
                self.place(place);
                self.assigned(None, value);
            }
            StmtKind::Func { func, .. } => self.func(func),
            StmtKind::Struct(decl) => self.struct_decl(decl),
            StmtKind::Enum(decl) => {
                self.words(&["enum ", &decl.name.name]);
                for variant in &decl.variants {
                    self.words(&[" ", &variant.name.name]);
                    self.types(variant.params.as_deref());
                }
            }
            StmtKind::Import(import) => self.import(&import.path, &import.what),
            StmtKind::Export(stmt) => {
                self.text("export ");
                self.stmt(stmt);
            }
            StmtKind::If { .. }
            | StmtKind::While { .. }
            | StmtKind::Loop { .. }
            | StmtKind::For { .. }
            | StmtKind::Match(_)
            | StmtKind::Try { .. }
            | StmtKind::Return { .. }
            | StmtKind::Break
            | StmtKind::Continue
            | StmtKind::Test(_) => self.control(stmt),
        }
    }

    fn control(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::If { .. } => self.if_chain(stmt),
            StmtKind::While { cond, body } => {
                self.text("while ");
                self.expr(cond);
                self.block(body);
            }
            StmtKind::Loop { body } => {
                self.text("loop");
                self.block(body);
            }
            StmtKind::For { pattern, iterable, body, .. } => {
                self.text("for ");
                self.pattern(pattern);
                self.text(" in ");
                self.expr(iterable);
                self.block(body);
            }
            StmtKind::Match(found) => self.match_stmt(found),
            StmtKind::Try { body, name, handler } => {
                self.text("try");
                self.block(body);
                self.words(&[" except ", bind_text(name)]);
                self.block(handler);
            }
            StmtKind::Return { value } => {
                self.text("return");
                if let Some(value) = value {
                    self.text(" ");
                    self.expr(value);
                }
            }
            StmtKind::Break => self.text("break"),
            StmtKind::Continue => self.text("continue"),
            StmtKind::Test(test) => {
                match &test.kind {
                    TestKind::Test(name) => self.text(&format!("test {name:?}")),
                    TestKind::Group(name) => self.text(&format!("test_group {name:?}")),
                    TestKind::Setup => self.text("test_setup"),
                    TestKind::Teardown => self.text("test_teardown"),
                }
                self.block(&test.body);
            }
            _ => self.stmt(stmt),
        }
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            self.text(word);
        }
    }

    fn assigned(&mut self, ty: Option<&Type>, value: &Expr) {
        if let Some(ty) = ty {
            self.text(": ");
            self.ty(ty);
        }
        self.text(" := ");
        self.expr(value);
    }

    fn if_chain(&mut self, first: &Stmt) {
        let mut stmt = first;
        while let StmtKind::If { cond, then, otherwise } = &stmt.kind {
            self.text("if ");
            self.expr(cond);
            self.block(then);
            match otherwise.as_deref() {
                Some(Else::If(next)) => {
                    self.text(" else ");
                    stmt = next;
                }
                Some(Else::Block(block)) => {
                    self.text(" else");
                    return self.block(block);
                }
                None => return,
            }
        }
    }

    fn match_stmt(&mut self, found: &Match) {
        self.text("match ");
        self.expr(&found.subject);
        self.text(" {\n");
        for case in &found.cases {
            self.start_line();
            self.case(case);
            self.text("\n");
        }
        if let Some(block) = &found.default {
            self.start_line();
            self.text("default");
            self.block(block);
            self.text("\n");
        }
        self.start_line();
        self.text("}");
    }

    fn case(&mut self, case: &Case) {
        self.text("case ");
        self.separated(" | ", &case.patterns, Self::case_pattern);
        if let Some(guard) = &case.guard {
            self.text(" if ");
            self.expr(guard);
        }
        self.block(&case.body);
    }

    fn case_pattern(&mut self, pattern: &CasePattern) {
        let binds = match &pattern.kind {
            CasePatternKind::Wildcard => return self.text("_"),
            CasePatternKind::Literal(value) => return self.literal(value),
            CasePatternKind::Name { name, binds } => {
                self.text(&name.name);
                binds
            }
            CasePatternKind::Variant { enum_name, variant, binds } => {
                self.words(&[&enum_name.name, "::", &variant.name]);
                binds
            }
        };
        if let Some(binds) = binds {
            self.text("(");
            self.separated(" ", binds, |dump, bind| dump.text(bind_text(bind)));
            self.text(")");
        }
    }

    fn separated<T>(&mut self, separator: &str, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text(separator);
            }
            each(self, item);
        }
    }

    fn import(&mut self, path: &[Ident], what: &ImportWhat) {
        let name = |dump: &mut Self, ident: &Ident| dump.text(&ident.name);
        self.text("import ");
        self.separated(".", path, name);
        if let ImportWhat::Names(names) = what {
            self.text(": ");
            self.separated(" ", names, name);
        }
    }

    fn struct_decl(&mut self, decl: &StructDecl) {
        self.words(&["struct ", &decl.name.name, " {\n"]);
        self.indent += 1;
        for field in &decl.fields {
            self.start_line();
            self.words(&["field ", &field.name.name]);
            if let Some(ty) = &field.ty {
                self.text(": ");
                self.ty(ty);
            }
            if let Some(default) = &field.default {
                self.text(" = ");
                self.expr(default);
            }
            self.text("\n");
        }
        for method in &decl.methods {
            self.start_line();
            self.func(method);
            self.text("\n");
        }
        self.indent -= 1;
        self.start_line();
        self.text("}");
    }

    fn func(&mut self, func: &Func) {
        self.text(if func.is_async { "async func" } else { "func" });
        self.text(if func.is_generator { "*" } else { "" });
        if let Some(name) = &func.name {
            self.words(&[" ", &name.name]);
        }
        self.text("(");
        if let Some(receiver) = &func.receiver {
            self.text(if receiver.is_mut { "mut self " } else { "self " });
        }
        self.separated(" ", &func.params, |dump, param| {
            dump.text(bind_text(&param.name));
            if let Some(ty) = &param.ty {
                dump.text(": ");
                dump.ty(ty);
            }
            if let Some(default) = &param.default {
                dump.text(" = ");
                dump.expr(default);
            }
        });
        if let Some(rest) = &func.rest {
            self.words(&[" ...", &rest.name]);
        }
        self.text(")");
        if let Some(result) = &func.result {
            self.text(" -> ");
            self.ty(result);
        }
        self.block(&func.body);
    }

    fn ty(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Name { name, args } => {
                self.text(&name.name);
                self.types((!args.is_empty()).then_some(args));
            }
            TypeKind::Null => self.text("null"),
            TypeKind::Array(element) => {
                self.text("[");
                self.ty(element);
                self.text("]");
            }
            TypeKind::Func { params, result } => {
                self.text("func");
                self.types(params.as_deref());
                if let Some(result) = result {
                    self.text(" -> ");
                    self.ty(result);
                }
            }
        }
        self.text(if ty.nullable { "?" } else { "" });
    }

    fn types(&mut self, types: Option<&[Type]>) {
        if let Some(types) = types {
            self.text("(");
            self.separated(" ", types, Self::ty);
            self.text(")");
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match pattern {
            Pattern::Name(name) => self.text(&name.name),
            Pattern::Wildcard(_) => self.text("_"),
            Pattern::Array { items, rest, .. } => {
                self.text("[");
                self.separated(" ", items, Self::pattern);
                self.rest(rest.as_ref());
                self.text("]");
            }
            Pattern::Dict { items, rest, .. } => {
                self.text("{");
                self.separated(" ", items, |dump, name| dump.text(&name.name));
                self.rest(rest.as_ref());
                self.text("}");
            }
        }
    }

    fn rest(&mut self, rest: Option<&Bind>) {
        if let Some(bind) = rest {
            self.words(&[" ...", bind_text(bind)]);
        }
    }

    fn place(&mut self, place: &Place) {
        match &place.root {
            PlaceRoot::Name(name) => self.text(&name.name),
            PlaceRoot::SelfRef { .. } => self.text("self"),
        }
        for step in &place.steps {
            match step {
                Step::Field(name) => self.words(&[".", &name.name]),
                Step::Index { index, .. } => {
                    self.text("[");
                    self.expr(index);
                    self.text("]");
                }
            }
        }
    }
}

fn bind_text(bind: &Bind) -> &str {
    bind.as_ref().map_or("_", |name| &name.name)
}
