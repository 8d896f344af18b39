//! The running program: arguments, end, waiting.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Cx;
use super::args::Whole;
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

/// How long an interruption may go unnoticed.
const SLICE: Duration = Duration::from_millis(20);

fn sleep(cx: &mut Cx<'_>, ms: f64) -> Result<()> {
    if ms.is_nan() || ms < 0.0 {
        return Err(cx.bad_value("ms", ">= 0", ms));
    }
    cx.host.isolate().out.flush()?;
    let start = Instant::now();
    let wanted = Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX);
    loop {
        if cx.host.isolate().interrupt.stop.load(Ordering::Relaxed) {
            return Err(Error::interrupted());
        }
        let left = wanted.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(SLICE));
    }
}
