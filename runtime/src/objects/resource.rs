//! Objects of the library whose content the value model does not know: handles (sockets,
//! archives, databases, …), images and responses.
//!
//! A body is shared, not copied, so that copies of a handle and threads refer to the same thing.

use std::any::Any;
use std::sync::Arc;

use crate::value::{Object, Tag, Value};

/// What the language needs to know about a body.
pub trait ResourceBody: Any + Send + Sync {
    /// What `type()` gives.
    fn type_name(&self) -> &'static str;

    /// The content of a field that programs can read.
    fn field(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// Whether another body has the same content; handles are equal to themselves only.
    fn is_equal(&self, other: &Resource) -> bool {
        let _ = other;
        false
    }
}

/// A body of the library as an object.
#[derive(Clone)]
pub struct Resource(pub Arc<dyn ResourceBody>);

impl Resource {
    pub fn new(body: impl ResourceBody) -> Resource {
        Resource(Arc::new(body))
    }

    /// Whether both are the same thing, or things with the same content.
    pub fn is_same(&self, other: &Resource) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.is_equal(other)
    }

    /// The body, if it is of type `T`.
    pub fn downcast<T: ResourceBody>(&self) -> Option<&T> {
        let body: &dyn Any = &*self.0;
        body.downcast_ref()
    }
}

impl Object for Resource {
    const TAG: Tag = Tag::Resource;
}
