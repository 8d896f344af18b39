//! Expressions for the arguments of natives, made from their declarations.

use ruff_runtime::natives::Param;

/// What makes the arguments that only natives make.
pub(crate) const SETUP: &str = r#"
func listener() {
    l := tcp_listen("127.0.0.1", 0)
    tcp_set_nonblocking(l, true)
    return l
}
func stream() {
    l := tcp_listen("127.0.0.1", 0)
    s := tcp_connect("127.0.0.1", l.port)
    tcp_set_timeout(s, 5)
    return s
}
func datagrams() {
    s := udp_bind("127.0.0.1", 0)
    s.send_to("hi", "127.0.0.1", s.port)
    return s
}
func picture() {
    write_binary_file(IN + "/p.bmp", decode())
    return load_image(IN + "/p.bmp")
}
func decode() {
    return bytes([66, 77, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0,
        0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 4, 0, 0, 0, 19, 11, 0, 0, 19, 11, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 1, 2, 3, 0])
}
func outcome(f) {
    try {
        r := f()
        if type(r) == "promise" { await r }
        return type(r)
    } except e { return e.kind + " " + e.message }
}
"#;

/// The types whose values only natives make, and an expression for one of each.
pub(crate) const HANDLES: [(&str, &str); 14] = [
    ("ziparchive", "zip_create(IN + \"/z.zip\")"),
    ("tcplistener", "listener()"),
    ("tcpstream", "stream()"),
    ("udpsocket", "datagrams()"),
    ("database", "db_connect(\"sqlite\", \":memory:\")"),
    ("databasepool", "db_pool(\"sqlite\", \":memory:\")"),
    ("image", "picture()"),
    ("httpserver", "http_server(0)"),
    ("httpresponse", "http_response(200, \"\")"),
    ("promise", "async_sleep(1)"),
    ("taskhandle", "spawn_task(func() { return 1 })"),
    ("argparser", "arg_parser(\"p\")"),
    ("struct ArgParser", "arg_parser(\"p\")"),
    ("channel", "channel(9)"),
];

/// Values of the language, by the words of declarations.
const PLAIN: [(&str, &str); 27] = [
    ("any", "\"x\""),
    ("string", "\"x\""),
    ("data", "\"x\""),
    ("key", "\"x\""),
    ("int", "1"),
    ("whole", "1"),
    ("number", "1"),
    ("float", "1"),
    ("bool", "true"),
    ("bytes", "bytes([1])"),
    ("dict", "{\"k\": 1}"),
    ("array", "[3, 1]"),
    ("iterable", "[3, 1]"),
    ("array<string>", "[\"x\"]"),
    ("array<int>", "[1]"),
    ("set", "Set([1])"),
    ("queue", "Queue([1])"),
    ("stack", "Stack([1])"),
    ("iterator", "iter([1, 2])"),
    ("generator", "iter([1, 2])"),
    ("ref", "ref(1)"),
    ("func", "len"),
    ("result", "Ok(1)"),
    ("response", "{\"headers\": {}}"),
    ("option", "Some(1)"),
    ("struct", "arg_parser(\"p\")"),
    ("null", "null"),
];

fn first(ty: &str) -> &str {
    ty.split('|').next().unwrap_or(ty)
}

pub(crate) fn is_handle(ty: &str) -> bool {
    HANDLES.iter().any(|(word, _)| *word == first(ty))
}

/// An expression for a value of a type.
pub(crate) fn expression(ty: &str) -> &'static str {
    let mut known = HANDLES.iter().chain(&PLAIN);
    match known.find(|(word, _)| *word == first(ty)) {
        Some((_, text)) => text,
        None => panic!("no argument of type {ty}"),
    }
}

/// An expression for an argument; `IN` is a folder in the program around it.
pub(crate) fn argument(param: &Param) -> String {
    let inside = match param.leads_to {
        "read" if param.ty.starts_with("array") => "[IN + \"/f\"]",
        "read" => "IN + \"/f\"",
        "write" if param.ty.starts_with("array") => "[IN + \"/g\"]",
        "write" => "IN + \"/g\"",
        "directory" => "\".\"",
        "variable" => "\"RUFF_INSIDE\"",
        "host" => "\"127.0.0.1\"",
        "url" if param.ty.starts_with("array") => "[\"http://127.0.0.1:1/\"]",
        "url" => "\"http://127.0.0.1:1/\"",
        "program" if param.ty == "array" => "[[\"true\"]]",
        "program" if param.ty == "array<string>" => "[\"true\"]",
        "program" => "\"true\"",
        _ => match param.name {
            "kind" => "\"sqlite\"",
            "connection" => "\":memory:\"",
            "sql" => "\"SELECT 1\"",
            _ => expression(param.ty),
        },
    };
    inside.to_owned()
}
