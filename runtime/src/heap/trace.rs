//! The references that an object holds, for the cycle collector.

use std::mem::ManuallyDrop;

use crate::heap::Obj;
use crate::objects::structs::StructDef;
use crate::value::{Tag, Value, View};

/// Whether objects of this tag can hold references to others.
pub(super) fn holds_values(tag: Tag) -> bool {
    tag.is_heap()
        && !matches!(tag, Tag::Str | Tag::Bytes | Tag::EnumDef | Tag::Module | Tag::Resource)
}

/// Calls `f` with every counted reference that the object of `value` holds. What cannot be seen
/// at the moment (an iterator that is borrowed) is left out, which keeps it alive.
pub(super) fn each_child(value: &Value, mut f: impl FnMut(&Value)) {
    match value.view() {
        View::Array(array) => array.values().into_iter().flatten().for_each(f),
        View::Stack(stack) => stack.0.values().into_iter().flatten().for_each(f),
        View::Dict(dict) => dict.iter().for_each(|(_, v)| f(v)),
        View::Struct(instance) => {
            instance.fields().iter().for_each(&mut f);
            let def = ManuallyDrop::new(instance.def_ref()).as_ptr();
            let offset = std::mem::offset_of!(Obj<StructDef>, body);
            let object = def.cast::<u8>().wrapping_sub(offset) as u64;
            // SAFETY: the declaration is live, and the count taken by `def_ref` is owned and
            // given back by this value.
            f(&unsafe { Value::from_parts(Tag::StructDef, object) });
        }
        View::Tagged(tagged) => tagged.payload().iter().for_each(f),
        View::Ok(content) | View::Err(content) | View::Some(content) => f(content),
        View::Function(function) => function.upvalues().iter().for_each(f),
        View::Set(set) => set.members().iter().for_each(f),
        View::Queue(queue) => queue.0.iter().for_each(f),
        View::StructDef(def) => def.each_value(&mut f),
        View::Cell(cell) | View::Ref(cell) => cell.with_content(f),
        View::Iterator(iterator) => {
            let Ok(state) = iterator.state.try_borrow() else { return };
            state.each_value(&mut f);
        }
        View::Generator(generator) => generator.each_value(&mut f),
        View::Promise(promise) => promise.each_value(&mut f),
        View::Channel(channel) => channel.each_value(&mut f),
        View::Null
        | View::Bool(_)
        | View::Int(_)
        | View::Float(_)
        | View::None
        | View::Native(_)
        | View::Wrapper(_)
        | View::Marker(_)
        | View::Str(_)
        | View::Bytes(_)
        | View::EnumDef(_)
        | View::Module(_)
        | View::Resource(_) => {}
    }
}
