//! A loaded module: its variables, and the value that `import m` gives.

use std::any::Any;
use std::cell::{Cell, OnceCell, UnsafeCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bytecode::{CompiledModule, fixed};
use crate::value::{Object, Tag, Value};

/// What a module is made of, in the form of the engine; shared by all isolates.
pub type Template = Arc<dyn Any + Send + Sync>;

/// Where a module instance comes from.
#[derive(Clone)]
pub struct Origin {
    /// Shared by an instance and its copies in other isolates; 0 for the predefined module.
    pub number: u64,
    pub template: Template,
    /// The file's path after resolving links; `None` for the main program.
    pub real_path: Option<Arc<str>>,
}

impl Origin {
    /// The origin of an instance that is no copy.
    pub fn new(template: Template, real_path: Option<Arc<str>>) -> Origin {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Origin { number: NEXT.fetch_add(1, Ordering::Relaxed), template, real_path }
    }

    /// The origin of the predefined module, which every isolate makes for itself.
    pub fn predefined() -> Origin {
        Origin { number: 0, template: Arc::new(()), real_path: None }
    }
}

/// One module instance of an isolate. Functions of the module point to it, so it lives as long
/// as the isolate.
pub struct ModuleBody {
    pub name: Arc<str>,
    /// The file it was loaded from, as shown in messages.
    pub file: Arc<str>,
    /// The module's variables; each may hold `Unassigned` or `InUse`.
    slots: UnsafeCell<Box<[Value]>>,
    /// For messages about slots.
    pub slot_names: Vec<Arc<str>>,
    /// Exported names and their slots.
    pub exports: HashMap<Arc<str>, u32>,
    /// The exports in text order.
    pub export_order: Vec<Arc<str>>,
    /// The address of the first slot, for compiled code.
    base: Cell<*mut Value>,
    /// Slots that keep their first value, once somebody has asked.
    fixed: OnceCell<Box<[bool]>>,
    pub origin: Origin,
    /// Every isolate of the program has a copy.
    pub is_everywhere: Cell<bool>,
}

impl ModuleBody {
    pub fn new(
        name: Arc<str>,
        file: Arc<str>,
        slot_names: Vec<Arc<str>>,
        exports: Vec<(Arc<str>, u32)>,
        origin: Origin,
    ) -> Rc<ModuleBody> {
        let mut slots: Box<[Value]> = slot_names.iter().map(|_| Value::UNASSIGNED).collect();
        let base = Cell::new(slots.as_mut_ptr());
        Rc::new(ModuleBody {
            name,
            file,
            slots: UnsafeCell::new(slots),
            slot_names,
            export_order: exports.iter().map(|(name, _)| name.clone()).collect(),
            exports: exports.into_iter().collect(),
            base,
            fixed: OnceCell::new(),
            origin,
            is_everywhere: Cell::new(false),
        })
    }

    #[inline(always)]
    pub fn get(&self, slot: usize) -> Value {
        // SAFETY: no reference into the slots outlives a method of this type.
        unsafe { (&(*self.slots.get()))[slot].clone() }
    }

    #[inline(always)]
    pub fn replace(&self, slot: usize, content: Value) -> Value {
        // SAFETY: as in `get`.
        unsafe { std::mem::replace(&mut (&mut (*self.slots.get()))[slot], content) }
    }

    /// Assigns; the old content is released after the slot has its new one.
    #[inline(always)]
    pub fn set(&self, slot: usize, content: Value) {
        drop(self.replace(slot, content));
    }

    pub fn n_slots(&self) -> usize {
        self.slot_names.len()
    }

    /// The content of a slot that keeps it as long as the module lives.
    pub fn fixed(&self, slot: usize) -> Option<Value> {
        let all = self.fixed.get_or_init(|| {
            let module = self.origin.template.downcast_ref::<CompiledModule>();
            module.map(fixed::fixed_slots).unwrap_or_default()
        });
        let content = all.get(slot)?.then(|| self.get(slot))?;
        (!matches!(content.tag(), Tag::Unassigned | Tag::InUse)).then_some(content)
    }

    /// The address of the first slot; slots never move.
    pub fn base_ptr(&self) -> *mut Value {
        self.base.get()
    }

    /// The present content of an export.
    pub fn export(&self, name: &str) -> Option<Value> {
        self.exports.get(name).map(|&slot| self.get(slot as usize))
    }
}

/// The value of a module's name.
pub struct ModuleObj {
    pub body: Rc<ModuleBody>,
}

impl Object for ModuleObj {
    const TAG: Tag = Tag::Module;
}
