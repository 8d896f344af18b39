//! What the compiler does while the program runs, for people and programs that watch it: the log
//! on stderr, and the map of compiled functions for `perf`.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::time::Duration;

use ruff_runtime::objects::function::FunctionCode;
use ruff_runtime::tier::RESUMPTION;

use crate::bailout::Bailout;
use crate::code::Piece;
use crate::exit::ExitMeta;
use crate::exit_reason::Policy;

/// The form of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogForm {
    #[default]
    None,
    /// A line of words per event.
    Text,
    /// A line of JSON per event.
    Json,
}

/// A stage of compilation that is written to stderr for each piece of code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Ir,
    Clif,
    Asm,
}

/// What to write of one piece of code.
pub(crate) struct Dumped {
    pub form: Stage,
    /// What the code is of.
    pub title: String,
}

impl Dumped {
    pub(crate) fn new(form: Stage, subject: Subject<'_>) -> Dumped {
        let what = subject.what();
        let line = line_of(subject.code, subject.pc());
        let title = format!("{what} {} at line {line}", subject.code.info.display_name());
        Dumped { form, title }
    }

    pub(crate) fn write(&self, text: &str) {
        // A closed stderr has no readers to miss the text.
        let _ = writeln!(std::io::stderr(), "; {}\n{text}", self.title);
    }
}

/// Where events go.
pub struct Log {
    form: LogForm,
    perf_map: Option<RefCell<File>>,
}

/// What one compilation is of.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub code: &'a FunctionCode,
    /// The `loop_header`, if it is not the whole function.
    pub header: Option<u32>,
}

impl Subject<'_> {
    fn pc(&self) -> u32 {
        self.header.map_or(0, |header| header & !RESUMPTION)
    }

    fn what(&self) -> &'static str {
        match self.header {
            None => "function",
            Some(header) if header & RESUMPTION != 0 => "generator",
            Some(_) => "loop",
        }
    }
}

/// A field of an event.
enum Field {
    Text(&'static str, String),
    Number(&'static str, u128),
}

impl Log {
    /// A map that cannot be written is left out.
    pub(crate) fn new(form: LogForm, wants_perf_map: bool) -> Log {
        let path = format!("/tmp/perf-{}.map", std::process::id());
        let open = || File::options().create(true).append(true).open(path).ok();
        let perf_map = if wants_perf_map { open().map(RefCell::new) } else { None };
        Log { form, perf_map }
    }

    pub(crate) fn begin(&self, subject: Subject<'_>) {
        if self.form != LogForm::None {
            self.write("compile", place(subject));
        }
    }

    pub(crate) fn installed(&self, subject: Subject<'_>, time: Duration, bytes: usize) {
        if self.form != LogForm::None {
            let mut fields = place(subject);
            fields.push(Field::Number("us", time.as_micros()));
            fields.push(Field::Number("bytes", bytes as u128));
            self.write("installed", fields);
        }
    }

    pub(crate) fn declined(&self, subject: Subject<'_>, reason: Bailout) {
        if self.form != LogForm::None {
            let mut fields = place(subject);
            fields.push(Field::Text("reason", reason.name().to_owned()));
            self.write("declined", fields);
        }
    }

    /// An exit, unless it is part of normal running.
    pub(crate) fn exit(&self, code: *const FunctionCode, meta: &ExitMeta) {
        if self.form == LogForm::None || meta.reason.policy() == Policy::Keep {
            return;
        }
        // SAFETY: code lives as long as the isolate that runs it.
        let code = unsafe { &*code };
        let fields = vec![
            Field::Text("function", code.info.display_name().to_owned()),
            Field::Number("line", line_of(code, meta.site).into()),
            Field::Text("reason", meta.reason.name().to_owned()),
        ];
        self.write("exit", fields);
    }

    /// Names a piece of code for `perf`.
    pub(crate) fn map(&self, subject: Subject<'_>, piece: Piece) {
        let Some(file) = &self.perf_map else { return };
        let name = subject.code.info.display_name();
        let line = line_of(subject.code, subject.pc());
        let form = match subject.what() {
            "function" => String::new(),
            what => format!(":{what}"),
        };
        let (address, len) = (piece.address, piece.len);
        // Without its map a program still runs.
        let _ = writeln!(file.borrow_mut(), "{address:x} {len:x} ruff:{name}:{line}{form}");
    }

    fn write(&self, event: &str, fields: Vec<Field>) {
        let mut line = match self.form {
            LogForm::None => return,
            LogForm::Text => format!("jit: {event}"),
            LogForm::Json => format!("{{\"event\":\"{event}\""),
        };
        for field in fields {
            match (self.form, field) {
                (LogForm::Json, Field::Text(name, value)) => {
                    line.push_str(&format!(",\"{name}\":\"{}\"", escaped(&value)));
                }
                (LogForm::Json, Field::Number(name, value)) => {
                    line.push_str(&format!(",\"{name}\":{value}"));
                }
                (LogForm::Text | LogForm::None, Field::Text(name, value)) => {
                    line.push_str(&format!(" {name}={value}"));
                }
                (LogForm::Text | LogForm::None, Field::Number(name, value)) => {
                    line.push_str(&format!(" {name}={value}"));
                }
            }
        }
        line.push_str(if self.form == LogForm::Json { "}\n" } else { "\n" });
        // A closed stderr has no readers to miss the line.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn place(subject: Subject<'_>) -> Vec<Field> {
    let line = line_of(subject.code, subject.pc());
    vec![
        Field::Text("what", subject.what().to_owned()),
        Field::Text("function", subject.code.info.display_name().to_owned()),
        Field::Number("line", line.into()),
    ]
}

fn line_of(code: &FunctionCode, pc: u32) -> u32 {
    let Some(loaded) = &code.proto else { return 0 };
    loaded.proto.source.line(loaded.proto.spans.offset(pc))
}

/// A text inside a JSON string.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_are_escaped_in_json() {
        assert_eq!(escaped("a\"b\\c\n"), "a\\\"b\\\\c\\u000a");
    }
}
