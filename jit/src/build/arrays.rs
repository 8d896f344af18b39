//! Arrays with unboxed elements: reading, writing, appending, and checks hoisted out of loops.
//!
//! Data values have value semantics, so as long as a register keeps its array, nobody else can
//! change its kind, length or storage: others copy before they write. Only the register's own
//! updates matter.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::mutant;
use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::profile::site::types;
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::flow::{Loop, RegSet};
use super::insn::{Arith, Insn};
use super::state::{Know, Reg, Val, View};
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Elem, Helper, NodeId, Op, Ty};

/// An array that a loop reads or writes by index, in a register that keeps it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoopUse {
    pub reg: u16,
    kind: ElemKind,
    /// Written, and nothing in the loop makes a second owner.
    is_written: bool,
}

/// The unboxed representation of elements.
pub(super) fn unboxed(kind: ElemKind) -> Option<(Elem, Ty)> {
    match kind {
        ElemKind::Int => Some((Elem::Int, Ty::Int)),
        ElemKind::Float => Some((Elem::Float, Ty::Float)),
        ElemKind::Bool => Some((Elem::Bool, Ty::Bool)),
        ElemKind::Empty | ElemKind::Value => None,
    }
}

impl Builder<'_> {
    // ---- loops

    /// The registers that a loop writes; typed element writes leave the register its array.
    pub(super) fn loop_writes(&self, range: Loop) -> RegSet {
        let n_registers = self.n_regs();
        let mut set = RegSet::new(n_registers as usize);
        for pc in range.header..=range.last {
            let root = self.typed_write(pc);
            let regs = &self.flow.regs[pc as usize];
            regs.writes.iter().filter(|&&r| Some(r) != root).for_each(|&r| set.add(r));
            if let Some(first) = regs.window {
                (first..n_registers).for_each(|r| set.add(r));
            }
        }
        set
    }

    /// The array register of an element write that will be typed.
    fn typed_write(&self, pc: u32) -> Option<u16> {
        let (root, is_store) = match self.flow.insns[pc as usize] {
            Insn::SetIndex { root, .. } => (root, true),
            Insn::UpdateIndex { root, .. } => (root, false),
            _ => return None,
        };
        let kind = Site::of(self.proto, pc).array_kind()?;
        let is_typed = unboxed(kind).is_some() || is_store && kind == ElemKind::Value;
        (is_typed && self.feedback.may_speculate(pc)).then_some(root)
    }

    /// The arrays whose checks can be done before a loop.
    pub(super) fn array_uses(&self, range: Loop, written: &RegSet) -> Vec<LoopUse> {
        let mut uses: Vec<LoopUse> = Vec::new();
        let mut conflicting = Vec::new();
        for pc in range.header..=range.last {
            let (reg, is_written) = match self.flow.insns[pc as usize] {
                Insn::GetIndex { object, .. } => (object.reg, false),
                Insn::SetIndex { root, .. } | Insn::UpdateIndex { root, .. } => (root, true),
                _ => continue,
            };
            let kind = Site::of(self.proto, pc).array_kind();
            let Some(kind) = kind.filter(|_| self.feedback.may_speculate(pc)) else {
                continue;
            };
            if written.has(reg) {
                continue;
            }
            match uses.iter_mut().find(|u| u.reg == reg) {
                Some(known) if known.kind != kind => conflicting.push(reg),
                Some(known) => known.is_written |= is_written,
                None => uses.push(LoopUse { reg, kind, is_written }),
            }
        }
        uses.retain(|u| !conflicting.contains(&u.reg));
        for found in &mut uses {
            found.is_written &= !self.is_shared_in(range, found.reg);
        }
        uses
    }

    /// Whether the loop may make a second owner of the register's array.
    fn is_shared_in(&self, range: Loop, reg: u16) -> bool {
        (range.header..=range.last).any(|pc| {
            let reads = self.flow.regs[pc as usize].reads.iter().filter(|&&r| r == reg).count();
            let by_index = match self.flow.insns[pc as usize] {
                Insn::GetIndex { object, .. } => object.reg == reg,
                Insn::SetIndex { root, .. } | Insn::UpdateIndex { root, .. } => root == reg,
                _ => false,
            };
            reads > usize::from(by_index)
        })
    }

    /// Checks an array before a loop and loads what the loop needs of it.
    pub(super) fn hoist_array(&mut self, found: LoopUse) {
        if self.state.get(found.reg).node().is_some() {
            return;
        }
        self.view_of(found.reg, found.kind, ExitReason::Hoisted);
        if found.is_written {
            self.check_unique(found.reg, ExitReason::Hoisted);
        }
    }

    // ---- access

    /// The header words of the array in a register; leaves if it is no array of that kind.
    pub(super) fn view_of(&mut self, r: u16, kind: ElemKind, reason: ExitReason) -> View {
        self.materialise(r);
        let reg = self.state.get(r);
        if let (Some(view), Know::Array(Some(known))) = (reg.view, reg.know)
            && known == kind
        {
            return view;
        }
        if !matches!(reg.know, Know::Array(_)) {
            self.guard_tag(r, Tag::Array, reason);
        }
        let object = self.add(Op::LoadSlot(r), Ty::Word);
        if reg.know != Know::Array(Some(kind)) {
            let found = self.add(Op::Load(object, abi::ARRAY_KIND), Ty::Bool);
            let wanted = self.constant(kind as u64, Ty::Bool);
            let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
            let reason =
                if reason == ExitReason::Hoisted { reason } else { ExitReason::WrongElements };
            self.guard(same, reason);
        }
        let data = self.add(Op::Load(object, abi::ARRAY_DATA), Ty::Word);
        let len = self.add(Op::Load(object, abi::ARRAY_LEN), Ty::Word);
        let view = View { object, data, len };
        let know = Know::Array(Some(kind));
        self.state.set(r, Reg { val: Val::Slot, know, view: Some(view), unique: reg.unique });
        view
    }

    /// Leaves if the array in the register (which has a view) has a second owner.
    pub(super) fn check_unique(&mut self, r: u16, reason: ExitReason) {
        let reg = self.state.get(r);
        let Some(view) = reg.view.filter(|_| !reg.unique) else { return };
        if mutant!("unique-unchecked") {
            return;
        }
        let count = self.add(Op::LoadCount(view.object), Ty::Word);
        let one = self.word(1);
        let is_unique = self.add(Op::ICmp(Cond::Eq, count, one), Ty::Bool);
        self.guard(is_unique, reason);
        self.state.set(r, Reg { unique: true, ..reg });
    }

    pub(super) fn check_bounds(&mut self, index: NodeId, view: View) {
        let mut len = view.len;
        if mutant!("bounds-off-by-one") {
            let one = self.word(1);
            len = self.add(Op::Int(crate::ir::IntOp::Add, len, one), Ty::Word);
        }
        let is_inside = self.add(Op::Below(index, len), Ty::Bool);
        self.guard(is_inside, ExitReason::OutOfBounds);
    }

    pub(super) fn get_index(&mut self, dst: u16, object: Use, index: Use) {
        let site = Site::of(self.proto, self.pc);
        if site.lhs_is(types::STR) {
            return self.char_at(dst, object, index);
        }
        if self.dict_get(dst, object, index) {
            return;
        }
        let is_typed = self.guess_reg(index.reg, site.rhs()) == Some(Ty::Int)
            && self.state.get(object.reg).node().is_none();
        let Some(kind) = site.array_kind().filter(|_| is_typed) else { return self.step() };
        let view = self.view_of(object.reg, kind, ExitReason::WrongType);
        let at = self.want(index.reg, Ty::Int);
        self.check_bounds(at, view);
        let drops = [object, index];
        if kind == ElemKind::Value && self.element_of_element(dst, (view, at), &drops) {
            return;
        }
        self.load_element(dst, (kind, site), (view, at), &drops);
    }

    pub(super) fn set_index(&mut self, root: u16, index: Use, src: Use) {
        let Some((view, at, elem, ty)) = self.begin_write(root, index, src) else {
            return self.set_value(root, index, src);
        };
        let value = self.want(src.reg, ty);
        self.check_bounds(at, view);
        self.check_unique(root, ExitReason::Shared);
        self.add(Op::ElemStore(elem, view.data, at, value), Ty::None);
        self.done_with(index);
        self.done_with(src);
    }

    pub(super) fn update_index(&mut self, root: u16, index: Use, src: Use, op: Arith) {
        if op == Arith::Rem && self.guess_reg(src.reg, None) == Some(Ty::Float) {
            return self.update_entry(root, index, src, op);
        }
        let Some((view, at, elem, ty)) = self.begin_write(root, index, src) else {
            return self.update_entry(root, index, src, op);
        };
        if ty == Ty::Bool {
            return self.step();
        }
        let value = self.want(src.reg, ty);
        self.check_bounds(at, view);
        self.check_unique(root, ExitReason::Shared);
        let old = self.add(Op::ElemLoad(elem, view.data, at), ty);
        let new = if ty == Ty::Int {
            self.int_arith(op, old, value)
        } else {
            self.float_arith(op, old, value)
        };
        self.add(Op::ElemStore(elem, view.data, at, new), Ty::None);
        self.done_with(index);
        self.done_with(src);
    }

    /// The checked view and the index of an element write whose value has the array's type.
    fn begin_write(&mut self, root: u16, index: Use, src: Use) -> Option<(View, NodeId, Elem, Ty)> {
        let site = Site::of(self.proto, self.pc);
        let kind = site.array_kind()?;
        let (elem, ty) = unboxed(kind)?;
        let is_typed = self.guess_reg(index.reg, site.rhs()) == Some(Ty::Int)
            && self.guess_reg(src.reg, site.result().or(Some(ty))) == Some(ty)
            && self.state.get(root).node().is_none();
        if !is_typed {
            return None;
        }
        let view = self.view_of(root, kind, ExitReason::WrongType);
        let at = self.want(index.reg, Ty::Int);
        Some((view, at, elem, ty))
    }

    // ---- whole arrays

    /// R[dst] = an array of the values in a row of registers.
    pub(super) fn new_array(&mut self, dst: u16, first: u16, count: u16) {
        if let Some(kind) = self.kind_of_row(first, count) {
            return self.new_unboxed(dst, kind, first..first + count);
        }
        self.materialise_all();
        let row = first..first + count;
        row.clone().for_each(|r| self.sync(r));
        let address = self.add(Op::SlotAddr(first), Ty::Word);
        let n = self.word(count.into());
        let object = self.add(Op::Help(Helper::NewArray, vec![address, n]), Ty::Word);
        self.last_exit = None;
        row.for_each(|r| self.state.set(r, Reg::EMPTY));
        self.release(dst);
        let tag = self.word(Tag::Array as u64);
        self.add(Op::StorePair(dst, tag, object), Ty::None);
        self.state.set(dst, Reg { unique: true, ..Reg::slot(Know::Array(None)) });
    }

    /// The kind of an array of the values in a row of registers, if all are unboxed.
    fn kind_of_row(&self, first: u16, count: u16) -> Option<ElemKind> {
        if count == 0 {
            return None;
        }
        let ty_of = |r: u16| self.state.get(r).node().map(|(_, ty)| ty);
        let ty = ty_of(first)?;
        let all = [ElemKind::Int, ElemKind::Float, ElemKind::Bool];
        let kind = all.into_iter().find(|&kind| unboxed(kind).is_some_and(|(_, of)| of == ty))?;
        (first..first + count).all(|r| ty_of(r) == Some(ty)).then_some(kind)
    }

    /// R[dst] = an array that the elements are written into, without going through the registers.
    fn new_unboxed(&mut self, dst: u16, kind: ElemKind, row: std::ops::Range<u16>) {
        let Some((elem, ty)) = unboxed(kind) else { return };
        let items: Vec<NodeId> = row.clone().map(|r| self.want(r, ty)).collect();
        let (kind, n) = (self.word(kind as u64), self.word(items.len() as u64));
        let object = self.add(Op::Help(Helper::NewUnboxed, vec![kind, n]), Ty::Word);
        let data = self.add(Op::Load(object, abi::ARRAY_DATA), Ty::Word);
        for (i, item) in items.into_iter().enumerate() {
            let at = self.int(i as i64);
            self.add(Op::ElemStore(elem, data, at, item), Ty::None);
        }
        self.last_exit = None;
        row.for_each(|r| self.state.set(r, Reg::EMPTY));
        self.release(dst);
        let tag = self.word(Tag::Array as u64);
        self.add(Op::StorePair(dst, tag, object), Ty::None);
        self.state.set(dst, Reg { unique: true, ..Reg::slot(Know::Array(None)) });
    }

    /// The number of elements of the array in a register, or of characters of a text.
    pub(super) fn array_len(&mut self, r: u16) -> NodeId {
        self.materialise(r);
        let is_text = self.state.get(r).know == Know::Str || self.is_indexed_as(r, types::STR);
        if is_text && !matches!(self.state.get(r).know, Know::Array(_)) {
            self.text_view(r, ExitReason::WrongType);
        }
        let reg = self.state.get(r);
        if let (Some(view), Know::Array(_)) = (reg.view, reg.know) {
            return self.add(Op::FromBits(view.len), Ty::Int);
        }
        if !matches!(reg.know, Know::Array(_)) {
            self.guard_tag(r, Tag::Array, ExitReason::WrongType);
            self.state.set(r, Reg { know: Know::Array(None), ..reg });
        }
        let object = self.add(Op::LoadSlot(r), Ty::Word);
        let len = self.add(Op::Load(object, abi::ARRAY_LEN), Ty::Word);
        self.add(Op::FromBits(len), Ty::Int)
    }

    /// Whether a register holds an array or a text, as far as the code around says.
    pub(super) fn is_sequence(&self, r: u16) -> bool {
        match self.state.get(r).know {
            Know::Str | Know::Array(_) => true,
            Know::Any => self.is_indexed_as(r, types::ARRAY) || self.is_indexed_as(r, types::STR),
            _ => false,
        }
    }

    /// The length of what is in a register, whatever it is.
    pub(super) fn any_len(&mut self, r: u16) -> NodeId {
        self.materialise(r);
        self.sync(r);
        let address = self.add(Op::SlotAddr(r), Ty::Word);
        let len = self.add(Op::Help(Helper::Length, vec![address]), Ty::Word);
        let none = self.word(abi::NO_LENGTH);
        let has_one = self.add(Op::ICmp(Cond::Ne, len, none), Ty::Bool);
        self.guard(has_one, ExitReason::WrongType);
        self.add(Op::FromBits(len), Ty::Int)
    }

    /// Appends the value of a register to the array in another one, in place, and gives the
    /// slot in which the array is.
    pub(super) fn array_push(&mut self, array: u16, value: u16) -> Option<u16> {
        if self.state.get(value).ty() == Some(Ty::Char) {
            self.sync(value);
        }
        let slot = self.slot_of(array)?;
        if !matches!(self.state.get(array).know, Know::Array(_)) {
            self.guard_tag(slot, Tag::Array, ExitReason::WrongType);
        }
        if let Some(ty) = self.state.get(value).ty() {
            let node = self.want(value, ty);
            let exit = self.exit(ExitReason::Declined);
            self.add(Op::Push(slot, node, exit), Ty::None);
            return Some(slot);
        }
        self.materialise(value);
        let address = self.add(Op::SlotAddr(slot), Ty::Word);
        let tag = self.add(Op::LoadTag(value), Ty::Word);
        let payload = self.add(Op::LoadSlot(value), Ty::Word);
        let args = vec![address, tag, payload];
        let declined = self.add(Op::Help(Helper::Push, args), Ty::Word);
        let zero = self.word(0);
        let is_done = self.add(Op::ICmp(Cond::Eq, declined, zero), Ty::Bool);
        self.guard(is_done, ExitReason::Declined);
        self.add(Op::StoreNull(value), Ty::None);
        self.state.set(value, Reg::EMPTY);
        Some(slot)
    }
}
