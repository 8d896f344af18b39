//! The receiving half of a connection: takes bytes as they come, gives requests when they are
//! whole. Knows nothing of sockets, so that every way of cutting a request can be tested.

use super::http_wire::{WireRequest, parse_head};

/// Bytes of the request line and headers.
const MAX_HEAD: usize = 64 << 10;
/// Bytes of a body.
const MAX_BODY: usize = 16 << 20;
/// Lines after the last chunk.
const MAX_TRAILERS: usize = 100;
/// Bytes of memory that an empty inbox keeps.
const MAX_KEPT: usize = 16 << 10;

/// What has been received and is not used yet.
#[derive(Default)]
pub(super) struct Inbox {
    data: Vec<u8>,
    /// Bytes of `data` that are used.
    used: usize,
    /// Bytes behind them that hold no end of a head.
    searched: usize,
    stage: Stage,
}

/// What the next bytes belong to.
#[derive(Default)]
enum Stage {
    #[default]
    Head,
    /// The head has been read, and the client waits for a sign before it sends the body.
    Expectant(WireRequest),
    /// So many bytes.
    Body(WireRequest, usize),
    /// The line with the length of a chunk.
    Size(WireRequest),
    /// The rest of a chunk.
    Chunk(WireRequest, usize),
    /// The end of the line behind a chunk.
    ChunkEnd(WireRequest),
    /// Lines behind the last chunk, so many of them read.
    Trailers(WireRequest, usize),
}

/// What an inbox holds.
pub(super) enum Next {
    /// Not yet a whole request.
    Nothing,
    /// The client wants to be told to go on.
    Continue,
    Request(WireRequest),
    /// No request that is answered: this status, then the end of the connection.
    Refused(u16),
}

/// The next stage, or why there is none.
type Step = Result<Stage, Stop>;

enum Stop {
    /// More bytes are needed for this stage.
    Starved(Stage),
    Next(Next),
}

impl Inbox {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.used == self.data.len() {
            self.data.clear();
            self.used = 0;
        }
        self.data.extend_from_slice(bytes);
    }

    /// Whether no request has begun.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Head) && self.rest().is_empty()
    }

    /// Bytes of memory in use.
    pub(super) fn len(&self) -> usize {
        let body = match &self.stage {
            Stage::Head => 0,
            Stage::Expectant(request)
            | Stage::Body(request, _)
            | Stage::Size(request)
            | Stage::Chunk(request, _)
            | Stage::ChunkEnd(request)
            | Stage::Trailers(request, _) => request.body.len(),
        };
        self.data.len() + body
    }

    fn rest(&self) -> &[u8] {
        &self.data[self.used..]
    }

    /// The next request, as far as it has come. After a refusal there is none.
    pub(super) fn next(&mut self) -> Next {
        loop {
            let step = match std::mem::take(&mut self.stage) {
                Stage::Head => self.head(),
                Stage::Expectant(request) => body_stage(request),
                Stage::Body(request, n) => self.body(request, n),
                Stage::Size(request) => self.size(request),
                Stage::Chunk(request, n) => self.chunk(request, n),
                Stage::ChunkEnd(request) => self.chunk_end(request),
                Stage::Trailers(request, n) => self.trailers(request, n),
            };
            match step {
                Ok(stage) => self.stage = stage,
                Err(Stop::Starved(stage)) => {
                    self.stage = stage;
                    self.tidy();
                    return Next::Nothing;
                }
                Err(Stop::Next(Next::Continue)) => return Next::Continue,
                Err(Stop::Next(next)) => {
                    self.tidy();
                    return next;
                }
            }
        }
    }

    /// Drops what is used when that is cheap.
    fn tidy(&mut self) {
        if self.used == self.data.len() {
            self.data.clear();
            self.used = 0;
            if self.data.capacity() > MAX_KEPT {
                self.data = Vec::new();
            }
        } else if self.used >= MAX_KEPT {
            self.data.drain(..self.used);
            self.used = 0;
        }
    }

    fn head(&mut self) -> Step {
        let from = self.searched;
        let Some(at) = find(&self.rest()[from..], b"\r\n\r\n") else {
            if self.rest().len() > MAX_HEAD {
                return refused(431);
            }
            self.searched = self.rest().len().saturating_sub(3);
            return Err(Stop::Starved(Stage::Head));
        };
        let end = from + at;
        self.searched = 0;
        if end > MAX_HEAD {
            return refused(431);
        }
        let head = std::str::from_utf8(&self.rest()[..end]).ok();
        let Some(request) = head.and_then(parse_head) else { return refused(400) };
        self.used += end + 4;
        let is_expectant = request
            .header("expect")
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
        if is_expectant && self.rest().is_empty() {
            // Nobody is told to send what is refused.
            let stage = body_stage(request)?;
            self.stage = match stage {
                Stage::Body(request, _) | Stage::Size(request) => Stage::Expectant(request),
                other => other,
            };
            return Err(Stop::Next(Next::Continue));
        }
        body_stage(request)
    }

    fn body(&mut self, mut request: WireRequest, n: usize) -> Step {
        self.take(&mut request.body, n);
        match n - request.body.len() {
            0 => Err(Stop::Next(Next::Request(request))),
            _ => Err(Stop::Starved(Stage::Body(request, n))),
        }
    }

    /// Moves bytes to a body, until it has so many.
    fn take(&mut self, body: &mut Vec<u8>, n: usize) {
        let part = self.rest().len().min(n - body.len());
        body.extend_from_slice(&self.data[self.used..self.used + part]);
        self.used += part;
    }

    /// A whole line without its end.
    fn line(&mut self) -> Result<Option<&[u8]>, Stop> {
        let Some(at) = find(self.rest(), b"\r\n") else {
            return if self.rest().len() > MAX_HEAD { refused(400) } else { Ok(None) };
        };
        let start = self.used;
        self.used += at + 2;
        Ok(Some(&self.data[start..start + at]))
    }

    fn size(&mut self, request: WireRequest) -> Step {
        let Some(line) = self.line()? else { return Err(Stop::Starved(Stage::Size(request))) };
        let digits = line.split(|&b| b == b';').next().unwrap_or(b"").trim_ascii();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
        let Some(digits) = std::str::from_utf8(digits).ok().filter(|_| is_number) else {
            return refused(400);
        };
        let left = MAX_BODY - request.body.len();
        match usize::from_str_radix(digits, 16) {
            Ok(0) => Ok(Stage::Trailers(request, 0)),
            Ok(n) if n <= left => {
                let end = request.body.len() + n;
                Ok(Stage::Chunk(request, end))
            }
            Ok(_) | Err(_) => refused(413),
        }
    }

    fn chunk(&mut self, mut request: WireRequest, end: usize) -> Step {
        self.take(&mut request.body, end);
        match end - request.body.len() {
            0 => Ok(Stage::ChunkEnd(request)),
            _ => Err(Stop::Starved(Stage::Chunk(request, end))),
        }
    }

    fn chunk_end(&mut self, request: WireRequest) -> Step {
        match self.rest() {
            [b'\r', b'\n', ..] => {
                self.used += 2;
                Ok(Stage::Size(request))
            }
            [] | [b'\r'] => Err(Stop::Starved(Stage::ChunkEnd(request))),
            _ => refused(400),
        }
    }

    /// Headers after the last chunk are read and dropped.
    fn trailers(&mut self, request: WireRequest, n: usize) -> Step {
        match self.line()? {
            None => Err(Stop::Starved(Stage::Trailers(request, n))),
            Some([]) => Err(Stop::Next(Next::Request(request))),
            Some(_) if n >= MAX_TRAILERS => refused(431),
            Some(_) => Ok(Stage::Trailers(request, n + 1)),
        }
    }
}

/// How the body of a request is received.
fn body_stage(request: WireRequest) -> Step {
    match (request.header("transfer-encoding"), request.header("content-length")) {
        (Some(_), Some(_)) => refused(400),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Stage::Size(request)),
        (Some(_), None) => refused(501),
        (None, None) => Err(Stop::Next(Next::Request(request))),
        (None, Some(length)) => {
            let is_number = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
            if !is_number {
                return refused(400);
            }
            match length.parse::<usize>() {
                Ok(n) if n <= MAX_BODY => Ok(Stage::Body(request, n)),
                Ok(_) | Err(_) => refused(413),
            }
        }
    }
}

fn refused<T>(status: u16) -> Result<T, Stop> {
    Err(Stop::Next(Next::Refused(status)))
}

fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    let (&first, rest) = what.split_first()?;
    let mut from = 0;
    while let Some(at) = data.get(from..)?.iter().position(|&b| b == first) {
        if data[from + at + 1..].starts_with(rest) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUESTS: &str = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\n[1\r\n1;x=y\r\n]\r\n0\r\nA: b\r\n\r\n\
        PUT /b?c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n\r\n\r\
        GET /d HTTP/1.0\r\n\r\n";

    /// What an inbox says that gets its bytes in parts of a length.
    fn told(bytes: &[u8], part: usize) -> String {
        let mut inbox = Inbox::default();
        let mut out = String::new();
        for bytes in bytes.chunks(part) {
            inbox.push(bytes);
            loop {
                match inbox.next() {
                    Next::Nothing => break,
                    Next::Continue => out.push_str("go on; "),
                    Next::Refused(status) => return out + &status.to_string(),
                    Next::Request(request) => {
                        let body = String::from_utf8_lossy(&request.body).into_owned();
                        out.push_str(&format!("{} {} {body:?}; ", request.method, request.target));
                    }
                }
            }
        }
        let end = if inbox.is_idle() { "idle" } else { "busy" };
        format!("{out}{end}")
    }

    #[test]
    fn parts_of_any_length_give_the_same_requests() {
        for part in 1..=REQUESTS.len() {
            let expected = r#"POST /a "[1]"; PUT /b?c "\r\n\r"; GET /d ""; idle"#;
            assert_eq!(told(REQUESTS.as_bytes(), part), expected, "in parts of {part}");
        }
    }

    #[test]
    fn whoever_expects_a_sign_gets_it_unless_refused() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: ";
        assert_eq!(told(format!("{head}2\r\n\r\n").as_bytes(), 1), "go on; busy");
        let all = format!("{head}2\r\n\r\nab");
        assert_eq!(told(all.as_bytes(), 1), "go on; POST / \"ab\"; idle");
        assert_eq!(told(all.as_bytes(), 1000), "POST / \"ab\"; idle");
        assert_eq!(told(format!("{head}99999999\r\n\r\n").as_bytes(), 1), "413");
    }

    #[test]
    fn what_has_no_end_is_refused() {
        assert_eq!(told(&vec![b'a'; MAX_HEAD + 2], 1000), "431");
        let chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let line = chunked.to_owned() + &"0".repeat(MAX_HEAD + 2);
        assert_eq!(told(line.as_bytes(), 1000), "400");
        let trailers = chunked.to_owned() + "0\r\n" + &"a: b\r\n".repeat(MAX_TRAILERS + 1);
        assert_eq!(told(trailers.as_bytes(), 7), "431");
        let mut parts = chunked.to_owned().into_bytes();
        for _ in 0..17 {
            parts.extend_from_slice(b"100000\r\n");
            parts.extend_from_slice(&vec![b'x'; 1 << 20]);
            parts.extend_from_slice(b"\r\n");
        }
        assert_eq!(told(&parts, 100_000), "413");
    }
}
