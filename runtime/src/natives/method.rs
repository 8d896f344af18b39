//! What `x.name(args)` calls (LS 12.3, 12.4), in two steps as engines need them: [`select`] after
//! the receiver is evaluated, [`call_selected`] after the arguments are.

use std::sync::LazyLock;

use smallvec::SmallVec;

use super::args::is_callable;
use super::native::{MethodFn, MethodTable, arity};
use super::{
    Cx, Effect, Param, argparse, arity_error, collection_methods, concurrency, lazy, updating,
};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::objects::dict::Dict;
use crate::objects::function::Receiver;
use crate::semantics::{index, type_name};
use crate::value::{Tag, Value, View};

/// The outcome of [`select`].
#[derive(Clone)]
pub enum Selected {
    /// A method of a struct; receives the instance.
    Method(Value),
    /// A field, dict entry or module export; called without receiver.
    Callable(Value),
    /// A method of a type of the library; the receiver stays as it is.
    TypeMethod(&'static MethodDecl),
    /// A method that changes the receiver in place.
    Updating(&'static UpdatingDecl),
    /// A native function; the receiver becomes its first argument.
    Native(u32),
}

/// A method of one type of the library under one of its names.
pub struct MethodDecl {
    pub tag: Tag,
    /// The type of receivers that share their tag with other types, else "".
    pub word: &'static str,
    pub name: &'static str,
    /// `type.method`, as messages call it.
    pub full_name: String,
    /// Without the receiver.
    pub params: &'static [Param],
    /// Arguments that a call must have, without the receiver.
    pub n_required: usize,
    /// Arguments that a call may have.
    pub n_max: usize,
    pub result: &'static str,
    pub doc: &'static str,
    pub capability: Option<&'static str>,
    run: MethodFn,
}

/// A [`MethodDecl`] that changes its receiver.
pub struct UpdatingDecl(pub MethodDecl);

/// Methods by receiver and name, sorted; the addresses stay the same for the process.
struct Methods {
    plain: Box<[MethodDecl]>,
    updating: Box<[UpdatingDecl]>,
}

static METHODS: LazyLock<Methods> = LazyLock::new(|| {
    let plain = [
        &lazy::TABLE,
        &lazy::ITERATOR_TABLE,
        &collection_methods::SET_TABLE,
        &collection_methods::QUEUE_TABLE,
        &collection_methods::STACK_TABLE,
        &collection_methods::REF_TABLE,
        &argparse::TABLE_PLAIN,
        #[cfg(feature = "archives")]
        &super::archives::METHODS,
        #[cfg(feature = "databases")]
        &super::database::METHODS,
        #[cfg(feature = "databases")]
        &super::pool::METHODS,
        #[cfg(feature = "network")]
        &super::http_server::METHODS,
        #[cfg(feature = "images")]
        &super::images::METHODS,
        #[cfg(feature = "network")]
        &super::sockets::LISTENER_METHODS,
        #[cfg(feature = "network")]
        &super::sockets::STREAM_METHODS,
        #[cfg(feature = "network")]
        &super::sockets::DATAGRAM_METHODS,
        &concurrency::CHANNEL_TABLE,
    ];
    let changing = [
        &updating::ARRAY_TABLE,
        &updating::DICT_TABLE,
        &updating::SET_TABLE,
        &updating::QUEUE_TABLE,
        &updating::STACK_TABLE,
        &argparse::TABLE_UPDATING,
    ];
    let updating = rows(&changing).into_iter().map(UpdatingDecl).collect();
    Methods { plain: rows(&plain).into(), updating }
});

fn rows(tables: &[&'static MethodTable]) -> Vec<MethodDecl> {
    let mut rows = Vec::new();
    for table in tables {
        for (source, &tag) in
            table.methods.iter().flat_map(|m| table.tags.iter().map(move |t| (m, t)))
        {
            let (n_required, n_max) = arity(source.params);
            rows.extend(source.names.iter().map(|name| MethodDecl {
                tag,
                word: table.word,
                name,
                full_name: if table.word.is_empty() {
                    format!("{}.{name}", type_word(tag))
                } else {
                    format!("{}.{name}", table.word)
                },
                params: source.params,
                n_required,
                n_max,
                result: source.result,
                doc: source.doc,
                capability: source.capability,
                run: source.run,
            }));
        }
    }
    rows.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
    rows
}

/// The type name of receivers that have methods in tables.
fn type_word(tag: Tag) -> &'static str {
    match tag {
        Tag::Array => "array",
        Tag::Dict => "dict",
        Tag::Set => "set",
        Tag::Queue => "queue",
        Tag::Stack => "stack",
        Tag::Iterator => "iterator",
        Tag::Ref => "ref",
        Tag::Generator => "generator",
        Tag::Channel => "channel",
        _ => "value",
    }
}

/// All methods that leave their receiver as it is.
pub fn type_methods() -> &'static [MethodDecl] {
    &METHODS.plain
}

/// All methods that change their receiver.
pub fn updating_methods() -> &'static [UpdatingDecl] {
    &METHODS.updating
}

/// Selects what `receiver.name(…)` calls.
///
/// # Errors
/// TypeError for null; ImportError for a module without that export; FieldError `Unknown method`.
pub fn select(receiver: &Value, name: &str) -> Result<Selected> {
    match receiver.view() {
        View::Null => return Err(index::no_fields(name)),
        View::Module(module) => return Ok(Selected::Callable(index::export(module, name)?)),
        View::Struct(instance) => {
            if let Some(method) = instance.def().method(name) {
                return Ok(Selected::Method(method));
            }
            return match instance.get(name) {
                Some(field) if is_callable(field) => Ok(Selected::Callable(field.clone())),
                _ if instance.def().decl_id == argparse::DECL_ID => {
                    of_type(receiver, argparse::WORD, name).ok_or_else(|| unknown_method(name))
                }
                _ => Err(unknown_method(name)),
            };
        }
        View::Dict(dict) => {
            if let Some(entry) = dict.get_str(name).filter(|entry| is_callable(entry)) {
                return Ok(Selected::Callable(entry.clone()));
            }
        }
        _ => {}
    }
    let word = match receiver.view() {
        View::Resource(resource) => resource.0.type_name(),
        _ => "",
    };
    if let Some(selected) = of_type(receiver, word, name) {
        return Ok(selected);
    }
    if receiver.tag() == Tag::Channel {
        let message = format!("Channel has no method '{name}'");
        return Err(Error::new(Kind::FieldError, message));
    }
    match super::lookup(name) {
        Some(native) if name != "throw" => Ok(Selected::Native(native)),
        _ => Err(unknown_method(name)),
    }
}

/// The method of the receiver's type.
#[inline]
fn of_type(receiver: &Value, word: &str, name: &str) -> Option<Selected> {
    row_of(receiver.tag(), word, name)
}

fn row_of(tag: Tag, word: &str, name: &str) -> Option<Selected> {
    let key = (tag, word, name);
    if let Ok(at) = METHODS.plain.binary_search_by(|row| row.key().cmp(&key)) {
        return Some(Selected::TypeMethod(&METHODS.plain[at]));
    }
    let at = METHODS.updating.binary_search_by(|row| row.0.key().cmp(&key)).ok()?;
    Some(Selected::Updating(&METHODS.updating[at]))
}

/// Whether values with this tag only hold others.
fn is_collection(tag: Tag) -> bool {
    matches!(tag, Tag::Array | Tag::Dict | Tag::Set | Tag::Queue | Tag::Stack)
}

/// Whether a dict has a function of its own under a name, which is what that name selects.
#[inline]
pub fn has_own(dict: &Dict, name: &Value) -> bool {
    dict.get(name).is_some_and(is_callable)
}

/// What a name selects on all receivers with this tag, but for dicts that have their
/// [own](has_own) function; `None` if that depends on the receiver.
pub fn select_by_tag(tag: Tag, name: &str) -> Option<Selected> {
    if !is_collection(tag) && tag != Tag::Str {
        return None;
    }
    let of_type = || row_of(tag, "", name);
    of_type().or_else(|| super::lookup(name).filter(|_| name != "throw").map(Selected::Native))
}

#[cold]
fn unknown_method(name: &str) -> Error {
    Error::new(Kind::FieldError, format!("Unknown method: {name}"))
}

impl Selected {
    /// Whether the call with these arguments runs no code of the program and does not wait.
    pub fn is_self_contained(&self, args: &[Value]) -> bool {
        if let Selected::TypeMethod(decl) = self
            && decl.result == "iterator"
        {
            // Stages run when items are asked for.
            return true;
        }
        let may_run = match self {
            Selected::Native(index) => super::get(*index).effect != Effect::Pure,
            Selected::Updating(decl) => !is_collection(decl.0.tag),
            Selected::TypeMethod(decl) => !is_collection(decl.tag),
            Selected::Method(_) | Selected::Callable(_) => true,
        };
        !may_run && !args.iter().any(is_callable)
    }

    /// Whether the call changes the place of its receiver (LS 9.4).
    pub fn is_mutating(&self) -> bool {
        match self {
            Selected::Updating(_) => true,
            Selected::Method(method) => match method.view() {
                View::Function(function) => function.info().receiver == Receiver::MutSelf,
                _ => false,
            },
            Selected::Callable(_) | Selected::TypeMethod(_) | Selected::Native(_) => false,
        }
    }
}

/// Calls what was selected; `args` are moved out. A mutating method changes `receiver`, in place
/// if it is unique; a builtin one that raises leaves it unchanged.
///
/// # Errors
/// What the callee raises.
pub fn call_selected(
    host: &mut dyn Host,
    selected: &Selected,
    receiver: &mut Value,
    args: &mut [Value],
) -> Result<Value> {
    match selected {
        Selected::Method(method) => host.call_method(method, receiver, args),
        Selected::Callable(callee) => host.call(callee, args),
        Selected::TypeMethod(decl) => decl.call(host, receiver, args),
        Selected::Updating(decl) => decl.0.call(host, receiver, args),
        Selected::Native(index) => call_native_method(host, *index, receiver, args),
    }
}

/// Calls a native function with the receiver as first argument.
pub fn call_native_method(
    host: &mut dyn Host,
    index: u32,
    receiver: &Value,
    args: &mut [Value],
) -> Result<Value> {
    let mut all: SmallVec<[Value; 4]> = SmallVec::with_capacity(args.len() + 1);
    all.push(receiver.clone());
    all.extend(args.iter_mut().map(Value::take));
    super::call(host, index, &mut all)
}

impl MethodDecl {
    fn key(&self) -> (Tag, &str, &str) {
        (self.tag, self.word, self.name)
    }

    /// Calls the method; an updating one changes `receiver`, which must be of the declared type.
    ///
    /// # Errors
    /// ArityError and TypeError for unsuitable arguments; what the method and callbacks raise.
    pub fn call(
        &'static self,
        host: &mut dyn Host,
        receiver: &mut Value,
        args: &mut [Value],
    ) -> Result<Value> {
        debug_assert_eq!(receiver.tag(), self.tag, "{} of {}", self.name, type_name(receiver));
        let name = self.name_for(receiver);
        if args.len() < self.n_required || args.len() > self.n_max {
            return Err(arity_error(name, self.n_required, self.n_max, args.len()));
        }
        let result = (self.run)(&mut Cx { host, name }, receiver, args)?;
        super::stop_if_exceeded(host)?;
        Ok(result)
    }

    /// What errors call it: an iterator that stands for the array of a range is one to nobody.
    fn name_for(&'static self, receiver: &Value) -> &'static str {
        if let View::Iterator(body) = receiver.view()
            && body.is_range()
            && let Some(Selected::TypeMethod(of_array)) = row_of(Tag::Array, self.word, self.name)
        {
            return &of_array.full_name;
        }
        &self.full_name
    }
}
