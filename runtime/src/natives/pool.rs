//! Pools of database connections.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Cx;
use super::database::{Connection, Database, DbKind, connect, kind_of};
use super::handles::{Kept, New, Res};
use super::library_args::Options;
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::objects::resource::ResourceBody;
use crate::value::Value;

natives! {
    module "database";

    /// A pool of connections, opened on demand.
    ///
    ///     print(db_pool("sqlite", ":memory:"))   # expect: <databasepool>
    fn db_pool(kind: &str, connection: &str, config: Option<&Dict>)
        -> "databasepool" [Other, "db"; cx];

    /// An idle connection or a new one; waits for a release when all are in use.
    ///
    ///     print(db_pool_acquire(db_pool("sqlite", ":memory:")))   # expect: <database>
    fn db_pool_acquire(pool: Res<'_, Pool>) -> "database" [Other, "db"; cx];

    /// Gives a connection back; its handle is closed from then on.
    ///
    ///     pool := db_pool("sqlite", ":memory:")
    ///     print(db_pool_release(pool, db_pool_acquire(pool)))   # expect: true
    fn db_pool_release(pool: Res<'_, Pool>, db: Res<'_, Database>) -> "bool" [Other, "db"; cx];

    /// {available, in_use, total, max}.
    ///
    ///     print(db_pool_stats(db_pool("sqlite", ":memory:")).max)   # expect: 20
    fn db_pool_stats(pool: Res<'_, Pool>) -> "dict" [Other, "db"];

    /// Closes idle connections now and others when they are released.
    ///
    ///     print(db_pool_close(db_pool("sqlite", ":memory:")))   # expect: true
    fn db_pool_close(pool: Res<'_, Pool>) -> "bool" [Other, "db"];
}

methods! {
    static METHODS of [Resource] as "databasepool";

    /// As db_pool_acquire.
    ///
    ///     print(db_pool("sqlite", ":memory:").acquire())   # expect: <database>
    fn db_pool_acquire as acquire(pool: Res<'_, Pool>) -> "database" [cx; "db"];

    /// As db_pool_release.
    ///
    ///     pool := db_pool("sqlite", ":memory:")
    ///     print(pool.release(pool.acquire()))   # expect: true
    fn db_pool_release as release(pool: Res<'_, Pool>, db: Res<'_, Database>) -> "bool" [cx; "db"];

    /// As db_pool_stats.
    ///
    ///     print(db_pool("sqlite", ":memory:").stats().in_use)   # expect: 0
    fn db_pool_stats as stats(pool: Res<'_, Pool>) -> "dict" [; "db"];

    /// As db_pool_close.
    ///
    ///     print(db_pool("sqlite", ":memory:").close())   # expect: true
    fn db_pool_close as close(pool: Res<'_, Pool>) -> "bool" [; "db"];
}

/// How long an interruption may go unnoticed.
const SLICE: Duration = Duration::from_millis(20);

pub(super) struct Pool(Arc<Shared>);

/// What a pool and its connections share.
pub(super) struct Shared {
    kind: DbKind,
    connection: String,
    max: usize,
    timeout: Duration,
    state: Mutex<State>,
    /// Signalled when a connection is given back or lost.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    in_use: usize,
    is_closed: bool,
}

impl ResourceBody for Pool {
    fn type_name(&self) -> &'static str {
        "databasepool"
    }
}

impl Kept for Pool {
    const WORD: &'static str = "databasepool";
    const STAYS_OPEN: bool = true;
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that was in use does not come back.
    pub(super) fn lost(&self) {
        self.lock().in_use -= 1;
        self.changed.notify_one();
    }
}

fn db_pool(
    cx: &mut Cx<'_>,
    kind: &str,
    connection: &str,
    config: Option<&Dict>,
) -> Result<New<Pool>> {
    let known = ["min_connections", "max_connections", "connection_timeout"];
    let config = Options::new(cx, "config", config, &known)?;
    let max = config.whole(cx, "max_connections", 1)?.unwrap_or(20);
    let min = config.whole(cx, "min_connections", 0)?.unwrap_or(5.min(max));
    if min > max {
        return Err(config.bad_value(cx, "min_connections", "<= max_connections"));
    }
    let timeout = config.positive(cx, "connection_timeout")?.unwrap_or(30.0);
    let kind = kind_of(cx, kind)?;
    Ok(New(Pool(Arc::new(Shared {
        kind,
        connection: connection.to_owned(),
        max: max as usize,
        timeout: Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX),
        state: Mutex::default(),
        changed: Condvar::new(),
    }))))
}

#[cold]
fn closed(cx: &Cx<'_>) -> Error {
    cx.failure(Kind::DatabaseError, "databasepool is closed")
}

fn db_pool_acquire(cx: &mut Cx<'_>, pool: Res<'_, Pool>) -> Result<New<Database>> {
    let shared = &pool.0;
    let deadline = Instant::now().checked_add(shared.timeout);
    let mut state = shared.lock();
    loop {
        if state.is_closed {
            return Err(closed(cx));
        }
        if let Some(connection) = state.idle.pop() {
            state.in_use += 1;
            return Ok(New(Database::new(connection, Some(shared.clone()))));
        }
        if state.in_use < shared.max {
            state.in_use += 1;
            drop(state);
            let opened =
                connect(cx, shared.kind, &shared.connection).inspect_err(|_| shared.lost())?;
            return Ok(New(Database::new(opened, Some(shared.clone()))));
        }
        if deadline.is_some_and(|at| Instant::now() >= at) {
            let what = format!("no connection in {} s", shared.timeout.as_secs_f64());
            return Err(cx.failure(Kind::TimeoutError, what));
        }
        if cx.host.isolate().interrupt.stop_was_requested() {
            return Err(Error::interrupted());
        }
        let waited = shared.changed.wait_timeout(state, SLICE);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn db_pool_release(cx: &mut Cx<'_>, pool: Res<'_, Pool>, db: Res<'_, Database>) -> Result<bool> {
    if !db.pool.as_ref().is_some_and(|own| Arc::ptr_eq(own, &pool.0)) {
        let what = "the connection does not belong to this pool";
        return Err(cx.failure(Kind::DatabaseError, what));
    }
    if !db.is_open() {
        return Err(cx.failure(Kind::DatabaseError, "the connection was released before"));
    }
    db.release();
    let connection = db.take();
    let mut state = pool.0.lock();
    state.in_use -= 1;
    if !state.is_closed {
        state.idle.extend(connection);
    }
    drop(state);
    pool.0.changed.notify_one();
    Ok(true)
}

fn db_pool_stats(pool: Res<'_, Pool>) -> Result<Dict> {
    let state = pool.0.lock();
    let (available, in_use) = (state.idle.len(), state.in_use);
    let mut dict = Dict::with_capacity(4);
    for (name, count) in [
        ("available", available),
        ("in_use", in_use),
        ("total", available + in_use),
        ("max", pool.0.max),
    ] {
        dict.insert_str(name, Value::int(count as i64));
    }
    Ok(dict)
}

fn db_pool_close(pool: Res<'_, Pool>) -> Result<bool> {
    pool.release();
    let mut state = pool.0.lock();
    state.is_closed = true;
    state.idle.clear();
    Ok(true)
}
