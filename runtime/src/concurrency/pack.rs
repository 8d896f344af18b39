//! Packing: one walk over everything that a value refers to.
//!
//! The walk keeps a work list, so it does not recurse; nesting is limited as in LS 21. Contents of
//! variables, declarations and modules are packed after all else, so that what refers to itself
//! through them has been made by then. Channels and promises that are still of this isolate alone
//! become shared ones when the walk has succeeded, since their contents are packed in turn.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::channels::Core;
use super::parcel::{DefNode, ErrorParcel, Flat, FunctionNode, Graph, Key, Node, Outcome, Parcel};
use super::promises;
use super::remote::SharedPromise;
use super::shared_channels::SharedChannel;
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::Host;
use crate::limits::VALUE_DEPTH;
use crate::objects::array::Array;
use crate::objects::function::Function;
use crate::objects::module::ModuleBody;
use crate::objects::structs::{Struct, StructDef};
use crate::value::{Tag, Value, View, Wrapper};

/// Declaration numbers of the library are the highest ones.
const LIBRARY_DEFS: u64 = u64::MAX - 1000;
/// Bytes from which copies of one text are shared.
const LONG_TEXT: usize = 64;

/// The message about iterators that are refused.
pub const NOT_STORABLE: &str = "cannot store a value with an iterator or a generator in it";

/// What to do about generators and iterators.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// They arrive as something that cannot be used.
    Unusable,
    /// They are refused.
    Refused,
}

/// Something of this isolate that becomes shared.
enum Conversion {
    Channel(Rc<Core>, Arc<SharedChannel>),
    Promise(Value, Arc<SharedPromise>),
}

/// Conversions that the packing of one value has led to.
#[derive(Default)]
pub(super) struct Conversions {
    todo: Vec<Conversion>,
    channels: FxHashMap<*const Core, Arc<SharedChannel>>,
}

/// A value in a form for other threads.
///
/// # Errors
/// RecursionError `Value nested too deeply`; TypeError for iterators that are refused.
pub fn pack(host: &mut dyn Host, value: &Value, foreign: Foreign) -> Result<Parcel> {
    if let Some(parcel) = simple(value) {
        return Ok(parcel);
    }
    let mut conversions = Conversions::default();
    let parcel = Packer::new(host, &mut conversions, foreign).one(value)?;
    convert(host, conversions)?;
    Ok(parcel)
}

/// As [`pack`], without copying an array of numbers that nobody else has.
///
/// # Errors
/// As for [`pack`].
pub fn pack_owned(host: &mut dyn Host, mut value: Value) -> Result<Parcel> {
    if let Some(array) = value.unique_mut::<Array>() {
        match Flat::new(std::mem::take(array)) {
            Ok(flat) => return Ok(Parcel::Flat(flat)),
            Err(values) => *array = values,
        }
    }
    pack(host, &value, Foreign::Unusable)
}

/// A function with everything that it can reach: the variables of all modules too.
///
/// # Errors
/// As for [`pack`].
pub fn pack_snapshot(host: &mut dyn Host, value: &Value) -> Result<Parcel> {
    let mut conversions = Conversions::default();
    let parcel = Packer::new(host, &mut conversions, Foreign::Unusable).snapshot(value)?;
    convert(host, conversions)?;
    Ok(parcel)
}

/// An outcome for other threads. An error that cannot be packed loses its values.
pub fn pack_outcome(host: &mut dyn Host, outcome: Result<Value>) -> Outcome {
    match outcome {
        Ok(value) => match pack_owned(host, value) {
            Ok(parcel) => Ok(parcel),
            Err(error) => Err(Box::new(pack_error(host, &error))),
        },
        Err(error) => Err(Box::new(pack_error(host, &error))),
    }
}

/// An error for other threads.
pub fn pack_error(host: &mut dyn Host, error: &Error) -> ErrorParcel {
    let mut values = vec![error.value.clone(), error.cause.clone()];
    values.extend(error.extra.iter().map(|(_, value)| value.clone()));
    let has_values = values.iter().any(|value| !value.is_null());
    let array = Value::from_ref(Ref::new(Array::from_values(values)));
    let packed = if has_values { pack(host, &array, Foreign::Unusable).ok() } else { None };
    let mut parcel = ErrorParcel::without_values(error);
    if let Some(packed) = packed {
        parcel.extra = error.extra.iter().map(|(name, _)| name.clone()).collect();
        parcel.values = packed;
    }
    parcel
}

/// What needs no walk.
fn simple(value: &Value) -> Option<Parcel> {
    match value.view() {
        View::Str(text) => Some(Parcel::Text(CompactString::new(text.as_str()))),
        View::Array(array) if array.values().is_none() => {
            Flat::new(array.clone()).ok().map(Parcel::Flat)
        }
        _ if !value.is_heap() => {
            let (tag, payload) = plain(value);
            Some(Parcel::Plain(tag, payload))
        }
        _ => None,
    }
}

/// The words of a value without object. A variable in use is unassigned elsewhere (LS 17.1).
fn plain(value: &Value) -> (Tag, u64) {
    match value.tag() {
        Tag::InUse | Tag::Pending => (Tag::Unassigned, 0),
        tag => (tag, value.payload()),
    }
}

/// Makes shared what has to be, with the contents.
fn convert(host: &mut dyn Host, mut conversions: Conversions) -> Result<()> {
    while let Some(conversion) = conversions.todo.pop() {
        match conversion {
            Conversion::Channel(core, shared) => {
                let mut values = Vec::new();
                core.each_value(&mut |value| values.push(value.clone()));
                let mut parcels = Vec::with_capacity(values.len());
                for value in &values {
                    let mut packer = Packer::new(host, &mut conversions, Foreign::Unusable);
                    parcels.push(packer.one(value)?);
                }
                core.become_shared(host, shared, parcels);
            }
            Conversion::Promise(promise, shared) => {
                let Some(outcome) = promises::known_outcome(&promise) else { continue };
                let packed = match outcome {
                    Ok(value) => {
                        let mut packer = Packer::new(host, &mut conversions, Foreign::Unusable);
                        packer.one(&value).map_err(|error| Box::new(pack_error(host, &error)))
                    }
                    Err(error) => Err(Box::new(pack_error(host, &error))),
                };
                shared.settle(packed);
            }
        }
    }
    Ok(())
}

/// A step of the walk. Pointers are to values that stay where they are during the walk, since
/// no code of the program runs.
enum Work {
    Value(*const Value, u32),
    Emit(Node),
}

/// What is packed at the end.
enum Later {
    Cell(Key, *const Value),
    Def(Key, Ref<StructDef>),
    Module(Key, *const ModuleBody),
}

struct Packer<'h> {
    host: &'h mut dyn Host,
    conversions: &'h mut Conversions,
    foreign: Foreign,
    nodes: Vec<Node>,
    /// Keys by address of what is kept.
    keys: FxHashMap<u64, Key>,
    n_keys: u32,
    work: Vec<Work>,
    later: VecDeque<Later>,
}

impl<'h> Packer<'h> {
    fn new(
        host: &'h mut dyn Host,
        conversions: &'h mut Conversions,
        foreign: Foreign,
    ) -> Packer<'h> {
        Packer {
            host,
            conversions,
            foreign,
            nodes: Vec::new(),
            keys: FxHashMap::default(),
            n_keys: 0,
            work: Vec::new(),
            later: VecDeque::new(),
        }
    }

    fn one(&mut self, value: &Value) -> Result<Parcel> {
        if let Some(parcel) = simple(value) {
            return Ok(parcel);
        }
        self.work.push(Work::Value(value, 0));
        self.run()
    }

    fn snapshot(&mut self, value: &Value) -> Result<Parcel> {
        let isolate = self.host.isolate();
        let is_root = isolate.is_root();
        let modules = isolate.modules.clone();
        let defs = isolate.common_defs.clone();
        let handlers: Vec<(u64, Vec<Value>)> =
            isolate.handlers.iter().map(|(number, list)| (*number, list.clone())).collect();
        let is_first = is_root && !isolate.is_forked();
        for module in &modules {
            module.is_everywhere.set(module.is_everywhere.get() || is_first);
            self.module_copy(module);
        }
        for def in &defs {
            self.def(def);
        }
        self.work.push(Work::Value(value, 0));
        for (number, list) in &handlers {
            let n = list.len();
            self.work.push(Work::Emit(Node::Handlers { number: *number, n }));
            self.push_values(list.iter(), 0);
        }
        self.run_as_snapshot(is_first)
    }

    /// The first snapshot of a program tells which declarations all isolates will have.
    fn run_as_snapshot(&mut self, is_first: bool) -> Result<Parcel> {
        let mut parcel = self.run()?;
        if let (true, Parcel::Graph(graph)) = (is_first, &mut parcel) {
            for node in &mut graph.nodes {
                let Node::Def(_, def) = node else { continue };
                let DefNode::Declared { identity, is_everywhere, .. } = &mut **def else {
                    continue;
                };
                if let Some(def) = StructDef::known(*identity) {
                    *is_everywhere = true;
                    def.is_everywhere.set(true);
                    self.host.isolate().common_defs.push(def);
                }
            }
        }
        Ok(parcel)
    }

    fn run(&mut self) -> Result<Parcel> {
        loop {
            while let Some(work) = self.work.pop() {
                match work {
                    Work::Emit(node) => self.nodes.push(node),
                    // SAFETY: the value stays where it is during the walk (see `Work`).
                    Work::Value(value, depth) => self.value(unsafe { &*value }, depth)?,
                }
            }
            match self.later.pop_front() {
                None => break,
                Some(Later::Cell(key, content)) => {
                    self.work.push(Work::Emit(Node::Fill(key)));
                    self.work.push(Work::Value(content, 0));
                }
                Some(Later::Def(key, def)) => self.def_content(key, &def),
                Some(Later::Module(key, module)) => {
                    // SAFETY: module instances live as long as the isolate.
                    let (first, n) = unsafe { ((*module).base_ptr(), (*module).n_slots()) };
                    self.work.push(Work::Emit(Node::FillModule { module: key, n }));
                    let slots = (0..n).rev().map(|i| Work::Value(first.wrapping_add(i), 0));
                    self.work.extend(slots);
                }
            }
        }
        let nodes = std::mem::take(&mut self.nodes);
        Ok(Parcel::Graph(Box::new(Graph { nodes, n_keys: self.n_keys })))
    }

    fn key(&mut self) -> Key {
        self.n_keys += 1;
        self.n_keys - 1
    }

    fn emit(&mut self, node: Node) {
        self.nodes.push(node);
    }

    /// Children in reverse, so that the first one is packed first.
    fn push_values<'v>(&mut self, values: impl DoubleEndedIterator<Item = &'v Value>, depth: u32) {
        self.work.extend(values.rev().map(|value| Work::Value(value, depth)));
    }

    fn value(&mut self, value: &Value, depth: u32) -> Result<()> {
        if !value.is_heap() {
            let (tag, payload) = plain(value);
            self.emit(Node::Plain(tag, payload));
            return Ok(());
        }
        match value.view() {
            View::Str(text) if text.n_bytes() < LONG_TEXT => {
                self.emit(Node::Text(CompactString::new(text.as_str())));
                return Ok(());
            }
            View::Cell(cell) | View::Ref(cell) => {
                if !self.is_known(value) {
                    let key = self.key();
                    self.keys.insert(value.payload(), key);
                    self.emit(Node::Cell(key, value.tag()));
                    let mut content: *const Value = std::ptr::null();
                    cell.with_content(|inside| content = inside);
                    self.later.push_back(Later::Cell(key, content));
                }
                return Ok(());
            }
            View::StructDef(_) => {
                if let Some(def) = value.to_ref::<StructDef>() {
                    let key = self.def(&def);
                    self.emit(Node::Fetch(key));
                }
                return Ok(());
            }
            View::Module(module) => {
                let node = if module.body.origin.number == 0 {
                    Node::PromiseModule
                } else {
                    Node::ModuleName(self.module(&module.body))
                };
                self.emit(node);
                return Ok(());
            }
            _ => {}
        }
        if !value.is_unique() {
            if self.is_known(value) {
                return Ok(());
            }
            let key = self.key();
            self.keys.insert(value.payload(), key);
            self.work.push(Work::Emit(Node::Keep(key)));
        }
        self.object(value, depth)
    }

    /// Fetches what has been packed before.
    fn is_known(&mut self, value: &Value) -> bool {
        let Some(&key) = self.keys.get(&value.payload()) else { return false };
        self.emit(Node::Fetch(key));
        true
    }

    /// An object that is packed for the first time.
    fn object(&mut self, value: &Value, depth: u32) -> Result<()> {
        if depth >= VALUE_DEPTH {
            return Err(Error::new(Kind::RecursionError, "Value nested too deeply"));
        }
        let inner = depth + 1;
        match value.view() {
            View::Array(array) => match array.values() {
                Some(values) => {
                    self.work.push(Work::Emit(Node::Array { n: values.len() }));
                    self.push_values(values.iter(), inner);
                }
                None => self.flat(array),
            },
            View::Stack(stack) => {
                self.work.push(Work::Emit(Node::Stack { n: stack.0.len() }));
                match stack.0.values() {
                    Some(values) => self.push_values(values.iter(), inner),
                    None => self.nodes.extend(stack.0.iter().map(|value| {
                        let (tag, payload) = plain(&value);
                        Node::Plain(tag, payload)
                    })),
                }
            }
            View::Dict(dict) => {
                self.work.push(Work::Emit(Node::Dict { n: dict.len() }));
                for (key, content) in dict.iter().rev() {
                    self.work.push(Work::Value(content, inner));
                    self.work.push(Work::Value(key, inner));
                }
            }
            View::Set(set) => {
                self.work.push(Work::Emit(Node::Set { n: set.len() }));
                self.push_values(set.members().iter(), inner);
            }
            View::Queue(queue) => {
                self.work.push(Work::Emit(Node::Queue { n: queue.0.len() }));
                self.push_values(queue.0.iter(), inner);
            }
            View::Tagged(tagged) => {
                let (variant, n) = (tagged.variant(), tagged.payload().len());
                self.work.push(Work::Emit(Node::Tagged { variant, n }));
                self.push_values(tagged.payload().iter(), inner);
            }
            View::Ok(content) => self.wrapper(Wrapper::Ok, content, inner),
            View::Err(content) => self.wrapper(Wrapper::Err, content, inner),
            View::Some(content) => self.wrapper(Wrapper::Some, content, inner),
            View::Struct(instance) => self.instance(instance, inner),
            View::Function(function) => self.function(function, inner),
            View::Str(text) => self.emit(Node::Text(CompactString::new(text.as_str()))),
            View::Bytes(bytes) => self.emit(Node::Bytes(bytes.0.clone())),
            View::EnumDef(def) => {
                self.emit(Node::Enum(Arc::new(def.copy())));
            }
            View::Resource(resource) => self.emit(Node::Resource(resource.clone())),
            View::Generator(generator) => {
                self.check_foreign()?;
                self.emit(Node::ForeignGenerator(Box::new(generator.info().clone())));
            }
            View::Iterator(_) => {
                self.check_foreign()?;
                self.emit(Node::ForeignIterator);
            }
            View::Promise(_) => self.promise(value),
            View::Channel(channel) => self.channel(&channel.core),
            View::Null
            | View::Bool(_)
            | View::Int(_)
            | View::Float(_)
            | View::None
            | View::Native(_)
            | View::Wrapper(_)
            | View::Marker(_)
            | View::StructDef(_)
            | View::Module(_)
            | View::Cell(_)
            | View::Ref(_) => {}
        }
        Ok(())
    }

    fn flat(&mut self, array: &Array) {
        if let Ok(flat) = Flat::new(array.clone()) {
            self.emit(Node::Flat(flat));
        }
    }

    fn check_foreign(&self) -> Result<()> {
        match self.foreign {
            Foreign::Unusable => Ok(()),
            Foreign::Refused => Err(Error::new(Kind::TypeError, NOT_STORABLE)),
        }
    }

    fn wrapper(&mut self, which: Wrapper, content: &Value, depth: u32) {
        self.work.push(Work::Emit(Node::Wrap(which)));
        self.work.push(Work::Value(content, depth));
    }

    fn instance(&mut self, instance: &Struct, depth: u32) {
        let def = self.def(&instance.def_ref());
        let names = instance.shape().names();
        let added = names[instance.def().n_declared..].into();
        self.work.push(Work::Emit(Node::Struct { def, added, n: names.len() }));
        self.push_values(instance.fields().iter(), depth);
    }

    fn function(&mut self, function: &Function, depth: u32) {
        let code = function.code();
        let (index, n) = (code.index, function.upvalues().len());
        let piece = self.host.piece_of(function);
        // SAFETY: modules live as long as the isolate.
        let module = match unsafe { code.module.as_ref() } {
            Some(module) => self.module(module),
            None => 0,
        };
        let node = Node::Function(Box::new(FunctionNode { module, index, piece, n }));
        self.work.push(Work::Emit(node));
        self.push_values(function.upvalues().iter(), depth);
    }

    /// The key of a declaration, which is packed at the first time.
    fn def(&mut self, def: &Ref<StructDef>) -> Key {
        let address = def.as_ptr() as u64;
        if let Some(&key) = self.keys.get(&address) {
            return key;
        }
        let key = self.key();
        self.keys.insert(address, key);
        let fields = || def.base_shape().names().into();
        let (name, decl_id) = (def.name.clone(), def.decl_id);
        let is_everywhere = def.is_everywhere.get();
        let node = if def.is_error {
            DefNode::Error
        } else if decl_id > LIBRARY_DEFS {
            DefNode::Library { decl_id, name, fields: fields() }
        } else if is_everywhere && !self.is_snapshot() {
            DefNode::Known(def.identity())
        } else {
            self.later.push_back(Later::Def(key, def.clone()));
            let identity = def.identity();
            DefNode::Declared { identity, decl_id, name, fields: fields(), is_everywhere }
        };
        self.emit(Node::Def(key, Box::new(node)));
        key
    }

    /// Snapshots begin with the modules.
    fn is_snapshot(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::ModuleCopy { .. }))
    }

    fn def_content(&mut self, key: Key, def: &StructDef) {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        def.each_method(&mut |name, method| {
            names.push(name.clone());
            values.push(Work::Value(method, 0));
        });
        let n_methods = values.len();
        def.each_default(&mut |default| values.push(Work::Value(default, 0)));
        let n_defaults = values.len() - n_methods;
        let methods = names.into();
        self.work.push(Work::Emit(Node::FillDef { def: key, methods, n_defaults }));
        self.work.extend(values.into_iter().rev());
    }

    /// The key of a module instance.
    fn module(&mut self, module: &ModuleBody) -> Key {
        let address = &raw const *module as u64;
        if let Some(&key) = self.keys.get(&address) {
            return key;
        }
        if !module.is_everywhere.get() {
            return self.module_copy(module);
        }
        let key = self.key();
        self.keys.insert(address, key);
        self.emit(Node::Module(key, module.origin.number));
        key
    }

    /// A module instance that travels along.
    fn module_copy(&mut self, module: &ModuleBody) -> Key {
        let key = self.key();
        self.keys.insert(&raw const *module as u64, key);
        let (origin, is_everywhere) = (module.origin.clone(), module.is_everywhere.get());
        self.emit(Node::ModuleCopy { key, origin, is_everywhere });
        self.later.push_back(Later::Module(key, module));
        key
    }

    fn promise(&mut self, value: &Value) {
        let View::Promise(promise) = value.view() else { return };
        let (shared, is_new) = promise.share();
        if is_new {
            self.conversions.todo.push(Conversion::Promise(value.clone(), shared.clone()));
        }
        self.emit(Node::Promise(shared));
    }

    fn channel(&mut self, core: &Rc<Core>) {
        let shared = match core.shared() {
            Some(shared) => shared.clone(),
            None => {
                let begun = self.conversions.channels.get(&Rc::as_ptr(core)).cloned();
                begun.unwrap_or_else(|| {
                    let shared = Arc::new(SharedChannel::new(core.capacity()));
                    self.conversions.channels.insert(Rc::as_ptr(core), shared.clone());
                    let todo = Conversion::Channel(core.clone(), shared.clone());
                    self.conversions.todo.push(todo);
                    shared
                })
            }
        };
        self.emit(Node::Channel(shared));
    }
}
