//! TCP and UDP. The sockets never block in the operating system; waiting is a poll in slices, so
//! that time limits, closing from elsewhere and interruptions are seen.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Cx;
use super::access::HostName;
use super::args::NumberOrNull as Limit;
use super::disk::reason;
use super::handles::{Kept, New, Res, Socket, text_or_bytes};
use super::library_args::{Data, bytes_value};
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::objects::resource::ResourceBody;
use crate::permissions::Class;
use crate::value::Value;

natives! {
    module "network";

    /// A listener on a port; 0 takes a free one.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     print(l, l.port > 0, l.close())   # expect: <tcplistener> true true
    fn tcp_listen(host: &str, port: i64) -> "tcplistener" [Other, "net-server"; cx];

    /// Waits for a connection.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     c := tcp_connect("127.0.0.1", l.port)
    ///     print(tcp_accept(l), tcp_close(c))   # expect: <tcpstream> true
    fn tcp_accept(listener: Res<'_, Listener>) -> "tcpstream" [Other, "net-server"; cx];

    /// Resolves and connects.
    ///
    ///     print(assert_throws(func() { tcp_connect("127.0.0.1", 70000) }).kind)   # expect: ValueError
    fn tcp_connect(host: HostName<'_>, port: i64) -> "tcpstream" [Other, "net-client"; cx];

    /// Writes everything; the number of bytes.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     print(tcp_send(tcp_connect("127.0.0.1", l.port), "hi"))   # expect: 2
    fn tcp_send(stream: Res<'_, Stream>, source: Data<'_>) -> "int" [Other, "net-client"; cx];

    /// One read: a string when valid UTF-8, else bytes; "" at the end.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     c := tcp_connect("127.0.0.1", l.port)
    ///     c.send("hi")
    ///     print(tcp_receive(l.accept(), 100))   # expect: hi
    fn tcp_receive(stream: Res<'_, Stream>, max_size: i64)
        -> "string|bytes" [Other, "net-client"; cx];

    /// One read as bytes.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     c := tcp_connect("127.0.0.1", l.port)
    ///     c.send("hi")
    ///     print(tcp_receive_bytes(l.accept(), 100))   # expect: <bytes: 2>
    fn tcp_receive_bytes(stream: Res<'_, Stream>, max_size: i64)
        -> "bytes" [Other, "net-client"; cx];

    /// Closes a stream or listener for all copies of the handle.
    ///
    ///     print(tcp_close(tcp_listen("127.0.0.1", 0)))   # expect: true
    fn tcp_close(socket: Socket<'_, Stream, Listener>) -> "bool" [Other, "net-client"; cx];

    /// Switches waiting off or on.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     tcp_set_nonblocking(l, true)
    ///     print(assert_throws(func() { tcp_accept(l) }).kind)   # expect: TimeoutError
    fn tcp_set_nonblocking(socket: Socket<'_, Stream, Listener>, on: bool)
        -> "bool" [Other, "net-client"; cx];

    /// The limit for each send and receive in milliseconds; null: none.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     c := tcp_connect("127.0.0.1", l.port)
    ///     tcp_set_timeout(c, 5)
    ///     print(assert_throws(func() { tcp_receive(c, 1) }).kind)   # expect: TimeoutError
    fn tcp_set_timeout(stream: Res<'_, Stream>, ms: Limit) -> "bool" [Other, "net-client"; cx];

    /// A socket for datagrams; port 0 takes a free one.
    ///
    ///     s := udp_bind("127.0.0.1", 0)
    ///     print(s, s.port > 0, s.close())   # expect: <udpsocket> true true
    fn udp_bind(host: &str, port: i64) -> "udpsocket" [Other, "net-server"; cx];

    /// Sends one datagram; the number of bytes.
    ///
    ///     s := udp_bind("127.0.0.1", 0)
    ///     print(udp_send_to(s, "hi", "127.0.0.1", s.port))   # expect: 2
    fn udp_send_to(socket: Res<'_, Datagrams>, source: Data<'_>, host: HostName<'_>, port: i64)
        -> "int" [Other, "net-client"; cx];

    /// Receives one datagram as {data, from, size}.
    ///
    ///     s := udp_bind("127.0.0.1", 0)
    ///     s.send_to("hi", "127.0.0.1", s.port)
    ///     print(udp_receive_from(s, 100).data)   # expect: hi
    fn udp_receive_from(socket: Res<'_, Datagrams>, max_size: i64)
        -> "dict" [Other, "net-server"; cx];

    /// Closes a socket for all copies of the handle.
    ///
    ///     print(udp_close(udp_bind("127.0.0.1", 0)))   # expect: true
    fn udp_close(socket: Res<'_, Datagrams>) -> "bool" [Other, "net-server"; cx];
}

methods! {
    static LISTENER_METHODS of [Resource] as "tcplistener";

    /// As tcp_accept.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     c := tcp_connect("127.0.0.1", l.port)
    ///     print(l.accept())   # expect: <tcpstream>
    fn tcp_accept as accept(listener: Res<'_, Listener>) -> "tcpstream" [cx; "net-server"];

    /// As tcp_close.
    ///
    ///     print(tcp_listen("127.0.0.1", 0).close())   # expect: true
    fn listener_close as close(listener: Res<'_, Listener>) -> "bool" [cx; "net-server"];
}

methods! {
    static STREAM_METHODS of [Resource] as "tcpstream";

    /// As tcp_send.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     print(tcp_connect("127.0.0.1", l.port).send("hi"))   # expect: 2
    fn tcp_send as send(stream: Res<'_, Stream>, source: Data<'_>) -> "int" [cx; "net-client"];

    /// As tcp_receive.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     c := tcp_connect("127.0.0.1", l.port)
    ///     c.send("hi")
    ///     print(l.accept().receive(1))   # expect: h
    fn tcp_receive as receive(stream: Res<'_, Stream>, max_size: i64)
        -> "string|bytes" [cx; "net-client"];

    /// As tcp_receive_bytes.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     c := tcp_connect("127.0.0.1", l.port)
    ///     c.close()
    ///     print(l.accept().receive_bytes(9))   # expect: <bytes: 0>
    fn tcp_receive_bytes as receive_bytes(stream: Res<'_, Stream>, max_size: i64)
        -> "bytes" [cx; "net-client"];

    /// As tcp_close.
    ///
    ///     l := tcp_listen("127.0.0.1", 0)
    ///     print(tcp_connect("127.0.0.1", l.port).close())   # expect: true
    fn stream_close as close(stream: Res<'_, Stream>) -> "bool" [cx; "net-client"];
}

methods! {
    static DATAGRAM_METHODS of [Resource] as "udpsocket";

    /// As udp_send_to.
    ///
    ///     s := udp_bind("127.0.0.1", 0)
    ///     print(s.send_to("hi", "127.0.0.1", s.port))   # expect: 2
    fn udp_send_to as send_to(
        socket: Res<'_, Datagrams>, source: Data<'_>, host: HostName<'_>, port: i64
    ) -> "int" [cx; "net-client"];

    /// As udp_receive_from.
    ///
    ///     s := udp_bind("127.0.0.1", 0)
    ///     s.send_to("hi", "127.0.0.1", s.port)
    ///     print(s.receive_from(100).size)   # expect: 2
    fn udp_receive_from as receive_from(socket: Res<'_, Datagrams>, max_size: i64)
        -> "dict" [cx; "net-server"];

    /// As udp_close.
    ///
    ///     print(udp_bind("127.0.0.1", 0).close())   # expect: true
    fn udp_close as close(socket: Res<'_, Datagrams>) -> "bool" [cx; "net-server"];
}

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long an interruption may go unnoticed.
const SLICE: Duration = Duration::from_millis(20);
/// Bytes of one receive.
const MAX_RECEIVE: i64 = 64 << 20;

/// The state that all kinds of sockets have.
#[derive(Default)]
struct Mode {
    is_closed: AtomicBool,
    never_waits: AtomicBool,
    /// In microseconds; 0: none.
    timeout: AtomicU64,
}

pub(super) struct Listener {
    socket: TcpListener,
    mode: Mode,
}

pub(super) struct Stream {
    socket: TcpStream,
    mode: Mode,
    is_accepted: bool,
}

pub(super) struct Datagrams {
    socket: UdpSocket,
    mode: Mode,
}

fn port_field(address: io::Result<SocketAddr>) -> Option<Value> {
    address.ok().map(|address| Value::int(i64::from(address.port())))
}

impl ResourceBody for Listener {
    fn type_name(&self) -> &'static str {
        "tcplistener"
    }
    fn field(&self, name: &str) -> Option<Value> {
        if name == "port" { port_field(self.socket.local_addr()) } else { None }
    }
}

impl ResourceBody for Stream {
    fn type_name(&self) -> &'static str {
        "tcpstream"
    }
    fn field(&self, name: &str) -> Option<Value> {
        if name != "peer" {
            return None;
        }
        Some(self.socket.peer_addr().map_or(Value::str(""), |peer| Value::from(peer.to_string())))
    }
}

impl ResourceBody for Datagrams {
    fn type_name(&self) -> &'static str {
        "udpsocket"
    }
    fn field(&self, name: &str) -> Option<Value> {
        if name == "port" { port_field(self.socket.local_addr()) } else { None }
    }
}

impl Kept for Listener {
    const WORD: &'static str = "tcplistener";
    const STAYS_OPEN: bool = true;
    fn covering_class(&self) -> Option<Class> {
        Some(Class::NetServer)
    }
}

impl Kept for Stream {
    const WORD: &'static str = "tcpstream";
    const STAYS_OPEN: bool = true;
    fn covering_class(&self) -> Option<Class> {
        self.is_accepted.then_some(Class::NetServer)
    }
}

impl Kept for Datagrams {
    const WORD: &'static str = "udpsocket";
    const STAYS_OPEN: bool = true;
}

#[cold]
fn failed(cx: &Cx<'_>, error: &io::Error) -> Error {
    cx.failure(Kind::NetworkError, reason(error))
}

impl Mode {
    fn check_open(&self, cx: &Cx<'_>, kind: &str) -> Result<()> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(cx.failure(Kind::NetworkError, format!("{kind} is closed")));
        }
        Ok(())
    }

    /// Repeats `attempt` until it does not have to wait any more.
    fn wait<T>(
        &self,
        cx: &mut Cx<'_>,
        kind: &str,
        socket: impl AsFd,
        events: PollFlags,
        mut attempt: impl FnMut() -> io::Result<T>,
    ) -> Result<T> {
        let limit = Duration::from_micros(self.timeout.load(Ordering::Relaxed));
        let deadline = (!limit.is_zero()).then(|| Instant::now().checked_add(limit)).flatten();
        loop {
            self.check_open(cx, kind)?;
            match attempt() {
                Ok(done) => return Ok(done),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(cx, &error)),
            }
            if self.never_waits.load(Ordering::Relaxed) {
                return Err(cx.failure(Kind::TimeoutError, "nothing is ready"));
            }
            if cx.host.isolate().interrupt.stop.load(Ordering::Relaxed) {
                return Err(Error::interrupted());
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                let what = format!("time limit of {} ms reached", limit.as_secs_f64() * 1000.0);
                return Err(cx.failure(Kind::TimeoutError, what));
            }
            let slice = left.map_or(SLICE, |left| left.min(SLICE));
            let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(slice.subsec_nanos()) };
            // Whatever the poll says, the next attempt finds out.
            let _ = poll(&mut [PollFd::new(&socket, events)], Some(&timeout));
        }
    }
}

fn checked_port(cx: &Cx<'_>, port: i64) -> Result<u16> {
    u16::try_from(port).map_err(|_| cx.bad_value("port", "0 to 65535", port))
}

fn checked_size(cx: &Cx<'_>, max_size: i64) -> Result<usize> {
    if !(1..=MAX_RECEIVE).contains(&max_size) {
        return Err(cx.bad_value("max_size", &format!("1 to {MAX_RECEIVE}"), max_size));
    }
    Ok(max_size as usize)
}

/// The addresses of another machine that the program may reach.
fn peers(cx: &mut Cx<'_>, host: &str, port: i64) -> Result<Vec<SocketAddr>> {
    let found = addresses(cx, host, port)?;
    cx.guard().addresses(host, found.iter().map(SocketAddr::ip))?;
    Ok(found)
}

fn addresses(cx: &Cx<'_>, host: &str, port: i64) -> Result<Vec<SocketAddr>> {
    let port = checked_port(cx, port)?;
    let unknown = |what: &str| cx.failure(Kind::NetworkError, format!("'{host}': {what}"));
    let found: Vec<_> = (host, port).to_socket_addrs().map_err(|e| unknown(&reason(&e)))?.collect();
    if found.is_empty() { Err(unknown("no address")) } else { Ok(found) }
}

/// `NetworkError` with the address that was meant.
#[cold]
fn unreachable_at(cx: &Cx<'_>, host: &str, port: i64, error: &io::Error) -> Error {
    if error.kind() == ErrorKind::TimedOut {
        return cx.failure(Kind::TimeoutError, format!("'{host}:{port}': no answer in 10 s"));
    }
    cx.failure(Kind::NetworkError, format!("'{host}:{port}': {}", reason(error)))
}

fn tcp_listen(cx: &mut Cx<'_>, host: &str, port: i64) -> Result<New<Listener>> {
    let found = addresses(cx, host, port)?;
    let socket = TcpListener::bind(&*found).map_err(|e| unreachable_at(cx, host, port, &e))?;
    socket.set_nonblocking(true).map_err(|e| failed(cx, &e))?;
    Ok(New(Listener { socket, mode: Mode::default() }))
}

fn stream(cx: &Cx<'_>, socket: TcpStream, is_accepted: bool) -> Result<New<Stream>> {
    socket.set_nonblocking(true).map_err(|e| failed(cx, &e))?;
    // Without it small messages wait; a socket that does not know it works too.
    let _ = socket.set_nodelay(true);
    Ok(New(Stream { socket, mode: Mode::default(), is_accepted }))
}

fn tcp_accept(cx: &mut Cx<'_>, listener: Res<'_, Listener>) -> Result<New<Stream>> {
    let socket = &listener.socket;
    let (accepted, _) =
        listener.mode.wait(cx, Listener::WORD, socket, PollFlags::IN, || socket.accept())?;
    stream(cx, accepted, true)
}

fn tcp_connect(cx: &mut Cx<'_>, host: HostName<'_>, port: i64) -> Result<New<Stream>> {
    let deadline = Instant::now() + CONNECT_LIMIT;
    let mut last = io::Error::from(ErrorKind::TimedOut);
    for address in peers(cx, host.0, port)? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => return stream(cx, socket, false),
            Err(error) => last = error,
        }
    }
    Err(unreachable_at(cx, host.0, port, &last))
}

fn tcp_send(cx: &mut Cx<'_>, stream: Res<'_, Stream>, source: Data<'_>) -> Result<i64> {
    let mut socket = &stream.socket;
    let mut rest = source.0;
    stream.mode.check_open(cx, Stream::WORD)?;
    while !rest.is_empty() {
        let n = stream
            .mode
            .wait(cx, Stream::WORD, &stream.socket, PollFlags::OUT, || socket.write(rest))?;
        rest = &rest[n..];
    }
    Ok(source.0.len() as i64)
}

fn receive(cx: &mut Cx<'_>, stream: &Stream, max_size: i64) -> Result<Vec<u8>> {
    let mut data = vec![0; checked_size(cx, max_size)?];
    let mut socket = &stream.socket;
    let n = stream
        .mode
        .wait(cx, Stream::WORD, &stream.socket, PollFlags::IN, || socket.read(&mut data))?;
    data.truncate(n);
    data.shrink_to_fit();
    Ok(data)
}

fn tcp_receive(cx: &mut Cx<'_>, stream: Res<'_, Stream>, max_size: i64) -> Result<Value> {
    Ok(text_or_bytes(receive(cx, &stream, max_size)?))
}

fn tcp_receive_bytes(cx: &mut Cx<'_>, stream: Res<'_, Stream>, max_size: i64) -> Result<Value> {
    Ok(bytes_value(receive(cx, &stream, max_size)?))
}

fn stream_close(cx: &mut Cx<'_>, stream: Res<'_, Stream>) -> Result<bool> {
    stream.mode.check_open(cx, Stream::WORD)?;
    stream.mode.is_closed.store(true, Ordering::Release);
    stream.release();
    // The other end may have closed it before.
    let _ = stream.socket.shutdown(Shutdown::Both);
    Ok(true)
}

fn listener_close(cx: &mut Cx<'_>, listener: Res<'_, Listener>) -> Result<bool> {
    listener.mode.check_open(cx, Listener::WORD)?;
    listener.mode.is_closed.store(true, Ordering::Release);
    listener.release();
    // Stops listening at once, although the handle lives on.
    let _ = rustix::net::shutdown(&listener.socket, rustix::net::Shutdown::Both);
    Ok(true)
}

fn tcp_close(cx: &mut Cx<'_>, socket: Socket<'_, Stream, Listener>) -> Result<bool> {
    match socket {
        Socket::First(stream) => stream_close(cx, stream),
        Socket::Second(listener) => listener_close(cx, listener),
    }
}

fn tcp_set_nonblocking(
    cx: &mut Cx<'_>,
    socket: Socket<'_, Stream, Listener>,
    on: bool,
) -> Result<bool> {
    let (mode, word) = match &socket {
        Socket::First(stream) => (&stream.mode, Stream::WORD),
        Socket::Second(listener) => (&listener.mode, Listener::WORD),
    };
    mode.check_open(cx, word)?;
    mode.never_waits.store(on, Ordering::Relaxed);
    Ok(true)
}

fn tcp_set_timeout(cx: &mut Cx<'_>, stream: Res<'_, Stream>, ms: Limit) -> Result<bool> {
    stream.mode.check_open(cx, Stream::WORD)?;
    let micros = match ms.0 {
        None => 0,
        Some(ms) if ms.to_f64() > 0.0 => ((ms.to_f64() * 1000.0) as u64).max(1),
        Some(ms) => return Err(cx.bad_value("ms", "> 0", ms)),
    };
    stream.mode.timeout.store(micros, Ordering::Relaxed);
    Ok(true)
}

fn udp_bind(cx: &mut Cx<'_>, host: &str, port: i64) -> Result<New<Datagrams>> {
    let found = addresses(cx, host, port)?;
    let socket = UdpSocket::bind(&*found).map_err(|e| unreachable_at(cx, host, port, &e))?;
    socket.set_nonblocking(true).map_err(|e| failed(cx, &e))?;
    Ok(New(Datagrams { socket, mode: Mode::default() }))
}

fn udp_send_to(
    cx: &mut Cx<'_>,
    socket: Res<'_, Datagrams>,
    source: Data<'_>,
    host: HostName<'_>,
    port: i64,
) -> Result<i64> {
    socket.mode.check_open(cx, Datagrams::WORD)?;
    let found = peers(cx, host.0, port)?;
    let own = socket.socket.local_addr().map_err(|e| failed(cx, &e))?;
    let target = found.iter().find(|to| to.is_ipv4() == own.is_ipv4()).unwrap_or(&found[0]);
    let send = || socket.socket.send_to(source.0, target);
    let n = socket.mode.wait(cx, Datagrams::WORD, &socket.socket, PollFlags::OUT, send)?;
    Ok(n as i64)
}

fn udp_receive_from(cx: &mut Cx<'_>, socket: Res<'_, Datagrams>, max_size: i64) -> Result<Dict> {
    let mut data = vec![0; checked_size(cx, max_size)?.min(1 << 16)];
    let receive = || socket.socket.recv_from(&mut data);
    let (n, from) =
        socket.mode.wait(cx, Datagrams::WORD, &socket.socket, PollFlags::IN, receive)?;
    data.truncate(n);
    let mut dict = Dict::with_capacity(3);
    dict.insert_str("data", text_or_bytes(data));
    dict.insert_str("from", Value::from(from.to_string()));
    dict.insert_str("size", Value::int(n as i64));
    Ok(dict)
}

fn udp_close(cx: &mut Cx<'_>, socket: Res<'_, Datagrams>) -> Result<bool> {
    socket.mode.check_open(cx, Datagrams::WORD)?;
    socket.mode.is_closed.store(true, Ordering::Release);
    socket.release();
    Ok(true)
}
