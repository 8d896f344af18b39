//! Natives that call a function for each item: their bytecode is built into the caller, and the
//! function into that.

use ruff_runtime::natives;
use ruff_runtime::objects::function::FunctionCode;

use super::builder::Builder;
use super::feedback::Site;
use super::inline;
use crate::bodies::{BodySpec, Work};
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Op, Ty};

impl Builder<'_> {
    /// Builds in what a native does with an array and a function, if both were always alike.
    pub(super) fn inline_body(&mut self, dst: u16, native: u16, first: u16, count: u8) -> bool {
        let Some(work) = Work::of(natives::get(u32::from(native)).name, count) else {
            return false;
        };
        let Some((callback, kind)) = Site::of(self.proto, self.pc).callback() else { return false };
        let end = first + u16::from(count);
        let is_in_slot = |r: u16| self.state.get(r).node().is_none();
        let fits = is_in_slot(first)
            && is_in_slot(end - 1)
            && !(end..self.n_regs()).any(|r| r != dst && self.is_live(self.pc + 1, r));
        if !fits {
            return false;
        }
        let callback = callback as *const FunctionCode;
        let caller = self.loaded as *const _;
        let (name, results) = (0, 0);
        let spec = BodySpec { caller, pc: self.pc, work, kind, callback, name, results };
        let Some(code) = (self.request.bodies)(&spec) else { return false };
        let site = inline::Site { is_body: true, ..inline::Site::plain(dst, first, count.into()) };
        let Some(loaded) = self.inlinable(code, site) else { return false };
        self.materialise_all();
        self.iterated(first, kind, ExitReason::WrongElements);
        self.function_in(end - 1, callback, ExitReason::WrongCallee);
        let exit = self.exit(ExitReason::CallDepth);
        self.add(Op::EnterBody(exit), Ty::None);
        self.last_exit = None;
        self.begin_inlined(code, loaded, site);
        true
    }

    /// The result of a comparator must be a number other than NaN.
    pub(super) fn check_order(&mut self, src: u16) {
        match self.guess_reg(src, None) {
            Some(Ty::Int) => {}
            Some(Ty::Float) => {
                let value = self.want(src, Ty::Float);
                let is_number = self.add(Op::FCmp(Cond::Eq, value, value), Ty::Bool);
                self.guard(is_number, ExitReason::WrongType);
            }
            _ => self.step(),
        }
    }
}
