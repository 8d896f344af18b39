//! Dicts with int and string keys: reading, asking for keys, writing.
//!
//! A lookup gives the address of the value, or 0; it stays right until the dict changes, so the
//! same lookup again costs nothing.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::profile::site::types;
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::state::{Know, Reg};
use super::values::tag_of;
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Helper, NodeId, Op, Ty};

/// A key's node and the kind of lookup.
#[derive(Clone, Copy)]
enum Key {
    Int(NodeId),
    Text(NodeId),
    /// In this register, of a type that is not known.
    Any(u16),
}

impl Builder<'_> {
    /// R[dst] = object[index] in a dict. False if it is not known to be one with such a key.
    pub(super) fn dict_get(&mut self, dst: u16, object: Use, index: Use) -> bool {
        let site = Site::of(self.proto, self.pc);
        if !site.lhs_is(types::DICT) || !self.may_be_dict(object.reg) {
            return false;
        }
        let Some(key) = self.dict_key(index.reg, site) else { return false };
        let entry = self.dict_find(object.reg, key);
        let zero = self.word(0);
        let is_there = self.add(Op::ICmp(Cond::Ne, entry, zero), Ty::Bool);
        self.guard(is_there, ExitReason::OutOfBounds);
        let tag = self.add(Op::Load(entry, abi::TAG_OFFSET), Ty::Word);
        if let Some(ty) = site.result() {
            let wanted = self.word(tag_of(ty) as u64);
            let same = self.add(Op::ICmp(Cond::Eq, tag, wanted), Ty::Bool);
            self.guard(same, ExitReason::WrongType);
            let value = self.add(Op::Load(entry, abi::PAYLOAD_OFFSET), ty);
            [object, index].into_iter().for_each(|operand| self.done_with(operand));
            self.define(dst, value, ty);
            return true;
        }
        let payload = self.add(Op::Load(entry, abi::PAYLOAD_OFFSET), Ty::Word);
        self.add(Op::RetainPair(tag, payload), Ty::None);
        [object, index].into_iter().for_each(|operand| self.done_with(operand));
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
        true
    }

    /// R[dst] = whether a dict has a key. False if the first register is known to hold no dict.
    pub(super) fn dict_has(&mut self, dst: u16, dict: u16, key: u16) -> bool {
        if !self.may_be_dict(dict) {
            return false;
        }
        let key_found = self.dict_key(key, Site(0)).unwrap_or(Key::Any(key));
        let entry = self.dict_find(dict, key_found);
        let zero = self.word(0);
        let is_there = self.add(Op::ICmp(Cond::Ne, entry, zero), Ty::Bool);
        [dict, key].into_iter().for_each(|r| self.release(r));
        self.define(dst, is_there, Ty::Bool);
        true
    }

    /// R[dst] = the value of a key, or the default: three registers. False if the first is no dict.
    pub(super) fn dict_get_default(&mut self, dst: u16, first: u16) -> bool {
        let (dict, key, default) = (first, first + 1, first + 2);
        if !self.may_be_dict(dict) {
            return false;
        }
        let key_found = self.dict_key(key, Site(0)).unwrap_or(Key::Any(key));
        let entry = self.dict_find(dict, key_found);
        let zero = self.word(0);
        let is_there = self.add(Op::ICmp(Cond::Ne, entry, zero), Ty::Bool);
        let (yes, no) = self.split(is_there);
        let state = self.state.clone();
        self.block = yes;
        let tag = self.add(Op::Load(entry, abi::TAG_OFFSET), Ty::Word);
        // Values have the type of the default, usually.
        if let Some(ty) = self.state.get(default).ty().filter(|&ty| ty != Ty::Char) {
            self.guard_word(tag, tag_of(ty) as u64, ExitReason::WrongType);
            let value = self.add(Op::Load(entry, abi::PAYLOAD_OFFSET), ty);
            [dict, key, default].into_iter().for_each(|r| self.release(r));
            self.define(dst, value, ty);
        } else {
            let payload = self.add(Op::Load(entry, abi::PAYLOAD_OFFSET), Ty::Word);
            self.add(Op::RetainPair(tag, payload), Ty::None);
            [dict, key, default, dst].into_iter().for_each(|r| self.release(r));
            self.add(Op::StorePair(dst, tag, payload), Ty::None);
            self.state.set(dst, Reg::slot(Know::Any));
        }
        let after = self.key_of(self.pc + 1);
        self.goto(after);
        (self.block, self.state, self.is_done, self.last_exit) = (no, state, false, None);
        [dict, key].into_iter().for_each(|r| self.release(r));
        self.mov(dst, Use::last(default));
        true
    }

    /// root[index] = src in a dict. False if it is not known to be one with such a key.
    pub(super) fn dict_set(&mut self, root: u16, index: Use, src: Use) -> bool {
        let site = Site::of(self.proto, self.pc);
        let is_plain = site.lhs_is(types::DICT) && self.may_be_dict(root) && src.reg != root;
        if !is_plain || index.reg == src.reg {
            return false;
        }
        let Some(key) = self.dict_key(index.reg, site) else { return false };
        self.want_object(root, Tag::Dict, Know::Dict, ExitReason::WrongType);
        self.materialise(src.reg);
        self.sync(src.reg);
        let (helper, key) = match key {
            Key::Int(node) => (Helper::DictSetInt, node),
            Key::Text(node) => (Helper::DictSetText, node),
            Key::Any(_) => return false,
        };
        let [into, value] = [root, src.reg].map(|r| self.add(Op::SlotAddr(r), Ty::Word));
        let is_last = self.word(u64::from(src.is_last));
        let declined = self.add(Op::Help(helper, vec![into, key, value, is_last]), Ty::Word);
        self.check_declined(declined);
        let reg = self.state.get(src.reg);
        let after = if src.is_last { Reg::EMPTY } else { Reg { unique: false, ..reg } };
        self.state.set(src.reg, after);
        self.done_with(index);
        self.changed_in_place(root);
        true
    }

    fn may_be_dict(&self, r: u16) -> bool {
        let reg = self.state.get(r);
        let is_possible = reg.node().is_none() && matches!(reg.know, Know::Any | Know::Dict);
        is_possible && self.feedback.may_speculate(self.pc)
    }

    /// The key in a register, if it is known or was seen to be an int or a string.
    fn dict_key(&mut self, r: u16, site: Site) -> Option<Key> {
        if self.guess_reg(r, site.rhs()) == Some(Ty::Int) {
            return Some(Key::Int(self.want(r, Ty::Int)));
        }
        let reg = self.state.get(r);
        let is_text = match reg.ty() {
            Some(ty) => ty == Ty::Char,
            None => reg.know == Know::Str || (reg.know == Know::Any && site.rhs_is(types::STR)),
        };
        if !is_text {
            return None;
        }
        self.want_text(r);
        Some(Key::Text(self.add(Op::LoadSlot(r), Ty::Word)))
    }

    /// The address of the value under a key of the dict in a register.
    fn dict_find(&mut self, dict: u16, key: Key) -> NodeId {
        self.want_object(dict, Tag::Dict, Know::Dict, ExitReason::WrongType);
        let object = self.add(Op::LoadSlot(dict), Ty::Word);
        let (helper, key) = match key {
            Key::Int(node) => (Helper::DictFindInt, node),
            Key::Text(node) => (Helper::DictFindText, node),
            Key::Any(r) => {
                self.materialise(r);
                self.sync(r);
                (Helper::DictFindAny, self.add(Op::SlotAddr(r), Ty::Word))
            }
        };
        let entry = self.add(Op::Help(helper, vec![object, key]), Ty::Word);
        if helper == Helper::DictFindAny {
            let no_key = self.word(abi::NO_KEY);
            let is_key = self.add(Op::ICmp(Cond::Ne, entry, no_key), Ty::Bool);
            self.guard(is_key, ExitReason::WrongType);
        }
        entry
    }
}
