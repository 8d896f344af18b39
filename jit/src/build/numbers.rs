//! Natives on numbers and characters as nodes.

use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::mutant;

use super::builder::Builder;
use super::intrinsics::Intrinsic;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, FloatFn, IntOp, NodeId, Op, Ty};

/// Floats from here on are no ints.
const INT_LIMIT: f64 = 9_223_372_036_854_775_808.0;

impl Builder<'_> {
    /// The call of a native on typed registers; false if it has no typed form.
    pub(super) fn number_native(&mut self, intrinsic: Intrinsic, dst: u16, args: &[Use]) -> bool {
        let types: Vec<Option<Ty>> = args.iter().map(|r| self.state.get(r.reg).ty()).collect();
        let Some(types) = types.into_iter().collect::<Option<Vec<Ty>>>() else { return false };
        if !is_known(intrinsic, &types) {
            return false;
        }
        let nodes: Vec<NodeId> =
            args.iter().zip(&types).map(|(r, &ty)| self.want(r.reg, ty)).collect();
        let Some(result) = self.number_node(intrinsic, &nodes) else { return false };
        args.iter().for_each(|&operand| self.done_with(operand));
        self.define(dst, result, self.func.ty(result));
        true
    }

    fn number_node(&mut self, intrinsic: Intrinsic, args: &[NodeId]) -> Option<NodeId> {
        let a = *args.first()?;
        let is_float = self.func.ty(a) == Ty::Float;
        Some(match intrinsic {
            Intrinsic::Abs if is_float => self.add(Op::FloatFn(FloatFn::Abs, a), Ty::Float),
            Intrinsic::Abs => {
                let zero = self.int(0);
                let exit = self.exit(ExitReason::IntOverflow);
                let negated = self.add(Op::Checked(IntOp::Sub, zero, a, exit), Ty::Int);
                let is_negative = self.add(Op::ICmp(Cond::Lt, a, zero), Ty::Bool);
                self.add(Op::Select(is_negative, negated, a), Ty::Int)
            }
            Intrinsic::Floor if is_float => self.add(Op::FloatFn(FloatFn::Floor, a), Ty::Float),
            Intrinsic::Ceil if is_float => self.add(Op::FloatFn(FloatFn::Ceil, a), Ty::Float),
            Intrinsic::Floor | Intrinsic::Ceil => a,
            Intrinsic::ToInt if is_float => self.float_to_int(a),
            Intrinsic::ToInt => a,
            Intrinsic::Min | Intrinsic::Max => {
                let cond = if intrinsic == Intrinsic::Min { Cond::Lt } else { Cond::Gt };
                self.extreme(cond, a, *args.get(1)?)
            }
            Intrinsic::BitNot => {
                let ones = self.int(-1);
                self.add(Op::Int(IntOp::Xor, a, ones), Ty::Int)
            }
            Intrinsic::Bits(op) => self.add(Op::Int(op, a, *args.get(1)?), Ty::Int),
            Intrinsic::Shift(op) => {
                let by = *args.get(1)?;
                let limit = self.int(if mutant!("shift-unmasked") { 128 } else { 64 });
                let is_fine = self.add(Op::Below(by, limit), Ty::Bool);
                self.guard(is_fine, ExitReason::Declined);
                self.add(Op::Int(op, a, by), Ty::Int)
            }
            Intrinsic::Ord => self.add(Op::Code(a), Ty::Int),
            Intrinsic::Chr => {
                let limit = self.int(128);
                let is_ascii = self.add(Op::Below(a, limit), Ty::Bool);
                self.guard(is_ascii, ExitReason::Declined);
                self.add(Op::FromBits(a), Ty::Char)
            }
            Intrinsic::Len => self.int(1),
            Intrinsic::Push
            | Intrinsic::Pop
            | Intrinsic::Sqrt
            | Intrinsic::ToFloat
            | Intrinsic::HasKey
            | Intrinsic::GetDefault => return None,
        })
    }

    fn float_to_int(&mut self, value: NodeId) -> NodeId {
        let high = self.constant(INT_LIMIT.to_bits(), Ty::Float);
        let is_below = self.add(Op::FCmp(Cond::Lt, value, high), Ty::Bool);
        if !mutant!("float-to-int-limit") {
            self.guard(is_below, ExitReason::Declined);
        }
        let low = self.constant((-INT_LIMIT).to_bits(), Ty::Float);
        let is_above = self.add(Op::FCmp(Cond::Ge, value, low), Ty::Bool);
        self.guard(is_above, ExitReason::Declined);
        self.add(Op::ToInt(value), Ty::Int)
    }

    /// The second operand where it is beyond the first, else the first.
    fn extreme(&mut self, cond: Cond, a: NodeId, b: NodeId) -> NodeId {
        let ty = self.func.ty(a);
        if ty == Ty::Int {
            let is_beyond = self.add(Op::ICmp(cond, b, a), Ty::Bool);
            return self.add(Op::Select(is_beyond, b, a), ty);
        }
        for node in [a, b] {
            let is_number = self.add(Op::FCmp(Cond::Eq, node, node), Ty::Bool);
            if !mutant!("nan-extreme") {
                self.guard(is_number, ExitReason::Declined);
            }
        }
        let is_beyond = self.add(Op::FCmp(cond, b, a), Ty::Bool);
        self.add(Op::Select(is_beyond, b, a), ty)
    }
}

/// Whether a native has a node for arguments of these types.
fn is_known(intrinsic: Intrinsic, types: &[Ty]) -> bool {
    match intrinsic {
        Intrinsic::Abs | Intrinsic::Floor | Intrinsic::Ceil | Intrinsic::ToInt => {
            matches!(types, [Ty::Int | Ty::Float])
        }
        Intrinsic::Min | Intrinsic::Max => {
            matches!(types, [Ty::Int, Ty::Int] | [Ty::Float, Ty::Float])
        }
        Intrinsic::BitNot | Intrinsic::Chr => matches!(types, [Ty::Int]),
        Intrinsic::Bits(_) | Intrinsic::Shift(_) => matches!(types, [Ty::Int, Ty::Int]),
        Intrinsic::Ord | Intrinsic::Len => matches!(types, [Ty::Char]),
        Intrinsic::Push
        | Intrinsic::Pop
        | Intrinsic::Sqrt
        | Intrinsic::ToFloat
        | Intrinsic::HasKey
        | Intrinsic::GetDefault => false,
    }
}
