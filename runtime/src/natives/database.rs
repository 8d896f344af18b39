//! Databases: connections, statements, transactions. SQLite is built in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, Statement};

use super::Cx;
use super::access::Guard;
use super::args::Func;
use super::handles::{Kept, New, Res};
use super::json_write;
use super::library_args::{bytes_value, dict_value};
use super::pool::Shared;
use crate::error::{Error, Kind, Result};
use crate::objects::array::Array;
use crate::objects::dict::Dict;
use crate::objects::resource::ResourceBody;
use crate::permissions::Class;
use crate::semantics::type_name;
use crate::value::{Value, View};

natives! {
    module "database";

    /// Connects to a database: kind "sqlite" with a file path or ":memory:".
    ///
    ///     print(db_connect("sqlite", ":memory:"))   # expect: <database>
    fn db_connect(kind: &str, connection: &str) -> "database" [Other, "db"; cx];

    /// Runs one statement; the number of changed rows.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     db_execute(db, "CREATE TABLE t (a)")
    ///     print(db_execute(db, "INSERT INTO t VALUES (?), (?)", [1, 2]))   # expect: 2
    fn db_execute(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "int" [Other, "db"; cx];

    /// Runs several statements without parameters.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_execute_script(db, "CREATE TABLE a (x); CREATE TABLE b (y)"))   # expect: null
    fn db_execute_script(db: Res<'_, Database>, sql: &str) -> "null" [Other, "db"; cx];

    /// All rows of a query as dicts.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_query(db, "SELECT ? AS a, NULL AS b", [1]))   # expect: [{"a": 1, "b": null}]
    fn db_query(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "array<dict>" [Other, "db"; cx];

    /// The first row of a query, or null.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_query_one(db, "SELECT 1 AS a").a)   # expect: 1
    fn db_query_one(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "dict|null" [Other, "db"; cx];

    /// Starts a transaction.
    ///
    ///     print(db_begin(db_connect("sqlite", ":memory:")))   # expect: true
    fn db_begin(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];

    /// Ends a transaction and keeps its changes.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(assert_throws(func() { db_commit(db) }).message)   # expect: db_commit: no transaction in progress
    fn db_commit(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];

    /// Ends a transaction and undoes its changes.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_begin(db), db_rollback(db))   # expect: true true
    fn db_rollback(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];

    /// Calls func(db) in a transaction, which an error undoes.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db_transaction(db, func(d) { return 5 }))   # expect: 5
    fn db_transaction(db: Res<'_, Database>, func: Func<'_>) -> "any" [Other, "db"; cx];

    /// The id of the last inserted row.
    ///
    ///     print(db_last_insert_id(db_connect("sqlite", ":memory:")))   # expect: 0
    fn db_last_insert_id(db: Res<'_, Database>) -> "int" [Other, "db"; cx];

    /// Rolls back an open transaction and closes for all copies of the handle.
    ///
    ///     print(db_close(db_connect("sqlite", ":memory:")))   # expect: true
    fn db_close(db: Res<'_, Database>) -> "bool" [Other, "db"; cx];
}

methods! {
    static METHODS of [Resource] as "database";

    /// As db_execute.
    ///
    ///     print(db_connect("sqlite", ":memory:").execute("CREATE TABLE t (a)"))   # expect: 0
    fn db_execute as execute(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "any" [cx; "db"];

    /// As db_query.
    ///
    ///     print(db_connect("sqlite", ":memory:").query("SELECT 1 AS a"))   # expect: [{"a": 1}]
    fn db_query as query(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "any" [cx; "db"];

    /// As db_query_one.
    ///
    ///     print(db_connect("sqlite", ":memory:").query_one("SELECT 1 AS a WHERE 0"))   # expect: null
    fn db_query_one as query_one(db: Res<'_, Database>, sql: &str, params: Option<&Array>)
        -> "any" [cx; "db"];

    /// As db_begin.
    ///
    ///     print(db_connect("sqlite", ":memory:").begin())   # expect: true
    fn db_begin as begin(db: Res<'_, Database>) -> "bool" [cx; "db"];

    /// As db_commit.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db.begin(), db.commit())   # expect: true true
    fn db_commit as commit(db: Res<'_, Database>) -> "bool" [cx; "db"];

    /// As db_rollback.
    ///
    ///     db := db_connect("sqlite", ":memory:")
    ///     print(db.begin(), db.rollback())   # expect: true true
    fn db_rollback as rollback(db: Res<'_, Database>) -> "bool" [cx; "db"];

    /// As db_transaction.
    ///
    ///     print(db_connect("sqlite", ":memory:").transaction(func(d) { return 1 }))   # expect: 1
    fn db_transaction as transaction(db: Res<'_, Database>, func: Func<'_>) -> "any" [cx; "db"];

    /// As db_last_insert_id.
    ///
    ///     print(db_connect("sqlite", ":memory:").last_insert_id())   # expect: 0
    fn db_last_insert_id as last_insert_id(db: Res<'_, Database>) -> "int" [cx; "db"];

    /// As db_close.
    ///
    ///     print(db_connect("sqlite", ":memory:").close())   # expect: true
    fn db_close as close(db: Res<'_, Database>) -> "bool" [cx; "db"];
}

/// Virtual machine instructions of SQLite between two looks at the interruption flag.
const STEPS: i32 = 10_000;

/// A connection, until it is closed.
pub(super) struct Database {
    connection: Mutex<Option<Connection>>,
    /// The pool that the connection belongs to.
    pub pool: Option<Arc<Shared>>,
}

impl ResourceBody for Database {
    fn type_name(&self) -> &'static str {
        "database"
    }
}

impl Kept for Database {
    const WORD: &'static str = "database";
    const STAYS_OPEN: bool = true;
}

impl Database {
    pub(super) fn new(connection: Connection, pool: Option<Arc<Shared>>) -> Database {
        Database { connection: Mutex::new(Some(connection)), pool }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Takes the connection out, which closes the handle; an open transaction is undone.
    pub(super) fn take(&self) -> Option<Connection> {
        let connection = self.lock().take()?;
        if !connection.is_autocommit() {
            // A connection that cannot roll back is dropped with the transaction.
            connection.execute_batch("ROLLBACK").ok()?;
        }
        Some(connection)
    }

    fn with<R>(
        &self,
        cx: &mut Cx<'_>,
        f: impl FnOnce(&Cx<'_>, &Connection) -> Result<R>,
    ) -> Result<R> {
        let guard = self.lock();
        let Some(connection) = guard.as_ref() else { return Err(closed(cx)) };
        let result = f(cx, connection);
        if result.is_err() && cx.host.isolate().interrupt.stop_was_requested() {
            return Err(Error::interrupted());
        }
        result
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(pool) = &self.pool
            && self.lock().take().is_some()
        {
            pool.lost();
        }
    }
}

#[cold]
fn closed(cx: &Cx<'_>) -> Error {
    cx.failure(Kind::DatabaseError, "database is closed")
}

#[cold]
pub(super) fn failed(cx: &Cx<'_>, error: &rusqlite::Error) -> Error {
    cx.failure(Kind::DatabaseError, error)
}

/// Whether a kind of database is known.
///
/// # Errors
/// ValueError for others; DatabaseError for drivers that are not part of this build.
pub(super) fn check_kind(cx: &Cx<'_>, kind: &str) -> Result<()> {
    match kind.to_lowercase().as_str() {
        "sqlite" => Ok(()),
        "postgres" | "postgresql" | "mysql" => {
            let what = format!("this build has no driver for '{kind}'");
            Err(cx.failure(Kind::DatabaseError, what))
        }
        _ => Err(cx.bad_value("kind", "\"sqlite\", \"postgres\" or \"mysql\"", kind)),
    }
}

/// Opens a connection.
pub(super) fn connect(cx: &mut Cx<'_>, path: &str) -> Result<Connection> {
    if path.contains('\0') {
        return Err(cx.bad_value("connection", "a path without NUL", path));
    }
    let guard = cx.guard();
    if !guard.allows_database(path) {
        return Err(guard.denied(Class::Db));
    }
    let at_path =
        |error: &rusqlite::Error| cx.failure(Kind::DatabaseError, format!("'{path}': {error}"));
    let mut connection = Connection::open(path).map_err(|e| at_path(&e))?;
    let interrupt = cx.host.isolate().interrupt.clone();
    let stops = move || interrupt.stop_was_requested();
    connection.progress_handler(STEPS, Some(stops)).map_err(|e| failed(cx, &e))?;
    if guard.permissions.names_paths() {
        confine(&mut connection, guard).map_err(|e| failed(cx, &e))?;
    }
    Ok(connection)
}

/// Statements that open further files (ATTACH, VACUUM INTO) obey the rules about paths too.
fn confine(connection: &mut Connection, guard: Guard) -> rusqlite::Result<()> {
    let decide = move |context: AuthContext<'_>| match context.action {
        AuthAction::Attach { filename } if !guard.allows_database(filename) => Authorization::Deny,
        AuthAction::Unknown { .. } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    connection.authorizer(Some(decide))
}

fn db_connect(cx: &mut Cx<'_>, kind: &str, connection: &str) -> Result<New<Database>> {
    check_kind(cx, kind)?;
    Ok(New(Database::new(connect(cx, connection)?, None)))
}

/// A value as parameter.
fn to_sql(cx: &Cx<'_>, i: usize, value: &Value) -> Result<Sql> {
    Ok(match value.view() {
        View::Null | View::None => Sql::Null,
        View::Bool(v) => Sql::Integer(i64::from(v)),
        View::Int(v) => Sql::Integer(v),
        View::Float(v) if v.is_nan() => {
            return Err(cx.bad_value(&format!("params[{i}]"), "a number", v));
        }
        View::Float(v) => Sql::Real(v),
        View::Str(text) => Sql::Text(text.as_str().to_owned()),
        View::Bytes(bytes) => Sql::Blob(bytes.0.to_vec()),
        View::Array(_) | View::Dict(_) => Sql::Text(json_write::write(cx, value, false)?),
        _ => {
            let what = format!("cannot pass {} as parameter", type_name(value));
            return Err(cx.failure(Kind::TypeError, what));
        }
    })
}

fn from_sql(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::NULL,
        ValueRef::Integer(v) => Value::int(v),
        ValueRef::Real(v) => Value::float(v),
        ValueRef::Text(text) => Value::str(&String::from_utf8_lossy(text)),
        ValueRef::Blob(data) => bytes_value(data.to_vec()),
    }
}

/// A statement with its parameters.
fn prepare<'c>(
    cx: &Cx<'_>,
    connection: &'c Connection,
    sql: &str,
    params: Option<&Array>,
) -> Result<Statement<'c>> {
    if sql.trim().is_empty() {
        return Err(cx.failure(Kind::DatabaseError, "the statement is empty"));
    }
    let mut statement = connection.prepare(sql).map_err(|e| failed(cx, &e))?;
    let given = params.map_or(0, Array::len);
    let expected = statement.parameter_count();
    if given != expected {
        let what = format!("the statement has {expected} parameters, got {given}");
        return Err(cx.failure(Kind::ValueError, what));
    }
    for (i, value) in params.into_iter().flat_map(Array::iter).enumerate() {
        let value = to_sql(cx, i, &value)?;
        statement.raw_bind_parameter(i + 1, value).map_err(|e| failed(cx, &e))?;
    }
    Ok(statement)
}

/// At most `max` rows.
fn rows(cx: &Cx<'_>, statement: &mut Statement<'_>, max: usize) -> Result<Vec<Value>> {
    let names: Vec<Value> = statement.column_names().map(Value::str).collect();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while found.len() < max {
        let Some(row) = rows.next().map_err(|e| failed(cx, &e))? else { break };
        let mut dict = Dict::with_capacity(names.len());
        for (i, name) in names.iter().enumerate() {
            let value = row.get_ref(i).map_err(|e| failed(cx, &e))?;
            dict.insert(name.clone(), from_sql(value));
        }
        found.push(dict_value(dict));
    }
    Ok(found)
}

fn db_execute(
    cx: &mut Cx<'_>,
    db: Res<'_, Database>,
    sql: &str,
    params: Option<&Array>,
) -> Result<i64> {
    db.with(cx, |cx, connection| {
        let mut statement = prepare(cx, connection, sql, params)?;
        let before = connection.total_changes();
        let mut rows = statement.raw_query();
        while rows.next().map_err(|e| failed(cx, &e))?.is_some() {}
        // Definitions leave the count of the statement before them.
        let has_changed = connection.total_changes() != before;
        Ok(if has_changed { connection.changes() as i64 } else { 0 })
    })
}

fn db_execute_script(cx: &mut Cx<'_>, db: Res<'_, Database>, sql: &str) -> Result<()> {
    db.with(cx, |cx, connection| connection.execute_batch(sql).map_err(|e| failed(cx, &e)))
}

fn db_query(
    cx: &mut Cx<'_>,
    db: Res<'_, Database>,
    sql: &str,
    params: Option<&Array>,
) -> Result<Vec<Value>> {
    db.with(cx, |cx, connection| rows(cx, &mut prepare(cx, connection, sql, params)?, usize::MAX))
}

fn db_query_one(
    cx: &mut Cx<'_>,
    db: Res<'_, Database>,
    sql: &str,
    params: Option<&Array>,
) -> Result<Value> {
    db.with(cx, |cx, connection| {
        let mut found = rows(cx, &mut prepare(cx, connection, sql, params)?, 1)?;
        Ok(found.pop().unwrap_or_default())
    })
}

fn begin(cx: &mut Cx<'_>, db: &Database) -> Result<()> {
    db.with(cx, |cx, connection| {
        if !connection.is_autocommit() {
            let what = "transaction already in progress";
            return Err(cx.failure(Kind::DatabaseError, what));
        }
        connection.execute_batch("BEGIN").map_err(|e| failed(cx, &e))
    })
}

fn end(cx: &mut Cx<'_>, db: &Database, sql: &str) -> Result<()> {
    db.with(cx, |cx, connection| {
        if connection.is_autocommit() {
            return Err(cx.failure(Kind::DatabaseError, "no transaction in progress"));
        }
        connection.execute_batch(sql).map_err(|e| failed(cx, &e))
    })
}

fn db_begin(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    begin(cx, &db).map(|()| true)
}

fn db_commit(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    end(cx, &db, "COMMIT").map(|()| true)
}

fn db_rollback(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    end(cx, &db, "ROLLBACK").map(|()| true)
}

fn db_transaction(cx: &mut Cx<'_>, db: Res<'_, Database>, func: Func<'_>) -> Result<Value> {
    begin(cx, &db)?;
    let result = cx.call(func.0, [db.to_value()]);
    let is_open = db.lock().as_ref().is_some_and(|connection| !connection.is_autocommit());
    match result {
        Ok(value) => {
            // The function may have ended the transaction itself.
            if is_open {
                end(cx, &db, "COMMIT")?;
            }
            Ok(value)
        }
        Err(error) => {
            if is_open {
                // The error of the function matters more.
                let _ = end(cx, &db, "ROLLBACK");
            }
            Err(error)
        }
    }
}

fn db_last_insert_id(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<i64> {
    db.with(cx, |_, connection| Ok(connection.last_insert_rowid()))
}

fn db_close(cx: &mut Cx<'_>, db: Res<'_, Database>) -> Result<bool> {
    if !db.is_open() {
        return Err(closed(cx));
    }
    db.release();
    drop(db.take());
    if let Some(pool) = &db.pool {
        pool.lost();
    }
    Ok(true)
}
