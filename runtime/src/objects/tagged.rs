//! Values of user enums: `E::V(p1, p2)`.

use std::sync::Arc;

use crate::value::{Object, Tag, Value};

#[derive(Clone)]
pub struct Tagged {
    pub enum_name: Arc<str>,
    pub variant: Arc<str>,
    pub payload: Box<[Value]>,
}

impl Object for Tagged {
    const TAG: Tag = Tag::Tagged;
}
