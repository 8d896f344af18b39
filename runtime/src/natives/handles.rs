//! Objects of the library as arguments and results: handles, images, responses.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::slice::Iter;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::access::Claims;
use super::args::{Fit, FromArg, IntoValue};
#[cfg(feature = "network")]
use super::library_args::bytes_value;
use crate::error::Result;
use crate::heap::Ref;
use crate::objects::resource::{Resource, ResourceBody};
use crate::permissions::Class;
use crate::value::{Value, View};

/// A type of the library that natives take as argument.
pub(super) trait Kept: ResourceBody + Sized {
    const WORD: &'static str;
    /// Stands for something of the operating system: stays open until it is closed or the
    /// program ends, however many copies of the handle there still are.
    const STAYS_OPEN: bool;

    /// A class that covers calls with this object instead of the declared one.
    fn covering_class(&self) -> Option<Class> {
        None
    }
}

thread_local! {
    // When an engine lets go of a value is not part of the language, so an open handle must not
    // depend on it. The bodies are dropped when the thread of the program ends.
    static OPEN: RefCell<FxHashMap<usize, Arc<dyn ResourceBody>>> = RefCell::default();
}

fn address(body: &Arc<dyn ResourceBody>) -> usize {
    Arc::as_ptr(body).cast::<()>() as usize
}

/// An argument that is an object of the library.
pub(super) struct Res<'a, T> {
    resource: &'a Resource,
    body: PhantomData<T>,
}

impl<'a, T: Kept> FromArg<'a> for Res<'a, T> {
    const TYPE: &'static str = T::WORD;
    fn fit(value: &Value) -> Fit {
        match value.view() {
            View::Resource(resource) => Fit::when(resource.downcast::<T>().is_some()),
            _ => Fit::WrongType,
        }
    }
    fn convert(slot: &'a mut Value) -> Self {
        let value: &'a Value = slot;
        match value.view() {
            View::Resource(resource) => Res { resource, body: PhantomData },
            _ => unreachable!("arguments are checked before they are converted"),
        }
    }
    fn claim(slots: &mut Iter<'_, Value>, claims: &mut Claims) {
        if let Some(View::Resource(resource)) = slots.next().map(Value::view)
            && let Some(class) = resource.downcast::<T>().and_then(T::covering_class)
        {
            claims.covered_by(class);
        }
    }
}

impl<T> Clone for Res<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Res<'_, T> {}

impl<T: Kept> Res<'_, T> {
    /// The handle is closed; nothing keeps it any more but its copies.
    #[cfg(any(feature = "archives", feature = "databases", feature = "network"))]
    pub(super) fn release(&self) {
        // The handle may come from another thread, and with it from another table.
        drop(OPEN.with_borrow_mut(|open| open.remove(&address(&self.resource.0))));
    }

    /// The argument as a value.
    pub(super) fn to_value(self) -> Value {
        Value::from_ref(Ref::new(Resource(Arc::clone(&self.resource.0))))
    }
}

impl<T: Kept> Deref for Res<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.resource.downcast().expect("the type of the body was checked")
    }
}

#[cfg(feature = "network")]
/// An argument that is one of two kinds of objects.
pub(super) enum Socket<'a, A, B> {
    First(Res<'a, A>),
    Second(Res<'a, B>),
}

#[cfg(feature = "network")]
impl<A, B> Clone for Socket<'_, A, B> {
    fn clone(&self) -> Self {
        *self
    }
}

#[cfg(feature = "network")]
impl<A, B> Copy for Socket<'_, A, B> {}

#[cfg(feature = "network")]
impl<'a, A: Kept, B: Kept> FromArg<'a> for Socket<'a, A, B> {
    const TYPE: &'static str = "tcpstream|tcplistener";
    fn fit(value: &Value) -> Fit {
        if Res::<A>::fit(value) == Fit::Good { Fit::Good } else { Res::<B>::fit(value) }
    }
    fn convert(slot: &'a mut Value) -> Self {
        if Res::<A>::fit(slot) == Fit::Good {
            Socket::First(Res::convert(slot))
        } else {
            Socket::Second(Res::convert(slot))
        }
    }
    fn claim(slots: &mut Iter<'_, Value>, claims: &mut Claims) {
        Res::<A>::claim(&mut slots.clone(), claims);
        Res::<B>::claim(slots, claims);
    }
}

/// A new object of the library, as a result.
pub(super) struct New<T>(pub T);

impl<T: Kept> IntoValue for New<T> {
    fn into_value(self) -> Result<Value> {
        let resource = Resource::new(self.0);
        if T::STAYS_OPEN {
            let body = Arc::clone(&resource.0);
            OPEN.with_borrow_mut(|open| open.insert(address(&body), body));
        }
        Ok(Value::from_ref(Ref::new(resource)))
    }
}

#[cfg(feature = "network")]
/// A string when the data is UTF-8, else bytes.
pub(super) fn text_or_bytes(data: Vec<u8>) -> Value {
    match String::from_utf8(data) {
        Ok(text) => Value::from(text),
        Err(error) => bytes_value(error.into_bytes()),
    }
}
