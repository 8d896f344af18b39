//! One exchange with an HTTP server: plain data in and out, on any thread.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ureq::config::{Config, ConfigBuilder};
use ureq::http::{self, Method, Request, Response, Uri};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::permissions::{Class, Permissions};

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
    pub permissions: Arc<Permissions>,
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
    /// The program must not reach the host, or one that an answer points to.
    pub is_denied: bool,
    pub what: String,
}

impl Failure {
    pub(super) fn other(what: &str) -> Failure {
        Failure { is_timeout: false, is_denied: false, what: what.to_owned() }
    }
}

/// What came of a request.
pub(super) type Answer = Result<Incoming, Failure>;

/// Connections are kept for later requests to the same server.
static AGENT: LazyLock<Agent> = LazyLock::new(|| Agent::new_with_config(config().build()));

fn config() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .user_agent(concat!("ruff/", env!("CARGO_PKG_VERSION")))
}

/// The agent for a run: in restricted ones each connection is checked, also after a redirect,
/// and goes to the host itself, not to a proxy.
fn agent(permissions: Arc<Permissions>) -> Agent {
    if permissions.allows_all(Class::NetClient) {
        return AGENT.clone();
    }
    checked_agent(DefaultResolver::default(), permissions)
}

/// Connects to the very addresses that were checked; names are looked up once.
fn checked_agent(inner: impl Resolver, permissions: Arc<Permissions>) -> Agent {
    let resolver = Checked { inner, permissions };
    Agent::with_parts(config().proxy(None).build(), DefaultConnector::default(), resolver)
}

/// Looks up only what the program may reach.
#[derive(Debug)]
struct Checked<R> {
    inner: R,
    permissions: Arc<Permissions>,
}

/// The error of a host that the program must not reach.
#[derive(Debug)]
struct Denied;

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("denied")
    }
}

impl std::error::Error for Denied {}

impl<R: Resolver> Resolver for Checked<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let denied = || ureq::Error::Other(Box::new(Denied));
        let host = uri.host().unwrap_or("");
        if !self.permissions.allows_host(host) {
            return Err(denied());
        }
        let found = self.inner.resolve(uri, config, timeout)?;
        let is_allowed = |at: &SocketAddr| self.permissions.allows_address(host, at.ip());
        if found.iter().all(is_allowed) { Ok(found) } else { Err(denied()) }
    }
}

/// Sends a request and reads the whole answer.
pub(super) fn exchange(outgoing: Outgoing) -> Answer {
    exchange_by(&agent(outgoing.permissions.clone()), outgoing)
}

fn exchange_by(agent: &Agent, outgoing: Outgoing) -> Answer {
    let Outgoing { method, uri, headers, body, timeout, max_redirects, max_body, permissions: _ } =
        outgoing;
    let needs_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let limits = (timeout, max_redirects);
    let response = match body {
        Some(body) => send(agent, builder.body(body), limits),
        None if needs_body => send(agent, builder.body(Vec::new()), limits),
        None => send(agent, builder.body(()), limits),
    };
    let mut response = response.map_err(|error| failure(&error))?;
    let headers = collected(response.headers());
    let read = response.body_mut().with_config().limit(max_body).read_to_vec();
    let body = read.map_err(|error| failure(&error))?;
    Ok(Incoming { status: response.status().as_u16(), headers, body })
}

fn send<B: ureq::AsSendBody>(
    agent: &Agent,
    request: http::Result<Request<B>>,
    (timeout, max_redirects): (Duration, u32),
) -> Result<Response<Body>, ureq::Error> {
    let request = agent
        .configure_request(request?)
        .timeout_global(Some(timeout))
        .max_redirects(max_redirects)
        .max_redirects_will_error(max_redirects > 0)
        .build();
    agent.run(request)
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
    let is_denied = matches!(error, ureq::Error::Other(inner) if inner.is::<Denied>());
    Failure { is_timeout, is_denied, what: text }
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

#[cfg(test)]
mod tests;
