//! Pseudo-random values: xoshiro256** seeded through SplitMix64, one generator per isolate.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::Cx;
use super::args::{ArrayOrStr, IntoValue, Number, Owned, Whole, string_limit};
use crate::error::Result;
use crate::limits;
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::string::make_char;
use crate::semantics::convert::float_to_int;
use crate::value::{Value, View};

natives! {
    module "random";

    /// Uniform in [0, 1).
    ///
    ///     x := random()
    ///     print(x >= 0 && x < 1)   # expect: true
    fn random() -> "float" [Other, "random"; cx];

    /// Uniform int, both ends included.
    ///
    ///     print(random_int(4, 4))   # expect: 4
    fn random_int(min: Whole, max: Whole) -> "int" [Other, "random"; cx];

    /// Uniform in [min, max).
    ///
    ///     print(random_float(1, 1))   # expect: 1
    fn random_float(min: f64, max: f64) -> "float" [Other, "random"; cx];

    /// True with a probability (default 0.5).
    ///
    ///     print(random_bool(1), random_bool(0))   # expect: true false
    fn random_bool(probability: Option<f64>) -> "bool" [Other, "random"; cx];

    /// A uniformly chosen element or character; null when empty.
    ///
    ///     print(random_choice([7]), random_choice([]))   # expect: 7 null
    fn random_choice(items: ArrayOrStr<'_>) -> "any" [Other, "random"; cx];

    /// A uniformly permuted copy.
    ///
    ///     print(sort(shuffle([1, 2, 3])))   # expect: [1, 2, 3]
    fn shuffle(array: Owned<'_, Array>) -> "array" [Other, "random"; cx];

    /// n elements at distinct positions in random order.
    ///
    ///     print(sort(sample([1, 2, 3], 3)))   # expect: [1, 2, 3]
    fn sample(array: &Array, n: Whole) -> "array" [Other, "random"; cx];

    /// n random bytes; not for secrets.
    ///
    ///     print(len(random_bytes(4)))   # expect: 4
    fn random_bytes(n: Whole) -> "bytes" [Other, "random"; cx];

    /// Lower-case letters and digits.
    ///
    ///     print(len(random_id(8)))   # expect: 8
    fn random_id(length: i64) -> "string" [Other, "random"; cx];

    /// A version 4 UUID.
    ///
    ///     print(len(uuid_v4()))   # expect: 36
    fn uuid_v4() -> "string" [Other, "random"; cx];

    /// Makes everything random deterministic from here on.
    ///
    ///     set_random_seed(7)
    ///     a := random()
    ///     set_random_seed(7)
    ///     print(a == random())   # expect: true
    fn set_random_seed(seed: Number) -> "null" [Other, "random"; cx];

    /// Back to unpredictable values.
    ///
    ///     print(clear_random_seed())   # expect: null
    fn clear_random_seed() -> "null" [Other, "random"; cx];
}

/// xoshiro256**.
struct Generator([u64; 4]);

impl Generator {
    /// A state from a seed by SplitMix64.
    fn seeded(seed: u64) -> Generator {
        let mut state = seed;
        Generator(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }))
    }

    /// A state from the entropy that the standard library takes from the operating system.
    fn from_entropy() -> Generator {
        Generator::seeded(RandomState::new().build_hasher().finish())
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1) with 53 bits.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform below `n`, which is not 0, without bias.
    fn below(&mut self, n: u64) -> u64 {
        // Values from the last, incomplete copy of 0..n are drawn again.
        let first_unfair = u64::MAX - u64::MAX % n;
        loop {
            let x = self.next();
            if x < first_unfair {
                return x % n;
            }
        }
    }
}

fn generator<'a>(cx: &'a mut Cx<'_>) -> &'a mut Generator {
    let state = &mut cx.host.isolate().random;
    let state = state.get_or_insert_with(|| Box::new(Generator::from_entropy()));
    state.downcast_mut().expect("only this module sets the generator")
}

fn random(cx: &mut Cx<'_>) -> Result<f64> {
    Ok(generator(cx).unit())
}

fn random_int(cx: &mut Cx<'_>, min: Whole, max: Whole) -> Result<i64> {
    let (min, max) = (min.0, max.0);
    if min > max {
        return Err(cx.bad_value("min", "<= max", min));
    }
    let generator = generator(cx);
    let offset = match max.abs_diff(min).checked_add(1) {
        Some(n) => generator.below(n),
        None => generator.next(),
    };
    Ok(min.wrapping_add(offset as i64))
}

fn random_float(cx: &mut Cx<'_>, min: f64, max: f64) -> Result<f64> {
    for (param, v) in [("min", min), ("max", max)] {
        if !v.is_finite() {
            return Err(cx.bad_value(param, "finite", v));
        }
    }
    if min > max {
        return Err(cx.bad_value("min", "<= max", min));
    }
    let at = generator(cx).unit();
    let v = min * (1.0 - at) + max * at;
    // Rounding may reach the excluded end.
    Ok(if v >= max { max.next_down().max(min) } else { v.max(min) })
}

fn random_bool(cx: &mut Cx<'_>, probability: Option<f64>) -> Result<bool> {
    let probability = probability.unwrap_or(0.5);
    if !(0.0..=1.0).contains(&probability) {
        return Err(cx.bad_value("probability", "0 to 1", probability));
    }
    Ok(generator(cx).unit() < probability)
}

fn random_choice(cx: &mut Cx<'_>, items: ArrayOrStr<'_>) -> Result<Value> {
    let len = super::sequences::length(&items);
    if len == 0 {
        return Ok(Value::NULL);
    }
    let at = generator(cx).below(len as u64) as usize;
    let chosen = match items.view() {
        View::Array(array) => array.get(at),
        View::Str(text) => text.char_at(at).map(make_char),
        _ => None,
    };
    Ok(chosen.unwrap_or_default())
}

fn shuffle(cx: &mut Cx<'_>, mut array: Owned<'_, Array>) -> Result<Value> {
    let generator = generator(cx);
    let elements = array.make_mut();
    for last in (1..elements.len()).rev() {
        let at = generator.below(last as u64 + 1) as usize;
        let (a, b) = (elements.get(at), elements.get(last));
        elements.set(at, b.unwrap_or_default());
        elements.set(last, a.unwrap_or_default());
    }
    Ok(array.into_value())
}

fn sample(cx: &mut Cx<'_>, array: &Array, n: Whole) -> Result<Vec<Value>> {
    let n = match usize::try_from(n.0) {
        Ok(n) if n <= array.len() => n,
        _ => return Err(cx.bad_value("n", &format!("0 to {}", array.len()), n.0)),
    };
    let generator = generator(cx);
    let mut positions: Vec<usize> = (0..array.len()).collect();
    for i in 0..n {
        let at = i + generator.below((array.len() - i) as u64) as usize;
        positions.swap(i, at);
    }
    Ok(positions[..n].iter().filter_map(|&at| array.get(at)).collect())
}

/// The number of bytes or characters of a result.
fn checked_len(cx: &Cx<'_>, param: &str, n: i64) -> Result<usize> {
    match usize::try_from(n) {
        Err(_) => Err(cx.bad_value(param, ">= 0", n)),
        Ok(n) if n > limits::STRING_BYTES => Err(string_limit()),
        Ok(n) => Ok(n),
    }
}

fn random_bytes(cx: &mut Cx<'_>, n: Whole) -> Result<Bytes> {
    let n = checked_len(cx, "n", n.0)?;
    let generator = generator(cx);
    Ok(Bytes((0..n).map(|_| generator.next() as u8).collect()))
}

fn random_id(cx: &mut Cx<'_>, length: i64) -> Result<String> {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let n = checked_len(cx, "length", length)?;
    let generator = generator(cx);
    Ok((0..n).map(|_| char::from(DIGITS[generator.below(36) as usize])).collect())
}

fn uuid_v4(cx: &mut Cx<'_>) -> Result<Value> {
    let generator = generator(cx);
    let bits = u128::from(generator.next()) << 64 | u128::from(generator.next());
    let bits = bits & !(0xF << 76) | 0x4 << 76;
    let bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-").into_value()
}

fn set_random_seed(cx: &mut Cx<'_>, seed: Number) -> Result<()> {
    let seed = match seed {
        Number::Int(v) => v as u64,
        Number::Float(v) => match float_to_int(v) {
            Some(whole) if whole as f64 == v => whole as u64,
            _ => v.to_bits(),
        },
    };
    cx.host.isolate().random = Some(Box::new(Generator::seeded(seed)));
    Ok(())
}

fn clear_random_seed(cx: &mut Cx<'_>) -> Result<()> {
    cx.host.isolate().random = None;
    Ok(())
}
