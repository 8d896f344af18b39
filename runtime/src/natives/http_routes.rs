//! Which handler a request belongs to, and how handlers see requests.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::http_wire::WireRequest;
use super::library_args::{bytes_value, dict_value};
use crate::objects::dict::Dict;
use crate::value::Value;

/// A part of a route's path.
enum Segment {
    Exact(String),
    /// `:name`, one segment.
    One(String),
    /// `*name`, all that follows.
    Rest(String),
}

/// Method and path of a handler.
pub(super) struct Route {
    method: String,
    segments: Vec<Segment>,
    handler: usize,
}

/// Names and texts that a path gave.
type Captures = Vec<(String, String)>;

/// What the routes say about a request.
pub(super) enum Found {
    Handler(usize, Captures),
    /// The path exists for these methods only.
    Methods(Vec<String>),
    Nothing,
}

pub(super) fn is_method(method: &str) -> bool {
    !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}

pub(super) fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains(['?', '#', ' '])
}

impl Route {
    pub(super) fn new(method: &str, path: &str, handler: usize) -> Route {
        let n = path.split('/').count() - 1;
        let segment = |(i, part): (usize, &str)| match part.split_at_checked(1) {
            Some((":", name)) if !name.is_empty() => Segment::One(name.to_owned()),
            Some(("*", name)) if i + 1 == n => Segment::Rest(name.to_owned()),
            _ => Segment::Exact(part.to_owned()),
        };
        let segments = path.split('/').skip(1).enumerate().map(segment).collect();
        Route { method: method.to_owned(), segments, handler }
    }

    fn is_exact(&self) -> bool {
        self.segments.iter().all(|segment| matches!(segment, Segment::Exact(_)))
    }

    /// The captures, if the path matches.
    fn captures(&self, path: &str) -> Option<Captures> {
        let mut captures = Vec::new();
        let mut rest = path.strip_prefix('/');
        for segment in &self.segments {
            let text = rest?;
            let (part, behind) = match text.split_once('/') {
                Some((part, behind)) => (part, Some(behind)),
                None => (text, None),
            };
            match segment {
                Segment::Exact(wanted) if part == wanted => {}
                Segment::Exact(_) => return None,
                Segment::One(_) if part.is_empty() => return None,
                Segment::One(name) => captures.push((name.clone(), decoded(part, false))),
                Segment::Rest(name) => {
                    captures.push((name.clone(), decoded(text, false)));
                    return Some(captures);
                }
            }
            rest = behind;
        }
        rest.is_none().then_some(captures)
    }
}

/// Percent-decoded; broken escapes stay as they are, invalid bytes are replaced.
fn decoded(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        match byte {
            b'+' if plus_is_space => out.push(b' '),
            b'%' => match (digit(at), digit(at + 1)) {
                (Some(high), Some(low)) => {
                    out.push((high << 4 | low) as u8);
                    at += 2;
                }
                _ => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The route of a request: exact paths first, then the earlier one. HEAD is answered by GET.
pub(super) fn find(routes: &[Route], method: &str, path: &str) -> Found {
    let mut methods: Vec<String> = Vec::new();
    let mut found: Option<(&Route, Captures)> = None;
    let matching = routes.iter().filter_map(|route| Some((route, route.captures(path)?)));
    let fits = |route: &Route, wanted: &str| route.method == wanted;
    let mut fallback: Option<(&Route, Captures)> = None;
    for (route, captures) in matching {
        if !methods.contains(&route.method) {
            methods.push(route.method.clone());
        }
        let slot = if fits(route, method) {
            &mut found
        } else if method == "HEAD" && fits(route, "GET") {
            &mut fallback
        } else {
            continue;
        };
        let is_better = match slot {
            None => true,
            Some((known, _)) => !known.is_exact() && route.is_exact(),
        };
        if is_better {
            *slot = Some((route, captures));
        }
    }
    if let Some((route, captures)) = found.or(fallback) {
        return Found::Handler(route.handler, captures);
    }
    if methods.is_empty() {
        return Found::Nothing;
    }
    if methods.iter().any(|known| known == "GET") && !methods.iter().any(|known| known == "HEAD") {
        methods.push("HEAD".to_owned());
    }
    methods.push("OPTIONS".to_owned());
    Found::Methods(methods)
}

fn texts<'a>(pairs: impl ExactSizeIterator<Item = (&'a str, Value)>) -> Value {
    let mut dict = Dict::with_capacity(pairs.len());
    for (name, text) in pairs {
        dict.insert_str(name, text);
    }
    dict_value(dict)
}

/// A part of a query, decoded.
fn query_text(text: &str) -> Cow<'_, str> {
    match text.contains(['%', '+']) {
        true => decoded(text, true).into(),
        false => text.into(),
    }
}

/// The names and values of a query.
fn query_dict(query: &str) -> Value {
    let mut dict = Dict::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        dict.insert_str(&query_text(name), Value::str(&query_text(value)));
    }
    dict_value(dict)
}

/// A request as its handler sees it.
pub(super) fn request_dict(
    request: &WireRequest,
    path: &str,
    captures: &Captures,
    remote: SocketAddr,
) -> Value {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let by_name = query_dict(query);
    let headers =
        request.headers.iter().map(|(name, value)| (name.as_str(), Value::str(value.as_str())));
    let params = captures.iter().map(|(name, value)| (name.as_str(), Value::str(value)));
    let mut dict = Dict::with_capacity(11);
    dict.insert_str("method", Value::str(&request.method));
    dict.insert_str("path", Value::str(path));
    dict.insert_str("raw_path", Value::str(&request.target));
    dict.insert_str("query", by_name.clone());
    dict.insert_str("query_decoded", by_name);
    dict.insert_str("query_string", Value::str(query));
    dict.insert_str("params", texts(params));
    dict.insert_str("headers", texts(headers));
    dict.insert_str("body", Value::str(&String::from_utf8_lossy(&request.body)));
    dict.insert_str("body_bytes", bytes_value(request.body.clone()));
    dict.insert_str("remote", Value::str(&remote.to_string()));
    dict_value(dict)
}
