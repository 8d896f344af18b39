//! Methods that end a chain of lazy stages: their bytecode is built into the caller, with the
//! stages and the functions that they call in it.

use ruff_runtime::profile::site::{self, types};
use ruff_runtime::value::{Tag, View};

use super::builder::Builder;
use super::feedback::Site;
use super::inline;
use super::state::{Know, Reg};
use crate::exit_reason::ExitReason;
use crate::ir::{Op, Ty};

impl Builder<'_> {
    /// Builds in what a method does with the chain that it has always ended.
    pub(super) fn inline_chain(&mut self, dst: u16, (first, count): (u16, u8), name: u16) -> bool {
        let bits = Site::of(self.proto, self.pc).0;
        if site::types_at(bits, site::RECEIVER) != types::OTHER {
            return false;
        }
        let View::Str(name) = self.loaded.consts[name as usize].view() else { return false };
        let found = (self.request.chains)((self.loaded, self.pc), name.as_str(), count);
        let Some(body) = found else { return false };
        let n_args = u16::from(count) + 1;
        let end = first + n_args;
        let is_in_slot = |r: u16| self.state.get(r).node().is_none();
        let fits = is_in_slot(first)
            && (count == 0 || is_in_slot(end - 1))
            && !(end..self.n_regs()).any(|r| r != dst && self.is_live(self.pc + 1, r));
        // SAFETY: the body lives as long as the compiler.
        let (code, shape) = unsafe { (&raw const (*body).code, &(*body).shape) };
        let extra = shape.n_registers();
        let plain = inline::Site::plain(dst, first, n_args);
        let site = inline::Site { is_body: true, is_chain: true, extra, ..plain };
        // Requests of inlined chains could not be told from callbacks.
        if !fits || shape.has_generator() || (count > 0 && shape.callback.is_none()) {
            return false;
        }
        let Some(loaded) = self.inlinable(code, site) else { return false };
        self.materialise_all();
        for r in first..end {
            self.sync(r);
        }
        if let Some(callback) = shape.callback.filter(|_| count > 0) {
            self.function_in(end - 1, callback, ExitReason::WrongCallee);
        }
        let exit = self.exit(ExitReason::WrongType);
        for r in end..self.n_regs() {
            self.release(r);
        }
        self.add(Op::OpenChain(first, &raw const *shape as u64, end, exit), Ty::None);
        self.last_exit = None;
        self.state.set(first, Reg::slot(Know::Null));
        self.begin_inlined(code, loaded, site);
        true
    }

    /// What `flat_map` takes apart must be a collection; arrays are expected.
    pub(super) fn check_flat(&mut self, src: u16) {
        if self.state.get(src).node().is_some() || !self.may_speculate(self.pc) {
            return self.step();
        }
        self.want_object(src, Tag::Array, Know::Array(None), ExitReason::WrongType);
    }

    /// What `sum` adds up must be numbers.
    pub(super) fn check_summand(&mut self, src: u16) {
        let is_number = matches!(self.guess_reg(src, None), Some(Ty::Int | Ty::Float));
        if !is_number {
            self.step();
        }
    }
}
