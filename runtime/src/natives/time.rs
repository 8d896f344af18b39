//! Clocks and durations.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Cx;
use crate::error::Result;

natives! {
    module "time";

    /// Unix time in whole seconds, as float.
    ///
    ///     print(now() > 0)   # expect: true
    fn now() -> "float" [Other, "clock"];

    /// Unix time in milliseconds.
    ///
    ///     print(type(current_timestamp()))   # expect: int
    fn current_timestamp as current_timestamp | time() -> "int" [Other, "clock"];

    /// Unix time in seconds.
    ///
    ///     print(type(now_unix()))   # expect: int
    fn now_unix as now_unix | now_utc_seconds() -> "int" [Other, "clock"];

    /// Monotonic milliseconds since the first use of a timer.
    ///
    ///     start := performance_now()
    ///     print(performance_now() >= start)   # expect: true
    fn performance_now() -> "float" [Other, "clock"];

    /// Monotonic microseconds since the first use of a timer.
    ///
    ///     print(time_us() >= 0)   # expect: true
    fn time_us() -> "float" [Other, "clock"];

    /// Monotonic nanoseconds since the first use of a timer.
    ///
    ///     print(time_ns() >= 0)   # expect: true
    fn time_ns() -> "float" [Other, "clock"];

    /// end - start.
    ///
    ///     print(elapsed(1, 3))   # expect: 2
    fn elapsed(start: f64, end: f64) -> "float" [Pure];

    /// A duration in a suitable unit.
    ///
    ///     print(format_duration(1234.5), format_duration(12.3))   # expect: 1.23s 12.30ms
    fn format_duration(ms: f64) -> "string" [Pure; cx];
}

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// The time since the origin of all timers.
fn since_origin() -> Duration {
    ORIGIN.get_or_init(Instant::now).elapsed()
}

/// The time since 1970; a clock set before that reads as 1970.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn now() -> Result<f64> {
    Ok(since_epoch().as_secs() as f64)
}

fn current_timestamp() -> Result<i64> {
    Ok(since_epoch().as_millis() as i64)
}

fn now_unix() -> Result<i64> {
    Ok(since_epoch().as_secs() as i64)
}

fn performance_now() -> Result<f64> {
    Ok(since_origin().as_secs_f64() * 1e3)
}

fn time_us() -> Result<f64> {
    Ok(since_origin().as_secs_f64() * 1e6)
}

fn time_ns() -> Result<f64> {
    Ok(since_origin().as_nanos() as f64)
}

fn elapsed(start: f64, end: f64) -> Result<f64> {
    Ok(end - start)
}

fn format_duration(cx: &mut Cx<'_>, ms: f64) -> Result<String> {
    if !ms.is_finite() {
        return Err(cx.bad_value("ms", "finite", ms));
    }
    let magnitude = ms.abs();
    let sign = if ms < 0.0 { "-" } else { "" };
    let text = if magnitude >= 1000.0 {
        format!("{:.2}s", magnitude / 1000.0)
    } else if magnitude >= 1.0 {
        format!("{magnitude:.2}ms")
    } else if magnitude >= 0.001 {
        format!("{:.2}μs", magnitude * 1000.0)
    } else {
        format!("{:.0}ns", magnitude * 1e6)
    };
    Ok(format!("{sign}{text}"))
}
