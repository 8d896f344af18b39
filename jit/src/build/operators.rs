//! Operators on structs: the method that overloads the operator is built in.

use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::semantics::BinOp;

use super::builder::Builder;
use super::feedback::Site;
use super::inline;
use super::insn::{Arith, Operand};
use super::state::Reg;
use crate::bodies::{BodySpec, Work};
use crate::exit_reason::ExitReason;
use crate::ir::{Op, Ty};

impl Builder<'_> {
    /// Builds in the method that `lhs op rhs` calls, if the left operand always had one shape.
    ///
    /// The call needs a window: it lies behind all registers in sight.
    pub(super) fn operator_call(
        &mut self,
        op: Arith,
        dst: u16,
        lhs: Operand,
        rhs: Operand,
    ) -> bool {
        let bits = Site::of(self.proto, self.pc).0;
        let shape = bits >> site::OPERAND_SHAPE;
        let is_clear = site::types_at(bits, site::LHS) == types::STRUCT
            && shape != 0
            && shape != site::MANY_OPERANDS;
        let Operand::Reg(left) = lhs else { return false };
        if !is_clear || !self.may_be_struct(left.reg) {
            return false;
        }
        let shape = shape as u32;
        let op = BinOp::ALL[op as usize];
        let Some(name) = (self.request.operators)(op) else { return false };
        let mut methods = (self.request.methods)(&name);
        methods.retain(|&(found, _)| found == shape);
        let [(_, callback)] = methods[..] else { return false };
        let spec = BodySpec {
            caller: self.loaded as *const _,
            pc: self.pc,
            work: Work::Operator(op, shape),
            kind: ElemKind::Empty,
            callback,
            name: name.payload(),
            results: site::types_at(bits, site::RESULT),
        };
        let Some(code) = (self.request.bodies)(&spec) else { return false };
        let window = self.n_regs();
        let plain = inline::Site::plain(dst, window, 2);
        let site = inline::Site { is_body: true, is_behind: true, ..plain };
        let Some(loaded) = self.inlinable(code, site) else { return false };
        self.struct_of(left.reg, shape);
        self.materialise_all();
        let exit = self.exit(ExitReason::CallDepth);
        self.add(Op::EnterBody(exit), Ty::None);
        self.last_exit = None;
        self.state.regs.resize(usize::from(window) + 2, Reg::EMPTY);
        let same = matches!(rhs, Operand::Reg(right) if right.reg == left.reg);
        if same {
            self.mov(window, left.reg.into());
            self.mov(window + 1, left);
        } else {
            self.mov(window, left);
            match rhs {
                Operand::Reg(right) => self.mov(window + 1, right),
                Operand::Const(index) => self.load_const(window + 1, index),
            }
        }
        self.materialise_all();
        self.begin_inlined(code, loaded, site);
        true
    }
}
