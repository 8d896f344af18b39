//! The HTTP client.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::http::{HeaderName, HeaderValue, Method, Uri};

use super::Cx;
use super::access::{Url, UrlOrDict, Urls};
use super::encoding::percent;
use super::http_exchange::{Answer, Failure, Incoming, Outgoing, exchange};
use super::library_args::{Options, data_of, dict_texts, dict_value, text_of};
use super::{json, json_write};
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::permissions::Class;
use crate::semantics::display::display;
use crate::value::{Tag, Value, View, Wrapper};

natives! {
    module "http_client";

    /// GET: a dict with status, ok, headers, body.
    ///
    ///     print(assert_throws(func() { http_get("ftp://a/") }).kind)   # expect: ValueError
    fn http_get(url: Url<'_>, options: Option<&Dict>) -> "dict" [Other, "net-client"; cx];

    /// POST; dicts and arrays are sent as JSON.
    ///
    ///     print(assert_throws(func() { http_post("no url", 1) }).kind)   # expect: TypeError
    fn http_post(url: Url<'_>, body: Option<&Value>, headers: Option<&Dict>, options: Option<&Dict>)
        -> "dict" [Other, "net-client"; cx];

    /// PUT.
    ///
    ///     print(assert_throws(func() { http_put("no url") }).kind)   # expect: ValueError
    fn http_put(url: Url<'_>, body: Option<&Value>, headers: Option<&Dict>, options: Option<&Dict>)
        -> "dict" [Other, "net-client"; cx];

    /// PATCH.
    ///
    ///     print(assert_throws(func() { http_patch("no url") }).kind)   # expect: ValueError
    fn http_patch(url: Url<'_>, body: Option<&Value>, headers: Option<&Dict>, options: Option<&Dict>)
        -> "dict" [Other, "net-client"; cx];

    /// DELETE.
    ///
    ///     print(assert_throws(func() { http_delete("no url") }).kind)   # expect: ValueError
    fn http_delete(url: Url<'_>, options: Option<&Dict>) -> "dict" [Other, "net-client"; cx];

    /// HEAD.
    ///
    ///     print(assert_throws(func() { http_head("no url") }).kind)   # expect: ValueError
    fn http_head(url: Url<'_>, options: Option<&Dict>) -> "dict" [Other, "net-client"; cx];

    /// The body of a GET as bytes; a status outside 200..299 is an error.
    ///
    ///     print(assert_throws(func() { http_get_binary("no url") }).kind)   # expect: ValueError
    fn http_get_binary as http_get_binary | http_get_stream(url: Url<'_>, options: Option<&Dict>)
        -> "bytes" [Other, "net-client"; cx];

    /// Any request; Ok(response) or Err(message).
    ///
    ///     print(is_err(http_request("http://127.0.0.1:1/")))   # expect: true
    fn http_request(request: UrlOrDict<'_>, options: Option<&Dict>)
        -> "result" [Other, "net-client"; cx];

    /// GETs all URLs at the same time.
    ///
    ///     print(parallel_http(["http://127.0.0.1:1/"])[0].status)   # expect: 0
    fn parallel_http(urls: Urls<'_>, options: Option<&Dict>)
        -> "array<dict>" [Other, "net-client"; cx];

    /// Exchanges the code of OAuth 2 for a token.
    ///
    ///     print(assert_throws(func() { oauth2_get_token("c", "i", "s", "no url", "r") }).kind)   # expect: ValueError
    fn oauth2_get_token(
        code: &str, client_id: &str, client_secret: &str, token_url: Url<'_>, redirect_uri: &str
    ) -> "dict" [Other, "net-client"; cx];
}

const OPTIONS: [&str; 5] = ["headers", "timeout", "max_redirects", "query", "max_body"];
/// Requests of parallel_http at a time.
const MAX_PARALLEL: usize = 32;
/// Bytes of a body.
const MAX_BODY: i64 = 64 << 20;
/// How long an interruption may go unnoticed.
const SLICE: Duration = Duration::from_millis(20);

/// The address of a request with the query added.
fn address(cx: &Cx<'_>, param: &str, url: &str, options: &Options<'_>) -> Result<Uri> {
    let malformed = || cx.bad_value(param, "an http or https URL", url);
    let mut full = url.split('#').next().unwrap_or(url).to_owned();
    for (name, value) in options.dict(cx, "query")?.into_iter().flat_map(Dict::iter) {
        full.push(if full.contains('?') { '&' } else { '?' });
        full.push_str(&percent(&display(name)?));
        full.push('=');
        full.push_str(&percent(&display(value)?));
    }
    let uri: Uri = full.parse().map_err(|_| malformed())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    if !is_http || uri.host().is_none_or(str::is_empty) {
        return Err(malformed());
    }
    Ok(uri)
}

/// Headers as given, checked.
fn headers(cx: &Cx<'_>, given: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
    let mut all = Vec::with_capacity(given.len());
    for (name, value) in given {
        let is_valid = name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value).is_ok();
        if !is_valid {
            let what = format!("invalid header '{}'", name.escape_debug());
            return Err(cx.failure(Kind::ValueError, what));
        }
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    Ok(all)
}

/// A request without body.
fn outgoing(
    cx: &mut Cx<'_>,
    method: Method,
    param: &str,
    url: &str,
    options: &Options<'_>,
) -> Result<Outgoing> {
    let timeout = options.positive(cx, "timeout")?.unwrap_or(30.0);
    let max_redirects = options.whole(cx, "max_redirects", 0)?.unwrap_or(10);
    Ok(Outgoing {
        method,
        uri: address(cx, param, url, options)?,
        headers: headers(cx, &options.texts(cx, "headers")?)?,
        body: None,
        timeout: Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX),
        max_redirects: u32::try_from(max_redirects).unwrap_or(u32::MAX),
        max_body: options.whole(cx, "max_body", 0)?.unwrap_or(MAX_BODY) as u64,
        permissions: cx.guard().permissions,
    })
}

/// Gives a request a body, with the content type that belongs to its kind.
fn set_body(cx: &Cx<'_>, outgoing: &mut Outgoing, body: &Value) -> Result<()> {
    let (data, content_type) = match body.view() {
        View::Null => return Ok(()),
        View::Dict(_) | View::Array(_) => {
            (json_write::write(cx, body, false)?.into_bytes(), "application/json")
        }
        View::Bytes(bytes) => (bytes.0.to_vec(), "application/octet-stream"),
        _ => match data_of(body) {
            Some(data) => (data.to_vec(), "application/json"),
            None => return Err(cx.bad_type("body", "string|bytes|dict|array|null", body)),
        },
    };
    let is_given = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
    if !outgoing.headers.iter().any(is_given) {
        outgoing.headers.push(("Content-Type".to_owned(), content_type.to_owned()));
    }
    outgoing.body = Some(data);
    Ok(())
}

/// Sends requests, at most [`MAX_PARALLEL`] at a time; results in order.
fn send_all(cx: &mut Cx<'_>, requests: Vec<Outgoing>) -> Result<Vec<Answer>> {
    let n = requests.len();
    let waiting = Arc::new(Mutex::new(requests.into_iter().enumerate()));
    let (sender, answers) = channel();
    for _ in 0..n.min(MAX_PARALLEL) {
        let (waiting, sender) = (Arc::clone(&waiting), sender.clone());
        std::thread::spawn(move || {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((i, request)) = next else { return };
                // Nobody listens any more after an interruption.
                if sender.send((i, exchange(request))).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut found: Vec<_> = (0..n).map(|_| None).collect();
    loop {
        match answers.recv_timeout(SLICE) {
            Ok((i, answer)) => found[i] = Some(answer),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if cx.host.isolate().interrupt.stop_was_requested() {
            return Err(Error::interrupted());
        }
    }
    let lost = || Err(Failure::other("the request failed"));
    let found: Vec<_> = found.into_iter().map(|answer| answer.unwrap_or_else(lost)).collect();
    if found.iter().any(|answer| answer.as_ref().is_err_and(|failure| failure.is_denied)) {
        return Err(cx.guard().denied(Class::NetClient));
    }
    Ok(found)
}

#[cold]
fn failed(cx: &Cx<'_>, failure: &Failure) -> Error {
    if failure.is_denied {
        return cx.failure(Kind::PermissionError, "capability 'net-client' denied");
    }
    let kind = if failure.is_timeout { Kind::TimeoutError } else { Kind::NetworkError };
    cx.failure(kind, &failure.what)
}

/// One request; what came of it, however it is waited for.
fn exchanged(cx: &mut Cx<'_>, request: Outgoing) -> Result<Answer> {
    let answer = send_all(cx, vec![request])?.pop();
    Ok(answer.unwrap_or_else(|| Err(Failure::other("the request failed"))))
}

fn send(cx: &mut Cx<'_>, request: Outgoing) -> Result<Incoming> {
    exchanged(cx, request)?.map_err(|failure| failed(cx, &failure))
}

/// The dict of an answer, or the error of there being none.
pub(super) fn answered(cx: &Cx<'_>, answer: Answer) -> Result<Value> {
    match answer {
        Ok(incoming) => Ok(dict_value(response(&incoming))),
        Err(failure) => Err(failed(cx, &failure)),
    }
}

/// The body as text, by the charset of its content type.
fn body_text(incoming: &Incoming) -> String {
    let content_type = incoming.headers.iter().find(|(name, _)| name == "content-type");
    let charset = content_type.and_then(|(_, value)| {
        let at = value.to_ascii_lowercase().find("charset=")?;
        let name = value[at + 8..].split(';').next()?.trim().trim_matches('"');
        encoding_rs::Encoding::for_label(name.as_bytes())
    });
    charset.unwrap_or(encoding_rs::UTF_8).decode(&incoming.body).0.into_owned()
}

/// The dict of an answer.
fn response(incoming: &Incoming) -> Dict {
    let mut headers = Dict::with_capacity(incoming.headers.len());
    for (name, value) in &incoming.headers {
        headers.insert_str(name, Value::str(value));
    }
    let mut dict = Dict::with_capacity(4);
    dict.insert_str("status", Value::int(i64::from(incoming.status)));
    dict.insert_str("ok", Value::bool((200..300).contains(&incoming.status)));
    dict.insert_str("headers", dict_value(headers));
    dict.insert_str("body", Value::from(body_text(incoming)));
    dict
}

/// A request with options and without body.
pub(super) fn bare(
    cx: &mut Cx<'_>,
    method: Method,
    url: &str,
    options: Option<&Dict>,
) -> Result<Outgoing> {
    let options = Options::new(cx, "options", options, &OPTIONS)?;
    outgoing(cx, method, "url", url, &options)
}

fn simple(cx: &mut Cx<'_>, method: Method, url: &str, options: Option<&Dict>) -> Result<Value> {
    let request = bare(cx, method, url, options)?;
    let answer = exchanged(cx, request)?;
    answered(cx, answer)
}

/// The arguments of a request with a body.
pub(super) struct WithBody<'a> {
    pub url: &'a str,
    pub body: Option<&'a Value>,
    pub headers: Option<&'a Dict>,
    pub options: Option<&'a Dict>,
}

impl WithBody<'_> {
    pub(super) fn request(self, cx: &mut Cx<'_>, method: Method) -> Result<Outgoing> {
        let options = Options::new(cx, "options", self.options, &OPTIONS)?;
        let body = self.body.cloned().unwrap_or_default();
        if !matches!(body.tag(), Tag::Null | Tag::Dict | Tag::Array | Tag::Bytes | Tag::Str) {
            return Err(cx.bad_type("body", "string|bytes|dict|array|null", &body));
        }
        let mut request = outgoing(cx, method, "url", self.url, &options)?;
        if let Some(given) = self.headers {
            let given = dict_texts(cx, "headers", given)?;
            let own = headers(cx, &given)?;
            request
                .headers
                .retain(|(name, _)| !own.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
            request.headers.extend(own);
        }
        set_body(cx, &mut request, &body)?;
        Ok(request)
    }

    fn send(self, cx: &mut Cx<'_>, method: Method) -> Result<Value> {
        let request = self.request(cx, method)?;
        let answer = exchanged(cx, request)?;
        answered(cx, answer)
    }
}

fn http_get(cx: &mut Cx<'_>, url: Url<'_>, options: Option<&Dict>) -> Result<Value> {
    simple(cx, Method::GET, url.0, options)
}

fn http_post(
    cx: &mut Cx<'_>,
    url: Url<'_>,
    body: Option<&Value>,
    headers: Option<&Dict>,
    options: Option<&Dict>,
) -> Result<Value> {
    WithBody { url: url.0, body, headers, options }.send(cx, Method::POST)
}

fn http_put(
    cx: &mut Cx<'_>,
    url: Url<'_>,
    body: Option<&Value>,
    headers: Option<&Dict>,
    options: Option<&Dict>,
) -> Result<Value> {
    WithBody { url: url.0, body, headers, options }.send(cx, Method::PUT)
}

fn http_patch(
    cx: &mut Cx<'_>,
    url: Url<'_>,
    body: Option<&Value>,
    headers: Option<&Dict>,
    options: Option<&Dict>,
) -> Result<Value> {
    WithBody { url: url.0, body, headers, options }.send(cx, Method::PATCH)
}

fn http_delete(cx: &mut Cx<'_>, url: Url<'_>, options: Option<&Dict>) -> Result<Value> {
    simple(cx, Method::DELETE, url.0, options)
}

fn http_head(cx: &mut Cx<'_>, url: Url<'_>, options: Option<&Dict>) -> Result<Value> {
    simple(cx, Method::HEAD, url.0, options)
}

fn http_get_binary(cx: &mut Cx<'_>, url: Url<'_>, options: Option<&Dict>) -> Result<Vec<u8>> {
    let options = Options::new(cx, "options", options, &OPTIONS)?;
    let request = outgoing(cx, Method::GET, "url", url.0, &options)?;
    let incoming = send(cx, request)?;
    if !(200..300).contains(&incoming.status) {
        let what = format!("status {}", incoming.status);
        return Err(cx.failure(Kind::NetworkError, what));
    }
    Ok(incoming.body)
}

/// The request that a URL or a dict describes.
pub(super) fn described(
    cx: &mut Cx<'_>,
    request: UrlOrDict<'_>,
    options: Option<&Dict>,
) -> Result<Outgoing> {
    let mut known = OPTIONS.to_vec();
    known.extend(["method", "body"]);
    Options::new(cx, "options", options, &known)?;
    // Entries of the options win over those of the request.
    let mut all = Dict::new();
    let url = match request.0.view() {
        View::Dict(dict) => {
            known.push("url");
            let given = Options::new(cx, "request", Some(dict), &known)?;
            for (key, value) in dict.iter() {
                all.insert(key.clone(), value.clone());
            }
            match given.text(cx, "url")? {
                Some(url) => url,
                None => return Err(given.bad_type(cx, "url", "string")),
            }
        }
        _ => text_of(request.0.0).unwrap_or(""),
    };
    for (key, value) in options.into_iter().flat_map(Dict::iter) {
        all.insert(key.clone(), value.clone());
    }
    let all = Options::new(cx, "request", Some(&all), &known)?;
    let name = all.text(cx, "method")?.unwrap_or("GET");
    let method = Method::from_bytes(name.as_bytes())
        .map_err(|_| all.bad_value(cx, "method", "the name of a method"))?;
    let mut request = outgoing(cx, method, "url", url, &all)?;
    set_body(cx, &mut request, all.get("body").unwrap_or(&Value::NULL))?;
    Ok(request)
}

fn http_request(cx: &mut Cx<'_>, request: UrlOrDict<'_>, options: Option<&Dict>) -> Result<Value> {
    let request = described(cx, request, options)?;
    Ok(match exchanged(cx, request)? {
        Ok(incoming) => Wrapper::Ok.wrap(dict_value(response(&incoming))),
        Err(failure) => Wrapper::Err.wrap(Value::from(failure.what)),
    })
}

fn parallel_http(cx: &mut Cx<'_>, urls: Urls<'_>, options: Option<&Dict>) -> Result<Vec<Value>> {
    let options = Options::new(cx, "options", options, &OPTIONS)?;
    let mut requests = Vec::with_capacity(urls.0.0.len());
    for (i, url) in urls.0.to_vec().iter().enumerate() {
        requests.push(outgoing(cx, Method::GET, &format!("urls[{i}]"), url, &options)?);
    }
    let answers = send_all(cx, requests)?;
    Ok(answers
        .iter()
        .map(|answer| {
            dict_value(match answer {
                Ok(incoming) => response(incoming),
                Err(failure) => {
                    let mut dict = Dict::with_capacity(5);
                    dict.insert_str("status", Value::int(0));
                    dict.insert_str("ok", Value::FALSE);
                    dict.insert_str("headers", dict_value(Dict::new()));
                    dict.insert_str("body", Value::str(""));
                    dict.insert_str("error", Value::str(&failure.what));
                    dict
                }
            })
        })
        .collect())
}

fn oauth2_get_token(
    cx: &mut Cx<'_>,
    code: &str,
    client_id: &str,
    client_secret: &str,
    token_url: Url<'_>,
    redirect_uri: &str,
) -> Result<Value> {
    let options = Options::new(cx, "options", None, &[])?;
    let mut request = outgoing(cx, Method::POST, "token_url", token_url.0, &options)?;
    let form = format!(
        "grant_type=authorization_code&code={}&client_id={}&client_secret={}&redirect_uri={}",
        percent(code),
        percent(client_id),
        percent(client_secret),
        percent(redirect_uri)
    );
    let content_type = "application/x-www-form-urlencoded";
    request.headers.push(("Content-Type".to_owned(), content_type.to_owned()));
    request.headers.push(("Accept".to_owned(), "application/json".to_owned()));
    request.body = Some(form.into_bytes());
    let incoming = send(cx, request)?;
    let body = body_text(&incoming);
    if !(200..300).contains(&incoming.status) {
        let what = format!("status {}: {body}", incoming.status);
        return Err(cx.failure(Kind::NetworkError, what));
    }
    let token = json::read(cx, &body)?;
    if matches!(token.view(), View::Dict(_)) {
        return Ok(token);
    }
    Err(cx.failure(Kind::ParseError, "the answer is no JSON object"))
}
