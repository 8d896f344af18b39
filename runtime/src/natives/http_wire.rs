//! HTTP/1.1 as a server speaks it: reading requests with limits, writing answers. Runs on the
//! thread of a connection and knows nothing of values.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bytes of the request line and headers.
const MAX_HEAD: usize = 64 << 10;
/// Bytes of a body.
const MAX_BODY: usize = 16 << 20;
/// Time to receive a request.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Time that a connection may be idle between requests.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// How long the end of the server may go unnoticed.
const SLICE: Duration = Duration::from_millis(50);

/// A request as it came.
pub(super) struct WireRequest {
    pub method: String,
    /// Path and query, not decoded.
    pub target: String,
    /// Names in lower case, repeated ones joined.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub keeps_alive: bool,
}

/// An answer.
pub(super) struct WireReply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl WireReply {
    /// A short text.
    pub(super) fn text(status: u16, text: &str) -> WireReply {
        let headers = vec![("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())];
        WireReply { status, headers, body: text.as_bytes().to_vec() }
    }
}

/// Why no request came.
pub(super) enum Refusal {
    /// The connection ended or is broken.
    Gone,
    /// An answer with this status, then the end of the connection.
    Status(u16),
}

impl From<io::Error> for Refusal {
    fn from(_: io::Error) -> Refusal {
        Refusal::Gone
    }
}

impl WireRequest {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A connection with what was read beyond the last request.
pub(super) struct Wire<'a> {
    stream: &'a TcpStream,
    buffer: Vec<u8>,
    ends: &'a AtomicBool,
    /// The time limit of a read that the socket was given last.
    patience: Duration,
}

impl<'a> Wire<'a> {
    pub(super) fn new(stream: &'a TcpStream, ends: &'a AtomicBool) -> io::Result<Wire<'a>> {
        stream.set_write_timeout(Some(REQUEST_LIMIT))?;
        Ok(Wire { stream, buffer: Vec::new(), ends, patience: Duration::ZERO })
    }

    /// Reads more, until the deadline; an idle connection also ends with the server.
    fn fill(&mut self, deadline: Instant, is_idle: bool) -> Result<(), Refusal> {
        let mut chunk = [0; 8192];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let has_ended = is_idle && self.ends.load(Ordering::Acquire);
            if left.is_zero() || has_ended {
                return Err(if is_idle { Refusal::Gone } else { Refusal::Status(408) });
            }
            let patience = left.clamp(Duration::from_millis(1), SLICE);
            if patience != self.patience {
                self.stream.set_read_timeout(Some(patience))?;
                self.patience = patience;
            }
            match (&mut &*self.stream).read(&mut chunk) {
                Ok(0) => return Err(Refusal::Gone),
                Ok(n) => {
                    self.buffer.extend_from_slice(&chunk[..n]);
                    return Ok(());
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::Interrupted => {}
                    _ => return Err(Refusal::Gone),
                },
            }
        }
    }

    /// The next request.
    pub(super) fn request(&mut self) -> Result<WireRequest, Refusal> {
        if self.buffer.is_empty() {
            self.fill(Instant::now() + IDLE_LIMIT, true)?;
        }
        let deadline = Instant::now() + REQUEST_LIMIT;
        let mut searched = 0;
        let end = loop {
            if let Some(at) = find(&self.buffer[searched..], b"\r\n\r\n") {
                break searched + at;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Refusal::Status(431));
            }
            searched = self.buffer.len().saturating_sub(3);
            self.fill(deadline, false)?;
        };
        if end > MAX_HEAD {
            return Err(Refusal::Status(431));
        }
        let head =
            String::from_utf8(self.buffer[..end].to_vec()).map_err(|_| Refusal::Status(400))?;
        self.buffer.drain(..end + 4);
        let mut request = parse_head(&head).ok_or(Refusal::Status(400))?;
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
        {
            (&mut &*self.stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = self.body(&request, deadline)?;
        Ok(request)
    }

    fn body(&mut self, request: &WireRequest, deadline: Instant) -> Result<Vec<u8>, Refusal> {
        match (request.header("transfer-encoding"), request.header("content-length")) {
            (Some(_), Some(_)) => Err(Refusal::Status(400)),
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => self.chunks(deadline),
            (Some(_), None) => Err(Refusal::Status(501)),
            (None, None) => Ok(Vec::new()),
            (None, Some(length)) => {
                let is_number = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
                if !is_number {
                    return Err(Refusal::Status(400));
                }
                match length.parse::<usize>() {
                    Ok(n) if n <= MAX_BODY => self.exactly(n, deadline),
                    _ => Err(Refusal::Status(413)),
                }
            }
        }
    }

    fn exactly(&mut self, n: usize, deadline: Instant) -> Result<Vec<u8>, Refusal> {
        while self.buffer.len() < n {
            self.fill(deadline, false)?;
        }
        Ok(self.buffer.drain(..n).collect())
    }

    fn line(&mut self, deadline: Instant) -> Result<String, Refusal> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.drain(..at + 2).take(at).collect();
                return String::from_utf8(line).map_err(|_| Refusal::Status(400));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Refusal::Status(400));
            }
            self.fill(deadline, false)?;
        }
    }

    /// Headers after the last chunk are read and dropped.
    fn trailers(&mut self, deadline: Instant) -> Result<(), Refusal> {
        for _ in 0..100 {
            if self.line(deadline)?.is_empty() {
                return Ok(());
            }
        }
        Err(Refusal::Status(431))
    }

    fn chunks(&mut self, deadline: Instant) -> Result<Vec<u8>, Refusal> {
        let mut body = Vec::new();
        loop {
            let line = self.line(deadline)?;
            let digits = line.split(';').next().unwrap_or("").trim();
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
            if !is_number {
                return Err(Refusal::Status(400));
            }
            let n = usize::from_str_radix(digits, 16).map_err(|_| Refusal::Status(413))?;
            if n > MAX_BODY - body.len() {
                return Err(Refusal::Status(413));
            }
            if n == 0 {
                self.trailers(deadline)?;
                return Ok(body);
            }
            body.extend(self.exactly(n, deadline)?);
            if self.exactly(2, deadline)? != b"\r\n" {
                return Err(Refusal::Status(400));
            }
        }
    }

    /// Writes an answer; a body only if the request was no HEAD.
    pub(super) fn reply(
        &self,
        reply: &WireReply,
        date: &str,
        has_body: bool,
        keeps_alive: bool,
    ) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, phrase(reply.status));
        for (name, value) in &reply.headers {
            let is_own = ["content-length", "connection", "date", "transfer-encoding"]
                .iter()
                .any(|own| name.eq_ignore_ascii_case(own));
            if !is_own {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        let connection = if keeps_alive { "keep-alive" } else { "close" };
        let length = reply.body.len();
        head.push_str(&format!(
            "Date: {date}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n"
        ));
        let mut all = head.into_bytes();
        if has_body {
            all.extend_from_slice(&reply.body);
        }
        (&mut &*self.stream).write_all(&all)
    }
}

fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    data.windows(what.len()).position(|window| window == what)
}

fn is_token(text: &str) -> bool {
    let is_token_byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// The request line and headers; `None` if they are malformed.
fn parse_head(head: &str) -> Option<WireRequest> {
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
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        if !is_token(name) || value.chars().any(|c| c.is_control() && c != '\t') {
            return None;
        }
        let name = name.to_ascii_lowercase();
        match headers.iter_mut().find(|(known, _)| *known == name) {
            // Two lengths or hosts would let two readers understand two requests.
            Some(_) if name == "content-length" || name == "host" => return None,
            Some((_, joined)) => joined.extend([", ", value]),
            None => headers.push((name, value.to_owned())),
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
