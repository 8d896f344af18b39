//! Floating-point mathematics, smallest and largest values.

use std::cmp::Ordering;
use std::f64::consts::{E, PI};

use super::Cx;
use super::args::{FromArg, Iterable, Number, NumberValue, Rest};
use super::higher_order::is_beyond;
use super::items::Items;
use crate::error::{Error, Kind, Result};
use crate::value::Value;

natives! {
    module "math";

    /// Absolute value, in the type of x.
    ///
    ///     print(abs(-5), abs(-2.5))   # expect: 5 2.5
    fn abs(x: Number) -> "int|float" [Pure];

    /// Square root.
    ///
    ///     print(sqrt(16))   # expect: 4
    fn sqrt(x: f64) -> "float" [Pure; cx];

    /// Power as a float.
    ///
    ///     print(pow(2, 10))   # expect: 1024
    fn pow(base: f64, exponent: f64) -> "float" [Pure; cx];

    /// Largest whole number <= x, in the type of x.
    ///
    ///     print(floor(2.7), floor(-2.5))   # expect: 2 -3
    fn floor(x: Number) -> "int|float" [Pure];

    /// Smallest whole number >= x, in the type of x.
    ///
    ///     print(ceil(2.1))   # expect: 3
    fn ceil(x: Number) -> "int|float" [Pure];

    /// Nearest whole number, halves away from zero; with digits, that many decimals.
    ///
    ///     print(round(-2.5), round(3.14159, 2))   # expect: -3 3.14
    fn round(x: Number, digits: Option<i64>) -> "int|float" [Pure; cx];

    /// The fraction dropped, in the type of x.
    ///
    ///     print(trunc(-2.7))   # expect: -2
    fn trunc(x: Number) -> "int|float" [Pure];

    /// The smallest argument, or the smallest item of the only argument.
    ///
    ///     print(min(3, 1.5, 2), min([4, 2]))   # expect: 1.5 2
    fn min(first: Value, more: Rest<'_>) -> "any" [PureCallback; cx];

    /// The largest argument, or the largest item of the only argument.
    ///
    ///     print(max([4, 9, 2]), max("a", "b"))   # expect: 9 b
    fn max(first: Value, more: Rest<'_>) -> "any" [PureCallback; cx];

    /// x limited to low..high.
    ///
    ///     print(clamp(15, 0, 10))   # expect: 10
    fn clamp(x: NumberValue<'_>, low: NumberValue<'_>, high: NumberValue<'_>) -> "int|float" [Pure; cx];

    /// -1, 0 or 1.
    ///
    ///     print(sign(-2.5))   # expect: -1
    fn sign(x: Number) -> "int" [Pure; cx];

    /// Sine of radians.
    ///
    ///     print(sin(0))   # expect: 0
    fn sin(x: f64) -> "float" [Pure; cx];

    /// Cosine of radians.
    ///
    ///     print(cos(0))   # expect: 1
    fn cos(x: f64) -> "float" [Pure; cx];

    /// Tangent of radians.
    ///
    ///     print(tan(0))   # expect: 0
    fn tan(x: f64) -> "float" [Pure; cx];

    /// Arc sine.
    ///
    ///     print(asin(0))   # expect: 0
    fn asin(x: f64) -> "float" [Pure; cx];

    /// Arc cosine.
    ///
    ///     print(acos(1))   # expect: 0
    fn acos(x: f64) -> "float" [Pure; cx];

    /// Arc tangent.
    ///
    ///     print(atan(0))   # expect: 0
    fn atan(x: f64) -> "float" [Pure];

    /// Angle of the point (x, y).
    ///
    ///     print(atan2(0, 1))   # expect: 0
    fn atan2(y: f64, x: f64) -> "float" [Pure];

    /// Hyperbolic sine.
    ///
    ///     print(sinh(0))   # expect: 0
    fn sinh(x: f64) -> "float" [Pure];

    /// Hyperbolic cosine.
    ///
    ///     print(cosh(0))   # expect: 1
    fn cosh(x: f64) -> "float" [Pure];

    /// Hyperbolic tangent.
    ///
    ///     print(tanh(0))   # expect: 0
    fn tanh(x: f64) -> "float" [Pure];

    /// sqrt(x² + y²) without intermediate overflow.
    ///
    ///     print(hypot(3, 4))   # expect: 5
    fn hypot(x: f64, y: f64) -> "float" [Pure];

    /// Cube root.
    ///
    ///     print(cbrt(-27))   # expect: -3
    fn cbrt(x: f64) -> "float" [Pure];

    /// e to the power x.
    ///
    ///     print(exp(0))   # expect: 1
    fn exp(x: f64) -> "float" [Pure];

    /// Natural logarithm, or to the given base.
    ///
    ///     print(log(1), log(8, 2))   # expect: 0 3
    fn log(x: f64, base: Option<f64>) -> "float" [Pure; cx];

    /// Logarithm to base 2.
    ///
    ///     print(log2(8))   # expect: 3
    fn log2(x: f64) -> "float" [Pure; cx];

    /// Logarithm to base 10.
    ///
    ///     print(log10(1000))   # expect: 3
    fn log10(x: f64) -> "float" [Pure; cx];

    /// Whether x is NaN.
    ///
    ///     print(is_nan(NAN))   # expect: true
    fn is_nan(x: f64) -> "bool" [Pure];

    /// Whether x is neither NaN nor infinite.
    ///
    ///     print(is_finite(INF))   # expect: false
    fn is_finite(x: f64) -> "bool" [Pure];

    /// degrees * PI / 180.
    ///
    ///     print(to_radians(180) == PI)   # expect: true
    fn to_radians(degrees: f64) -> "float" [Pure];

    /// radians * 180 / PI.
    ///
    ///     print(to_degrees(PI))   # expect: 180
    fn to_degrees(radians: f64) -> "float" [Pure];
}

fn abs(x: Number) -> Result<Number> {
    match x {
        Number::Float(v) => Ok(Number::Float(v.abs())),
        Number::Int(v) => v.checked_abs().map(Number::Int).ok_or_else(|| {
            Error::new(Kind::ArithmeticError, format!("Integer overflow: abs({v})"))
        }),
    }
}

/// The error of an argument outside the domain; whole numbers are shown as such.
#[cold]
fn outside(cx: &Cx<'_>, param: &str, condition: &str, got: f64) -> Error {
    cx.bad_value(param, condition, got)
}

fn sqrt(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    if x < 0.0 { Err(outside(cx, "x", ">= 0", x)) } else { Ok(x.sqrt()) }
}

fn pow(cx: &mut Cx<'_>, base: f64, exponent: f64) -> Result<f64> {
    if base == 0.0 && exponent < 0.0 {
        return Err(Error::new(Kind::ArithmeticError, "Division by zero"));
    }
    if base < 0.0 && base.is_finite() && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err(outside(cx, "exponent", "whole for a negative base", exponent));
    }
    if base.is_nan() || exponent.is_nan() {
        return Ok(f64::NAN);
    }
    Ok(base.powf(exponent))
}

/// Applies a rounding to floats; ints are whole already.
fn rounded(x: Number, round: impl Fn(f64) -> f64) -> Result<Number> {
    Ok(match x {
        Number::Int(_) => x,
        Number::Float(v) => Number::Float(round(v)),
    })
}

fn floor(x: Number) -> Result<Number> {
    rounded(x, f64::floor)
}

fn ceil(x: Number) -> Result<Number> {
    rounded(x, f64::ceil)
}

fn trunc(x: Number) -> Result<Number> {
    rounded(x, f64::trunc)
}

fn round(cx: &mut Cx<'_>, x: Number, digits: Option<i64>) -> Result<Number> {
    let digits = digits.unwrap_or(0);
    if !(0..=15).contains(&digits) {
        return Err(cx.bad_value("digits", "0 to 15", digits));
    }
    rounded(x, |v| {
        let factor = 10f64.powi(digits as i32);
        let scaled = v * factor;
        if digits > 0 && !scaled.is_finite() { v } else { scaled.round() / factor }
    })
}

fn min(cx: &mut Cx<'_>, first: Value, more: Rest<'_>) -> Result<Value> {
    extreme(cx, first, more, Ordering::Less)
}

fn max(cx: &mut Cx<'_>, first: Value, more: Rest<'_>) -> Result<Value> {
    extreme(cx, first, more, Ordering::Greater)
}

fn extreme(cx: &mut Cx<'_>, first: Value, more: Rest<'_>, beyond: Ordering) -> Result<Value> {
    if !more.0.is_empty() {
        let mut best = first;
        for value in more.0 {
            if is_beyond(cx, value, &best, beyond)? {
                best = value.clone();
            }
        }
        return Ok(best);
    }
    if Iterable::fit(&first) != super::args::Fit::Good {
        return Err(cx.bad_type("first", "iterable", &first));
    }
    let mut items = Items::of(first);
    let Some(mut best) = items.next(cx.host)? else {
        return Err(cx.failure(Kind::ValueError, "argument 'first' must not be empty"));
    };
    while let Some(item) = items.next(cx.host)? {
        if is_beyond(cx, &item, &best, beyond)? {
            best = item;
        }
    }
    Ok(best)
}

fn clamp(
    cx: &mut Cx<'_>,
    x: NumberValue<'_>,
    low: NumberValue<'_>,
    high: NumberValue<'_>,
) -> Result<Value> {
    if is_beyond(cx, &low, &high, Ordering::Greater)? {
        return Err(cx.bad_value("low", "<= high", low.0.clone()));
    }
    let is_nan = x.as_float().is_some_and(f64::is_nan);
    let limited = if !is_nan && is_beyond(cx, &x, &low, Ordering::Less)? {
        low
    } else if !is_nan && is_beyond(cx, &x, &high, Ordering::Greater)? {
        high
    } else {
        x
    };
    Ok(limited.0.clone())
}

fn sign(cx: &mut Cx<'_>, x: Number) -> Result<i64> {
    match x {
        Number::Int(v) => Ok(v.signum()),
        Number::Float(v) if v.is_nan() => Err(outside(cx, "x", "a number other than NaN", v)),
        Number::Float(v) => Ok(i64::from(v > 0.0) - i64::from(v < 0.0)),
    }
}

fn angle(cx: &Cx<'_>, x: f64) -> Result<f64> {
    if x.is_infinite() { Err(outside(cx, "x", "finite", x)) } else { Ok(x) }
}

fn sin(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    Ok(angle(cx, x)?.sin())
}

fn cos(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    Ok(angle(cx, x)?.cos())
}

fn tan(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    Ok(angle(cx, x)?.tan())
}

fn ratio(cx: &Cx<'_>, x: f64) -> Result<f64> {
    if x.abs() > 1.0 { Err(outside(cx, "x", "-1 to 1", x)) } else { Ok(x) }
}

fn asin(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    Ok(ratio(cx, x)?.asin())
}

fn acos(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    Ok(ratio(cx, x)?.acos())
}

fn atan(x: f64) -> Result<f64> {
    Ok(x.atan())
}

fn atan2(y: f64, x: f64) -> Result<f64> {
    Ok(y.atan2(x))
}

fn sinh(x: f64) -> Result<f64> {
    Ok(x.sinh())
}

fn cosh(x: f64) -> Result<f64> {
    Ok(x.cosh())
}

fn tanh(x: f64) -> Result<f64> {
    Ok(x.tanh())
}

fn hypot(x: f64, y: f64) -> Result<f64> {
    let is_nan = x.is_nan() || y.is_nan();
    Ok(if is_nan { f64::NAN } else { x.hypot(y) })
}

fn cbrt(x: f64) -> Result<f64> {
    Ok(x.cbrt())
}

fn exp(x: f64) -> Result<f64> {
    Ok(x.exp())
}

fn positive(cx: &Cx<'_>, param: &str, x: f64) -> Result<f64> {
    if x <= 0.0 { Err(outside(cx, param, "> 0", x)) } else { Ok(x) }
}

fn log(cx: &mut Cx<'_>, x: f64, base: Option<f64>) -> Result<f64> {
    let x = positive(cx, "x", x)?;
    let base = positive(cx, "base", base.unwrap_or(E))?;
    if base == 1.0 {
        return Err(outside(cx, "base", "other than 1", base));
    }
    Ok(match base {
        2.0 => x.log2(),
        10.0 => x.log10(),
        _ if base == E => x.ln(),
        _ => x.ln() / base.ln(),
    })
}

fn log2(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    Ok(positive(cx, "x", x)?.log2())
}

fn log10(cx: &mut Cx<'_>, x: f64) -> Result<f64> {
    Ok(positive(cx, "x", x)?.log10())
}

fn is_nan(x: f64) -> Result<bool> {
    Ok(x.is_nan())
}

fn is_finite(x: f64) -> Result<bool> {
    Ok(x.is_finite())
}

fn to_radians(degrees: f64) -> Result<f64> {
    Ok(degrees * PI / 180.0)
}

fn to_degrees(radians: f64) -> Result<f64> {
    Ok(radians * 180.0 / PI)
}
