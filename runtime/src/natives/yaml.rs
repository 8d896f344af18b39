//! Reading YAML 1.2: events of the parser crate become values directly, without recursion.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use super::Cx;
use super::args::{array_value, string_value};
use super::library_args::{dict_value, text_of};
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::semantics::arith::{check_array_len, check_growth};
use crate::semantics::display::display;
use crate::value::Value;

natives! {
    module "formats";

    /// Reads YAML 1.2, one document.
    ///
    ///     print(parse_yaml("a: 1\nb:\n- x\n- true\n"))   # expect: {"a": 1, "b": [x, true]}
    fn parse_yaml(text: &str) -> "any" [Pure; cx];
}

/// Levels of nesting that a text may have.
const MAX_DEPTH: usize = 512;
/// Nodes that a text may come to when its anchors are resolved.
const MAX_NODES: usize = 10_000_000;

/// A complete value.
#[derive(Clone)]
struct Node {
    value: Value,
    n_nodes: usize,
    /// Levels of containers.
    depth: usize,
    /// The text of a scalar, for keys.
    text: Option<Box<str>>,
}

/// A container that is being read.
struct Open {
    anchor: usize,
    content: Content,
    is_flow: bool,
    n_nodes: usize,
    depth: usize,
}

enum Content {
    List(Vec<Value>),
    /// The second part is a key that waits for its value.
    Map(Dict, Option<Value>),
}

/// What is wrong, and where.
struct Fault {
    what: Cow<'static, str>,
    line: usize,
    column: usize,
}

/// Why a text has no value.
enum Stop {
    At(Fault),
    /// There is no memory for what it describes.
    Raised(Error),
}

/// As [`Stop`], for whoever does not know the place.
enum Trouble {
    Wrong(&'static str),
    Raised(Error),
}

impl Trouble {
    fn at(self, place: &Marker) -> Stop {
        match self {
            Trouble::Wrong(what) => Stop::At(Fault::at(what, place)),
            Trouble::Raised(error) => Stop::Raised(error),
        }
    }
}

type Done = std::result::Result<(), Trouble>;

impl Fault {
    fn at(what: impl Into<Cow<'static, str>>, place: &Marker) -> Fault {
        Fault { what: what.into(), line: place.line(), column: place.col() + 1 }
    }
}

fn parse_yaml(cx: &mut Cx<'_>, text: &str) -> Result<Value> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = Reader { before: Before::new(text), ..Reader::default() };
    reader.document(Parser::new_from_str(text)).map_err(|stop| match stop {
        Stop::At(Fault { what, line, column }) => {
            cx.failure(Kind::ParseError, format!("{what} at line {line} column {column}"))
        }
        Stop::Raised(error) => error,
    })
}

/// The text, up to places that do not decrease.
#[derive(Default)]
struct Before<'a> {
    text: &'a str,
    bytes: usize,
    chars: usize,
}

impl<'a> Before<'a> {
    fn new(text: &'a str) -> Before<'a> {
        Before { text, bytes: 0, chars: 0 }
    }

    /// What stands before a place in its line, and what follows.
    fn split(&mut self, place: &Marker) -> (&'a str, &'a str) {
        let rest = &self.text[self.bytes..];
        let n = place.index().saturating_sub(self.chars);
        self.bytes += rest.char_indices().nth(n).map_or(rest.len(), |(at, _)| at);
        self.chars += n;
        let (before, after) = self.text.split_at(self.bytes);
        (&before[before.rfind(['\n', '\r']).map_or(0, |at| at + 1)..], after)
    }
}

/// A tab in the indentation of a block that starts behind `line`: the column.
fn tab_in_indentation(line: &str) -> Option<usize> {
    let blanks = |c: char| c == ' ' || c == '\t';
    let leading = &line[..line.len() - line.trim_start_matches(blanks).len()];
    let inner = line.trim_end_matches(blanks).len();
    let at = leading.find('\t').or_else(|| Some(inner + line[inner..].find('\t')?))?;
    Some(line[..at].chars().count())
}

#[derive(Default)]
struct Reader<'a> {
    before: Before<'a>,
    open: Vec<Open>,
    anchors: FxHashMap<usize, Node>,
    root: Option<Node>,
    n_documents: usize,
}

impl Reader<'_> {
    fn document(
        &mut self,
        mut parser: Parser<'_, StrInput<'_>>,
    ) -> std::result::Result<Value, Stop> {
        while let Some(event) = parser.next_event() {
            let (event, span) =
                event.map_err(|e| Stop::At(Fault::at(e.info().to_owned(), e.marker())))?;
            let fault = |trouble: Trouble| trouble.at(&span.start);
            check_growth().map_err(Stop::Raised)?;
            match event {
                Event::DocumentStart(_) => {
                    self.n_documents += 1;
                    if self.n_documents > 1 {
                        return Err(fault(Trouble::Wrong("more than one document")));
                    }
                }
                Event::Scalar(text, style, anchor, _) => {
                    self.check_key(&span.start)?;
                    let value = match style {
                        ScalarStyle::Plain => plain(&text),
                        _ => Value::str(&text),
                    };
                    let node = Node { value, n_nodes: 1, depth: 0, text: Some(text.into()) };
                    self.complete(node, anchor).map_err(fault)?;
                }
                Event::SequenceStart(anchor, _) => {
                    let is_flow = self.check_block(&span.start)?;
                    self.begin(anchor, Content::List(Vec::new()), is_flow).map_err(fault)?;
                }
                Event::MappingStart(anchor, _) => {
                    let is_flow = self.check_block(&span.start)?;
                    self.begin(anchor, Content::Map(Dict::new(), None), is_flow).map_err(fault)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end().map_err(fault)?,
                Event::Alias(anchor) => {
                    let node = self.anchors.get(&anchor).cloned();
                    let node = node.ok_or_else(|| fault(Trouble::Wrong("unknown anchor")))?;
                    self.complete(node, 0).map_err(fault)?;
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(self.root.take().map_or(Value::NULL, |node| node.value))
    }

    fn is_flow(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_flow)
    }

    /// Whether a container that starts here is in flow style; blocks must not be indented by tabs,
    /// which the parser crate lets pass.
    fn check_block(&mut self, place: &Marker) -> std::result::Result<bool, Stop> {
        if self.is_flow() {
            return Ok(true);
        }
        let (line, rest) = self.before.split(place);
        if rest.starts_with(['[', '{']) {
            return Ok(true);
        }
        refuse_tab(line, place)?;
        Ok(false)
    }

    /// As [`Reader::check_block`] for a scalar, if it is the key of a block.
    fn check_key(&mut self, place: &Marker) -> std::result::Result<(), Stop> {
        match self.open.last() {
            Some(Open { content: Content::Map(_, None), is_flow: false, .. }) => {
                refuse_tab(self.before.split(place).0, place)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, content: Content, is_flow: bool) -> Done {
        if self.open.len() >= MAX_DEPTH {
            return Err(Trouble::Wrong("nested too deeply"));
        }
        self.open.push(Open { anchor, content, is_flow, n_nodes: 1, depth: 1 });
        Ok(())
    }

    fn end(&mut self) -> Done {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.content {
            Content::List(items) => array_value(items),
            Content::Map(dict, _) => dict_value(dict),
        };
        let node = Node { value, n_nodes: open.n_nodes, depth: open.depth, text: None };
        self.complete(node, open.anchor)
    }

    /// Puts a complete value where it belongs.
    fn complete(&mut self, node: Node, anchor: usize) -> Done {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let n_open = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        if n_open + node.depth > MAX_DEPTH {
            return Err(Trouble::Wrong("nested too deeply"));
        }
        open.depth = open.depth.max(node.depth + 1);
        open.n_nodes += node.n_nodes;
        if open.n_nodes > MAX_NODES {
            return Err(Trouble::Wrong("more than 10 million nodes"));
        }
        match &mut open.content {
            Content::List(items) => {
                items.push(node.value);
                check_array_len(items.len()).map_err(Trouble::Raised)?;
            }
            Content::Map(dict, key) => match key.take() {
                Some(key) => {
                    dict.insert(key, node.value);
                    check_array_len(dict.len()).map_err(Trouble::Raised)?;
                }
                None => *key = Some(key_of(node)),
            },
        }
        Ok(())
    }
}

fn refuse_tab(line: &str, place: &Marker) -> std::result::Result<(), Stop> {
    let Some(column) = tab_in_indentation(line) else { return Ok(()) };
    let what = "a tab must not be used for indentation".into();
    Err(Stop::At(Fault { what, line: place.line(), column: column + 1 }))
}

/// The text of a key.
fn key_of(node: Node) -> Value {
    match node.text {
        Some(text) => Value::str(&text),
        None => string_value(display(&node.value).unwrap_or_default()),
    }
}

/// The value of a plain scalar by the core schema.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::NULL,
        "true" | "True" | "TRUE" => return Value::TRUE,
        "false" | "False" | "FALSE" => return Value::FALSE,
        ".nan" | ".NaN" | ".NAN" => return Value::float(f64::NAN),
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::str(text))
}

fn number(text: &str) -> Option<Value> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        b'0'..=b'9' | b'.' => (false, text),
        _ => return None,
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Some(Value::float(if is_negative { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    for (prefix, base) in [("0x", 16), ("0o", 8)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let is_number = !rest.is_empty() && rest.chars().all(|c| c.is_digit(base));
            return is_number.then(|| match i64::from_str_radix(rest, base) {
                Ok(v) => Value::int(v),
                Err(_) => Value::float(rest.chars().fold(0.0, |sum, c| {
                    sum * f64::from(base) + f64::from(c.to_digit(base).unwrap_or(0))
                })),
            });
        }
    }
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        let int = text.parse().map(Value::int);
        return int.ok().or_else(|| text.parse().ok().map(Value::float));
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let is_float = all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|part| {
            let part = part.strip_prefix(['-', '+']).unwrap_or(part);
            !part.is_empty() && all_digits(part)
        });
    if is_float { text.parse().ok().map(Value::float) } else { None }
}

/// Whether a text written without quotes would be read as the same text.
pub(super) fn reads_as_text(text: &str) -> bool {
    text_of(&plain(text)).is_some()
}
