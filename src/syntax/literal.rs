//! The values of literals, from their text.
//!
//! The lexer uses these functions to check a literal, the parser to evaluate it, so that both
//! agree on what an escape or a digit is.

/// The absolute value of the smallest int: allowed only as the operand of unary minus.
pub const MIN_INT_MAGNITUDE: u64 = 1 << 63;

/// Reads the escape sequence at the start of `text`, which begins with a backslash.
///
/// Returns its character, `None` if there is no such escape, and the bytes it covers.
pub fn escape(text: &str) -> (Option<char>, usize) {
    let mut chars = text.chars();
    chars.next();
    let simple = |c| (Some(c), 2);
    match chars.next() {
        Some('n') => simple('\n'),
        Some('t') => simple('\t'),
        Some('r') => simple('\r'),
        Some('0') => simple('\0'),
        Some(c @ ('\\' | '"' | '$' | '{' | '}')) => simple(c),
        Some('u') => unicode_escape(text),
        Some(c) => (None, 1 + c.len_utf8()),
        None => (None, 1),
    }
}

/// Reads `\u{H}` with 1 to 6 hexadecimal digits.
fn unicode_escape(text: &str) -> (Option<char>, usize) {
    let Some(rest) = text.strip_prefix("\\u{") else { return (None, 2) };
    let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
    let end = 3 + digits;
    if rest.as_bytes().get(digits) != Some(&b'}') {
        return (None, end);
    }
    let value = if digits <= 6 { u32::from_str_radix(&rest[..digits], 16).ok() } else { None };
    (value.and_then(char::from_u32), end + 1)
}

/// The text that a string literal (or a part of one) stands for; bad escapes are dropped.
pub fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let (value, length) = escape(&rest[at..]);
        text.extend(value);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    text
}

/// Whether `digits` are digits of the base with single `_` only between two of them.
pub fn well_formed(digits: &str, radix: u32) -> bool {
    let mut after_digit = false;
    for c in digits.chars() {
        let is_digit = c.is_digit(radix);
        if !(is_digit || c == '_' && after_digit) {
            return false;
        }
        after_digit = is_digit;
    }
    after_digit
}

/// The base of an integer literal and its digits.
pub fn split_radix(text: &str) -> (u32, &str) {
    let radix = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'b' | b'B', ..] => 2,
        [b'0', b'o' | b'O', ..] => 8,
        _ => return (10, text),
    };
    (radix, &text[2..])
}

/// The value of a well-formed integer literal, `None` if it is above [`MIN_INT_MAGNITUDE`].
pub fn int(text: &str) -> Option<u64> {
    let (radix, digits) = split_radix(text);
    let mut value = 0u64;
    for digit in digits.chars().filter_map(|c| c.to_digit(radix)) {
        value = value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))?;
    }
    (value <= MIN_INT_MAGNITUDE).then_some(value)
}

/// The value of a well-formed float literal, `None` if it rounds to infinity.
pub fn float(text: &str) -> Option<f64> {
    let digits = text.replace('_', "");
    digits.parse().ok().filter(|value: &f64| value.is_finite())
}
