//! Places of two and more steps: walked in line where the containers on the way were always of
//! the same kinds, else through helpers that do the whole operation.
//!
//! On the way to a write every container must have one owner; if one has not, the code leaves
//! and the interpreter copies it.

use ruff_runtime::bytecode::PlaceStepKind;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::profile::site;
use ruff_runtime::value::Tag;

use super::arrays::unboxed;
use super::builder::Builder;
use super::feedback::Site;
use super::insn::{Arith, Insn};
use super::state::{Know, Reg, View};
use super::values::tag_of;
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Elem, Helper, NodeId, Op, Ty};

/// A step of a place as the profile has it.
#[derive(Clone, Copy)]
enum Step {
    /// Into structs of a shape, at an offset.
    Field { shape: u32, offset: i32 },
    /// Into arrays of a kind, at the index in a register.
    Index { kind: ElemKind, index: u16 },
}

/// Where a value of a container is.
#[derive(Clone, Copy)]
pub(super) enum Spot {
    Field(NodeId, i32),
    /// Data and index in an array of whole values.
    Element(NodeId, NodeId),
    /// Data and index in an array of unboxed ones.
    Unboxed(Elem, Ty, NodeId, NodeId),
}

impl Builder<'_> {
    /// Brings the registers that a place needs to their slots and gives the leading arguments
    /// of its helper.
    pub(super) fn place_args(&mut self, root: u16, desc: u16) -> Vec<NodeId> {
        self.materialise_all();
        let proto = self.proto;
        let place = &proto.places[desc as usize];
        for step in &place.steps {
            if let PlaceStepKind::Index(r) = step.kind {
                // The place counts from the start of its function's window.
                self.sync(self.flow.window + r);
            }
        }
        let address = self.add(Op::SlotAddr(root), Ty::Word);
        let desc = self.word(&raw const *place as u64);
        let window = self.add(Op::SlotAddr(self.flow.window), Ty::Word);
        vec![address, desc, window]
    }

    // ---- the way to a place

    /// The steps of a place, if each has always led into the same kind of container.
    fn plan(&self, root: u16, desc: u16, site: Site) -> Option<Vec<Step>> {
        let steps = &self.proto.places[desc as usize].steps;
        if steps.len() > site::MAX_STEPS || self.state.get(root).node().is_some() {
            return None;
        }
        let mut plan = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            let seen = site.0 >> (i as u32 * site::STEP_BITS) & 0xff;
            plan.push(match &step.kind {
                PlaceStepKind::Field(name) if seen == site::STEP_STRUCT => {
                    let known = match self.state.get(root).know {
                        Know::Struct(shape) if i == 0 => shape,
                        _ => None,
                    };
                    let (shape, slot) = self.field_of(name, known, site)?;
                    let offset = abi::STRUCT_FIELDS + i32::from(slot) * abi::VALUE_SIZE;
                    Step::Field { shape, offset }
                }
                PlaceStepKind::Index(r) => {
                    let all = [ElemKind::Int, ElemKind::Float, ElemKind::Bool, ElemKind::Value];
                    let kind = all.into_iter().find(|&kind| seen == 1 << kind as u64)?;
                    let index = self.flow.window + r;
                    let is_int = self.guess_reg(index, Some(Ty::Int)) == Some(Ty::Int);
                    let leads_on = i + 1 == steps.len() || kind == ElemKind::Value;
                    if !is_int || !leads_on {
                        return None;
                    }
                    Step::Index { kind, index }
                }
                PlaceStepKind::Field(_) => return None,
            });
        }
        Some(plan)
    }

    /// The shape in which a field is looked up, and its slot.
    fn field_of(&self, name: &str, known: Option<u32>, site: Site) -> Option<(u32, u16)> {
        let found = (self.request.fields)(name);
        let noted = site.0 >> site::PLACE_SHAPE & site::MANY_SHAPES;
        let noted = (noted != 0 && noted != site::MANY_SHAPES).then_some(noted as u32);
        let by_shape = |wanted| found.iter().copied().find(|&(shape, _)| shape == wanted);
        known.and_then(by_shape).or_else(|| noted.and_then(by_shape)).or_else(|| match *found {
            [only] => Some(only),
            _ => None,
        })
    }

    /// Walks to the last container and gives the place in it; leaves where something differs
    /// from the plan. Nothing has been changed then.
    fn walk(&mut self, root: u16, plan: &[Step], owns: bool) -> Option<Spot> {
        let (&first, rest) = plan.split_first()?;
        let mut spot = match first {
            Step::Field { shape, offset } => {
                let object = self.struct_of(root, shape);
                let object = if owns { self.own_struct(root) } else { object };
                Spot::Field(object, offset)
            }
            Step::Index { kind, index } => {
                let view = self.view_of(root, kind, ExitReason::WrongType);
                if owns {
                    self.check_unique(root, ExitReason::Shared);
                }
                self.element(view, kind, index)
            }
        };
        for &step in rest {
            let (tag, object) = self.load_spot(spot)?;
            let wanted = match step {
                Step::Field { .. } => Tag::Struct,
                Step::Index { .. } => Tag::Array,
            };
            self.guard_word(tag, wanted as u64, ExitReason::WrongType);
            if owns {
                let count = self.add(Op::LoadCount(object), Ty::Word);
                self.guard_word(count, 1, ExitReason::Shared);
            }
            spot = match step {
                Step::Field { shape, offset } => {
                    self.guard_shape(object, shape);
                    Spot::Field(object, offset)
                }
                Step::Index { kind, index } => {
                    let found = self.add(Op::Load(object, abi::ARRAY_KIND), Ty::Bool);
                    let wanted = self.constant(kind as u64, Ty::Bool);
                    let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
                    self.guard(same, ExitReason::WrongElements);
                    let data = self.add(Op::Load(object, abi::ARRAY_DATA), Ty::Word);
                    let len = self.add(Op::Load(object, abi::ARRAY_LEN), Ty::Word);
                    self.element(View { object, data, len }, kind, index)
                }
            };
        }
        Some(spot)
    }

    fn element(&mut self, view: View, kind: ElemKind, index: u16) -> Spot {
        let at = self.want(index, Ty::Int);
        self.check_bounds(at, view);
        match unboxed(kind) {
            Some((elem, ty)) => Spot::Unboxed(elem, ty, view.data, at),
            None => Spot::Element(view.data, at),
        }
    }

    /// Tag and payload words of a whole value.
    fn load_spot(&mut self, spot: Spot) -> Option<(NodeId, NodeId)> {
        match spot {
            Spot::Field(object, offset) => Some((
                self.add(Op::Load(object, offset + abi::TAG_OFFSET), Ty::Word),
                self.add(Op::Load(object, offset + abi::PAYLOAD_OFFSET), Ty::Word),
            )),
            Spot::Element(data, at) => Some((
                self.add(Op::ElemLoad(Elem::TagWord, data, at), Ty::Word),
                self.add(Op::ElemLoad(Elem::Payload, data, at), Ty::Word),
            )),
            Spot::Unboxed(..) => None,
        }
    }

    fn store_spot(&mut self, spot: Spot, tag: NodeId, payload: NodeId) {
        match spot {
            Spot::Field(object, offset) => {
                self.add(Op::Store(object, offset + abi::TAG_OFFSET, tag), Ty::None);
                self.add(Op::Store(object, offset + abi::PAYLOAD_OFFSET, payload), Ty::None);
            }
            Spot::Element(data, at) => {
                self.add(Op::ElemStore(Elem::TagWord, data, at, tag), Ty::None);
                self.add(Op::ElemStore(Elem::Payload, data, at, payload), Ty::None);
            }
            Spot::Unboxed(elem, _, data, at) => {
                self.add(Op::ElemStore(elem, data, at, payload), Ty::None);
            }
        }
        self.last_exit = None;
    }

    // ---- instructions

    pub(super) fn store_place(&mut self, root: u16, desc: u16, src: Use) {
        if self.state.get(root).node().is_some() {
            return self.step();
        }
        if self.is_new_site() {
            return self.step();
        }
        if self.store_in_line(root, desc, src) {
            return;
        }
        let mut args = self.place_args(root, desc);
        self.sync(src.reg);
        args.push(self.add(Op::SlotAddr(src.reg), Ty::Word));
        args.push(self.word(u64::from(src.is_last)));
        let declined = self.add(Op::Help(Helper::StorePlace, args), Ty::Word);
        self.check_declined(declined);
        let reg = self.state.get(src.reg);
        let after = if src.is_last { Reg::EMPTY } else { Reg { unique: false, ..reg } };
        self.state.set(src.reg, after);
        self.changed_in_place(root);
    }

    /// Whether the present instruction has not run and may be left to the interpreter.
    fn is_new_site(&self) -> bool {
        !Site::of(self.proto, self.pc).has_run()
            && !self.request.is_eager
            && self.feedback.may_leave(self.pc)
    }

    fn store_in_line(&mut self, root: u16, desc: u16, src: Use) -> bool {
        let site = Site::of(self.proto, self.pc);
        let plan = self.plan(root, desc, site).filter(|_| self.may_speculate(self.pc));
        let Some(plan) = plan else { return false };
        let unboxed_ty = match plan.last() {
            Some(&Step::Index { kind, .. }) => unboxed(kind).map(|(_, ty)| ty),
            _ => None,
        };
        let fits = unboxed_ty.is_none_or(|ty| self.guess_reg(src.reg, Some(ty)) == Some(ty));
        if !fits || src.reg == root {
            return false;
        }
        let value = unboxed_ty.map(|ty| self.want(src.reg, ty));
        let Some(spot) = self.walk(root, &plan, true) else { return false };
        if let (Spot::Unboxed(elem, _, data, at), Some(value)) = (spot, value) {
            self.add(Op::ElemStore(elem, data, at, value), Ty::None);
            self.done_with(src);
            return true;
        }
        let (tag, payload) = self.take_value(src);
        let old = self.load_spot(spot);
        self.store_spot(spot, tag, payload);
        if let Some((tag, payload)) = old {
            self.add(Op::ReleasePair(tag, payload), Ty::None);
        }
        self.last_exit = None;
        if src.is_last {
            self.state.set(src.reg, Reg::EMPTY);
        }
        true
    }

    pub(super) fn update_place(&mut self, root: u16, desc: u16, src: Use, op: Arith) {
        let is_number = matches!(self.summand(src), Some(Ty::Int | Ty::Float));
        if !is_number || self.state.get(root).node().is_some() || self.is_new_site() {
            return self.step();
        }
        if self.update_in_line(root, desc, src, op) {
            return;
        }
        let mut args = self.place_args(root, desc);
        self.sync(src.reg);
        args.push(self.add(Op::SlotAddr(src.reg), Ty::Word));
        args.push(self.word(op as u64));
        let declined = self.add(Op::Help(Helper::UpdatePlace, args), Ty::Word);
        self.check_declined(declined);
        self.done_with(src);
        self.changed_in_place(root);
    }

    /// The type of what a place is changed by: that of an int, where the result was always one.
    fn summand(&self, src: Use) -> Option<Ty> {
        let noted = Site::of(self.proto, self.pc).call_result();
        self.guess_reg(src.reg, noted.filter(|&ty| ty == Ty::Int))
    }

    fn update_in_line(&mut self, root: u16, desc: u16, src: Use, op: Arith) -> bool {
        let site = Site::of(self.proto, self.pc);
        let value_ty = self.summand(src);
        let is_number = |ty: &Ty| matches!(ty, Ty::Int | Ty::Float);
        let (Some(ty), Some(value_ty)) = (site.call_result().filter(is_number), value_ty) else {
            return false;
        };
        // The result must have the type of what it replaces.
        let is_int = ty == Ty::Int && value_ty == Ty::Int;
        let keeps_type = is_int && op != Arith::Div || ty == Ty::Float;
        if !keeps_type || (op == Arith::Rem && !is_int) {
            return false;
        }
        let plan = self.plan(root, desc, site).filter(|_| self.may_speculate(self.pc));
        let Some(plan) = plan else { return false };
        let value = self.want(src.reg, value_ty);
        let Some(spot) = self.walk(root, &plan, true) else { return false };
        let old = match spot {
            Spot::Unboxed(elem, found, data, at) if found == ty => {
                self.add(Op::ElemLoad(elem, data, at), ty)
            }
            Spot::Unboxed(..) => return false,
            Spot::Field(object, offset) => {
                let tag = self.add(Op::Load(object, offset + abi::TAG_OFFSET), Ty::Word);
                self.guard_word(tag, tag_of(ty) as u64, ExitReason::WrongType);
                self.add(Op::Load(object, offset + abi::PAYLOAD_OFFSET), ty)
            }
            Spot::Element(data, at) => {
                let tag = self.add(Op::ElemLoad(Elem::TagWord, data, at), Ty::Word);
                self.guard_word(tag, tag_of(ty) as u64, ExitReason::WrongType);
                self.add(Op::ElemLoad(Elem::Payload, data, at), ty)
            }
        };
        let new =
            if is_int { self.int_arith(op, old, value) } else { self.float_arith(op, old, value) };
        match spot {
            Spot::Field(object, offset) => {
                let bits = self.add(Op::Bits(new), Ty::Word);
                self.add(Op::Store(object, offset + abi::PAYLOAD_OFFSET, bits), Ty::None);
            }
            Spot::Element(data, at) => {
                let bits = self.add(Op::Bits(new), Ty::Word);
                self.add(Op::ElemStore(Elem::Payload, data, at, bits), Ty::None);
            }
            Spot::Unboxed(elem, _, data, at) => {
                self.add(Op::ElemStore(elem, data, at, new), Ty::None);
            }
        }
        self.last_exit = None;
        self.done_with(src);
        true
    }

    pub(super) fn load_place(&mut self, dst: u16, root: u16, desc: u16) {
        if self.state.get(root).node().is_some() || self.is_new_site() {
            return self.step();
        }
        if self.load_in_line(dst, root, desc) {
            return;
        }
        let mut args = self.place_args(root, desc);
        args.push(self.add(Op::SlotAddr(dst), Ty::Word));
        let declined = self.add(Op::Help(Helper::LoadPlace, args), Ty::Word);
        self.check_declined(declined);
        self.state.set(dst, Reg::slot(Know::Any));
    }

    fn load_in_line(&mut self, dst: u16, root: u16, desc: u16) -> bool {
        let site = Site::of(self.proto, self.pc);
        let Some(plan) = self.plan(root, desc, site) else { return false };
        let Some(spot) = self.walk(root, &plan, false) else { return false };
        let Some((tag, payload)) = self.load_spot(spot) else {
            let Spot::Unboxed(elem, ty, data, at) = spot else { return false };
            let value = self.add(Op::ElemLoad(elem, data, at), ty);
            self.define(dst, value, ty);
            return true;
        };
        if let Some(ty) = site.call_result() {
            self.guard_word(tag, tag_of(ty) as u64, ExitReason::WrongType);
            let value = self.add(Op::FromBits(payload), ty);
            self.define(dst, value, ty);
            return true;
        }
        let seen = site::types_at(site.0, site::CALL_RESULT);
        let know = self.expect_heap(tag, seen);
        self.add(Op::RetainPair(tag, payload), Ty::None);
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(know));
        true
    }

    // ---- receivers

    /// The place of a receiver that is taken out; the tag and payload words of what is there.
    pub(super) fn receiver_spot(&mut self, root: u16, desc: u16) -> Option<(Spot, NodeId, NodeId)> {
        let plan = self.plan(root, desc, Site::of(self.proto, self.pc))?;
        if let Some(&Step::Index { kind, .. }) = plan.last()
            && unboxed(kind).is_some()
        {
            return None;
        }
        let spot = self.walk(root, &plan, true)?;
        let (tag, payload) = self.load_spot(spot)?;
        Some((spot, tag, payload))
    }

    /// Marks the place of a receiver as being in use.
    pub(super) fn leave_in_use(&mut self, spot: Spot) {
        let in_use = self.word(Tag::InUse as u64);
        match spot {
            Spot::Field(object, offset) => {
                self.add(Op::Store(object, offset + abi::TAG_OFFSET, in_use), Ty::None);
            }
            Spot::Element(data, at) => {
                self.add(Op::ElemStore(Elem::TagWord, data, at, in_use), Ty::None);
            }
            Spot::Unboxed(..) => {}
        }
        self.last_exit = None;
    }

    /// Puts a receiver back in line; false if its place is not known well enough.
    pub(super) fn put_in_line(&mut self, root: u16, desc: u16, src: Use) -> bool {
        // Where it was taken, what lies on the way has been noted.
        let taken = (0..self.pc).rev().find(|&pc| {
            matches!(self.flow.insns[pc as usize],
                Insn::TakeReceiver { root: from, desc: at, .. } if (from, at) == (root, desc))
        });
        let Some(taken) = taken else { return false };
        let Some(plan) = self.plan(root, desc, Site::of(self.proto, taken)) else { return false };
        let Some(spot) = self.walk(root, &plan, true) else { return false };
        let (tag, payload) = self.take_value(src);
        self.store_spot(spot, tag, payload);
        self.state.set(src.reg, Reg::EMPTY);
        true
    }
}
