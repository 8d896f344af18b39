//! The command-line parser: a struct whose methods are natives.

use super::Cx;
use super::args::{Fit, FromArg, Rest, array_value, string_value};
use super::library_args::{Options, Texts, dict_value, library_struct, text_of};
use crate::error::{Error, Kind, Result};
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::objects::structs::Struct;
use crate::semantics::display::display;
use crate::value::{Tag, Value, View};

natives! {
    module "argparse";

    /// An empty parser of command-line arguments.
    ///
    ///     p := arg_parser("app")
    ///     p.add_argument("--port", "type", "int")
    ///     print(p.parse(["--port", "80"]))   # expect: {"port": 80}
    fn arg_parser(name: Option<&str>, description: Option<&str>) -> "struct ArgParser" [Pure; cx];
}

methods! {
    static TABLE_UPDATING of [Struct] as "argparser";

    /// Adds an option: a dict or alternating keys and values, after an optional short name.
    ///
    ///     p := arg_parser()
    ///     p.add_argument("--name", "-n", "default", "Bo")
    ///     print(p.parse([]))   # expect: {"name": Bo}
    fn add_argument(parser: Parser<'_>, long: &str, options: Rest<'_>)
        -> "struct ArgParser" [cx];
}

methods! {
    static TABLE_PLAIN of [Struct] as "argparser";

    /// Parses arguments, by default those of the program.
    ///
    ///     p := arg_parser()
    ///     p.add_argument("--all", "-a", "type", "bool")
    ///     print(p.parse(["-a", "x"]))   # expect: {"all": true, "_positional": [x]}
    fn parse(parser: ParserRef<'_>, argv: Option<Texts<'_>>) -> "dict" [cx];

    /// The help text.
    ///
    ///     print(len(arg_parser("app").help()))   # expect: 16
    fn help(parser: ParserRef<'_>) -> "string" [cx];
}

/// The declaration number of `ArgParser`.
pub(super) const DECL_ID: u64 = u64::MAX - 2;
/// How messages call the type.
pub(super) const WORD: &str = "argparser";

const OPTIONS: [&str; 5] = ["short", "type", "required", "help", "default"];

/// A receiver: an instance of `ArgParser`.
struct Parser<'a>(&'a mut Value);

impl<'a> FromArg<'a> for Parser<'a> {
    const TYPE: &'static str = "struct ArgParser";
    fn fit(value: &Value) -> Fit {
        Fit::when(value.tag() == Tag::Struct)
    }
    fn convert(slot: &'a mut Value) -> Self {
        Parser(slot)
    }
}

/// A receiver that is only read.
#[derive(Clone, Copy)]
struct ParserRef<'a>(&'a Value);

impl<'a> FromArg<'a> for ParserRef<'a> {
    const TYPE: &'static str = Parser::TYPE;
    fn fit(value: &Value) -> Fit {
        Parser::fit(value)
    }
    fn convert(slot: &'a mut Value) -> Self {
        ParserRef(slot)
    }
}

/// The type of an option's value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Bool,
    Int,
    Float,
}

impl Type {
    const ALL: [(&'static str, Type); 4] =
        [("string", Type::Text), ("bool", Type::Bool), ("int", Type::Int), ("float", Type::Float)];

    fn of_name(name: &str) -> Option<Type> {
        Type::ALL.iter().find(|(word, _)| *word == name).map(|(_, ty)| *ty)
    }

    fn name(self) -> &'static str {
        Type::ALL[self as usize].0
    }

    fn read(self, text: &str) -> Option<Value> {
        match self {
            Type::Text => Some(Value::str(text)),
            Type::Int => text.parse().ok().map(Value::int),
            Type::Float => {
                let is_word =
                    text.bytes().any(|b| b.is_ascii_alphabetic() && b != b'e' && b != b'E');
                text.parse().ok().filter(|_| !is_word).map(Value::float)
            }
            Type::Bool => text.parse().ok().map(Value::bool),
        }
    }

    /// A default: a value of the type, or a text of one.
    fn default(self, value: &Value) -> Option<Value> {
        match (value.view(), self) {
            (View::Str(text), _) => self.read(text.as_str()),
            (View::Bool(_), Type::Bool)
            | (View::Int(_), Type::Int)
            | (View::Float(_), Type::Float) => Some(value.clone()),
            (View::Int(v), Type::Float) => Some(Value::float(v as f64)),
            _ => None,
        }
    }
}

/// An option as declared.
struct Declared {
    /// With its dashes.
    long: String,
    short: Option<char>,
    ty: Type,
    required: bool,
    help: String,
    default: Option<Value>,
}

fn arg_parser(cx: &mut Cx<'_>, name: Option<&str>, description: Option<&str>) -> Result<Value> {
    let fields = [
        ("_app_name", Value::str(name.unwrap_or(""))),
        ("_description", Value::str(description.unwrap_or(""))),
        ("_args", array_value(Vec::new())),
    ];
    Ok(library_struct(cx, DECL_ID, "ArgParser", fields))
}

#[cold]
fn invalid(cx: &Cx<'_>, what: impl std::fmt::Display) -> Error {
    cx.failure(Kind::ValueError, what)
}

/// The field of a parser.
fn field(parser: &Value, name: &str) -> Value {
    match parser.view() {
        View::Struct(instance) => instance.get(name).cloned().unwrap_or_default(),
        _ => Value::NULL,
    }
}

/// The options that have been declared.
fn declared(cx: &Cx<'_>, parser: &Value) -> Result<Vec<Declared>> {
    let args = field(parser, "_args");
    let View::Array(args) = args.view() else {
        return Err(invalid(cx, "field '_args' must be an array"));
    };
    let read = |(i, item): (usize, Value)| match item.view() {
        View::Dict(dict) => match dict.get_str("long").and_then(text_of) {
            Some(long) => declaration(cx, long, dict),
            None => Err(invalid(cx, format!("field '_args[{i}]' has no name"))),
        },
        _ => Err(invalid(cx, format!("field '_args[{i}]' must be a dict"))),
    };
    args.iter().enumerate().map(read).collect()
}

/// Checks a declaration.
fn declaration(cx: &Cx<'_>, long: &str, dict: &Dict) -> Result<Declared> {
    let name = long.strip_prefix("--").unwrap_or("");
    if name.is_empty() || name.starts_with('-') || name.contains(['=', ' ']) {
        return Err(cx.bad_value("long", "a name like \"--name\"", long));
    }
    let mut known = OPTIONS.to_vec();
    known.push("long");
    let options = Options::new(cx, "options", Some(dict), &known)?;
    let short = match options.text(cx, "short")? {
        None => None,
        Some(text) => match text.strip_prefix('-').map(|rest| rest.chars().collect::<Vec<_>>()) {
            Some(chars) if chars.len() == 1 && !['-', '='].contains(&chars[0]) => Some(chars[0]),
            _ => return Err(options.bad_value(cx, "short", "a name like \"-n\"")),
        },
    };
    let ty = match options.text(cx, "type")? {
        None => Type::Text,
        Some(name) => Type::of_name(name)
            .ok_or_else(|| options.bad_value(cx, "type", "string, bool, int or float"))?,
    };
    let default = match options.get("default") {
        None => None,
        Some(value) => Some(ty.default(value).ok_or_else(|| {
            options.bad_value(cx, "default", &format!("a value of type {}", ty.name()))
        })?),
    };
    Ok(Declared {
        long: long.to_owned(),
        short,
        ty,
        required: options.bool(cx, "required")?.unwrap_or(false),
        help: options.text(cx, "help")?.unwrap_or("").to_owned(),
        default,
    })
}

/// The options of a declaration as one dict.
fn gathered(cx: &Cx<'_>, long: &str, options: &[Value]) -> Result<Dict> {
    let mut dict = Dict::new();
    dict.insert_str("long", Value::str(long));
    let mut rest = options;
    if let Some(short) = options.first().and_then(text_of).filter(|text| text.starts_with('-')) {
        dict.insert_str("short", Value::str(short));
        rest = &options[1..];
    }
    if let [only] = rest
        && let View::Dict(given) = only.view()
    {
        for (key, value) in given.iter() {
            dict.insert(key.clone(), value.clone());
        }
        return Ok(dict);
    }
    for pair in rest.chunks(2) {
        let Some(key) = text_of(&pair[0]) else {
            return Err(cx.bad_type("options", "dict|string", &pair[0]));
        };
        let Some(value) = pair.get(1) else {
            return Err(invalid(cx, format!("option '{key}' has no value")));
        };
        if key == "long" {
            return Err(invalid(cx, "unknown option 'long' in 'options'"));
        }
        dict.insert_str(key, value.clone());
    }
    Ok(dict)
}

fn add_argument(
    cx: &mut Cx<'_>,
    parser: Parser<'_>,
    long: &str,
    options: Rest<'_>,
) -> Result<Value> {
    let Parser(parser) = parser;
    let dict = gathered(cx, long, options.0)?;
    let added = declaration(cx, long, &dict)?;
    for known in declared(cx, parser)? {
        if known.long == added.long {
            return Err(invalid(cx, format!("duplicate name '{long}'")));
        }
        if let Some(short) = added.short.filter(|_| known.short == added.short) {
            return Err(invalid(cx, format!("duplicate name '-{short}'")));
        }
    }
    let mut args = field(parser, "_args");
    if let Some(array) = args.make_mut::<Array>() {
        array.push(dict_value(dict));
    }
    Struct::set(parser, &"_args".into(), args);
    Ok(parser.clone())
}

/// The state of parsing.
struct Parse<'a> {
    options: &'a [Declared],
    argv: &'a [String],
    at: usize,
    found: Vec<Option<Value>>,
    positional: Vec<Value>,
}

/// What parsing came to, if no error.
enum Step {
    Done,
    Help,
}

fn parse(cx: &mut Cx<'_>, parser: ParserRef<'_>, argv: Option<Texts<'_>>) -> Result<Value> {
    let parser = parser.0;
    let options = declared(cx, parser)?;
    let argv = match argv {
        Some(texts) => texts.to_vec(),
        None => super::system::program_args(cx),
    };
    let found = options.iter().map(|_| None).collect();
    let mut parse = Parse { options: &options, argv: &argv, at: 0, found, positional: Vec::new() };
    if let Step::Help = parse.all(cx)? {
        let text = help_text(cx, parser)?;
        let out = &mut cx.host.isolate().out;
        out.write(text.as_bytes())?;
        out.flush()?;
        return Err(Error::exit(0));
    }
    parse.result(cx)
}

impl Parse<'_> {
    fn all(&mut self, cx: &Cx<'_>) -> Result<Step> {
        while let Some(arg) = self.argv.get(self.at).cloned() {
            self.at += 1;
            if arg == "--" {
                let rest = self.argv[self.at..].iter().map(|arg| Value::str(arg));
                self.positional.extend(rest);
                return Ok(Step::Done);
            }
            let is_option = match arg.strip_prefix('-') {
                None | Some("") => false,
                Some(rest) => {
                    rest.starts_with('-') || self.short(rest).is_some() || !is_number(&arg)
                }
            };
            if !is_option {
                self.positional.push(Value::str(&arg));
                continue;
            }
            let step = match arg.strip_prefix("--") {
                Some(_) => self.long(cx, &arg)?,
                None => self.shorts(cx, &arg)?,
            };
            if let Step::Help = step {
                return Ok(step);
            }
        }
        Ok(Step::Done)
    }

    /// The option with the short name at the start of a text.
    fn short(&self, text: &str) -> Option<usize> {
        let name = text.chars().next()?;
        self.options.iter().position(|option| option.short == Some(name))
    }

    fn long(&mut self, cx: &Cx<'_>, arg: &str) -> Result<Step> {
        let (name, given) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg, None),
        };
        let Some(at) = self.options.iter().position(|option| option.long == name) else {
            return if arg == "--help" { Ok(Step::Help) } else { Err(unknown(cx, arg)) };
        };
        if self.options[at].ty == Type::Bool {
            if given.is_some() {
                return Err(plain(format!("Argument {name} takes no value")));
            }
            self.found[at] = Some(Value::TRUE);
            return Ok(Step::Done);
        }
        self.value(at, given)
    }

    /// `-a`, `-abc` or `-p8080`.
    fn shorts(&mut self, cx: &Cx<'_>, arg: &str) -> Result<Step> {
        let mut rest = &arg[1..];
        while let Some(name) = rest.chars().next() {
            let Some(at) = self.short(rest) else {
                return if arg == "-h" { Ok(Step::Help) } else { Err(unknown(cx, arg)) };
            };
            rest = &rest[name.len_utf8()..];
            if self.options[at].ty != Type::Bool {
                return self.value(at, (!rest.is_empty()).then(|| rest.to_owned()));
            }
            self.found[at] = Some(Value::TRUE);
        }
        Ok(Step::Done)
    }

    /// Sets an option from the given text or the next argument.
    fn value(&mut self, at: usize, given: Option<String>) -> Result<Step> {
        let option = &self.options[at];
        let text = match given {
            Some(text) => text,
            None => match self.argv.get(self.at) {
                Some(next) if !self.is_known(next) => {
                    self.at += 1;
                    next.clone()
                }
                _ => return Err(plain(format!("Argument {} requires a value", option.long))),
            },
        };
        let Some(value) = option.ty.read(&text) else {
            let what = if option.ty == Type::Int { "an integer" } else { "a float" };
            let long = &option.long;
            return Err(plain(format!("Argument {long} requires {what} value, got: {text}")));
        };
        self.found[at] = Some(value);
        Ok(Step::Done)
    }

    /// Whether an argument is an option, so that it cannot be the value of another.
    fn is_known(&self, arg: &str) -> bool {
        let name = arg.split('=').next().unwrap_or(arg);
        let is_short = arg.strip_prefix('-').is_some_and(|rest| self.short(rest).is_some());
        arg == "--" || self.options.iter().any(|option| option.long == name) || is_short
    }

    fn result(mut self, _: &Cx<'_>) -> Result<Value> {
        let mut dict = Dict::new();
        for (option, found) in self.options.iter().zip(&mut self.found) {
            let value = match found.take().or_else(|| option.default.clone()) {
                Some(value) => value,
                None if option.required => {
                    let long = &option.long;
                    return Err(plain(format!("Required argument {long} is missing")));
                }
                None if option.ty == Type::Bool => Value::FALSE,
                None => Value::NULL,
            };
            let name = &option.long[2..];
            if name.contains('-') {
                dict.insert_str(name, value.clone());
                dict.insert_str(&name.replace('-', "_"), value);
            } else {
                dict.insert_str(name, value);
            }
        }
        if !self.positional.is_empty() {
            dict.insert_str("_positional", array_value(self.positional));
        }
        Ok(dict_value(dict))
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// An error about the arguments of the program, without the name of the native.
#[cold]
fn plain(message: String) -> Error {
    Error::new(Kind::ValueError, message)
}

#[cold]
fn unknown(_: &Cx<'_>, arg: &str) -> Error {
    plain(format!("Unknown argument: {arg}"))
}

fn help(cx: &mut Cx<'_>, parser: ParserRef<'_>) -> Result<Value> {
    Ok(string_value(help_text(cx, parser.0)?))
}

fn help_text(cx: &Cx<'_>, parser: &Value) -> Result<String> {
    let name = display(&field(parser, "_app_name"))?;
    let description = display(&field(parser, "_description"))?;
    let mut out = format!("{name}\n\n{description}\n\nOptions:\n");
    for option in declared(cx, parser)? {
        match option.short {
            Some(short) => out.extend(["  -", short.encode_utf8(&mut [0; 4]), ", "]),
            None => out.push_str("      "),
        }
        out.push_str(&option.long);
        if option.ty != Type::Bool {
            out.extend([" <", option.ty.name(), ">"]);
        }
        if option.required {
            out.push_str(" (required)");
        }
        if let Some(default) = &option.default {
            out.extend([" [default: ", &display(default)?, "]"]);
        }
        out.push('\n');
        if !option.help.is_empty() {
            out.extend(["        ", &option.help, "\n"]);
        }
    }
    Ok(out)
}
