//! Functions on other threads, the task pool and the shared table.

use super::Cx;
use super::args::{Func, Rest};
use super::handles::{Kept, New, Res};
use super::items::Items;
use crate::concurrency::pool::{self, TaskHandle};
use crate::concurrency::store::{self, Added};
use crate::concurrency::{pack, parallel};
use crate::error::{Error, Kind, Result};
use crate::objects::array::Array;
use crate::semantics::type_name;
use crate::value::{Tag, Value, View};

natives! {
    module "concurrency";

    /// func(item) of every item, computed on several threads; results in order.
    ///
    ///     print(parallel_map([1, 2, 3], func(x) { return x * x }))   # expect: [1, 4, 9]
    fn parallel_map as parallel_map | par_map (items: Items, func: Func<'_>, workers: Option<i64>)
        -> "array" [Other; cx];

    /// Calls func(item) for every item on several threads.
    ///
    ///     total := channel()
    ///     par_each([1, 2], func(x) { total.send(x) })
    ///     print(total.len())   # expect: 2
    fn par_each(items: Items, func: Func<'_>, workers: Option<i64>) -> "null" [Other; cx];

    /// Starts func(args...) on a thread of the task pool.
    ///
    ///     print(await await_task(spawn_task(func(a, b) { return a + b }, 1, 2)))   # expect: 3
    fn spawn_task(func: Func<'_>, args: Rest<'_>) -> "taskhandle" [Other; cx];

    /// A promise of the task's result.
    ///
    ///     print(await await_task(spawn_task(len, "abc")))   # expect: 3
    fn await_task(handle: Res<'_, TaskHandle>) -> "promise" [Other];

    /// Ends a task; false if it has finished already.
    ///
    ///     task := spawn_task(func() { loop { sleep(1) } })
    ///     print(cancel_task(task), cancel_task(task))   # expect: true false
    fn cancel_task(handle: Res<'_, TaskHandle>) -> "bool" [Other; cx];

    /// Sets how many tasks of the pool run at once; the number before.
    ///
    ///     print(set_task_pool_size(4), get_task_pool_size())   # expect: 256 4
    fn set_task_pool_size(n: i64) -> "int" [Other; cx];

    /// How many tasks of the pool run at once.
    ///
    ///     print(get_task_pool_size())   # expect: 256
    fn get_task_pool_size() -> "int" [Other; cx];

    /// Stores a copy of a value where all threads see it.
    ///
    ///     print(shared_set("n", 1))   # expect: true
    fn shared_set(key: &str, value: &Value) -> "bool" [Other; cx];

    /// A copy of a shared value, or default if that is given and there is none.
    ///
    ///     print(shared_get("missing", 0))   # expect: 0
    fn shared_get(key: &str, default: Option<Value>) -> "any" [Other; cx];

    /// Whether there is a shared value.
    ///
    ///     print(shared_has("missing"))   # expect: false
    fn shared_has(key: &str) -> "bool" [Other; cx];

    /// Removes a shared value; false if there is none.
    ///
    ///     print(shared_delete("missing"))   # expect: false
    fn shared_delete(key: &str) -> "bool" [Other; cx];

    /// Adds to a shared int in one step; the new value.
    ///
    ///     shared_set("n", 40)
    ///     print(shared_add_int("n", 2))   # expect: 42
    fn shared_add_int(key: &str, delta: i64) -> "int" [Other; cx];

    /// Replaces a shared value by func(value) while other threads wait; the new value.
    ///
    ///     shared_set("list", [1])
    ///     print(shared_update("list", func(v) { return push(v, 2) }))   # expect: [1, 2]
    fn shared_update(key: &str, func: Func<'_>) -> "any" [Other; cx];

    /// The keys of the shared values, sorted.
    ///
    ///     shared_set("b", 1)
    ///     shared_set("a", 2)
    ///     print(shared_keys())   # expect: [a, b]
    fn shared_keys() -> "array<string>" [Other; cx];
}

impl Kept for TaskHandle {
    const WORD: &'static str = "taskhandle";
    const STAYS_OPEN: bool = false;
}

/// A number that must be positive.
fn positive(cx: &Cx<'_>, param: &str, n: i64) -> Result<usize> {
    match usize::try_from(n) {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err(cx.bad_value(param, ">= 1", n)),
    }
}

fn on_threads(
    cx: &mut Cx<'_>,
    mut items: Items,
    func: Func<'_>,
    workers: Option<i64>,
    keeps_results: bool,
) -> Result<Value> {
    let workers = workers.map(|n| positive(cx, "workers", n)).transpose()?;
    let mut values = Vec::with_capacity(items.size_hint());
    while let Some(item) = items.next(cx.host)? {
        values.push(item);
    }
    parallel::map(cx.host, values, func.0, workers, keeps_results)
}

fn parallel_map(
    cx: &mut Cx<'_>,
    items: Items,
    func: Func<'_>,
    workers: Option<i64>,
) -> Result<Value> {
    on_threads(cx, items, func, workers, true)
}

fn par_each(cx: &mut Cx<'_>, items: Items, func: Func<'_>, workers: Option<i64>) -> Result<Value> {
    on_threads(cx, items, func, workers, false)
}

/// The error of a call with `n` arguments, which is better raised here than in the task.
fn check_arity(func: &Value, n: usize) -> Result<()> {
    let (name, required, max) = match func.view() {
        View::Function(function) => {
            let info = function.info();
            let max = if info.has_rest { usize::MAX } else { info.n_params as usize };
            (info.display_name(), info.n_required as usize, max)
        }
        View::Native(index) => {
            let native = super::get(index);
            (native.name, native.n_required, native.n_max)
        }
        View::Wrapper(which) => (which.name(), 1, 1),
        _ => return Ok(()),
    };
    if n < required || n > max {
        return Err(super::arity_error(name, required, max, n));
    }
    Ok(())
}

fn spawn_task(cx: &mut Cx<'_>, func: Func<'_>, args: Rest<'_>) -> Result<New<TaskHandle>> {
    check_arity(func.0, args.0.len())?;
    pool::submit(cx.host, func.0, args.0.to_vec()).map(New)
}

fn await_task(handle: Res<'_, TaskHandle>) -> Result<Value> {
    Ok(pool::promise(&handle))
}

fn cancel_task(cx: &mut Cx<'_>, handle: Res<'_, TaskHandle>) -> Result<bool> {
    Ok(pool::cancel(cx.host, &handle))
}

fn set_task_pool_size(cx: &mut Cx<'_>, n: i64) -> Result<i64> {
    let size = positive(cx, "n", n)?;
    Ok(pool::resize(cx.host, size) as i64)
}

fn get_task_pool_size(cx: &mut Cx<'_>) -> Result<i64> {
    Ok(cx.host.isolate().membership().program.pool_size() as i64)
}

/// The error of a value that cannot be in the table.
fn storable(cx: &Cx<'_>, error: Error) -> Error {
    if error.message != pack::NOT_STORABLE {
        return error;
    }
    cx.failure(Kind::TypeError, pack::NOT_STORABLE)
}

fn missing(cx: &Cx<'_>, key: &str) -> Error {
    cx.failure(Kind::KeyError, format!("key '{key}' not found"))
}

fn shared_set(cx: &mut Cx<'_>, key: &str, value: &Value) -> Result<bool> {
    if matches!(value.tag(), Tag::Iterator | Tag::Generator) {
        let what = format!("cannot store {}", type_name(value));
        return Err(cx.failure(Kind::TypeError, what));
    }
    store::set(cx.host, key, value).map_err(|error| storable(cx, error))?;
    Ok(true)
}

fn shared_get(cx: &mut Cx<'_>, key: &str, default: Option<Value>) -> Result<Value> {
    match store::get(cx.host, key)?.or(default) {
        Some(value) => Ok(value),
        None => Err(missing(cx, key)),
    }
}

fn shared_has(cx: &mut Cx<'_>, key: &str) -> Result<bool> {
    store::has(cx.host, key)
}

fn shared_delete(cx: &mut Cx<'_>, key: &str) -> Result<bool> {
    store::delete(cx.host, key)
}

fn shared_add_int(cx: &mut Cx<'_>, key: &str, delta: i64) -> Result<i64> {
    match store::add(cx.host, key, delta)? {
        Added::Sum(sum) => Ok(sum),
        Added::Missing => Err(missing(cx, key)),
        Added::NotInt(value) => {
            let what = format!("value of key '{key}' must be int, got {}", type_name(&value));
            Err(cx.failure(Kind::TypeError, what))
        }
        Added::Overflow(before) => {
            let message = format!("Integer overflow: {before} + {delta}");
            Err(Error::new(Kind::ArithmeticError, message))
        }
    }
}

fn shared_update(cx: &mut Cx<'_>, key: &str, func: Func<'_>) -> Result<Value> {
    let updated = store::update(cx.host, key, func.0).map_err(|error| storable(cx, error))?;
    updated.ok_or_else(|| missing(cx, key))
}

fn shared_keys(cx: &mut Cx<'_>) -> Result<Array> {
    let keys = store::keys(cx.host)?;
    Ok(Array::from_values(keys.iter().map(|key| Value::str(key)).collect()))
}
