//! Handlers of jumps and of jumps that compare.

use super::arith::{Quick, Rhs, compare_floats, compare_ints};
use super::machine::{Machine, Step, Stop};
use crate::bytecode::operand::{Def, Near, Op, Target, Use};
use crate::bytecode::ops;
use crate::profile::site;
use crate::profile::site::types::{FLOAT, INT};
use crate::semantics::{self, BinOp};
use crate::value::Tag;

const INTS: u64 = INT << site::LHS | INT << site::RHS;
const FLOATS: u64 = FLOAT << site::LHS | FLOAT << site::RHS;

impl Machine {
    #[inline(always)]
    pub(super) fn jump(&mut self, op: ops::Jump) -> Step {
        self.jump_when(true, op.target)
    }

    #[inline(always)]
    fn jump_when(&mut self, condition: bool, target: Target) -> Step {
        if condition {
            self.go(target.0 as isize);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn jump_near(&mut self, condition: bool, target: Near) {
        if condition {
            self.go(target.0 as isize);
        }
    }

    #[inline(always)]
    pub(super) fn jump_if(&mut self, op: ops::JumpIf) -> Step {
        let truth = self.is_truthy(op.cond);
        self.jump_when(truth, op.target)
    }

    #[inline(always)]
    pub(super) fn jump_unless(&mut self, op: ops::JumpUnless) -> Step {
        let truth = self.is_truthy(op.cond);
        self.jump_when(!truth, op.target)
    }

    #[inline(always)]
    pub(super) fn jump_if_null(&mut self, op: ops::JumpIfNull) -> Step {
        self.jump_when(self.tag(op.src.idx()) == Tag::Null, op.target)
    }

    #[inline(always)]
    pub(super) fn jump_unless_null(&mut self, op: ops::JumpUnlessNull) -> Step {
        self.jump_when(self.tag(op.src.idx()) != Tag::Null, op.target)
    }

    #[inline(always)]
    pub(super) fn jump_if_assigned(&mut self, op: ops::JumpIfAssigned) -> Step {
        self.jump_when(self.tag(op.src.idx()) != Tag::Unassigned, op.target)
    }

    /// A comparing jump: numbers of types seen before, else out of line.
    #[inline(always)]
    fn compare(&mut self, op: BinOp, quick: Option<Op>, lhs: Use, rhs: Rhs, target: Near) -> Step {
        let (a, b) = (self.reg(lhs.idx()), self.operand(rhs));
        let sense = self.instr().word().sense();
        if a.tag() == Tag::Int && b.tag() == Tag::Int && self.site() & INTS == INTS {
            let truth = compare_ints(op, a.int_payload(), b.int_payload());
            self.jump_near(truth == sense, target);
            return Ok(());
        }
        if a.tag() == Tag::Float && b.tag() == Tag::Float && self.site() & FLOATS == FLOATS {
            let truth = compare_floats(op, a.float_payload(), b.float_payload());
            self.jump_near(truth == sense, target);
            return Ok(());
        }
        let quick = Quick { ints: quick, floats: None };
        let truth = self.compare_slow(op, quick, lhs, rhs)?;
        self.jump_near(truth == sense, target);
        Ok(())
    }

    #[inline(never)]
    fn compare_slow(mut self, op: BinOp, quick: Quick, lhs: Use, rhs: Rhs) -> Result<bool, Stop> {
        // No register is written, so none can be reused for the result.
        let nowhere = Def(u16::MAX);
        let result = self.binary_result(op, quick, nowhere, lhs, rhs)?;
        Ok(semantics::truthy(&result))
    }

    /// A quickened comparing jump on ints; `generic` is what it goes back to.
    #[inline(always)]
    fn compare_int(&mut self, generic: (BinOp, Op), lhs: Use, rhs: Rhs, target: Near) -> Step {
        let (a, b) = (self.reg(lhs.idx()), self.operand(rhs));
        let sense = self.instr().word().sense();
        if a.tag() == Tag::Int && b.tag() == Tag::Int {
            let truth = compare_ints(generic.0, a.int_payload(), b.int_payload());
            self.jump_near(truth == sense, target);
            return Ok(());
        }
        self.instr().quicken(generic.1);
        let truth = self.compare_slow(generic.0, Quick::NONE, lhs, rhs)?;
        self.jump_near(truth == sense, target);
        Ok(())
    }
}

macro_rules! compare_handlers {
    ($($method:ident($Op:ident) = $bin:ident, $rhs:ident, $quick:expr;)*) => {
        impl Machine {$(
            #[inline(always)]
            pub(super) fn $method(&mut self, op: ops::$Op) -> Step {
                self.compare(BinOp::$bin, $quick, op.lhs, Rhs::$rhs(op.rhs), op.target)
            }
        )*}
    };
}

compare_handlers! {
    jump_eq(JumpEq) = Eq, Register, None;
    jump_ne(JumpNe) = Ne, Register, None;
    jump_lt(JumpLt) = Lt, Register, Some(Op::JumpLtInt);
    jump_gt(JumpGt) = Gt, Register, None;
    jump_le(JumpLe) = Le, Register, Some(Op::JumpLeInt);
    jump_ge(JumpGe) = Ge, Register, None;
    jump_eq_const(JumpEqConst) = Eq, Const, Some(Op::JumpEqIntConst);
    jump_ne_const(JumpNeConst) = Ne, Const, None;
    jump_lt_const(JumpLtConst) = Lt, Const, Some(Op::JumpLtIntConst);
    jump_gt_const(JumpGtConst) = Gt, Const, None;
    jump_le_const(JumpLeConst) = Le, Const, None;
    jump_ge_const(JumpGeConst) = Ge, Const, None;
}

macro_rules! quick_handlers {
    ($($method:ident($Op:ident) = $bin:ident, $Generic:ident, $rhs:ident;)*) => {
        impl Machine {$(
            #[inline(always)]
            pub(super) fn $method(&mut self, op: ops::$Op) -> Step {
                let generic = (BinOp::$bin, Op::$Generic);
                self.compare_int(generic, op.lhs, Rhs::$rhs(op.rhs), op.target)
            }
        )*}
    };
}

quick_handlers! {
    jump_lt_int(JumpLtInt) = Lt, JumpLt, Register;
    jump_le_int(JumpLeInt) = Le, JumpLe, Register;
    jump_lt_int_const(JumpLtIntConst) = Lt, JumpLtConst, Const;
    jump_eq_int_const(JumpEqIntConst) = Eq, JumpEqConst, Const;
}
