//! Structs: declarations, shapes and instances.
//!
//! A [`Shape`] says which field sits in which slot; all shapes of a declaration belong to its
//! [`StructDef`] and live as long as it. An instance is a pointer to its shape and the fields in
//! line. Adding a field moves the instance to another shape, and so to a larger block.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;

use crate::heap::{self, Header, Obj, Ref};
use crate::value::{Object, Tag, Value};

/// Up to so many field names are searched one by one.
const MAX_SCANNED: usize = 8;

/// Field names in slot order.
#[repr(C)]
pub struct Shape {
    /// Unique among the shapes of this thread; never 0.
    id: u32,
    /// The number of names, where compiled code finds it.
    n_fields: u32,
    def: *const Obj<StructDef>,
    names: Box<[Arc<str>]>,
    /// Only for shapes with more than [`MAX_SCANNED`] fields.
    index: FxHashMap<Arc<str>, u32>,
    /// Shapes with one more field, by its name.
    grown: RefCell<FxHashMap<Arc<str>, *const Shape>>,
}

impl Shape {
    pub fn id(&self) -> u32 {
        self.id
    }

    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    pub fn n_fields(&self) -> usize {
        self.names.len()
    }

    #[inline]
    pub fn slot(&self, name: &str) -> Option<usize> {
        if self.names.len() <= MAX_SCANNED {
            return self.names.iter().position(|n| **n == *name);
        }
        self.index.get(name).map(|&slot| slot as usize)
    }

    pub fn def(&self) -> &StructDef {
        // SAFETY: shapes are owned by their declaration, so it lives at least as long.
        unsafe { &(*self.def).body }
    }
}

/// What evaluating a `struct` declaration gives: its name, fields and methods.
pub struct StructDef {
    pub name: Arc<str>,
    /// Equal for all evaluations of one declaration in the text.
    pub decl_id: u64,
    /// The number of declared fields; the base shape has exactly these.
    pub n_declared: usize,
    methods: RefCell<FxHashMap<Arc<str>, Value>>,
    /// Functions without parameters that compute defaults, by field; null without default.
    /// They are called in declaration order for missing fields.
    defaults: RefCell<Vec<Value>>,
    #[expect(clippy::vec_box, reason = "instances point to shapes, which must not move")]
    shapes: RefCell<Vec<Box<Shape>>>,
    base: Cell<*const Shape>,
    /// A method overloads an operator.
    has_operators: Cell<bool>,
    /// The predeclared `Error`.
    pub is_error: bool,
    /// Shared by an evaluated declaration and its copies in other isolates; 0 until it is needed.
    identity: Cell<u64>,
    /// Every isolate of the program has a copy.
    pub is_everywhere: Cell<bool>,
}

impl Object for StructDef {
    const TAG: Tag = Tag::StructDef;
}

thread_local! {
    static NEXT_SHAPE: Cell<u32> = const { Cell::new(1) };
    /// Declarations of this thread that have an identity.
    static KNOWN: RefCell<FxHashMap<u64, *const Obj<StructDef>>> = RefCell::default();
}

impl Drop for StructDef {
    fn drop(&mut self) {
        let identity = self.identity.get();
        if identity != 0 {
            // A thread that ends has no table any more.
            let _ = KNOWN.try_with(|known| known.borrow_mut().remove(&identity));
        }
    }
}

impl StructDef {
    pub fn new(name: Arc<str>, decl_id: u64, fields: &[Arc<str>], is_error: bool) -> Ref<Self> {
        let def = Ref::new(StructDef {
            name,
            decl_id,
            n_declared: fields.len(),
            methods: RefCell::default(),
            defaults: RefCell::default(),
            shapes: RefCell::default(),
            base: Cell::new(ptr::null()),
            has_operators: Cell::new(false),
            is_error,
            identity: Cell::new(0),
            is_everywhere: Cell::new(false),
        });
        let raw = obj_of(&def);
        def.base.set(def.add_shape(raw, fields));
        def
    }

    /// A number that the declaration has in every isolate.
    pub fn identity(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if self.identity.get() == 0 {
            self.identify(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        self.identity.get()
    }

    /// Makes this declaration the one that stands for `identity` on this thread.
    pub fn identify(&self, identity: u64) {
        self.identity.set(identity);
        let raw = self.base_shape().def;
        KNOWN.with_borrow_mut(|known| known.insert(identity, raw));
    }

    /// The declaration of this thread with this identity.
    pub fn known(identity: u64) -> Option<Ref<StructDef>> {
        let raw = KNOWN.with_borrow(|known| known.get(&identity).copied())?;
        // SAFETY: declarations leave the table when they are freed; the new owner's count is
        // taken first.
        unsafe {
            (*raw).header.retain();
            Some(Ref::from_raw(raw.cast_mut()))
        }
    }

    /// Calls `f` with each method and its name.
    pub fn each_method(&self, f: &mut dyn FnMut(&Arc<str>, &Value)) {
        self.methods.borrow().iter().for_each(|(name, method)| f(name, method));
    }

    /// Calls `f` with the default of each field.
    pub fn each_default(&self, f: &mut dyn FnMut(&Value)) {
        self.defaults.borrow().iter().for_each(f);
    }

    /// The shape of the declared fields followed by `added` ones.
    pub fn shape_of(&self, added: &[Arc<str>]) -> &Shape {
        let mut shape = self.base_shape();
        for name in added {
            // SAFETY: shapes live as long as their declaration.
            shape = unsafe { &*self.shape_with(shape, name) };
        }
        shape
    }

    fn add_shape(&self, raw: *const Obj<StructDef>, names: &[Arc<str>]) -> *const Shape {
        let id = NEXT_SHAPE.get();
        NEXT_SHAPE.set(id.wrapping_add(1).max(1));
        let mut index = FxHashMap::default();
        if names.len() > MAX_SCANNED {
            index.extend(names.iter().enumerate().map(|(i, n)| (n.clone(), i as u32)));
        }
        let grown = RefCell::default();
        let n_fields = names.len() as u32;
        let shape = Box::new(Shape { id, n_fields, def: raw, names: names.into(), index, grown });
        let at = &raw const *shape;
        self.shapes.borrow_mut().push(shape);
        at
    }

    /// The shape of the declared fields.
    pub fn base_shape(&self) -> &Shape {
        // SAFETY: set in `new` to a boxed shape that this declaration owns.
        unsafe { &*self.base.get() }
    }

    pub fn method(&self, name: &str) -> Option<Value> {
        self.methods.borrow().get(name).cloned()
    }

    pub fn has_methods(&self) -> bool {
        !self.methods.borrow().is_empty()
    }

    pub fn method_names(&self) -> Vec<Arc<str>> {
        self.methods.borrow().keys().cloned().collect()
    }

    pub fn set_method(&self, name: Arc<str>, function: Value) {
        if name.starts_with("op_") {
            self.has_operators.set(true);
        }
        self.methods.borrow_mut().insert(name, function);
    }

    pub fn set_defaults(&self, defaults: Vec<Value>) {
        *self.defaults.borrow_mut() = defaults;
    }

    /// The default of declared field `slot`: a function without parameters, or null.
    pub fn default(&self, slot: usize) -> Value {
        self.defaults.borrow().get(slot).cloned().unwrap_or_default()
    }

    /// Calls `f` with every value the declaration holds.
    pub(crate) fn each_value(&self, f: &mut dyn FnMut(&Value)) {
        self.methods.borrow().values().for_each(&mut *f);
        self.defaults.borrow().iter().for_each(f);
    }

    /// Takes everything the declaration holds, to break a cycle.
    pub(crate) fn take_values(&self) -> Vec<Value> {
        let mut values = std::mem::take(&mut *self.defaults.borrow_mut());
        let methods = std::mem::take(&mut *self.methods.borrow_mut());
        values.extend(methods.into_values());
        values
    }

    /// The shape that has one more field than `shape`.
    fn shape_with(&self, shape: &Shape, name: &Arc<str>) -> *const Shape {
        if let Some(&known) = shape.grown.borrow().get(name) {
            return known;
        }
        let names: Vec<_> = shape.names.iter().chain([name]).cloned().collect();
        let grown = self.add_shape(shape.def, &names);
        shape.grown.borrow_mut().insert(name.clone(), grown);
        grown
    }
}

fn obj_of(def: &Ref<StructDef>) -> *const Obj<StructDef> {
    let offset = std::mem::offset_of!(Obj<StructDef>, body);
    def.as_ptr().cast::<u8>().wrapping_sub(offset).cast()
}

/// An instance: its shape, and as many values in line as the shape has fields.
#[repr(C)]
pub struct Struct {
    shape: *const Shape,
    fields: [Value; 0],
}

impl Object for Struct {
    const TAG: Tag = Tag::Struct;
}

/// Offsets in a struct object (from the body) that compiled code reads.
pub mod offsets {
    use super::Struct;
    pub const SHAPE: usize = std::mem::offset_of!(Struct, shape);
    pub const FIELDS: usize = std::mem::offset_of!(Struct, fields);
    pub const SHAPE_ID: usize = std::mem::offset_of!(super::Shape, id);
    pub const SHAPE_N_FIELDS: usize = std::mem::offset_of!(super::Shape, n_fields);
    pub const SHAPE_DEF: usize = std::mem::offset_of!(super::Shape, def);
    pub const DEF_BASE: usize = std::mem::offset_of!(super::StructDef, base);
    pub const DEF_DECL_ID: usize = std::mem::offset_of!(super::StructDef, decl_id);
    pub const DEF_HAS_OPERATORS: usize = std::mem::offset_of!(super::StructDef, has_operators);
}

fn block_size(n_fields: usize) -> usize {
    size_of::<Obj<Struct>>() + n_fields * size_of::<Value>()
}

impl Struct {
    /// An instance of `shape`; `fill` gives the field of each slot in order.
    pub fn make(shape: &Shape, mut fill: impl FnMut(usize) -> Value) -> Value {
        let n = shape.n_fields();
        let size = block_size(n);
        let object = heap::allocate(size).cast::<Obj<Struct>>().as_ptr();
        // SAFETY: the block has room for the header, the shape and `n` values; the declaration
        // that owns the shape is kept alive by the count taken here.
        unsafe {
            let header = Header::new(Tag::Struct as u8, size);
            let body = Struct { shape, fields: [] };
            object.write(Obj { header, body });
            (*shape.def).header.retain();
            let fields = (&raw mut (*object).body.fields).cast::<Value>();
            for slot in 0..n {
                fields.add(slot).write(fill(slot));
            }
            Value::from_parts(Tag::Struct, object as u64)
        }
    }

    /// Frees an instance whose fields hold no objects; false if one does.
    ///
    /// # Safety
    /// As for [`Struct::free`].
    #[inline]
    pub(crate) unsafe fn free_flat(object: *mut Obj<Struct>) -> bool {
        // SAFETY: the caller's promise; fields without objects need no release.
        unsafe {
            let shape = (*object).body.shape;
            let fields = (*object).body.fields();
            if fields.iter().any(Value::is_heap) {
                return false;
            }
            let n = fields.len();
            heap::deallocate(object.cast(), block_size(n));
            drop(Ref::from_raw((*shape).def.cast_mut()));
            true
        }
    }

    /// The size in bytes and the header word (with a count of 1) of an instance, for compiled
    /// code; `None` if its blocks are not in the free lists.
    pub fn layout(n_fields: usize) -> Option<(usize, u64)> {
        let size = block_size(n_fields);
        heap::header_word(Tag::Struct, size).map(|word| (size, word))
    }

    /// # Safety
    /// `object` must be a struct object that nobody uses any more.
    pub(crate) unsafe fn free(object: *mut Obj<Struct>) {
        // SAFETY: the caller's promise; the fields are initialised and dropped once; the count
        // of the declaration was taken in `make`.
        unsafe {
            let shape = (*object).body.shape;
            let n = (*shape).n_fields();
            ptr::drop_in_place((*object).body.fields_mut());
            heap::deallocate(object.cast(), block_size(n));
            drop(Ref::from_raw((*shape).def.cast_mut()));
        }
    }

    #[inline(always)]
    pub fn shape(&self) -> &Shape {
        // SAFETY: the instance keeps the declaration alive, which owns the shape.
        unsafe { &*self.shape }
    }

    pub fn def(&self) -> &StructDef {
        self.shape().def()
    }

    /// A further owner of the declaration.
    pub fn def_ref(&self) -> Ref<StructDef> {
        let def = self.shape().def;
        // SAFETY: the declaration is live; the new owner's count is taken first.
        unsafe {
            (*def).header.retain();
            Ref::from_raw(def.cast_mut())
        }
    }

    #[inline(always)]
    pub fn fields(&self) -> &[Value] {
        // SAFETY: an instance has as many values in line as its shape has fields.
        unsafe { std::slice::from_raw_parts(self.fields.as_ptr(), self.shape().n_fields()) }
    }

    #[inline(always)]
    pub fn fields_mut(&mut self) -> &mut [Value] {
        let n = self.shape().n_fields();
        // SAFETY: as in `fields`.
        unsafe { std::slice::from_raw_parts_mut(self.fields.as_mut_ptr(), n) }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.shape().slot(name).map(|slot| &self.fields()[slot])
    }

    /// Names and values in display order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.shape().names().iter().zip(self.fields())
    }

    /// The instance inside `value` for changing, copied first if it is shared; `None` if the
    /// value is not a struct.
    #[inline]
    pub fn make_mut(value: &mut Value) -> Option<&mut Struct> {
        if value.tag() != Tag::Struct {
            return None;
        }
        if !value.is_unique() {
            let copy = match value.view() {
                crate::value::View::Struct(s) => Struct::make(s.shape(), |i| s.fields()[i].clone()),
                _ => return None,
            };
            *value = copy;
        }
        value.unique_mut::<Struct>()
    }

    /// Sets a field of the struct inside `value`, adding it after the others if it is new.
    /// Does nothing if `value` is not a struct.
    pub fn set(value: &mut Value, name: &Arc<str>, content: Value) {
        let Some(instance) = Struct::make_mut(value) else { return };
        if let Some(slot) = instance.shape().slot(name) {
            instance.fields_mut()[slot] = content;
            return;
        }
        let def = instance.def_ref();
        let shape = def.shape_with(instance.shape(), name);
        let mut content = content;
        let n = instance.shape().n_fields();
        // SAFETY: `shape` belongs to the declaration, which `def` keeps alive.
        let grown = Struct::make(unsafe { &*shape }, |slot| {
            if slot < n { instance.fields_mut()[slot].take() } else { content.take() }
        });
        *value = grown;
    }
}

/// What the name of a declared enum denotes.
pub struct EnumDef {
    pub name: Arc<str>,
    /// Variants with their number of declared parameters (`None`: any).
    pub variants: Vec<(Arc<str>, Option<usize>)>,
}

impl Object for EnumDef {
    const TAG: Tag = Tag::EnumDef;
}
