//! The value: 16 bytes, a tag word and a payload word.
//!
//! A `Value` owns one reference to its object, if it has one: cloning retains, dropping
//! releases. [`Value::view`] gives the borrowed, typed face that most code matches on.
//! Invariant: the payload of a heap tag points to a live object of exactly that kind.

mod tag;

pub use tag::Tag;

use crate::heap::{self, Header, Obj, Ref};
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::cell::CellBody;
use crate::objects::channel::ChannelBody;
use crate::objects::collections::{Queue, Set, Stack};
use crate::objects::dict::Dict;
use crate::objects::function::Function;
use crate::objects::generator::GeneratorBody;
use crate::objects::iterator::IteratorBody;
use crate::objects::module::ModuleObj;
use crate::objects::promise::PromiseBody;
use crate::objects::resource::Resource;
use crate::objects::string::Str;
use crate::objects::structs::{EnumDef, Struct, StructDef};
use crate::objects::tagged::Tagged;

/// A value of the language, or one of the internal markers (`Unassigned`, `InUse`, `Pending`,
/// `Cell`) that programs never see.
#[repr(C)]
pub struct Value {
    tag: Tag,
    payload: u64,
}

/// A borrowed, typed face of a value.
#[derive(Clone, Copy)]
pub enum View<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    None,
    Native(u32),
    Wrapper(Wrapper),
    /// `Unassigned`, `InUse` and `Pending`.
    Marker(Tag),
    Str(&'a Str),
    Array(&'a Array),
    Dict(&'a Dict),
    Struct(&'a Struct),
    Tagged(&'a Tagged),
    Ok(&'a Value),
    Err(&'a Value),
    Some(&'a Value),
    Function(&'a Function),
    Set(&'a Set),
    Queue(&'a Queue),
    Stack(&'a Stack),
    Bytes(&'a Bytes),
    StructDef(&'a StructDef),
    EnumDef(&'a EnumDef),
    Module(&'a ModuleObj),
    Iterator(&'a IteratorBody),
    Cell(&'a CellBody),
    Ref(&'a CellBody),
    Resource(&'a Resource),
    Generator(&'a GeneratorBody),
    Promise(&'a PromiseBody),
    Channel(&'a ChannelBody),
}

/// The three constructor functions `Ok`, `Err`, `Some`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrapper {
    Ok,
    Err,
    Some,
}

impl Wrapper {
    pub const ALL: [Wrapper; 3] = [Wrapper::Ok, Wrapper::Err, Wrapper::Some];

    pub fn name(self) -> &'static str {
        match self {
            Wrapper::Ok => "Ok",
            Wrapper::Err => "Err",
            Wrapper::Some => "Some",
        }
    }

    /// `Ok(content)` and so on.
    pub fn wrap(self, content: Value) -> Value {
        let tag = match self {
            Wrapper::Ok => Tag::Ok,
            Wrapper::Err => Tag::Err,
            Wrapper::Some => Tag::Some,
        };
        Value::from_ref_tagged(Ref::new_tagged(content, tag), tag)
    }
}

/// A Rust type that is the body of a heap object.
pub trait Object: Sized {
    /// The tag of values that point to it. `Ok`, `Err`, `Some` and `Ref` share bodies with
    /// other tags, so a value's tag is set separately where it matters.
    const TAG: Tag;
}

impl Object for Value {
    const TAG: Tag = Tag::Ok;
}

impl Value {
    pub const NULL: Value = Value { tag: Tag::Null, payload: 0 };
    pub const NONE: Value = Value { tag: Tag::None, payload: 0 };
    pub const TRUE: Value = Value { tag: Tag::Bool, payload: 1 };
    pub const FALSE: Value = Value { tag: Tag::Bool, payload: 0 };
    pub const UNASSIGNED: Value = Value { tag: Tag::Unassigned, payload: 0 };
    pub const IN_USE: Value = Value { tag: Tag::InUse, payload: 0 };

    #[inline(always)]
    pub const fn int(v: i64) -> Value {
        Value { tag: Tag::Int, payload: v as u64 }
    }

    #[inline(always)]
    pub const fn float(v: f64) -> Value {
        Value { tag: Tag::Float, payload: v.to_bits() }
    }

    #[inline(always)]
    pub const fn bool(v: bool) -> Value {
        Value { tag: Tag::Bool, payload: v as u64 }
    }

    pub const fn native(index: u32) -> Value {
        Value { tag: Tag::Native, payload: index as u64 }
    }

    pub const fn wrapper(which: Wrapper) -> Value {
        Value { tag: Tag::Wrapper, payload: which as u64 }
    }

    pub const fn pending(payload: u64) -> Value {
        Value { tag: Tag::Pending, payload }
    }

    pub fn str(text: &str) -> Value {
        crate::objects::string::make(text)
    }

    #[inline(always)]
    pub fn tag(&self) -> Tag {
        self.tag
    }

    #[inline(always)]
    pub fn payload(&self) -> u64 {
        self.payload
    }

    #[inline(always)]
    pub fn is_heap(&self) -> bool {
        self.tag.is_heap()
    }

    #[inline(always)]
    pub fn is_null(&self) -> bool {
        self.tag == Tag::Null
    }

    #[inline(always)]
    pub fn as_int(&self) -> Option<i64> {
        (self.tag == Tag::Int).then_some(self.payload as i64)
    }

    #[inline(always)]
    pub fn as_float(&self) -> Option<f64> {
        (self.tag == Tag::Float).then(|| f64::from_bits(self.payload))
    }

    #[inline(always)]
    pub fn as_bool(&self) -> Option<bool> {
        (self.tag == Tag::Bool).then_some(self.payload != 0)
    }

    /// The payload as an int, whatever the tag says; for code that has checked the tag.
    #[inline(always)]
    pub fn int_payload(&self) -> i64 {
        self.payload as i64
    }

    /// The payload as a float, whatever the tag says; for code that has checked the tag.
    #[inline(always)]
    pub fn float_payload(&self) -> f64 {
        f64::from_bits(self.payload)
    }

    /// Makes a value from its two words.
    ///
    /// # Safety
    /// For a heap tag `payload` must be a live object of that kind, and the reference count
    /// that this value owns must have been taken already.
    #[inline(always)]
    pub unsafe fn from_parts(tag: Tag, payload: u64) -> Value {
        Value { tag, payload }
    }

    /// Wraps an object under its type's own tag.
    #[inline(always)]
    pub fn from_ref<T: Object>(object: Ref<T>) -> Value {
        Self::from_ref_tagged(object, T::TAG)
    }

    /// Wraps an object under a given tag, for bodies that several tags share.
    #[inline(always)]
    pub(crate) fn from_ref_tagged<T: Object>(object: Ref<T>, tag: Tag) -> Value {
        Value { tag, payload: object.into_raw() as u64 }
    }

    #[inline(always)]
    fn obj<T>(&self) -> &T {
        // SAFETY: callers have checked the tag; a heap tag's payload points to a live object of
        // that kind (the invariant of this module), which outlives the borrow of the value.
        unsafe { &(*(self.payload as *const Obj<T>)).body }
    }

    /// The typed face of the value.
    #[inline]
    pub fn view(&self) -> View<'_> {
        match self.tag {
            Tag::Null => View::Null,
            Tag::Bool => View::Bool(self.payload != 0),
            Tag::Int => View::Int(self.payload as i64),
            Tag::Float => View::Float(f64::from_bits(self.payload)),
            Tag::None => View::None,
            Tag::Native => View::Native(self.payload as u32),
            Tag::Wrapper => View::Wrapper(Wrapper::ALL[self.payload as usize]),
            Tag::Unassigned | Tag::InUse | Tag::Pending => View::Marker(self.tag),
            Tag::Str => View::Str(self.obj()),
            Tag::Array => View::Array(self.obj()),
            Tag::Dict => View::Dict(self.obj()),
            Tag::Struct => View::Struct(self.obj()),
            Tag::Tagged => View::Tagged(self.obj()),
            Tag::Ok => View::Ok(self.obj()),
            Tag::Err => View::Err(self.obj()),
            Tag::Some => View::Some(self.obj()),
            Tag::Function => View::Function(self.obj()),
            Tag::Set => View::Set(self.obj()),
            Tag::Queue => View::Queue(self.obj()),
            Tag::Stack => View::Stack(self.obj()),
            Tag::Bytes => View::Bytes(self.obj()),
            Tag::StructDef => View::StructDef(self.obj()),
            Tag::EnumDef => View::EnumDef(self.obj()),
            Tag::Module => View::Module(self.obj()),
            Tag::Iterator => View::Iterator(self.obj()),
            Tag::Cell => View::Cell(self.obj()),
            Tag::Ref => View::Ref(self.obj()),
            Tag::Resource => View::Resource(self.obj()),
            Tag::Generator => View::Generator(self.obj()),
            Tag::Promise => View::Promise(self.obj()),
            Tag::Channel => View::Channel(self.obj()),
        }
    }

    /// A second owner of the object behind the value, if it is of type `T`.
    pub fn to_ref<T: Object>(&self) -> Option<Ref<T>> {
        (self.tag == T::TAG).then(|| {
            // SAFETY: the tag says that the payload is a live `Obj<T>`; the clone takes the
            // reference count that the new owner needs.
            unsafe {
                Ref::from_raw(std::mem::ManuallyDrop::new(self.clone()).payload as *mut Obj<T>)
            }
        })
    }

    /// The object for changing in place, copied first if it is shared (copy-on-write).
    ///
    /// `None` if the value is of another type.
    #[inline]
    pub fn make_mut<T: Object + Clone>(&mut self) -> Option<&mut T> {
        if self.tag != T::TAG {
            return None;
        }
        if self.header().rc() != 1 {
            let copy = Ref::new(self.obj::<T>().clone());
            *self = Value::from_ref_tagged(copy, self.tag);
        }
        // SAFETY: the tag was checked, and a count of 1 means that this value is the only
        // owner, so nobody else can see the change.
        Some(unsafe { &mut (*(self.payload as *mut Obj<T>)).body })
    }

    /// The object for changing in place if this value is its only owner.
    #[inline]
    pub fn unique_mut<T: Object>(&mut self) -> Option<&mut T> {
        if self.tag != T::TAG || self.header().rc() != 1 {
            return None;
        }
        // SAFETY: as in `make_mut`.
        Some(unsafe { &mut (*(self.payload as *mut Obj<T>)).body })
    }

    /// The object's header; only for heap tags.
    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        debug_assert!(self.is_heap());
        // SAFETY: every heap object starts with its header and is live while a value points to it.
        unsafe { &*(self.payload as *const Header) }
    }

    /// Whether changing the object in place would be seen by nobody else.
    pub fn is_unique(&self) -> bool {
        self.is_heap() && self.header().rc() == 1
    }

    /// Takes the value out and leaves null.
    #[inline(always)]
    pub fn take(&mut self) -> Value {
        std::mem::replace(self, Value::NULL)
    }

    /// Whether both are the same object (or the same immediate).
    pub fn is_identical(&self, other: &Value) -> bool {
        self.tag == other.tag && self.payload == other.payload
    }
}

impl Clone for Value {
    #[inline(always)]
    fn clone(&self) -> Self {
        if self.is_heap() {
            self.header().retain();
        }
        Value { tag: self.tag, payload: self.payload }
    }
}

impl Drop for Value {
    #[inline(always)]
    fn drop(&mut self) {
        if self.is_heap() && self.header().release() {
            // SAFETY: the count reached zero, so this was the last reference.
            unsafe { heap::free_object(self.tag, self.payload as *mut u8) };
        }
    }
}

impl Default for Value {
    fn default() -> Self {
        Value::NULL
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.view() {
            View::Int(v) => write!(f, "Int({v})"),
            View::Float(v) => write!(f, "Float({v})"),
            View::Bool(v) => write!(f, "Bool({v})"),
            View::Str(s) => write!(f, "Str({:?})", s.as_str()),
            _ => write!(f, "{:?}", self.tag),
        }
    }
}

impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Value::int(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::float(v)
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::bool(v)
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::str(v)
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Value::str(&v)
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Value::NULL
    }
}

impl<T: Object> From<Ref<T>> for Value {
    fn from(v: Ref<T>) -> Self {
        Value::from_ref(v)
    }
}
