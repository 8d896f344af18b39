//! Standard streams.

use std::io::{BufRead, Read, Write};

use super::Cx;
use super::args::Rest;
use crate::error::{Error, Kind, Result};
use crate::semantics::display::{debug as debug_form, write_display};
use crate::value::Value;

natives! {
    module "io";

    /// Writes the display forms of the arguments, separated by spaces, and a newline.
    ///
    ///     print(1, "a", [2.0])   # expect: 1 a [2]
    fn print as print | println(values: Rest<'_>) -> "null" [Other; cx];

    /// As print, on standard error.
    ///
    ///     print(eprint())   # expect: null
    fn eprint(values: Rest<'_>) -> "null" [Other];

    /// Writes the display forms one after the other, without separators and newline.
    ///
    ///     write("a", 1, "\n")   # expect: a1
    fn write(values: Rest<'_>) -> "null" [Other; cx];

    /// Empties the standard output buffer.
    ///
    ///     print(flush())   # expect: null
    fn flush() -> "null" [Other; cx];

    /// Writes the prompt and reads one line from standard input; "" at the end of input.
    ///
    ///     print(type(input))   # expect: function
    fn input(prompt: Option<&str>) -> "string" [Other; cx];

    /// Reads one line from standard input; null at the end of input.
    ///
    ///     print(type(read_line))   # expect: function
    fn read_line() -> "string|null" [Other; cx];

    /// Everything left on standard input.
    ///
    ///     print(type(read_stdin))   # expect: function
    fn read_stdin() -> "string" [Other; cx];

    /// Writes `[DEBUG] ` and the debug forms of the arguments, and a newline.
    ///
    ///     debug(1, "a")   # expect: [DEBUG] Int(1) Str("a")
    fn debug(values: Rest<'_>) -> "null" [Other; cx];

    /// The debug form of a value.
    ///
    ///     print(debug_string(["a", null]))   # expect: Array[Str("a"), Null]
    fn debug_string(value: &Value) -> "string" [Pure];
}

fn print(cx: &mut Cx<'_>, values: Rest<'_>) -> Result<()> {
    let line = line_of(&values)?;
    cx.host.isolate().out.write(line.as_bytes())
}

fn line_of(values: &Rest<'_>) -> Result<String> {
    let mut line = String::new();
    for (i, value) in values.0.iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        write_display(&mut line, value)?;
    }
    line.push('\n');
    Ok(line)
}

fn eprint(values: Rest<'_>) -> Result<()> {
    let line = line_of(&values)?;
    std::io::stderr().lock().write_all(line.as_bytes()).map_err(|e| stream_error("eprint", &e))
}

fn write(cx: &mut Cx<'_>, values: Rest<'_>) -> Result<()> {
    let mut text = String::new();
    for value in values.0.iter() {
        write_display(&mut text, value)?;
    }
    cx.host.isolate().out.write(text.as_bytes())
}

fn flush(cx: &mut Cx<'_>) -> Result<()> {
    cx.host.isolate().out.flush()
}

fn input(cx: &mut Cx<'_>, prompt: Option<&str>) -> Result<String> {
    let out = &mut cx.host.isolate().out;
    out.write(prompt.unwrap_or("").as_bytes())?;
    out.flush()?;
    Ok(next_line(cx)?.unwrap_or_default())
}

fn read_line(cx: &mut Cx<'_>) -> Result<Value> {
    cx.host.isolate().out.flush()?;
    Ok(next_line(cx)?.map_or(Value::NULL, Value::from))
}

fn next_line(cx: &mut Cx<'_>) -> Result<Option<String>> {
    let mut line = Vec::new();
    let n = std::io::stdin().lock().read_until(b'\n', &mut line);
    if n.map_err(|e| stream_error(cx.name, &e))? == 0 {
        return Ok(None);
    }
    if line.pop_if(|c| *c == b'\n').is_some() {
        line.pop_if(|c| *c == b'\r');
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn read_stdin(cx: &mut Cx<'_>) -> Result<String> {
    cx.host.isolate().out.flush()?;
    let mut all = Vec::new();
    std::io::stdin().lock().read_to_end(&mut all).map_err(|e| stream_error(cx.name, &e))?;
    Ok(String::from_utf8_lossy(&all).into_owned())
}

#[cold]
fn stream_error(name: &str, error: &std::io::Error) -> Error {
    Error::new(Kind::IoError, format!("{name}: {error}"))
}

fn debug(cx: &mut Cx<'_>, values: Rest<'_>) -> Result<()> {
    let forms: Vec<String> = values.0.iter().map(debug_form).collect::<Result<_>>()?;
    let line = format!("[DEBUG] {}\n", forms.join(" "));
    cx.host.isolate().out.write(line.as_bytes())
}

fn debug_string(value: &Value) -> Result<String> {
    debug_form(value)
}
