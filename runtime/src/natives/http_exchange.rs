//! One exchange with an HTTP server: plain data in and out, on any thread.

use std::sync::LazyLock;
use std::time::Duration;

use ureq::http::{self, Method, Request, Response, Uri};
use ureq::{Agent, Body};

/// What to send.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub method: Method,
    pub uri: Uri,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    pub timeout: Duration,
    pub max_redirects: u32,
    pub max_body: u64,
}

/// What came back.
pub(super) struct Incoming {
    pub status: u16,
    /// Names in lower case, repeated ones joined.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why nothing came back.
pub(super) struct Failure {
    pub is_timeout: bool,
    pub what: String,
}

/// Connections are kept for later requests to the same server.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .user_agent(concat!("ruff/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::new_with_config(config)
});

/// Sends a request and reads the whole answer.
pub(super) fn exchange(outgoing: Outgoing) -> Result<Incoming, Failure> {
    let Outgoing { method, uri, headers, body, timeout, max_redirects, max_body } = outgoing;
    let needs_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let limits = (timeout, max_redirects);
    let response = match body {
        Some(body) => send(builder.body(body), limits),
        None if needs_body => send(builder.body(Vec::new()), limits),
        None => send(builder.body(()), limits),
    };
    let mut response = response.map_err(|error| failure(&error))?;
    let headers = collected(response.headers());
    let read = response.body_mut().with_config().limit(max_body).read_to_vec();
    let body = read.map_err(|error| failure(&error))?;
    Ok(Incoming { status: response.status().as_u16(), headers, body })
}

fn send<B: ureq::AsSendBody>(
    request: http::Result<Request<B>>,
    (timeout, max_redirects): (Duration, u32),
) -> Result<Response<Body>, ureq::Error> {
    let request = AGENT
        .configure_request(request?)
        .timeout_global(Some(timeout))
        .max_redirects(max_redirects)
        .max_redirects_will_error(max_redirects > 0)
        .build();
    AGENT.run(request)
}

fn failure(error: &ureq::Error) -> Failure {
    let is_timeout = match error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::TimedOut,
        _ => false,
    };
    let text = match error {
        ureq::Error::Io(error) => super::disk::reason(error),
        other => other.to_string(),
    };
    Failure { is_timeout, what: text }
}

fn collected(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        match all.iter_mut().find(|(known, _)| known == name.as_str()) {
            Some((_, joined)) => joined.extend([", ", &*text]),
            None => all.push((name.as_str().to_owned(), text.into_owned())),
        }
    }
    all
}
