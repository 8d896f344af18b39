//! The HTTP server: sockets are served on threads of their own, handlers run one at a time on the
//! thread that called `listen`.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Cx;
use super::args::Func;
use super::dates::http_date;
use super::disk::reason;
use super::handles::{Kept, New, Res};
use super::http_routes::{Found, Route, find, is_method, is_path, request_dict};
use super::http_wire::{Refusal, Wire, WireReply, WireRequest, phrase};
use super::json_write;
use super::responses::Reply;
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
/// Connections at a time; more are closed at once.
const MAX_CONNECTIONS: usize = 4096;
/// Bytes of stack of a connection's thread.
const STACK: usize = 256 << 10;

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

/// A request that waits for its answer.
struct Job {
    request: WireRequest,
    remote: SocketAddr,
    answer: Sender<WireReply>,
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
    server.port.store(address.port(), Ordering::Relaxed);
    server.ends.store(false, Ordering::Release);
    cx.host.isolate().out.flush()?;
    // A closed standard error is no reason not to serve.
    let _ = writeln!(std::io::stderr(), "Listening on http://{address}");
    let (sender, jobs) = channel();
    let ends = Arc::clone(&server.ends);
    thread::spawn(move || accept(&listener, &sender, &ends));
    let served = serve(cx, &server, &jobs);
    server.ends.store(true, Ordering::Release);
    served
}

/// Runs handlers until the server ends and no request is in progress.
fn serve(cx: &mut Cx<'_>, server: &Res<'_, Server>, jobs: &Receiver<Job>) -> Result<()> {
    loop {
        match jobs.recv_timeout(SLICE) {
            Ok(job) => {
                let reply = handle(cx, server, &job)?;
                // The client may have gone.
                let _ = job.answer.send(reply);
            }
            // The accepting thread and all connections have ended.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if cx.host.isolate().interrupt.stop_was_requested() {
            return Err(Error::interrupted());
        }
    }
}

/// Takes connections until the server ends.
fn accept(listener: &TcpListener, jobs: &Sender<Job>, ends: &Arc<AtomicBool>) {
    let n_open = Arc::new(AtomicUsize::new(0));
    let slice = Timespec { tv_sec: 0, tv_nsec: i64::from(SLICE.subsec_nanos()) };
    while !ends.load(Ordering::Acquire) {
        let Ok((stream, remote)) = listener.accept() else {
            // Whatever the poll says, the next attempt finds out.
            let _ = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&slice));
            continue;
        };
        if n_open.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
            n_open.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let (jobs, ends, count) = (jobs.clone(), Arc::clone(ends), Arc::clone(&n_open));
        let body = move || {
            converse(&stream, remote, &jobs, &ends);
            count.fetch_sub(1, Ordering::AcqRel);
        };
        if thread::Builder::new().stack_size(STACK).spawn(body).is_err() {
            n_open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Serves one connection.
fn converse(stream: &TcpStream, remote: SocketAddr, jobs: &Sender<Job>, ends: &AtomicBool) {
    if stream.set_nonblocking(false).is_err() {
        return;
    }
    // Without it small answers wait; a socket that does not know it works too.
    let _ = stream.set_nodelay(true);
    let Ok(mut wire) = Wire::new(stream, ends) else { return };
    loop {
        let request = match wire.request() {
            Ok(request) => request,
            Err(Refusal::Gone) => return,
            Err(Refusal::Status(status)) => {
                // The connection ends anyway.
                let _ = wire.reply(&WireReply::text(status, phrase(status)), &date(), true, false);
                return;
            }
        };
        let has_body = request.method != "HEAD";
        let keeps_alive = request.keeps_alive;
        let (answer, answered) = channel();
        if jobs.send(Job { request, remote, answer }).is_err() {
            return;
        }
        let reply = answered.recv().unwrap_or_else(|_| WireReply::text(503, phrase(503)));
        let keeps_alive = keeps_alive && !ends.load(Ordering::Acquire);
        if wire.reply(&reply, &date(), has_body, keeps_alive).is_err() || !keeps_alive {
            return;
        }
    }
}

fn date() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    http_date(i64::try_from(now.as_secs()).unwrap_or(0))
}

/// The answer to a request; an error only if the program must end.
fn handle(cx: &mut Cx<'_>, server: &Res<'_, Server>, job: &Job) -> Result<WireReply> {
    let request = &job.request;
    let path = request.target.split('?').next().unwrap_or("/").to_owned();
    let found = find(&server.routes(), &request.method, &path);
    let (handler, captures) = match found {
        Found::Handler(handler, captures) => (handler, captures),
        Found::Nothing => return Ok(WireReply::text(404, phrase(404))),
        Found::Methods(methods) => {
            let status = if request.method == "OPTIONS" { 204 } else { 405 };
            let body = if status == 204 { "" } else { phrase(405) };
            let mut reply = WireReply::text(status, body);
            reply.headers.push(("Allow".to_owned(), methods.join(", ")));
            return Ok(reply);
        }
    };
    let handlers = cx.host.isolate().handlers.get(&server.id);
    let Some(handler) = handlers.and_then(|all| all.get(handler)).cloned() else {
        return Ok(internal_error("the handler belongs to another thread"));
    };
    let dict = request_dict(request, &path, &captures, &job.remote.to_string());
    let result = cx.call(&handler, [dict]);
    match result.and_then(|value| reply_of(cx, &value)) {
        Ok(reply) => Ok(reply),
        Err(error) if !error.is_catchable() => Err(error),
        Err(error) => {
            let is_body = error.kind == Kind::ParseError.name()
                && error.message.starts_with("request_json: ");
            if is_body {
                return Ok(WireReply::text(400, phrase(400)));
            }
            let what = format!("{}: {}", error.kind, error.message);
            Ok(internal_error(&format!("{} {path}: {what}", request.method)))
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
            let mut reply = WireReply::text(200, &json_write::write(cx, value, false)?);
            reply.headers[0].1 = "application/json".to_owned();
            Ok(reply)
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
