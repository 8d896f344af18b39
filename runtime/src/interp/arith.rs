//! Handlers of arithmetic, comparison and negation.
//!
//! The generic forms note operand types in the feedback slot and become quickened forms while
//! these are stable; a quickened form that meets other types goes back and never again forward.

use super::Vm;
use super::machine::{Machine, Step, Stop};
use crate::bytecode::operand::{Const, Def, Op, Use};
use crate::bytecode::ops;
use crate::error::{Error, Result};
use crate::profile::site;
use crate::profile::site::types::{FLOAT, INT};
use crate::semantics::{self, BinOp, UnOp, arith};
use crate::value::{Tag, Value, View};

/// Feedback of two ints.
const INTS: u64 = INT << site::LHS | INT << site::RHS;
/// Feedback of two floats.
const FLOATS: u64 = FLOAT << site::LHS | FLOAT << site::RHS;

/// The right operand of a binary instruction.
#[derive(Clone, Copy)]
pub(super) enum Rhs {
    Register(Use),
    Const(Const),
}

impl Machine {
    #[inline(always)]
    pub(super) fn operand(&self, rhs: Rhs) -> &Value {
        match rhs {
            Rhs::Register(reg) => self.reg(reg.idx()),
            Rhs::Const(index) => self.konst(index.idx()),
        }
    }

    /// A generic form: numbers of types seen before, else out of line.
    #[inline(always)]
    fn binary(&mut self, op: BinOp, quick: Quick, dst: Def, lhs: Use, rhs: Rhs) -> Step {
        let (a, b) = (self.reg(lhs.idx()), self.operand(rhs));
        if a.tag() == Tag::Float && b.tag() == Tag::Float && self.site() & FLOATS == FLOATS {
            if let Some(result) = float_result(op, a.float_payload(), b.float_payload()) {
                self.set(dst.idx(), result);
                return Ok(());
            }
        } else if a.tag() == Tag::Int
            && b.tag() == Tag::Int
            && self.site() & INTS == INTS
            && let Some(result) = int_result(op, a.int_payload(), b.int_payload())
        {
            self.set(dst.idx(), result);
            return Ok(());
        }
        self.binary_slow(op, quick, dst, lhs, rhs)
    }

    /// A binary instruction out of line.
    #[inline(never)]
    pub(super) fn binary_slow(
        mut self,
        op: BinOp,
        quick: Quick,
        dst: Def,
        lhs: Use,
        rhs: Rhs,
    ) -> Step {
        let (a, b) = (self.reg(lhs.idx()), self.operand(rhs));
        let types = operand_types(a, b);
        if self.site() & types == types
            && let Some(result) = mixed_result(op, a, b)
        {
            self.set(dst.idx(), result);
            return Ok(());
        }
        let result = self.binary_result(op, quick, dst, lhs, rhs)?;
        self.set(dst.idx(), result);
        Ok(())
    }

    /// The result of a binary instruction by the language's rules; notes types and quickens.
    #[inline(always)]
    pub(super) fn binary_result(
        &mut self,
        op: BinOp,
        quick: Quick,
        dst: Def,
        lhs: Use,
        rhs: Rhs,
    ) -> Result<Value, Stop> {
        let (a, b) = (self.at(lhs.idx()), self.operand(rhs) as *const Value);
        let site = self.site();
        // SAFETY: both are live registers or constants.
        let seen = site | unsafe { operand_types(&*a, &*b) };
        self.set_site(seen);
        if site == 0
            && let Some(form) = quick.form(seen)
        {
            self.instr().quicken(form);
        }
        // SAFETY: as above.
        if let View::Struct(instance) = unsafe { &*a }.view() {
            self.note_operand(instance.shape().id());
            // SAFETY: as above.
            self.vm().remember_operator(op, unsafe { &*a });
        }
        let owns = lhs.is_last || lhs.idx() == dst.idx();
        let result = self.vm().binary_value(op, a, b, owns);
        let result = match result {
            Ok(value) => value,
            Err(error) => {
                if *error.kind == *"ArithmeticError" {
                    self.note(site::OVERFLOW);
                }
                return Err(self.raise(error));
            }
        };
        self.note(site::type_bit(result.tag()) << site::RESULT);
        self.done_with(lhs);
        if let Rhs::Register(reg) = rhs {
            self.done_with(reg);
        }
        Ok(result)
    }

    /// Notes the shape of the struct on the left of an operator.
    fn note_operand(&self, shape: u32) {
        let site = self.site();
        let known = site >> site::OPERAND_SHAPE;
        let new = u64::from(shape).min(site::MANY_OPERANDS);
        if known == 0 {
            self.set_site(site | new << site::OPERAND_SHAPE);
        } else if known != new {
            self.set_site(site | site::MANY_OPERANDS << site::OPERAND_SHAPE);
        }
    }

    /// A quickened form on ints; `generic` is what it goes back to.
    #[inline(always)]
    fn on_ints(
        &mut self,
        generic: (BinOp, Op),
        f: impl Fn(i64, i64) -> Option<i64>,
        dst: Def,
        lhs: Use,
        rhs: Rhs,
    ) -> Step {
        let (a, b) = (self.reg(lhs.idx()), self.operand(rhs));
        if a.tag() == Tag::Int
            && b.tag() == Tag::Int
            && let Some(result) = f(a.int_payload(), b.int_payload())
        {
            self.set(dst.idx(), Value::int(result));
            return Ok(());
        }
        self.instr().quicken(generic.1);
        self.binary_slow(generic.0, Quick::NONE, dst, lhs, rhs)
    }

    /// A quickened form on floats.
    #[inline(always)]
    fn on_floats(
        &mut self,
        generic: (BinOp, Op),
        f: impl Fn(f64, f64) -> f64,
        dst: Def,
        lhs: Use,
        rhs: Rhs,
    ) -> Step {
        let (a, b) = (self.reg(lhs.idx()), self.operand(rhs));
        if a.tag() == Tag::Float && b.tag() == Tag::Float {
            let result = f(a.float_payload(), b.float_payload());
            self.set(dst.idx(), Value::float(result));
            return Ok(());
        }
        self.instr().quicken(generic.1);
        self.binary_slow(generic.0, Quick::NONE, dst, lhs, rhs)
    }

    #[inline(always)]
    pub(super) fn neg(&mut self, op: ops::Neg) -> Step {
        let v = self.reg(op.src.idx());
        let known = self.site() & site::type_bit(v.tag()) != 0;
        let result = match (v.as_int(), v.as_float()) {
            (Some(v), _) if known => v.checked_neg().map(Value::int),
            (_, Some(v)) if known => Some(Value::float(-v)),
            _ => None,
        };
        match result {
            Some(result) => {
                self.set(op.dst.idx(), result);
                Ok(())
            }
            None => self.unary_slow(UnOp::Neg, op.dst, op.src),
        }
    }

    #[inline(always)]
    pub(super) fn not(&mut self, op: ops::Not) -> Step {
        match self.reg(op.src.idx()).as_bool() {
            Some(v) if self.site() & site::types::BOOL != 0 => {
                self.set(op.dst.idx(), Value::bool(!v));
                Ok(())
            }
            _ => self.unary_slow(UnOp::Not, op.dst, op.src),
        }
    }

    #[inline(never)]
    fn unary_slow(mut self, op: UnOp, dst: Def, src: Use) -> Step {
        let operand = self.reg(src.idx()).clone();
        self.note(site::type_bit(operand.tag()) << site::LHS);
        let result = self.vm().unary_value(op, &operand);
        let result = self.checked(result)?;
        self.note(site::type_bit(result.tag()) << site::RESULT);
        self.done_with(src);
        self.set(dst.idx(), result);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn truth(&mut self, op: ops::Truth) -> Step {
        let truth = self.is_truthy(op.src);
        self.set(op.dst.idx(), Value::bool(truth));
        Ok(())
    }

    /// Whether the operand is truthy; releases it at its last use.
    #[inline(always)]
    pub(super) fn is_truthy(&mut self, operand: Use) -> bool {
        let value = self.reg(operand.idx());
        match value.tag() {
            Tag::Bool | Tag::Int => value.payload() != 0,
            Tag::Null => false,
            _ => {
                let truth = truthy_slow(value);
                self.done_with(operand);
                truth
            }
        }
    }
}

#[inline(never)]
fn truthy_slow(value: &Value) -> bool {
    semantics::truthy(value)
}

impl Vm {
    /// Looks an operator's method up, so that the JIT finds it under [`Vm::operator_name`].
    fn remember_operator(&mut self, op: BinOp, receiver: &Value) {
        let known = self.operator_names[op as usize].clone();
        let name = if known.tag() == Tag::Null {
            let name = self.constant(&crate::bytecode::Const::Str(op.method().into()));
            self.operator_names[op as usize] = name.clone();
            name
        } else {
            known
        };
        // Without such a method the operation itself raises.
        drop(self.select(receiver, &name));
    }

    /// The name of an operator's method, if the operator has been used on structs.
    pub fn operator_name(&self, op: BinOp) -> Option<&Value> {
        Some(&self.operator_names[op as usize]).filter(|name| name.tag() == Tag::Str)
    }

    /// `*a op *b`; with `owns`, `*a` may be consumed (and holds null then).
    pub(super) fn binary_value(
        &mut self,
        op: BinOp,
        a: *mut Value,
        b: *const Value,
        owns: bool,
    ) -> Result<Value> {
        // SAFETY: registers and constants of the frame on top, which user code that runs
        // meanwhile cannot reach; `a` is only taken when it is not `b`.
        unsafe {
            let appends = owns && op == BinOp::Add && !std::ptr::eq(a, b);
            if appends && matches!((*a).tag(), Tag::Str | Tag::Array) && (*a).is_unique() {
                arith::add_in_place(self, &mut *a, &*b)?;
                return Ok((*a).take());
            }
            arith::binary(self, op, &*a, &*b)
        }
    }

    fn unary_value(&mut self, op: UnOp, v: &Value) -> Result<Value, Error> {
        arith::unary(self, op, v)
    }
}

/// The feedback bits of two operands.
#[inline(always)]
pub(super) fn operand_types(a: &Value, b: &Value) -> u64 {
    site::type_bit(a.tag()) << site::LHS | site::type_bit(b.tag()) << site::RHS
}

/// The result on ints, if there is no error.
#[inline(always)]
fn int_result(op: BinOp, a: i64, b: i64) -> Option<Value> {
    match op {
        BinOp::Add => a.checked_add(b).map(Value::int),
        BinOp::Sub => a.checked_sub(b).map(Value::int),
        BinOp::Mul => a.checked_mul(b).map(Value::int),
        BinOp::Div => a.checked_div(b).map(Value::int),
        BinOp::Mod if b == -1 => Some(Value::int(0)),
        BinOp::Mod => a.checked_rem(b).map(Value::int),
        BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge => {
            Some(Value::bool(compare_ints(op, a, b)))
        }
    }
}

/// The result on floats, if there is no error.
#[inline(always)]
fn float_result(op: BinOp, a: f64, b: f64) -> Option<Value> {
    match op {
        BinOp::Add => Some(Value::float(a + b)),
        BinOp::Sub => Some(Value::float(a - b)),
        BinOp::Mul => Some(Value::float(a * b)),
        BinOp::Div => (b != 0.0).then(|| Value::float(a / b)),
        BinOp::Mod => (b != 0.0).then(|| Value::float(a % b)),
        BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Gt | BinOp::Le | BinOp::Ge => {
            Some(Value::bool(compare_floats(op, a, b)))
        }
    }
}

/// The result on an int and a float, if there is no error and nothing to compare.
#[inline(always)]
fn mixed_result(op: BinOp, a: &Value, b: &Value) -> Option<Value> {
    let (a, b) = match (a.tag(), b.tag()) {
        (Tag::Int, Tag::Float) => (a.int_payload() as f64, b.float_payload()),
        (Tag::Float, Tag::Int) => (a.float_payload(), b.int_payload() as f64),
        _ => return None,
    };
    let is_arithmetic =
        matches!(op, BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Mod);
    if is_arithmetic { float_result(op, a, b) } else { None }
}

/// A comparison of ints; false for operators that do not compare.
#[inline(always)]
pub(super) fn compare_ints(op: BinOp, a: i64, b: i64) -> bool {
    match op {
        BinOp::Eq => a == b,
        BinOp::Ne => a != b,
        BinOp::Lt => a < b,
        BinOp::Gt => a > b,
        BinOp::Le => a <= b,
        BinOp::Ge => a >= b,
        BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Mod => false,
    }
}

/// A comparison of floats; false for operators that do not compare.
#[inline(always)]
pub(super) fn compare_floats(op: BinOp, a: f64, b: f64) -> bool {
    match op {
        BinOp::Eq => a == b,
        BinOp::Ne => a != b,
        BinOp::Lt => a < b,
        BinOp::Gt => a > b,
        BinOp::Le => a <= b,
        BinOp::Ge => a >= b,
        BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::Div | BinOp::Mod => false,
    }
}

/// The quickened forms of a generic opcode.
#[derive(Clone, Copy)]
pub(super) struct Quick {
    pub(super) ints: Option<Op>,
    pub(super) floats: Option<Op>,
}

impl Quick {
    pub(super) const NONE: Quick = Quick { ints: None, floats: None };

    pub(super) const fn both(ints: Op, floats: Op) -> Quick {
        Quick { ints: Some(ints), floats: Some(floats) }
    }

    pub(super) const fn ints(ints: Op) -> Quick {
        Quick { ints: Some(ints), floats: None }
    }

    /// The form for exactly these types.
    #[inline(always)]
    pub(super) fn form(self, seen: u64) -> Option<Op> {
        match seen {
            INTS => self.ints,
            FLOATS => self.floats,
            _ => None,
        }
    }
}

macro_rules! binary_handlers {
    ($($method:ident($Op:ident) = $bin:ident, $rhs:ident, $quick:expr;)*) => {
        impl Machine {$(
            #[inline(always)]
            pub(super) fn $method(&mut self, op: ops::$Op) -> Step {
                self.binary(BinOp::$bin, $quick, op.dst, op.lhs, Rhs::$rhs(op.rhs))
            }
        )*}
    };
}

binary_handlers! {
    add(Add) = Add, Register, Quick::both(Op::AddInt, Op::AddFloat);
    sub(Sub) = Sub, Register, Quick::both(Op::SubInt, Op::SubFloat);
    mul(Mul) = Mul, Register, Quick::both(Op::MulInt, Op::MulFloat);
    div(Div) = Div, Register, Quick::NONE;
    rem(Rem) = Mod, Register, Quick::NONE;
    add_const(AddConst) = Add, Const, Quick::ints(Op::AddIntConst);
    sub_const(SubConst) = Sub, Const, Quick::ints(Op::SubIntConst);
    mul_const(MulConst) = Mul, Const, Quick::ints(Op::MulIntConst);
    div_const(DivConst) = Div, Const, Quick::NONE;
    eq(Eq) = Eq, Register, Quick::NONE;
    ne(Ne) = Ne, Register, Quick::NONE;
    lt(Lt) = Lt, Register, Quick::NONE;
    gt(Gt) = Gt, Register, Quick::NONE;
    le(Le) = Le, Register, Quick::NONE;
    ge(Ge) = Ge, Register, Quick::NONE;
}

#[inline(always)]
fn positive_rem(a: i64, b: i64) -> Option<i64> {
    (b > 0).then(|| a.wrapping_rem(b))
}

macro_rules! quick_handlers {
    ($($method:ident($Op:ident) = $on:ident, $bin:ident, $Generic:ident, $rhs:ident, $f:expr;)*) => {
        impl Machine {$(
            #[inline(always)]
            pub(super) fn $method(&mut self, op: ops::$Op) -> Step {
                let generic = (BinOp::$bin, Op::$Generic);
                self.$on(generic, $f, op.dst, op.lhs, Rhs::$rhs(op.rhs))
            }
        )*}
    };
}

quick_handlers! {
    add_int(AddInt) = on_ints, Add, Add, Register, i64::checked_add;
    sub_int(SubInt) = on_ints, Sub, Sub, Register, i64::checked_sub;
    mul_int(MulInt) = on_ints, Mul, Mul, Register, i64::checked_mul;
    add_float(AddFloat) = on_floats, Add, Add, Register, |a, b| a + b;
    sub_float(SubFloat) = on_floats, Sub, Sub, Register, |a, b| a - b;
    mul_float(MulFloat) = on_floats, Mul, Mul, Register, |a, b| a * b;
    add_int_const(AddIntConst) = on_ints, Add, AddConst, Const, i64::checked_add;
    sub_int_const(SubIntConst) = on_ints, Sub, SubConst, Const, i64::checked_sub;
    mul_int_const(MulIntConst) = on_ints, Mul, MulConst, Const, i64::checked_mul;
    rem_int_const(RemIntConst) = on_ints, Mod, RemConst, Const, positive_rem;
}

impl Machine {
    #[inline(always)]
    pub(super) fn rem_const(&mut self, op: ops::RemConst) -> Step {
        let is_positive = self.konst(op.rhs.idx()).as_int().is_some_and(|v| v > 0);
        let quick = if is_positive { Quick::ints(Op::RemIntConst) } else { Quick::NONE };
        self.binary(BinOp::Mod, quick, op.dst, op.lhs, Rhs::Const(op.rhs))
    }
}
