//! Responses of an HTTP server as values, and headers of messages.

#[cfg(feature = "network")]
use std::borrow::Cow;

use super::Cx;
use super::args::{Fit, FromArg};
use super::handles::{Kept, New, Res};
#[cfg(feature = "network")]
use super::http_wire::WireReply;
use super::library_args::{bytes_value, dict_texts, dict_value, text_of};
use super::{json, json_write};
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::objects::resource::{Resource, ResourceBody};
use crate::value::{Tag, Value, View};

natives! {
    module "http_server";

    /// A response with a status and a body.
    ///
    ///     print(http_response(200, "hi").body)   # expect: hi
    fn http_response(status: i64, body: Body<'_>) -> "httpresponse" [Pure; cx];

    /// A response with a value as JSON.
    ///
    ///     print(json_response(200, [1]).body)   # expect: [1]
    fn json_response(status: i64, value: &Value) -> "httpresponse" [Pure; cx];

    /// A response with HTML.
    ///
    ///     print(html_response(200, "<p>").headers)   # expect: {"Content-Type": text/html; charset=utf-8}
    fn html_response(status: i64, html: &str) -> "httpresponse" [Pure; cx];

    /// A response that sends the client elsewhere.
    ///
    ///     print(redirect_response("/a").status)   # expect: 302
    fn redirect_response(url: &str, headers: Option<&Dict>) -> "httpresponse" [Pure; cx];

    /// A copy with a header set.
    ///
    ///     print(set_header(http_response(200, ""), "X-A", "1").headers)   # expect: {"X-A": 1}
    fn set_header(response: Res<'_, Reply>, name: &str, value: &str)
        -> "httpresponse" [Pure; cx];

    /// A copy with several headers set.
    ///
    ///     print(set_headers(http_response(200, ""), {"X-A": "1"}).headers)   # expect: {"X-A": 1}
    fn set_headers(response: Res<'_, Reply>, headers: &Dict) -> "httpresponse" [Pure; cx];

    /// A header of a request or response in any letter case; null when absent.
    ///
    ///     print(get_header(json_response(200, 1), "content-type"))   # expect: application/json
    fn get_header(message: Message<'_>, name: &str) -> "string|null" [Pure];

    /// The body of a request, read as JSON.
    ///
    ///     print(request_json({"body": "[1]"}))   # expect: [1]
    fn request_json(request: &Dict) -> "any" [Pure; cx];
}

/// A response of a server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Content,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    Data(Vec<u8>),
}

impl ResourceBody for Reply {
    fn type_name(&self) -> &'static str {
        "httpresponse"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "status" => Some(Value::int(i64::from(self.status))),
            "headers" => {
                let mut dict = Dict::with_capacity(self.headers.len());
                for (name, value) in &self.headers {
                    dict.insert_str(name, Value::str(value));
                }
                Some(dict_value(dict))
            }
            "body" => Some(match &self.body {
                Content::Text(text) => Value::str(text),
                Content::Data(data) => bytes_value(data.clone()),
            }),
            _ => None,
        }
    }

    fn is_equal(&self, other: &Resource) -> bool {
        other.downcast::<Reply>() == Some(self)
    }
}

impl Kept for Reply {
    const WORD: &'static str = "httpresponse";
    const STAYS_OPEN: bool = false;
}

/// A string or bytes.
#[derive(Clone, Copy)]
struct Body<'a>(&'a Value);

impl<'a> FromArg<'a> for Body<'a> {
    const TYPE: &'static str = "string|bytes";
    fn fit(value: &Value) -> Fit {
        Fit::when(matches!(value.tag(), Tag::Str | Tag::Bytes))
    }
    fn convert(slot: &'a mut Value) -> Self {
        Body(slot)
    }
}

/// A request, a response of the client, or one of the server.
#[derive(Clone, Copy)]
enum Message<'a> {
    Dict(&'a Dict),
    Reply(Res<'a, Reply>),
}

impl<'a> FromArg<'a> for Message<'a> {
    const TYPE: &'static str = "dict|httpresponse";
    fn fit(value: &Value) -> Fit {
        if value.tag() == Tag::Dict { Fit::Good } else { Res::<Reply>::fit(value) }
    }
    fn convert(slot: &'a mut Value) -> Self {
        if slot.tag() == Tag::Dict {
            Message::Dict(<&Dict>::convert(slot))
        } else {
            Message::Reply(Res::convert(slot))
        }
    }
}

fn reply(cx: &Cx<'_>, status: i64, body: Content) -> Result<Reply> {
    match u16::try_from(status) {
        Ok(code) if (100..600).contains(&code) => {
            Ok(Reply { status: code, headers: Vec::new(), body })
        }
        _ => Err(cx.bad_value("status", "100 to 599", status)),
    }
}

#[cold]
fn invalid_header(cx: &Cx<'_>, name: &str) -> Error {
    cx.failure(Kind::ValueError, format!("invalid header '{}'", name.escape_debug()))
}

impl Reply {
    /// The answer as the server sends it; without a content type one by the kind of its body.
    #[cfg(feature = "network")]
    pub(super) fn to_wire(&self) -> WireReply {
        let own = self.headers.iter();
        let mut headers: Vec<(Cow<'static, str>, Cow<'static, str>)> =
            own.map(|(name, value)| (name.clone().into(), value.clone().into())).collect();
        let (body, default) = match &self.body {
            Content::Text(text) => (text.as_bytes().to_vec(), "text/plain; charset=utf-8"),
            Content::Data(data) => (data.clone(), "application/octet-stream"),
        };
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".into(), default.into()));
        }
        WireReply { status: self.status, headers, body }
    }

    fn set(&mut self, cx: &Cx<'_>, name: &str, value: &str) -> Result<()> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let is_valid = !name.is_empty()
            && name.bytes().all(is_token)
            && !value.chars().any(|c| c.is_control() && c != '\t');
        if !is_valid {
            return Err(invalid_header(cx, name));
        }
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => value.clone_into(known),
            None => self.headers.push((name.to_owned(), value.to_owned())),
        }
        Ok(())
    }
}

fn http_response(cx: &mut Cx<'_>, status: i64, body: Body<'_>) -> Result<New<Reply>> {
    let content = match body.0.view() {
        View::Bytes(bytes) => Content::Data(bytes.0.to_vec()),
        _ => Content::Text(text_of(body.0).unwrap_or("").to_owned()),
    };
    Ok(New(reply(cx, status, content)?))
}

fn json_response(cx: &mut Cx<'_>, status: i64, value: &Value) -> Result<New<Reply>> {
    let mut made = reply(cx, status, Content::Text(json_write::write(cx, value, false)?))?;
    made.set(cx, "Content-Type", "application/json")?;
    Ok(New(made))
}

fn html_response(cx: &mut Cx<'_>, status: i64, html: &str) -> Result<New<Reply>> {
    let mut made = reply(cx, status, Content::Text(html.to_owned()))?;
    made.set(cx, "Content-Type", "text/html; charset=utf-8")?;
    Ok(New(made))
}

fn redirect_response(cx: &mut Cx<'_>, url: &str, headers: Option<&Dict>) -> Result<New<Reply>> {
    let mut made = reply(cx, 302, Content::Text(format!("Redirecting to {url}")))?;
    made.set(cx, "Location", url)?;
    if let Some(headers) = headers {
        for (name, value) in dict_texts(cx, "headers", headers)? {
            made.set(cx, name, value)?;
        }
    }
    Ok(New(made))
}

fn set_header(
    cx: &mut Cx<'_>,
    response: Res<'_, Reply>,
    name: &str,
    value: &str,
) -> Result<New<Reply>> {
    let mut made = Reply::clone(&response);
    made.set(cx, name, value)?;
    Ok(New(made))
}

fn set_headers(cx: &mut Cx<'_>, response: Res<'_, Reply>, headers: &Dict) -> Result<New<Reply>> {
    let mut made = Reply::clone(&response);
    for (name, value) in dict_texts(cx, "headers", headers)? {
        made.set(cx, name, value)?;
    }
    Ok(New(made))
}

fn get_header(message: Message<'_>, name: &str) -> Result<Value> {
    match message {
        Message::Reply(reply) => {
            let found = reply.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            Ok(found.map_or(Value::NULL, |(_, value)| Value::str(value)))
        }
        Message::Dict(dict) => {
            let Some(View::Dict(headers)) = dict.get_str("headers").map(Value::view) else {
                return Ok(Value::NULL);
            };
            let is_meant =
                |key: &Value| text_of(key).is_some_and(|known| known.eq_ignore_ascii_case(name));
            let found = headers.iter().find(|(key, _)| is_meant(key));
            Ok(found.map_or(Value::NULL, |(_, value)| value.clone()))
        }
    }
}

fn request_json(cx: &mut Cx<'_>, request: &Dict) -> Result<Value> {
    let body = request.get_str("body").cloned().unwrap_or_default();
    match text_of(&body) {
        Some(text) => json::read(cx, text),
        None => Err(cx.bad_type("request[\"body\"]", "string", &body)),
    }
}
