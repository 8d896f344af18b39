//! Structs: reading, writing and updating fields, making instances, comparing with null.
//!
//! The shape is checked once for as long as a register keeps its struct: nobody else can change
//! a struct in place, others copy it before they write. Only the register's own updates matter.

use std::ptr;

use ruff_runtime::bytecode::Const;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::heap::Obj;
use ruff_runtime::mutant;
use ruff_runtime::objects::structs::{Struct, StructDef};
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::insn::{Arith, Insn, Operand};
use super::state::{Know, Reg, Val, View};
use super::values::tag_of;
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Helper, Instance, IntOp, NodeId, Op, Ty};

/// Shapes that are told apart at one site.
const MAX_SHAPES: usize = 4;

/// Where a field is: in one slot of structs of one shape, or by shape.
#[derive(Clone)]
enum Field {
    Fixed { shape: u32, offset: i32 },
    ByShape(Vec<(u32, u16)>),
}

/// A field of the struct in a register whose shape has been checked.
#[derive(Clone, Copy)]
enum Place {
    Fixed(i32),
    /// Its offset from the first field.
    Offset(NodeId),
}

impl Builder<'_> {
    /// The struct in a register, which has this shape; leaves if it has not.
    pub(super) fn struct_of(&mut self, r: u16, shape: u32) -> NodeId {
        self.materialise(r);
        let reg = self.state.get(r);
        let object = match (reg.view, reg.know) {
            (Some(view), Know::Struct(_)) => view.object,
            _ => {
                if !matches!(reg.know, Know::Struct(_)) {
                    self.guard_tag(r, Tag::Struct, ExitReason::WrongType);
                }
                self.add(Op::LoadSlot(r), Ty::Word)
            }
        };
        if reg.know != Know::Struct(Some(shape)) {
            self.guard_shape(object, shape);
        }
        let view = Some(View { object, data: object, len: object });
        self.state.set(r, Reg { know: Know::Struct(Some(shape)), view, ..reg });
        let reg = self.state.get(r);
        self.state.set(r, Reg { val: Val::Slot, ..reg });
        object
    }

    /// Leaves unless a struct has this shape.
    pub(super) fn guard_shape(&mut self, object: NodeId, shape: u32) {
        if mutant!("shape-unchecked") {
            return;
        }
        let found = self.add(Op::Load(object, abi::STRUCT_SHAPE), Ty::Word);
        let found = self.add(Op::Load32(found, abi::SHAPE_ID), Ty::Word);
        self.guard_word(found, shape.into(), ExitReason::WrongType);
    }

    /// Where the site has found the field of a name.
    fn field(&self, name: u16) -> Option<Field> {
        let bits = Site::of(self.proto, self.pc).0;
        let others = site::DICT | site::OTHER;
        if bits & others != 0 || bits & (site::MONO | site::MEGA) == 0 {
            return None;
        }
        if bits & site::MEGA == 0 {
            let slot = (bits >> site::SLOT & 0xffff) as i32 ^ i32::from(mutant!("field-slot"));
            let offset = abi::STRUCT_FIELDS + slot * abi::VALUE_SIZE;
            return Some(Field::Fixed { shape: bits as u32, offset });
        }
        let Const::Str(name) = &self.proto.consts[name as usize] else { return None };
        let found = (self.request.fields)(name);
        (2..=MAX_SHAPES).contains(&found.len()).then_some(Field::ByShape(found))
    }

    /// Checks the shape of the struct in a register.
    fn place(&mut self, r: u16, field: &Field) -> Place {
        let found = match field {
            Field::Fixed { shape, offset } => {
                self.struct_of(r, *shape);
                return Place::Fixed(*offset);
            }
            Field::ByShape(found) => found,
        };
        if let Know::Struct(Some(known)) = self.state.get(r).know
            && let Some(&(shape, slot)) = found.iter().find(|&&(shape, _)| shape == known)
        {
            self.struct_of(r, shape);
            return Place::Fixed(abi::STRUCT_FIELDS + i32::from(slot) * abi::VALUE_SIZE);
        }
        let id = self.shape_id(r);
        let (mut offset, mut known) = (self.word(0), None);
        for &(shape, slot) in found {
            let wanted = self.word(u64::from(shape));
            let same = self.add(Op::ICmp(Cond::Eq, id, wanted), Ty::Bool);
            let by = self.word(u64::from(slot) * abi::VALUE_SIZE as u64);
            offset = self.add(Op::Select(same, by, offset), Ty::Word);
            known = Some(match known {
                None => same,
                Some(others) => self.add(Op::Or(others, same), Ty::Bool),
            });
        }
        if let Some(known) = known {
            self.guard(known, ExitReason::WrongType);
        }
        Place::Offset(offset)
    }

    /// A pointer and an offset from it that lead to a field.
    fn address(&mut self, object: NodeId, place: Place) -> (NodeId, i32) {
        match place {
            Place::Fixed(offset) => (object, offset),
            Place::Offset(by) => {
                (self.add(Op::Int(IntOp::Add, object, by), Ty::Word), abi::STRUCT_FIELDS)
            }
        }
    }

    /// The struct in a register whose shape has been checked.
    pub(super) fn object(&mut self, r: u16) -> NodeId {
        match self.state.get(r).view {
            Some(view) => view.object,
            None => self.add(Op::LoadSlot(r), Ty::Word),
        }
    }

    /// The shape's id of the struct in a register; leaves if it holds something else.
    pub(super) fn shape_id(&mut self, r: u16) -> NodeId {
        self.materialise(r);
        let reg = self.state.get(r);
        if !matches!(reg.know, Know::Struct(_)) {
            self.guard_tag(r, Tag::Struct, ExitReason::WrongType);
        }
        let object = match (reg.view, reg.know) {
            (Some(view), Know::Struct(_)) => view.object,
            _ => self.add(Op::LoadSlot(r), Ty::Word),
        };
        let know = if let Know::Struct(_) = reg.know { reg.know } else { Know::Struct(None) };
        let view = Some(View { object, data: object, len: object });
        self.state.set(r, Reg { val: Val::Slot, know, view, ..reg });
        let shape = self.add(Op::Load(object, abi::STRUCT_SHAPE), Ty::Word);
        self.add(Op::Load32(shape, abi::SHAPE_ID), Ty::Word)
    }

    /// From here on the register's struct is known to have this shape.
    pub(super) fn assume_shape(&mut self, r: u16, shape: u32) {
        let reg = self.state.get(r);
        self.state.set(r, Reg { know: Know::Struct(Some(shape)), ..reg });
    }

    /// Whether the register may hold a struct.
    pub(super) fn may_be_struct(&self, r: u16) -> bool {
        let reg = self.state.get(r);
        reg.node().is_none() && matches!(reg.know, Know::Any | Know::Struct(_))
    }

    pub(super) fn get_field(&mut self, dst: u16, object: Use, name: u16) {
        let site = Site::of(self.proto, self.pc);
        let known = self.field(name).filter(|_| self.may_be_struct(object.reg));
        let Some(field) = known else { return self.step() };
        let place = self.place(object.reg, &field);
        let instance = self.object(object.reg);
        let (instance, offset) = self.address(instance, place);
        let tag = self.add(Op::Load(instance, offset + abi::TAG_OFFSET), Ty::Word);
        if let Some(ty) = site.call_result() {
            self.guard_word(tag, tag_of(ty) as u64, ExitReason::WrongType);
            let value = self.add(Op::Load(instance, offset + abi::PAYLOAD_OFFSET), ty);
            self.done_with(object);
            return self.define(dst, value, ty);
        }
        if self.is_null_test(dst) {
            return self.test_null(tag, instance, offset, object);
        }
        let payload = self.add(Op::Load(instance, offset + abi::PAYLOAD_OFFSET), Ty::Word);
        let seen = site::types_at(site.0, site::CALL_RESULT);
        let know = self.expect_heap(tag, seen);
        if know == Know::Any {
            self.add(Op::RetainPair(tag, payload), Ty::None);
        } else {
            self.add(Op::Retain(payload), Ty::None);
        }
        self.done_with(object);
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(know));
    }

    /// Checks a tag word of which only one type of objects was seen.
    pub(super) fn expect_heap(&mut self, tag: NodeId, seen: u64) -> Know {
        let (wanted, know) = match seen {
            types::STRUCT => (Tag::Struct, Know::Struct(None)),
            types::ARRAY => (Tag::Array, Know::Array(None)),
            _ => return Know::Any,
        };
        self.guard_word(tag, wanted as u64, ExitReason::WrongType);
        know
    }

    pub(super) fn guard_word(&mut self, word: NodeId, wanted: u64, reason: ExitReason) {
        let wanted = self.word(wanted);
        let same = self.add(Op::ICmp(Cond::Eq, word, wanted), Ty::Bool);
        self.guard(same, reason);
    }

    pub(super) fn set_field(&mut self, root: u16, name: u16, src: Use) {
        let is_plain = self.may_be_struct(root) && root != src.reg;
        let Some(field) = self.field(name).filter(|_| is_plain) else { return self.step() };
        let place = self.place(root, &field);
        let instance = self.own_struct(root);
        let (instance, offset) = self.address(instance, place);
        let (tag, payload) = self.take_value(src);
        self.add(Op::ReleaseAt(instance, offset), Ty::None);
        self.add(Op::Store(instance, offset + abi::TAG_OFFSET, tag), Ty::None);
        self.add(Op::Store(instance, offset + abi::PAYLOAD_OFFSET, payload), Ty::None);
        self.last_exit = None;
        if src.is_last {
            self.state.set(src.reg, Reg::EMPTY);
        }
    }

    /// The words of a register's value, with a count of their own. At the last use the register
    /// gives up its count; the caller empties it.
    pub(super) fn take_value(&mut self, src: Use) -> (NodeId, NodeId) {
        let reg = self.state.get(src.reg);
        let ty = reg.ty();
        if let Some(ty) = ty {
            let node = self.want(src.reg, ty);
            let payload = self.add(Op::Bits(node), Ty::Word);
            return (self.word(tag_of(ty) as u64), payload);
        }
        let slot = self.slot_of(src.reg).unwrap_or(src.reg);
        let tag = self.add(Op::LoadTag(slot), Ty::Word);
        let payload = self.add(Op::LoadSlot(slot), Ty::Word);
        if reg.know.may_own() {
            if src.is_last {
                self.add(Op::StoreNull(slot), Ty::None);
            } else {
                if !mutant!("field-not-retained") {
                    self.add(Op::RetainPair(tag, payload), Ty::None);
                }
                self.state.set(src.reg, Reg { unique: false, ..reg });
            }
        }
        (tag, payload)
    }

    /// Makes the register the only owner of its struct.
    pub(super) fn own_struct(&mut self, r: u16) -> NodeId {
        let reg = self.state.get(r);
        if let Some(view) = reg.view.filter(|_| reg.unique || mutant!("struct-shared")) {
            return view.object;
        }
        let object = self.add(Op::Unshare(r), Ty::Word);
        let view = Some(View { object, data: object, len: object });
        self.state.set(r, Reg { unique: true, view, ..reg });
        object
    }

    pub(super) fn update_field(&mut self, root: u16, name: u16, src: Use, op: Arith) {
        let site = Site::of(self.proto, self.pc);
        let known = self.field(name).filter(|_| self.may_be_struct(root));
        let (Some(field), Some(ty)) = (known, site.call_result()) else { return self.step() };
        let value_ty = self.guess_reg(src.reg, Some(ty));
        let is_number = |ty| matches!(ty, Ty::Int | Ty::Float);
        let Some(value_ty) = value_ty.filter(|&v| is_number(v) && is_number(ty)) else {
            return self.step();
        };
        let is_int = ty == Ty::Int && value_ty == Ty::Int;
        if op == Arith::Rem && !is_int {
            return self.step();
        }
        let place = self.place(root, &field);
        let object = self.object(root);
        let (instance, offset) = self.address(object, place);
        let tag = self.add(Op::Load(instance, offset + abi::TAG_OFFSET), Ty::Word);
        self.guard_word(tag, tag_of(ty) as u64, ExitReason::WrongType);
        let old = self.add(Op::Load(instance, offset + abi::PAYLOAD_OFFSET), ty);
        let value = self.want(src.reg, value_ty);
        let new =
            if is_int { self.int_arith(op, old, value) } else { self.float_arith(op, old, value) };
        let object = self.own_struct(root);
        let (instance, offset) = self.address(object, place);
        if !is_int && ty == Ty::Int {
            let tag = self.word(Tag::Float as u64);
            self.add(Op::Store(instance, offset + abi::TAG_OFFSET, tag), Ty::None);
        }
        let bits = self.add(Op::Bits(new), Ty::Word);
        self.add(Op::Store(instance, offset + abi::PAYLOAD_OFFSET, bits), Ty::None);
        self.last_exit = None;
        self.done_with(src);
    }

    /// Makes an instance out of all fields in their order.
    pub(super) fn new_struct(&mut self, dst: u16, first: u16, desc: u16) {
        let site = Site::of(self.proto, self.pc);
        let states = site::MONO | site::MEGA | site::OTHER;
        if site.0 & states != site::MONO || self.state.get(first).node().is_some() {
            return self.step();
        }
        let n_fields = self.proto.name_lists[desc as usize].names.len() as u16;
        self.materialise_all();
        let (def, shape) = self.declaration(first, site.0 as u32);
        let fields = first + 1..first + 1 + n_fields;
        let instance = Instance { n_fields, def: 0 };
        self.func.instances.insert(site.0 & 0xffff_ffff, instance);
        if let (Op::Const(shape), Op::Const(def)) =
            (&self.func.node(shape).op, &self.func.node(def).op)
        {
            self.func.instances.insert(*shape, Instance { n_fields, def: *def });
        }
        let object = match Struct::layout(n_fields.into()) {
            Some(layout) => self.alloc_struct(fields, (def, shape), layout),
            None => {
                fields.clone().for_each(|r| self.sync(r));
                let address = self.add(Op::SlotAddr(first + 1), Ty::Word);
                let object = self.add(Op::Help(Helper::NewStruct, vec![shape, address]), Ty::Word);
                fields.for_each(|r| self.state.set(r, Reg::EMPTY));
                object
            }
        };
        self.release(first);
        self.release(dst);
        let tag = self.word(Tag::Struct as u64);
        self.add(Op::StorePair(dst, tag, object), Ty::None);
        let know = Know::Struct(Some(site.0 as u32));
        let view = Some(View { object, data: object, len: object });
        self.state.set(dst, Reg { val: Val::Slot, know, view, unique: true });
    }

    /// The declaration in a register and its base shape, which has the expected number.
    fn declaration(&mut self, r: u16, expected: u32) -> (NodeId, NodeId) {
        if let Know::Def(address) = self.state.get(r).know {
            // SAFETY: the module of the code keeps the declaration.
            let shape = unsafe { &(*(address as *const Obj<StructDef>)).body }.base_shape();
            if shape.id() == expected {
                return (self.word(address as u64), self.word(ptr::from_ref(shape) as u64));
            }
        }
        self.guard_tag(r, Tag::StructDef, ExitReason::WrongType);
        let def = self.add(Op::LoadSlot(r), Ty::Word);
        let shape = self.add(Op::Load(def, abi::DEF_BASE_SHAPE), Ty::Word);
        let id = self.add(Op::Load32(shape, abi::SHAPE_ID), Ty::Word);
        self.guard_word(id, expected.into(), ExitReason::WrongType);
        (def, shape)
    }

    /// Allocates an instance and moves the fields into it.
    fn alloc_struct(
        &mut self,
        fields: std::ops::Range<u16>,
        (def, shape): (NodeId, NodeId),
        (size, header): (usize, u64),
    ) -> NodeId {
        let values: Vec<_> = fields.clone().map(|r| self.take_value(Use::last(r))).collect();
        fields.for_each(|r| self.state.set(r, Reg::EMPTY));
        let object = self.add(Op::Alloc(size as u32), Ty::Word);
        let header = self.word(header);
        self.add(Op::Store(object, 0, header), Ty::None);
        self.add(Op::Retain(def), Ty::None);
        self.add(Op::Store(object, abi::STRUCT_SHAPE, shape), Ty::None);
        for (i, (tag, payload)) in (0..).zip(values) {
            let at = abi::STRUCT_FIELDS + i * abi::VALUE_SIZE;
            self.add(Op::Store(object, at + abi::TAG_OFFSET, tag), Ty::None);
            self.add(Op::Store(object, at + abi::PAYLOAD_OFFSET, payload), Ty::None);
        }
        self.last_exit = None;
        object
    }

    // ---- null

    /// Whether an operand is the constant null.
    fn is_null(&self, operand: Operand) -> bool {
        match operand {
            Operand::Const(index) => matches!(self.proto.consts[index as usize], Const::Null),
            Operand::Reg(r) => self.state.get(r.reg).know == Know::Null,
        }
    }

    /// Whether the next instruction only compares `dst` with null and gives it up.
    fn is_null_test(&self, dst: u16) -> bool {
        let next = self.pc as usize + 1;
        if self.flow.leaders.get(next).copied().unwrap_or(true) {
            return false;
        }
        let Insn::JumpCompare { cond: Cond::Eq | Cond::Ne, lhs: Operand::Reg(l), rhs, .. } =
            self.flow.insns[next]
        else {
            return false;
        };
        l.reg == dst && l.is_last && self.is_null(rhs) && self.may_speculate(self.pc + 1)
    }

    /// Whether a value whose tag word this is equals null, of which the program cannot have a
    /// say: structs with operators leave.
    fn test_null(&mut self, tag: NodeId, instance: NodeId, offset: i32, object: Use) {
        let payload = self.add(Op::Load(instance, offset + abi::PAYLOAD_OFFSET), Ty::Word);
        let is_null = self.null_of(tag, payload);
        self.done_with(object);
        self.pc += 1;
        let Insn::JumpCompare { cond, lhs: Operand::Reg(l), target, sense, .. } =
            self.flow.insns[self.pc as usize]
        else {
            return;
        };
        self.release(l.reg);
        self.jump_on(is_null, target, sense == (cond == Cond::Eq));
    }

    /// Whether tag and payload words are null; leaves if an operator of the program decides.
    fn null_of(&mut self, tag: NodeId, payload: NodeId) -> NodeId {
        let exit = self.exit(ExitReason::WrongType);
        self.add(Op::NoOperators(tag, payload, exit), Ty::None);
        let null = self.word(Tag::Null as u64);
        self.add(Op::ICmp(Cond::Eq, tag, null), Ty::Bool)
    }

    /// The comparison of a register with null, if this is one.
    pub(super) fn null_comparison(
        &mut self,
        cond: Cond,
        lhs: Operand,
        rhs: Operand,
    ) -> Option<NodeId> {
        let reg = match (lhs, rhs) {
            (Operand::Reg(r), other) | (other, Operand::Reg(r)) if self.is_null(other) => r.reg,
            _ => return None,
        };
        if !matches!(cond, Cond::Eq | Cond::Ne) {
            return None;
        }
        if self.state.get(reg).ty().is_some() {
            let value = cond == Cond::Ne;
            return Some(self.constant(u64::from(value), Ty::Bool));
        }
        self.materialise(reg);
        let tag = self.add(Op::LoadTag(reg), Ty::Word);
        let payload = self.add(Op::LoadSlot(reg), Ty::Word);
        let is_null = self.null_of(tag, payload);
        if cond == Cond::Eq { Some(is_null) } else { Some(self.add(Op::Not(is_null), Ty::Bool)) }
    }
}
