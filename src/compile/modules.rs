//! Imports, and what a module is besides its code: slots, exports, tests.

use std::sync::Arc;

use ruff_runtime::bytecode::TestItem;

use crate::resolve::{Resolved, Storage, VarId, VarKind};
use crate::syntax::ast::{Block, Import, ImportWhat, StmtKind, Test, TestKind};

use super::function::{Builder, Val};

impl<'a> Builder<'a> {
    /// `import m` and `from m import a, b`
    pub(super) fn import(&mut self, import: &'a Import) {
        let base = self.top();
        let module = self.alloc();
        let path = import.path.iter().map(|part| part.name.clone()).collect();
        let path = self.code.path(path);
        let offset = import.span.start;
        self.code.at(offset);
        self.code.import(module, path);
        match &import.what {
            ImportWhat::Module { id } => {
                let resolved = self.unit.resolved;
                let vars = resolved.import_vars.get(id).map_or(&[][..], Vec::as_slice);
                for (name, var) in vars {
                    self.import_var(module, name, *var, offset);
                }
            }
            ImportWhat::Names(names) => {
                for name in names {
                    match self.unit.resolved.declared(name.id) {
                        Some(var) => self.import_copy(module, &name.name, var, offset),
                        None => {
                            // Not known when compiling: nothing is declared, but it may be missing.
                            let mark = self.top();
                            let copy = self.alloc();
                            let export = self.code.name(&name.name);
                            self.code.at(offset);
                            self.code.get_export(copy, module, export);
                            self.code.clear(copy);
                            self.free_to(mark);
                        }
                    }
                }
            }
        }
        self.code.clear(module);
        self.free_to(base);
    }

    fn import_var(&mut self, module: u16, name: &Arc<str>, var: VarId, offset: u32) {
        if self.unit.resolved.var(var).kind == VarKind::Module {
            self.write(var, &Val::Temp(module), offset);
        } else {
            self.import_copy(module, name, var, offset);
        }
    }

    fn import_copy(&mut self, module: u16, name: &Arc<str>, var: VarId, offset: u32) {
        let mark = self.top();
        let dst = match self.register_of(var) {
            Some(reg) => reg,
            None => self.alloc(),
        };
        let export = self.code.name(name);
        self.code.at(offset);
        self.code.get_export(dst, module, export);
        self.write(var, &Val::Temp(dst), offset);
        self.free_to(mark);
    }

    /// Compiles the tests of a block, in text order.
    pub(super) fn tests(&mut self, block: &'a Block) -> Vec<TestItem> {
        let mut items = Vec::new();
        for stmt in &block.stmts {
            let StmtKind::Test(Test { kind, body }) = &stmt.kind else { continue };
            items.push(match kind {
                TestKind::Group(name) => {
                    TestItem::Group { name: name.clone(), items: self.tests(body) }
                }
                TestKind::Test(name) => {
                    let line = self.unit.source.line(stmt.span.start);
                    let proto = self.test_child(body);
                    TestItem::Test { name: name.clone(), proto, line }
                }
                TestKind::Setup => TestItem::Setup { proto: self.test_child(body) },
                TestKind::Teardown => TestItem::Teardown { proto: self.test_child(body) },
            });
        }
        items
    }

    fn test_child(&mut self, body: &'a Block) -> u16 {
        let id = self.unit.resolved.func(body.id);
        self.test_body(body, id)
    }
}

/// The names of the module's variables by slot.
pub(super) fn slot_names(resolved: &Resolved) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = vec!["".into(); resolved.n_module_slots as usize];
    for var in &resolved.vars {
        if let Storage::Module(slot) = var.storage {
            names[slot as usize] = var.name.clone();
        }
    }
    names
}

/// Exported names and their slots.
pub(super) fn exports(resolved: &Resolved) -> Vec<(Arc<str>, u32)> {
    let slot = |var: VarId| match resolved.var(var).storage {
        Storage::Module(slot) => Some(slot),
        Storage::Register | Storage::CapturedValue | Storage::Cell => None,
    };
    let exports = resolved.exports.iter();
    exports.filter_map(|(export, var)| Some((export.name.clone(), slot(*var)?))).collect()
}
