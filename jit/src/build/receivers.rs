//! Mutating methods of places (LS 9.4): selecting them, taking the receiver out of its place and
//! putting it back; `push`, `pop` and `len` of arrays.
//!
//! The pending marker that stands for a selected method is written to its home slot, for exits,
//! but what it says is known here, so that no code tests it.

use ruff_runtime::bytecode::Const;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::natives::method;
use ruff_runtime::objects::function::{FunctionCode, Receiver};
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::value::Tag;

use super::arrays::unboxed;
use super::builder::Builder;
use super::feedback::Site;
use super::state::{Know, Reg, Val, View};
use super::values::tag_of;
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Elem, Helper, IntOp, NodeId, Op, Ty};

/// Shapes that are told apart at one site.
const MAX_SHAPES: usize = 4;

/// What a pending marker says of the receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited {
    Array,
    Dict,
    /// A struct, perhaps of the shape with this id.
    Struct(Option<u32>),
}

impl Awaited {
    fn tag(self) -> Tag {
        match self {
            Awaited::Array => Tag::Array,
            Awaited::Dict => Tag::Dict,
            Awaited::Struct(_) => Tag::Struct,
        }
    }

    /// What is known of a receiver with the marker's type.
    fn know(self) -> Know {
        match self {
            Awaited::Array => Know::Array(None),
            Awaited::Dict => Know::Dict,
            Awaited::Struct(shape) => Know::Struct(shape),
        }
    }
}

impl Builder<'_> {
    /// Selects a method of the value in a register: a mutating one leaves a marker there.
    pub(super) fn select_method(&mut self, reg: u16, name: u16) {
        let site = Site::of(self.proto, self.pc);
        let done = match site::types_at(site.0, site::RECEIVER) {
            types::ARRAY => self.select_of_data(reg, name, Awaited::Array),
            types::DICT => self.select_of_data(reg, name, Awaited::Dict),
            types::STRUCT => self.select_of_struct(reg, name, site),
            _ => false,
        };
        if !done {
            self.step();
        }
    }

    /// Selects a method of an array or dict.
    fn select_of_data(&mut self, reg: u16, name: u16, awaited: Awaited) -> bool {
        let (tag, know) = (awaited.tag(), awaited.know());
        let Const::Str(text) = &self.proto.consts[name as usize] else { return false };
        let Some(selected) = method::select_by_tag(tag, text) else { return false };
        let Some(holder) = self.receiver_slot(reg) else { return false };
        let known = self.state.get(holder).know;
        if known != Know::Any && !know.covers(known) {
            return false;
        }
        self.want_object(holder, tag, know, ExitReason::WrongType);
        if awaited == Awaited::Dict {
            let dict = self.add(Op::LoadSlot(holder), Ty::Word);
            let name = self.word(self.loaded.consts[name as usize].payload());
            let has_own = self.add(Op::Help(Helper::DictHasOwn, vec![dict, name]), Ty::Word);
            self.guard_word(has_own, 0, ExitReason::WrongType);
        }
        if selected.is_mutating() {
            let marker = self.word(tag as u64);
            self.set_marker(reg, marker, awaited);
        } else {
            self.materialise(reg);
        }
        true
    }

    fn select_of_struct(&mut self, reg: u16, name: u16, site: Site) -> bool {
        let mut found = (self.request.methods)(&self.loaded.consts[name as usize]);
        if site.0 & (site::MONO | site::MEGA) == site::MONO {
            found.retain(|&(shape, _)| shape == site.0 as u32);
        }
        // SAFETY: code in the caches of methods lives as long as the isolate.
        let is_mutating = |&(_, code): &(u32, *const FunctionCode)| unsafe {
            (*code).info.receiver == Receiver::MutSelf
        };
        let n_mutating = found.iter().filter(|found| is_mutating(found)).count();
        let is_clear = n_mutating == 0 || n_mutating == found.len();
        if found.is_empty() || found.len() > MAX_SHAPES || !is_clear {
            return false;
        }
        let Some(holder) = self.receiver_slot(reg).filter(|&r| self.may_be_struct(r)) else {
            return false;
        };
        let shape = match found.as_slice() {
            &[(shape, _)] => {
                self.struct_of(holder, shape);
                Some(shape)
            }
            _ => {
                self.one_of_shapes(holder, &found);
                None
            }
        };
        if n_mutating == 0 {
            self.materialise(reg);
            return true;
        }
        let marker = self.struct_marker(holder);
        self.set_marker(reg, marker, Awaited::Struct(shape));
        true
    }

    /// Leaves unless the register holds a struct of one of these shapes.
    fn one_of_shapes(&mut self, r: u16, shapes: &[(u32, *const FunctionCode)]) {
        let id = self.shape_id(r);
        let mut known = None;
        for &(shape, _) in shapes {
            let wanted = self.word(shape.into());
            let same = self.add(Op::ICmp(Cond::Eq, id, wanted), Ty::Bool);
            known = Some(known.map_or(same, |others| self.add(Op::Or(others, same), Ty::Bool)));
        }
        if let Some(known) = known {
            self.guard(known, ExitReason::WrongType);
        }
    }

    /// The marker of the struct in a register (see [`ruff_runtime::interp::receiver_type`]).
    fn struct_marker(&mut self, r: u16) -> NodeId {
        let object = self.object(r);
        let shape_at = self.add(Op::Load(object, abi::STRUCT_SHAPE), Ty::Word);
        let def = self.add(Op::Load(shape_at, abi::SHAPE_DEF), Ty::Word);
        let decl = self.add(Op::Load(def, abi::DEF_DECL_ID), Ty::Word);
        let eight = self.word(8);
        let decl = self.add(Op::Int(IntOp::Shl, decl, eight), Ty::Word);
        let tag = self.word(Tag::Struct as u64);
        self.add(Op::Int(IntOp::Or, decl, tag), Ty::Word)
    }

    /// The register whose home slot holds the receiver.
    fn receiver_slot(&mut self, reg: u16) -> Option<u16> {
        let holder = self.holder_of(reg);
        self.materialise(holder);
        (self.state.get(holder).val == Val::Slot).then_some(holder)
    }

    fn set_marker(&mut self, reg: u16, marker: NodeId, awaited: Awaited) {
        if self.holder_of(reg) == reg {
            self.release(reg);
        }
        let tag = self.word(Tag::Pending as u64);
        self.add(Op::StorePair(reg, tag, marker), Ty::None);
        self.last_exit = None;
        self.state.set(reg, Reg::slot(Know::Pending(awaited)));
    }

    pub(super) fn jump_unless_pending(&mut self, src: u16, target: u32) {
        let reg = self.state.get(src);
        let is_plain = reg.node().is_some()
            || matches!(
                reg.know,
                Know::Array(_) | Know::Struct(_) | Know::Str | Know::Dict | Know::Function(_)
            );
        match reg.know {
            Know::Pending(_) => self.goto(self.key_of(self.pc + 1)),
            _ if is_plain => self.goto(self.key_of(target)),
            _ => self.step(),
        }
    }

    /// R[dst], which holds a marker, = the value at a place, which it leaves.
    pub(super) fn take_receiver(&mut self, dst: u16, root: u16, desc: u16) {
        let Know::Pending(awaited) = self.state.get(dst).know else { return self.step() };
        if self.state.get(root).node().is_some() {
            return self.step();
        }
        if self.proto.places[desc as usize].steps.is_empty() {
            return self.take_whole(dst, root, awaited);
        }
        if awaited != Awaited::Struct(None) && self.take_in_line(dst, root, desc, awaited) {
            return;
        }
        let mut args = self.place_args(root, desc);
        args.push(self.add(Op::SlotAddr(dst), Ty::Word));
        let declined = self.add(Op::Help(Helper::TakePlace, args), Ty::Word);
        self.check_declined(declined);
        // Of a struct the marker tells the declaration, not the shape.
        let is_struct = matches!(awaited, Awaited::Struct(_));
        let know = if is_struct { Know::Struct(None) } else { awaited.know() };
        self.state.set(dst, Reg::slot(know));
        self.changed_in_place(root);
    }

    fn take_whole(&mut self, dst: u16, root: u16, awaited: Awaited) {
        self.materialise(root);
        match awaited {
            Awaited::Array | Awaited::Dict => {
                self.want_object(root, awaited.tag(), awaited.know(), ExitReason::WrongType);
            }
            Awaited::Struct(Some(shape)) => drop(self.struct_of(root, shape)),
            Awaited::Struct(None) => {
                self.shape_id(root);
                let found = self.struct_marker(root);
                let wanted = self.add(Op::LoadSlot(dst), Ty::Word);
                let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
                self.guard(same, ExitReason::WrongType);
            }
        }
        self.move_owned(dst, root);
    }

    fn take_in_line(&mut self, dst: u16, root: u16, desc: u16, awaited: Awaited) -> bool {
        let Some((spot, tag, payload)) = self.receiver_spot(root, desc) else { return false };
        match awaited {
            Awaited::Array | Awaited::Dict => {
                self.guard_word(tag, awaited.tag() as u64, ExitReason::WrongType);
            }
            Awaited::Struct(None) => {}
            Awaited::Struct(Some(shape)) => {
                self.guard_word(tag, Tag::Struct as u64, ExitReason::WrongType);
                self.guard_shape(payload, shape);
            }
        }
        self.leave_in_use(spot);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.last_exit = None;
        self.state.set(dst, Reg::slot(awaited.know()));
        true
    }

    /// Puts a receiver back to where it was taken from.
    pub(super) fn put_place(&mut self, root: u16, desc: u16, src: Use) {
        let is_plain = self.state.get(root).node().is_none() && src.is_last && root != src.reg;
        if !is_plain {
            return self.step();
        }
        if self.put_in_line(root, desc, src) {
            return;
        }
        let mut args = self.place_args(root, desc);
        self.sync(src.reg);
        args.push(self.add(Op::SlotAddr(src.reg), Ty::Word));
        self.add(Op::Help(Helper::PutPlace, args), Ty::Word);
        self.last_exit = None;
        self.state.set(src.reg, Reg::EMPTY);
        self.changed_in_place(root);
    }

    // ---- methods of arrays

    /// `dst = xs.push(v)`, `xs.pop()`, `xs.len()` with the array in `first`, which keeps it.
    /// False if the call is none of them.
    pub(super) fn array_method(&mut self, dst: u16, first: u16, count: u8, name: u16) -> bool {
        let site = Site::of(self.proto, self.pc);
        let Const::Str(text) = &self.proto.consts[name as usize] else { return false };
        let reg = self.state.get(first);
        let is_array = site::types_at(site.0, site::RECEIVER) == types::ARRAY
            && reg.node().is_none()
            && matches!(reg.know, Know::Any | Know::Array(_));
        if !is_array {
            return false;
        }
        match (&**text, count) {
            ("push" | "append", 1) => self.push_method(dst, first),
            ("pop", 0) => self.pop_method(dst, first, site),
            ("len", 0) => {
                let len = self.array_len(first);
                self.define(dst, len, Ty::Int);
                true
            }
            _ => false,
        }
    }

    fn push_method(&mut self, dst: u16, first: u16) -> bool {
        let Some(slot) = self.array_push(first, first + 1) else { return false };
        self.state.set(first + 1, Reg::EMPTY);
        let val = if slot == first { Val::Slot } else { Val::Moved(slot) };
        self.state.set(first, Reg { val, unique: true, ..Reg::slot(Know::Array(None)) });
        if dst == first || !self.is_live(self.pc + 1, dst) {
            return true;
        }
        self.materialise(first);
        self.release(dst);
        self.copy_slot(dst, first);
        true
    }

    fn pop_method(&mut self, dst: u16, first: u16, site: Site) -> bool {
        if dst == first {
            return false;
        }
        self.want_object(first, Tag::Array, Know::Array(None), ExitReason::WrongType);
        let may_be_empty = site::types_at(site.0, site::CALL_RESULT) & types::NULL != 0;
        let Some(kind) = site.receiver_kind().filter(|_| !may_be_empty) else {
            return self.pop_value(dst, first);
        };
        let old = self.view_of(first, kind, ExitReason::WrongType);
        let zero = self.word(0);
        let has_items = self.add(Op::Below(zero, old.len), Ty::Bool);
        self.guard(has_items, ExitReason::OutOfBounds);
        self.check_unique(first, ExitReason::Shared);
        let one = self.word(1);
        let len = self.add(Op::Int(IntOp::Sub, old.len, one), Ty::Word);
        let typed = match unboxed(kind) {
            Some((elem, ty)) => Some((self.add(Op::ElemLoad(elem, old.data, len), ty), ty)),
            None => site.call_result().map(|ty| {
                let tag = self.add(Op::ElemLoad(Elem::TagWord, old.data, len), Ty::Word);
                self.guard_word(tag, tag_of(ty) as u64, ExitReason::WrongType);
                (self.add(Op::ElemLoad(Elem::Payload, old.data, len), ty), ty)
            }),
        };
        let (know, view) = (Know::Array(Some(kind)), Some(View { len, ..old }));
        let after = Reg { val: Val::Slot, know, view, unique: true };
        if let Some((value, ty)) = typed {
            self.add(Op::Store(old.object, abi::ARRAY_LEN, len), Ty::None);
            self.last_exit = None;
            self.state.set(first, after);
            self.define(dst, value, ty);
            return true;
        }
        let tag = self.add(Op::ElemLoad(Elem::TagWord, old.data, len), Ty::Word);
        let payload = self.add(Op::ElemLoad(Elem::Payload, old.data, len), Ty::Word);
        self.add(Op::Store(old.object, abi::ARRAY_LEN, len), Ty::None);
        self.last_exit = None;
        self.state.set(first, after);
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
        true
    }

    /// Pops an element of any kind; an empty array gives null.
    fn pop_value(&mut self, dst: u16, first: u16) -> bool {
        self.materialise_all();
        self.release(dst);
        let args = [first, dst].map(|r| self.add(Op::SlotAddr(r), Ty::Word));
        self.add(Op::Help(Helper::TakeLast, args.to_vec()), Ty::Word);
        self.last_exit = None;
        self.state.set(dst, Reg::slot(Know::Any));
        self.changed_in_place(first);
        true
    }
}
