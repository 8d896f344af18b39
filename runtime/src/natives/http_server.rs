//! The HTTP server: the thread that called `listen` serves the sockets, and between that runs the
//! handlers, one at a time. A handler that is an async function is a task, and others are served
//! while it waits; so are the tasks that the program has started before.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Cx;
use super::args::Func;
use super::disk::reason;
use super::handles::{Kept, New, Res};
use super::http_connections::{Asker, Connections};
use super::http_routes::{Found, Route, find, is_method, is_path, request_dict};
use super::http_wire::{WireReply, WireRequest, phrase};
use super::json_write;
use super::responses::Reply;
use crate::concurrency::{promises, tasks};
use crate::error::{Error, Kind, Result};
use crate::objects::resource::ResourceBody;
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "http_server";

    /// A server for a port, on loopback unless another host is given; opens nothing yet.
    ///
    ///     print(http_server(8080).port)   # expect: 8080
    fn http_server(port: i64, host: Option<&str>) -> "httpserver" [Other; cx];

    /// A server for a host name or address and a port; opens nothing yet.
    ///
    ///     print(http_listen("0.0.0.0", 80).host)   # expect: 0.0.0.0
    fn http_listen(host: &str, port: i64) -> "httpserver" [Other; cx];
}

methods! {
    static METHODS of [Resource] as "httpserver";

    /// Adds a route; the same server.
    ///
    ///     print(http_server(0).route("GET", "/a/:id", func(r) { return "x" }))   # expect: <httpserver>
    fn route(server: Res<'_, Server>, method: &str, path: &str, handler: Func<'_>)
        -> "httpserver" [cx];

    /// A route for GET.
    ///
    ///     print(http_server(0).get("/", func(r) { return "x" }))   # expect: <httpserver>
    fn route_get as get(server: Res<'_, Server>, path: &str, handler: Func<'_>)
        -> "httpserver" [cx];

    /// A route for POST.
    ///
    ///     print(http_server(0).post("/", func(r) { return "x" }))   # expect: <httpserver>
    fn route_post as post(server: Res<'_, Server>, path: &str, handler: Func<'_>)
        -> "httpserver" [cx];

    /// A route for PUT.
    ///
    ///     print(http_server(0).put("/", func(r) { return "x" }))   # expect: <httpserver>
    fn route_put as put(server: Res<'_, Server>, path: &str, handler: Func<'_>)
        -> "httpserver" [cx];

    /// A route for PATCH.
    ///
    ///     print(http_server(0).patch("/", func(r) { return "x" }))   # expect: <httpserver>
    fn route_patch as patch(server: Res<'_, Server>, path: &str, handler: Func<'_>)
        -> "httpserver" [cx];

    /// A route for DELETE.
    ///
    ///     print(http_server(0).delete("/", func(r) { return "x" }))   # expect: <httpserver>
    fn route_delete as delete(server: Res<'_, Server>, path: &str, handler: Func<'_>)
        -> "httpserver" [cx];

    /// Serves until stop() or an interruption.
    ///
    ///     print(type(http_server))   # expect: function
    fn listen as listen | start(server: Res<'_, Server>) -> "null" [cx; "net-server"];

    /// Ends listen.
    ///
    ///     print(http_server(0).stop())   # expect: null
    fn stop(server: Res<'_, Server>) -> "null" [];
}

/// How long an interruption may go unnoticed.
const SLICE: Duration = Duration::from_millis(20);
/// How long it may take to notice what other threads have done for tasks.
const TASK_SLICE: Duration = Duration::from_millis(1);
/// Open files that a server would like to be allowed, for its connections.
const OPEN_FILES: u64 = 8192;

/// A description of a server.
pub(super) struct Server {
    /// The handlers are kept by the isolate under this number.
    id: u64,
    host: String,
    port: AtomicU16,
    routes: Mutex<Vec<Route>>,
    /// Set by `stop`.
    ends: Arc<AtomicBool>,
}

impl ResourceBody for Server {
    fn type_name(&self) -> &'static str {
        "httpserver"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "port" => Some(Value::int(i64::from(self.port.load(Ordering::Relaxed)))),
            "host" => Some(Value::str(&self.host)),
            _ => None,
        }
    }
}

impl Kept for Server {
    const WORD: &'static str = "httpserver";
    const STAYS_OPEN: bool = false;
}

impl Server {
    fn routes(&self) -> MutexGuard<'_, Vec<Route>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn server(cx: &Cx<'_>, host: &str, port: i64) -> Result<New<Server>> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let port = u16::try_from(port).map_err(|_| cx.bad_value("port", "0 to 65535", port))?;
    Ok(New(Server {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        host: host.to_owned(),
        port: AtomicU16::new(port),
        routes: Mutex::default(),
        ends: Arc::default(),
    }))
}

fn http_server(cx: &mut Cx<'_>, port: i64, host: Option<&str>) -> Result<New<Server>> {
    server(cx, host.unwrap_or("127.0.0.1"), port)
}

fn http_listen(cx: &mut Cx<'_>, host: &str, port: i64) -> Result<New<Server>> {
    server(cx, host, port)
}

fn add(
    cx: &mut Cx<'_>,
    server: &Res<'_, Server>,
    method: &str,
    path: &str,
    handler: Func<'_>,
) -> Result<Value> {
    if !is_method(method) {
        return Err(cx.bad_value("method", "the name of a method in upper case", method));
    }
    if !is_path(path) {
        return Err(cx.bad_value("path", "a path that starts with '/'", path));
    }
    let handlers = cx.host.isolate().handlers.entry(server.id).or_default();
    handlers.push(handler.0.clone());
    let handler = handlers.len() - 1;
    server.routes().push(Route::new(method, path, handler));
    Ok(server.to_value())
}

fn route(
    cx: &mut Cx<'_>,
    server: Res<'_, Server>,
    method: &str,
    path: &str,
    handler: Func<'_>,
) -> Result<Value> {
    add(cx, &server, method, path, handler)
}

macro_rules! routes_with_method {
    ($($name:ident = $method:literal;)*) => { $(
        fn $name(
            cx: &mut Cx<'_>,
            server: Res<'_, Server>,
            path: &str,
            handler: Func<'_>,
        ) -> Result<Value> {
            add(cx, &server, $method, path, handler)
        }
    )* };
}

routes_with_method! {
    route_get = "GET";
    route_post = "POST";
    route_put = "PUT";
    route_patch = "PATCH";
    route_delete = "DELETE";
}

fn stop(server: Res<'_, Server>) -> Result<()> {
    server.ends.store(true, Ordering::Release);
    Ok(())
}

/// A request whose handler waits.
struct Pending {
    from: Asker,
    promise: Value,
    /// The request, for messages.
    what: String,
}

/// What a handler has come to.
enum Outcome {
    Reply(WireReply),
    /// A promise of the result, and the request for messages.
    Later(Value, String),
}

fn listen(cx: &mut Cx<'_>, server: Res<'_, Server>) -> Result<()> {
    let port = server.port.load(Ordering::Relaxed);
    let unusable = |cx: &Cx<'_>, error: &std::io::Error| {
        let what = format!("'{}:{port}': {}", server.host, reason(error));
        cx.failure(Kind::NetworkError, what)
    };
    let listener = TcpListener::bind((server.host.as_str(), port)).map_err(|e| unusable(cx, &e))?;
    listener.set_nonblocking(true).map_err(|e| unusable(cx, &e))?;
    let address = listener.local_addr().map_err(|e| unusable(cx, &e))?;
    let mut connections = Connections::new(listener).map_err(|e| unusable(cx, &e))?;
    allow_open_files();
    server.port.store(address.port(), Ordering::Relaxed);
    server.ends.store(false, Ordering::Release);
    cx.host.isolate().out.flush()?;
    // A closed standard error is no reason not to serve.
    let _ = writeln!(std::io::stderr(), "Listening on http://{address}");
    let served = serve(cx, &server, &mut connections);
    server.ends.store(true, Ordering::Release);
    served
}

/// Raises the number of files that the process may open, as far as it may.
fn allow_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if current.is_some_and(|current| current < wanted) {
        // With fewer files there are fewer connections.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}

/// Serves until the server ends and no request is in progress.
fn serve(cx: &mut Cx<'_>, server: &Res<'_, Server>, connections: &mut Connections) -> Result<()> {
    let mut pending: Vec<Pending> = Vec::new();
    loop {
        while let Some((from, remote, request)) = connections.next_request() {
            let start = Instant::now();
            let outcome = handle(cx, server, &request, remote)?;
            connections.forgive(start.elapsed());
            if server.ends.load(Ordering::Acquire) {
                connections.end();
            }
            match outcome {
                Outcome::Reply(reply) => connections.answer(from, &reply),
                Outcome::Later(promise, what) => pending.push(Pending { from, promise, what }),
            }
        }
        let has_tasks = !pending.is_empty() || tasks::has_others(cx.host);
        if has_tasks {
            let start = Instant::now();
            tasks::pause(cx.host)?;
            connections.forgive(start.elapsed());
            if server.ends.load(Ordering::Acquire) {
                connections.end();
            }
            answer_settled(cx, &mut pending, connections)?;
        }
        cx.host.isolate().poll_if_pending()?;
        if server.ends.load(Ordering::Acquire) {
            connections.end();
            if connections.is_empty() {
                return Ok(());
            }
        }
        let patience = match tasks::patience(cx.host) {
            Some(patience) => patience.min(TASK_SLICE),
            None if has_tasks => TASK_SLICE,
            None => SLICE,
        };
        cx.host.isolate().out.flush()?;
        connections
            .wait(patience)
            .map_err(|error| cx.failure(Kind::NetworkError, reason(&error)))?;
    }
}

/// Answers the requests whose promises have settled.
fn answer_settled(
    cx: &mut Cx<'_>,
    pending: &mut Vec<Pending>,
    connections: &mut Connections,
) -> Result<()> {
    let mut at = 0;
    while let Some(Pending { promise, .. }) = pending.get(at) {
        let Some(result) = promises::known_outcome(promise) else {
            at += 1;
            continue;
        };
        let Pending { from, what, .. } = pending.swap_remove(at);
        let reply = finished(cx, result, || what)?;
        connections.answer(from, &reply);
    }
    Ok(())
}

/// Finds and runs the handler of a request; an error only if the program must end.
fn handle(
    cx: &mut Cx<'_>,
    server: &Res<'_, Server>,
    request: &WireRequest,
    remote: SocketAddr,
) -> Result<Outcome> {
    let path = request.target.split('?').next().unwrap_or("/");
    let found = find(&server.routes(), &request.method, path);
    let (handler, captures) = match found {
        Found::Handler(handler, captures) => (handler, captures),
        Found::Nothing => return Ok(Outcome::Reply(WireReply::text(404, phrase(404)))),
        Found::Methods(methods) => {
            let status = if request.method == "OPTIONS" { 204 } else { 405 };
            let body = if status == 204 { "" } else { phrase(405) };
            let mut reply = WireReply::text(status, body);
            reply.headers.push(("Allow".into(), methods.join(", ").into()));
            return Ok(Outcome::Reply(reply));
        }
    };
    let handlers = cx.host.isolate().handlers.get(&server.id);
    let Some(handler) = handlers.and_then(|all| all.get(handler)).cloned() else {
        return Ok(Outcome::Reply(internal_error("the handler belongs to another thread")));
    };
    let what = || format!("{} {path}", request.method);
    let dict = request_dict(request, path, &captures, remote);
    let result = match cx.call(&handler, [dict]) {
        Ok(promise) if matches!(promise.view(), View::Promise(_)) => {
            promises::observe(cx.host, &promise);
            match promises::known_outcome(&promise) {
                Some(result) => result,
                None => return Ok(Outcome::Later(promise, what())),
            }
        }
        result => result,
    };
    finished(cx, result, what).map(Outcome::Reply)
}

/// The answer that the end of a handler means; an error only if the program must end.
fn finished(
    cx: &mut Cx<'_>,
    result: Result<Value>,
    what: impl FnOnce() -> String,
) -> Result<WireReply> {
    match result.and_then(|value| reply_of(cx, &value)) {
        Ok(reply) => Ok(reply),
        Err(error) if !error.is_catchable() => Err(error),
        Err(error) => {
            let is_body = error.kind == Kind::ParseError.name()
                && error.message.starts_with("request_json: ");
            if is_body {
                return Ok(WireReply::text(400, phrase(400)));
            }
            Ok(internal_error(&format!("{}: {}: {}", what(), error.kind, error.message)))
        }
    }
}

/// Status 500; the details go to standard error only.
fn internal_error(details: &str) -> WireReply {
    // A closed standard error is no reason not to answer.
    let _ = writeln!(std::io::stderr(), "http server: {details}");
    WireReply::text(500, phrase(500))
}

/// The answer that a handler's result means.
fn reply_of(cx: &mut Cx<'_>, value: &Value) -> Result<WireReply> {
    match value.view() {
        View::Str(text) => Ok(WireReply::text(200, text.as_str())),
        View::Dict(_) | View::Array(_) => {
            let text = json_write::write(cx, value, false)?;
            Ok(WireReply::new(200, "application/json", text.into_bytes()))
        }
        View::Resource(resource) => match resource.downcast::<Reply>() {
            Some(reply) => Ok(reply.to_wire()),
            None => Err(unsuitable(cx, value)),
        },
        _ => Err(unsuitable(cx, value)),
    }
}

#[cold]
fn unsuitable(cx: &Cx<'_>, value: &Value) -> Error {
    cx.failure(Kind::TypeError, format!("a handler returned {}", type_name(value)))
}
