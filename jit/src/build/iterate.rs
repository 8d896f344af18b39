//! Loops over values: arrays, ASCII texts and counts without a call per step; dicts and other
//! texts through the interpreter's code, straight on the window.

use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::profile::site::types;
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::feedback::Site;
use super::flow::{Loop, RegSet};
use super::insn::Insn;
use super::state::{Know, Reg, View};
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Elem, IntOp, NodeId, Op, Term, Ty};

/// What a loop goes over.
#[derive(Clone, Copy)]
enum Items {
    Elements(ElemKind, View),
    Chars(View),
    Count(NodeId),
}

impl Builder<'_> {
    pub(super) fn iter_init(&mut self, base: u16) {
        let site = Site::of(self.proto, self.pc);
        let reg = self.state.get(base);
        match (reg.node(), site.iterated_kind()) {
            (Some((_, Ty::Int)), _) => {}
            (Some(_), _) => return self.step(),
            (None, Some(kind)) => {
                self.iterated(base, kind, ExitReason::WrongType);
            }
            (None, None) if site.lhs_is(types::STR) => {
                self.text_view(base, ExitReason::WrongType);
            }
            (None, None) if site.lhs_is(types::DICT) => {
                self.want_object(base, Tag::Dict, Know::Dict, ExitReason::WrongType);
            }
            (None, None) if site.is_over_generator() && !site.lhs_is(types::FUNCTION) => {
                self.want_object(base, Tag::Generator, Know::Generator, ExitReason::WrongType);
            }
            (None, None) => return self.step(),
        }
        let start = self.int(0);
        self.define(base + 1, start, Ty::Int);
    }

    /// The header words of an array that has elements of this kind, or none.
    pub(super) fn iterated(&mut self, r: u16, kind: ElemKind, reason: ExitReason) -> View {
        self.want_object(r, Tag::Array, Know::Array(None), reason);
        let reg = self.state.get(r);
        if let (Some(view), Know::Array(Some(known))) = (reg.view, reg.know)
            && known == kind
        {
            return view;
        }
        let object = self.add(Op::LoadSlot(r), Ty::Word);
        let len = self.add(Op::Load(object, abi::ARRAY_LEN), Ty::Word);
        if reg.know != Know::Array(Some(kind)) {
            let found = self.add(Op::Load(object, abi::ARRAY_KIND), Ty::Bool);
            let wanted = self.constant(kind as u64, Ty::Bool);
            let same = self.add(Op::ICmp(Cond::Eq, found, wanted), Ty::Bool);
            let zero = self.word(0);
            let is_empty = self.add(Op::ICmp(Cond::Eq, len, zero), Ty::Bool);
            let fits = self.add(Op::Int(IntOp::Or, same, is_empty), Ty::Bool);
            let reason =
                if reason == ExitReason::Hoisted { reason } else { ExitReason::WrongElements };
            self.guard(fits, reason);
        }
        let data = self.add(Op::Load(object, abi::ARRAY_DATA), Ty::Word);
        let view = View { object, data, len };
        let know = Know::Array(Some(kind));
        self.state.set(r, Reg { know, view: Some(view), ..reg });
        view
    }

    /// Feedback of the instruction that began the loop whose step is at `pc`.
    pub(super) fn init_of(&self, pc: u32, base: u16) -> Option<Site> {
        let begins = |&at: &u32| self.flow.insns[at as usize] == Insn::IterInit { base };
        let init = (0..pc).rev().find(begins)?;
        self.feedback.may_speculate(init).then(|| Site::of(self.proto, init))
    }

    /// What the source in a register is, with its checks; `None` if it has no typed form.
    fn items(&mut self, base: u16) -> Option<Items> {
        let reg = self.state.get(base);
        if let Some((node, ty)) = reg.node() {
            return (ty == Ty::Int).then_some(Items::Count(node));
        }
        let init = self.init_of(self.pc, base);
        match reg.know {
            Know::Str => {
                let view = reg.view.or_else(|| {
                    init.is_some().then(|| self.text_view(base, ExitReason::WrongType))
                })?;
                Some(Items::Chars(view))
            }
            Know::Array(Some(kind)) => {
                Some(Items::Elements(kind, self.iterated(base, kind, ExitReason::WrongType)))
            }
            Know::Any | Know::Array(None) => {
                let init = init?;
                if let Some(kind) = init.iterated_kind() {
                    let view = self.iterated(base, kind, ExitReason::WrongType);
                    return Some(Items::Elements(kind, view));
                }
                if init.lhs_is(types::STR) {
                    return Some(Items::Chars(self.text_view(base, ExitReason::WrongType)));
                }
                if init.lhs_is(types::DICT) {
                    self.want_object(base, Tag::Dict, Know::Dict, ExitReason::WrongType);
                }
                None
            }
            _ => None,
        }
    }

    pub(super) fn iter_step(&mut self, dst: u16, base: u16, target: u32, at_end: bool) {
        if self.is_over_generator(base) {
            return self.request_step(dst, base, (target, at_end));
        }
        if self.guess_reg(base + 1, Some(Ty::Int)) != Some(Ty::Int) {
            return self.step();
        }
        let Some(items) = self.items(base) else { return self.step() };
        let at = self.want(base + 1, Ty::Int);
        let has_more = match items {
            Items::Elements(_, view) | Items::Chars(view) => {
                self.add(Op::Below(at, view.len), Ty::Bool)
            }
            Items::Count(n) => self.add(Op::ICmp(Cond::Lt, at, n), Ty::Bool),
        };
        let (more_pc, left_pc) = if at_end { (target, self.pc + 1) } else { (self.pc + 1, target) };
        let (more_key, left_key) = (self.key_of(more_pc), self.key_of(left_pc));
        // Below the length there is room for one more.
        let one = self.int(1);
        let next = self.add(Op::Int(IntOp::Add, at, one), Ty::Int);
        let (yes, no) = (self.func.new_edge(), self.func.new_edge());
        self.end(Term::Branch(has_more, yes, no));
        let state = self.state.clone();
        self.lead(no, state, left_key);
        if !self.is_stable {
            return;
        }
        let more = self.func.new_block(self.pc);
        self.func.edges[yes.0 as usize].to = Some(more);
        self.block = more;
        self.is_done = false;
        self.last_exit = None;
        match items {
            Items::Elements(kind, view) => {
                let site = Site::of(self.proto, self.pc);
                self.load_element(dst, (kind, site), (view, at), &[]);
            }
            Items::Chars(view) => {
                let code = self.add(Op::ElemLoad(Elem::Bool, view.data, at), Ty::Char);
                self.define(dst, code, Ty::Char);
            }
            Items::Count(_) => self.define(dst, at, Ty::Int),
        }
        self.define(base + 1, next, Ty::Int);
        self.goto(more_key);
    }

    /// Looks at the sources of the iterations in a loop, before the loop.
    pub(super) fn hoist_sources(&mut self, key_pc: u32, range: Loop, written: &RegSet) {
        for pc in range.header..=range.last {
            let Insn::IterStep { base, .. } = self.flow.insns[pc as usize] else { continue };
            let Some(init) = self.init_of(pc, base) else { continue };
            let is_kept = !written.has(base) && self.is_live(key_pc, base);
            if !is_kept || self.state.get(base).node().is_some() || !self.feedback.may_speculate(pc)
            {
                continue;
            }
            if let Some(kind) = init.iterated_kind() {
                self.iterated(base, kind, ExitReason::Hoisted);
            } else if init.lhs_is(types::STR) {
                self.text_view(base, ExitReason::Hoisted);
            } else if init.is_over_generator() {
                self.want_object(base, Tag::Generator, Know::Generator, ExitReason::Hoisted);
            } else if init.lhs_is(types::DICT) {
                self.want_object(base, Tag::Dict, Know::Dict, ExitReason::Hoisted);
            }
        }
    }
}
