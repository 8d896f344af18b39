//! Handlers that change places: elements, fields, and paths of them (LS 8, 9.4).
//!
//! The content of a variable is changed where it is. While it is changed in a cell or module
//! slot it is taken out, so that nobody else counts as its owner; no user code runs meanwhile.

use smallvec::SmallVec;

use super::arith::operand_types;
use super::machine::{Machine, Step, Stop, body_mut};
use super::methods::receiver_type;
use super::moves::text_of;
use crate::bytecode::operand::{Name, Root, RootKind, Use};
use crate::bytecode::{PlaceDesc, PlaceStepKind, ops};
use crate::error::{Error, Kind, Result};
use crate::objects::array::{Array, ElemKind};
use crate::objects::structs::Struct;
use crate::profile::site;
use crate::semantics::place::{self, PlaceError, PlaceStep};
use crate::semantics::{BinOp, arith, index};
use crate::value::{Tag, Value, View};

type Steps<'a> = SmallVec<[PlaceStep<'a>; 4]>;

impl Machine {
    /// Runs `f` on the content of a root variable, in place. The variable is checked first.
    fn with_root<T>(
        &mut self,
        root: Root,
        f: impl FnOnce(&mut Value) -> T,
    ) -> std::result::Result<T, Stop> {
        self.check_root(root)?;
        if root.kind == RootKind::Register {
            return Ok(f(self.reg_mut(root.idx())));
        }
        let mut content = self.swap_root(root, Value::NULL);
        let result = f(&mut content);
        drop(self.swap_root(root, content));
        Ok(result)
    }

    /// The steps of a place; index values are borrowed from the frame's registers.
    fn steps<'a>(&self, desc: &'a PlaceDesc) -> Steps<'a> {
        let step = |kind: &'a PlaceStepKind| match kind {
            PlaceStepKind::Field(name) => PlaceStep::Field(name),
            // SAFETY: the verifier bounds the register, which is not written while the steps
            // are used.
            PlaceStepKind::Index(reg) => PlaceStep::Index(unsafe { &*self.at((*reg).into()) }),
        };
        desc.steps.iter().map(|s| step(&s.kind)).collect()
    }

    /// Notes the containers on the way to a place, the first times only: the walk costs time.
    fn note_place(&mut self, root: Root, steps: &[PlaceStep<'_>]) {
        let mut bits = self.site();
        let n_noted = bits >> site::N_NOTED & 0xff;
        if root.kind != RootKind::Register || n_noted == 0xff {
            return;
        }
        bits += 1 << site::N_NOTED;
        let mut shape = 0;
        let vm = self.vm;
        place::visit(self.reg(root.idx()), steps, |i, container| {
            if i < site::MAX_STEPS {
                bits |= site::container_bit(container) << (i as u32 * site::STEP_BITS);
            }
            if let (View::Struct(instance), PlaceStep::Field(name)) = (container.view(), steps[i]) {
                let of = instance.shape();
                shape = u64::from(of.id()).min(site::MANY_SHAPES);
                if let Some(slot) = of.slot(name) {
                    // SAFETY: the VM outlives the loop; it does not hold the registers.
                    unsafe { (*vm).note_field(of.id(), name, slot) };
                }
            }
        });
        let known = bits >> site::PLACE_SHAPE & site::MANY_SHAPES;
        if known == 0 {
            bits |= shape << site::PLACE_SHAPE;
        } else if shape != known {
            bits |= site::MANY_SHAPES << site::PLACE_SHAPE;
        }
        self.set_site(bits);
    }

    /// A place description of the running function, which outlives the frame.
    fn place<'a>(&self, desc: usize) -> &'a PlaceDesc {
        &self.proto().places[desc]
    }

    #[inline(always)]
    pub(super) fn set_index(&mut self, op: ops::SetIndex) -> Step {
        if op.root.kind == RootKind::Register && self.store_element(op.root.idx(), op.index, op.src)
        {
            return Ok(());
        }
        self.set_index_slow(op.root, op.index, op.src)
    }

    /// Stores into a unique array of the right kind, if it is one.
    #[inline(always)]
    fn store_element(&mut self, root: usize, at: Use, src: Use) -> bool {
        let (i, value) = (self.reg(at.idx()), self.reg(src.idx()));
        let (i, value_tag, payload) = match i.as_int() {
            Some(i) => (i as usize, value.tag(), value.payload()),
            None => return false,
        };
        if self.tag(root) != Tag::Array || !self.reg(root).is_unique() {
            return false;
        }
        let site = self.site();
        // SAFETY: the tag was just checked, and the register is the only owner.
        let array: &mut Array = unsafe { body_mut(self.reg_mut(root)) };
        let kind = array.kind();
        if site & 1 << (site::KINDS + kind as u32) == 0 || i >= array.len() {
            return false;
        }
        match (kind, value_tag) {
            (ElemKind::Int, Tag::Int) => match array.ints_mut() {
                Some(ints) => ints[i] = payload as i64,
                None => return false,
            },
            (ElemKind::Float, Tag::Float) => match array.floats_mut() {
                Some(floats) => floats[i] = f64::from_bits(payload),
                None => return false,
            },
            (ElemKind::Bool, Tag::Bool) | (ElemKind::Value, _) => {
                let value = self.value(src);
                array.set(i, value);
            }
            _ => return false,
        }
        true
    }

    #[inline(never)]
    fn set_index_slow(mut self, root: Root, at: Use, src: Use) -> Step {
        let value = self.value(src);
        let at = self.value(at);
        let machine = self;
        let stored = self.with_root(root, |content| {
            machine.note_container(content, &at);
            place::set_index(content, &at, value)
        })?;
        self.checked(stored)
    }

    /// Notes what is written to.
    fn note_container(&self, container: &Value, at: &Value) {
        let mut bits = operand_types(container, at);
        if container.is_heap() && !container.is_unique() {
            bits |= site::COPIED;
        }
        if let View::Array(array) = container.view() {
            bits |= 1 << (site::KINDS + array.kind() as u32);
            if at.as_int().is_some_and(|i| i < 0 || i as usize >= array.len()) {
                bits |= site::OUT_OF_BOUNDS;
            }
        }
        self.note(bits);
    }

    #[inline(always)]
    pub(super) fn set_field(&mut self, op: ops::SetField) -> Step {
        if op.root.kind == RootKind::Register
            && self.tag(op.root.idx()) == Tag::Struct
            && self.reg(op.root.idx()).is_unique()
        {
            let site = self.site();
            // SAFETY: the tag was just checked, and the register is the only owner.
            let instance: &mut Struct = unsafe { body_mut(self.reg_mut(op.root.idx())) };
            if site & 0xffff_ffff == u64::from(instance.shape().id()) {
                let slot = (site >> site::SLOT & 0xffff) as usize;
                let value = self.value(op.src);
                self.note_result(value.tag(), site::CALL_RESULT);
                // SAFETY: slots are remembered together with the shape that has them.
                unsafe { *instance.fields_mut().get_unchecked_mut(slot) = value };
                return Ok(());
            }
        }
        self.set_field_slow(op.root, op.name, op.src)
    }

    #[inline(never)]
    fn set_field_slow(mut self, root: Root, name: Name, src: Use) -> Step {
        let value = self.value(src);
        let key = self.konst(name.idx()).clone();
        let name: std::sync::Arc<str> = text_of(&key).into();
        let machine = self;
        let stored = self.with_root(root, |content| {
            machine.note_field(content, &key);
            place::set_field(content, &name, value)
        })?;
        self.checked(stored)
    }

    #[inline(always)]
    pub(super) fn update_index(&mut self, op: ops::UpdateIndex) -> Step {
        let operator = operator(self.instr().word().operator());
        self.update_element(operator, op.root, op.index, op.src)
    }

    #[inline(never)]
    fn update_element(mut self, op: BinOp, root: Root, at: Use, src: Use) -> Step {
        self.check_root(root)?;
        let (at, value) = (self.value(at), self.value(src));
        let content = self.swap_root(root, Value::NULL);
        self.note_container(&content, &at);
        let old = index::get(&content, &at);
        drop(self.swap_root(root, content));
        let old = self.checked(old)?;
        let computed = self.apply(op, old, &value, |machine, content| {
            machine.with_root(root, |root| place::set_index(root, &at, content))
        });
        let Some(computed) = computed? else { return Ok(()) };
        let stored = self.with_root(root, |content| place::set_index(content, &at, computed))?;
        self.checked(stored)
    }

    /// `old op value`. A string or array that is appended to is taken out of its place first (by
    /// storing null there with `store`), so that it is not copied.
    fn apply(
        &mut self,
        op: BinOp,
        old: Value,
        value: &Value,
        store: impl Fn(&mut Machine, Value) -> std::result::Result<Result<()>, Stop>,
    ) -> std::result::Result<Option<Value>, Stop> {
        let mut old = old;
        let appends = op == BinOp::Add
            && match old.tag() {
                Tag::Str => value.tag() != Tag::Struct,
                Tag::Array => value.tag() == Tag::Array,
                _ => false,
            };
        if appends {
            let taken = store(self, Value::NULL)?;
            self.checked(taken)?;
            let appended = arith::add_in_place(self.vm(), &mut old, value);
            let stored = store(self, old)?;
            self.checked(appended)?;
            self.checked(stored)?;
            return Ok(None);
        }
        let result = arith::binary(self.vm(), op, &old, value);
        self.checked(result).map(Some)
    }

    #[inline(always)]
    pub(super) fn update_field(&mut self, op: ops::UpdateField) -> Step {
        let operator = operator(self.instr().word().operator());
        if self.update_known(operator, op) {
            return Ok(());
        }
        self.update_named(operator, op.root, op.name, op.src)
    }

    /// The update of a number in a struct of the remembered shape, in place; false if it is
    /// something else.
    #[inline(always)]
    fn update_known(&mut self, op: BinOp, at: ops::UpdateField) -> bool {
        if at.root.kind != RootKind::Register || !self.reg(at.root.idx()).is_unique() {
            return false;
        }
        let Some(old) = self.known_field(at.root.idx()) else { return false };
        let value = self.reg(at.src.idx());
        let is_number = |v: &Value| matches!(v.tag(), Tag::Int | Tag::Float);
        if !is_number(old) || !is_number(value) {
            return false;
        }
        let Ok(new) = arith::binary_data(op, old, value) else { return false };
        self.note_result(old.tag(), site::CALL_RESULT);
        let slot = (self.site() >> site::SLOT & 0xffff) as usize;
        // SAFETY: `known_field` checked the tag, and the register is the only owner.
        let instance: &mut Struct = unsafe { body_mut(self.reg_mut(at.root.idx())) };
        // SAFETY: slots are remembered together with the shape that has them.
        unsafe { *instance.fields_mut().get_unchecked_mut(slot) = new };
        true
    }

    #[inline(never)]
    fn update_named(mut self, op: BinOp, root: Root, name: Name, src: Use) -> Step {
        self.check_root(root)?;
        let value = self.value(src);
        let key = self.konst(name.idx()).clone();
        let name: std::sync::Arc<str> = text_of(&key).into();
        let content = self.swap_root(root, Value::NULL);
        self.note_field(&content, &key);
        let old = index::field(&content, &name);
        drop(self.swap_root(root, content));
        let old = self.checked(old)?;
        self.note_result(old.tag(), site::CALL_RESULT);
        let computed = self.apply(op, old, &value, |machine, content| {
            machine.with_root(root, |root| place::set_field(root, &name, content))
        });
        let Some(computed) = computed? else { return Ok(()) };
        let stored = self.with_root(root, |content| place::set_field(content, &name, computed))?;
        self.checked(stored)
    }

    #[inline(always)]
    pub(super) fn load_place(&mut self, op: ops::LoadPlace) -> Step {
        let value = self.load_slow(op.root, op.desc.idx())?;
        self.set(op.dst.idx(), value);
        Ok(())
    }

    #[inline(never)]
    fn load_slow(mut self, root: Root, desc: usize) -> std::result::Result<Value, Stop> {
        let desc = self.place(desc);
        let steps = self.steps(desc);
        self.note_place(root, &steps);
        let loaded = self.with_root(root, |content| place::load(content, &steps))?;
        let value = self.checked_at(loaded.map_err(|e| located(e, desc)))?;
        self.note_result(value.tag(), site::CALL_RESULT);
        Ok(value)
    }

    #[inline(always)]
    pub(super) fn store_place(&mut self, op: ops::StorePlace) -> Step {
        self.store_slow(op.root, op.desc.idx(), op.src)
    }

    #[inline(never)]
    fn store_slow(mut self, root: Root, desc: usize, src: Use) -> Step {
        let value = self.value(src);
        let desc = self.place(desc);
        let steps = self.steps(desc);
        self.note_place(root, &steps);
        self.store_at(root, desc, value)
    }

    fn store_at(&mut self, root: Root, desc: &PlaceDesc, value: Value) -> Step {
        let steps = self.steps(desc);
        let stored = self.with_root(root, |content| place::store(content, &steps, value))?;
        self.checked_at(stored.map_err(|e| located(e, desc)))
    }

    #[inline(always)]
    pub(super) fn update_place(&mut self, op: ops::UpdatePlace) -> Step {
        let operator = operator(self.instr().word().operator());
        self.update_slow(operator, op.root, op.desc.idx(), op.src)
    }

    #[inline(never)]
    fn update_slow(mut self, op: BinOp, root: Root, desc: usize, src: Use) -> Step {
        let old = self.load_slow(root, desc)?;
        let value = self.value(src);
        let desc = self.place(desc);
        let computed = self.apply(op, old, &value, |machine, content| {
            machine.store_at(root, desc, content).map(Ok)
        });
        match computed? {
            Some(computed) => self.store_at(root, desc, computed),
            None => Ok(()),
        }
    }

    #[inline(always)]
    pub(super) fn take_receiver(&mut self, op: ops::TakeReceiver) -> Step {
        let receiver = self.take_slow(op)?;
        self.set(op.dst.idx(), receiver);
        Ok(())
    }

    #[inline(never)]
    fn take_slow(mut self, op: ops::TakeReceiver) -> std::result::Result<Value, Stop> {
        let desc = self.place(op.desc.idx());
        let steps = self.steps(desc);
        self.note_place(Root::register(op.root.0), &steps);
        let root = self.reg_mut(op.root.idx());
        let taken = place::take(root, &steps);
        let receiver = self.checked_at(taken.map_err(|e| located(e, desc)))?;
        let marker = self.reg(op.dst.idx());
        if marker.tag() == Tag::Pending && marker.payload() != receiver_type(&receiver) {
            place::put(self.reg_mut(op.root.idx()), &steps, receiver);
            let name = &desc.root_name;
            let message = format!("Receiver changed during a mutating call: {name}");
            return Err(self.raise(Error::new(Kind::AccessError, message)));
        }
        Ok(receiver)
    }

    #[inline(always)]
    pub(super) fn put_place(&mut self, op: ops::PutPlace) -> Step {
        self.put_slow(op)
    }

    #[inline(never)]
    fn put_slow(mut self, op: ops::PutPlace) -> Step {
        let value = self.value(op.src);
        let desc = self.place(op.desc.idx());
        let steps = self.steps(desc);
        place::put(self.reg_mut(op.root.idx()), &steps, value);
        Ok(())
    }
}

/// The error with the source offset of the step that failed.
#[cold]
fn located(error: PlaceError, desc: &PlaceDesc) -> (Error, u32) {
    let offset = desc.steps.get(error.step).map_or(0, |step| step.offset);
    (error.error, offset)
}

/// The operator in the flags of an updating instruction.
fn operator(number: u8) -> BinOp {
    BinOp::ALL[usize::from(number).min(4)]
}
