//! Immutable byte sequences.

use crate::value::{Object, Tag};

#[derive(Clone, Default)]
pub struct Bytes(pub Box<[u8]>);

impl Object for Bytes {
    const TAG: Tag = Tag::Bytes;
}
