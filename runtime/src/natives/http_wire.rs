//! HTTP/1.1 as a server speaks it: what requests and answers are, and how they look on the wire.
//! Knows nothing of connections and values.

use std::borrow::Cow;
use std::io::Write;

use compact_str::CompactString;

/// A request as it came.
pub(super) struct WireRequest {
    pub method: String,
    /// Path and query, not decoded.
    pub target: String,
    /// Names in lower case, repeated ones joined.
    pub headers: Vec<(CompactString, CompactString)>,
    pub body: Vec<u8>,
    pub keeps_alive: bool,
}

/// An answer.
pub(super) struct WireReply {
    pub status: u16,
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    pub body: Vec<u8>,
}

impl WireReply {
    /// An answer with one header.
    pub(super) fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> WireReply {
        WireReply { status, headers: vec![("Content-Type".into(), content_type.into())], body }
    }

    /// A short text.
    pub(super) fn text(status: u16, text: &str) -> WireReply {
        WireReply::new(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
    }
}

impl WireRequest {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Headers that the server sets itself.
const OWN: [&str; 4] = ["content-length", "connection", "date", "transfer-encoding"];

/// How an answer is sent.
pub(super) struct Manner<'a> {
    /// The time, as headers write it.
    pub date: &'a str,
    /// Without it the request was HEAD.
    pub has_body: bool,
    pub keeps_alive: bool,
}

impl WireReply {
    /// Appends the answer as it is sent.
    pub(super) fn write_to(&self, out: &mut Vec<u8>, manner: &Manner<'_>) {
        // Such an answer ends with its headers (RFC 9110, 8.6).
        let is_bare = matches!(self.status, 100..200 | 204);
        let has_body = manner.has_body && !is_bare && self.status != 304;
        out.reserve(256 + if has_body { self.body.len() } else { 0 });
        // Writing to a vector cannot fail.
        let _ = write!(out, "HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        for (name, value) in &self.headers {
            if !OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                out.extend_from_slice(value.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(manner.date.as_bytes());
        if !is_bare {
            let _ = write!(out, "\r\nContent-Length: {}", self.body.len());
        }
        out.extend_from_slice(match manner.keeps_alive {
            true => b"\r\nConnection: keep-alive\r\n\r\n",
            false => b"\r\nConnection: close\r\n\r\n",
        });
        if has_body {
            out.extend_from_slice(&self.body);
        }
    }
}

fn is_token(text: &str) -> bool {
    let is_token_byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// The request line and headers; `None` if they are malformed.
pub(super) fn parse_head(head: &str) -> Option<WireRequest> {
    let mut lines = head.split("\r\n");
    let mut parts = lines.next()?.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_old = version == "HTTP/1.0";
    let is_visible = |c: char| c.is_ascii_graphic();
    let is_valid = parts.next().is_none()
        && is_token(method)
        && (target.starts_with('/') || target == "*")
        && target.chars().all(is_visible)
        && (version == "HTTP/1.1" || is_old);
    if !is_valid {
        return None;
    }
    let mut headers: Vec<(CompactString, CompactString)> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        if !is_token(name) || value.chars().any(|c| c.is_control() && c != '\t') {
            return None;
        }
        let mut name = CompactString::from(name);
        name.make_ascii_lowercase();
        match headers.iter_mut().find(|(known, _)| *known == name) {
            // Two lengths or hosts would let two readers understand two requests.
            Some(_) if name == "content-length" || name == "host" => return None,
            Some((_, joined)) => joined.extend([", ", value]),
            None => headers.push((name, value.into())),
        }
    }
    let mut request = WireRequest {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
        keeps_alive: false,
    };
    if !is_old && request.header("host").is_none() {
        return None;
    }
    let connection = request.header("connection").unwrap_or("").to_ascii_lowercase();
    let has = |word: &str| connection.split(',').any(|part| part.trim() == word);
    request.keeps_alive = if is_old { has("keep-alive") } else { !has("close") };
    Some(request)
}

/// The reason phrase of a status.
pub(super) fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
