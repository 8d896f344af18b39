//! Imports: running modules once, and declaring what they export (LS 18).

use std::sync::Arc;

use ruff_runtime::error::{Error, Kind, Result};
use ruff_runtime::semantics::index;
use ruff_runtime::value::Value;

use super::Evaluator;
use super::frame::{Eval, Frame};
use crate::resolve::VarKind;
use crate::syntax::ast::{Import, ImportWhat, NodeId};
use crate::syntax::source::Span;

impl Evaluator {
    #[inline(never)]
    pub(super) fn import_statement(&mut self, frame: &mut Frame, import: &Import) -> Eval<()> {
        let path: Vec<Arc<str>> = import.path.iter().map(|part| part.name.clone()).collect();
        let importer = frame.unit.tree.source.name.clone();
        let module = self.import_module(&path, &importer);
        let module = frame.at(import.span, module)?;
        match &import.what {
            ImportWhat::Module { id } => declare_all(frame, *id, import.span, &module)?,
            ImportWhat::Names(names) => {
                for name in names {
                    let value = frame.at(import.span, index::field(&module, &name.name))?;
                    self.assign_name(frame, name, value)?;
                }
            }
        }
        Ok(())
    }

    /// The value of a module, which runs at its first import.
    pub(super) fn import_module(
        &mut self,
        path: &[Arc<str>],
        importer: &Arc<str>,
    ) -> Result<Value> {
        let tree = self.loader.load(path, importer)?;
        if let Some(module) = self.modules.get(&tree.real_path) {
            return Ok(module.clone());
        }
        let real_path = tree.real_path.clone();
        if let Some(start) = self.loading.iter().position(|(path, _)| *path == real_path) {
            return Err(circular(self.loading[start..].iter().map(|(_, name)| &**name)));
        }
        let name = tree.name.clone();
        self.loading.push((real_path.clone(), name.clone()));
        let unit = self.add_unit(tree, Some(&real_path));
        let result = self.run_top_level(&unit);
        self.loading.pop();
        match result {
            Ok(()) => {
                let module = unit.module_value();
                self.modules.insert(real_path, module.clone());
                Ok(module)
            }
            Err(error) if error.is_catchable() => Err(self.failed(&name, error)),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, name: &str, cause: Error) -> Error {
        let message = format!("Failed to evaluate module '{name}': {}", cause.message);
        let mut error = Error::new(Kind::ImportError, message);
        error.cause = self.isolate.errors.make(cause);
        error
    }
}

/// `import m`: a copy of each export, and `m` itself.
fn declare_all(frame: &mut Frame, id: NodeId, span: Span, module: &Value) -> Eval<()> {
    let unit = frame.unit.clone();
    let vars = unit.resolved().import_vars.get(&id).map_or(&[][..], Vec::as_slice);
    for (name, var) in vars {
        let value = match unit.var(*var).kind {
            VarKind::Module => module.clone(),
            _ => frame.at(span, index::field(module, name))?,
        };
        let assigned = frame.assign(*var, value);
        frame.at(span, assigned)?;
    }
    Ok(())
}

#[cold]
fn circular<'a>(names: impl Iterator<Item = &'a str>) -> Error {
    let mut chain: Vec<&str> = names.collect();
    chain.extend(chain.first().copied());
    let message = format!("Circular import detected: {}", chain.join(" -> "));
    Error::new(Kind::ImportError, message)
}
