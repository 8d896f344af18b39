//! Imports (LS 18): what `import` and `from` declare.
//!
//! Export lists are asked for once per module path. A module that cannot be found declares
//! nothing; the statement raises when it is executed.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::declare::Declaration;
use super::scope::Resolver;
use super::{Export, ExportKind, Ref, VarKind};
use crate::syntax::ast::{Ident, Import, ImportWhat, NodeId};

/// Variant names of an enum and the number of values each takes.
pub(super) type Variants = HashMap<Arc<str>, Option<usize>>;

/// A module as its importers see it.
pub(super) struct Module {
    pub exports: Vec<Export>,
    index: HashMap<Arc<str>, usize>,
    enums: HashMap<Arc<str>, Rc<Variants>>,
}

impl Module {
    fn new(exports: Vec<Export>) -> Self {
        let names = exports.iter().enumerate();
        let index = names.map(|(i, export)| (export.name.clone(), i)).collect();
        let mut enums = HashMap::new();
        for export in &exports {
            if let ExportKind::Enum { variants } = &export.kind {
                enums.insert(export.name.clone(), Rc::new(variant_table(variants)));
            }
        }
        Module { exports, index, enums }
    }

    fn kind(&self, name: &str) -> Option<&ExportKind> {
        self.index.get(name).map(|&i| &self.exports[i].kind)
    }

    /// The variants of an exported enum.
    pub(super) fn variants(&self, name: &str) -> Option<Rc<Variants>> {
        self.enums.get(name).cloned()
    }
}

fn variant_table(variants: &[(Arc<str>, Option<usize>)]) -> Variants {
    let mut table = Variants::new();
    for (name, params) in variants {
        table.entry(name.clone()).or_insert(*params);
    }
    table
}

impl Resolver<'_> {
    /// The module under `path`, asked for once.
    fn module(&mut self, path: &[Ident]) -> Option<Rc<Module>> {
        let path: Vec<Arc<str>> = path.iter().map(|part| part.name.clone()).collect();
        if let Some(known) = self.modules.get(&path) {
            return known.clone();
        }
        let module = self.outside.exports(&path).map(|exports| Rc::new(Module::new(exports)));
        self.modules.insert(path, module.clone());
        module
    }

    /// Declares the names of an import statement that ends at `ready`.
    pub(super) fn import(&mut self, import: &Import, ready: u32) {
        let module = self.module(&import.path);
        match &import.what {
            ImportWhat::Module { id } => self.import_all(import, *id, module.as_ref(), ready),
            ImportWhat::Names(names) => {
                for name in names {
                    self.import_name(name, module.as_ref(), ready);
                }
            }
        }
    }

    fn import_all(&mut self, import: &Import, id: NodeId, module: Option<&Rc<Module>>, ready: u32) {
        let mut vars = Vec::new();
        if let (Some(own), Some(module)) = (import.path.first(), module) {
            for export in &module.exports {
                let kind = VarKind::Imported(export.kind.clone());
                let copy = Declaration { name: &export.name, span: own.span, kind, ready };
                vars.push((export.name.clone(), self.declare_imported(copy, module)));
            }
            if module.kind(&own.name).is_none() && !self.reject_fixed(own) {
                let kind = VarKind::Module;
                let constant = Declaration { name: &own.name, span: own.span, kind, ready };
                let var = self.declare_imported(constant, module);
                self.set_ref(own.id, Ref::Var(var));
                vars.push((own.name.clone(), var));
            }
        }
        self.out.import_vars.insert(id, vars);
    }

    /// A name that the module does not export is declared too: the import raises.
    fn import_name(&mut self, name: &Ident, module: Option<&Rc<Module>>, ready: u32) {
        let Some(module) = module else { return };
        if self.reject_fixed(name) {
            return;
        }
        let kind = module.kind(&name.name).cloned().unwrap_or(ExportKind::Variable);
        let kind = VarKind::Imported(kind);
        let copy = Declaration { name: &name.name, span: name.span, kind, ready };
        let var = self.declare_imported(copy, module);
        self.set_ref(name.id, Ref::Var(var));
    }
}
