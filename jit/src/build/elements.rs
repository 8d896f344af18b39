//! Elements of arrays that hold whole values: reading through two arrays at once, writing, and
//! taking the last one off.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::natives;
use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::value::Tag;

use super::arrays::unboxed;
use super::builder::Builder;
use super::feedback::Site;
use super::insn::{Arith, Insn};
use super::intrinsics::{Intrinsic, find};
use super::state::{Know, Reg, Val, View};
use super::values::tag_of;
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Elem, Helper, IntOp, NodeId, Op, Ty};

/// A `get_index` right after another one that reads through the element just read and then
/// gives it up.
struct Inner {
    dst: u16,
    index: Use,
    kind: ElemKind,
    site: Site,
}

/// `pair := pop(xs); xs := pair[0]; item := pair[1]` in five instructions.
struct PopAndSplit {
    pair: u16,
    temps: [u16; 2],
    rest: u16,
    item: u16,
    result: Option<Ty>,
}

/// Instructions that a [`PopAndSplit`] covers besides the first.
const POP_TAIL: u32 = 4;

impl Builder<'_> {
    // ---- reading

    /// Reads through the element at a checked index of an array of arrays, if the next
    /// instruction does that and nobody else needs the element; then it covers that one too.
    pub(super) fn element_of_element(
        &mut self,
        dst: u16,
        (view, at): (View, NodeId),
        drops: &[Use; 2],
    ) -> bool {
        let Some(inner) = self.inner_access(dst) else { return false };
        let next = self.want(inner.index.reg, Ty::Int);
        let tag = self.add(Op::ElemLoad(Elem::TagWord, view.data, at), Ty::Word);
        let wanted = self.word(Tag::Array as u64);
        let is_array = self.add(Op::ICmp(Cond::Eq, tag, wanted), Ty::Bool);
        self.guard(is_array, ExitReason::WrongType);
        let object = self.add(Op::ElemLoad(Elem::Payload, view.data, at), Ty::Word);
        let found = self.add(Op::Load(object, abi::ARRAY_KIND), Ty::Bool);
        let wanted = self.constant(inner.kind as u64, Ty::Bool);
        let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
        self.guard(same, ExitReason::WrongElements);
        let data = self.add(Op::Load(object, abi::ARRAY_DATA), Ty::Word);
        let len = self.add(Op::Load(object, abi::ARRAY_LEN), Ty::Word);
        let is_inside = self.add(Op::Below(next, len), Ty::Bool);
        self.guard(is_inside, ExitReason::OutOfBounds);
        let view = View { object, data, len };
        let drops = [drops[0], drops[1], Use::last(dst), inner.index];
        self.load_element(inner.dst, (inner.kind, inner.site), (view, next), &drops);
        self.pc += 1;
        true
    }

    fn inner_access(&self, element: u16) -> Option<Inner> {
        let pc = self.pc + 1;
        if self.flow.leaders.get(pc as usize).copied().unwrap_or(true) {
            return None;
        }
        let Insn::GetIndex { dst, object, index } = self.flow.insns[pc as usize] else {
            return None;
        };
        let site = Site::of(self.proto, pc);
        let kind = site.array_kind()?;
        let is_typed = self.guess_reg(index.reg, site.rhs()) == Some(Ty::Int);
        let fits = object.reg == element
            && object.is_last
            && index.reg != element
            && is_typed
            && self.feedback.may_speculate(pc);
        fits.then_some(Inner { dst, index, kind, site })
    }

    /// R[dst] = the element of an array at a checked index; gives the operands up.
    pub(super) fn load_element(
        &mut self,
        dst: u16,
        (kind, site): (ElemKind, Site),
        (view, at): (View, NodeId),
        drops: &[Use],
    ) {
        if let Some((elem, ty)) = unboxed(kind) {
            let value = self.add(Op::ElemLoad(elem, view.data, at), ty);
            drops.iter().for_each(|&operand| self.done_with(operand));
            return self.define(dst, value, ty);
        }
        let tag = self.add(Op::ElemLoad(Elem::TagWord, view.data, at), Ty::Word);
        if let Some(ty) = site.result() {
            let wanted = self.word(tag_of(ty) as u64);
            let same = self.add(Op::ICmp(Cond::Eq, tag, wanted), Ty::Bool);
            self.guard(same, ExitReason::WrongType);
            let value = self.add(Op::ElemLoad(Elem::Payload, view.data, at), ty);
            drops.iter().for_each(|&operand| self.done_with(operand));
            return self.define(dst, value, ty);
        }
        let payload = self.add(Op::ElemLoad(Elem::Payload, view.data, at), Ty::Word);
        self.add(Op::RetainPair(tag, payload), Ty::None);
        drops.iter().for_each(|&operand| self.done_with(operand));
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
    }

    // ---- writing

    /// root[index] = src in an array of values that has no other owner.
    pub(super) fn set_value(&mut self, root: u16, index: Use, src: Use) {
        let site = Site::of(self.proto, self.pc);
        let is_typed = site.array_kind() == Some(ElemKind::Value)
            && self.feedback.may_speculate(self.pc)
            && self.guess_reg(index.reg, site.rhs()) == Some(Ty::Int)
            && self.state.get(root).node().is_none()
            && src.reg != root;
        if !is_typed {
            if !self.dict_set(root, index, src) {
                self.set_index_direct(root);
            }
            return;
        }
        let view = self.view_of(root, ElemKind::Value, ExitReason::WrongType);
        let at = self.want(index.reg, Ty::Int);
        self.check_bounds(at, view);
        self.check_unique(root, ExitReason::Shared);
        let (tag, payload) = self.owned_pair(src);
        let old_tag = self.add(Op::ElemLoad(Elem::TagWord, view.data, at), Ty::Word);
        let old = self.add(Op::ElemLoad(Elem::Payload, view.data, at), Ty::Word);
        self.add(Op::ElemStore(Elem::TagWord, view.data, at, tag), Ty::None);
        self.add(Op::ElemStore(Elem::Payload, view.data, at, payload), Ty::None);
        self.add(Op::ReleasePair(old_tag, old), Ty::None);
        self.last_exit = None;
        self.done_with(index);
    }

    /// Tag and payload words of an operand with a count of their own.
    fn owned_pair(&mut self, src: Use) -> (NodeId, NodeId) {
        if let Some((node, ty)) = self.state.get(src.reg).node() {
            let pair = (self.word(tag_of(ty) as u64), self.add(Op::Bits(node), Ty::Word));
            self.done_with(src);
            return pair;
        }
        self.materialise(src.reg);
        let tag = self.add(Op::LoadTag(src.reg), Ty::Word);
        let payload = self.add(Op::LoadSlot(src.reg), Ty::Word);
        if !self.state.get(src.reg).know.may_own() {
            return (tag, payload);
        }
        if src.is_last {
            self.add(Op::StoreNull(src.reg), Ty::None);
            self.state.set(src.reg, Reg::EMPTY);
        } else {
            self.add(Op::RetainPair(tag, payload), Ty::None);
            let reg = self.state.get(src.reg);
            self.state.set(src.reg, Reg { unique: false, ..reg });
        }
        (tag, payload)
    }

    /// root[index] = root[index] op src, for numbers in whatever holds values.
    pub(super) fn update_entry(&mut self, root: u16, index: Use, src: Use, op: Arith) {
        let is_number = matches!(self.guess_reg(src.reg, None), Some(Ty::Int | Ty::Float));
        let is_possible = is_number
            && self.feedback.may_speculate(self.pc)
            && self.state.get(root).node().is_none()
            && Site::of(self.proto, self.pc).has_run();
        if !is_possible {
            return self.step();
        }
        self.materialise_all();
        self.sync(index.reg);
        self.sync(src.reg);
        let addresses = [root, index.reg, src.reg].map(|r| self.add(Op::SlotAddr(r), Ty::Word));
        let mut args = addresses.to_vec();
        args.push(self.word(op as u64));
        let declined = self.add(Op::Help(Helper::UpdateIndex, args), Ty::Word);
        self.check_declined(declined);
        self.done_with(index);
        self.done_with(src);
        self.changed_in_place(root);
    }

    /// A helper has changed what is inside the container in a register.
    pub(super) fn changed_in_place(&mut self, root: u16) {
        let know = match self.state.get(root).know {
            Know::Array(_) => Know::Array(None),
            know => know,
        };
        self.state.set(root, Reg { val: Val::Slot, know, view: None, unique: true });
    }

    // ---- taking off

    /// `xs := pop(xs)[0]` together with its item, without the pair. False if the code is not
    /// that.
    pub(super) fn pop_and_split(&mut self, dst: u16, native: u16, src: Use) -> bool {
        if find(natives::get(u32::from(native)).name) != Some(Intrinsic::Pop) {
            return false;
        }
        let Some(found) = self.split_after_pop(dst, src) else { return false };
        let array = self.state.get(src.reg);
        if array.node().is_some() || !matches!(array.know, Know::Any | Know::Array(_)) {
            return false;
        }
        self.want_object(src.reg, Tag::Array, Know::Array(None), ExitReason::WrongType);
        let slot = src.reg;
        let (mut view, mut value) = (None, None);
        let mut know = Know::Array(None);
        match found.result.and_then(kind_of) {
            Some(kind) => {
                let old = self.view_of(slot, kind, ExitReason::WrongType);
                let zero = self.word(0);
                let has_items = self.add(Op::Below(zero, old.len), Ty::Bool);
                self.guard(has_items, ExitReason::OutOfBounds);
                self.check_unique(slot, ExitReason::Shared);
                let one = self.word(1);
                let len = self.add(Op::Int(IntOp::Sub, old.len, one), Ty::Word);
                self.add(Op::Store(old.object, abi::ARRAY_LEN, len), Ty::None);
                if let Some((elem, ty)) = unboxed(kind) {
                    value = Some((self.add(Op::ElemLoad(elem, old.data, len), ty), ty));
                }
                view = Some(View { len, ..old });
                know = Know::Array(Some(kind));
            }
            None => {
                self.materialise_all();
                let args = [slot, found.item].map(|r| self.add(Op::SlotAddr(r), Ty::Word));
                let declined = self.add(Op::Help(Helper::Pop, args.to_vec()), Ty::Word);
                self.check_declined(declined);
            }
        }
        self.last_exit = None;
        let new = Reg { val: Val::Slot, know, view, unique: true };
        self.state.set(slot, new);
        self.finish_pop(&found, slot, new, value);
        self.pc += POP_TAIL;
        true
    }

    fn finish_pop(
        &mut self,
        found: &PopAndSplit,
        slot: u16,
        new: Reg,
        value: Option<(NodeId, Ty)>,
    ) {
        if value.is_none() {
            self.state.set(found.item, Reg::slot(Know::Any));
        }
        self.moved_result(slot, slot, found.rest, new);
        for r in [found.pair, found.temps[0], found.temps[1]] {
            if r != found.item && r != found.rest {
                self.release(r);
            }
        }
        if let Some((node, ty)) = value {
            self.define(found.item, node, ty);
        }
    }

    /// What follows a `pop` into `pair`, if it takes the pair apart at once.
    fn split_after_pop(&self, pair: u16, src: Use) -> Option<PopAndSplit> {
        let pc = self.pc as usize;
        let tail = self.flow.insns.get(pc + 1..=pc + POP_TAIL as usize)?;
        let is_entered = self.flow.leaders[pc + 1..=pc + POP_TAIL as usize].iter().any(|&is| is);
        let &[first_int, first_get, second_int, second_get] = tail else { return None };
        let (Insn::Int { dst: t, value: i }, Insn::Int { dst: u, value: j }) =
            (first_int, second_int)
        else {
            return None;
        };
        let (
            Insn::GetIndex { dst: a, object: first, index: at },
            Insn::GetIndex { dst: b, object: last, index: then },
        ) = (first_get, second_get)
        else {
            return None;
        };
        let has_shape = !is_entered
            && src.is_last
            && (first.reg, first.is_last, at) == (pair, false, Use::last(t))
            && (last.reg, last.is_last, then) == (pair, true, Use::last(u))
            && pair != src.reg
            && ![a, b, t, u].contains(&pair)
            && ![t, u].contains(&src.reg)
            && a != b
            && a != u;
        let (rest, item) = match (i, j) {
            (0, 1) => (a, b),
            (1, 0) => (b, a),
            _ => return None,
        };
        let at = self.pc + if i == 1 { 2 } else { POP_TAIL };
        let result = Site::of(self.proto, at);
        let fits = has_shape && item != src.reg && !(rest == t || rest == u) && result.has_run();
        fits.then(|| PopAndSplit { pair, temps: [t, u], rest, item, result: result.result() })
    }
}

fn kind_of(ty: Ty) -> Option<ElemKind> {
    match ty {
        Ty::Int => Some(ElemKind::Int),
        Ty::Float => Some(ElemKind::Float),
        Ty::Bool => Some(ElemKind::Bool),
        Ty::Char | Ty::Word | Ty::None => None,
    }
}
