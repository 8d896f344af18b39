//! `format`: text with placeholders.

use super::args::Rest;
use super::{Cx, arity_error};
use crate::error::{Error, Kind, Result};
use crate::semantics::convert::float_to_int;
use crate::semantics::display::{display, format_float};
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "io";

    /// Text with placeholders `%[-][0][+][width][.precision]verb`.
    ///
    ///     print(format("%s is %d", "Bo", 5))   # expect: Bo is 5
    ///     print(format("[%5d]|[%-5s]|[%05.1f]", 42, "ab", 2.25))   # expect: [   42]|[ab   ]|[002.2]
    fn format(template: &str, args: Rest<'_>) -> "string" [Pure; cx];
}

const MAX_WIDTH: usize = 10_000;
const MAX_PRECISION: usize = 1_000;

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Placeholder(Placeholder),
}

#[derive(Default)]
struct Placeholder {
    is_left: bool,
    is_zero_filled: bool,
    has_plus: bool,
    width: usize,
    precision: Option<usize>,
    verb: char,
}

fn format(cx: &mut Cx<'_>, template: &str, args: Rest<'_>) -> Result<String> {
    let pieces = parse(cx, template)?;
    let n = pieces.iter().filter(|p| matches!(p, Piece::Placeholder(_))).count();
    if n != args.0.len() {
        return Err(arity_error(cx.name, n + 1, n + 1, args.0.len() + 1));
    }
    let mut out = String::with_capacity(template.len() * 2);
    let mut next = 0;
    for piece in &pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Placeholder(spec) => {
                let (body, is_number) = spec.body(cx, &args.0[next], next + 1)?;
                next += 1;
                spec.pad(&mut out, &body, is_number);
            }
        }
    }
    Ok(out)
}

fn parse<'a>(cx: &Cx<'_>, template: &'a str) -> Result<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        pieces.push(Piece::Text(&rest[..at]));
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('%') {
            pieces.push(Piece::Text("%"));
            rest = after;
            continue;
        }
        match placeholder(cx, after)? {
            Some((spec, len)) => {
                pieces.push(Piece::Placeholder(spec));
                rest = &after[len..];
            }
            None => {
                pieces.push(Piece::Text("%"));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// The placeholder at the start of `text` (behind the `%`) and its length; `None` if there is
/// none.
fn placeholder(cx: &Cx<'_>, text: &str) -> Result<Option<(Placeholder, usize)>> {
    let mut spec = Placeholder::default();
    let mut chars = text.char_indices().peekable();
    while let Some(&(_, flag @ ('-' | '0' | '+'))) = chars.peek() {
        spec.is_left |= flag == '-';
        spec.is_zero_filled |= flag == '0';
        spec.has_plus |= flag == '+';
        chars.next();
    }
    let (width, _) = digits(&mut chars);
    spec.width = width;
    if let Some((_, '.')) = chars.peek() {
        chars.next();
        spec.precision = Some(digits(&mut chars).0);
    }
    let Some((at, verb)) = chars.next() else {
        if text.is_empty() {
            return Ok(None);
        }
        return Err(cx.failure(Kind::ValueError, "template ends inside a placeholder"));
    };
    if !"sdfegxXobc".contains(verb) {
        return Ok(None);
    }
    spec.verb = verb;
    if spec.width > MAX_WIDTH {
        return Err(cx.failure(Kind::ValueError, "width must be at most 10000"));
    }
    if spec.precision.is_some_and(|p| p > MAX_PRECISION) {
        return Err(cx.failure(Kind::ValueError, "precision must be at most 1000"));
    }
    if spec.precision.is_some() && "dxXobc".contains(verb) {
        return Err(cx.failure(Kind::ValueError, format!("'%{verb}' takes no precision")));
    }
    Ok(Some((spec, at + verb.len_utf8())))
}

fn digits(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> (usize, bool) {
    let mut number = 0usize;
    let mut any = false;
    while let Some(digit) = chars.peek().and_then(|(_, c)| c.to_digit(10)) {
        number = number.saturating_mul(10).saturating_add(digit as usize);
        any = true;
        chars.next();
    }
    (number, any)
}

impl Placeholder {
    /// The text of an argument, and whether zeros may fill it up.
    fn body(&self, cx: &Cx<'_>, value: &Value, position: usize) -> Result<(String, bool)> {
        let wrong = |ty: &str| {
            let got = type_name(value);
            let verb = self.verb;
            let message =
                format!("{}: argument {position} for '%{verb}' must be {ty}, got {got}", cx.name);
            Error::new(Kind::TypeError, message)
        };
        match self.verb {
            's' => {
                let text = display(value)?;
                Ok((
                    match self.precision {
                        Some(p) => text.chars().take(p).collect(),
                        None => text,
                    },
                    false,
                ))
            }
            'd' => {
                let v = match value.view() {
                    View::Int(v) => v,
                    View::Bool(v) => i64::from(v),
                    View::Float(v) => float_to_int(v).ok_or_else(|| {
                        let text = format_float(v);
                        cx.failure(
                            Kind::ValueError,
                            format!(
                                "argument {position} for '%d' must be in the int range, got {text}"
                            ),
                        )
                    })?,
                    _ => return Err(wrong("int, float or bool")),
                };
                Ok((self.signed(&v.unsigned_abs().to_string(), v < 0), true))
            }
            'f' | 'e' | 'g' => {
                let v = match value.view() {
                    View::Int(v) if self.verb == 'f' && self.precision.is_none() => {
                        return Ok((self.signed(&v.unsigned_abs().to_string(), v < 0), true));
                    }
                    View::Int(v) => v as f64,
                    View::Float(v) => v,
                    _ => return Err(wrong("number")),
                };
                Ok((self.float(v), v.is_finite()))
            }
            'c' => Ok((character(cx, value, position, &wrong)?.to_string(), false)),
            _ => {
                let v = value.as_int().ok_or_else(|| wrong("int"))?;
                let magnitude = v.unsigned_abs();
                let digits = match self.verb {
                    'x' => format!("{magnitude:x}"),
                    'X' => format!("{magnitude:X}"),
                    'o' => format!("{magnitude:o}"),
                    _ => format!("{magnitude:b}"),
                };
                Ok((self.signed(&digits, v < 0), true))
            }
        }
    }

    fn signed(&self, magnitude: &str, is_negative: bool) -> String {
        let sign = match (is_negative, self.has_plus) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        format!("{sign}{magnitude}")
    }

    fn float(&self, v: f64) -> String {
        if !v.is_finite() {
            let text = format_float(v.abs());
            return if v.is_nan() { text } else { self.signed(&text, v < 0.0) };
        }
        let magnitude = v.abs();
        let text = match (self.verb, self.precision) {
            ('f', None) => format_float(magnitude),
            ('f', Some(p)) => format!("{magnitude:.p$}"),
            ('e', p) => exponent_form(magnitude, p.unwrap_or(6)),
            (_, p) => general_form(magnitude, p.unwrap_or(6).max(1)),
        };
        self.signed(&text, v.is_sign_negative())
    }

    fn pad(&self, out: &mut String, body: &str, is_number: bool) {
        let n = self.width.saturating_sub(body.chars().count());
        let fill = |out: &mut String, c: char| out.extend(std::iter::repeat_n(c, n));
        if self.is_left {
            out.push_str(body);
            fill(out, ' ');
        } else if self.is_zero_filled && is_number {
            let n_sign = usize::from(body.starts_with(['-', '+']));
            out.push_str(&body[..n_sign]);
            fill(out, '0');
            out.push_str(&body[n_sign..]);
        } else {
            fill(out, ' ');
            out.push_str(body);
        }
    }
}

fn exponent_form(v: f64, precision: usize) -> String {
    let text = format!("{v:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(magnitude) => ('-', magnitude),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

fn general_form(v: f64, precision: usize) -> String {
    let text = exponent_form(v, precision - 1);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i64 = exponent.parse().unwrap_or(0);
    if power < -4 || power >= precision as i64 {
        return format!("{}e{exponent}", without_zeros(digits));
    }
    let decimals = (precision as i64 - 1 - power) as usize;
    without_zeros(&format!("{v:.decimals$}")).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn character(
    cx: &Cx<'_>,
    value: &Value,
    position: usize,
    wrong: &dyn Fn(&str) -> Error,
) -> Result<char> {
    let found = match value.view() {
        View::Int(code) => u32::try_from(code).ok().and_then(char::from_u32),
        View::Str(text) => {
            let mut chars = text.as_str().chars();
            chars.next().filter(|_| chars.next().is_none())
        }
        _ => return Err(wrong("int or string")),
    };
    found.ok_or_else(|| {
        let what = format!("argument {position} for '%c' must be a code point or one character");
        cx.failure(Kind::ValueError, what)
    })
}
