//! What goes wrong while a program runs.
//!
//! [`Error`] is one pointer, so that results stay small. Its position is filled in by the engine
//! where the error surfaces, its traceback while functions are left.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::value::Value;

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// The kinds of errors of LS 14.4.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)*];

            /// The kind's name as programs see it.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$name => stringify!($name),)* }
            }

            /// The diagnostic code of an uncaught error of this kind.
            pub fn code(self) -> &'static str {
                match self { $(Kind::$name => $code,)* }
            }

            pub fn from_name(name: &str) -> Option<Kind> {
                match name { $(stringify!($name) => Some(Kind::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// Operand, argument or receiver of the wrong type.
    TypeError = "R001";
    /// Right type, unacceptable value.
    ValueError = "R002";
    IndexError = "R003";
    KeyError = "R004";
    /// Missing field or method.
    FieldError = "R005";
    NameError = "R006";
    ArithmeticError = "R007";
    ArityError = "R008";
    /// Read-only place, variable in use.
    AccessError = "R009";
    RecursionError = "R010";
    MemoryError = "R011";
    AssertionError = "R012";
    ImportError = "R013";
    IoError = "R014";
    TimeoutError = "R015";
    PermissionError = "R016";
    ConcurrencyError = "R017";
    ThrownError = "R018";
    ParseError = "R019";
    NetworkError = "R020";
    DatabaseError = "R021";
    CryptoError = "R022";
}

/// Where an error was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// A function in a traceback, with the line that it was at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCall {
    pub name: Arc<str>,
    pub file: Arc<str>,
    pub line: u32,
}

impl std::fmt::Display for TracedCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let TracedCall { name, file, line } = self;
        write!(f, "{name} ({file}:{line})")
    }
}

/// One entry of a traceback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceEntry {
    Call(Rc<TracedCall>),
    /// An entry of a rethrown error, already text.
    Text(Arc<str>),
}

impl TraceEntry {
    /// The line of an entry of a rethrown error, if it is about the same function.
    fn line_in(&self, call: &TracedCall) -> Option<u32> {
        let TraceEntry::Text(text) = self else { return None };
        let rest = text.strip_prefix(&*call.name)?.strip_prefix(" (")?.strip_prefix(&*call.file)?;
        rest.strip_prefix(':')?.strip_suffix(')')?.parse().ok()
    }

    /// The calls that an entry stands for: more than one if it is the middle of a shortened
    /// stack.
    pub fn n_calls(&self) -> usize {
        let TraceEntry::Text(text) = self else { return 1 };
        let number = text.strip_prefix("... ").and_then(|rest| rest.strip_suffix(" more ..."));
        number.and_then(|n| n.parse().ok()).unwrap_or(1)
    }
}

impl std::fmt::Display for TraceEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TraceEntry::Call(call) => call.fmt(f),
            TraceEntry::Text(text) => f.write_str(text),
        }
    }
}

/// A traceback, innermost first. Most errors are caught a few calls away.
pub type Trace = SmallVec<[TraceEntry; 4]>;

/// Entries at each end that a stored error keeps.
const KEPT_TRACE: usize = 100;

/// An error on its way to a handler, or the end of the program on its way out.
#[derive(Clone)]
pub struct Error(Box<ErrorData>);

/// Everything an error carries.
#[derive(Clone)]
pub struct ErrorData {
    pub cause_of_exit: Exit,
    /// A kind of [`Kind`] or any other text that a program chose.
    pub kind: Cow<'static, str>,
    pub message: String,
    pub position: Option<Rc<Position>>,
    pub trace: Trace,
    /// What was thrown, or null.
    pub value: Value,
    pub cause: Value,
    /// Further fields of a thrown struct or dict.
    pub extra: Vec<(Arc<str>, Value)>,
    /// Shown in a diagnostic after the call stack.
    pub help: Vec<String>,
}

/// Whether the error can be caught.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// An ordinary error.
    Raised,
    /// `exit(n)`; the process ends with this code.
    Exit(u8),
    /// Ctrl-C.
    Interrupted,
    /// Nothing has gone wrong: the task waits, and its frames are to be kept on the heap.
    Suspended,
}

const _: () = assert!(size_of::<Error>() == size_of::<usize>());

impl Error {
    #[cold]
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Self::with_kind(Cow::Borrowed(kind.name()), message.into())
    }

    #[cold]
    pub fn with_kind(kind: Cow<'static, str>, message: String) -> Error {
        Error(Box::new(ErrorData {
            cause_of_exit: Exit::Raised,
            kind,
            message,
            position: None,
            trace: Trace::new(),
            value: Value::NULL,
            cause: Value::NULL,
            extra: Vec::new(),
            help: Vec::new(),
        }))
    }

    #[cold]
    pub fn exit(code: u8) -> Error {
        let mut error = Self::with_kind(Cow::Borrowed("Exit"), String::new());
        error.cause_of_exit = Exit::Exit(code);
        error
    }

    #[cold]
    pub fn interrupted() -> Error {
        let mut error = Self::with_kind(Cow::Borrowed("Interrupted"), String::new());
        error.cause_of_exit = Exit::Interrupted;
        error
    }

    /// Leaves the frames of a task that waits; see `Host::can_detach`.
    #[cold]
    pub fn suspended() -> Error {
        let mut error = Self::with_kind(Cow::Borrowed("Suspended"), String::new());
        error.cause_of_exit = Exit::Suspended;
        error
    }

    pub fn is_suspension(&self) -> bool {
        self.cause_of_exit == Exit::Suspended
    }

    pub fn is_catchable(&self) -> bool {
        self.cause_of_exit == Exit::Raised
    }

    /// The diagnostic code: by the kind, R018 for kinds of the program's own.
    pub fn code(&self) -> &'static str {
        Kind::from_name(&self.kind).unwrap_or(Kind::ThrownError).code()
    }

    /// Sets the position unless the error has one already.
    pub fn locate(&mut self, position: impl FnOnce() -> Rc<Position>) {
        if self.position.is_none() {
            self.position = Some(position());
        }
    }

    /// Adds the function that is being left, or whose `except` catches the error. A rethrown
    /// error that leaves the function which caught it first lists that function already.
    pub fn leave(&mut self, call: Rc<TracedCall>) {
        if let Some(last) = self.trace.last_mut()
            && let Some(line) = last.line_in(&call)
        {
            *last = TraceEntry::Call(Rc::new(TracedCall { line, ..(*call).clone() }));
            return;
        }
        self.trace.push(TraceEntry::Call(call));
    }

    /// Leaves out the middle of a very long traceback, for an error that is stored and raised
    /// again and again.
    pub fn shorten_trace(&mut self) {
        let n = self.trace.len();
        if n < 4 * KEPT_TRACE {
            return;
        }
        let middle = KEPT_TRACE..n - KEPT_TRACE;
        let omitted: usize = self.trace[middle.clone()].iter().map(TraceEntry::n_calls).sum();
        let text = TraceEntry::Text(format!("... {omitted} more ...").into());
        self.trace.drain(middle);
        self.trace.insert(KEPT_TRACE, text);
    }

    pub fn into_raw(self) -> *mut ErrorData {
        Box::into_raw(self.0)
    }

    /// # Safety
    /// `raw` must come from [`Error::into_raw`] and must not be used again.
    pub unsafe fn from_raw(raw: *mut ErrorData) -> Error {
        // SAFETY: the caller's promise.
        Error(unsafe { Box::from_raw(raw) })
    }
}

impl std::ops::Deref for Error {
    type Target = ErrorData;

    fn deref(&self) -> &ErrorData {
        &self.0
    }
}

impl std::ops::DerefMut for Error {
    fn deref_mut(&mut self) -> &mut ErrorData {
        &mut self.0
    }
}

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} at {:?}", self.kind, self.message, self.position)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
