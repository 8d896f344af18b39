//! The HTTP client against a small server of the test, and the HTTP server against raw requests;
//! all on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;

use crate::check;
use crate::files::Scratch;
use crate::golden::Golden;
use crate::settings::Setting;

/// `PORT` stands for the port of the server.
const PROGRAM: &str = r#"
base := "http://127.0.0.1:PORT"
func failing(f) {
    try { f() } except e { return e.kind + ": " + e.message }
    return "no error"
}
r := http_get(base + "/echo?a=1", {"query": {"b c": "d&e", "n": 2}, "headers": {"X-Test": "yes"}})
print(r.status, r.ok, r.headers["content-type"], r.headers["x-twice"])   # expect: 200 true application/json 1, 2
e := parse_json(r.body)
print(e.method, e.path, e.x_test, e.body == "")   # expect: GET /echo?a=1&b%20c=d%26e&n=2 yes true
e := parse_json(http_post(base + "/echo", {"k": [1, null]}).body)
print(e.method, e.content_type, e.body)   # expect: POST application/json {"k":[1,null]}
e := parse_json(http_put(base + "/echo", bytes("raw")).body)
print(e.method, e.content_type, e.body)   # expect: PUT application/octet-stream raw
e := parse_json(http_patch(base + "/echo", "text", {"content-type": "text/plain"}).body)
print(e.method, e.content_type, e.body)   # expect: PATCH text/plain text
e := parse_json(http_post(base + "/echo").body)
print(e.method, e.content_type, e.body == "")   # expect: POST null true
print(parse_json(http_delete(base + "/echo").body).method)   # expect: DELETE
h := http_head(base + "/echo")
print(h.status, h.body == "")   # expect: 200 true
print(http_get(base + "/status/404").ok, http_get(base + "/status/503").status)   # expect: false 503
print(parse_json(http_get(base + "/redirect").body).path)   # expect: /echo
print(http_get(base + "/redirect", {"max_redirects": 0}).status)   # expect: 302
print(split(failing(func() { return http_get(base + "/loop") }), ":")[0])   # expect: NetworkError
print(split(failing(func() { return http_get(base + "/slow", {"timeout": 0.05}) }), ":")[0])   # expect: TimeoutError
print(split(failing(func() { return http_get(base + "/big", {"max_body": 100}) }), ":")[0])   # expect: NetworkError
print(split(failing(func() { return http_get(base + "/broken") }), ":")[0])   # expect: NetworkError
print(len(http_get(base + "/big").body), http_get(base + "/latin1").body)   # expect: 100000 é
print(http_get_binary(base + "/latin1") == bytes([233]))   # expect: true
print(failing(func() { return http_get_binary(base + "/status/404") }))   # expect: NetworkError: http_get_binary: status 404
print(failing(func() { return http_get_stream(base + "/status/500") }))   # expect: NetworkError: http_get_stream: status 500
r := http_request({"url": base + "/echo", "method": "OPTIONS", "body": "x"}, {"headers": {"X-Test": "o"}})
e := parse_json(unwrap(r).body)
print(e.method, e.x_test, e.body)   # expect: OPTIONS o x
print(unwrap(http_request(base + "/status/404")).status, is_err(http_request(base + "/slow", {"timeout": 0.05})))   # expect: 404 true
all := parallel_http([base + "/echo", base + "/status/404", base + "/broken"])
print(all.map(func(r) { return r.status }).collect())   # expect: [200, 404, 0]
t := oauth2_get_token("c&d", "id", "secret", base + "/echo", "http://x/y")
print(t.body)   # expect: grant_type=authorization_code&code=c%26d&client_id=id&client_secret=secret&redirect_uri=http%3A%2F%2Fx%2Fy
print(split(failing(func() { return oauth2_get_token("c", "i", "s", base + "/status/404", "r") }), ":")[0])   # expect: NetworkError
print(split(failing(func() { return oauth2_get_token("c", "i", "s", base + "/latin1", "r") }), ":")[0])   # expect: ParseError
print(oauth2_get_token("", "", "", base + "/echo", "").body)   # expect: grant_type=authorization_code&code=&client_id=&client_secret=&redirect_uri=
print([http_delete(base + "/echo", {}).ok, http_head(base + "/echo", {}).ok, http_post(base + "/echo", "").ok, http_put(base + "/echo", null).ok])   # expect: [true, true, true, true]
print(is_ok(http_request(base + "/echo", {})), len(http_get_binary(base + "/latin1", {})), len(http_get_stream(base + "/latin1")), len(http_get_stream(base + "/latin1", {})))   # expect: true 1 1 1
print((await async_http_get(base + "/echo")).ok, parse_json((await async_http_get(base + "/echo", {"query": {"é": ""}})).body).path, (await async_http_get(base + "/echo", {})).ok)   # expect: true /echo?%C3%A9= true
print((await async_http_post(base + "/echo", "a")).ok, (await async_http_post(base + "/echo", "", {})).ok)   # expect: true true
print((await async_http_request(base + "/status/404")).status, (await async_http_request({"url": base + "/echo", "body": ""}, {})).ok)   # expect: 404 true
"#;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("http/slow_clients", slow_clients),
        Trial::test("http/more_clients_than_connections", more_clients_than_connections),
    ];
    for setting in Setting::ALL {
        let name = setting.name();
        trials.push(Trial::test(format!("http/client::{name}"), move || {
            ask_with(&setting.options())
        }));
        trials.push(Trial::test(format!("http/server::{name}"), move || {
            serve_with(setting.options())
        }));
        trials.push(Trial::test(format!("http/tasks::{name}"), move || serve_tasks(setting)));
    }
    trials
}

/// A server with a route of each kind.
const SERVER: &str = r#"
s := http_server(PORT)
func show(r) {
    return r.method + " " + r.path + " " + to_json(r.params) + " " + to_json(r.query) + " " + r.body
}
s.get("/hi/:name", show).get("/hi/exact", func(r) { return "exact" })
s.post("/items", func(r) { return json_response(201, {"got": request_json(r)}) })
s.route("PUT", "/files/*path", show)
s.get("/dict", func(r) { return {"a": [1, null]} })
s.get("/bytes", func(r) { return http_response(200, bytes([1, 2])) })
s.get("/page", func(r) { return html_response(200, "<p>").set_header("X-A", "1") })
s.get("/go", func(r) { return redirect_response("/page") })
s.get("/fail", func(r) { return parse_int("x") })
s.get("/odd", func(r) { return 5 })
s.get("/agent", func(r) { return get_header(r, "User-Agent") })
s.delete("/stop", func(r) {
    s.stop()
    return "bye"
})
s.listen()
print("ended", s.port)
"#;

/// A request and what its answer must contain; `~` is a line end, `|end|` the end.
type Exchange = (&'static str, &'static [&'static str]);

const ANSWERED: &[Exchange] = &[
    (
        "GET /hi/a%20b?x=1&y=c+d HTTP/1.1~Host: h~~",
        &[
            "HTTP/1.1 200 OK~",
            "text/plain; charset=utf-8",
            r#"GET /hi/a%20b {"name":"a b"} {"x":"1","y":"c d"} "#,
            "Date: ",
            "keep-alive",
        ],
    ),
    (
        "GET /hi/exact HTTP/1.1~Host: h~Connection: close~~",
        &["200 OK", "~~exact", "Connection: close"],
    ),
    ("GET /hi/exact HTTP/1.0~~", &["~~exact", "Connection: close"]),
    (
        "POST /items HTTP/1.1~Host: h~Content-Length: 3~~[1]",
        &["201 Created", "application/json", r#"{"got":[1]}"#],
    ),
    (
        "POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~2~[1~1;x=y~]~0~A: b~~",
        &[r#"{"got":[1]}"#],
    ),
    ("POST /items HTTP/1.1~Host: h~Content-Length: 1~~{", &["400 Bad Request"]),
    ("PUT /files/a/b/c HTTP/1.1~Host: h~~", &[r#"PUT /files/a/b/c {"path":"a/b/c"}"#]),
    ("GET /dict HTTP/1.1~Host: h~~", &["application/json", r#"{"a":[1,null]}"#]),
    ("GET /bytes HTTP/1.1~Host: h~~", &["application/octet-stream", "~~\u{1}\u{2}"]),
    ("GET /page HTTP/1.1~Host: h~~", &["text/html; charset=utf-8", "X-A: 1", "~~<p>"]),
    ("HEAD /page HTTP/1.1~Host: h~~", &["200 OK", "Content-Length: 3", "~~|end|"]),
    ("OPTIONS /page HTTP/1.1~Host: h~~", &["204 No Content", "Allow: GET, HEAD, OPTIONS"]),
    ("POST /page HTTP/1.1~Host: h~~", &["405 Method Not Allowed", "Allow: GET, HEAD, OPTIONS"]),
    ("GET /go HTTP/1.1~Host: h~~", &["302 Found", "Location: /page"]),
    (
        "GET /fail HTTP/1.1~Host: h~~",
        &["500 Internal Server Error", "~~Internal Server Error|end|"],
    ),
    ("GET /odd HTTP/1.1~Host: h~~", &["500 Internal Server Error"]),
    ("GET /nope HTTP/1.1~Host: h~~", &["404 Not Found", "~~Not Found"]),
    ("GET /agent HTTP/1.1~Host: h~user-AGENT: me~~", &["~~me"]),
    // Two requests at once are answered in order.
    (
        "GET /hi/exact HTTP/1.1~Host: h~~GET /dict HTTP/1.1~Host: h~~",
        &["~~exactHTTP/1.1 200 OK", r#"{"a":[1,null]}"#],
    ),
];

/// Requests that two readers could understand differently, or that are none.
const REFUSED: &[(&str, &str)] = &[
    ("GET /hi/exact HTTP/1.1~~", "400 Bad Request"),
    ("GET / HTTP/2.0~Host: h~~", "400 Bad Request"),
    ("GET  / HTTP/1.1~Host: h~~", "400 Bad Request"),
    ("GET x HTTP/1.1~Host: h~~", "400 Bad Request"),
    ("G(T / HTTP/1.1~Host: h~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~Host: i~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host : h~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~ folded~~", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Content-Length: 1~Content-Length: 2~~[]", "400 Bad Request"),
    (
        "POST /items HTTP/1.1~Host: h~Content-Length: 1~Transfer-Encoding: chunked~~0~~",
        "400 Bad Request",
    ),
    ("POST /items HTTP/1.1~Host: h~Content-Length: -1~~", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Content-Length: 99999999999~~", "413 Content Too Large"),
    ("POST /items HTTP/1.1~Host: h~Transfer-Encoding: gzip~~", "501 Not Implemented"),
    ("POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~zz~", "400 Bad Request"),
    (
        "POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~FFFFFFFFF~",
        "413 Content Too Large",
    ),
    (
        "POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~FFFFFFFFFFFFFFFFF~",
        "413 Content Too Large",
    ),
    ("POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~-1~~", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~0x2~[]~0~~", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~2~[]x~0~~", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~~~[]~0~~", "400 Bad Request"),
    (
        "POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked~Transfer-Encoding: chunked~~0~~",
        "501 Not Implemented",
    ),
    (
        "POST /items HTTP/1.1~Host: h~Transfer-Encoding: chunked, identity~~0~~",
        "501 Not Implemented",
    ),
    ("POST /items HTTP/1.1~Host: h~Transfer-Encoding: xchunked~~0~~", "501 Not Implemented"),
    ("POST /items HTTP/1.0~Transfer-Encoding: chunked~~0~~", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Content-Length: +2~~[]", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Content-Length: 0x2~~[]", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Content-Length: 2, 2~~[]", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Content-Length: ~~", "400 Bad Request"),
    ("POST /items HTTP/1.1~Host: h~Content-Length: 1e1~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~: empty~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~X\u{0}: y~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~X: a\u{0}b~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~X: a\rb~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~no colon~~", "400 Bad Request"),
    ("GET / HTTP/1.1~Host: h~X Y: z~~", "400 Bad Request"),
    ("GET / HTTP/1.1~ Host: h~~", "400 Bad Request"),
    ("GET /\u{0} HTTP/1.1~Host: h~~", "400 Bad Request"),
    ("GET / HTTP/1.1 x~Host: h~~", "400 Bad Request"),
    ("GET / http/1.1~Host: h~~", "400 Bad Request"),
    ("GET / HTTP/1.10~Host: h~~", "400 Bad Request"),
    ("GET /~Host: h~~", "400 Bad Request"),
    ("/ HTTP/1.1~Host: h~~", "400 Bad Request"),
    (" GET / HTTP/1.1~Host: h~~", "400 Bad Request"),
    ("PRI * HTTP/2.0~~SM~~", "400 Bad Request"),
    ("\u{16}\u{3}\u{1}\u{2}hello~~", "400 Bad Request"),
];

/// The server under raw requests.
pub(crate) fn serve_with(options: engine::Options) -> Result<(), Failed> {
    // The port is free again when the listener is dropped.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let program = SERVER.replace("PORT", &port.to_string());
    let runner = thread::spawn(move || {
        let scratch = Scratch::new();
        let source = Source::new("main.ruff", &program);
        engine::run_captured(source, scratch.path().to_owned(), &options)
    });
    // A client that never finishes its request must not delay the others.
    let mut slow = connect(port)?;
    slow.write_all(b"GET / HT")?;
    let mut problems = Vec::new();
    let long = format!("GET / HTTP/1.1~Host: h~X: {}~~", "x".repeat(70_000));
    problems.extend(unlike(port, &long, &["431 Request Header Fields Too Large"])?);
    for (request, wanted) in ANSWERED {
        problems.extend(unlike(port, request, wanted)?);
    }
    for (request, status) in REFUSED {
        problems.extend(unlike(port, request, &[status, "Connection: close"])?);
    }
    drop(slow);
    let stop = "DELETE /stop HTTP/1.1~Host: h~~";
    problems.extend(unlike(port, stop, &["~~bye", "Connection: close"])?);
    let finished = runner.join().map_err(|_| "the server panicked")?;
    if finished.stdout != format!("ended {port}\n").as_bytes() {
        problems.push(format!("{:?}: {}", finished.stdout, finished.stderr));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// Handlers that wait for each other, and a task that ends the server.
const TASKS: &str = r#"
s := http_server(PORT)
c := channel()
async func waits(r) { return "got " + c.receive() }
async func fails(r) {
    await async_sleep(1)
    return parse_int("x")
}
s.get("/waits", waits).get("/fails", fails)
s.get("/gives", func(r) {
    c.send("it")
    return "given"
})
s.get("/promise", func(r) { return promise_all([async_sleep(1)]) })
s.get("/settled", func(r) { return Promise.any([waits(c.send("now"))]) })
s.get("/large", func(r) { return repeat("0123456789", 1000000) })
s.post("/len", func(r) { return to_string(len(r.body_bytes)) })
s.get("/none", func(r) { return http_response(204, "") })
s.get("/printed", func(r) {
    print("printed")
    return ""
})
async func ends() {
    await async_sleep(1)
    s.stop()
}
s.get("/end", func(r) {
    ends()
    return "soon"
})
s.listen()
print("ended")
s.get("/again", func(r) {
    spawn { s.stop() }
    return "again"
})
s.listen()
print("ended again")
"#;

fn serve_tasks(setting: Setting) -> Result<(), Failed> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let program = TASKS.replace("PORT", &port.to_string());
    let runner = thread::spawn(move || {
        let scratch = Scratch::new();
        let source = Source::new("main.ruff", &program);
        engine::run_captured(source, scratch.path().to_owned(), &setting.options())
    });
    let head = " HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut waiting = connect(port)?;
    waiting.write_all(format!("GET /waits{head}").as_bytes())?;
    let mut problems = Vec::new();
    problems.extend(unlike(port, "GET /gives HTTP/1.1~Host: h~~", &["~~given"])?);
    waiting.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    waiting.read_to_string(&mut answer)?;
    if !answer.ends_with("\r\n\r\ngot it") {
        problems.push(format!("the waiting handler: {answer:?}"));
    }
    let failed = &["500 Internal Server Error", "~~Internal Server Error|end|"];
    problems.extend(unlike(port, "GET /fails HTTP/1.1~Host: h~~", failed)?);
    problems.extend(unlike(
        port,
        "GET /promise HTTP/1.1~Host: h~~",
        &["application/json", "~~[null]"],
    )?);
    problems.extend(unlike(port, "GET /settled HTTP/1.1~Host: h~~", &["~~got now"])?);
    let many = "GET /gives HTTP/1.1~Host: h~~".repeat(200) + "GET /none HTTP/1.0~~";
    problems.extend(unlike(
        port,
        &many,
        &["~~givenHTTP/1.1 200", "204 No Content", "close~~|end|"],
    )?);
    problems.extend(lengths(port)?);
    problems.extend(unlike(port, "GET /printed HTTP/1.1~Host: h~~", &["Content-Length: 0"])?);
    problems.extend(unlike(port, "GET /end HTTP/1.1~Host: h~~", &["~~soon"])?);
    // The first server may still be listening, and then forgets who has just connected.
    let again = "GET /again HTTP/1.1~Host: h~~";
    while !unlike(port, again, &["~~again"]).is_ok_and(|problems| problems.is_empty()) {
        thread::sleep(Duration::from_millis(5));
    }
    let finished = runner.join().map_err(|_| "the server panicked")?;
    if finished.stdout != b"printed\nended\nended again\n" {
        let shown = String::from_utf8_lossy(&finished.stdout);
        problems.push(format!("{shown:?}: {}", finished.stderr));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

/// A body that comes in parts after a sign from the server, and an answer that is taken slowly.
fn lengths(port: u16) -> Result<Vec<String>, Failed> {
    let mut problems = Vec::new();
    let mut stream = connect(port)?;
    stream.write_all(b"POST /len HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n")?;
    stream.write_all(b"Expect: 100-continue\r\n\r\n")?;
    let mut sign = [0; 25];
    stream.read_exact(&mut sign)?;
    if &sign != b"HTTP/1.1 100 Continue\r\n\r\n" {
        problems.push(format!("{:?}", String::from_utf8_lossy(&sign)));
    }
    for _ in 0..30 {
        stream.write_all(&[b'x'; 100_000])?;
    }
    stream.write_all(b"GET /large HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut chunk = [0; 50_000];
    loop {
        match stream.read(&mut chunk)? {
            0 => break,
            n => answer.extend_from_slice(&chunk[..n]),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let has_length = answer.contains("\r\n\r\n3000000HTTP/1.1 200 OK\r\n");
    let ending = format!("Connection: close\r\n\r\n{}", "0123456789".repeat(1_000_000));
    if !has_length || !answer.ends_with(&ending) {
        problems.push(format!("{} bytes: {:.300?}", answer.len(), answer));
    }
    Ok(problems)
}

/// Clients that say nothing more, at the same time.
const N_SLOW: usize = 1000;
/// More than the server takes.
const N_MANY: usize = 4500;
/// How long a healthy client may wait beside them.
const HEALTHY_LIMIT: Duration = Duration::from_secs(2);

/// Clients that never finish their requests do not delay one that does.
fn slow_clients() -> Result<(), Failed> {
    beside(N_SLOW)
}

/// Connections that wait give way to new ones when there are too many.
#[expect(clippy::print_stdout, reason = "whoever runs the tests is to know what was left out")]
fn more_clients_than_connections() -> Result<(), Failed> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits.lines().find_map(|line| {
        line.strip_prefix("Max open files")?.split_whitespace().next()?.parse::<usize>().ok()
    });
    if soft.is_none_or(|soft| soft < 2 * N_MANY) {
        println!("skipped: too few files may be open (ulimit -n {})", 2 * N_MANY);
        return Ok(());
    }
    beside(N_MANY)
}

/// A healthy client beside slow ones.
fn beside(n_slow: usize) -> Result<(), Failed> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let program = SERVER.replace("PORT", &port.to_string());
    let scratch = Scratch::new();
    std::fs::write(scratch.path().join("main.ruff"), program)?;
    // A process of its own has its own number of open files.
    let mut server = Command::new(env!("CARGO_BIN_EXE_ruff"))
        .args(["run", "main.ruff"])
        .current_dir(scratch.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let outcome = (|| {
        drop(connect(port)?);
        let mut slow = Vec::new();
        for i in 0..n_slow {
            let mut stream = connect(port)?;
            stream
                .write_all(["GET / HTTP/1.1\r\nHo", "POST /items HTTP", "G"][i % 3].as_bytes())?;
            slow.push(stream);
        }
        let start = Instant::now();
        let problems = unlike(port, "GET /hi/exact HTTP/1.1~Host: h~~", &["~~exact"])?;
        let took = start.elapsed();
        if !problems.is_empty() {
            return Err(Failed::from(problems.join("\n")));
        }
        if took > HEALTHY_LIMIT { Err(format!("took {took:?}").into()) } else { Ok(()) }
    })();
    server.kill()?;
    server.wait()?;
    outcome
}

/// Sends a request; what its answer lacks.
fn unlike(port: u16, request: &str, wanted: &[&str]) -> Result<Vec<String>, Failed> {
    let mut stream = connect(port)?;
    stream.write_all(request.replace('~', "\r\n").as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = Vec::new();
    // The server may close a refused request before it was read.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).replace("\r\n", "~") + "|end|";
    let missing = wanted.iter().filter(|part| !answer.contains(*part));
    Ok(missing.map(|part| format!("{request:.80}: no {part:?} in {answer:?}")).collect())
}

/// Connects, as soon as the server listens.
fn connect(port: u16) -> Result<TcpStream, Failed> {
    for _ in 0..1000 {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
            return Ok(stream);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err("the server does not listen".into())
}

/// The client and the server of the test.
pub(crate) fn ask_with(options: &engine::Options) -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    // The thread ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    let program = PROGRAM.replace("PORT", &port.to_string());
    let golden = Golden::parse(&program)?;
    let scratch = Scratch::new();
    let source = Source::new("main.ruff", &program);
    let finished = engine::run_captured(source, scratch.path().to_owned(), options);
    check::compare(&golden, &finished)
}

/// A request as far as answers need it.
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut parts = line.split(' ');
    let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let mut request = Request { method, path, headers, body: String::new() };
    let length = request.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut request.body).ok()?;
    Some(request)
}

fn answer(mut stream: &TcpStream) -> Option<()> {
    let request = read(stream)?;
    let (head, body): (String, Vec<u8>) = match request.path.as_str() {
        "/redirect" => ("302 Found\r\nLocation: /echo".to_owned(), Vec::new()),
        "/loop" => ("302 Found\r\nLocation: /loop".to_owned(), Vec::new()),
        "/latin1" => {
            ("200 OK\r\nContent-Type: text/plain; charset=ISO-8859-1".to_owned(), vec![0xE9])
        }
        "/big" => ("200 OK".to_owned(), vec![b'x'; 100_000]),
        "/broken" => {
            stream.write_all(b"no http at all\r\n\r\n").ok()?;
            return Some(());
        }
        "/slow" => {
            // The client gives up and closes; then this read ends.
            let _ = stream.read(&mut [0]).ok()?;
            return Some(());
        }
        path => match path.strip_prefix("/status/") {
            Some(status) => (format!("{status} Status"), b"text".to_vec()),
            None => (
                "200 OK\r\nContent-Type: application/json\r\nX-Twice: 1\r\nX-Twice: 2".to_owned(),
                echo(&request).into_bytes(),
            ),
        },
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    if request.method != "HEAD" {
        stream.write_all(&body).ok()?;
    }
    Some(())
}

/// The request as JSON.
fn echo(request: &Request) -> String {
    let text = |value: Option<&str>| match value {
        Some(value) => format!("{value:?}"),
        None => "null".to_owned(),
    };
    format!(
        "{{\"method\": {:?}, \"path\": {:?}, \"x_test\": {}, \"content_type\": {}, \"body\": {:?}}}",
        request.method,
        request.path,
        text(request.header("x-test")),
        text(request.header("content-type")),
        request.body
    )
}
