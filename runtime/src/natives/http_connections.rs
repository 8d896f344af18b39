//! The sockets of an HTTP server, all on one thread: waits for whatever is ready, gives whole
//! requests, sends answers. A client that is slow costs a little memory and nobody's time.
//!
//! Sockets are told of by edges: a socket is reported once, and then has to be used until it has
//! no more to give.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::dates::http_date;
use super::http_inbox::{Inbox, Next};
use super::http_wire::{Manner, WireReply, WireRequest, phrase};

/// Connections at a time; for more, the one that has waited longest for a request is closed.
const MAX_CONNECTIONS: usize = 4096;
/// Bytes of unfinished requests of all clients together.
const MAX_HELD: usize = 256 << 20;
/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;
/// Reads of what a client has sent in vain.
const MAX_DRAINED: usize = 16;
/// Time to receive a request, and to take an answer.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Time that a connection may be idle between requests.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// What clients that have begun a request still get when the server ends.
const END_LIMIT: Duration = Duration::from_secs(1);
/// How often connections are searched for those whose time is over.
const SWEEP: Duration = Duration::from_millis(500);
/// A pause of the server that clients are not charged for.
const PAUSE: Duration = Duration::from_millis(50);

const LISTENER: Token = Token(usize::MAX);

/// A connection that a request came from. It stays until the request is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker(usize);

struct Connection {
    stream: TcpStream,
    remote: SocketAddr,
    inbox: Inbox,
    /// What is to be sent, and how much of it has been.
    out: Vec<u8>,
    sent: usize,
    phase: Phase,
    /// When the phase must be over.
    deadline: Instant,
    /// There may be something to read.
    may_read: bool,
    /// The client sends no more.
    is_shut: bool,
    /// Stands in the queue.
    is_queued: bool,
    /// Bytes that are counted in `held`.
    n_held: usize,
    /// Of the request that is being answered.
    has_body: bool,
    keeps_alive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the first byte of a request.
    Idle,
    /// In the middle of one.
    Receiving,
    /// The program works on the answer.
    Answering,
    /// The answer is being sent.
    Sending,
    /// As [`Phase::Sending`], and then the connection ends.
    Closing,
}

pub(super) struct Connections {
    poll: Poll,
    events: Events,
    /// `None` once the server ends.
    listener: Option<TcpListener>,
    /// There may be more to accept.
    may_accept: bool,
    slots: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    /// Connections that may have a request.
    queue: VecDeque<usize>,
    chunk: Box<[u8]>,
    /// Bytes that inboxes hold.
    held: usize,
    next_sweep: Instant,
    date: (u64, String),
}

impl Connections {
    /// Serves a listener, which does not block.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn new(listener: std::net::TcpListener) -> io::Result<Connections> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Connections {
            poll,
            events: Events::with_capacity(1024),
            listener: Some(listener),
            may_accept: false,
            slots: Vec::new(),
            free: Vec::new(),
            queue: VecDeque::new(),
            chunk: vec![0; CHUNK].into_boxed_slice(),
            held: 0,
            next_sweep: Instant::now() + SWEEP,
            date: (0, String::new()),
        })
    }

    /// Takes no more connections, and ends those that have not begun a request.
    pub(super) fn end(&mut self) {
        if self.listener.take().is_none() {
            return;
        }
        let until = Instant::now() + END_LIMIT;
        for id in 0..self.slots.len() {
            let Some(connection) = &mut self.slots[id] else { continue };
            match connection.phase {
                Phase::Idle if !connection.may_read => self.remove(id),
                Phase::Idle | Phase::Receiving => connection.deadline = until,
                Phase::Answering | Phase::Sending | Phase::Closing => {}
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.listener.is_none()
    }

    /// Whether no connection is left.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Waits until something can be done, at most so long.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn wait(&mut self, patience: Duration) -> io::Result<()> {
        let patience = if self.queue.is_empty() { patience } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut sendable = Vec::new();
        let mut readable = Vec::new();
        for event in &self.events {
            let Token(id) = event.token();
            if event.token() == LISTENER {
                self.may_accept = true;
                continue;
            }
            let Some(Some(connection)) = self.slots.get_mut(id) else { continue };
            if event.is_writable() && connection.sent < connection.out.len() {
                sendable.push(id);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                connection.may_read = true;
                connection.is_shut |= event.is_read_closed() || event.is_error();
                readable.push(id);
            }
        }
        for id in readable {
            self.enqueue(id);
        }
        for id in sendable {
            self.send(id);
        }
        if self.may_accept {
            self.accept();
        }
        // What has come in the meantime counts, so this is after the reading of what is ready.
        if self.queue.is_empty() && Instant::now() >= self.next_sweep {
            self.sweep();
        }
        Ok(())
    }

    fn enqueue(&mut self, id: usize) {
        if let Some(Some(connection)) = self.slots.get_mut(id)
            && !std::mem::replace(&mut connection.is_queued, true)
        {
            self.queue.push_back(id);
        }
    }

    fn accept(&mut self) {
        while let Some(listener) = &self.listener {
            let (mut stream, remote) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Anything but an empty queue may be over the next time.
                    self.may_accept = error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            };
            if self.slots.len() - self.free.len() >= MAX_CONNECTIONS && !self.drop_longest_wait() {
                continue;
            }
            let id = self.free.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots.len() - 1
            });
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(&mut stream, Token(id), interest).is_err() {
                self.free.push(id);
                continue;
            }
            // Without it small answers wait; a socket that does not know it works too.
            let _ = stream.set_nodelay(true);
            self.slots[id] = Some(Box::new(Connection {
                stream,
                remote,
                inbox: Inbox::default(),
                out: Vec::new(),
                sent: 0,
                phase: Phase::Idle,
                deadline: Instant::now() + IDLE_LIMIT,
                may_read: false,
                is_shut: false,
                is_queued: false,
                n_held: 0,
                has_body: true,
                keeps_alive: true,
            }));
        }
    }

    /// Closes the connection that has waited longest for a request or its rest, if one has.
    fn drop_longest_wait(&mut self) -> bool {
        let waiting = self.slots.iter().enumerate().filter_map(|(id, slot)| {
            let connection = slot.as_ref()?;
            let started = match connection.phase {
                Phase::Idle => connection.deadline - IDLE_LIMIT,
                Phase::Receiving => connection.deadline - REQUEST_LIMIT,
                Phase::Answering | Phase::Sending | Phase::Closing => return None,
            };
            (!connection.is_queued).then_some((started, id))
        });
        let Some((_, id)) = waiting.min() else { return false };
        self.remove(id);
        true
    }

    fn remove(&mut self, id: usize) {
        if let Some(mut connection) = self.slots[id].take() {
            self.held -= connection.n_held;
            // A socket that is closed is forgotten anyway.
            let _ = self.poll.registry().deregister(&mut connection.stream);
            self.free.push(id);
        }
    }

    /// Ends connections whose time is over.
    fn sweep(&mut self) {
        let now = Instant::now();
        self.next_sweep = now + SWEEP;
        for id in 0..self.slots.len() {
            let Some(connection) = &self.slots[id] else { continue };
            if connection.deadline > now {
                continue;
            }
            match connection.phase {
                Phase::Receiving => self.refuse(id, 408),
                Phase::Idle | Phase::Sending | Phase::Closing => self.remove(id),
                Phase::Answering => {}
            }
        }
    }

    /// The program was busy with something else: clients do not pay for that.
    pub(super) fn forgive(&mut self, pause: Duration) {
        if pause < PAUSE {
            return;
        }
        for connection in self.slots.iter_mut().flatten() {
            connection.deadline += pause;
        }
    }

    /// The next whole request.
    pub(super) fn next_request(&mut self) -> Option<(Asker, SocketAddr, WireRequest)> {
        while let Some(id) = self.queue.pop_front() {
            // A number that was given to another connection meanwhile does no harm.
            let Some(Some(connection)) = self.slots.get_mut(id) else { continue };
            connection.is_queued = false;
            if !matches!(connection.phase, Phase::Idle | Phase::Receiving) {
                continue;
            }
            let remote = connection.remote;
            if let Some(request) = self.advance(id) {
                return Some((Asker(id), remote, request));
            }
        }
        None
    }

    /// Reads from a connection until there is a request, or no more to read.
    fn advance(&mut self, id: usize) -> Option<WireRequest> {
        loop {
            let connection = self.slots.get_mut(id)?.as_mut()?;
            let next = connection.inbox.next();
            let n_held = connection.inbox.len();
            self.held = self.held - connection.n_held + n_held;
            connection.n_held = n_held;
            match next {
                Next::Nothing => {}
                Next::Continue => {
                    connection.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    connection.phase = Phase::Receiving;
                    self.send(id);
                    continue;
                }
                Next::Refused(status) => {
                    self.refuse(id, status);
                    return None;
                }
                Next::Request(request) => {
                    connection.phase = Phase::Answering;
                    connection.has_body = request.method != "HEAD";
                    connection.keeps_alive = request.keeps_alive;
                    return Some(request);
                }
            }
            if self.held > MAX_HELD {
                self.refuse(id, 503);
                return None;
            }
            if !connection.may_read {
                if connection.phase == Phase::Idle && !connection.inbox.is_idle() {
                    connection.phase = Phase::Receiving;
                    let limit = self.listener.as_ref().map_or(END_LIMIT, |_| REQUEST_LIMIT);
                    connection.deadline = Instant::now() + limit;
                }
                return None;
            }
            if !connection.read(&mut self.chunk) {
                self.remove(id);
                return None;
            }
        }
    }

    /// Answers with a status alone, and ends the connection.
    fn refuse(&mut self, id: usize, status: u16) {
        if let Some(Some(connection)) = self.slots.get_mut(id) {
            connection.has_body = true;
            connection.keeps_alive = false;
            self.answer(Asker(id), &WireReply::text(status, phrase(status)));
        }
    }

    /// Sends the answer to a request.
    pub(super) fn answer(&mut self, Asker(id): Asker, reply: &WireReply) {
        let has_ended = self.has_ended();
        self.update_date();
        let Some(Some(connection)) = self.slots.get_mut(id) else { return };
        connection.keeps_alive &= !has_ended;
        let manner = Manner {
            date: &self.date.1,
            has_body: connection.has_body,
            keeps_alive: connection.keeps_alive,
        };
        reply.write_to(&mut connection.out, &manner);
        let keeps_alive = connection.keeps_alive;
        connection.phase = if keeps_alive { Phase::Sending } else { Phase::Closing };
        connection.deadline = Instant::now() + REQUEST_LIMIT;
        self.send(id);
    }

    fn update_date(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.date.0 != now {
            self.date = (now, http_date(i64::try_from(now).unwrap_or(0)));
        }
    }

    /// Sends what there is to send, as far as the client takes it.
    fn send(&mut self, id: usize) {
        let Some(Some(connection)) = self.slots.get_mut(id) else { return };
        while connection.sent < connection.out.len() {
            match connection.stream.write(&connection.out[connection.sent..]) {
                Ok(n) if n > 0 => connection.sent += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {
                    if connection.phase == Phase::Answering {
                        // The answer finds out again.
                        connection.out.clear();
                        connection.sent = 0;
                    } else {
                        self.remove(id);
                    }
                    return;
                }
            }
        }
        connection.sent = 0;
        connection.out.clear();
        if connection.out.capacity() > CHUNK {
            connection.out = Vec::new();
        }
        match connection.phase {
            Phase::Idle | Phase::Receiving | Phase::Answering => {}
            Phase::Closing => {
                connection.close(&mut self.chunk);
                self.remove(id);
            }
            Phase::Sending => {
                connection.phase = Phase::Idle;
                connection.deadline = Instant::now() + IDLE_LIMIT;
                if connection.may_read || !connection.inbox.is_idle() {
                    self.enqueue(id);
                }
            }
        }
    }
}

impl Connection {
    /// Reads once; false if the connection has ended.
    fn read(&mut self, chunk: &mut [u8]) -> bool {
        match self.stream.read(chunk) {
            Ok(0) => false,
            Ok(n) => {
                // A short read has emptied the socket; the end of the stream is still to come.
                self.may_read = n == chunk.len() || self.is_shut;
                self.inbox.push(&chunk[..n]);
                true
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    self.may_read = false;
                    true
                }
                ErrorKind::Interrupted => true,
                _ => false,
            },
        }
    }

    /// Ends the stream after its last answer. What the client has sent is taken, since closing a
    /// socket with unread data makes the answer void.
    fn close(&mut self, chunk: &mut [u8]) {
        if self.stream.shutdown(Shutdown::Write).is_ok() {
            for _ in 0..MAX_DRAINED {
                if !self.stream.read(chunk).is_ok_and(|n| n == chunk.len()) {
                    return;
                }
            }
        }
    }
}
