//! Environment variables and the current directory.
//!
//! Changes are kept in a table of the interpreter, which all its threads see and which child
//! processes get.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Cx;
use super::access::{VariableName, WorkDir, WriteEntry};
use super::disk::reason;
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::value::Value;

natives! {
    module "system";

    /// The value of an environment variable; "" when unset.
    ///
    ///     print("[" + env("RUFF_NO_SUCH_VARIABLE") + "]")   # expect: []
    fn env(name: VariableName<'_>) -> "string" [Other, "env"; cx];

    /// The value of an environment variable, or the default when unset.
    ///
    ///     print(env_or("RUFF_NO_SUCH_VARIABLE", "x"))   # expect: x
    fn env_or(name: VariableName<'_>, default: &str) -> "string" [Other, "env"; cx];

    /// The value of an environment variable as int.
    ///
    ///     env_set("RUFF_EXAMPLE_INT", "42")
    ///     print(env_int("RUFF_EXAMPLE_INT"))   # expect: 42
    fn env_int(name: VariableName<'_>) -> "int" [Other, "env"; cx];

    /// The value of an environment variable as float.
    ///
    ///     env_set("RUFF_EXAMPLE_FLOAT", "2.5")
    ///     print(env_float("RUFF_EXAMPLE_FLOAT"))   # expect: 2.5
    fn env_float(name: VariableName<'_>) -> "float" [Other, "env"; cx];

    /// The value of an environment variable as bool: true 1 yes on, false 0 no off.
    ///
    ///     env_set("RUFF_EXAMPLE_BOOL", "Yes")
    ///     print(env_bool("RUFF_EXAMPLE_BOOL"))   # expect: true
    fn env_bool(name: VariableName<'_>) -> "bool" [Other, "env"; cx];

    /// The value of an environment variable that must be set.
    ///
    ///     print(assert_throws(func() { env_required("RUFF_NO_SUCH_VARIABLE") }).kind)   # expect: KeyError
    fn env_required(name: VariableName<'_>) -> "string" [Other, "env"; cx];

    /// Sets an environment variable.
    ///
    ///     env_set("RUFF_EXAMPLE", "a")
    ///     print(env("RUFF_EXAMPLE"))   # expect: a
    fn env_set(name: VariableName<'_>, value: &str) -> "null" [Other, "env"; cx];

    /// Removes an environment variable.
    ///
    ///     env_unset("RUFF_NO_SUCH_VARIABLE")
    ///     print(env_or("RUFF_NO_SUCH_VARIABLE", "none"))   # expect: none
    fn env_unset(name: VariableName<'_>) -> "null" [Other, "env"; cx];

    /// All environment variables that the program may read, sorted by name.
    ///
    ///     env_set("RUFF_EXAMPLE", "a")
    ///     print(env_list()["RUFF_EXAMPLE"])   # expect: a
    fn env_list as env_list | os_environ() -> "dict" [Other, "env"; cx];

    /// The current directory.
    ///
    ///     print(path_is_dir(os_getcwd()))   # expect: true
    fn os_getcwd() -> "string" [Other, "fs-read"; cx];

    /// Changes the current directory of the process.
    ///
    ///     print(os_chdir("."))   # expect: true
    fn os_chdir(path: WorkDir<'_>) -> "bool" [Other, "process"; cx];

    /// Removes an empty directory.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     create_dir(path)
    ///     print(os_rmdir(path))   # expect: true
    fn os_rmdir(path: WriteEntry<'_>) -> "bool" [Other, "fs-write"; cx];
}

type Variables = BTreeMap<OsString, OsString>;

static VARIABLES: Mutex<Option<Variables>> = Mutex::new(None);

fn with_variables<R>(f: impl FnOnce(&mut Variables) -> R) -> R {
    // The table is valid between any two statements, so a panic elsewhere leaves it usable.
    let mut guard: MutexGuard<'_, Option<Variables>> =
        VARIABLES.lock().unwrap_or_else(PoisonError::into_inner);
    f(guard.get_or_insert_with(|| std::env::vars_os().collect()))
}

/// All variables, as a child process gets them.
pub(super) fn variables() -> BTreeMap<OsString, OsString> {
    with_variables(|all| all.clone())
}

/// A variable, if it is set and UTF-8.
fn get(cx: &Cx<'_>, name: &str) -> Result<Option<String>> {
    check_name(cx, name)?;
    let value = with_variables(|all| all.get(OsStr::new(name)).cloned());
    Ok(value.and_then(|value| value.into_string().ok()))
}

fn check_name(cx: &Cx<'_>, name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(cx.bad_value("name", "a name without '=' and NUL", name));
    }
    Ok(())
}

fn required(cx: &Cx<'_>, name: &str) -> Result<String> {
    get(cx, name)?.ok_or_else(|| {
        cx.failure(Kind::KeyError, format!("environment variable '{name}' is not set"))
    })
}

#[cold]
fn unreadable(cx: &Cx<'_>, name: &str, text: &str, ty: &str) -> Error {
    let what = format!("cannot parse environment variable '{name}' = '{text}' as {ty}");
    cx.failure(Kind::ParseError, what)
}

fn env(cx: &mut Cx<'_>, name: VariableName<'_>) -> Result<String> {
    Ok(get(cx, name.0)?.unwrap_or_default())
}

fn env_or(cx: &mut Cx<'_>, name: VariableName<'_>, default: &str) -> Result<String> {
    Ok(get(cx, name.0)?.unwrap_or_else(|| default.to_owned()))
}

fn env_int(cx: &mut Cx<'_>, name: VariableName<'_>) -> Result<i64> {
    let text = required(cx, name.0)?;
    text.parse().map_err(|_| unreadable(cx, name.0, &text, "int"))
}

fn env_float(cx: &mut Cx<'_>, name: VariableName<'_>) -> Result<f64> {
    let text = required(cx, name.0)?;
    text.parse().map_err(|_| unreadable(cx, name.0, &text, "float"))
}

fn env_bool(cx: &mut Cx<'_>, name: VariableName<'_>) -> Result<bool> {
    let text = required(cx, name.0)?;
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(unreadable(cx, name.0, &text, "bool")),
    }
}

fn env_required(cx: &mut Cx<'_>, name: VariableName<'_>) -> Result<String> {
    required(cx, name.0)
}

fn env_set(cx: &mut Cx<'_>, name: VariableName<'_>, value: &str) -> Result<()> {
    check_name(cx, name.0)?;
    if value.contains('\0') {
        return Err(cx.bad_value("value", "a text without NUL", value));
    }
    with_variables(|all| all.insert(name.0.into(), value.into()));
    Ok(())
}

fn env_unset(cx: &mut Cx<'_>, name: VariableName<'_>) -> Result<()> {
    check_name(cx, name.0)?;
    with_variables(|all| all.remove(OsStr::new(name.0)));
    Ok(())
}

fn env_list(cx: &mut Cx<'_>) -> Result<Dict> {
    let rules = cx.guard().permissions;
    let mut dict = Dict::new();
    with_variables(|all| {
        for (name, value) in all.iter() {
            if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
                && rules.allows_variable(name)
            {
                dict.insert_str(name, Value::str(value));
            }
        }
    });
    Ok(dict)
}

fn os_getcwd(cx: &mut Cx<'_>) -> Result<String> {
    match std::env::current_dir() {
        Ok(path) => Ok(path.to_string_lossy().into_owned()),
        Err(error) => Err(cx.failure(Kind::IoError, reason(&error))),
    }
}

fn os_chdir(cx: &mut Cx<'_>, path: WorkDir<'_>) -> Result<bool> {
    let path = cx.path("path", path.0)?;
    std::env::set_current_dir(path).map_err(|e| cx.io_error(path, &e))?;
    Ok(true)
}

fn os_rmdir(cx: &mut Cx<'_>, path: WriteEntry<'_>) -> Result<bool> {
    let path = cx.path("path", path)?;
    fs::remove_dir(path).map_err(|e| cx.io_error(path, &e))?;
    Ok(true)
}
