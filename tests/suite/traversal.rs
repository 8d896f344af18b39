//! Paths that lead out of what is granted: given to every native that takes a path, and asked of
//! an HTTP server that hands a part of the request's path to a native.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;
use ruff_runtime::permissions::{Class, Permissions};

use crate::arguments::SETUP;
use crate::files::Scratch;
use crate::sandbox;
use crate::settings::Setting;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for setting in &Setting::ALL[..3] {
        let name = format!("traversal/natives::{}", setting.name());
        trials.push(Trial::test(name, move || natives(*setting)));
    }
    trials.push(Trial::test("traversal/http_paths", http_paths));
    trials
}

const SECRET: &str = "what nobody may see";

/// Spellings of paths that lie outside of `in`, relative to it.
const OUTSIDE: [&str; 14] = [
    "/../out/secret",
    "/./../out/secret",
    "//..//out//secret",
    "/sub/../../out/secret",
    "/sub/../sub/../../out/secret",
    "/no/such/../../../out/secret",
    "/../in/../out/secret",
    "-evil/secret",
    "/../out",
    "/..",
    "/../out/new",
    "/up/secret",
    "/up/../out/secret",
    "/sub/up/../secret",
];

/// Links in `in` whose targets lie outside, or nowhere.
const LINKS: [&str; 3] = ["/file", "/dangling", "/absolute"];

/// Natives that concern a link itself and not what it leads to.
const OF_LINKS: [&str; 5] =
    ["path_is_symlink", "delete_file", "delete_dir", "os_rmdir", "rename_file"];

/// A folder with `in`, which is granted, and things beside it.
fn scene() -> Result<Scratch, Failed> {
    let scratch = Scratch::new();
    scratch.write("in/f", b"content");
    scratch.write("in/sub/f", b"content");
    scratch.write("out/secret", SECRET.as_bytes());
    scratch.write("in-evil/secret", SECRET.as_bytes());
    let inside = scratch.path().join("in");
    symlink("../out", inside.join("up"))?;
    symlink("../../out", inside.join("sub/up"))?;
    symlink("../out/secret", inside.join("file"))?;
    symlink("../out/new", inside.join("dangling"))?;
    symlink(scratch.path().join("out/secret"), inside.join("absolute"))?;
    Ok(scratch)
}

/// Everything outside of `in`: paths and contents.
fn outside(scratch: &Scratch) -> String {
    let mut shown = String::new();
    for folder in ["out", "in-evil"] {
        let mut names: Vec<_> = fs::read_dir(scratch.path().join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        names.sort();
        for path in names {
            let text = fs::read_to_string(&path).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = writeln!(shown, "{}: {text}", path.display());
        }
    }
    shown
}

/// Every native that takes a path, with every path that leads out, for reading and for writing.
fn natives(setting: Setting) -> Result<(), Failed> {
    let calls = sandbox::path_calls();
    if calls.len() < 40 {
        return Err(format!("only {} natives take paths", calls.len()).into());
    }
    let mut wrong = String::new();
    for (name, call) in &calls {
        let scratch = scene()?;
        let folder = fs::canonicalize(scratch.path())?;
        let before = outside(&scratch);
        let is_of_links = OF_LINKS.contains(name);
        let links = if is_of_links { &[][..] } else { &LINKS[..] };
        let mut program = format!("IN := \"{}/in\"\n{}", folder.display(), SETUP);
        let spellings: Vec<_> = OUTSIDE.iter().chain(links).collect();
        for path in &spellings {
            for call in call.split('\n') {
                let call = call.replace("PATH", &format!("IN + {path:?}"));
                let _ = writeln!(program, "print(outcome(func() {{ return {call} }}))");
            }
        }
        let source = Source::new("main.ruff", &program);
        let mut options = setting.options();
        options.permissions = Arc::new(granted(&folder.join("in")));
        let finished = engine::run_captured(source, folder.clone(), &options);
        let shown = String::from_utf8_lossy(&finished.stdout).into_owned();
        let n = shown.lines().count();
        if finished.exit_code != 0 || n != spellings.len() * call.split('\n').count() {
            let _ = writeln!(wrong, "{name}: {shown}{}", finished.stderr);
        }
        let allowed = shown.lines().filter(|line| !line.starts_with("PermissionError "));
        for line in allowed {
            let _ = writeln!(wrong, "{name}: {line}");
        }
        if outside(&scratch) != before {
            let _ = writeln!(wrong, "{name} changed what lies outside: {}", outside(&scratch));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

fn granted(folder: &Path) -> Permissions {
    let mut rules = Permissions::sandbox();
    let folder = folder.to_str();
    for class in [Class::FsRead, Class::FsWrite] {
        rules.grant(class, folder).expect("a path");
    }
    for class in [Class::NetClient, Class::NetServer, Class::Db, Class::Process, Class::Env] {
        rules.grant(class, None).expect("whole classes can be granted");
    }
    rules
}

/// A server of files which trusts the path of the request.
const SERVER: &str = r#"
s := http_server(PORT)
s.get("/files/*path", func(r) {
    try { return read_file("in/" + r.params.path) } except e { return http_response(403, e.kind) }
})
s.get("/named/:name", func(r) {
    try { return read_file("in/" + r.params.name) } except e { return http_response(403, e.kind) }
})
s.get("/query", func(r) {
    try { return read_file("in/" + r.query.f) } except e { return http_response(403, e.kind) }
})
s.listen()
"#;

/// Targets of requests that must not be answered with what lies outside.
const TARGETS: [&str; 16] = [
    "/files/../out/secret",
    "/files/%2e%2e/out/secret",
    "/files/..%2fout%2fsecret",
    "/files/%2e%2e%2fout%2fsecret",
    "/files/sub/../../out/secret",
    "/files//../out/secret",
    "/files/..%5cout%5csecret",
    "/files/%252e%252e/out/secret",
    "/files/up/secret",
    "/files/file",
    "/files/absolute",
    "/named/..%2fout%2fsecret",
    "/named/%2e%2e%2fout%2fsecret",
    "/query?f=../out/secret",
    "/query?f=..%2Fout%2Fsecret",
    "/../out/secret",
];

fn http_paths() -> Result<(), Failed> {
    let scratch = scene()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    scratch.write("main.ruff", SERVER.replace("PORT", &port.to_string()).as_bytes());
    let mut server = Command::new(env!("CARGO_BIN_EXE_ruff"))
        .args(["run", "--sandbox", "--allow-read=in", "--allow-listen", "main.ruff"])
        .current_dir(scratch.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let outcome = ask_all(&mut server, port);
    server.kill()?;
    server.wait()?;
    outcome
}

fn ask_all(server: &mut Child, port: u16) -> Result<(), Failed> {
    let answer = ask(server, port, "/files/sub/f")?;
    if !answer.starts_with("HTTP/1.1 200") || !answer.ends_with("content") {
        return Err(format!("what is granted is not served: {answer}").into());
    }
    for target in TARGETS {
        let answer = ask(server, port, target)?;
        let is_refused = ["HTTP/1.1 403", "HTTP/1.1 404", "HTTP/1.1 400"]
            .iter()
            .any(|status| answer.starts_with(status));
        if !is_refused || answer.contains(SECRET) {
            return Err(format!("{target}: {answer}").into());
        }
    }
    Ok(())
}

fn ask(server: &mut Child, port: u16, target: &str) -> Result<String, Failed> {
    for _ in 0..1000 {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            if let Some(status) = server.try_wait()? {
                return Err(format!("the server ended: {status}").into());
            }
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        return Ok(answer);
    }
    Err("the server does not listen".into())
}
