//! Handlers of loop headers, counted loops and iteration.

use super::Vm;
use super::collections::element;
use super::machine::{Machine, Step, Stop, body};
use crate::bytecode::operand::{Def, Group};
use crate::bytecode::ops;
use crate::error::Result;
use crate::objects::array::Array;
use crate::profile::site;
use crate::semantics::{iterate, stages};
use crate::value::{Tag, Value, View};

impl Machine {
    /// The feedback slot counts down; at 0 the loop is hot (or compiled already).
    #[inline(always)]
    pub(super) fn loop_header(&mut self, _op: ops::LoopHeader) -> Step {
        if self.vm().is_interrupted() {
            let polled = self.vm().poll();
            self.checked(polled)?;
        }
        let left = self.site().wrapping_sub(1);
        self.set_site(left);
        if left == 0 {
            return self.hot_loop();
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn range_init(&mut self, op: ops::RangeInit) -> Step {
        let (base, n) = (op.base.idx(), op.count.n());
        // SAFETY: the verifier bounds the group, whose registers are initialised.
        let args = unsafe { std::slice::from_raw_parts(self.at(base), n) };
        let bounds = range_bounds(args);
        let (start, end, step) = self.checked(bounds)?;
        self.set(base, Value::int(start));
        self.set(base + 1, Value::int(end));
        self.set(base + 2, Value::int(step));
        Ok(())
    }

    #[inline(always)]
    pub(super) fn range_items(&mut self, op: ops::RangeItems) -> Step {
        let args: [Value; 3] = std::array::from_fn(|i| {
            if i < op.count.n() { self.take(op.first.idx() + i) } else { Value::NULL }
        });
        let iterator = self.checked(range_iterator(&args[..op.count.n().min(3)]))?;
        self.set(op.dst.idx(), iterator);
        Ok(())
    }

    /// Writes the next value of a counted loop; false if none is left.
    #[inline(always)]
    fn range_next(&mut self, dst: Def, base: Group) -> bool {
        let base = base.idx();
        let (at, end, step) = (self.int(base), self.int(base + 1), self.int(base + 2));
        let has_next = if step > 0 { at < end } else { at > end };
        if has_next {
            *self.reg_mut(base) = Value::int(at.saturating_add(step));
            self.set(dst.idx(), Value::int(at));
        }
        has_next
    }

    #[inline(always)]
    pub(super) fn range_test(&mut self, op: ops::RangeTest) -> Step {
        let has_next = self.range_next(op.dst, op.base);
        self.jump_near(!has_next, op.target);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn range_loop(&mut self, op: ops::RangeLoop) -> Step {
        let has_next = self.range_next(op.dst, op.base);
        self.jump_near(has_next, op.target);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn iter_init(&mut self, op: ops::IterInit) -> Step {
        let base = op.base.idx();
        let source = self.take(base);
        let mut bits = site::type_bit(source.tag()) << site::LHS;
        if let View::Array(array) = source.view() {
            bits |= 1 << (site::KINDS + array.kind() as u32);
        } else if bits == site::types::OTHER << site::LHS {
            let is_generator = source.tag() == Tag::Generator;
            bits |= if is_generator { site::GENERATOR } else { site::NO_GENERATOR };
        }
        self.note(bits);
        let started = self.vm().start_iteration(source);
        let (source, position) = self.checked(started)?;
        self.set(base, source);
        self.set(base + 1, position);
        Ok(())
    }

    /// Writes the next value of an iteration; false if none is left.
    #[inline(always)]
    fn iter_next(&mut self, dst: Def, base: Group) -> Result<bool, Stop> {
        let base = base.idx();
        let next = if self.tag(base) == Tag::Array {
            // SAFETY: the tag was just checked; the register keeps the array alive.
            let array: &Array = unsafe { body(self.reg(base)) };
            let at = self.int(base + 1);
            let next = element(array, at as usize);
            *self.reg_mut(base + 1) = Value::int(at + 1);
            next
        } else {
            let source = self.at(base);
            if iterate::may_leave(self.tag(base)) {
                self.save();
            }
            let next = self.vm().next_of(source);
            self.vm().can_finish_later = false;
            self.checked(next)?
        };
        let Some(value) = next else { return Ok(false) };
        self.note_result(value.tag(), site::RESULT);
        self.set(dst.idx(), value);
        Ok(true)
    }

    #[inline(always)]
    pub(super) fn iter_test(&mut self, op: ops::IterTest) -> Step {
        if self.tag(op.base.idx()) == Tag::Generator {
            return self.enter_generator(op.base.idx());
        }
        let has_next = self.iter_next(op.dst, op.base)?;
        self.jump_near(!has_next, op.target);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn iter_loop(&mut self, op: ops::IterLoop) -> Step {
        if self.tag(op.base.idx()) == Tag::Generator {
            return self.enter_generator(op.base.idx());
        }
        let has_next = self.iter_next(op.dst, op.base)?;
        self.jump_near(has_next, op.target);
        Ok(())
    }
}

#[inline(never)]
fn range_iterator(args: &[Value]) -> Result<Value> {
    stages::range_iterator(args)
}

#[inline(never)]
fn range_bounds(args: &[Value]) -> Result<(i64, i64, i64)> {
    iterate::range_bounds(args)
}

impl Vm {
    #[inline(never)]
    fn start_iteration(&mut self, source: Value) -> Result<(Value, Value)> {
        iterate::for_init(self, source)
    }

    /// The next value of the source in the register at `source`, whose position is in the
    /// register after.
    #[inline(never)]
    fn next_of(&mut self, source: *mut Value) -> Result<Option<Value>> {
        // SAFETY: as below.
        self.can_finish_later = unsafe { (*source).tag() } == Tag::Channel;
        // SAFETY: two registers of the frame on top, which user code cannot reach.
        unsafe { iterate::for_next(self, &*source, &mut *source.add(1)) }
    }
}
