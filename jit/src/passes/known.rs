//! What is known of memory at a point: home slots, and words that were read or written.

use ruff_runtime::mutant;
use std::collections::HashMap;

use ruff_runtime::value::Tag;

use crate::ir::{Elem, Func, Helper, NodeId, Op, Ty};

/// The tag word of a home slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TagIs {
    Const(u64),
    Node(NodeId),
}

/// A place outside home slots that was read or written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Place {
    /// At a pointer plus offset, read as a type.
    Word(NodeId, i32, Ty),
    Half(NodeId, i32),
    /// Data, index.
    Elem(Elem, NodeId, NodeId, Ty),
    /// What a lookup of a key in a container gives.
    Entry(Helper, NodeId, NodeId),
}

/// What a node may change.
#[derive(Default, Debug)]
pub(super) struct Effects {
    /// Home slots from here on.
    from: Option<u16>,
    slots: Vec<u16>,
    /// Words at this offset of any object.
    offsets: Vec<i32>,
    /// Words of a new block that nobody else has seen.
    new: Vec<(NodeId, i32)>,
    has_elements: bool,
    /// All that is not a home slot.
    has_memory: bool,
}

impl Effects {
    /// Adds what an operation between two points may change of what is known at the first: not
    /// the blocks made on the way.
    pub(super) fn add_between(&mut self, func: &Func, op: &Op, made: &[NodeId]) {
        match op {
            Op::Store(at, ..) if made.contains(at) => {}
            op => self.add(func, op),
        }
    }

    /// Adds what an operation may change.
    pub(super) fn add(&mut self, func: &Func, op: &Op) {
        match op {
            Op::StoreSlot(r, _) | Op::StorePair(r, ..) | Op::StoreNull(r) => self.slots.push(*r),
            Op::Release(r) | Op::Unshare(r) => self.slots.push(*r),
            Op::MoveSlot(dst, src) => self.slots.extend([*dst, *src]),
            Op::Store(..) if mutant!("forward-over-stores") => {}
            Op::Store(_, offset, _) => self.offsets.push(*offset),
            Op::ElemStore(..) => self.has_elements = !mutant!("forward-over-elements"),
            Op::Push(r, ..) => {
                self.slots.push(*r);
                self.has_memory = true;
            }
            // An error goes to the register of its handler.
            Op::Call(call) => self.everything_from(if call.catches { 0 } else { call.window }),
            Op::Direct(..) if mutant!("forward-over-direct") => {}
            Op::Step(..) | Op::Direct(..) => self.everything_from(0),
            Op::OpenChain(r, ..) => self.everything_from(*r),
            Op::BeginRequest(..) | Op::EndRequest(..) | Op::EndGenerator(_) => {
                self.has_memory = true;
            }
            Op::Help(helper, args) => match helper {
                Helper::TextData | Helper::TextEqual | Helper::TextOrder | Helper::NewCell => {}
                Helper::NewUnboxed => {}
                Helper::DictFindInt | Helper::DictFindText | Helper::DictHasOwn => {}
                Helper::DictFindAny | Helper::Length => {}
                Helper::NewArray => {
                    if let [first, count] = args.as_slice()
                        && let (Op::SlotAddr(first), Op::Const(count)) =
                            (&func.node(*first).op, &func.node(*count).op)
                    {
                        self.slots.extend(*first..*first + *count as u16);
                    }
                }
                Helper::Closure | Helper::NewStruct | Helper::ReleaseRow => {
                    self.everything_from(0);
                }
                Helper::Push
                | Helper::TextAppend
                | Helper::TextAppendChar
                | Helper::TextConcat
                | Helper::UpdateIndex
                | Helper::StorePlace
                | Helper::UpdatePlace
                | Helper::LoadPlace
                | Helper::TakePlace
                | Helper::PutPlace
                | Helper::TakeLast
                | Helper::DictSetInt
                | Helper::DictSetText
                | Helper::Pop => {
                    if mutant!("forward-over-helpers") {
                        return;
                    }
                    // Of the slots only those whose addresses it gets.
                    self.slots.extend(args.iter().filter_map(|&arg| match func.node(arg).op {
                        Op::SlotAddr(r) => Some(r),
                        _ => None,
                    }));
                    self.has_memory = true;
                }
            },
            // Counts are not remembered, and what is freed is not read again.
            Op::Retain(_) | Op::RetainSlot(_) | Op::RetainPair(..) | Op::ReleasePair(..) => {}
            Op::ReleaseFlat(..) | Op::ReleaseAt(..) | Op::Alloc(_) => {}
            Op::Param | Op::Const(_) | Op::Int(..) | Op::Checked(..) | Op::Float(..) => {}
            Op::FloatFn(..) | Op::ToFloat(_) | Op::ToInt(_) | Op::ICmp(..) | Op::Below(..) => {}
            Op::FCmp(..) | Op::Not(_) | Op::Or(..) | Op::Select(..) | Op::LoadSlot(_) => {}
            Op::LoadTag(_) | Op::Load(..) | Op::Load32(..) | Op::NoOperators(..) => {}
            Op::ElemLoad(..) | Op::LoadCount(_) | Op::Closure | Op::Room(_) | Op::Guard(..) => {}
            Op::Poll(_) | Op::Code(_) | Op::SlotAddr(_) | Op::Bits(_) | Op::CallTag(_) => {}
            Op::FromBits(_) | Op::EnterBody(_) | Op::LeaveBody | Op::Expect(..) => {}
            Op::LeaveChain => {}
        }
    }

    fn everything_from(&mut self, window: u16) {
        if mutant!("forward-over-calls") {
            return;
        }
        self.from = Some(self.from.map_or(window, |from| from.min(window)));
        self.has_memory = true;
    }

    fn has_slot(&self, r: u16) -> bool {
        self.from.is_some_and(|from| r >= from) || self.slots.contains(&r)
    }

    fn has_place(&self, place: Place) -> bool {
        if self.has_memory {
            return true;
        }
        match place {
            Place::Word(base, at, _) | Place::Half(base, at) => {
                self.offsets.iter().any(|offset| offset.abs_diff(at) < 8)
                    || self.new.iter().any(|(new, offset)| *new == base && offset.abs_diff(at) < 8)
            }
            Place::Elem(..) => self.has_elements,
            Place::Entry(..) => false,
        }
    }
}

/// Home slots and other memory as known at a point.
#[derive(Clone, Default, Debug)]
pub(super) struct Known {
    tags: HashMap<u16, TagIs>,
    payloads: HashMap<(u16, Ty), NodeId>,
    places: HashMap<Place, NodeId>,
    /// Blocks made here that nothing but stores into them has used.
    new: Vec<NodeId>,
}

impl Known {
    /// Notes what an operation does with new blocks: a use other than storing into one may let
    /// others read it.
    pub(super) fn note_new(&mut self, id: NodeId, op: &Op) {
        match *op {
            Op::Alloc(_) => self.new.push(id),
            Op::Store(_, _, value) => self.new.retain(|new| *new != value),
            ref op if !self.new.is_empty() => {
                let mut op = op.clone();
                op.each_input(|input| self.new.retain(|new| new != input));
            }
            _ => {}
        }
    }

    /// What is known where other blocks go on.
    pub(super) fn handed_on(&self) -> Known {
        Known { new: Vec::new(), ..self.clone() }
    }

    pub(super) fn tag(&self, r: u16) -> Option<TagIs> {
        self.tags.get(&r).copied()
    }

    pub(super) fn payload(&self, r: u16, ty: Ty) -> Option<NodeId> {
        self.payloads.get(&(r, ty)).copied()
    }

    pub(super) fn place(&self, place: Place) -> Option<NodeId> {
        self.places.get(&place).copied()
    }

    pub(super) fn set_tag(&mut self, r: u16, tag: TagIs) {
        self.tags.insert(r, tag);
    }

    pub(super) fn set_payload(&mut self, func: &Func, r: u16, payload: NodeId) {
        self.payloads.insert((r, func.ty(payload)), payload);
        if let Some(plain) = boxed(func, payload) {
            self.payloads.insert((r, func.ty(plain)), plain);
        }
    }

    pub(super) fn set_place(&mut self, place: Place, value: NodeId) {
        self.places.insert(place, value);
    }

    /// Forgets what may have changed.
    pub(super) fn forget(&mut self, effects: &Effects) {
        self.tags.retain(|&r, _| !effects.has_slot(r));
        self.payloads.retain(|&(r, _), _| !effects.has_slot(r));
        self.places.retain(|&place, _| !effects.has_place(place));
    }

    /// After an operation that writes memory.
    pub(super) fn note(&mut self, func: &Func, id: NodeId, constant: impl Fn(NodeId) -> TagIs) {
        let op = &func.node(id).op;
        let moved = match *op {
            Op::MoveSlot(_, src) => Some((self.tag(src), self.payloads_of(src))),
            _ => None,
        };
        let kept = match *op {
            // Its payload stays.
            Op::StoreNull(r) => self.payloads_of(r),
            _ => Vec::new(),
        };
        let mut effects = Effects::default();
        match *op {
            Op::Store(at, offset, _) if self.new.contains(&at) => effects.new.push((at, offset)),
            ref op => effects.add(func, op),
        }
        self.forget(&effects);
        match *op {
            Op::StoreSlot(r, value) => {
                let (tag, is_plain) = match func.ty(value) {
                    Ty::Int | Ty::Word | Ty::None => (Tag::Int, true),
                    Ty::Float => (Tag::Float, true),
                    Ty::Bool => (Tag::Bool, true),
                    // A string is made of it.
                    Ty::Char => (Tag::Str, false),
                };
                self.set_tag(r, TagIs::Const(tag as u64));
                if is_plain {
                    self.set_payload(func, r, value);
                }
            }
            Op::StorePair(r, tag, payload) => {
                self.set_tag(r, constant(tag));
                self.set_payload(func, r, payload);
            }
            Op::StoreNull(r) => {
                self.set_tag(r, TagIs::Const(Tag::Null as u64));
                self.payloads.extend(kept);
            }
            Op::MoveSlot(dst, src) => {
                if let Some((tag, payloads)) = moved {
                    self.tags.extend(tag.map(|tag| (dst, tag)));
                    self.payloads.extend(payloads.into_iter().map(|((_, ty), v)| ((dst, ty), v)));
                }
                self.set_tag(src, TagIs::Const(Tag::Null as u64));
            }
            Op::Unshare(r) => {
                self.set_tag(r, TagIs::Const(Tag::Struct as u64));
                self.set_payload(func, r, id);
            }
            Op::Store(at, offset, value) => {
                for value in [Some(value), boxed(func, value)].into_iter().flatten() {
                    self.set_place(Place::Word(at, offset, func.ty(value)), value);
                }
            }
            _ => {}
        }
    }

    fn payloads_of(&self, r: u16) -> Vec<((u16, Ty), NodeId)> {
        let all = self.payloads.iter().filter(|((slot, _), _)| *slot == r);
        all.map(|(key, value)| (*key, *value)).collect()
    }
}

/// The unboxed value of which a word holds the bits. A character's are those of a new string.
fn boxed(func: &Func, word: NodeId) -> Option<NodeId> {
    match func.node(word).op {
        Op::Bits(plain) if func.ty(plain) != Ty::Char => Some(plain),
        _ => None,
    }
}
