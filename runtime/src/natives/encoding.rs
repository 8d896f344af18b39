//! Text encodings of data: base64, hex, URLs, HTML.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Cx;
use super::args::string_limit;
use super::library_args::Data;
use crate::error::{Error, Kind, Result};
use crate::limits;

natives! {
    module "encoding";

    /// Base64 with padding.
    ///
    ///     print(encode_base64("Hi"))   # expect: SGk=
    fn encode_base64(source: Data<'_>) -> "string" [Pure];

    /// The bytes of a base64 text with padding.
    ///
    ///     print(bytes_to_string(decode_base64("SGk=")))   # expect: Hi
    fn decode_base64(text: &str) -> "bytes" [Pure; cx];

    /// Two lower-case hex digits per byte.
    ///
    ///     print(hex_encode("Hi"))   # expect: 4869
    fn hex_encode(source: Data<'_>) -> "string" [Pure];

    /// The bytes of hex digits in either letter case.
    ///
    ///     print(bytes_to_string(hex_decode("4869")))   # expect: Hi
    fn hex_decode(text: &str) -> "bytes" [Pure; cx];

    /// Percent-encodes every UTF-8 byte except A-Z a-z 0-9 - _ . ~.
    ///
    ///     print(url_encode("a b&c"))   # expect: a%20b%26c
    fn url_encode(text: &str) -> "string" [Pure];

    /// The inverse of url_encode.
    ///
    ///     print(url_decode("a%20b+c", true))   # expect: a b c
    fn url_decode(text: &str, plus_as_space: Option<bool>) -> "string" [Pure; cx];

    /// Escapes & < > " and '.
    ///
    ///     print(html_escape("<a>"))   # expect: &lt;a&gt;
    fn html_escape(text: &str) -> "string" [Pure];
}

fn encode_base64(source: Data<'_>) -> Result<String> {
    if source.0.len() / 3 * 4 > limits::STRING_BYTES {
        return Err(string_limit());
    }
    Ok(STANDARD.encode(source.0))
}

fn decode_base64(cx: &mut Cx<'_>, text: &str) -> Result<Vec<u8>> {
    let decoded = STANDARD.decode(text);
    decoded.map_err(|error| cx.failure(Kind::ParseError, format!("invalid base64: {error}")))
}

/// Lower-case hex digits.
pub(super) fn hex(data: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[nibble as usize]);
    data.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn hex_encode(source: Data<'_>) -> Result<String> {
    if source.0.len() * 2 > limits::STRING_BYTES {
        return Err(string_limit());
    }
    Ok(hex(source.0))
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cold]
fn broken(cx: &Cx<'_>, what: &str, at: usize) -> Error {
    cx.failure(Kind::ParseError, format!("{what} at position {at}"))
}

fn hex_decode(cx: &mut Cx<'_>, text: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes();
    let mut data = Vec::with_capacity(digits.len() / 2);
    for (i, pair) in digits.chunks(2).enumerate() {
        let &[high, low] = pair else {
            return Err(cx.failure(Kind::ParseError, "odd number of hex digits"));
        };
        match (nibble(high), nibble(low)) {
            (Some(high), Some(low)) => data.push(high << 4 | low),
            _ => {
                return Err(broken(
                    cx,
                    "invalid hex digit",
                    i * 2 + usize::from(nibble(high).is_some()),
                ));
            }
        }
    }
    Ok(data)
}

/// Percent-encodes every byte that is not unreserved.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(hex(&[byte]).chars().map(|c| c.to_ascii_uppercase()));
        }
    }
    out
}

fn url_encode(text: &str) -> Result<String> {
    Ok(percent(text))
}

fn url_decode(cx: &mut Cx<'_>, text: &str, plus_as_space: Option<bool>) -> Result<String> {
    let is_form = plus_as_space.unwrap_or(false);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' if is_form => out.push(b' '),
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|byte| nibble(*byte));
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else {
                    return Err(broken(cx, "broken escape", text[..at - 1].chars().count()));
                };
                out.push(high << 4 | low);
                at += 2;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8(out).map_err(|_| cx.failure(Kind::ParseError, "invalid UTF-8"))
}

fn html_escape(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    Ok(out)
}
