//! The running program: arguments, end, waiting.

use super::Cx;
use super::args::Whole;
use crate::concurrency::tasks;
use crate::error::{Error, Result};
use crate::value::Value;

natives! {
    module "system";

    /// The arguments after the script's path.
    ///
    ///     print(type(args()))   # expect: array
    fn args() -> "array<string>" [Other; cx];

    /// Ends the program with a code.
    ///
    ///     print(type(exit))   # expect: function
    fn exit(code: Option<Whole>) -> "never" [Other; cx];

    /// Waits that many milliseconds.
    ///
    ///     print(sleep(0))   # expect: null
    fn sleep(ms: f64) -> "null" [Other, "clock"; cx];
}

/// The arguments after the script's path, without one leading `--`.
pub(super) fn program_args(cx: &mut Cx<'_>) -> Vec<String> {
    let args = &cx.host.isolate().args;
    args.strip_prefix(&["--".to_owned()][..]).unwrap_or(args).to_vec()
}

fn args(cx: &mut Cx<'_>) -> Result<Vec<Value>> {
    Ok(program_args(cx).iter().map(|arg| Value::str(arg)).collect())
}

fn exit(cx: &mut Cx<'_>, code: Option<Whole>) -> Result<Value> {
    cx.host.isolate().out.flush()?;
    let code = code.map_or(0, |code| code.0);
    Err(Error::exit((code & 255) as u8))
}

fn sleep(cx: &mut Cx<'_>, ms: f64) -> Result<()> {
    if ms.is_nan() || ms < 0.0 {
        return Err(cx.bad_value("ms", ">= 0", ms));
    }
    tasks::sleep(cx.host, ms)
}
