//! Unpacking: the stack machine that runs the program of a parcel.

use std::rc::Rc;
use std::sync::Arc;

use super::parcel::{
    DefNode, ErrorParcel, FunctionNode, Graph, Key, Node, Outcome, PackedEntry, Parcel,
};
use super::remote;
use crate::error::{Error, Result};
use crate::heap::Ref;
use crate::host::Host;
use crate::natives;
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::cell::CellBody;
use crate::objects::channel::ChannelBody;
use crate::objects::collections::{Queue, Stack};
use crate::objects::dict::Dict;
use crate::objects::function::{Function, FunctionCode};
use crate::objects::generator::GeneratorBody;
use crate::objects::iterator::{IteratorBody, Source};
use crate::objects::module::{ModuleBody, ModuleObj, Origin};
use crate::objects::string::Str;
use crate::objects::structs::{Struct, StructDef};
use crate::semantics::{literal, sets};
use crate::value::{Tag, Value, View};

/// The value in a parcel, as an object of this isolate.
///
/// # Errors
/// What makes a set that cannot be: none at present.
pub fn unpack(host: &mut dyn Host, parcel: Parcel) -> Result<Value> {
    match parcel {
        Parcel::Plain(tag, payload) => Ok(plain(tag, payload)),
        Parcel::Text(text) => Ok(text_value(text)),
        Parcel::Flat(flat) => Ok(Value::from_ref(Ref::new(flat.into_array()))),
        Parcel::Graph(graph) => Unpacker::new(host, &graph).run(graph.nodes),
    }
}

/// The outcome in a parcel.
///
/// # Errors
/// The error in it.
pub fn unpack_outcome(host: &mut dyn Host, outcome: Outcome) -> Result<Value> {
    match outcome {
        Ok(parcel) => unpack(host, parcel),
        Err(error) => Err(unpack_error(host, *error)),
    }
}

/// The error in a parcel.
pub fn unpack_error(host: &mut dyn Host, parcel: ErrorParcel) -> Error {
    let mut error = Error::with_kind(parcel.kind, parcel.message);
    error.cause_of_exit = parcel.exit;
    error.position = parcel.position.map(Rc::new);
    error.trace = parcel.trace.into_iter().map(PackedEntry::unpack).collect();
    error.help = parcel.help;
    let values = unpack(host, parcel.values).unwrap_or_default();
    if let View::Array(array) = values.view() {
        let mut values = array.iter();
        error.value = values.next().unwrap_or_default();
        error.cause = values.next().unwrap_or_default();
        error.extra = parcel.extra.into_iter().zip(values).collect();
    }
    error
}

fn plain(tag: Tag, payload: u64) -> Value {
    if tag.is_heap() {
        return Value::NULL;
    }
    // SAFETY: the tag is one without an object.
    unsafe { Value::from_parts(tag, payload) }
}

fn text_value(text: compact_str::CompactString) -> Value {
    // Texts of one character are shared by all strings of a thread.
    if text.len() <= 1 {
        Value::str(&text)
    } else {
        Value::from_ref(Ref::new(Str::from_compact(text)))
    }
}

/// What is not made of other values.
fn single(node: Node) -> Value {
    match node {
        Node::Bytes(bytes) => Value::from_ref(Ref::new(Bytes(bytes))),
        Node::Enum(def) => Value::from_ref(Ref::new(def.copy())),
        Node::Resource(resource) => Value::from_ref(Ref::new(resource)),
        Node::Promise(shared) => remote::proxy(shared),
        Node::Channel(shared) => ChannelBody::of_shared(shared),
        Node::ForeignGenerator(info) => GeneratorBody::foreign(*info),
        Node::ForeignIterator => IteratorBody::make(Source::Foreign, Vec::new()),
        _ => Value::NULL,
    }
}

struct Unpacker<'h> {
    host: &'h mut dyn Host,
    stack: Vec<Value>,
    kept: Vec<Value>,
    /// Kept modules, and whether their variables are still to be set.
    modules: Vec<(Key, Rc<ModuleBody>, bool)>,
    /// Declarations that were known already.
    known_defs: Vec<Key>,
}

impl<'h> Unpacker<'h> {
    fn new(host: &'h mut dyn Host, graph: &Graph) -> Unpacker<'h> {
        let kept = vec![Value::NULL; graph.n_keys as usize];
        Unpacker { host, stack: Vec::new(), kept, modules: Vec::new(), known_defs: Vec::new() }
    }

    fn run(mut self, nodes: Vec<Node>) -> Result<Value> {
        for node in nodes {
            self.step(node)?;
        }
        Ok(self.stack.pop().unwrap_or_default())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or_default()
    }

    fn pop_n(&mut self, n: usize) -> Vec<Value> {
        self.stack.split_off(self.stack.len().saturating_sub(n))
    }

    fn step(&mut self, node: Node) -> Result<()> {
        match node {
            Node::Plain(tag, payload) => self.push(plain(tag, payload)),
            Node::Text(text) => self.push(text_value(text)),
            Node::Flat(flat) => self.push(Value::from_ref(Ref::new(flat.into_array()))),
            Node::Array { .. }
            | Node::Dict { .. }
            | Node::Set { .. }
            | Node::Queue { .. }
            | Node::Stack { .. }
            | Node::Tagged { .. } => {
                let collection = self.collection(&node)?;
                self.push(collection);
            }
            Node::Wrap(which) => {
                let content = self.pop();
                self.push(which.wrap(content));
            }
            Node::Struct { def, added, n } => self.instance(def, &added, n),
            Node::Function(function) => self.function(&function),
            Node::Bytes(_)
            | Node::Enum(_)
            | Node::Resource(_)
            | Node::Promise(_)
            | Node::Channel(_)
            | Node::ForeignGenerator(_)
            | Node::ForeignIterator => self.push(single(node)),
            Node::Keep(key) => {
                let top = self.stack.last().cloned().unwrap_or_default();
                self.kept[key as usize] = top;
            }
            Node::Fetch(key) => self.push(self.kept[key as usize].clone()),
            Node::Cell(key, tag) => {
                let content = Value::UNASSIGNED;
                let is_ref = tag == Tag::Ref;
                let cell =
                    if is_ref { CellBody::make_ref(content) } else { CellBody::make(content) };
                self.kept[key as usize] = cell.clone();
                self.push(cell);
            }
            Node::Fill(key) => {
                let content = self.pop();
                if let View::Cell(cell) | View::Ref(cell) = self.kept[key as usize].view() {
                    cell.set(content);
                }
            }
            Node::Def(key, def) => self.def(key, *def),
            Node::FillDef { def, methods, n_defaults } => self.fill_def(def, &methods, n_defaults),
            Node::Module(key, number) => {
                let modules = &self.host.isolate().modules;
                if let Some(body) = modules.iter().find(|body| body.origin.number == number) {
                    self.modules.push((key, body.clone(), false));
                }
            }
            Node::ModuleCopy { key, origin, is_everywhere } => {
                self.module_copy(key, &origin, is_everywhere);
            }
            Node::FillModule { module, n } => {
                let contents = self.pop_n(n);
                if let Some((_, body, true)) = self.modules.iter().find(|(key, ..)| *key == module)
                {
                    let slots = contents.into_iter().enumerate();
                    slots.for_each(|(slot, content)| body.set(slot, content));
                }
            }
            Node::ModuleName(key) => {
                let body = self.module(key);
                self.push(
                    body.map_or(Value::NULL, |body| Value::from_ref(Ref::new(ModuleObj { body }))),
                );
            }
            Node::PromiseModule => {
                let module = natives::global("Promise", self.host.isolate());
                self.push(module.unwrap_or_default());
            }
            Node::Handlers { number, n } => {
                let handlers = self.pop_n(n);
                self.host.isolate().handlers.entry(number).or_insert(handlers);
            }
        }
        Ok(())
    }

    fn collection(&mut self, node: &Node) -> Result<Value> {
        Ok(match *node {
            Node::Array { n } => Value::from_ref(Ref::new(Array::from_values(self.pop_n(n)))),
            Node::Stack { n } => {
                Value::from_ref(Ref::new(Stack(Array::from_values(self.pop_n(n)))))
            }
            Node::Queue { n } => Value::from_ref(Ref::new(Queue(self.pop_n(n).into()))),
            Node::Set { n } => Value::from_ref(Ref::new(sets::from_iter(self.pop_n(n))?)),
            Node::Dict { n } => {
                let mut dict = Dict::with_capacity(n);
                let mut entries = self.pop_n(2 * n).into_iter();
                while let (Some(key), Some(value)) = (entries.next(), entries.next()) {
                    dict.insert(key, value);
                }
                Value::from_ref(Ref::new(dict))
            }
            Node::Tagged { variant, n } => literal::make_variant(variant, self.pop_n(n)),
            _ => Value::NULL,
        })
    }

    fn instance(&mut self, def: Key, added: &[Arc<str>], n: usize) {
        let mut fields = self.pop_n(n);
        let instance = match self.kept[def as usize].view() {
            View::StructDef(def) => Struct::make(def.shape_of(added), |i| fields[i].take()),
            _ => Value::NULL,
        };
        self.push(instance);
    }

    fn module(&self, key: Key) -> Option<Rc<ModuleBody>> {
        let found = self.modules.iter().find(|(known, ..)| *known == key)?;
        Some(found.1.clone())
    }

    fn function(&mut self, node: &FunctionNode) {
        let mut upvalues = self.pop_n(node.n);
        let code = self
            .module(node.module)
            .map(|module| self.host.code_at(&module, node.index, node.piece.as_ref()));
        let function = match code {
            Some(code) if !code.is_null() => {
                let original = (node.n == 0).then(|| self.declared(node.module, code)).flatten();
                // SAFETY: the code lives as long as the isolate.
                let make = || unsafe { Function::make(code, node.n, |i| upvalues[i].take()) };
                original.unwrap_or_else(make)
            }
            _ => Value::NULL,
        };
        self.push(function);
    }

    /// The declared function with this code that a variable of its module holds: it is the same
    /// function here as where the parcel comes from.
    fn declared(&self, module: Key, code: *const FunctionCode) -> Option<Value> {
        let body = self.module(module)?;
        (0..body.n_slots()).map(|slot| body.get(slot)).find(|value| match value.view() {
            View::Function(function) => {
                std::ptr::eq(function.code_ptr(), code) && function.info().name.is_some()
            }
            _ => false,
        })
    }

    fn module_copy(&mut self, key: Key, origin: &Origin, is_everywhere: bool) {
        let modules = &self.host.isolate().modules;
        let known = modules.iter().find(|body| body.origin.number == origin.number).cloned();
        let is_new = known.is_none();
        let body = known.unwrap_or_else(|| self.host.adopt_module(origin));
        body.is_everywhere.set(body.is_everywhere.get() || is_everywhere);
        self.modules.push((key, body, is_new));
    }

    fn def(&mut self, key: Key, node: DefNode) {
        let isolate = self.host.isolate();
        let mut is_known = true;
        let def = match node {
            DefNode::Error => Some(isolate.errors.def.clone()),
            DefNode::Library { decl_id, name, fields } => {
                let fields: Vec<&str> = fields.iter().map(|field| &**field).collect();
                Some(isolate.library_def(decl_id, &name, &fields))
            }
            DefNode::Known(identity) => StructDef::known(identity),
            DefNode::Declared { identity, decl_id, name, fields, is_everywhere } => {
                Some(StructDef::known(identity).unwrap_or_else(|| {
                    is_known = false;
                    let def = StructDef::new(name, decl_id, &fields, false);
                    def.identify(identity);
                    if is_everywhere {
                        def.is_everywhere.set(true);
                        isolate.common_defs.push(def.clone());
                    }
                    def
                }))
            }
        };
        if is_known {
            self.known_defs.push(key);
        }
        self.kept[key as usize] = def.map_or(Value::NULL, Value::from_ref);
    }

    fn fill_def(&mut self, key: Key, methods: &[Arc<str>], n_defaults: usize) {
        let defaults = self.pop_n(n_defaults);
        let functions = self.pop_n(methods.len());
        if self.known_defs.contains(&key) {
            return;
        }
        if let View::StructDef(def) = self.kept[key as usize].view() {
            for (name, function) in methods.iter().zip(functions) {
                def.set_method(name.clone(), function);
            }
            def.set_defaults(defaults);
        }
    }
}
