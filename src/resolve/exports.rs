//! The exports of a module, known from its text alone (LS 18.3, 18.4).
//!
//! Importers are compiled against this list, the resolver attaches variables to it; both use
//! [`exported_names`], so a name is exported in both or in neither.

use std::collections::HashSet;
use std::sync::Arc;

use super::declare::pattern_names;
use super::{Export, ExportKind};
use crate::syntax::ast::{EnumDecl, File, Ident, PlaceRoot, Stmt, StmtKind, StructDecl};

/// The exports of a file in text order; of two exports of one name the first.
pub fn exports_of(file: &File) -> Vec<Export> {
    exported_names(file)
        .into_iter()
        .map(|(ident, kind)| Export { name: ident.name.clone(), kind })
        .collect()
}

/// The identifiers that `export` statements of the top level introduce, each name once.
pub(super) fn exported_names(file: &File) -> Vec<(&Ident, ExportKind)> {
    let mut names = Vec::new();
    for stmt in &file.body.stmts {
        if let StmtKind::Export(inner) = &stmt.kind {
            names_of_statement(inner, &mut names);
        }
    }
    let mut seen = HashSet::new();
    names.retain(|(ident, _)| seen.insert(ident.name.clone()));
    names
}

fn names_of_statement<'a>(stmt: &'a Stmt, names: &mut Vec<(&'a Ident, ExportKind)>) {
    match &stmt.kind {
        StmtKind::Let { pattern, .. } | StmtKind::Destructure { pattern, .. } => {
            let idents = pattern_names(pattern);
            names.extend(idents.into_iter().map(|ident| (ident, ExportKind::Variable)));
        }
        StmtKind::Assign { place, .. } => {
            if let (PlaceRoot::Name(ident), []) = (&place.root, place.steps.as_slice()) {
                names.push((ident, ExportKind::Variable));
            }
        }
        StmtKind::Const { name, .. } => names.push((name, ExportKind::Const)),
        StmtKind::Func { name, .. } => names.push((name, ExportKind::Func)),
        StmtKind::Struct(decl) => names.push((&decl.name, struct_kind(decl))),
        StmtKind::Enum(decl) => names.push((&decl.name, enum_kind(decl))),
        StmtKind::Expr(_)
        | StmtKind::Compound { .. }
        | StmtKind::Import(_)
        | StmtKind::Export(_)
        | StmtKind::If { .. }
        | StmtKind::While { .. }
        | StmtKind::Loop { .. }
        | StmtKind::For { .. }
        | StmtKind::Match(_)
        | StmtKind::Try { .. }
        | StmtKind::Return { .. }
        | StmtKind::Break
        | StmtKind::Continue
        | StmtKind::Test(_) => {}
    }
}

fn struct_kind(decl: &StructDecl) -> ExportKind {
    ExportKind::Struct { fields: decl.fields.iter().map(|f| f.name.name.clone()).collect() }
}

fn enum_kind(decl: &EnumDecl) -> ExportKind {
    let variants = decl.variants.iter();
    let variants: Vec<(Arc<str>, Option<usize>)> =
        variants.map(|v| (v.name.name.clone(), v.params.as_ref().map(Vec::len))).collect();
    ExportKind::Enum { variants }
}
