//! Mathematics on ints: exact division, powers, bits, wrapping arithmetic.

use super::Cx;
use crate::error::{Error, Kind, Result};
use crate::semantics::BinOp;
use crate::semantics::arith::{int_overflow, zero_divisor};

natives! {
    module "math";

    /// Exact power.
    ///
    ///     print(int_pow(2, 62))   # expect: 4611686018427387904
    fn int_pow(base: i64, exponent: i64) -> "int" [Pure; cx];

    /// Quotient truncated toward zero.
    ///
    ///     print(int_div(-7, 2))   # expect: -3
    fn int_div(a: i64, b: i64) -> "int" [Pure];

    /// Quotient rounded toward negative infinity.
    ///
    ///     print(div_floor(-7, 2))   # expect: -4
    fn div_floor(a: i64, b: i64) -> "int" [Pure; cx];

    /// a - b * div_floor(a, b); has the sign of b.
    ///
    ///     print(mod_floor(-7, 3))   # expect: 2
    fn mod_floor(a: i64, b: i64) -> "int" [Pure];

    /// Greatest common divisor.
    ///
    ///     print(gcd(12, 18))   # expect: 6
    fn gcd(a: i64, b: i64) -> "int" [Pure; cx];

    /// Least common multiple.
    ///
    ///     print(lcm(4, 6))   # expect: 12
    fn lcm(a: i64, b: i64) -> "int" [Pure; cx];

    /// Bitwise and.
    ///
    ///     print(bit_and(6, 3))   # expect: 2
    fn bit_and(a: i64, b: i64) -> "int" [Pure];

    /// Bitwise or.
    ///
    ///     print(bit_or(6, 3))   # expect: 7
    fn bit_or(a: i64, b: i64) -> "int" [Pure];

    /// Bitwise exclusive or.
    ///
    ///     print(bit_xor(6, 3))   # expect: 5
    fn bit_xor(a: i64, b: i64) -> "int" [Pure];

    /// Complement.
    ///
    ///     print(bit_not(0))   # expect: -1
    fn bit_not(a: i64) -> "int" [Pure];

    /// Left shift; bits leaving at the top are lost.
    ///
    ///     print(bit_shl(1, 10))   # expect: 1024
    fn bit_shl(a: i64, n: i64) -> "int" [Pure; cx];

    /// Arithmetic right shift.
    ///
    ///     print(bit_shr(-8, 1))   # expect: -4
    fn bit_shr(a: i64, n: i64) -> "int" [Pure; cx];

    /// Logical right shift.
    ///
    ///     print(bit_ushr(-8, 1))   # expect: 9223372036854775804
    fn bit_ushr(a: i64, n: i64) -> "int" [Pure; cx];

    /// Sum modulo 2^64.
    ///
    ///     print(wrapping_add(INT_MAX, 1) == INT_MIN)   # expect: true
    fn wrapping_add(a: i64, b: i64) -> "int" [Pure];

    /// Difference modulo 2^64.
    ///
    ///     print(wrapping_sub(INT_MIN, 1) == INT_MAX)   # expect: true
    fn wrapping_sub(a: i64, b: i64) -> "int" [Pure];

    /// Product modulo 2^64.
    ///
    ///     print(wrapping_mul(4611686018427387904, 4))   # expect: 0
    fn wrapping_mul(a: i64, b: i64) -> "int" [Pure];
}

/// `Integer overflow: NAME(A, B)`.
#[cold]
fn overflow(cx: &Cx<'_>, a: i64, b: i64) -> Error {
    Error::new(Kind::ArithmeticError, format!("Integer overflow: {}({a}, {b})", cx.name))
}

fn int_pow(cx: &mut Cx<'_>, base: i64, exponent: i64) -> Result<i64> {
    if exponent < 0 {
        return Err(cx.bad_value("exponent", ">= 0", exponent));
    }
    let result = match (base, u32::try_from(exponent)) {
        (_, Ok(n)) => base.checked_pow(n),
        (0 | 1, Err(_)) => Some(base),
        (-1, Err(_)) => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        (_, Err(_)) => None,
    };
    result.ok_or_else(|| overflow(cx, base, exponent))
}

fn int_div(a: i64, b: i64) -> Result<i64> {
    if b == 0 {
        return Err(zero_divisor(BinOp::Div));
    }
    a.checked_div(b).ok_or_else(|| int_overflow(BinOp::Div, a, b))
}

fn div_floor(cx: &mut Cx<'_>, a: i64, b: i64) -> Result<i64> {
    if b == 0 {
        return Err(zero_divisor(BinOp::Div));
    }
    let quotient = a.checked_div(b).ok_or_else(|| overflow(cx, a, b))?;
    let is_inexact = a.wrapping_rem(b) != 0;
    Ok(quotient - i64::from(is_inexact && (a < 0) != (b < 0)))
}

fn mod_floor(a: i64, b: i64) -> Result<i64> {
    if b == 0 {
        return Err(zero_divisor(BinOp::Mod));
    }
    let rest = a.wrapping_rem(b);
    Ok(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
}

fn gcd_of(a: i64, b: i64) -> u64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn gcd(cx: &mut Cx<'_>, a: i64, b: i64) -> Result<i64> {
    i64::try_from(gcd_of(a, b)).map_err(|_| overflow(cx, a, b))
}

fn lcm(cx: &mut Cx<'_>, a: i64, b: i64) -> Result<i64> {
    if a == 0 || b == 0 {
        return Ok(0);
    }
    let multiple = (a.unsigned_abs() / gcd_of(a, b)).checked_mul(b.unsigned_abs());
    multiple.and_then(|m| i64::try_from(m).ok()).ok_or_else(|| overflow(cx, a, b))
}

fn bit_and(a: i64, b: i64) -> Result<i64> {
    Ok(a & b)
}

fn bit_or(a: i64, b: i64) -> Result<i64> {
    Ok(a | b)
}

fn bit_xor(a: i64, b: i64) -> Result<i64> {
    Ok(a ^ b)
}

fn bit_not(a: i64) -> Result<i64> {
    Ok(!a)
}

fn shift(cx: &Cx<'_>, n: i64) -> Result<u32> {
    if (0..64).contains(&n) { Ok(n as u32) } else { Err(cx.bad_value("n", "0 to 63", n)) }
}

fn bit_shl(cx: &mut Cx<'_>, a: i64, n: i64) -> Result<i64> {
    Ok(a << shift(cx, n)?)
}

fn bit_shr(cx: &mut Cx<'_>, a: i64, n: i64) -> Result<i64> {
    Ok(a >> shift(cx, n)?)
}

fn bit_ushr(cx: &mut Cx<'_>, a: i64, n: i64) -> Result<i64> {
    Ok(((a as u64) >> shift(cx, n)?) as i64)
}

fn wrapping_add(a: i64, b: i64) -> Result<i64> {
    Ok(a.wrapping_add(b))
}

fn wrapping_sub(a: i64, b: i64) -> Result<i64> {
    Ok(a.wrapping_sub(b))
}

fn wrapping_mul(a: i64, b: i64) -> Result<i64> {
    Ok(a.wrapping_mul(b))
}
