//! Running modules: the main program, imports (LS 18) and tests.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Vm;
use super::machine::{Machine, Step, Stop};
use super::stack::flags;
use crate::bytecode::operand::Name;
use crate::bytecode::{CompiledModule, FunctionProto, ops};
use crate::concurrency::tasks;
use crate::error::{Error, Kind, Result};
use crate::heap::{Obj, Ref};
use crate::objects::function::{Function, FunctionCode};
use crate::objects::module::{ModuleBody, ModuleObj, Origin};
use crate::semantics::index;
use crate::value::{Value, View};

/// The modules of an isolate.
#[derive(Default)]
pub(super) struct Modules {
    /// Imported modules by real path.
    loaded: Vec<(Arc<str>, Value)>,
    /// Modules whose import is under way: name and real path.
    loading: Vec<(Arc<str>, Arc<str>)>,
    /// The code of each module instance's functions, by the number of its origin.
    codes: FxHashMap<u64, Box<[*const FunctionCode]>>,
    /// The code of the main program, whose children are its tests.
    main: Option<*const FunctionCode>,
}

impl Modules {
    fn circular(&self, name: &Arc<str>, real_path: &Arc<str>) -> Option<Error> {
        let at = self.loading.iter().position(|(_, path)| path == real_path)?;
        let mut chain: Vec<&str> = self.loading[at..].iter().map(|(name, _)| &**name).collect();
        chain.push(name);
        let message = format!("Circular import detected: {}", chain.join(" -> "));
        Some(Error::new(Kind::ImportError, message))
    }
}

impl Vm {
    /// Runs a program's top level.
    ///
    /// # Errors
    /// What is not caught; also `exit` and interruptions.
    pub fn run_main(&mut self, module: &Arc<CompiledModule>) -> Result<()> {
        let (code, _) = self.instantiate(module, None);
        self.modules.main = Some(code);
        self.run_as_main(code)
    }

    /// Runs a test, setup or teardown of the program whose top level has run: the child function
    /// `proto` of the top level.
    ///
    /// # Errors
    /// What the body does not catch; also `exit` and interruptions.
    pub fn run_child(&mut self, proto: u16) -> Result<()> {
        let Some(main) = self.modules.main else { return Ok(()) };
        // SAFETY: code lives as long as the isolate.
        let child = unsafe { super::stack::loaded(main) }.children[usize::from(proto)];
        self.run_as_main(child)
    }

    /// Runs code without parameters as the main task.
    fn run_as_main(&mut self, code: *const FunctionCode) -> Result<()> {
        tasks::run_main(self, |vm: &mut Vm| vm.run_top(code))
    }

    /// Loads a module's code and makes an instance of its variables.
    fn instantiate(
        &mut self,
        module: &Arc<CompiledModule>,
        real_path: Option<Arc<str>>,
    ) -> (*const FunctionCode, Rc<ModuleBody>) {
        self.instance_of(module, &module.top, Origin::new(module.clone(), real_path))
    }

    /// An instance of a module whose top level runs the code `top`.
    fn instance_of(
        &mut self,
        module: &CompiledModule,
        top: &Arc<FunctionProto>,
        origin: Origin,
    ) -> (*const FunctionCode, Rc<ModuleBody>) {
        let (name, file) = (module.name.clone(), module.source.file.clone());
        let (names, exports) = (module.slot_names.clone(), module.exports.clone());
        let number = origin.number;
        let body = ModuleBody::new(name, file, names, exports, origin);
        let codes = self.load(top, &body);
        let code = codes[0];
        self.modules.codes.insert(number, codes);
        self.isolate.modules.push(body.clone());
        (code, body)
    }

    /// See `Host::adopt_module`.
    pub(super) fn copy_of_module(&mut self, origin: &Origin) -> Rc<ModuleBody> {
        let Some(module) = origin.template.downcast_ref::<CompiledModule>() else {
            return ModuleBody::new("".into(), "".into(), Vec::new(), Vec::new(), origin.clone());
        };
        let top = Arc::new(module.top.fresh());
        let (_, body) = self.instance_of(module, &top, origin.clone());
        if let Some(path) = &origin.real_path {
            let value = Value::from_ref(Ref::new(ModuleObj { body: body.clone() }));
            self.modules.loaded.push((path.clone(), value));
        }
        body
    }

    /// See `Host::code_at`.
    pub(super) fn code_in(&self, module: &ModuleBody, index: u32) -> *const FunctionCode {
        let codes = self.modules.codes.get(&module.origin.number);
        let code = codes.and_then(|codes| codes.get(index as usize));
        code.copied().unwrap_or(std::ptr::null())
    }

    /// Runs the closure of a `spawn` block.
    pub(super) fn run_closure(&mut self, block: &Value) -> Result<Value> {
        let View::Function(function) = block.view() else { return Ok(Value::NULL) };
        let code = function.code_ptr();
        let window = self.check_top(code)?;
        let closure = std::mem::ManuallyDrop::new(block.clone()).payload() as *mut Obj<Function>;
        // SAFETY: the code is this VM's, as the limits were just checked; the frame owns the
        // count of the closure that was taken here.
        unsafe { self.push_frame(code, closure, window, flags::BOUNDARY) };
        self.complete(Ok(super::enter::Begun::Entered))
    }

    /// The window for code that is no function of the program.
    fn check_top(&self, code: *const FunctionCode) -> Result<*mut Value> {
        let window = self.free_registers();
        // SAFETY: the code was loaded by this VM.
        let loaded = unsafe { super::stack::loaded(code) };
        let end = window.wrapping_add(loaded.call.n_registers as usize);
        if end > self.native.stack_limit || self.frame.wrapping_add(2) >= self.frame_limit {
            let limit = self.native.depth_limit;
            let name = &loaded.proto.source.file;
            let message =
                format!("Maximum call stack depth of {limit} exceeded while calling {name}");
            return Err(Error::new(Kind::RecursionError, message));
        }
        Ok(window)
    }

    /// Runs code without parameters that is no function of the program.
    fn run_top(&mut self, code: *const FunctionCode) -> Result<()> {
        let window = self.check_top(code)?;
        // SAFETY: the code was loaded by this VM; the limits were just checked.
        unsafe { self.push_frame(code, std::ptr::null_mut(), window, flags::BOUNDARY) };
        self.complete(Ok(super::enter::Begun::Entered)).map(drop)
    }

    /// The module at `path` for the file `importer`; runs it at its first import.
    pub(super) fn import_module(
        &mut self,
        path: &[Arc<str>],
        importer: &Arc<str>,
    ) -> Result<Value> {
        let request = (importer.clone(), path.to_vec());
        if let Some(module) = self.isolate.imports.get(&request) {
            return Ok(module.clone());
        }
        let loaded = self.loader.load(path, importer)?;
        let known = self.modules.loaded.iter().find(|(path, _)| *path == loaded.real_path);
        if let Some((_, module)) = known {
            return Ok(module.clone());
        }
        let name: Arc<str> = path.join(".").into();
        if let Some(error) = self.modules.circular(&name, &loaded.real_path) {
            return Err(error);
        }
        let (code, body) = self.instantiate(&loaded.module, Some(loaded.real_path.clone()));
        self.modules.loading.push((name.clone(), loaded.real_path.clone()));
        let result = self.run_top(code);
        self.modules.loading.pop();
        if let Err(error) = result {
            return Err(self.failed_to_evaluate(&name, error));
        }
        let module = Value::from_ref(Ref::new(ModuleObj { body }));
        self.modules.loaded.push((loaded.real_path, module.clone()));
        self.isolate.imports.insert(request, module.clone());
        Ok(module)
    }

    fn failed_to_evaluate(&self, name: &str, error: Error) -> Error {
        if !error.is_catchable() {
            return error;
        }
        let message = format!("Failed to evaluate module '{name}': {}", error.message);
        let mut wrapped = Error::new(Kind::ImportError, message);
        wrapped.cause = self.isolate.errors.make(error);
        wrapped
    }

    #[inline(never)]
    fn import_desc(&mut self, desc: usize) -> Result<Value> {
        // SAFETY: there is a frame on top; prototypes live as long as the isolate.
        let proto = unsafe { (*self.frame).loaded().proto.clone() };
        self.import_module(&proto.paths[desc], &proto.source.file)
    }
}

impl Machine {
    #[inline(always)]
    pub(super) fn import(&mut self, op: ops::Import) -> Step {
        self.save();
        let module = self.vm().import_desc(op.desc.idx());
        let module = self.checked(module)?;
        self.set(op.dst.idx(), module);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn get_export(&mut self, op: ops::GetExport) -> Step {
        let value = self.export_slow(op.module.idx(), op.name)?;
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(never)]
    fn export_slow(mut self, module: usize, name: Name) -> std::result::Result<Value, Stop> {
        let name = super::moves::text_of(self.konst(name.idx()));
        let value = match self.reg(module).view() {
            View::Module(module) => index::export(module, name),
            _ => Err(index::no_fields(name)),
        };
        self.checked(value)
    }
}
