//! Values in a form that may cross threads.
//!
//! A [`Parcel`] is a flat program for a stack machine: each [`Node`] pushes a value or makes one
//! of the values on top. So neither packing ([`super::pack`]), unpacking ([`super::unpack`]) nor
//! dropping recurses. What is shared inside one parcel (variables, refs, copies of one array) is
//! kept under a key when it is made first, and fetched later. Scalars, texts and arrays of
//! numbers have forms without a program.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use compact_str::CompactString;

use super::remote::SharedPromise;
use super::shared_channels::SharedChannel;
use crate::error::{Error, Exit, Kind, Position, TraceEntry, TracedCall};
use crate::objects::array::{Array, ElemKind};
use crate::objects::function::FunctionInfo;
use crate::objects::module::{Origin, Template};
use crate::objects::resource::Resource;
use crate::objects::structs::EnumDef;
use crate::objects::tagged::Variant;
use crate::value::{Tag, Wrapper};

/// A value on its way to another thread.
#[derive(Clone)]
pub enum Parcel {
    /// Without an object: tag and payload.
    Plain(Tag, u64),
    Text(CompactString),
    Flat(Flat),
    Graph(Box<Graph>),
}

/// Everything else.
#[derive(Clone, Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    /// The number of keys.
    pub(super) n_keys: u32,
}

/// An array whose elements are not values.
#[derive(Clone)]
pub struct Flat(Array);

// SAFETY: the buffer comes from the system allocator and holds plain numbers.
unsafe impl Send for Flat {}
// SAFETY: as above; nothing changes it through a shared reference.
unsafe impl Sync for Flat {}

impl Flat {
    /// Wraps an array of ints, floats or bools, or an empty one; gives others back.
    pub(super) fn new(array: Array) -> Result<Flat, Array> {
        if array.kind() == ElemKind::Value { Err(array) } else { Ok(Flat(array)) }
    }

    pub(super) fn into_array(self) -> Array {
        self.0
    }
}

/// The key of something shared.
pub(super) type Key = u32;

/// A step of unpacking; see the module's documentation. `n` values are taken from the stack.
#[derive(Clone)]
pub(super) enum Node {
    Plain(Tag, u64),
    Text(CompactString),
    Flat(Flat),
    Bytes(Box<[u8]>),
    Array {
        n: usize,
    },
    Dict {
        n: usize,
    },
    Set {
        n: usize,
    },
    Queue {
        n: usize,
    },
    Stack {
        n: usize,
    },
    Tagged {
        variant: &'static Variant,
        n: usize,
    },
    Wrap(Wrapper),
    /// An instance of the declaration under a key, with fields added after the declared ones.
    Struct {
        def: Key,
        added: Box<[Arc<str>]>,
        n: usize,
    },
    Function(Box<FunctionNode>),
    Enum(Arc<EnumDef>),
    Resource(Resource),
    Promise(Arc<SharedPromise>),
    Channel(Arc<SharedChannel>),
    /// A generator or iterator, which stays with its thread.
    ForeignGenerator(Box<FunctionInfo>),
    ForeignIterator,
    /// Keeps the value on top under a key.
    Keep(Key),
    /// Pushes what is kept.
    Fetch(Key),
    /// Makes, keeps and pushes a variable (or a `ref`) without content.
    Cell(Key, Tag),
    /// The value on top is the content of a variable.
    Fill(Key),
    /// Keeps a declaration.
    Def(Key, Box<DefNode>),
    /// Methods (by name) and then defaults of a declaration are on top.
    FillDef {
        def: Key,
        methods: Box<[Arc<str>]>,
        n_defaults: usize,
    },
    /// Keeps the isolate's instance of a module that all have.
    Module(Key, u64),
    /// Keeps the isolate's instance of a module, or makes one.
    ModuleCopy {
        key: Key,
        origin: Origin,
        is_everywhere: bool,
    },
    /// The module's variables are on top.
    FillModule {
        module: Key,
        n: usize,
    },
    /// The value of the name of a kept module.
    ModuleName(Key),
    /// The predefined module `Promise`.
    PromiseModule,
    /// Functions that natives call later, for what has this number.
    Handlers {
        number: u64,
        n: usize,
    },
}

/// A function: where its code is, and how many captured variables are on top.
#[derive(Clone)]
pub(super) struct FunctionNode {
    pub(super) module: Key,
    pub(super) index: u32,
    pub(super) piece: Option<Template>,
    pub(super) n: usize,
}

/// Which declaration is meant.
#[derive(Clone)]
pub(super) enum DefNode {
    /// The predeclared `Error`.
    Error,
    /// One of the library's.
    Library { decl_id: u64, name: Arc<str>, fields: Box<[Arc<str>]> },
    /// One that every isolate has.
    Known(u64),
    Declared {
        identity: u64,
        decl_id: u64,
        name: Arc<str>,
        fields: Box<[Arc<str>]>,
        is_everywhere: bool,
    },
}

/// One entry of a traceback on its way to another thread.
#[derive(Clone)]
pub(super) enum PackedEntry {
    Call(TracedCall),
    Text(Arc<str>),
}

impl PackedEntry {
    fn new(entry: &TraceEntry) -> PackedEntry {
        match entry {
            TraceEntry::Call(call) => PackedEntry::Call((**call).clone()),
            TraceEntry::Text(text) => PackedEntry::Text(text.clone()),
        }
    }

    pub(super) fn unpack(self) -> TraceEntry {
        match self {
            PackedEntry::Call(call) => TraceEntry::Call(Rc::new(call)),
            PackedEntry::Text(text) => TraceEntry::Text(text),
        }
    }
}

/// An error on its way to another thread.
#[derive(Clone)]
pub struct ErrorParcel {
    pub(super) exit: Exit,
    pub(super) kind: Cow<'static, str>,
    pub(super) message: String,
    pub(super) position: Option<Position>,
    pub(super) trace: Vec<PackedEntry>,
    pub(super) help: Vec<String>,
    pub(super) extra: Vec<Arc<str>>,
    /// An array of value, cause and the extra fields.
    pub(super) values: Parcel,
}

impl ErrorParcel {
    /// An error without the values that it may carry.
    pub(super) fn without_values(error: &Error) -> ErrorParcel {
        ErrorParcel {
            exit: error.cause_of_exit,
            kind: error.kind.clone(),
            message: error.message.clone(),
            position: error.position.as_deref().cloned(),
            trace: error.trace.iter().map(PackedEntry::new).collect(),
            help: error.help.clone(),
            extra: Vec::new(),
            values: Parcel::NULL,
        }
    }

    /// What an isolate that has panicked leaves behind.
    pub(super) fn internal() -> ErrorParcel {
        let message = "The thread was ended by an internal error";
        Self::without_values(&Error::new(Kind::ConcurrencyError, message))
    }
}

/// How work on another thread has ended.
pub type Outcome = Result<Parcel, Box<ErrorParcel>>;

impl Parcel {
    pub const NULL: Parcel = Parcel::Plain(Tag::Null, 0);

    /// The int, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Parcel::Plain(Tag::Int, payload) => Some(*payload as i64),
            Parcel::Plain(..) | Parcel::Text(_) | Parcel::Flat(_) | Parcel::Graph(_) => None,
        }
    }

    pub fn int(v: i64) -> Parcel {
        Parcel::Plain(Tag::Int, v as u64)
    }
}
